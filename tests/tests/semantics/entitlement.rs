//! What a relying party may ask and learn is what its policy says at that moment, and no more.

use plinth_client::PersonDraft;
use plinth_identity::authentication::Consent;
use plinth_identity::demographics::{
    AddressClaim, AddressText, BirthClaim, DemographicClaim, Gender, MatchValue, Name, NameClaim, Strategy,
};
use plinth_identity::number::Identifier;
use plinth_identity::party::{
    Attribute, AttributeSet, Factor, FactorSet, ReasonView, RelyingPartyPolicy, TokenKind,
};
use plinth_identity::reason::Reason;
use plinth_identity::sealing::EncryptionKey;
use plinth_proto::authentication::v1::{
    AuthenticationRequest, DeliveredCode, DemographicClaim as WireClaim, OneTimeCode, one_time_code::Kind,
};
use plinth_proto::person::v1::{FaceSample, FingerSample, Gender as WireGender, IrisSample};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::town::{
    NAME, OTHER_NAME, Town, YES, address, by_code, by_fingers, by_name, email, hand, no, open_policy, phone,
    reason, silent_policy, strange_finger, unknown_number,
};

/// Each factor and the code with which it is refused to a relying party that may not use it.
const CODES: [(Factor, u16); 11] = [
    (Factor::Name, 573),
    (Factor::DateOfBirth, 573),
    (Factor::Gender, 573),
    (Factor::Age, 573),
    (Factor::Phone, 573),
    (Factor::Email, 573),
    (Factor::Address, 574),
    (Factor::Fingerprint, 576),
    (Factor::Iris, 577),
    (Factor::Otp, 578),
    (Factor::Face, 579),
];

/// A question that carries one factor, and a finger unless that is the one.
fn carrying(town: &Town, number: impl Into<Identifier>, factor: Factor) -> AuthenticationRequest {
    let finger = strange_finger().remove(0);
    let finger = FingerSample { position: finger.position.code().into(), record: finger.record.clone() };
    let template = vec![1; 32];
    let mut question = town.question("bank", number);
    question.fingers = vec![finger];
    let mut claim = WireClaim::default();
    match factor {
        Factor::Fingerprint => {}
        Factor::Name => claim.name = Some(NAME.to_owned()),
        Factor::DateOfBirth => claim.date_of_birth = Some("1990-04-17".to_owned()),
        Factor::Gender => claim.gender = WireGender::Female.into(),
        Factor::Age => claim.minimum_age = Some(18),
        Factor::Phone => claim.phone = Some(phone(1)),
        Factor::Email => claim.email = Some(email(1)),
        Factor::Address => claim.address = Some((&address(1)).into()),
        Factor::Otp => {
            let delivered = DeliveredCode { transaction: vec![1; 16], code: "123456".to_owned() };
            question.one_time_code = Some(OneTimeCode { kind: Some(Kind::Delivered(delivered)) });
        }
        Factor::Iris => question.irises = vec![IrisSample { template, ..IrisSample::default() }],
        Factor::Face => question.faces = vec![FaceSample { template }],
    }
    question.claim = Some(claim);
    let declared: FactorSet = [Factor::Fingerprint, factor].into_iter().collect();
    question.declared = declared.iter().map(wire_code).collect();
    question
}

/// The number of a factor on the wire.
fn wire_code(factor: Factor) -> i32 {
    let place = Factor::ALL.iter().position(|known| *known == factor).unwrap();
    i32::try_from(place).unwrap() + 1
}

#[tokio::test(flavor = "multi_thread")]
async fn each_factor_outside_the_licence_is_refused_with_its_own_code_whoever_is_asked_about() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.bank().await;
    for (factor, code) in CODES {
        let others = Factor::ALL.into_iter().filter(|other| *other != factor).collect();
        town.amend("bank", RelyingPartyPolicy { factors: others, ..open_policy() }).await;
        let known = town.put(&bank, &carrying(&town, resident.number, factor)).await.unwrap_err();
        assert_eq!(reason(&known).code(), code, "{factor:?}");
        let unknown = town.put(&bank, &carrying(&town, unknown_number(1), factor)).await.unwrap_err();
        assert_eq!(known, unknown, "{factor:?}");
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ordering_a_code_needs_the_factor_of_codes() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let factors = FactorSet::EMPTY.with(Factor::Name);
    let bank = town.party("bank", RelyingPartyPolicy { factors, ..open_policy() }).await;
    assert_eq!(reason(&town.order(&bank, resident.number).await.unwrap_err()).code(), 578);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_address_and_partial_matching_are_entitlements_of_their_own() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.bank().await;
    let ask = |claim: DemographicClaim| {
        let mut draft = by_name(resident.number, NAME);
        draft.claim = claim;
        draft
    };
    let name = |strategy| {
        let name = Some(NameClaim { name: Name::parse("Asha").unwrap(), strategy });
        DemographicClaim { name, ..DemographicClaim::default() }
    };
    let place = |strategy| {
        let text = AddressText::parse("1 Lake Street Mysuru 570001").unwrap();
        let address = Some(AddressClaim::Full { text, strategy });
        DemographicClaim { address, ..DemographicClaim::default() }
    };
    let half = Strategy::Partial(MatchValue::new(50).unwrap());
    let parts = DemographicClaim {
        address: Some(AddressClaim::Structured(address(1))),
        ..DemographicClaim::default()
    };

    town.amend("bank", RelyingPartyPolicy { full_address: false, ..open_policy() }).await;
    let refused = town.refused(&bank, ask(place(Strategy::Exact))).await;
    assert_eq!(reason(&refused).code(), 575);
    assert_eq!(
        town.told(&bank, ask(parts)).await,
        YES,
        "an address in its parts needs no more than 574 says"
    );

    town.amend("bank", RelyingPartyPolicy { partial_matching: false, ..open_policy() }).await;
    for claim in [name(half), place(half)] {
        assert_eq!(reason(&town.refused(&bank, ask(claim)).await).code(), 581);
    }
    assert_eq!(town.told(&bank, ask(place(Strategy::Exact))).await, YES);

    town.amend("bank", open_policy()).await;
    assert_eq!(town.told(&bank, ask(name(half))).await, YES);
    assert_eq!(town.told(&bank, ask(place(half))).await, YES);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_mandatory_factor_is_refused() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let mandatory = FactorSet::EMPTY.with(Factor::Otp);
    let bank = town.party("bank", RelyingPartyPolicy { mandatory, ..open_policy() }).await;
    for draft in [by_name(resident.number, NAME), by_fingers(resident.number, hand(1))] {
        assert_eq!(reason(&town.refused(&bank, draft).await).code(), 1015);
    }
    let code = town.code(&bank, resident.number, 1).await;
    assert_eq!(town.told(&bank, by_code(resident.number, code)).await, YES);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_beyond_the_policy_are_refused_before_the_person_is_looked_at() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let key = EncryptionKey::generate(&mut StdRng::seed_from_u64(1));
    let attributes = AttributeSet::EMPTY.with(Attribute::Name).with(Attribute::Gender);
    let policy = RelyingPartyPolicy { attributes, encryption_key: Some(key.public()), ..open_policy() };
    let bank = town.party("bank", policy).await;
    let ask = async |number, attributes| {
        let draft = PersonDraft {
            identifier: Identifier::Number(number),
            claim: DemographicClaim::default(),
            fingers: hand(1),
            code: None,
            attributes,
            consent: Consent::new("May the bank know this?".to_owned(), town.now()).unwrap(),
            purpose: "account opening".to_owned(),
        };
        let request = bank.person_request(draft, town.now()).unwrap();
        bank.get_person(&request).await.map(drop).map_err(crate::town::refusal)
    };
    for beyond in [attributes.with(Attribute::Phone), AttributeSet::ALL] {
        let known = ask(resident.number, beyond).await.unwrap_err();
        assert_eq!(reason(&known).code(), 580);
        assert_eq!(known, ask(unknown_number(1), beyond).await.unwrap_err());
    }
    assert_eq!(ask(resident.number, attributes).await, Ok(()));
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relying_party_sees_the_reasons_that_its_policy_shows_it() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let views = [
        ("blind", ReasonView::None, [None, None]),
        ("all-seeing", ReasonView::All, [Some(Reason::DemographicMismatch), Some(Reason::UnknownNumber)]),
        // A mismatch that is shown where an unknown number is not would tell that somebody holds the number.
        ("selective", ReasonView::Only(vec![100, 300]), [None, None]),
        ("counter", ReasonView::Only(vec![998]), [None, Some(Reason::UnknownNumber)]),
        (
            "office",
            ReasonView::Only(vec![100, 330, 331, 332, 515, 517, 915, 992, 994, 995, 996, 997, 998]),
            [Some(Reason::DemographicMismatch), Some(Reason::UnknownNumber)],
        ),
    ];
    for (name, reasons, expected) in views {
        let party = town.party(name, RelyingPartyPolicy { reasons, ..open_policy() }).await;
        for (number, expected) in [resident.number, unknown_number(1)].into_iter().zip(expected) {
            let told = town.told(&party, by_name(number, OTHER_NAME)).await;
            assert_eq!(told, (plinth_identity::Verdict::No, expected), "{name}");
        }
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_without_tokens_gets_a_yes_without_one() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let bank = town.bank().await;
    let kiosk = town.party("kiosk", RelyingPartyPolicy { token: TokenKind::None, ..open_policy() }).await;
    for (party, has_one) in [(&bank, true), (&kiosk, false)] {
        let statement = town.ask(party, by_name(resident.number, NAME)).await.unwrap();
        assert_eq!((statement.verdict, statement.reason), YES);
        assert_eq!(statement.token.is_some(), has_one);
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_that_must_use_virtual_numbers_gets_332_for_a_number() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let policy = RelyingPartyPolicy { virtual_number_only: true, ..open_policy() };
    let shop = town.party("shop", policy).await;
    let told = town.told(&shop, by_name(resident.number, NAME)).await;
    assert_eq!(told, no(Reason::VirtualNumberRequired));
    assert_eq!(told.1.unwrap().code(), 332);
    let alias = town.alias(&office, resident).await;
    assert_eq!(town.told(&shop, by_name(alias, NAME)).await, YES);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amended_policy_holds_from_the_very_next_request_and_after_a_restart() {
    let mut town = Town::new().await;
    let resident = town.enrol(1).await;
    let narrow = RelyingPartyPolicy { factors: FactorSet::EMPTY.with(Factor::Otp), ..silent_policy() };
    let bank = town.party("bank", narrow.clone()).await;
    let right = || by_name(resident.number, NAME);
    let wrong = || by_name(resident.number, OTHER_NAME);
    for _ in 0..3 {
        assert_eq!(reason(&town.refused(&bank, right()).await).code(), 573);
        town.amend("bank", open_policy()).await;
        assert_eq!(town.told(&bank, right()).await, YES);
        assert_eq!(town.told(&bank, wrong()).await, no(Reason::DemographicMismatch));
        town.amend("bank", silent_policy()).await;
        assert_eq!(town.told(&bank, wrong()).await.1, None);
        town.amend("bank", narrow.clone()).await;
    }
    town.world.restart().await;
    let bank = town.party_again("bank").await;
    assert_eq!(reason(&town.refused(&bank, right()).await).code(), 573);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amendment_changes_neither_the_key_nor_the_standing_of_a_party() {
    let town = Town::new().await;
    let bank = town.bank().await;
    let administrator = town.world.administrator(0).await;
    let kind = plinth_identity::party::PartyKind::RelyingParty;
    let thief = plinth_tests::signing_key(666).public();
    let stolen =
        plinth_identity::party::Party { key: thief, ..crate::town::with_policy("bank", open_policy()) };
    let error = administrator.amend(stolen, town.now()).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::Malformed));
    let unheard = crate::town::with_policy("unheard-of", open_policy());
    let error = administrator.amend(unheard, town.now()).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::NotFound));
    administrator.suspend(kind, bank.id(), town.now()).await.unwrap();
    town.amend("bank", open_policy()).await;
    let refused = town.refused(&bank, by_name(unknown_number(1), NAME)).await;
    assert_eq!(reason(&refused), Reason::PartySuspended);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_is_heard_from_its_own_networks_only() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let networks = |text: &[&str]| RelyingPartyPolicy {
        networks: text.iter().map(|network| network.parse().unwrap()).collect(),
        ..open_policy()
    };
    let bank = town.party("bank", networks(&["10.0.0.0/8", "2001:db8::/32"])).await;
    let right = || by_name(resident.number, NAME);
    assert_eq!(reason(&town.refused(&bank, right()).await).code(), 940);
    assert_eq!(reason(&town.order(&bank, resident.number).await.unwrap_err()).code(), 940);
    town.amend("bank", networks(&["10.0.0.0/8", "127.0.0.0/8"])).await;
    assert_eq!(town.told(&bank, right()).await, YES);
    town.amend("bank", networks(&["127.0.0.0/30", "127.0.0.8/29"])).await;
    assert_eq!(town.told(&bank, right()).await, YES, "a small network holds its own addresses");
    town.amend("bank", networks(&["127.0.0.8/29"])).await;
    assert_eq!(reason(&town.refused(&bank, right()).await).code(), 940);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gender_that_is_not_in_the_licence_is_refused_beside_one_that_is() {
    // The first factor outside decides, whatever else would have fitted.
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let factors = FactorSet::EMPTY.with(Factor::Name);
    let bank = town.party("bank", RelyingPartyPolicy { factors, ..open_policy() }).await;
    let mut draft = by_name(resident.number, NAME);
    assert_eq!(town.told(&bank, draft.clone()).await, YES);
    draft.claim.gender = Some(Gender::Female);
    assert_eq!(reason(&town.refused(&bank, draft.clone()).await).code(), 573);
    draft.claim.gender = None;
    draft.claim.birth = Some(BirthClaim::Year(1990));
    assert_eq!(reason(&town.refused(&bank, draft).await).code(), 573);
    town.close().await;
}
