//! One-time codes: ordering one for a person.

use plinth_identity::authentication::{Channel, ChannelSet, OtpRequest};
use plinth_identity::dsse::Verified;
use plinth_identity::field::FieldViolation;
use plinth_identity::statement::OtpStatement;
use plinth_identity::time::Timestamp;
use prost::Message;

use super::decode_body;
use super::header::{
    encode_request_header, encode_statement_header, party_id, request_header, request_id, statement_header,
};
use super::presentation::identifier;
use crate::authentication::v1;

/// The bytes of a request for a one-time code, for the relying party to sign.
#[must_use]
pub fn encode_otp_request(request: &OtpRequest) -> Vec<u8> {
    v1::OtpRequest {
        header: Some(encode_request_header(&request.header)),
        number: request.identifier.reveal(),
        channels: request
            .channels
            .iter()
            .map(|channel| match channel {
                Channel::Sms => v1::OtpChannel::Sms.into(),
                Channel::Email => v1::OtpChannel::Email.into(),
            })
            .collect(),
    }
    .encode_to_vec()
}

/// The request for a one-time code in a verified envelope.
///
/// # Errors
///
/// Names the first field at fault.
pub fn decode_otp_request(verified: &Verified) -> Result<OtpRequest, FieldViolation> {
    decode_body::<v1::OtpRequest>(verified)?.try_into()
}

impl TryFrom<v1::OtpRequest> for OtpRequest {
    type Error = FieldViolation;

    fn try_from(wire: v1::OtpRequest) -> Result<Self, FieldViolation> {
        let header = request_header(wire.header)?;
        let identifier = identifier(&wire.number)?;
        Ok(Self::new(header, identifier, channels(&wire.channels)?))
    }
}

/// A set of channels from a list that names each once, and at least one.
fn channels(wire: &[i32]) -> Result<ChannelSet, FieldViolation> {
    let mut channels = Vec::new();
    for (index, channel) in wire.iter().enumerate() {
        let channel = match v1::OtpChannel::try_from(*channel) {
            Ok(v1::OtpChannel::Sms) => Channel::Sms,
            Ok(v1::OtpChannel::Email) => Channel::Email,
            Ok(v1::OtpChannel::Unspecified) | Err(_) => {
                return Err(FieldViolation::malformed(format!("channels[{index}]"), "must be SMS or e-mail"));
            }
        };
        if channels.contains(&channel) {
            return Err(FieldViolation::malformed(format!("channels[{index}]"), "is named twice"));
        }
        channels.push(channel);
    }
    ChannelSet::new(&channels).map_err(|violation| violation.at("channels"))
}

/// The bytes of the answer to a request for a one-time code, for the service to sign. For one relying party each has the
/// same length and says nothing about the person.
#[must_use]
pub fn encode_otp_statement(statement: &OtpStatement) -> Vec<u8> {
    v1::OtpStatement {
        header: Some(encode_statement_header(&statement.header)),
        relying_party: statement.relying_party.as_str().to_owned(),
        transaction: statement.transaction.as_bytes().to_vec(),
        expires_at_ms: statement.expires_at.millis(),
    }
    .encode_to_vec()
}

/// The answer to a request for a one-time code in a verified envelope.
///
/// # Errors
///
/// Names the first field at fault.
pub fn decode_otp_statement(verified: &Verified) -> Result<OtpStatement, FieldViolation> {
    decode_body::<v1::OtpStatement>(verified)?.try_into()
}

impl TryFrom<v1::OtpStatement> for OtpStatement {
    type Error = FieldViolation;

    fn try_from(wire: v1::OtpStatement) -> Result<Self, FieldViolation> {
        Ok(Self {
            header: statement_header(wire.header)?,
            relying_party: party_id(&wire.relying_party, "relying_party")?,
            transaction: request_id(&wire.transaction, "transaction")?,
            expires_at: Timestamp::from_millis(wire.expires_at_ms),
        })
    }
}
