use plinth_identity::application::FingerSample;
use plinth_identity::authentication::{Consent, PersonRequest};
use plinth_identity::demographics::DemographicClaim;
use plinth_identity::dsse::payload_type;
use plinth_identity::evidence::CodeClaim;
use plinth_identity::number::Identifier;
use plinth_identity::party::AttributeSet;
use plinth_identity::request::Freshness;
use plinth_identity::sealing::{self, EncryptionKey};
use plinth_identity::statement::PersonStatement;
use plinth_identity::time::Timestamp;
use plinth_proto::authentication::v1;
use plinth_proto::convert::personal_data::{
    PersonAttributes, decode_person_attributes, encode_person_request,
};

use crate::answer::Answered;
use crate::error::ClientError;
use crate::presented::evidence;
use crate::relying_party::{RelyingParty, client};
use crate::request::SignedRequest;
use crate::signatory::fresh_request_id;
use crate::verify;

/// A wish to read what is recorded about a person, who agrees to that and proves who they are.
#[derive(Clone)]
pub struct PersonDraft {
    /// The claimed number, or a virtual number that stands for it.
    pub identifier: Identifier,
    /// The claimed attributes; may be empty if there is other evidence.
    pub claim: DemographicClaim,
    /// The presented fingers: at most 10, no finger and no record twice; may be empty if there is other evidence.
    pub fingers: Vec<FingerSample>,
    /// The one-time code that the person gave.
    pub code: Option<CodeClaim>,
    /// What is to be read. What the policy does not allow is refused, what is not recorded is left out.
    pub attributes: AttributeSet,
    /// What the person was shown and agreed to.
    pub consent: Consent,
    /// Why it is asked, kept with the decision. At most 64 characters.
    pub purpose: String,
}

impl RelyingParty {
    /// Makes and signs a request for a person's attributes. It is live: send it within 30 seconds of `now`.
    ///
    /// # Errors
    /// [`ClientError::Request`] names the field that the service would refuse.
    pub fn person_request(&self, draft: PersonDraft, now: Timestamp) -> Result<SignedRequest, ClientError> {
        let PersonDraft { identifier, claim, fingers, code, attributes, consent, purpose } = draft;
        let request_id = fresh_request_id();
        let header = self.0.header(&purpose, request_id, now, Freshness::LIVE.max_age_ms)?;
        let evidence = evidence(claim, fingers, code)?;
        let request = PersonRequest::new(header, identifier, evidence, attributes, consent)
            .map_err(ClientError::Request)?;
        let payload = encode_person_request(&request);
        Ok(self.0.sign(payload_type::PERSON_REQUEST, payload, request_id))
    }

    /// Sends such a request and returns its verified answer. In a yes the attributes are sealed to the encryption key of
    /// this relying party's policy: [`open_person`] reads them.
    ///
    /// # Errors
    /// [`ClientError::Refused`], with reason `NotEntitledAttributes` for an attribute that the policy does not allow;
    /// [`ClientError::Transport`] or [`ClientError::Answer`].
    pub async fn get_person(
        &self,
        request: &SignedRequest,
    ) -> Result<Answered<PersonStatement>, ClientError> {
        let response = self
            .call(request, |connection, envelope| async move {
                client(&connection).get_person(connection.timed(v1::GetPersonRequest { envelope })).await
            })
            .await?;
        self.verified(request, response.statement, verify::person)
    }
}

/// Opens the attributes of a yes. They are bound to the request: those of another one do not open. Verify the statement
/// before ([`verify::person`]), since anybody can seal to a public key.
///
/// # Errors
/// [`ClientError::Sealed`] if there are none in it, they were sealed to another key or for another request, or what was
/// sealed is malformed.
pub fn open_person(
    request: &SignedRequest,
    statement: &PersonStatement,
    key: &EncryptionKey,
) -> Result<PersonAttributes, ClientError> {
    let sealed = statement.sealed.as_ref().ok_or(ClientError::Sealed("a no carries none"))?;
    let info = sealing::person_info(&request.digest());
    let opened = sealing::open_with(key, &info, sealed)
        .map_err(|_| ClientError::Sealed("they were sealed to another key, or for another request"))?;
    decode_person_attributes(&opened).map_err(|_| ClientError::Sealed("what was sealed is malformed"))
}

#[cfg(test)]
mod tests {
    use plinth_identity::demographics::Demographics;
    use plinth_proto::convert::personal_data::encode_person_attributes;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::Connection;
    use crate::fixture::{NOW, enrolment_draft, person_draft, person_statement, relying_party};

    fn recorded() -> Demographics {
        enrolment_draft().demographics
    }

    fn sealed(request: &SignedRequest, key: &EncryptionKey) -> PersonStatement {
        let plaintext = encode_person_attributes(&recorded(), person_draft().attributes);
        let info = sealing::person_info(&request.digest());
        let mut random = StdRng::seed_from_u64(1);
        let sealed = sealing::seal_to(&key.public(), &info, &plaintext, &mut random).unwrap();
        person_statement(request.envelope(), Some(sealed))
    }

    #[tokio::test]
    async fn attributes_open_with_the_right_key_and_for_the_right_request_only() {
        let bank = relying_party(Connection::lazy("http://127.0.0.1:9", None).unwrap());
        let key = EncryptionKey::generate(&mut StdRng::seed_from_u64(2));
        let request = bank.person_request(person_draft(), NOW).unwrap();
        let statement = sealed(&request, &key);
        let opened = open_person(&request, &statement, &key).unwrap();
        assert_eq!(opened.name, Some(recorded().name));
        assert_eq!(opened.date_of_birth, None);

        let stranger = EncryptionKey::generate(&mut StdRng::seed_from_u64(3));
        assert!(matches!(open_person(&request, &statement, &stranger), Err(ClientError::Sealed(_))));
        let other = bank.person_request(person_draft(), NOW).unwrap();
        assert!(matches!(open_person(&other, &statement, &key), Err(ClientError::Sealed(_))));
        let refused = person_statement(request.envelope(), None);
        assert!(matches!(open_person(&request, &refused, &key), Err(ClientError::Sealed(_))));
    }
}
