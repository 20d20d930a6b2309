//! Authentication over the wire: exact, decided once, and silent about who exists.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

use plinth_client::{AuthenticationDraft, ClientError};
use plinth_identity::demographics::{DateOfBirth, DemographicClaim, Gender, Name};
use plinth_identity::number::IdentityNumber;
use plinth_identity::party::{Factor, FactorSet, PartyKind};
use plinth_identity::reason::Reason;
use plinth_identity::statement::EnrolmentOutcome;
use plinth_identity::{RequestId, Verdict};
use plinth_tests::{World, enrolment, fingers, party, party_id, question, samples, signing_key};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

async fn enrol(world: &World, person: u64, name: &str) -> IdentityNumber {
    let agency = world.agency(&format!("agency-{person}")).await;
    let request = agency.request(enrolment(name, person, 0, &fingers(10)), world.now()).unwrap();
    match agency.enrol(&request).await.unwrap().statement.outcome {
        EnrolmentOutcome::Issued { number } => number,
        _ => panic!("a new person must get a number"),
    }
}

fn unknown_number() -> IdentityNumber {
    IdentityNumber::draw(&mut StdRng::seed_from_u64(4))
}

fn refused(error: ClientError) -> Reason {
    error.reason().unwrap_or_else(|| panic!("not a refusal with a reason: {error}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finger_of_the_person_is_a_yes_and_of_someone_else_a_no() {
    let mut world = World::new().await;
    let number = enrol(&world, 1, "Asha Rao").await;
    let bank = world.relying_party("bank", true).await;
    for (person, capture, expected) in [(1, 2, Verdict::Yes), (2, 2, Verdict::No)] {
        let draft = AuthenticationDraft {
            fingers: samples(person, capture, &fingers(3)),
            purpose: "pension".to_owned(),
            ..AuthenticationDraft::new(number)
        };
        let answer = bank.authenticate(&bank.request(draft, world.now()).unwrap()).await.unwrap();
        assert_eq!(answer.statement.verdict, expected);
        let reason = (expected == Verdict::No).then_some(Reason::BiometricMismatch);
        assert_eq!(answer.statement.reason, reason);
        assert_eq!(
            answer.statement.token.is_some(),
            expected == Verdict::Yes,
            "a token only comes with a yes"
        );
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_demographic_factor_counts_and_all_must_hold() {
    let mut world = World::new().await;
    let number = enrol(&world, 1, "Zoë Müller-Ångström").await;
    let bank = world.relying_party("bank", false).await;
    let claim = |name: Option<&str>, born: Option<&str>, gender: Option<Gender>| DemographicClaim {
        name: name.map(|name| Name::parse(name).unwrap().into()),
        birth: born.map(|born| DateOfBirth::parse(born).unwrap().into()),
        gender,
        ..DemographicClaim::default()
    };
    let cases = [
        (claim(Some("zoë müller-ångström"), None, None), Verdict::Yes),
        (claim(Some("ZOË MÜLLER-ÅNGSTRÖM"), Some("1990-04-17"), Some(Gender::Female)), Verdict::Yes),
        (claim(Some("Zoë"), None, None), Verdict::No),
        (claim(Some("Müller-Ångström Zoë"), None, None), Verdict::No),
        (claim(None, Some("1990-04-18"), None), Verdict::No),
        (claim(Some("zoë müller-ångström"), Some("1990-04-17"), Some(Gender::Male)), Verdict::No),
    ];
    for (index, (claim, expected)) in cases.into_iter().enumerate() {
        let draft =
            AuthenticationDraft { claim, purpose: "test".to_owned(), ..AuthenticationDraft::new(number) };
        let answer = bank.authenticate(&bank.request(draft, world.now()).unwrap()).await.unwrap();
        assert_eq!(answer.statement.verdict, expected, "case {index}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_and_wrong_are_one_answer_of_one_length_unless_the_policy_entitles() {
    let mut world = World::new().await;
    let number = enrol(&world, 1, "Asha Rao").await;
    let bank = world.relying_party("bank", false).await;
    let police = world.relying_party("police", true).await;
    let mut lengths = Vec::new();
    for (asked, reason) in [(number, Reason::DemographicMismatch), (unknown_number(), Reason::UnknownNumber)]
    {
        let draft = question(asked, "Somebody Else");
        let answer = bank.authenticate(&bank.request(draft.clone(), world.now()).unwrap()).await.unwrap();
        assert_eq!((answer.statement.verdict, answer.statement.reason), (Verdict::No, None));
        assert!(answer.statement.token.is_none());
        lengths.push(answer.to_bytes().len());
        let answer = police.authenticate(&police.request(draft, world.now()).unwrap()).await.unwrap();
        assert_eq!((answer.statement.verdict, answer.statement.reason), (Verdict::No, Some(reason)));
    }
    assert_eq!(lengths[0], lengths[1], "refusals must have one length");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_decided_once_after_a_restart_too_and_expires() {
    let mut world = World::new().await;
    let number = enrol(&world, 1, "Asha Rao").await;
    let bank = world.relying_party("bank", false).await;
    let request = bank.request(question(number, "Asha Rao"), world.now()).unwrap();
    let first = bank.authenticate(&request).await.unwrap();
    world.clock.advance(60_000);
    assert_eq!(bank.authenticate(&request).await.unwrap().to_bytes(), first.to_bytes());
    world.restart().await;
    let bank = world.relying_party_again("bank").await;
    assert_eq!(bank.authenticate(&request).await.unwrap().to_bytes(), first.to_bytes());
    let next =
        bank.authenticate(&bank.request(question(number, "Asha Rao"), world.now()).unwrap()).await.unwrap();
    let step = next.statement.header.log_position.get() - first.statement.header.log_position.get();
    assert_eq!(step, 1, "the re-sent request must not have grown the log");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_from_the_past_and_the_future_are_refused_with_the_servers_time() {
    let mut world = World::new().await;
    let bank = world.relying_party("bank", false).await;
    let draft = question(unknown_number(), "Asha Rao");
    let old = bank.request(draft.clone(), world.now()).unwrap();
    world.clock.advance(30_001);
    let error = bank.authenticate(&old).await.map(drop).unwrap_err();
    let ClientError::Refused(refusal) = &error else { panic!("{error}") };
    assert_eq!(refusal.server_time, Some(world.now()));
    assert_eq!(refused(error), Reason::Expired);
    let early = bank.request(draft, world.now().plus_millis(5_001)).unwrap();
    assert_eq!(refused(bank.authenticate(&early).await.map(drop).unwrap_err()), Reason::FromFuture);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_stable_for_one_relying_party_and_differs_between_two() {
    let mut world = World::new().await;
    let number = enrol(&world, 1, "Asha Rao").await;
    let (bank, clinic) =
        (world.relying_party("bank", false).await, world.relying_party("clinic", false).await);
    let mut tokens = Vec::new();
    for party in [&bank, &bank, &clinic] {
        let request = party.request(question(number, "Asha Rao"), world.now()).unwrap();
        tokens.push(party.authenticate(&request).await.unwrap().statement.token.unwrap());
    }
    assert_eq!(tokens[0], tokens[1]);
    assert_ne!(tokens[0], tokens[2]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn suspension_takes_effect_on_the_next_request_and_revocation_for_good() {
    let mut world = World::new().await;
    let number = enrol(&world, 1, "Asha Rao").await;
    let bank = world.relying_party("bank", false).await;
    let ask = async || {
        let request = bank.request(question(number, "Asha Rao"), world.now()).unwrap();
        bank.authenticate(&request).await.map(|answer| answer.statement.verdict)
    };
    let administrator = world.administrator(0).await;
    let id = party_id("bank");
    assert_eq!(ask().await.unwrap(), Verdict::Yes);
    administrator.suspend(PartyKind::RelyingParty, &id, world.now()).await.unwrap();
    assert_eq!(refused(ask().await.unwrap_err()), Reason::PartySuspended);
    administrator.reinstate(PartyKind::RelyingParty, &id, world.now()).await.unwrap();
    assert_eq!(ask().await.unwrap(), Verdict::Yes);
    administrator.revoke(PartyKind::RelyingParty, &id, world.now()).await.unwrap();
    assert_eq!(refused(ask().await.unwrap_err()), Reason::LicenceInvalid);
    assert!(administrator.reinstate(PartyKind::RelyingParty, &id, world.now()).await.is_err());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_factor_beyond_the_licence_and_an_ended_licence_are_refused() {
    let mut world = World::new().await;
    let key = signing_key(50);
    let only_gender = FactorSet::EMPTY.with(Factor::Gender);
    world.register(party(PartyKind::RelyingParty, "shop", &key, only_gender, false)).await;
    let connection = world.connect().await;
    let shop = plinth_client::RelyingParty::new(connection, party_id("shop"), key, world.trust.clone());
    let ask = async || {
        let request = shop.request(question(unknown_number(), "Asha Rao"), world.now()).unwrap();
        refused(shop.authenticate(&request).await.map(drop).unwrap_err())
    };
    assert_eq!(ask().await, Factor::Name.not_entitled());
    world.clock.advance(366 * 24 * 3_600_000);
    assert_eq!(ask().await, Reason::LicenceExpired);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_id_with_another_question_is_refused() {
    let mut world = World::new().await;
    let bank = world.relying_party("bank", false).await;
    let id = RequestId::from_bytes([3; 16]);
    let number = unknown_number();
    let first = bank.request_with_id(question(number, "Asha Rao"), id, world.now()).unwrap();
    bank.authenticate(&first).await.unwrap();
    let second = bank.request_with_id(question(number, "Maya Devi"), id, world.now()).unwrap();
    assert_eq!(refused(bank.authenticate(&second).await.map(drop).unwrap_err()), Reason::ReplayConflict);
    world.stop().await;
}
