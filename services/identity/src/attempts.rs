//! What failed attempts cost, and what a party may find out in a day.
//!
//! A yes or no is an answer to whoever invents templates, and enough answers lead to the real one (NIST SP
//! 800-63B-4, section 3.2.3, limits the failed attempts for that reason). So attempts are counted for life,
//! not for a day, and for numbers that nobody holds exactly as for others.
//!
//! Each attempt has two rows: that of the **pair** of relying party and person, and that of the **person**. A
//! failure with fingers counts in the person's row only as long as the pair's row is not full. So one relying
//! party alone can neither use up a person's attempts everywhere nor make the person wait anywhere else.

mod day;

use crate::codec::{DecodeError, Reader, Writer};
use crate::time::Timestamp;

use day::day_of;

pub use day::{DayCounts, DuplicateCounts};

/// What failed attempts cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptPolicy {
    /// Failures in a row at one relying party before the next attempt there has to wait.
    pub consecutive: u16,
    /// The first wait in milliseconds. Each further failure doubles it, up to [`MAX_WAIT_MS`].
    pub wait_ms: u64,
    /// Failed attempts with fingers at one relying party before fingers are no longer accepted there. Less
    /// than `person_fingers`, which see.
    pub pair_fingers: u16,
    /// Failed attempts with fingers in all before fingers are no longer accepted anywhere.
    pub person_fingers: u16,
    /// One-time codes that one relying party may ask for, for one person, in a window.
    pub otp_pair_per_window: u8,
    /// One-time codes that may be asked for, for one person, in a window. More than `otp_pair_per_window`, so
    /// that one relying party cannot keep a person from getting codes elsewhere.
    pub otp_person_per_window: u8,
    /// The window in milliseconds.
    pub otp_window_ms: u64,
}

/// The longest wait in milliseconds: an hour.
pub const MAX_WAIT_MS: u64 = 3_600_000;

impl Default for AttemptPolicy {
    /// 5 in a row, then 30 seconds; 20 at one relying party and 50 in all; 3 and 10 codes in ten minutes.
    fn default() -> Self {
        Self {
            consecutive: 5,
            wait_ms: 30_000,
            pair_fingers: 20,
            person_fingers: 50,
            otp_pair_per_window: 3,
            otp_person_per_window: 10,
            otp_window_ms: 600_000,
        }
    }
}

/// One row of counters, of a pair or of a person. Both are written at every decision, whoever holds the
/// number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempts {
    /// Failures in a row, of each kind of attempt. Counted in a pair's row only.
    streaks: Streaks,
    /// Failed attempts with fingers since the last yes to a one-time code. Never above the policy's limit for
    /// the row.
    fingers: u16,
    /// The next attempt is not before this moment. Set in a pair's row only.
    wait_until: Timestamp,
    /// The last step of an authenticator whose code was given. It only grows: a code is accepted once. In a
    /// person's row only.
    totp_step: u64,
    /// The beginning of the window in which codes are counted.
    otp_window: Timestamp,
    /// Codes that were asked for in that window.
    otp_sent: u8,
    /// The last day (UTC) on which the relying party asked about the person, days since 1970-01-01 and one
    /// more; 0 if it never did. It only grows. In a pair's row only.
    day: u32,
}

/// Nothing has happened yet.
impl Default for Attempts {
    fn default() -> Self {
        let never = Timestamp::from_millis(0);
        Self {
            streaks: Streaks::default(),
            fingers: 0,
            wait_until: never,
            totp_step: 0,
            otp_window: never,
            otp_sent: 0,
            day: 0,
        }
    }
}

/// Failures in a row at one relying party, each kind for itself. What everybody may know ends no streak of
/// guesses at a finger or at a code: otherwise every few guesses a name would take the wait away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Streaks {
    /// Attempts with claims only, since the last yes.
    claims: u16,
    /// Attempts with fingers, since the last yes to fingers or to a code.
    fingers: u16,
    /// Attempts with a one-time code, since the last yes to a code.
    codes: u16,
}

impl Streaks {
    /// Ends the streaks that a yes ends.
    const fn end(&mut self, with_fingers: bool, with_code: bool) {
        self.claims = 0;
        if with_fingers || with_code {
            self.fingers = 0;
        }
        if with_code {
            self.codes = 0;
        }
    }

    /// Lengthens the streaks that a no lengthens, and gives the longest of them.
    fn lengthen(&mut self, with_fingers: bool, with_code: bool) -> u16 {
        let streaks = [
            (!with_fingers && !with_code, &mut self.claims),
            (with_fingers, &mut self.fingers),
            (with_code, &mut self.codes),
        ];
        let mut longest = 0;
        for (_, streak) in streaks.into_iter().filter(|(carried, _)| *carried) {
            *streak = streak.saturating_add(1);
            longest = longest.max(*streak);
        }
        longest
    }
}

impl Attempts {
    const RECORD: &'static str = "attempts";
    const FORMAT: u8 = 1;

    /// Until when the next attempt must wait, if it must. For the pair's row.
    #[must_use]
    pub fn waiting(&self, now: Timestamp) -> Option<Timestamp> {
        // What lies further ahead was written by a clock that was wrong.
        let real = now < self.wait_until && self.wait_until.since(now) <= MAX_WAIT_MS;
        real.then_some(self.wait_until)
    }

    /// Whether fingers have failed as often as a limit allows.
    #[must_use]
    pub const fn fingers_disabled(&self, limit: u16) -> bool {
        self.fingers >= limit
    }

    /// Failures in a row, of the kind that has most.
    #[must_use]
    pub fn consecutive(&self) -> u16 {
        self.streaks.claims.max(self.streaks.fingers).max(self.streaks.codes)
    }

    /// Failed attempts with fingers since the last yes to a one-time code.
    #[must_use]
    pub const fn fingers(&self) -> u16 {
        self.fingers
    }

    /// Counts a decision in the rows of a pair and of its person.
    ///
    /// A yes ends failures in a row of its own kind: of fingers only one with fingers or a code, of codes only
    /// one with a code. One with a code also forgives the failed fingers, in both rows. A no is one more
    /// failure in a row of its kind and, from the policy's number on, a wait. A no to fingers is one more
    /// failed attempt in the pair's row and in the person's, but none in either once the pair's row is full.
    ///
    /// `with_fingers` says that fingers were sent, whatever it was that spoke against a yes: otherwise the
    /// counter would tell whether they fitted. `with_code` says that a one-time code was sent; only a yes
    /// looks at it, so that it was the right one.
    pub fn settle(
        pair: &mut Self,
        person: &mut Self,
        yes: bool,
        with_fingers: bool,
        with_code: bool,
        now: Timestamp,
        policy: &AttemptPolicy,
    ) {
        if yes {
            pair.streaks.end(with_fingers, with_code);
            if with_code {
                pair.fingers = 0;
                person.fingers = 0;
            }
            return;
        }
        let streak = pair.streaks.lengthen(with_fingers, with_code);
        if let Some(wait) = wait_after(streak, policy) {
            pair.wait_until = now.plus_millis(wait);
        }
        if with_fingers && !pair.fingers_disabled(policy.pair_fingers) {
            pair.fingers = pair.fingers.saturating_add(1);
            person.fingers = person.fingers.saturating_add(1).min(policy.person_fingers);
        }
    }

    /// Uses up a step of an authenticator. False if a code of this step or a later one was used before: then
    /// this one is not accepted. For the person's row, since the authenticator is the person's.
    pub const fn use_totp(&mut self, step: u64) -> bool {
        // Ten minutes ahead and more was written by a clock that was wrong.
        const FAR: u64 = 20;
        let fresh = step > self.totp_step || self.totp_step - step > FAR;
        if fresh {
            self.totp_step = step;
        }
        fresh
    }

    /// Counts a one-time code that is to be sent, at most `limit` in a window of `window_ms`. Windows follow
    /// one another: one begins with the first code after the end of the last. For either row; what refuses it
    /// counts in neither, because the caller keeps neither.
    ///
    /// # Errors
    /// The end of the window, after which there is room again.
    pub fn otp(&mut self, now: Timestamp, limit: u8, window_ms: u64) -> Result<(), Timestamp> {
        let end = self.otp_window.plus_millis(window_ms);
        if now >= end || self.otp_window.since(now) > window_ms {
            (self.otp_window, self.otp_sent) = (now, 0);
        }
        if self.otp_sent >= limit {
            return Err(self.otp_window.plus_millis(window_ms));
        }
        self.otp_sent = self.otp_sent.saturating_add(1);
        Ok(())
    }

    /// Whether the relying party asks about the person for the first time on this day (UTC). For the pair's
    /// row.
    pub fn first_today(&mut self, now: Timestamp) -> bool {
        let today = day_of(now).saturating_add(1);
        // A day beyond tomorrow was written by a clock that was wrong.
        let first = today > self.day || self.day > today.saturating_add(1);
        if first {
            self.day = today;
        }
        first
    }

    /// The stored form, 38 bytes: format 1, failures in a row with claims only, with fingers and with codes
    /// (u16 each), failed fingers (u16), wait until (u64 ms), step of the authenticator (u64), beginning of
    /// the window (u64 ms), codes in it (1), day and one more (u32).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        Writer::new(Self::FORMAT, 37)
            .u16(self.streaks.claims)
            .u16(self.streaks.fingers)
            .u16(self.streaks.codes)
            .u16(self.fingers)
            .u64(self.wait_until.millis())
            .u64(self.totp_step)
            .u64(self.otp_window.millis())
            .u8(self.otp_sent)
            .u32(self.day)
            .finish()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(Self::RECORD, Self::FORMAT, bytes)?;
        let attempts = Self {
            streaks: Streaks {
                claims: reader.u16("streaks.claims")?,
                fingers: reader.u16("streaks.fingers")?,
                codes: reader.u16("streaks.codes")?,
            },
            fingers: reader.u16("fingers")?,
            wait_until: Timestamp::from_millis(reader.u64("wait_until")?),
            totp_step: reader.u64("totp_step")?,
            otp_window: Timestamp::from_millis(reader.u64("otp_window")?),
            otp_sent: reader.u8("otp_sent")?,
            day: reader.u32("day")?,
        };
        reader.finish()?;
        Ok(attempts)
    }
}

/// The wait in milliseconds after so many failures in a row, if there is one.
fn wait_after(failures: u16, policy: &AttemptPolicy) -> Option<u64> {
    let further = failures.checked_sub(policy.consecutive)?;
    let doubled = 1_u64.checked_shl(u32::from(further)).unwrap_or(u64::MAX);
    Some(policy.wait_ms.saturating_mul(doubled).min(MAX_WAIT_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const POLICY: AttemptPolicy = AttemptPolicy {
        consecutive: 5,
        wait_ms: 30_000,
        pair_fingers: 20,
        person_fingers: 50,
        otp_pair_per_window: 3,
        otp_person_per_window: 10,
        otp_window_ms: 600_000,
    };

    const MINUTE: u64 = 60_000;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// One decided attempt at one of several relying parties.
    #[derive(Debug, Clone, Copy)]
    struct Attempt {
        relying_party: usize,
        yes: bool,
        fingers: bool,
        code: bool,
        now: Timestamp,
    }

    impl Attempt {
        fn no(relying_party: usize, fingers: bool, now: u64) -> Self {
            Self { relying_party, yes: false, fingers, code: false, now: at(now) }
        }
    }

    /// The rows of one person.
    #[derive(Default)]
    struct Rows {
        pairs: [Attempts; 8],
        person: Attempts,
    }

    impl Rows {
        fn settle(&mut self, attempt: Attempt) {
            let Attempt { relying_party, yes, fingers, code, now } = attempt;
            let pair = &mut self.pairs[relying_party];
            Attempts::settle(pair, &mut self.person, yes, fingers, code, now, &POLICY);
        }

        fn disabled(&self, relying_party: usize) -> bool {
            self.pairs[relying_party].fingers_disabled(POLICY.pair_fingers)
                || self.person.fingers_disabled(POLICY.person_fingers)
        }
    }

    /// The rules, read off the whole list of attempts every time. Slow, and obvious.
    mod reference {
        use super::*;

        /// Failed attempts with fingers at one relying party, since the last yes to a code there: at most 20.
        fn failed_at(attempts: &[Attempt], relying_party: usize) -> usize {
            let there: Vec<_> = attempts.iter().filter(|one| one.relying_party == relying_party).collect();
            let begin = there.iter().rposition(|one| one.yes && one.code).map_or(0, |last| last + 1);
            there[begin..].iter().filter(|one| !one.yes && one.fingers).count().min(20)
        }

        /// Failed attempts with fingers anywhere, since the last yes to a code anywhere, without those that
        /// came when their relying party had failed 20 times already: at most 50.
        fn failed_anywhere(attempts: &[Attempt]) -> usize {
            let begin = attempts.iter().rposition(|one| one.yes && one.code).map_or(0, |last| last + 1);
            let counts = |index: &usize| {
                let one = attempts[*index];
                !one.yes && one.fingers && failed_at(&attempts[..*index], one.relying_party) < 20
            };
            (begin..attempts.len()).filter(counts).count().min(50)
        }

        pub(super) fn disabled(attempts: &[Attempt], relying_party: usize) -> bool {
            failed_at(attempts, relying_party) >= 20 || failed_anywhere(attempts) >= 50
        }

        pub(super) fn waiting(
            attempts: &[Attempt],
            relying_party: usize,
            now: Timestamp,
        ) -> Option<Timestamp> {
            let there: Vec<_> = attempts.iter().filter(|one| one.relying_party == relying_party).collect();
            let last = there.last().filter(|one| !one.yes)?;
            let since = |ends: fn(&Attempt) -> bool, counts: fn(&Attempt) -> bool| {
                let begin = there.iter().rposition(|one| one.yes && ends(one)).map_or(0, |last| last + 1);
                there[begin..].iter().filter(|one| !one.yes && counts(one)).count()
            };
            let claims = since(|_| true, |one| !one.fingers && !one.code);
            let fingers = since(|one| one.fingers || one.code, |one| one.fingers);
            let codes = since(|one| one.code, |one| one.code);
            let in_a_row = match (last.fingers, last.code) {
                (false, false) => claims,
                (true, false) => fingers,
                (false, true) => codes,
                (true, true) => fingers.max(codes),
            };
            let wait = match in_a_row {
                0..=4 => return None,
                5 => 30_000,
                6 => 60_000,
                7 => 120_000,
                8 => 240_000,
                9 => 480_000,
                10 => 960_000,
                11 => 1_920_000,
                _ => 3_600_000,
            };
            let until = last.now.plus_millis(wait);
            (until > now).then_some(until)
        }
    }

    fn attempts(relying_parties: usize, most: usize) -> impl Strategy<Value = Vec<Attempt>> {
        let step = prop_oneof![4 => 0..MINUTE, 1 => 0..90 * MINUTE];
        let one = (0..relying_parties, prop::bool::weighted(0.1), any::<bool>(), any::<bool>(), step);
        prop::collection::vec(one, 0..most).prop_map(|list| {
            let mut now = 0;
            list.into_iter()
                .map(|(relying_party, yes, fingers, code, step)| {
                    now += step;
                    Attempt { relying_party, yes, fingers, code, now: at(now) }
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn the_counters_say_what_the_whole_list_of_attempts_says(list in attempts(4, 150)) {
            let mut rows = Rows::default();
            let mut decided = Vec::new();
            for attempt in list {
                for relying_party in 0..5 {
                    let expected = reference::disabled(&decided, relying_party);
                    prop_assert_eq!(rows.disabled(relying_party), expected);
                    let expected = reference::waiting(&decided, relying_party, attempt.now);
                    prop_assert_eq!(rows.pairs[relying_party].waiting(attempt.now), expected);
                }
                // An attempt that has to wait is not decided.
                if rows.pairs[attempt.relying_party].waiting(attempt.now).is_none() {
                    rows.settle(attempt);
                    decided.push(attempt);
                }
            }
        }

        #[test]
        fn one_hostile_relying_party_stops_nobody_elsewhere(list in attempts(1, 400)) {
            let mut rows = Rows::default();
            for attempt in list {
                rows.settle(attempt);
                prop_assert!(!rows.disabled(1));
                prop_assert_eq!(rows.pairs[1].waiting(attempt.now), None);
                prop_assert!(rows.person.fingers() <= POLICY.pair_fingers);
            }
        }

        #[test]
        fn any_bytes_are_counters_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(attempts) = Attempts::decode(&bytes) {
                prop_assert_eq!(attempts.encode(), bytes);
            }
        }

        #[test]
        fn any_moment_is_counted_without_a_panic(now: u64, failures: u16, window: u64, limit: u8) {
            let streaks = Streaks { claims: failures, fingers: failures, codes: failures };
            let mut attempts = Attempts { streaks, ..Attempts::default() };
            Attempts::settle(&mut attempts, &mut Attempts::default(), false, true, true, at(now), &POLICY);
            prop_assert_eq!(attempts.consecutive(), failures.saturating_add(1));
            let _ = attempts.otp(at(now), limit, window);
            let _ = attempts.first_today(at(now));
        }
    }

    #[test]
    fn a_hostile_relying_party_leaves_the_person_thirty_attempts_elsewhere() {
        let mut rows = Rows::default();
        for attempt in 0..1_000 {
            rows.settle(Attempt::no(0, true, attempt));
        }
        assert!(rows.disabled(0) && !rows.disabled(1));
        for attempt in 0..30 {
            assert!(!rows.disabled(1 + attempt % 3));
            rows.settle(Attempt::no(1 + attempt % 3, true, 0));
        }
        assert!(rows.disabled(1), "now it was fifty in all");
    }

    #[test]
    fn colluding_relying_parties_use_up_a_person_at_fifty_and_not_before() {
        for parties in 1..8_usize {
            let mut rows = Rows::default();
            let mut failures = 0;
            for attempt in 0..1_000 {
                let relying_party = attempt % parties;
                if !rows.disabled(relying_party) {
                    assert!(!rows.disabled(7), "{failures} failures of {parties} parties");
                    rows.settle(Attempt::no(relying_party, true, 0));
                    failures += 1;
                }
            }
            // Two hold 20 each, and that is all they get.
            assert_eq!(failures, (20 * parties).min(50));
            assert_eq!(rows.disabled(7), parties >= 3);
        }
    }

    #[test]
    fn five_failures_in_a_row_wait_and_each_further_one_twice_as_long() {
        let mut rows = Rows::default();
        let mut now = 1_000;
        let mut waits = Vec::new();
        for _ in 0..14 {
            rows.settle(Attempt::no(0, false, now));
            let until = rows.pairs[0].waiting(at(now)).map_or(now, Timestamp::millis);
            waits.push((until - now) / 1000);
            assert_eq!(rows.pairs[0].waiting(at(until)), None, "the wait ends at its end");
            now = until;
        }
        assert_eq!(waits, [0, 0, 0, 0, 30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]);
        assert_eq!(rows.person.waiting(at(0)), None);
        assert_eq!(rows.pairs[0].fingers(), 0, "claims alone cost no finger attempts");
        rows.settle(Attempt { yes: true, ..Attempt::no(0, false, now) });
        for _ in 0..4 {
            rows.settle(Attempt::no(0, false, now));
            assert_eq!(rows.pairs[0].waiting(at(now)), None);
        }
    }

    #[test]
    fn a_name_that_fits_ends_no_streak_of_guesses_at_a_code_or_a_finger() {
        for (fingers, code) in [(true, false), (false, true)] {
            let mut rows = Rows::default();
            for guess in 0..5 {
                assert_eq!(rows.pairs[0].waiting(at(0)), None, "{guess}");
                rows.settle(Attempt { code, ..Attempt::no(0, fingers, 0) });
                rows.settle(Attempt { yes: true, ..Attempt::no(0, false, 0) });
            }
            assert_eq!(rows.pairs[0].waiting(at(0)), Some(at(30_000)));
        }
    }

    #[test]
    fn what_a_clock_that_was_ahead_has_written_does_not_hold() {
        let years = 10 * 365 * 24 * 60 * MINUTE;
        let mut rows = Rows::default();
        for _ in 0..5 {
            rows.settle(Attempt::no(0, true, years));
        }
        let pair = &mut rows.pairs[0];
        assert!(pair.waiting(at(years)).is_some() && pair.waiting(at(0)).is_none());
        assert!(pair.first_today(at(years)) && pair.first_today(at(0)) && !pair.first_today(at(0)));
        assert!(pair.use_totp(years) && pair.use_totp(7) && !pair.use_totp(7));
        for now in [years, 0] {
            assert_eq!(pair.otp(at(now), 1, 600_000), Ok(()));
            assert!(pair.otp(at(now), 1, 600_000).is_err());
        }
    }

    #[test]
    fn only_a_yes_to_a_code_gives_fingers_back() {
        let used_up = || {
            let mut rows = Rows::default();
            for attempt in 0..51 {
                rows.settle(Attempt::no(attempt % 3, true, 0));
            }
            assert!((0..8).all(|relying_party| rows.disabled(relying_party)));
            rows
        };
        let after = |yes, code| {
            let mut rows = used_up();
            rows.settle(Attempt { yes, code, ..Attempt::no(0, false, 0) });
            (0..4).map(|relying_party| rows.disabled(relying_party)).collect::<Vec<_>>()
        };
        assert_eq!(after(true, false), [true; 4]);
        assert_eq!(after(false, true), [true; 4], "a no gives nothing back, even if the code was right");
        // At the other two the pair's own 17 failures stay.
        assert_eq!(after(true, true), [false; 4]);
    }

    #[test]
    fn what_a_pair_has_used_up_comes_back_with_a_code_there_and_not_elsewhere() {
        let mut rows = Rows::default();
        for _ in 0..20 {
            rows.settle(Attempt::no(0, true, 0));
        }
        rows.settle(Attempt { yes: true, code: true, ..Attempt::no(1, false, 0) });
        assert!(rows.disabled(0) && !rows.disabled(1));
        rows.settle(Attempt { yes: true, code: true, ..Attempt::no(0, false, 0) });
        assert!(!rows.disabled(0));
    }

    #[test]
    fn a_step_of_an_authenticator_is_used_once_and_never_an_earlier_one() {
        let mut person = Attempts::default();
        let used: Vec<_> = [7, 7, 6, 8, 7, 8, 9].into_iter().map(|step| person.use_totp(step)).collect();
        assert_eq!(used, [true, false, false, true, false, false, true]);
    }

    #[test]
    fn codes_are_limited_in_each_window() {
        let mut pair = Attempts::default();
        let mut sent = |now| pair.otp(at(now), 3, 600_000);
        let noon = 1_700_000_000_000;
        assert_eq!([sent(noon), sent(noon + 1), sent(noon + 599_999)], [Ok(()); 3]);
        assert_eq!(sent(noon + 599_999), Err(at(noon + 600_000)));
        assert_eq!(sent(noon - 1_000), Err(at(noon + 600_000)), "a clock that goes back opens no window");
        assert_eq!(sent(noon + 600_000), Ok(()));
        assert_eq!(Attempts::default().otp(at(0), 0, 600_000), Err(at(600_000)));
    }

    #[test]
    fn a_number_is_new_once_a_day() {
        let day = 24 * 60 * MINUTE;
        let mut pair = Attempts::default();
        let mut first = |now| pair.first_today(at(now));
        assert_eq!([first(0), first(day - 1)], [true, false]);
        assert_eq!([first(day), first(day), first(0)], [true, false, false]);
    }

    #[test]
    fn counters_have_these_bytes() {
        let attempts = Attempts {
            streaks: Streaks { claims: 0x0102, fingers: 0x0f10, codes: 0x1112 },
            fingers: 0x0304,
            wait_until: at(0x0506),
            totp_step: 0x0708,
            otp_window: at(0x090a),
            otp_sent: 0x0b,
            day: 0x0c0d,
        };
        let expected = [
            &[1][..],                   // format
            &[1, 2],                    // failures in a row with claims only
            &[15, 16],                  // failures in a row with fingers
            &[17, 18],                  // failures in a row with codes
            &[3, 4],                    // failed attempts with fingers
            &[0, 0, 0, 0, 0, 0, 5, 6],  // wait until
            &[0, 0, 0, 0, 0, 0, 7, 8],  // step of the authenticator
            &[0, 0, 0, 0, 0, 0, 9, 10], // beginning of the window
            &[11],                      // codes in the window
            &[0, 0, 12, 13],            // day and one more
        ]
        .concat();
        assert_eq!(attempts.encode(), expected);
        assert_eq!(Attempts::decode(&expected), Ok(attempts));
        assert_eq!(Attempts::decode(&Attempts::default().encode()), Ok(Attempts::default()));
        assert!((0..expected.len()).all(|length| Attempts::decode(&expected[..length]).is_err()));
    }
}
