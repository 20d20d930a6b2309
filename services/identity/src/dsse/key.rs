//! Ed25519 keys (RFC 8032) and their names.

use std::fmt;

use data_encoding::HEXLOWER;
use ed25519_dalek::Signer;
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{Envelope, pem};

/// Why bytes or a text are not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not the canonical encoding of a point of the curve.
    #[error("the public key is not the canonical encoding of a curve point")]
    NotAPoint,
    /// A point of small order, for which one signature fits almost any message.
    #[error("the public key is of small order")]
    Weak,
    /// Not one PEM block with the expected label around a plain Ed25519 key (RFC 8410).
    #[error("must be one PEM block {label:?} that holds an Ed25519 key as in RFC 8410")]
    Pem {
        /// The label that was expected.
        label: &'static str,
    },
    /// Not 64 digits of lower-case hexadecimal.
    #[error("a key id must be 64 digits of lower-case hexadecimal")]
    KeyId,
    /// Not the text of a root key.
    #[error("a root key must be one line: plinth-root-key-1, a space and 32 bytes in base64")]
    RootKey,
}

/// The name of a public key: SHA-256 of its 32 bytes. A hint for look-up that proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 32]);

impl KeyId {
    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads 64 digits of lower-case hexadecimal.
    ///
    /// # Errors
    /// [`KeyError::KeyId`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| KeyError::KeyId)?;
        bytes.try_into().map(Self).map_err(|_| KeyError::KeyId)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// A public key that signatures can be checked with: canonical and not of small order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

impl PublicKey {
    /// Bytes of a key.
    pub const LENGTH: usize = 32;

    /// Reads the 32 bytes of RFC 8032.
    ///
    /// # Errors
    /// [`KeyError::NotAPoint`] for bytes that are no point or not its only encoding, [`KeyError::Weak`] for a
    /// point of small order.
    pub fn from_bytes(bytes: &[u8; Self::LENGTH]) -> Result<Self, KeyError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotAPoint)?;
        if key.to_edwards().compress().to_bytes() != *bytes {
            return Err(KeyError::NotAPoint);
        }
        if key.is_weak() {
            return Err(KeyError::Weak);
        }
        Ok(Self(key))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        self.0.to_bytes()
    }

    /// The key's name.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        KeyId(Sha256::digest(self.0.as_bytes()).into())
    }

    /// `SubjectPublicKeyInfo` in PEM (RFC 8410), as other tools write it.
    ///
    /// # Errors
    /// [`KeyError::Pem`] if it cannot be encoded, which no key brings about.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        pem::encode_public(self.0.as_bytes())
    }

    /// Reads `SubjectPublicKeyInfo` in PEM.
    ///
    /// # Errors
    /// [`KeyError::Pem`], and those of [`PublicKey::from_bytes`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(&pem::decode_public(text)?)
    }

    /// True if this key made the signature over the message, by strict verification.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.key_id())
    }
}

/// A secret key. Wiped when dropped, compared in constant time, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// A new key from a secure generator.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut_slice());
        Self(ed25519_dalek::SigningKey::from_bytes(&seed))
    }

    /// The key of a 32-byte seed (the private key of RFC 8032).
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        Self(ed25519_dalek::SigningKey::from_bytes(&seed))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// PKCS #8 in PEM (RFC 8410), as other tools write it.
    ///
    /// # Errors
    /// [`KeyError::Pem`] if it cannot be encoded, which no key brings about.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        pem::encode_private(self.0.as_bytes())
    }

    /// Reads PKCS #8 in PEM, version 1 or 2 (with the public key).
    ///
    /// # Errors
    /// [`KeyError::Pem`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        pem::decode_private(text).map(Self)
    }

    /// Signs a payload as a type. The signature is deterministic: the same key, type and payload always give
    /// the same envelope.
    #[must_use]
    pub fn sign(&self, payload_type: &str, payload: Vec<u8>) -> Envelope {
        let signature = self.0.sign(&super::pae(payload_type, &payload)).to_bytes();
        Envelope::new(payload_type.to_owned(), payload, Some(self.public().key_id()), signature)
    }

    /// The bare signature (RFC 8032) over bytes that are no envelope, where another specification says which: the
    /// Standard Webhooks one. Only a key that signs nothing else may be used, so that no such bytes can ever be taken
    /// for a statement.
    #[must_use]
    pub fn sign_bytes(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_that_fit_any_message_are_refused() {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        assert_eq!(PublicKey::from_bytes(&neutral), Err(KeyError::Weak));
        assert_eq!(PublicKey::from_bytes(&[0; 32]), Err(KeyError::Weak));
    }

    #[test]
    fn a_second_encoding_of_a_point_is_refused() {
        // y = p + 3 encodes the same point as y = 3, if 3 is on the curve at all: either way it is refused.
        let mut above = [0xff; 32];
        above[31] = 0x7f;
        for low in 0xed..=0xff {
            above[0] = low;
            assert_eq!(PublicKey::from_bytes(&above), Err(KeyError::NotAPoint), "{low:x}");
        }
    }

    #[test]
    fn what_only_the_bare_equation_accepts_is_refused() {
        // R is the neutral element, S = k a mod L: the equation of RFC 8032 holds, strict verification refuses it.
        let message = super::super::pae(
            super::super::payload_type::ENROLMENT_REQUEST,
            &[0x0a, 0x05, 0x68, 0x65, 0x6c, 0x6c, 0x6f],
        );
        let mut signature = [0; 64];
        signature[0] = 1;
        let s = HEXLOWER.decode(b"470b6e063831b20de93e4383cc9807e38a6382b500cd323bc3ddfea0f8f90307").unwrap();
        signature[32..].copy_from_slice(&s);
        let key = SigningKey::from_seed([1; 32]).public();
        let bare = ed25519_dalek::Signature::from_bytes(&signature);
        assert!(ed25519_dalek::Verifier::verify(&key.0, &message, &bare).is_ok());
        assert!(!key.verifies(&message, &signature));
    }

    #[test]
    fn the_key_id_is_the_hash_of_the_key() {
        let key = SigningKey::from_seed([0; 32]).public();
        assert_eq!(key.key_id().as_bytes()[..], Sha256::digest(key.to_bytes())[..]);
        assert_eq!(KeyId::parse(&key.key_id().to_string()), Ok(key.key_id()));
        assert_eq!(KeyId::parse("00"), Err(KeyError::KeyId));
        assert_eq!(KeyId::parse(&key.key_id().to_string().to_uppercase()), Err(KeyError::KeyId));
    }

    #[test]
    fn the_first_vector_of_rfc_8032_gives_its_public_key() {
        let seed =
            HEXLOWER.decode(b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
        let public =
            HEXLOWER.decode(b"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a").unwrap();
        assert_eq!(SigningKey::from_seed(seed.try_into().unwrap()).public().to_bytes()[..], public[..]);
    }

    #[test]
    fn a_secret_key_does_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", SigningKey::from_seed([9; 32])), "SigningKey(..)");
    }
}
