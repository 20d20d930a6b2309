//! The table, made: scores of synthetic fingers, and rows from scores.

use super::table::{HIGHEST, Knot, narrow};
use crate::cylinder::FingerFeatures;
use crate::matcher::Matcher;
use crate::record::FingerPosition;
use crate::synthetic::SyntheticPerson;

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

/// Exceedances that a counted row stands on at least: its rate is then known to some 6 % (one standard error).
const COUNTED: f64 = 250.0;

/// The rarest row of a table, in quarters of a decade: beyond what [`HIGHEST`] takes.
const RAREST: u16 = 60;

/// Makes the calibration table of a set of scores, four rows a decade. Empty if there are fewer than 1,000 of either kind.
///
/// Rows are counted as far as at least 250 strangers are left beyond them. The last of these is the threshold of a
/// peaks-over-threshold fit (Pickands, *Annals of Statistics* 3(1), 1975) with an exponential tail, the shape-zero case
/// of the generalised Pareto distribution: its scale is the mean excess, which all strangers beyond speak for, and it
/// gives the rows from there on, until the ratio reaches [`HIGHEST`]. Scores of strangers fall off no slower than that
/// where they can be counted.
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
    if genuine.len() < 1_000 || impostor.len() < 1_000 {
        return Vec::new();
    }
    let rows = rows(&impostor);
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
        let row = Knot { score, log10_fmr: narrow(level.log10()), log10_lr: narrow(ratio).max(floor) };
        table.push(row);
        if row.log10_lr > HIGHEST {
            break;
        }
    }
    table
}

/// Scores and the shares of strangers that reach them, rarer and rarer: counted first, then fitted. `impostor` falls.
fn rows(impostor: &[f32]) -> Vec<(f32, f64)> {
    let level = |quarter: u16| 10f64.powf(-f64::from(quarter) / 4.0);
    let total = impostor.len() as f64;
    let mut rows: Vec<(f32, f64)> = Vec::new();
    let mut counted = 0;
    for quarter in (0..=RAREST).take_while(|quarter| level(*quarter) * total >= COUNTED) {
        counted = quarter;
        let score = impostor[whole(level(quarter) * total).min(impostor.len() - 1)];
        // Many strangers share the lowest scores: a row that repeats the last one's score says nothing new.
        if rows.last().is_none_or(|last| score > last.0) {
            rows.push((score, level(quarter)));
        }
    }
    let Some(&(threshold, reached)) = rows.last() else { return rows };
    let beyond = &impostor[..impostor.partition_point(|score| *score > threshold)];
    let excess =
        beyond.iter().map(|score| f64::from(score - threshold)).sum::<f64>() / beyond.len().max(1) as f64;
    for quarter in counted + 1..=RAREST {
        let share = level(quarter);
        let score = f64::from(threshold) + excess * (reached / share).ln();
        rows.push((narrow(score), share));
    }
    rows
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

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of scores, rounded, never negative"
)]
fn whole(value: f64) -> usize {
    value.round() as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand_core::SeedableRng as _;

    use super::*;

    #[test]
    fn an_exponential_tail_is_found_and_continued() {
        let mut stream = Xoshiro256PlusPlus::seed_from_u64(2);
        let mut draw = |scale: f64| narrow(-scale * stream.random_range(f64::MIN_POSITIVE..1.0f64).ln());
        let scores = SyntheticScores {
            genuine: (0..5_000).map(|_| 0.2 + draw(0.05)).collect(),
            impostor: (0..200_000).map(|_| draw(0.01)).collect(),
        };
        let knots = knots(&scores);
        for knot in knots.iter().filter(|knot| knot.log10_fmr < -0.4) {
            let exact = -0.01 * f64::from(knot.log10_fmr) * std::f64::consts::LN_10;
            assert!((f64::from(knot.score) / exact - 1.0).abs() < 0.1, "{knot:?}, exactly {exact:.4}");
        }
        assert!(knots.last().is_some_and(|last| last.log10_lr > HIGHEST && last.log10_fmr < -6.0));
    }

    #[test]
    fn a_handful_of_scores_makes_no_table() {
        let scores = SyntheticScores { genuine: vec![0.5; 999], impostor: vec![0.1; 5_000] };
        assert_eq!(knots(&scores), []);
    }

    proptest! {
        #[test]
        fn pooling_ascends_and_keeps_the_sum(values in prop::collection::vec(-5.0..5.0, 0..40)) {
            let pooled = ascending(values.iter().map(|value| (*value, 1.0)).collect());
            prop_assert_eq!(pooled.len(), values.len());
            prop_assert!(pooled.windows(2).all(|pair| pair[0] <= pair[1]));
            prop_assert!((pooled.iter().sum::<f64>() - values.iter().sum::<f64>()).abs() < 1e-9);
        }
    }
}
