//! From comparison scores to likelihood ratios and false match rates.
//!
//! A [`Score`] has no meaning of its own. This module gives it two: the share of strangers' fingers that score as high
//! ([`false_match_rate`]), and how many times more often one finger scores so than two strangers' do
//! ([`log_likelihood_ratio`]). Both come from one table, measured on the synthetic population only: a threshold never
//! comes from the set that it is reported on. A test regenerates the table at a small scale.
//!
//! # Several fingers
//!
//! Likelihood ratios of independent comparisons multiply, so a person's score is the **sum** of the fingers'
//! log-likelihood ratios, each clamped to [`LOWEST`]..=[`HIGHEST`]. The threshold for a person is that of one finger
//! ([`llr_at_fmr`]), whatever the number of fingers compared. For more than one it is conservative: a stranger's second
//! finger takes 1 to 1.5 from the sum nearly always, so that the threshold is reached only by a finger that is some ten
//! times rarer than a single one would have to be, or by several rare ones at once, and no number of fingers makes up
//! for that. A test convolves the table with itself to show it for two to ten fingers, and the example `calibrate`
//! counts it on synthetic people, whose fingers resemble each other as those of real hands do.
//!
//! The clamp also bounds what one finger can say: an injured or swapped finger cannot outvote nine good ones, and no
//! single finger counts for more than was measured.

use crate::cylinder::FingerFeatures;
use crate::matcher::{Matcher, Score};
use crate::record::FingerPosition;
use crate::synthetic::SyntheticPerson;

/// The lowest log10 likelihood ratio of one finger.
pub const LOWEST: f32 = -1.5;
/// The highest log10 likelihood ratio of one finger: no rarer stranger was ever measured.
pub const HIGHEST: f32 = 6.0;

/// One row of the calibration: strangers reach `score` at `10^log10_fmr`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Knot {
    /// Score, ascending over the table.
    pub score: f32,
    /// log10 of the share of strangers' comparisons at or above the score, descending.
    pub log10_fmr: f32,
    /// log10 likelihood ratio at the score, ascending.
    pub log10_lr: f32,
}

/// log10 of the likelihood ratio of a score: above 0 it speaks for one finger, below 0 for two.
/// Strictly ascending with the score between the clamps [`LOWEST`] and [`HIGHEST`].
#[must_use]
pub fn log_likelihood_ratio(score: Score) -> f32 {
    read(&KNOTS, score.value(), |knot| knot.score, |knot| knot.log10_lr).clamp(LOWEST, HIGHEST)
}

/// The share of strangers' comparisons that score at least this high, 0 to 1. Beyond the table's last row (1e-6) it is
/// an extrapolation of the last rows' slope.
#[must_use]
pub fn false_match_rate(score: Score) -> f64 {
    10f64.powf(f64::from(read(&KNOTS, score.value(), |knot| knot.score, |knot| knot.log10_fmr))).min(1.0)
}

/// The lowest score whose false match rate is at most `fmr` (1e-12 to 1; what lies outside is brought inside). Below
/// 1e-6 it is an extrapolation.
#[must_use]
pub fn threshold_at_fmr(fmr: f64) -> Score {
    let level = narrow(fmr.clamp(1e-12, 1.0).log10());
    Score::new(read(&KNOTS, -level, |knot| -knot.log10_fmr, |knot| knot.score))
}

/// The [`PersonScore::llr`] that a person must reach at a policy's false match rate, for any number of fingers.
/// For one finger it decides as [`threshold_at_fmr`] does, down to 1e-6; a much lower rate can ask for more than
/// [`HIGHEST`], which several fingers reach together and one never.
#[must_use]
pub fn llr_at_fmr(fmr: f64) -> f32 {
    read(&KNOTS, threshold_at_fmr(fmr).value(), |knot| knot.score, |knot| knot.log10_lr).max(LOWEST)
}

/// What the fingers of two people say together.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct PersonScore {
    /// Sum of the clamped log10 likelihood ratios, less what was paid for choosing pairs; 0 if nothing was compared.
    pub llr: f32,
    /// Pairs of fingers that were compared and counted.
    pub fingers: u8,
}

/// Sums log10 likelihood ratios of different fingers, each clamped to [`LOWEST`]..=[`HIGHEST`] first.
#[must_use]
pub fn fuse(llrs: &[f32]) -> f32 {
    llrs.iter().map(|llr| llr.clamp(LOWEST, HIGHEST)).sum()
}

/// Compares two people finger by finger.
///
/// Fingers of one declared position are compared with each other. A finger of unknown position, on either side, may be
/// any that is left: it is compared with all of them and the most likely pairs are taken, one to one. Choosing has its
/// price, log10 of the number of fingers chosen from: the likelihood of an unknown assignment is the mean over all of
/// them, which is at least the best one's over their number.
#[must_use]
pub fn compare_people(
    matcher: &mut Matcher,
    probe: &[FingerFeatures],
    gallery: &[FingerFeatures],
) -> PersonScore {
    assign(matcher, probe, gallery, |a, b| {
        a == b || a == FingerPosition::Unknown || b == FingerPosition::Unknown
    })
}

/// Compares two people without believing any declared position: every finger with every finger, at the price of
/// choosing. It catches hands and fingers that were swapped, by mistake or on purpose, and costs up to 100 comparisons.
#[must_use]
pub fn compare_people_in_any_order(
    matcher: &mut Matcher,
    probe: &[FingerFeatures],
    gallery: &[FingerFeatures],
) -> PersonScore {
    assign(matcher, probe, gallery, |_, _| true)
}

fn assign(
    matcher: &mut Matcher,
    probe: &[FingerFeatures],
    gallery: &[FingerFeatures],
    may_pair: impl Fn(FingerPosition, FingerPosition) -> bool,
) -> PersonScore {
    let mut pairs = Vec::with_capacity(probe.len().max(gallery.len()));
    for (p, a) in probe.iter().enumerate() {
        for (g, b) in gallery.iter().enumerate() {
            if may_pair(a.position(), b.position()) {
                pairs.push((log_likelihood_ratio(matcher.compare(a, b)), p, g));
            }
        }
    }
    pairs.sort_by(|x, y| y.0.total_cmp(&x.0).then((x.1, x.2).cmp(&(y.1, y.2))));
    let mut score = PersonScore::default();
    while let Some(&(llr, p, g)) = pairs.first() {
        let choices = pairs.iter().filter(|pair| pair.1 == p).count();
        let chosen_by = pairs.iter().filter(|pair| pair.2 == g).count();
        let price = narrow((choices.max(chosen_by) as f64).log10());
        score.llr += llr - price;
        score.fingers = score.fingers.saturating_add(1);
        pairs.retain(|pair| pair.1 != p && pair.2 != g);
    }
    score
}

/// Scores of synthetic fingers, drawn to calibrate.
#[derive(Clone, Default)]
pub struct SyntheticScores {
    /// Two touches of one finger.
    pub genuine: Vec<f32>,
    /// Fingers of one position of two people.
    pub impostor: Vec<f32>,
}

/// Draws scores from the population named by `seed`: `people` people with one finger each (all ten positions in turn),
/// three touches of it, and `opponents` strangers' fingers of the same position for each.
#[must_use]
pub fn synthetic_scores(seed: u64, people: usize, opponents: usize) -> SyntheticScores {
    let touch = |index: usize, capture: u32| {
        let position = FingerPosition::ALL[index % FingerPosition::ALL.len()];
        let record = SyntheticPerson::new(seed, index as u64).capture(position, capture);
        FingerFeatures::extract(&record, 0, position).ok()
    };
    let enrolled: Vec<_> = (0..people).map(|index| touch(index, 0)).collect();
    let mut matcher = Matcher::new();
    let mut scores = SyntheticScores::default();
    for index in 0..people {
        for capture in 1..=2 {
            let Some(probe) = touch(index, capture) else { continue };
            if let Some(mate) = &enrolled[index] {
                scores.genuine.push(matcher.compare(&probe, mate).value());
            }
            let stride = FingerPosition::ALL.len();
            let (from, to) = if capture == 1 { (0, opponents / 2) } else { (opponents / 2, opponents) };
            for step in from..to {
                let other = (index + (step + 1) * stride) % people;
                if other != index
                    && let Some(stranger) = &enrolled[other]
                {
                    scores.impostor.push(matcher.compare(&probe, stranger).value());
                }
            }
        }
    }
    scores
}

/// False match rates of the rows of a table: four a decade, down to what 8 exceedances of `impostors` still carry.
fn levels(impostors: usize) -> impl Iterator<Item = f64> {
    (0..=24)
        .map(|quarter| 10f64.powf(-f64::from(quarter) / 4.0))
        .take_while(move |level| level * impostors as f64 >= 8.0)
}

/// Makes the calibration table of a set of scores. Empty if there are fewer than 100 of either kind.
///
/// The likelihood ratio of a row is the share of genuine comparisons between its neighbouring rows over the share of
/// strangers' there. Rows are forced to ascend: a pool-adjacent-violators pass, then at least 0.01 from row to row.
#[must_use]
pub fn knots(scores: &SyntheticScores) -> Vec<Knot> {
    let sorted = |scores: &[f32]| {
        let mut sorted = scores.to_vec();
        sorted.sort_unstable_by(|a, b| b.total_cmp(a));
        sorted
    };
    let (genuine, impostor) = (sorted(&scores.genuine), sorted(&scores.impostor));
    if genuine.len() < 100 || impostor.len() < 100 {
        return Vec::new();
    }
    let mut rows: Vec<(f32, f64)> = Vec::new();
    for level in levels(impostor.len()) {
        let reached = whole(level * impostor.len() as f64).min(impostor.len() - 1);
        let score = impostor[reached];
        // Many strangers share the lowest scores: a row that repeats the last one's score says nothing new.
        if rows.last().is_none_or(|last| score > last.0) {
            rows.push((score, level));
        }
    }
    let above = |score: f32| genuine.partition_point(|value| *value >= score) as f64 / genuine.len() as f64;
    let ratios = (0..rows.len()).map(|row| {
        let (low, high) = (row.saturating_sub(1), (row + 1).min(rows.len() - 1));
        let mates = above(rows[low].0) - above(rows[high].0);
        let strangers = rows[low].1 - rows[high].1;
        ((mates + 0.5 / genuine.len() as f64).log10() - strangers.log10(), 1.0)
    });
    let ratios = ascending(ratios.collect());
    let mut table: Vec<Knot> = Vec::with_capacity(rows.len());
    for ((score, level), ratio) in rows.into_iter().zip(ratios) {
        let floor = table.last().map_or(f32::NEG_INFINITY, |last| last.log10_lr + 0.01);
        table.push(Knot { score, log10_fmr: narrow(level.log10()), log10_lr: narrow(ratio).max(floor) });
    }
    table
}

/// Pools neighbours (value, weight) that descend until all ascend.
fn ascending(values: Vec<(f64, f64)>) -> Vec<f64> {
    let mut pools: Vec<(f64, f64)> = Vec::with_capacity(values.len());
    for (mut value, mut weight) in values {
        while let Some((before, heavy)) = pools.pop_if(|last| last.0 > value) {
            value = (value * weight + before * heavy) / (weight + heavy);
            weight += heavy;
        }
        pools.push((value, weight));
    }
    pools.into_iter().flat_map(|(value, weight)| std::iter::repeat_n(value, whole(weight))).collect()
}

/// Reads a table along an ascending column by straight lines; beyond its ends by the slope of the last decade, at the
/// lower end by the first value.
fn read(table: &[Knot], at: f32, column: impl Fn(&Knot) -> f32, value: impl Fn(&Knot) -> f32) -> f32 {
    let after = table.partition_point(|knot| column(knot) <= at);
    let (a, b) = match (after, table.len()) {
        (_, 0) => return 0.0,
        (0, _) => return value(&table[0]),
        (after, len) if after < len => (&table[after - 1], &table[after]),
        (_, len) => (&table[len.saturating_sub(5)], &table[len - 1]),
    };
    let (from, to) = (column(a), column(b));
    if to <= from {
        return value(b);
    }
    value(b) + (at - to) / (to - from) * (value(b) - value(a))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "scores and logarithms need no more than single precision"
)]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of scores, rounded, never negative"
)]
fn whole(value: f64) -> usize {
    value.round() as usize
}

const fn knot(score: f32, log10_fmr: f32, log10_lr: f32) -> Knot {
    Knot { score, log10_fmr, log10_lr }
}

/// The calibration: the output of the example `calibrate`, whose documentation has the command.
const KNOTS: [Knot; 25] = [
    knot(0.00265, 0.00, -2.346),
    knot(0.00905, -0.25, -2.334),
    knot(0.00971, -0.50, -2.324),
    knot(0.01025, -0.75, -2.086),
    knot(0.01076, -1.00, -1.700),
    knot(0.01129, -1.25, -1.424),
    knot(0.01185, -1.50, -1.312),
    knot(0.06985, -1.75, -1.181),
    knot(0.08146, -2.00, -0.683),
    knot(0.08930, -2.25, -0.433),
    knot(0.09560, -2.50, -0.174),
    knot(0.10100, -2.75, 0.236),
    knot(0.10603, -3.00, 0.462),
    knot(0.11056, -3.25, 0.712),
    knot(0.11466, -3.50, 1.036),
    knot(0.11872, -3.75, 1.399),
    knot(0.12248, -4.00, 1.677),
    knot(0.12622, -4.25, 2.047),
    knot(0.13034, -4.50, 2.387),
    knot(0.13378, -4.75, 2.591),
    knot(0.13791, -5.00, 2.822),
    knot(0.14082, -5.25, 3.091),
    knot(0.14409, -5.50, 3.423),
    knot(0.14786, -5.75, 3.565),
    knot(0.15051, -6.00, 3.575),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICIES: [f64; 6] = [0.03, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6];

    #[test]
    fn the_table_is_what_the_generator_and_the_matcher_give() {
        let scores = synthetic_scores(5, 900, 60);
        for row in knots(&scores).iter().filter(|row| (-3.3..-0.4).contains(&row.log10_fmr)) {
            let table = false_match_rate(Score::new(row.score)).log10();
            assert!((table - f64::from(row.log10_fmr)).abs() < 0.3, "{row:?}: the table says 10^{table:.2}");
        }
        for fmr in [1e-3, 1e-4] {
            let threshold = threshold_at_fmr(fmr).value();
            let caught = scores.genuine.iter().filter(|score| **score >= threshold).count();
            assert!(caught * 100 > scores.genuine.len() * 90, "{caught} of {}", scores.genuine.len());
        }
    }

    #[test]
    fn rows_ascend_in_score_and_ratio_and_descend_in_rate() {
        for pair in KNOTS.windows(2) {
            assert!(pair[0].score < pair[1].score, "{pair:?}");
            assert!(pair[0].log10_lr < pair[1].log10_lr, "{pair:?}");
            assert!(pair[0].log10_fmr > pair[1].log10_fmr, "{pair:?}");
        }
        assert!(KNOTS[KNOTS.len() - 1].log10_fmr <= -6.0, "measured down to 1e-6");
        assert!(KNOTS[KNOTS.len() - 1].log10_lr < HIGHEST);
    }

    #[test]
    fn a_threshold_has_the_rate_it_was_asked_for() {
        for fmr in POLICIES {
            let rate = false_match_rate(threshold_at_fmr(fmr));
            assert!((rate / fmr - 1.0).abs() < 1e-2, "{fmr} {rate}");
        }
        assert!(threshold_at_fmr(1e-9) > threshold_at_fmr(1e-6));
        assert_eq!(threshold_at_fmr(f64::INFINITY), threshold_at_fmr(1.0));
    }

    #[test]
    fn one_finger_decides_by_ratio_as_it_does_by_score() {
        for fmr in POLICIES {
            let (score, ratio) = (threshold_at_fmr(fmr), llr_at_fmr(fmr));
            for step in 0..=5_000u16 {
                let other = Score::new(f32::from(step) / 5_000.0);
                if (other.value() - score.value()).abs() > 1e-6 {
                    assert_eq!(fuse(&[log_likelihood_ratio(other)]) >= ratio, other > score, "{fmr} {other}");
                }
            }
        }
    }

    #[test]
    fn the_threshold_of_one_finger_is_conservative_for_two_to_ten() {
        // One stranger's finger as a distribution over steps of the ratio, every value rounded up to its step.
        const STEP: f64 = 0.05;
        let steps = whole(f64::from(HIGHEST - LOWEST) / STEP);
        let reach = |step: usize| {
            // The chance to lie above step - 1, for a ratio above the clamp; everything lies above the first.
            if step == 0 {
                return 1.0;
            }
            let ratio = LOWEST + narrow((step - 1) as f64 * STEP);
            let log10 = read(&KNOTS, ratio, |knot| knot.log10_lr, |knot| knot.log10_fmr);
            10f64.powf(f64::from(log10)).min(1.0)
        };
        let one: Vec<f64> =
            (0..=steps).map(|step| reach(step) - if step < steps { reach(step + 1) } else { 0.0 }).collect();
        assert!((one.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let mut sum = one.clone();
        for fingers in 2..=10u8 {
            let mut next = vec![0.0; sum.len() + one.len() - 1];
            for (a, p) in sum.iter().enumerate() {
                for (b, q) in one.iter().enumerate() {
                    next[a + b] += p * q;
                }
            }
            sum = next;
            for fmr in POLICIES {
                let origin = f64::from(fingers) * f64::from(LOWEST);
                let reached: f64 = sum
                    .iter()
                    .enumerate()
                    .filter(|(step, _)| origin + *step as f64 * STEP >= f64::from(llr_at_fmr(fmr)))
                    .map(|(_, p)| p)
                    .sum();
                assert!(reached <= fmr, "{fingers} fingers reach FMR {fmr} at {reached:.2e}");
            }
        }
    }

    fn fingers(person: u64, capture: u32, declared: impl Fn(usize) -> FingerPosition) -> Vec<FingerFeatures> {
        let record = SyntheticPerson::new(3, person).record(capture, &FingerPosition::ALL);
        (0..record.views.len())
            .map(|view| FingerFeatures::extract(&record, view, declared(view)).unwrap())
            .collect()
    }

    #[test]
    fn ten_fingers_tell_mates_and_strangers_far_apart_however_they_are_labelled() {
        let mut matcher = Matcher::new();
        let labelled = |view: usize| FingerPosition::ALL[view];
        let gallery = fingers(0, 0, labelled);
        let mates = compare_people(&mut matcher, &fingers(0, 1, labelled), &gallery);
        let strangers = compare_people(&mut matcher, &fingers(1, 1, labelled), &gallery);
        assert!(mates.llr > 10.0 && strangers.llr < -5.0, "{mates:?} {strangers:?}");
        assert_eq!((mates.fingers, strangers.fingers), (10, 10));

        let unknown = compare_people(&mut matcher, &fingers(0, 1, |_| FingerPosition::Unknown), &gallery);
        assert!(unknown.llr > 10.0 && unknown.llr < mates.llr && unknown.fingers == 10, "{unknown:?}");
        let stranger = compare_people(&mut matcher, &fingers(1, 1, |_| FingerPosition::Unknown), &gallery);
        assert!(stranger.llr < 0.0, "{stranger:?}");

        let swapped = fingers(0, 1, |view| FingerPosition::ALL[(view + 5) % 10]);
        assert!(compare_people(&mut matcher, &swapped, &gallery).llr < 0.0);
        assert!(compare_people_in_any_order(&mut matcher, &swapped, &gallery).llr > 10.0);
        assert!(compare_people_in_any_order(&mut matcher, &fingers(1, 1, labelled), &gallery).llr < 0.0);
    }

    #[test]
    fn people_without_a_common_finger_are_not_compared() {
        let mut matcher = Matcher::new();
        let all = fingers(0, 0, |view| FingerPosition::ALL[view]);
        assert_eq!(compare_people(&mut matcher, &all[..3], &all[3..]), PersonScore::default());
        assert_eq!(compare_people(&mut matcher, &[], &all), PersonScore::default());
        assert_eq!(fuse(&[]), 0.0);
        assert_eq!(fuse(&[-90.0, 90.0]), LOWEST + HIGHEST);
    }

    proptest! {
        #[test]
        fn the_ratio_never_falls_as_the_score_rises(a in 0f32..=1.0, b in 0f32..=1.0) {
            let (low, high) = (Score::new(a.min(b)), Score::new(a.max(b)));
            prop_assert!(log_likelihood_ratio(low) <= log_likelihood_ratio(high));
            prop_assert!(false_match_rate(low) >= false_match_rate(high));
        }

        #[test]
        fn pooling_ascends_and_keeps_the_sum(values in prop::collection::vec(-5.0..5.0, 0..40)) {
            let pooled = ascending(values.iter().map(|value| (*value, 1.0)).collect());
            prop_assert_eq!(pooled.len(), values.len());
            prop_assert!(pooled.windows(2).all(|pair| pair[0] <= pair[1]));
            prop_assert!((pooled.iter().sum::<f64>() - values.iter().sum::<f64>()).abs() < 1e-9);
        }
    }
}
