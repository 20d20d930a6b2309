//! The 1:N index as searches see it: sealed segments, and the newest people in memory.
//!
//! The truth is the feature row of each person; everything here is derived from those rows and can be made again. Each
//! person of the gallery is in exactly one place: in a segment, among the newest people, or, while a segment is built of
//! those, in their frozen copy. Whoever is found may have left the gallery since: their feature row is gone then, and that
//! decides.

mod build;
mod indexer;
mod segment;
mod young;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use plinth_biometrics::cylinder::FingerFeatures;
use plinth_biometrics::index::{Candidate, INDEX_VERSION, Posting, Probe, Tally, TokenKey, postings};
use plinth_identity::id::Sequence;
use plinth_storage::{IndexManifest, IndexView, Reader, StoreError};
use tracing::info;

pub(crate) use indexer::{Arrival, Foreman, Indexer};
use segment::{OpenSegment, Room};
use young::Young;

/// The index of an open store.
pub(crate) struct Index {
    reader: Reader,
    room: Arc<Room>,
    /// Locked before `settled` by whoever needs both.
    young: RwLock<Newest>,
    settled: RwLock<Arc<Settled>>,
}

/// The newest people, and the key under which their fingers are hashed.
struct Newest {
    generation: Arc<Generation>,
    young: Young,
}

/// What tells one index from the next: another version of the hashing, or another key.
pub(crate) struct Generation {
    key: TokenKey,
}

/// Everyone but the newest people.
pub(crate) struct Settled {
    generation: Arc<Generation>,
    pub(crate) manifest: IndexManifest,
    /// Where the manifest's segments are read; nothing while there are none.
    view: Option<Arc<IndexView>>,
    /// Those segments, as far as they are open.
    segments: Vec<Arc<OpenSegment>>,
    frozen: Option<Arc<Young>>,
}

/// What a look into the index gives.
pub(crate) struct Found {
    /// Everyone enrolled before this sequence number was within reach.
    pub(crate) before: Sequence,
    /// The likeliest people first.
    pub(crate) candidates: Vec<(Sequence, Candidate)>,
}

impl Index {
    /// Opens the index that the manifest describes, and reads the newest people from their feature rows, on all cores.
    pub(crate) fn open(reader: &Reader, cache_bytes: u64) -> Result<Self, StoreError> {
        let room = Room::new(cache_bytes);
        let view = reader.index()?.map(Arc::new);
        let manifest = view.as_ref().map_or_else(first_manifest, |view| view.manifest().clone());
        let generation = Arc::new(Generation::of(reader, &manifest));
        let mut young = Young::new(end(&manifest));
        read_in(reader, &generation, &mut young, reader.head().next_sequence)?;
        report_size(&manifest, cache_bytes);
        let segments = opened(&manifest, &[], &room);
        let settled = Settled { generation: Arc::clone(&generation), manifest, view, segments, frozen: None };
        Ok(Self {
            reader: reader.clone(),
            room,
            young: RwLock::new(Newest { generation, young }),
            settled: RwLock::new(Arc::new(settled)),
        })
    }

    /// The people who are likeliest to be the probe's, at most `most`.
    pub(crate) fn find(&self, fingers: &[FingerFeatures], most: usize) -> Result<Found, StoreError> {
        let generation = Arc::clone(&self.settled().generation);
        let probe = Probe::new(&generation.key, fingers);
        let newest = self.young.read().unwrap_or_else(PoisonError::into_inner);
        let settled = self.settled();
        if !Arc::ptr_eq(&settled.generation, &generation) {
            drop(newest);
            // The index has been renewed in the meantime: once more, under the new key.
            return self.find(fingers, most);
        }
        let before = newest.young.until();
        let mut tally = Tally::new(&probe, offset(before));
        cast_young(&newest.young, &probe, &mut tally);
        drop(newest);
        if let Some(frozen) = &settled.frozen {
            cast_young(frozen, &probe, &mut tally);
        }
        if let Some(view) = &settled.view {
            for segment in &settled.segments {
                segment.cast(view, probe.lookups(), &mut tally)?;
            }
        }
        let sequence = |candidate: &Candidate| Sequence::new(u64::from(candidate.person).saturating_add(1));
        let ranking = tally.ranking(most);
        let candidates = ranking.into_iter().map(|candidate| (sequence(&candidate), candidate)).collect();
        Ok(Found { before, candidates })
    }

    /// The postings of a person under the key that is in use now.
    pub(crate) fn hash(&self, fingers: &[FingerFeatures]) -> Hashed {
        let generation = Arc::clone(&self.settled().generation);
        let postings = postings(&generation.key, fingers);
        Hashed { generation, postings }
    }

    /// Takes in people who have just been committed, in the order of their sequence numbers.
    pub(crate) fn arrive(&self, people: Vec<Arrival>) {
        for Arrival { sequence, fingers, hashed } in people {
            let hashed = hashed.unwrap_or_else(|| self.hash(&fingers));
            let mut newest = self.young.write().unwrap_or_else(PoisonError::into_inner);
            if newest.young.until() > sequence {
                // Read in from the store already, by whoever renewed the index.
                continue;
            }
            while newest.young.until() < sequence && !newest.young.is_full() {
                newest.young.skip();
            }
            if Arc::ptr_eq(&newest.generation, &hashed.generation) {
                newest.young.push(&hashed.postings);
            } else {
                let again = postings(&newest.generation.key, &fingers);
                newest.young.push(&again);
            }
        }
    }

    /// Everyone enrolled before this sequence number is within reach.
    pub(crate) fn until(&self) -> Sequence {
        self.young.read().unwrap_or_else(PoisonError::into_inner).young.until()
    }

    /// How many people are in memory only, not counting those of whom a segment is being built.
    pub(crate) fn newest(&self) -> u32 {
        self.young.read().unwrap_or_else(PoisonError::into_inner).young.people()
    }

    /// What an index after this one is known by, before anything of it is built.
    pub(crate) fn next_generation(&self) -> IndexManifest {
        let settled = self.settled();
        let (epoch, next_segment) = (settled.manifest.epoch.saturating_add(1), settled.manifest.next_segment);
        IndexManifest { version: VERSION, epoch, next_segment, segments: Vec::new() }
    }

    pub(crate) fn settled(&self) -> Arc<Settled> {
        Arc::clone(&self.settled.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sets the newest people aside, to build a segment of them; searches go on finding them.
    fn freeze(&self) -> Arc<Young> {
        let mut newest = self.young.write().unwrap_or_else(PoisonError::into_inner);
        let mut settled = self.settled.write().unwrap_or_else(PoisonError::into_inner);
        let until = newest.young.until();
        let frozen = Arc::new(std::mem::replace(&mut newest.young, Young::new(until)));
        let Settled { generation, manifest, view, segments, .. } = settled.as_ref();
        *settled = Arc::new(Settled {
            generation: Arc::clone(generation),
            manifest: manifest.clone(),
            view: view.clone(),
            segments: segments.clone(),
            frozen: Some(Arc::clone(&frozen)),
        });
        frozen
    }

    /// Puts the manifest that has just been committed into effect, which holds whoever was frozen.
    fn adopt(&self) -> Result<(), StoreError> {
        let view = self.reader.index()?.map(Arc::new);
        let manifest = view.as_ref().map_or_else(first_manifest, |view| view.manifest().clone());
        let mut settled = self.settled.write().unwrap_or_else(PoisonError::into_inner);
        let generation = Arc::clone(&settled.generation);
        let segments = opened(&manifest, &settled.segments, &self.room);
        *settled = Arc::new(Settled { generation, manifest, view, segments, frozen: None });
        Ok(())
    }

    /// Puts the index of another generation into effect, whose manifest has just been committed: its segments, and whoever
    /// comes after them hashed anew. Everyone who was within reach is when it returns, and all the time before.
    fn renew(&self) -> Result<(), StoreError> {
        let view = self.reader.index()?.map(Arc::new);
        let manifest = view.as_ref().map_or_else(first_manifest, |view| view.manifest().clone());
        let generation = Arc::new(Generation::of(&self.reader, &manifest));
        let mut young = Young::new(end(&manifest));
        // Most of them before anybody has to wait.
        read_in(&self.reader, &generation, &mut young, self.reader.head().next_sequence)?;
        let mut newest = self.young.write().unwrap_or_else(PoisonError::into_inner);
        read_in(&self.reader, &generation, &mut young, newest.young.until())?;
        let mut settled = self.settled.write().unwrap_or_else(PoisonError::into_inner);
        let segments = opened(&manifest, &[], &self.room);
        *settled =
            Arc::new(Settled { generation: Arc::clone(&generation), manifest, view, segments, frozen: None });
        *newest = Newest { generation, young };
        Ok(())
    }
}

/// Says how far the cache holds the index: what is read and opened again for every search is most of its work then.
fn report_size(manifest: &IndexManifest, cache_bytes: u64) {
    let bytes: u64 = manifest.segments.iter().map(|segment| segment.bytes).sum();
    let (index_mib, cache_mib) = (bytes.div_ceil(1 << 20), cache_bytes >> 20);
    if bytes > cache_bytes {
        info!(
            index_mib,
            cache_mib, "the index is larger than its cache: a larger index.cache_mib makes searches faster"
        );
    } else {
        info!(index_mib, cache_mib, "the cache holds the whole index");
    }
}

/// The postings of a person, and under which key they were made.
pub(crate) struct Hashed {
    generation: Arc<Generation>,
    postings: Vec<Posting>,
}

impl Generation {
    pub(crate) fn of(reader: &Reader, manifest: &IndexManifest) -> Self {
        Self { key: reader.keys().index_key(manifest.epoch) }
    }
}

/// Reads people from their feature rows up to `until`, opening and hashing them on all cores.
pub(crate) fn read_in(
    reader: &Reader,
    generation: &Generation,
    young: &mut Young,
    until: Sequence,
) -> Result<(), StoreError> {
    const ROWS: u64 = 32;
    const CHUNKS: u64 = 16;
    while young.until() < until && !young.is_full() {
        let from = young.until().get();
        let chunks: Vec<Mutex<Result<Vec<Hash>, StoreError>>> =
            (0..CHUNKS).map(|_| Mutex::new(Ok(Vec::new()))).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(chunk) = chunks.get(number) else { break };
                let first = from.saturating_add(ROWS.saturating_mul(number as u64));
                let end = Sequence::new(first.saturating_add(ROWS)).min(until);
                let hashed = hash_rows(reader, generation, Sequence::new(first), end);
                *chunk.lock().unwrap_or_else(PoisonError::into_inner) = hashed;
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(work);
            }
            work();
        });
        for chunk in chunks {
            for (sequence, postings) in chunk.into_inner().unwrap_or_else(PoisonError::into_inner)? {
                while young.until() < sequence && !young.is_full() {
                    young.skip();
                }
                young.push(&postings);
            }
        }
        let end = Sequence::new(from.saturating_add(ROWS * CHUNKS)).min(until);
        while young.until() < end && !young.is_full() {
            young.skip();
        }
    }
    Ok(())
}

type Hash = (Sequence, Vec<Posting>);

/// The postings of everyone from `first` on and before `end`, at most so many as there are sequence numbers.
fn hash_rows(
    reader: &Reader,
    generation: &Generation,
    first: Sequence,
    end: Sequence,
) -> Result<Vec<Hash>, StoreError> {
    let most = usize::try_from(end.get().saturating_sub(first.get())).unwrap_or(0);
    let rows = reader.gallery_since(first, most)?;
    let within = rows.into_iter().take_while(|(sequence, _)| *sequence < end);
    Ok(within.map(|(sequence, row)| (sequence, postings(&generation.key, &row.fingers))).collect())
}

/// The manifest's segments, with what is open of them already.
fn opened(manifest: &IndexManifest, open: &[Arc<OpenSegment>], room: &Arc<Room>) -> Vec<Arc<OpenSegment>> {
    let segments = manifest.segments.iter().enumerate();
    let already = |id| open.iter().find(|segment| segment.id() == id).map(Arc::clone);
    let new = |number, segment| Arc::new(OpenSegment::new(segment, number, room));
    segments.map(|(number, segment)| already(segment.id).unwrap_or_else(|| new(number, segment))).collect()
}

fn cast_young(young: &Young, probe: &Probe, tally: &mut Tally<'_>) {
    let before = offset(young.from());
    for (place, lookup) in probe.lookups().iter().enumerate() {
        young.visit(lookup.bucket, |finger, person| tally.cast(place, finger, before.saturating_add(person)));
    }
}

/// The place of a person among all who ever entered the gallery: sequence numbers begin at 1.
fn offset(sequence: Sequence) -> u32 {
    u32::try_from(sequence.get().saturating_sub(1)).unwrap_or(u32::MAX)
}

/// The manifest of a store without segments.
fn first_manifest() -> IndexManifest {
    IndexManifest { version: VERSION, epoch: 1, next_segment: 1, segments: Vec::new() }
}

/// The first person who is in no segment.
fn end(manifest: &IndexManifest) -> Sequence {
    manifest.until().max(Sequence::new(1))
}

/// The version that this program's own indexes have.
pub(crate) const VERSION: u16 = INDEX_VERSION;
