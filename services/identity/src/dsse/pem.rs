//! Ed25519 keys in PEM: PKCS #8 and `SubjectPublicKeyInfo`, as RFC 8410 lays them out and other tools read them.

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _, KeypairBytes,
    PublicKeyBytes,
};
use zeroize::Zeroizing;

use super::KeyError;

const PUBLIC: KeyError = KeyError::Pem { label: "PUBLIC KEY" };
const PRIVATE: KeyError = KeyError::Pem { label: "PRIVATE KEY" };

pub(super) fn encode_public(key: &[u8; 32]) -> Result<String, KeyError> {
    PublicKeyBytes(*key).to_public_key_pem(LineEnding::LF).map_err(|_| PUBLIC)
}

/// Version 1, without the public key: the only one that older releases of OpenSSL read.
pub(super) fn encode_private(seed: &[u8; 32]) -> Result<Zeroizing<String>, KeyError> {
    let pair = KeypairBytes { secret_key: *seed, public_key: None };
    pair.to_pkcs8_pem(LineEnding::LF).map_err(|_| PRIVATE)
}

pub(super) fn decode_public(text: &str) -> Result<[u8; 32], KeyError> {
    PublicKeyBytes::from_public_key_pem(text.trim()).map(|key| key.0).map_err(|_| PUBLIC)
}

/// Version 1 or 2; a public key that stands in it must be that of the private key.
pub(super) fn decode_private(text: &str) -> Result<ed25519_dalek::SigningKey, KeyError> {
    ed25519_dalek::SigningKey::from_pkcs8_pem(text.trim()).map_err(|_| PRIVATE)
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
        assert_eq!(*private.to_pem().unwrap(), RFC_PRIVATE);
        assert_eq!(public.to_pem().unwrap(), RFC_PUBLIC);
    }

    #[test]
    fn the_line_ends_of_other_systems_are_accepted() {
        let windows = RFC_PRIVATE.replace('\n', "\r\n");
        assert!(SigningKey::from_pem(&windows).unwrap() == SigningKey::from_pem(RFC_PRIVATE).unwrap());
    }

    /// The example of RFC 8410, section 10.3, with attributes and the public key: version 2.
    const RFC_PRIVATE_2: &str = "-----BEGIN PRIVATE KEY-----\n\
        MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\n\
        Z9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PRIVATE KEY-----\n";

    #[test]
    fn a_file_that_carries_the_public_key_too_reads_as_the_same_key() {
        assert!(SigningKey::from_pem(RFC_PRIVATE_2).unwrap() == SigningKey::from_pem(RFC_PRIVATE).unwrap());
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
            prop_assert!(SigningKey::from_pem(&key.to_pem().unwrap()).unwrap() == key);
            prop_assert_eq!(PublicKey::from_pem(&key.public().to_pem().unwrap()), Ok(key.public()));
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
