//! What is recorded about the holder of a number.

use std::fmt;

use crate::codec::{DecodeError, Reader, Writer};
use crate::demographics::{DateOfBirth, Demographics, Gender, Name};
use crate::id::{PartyId, Sequence};
use crate::reason::Reason;
use crate::time::Timestamp;

/// Where a number stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LifecycleStatus {
    /// It can be used.
    Active,
    /// It cannot be used until it is reinstated.
    Suspended,
    /// Its holder has died.
    Deceased,
    /// It will not be used again.
    Cancelled,
}

impl LifecycleStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Active, Self::Suspended, Self::Deceased, Self::Cancelled];

    /// Why a number of this status gets a no; none if it can be used.
    #[must_use]
    pub const fn refusal(self) -> Option<Reason> {
        match self {
            Self::Active => None,
            Self::Suspended => Some(Reason::NumberSuspended),
            Self::Deceased => Some(Reason::Deceased),
            Self::Cancelled => Some(Reason::Cancelled),
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Active => 1,
            Self::Suspended => 2,
            Self::Deceased => 3,
            Self::Cancelled => 4,
        }
    }
}

/// The record of a number.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityRecord {
    /// The person's row in the gallery.
    pub sequence: Sequence,
    /// Whether the number can be used.
    pub status: LifecycleStatus,
    /// Who the person is.
    pub demographics: Demographics,
    /// When the number was issued.
    pub enrolled_at: Timestamp,
    /// The agency that enrolled the person.
    pub agency: PartyId,
    /// Fingers on record, 1 to 10.
    pub fingers: u8,
}

impl IdentityRecord {
    const RECORD: &'static str = "identity";
    const FORMAT: u8 = 1;

    /// The stored form, to be sealed: format 1, sequence (u64), status (1), demographics as written below,
    /// enrolled at (u64 ms), agency (text), fingers (1).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer =
            Writer::new(Self::FORMAT, 64 + self.demographics.name.as_str().len() + PartyId::MAX_LENGTH);
        writer.u64(self.sequence.get()).u8(self.status.code());
        write_demographics(&mut writer, &self.demographics);
        writer.u64(self.enrolled_at.millis()).text(self.agency.as_str()).u8(self.fingers).finish()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(Self::RECORD, Self::FORMAT, bytes)?;
        let sequence = Sequence::new(reader.u64("sequence")?);
        let status = reader.u8("status")?;
        let status = LifecycleStatus::ALL
            .into_iter()
            .find(|known| known.code() == status)
            .ok_or_else(|| reader.value("status"))?;
        let demographics = read_demographics(&mut reader)?;
        let enrolled_at = Timestamp::from_millis(reader.u64("enrolled_at")?);
        let agency = reader.party("agency")?;
        let fingers = reader.u8("fingers")?;
        reader.finish()?;
        Ok(Self { sequence, status, demographics, enrolled_at, agency, fingers })
    }
}

impl fmt::Debug for IdentityRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityRecord")
            .field("status", &self.status)
            .field("enrolled_at", &self.enrolled_at)
            .field("agency", &self.agency)
            .finish_non_exhaustive()
    }
}

/// Demographics within a record: name as written (text), year (u16), month (1), day (1), gender (its letter,
/// 1).
pub(crate) fn write_demographics(writer: &mut Writer, demographics: &Demographics) {
    let Demographics { name, date_of_birth, gender } = demographics;
    writer
        .text(name.as_str())
        .u16(date_of_birth.year().unsigned_abs())
        .u8(date_of_birth.month())
        .u8(date_of_birth.day())
        .u8(gender.code());
}

/// Reads what [`write_demographics`] wrote.
pub(crate) fn read_demographics(reader: &mut Reader<'_>) -> Result<Demographics, DecodeError> {
    let name = reader.text("name")?;
    let name = reader.parsed("name", Name::parse(name))?;
    let year = reader.u16("date_of_birth")?;
    let year = reader.parsed("date_of_birth", i16::try_from(year))?;
    let month = reader.u8("date_of_birth")?;
    let day = reader.u8("date_of_birth")?;
    let date_of_birth = reader.parsed("date_of_birth", DateOfBirth::new(year, month, day))?;
    let gender = reader.u8("gender")?;
    let gender = Gender::from_letter(char::from(gender)).ok_or_else(|| reader.value("gender"))?;
    Ok(Demographics { name, date_of_birth, gender })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record() -> IdentityRecord {
        IdentityRecord {
            sequence: Sequence::new(7),
            status: LifecycleStatus::Suspended,
            demographics: Demographics {
                name: Name::parse("Zoë").unwrap(),
                date_of_birth: DateOfBirth::new(1985, 12, 10).unwrap(),
                gender: Gender::Third,
            },
            enrolled_at: Timestamp::from_millis(0x0102),
            agency: PartyId::parse("post").unwrap(),
            fingers: 10,
        }
    }

    #[test]
    fn an_identity_record_has_these_bytes() {
        let expected = [
            &[1][..],                  // format
            &[0, 0, 0, 0, 0, 0, 0, 7], // sequence
            &[2],                      // status: suspended
            &[0, 0, 0, 4],
            "Zoë".as_bytes(),          // name, 4 bytes of UTF-8
            &[0x07, 0xc1, 12, 10],     // born 1985-12-10
            b"T",                      // gender
            &[0, 0, 0, 0, 0, 0, 1, 2], // enrolled at
            &[0, 0, 0, 4],
            b"post", // agency
            &[10],   // fingers
        ]
        .concat();
        assert_eq!(record().encode(), expected);
        assert_eq!(IdentityRecord::decode(&expected), Ok(record()));
    }

    #[test]
    fn only_an_active_number_can_be_used() {
        let usable = LifecycleStatus::ALL.into_iter().filter(|status| status.refusal().is_none());
        assert_eq!(usable.collect::<Vec<_>>(), [LifecycleStatus::Active]);
    }

    #[test]
    fn nothing_personal_shows_in_debug_output() {
        assert!(!format!("{:?}", record()).contains("Zoë"));
    }

    proptest! {
        #[test]
        fn a_record_decodes_to_itself(
            sequence: u64, at: u64, fingers: u8, status in 0..4_usize, gender in 0..3_usize,
            name in "\\p{L}[\\p{L} ]{0,30}", (year, month, day) in (1850..=9999_i16, 1..=12_u8, 1..=28_u8),
        ) {
            let record = IdentityRecord {
                sequence: Sequence::new(sequence),
                status: LifecycleStatus::ALL[status],
                demographics: Demographics {
                    name: Name::parse(&name).unwrap(),
                    date_of_birth: DateOfBirth::new(year, month, day).unwrap(),
                    gender: Gender::ALL[gender],
                },
                enrolled_at: Timestamp::from_millis(at),
                agency: PartyId::parse("post").unwrap(),
                fingers,
            };
            prop_assert_eq!(IdentityRecord::decode(&record.encode()), Ok(record));
        }

        #[test]
        fn altered_bytes_decode_to_what_they_say_or_not_at_all(
            place in any::<prop::sample::Index>(), byte: u8,
        ) {
            let mut bytes = record().encode();
            let place = place.index(bytes.len());
            prop_assume!(bytes[place] != byte);
            bytes[place] = byte;
            if let Ok(decoded) = IdentityRecord::decode(&bytes) {
                prop_assert_eq!(decoded.encode(), bytes);
            }
        }

        #[test]
        fn any_bytes_are_a_record_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = IdentityRecord::decode(&bytes);
        }
    }
}
