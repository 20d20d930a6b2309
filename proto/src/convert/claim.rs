//! What a person claims about themselves.

use plinth_identity::demographics::{
    AddressClaim, AddressText, BirthClaim, DemographicClaim, MatchValue, NameClaim, Strategy,
};
use plinth_identity::field::FieldViolation;
use plinth_identity::reason::Reason;

use super::person::{address, email, gender, name, phone};
use crate::authentication::v1;
use crate::person::v1::Gender as WireGender;

/// The ages that can be claimed, in years.
const AGES: std::ops::RangeInclusive<u32> = 1..=150;

impl TryFrom<v1::DemographicClaim> for DemographicClaim {
    type Error = FieldViolation;

    fn try_from(wire: v1::DemographicClaim) -> Result<Self, FieldViolation> {
        let birth = wire.date_of_birth.as_deref().map(BirthClaim::parse).transpose();
        Ok(Self {
            name: name_claim(&wire)?,
            birth: birth.map_err(|violation| violation.at("date_of_birth"))?,
            gender: gender(wire.gender)?,
            minimum_age: wire.minimum_age.map(age).transpose()?,
            phone: wire.phone.as_deref().map(phone).transpose()?,
            email: wire.email.as_deref().map(email).transpose()?,
            address: address_claim(wire)?,
        })
    }
}

impl From<&DemographicClaim> for v1::DemographicClaim {
    fn from(claim: &DemographicClaim) -> Self {
        let mut wire = Self {
            name: claim.name.as_ref().map(|claim| claim.name.as_str().to_owned()),
            date_of_birth: claim.birth.as_ref().map(BirthClaim::reveal),
            gender: claim.gender.map_or(WireGender::Unspecified, WireGender::from).into(),
            minimum_age: claim.minimum_age.map(u32::from),
            phone: claim.phone.as_ref().map(|phone| phone.as_str().to_owned()),
            email: claim.email.as_ref().map(|email| email.as_str().to_owned()),
            ..Self::default()
        };
        if let Some(name) = &claim.name {
            (wire.name_strategy, wire.name_match_value) = encode_strategy(name.strategy);
        }
        match &claim.address {
            None => {}
            Some(AddressClaim::Structured(address)) => wire.address = Some(address.into()),
            Some(AddressClaim::Full { text, strategy }) => {
                wire.full_address = Some(text.as_str().to_owned());
                (wire.full_address_strategy, wire.full_address_match_value) = encode_strategy(*strategy);
            }
        }
        wire
    }
}

fn name_claim(wire: &v1::DemographicClaim) -> Result<Option<NameClaim>, FieldViolation> {
    let strategy = strategy(
        wire.name.is_some(),
        (wire.name_strategy, "name_strategy"),
        (wire.name_match_value, "name_match_value"),
    )?;
    match wire.name.as_deref() {
        None => Ok(None),
        Some(text) => Ok(Some(NameClaim { name: name(text)?, strategy })),
    }
}

fn address_claim(wire: v1::DemographicClaim) -> Result<Option<AddressClaim>, FieldViolation> {
    let strategy = strategy(
        wire.full_address.is_some(),
        (wire.full_address_strategy, "full_address_strategy"),
        (wire.full_address_match_value, "full_address_match_value"),
    )?;
    match (wire.address, wire.full_address) {
        (None, None) => Ok(None),
        (Some(parts), None) => Ok(Some(AddressClaim::Structured(address(parts)?))),
        (None, Some(text)) => {
            let text = AddressText::parse(&text).map_err(|violation| violation.at("full_address"))?;
            Ok(Some(AddressClaim::Full { text, strategy }))
        }
        (Some(_), Some(_)) => Err(FieldViolation::new(
            "full_address",
            Reason::BothAddresses,
            "must not stand beside the address in its parts",
        )),
    }
}

/// How a text is compared. Where there is no text, neither field says anything; a match value belongs to a partial
/// comparison.
fn strategy(
    text: bool,
    (strategy, strategy_field): (i32, &str),
    (value, value_field): (u32, &str),
) -> Result<Strategy, FieldViolation> {
    let malformed = |description| Err(FieldViolation::malformed(strategy_field, description));
    let bad_value = |description| Err(FieldViolation::new(value_field, Reason::BadMatchValue, description));
    match v1::MatchStrategy::try_from(strategy) {
        Err(_) => malformed("must be exact or partial"),
        Ok(v1::MatchStrategy::Exact | v1::MatchStrategy::Partial) if !text => {
            malformed("belongs to a text that is absent")
        }
        Ok(v1::MatchStrategy::Unspecified | v1::MatchStrategy::Exact) if value != 0 => {
            bad_value("belongs to a partial comparison only")
        }
        Ok(v1::MatchStrategy::Unspecified | v1::MatchStrategy::Exact) => Ok(Strategy::Exact),
        Ok(v1::MatchStrategy::Partial) if value == 0 => Ok(Strategy::Partial(MatchValue::ALL)),
        Ok(v1::MatchStrategy::Partial) => {
            MatchValue::new(value).map(Strategy::Partial).map_err(|violation| violation.at(value_field))
        }
    }
}

fn encode_strategy(strategy: Strategy) -> (i32, u32) {
    match strategy {
        Strategy::Exact => (v1::MatchStrategy::Unspecified.into(), 0),
        Strategy::Partial(value) => (v1::MatchStrategy::Partial.into(), value.get().into()),
    }
}

fn age(wire: u32) -> Result<u8, FieldViolation> {
    u8::try_from(wire)
        .ok()
        .filter(|_| AGES.contains(&wire))
        .ok_or_else(|| FieldViolation::malformed("minimum_age", "must be 1 to 150 years"))
}
