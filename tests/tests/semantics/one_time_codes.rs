//! One-time codes: for one person, one relying party, one transaction, one use, ten minutes.

use std::time::Duration;

use plinth_client::RelyingParty;
use plinth_identity::authentication::{Channel, ChannelSet, ResidentAction, Verdict};
use plinth_identity::evidence::CodeClaim;
use plinth_identity::number::Identifier;
use plinth_identity::otp::OtpCode;
use plinth_identity::reason::Reason;
use plinth_identity::statement::ResidentOutcome;

use crate::orders::{lock_number, order, order_by_code, shown, step_of};
use crate::town::{
    Town, YES, by_code, demographics, email, misread, no, open_policy, reason, refusal, unknown_number,
};

/// How long a code is good for, in milliseconds.
const LIFETIME_MS: u64 = 600_000;

/// Long enough for every wait of this file to be over, short enough for a code to live on.
const MINUTE_MS: u64 = 60_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_a_yes_once_and_then_a_no() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.bank().await;
    let code = town.code(&bank, resident.number, 1).await;
    assert_eq!(town.told(&bank, by_code(resident.number, code.clone())).await, YES);
    let again = town.told(&bank, by_code(resident.number, code)).await;
    assert_eq!(again, no(Reason::OtpMismatch));
    assert_eq!(again.1.unwrap().code(), 400);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_uses_of_one_code_at_once_exactly_one_is_a_yes() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.bank().await;
    let code = town.code(&bank, resident.number, 1).await;
    let mut uses = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (bank, draft) = (bank.clone(), by_code(resident.number, code.clone()));
        let request = bank.request(draft, town.now()).unwrap();
        uses.spawn(async move { bank.authenticate(&request).await.unwrap().statement });
    }
    let mut told: Vec<_> =
        uses.join_all().await.into_iter().map(|answer| (answer.verdict, answer.reason)).collect();
    told.sort_by_key(|told| *told != YES);
    assert_eq!(told, [YES, no(Reason::OtpMismatch), no(Reason::OtpMismatch), no(Reason::OtpMismatch)]);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_another_party_person_or_transaction_is_402() {
    let town = Town::new().await;
    let (asha, maya) = (town.enrol(1).await, town.enrol(2).await);
    let bank = town.bank().await;
    let clinic = town.party("clinic", open_policy()).await;
    let code = town.code(&bank, asha.number, 1).await;
    let CodeClaim::Delivered { code: digits, .. } = code.clone() else { panic!("codes are delivered") };
    let elsewhere =
        CodeClaim::Delivered { transaction: plinth_identity::RequestId::from_bytes([9; 16]), code: digits };
    let other = no(Reason::OtpOfAnotherTransaction);
    assert_eq!(other.1.unwrap().code(), 402);
    assert_eq!(town.told(&clinic, by_code(asha.number, code.clone())).await, other, "another party's");
    assert_eq!(town.told(&bank, by_code(maya.number, code.clone())).await, other, "another person's");
    assert_eq!(town.told(&bank, by_code(asha.number, elsewhere)).await, other, "another transaction's");
    assert_eq!(town.told(&bank, by_code(asha.number, code)).await, YES, "none of these has used it up");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_three_wrong_codes_the_right_one_is_403_and_a_new_one_works() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.bank().await;
    let code = town.code(&bank, resident.number, 1).await;
    for _ in 0..3 {
        let told = town.told(&bank, by_code(resident.number, misread(&code))).await;
        assert_eq!(told, no(Reason::OtpMismatch));
    }
    let told = town.told(&bank, by_code(resident.number, code)).await;
    assert_eq!(told, no(Reason::OtpAttemptsUsedUp));
    assert_eq!(told.1.unwrap().code(), 403);
    let code = town.code(&bank, resident.number, 1).await;
    assert_eq!(town.told(&bank, by_code(resident.number, code)).await, YES);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_two_wrong_codes_the_right_one_still_works() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.bank().await;
    let code = town.code(&bank, resident.number, 1).await;
    for _ in 0..2 {
        let told = town.told(&bank, by_code(resident.number, misread(&code))).await;
        assert_eq!(told, no(Reason::OtpMismatch));
    }
    assert_eq!(town.told(&bank, by_code(resident.number, code)).await, YES);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_works_to_the_end_of_its_ten_minutes_and_no_longer() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.bank().await;
    for (age, expected) in [(LIFETIME_MS - 1, YES), (LIFETIME_MS, no(Reason::OtpMismatch))] {
        let code = town.code(&bank, resident.number, 1).await;
        town.wait(age);
        assert_eq!(town.told(&bank, by_code(resident.number, code)).await, expected, "after {age} ms");
    }
    town.close().await;
}

/// Orders codes until it is refused; how many were ordered, the refusal's code and the wait.
async fn order_until_refused(
    town: &Town,
    parties: &[&RelyingParty],
    number: plinth_identity::IdentityNumber,
) -> (usize, u16, Option<Duration>, Option<String>) {
    for (ordered, party) in parties.iter().enumerate() {
        if let Err(refused) = town.order(party, number).await {
            return (ordered, reason(&refused).code(), refused.retry_after, refused.quota);
        }
    }
    panic!("codes without end");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_party_orders_three_codes_in_ten_minutes_whether_or_not_anybody_holds_the_number() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.bank().await;
    let mut ends = Vec::new();
    for number in [resident.number, unknown_number(1)] {
        ends.push(order_until_refused(&town, &[&bank; 5], number).await);
    }
    let (ordered, code, wait, quota) = ends[0].clone();
    assert_eq!((ordered, code, wait), (3, 952, Some(Duration::from_millis(LIFETIME_MS))));
    assert!(quota.is_some(), "the refusal must name the limit");
    assert_eq!(ends[0], ends[1]);
    town.wait(LIFETIME_MS);
    town.order(&bank, resident.number).await.unwrap();
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_codes_are_ordered_for_one_person_in_ten_minutes_by_all_parties_together() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let mut parties = Vec::new();
    for index in 0..5 {
        parties.push(town.party(&format!("party-{index}"), open_policy()).await);
    }
    let orders: Vec<_> = parties.iter().flat_map(|party| [party, party, party]).collect();
    let mut ends = Vec::new();
    for number in [resident.number, unknown_number(1)] {
        ends.push(order_until_refused(&town, &orders, number).await);
    }
    let (ordered, code, wait, quota) = ends[0].clone();
    assert_eq!((ordered, code, wait), (10, 953, Some(Duration::from_millis(LIFETIME_MS))));
    assert!(quota.is_some(), "the refusal must name the limit");
    assert_eq!(ends[0], ends[1]);
    town.wait(LIFETIME_MS);
    town.order(&parties[4], resident.number).await.unwrap();
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn for_a_number_that_nobody_holds_or_that_cannot_be_used_the_answer_is_as_long_and_no_letter_is_sent() {
    let town = Town::new().await;
    let (known, locked) = (town.enrol(1).await, town.enrol(2).await);
    let mut bare = demographics(3);
    bare.phone = None;
    let bare = town.enrol_as(3, bare).await;
    let office = town.office().await;
    let bank = town.bank().await;
    town.set_locks(&office, locked, lock_number(true)).await;
    let revoked = town.alias(&office, known).await;
    town.alias(&office, known).await;
    // These go by text message, the one that arrives by e-mail: so it shows if whoever stands in gets a letter.
    let mut whose: Vec<Identifier> = (0..8).map(|seed| unknown_number(seed).into()).collect();
    whose.extend([Identifier::Number(locked.number), bare.number.into(), revoked.into()]);
    let orders = whose.into_iter().map(|whose| (whose, Channel::Sms));
    let mut lengths = Vec::new();
    for (whose, channel) in orders.chain([(known.number.into(), Channel::Email)]) {
        let request = bank.otp_request(whose, channel.into(), "login", town.now()).unwrap();
        lengths.push(bank.request_otp(&request).await.unwrap().to_bytes().len());
    }
    assert!(lengths.iter().all(|length| *length == lengths[0]), "{lengths:?}");
    let town = deliver_all(town).await;
    assert_eq!(town.letters(), [format!("{}.txt", email(1))]);
    town.close().await;
}

/// Restarts until the outbox is empty: then whatever was to be sent has been sent.
async fn deliver_all(mut town: Town) -> Town {
    for _ in 0..50 {
        town.world.stop().await;
        let waiting = crate::fsck::must_be_clean(&town.world.config).outbox;
        town.world.restart().await;
        if waiting == 0 {
            return town;
        }
        // The courier works on its own; nothing tells when it is done.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("something is never delivered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_goes_by_every_channel_that_was_asked_for_and_by_no_other() {
    let town = Town::new().await;
    let (asha, maya) = (town.enrol(1).await, town.enrol(2).await);
    let bank = town.bank().await;
    let both = ChannelSet::new(&[Channel::Sms, Channel::Email]).unwrap();
    for (resident, channels) in [(asha, Channel::Email.into()), (maya, both)] {
        let request = bank.otp_request(resident.number, channels, "login", town.now()).unwrap();
        bank.request_otp(&request).await.unwrap();
    }
    let town = deliver_all(town).await;
    let telephone = town.telephone(2).file_name().unwrap().to_str().unwrap().to_owned();
    let expected = [telephone, format!("{}.txt", email(1)), format!("{}.txt", email(2))];
    assert_eq!(town.letters(), expected);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_this_deployment_does_not_serve_is_refused_for_every_number() {
    let town = Town::with(|config| config.delivery.directory = None).await;
    let resident = town.enrol(1).await;
    let bank = town.bank().await;
    let known = town.order(&bank, resident.number).await.unwrap_err();
    assert_eq!(reason(&known).code(), 1014);
    assert_eq!(known, town.order(&bank, unknown_number(1)).await.unwrap_err());
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_a_code_still_works_and_no_letter_comes_twice() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.bank().await;
    let code = town.code(&bank, resident.number, 1).await;
    let mut town = deliver_all(town).await;
    std::fs::remove_file(town.telephone(1)).unwrap();
    town.world.restart().await;
    let town = deliver_all(town).await;
    assert!(town.letters().is_empty(), "a letter came twice");
    let bank = town.party_again("bank").await;
    assert_eq!(town.told(&bank, by_code(resident.number, code.clone())).await, YES);
    let again = town.told(&bank, by_code(resident.number, code)).await;
    assert_eq!(again, no(Reason::OtpMismatch));
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_order_is_the_same_transaction_and_sends_nothing_more() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.bank().await;
    let sms = ChannelSet::from(Channel::Sms);
    let request = bank.otp_request(resident.number, sms, "login", town.now()).unwrap();
    let first = bank.request_otp(&request).await.unwrap();
    let town = deliver_all(town).await;
    std::fs::remove_file(town.telephone(1)).unwrap();
    let bank = town.party_again("bank").await;
    for _ in 0..20 {
        assert_eq!(bank.request_otp(&request).await.unwrap().to_bytes(), first.to_bytes());
    }
    let town = deliver_all(town).await;
    assert!(town.letters().is_empty(), "a repeated order sent a second letter");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authenticator_made_at_the_office_works_and_each_of_its_codes_once() {
    let mut town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let bank = town.bank().await;
    let secret = town.authenticator(&office, resident).await;
    let code = || shown(&secret, step_of(town.now()));
    assert_eq!(town.told(&bank, by_code(resident.number, code())).await, YES);
    let clinic = town.party("clinic", open_policy()).await;
    let again = no(Reason::OtpMismatch);
    assert_eq!(town.told(&bank, by_code(resident.number, code())).await, again);
    assert_eq!(town.told(&clinic, by_code(resident.number, code())).await, again, "at another party neither");
    let code = code();
    town.world.restart().await;
    let bank = town.party_again("bank").await;
    assert_eq!(town.told(&bank, by_code(resident.number, code)).await, again, "nor after a restart");
    town.wait(30_000);
    let next = shown(&secret, step_of(town.now()));
    assert_eq!(town.told(&bank, by_code(resident.number, next)).await, YES);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_uses_of_an_authenticators_code_at_once_exactly_one_is_a_yes_at_whatever_party() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let parties = [town.bank().await, town.party("clinic", open_policy()).await];
    let secret = town.authenticator(&office, resident).await;
    let code = shown(&secret, step_of(town.now()));
    let mut uses = tokio::task::JoinSet::new();
    for index in 0..8 {
        let party = parties[index % 2].clone();
        let request = party.request(by_code(resident.number, code.clone()), town.now()).unwrap();
        uses.spawn(async move { party.authenticate(&request).await.unwrap().statement.verdict });
    }
    let told = uses.join_all().await;
    assert_eq!(told.into_iter().filter(|verdict| *verdict == Verdict::Yes).count(), 1);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authenticator_may_be_one_step_off_and_no_further() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let bank = town.bank().await;
    let secret = town.authenticator(&office, resident).await;
    let now = step_of(town.now());
    let ask = async |step| town.told(&bank, by_code(resident.number, shown(&secret, step))).await;
    assert_eq!(ask(now - 2).await, no(Reason::OtpMismatch));
    assert_eq!(ask(now + 2).await, no(Reason::OtpMismatch));
    assert_eq!(ask(now - 1).await, YES);
    assert_eq!(ask(now + 1).await, YES);
    assert_eq!(ask(now).await, no(Reason::OtpMismatch), "a code older than one that was used");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authenticator_that_was_replaced_or_removed_does_not_work_any_more() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let bank = town.bank().await;
    let old = town.authenticator(&office, resident).await;
    let new = town.authenticator(&office, resident).await;
    let ask = async |secret: &plinth_identity::TotpSecret| {
        town.told(&bank, by_code(resident.number, shown(secret, step_of(town.now())))).await
    };
    assert_eq!(ask(&old).await, no(Reason::OtpMismatch));
    assert_eq!(ask(&new).await, YES);
    town.wait(MINUTE_MS);
    let removed = town.carry_out(&office, resident, ResidentAction::RemoveTotp).await;
    assert_eq!(removed, ResidentOutcome::TotpRemoved);
    assert_eq!(ask(&new).await, no(Reason::OtpMismatch));
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_has_an_authenticator_whose_code_could_be_computed() {
    // Neither the person without one, nor the number that nobody holds, goes by the secret of all zeros.
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.bank().await;
    let zeros = plinth_identity::TotpSecret::from_bytes([0; 20]);
    for (number, reason) in
        [(resident.number, Reason::OtpMismatch), (unknown_number(1), Reason::UnknownNumber)]
    {
        let code = shown(&zeros, step_of(town.now()));
        assert_eq!(town.told(&bank, by_code(number, code)).await, no(reason));
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_fits_opens_the_office_too_and_not_at_another_party() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let bank = town.bank().await;
    let read = ResidentAction::ReadHistory { page_size: 10, before: None };
    let code = town.code(&office, resident.number, 1).await;
    let draft = order_by_code(resident, code, read);
    let statement = town.send_order(&office, draft).await.unwrap();
    assert!(matches!(statement.outcome, Some(ResidentOutcome::History { .. })));
    let code = town.code(&bank, resident.number, 1).await;
    let statement = town.send_order(&office, order_by_code(resident, code, read)).await.unwrap();
    assert_eq!((statement.verdict, statement.reason), no(Reason::OtpOfAnotherTransaction));
    let request = bank.resident_request(order(resident, read), town.now()).unwrap();
    let refused = refusal(bank.resident(&request).await.unwrap_err());
    assert_eq!(reason(&refused).code(), 1022);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guess_at_a_code_that_was_never_ordered_is_402() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.bank().await;
    let guess = CodeClaim::Delivered {
        transaction: plinth_identity::RequestId::from_bytes([0; 16]),
        code: OtpCode::parse("000000").unwrap(),
    };
    let told = town.told(&bank, by_code(resident.number, guess)).await;
    assert_eq!(told, no(Reason::OtpOfAnotherTransaction));
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_fits_takes_no_wait_away_from_guesses_at_a_code() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let (office, bank) = (town.office().await, town.bank().await);
    let secret = town.authenticator(&office, resident).await;
    let wrong = misread(&shown(&secret, step_of(town.now())));
    for guess in 0..5 {
        let told = town.told(&bank, by_code(resident.number, wrong.clone())).await;
        assert_eq!(told, no(Reason::OtpMismatch), "guess {guess}");
        if guess < 4 {
            assert_eq!(town.told(&bank, crate::town::by_name(resident.number, crate::town::NAME)).await, YES);
        }
    }
    let refused = town.refused(&bank, by_code(resident.number, wrong)).await;
    assert_eq!(reason(&refused), Reason::TooManyAttempts);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_that_must_use_virtual_numbers_orders_codes_by_them_only() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let policy = plinth_identity::RelyingPartyPolicy { virtual_number_only: true, ..open_policy() };
    let (office, shop) = (town.office().await, town.party("shop", policy).await);
    for number in [resident.number, unknown_number(1)] {
        let refused = town.order(&shop, number).await.unwrap_err();
        assert_eq!(reason(&refused), Reason::VirtualNumberRequired);
    }
    let alias = town.alias(&office, resident).await;
    let code = town.code(&shop, alias, 1).await;
    assert_eq!(town.told(&shop, by_code(alias, code)).await, YES);
    town.close().await;
}
