//! What a party may find out in a day: how many numbers it asks about, how often it fails, how often it hears
//! "duplicate". Counted in the commit of each decision, so a restart forgets nothing.

use std::time::Duration;

use plinth_identity::application::Application;
use plinth_identity::attempts::{DayCounts, DuplicateCounts};
use plinth_identity::party::{Party, PartyKind, Quotas};
use plinth_identity::reason::Reason;
use plinth_identity::time::Timestamp;

use crate::refusal::Refusal;
use crate::registrar::Sitting;

/// One relying party's day.
pub(crate) struct PartyDay {
    row: [u8; 16],
    counts: DayCounts,
}

impl PartyDay {
    /// The day so far, or a refusal if the party has used it up.
    pub(crate) fn open(sitting: &mut Sitting<'_>, party: &Party) -> Result<Self, Refusal> {
        let row = sitting.reader.keys().quota_row(PartyKind::RelyingParty, &party.id, "day");
        let mut counts = sitting.staged.day_counts(&row)?;
        counts.roll(sitting.now);
        let defaults = sitting.rules.relying_parties;
        let defaults = Quotas {
            requests_per_second: defaults.requests_per_second,
            burst: defaults.burst,
            numbers_per_day: defaults.numbers_per_day,
            failure_percent: defaults.failure_percent,
        };
        match counts.blocked(&party.policy.quotas, &defaults) {
            None => Ok(Self { row, counts }),
            Some(reason) => {
                let quota = match reason {
                    Reason::BlockedByVelocity => "numbers_per_day",
                    _ => "failure_percent",
                };
                Err(Refusal::limit(reason, quota, until_tomorrow(sitting.now)))
            }
        }
    }

    /// Counts a decision; `new_number` if the party asks about this number for the first time today.
    pub(crate) fn count(&mut self, failed: bool, new_number: bool) {
        // Of the yeses only the first about each number counts: otherwise one friendly finger would thin out any number of
        // guesses.
        self.counts.decisions = self.counts.decisions.saturating_add(u32::from(failed || new_number));
        self.counts.failures = self.counts.failures.saturating_add(u32::from(failed));
        self.counts.numbers = self.counts.numbers.saturating_add(u32::from(new_number));
    }

    /// Counts a number that was asked about without a decision.
    pub(crate) fn count_number(&mut self, new_number: bool) {
        self.counts.numbers = self.counts.numbers.saturating_add(u32::from(new_number));
    }

    pub(crate) fn close(self, sitting: &mut Sitting<'_>) {
        sitting.staged.put_day_counts(&self.row, &self.counts);
    }
}

/// The day of an operator, their station and their agency: how often they heard "duplicate".
pub(crate) struct DuplicateBudget {
    scopes: [([u8; 16], DuplicateCounts); 3],
}

impl DuplicateBudget {
    /// The day so far, or a refusal if one of the three has used it up.
    pub(crate) fn open(sitting: &mut Sitting<'_>, application: &Application) -> Result<Self, Refusal> {
        let agency = application.header.party();
        let rules = sitting.rules.duplicates;
        let station = format!("station {}", application.station);
        let operator = format!("operator {}", application.operator);
        let percent = rules.duplicate_percent;
        let mut open = |scope: &str, limit: u32, fewest: u32, quota: &str| {
            let row = sitting.reader.keys().quota_row(PartyKind::Agency, agency, scope);
            let mut counts = sitting.staged.duplicate_counts(&row)?;
            counts.roll(sitting.now);
            let too_many = limit != 0 && counts.duplicates >= limit;
            let too_often = percent != 0
                && counts.duplicates >= fewest
                && u64::from(counts.duplicates) * 100 > u64::from(counts.enrolments) * u64::from(percent);
            if too_many || too_often {
                return Err(Refusal::limit(Reason::DuplicateQuota, quota, until_tomorrow(sitting.now)));
            }
            Ok((row, counts))
        };
        // A share says nothing about a handful. Operators and stations are names that the agency gives: what it cannot get
        // around is its own count.
        Ok(Self {
            scopes: [
                open(&operator, rules.operator_duplicates_per_day, 20, "operator_duplicates_per_day")?,
                open(&station, rules.station_duplicates_per_day, 50, "station_duplicates_per_day")?,
                open("agency", rules.agency_duplicates_per_day, 500, "agency_duplicates_per_day")?,
            ],
        })
    }

    /// Counts an enrolment; `duplicate` if its answer tells of somebody alike.
    pub(crate) fn count(&mut self, duplicate: bool) {
        for (_, counts) in &mut self.scopes {
            counts.enrolments = counts.enrolments.saturating_add(1);
            counts.duplicates = counts.duplicates.saturating_add(u32::from(duplicate));
        }
    }

    pub(crate) fn close(self, sitting: &mut Sitting<'_>) {
        for (row, counts) in &self.scopes {
            sitting.staged.put_duplicate_counts(row, counts);
        }
    }
}

/// How long the day lasts that a moment belongs to (UTC).
pub(crate) fn until_tomorrow(now: Timestamp) -> Duration {
    const DAY_MS: u64 = 24 * 3_600_000;
    Duration::from_millis(DAY_MS - now.millis() % DAY_MS)
}
