use plinth_identity::authentication::{Consent, PersonRequest, Verdict};
use plinth_identity::demographics::{
    DateOfBirth, DemographicClaim, Demographics, Email, Gender, Name, Phone,
};
use plinth_identity::evidence::{CodeClaim, Evidence};
use plinth_identity::id::{PartyId, RelyingPartyToken};
use plinth_identity::number::Identifier;
use plinth_identity::otp::OtpCode;
use plinth_identity::party::{Attribute, AttributeSet, Factor, FactorSet};
use plinth_identity::reason::Reason;
use plinth_identity::sealing::SealedAttributes;
use plinth_identity::statement::PersonStatement;
use plinth_identity::time::Timestamp;
use plinth_proto::convert::personal_data::{
    PersonAttributes, decode_person_attributes, encode_person_attributes, encode_person_request,
    encode_person_statement,
};
use plinth_proto::person;
use prost::Message;

use super::authentication::{ADDRESS, address};
use super::{Hex, Piece, Text, Times, bytes, header, request, request_header, statement};
use crate::draw::VIRTUAL_NUMBERS;

fn demographics() -> Demographics {
    Demographics {
        name: Name::parse("Asha Rao").unwrap(),
        date_of_birth: DateOfBirth::parse("1990-04-17").unwrap(),
        gender: Gender::Female,
        phone: Some(Phone::parse("+919876543210").unwrap()),
        email: Some(Email::parse("asha@example.org").unwrap()),
        address: Some(address()),
    }
}

/// The attributes of a person, in an enrolment and unsealed: the fields have the same numbers in both.
const DEMOGRAPHICS: [Piece; 10] = [
    Hex("0a 08"), // field 1, name, 8 characters
    Text("Asha Rao"),
    Hex("12 0a"), // field 2, date_of_birth, 10 characters
    Text("1990-04-17"),
    Hex("18 01"), // field 3, gender: female
    Hex("22 0d"), // field 4, phone, 13 characters
    Text("+919876543210"),
    Hex("2a 10"), // field 5, email, 16 characters
    Text("asha@example.org"),
    Hex("32 4a"), // field 6, address, 74 bytes
];

#[test]
fn the_attributes_of_a_person_have_these_bytes() {
    let expected = bytes(&[&DEMOGRAPHICS[..], &ADDRESS].concat());
    assert_eq!(person::v1::Demographics::from(&demographics()).encode_to_vec(), expected);
    assert_eq!(*encode_person_attributes(&demographics(), AttributeSet::ALL), expected);
}

#[test]
fn only_what_was_asked_and_is_on_record_is_sealed() {
    for attribute in Attribute::ALL {
        let sealed = encode_person_attributes(&demographics(), AttributeSet::EMPTY.with(attribute));
        let Demographics { name, date_of_birth, gender, phone, email, address } = demographics();
        let mut expected = PersonAttributes::default();
        match attribute {
            Attribute::Name => expected.name = Some(name),
            Attribute::DateOfBirth => expected.date_of_birth = Some(date_of_birth),
            Attribute::Gender => expected.gender = Some(gender),
            Attribute::Phone => expected.phone = phone,
            Attribute::Email => expected.email = email,
            Attribute::Address => expected.address = address,
        }
        assert_eq!(decode_person_attributes(&sealed), Ok(expected), "{attribute:?}");
    }
    let sparse = Demographics { phone: None, email: None, address: None, ..demographics() };
    let unrecorded =
        AttributeSet::EMPTY.with(Attribute::Phone).with(Attribute::Email).with(Attribute::Address);
    assert!(encode_person_attributes(&sparse, unrecorded).is_empty());
}

#[test]
fn a_request_for_attributes_has_these_bytes() {
    let code = CodeClaim::Totp(OtpCode::parse("123456").unwrap());
    let declared = FactorSet::EMPTY.with(Factor::Otp);
    let evidence = Evidence::new(DemographicClaim::default(), None, Some(code), &[], 0, declared).unwrap();
    let consent = Consent::new("agree".to_owned(), Timestamp::from_millis(1_700_000_000_000)).unwrap();
    let number = Identifier::parse(VIRTUAL_NUMBERS[0]).unwrap();
    let asked = PersonRequest::new(request_header(), number, evidence, AttributeSet::ALL, consent).unwrap();
    let expected = request(&[
        Hex("12 10"), // field 2, number, 16 digits
        Text(VIRTUAL_NUMBERS[0]),
        Hex("1a 0f"),    // field 3, evidence, 15 bytes
        Hex("0a 00"),    //   field 1, claim: nothing
        Hex("1a 01 09"), //   field 3, declared: one-time code
        Hex("22 08"),    //   field 4, one_time_code, 8 bytes
        Hex("12 06"),    //     field 2, totp, 6 digits
        Text("123456"),
        Hex("22 06 01 02 03 04 05 06"), // field 4, attributes: name, ... address
        Hex("2a 10"),                   // field 5, consent, 16 bytes
        Hex("0a 05"),                   //   field 1, text, 5 characters
        Text("agree"),
        Hex("11 00 68 e5 cf 8b 01 00 00"), //   field 2, given_at_ms: 1,700,000,000,000
    ]);
    assert_eq!(encode_person_request(&asked), expected);
}

#[test]
fn an_answer_about_attributes_has_these_bytes() {
    let relying_party = PartyId::parse("bank").unwrap();
    let yes = PersonStatement {
        header: header(),
        relying_party: relying_party.clone(),
        verdict: Verdict::Yes,
        reason: None,
        token: Some(RelyingPartyToken::from_bytes([0x55; 32])),
        attributes: AttributeSet::EMPTY.with(Attribute::Name).with(Attribute::Address),
        sealed: Some(SealedAttributes { encapsulated: [0x99; 32], ciphertext: vec![0xaa; 16] }),
    };
    let expected = statement(&[
        Hex("12 04"), // field 2, relying_party, 4 characters
        Text("bank"),
        Hex("18 01"), // field 3, verdict: yes
        Hex("2a 20"), // field 5, token, 32 bytes (no field 4: a yes has no reason)
        Times(32, 0x55),
        Hex("32 02 01 06"), // field 6, attributes: name, address
        Hex("3a 34"),       // field 7, sealed, 52 bytes
        Hex("0a 20"),       //   field 1, encapsulated, 32 bytes
        Times(32, 0x99),
        Hex("12 10"), //   field 2, ciphertext, 16 bytes
        Times(16, 0xaa),
    ]);
    assert_eq!(encode_person_statement(&yes), expected);
    let no = PersonStatement {
        header: header(),
        relying_party,
        verdict: Verdict::No,
        reason: Some(Reason::OtpMismatch),
        token: None,
        attributes: AttributeSet::EMPTY,
        sealed: None,
    };
    let expected = statement(&[
        Hex("12 04"), // field 2, relying_party, 4 characters
        Text("bank"),
        Hex("18 02"),          // field 3, verdict: no
        Hex("25 90 01 00 00"), // field 4, reason: 400
    ]);
    assert_eq!(encode_person_statement(&no), expected);
}
