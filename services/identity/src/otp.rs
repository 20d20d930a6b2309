//! One-time codes: those that are sent to a person, and those of the person's own authenticator (RFC 6238).

mod delivery;
mod totp;

use std::fmt;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::authentication::CodeFinding;
use crate::codec::{DecodeError, Reader, Writer};
use crate::field::FieldViolation;
use crate::time::Timestamp;

pub use delivery::{Delivery, Destination};
pub use totp::TotpSecret;

/// How long a sent code is good for, in milliseconds: ten minutes.
pub const LIFETIME_MS: u64 = 600_000;

/// Wrong codes that may be given for one transaction. After these even the right one is not accepted.
pub const MAX_WRONG: u8 = 3;

/// Six decimal digits. A secret: wiped when dropped, compared in constant time, never shown.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct OtpCode([u8; Self::LENGTH]);

impl OtpCode {
    /// Digits of a code.
    pub const LENGTH: usize = 6;

    /// Reads six digits and nothing else.
    ///
    /// # Errors
    /// [`Reason::Malformed`](crate::reason::Reason::Malformed), with an empty field.
    pub fn parse(text: &str) -> Result<Self, FieldViolation> {
        let digits = text.as_bytes().try_into().ok();
        digits.and_then(Self::from_digits).ok_or_else(|| FieldViolation::malformed("", "must be 6 digits"))
    }

    /// The code of these ASCII digits; none if they are not all digits.
    #[must_use]
    pub fn from_digits(digits: [u8; Self::LENGTH]) -> Option<Self> {
        let digits = Self(digits);
        digits.0.iter().all(u8::is_ascii_digit).then_some(digits)
    }

    /// Draws one of the million codes, each as likely as any other.
    pub fn draw<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        const CODES: u32 = 1_000_000;
        // 20 bits are the fewest that hold every code. A draw beyond the last is thrown away, because folding
        // it back would make some codes likelier than others.
        let mut left = loop {
            let draw = rng.next_u32() >> (32 - 20);
            if draw < CODES {
                break draw;
            }
        };
        let mut code = Self([b'0'; Self::LENGTH]);
        for digit in code.0.iter_mut().rev() {
            *digit = b'0' + u8::try_from(left % 10).unwrap_or(0);
            left /= 10;
        }
        code
    }

    /// The six ASCII digits.
    #[must_use]
    pub fn digits(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// The six digits as a text. Only for the message to the person and for forms that a signed request
    /// carries.
    #[must_use]
    pub fn reveal(&self) -> String {
        self.0.iter().map(|&digit| char::from(digit)).collect()
    }
}

/// Takes the same time wherever the two differ.
impl PartialEq for OtpCode {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for OtpCode {}

impl fmt::Debug for OtpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OtpCode(..)")
    }
}

/// A code that was sent for one transaction of one relying party. Its row is found by those two, so no other
/// transaction and no other relying party ever meets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtpRow {
    /// The person to whom it was sent, as the key of their counters. It may be nobody.
    pub person: [u8; 16],
    /// The code.
    pub code: OtpCode,
    /// The first moment at which it is no longer good.
    pub expires_at: Timestamp,
    /// Wrong codes that were given for it.
    pub wrong: u8,
    /// Whether it was given, and so used up.
    pub used: bool,
}

impl OtpRow {
    const RECORD: &'static str = "otp";
    const FORMAT: u8 = 1;

    /// A fresh code for a person, good for [`LIFETIME_MS`] from `now`.
    pub fn draw<R: CryptoRng + ?Sized>(person: [u8; 16], now: Timestamp, rng: &mut R) -> Self {
        let expires_at = now.plus_millis(LIFETIME_MS);
        Self { person, code: OtpCode::draw(rng), expires_at, wrong: 0, used: false }
    }

    /// Compares a code that was given for this transaction, and counts it. The caller keeps the row, whatever
    /// the answer, in the commit of the decision. Where there is no row at all, the answer is
    /// [`CodeFinding::OtherTransaction`].
    ///
    /// The first of: sent to another person; used before or too late, which is a wrong code like any other;
    /// too many wrong codes; not the code, which is counted. The right code is used up by this, even if the
    /// decision is a no for another reason.
    pub fn check(&mut self, person: &[u8; 16], code: &OtpCode, now: Timestamp) -> CodeFinding {
        let same_person = self.person.ct_eq(person);
        let same_code = self.code.0.ct_eq(&code.0);
        if !bool::from(same_person) {
            return CodeFinding::OtherTransaction;
        }
        if self.used || now >= self.expires_at {
            return CodeFinding::Wrong;
        }
        if self.wrong >= MAX_WRONG {
            return CodeFinding::UsedUp;
        }
        if !bool::from(same_code) {
            self.wrong = self.wrong.saturating_add(1);
            return CodeFinding::Wrong;
        }
        self.used = true;
        CodeFinding::Right
    }

    /// The stored form: format 1, person (16), code (6 ASCII digits), expires at (u64 ms), wrong (1), used
    /// (1).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        Writer::new(Self::FORMAT, 32)
            .array(&self.person)
            .array(&self.code.0)
            .u64(self.expires_at.millis())
            .u8(self.wrong)
            .u8(u8::from(self.used))
            .finish()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(Self::RECORD, Self::FORMAT, bytes)?;
        let person = reader.array("person")?;
        let code = read_code(&mut reader)?;
        let expires_at = Timestamp::from_millis(reader.u64("expires_at")?);
        let wrong = reader.u8("wrong")?;
        let used = reader.flag("used")?;
        reader.finish()?;
        Ok(Self { person, code, expires_at, wrong, used })
    }
}

fn read_code(reader: &mut Reader<'_>) -> Result<OtpCode, DecodeError> {
    let digits = reader.array("code")?;
    OtpCode::from_digits(digits).ok_or_else(|| reader.value("code"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const ADA: [u8; 16] = [1; 16];

    fn code(text: &str) -> OtpCode {
        OtpCode::parse(text).unwrap()
    }

    fn row(digits: &str) -> OtpRow {
        let expires_at = NOON.plus_millis(LIFETIME_MS);
        OtpRow { person: ADA, code: code(digits), expires_at, wrong: 0, used: false }
    }

    #[test]
    fn a_code_is_six_ascii_digits() {
        assert_eq!(code("004217").digits(), b"004217");
        assert_eq!(code("004217").reveal(), "004217");
        for text in ["", "12345", "1234567", "12345a", "+12345", " 12345", "１２３４５６", "12"] {
            assert!(OtpCode::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn drawn_codes_spread_over_all_of_them() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut counts = [[0_u32; 10]; OtpCode::LENGTH];
        for _ in 0..10_000 {
            for (place, digit) in OtpCode::draw(&mut rng).digits().iter().enumerate() {
                counts[place][usize::from(digit - b'0')] += 1;
            }
        }
        // 1,000 expected with a standard deviation of 30: five deviations either way.
        assert!(counts.iter().flatten().all(|count| (850..=1_150).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_code_fits_once_and_its_person_only() {
        let mut row = row("123456");
        assert_eq!(row.check(&[2; 16], &code("123456"), NOON), CodeFinding::OtherTransaction);
        assert_eq!((row.wrong, row.used), (0, false), "another person's attempt changes nothing");
        assert_eq!(row.check(&ADA, &code("123456"), NOON), CodeFinding::Right);
        assert_eq!(row.check(&ADA, &code("123456"), NOON), CodeFinding::Wrong);
        assert_eq!(row.check(&ADA, &code("654321"), NOON), CodeFinding::Wrong);
    }

    #[test]
    fn after_three_wrong_codes_even_the_right_one_is_not_accepted() {
        let mut row = row("123456");
        for digits in ["123457", "023456", "000000"] {
            assert_eq!(row.check(&ADA, &code(digits), NOON), CodeFinding::Wrong);
        }
        assert_eq!(row.wrong, MAX_WRONG);
        for digits in ["123456", "000000"] {
            assert_eq!(row.check(&ADA, &code(digits), NOON), CodeFinding::UsedUp);
        }
        assert!(!row.used && row.wrong == MAX_WRONG);
    }

    #[test]
    fn a_code_is_good_for_ten_minutes() {
        let at = |millis| row("123456").check(&ADA, &code("123456"), NOON.plus_millis(millis));
        assert_eq!(
            [at(0), at(599_999), at(600_000)],
            [CodeFinding::Right, CodeFinding::Right, CodeFinding::Wrong]
        );
        let mut late = row("123456");
        late.check(&ADA, &code("000000"), NOON.plus_millis(600_000));
        assert_eq!(late, row("123456"), "a late code is not even counted");
        let drawn = OtpRow::draw(ADA, NOON, &mut StdRng::seed_from_u64(1));
        assert_eq!((drawn.expires_at, drawn.wrong, drawn.used), (NOON.plus_millis(600_000), 0, false));
    }

    #[test]
    fn a_sent_code_has_these_bytes() {
        let row = OtpRow {
            person: [1; 16],
            code: code("012345"),
            expires_at: Timestamp::from_millis(0x0203),
            wrong: 2,
            used: true,
        };
        let expected = [
            &[1][..],                  // format
            &[1; 16],                  // person
            b"012345",                 // code
            &[0, 0, 0, 0, 0, 0, 2, 3], // expires at
            &[2],                      // wrong codes
            &[1],                      // used
        ]
        .concat();
        assert_eq!(row.encode(), expected);
        assert_eq!(OtpRow::decode(&expected), Ok(row));
    }

    #[test]
    fn a_code_does_not_show_in_debug_output() {
        let shown = format!("{:?}", row("123456"));
        assert!(!shown.contains("12345") && shown.contains("OtpCode(..)"), "{shown}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_row_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = OtpRow::decode(&bytes);
        }

        #[test]
        fn an_altered_row_is_another_one_or_an_error(place in any::<prop::sample::Index>(), byte: u8) {
            let mut bytes = row("123456").encode();
            let length = bytes.len();
            bytes[place.index(length)] = byte;
            if let Ok(decoded) = OtpRow::decode(&bytes) {
                prop_assert_eq!(decoded.encode(), bytes);
            }
        }
    }
}
