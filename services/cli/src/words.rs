//! Factors and attributes as they are written on the command line, and as people read them.

use plinth_identity::party::{Attribute, AttributeSet, Factor, FactorSet};

/// The factor as it is written.
pub(crate) fn of_factor(factor: Factor) -> &'static str {
    match factor {
        Factor::Fingerprint => "fingerprint",
        Factor::Name => "name",
        Factor::DateOfBirth => "date-of-birth",
        Factor::Gender => "gender",
        Factor::Age => "age",
        Factor::Phone => "phone",
        Factor::Email => "email",
        Factor::Address => "address",
        Factor::Otp => "otp",
        Factor::Iris => "iris",
        Factor::Face => "face",
    }
}

/// The attribute as it is written.
pub(crate) fn of_attribute(attribute: Attribute) -> &'static str {
    match attribute {
        Attribute::Name => "name",
        Attribute::DateOfBirth => "date-of-birth",
        Attribute::Gender => "gender",
        Attribute::Phone => "phone",
        Attribute::Email => "email",
        Attribute::Address => "address",
    }
}

/// Reads factors with commas between, `all` or `none`.
///
/// # Errors
/// What is to be written instead.
pub(crate) fn parse_factors(text: &str) -> Result<FactorSet, String> {
    set(text, &Factor::ALL, of_factor)
}

/// Reads attributes with commas between, `all` or `none`.
///
/// # Errors
/// What is to be written instead.
pub(crate) fn parse_attributes(text: &str) -> Result<AttributeSet, String> {
    set(text, &Attribute::ALL, of_attribute)
}

/// The factors with commas between, or `none`.
pub(crate) fn list_factors(factors: FactorSet) -> String {
    list(factors.iter().map(of_factor))
}

/// The attributes with commas between, or `none`.
pub(crate) fn list_attributes(attributes: AttributeSet) -> String {
    list(attributes.iter().map(of_attribute))
}

fn set<T: Copy, S: FromIterator<T>>(text: &str, all: &[T], name: fn(T) -> &'static str) -> Result<S, String> {
    match text {
        "all" => Ok(all.iter().copied().collect()),
        "none" => Ok(std::iter::empty().collect()),
        _ => text
            .split(',')
            .map(|written| all.iter().copied().find(|item| name(*item) == written.trim()))
            .collect::<Option<S>>()
            .ok_or_else(|| {
                let names = list(all.iter().copied().map(name));
                format!("write names with commas between, of {names}; or all, or none")
            }),
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_reads_as_it_is_listed() {
        for factors in
            [FactorSet::EMPTY, FactorSet::ALL, FactorSet::EMPTY.with(Factor::Otp).with(Factor::Name)]
        {
            assert_eq!(parse_factors(&list_factors(factors)), Ok(factors));
        }
        for attributes in [AttributeSet::EMPTY, AttributeSet::ALL, AttributeSet::EMPTY.with(Attribute::Phone)]
        {
            assert_eq!(parse_attributes(&list_attributes(attributes)), Ok(attributes));
        }
        assert_eq!(parse_factors("all"), Ok(FactorSet::ALL));
    }

    #[test]
    fn a_name_that_is_none_is_answered_with_those_there_are() {
        for text in ["", "name,", "names", "name;age"] {
            assert!(parse_factors(text).unwrap_err().contains("date-of-birth"), "{text}");
        }
    }
}
