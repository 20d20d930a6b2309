//! The table behind the power of a capture, and how it is made of synthetic mates.

use super::narrow;
use crate::cylinder::FingerFeatures;
use crate::matcher::Matcher;
use crate::record::{FingerPosition, FingerRecord, Minutia};
use crate::synthetic::SyntheticPerson;

/// Scores at which the shares of mates are known: the columns of the table.
pub const SCORES: [f32; 12] = [0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.10, 0.12, 0.16, 0.24];

/// One observation behind the table: the usable cylinders of a capture, and the score of a later touch of its finger.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MatedScore {
    /// Usable cylinders of the earlier capture.
    pub cylinders: usize,
    /// Score of the later touch against it; 0 if that was unusable.
    pub score: f32,
}

/// A row of the table.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PowerRow {
    /// Usable cylinders: the mean of the captures of the row.
    pub cylinders: f32,
    /// The share of their mates that score below each of [`SCORES`].
    pub below: [f32; SCORES.len()],
}

/// Draws observations from the population named by `seed`: `people` people with one finger each (all ten positions in
/// turn), captured once as it is and once cut down to the surroundings of one minutia, and two later touches of it.
#[must_use]
pub fn mated_scores(seed: u64, people: usize) -> Vec<MatedScore> {
    let mut matcher = Matcher::new();
    let mut scores = Vec::with_capacity(4 * people);
    for index in 0..people {
        let position = FingerPosition::ALL[index % FingerPosition::ALL.len()];
        let person = SyntheticPerson::new(seed, index as u64);
        let touch = |capture: u32| person.capture(position, capture);
        let features = |record: &FingerRecord| FingerFeatures::extract(record, 0, position).ok();
        let later = [1, 2].map(|capture| features(&touch(capture)));
        let whole = touch(0);
        // Sizes from the fewest minutiae that can be used to those that whole touches have too.
        let size = 5 + index / FingerPosition::ALL.len() % 22;
        for earlier in [cut_down(&whole, size), whole] {
            let Some(earlier) = features(&earlier) else { continue };
            scores.extend(later.iter().map(|later| MatedScore {
                cylinders: earlier.cylinder_count(),
                score: later.as_ref().map_or(0.0, |later| matcher.compare(later, &earlier).value()),
            }));
        }
    }
    scores
}

/// The `size` minutiae that are nearest to one of them: a touch with a part of the fingertip. Which one is decided by
/// the record itself.
fn cut_down(record: &FingerRecord, size: usize) -> FingerRecord {
    let mut part = record.clone();
    if let Some(view) = part.views.first_mut() {
        let chosen =
            view.minutiae.iter().map(|m| usize::from(m.angle)).sum::<usize>() % view.minutiae.len().max(1);
        if let Some(&Minutia { x, y, .. }) = view.minutiae.get(chosen) {
            let away = |m: &Minutia| {
                let (dx, dy) = (i64::from(m.x) - i64::from(x), i64::from(m.y) - i64::from(y));
                dx * dx + dy * dy
            };
            view.minutiae.sort_by_key(away);
        }
        view.minutiae.truncate(size);
    }
    part
}

/// Makes the table of a set of observations: rows of about equally many, at least 100 each; none if there are fewer.
///
/// Half a miss is added to every share, so that no row claims that nothing is ever missed, and shares that would rise
/// with the cylinders are pooled (pool adjacent violators).
#[must_use]
pub fn power_table(scores: &[MatedScore], rows: usize) -> Vec<PowerRow> {
    let mut sorted = scores.to_vec();
    sorted.sort_by(|a, b| a.cylinders.cmp(&b.cylinders).then(a.score.total_cmp(&b.score)));
    let size = (sorted.len() / rows.max(1)).max(100);
    let mut groups: Vec<&[MatedScore]> = Vec::new();
    let mut rest = &sorted[..];
    while rest.len() >= size {
        // Captures of one size stay in one row.
        let last = rest[size - 1].cylinders;
        let end = rest.partition_point(|one| one.cylinders <= last);
        let (group, left) = rest.split_at(end);
        groups.push(group);
        rest = left;
    }
    let count = |group: &[MatedScore]| group.len() as f64;
    let columns: Vec<Vec<f64>> = SCORES
        .iter()
        .map(|score| {
            let share = |group: &&[MatedScore]| {
                let missed = group.iter().filter(|one| one.score < *score).count() as f64;
                ((missed + 0.5) / (count(group) + 1.0), count(group))
            };
            descending(groups.iter().map(share).collect())
        })
        .collect();
    let row = |(index, group): (usize, &&[MatedScore])| PowerRow {
        cylinders: narrow(group.iter().map(|one| one.cylinders as f64).sum::<f64>() / count(group)),
        below: std::array::from_fn(|column| narrow(columns[column][index])),
    };
    groups.iter().enumerate().map(row).collect()
}

/// Pools neighbours (value, weight) that ascend until none does.
fn descending(values: Vec<(f64, f64)>) -> Vec<f64> {
    let mut pools: Vec<(f64, f64, usize)> = Vec::with_capacity(values.len());
    for (mut value, mut weight) in values {
        let mut members = 1;
        while let Some((before, heavy, many)) = pools.pop_if(|last| last.0 < value) {
            value = (value * weight + before * heavy) / (weight + heavy);
            weight += heavy;
            members += many;
        }
        pools.push((value, weight, members));
    }
    pools.into_iter().flat_map(|(value, _, members)| std::iter::repeat_n(value, members)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_pooled_until_more_cylinders_never_miss_more() {
        let mates = |cylinders: usize, missed: usize| {
            (0..200)
                .map(move |index| MatedScore { cylinders, score: if index < missed { 0.0 } else { 0.15 } })
        };
        let scores: Vec<MatedScore> =
            mates(5, 60).chain(mates(10, 20)).chain(mates(15, 40)).chain(mates(20, 0)).collect();
        let table = power_table(&scores, 4);
        let missed: Vec<f32> = table.iter().map(|row| (row.below[0] * 201.0).round()).collect();
        assert_eq!(table.iter().map(|row| row.cylinders).collect::<Vec<_>>(), [5.0, 10.0, 15.0, 20.0]);
        assert_eq!(missed, [61.0, 31.0, 31.0, 1.0]);
        assert!(table[3].below[0] > 0.0, "nothing is certain");
        assert!(power_table(&scores[..99], 1).is_empty());
    }

    #[test]
    fn a_touch_is_cut_down_to_neighbours() {
        let record = SyntheticPerson::new(1, 1).capture(FingerPosition::RightThumb, 0);
        let part = cut_down(&record, 8);
        assert_eq!(part.views[0].minutiae.len(), 8);
        assert!(part.views[0].minutiae.iter().all(|minutia| record.views[0].minutiae.contains(minutia)));
        assert_eq!(cut_down(&record, 500).views[0].minutiae.len(), record.views[0].minutiae.len());
    }
}
