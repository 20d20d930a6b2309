//! Fingers and demographic attributes.

use plinth_identity::application::{FingerPosition, FingerSample, Fingers};
use plinth_identity::demographics::{DateOfBirth, DemographicClaim, Demographics, Gender, Name};
use plinth_identity::field::FieldViolation;

use crate::authentication::v1::DemographicClaim as WireClaim;
use crate::person::v1;

impl TryFrom<v1::Demographics> for Demographics {
    type Error = FieldViolation;

    fn try_from(wire: v1::Demographics) -> Result<Self, FieldViolation> {
        let gender =
            gender(wire.gender)?.ok_or_else(|| FieldViolation::malformed("gender", "is required"))?;
        Ok(Self { name: name(&wire.name)?, date_of_birth: date_of_birth(&wire.date_of_birth)?, gender })
    }
}

impl From<&Demographics> for v1::Demographics {
    fn from(demographics: &Demographics) -> Self {
        Self {
            name: demographics.name.as_str().to_owned(),
            date_of_birth: demographics.date_of_birth.reveal(),
            gender: v1::Gender::from(demographics.gender).into(),
        }
    }
}

impl TryFrom<WireClaim> for DemographicClaim {
    type Error = FieldViolation;

    fn try_from(wire: WireClaim) -> Result<Self, FieldViolation> {
        Ok(Self {
            name: wire.name.as_deref().map(name).transpose()?,
            date_of_birth: wire.date_of_birth.as_deref().map(date_of_birth).transpose()?,
            gender: gender(wire.gender)?,
        })
    }
}

impl From<&DemographicClaim> for WireClaim {
    fn from(claim: &DemographicClaim) -> Self {
        Self {
            name: claim.name.as_ref().map(|name| name.as_str().to_owned()),
            date_of_birth: claim.date_of_birth.map(|date| date.reveal()),
            gender: claim.gender.map_or(v1::Gender::Unspecified, v1::Gender::from).into(),
        }
    }
}

impl From<Gender> for v1::Gender {
    fn from(gender: Gender) -> Self {
        match gender {
            Gender::Female => Self::Female,
            Gender::Male => Self::Male,
            Gender::Third => Self::Third,
        }
    }
}

/// The samples of a request as one validated set; paths begin with `fingers[i]`.
pub(super) fn fingers(wire: Vec<v1::FingerSample>) -> Result<Fingers, FieldViolation> {
    let samples = wire
        .into_iter()
        .enumerate()
        .map(|(index, sample)| {
            let position = position(sample.position, index)?;
            Ok(FingerSample { position, record: sample.record })
        })
        .collect::<Result<Vec<_>, FieldViolation>>()?;
    Fingers::new(samples)
}

pub(super) fn encode_fingers(fingers: &Fingers) -> Vec<v1::FingerSample> {
    fingers
        .samples()
        .iter()
        .map(|sample| v1::FingerSample {
            position: i32::from(sample.position.code()),
            record: sample.record.clone(),
        })
        .collect()
}

fn name(text: &str) -> Result<Name, FieldViolation> {
    Name::parse(text).map_err(|violation| violation.at("name"))
}

fn date_of_birth(text: &str) -> Result<DateOfBirth, FieldViolation> {
    DateOfBirth::parse(text).map_err(|violation| violation.at("date_of_birth"))
}

fn position(wire: i32, index: usize) -> Result<FingerPosition, FieldViolation> {
    u8::try_from(wire).ok().and_then(|code| FingerPosition::try_from(code).ok()).ok_or_else(|| {
        FieldViolation::malformed(format!("fingers[{index}].position"), "must be a finger position, 0 to 10")
    })
}

fn gender(wire: i32) -> Result<Option<Gender>, FieldViolation> {
    match v1::Gender::try_from(wire) {
        Ok(v1::Gender::Unspecified) => Ok(None),
        Ok(v1::Gender::Female) => Ok(Some(Gender::Female)),
        Ok(v1::Gender::Male) => Ok(Some(Gender::Male)),
        Ok(v1::Gender::Third) => Ok(Some(Gender::Third)),
        Err(_) => Err(FieldViolation::malformed("gender", "must be female, male or third")),
    }
}
