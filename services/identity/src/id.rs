//! Names of things: deployments, requests, parties, cases and places.

use std::fmt;

use data_encoding::HEXLOWER;
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use crate::dsse;

/// Why bytes or a text are not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not this many bytes.
    #[error("must be {expected} bytes long")]
    Length {
        /// Bytes that the id has.
        expected: usize,
    },
    /// Not lower-case hexadecimal.
    #[error("must be lower-case hexadecimal")]
    Hex,
    /// A party id that breaks the rules of [`PartyId::parse`].
    #[error("must be 1 to 32 characters of a-z, 0-9 and hyphen, beginning with a letter or digit")]
    Party,
}

/// Declares an id of fixed length that is no secret: bytes in and out, lower-case hexadecimal as text.
macro_rules! public_id {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $length]);

        impl $name {
            /// Bytes of this id.
            pub const LENGTH: usize = $length;

            /// The id with these bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }

            /// A new id from a secure generator.
            pub fn random<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
                let mut bytes = [0; $length];
                rng.fill_bytes(&mut bytes);
                Self(bytes)
            }

            /// Reads lower-case hexadecimal, which is the one accepted spelling.
            ///
            /// # Errors
            /// [`IdError::Hex`] or [`IdError::Length`].
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| IdError::Hex)?;
                Self::try_from(bytes.as_slice())
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = IdError;

            fn try_from(bytes: &[u8]) -> Result<Self, IdError> {
                bytes.try_into().map(Self).map_err(|_| IdError::Length { expected: $length })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }
    };
}

public_id! {
    /// One installation of the service, drawn at random by `init`. Requests name it as their audience, so
    /// that a request for one deployment means nothing to another.
    DeploymentId, 16
}

public_id! {
    /// The sender's own name for a request, 128 random bits. The same id with the same bytes is answered with
    /// the stored answer; with other bytes it is refused.
    RequestId, 16
}

public_id! {
    /// 128 random bits that a request carries once.
    Nonce, 16
}

/// Declares a digest that identifies a person's request, and therefore stays out of logs.
macro_rules! private_digest {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The value with these bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = IdError;

            fn try_from(bytes: &[u8]) -> Result<Self, IdError> {
                bytes.try_into().map(Self).map_err(|_| IdError::Length { expected: 32 })
            }
        }

        /// Takes the same time wherever the two differ.
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.ct_eq(&other.0).into()
            }
        }

        impl Eq for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

private_digest! {
    /// SHA-256 of the bytes that a request's signature covers (the DSSE pre-authentication encoding). A
    /// statement carries it, and so binds itself to the exact request.
    RequestDigest
}

impl RequestDigest {
    /// The digest of a payload of a type.
    #[must_use]
    pub fn of(payload_type: &str, payload: &[u8]) -> Self {
        Self(dsse::pae_digest(&[], payload_type, payload))
    }
}

private_digest! {
    /// A person's pseudonym at one relying party: stable there, unlinkable to the pseudonym of any other
    /// party, and never accepted back in place of a number.
    RelyingPartyToken
}

/// A party's short name, for example `post-office-7`: 1 to 32 characters of `a-z`, `0-9` and hyphen,
/// beginning with a letter or a digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartyId(String);

impl PartyId {
    /// Longest id in characters, which are bytes here.
    pub const MAX_LENGTH: usize = 32;

    /// Reads an id.
    ///
    /// # Errors
    /// [`IdError::Party`].
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let well_formed = (1..=Self::MAX_LENGTH).contains(&text.len())
            && text.bytes().all(allowed)
            && !text.starts_with('-');
        if well_formed { Ok(Self(text.to_owned())) } else { Err(IdError::Party) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PartyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl std::str::FromStr for PartyId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }
}

/// Declares a counter.
macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// The value with this number.
            #[must_use]
            pub const fn new(value: u64) -> Self {
                Self(value)
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The one after it. Saturates, which 64 bits never reach by counting.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }
    };
}

counter! {
    /// A case for adjudication.
    CaseId
}

counter! {
    /// The internal number of a person's row in the gallery. It never leaves the service, so it has no
    /// `Display`.
    Sequence
}

counter! {
    /// A position in the log of decisions, dense, the first leaf at 1.
    LogPosition
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_reads_back_from_its_hexadecimal(bytes: [u8; 16]) {
            let id = DeploymentId::from_bytes(bytes);
            prop_assert_eq!(DeploymentId::parse(&id.to_string()), Ok(id));
        }

        #[test]
        fn a_well_formed_party_id_is_kept_as_it_is(text in "[a-z0-9][a-z0-9-]{0,31}") {
            let id = PartyId::parse(&text).unwrap();
            prop_assert_eq!(id.as_str(), text);
        }
    }

    #[test]
    fn hexadecimal_has_one_spelling() {
        assert_eq!(Nonce::parse("00112233445566778899AABBCCDDEEFF"), Err(IdError::Hex));
        assert_eq!(Nonce::parse("0011"), Err(IdError::Length { expected: 16 }));
        assert_eq!(Nonce::parse("001"), Err(IdError::Hex));
        assert_eq!(RequestId::try_from(&[0; 15][..]), Err(IdError::Length { expected: 16 }));
    }

    #[test]
    fn malformed_party_ids_are_refused() {
        let too_long = "a".repeat(33);
        for text in ["", "-a", "A", "a_b", "a b", "é", too_long.as_str()] {
            assert_eq!(PartyId::parse(text), Err(IdError::Party), "{text}");
        }
    }

    #[test]
    fn digests_do_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", RequestDigest::from_bytes([7; 32])), "RequestDigest(..)");
        assert_eq!(format!("{:?}", RelyingPartyToken::from_bytes([7; 32])), "RelyingPartyToken(..)");
    }
}
