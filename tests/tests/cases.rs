//! Adjudication from end to end: who cannot be told apart waits for two administrators, and everyone hears the outcome.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

mod fsck;

use plinth_biometrics::record::FingerPosition;
use plinth_client::{Administrator, Agency, Answered, ClientError, Refusal, SignedRequest};
use plinth_identity::Verdict;
use plinth_identity::case::CaseDecision;
use plinth_identity::dsse::Envelope;
use plinth_identity::id::CaseId;
use plinth_identity::number::IdentityNumber;
use plinth_identity::reason::Reason;
use plinth_identity::statement::{EnrolmentOutcome, EnrolmentStatement, RegistryChange, RegistryStatement};
use plinth_proto::registry::v1::registry_service_client::RegistryServiceClient;
use plinth_proto::registry::v1::{Case, DecideCaseRequest, Decision};
use plinth_proto::status;
use plinth_server::config::DeduplicationSettings;
use plinth_tests::{World, enrolment, fingers, question, signing_key};

/// A world in which no single finger proves a duplicate, so that every likeness of one is for a human, while ten fingers
/// together still prove one.
async fn world() -> World {
    World::with(|config| {
        config.deduplication = DeduplicationSettings { target_fpir: 0.03, certainty: 1e9 };
    })
    .await
}

const THUMB: [FingerPosition; 1] = [FingerPosition::RightThumb];

/// Enrols one capture of a person's fingers.
async fn enrol(
    world: &World,
    agency: &Agency,
    name: &str,
    person: u64,
    capture: u32,
    positions: &[FingerPosition],
) -> (SignedRequest, Answered<EnrolmentStatement>) {
    let request = agency.request(enrolment(name, person, capture, positions), world.now()).unwrap();
    let answer = agency.enrol(&request).await.unwrap();
    (request, answer)
}

fn issued(answer: &Answered<EnrolmentStatement>) -> IdentityNumber {
    match &answer.statement.outcome {
        EnrolmentOutcome::Issued { number } => *number,
        other => panic!("not issued: {other:?}"),
    }
}

fn pending(answer: &Answered<EnrolmentStatement>) -> CaseId {
    match &answer.statement.outcome {
        EnrolmentOutcome::Pending { case } => *case,
        other => panic!("not pending: {other:?}"),
    }
}

fn refused(error: ClientError) -> Refusal {
    match error {
        ClientError::Refused(refusal) => refusal,
        other => panic!("not a refusal: {other}"),
    }
}

/// The latest statement about an enrolment, if its case was decided.
async fn latest(
    world: &World,
    agency: &Agency,
    request: &SignedRequest,
) -> Option<Answered<EnrolmentStatement>> {
    let entry = agency.enrolment(request.request_id(), world.now()).await.unwrap();
    assert_eq!(entry.request_id, request.request_id());
    entry.latest
}

/// A decision that both administrators have signed.
fn approvals(
    world: &World,
    administrators: [&Administrator; 2],
    case: CaseId,
    decision: CaseDecision,
) -> [Envelope; 2] {
    let [first, second] = administrators;
    let payload = first.case_decision(case, decision, "seen both of them", world.now()).unwrap();
    [first.approve(payload.clone()), second.approve(payload)]
}

/// Has a case decided by both administrators.
async fn decide(world: &World, case: CaseId, decision: CaseDecision) -> Answered<RegistryStatement> {
    let (first, second) = (world.administrator(0).await, world.administrator(1).await);
    first.decide_case(approvals(world, [&first, &second], case, decision)).await.unwrap()
}

async fn open_cases(world: &World) -> Vec<Case> {
    let (cases, next) = world.administrator(0).await.cases(true, "", 10, world.now()).await.unwrap();
    assert_eq!(next, "");
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_person_gets_nothing_until_two_administrators_issue_and_then_a_number_that_works_at_once() {
    let mut world = world().await;
    let (north, south) = (world.agency("north").await, world.agency("south").await);
    let bank = world.relying_party("bank", false).await;
    let (_, first) = enrol(&world, &north, "Asha Rao", 1, 0, &THUMB).await;
    let (request, answer) = enrol(&world, &south, "Maya Devi", 1, 1, &THUMB).await;
    let case = pending(&answer);
    let bytes = answer.to_bytes();
    assert_eq!(
        south.enrol(&request).await.unwrap().to_bytes(),
        bytes,
        "pending is answered again, byte for byte"
    );
    let entry = south.enrolment(request.request_id(), world.now()).await.unwrap();
    assert_eq!((entry.receipt.to_bytes(), entry.latest), (bytes.clone(), None), "nothing is issued yet");
    let foreign = refused(north.enrolment(request.request_id(), world.now()).await.unwrap_err());
    assert_eq!(foreign.reason, Some(Reason::NotFound));

    let [listed] = <[Case; 1]>::try_from(open_cases(&world).await).unwrap();
    assert_eq!((listed.case_id, listed.request.clone().unwrap().agency.as_str()), (case.get(), "south"));
    assert_eq!(listed.applicant.clone().unwrap().name, "Maya Devi");
    let [candidate] = listed.candidates.clone().try_into().unwrap();
    let number = issued(&first);
    assert_eq!(candidate.number_masked, number.to_string());
    assert!(!candidate.number_masked.contains(&number.reveal()[..8]), "all but four digits are masked");
    assert_eq!(
        (candidate.demographics.unwrap().name.as_str(), candidate.agency.as_str()),
        ("Asha Rao", "north")
    );
    assert_eq!(world.administrator(1).await.case(case, world.now()).await.unwrap(), listed);

    let (one, two) = (world.administrator(0).await, world.administrator(1).await);
    let signed = approvals(&world, [&one, &two], case, CaseDecision::Issue);
    let decided = one.decide_case(signed.clone()).await.unwrap();
    let event = RegistryChange::CaseDecided { case, decision: CaseDecision::Issue };
    assert_eq!(decided.statement.change, event);
    let outcome = latest(&world, &south, &request).await.unwrap();
    let new = issued(&outcome);
    assert_ne!(new, number);
    for (number, name) in [(new, "Maya Devi"), (number, "Asha Rao")] {
        let question = bank.request(question(number, name), world.now()).unwrap();
        assert_eq!(bank.authenticate(&question).await.unwrap().statement.verdict, Verdict::Yes);
    }

    // Decided is decided: the same approvals in either order get the same answer, any other is refused.
    for again in 0..2 {
        let (one, two) = (world.administrator(0).await, world.administrator(1).await);
        let [a, b] = signed.clone();
        for order in [[a.clone(), b.clone()], [b, a]] {
            assert_eq!(one.decide_case(order).await.unwrap().to_bytes(), decided.to_bytes());
        }
        for decision in [CaseDecision::Issue, CaseDecision::Refuse] {
            let late = approvals(&world, [&one, &two], case, decision);
            let refusal = refused(one.decide_case(late).await.unwrap_err());
            assert_eq!(refusal.reason.map(Reason::code), Some(1005), "{refusal:?}");
            assert_eq!(refusal.violations[0].field, "case_id");
        }
        let (north, south) = (world.agency_again("north").await, world.agency_again("south").await);
        assert_eq!(south.enrol(&request).await.unwrap().to_bytes(), bytes);
        let entry = south.enrolment(request.request_id(), world.now()).await.unwrap();
        assert_eq!(entry.receipt.to_bytes(), bytes);
        assert_eq!(entry.latest.unwrap().to_bytes(), outcome.to_bytes());
        let listed = south.enrolments("", 10, world.now()).await.unwrap().0;
        assert_eq!(listed.len(), 1, "a decided case is no further enrolment");
        assert_eq!(listed[0].latest.as_ref().unwrap().to_bytes(), outcome.to_bytes());
        assert!(north.enrolments("", 10, world.now()).await.unwrap().0[0].latest.is_none());
        let verdict = one.case(case, world.now()).await.unwrap().decided.unwrap();
        assert_eq!(
            (verdict.decision, verdict.reason.as_str()),
            (Decision::Issue.into(), "seen both of them")
        );
        assert!(open_cases(&world).await.is_empty());
        if again == 0 {
            world.restart().await;
        }
    }
    let bank = world.relying_party_again("bank").await;
    let question = bank.request(question(new, "Maya Devi"), world.now()).unwrap();
    assert_eq!(bank.authenticate(&question).await.unwrap().statement.verdict, Verdict::Yes);
    world.stop().await;
    let counts = fsck::must_be_clean(&world.config);
    assert_eq!((counts.identities, counts.gallery, counts.cases, counts.open_cases), (2, 2, 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_administrator_twice_differing_bytes_and_strangers_decide_nothing() {
    let mut world = world().await;
    let agency = world.agency("north").await;
    enrol(&world, &agency, "Asha Rao", 1, 0, &THUMB).await;
    let (request, answer) = enrol(&world, &agency, "Maya Devi", 1, 1, &THUMB).await;
    let case = pending(&answer);
    let (one, two) = (world.administrator(0).await, world.administrator(1).await);
    let [a, b] = approvals(&world, [&one, &two], case, CaseDecision::Issue);
    let [_, other] = approvals(&world, [&one, &two], case, CaseDecision::Refuse);
    let channel = plinth_client::Connection::open(&world.admin_url(), None).await.unwrap().channel();
    let send = async |approvals: &[&Envelope]| {
        let approvals = approvals.iter().map(|envelope| (*envelope).into()).collect();
        let mut client = RegistryServiceClient::new(channel.clone());
        let status = client.decide_case(DecideCaseRequest { approvals }).await.unwrap_err();
        let refusal = status::Refusal::from_status(&status).unwrap();
        let field = refusal.violations.first().map(|violation| violation.field.clone());
        (refusal.reason.code(), field.unwrap_or_default())
    };
    let missing = || (1006, "approvals".to_owned());
    for (what, approvals) in [
        ("none", &[][..]),
        ("one", &[&a]),
        ("three", &[&a, &b, &b]),
        ("one administrator twice", &[&a, &a]),
        ("differing bytes", &[&a, &other]),
    ] {
        assert_eq!(send(approvals).await, missing(), "{what}");
    }
    let payload = a.payload().to_vec();
    let stranger = signing_key(99).sign(a.payload_type(), payload.clone());
    let keyid = "envelope.signatures[0].keyid".to_owned();
    assert_eq!(send(&[&a, &stranger]).await, (Reason::UnknownParty.code(), keyid));
    let signature = *a.signature();
    let forged = Envelope::new(b.payload_type().to_owned(), payload, b.key_id().copied(), signature);
    let at = "envelope.signatures[0].sig".to_owned();
    assert_eq!(send(&[&a, &forged]).await, (Reason::SignatureInvalid.code(), at));

    let [a, b] = approvals(&world, [&one, &two], CaseId::new(case.get() + 1), CaseDecision::Issue);
    assert_eq!(send(&[&a, &b]).await, (Reason::NotFound.code(), "case_id".to_owned()));
    let [a, b] = approvals(&world, [&one, &two], case, CaseDecision::Issue);
    world.clock.advance(25 * 3_600_000);
    assert_eq!(send(&[&a, &b]).await, (Reason::Expired.code(), "header.issued_at_ms".to_owned()));

    assert_eq!(latest(&world, &agency, &request).await, None);
    assert_eq!(open_cases(&world).await.len(), 1, "the case is still open");
    world.stop().await;
    let counts = fsck::must_be_clean(&world.config);
    assert_eq!((counts.identities, counts.open_cases), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_person_leaves_the_gallery_and_is_judged_anew_when_enrolled_again() {
    let mut world = world().await;
    let agency = world.agency("north").await;
    let (_, first) = enrol(&world, &agency, "Asha Rao", 1, 0, &THUMB).await;
    let (request, answer) = enrol(&world, &agency, "Maya Devi", 1, 1, &fingers(10)).await;
    let case = pending(&answer);
    decide(&world, case, CaseDecision::Refuse).await;
    world.restart().await;
    let agency = world.agency_again("north").await;
    let outcome = latest(&world, &agency, &request).await.unwrap();
    assert_eq!(outcome.statement.outcome, EnrolmentOutcome::Refused);
    assert_eq!(agency.enrol(&request).await.unwrap().to_bytes(), answer.to_bytes());

    // All ten fingers would prove a duplicate of the one who was refused, had they stayed.
    let (request, again) = enrol(&world, &agency, "Maya Devi", 1, 2, &fingers(10)).await;
    let next = pending(&again);
    assert_ne!(next, case);
    let [open] = <[Case; 1]>::try_from(open_cases(&world).await).unwrap();
    assert_eq!((open.case_id, open.candidates.len()), (next.get(), 1));
    assert_eq!(open.candidates[0].number_masked, issued(&first).to_string(), "only who is still there");
    decide(&world, next, CaseDecision::Issue).await;
    issued(&latest(&world, &agency, &request).await.unwrap());
    let (cases, _) = world.administrator(0).await.cases(false, "", 10, world.now()).await.unwrap();
    assert_eq!(cases.iter().map(|case| case.case_id).collect::<Vec<_>>(), [case.get(), next.get()]);
    world.stop().await;
    let counts = fsck::must_be_clean(&world.config);
    assert_eq!((counts.identities, counts.gallery, counts.cases, counts.open_cases), (2, 2, 2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_copy_of_a_pending_person_joins_the_case_and_shares_its_outcome() {
    for (decision, second_hears) in [
        (CaseDecision::Issue, EnrolmentOutcome::Duplicate),
        (CaseDecision::Refuse, EnrolmentOutcome::Refused),
    ] {
        let mut world = world().await;
        let (north, south) = (world.agency("north").await, world.agency("south").await);
        enrol(&world, &north, "Asha Rao", 1, 0, &THUMB).await;
        let (first, answer) = enrol(&world, &north, "Maya Devi", 1, 1, &fingers(10)).await;
        let case = pending(&answer);
        let (second, joined) = enrol(&world, &south, "Maya D.", 1, 2, &fingers(9)).await;
        assert_eq!(pending(&joined), case, "ten fingers prove that it is the one who waits");
        let shown = world.administrator(1).await.case(case, world.now()).await.unwrap();
        assert_eq!(shown.joined.len(), 1);
        assert_eq!(shown.joined[0].agency, "south");
        assert_eq!(shown.joined[0].request_id, second.request_id().as_bytes());

        world.restart().await;
        decide(&world, case, decision).await;
        let (north, south) = (world.agency_again("north").await, world.agency_again("south").await);
        let applicant = latest(&world, &north, &first).await.unwrap().statement;
        let copy = latest(&world, &south, &second).await.unwrap().statement;
        match decision {
            CaseDecision::Issue => assert!(matches!(applicant.outcome, EnrolmentOutcome::Issued { .. })),
            CaseDecision::Refuse => assert_eq!(applicant.outcome, EnrolmentOutcome::Refused),
        }
        assert_eq!(copy.outcome, second_hears);
        assert_eq!((applicant.fingers, copy.fingers), (10, 9), "each statement counts its own fingers");
        assert_eq!(south.enrol(&second).await.unwrap().to_bytes(), joined.to_bytes());
        world.stop().await;
        let counts = fsck::must_be_clean(&world.config);
        let people = if decision == CaseDecision::Issue { 2 } else { 1 };
        assert_eq!((counts.identities, counts.gallery, counts.open_cases), (people, people, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_a_pending_person_in_flight_at_once_are_one_case() {
    let mut world = world().await;
    let agency = world.agency("north").await;
    enrol(&world, &agency, "Asha Rao", 1, 0, &THUMB).await;
    let mut tasks = tokio::task::JoinSet::new();
    for capture in 1..=16 {
        let agency = agency.clone();
        let draft = enrolment("Maya Devi", 1, capture % 4 + 1, &fingers(10));
        let request = agency.request(draft, world.now()).unwrap();
        tasks.spawn(async move { pending(&agency.enrol(&request).await.unwrap()) });
    }
    let mut cases = tasks.join_all().await;
    cases.dedup();
    assert_eq!(cases.len(), 1);
    decide(&world, cases[0], CaseDecision::Issue).await;
    let (entries, _) = agency.enrolments("", 100, world.now()).await.unwrap();
    let outcomes: Vec<_> = entries.into_iter().filter_map(|entry| entry.latest).collect();
    let numbers =
        outcomes.iter().filter(|one| matches!(one.statement.outcome, EnrolmentOutcome::Issued { .. }));
    assert_eq!((outcomes.len(), numbers.count()), (16, 1));
    world.stop().await;
    assert_eq!(fsck::must_be_clean(&world.config).identities, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_to_issue_meets_whoever_came_since_and_is_taken_again_with_them() {
    let mut world = world().await;
    let agency = world.agency("north").await;
    enrol(&world, &agency, "Asha Rao", 1, 0, &THUMB).await;
    let (first, answer) = enrol(&world, &agency, "Maya Devi", 1, 1, &THUMB).await;
    let case = pending(&answer);
    // One finger proves nothing, so this copy opens a case of its own.
    let (second, answer) = enrol(&world, &agency, "Maya D.", 1, 2, &THUMB).await;
    let other = pending(&answer);
    assert_ne!(other, case);
    let extended = decide(&world, case, CaseDecision::Issue).await;
    assert_eq!(extended.statement.change, RegistryChange::CaseExtended { case });
    assert_eq!(latest(&world, &agency, &first).await, None, "not while somebody new looks like them");
    world.restart().await;
    let agency = world.agency_again("north").await;
    let shown = world.administrator(0).await.case(case, world.now()).await.unwrap();
    assert_eq!((shown.candidates.len(), shown.decided), (2, None));
    assert!(
        shown.candidates.iter().any(|candidate| candidate.number_masked.is_empty()),
        "the newcomer is pending"
    );

    let decided = decide(&world, case, CaseDecision::Issue).await;
    let event = RegistryChange::CaseDecided { case, decision: CaseDecision::Issue };
    assert_eq!(decided.statement.change, event);
    issued(&latest(&world, &agency, &first).await.unwrap());
    decide(&world, other, CaseDecision::Refuse).await;
    let outcome = latest(&world, &agency, &second).await.unwrap().statement.outcome;
    assert_eq!(outcome, EnrolmentOutcome::Refused);
    world.stop().await;
    let counts = fsck::must_be_clean(&world.config);
    assert_eq!((counts.identities, counts.gallery, counts.open_cases), (2, 2, 0));
}
