//! What each registered party asked, and what it was answered.
//!
//! A party is on the page from its first request whose signature verified, so there are never more rows than parties in the
//! registry. A relying party has four counters and a histogram of seven buckets, 14 rows in all: a thousand relying parties
//! are 14,000 rows, about 1.5 MB of page, which Prometheus reads in well under a second. Finer buckets are kept by method.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use plinth_identity::id::PartyId;
use plinth_identity::party::PartyKind;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Labels;

/// Upper edges of a party's own histogram, in seconds.
const SECONDS: [f64; 7] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];

/// The answer of whoever was refused.
pub(super) const REFUSED: &str = "refused";

/// The counts of every party that has signed anything since the service started.
pub(super) struct Parties {
    requests: Family<Labels, Counter>,
    answers: Family<Labels, Counter>,
    seconds: Family<Labels, Histogram, fn() -> Histogram>,
    /// One roll a kind: ids are unique within a kind. A look-up costs a shared lock and one hash, and allocates nothing.
    rolls: [RwLock<HashMap<PartyId, Arc<PartyCounts>>>; 3],
}

/// What is counted of one party.
pub(crate) struct PartyCounts {
    /// The party's id: the value of the label.
    pub(crate) id: String,
    requests: Counter,
    /// A handful: found faster by looking at each than by hashing.
    answers: Vec<(&'static str, Counter)>,
    /// Of relying parties only.
    seconds: Option<Histogram>,
}

impl Parties {
    /// Nobody has asked anything yet.
    pub(super) fn new(registry: &mut Registry) -> Self {
        let parties = Self {
            requests: Family::default(),
            answers: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            rolls: Default::default(),
        };
        registry.register(
            "party_requests",
            "Requests whose signature verified, by party",
            parties.requests.clone(),
        );
        registry.register("party_answers", "Answers, by party", parties.answers.clone());
        registry.register(
            "party_authentication_seconds",
            "Time of an authentication, by relying party",
            parties.seconds.clone(),
        );
        parties
    }

    /// The counts of a registered party. Nobody else may be asked for: each makes the page longer.
    pub(super) fn of(&self, kind: PartyKind, id: &PartyId) -> Arc<PartyCounts> {
        let [agencies, relying_parties, administrators] = &self.rolls;
        let roll = match kind {
            PartyKind::Agency => agencies,
            PartyKind::RelyingParty => relying_parties,
            PartyKind::Administrator => administrators,
        };
        if let Some(known) = roll.read().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Arc::clone(known);
        }
        let mut roll = roll.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(roll.entry(id.clone()).or_insert_with(|| Arc::new(self.open(kind, id))))
    }

    fn open(&self, kind: PartyKind, id: &PartyId) -> PartyCounts {
        let (kind_name, answers): (_, &[&'static str]) = match kind {
            PartyKind::Agency => ("agency", &["issued", "duplicate", "pending", REFUSED]),
            PartyKind::RelyingParty => ("relying_party", &["yes", "no", REFUSED]),
            PartyKind::Administrator => ("administrator", &[REFUSED]),
        };
        let id = id.as_str();
        let party = || vec![("kind", Cow::Borrowed(kind_name)), ("party", Cow::Owned(id.to_owned()))];
        let answer = |answer: &'static str| {
            let labels = party().into_iter().chain([("answer", Cow::Borrowed(answer))]).collect();
            (answer, self.answers.get_or_create_owned(&labels))
        };
        let timed = kind == PartyKind::RelyingParty;
        PartyCounts {
            id: id.to_owned(),
            requests: self.requests.get_or_create_owned(&party()),
            answers: answers.iter().copied().map(answer).collect(),
            seconds: timed
                .then(|| self.seconds.get_or_create_owned(&vec![("party", Cow::Owned(id.to_owned()))])),
        }
    }
}

impl PartyCounts {
    /// The party's signature was found good over a request.
    pub(super) fn asked(&self) {
        self.requests.inc();
    }

    /// The party was answered.
    pub(super) fn answered(&self, answer: &str) {
        if let Some((_, count)) = self.answers.iter().find(|(name, _)| *name == answer) {
            count.inc();
        }
    }

    /// An authentication of the party took so long.
    pub(super) fn took(&self, elapsed: Duration) {
        if let Some(seconds) = &self.seconds {
            seconds.observe(elapsed.as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn parties_of_one_name_and_two_kinds_are_two_and_each_has_the_answers_of_its_kind() {
        let mut registry = Registry::default();
        let parties = Parties::new(&mut registry);
        let id = PartyId::parse("north").unwrap();
        let (agency, bank) = (parties.of(PartyKind::Agency, &id), parties.of(PartyKind::RelyingParty, &id));
        agency.asked();
        agency.answered("duplicate");
        agency.answered("yes");
        agency.took(Duration::from_millis(7));
        bank.answered("yes");
        bank.took(Duration::from_millis(7));
        parties.of(PartyKind::RelyingParty, &id).answered("yes");
        let mut page = String::new();
        encode(&mut page, &registry).unwrap();
        for line in [
            "party_requests_total{kind=\"agency\",party=\"north\"} 1",
            "party_requests_total{kind=\"relying_party\",party=\"north\"} 0",
            "party_answers_total{kind=\"agency\",party=\"north\",answer=\"duplicate\"} 1",
            "party_answers_total{kind=\"relying_party\",party=\"north\",answer=\"yes\"} 2",
            "party_answers_total{kind=\"relying_party\",party=\"north\",answer=\"refused\"} 0",
            "party_authentication_seconds_bucket{le=\"0.005\",party=\"north\"} 0",
            "party_authentication_seconds_bucket{le=\"0.01\",party=\"north\"} 1",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
        assert!(!page.contains("kind=\"agency\",party=\"north\",answer=\"yes\""), "{page}");
        let rows = page.lines().filter(|line| line.contains("relying_party") || line.contains("_seconds_"));
        assert_eq!(rows.count(), 14, "as many rows as the arithmetic above says\n{page}");
    }
}
