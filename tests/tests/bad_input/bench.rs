//! A world in which bad requests are sent byte by byte as they are, and in which it shows if one of them left a trace.

use std::sync::LazyLock;

use plinth_biometrics::record::{FingerPosition, FingerRecord};
use plinth_identity::dsse::{SigningKey, payload_type};
use plinth_identity::number::IdentityNumber;
use plinth_identity::party::{FactorSet, PartyKind};
use plinth_identity::reason::Reason;
use plinth_proto::authentication::v1::authentication_service_client::AuthenticationServiceClient;
use plinth_proto::authentication::v1::{
    AuthenticateRequest, AuthenticationRequest, AuthenticationStatement, DemographicClaim, Factor,
};
use plinth_proto::enrolment::v1::enrolment_service_client::EnrolmentServiceClient;
use plinth_proto::enrolment::v1::{EnrolRequest, EnrolmentRequest, EnrolmentStatement};
use plinth_proto::envelope::v1::{Envelope, RequestHeader};
use plinth_proto::person::v1::{Demographics, FingerSample, Gender};
use plinth_proto::status::Refusal;
use plinth_server::config::ServeConfig;
use plinth_tests::{START, World, fingers, party, samples, signing_key};
use prost::Message;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tonic::Status;
use tonic::transport::Channel;

use crate::fsck;

/// The name in every request; no refusal may repeat it.
pub(crate) const NAME: &str = "Asha Rao";

/// A number that nobody holds; no refusal may repeat it.
pub(crate) static NUMBER: LazyLock<String> =
    LazyLock::new(|| IdentityNumber::draw(&mut StdRng::seed_from_u64(4)).reveal());

/// Statements in the log of a fresh bench: one for each administrator and each party.
const STATEMENTS_SO_FAR: u64 = 5;

/// A server with two agencies and a relying party, and the log position of the last statement.
pub(crate) struct Bench {
    pub(crate) world: World,
    /// The key of the agency `north`.
    pub(crate) agency: SigningKey,
    /// The key of the agency `south`.
    pub(crate) other_agency: SigningKey,
    /// The key of the relying party `bank`.
    pub(crate) bank: SigningKey,
    pub(crate) channel: Channel,
    position: u64,
    requests: u64,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut ServeConfig)) -> Self {
        let world = World::with(change).await;
        let [agency, other_agency, bank] = [11, 12, 13].map(signing_key);
        for (name, key) in [("north", &agency), ("south", &other_agency)] {
            world.register(party(PartyKind::Agency, name, key, FactorSet::EMPTY, false)).await;
        }
        world.register(party(PartyKind::RelyingParty, "bank", &bank, FactorSet::ALL, true)).await;
        let channel = world.connect().await.channel();
        Self { world, agency, other_agency, bank, channel, position: STATEMENTS_SO_FAR, requests: 0 }
    }

    /// The header of a request by this party that was never sent before.
    pub(crate) fn header(&mut self, party: &str) -> RequestHeader {
        self.requests += 1;
        let id = [[0; 8], self.requests.to_be_bytes()].concat();
        RequestHeader {
            audience: self.world.trust.deployment().to_string(),
            party: party.to_owned(),
            purpose: "test".to_owned(),
            request_id: id.clone(),
            nonce: id,
            issued_at_ms: self.world.now().millis(),
            not_after_ms: self.world.now().millis() + 30_000,
        }
    }

    /// An enrolment by `north` that nothing is wrong with.
    pub(crate) fn enrolment(&mut self) -> EnrolmentRequest {
        EnrolmentRequest {
            header: Some(self.header("north")),
            demographics: Some(Demographics {
                name: NAME.to_owned(),
                date_of_birth: "1990-04-17".to_owned(),
                gender: Gender::Female.into(),
                ..Demographics::default()
            }),
            fingers: hand(2),
            station: "station-1".to_owned(),
            operator: "operator-1".to_owned(),
        }
    }

    /// A question by `bank` that nothing is wrong with, about a number that nobody holds.
    pub(crate) fn question(&mut self) -> AuthenticationRequest {
        AuthenticationRequest {
            header: Some(self.header("bank")),
            number: NUMBER.clone(),
            claim: Some(DemographicClaim { name: Some(NAME.to_owned()), ..DemographicClaim::default() }),
            fingers: Vec::new(),
            declared: vec![Factor::Name.into()],
            ..AuthenticationRequest::default()
        }
    }

    /// The body as `north` signs it.
    pub(crate) fn signed_enrolment(&self, body: &EnrolmentRequest) -> Envelope {
        signed(&self.agency, payload_type::ENROLMENT_REQUEST, body)
    }

    /// The body as `bank` signs it.
    pub(crate) fn signed_question(&self, body: &AuthenticationRequest) -> Envelope {
        signed(&self.bank, payload_type::AUTHENTICATION_REQUEST, body)
    }

    pub(crate) async fn enrol(&self, envelope: Option<Envelope>) -> Result<Envelope, Status> {
        let mut client = EnrolmentServiceClient::new(self.channel.clone());
        client.enrol(EnrolRequest { envelope }).await.map(|answer| answer.into_inner().statement.unwrap())
    }

    pub(crate) async fn authenticate(&self, envelope: Option<Envelope>) -> Result<Envelope, Status> {
        let mut client = AuthenticationServiceClient::new(self.channel.clone());
        let answer = client.authenticate(AuthenticateRequest { envelope, signature_form: 0 }).await;
        answer.map(|answer| answer.into_inner().statement.unwrap())
    }

    /// Sends an enrolment that must be refused for this reason at this field (`""`: at none).
    pub(crate) async fn refuses_enrolment(
        &self,
        what: &str,
        envelope: Envelope,
        reason: Reason,
        field: &str,
    ) -> Refusal {
        let answer = self.enrol(Some(envelope)).await;
        refusal(what, answer.map(drop), reason, field)
    }

    /// Sends a question that must be refused for this reason at this field (`""`: at none).
    pub(crate) async fn refuses_question(
        &self,
        what: &str,
        envelope: Envelope,
        reason: Reason,
        field: &str,
    ) -> Refusal {
        let answer = self.authenticate(Some(envelope)).await;
        refusal(what, answer.map(drop), reason, field)
    }

    /// An enrolment that must be decided. Its log position comes right after that of the last statement.
    pub(crate) async fn decides_enrolment(&mut self, body: &EnrolmentRequest) -> Envelope {
        let answer = self.enrol(Some(self.signed_enrolment(body))).await.unwrap();
        let statement = EnrolmentStatement::decode(&*answer.payload).unwrap();
        self.follows(statement.header.unwrap().log_position);
        answer
    }

    /// A question that must be decided. Its log position comes right after that of the last statement.
    pub(crate) async fn decides_question(&mut self, body: &AuthenticationRequest) -> Envelope {
        let answer = self.authenticate(Some(self.signed_question(body))).await.unwrap();
        let statement = AuthenticationStatement::decode(&*answer.payload).unwrap();
        self.follows(statement.header.unwrap().log_position);
        answer
    }

    /// Something was decided that does not come through this bench.
    pub(crate) fn logged(&mut self, statements: u64) {
        self.position += statements;
    }

    fn follows(&mut self, position: u64) {
        assert_eq!(position, self.position + 1, "something that was refused stands in the log");
        self.position = position;
    }

    /// The log grew by what was decided and by nothing else, and every index agrees with every other.
    pub(crate) async fn finish(mut self) {
        let question = self.question();
        self.decides_question(&question).await;
        self.world.stop().await;
        assert_eq!(fsck::must_be_clean(&self.world.config).leaves, self.position);
    }
}

/// Checks that an answer is a refusal of ours for this reason, at this field, which repeats nothing of the request.
pub(crate) fn refusal(what: &str, answer: Result<(), Status>, reason: Reason, field: &str) -> Refusal {
    let status = answer.expect_err(what);
    assert!(!status.message().contains(NAME) && !status.message().contains(&*NUMBER), "{what}: {status:?}");
    let refusal = Refusal::from_status(&status).unwrap_or_else(|| panic!("{what}: not typed: {status:?}"));
    let at: Vec<_> = refusal.violations.iter().map(|one| (one.reason, one.field.as_str())).collect();
    let expected = if field.is_empty() { Vec::new() } else { vec![(reason, field)] };
    assert_eq!((refusal.reason, at), (reason, expected), "{what}: {refusal}");
    refusal
}

/// A body in an envelope.
pub(crate) fn signed(key: &SigningKey, payload_type: &str, body: &impl Message) -> Envelope {
    key.sign(payload_type, body.encode_to_vec()).into()
}

/// The first captures of the first fingers of a synthetic person.
pub(crate) fn hand(count: usize) -> Vec<FingerSample> {
    samples(1, 0, &fingers(count))
        .iter()
        .map(|sample| FingerSample { position: sample.position.code().into(), record: sample.record.clone() })
        .collect()
}

/// A finger whose record does not say which one it is.
pub(crate) fn unnamed(record: &[u8], declared: FingerPosition) -> FingerSample {
    FingerSample {
        position: declared.code().into(),
        record: changed(record, |record| record.views[0].position = FingerPosition::Unknown),
    }
}

/// A record of which something was changed.
pub(crate) fn changed(record: &[u8], change: impl FnOnce(&mut FingerRecord)) -> Vec<u8> {
    let mut record = FingerRecord::decode(record).unwrap();
    change(&mut record);
    record.encode()
}

/// One millisecond before the clock of every world starts.
pub(crate) const BEFORE: u64 = START.millis() - 1;
