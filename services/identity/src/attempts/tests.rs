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

    pub(super) fn waiting(attempts: &[Attempt], relying_party: usize, now: Timestamp) -> Option<Timestamp> {
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
