//! Repetitions and clocks: what was answered is answered the same way again and decided once, and what is too old is
//! decided never, however often the service is restarted and wherever its clock goes.

use std::sync::Arc;

use plinth_client::{Agency, AuthenticationDraft, PersonDraft, RelyingParty, SignedRequest};
use plinth_identity::authentication::{Channel, ChannelSet, Consent, ResidentAction, Verdict};
use plinth_identity::id::{LogPosition, Nonce, RequestId};
use plinth_identity::number::Identifier;
use plinth_identity::party::{AttributeSet, Party, PartyKind, RelyingPartyPolicy};
use plinth_identity::reason::Reason;
use plinth_identity::request::RequestHeader;
use plinth_identity::sealing::EncryptionKey;
use plinth_identity::statement::EnrolmentOutcome;
use plinth_identity::{FactorSet, payload_type};
use plinth_proto::convert::registry::{Change, RegistryOrder, encode_registry_change};
use plinth_proto::registry::v1::RegisterPartyRequest;
use plinth_proto::registry::v1::registry_service_client::RegistryServiceClient;
use plinth_proto::status;
use plinth_tests::{START, World, enrolment, fingers, party, party_id, signing_key};
use prost::Message as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::task::JoinSet;
use tonic::transport::Channel as Transport;

use crate::orders::order;
use crate::town::{
    DAY_MS, NAME, OTHER_NAME, Resident, Town, YES, by_name, hand, no, open_policy, reason, refusal,
    unknown_number, with_policy,
};

const RESIDENTS: u64 = 10;
const RESTARTS: u64 = 20;
const REPLAYS: usize = 100_000;
/// Replays that are in flight at once.
const WORKERS: usize = 32;

/// What was sent, by which call.
#[derive(Clone)]
enum Sent {
    Question(SignedRequest),
    Code(SignedRequest),
    Attributes(SignedRequest),
    Order(SignedRequest),
    Enrolment(SignedRequest),
    Registration(SignedRequest),
}

/// Those who send: one relying party that may do everything, an agency, and an administrator's connection.
#[derive(Clone)]
struct Senders {
    bank: RelyingParty,
    agency: Agency,
    registry: RegistryServiceClient<Transport>,
}

impl Senders {
    async fn of(town: &Town) -> Self {
        let admin = plinth_client::Connection::open(&town.world.admin_url(), None).await.unwrap();
        Self {
            bank: town.party_again("bank").await,
            agency: town.world.agency_again("north").await,
            registry: RegistryServiceClient::new(admin.channel()),
        }
    }

    /// The answer's bytes, or why there is none.
    async fn send(&self, sent: &Sent) -> Result<Vec<u8>, Reason> {
        let refused = |error| reason(&refusal(error));
        match sent {
            Sent::Question(request) => {
                self.bank.authenticate(request).await.map(|answer| answer.to_bytes()).map_err(refused)
            }
            Sent::Code(request) => {
                self.bank.request_otp(request).await.map(|answer| answer.to_bytes()).map_err(refused)
            }
            Sent::Attributes(request) => {
                self.bank.get_person(request).await.map(|answer| answer.to_bytes()).map_err(refused)
            }
            Sent::Order(request) => {
                self.bank.resident(request).await.map(|answer| answer.to_bytes()).map_err(refused)
            }
            Sent::Enrolment(request) => {
                self.agency.enrol(request).await.map(|answer| answer.to_bytes()).map_err(refused)
            }
            Sent::Registration(request) => {
                let envelope = Some(request.envelope().into());
                let answer = self.registry.clone().register_party(RegisterPartyRequest { envelope }).await;
                answer
                    .map(|answer| answer.into_inner().statement.unwrap().encode_to_vec())
                    .map_err(|status| status::Refusal::from_status(&status).unwrap().reason)
            }
        }
    }
}

impl Sent {
    /// Whether its answer is kept for good, and not only as long as the request could be fresh.
    fn is_kept(&self) -> bool {
        matches!(self, Self::Enrolment(_))
    }
}

/// A relying party that may do everything, for twenty years.
fn bank_for_long() -> Party {
    let key = EncryptionKey::generate(&mut StdRng::seed_from_u64(1));
    let policy = RelyingPartyPolicy {
        attributes: AttributeSet::ALL,
        encryption_key: Some(key.public()),
        resident_agent: true,
        ..open_policy()
    };
    Party { valid_until: START.plus_millis(20 * 366 * DAY_MS), ..with_policy("bank", policy) }
}

/// A town with a bank and an agency.
async fn found() -> (Town, Senders) {
    let town = Town::new().await;
    town.world.register(bank_for_long()).await;
    drop(town.world.agency("north").await);
    let senders = Senders::of(&town).await;
    (town, senders)
}

/// An administrator's order to register one more agency.
fn registration(town: &Town, name: &str) -> SignedRequest {
    let mut rng: StdRng = rand::make_rng();
    let (now, administrator) = (town.now(), party_id("admin-1"));
    let (id, nonce) = (RequestId::random(&mut rng), Nonce::random(&mut rng));
    let deployment = town.world.trust.deployment();
    let until = now.plus_millis(30_000);
    let header = RequestHeader::new(deployment, administrator, "", id, nonce, now, until).unwrap();
    let seed = name.bytes().fold(4_000, |seed, byte| seed * 7 + u64::from(byte));
    let party = party(PartyKind::Agency, name, &signing_key(seed), FactorSet::EMPTY, false);
    let order = RegistryOrder { header, change: Change::Register(Box::new(party)) };
    let envelope = signing_key(1).sign(payload_type::REGISTRY_CHANGE, encode_registry_change(&order));
    SignedRequest::from_envelope(envelope).unwrap()
}

/// Requests of a relying party about one person: 6 questions that are a yes and 4 that are a no, never five of these in a
/// row, 2 codes, 2 readings of attributes, 2 orders.
fn about(town: &Town, bank: &RelyingParty, resident: Resident) -> Vec<Sent> {
    let now = town.now();
    let question = |name| Sent::Question(bank.request(by_name(resident.number, name), now).unwrap());
    let names = [NAME, OTHER_NAME, NAME, OTHER_NAME, NAME, OTHER_NAME, NAME, OTHER_NAME, NAME, NAME];
    let mut requests: Vec<_> = names.into_iter().map(question).collect();
    for _ in 0..2 {
        let sms = ChannelSet::from(Channel::Sms);
        requests.push(Sent::Code(bank.otp_request(resident.number, sms, "login", now).unwrap()));
        let wish = PersonDraft {
            identifier: Identifier::Number(resident.number),
            claim: by_name(resident.number, NAME).claim,
            fingers: hand(resident.person),
            code: None,
            attributes: AttributeSet::ALL,
            consent: Consent::new("May the bank know this?".to_owned(), now).unwrap(),
            purpose: "account opening".to_owned(),
        };
        requests.push(Sent::Attributes(bank.person_request(wish, now).unwrap()));
        let action = ResidentAction::SetLocks { number: None, fingers: None, irises: Some(true), face: None };
        requests.push(Sent::Order(bank.resident_request(order(resident, action), now).unwrap()));
    }
    requests
}

/// Decisions of [`about`].
const ABOUT_EACH: usize = 16;

/// Sends 200 requests of every kind, one after the other; the residents, and each request with its answer.
async fn answered(town: &Town, senders: &Senders) -> (Vec<Resident>, Vec<(Sent, Vec<u8>)>) {
    let (mut residents, mut answers) = (Vec::new(), Vec::new());
    let mut keep = async |sent: Sent| {
        let answer = senders.send(&sent).await.unwrap();
        answers.push((sent, answer));
    };
    for person in 0..RESIDENTS {
        let mut draft = enrolment(NAME, person, 0, &fingers(4));
        draft.demographics = crate::town::demographics(person);
        let request = senders.agency.request(draft, town.now()).unwrap();
        let answer = senders.agency.enrol(&request).await.unwrap();
        let EnrolmentOutcome::Issued { number } = answer.statement.outcome else {
            panic!("a new person must get a number");
        };
        residents.push(Resident { number, person });
        keep(Sent::Enrolment(request)).await;
    }
    for resident in &residents {
        for sent in about(town, &senders.bank, *resident) {
            keep(sent).await;
        }
    }
    for seed in 0..20 {
        let draft = by_name(unknown_number(seed), NAME);
        keep(Sent::Question(senders.bank.request(draft, town.now()).unwrap())).await;
    }
    for person in 0..5 {
        let draft = enrolment(NAME, person, 1, &fingers(4));
        keep(Sent::Enrolment(senders.agency.request(draft, town.now()).unwrap())).await;
    }
    for index in 0..5 {
        keep(Sent::Registration(registration(town, &format!("agency-{index}")))).await;
    }
    assert_eq!(answers.len(), 200);
    (residents, answers)
}

/// Sends everything so often, many at once. Each must get the answer that it got before.
async fn replay(senders: &Senders, answers: &Arc<Vec<(Sent, Vec<u8>)>>, times: usize) {
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let (senders, answers) = (senders.clone(), Arc::clone(answers));
        workers.spawn(async move {
            for turn in (worker..answers.len() * times).step_by(WORKERS) {
                // Repetitions of one request meet each other.
                let (sent, first) = &answers[(turn / times) % answers.len()];
                assert!(senders.send(sent).await.as_ref() == Ok(first), "another answer to the same bytes");
            }
        });
    }
    workers.join_all().await;
}

/// Decides something new; its place in the log.
async fn fresh(town: &Town, bank: &RelyingParty, whose: impl Into<Identifier>) -> LogPosition {
    let statement = town.ask(bank, by_name(whose, NAME)).await;
    statement.unwrap_or_else(|refusal| panic!("refused: {refusal}")).header.log_position
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_replays_across_twenty_restarts_decide_nothing() {
    let (mut town, mut senders) = found().await;
    let (residents, answers) = answered(&town, &senders).await;
    let answers = Arc::new(answers);
    let mut position = fresh(&town, &senders.bank, unknown_number(100)).await;
    let times = REPLAYS / usize::try_from(RESTARTS).unwrap() / answers.len();
    for restart in 0..RESTARTS {
        town.world.restart().await;
        senders = Senders::of(&town).await;
        replay(&senders, &answers, times).await;
        let next = fresh(&town, &senders.bank, unknown_number(101 + restart)).await;
        assert_eq!(next, position.next(), "a repetition grew the log");
        position = next;
    }
    for resident in residents {
        let (entries, _) = town.page(&senders.bank, resident, 1_000, None).await;
        assert_eq!(entries.len(), ABOUT_EACH, "a repetition stands in a history");
        // Were a failure counted again, one more than these would have to wait.
        for _ in 0..4 {
            let told = town.told(&senders.bank, by_name(resident.number, OTHER_NAME)).await;
            assert_eq!(told, no(Reason::DemographicMismatch));
        }
        position = fresh(&town, &senders.bank, resident.number).await;
    }
    assert_eq!(town.close().await.leaves, position.get());
}

#[tokio::test(flavor = "multi_thread")]
async fn past_its_deadline_a_request_gets_its_old_answer_or_none_and_once_reclaimed_it_has_expired() {
    let (mut town, mut senders) = found().await;
    let (_, answers) = answered(&town, &senders).await;
    let position = fresh(&town, &senders.bank, unknown_number(100)).await;
    town.wait(30_001);
    for (sent, first) in &answers {
        match senders.send(sent).await {
            Ok(again) => assert!(again == *first, "another answer to the same bytes"),
            Err(reason) => assert_eq!(reason, Reason::Expired),
        }
    }
    assert_eq!(fresh(&town, &senders.bank, unknown_number(101)).await, position.next());

    // An hour later what was kept is reclaimed by what is decided then.
    town.wait(3_600_000);
    let mut position = position.next();
    for seed in 0..10 {
        position = fresh(&town, &senders.bank, unknown_number(200 + seed)).await;
    }
    for restart in [false, true] {
        if restart {
            town.world.restart().await;
            senders = Senders::of(&town).await;
        }
        for (sent, first) in &answers {
            let again = senders.send(sent).await;
            if sent.is_kept() {
                assert_eq!(again.as_ref().err(), None, "agencies keep their answers");
                assert!(again.as_ref() == Ok(first), "another answer to the same bytes");
            } else {
                assert_eq!(again.err(), Some(Reason::Expired));
            }
        }
        let next = fresh(&town, &senders.bank, unknown_number(300)).await;
        assert_eq!(next, position.next());
        position = next;
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_captured_before_a_restart_is_refused_after_its_age() {
    let (mut town, senders) = found().await;
    let resident = town.enrol(50).await;
    let captured = about(&town, &senders.bank, resident);
    let position = fresh(&town, &senders.bank, resident.number).await;
    town.world.restart().await;
    town.wait(30_001);
    let senders = Senders::of(&town).await;
    for sent in &captured {
        assert_eq!(senders.send(sent).await.err(), Some(Reason::Expired));
    }
    assert_eq!(fresh(&town, &senders.bank, resident.number).await, position.next());
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buffered_request_is_good_for_a_day_says_so_and_is_decided_once() {
    let (mut town, senders) = found().await;
    let resident = town.enrol(50).await;
    let mut draft = by_name(resident.number, NAME);
    draft.buffered = true;
    let [early, late] = [0, 1].map(|_| senders.bank.request(draft.clone(), town.now()).unwrap());
    town.wait(DAY_MS);
    let first = senders.bank.authenticate(&early).await.unwrap();
    assert_eq!((first.statement.verdict, first.statement.buffered), (Verdict::Yes, true));
    let position = fresh(&town, &senders.bank, resident.number).await;
    town.world.restart().await;
    let senders = Senders::of(&town).await;
    assert_eq!(senders.bank.authenticate(&early).await.unwrap().to_bytes(), first.to_bytes());
    town.wait(1);
    assert_eq!(senders.send(&Sent::Question(late)).await.err(), Some(Reason::Expired));
    assert_eq!(fresh(&town, &senders.bank, resident.number).await, position.next());
    let live = town.ask(&senders.bank, by_name(resident.number, NAME)).await.unwrap();
    assert!(!live.buffered);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_or_nonce_with_other_bytes_is_refused_for_every_kind_of_request() {
    let (town, senders) = found().await;
    let resident = town.enrol(50).await;
    let id = RequestId::from_bytes([5; 16]);
    let ask = |name| {
        let request = senders.bank.request_with_id(by_name(resident.number, name), id, town.now());
        Sent::Question(request.unwrap())
    };
    senders.send(&ask(NAME)).await.unwrap();
    assert_eq!(senders.send(&ask(OTHER_NAME)).await.err(), Some(Reason::ReplayConflict));
    let mut body = town.question("bank", resident.number);
    let put = async |body: &_| town.put(&senders.bank, body).await.map(|answer| answer.verdict);
    put(&body).await.unwrap();
    body.header.as_mut().unwrap().request_id = vec![6; 16];
    assert_eq!(reason(&put(&body).await.unwrap_err()).code(), 563, "another id with the same nonce");
    body.header.as_mut().unwrap().nonce = vec![6; 16];
    assert_eq!(put(&body).await.unwrap(), Verdict::Yes);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_goes_back_a_second_serves_and_three_seconds_signs_nothing() {
    let (town, senders) = found().await;
    let resident = town.enrol(50).await;
    let request = senders.bank.request(by_name(resident.number, NAME), town.now()).unwrap();
    let first = senders.bank.authenticate(&request).await.unwrap();
    let (latest, position) = (town.now(), first.statement.header.log_position);
    let back =
        |millis| town.world.clock.set(plinth_identity::Timestamp::from_millis(latest.millis() - millis));

    back(1_000);
    let statement = town.ask(&senders.bank, by_name(resident.number, NAME)).await.unwrap();
    assert_eq!(statement.header.decided_at, latest, "statements never go back in time");
    assert_eq!(statement.header.log_position, position.next());

    back(3_000);
    let behind = town.refused(&senders.bank, by_name(resident.number, NAME)).await;
    assert_eq!((reason(&behind).code(), behind.code), (1019, tonic::Code::Unavailable));
    assert_eq!(behind.server_time, Some(town.now()), "the operator sees which clock is wrong");
    for sent in about(&town, &senders.bank, resident) {
        assert_eq!(senders.send(&sent).await.err(), Some(Reason::ClockBehind));
    }
    let registered = senders.send(&Sent::Registration(registration(&town, "late"))).await;
    assert_eq!(registered.err(), Some(Reason::ClockBehind));
    assert_eq!(
        senders.send(&Sent::Question(request)).await.err(),
        Some(Reason::ClockBehind),
        "not even what was answered before"
    );

    town.world.clock.set(latest);
    assert_eq!(fresh(&town, &senders.bank, resident.number).await, position.next().next());
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_years_ahead_and_back_no_old_request_is_decided_again() {
    let (mut town, mut senders) = found().await;
    let resident = town.enrol(50).await;
    let start = town.now();
    let mut answers = Vec::new();
    for sent in about(&town, &senders.bank, resident) {
        answers.push((senders.send(&sent).await.unwrap(), sent));
    }
    let captured = senders.bank.request(by_name(resident.number, NAME), start).unwrap();
    let later = start.plus_millis(10 * 365 * DAY_MS);
    town.world.clock.set(later);
    let mut position = fresh(&town, &senders.bank, resident.number).await;
    for _ in 0..3 {
        let next = fresh(&town, &senders.bank, resident.number).await;
        assert_eq!(next, position.next());
        position = next;
    }
    for (clock, expected) in [
        (later, Reason::Expired),
        (start, Reason::ClockBehind),
        (start.plus_millis(20_000), Reason::ClockBehind),
        (later.plus_millis(1_000), Reason::Expired),
    ] {
        town.world.clock.set(clock);
        for restart in [false, true] {
            if restart {
                town.world.restart().await;
                senders = Senders::of(&town).await;
            }
            for (_, sent) in &answers {
                assert_eq!(senders.send(sent).await.err(), Some(expected));
            }
            let unsent = senders.send(&Sent::Question(captured.clone())).await;
            assert_eq!(unsent.err(), Some(expected));
        }
    }
    assert_eq!(fresh(&town, &senders.bank, resident.number).await, position.next());
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_right_and_accepted_serves_again_and_decides_nothing_old_again() {
    let (mut town, mut senders) = found().await;
    let resident = town.enrol(51).await;
    let start = town.now();
    // Good for a day, so that its age alone would not refuse it.
    let draft = AuthenticationDraft { buffered: true, ..by_name(resident.number, NAME) };
    let old = Sent::Question(senders.bank.request(draft, start).unwrap());
    senders.send(&old).await.unwrap();
    let later = start.plus_millis(10 * 365 * DAY_MS);
    town.world.clock.set(later);
    for _ in 0..3 {
        fresh(&town, &senders.bank, resident.number).await;
    }
    let right = start.plus_millis(20_000);
    town.world.clock.set(right);
    assert_eq!(senders.send(&old).await.err(), Some(Reason::ClockBehind));

    town.world.stop().await;
    let accept = |world: &World| {
        plinth_server::accept_clock(&world.config.data, &world.config.root_key, right).unwrap()
    };
    let floor = right.plus_millis(60_000);
    assert_eq!(accept(&town.world), Some((later, floor)));
    assert_eq!(accept(&town.world), None, "the second time there is nothing to accept");
    town.world.restart().await;
    senders = Senders::of(&town).await;
    let too_soon = Sent::Question(senders.bank.request(by_name(resident.number, NAME), right).unwrap());
    for sent in [&old, &too_soon] {
        assert_eq!(senders.send(sent).await.err(), Some(Reason::Expired));
    }
    town.world.clock.set(floor);
    fresh(&town, &senders.bank, resident.number).await;
    assert_eq!(senders.send(&old).await.err(), Some(Reason::Expired));
    town.close().await;
}

/// Days of the simulated month, and decisions on each.
const DAYS: u64 = 30;
const DECISIONS: u64 = 120;

#[tokio::test(flavor = "multi_thread")]
async fn over_a_month_answers_nonces_and_codes_are_reclaimed_as_fast_as_they_come() {
    let (mut town, mut senders) = found().await;
    let resident = town.enrol(50).await;
    let mut kept = Vec::new();
    for day in 1..=DAYS {
        for hour in 0..24 {
            town.wait(DAY_MS / 24);
            let mut questions = JoinSet::new();
            for _ in 0..DECISIONS / 24 {
                let request = senders.bank.request(by_name(resident.number, NAME), town.now()).unwrap();
                let bank = senders.bank.clone();
                questions.spawn(async move { bank.authenticate(&request).await.unwrap().statement.verdict });
            }
            assert!(questions.join_all().await.iter().all(|verdict| *verdict == Verdict::Yes));
            if hour % 8 == 0 {
                town.order(&senders.bank, resident.number).await.unwrap();
            }
        }
        if [2, 10, 20, DAYS].contains(&day) {
            town.world.stop().await;
            let counts = crate::fsck::must_be_clean(&town.world.config);
            assert!(counts.leaves > day * DECISIONS, "the log keeps every decision");
            kept.push((counts.requests, counts.nonces, counts.otps, counts.expiries, counts.attempts));
            town.world.restart().await;
            senders = Senders::of(&town).await;
        }
    }
    // The first days hold everything that is kept for good; after that nothing grows.
    let first = kept[0];
    for later in &kept[1..] {
        let flat = [
            (later.0, first.0),
            (later.1, first.1),
            (later.2, first.2),
            (later.3, first.3),
            (later.4, first.4),
        ];
        assert!(flat.iter().all(|(now, then)| now <= then), "rows are not reclaimed: {kept:?}");
    }
    assert_eq!(town.told(&senders.bank, by_name(resident.number, NAME)).await, YES);
    town.close().await;
}
