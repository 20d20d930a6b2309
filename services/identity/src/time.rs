//! Moments.

use std::fmt;

use crate::field::FieldViolation;
use crate::reason::Reason;

/// A moment: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// All arithmetic saturates, because moments come from the wire. The default is the first moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment that is this many Unix milliseconds old.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Unix milliseconds.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// This moment and `millis` milliseconds more, at most the last moment that can be named.
    #[must_use]
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this moment, 0 if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads RFC 3339, for example `2031-02-03T04:05:06Z`.
    ///
    /// # Errors
    /// [`Reason::BadDate`] if the text is no such moment, or one before 1970. The violation's field is empty.
    pub fn parse(text: &str) -> Result<Self, FieldViolation> {
        let violation = || {
            FieldViolation::new("", Reason::BadDate, "must be an RFC 3339 time such as 2031-02-03T04:05:06Z")
        };
        let moment: jiff::Timestamp = text.parse().map_err(|_| violation())?;
        u64::try_from(moment.as_millisecond()).map(Self).map_err(|_| violation())
    }

    /// The calendar day in Coordinated Universal Time, or nothing beyond the year 9999.
    pub(crate) fn day(self) -> Option<jiff::civil::Date> {
        self.civil().map(|moment| jiff::tz::TimeZone::UTC.to_datetime(moment).date())
    }

    fn civil(self) -> Option<jiff::Timestamp> {
        i64::try_from(self.0).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok())
    }
}

/// RFC 3339 in UTC. Moments beyond the year 9999 are written as their milliseconds.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.civil() {
            Some(moment) => moment.fmt(f),
            None => write!(f, "{} ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc() {
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp::from_millis(1_700_000_000_123).to_string(), "2023-11-14T22:13:20.123Z");
    }

    #[test]
    fn a_written_moment_is_read_again() {
        let moment = Timestamp::from_millis(1_700_000_000_123);
        assert_eq!(Timestamp::parse(&moment.to_string()), Ok(moment));
        assert!(Timestamp::parse("1969-12-31T23:59:59Z").is_err());
        assert!(Timestamp::parse("yesterday").is_err());
    }

    #[test]
    fn moments_that_no_calendar_names_neither_panic_nor_wrap() {
        let last = Timestamp::from_millis(u64::MAX);
        assert_eq!(last.plus_millis(1), last);
        assert_eq!(Timestamp::from_millis(1).since(last), 0);
        assert_eq!(last.to_string(), "18446744073709551615 ms");
        assert_eq!(last.day(), None);
    }
}
