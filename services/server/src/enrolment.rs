//! Enrolment: from a signed request to one number, a duplicate, or a case for a human.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use plinth_biometrics::calibration::PersonScore;
use plinth_identity::application::Application;
use plinth_identity::case::{Case, EnrolmentRef};
use plinth_identity::dsse::Envelope;
use plinth_identity::gallery::{FeatureRow, GalleryEntry, Holder};
use plinth_identity::id::{CaseId, LogPosition, PartyId, RequestId, Sequence};
use plinth_identity::identity_record::{IdentityRecord, LifecycleStatus, Locks};
use plinth_identity::policy::{EnrolmentDecision, MatchRates};
use plinth_identity::reason::Reason;
use plinth_identity::statement::{EnrolmentOutcome, EnrolmentStatement};
use plinth_proto::convert::enrolment::{
    Answer as EnrolManyAnswer, EnrolmentAsk, EnrolmentEntry, EnrolmentQuery, encode_enrolment_statement,
};
use plinth_proto::enrolment::v1::enrolment_service_server::EnrolmentService;
use plinth_proto::enrolment::v1::{
    self, CheckCaptureRequest, CheckCaptureResponse, EnrolManyRequest, EnrolManyResponse, EnrolRequest,
    EnrolResponse, GetEnrolmentRequest, GetEnrolmentResponse, ListEnrolmentsRequest, ListEnrolmentsResponse,
};
use plinth_proto::envelope;
use plinth_proto::status::{self, grpc_code};
use plinth_storage::{EnrolmentEntry as ListedEnrolment, StatementKind};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status, Streaming};

use crate::budget::DuplicateBudget;
use crate::capture;
use crate::core::{Core, Door, Place};
use crate::gate::{Admission, Admitted, Origin, admit, admit_query, origin};
use crate::metrics::Stopwatch;
use crate::pages::{next_token, page_after, size_of};
use crate::recent::{Prepared, Recent};
use crate::refusal::Refusal;
use crate::registrar::{Answer, Decided, Proposal, Sitting, draw_number};
use crate::search::{Search, prepare, search};

/// The gRPC face of enrolment.
pub(crate) struct Enrolments(pub(crate) Door);

#[tonic::async_trait]
impl EnrolmentService for Enrolments {
    async fn enrol(&self, request: Request<EnrolRequest>) -> Result<Response<EnrolResponse>, Status> {
        let core = self.0.core()?;
        let place = core.enter()?;
        let statement = enrol(&core, &place, origin(&request), request.into_inner().envelope).await?;
        Ok(Response::new(EnrolResponse { statement: Some((&statement).into()) }))
    }

    type EnrolManyStream =
        Pin<Box<dyn tokio_stream::Stream<Item = Result<EnrolManyResponse, Status>> + Send + 'static>>;

    async fn enrol_many(
        &self,
        request: Request<Streaming<EnrolManyRequest>>,
    ) -> Result<Response<Self::EnrolManyStream>, Status> {
        let core = self.0.core()?;
        let place = core.enter()?;
        let (answers, stream) = mpsc::channel(core.config.limits.stream_window);
        let origin = origin(&request);
        tokio::spawn(enrol_many(core, place, origin, request.into_inner(), answers));
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }

    async fn get_enrolment(
        &self,
        request: Request<GetEnrolmentRequest>,
    ) -> Result<Response<GetEnrolmentResponse>, Status> {
        let core = self.0.core()?;
        let place = core.enter()?;
        let (helper, origin) = (Arc::clone(&core), origin(&request));
        let envelope = request.into_inner().envelope;
        let entry = core.on_a_core(&place, move || get(&helper, origin, envelope)).await??;
        Ok(Response::new(GetEnrolmentResponse { entry: Some((&entry).into()) }))
    }

    async fn list_enrolments(
        &self,
        request: Request<ListEnrolmentsRequest>,
    ) -> Result<Response<ListEnrolmentsResponse>, Status> {
        let core = self.0.core()?;
        let place = core.enter()?;
        let (helper, origin) = (Arc::clone(&core), origin(&request));
        let envelope = request.into_inner().envelope;
        let page = core.on_a_core(&place, move || list(&helper, origin, envelope)).await??;
        Ok(Response::new(page))
    }

    async fn check_capture(
        &self,
        request: Request<CheckCaptureRequest>,
    ) -> Result<Response<CheckCaptureResponse>, Status> {
        let core = self.0.core()?;
        let place = core.enter()?;
        let (helper, origin) = (Arc::clone(&core), origin(&request));
        let envelope = request.into_inner().envelope;
        let report = core.on_a_core(&place, move || capture::check(&helper, origin, envelope)).await??;
        Ok(Response::new(CheckCaptureResponse { report: Some((&report).into()) }))
    }
}

/// One enrolment: admitted, prepared and searched beside the event loop, decided by the committer.
async fn enrol(
    core: &Arc<Core>,
    place: &Place,
    origin: Origin,
    envelope: Option<envelope::v1::Envelope>,
) -> Result<Envelope, Refusal> {
    let admitted = match admit::<v1::EnrolmentRequest>(core, origin, envelope)? {
        Admission::Decided(answer) => return Ok(core.replay(answer)),
        Admission::New(admitted) => admitted,
    };
    let Admitted { body, ask, .. } = *admitted;
    let application = Application::try_from(body)?;
    let helper = Arc::clone(core);
    let proposal = core.on_a_core(place, move || EnrolmentProposal::prepare(&helper, application)).await??;
    core.decide(place, ask, Box::new(proposal)).await
}

/// A stream of enrolments, answered as they commit. When the service drains, what was taken in is still answered, and
/// then the stream ends with a status; nothing else is read.
async fn enrol_many(
    core: Arc<Core>,
    _place: Place,
    origin: Origin,
    mut requests: Streaming<EnrolManyRequest>,
    answers: mpsc::Sender<Result<EnrolManyResponse, Status>>,
) {
    let window = Arc::new(Semaphore::new(core.config.limits.stream_window));
    let end = loop {
        let Ok(place) = Arc::clone(&window).acquire_owned().await else { break None };
        let next = tokio::select! {
            biased;
            () = core.draining.cancelled() => break Some(Refusal::of(Reason::ShuttingDown).into()),
            () = answers.closed() => break None,
            next = requests.message() => next,
        };
        let request = match next {
            Ok(Some(request)) => request,
            Ok(None) => break None,
            Err(status) => break Some(status),
        };
        let (core, answers, origin) = (Arc::clone(&core), answers.clone(), origin.of_message());
        tokio::spawn(async move {
            tokio::select! {
                // What nobody waits for is given up; its id makes it safe to send it again.
                () = answers.closed() => core.metrics.abandoned(),
                answer = answer_one(&core, origin, request) => send(&core, &answers, Ok(answer)).await,
            }
            drop(place);
        });
    };
    // Everyone who was taken in is answered before the stream ends.
    let window_size = u32::try_from(core.config.limits.stream_window).unwrap_or(u32::MAX);
    drop(window.acquire_many(window_size).await);
    if let Some(status) = end {
        send(&core, &answers, Err(status)).await;
    }
}

/// Hands an answer to the stream. A caller that has gone, or never reads until a drain is over, resubmits under the same
/// id and gets the same answer.
async fn send(
    core: &Core,
    answers: &mpsc::Sender<Result<EnrolManyResponse, Status>>,
    answer: Result<EnrolManyResponse, Status>,
) {
    tokio::select! {
        _ = answers.send(answer) => {}
        () = core.cut.cancelled() => {}
    }
}

/// One answer of a stream, refusals included: one bad request does not end the others.
async fn answer_one(core: &Arc<Core>, origin: Origin, request: EnrolManyRequest) -> EnrolManyResponse {
    let (stopwatch, call) = (Stopwatch::start(), origin.call.clone());
    let outcome = match core.enter() {
        Ok(place) => enrol(core, &place, origin, request.envelope).await,
        Err(refusal) => Err(refusal),
    };
    let outcome: Result<_, status::Refusal> = outcome.map_err(Into::into);
    if let Err(refusal) = &outcome {
        core.metrics.refused_because(refusal);
    }
    if let Some(call) = call {
        let code = outcome.as_ref().map_or_else(|refusal| grpc_code(refusal.reason), |_| Code::Ok);
        core.metrics.message(&call, code, &stopwatch);
    }
    EnrolManyAnswer { correlation: request.correlation, outcome }.into()
}

/// An enrolment with everything done that needs no agreement.
struct EnrolmentProposal {
    application: Application,
    probe: Prepared,
    search: Search,
}

impl EnrolmentProposal {
    fn prepare(core: &Core, application: Application) -> Result<Self, Refusal> {
        let probe = prepare(&application.fingers)?;
        let stopwatch = Stopwatch::start();
        let mut search = search(core, &probe, &HashSet::new())?;
        core.metrics.searched(stopwatch.elapsed(), search.scores.len());
        search.scores.iter().for_each(|(_, score)| core.metrics.compared(score));
        // The committer compares only with whoever comes after this: it has one core, and everyone waits for it.
        search.catch_up(&core.registrar.recent, &probe, &HashSet::new());
        Ok(Self { application, probe, search })
    }
}

impl Proposal for EnrolmentProposal {
    fn overtaken(&self, recent: &RwLock<Recent>) -> bool {
        self.search.is_overtaken(recent)
    }

    fn catch_up(mut self: Box<Self>, core: &Core) -> Result<Box<dyn Proposal>, Refusal> {
        self.search.renew(core, &self.probe, &HashSet::new())?;
        Ok(self)
    }

    fn decide(self: Box<Self>, sitting: &mut Sitting<'_>) -> Result<Decided, Refusal> {
        // Looked at before the outcome is known: a refusal tells nothing about the person.
        let mut oracle = DuplicateBudget::open(sitting, &self.application)?;
        let scores = settle(sitting, self.search, &self.probe, &HashSet::new())?;
        let searched = sitting.staged.head().gallery;
        let request = EnrolmentRef {
            agency: self.application.header.party().clone(),
            request_id: self.application.header.request_id(),
            digest: sitting.ask.digest,
        };
        let (outcome, case) = match decision(sitting, &scores)? {
            EnrolmentDecision::Unique => (admit_person(sitting, &self.application, &self.probe)?, None),
            EnrolmentDecision::Duplicate(sequence) => match sitting.staged.holder(sequence)? {
                Some(Holder::Pending(id)) => (join_case(sitting, id, request.clone())?, Some(id)),
                _ => (EnrolmentOutcome::Duplicate, None),
            },
            EnrolmentDecision::Adjudicate(candidates) => {
                let id = sitting.staged.next_case();
                let sequence = sitting.staged.next_sequence();
                enter_gallery(sitting, sequence, &self.application, &self.probe, Holder::Pending(id));
                let case = Case::open(
                    id,
                    sequence,
                    request.clone(),
                    self.application.demographics.clone(),
                    candidates,
                    sitting.now,
                    searched,
                );
                sitting.staged.put_case(&case);
                (EnrolmentOutcome::Pending { case: id }, Some(id))
            }
        };
        sitting.metrics.enrolled(&request.agency, &outcome);
        oracle.count(!matches!(outcome, EnrolmentOutcome::Issued { .. }));
        oracle.close(sitting);
        let fingers = self.application.fingers.count();
        let position = sitting.staged.next_log_position();
        let answer = state(sitting, &request, outcome, fingers, searched);
        let listed = ListedEnrolment { request_id: request.request_id, at: sitting.now };
        sitting.staged.put_enrolment(&request.agency, position, &listed);
        Ok(Decided { answer, case })
    }
}

/// The policy's decision. Someone who holds a number settles it, even if someone whose case is open is more alike still.
fn decision(
    sitting: &mut Sitting<'_>,
    scores: &[(Sequence, PersonScore)],
) -> Result<EnrolmentDecision, Refusal> {
    let mut holders = Vec::with_capacity(scores.len());
    for score in scores {
        if matches!(sitting.staged.holder(score.0)?, Some(Holder::Number(_))) {
            holders.push(*score);
        }
    }
    let gallery = sitting.staged.head().gallery;
    match sitting.policy.decide(&holders, gallery) {
        EnrolmentDecision::Duplicate(sequence) => Ok(EnrolmentDecision::Duplicate(sequence)),
        _ => Ok(sitting.policy.decide(scores, gallery)),
    }
}

/// Completes a search with whoever entered the gallery since its position, and leaves out whoever has been withdrawn.
pub(crate) fn settle(
    sitting: &mut Sitting<'_>,
    mut found: Search,
    probe: &Prepared,
    except: &HashSet<Sequence>,
) -> Result<Vec<(Sequence, PersonScore)>, Refusal> {
    if !found.catch_up(sitting.recent, probe, except) {
        // `overtaken` has just seen that memory reaches back; without that, nothing may be called unique.
        return Err(Refusal::overloaded());
    }
    let gallery = sitting.staged.head().gallery;
    let mut present = Vec::new();
    for (sequence, score) in found.scores {
        // Only evidence beyond the thresholds can matter; the others are not worth a read.
        if sitting.policy.is_unlike(&score, gallery) {
            continue;
        }
        if matches!(sitting.staged.holder(sequence)?, Some(Holder::Number(_) | Holder::Pending(_))) {
            present.push((sequence, score));
        }
    }
    Ok(present)
}

/// Issues a number to a new person.
fn admit_person(
    sitting: &mut Sitting<'_>,
    application: &Application,
    probe: &Prepared,
) -> Result<EnrolmentOutcome, Refusal> {
    let number = draw_number(sitting)?;
    let sequence = sitting.staged.next_sequence();
    enter_gallery(sitting, sequence, application, probe, Holder::Number(number));
    let record = IdentityRecord {
        sequence,
        status: LifecycleStatus::Active,
        demographics: application.demographics.clone(),
        enrolled_at: sitting.now,
        agency: application.header.party().clone(),
        fingers: application.fingers.count(),
        locks: Locks::default(),
        totp: None,
        virtual_number: None,
    };
    sitting.staged.put_identity(&number, &record);
    Ok(EnrolmentOutcome::Issued { number })
}

fn enter_gallery(
    sitting: &mut Sitting<'_>,
    sequence: Sequence,
    application: &Application,
    probe: &Prepared,
    holder: Holder,
) {
    let entry = GalleryEntry { sequence, fingers: application.fingers.samples().to_vec() };
    let features = FeatureRow::new(probe.features.to_vec());
    sitting.staged.put_gallery(sequence, &entry, &features);
    sitting.staged.put_holder(sequence, &holder);
    sitting.arrive(sequence, Arc::clone(&probe.features), None);
}

/// How many further requests for one person may hang on one open case.
const MOST_JOINED: usize = 64;

/// A further copy of someone whose case is open shares that case's fate.
fn join_case(
    sitting: &mut Sitting<'_>,
    id: CaseId,
    request: EnrolmentRef,
) -> Result<EnrolmentOutcome, Refusal> {
    let mut case = sitting.staged.case(id)?.ok_or(Reason::Internal)?;
    if case.joined.len() >= MOST_JOINED {
        return Err(Refusal::come_back(Duration::from_secs(3600)));
    }
    case.join(request);
    sitting.staged.put_case(&case);
    Ok(EnrolmentOutcome::Pending { case: id })
}

/// Encodes the statement about one enrolment request and appends its leaf.
pub(crate) fn state(
    sitting: &mut Sitting<'_>,
    request: &EnrolmentRef,
    outcome: EnrolmentOutcome,
    fingers: u8,
    searched: u64,
) -> Answer {
    let MatchRates { duplicate_fmr, adjudicate_fmr } = sitting.policy.rates(searched);
    let statement = EnrolmentStatement {
        header: sitting.header(request.digest),
        agency: request.agency.clone(),
        request_id: request.request_id,
        outcome,
        fingers,
        searched,
        duplicate_fmr,
        adjudicate_fmr,
        target_fpir: sitting.policy.target_fpir,
    };
    let answer = Answer { kind: StatementKind::Enrolment, payload: encode_enrolment_statement(&statement) };
    sitting.log(&answer);
    answer
}

fn get(
    core: &Core,
    origin: Origin,
    envelope: Option<envelope::v1::Envelope>,
) -> Result<EnrolmentEntry, Refusal> {
    let query = admit_query::<v1::EnrolmentQuery>(core, origin, envelope)?;
    let EnrolmentAsk::One(id) = EnrolmentQuery::try_from(query.body)?.ask else {
        return Err(Refusal::field("request_id", "is missing: name the enrolment you ask for"));
    };
    entry(core, &query.party.id, id)?
        .ok_or_else(|| Refusal::at("request_id", Reason::NotFound, "is no enrolment of this agency"))
}

fn list(
    core: &Core,
    origin: Origin,
    envelope: Option<envelope::v1::Envelope>,
) -> Result<ListEnrolmentsResponse, Refusal> {
    let query = admit_query::<v1::EnrolmentQuery>(core, origin, envelope)?;
    let EnrolmentAsk::List(page) = EnrolmentQuery::try_from(query.body)?.ask else {
        return Err(Refusal::field("list", "is missing: ask for a page"));
    };
    let after = page_after(&page, "list.page_token")?.map(LogPosition::new);
    let rows = core.reader.enrolments(&query.party.id, after, size_of(&page))?;
    let next_page_token = next_token(&page, rows.len(), rows.last().map(|(position, _)| position.get()));
    let mut entries = Vec::with_capacity(rows.len());
    for (_, row) in rows {
        // A row without its answer would be an inconsistency that fsck names; the list goes on without it.
        entries.extend(entry(core, &query.party.id, row.request_id)?.map(|entry| (&entry).into()));
    }
    Ok(ListEnrolmentsResponse { entries, next_page_token })
}

/// What an agency was answered, and what became of it.
fn entry(core: &Core, agency: &PartyId, request_id: RequestId) -> Result<Option<EnrolmentEntry>, Refusal> {
    let kind = plinth_identity::party::PartyKind::Agency;
    let Some(stored) = core.reader.answer(kind, agency, &request_id)? else { return Ok(None) };
    let signed = |payload: Vec<u8>| core.replay(Answer { kind: stored.kind, payload });
    Ok(Some(EnrolmentEntry {
        request_id,
        receipt: signed(stored.statement.clone()),
        latest: stored.latest.clone().map(signed),
    }))
}
