//! Checks an answer against the request it belongs to. No connection, no clock, no key but the service's public one.
//!
//! A statement is believed when a trusted key signed its exact bytes, it comes from the trusted deployment, and it carries
//! the SHA-256 of the request's signed bytes: then it decides this request and no other.

use plinth_identity::dsse::{Envelope, payload_type};
use plinth_identity::field::FieldViolation;
use plinth_identity::id::RequestDigest;
use plinth_identity::statement::{
    AuthenticationStatement, EnrolmentStatement, RegistryStatement, ServiceInfo, StatementHeader,
};
use plinth_proto::convert::authentication::decode_authentication_statement;
use plinth_proto::convert::enrolment::decode_enrolment_statement;
use plinth_proto::convert::evidence::decode_service_info;
use plinth_proto::convert::registry::decode_registry_statement;

use crate::request::Claims;
use crate::trust::Trust;

/// Which check an answer failed. It must not be acted upon.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The answer is another kind of message.
    #[error("the answer is not of type {expected}")]
    PayloadType {
        /// What it should be.
        expected: &'static str,
    },
    /// The answer names a key that is not trusted.
    #[error("the answer is signed by a key that is not trusted")]
    UntrustedKey,
    /// The signature is not a trusted key's signature of these bytes.
    #[error("the answer's signature does not verify")]
    Signature,
    /// The signed bytes are not a well-formed statement.
    #[error("the answer is malformed: {0}")]
    Body(FieldViolation),
    /// The statement comes from another deployment.
    #[error("the answer was issued by another deployment")]
    Issuer,
    /// The statement decides another request.
    #[error("the answer belongs to another request")]
    Request,
    /// The statement is addressed to another party.
    #[error("the answer is addressed to another party")]
    Party,
    /// The statement carries another request id.
    #[error("the answer carries another request id")]
    RequestId,
    /// What is given as the request is none of this kind.
    #[error("the request is not a request that this answer could belong to: {0}")]
    NotTheRequest(FieldViolation),
}

/// Verifies the answer to an enrolment.
///
/// # Errors
/// [`VerifyError`], the first check that failed.
pub fn enrolment(
    request: &Envelope,
    answer: &Envelope,
    trust: &Trust,
) -> Result<EnrolmentStatement, VerifyError> {
    let claims =
        Claims::of(request, &[payload_type::ENROLMENT_REQUEST]).map_err(VerifyError::NotTheRequest)?;
    let statement = receipt(answer, trust)?;
    check_request(&statement.header, request)?;
    if statement.agency.as_str() != claims.party {
        return Err(VerifyError::Party);
    }
    if statement.request_id != claims.request_id {
        return Err(VerifyError::RequestId);
    }
    Ok(statement)
}

/// Verifies the answer to an authentication.
///
/// # Errors
/// [`VerifyError`], the first check that failed.
pub fn authentication(
    request: &Envelope,
    answer: &Envelope,
    trust: &Trust,
) -> Result<AuthenticationStatement, VerifyError> {
    let claims =
        Claims::of(request, &[payload_type::AUTHENTICATION_REQUEST]).map_err(VerifyError::NotTheRequest)?;
    let verified = trust.verify(answer, payload_type::AUTHENTICATION_STATEMENT)?;
    let statement = decode_authentication_statement(&verified).map_err(VerifyError::Body)?;
    check_issuer(&statement.header, trust)?;
    check_request(&statement.header, request)?;
    if statement.relying_party.as_str() != claims.party {
        return Err(VerifyError::Party);
    }
    Ok(statement)
}

/// Verifies the answer to a change of the registry, or to a decided case: there `request` is either approval, since both
/// are over the same bytes.
///
/// # Errors
/// [`VerifyError`], the first check that failed.
pub fn registry(
    request: &Envelope,
    answer: &Envelope,
    trust: &Trust,
) -> Result<RegistryStatement, VerifyError> {
    let claims = Claims::of(request, &[payload_type::REGISTRY_CHANGE, payload_type::CASE_DECISION])
        .map_err(VerifyError::NotTheRequest)?;
    let verified = trust.verify(answer, payload_type::REGISTRY_STATEMENT)?;
    let statement = decode_registry_statement(&verified).map_err(VerifyError::Body)?;
    check_issuer(&statement.header, trust)?;
    check_request(&statement.header, request)?;
    // A case decision names no party: the two signatures say who decides.
    let named = request.payload_type() != payload_type::CASE_DECISION;
    if named && statement.administrator.as_str() != claims.party {
        return Err(VerifyError::Party);
    }
    Ok(statement)
}

/// Verifies the service's description of itself with keys that are already trusted.
///
/// # Errors
/// [`VerifyError`], the first check that failed.
pub fn service_info(info: &Envelope, trust: &Trust) -> Result<ServiceInfo, VerifyError> {
    let verified = trust.verify(info, payload_type::SERVICE_INFO)?;
    let info = decode_service_info(&verified).map_err(VerifyError::Body)?;
    if info.issuer == trust.deployment() { Ok(info) } else { Err(VerifyError::Issuer) }
}

/// An enrolment statement whose request is not at hand: everything but the binding to exact request bytes.
pub(crate) fn receipt(answer: &Envelope, trust: &Trust) -> Result<EnrolmentStatement, VerifyError> {
    let verified = trust.verify(answer, payload_type::ENROLMENT_STATEMENT)?;
    let statement = decode_enrolment_statement(&verified).map_err(VerifyError::Body)?;
    check_issuer(&statement.header, trust)?;
    Ok(statement)
}

fn check_issuer(header: &StatementHeader, trust: &Trust) -> Result<(), VerifyError> {
    if header.issuer == trust.deployment() { Ok(()) } else { Err(VerifyError::Issuer) }
}

fn check_request(header: &StatementHeader, request: &Envelope) -> Result<(), VerifyError> {
    let digest = RequestDigest::of(request.payload_type(), request.payload());
    if header.request == digest { Ok(()) } else { Err(VerifyError::Request) }
}

#[cfg(test)]
mod tests {
    use plinth_identity::dsse::SigningKey;
    use plinth_identity::id::{DeploymentId, RequestId};

    use super::*;
    use crate::fixture::{
        NOW, agency, authentication_draft, authentication_statement, enrolment_draft, enrolment_statement,
        party, relying_party, service_key, signed_authentication, signed_enrolment, trust,
    };
    use crate::{Connection, SignedRequest};

    /// Nobody is ever called: requests are made and answers are checked without a connection.
    fn nowhere() -> Connection {
        Connection::lazy("http://127.0.0.1:9", None).unwrap()
    }

    fn enrolment_request() -> SignedRequest {
        agency(nowhere()).request(enrolment_draft(), NOW).unwrap()
    }

    #[tokio::test]
    async fn an_answer_to_this_very_request_is_believed() {
        let request = enrolment_request();
        let statement = enrolment_statement(request.envelope(), request.request_id());
        let answer = signed_enrolment(&statement);
        assert_eq!(enrolment(request.envelope(), &answer, &trust()), Ok(statement));

        let request = relying_party(nowhere()).request(authentication_draft(), NOW).unwrap();
        let statement = authentication_statement(request.envelope());
        let answer = signed_authentication(&statement);
        assert_eq!(authentication(request.envelope(), &answer, &trust()), Ok(statement));
    }

    #[tokio::test]
    async fn each_check_names_itself() {
        let request = enrolment_request();
        let sound = enrolment_statement(request.envelope(), request.request_id());
        let check =
            |answer: &Envelope, trust: &Trust| enrolment(request.envelope(), answer, trust).unwrap_err();

        let stranger = SigningKey::from_seed([9; 32]);
        let signed = signed_enrolment(&sound);
        let forged = stranger.sign(signed.payload_type(), signed.payload().to_vec());
        assert_eq!(check(&forged, &trust()), VerifyError::UntrustedKey);
        let unhinted = Envelope::new(
            forged.payload_type().to_owned(),
            forged.payload().to_vec(),
            None,
            *forged.signature(),
        );
        assert_eq!(check(&unhinted, &trust()), VerifyError::Signature);
        let borrowed = Envelope::new(
            signed.payload_type().to_owned(),
            signed_enrolment(&EnrolmentStatement { fingers: 2, ..sound.clone() }).payload().to_vec(),
            signed.key_id().copied(),
            *signed.signature(),
        );
        assert_eq!(check(&borrowed, &trust()), VerifyError::Signature);

        let elsewhere = Trust::new(DeploymentId::from_bytes([8; 16]), vec![service_key().public()]);
        assert_eq!(check(&signed, &elsewhere), VerifyError::Issuer);

        let replayed = enrolment_statement(enrolment_request().envelope(), request.request_id());
        assert_eq!(check(&signed_enrolment(&replayed), &trust()), VerifyError::Request);

        let misaddressed = EnrolmentStatement { agency: party("other"), ..sound.clone() };
        assert_eq!(check(&signed_enrolment(&misaddressed), &trust()), VerifyError::Party);
        let misnamed = EnrolmentStatement { request_id: RequestId::from_bytes([0; 16]), ..sound };
        assert_eq!(check(&signed_enrolment(&misnamed), &trust()), VerifyError::RequestId);

        let question = relying_party(nowhere()).request(authentication_draft(), NOW).unwrap();
        let verdict = signed_authentication(&authentication_statement(question.envelope()));
        assert!(matches!(check(&verdict, &trust()), VerifyError::PayloadType { .. }));
        let swapped = enrolment(question.envelope(), &signed, &trust()).unwrap_err();
        assert!(matches!(swapped, VerifyError::NotTheRequest(_)));
        let empty = service_key().sign(payload_type::ENROLMENT_STATEMENT, Vec::new());
        assert!(matches!(check(&empty, &trust()), VerifyError::Body(_)));
    }

    #[tokio::test]
    async fn an_answer_signed_in_an_earlier_epoch_is_believed_while_its_key_is() {
        let request = enrolment_request();
        let answer = signed_enrolment(&enrolment_statement(request.envelope(), request.request_id()));
        let newer = SigningKey::from_seed([10; 32]).public();
        let both = Trust::new(trust().deployment(), vec![newer, service_key().public()]);
        assert!(enrolment(request.envelope(), &answer, &both).is_ok());
        let newer_only = Trust::new(trust().deployment(), vec![newer]);
        assert_eq!(enrolment(request.envelope(), &answer, &newer_only), Err(VerifyError::UntrustedKey));
    }
}
