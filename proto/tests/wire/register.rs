//! Registers as files: bytes, round trips, and what is refused.
//!
//! A tag is `field number * 8 + wire type`; types are 0 varint, 1 eight bytes, 2 length and bytes, numbers little-endian.

use plinth_identity::application::{FingerPosition, FingerSample, Fingers};
use plinth_identity::demographics::{DateOfBirth, Demographics, Gender, Name};
use plinth_identity::id::{DeploymentId, PartyId};
use plinth_identity::number::IdentityNumber;
use plinth_identity::reason::Reason;
use plinth_identity::register::{ExternalId, PartDigest, RegisterManifest, RegisterPart, RegisterRecord};
use plinth_identity::time::Timestamp;
use plinth_proto::convert::register::{
    MAX_RECORD_BYTES, decode_register_manifest, decode_register_record, encode_register_manifest,
    encode_register_record, register_records, unverified_register_party,
};
use plinth_proto::register::v1;
use prost::Message;

use crate::draw::{Draw, NUMBERS, verified};

const MADE: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn manifest(audience: Option<DeploymentId>) -> RegisterManifest {
    let parts = [(5, 3, [0x55; 32]), (300, 4, [0x66; 32])].map(|(bytes, people, digest)| {
        RegisterPart::new(bytes, people, PartDigest::from_bytes(digest)).unwrap()
    });
    let party = PartyId::parse("keeper").unwrap();
    RegisterManifest::new("Old register".to_owned(), party, audience, MADE, parts.to_vec()).unwrap()
}

fn record(draw: &mut Draw) -> RegisterRecord {
    let id = ExternalId::parse(&format!("ID {}", draw.below(1_000_000))).unwrap();
    let number = (draw.below(2) == 0).then(|| draw.number());
    RegisterRecord::new(id, number, draw.demographics(), draw.application().fingers, MADE).unwrap()
}

/// The one record of a part, without its length.
fn sole(part: &[u8]) -> &[u8] {
    let places = register_records(part).unwrap();
    assert_eq!(places.len(), 1);
    &part[places[0].clone()]
}

#[test]
fn a_manifest_has_these_bytes() {
    let expected = [
        &b"\x0a\x0cOld register"[..], // field 1, name, 12 characters
        b"\x12\x06keeper",            // field 2, party, 6 characters
        b"\x1a\x20",
        &[b'1'; 32],                             // field 3, audience, 32 characters
        b"\x21\x00\x68\xe5\xcf\x8b\x01\x00\x00", // field 4, created_at_ms: 1,700,000,000,000
        b"\x28\x07",                             // field 5, people: 7
        b"\x32\x26",
        b"\x08\x05",
        b"\x10\x03",
        b"\x1a\x20",
        &[0x55; 32], // field 6, a part of 38 bytes: bytes 5, people 3, sha256
        b"\x32\x27",
        b"\x08\xac\x02",
        b"\x10\x04",
        b"\x1a\x20",
        &[0x66; 32], // field 6, a part of 39 bytes: bytes 300, people 4, sha256
    ]
    .concat();
    let manifest = manifest(Some(DeploymentId::from_bytes([0x11; 16])));
    assert_eq!(encode_register_manifest(&manifest), expected);
    assert_eq!(unverified_register_party(&expected), Ok(manifest.party().clone()));
    assert_eq!(decode_register_manifest(&verified(expected)), Ok(manifest));
}

#[test]
fn a_record_has_these_bytes() {
    let template = Draw::new(0).record(1);
    assert_eq!(template.len(), 126);
    let demographics = Demographics {
        name: Name::parse("Asha Rao").unwrap(),
        date_of_birth: DateOfBirth::parse("1990-04-17").unwrap(),
        gender: Gender::Female,
        phone: None,
        email: None,
        address: None,
    };
    let sample = FingerSample { position: FingerPosition::RightThumb, record: template.clone() };
    let record = RegisterRecord::new(
        ExternalId::parse("X-1").unwrap(),
        Some(IdentityNumber::parse(NUMBERS[0]).unwrap()),
        demographics,
        Fingers::new(vec![sample]).unwrap(),
        MADE,
    )
    .unwrap();
    let expected = [
        &b"\xb2\x01"[..], // the record's length: 178 bytes
        b"\x0a\x03X-1",   // field 1, external_id, 3 characters
        b"\x12\x0c",
        NUMBERS[0].as_bytes(), // field 2, number, 12 digits
        b"\x1a\x18",           // field 3, demographics, 24 bytes
        b"\x0a\x08Asha Rao",   // field 1, name, 8 characters
        b"\x12\x0a1990-04-17", // field 2, date_of_birth, 10 characters
        b"\x18\x01",           // field 3, gender: female
        b"\x22\x82\x01",       // field 4, fingers, one of 130 bytes
        b"\x08\x01",           // field 1, position: right thumb
        b"\x12\x7e",
        &template, // field 2, record, 126 bytes
    ]
    .concat();
    assert_eq!(encode_register_record(&record), expected);
    assert_eq!(decode_register_record(sole(&expected), MADE), Ok(record));
}

#[test]
fn records_come_back_from_a_part_in_their_order() {
    let mut draw = Draw::new(1);
    let records: Vec<RegisterRecord> = (0..40).map(|_| record(&mut draw)).collect();
    let part: Vec<u8> = records.iter().flat_map(encode_register_record).collect();
    let read: Vec<_> = register_records(&part)
        .unwrap()
        .into_iter()
        .map(|place| decode_register_record(&part[place], MADE).unwrap())
        .collect();
    assert_eq!(read, records);
    assert_eq!(register_records(&[]), Ok(Vec::new()));
}

#[test]
fn a_part_that_ends_too_early_names_the_record() {
    let mut draw = Draw::new(2);
    let (first, second) =
        (encode_register_record(&record(&mut draw)), encode_register_record(&record(&mut draw)));
    let part = [&first[..], &second].concat();
    for end in first.len() + 1..part.len() {
        let violation = register_records(&part[..end]).unwrap_err();
        assert_eq!((violation.field.as_str(), violation.reason), ("records[1]", Reason::Malformed), "{end}");
    }
}

#[test]
fn a_length_buys_no_memory() {
    let length = |length: usize| {
        let mut bytes = Vec::new();
        prost::encode_length_delimiter(length, &mut bytes).unwrap();
        register_records(&bytes).map_err(|violation| (violation.field, violation.reason))
    };
    let at = "records[0]".to_owned();
    assert_eq!(length(MAX_RECORD_BYTES), Err((at.clone(), Reason::Malformed)));
    assert_eq!(length(MAX_RECORD_BYTES + 1), Err((at.clone(), Reason::TooLarge)));
    assert_eq!(length(usize::MAX), Err((at.clone(), Reason::TooLarge)));
    let endless = register_records(&[0xff; 11]).map_err(|violation| (violation.field, violation.reason));
    assert_eq!(endless, Err((at, Reason::Malformed)));
}

#[test]
fn a_manifest_names_the_field_at_fault() {
    type Spoil = fn(&mut v1::RegisterManifest);
    let spoils: [(&str, Spoil); 11] = [
        ("name", |wire| wire.name.clear()),
        ("party", |wire| wire.party = "-".to_owned()),
        ("audience", |wire| wire.audience = "11".to_owned()),
        ("audience", |wire| wire.audience = "A".repeat(32)),
        ("people", |wire| wire.people = 8),
        ("people", |wire| wire.people = u64::MAX),
        ("parts", |wire| wire.parts.clear()),
        ("parts[1].bytes", |wire| wire.parts[1].bytes = u64::MAX),
        ("parts[0].people", |wire| wire.parts[0].people = 0),
        ("parts[0].people", |wire| wire.parts[0].people = u32::MAX),
        ("parts[1].sha256", |wire| wire.parts[1].sha256.truncate(31)),
    ];
    for (field, spoil) in spoils {
        let mut wire = v1::RegisterManifest::decode(&encode_register_manifest(&manifest(None))[..]).unwrap();
        spoil(&mut wire);
        let violation = decode_register_manifest(&verified(wire.encode_to_vec())).unwrap_err();
        assert_eq!((violation.field.as_str(), violation.reason), (field, Reason::Malformed));
    }
    assert_eq!(decode_register_manifest(&verified(vec![0xff])).unwrap_err().field, "payload");
    assert_eq!(unverified_register_party(&[0xff]).unwrap_err().field, "payload");
}

#[test]
fn a_record_names_the_field_at_fault() {
    type Spoil = fn(&mut v1::RegisterRecord);
    let spoils: [(&str, Reason, Spoil); 9] = [
        ("external_id", Reason::Malformed, |wire| wire.external_id.clear()),
        ("external_id", Reason::Malformed, |wire| wire.external_id = "a".repeat(65)),
        ("number", Reason::Malformed, |wire| wire.number = Some("234567890123".to_owned())),
        ("number", Reason::Malformed, |wire| wire.number = Some(String::new())),
        ("demographics", Reason::Malformed, |wire| wire.demographics = None),
        ("demographics.name", Reason::Malformed, |wire| wire.demographics.as_mut().unwrap().name.clear()),
        ("demographics.date_of_birth", Reason::BadDate, |wire| {
            wire.demographics.as_mut().unwrap().date_of_birth = "2024-01-01".to_owned();
        }),
        ("fingers", Reason::Malformed, |wire| wire.fingers.clear()),
        ("fingers[0].record", Reason::Malformed, |wire| wire.fingers[0].record.clear()),
    ];
    let bytes = encode_register_record(&record(&mut Draw::new(3)));
    for (field, reason, spoil) in spoils {
        let mut wire = v1::RegisterRecord::decode(sole(&bytes)).unwrap();
        spoil(&mut wire);
        let violation = decode_register_record(&wire.encode_to_vec(), MADE).unwrap_err();
        assert_eq!((violation.field.as_str(), violation.reason), (field, reason));
    }
    assert_eq!(decode_register_record(&[0xff], MADE).unwrap_err().field, "");
}

#[test]
fn a_record_shows_nothing_of_the_person() {
    let record = record(&mut Draw::new(4));
    let bytes = encode_register_record(&record);
    let wire = v1::RegisterRecord::decode(sole(&bytes)).unwrap();
    for shown in [format!("{wire:?}"), format!("{record:?}")] {
        assert!(!shown.contains(record.external_id.reveal()), "{shown}");
        assert!(!shown.contains(record.demographics.name.as_str()), "{shown}");
        assert!(NUMBERS.iter().all(|number| !shown.contains(number)), "{shown}");
        assert!(!shown.contains("70, 77, 82"), "{shown}");
    }
}
