//! Who a person is, and how a claim about them is compared with a record.

mod address;
mod address_words;
mod birth;
mod claim;
mod contact;
mod name;
mod partial;
mod words;

use std::fmt;

use subtle::{Choice, ConstantTimeEq};

use crate::time::Timestamp;

pub(crate) use address_words::ABBREVIATIONS;
pub(crate) use name::TITLES;

pub use address::{Address, AddressClaim, AddressFields, AddressLine, AddressText};
pub use birth::{BirthClaim, DateOfBirth};
pub use claim::{ClaimMatch, DemographicClaim, NameClaim};
pub use contact::{Email, Phone};
pub use name::Name;
pub use partial::{MatchValue, Strategy};

/// Gender as documents state it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Gender {
    /// F
    Female,
    /// M
    Male,
    /// T
    Third,
}

impl Gender {
    /// Every gender.
    pub const ALL: [Self; 3] = [Self::Female, Self::Male, Self::Third];

    /// `F`, `M` or `T`. Personal data: for messages and records only.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Female => 'F',
            Self::Male => 'M',
            Self::Third => 'T',
        }
    }

    /// The gender with this letter.
    #[must_use]
    pub fn from_letter(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|gender| gender.letter() == letter)
    }

    /// The byte that stands for it in records: its letter.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Female => b'F',
            Self::Male => b'M',
            Self::Third => b'T',
        }
    }

    fn same(self, other: Self) -> Choice {
        self.code().ct_eq(&other.code())
    }
}

impl fmt::Debug for Gender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gender(..)")
    }
}

/// What is recorded about a person besides their fingers.
#[derive(Clone, PartialEq, Eq)]
pub struct Demographics {
    /// Full name.
    pub name: Name,
    /// Day of birth.
    pub date_of_birth: DateOfBirth,
    /// Gender.
    pub gender: Gender,
    /// Phone number.
    pub phone: Option<Phone>,
    /// E-mail address.
    pub email: Option<Email>,
    /// Postal address.
    pub address: Option<Address>,
}

impl Demographics {
    /// Completed years of life at `now`; see [`DateOfBirth::age_at`].
    #[must_use]
    pub fn age_at(&self, now: Timestamp) -> u16 {
        self.date_of_birth.age_at(now)
    }
}

impl fmt::Debug for Demographics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Demographics(..)")
    }
}
