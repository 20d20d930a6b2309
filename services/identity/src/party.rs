//! Those who may ask: agencies, relying parties and administrators.

mod factor;
mod policy;

use crate::codec::{DecodeError, Reader, Writer};
use crate::dsse::PublicKey;
use crate::field::FieldViolation;
use crate::reason::Reason;
use crate::time::Timestamp;

pub use crate::id::PartyId;
pub use factor::{Attribute, AttributeSet, Factor, FactorSet};
pub use policy::{Quotas, ReasonView, RelyingPartyPolicy, TokenKind};

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
    const FORMAT: u8 = 2;

    /// Longest display name in characters.
    pub const MAX_DISPLAY_NAME_CHARS: usize = 200;

    /// Checks and keeps the fields.
    ///
    /// # Errors
    /// [`Reason::Malformed`] at `display_name`, at `valid_until_ms` (not later than `valid_from`), or at a field
    /// of `policy` as [`RelyingPartyPolicy::check`] says.
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
        policy.check().map_err(|violation| violation.at("policy"))?;
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

    /// The stored form: format 2, kind (1 byte), id (text), display name (text), public key (32), valid from
    /// and until (u64 ms each), status (1), policy: factors and mandatory factors (u16 each, bits: 1
    /// fingerprint, 2 name, 4 date of birth, 8 gender, 16 age, 32 phone, 64 e-mail, 128 address, 256 one-time
    /// code, 512 iris, 1024 face), partial matching (1), full address (1), attributes (1, bits: 1 name, 2 date
    /// of birth, 4 gender, 8 phone, 16 e-mail, 32 address), token (1: 0 none, 1 pairwise), reasons (0 none, 1
    /// all, or 2 and a count u16 of codes u16), requests a second, burst, numbers a day (u32 each), failure
    /// percent (1), networks (count u16, each: 4 and 4 bytes or 6 and 16 bytes, then the prefix length (1)),
    /// virtual number only (1), resident agent (1), encryption key (option, 32).
    ///
    /// Format 1 had of the policy the first four factors (1 byte, the same bits) and whether it sees every
    /// reason or none (1).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let size = 128 + PartyId::MAX_LENGTH + self.display_name.len();
        let mut writer = Writer::new(Self::FORMAT, size.saturating_add(self.policy.written_size()));
        writer
            .u8(self.kind.code())
            .text(self.id.as_str())
            .text(&self.display_name)
            .array(&self.key.to_bytes())
            .u64(self.valid_from.millis())
            .u64(self.valid_until.millis())
            .u8(self.status.code());
        self.policy.write(&mut writer);
        writer.finish()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (mut reader, format) = Reader::one_of(Self::RECORD, &[1, Self::FORMAT], bytes)?;
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
        let policy = if format == 1 {
            RelyingPartyPolicy::read_format_1(&mut reader)?
        } else {
            RelyingPartyPolicy::read(&mut reader)?
        };
        let party = Self::new(kind, id, display_name, key, valid_from, valid_until, status, policy);
        let party = reader.parsed("display_name, validity or policy", party)?;
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
                factors: FactorSet::EMPTY.with(Factor::Name).with(Factor::Gender).with(Factor::Otp),
                mandatory: FactorSet::EMPTY.with(Factor::Otp),
                partial_matching: true,
                full_address: true,
                attributes: AttributeSet::EMPTY.with(Attribute::Name).with(Attribute::Address),
                token: TokenKind::None,
                reasons: ReasonView::Only(vec![100, 300]),
                quotas: Quotas {
                    requests_per_second: 5,
                    burst: 6,
                    numbers_per_day: 0x0700,
                    failure_percent: 40,
                },
                networks: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
                virtual_number_only: true,
                resident_agent: true,
                encryption_key: Some([9; 32]),
            },
        }
    }

    /// What comes before the policy in every format.
    fn head(format: u8) -> Vec<u8> {
        [
            &[format][..], // format
            &[2],          // kind: relying party
            &[0, 0, 0, 6],
            b"bank-1", // id
            &[0, 0, 0, 5],
            "Bänk".as_bytes(), // display name, 5 bytes of UTF-8
            &SigningKey::from_seed([1; 32]).public().to_bytes(), // key
            &[0, 0, 0, 0, 0, 0, 0, 0x10], // valid from
            &[0, 0, 0, 0, 0, 0, 0, 0x20], // valid until
            &[2],              // status: suspended
        ]
        .concat()
    }

    #[test]
    fn a_party_has_these_bytes() {
        let expected = [
            &head(2)[..],
            &[1, 2 | 8],                  // factors: one-time code, name, gender
            &[1, 0],                      // mandatory: one-time code
            &[1],                         // partial matching
            &[1],                         // full address
            &[1 | 32],                    // attributes: name, address
            &[0],                         // token: none
            &[2, 0, 2, 0, 100, 1, 44],    // reasons: two, 100 and 300
            &[0, 0, 0, 5],                // requests a second
            &[0, 0, 0, 6],                // burst
            &[0, 0, 7, 0],                // numbers a day
            &[40],                        // failure percent
            &[0, 2],                      // two networks
            &[4, 192, 0, 2, 0, 24],       // 192.0.2.0/24
            &[6, 0x20, 0x01, 0x0d, 0xb8], // 2001:db8::
            &[0; 12],                     // the rest of its address
            &[32],                        // /32
            &[1],                         // virtual number only
            &[1],                         // resident agent
            &[1],                         // there is an encryption key
            &[9; 32],                     // the key
        ]
        .concat();
        let party = party(PartyStatus::Suspended);
        assert_eq!(party.encode(), expected);
        assert_eq!(Party::decode(&expected), Ok(party));
    }

    #[test]
    fn the_smallest_policy_has_these_bytes() {
        let expected = [
            &head(2)[..],
            &[0, 0],  // factors
            &[0, 0],  // mandatory
            &[0],     // partial matching
            &[0],     // full address
            &[0],     // attributes
            &[1],     // token: pairwise
            &[0],     // reasons: none
            &[0; 12], // requests a second, burst, numbers a day
            &[0],     // failure percent
            &[0, 0],  // no networks
            &[0],     // virtual number only
            &[0],     // resident agent
            &[0],     // no encryption key
        ]
        .concat();
        let party = Party { policy: RelyingPartyPolicy::default(), ..party(PartyStatus::Suspended) };
        assert_eq!(party.encode(), expected);
        assert_eq!(Party::decode(&expected), Ok(party));
    }

    #[test]
    fn a_party_of_format_1_is_still_read() {
        let old = |factors, sees_reasons| Party::decode(&[head(1), vec![factors, sees_reasons]].concat());
        let read = |factors: &[Factor], reasons| {
            let policy = RelyingPartyPolicy {
                factors: factors.iter().copied().collect(),
                reasons,
                ..RelyingPartyPolicy::default()
            };
            Ok(Party { policy, ..party(PartyStatus::Suspended) })
        };
        assert_eq!(old(2 | 8, 1), read(&[Factor::Name, Factor::Gender], ReasonView::All));
        assert_eq!(old(15, 0), read(&Factor::ALL[..4], ReasonView::None));
        assert!(old(16, 0).is_err(), "format 1 had no fifth factor");
        assert!(old(1, 2).is_err());
        assert!(Party::decode(&[head(3), vec![1, 0]].concat()).is_err());
    }

    #[test]
    fn a_party_has_a_policy_that_makes_sense() {
        let Party { kind, id, display_name, key, valid_from, valid_until, status, policy } =
            party(PartyStatus::Active);
        let policy = RelyingPartyPolicy { encryption_key: None, ..policy };
        let new = Party::new(kind, id, display_name, key, valid_from, valid_until, status, policy.clone());
        assert_eq!(new.unwrap_err().field, "policy.encryption_key");
        // Bytes are as strict as the constructor.
        assert!(Party::decode(&Party { policy, ..party(PartyStatus::Active) }.encode()).is_err());
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
                // Whatever format the bytes claim, what is written is the newest.
                prop_assert!(bytes[0] == 1 || decoded.encode() == bytes);
            }
        }
    }
}
