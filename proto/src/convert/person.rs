//! Fingers, irises, faces and demographic attributes.

use plinth_identity::application::{FingerPosition, FingerSample, Fingers};
use plinth_identity::demographics::{
    Address, AddressFields, DateOfBirth, Demographics, Email, Gender, Name, Phone,
};
use plinth_identity::evidence::IrisEye;
use plinth_identity::field::FieldViolation;

use crate::person::v1;

/// Bytes of the record of an iris or a face at most.
pub(super) const MAX_TEMPLATE_BYTES: usize = 65_536;

impl TryFrom<v1::Demographics> for Demographics {
    type Error = FieldViolation;

    fn try_from(wire: v1::Demographics) -> Result<Self, FieldViolation> {
        let gender =
            gender(wire.gender)?.ok_or_else(|| FieldViolation::malformed("gender", "is required"))?;
        Ok(Self {
            name: name(&wire.name)?,
            date_of_birth: date_of_birth(&wire.date_of_birth)?,
            gender,
            phone: wire.phone.as_deref().map(phone).transpose()?,
            email: wire.email.as_deref().map(email).transpose()?,
            address: wire.address.map(address).transpose()?,
        })
    }
}

impl From<&Demographics> for v1::Demographics {
    fn from(demographics: &Demographics) -> Self {
        Self {
            name: demographics.name.as_str().to_owned(),
            date_of_birth: demographics.date_of_birth.reveal(),
            gender: v1::Gender::from(demographics.gender).into(),
            phone: demographics.phone.as_ref().map(|phone| phone.as_str().to_owned()),
            email: demographics.email.as_ref().map(|email| email.as_str().to_owned()),
            address: demographics.address.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<v1::Address> for Address {
    type Error = FieldViolation;

    fn try_from(wire: v1::Address) -> Result<Self, FieldViolation> {
        Self::new(AddressFields {
            care_of: wire.care_of,
            house: wire.house,
            street: wire.street,
            landmark: wire.landmark,
            locality: wire.locality,
            district: wire.district,
            state: wire.state,
            postcode: wire.postcode,
            country: wire.country,
        })
    }
}

impl From<&Address> for v1::Address {
    fn from(address: &Address) -> Self {
        let fields = address.fields();
        Self {
            care_of: fields.care_of,
            house: fields.house,
            street: fields.street,
            landmark: fields.landmark,
            locality: fields.locality,
            district: fields.district,
            state: fields.state,
            postcode: fields.postcode,
            country: fields.country,
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
    Fingers::new(samples(wire)?)
}

/// The samples of a request, their records not looked at; paths begin with `fingers[i]`.
pub(super) fn samples(wire: Vec<v1::FingerSample>) -> Result<Vec<FingerSample>, FieldViolation> {
    let sample = |(index, sample): (usize, v1::FingerSample)| {
        let position = position(sample.position).ok_or_else(|| {
            let description = "must be a finger position, 0 to 10";
            FieldViolation::malformed(format!("fingers[{index}].position"), description)
        })?;
        Ok(FingerSample { position, record: sample.record })
    };
    wire.into_iter().enumerate().map(sample).collect()
}

pub(super) fn encode_fingers(fingers: &Fingers) -> Vec<v1::FingerSample> {
    encode_samples(fingers.samples())
}

pub(super) fn encode_samples(samples: &[FingerSample]) -> Vec<v1::FingerSample> {
    samples
        .iter()
        .map(|sample| v1::FingerSample {
            position: i32::from(sample.position.code()),
            record: sample.record.clone(),
        })
        .collect()
}

/// The eyes of a request's irises. The records are checked for their size and dropped: nothing here can compare them.
pub(super) fn irises(wire: &[v1::IrisSample]) -> Result<Vec<IrisEye>, FieldViolation> {
    let eye = |(index, sample): (usize, &v1::IrisSample)| {
        template(&sample.template, "irises", index)?;
        match v1::IrisEye::try_from(sample.eye) {
            Ok(v1::IrisEye::Unspecified) => Ok(IrisEye::Unknown),
            Ok(v1::IrisEye::Right) => Ok(IrisEye::Right),
            Ok(v1::IrisEye::Left) => Ok(IrisEye::Left),
            Err(_) => Err(FieldViolation::malformed(
                format!("irises[{index}].eye"),
                "must be right, left or not told",
            )),
        }
    };
    wire.iter().enumerate().map(eye).collect()
}

/// How many faces a request has. The records are checked for their size and dropped: nothing here can compare them.
pub(super) fn faces(wire: &[v1::FaceSample]) -> Result<usize, FieldViolation> {
    for (index, sample) in wire.iter().enumerate() {
        template(&sample.template, "faces", index)?;
    }
    Ok(wire.len())
}

fn template(bytes: &[u8], list: &str, index: usize) -> Result<(), FieldViolation> {
    if (1..=MAX_TEMPLATE_BYTES).contains(&bytes.len()) {
        Ok(())
    } else {
        let description = format!("must be 1 to {MAX_TEMPLATE_BYTES} bytes");
        Err(FieldViolation::malformed(format!("{list}[{index}].template"), description))
    }
}

pub(super) fn name(text: &str) -> Result<Name, FieldViolation> {
    Name::parse(text).map_err(|violation| violation.at("name"))
}

pub(super) fn date_of_birth(text: &str) -> Result<DateOfBirth, FieldViolation> {
    DateOfBirth::parse(text).map_err(|violation| violation.at("date_of_birth"))
}

pub(super) fn phone(text: &str) -> Result<Phone, FieldViolation> {
    Phone::parse(text).map_err(|violation| violation.at("phone"))
}

pub(super) fn email(text: &str) -> Result<Email, FieldViolation> {
    Email::parse(text).map_err(|violation| violation.at("email"))
}

pub(super) fn address(wire: v1::Address) -> Result<Address, FieldViolation> {
    Address::try_from(wire).map_err(|violation| violation.at("address"))
}

/// The position of a code, 0 to 10.
pub(super) fn position(wire: i32) -> Option<FingerPosition> {
    FingerPosition::try_from(u8::try_from(wire).ok()?).ok()
}

pub(super) fn gender(wire: i32) -> Result<Option<Gender>, FieldViolation> {
    match v1::Gender::try_from(wire) {
        Ok(v1::Gender::Unspecified) => Ok(None),
        Ok(v1::Gender::Female) => Ok(Some(Gender::Female)),
        Ok(v1::Gender::Male) => Ok(Some(Gender::Male)),
        Ok(v1::Gender::Third) => Ok(Some(Gender::Third)),
        Err(_) => Err(FieldViolation::malformed("gender", "must be female, male or third")),
    }
}
