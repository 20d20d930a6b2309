use std::time::Instant;

/// The monotonic clock.
#[expect(clippy::disallowed_methods, reason = "measuring time is what this program is for")]
pub(crate) fn tick() -> Instant {
    Instant::now()
}
