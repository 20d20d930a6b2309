//! The one place where decisions become durable: a bounded queue into one committer that owns the storage writer.
//!
//! Everything that two requests could disagree about is settled here, in one order: whether a request was decided
//! before, which number is free, whether a second copy of a person is in flight. A batch of decisions shares one atomic
//! write and one fsync; only then is anyone answered, and only what was committed can be signed.

mod sitting;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use plinth_identity::batch::SignatureForm;
use plinth_identity::id::LogPosition;
use plinth_identity::party::{Party, PartyKind};
use plinth_identity::policy::DeduplicationPolicy;
use plinth_identity::reason::Reason;
use plinth_identity::time::Timestamp;
use plinth_storage::{Head, NonceUse, Reader, Staged, StoreError, StoredAnswer, Writer};
use rand::rngs::StdRng;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info};

use crate::authenticate_many::{Fate, Ticket};
use crate::clock::Clock;
use crate::config::ServeConfig;
use crate::directory::Directory;
use crate::index::{Arrival, Foreman, Index, Indexer};
use crate::metrics::{Metrics, Stopwatch};
use crate::pace::Pace;
use crate::recent::Recent;
use crate::refusal::Refusal;
use crate::signing::{Durable, Together};
use crate::touched::Touched;

pub(crate) use sitting::{Answer, Ask, Decided, Proposal, Rules, Sitting, draw_number};

/// How many of the newest people are kept at hand: more than enter the gallery during one search, so that practically no
/// search has to be repeated. Some 40 KiB of features each with ten fingers.
const RECENT_PEOPLE: usize = 512;

/// How far the clock may be behind the newest commit.
const CLOCK_TOLERANCE_MS: u64 = 2_000;

/// How long after a request's deadline its rows are kept: longer than clocks are allowed to disagree.
const RECLAIM_AFTER_MS: u64 = 60_000;

/// What became of a submission that was not refused.
pub(crate) enum Settled {
    /// Durable: the answer may be signed.
    Committed(Durable),
    /// Not decided: too many people came in between. See [`Proposal::catch_up`].
    Overtaken(Box<dyn Proposal>),
}

type Outcome = Result<Settled, Refusal>;

/// Whom a decision is told.
pub(crate) enum Reply {
    /// A call that waits for nothing else.
    Alone(oneshot::Sender<Outcome>),
    /// One request of a stream, which waits for many.
    Among(Box<Ticket>),
}

impl Reply {
    /// Whether nobody waits any more.
    fn is_closed(&self) -> bool {
        match self {
            Self::Alone(caller) => caller.is_closed(),
            Self::Among(ticket) => ticket.is_closed(),
        }
    }

    /// Tells. A caller that has gone meanwhile sends the same bytes again, and learns it then.
    pub(crate) fn send(self, outcome: Outcome) {
        match self {
            Self::Alone(caller) => drop(caller.send(outcome)),
            Self::Among(ticket) => ticket.tell(Fate::Settled(outcome)),
        }
    }
}

/// Stages a change that answers nobody.
pub(crate) type Note = Box<dyn FnOnce(&mut Staged) -> Result<(), StoreError> + Send>;

pub(crate) enum Job {
    /// A request waits for its decision.
    Decide { ask: Ask, proposal: Box<dyn Proposal>, reply: Reply },
    /// A change that answers nobody: the outbox, the index, the progress of long work.
    Note { note: Note, reply: oneshot::Sender<Result<(), Refusal>> },
}

impl Job {
    /// Tells whoever waits that nothing was done.
    fn refuse(self, refusal: &Refusal) {
        match self {
            Self::Decide { reply, .. } => reply.send(Err(refusal.clone())),
            Self::Note { reply, .. } => drop(reply.send(Err(refusal.clone()))),
        }
    }
}

/// The handle by which requests reach the committer. Cloning it is cheap; the committer ends when the last one is gone.
#[derive(Clone)]
pub(crate) struct Registrar {
    queue: mpsc::Sender<Job>,
    failed: Arc<AtomicBool>,
    /// The newest people, those of the batch in hand included: should its commit fail, nothing is decided any more.
    pub(crate) recent: Arc<RwLock<Recent>>,
}

impl Registrar {
    /// Starts the committer on a thread of its own.
    pub(crate) fn start(
        writer: Writer,
        reader: Reader,
        directory: Arc<Directory>,
        config: &ServeConfig,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        index: Arc<Index>,
    ) -> std::io::Result<(Self, Foreman, JoinHandle<()>)> {
        let (registrar, mut committer, jobs) =
            Self::appoint(writer, reader.clone(), directory, config, clock, metrics, Arc::clone(&index));
        let (indexer, foreman) = Indexer::start(&index, &reader, registrar.clerk(), config.index.newest)?;
        committer.indexer = Some(indexer);
        let thread =
            std::thread::Builder::new().name("committer".into()).spawn(move || committer.run(jobs))?;
        Ok((registrar, foreman, thread))
    }

    /// The committer, its queue, and the handle to both. Nothing runs yet.
    pub(crate) fn appoint(
        writer: Writer,
        reader: Reader,
        directory: Arc<Directory>,
        config: &ServeConfig,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        index: Arc<Index>,
    ) -> (Self, Committer, mpsc::Receiver<Job>) {
        let (queue_length, batch) = (config.limits.queue, config.limits.batch);
        // Whoever is staged in the batch in hand must be among them.
        let capacity = RECENT_PEOPLE.max(batch.saturating_mul(2));
        let recent = Arc::new(RwLock::new(Recent::new(reader.head().next_sequence, capacity)));
        let (queue, jobs) = mpsc::channel(queue_length);
        let failed = Arc::new(AtomicBool::new(false));
        let committer = Committer {
            recent: Arc::clone(&recent),
            touched: Touched::new(reader.head().commits),
            writer,
            reader,
            index,
            directory,
            metrics,
            policy: config.deduplication_policy(),
            rules: Rules {
                attempts: config.attempt_policy(),
                duplicates: config.quotas,
                relying_parties: config.relying_parties,
            },
            clock,
            rng: rand::make_rng(),
            arrivals: Vec::new(),
            indexer: None,
            batch,
            pace: Pace::new(Duration::from_millis(config.limits.commit_interval_ms)),
            failed: Arc::clone(&failed),
        };
        (Self { queue, failed, recent }, committer, jobs)
    }

    /// Submits a decision and waits until it is durable. Order among concurrent submissions is the committer's.
    pub(crate) async fn submit(&self, ask: Ask, proposal: Box<dyn Proposal>) -> Outcome {
        let (reply, answer) = oneshot::channel();
        self.hand_in(ask, proposal, Reply::Alone(reply));
        answer.await.unwrap_or_else(|_| Err(Refusal::of(Reason::NotServing)))
    }

    /// Submits a decision, and has it told to whoever the reply names: at once if it is refused.
    pub(crate) fn hand_in(&self, ask: Ask, proposal: Box<dyn Proposal>, reply: Reply) {
        let Err(refused) = self.queue.try_send(Job::Decide { ask, proposal, reply }) else { return };
        let (job, refusal) = match refused {
            mpsc::error::TrySendError::Full(job) => (job, Refusal::overloaded()),
            mpsc::error::TrySendError::Closed(job) => (job, Refusal::of(Reason::NotServing)),
        };
        job.refuse(&refusal);
    }

    /// Has a change made that answers nobody, and waits until it is durable. Unlike a request it waits for a place in the
    /// queue: nobody else would send it again.
    pub(crate) async fn note(&self, note: Note) -> Result<(), Refusal> {
        let (reply, answer) = oneshot::channel();
        let gone = || Refusal::of(Reason::NotServing);
        self.queue.send(Job::Note { note, reply }).await.map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// The same way for a thread of the service's own, which must not keep the committer alive.
    pub(crate) fn clerk(&self) -> Clerk {
        Clerk(self.queue.downgrade())
    }

    /// Decisions that wait for the committer.
    pub(crate) fn waiting(&self) -> u64 {
        u64::try_from(self.queue.max_capacity() - self.queue.capacity()).unwrap_or(u64::MAX)
    }

    /// Whether a commit has failed. Nothing is written from then on until the service is started anew.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }
}

/// A background thread's way to the committer.
#[derive(Clone)]
pub(crate) struct Clerk(mpsc::WeakSender<Job>);

impl Clerk {
    /// Whether the service ends: nobody will ask the committer for anything any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.0.strong_count() == 0
    }

    /// Has a change made that answers nobody, and blocks until it is durable.
    pub(crate) fn note(&self, note: Note) -> Result<(), Refusal> {
        let (reply, answer) = oneshot::channel();
        let gone = || Refusal::of(Reason::NotServing);
        let queue = self.0.upgrade().ok_or_else(gone)?;
        queue.blocking_send(Job::Note { note, reply }).map_err(|_| gone())?;
        drop(queue);
        answer.blocking_recv().unwrap_or_else(|_| Err(gone()))
    }
}

/// Makes a committer that ends in any other way than by running out of work known, a panic included.
struct Alarm {
    failed: Arc<AtomicBool>,
    armed: bool,
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if self.armed {
            self.failed.store(true, Ordering::SeqCst);
        }
    }
}

pub(crate) struct Committer {
    pub(crate) writer: Writer,
    reader: Reader,
    index: Arc<Index>,
    directory: Arc<Directory>,
    metrics: Arc<Metrics>,
    policy: DeduplicationPolicy,
    rules: Rules,
    clock: Arc<dyn Clock>,
    rng: StdRng,
    recent: Arc<RwLock<Recent>>,
    touched: Touched,
    /// Who enters the gallery with the batch in hand.
    arrivals: Vec<Arrival>,
    /// Takes in whoever has entered. It ends with the committer, which waits for that.
    indexer: Option<Indexer>,
    batch: usize,
    pace: Pace,
    failed: Arc<AtomicBool>,
}

impl Committer {
    fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut alarm = Alarm { failed: Arc::clone(&self.failed), armed: true };
        let mut batch = Vec::with_capacity(self.batch);
        while jobs.blocking_recv_many(&mut batch, self.batch) > 0 {
            self.gather(&mut jobs, &mut batch);
            if let Err(first) = self.settle(&mut batch) {
                // Nothing after a failed fsync can be trusted: say so, answer everyone, and let the operator reopen.
                error!(reason = %first, "a commit failed; this service writes nothing more until it is restarted");
                self.failed.store(true, Ordering::SeqCst);
                jobs.close();
                while let Some(job) = jobs.blocking_recv() {
                    job.refuse(&Refusal::of(Reason::NotServing));
                }
                return;
            }
        }
        alarm.armed = false;
        info!("committer finished: every decision is durable");
    }

    /// Lets a busy service's batch grow before it is settled.
    fn gather(&mut self, jobs: &mut mpsc::Receiver<Job>, batch: &mut Vec<Job>) {
        let at_hand = batch.len();
        let wait = self.pace.wait();
        if at_hand < self.batch && !wait.is_zero() {
            std::thread::sleep(wait);
            batch.extend(std::iter::from_fn(|| jobs.try_recv().ok()).take(self.batch - at_hand));
            self.pace.waited(batch.len() > at_hand);
        }
        self.pace.begin();
    }

    /// Decides one request and stages it.
    pub(crate) fn sit(
        &mut self,
        staged: &mut Staged,
        changes: &mut Vec<Arc<Party>>,
        now: Timestamp,
        ask: Ask,
        proposal: Box<dyn Proposal>,
    ) -> Result<Considered, Refusal> {
        let mut sitting = Sitting {
            staged,
            recent: &self.recent,
            reader: &self.reader,
            index: &self.index,
            directory: &self.directory,
            metrics: &self.metrics,
            policy: &self.policy,
            rules: &self.rules,
            rng: &mut self.rng,
            now,
            ask,
            changes,
            touched: &mut self.touched,
            arrivals: &mut self.arrivals,
        };
        consider(&mut sitting, proposal)
    }

    /// Decides a batch, commits it once, and answers everyone.
    fn settle(&mut self, batch: &mut Vec<Job>) -> Result<(), plinth_storage::CommitError> {
        let mut staged = self.writer.stage();
        let (mut answers, mut waiting) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        let (mut changes, mut noted, mut overtaken) = (Vec::new(), Vec::new(), Vec::new());
        self.arrivals.clear();
        // Read once for the whole batch: its decisions are one moment.
        let now = match time_of(self.clock.as_ref(), &self.reader.head()) {
            Ok(now) => now,
            Err(refusal) => {
                refuse_all(batch, &refusal);
                return Ok(());
            }
        };
        let size = batch.len();
        for job in batch.drain(..) {
            let (ask, proposal, reply) = match job {
                Job::Decide { ask, proposal, reply } => (ask, proposal, reply),
                Job::Note { note, reply } => {
                    match note(&mut staged) {
                        Ok(()) => noted.push(reply),
                        Err(error) => drop(reply.send(Err(error.into()))),
                    }
                    continue;
                }
            };
            if reply.is_closed() {
                self.metrics.abandoned();
                continue; // The caller has gone; a decision nobody waits for is not made.
            }
            let together = (ask.form == SignatureForm::Batch).then_some(ask.deadline);
            match self.sit(&mut staged, &mut changes, now, ask, proposal) {
                Ok(Considered::Answered(answer, position)) => {
                    if let Some(deadline) = together.filter(|_| position.is_some()) {
                        staged.sign_together(deadline);
                    }
                    answers.push(answer);
                    waiting.push((reply, position));
                }
                // Told only after the commit: what overtook it may be part of this batch.
                Ok(Considered::Overtaken(proposal)) => overtaken.push((reply, proposal)),
                // A caller that has gone in the meantime misses nothing: a refusal changed nothing.
                Err(refusal) => reply.send(Err(refusal)),
            }
        }
        if !staged.is_empty() {
            staged.set_latest(now);
            // What each batch leaves to be reclaimed one day is reclaimed by a later one: at least as fast as it grows.
            let until = Timestamp::from_millis(now.millis().saturating_sub(RECLAIM_AFTER_MS));
            if let Err(error) = staged.reclaim(until, size.saturating_mul(4).max(256)) {
                error!(%error, "expired rows could not be reclaimed");
            }
        }
        let stopwatch = Stopwatch::start();
        match self.writer.commit_batch(staged, answers) {
            Ok((committed, batch)) => {
                self.metrics.committed(stopwatch.elapsed(), committed.len());
                for party in changes {
                    self.directory.record(party);
                }
                let together = batch.map(Together::new);
                for ((reply, position), answer) in waiting.into_iter().zip(committed) {
                    let leaf = position.zip(together.clone());
                    reply.send(Ok(Settled::Committed(Durable::new(answer, leaf))));
                }
                if let Some(indexer) = self.indexer.as_ref().filter(|_| !self.arrivals.is_empty()) {
                    indexer.arrived(std::mem::take(&mut self.arrivals));
                }
                for reply in noted {
                    drop(reply.send(Ok(())));
                }
                for (reply, proposal) in overtaken {
                    reply.send(Ok(Settled::Overtaken(proposal)));
                }
                Ok(())
            }
            Err(error) => {
                let untold = waiting.into_iter().map(|(reply, _)| reply);
                for reply in untold.chain(overtaken.into_iter().map(|(reply, _)| reply)) {
                    reply.send(Err(Refusal::of(Reason::NotServing)));
                }
                drop(noted);
                Err(error)
            }
        }
    }
}

pub(crate) enum Considered {
    /// With the log position, if it was decided just now.
    Answered(Answer, Option<LogPosition>),
    Overtaken(Box<dyn Proposal>),
}

/// One request of a batch: the stored answer if it was decided before, the proposal's own decision otherwise. Standing
/// and age are looked at again, because a request may have waited while its party was suspended.
fn consider(sitting: &mut Sitting<'_>, proposal: Box<dyn Proposal>) -> Result<Considered, Refusal> {
    let ask = sitting.ask.clone();
    let answered = sitting.staged.answer(ask.kind, &ask.party, &ask.request_id)?;
    if let Some(answer) = earlier_answer(answered, &ask)? {
        return Ok(Considered::Answered(answer, None));
    }
    if sitting.staged.nonce(ask.kind, &ask.party, &ask.nonce)?.is_some_and(|used| used.digest != ask.digest) {
        return Err(Refusal::of(Reason::ReplayConflict));
    }
    // A request whose deadline is behind what was reclaimed may have lost the nonce that would tell a repetition.
    if sitting.now > ask.deadline || ask.deadline < sitting.staged.head().reclaimed {
        return Err(Refusal::of(Reason::Expired).with_time(sitting.now));
    }
    sitting.party(ask.kind, &ask.party)?.standing(sitting.now)?;
    if proposal.overtaken(sitting.recent) || proposal.stale(sitting.touched) {
        return Ok(Considered::Overtaken(proposal));
    }
    let position = sitting.staged.next_log_position();
    let Decided { answer, case } = proposal.decide(sitting)?;
    sitting.staged.put_answer(
        ask.kind,
        &ask.party,
        &ask.request_id,
        &StoredAnswer {
            digest: ask.digest,
            kind: answer.kind,
            statement: answer.payload.clone(),
            not_after: ask.not_after,
            case,
            latest: None,
        },
    );
    let used = NonceUse { digest: ask.digest, not_after: ask.not_after };
    sitting.staged.put_nonce(ask.kind, &ask.party, &ask.nonce, &used);
    // Past its deadline a request is refused for its age, so neither row is needed for that any longer. What agencies were
    // answered is kept for good: they ask for it.
    sitting.staged.expire_nonce(ask.kind, &ask.party, &ask.nonce, ask.deadline);
    if ask.kind != PartyKind::Agency {
        sitting.staged.expire_answer(ask.kind, &ask.party, &ask.request_id, ask.deadline);
    }
    Ok(Considered::Answered(answer, Some(position)))
}

/// The present moment by a clock, never before the newest commit. A clock that has been set back by more than two seconds
/// decides nothing: it would make old requests young again, and sign statements out of order.
pub(crate) fn time_of(clock: &dyn Clock, head: &Head) -> Result<Timestamp, Refusal> {
    let now = clock.now();
    if head.latest.since(now) > CLOCK_TOLERANCE_MS {
        return Err(Refusal::of(Reason::ClockBehind).with_time(now));
    }
    Ok(now.max(head.latest))
}

fn refuse_all(batch: &mut Vec<Job>, refusal: &Refusal) {
    for job in batch.drain(..) {
        job.refuse(refusal);
    }
}

/// The answer that the same bytes were given before; other bytes under the same id are refused.
pub(crate) fn earlier_answer(stored: Option<StoredAnswer>, ask: &Ask) -> Result<Option<Answer>, Refusal> {
    match stored {
        None => Ok(None),
        Some(stored) if stored.digest == ask.digest => {
            Ok(Some(Answer { kind: stored.kind, payload: stored.statement }))
        }
        Some(_) => Err(Refusal::of(Reason::ReplayConflict)),
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        error!(%error, "the store could not be read");
        Self::of(Reason::Internal)
    }
}
