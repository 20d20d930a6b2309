use plinth_identity::batch::BatchSigned;
use plinth_identity::dsse::{Envelope, payload_type};
use plinth_identity::field::FieldViolation;
use plinth_identity::id::{RequestDigest, RequestId};
use plinth_identity::merkle::Tree;
use plinth_identity::statement::leaf_hash;
use plinth_proto::convert::batch::RequestBatch;
use plinth_proto::{authentication, enrolment, envelope, registry, resident};
use prost::Message;

use crate::answer::{envelope_from_bytes, envelope_to_bytes};
use crate::error::ClientError;
use crate::message::SignedMessage;

/// The types that a signed request can have.
const REQUEST_TYPES: [&str; 10] = [
    payload_type::ENROLMENT_REQUEST,
    payload_type::ENROLMENT_QUERY,
    payload_type::CAPTURE_QUERY,
    payload_type::AUTHENTICATION_REQUEST,
    payload_type::OTP_REQUEST,
    payload_type::PERSON_REQUEST,
    payload_type::RESIDENT_REQUEST,
    payload_type::REGISTRY_CHANGE,
    payload_type::REGISTRY_QUERY,
    payload_type::CASE_DECISION,
];

/// A request, signed once. Keep its bytes until it is answered: the same bytes can be sent as often as needed and are
/// decided once, while a new request for the same purpose would be another request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRequest {
    envelope: Envelope,
    request_id: RequestId,
    digest: RequestDigest,
}

impl SignedRequest {
    /// A request that was signed elsewhere. The signature is not checked: the service does that.
    ///
    /// # Errors
    /// [`ClientError::Request`] if the payload is not a request with a request id.
    pub fn from_envelope(envelope: Envelope) -> Result<Self, ClientError> {
        let Claims { request_id, .. } =
            Claims::of(&envelope, &REQUEST_TYPES).map_err(ClientError::Request)?;
        Ok(Self::new(envelope, request_id))
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`ClientError::Request`] if the bytes are not an envelope, or the payload is not a request with a request id.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ClientError> {
        Self::from_envelope(envelope_from_bytes(bytes)?)
    }

    pub(crate) fn new(envelope: Envelope, request_id: RequestId) -> Self {
        let digest = RequestDigest::of(envelope.payload_type(), envelope.payload());
        Self { envelope, request_id, digest }
    }

    /// What is sent.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// SHA-256 of the signed bytes; the answer carries it.
    #[must_use]
    pub fn digest(&self) -> RequestDigest {
        self.digest
    }

    /// The party's own id of the request.
    #[must_use]
    pub fn request_id(&self) -> RequestId {
        self.request_id
    }

    pub(crate) fn asked(&self) -> Asked {
        Asked { request_id: self.request_id, digest: self.digest }
    }

    /// The envelope as a serialized protobuf `plinth.envelope.v1.Envelope`: what request files hold.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        envelope_to_bytes(&self.envelope)
    }
}

/// Requests of one relying party under one signature. Each is a request of its own, with its own id, nonce and answer;
/// only their proof is shared. Keep its requests until they are answered: the same batch can be sent again as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBatch {
    batch: RequestBatch,
    asked: Vec<Asked>,
}

/// What is remembered of a request that is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) request_id: RequestId,
    pub(crate) digest: RequestDigest,
}

impl SignedBatch {
    pub(crate) fn new(batch: RequestBatch, asked: Vec<Asked>) -> Self {
        Self { batch, asked }
    }

    /// How many requests there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.asked.len()
    }

    /// Never true: a batch holds at least one request.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    /// The ids of the requests, in their order.
    pub fn request_ids(&self) -> impl Iterator<Item = RequestId> + '_ {
        self.asked.iter().map(|asked| asked.request_id)
    }

    /// Each request with its proof, in their order: to be kept beside its answer.
    #[must_use]
    pub fn messages(&self) -> Vec<SignedMessage> {
        let leaves: Vec<_> = self
            .batch
            .payloads
            .iter()
            .map(|payload| leaf_hash(payload_type::AUTHENTICATION_REQUEST, payload))
            .collect();
        let tree = Tree::of(&leaves);
        let message = |(index, payload): (u32, &Vec<u8>)| {
            SignedMessage::Below(BatchSigned {
                payload_type: payload_type::AUTHENTICATION_REQUEST.to_owned(),
                payload: payload.clone(),
                root: self.batch.root.clone(),
                leaf_index: index,
                path: tree.path(index.into()).unwrap_or_default(),
            })
        };
        (0..).zip(&self.batch.payloads).map(message).collect()
    }

    pub(crate) fn into_parts(self) -> (Vec<Asked>, RequestBatch) {
        (self.asked, self.batch)
    }
}

/// What a request says of itself, read without verifying it: only to compare it with what an answer says.
pub(crate) struct Claims {
    /// The party that signs; empty in a case decision.
    pub(crate) party: String,
    pub(crate) request_id: RequestId,
}

impl Claims {
    pub(crate) fn of(envelope: &Envelope, types: &[&str]) -> Result<Self, FieldViolation> {
        Self::of_payload(envelope.payload_type(), envelope.payload(), types)
    }

    pub(crate) fn of_payload(kind: &str, payload: &[u8], types: &[&str]) -> Result<Self, FieldViolation> {
        if !types.contains(&kind) {
            return Err(FieldViolation::malformed("payload_type", "is not the type of such a request"));
        }
        let header =
            header(kind, payload)?.ok_or_else(|| FieldViolation::malformed("header", "is required"))?;
        let request_id = RequestId::try_from(header.request_id.as_slice())
            .map_err(|error| FieldViolation::malformed("header.request_id", error.to_string()))?;
        Ok(Self { party: header.party, request_id })
    }
}

/// The header of the body, whatever kind of request it is.
fn header(kind: &str, bytes: &[u8]) -> Result<Option<envelope::v1::RequestHeader>, FieldViolation> {
    let header = match kind {
        payload_type::ENROLMENT_REQUEST => {
            enrolment::v1::EnrolmentRequest::decode(bytes).map(|body| body.header)
        }
        payload_type::ENROLMENT_QUERY => enrolment::v1::EnrolmentQuery::decode(bytes).map(|body| body.header),
        payload_type::CAPTURE_QUERY => enrolment::v1::CaptureQuery::decode(bytes).map(|body| body.header),
        payload_type::AUTHENTICATION_REQUEST => {
            authentication::v1::AuthenticationRequest::decode(bytes).map(|body| body.header)
        }
        payload_type::OTP_REQUEST => authentication::v1::OtpRequest::decode(bytes).map(|body| body.header),
        payload_type::PERSON_REQUEST => {
            authentication::v1::PersonRequest::decode(bytes).map(|body| body.header)
        }
        payload_type::RESIDENT_REQUEST => {
            resident::v1::ResidentRequest::decode(bytes).map(|body| body.header)
        }
        payload_type::REGISTRY_CHANGE => registry::v1::RegistryChange::decode(bytes).map(|body| body.header),
        payload_type::REGISTRY_QUERY => registry::v1::RegistryQuery::decode(bytes).map(|body| body.header),
        payload_type::CASE_DECISION => registry::v1::CaseDecision::decode(bytes).map(|body| body.header),
        _ => return Err(FieldViolation::malformed("payload_type", "is not the type of a request")),
    };
    header.map_err(|_| FieldViolation::malformed("payload", "is not a message of its payload type"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Connection;
    use crate::fixture::{NOW, agency, enrolment_draft};

    fn request() -> SignedRequest {
        let nowhere = Connection::lazy("http://127.0.0.1:9", None).unwrap();
        agency(nowhere).request(enrolment_draft(), NOW).unwrap()
    }

    #[tokio::test]
    async fn a_request_reads_back_from_its_bytes() {
        let request = request();
        assert_eq!(SignedRequest::from_bytes(&request.to_bytes()).unwrap(), request);
    }

    #[tokio::test]
    async fn damaged_bytes_are_an_error_or_another_request_and_never_a_panic() {
        let bytes = request().to_bytes();
        for length in 0..bytes.len() {
            drop(SignedRequest::from_bytes(&bytes[..length]));
        }
        for index in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[index] ^= 1;
            assert_ne!(SignedRequest::from_bytes(&damaged), Ok(request()));
        }
        assert!(SignedRequest::from_bytes(&[]).is_err());
    }

    #[tokio::test]
    async fn two_requests_of_one_draft_are_two_requests() {
        let (one, other) = (request(), request());
        assert_ne!(one.request_id(), other.request_id());
        assert_ne!(one.digest(), other.digest());
    }

    #[tokio::test]
    async fn a_draft_that_would_be_refused_is_not_signed() {
        let nowhere = Connection::lazy("http://127.0.0.1:9", None).unwrap();
        let mut draft = enrolment_draft();
        draft.fingers.push(draft.fingers[0].clone());
        let error = agency(nowhere).request(draft, NOW).unwrap_err();
        let ClientError::Request(violation) = error else { panic!("{error}") };
        assert!(violation.field.starts_with("fingers[1]"), "{}", violation.field);
    }
}
