//! Factors and attributes: sets on the inside, lists that name each once on the wire.

use plinth_identity::field::FieldViolation;
use plinth_identity::party::{Attribute, AttributeSet, Factor, FactorSet};

use crate::authentication::v1;

/// A set of factors from a list that names each once.
pub(super) fn factors(wire: &[i32], field: &str) -> Result<FactorSet, FieldViolation> {
    let mut set = FactorSet::EMPTY;
    for (index, factor) in wire.iter().enumerate() {
        let Some(factor) = factor_of(*factor) else {
            return Err(FieldViolation::malformed(format!("{field}[{index}]"), "must be one of the factors"));
        };
        if set.contains(factor) {
            return Err(twice(field, index));
        }
        set = set.with(factor);
    }
    Ok(set)
}

/// A set of attributes from a list that names each once.
pub(super) fn attributes(wire: &[i32], field: &str) -> Result<AttributeSet, FieldViolation> {
    let mut set = AttributeSet::EMPTY;
    for (index, attribute) in wire.iter().enumerate() {
        let Some(attribute) = attribute_of(*attribute) else {
            return Err(FieldViolation::malformed(
                format!("{field}[{index}]"),
                "must be one of the attributes",
            ));
        };
        if set.contains(attribute) {
            return Err(twice(field, index));
        }
        set = set.with(attribute);
    }
    Ok(set)
}

/// The list of a set of factors, in the order of their numbers.
pub(super) fn encode_factors(set: FactorSet) -> Vec<i32> {
    set.iter()
        .map(|factor| match factor {
            Factor::Fingerprint => v1::Factor::Fingerprint.into(),
            Factor::Name => v1::Factor::Name.into(),
            Factor::DateOfBirth => v1::Factor::DateOfBirth.into(),
            Factor::Gender => v1::Factor::Gender.into(),
            Factor::Age => v1::Factor::Age.into(),
            Factor::Phone => v1::Factor::Phone.into(),
            Factor::Email => v1::Factor::Email.into(),
            Factor::Address => v1::Factor::Address.into(),
            Factor::Otp => v1::Factor::Otp.into(),
            Factor::Iris => v1::Factor::Iris.into(),
            Factor::Face => v1::Factor::Face.into(),
        })
        .collect()
}

/// The list of a set of attributes, in the order of their numbers.
pub(super) fn encode_attributes(set: AttributeSet) -> Vec<i32> {
    set.iter()
        .map(|attribute| match attribute {
            Attribute::Name => v1::Attribute::Name.into(),
            Attribute::DateOfBirth => v1::Attribute::DateOfBirth.into(),
            Attribute::Gender => v1::Attribute::Gender.into(),
            Attribute::Phone => v1::Attribute::Phone.into(),
            Attribute::Email => v1::Attribute::Email.into(),
            Attribute::Address => v1::Attribute::Address.into(),
        })
        .collect()
}

fn factor_of(wire: i32) -> Option<Factor> {
    match v1::Factor::try_from(wire) {
        Ok(v1::Factor::Fingerprint) => Some(Factor::Fingerprint),
        Ok(v1::Factor::Name) => Some(Factor::Name),
        Ok(v1::Factor::DateOfBirth) => Some(Factor::DateOfBirth),
        Ok(v1::Factor::Gender) => Some(Factor::Gender),
        Ok(v1::Factor::Age) => Some(Factor::Age),
        Ok(v1::Factor::Phone) => Some(Factor::Phone),
        Ok(v1::Factor::Email) => Some(Factor::Email),
        Ok(v1::Factor::Address) => Some(Factor::Address),
        Ok(v1::Factor::Otp) => Some(Factor::Otp),
        Ok(v1::Factor::Iris) => Some(Factor::Iris),
        Ok(v1::Factor::Face) => Some(Factor::Face),
        Ok(v1::Factor::Unspecified) | Err(_) => None,
    }
}

fn attribute_of(wire: i32) -> Option<Attribute> {
    match v1::Attribute::try_from(wire) {
        Ok(v1::Attribute::Name) => Some(Attribute::Name),
        Ok(v1::Attribute::DateOfBirth) => Some(Attribute::DateOfBirth),
        Ok(v1::Attribute::Gender) => Some(Attribute::Gender),
        Ok(v1::Attribute::Phone) => Some(Attribute::Phone),
        Ok(v1::Attribute::Email) => Some(Attribute::Email),
        Ok(v1::Attribute::Address) => Some(Attribute::Address),
        Ok(v1::Attribute::Unspecified) | Err(_) => None,
    }
}

fn twice(field: &str, index: usize) -> FieldViolation {
    FieldViolation::malformed(format!("{field}[{index}]"), "is named twice")
}
