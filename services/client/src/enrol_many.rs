//! One stream of enrolments: what goes out is remembered until it is answered.

use std::pin::Pin;
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
use crate::waiting::Waiting;

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
    let waiting = Waiting::new();
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
    waiting: &Waiting<SignedRequest>,
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

/// The caller's requests on their way out. The transport may poll it still when the call has ended; the lock makes taking
/// a request and remembering it one step, so that none is taken after the rest was reported.
struct Outgoing<S> {
    requests: Pin<Box<S>>,
    waiting: Waiting<SignedRequest>,
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
        let envelope = Some(request.envelope().into());
        Poll::Ready(Some(EnrolManyRequest { correlation: out.remember(request), envelope }))
    }
}
