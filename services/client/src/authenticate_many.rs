//! One stream of authentications: what goes out is remembered until it is answered.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use plinth_identity::batch::SignatureForm;
use plinth_identity::dsse::Envelope;
use plinth_identity::field::FieldViolation;
use plinth_identity::id::RequestId;
use plinth_identity::statement::AuthenticationStatement;
use plinth_proto::authentication::v1::{AuthenticateManyRequest, authenticate_many_request};
use plinth_proto::convert::authentication::{Answer, answers};
use plinth_proto::convert::batch::{RequestBatch, encode_signature_form};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;

use crate::answer::Proved;
use crate::error::ClientError;
use crate::relying_party::client;
use crate::request::{Asked, SignedBatch, SignedRequest};
use crate::signatory::Signatory;
use crate::trust::Roots;
use crate::verify;
use crate::waiting::Waiting;

/// Answers that may wait for the caller; then the service waits as well.
const ANSWERS_AHEAD: usize = 256;

type Outcome = (RequestId, Result<Proved<AuthenticationStatement>, ClientError>);

/// What goes out over a stream at a time.
#[derive(Debug, Clone)]
pub enum Ask {
    /// One request with a signature of its own.
    One(SignedRequest),
    /// Many under one signature.
    Batch(SignedBatch),
}

impl From<SignedRequest> for Ask {
    fn from(request: SignedRequest) -> Self {
        Self::One(request)
    }
}

impl From<SignedBatch> for Ask {
    fn from(batch: SignedBatch) -> Self {
        Self::Batch(batch)
    }
}

pub(crate) fn authenticate_many<S>(by: Signatory, asks: S, form: SignatureForm) -> ReceiverStream<Outcome>
where
    S: Stream<Item = Ask> + Send + 'static,
{
    let (outcomes, stream) = mpsc::channel(ANSWERS_AHEAD);
    tokio::spawn(drive(by, asks, form, outcomes));
    ReceiverStream::new(stream)
}

/// Runs the stream to its end, then reports what was left without an answer.
async fn drive<S>(by: Signatory, asks: S, form: SignatureForm, outcomes: mpsc::Sender<Outcome>)
where
    S: Stream<Item = Ask> + Send + 'static,
{
    let waiting = Waiting::new();
    let outgoing = Outgoing { asks: Box::pin(asks), form, waiting: waiting.clone() };
    let end =
        converse(&by, outgoing, &waiting, &outcomes).await.err().unwrap_or_else(ClientError::unanswered);
    for asked in waiting.close() {
        if outcomes.send((asked.request_id, Err(end.clone()))).await.is_err() {
            return;
        }
    }
}

async fn converse<S>(
    by: &Signatory,
    outgoing: Outgoing<S>,
    waiting: &Waiting<Asked>,
    outcomes: &mpsc::Sender<Outcome>,
) -> Result<(), ClientError>
where
    S: Stream<Item = Ask> + Send + 'static,
{
    let mut messages = client(&by.connection).authenticate_many(outgoing).await?.into_inner();
    let mut roots = Roots::new(&by.trust);
    loop {
        let message = tokio::select! {
            () = outcomes.closed() => return Ok(()),
            message = messages.message() => message?,
        };
        let Some(message) = message else { return Ok(()) };
        for (correlation, answer) in answers(message).map_err(ClientError::malformed_answer)? {
            let asked = waiting.answered(correlation).ok_or_else(unasked)?;
            let outcome = judge(by, &asked, answer, &mut roots);
            if outcomes.send((asked.request_id, outcome)).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// What an answer says, once it is known to answer this very request.
fn judge(
    by: &Signatory,
    asked: &Asked,
    answer: Answer,
    roots: &mut Roots<'_>,
) -> Result<Proved<AuthenticationStatement>, ClientError> {
    let proof = match answer {
        Answer::Alone(envelope) => envelope.into(),
        Answer::Below(below) => below.into(),
        Answer::Refused(refusal) => return Err(refusal.into()),
    };
    let statement = verify::decided(asked.digest, &by.id, &proof, roots).map_err(ClientError::Answer)?;
    Ok(Proved { statement, proof })
}

fn unasked() -> ClientError {
    ClientError::malformed_answer(FieldViolation::malformed("correlation", "answers nothing that was asked"))
}

/// The caller's requests on their way out. The transport may poll it still when the call has ended; the lock makes taking
/// a request and remembering it one step, so that none is taken after the rest was reported.
struct Outgoing<S> {
    asks: Pin<Box<S>>,
    form: SignatureForm,
    waiting: Waiting<Asked>,
}

impl<S: Stream<Item = Ask>> Stream for Outgoing<S> {
    type Item = AuthenticateManyRequest;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<AuthenticateManyRequest>> {
        let this = self.get_mut();
        let mut out = this.waiting.out();
        if out.closed {
            return Poll::Ready(None);
        }
        let Some(ask) = ready!(this.asks.as_mut().poll_next(context)) else {
            return Poll::Ready(None);
        };
        let (correlation, ask) = match ask {
            Ask::One(request) => (out.remember(request.asked()), on_the_wire(request.envelope())),
            Ask::Batch(batch) => {
                let (asked, batch) = batch.into_parts();
                let correlations: Vec<u64> = asked.into_iter().map(|asked| out.remember(asked)).collect();
                // A batch holds at least one request.
                (correlations.first().copied().unwrap_or_default(), many_on_the_wire(batch))
            }
        };
        let signature_form = encode_signature_form(this.form);
        Poll::Ready(Some(AuthenticateManyRequest { correlation, ask: Some(ask), signature_form }))
    }
}

fn on_the_wire(envelope: &Envelope) -> authenticate_many_request::Ask {
    authenticate_many_request::Ask::Envelope(envelope.into())
}

fn many_on_the_wire(batch: RequestBatch) -> authenticate_many_request::Ask {
    authenticate_many_request::Ask::Batch(batch.into())
}
