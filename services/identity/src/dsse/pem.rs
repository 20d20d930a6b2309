//! Ed25519 keys in PEM, as RFC 8410 lays them out.
//!
//! The DER around an Ed25519 key is a constant: the key's algorithm has no parameters and its length never
//! changes. So it is compared and not parsed, and any other structure is refused.

use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::KeyError;

/// `SubjectPublicKeyInfo { algorithm id-Ed25519 (1.3.101.112), BIT STRING of 32 bytes }` up to the key.
const PUBLIC_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// `OneAsymmetricKey { version 0, algorithm id-Ed25519, OCTET STRING of an OCTET STRING of 32 bytes }` up to
/// the key.
const PRIVATE_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

const PUBLIC_LABEL: &str = "PUBLIC KEY";
const PRIVATE_LABEL: &str = "PRIVATE KEY";

pub(super) fn encode_public(key: &[u8; 32]) -> String {
    block(PUBLIC_LABEL, &BASE64.encode(&[&PUBLIC_PREFIX[..], key].concat()))
}

pub(super) fn encode_private(seed: &[u8; 32]) -> Zeroizing<String> {
    let der = Zeroizing::new([&PRIVATE_PREFIX[..], seed].concat());
    let text = Zeroizing::new(BASE64.encode(&der));
    Zeroizing::new(block(PRIVATE_LABEL, &text))
}

pub(super) fn decode_public(text: &str) -> Result<[u8; 32], KeyError> {
    decode(PUBLIC_LABEL, &PUBLIC_PREFIX, text).map(|key| *key)
}

pub(super) fn decode_private(text: &str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    decode(PRIVATE_LABEL, &PRIVATE_PREFIX, text)
}

/// One block. Both kinds of key fit on one line of 64 characters.
fn block(label: &str, base64: &str) -> String {
    format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
}

/// The key in the one block of a text. White space around and between the lines may be anything, nothing else
/// may.
fn decode(label: &'static str, prefix: &[u8], text: &str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let refused = || KeyError::Pem { label };
    let body = text
        .trim()
        .strip_prefix(&format!("-----BEGIN {label}-----"))
        .and_then(|rest| rest.strip_suffix(&format!("-----END {label}-----")))
        .ok_or_else(refused)?;
    let base64: Zeroizing<Vec<u8>> =
        Zeroizing::new(body.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect());
    let der = Zeroizing::new(BASE64.decode(&base64).map_err(|_| refused())?);
    let key = der.strip_prefix(prefix).ok_or_else(refused)?;
    key.try_into().map(Zeroizing::new).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::super::{PublicKey, SigningKey};
    use super::*;
    use proptest::prelude::*;

    /// The examples of RFC 8410, sections 10.1 and 10.3.
    const RFC_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----\n";
    const RFC_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";

    #[test]
    fn the_examples_of_the_standard_read_and_write_back_byte_for_byte() {
        let private = SigningKey::from_pem(RFC_PRIVATE).unwrap();
        let public = PublicKey::from_pem(RFC_PUBLIC).unwrap();
        assert_eq!(private.public(), public);
        assert_eq!(*private.to_pem(), RFC_PRIVATE);
        assert_eq!(public.to_pem(), RFC_PUBLIC);
    }

    #[test]
    fn line_ends_and_line_lengths_of_other_tools_are_accepted() {
        let windows = RFC_PRIVATE.replace('\n', "\r\n");
        let short_lines = RFC_PRIVATE.replace("BQYD", "BQ\nYD");
        for text in [windows, short_lines] {
            assert!(SigningKey::from_pem(&text).unwrap() == SigningKey::from_pem(RFC_PRIVATE).unwrap());
        }
    }

    #[test]
    fn the_wrong_kind_of_block_is_named() {
        assert_eq!(SigningKey::from_pem(RFC_PUBLIC).err(), Some(KeyError::Pem { label: "PRIVATE KEY" }));
        assert_eq!(PublicKey::from_pem(RFC_PRIVATE), Err(KeyError::Pem { label: "PUBLIC KEY" }));
        let twice = format!("{RFC_PUBLIC}{RFC_PUBLIC}");
        assert_eq!(PublicKey::from_pem(&twice), Err(KeyError::Pem { label: "PUBLIC KEY" }));
    }

    proptest! {
        #[test]
        fn any_key_reads_back(seed: [u8; 32]) {
            let key = SigningKey::from_seed(seed);
            prop_assert!(SigningKey::from_pem(&key.to_pem()).unwrap() == key);
            prop_assert_eq!(PublicKey::from_pem(&key.public().to_pem()), Ok(key.public()));
        }

        #[test]
        fn any_altered_byte_gives_a_key_or_an_error(index in any::<prop::sample::Index>(), byte in 0_u8..128) {
            let mut text = RFC_PRIVATE.as_bytes().to_vec();
            let place = index.index(text.len());
            text[place] = byte;
            let _ = SigningKey::from_pem(std::str::from_utf8(&text).unwrap());
        }
    }
}
