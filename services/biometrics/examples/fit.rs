//! Prints the statistics of synthetic fingers beside those of a folder of real records, so that anybody can judge what
//! a figure measured on the synthetic population is worth:
//!
//! ```text
//! cargo run --release -p plinth-biometrics --example fit -- FOLDER
//! ```
//!
//! `FOLDER/<set>/<finger>_<impression>.iso` are ISO/IEC 19794-2 records, as in the Fingerprint Verification
//! Competitions. Impressions 2 and up of every finger are compared with the first of every finger. Nothing is written
//! back; but the generator's spreads were once set with FVC2002's public B sets in view (see
//! `plinth_biometrics::synthetic`), so agreement with those is a fit, and only other sets test it.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::process::ExitCode;

use plinth_biometrics::calibration::threshold_at_fmr;
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_biometrics::{FingerFeatures, FingerPosition, FingerRecord, Matcher, TokenKey, tokens};

/// Fingers, each a list of impressions.
type Fingers = Vec<Vec<FingerRecord>>;

fn main() -> ExitCode {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("usage: fit FOLDER");
        return ExitCode::FAILURE;
    };
    let real = match read(Path::new(&folder)) {
        Ok(real) => real,
        Err(error) => {
            eprintln!("{folder}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (real, synthetic) = (Statistics::of(&real), Statistics::of(&synthetic(200, 8)));
    println!("{:28}{:>9}{:>60}", "", "mean", "quantiles: 0.01 0.05 0.25 0.50 0.75 0.95 0.99 0.999");
    for (name, values) in real.rows() {
        print_row(name, "real", &values);
        if let Some((_, values)) = synthetic.rows().into_iter().find(|row| row.0 == name) {
            print_row("", "synthetic", &values);
        }
    }
    for (name, statistics) in [("real", &real), ("synthetic", &synthetic)] {
        statistics.print_decisions(name);
    }
    ExitCode::SUCCESS
}

fn read(folder: &Path) -> Result<Fingers, Box<dyn std::error::Error>> {
    let mut fingers: BTreeMap<_, BTreeMap<u32, FingerRecord>> = BTreeMap::new();
    for set in std::fs::read_dir(folder)? {
        let set = set?.path();
        if !set.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(&set)? {
            let file = file?.path();
            let Some((finger, impression)) =
                file.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.rsplit_once('_'))
            else {
                continue;
            };
            let record = FingerRecord::decode(&std::fs::read(&file)?)?;
            fingers.entry((set.clone(), finger.to_owned())).or_default().insert(impression.parse()?, record);
        }
    }
    Ok(fingers.into_values().map(|impressions| impressions.into_values().collect()).collect())
}

fn synthetic(people: u64, touches: u32) -> Fingers {
    (0..people)
        .zip(FingerPosition::ALL.into_iter().cycle())
        .map(|(index, position)| {
            let person = SyntheticPerson::new(2, index);
            (0..touches).map(|capture| person.capture(position, capture)).collect()
        })
        .collect()
}

#[derive(Default)]
struct Statistics {
    minutiae: Vec<f64>,
    spacing: Vec<f64>,
    width: Vec<f64>,
    height: Vec<f64>,
    postings: Vec<f64>,
    mates: Pairs,
    strangers: Pairs,
}

/// Comparisons of one kind.
#[derive(Default)]
struct Pairs {
    scores: Vec<f64>,
    /// Shared buckets of the published index, see [`published_buckets`].
    votes: Vec<f64>,
    /// Shared buckets of this crate's index.
    meetings: Vec<f64>,
}

impl Statistics {
    fn of(fingers: &Fingers) -> Self {
        let mut statistics = Self::default();
        for record in fingers.iter().flatten() {
            statistics.add_shape(record);
        }
        let features = |record| FingerFeatures::extract(record, 0, FingerPosition::Unknown).ok();
        let fingers: Vec<Vec<_>> =
            fingers.iter().map(|finger| finger.iter().filter_map(features).collect()).collect();
        let lists = |of: &dyn Fn(&FingerFeatures) -> HashSet<u64>| -> Vec<Vec<HashSet<u64>>> {
            fingers.iter().map(|finger| finger.iter().map(of).collect()).collect()
        };
        let published = lists(&published_buckets);
        let key = TokenKey::new([7; 32]);
        let buckets = lists(&|touch| tokens(&key, touch).into_iter().map(|token| token.bucket).collect());
        statistics.postings = buckets.iter().flatten().map(|set| set.len() as f64).collect();
        let mut matcher = Matcher::new();
        for (f, finger) in fingers.iter().enumerate() {
            for (t, touch) in finger.iter().enumerate().skip(1) {
                // A hundred strangers for each probe at most, spread over the gallery.
                let stride = fingers.len().div_ceil(100).max(1);
                for g in (0..fingers.len()).filter(|g| *g == f || (g + f + t).is_multiple_of(stride)) {
                    let Some(first) = fingers[g].first() else { continue };
                    let score = f64::from(matcher.compare(touch, first).value());
                    let of = if f == g { &mut statistics.mates } else { &mut statistics.strangers };
                    of.scores.push(score);
                    of.votes.push(published[f][t].intersection(&published[g][0]).count() as f64);
                    of.meetings.push(buckets[f][t].intersection(&buckets[g][0]).count() as f64);
                }
            }
        }
        statistics
    }

    /// Counts and distances, in pixels at 500 dpi.
    fn add_shape(&mut self, record: &FingerRecord) {
        let Some(view) = record.views.first() else { return };
        let scale = [record.x_resolution, record.y_resolution].map(|dots| 196.85 / f64::from(dots));
        let places: Vec<(f64, f64)> =
            view.minutiae.iter().map(|m| (f64::from(m.x) * scale[0], f64::from(m.y) * scale[1])).collect();
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

    fn rows(&self) -> [(&'static str, Vec<f64>); 11] {
        [
            ("minutiae", self.minutiae.clone()),
            ("nearest minutia, px", self.spacing.clone()),
            ("width, px", self.width.clone()),
            ("height, px", self.height.clone()),
            ("index tokens", self.postings.clone()),
            ("tokens, mates", self.mates.meetings.clone()),
            ("tokens, strangers", self.strangers.meetings.clone()),
            ("votes, mates", self.mates.votes.clone()),
            ("votes, strangers", self.strangers.votes.clone()),
            ("score, mates", self.mates.scores.clone()),
            ("score, strangers", self.strangers.scores.clone()),
        ]
    }

    /// What thresholds from the calibration decide on these comparisons.
    fn print_decisions(&self, name: &str) {
        let none = self.mates.votes.iter().filter(|votes| **votes == 0.0).count();
        println!(
            "{name}: {:.1} % of mates have no vote",
            100.0 * none as f64 / self.mates.votes.len() as f64
        );
        for fmr in [1e-2, 1e-3, 1e-4, 1e-5] {
            let threshold = f64::from(threshold_at_fmr(fmr).value());
            let reach = |scores: &[f64]| scores.iter().filter(|score| **score >= threshold).count();
            println!(
                "{name}: at the threshold of FMR {fmr:.0e} ({threshold:.4}): mates {} of {} ({:.1} %), strangers {} of {} ({:.1e})",
                reach(&self.mates.scores),
                self.mates.scores.len(),
                100.0 * reach(&self.mates.scores) as f64 / self.mates.scores.len() as f64,
                reach(&self.strangers.scores),
                self.strangers.scores.len(),
                reach(&self.strangers.scores) as f64 / self.strangers.scores.len() as f64,
            );
        }
    }
}

/// Buckets of the index of Cappelli, Ferrara and Maltoni (*IEEE TPAMI* 33(5), 2011) as it is published: 32 tables of 24
/// of a cylinder's bits, kept if 4 are set. It stays as it is when this crate's own index changes, so that
/// figures remain comparable. Reads the stored form of the features: 5 bytes, 5 a minutia, then cylinders of a minutia
/// (1 byte), valid cells (8) and six planes (8 each) of 52 cells.
fn published_buckets(features: &FingerFeatures) -> HashSet<u64> {
    let bytes = features.to_bytes();
    let cylinders = bytes.get(5 + 5 * features.minutiae_count()..).unwrap_or_default();
    let mut buckets = HashSet::new();
    for planes in cylinders.chunks_exact(57).map(|cylinder| &cylinder[9..]) {
        let bit = |index: u64| {
            let (plane, cell) = (index / 52, index % 52);
            let byte = usize::try_from(plane * 8 + 7 - cell / 8).unwrap_or(0);
            u64::from(planes[byte] >> (cell % 8) & 1)
        };
        // 311 is prime: no walk of 24 steps through that many bits meets one twice.
        for table in 0..32u64 {
            let mut bucket = 0;
            for sample in 0..24u64 {
                bucket = bucket << 1 | bit((table * 41 + sample * (2 * table + 13)) % 311);
            }
            if bucket.count_ones() >= 4 {
                buckets.insert(table << 24 | bucket);
            }
        }
    }
    buckets
}

fn print_row(name: &str, source: &str, values: &[f64]) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mean = sorted.iter().sum::<f64>() / sorted.len().max(1) as f64;
    print!("{name:20}{source:9}{mean:9.4} ");
    for share in [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999] {
        let rank = sorted.iter().zip(1..).find(|(_, rank)| f64::from(*rank) >= share * sorted.len() as f64);
        print!(" {:9.4}", rank.map_or(f64::NAN, |(value, _)| *value));
    }
    println!();
}
