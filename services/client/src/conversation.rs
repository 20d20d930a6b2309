//! Tests of the client against a service that does what it is told, on loopback.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use plinth_identity::dsse::Envelope;
use plinth_identity::id::RequestId;
use plinth_identity::reason::Reason;
use plinth_identity::statement::EnrolmentOutcome;
use plinth_proto::convert::enrolment::Answer;
use plinth_proto::convert::envelope;
use plinth_proto::enrolment::v1::enrolment_service_server::{EnrolmentService, EnrolmentServiceServer};
use plinth_proto::enrolment::v1::{
    CheckCaptureRequest, CheckCaptureResponse, EnrolManyRequest, EnrolManyResponse, EnrolRequest,
    EnrolResponse, GetEnrolmentRequest, GetEnrolmentResponse, ListEnrolmentsRequest, ListEnrolmentsResponse,
};
use plinth_proto::status::Refusal;
use tokio::net::TcpListener;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use crate::fixture::{NOW, agency, enrolment_draft, enrolment_statement, service_key, signed_enrolment};
use crate::{Agency, ClientError, Connection, SignedRequest, VerifyError};

/// What the service does with the next request.
#[derive(Clone, Copy)]
enum Act {
    Answer,
    /// Answers for another request id, properly signed.
    Misname,
    /// Answers with a signature of somebody else.
    Forge,
    Refuse(Reason),
    Unavailable,
    /// Ends the stream.
    Hang,
}

#[derive(Clone)]
struct Told {
    acts: Arc<Mutex<VecDeque<Act>>>,
    seen: Arc<Mutex<Vec<Envelope>>>,
}

impl Told {
    fn act(&self, received: Option<plinth_proto::envelope::v1::Envelope>) -> (Act, Envelope) {
        let envelope = envelope::required(received, "envelope").unwrap();
        self.seen.lock().unwrap().push(envelope.clone());
        (self.acts.lock().unwrap().pop_front().unwrap_or(Act::Answer), envelope)
    }
}

fn statement(act: Act, request: &Envelope) -> Result<Envelope, Status> {
    let request_id = SignedRequest::from_envelope(request.clone()).unwrap().request_id();
    let sound = enrolment_statement(request, request_id);
    match act {
        Act::Answer => Ok(signed_enrolment(&sound)),
        Act::Misname => {
            let request_id = RequestId::from_bytes([0; 16]);
            Ok(signed_enrolment(&plinth_identity::EnrolmentStatement { request_id, ..sound }))
        }
        Act::Forge => {
            let signed = signed_enrolment(&sound);
            let other = signed_enrolment(&plinth_identity::EnrolmentStatement { fingers: 2, ..sound });
            let key_id = Some(service_key().public().key_id());
            Ok(Envelope::new(
                signed.payload_type().to_owned(),
                signed.payload().to_vec(),
                key_id,
                *other.signature(),
            ))
        }
        Act::Refuse(reason) => Err(Refusal::from(reason).into()),
        Act::Unavailable | Act::Hang => Err(Status::unavailable("gone")),
    }
}

#[tonic::async_trait]
impl EnrolmentService for Told {
    async fn enrol(&self, request: Request<EnrolRequest>) -> Result<Response<EnrolResponse>, Status> {
        let (act, envelope) = self.act(request.into_inner().envelope);
        let statement = statement(act, &envelope)?;
        Ok(Response::new(EnrolResponse { statement: Some(statement.into()) }))
    }

    type EnrolManyStream = ReceiverStream<Result<EnrolManyResponse, Status>>;

    async fn enrol_many(
        &self,
        request: Request<Streaming<EnrolManyRequest>>,
    ) -> Result<Response<Self::EnrolManyStream>, Status> {
        let (answers, stream) = tokio::sync::mpsc::channel(8);
        let (told, mut requests) = (self.clone(), request.into_inner());
        tokio::spawn(async move {
            while let Ok(Some(request)) = requests.message().await {
                let (act, envelope) = told.act(request.envelope);
                if matches!(act, Act::Hang) {
                    drop(answers.send(Err(Status::unavailable("draining"))).await);
                    return;
                }
                let outcome =
                    statement(act, &envelope).map_err(|status| Refusal::from_status(&status).unwrap());
                let answer = Answer { correlation: request.correlation, outcome };
                drop(answers.send(Ok(answer.into())).await);
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn get_enrolment(
        &self,
        _: Request<GetEnrolmentRequest>,
    ) -> Result<Response<GetEnrolmentResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_enrolments(
        &self,
        _: Request<ListEnrolmentsRequest>,
    ) -> Result<Response<ListEnrolmentsResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn check_capture(
        &self,
        _: Request<CheckCaptureRequest>,
    ) -> Result<Response<CheckCaptureResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// A service that will do these, in turn, then answer; and an agency that is connected to it.
async fn told(acts: impl IntoIterator<Item = Act>) -> (Told, Agency) {
    let told = Told { acts: Arc::new(Mutex::new(acts.into_iter().collect())), seen: Arc::default() };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = EnrolmentServiceServer::new(told.clone());
    let server = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    (told, agency(Connection::open(&url, None).await.unwrap()))
}

fn requests(agency: &Agency, count: usize) -> Vec<SignedRequest> {
    (0..count).map(|_| agency.request(enrolment_draft(), NOW).unwrap()).collect()
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_same_bytes() {
    let (told, agency) = told([Act::Unavailable, Act::Refuse(Reason::Overloaded)]).await;
    let request = agency.request(enrolment_draft(), NOW).unwrap();
    let answer = agency.enrol(&request).await.unwrap();
    assert!(matches!(answer.statement.outcome, EnrolmentOutcome::Issued { .. }));
    let seen = told.seen.lock().unwrap();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|envelope| envelope == request.envelope()));
}

#[tokio::test]
async fn what_is_refused_for_good_is_asked_once() {
    let (told, agency) = told([Act::Refuse(Reason::SignatureInvalid)]).await;
    let request = agency.request(enrolment_draft(), NOW).unwrap();
    let error = agency.enrol(&request).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::SignatureInvalid));
    assert_eq!(told.seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_that_does_not_verify_is_never_returned() {
    let (told, agency) = told([Act::Forge, Act::Misname]).await;
    let request = agency.request(enrolment_draft(), NOW).unwrap();
    assert_eq!(agency.enrol(&request).await, Err(ClientError::Answer(VerifyError::Signature)));
    assert_eq!(agency.enrol(&request).await, Err(ClientError::Answer(VerifyError::RequestId)));
    assert_eq!(told.seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_a_transport_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert!(matches!(Connection::open(&url, None).await, Err(ClientError::Transport(_))));
    let agency = agency(Connection::lazy(&url, None).unwrap()).with_retry(crate::Retry::none());
    let request = agency.request(enrolment_draft(), NOW).unwrap();
    let error = agency.enrol(&request).await.unwrap_err();
    assert!(matches!(error, ClientError::Transport(_)) && error.retryable(), "{error}");
}

#[tokio::test]
async fn a_stream_answers_every_request_once_and_a_refusal_ends_nothing() {
    let (_told, agency) = told([Act::Answer, Act::Refuse(Reason::Overloaded), Act::Forge]).await;
    let requests = requests(&agency, 200);
    let expected: Vec<RequestId> = requests.iter().map(SignedRequest::request_id).collect();
    let outcomes: Vec<_> = agency.enrol_many(tokio_stream::iter(requests)).collect().await;
    assert_eq!(outcomes.iter().map(|(id, _)| *id).collect::<Vec<_>>(), expected);
    let failed: Vec<_> = outcomes.iter().filter_map(|(_, outcome)| outcome.as_ref().err()).collect();
    assert_eq!(failed.len(), 2);
    assert_eq!(failed[0].reason(), Some(Reason::Overloaded));
    assert_eq!(*failed[1], ClientError::Answer(VerifyError::Signature));
}

#[tokio::test]
async fn a_broken_stream_gives_back_whatever_it_took() {
    let acts = [Act::Answer, Act::Answer, Act::Hang];
    let (_told, agency) = told(acts).await;
    let requests = requests(&agency, 50);
    let taken = Arc::new(Mutex::new(Vec::new()));
    let witness = Arc::clone(&taken);
    let outgoing = tokio_stream::iter(requests).map(move |request: SignedRequest| {
        witness.lock().unwrap().push(request.request_id());
        request
    });
    let outcomes: Vec<_> = agency.enrol_many(outgoing).collect().await;
    assert_eq!(outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).count(), 2);
    assert!(outcomes.iter().skip(2).all(|(_, outcome)| outcome.as_ref().is_err_and(ClientError::retryable)));
    let mut returned: Vec<_> = outcomes.iter().map(|(id, _)| *id).collect();
    let mut taken = taken.lock().unwrap().clone();
    returned.sort_unstable();
    taken.sort_unstable();
    assert_eq!(returned, taken);
}

#[tokio::test]
async fn a_caller_that_leaves_ends_the_stream() {
    let (_told, agency) = told([]).await;
    let dropped = Arc::new(());
    let witness = Arc::downgrade(&dropped);
    let template = agency.request(enrolment_draft(), NOW).unwrap();
    let endless = Endless { request: template, _alive: dropped };
    let mut outcomes = agency.enrol_many(endless);
    assert!(outcomes.next().await.is_some());
    drop(outcomes);
    while witness.upgrade().is_some() {
        tokio::task::yield_now().await;
    }
}

/// The same request again and again.
struct Endless {
    request: SignedRequest,
    _alive: Arc<()>,
}

impl Stream for Endless {
    type Item = SignedRequest;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<SignedRequest>> {
        std::task::Poll::Ready(Some(self.request.clone()))
    }
}
