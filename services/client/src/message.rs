use plinth_identity::batch::BatchSigned;
use plinth_identity::dsse::Envelope;
use plinth_identity::field::FieldViolation;
use plinth_proto::envelope::v1;
use prost::Message;

use crate::answer::envelope_to_bytes;
use crate::error::ClientError;

/// A signed message: with a signature of its own, or below a root that is signed for many. Both prove the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedMessage {
    /// With a signature of its own.
    Alone(Envelope),
    /// Below a root.
    Below(BatchSigned),
}

impl SignedMessage {
    /// The claimed type.
    #[must_use]
    pub fn payload_type(&self) -> &str {
        match self {
            Self::Alone(envelope) => envelope.payload_type(),
            Self::Below(below) => &below.payload_type,
        }
    }

    /// The message itself, not yet verified.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        match self {
            Self::Alone(envelope) => envelope.payload(),
            Self::Below(below) => &below.payload,
        }
    }

    /// What files hold: a serialized protobuf `plinth.envelope.v1.Envelope` or `plinth.envelope.v1.BatchSigned`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Alone(envelope) => envelope_to_bytes(envelope),
            Self::Below(below) => v1::BatchSigned::from(below.clone()).encode_to_vec(),
        }
    }

    /// Reads what [`Self::to_bytes`] wrote. Nothing is verified by that.
    ///
    /// # Errors
    /// [`ClientError::Request`] if the bytes are neither.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ClientError> {
        let malformed =
            |_| FieldViolation::malformed("message", "is neither an envelope nor signed in a batch");
        // Their fields have different numbers, so either reads as an empty message of the other kind.
        let below = v1::BatchSigned::decode(bytes).map_err(malformed).map_err(ClientError::Request)?;
        if below.proof.is_some() {
            return BatchSigned::try_from(below).map(Self::Below).map_err(ClientError::Request);
        }
        let envelope = v1::Envelope::decode(bytes).map_err(malformed);
        envelope.and_then(Envelope::try_from).map(Self::Alone).map_err(ClientError::Request)
    }
}

impl From<Envelope> for SignedMessage {
    fn from(envelope: Envelope) -> Self {
        Self::Alone(envelope)
    }
}

impl From<BatchSigned> for SignedMessage {
    fn from(below: BatchSigned) -> Self {
        Self::Below(below)
    }
}
