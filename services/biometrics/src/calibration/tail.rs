//! How often strangers' fingers reach a sum of likelihood ratios together.
//!
//! The distribution of one finger's clamped ratio among strangers follows from the table, beyond its last row by the
//! slope of its tail, and ends in an atom at [`HIGHEST`]. That of several fingers is the convolution, **as if the fingers
//! of two strangers were independent**. They are not quite: people differ in size, density of minutiae and pattern
//! classes, and all ten fingers share them. The example `calibrate` counts on synthetic people what that costs.

use std::sync::LazyLock;

use super::table::{HIGHEST, LOWEST, llr_of_rate, narrow, rate_of_llr};

/// The most fingers of a person.
const FINGERS: usize = 10;

/// Ratios are rounded **up** to whole steps: a stranger's sum is never taken to be lower than it is, so that no threshold
/// is too low. It may be too high by one step a finger.
const STEPS: u16 = 300;

/// Steps of one finger's ratio and chances to reach them or more, for each number of fingers from one upwards.
static REACHED: LazyLock<Vec<Vec<f64>>> = LazyLock::new(|| {
    let one = one_finger();
    let mut sums = vec![one.clone()];
    for _ in 1..FINGERS {
        let longer = sums.last().map(|sum| convolve(sum, &one)).unwrap_or_default();
        sums.push(longer);
    }
    sums.into_iter().map(reached).collect()
});

/// The least sum of log10 likelihood ratios that at most a share `fmr` of strangers reaches with `fingers` fingers (1 to
/// 10; what lies outside is brought inside). Infinite where no number of strangers' fingers is that rare: a single finger
/// counts for [`HIGHEST`] at most, and how many strangers would reach that is all there is to ask of one.
///
/// For one finger it decides as [`threshold_at_fmr`](super::threshold_at_fmr) does.
#[must_use]
pub fn llr_at_fmr(fmr: f64, fingers: u8) -> f32 {
    let fingers = usize::from(fingers).clamp(1, FINGERS);
    if fingers == 1 {
        let llr = llr_of_rate(fmr);
        return if llr <= HIGHEST { llr } else { f32::INFINITY };
    }
    let reached = &REACHED[fingers - 1];
    let step = reached.partition_point(|share| *share > fmr);
    if step < reached.len() { value(step, fingers) } else { f32::INFINITY }
}

/// The share of strangers whose `fingers` fingers (1 to 10) reach a sum of log10 likelihood ratios, rounded up: what to
/// hold production scores against.
#[must_use]
pub fn fmr_at_llr(llr: f32, fingers: u8) -> f64 {
    let fingers = usize::from(fingers).clamp(1, FINGERS);
    let reached = &REACHED[fingers - 1];
    let step = (0..reached.len()).rev().find(|step| value(*step, fingers) <= llr).unwrap_or(0);
    reached[step]
}

/// The sum at a step.
fn value(step: usize, fingers: usize) -> f32 {
    narrow(f64::from(LOWEST) * fingers as f64 + step as f64 * width())
}

fn width() -> f64 {
    f64::from(HIGHEST - LOWEST) / f64::from(STEPS)
}

/// The chances of one stranger's finger to have each ratio, rounded up to its step.
fn one_finger() -> Vec<f64> {
    // Above each step but the last, whose atom is what lies above the step before it.
    let above: Vec<f64> = (0..STEPS).map(|step| rate_of_llr(value(step.into(), 1))).collect();
    let mut chances = vec![1.0 - above[0]];
    chances.extend(above.windows(2).map(|pair| pair[0] - pair[1]));
    chances.extend(above.last());
    chances
}

fn convolve(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; a.len() + b.len() - 1];
    for (i, p) in a.iter().enumerate() {
        for (chance, q) in sum[i..].iter_mut().zip(b) {
            *chance += p * q;
        }
    }
    sum
}

/// Chances to have a value turned into chances to have that or more, summed from the rare end so that the small ones count.
fn reached(mut chances: Vec<f64>) -> Vec<f64> {
    let mut total = 0.0;
    for chance in chances.iter_mut().rev() {
        total += *chance;
        *chance = total;
    }
    chances
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand_core::SeedableRng as _;

    use super::super::{false_match_rate, fuse, log_likelihood_ratio, threshold_at_fmr};
    use super::*;
    use crate::matcher::Score;

    const RATES: [f64; 8] = [0.02, 1e-2, 1e-3, 1e-4, 1e-6, 1e-9, 1e-12, 1e-14];

    #[test]
    fn one_finger_decides_by_ratio_as_it_does_by_score() {
        for fmr in [0.02, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6] {
            let (score, ratio) = (threshold_at_fmr(fmr), llr_at_fmr(fmr, 1));
            for step in 0..=5_000u16 {
                let other = Score::new(f32::from(step) / 5_000.0);
                if (other.value() - score.value()).abs() > 1e-6 {
                    assert_eq!(fuse(&[log_likelihood_ratio(other)]) >= ratio, other > score, "{fmr} {other}");
                }
            }
        }
    }

    #[test]
    fn a_threshold_has_at_most_the_rate_it_was_asked_for_and_hardly_less() {
        for fingers in 2..=10 {
            for fmr in RATES {
                let llr = llr_at_fmr(fmr, fingers);
                if llr.is_finite() {
                    assert!(fmr_at_llr(llr, fingers) <= fmr, "{fingers} {fmr}");
                    assert!(fmr_at_llr(llr - 0.03, fingers) > fmr, "{fingers} {fmr}");
                }
            }
        }
    }

    #[test]
    fn rarer_asks_for_more() {
        for fingers in 1..=10 {
            for pair in RATES.windows(2) {
                assert!(llr_at_fmr(pair[1], fingers) >= llr_at_fmr(pair[0], fingers), "{fingers} {pair:?}");
            }
        }
    }

    #[test]
    fn one_finger_never_speaks_for_a_nation_and_ten_do() {
        let billion = 0.01 / 1.4e9;
        assert_eq!(llr_at_fmr(billion, 1), f32::INFINITY);
        for fingers in 2..=10 {
            let needed = llr_at_fmr(billion / 100.0, fingers);
            assert!(needed < f32::from(fingers) * HIGHEST, "{fingers} fingers need {needed}");
        }
        assert!(llr_at_fmr(billion / 100.0, 10) < 10.0);
    }

    #[test]
    fn nothing_reaches_more_than_everything_or_less_than_nothing() {
        for fingers in [0, 1, 10, 200] {
            assert!((fmr_at_llr(f32::NEG_INFINITY, fingers) - 1.0).abs() < 1e-9);
            assert!(fmr_at_llr(f32::INFINITY, fingers) >= 0.0);
            assert!(llr_at_fmr(f64::NAN, fingers).is_finite() || llr_at_fmr(f64::NAN, fingers) > 0.0);
        }
    }

    /// A stranger's score, by inverting the rates of the table.
    fn stranger(stream: &mut Xoshiro256PlusPlus) -> f32 {
        log_likelihood_ratio(threshold_at_fmr(stream.random_range(f64::MIN_POSITIVE..1.0)))
    }

    #[test]
    fn sums_of_simulated_strangers_reach_thresholds_as_often_as_the_convolution_says() {
        const PEOPLE: u32 = 200_000;
        let mut stream = Xoshiro256PlusPlus::seed_from_u64(1);
        for fingers in [2, 4, 10] {
            let mut sums: Vec<f32> = (0..PEOPLE)
                .map(|_| fuse(&(0..fingers).map(|_| stranger(&mut stream)).collect::<Vec<_>>()))
                .collect();
            sums.sort_unstable_by(f32::total_cmp);
            for fmr in [2e-2, 1e-2, 1e-3] {
                let threshold = llr_at_fmr(fmr, fingers);
                let counted = sums.len() - sums.partition_point(|sum| *sum < threshold);
                // Rounding up by half a step a finger on average makes the sums of ten look up to 0.13 rarer.
                let share = counted as f64 / f64::from(PEOPLE);
                assert!(share < fmr * 1.25 && share > fmr * 0.5, "{fingers} fingers at {fmr}: {share:.2e}");
            }
        }
    }

    #[test]
    fn the_tail_of_one_finger_goes_on_as_the_table_ends() {
        for llr in [0.0, 2.0, 4.0] {
            let score = threshold_at_fmr(rate_of_llr(llr));
            assert!((false_match_rate(score) / rate_of_llr(llr) - 1.0).abs() < 1e-2);
        }
    }
}
