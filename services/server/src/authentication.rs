//! What relying parties ask: whether a person is who they say, a one-time code for them, and, with their consent, their
//! attributes. A yes or a no is signed, with the same work whatever the answer.

use std::pin::Pin;
use std::sync::Arc;

use plinth_identity::authentication::AuthenticationRequest;
use plinth_identity::batch::SignatureForm;
use plinth_identity::history::HistoryEvent;
use plinth_identity::party::Party;
use plinth_identity::statement::AuthenticationStatement;
use plinth_proto::authentication::v1::authentication_service_server::AuthenticationService;
use plinth_proto::authentication::v1::{
    self, AuthenticateManyRequest, AuthenticateManyResponse, AuthenticateRequest, AuthenticateResponse,
    GetPersonRequest, GetPersonResponse, RequestOtpRequest, RequestOtpResponse,
};
use plinth_proto::convert::authentication::encode_authentication_statement;
use plinth_proto::convert::batch::signature_form;
use plinth_storage::StatementKind;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::authenticate_many::{ANSWERS_AHEAD, authenticate_many};
use crate::core::{Core, Door, Place};
use crate::gate::{Admission, Admitted, Origin, admit, origin};
use crate::refusal::Refusal;
use crate::registrar::{Answer, Ask, Decided, Proposal, Sitting};
use crate::signing::{SignedAnswer, sign_again_as};
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
        let signed = authenticate(&core, &place, origin(&request), request.into_inner()).await?;
        Ok(Response::new(match signed {
            SignedAnswer::Alone(statement) => {
                AuthenticateResponse { statement: Some(statement.into()), batch_signed: None }
            }
            SignedAnswer::Below(leaf) => {
                core.metrics.proved_by_path();
                let whole = leaf.whole(core.keys(), &core.metrics);
                AuthenticateResponse { statement: None, batch_signed: Some(whole.into()) }
            }
        }))
    }

    type AuthenticateManyStream =
        Pin<Box<dyn Stream<Item = Result<AuthenticateManyResponse, Status>> + Send>>;

    async fn authenticate_many(
        &self,
        request: Request<Streaming<AuthenticateManyRequest>>,
    ) -> Result<Response<Self::AuthenticateManyStream>, Status> {
        let core = self.0.core()?;
        let place = core.enter()?;
        let (answers, stream) = mpsc::channel(ANSWERS_AHEAD);
        let origin = origin(&request);
        tokio::spawn(authenticate_many(core, place, origin, request.into_inner(), answers));
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
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
    request: AuthenticateRequest,
) -> Result<SignedAnswer, Refusal> {
    let form = signature_form(request.signature_form)?;
    match admit::<v1::AuthenticationRequest>(core, origin, request.envelope)? {
        Admission::Decided(answer) => sign_again_as(form, answer, &core.reader),
        Admission::New(admitted) => {
            let (ask, proposal) = propose(core, place, *admitted, form).await?;
            core.settle(place, ask, proposal).await?.sign_as(form, &core.reader)
        }
    }
}

/// Compares, so that only the decision is left to make.
pub(crate) async fn propose(
    core: &Arc<Core>,
    place: &Place,
    admitted: Admitted<v1::AuthenticationRequest>,
    form: SignatureForm,
) -> Result<(Ask, Box<dyn Proposal>), Refusal> {
    let Admitted { party, body, ask, .. } = admitted;
    let question = question(&party, body)?;
    // A few rows, nearly always in memory: handing them to another thread would cost more than reading them. Where a disk is
    // slow and the rows are not in memory, the event loop waits for it here.
    let proposal = if question.presented.evidence.fingers.is_none() {
        question.compared(core, Stand::Decoy)?
    } else {
        let helper = Arc::clone(core);
        core.on_a_core(place, move || question.compared(&helper, Stand::Decoy)).await??
    };
    Ok((Ask { form, ..ask }, Box::new(proposal)))
}

/// What is asked about whom, by a party that may ask that.
pub(crate) struct Question {
    presented: Presented,
    buffered: bool,
}

/// Parses, and asks whether the party may ask that.
pub(crate) fn question(party: &Party, body: v1::AuthenticationRequest) -> Result<Question, Refusal> {
    let request = AuthenticationRequest::try_from(body)?;
    request.evidence.entitled(&party.policy)?;
    let presented = Presented {
        party: party.id.clone(),
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
