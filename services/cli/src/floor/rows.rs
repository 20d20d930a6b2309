//! Rows of made-up decisions: the keys and lengths of real ones.

use plinth_biometrics::FingerPosition;
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_identity::application::{FingerSample, Fingers};
use plinth_identity::attempts::{Attempts, DayCounts, DuplicateCounts};
use plinth_identity::authentication::Verdict;
use plinth_identity::demographics::{DateOfBirth, Demographics, Gender, Name};
use plinth_identity::gallery::{FeatureRow, GalleryEntry, Holder};
use plinth_identity::history::{HistoryEntry, HistoryEvent};
use plinth_identity::id::{
    DeploymentId, LogPosition, Nonce, PartyId, RelyingPartyToken, RequestDigest, RequestId,
};
use plinth_identity::identity_record::{IdentityRecord, LifecycleStatus, Locks};
use plinth_identity::number::IdentityNumber;
use plinth_identity::party::{Factor, FactorSet, PartyKind};
use plinth_identity::statement::{
    AuthenticationStatement, EnrolmentOutcome, EnrolmentStatement, StatementHeader, leaf_hash,
};
use plinth_identity::time::Timestamp;
use plinth_proto::convert::authentication::encode_authentication_statement;
use plinth_proto::convert::enrolment::encode_enrolment_statement;
use plinth_storage::{EnrolmentEntry, NonceUse, Reader, Staged, StatementKind, StoredAnswer};
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde::Serialize;

/// The person of every made-up enrolment.
const PERSON: (u64, u64) = (1, 1);

/// What is decided.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Decision {
    /// A yes: the answer, the nonce and the log leaf, the counters, and the person's history.
    Authentication,
    /// A new person with ten fingers: the answer, the nonce and the log leaf, the counters, the record, and the gallery with
    /// its index.
    Enrolment,
}

impl Decision {
    pub(crate) const ALL: [Self; 2] = [Self::Authentication, Self::Enrolment];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Enrolment => "enrolment",
        }
    }
}

/// A source of decisions, none of which shares a key with another.
pub(crate) struct Rows {
    decision: Decision,
    deployment: DeploymentId,
    party: PartyId,
    person: Person,
    random: StdRng,
    statement_bytes: usize,
}

/// What an enrolment stores, made once: only its keys differ from one to the next.
struct Person {
    demographics: Demographics,
    samples: Vec<FingerSample>,
    features: FeatureRow,
}

impl Rows {
    pub(crate) fn new(decision: Decision, reader: &Reader, random: StdRng) -> anyhow::Result<Self> {
        let party = PartyId::parse("north")?;
        let person = Person::new()?;
        Ok(Self { decision, deployment: reader.deployment(), party, person, random, statement_bytes: 0 })
    }

    /// Statement bytes of the last decision.
    pub(crate) fn statement_bytes(&self) -> usize {
        self.statement_bytes
    }

    /// Rows that one decision adds; the head row, which every commit rewrites, is not counted, nor is the index, which is
    /// written in the background.
    pub(crate) fn keys(&self) -> usize {
        match self.decision {
            Decision::Authentication => 9,
            Decision::Enrolment => 12,
        }
    }

    /// Stages one decision.
    pub(crate) fn stage(&mut self, staged: &mut Staged) {
        match self.decision {
            Decision::Authentication => self.authentication(staged),
            Decision::Enrolment => self.enrolment(staged),
        }
    }

    fn authentication(&mut self, staged: &mut Staged) {
        let header = self.header(staged.next_log_position());
        let statement = encode_authentication_statement(&AuthenticationStatement {
            relying_party: self.party.clone(),
            verdict: Verdict::Yes,
            reason: None,
            token: Some(RelyingPartyToken::from_bytes(self.random.random())),
            buffered: false,
            header: header.clone(),
        });
        self.counters(staged, &header);
        let request = RequestId::random(&mut self.random);
        self.decided(
            staged,
            &header,
            request,
            StatementKind::Authentication,
            PartyKind::RelyingParty,
            statement,
        );
    }

    fn enrolment(&mut self, staged: &mut Staged) {
        let header = self.header(staged.next_log_position());
        let number = IdentityNumber::draw(&mut self.random);
        let request_id = RequestId::random(&mut self.random);
        let sequence = staged.next_sequence();
        let (at, position) = (header.decided_at, header.log_position);
        let statement = encode_enrolment_statement(&EnrolmentStatement {
            agency: self.party.clone(),
            request_id,
            outcome: EnrolmentOutcome::Issued { number },
            fingers: 10,
            searched: sequence.get(),
            duplicate_fmr: 1e-6,
            adjudicate_fmr: 1e-4,
            target_fpir: 0.01,
            header: header.clone(),
        });
        let record = IdentityRecord {
            sequence,
            status: LifecycleStatus::Active,
            demographics: self.person.demographics.clone(),
            enrolled_at: at,
            agency: self.party.clone(),
            fingers: 10,
            locks: Locks::default(),
            totp: None,
            virtual_number: None,
        };
        staged.put_identity(&number, &record);
        let originals = GalleryEntry { sequence, fingers: self.person.samples.clone() };
        staged.put_gallery(sequence, &originals, &self.person.features);
        staged.put_holder(sequence, &Holder::Number(number));
        staged.put_enrolment(&self.party, position, &EnrolmentEntry { request_id, at });
        // Those of the agency, the station and the operator.
        for _ in 0..3 {
            staged.put_duplicate_counts(&self.random.random(), &DuplicateCounts::default());
        }
        self.decided(staged, &header, request_id, StatementKind::Enrolment, PartyKind::Agency, statement);
    }

    /// What a verdict counts: the person's attempts, here and in all, and the relying party's day; and the person's history.
    fn counters(&mut self, staged: &mut Staged, header: &StatementHeader) {
        for _ in 0..2 {
            staged.put_attempts(&self.random.random(), &Attempts::default());
        }
        staged.put_day_counts(&self.random.random(), &DayCounts::default());
        let entry = HistoryEntry {
            at: header.decided_at,
            party: self.party.clone(),
            event: HistoryEvent::Authentication,
            factors: FactorSet::EMPTY.with(Factor::Fingerprint),
            purpose: "opening an account".to_owned(),
            verdict: Verdict::Yes,
            reason: None,
        };
        let number = IdentityNumber::draw(&mut self.random);
        staged.put_history(&number.digits(), header.log_position, &entry);
    }

    /// What every decision stores: the answer, the nonce and the log leaf, and when they are to be reclaimed.
    fn decided(
        &mut self,
        staged: &mut Staged,
        header: &StatementHeader,
        request: RequestId,
        kind: StatementKind,
        party_kind: PartyKind,
        statement: Vec<u8>,
    ) {
        let (digest, not_after) = (header.request, header.decided_at.plus_millis(30_000));
        self.statement_bytes = statement.len();
        staged.append_leaf(&leaf_hash(kind.payload_type(), &statement));
        let answer = StoredAnswer { digest, kind, statement, not_after, case: None, latest: None };
        staged.put_answer(party_kind, &self.party, &request, &answer);
        if self.decision == Decision::Authentication {
            // The answers to enrolments stay: their agency's list names them.
            staged.expire_answer(party_kind, &self.party, &request, not_after);
        }
        let nonce = Nonce::random(&mut self.random);
        staged.put_nonce(party_kind, &self.party, &nonce, &NonceUse { digest, not_after });
        staged.expire_nonce(party_kind, &self.party, &nonce, not_after);
    }

    fn header(&mut self, log_position: LogPosition) -> StatementHeader {
        StatementHeader {
            issuer: self.deployment,
            request: RequestDigest::from_bytes(self.random.random()),
            decided_at: Timestamp::from_millis(2_000_000_000_000),
            key_epoch: 1,
            log_position,
            log_salt: self.random.random(),
        }
    }
}

impl Person {
    fn new() -> anyhow::Result<Self> {
        let (seed, index) = PERSON;
        let synthetic = SyntheticPerson::new(seed, index);
        let sample = |position| FingerSample { position, record: synthetic.capture(position, 0).encode() };
        let fingers = Fingers::new(FingerPosition::ALL.into_iter().map(sample).collect())?;
        let features = FeatureRow::new(fingers.features()?);
        let demographics = Demographics {
            name: Name::parse(synthetic.name())?,
            date_of_birth: DateOfBirth::parse("1985-12-10")?,
            gender: Gender::Female,
            phone: None,
            email: None,
            address: None,
        };
        Ok(Self { demographics, samples: fingers.samples().to_vec(), features })
    }
}
