//! What a request claims about a person, and how it is compared with what is recorded.
//!
//! # What is weak
//!
//! A yes to a claim says no more than that somebody knew, or guessed, what was claimed. The attempts that are
//! counted bound guessing; these do little by themselves:
//!
//! - Year of birth, age and gender. One guess in two, or in eighty, is right, so a yes would mostly tell that
//!   the number is live. Requests that carry nothing else are refused ([`DemographicClaim::is_weak`]).
//! - Partial comparison with a small match value. One frequent given name, or the name of a large town, fits
//!   many people. The relying party chooses the value, so its policy must allow partial comparison at all; the
//!   answer is never better than the value.
//! - A day of birth, a phone number, an e-mail address or a postal address: many others know them. They tell
//!   people apart, they do not prove that the person is present. Fingers or a one-time code do.
//! - Words that normal forms make equal: "MS" as the initials of a name is taken for a title, "St" is both
//!   street and saint, and punctuation, case and width never tell two people apart.

use std::fmt;

use subtle::Choice;

use super::address::AddressClaim;
use super::birth::BirthClaim;
use super::contact::{Email, Phone};
use super::name::Name;
use super::partial::Strategy;
use super::{Demographics, Gender};
use crate::party::{Factor, FactorSet};
use crate::time::Timestamp;

/// A claimed name.
#[derive(Clone, PartialEq, Eq)]
pub struct NameClaim {
    /// The name.
    pub name: Name,
    /// How it is compared.
    pub strategy: Strategy,
}

impl NameClaim {
    /// A name to be compared exactly.
    #[must_use]
    pub const fn exact(name: Name) -> Self {
        Self { name, strategy: Strategy::Exact }
    }

    fn same(&self, recorded: &Name) -> Choice {
        match self.strategy {
            Strategy::Exact => self.name.same(recorded),
            Strategy::Partial(value) => self.name.same_partially(recorded, value),
        }
    }
}

impl From<Name> for NameClaim {
    fn from(name: Name) -> Self {
        Self::exact(name)
    }
}

impl fmt::Debug for NameClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NameClaim({:?})", self.strategy)
    }
}

/// What a request claims about a person. What is absent is not claimed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct DemographicClaim {
    /// The name.
    pub name: Option<NameClaim>,
    /// The day or the year of birth.
    pub birth: Option<BirthClaim>,
    /// Completed years of life, at least.
    pub minimum_age: Option<u8>,
    /// The gender.
    pub gender: Option<Gender>,
    /// The phone number.
    pub phone: Option<Phone>,
    /// The e-mail address.
    pub email: Option<Email>,
    /// The postal address.
    pub address: Option<AddressClaim>,
}

impl DemographicClaim {
    /// The factors that are claimed.
    #[must_use]
    pub fn factors(&self) -> FactorSet {
        let Self { name, birth, minimum_age, gender, phone, email, address } = self;
        [
            name.as_ref().map(|_| Factor::Name),
            birth.map(|_| Factor::DateOfBirth),
            gender.map(|_| Factor::Gender),
            minimum_age.map(|_| Factor::Age),
            phone.as_ref().map(|_| Factor::Phone),
            email.as_ref().map(|_| Factor::Email),
            address.as_ref().map(|_| Factor::Address),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// True if something is claimed, but nothing beyond year of birth, age and gender. So little authenticates
    /// nobody.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        let Self { name, birth, minimum_age, gender, phone, email, address } = self;
        let day = matches!(birth, Some(BirthClaim::Date(_)));
        let strong = name.is_some() || day || phone.is_some() || email.is_some() || address.is_some();
        !strong && (birth.is_some() || minimum_age.is_some() || gender.is_some())
    }

    /// True if the name or the address is to be compared partially.
    #[must_use]
    pub fn uses_partial(&self) -> bool {
        let name = self.name.as_ref().map(|claim| claim.strategy);
        let address = match &self.address {
            Some(AddressClaim::Full { strategy, .. }) => Some(*strategy),
            Some(AddressClaim::Structured(_)) | None => None,
        };
        [name, address].into_iter().flatten().any(|strategy| matches!(strategy, Strategy::Partial(_)))
    }

    /// True if the address is claimed as one text.
    #[must_use]
    pub const fn uses_full_address(&self) -> bool {
        matches!(self.address, Some(AddressClaim::Full { .. }))
    }

    /// Whether everything that is claimed is recorded, at `now`. Every claim is compared, whatever the others
    /// gave, so that the time taken does not tell which one failed. An empty claim matches.
    #[must_use]
    pub fn matches(&self, recorded: &Demographics, now: Timestamp) -> ClaimMatch {
        let unclaimed = || Choice::from(1);
        let name = self.name.as_ref().map_or_else(unclaimed, |claim| claim.same(&recorded.name));
        let birth = self.birth.map_or_else(unclaimed, |claim| claim.same(&recorded.date_of_birth));
        let years = recorded.age_at(now);
        let age =
            self.minimum_age.map_or_else(unclaimed, |age| Choice::from(u8::from(years >= u16::from(age))));
        let gender = self.gender.map_or_else(unclaimed, |gender| gender.same(recorded.gender));
        let phone = self.phone.as_ref().map_or_else(unclaimed, |claim| claim.same(recorded.phone.as_ref()));
        let email = self.email.as_ref().map_or_else(unclaimed, |claim| claim.same(recorded.email.as_ref()));
        let address =
            self.address.as_ref().map_or_else(unclaimed, |claim| claim.same(recorded.address.as_ref()));
        ClaimMatch {
            attributes: (name & birth & age & gender & phone & email).into(),
            address: address.into(),
        }
    }
}

impl fmt::Debug for DemographicClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DemographicClaim({:?})", self.factors())
    }
}

/// What became of a claim. Both parts together are one answer; they are apart because they have different
/// reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimMatch {
    /// Name, birth, age, gender, phone and e-mail are as claimed, as far as they are.
    pub attributes: bool,
    /// The address is as claimed, if one is.
    pub address: bool,
}

impl ClaimMatch {
    /// True if everything is as claimed.
    #[must_use]
    pub const fn all(self) -> bool {
        self.attributes && self.address
    }
}

#[cfg(test)]
mod tests {
    use super::super::address::{Address, AddressFields, AddressText};
    use super::super::birth::DateOfBirth;
    use super::super::partial::MatchValue;
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_900_000_000_000); // 2030-03-17

    fn name(text: &str) -> NameClaim {
        NameClaim::exact(Name::parse(text).unwrap())
    }

    fn partial(percent: u32) -> Strategy {
        Strategy::Partial(MatchValue::new(percent).unwrap())
    }

    fn street(text: &str) -> Address {
        Address::new(AddressFields { street: text.to_owned(), ..AddressFields::default() }).unwrap()
    }

    fn full(text: &str, strategy: Strategy) -> AddressClaim {
        AddressClaim::Full { text: AddressText::parse(text).unwrap(), strategy }
    }

    fn ada() -> Demographics {
        Demographics {
            name: Name::parse("Ada Lovelace").unwrap(),
            date_of_birth: DateOfBirth::parse("1985-12-10").unwrap(),
            gender: Gender::Female,
            phone: Some(Phone::parse("+44 20 7946 0000").unwrap()),
            email: Some(Email::parse("ada@example.org").unwrap()),
            address: Some(street("12 Marylebone Road")),
        }
    }

    fn everything() -> DemographicClaim {
        DemographicClaim {
            name: Some(name("ada lovelace")),
            birth: Some(BirthClaim::parse("1985-12-10").unwrap()),
            minimum_age: Some(44),
            gender: Some(Gender::Female),
            phone: Some(Phone::parse("+442079460000").unwrap()),
            email: Some(Email::parse("ADA@example.org").unwrap()),
            address: Some(AddressClaim::Structured(street("12 marylebone road"))),
        }
    }

    const RIGHT: ClaimMatch = ClaimMatch { attributes: true, address: true };

    #[test]
    fn a_claim_matches_if_everything_claimed_is_recorded() {
        assert_eq!(everything().matches(&ada(), NOW), RIGHT);
        assert_eq!(DemographicClaim::default().matches(&ada(), NOW), RIGHT);
        let wrong = [
            DemographicClaim { name: Some(name("Ada")), ..everything() },
            DemographicClaim { birth: Some(BirthClaim::parse("1985-10-12").unwrap()), ..everything() },
            DemographicClaim { birth: Some(BirthClaim::parse("1986").unwrap()), ..everything() },
            DemographicClaim { minimum_age: Some(45), ..everything() },
            DemographicClaim { gender: Some(Gender::Third), ..everything() },
            DemographicClaim { phone: Some(Phone::parse("+442079460001").unwrap()), ..everything() },
            DemographicClaim { email: Some(Email::parse("eve@example.org").unwrap()), ..everything() },
        ];
        for claim in wrong {
            assert_eq!(claim.matches(&ada(), NOW), ClaimMatch { attributes: false, address: true });
            assert!(!claim.matches(&ada(), NOW).all());
        }
        let elsewhere = AddressClaim::Structured(street("13 Marylebone Road"));
        let elsewhere = DemographicClaim { address: Some(elsewhere), ..everything() };
        assert_eq!(elsewhere.matches(&ada(), NOW), ClaimMatch { attributes: true, address: false });
    }

    #[test]
    fn what_is_not_recorded_matches_no_claim() {
        let less = Demographics { phone: None, email: None, address: None, ..ada() };
        for claim in [
            DemographicClaim { phone: everything().phone, ..DemographicClaim::default() },
            DemographicClaim { email: everything().email, ..DemographicClaim::default() },
            DemographicClaim { address: everything().address, ..DemographicClaim::default() },
            DemographicClaim {
                address: Some(full("12 Marylebone Road", partial(1))),
                ..DemographicClaim::default()
            },
        ] {
            assert!(claim.matches(&ada(), NOW).all());
            assert!(!claim.matches(&less, NOW).all());
        }
    }

    #[test]
    fn a_claim_knows_its_factors() {
        let expected: FactorSet = [
            Factor::Name,
            Factor::DateOfBirth,
            Factor::Gender,
            Factor::Age,
            Factor::Phone,
            Factor::Email,
            Factor::Address,
        ]
        .into_iter()
        .collect();
        assert!(everything().factors() == expected);
        assert!(DemographicClaim::default().factors().is_empty());
        let year = BirthClaim::parse("1985").ok();
        let year = DemographicClaim { birth: year, ..DemographicClaim::default() };
        assert!(year.factors() == FactorSet::EMPTY.with(Factor::DateOfBirth));
    }

    #[test]
    fn year_age_and_gender_are_weak_together_too() {
        let none = DemographicClaim::default();
        assert!(!none.is_weak());
        let weak = DemographicClaim {
            birth: Some(BirthClaim::Year(1985)),
            minimum_age: Some(18),
            gender: Some(Gender::Male),
            ..none.clone()
        };
        assert!(weak.is_weak());
        assert!(DemographicClaim { minimum_age: Some(18), ..none.clone() }.is_weak());
        assert!(DemographicClaim { gender: Some(Gender::Male), ..none.clone() }.is_weak());
        assert!(DemographicClaim { birth: Some(BirthClaim::Year(1985)), ..none }.is_weak());
        assert!(!DemographicClaim { birth: everything().birth, ..weak.clone() }.is_weak());
        assert!(!DemographicClaim { name: everything().name, ..weak.clone() }.is_weak());
        assert!(!DemographicClaim { phone: everything().phone, ..weak.clone() }.is_weak());
        assert!(!DemographicClaim { email: everything().email, ..weak.clone() }.is_weak());
        assert!(!DemographicClaim { address: everything().address, ..weak }.is_weak());
    }

    #[test]
    fn a_claim_knows_whether_it_needs_partial_matching_or_a_full_address() {
        let facts = |claim: &DemographicClaim| (claim.uses_partial(), claim.uses_full_address());
        let exact = full("12 Marylebone Road", Strategy::Exact);
        assert_eq!(facts(&everything()), (false, false));
        assert_eq!(facts(&DemographicClaim { address: Some(exact), ..everything() }), (false, true));
        let text = full("12 Marylebone Road", partial(100));
        assert_eq!(facts(&DemographicClaim { address: Some(text), ..everything() }), (true, true));
        let given = NameClaim { strategy: partial(50), ..name("Ada") };
        let given = DemographicClaim { name: Some(given), ..everything() };
        assert_eq!(facts(&given), (true, false));
        assert!(given.matches(&ada(), NOW).all());
    }

    #[test]
    fn nothing_personal_shows_in_debug_output() {
        let shown = format!("{:?} {:?} {:?} {:?}", ada(), ada().name, name("Ada"), ada().date_of_birth);
        assert_eq!(shown, "Demographics(..) Name(..) NameClaim(Exact) DateOfBirth(..)");
        let shown = format!("{:?} {:?}", everything(), everything().birth);
        assert!(
            shown.starts_with("DemographicClaim({") && shown.ends_with("}) Some(BirthClaim(..))"),
            "{shown}"
        );
    }
}
