//! Budgets: what failing costs a person, a relying party and an agency, and that nobody pays for somebody else.

use std::time::Duration;

use plinth_client::{Agency, Refusal, RelyingParty};
use plinth_identity::authentication::Verdict;
use plinth_identity::number::IdentityNumber;
use plinth_identity::party::{Quotas, RelyingPartyPolicy};
use plinth_identity::reason::Reason;
use plinth_identity::statement::EnrolmentOutcome;
use plinth_tests::{enrolment, fingers};
use tokio::task::JoinSet;
use tonic::Code;

use crate::orders::order;
use crate::town::{
    DAY_MS, NAME, OTHER_NAME, Resident, Told, Town, YES, by_code, by_fingers, by_name, hand, no, open_policy,
    reason, refusal, silent_policy, strange_finger, unknown_number,
};

/// Longer than any wait.
const HOUR_MS: u64 = 3_600_000;

/// Shows a stranger's finger so often, each time after the longest wait.
async fn fail_with_fingers(
    town: &Town,
    party: &RelyingParty,
    number: IdentityNumber,
    times: usize,
) -> Vec<Told> {
    let mut told = Vec::new();
    for _ in 0..times {
        town.wait(HOUR_MS);
        told.push(town.told(party, by_fingers(number, strange_finger())).await);
    }
    town.wait(HOUR_MS);
    told
}

fn quotas(quotas: Quotas) -> RelyingPartyPolicy {
    RelyingPartyPolicy { quotas, ..open_policy() }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_five_failures_in_a_row_one_has_to_wait_longer_each_time_whoever_holds_the_number() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.party("bank", silent_policy()).await;
    let mut seen: Vec<Vec<Refusal>> = Vec::new();
    for number in [resident.number, unknown_number(1)] {
        let mut waits = Vec::new();
        for _ in 0..5 {
            assert_eq!(town.told(&bank, by_name(number, OTHER_NAME)).await, (Verdict::No, None));
        }
        for seconds in [30, 60, 120, 240, 480, 960, 1920, 3600, 3600] {
            let wait = Duration::from_secs(seconds);
            // The right name has to wait as well, and trying does not make it longer.
            for name in [OTHER_NAME, NAME, NAME] {
                let refused = town.refused(&bank, by_name(number, name)).await;
                assert_eq!(
                    (reason(&refused), refused.code),
                    (Reason::TooManyAttempts, Code::ResourceExhausted)
                );
                assert_eq!(refused.retry_after, Some(wait));
                waits.push(refused);
            }
            town.wait(seconds * 1000 - 1);
            let refused = town.refused(&bank, by_name(number, NAME)).await;
            assert_eq!(refused.retry_after, Some(Duration::from_millis(1)));
            town.wait(1);
            assert_eq!(
                town.told(&bank, by_name(number, OTHER_NAME)).await,
                (Verdict::No, None),
                "one more try"
            );
        }
        seen.push(waits);
    }
    assert_eq!(seen[0], seen[1], "a wait tells whether somebody holds the number");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_ends_the_row_of_failures() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.bank().await;
    for _ in 0..4 {
        for _ in 0..4 {
            let told = town.told(&bank, by_name(resident.number, OTHER_NAME)).await;
            assert_eq!(told, no(Reason::DemographicMismatch));
        }
        assert_eq!(town.told(&bank, by_name(resident.number, NAME)).await, YES);
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_what_failed_at_another_party() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let hostile = town.party("hostile", open_policy()).await;
    let bank = town.bank().await;
    for _ in 0..5 {
        town.told(&hostile, by_name(resident.number, OTHER_NAME)).await;
    }
    let refused = town.refused(&hostile, by_name(resident.number, NAME)).await;
    assert_eq!(reason(&refused).code(), 1020);
    assert_eq!(town.told(&bank, by_name(resident.number, NAME)).await, YES);
    assert_eq!(town.told(&bank, by_fingers(resident.number, hand(1))).await, YES);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_is_for_one_number_only() {
    let town = Town::new().await;
    let (asha, maya) = (town.enrol(1).await, town.enrol(2).await);
    let bank = town.bank().await;
    for _ in 0..5 {
        town.told(&bank, by_name(asha.number, OTHER_NAME)).await;
    }
    town.refused(&bank, by_name(asha.number, NAME)).await;
    assert_eq!(town.told(&bank, by_name(maya.number, NAME)).await, YES);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_by_the_virtual_number_and_one_by_the_number_are_counted_together() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let bank = town.bank().await;
    let alias = town.alias(&office, resident).await;
    for _ in 0..2 {
        town.told(&bank, by_name(resident.number, OTHER_NAME)).await;
        town.told(&bank, by_name(alias, OTHER_NAME)).await;
    }
    // Replacing the virtual number does not help either.
    let alias = town.alias(&office, resident).await;
    town.told(&bank, by_name(alias, OTHER_NAME)).await;
    for refused in [
        town.refused(&bank, by_name(alias, NAME)).await,
        town.refused(&bank, by_name(resident.number, NAME)).await,
    ] {
        assert_eq!(reason(&refused).code(), 1020);
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_twenty_failed_fingers_one_party_takes_no_more_and_the_others_do() {
    let mut town = Town::new().await;
    let resident = town.enrol(1).await;
    let hostile = town.party("hostile", open_policy()).await;
    let bank = town.bank().await;
    let told = fail_with_fingers(&town, &hostile, resident.number, 20).await;
    assert_eq!(told, [no(Reason::BiometricMismatch); 20]);
    let disabled = no(Reason::BiometricsLocked);
    assert_eq!(disabled.1.unwrap().code(), 330);
    assert_eq!(town.told(&hostile, by_fingers(resident.number, hand(1))).await, disabled);
    town.wait(HOUR_MS);
    assert_eq!(town.told(&hostile, by_name(resident.number, NAME)).await, YES, "other factors go on");
    assert_eq!(town.told(&hostile, by_fingers(resident.number, hand(1))).await, disabled, "for life");
    assert_eq!(town.told(&bank, by_fingers(resident.number, hand(1))).await, YES);
    town.wait(200 * DAY_MS);
    town.world.restart().await;
    let (hostile, bank) = (town.party_again("hostile").await, town.party_again("bank").await);
    assert_eq!(town.told(&hostile, by_fingers(resident.number, hand(1))).await, disabled);
    assert_eq!(town.told(&bank, by_fingers(resident.number, hand(1))).await, YES);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_hostile_party_cannot_disable_fingers_elsewhere_however_long_it_tries() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let hostile = town.party("hostile", open_policy()).await;
    let bank = town.bank().await;
    let told = fail_with_fingers(&town, &hostile, resident.number, 60).await;
    assert_eq!(told[..20], [no(Reason::BiometricMismatch); 20]);
    assert_eq!(told[20..], [no(Reason::BiometricsLocked); 40]);
    assert_eq!(town.told(&bank, by_fingers(resident.number, hand(1))).await, YES);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_fifty_failed_fingers_in_all_nobody_takes_any_until_a_code_fits() {
    let mut town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.bank().await;
    for (name, times) in [("hostile-1", 20), ("hostile-2", 20), ("hostile-3", 9)] {
        let hostile = town.party(name, open_policy()).await;
        let told = fail_with_fingers(&town, &hostile, resident.number, times).await;
        assert_eq!(told, vec![no(Reason::BiometricMismatch); times], "{name}");
    }
    assert_eq!(town.told(&bank, by_fingers(resident.number, hand(1))).await, YES, "49 are not 50");
    let last = town.party("hostile-4", open_policy()).await;
    fail_with_fingers(&town, &last, resident.number, 1).await;
    let disabled = no(Reason::BiometricsLocked);
    assert_eq!(town.told(&bank, by_fingers(resident.number, hand(1))).await, disabled);
    assert_eq!(town.told(&bank, by_name(resident.number, NAME)).await, YES, "a name gives nothing back");
    town.world.restart().await;
    let bank = town.party_again("bank").await;
    assert_eq!(town.told(&bank, by_fingers(resident.number, hand(1))).await, disabled);

    let code = town.code(&bank, resident.number, 1).await;
    let wrong = town.told(&bank, by_code(resident.number, crate::town::misread(&code))).await;
    assert_eq!(wrong, no(Reason::OtpMismatch));
    assert_eq!(
        town.told(&bank, by_fingers(resident.number, hand(1))).await,
        disabled,
        "a wrong code neither"
    );
    assert_eq!(town.told(&bank, by_code(resident.number, code)).await, YES);
    assert_eq!(town.told(&bank, by_fingers(resident.number, hand(1))).await, YES);
    // Each hostile party is where it was: the code was not given there.
    let hostile = town.party_again("hostile-1").await;
    assert_eq!(town.told(&hostile, by_fingers(resident.number, hand(1))).await, disabled);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_counts_whatever_else_was_wrong_so_that_the_counter_tells_nothing_of_the_finger() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.bank().await;
    for _ in 0..20 {
        town.wait(HOUR_MS);
        let mut draft = by_fingers(resident.number, hand(1));
        draft.claim = by_name(resident.number, OTHER_NAME).claim;
        assert_eq!(town.told(&bank, draft).await, no(Reason::DemographicMismatch));
    }
    town.wait(HOUR_MS);
    let told = town.told(&bank, by_fingers(resident.number, hand(1))).await;
    assert_eq!(told, no(Reason::BiometricsLocked));
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_and_attributes_are_no_way_around_the_budget_of_fingers() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let mut wrong = order(resident, crate::orders::lock_number(true));
    wrong.fingers = strange_finger();
    for _ in 0..5 {
        let statement = town.send_order(&office, wrong.clone()).await.unwrap();
        assert_eq!((statement.verdict, statement.reason), no(Reason::BiometricMismatch));
    }
    let refused = town.send_order(&office, wrong).await.unwrap_err();
    assert_eq!(reason(&refused).code(), 1020);
    let refused = town.refused(&office, by_fingers(resident.number, hand(1))).await;
    assert_eq!(reason(&refused).code(), 1020, "one budget for orders and questions");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_wrong_fingers_at_once_five_are_compared() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.bank().await;
    let requests: Vec<_> = (0..64)
        .map(|_| bank.request(by_fingers(resident.number, strange_finger()), town.now()).unwrap())
        .collect();
    let mut tries = JoinSet::new();
    for request in requests {
        let bank = bank.clone();
        tries.spawn(async move { bank.authenticate(&request).await.map(|answer| answer.statement.reason) });
    }
    let (mut compared, mut waiting) = (0, 0);
    for outcome in tries.join_all().await {
        match outcome {
            Ok(told) => {
                assert_eq!(told, Some(Reason::BiometricMismatch));
                compared += 1;
            }
            Err(error) => {
                assert_eq!(reason(&refusal(error)), Reason::TooManyAttempts);
                waiting += 1;
            }
        }
    }
    assert_eq!((compared, waiting), (5, 59));
    town.close().await;
}

/// Asks about so many different numbers that nobody holds, all at once; how many were answered.
async fn ask_about_strangers(town: &Town, bank: &RelyingParty, seeds: std::ops::Range<u64>) -> usize {
    let mut questions = JoinSet::new();
    for seed in seeds {
        let request = bank.request(by_name(unknown_number(seed), NAME), town.now()).unwrap();
        let bank = bank.clone();
        questions.spawn(async move { bank.authenticate(&request).await.is_ok() });
    }
    questions.join_all().await.into_iter().filter(|answered| *answered).count()
}

/// How long the day of the clock still lasts.
fn rest_of_the_day(town: &Town) -> Duration {
    Duration::from_millis(DAY_MS - town.now().millis() % DAY_MS)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_that_fails_too_often_is_blocked_to_the_end_of_the_day() {
    let mut town = Town::new().await;
    let (resident, other) = (town.enrol(1).await, town.enrol(2).await);
    let bank = town.party("bank", quotas(Quotas { failure_percent: 99, ..Quotas::default() })).await;
    let clinic = town.party("clinic", open_policy()).await;
    town.wait(5 * HOUR_MS);
    assert_eq!(ask_about_strangers(&town, &bank, 0..198).await, 198);
    for someone in [resident, other, resident] {
        assert_eq!(town.told(&bank, by_name(someone.number, NAME)).await, YES, "99 of a hundred may fail");
    }
    let wrong = || by_name(resident.number, OTHER_NAME);
    assert_eq!(town.told(&bank, wrong()).await, no(Reason::DemographicMismatch), "199 of 201");
    let refused = town.refused(&bank, by_name(resident.number, NAME)).await;
    assert_eq!((reason(&refused).code(), refused.code), (592, Code::ResourceExhausted));
    assert_eq!(refused.retry_after, Some(rest_of_the_day(&town)));
    assert!(refused.quota.is_some());
    assert_eq!(refused, town.refused(&bank, by_name(unknown_number(999), NAME)).await);
    assert_eq!(town.told(&clinic, by_name(resident.number, NAME)).await, YES, "one party's day is its own");

    town.world.restart().await;
    let bank = town.party_again("bank").await;
    assert_eq!(reason(&town.refused(&bank, by_name(resident.number, NAME)).await).code(), 592);
    town.wait(u64::try_from(rest_of_the_day(&town).as_millis()).unwrap() - 1);
    assert_eq!(reason(&town.refused(&bank, by_name(resident.number, NAME)).await).code(), 592);
    town.wait(1);
    assert_eq!(town.told(&bank, by_name(resident.number, NAME)).await, YES, "a new day");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_number_of_yeses_about_one_person_thins_out_no_guesses_about_others() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.party("bank", quotas(Quotas { failure_percent: 50, ..Quotas::default() })).await;
    for _ in 0..110 {
        assert_eq!(town.told(&bank, by_name(resident.number, NAME)).await, YES);
    }
    assert_eq!(ask_about_strangers(&town, &bank, 0..300).await, 199, "and one yes are 200");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_asks_about_so_many_numbers_a_day_and_no_more() {
    let mut town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.party("bank", quotas(Quotas { numbers_per_day: 10, ..Quotas::default() })).await;
    for _ in 0..30 {
        assert_eq!(town.told(&bank, by_name(resident.number, NAME)).await, YES, "one number, often");
    }
    assert_eq!(ask_about_strangers(&town, &bank, 0..40).await, 9);
    let refused = town.refused(&bank, by_name(unknown_number(999), NAME)).await;
    assert_eq!((reason(&refused).code(), refused.code), (593, Code::ResourceExhausted));
    assert_eq!(refused.retry_after, Some(rest_of_the_day(&town)));
    assert!(refused.quota.is_some());
    // Ordering a code asks about a number too.
    assert_eq!(reason(&town.order(&bank, resident.number).await.unwrap_err()).code(), 593);
    town.world.restart().await;
    let bank = town.party_again("bank").await;
    assert_eq!(reason(&town.refused(&bank, by_name(resident.number, NAME)).await).code(), 593);
    town.wait(DAY_MS);
    assert_eq!(town.told(&bank, by_name(resident.number, NAME)).await, YES);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_that_are_ordered_for_different_numbers_count_as_numbers() {
    let town = Town::new().await;
    let bank = town.party("bank", quotas(Quotas { numbers_per_day: 3, ..Quotas::default() })).await;
    for seed in 0..3 {
        town.order(&bank, unknown_number(seed)).await.unwrap();
    }
    assert_eq!(reason(&town.order(&bank, unknown_number(4)).await.unwrap_err()).code(), 593);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_sends_as_many_requests_a_second_as_its_policy_says() {
    let town = Town::new().await;
    let slow = Quotas { requests_per_second: 1, burst: 2, ..Quotas::default() };
    let bank = town.party("bank", quotas(slow)).await;
    let clinic = town.party("clinic", open_policy()).await;
    // At one request a second these would take a minute and a half: nobody is that slow.
    let mut questions = JoinSet::new();
    for seed in 0..100 {
        let request = bank.request(by_name(unknown_number(seed), NAME), town.now()).unwrap();
        let bank = bank.clone();
        questions.spawn(async move { bank.authenticate(&request).await.map(drop) });
    }
    let outcomes = questions.join_all().await;
    let refused: Vec<_> = outcomes.into_iter().filter_map(Result::err).map(refusal).collect();
    assert!((50..=98).contains(&refused.len()), "{} of 100 were refused", refused.len());
    for refused in &refused {
        assert_eq!((reason(refused).code(), refused.code), (1016, Code::ResourceExhausted));
        assert!(refused.retry_after.is_some_and(|wait| wait > Duration::ZERO), "{refused}");
        assert_eq!(refused.quota.as_deref(), Some("requests_per_second"));
    }
    assert_eq!(ask_about_strangers(&town, &clinic, 0..50).await, 50, "one party's rate is its own");
    town.amend("bank", open_policy()).await;
    assert_eq!(ask_about_strangers(&town, &bank, 200..250).await, 50, "another policy is another rate");
    town.close().await;
}

/// Enrols a synthetic person at a station; what became of it.
async fn enrol(
    town: &Town,
    agency: &Agency,
    person: u64,
    (station, operator): (&str, &str),
) -> Result<EnrolmentOutcome, Refusal> {
    let mut draft = enrolment(NAME, person, 1, &fingers(4));
    (draft.station, draft.operator) = (station.to_owned(), operator.to_owned());
    let request = agency.request(draft, town.now()).unwrap();
    agency.enrol(&request).await.map(|answer| answer.statement.outcome).map_err(refusal)
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_station_and_agency_each_hear_duplicate_so_often_a_day_and_then_nothing_about_anybody() {
    let town = Town::with(|config| {
        config.quotas.operator_duplicates_per_day = 2;
        config.quotas.station_duplicates_per_day = 3;
        config.quotas.agency_duplicates_per_day = 4;
    })
    .await;
    let Resident { person, .. } = town.enrol(1).await;
    let north = town.world.agency("north").await;
    let south = town.world.agency("south").await;
    let duplicate = Ok(EnrolmentOutcome::Duplicate);
    let mut newcomer = 100;
    // At each place the last duplicate uses a limit up; the next two of the same place, known and new, are refused alike.
    for (place, duplicates, quota) in [
        (("station-1", "operator-1"), 2, "operator_duplicates_per_day"),
        (("station-1", "operator-2"), 1, "station_duplicates_per_day"),
        (("station-2", "operator-3"), 1, "agency_duplicates_per_day"),
    ] {
        for _ in 0..duplicates {
            assert_eq!(enrol(&town, &north, person, place).await, duplicate);
        }
        newcomer += 1;
        let known = enrol(&town, &north, person, place).await.unwrap_err();
        assert_eq!((reason(&known).code(), known.code), (1017, Code::ResourceExhausted));
        assert_eq!(known.quota.as_deref(), Some(quota));
        assert_eq!(known.retry_after, Some(rest_of_the_day(&town)));
        assert_eq!(enrol(&town, &north, newcomer, place).await.unwrap_err(), known);
    }
    let elsewhere = ("station-1", "operator-1");
    assert_eq!(enrol(&town, &south, person, elsewhere).await, duplicate, "another agency");
    town.wait(DAY_MS);
    for place in [elsewhere, ("station-1", "operator-2")] {
        newcomer += 1;
        let outcome = enrol(&town, &north, newcomer, place).await;
        assert!(matches!(outcome, Ok(EnrolmentOutcome::Issued { .. })), "a new day");
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quota_of_duplicates_survives_a_restart() {
    let mut town = Town::with(|config| config.quotas.operator_duplicates_per_day = 1).await;
    let Resident { person, .. } = town.enrol(1).await;
    let north = town.world.agency("north").await;
    let place = ("station-1", "operator-1");
    assert_eq!(enrol(&town, &north, person, place).await, Ok(EnrolmentOutcome::Duplicate));
    town.world.restart().await;
    let north = town.world.agency_again("north").await;
    assert_eq!(reason(&enrol(&town, &north, person, place).await.unwrap_err()).code(), 1017);
    town.close().await;
}
