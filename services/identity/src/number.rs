//! The 12-digit identity number, and what a request may name a person by.

mod digits;

use std::fmt;

use rand_core::CryptoRng;

use crate::field::FieldViolation;
use crate::reason::Reason;
use crate::virtual_number::VirtualNumber;

pub(crate) use digits::Digits;

/// One person's identity number: 12 decimal digits, the first 2-9, the last a Verhoeff check digit.
///
/// There are 8 x 10^10 of them. A number is drawn at random and means nothing; with 1.4 billion people one
/// number in 57 is live, so a number is treated as guessable and is never a credential. It is still personal:
/// `Debug` and `Display` show the last four digits only, and equality takes the same time wherever two
/// numbers differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IdentityNumber(Digits<{ Self::LENGTH }>);

/// Why a text is not an identity number or a virtual number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Not this many digits.
    #[error("must be {0} digits")]
    Length(usize),
    /// A character that is neither a digit nor a single space or hyphen between groups of four.
    #[error("must be digits, with at most a space or a hyphen between groups of four")]
    Character,
    /// First digit 0 or 1.
    #[error("must begin with a digit from 2 to 9")]
    FirstDigit,
    /// The check digit does not fit: a digit is mistyped, or two neighbours are swapped.
    #[error("has a wrong check digit: a digit is mistyped or two neighbours are swapped")]
    CheckDigit,
}

impl IdentityNumber {
    /// Digits of a number.
    pub const LENGTH: usize = 12;

    /// Reads 12 digits, written together or as three groups of four with one space or hyphen between groups.
    ///
    /// # Errors
    /// [`NumberError`] says which rule is broken, in the order in which the variants stand.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        Digits::parse(text).map(Self)
    }

    /// Reads 12 ASCII digits.
    ///
    /// # Errors
    /// As [`IdentityNumber::parse`].
    pub fn from_digits(digits: [u8; Self::LENGTH]) -> Result<Self, NumberError> {
        Digits::from_digits(digits).map(Self)
    }

    /// Draws a number uniformly from all 8 x 10^10.
    pub fn draw<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self(Digits::draw(rng))
    }

    /// All 12 digits. Only for the person's own receipt and for forms that a signed request carries.
    #[must_use]
    pub fn reveal(&self) -> String {
        self.0.reveal()
    }

    /// The 12 digits as ASCII bytes, the form that table keys are derived from.
    #[must_use]
    pub fn digits(&self) -> [u8; Self::LENGTH] {
        *self.0.as_bytes()
    }
}

impl fmt::Display for IdentityNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for IdentityNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What a request names a person by. As masked and as carefully compared as the numbers are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Identifier {
    /// The identity number.
    Number(IdentityNumber),
    /// A virtual number in its place.
    Virtual(VirtualNumber),
}

impl Identifier {
    /// Reads a number or a virtual number, whichever has as many digits as the text.
    ///
    /// # Errors
    /// [`Reason::InvalidVirtualNumber`] for 16 digits that are well written and no virtual number (a wrong
    /// first digit or check digit); otherwise [`Reason::Malformed`]. The violation's field is empty.
    pub fn parse(text: &str) -> Result<Self, FieldViolation> {
        let malformed = |error: NumberError| FieldViolation::malformed("", error.to_string());
        match text.bytes().filter(u8::is_ascii_digit).count() {
            IdentityNumber::LENGTH => IdentityNumber::parse(text).map(Self::Number).map_err(malformed),
            VirtualNumber::LENGTH => {
                VirtualNumber::parse(text).map(Self::Virtual).map_err(|error| match error {
                    NumberError::FirstDigit | NumberError::CheckDigit => {
                        FieldViolation::new("", Reason::InvalidVirtualNumber, error.to_string())
                    }
                    NumberError::Length(_) | NumberError::Character => malformed(error),
                })
            }
            _ => {
                let description = "must be 12 digits, or the 16 digits of a virtual number";
                Err(FieldViolation::malformed("", description))
            }
        }
    }

    /// The 12 or 16 digits as ASCII bytes, the form that table keys are derived from.
    #[must_use]
    pub fn digits(&self) -> &[u8] {
        match self {
            Self::Number(number) => number.0.as_bytes(),
            Self::Virtual(number) => number.digits_ref(),
        }
    }

    /// All digits. Only for forms that a signed request carries.
    #[must_use]
    pub fn reveal(&self) -> String {
        match self {
            Self::Number(number) => number.reveal(),
            Self::Virtual(number) => number.reveal(),
        }
    }
}

impl From<IdentityNumber> for Identifier {
    fn from(number: IdentityNumber) -> Self {
        Self::Number(number)
    }
}

impl From<VirtualNumber> for Identifier {
    fn from(number: VirtualNumber) -> Self {
        Self::Virtual(number)
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => fmt::Display::fmt(number, f),
            Self::Virtual(number) => fmt::Display::fmt(number, f),
        }
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    fn drawn(seed: u64) -> IdentityNumber {
        IdentityNumber::draw(&mut StdRng::seed_from_u64(seed))
    }

    proptest! {
        #[test]
        fn a_drawn_number_reads_back_in_every_written_form(seed: u64) {
            let number = drawn(seed);
            let digits = number.reveal();
            prop_assert!(IdentityNumber::parse(&digits) == Ok(number));
            for separator in [" ", "-"] {
                let grouped = [&digits[..4], &digits[4..8], &digits[8..]].join(separator);
                prop_assert!(IdentityNumber::parse(&grouped) == Ok(number));
            }
        }

        #[test]
        fn every_single_digit_error_is_caught(seed: u64) {
            let number = drawn(seed).digits();
            for place in 0..12 {
                for digit in b'0'..=b'9' {
                    let mut wrong = number;
                    wrong[place] = digit;
                    prop_assert_eq!(IdentityNumber::from_digits(wrong).is_ok(), digit == number[place]);
                }
            }
        }

        #[test]
        fn every_swap_of_neighbours_is_caught(seed: u64) {
            let number = drawn(seed).digits();
            for place in 0..11 {
                let mut wrong = number;
                wrong.swap(place, place + 1);
                prop_assert_eq!(IdentityNumber::from_digits(wrong).is_ok(), wrong == number);
            }
        }

        #[test]
        fn any_text_is_a_number_or_a_reason(text in "\\PC*") {
            let _ = IdentityNumber::parse(&text);
        }
    }

    #[test]
    fn each_broken_rule_has_its_own_error() {
        for (text, error) in [
            ("", NumberError::Length(12)),
            ("23456789012", NumberError::Length(12)),
            ("2345678901234", NumberError::Length(12)),
            ("2345 6789 0123 ", NumberError::Character),
            ("23456 7890123", NumberError::Character),
            ("2345  67890123", NumberError::Character),
            ("2345\u{a0}67890123", NumberError::Character),
            ("٢٣٤٥٦٧٨٩٠١٢٣", NumberError::Character),
            ("123456789012", NumberError::FirstDigit),
            ("012345678901", NumberError::FirstDigit),
        ] {
            assert_eq!(IdentityNumber::parse(text).err(), Some(error), "{text}");
        }
        let mut wrong = drawn(1).digits();
        wrong[11] = if wrong[11] == b'9' { b'0' } else { wrong[11] + 1 };
        assert_eq!(IdentityNumber::from_digits(wrong).err(), Some(NumberError::CheckDigit));
    }

    #[test]
    fn draws_spread_over_every_first_digit_and_every_check_digit() {
        let mut rng = StdRng::seed_from_u64(7);
        let mut first = [0_u32; 10];
        let mut last = [0_u32; 10];
        for _ in 0..80_000 {
            let digits = IdentityNumber::draw(&mut rng).digits();
            first[usize::from(digits[0] - b'0')] += 1;
            last[usize::from(digits[11] - b'0')] += 1;
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
        let masked = format!("•••• •••• {}", &number.reveal()[8..]);
        assert_eq!(number.to_string(), masked);
        assert_eq!(format!("{number:?}"), masked);
    }

    #[test]
    fn a_text_is_the_identifier_that_has_as_many_digits() {
        let number = drawn(1);
        let one = VirtualNumber::draw(&mut StdRng::seed_from_u64(1));
        assert!(Identifier::parse(&number.reveal()) == Ok(Identifier::Number(number)));
        assert!(Identifier::parse(&one.reveal()) == Ok(Identifier::Virtual(one)));
        for identifier in [Identifier::from(number), Identifier::from(one)] {
            let digits = identifier.reveal();
            assert_eq!(identifier.digits(), digits.as_bytes());
            let grouped: Vec<&str> = (0..digits.len()).step_by(4).map(|at| &digits[at..at + 4]).collect();
            assert!(Identifier::parse(&grouped.join(" ")) == Ok(identifier));
            assert!(!format!("{identifier} {identifier:?}").contains(&digits[..8]));
        }
    }

    #[test]
    fn a_text_that_is_no_identifier_is_refused_with_the_reason_of_its_length() {
        let altered = |digits: String| {
            let last = if digits.ends_with('9') { '0' } else { '9' };
            digits[..digits.len() - 1].chars().chain([last]).collect::<String>()
        };
        let virtual_number = altered(VirtualNumber::draw(&mut StdRng::seed_from_u64(1)).reveal());
        for (text, reason) in [
            ("", Reason::Malformed),
            ("2345", Reason::Malformed),
            ("23456789012345678", Reason::Malformed),
            ("123456789012", Reason::Malformed),
            ("2345x6789012", Reason::Malformed),
            ("23456789012345 67", Reason::Malformed),
            ("1234567890123456", Reason::InvalidVirtualNumber),
            (virtual_number.as_str(), Reason::InvalidVirtualNumber),
        ] {
            let violation = Identifier::parse(text).unwrap_err();
            assert_eq!((violation.field.as_str(), violation.reason), ("", reason), "{text}");
            assert!(!violation.description.contains("5678"), "{text}");
        }
    }
}
