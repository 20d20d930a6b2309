//! How many extractions, token lists and comparisons a second one thread makes, on synthetic fingers.
//!
//! `cargo run --release -p plinth-biometrics --example compare_speed`

use std::hint::black_box;
use std::time::{Duration, Instant};

use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_biometrics::{FingerFeatures, FingerPosition, FingerRecord, Matcher, TokenKey, reference, tokens};

const PEOPLE: u64 = 40;

fn main() {
    let capture = |n, capture| SyntheticPerson::new(1, n).capture(FingerPosition::RightIndex, capture);
    let records: Vec<FingerRecord> = (0..PEOPLE).flat_map(|n| [capture(n, 0), capture(n, 1)]).collect();
    let extract = |record: &FingerRecord| FingerFeatures::extract(record, 0, FingerPosition::RightIndex).ok();
    let fingers: Vec<FingerFeatures> = records.iter().filter_map(extract).collect();
    let minutiae: usize = fingers.iter().map(FingerFeatures::minutiae_count).sum();
    println!("{} fingers, {:.1} minutiae each", fingers.len(), minutiae as f64 / fingers.len() as f64);

    let pairs: Vec<(&FingerFeatures, &FingerFeatures)> =
        fingers.iter().flat_map(|a| fingers.iter().map(move |b| (a, b))).collect();
    let key = TokenKey::new([1; 32]);
    let mut matcher = Matcher::new();
    rate("extract", &records, extract);
    rate("tokens", &fingers, |finger| tokens(&key, finger));
    rate("compare, local", &pairs, |(a, b)| matcher.compare_local(a, b));
    rate("compare, full", &pairs, |(a, b)| matcher.compare(a, b));
    let reference = |record: &FingerRecord| reference::extract(record, 0, FingerPosition::RightIndex).ok();
    rate("extract, reference", &records[..5], reference);
    rate("compare, reference", &pairs[..100], |(a, b)| reference::compare(a, b));
}

/// Goes round `items` for about a second and prints the rate.
fn rate<T, R>(what: &str, items: &[T], mut work: impl FnMut(&T) -> R) {
    #[expect(clippy::disallowed_methods, reason = "this program measures time")]
    let start = Instant::now();
    let mut done = 0u32;
    while start.elapsed() < Duration::from_secs(1) {
        for item in items {
            black_box(work(item));
        }
        done += u32::try_from(items.len()).unwrap_or(u32::MAX);
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{what:20} {:10.0} a second, {:8.1} us each",
        f64::from(done) / seconds,
        seconds * 1e6 / f64::from(done)
    );
}
