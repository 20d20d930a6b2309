//! Regenerates the table of `plinth_biometrics::calibration`, and counts what it is worth:
//!
//! ```text
//! cargo run --release -p plinth-biometrics --example calibrate -- 1 5000 450
//! ```
//!
//! prints the rows as Rust constants (two populations, of seeds 1 and 2, each of 5,000 people with one finger each and
//! 450 strangers for each: 4.5 million comparisons of strangers and 20,000 of mates; some minutes on two cores), with what
//! was counted beside what the fitted tail says. Then it counts how often strangers of a third seed, 500 people with ten
//! fingers, reach the thresholds of one to ten fingers together, and how often mates do: the thresholds take the fingers
//! of two people to be independent, and these are not.

use std::process::ExitCode;

use plinth_biometrics::calibration::{
    Knot, PersonScore, SyntheticScores, knots, llr_at_fmr, log_likelihood_ratio, synthetic_scores,
};
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_biometrics::{FingerFeatures, FingerPosition, Matcher};

/// Rates at which strangers are counted.
const COUNTED: [f64; 4] = [1e-2, 1e-3, 1e-4, 1e-5];

/// Rates at which mates are counted: a search at a target FPIR of 0.01 among 10,000 people, and a duplicate among as many,
/// among a million, and among 1.4 billion.
const NEEDED: [f64; 4] = [1e-6, 1e-8, 1e-10, 7e-14];

/// Captures of each person after the first.
const AGAIN: u32 = 4;

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let [seed, people, opponents] = numbers[..] else {
        eprintln!("usage: calibrate SEED PEOPLE OPPONENTS");
        return ExitCode::FAILURE;
    };
    let (Ok(people), Ok(opponents)) = (usize::try_from(people), usize::try_from(opponents)) else {
        return ExitCode::FAILURE;
    };
    let mut scores = SyntheticScores::default();
    std::thread::scope(|scope| {
        let halves = [seed, seed.wrapping_add(1)]
            .map(|seed| scope.spawn(move || synthetic_scores(seed, people, opponents)));
        for half in halves.into_iter().filter_map(|half| half.join().ok()) {
            scores.genuine.extend(half.genuine);
            scores.impostor.extend(half.impostor);
        }
    });
    print_table(&scores);
    Population::new(seed.wrapping_add(2), (people / 10).max(2)).print();
    ExitCode::SUCCESS
}

fn print_table(scores: &SyntheticScores) {
    println!("// {} mates, {} strangers", scores.genuine.len(), scores.impostor.len());
    for Knot { score, log10_fmr, log10_lr } in knots(scores) {
        let reached = |scores: &[f32]| scores.iter().filter(|value| **value >= score).count();
        println!(
            "    knot({score:.5}, {log10_fmr:.2}, {log10_lr:.3}), // {} strangers, {:.1} expected; {:.2} % of mates",
            reached(&scores.impostor),
            10f64.powf(f64::from(log10_fmr)) * scores.impostor.len() as f64,
            100.0 * reached(&scores.genuine) as f64 / scores.genuine.len() as f64
        );
    }
}

/// Fingers of one capture, by position; those that could not be used are absent.
type Hands = Vec<Option<FingerFeatures>>;

struct Population {
    /// The first captures.
    gallery: Vec<Hands>,
    seed: u64,
}

impl Population {
    fn new(seed: u64, people: usize) -> Self {
        Self { gallery: (0..people).map(|index| hands(seed, index, 0)).collect(), seed }
    }

    /// People of one to ten fingers: mates and strangers at the thresholds of as many.
    fn print(&self) {
        let mut matcher = Matcher::new();
        let (mut mates, mut strangers): (Vec<Ratios>, Vec<Ratios>) = (Vec::new(), Vec::new());
        for (index, own) in self.gallery.iter().enumerate() {
            for capture in 1..=AGAIN {
                let probe = hands(self.seed, index, capture);
                mates.push(ratios(&mut matcher, &probe, own));
                if capture == 1 {
                    let others = self.gallery.iter().enumerate().filter(|(other, _)| *other != index);
                    strangers.extend(others.map(|(_, other)| ratios(&mut matcher, &probe, other)));
                }
            }
        }
        println!("strangers, two people's: counted over expected at {COUNTED:?} (number counted)");
        for fingers in [1, 2, 3, 4, 5, 10] {
            let sums: Vec<PersonScore> = strangers.iter().flat_map(|pair| together(pair, fingers)).collect();
            let row = COUNTED.map(|fmr| {
                let count = sums.iter().filter(|sum| sum.llr >= llr_at_fmr(fmr, sum.fingers)).count();
                format!("{:.2} ({count})", count as f64 / (fmr * sums.len() as f64))
            });
            println!("{fingers:3} fingers, {} sums: {}", sums.len(), row.join("  "));
        }
        println!("mates: share that does not reach {NEEDED:?}; the lowest sums");
        for fingers in [1, 2, 4, 5, 10] {
            let mut sums: Vec<PersonScore> = mates.iter().flat_map(|pair| together(pair, fingers)).collect();
            sums.sort_by(|a, b| a.llr.total_cmp(&b.llr));
            let row = NEEDED.map(|fmr| {
                let missed = sums.iter().filter(|sum| !sum.reaches(fmr)).count();
                format!("{:.4}", missed as f64 / sums.len() as f64)
            });
            let lowest: Vec<String> = sums.iter().take(5).map(|sum| format!("{:.1}", sum.llr)).collect();
            println!("{fingers:3} fingers, {} sums: {}; {}", sums.len(), row.join("  "), lowest.join(" "));
        }
    }
}

fn hands(seed: u64, index: usize, capture: u32) -> Hands {
    let record = SyntheticPerson::new(seed, index as u64).record(capture, &FingerPosition::ALL);
    let views = record.views.iter().enumerate();
    views.map(|(view, one)| FingerFeatures::extract(&record, view, one.position).ok()).collect()
}

/// Likelihood ratios of two people's fingers, by position.
type Ratios = Vec<Option<f32>>;

fn ratios(matcher: &mut Matcher, probe: &Hands, gallery: &Hands) -> Ratios {
    let pairs = probe.iter().zip(gallery);
    pairs.map(|(a, b)| Some(log_likelihood_ratio(matcher.compare(a.as_ref()?, b.as_ref()?)))).collect()
}

/// Sums over so many fingers each, no finger in two sums.
fn together(ratios: &Ratios, fingers: usize) -> impl Iterator<Item = PersonScore> {
    ratios.chunks_exact(fingers).map(|some| {
        let present = some.iter().flatten().count();
        PersonScore::new(some.iter().flatten().sum(), u8::try_from(present).unwrap_or(u8::MAX))
    })
}
