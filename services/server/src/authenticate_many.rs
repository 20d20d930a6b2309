//! Authentications over a stream: taken in as they come, alone or many under one signature, and answered as they commit.

use std::sync::Arc;

use plinth_identity::batch::{MAX_REQUESTS, SignatureForm};
use plinth_identity::dsse::{Verified, payload_type};
use plinth_identity::party::{Party, PartyKind};
use plinth_identity::reason::Reason;
use plinth_proto::authentication::v1::authenticate_many_request::Ask as WireAsk;
use plinth_proto::authentication::v1::{
    AuthenticateManyRequest, AuthenticateManyResponse, AuthenticationAnswer, AuthenticationRequest,
    RequestBatch as WireRequestBatch, StatementLeaf, authentication_answer,
};
use plinth_proto::convert::batch::{RequestBatch, decode_request_batch_root, encode_path, signature_form};
use plinth_proto::envelope;
use plinth_proto::status;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tonic::{Code, Status, Streaming};
use tracing::error;

use crate::authentication::propose;
use crate::core::{Core, Place};
use crate::gate::{Admission, Origin, admit, admit_verified, verify_envelope};
use crate::metrics::Stopwatch;
use crate::refusal::Refusal;
use crate::registrar::{Ask, Proposal, Reply, Settled};
use crate::signing::{Leaf, SignedAnswer, Together, sign_again_as};

/// Messages that may wait for a caller that reads slowly; then nothing more is signed for it.
pub(crate) const ANSWERS_AHEAD: usize = 16;

/// Answers that one message carries at most.
const ANSWERS_TOGETHER: usize = 64;

/// Requests of a batch that are compared one after the other, before other work gets its turn.
const COMPARED_TOGETHER: usize = 16;

/// One request of a stream, from its arrival until its answer is handed over.
pub(crate) struct Ticket {
    correlation: u64,
    form: SignatureForm,
    ask: Option<Ask>,
    origin: Origin,
    since: Stopwatch,
    /// Its place among the requests in hand, once it has one.
    place: Option<Place>,
    /// Its place among those of the stream.
    _window: OwnedSemaphorePermit,
    /// The stream, which goes on until nobody holds a ticket of it.
    told: mpsc::UnboundedSender<(Self, Fate)>,
}

/// What became of a request.
pub(crate) enum Fate {
    /// It was decided before.
    Replayed(SignedAnswer),
    /// It was decided now, or refused.
    Settled(Result<Settled, Refusal>),
}

impl Ticket {
    /// Tells the stream what became of the request.
    pub(crate) fn tell(mut self, fate: Fate) {
        // Only a proposal that must be compared again still needs its place: an answer that waits for a caller who reads
        // slowly must not keep others out.
        if !matches!(fate, Fate::Settled(Ok(Settled::Overtaken(_)))) {
            self.place = None;
        }
        let told = self.told.clone();
        drop(told.send((self, fate)));
    }

    /// Whether the caller has gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.told.is_closed()
    }

    fn refuse(self, refusal: Refusal) {
        self.tell(Fate::Settled(Err(refusal)));
    }

    fn submit(self, core: &Core, proposal: Box<dyn Proposal>) {
        if let Some(ask) = self.ask.clone() {
            core.registrar.hand_in(ask, proposal, Reply::Among(Box::new(self)));
        }
    }
}

/// What the requests of one stream have in common.
#[derive(Clone)]
struct Stream {
    core: Arc<Core>,
    origin: Origin,
    told: mpsc::UnboundedSender<(Ticket, Fate)>,
}

/// Takes requests in until the caller ends the stream, leaves, or the service drains; whatever was taken in is answered
/// before the stream ends, unless nobody is there to be told.
pub(crate) async fn authenticate_many(
    core: Arc<Core>,
    _place: Place,
    origin: Origin,
    mut requests: Streaming<AuthenticateManyRequest>,
    answers: mpsc::Sender<Result<AuthenticateManyResponse, Status>>,
) {
    let (told, fates) = mpsc::unbounded_channel();
    let writer = Writer { core: Arc::clone(&core), answers: answers.clone() };
    let writer = tokio::spawn(writer.run(fates));
    let window = Arc::new(Semaphore::new(core.config.limits.authentication_window));
    let stream = Stream { core: Arc::clone(&core), origin, told };
    let end = loop {
        let next = tokio::select! {
            biased;
            () = core.draining.cancelled() => break Some(Refusal::of(Reason::ShuttingDown).into()),
            () = answers.closed() => break None,
            next = requests.message() => next,
        };
        match next {
            Ok(Some(request)) => {
                let taken = stream.take(&window, request);
                tokio::select! {
                    () = answers.closed() => break None,
                    () = taken => {}
                }
            }
            Ok(None) => break None,
            Err(status) => break Some(status),
        }
    };
    // The writer ends when the last request that was taken in has been answered.
    drop(stream);
    if let Err(failure) = writer.await {
        error!(%failure, "answers of a stream ended abnormally");
    }
    if let Some(status) = end {
        hand_over(&core, &answers, Err(status)).await;
    }
}

/// Hands a message to the stream, but waits for no caller that never reads once a drain is over.
async fn hand_over(
    core: &Core,
    answers: &mpsc::Sender<Result<AuthenticateManyResponse, Status>>,
    answer: Result<AuthenticateManyResponse, Status>,
) {
    tokio::select! {
        _ = answers.send(answer) => {}
        () = core.cut.cancelled() => {}
    }
}

impl Stream {
    /// Takes one message in, as soon as the stream's window has room for it.
    async fn take(&self, window: &Arc<Semaphore>, message: AuthenticateManyRequest) {
        let AuthenticateManyRequest { correlation, ask, signature_form: form } = message;
        let count = match &ask {
            Some(WireAsk::Batch(batch)) => batch.payloads.len().clamp(1, MAX_REQUESTS),
            Some(WireAsk::Envelope(_)) | None => 1,
        };
        let permits = u32::try_from(count).unwrap_or(1);
        let Ok(mut permits) = Arc::clone(window).acquire_many_owned(permits).await else { return };
        let form = signature_form(form);
        let mut tickets = Vec::with_capacity(count);
        for correlation in (0..count).map(|index| correlation.wrapping_add(u64::try_from(index).unwrap_or(0)))
        {
            let Some(window) = permits.split(1) else { break };
            let form = *form.as_ref().unwrap_or(&SignatureForm::Individual);
            let (origin, since, told) = (self.origin.of_message(), Stopwatch::start(), self.told.clone());
            tickets.push(Ticket {
                correlation,
                form,
                ask: None,
                origin,
                since,
                place: None,
                _window: window,
                told,
            });
        }
        match (form, ask) {
            (Err(violation), _) => refuse(tickets, &violation.into()),
            (Ok(_), None) => refuse(tickets, &Refusal::field("ask", "is required")),
            (Ok(_), Some(WireAsk::Envelope(envelope))) => {
                let (stream, ticket) = (self.clone(), tickets.pop());
                tokio::spawn(async move {
                    if let Some(ticket) = ticket {
                        stream.ask(ticket, Work::Signed(envelope)).await;
                    }
                });
            }
            (Ok(_), Some(WireAsk::Batch(batch))) => match self.open(batch) {
                Ok((party, requests)) => self.spread(&party, requests, tickets),
                Err(refusal) => refuse(tickets, &refusal),
            },
        }
    }

    /// Verifies the one signature that covers a batch.
    fn open(&self, batch: WireRequestBatch) -> Result<(Arc<Party>, Vec<Verified>), Refusal> {
        let RequestBatch { root, payloads } =
            RequestBatch::try_from(batch).map_err(|violation| violation.at("batch"))?;
        let kind = payload_type::REQUEST_BATCH_ROOT;
        let (party, verified) =
            verify_envelope(&self.core, PartyKind::RelyingParty, kind, &root, "batch.root")?;
        let root = decode_request_batch_root(&verified).map_err(|violation| violation.at("batch.root"))?;
        if root.party != party.id {
            let description = "is not the party that signed";
            return Err(Refusal::at("batch.root.party", Reason::SignatureInvalid, description));
        }
        if root.audience != self.core.keys().deployment() {
            let description = "names another deployment; GetServiceInfo tells this one's id";
            return Err(Refusal::at("batch.root.audience", Reason::WrongAudience, description));
        }
        let below = root.proves_all(&verified, payload_type::AUTHENTICATION_REQUEST, payloads);
        let not_below = |_| {
            let description = "is not the root over these requests in this order";
            Refusal::at("batch.root.root_hash", Reason::SignatureInvalid, description)
        };
        Ok((party, below.map_err(not_below)?))
    }

    /// Hands a batch to as many tasks as keep every core busy.
    fn spread(&self, party: &Arc<Party>, requests: Vec<Verified>, tickets: Vec<Ticket>) {
        let mut work = requests.into_iter().zip(tickets);
        loop {
            let some: Vec<_> = work.by_ref().take(COMPARED_TOGETHER).collect();
            if some.is_empty() {
                return;
            }
            let (stream, party) = (self.clone(), Arc::clone(party));
            tokio::spawn(async move {
                for (verified, ticket) in some {
                    stream.ask(ticket, Work::Below(Arc::clone(&party), verified)).await;
                }
            });
        }
    }

    /// Takes one request as far as the committer's queue.
    async fn ask(&self, mut ticket: Ticket, work: Work) {
        if ticket.is_closed() {
            self.core.metrics.abandoned();
            return; // The caller has gone; a decision nobody waits for is not prepared.
        }
        match self.prepare(&mut ticket, work).await {
            Ok(Prepared::Replay(answer)) => ticket.tell(Fate::Replayed(answer)),
            Ok(Prepared::New(proposal)) => ticket.submit(&self.core, proposal),
            Err(refusal) => ticket.refuse(refusal),
        }
    }

    async fn prepare(&self, ticket: &mut Ticket, work: Work) -> Result<Prepared, Refusal> {
        let core = &self.core;
        let place = core.enter()?;
        let origin = ticket.origin.clone();
        let admission = match work {
            Work::Signed(envelope) => admit::<AuthenticationRequest>(core, origin, Some(envelope))?,
            Work::Below(party, verified) => {
                admit_verified::<AuthenticationRequest>(core, origin, party, verified)?
            }
        };
        match admission {
            Admission::Decided(answer) => {
                Ok(Prepared::Replay(sign_again_as(ticket.form, answer, &core.reader)?))
            }
            Admission::New(admitted) => {
                let (ask, proposal) = propose(core, &place, *admitted, ticket.form).await?;
                (ticket.ask, ticket.place) = (Some(ask), Some(place));
                Ok(Prepared::New(proposal))
            }
        }
    }
}

fn refuse(tickets: Vec<Ticket>, refusal: &Refusal) {
    for ticket in tickets {
        ticket.refuse(refusal.clone());
    }
}

/// A request as it came.
enum Work {
    /// With a signature of its own.
    Signed(envelope::v1::Envelope),
    /// Below a verified root of this party's.
    Below(Arc<Party>, Verified),
}

enum Prepared {
    Replay(SignedAnswer),
    New(Box<dyn Proposal>),
}

/// Signs and sends what is settled.
struct Writer {
    core: Arc<Core>,
    answers: mpsc::Sender<Result<AuthenticateManyResponse, Status>>,
}

impl Writer {
    async fn run(self, mut told: mpsc::UnboundedReceiver<(Ticket, Fate)>) {
        let mut fates = Vec::with_capacity(ANSWERS_TOGETHER);
        loop {
            let count = tokio::select! {
                () = self.answers.closed() => return,
                count = told.recv_many(&mut fates, ANSWERS_TOGETHER) => count,
            };
            if count == 0 {
                return;
            }
            let mut message = Message::default();
            for (ticket, fate) in fates.drain(..) {
                let (correlation, call, since) =
                    (ticket.correlation, ticket.origin.call.clone(), ticket.since);
                let Some(outcome) = self.finish(ticket, fate) else { continue };
                if let Some(call) = call {
                    let code = outcome.as_ref().map_or_else(Refusal::code, |_| Code::Ok);
                    self.core.metrics.message(&call, code, &since);
                }
                if !message.takes(&outcome) {
                    self.send(std::mem::take(&mut message)).await;
                }
                message.add(correlation, outcome);
            }
            self.send(message).await;
        }
    }

    /// Signs, or sends a proposal that was overtaken on its way again.
    fn finish(&self, ticket: Ticket, fate: Fate) -> Option<Result<SignedAnswer, Refusal>> {
        match fate {
            Fate::Replayed(answer) => Some(Ok(answer)),
            Fate::Settled(Ok(Settled::Committed(durable))) => {
                Some(durable.sign_as(ticket.form, &self.core.reader))
            }
            Fate::Settled(Ok(Settled::Overtaken(proposal))) => {
                self.catch_up(ticket, proposal);
                None
            }
            Fate::Settled(Err(refusal)) => Some(Err(refusal)),
        }
    }

    fn catch_up(&self, ticket: Ticket, proposal: Box<dyn Proposal>) {
        let Some(place) = ticket.place.clone() else { return };
        let core = Arc::clone(&self.core);
        tokio::spawn(async move {
            let helper = Arc::clone(&core);
            match core.on_a_core(&place, move || proposal.catch_up(&helper)).await {
                Ok(Ok(proposal)) => ticket.submit(&core, proposal),
                Ok(Err(refusal)) | Err(refusal) => ticket.refuse(refusal),
            }
        });
    }

    async fn send(&self, message: Message) {
        if message.answers.is_empty() {
            return;
        }
        let (keys, metrics) = (self.core.keys(), &self.core.metrics);
        let root = message.root.map(|together| together.root(keys, metrics).into());
        let mut answers = Vec::with_capacity(message.answers.len());
        for (correlation, outcome) in message.answers {
            let answer = match outcome {
                Ok(SignedAnswer::Alone(statement)) => {
                    authentication_answer::Answer::Statement(statement.into())
                }
                Ok(SignedAnswer::Below(Leaf { answer, leaf_index, path, .. })) => {
                    metrics.proved_by_path();
                    let path = encode_path(&path);
                    authentication_answer::Answer::Leaf(StatementLeaf {
                        payload: answer.payload,
                        leaf_index,
                        path,
                    })
                }
                Err(refusal) => {
                    let refusal = status::Refusal::from(refusal);
                    metrics.refused_because(&refusal);
                    authentication_answer::Answer::Refusal((&refusal).into())
                }
            };
            answers.push(AuthenticationAnswer { correlation, answer: Some(answer) });
        }
        hand_over(&self.core, &self.answers, Ok(AuthenticateManyResponse { answers, root })).await;
    }
}

/// Answers that go out together: of those below a root, only such as share it.
#[derive(Default)]
struct Message {
    answers: Vec<(u64, Result<SignedAnswer, Refusal>)>,
    root: Option<Arc<Together>>,
}

impl Message {
    fn takes(&self, outcome: &Result<SignedAnswer, Refusal>) -> bool {
        match (outcome, &self.root) {
            (Ok(SignedAnswer::Below(leaf)), Some(root)) => Arc::ptr_eq(&leaf.together, root),
            _ => true,
        }
    }

    fn add(&mut self, correlation: u64, outcome: Result<SignedAnswer, Refusal>) {
        if let Ok(SignedAnswer::Below(leaf)) = &outcome {
            self.root = Some(Arc::clone(&leaf.together));
        }
        self.answers.push((correlation, outcome));
    }
}
