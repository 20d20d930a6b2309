//! Why a request was not decided, on its way to the wire.

use std::time::Duration;

use plinth_identity::field::FieldViolation;
use plinth_identity::reason::Reason;
use plinth_identity::time::Timestamp;
use plinth_proto::status;
use tonic::{Code, Status};

use crate::budget::Budget;
use crate::core::RETRY_AFTER;

/// A request that changed nothing: one reason, the field at fault if there is one, and what to do next.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    reason: Reason,
    violation: Option<FieldViolation>,
    server_time: Option<Timestamp>,
    retry_after: Option<Duration>,
    /// What is used up, where something is.
    budget: Option<Budget>,
}

impl Refusal {
    /// A refusal that no single field explains.
    pub(crate) fn of(reason: Reason) -> Self {
        Self { reason, violation: None, server_time: None, retry_after: None, budget: None }
    }

    /// A budget is used up: which one, and when there is room again.
    pub(crate) fn limit(reason: Reason, budget: Budget, after: Duration) -> Self {
        Self { retry_after: Some(after), budget: Some(budget), ..Self::of(reason) }
    }

    /// A refusal because of one field.
    pub(crate) fn at(field: &str, reason: Reason, description: &str) -> Self {
        FieldViolation { field: field.to_owned(), reason, description: description.to_owned() }.into()
    }

    /// A malformed field.
    pub(crate) fn field(field: &str, description: &str) -> Self {
        Self::at(field, Reason::Malformed, description)
    }

    /// Too much is in hand: come back shortly.
    pub(crate) fn overloaded() -> Self {
        Self::come_back(RETRY_AFTER)
    }

    /// Not now: come back after a while.
    pub(crate) fn come_back(after: Duration) -> Self {
        Self { retry_after: Some(after), ..Self::of(Reason::Overloaded) }
    }

    /// Tells the caller what time it is here: a skewed station clock is the first support call.
    pub(crate) fn with_time(mut self, now: Timestamp) -> Self {
        self.server_time = Some(now);
        self
    }

    /// The gRPC code that it is sent with.
    pub(crate) fn code(&self) -> Code {
        status::grpc_code(self.reason)
    }

    fn details(&self) -> status::Refusal {
        status::Refusal {
            reason: self.reason,
            violations: self.violation.clone().into_iter().collect(),
            server_time: self.server_time,
            retry_after: self.retry_after,
            quota: self.budget.map(|budget| budget.name().to_owned()),
        }
    }
}

/// For logs: the reason's number and name.
impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.reason.fmt(f)
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::of(reason)
    }
}

impl From<FieldViolation> for Refusal {
    fn from(violation: FieldViolation) -> Self {
        Self { violation: Some(violation.clone()), ..Self::of(violation.reason) }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        refusal.details().into()
    }
}

impl From<Refusal> for status::Refusal {
    fn from(refusal: Refusal) -> Self {
        refusal.details()
    }
}
