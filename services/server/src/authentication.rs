//! What relying parties ask: whether a person is who they say, a one-time code for them, and, with their consent, their
//! attributes. A yes or a no is signed, with the same work whatever the answer.

use std::sync::Arc;

use plinth_identity::dsse::Envelope;
use plinth_identity::history::HistoryEvent;
use plinth_identity::statement::AuthenticationStatement;
use plinth_proto::authentication::v1::authentication_service_server::AuthenticationService;
use plinth_proto::authentication::v1::{
    self, AuthenticateRequest, AuthenticateResponse, GetPersonRequest, GetPersonResponse, RequestOtpRequest,
    RequestOtpResponse,
};
use plinth_proto::convert::authentication::{decode_authentication_request, encode_authentication_statement};
use plinth_storage::StatementKind;
use tonic::{Request, Response, Status};

use crate::core::{Core, Door, Place};
use crate::gate::{Admission, Admitted, Origin, Signed, admit, origin};
use crate::refusal::Refusal;
use crate::registrar::{Answer, Decided, Proposal, Sitting};
use crate::touched::Touched;
use crate::verdict::{Judged, Presented, Stand, compare, settle};
use crate::{otp, person};

/// The gRPC face of authentication.
pub(crate) struct Authentications(pub(crate) Door);

#[tonic::async_trait]
impl AuthenticationService for Authentications {
    async fn authenticate(
        &self,
        request: Request<AuthenticateRequest>,
    ) -> Result<Response<AuthenticateResponse>, Status> {
        let core = self.0.core()?;
        let place = core.enter()?;
        let statement = authenticate(&core, &place, origin(&request), request.into_inner().envelope).await?;
        Ok(Response::new(AuthenticateResponse { statement: Some((&statement).into()) }))
    }

    async fn request_otp(
        &self,
        request: Request<RequestOtpRequest>,
    ) -> Result<Response<RequestOtpResponse>, Status> {
        let core = self.0.core()?;
        let place = core.enter()?;
        let statement = otp::request(&core, &place, origin(&request), request.into_inner().envelope).await?;
        Ok(Response::new(RequestOtpResponse { statement: Some((&statement).into()) }))
    }

    async fn get_person(
        &self,
        request: Request<GetPersonRequest>,
    ) -> Result<Response<GetPersonResponse>, Status> {
        let core = self.0.core()?;
        let place = core.enter()?;
        let statement = person::get(&core, &place, origin(&request), request.into_inner().envelope).await?;
        Ok(Response::new(GetPersonResponse { statement: Some((&statement).into()) }))
    }
}

async fn authenticate(
    core: &Arc<Core>,
    place: &Place,
    origin: Origin,
    envelope: Signed,
) -> Result<Envelope, Refusal> {
    let admitted = match admit::<v1::AuthenticationRequest>(core, origin, envelope)? {
        Admission::Decided(answer) => return Ok(core.replay(answer)),
        Admission::New(admitted) => *admitted,
    };
    let (question, ask) = (question(&admitted)?, admitted.ask);
    let proposal = if question.presented.evidence.fingers.is_none() {
        question.compared(core, Stand::Decoy)?
    } else {
        let helper = Arc::clone(core);
        core.on_a_core(place, move || question.compared(&helper, Stand::Decoy)).await??
    };
    core.decide(place, ask, Box::new(proposal)).await
}

/// What is asked about whom, by a party that may ask that.
pub(crate) struct Question {
    presented: Presented,
    buffered: bool,
}

/// Parses, and asks whether the party may ask that.
pub(crate) fn question(admitted: &Admitted) -> Result<Question, Refusal> {
    let request = decode_authentication_request(&admitted.verified)?;
    request.evidence.entitled(&admitted.party.policy)?;
    let presented = Presented {
        party: admitted.party.id.clone(),
        identifier: request.identifier,
        evidence: request.evidence,
        purpose: request.header.purpose().to_owned(),
    };
    Ok(Question { presented, buffered: request.buffered })
}

impl Question {
    /// Compares.
    pub(crate) fn compared(self, core: &Core, stand: Stand) -> Result<VerdictProposal, Refusal> {
        Ok(VerdictProposal { judged: compare(core, self.presented, stand)?, buffered: self.buffered })
    }
}

/// A verdict that waits to be settled and made durable.
pub(crate) struct VerdictProposal {
    judged: Judged,
    buffered: bool,
}

impl Proposal for VerdictProposal {
    fn stale(&self, touched: &Touched) -> bool {
        self.judged.is_stale(touched)
    }

    fn catch_up(self: Box<Self>, core: &Core) -> Result<Box<dyn Proposal>, Refusal> {
        let judged = compare(core, self.judged.presented, Stand::Decoy)?;
        Ok(Box::new(Self { judged, ..*self }))
    }

    fn decide(self: Box<Self>, sitting: &mut Sitting<'_>) -> Result<Decided, Refusal> {
        let settled = settle(sitting, &self.judged, HistoryEvent::Authentication)?;
        let statement = AuthenticationStatement {
            header: sitting.header(sitting.ask.digest),
            relying_party: sitting.ask.party.clone(),
            verdict: settled.verdict(),
            reason: settled.reason(),
            token: settled.token(&self.judged),
            buffered: self.buffered,
        };
        let answer = Answer {
            kind: StatementKind::Authentication,
            payload: encode_authentication_statement(&statement),
        };
        sitting.log(&answer);
        Ok(Decided { answer, case: None })
    }
}
