//! Signed envelopes: DSSE, the Dead Simple Signing Envelope, version 1 (secure-systems-lab/dsse), with
//! Ed25519.
//!
//! The signature covers the exact bytes that were sent, under a name of their type. Nothing is parsed before
//! it is verified, and nothing is encoded again to be verified. Golden vectors, valid and broken ones, are in
//! the crate's `vectors` folder.

mod key;
mod pem;

use std::fmt;

use sha2::{Digest, Sha256};

use crate::id::RequestDigest;

pub use key::{KeyError, KeyId, PublicKey, SigningKey};

/// The names of everything that is signed. The name is under the signature, so that one kind of message can
/// never pass for another.
pub mod payload_type {
    /// An agency's request to enrol a person.
    pub const ENROLMENT_REQUEST: &str = "application/vnd.plinth.enrolment-request.v1+protobuf";
    /// The service's answer to an enrolment.
    pub const ENROLMENT_STATEMENT: &str = "application/vnd.plinth.enrolment-statement.v1+protobuf";
    /// An agency's question about its own enrolments.
    pub const ENROLMENT_QUERY: &str = "application/vnd.plinth.enrolment-query.v1+protobuf";
    /// An agency's question about samples, before anybody is enrolled.
    pub const CAPTURE_QUERY: &str = "application/vnd.plinth.capture-query.v1+protobuf";
    /// A relying party's request to authenticate a person.
    pub const AUTHENTICATION_REQUEST: &str = "application/vnd.plinth.authentication-request.v1+protobuf";
    /// The service's yes or no.
    pub const AUTHENTICATION_STATEMENT: &str = "application/vnd.plinth.authentication-statement.v1+protobuf";
    /// A relying party's request to send a person a one-time code.
    pub const OTP_REQUEST: &str = "application/vnd.plinth.otp-request.v1+protobuf";
    /// The service's receipt for it, the same whether or not there is anyone to send it to.
    pub const OTP_STATEMENT: &str = "application/vnd.plinth.otp-statement.v1+protobuf";
    /// A relying party's request for a person's attributes.
    pub const PERSON_REQUEST: &str = "application/vnd.plinth.person-request.v1+protobuf";
    /// The service's answer, with the attributes sealed.
    pub const PERSON_STATEMENT: &str = "application/vnd.plinth.person-statement.v1+protobuf";
    /// What a person wants done with their own number, sent by an agent.
    pub const RESIDENT_REQUEST: &str = "application/vnd.plinth.resident-request.v1+protobuf";
    /// The service's answer to the person.
    pub const RESIDENT_STATEMENT: &str = "application/vnd.plinth.resident-statement.v1+protobuf";
    /// An administrator's change to the registry of parties.
    pub const REGISTRY_CHANGE: &str = "application/vnd.plinth.registry-change.v1+protobuf";
    /// An administrator's question.
    pub const REGISTRY_QUERY: &str = "application/vnd.plinth.registry-query.v1+protobuf";
    /// The service's receipt for a change of the registry or a decided case.
    pub const REGISTRY_STATEMENT: &str = "application/vnd.plinth.registry-statement.v1+protobuf";
    /// A decision on a case, which two administrators sign.
    pub const CASE_DECISION: &str = "application/vnd.plinth.case-decision.v1+protobuf";
    /// The service's keys, time and limits.
    pub const SERVICE_INFO: &str = "application/vnd.plinth.service-info.v1+protobuf";
    /// What a register of people consists of, signed by its keeper.
    pub const REGISTER_MANIFEST: &str = "application/vnd.plinth.register-manifest.v1+protobuf";

    /// The root over the statements of one commit, which proves each of them.
    pub const BATCH_ROOT: &str = "application/vnd.plinth.batch-root.v1+protobuf";
    /// The root over requests that one party signs together.
    pub const REQUEST_BATCH_ROOT: &str = "application/vnd.plinth.request-batch-root.v1+protobuf";

    /// Every type.
    pub const ALL: [&str; 20] = [
        ENROLMENT_REQUEST,
        ENROLMENT_STATEMENT,
        ENROLMENT_QUERY,
        CAPTURE_QUERY,
        AUTHENTICATION_REQUEST,
        AUTHENTICATION_STATEMENT,
        OTP_REQUEST,
        OTP_STATEMENT,
        PERSON_REQUEST,
        PERSON_STATEMENT,
        RESIDENT_REQUEST,
        RESIDENT_STATEMENT,
        REGISTRY_CHANGE,
        REGISTRY_QUERY,
        REGISTRY_STATEMENT,
        CASE_DECISION,
        SERVICE_INFO,
        REGISTER_MANIFEST,
        BATCH_ROOT,
        REQUEST_BATCH_ROOT,
    ];
}

/// The bytes that a signature covers: `"DSSEv1" SP len(type) SP type SP len(payload) SP payload`, lengths in
/// bytes as decimal text without leading zeros.
#[must_use]
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload_type.len() + payload.len() + MAX_PAE_NUMBERS);
    bytes.extend(pae_head(payload_type, payload.len()));
    bytes.extend_from_slice(payload);
    bytes
}

/// Bytes of the label, of two lengths and of the spaces between them, at most.
const MAX_PAE_NUMBERS: usize = 6 + 2 * 20 + 4;

/// What stands before the payload.
fn pae_head(payload_type: &str, payload_length: usize) -> Vec<u8> {
    let mut head = Vec::with_capacity(payload_type.len() + MAX_PAE_NUMBERS);
    head.extend_from_slice(b"DSSEv1 ");
    head.extend_from_slice(payload_type.len().to_string().as_bytes());
    head.push(b' ');
    head.extend_from_slice(payload_type.as_bytes());
    head.push(b' ');
    head.extend_from_slice(payload_length.to_string().as_bytes());
    head.push(b' ');
    head
}

/// SHA-256 of a prefix and the bytes that a signature covers, without putting them together.
pub(crate) fn pae_digest(prefix: &[u8], payload_type: &str, payload: &[u8]) -> [u8; 32] {
    let head = pae_head(payload_type, payload.len());
    Sha256::new().chain_update(prefix).chain_update(head).chain_update(payload).finalize().into()
}

/// A payload, its type and exactly one signature. Nothing in it can be trusted before [`Envelope::verify`].
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    key_id: Option<KeyId>,
    signature: [u8; 64],
}

/// Why an envelope does not verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// The envelope is of another type than the one expected here.
    #[error("the payload type is not the one expected here")]
    PayloadType,
    /// The envelope names another key than the one it is verified with.
    #[error("the envelope names another key")]
    KeyId,
    /// The signature is not the key's signature of these bytes under this type.
    #[error("the signature does not verify")]
    Signature,
}

impl Envelope {
    /// Puts together what was received. `key_id` is a hint for look-up and is under no signature.
    #[must_use]
    pub fn new(payload_type: String, payload: Vec<u8>, key_id: Option<KeyId>, signature: [u8; 64]) -> Self {
        Self { payload_type, payload, key_id, signature }
    }

    /// The claimed type.
    #[must_use]
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The payload, not yet verified. Read it only to find out whose key to verify with.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The hint which key signed.
    #[must_use]
    pub fn key_id(&self) -> Option<&KeyId> {
        self.key_id.as_ref()
    }

    /// The signature, R then S (RFC 8032).
    #[must_use]
    pub fn signature(&self) -> &[u8; 64] {
        &self.signature
    }

    /// Checks that `key` signed this payload as `expected_type`.
    ///
    /// The type is compared first, then the hint if there is one, then the signature by strict verification:
    /// S below the group order, R canonical, neither R nor the key of small order (Chalkias, Garillot,
    /// Nikolaenko, "Taming the many EdDSAs", 2020), so that all verifiers agree and no signature fits two
    /// messages.
    ///
    /// # Errors
    /// [`EnvelopeError`], in the order of its variants.
    pub fn verify(&self, expected_type: &str, key: &PublicKey) -> Result<Verified, EnvelopeError> {
        if self.payload_type != expected_type {
            return Err(EnvelopeError::PayloadType);
        }
        let key_id = key.key_id();
        if self.key_id.is_some_and(|hint| hint != key_id) {
            return Err(EnvelopeError::KeyId);
        }
        if !key.verifies(&pae(&self.payload_type, &self.payload), &self.signature) {
            return Err(EnvelopeError::Signature);
        }
        Ok(Verified {
            payload: self.payload.clone(),
            digest: RequestDigest::of(&self.payload_type, &self.payload),
            key_id,
        })
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("payload_type", &self.payload_type)
            .field("payload_bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}

/// A payload whose signature was verified, its own ([`Envelope::verify`]) or that of a root above it
/// ([`crate::batch`]).
#[derive(Clone)]
pub struct Verified {
    payload: Vec<u8>,
    digest: RequestDigest,
    key_id: KeyId,
}

impl Verified {
    /// A payload below a root that this key has signed.
    pub(crate) fn below_a_root(key_id: KeyId, payload_type: &str, payload: Vec<u8>) -> Self {
        Self { digest: RequestDigest::of(payload_type, &payload), payload, key_id }
    }

    /// The signed bytes.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// SHA-256 of the bytes that the signature covers.
    #[must_use]
    pub fn digest(&self) -> RequestDigest {
        self.digest
    }

    /// The key that signed.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").field("payload_bytes", &self.payload.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_signed_bytes_are_those_of_the_published_protocol_example() {
        // The example of the DSSE v1 protocol document.
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
        assert_eq!(pae("", b""), b"DSSEv1 0  0 ");
    }

    #[test]
    fn every_payload_type_is_distinct() {
        let distinct: std::collections::BTreeSet<_> = payload_type::ALL.into_iter().collect();
        assert_eq!(distinct.len(), payload_type::ALL.len());
    }

    proptest! {
        #[test]
        fn two_different_messages_never_have_the_same_signed_bytes(
            a in ("[a-z0-9 ]{0,6}", proptest::collection::vec(any::<u8>(), 0..8)),
            b in ("[a-z0-9 ]{0,6}", proptest::collection::vec(any::<u8>(), 0..8)),
        ) {
            prop_assert_eq!(pae(&a.0, &a.1) == pae(&b.0, &b.1), a == b);
        }

        #[test]
        fn what_was_signed_verifies_and_nothing_else_does(
            seed: [u8; 32],
            payload in proptest::collection::vec(any::<u8>(), 1..200),
            flip in any::<prop::sample::Index>(),
        ) {
            let key = SigningKey::from_seed(seed);
            let envelope = key.sign(payload_type::ENROLMENT_REQUEST, payload.clone());
            let verified = envelope.verify(payload_type::ENROLMENT_REQUEST, &key.public()).unwrap();
            prop_assert_eq!(verified.payload(), &payload);
            prop_assert_eq!(verified.key_id(), key.public().key_id());
            prop_assert_eq!(verified.digest(), RequestDigest::of(payload_type::ENROLMENT_REQUEST, &payload));

            let mut altered = payload;
            let bit = flip.index(altered.len() * 8);
            altered[bit / 8] ^= 1 << (bit % 8);
            let altered = Envelope::new(
                payload_type::ENROLMENT_REQUEST.to_owned(), altered, envelope.key_id().copied(), *envelope.signature());
            prop_assert_eq!(
                altered.verify(payload_type::ENROLMENT_REQUEST, &key.public()).err(),
                Some(EnvelopeError::Signature)
            );

            let mut signature = *envelope.signature();
            let bit = flip.index(signature.len() * 8);
            signature[bit / 8] ^= 1 << (bit % 8);
            let altered = Envelope::new(
                payload_type::ENROLMENT_REQUEST.to_owned(), envelope.payload().to_vec(), None, signature);
            prop_assert_eq!(
                altered.verify(payload_type::ENROLMENT_REQUEST, &key.public()).err(),
                Some(EnvelopeError::Signature)
            );
        }
    }

    #[test]
    fn the_type_is_checked_before_the_key_and_the_key_before_the_signature() {
        let signer = SigningKey::from_seed([1; 32]);
        let other = SigningKey::from_seed([2; 32]).public();
        let envelope = signer.sign(payload_type::ENROLMENT_REQUEST, vec![1]);
        let verify = |kind: &str, key: &PublicKey| envelope.verify(kind, key).err();
        assert_eq!(verify(payload_type::ENROLMENT_QUERY, &other), Some(EnvelopeError::PayloadType));
        assert_eq!(verify(payload_type::ENROLMENT_REQUEST, &other), Some(EnvelopeError::KeyId));
        let unhinted =
            Envelope::new(envelope.payload_type().to_owned(), vec![1], None, *envelope.signature());
        assert_eq!(
            unhinted.verify(payload_type::ENROLMENT_REQUEST, &other).err(),
            Some(EnvelopeError::Signature)
        );
    }

    #[test]
    fn debug_output_shows_no_payload() {
        let envelope =
            SigningKey::from_seed([1; 32]).sign(payload_type::ENROLMENT_REQUEST, b"secret".to_vec());
        let shown = format!("{envelope:?}");
        assert!(shown.contains("payload_bytes: 6") && !shown.contains("115"), "{shown}");
    }
}
