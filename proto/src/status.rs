//! Reasons become gRPC statuses here, and only here; and come back.
//!
//! A refusal travels as a status with google.rpc details: `ErrorInfo` (the reason's name, domain `"plinth"`, metadata
//! `code`, `who`, `next_step`, and `server_time_ms` where time is the reason), `BadRequest` (one violation a field),
//! `QuotaFailure` (which limit was reached), and `RetryInfo`. What was decided, a "no" or a "duplicate", is a statement and never comes through here.

use std::collections::HashMap;
use std::time::Duration;

use plinth_identity::field::FieldViolation;
use plinth_identity::reason::Reason;
use plinth_identity::time::Timestamp;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, QuotaViolation, StatusExt};

use crate::enrolment::v1;

/// The domain of `google.rpc.ErrorInfo` in every refusal.
pub const ERROR_DOMAIN: &str = "plinth";

/// Why a request was not decided. It changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} ({}): {}", reason.name(), reason.code(), message(self))]
pub struct Refusal {
    /// The reason, which says who can mend it and how.
    pub reason: Reason,
    /// The fields at fault; empty where no field is.
    pub violations: Vec<FieldViolation>,
    /// How long to wait before sending the same bytes again; `None` where waiting does not help.
    pub retry_after: Option<Duration>,
    /// The service's clock where time is the reason: a station with a skewed clock can tell.
    pub server_time: Option<Timestamp>,
    /// Which limit was reached, where one was, for example `"requests_per_second"`: the sender's own, as its policy
    /// or the service's settings name it.
    pub quota: Option<String>,
}

impl Refusal {
    /// The same refusal with a time to wait, in whole milliseconds.
    #[must_use]
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// The same refusal with the service's clock.
    #[must_use]
    pub fn with_server_time(mut self, now: Timestamp) -> Self {
        self.server_time = Some(now);
        self
    }

    /// The same refusal with the limit that was reached.
    #[must_use]
    pub fn with_quota(mut self, quota: impl Into<String>) -> Self {
        self.quota = Some(quota.into());
        self
    }

    /// Whether the same bytes may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.reason.retryable()
    }

    /// The refusal that a status carries. `None` when the status is not one of ours (the transport's own), or when
    /// its reason is of a newer version.
    #[must_use]
    pub fn from_status(status: &Status) -> Option<Self> {
        let details = status.get_error_details();
        let info = details.error_info().filter(|info| info.domain == ERROR_DOMAIN)?;
        let reason = info.metadata.get("code").and_then(|code| Reason::from_code(code.parse().ok()?))?;
        let violations = details.bad_request().map_or(&[][..], |bad_request| &bad_request.field_violations);
        Some(Self {
            reason,
            violations: violations
                .iter()
                .map(|violation| FieldViolation {
                    field: violation.field.clone(),
                    reason: reason_named(&violation.reason).unwrap_or(reason),
                    description: violation.description.clone(),
                })
                .collect(),
            retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
            server_time: info
                .metadata
                .get("server_time_ms")
                .and_then(|millis| millis.parse().ok())
                .map(Timestamp::from_millis),
            quota: details
                .quota_failure()
                .and_then(|failure| failure.violations.first())
                .map(|violation| violation.subject.clone()),
        })
    }
}

/// The gRPC code of a reason. Reasons that belong to statements have one as well, one for all of them, so that a mistake
/// elsewhere could not tell an unknown number from a mismatch.
#[must_use]
pub fn grpc_code(reason: Reason) -> Code {
    match reason {
        Reason::SameFingerTwice
        | Reason::SameIrisTwice
        | Reason::TooManyFingers
        | Reason::TooManyIrises
        | Reason::TooManyFaces
        | Reason::Malformed
        | Reason::InvalidVirtualNumber
        | Reason::Declaration
        | Reason::NoBiometrics
        | Reason::NoFactor
        | Reason::BadDate
        | Reason::BadMatchValue
        | Reason::BothAddresses
        | Reason::FaceAlone
        | Reason::WrongAudience
        | Reason::TooLarge
        | Reason::MandatoryFactorMissing
        | Reason::StrongFactorRequired
        | Reason::ConsentMissing => Code::InvalidArgument,
        Reason::UnknownParty | Reason::SignatureInvalid => Code::Unauthenticated,
        Reason::LicenceExpired
        | Reason::LicenceInvalid
        | Reason::NotEntitledDemographics
        | Reason::NotEntitledAddress
        | Reason::NotEntitledFullAddress
        | Reason::NotEntitledFingers
        | Reason::NotEntitledIrises
        | Reason::NotEntitledOtp
        | Reason::NotEntitledFace
        | Reason::NotEntitledAttributes
        | Reason::NotEntitledPartialMatching
        | Reason::Channel
        | Reason::PartySuspended
        | Reason::NotYours
        | Reason::NotResidentAgent => Code::PermissionDenied,
        Reason::Expired
        | Reason::FromFuture
        | Reason::DemographicMismatch
        | Reason::AddressMismatch
        | Reason::BiometricMismatch
        | Reason::BiometricsLocked
        | Reason::NumberLocked
        | Reason::VirtualNumberRequired
        | Reason::OtpMismatch
        | Reason::OtpOfAnotherTransaction
        | Reason::OtpAttemptsUsedUp
        | Reason::ExpiredVirtualNumber
        | Reason::ChildBelowFive
        | Reason::UpdateDue
        | Reason::Deceased
        | Reason::SuspendedByAuthority
        | Reason::Cancelled
        | Reason::NumberSuspended
        | Reason::UnknownNumber
        | Reason::CaseClosed
        | Reason::ApprovalsMissing => Code::FailedPrecondition,
        Reason::NewCandidates => Code::Aborted,
        Reason::ReplayConflict | Reason::AlreadyRegistered => Code::AlreadyExists,
        Reason::NotFound => Code::NotFound,
        Reason::Overloaded
        | Reason::NumberSpaceExhausted
        | Reason::BlockedByErrorRate
        | Reason::BlockedByVelocity
        | Reason::OtpFloodRelyingParty
        | Reason::OtpFloodPerson
        | Reason::QuotaExceeded
        | Reason::DuplicateQuota
        | Reason::TooManyAttempts => Code::ResourceExhausted,
        Reason::ShuttingDown | Reason::NotServing | Reason::ClockBehind => Code::Unavailable,
        Reason::FactorUnavailable => Code::Unimplemented,
        Reason::Internal => Code::Internal,
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { reason, violations: Vec::new(), retry_after: None, server_time: None, quota: None }
    }
}

impl From<FieldViolation> for Refusal {
    fn from(violation: FieldViolation) -> Self {
        Self { violations: vec![violation.clone()], ..Self::from(violation.reason) }
    }
}

impl From<&Refusal> for Status {
    fn from(refusal: &Refusal) -> Self {
        let reason = refusal.reason;
        let mut metadata = HashMap::from([
            ("code".to_owned(), reason.code().to_string()),
            ("who".to_owned(), reason.who().to_string()),
            ("next_step".to_owned(), reason.next_step().to_owned()),
        ]);
        if let Some(now) = refusal.server_time {
            metadata.insert("server_time_ms".to_owned(), now.millis().to_string());
        }
        let mut details = ErrorDetails::with_error_info(reason.name(), ERROR_DOMAIN, metadata);
        if !refusal.violations.is_empty() {
            details.set_bad_request(refusal.violations.iter().map(wire_violation).collect::<Vec<_>>());
        }
        if let Some(quota) = &refusal.quota {
            details.set_quota_failure(vec![QuotaViolation::new(quota, reason.explanation())]);
        }
        if let Some(delay) = refusal.retry_after {
            details.set_retry_info(Some(delay));
        }
        Self::with_error_details(grpc_code(reason), message(refusal), details)
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        Self::from(&refusal)
    }
}

impl From<&Refusal> for v1::Refusal {
    fn from(refusal: &Refusal) -> Self {
        Self {
            grpc_code: i32::from(grpc_code(refusal.reason)).unsigned_abs(),
            reason_code: refusal.reason.code().into(),
            reason: refusal.reason.name().to_owned(),
            message: message(refusal),
            violations: refusal.violations.iter().map(Into::into).collect(),
            retry_after_ms: refusal.retry_after.map_or(0, whole_millis),
            server_time_ms: refusal.server_time.map_or(0, Timestamp::millis),
            quota: refusal.quota.clone().unwrap_or_default(),
        }
    }
}

impl TryFrom<v1::Refusal> for Refusal {
    type Error = FieldViolation;

    /// # Errors
    ///
    /// `reason_code` is malformed when no reason of this version has it.
    fn try_from(wire: v1::Refusal) -> Result<Self, FieldViolation> {
        let reason = reason_coded(wire.reason_code).ok_or_else(|| FieldViolation {
            field: "reason_code".to_owned(),
            reason: Reason::Malformed,
            description: "is not a reason of this version".to_owned(),
        })?;
        Ok(Self {
            reason,
            violations: wire
                .violations
                .into_iter()
                .map(|violation| FieldViolation {
                    field: violation.field,
                    reason: reason_coded(violation.reason_code).unwrap_or(reason),
                    description: violation.description,
                })
                .collect(),
            retry_after: (wire.retry_after_ms > 0).then(|| Duration::from_millis(wire.retry_after_ms)),
            server_time: (wire.server_time_ms > 0).then(|| Timestamp::from_millis(wire.server_time_ms)),
            quota: Some(wire.quota).filter(|quota| !quota.is_empty()),
        })
    }
}

impl From<&FieldViolation> for v1::FieldViolation {
    fn from(violation: &FieldViolation) -> Self {
        Self {
            field: violation.field.clone(),
            reason_code: violation.reason.code().into(),
            description: violation.description.clone(),
        }
    }
}

impl TryFrom<v1::FieldViolation> for FieldViolation {
    type Error = Self;

    /// # Errors
    ///
    /// `reason_code` is malformed when no reason of this version has it.
    fn try_from(wire: v1::FieldViolation) -> Result<Self, Self> {
        match reason_coded(wire.reason_code) {
            Some(reason) => Ok(Self { field: wire.field, reason, description: wire.description }),
            None => Err(Self::malformed("reason_code", "is not a reason of this version")),
        }
    }
}

/// What a person reads: the reason's explanation, then the fields at fault.
fn message(refusal: &Refusal) -> String {
    let mut text = refusal.reason.explanation().to_owned();
    for violation in &refusal.violations {
        text.push_str("; ");
        text.push_str(&violation.field);
        text.push_str(": ");
        text.push_str(&violation.description);
    }
    text
}

fn wire_violation(violation: &FieldViolation) -> tonic_types::FieldViolation {
    tonic_types::FieldViolation {
        reason: violation.reason.name().to_owned(),
        ..tonic_types::FieldViolation::new(&violation.field, &violation.description)
    }
}

fn reason_coded(code: u32) -> Option<Reason> {
    Reason::from_code(u16::try_from(code).ok()?)
}

fn reason_named(name: &str) -> Option<Reason> {
    Reason::ALL.iter().copied().find(|reason| reason.name() == name)
}

fn whole_millis(delay: Duration) -> u64 {
    u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)
}
