//! Decimal digits with a check digit: what numbers of every length have in common.

use std::fmt;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use super::NumberError;

/// `N` ASCII digits, a multiple of four and at most 16, the first of them 2-9, the last a Verhoeff check digit.
///
/// `Display` shows the last four only; equality takes the same time wherever two values differ.
#[derive(Clone, Copy)]
pub(crate) struct Digits<const N: usize>([u8; N]);

impl<const N: usize> Digits<N> {
    /// How many values there are for each first digit: ten for each digit but the first and the last.
    const SHARE: u64 = {
        assert!(N >= 4 && N <= 16 && N.is_multiple_of(4), "numbers are written in groups of four");
        let mut share = 1;
        let mut place = 2;
        while place < N {
            share *= 10;
            place += 1;
        }
        share
    };

    /// Reads `N` digits, written together or in groups of four with one space or hyphen between groups.
    pub(crate) fn parse(text: &str) -> Result<Self, NumberError> {
        let mut digits = [0; N];
        let mut count = 0;
        let mut separated = false;
        for character in text.chars() {
            let between_groups = count > 0 && count < N && count.is_multiple_of(4) && !separated;
            match character {
                '0'..='9' => {
                    *digits.get_mut(count).ok_or(NumberError::Length(N))? =
                        u8::try_from(character).unwrap_or(b'0');
                    count += 1;
                    separated = false;
                }
                ' ' | '-' if between_groups => separated = true,
                _ => return Err(NumberError::Character),
            }
        }
        if count == N { Self::from_digits(digits) } else { Err(NumberError::Length(N)) }
    }

    /// Reads `N` ASCII digits.
    pub(crate) fn from_digits(digits: [u8; N]) -> Result<Self, NumberError> {
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

    /// Draws one of all values, any as likely as another.
    pub(crate) fn draw<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let values = 8 * Self::SHARE;
        // The shift leaves the fewest bits that hold every value. A draw beyond the last is thrown away,
        // because folding it back would make some values likelier than others.
        let mut payload = loop {
            let draw = rng.next_u64() >> values.leading_zeros();
            if draw < values {
                break 2 * Self::SHARE + draw;
            }
        };
        let mut digits = [b'0'; N];
        for digit in digits[..N - 1].iter_mut().rev() {
            *digit = ascii(payload % 10);
            payload /= 10;
        }
        digits[N - 1] = ascii(u64::from(INVERSE[usize::from(verhoeff_checksum(&digits))]));
        Self(digits)
    }

    /// All digits as text.
    pub(crate) fn reveal(&self) -> String {
        self.0.iter().map(|&digit| char::from(digit)).collect()
    }

    /// All digits as ASCII bytes.
    pub(crate) const fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> PartialEq for Digits<N> {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl<const N: usize> Eq for Digits<N> {}

/// Dots for every group but the last, and the last four digits.
impl<const N: usize> fmt::Display for Digits<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for _ in 0..N / 4 - 1 {
            f.write_str("•••• ")?;
        }
        self.0[N - 4..].iter().try_for_each(|&digit| fmt::Write::write_char(f, char::from(digit)))
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
}
