//! Loading an existing register: everybody in it gets a number at once, and is searched for duplicates afterwards.
//!
//! A country that moves to this service has millions of people on file already. Each of them is decided by the committer
//! like an enrolment (identity, gallery, answer and log leaf in one commit, a signed statement for each), but nobody is
//! searched for on the way: the statement says that 0 people were searched, and the import's row says who has not been
//! compared yet. A sweep catches up while the service works.
//!
//! A record is one request of the agency that signed the register, under an id derived from the register and its place in
//! it. So a load that was interrupted goes on where it stopped, and whatever was loaded twice is decided once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use plinth_identity::batch::SignatureForm;
use plinth_identity::dsse::{Envelope, PublicKey};
use plinth_identity::field::FieldViolation;
use plinth_identity::gallery::{FeatureRow, GalleryEntry, Holder};
use plinth_identity::id::{DeploymentId, Nonce, PartyId, RequestDigest, RequestId, Sequence};
use plinth_identity::identity_record::{IdentityRecord, LifecycleStatus, Locks};
use plinth_identity::number::IdentityNumber;
use plinth_identity::party::{Party, PartyKind};
use plinth_identity::reason::Reason;
use plinth_identity::register::{ExternalId, RegisterManifest, RegisterRecord, record_digest};
use plinth_identity::statement::EnrolmentOutcome;
use plinth_identity::time::Timestamp;
use plinth_proto::status;
use plinth_storage::{EnrolmentEntry, ImportRow, Staged, StoreOptions};
use prost::Message as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::ServeError;
use crate::clock::Clock;
use crate::config::ServeConfig;
use crate::core::Core;
use crate::enrolment::state;
use crate::index::Hashed;
use crate::metrics::Metrics;
use crate::recent::Prepared;
use crate::refusal::Refusal;
use crate::registrar::{Ask, Decided, Proposal, Sitting, draw_number};
use crate::search::prepare;

/// Records in hand at once: enough that every commit carries many.
const WINDOW: usize = 512;
/// The newest people are made into a segment when there are so many: the fewer segments are begun, the more seldom
/// everybody is written anew. Half a gibibyte of memory, which nobody else needs while nobody is served.
const NEWEST: u32 = 16_384;
/// Loading waits while there are more newest people than this: 2 GiB of memory.
const MOST_NEWEST: u32 = 65_536;
/// How long to wait for the index.
const MOMENT: Duration = Duration::from_millis(20);
/// Records after which the place in the register is noted.
const NOTED_EVERY: u64 = 1_024;

/// A deployment that is open for loading, and serves nobody.
pub struct Importer {
    core: Arc<Core>,
    committer: std::thread::JoinHandle<()>,
}

/// Why a register cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The register says which deployment may load it, and it is another one.
    #[error("this register is meant for the deployment {0}, which this is not")]
    OtherDeployment(DeploymentId),
    /// Whoever signed it is no agency that may enrol people now.
    #[error("{party} is not an agency of this deployment that may enrol people now: {}; see `plinth agency list`", reason.explanation())]
    Agency {
        /// The party that the register names.
        party: PartyId,
        /// What stands in the way.
        reason: Reason,
    },
    /// Another register is half loaded.
    #[error("the register {0:?} is half loaded: finish loading it first")]
    Unfinished(String),
    /// The store or the committer failed.
    #[error("{0}: the load can be begun again and goes on where it stopped")]
    Failed(status::Refusal),
}

impl From<Refusal> for ImportError {
    fn from(refusal: Refusal) -> Self {
        Self::Failed(refusal.into())
    }
}

impl From<plinth_storage::StoreError> for ImportError {
    fn from(error: plinth_storage::StoreError) -> Self {
        Refusal::from(error).into()
    }
}

impl Importer {
    /// Opens a deployment that nobody serves.
    ///
    /// # Errors
    /// As [`crate::start`].
    pub async fn open(mut config: ServeConfig, clock: Arc<dyn Clock>) -> Result<Self, ServeError> {
        config.index.newest = config.index.newest.max(NEWEST);
        config.check()?;
        let root = crate::read_root_key(&config.root_key)?;
        let opening = tokio::task::spawn_blocking(move || {
            let store =
                plinth_storage::open(&config.data, &root, &StoreOptions::default(), crate::nonce_source())?;
            Core::start(&config, store, (clock, Arc::new(Metrics::new())), CancellationToken::new())
        });
        let opened = opening.await.map_err(|failure| ServeError::Transport(failure.to_string()))?;
        let (core, committer) = opened?;
        Ok(Self { core: Arc::new(core), committer })
    }

    /// The key of an agency, to verify a register with.
    #[must_use]
    pub fn agency_key(&self, id: &PartyId) -> Option<PublicKey> {
        self.core.directory.by_name(PartyKind::Agency, id).map(|party| party.key)
    }

    /// Begins to load a register, or goes on with it. `digest` is the SHA-256 of its manifest's signed bytes, which must
    /// have been verified with [`Importer::agency_key`].
    ///
    /// # Errors
    /// [`ImportError`]; nothing has changed then.
    pub async fn begin(
        &self,
        manifest: &RegisterManifest,
        digest: RequestDigest,
    ) -> Result<Import, ImportError> {
        if let Some(audience) = manifest.audience()
            && audience != self.core.keys().deployment()
        {
            return Err(ImportError::OtherDeployment(audience));
        }
        let refused = |reason| ImportError::Agency { party: manifest.party().clone(), reason };
        let agency = self.core.directory.by_name(PartyKind::Agency, manifest.party());
        let agency = agency.ok_or_else(|| refused(Reason::UnknownParty))?;
        agency.standing(self.core.now()?).map_err(refused)?;
        let imports = self.core.reader.imports()?;
        let known = imports.iter().find(|(_, row)| row.manifest == *digest.as_bytes());
        if known.is_none()
            && let Some((_, row)) = imports.iter().find(|(_, row)| !row.finished)
        {
            return Err(ImportError::Unfinished(row.name.clone()));
        }
        let first = self.core.reader.head().next_sequence;
        let (id, row) = known.cloned().unwrap_or_else(|| {
            let id = imports.last().map_or(1, |(id, _)| id.saturating_add(1));
            (id, new_row(manifest.name(), digest, first))
        });
        if known.is_none() {
            let begun = row.clone();
            self.core
                .registrar
                .note(Box::new(move |staged: &mut Staged| {
                    staged.put_import(id, &begun);
                    Ok(())
                }))
                .await?;
        }
        Ok(Import {
            core: Arc::clone(&self.core),
            id,
            part: row.part,
            record: row.records_done,
            finished: row.finished,
            agency,
            digest,
            in_hand: VecDeque::new(),
            since_noted: 0,
        })
    }

    /// Closes the deployment; everything that was loaded is durable. The index is brought up to date first, so that the
    /// next start does not have to: that may take as long as some minutes of loading.
    pub async fn close(self) {
        if let Some(foreman) = self.core.foreman.clone() {
            drop(tokio::task::spawn_blocking(move || foreman.finish()).await);
        }
        drop(self.core);
        let committer = self.committer;
        drop(tokio::task::spawn_blocking(move || committer.join()).await);
    }
}

fn new_row(name: &str, digest: RequestDigest, first: Sequence) -> ImportRow {
    ImportRow {
        name: name.to_owned(),
        manifest: *digest.as_bytes(),
        from: first,
        next: first,
        records_done: 0,
        part: 0,
        swept: first,
        finished: false,
        found: 0,
    }
}

/// A register on its way into the gallery.
pub struct Import {
    core: Arc<Core>,
    id: u32,
    /// The place of the next record.
    part: u32,
    record: u64,
    finished: bool,
    agency: Arc<Party>,
    digest: RequestDigest,
    /// Oldest first.
    in_hand: VecDeque<JoinHandle<Loaded>>,
    since_noted: u64,
}

/// What became of one record.
pub struct Loaded {
    /// The part of the register, from 0.
    pub part: u32,
    /// The place in the part, from 0.
    pub record: u64,
    /// The person's name in the register, if the record could be read.
    pub external_id: Option<ExternalId>,
    /// The number (12 digits) and the signed statement, or why the person could not be taken in.
    pub outcome: Result<(String, Envelope), status::Refusal>,
}

impl Import {
    /// Whether all records were loaded before.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Part and record, both from 0, that come next: everything before them was loaded by an earlier run.
    #[must_use]
    pub fn place(&self) -> (u32, u64) {
        (self.part, self.record)
    }

    /// Loads the next record of the part at hand. Returns the oldest record in hand once it is durable, when there are too
    /// many of them.
    ///
    /// # Errors
    /// [`ImportError::Failed`] if the place in the register could not be noted.
    pub async fn load(
        &mut self,
        record: Result<RegisterRecord, FieldViolation>,
    ) -> Result<Option<Loaded>, ImportError> {
        // Segments grow with the register, and so does the time to build one.
        while self.core.index.newest() > MOST_NEWEST && !self.core.registrar.has_failed() {
            tokio::time::sleep(MOMENT).await;
        }
        let (part, place) = (self.part, self.record);
        self.record += 1;
        let (core, agency, digest, import) =
            (Arc::clone(&self.core), Arc::clone(&self.agency), self.digest, self.id);
        self.in_hand.push_back(tokio::spawn(async move {
            let external_id = record.as_ref().ok().map(|record| record.external_id.clone());
            let ask = ask(&agency, digest, part, place);
            let outcome = match record {
                Ok(record) => take_in(&core, ask, record, import).await,
                Err(violation) => Err(violation.into()),
            };
            let outcome = outcome.map(|statement| (number_in(&statement), statement)).map_err(Into::into);
            Loaded { part, record: place, external_id, outcome }
        }));
        if self.in_hand.len() < WINDOW { Ok(None) } else { self.next().await }
    }

    /// The oldest record in hand, once it is durable; nothing if there is none.
    ///
    /// # Errors
    /// [`ImportError::Failed`].
    pub async fn next(&mut self) -> Result<Option<Loaded>, ImportError> {
        let Some(oldest) = self.in_hand.pop_front() else { return Ok(None) };
        let loaded = oldest.await.map_err(|_| Refusal::of(Reason::Internal))?;
        self.since_noted += 1;
        if self.since_noted >= NOTED_EVERY {
            self.note(loaded.part, loaded.record + 1, false).await?;
        }
        Ok(Some(loaded))
    }

    /// Goes on with the next part. Everything in hand must have been taken by [`Import::next`].
    ///
    /// # Errors
    /// [`ImportError::Failed`].
    pub async fn next_part(&mut self) -> Result<(), ImportError> {
        (self.part, self.record) = (self.part.saturating_add(1), 0);
        self.note(self.part, 0, false).await
    }

    /// Says that there are no more records: the sweep may compare them.
    ///
    /// # Errors
    /// [`ImportError::Failed`].
    pub async fn finish(mut self) -> Result<(), ImportError> {
        self.note(self.part, self.record, true).await
    }

    async fn note(&mut self, part: u32, record: u64, finished: bool) -> Result<(), ImportError> {
        self.since_noted = 0;
        let id = self.id;
        let note = move |staged: &mut Staged| {
            if let Some(mut row) = staged.import(id)? {
                (row.part, row.records_done, row.finished) = (part, record, finished || row.finished);
                staged.put_import(id, &row);
            }
            Ok(())
        };
        Ok(self.core.registrar.note(Box::new(note)).await?)
    }
}

/// The number that one of this service's own statements gives.
fn number_in(statement: &Envelope) -> String {
    let body = plinth_proto::enrolment::v1::EnrolmentStatement::decode(statement.payload());
    body.map(|body| body.number).unwrap_or_default()
}

/// The request that a record is: its id and nonce are the halves of its digest.
fn ask(agency: &Party, register: RequestDigest, part: u32, place: u64) -> Ask {
    /// Far beyond any load.
    const YEAR_10000_MS: u64 = 253_402_300_800_000;
    let digest = record_digest(register, part, place);
    let (mut id, mut nonce) = ([0; 16], [0; 16]);
    id.copy_from_slice(&digest[..16]);
    nonce.copy_from_slice(&digest[16..]);
    let never = Timestamp::from_millis(YEAR_10000_MS);
    Ask {
        kind: PartyKind::Agency,
        party: agency.id.clone(),
        request_id: RequestId::from_bytes(id),
        nonce: Nonce::from_bytes(nonce),
        digest: RequestDigest::from_bytes(digest),
        not_after: never,
        deadline: never,
        form: SignatureForm::Individual,
    }
}

async fn take_in(
    core: &Arc<Core>,
    ask: Ask,
    record: RegisterRecord,
    import: u32,
) -> Result<Envelope, Refusal> {
    if let Some(answer) =
        crate::registrar::earlier_answer(core.reader.answer(ask.kind, &ask.party, &ask.request_id)?, &ask)?
    {
        return Ok(core.replay(answer));
    }
    let place = core.enter()?;
    let helper = Arc::clone(core);
    let proposal = core
        .on_a_core(&place, move || {
            let probe = prepare(&record.fingers)?;
            let hashed = helper.index.hash(&probe.features);
            Ok::<_, Refusal>(Admission { record, probe, hashed, import })
        })
        .await??;
    core.decide(&place, ask, Box::new(proposal)).await
}

/// A record with everything done that needs no agreement.
struct Admission {
    record: RegisterRecord,
    probe: Prepared,
    hashed: Hashed,
    import: u32,
}

impl Proposal for Admission {
    fn catch_up(self: Box<Self>, _: &Core) -> Result<Box<dyn Proposal>, Refusal> {
        Ok(self)
    }

    fn decide(self: Box<Self>, sitting: &mut Sitting<'_>) -> Result<Decided, Refusal> {
        let Self { record, probe, hashed, import } = *self;
        let number = number_of(sitting, record.number)?;
        let mut row = sitting.staged.import(import)?.ok_or(Reason::Internal)?;
        let sequence = sitting.staged.next_sequence();
        let entry = GalleryEntry { sequence, fingers: record.fingers.samples().to_vec() };
        sitting.staged.put_gallery(sequence, &entry, &FeatureRow::new(probe.features.to_vec()));
        sitting.staged.put_holder(sequence, &Holder::Number(number));
        sitting.arrive(sequence, Arc::clone(&probe.features), Some(hashed));
        let (agency, request_id) = (sitting.ask.party.clone(), sitting.ask.request_id);
        let identity = IdentityRecord {
            sequence,
            status: LifecycleStatus::Active,
            demographics: record.demographics,
            enrolled_at: sitting.now,
            agency: agency.clone(),
            fingers: record.fingers.count(),
            locks: Locks::default(),
            totp: None,
            virtual_number: None,
        };
        sitting.staged.put_identity(&number, &identity);
        row.next = sequence.next();
        sitting.staged.put_import(import, &row);
        let request = plinth_identity::case::EnrolmentRef {
            agency: agency.clone(),
            request_id,
            digest: sitting.ask.digest,
        };
        let position = sitting.staged.next_log_position();
        let outcome = EnrolmentOutcome::Issued { number };
        let answer = state(sitting, &request, outcome, identity.fingers, 0);
        sitting.staged.put_enrolment(&agency, position, &EnrolmentEntry { request_id, at: sitting.now });
        Ok(Decided { answer, case: None })
    }
}

/// The number that the person keeps, if nobody else holds it; otherwise a new one.
fn number_of(sitting: &mut Sitting<'_>, kept: Option<IdentityNumber>) -> Result<IdentityNumber, Refusal> {
    match kept {
        None => draw_number(sitting),
        Some(number) if sitting.staged.identity_exists(&number)? => {
            Err(Refusal::field("number", "is held by somebody else already"))
        }
        Some(number) => Ok(number),
    }
}
