//! One stream of enrolments: what goes out is remembered until it is answered.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use plinth_identity::field::FieldViolation;
use plinth_identity::id::RequestId;
use plinth_identity::statement::EnrolmentStatement;
use plinth_proto::convert::enrolment::Answer;
use plinth_proto::enrolment::v1::EnrolManyRequest;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;

use crate::agency::{client, verified};
use crate::answer::Answered;
use crate::error::ClientError;
use crate::request::SignedRequest;
use crate::signatory::Signatory;

/// Answers that may wait for the caller; then the service waits as well.
const ANSWERS_AHEAD: usize = 64;

type Outcome = (RequestId, Result<Answered<EnrolmentStatement>, ClientError>);

pub(crate) fn enrol_many<S>(by: Signatory, requests: S) -> ReceiverStream<Outcome>
where
    S: Stream<Item = SignedRequest> + Send + 'static,
{
    let (outcomes, stream) = mpsc::channel(ANSWERS_AHEAD);
    tokio::spawn(drive(by, requests, outcomes));
    ReceiverStream::new(stream)
}

/// Runs the stream to its end, then reports what was left without an answer.
async fn drive<S>(by: Signatory, requests: S, outcomes: mpsc::Sender<Outcome>)
where
    S: Stream<Item = SignedRequest> + Send + 'static,
{
    let waiting = Waiting::default();
    let outgoing = Outgoing { requests: Box::pin(requests), waiting: waiting.clone() };
    let end =
        converse(&by, outgoing, &waiting, &outcomes).await.err().unwrap_or_else(ClientError::unanswered);
    for request in waiting.close() {
        if outcomes.send((request.request_id(), Err(end.clone()))).await.is_err() {
            return;
        }
    }
}

async fn converse<S>(
    by: &Signatory,
    outgoing: Outgoing<S>,
    waiting: &Waiting,
    outcomes: &mpsc::Sender<Outcome>,
) -> Result<(), ClientError>
where
    S: Stream<Item = SignedRequest> + Send + 'static,
{
    let mut client = client(&by.connection);
    let mut answers = client.enrol_many(outgoing).await?.into_inner();
    loop {
        let answer = tokio::select! {
            () = outcomes.closed() => return Ok(()),
            answer = answers.message() => answer?,
        };
        let Some(answer) = answer else { return Ok(()) };
        let answer = Answer::try_from(answer).map_err(ClientError::malformed_answer)?;
        let request = waiting.answered(answer.correlation).ok_or_else(unasked)?;
        let outcome = match answer.outcome {
            Ok(statement) => verified(by, &request, statement),
            Err(refusal) => Err(refusal.into()),
        };
        if outcomes.send((request.request_id(), outcome)).await.is_err() {
            return Ok(());
        }
    }
}

fn unasked() -> ClientError {
    ClientError::malformed_answer(FieldViolation::malformed("correlation", "answers nothing that was asked"))
}

/// The requests that are out and unanswered, by correlation.
#[derive(Clone, Default)]
struct Waiting(Arc<Mutex<Out>>);

#[derive(Default)]
struct Out {
    requests: BTreeMap<u64, SignedRequest>,
    next: u64,
    /// Nothing is taken in any more: whoever is inside has been reported.
    closed: bool,
}

impl Waiting {
    fn answered(&self, correlation: u64) -> Option<SignedRequest> {
        self.out().requests.remove(&correlation)
    }

    fn close(&self) -> Vec<SignedRequest> {
        let mut out = self.out();
        out.closed = true;
        std::mem::take(&mut out.requests).into_values().collect()
    }

    fn out(&self) -> MutexGuard<'_, Out> {
        // The map is whole after every statement that touches it, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The caller's requests on their way out. The transport may poll it still when the call has ended; the lock makes taking
/// a request and remembering it one step, so that none is taken after the rest was reported.
struct Outgoing<S> {
    requests: Pin<Box<S>>,
    waiting: Waiting,
}

impl<S: Stream<Item = SignedRequest>> Stream for Outgoing<S> {
    type Item = EnrolManyRequest;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<EnrolManyRequest>> {
        let this = self.get_mut();
        let mut out = this.waiting.out();
        if out.closed {
            return Poll::Ready(None);
        }
        let Some(request) = ready!(this.requests.as_mut().poll_next(context)) else {
            return Poll::Ready(None);
        };
        let correlation = out.next;
        out.next += 1;
        let message = EnrolManyRequest { correlation, envelope: Some(request.envelope().into()) };
        out.requests.insert(correlation, request);
        Poll::Ready(Some(message))
    }
}
