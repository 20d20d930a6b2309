use plinth_identity::application::FingerSample;
use plinth_identity::authentication::{ResidentAction, ResidentRequest};
use plinth_identity::demographics::DemographicClaim;
use plinth_identity::dsse::payload_type;
use plinth_identity::evidence::CodeClaim;
use plinth_identity::field::FieldViolation;
use plinth_identity::number::IdentityNumber;
use plinth_identity::request::Freshness;
use plinth_identity::statement::ResidentStatement;
use plinth_identity::time::Timestamp;
use plinth_proto::convert::resident::encode_resident_request;
use plinth_proto::resident::v1;
use plinth_proto::resident::v1::resident_request::Action;
use plinth_proto::resident::v1::resident_service_client::ResidentServiceClient;
use prost::Message as _;
use tonic::transport::Channel;

use crate::answer::Answered;
use crate::connection::Connection;
use crate::error::ClientError;
use crate::presented::evidence;
use crate::relying_party::RelyingParty;
use crate::request::SignedRequest;
use crate::signatory::fresh_request_id;
use crate::verify;

/// Bytes of one answer at most: a page of history, whose purposes may be long.
const MAX_ANSWER_BYTES: usize = 32 << 20;

/// What a person wants done with their own number, through a party that serves residents.
#[derive(Clone)]
pub struct ResidentDraft {
    /// The person's own number.
    pub number: IdentityNumber,
    /// The person's attributes; may be empty.
    pub claim: DemographicClaim,
    /// The person's fingers: at most 10, no finger and no record twice. Fingers or a code there must be.
    pub fingers: Vec<FingerSample>,
    /// The one-time code that the person gave.
    pub code: Option<CodeClaim>,
    /// What is to be done.
    pub action: ResidentAction,
    /// Why it is asked, kept with the decision. At most 64 characters.
    pub purpose: String,
}

impl RelyingParty {
    /// Makes and signs a person's order about their own number. It is live: send it within 30 seconds of `now`.
    ///
    /// # Errors
    /// [`ClientError::Request`] names the field that the service would refuse.
    pub fn resident_request(
        &self,
        draft: ResidentDraft,
        now: Timestamp,
    ) -> Result<SignedRequest, ClientError> {
        let ResidentDraft { number, claim, fingers, code, action, purpose } = draft;
        let request_id = fresh_request_id();
        let header = self.0.header(&purpose, request_id, now, Freshness::LIVE.max_age_ms)?;
        let evidence = evidence(claim, fingers, code)?;
        let request = ResidentRequest::new(header, number, evidence, action).map_err(ClientError::Request)?;
        let payload = encode_resident_request(&request);
        Ok(self.0.sign(payload_type::RESIDENT_REQUEST, payload, request_id))
    }

    /// Sends such an order by the call that its action belongs to, and returns its verified answer.
    ///
    /// # Errors
    /// [`ClientError::Request`] if the request is not a resident's order; [`ClientError::Refused`], with reason
    /// `NotResidentAgent` if this party does not serve residents; [`ClientError::Transport`] or [`ClientError::Answer`].
    pub async fn resident(
        &self,
        request: &SignedRequest,
    ) -> Result<Answered<ResidentStatement>, ClientError> {
        let action = Call::of(request)?;
        let statement = self
            .call(request, |connection, envelope| async move {
                let mut client = client(&connection);
                /// One call: its request, sent with the envelope; its answer's statement, with the answer's metadata.
                macro_rules! call {
                    ($rpc:ident, $request:ident) => {{
                        let request = connection.timed(v1::$request { envelope });
                        client.$rpc(request).await.map(|answer| answer.map(|answer| answer.statement))
                    }};
                }
                match action {
                    Call::CreateVirtualNumber => call!(create_virtual_number, CreateVirtualNumberRequest),
                    Call::RevokeVirtualNumber => call!(revoke_virtual_number, RevokeVirtualNumberRequest),
                    Call::SetLocks => call!(set_locks, SetLocksRequest),
                    Call::CreateTotp => call!(create_totp, CreateTotpRequest),
                    Call::RemoveTotp => call!(remove_totp, RemoveTotpRequest),
                    Call::ListHistory => call!(list_history, ListHistoryRequest),
                }
            })
            .await?;
        self.verified(request, statement, verify::resident)
    }
}

/// The calls of the resident service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    CreateVirtualNumber,
    RevokeVirtualNumber,
    SetLocks,
    CreateTotp,
    RemoveTotp,
    ListHistory,
}

impl Call {
    /// The one that the signed action belongs to.
    fn of(request: &SignedRequest) -> Result<Self, ClientError> {
        let envelope = request.envelope();
        let malformed = |field, text| ClientError::Request(FieldViolation::malformed(field, text));
        if envelope.payload_type() != payload_type::RESIDENT_REQUEST {
            return Err(malformed("payload_type", "is not the type of a resident's order"));
        }
        let body = v1::ResidentRequest::decode(envelope.payload())
            .map_err(|_| malformed("payload", "is not a message of its payload type"))?;
        match body.action.ok_or_else(|| malformed("action", "is required"))? {
            Action::CreateVirtualNumber(_) => Ok(Self::CreateVirtualNumber),
            Action::RevokeVirtualNumber(_) => Ok(Self::RevokeVirtualNumber),
            Action::SetLocks(_) => Ok(Self::SetLocks),
            Action::CreateTotp(_) => Ok(Self::CreateTotp),
            Action::RemoveTotp(_) => Ok(Self::RemoveTotp),
            Action::ReadHistory(_) => Ok(Self::ListHistory),
        }
    }
}

fn client(connection: &Connection) -> ResidentServiceClient<Channel> {
    ResidentServiceClient::new(connection.channel()).max_decoding_message_size(MAX_ANSWER_BYTES)
}

#[cfg(test)]
mod tests {
    use plinth_identity::virtual_number::VirtualNumberKind;

    use super::*;
    use crate::fixture::{NOW, authentication_draft, relying_party, resident_draft};

    fn agent() -> RelyingParty {
        relying_party(Connection::lazy("http://127.0.0.1:9", None).unwrap())
    }

    #[tokio::test]
    async fn every_action_has_its_call() {
        let kind = VirtualNumberKind::Perpetual;
        let locks = ResidentAction::SetLocks { number: Some(true), fingers: None, irises: None, face: None };
        for (action, call) in [
            (ResidentAction::CreateVirtualNumber { kind, valid_for_ms: None }, Call::CreateVirtualNumber),
            (ResidentAction::RevokeVirtualNumber, Call::RevokeVirtualNumber),
            (locks, Call::SetLocks),
            (ResidentAction::CreateTotp, Call::CreateTotp),
            (ResidentAction::RemoveTotp, Call::RemoveTotp),
            (ResidentAction::ReadHistory { page_size: 10, before: None }, Call::ListHistory),
        ] {
            let request = agent().resident_request(resident_draft(action), NOW).unwrap();
            assert_eq!(Call::of(&request), Ok(call));
        }
    }

    #[tokio::test]
    async fn a_request_of_another_kind_is_not_sent() {
        let request = agent().request(authentication_draft(), NOW).unwrap();
        assert!(matches!(agent().resident(&request).await, Err(ClientError::Request(_))));
    }
}
