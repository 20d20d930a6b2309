//! Regenerates the table of `plinth_biometrics::calibration`:
//!
//! ```text
//! cargo run --release -p plinth-biometrics --example calibrate -- 1 5000 900
//! ```
//!
//! prints the rows as Rust constants (two populations, of seeds 1 and 2, each of 5,000 people with one finger each and
//! 900 strangers for each: 9 million comparisons of strangers and 20,000 of mates; some minutes on two cores), then
//! what the table in use makes of people with one to ten fingers of a third seed.

use std::process::ExitCode;

use plinth_biometrics::calibration::{
    PersonScore, SyntheticScores, compare_people, knots, llr_at_fmr, synthetic_scores,
};
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_biometrics::{FingerFeatures, FingerPosition, Matcher};

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
    print_people(seed.wrapping_add(2), (people / 10).max(2));
    ExitCode::SUCCESS
}

fn print_table(scores: &SyntheticScores) {
    println!("// {} mates, {} strangers", scores.genuine.len(), scores.impostor.len());
    for knot in knots(scores) {
        let caught = scores.genuine.iter().filter(|score| **score >= knot.score).count() as f64;
        println!(
            "    knot({:.5}, {:.2}, {:.3}), // {:.2} % of mates",
            knot.score,
            knot.log10_fmr,
            knot.log10_lr,
            100.0 * caught / scores.genuine.len() as f64
        );
    }
}

/// People of one to ten fingers: mates and strangers at the thresholds of one finger.
fn print_people(seed: u64, people: usize) {
    let enrol = |index: usize, capture: u32| -> Vec<FingerFeatures> {
        let record = SyntheticPerson::new(seed, index as u64).record(capture, &FingerPosition::ALL);
        let views = record.views.iter().enumerate();
        views.filter_map(|(view, one)| FingerFeatures::extract(&record, view, one.position).ok()).collect()
    };
    let gallery: Vec<_> = (0..people).map(|index| enrol(index, 0)).collect();
    let mut matcher = Matcher::new();
    println!("fingers | strangers at FMR 1e-2, 1e-3, 1e-4 | mates at 1e-3, 1e-4 | median sums");
    for fingers in [1, 2, 3, 4, 6, 8, 10] {
        let (mut mates, mut strangers): (Vec<PersonScore>, Vec<PersonScore>) = (Vec::new(), Vec::new());
        for index in 0..people {
            let mut probe = enrol(index, 1);
            probe.truncate(fingers);
            mates.push(compare_people(&mut matcher, &probe, &gallery[index]));
            for step in 1..=(600 / fingers).min(people - 1) {
                let stranger = &gallery[(index + step) % people];
                strangers.push(compare_people(&mut matcher, &probe, stranger));
            }
        }
        let share = |scores: &[PersonScore], fmr: f64| {
            let threshold = llr_at_fmr(fmr);
            scores.iter().filter(|score| score.llr >= threshold).count() as f64 / scores.len() as f64
        };
        let median = |scores: &mut [PersonScore]| {
            scores.sort_by(|a, b| a.llr.total_cmp(&b.llr));
            scores[scores.len() / 2].llr
        };
        println!(
            "{fingers:7} | {:.1e} {:.1e} {:.1e} | {:.4} {:.4} | {:.1} {:.1}",
            share(&strangers, 1e-2),
            share(&strangers, 1e-3),
            share(&strangers, 1e-4),
            share(&mates, 1e-3),
            share(&mates, 1e-4),
            median(&mut mates),
            median(&mut strangers),
        );
    }
}
