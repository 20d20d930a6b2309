//! Sealing a person's attributes to a relying party: HPKE (RFC 9180) in base mode.
//!
//! DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and ChaCha20Poly1305, one message for each encapsulated key, no
//! additional data. Whoever has the public key can seal, so it is the signed statement around it that says
//! who did; the `info` binds what is sealed to one request.

use std::fmt;

use data_encoding::BASE64;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable, single_shot_open, single_shot_seal_with_rng,
};
use rand_core::CryptoRng;
use zeroize::{Zeroize, Zeroizing};

use crate::id::RequestDigest;

type PublicKey = <X25519HkdfSha256 as Kem>::PublicKey;
type PrivateKey = <X25519HkdfSha256 as Kem>::PrivateKey;
type EncappedKey = <X25519HkdfSha256 as Kem>::EncappedKey;

/// The first word of an encryption key's text; it names the format.
const LABEL: &str = "plinth-encryption-key-1";

/// What stands before the request's digest in the `info` of a person's attributes.
const PERSON_LABEL: &[u8; 21] = b"plinth person data v1";

/// Why something was not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealingError {
    /// A public key of small order, whose secrets everybody knows.
    #[error("the public key is of small order")]
    PublicKey,
    /// What was sealed was altered, sealed to another key, or sealed with another info.
    #[error("it was altered, sealed to another key, or sealed for another request")]
    Refused,
    /// Not the text of an encryption key.
    #[error("an encryption key must be one line: plinth-encryption-key-1, a space and 32 bytes in base64")]
    Text,
}

/// Bytes that only the holder of one key can read.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedAttributes {
    /// The encapsulated key: an X25519 public key that was drawn for this message alone.
    pub encapsulated: [u8; 32],
    /// The ciphertext and its tag, 16 bytes longer than the plaintext.
    pub ciphertext: Vec<u8>,
}

impl fmt::Debug for SealedAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedAttributes({} bytes)", self.ciphertext.len())
    }
}

/// The `info` under which a person's attributes are sealed: `plinth person data v1` and the 32 bytes of the
/// digest of the request that asked for them.
#[must_use]
pub fn person_info(request: &RequestDigest) -> [u8; 53] {
    let mut info = [0; 53];
    let (label, digest) = info.split_at_mut(PERSON_LABEL.len());
    label.copy_from_slice(PERSON_LABEL);
    digest.copy_from_slice(request.as_bytes());
    info
}

/// Seals to an X25519 public key.
///
/// # Errors
/// [`SealingError::PublicKey`].
pub fn seal_to<R: CryptoRng + ?Sized>(
    public: &[u8; 32],
    info: &[u8],
    plaintext: &[u8],
    rng: &mut R,
) -> Result<SealedAttributes, SealingError> {
    seal_with(public, info, plaintext, b"", rng)
}

/// [`seal_to`] with additional data, of which there is some in published vectors only.
fn seal_with<R: CryptoRng + ?Sized>(
    public: &[u8; 32],
    info: &[u8],
    plaintext: &[u8],
    additional: &[u8],
    mut rng: &mut R,
) -> Result<SealedAttributes, SealingError> {
    let public = PublicKey::from_bytes(public).map_err(|_| SealingError::PublicKey)?;
    let (encapsulated, ciphertext) = single_shot_seal_with_rng::<
        ChaCha20Poly1305,
        HkdfSha256,
        X25519HkdfSha256,
    >(&OpModeS::Base, &public, info, plaintext, additional, &mut rng)
    .map_err(|_| SealingError::PublicKey)?;
    Ok(SealedAttributes { encapsulated: encapsulated.to_bytes().into(), ciphertext })
}

/// Opens what [`seal_to`] sealed to this key with this `info`.
///
/// # Errors
/// [`SealingError::Refused`].
pub fn open_with(
    secret: &EncryptionKey,
    info: &[u8],
    sealed: &SealedAttributes,
) -> Result<Zeroizing<Vec<u8>>, SealingError> {
    let encapsulated = EncappedKey::from_bytes(&sealed.encapsulated).map_err(|_| SealingError::Refused)?;
    single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &secret.0,
        &encapsulated,
        info,
        &sealed.ciphertext,
        b"",
    )
    .map(Zeroizing::new)
    .map_err(|_| SealingError::Refused)
}

/// The key with which a relying party reads attributes: an X25519 private key (RFC 7748). Wiped when dropped,
/// compared in constant time, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct EncryptionKey(PrivateKey);

impl EncryptionKey {
    /// A new key from a secure generator.
    pub fn generate<R: CryptoRng + ?Sized>(mut rng: &mut R) -> Self {
        Self(X25519HkdfSha256::gen_keypair_with_rng(&mut rng).0)
    }

    /// The public half, as a relying party's policy holds it.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        X25519HkdfSha256::sk_to_pk(&self.0).to_bytes().into()
    }

    /// The text that is kept in a file: `plinth-encryption-key-1`, a space, 44 characters of base64, a line
    /// feed.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = self.0.to_bytes();
        let base64 = Zeroizing::new(BASE64.encode(&bytes));
        bytes.zeroize();
        Zeroizing::new(format!("{LABEL} {}\n", *base64))
    }

    /// Reads the text of a key, with or without the line end.
    ///
    /// # Errors
    /// [`SealingError::Text`].
    pub fn parse(text: &str) -> Result<Self, SealingError> {
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (label, base64) = line.split_once(' ').ok_or(SealingError::Text)?;
        if label != LABEL {
            return Err(SealingError::Text);
        }
        let bytes = Zeroizing::new(BASE64.decode(base64.as_bytes()).map_err(|_| SealingError::Text)?);
        PrivateKey::from_bytes(&bytes).map(Self).map_err(|_| SealingError::Text)
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptionKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};
    use rand_core::{TryCryptoRng, TryRng};
    use std::convert::Infallible;

    fn key(seed: u64) -> EncryptionKey {
        EncryptionKey::generate(&mut StdRng::seed_from_u64(seed))
    }

    fn hex(text: &str) -> Vec<u8> {
        HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    /// A generator whose first bytes are given.
    struct Given(Vec<u8>);

    impl TryRng for Given {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            unreachable!("only bytes are drawn")
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            unreachable!("only bytes are drawn")
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
            bytes.copy_from_slice(&self.0);
            Ok(())
        }
    }

    impl TryCryptoRng for Given {}

    #[test]
    fn the_vector_of_rfc_9180_is_sealed_and_opened() {
        // RFC 9180, appendix A.2.1, first encryption.
        let recipient = hex("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a");
        let secret = hex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb");
        let mut seed = Given(hex("909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b"));
        let info = b"Ode on a Grecian Urn";
        let plaintext = b"Beauty is truth, truth beauty";
        let public: [u8; 32] = recipient.try_into().unwrap();
        let sealed = seal_with(&public, info, plaintext, b"Count-0", &mut seed).unwrap();
        assert_eq!(
            HEXLOWER.encode(&sealed.encapsulated),
            "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a"
        );
        assert_eq!(
            HEXLOWER.encode(&sealed.ciphertext),
            "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28"
        );
        let secret = EncryptionKey(PrivateKey::from_bytes(&secret).unwrap());
        assert_eq!(secret.public(), public);
        let own = seal_to(&public, info, plaintext, &mut seed).unwrap();
        assert_eq!(open_with(&secret, info, &own).unwrap().as_slice(), plaintext);
        // The published ciphertext has additional data, and ours has none.
        assert_eq!(open_with(&secret, info, &sealed), Err(SealingError::Refused));
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_with_its_key_and_info_alone(
            plaintext in prop::collection::vec(any::<u8>(), 0..300),
            seed: u64,
            place in any::<prop::sample::Index>(),
            bit in 0..8_u32,
        ) {
            let (own, other) = (key(seed), key(seed.wrapping_add(1)));
            let info = person_info(&RequestDigest::from_bytes([7; 32]));
            let mut rng = StdRng::seed_from_u64(seed ^ 1);
            let sealed = seal_to(&own.public(), &info, &plaintext, &mut rng).unwrap();
            prop_assert_eq!(sealed.ciphertext.len(), plaintext.len() + 16);
            let opened = open_with(&own, &info, &sealed).unwrap();
            prop_assert_eq!(opened.as_slice(), plaintext.as_slice());

            let refused = Err(SealingError::Refused);
            prop_assert_eq!(&open_with(&other, &info, &sealed), &refused);
            let mut altered = sealed.clone();
            let place_in = place.index(altered.ciphertext.len());
            altered.ciphertext[place_in] ^= 1 << bit;
            prop_assert_eq!(&open_with(&own, &info, &altered), &refused);
            let mut altered = info;
            altered[place.index(info.len())] ^= 1 << bit;
            prop_assert_eq!(&open_with(&own, &altered, &sealed), &refused);
            // The highest bit of an X25519 key is not looked at (RFC 7748, section 5), but HPKE hashes all of
            // it.
            let mut altered = sealed;
            altered.encapsulated[place.index(32)] ^= 1 << bit;
            prop_assert_eq!(&open_with(&own, &info, &altered), &refused);
        }

        #[test]
        fn any_sealed_bytes_open_or_are_refused(
            encapsulated: [u8; 32], ciphertext in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let sealed = SealedAttributes { encapsulated, ciphertext };
            prop_assert_eq!(open_with(&key(1), b"", &sealed), Err(SealingError::Refused));
        }

        #[test]
        fn a_written_key_is_read_again(seed: u64) {
            let text = key(seed).to_text();
            prop_assert!(EncryptionKey::parse(&text).unwrap() == key(seed));
            prop_assert!(EncryptionKey::parse(text.trim_end()).unwrap() == key(seed));
        }

        #[test]
        fn any_text_is_a_key_or_refused(text in "\\PC{0,60}|plinth-encryption-key-1 [A-Za-z0-9+/=]{40,48}") {
            let _ = EncryptionKey::parse(&text);
        }
    }

    #[test]
    fn nothing_is_sealed_to_a_key_of_small_order() {
        let mut rng = StdRng::seed_from_u64(1);
        for first in [0, 1] {
            let mut public = [0; 32];
            public[0] = first;
            assert_eq!(seal_to(&public, b"", b"", &mut rng), Err(SealingError::PublicKey));
        }
    }

    #[test]
    fn one_plaintext_is_never_sealed_the_same_twice() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut sealed = || seal_to(&key(1).public(), b"", b"same", &mut rng).unwrap();
        let (first, second) = (sealed(), sealed());
        assert!(first.encapsulated != second.encapsulated && first.ciphertext != second.ciphertext);
    }

    #[test]
    fn a_key_of_another_format_or_length_is_refused() {
        let good = key(1).to_text();
        let long = format!("{LABEL} {}", BASE64.encode(&[0; 33]));
        for text in ["", LABEL, &good.replace("key-1", "key-2"), &good[..40], &long, &good.repeat(2)] {
            assert_eq!(EncryptionKey::parse(text), Err(SealingError::Text), "{text}");
        }
    }

    #[test]
    fn the_info_is_a_label_and_the_digest() {
        let info = person_info(&RequestDigest::from_bytes([7; 32]));
        assert_eq!(info[..], [&b"plinth person data v1"[..], &[7; 32]].concat());
    }

    #[test]
    fn keys_and_what_was_sealed_do_not_show_in_debug_output() {
        let sealed = SealedAttributes { encapsulated: [1; 32], ciphertext: vec![2; 20] };
        assert_eq!(format!("{:?} {sealed:?}", key(1)), "EncryptionKey(..) SealedAttributes(20 bytes)");
    }
}
