//! A person's attributes for a relying party: with their consent, and sealed to its key.

use std::fmt;

use plinth_identity::authentication::{Consent, PersonRequest, Verdict};
use plinth_identity::demographics::{Address, DateOfBirth, Demographics, Email, Gender, Name, Phone};
use plinth_identity::dsse::Verified;
use plinth_identity::field::FieldViolation;
use plinth_identity::party::{Attribute, AttributeSet};
use plinth_identity::sealing::SealedAttributes;
use plinth_identity::statement::PersonStatement;
use plinth_identity::time::Timestamp;
use prost::Message;
use zeroize::Zeroizing;

use super::factor::{attributes, encode_attributes};
use super::header::{
    encode_request_header, encode_statement_header, party_id, request_header, statement_header,
};
use super::person::{address, date_of_birth, email, gender, name, phone};
use super::presentation::{encode_evidence, evidence, identifier};
use super::verdict::{encode_reason, encode_token, encode_verdict, reason, token, verdict};
use super::{decode_body, exact_bytes, required};
use crate::authentication::v1;
use crate::person::v1::Gender as WireGender;

/// Bytes of a ciphertext at least: the tag alone.
const MIN_CIPHERTEXT_BYTES: usize = 16;
/// Bytes of a ciphertext at most.
const MAX_CIPHERTEXT_BYTES: usize = 65_536;

/// The bytes of a request for a person's attributes, for the relying party to sign. Samples of irises and faces are not
/// kept in the domain, so none are among them.
#[must_use]
pub fn encode_person_request(request: &PersonRequest) -> Vec<u8> {
    v1::PersonRequest {
        header: Some(encode_request_header(&request.header)),
        number: request.identifier.reveal(),
        evidence: Some(encode_evidence(&request.evidence)),
        attributes: encode_attributes(request.attributes),
        consent: Some(v1::Consent {
            text: request.consent.text().to_owned(),
            given_at_ms: request.consent.given_at().millis(),
        }),
    }
    .encode_to_vec()
}

/// The request for a person's attributes in a verified envelope.
///
/// # Errors
///
/// Names the first field at fault.
pub fn decode_person_request(verified: &Verified) -> Result<PersonRequest, FieldViolation> {
    decode_body::<v1::PersonRequest>(verified)?.try_into()
}

impl TryFrom<v1::PersonRequest> for PersonRequest {
    type Error = FieldViolation;

    fn try_from(wire: v1::PersonRequest) -> Result<Self, FieldViolation> {
        let header = request_header(wire.header)?;
        let identifier = identifier(&wire.number)?;
        let evidence = evidence(required(wire.evidence, "evidence")?);
        let evidence = evidence.map_err(|violation| violation.at("evidence"))?;
        let attributes = attributes(&wire.attributes, "attributes")?;
        // An absent consent is one without a text: refused for that.
        let consent = wire.consent.unwrap_or_default();
        let consent = Consent::new(consent.text, Timestamp::from_millis(consent.given_at_ms))
            .map_err(|violation| violation.at("consent"))?;
        Self::new(header, identifier, evidence, attributes, consent)
    }
}

/// The bytes of the answer to a request for attributes, for the service to sign. For one relying party every "no" has
/// the same length: fields have fixed widths, token and attributes are in a "yes" only, and the reason's field is in
/// every "no".
#[must_use]
pub fn encode_person_statement(statement: &PersonStatement) -> Vec<u8> {
    v1::PersonStatement {
        header: Some(encode_statement_header(&statement.header)),
        relying_party: statement.relying_party.as_str().to_owned(),
        verdict: encode_verdict(statement.verdict),
        reason: encode_reason(statement.verdict, statement.reason),
        token: encode_token(statement.token.as_ref()),
        attributes: encode_attributes(statement.attributes),
        sealed: statement.sealed.as_ref().map(|sealed| v1::SealedAttributes {
            encapsulated: sealed.encapsulated.to_vec(),
            ciphertext: sealed.ciphertext.clone(),
        }),
    }
    .encode_to_vec()
}

/// The answer to a request for attributes in a verified envelope; what is sealed in it stays sealed. A reason of a
/// newer version reads as no reason: the verdict stands all the same.
///
/// # Errors
///
/// Names the first field at fault; a token or attributes in a "no", a reason in a "yes" and a "yes" without sealed
/// attributes are at fault.
pub fn decode_person_statement(verified: &Verified) -> Result<PersonStatement, FieldViolation> {
    decode_body::<v1::PersonStatement>(verified)?.try_into()
}

impl TryFrom<v1::PersonStatement> for PersonStatement {
    type Error = FieldViolation;

    fn try_from(wire: v1::PersonStatement) -> Result<Self, FieldViolation> {
        let verdict = verdict(wire.verdict)?;
        let attributes = attributes(&wire.attributes, "attributes")?;
        let sealed = match (verdict, wire.sealed) {
            (Verdict::Yes, Some(sealed)) => {
                Some(sealed_attributes(sealed).map_err(|violation| violation.at("sealed"))?)
            }
            (Verdict::No, None) if attributes.is_empty() => None,
            (Verdict::No, None) => {
                return Err(FieldViolation::malformed("attributes", "belong to a yes only"));
            }
            (Verdict::Yes, None) | (Verdict::No, Some(_)) => {
                return Err(FieldViolation::malformed("sealed", "belongs to a yes, and to nothing else"));
            }
        };
        Ok(Self {
            header: statement_header(wire.header)?,
            relying_party: party_id(&wire.relying_party, "relying_party")?,
            verdict,
            reason: reason(verdict, wire.reason)?,
            token: token(verdict, &wire.token)?,
            attributes,
            sealed,
        })
    }
}

fn sealed_attributes(wire: v1::SealedAttributes) -> Result<SealedAttributes, FieldViolation> {
    if !(MIN_CIPHERTEXT_BYTES..=MAX_CIPHERTEXT_BYTES).contains(&wire.ciphertext.len()) {
        let description = format!("must be {MIN_CIPHERTEXT_BYTES} to {MAX_CIPHERTEXT_BYTES} bytes");
        return Err(FieldViolation::malformed("ciphertext", description));
    }
    Ok(SealedAttributes {
        encapsulated: exact_bytes(&wire.encapsulated, "encapsulated")?,
        ciphertext: wire.ciphertext,
    })
}

/// What a relying party reads of a person once it has opened the sealed attributes: of those it asked for, the ones
/// that are on record.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PersonAttributes {
    /// Full name.
    pub name: Option<Name>,
    /// Date of birth.
    pub date_of_birth: Option<DateOfBirth>,
    /// Gender.
    pub gender: Option<Gender>,
    /// Telephone number.
    pub phone: Option<Phone>,
    /// E-mail address.
    pub email: Option<Email>,
    /// Address.
    pub address: Option<Address>,
}

/// Which attributes there are, not what they are.
impl fmt::Debug for PersonAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonAttributes")
            .field("name", &self.name.is_some())
            .field("date_of_birth", &self.date_of_birth.is_some())
            .field("gender", &self.gender.is_some())
            .field("phone", &self.phone.is_some())
            .field("email", &self.email.is_some())
            .field("address", &self.address.is_some())
            .finish()
    }
}

/// The bytes of a person's attributes, to be sealed to the relying party's key: those of `asked` that are on record.
#[must_use]
pub fn encode_person_attributes(recorded: &Demographics, asked: AttributeSet) -> Zeroizing<Vec<u8>> {
    let told = |attribute| asked.contains(attribute);
    let gender = if told(Attribute::Gender) { recorded.gender.into() } else { WireGender::Unspecified };
    let phone = recorded.phone.as_ref().filter(|_| told(Attribute::Phone));
    let email = recorded.email.as_ref().filter(|_| told(Attribute::Email));
    let address = recorded.address.as_ref().filter(|_| told(Attribute::Address));
    let wire = v1::PersonAttributes {
        name: told(Attribute::Name).then(|| recorded.name.as_str().to_owned()),
        date_of_birth: told(Attribute::DateOfBirth).then(|| recorded.date_of_birth.reveal()),
        gender: gender.into(),
        phone: phone.map(|phone| phone.as_str().to_owned()),
        email: email.map(|email| email.as_str().to_owned()),
        address: address.map(Into::into),
    };
    Zeroizing::new(wire.encode_to_vec())
}

/// A person's attributes from the bytes that were sealed.
///
/// # Errors
///
/// `sealed` is malformed when the bytes are not such a message; otherwise names the first field at fault.
pub fn decode_person_attributes(opened: &[u8]) -> Result<PersonAttributes, FieldViolation> {
    let wire = v1::PersonAttributes::decode(opened)
        .map_err(|_| FieldViolation::malformed("sealed", "does not hold a person's attributes"))?;
    Ok(PersonAttributes {
        name: wire.name.as_deref().map(name).transpose()?,
        date_of_birth: wire.date_of_birth.as_deref().map(date_of_birth).transpose()?,
        gender: gender(wire.gender)?,
        phone: wire.phone.as_deref().map(phone).transpose()?,
        email: wire.email.as_deref().map(email).transpose()?,
        address: wire.address.map(address).transpose()?,
    })
}
