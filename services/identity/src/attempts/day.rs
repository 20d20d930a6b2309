//! What one party may find out in a day.

use crate::codec::{DecodeError, Reader, Writer};
use crate::party::Quotas;
use crate::reason::Reason;
use crate::time::Timestamp;

/// What one relying party did on one day (UTC).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DayCounts {
    /// The day, days since 1970-01-01.
    pub day: u32,
    /// Authentications that were decided, of the yeses only the first about each number: what is known to be
    /// right must not thin out what is guessed.
    pub decisions: u32,
    /// Those that were a no.
    pub failures: u32,
    /// Different numbers that were asked about.
    pub numbers: u32,
}

impl DayCounts {
    const RECORD: &'static str = "day counts";
    const FORMAT: u8 = 1;

    /// A rate of failures is looked at from so many decisions on: it says nothing about fewer.
    pub const FEWEST_DECISIONS: u32 = 200;

    /// Begins a new day if it has come. A clock that goes back does not bring an old day back, but a day beyond
    /// tomorrow was written by a clock that was wrong.
    pub fn roll(&mut self, now: Timestamp) {
        let today = day_of(now);
        if today > self.day || self.day > today.saturating_add(1) {
            *self = Self { day: today, ..Self::default() };
        }
    }

    /// Why the party may ask nothing more today, if it may not: [`Reason::BlockedByVelocity`] if it has asked
    /// about as many numbers as its quota allows, [`Reason::BlockedByErrorRate`] if more than the quota's
    /// share of its authentications failed. A quota of 0 is that of `defaults`; 0 there too is none.
    #[must_use]
    pub fn blocked(&self, quotas: &Quotas, defaults: &Quotas) -> Option<Reason> {
        let numbers = or_default(quotas.numbers_per_day, defaults.numbers_per_day);
        let percent = or_default(quotas.failure_percent, defaults.failure_percent);
        if numbers != 0 && self.numbers >= numbers {
            return Some(Reason::BlockedByVelocity);
        }
        let failures = u64::from(self.failures) * 100;
        let allowed = u64::from(self.decisions) * u64::from(percent);
        let too_many = percent != 0 && self.decisions >= Self::FEWEST_DECISIONS && failures > allowed;
        too_many.then_some(Reason::BlockedByErrorRate)
    }

    /// The stored form, 17 bytes: format 1, day (u32), decisions (u32), failures (u32), numbers (u32).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        Writer::new(Self::FORMAT, 16)
            .u32(self.day)
            .u32(self.decisions)
            .u32(self.failures)
            .u32(self.numbers)
            .finish()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(Self::RECORD, Self::FORMAT, bytes)?;
        let counts = Self {
            day: reader.u32("day")?,
            decisions: reader.u32("decisions")?,
            failures: reader.u32("failures")?,
            numbers: reader.u32("numbers")?,
        };
        reader.finish()?;
        Ok(counts)
    }
}

/// What an agency, a station or an operator was told on one day (UTC).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DuplicateCounts {
    /// The day, days since 1970-01-01.
    pub day: u32,
    /// Enrolments that were decided.
    pub enrolments: u32,
    /// Those that told of somebody alike: a duplicate, or a case for adjudication.
    pub duplicates: u32,
}

impl DuplicateCounts {
    const RECORD: &'static str = "duplicate counts";
    const FORMAT: u8 = 1;

    /// Begins a new day if it has come. A clock that goes back does not bring an old day back, but a day beyond
    /// tomorrow was written by a clock that was wrong.
    pub fn roll(&mut self, now: Timestamp) {
        let today = day_of(now);
        if today > self.day || self.day > today.saturating_add(1) {
            *self = Self { day: today, ..Self::default() };
        }
    }

    /// The stored form, 13 bytes: format 1, day (u32), enrolments (u32), duplicates (u32).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        Writer::new(Self::FORMAT, 12).u32(self.day).u32(self.enrolments).u32(self.duplicates).finish()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(Self::RECORD, Self::FORMAT, bytes)?;
        let counts = Self {
            day: reader.u32("day")?,
            enrolments: reader.u32("enrolments")?,
            duplicates: reader.u32("duplicates")?,
        };
        reader.finish()?;
        Ok(counts)
    }
}

fn or_default<T: Default + PartialEq>(quota: T, default: T) -> T {
    if quota == T::default() { default } else { quota }
}

/// Days since 1970-01-01, UTC.
pub(super) fn day_of(now: Timestamp) -> u32 {
    const DAY_MS: u64 = 24 * 60 * 60 * 1000;
    u32::try_from(now.millis() / DAY_MS).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: u64 = 24 * 60 * 60 * 1000;

    fn quotas(numbers_per_day: u32, failure_percent: u8) -> Quotas {
        Quotas { numbers_per_day, failure_percent, ..Quotas::default() }
    }

    #[test]
    fn a_new_day_begins_at_midnight_and_never_again() {
        let mut counts = DayCounts { day: 0, decisions: 1, failures: 2, numbers: 3 };
        let mut duplicates = DuplicateCounts { day: 0, enrolments: 1, duplicates: 2 };
        let old = (counts.clone(), duplicates.clone());
        for now in [0, DAY - 1] {
            counts.roll(Timestamp::from_millis(now));
            duplicates.roll(Timestamp::from_millis(now));
            assert_eq!((&counts, &duplicates), (&old.0, &old.1));
        }
        counts.roll(Timestamp::from_millis(DAY));
        duplicates.roll(Timestamp::from_millis(DAY));
        assert_eq!(counts, DayCounts { day: 1, ..DayCounts::default() });
        assert_eq!(duplicates, DuplicateCounts { day: 1, ..DuplicateCounts::default() });
        counts.numbers = 9;
        counts.roll(Timestamp::from_millis(0));
        assert_eq!(counts.numbers, 9, "a clock that goes back");
        counts.roll(Timestamp::from_millis(u64::MAX));
        assert_eq!(counts.numbers, 0);
    }

    #[test]
    fn a_party_is_blocked_by_its_own_quota_or_else_the_default() {
        let counts = DayCounts { numbers: 10, ..DayCounts::default() };
        let blocked = |own, default| counts.blocked(&quotas(own, 0), &quotas(default, 0));
        assert_eq!(blocked(0, 0), None);
        assert_eq!([blocked(11, 1), blocked(0, 11)], [None, None]);
        assert_eq!([blocked(10, 99), blocked(0, 10)], [Some(Reason::BlockedByVelocity); 2]);
    }

    #[test]
    fn a_share_of_failures_counts_from_two_hundred_decisions_on() {
        let blocked = |decisions, failures, percent| {
            let counts = DayCounts { decisions, failures, ..DayCounts::default() };
            counts.blocked(&quotas(0, percent), &quotas(0, 60))
        };
        assert_eq!(blocked(199, 199, 10), None);
        assert_eq!(blocked(200, 20, 10), None);
        assert_eq!(blocked(200, 21, 10), Some(Reason::BlockedByErrorRate));
        assert_eq!([blocked(200, 120, 0), blocked(200, 200, 100)], [None, None]);
        assert_eq!(blocked(200, 121, 0), Some(Reason::BlockedByErrorRate));
        assert_eq!(blocked(u32::MAX, u32::MAX, 99), Some(Reason::BlockedByErrorRate));
    }

    #[test]
    fn counts_have_these_bytes() {
        let counts = DayCounts { day: 0x0102, decisions: 3, failures: 4, numbers: 5 };
        let expected = [
            &[1][..],      // format
            &[0, 0, 1, 2], // day
            &[0, 0, 0, 3], // decisions
            &[0, 0, 0, 4], // failures
            &[0, 0, 0, 5], // numbers
        ]
        .concat();
        assert_eq!(counts.encode(), expected);
        assert_eq!(DayCounts::decode(&expected), Ok(counts));
        let counts = DuplicateCounts { day: 0x0102, enrolments: 3, duplicates: 4 };
        let expected = [
            &[1][..],      // format
            &[0, 0, 1, 2], // day
            &[0, 0, 0, 3], // enrolments
            &[0, 0, 0, 4], // duplicates
        ]
        .concat();
        assert_eq!(counts.encode(), expected);
        assert_eq!(DuplicateCounts::decode(&expected), Ok(counts));
    }

    proptest! {
        #[test]
        fn any_bytes_are_counts_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            if let Ok(counts) = DayCounts::decode(&bytes) {
                prop_assert_eq!(counts.encode(), bytes.clone());
            }
            if let Ok(counts) = DuplicateCounts::decode(&bytes) {
                prop_assert_eq!(counts.encode(), bytes);
            }
        }
    }
}
