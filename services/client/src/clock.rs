use std::time::{SystemTime, UNIX_EPOCH};

use plinth_identity::time::Timestamp;

/// The system's wall clock, for programs that have no clock of their own. Nothing in this crate reads it by itself: every
/// request takes the moment at which it is made as an argument.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "an outermost edge: callers pass the moment on as an argument")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
