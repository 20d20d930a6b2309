//! Those who may ask: agencies, relying parties and administrators.

use crate::codec::{DecodeError, Reader, Writer};
use crate::dsse::PublicKey;
use crate::field::FieldViolation;
use crate::reason::Reason;
use crate::time::Timestamp;

pub use crate::id::PartyId;

/// What a party may do at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartyKind {
    /// Enrols people.
    Agency,
    /// Asks whether a person is who they say they are.
    RelyingParty,
    /// Changes the registry and decides cases.
    Administrator,
}

impl PartyKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Agency, Self::RelyingParty, Self::Administrator];

    /// The byte that stands for the kind in records and table keys. Retired values stay reserved.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Agency => 1,
            Self::RelyingParty => 2,
            Self::Administrator => 3,
        }
    }

    /// The kind that a byte stands for.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// Whether a party may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartyStatus {
    /// It may.
    Active,
    /// It may not, until it is reinstated.
    Suspended,
    /// It may never again.
    Revoked,
}

impl PartyStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Active, Self::Suspended, Self::Revoked];

    const fn code(self) -> u8 {
        match self {
            Self::Active => 1,
            Self::Suspended => 2,
            Self::Revoked => 3,
        }
    }
}

/// Something about a person that a request can ask about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Factor {
    /// One to ten fingerprints.
    Fingerprint,
    /// The name.
    Name,
    /// The date of birth.
    DateOfBirth,
    /// The gender.
    Gender,
}

impl Factor {
    /// Every factor.
    pub const ALL: [Self; 4] = [Self::Fingerprint, Self::Name, Self::DateOfBirth, Self::Gender];

    const fn bit(self) -> u8 {
        match self {
            Self::Fingerprint => 1,
            Self::Name => 2,
            Self::DateOfBirth => 4,
            Self::Gender => 8,
        }
    }

    /// The reason with which the factor is refused to a relying party that may not use it.
    #[must_use]
    pub const fn not_entitled(self) -> Reason {
        match self {
            Self::Fingerprint => Reason::NotEntitledFingers,
            Self::Name | Self::DateOfBirth | Self::Gender => Reason::NotEntitledDemographics,
        }
    }
}

/// A set of factors.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct FactorSet(u8);

impl FactorSet {
    /// No factor.
    pub const EMPTY: Self = Self(0);

    /// Every factor.
    pub const ALL: Self = Self(
        Factor::Fingerprint.bit() | Factor::Name.bit() | Factor::DateOfBirth.bit() | Factor::Gender.bit(),
    );

    /// This set and one factor more.
    #[must_use]
    pub const fn with(self, factor: Factor) -> Self {
        Self(self.0 | factor.bit())
    }

    /// Adds a factor.
    pub const fn insert(&mut self, factor: Factor) {
        *self = self.with(factor);
    }

    /// True if the factor is in the set.
    #[must_use]
    pub const fn contains(self, factor: Factor) -> bool {
        self.0 & factor.bit() != 0
    }

    /// True if there is no factor in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The factors, in the order of [`Factor::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Factor> {
        Factor::ALL.into_iter().filter(move |factor| self.contains(*factor))
    }

    const fn bits(self) -> u8 {
        self.0
    }

    const fn from_bits(bits: u8) -> Option<Self> {
        if bits & !Self::ALL.0 == 0 { Some(Self(bits)) } else { None }
    }
}

impl FromIterator<Factor> for FactorSet {
    fn from_iter<I: IntoIterator<Item = Factor>>(factors: I) -> Self {
        factors.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl std::fmt::Debug for FactorSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// What a relying party may ask and learn. For other kinds it is kept and has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RelyingPartyPolicy {
    /// The factors that its requests may use.
    pub factors: FactorSet,
    /// True if a signed no tells it why. Otherwise every no is the same.
    pub sees_reasons: bool,
}

/// A registered party. Ids are unique within a kind; a key belongs to one party only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// What it may do.
    pub kind: PartyKind,
    /// Its short name.
    pub id: PartyId,
    /// Its name for people: 1 to 200 characters, not all of them white space, none a control character.
    pub display_name: String,
    /// The key that signs its requests.
    pub key: PublicKey,
    /// The first moment of its licence.
    pub valid_from: Timestamp,
    /// The last moment of its licence.
    pub valid_until: Timestamp,
    /// Whether it may act.
    pub status: PartyStatus,
    /// What it may ask, if it is a relying party.
    pub policy: RelyingPartyPolicy,
}

impl Party {
    const RECORD: &'static str = "party";
    const FORMAT: u8 = 1;

    /// Longest display name in characters.
    pub const MAX_DISPLAY_NAME_CHARS: usize = 200;

    /// Checks and keeps the fields.
    ///
    /// # Errors
    /// [`Reason::Malformed`] at `display_name` or at `valid_until_ms` (not later than `valid_from`).
    #[expect(
        clippy::too_many_arguments,
        reason = "they are the fields of a record, each with a type of its own"
    )]
    pub fn new(
        kind: PartyKind,
        id: PartyId,
        display_name: String,
        key: PublicKey,
        valid_from: Timestamp,
        valid_until: Timestamp,
        status: PartyStatus,
        policy: RelyingPartyPolicy,
    ) -> Result<Self, FieldViolation> {
        let length = display_name.chars().count();
        let printable = !display_name.trim().is_empty() && !display_name.chars().any(char::is_control);
        if !printable || length > Self::MAX_DISPLAY_NAME_CHARS {
            return Err(FieldViolation::malformed(
                "display_name",
                "must be 1 to 200 characters without control characters",
            ));
        }
        if valid_until <= valid_from {
            return Err(FieldViolation::malformed("valid_until_ms", "must be later than valid_from_ms"));
        }
        Ok(Self { kind, id, display_name, key, valid_from, valid_until, status, policy })
    }

    /// Whether the party may act at `now`.
    ///
    /// # Errors
    /// [`Reason::LicenceInvalid`] if it was revoked or its licence has not begun, [`Reason::PartySuspended`],
    /// [`Reason::LicenceExpired`].
    pub fn standing(&self, now: Timestamp) -> Result<(), Reason> {
        match self.status {
            PartyStatus::Revoked => return Err(Reason::LicenceInvalid),
            PartyStatus::Suspended => return Err(Reason::PartySuspended),
            PartyStatus::Active => {}
        }
        if now < self.valid_from {
            return Err(Reason::LicenceInvalid);
        }
        if now > self.valid_until {
            return Err(Reason::LicenceExpired);
        }
        Ok(())
    }

    /// The stored form: format 1, kind (1 byte), id (text), display name (text), public key (32), valid from
    /// and until (u64 ms each), status (1), factors (1, bits: 1 fingerprint, 2 name, 4 date of birth, 8
    /// gender), sees reasons (1).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        Writer::new(Self::FORMAT, 64 + PartyId::MAX_LENGTH + self.display_name.len())
            .u8(self.kind.code())
            .text(self.id.as_str())
            .text(&self.display_name)
            .array(&self.key.to_bytes())
            .u64(self.valid_from.millis())
            .u64(self.valid_until.millis())
            .u8(self.status.code())
            .u8(self.policy.factors.bits())
            .u8(u8::from(self.policy.sees_reasons))
            .finish()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(Self::RECORD, Self::FORMAT, bytes)?;
        let kind = reader.u8("kind")?;
        let kind = PartyKind::from_code(kind).ok_or_else(|| reader.value("kind"))?;
        let id = reader.party("id")?;
        let display_name = reader.text("display_name")?.to_owned();
        let key = reader.array("key")?;
        let key = reader.parsed("key", PublicKey::from_bytes(&key))?;
        let valid_from = Timestamp::from_millis(reader.u64("valid_from")?);
        let valid_until = Timestamp::from_millis(reader.u64("valid_until")?);
        let status = reader.u8("status")?;
        let status = PartyStatus::ALL
            .into_iter()
            .find(|known| known.code() == status)
            .ok_or_else(|| reader.value("status"))?;
        let factors = reader.u8("factors")?;
        let factors = FactorSet::from_bits(factors).ok_or_else(|| reader.value("factors"))?;
        let sees_reasons = reader.flag("sees_reasons")?;
        let policy = RelyingPartyPolicy { factors, sees_reasons };
        let party = Self::new(kind, id, display_name, key, valid_from, valid_until, status, policy);
        let party = reader.parsed("display_name or validity", party)?;
        reader.finish()?;
        Ok(party)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsse::SigningKey;
    use proptest::prelude::*;

    fn party(status: PartyStatus) -> Party {
        Party {
            kind: PartyKind::RelyingParty,
            id: PartyId::parse("bank-1").unwrap(),
            display_name: "Bänk".to_owned(),
            key: SigningKey::from_seed([1; 32]).public(),
            valid_from: Timestamp::from_millis(0x10),
            valid_until: Timestamp::from_millis(0x20),
            status,
            policy: RelyingPartyPolicy {
                factors: FactorSet::EMPTY.with(Factor::Name).with(Factor::Gender),
                sees_reasons: true,
            },
        }
    }

    #[test]
    fn a_party_has_these_bytes() {
        let expected = [
            &[1][..], // format
            &[2],     // kind: relying party
            &[0, 0, 0, 6],
            b"bank-1", // id
            &[0, 0, 0, 5],
            "Bänk".as_bytes(), // display name, 5 bytes of UTF-8
            &SigningKey::from_seed([1; 32]).public().to_bytes(), // key
            &[0, 0, 0, 0, 0, 0, 0, 0x10], // valid from
            &[0, 0, 0, 0, 0, 0, 0, 0x20], // valid until
            &[2],              // status: suspended
            &[2 | 8],          // factors: name, gender
            &[1],              // sees reasons
        ]
        .concat();
        let party = party(PartyStatus::Suspended);
        assert_eq!(party.encode(), expected);
        assert_eq!(Party::decode(&expected), Ok(party));
    }

    #[test]
    fn suspension_and_revocation_come_before_the_dates() {
        let at = |status, now| party(status).standing(Timestamp::from_millis(now));
        assert_eq!(at(PartyStatus::Active, 0x0f), Err(Reason::LicenceInvalid));
        assert_eq!(at(PartyStatus::Active, 0x10), Ok(()));
        assert_eq!(at(PartyStatus::Active, 0x20), Ok(()));
        assert_eq!(at(PartyStatus::Active, 0x21), Err(Reason::LicenceExpired));
        assert_eq!(at(PartyStatus::Suspended, 0x10), Err(Reason::PartySuspended));
        assert_eq!(at(PartyStatus::Revoked, 0x10), Err(Reason::LicenceInvalid));
    }

    #[test]
    fn a_party_has_a_printable_name_and_a_licence_of_some_length() {
        let with = |name: &str, until| {
            let Party { kind, id, key, valid_from, status, policy, .. } = party(PartyStatus::Active);
            let until = Timestamp::from_millis(until);
            Party::new(kind, id, name.to_owned(), key, valid_from, until, status, policy)
                .map_err(|error| error.field)
        };
        assert!(with(&"字".repeat(200), 0x11).is_ok());
        for name in ["", " ", "a\nb", &"a".repeat(201)] {
            assert_eq!(with(name, 0x11), Err("display_name".to_owned()));
        }
        assert_eq!(with("a", 0x10), Err("valid_until_ms".to_owned()));
    }

    #[test]
    fn a_factor_set_holds_what_was_put_in() {
        let set: FactorSet = [Factor::Gender, Factor::Fingerprint].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [Factor::Fingerprint, Factor::Gender]);
        assert_eq!(FactorSet::ALL.iter().count(), Factor::ALL.len());
        assert_eq!(FactorSet::from_bits(16), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_party_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Party::decode(&bytes);
        }

        #[test]
        fn an_altered_party_decodes_to_something_else_or_not_at_all(
            place in any::<prop::sample::Index>(), bit in 0..8_u32,
        ) {
            let original = party(PartyStatus::Active);
            let mut bytes = original.encode();
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            if let Ok(decoded) = Party::decode(&bytes) {
                prop_assert_ne!(&decoded, &original);
                prop_assert_eq!(decoded.encode(), bytes);
            }
        }
    }
}
