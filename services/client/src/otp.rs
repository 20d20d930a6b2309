use plinth_identity::authentication::{ChannelSet, OtpRequest};
use plinth_identity::dsse::payload_type;
use plinth_identity::number::Identifier;
use plinth_identity::request::Freshness;
use plinth_identity::statement::OtpStatement;
use plinth_identity::time::Timestamp;
use plinth_proto::authentication::v1;
use plinth_proto::convert::otp::encode_otp_request;

use crate::answer::Answered;
use crate::error::ClientError;
use crate::relying_party::{RelyingParty, client};
use crate::request::SignedRequest;
use crate::signatory::fresh_request_id;
use crate::verify;

impl RelyingParty {
    /// Makes and signs a request that a one-time code be sent to a person, over each of these channels that the person
    /// has. It is live: send it within 30 seconds of `now`. At most 64 characters of purpose are kept with it.
    ///
    /// # Errors
    /// [`ClientError::Request`] names the field that the service would refuse.
    pub fn otp_request(
        &self,
        identifier: impl Into<Identifier>,
        channels: ChannelSet,
        purpose: &str,
        now: Timestamp,
    ) -> Result<SignedRequest, ClientError> {
        let request_id = fresh_request_id();
        let header = self.0.header(purpose, request_id, now, Freshness::LIVE.max_age_ms)?;
        let request = OtpRequest::new(header, identifier.into(), channels);
        let payload = encode_otp_request(&request);
        Ok(self.0.sign(payload_type::OTP_REQUEST, payload, request_id))
    }

    /// Sends such a request. The answer names the transaction that the code belongs to, and until when it is good; it is
    /// the same for a number that nobody holds, to which nothing is sent.
    ///
    /// # Errors
    /// [`ClientError::Refused`], with reason `OtpFloodRelyingParty` or `OtpFloodPerson` if too many codes were asked for;
    /// [`ClientError::Transport`] or [`ClientError::Answer`].
    pub async fn request_otp(&self, request: &SignedRequest) -> Result<Answered<OtpStatement>, ClientError> {
        let response = self
            .call(request, |connection, envelope| async move {
                client(&connection).request_otp(connection.timed(v1::RequestOtpRequest { envelope })).await
            })
            .await?;
        self.verified(request, response.statement, verify::otp)
    }
}
