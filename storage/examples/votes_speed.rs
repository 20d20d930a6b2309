//! Measures a search of the index in processor time (Linux), and what enrolling costs the disk, on made-up people.
//!
//! ```text
//! cargo run --release -p plinth-storage --example votes_speed -- [people]
//! ```
//!
//! A person has 7,000 tokens (ten fingers) out of 2.4 million buckets, so that two strangers share 20 of them on
//! average, as fingerprints do at 32 tables of 24 bits.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measuring tool stops at the first error and reads the clock"
)]

use std::time::Instant;

use plinth_identity::application::{FingerPosition, FingerSample};
use plinth_identity::gallery::{FeatureRow, GalleryEntry};
use plinth_identity::id::{DeploymentId, Sequence};
use plinth_identity::keys::RootKey;
use plinth_storage::{Reader, StoreOptions, Token, create, open};

const TOKENS: u64 = 7_000;
const BUCKETS: u64 = 2_400_000;
const PROBES: u64 = 50;
const BATCH: u64 = 16;

fn main() {
    let people: u64 = std::env::args().nth(1).map_or(430, |count| count.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let root = RootKey::parse(&format!("plinth-root-key-1 {}AQE=", "AQEB".repeat(10))).unwrap();
    create(folder.path(), &root, DeploymentId::from_bytes([1; 16])).unwrap();
    let mut random = Random(1);
    let (reader, mut writer) = open(folder.path(), &root, &StoreOptions::default(), nonces(2)).unwrap();

    let mut writing = Vec::new();
    for first in (0..people).step_by(usize::try_from(BATCH).unwrap()) {
        let batch: Vec<Vec<Token>> = (first..people.min(first + BATCH)).map(|_| random.tokens()).collect();
        let start = Instant::now();
        let mut staged = writer.stage();
        for tokens in &batch {
            let sequence = staged.next_sequence();
            staged.put_gallery(sequence, &originals(sequence), &FeatureRow::new(Vec::new()), tokens);
        }
        writer.commit(staged, vec![()]).unwrap();
        writing.push(start.elapsed().as_secs_f64() * 1e3);
    }
    println!("{people} people, {} postings", people * TOKENS);
    println!("a commit of {BATCH} people: {}", quantiles(&mut writing));
    measure("newest postings in memory", &reader, &mut random);
    drop((reader, writer));
    let start = Instant::now();
    let (reader, _writer) = open(folder.path(), &root, &StoreOptions::default(), nonces(3)).unwrap();
    println!("reopening: {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    measure("after reopening", &reader, &mut random);
}

fn measure(when: &str, reader: &Reader, random: &mut Random) {
    let mut times = Vec::new();
    let mut votes = 0;
    for _ in 0..PROBES {
        let probe = random.tokens();
        let start = Processor::now();
        votes += reader.votes(&probe).unwrap().iter().map(|(_, count)| u64::from(*count)).sum::<u64>();
        times.push(start.elapsed_ms());
    }
    println!("a search, {when}: {}; {} votes a probe", quantiles(&mut times), votes / PROBES);
}

/// Time that this thread has spent on a processor: other work on the machine does not count.
struct Processor(u64);

impl Processor {
    fn now() -> Self {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        Self(text.split(' ').next().unwrap().parse().unwrap())
    }

    fn elapsed_ms(&self) -> f64 {
        (Self::now().0 - self.0) as f64 / 1e6
    }
}

fn quantiles(times: &mut [f64]) -> String {
    times.sort_by(f64::total_cmp);
    format!("median {:.2} ms, longest {:.2} ms", times[times.len() / 2], times[times.len() - 1])
}

fn nonces(seed: u64) -> plinth_storage::NonceSource {
    let mut random = Random(seed);
    Box::new(move || {
        let mut nonce = [0; 24];
        nonce[..8].copy_from_slice(&random.next().to_be_bytes());
        nonce
    })
}

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): the same people in every run, and no secrets here.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        spread(self.0)
    }

    fn tokens(&mut self) -> Vec<Token> {
        (0..TOKENS)
            .map(|_| {
                let bucket = spread(self.next() % BUCKETS);
                Token { bucket, mask: spread(bucket) }
            })
            .collect()
    }
}

fn spread(seed: u64) -> u64 {
    let mut mixed = seed;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// About the bytes of ten fingers' records and features.
fn originals(sequence: Sequence) -> GalleryEntry {
    let sample = FingerSample { position: FingerPosition::Unknown, record: vec![1; 40_000] };
    GalleryEntry { sequence, fingers: vec![sample] }
}
