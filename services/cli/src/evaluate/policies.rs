//! What a deduplication policy makes of searches, and the files that state policies.

use std::path::Path;

use anyhow::{Context as _, ensure};
use plinth_biometrics::evaluation::identification::share;
use plinth_biometrics::evaluation::{Estimate, Pair, paired_share};
use plinth_identity::id::Sequence;
use plinth_identity::policy::{DeduplicationPolicy, EnrolmentDecision};
use serde::Deserialize;

use super::crowd::Search;
use super::figures::BOOTSTRAP_SEED;

/// The part of a configuration file of `plinth serve` that says when two people are one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deduplication {
    target_fpir: Option<f64>,
    certainty: Option<f64>,
}

/// Reads a policy from a configuration file: its `[deduplication]` section, the defaults where it says nothing.
///
/// # Errors
/// If the file cannot be read or has no such section, or a value is out of range.
pub(crate) fn read(path: &Path) -> anyhow::Result<DeduplicationPolicy> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    parse(&text).with_context(|| format!("{name} states no policy"))
}

fn parse(text: &str) -> anyhow::Result<DeduplicationPolicy> {
    let mut file: toml::Table = toml::from_str(text)?;
    let section = file.remove("deduplication").context("it has no section [deduplication]")?;
    let section: Deduplication = section.try_into().context("[deduplication]")?;
    let standard = DeduplicationPolicy::default();
    let policy = DeduplicationPolicy {
        target_fpir: section.target_fpir.unwrap_or(standard.target_fpir),
        certainty: section.certainty.unwrap_or(standard.certainty),
        ..standard
    };
    ensure!(policy.target_fpir > 0.0 && policy.target_fpir <= 0.5, "target_fpir: above 0, at most 0.5");
    ensure!(policy.certainty >= 1.0 && policy.certainty.is_finite(), "certainty: at least 1");
    Ok(policy)
}

/// What became of all searches in a gallery of a size that the thresholds were set for.
pub(crate) struct Outcome {
    /// The gallery's size, as far as thresholds are concerned.
    pub(crate) gallery: u64,
    /// Searches whose person was called a duplicate.
    pub(crate) duplicate: Estimate,
    /// Searches whose person was called a duplicate or put before a human: the rest is missed.
    pub(crate) noticed: Estimate,
    /// Searches that missed their person: the false negative identification rate.
    pub(crate) missed: Estimate,
    /// Searches that found a stranger among those who were compared.
    pub(crate) strangers: Estimate,
}

impl Outcome {
    /// Decides every search as the service would in a gallery of this size.
    pub(crate) fn of(policy: &DeduplicationPolicy, gallery: u64, searches: &[Search]) -> Self {
        let rate = |hit: &dyn Fn(&Search) -> bool| {
            let trials: Vec<(u32, bool)> = searches.iter().map(|one| (one.subject, hit(one))).collect();
            share(&trials, BOOTSTRAP_SEED)
        };
        Self {
            gallery,
            duplicate: rate(&|one| is_duplicate(policy, gallery, one)),
            noticed: rate(&|one| !policy.is_unlike(&one.mate, gallery)),
            missed: rate(&|one| policy.is_unlike(&one.mate, gallery)),
            strangers: rate(&|one| !policy.is_unlike(&one.stranger, gallery)),
        }
    }
}

/// What two policies make of the same searches.
pub(crate) struct Contest {
    /// Missed people.
    pub(crate) missed: Pair,
    /// People called duplicates.
    pub(crate) duplicate: Pair,
}

impl Contest {
    /// Decides every search by both policies in a gallery of this size.
    pub(crate) fn of(
        (a, b): (&DeduplicationPolicy, &DeduplicationPolicy),
        gallery: u64,
        searches: &[Search],
    ) -> Self {
        let both = |hit: &dyn Fn(&DeduplicationPolicy, &Search) -> bool| {
            let trials: Vec<_> = searches.iter().map(|one| (one.subject, hit(a, one), hit(b, one))).collect();
            paired_share(&trials, BOOTSTRAP_SEED)
        };
        Self {
            missed: both(&|policy, one| policy.is_unlike(&one.mate, gallery)),
            duplicate: both(&|policy, one| is_duplicate(policy, gallery, one)),
        }
    }
}

fn is_duplicate(policy: &DeduplicationPolicy, gallery: u64, search: &Search) -> bool {
    let decision = policy.decide(&[(Sequence::new(1), search.mate)], gallery);
    matches!(decision, EnrolmentDecision::Duplicate(_))
}

#[cfg(test)]
mod tests {
    use plinth_biometrics::calibration::PersonScore;

    use super::*;

    fn search(subject: u32, mate: f32) -> Search {
        let score = |llr| PersonScore::new(llr, 2);
        Search { subject, mate: score(mate), stranger: score(-3.0) }
    }

    #[test]
    fn a_policy_is_read_from_a_configuration_file_and_misspelt_keys_are_refused() {
        let policy = parse("data = \"d\"\n[deduplication]\ntarget_fpir = 0.05\n").unwrap();
        assert_eq!(policy, DeduplicationPolicy { target_fpir: 0.05, ..DeduplicationPolicy::default() });
        for (text, complaint) in [
            ("data = \"d\"", "no section [deduplication]"),
            ("[deduplication]\ntarget = 0.05\n", "target"),
            ("[deduplication]\ntarget_fpir = 0.7\n", "at most 0.5"),
            ("[deduplication]\ncertainty = 0.5\n", "at least 1"),
            ("[deduplication", "TOML"),
        ] {
            let found = format!("{:#}", parse(text).unwrap_err());
            assert!(found.contains(complaint), "{found}");
        }
    }

    #[test]
    fn a_laxer_policy_misses_fewer_and_a_larger_gallery_asks_for_more() {
        let searches: Vec<Search> = (0..60u8).map(|i| search(i.into(), f32::from(i) / 4.0 - 2.0)).collect();
        let strict = DeduplicationPolicy { target_fpir: 0.001, ..DeduplicationPolicy::default() };
        let lax = DeduplicationPolicy { target_fpir: 0.1, ..strict };
        let (small, large) =
            (Outcome::of(&strict, 1_000, &searches), Outcome::of(&strict, 1_000_000, &searches));
        assert!(small.missed.value < large.missed.value && small.duplicate.value >= large.duplicate.value);
        assert!((small.missed.value + small.noticed.value - 1.0).abs() < 1e-12);
        assert_eq!(small.strangers.value, 0.0);
        let contest = Contest::of((&strict, &lax), 1_000, &searches);
        assert!(contest.missed.difference.value < 0.0 && contest.missed.a == small.missed.value);
    }
}
