//! The policies that say how alike is alike.

mod page;

use plinth_biometrics::calibration::PersonScore;

use crate::case::CaseCandidate;
use crate::id::Sequence;

pub use page::deduplication_markdown;

/// When two enrolments are one person.
///
/// One value is chosen: of people who were never enrolled, how many may be kept from a number because strangers resemble
/// them. The larger the gallery, the more strangers there are to resemble, so the rate a comparison that follows from it
/// falls as the gallery grows ([`DeduplicationPolicy::rates`]), and the thresholds rise. The scores that go with a rate
/// come from [`plinth_biometrics::calibration`], which was fitted to synthetic people only.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeduplicationPolicy {
    /// The false positive identification rate: of searches for people who are not in the gallery, the share that finds
    /// somebody at all, a human's task or a duplicate. Above 0 and below 1.
    pub target_fpir: f64,
    /// A stranger called a duplicate must be so many times rarer than one whom a human looks at, and the evidence so many
    /// times likelier from one person than from two. At least 1.
    pub certainty: f64,
    /// The share of the gallery that is compared exactly: one person in so many. At least 1.
    pub candidates_fraction: u32,
    /// The most people that are compared exactly, whatever the size of the gallery.
    pub max_candidates: u32,
}

impl Default for DeduplicationPolicy {
    /// One new person in a hundred looked at for a stranger's sake, one in ten thousand called a duplicate; a tenth of
    /// the gallery and at most 1,024 people compared exactly.
    fn default() -> Self {
        Self { target_fpir: 0.01, certainty: 100.0, candidates_fraction: 10, max_candidates: 1_024 }
    }
}

/// The smallest gallery that rates are derived for. A search of ten people could afford rates a comparison that tell two
/// people hardly apart; and what is decided then is not decided again when the gallery has grown.
const SMALLEST_GALLERY: u64 = 100;

/// False match rates of one comparison of two people.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MatchRates {
    /// At this rate strangers would be called one person. Not larger than `adjudicate_fmr`.
    pub duplicate_fmr: f64,
    /// At this rate strangers are sent to adjudication.
    pub adjudicate_fmr: f64,
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
    /// How many people of a gallery are compared in full at most: the policy's share of it, rounded up, at least four of
    /// those that there are, and at most `max_candidates`.
    #[must_use]
    pub fn candidate_budget(&self, gallery: u64) -> usize {
        let share = gallery.div_ceil(u64::from(self.candidates_fraction.max(1))).max(gallery.min(4));
        usize::try_from(share.min(u64::from(self.max_candidates))).unwrap_or(usize::MAX)
    }

    /// The rates of one comparison in a search of a gallery of so many people.
    ///
    /// The chance that any of N strangers is taken for the applicant is at most N times that of one (the union bound),
    /// however much strangers depend on each other. It is taken over everyone in the gallery, not over the few who were
    /// compared: those are the ones that resemble the applicant most, and whoever else would have is among them.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate needs no more than the leading digits of a gallery's size"
    )]
    pub fn rates(&self, gallery: u64) -> MatchRates {
        let adjudicate_fmr = self.target_fpir / gallery.max(SMALLEST_GALLERY) as f64;
        MatchRates { duplicate_fmr: adjudicate_fmr / self.certainty.max(1.0), adjudicate_fmr }
    }

    /// Decides by the scores of the people who were compared in a gallery of so many. The order of the scores does not
    /// matter; of two who are equally alike, the one who came earlier counts.
    #[must_use]
    pub fn decide(&self, scores: &[(Sequence, PersonScore)], gallery: u64) -> EnrolmentDecision {
        let mut alike: Vec<_> = scores.iter().filter(|(_, score)| !self.is_unlike(score, gallery)).collect();
        // Somebody may be found twice, by the search and among those who came since: the better score counts.
        alike.sort_by(|(a, s), (b, t)| a.cmp(b).then(t.llr.total_cmp(&s.llr)));
        alike.dedup_by_key(|(sequence, _)| *sequence);
        alike.sort_by(|(a, s), (b, t)| t.llr.total_cmp(&s.llr).then(a.cmp(b)));
        if let Some((sequence, _)) = alike.iter().find(|(_, score)| self.is_one(score, gallery)) {
            return EnrolmentDecision::Duplicate(*sequence);
        }
        if alike.is_empty() {
            return EnrolmentDecision::Unique;
        }
        let candidate = |(sequence, score): &(Sequence, PersonScore)| CaseCandidate {
            sequence: *sequence,
            llr: score.llr,
        };
        EnrolmentDecision::Adjudicate(alike.into_iter().map(candidate).collect())
    }

    /// True if a score says that nobody need look: in a gallery of so many people it cannot change a decision.
    #[must_use]
    pub fn is_unlike(&self, score: &PersonScore, gallery: u64) -> bool {
        !score.reaches(self.rates(gallery).adjudicate_fmr)
    }

    /// True if a score is enough to call two people one.
    fn is_one(&self, score: &PersonScore, gallery: u64) -> bool {
        score.reaches(self.rates(gallery).duplicate_fmr) && f64::from(score.llr) >= self.certainty.log10()
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
    use plinth_biometrics::calibration::llr_at_fmr;
    use proptest::prelude::*;

    const POLICY: DeduplicationPolicy = DeduplicationPolicy {
        target_fpir: 0.01,
        certainty: 100.0,
        candidates_fraction: 10,
        max_candidates: 1_024,
    };
    const TOWN: u64 = 10_000;
    const NATION: u64 = 1_400_000_000;

    fn score(sequence: u64, llr: f32) -> (Sequence, PersonScore) {
        (Sequence::new(sequence), PersonScore::new(llr, 1))
    }

    /// What one finger must reach in a gallery of 100.
    fn thresholds() -> (f32, f32) {
        (llr_at_fmr(1e-6, 1), llr_at_fmr(1e-4, 1))
    }

    #[test]
    fn the_default_is_the_policy_that_the_documentation_states() {
        assert_eq!(DeduplicationPolicy::default(), POLICY);
    }

    #[test]
    fn a_tenth_of_the_gallery_but_no_fewer_than_four_is_compared_and_never_more_than_the_cap() {
        let budget = |gallery| POLICY.candidate_budget(gallery);
        assert_eq!([budget(0), budget(1), budget(10), budget(11), budget(40)], [0, 1, 4, 4, 4]);
        assert_eq!([budget(10_040), budget(1_000_000), budget(u64::MAX)], [1_004, 1_024, 1_024]);
        assert_eq!(DeduplicationPolicy { candidates_fraction: 0, ..POLICY }.candidate_budget(7), 7);
    }

    #[test]
    fn rates_fall_as_the_gallery_grows_and_not_below_a_hundred_people() {
        let rates = |gallery| {
            let MatchRates { duplicate_fmr, adjudicate_fmr } = POLICY.rates(gallery);
            [duplicate_fmr, adjudicate_fmr].map(|rate| rate.log10())
        };
        for gallery in [0, 1, 40, 100] {
            assert_eq!(rates(gallery).map(f64::round), [-6.0, -4.0], "{gallery}");
        }
        assert_eq!(rates(TOWN).map(f64::round), [-8.0, -6.0]);
        let nation = rates(NATION);
        assert!((nation[0] + 13.15).abs() < 0.01 && (nation[1] + 11.15).abs() < 0.01, "{nation:?}");
    }

    #[test]
    fn evidence_is_called_by_the_thresholds_it_reaches() {
        let (duplicate, adjudicate) = thresholds();
        assert!(duplicate > adjudicate);
        let below = |threshold: f32| threshold - 0.001;
        assert_eq!(POLICY.decide(&[], 40), EnrolmentDecision::Unique);
        assert_eq!(POLICY.decide(&[score(1, below(adjudicate))], 40), EnrolmentDecision::Unique);
        assert_eq!(
            POLICY.decide(&[score(1, adjudicate), score(2, below(duplicate))], 40),
            EnrolmentDecision::Adjudicate(vec![
                CaseCandidate { sequence: Sequence::new(2), llr: below(duplicate) },
                CaseCandidate { sequence: Sequence::new(1), llr: adjudicate },
            ])
        );
        assert_eq!(
            POLICY.decide(&[score(1, adjudicate), score(2, duplicate)], 40),
            EnrolmentDecision::Duplicate(Sequence::new(2))
        );
        assert_eq!(
            POLICY.decide(&[score(2, adjudicate)], TOWN),
            EnrolmentDecision::Unique,
            "one of many more"
        );
    }

    #[test]
    fn ten_fingers_decide_among_a_nation_where_one_finger_cannot() {
        let decide =
            |llr, fingers| POLICY.decide(&[(Sequence::new(1), PersonScore::new(llr, fingers))], NATION);
        assert_eq!(decide(6.0, 1), EnrolmentDecision::Unique);
        for llr in [10.0, 20.0, 40.0] {
            assert_eq!(decide(llr, 10), EnrolmentDecision::Duplicate(Sequence::new(1)), "{llr}");
        }
        assert_eq!(decide(-5.0, 10), EnrolmentDecision::Unique);
    }

    #[test]
    fn what_speaks_for_two_people_is_no_likeness_and_little_evidence_no_duplicate() {
        let decide = |llr| POLICY.decide(&[(Sequence::new(1), PersonScore::new(llr, 10))], 40);
        assert!(llr_at_fmr(1e-6, 10) < -0.1, "by the rate alone, both would be duplicates");
        assert_eq!(decide(-0.1), EnrolmentDecision::Unique);
        assert!(matches!(decide(1.9), EnrolmentDecision::Adjudicate(_)));
        assert_eq!(decide(2.0), EnrolmentDecision::Duplicate(Sequence::new(1)));
    }

    #[test]
    fn whoever_proves_a_duplicate_counts_even_if_fewer_fingers_of_another_weigh_more() {
        let nine = (Sequence::new(2), PersonScore::new(4.0, 9));
        let (duplicate, _) = thresholds();
        let one = score(1, duplicate - 0.01);
        assert_eq!(POLICY.decide(&[one, nine], 40), EnrolmentDecision::Duplicate(Sequence::new(2)));
    }

    #[test]
    fn the_most_alike_is_the_duplicate_and_of_two_the_earlier() {
        let (duplicate, _) = thresholds();
        let decide = |scores: &[_]| POLICY.decide(scores, 40);
        let first = EnrolmentDecision::Duplicate(Sequence::new(1));
        assert_eq!(decide(&[score(2, duplicate), score(1, duplicate)]), first);
        assert_eq!(decide(&[score(2, duplicate), score(1, duplicate + 1.0)]), first);
    }

    #[test]
    fn nothing_compared_is_no_evidence() {
        let nothing = PersonScore::new(100.0, 0);
        assert_eq!(POLICY.decide(&[(Sequence::new(1), nothing)], 40), EnrolmentDecision::Unique);
    }

    proptest! {
        #[test]
        fn neither_order_nor_hopeless_scores_change_a_decision(
            llrs in proptest::collection::vec((-5.0_f32..8.0, 1_u8..=10), 0..12), seed: u64, gallery in 0..NATION,
        ) {
            let mut scores: Vec<_> = llrs
                .iter()
                .zip(1..)
                .map(|(&(llr, fingers), sequence)| (Sequence::new(sequence), PersonScore::new(llr, fingers)))
                .collect();
            let decided = POLICY.decide(&scores, gallery);
            let half = usize::try_from(seed % 12).unwrap().min(scores.len());
            scores.rotate_left(half);
            prop_assert_eq!(&POLICY.decide(&scores, gallery), &decided);
            scores.retain(|(_, score)| !POLICY.is_unlike(score, gallery));
            prop_assert_eq!(&POLICY.decide(&scores, gallery), &decided);
            scores.extend(scores.clone());
            prop_assert_eq!(&POLICY.decide(&scores, gallery), &decided);
        }

        #[test]
        fn a_larger_gallery_never_asks_for_less(llr in -5.0_f32..20.0, fingers in 1_u8..=10, gallery in 0..NATION) {
            let rank = |decision| match decision {
                EnrolmentDecision::Unique => 0,
                EnrolmentDecision::Adjudicate(_) => 1,
                EnrolmentDecision::Duplicate(_) => 2,
            };
            let scores = [(Sequence::new(1), PersonScore::new(llr, fingers))];
            let decided = |gallery| rank(POLICY.decide(&scores, gallery));
            prop_assert!(decided(gallery) >= decided(gallery.saturating_mul(2)));
        }
    }
}
