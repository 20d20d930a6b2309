//! What is recorded about the holder of a number.

use std::fmt;

use zeroize::Zeroizing;

use crate::codec::{DecodeError, Reader, Writer};
use crate::demographics::{Address, AddressFields, DateOfBirth, Demographics, Email, Gender, Name, Phone};
use crate::id::{PartyId, Sequence};
use crate::otp::TotpSecret;
use crate::reason::Reason;
use crate::time::Timestamp;
use crate::virtual_number::VirtualNumber;

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
    /// It cannot be used until the person's biometrics are captured again.
    UpdateDue,
    /// It cannot be used until the authority lifts its suspension.
    SuspendedByAuthority,
}

impl LifecycleStatus {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::Active,
        Self::Suspended,
        Self::Deceased,
        Self::Cancelled,
        Self::UpdateDue,
        Self::SuspendedByAuthority,
    ];

    /// Why a number of this status gets a no; none if it can be used.
    #[must_use]
    pub const fn refusal(self) -> Option<Reason> {
        match self {
            Self::Active => None,
            Self::Suspended => Some(Reason::NumberSuspended),
            Self::Deceased => Some(Reason::Deceased),
            Self::Cancelled => Some(Reason::Cancelled),
            Self::UpdateDue => Some(Reason::UpdateDue),
            Self::SuspendedByAuthority => Some(Reason::SuspendedByAuthority),
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Active => 1,
            Self::Suspended => 2,
            Self::Deceased => 3,
            Self::Cancelled => 4,
            Self::UpdateDue => 5,
            Self::SuspendedByAuthority => 6,
        }
    }
}

/// What the person has locked. While a thing is locked, a request that uses it gets a no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Locks {
    /// The identity number; virtual numbers still work.
    pub number: bool,
    /// The fingerprints.
    pub fingers: bool,
    /// The irises.
    pub irises: bool,
    /// The face.
    pub face: bool,
}

impl Locks {
    /// Bits: 1 number, 2 fingers, 4 irises, 8 face.
    fn bits(self) -> u8 {
        let Self { number, fingers, irises, face } = self;
        u8::from(number) | u8::from(fingers) << 1 | u8::from(irises) << 2 | u8::from(face) << 3
    }

    fn from_bits(bits: u8) -> Option<Self> {
        let bit = |place: u8| bits & (1 << place) != 0;
        let locks = Self { number: bit(0), fingers: bit(1), irises: bit(2), face: bit(3) };
        (locks.bits() == bits).then_some(locks)
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
    /// What the person has locked.
    pub locks: Locks,
    /// The secret that the person's own device makes one-time codes with, if they have set one up.
    pub totp: Option<TotpSecret>,
    /// The person's newest virtual number, if they have one. Its own row says whether it is still in use.
    pub virtual_number: Option<VirtualNumber>,
}

impl IdentityRecord {
    const RECORD: &'static str = "identity";
    const FORMAT: u8 = 2;

    /// The stored form, to be sealed: format 2, sequence (u64), status (1), demographics as written below,
    /// enrolled at (u64 ms), agency (text), fingers (1), locks (1, bits: 1 number, 2 fingers, 4 irises, 8
    /// face), secret of one-time codes (option, 20), virtual number (option, 16 digits).
    ///
    /// Format 1 ended with the fingers, and its demographics with the gender.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let size = 128 + PartyId::MAX_LENGTH;
        let mut writer =
            Writer::new(Self::FORMAT, written_demographics_size(&self.demographics).saturating_add(size));
        writer.u64(self.sequence.get()).u8(self.status.code());
        write_demographics(&mut writer, &self.demographics);
        writer
            .u64(self.enrolled_at.millis())
            .text(self.agency.as_str())
            .u8(self.fingers)
            .u8(self.locks.bits())
            .option(self.totp.as_ref(), |writer, secret| {
                writer.array(secret.as_bytes());
            })
            .option(self.virtual_number, |writer, number| {
                writer.array(&number.digits());
            })
            .finish()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (mut reader, format) = Reader::one_of(Self::RECORD, &[1, Self::FORMAT], bytes)?;
        let sequence = Sequence::new(reader.u64("sequence")?);
        let status = reader.u8("status")?;
        let status = LifecycleStatus::ALL
            .into_iter()
            .find(|known| known.code() == status)
            .ok_or_else(|| reader.value("status"))?;
        let demographics = match format {
            1 => read_demographics_format_1(&mut reader)?,
            _ => read_demographics(&mut reader)?,
        };
        let enrolled_at = Timestamp::from_millis(reader.u64("enrolled_at")?);
        let agency = reader.party("agency")?;
        let fingers = reader.u8("fingers")?;
        let (locks, totp, virtual_number) = match format {
            1 => (Locks::default(), None, None),
            _ => read_own_settings(&mut reader)?,
        };
        reader.finish()?;
        Ok(Self { sequence, status, demographics, enrolled_at, agency, fingers, locks, totp, virtual_number })
    }
}

/// What the person has set: locks, secret of one-time codes, virtual number.
fn read_own_settings(
    reader: &mut Reader<'_>,
) -> Result<(Locks, Option<TotpSecret>, Option<VirtualNumber>), DecodeError> {
    let locks = reader.u8("locks")?;
    let locks = Locks::from_bits(locks).ok_or_else(|| reader.value("locks"))?;
    let totp = reader.option("totp", |reader| {
        let secret = Zeroizing::new(reader.array("totp")?);
        Ok(TotpSecret::from_bytes(*secret))
    })?;
    let virtual_number = reader.option("virtual_number", |reader| {
        let digits = reader.array("virtual_number")?;
        reader.parsed("virtual_number", VirtualNumber::from_digits(digits))
    })?;
    Ok((locks, totp, virtual_number))
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
/// 1), phone (option, text), e-mail (option, text), address (option, nine texts: care of, house, street,
/// landmark, locality, district, state, postcode, country).
pub(crate) fn write_demographics(writer: &mut Writer, demographics: &Demographics) {
    let Demographics { name, date_of_birth, gender, phone, email, address } = demographics;
    writer
        .text(name.as_str())
        .u16(date_of_birth.year().unsigned_abs())
        .u8(date_of_birth.month())
        .u8(date_of_birth.day())
        .u8(gender.code())
        .option(phone.as_ref(), |writer, phone| {
            writer.text(phone.as_str());
        })
        .option(email.as_ref(), |writer, email| {
            writer.text(email.as_str());
        })
        .option(address.as_ref(), |writer, address| write_address(writer, &address.fields()));
}

/// Bytes that [`write_demographics`] takes at most.
pub(crate) fn written_demographics_size(demographics: &Demographics) -> usize {
    // Five bytes for every text, five for date and gender, and nothing known about the address but its
    // limits: nine lines of 100 characters of at most four bytes.
    let texts = [
        demographics.name.as_str().len(),
        demographics.phone.as_ref().map_or(0, |phone| phone.as_str().len()),
        demographics.email.as_ref().map_or(0, |email| email.as_str().len()),
        demographics.address.as_ref().map_or(0, |_| 9 * 404),
    ];
    texts.into_iter().fold(64, usize::saturating_add)
}

/// Reads what [`write_demographics`] wrote.
pub(crate) fn read_demographics(reader: &mut Reader<'_>) -> Result<Demographics, DecodeError> {
    let basic = read_demographics_format_1(reader)?;
    let phone = reader.option("phone", |reader| {
        let text = reader.text("phone")?;
        let phone = reader.parsed("phone", Phone::parse(text))?;
        if phone.as_str() == text { Ok(phone) } else { Err(reader.value("phone")) }
    })?;
    let email = reader.option("email", |reader| {
        let text = reader.text("email")?;
        let email = reader.parsed("email", Email::parse(text))?;
        if email.as_str() == text { Ok(email) } else { Err(reader.value("email")) }
    })?;
    let address = reader.option("address", read_address)?;
    Ok(Demographics { phone, email, address, ..basic })
}

/// Reads what the first format of each record had of a person: everything up to the gender.
pub(crate) fn read_demographics_format_1(reader: &mut Reader<'_>) -> Result<Demographics, DecodeError> {
    let name = reader.text("name")?;
    let name = reader.parsed("name", Name::parse(name))?;
    let year = reader.u16("date_of_birth")?;
    let year = reader.parsed("date_of_birth", i16::try_from(year))?;
    let month = reader.u8("date_of_birth")?;
    let day = reader.u8("date_of_birth")?;
    let date_of_birth = reader.parsed("date_of_birth", DateOfBirth::new(year, month, day))?;
    let gender = reader.u8("gender")?;
    let gender = Gender::from_letter(char::from(gender)).ok_or_else(|| reader.value("gender"))?;
    Ok(Demographics { name, date_of_birth, gender, phone: None, email: None, address: None })
}

fn write_address(writer: &mut Writer, fields: &AddressFields) {
    let AddressFields { care_of, house, street, landmark, locality, district, state, postcode, country } =
        fields;
    for line in [care_of, house, street, landmark, locality, district, state, postcode, country] {
        writer.text(line);
    }
}

fn read_address(reader: &mut Reader<'_>) -> Result<Address, DecodeError> {
    let mut line = |field| reader.text(field).map(str::to_owned);
    let fields = AddressFields {
        care_of: line("address.care_of")?,
        house: line("address.house")?,
        street: line("address.street")?,
        landmark: line("address.landmark")?,
        locality: line("address.locality")?,
        district: line("address.district")?,
        state: line("address.state")?,
        postcode: line("address.postcode")?,
        country: line("address.country")?,
    };
    let address = reader.parsed("address", Address::new(fields.clone()))?;
    if address.fields() == fields { Ok(address) } else { Err(reader.value("address")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    fn record() -> IdentityRecord {
        IdentityRecord {
            sequence: Sequence::new(7),
            status: LifecycleStatus::Suspended,
            demographics: Demographics {
                name: Name::parse("Zoë").unwrap(),
                date_of_birth: DateOfBirth::new(1985, 12, 10).unwrap(),
                gender: Gender::Third,
                phone: Some(Phone::parse("+4930123456").unwrap()),
                email: Some(Email::parse("zoe@example.org").unwrap()),
                address: Some(address()),
            },
            enrolled_at: Timestamp::from_millis(0x0102),
            agency: PartyId::parse("post").unwrap(),
            fingers: 10,
            locks: Locks { number: true, face: true, ..Locks::default() },
            totp: Some(TotpSecret::from_bytes([6; 20])),
            virtual_number: Some(virtual_number()),
        }
    }

    fn address() -> Address {
        let fields = AddressFields {
            house: "12".to_owned(),
            street: "Ring".to_owned(),
            postcode: "10115".to_owned(),
            ..AddressFields::default()
        };
        Address::new(fields).unwrap()
    }

    fn virtual_number() -> VirtualNumber {
        VirtualNumber::draw(&mut StdRng::seed_from_u64(1))
    }

    /// The same record as far as format 1 could say it.
    fn plain_record() -> IdentityRecord {
        let full = record();
        IdentityRecord {
            demographics: Demographics { phone: None, email: None, address: None, ..full.demographics },
            locks: Locks::default(),
            totp: None,
            virtual_number: None,
            ..full
        }
    }

    #[test]
    fn an_identity_record_has_these_bytes() {
        let expected = [
            &[2][..],                  // format
            &[0, 0, 0, 0, 0, 0, 0, 7], // sequence
            &[2],                      // status: suspended
            &[0, 0, 0, 4],
            "Zoë".as_bytes(),      // name, 4 bytes of UTF-8
            &[0x07, 0xc1, 12, 10], // born 1985-12-10
            b"T",                  // gender
            &[1],
            &[0, 0, 0, 11],
            b"+4930123456", // there is a phone number
            &[1],
            &[0, 0, 0, 15],
            b"zoe@example.org", // there is an e-mail address
            &[1],               // there is an address
            &[0, 0, 0, 0],      // care of nobody
            &[0, 0, 0, 2],
            b"12", // house
            &[0, 0, 0, 4],
            b"Ring",  // street
            &[0; 16], // no landmark, locality, district, state
            &[0, 0, 0, 5],
            b"10115",                  // postcode
            &[0, 0, 0, 0],             // no country
            &[0, 0, 0, 0, 0, 0, 1, 2], // enrolled at
            &[0, 0, 0, 4],
            b"post",  // agency
            &[10],    // fingers
            &[1 | 8], // locks: number, face
            &[1],
            &[6; 20], // there is a secret of one-time codes
            &[1],
            &virtual_number().digits(), // there is a virtual number
        ]
        .concat();
        assert_eq!(record().encode(), expected);
        assert_eq!(IdentityRecord::decode(&expected), Ok(record()));
    }

    #[test]
    fn the_smallest_identity_record_has_these_bytes() {
        let expected = [
            &[2][..],                  // format
            &[0, 0, 0, 0, 0, 0, 0, 7], // sequence
            &[2],                      // status: suspended
            &[0, 0, 0, 4],
            "Zoë".as_bytes(),          // name, 4 bytes of UTF-8
            &[0x07, 0xc1, 12, 10],     // born 1985-12-10
            b"T",                      // gender
            &[0],                      // no phone number
            &[0],                      // no e-mail address
            &[0],                      // no address
            &[0, 0, 0, 0, 0, 0, 1, 2], // enrolled at
            &[0, 0, 0, 4],
            b"post", // agency
            &[10],   // fingers
            &[0],    // nothing locked
            &[0],    // no secret of one-time codes
            &[0],    // no virtual number
        ]
        .concat();
        assert_eq!(plain_record().encode(), expected);
        assert_eq!(IdentityRecord::decode(&expected), Ok(plain_record()));
    }

    #[test]
    fn a_record_of_format_1_is_still_read() {
        let old = [
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
        assert_eq!(IdentityRecord::decode(&old), Ok(plain_record()));
        assert!(IdentityRecord::decode(&[&[3], &old[1..]].concat()).is_err());
    }

    #[test]
    fn a_text_that_is_not_in_its_normal_form_is_no_record() {
        let bytes = record().encode();
        let altered = |from: &[u8], to: &[u8]| {
            let place = bytes.windows(from.len()).position(|window| window == from).unwrap();
            let altered = [&bytes[..place], to, &bytes[place + from.len()..]].concat();
            IdentityRecord::decode(&altered).map_err(|error| error.field)
        };
        assert_eq!(altered(b"+4930123456", b"+49 3012345"), Err("phone"));
        assert_eq!(altered(b"zoe@example.org", b"zoe@example org"), Err("email"));
        assert_eq!(altered(&[0, 0, 0, 4, b'R', b'i', b'n', b'g'], &[0, 0, 0, 4, 7, 7, 7, 7]), Err("address"));
    }

    #[test]
    fn locks_are_one_bit_each() {
        for bits in 0..16 {
            assert_eq!(Locks::from_bits(bits).map(Locks::bits), Some(bits));
        }
        assert!((16..=255).all(|bits| Locks::from_bits(bits).is_none()));
        assert_eq!(Locks { irises: true, ..Locks::default() }.bits(), 4);
    }

    #[test]
    fn only_an_active_number_can_be_used() {
        let usable = LifecycleStatus::ALL.into_iter().filter(|status| status.refusal().is_none());
        assert_eq!(usable.collect::<Vec<_>>(), [LifecycleStatus::Active]);
    }

    #[test]
    fn nothing_personal_shows_in_debug_output() {
        let shown = format!("{:?}", record());
        for secret in ["Zoë", "4930", "zoe@", "Ring", &virtual_number().reveal()] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    proptest! {
        #[test]
        fn a_record_decodes_to_itself(
            sequence: u64, at: u64, fingers: u8, status in 0..6_usize, gender in 0..3_usize, locks in 0..16_u8,
            totp: Option<[u8; 20]>, seed: Option<u64>, phone in proptest::option::of("\\+[1-9][0-9]{7,14}"),
            house in proptest::option::of("[1-9][0-9]{0,3}"),
            name in "\\p{L}[\\p{L} ]{0,30}", (year, month, day) in (1850..=9999_i16, 1..=12_u8, 1..=28_u8),
        ) {
            let record = IdentityRecord {
                sequence: Sequence::new(sequence),
                status: LifecycleStatus::ALL[status],
                demographics: Demographics {
                    name: Name::parse(&name).unwrap(),
                    date_of_birth: DateOfBirth::new(year, month, day).unwrap(),
                    gender: Gender::ALL[gender],
                    phone: phone.map(|text| Phone::parse(&text).unwrap()),
                    email: seed.map(|seed| Email::parse(&format!("a{seed}@example.org")).unwrap()),
                    address: house.map(|house| {
                        Address::new(AddressFields { house, ..AddressFields::default() }).unwrap()
                    }),
                },
                enrolled_at: Timestamp::from_millis(at),
                agency: PartyId::parse("post").unwrap(),
                fingers,
                locks: Locks::from_bits(locks).unwrap(),
                totp: totp.map(TotpSecret::from_bytes),
                virtual_number: seed.map(|seed| VirtualNumber::draw(&mut StdRng::seed_from_u64(seed))),
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
                // Whatever format the bytes claim, what is written is the newest.
                prop_assert!(bytes[0] == 1 || decoded.encode() == bytes);
            }
        }

        #[test]
        fn a_truncated_record_is_an_error(length in any::<prop::sample::Index>()) {
            let bytes = record().encode();
            prop_assert!(IdentityRecord::decode(&bytes[..length.index(bytes.len())]).is_err());
        }

        #[test]
        fn any_bytes_are_a_record_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = IdentityRecord::decode(&bytes);
        }
    }
}
