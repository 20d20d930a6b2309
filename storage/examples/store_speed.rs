//! How fast the store is by itself, for as many people as are asked for: importing, reading the gallery in order and at
//! random, and writing and reading blocks of the index.
//!
//! ```text
//! cargo run --release --example store_speed -- FOLDER [PEOPLE] [BLOCKS]
//! ```
//!
//! `FOLDER` must be absent or empty. Everything is read through the system's page cache, which holds it if memory suffices.
//! Reading is timed twice: by the clock, and by the processor's account of this thread (Linux), which others on the machine
//! do not change.

#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![expect(clippy::unwrap_used, reason = "a bench may stop where it fails")]
#![expect(clippy::cast_precision_loss, reason = "figures for people to read")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use plinth_biometrics::record::FingerPosition;
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_identity::application::FingerSample;
use plinth_identity::gallery::{FeatureRow, GalleryEntry};
use plinth_identity::id::{DeploymentId, Sequence};
use plinth_identity::keys::RootKey;
use plinth_storage::{IndexManifest, Reader, Segment, StoreOptions, Writer, create, open};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};

/// People in one commit, as an import makes them.
const BATCH: u64 = 256;
/// People whose fingers differ; everybody else has one of theirs.
const DIFFERENT: u64 = 50;
/// Candidates that one search reads.
const CANDIDATES: usize = 256;
/// Blocks that one search reads.
const LOOKUPS: usize = 3_500;
/// Bytes of a block before sealing.
const BLOCK_BYTES: usize = 4_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, other: u64| arguments.get(at).map_or(other, |text| text.parse().unwrap());
    let folder = PathBuf::from(arguments.first().expect("give a folder"));
    let (people, blocks) = (number(1, 10_000), u32::try_from(number(2, 100_000)).unwrap());
    let root = RootKey::generate(&mut StdRng::seed_from_u64(1));
    create(&folder, &root, DeploymentId::from_bytes([1; 16])).unwrap();
    let mut random = StdRng::seed_from_u64(2);
    let nonces = Box::new(move || {
        let mut nonce = [0; 24];
        random.fill_bytes(&mut nonce);
        nonce
    });
    let (reader, mut writer) = open(&folder, &root, &StoreOptions::default(), nonces).unwrap();
    import(&mut writer, people);
    println!(
        "  store of {:.0} MB: {:.1} KB a person",
        size(&folder) / 1e6,
        size(&folder) / people as f64 / 1e3
    );
    read_gallery(&reader, people);
    read_candidates(&reader, people);
    read_fingers(&reader, people);
    let before = size(&folder);
    write_segment(&reader, &mut writer, blocks);
    println!("  on disk {:.0} bytes a block of {BLOCK_BYTES}", (size(&folder) - before) / f64::from(blocks));
    read_blocks(&reader, blocks);
}

fn person(number: u64) -> (Vec<FingerSample>, FeatureRow) {
    let person = SyntheticPerson::new(9, number);
    let fingers: Vec<FingerSample> = FingerPosition::ALL
        .into_iter()
        .map(|position| FingerSample { position, record: person.capture(position, 0).encode() })
        .collect();
    let entry = GalleryEntry { sequence: Sequence::new(1), fingers };
    let features = entry.features().unwrap();
    (entry.fingers, features)
}

fn import(writer: &mut Writer, people: u64) {
    let different: Vec<_> = (0..DIFFERENT).map(person).collect();
    let row = different.iter().map(|(_, features)| features.encode().len()).sum::<usize>() as f64;
    println!("features {:.1} KB a person before sealing", row / DIFFERENT as f64 / 1e3);
    let (started, spent) = (Instant::now(), processor());
    let (mut slowest, mut done) = (Duration::ZERO, 0);
    while done < people {
        let began = Instant::now();
        let mut staged = writer.stage();
        for _ in 0..BATCH {
            let sequence = staged.next_sequence();
            let (fingers, features) = &different[usize::try_from(sequence.get() % DIFFERENT).unwrap()];
            let entry = GalleryEntry { sequence, fingers: fingers.clone() };
            staged.put_gallery(sequence, &entry, features);
        }
        writer.commit(staged, vec![()]).unwrap().into_iter().for_each(|done| done.into_inner());
        done += BATCH;
        slowest = slowest.max(began.elapsed());
    }
    let rate = done as f64 / started.elapsed().as_secs_f64();
    let each = (processor() - spent).as_secs_f64() * 1e6 / done as f64;
    println!(
        "import: {rate:.0} people/s in commits of {BATCH}, the slowest commit {slowest:.0?}, {each:.0} µs of processor each"
    );
}

/// Processor time of this thread so far; zero where the system does not tell.
fn processor() -> Duration {
    let account = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = account.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

fn read_gallery(reader: &Reader, people: u64) {
    let (started, spent) = (Instant::now(), processor());
    let (mut from, mut read) = (Sequence::new(1), 0_u64);
    while read < people.min(20_000) {
        let rows = reader.gallery_since(from, 500).unwrap();
        let Some((last, _)) = rows.last() else { break };
        from = last.next();
        read += rows.len() as u64;
    }
    let (clock, spent) = (started.elapsed(), processor() - spent);
    let each = spent.as_secs_f64() * 1e6 / read as f64;
    println!(
        "gallery in order: {:.0} people/s, {each:.1} µs of processor each",
        read as f64 / clock.as_secs_f64()
    );
}

fn read_candidates(reader: &Reader, people: u64) {
    let mut random = StdRng::seed_from_u64(3);
    let (mut took, spent) = (Vec::new(), processor());
    for _ in 0..40 {
        let asked: Vec<Sequence> =
            (0..CANDIDATES).map(|_| Sequence::new(random.random_range(1..=people))).collect();
        let began = Instant::now();
        let rows = reader.features_of(&asked).unwrap();
        assert!(rows.iter().all(|row| row.as_ref().is_some_and(|row| row.fingers().is_ok())));
        took.push(began.elapsed());
    }
    took.sort_unstable();
    let each = (processor() - spent).as_secs_f64() * 1e6 / (40 * CANDIDATES) as f64;
    println!(
        "{CANDIDATES} people at random: median {:.1?}, slowest {:.1?}, {each:.1} µs of processor each",
        took[20], took[39]
    );
}

fn read_fingers(reader: &Reader, people: u64) {
    let mut random = StdRng::seed_from_u64(6);
    let (mut took, spent) = (Vec::new(), processor());
    for _ in 0..40 {
        let asked: Vec<Sequence> =
            (0..CANDIDATES).map(|_| Sequence::new(random.random_range(1..=people))).collect();
        let began = Instant::now();
        let index = |position| position == FingerPosition::LeftIndex;
        let rows = reader.features_of(&asked).unwrap();
        assert!(rows.iter().flatten().all(|row| row.fingers_where(index).is_ok()));
        took.push(began.elapsed());
    }
    took.sort_unstable();
    let each = (processor() - spent).as_secs_f64() * 1e6 / (40 * CANDIDATES) as f64;
    println!(
        "one finger each of {CANDIDATES} people at random: median {:.1?}, slowest {:.1?}, {each:.1} µs of processor each",
        took[20], took[39]
    );
}

fn write_segment(reader: &Reader, writer: &mut Writer, blocks: u32) {
    let mut plaintext = vec![0; BLOCK_BYTES];
    StdRng::seed_from_u64(4).fill_bytes(&mut plaintext);
    let (started, spent) = (Instant::now(), processor());
    let mut segment = reader.segment_writer(1).unwrap();
    for block in 0..blocks {
        segment.put(block, &plaintext).unwrap();
    }
    let bytes = segment.finish().unwrap();
    let (clock, spent) = (started.elapsed(), processor() - spent);
    println!("segment of {:.0} MB: {clock:.1?}, {spent:.1?} of processor", bytes as f64 / 1e6);
    let (from, until) = (Sequence::new(1), Sequence::new(1_000_000));
    let listed = Segment { id: 1, from, until, people: 0, postings: 0, block_bits: 8, blocks, bytes };
    let mut staged = writer.stage();
    staged.put_index_manifest(&IndexManifest {
        version: 1,
        epoch: 1,
        next_segment: 2,
        segments: vec![listed],
    });
    writer.commit(staged, vec![()]).unwrap().into_iter().for_each(|done| done.into_inner());
}

fn read_blocks(reader: &Reader, blocks: u32) {
    let mut random = StdRng::seed_from_u64(5);
    let view = reader.index().unwrap().unwrap();
    let (mut took, mut read, spent) = (Vec::new(), 0, processor());
    for _ in 0..40 {
        let mut numbers: Vec<u32> = (0..LOOKUPS).map(|_| random.random_range(0..blocks)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let began = Instant::now();
        let mut bytes = 0;
        view.blocks(1, &numbers, |_, block| {
            bytes += block.len();
            Ok(())
        })
        .unwrap();
        assert_eq!(bytes, numbers.len() * BLOCK_BYTES);
        took.push(began.elapsed());
        read += numbers.len();
    }
    took.sort_unstable();
    let each = (processor() - spent).as_secs_f64() * 1e6 / read as f64;
    println!(
        "{LOOKUPS} blocks at random: median {:.1?}, slowest {:.1?}, {each:.2} µs of processor each",
        took[20], took[39]
    );
}

/// Bytes of the files in a folder and below.
fn size(folder: &Path) -> f64 {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                size(&entry.path())
            } else {
                entry.metadata().unwrap().len() as f64
            }
        })
        .sum()
}
