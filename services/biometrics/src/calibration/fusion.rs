//! Two people compared finger by finger, and what their fingers say together.

use super::table::{HIGHEST, LOWEST, log_likelihood_ratio, narrow};
use super::tail::llr_at_fmr;
use crate::cylinder::FingerFeatures;
use crate::matcher::Matcher;
use crate::record::FingerPosition;

/// What the fingers of two people say together.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct PersonScore {
    /// Sum of the clamped log10 likelihood ratios, less `log10_choices`; 0 if nothing was compared.
    pub llr: f32,
    /// Pairs of fingers that were compared and counted.
    pub fingers: u8,
    /// log10 of the number of ways to pair the fingers from which the likeliest was taken: 0 if their declared positions
    /// left one way, 6.56 for ten fingers in any order.
    pub log10_choices: f32,
}

impl PersonScore {
    /// A sum over fingers that only their declared positions paired.
    #[must_use]
    pub fn new(llr: f32, fingers: u8) -> Self {
        Self { llr, fingers, log10_choices: 0.0 }
    }

    /// Counts one more pair of fingers, which had to be chosen.
    fn add(&mut self, llr: f32, price: f32) {
        self.llr += llr - price;
        self.log10_choices += price;
        self.fingers = self.fingers.saturating_add(1);
    }

    /// Whether the score is one that strangers reach in at most a share `fmr` of comparisons of two people.
    ///
    /// The threshold is that of as many fingers ([`llr_at_fmr`]). Of several ways to pair them each had its chance, so
    /// that each must be rarer by their number. And a likelihood ratio below 1 of several fingers reaches nothing at
    /// all: strangers may come near it as rarely as they like, it still speaks for two people. One finger's rate was
    /// counted, not calculated, so that whoever asks for a loose one (above 2e-3) gets what they asked for.
    #[must_use]
    pub fn reaches(&self, fmr: f64) -> bool {
        let each = fmr / 10f64.powf(f64::from(self.log10_choices));
        let speaks_for_one = self.fingers == 1 || (self.fingers > 1 && self.llr >= 0.0);
        speaks_for_one && self.llr + self.log10_choices >= llr_at_fmr(each, self.fingers)
    }
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
    assign(matcher, probe, gallery, may_pair)
}

/// Whether [`compare_people`] compares fingers of these declared positions.
#[must_use]
pub fn may_pair(a: FingerPosition, b: FingerPosition) -> bool {
    a == b || a == FingerPosition::Unknown || b == FingerPosition::Unknown
}

/// Compares two people whose positions are to be read otherwise than declared: `reading` says what a finger of the probe
/// is, if anything. Which reading was to be taken, of `ways`, had to be chosen, at the price of choosing.
#[must_use]
pub fn compare_people_read_as(
    matcher: &mut Matcher,
    probe: &[FingerFeatures],
    gallery: &[FingerFeatures],
    reading: impl Fn(FingerPosition) -> Option<FingerPosition>,
    ways: u8,
) -> PersonScore {
    let mut score = assign(matcher, probe, gallery, |a, b| reading(a) == Some(b));
    let price = narrow(f64::from(ways.max(1)).log10());
    score.llr -= price;
    score.log10_choices += price;
    score
}

/// Compares two people without believing any declared position, at the price of choosing. It catches hands and fingers
/// that were swapped, by mistake or on purpose. Who belongs to whom is decided by cheap comparisons of every finger with
/// every finger, at most 100; only those pairs are compared in full.
#[must_use]
pub fn compare_people_in_any_order(
    matcher: &mut Matcher,
    probe: &[FingerFeatures],
    gallery: &[FingerFeatures],
) -> PersonScore {
    let mut pairs = Vec::with_capacity(probe.len() * gallery.len());
    for (p, a) in probe.iter().enumerate() {
        pairs.extend(gallery.iter().enumerate().map(|(g, b)| (matcher.compare_local(a, b).value(), p, g)));
    }
    let mut score = PersonScore::default();
    choose(pairs, |_, p, g, price| {
        score.add(log_likelihood_ratio(matcher.compare(&probe[p], &gallery[g])), price);
    });
    score
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
    let mut score = PersonScore::default();
    choose(pairs, |llr, _, _, price| score.add(llr, price));
    score
}

/// Takes pairs of fingers, the most alike first, each finger once: likeness, both fingers, and the price of the choice.
fn choose(mut pairs: Vec<(f32, usize, usize)>, mut take: impl FnMut(f32, usize, usize, f32)) {
    pairs.sort_by(|x, y| y.0.total_cmp(&x.0).then((x.1, x.2).cmp(&(y.1, y.2))));
    while let Some(&(likeness, p, g)) = pairs.first() {
        let choices = pairs.iter().filter(|pair| pair.1 == p).count();
        let chosen_by = pairs.iter().filter(|pair| pair.2 == g).count();
        take(likeness, p, g, narrow((choices.max(chosen_by) as f64).log10()));
        pairs.retain(|pair| pair.1 != p && pair.2 != g);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Reading;
    use crate::synthetic::SyntheticPerson;

    fn fingers(person: u64, capture: u32, declared: impl Fn(usize) -> FingerPosition) -> Vec<FingerFeatures> {
        let record = SyntheticPerson::new(3, person).record(capture, &FingerPosition::ALL);
        (0..record.views.len())
            .map(|view| FingerFeatures::extract(&record, view, declared(view)).unwrap())
            .collect()
    }

    #[test]
    fn ten_fingers_tell_mates_and_strangers_far_apart_however_they_are_labelled() {
        const NATION: f64 = 1e-13;
        let mut matcher = Matcher::new();
        let labelled = |view: usize| FingerPosition::ALL[view];
        let gallery = fingers(0, 0, labelled);
        let mates = compare_people(&mut matcher, &fingers(0, 1, labelled), &gallery);
        let strangers = compare_people(&mut matcher, &fingers(1, 1, labelled), &gallery);
        assert!(mates.llr > 10.0 && strangers.llr < -5.0, "{mates:?} {strangers:?}");
        assert_eq!((mates.fingers, strangers.fingers), (10, 10));
        assert!(mates.reaches(NATION) && !strangers.reaches(1.0), "{mates:?} {strangers:?}");

        let unknown = compare_people(&mut matcher, &fingers(0, 1, |_| FingerPosition::Unknown), &gallery);
        assert!(unknown.llr > 10.0 && unknown.llr < mates.llr && unknown.fingers == 10, "{unknown:?}");
        assert!(unknown.reaches(NATION), "{unknown:?}");
        let stranger = compare_people(&mut matcher, &fingers(1, 1, |_| FingerPosition::Unknown), &gallery);
        assert!(stranger.llr < 0.0, "{stranger:?}");

        let swapped = fingers(0, 1, |view| FingerPosition::ALL[(view + 5) % 10]);
        assert!(compare_people(&mut matcher, &swapped, &gallery).llr < 0.0);
        let found = compare_people_in_any_order(&mut matcher, &swapped, &gallery);
        assert!(found.llr > 10.0 && found.reaches(NATION), "{found:?}");
        assert!((found.log10_choices - 6.56).abs() < 0.01, "ten times nine times eight ...: {found:?}");
        assert!(compare_people_in_any_order(&mut matcher, &fingers(1, 1, labelled), &gallery).llr < 0.0);
    }

    #[test]
    fn hands_read_as_swapped_are_found_at_the_price_of_three_readings() {
        let mut matcher = Matcher::new();
        let gallery = fingers(0, 0, |view| FingerPosition::ALL[view]);
        let swapped = fingers(0, 1, |view| FingerPosition::ALL[(view + 5) % 10]);
        let reading = |position| Reading::SwappedHands.of(position);
        let found = compare_people_read_as(&mut matcher, &swapped, &gallery, reading, 3);
        let right = compare_people(&mut matcher, &fingers(0, 1, |view| FingerPosition::ALL[view]), &gallery);
        assert!((right.llr - found.llr - found.log10_choices).abs() < 1e-3, "{found:?} {right:?}");
        assert!((found.log10_choices - 0.477).abs() < 0.001 && found.fingers == 10);
        let slaps = |position| Reading::SwappedSlaps.of(position);
        assert!(compare_people_read_as(&mut matcher, &swapped, &gallery, slaps, 3).llr < 0.0);
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

    #[test]
    fn a_threshold_is_that_of_the_fingers_compared() {
        for fingers in 1..=10 {
            let needed = llr_at_fmr(1e-6, fingers).max(0.0);
            assert!(PersonScore::new(needed, fingers).reaches(1e-6));
            assert!(!PersonScore::new(needed - 0.01, fingers).reaches(1e-6));
        }
    }

    #[test]
    fn whoever_chooses_among_ten_must_be_ten_times_rarer() {
        let price = 1.0;
        let needed = llr_at_fmr(1e-6, 1);
        let chosen = |llr: f32| PersonScore { llr: llr - price, fingers: 1, log10_choices: price };
        assert!(chosen(needed + 1e-4).reaches(1e-5) && !chosen(needed - 0.01).reaches(1e-5));
    }

    #[test]
    fn a_loose_rate_of_one_finger_is_the_rate_that_was_asked_for() {
        let needed = llr_at_fmr(1e-2, 1);
        assert!(needed < -0.5, "{needed}");
        assert!(
            PersonScore::new(needed + 1e-4, 1).reaches(1e-2)
                && !PersonScore::new(needed - 0.01, 1).reaches(1e-2)
        );
    }

    #[test]
    fn evidence_for_two_people_reaches_no_rate_and_nothing_compared_neither() {
        assert!(llr_at_fmr(1e-3, 10) < -1.0, "strangers hardly ever come near 0 with ten fingers");
        assert!(!PersonScore::new(-0.01, 10).reaches(1.0));
        assert!(!PersonScore::new(-0.01, 2).reaches(1.0));
        assert!(!PersonScore::new(60.0, 0).reaches(1.0));
    }
}
