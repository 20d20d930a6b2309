//! Signatures, keys and standing: who may speak at all.

use plinth_identity::dsse::payload_type;
use plinth_identity::party::{FactorSet, PartyKind};
use plinth_identity::reason::Reason;
use plinth_proto::enrolment::v1::EnrolmentStatement;
use plinth_proto::envelope::v1::{Envelope, Signature};
use plinth_tests::{START, party, party_id, signing_key};
use prost::Message as _;

use crate::bench::{Bench, hand, refusal, signed};

/// What is wrong, how it is made so, and what is answered.
type Case<'a> = (&'a str, &'a dyn Fn(&mut Envelope), Reason, &'a str);

#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_that_is_not_exactly_one_good_signature_of_a_known_key_is_refused_at_its_part() {
    let mut bench = Bench::new().await;
    let body = bench.enrolment();
    let good = bench.signed_enrolment(&body);
    let of_another = signed(&bench.other_agency, payload_type::ENROLMENT_REQUEST, &body);
    let cases: [Case<'_>; 17] = [
        (
            "a bit of R",
            &|e| e.signatures[0].sig[3] ^= 1,
            Reason::SignatureInvalid,
            "envelope.signatures[0].sig",
        ),
        (
            "a bit of S",
            &|e| e.signatures[0].sig[40] ^= 1,
            Reason::SignatureInvalid,
            "envelope.signatures[0].sig",
        ),
        ("zeros", &|e| e.signatures[0].sig.fill(0), Reason::SignatureInvalid, "envelope.signatures[0].sig"),
        ("63 bytes", &|e| e.signatures[0].sig.truncate(63), Reason::Malformed, "envelope.signatures[0].sig"),
        ("65 bytes", &|e| e.signatures[0].sig.push(0), Reason::Malformed, "envelope.signatures[0].sig"),
        (
            "another agency's signature under the right key's id",
            &|e| e.signatures[0].sig.clone_from(&of_another.signatures[0].sig),
            Reason::SignatureInvalid,
            "envelope.signatures[0].sig",
        ),
        (
            "the right signature under another agency's key id",
            &|e| e.signatures[0].keyid.clone_from(&of_another.signatures[0].keyid),
            Reason::SignatureInvalid,
            "envelope.signatures[0].sig",
        ),
        (
            "another agency in the name of this one",
            &|e| e.clone_from(&of_another),
            Reason::SignatureInvalid,
            "header.party",
        ),
        (
            "a key id that nobody has",
            &|e| e.signatures[0].keyid = "0".repeat(64),
            Reason::UnknownParty,
            "envelope.signatures[0].keyid",
        ),
        (
            "a key id that is none",
            &|e| e.signatures[0].keyid.make_ascii_uppercase(),
            Reason::Malformed,
            "envelope.signatures[0].keyid",
        ),
        ("no key id", &|e| e.signatures[0].keyid.clear(), Reason::Malformed, "envelope.signatures[0].keyid"),
        ("no signature", &|e| e.signatures.clear(), Reason::Malformed, "envelope.signatures"),
        (
            "the same signature twice",
            &|e| e.signatures.push(e.signatures[0].clone()),
            Reason::Malformed,
            "envelope.signatures",
        ),
        (
            "two signatures of two agencies",
            &|e| e.signatures.extend(of_another.signatures.clone()),
            Reason::Malformed,
            "envelope.signatures",
        ),
        ("no payload type", &|e| e.payload_type.clear(), Reason::Malformed, "envelope.payload_type"),
        (
            "a payload type of another message",
            &|e| e.payload_type = payload_type::AUTHENTICATION_REQUEST.to_owned(),
            Reason::SignatureInvalid,
            "envelope.payload_type",
        ),
        (
            "a payload type of 129 bytes",
            &|e| e.payload_type = "a".repeat(129),
            Reason::Malformed,
            "envelope.payload_type",
        ),
    ];
    for (what, change, reason, field) in cases {
        let mut bad = good.clone();
        change(&mut bad);
        bench.refuses_enrolment(what, bad, reason, field).await;
    }
    let absent = bench.enrol(None).await.map(drop);
    refusal("no envelope", absent, Reason::Malformed, "envelope");
    let empty = Envelope { signatures: vec![Signature::default()], ..Envelope::default() };
    bench.refuses_enrolment("an empty envelope", empty, Reason::Malformed, "envelope.payload_type").await;
    bench.decides_enrolment(&body).await;
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_bit_of_the_payload_that_is_turned_breaks_the_signature() {
    let mut bench = Bench::new().await;
    let (enrolment, question) = (bench.enrolment(), bench.question());
    let good = bench.signed_enrolment(&enrolment);
    for bit in (0..good.payload.len() * 8).step_by(41) {
        let mut bad = good.clone();
        bad.payload[bit / 8] ^= 1 << (bit % 8);
        let what = format!("bit {bit}");
        bench.refuses_enrolment(&what, bad, Reason::SignatureInvalid, "envelope.signatures[0].sig").await;
    }
    let good = bench.signed_question(&question);
    for bit in 0..good.payload.len() * 8 {
        let mut bad = good.clone();
        bad.payload[bit / 8] ^= 1 << (bit % 8);
        let what = format!("bit {bit}");
        bench.refuses_question(&what, bad, Reason::SignatureInvalid, "envelope.signatures[0].sig").await;
    }
    let lengths: [fn(&mut Vec<u8>); 2] =
        [|payload| payload.push(0), |payload| payload.truncate(payload.len() - 1)];
    for change in lengths {
        let mut bad = good.clone();
        change(&mut bad.payload);
        bench.refuses_question("length", bad, Reason::SignatureInvalid, "envelope.signatures[0].sig").await;
    }
    bench.decides_enrolment(&enrolment).await;
    bench.decides_question(&question).await;
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_is_signed_but_no_message_of_its_type_is_malformed() {
    let bench = Bench::new().await;
    for garbage in [vec![0xff; 500], b"GET / HTTP/1.1".to_vec(), vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]] {
        let enrolment = bench.agency.sign(payload_type::ENROLMENT_REQUEST, garbage.clone()).into();
        bench.refuses_enrolment("garbage", enrolment, Reason::Malformed, "payload").await;
        let question = bench.bank.sign(payload_type::AUTHENTICATION_REQUEST, garbage).into();
        bench.refuses_question("garbage", question, Reason::Malformed, "payload").await;
    }
    let empty = bench.agency.sign(payload_type::ENROLMENT_REQUEST, Vec::new()).into();
    bench.refuses_enrolment("nothing", empty, Reason::Malformed, "header").await;
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_that_is_unknown_of_another_kind_suspended_revoked_or_not_yet_valid_is_refused() {
    let mut bench = Bench::new().await;
    let body = bench.enrolment();
    let by = |key: u64| signed(&signing_key(key), payload_type::ENROLMENT_REQUEST, &body);
    let keyid = "envelope.signatures[0].keyid";
    bench.refuses_enrolment("unknown", by(99), Reason::UnknownParty, keyid).await;
    bench.refuses_enrolment("an administrator", by(1), Reason::UnknownParty, keyid).await;
    let by_bank = signed(&bench.bank, payload_type::ENROLMENT_REQUEST, &body);
    bench.refuses_enrolment("a relying party", by_bank, Reason::UnknownParty, keyid).await;
    let question = bench.question();
    let by_agency = signed(&bench.agency, payload_type::AUTHENTICATION_REQUEST, &question);
    bench.refuses_question("an agency that asks", by_agency, Reason::UnknownParty, keyid).await;

    let mut later = party(PartyKind::Agency, "later", &signing_key(20), FactorSet::EMPTY, false);
    later.valid_from = START.plus_millis(1);
    bench.world.register(later).await;
    let mut early = bench.enrolment();
    early.header.as_mut().unwrap().party = "later".to_owned();
    let early = signed(&signing_key(20), payload_type::ENROLMENT_REQUEST, &early);
    bench.refuses_enrolment("not yet valid", early, Reason::LicenceInvalid, "").await;

    let administrator = bench.world.administrator(0).await;
    let (kind, north, now) = (PartyKind::Agency, party_id("north"), bench.world.now());
    let good = bench.signed_enrolment(&body);
    administrator.suspend(kind, &north, now).await.unwrap();
    bench.refuses_enrolment("suspended", good.clone(), Reason::PartySuspended, "").await;
    administrator.reinstate(kind, &north, now).await.unwrap();
    bench.logged(3);
    // Neither its id nor its nonce was spent while it was refused.
    bench.decides_enrolment(&body).await;
    let next = bench.enrolment();
    administrator.revoke(kind, &north, now).await.unwrap();
    bench.logged(1);
    let next = bench.signed_enrolment(&next);
    bench.refuses_enrolment("revoked", next, Reason::LicenceInvalid, "").await;
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_or_nonce_with_other_bytes_is_refused_and_the_same_bytes_change_nothing() {
    let mut bench = Bench::new().await;
    let (enrolment, question) = (bench.enrolment(), bench.question());
    let enrolled = bench.decides_enrolment(&enrolment).await;
    let answered = bench.decides_question(&question).await;
    assert!(EnrolmentStatement::decode(&*enrolled.payload).unwrap().number.len() == 12);
    for (same_id, same_nonce) in [(true, true), (true, false), (false, true)] {
        let (mut other_enrolment, mut other_question) = (bench.enrolment(), bench.question());
        let pairs = [
            (&mut other_enrolment.header, &enrolment.header),
            (&mut other_question.header, &question.header),
        ];
        for (other, first) in pairs {
            let (other, first) = (other.as_mut().unwrap(), first.as_ref().unwrap());
            other.purpose = "another".to_owned();
            if same_id {
                other.request_id.clone_from(&first.request_id);
            }
            if same_nonce {
                other.nonce.clone_from(&first.nonce);
            }
        }
        let what = format!("same id {same_id}, same nonce {same_nonce}");
        let bad = bench.signed_enrolment(&other_enrolment);
        bench.refuses_enrolment(&what, bad, Reason::ReplayConflict, "").await;
        let bad = bench.signed_question(&other_question);
        bench.refuses_question(&what, bad, Reason::ReplayConflict, "").await;
        assert_eq!(bench.enrol(Some(bench.signed_enrolment(&enrolment))).await.unwrap(), enrolled);
        assert_eq!(bench.authenticate(Some(bench.signed_question(&question))).await.unwrap(), answered);
    }
    // Ids and nonces are each party's own: another agency may come upon the same ones.
    let mut of_another = enrolment.clone();
    of_another.header.as_mut().unwrap().party = "south".to_owned();
    of_another.fingers = hand(1);
    let of_another = signed(&bench.other_agency, payload_type::ENROLMENT_REQUEST, &of_another);
    bench.enrol(Some(of_another)).await.unwrap();
    bench.logged(1);
    bench.finish().await;
}
