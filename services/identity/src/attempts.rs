//! What failed attempts cost, and what a party may find out in a day.
//!
//! A yes or no is an answer to whoever invents templates, and enough answers lead to the real one (NIST SP
//! 800-63B-4, section 3.2.3, limits the failed attempts for that reason). So attempts are counted for life,
//! not for a day, and for numbers that nobody holds exactly as for others.
//!
//! Each attempt has two rows: that of the **pair** of relying party and person, and that of the **person**. A
//! failure with fingers counts in the person's row only as long as the pair's row is not full. So one relying
//! party alone can neither use up a person's attempts everywhere nor make the person wait anywhere else.

mod day;
#[cfg(test)]
mod tests;

use crate::codec::{DecodeError, Reader, Writer};
use crate::time::Timestamp;

use day::day_of;

pub use day::{DayCounts, DuplicateCounts};

/// What failed attempts cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptPolicy {
    /// Failures in a row at one relying party before the next attempt there has to wait.
    pub consecutive: u16,
    /// The first wait in milliseconds. Each further failure doubles it, up to [`MAX_WAIT_MS`].
    pub wait_ms: u64,
    /// Failed attempts with fingers at one relying party before fingers are no longer accepted there. Less
    /// than `person_fingers`, which see.
    pub pair_fingers: u16,
    /// Failed attempts with fingers in all before fingers are no longer accepted anywhere.
    pub person_fingers: u16,
    /// One-time codes that one relying party may ask for, for one person, in a window.
    pub otp_pair_per_window: u8,
    /// One-time codes that may be asked for, for one person, in a window. More than `otp_pair_per_window`, so
    /// that one relying party cannot keep a person from getting codes elsewhere.
    pub otp_person_per_window: u8,
    /// The window in milliseconds.
    pub otp_window_ms: u64,
}

/// The longest wait in milliseconds: an hour.
pub const MAX_WAIT_MS: u64 = 3_600_000;

impl Default for AttemptPolicy {
    /// 5 in a row, then 30 seconds; 20 at one relying party and 50 in all; 3 and 10 codes in ten minutes.
    fn default() -> Self {
        Self {
            consecutive: 5,
            wait_ms: 30_000,
            pair_fingers: 20,
            person_fingers: 50,
            otp_pair_per_window: 3,
            otp_person_per_window: 10,
            otp_window_ms: 600_000,
        }
    }
}

/// One row of counters, of a pair or of a person. Both are written at every decision, whoever holds the
/// number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempts {
    /// Failures in a row, of each kind of attempt. Counted in a pair's row only.
    streaks: Streaks,
    /// Failed attempts with fingers since the last yes to a one-time code. Never above the policy's limit for
    /// the row.
    fingers: u16,
    /// The next attempt is not before this moment. Set in a pair's row only.
    wait_until: Timestamp,
    /// The last step of an authenticator whose code was given. It only grows: a code is accepted once. In a
    /// person's row only.
    totp_step: u64,
    /// The beginning of the window in which codes are counted.
    otp_window: Timestamp,
    /// Codes that were asked for in that window.
    otp_sent: u8,
    /// The last day (UTC) on which the relying party asked about the person, days since 1970-01-01 and one
    /// more; 0 if it never did. It only grows. In a pair's row only.
    day: u32,
}

/// Nothing has happened yet.
impl Default for Attempts {
    fn default() -> Self {
        let never = Timestamp::from_millis(0);
        Self {
            streaks: Streaks::default(),
            fingers: 0,
            wait_until: never,
            totp_step: 0,
            otp_window: never,
            otp_sent: 0,
            day: 0,
        }
    }
}

/// Failures in a row at one relying party, each kind for itself. What everybody may know ends no streak of
/// guesses at a finger or at a code: otherwise every few guesses a name would take the wait away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Streaks {
    /// Attempts with claims only, since the last yes.
    claims: u16,
    /// Attempts with fingers, since the last yes to fingers or to a code.
    fingers: u16,
    /// Attempts with a one-time code, since the last yes to a code.
    codes: u16,
}

impl Streaks {
    /// Ends the streaks that a yes ends.
    const fn end(&mut self, with_fingers: bool, with_code: bool) {
        self.claims = 0;
        if with_fingers || with_code {
            self.fingers = 0;
        }
        if with_code {
            self.codes = 0;
        }
    }

    /// Lengthens the streaks that a no lengthens, and gives the longest of them.
    fn lengthen(&mut self, with_fingers: bool, with_code: bool) -> u16 {
        let streaks = [
            (!with_fingers && !with_code, &mut self.claims),
            (with_fingers, &mut self.fingers),
            (with_code, &mut self.codes),
        ];
        let mut longest = 0;
        for (_, streak) in streaks.into_iter().filter(|(carried, _)| *carried) {
            *streak = streak.saturating_add(1);
            longest = longest.max(*streak);
        }
        longest
    }
}

impl Attempts {
    const RECORD: &'static str = "attempts";
    const FORMAT: u8 = 1;

    /// Until when the next attempt must wait, if it must. For the pair's row.
    #[must_use]
    pub fn waiting(&self, now: Timestamp) -> Option<Timestamp> {
        // What lies further ahead was written by a clock that was wrong.
        let real = now < self.wait_until && self.wait_until.since(now) <= MAX_WAIT_MS;
        real.then_some(self.wait_until)
    }

    /// Whether fingers have failed as often as a limit allows.
    #[must_use]
    pub const fn fingers_disabled(&self, limit: u16) -> bool {
        self.fingers >= limit
    }

    /// Failures in a row, of the kind that has most.
    #[must_use]
    pub fn consecutive(&self) -> u16 {
        self.streaks.claims.max(self.streaks.fingers).max(self.streaks.codes)
    }

    /// Failed attempts with fingers since the last yes to a one-time code.
    #[must_use]
    pub const fn fingers(&self) -> u16 {
        self.fingers
    }

    /// Counts a decision in the rows of a pair and of its person.
    ///
    /// A yes ends failures in a row of its own kind: of fingers only one with fingers or a code, of codes only
    /// one with a code. One with a code also forgives the failed fingers, in both rows. A no is one more
    /// failure in a row of its kind and, from the policy's number on, a wait. A no to fingers is one more
    /// failed attempt in the pair's row and in the person's, but none in either once the pair's row is full.
    ///
    /// `with_fingers` says that fingers were sent, whatever it was that spoke against a yes: otherwise the
    /// counter would tell whether they fitted. `with_code` says that a one-time code was sent; only a yes
    /// looks at it, so that it was the right one.
    pub fn settle(
        pair: &mut Self,
        person: &mut Self,
        yes: bool,
        with_fingers: bool,
        with_code: bool,
        now: Timestamp,
        policy: &AttemptPolicy,
    ) {
        if yes {
            pair.streaks.end(with_fingers, with_code);
            if with_code {
                pair.fingers = 0;
                person.fingers = 0;
            }
            return;
        }
        let streak = pair.streaks.lengthen(with_fingers, with_code);
        if let Some(wait) = wait_after(streak, policy) {
            pair.wait_until = now.plus_millis(wait);
        }
        if with_fingers && !pair.fingers_disabled(policy.pair_fingers) {
            pair.fingers = pair.fingers.saturating_add(1);
            person.fingers = person.fingers.saturating_add(1).min(policy.person_fingers);
        }
    }

    /// Uses up a step of an authenticator. False if a code of this step or a later one was used before: then
    /// this one is not accepted. For the person's row, since the authenticator is the person's.
    pub const fn use_totp(&mut self, step: u64) -> bool {
        // Ten minutes ahead and more was written by a clock that was wrong.
        const FAR: u64 = 20;
        let fresh = step > self.totp_step || self.totp_step - step > FAR;
        if fresh {
            self.totp_step = step;
        }
        fresh
    }

    /// Counts a one-time code that is to be sent, at most `limit` in a window of `window_ms`. Windows follow
    /// one another: one begins with the first code after the end of the last. For either row; what refuses it
    /// counts in neither, because the caller keeps neither.
    ///
    /// # Errors
    /// The end of the window, after which there is room again.
    pub fn otp(&mut self, now: Timestamp, limit: u8, window_ms: u64) -> Result<(), Timestamp> {
        let end = self.otp_window.plus_millis(window_ms);
        if now >= end || self.otp_window.since(now) > window_ms {
            (self.otp_window, self.otp_sent) = (now, 0);
        }
        if self.otp_sent >= limit {
            return Err(self.otp_window.plus_millis(window_ms));
        }
        self.otp_sent = self.otp_sent.saturating_add(1);
        Ok(())
    }

    /// Whether the relying party asks about the person for the first time on this day (UTC). For the pair's
    /// row.
    pub fn first_today(&mut self, now: Timestamp) -> bool {
        let today = day_of(now).saturating_add(1);
        // A day beyond tomorrow was written by a clock that was wrong.
        let first = today > self.day || self.day > today.saturating_add(1);
        if first {
            self.day = today;
        }
        first
    }

    /// The stored form, 38 bytes: format 1, failures in a row with claims only, with fingers and with codes
    /// (u16 each), failed fingers (u16), wait until (u64 ms), step of the authenticator (u64), beginning of
    /// the window (u64 ms), codes in it (1), day and one more (u32).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        Writer::new(Self::FORMAT, 37)
            .u16(self.streaks.claims)
            .u16(self.streaks.fingers)
            .u16(self.streaks.codes)
            .u16(self.fingers)
            .u64(self.wait_until.millis())
            .u64(self.totp_step)
            .u64(self.otp_window.millis())
            .u8(self.otp_sent)
            .u32(self.day)
            .finish()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(Self::RECORD, Self::FORMAT, bytes)?;
        let attempts = Self {
            streaks: Streaks {
                claims: reader.u16("streaks.claims")?,
                fingers: reader.u16("streaks.fingers")?,
                codes: reader.u16("streaks.codes")?,
            },
            fingers: reader.u16("fingers")?,
            wait_until: Timestamp::from_millis(reader.u64("wait_until")?),
            totp_step: reader.u64("totp_step")?,
            otp_window: Timestamp::from_millis(reader.u64("otp_window")?),
            otp_sent: reader.u8("otp_sent")?,
            day: reader.u32("day")?,
        };
        reader.finish()?;
        Ok(attempts)
    }
}

/// The wait in milliseconds after so many failures in a row, if there is one.
fn wait_after(failures: u16, policy: &AttemptPolicy) -> Option<u64> {
    let further = failures.checked_sub(policy.consecutive)?;
    let doubled = 1_u64.checked_shl(u32::from(further)).unwrap_or(u64::MAX);
    Some(policy.wait_ms.saturating_mul(doubled).min(MAX_WAIT_MS))
}
