use std::sync::Arc;

use plinth_identity::application::FingerSample;
use plinth_identity::authentication::AuthenticationRequest;
use plinth_identity::batch::{BatchSigned, MAX_REQUESTS, RequestBatchRoot, SignatureForm};
use plinth_identity::demographics::DemographicClaim;
use plinth_identity::dsse::{Envelope, SigningKey, payload_type};
use plinth_identity::evidence::CodeClaim;
use plinth_identity::field::FieldViolation;
use plinth_identity::id::{PartyId, RequestDigest, RequestId};
use plinth_identity::number::Identifier;
use plinth_identity::request::Freshness;
use plinth_identity::statement::AuthenticationStatement;
use plinth_identity::time::Timestamp;
use plinth_proto::authentication::v1;
use plinth_proto::authentication::v1::authentication_service_client::AuthenticationServiceClient;
use plinth_proto::convert::authentication::encode_authentication_request;
use plinth_proto::convert::batch::{RequestBatch, encode_request_batch_root, encode_signature_form};
use plinth_proto::convert::envelope;
use plinth_proto::envelope::v1::Envelope as WireEnvelope;
use tokio_stream::Stream;
use tonic::Response;
use tonic::transport::Channel;

use crate::answer::{Answered, Proved};
use crate::authenticate_many::{Ask, authenticate_many};
use crate::connection::Connection;
use crate::error::ClientError;
use crate::message::SignedMessage;
use crate::presented::evidence;
use crate::request::{Asked, SignedBatch, SignedRequest};
use crate::retry::Retry;
use crate::signatory::{Signatory, fresh_request_id};
use crate::trust::{Roots, Trust};
use crate::verify;

/// A relying party: asks whether people are who they say, has codes sent to them, and reads what they let it read.
#[derive(Debug, Clone)]
pub struct RelyingParty(pub(crate) Signatory);

/// A question about one person. The factors it declares are those that it carries.
#[derive(Clone)]
pub struct AuthenticationDraft {
    /// The claimed number, or a virtual number that stands for it.
    pub identifier: Identifier,
    /// The claimed attributes; may be empty if there is other evidence.
    pub claim: DemographicClaim,
    /// The presented fingers: at most 10, no finger and no record twice; may be empty if there is other evidence.
    pub fingers: Vec<FingerSample>,
    /// The one-time code that the person gave.
    pub code: Option<CodeClaim>,
    /// Captured without a connection: the request is good for 24 hours instead of 30 seconds, and its answer says so.
    pub buffered: bool,
    /// Why it is asked, kept with the decision. At most 64 characters.
    pub purpose: String,
}

impl AuthenticationDraft {
    /// A live question about a number that shows nothing yet.
    #[must_use]
    pub fn new(identifier: impl Into<Identifier>) -> Self {
        Self {
            identifier: identifier.into(),
            claim: DemographicClaim::default(),
            fingers: Vec::new(),
            code: None,
            buffered: false,
            purpose: String::new(),
        }
    }
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

    /// Makes and signs a request. It is live, to be sent within 30 seconds of `now`, or buffered, to be sent within 24
    /// hours.
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
        let payload = self.payload(draft, request_id, now)?;
        Ok(self.0.sign(payload_type::AUTHENTICATION_REQUEST, payload, request_id))
    }

    /// Makes many requests and signs them once: 1 to 256, to be sent over a stream. Each has an id and a nonce of its own.
    ///
    /// # Errors
    /// [`ClientError::Request`] names the field that the service would refuse.
    pub fn request_batch(
        &self,
        drafts: Vec<AuthenticationDraft>,
        now: Timestamp,
    ) -> Result<SignedBatch, ClientError> {
        let (mut payloads, mut asked) = (Vec::with_capacity(drafts.len()), Vec::with_capacity(drafts.len()));
        for (index, draft) in drafts.into_iter().enumerate() {
            let request_id = fresh_request_id();
            let payload = self.payload(draft, request_id, now).map_err(|error| match error {
                ClientError::Request(violation) => {
                    ClientError::Request(violation.at(&format!("payloads[{index}]")))
                }
                other => other,
            })?;
            let digest = RequestDigest::of(payload_type::AUTHENTICATION_REQUEST, &payload);
            asked.push(Asked { request_id, digest });
            payloads.push(payload);
        }
        self.sign_batch(payloads, asked)
    }

    /// Signs requests of this relying party together that were made one by one: 1 to 256. Their own signatures are not
    /// sent; their ids, nonces and bytes stay what they are.
    ///
    /// # Errors
    /// [`ClientError::Request`] if they are too many, none, or not all authentications.
    pub fn sign_together(&self, requests: &[SignedRequest]) -> Result<SignedBatch, ClientError> {
        let kind = payload_type::AUTHENTICATION_REQUEST;
        if requests.iter().any(|request| request.envelope().payload_type() != kind) {
            let description = "must be requests to authenticate a person";
            return Err(ClientError::Request(FieldViolation::malformed("payloads", description)));
        }
        let payloads = requests.iter().map(|request| request.envelope().payload().to_vec()).collect();
        self.sign_batch(payloads, requests.iter().map(SignedRequest::asked).collect())
    }

    fn sign_batch(&self, payloads: Vec<Vec<u8>>, asked: Vec<Asked>) -> Result<SignedBatch, ClientError> {
        if !(1..=MAX_REQUESTS).contains(&payloads.len()) {
            let description = format!("must be 1 to {MAX_REQUESTS} requests");
            return Err(ClientError::Request(FieldViolation::malformed("payloads", description)));
        }
        let kind = payload_type::AUTHENTICATION_REQUEST;
        let root = RequestBatchRoot::over(self.0.trust.deployment(), self.0.id.clone(), kind, &payloads);
        let root = self.0.key.sign(payload_type::REQUEST_BATCH_ROOT, encode_request_batch_root(&root));
        Ok(SignedBatch::new(RequestBatch { root, payloads }, asked))
    }

    fn payload(
        &self,
        draft: AuthenticationDraft,
        request_id: RequestId,
        now: Timestamp,
    ) -> Result<Vec<u8>, ClientError> {
        let AuthenticationDraft { identifier, claim, fingers, code, buffered, purpose } = draft;
        let freshness = if buffered { Freshness::BUFFERED } else { Freshness::LIVE };
        let header = self.0.header(&purpose, request_id, now, freshness.max_age_ms)?;
        let evidence = evidence(claim, fingers, code)?;
        let request = AuthenticationRequest::new(header, buffered, identifier, evidence);
        Ok(encode_authentication_request(&request))
    }

    /// Sends a request and returns its verified answer: a yes or a no, both signed and durable.
    ///
    /// # Errors
    /// [`ClientError::Refused`], [`ClientError::Transport`] or [`ClientError::Answer`].
    pub async fn authenticate(
        &self,
        request: &SignedRequest,
    ) -> Result<Answered<AuthenticationStatement>, ClientError> {
        let response = self
            .call(request, |connection, envelope| async move {
                let message = v1::AuthenticateRequest {
                    envelope,
                    signature_form: encode_signature_form(SignatureForm::Individual),
                };
                client(&connection).authenticate(connection.timed(message)).await
            })
            .await?;
        self.verified(request, response.statement, verify::authentication)
    }

    /// The same, with an answer in the form that is asked for: a batch-signed one costs the service less.
    ///
    /// # Errors
    /// As [`Self::authenticate`].
    pub async fn authenticate_as(
        &self,
        request: &SignedRequest,
        form: SignatureForm,
    ) -> Result<Proved<AuthenticationStatement>, ClientError> {
        let response = self
            .call(request, |connection, envelope| async move {
                let signature_form = encode_signature_form(form);
                let message = v1::AuthenticateRequest { envelope, signature_form };
                client(&connection).authenticate(connection.timed(message)).await
            })
            .await?;
        let proof = match (response.batch_signed, response.statement) {
            (Some(below), _) => BatchSigned::try_from(below).map(SignedMessage::Below),
            (None, statement) => envelope::required(statement, "statement").map(SignedMessage::Alone),
        };
        let proof = proof.map_err(ClientError::malformed_answer)?;
        let mut roots = Roots::new(&self.0.trust);
        let statement = verify::decided(request.digest(), &self.0.id, &proof, &mut roots);
        Ok(Proved { statement: statement.map_err(ClientError::Answer)?, proof })
    }

    /// Sends many requests over one stream; answers come as they commit, in any order, each with the request's id. Must be
    /// called within a Tokio runtime.
    ///
    /// Every request that is taken from `asks` comes out exactly once. When the stream breaks or the service shuts down,
    /// nothing more is taken, and those without an answer come out with the error: whether they were decided is not known,
    /// and sending the same bytes again is safe. Dropping the returned stream ends the call.
    pub fn authenticate_many<S>(
        &self,
        asks: S,
        form: SignatureForm,
    ) -> impl Stream<Item = (RequestId, Result<Proved<AuthenticationStatement>, ClientError>)>
    + Send
    + Unpin
    + use<S>
    where
        S: Stream<Item = Ask> + Send + 'static,
    {
        authenticate_many(self.0.clone(), asks, form)
    }

    /// Sends the same signed bytes until they are answered or the schedule of retries ends.
    pub(crate) async fn call<T, C, F>(&self, request: &SignedRequest, mut rpc: C) -> Result<T, ClientError>
    where
        C: FnMut(Connection, Option<WireEnvelope>) -> F,
        F: Future<Output = Result<Response<T>, tonic::Status>>,
    {
        let connection = &self.0.connection;
        let answer = self.0.retry.run(connection.allowance(), || {
            let answer = rpc(connection.clone(), Some(request.envelope().into()));
            async move { answer.await.map(Response::into_inner).map_err(ClientError::from) }
        });
        answer.await
    }

    /// What a statement says, once it is known to answer this very request.
    pub(crate) fn verified<S>(
        &self,
        request: &SignedRequest,
        statement: Option<WireEnvelope>,
        check: impl FnOnce(&Envelope, &Envelope, &Trust) -> Result<S, verify::VerifyError>,
    ) -> Result<Answered<S>, ClientError> {
        let answer = envelope::required(statement, "statement").map_err(ClientError::malformed_answer)?;
        let statement = check(request.envelope(), &answer, &self.0.trust).map_err(ClientError::Answer)?;
        Ok(Answered { statement, envelope: answer })
    }
}

pub(crate) fn client(connection: &Connection) -> AuthenticationServiceClient<Channel> {
    AuthenticationServiceClient::new(connection.channel())
}

#[cfg(test)]
mod tests {
    use plinth_identity::evidence::CodeClaim;
    use plinth_identity::otp::OtpCode;
    use plinth_proto::authentication::v1::{AuthenticationRequest as Wire, Factor as WireFactor};
    use prost::Message as _;

    use super::*;
    use crate::fixture::{NOW, authentication_draft, finger_record, number, relying_party};

    fn wire(draft: AuthenticationDraft) -> Wire {
        let nowhere = Connection::lazy("http://127.0.0.1:9", None).unwrap();
        let request = relying_party(nowhere).request(draft, NOW).unwrap();
        Wire::decode(request.envelope().payload()).unwrap()
    }

    #[tokio::test]
    async fn a_request_declares_what_it_carries() {
        let position = plinth_identity::application::FingerPosition::RightThumb;
        let draft = AuthenticationDraft {
            fingers: vec![FingerSample { position, record: finger_record() }],
            code: Some(CodeClaim::Totp(OtpCode::parse("123456").unwrap())),
            ..authentication_draft()
        };
        let declared = wire(draft).declared;
        let expected = [WireFactor::Fingerprint, WireFactor::Name, WireFactor::Otp];
        assert_eq!(declared, expected.map(i32::from));
    }

    #[tokio::test]
    async fn a_buffered_request_lives_for_a_day_and_a_live_one_for_half_a_minute() {
        let lifetime = |buffered| {
            let wire = wire(AuthenticationDraft { buffered, ..authentication_draft() });
            let header = wire.header.unwrap();
            (wire.buffered, header.not_after_ms - header.issued_at_ms)
        };
        assert_eq!(lifetime(false), (false, Freshness::LIVE.max_age_ms));
        assert_eq!(lifetime(true), (true, 24 * 60 * 60 * 1000));
    }

    #[tokio::test]
    async fn a_question_that_shows_nothing_is_not_signed() {
        let nowhere = Connection::lazy("http://127.0.0.1:9", None).unwrap();
        let error = relying_party(nowhere).request(AuthenticationDraft::new(number()), NOW).unwrap_err();
        assert_eq!(error.reason(), Some(plinth_identity::reason::Reason::NoFactor));
    }
}
