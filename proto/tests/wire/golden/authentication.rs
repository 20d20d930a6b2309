use plinth_identity::application::{FingerPosition, FingerSample, Fingers};
use plinth_identity::authentication::{AuthenticationRequest, ChannelSet, OtpRequest, Verdict};
use plinth_identity::demographics::{
    Address, AddressClaim, AddressFields, AddressText, BirthClaim, DemographicClaim, Email, Gender,
    MatchValue, Name, NameClaim, Phone, Strategy,
};
use plinth_identity::evidence::{CodeClaim, Evidence};
use plinth_identity::id::{PartyId, RelyingPartyToken, RequestId};
use plinth_identity::number::Identifier;
use plinth_identity::otp::OtpCode;
use plinth_identity::party::{Factor, FactorSet};
use plinth_identity::reason::Reason;
use plinth_identity::statement::{AuthenticationStatement, OtpStatement};
use plinth_identity::time::Timestamp;
use plinth_proto::convert::authentication::{encode_authentication_request, encode_authentication_statement};
use plinth_proto::convert::otp::{encode_otp_request, encode_otp_statement};

use super::{Hex, Piece, Record, Text, Times, header, record, request, request_header, statement};
use crate::draw::{NUMBERS, VIRTUAL_NUMBERS};

/// An address with every part.
pub(super) fn address() -> Address {
    let part = str::to_owned;
    Address::new(AddressFields {
        care_of: part("S/O Ram Rao"),
        house: part("12"),
        street: part("Lake Road"),
        landmark: part("Temple"),
        locality: part("Puri"),
        district: part("Khordha"),
        state: part("Odisha"),
        postcode: part("752001"),
        country: part("India"),
    })
    .unwrap()
}

/// The 74 bytes of that address.
pub(super) const ADDRESS: [Piece; 18] = [
    Hex("0a 0b"), // field 1, care_of, 11 characters
    Text("S/O Ram Rao"),
    Hex("12 02"), // field 2, house, 2 characters
    Text("12"),
    Hex("1a 09"), // field 3, street, 9 characters
    Text("Lake Road"),
    Hex("22 06"), // field 4, landmark, 6 characters
    Text("Temple"),
    Hex("2a 04"), // field 5, locality, 4 characters
    Text("Puri"),
    Hex("32 07"), // field 6, district, 7 characters
    Text("Khordha"),
    Hex("3a 06"), // field 7, state, 6 characters
    Text("Odisha"),
    Hex("42 06"), // field 8, postcode, 6 characters
    Text("752001"),
    Hex("4a 05"), // field 9, country, 5 characters
    Text("India"),
];

/// The finger of the golden record.
pub(super) fn fingers() -> Fingers {
    let position = FingerPosition::try_from(1).unwrap();
    Fingers::new(vec![FingerSample { position, record: record() }]).unwrap()
}

fn partial(percent: u32) -> Strategy {
    Strategy::Partial(MatchValue::new(percent).unwrap())
}

fn code() -> OtpCode {
    OtpCode::parse("123456").unwrap()
}

#[test]
fn an_authentication_request_with_everything_has_these_bytes() {
    let address = AddressText::parse("12 Lake Road, Puri").unwrap();
    let claim = DemographicClaim {
        name: Some(NameClaim { name: Name::parse("Asha Rao").unwrap(), strategy: partial(50) }),
        birth: Some(BirthClaim::parse("1990").unwrap()),
        minimum_age: Some(18),
        gender: Some(Gender::Female),
        phone: Some(Phone::parse("+91 98765 43210").unwrap()),
        email: Some(Email::parse("asha@example.org").unwrap()),
        address: Some(AddressClaim::Full { text: address, strategy: partial(60) }),
    };
    let code = CodeClaim::Delivered { transaction: RequestId::from_bytes([0x77; 16]), code: code() };
    let declared = claim.factors().with(Factor::Fingerprint).with(Factor::Otp);
    let evidence = Evidence::new(claim, Some(fingers()), Some(code), &[], 0, declared).unwrap();
    let number = Identifier::parse(NUMBERS[0]).unwrap();
    let full = AuthenticationRequest::new(request_header(), true, number, evidence);
    let expected = request(&[
        Hex("12 0c"), // field 2, number, 12 digits
        Text(NUMBERS[0]),
        Hex("1a 51"), // field 3, claim, 81 bytes
        Hex("0a 08"), //   field 1, name, 8 characters
        Text("Asha Rao"),
        Hex("12 04"), //   field 2, date_of_birth, 4 characters
        Text("1990"),
        Hex("18 01"), //   field 3, gender: female
        Hex("20 02"), //   field 4, name_strategy: partial
        Hex("28 32"), //   field 5, name_match_value: 50
        Hex("30 12"), //   field 6, minimum_age: 18
        Hex("3a 0d"), //   field 7, phone, 13 characters
        Text("+919876543210"),
        Hex("42 10"), //   field 8, email, 16 characters
        Text("asha@example.org"),
        Hex("52 12"), //   field 10, full_address, 18 characters (no field 9: not in its parts)
        Text("12 Lake Road, Puri"),
        Hex("58 02"),    //   field 11, full_address_strategy: partial
        Hex("60 3c"),    //   field 12, full_address_match_value: 60
        Hex("22 82 01"), // field 4, fingers, one of 130 bytes
        Hex("08 01"),    //   field 1, position: right thumb
        Hex("12 7e"),    //   field 2, record, 126 bytes
        Record,
        Hex("2a 09 01 02 03 04 05 06 07 08 09"), // field 5, declared: fingers, name, ... one-time code
        Hex("32 1c"),                            // field 6, one_time_code, 28 bytes
        Hex("0a 1a"),                            //   field 1, delivered, 26 bytes
        Hex("0a 10"),                            //     field 1, transaction, 16 bytes
        Times(16, 0x77),
        Hex("12 06"), //     field 2, code, 6 digits
        Text("123456"),
        Hex("48 01"), // field 9, buffered (no fields 7 and 8: irises and faces are not kept)
    ]);
    assert_eq!(encode_authentication_request(&full), expected);
}

#[test]
fn an_authentication_request_with_an_address_in_its_parts_has_these_bytes() {
    let claim = DemographicClaim {
        address: Some(AddressClaim::Structured(address())),
        ..DemographicClaim::default()
    };
    let code = Some(CodeClaim::Totp(code()));
    let declared = FactorSet::EMPTY.with(Factor::Address).with(Factor::Otp);
    let evidence = Evidence::new(claim, None, code, &[], 0, declared).unwrap();
    let number = Identifier::parse(VIRTUAL_NUMBERS[0]).unwrap();
    let asked = AuthenticationRequest::new(request_header(), false, number, evidence);
    let before = [
        Hex("12 10"), // field 2, number, 16 digits
        Text(VIRTUAL_NUMBERS[0]),
        Hex("1a 4c"), // field 3, claim, 76 bytes
        Hex("4a 4a"), //   field 9, address, 74 bytes
    ];
    let after = [
        Hex("2a 02 08 09"), // field 5, declared: address, one-time code
        Hex("32 08"),       // field 6, one_time_code, 8 bytes
        Hex("12 06"),       //   field 2, totp, 6 digits
        Text("123456"),
    ];
    let expected = request(&[&before[..], &ADDRESS, &after].concat());
    assert_eq!(encode_authentication_request(&asked), expected);
}

fn answer(verdict: Verdict, reason: Option<Reason>, token: Option<[u8; 32]>, buffered: bool) -> Vec<u8> {
    encode_authentication_statement(&AuthenticationStatement {
        header: header(),
        relying_party: PartyId::parse("bank").unwrap(),
        verdict,
        reason,
        token: token.map(RelyingPartyToken::from_bytes),
        buffered,
    })
}

#[test]
fn an_authentication_statement_has_these_bytes() {
    let yes = statement(&[
        Hex("12 04"), // field 2, relying_party, 4 characters
        Text("bank"),
        Hex("18 01"), // field 3, verdict: yes
        Hex("2a 20"), // field 5, token, 32 bytes (no field 4: a yes has no reason)
        Times(32, 0x55),
        Hex("30 01"), // field 6, buffered
    ]);
    assert_eq!(answer(Verdict::Yes, None, Some([0x55; 32]), true), yes);
    let nameless = statement(&[
        Hex("12 04"), // field 2, relying_party, 4 characters
        Text("bank"),
        Hex("18 01"), // field 3, verdict: yes (no field 5: the policy gives no token)
    ]);
    assert_eq!(answer(Verdict::Yes, None, None, false), nameless);
    let silent = statement(&[
        Hex("12 04"), // field 2, relying_party, 4 characters
        Text("bank"),
        Hex("18 02"),          // field 3, verdict: no
        Hex("25 00 00 00 00"), // field 4, reason: not shown
    ]);
    assert_eq!(answer(Verdict::No, None, None, false), silent);
    let told = statement(&[
        Hex("12 04"), // field 2, relying_party, 4 characters
        Text("bank"),
        Hex("18 02"),          // field 3, verdict: no
        Hex("25 2c 01 00 00"), // field 4, reason: 300
    ]);
    assert_eq!(answer(Verdict::No, Some(Reason::BiometricMismatch), None, false), told);
}

#[test]
fn a_request_for_a_code_and_its_answer_have_these_bytes() {
    let number = Identifier::parse(NUMBERS[0]).unwrap();
    let asked = OtpRequest::new(request_header(), number, ChannelSet::ALL);
    let expected = request(&[
        Hex("12 0c"), // field 2, number, 12 digits
        Text(NUMBERS[0]),
        Hex("1a 02 01 02"), // field 3, channels: SMS, e-mail
    ]);
    assert_eq!(encode_otp_request(&asked), expected);
    let answered = OtpStatement {
        header: header(),
        relying_party: PartyId::parse("bank").unwrap(),
        transaction: RequestId::from_bytes([0x44; 16]),
        expires_at: Timestamp::from_millis(1_700_000_600_000),
    };
    let expected = statement(&[
        Hex("12 04"), // field 2, relying_party, 4 characters
        Text("bank"),
        Hex("1a 10"), // field 3, transaction, 16 bytes
        Times(16, 0x44),
        Hex("21 c0 8f ee cf 8b 01 00 00"), // field 4, expires_at_ms: 1,700,000,600,000
    ]);
    assert_eq!(encode_otp_statement(&answered), expected);
}
