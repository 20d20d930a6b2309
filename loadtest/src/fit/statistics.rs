use std::collections::HashSet;

use plinth_biometrics::index::{Posting, TokenKey, postings};
use plinth_biometrics::record::{FingerPosition, FingerRecord};
use plinth_biometrics::{FingerFeatures, Matcher};

use super::{Fingers, textbook};

/// Strangers that a probe is compared with, at most.
const STRANGERS: usize = 100;

/// What is known of a set of fingers.
#[derive(Default)]
pub(super) struct Statistics {
    minutiae: Vec<f64>,
    spacing: Vec<f64>,
    width: Vec<f64>,
    height: Vec<f64>,
    postings: Vec<f64>,
    pub(super) mates: Pairs,
    pub(super) strangers: Pairs,
}

/// Comparisons of one kind.
#[derive(Default)]
pub(super) struct Pairs {
    /// Of the matcher.
    pub(super) scores: Vec<f64>,
    /// Shared buckets of the published index.
    pub(super) votes: Vec<f64>,
    /// Shared postings of this project's index.
    meetings: Vec<f64>,
}

/// One touch, as everything that compares it wants it.
struct Touch {
    features: FingerFeatures,
    buckets: HashSet<u64>,
    postings: HashSet<Posting>,
}

impl Touch {
    fn new(record: &FingerRecord, key: &TokenKey) -> Option<Self> {
        let features = FingerFeatures::extract(record, 0, FingerPosition::Unknown).ok()?;
        let postings = postings(key, std::slice::from_ref(&features)).into_iter().collect();
        Some(Self { features, buckets: textbook::buckets(record.views.first()?, scale(record)), postings })
    }
}

impl Statistics {
    pub(super) fn of(fingers: &Fingers) -> Self {
        let mut statistics = Self::default();
        for record in fingers.iter().flatten() {
            statistics.add_shape(record);
        }
        let key = TokenKey::new([7; 32]);
        let fingers: Vec<Vec<Touch>> = fingers
            .iter()
            .map(|finger| finger.iter().filter_map(|record| Touch::new(record, &key)).collect())
            .collect();
        statistics.postings = fingers.iter().flatten().map(|touch| touch.postings.len() as f64).collect();
        let mut matcher = Matcher::new();
        let stride = fingers.len().div_ceil(STRANGERS).max(1);
        for (f, finger) in fingers.iter().enumerate() {
            for (t, probe) in finger.iter().enumerate().skip(1) {
                // Strangers are spread over the gallery, others for every probe.
                for g in (0..fingers.len()).filter(|g| *g == f || (g + f + t).is_multiple_of(stride)) {
                    let Some(first) = fingers[g].first() else { continue };
                    let of = if f == g { &mut statistics.mates } else { &mut statistics.strangers };
                    of.scores.push(f64::from(matcher.compare(&probe.features, &first.features).value()));
                    of.votes.push(probe.buckets.intersection(&first.buckets).count() as f64);
                    of.meetings.push(probe.postings.intersection(&first.postings).count() as f64);
                }
            }
        }
        statistics
    }

    /// Counts and distances, in pixels at 500 dpi.
    fn add_shape(&mut self, record: &FingerRecord) {
        let Some(view) = record.views.first() else { return };
        let scale = scale(record);
        let places: Vec<(f64, f64)> =
            view.minutiae.iter().map(|m| (f64::from(m.x) * scale.0, f64::from(m.y) * scale.1)).collect();
        self.minutiae.push(places.len() as f64);
        for (index, a) in places.iter().enumerate() {
            let others = places.iter().enumerate().filter(|(other, _)| *other != index);
            let nearest = others.map(|(_, b)| (a.0 - b.0).hypot(a.1 - b.1)).fold(f64::INFINITY, f64::min);
            if nearest.is_finite() {
                self.spacing.push(nearest);
            }
        }
        let extent = |axis: fn(&(f64, f64)) -> f64| {
            let bounds = places.iter().map(axis);
            bounds.clone().fold(f64::MIN, f64::max) - bounds.fold(f64::MAX, f64::min)
        };
        self.width.push(extent(|place| place.0));
        self.height.push(extent(|place| place.1));
    }

    /// Every statistic by name, values sorted.
    pub(super) fn rows(&self) -> [(&'static str, Vec<f64>); 11] {
        let sorted = |values: &[f64]| {
            let mut values = values.to_vec();
            values.sort_by(f64::total_cmp);
            values
        };
        [
            ("minutiae", &self.minutiae),
            ("nearest minutia, px", &self.spacing),
            ("width, px", &self.width),
            ("height, px", &self.height),
            ("postings", &self.postings),
            ("shared postings, mates", &self.mates.meetings),
            ("shared postings, strangers", &self.strangers.meetings),
            ("votes, mates", &self.mates.votes),
            ("votes, strangers", &self.strangers.votes),
            ("score, mates", &self.mates.scores),
            ("score, strangers", &self.strangers.scores),
        ]
        .map(|(name, values)| (name, sorted(values)))
    }
}

/// Pixels at 500 dpi of one pixel of the record, along x and y.
fn scale(record: &FingerRecord) -> (f64, f64) {
    let scale = |dots: u16| 196.85 / f64::from(dots.max(1));
    (scale(record.x_resolution), scale(record.y_resolution))
}

/// The mean; not a number if there is nothing.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The smallest of the sorted values that at least this share of them does not exceed.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let reached = |rank: usize| rank as f64 >= share * sorted.len() as f64;
    sorted.iter().zip(1..).find(|(_, rank)| reached(*rank)).map_or(f64::NAN, |(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let values = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(
            [0.01, 0.25, 0.26, 0.5, 0.999].map(|share| quantile(&values, share)),
            [1.0, 1.0, 2.0, 2.0, 4.0]
        );
        assert!(quantile(&[], 0.5).is_nan() && mean(&[]).is_nan());
    }
}
