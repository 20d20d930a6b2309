//! The policies that say how alike is alike.

use plinth_biometrics::calibration::{PersonScore, llr_at_fmr};

use crate::case::CaseCandidate;
use crate::id::Sequence;

/// When two enrolments are one person.
///
/// Both rates are false match rates a comparison of two people. The scores that go with them come from
/// [`plinth_biometrics::calibration`], which was fitted to synthetic people only.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeduplicationPolicy {
    /// At this rate strangers would be called one person.
    pub duplicate_fmr: f64,
    /// At this rate strangers are sent to adjudication. Not smaller than `duplicate_fmr`.
    pub adjudicate_fmr: f64,
    /// The share of the gallery that is compared exactly: one person in so many. At least 1.
    pub candidates_fraction: u32,
    /// The most people that are compared exactly, whatever the size of the gallery.
    pub max_candidates: u32,
}

impl Default for DeduplicationPolicy {
    /// Duplicate at 1 in 10,000, adjudicate at 3 in 10,000, a tenth of the gallery and at most 1,024 people
    /// compared exactly.
    fn default() -> Self {
        Self { duplicate_fmr: 1e-4, adjudicate_fmr: 3e-4, candidates_fraction: 10, max_candidates: 1_024 }
    }
}

/// What a search says about an applicant.
#[derive(Debug, Clone, PartialEq)]
pub enum EnrolmentDecision {
    /// They resemble nobody.
    Unique,
    /// They are this person.
    Duplicate(Sequence),
    /// They resemble these people, the most alike first, too much to be called new and too little to be
    /// called one of them.
    Adjudicate(Vec<CaseCandidate>),
}

impl DeduplicationPolicy {
    /// How many people of a gallery are compared exactly: the policy's share of it, rounded up, at most
    /// `max_candidates`.
    #[must_use]
    pub fn candidate_budget(&self, gallery: u64) -> usize {
        let share = gallery.div_ceil(u64::from(self.candidates_fraction.max(1)));
        usize::try_from(share.min(u64::from(self.max_candidates))).unwrap_or(usize::MAX)
    }

    /// Decides by the scores of the people who were compared. The order of the scores does not matter; of two
    /// who are equally alike, the one who came earlier counts.
    #[must_use]
    pub fn decide(&self, scores: &[(Sequence, PersonScore)]) -> EnrolmentDecision {
        let duplicate = llr_at_fmr(self.duplicate_fmr);
        let mut alike: Vec<CaseCandidate> = scores
            .iter()
            .filter(|(_, score)| !self.is_unlike(score))
            .map(|&(sequence, score)| CaseCandidate { sequence, llr: score.llr })
            .collect();
        // Somebody may be found twice, by the search and among those who came since: the better score counts.
        alike.sort_by(|a, b| a.sequence.cmp(&b.sequence).then(b.llr.total_cmp(&a.llr)));
        alike.dedup_by_key(|candidate| candidate.sequence);
        alike.sort_by(|a, b| b.llr.total_cmp(&a.llr).then(a.sequence.cmp(&b.sequence)));
        match alike.first() {
            None => EnrolmentDecision::Unique,
            Some(best) if best.llr >= duplicate => EnrolmentDecision::Duplicate(best.sequence),
            Some(_) => EnrolmentDecision::Adjudicate(alike),
        }
    }

    /// True if a score is below both thresholds: it cannot change a decision.
    #[must_use]
    pub fn is_unlike(&self, score: &PersonScore) -> bool {
        score.fingers == 0 || score.llr < llr_at_fmr(self.adjudicate_fmr.max(self.duplicate_fmr))
    }
}

/// When sent fingers are the recorded ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AuthenticationPolicy {
    /// The false match rate of one attempt.
    pub fmr: f64,
}

impl Default for AuthenticationPolicy {
    /// 1 in 10,000: the most that NIST SP 800-63B-4 allows.
    fn default() -> Self {
        Self { fmr: 1e-4 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const POLICY: DeduplicationPolicy = DeduplicationPolicy {
        duplicate_fmr: 1e-4,
        adjudicate_fmr: 3e-4,
        candidates_fraction: 10,
        max_candidates: 1_024,
    };

    fn score(sequence: u64, llr: f32) -> (Sequence, PersonScore) {
        (Sequence::new(sequence), PersonScore { llr, fingers: 1 })
    }

    fn thresholds() -> (f32, f32) {
        (llr_at_fmr(1e-4), llr_at_fmr(3e-4))
    }

    #[test]
    fn the_default_is_the_policy_that_the_documentation_states() {
        assert_eq!(DeduplicationPolicy::default(), POLICY);
    }

    #[test]
    fn a_tenth_of_the_gallery_is_compared_and_never_more_than_the_cap() {
        let budget = |gallery| POLICY.candidate_budget(gallery);
        assert_eq!([budget(0), budget(1), budget(10), budget(11), budget(40)], [0, 1, 1, 2, 4]);
        assert_eq!([budget(10_040), budget(1_000_000), budget(u64::MAX)], [1_004, 1_024, 1_024]);
        assert_eq!(DeduplicationPolicy { candidates_fraction: 0, ..POLICY }.candidate_budget(7), 7);
    }

    #[test]
    fn evidence_is_called_by_the_thresholds_it_reaches() {
        let (duplicate, adjudicate) = thresholds();
        assert!(duplicate > adjudicate);
        let below = |threshold: f32| threshold - 0.001;
        assert_eq!(POLICY.decide(&[]), EnrolmentDecision::Unique);
        assert_eq!(POLICY.decide(&[score(1, below(adjudicate))]), EnrolmentDecision::Unique);
        assert_eq!(
            POLICY.decide(&[score(1, adjudicate), score(2, below(duplicate))]),
            EnrolmentDecision::Adjudicate(vec![
                CaseCandidate { sequence: Sequence::new(2), llr: below(duplicate) },
                CaseCandidate { sequence: Sequence::new(1), llr: adjudicate },
            ])
        );
        assert_eq!(
            POLICY.decide(&[score(1, adjudicate), score(2, duplicate)]),
            EnrolmentDecision::Duplicate(Sequence::new(2))
        );
    }

    #[test]
    fn the_most_alike_is_the_duplicate_and_of_two_the_earlier() {
        let (duplicate, _) = thresholds();
        let decide = |scores: &[_]| POLICY.decide(scores);
        let first = EnrolmentDecision::Duplicate(Sequence::new(1));
        assert_eq!(decide(&[score(2, duplicate), score(1, duplicate)]), first);
        assert_eq!(decide(&[score(2, duplicate), score(1, duplicate + 1.0)]), first);
    }

    #[test]
    fn nothing_compared_is_no_evidence() {
        let nothing = PersonScore { llr: 100.0, fingers: 0 };
        assert_eq!(POLICY.decide(&[(Sequence::new(1), nothing)]), EnrolmentDecision::Unique);
    }

    proptest! {
        #[test]
        fn neither_order_nor_hopeless_scores_change_a_decision(
            llrs in proptest::collection::vec(-5.0_f32..8.0, 0..12), seed: u64,
        ) {
            let mut scores: Vec<_> = llrs.iter().zip(1..).map(|(llr, sequence)| score(sequence, *llr)).collect();
            let decided = POLICY.decide(&scores);
            let half = usize::try_from(seed % 12).unwrap().min(scores.len());
            scores.rotate_left(half);
            prop_assert_eq!(&POLICY.decide(&scores), &decided);
            scores.retain(|(_, score)| !POLICY.is_unlike(score));
            prop_assert_eq!(&POLICY.decide(&scores), &decided);
            scores.extend(scores.clone());
            prop_assert_eq!(&POLICY.decide(&scores), &decided);
        }
    }
}
