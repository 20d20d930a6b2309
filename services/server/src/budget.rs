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

/// What can be used up. The name is sent with the refusal, and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Budget {
    /// Requests of a relying party.
    RequestsPerSecond,
    /// Different numbers that a relying party asks about.
    NumbersPerDay,
    /// The share of a relying party's answers that are no.
    FailurePercent,
    /// Failures in a row of one person at one relying party.
    ConsecutiveFailures,
    /// One-time codes for one person from one relying party.
    CodesOfRelyingParty,
    /// One-time codes for one person.
    CodesOfPerson,
    /// Duplicates that an operator is told about.
    OperatorDuplicatesPerDay,
    /// Duplicates that a station is told about.
    StationDuplicatesPerDay,
    /// Duplicates that an agency is told about.
    AgencyDuplicatesPerDay,
}

impl Budget {
    /// Every budget.
    pub(crate) const ALL: [Self; 9] = [
        Self::RequestsPerSecond,
        Self::NumbersPerDay,
        Self::FailurePercent,
        Self::ConsecutiveFailures,
        Self::CodesOfRelyingParty,
        Self::CodesOfPerson,
        Self::OperatorDuplicatesPerDay,
        Self::StationDuplicatesPerDay,
        Self::AgencyDuplicatesPerDay,
    ];

    /// As the policies and settings call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RequestsPerSecond => "requests_per_second",
            Self::NumbersPerDay => "numbers_per_day",
            Self::FailurePercent => "failure_percent",
            Self::ConsecutiveFailures => "consecutive_failures",
            Self::CodesOfRelyingParty => "codes_of_relying_party",
            Self::CodesOfPerson => "codes_of_person",
            Self::OperatorDuplicatesPerDay => "operator_duplicates_per_day",
            Self::StationDuplicatesPerDay => "station_duplicates_per_day",
            Self::AgencyDuplicatesPerDay => "agency_duplicates_per_day",
        }
    }

    /// The budget of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|budget| budget.name() == name)
    }
}

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
                let budget = match reason {
                    Reason::BlockedByVelocity => Budget::NumbersPerDay,
                    _ => Budget::FailurePercent,
                };
                Err(Refusal::limit(reason, budget, until_tomorrow(sitting.now)))
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
        let mut open = |scope: &str, limit: u32, fewest: u32, budget: Budget| {
            let row = sitting.reader.keys().quota_row(PartyKind::Agency, agency, scope);
            let mut counts = sitting.staged.duplicate_counts(&row)?;
            counts.roll(sitting.now);
            let too_many = limit != 0 && counts.duplicates >= limit;
            let too_often = percent != 0
                && counts.duplicates >= fewest
                && u64::from(counts.duplicates) * 100 > u64::from(counts.enrolments) * u64::from(percent);
            if too_many || too_often {
                return Err(Refusal::limit(Reason::DuplicateQuota, budget, until_tomorrow(sitting.now)));
            }
            Ok((row, counts))
        };
        // A share says nothing about a handful. Operators and stations are names that the agency gives: what it cannot get
        // around is its own count.
        Ok(Self {
            scopes: [
                open(&operator, rules.operator_duplicates_per_day, 20, Budget::OperatorDuplicatesPerDay)?,
                open(&station, rules.station_duplicates_per_day, 50, Budget::StationDuplicatesPerDay)?,
                open("agency", rules.agency_duplicates_per_day, 500, Budget::AgencyDuplicatesPerDay)?,
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
