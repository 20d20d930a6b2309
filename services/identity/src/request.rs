//! What every signed request says about itself.

use crate::field::FieldViolation;
use crate::id::{DeploymentId, Nonce, PartyId, RequestId};
use crate::reason::Reason;
use crate::time::Timestamp;

/// Longest time between a request's `issued_at` and its `not_after`, in milliseconds: 31 days.
pub const MAX_WINDOW_MS: u64 = 31 * 24 * 60 * 60 * 1000;

/// Longest purpose in characters.
pub const MAX_PURPOSE_CHARS: usize = 64;

/// What a request says before it says what it wants: who sends it, to which deployment, what for, and when it
/// is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHeader {
    audience: DeploymentId,
    party: PartyId,
    purpose: String,
    request_id: RequestId,
    nonce: Nonce,
    issued_at: Timestamp,
    not_after: Timestamp,
}

impl RequestHeader {
    /// Checks and keeps the parts, in the order in which they are signed.
    ///
    /// # Errors
    /// [`Reason::Malformed`] at `purpose` (more than 64 characters, or a control character) or at
    /// `not_after_ms` (not later than `issued_at`, or more than 31 days later).
    pub fn new(
        audience: DeploymentId,
        party: PartyId,
        purpose: &str,
        request_id: RequestId,
        nonce: Nonce,
        issued_at: Timestamp,
        not_after: Timestamp,
    ) -> Result<Self, FieldViolation> {
        if purpose.chars().count() > MAX_PURPOSE_CHARS || purpose.chars().any(char::is_control) {
            return Err(FieldViolation::malformed(
                "purpose",
                "must be at most 64 characters without control characters",
            ));
        }
        if not_after <= issued_at {
            return Err(FieldViolation::malformed("not_after_ms", "must be later than issued_at_ms"));
        }
        if not_after.since(issued_at) > MAX_WINDOW_MS {
            return Err(FieldViolation::malformed(
                "not_after_ms",
                "must be at most 31 days later than issued_at_ms",
            ));
        }
        Ok(Self { audience, party, purpose: purpose.to_owned(), request_id, nonce, issued_at, not_after })
    }

    /// The deployment that is asked.
    #[must_use]
    pub fn audience(&self) -> DeploymentId {
        self.audience
    }

    /// The party that says it sent this. It is true only if that party's key verified the envelope.
    #[must_use]
    pub fn party(&self) -> &PartyId {
        &self.party
    }

    /// Why it is asked, in the sender's words.
    #[must_use]
    pub fn purpose(&self) -> &str {
        &self.purpose
    }

    /// The sender's own id of the request.
    #[must_use]
    pub fn request_id(&self) -> RequestId {
        self.request_id
    }

    /// The request's nonce.
    #[must_use]
    pub fn nonce(&self) -> Nonce {
        self.nonce
    }

    /// When it was signed, by the sender's clock.
    #[must_use]
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// The last moment at which the sender wants it carried out.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// The last moment at which a request like this is accepted. A stored answer is kept at least until then.
    #[must_use]
    pub fn deadline(&self, freshness: &Freshness) -> Timestamp {
        self.not_after.min(self.issued_at.plus_millis(freshness.max_age_ms))
    }

    /// Checks the request's age.
    ///
    /// # Errors
    /// [`Reason::FromFuture`] if it was issued more than `max_ahead_ms` after `now`; [`Reason::Expired`] if
    /// `now` is later than [`RequestHeader::deadline`].
    pub fn check_freshness(&self, now: Timestamp, freshness: &Freshness) -> Result<(), Reason> {
        if self.issued_at.since(now) > freshness.max_ahead_ms {
            return Err(Reason::FromFuture);
        }
        if now > self.deadline(freshness) {
            return Err(Reason::Expired);
        }
        Ok(())
    }

    /// Checks that the request is meant for this deployment.
    ///
    /// # Errors
    /// [`Reason::WrongAudience`].
    pub fn check_audience(&self, deployment: DeploymentId) -> Result<(), Reason> {
        if self.audience == deployment { Ok(()) } else { Err(Reason::WrongAudience) }
    }
}

/// How old, and how far ahead of our clock, a request may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// Oldest age in milliseconds, whatever the request's own `not_after` says.
    pub max_age_ms: u64,
    /// Milliseconds that the sender's clock may be ahead of ours.
    pub max_ahead_ms: u64,
}

impl Freshness {
    /// For requests whose sender waits for the answer: 30 seconds old, 5 seconds ahead.
    pub const LIVE: Self = Self { max_age_ms: 30_000, max_ahead_ms: 5_000 };

    /// For authentications that were captured offline and are sent later, and that say so: 24 hours old, 5
    /// seconds ahead.
    pub const BUFFERED: Self = Self { max_age_ms: 24 * 60 * 60 * 1000, max_ahead_ms: 5_000 };

    /// For enrolments, which agencies capture offline and send later: until their own `not_after`, at most 30
    /// days old, 5 seconds ahead.
    pub const ENROLMENT: Self = Self { max_age_ms: 30 * 24 * 60 * 60 * 1000, max_ahead_ms: 5_000 };
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 1_700_000_000_000;

    fn header(issued_at: u64, not_after: u64) -> Result<RequestHeader, FieldViolation> {
        RequestHeader::new(
            DeploymentId::from_bytes([1; 16]),
            PartyId::parse("bank").unwrap(),
            "open an account",
            RequestId::from_bytes([2; 16]),
            Nonce::from_bytes([3; 16]),
            Timestamp::from_millis(issued_at),
            Timestamp::from_millis(not_after),
        )
    }

    #[test]
    fn a_live_request_is_fresh_for_thirty_seconds_and_five_ahead() {
        let request = header(NOON, NOON + 60_000).unwrap();
        let at = |now| request.check_freshness(Timestamp::from_millis(now), &Freshness::LIVE);
        assert_eq!(at(NOON - 5_001), Err(Reason::FromFuture));
        assert_eq!(at(NOON - 5_000), Ok(()));
        assert_eq!(at(NOON + 30_000), Ok(()));
        assert_eq!(at(NOON + 30_001), Err(Reason::Expired));
    }

    #[test]
    fn a_request_that_ends_earlier_ends_earlier() {
        let request = header(NOON, NOON + 1_000).unwrap();
        let at = |now| request.check_freshness(Timestamp::from_millis(now), &Freshness::LIVE);
        assert_eq!(at(NOON + 1_000), Ok(()));
        assert_eq!(at(NOON + 1_001), Err(Reason::Expired));
        assert_eq!(request.deadline(&Freshness::LIVE), Timestamp::from_millis(NOON + 1_000));
    }

    #[test]
    fn a_buffered_request_waits_for_a_day() {
        let day = 24 * 60 * 60 * 1000;
        let request = header(NOON, NOON + 2 * day).unwrap();
        let at = |now| request.check_freshness(Timestamp::from_millis(now), &Freshness::BUFFERED);
        assert_eq!(at(NOON - 5_001), Err(Reason::FromFuture));
        assert_eq!(at(NOON + day), Ok(()));
        assert_eq!(at(NOON + day + 1), Err(Reason::Expired));
    }

    #[test]
    fn an_enrolment_waits_for_weeks() {
        let day = 24 * 60 * 60 * 1000;
        let request = header(NOON, NOON + 31 * day).unwrap();
        let at = |now| request.check_freshness(Timestamp::from_millis(now), &Freshness::ENROLMENT);
        assert_eq!(at(NOON + 30 * day), Ok(()));
        assert_eq!(at(NOON + 30 * day + 1), Err(Reason::Expired));
    }

    #[test]
    fn a_window_is_positive_and_at_most_thirty_one_days() {
        assert_eq!(header(NOON, NOON).unwrap_err().field, "not_after_ms");
        assert!(header(NOON, NOON + 1).is_ok());
        assert!(header(NOON, NOON + MAX_WINDOW_MS).is_ok());
        assert_eq!(header(NOON, NOON + MAX_WINDOW_MS + 1).unwrap_err().field, "not_after_ms");
        assert!(header(0, u64::MAX).is_err());
    }

    #[test]
    fn a_purpose_is_short_and_printable() {
        let with = |purpose: &str| {
            RequestHeader::new(
                DeploymentId::from_bytes([1; 16]),
                PartyId::parse("bank").unwrap(),
                purpose,
                RequestId::from_bytes([2; 16]),
                Nonce::from_bytes([3; 16]),
                Timestamp::from_millis(NOON),
                Timestamp::from_millis(NOON + 1),
            )
        };
        assert!(with("").is_ok());
        assert!(with(&"ß".repeat(64)).is_ok());
        assert_eq!(with(&"ß".repeat(65)).unwrap_err().field, "purpose");
        assert_eq!(with("a\u{7}").unwrap_err().field, "purpose");
    }

    #[test]
    fn a_request_for_another_deployment_is_refused() {
        let request = header(NOON, NOON + 1).unwrap();
        assert_eq!(request.check_audience(DeploymentId::from_bytes([1; 16])), Ok(()));
        assert_eq!(request.check_audience(DeploymentId::from_bytes([9; 16])), Err(Reason::WrongAudience));
    }
}
