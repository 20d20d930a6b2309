//! What was asked about a person, kept for the person's own eyes.

use crate::authentication::Verdict;
use crate::codec::{DecodeError, Reader, Writer};
use crate::id::PartyId;
use crate::party::FactorSet;
use crate::reason::Reason;
use crate::request::MAX_PURPOSE_CHARS;
use crate::time::Timestamp;

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HistoryEvent {
    /// Whether they are who they say.
    Authentication,
    /// To send them a one-time code.
    OtpRequest,
    /// For their attributes.
    PersonData,
    /// Something that they wanted done themselves, through an agent.
    Resident,
}

impl HistoryEvent {
    /// Every event.
    pub const ALL: [Self; 4] = [Self::Authentication, Self::OtpRequest, Self::PersonData, Self::Resident];

    const fn code(self) -> u8 {
        match self {
            Self::Authentication => 1,
            Self::OtpRequest => 2,
            Self::PersonData => 3,
            Self::Resident => 4,
        }
    }
}

/// One decision about a person. The person may see the reason, whatever the relying party was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When it was decided.
    pub at: Timestamp,
    /// The relying party or agent that asked.
    pub party: PartyId,
    /// What was asked.
    pub event: HistoryEvent,
    /// The factors that were used.
    pub factors: FactorSet,
    /// Why, in the asking party's words: at most 64 characters, none a control character.
    pub purpose: String,
    /// How it ended.
    pub verdict: Verdict,
    /// Why it was a no.
    pub reason: Option<Reason>,
}

impl HistoryEntry {
    const RECORD: &'static str = "history";
    const FORMAT: u8 = 1;

    /// The stored form: format 1, at (u64 ms), party (text), event (1: 1 authentication, 2 request for a
    /// code, 3 attributes, 4 the person's own order), factors (u16, the bit of a factor is its place in
    /// [`Factor::ALL`](crate::party::Factor::ALL)), purpose (text), verdict (1: 1 yes, 2 no), reason (u16, 0
    /// none).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        Writer::new(Self::FORMAT, 22 + self.party.as_str().len() + self.purpose.len())
            .u64(self.at.millis())
            .text(self.party.as_str())
            .u8(self.event.code())
            .u16(self.factors.bits())
            .text(&self.purpose)
            .u8(self.verdict.code())
            .u16(self.reason.map_or(0, Reason::code))
            .finish()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(Self::RECORD, Self::FORMAT, bytes)?;
        let at = Timestamp::from_millis(reader.u64("at")?);
        let party = reader.party("party")?;
        let event = reader.u8("event")?;
        let event = HistoryEvent::ALL.into_iter().find(|known| known.code() == event);
        let event = event.ok_or_else(|| reader.value("event"))?;
        let factors = reader.u16("factors")?;
        let factors = FactorSet::from_bits(factors).ok_or_else(|| reader.value("factors"))?;
        let purpose = reader.text("purpose")?.to_owned();
        if purpose.chars().count() > MAX_PURPOSE_CHARS || purpose.chars().any(char::is_control) {
            return Err(reader.value("purpose"));
        }
        let verdict = reader.u8("verdict")?;
        let verdict = Verdict::from_code(verdict).ok_or_else(|| reader.value("verdict"))?;
        let reason = match reader.u16("reason")? {
            0 => None,
            code => Some(Reason::from_code(code).ok_or_else(|| reader.value("reason"))?),
        };
        reader.finish()?;
        Ok(Self { at, party, event, factors, purpose, verdict, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::party::Factor;
    use proptest::prelude::*;

    fn entry() -> HistoryEntry {
        HistoryEntry {
            at: Timestamp::from_millis(0x0102),
            party: PartyId::parse("bank").unwrap(),
            event: HistoryEvent::PersonData,
            factors: FactorSet::EMPTY.with(Factor::Fingerprint).with(Factor::Otp),
            purpose: "kyc".to_owned(),
            verdict: Verdict::No,
            reason: Some(Reason::BiometricMismatch),
        }
    }

    #[test]
    fn an_entry_has_these_bytes() {
        let expected = [
            &[1][..],                  // format
            &[0, 0, 0, 0, 0, 0, 1, 2], // at
            &[0, 0, 0, 4],             // length of the party's id
            b"bank",                   // party
            &[3],                      // event: attributes
            &[1, 1],                   // factors: 1 fingerprint, 256 one-time code
            &[0, 0, 0, 3],             // length of the purpose
            b"kyc",                    // purpose
            &[2],                      // verdict: no
            &300_u16.to_be_bytes(),    // reason
        ]
        .concat();
        assert_eq!(entry().encode(), expected);
        assert_eq!(HistoryEntry::decode(&expected), Ok(entry()));
        let yes = HistoryEntry { verdict: Verdict::Yes, reason: None, ..entry() };
        assert_eq!(HistoryEntry::decode(&yes.encode()), Ok(yes));
        assert!((0..expected.len()).all(|length| HistoryEntry::decode(&expected[..length]).is_err()));
    }

    #[test]
    fn every_event_and_reason_is_read_again() {
        for event in HistoryEvent::ALL {
            let entry = HistoryEntry { event, ..entry() };
            assert_eq!(HistoryEntry::decode(&entry.encode()), Ok(entry));
        }
        for reason in Reason::ALL {
            let entry = HistoryEntry { reason: Some(reason), ..entry() };
            assert_eq!(HistoryEntry::decode(&entry.encode()), Ok(entry));
        }
        let long = HistoryEntry { purpose: "x".repeat(MAX_PURPOSE_CHARS + 1), ..entry() };
        assert_eq!(HistoryEntry::decode(&long.encode()).unwrap_err().field, "purpose");
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_entry_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = HistoryEntry::decode(&bytes);
        }

        #[test]
        fn an_altered_entry_is_another_one_or_an_error(place in any::<prop::sample::Index>(), byte: u8) {
            let mut bytes = entry().encode();
            let place = place.index(bytes.len());
            bytes[place] = byte;
            if let Ok(decoded) = HistoryEntry::decode(&bytes) {
                prop_assert_eq!(decoded.encode(), bytes);
            }
        }
    }
}
