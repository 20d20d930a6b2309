//! The root key of a deployment.

use std::fmt;

use data_encoding::BASE64;
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::KeyError;

/// The first word of a root key's text; it names the format.
const LABEL: &str = "plinth-root-key-1";

/// The key from which all others are derived: 32 random bytes. Whoever has it and the store can read
/// everything; without it the store is lost. Wiped when dropped, compared in constant time, never shown.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RootKey([u8; 32]);

impl RootKey {
    /// A new key from a secure generator.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut key = Self([0; 32]);
        rng.fill_bytes(&mut key.0);
        key
    }

    /// The text that is kept in a file: `plinth-root-key-1`, a space, 44 characters of base64, a line feed.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let base64 = Zeroizing::new(BASE64.encode(&self.0));
        Zeroizing::new(format!("{LABEL} {}\n", *base64))
    }

    /// Reads the text of a key, with or without the line end.
    ///
    /// # Errors
    /// [`KeyError::RootKey`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (label, base64) = line.split_once(' ').ok_or(KeyError::RootKey)?;
        if label != LABEL {
            return Err(KeyError::RootKey);
        }
        let bytes = Zeroizing::new(BASE64.decode(base64.as_bytes()).map_err(|_| KeyError::RootKey)?);
        bytes.as_slice().try_into().map(Self).map_err(|_| KeyError::RootKey)
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for RootKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for RootKey {}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn the_text_of_a_key_is_one_labelled_line() {
        let text = RootKey([0xff; 32]).to_text();
        assert_eq!(*text, "plinth-root-key-1 //////////////////////////////////////////8=\n");
    }

    proptest! {
        #[test]
        fn a_written_key_is_read_again(seed: u64) {
            let key = RootKey::generate(&mut StdRng::seed_from_u64(seed));
            prop_assert!(RootKey::parse(&key.to_text()).unwrap() == key);
            prop_assert!(RootKey::parse(key.to_text().trim_end()).unwrap() == key);
        }
    }

    #[test]
    fn a_key_of_another_format_or_length_is_refused() {
        let good = RootKey([7; 32]).to_text();
        let long = format!("{LABEL} {}", BASE64.encode(&[0; 33]));
        for text in [
            "",
            "plinth-root-key-1",
            &good.replace("key-1", "key-2"),
            &good[..40],
            &long,
            &format!("{}{}", *good, *good),
        ] {
            assert_eq!(RootKey::parse(text).err(), Some(KeyError::RootKey), "{text}");
        }
        assert_eq!(format!("{:?}", RootKey([7; 32])), "RootKey(..)");
    }
}
