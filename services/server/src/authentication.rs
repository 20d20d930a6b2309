//! Authentication: one signed yes or no about one number, with the same work whatever the answer.

use std::sync::Arc;

use plinth_identity::authentication::{AuthenticationRequest, Decision, Subject, Verdict, decide};
use plinth_identity::dsse::Envelope;
use plinth_identity::id::RelyingPartyToken;
use plinth_identity::party::Party;
use plinth_identity::statement::AuthenticationStatement;
use plinth_proto::authentication::v1::authentication_service_server::AuthenticationService;
use plinth_proto::authentication::v1::{self, AuthenticateRequest, AuthenticateResponse};
use plinth_proto::convert::authentication::{decode_authentication_request, encode_authentication_statement};
use plinth_proto::envelope;
use plinth_storage::{StatementKind, SubjectRow};
use tonic::{Request, Response, Status};

use crate::core::{Core, Door, Place};
use crate::gate::{Admission, Admitted, admit};
use crate::refusal::Refusal;
use crate::registrar::{Answer, Decided, Proposal, Sitting};

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
        let statement = authenticate(&core, &place, request.into_inner().envelope).await?;
        Ok(Response::new(AuthenticateResponse { statement: Some((&statement).into()) }))
    }
}

async fn authenticate(
    core: &Arc<Core>,
    place: &Place,
    envelope: Option<envelope::v1::Envelope>,
) -> Result<Envelope, Refusal> {
    let admitted = match admit::<v1::AuthenticationRequest>(core, envelope)? {
        Admission::Decided(answer) => return Ok(core.replay(answer)),
        Admission::New(admitted) => admitted,
    };
    let Admitted { party, verified, ask, .. } = *admitted;
    let request = decode_authentication_request(&verified)?;
    request.entitled(&party.policy)?;
    let helper = Arc::clone(core);
    let judge = move || judge(&helper, &party, &request);
    // Reading may wait for a disk and matching takes a core: neither belongs on the event loop.
    let proposal = core.on_a_core(place, judge).await??;
    core.decide(place, ask, Box::new(proposal)).await
}

/// Decides against the stored record, or against the person who stands in when nobody holds the number. Either way one
/// record and one features row are fetched, opened and compared with everything that was sent.
fn judge(core: &Core, party: &Party, request: &AuthenticationRequest) -> Result<VerdictProposal, Refusal> {
    let features = match &request.fingers {
        Some(fingers) => fingers.features()?,
        None => Vec::new(),
    };
    let decision = match core.reader.subject(&request.number)? {
        Some(SubjectRow { record, features: row, present }) => {
            let subject = Subject { record, fingers: row.fingers };
            decide(request, &features, &subject, present, &core.authentication)
        }
        // Only in a deployment without a single person is there nobody to stand in.
        None => Decision::unknown_number(),
    };
    let token = core.keys().relying_party_token(&request.number, &party.id);
    Ok(VerdictProposal { reason: decision.disclosed(&party.policy), verdict: decision.verdict, token })
}

/// A verdict that waits to be made durable.
struct VerdictProposal {
    verdict: Verdict,
    reason: Option<plinth_identity::reason::Reason>,
    token: RelyingPartyToken,
}

impl Proposal for VerdictProposal {
    fn decide(self: Box<Self>, sitting: &mut Sitting<'_>) -> Result<Decided, Refusal> {
        let statement = AuthenticationStatement {
            header: sitting.header(sitting.ask.digest),
            relying_party: sitting.ask.party.clone(),
            verdict: self.verdict,
            reason: self.reason,
            token: matches!(self.verdict, Verdict::Yes).then_some(self.token),
        };
        let answer = Answer {
            kind: StatementKind::Authentication,
            payload: encode_authentication_statement(&statement),
        };
        sitting.log(&answer);
        Ok(Decided { answer, case: None })
    }
}
