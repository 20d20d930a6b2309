use plinth_identity::case::CaseDecision;
use plinth_identity::dsse::PublicKey;
use plinth_identity::id::{CaseId, PartyId};
use plinth_identity::party::{
    Attribute, AttributeSet, Factor, FactorSet, Party, PartyKind, PartyStatus, Quotas, ReasonView,
    RelyingPartyPolicy, TokenKind,
};
use plinth_identity::statement::{RegistryChange, RegistryStatement};
use plinth_identity::time::Timestamp;
use plinth_proto::convert::registry::{
    Change, RegistryOrder, encode_registry_change, encode_registry_statement,
};

use super::{Hex, KEY, Piece, Text, Times, bytes, header, request, request_header, statement};

fn done(change: RegistryChange) -> Vec<u8> {
    let administrator = PartyId::parse("admin").unwrap();
    encode_registry_statement(&RegistryStatement { header: header(), administrator, change })
}

#[test]
fn a_registry_statement_about_a_party_has_these_bytes() {
    let with = |action: &'static str| {
        statement(&[
            Hex("12 05"), // field 2, administrator, 5 characters
            Text("admin"),
            Hex(action),  // field 3, action
            Hex("22 08"), // field 4, party, 8 bytes
            Hex("08 02"), //   field 1, kind: relying party
            Hex("12 04"), //   field 2, id, 4 characters
            Text("bank"),
        ])
    };
    let (kind, id) = (PartyKind::RelyingParty, PartyId::parse("bank").unwrap());
    assert_eq!(done(RegistryChange::Registered { kind, id: id.clone() }), with("18 01"));
    assert_eq!(done(RegistryChange::Suspended { kind, id: id.clone() }), with("18 02"));
    assert_eq!(done(RegistryChange::Reinstated { kind, id: id.clone() }), with("18 03"));
    assert_eq!(done(RegistryChange::Revoked { kind, id: id.clone() }), with("18 04"));
    assert_eq!(done(RegistryChange::Amended { kind, id }), with("18 07"));
}

#[test]
fn a_registry_statement_about_a_case_has_these_bytes() {
    let with = |action: &'static str, decision: &'static str| {
        statement(&[
            Hex("12 05"), // field 2, administrator, 5 characters
            Text("admin"),
            Hex(action),                       // field 3, action
            Hex("29 05 00 00 00 00 00 00 00"), // field 5, case_id: 5 (no field 4: no party)
            Hex(decision),                     // field 6, decision, only of a decided one
        ])
    };
    let case = CaseId::new(5);
    let decided = |decision| done(RegistryChange::CaseDecided { case, decision });
    assert_eq!(decided(CaseDecision::Issue), with("18 05", "30 01"));
    assert_eq!(decided(CaseDecision::Refuse), with("18 05", "30 02"));
    assert_eq!(done(RegistryChange::CaseExtended { case }), with("18 06", ""));
}

fn party(policy: RelyingPartyPolicy) -> Box<Party> {
    let party = Party::new(
        PartyKind::RelyingParty,
        PartyId::parse("bank").unwrap(),
        "Bank".to_owned(),
        PublicKey::from_bytes(&bytes(&[Hex(KEY)]).try_into().unwrap()).unwrap(),
        Timestamp::from_millis(1_700_000_000_000),
        Timestamp::from_millis(1_700_000_600_000),
        PartyStatus::Active,
        policy,
    );
    Box::new(party.unwrap())
}

fn policy() -> RelyingPartyPolicy {
    RelyingPartyPolicy {
        factors: FactorSet::EMPTY.with(Factor::Fingerprint).with(Factor::Name),
        mandatory: FactorSet::EMPTY.with(Factor::Fingerprint),
        partial_matching: true,
        full_address: true,
        attributes: AttributeSet::EMPTY.with(Attribute::Name),
        token: TokenKind::None,
        reasons: ReasonView::Only(vec![100, 300]),
        quotas: Quotas { requests_per_second: 5, burst: 10, numbers_per_day: 1_000, failure_percent: 40 },
        networks: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        virtual_number_only: true,
        resident_agent: true,
        encryption_key: Some([0x99; 32]),
    }
}

/// What comes before the policy of that party.
const PARTY: [Piece; 9] = [
    Hex("08 02"), //   field 1, kind: relying party
    Hex("12 04"), //   field 2, id, 4 characters
    Text("bank"),
    Hex("1a 04"), //   field 3, display_name, 4 characters
    Text("Bank"),
    Hex("22 20"), //   field 4, public_key, 32 bytes
    Hex(KEY),
    Hex("29 00 68 e5 cf 8b 01 00 00"), //   field 5, valid_from_ms: 1,700,000,000,000
    Hex("31 c0 8f ee cf 8b 01 00 00"), //   field 6, valid_until_ms: 1,700,000,600,000
];

/// The policy of that party with every field, 101 bytes.
const POLICY: [Piece; 17] = [
    Hex("3a 63"),                            //   field 7, policy, 99 bytes
    Hex("0a 02 01 02"), //     field 1, factors: fingers, name (no field 2: it does not see every reason)
    Hex("1a 01 01"),    //     field 3, mandatory: fingers
    Hex("20 01"),       //     field 4, partial_matching
    Hex("28 01"),       //     field 5, full_address
    Hex("32 01 01"),    //     field 6, attributes: name
    Hex("38 01"),       //     field 7, token_kind: none
    Hex("42 03 64 ac 02"), //     field 8, reasons: 100, 300
    Hex("4a 09 08 05 10 0a 18 e8 07 20 28"), //     field 9, quotas: 5, 10, 1,000, 40
    Hex("52 0c"),       //     field 10, networks, one of 12 characters
    Text("192.0.2.0/24"),
    Hex("52 0d"), //     field 10, networks, one of 13 characters
    Text("2001:db8::/32"),
    Hex("58 01"), //     field 11, virtual_number_only
    Hex("60 01"), //     field 12, resident_agent
    Hex("6a 20"), //     field 13, encryption_key, 32 bytes
    Times(32, 0x99),
];

#[test]
fn a_registration_has_these_bytes() {
    let order = RegistryOrder { header: request_header(), change: Change::Register(party(policy())) };
    let length = [Hex("12 a9 01")]; // field 2, register, 169 bytes
    let status = [Hex("40 01")]; //   field 8, status: active
    let expected = request(&[&length[..], &PARTY, &POLICY, &status].concat());
    assert_eq!(encode_registry_change(&order), expected);
}

#[test]
fn an_amendment_has_these_bytes() {
    let order = RegistryOrder { header: request_header(), change: Change::Amend(party(policy())) };
    let length = [Hex("3a a7 01")]; // field 7, amend, 167 bytes (no status: it stays)
    let expected = request(&[&length[..], &PARTY, &POLICY].concat());
    assert_eq!(encode_registry_change(&order), expected);
}

#[test]
fn a_policy_that_shows_every_reason_has_these_bytes() {
    let policy = RelyingPartyPolicy { reasons: ReasonView::All, ..RelyingPartyPolicy::default() };
    let order = RegistryOrder { header: request_header(), change: Change::Amend(party(policy)) };
    let length = [Hex("3a 4a")]; // field 7, amend, 74 bytes
    let policy = [
        Hex("3a 06"), //   field 7, policy, 6 bytes
        Hex("10 01"), //     field 2, sees_reasons
        Hex("38 02"), //     field 7, token_kind: pairwise
        Hex("4a 00"), //     field 9, quotas: none
    ];
    let expected = request(&[&length[..], &PARTY, &policy].concat());
    assert_eq!(encode_registry_change(&order), expected);
}
