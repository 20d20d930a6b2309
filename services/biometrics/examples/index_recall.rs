//! Prints what the 1:N index loses: mates whom the full comparison accepts, but who are not among the candidates that
//! are handed to it.
//!
//! ```text
//! cargo run --release -p plinth-biometrics --example index_recall -- PEOPLE PROBES [FOLDER]
//! ```
//!
//! A gallery of `PEOPLE` synthetic people of ten fingers (first captures) is searched with second captures of `PROBES` of
//! them by ten fingers, and of a tenth as many by 1, 2 and 4; the gallery's people keep their ten. With `FOLDER/<set>/<finger>_<impression>.iso`
//! (ISO/IEC 19794-2) the ten fingers of each set become one person more, and every later impression a probe.
//!
//! A mate's rank is the number of people who come before them. In a gallery of a million, that many times
//! 1,000,000 / `PEOPLE` come before them, so the loss there is the share of accepted mates whose rank here is at least
//! [`MOST`] * `PEOPLE` / 1,000,000.
#![expect(clippy::disallowed_methods, reason = "a measuring program reads the clock")]

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use plinth_biometrics::calibration::{compare_people, compare_people_in_any_order};
use plinth_biometrics::index::block::{Block, Entry, Visit, encode, visit_all};
use plinth_biometrics::index::{BUCKET_BITS, Candidate, Lookup, Probe, Tally, TokenKey, postings};
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_biometrics::{FingerFeatures, FingerPosition, FingerRecord, Matcher};

/// Candidates handed to verification, as in a gallery of a million.
const MOST: usize = 250;
/// The false match rate at which a pair of people is accepted.
const ACCEPTED_AT: f64 = 1e-6;
/// Population of the gallery; calibration and tuning used others.
const SEED: u64 = 909;
const POSTINGS_A_BLOCK: u64 = 6_144;
/// What a block takes on disk beside its bytes: seal, key and table.
const BLOCK_OVERHEAD: u64 = 48;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Option<Vec<u32>> = arguments.iter().take(2).map(|number| number.parse().ok()).collect();
    let Some(&[people, probes]) = numbers.as_deref() else {
        eprintln!("usage: index_recall PEOPLE PROBES [FOLDER]");
        return ExitCode::FAILURE;
    };
    let real = match arguments.get(2).map(|folder| read(Path::new(folder))).transpose() {
        Ok(real) => real.unwrap_or_default(),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let first: Vec<Vec<FingerFeatures>> = real.iter().map(|captures| captures[0].clone()).collect();
    let gallery = Gallery::build(people, &first);
    gallery.print_size();
    let later = |person: u32| synthetic(person, 1);
    for count in [1, 2, 4, 10] {
        let mut loss = Loss::default();
        let probes = if count == 10 { probes } else { probes.div_ceil(10) };
        for person in 0..probes.min(people) {
            loss.add(&gallery, &of_positions(&later(person), count), || synthetic(person, 0), person);
        }
        loss.print(&format!("synthetic, {count} fingers"), gallery.people);
        let mut loss = Loss::default();
        for (person, captures) in (people..).zip(&real) {
            for probe in &captures[1..] {
                loss.add(&gallery, &of_positions(probe, count), || captures[0].clone(), person);
            }
        }
        loss.print(&format!("real, {count} fingers"), gallery.people);
    }
    let disguises: [(&str, Disguise); 3] = [
        ("hands swapped", |code| if code > 5 { code - 5 } else { code + 5 }),
        ("slaps swapped", |code| if code % 5 == 1 { 7 - code } else { 12 - code }),
        ("fingers shifted by one", |code| code % 10 + 1),
    ];
    for (name, disguise) in disguises {
        let mut loss = Loss::default();
        for person in 0..probes.min(people).div_ceil(5) {
            loss.add(&gallery, &declared_as(&later(person), disguise), || synthetic(person, 0), person);
        }
        loss.print(&format!("synthetic, {name}"), gallery.people);
        let mut loss = Loss::default();
        for (person, captures) in (people..).zip(&real) {
            for probe in &captures[1..] {
                loss.add(&gallery, &declared_as(probe, disguise), || captures[0].clone(), person);
            }
        }
        loss.print(&format!("real, {name}"), gallery.people);
    }
    ExitCode::SUCCESS
}

/// The fingers of a synthetic person that can be used.
fn synthetic(person: u32, capture: u32) -> Vec<FingerFeatures> {
    let person = SyntheticPerson::new(SEED, u64::from(person));
    let extract = |position: &FingerPosition| {
        FingerFeatures::extract(&person.capture(*position, capture), 0, *position).ok()
    };
    FingerPosition::ALL.iter().filter_map(extract).collect()
}

fn of_positions(fingers: &[FingerFeatures], count: u8) -> Vec<FingerFeatures> {
    // The index fingers first, as they would be asked for.
    let order = [2, 7, 1, 6, 3, 8, 4, 9, 5, 10];
    let wanted = &order[..usize::from(count)];
    fingers.iter().filter(|finger| wanted.contains(&finger.position().code())).cloned().collect()
}

/// The position code that a finger is declared as, by its own.
type Disguise = fn(u8) -> u8;

/// The same fingers, each declared as another.
fn declared_as(fingers: &[FingerFeatures], disguise: Disguise) -> Vec<FingerFeatures> {
    let declared = |finger: &FingerFeatures| {
        let mut bytes = finger.to_bytes();
        bytes[2] = disguise(finger.position().code());
        FingerFeatures::from_bytes(&bytes).ok()
    };
    fingers.iter().filter_map(declared).collect()
}

/// People by set, their captures, and the fingers of each.
type People = Vec<Vec<Vec<FingerFeatures>>>;

fn read(folder: &Path) -> Result<People, Box<dyn std::error::Error>> {
    let mut sets: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    sets.sort_by_key(std::fs::DirEntry::path);
    let mut people = People::new();
    for set in sets.iter().map(std::fs::DirEntry::path).filter(|set| set.is_dir()) {
        let mut captures: Vec<Vec<FingerFeatures>> = Vec::new();
        let mut files: Vec<_> =
            std::fs::read_dir(&set)?.map(|file| Ok(file?.path())).collect::<std::io::Result<_>>()?;
        files.sort();
        let mut fingers: Vec<String> = Vec::new();
        for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "iso")) {
            let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let Some((finger, impression)) = stem.rsplit_once('_') else { continue };
            if !fingers.iter().any(|known| known == finger) {
                fingers.push(finger.to_owned());
            }
            let index = fingers.iter().position(|known| known == finger).unwrap_or(0);
            let Some(position) = FingerPosition::ALL.get(index) else { continue };
            let capture = impression.parse::<usize>()?.saturating_sub(1);
            captures.resize_with(captures.len().max(capture + 1), Vec::new);
            let record = FingerRecord::decode(&std::fs::read(file)?)?;
            captures[capture].extend(FingerFeatures::extract(&record, 0, *position));
        }
        people.push(captures);
    }
    Ok(people)
}

/// A gallery in packed blocks.
struct Gallery {
    key: TokenKey,
    people: u32,
    postings: u64,
    bytes: u64,
    block_bits: u8,
    blocks: Vec<Block>,
    hashing: Duration,
}

impl Gallery {
    fn build(people: u32, more: &[Vec<FingerFeatures>]) -> Self {
        let key = TokenKey::new([7; 32]);
        let mut entries: Vec<u64> = Vec::new();
        let mut hashing = Duration::ZERO;
        let all = people + u32::try_from(more.len()).unwrap_or(0);
        for person in 0..all {
            let fingers = more.get((person as usize).wrapping_sub(people as usize)).cloned();
            let fingers = fingers.unwrap_or_else(|| synthetic(person, 0));
            let start = Instant::now();
            let postings = postings(&key, &fingers);
            hashing += start.elapsed();
            let pack = |bucket: u32, finger: u8| {
                u64::from(bucket) << 36 | u64::from(finger) << 32 | u64::from(person)
            };
            entries.extend(postings.iter().map(|posting| pack(posting.bucket, posting.finger)));
        }
        entries.sort_unstable();
        let postings = entries.len() as u64;
        let wanted = postings.div_ceil(POSTINGS_A_BLOCK).max(1).next_power_of_two().ilog2();
        let block_bits = u8::try_from(BUCKET_BITS.saturating_sub(wanted)).unwrap_or(0);
        let (mut blocks, mut bytes, mut rest) = (Vec::new(), 0, &entries[..]);
        for block in 1..=1u64 << (BUCKET_BITS - u32::from(block_bits)) {
            let end = block << (36 + block_bits);
            let (own, later) = rest.split_at(rest.partition_point(|entry| *entry < end));
            rest = later;
            let unpacked: Vec<Entry> = own.iter().map(|word| unpack(*word, block_bits)).collect();
            let packed = encode(&unpacked, block_bits, all).unwrap_or_default();
            bytes += packed.len() as u64 + BLOCK_OVERHEAD;
            blocks.extend(Block::parse(packed));
        }
        Self { key, people: all, postings, bytes, block_bits, blocks, hashing }
    }

    fn print_size(&self) {
        let people = f64::from(self.people);
        println!(
            "gallery: {} people, {:.0} postings a person, {:.2} bits a posting with {BLOCK_OVERHEAD} bytes a block, {:.2} KiB a person",
            self.people,
            self.postings as f64 / people,
            8.0 * self.bytes as f64 / self.postings as f64,
            self.bytes as f64 / people / 1024.0,
        );
        println!("hashing a person: {:.2} ms", self.hashing.as_secs_f64() * 1e3 / people);
        let start = Instant::now();
        let mut read = 0_u64;
        let unpacked: Result<Vec<()>, _> =
            self.blocks.iter().map(|block| block.entries(|_| read += 1)).collect();
        println!(
            "unpacking everything: {:.1} ns a posting",
            start.elapsed().as_secs_f64() * 1e9 / read.max(1) as f64
        );
        if let Err(error) = unpacked {
            eprintln!("{error}");
        }
    }

    fn search(&self, fingers: &[FingerFeatures], costs: &mut Costs) -> Vec<Candidate> {
        let start = Instant::now();
        let probe = Probe::new(&self.key, fingers);
        costs.hashing += start.elapsed();
        let start = Instant::now();
        let mut tally = Tally::new(&probe, self.people);
        let mut cast = 0;
        let visit = |lookup: &Lookup| Visit {
            block: &self.blocks[(lookup.bucket >> self.block_bits) as usize],
            bucket: lookup.bucket & ((1 << self.block_bits) - 1),
            fingers: lookup.fingers,
        };
        let visits: Vec<Visit<'_>> = probe.lookups().iter().map(visit).collect();
        let visited = visit_all(&visits, |index, finger, people| {
            cast += people.len();
            tally.cast_all(index, finger, 0, people);
        });
        if let Err(error) = visited {
            eprintln!("{error}");
        }
        costs.visiting += start.elapsed();
        let start = Instant::now();
        let ranking = tally.ranking(MOST.max(self.people as usize / 100));
        costs.ranking += start.elapsed();
        costs.lookups += probe.lookups().len();
        costs.cast += cast;
        ranking
    }
}

fn unpack(word: u64, block_bits: u8) -> Entry {
    let [_, _, _, _, p3, p2, p1, p0] = word.to_be_bytes();
    let bucket = u32::try_from(word >> 36).unwrap_or(u32::MAX) & ((1 << block_bits) - 1);
    Entry {
        bucket,
        finger: u8::try_from(word >> 32 & 0x0f).unwrap_or(0),
        person: u32::from_be_bytes([p3, p2, p1, p0]),
    }
}

#[derive(Default)]
struct Costs {
    hashing: Duration,
    visiting: Duration,
    ranking: Duration,
    lookups: usize,
    cast: usize,
}

/// Ranks of accepted mates.
#[derive(Default)]
struct Loss {
    costs: Costs,
    probes: usize,
    /// Ranks, and whether the full comparison accepts the pair; pairs that it was not asked about are found anyway.
    ranks: Vec<(usize, bool)>,
}

impl Loss {
    fn add(
        &mut self,
        gallery: &Gallery,
        probe: &[FingerFeatures],
        mate: impl Fn() -> Vec<FingerFeatures>,
        person: u32,
    ) {
        self.probes += 1;
        if probe.is_empty() {
            return;
        }
        let ranking = gallery.search(probe, &mut self.costs);
        let rank = ranking.iter().position(|candidate| candidate.person == person).unwrap_or(usize::MAX);
        let accepts = |mate: &[FingerFeatures]| {
            let mut matcher = Matcher::new();
            compare_people(&mut matcher, probe, mate).reaches(ACCEPTED_AT)
                || compare_people_in_any_order(&mut matcher, probe, mate).reaches(ACCEPTED_AT)
        };
        let accepted = rank == 0 || accepts(&mate());
        self.ranks.push((rank, accepted));
    }

    fn print(&self, name: &str, people: u32) {
        let Some(searches) = u32::try_from(self.ranks.len()).ok().filter(|searches| *searches > 0) else {
            return;
        };
        let scaled = (MOST * people as usize).div_ceil(1_000_000);
        let lost = |from: usize| self.ranks.iter().filter(|rank| rank.1 && rank.0 >= from).count();
        let mut worst: Vec<usize> = self.ranks.iter().filter(|rank| rank.1).map(|rank| rank.0).collect();
        worst.sort_unstable_by(|a, b| b.cmp(a));
        worst.truncate(6);
        let each = |duration: Duration| duration.as_secs_f64() * 1e3 / f64::from(searches);
        println!(
            "{name}: {} probes, {} accepted or first; lost here with {MOST} candidates {}, as in 1,000,000 people {} (worst ranks {worst:?})",
            self.probes,
            self.ranks.iter().filter(|rank| rank.1).count(),
            lost(MOST),
            lost(scaled),
        );
        println!(
            "    {:.0} look-ups, {:.2} meetings a person of the gallery; hashing {:.2} ms, visiting {:.2} ms, ranking {:.2} ms",
            self.costs.lookups as f64 / f64::from(searches),
            self.costs.cast as f64 / f64::from(searches) / f64::from(people),
            each(self.costs.hashing),
            each(self.costs.visiting),
            each(self.costs.ranking),
        );
    }
}
