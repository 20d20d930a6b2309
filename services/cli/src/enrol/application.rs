//! A person's file: JSON with the names of the finger records beside it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use plinth_biometrics::FingerPosition;
use plinth_client::EnrolmentDraft;
use plinth_identity::application::FingerSample;
use plinth_identity::demographics::{
    Address, AddressFields, DateOfBirth, Demographics, Email, Gender, Name, Phone,
};
use plinth_identity::field::FieldViolation;
use serde::Deserialize;

/// Largest application file, in bytes; its records are bounded by their own format.
const LARGEST: u64 = 1 << 20;

/// Where people are captured, unless their files say otherwise.
pub(crate) struct Station {
    pub(crate) station: String,
    pub(crate) operator: String,
}

/// The file. A key that it should not have is refused: it may be a misspelt one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApplicationFile {
    name: String,
    date_of_birth: String,
    gender: char,
    phone: Option<String>,
    email: Option<String>,
    address: Option<AddressFile>,
    fingers: Vec<FingerFile>,
    station: Option<String>,
    operator: Option<String>,
}

/// Each part may be left out; house, street or locality there must be.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct AddressFile {
    care_of: String,
    house: String,
    street: String,
    landmark: String,
    locality: String,
    district: String,
    state: String,
    postcode: String,
    country: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FingerFile {
    /// `right-thumb` and so on; absent if the record itself says it, or nobody knows.
    position: Option<String>,
    /// Path of the record, from the folder of this file.
    file: PathBuf,
}

/// Reads a person's file and the records that it names.
pub(crate) fn read(file: &Path, station: &Station) -> anyhow::Result<EnrolmentDraft> {
    let application = ApplicationFile::read(file)?;
    Ok(EnrolmentDraft {
        demographics: application.demographics()?,
        fingers: application.samples(file)?,
        station: application.station.unwrap_or_else(|| station.station.clone()),
        operator: application.operator.unwrap_or_else(|| station.operator.clone()),
        purpose: "enrolment".to_owned(),
    })
}

/// Reads the records that a person's file names, and nothing else of the person.
pub(crate) fn read_fingers(file: &Path) -> anyhow::Result<Vec<FingerSample>> {
    ApplicationFile::read(file)?.samples(file)
}

impl ApplicationFile {
    fn read(file: &Path) -> anyhow::Result<Self> {
        let size = std::fs::metadata(file).context("cannot be read")?.len();
        anyhow::ensure!(size <= LARGEST, "is larger than a mebibyte");
        let text = std::fs::read(file).context("cannot be read")?;
        serde_json::from_slice(&text).context("is not an application")
    }

    fn samples(&self, file: &Path) -> anyhow::Result<Vec<FingerSample>> {
        let folder = file.parent().unwrap_or_else(|| Path::new("."));
        let read = |(index, finger): (usize, &FingerFile)| {
            finger.read(folder).with_context(|| format!("fingers[{index}]"))
        };
        self.fingers.iter().enumerate().map(read).collect()
    }

    fn demographics(&self) -> Result<Demographics, FieldViolation> {
        let gender = Gender::from_letter(self.gender);
        Ok(Demographics {
            name: Name::parse(&self.name).map_err(|violation| violation.at("name"))?,
            date_of_birth: DateOfBirth::parse(&self.date_of_birth)
                .map_err(|violation| violation.at("date_of_birth"))?,
            gender: gender.ok_or_else(|| FieldViolation::malformed("gender", "must be F, M or T"))?,
            phone: parsed(self.phone.as_deref(), "phone", Phone::parse)?,
            email: parsed(self.email.as_deref(), "email", Email::parse)?,
            address: parsed(self.address.as_ref(), "address", AddressFile::parse)?,
        })
    }
}

/// What a part of the file says; a violation names the part.
fn parsed<T: ?Sized, U>(
    part: Option<&T>,
    name: &str,
    parse: impl FnOnce(&T) -> Result<U, FieldViolation>,
) -> Result<Option<U>, FieldViolation> {
    part.map(parse).transpose().map_err(|violation| violation.at(name))
}

impl AddressFile {
    fn parse(&self) -> Result<Address, FieldViolation> {
        Address::new(AddressFields {
            care_of: self.care_of.clone(),
            house: self.house.clone(),
            street: self.street.clone(),
            landmark: self.landmark.clone(),
            locality: self.locality.clone(),
            district: self.district.clone(),
            state: self.state.clone(),
            postcode: self.postcode.clone(),
            country: self.country.clone(),
        })
    }
}

impl FingerFile {
    fn read(&self, folder: &Path) -> anyhow::Result<FingerSample> {
        let position = match &self.position {
            None => FingerPosition::Unknown,
            Some(name) => name.parse().map_err(|error| anyhow!("position: {error}"))?,
        };
        let record = std::fs::read(folder.join(&self.file))
            .with_context(|| format!("cannot read {}", self.file.display()))?;
        Ok(FingerSample { position, record })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATION: Station = Station { station: String::new(), operator: String::new() };

    fn reading(json: &str) -> anyhow::Result<EnrolmentDraft> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("thumb.iso"), b"record")?;
        let file = folder.path().join("ada.json");
        std::fs::write(&file, json)?;
        read(&file, &STATION)
    }

    fn complaint(json: &str) -> String {
        reading(json).err().map(|error| format!("{error:#}")).unwrap_or_default()
    }

    const ADA: &str = r#"{"name":"Ada Lovelace","date_of_birth":"1985-12-10","gender":"F",
        "fingers":[{"position":"right-thumb","file":"thumb.iso"}],"operator":"op-7"}"#;

    #[test]
    fn an_application_is_read_with_its_records() {
        let draft = reading(ADA).unwrap();
        assert_eq!(draft.demographics.name.as_str(), "Ada Lovelace");
        assert_eq!(draft.fingers[0].position, FingerPosition::RightThumb);
        assert_eq!(draft.fingers[0].record, b"record");
        assert_eq!((draft.station.as_str(), draft.operator.as_str()), ("", "op-7"));
    }

    #[test]
    fn phone_email_and_address_may_be_added() {
        let draft = reading(ADA).unwrap();
        assert!(draft.demographics.phone.is_none() && draft.demographics.address.is_none());
        let added = ADA.replace(
            "\"operator\"",
            r#""phone":"+44 20 7946 0000","email":"ada@example.org",
            "address":{"house":"12","street":"St James's Square","locality":"London"},"operator""#,
        );
        let draft = reading(&added).unwrap();
        assert_eq!(draft.demographics.phone.unwrap().as_str(), "+442079460000");
        assert_eq!(draft.demographics.email.unwrap().as_str(), "ada@example.org");
        assert_eq!(draft.demographics.address.unwrap().fields().locality, "London");
        for (from, to, named) in [
            ("+44 20 7946 0000", "020 7946", "phone"),
            ("ada@example.org", "ada", "email"),
            ("locality", "town", "town"),
            ("\"house\":\"12\",\"street\":\"St James's Square\",\"locality\"", "\"state\"", "address"),
        ] {
            let text = complaint(&added.replace(from, to));
            assert!(text.contains(named), "{from} -> {to}: {text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (from, to, named) in [
            ("1985-12-10", "1985-02-30", "date_of_birth"),
            ("Ada Lovelace", "", "name"),
            ("\"F\"", "\"X\"", "gender"),
            ("right-thumb", "third-thumb", "fingers[0]: position"),
            ("thumb.iso", "lost.iso", "lost.iso"),
            ("operator", "operater", "operater"),
        ] {
            let text = complaint(&ADA.replace(from, to));
            assert!(text.contains(named), "{from} -> {to}: {text}");
        }
    }
}
