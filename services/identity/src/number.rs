//! The 12-digit identity number.

use std::fmt;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

/// One person's identity number: 12 decimal digits, the first 2-9, the last a Verhoeff check digit.
///
/// There are 8 x 10^10 of them. A number is drawn at random and means nothing; with 1.4 billion people one
/// number in 57 is live, so a number is treated as guessable and is never a credential. It is still personal:
/// `Debug` and `Display` show the last four digits only, and equality takes the same time wherever two
/// numbers differ.
#[derive(Clone, Copy)]
pub struct IdentityNumber([u8; Self::LENGTH]);

/// Why a text is not an identity number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Not 12 digits.
    #[error("must be 12 digits")]
    Length,
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
        let mut digits = [0; Self::LENGTH];
        let mut count = 0;
        let mut separated = false;
        for character in text.chars() {
            let between_groups = (count == 4 || count == 8) && !separated;
            match character {
                '0'..='9' => {
                    *digits.get_mut(count).ok_or(NumberError::Length)? =
                        u8::try_from(character).unwrap_or(b'0');
                    count += 1;
                    separated = false;
                }
                ' ' | '-' if between_groups => separated = true,
                _ => return Err(NumberError::Character),
            }
        }
        if count == Self::LENGTH { Self::from_digits(digits) } else { Err(NumberError::Length) }
    }

    /// Reads 12 ASCII digits.
    ///
    /// # Errors
    /// As [`IdentityNumber::parse`].
    pub fn from_digits(digits: [u8; Self::LENGTH]) -> Result<Self, NumberError> {
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(NumberError::Character);
        }
        if digits[0] < b'2' {
            return Err(NumberError::FirstDigit);
        }
        if verhoeff_checksum(&digits) != 0 {
            return Err(NumberError::CheckDigit);
        }
        Ok(Self(digits))
    }

    /// Draws a number uniformly from all 8 x 10^10.
    pub fn draw<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        const NUMBERS: u64 = 80_000_000_000;
        // 37 bits are the fewest that hold every number. A draw beyond the last is thrown away, because
        // folding it back would make some numbers likelier than others.
        let mut payload = loop {
            let draw = rng.next_u64() >> (64 - 37);
            if draw < NUMBERS {
                break 20_000_000_000 + draw;
            }
        };
        let mut digits = [b'0'; Self::LENGTH];
        for digit in digits[..Self::LENGTH - 1].iter_mut().rev() {
            *digit = ascii(payload % 10);
            payload /= 10;
        }
        digits[Self::LENGTH - 1] = ascii(u64::from(INVERSE[usize::from(verhoeff_checksum(&digits))]));
        Self(digits)
    }

    /// All 12 digits. Only for the person's own receipt and for forms that a signed request carries.
    #[must_use]
    pub fn reveal(&self) -> String {
        self.0.iter().map(|&digit| char::from(digit)).collect()
    }

    /// The 12 digits as ASCII bytes, the form that table keys are derived from.
    #[must_use]
    pub fn digits(&self) -> [u8; Self::LENGTH] {
        self.0
    }
}

impl PartialEq for IdentityNumber {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for IdentityNumber {}

impl fmt::Display for IdentityNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••• •••• ")?;
        self.0[Self::LENGTH - 4..].iter().try_for_each(|&digit| fmt::Write::write_char(f, char::from(digit)))
    }
}

impl fmt::Debug for IdentityNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The ASCII form of a digit.
fn ascii(digit: u64) -> u8 {
    b"0123456789"[usize::try_from(digit % 10).unwrap_or(0)]
}

/// Multiplication in the dihedral group D5 (J. Verhoeff, "Error Detecting Decimal Codes", 1969).
const PRODUCT: [[u8; 10]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
    [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
    [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
    [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
    [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
    [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
];

/// Powers 0 to 7 of Verhoeff's permutation: row `i` is applied to the digit `i` places from the right.
const PERMUTATION: [[u8; 10]; 8] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
    [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
    [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
    [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
    [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
    [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
    [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
];

/// Inverses in D5.
const INVERSE: [u8; 10] = [0, 4, 3, 2, 1, 5, 6, 7, 8, 9];

/// 0 if the last of the ASCII digits is the right check digit. With a last digit of 0 it is the element whose
/// inverse is the right one.
fn verhoeff_checksum(digits: &[u8]) -> u8 {
    digits.iter().rev().enumerate().fold(0, |sum, (place, digit)| {
        let permuted = PERMUTATION[place % 8][usize::from(digit.wrapping_sub(b'0') % 10)];
        PRODUCT[usize::from(sum)][usize::from(permuted)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    fn drawn(seed: u64) -> IdentityNumber {
        IdentityNumber::draw(&mut StdRng::seed_from_u64(seed))
    }

    #[test]
    fn the_check_digit_of_the_literatures_example_is_three() {
        let wrong_digits = (b'0'..=b'9').filter(|digit| verhoeff_checksum(&[b'2', b'3', b'6', *digit]) != 0);
        assert_eq!(wrong_digits.collect::<Vec<_>>(), b"012456789");
        assert_eq!(verhoeff_checksum(b"2363"), 0);
    }

    #[test]
    fn the_tables_are_the_group_they_claim_to_be() {
        for a in 0..10_u8 {
            assert_eq!(PRODUCT[usize::from(a)][usize::from(INVERSE[usize::from(a)])], 0);
            for b in 0..10_u8 {
                for c in 0..10_u8 {
                    let product = |x: u8, y: u8| PRODUCT[usize::from(x)][usize::from(y)];
                    assert_eq!(product(product(a, b), c), product(a, product(b, c)));
                }
            }
        }
        for row in 1..8 {
            for digit in 0..10 {
                assert_eq!(PERMUTATION[row][digit], PERMUTATION[1][usize::from(PERMUTATION[row - 1][digit])]);
            }
        }
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
            ("", NumberError::Length),
            ("23456789012", NumberError::Length),
            ("2345678901234", NumberError::Length),
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
}
