use plinth_identity::party::RelyingPartyPolicy;
use plinth_proto::convert::registry::{RegistryOrder, encode_registry_change};
use plinth_proto::registry;
use prost::Message;

use super::{malformed, refused};
use crate::draw::Draw;

#[test]
fn a_registration_names_the_field_at_fault() {
    type Spoil = fn(&mut registry::v1::Party);
    let spoils: [(&str, Spoil); 10] = [
        ("register.kind", |party| party.kind = 0),
        ("register.kind", |party| party.kind = 99),
        ("register.id", |party| party.id = "-a".to_owned()),
        ("register.display_name", |party| party.display_name.clear()),
        ("register.public_key", |party| party.public_key.truncate(31)),
        ("register.public_key", |party| party.public_key = vec![0; 32]),
        ("register.valid_until_ms", |party| party.valid_until_ms = party.valid_from_ms),
        ("register.status", |party| party.status = registry::v1::PartyStatus::Revoked.into()),
        ("register.policy", |party| {
            party.kind = registry::v1::PartyKind::RelyingParty.into();
            party.policy = None;
        }),
        ("register.policy", |party| {
            party.kind = registry::v1::PartyKind::Agency.into();
            party.policy = Some(registry::v1::RelyingPartyPolicy::default());
        }),
    ];
    let mut draw = Draw::new(6);
    let bytes = encode_registry_change(&draw.registry_order());
    for (field, spoil) in spoils {
        let mut party = registry::v1::Party::from(&draw.party());
        spoil(&mut party);
        let spoiled = refused::<registry::v1::RegistryChange, RegistryOrder>(&bytes, |wire| {
            wire.change = Some(registry::v1::registry_change::Change::Register(party));
        });
        assert_eq!(spoiled, malformed(field));
    }
}

#[test]
fn an_amendment_names_the_field_at_fault() {
    type Spoil = fn(&mut registry::v1::Party);
    let spoils: [(&str, Spoil); 3] = [
        ("amend.id", |party| party.id.clear()),
        ("amend.public_key", |party| party.public_key.clear()),
        ("amend.status", |party| party.status = registry::v1::PartyStatus::Suspended.into()),
    ];
    let mut draw = Draw::new(6);
    let bytes = encode_registry_change(&draw.registry_order());
    for (field, spoil) in spoils {
        let mut party = registry::v1::Party::from(&draw.party());
        spoil(&mut party);
        let spoiled = refused::<registry::v1::RegistryChange, RegistryOrder>(&bytes, |wire| {
            wire.change = Some(registry::v1::registry_change::Change::Amend(party));
        });
        assert_eq!(spoiled, malformed(field));
    }
}

#[test]
fn a_policy_names_the_field_at_fault() {
    type Wire = registry::v1::RelyingPartyPolicy;
    type Spoil = fn(&mut Wire);
    fn quotas(wire: &mut Wire) -> &mut registry::v1::Quotas {
        wire.quotas.get_or_insert_default()
    }
    let spoils: [(&str, Spoil); 18] = [
        ("factors[0]", |wire| wire.factors = vec![0]),
        ("factors[1]", |wire| wire.factors = vec![1, 1]),
        ("factors[0]", |wire| wire.factors = vec![12]),
        ("mandatory[0]", |wire| wire.mandatory = vec![-1]),
        ("mandatory", |wire| (wire.factors, wire.mandatory) = (vec![1], vec![2])),
        ("attributes[0]", |wire| wire.attributes = vec![0]),
        ("attributes[1]", |wire| wire.attributes = vec![6, 6]),
        ("attributes[0]", |wire| wire.attributes = vec![7]),
        ("encryption_key", |wire| (wire.attributes, wire.encryption_key) = (vec![1], Vec::new())),
        ("encryption_key", |wire| wire.encryption_key = vec![1; 31]),
        ("token_kind", |wire| wire.token_kind = 3),
        ("reasons", |wire| (wire.sees_reasons, wire.reasons) = (true, vec![300])),
        ("reasons", |wire| (wire.sees_reasons, wire.reasons) = (false, vec![300, 100])),
        ("reasons[1]", |wire| (wire.sees_reasons, wire.reasons) = (false, vec![300, 65_536])),
        ("quotas.failure_percent", |wire| quotas(wire).failure_percent = 101),
        ("quotas.failure_percent", |wire| quotas(wire).failure_percent = 256),
        ("networks[1]", |wire| wire.networks = vec!["10.0.0.0/8".to_owned(), "10.0.0.0/33".to_owned()]),
        ("networks", |wire| wire.networks = vec!["10.0.0.0/8".to_owned(); 65]),
    ];
    for seed in 0..20 {
        let bytes = Wire::from(&Draw::new(seed).policy()).encode_to_vec();
        for (field, spoil) in spoils {
            assert_eq!(refused::<Wire, RelyingPartyPolicy>(&bytes, spoil), malformed(field));
        }
    }
}

#[test]
fn reasons_that_are_shown_are_at_most_64_and_each_is_named_once() {
    type Wire = registry::v1::RelyingPartyPolicy;
    let many = |reasons: Vec<u32>| RelyingPartyPolicy::try_from(Wire { reasons, ..Wire::default() });
    assert!(many((1..=64).collect()).is_ok());
    assert_eq!(many((1..=65).collect()).unwrap_err().field, "reasons");
    assert_eq!(many(vec![100, 100]).unwrap_err().field, "reasons");
}
