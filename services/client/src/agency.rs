use std::sync::Arc;

use plinth_identity::application::{Application, FingerSample, Fingers};
use plinth_identity::capture::{CaptureQuery, CaptureReport};
use plinth_identity::demographics::Demographics;
use plinth_identity::dsse::{Envelope, SigningKey, payload_type};
use plinth_identity::id::{PartyId, RequestId};
use plinth_identity::request::Freshness;
use plinth_identity::statement::EnrolmentStatement;
use plinth_identity::time::Timestamp;
use plinth_proto::convert::capture::encode_capture_query;
use plinth_proto::convert::enrolment::{
    self as wire, EnrolmentAsk, EnrolmentQuery, encode_enrolment_query, encode_enrolment_request,
};
use plinth_proto::convert::{Page, envelope};
use plinth_proto::enrolment::v1;
use plinth_proto::enrolment::v1::enrolment_service_client::EnrolmentServiceClient;
use tokio_stream::Stream;
use tonic::Response;
use tonic::transport::Channel;

use crate::answer::Answered;
use crate::connection::Connection;
use crate::enrol_many::enrol_many;
use crate::error::ClientError;
use crate::request::SignedRequest;
use crate::retry::Retry;
use crate::signatory::{Signatory, fresh_request_id};
use crate::trust::Trust;
use crate::verify::{self, VerifyError};

/// An enrolment agency: submits people, and learns what was decided about each.
#[derive(Debug, Clone)]
pub struct Agency(Signatory);

/// A person to enrol.
#[derive(Clone)]
pub struct EnrolmentDraft {
    /// The person's attributes.
    pub demographics: Demographics,
    /// The person's captured fingers: 1 to 10, no finger and no record twice.
    pub fingers: Vec<FingerSample>,
    /// The enrolment station, in the agency's own naming. At most 32 characters.
    pub station: String,
    /// The operator of the station. At most 32 characters.
    pub operator: String,
    /// Why the request is made, kept with the decision. At most 64 characters.
    pub purpose: String,
}

/// What became of one enrolment.
#[derive(Debug, Clone, PartialEq)]
pub struct EnrolmentEntry {
    /// The agency's id of the request.
    pub request_id: RequestId,
    /// The statement as it was first answered.
    pub receipt: Answered<EnrolmentStatement>,
    /// The statement after administrators decided the case; `None` where there was no case or it is still open.
    pub latest: Option<Answered<EnrolmentStatement>>,
}

impl Agency {
    /// The agency `id`, which signs with `key` and believes `trust`.
    #[must_use]
    pub fn new(connection: Connection, id: PartyId, key: impl Into<Arc<SigningKey>>, trust: Trust) -> Self {
        Self(Signatory::new(connection, id, key.into(), trust))
    }

    /// The same agency with another schedule of retries.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// The agency's id.
    #[must_use]
    pub fn id(&self) -> &PartyId {
        &self.0.id
    }

    /// Makes and signs a request that is good for 30 days from `now` on: it may wait for a connection.
    ///
    /// # Errors
    /// [`ClientError::Request`] names the field that the service would refuse.
    pub fn request(&self, draft: EnrolmentDraft, now: Timestamp) -> Result<SignedRequest, ClientError> {
        self.request_with_id(draft, fresh_request_id(), now)
    }

    /// The same under an id of the caller's own: 16 bytes never used by this agency before.
    ///
    /// # Errors
    /// [`ClientError::Request`] names the field that the service would refuse.
    pub fn request_with_id(
        &self,
        draft: EnrolmentDraft,
        request_id: RequestId,
        now: Timestamp,
    ) -> Result<SignedRequest, ClientError> {
        let header = self.0.header(&draft.purpose, request_id, now, Freshness::ENROLMENT.max_age_ms)?;
        let fingers = Fingers::new(draft.fingers).map_err(ClientError::Request)?;
        let application =
            Application::new(header, draft.demographics, fingers, draft.station, draft.operator)
                .map_err(ClientError::Request)?;
        let payload = encode_enrolment_request(&application);
        Ok(self.0.sign(payload_type::ENROLMENT_REQUEST, payload, request_id))
    }

    /// Sends one request and returns its verified answer, which is durable. Duplicates and pending cases are answers, not
    /// errors.
    ///
    /// # Errors
    /// [`ClientError::Refused`], [`ClientError::Transport`] or [`ClientError::Answer`].
    pub async fn enrol(&self, request: &SignedRequest) -> Result<Answered<EnrolmentStatement>, ClientError> {
        let by = &self.0;
        let response = by
            .retry
            .run(by.connection.allowance(), || {
                let mut client = client(&by.connection);
                let message = v1::EnrolRequest { envelope: Some(request.envelope().into()) };
                let message = by.connection.timed(message);
                async move { client.enrol(message).await.map(Response::into_inner).map_err(ClientError::from) }
            })
            .await?;
        let answer =
            envelope::required(response.statement, "statement").map_err(ClientError::malformed_answer)?;
        verified(by, request, answer)
    }

    /// Sends many requests over one stream; answers come as they commit, in any order, each with the request's id. Must be
    /// called within a Tokio runtime.
    ///
    /// Every request that is taken from `requests` comes out exactly once. When the stream breaks or the service shuts
    /// down, nothing more is taken, and those without an answer come out with the error: whether they were decided is not
    /// known, and sending the same bytes again is safe. Dropping the returned stream ends the call.
    pub fn enrol_many<S>(
        &self,
        requests: S,
    ) -> impl Stream<Item = (RequestId, Result<Answered<EnrolmentStatement>, ClientError>)> + Send + Unpin + use<S>
    where
        S: Stream<Item = SignedRequest> + Send + 'static,
    {
        enrol_many(self.0.clone(), requests)
    }

    /// What became of the enrolment with this id. Its statements are verified, except for their binding to the request's
    /// exact bytes: check that with [`verify::enrolment`] where the request was kept.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with reason `NotFound` if this agency has none; otherwise as every call.
    pub async fn enrolment(
        &self,
        request_id: RequestId,
        now: Timestamp,
    ) -> Result<EnrolmentEntry, ClientError> {
        let by = &self.0;
        let query = self.query(EnrolmentAsk::One(request_id), now)?;
        let response = by
            .retry
            .run(by.connection.allowance(), || {
                let mut client = client(&by.connection);
                let message = v1::GetEnrolmentRequest { envelope: Some(query.envelope().into()) };
                let message = by.connection.timed(message);
                async move {
                    client.get_enrolment(message).await.map(Response::into_inner).map_err(ClientError::from)
                }
            })
            .await?;
        let entry = self.entry(response.entry.unwrap_or_default())?;
        if entry.request_id == request_id {
            Ok(entry)
        } else {
            Err(ClientError::Answer(VerifyError::RequestId))
        }
    }

    /// A page of this agency's enrolments in the order of their commits, and the token of the next page (empty after the
    /// last). The first page has the empty token; `size` 0 means 100, and 1,000 is the most. Verified as
    /// [`Self::enrolment`].
    ///
    /// # Errors
    /// As every call.
    pub async fn enrolments(
        &self,
        page_token: &str,
        size: u32,
        now: Timestamp,
    ) -> Result<(Vec<EnrolmentEntry>, String), ClientError> {
        let by = &self.0;
        let page = Page::new(size, page_token).map_err(ClientError::Request)?;
        let query = self.query(EnrolmentAsk::List(page), now)?;
        let response = by
            .retry
            .run(by.connection.allowance(), || {
                let mut client = client(&by.connection);
                let message = v1::ListEnrolmentsRequest { envelope: Some(query.envelope().into()) };
                let message = by.connection.timed(message);
                async move {
                    client.list_enrolments(message).await.map(Response::into_inner).map_err(ClientError::from)
                }
            })
            .await?;
        let entries =
            response.entries.into_iter().map(|entry| self.entry(entry)).collect::<Result<_, _>>()?;
        Ok((entries, response.next_page_token))
    }

    /// What captured fingers are worth, before the person leaves: 1 to 10 samples. Nothing is stored, and nobody who is
    /// enrolled is looked at. The report is not signed: nothing was decided.
    ///
    /// # Errors
    /// [`ClientError::Request`] for no samples or more than ten; otherwise as every call.
    pub async fn check_capture(
        &self,
        fingers: Vec<FingerSample>,
        now: Timestamp,
    ) -> Result<CaptureReport, ClientError> {
        let by = &self.0;
        let query = self.capture_query(fingers, now)?;
        let response = by
            .retry
            .run(by.connection.allowance(), || {
                let mut client = client(&by.connection);
                let message = v1::CheckCaptureRequest { envelope: Some(query.envelope().into()) };
                let message = by.connection.timed(message);
                async move {
                    client.check_capture(message).await.map(Response::into_inner).map_err(ClientError::from)
                }
            })
            .await?;
        response.report.unwrap_or_default().try_into().map_err(ClientError::malformed_answer)
    }

    /// The signed query of [`Self::check_capture`], for those who send it themselves. It is good for half a minute.
    ///
    /// # Errors
    /// [`ClientError::Request`] for no samples or more than ten.
    pub fn capture_query(
        &self,
        fingers: Vec<FingerSample>,
        now: Timestamp,
    ) -> Result<SignedRequest, ClientError> {
        let header = self.0.live_header("capture check", now)?;
        let request_id = header.request_id();
        let query = CaptureQuery::new(header, fingers).map_err(ClientError::Request)?;
        Ok(self.0.sign(payload_type::CAPTURE_QUERY, encode_capture_query(&query), request_id))
    }

    fn query(&self, ask: EnrolmentAsk, now: Timestamp) -> Result<SignedRequest, ClientError> {
        let header = self.0.live_header("reconciliation", now)?;
        let request_id = header.request_id();
        let payload = encode_enrolment_query(&EnrolmentQuery { header, ask });
        Ok(self.0.sign(payload_type::ENROLMENT_QUERY, payload, request_id))
    }

    fn entry(&self, entry: v1::EnrolmentEntry) -> Result<EnrolmentEntry, ClientError> {
        let entry = wire::EnrolmentEntry::try_from(entry).map_err(ClientError::malformed_answer)?;
        let own = |envelope: Envelope| {
            let statement = verify::receipt(&envelope, &self.0.trust)?;
            if statement.agency != self.0.id {
                return Err(VerifyError::Party);
            }
            if statement.request_id != entry.request_id {
                return Err(VerifyError::RequestId);
            }
            Ok(Answered { statement, envelope })
        };
        let receipt = own(entry.receipt).map_err(ClientError::Answer)?;
        let latest = entry.latest.map(own).transpose().map_err(ClientError::Answer)?;
        if latest
            .as_ref()
            .is_some_and(|latest| latest.statement.header.request != receipt.statement.header.request)
        {
            return Err(ClientError::Answer(VerifyError::Request));
        }
        Ok(EnrolmentEntry { request_id: entry.request_id, receipt, latest })
    }
}

/// The answer to one enrolment, verified.
pub(crate) fn verified(
    by: &Signatory,
    request: &SignedRequest,
    answer: Envelope,
) -> Result<Answered<EnrolmentStatement>, ClientError> {
    let statement = verify::enrolment(request.envelope(), &answer, &by.trust).map_err(ClientError::Answer)?;
    Ok(Answered { statement, envelope: answer })
}

pub(crate) fn client(connection: &Connection) -> EnrolmentServiceClient<Channel> {
    EnrolmentServiceClient::new(connection.channel())
}
