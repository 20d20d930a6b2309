use std::error::Error;
use std::fmt;
use std::time::Duration;

use plinth_identity::field::FieldViolation;
use plinth_identity::reason::Reason;
use plinth_identity::time::Timestamp;
use plinth_proto::status::{self, grpc_code};
use tonic::{Code, Status};

use crate::verify::VerifyError;

/// Why there is no answer to act upon.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The service did not decide the request; it changed nothing.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The service could not be reached, or the answer was lost on the way. Whether the request was decided is not known:
    /// send the same bytes again.
    #[error("transport: {0}")]
    Transport(TransportError),
    /// The answer does not verify. Do not act upon it, and find out who sent it.
    #[error("the answer cannot be trusted: {0}")]
    Answer(VerifyError),
    /// The request would be refused, so it was not made.
    #[error("the request is wrong: {0}")]
    Request(FieldViolation),
    /// A person's attributes do not open.
    #[error("the attributes cannot be read: {0}")]
    Sealed(&'static str),
    /// The address is none.
    #[error("not an address like http://127.0.0.1:7770 or https://plinth.example: {0}")]
    Url(String),
    /// The certificates do not make a TLS configuration, or the address and the certificates disagree about TLS.
    #[error("tls: {0}")]
    Tls(String),
}

/// Why the service did not decide a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The gRPC status code.
    pub code: Code,
    /// The reason; `None` when it is the transport's own, or of a newer version than this client.
    pub reason: Option<Reason>,
    /// What it means, for a person.
    pub message: String,
    /// The fields at fault.
    pub violations: Vec<FieldViolation>,
    /// The service's clock where time is the reason: compare it with your own.
    pub server_time: Option<Timestamp>,
    /// How long to wait before sending the same bytes again.
    pub retry_after: Option<Duration>,
    /// The limit that was reached, where one was.
    pub quota: Option<String>,
}

/// Why a call did not come to an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportError {
    /// The gRPC status code that describes it.
    pub code: Code,
    /// The whole chain of causes.
    pub message: String,
}

impl ClientError {
    /// Whether the same bytes may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.retryable(),
            Self::Transport(_) => true,
            Self::Answer(_) | Self::Request(_) | Self::Sealed(_) | Self::Url(_) | Self::Tls(_) => false,
        }
    }

    /// The service's reason, where it gave one.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refused(refusal) => refusal.reason,
            Self::Request(violation) => Some(violation.reason),
            Self::Transport(_) | Self::Answer(_) | Self::Sealed(_) | Self::Url(_) | Self::Tls(_) => None,
        }
    }

    /// How long the service asked to wait.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            Self::Transport(_)
            | Self::Answer(_)
            | Self::Request(_)
            | Self::Sealed(_)
            | Self::Url(_)
            | Self::Tls(_) => None,
        }
    }

    /// An answer without the part that every answer has.
    pub(crate) fn malformed_answer(violation: FieldViolation) -> Self {
        Self::Answer(VerifyError::Body(violation))
    }

    /// A stream that ended before everything on it was answered.
    pub(crate) fn unanswered() -> Self {
        let message = "the stream ended before this was answered".to_owned();
        Self::Transport(TransportError { code: Code::Unavailable, message })
    }
}

impl Refusal {
    /// Whether the same bytes may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self.reason {
            Some(reason) => reason.retryable(),
            // A reason of a newer version: it says by its delay whether waiting helps.
            None => self.retry_after.is_some(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Some(reason) => write!(f, "{} ({}): {}", reason.name(), reason.code(), self.message)?,
            None => write!(f, "{:?}: {}", self.code, self.message)?,
        }
        if let Some(time) = self.server_time {
            write!(f, "; the service's clock shows {time}")?;
        }
        if let Some(quota) = &self.quota {
            write!(f, "; the limit is {quota}")?;
        }
        if let Some(delay) = self.retry_after {
            write!(f, "; not before {} s from now", whole_seconds(delay))?;
        }
        Ok(())
    }
}

/// Rounded up: a message never promises too much.
fn whole_seconds(delay: Duration) -> u64 {
    delay.as_secs() + u64::from(delay.subsec_nanos() > 0)
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.message, self.code)
    }
}

impl From<status::Refusal> for ClientError {
    fn from(refusal: status::Refusal) -> Self {
        Self::Refused(Refusal {
            code: grpc_code(refusal.reason),
            reason: Some(refusal.reason),
            message: explain(&refusal),
            violations: refusal.violations,
            server_time: refusal.server_time,
            retry_after: refusal.retry_after,
            quota: refusal.quota,
        })
    }
}

impl From<Status> for ClientError {
    fn from(status: Status) -> Self {
        if let Some(refusal) = status::Refusal::from_status(&status) {
            return refusal.into();
        }
        if is_transport(&status) {
            return Self::Transport(TransportError { code: status.code(), message: chain(&status) });
        }
        Self::Refused(Refusal {
            code: status.code(),
            reason: None,
            message: status.message().to_owned(),
            violations: Vec::new(),
            server_time: None,
            retry_after: None,
            quota: None,
        })
    }
}

impl From<tonic::transport::Error> for ClientError {
    fn from(error: tonic::transport::Error) -> Self {
        Self::Transport(TransportError { code: Code::Unavailable, message: causes(&error) })
    }
}

/// Statuses that say nothing about the request: the connection or the deadline ended first.
fn is_transport(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded | Code::Unknown | Code::Internal => true,
        Code::Ok
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::DataLoss
        | Code::Unauthenticated => false,
    }
}

fn explain(refusal: &status::Refusal) -> String {
    let mut text = refusal.reason.explanation().to_owned();
    for violation in &refusal.violations {
        text.push_str("; ");
        text.push_str(&violation.to_string());
    }
    text
}

/// A status with its causes: by itself it says "transport error" and no more.
fn chain(status: &Status) -> String {
    match status.source() {
        Some(source) => format!("{}: {}", status.message(), causes(source)),
        None => status.message().to_owned(),
    }
}

fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
