//! A person's attributes: with their consent, for the key of one relying party, and no more than was asked for.

use plinth_client::{Answered, ClientError, PersonDraft, RelyingParty, SignedRequest, open_person};
use plinth_identity::authentication::{Consent, Verdict};
use plinth_identity::demographics::{DemographicClaim, Gender};
use plinth_identity::dsse::payload_type;
use plinth_identity::history::HistoryEvent;
use plinth_identity::number::Identifier;
use plinth_identity::party::{Attribute, AttributeSet, RelyingPartyPolicy};
use plinth_identity::reason::Reason;
use plinth_identity::sealing::EncryptionKey;
use plinth_identity::statement::PersonStatement;
use plinth_proto::authentication::v1::PersonRequest;
use prost::Message as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::town::{
    NAME, OTHER_NAME, Resident, Town, address, by_name, demographics, email, hand, no, open_policy, phone,
    reason, refusal, signed, strange_finger,
};

fn key(seed: u64) -> EncryptionKey {
    EncryptionKey::generate(&mut StdRng::seed_from_u64(seed))
}

/// Every attribute, sealed to the key of seed 1.
fn policy() -> RelyingPartyPolicy {
    RelyingPartyPolicy {
        attributes: AttributeSet::ALL,
        encryption_key: Some(key(1).public()),
        ..open_policy()
    }
}

fn wish(town: &Town, resident: Resident, attributes: AttributeSet) -> PersonDraft {
    PersonDraft {
        identifier: Identifier::Number(resident.number),
        claim: DemographicClaim::default(),
        fingers: hand(resident.person),
        code: None,
        attributes,
        consent: Consent::new("May the bank know this about you?".to_owned(), town.now()).unwrap(),
        purpose: "know your customer".to_owned(),
    }
}

async fn get(
    town: &Town,
    bank: &RelyingParty,
    draft: PersonDraft,
) -> (SignedRequest, Answered<PersonStatement>) {
    let request = bank.person_request(draft, town.now()).unwrap();
    let answer = bank.get_person(&request).await.unwrap();
    (request, answer)
}

/// A request as the client made it, changed as no client would.
fn rewritten(request: &SignedRequest, change: impl FnOnce(&mut PersonRequest)) -> SignedRequest {
    let mut body = PersonRequest::decode(request.envelope().payload()).unwrap();
    change(&mut body);
    signed("bank", payload_type::PERSON_REQUEST, &body)
}

async fn refused(bank: &RelyingParty, request: &SignedRequest) -> Reason {
    reason(&refusal(bank.get_person(request).await.unwrap_err()))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_and_nothing_else_opens_with_the_partys_key() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.party("bank", policy()).await;
    for asked in
        Attribute::ALL.into_iter().map(|one| AttributeSet::EMPTY.with(one)).chain([AttributeSet::ALL])
    {
        let (request, answer) = get(&town, &bank, wish(&town, resident, asked)).await;
        assert_eq!((answer.statement.verdict, answer.statement.attributes), (Verdict::Yes, asked));
        assert!(answer.statement.token.is_some());
        let told = open_person(&request, &answer.statement, &key(1)).unwrap();
        let when = |attribute| asked.contains(attribute);
        let name = told.name.as_ref().map(|name| name.as_str());
        assert_eq!(name, when(Attribute::Name).then_some(NAME));
        let born = told.date_of_birth.as_ref().map(|date| date.reveal());
        assert_eq!(born, when(Attribute::DateOfBirth).then(|| "1990-04-17".to_owned()));
        assert_eq!(told.gender, when(Attribute::Gender).then_some(Gender::Female));
        let number = told.phone.as_ref().map(|phone| phone.as_str().to_owned());
        assert_eq!(number, when(Attribute::Phone).then(|| phone(1)));
        let mail = told.email.as_ref().map(|email| email.as_str().to_owned());
        assert_eq!(mail, when(Attribute::Email).then(|| email(1)));
        assert!(told.address == when(Attribute::Address).then(|| address(1)));
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_recorded_is_left_out() {
    let town = Town::new().await;
    let mut bare = demographics(1);
    (bare.phone, bare.email, bare.address) = (None, None, None);
    let resident = town.enrol_as(1, bare).await;
    let bank = town.party("bank", policy()).await;
    let (request, answer) = get(&town, &bank, wish(&town, resident, AttributeSet::ALL)).await;
    let told = open_person(&request, &answer.statement, &key(1)).unwrap();
    assert!(told.name.is_some() && told.date_of_birth.is_some() && told.gender.is_some());
    assert!(told.phone.is_none() && told.email.is_none() && told.address.is_none());
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_open_with_no_other_key_and_for_no_other_request() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.party("bank", policy()).await;
    let (request, answer) = get(&town, &bank, wish(&town, resident, AttributeSet::ALL)).await;
    let closed = |request, statement, key| {
        matches!(open_person(request, statement, &key), Err(ClientError::Sealed(_)))
    };
    assert!(closed(&request, &answer.statement, key(2)), "another key opens it");
    let (other, _) = get(&town, &bank, wish(&town, resident, AttributeSet::ALL)).await;
    assert!(closed(&other, &answer.statement, key(1)), "it opens for another request");
    let bytes = answer.to_bytes();
    for secret in [NAME.to_owned(), phone(1), email(1), "Lake Street".to_owned(), resident.number.reveal()] {
        let shows = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!shows, "something personal stands in the answer in the clear");
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_the_policy_at_that_moment_counts() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.party("bank", policy()).await;
    town.amend("bank", RelyingPartyPolicy { encryption_key: Some(key(2).public()), ..policy() }).await;
    let (request, answer) = get(&town, &bank, wish(&town, resident, AttributeSet::ALL)).await;
    assert!(open_person(&request, &answer.statement, &key(1)).is_err());
    assert!(open_person(&request, &answer.statement, &key(2)).is_ok());
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_are_not_handed_out_for_attributes() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.party("bank", policy()).await;
    let mut draft = wish(&town, resident, AttributeSet::ALL);
    draft.claim = by_name(resident.number, NAME).claim;
    let request = bank.person_request(draft, town.now()).unwrap();
    let weakened = rewritten(&request, |body| {
        let evidence = body.evidence.as_mut().unwrap();
        evidence.fingers.clear();
        evidence.declared = vec![plinth_proto::authentication::v1::Factor::Name.into()];
    });
    assert_eq!(refused(&bank, &weakened).await.code(), 1018);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_consent_nothing_is_handed_out() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.party("bank", policy()).await;
    let now = town.now().millis();
    let changes: [fn(&mut PersonRequest, u64); 4] = [
        |body, _| body.consent = None,
        |body, _| body.consent.as_mut().unwrap().text.clear(),
        |body, _| body.consent.as_mut().unwrap().text = " \n\t".to_owned(),
        |body, now| body.consent.as_mut().unwrap().given_at_ms = now + 1,
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let request = bank.person_request(wish(&town, resident, AttributeSet::ALL), town.now()).unwrap();
        let silent = rewritten(&request, |body| change(body, now));
        assert_eq!(refused(&bank, &silent).await.code(), 1021, "case {index}");
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_factor_is_a_no_that_carries_nothing() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.party("bank", policy()).await;
    let mut wrong_finger = wish(&town, resident, AttributeSet::ALL);
    wrong_finger.fingers = strange_finger();
    let mut wrong_name = wish(&town, resident, AttributeSet::ALL);
    wrong_name.claim = by_name(resident.number, OTHER_NAME).claim;
    for (draft, reason) in
        [(wrong_finger, Reason::BiometricMismatch), (wrong_name, Reason::DemographicMismatch)]
    {
        let (request, answer) = get(&town, &bank, draft).await;
        let statement = &answer.statement;
        assert_eq!((statement.verdict, statement.reason), no(reason));
        assert!(statement.sealed.is_none() && statement.token.is_none() && statement.attributes.is_empty());
        assert!(open_person(&request, statement, &key(1)).is_err());
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_strong_enough() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.party("bank", policy()).await;
    let mut draft = wish(&town, resident, AttributeSet::ALL);
    draft.fingers.clear();
    draft.code = Some(town.code(&bank, resident.number, 1).await);
    let (request, answer) = get(&town, &bank, draft).await;
    assert!(open_person(&request, &answer.statement, &key(1)).is_ok());
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_get_the_same_answer_byte_for_byte_with_its_ciphertext() {
    let mut town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.party("bank", policy()).await;
    let (request, first) = get(&town, &bank, wish(&town, resident, AttributeSet::ALL)).await;
    assert_eq!(bank.get_person(&request).await.unwrap().to_bytes(), first.to_bytes());
    town.world.restart().await;
    let bank = town.party_again("bank").await;
    let again = bank.get_person(&request).await.unwrap();
    assert_eq!(again.to_bytes(), first.to_bytes());
    assert!(open_person(&request, &again.statement, &key(1)).is_ok());
    let (_, other) = get(&town, &bank, wish(&town, resident, AttributeSet::ALL)).await;
    assert_ne!(
        other.statement.sealed, first.statement.sealed,
        "another request is sealed with another key of its own"
    );
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_persons_history_shows_who_was_told_and_who_was_not() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let bank = town.party("bank", policy()).await;
    let mut draft = wish(&town, resident, AttributeSet::ALL);
    get(&town, &bank, draft.clone()).await;
    draft.fingers = strange_finger();
    get(&town, &bank, draft).await;
    let (entries, _) = town.page(&office, resident, 10, None).await;
    let shown: Vec<_> = entries
        .iter()
        .map(|(_, entry)| (entry.event, entry.party.as_str(), entry.purpose.as_str(), entry.verdict))
        .collect();
    let event = HistoryEvent::PersonData;
    let purpose = "know your customer";
    assert_eq!(shown, [(event, "bank", purpose, Verdict::No), (event, "bank", purpose, Verdict::Yes)]);
    town.close().await;
}
