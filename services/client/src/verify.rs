//! Checks an answer against the request it belongs to. No connection, no clock, no key but the service's public one.
//!
//! A statement is believed when a trusted key signed its exact bytes, it comes from the trusted deployment, and it carries
//! the SHA-256 of the request's signed bytes: then it decides this request and no other.

use plinth_identity::dsse::{Envelope, payload_type};
use plinth_identity::field::FieldViolation;
use plinth_identity::id::{PartyId, RequestDigest, RequestId};
use plinth_identity::statement::{
    AuthenticationStatement, EnrolmentStatement, OtpStatement, PersonStatement, RegistryStatement,
    ResidentStatement, ServiceInfo, StatementHeader,
};
use plinth_proto::convert::authentication::decode_authentication_statement;
use plinth_proto::convert::enrolment::decode_enrolment_statement;
use plinth_proto::convert::evidence::decode_service_info;
use plinth_proto::convert::otp::decode_otp_statement;
use plinth_proto::convert::personal_data::decode_person_statement;
use plinth_proto::convert::registry::decode_registry_statement;
use plinth_proto::convert::resident::decode_resident_statement;

use crate::message::SignedMessage;
use crate::request::Claims;
use crate::trust::{Roots, Trust};

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
    /// The path does not lead from the answer to the signed root.
    #[error("the answer is not below the root that is signed")]
    NotBelow,
    /// The root covers other places of the log, or another epoch, than the answer states.
    #[error("the answer states another place in the log than the root that is signed")]
    Place,
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
    let claims = claims(request, payload_type::ENROLMENT_REQUEST)?;
    let statement = receipt(answer, trust)?;
    check_request(&statement.header, request)?;
    check_party(&statement.agency, &claims)?;
    check_request_id(statement.request_id, &claims)?;
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
    let claims = claims(request, payload_type::AUTHENTICATION_REQUEST)?;
    let verified = trust.verify(answer, payload_type::AUTHENTICATION_STATEMENT)?;
    let statement = decode_authentication_statement(&verified).map_err(VerifyError::Body)?;
    check_header(&statement.header, request, trust)?;
    check_party(&statement.relying_party, &claims)?;
    Ok(statement)
}

/// Verifies the answer to an authentication, either of them signed alone or below a root.
///
/// # Errors
/// [`VerifyError`], the first check that failed.
pub fn proved_authentication(
    request: &SignedMessage,
    answer: &SignedMessage,
    trust: &Trust,
) -> Result<AuthenticationStatement, VerifyError> {
    let (kind, payload) = (request.payload_type(), request.payload());
    let claims = Claims::of_payload(kind, payload, &[payload_type::AUTHENTICATION_REQUEST])
        .map_err(VerifyError::NotTheRequest)?;
    let party = PartyId::parse(&claims.party).map_err(|_| VerifyError::Party)?;
    decided(RequestDigest::of(kind, payload), &party, answer, &mut Roots::new(trust))
}

/// The same for a request of which only the digest and the party are at hand.
pub(crate) fn decided(
    request: RequestDigest,
    party: &PartyId,
    answer: &SignedMessage,
    roots: &mut Roots<'_>,
) -> Result<AuthenticationStatement, VerifyError> {
    let proved = roots.verify(answer, payload_type::AUTHENTICATION_STATEMENT)?;
    let statement = decode_authentication_statement(&proved.verified).map_err(VerifyError::Body)?;
    let header = &statement.header;
    check_issuer(header, roots.trust())?;
    if header.request != request {
        return Err(VerifyError::Request);
    }
    if proved.place.is_some_and(|place| place != (header.log_position, header.key_epoch)) {
        return Err(VerifyError::Place);
    }
    if statement.relying_party == *party { Ok(statement) } else { Err(VerifyError::Party) }
}

/// Verifies the answer to a request that a one-time code be sent.
///
/// # Errors
/// [`VerifyError`], the first check that failed.
pub fn otp(request: &Envelope, answer: &Envelope, trust: &Trust) -> Result<OtpStatement, VerifyError> {
    let claims = claims(request, payload_type::OTP_REQUEST)?;
    let verified = trust.verify(answer, payload_type::OTP_STATEMENT)?;
    let statement = decode_otp_statement(&verified).map_err(VerifyError::Body)?;
    check_header(&statement.header, request, trust)?;
    check_party(&statement.relying_party, &claims)?;
    // A code belongs to the request that ordered it.
    check_request_id(statement.transaction, &claims)?;
    Ok(statement)
}

/// Verifies the answer to a request for a person's attributes. What is sealed in it stays sealed.
///
/// # Errors
/// [`VerifyError`], the first check that failed.
pub fn person(request: &Envelope, answer: &Envelope, trust: &Trust) -> Result<PersonStatement, VerifyError> {
    let claims = claims(request, payload_type::PERSON_REQUEST)?;
    let verified = trust.verify(answer, payload_type::PERSON_STATEMENT)?;
    let statement = decode_person_statement(&verified).map_err(VerifyError::Body)?;
    check_header(&statement.header, request, trust)?;
    check_party(&statement.relying_party, &claims)?;
    Ok(statement)
}

/// Verifies the answer to a person's order about their own number.
///
/// # Errors
/// [`VerifyError`], the first check that failed.
pub fn resident(
    request: &Envelope,
    answer: &Envelope,
    trust: &Trust,
) -> Result<ResidentStatement, VerifyError> {
    let claims = claims(request, payload_type::RESIDENT_REQUEST)?;
    let verified = trust.verify(answer, payload_type::RESIDENT_STATEMENT)?;
    let statement = decode_resident_statement(&verified).map_err(VerifyError::Body)?;
    check_header(&statement.header, request, trust)?;
    check_party(&statement.agent, &claims)?;
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
    check_header(&statement.header, request, trust)?;
    // A case decision names no party: the two signatures say who decides.
    let named = request.payload_type() != payload_type::CASE_DECISION;
    if named {
        check_party(&statement.administrator, &claims)?;
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

/// What a request of this type says of itself.
fn claims(request: &Envelope, payload_type: &str) -> Result<Claims, VerifyError> {
    Claims::of(request, &[payload_type]).map_err(VerifyError::NotTheRequest)
}

fn check_header(header: &StatementHeader, request: &Envelope, trust: &Trust) -> Result<(), VerifyError> {
    check_issuer(header, trust)?;
    check_request(header, request)
}

fn check_party(named: &PartyId, claims: &Claims) -> Result<(), VerifyError> {
    if named.as_str() == claims.party { Ok(()) } else { Err(VerifyError::Party) }
}

fn check_request_id(named: RequestId, claims: &Claims) -> Result<(), VerifyError> {
    if named == claims.request_id { Ok(()) } else { Err(VerifyError::RequestId) }
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
    use plinth_identity::authentication::{ChannelSet, ResidentAction};
    use plinth_identity::dsse::SigningKey;
    use plinth_identity::id::DeploymentId;
    use plinth_identity::statement::ResidentOutcome;

    use super::*;
    use crate::fixture::{
        NOW, agency, authentication_draft, authentication_statement, enrolment_draft, enrolment_statement,
        number, otp_statement, party, person_draft, person_statement, relying_party, resident_draft,
        resident_statement, service_key, signed_authentication, signed_enrolment, signed_otp, signed_person,
        signed_resident, trust,
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

    /// A request of each kind that a relying party makes, its sound answer, and the check of it.
    type Check = Box<dyn Fn(&Envelope, &Envelope, &Trust) -> Result<StatementHeader, VerifyError>>;

    fn answered() -> Vec<(SignedRequest, Envelope, Check)> {
        let bank = relying_party(nowhere());
        let question = bank.request(authentication_draft(), NOW).unwrap();
        let verdict = signed_authentication(&authentication_statement(question.envelope()));
        let ordered = bank.otp_request(number(), ChannelSet::ALL, "", NOW).unwrap();
        let sent = signed_otp(&otp_statement(&ordered));
        let asked = bank.person_request(person_draft(), NOW).unwrap();
        let given = signed_person(&person_statement(asked.envelope(), None));
        let own = bank.resident_request(resident_draft(ResidentAction::RemoveTotp), NOW).unwrap();
        let removed = signed_resident(&resident_statement(own.envelope(), ResidentOutcome::TotpRemoved));
        vec![
            (
                question,
                verdict,
                Box::new(|request, answer, trust| Ok(authentication(request, answer, trust)?.header)),
            ),
            (ordered, sent, Box::new(|request, answer, trust| Ok(otp(request, answer, trust)?.header))),
            (asked, given, Box::new(|request, answer, trust| Ok(person(request, answer, trust)?.header))),
            (own, removed, Box::new(|request, answer, trust| Ok(resident(request, answer, trust)?.header))),
        ]
    }

    #[tokio::test]
    async fn every_statement_to_a_relying_party_is_checked_alike() {
        let kinds = answered();
        for (index, (request, answer, check)) in kinds.iter().enumerate() {
            let request = request.envelope();
            assert!(check(request, answer, &trust()).is_ok(), "{index}");

            let elsewhere = Trust::new(DeploymentId::from_bytes([8; 16]), vec![service_key().public()]);
            assert_eq!(check(request, answer, &elsewhere), Err(VerifyError::Issuer), "{index}");
            let stranger = SigningKey::from_seed([9; 32]);
            let forged = stranger.sign(answer.payload_type(), answer.payload().to_vec());
            assert_eq!(check(request, &forged, &trust()), Err(VerifyError::UntrustedKey), "{index}");
            let mut payload = answer.payload().to_vec();
            payload.push(0);
            let key_id = answer.key_id().copied();
            let altered =
                Envelope::new(answer.payload_type().to_owned(), payload, key_id, *answer.signature());
            assert_eq!(check(request, &altered, &trust()), Err(VerifyError::Signature), "{index}");
            let replayed = &answered()[index].0;
            assert_eq!(check(replayed.envelope(), answer, &trust()), Err(VerifyError::Request), "{index}");
            let (other_request, other_answer, _) = &kinds[(index + 1) % kinds.len()];
            let swapped = check(request, other_answer, &trust());
            assert!(matches!(swapped, Err(VerifyError::PayloadType { .. })), "{index}");
            let swapped = check(other_request.envelope(), answer, &trust());
            assert!(matches!(swapped, Err(VerifyError::NotTheRequest(_))), "{index}");
        }
    }

    #[tokio::test]
    async fn an_answer_names_the_party_that_asked_and_the_transaction_that_it_asked_for() {
        let bank = relying_party(nowhere());
        let ordered = bank.otp_request(number(), ChannelSet::ALL, "", NOW).unwrap();
        let sound = otp_statement(&ordered);
        let misnamed = OtpStatement { transaction: RequestId::from_bytes([0; 16]), ..sound.clone() };
        let check = |statement: &OtpStatement| otp(ordered.envelope(), &signed_otp(statement), &trust());
        assert_eq!(check(&misnamed), Err(VerifyError::RequestId));
        let misaddressed = OtpStatement { relying_party: party("other"), ..sound };
        assert_eq!(check(&misaddressed), Err(VerifyError::Party));

        let asked = bank.person_request(person_draft(), NOW).unwrap();
        let statement = person_statement(asked.envelope(), None);
        let answer = signed_person(&PersonStatement { relying_party: party("other"), ..statement });
        assert_eq!(person(asked.envelope(), &answer, &trust()), Err(VerifyError::Party));

        let own = bank.resident_request(resident_draft(ResidentAction::RemoveTotp), NOW).unwrap();
        let statement = resident_statement(own.envelope(), ResidentOutcome::TotpRemoved);
        let answer = signed_resident(&ResidentStatement { agent: party("other"), ..statement });
        assert_eq!(resident(own.envelope(), &answer, &trust()), Err(VerifyError::Party));
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
