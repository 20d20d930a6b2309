use std::sync::Arc;

use plinth_identity::application::{FingerSample, Fingers};
use plinth_identity::authentication::AuthenticationRequest;
use plinth_identity::demographics::DemographicClaim;
use plinth_identity::dsse::{SigningKey, payload_type};
use plinth_identity::id::{PartyId, RequestId};
use plinth_identity::number::IdentityNumber;
use plinth_identity::party::Factor;
use plinth_identity::request::Freshness;
use plinth_identity::statement::AuthenticationStatement;
use plinth_identity::time::Timestamp;
use plinth_proto::authentication::v1;
use plinth_proto::authentication::v1::authentication_service_client::AuthenticationServiceClient;
use plinth_proto::convert::authentication::encode_authentication_request;
use plinth_proto::convert::envelope;
use tonic::Response;

use crate::answer::Answered;
use crate::connection::Connection;
use crate::error::ClientError;
use crate::request::SignedRequest;
use crate::retry::Retry;
use crate::signatory::{Signatory, fresh_request_id};
use crate::trust::Trust;
use crate::verify;

/// A relying party: asks whether people are who they say.
#[derive(Debug, Clone)]
pub struct RelyingParty(Signatory);

/// A question about one person. The factors it declares are those that it carries.
#[derive(Clone)]
pub struct AuthenticationDraft {
    /// The claimed number.
    pub number: IdentityNumber,
    /// The claimed attributes; may be empty if there are fingers.
    pub claim: DemographicClaim,
    /// The presented fingers: at most 10, no finger and no record twice; may be empty if attributes are claimed.
    pub fingers: Vec<FingerSample>,
    /// Why it is asked, kept with the decision. At most 64 characters.
    pub purpose: String,
}

impl RelyingParty {
    /// The relying party `id`, which signs with `key` and believes `trust`.
    #[must_use]
    pub fn new(connection: Connection, id: PartyId, key: impl Into<Arc<SigningKey>>, trust: Trust) -> Self {
        Self(Signatory::new(connection, id, key.into(), trust))
    }

    /// The same relying party with another schedule of retries.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// The relying party's id.
    #[must_use]
    pub fn id(&self) -> &PartyId {
        &self.0.id
    }

    /// Makes and signs a request. It is live: send it within 30 seconds of `now`.
    ///
    /// # Errors
    /// [`ClientError::Request`] names the field that the service would refuse.
    pub fn request(&self, draft: AuthenticationDraft, now: Timestamp) -> Result<SignedRequest, ClientError> {
        self.request_with_id(draft, fresh_request_id(), now)
    }

    /// The same under an id of the caller's own: 16 bytes never used by this relying party before.
    ///
    /// # Errors
    /// [`ClientError::Request`] names the field that the service would refuse.
    pub fn request_with_id(
        &self,
        draft: AuthenticationDraft,
        request_id: RequestId,
        now: Timestamp,
    ) -> Result<SignedRequest, ClientError> {
        let header = self.0.header(&draft.purpose, request_id, now, Freshness::LIVE.max_age_ms)?;
        let mut declared = draft.claim.factors();
        let fingers = if draft.fingers.is_empty() {
            None
        } else {
            declared = declared.with(Factor::Fingerprint);
            Some(Fingers::new(draft.fingers).map_err(ClientError::Request)?)
        };
        let request = AuthenticationRequest::new(header, draft.number, draft.claim, fingers, declared)
            .map_err(ClientError::Request)?;
        let payload = encode_authentication_request(&request);
        Ok(self.0.sign(payload_type::AUTHENTICATION_REQUEST, payload, request_id))
    }

    /// Sends a request and returns its verified answer: a yes or a no, both signed and durable.
    ///
    /// # Errors
    /// [`ClientError::Refused`], [`ClientError::Transport`] or [`ClientError::Answer`].
    pub async fn authenticate(
        &self,
        request: &SignedRequest,
    ) -> Result<Answered<AuthenticationStatement>, ClientError> {
        let by = &self.0;
        let response = by
            .retry
            .run(|| {
                let mut client = AuthenticationServiceClient::new(by.connection.channel());
                let message = v1::AuthenticateRequest { envelope: Some(request.envelope().into()) };
                let message = by.connection.timed(message);
                async move {
                    client.authenticate(message).await.map(Response::into_inner).map_err(ClientError::from)
                }
            })
            .await?;
        let answer =
            envelope::required(response.statement, "statement").map_err(ClientError::malformed_answer)?;
        let statement =
            verify::authentication(request.envelope(), &answer, &by.trust).map_err(ClientError::Answer)?;
        Ok(Answered { statement, envelope: answer })
    }
}
