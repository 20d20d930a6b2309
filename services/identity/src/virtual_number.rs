//! The 16-digit virtual number, which stands in for an identity number and can be taken back.

use std::fmt;

use rand_core::CryptoRng;

use crate::codec::{DecodeError, Reader, Writer};
use crate::number::{Digits, IdentityNumber, NumberError};
use crate::reason::Reason;
use crate::time::Timestamp;

/// A virtual number: 16 decimal digits, the first 2-9, the last a Verhoeff check digit.
///
/// There are 8 x 10^14 of them, drawn at random, and whoever has one can be reached by it until its holder
/// revokes it; nobody can tell the identity number from it. It is no credential. `Debug` and `Display` show
/// the last four digits only, and equality takes the same time wherever two numbers differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VirtualNumber(Digits<{ Self::LENGTH }>);

impl VirtualNumber {
    /// Digits of a virtual number.
    pub const LENGTH: usize = 16;

    /// Reads 16 digits, written together or as four groups of four with one space or hyphen between groups.
    ///
    /// # Errors
    /// [`NumberError`] says which rule is broken, in the order in which the variants stand.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        Digits::parse(text).map(Self)
    }

    /// Reads 16 ASCII digits.
    ///
    /// # Errors
    /// As [`VirtualNumber::parse`].
    pub fn from_digits(digits: [u8; Self::LENGTH]) -> Result<Self, NumberError> {
        Digits::from_digits(digits).map(Self)
    }

    /// Draws a number uniformly from all 8 x 10^14.
    pub fn draw<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self(Digits::draw(rng))
    }

    /// All 16 digits. Only for the person's own receipt and for forms that a signed request carries.
    #[must_use]
    pub fn reveal(&self) -> String {
        self.0.reveal()
    }

    /// The 16 digits as ASCII bytes, the form that table keys are derived from.
    #[must_use]
    pub fn digits(&self) -> [u8; Self::LENGTH] {
        *self.0.as_bytes()
    }

    pub(crate) const fn digits_ref(&self) -> &[u8; Self::LENGTH] {
        self.0.as_bytes()
    }
}

impl fmt::Display for VirtualNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for VirtualNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// How long a virtual number lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VirtualNumberKind {
    /// For one answer.
    OneTime,
    /// Until a moment.
    Expiring,
    /// Until it is revoked or replaced.
    Perpetual,
}

impl VirtualNumberKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::OneTime, Self::Expiring, Self::Perpetual];

    const fn code(self) -> u8 {
        match self {
            Self::OneTime => 1,
            Self::Expiring => 2,
            Self::Perpetual => 3,
        }
    }
}

/// Whether a virtual number still stands for its holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VirtualNumberState {
    /// It does, unless it has expired.
    Active,
    /// It was for one use, and has had it.
    Used,
    /// Its holder revoked or replaced it.
    Revoked,
}

impl VirtualNumberState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Active, Self::Used, Self::Revoked];

    const fn code(self) -> u8 {
        match self {
            Self::Active => 1,
            Self::Used => 2,
            Self::Revoked => 3,
        }
    }
}

/// What is recorded about a virtual number. The row stays when the number is out of use, so that the same
/// digits are never given to anybody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VirtualNumberRow {
    /// The identity number that it stands for.
    pub number: IdentityNumber,
    /// How long it lives.
    pub kind: VirtualNumberKind,
    /// The last moment of its life, if it has one.
    pub expires_at: Option<Timestamp>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Whether it still stands for its holder.
    pub state: VirtualNumberState,
}

impl VirtualNumberRow {
    const RECORD: &'static str = "virtual number";
    const FORMAT: u8 = 1;

    /// Why the number gets a no at `now`: [`Reason::InvalidVirtualNumber`] if it was revoked,
    /// [`Reason::ExpiredVirtualNumber`] if it has been used or has expired. None if it can be used.
    #[must_use]
    pub fn refusal(&self, now: Timestamp) -> Option<Reason> {
        match self.state {
            VirtualNumberState::Revoked => Some(Reason::InvalidVirtualNumber),
            VirtualNumberState::Used => Some(Reason::ExpiredVirtualNumber),
            VirtualNumberState::Active => {
                self.expires_at.filter(|last| now > *last).map(|_| Reason::ExpiredVirtualNumber)
            }
        }
    }

    /// The stored form, to be sealed: format 1, number (12 digits), kind (1: 1 one use, 2 expiring, 3
    /// perpetual), expires at (option, u64 ms), issued at (u64 ms), state (1: 1 active, 2 used, 3 revoked).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        Writer::new(Self::FORMAT, 31)
            .array(&self.number.digits())
            .u8(self.kind.code())
            .option(self.expires_at, |writer, at| {
                writer.u64(at.millis());
            })
            .u64(self.issued_at.millis())
            .u8(self.state.code())
            .finish()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(Self::RECORD, Self::FORMAT, bytes)?;
        let number = reader.array("number")?;
        let number = reader.parsed("number", IdentityNumber::from_digits(number))?;
        let kind = reader.u8("kind")?;
        let kind = VirtualNumberKind::ALL
            .into_iter()
            .find(|known| known.code() == kind)
            .ok_or_else(|| reader.value("kind"))?;
        let expires_at = reader.option("expires_at", |reader| reader.u64("expires_at"))?;
        let expires_at = expires_at.map(Timestamp::from_millis);
        let issued_at = Timestamp::from_millis(reader.u64("issued_at")?);
        let state = reader.u8("state")?;
        let state = VirtualNumberState::ALL
            .into_iter()
            .find(|known| known.code() == state)
            .ok_or_else(|| reader.value("state"))?;
        reader.finish()?;
        Ok(Self { number, kind, expires_at, issued_at, state })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    fn drawn(seed: u64) -> VirtualNumber {
        VirtualNumber::draw(&mut StdRng::seed_from_u64(seed))
    }

    fn row() -> VirtualNumberRow {
        VirtualNumberRow {
            number: IdentityNumber::draw(&mut StdRng::seed_from_u64(1)),
            kind: VirtualNumberKind::Expiring,
            expires_at: Some(Timestamp::from_millis(0x20)),
            issued_at: Timestamp::from_millis(0x10),
            state: VirtualNumberState::Active,
        }
    }

    proptest! {
        #[test]
        fn a_drawn_number_reads_back_in_every_written_form(seed: u64) {
            let number = drawn(seed);
            let digits = number.reveal();
            prop_assert!(VirtualNumber::parse(&digits) == Ok(number));
            for separator in [" ", "-"] {
                let grouped = [&digits[..4], &digits[4..8], &digits[8..12], &digits[12..]].join(separator);
                prop_assert!(VirtualNumber::parse(&grouped) == Ok(number));
            }
        }

        #[test]
        fn every_single_digit_error_and_every_swap_of_neighbours_is_caught(seed: u64) {
            let number = drawn(seed).digits();
            for place in 0..16 {
                for digit in b'0'..=b'9' {
                    let mut wrong = number;
                    wrong[place] = digit;
                    prop_assert_eq!(VirtualNumber::from_digits(wrong).is_ok(), digit == number[place]);
                }
            }
            for place in 0..15 {
                let mut wrong = number;
                wrong.swap(place, place + 1);
                prop_assert_eq!(VirtualNumber::from_digits(wrong).is_ok(), wrong == number);
            }
        }

        #[test]
        fn any_text_is_a_number_or_a_reason(text in "\\PC*") {
            let _ = VirtualNumber::parse(&text);
        }

        #[test]
        fn altered_bytes_decode_to_what_they_say_or_not_at_all(
            place in any::<prop::sample::Index>(), byte: u8,
        ) {
            let mut bytes = row().encode();
            let place = place.index(bytes.len());
            bytes[place] = byte;
            if let Ok(decoded) = VirtualNumberRow::decode(&bytes) {
                prop_assert_eq!(decoded.encode(), bytes);
            }
        }

        #[test]
        fn any_bytes_are_a_row_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = VirtualNumberRow::decode(&bytes);
        }
    }

    #[test]
    fn each_broken_rule_has_its_own_error() {
        for (text, error) in [
            ("", NumberError::Length(16)),
            ("234567890123", NumberError::Length(16)),
            ("23456789012345678", NumberError::Length(16)),
            ("2345 6789 0123 4567 ", NumberError::Character),
            ("23456 78901234567", NumberError::Character),
            ("1234567890123456", NumberError::FirstDigit),
        ] {
            assert_eq!(VirtualNumber::parse(text).err(), Some(error), "{text}");
        }
    }

    #[test]
    fn draws_spread_over_every_first_digit_and_every_check_digit() {
        let mut rng = StdRng::seed_from_u64(7);
        let mut first = [0_u32; 10];
        let mut last = [0_u32; 10];
        for _ in 0..80_000 {
            let digits = VirtualNumber::draw(&mut rng).digits();
            first[usize::from(digits[0] - b'0')] += 1;
            last[usize::from(digits[15] - b'0')] += 1;
        }
        assert_eq!(first[..2], [0, 0]);
        // 10,000 expected with a standard deviation of 94; 8,000 expected with one of 85: five deviations
        // either way.
        assert!(first[2..].iter().all(|count| (9_530..=10_470).contains(count)), "{first:?}");
        assert!(last.iter().all(|count| (7_575..=8_425).contains(count)), "{last:?}");
    }

    #[test]
    fn a_printed_number_shows_its_last_four_digits_only() {
        let number = drawn(3);
        let masked = format!("•••• •••• •••• {}", &number.reveal()[12..]);
        assert_eq!(number.to_string(), masked);
        assert_eq!(format!("{number:?}"), masked);
    }

    #[test]
    fn a_virtual_number_row_has_these_bytes() {
        let expected = [
            &[1][..],                     // format
            &row().number.digits(),       // number
            &[2],                         // kind: expiring
            &[1],                         // it expires
            &[0, 0, 0, 0, 0, 0, 0, 0x20], // expires at
            &[0, 0, 0, 0, 0, 0, 0, 0x10], // issued at
            &[1],                         // state: active
        ]
        .concat();
        assert_eq!(row().encode(), expected);
        assert_eq!(VirtualNumberRow::decode(&expected), Ok(row()));
        let perpetual = [
            &[1][..],                     // format
            &row().number.digits(),       // number
            &[3],                         // kind: perpetual
            &[0],                         // it does not expire
            &[0, 0, 0, 0, 0, 0, 0, 0x10], // issued at
            &[3],                         // state: revoked
        ]
        .concat();
        let (kind, state) = (VirtualNumberKind::Perpetual, VirtualNumberState::Revoked);
        let expected = VirtualNumberRow { kind, expires_at: None, state, ..row() };
        assert_eq!(expected.encode(), perpetual);
        assert_eq!(VirtualNumberRow::decode(&perpetual), Ok(expected));
    }

    #[test]
    fn a_number_out_of_use_says_why() {
        let at = |now, state| VirtualNumberRow { state, ..row() }.refusal(Timestamp::from_millis(now));
        assert_eq!(at(0x20, VirtualNumberState::Active), None);
        assert_eq!(at(0x21, VirtualNumberState::Active), Some(Reason::ExpiredVirtualNumber));
        assert_eq!(at(0x20, VirtualNumberState::Used), Some(Reason::ExpiredVirtualNumber));
        assert_eq!(at(0x21, VirtualNumberState::Revoked), Some(Reason::InvalidVirtualNumber));
        let endless = VirtualNumberRow { expires_at: None, ..row() };
        assert_eq!(endless.refusal(Timestamp::from_millis(u64::MAX)), None);
    }

    #[test]
    fn a_row_shows_neither_number() {
        assert!(!format!("{:?}", row()).contains(&row().number.reveal()[..8]));
    }
}
