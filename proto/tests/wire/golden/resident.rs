use plinth_identity::authentication::{ResidentAction, ResidentRequest, Verdict};
use plinth_identity::demographics::DemographicClaim;
use plinth_identity::evidence::Evidence;
use plinth_identity::history::{HistoryEntry, HistoryEvent};
use plinth_identity::id::{LogPosition, PartyId};
use plinth_identity::identity_record::Locks;
use plinth_identity::number::IdentityNumber;
use plinth_identity::party::{Factor, FactorSet};
use plinth_identity::reason::Reason;
use plinth_identity::statement::{ResidentOutcome, ResidentStatement};
use plinth_identity::time::Timestamp;
use plinth_identity::virtual_number::{VirtualNumber, VirtualNumberKind};
use plinth_proto::convert::resident::{encode_resident_request, encode_resident_statement};

use super::authentication::fingers;
use super::{Hex, Piece, Record, Text, header, request, request_header, statement};
use crate::draw::{NUMBERS, VIRTUAL_NUMBERS};

#[test]
fn an_order_about_ones_own_number_has_these_bytes() {
    let ordered = |action| {
        let declared = FactorSet::EMPTY.with(Factor::Fingerprint);
        let claim = DemographicClaim::default();
        let evidence = Evidence::new(claim, Some(fingers()), None, &[], 0, declared).unwrap();
        let number = IdentityNumber::parse(NUMBERS[0]).unwrap();
        encode_resident_request(&ResidentRequest::new(request_header(), number, evidence, action).unwrap())
    };
    let with = |action: &'static str| {
        request(&[
            Hex("12 0c"), // field 2, number, 12 digits
            Text(NUMBERS[0]),
            Hex("1a 8a 01"), // field 3, evidence, 138 bytes
            Hex("0a 00"),    //   field 1, claim: nothing
            Hex("12 82 01"), //   field 2, fingers, one of 130 bytes
            Hex("08 01"),    //     field 1, position: right thumb
            Hex("12 7e"),    //     field 2, record, 126 bytes
            Record,
            Hex("1a 01 01"), //   field 3, declared: fingers
            Hex(action),     // the action's field
        ])
    };
    let expiring = ResidentAction::CreateVirtualNumber {
        kind: VirtualNumberKind::Expiring,
        valid_for_ms: Some(86_400_000),
    };
    // field 4, create_virtual_number, 7 bytes: kind expiring, valid_for_ms 86,400,000
    assert_eq!(ordered(expiring), with("22 07 08 02 10 80 b8 99 29"));
    let plain = |kind| ResidentAction::CreateVirtualNumber { kind, valid_for_ms: None };
    assert_eq!(ordered(plain(VirtualNumberKind::OneTime)), with("22 02 08 01"));
    assert_eq!(ordered(plain(VirtualNumberKind::Perpetual)), with("22 02 08 03"));
    // field 5, revoke_virtual_number
    assert_eq!(ordered(ResidentAction::RevokeVirtualNumber), with("2a 00"));
    let locks = ResidentAction::SetLocks {
        number: Some(true),
        fingers: Some(false),
        irises: Some(true),
        face: Some(false),
    };
    // field 6, set_locks, 8 bytes: number locked, fingers unlocked, irises locked, face unlocked
    assert_eq!(ordered(locks), with("32 08 08 01 10 00 18 01 20 00"));
    let face = ResidentAction::SetLocks { number: None, fingers: None, irises: None, face: Some(true) };
    assert_eq!(ordered(face), with("32 02 20 01"));
    // field 7, create_totp; field 8, remove_totp
    assert_eq!(ordered(ResidentAction::CreateTotp), with("3a 00"));
    assert_eq!(ordered(ResidentAction::RemoveTotp), with("42 00"));
    let history = |before| ResidentAction::ReadHistory { page_size: 50, before };
    // field 9, read_history, 11 bytes: page_size 50, before position 7
    assert_eq!(ordered(history(Some(LogPosition::new(7)))), with("4a 0b 08 32 11 07 00 00 00 00 00 00 00"));
    assert_eq!(ordered(history(None)), with("4a 02 08 32"));
}

fn answered(reason: Option<Reason>, outcome: Option<ResidentOutcome>) -> Vec<u8> {
    encode_resident_statement(&ResidentStatement {
        header: header(),
        agent: PartyId::parse("kiosk").unwrap(),
        verdict: if outcome.is_some() { Verdict::Yes } else { Verdict::No },
        reason,
        outcome,
    })
}

fn yes(outcome: &[Piece]) -> Vec<u8> {
    let head = [
        Hex("12 05"), // field 2, agent, 5 characters
        Text("kiosk"),
        Hex("18 01"), // field 3, verdict: yes
    ];
    statement(&[&head[..], outcome].concat())
}

#[test]
fn a_no_to_an_order_has_these_bytes() {
    let no = |reason: &'static str| {
        statement(&[
            Hex("12 05"), // field 2, agent, 5 characters
            Text("kiosk"),
            Hex("18 02"), // field 3, verdict: no
            Hex(reason),  // field 4, reason
        ])
    };
    assert_eq!(answered(None, None), no("25 00 00 00 00"));
    assert_eq!(answered(Some(Reason::UnknownNumber), None), no("25 e6 03 00 00"));
}

#[test]
fn a_yes_to_an_order_has_these_bytes() {
    let number = VirtualNumber::parse(VIRTUAL_NUMBERS[0]).unwrap();
    let expires_at = Some(Timestamp::from_millis(1_700_000_600_000));
    let expected = yes(&[
        Hex("2a 1b"), // field 5, virtual_number, 27 bytes
        Hex("0a 10"), //   field 1, number, 16 digits
        Text(VIRTUAL_NUMBERS[0]),
        Hex("11 c0 8f ee cf 8b 01 00 00"), //   field 2, expires_at_ms: 1,700,000,600,000
    ]);
    assert_eq!(answered(None, Some(ResidentOutcome::VirtualNumber { number, expires_at })), expected);
    let revoked = yes(&[Hex("32 00")]); // field 6, virtual_number_revoked
    assert_eq!(answered(None, Some(ResidentOutcome::VirtualNumberRevoked)), revoked);
    let locks = Locks { number: true, fingers: true, irises: true, face: true };
    let expected = yes(&[Hex("3a 08 08 01 10 01 18 01 20 01")]); // field 7, locks: all four
    assert_eq!(answered(None, Some(ResidentOutcome::Locks(locks))), expected);
    let expected = yes(&[
        Hex("42 19"), // field 8, totp, 25 bytes
        Hex("0a 17"), //   field 1, uri, 23 characters
        Text("otpauth://totp/a?secret"),
    ]);
    let uri = "otpauth://totp/a?secret".to_owned();
    assert_eq!(answered(None, Some(ResidentOutcome::Totp { uri })), expected);
    let removed = yes(&[Hex("4a 00")]); // field 9, totp_removed
    assert_eq!(answered(None, Some(ResidentOutcome::TotpRemoved)), removed);
}

#[test]
fn a_page_of_history_has_these_bytes() {
    let entry = HistoryEntry {
        at: Timestamp::from_millis(1_700_000_000_000),
        party: PartyId::parse("bank").unwrap(),
        event: HistoryEvent::Authentication,
        factors: FactorSet::EMPTY.with(Factor::Fingerprint).with(Factor::Name),
        purpose: "audit".to_owned(),
        verdict: Verdict::No,
        reason: Some(Reason::BiometricMismatch),
    };
    let entries = vec![(LogPosition::new(7), entry)];
    let expected = yes(&[
        Hex("52 37"),                      // field 10, history, 55 bytes
        Hex("0a 2c"),                      //   field 1, entries, one of 44 bytes
        Hex("09 07 00 00 00 00 00 00 00"), //     field 1, log_position: 7
        Hex("11 00 68 e5 cf 8b 01 00 00"), //     field 2, at_ms: 1,700,000,000,000
        Hex("1a 04"),                      //     field 3, party, 4 characters
        Text("bank"),
        Hex("20 01"),       //     field 4, event: authentication
        Hex("2a 02 01 02"), //     field 5, factors: fingers, name
        Hex("32 05"),       //     field 6, purpose, 5 characters
        Text("audit"),
        Hex("38 02"),                      //     field 7, verdict: no
        Hex("45 2c 01 00 00"),             //     field 8, reason: 300
        Hex("11 06 00 00 00 00 00 00 00"), //   field 2, next_before: 6
    ]);
    let next = Some(LogPosition::new(6));
    assert_eq!(answered(None, Some(ResidentOutcome::History { entries, next })), expected);
}
