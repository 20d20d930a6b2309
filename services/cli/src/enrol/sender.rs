//! Sending one application until it is settled, whatever happened to it before.

use std::path::Path;

use plinth_client::{Agency, ClientError, EnrolmentDraft, SignedRequest, Trust, envelope_from_bytes, verify};
use plinth_identity::dsse::{PublicKey, payload_type};
use plinth_identity::reason::Reason;
use plinth_identity::statement::{EnrolmentOutcome, EnrolmentStatement};
use plinth_proto::convert::enrolment::decode_enrolment_request;

use super::application::{self, Station};
use super::outcome::{Kind, Outcome};
use super::report::{Entry, ReportFolder};
use crate::connect::explain;
use crate::moment;

/// An agency with its report directory.
pub(crate) struct Sender {
    pub(crate) agency: Agency,
    /// The agency's own key: a kept request that it did not sign is asked about, not sent.
    pub(crate) public: PublicKey,
    pub(crate) trust: Trust,
    pub(crate) report: ReportFolder,
    pub(crate) station: Station,
}

impl Sender {
    /// Settles one application as far as it can be today.
    ///
    /// # Errors
    /// Only if the report directory fails: nothing may be sent that cannot be kept.
    pub(crate) async fn settle(&self, file: &Path) -> anyhow::Result<Outcome> {
        let name = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let entry = self.report.entry(&name(file.file_stem()));
        let application = name(file.file_name());
        let draft = match application::read(file, &self.station) {
            Ok(draft) => draft,
            Err(error) => return Ok(Outcome::problem(application, Kind::Unreadable, format!("{error:#}"))),
        };
        let Some(request) = self.kept(&entry).await? else {
            return self.send_new(application, &entry, draft).await;
        };
        let changed = !self.says(&request, &draft);
        let mut outcome = match entry.answer()? {
            Some(answer) => self.settled(application, &entry, &request, &answer).await?,
            None => self.send(application, &entry, &request).await?,
        };
        if changed && outcome.problem.is_none() {
            outcome.problem = Some("the file has changed since it was sent; what was sent counts".to_owned());
        }
        Ok(outcome)
    }

    /// The request that was sent before, unless it decided nothing and cannot any more.
    async fn kept(&self, entry: &Entry<'_>) -> anyhow::Result<Option<SignedRequest>> {
        let Some(bytes) = entry.request()? else { return Ok(None) };
        let request = SignedRequest::from_bytes(&bytes)?;
        let ours = request.envelope().verify(payload_type::ENROLMENT_REQUEST, &self.public).is_ok();
        if ours || entry.answer()?.is_some() {
            return Ok(Some(request));
        }
        // Signed with an earlier key of this agency. Whether that was decided, only the service knows.
        match self.agency.enrolment(request.request_id(), moment::now()).await {
            Ok(found) => {
                entry.put_answer(&found.receipt.to_bytes())?;
                Ok(Some(request))
            }
            Err(error) if error.reason() == Some(Reason::NotFound) => {
                entry.set_aside()?;
                Ok(None)
            }
            Err(_) => Ok(Some(request)),
        }
    }

    async fn send_new(
        &self,
        application: String,
        entry: &Entry<'_>,
        draft: EnrolmentDraft,
    ) -> anyhow::Result<Outcome> {
        let request = match self.agency.request(draft, moment::now()) {
            Ok(request) => request,
            Err(error) => {
                return Ok(Outcome::problem(application, Kind::Rejected, format!("{:#}", explain(error))));
            }
        };
        entry.put_request(&request.to_bytes())?;
        self.send(application, entry, &request).await
    }

    async fn send(
        &self,
        application: String,
        entry: &Entry<'_>,
        request: &SignedRequest,
    ) -> anyhow::Result<Outcome> {
        match self.agency.enrol(request).await {
            Ok(answer) => {
                entry.put_answer(&answer.to_bytes())?;
                Ok(Outcome::stated(application, &answer.statement, false))
            }
            Err(error) => {
                let kind = if is_at_fault(&error) { Kind::Rejected } else { Kind::Unanswered };
                if kind == Kind::Rejected {
                    entry.set_aside()?;
                }
                Ok(Outcome::problem(application, kind, format!("{:#}", explain(error))))
            }
        }
    }

    /// An application that was answered before; one that was pending may have been decided since.
    async fn settled(
        &self,
        application: String,
        entry: &Entry<'_>,
        request: &SignedRequest,
        answer: &[u8],
    ) -> anyhow::Result<Outcome> {
        if let Some(later) = entry.outcome()? {
            return Ok(self.stated(application, request, &later));
        }
        let first = self.stated(application.clone(), request, answer);
        if first.outcome != Kind::Pending {
            return Ok(first);
        }
        match self.agency.enrolment(request.request_id(), moment::now()).await {
            Ok(found) => match found.latest {
                Some(latest) if !is_pending(&latest.statement) => {
                    entry.put_outcome(&latest.to_bytes())?;
                    Ok(Outcome::stated(application, &latest.statement, false))
                }
                _ => Ok(first),
            },
            // It is still pending as far as is known; the next run asks again.
            Err(error) => Ok(Outcome { problem: Some(format!("{:#}", explain(error))), ..first }),
        }
    }

    /// What a kept answer states, checked again offline: a report directory is a place like any other.
    fn stated(&self, application: String, request: &SignedRequest, answer: &[u8]) -> Outcome {
        let checked = envelope_from_bytes(answer)
            .map_err(explain)
            .and_then(|answer| Ok(verify::enrolment(request.envelope(), &answer, &self.trust)?));
        match checked {
            Ok(statement) => Outcome::stated(application, &statement, true),
            Err(error) => {
                let problem =
                    format!("the kept answer is not genuine: {error:#}; remove its .answer and run again");
                Outcome::problem(application, Kind::Unreadable, problem)
            }
        }
    }

    /// Whether a kept request says what the file says today.
    fn says(&self, request: &SignedRequest, draft: &EnrolmentDraft) -> bool {
        let Ok(verified) = request.envelope().verify(payload_type::ENROLMENT_REQUEST, &self.public) else {
            // Signed with an earlier key: its content cannot be vouched for, and what it decided counts anyway.
            return true;
        };
        decode_enrolment_request(&verified).is_ok_and(|application| {
            application.demographics == draft.demographics && application.fingers.samples() == draft.fingers
        })
    }
}

/// Whether what the request says is at fault, so that another one must be made. Everything else, from a full queue to a
/// suspended agency, leaves the request as good as it was.
fn is_at_fault(error: &ClientError) -> bool {
    let Some(reason) = error.reason() else { return false };
    matches!(
        reason,
        Reason::Malformed
            | Reason::BadDate
            | Reason::SameFingerTwice
            | Reason::TooManyFingers
            | Reason::NoBiometrics
            | Reason::TooLarge
            | Reason::Expired
            | Reason::FromFuture
            | Reason::WrongAudience
    )
}

fn is_pending(statement: &EnrolmentStatement) -> bool {
    matches!(statement.outcome, EnrolmentOutcome::Pending { .. })
}
