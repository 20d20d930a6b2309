//! Virtual numbers: they stand in for a number everywhere, as long as their holder wants, and tell nothing about it.

use plinth_client::PersonDraft;
use plinth_identity::authentication::{Consent, ResidentAction, Verdict};
use plinth_identity::demographics::DemographicClaim;
use plinth_identity::number::Identifier;
use plinth_identity::party::{Attribute, AttributeSet, RelyingPartyPolicy};
use plinth_identity::reason::Reason;
use plinth_identity::sealing::EncryptionKey;
use plinth_identity::statement::ResidentOutcome;
use plinth_identity::virtual_number::{VirtualNumber, VirtualNumberKind};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::town::{
    DAY_MS, NAME, OTHER_NAME, Town, YES, by_code, by_fingers, by_name, hand, no, open_policy, reason,
};

/// Sixteen good digits that were never given to anybody.
fn unknown_alias() -> VirtualNumber {
    VirtualNumber::draw(&mut StdRng::seed_from_u64(8))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_virtual_number_stands_for_the_number_until_it_is_replaced_or_revoked() {
    let mut town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let bank = town.bank().await;
    let first = town.alias(&office, resident).await;
    assert_eq!(town.told(&bank, by_name(first, NAME)).await, YES);
    assert_eq!(town.told(&bank, by_name(first, OTHER_NAME)).await, no(Reason::DemographicMismatch));

    let second = town.alias(&office, resident).await;
    assert_ne!(first.reveal(), second.reveal());
    let replaced = town.told(&bank, by_name(first, NAME)).await;
    assert_eq!(replaced, no(Reason::InvalidVirtualNumber));
    assert_eq!(replaced.1.unwrap().code(), 515);
    assert_eq!(town.told(&bank, by_name(second, NAME)).await, YES);

    let revoked = town.carry_out(&office, resident, ResidentAction::RevokeVirtualNumber).await;
    assert_eq!(revoked, ResidentOutcome::VirtualNumberRevoked);
    assert_eq!(town.told(&bank, by_name(second, NAME)).await, no(Reason::InvalidVirtualNumber));
    town.world.restart().await;
    let bank = town.party_again("bank").await;
    assert_eq!(town.told(&bank, by_name(second, NAME)).await, no(Reason::InvalidVirtualNumber));
    assert_eq!(town.told(&bank, by_name(resident.number, NAME)).await, YES, "the number is as it was");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_a_virtual_number_that_is_not_there_changes_nothing() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    for _ in 0..2 {
        let revoked = town.carry_out(&office, resident, ResidentAction::RevokeVirtualNumber).await;
        assert_eq!(revoked, ResidentOutcome::VirtualNumberRevoked);
    }
    assert_eq!(town.close().await.virtual_numbers, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_time_number_is_for_one_yes_and_a_no_does_not_use_it_up() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let bank = town.bank().await;
    let (alias, _) = town.virtual_number(&office, resident, VirtualNumberKind::OneTime, None).await;
    assert_eq!(town.told(&bank, by_name(alias, OTHER_NAME)).await, no(Reason::DemographicMismatch));
    assert_eq!(town.told(&bank, by_name(alias, NAME)).await, YES);
    let used = town.told(&bank, by_name(alias, NAME)).await;
    assert_eq!(used, no(Reason::ExpiredVirtualNumber));
    assert_eq!(used.1.unwrap().code(), 517);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_uses_of_a_one_time_number_at_once_exactly_one_is_a_yes() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let parties = [town.bank().await, town.party("clinic", open_policy()).await];
    // Fewer than the failures in a row that would make one of them wait.
    for round in 0..4 {
        let (alias, _) = town.virtual_number(&office, resident, VirtualNumberKind::OneTime, None).await;
        let [bank, clinic] = &parties;
        let (one, other) =
            tokio::join!(town.told(bank, by_name(alias, NAME)), town.told(clinic, by_name(alias, NAME)));
        let mut told = [one, other];
        told.sort_by_key(|told| *told != YES);
        assert_eq!(told, [YES, no(Reason::ExpiredVirtualNumber)], "round {round}");
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expiring_number_works_to_its_end_and_a_perpetual_one_has_none() {
    let town = Town::new().await;
    let (asha, maya) = (town.enrol(1).await, town.enrol(2).await);
    let office = town.office().await;
    let bank = town.bank().await;
    let kind = VirtualNumberKind::Expiring;
    let (expiring, end) = town.virtual_number(&office, asha, kind, Some(3_600_000)).await;
    assert_eq!(end, Some(town.now().plus_millis(3_600_000)));
    let (perpetual, end) = town.virtual_number(&office, maya, VirtualNumberKind::Perpetual, None).await;
    assert_eq!(end, None);
    town.wait(3_600_000);
    assert_eq!(town.told(&bank, by_name(expiring, NAME)).await, YES, "the last moment");
    town.wait(1);
    assert_eq!(town.told(&bank, by_name(expiring, NAME)).await, no(Reason::ExpiredVirtualNumber));
    town.wait(300 * DAY_MS);
    assert_eq!(town.told(&bank, by_name(perpetual, NAME)).await, YES);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_time_number_may_expire_before_it_is_used() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let bank = town.bank().await;
    let kind = VirtualNumberKind::OneTime;
    let (alias, end) = town.virtual_number(&office, resident, kind, Some(60_000)).await;
    assert_eq!(end, Some(town.now().plus_millis(60_000)));
    town.wait(60_001);
    assert_eq!(town.told(&bank, by_name(alias, NAME)).await, no(Reason::ExpiredVirtualNumber));
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_virtual_number_is_accepted_wherever_a_number_is() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let key = EncryptionKey::generate(&mut StdRng::seed_from_u64(1));
    let attributes = AttributeSet::EMPTY.with(Attribute::Phone);
    let policy = RelyingPartyPolicy { attributes, encryption_key: Some(key.public()), ..open_policy() };
    let bank = town.party("bank", policy).await;
    let alias = town.alias(&office, resident).await;

    assert_eq!(town.told(&bank, by_fingers(alias, hand(1))).await, YES);
    let code = town.code(&bank, alias, 1).await;
    assert_eq!(town.told(&bank, by_code(alias, code)).await, YES);
    // The code is for the person, by whichever name they were asked about.
    let code = town.code(&bank, alias, 1).await;
    assert_eq!(town.told(&bank, by_code(resident.number, code)).await, YES);
    let draft = PersonDraft {
        identifier: Identifier::Virtual(alias),
        claim: DemographicClaim::default(),
        fingers: hand(1),
        code: None,
        attributes,
        consent: Consent::new("May the bank know your number?".to_owned(), town.now()).unwrap(),
        purpose: "account opening".to_owned(),
    };
    let request = bank.person_request(draft, town.now()).unwrap();
    let answer = bank.get_person(&request).await.unwrap();
    assert_eq!(answer.statement.verdict, Verdict::Yes);
    let told = plinth_client::open_person(&request, &answer.statement, &key).unwrap();
    assert_eq!(told.phone.unwrap().as_str(), crate::town::phone(1));
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_and_its_virtual_numbers_have_one_token_at_a_party_and_another_at_the_next() {
    let town = Town::new().await;
    let (asha, maya) = (town.enrol(1).await, town.enrol(2).await);
    let office = town.office().await;
    let bank = town.bank().await;
    let clinic = town.party("clinic", open_policy()).await;
    let token = async |party, whose: Identifier| {
        let statement = town.ask(party, by_name(whose, NAME)).await.unwrap();
        statement.token.unwrap()
    };
    let own = token(&bank, asha.number.into()).await;
    let alias = town.alias(&office, asha).await;
    assert_eq!(token(&bank, alias.into()).await, own);
    let next = town.alias(&office, asha).await;
    assert_eq!(
        token(&bank, next.into()).await,
        own,
        "replacing the virtual number does not make a new person"
    );
    assert_ne!(token(&clinic, next.into()).await, own, "two parties cannot link theirs");
    assert_ne!(token(&bank, maya.number.into()).await, own);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_never_accepted_in_place_of_a_number() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.bank().await;
    let token = town.ask(&bank, by_name(resident.number, NAME)).await.unwrap().token.unwrap();
    let hexadecimal = data_encoding::HEXLOWER.encode(token.as_bytes());
    let digits: String = hexadecimal.chars().filter(char::is_ascii_digit).collect();
    for text in [
        hexadecimal.as_str(),
        &hexadecimal[..16],
        &digits,
        data_encoding::BASE64.encode(token.as_bytes()).as_str(),
    ] {
        let mut question = town.question("bank", resident.number);
        question.number = text.to_owned();
        let refused = town.put(&bank, &question).await.unwrap_err();
        assert!([510, 515].contains(&reason(&refused).code()), "{refused}");
        assert_eq!(refused.violations[0].field, "number");
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_virtual_number_that_was_never_given_is_an_unknown_number_and_a_mistyped_one_is_515() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.bank().await;
    let told = town.told(&bank, by_name(unknown_alias(), NAME)).await;
    assert_eq!(told, no(Reason::UnknownNumber));
    let mut mistyped = unknown_alias().digits();
    mistyped[15] = b'0' + (mistyped[15] - b'0' + 1) % 10;
    let mut question = town.question("bank", resident.number);
    question.number = String::from_utf8(mistyped.to_vec()).unwrap();
    let refused = town.put(&bank, &question).await.unwrap_err();
    assert_eq!(reason(&refused).code(), 515);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_virtual_number_says_nothing_of_the_number() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let alias = town.alias(&office, resident).await.reveal();
        assert!(!alias.contains(&resident.number.reveal()[..6]));
        assert!(seen.insert(alias), "no virtual number is given twice");
    }
    town.close().await;
}
