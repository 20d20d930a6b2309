//! The bytes of every statement, written by hand from the protobuf encoding specification: what is signed today must
//! read the same in twenty years, and elsewhere.
//!
//! A tag is `field number * 8 + wire type`; types are 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes, numbers
//! little-endian. Empty fields are absent.

mod authentication;
mod capture;
mod person;
mod registry;
mod resident;

use plinth_identity::case::CaseDecision;
use plinth_identity::dsse::{Envelope, PublicKey};
use plinth_identity::id::{CaseId, DeploymentId, LogPosition, Nonce, PartyId, RequestDigest, RequestId};
use plinth_identity::number::IdentityNumber;
use plinth_identity::request::RequestHeader;
use plinth_identity::statement::{
    EnrolmentOutcome, EnrolmentStatement, ServiceInfo, ServiceLimits, StatementHeader,
};
use plinth_identity::time::Timestamp;
use plinth_proto::convert::enrolment::{
    EnrolmentAsk, EnrolmentQuery, encode_enrolment_query, encode_enrolment_statement,
};
use plinth_proto::convert::evidence::encode_service_info;
use plinth_proto::convert::registry::{CaseOrder, encode_case_decision};
use plinth_proto::envelope;
use prost::Message;

use crate::draw::{Draw, NUMBERS};

/// Bytes from pieces of hexadecimal (spaces ignored), text, repeated bytes and a finger's record of 126 bytes.
#[derive(Clone, Copy)]
enum Piece {
    Hex(&'static str),
    Text(&'static str),
    Times(usize, u8),
    Record,
}
use Piece::{Hex, Record, Text, Times};

fn bytes(pieces: &[Piece]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in pieces {
        match piece {
            Hex(text) => {
                bytes.extend(text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()));
            }
            Text(text) => bytes.extend(text.as_bytes()),
            Times(count, byte) => bytes.extend(vec![*byte; *count]),
            Record => bytes.extend(record()),
        }
    }
    bytes
}

/// The record of the one finger of every request below.
fn record() -> Vec<u8> {
    Draw::new(0).record(1)
}

/// The header of every statement below, and its bytes: the first field of each.
fn header() -> StatementHeader {
    StatementHeader {
        issuer: DeploymentId::from_bytes([0x11; 16]),
        request: RequestDigest::from_bytes([0x22; 32]),
        decided_at: Timestamp::from_millis(1_700_000_000_000),
        key_epoch: 1,
        log_position: LogPosition::new(7),
        log_salt: [0x33; 16],
    }
}

const HEADER: [Piece; 10] = [
    Hex("0a 6d"),    // field 1, header, 109 bytes
    Hex("0a 20"),    // field 1, issuer, 32 characters
    Times(32, b'1'), // the deployment's id in hexadecimal
    Hex("12 20"),    // field 2, request_digest, 32 bytes
    Times(32, 0x22),
    Hex("19 00 68 e5 cf 8b 01 00 00"), // field 3, decided_at_ms: 1,700,000,000,000
    Hex("25 01 00 00 00"),             // field 4, key_epoch: 1
    Hex("29 07 00 00 00 00 00 00 00"), // field 5, log_position: 7
    Hex("32 10"),                      // field 6, log_salt, 16 bytes
    Times(16, 0x33),
];

fn statement(body: &[Piece]) -> Vec<u8> {
    [bytes(&HEADER), bytes(body)].concat()
}

fn enrolment(outcome: EnrolmentOutcome) -> EnrolmentStatement {
    EnrolmentStatement {
        header: header(),
        agency: PartyId::parse("agency").unwrap(),
        request_id: RequestId::from_bytes([0x44; 16]),
        outcome,
        fingers: 10,
        searched: 1_000,
        duplicate_fmr: 2f64.powi(-15),
        adjudicate_fmr: 2f64.powi(-10),
        target_fpir: 2f64.powi(-7),
    }
}

#[test]
fn an_enrolment_statement_with_a_number_has_these_bytes() {
    let outcome = EnrolmentOutcome::Issued { number: IdentityNumber::parse(NUMBERS[0]).unwrap() };
    let expected = statement(&[
        Hex("12 06"), // field 2, agency, 6 characters
        Text("agency"),
        Hex("1a 10"), // field 3, request_id, 16 bytes
        Times(16, 0x44),
        Hex("20 01"), // field 4, outcome: issued
        Hex("2a 0c"), // field 5, number, 12 digits
        Text(NUMBERS[0]),
        Hex("38 0a"),                      // field 7, fingers: 10 (no field 6: no case)
        Hex("41 e8 03 00 00 00 00 00 00"), // field 8, searched: 1,000
        Hex("49 00 00 00 00 00 00 00 3f"), // field 9, duplicate_fmr: 2^-15
        Hex("51 00 00 00 00 00 00 50 3f"), // field 10, adjudicate_fmr: 2^-10
        Hex("59 00 00 00 00 00 00 80 3f"), // field 11, target_fpir: 2^-7
    ]);
    assert_eq!(encode_enrolment_statement(&enrolment(outcome)), expected);
}

#[test]
fn an_enrolment_statement_without_a_number_has_these_bytes() {
    let with = |outcome: &'static str, case: &'static str| {
        statement(&[
            Hex("12 06"), // field 2, agency, 6 characters
            Text("agency"),
            Hex("1a 10"), // field 3, request_id, 16 bytes
            Times(16, 0x44),
            Hex(outcome),                      // field 4, outcome
            Hex(case),                         // field 6, case_id, only of a pending one
            Hex("38 0a"),                      // field 7, fingers: 10
            Hex("41 e8 03 00 00 00 00 00 00"), // field 8, searched: 1,000
            Hex("49 00 00 00 00 00 00 00 3f"), // field 9, duplicate_fmr: 2^-15
            Hex("51 00 00 00 00 00 00 50 3f"), // field 10, adjudicate_fmr: 2^-10
            Hex("59 00 00 00 00 00 00 80 3f"), // field 11, target_fpir: 2^-7
        ])
    };
    let encoded = |outcome| encode_enrolment_statement(&enrolment(outcome));
    assert_eq!(encoded(EnrolmentOutcome::Duplicate), with("20 02", ""));
    let case = CaseId::new(5);
    assert_eq!(encoded(EnrolmentOutcome::Pending { case }), with("20 03", "31 05 00 00 00 00 00 00 00"));
    assert_eq!(encoded(EnrolmentOutcome::Refused), with("20 04", ""));
}

/// The public key of the first test of RFC 8032, section 7.1.
const KEY: &str =
    "d7 5a 98 01 82 b1 0a b7 d5 4b fe d3 c9 64 07 3a 0e e1 72 f3 da a6 23 25 af 02 1a 68 f7 07 51 1a";

#[test]
fn a_service_description_has_these_bytes() {
    let info = ServiceInfo {
        issuer: DeploymentId::from_bytes([0x11; 16]),
        time: Timestamp::from_millis(1_700_000_000_000),
        key_epoch: 1,
        keys: vec![PublicKey::from_bytes(&bytes(&[Hex(KEY)]).try_into().unwrap()).unwrap()],
        version: "1.2.3".to_owned(),
        limits: ServiceLimits {
            max_fingers: 10,
            max_message_bytes: 1 << 20,
            live_window_ms: 30_000,
            max_ahead_ms: 5_000,
            buffered_window_ms: 86_400_000,
        },
        delivery_key: PublicKey::from_bytes(&bytes(&[Hex(KEY)]).try_into().unwrap()).unwrap(),
    };
    let expected = bytes(&[
        Hex("0a 20"), // field 1, issuer, 32 characters
        Times(32, b'1'),
        Hex("11 00 68 e5 cf 8b 01 00 00"), // field 2, time_ms: 1,700,000,000,000
        Hex("1d 01 00 00 00"),             // field 3, key_epoch: 1
        Hex("22 69"),                      // field 4, keys, one of 105 bytes
        Hex("0a 20"),                      //   field 1, key, 32 bytes
        Hex(KEY),
        Hex("12 40"), //   field 2, keyid, 64 characters: SHA-256 of the key
        Text("21fe31dfa154a261626bf854046fd2271b7bed4b6abe45aa58877ef47f9721b9"),
        Hex("1d 01 00 00 00"), //   field 3, epoch: 1
        Hex("2a 05"),          // field 5, version, 5 characters
        Text("1.2.3"),
        Hex("32 12"),          // field 6, limits, 18 bytes
        Hex("08 0a"),          //   field 1, max_fingers: 10
        Hex("10 80 80 40"),    //   field 2, max_message_bytes: 1,048,576
        Hex("18 b0 ea 01"),    //   field 3, live_window_ms: 30,000
        Hex("20 88 27"),       //   field 4, max_ahead_ms: 5,000
        Hex("28 80 b8 99 29"), //   field 5, buffered_window_ms: 86,400,000
        Hex("3a 20"),          // field 7, delivery_key, 32 bytes
        Hex(KEY),
    ]);
    assert_eq!(encode_service_info(&info), expected);
}

/// The header of every request below.
fn request_header() -> RequestHeader {
    RequestHeader::new(
        DeploymentId::from_bytes([0x11; 16]),
        PartyId::parse("agency").unwrap(),
        "audit",
        RequestId::from_bytes([0x44; 16]),
        Nonce::from_bytes([0x66; 16]),
        Timestamp::from_millis(1_700_000_000_000),
        Timestamp::from_millis(1_700_000_030_000),
    )
    .unwrap()
}

const REQUEST_HEADER: [Piece; 13] = [
    Hex("0a 67"), // field 1, header, 103 bytes
    Hex("0a 20"), //   field 1, audience, 32 characters
    Times(32, b'1'),
    Hex("12 06"), //   field 2, party, 6 characters
    Text("agency"),
    Hex("1a 05"), //   field 3, purpose, 5 characters
    Text("audit"),
    Hex("22 10"), //   field 4, request_id, 16 bytes
    Times(16, 0x44),
    Hex("2a 10"), //   field 5, nonce, 16 bytes
    Times(16, 0x66),
    Hex("31 00 68 e5 cf 8b 01 00 00"), //   field 6, issued_at_ms: 1,700,000,000,000
    Hex("39 30 dd e5 cf 8b 01 00 00"), //   field 7, not_after_ms: 1,700,000,030,000
];

fn request(body: &[Piece]) -> Vec<u8> {
    [bytes(&REQUEST_HEADER), bytes(body)].concat()
}

#[test]
fn a_request_has_these_bytes() {
    let ask = EnrolmentAsk::One(RequestId::from_bytes([0x77; 16]));
    let expected = request(&[
        Hex("12 10"), // field 2, request_id asked for, 16 bytes
        Times(16, 0x77),
    ]);
    assert_eq!(encode_enrolment_query(&EnrolmentQuery { header: request_header(), ask }), expected);
}

#[test]
fn a_case_decision_has_these_bytes_whoever_signs() {
    let order = CaseOrder {
        header: request_header(),
        case: CaseId::new(300),
        decision: CaseDecision::Refuse,
        reason: "twins".to_owned(),
    };
    let expected = bytes(&[
        Hex("0a 5f"), // field 1, header, 95 bytes
        Hex("0a 20"), //   field 1, audience, 32 characters
        Times(32, b'1'),
        Hex("1a 05"), //   field 3, purpose, 5 characters (no field 2: no party)
        Text("audit"),
        Hex("22 10"), //   field 4, request_id, 16 bytes
        Times(16, 0x44),
        Hex("2a 10"), //   field 5, nonce, 16 bytes
        Times(16, 0x66),
        Hex("31 00 68 e5 cf 8b 01 00 00"), //   field 6, issued_at_ms: 1,700,000,000,000
        Hex("39 30 dd e5 cf 8b 01 00 00"), //   field 7, not_after_ms: 1,700,000,030,000
        Hex("10 ac 02"),                   // field 2, case_id: 300
        Hex("18 02"),                      // field 3, decision: refuse
        Hex("22 05"),                      // field 4, reason, 5 characters
        Text("twins"),
    ]);
    assert_eq!(encode_case_decision(&order), expected);
}

#[test]
fn an_envelope_has_the_bytes_of_the_dsse_message() {
    let envelope = Envelope::new("application/test".to_owned(), vec![1, 2, 3], None, [0x88; 64]);
    let expected = bytes(&[
        Hex("0a 03 01 02 03"), // field 1, payload, 3 bytes
        Hex("12 10"),          // field 2, payload_type, 16 characters
        Text("application/test"),
        Hex("1a 42"), // field 3, signatures, one of 66 bytes
        Hex("0a 40"), //   field 1, sig, 64 bytes (no field 2: no hint)
        Times(64, 0x88),
    ]);
    assert_eq!(envelope::v1::Envelope::from(envelope).encode_to_vec(), expected);
}
