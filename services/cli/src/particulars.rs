use anyhow::{Context as _, anyhow};
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_identity::demographics::{DateOfBirth, Demographics, Gender, Name};

/// The particulars that a made-up person is enrolled with: name, date of birth and gender.
pub(crate) fn demographics(person: &SyntheticPerson) -> anyhow::Result<Demographics> {
    let (year, month, day) = person.date_of_birth();
    let made_up = || "a made-up person has impossible attributes";
    Ok(Demographics {
        name: Name::parse(person.name()).with_context(made_up)?,
        date_of_birth: DateOfBirth::new(i16::try_from(year)?, month, day).with_context(made_up)?,
        gender: Gender::from_letter(person.gender()).ok_or_else(|| anyhow!(made_up()))?,
        phone: None,
        email: None,
        address: None,
    })
}
