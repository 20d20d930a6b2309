//! A stream to the service that many questions share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use plinth_client::identity::RequestId;
use plinth_client::identity::batch::{MAX_REQUESTS, SignatureForm};
use plinth_client::identity::statement::AuthenticationStatement;
use plinth_client::{Ask, ClientError, Proved, RelyingParty, SignedRequest};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;

/// How long requests are gathered before they are signed together.
const GATHERING: Duration = Duration::from_millis(20);

type Answer = Result<Proved<AuthenticationStatement>, ClientError>;

/// Who waits for which answer.
type Waiting = Arc<Mutex<HashMap<RequestId, oneshot::Sender<Answer>>>>;

/// One stream of a relying party's.
pub(crate) struct Lane {
    requests: mpsc::UnboundedSender<SignedRequest>,
    waiting: Waiting,
}

impl Lane {
    /// Opens a stream. Requests are sent as they come, or gathered and signed together; every answer is verified.
    pub(crate) fn open(by: &RelyingParty, gathers: bool, form: SignatureForm) -> Self {
        let (requests, asked) = mpsc::unbounded_channel();
        let waiting = Waiting::default();
        let (asks, outgoing) = mpsc::unbounded_channel();
        if gathers {
            tokio::spawn(gather(by.clone(), asked, asks));
        } else {
            tokio::spawn(pass_on(asked, asks));
        }
        let answers = by.authenticate_many(UnboundedReceiverStream::new(outgoing), form);
        tokio::spawn(hand_out(answers, Arc::clone(&waiting)));
        Self { requests, waiting }
    }

    /// Sends a request and waits for its answer. Nothing comes back if the stream has ended.
    pub(crate) async fn ask(&self, request: &SignedRequest) -> Option<Answer> {
        let (answered, answer) = oneshot::channel();
        lock(&self.waiting).insert(request.request_id(), answered);
        self.requests.send(request.clone()).ok()?;
        answer.await.ok()
    }
}

fn lock(
    waiting: &Mutex<HashMap<RequestId, oneshot::Sender<Answer>>>,
) -> std::sync::MutexGuard<'_, HashMap<RequestId, oneshot::Sender<Answer>>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn pass_on(mut asked: mpsc::UnboundedReceiver<SignedRequest>, asks: mpsc::UnboundedSender<Ask>) {
    while let Some(request) = asked.recv().await {
        if asks.send(Ask::One(request)).is_err() {
            return;
        }
    }
}

/// Signs whatever comes within a moment together.
async fn gather(
    by: RelyingParty,
    mut asked: mpsc::UnboundedReceiver<SignedRequest>,
    asks: mpsc::UnboundedSender<Ask>,
) {
    while let Some(first) = asked.recv().await {
        let mut requests = vec![first];
        let deadline = tokio::time::sleep(GATHERING);
        tokio::pin!(deadline);
        while requests.len() < MAX_REQUESTS {
            tokio::select! {
                () = &mut deadline => break,
                next = asked.recv() => match next {
                    Some(next) => requests.push(next),
                    None => break,
                },
            }
        }
        let Ok(batch) = by.sign_together(&requests) else { return };
        if asks.send(Ask::Batch(batch)).is_err() {
            return;
        }
    }
}

async fn hand_out(
    mut answers: impl tokio_stream::Stream<Item = (RequestId, Answer)> + Unpin,
    waiting: Waiting,
) {
    while let Some((id, answer)) = answers.next().await {
        if let Some(answered) = lock(&waiting).remove(&id) {
            // Nobody waits for an answer after the load has ended.
            drop(answered.send(answer));
        }
    }
    lock(&waiting).clear();
}
