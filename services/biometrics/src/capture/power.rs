//! How likely a later capture is to be recognised by this one: read from the table, and summed over fingers.

use super::narrow;
use super::table::{PowerRow, SCORES};
use crate::calibration::{HIGHEST, LOWEST, llr_at_fmr, log_likelihood_ratio, threshold_at_fmr};
use crate::matcher::Score;

/// The chance that a later touch of a finger that was captured with so many usable cylinders reaches the threshold of a
/// false match rate. Never falls as the cylinders rise, nor as the rate does.
#[must_use]
pub fn finger_power(cylinders: usize, fmr: f64) -> f64 {
    1.0 - share_below(&profile(cylinders), threshold_at_fmr(fmr).value())
}

/// One finger of a person, as far as their power goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CapturedFinger {
    /// Usable cylinders.
    pub cylinders: usize,
    /// Whether it is known which finger it is. One that is not may be any of ten.
    pub position_known: bool,
}

/// The chance that a later capture of the same fingers is one that strangers come near in at most a share `fmr` of
/// comparisons of two people ([`crate::calibration::PersonScore::reaches`]). No fingers have none.
///
/// Fingers are taken to fail independently, which those of one careless touch of a whole hand do not: the example
/// `capture_power` prints what that costs on synthetic people, and nothing is known of it on real ones.
#[must_use]
pub fn person_power(fingers: &[CapturedFinger], fmr: f64) -> f64 {
    let Some(least) = least_sum(fingers, fmr) else { return 0.0 };
    // sums[i] is the chance that the fingers so far make `i` steps above the lowest sum that they can.
    let mut sums = vec![1.0];
    for finger in fingers {
        let single = steps_of(&profile(finger.cylinders));
        let mut next = vec![0.0; sums.len() + STEPS];
        for (sum, chance) in sums.iter().enumerate().filter(|(_, chance)| **chance > 0.0) {
            for (step, share) in single.iter().enumerate() {
                next[sum + step] += chance * share;
            }
        }
        sums = next;
    }
    let lowest = LOWEST * fingers.len() as f32;
    let reached = |&(step, _): &(usize, &f64)| lowest + step as f32 / STEPS_A_DECADE >= least;
    sums.iter().enumerate().filter(reached).map(|(_, chance)| chance).sum::<f64>().min(1.0)
}

/// The least sum of log10 likelihood ratios that is noticed. A finger of unknown position is found among those of a
/// later capture, ten of them at most; choosing has its price, see [`crate::calibration::compare_people`].
fn least_sum(fingers: &[CapturedFinger], fmr: f64) -> Option<f32> {
    let count = u8::try_from(fingers.len()).ok().filter(|count| *count > 0)?;
    let unknown = fingers.iter().filter(|finger| !finger.position_known).count();
    let choices: f64 = (1..=10u8).rev().take(unknown).map(|left| f64::from(left).log10()).sum();
    Some(llr_at_fmr(fmr / 10f64.powf(choices), count).max(narrow(choices)))
}

/// Resolution of summed likelihood ratios, steps a decade.
const STEPS_A_DECADE: f32 = 20.0;
/// Steps from the lowest to the highest of one finger.
const STEPS: usize = 150;
/// A score between two columns is anywhere between them alike; it is looked at in so many places.
const PLACES: u8 = 8;

/// The chances of one finger's likelihood ratio, by steps above [`LOWEST`], rounded down.
fn steps_of(below: &[f32; SCORES.len()]) -> [f64; STEPS + 1] {
    let mut steps = [0.0; STEPS + 1];
    let mut put = |score: f32, share: f32| {
        let llr = log_likelihood_ratio(Score::new(score)).clamp(LOWEST, HIGHEST);
        // A step's own value must not fall below itself by a rounding error.
        steps[whole((llr - LOWEST) * STEPS_A_DECADE + 1e-3).min(STEPS)] += f64::from(share);
    };
    let (mut from, mut before) = (0.0, 0.0);
    for (score, below) in SCORES.iter().zip(below) {
        for place in 0..PLACES {
            let within = (f32::from(place) + 0.5) / f32::from(PLACES);
            put(from + within * (score - from), (below - before) / f32::from(PLACES));
        }
        (from, before) = (*score, *below);
    }
    put(from, 1.0 - before);
    steps
}

/// The share of scores below one, by straight lines between the columns; beyond the last it stays.
fn share_below(below: &[f32; SCORES.len()], score: f32) -> f64 {
    let after = SCORES.partition_point(|column| *column <= score);
    let (from, before) = if after == 0 { (0.0, 0.0) } else { (SCORES[after - 1], below[after - 1]) };
    let share = match (SCORES.get(after), below.get(after)) {
        (Some(to), Some(share)) => before + (score - from) / (to - from) * (share - before),
        _ => before,
    };
    f64::from(share)
}

/// The row of a number of cylinders, by straight lines between those of the table; beyond its ends, the end.
fn profile(cylinders: usize) -> [f32; SCORES.len()] {
    let at = u16::try_from(cylinders).map_or(f32::MAX, f32::from);
    let after = ROWS.partition_point(|row| row.cylinders <= at);
    match (after.checked_sub(1).and_then(|before| ROWS.get(before)), ROWS.get(after)) {
        (None, Some(only)) | (Some(only), None) => only.below,
        (None, None) => [1.0; SCORES.len()],
        (Some(low), Some(high)) => {
            let share = (at - low.cylinders) / (high.cylinders - low.cylinders);
            std::array::from_fn(|column| low.below[column] + share * (high.below[column] - low.below[column]))
        }
    }
}

/// Rounds down; what is below zero becomes zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked before the cast"
)]
fn whole(value: f32) -> usize {
    if (0.0..65_536.0).contains(&value) { value as usize } else { 0 }
}

const fn row(cylinders: f32, below: [f32; SCORES.len()]) -> PowerRow {
    PowerRow { cylinders, below }
}

/// `capture_power 1 40000`.
#[rustfmt::skip]
const ROWS: [PowerRow; 12] = [
    row(6.1, [0.1657, 0.1919, 0.2284, 0.2613, 0.2918, 0.3286, 0.3618, 0.3940, 0.4251, 0.4821, 0.5881, 0.7517]),
    row(10.6, [0.0369, 0.0646, 0.0906, 0.1146, 0.1395, 0.1641, 0.1917, 0.2234, 0.2563, 0.3234, 0.4608, 0.6839]),
    row(14.0, [0.0129, 0.0307, 0.0478, 0.0637, 0.0828, 0.1058, 0.1318, 0.1621, 0.1925, 0.2675, 0.4153, 0.6737]),
    row(17.0, [0.0070, 0.0172, 0.0271, 0.0382, 0.0538, 0.0722, 0.0957, 0.1238, 0.1569, 0.2264, 0.3850, 0.6603]),
    row(20.0, [0.0032, 0.0080, 0.0144, 0.0217, 0.0323, 0.0450, 0.0618, 0.0871, 0.1159, 0.1752, 0.3288, 0.6368]),
    row(22.5, [0.0016, 0.0059, 0.0100, 0.0139, 0.0203, 0.0313, 0.0457, 0.0650, 0.0906, 0.1509, 0.3003, 0.6174]),
    row(24.5, [0.0016, 0.0034, 0.0064, 0.0098, 0.0151, 0.0236, 0.0347, 0.0510, 0.0705, 0.1222, 0.2607, 0.5851]),
    row(26.8, [0.0009, 0.0029, 0.0049, 0.0074, 0.0107, 0.0177, 0.0288, 0.0419, 0.0597, 0.1065, 0.2449, 0.5753]),
    row(30.5, [0.0003, 0.0015, 0.0026, 0.0044, 0.0064, 0.0094, 0.0150, 0.0237, 0.0360, 0.0739, 0.1897, 0.5268]),
    row(34.5, [0.0002, 0.0004, 0.0009, 0.0016, 0.0027, 0.0046, 0.0084, 0.0126, 0.0202, 0.0423, 0.1294, 0.4394]),
    row(38.8, [0.0000, 0.0002, 0.0005, 0.0007, 0.0012, 0.0027, 0.0042, 0.0069, 0.0126, 0.0286, 0.0932, 0.3682]),
    row(45.8, [0.0000, 0.0002, 0.0002, 0.0002, 0.0007, 0.0016, 0.0027, 0.0046, 0.0074, 0.0155, 0.0566, 0.2850]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{FINGER_FMR, mated_scores};
    use proptest::prelude::*;

    fn known(cylinders: usize) -> CapturedFinger {
        CapturedFinger { cylinders, position_known: true }
    }

    #[test]
    fn the_table_rises_with_the_cylinders_and_falls_with_the_score() {
        assert!(ROWS.windows(2).all(|pair| pair[0].cylinders < pair[1].cylinders));
        for pair in ROWS.windows(2) {
            assert!(pair[0].below.iter().zip(&pair[1].below).all(|(fewer, more)| fewer >= more));
        }
        assert!(ROWS.iter().all(|row| row.below.windows(2).all(|pair| pair[0] <= pair[1])));
        assert!(SCORES.windows(2).all(|pair| pair[0] < pair[1]));
    }

    /// The table was made of 157,604 mates; other people, some thousands, must not contradict it.
    #[test]
    fn the_table_foretells_other_people() {
        let scores = mated_scores(99, 1_000);
        for range in [0..12, 12..22, 22..30, 30..200] {
            let within: Vec<_> = scores.iter().filter(|one| range.contains(&one.cylinders)).collect();
            let count = within.len() as f64;
            let foretold =
                within.iter().map(|one| finger_power(one.cylinders, FINGER_FMR)).sum::<f64>() / count;
            let threshold = threshold_at_fmr(FINGER_FMR).value();
            let counted = within.iter().filter(|one| one.score >= threshold).count() as f64 / count;
            assert!((foretold - counted).abs() < 0.05, "{range:?}: {foretold} {counted} of {count}");
        }
    }

    #[test]
    fn one_finger_is_a_person_of_one_finger() {
        for cylinders in [4, 12, 20, 32, 60] {
            for fmr in [1e-3, 1e-4, 1e-5] {
                let (finger, person) = (finger_power(cylinders, fmr), person_power(&[known(cylinders)], fmr));
                assert!((finger - person).abs() < 0.02, "{cylinders} {fmr}: {finger} {person}");
            }
        }
    }

    #[test]
    fn more_fingers_tell_more_and_unnamed_ones_less() {
        let power = |count: usize, position_known| {
            person_power(&vec![CapturedFinger { cylinders: 20, position_known }; count], 1e-6)
        };
        assert_eq!(person_power(&[], 1e-6), 0.0);
        for count in 1..10 {
            assert!(power(count, true) < power(count + 1, true) + 1e-6, "{count}");
            assert!(power(count, false) < power(count, true) + 1e-6, "{count}");
        }
        assert!(power(10, true) > 0.999);
    }

    /// Every pair of scores of two fingers, one by one.
    #[test]
    fn two_fingers_add_up_as_counting_every_pair_does() {
        let atoms = |cylinders| {
            let below = profile(cylinders);
            let score = |place: u16| f32::from(place) / 500.0;
            (0..150u16).map(move |place| {
                let share = share_below(&below, score(place + 1)) - share_below(&below, score(place));
                // What lies beyond the last column counts as the highest score of all.
                let share = if place == 149 { 1.0 - share_below(&below, score(149)) } else { share };
                let llr = log_likelihood_ratio(Score::new(score(place) + 0.001)).clamp(LOWEST, HIGHEST);
                (llr, share)
            })
        };
        for fmr in [1e-2, 1e-4, 1e-6, 1e-9] {
            let llr = llr_at_fmr(fmr, 2);
            let mut exact = 0.0;
            for (one, share) in atoms(14) {
                exact += atoms(25)
                    .filter(|(other, _)| one + other >= llr)
                    .map(|(_, more)| share * more)
                    .sum::<f64>();
            }
            let found = person_power(&[known(14), known(25)], fmr);
            assert!((found - exact).abs() < 0.02, "{fmr}: {found} {exact}");
        }
    }

    proptest! {
        #[test]
        fn power_never_falls_with_cylinders_nor_with_the_rate(
            few in 0usize..80, more in 0usize..80, strict in -8.0..0.0f64, lax in -8.0..0.0f64,
        ) {
            let (few, more) = (few.min(more), few.max(more));
            let (strict, lax) = (10f64.powf(strict.min(lax)), 10f64.powf(strict.max(lax)));
            prop_assert!(finger_power(few, strict) <= finger_power(more, strict) + 1e-6);
            prop_assert!(finger_power(few, strict) <= finger_power(few, lax) + 1e-6);
            let person = |cylinders, fmr| person_power(&[known(cylinders), known(20)], fmr);
            prop_assert!(person(few, strict) <= person(more, strict) + 1e-6);
            prop_assert!(person(few, strict) <= person(few, lax) + 1e-6);
        }
    }
}
