use plinth_identity::dsse::Envelope;
use plinth_identity::field::FieldViolation;
use plinth_proto::envelope::v1;
use prost::Message;

use crate::error::ClientError;
use crate::message::SignedMessage;

/// A verified answer: what it states, and the signed bytes that prove it to anyone.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered<S> {
    /// What the service states.
    pub statement: S,
    /// The statement as the service signed it.
    pub envelope: Envelope,
}

impl<S> Answered<S> {
    /// The envelope as a serialized protobuf `plinth.envelope.v1.Envelope`: what answer files hold.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        envelope_to_bytes(&self.envelope)
    }
}

/// A verified answer in whichever form it was signed, and what proves it to anyone.
#[derive(Debug, Clone, PartialEq)]
pub struct Proved<S> {
    /// What the service states.
    pub statement: S,
    /// The statement as the service signed it.
    pub proof: SignedMessage,
}

impl<S> Proved<S> {
    /// What answer files hold.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.proof.to_bytes()
    }
}

impl<S> From<Answered<S>> for Proved<S> {
    fn from(answered: Answered<S>) -> Self {
        Self { statement: answered.statement, proof: answered.envelope.into() }
    }
}

/// An envelope as a serialized protobuf `plinth.envelope.v1.Envelope`.
#[must_use]
pub fn envelope_to_bytes(envelope: &Envelope) -> Vec<u8> {
    v1::Envelope::from(envelope).encode_to_vec()
}

/// Reads what [`envelope_to_bytes`] wrote. Nothing is verified by that.
///
/// # Errors
/// [`ClientError::Request`] if the bytes are not an envelope with exactly one signature.
pub fn envelope_from_bytes(bytes: &[u8]) -> Result<Envelope, ClientError> {
    let malformed = |_| FieldViolation::malformed("envelope", "is not a serialized envelope");
    v1::Envelope::decode(bytes).map_err(malformed).and_then(Envelope::try_from).map_err(ClientError::Request)
}
