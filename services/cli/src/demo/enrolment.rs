//! The agency's side: captures go out in one stream, answers come back and are checked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context as _;
use indicatif::ProgressBar;
use plinth_client::{
    Agency, Answered, ClientError, EnrolmentDraft, SignedRequest, Trust, envelope_from_bytes, verify,
};
use plinth_identity::field::FieldViolation;
use plinth_identity::id::RequestId;
use plinth_identity::statement::{EnrolmentOutcome, EnrolmentStatement};
use rayon::prelude::*;
use tokio_stream::StreamExt as _;
use tracing::warn;

use super::crowd::Crowd;
use super::meter::{Meter, instant};
use crate::moment;

/// Captures that are made ready at once: what is kept in memory, and no more.
const AT_ONCE: usize = 512;

/// One capture of one person that was sent for enrolment, and what the service said.
pub(crate) struct Enrolment {
    /// The person's index in the crowd.
    pub(crate) person: usize,
    /// What was sent; absent if it was too malformed to be signed.
    pub(crate) request: Option<SignedRequest>,
    /// What came back.
    pub(crate) outcome: Outcome,
}

/// What the service said to a capture.
pub(crate) enum Outcome {
    /// A signed statement, verified offline.
    Stated(EnrolmentOutcome),
    /// No statement: the capture cannot be used.
    Refused,
}

/// Enrols capture `n` of some people, in one stream a batch. From the second capture on, everyone gives another name.
///
/// # Errors
/// If the service cannot be reached, or one of its answers does not hold offline.
pub(crate) async fn enrol(
    agency: &Agency,
    trust: &Trust,
    crowd: &Arc<Crowd>,
    people: &[usize],
    n: usize,
    meter: &mut Meter,
    progress: &ProgressBar,
) -> anyhow::Result<Vec<Enrolment>> {
    let mut enrolments = Vec::with_capacity(people.len());
    for batch in people.chunks(AT_ONCE) {
        let (mut sent, mut owners) = (Vec::with_capacity(batch.len()), HashMap::with_capacity(batch.len()));
        for (person, request) in prepare(agency, crowd, batch, n).await? {
            match request {
                Ok(request) => {
                    owners.insert(request.request_id(), (person, request.clone()));
                    sent.push(request);
                }
                Err(error) if is_unusable_capture(&error) => {
                    warn!(person, capture = n, %error, "not sent");
                    progress.inc(1);
                    enrolments.push(Enrolment { person, request: None, outcome: Outcome::Refused });
                }
                Err(error) => return Err(error).context("an enrolment could not be signed"),
            }
        }
        for (id, answer) in send(agency, sent, meter, progress).await {
            let (person, request) =
                owners.remove(&id).context("an answer to a request that was never sent")?;
            // What broke on the way is sent again, byte for byte: it is decided once, however often it arrives.
            let answer = match answer {
                Err(error) if error.retryable() => agency.enrol(&request).await,
                other => other,
            };
            let outcome = match answer {
                Ok(answer) => Outcome::Stated(check(&request, &answer, trust)?.outcome),
                Err(error) if is_unusable_capture(&error) => {
                    warn!(person, capture = n, %error, "not enrolled");
                    Outcome::Refused
                }
                Err(error) => return Err(error).context("the service gave no answer to an enrolment"),
            };
            enrolments.push(Enrolment { person, request: Some(request), outcome });
        }
    }
    enrolments.sort_by_key(|enrolment| enrolment.person);
    Ok(enrolments)
}

/// Verifies an answer from nothing but its bytes, the request's, and the key that `init` printed.
///
/// # Errors
/// If it does not hold.
pub(crate) fn check(
    request: &SignedRequest,
    answer: &Answered<EnrolmentStatement>,
    trust: &Trust,
) -> anyhow::Result<EnrolmentStatement> {
    let request = SignedRequest::from_bytes(&request.to_bytes())?;
    let answer = envelope_from_bytes(&answer.to_bytes())?;
    verify::enrolment(request.envelope(), &answer, trust).context("a signed answer does not hold offline")
}

/// Whether what is wrong is in the fingers that were sent, and not in the service or in this program.
pub(crate) fn is_unusable_capture(error: &ClientError) -> bool {
    let fingers = |violation: &FieldViolation| violation.field.starts_with("fingers");
    match error {
        ClientError::Request(violation) => fingers(violation),
        ClientError::Refused(refusal) => refusal.violations.iter().any(fingers),
        _ => false,
    }
}

/// Captures, encodes and signs on all cores.
async fn prepare(
    agency: &Agency,
    crowd: &Arc<Crowd>,
    people: &[usize],
    n: usize,
) -> anyhow::Result<Vec<(usize, Result<SignedRequest, ClientError>)>> {
    let (agency, crowd, people) = (agency.clone(), Arc::clone(crowd), people.to_vec());
    let draft = move |index: usize| {
        let person = &crowd.people()[index];
        let demographics = if n == 0 { person.demographics.clone() } else { person.alias(n)? };
        let draft = EnrolmentDraft {
            demographics,
            fingers: person.capture(n),
            station: "counter-1".to_owned(),
            operator: "demonstration".to_owned(),
            purpose: "enrolment".to_owned(),
        };
        Ok((index, agency.request(draft, moment::now())))
    };
    tokio::task::spawn_blocking(move || people.into_par_iter().map(draft).collect()).await?
}

/// Sends requests in one stream and notes how long each was in hand.
async fn send(
    agency: &Agency,
    requests: Vec<SignedRequest>,
    meter: &mut Meter,
    progress: &ProgressBar,
) -> Vec<(RequestId, Result<Answered<EnrolmentStatement>, ClientError>)> {
    let departures: Arc<Mutex<HashMap<RequestId, Instant>>> = Arc::default();
    let noted = Arc::clone(&departures);
    let mut answers = Vec::with_capacity(requests.len());
    let start = instant();
    let outgoing = tokio_stream::iter(requests).map(move |request| {
        noted.lock().unwrap_or_else(PoisonError::into_inner).insert(request.request_id(), instant());
        request
    });
    let mut incoming = std::pin::pin!(agency.enrol_many(outgoing));
    while let Some((id, answer)) = incoming.next().await {
        if let Some(departure) = departures.lock().unwrap_or_else(PoisonError::into_inner).remove(&id) {
            meter.record(departure.elapsed());
        }
        progress.inc(1);
        answers.push((id, answer));
    }
    meter.add_elapsed(start.elapsed());
    answers
}
