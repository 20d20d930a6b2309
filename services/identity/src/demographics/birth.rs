//! Days and years of birth.

use std::fmt;

use jiff::civil::Date;
use subtle::{Choice, ConstantTimeEq};

use crate::field::FieldViolation;
use crate::reason::Reason;
use crate::time::Timestamp;

/// A day of birth in the Gregorian calendar, not before 1850.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DateOfBirth(Date);

impl DateOfBirth {
    /// The earliest year.
    pub const FIRST_YEAR: i16 = 1850;

    /// The day with this year, month (1-12) and day of the month (1-31).
    ///
    /// # Errors
    /// [`Reason::BadDate`], with an empty field, if there is no such day or it lies before 1850.
    pub fn new(year: i16, month: u8, day: u8) -> Result<Self, FieldViolation> {
        let number = |value: u8| i8::try_from(value).unwrap_or(i8::MAX);
        match Date::new(year, number(month), number(day)) {
            Ok(date) if year >= Self::FIRST_YEAR => Ok(Self(date)),
            _ => Err(FieldViolation::new("", Reason::BadDate, "must be a day that exists, not before 1850")),
        }
    }

    /// Reads exactly `YYYY-MM-DD`.
    ///
    /// # Errors
    /// [`Reason::BadDate`], with an empty field.
    pub fn parse(text: &str) -> Result<Self, FieldViolation> {
        let shape = || FieldViolation::new("", Reason::BadDate, "must be written YYYY-MM-DD");
        let bytes: &[u8; 10] = text.as_bytes().try_into().map_err(|_| shape())?;
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *bytes else { return Err(shape()) };
        let digits = |digits: &[u8]| number(digits).ok_or_else(shape);
        let small = |bytes: &[u8]| digits(bytes).map(|value| u8::try_from(value).unwrap_or(u8::MAX));
        Self::new(digits(&[y1, y2, y3, y4])?, small(&[m1, m2])?, small(&[d1, d2])?)
    }

    /// Checks that the day has begun somewhere on Earth at `now`. The easternmost time zones are 14 hours
    /// ahead of UTC.
    ///
    /// # Errors
    /// [`Reason::BadDate`], with an empty field.
    pub fn check_not_future(&self, now: Timestamp) -> Result<(), FieldViolation> {
        const EASTERNMOST_MS: u64 = 14 * 60 * 60 * 1000;
        match now.plus_millis(EASTERNMOST_MS).day() {
            Some(today) if self.0 > today => {
                Err(FieldViolation::new("", Reason::BadDate, "must not lie in the future"))
            }
            _ => Ok(()),
        }
    }

    /// Completed years of life at `now`, on the day that it is in UTC: one more from the birthday on. Who was
    /// born on 29 February has the birthday on 1 March in other years. 0 for who is not born yet; moments
    /// beyond the year 9999 count as its last day.
    #[must_use]
    pub fn age_at(&self, now: Timestamp) -> u16 {
        let today = now.day().unwrap_or(Date::MAX);
        let years = today.year().saturating_sub(self.0.year());
        let before_birthday = (today.month(), today.day()) < (self.0.month(), self.0.day());
        u16::try_from(years.saturating_sub(i16::from(before_birthday))).unwrap_or(0)
    }

    /// The year.
    #[must_use]
    pub fn year(&self) -> i16 {
        self.0.year()
    }

    /// The month, 1 to 12.
    #[must_use]
    pub fn month(&self) -> u8 {
        self.0.month().unsigned_abs()
    }

    /// The day of the month, 1 to 31.
    #[must_use]
    pub fn day(&self) -> u8 {
        self.0.day().unsigned_abs()
    }

    /// `YYYY-MM-DD`. Personal data: for messages and records only.
    #[must_use]
    pub fn reveal(&self) -> String {
        self.0.to_string()
    }

    fn same(&self, other: &Self) -> Choice {
        let bytes = |date: &Self| {
            let [high, low] = date.year().to_be_bytes();
            [high, low, date.month(), date.day()]
        };
        bytes(self).ct_eq(&bytes(other))
    }
}

impl fmt::Debug for DateOfBirth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DateOfBirth(..)")
    }
}

/// When a person is claimed to be born.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum BirthClaim {
    /// On this day.
    Date(DateOfBirth),
    /// In this year. Too many people are: see [`DemographicClaim::is_weak`](super::DemographicClaim::is_weak).
    Year(i16),
}

impl BirthClaim {
    /// Reads exactly `YYYY-MM-DD` or `YYYY`.
    ///
    /// # Errors
    /// [`Reason::BadDate`], with an empty field, if it is neither, or lies before 1850.
    pub fn parse(text: &str) -> Result<Self, FieldViolation> {
        if text.len() == 10 {
            return DateOfBirth::parse(text).map(Self::Date);
        }
        let year = Some(text.as_bytes()).filter(|bytes| bytes.len() == 4).and_then(number);
        match year {
            Some(year) if year >= DateOfBirth::FIRST_YEAR => Ok(Self::Year(year)),
            Some(_) => Err(FieldViolation::new("", Reason::BadDate, "must not lie before 1850")),
            None => Err(FieldViolation::new("", Reason::BadDate, "must be written YYYY-MM-DD or YYYY")),
        }
    }

    /// `YYYY-MM-DD` or `YYYY`. Personal data: for messages only.
    #[must_use]
    pub fn reveal(&self) -> String {
        match self {
            Self::Date(date) => date.reveal(),
            Self::Year(year) => format!("{year:04}"),
        }
    }

    pub(super) fn same(&self, recorded: &DateOfBirth) -> Choice {
        match self {
            Self::Date(date) => date.same(recorded),
            Self::Year(year) => year.to_be_bytes().ct_eq(&recorded.year().to_be_bytes()),
        }
    }
}

impl From<DateOfBirth> for BirthClaim {
    fn from(date: DateOfBirth) -> Self {
        Self::Date(date)
    }
}

impl fmt::Debug for BirthClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BirthClaim(..)")
    }
}

/// The number that at most four digits write.
fn number(digits: &[u8]) -> Option<i16> {
    digits
        .iter()
        .try_fold(0_i16, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i16::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_days_that_exist_are_dates_of_birth() {
        for text in ["2000-02-29", "1850-01-01", "1999-12-31"] {
            assert_eq!(DateOfBirth::parse(text).unwrap().reveal(), text);
        }
        for text in [
            "",
            "1999-02-29",
            "1900-02-29",
            "2000-13-01",
            "2000-00-10",
            "2000-01-00",
            "2000-04-31",
            "1849-12-31",
            "2000-1-01",
            "2000/01/01",
            "20000101",
            "+200-01-01",
            "2000-01-01 ",
            "２000-01-01",
            "0000-00-00",
            "9999-99-99",
        ] {
            assert_eq!(DateOfBirth::parse(text).unwrap_err().reason, Reason::BadDate, "{text}");
            assert_eq!(BirthClaim::parse(text).unwrap_err().reason, Reason::BadDate, "{text}");
        }
    }

    #[test]
    fn a_claim_is_a_day_or_a_year() {
        for text in ["1990-04-17", "1850", "9999"] {
            assert_eq!(BirthClaim::parse(text).unwrap().reveal(), text);
        }
        for text in ["1849", "990", "19900", "199o", "-990", "+990", "１９９０", "1990-04", " 1990"] {
            assert_eq!(BirthClaim::parse(text).unwrap_err().reason, Reason::BadDate, "{text}");
        }
    }

    #[test]
    fn a_birthday_may_be_today_in_the_easternmost_time_zone_but_not_later() {
        let born = DateOfBirth::parse("2023-11-15").unwrap();
        let at = |text| born.check_not_future(Timestamp::parse(text).unwrap());
        assert!(at("2023-11-14T09:59:59Z").is_err());
        assert!(at("2023-11-14T10:00:00Z").is_ok());
        assert!(born.check_not_future(Timestamp::from_millis(u64::MAX)).is_ok());
    }

    #[test]
    fn an_age_grows_on_the_birthday() {
        for (born, now, age) in [
            ("2000-05-17", "2018-05-16T23:59:59.999Z", 17),
            ("2000-05-17", "2018-05-17T00:00:00Z", 18),
            ("2000-02-29", "2018-02-28T23:59:59Z", 17),
            ("2000-02-29", "2018-03-01T00:00:00Z", 18),
            ("2000-02-29", "2020-02-28T23:59:59Z", 19),
            ("2000-02-29", "2020-02-29T00:00:00Z", 20),
            ("2000-12-31", "2001-01-01T00:00:00Z", 0),
            ("2030-01-01", "2029-12-31T12:00:00Z", 0),
            ("2030-01-01", "2020-12-31T12:00:00Z", 0),
            ("1850-01-01", "2030-01-01T00:00:00Z", 180),
        ] {
            let age_at = DateOfBirth::parse(born).unwrap().age_at(Timestamp::parse(now).unwrap());
            assert_eq!(age_at, age, "{born} {now}");
        }
        let oldest = DateOfBirth::parse("1850-01-01").unwrap();
        assert_eq!(oldest.age_at(Timestamp::from_millis(u64::MAX)), 8149);
    }

    proptest! {
        #[test]
        fn any_text_is_a_date_or_a_reason(text in "\\PC{0,12}|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}") {
            let _ = DateOfBirth::parse(&text);
            if let Ok(claim) = BirthClaim::parse(&text) {
                prop_assert_eq!(claim.reveal(), text);
            }
        }

        #[test]
        fn an_age_is_the_number_of_birthdays_that_have_begun(
            (year, month, day) in (1900..2030_i16, 1..=12_u8, 1..=31_u8), now in 0..2_000_000_000_000_u64,
        ) {
            let Ok(born) = DateOfBirth::new(year, month, day) else { return Ok(()) };
            let now = Timestamp::from_millis(now);
            let today = now.day().unwrap();
            // One by one: the birthday of a year without 29 February is the day after the 28th.
            let birthdays = (year + 1..=today.year()).filter(|year| {
                let birthday = DateOfBirth::new(*year, month, day).or_else(|_| DateOfBirth::new(*year, 3, 1));
                birthday.unwrap().0 <= today
            });
            prop_assert_eq!(usize::from(born.age_at(now)), birthdays.count());
        }
    }
}
