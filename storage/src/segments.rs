//! Segments of the index: read by searches, written once beside the tables, and gone when nobody lists or reads them.
//!
//! The commit of a manifest is the only switch. Before it, the blocks of a new segment are in the table and nobody knows
//! of them; after it, those of the segments that it replaced are. Both are swept: blocks that no manifest lists, that no
//! search reads and that nobody is about to list. A crash at any moment leaves at most such blocks and unfinished files,
//! and opening the store removes both.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use crate::database::{BlockFile, Database, View};
use crate::error::StoreError;
use crate::folder::BUILDING;
use crate::open::Shared;
use crate::reader::Reader;
use crate::tables::manifests::{self, IndexManifest, Manifests};
use crate::tables::segments;

/// Bytes of blocks in one file. The engine finds a block by its file's list of blocks, which is about 1.5 MB for this much
/// and is kept in memory while the file is open.
const FILE_BYTES: u64 = 256 << 20;

/// Which segments are in use though no manifest may list them.
#[derive(Default)]
pub(crate) struct Pins(Mutex<Pinned>);

#[derive(Default)]
struct Pinned {
    /// Segments that views hold, with the number of views.
    read: BTreeMap<u32, u32>,
    /// Segments that are being written, or were and have not been seen in a manifest yet.
    written: BTreeSet<u32>,
}

impl Pins {
    fn lock(&self) -> MutexGuard<'_, Pinned> {
        // Every change is one insertion or removal: a panic elsewhere cannot leave them half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The index as of one manifest. Its segments stay until the view is dropped, whatever is listed meanwhile.
pub struct IndexView {
    shared: Arc<Shared>,
    manifest: IndexManifest,
}

impl Reader {
    /// The manifest that searches use; nothing before the first segment was listed.
    pub fn index_manifest(&self) -> Result<Option<IndexManifest>, StoreError> {
        self.row::<Manifests>(&manifests::SERVING)
    }

    /// The manifest of an index that is being built to replace the serving one.
    pub fn building_manifest(&self) -> Result<Option<IndexManifest>, StoreError> {
        self.row::<Manifests>(&manifests::BUILDING)
    }

    /// The serving index, to be read from; nothing before the first segment was listed. Costs one row.
    pub fn index(&self) -> Result<Option<IndexView>, StoreError> {
        self.view_of(manifests::SERVING)
    }

    /// The index that is being built, to be read from.
    pub fn building_index(&self) -> Result<Option<IndexView>, StoreError> {
        self.view_of(manifests::BUILDING)
    }

    /// Everything as of now, and every index of this moment with its segments pinned.
    pub(crate) fn frozen(&self) -> Result<(View<'_>, Vec<IndexView>), StoreError> {
        // Under the lock, so that what the view's manifests list cannot be swept before it is pinned.
        let mut pinned = self.shared.pins.lock();
        let view = self.shared.database.frozen();
        let mut indices = Vec::new();
        for which in [manifests::SERVING, manifests::BUILDING] {
            if let Some(manifest) = view.row::<Manifests>(&which, None)? {
                indices.push(self.pin(&mut pinned, manifest));
            }
        }
        drop(pinned);
        Ok((view, indices))
    }

    fn pin(&self, pinned: &mut Pinned, manifest: IndexManifest) -> IndexView {
        for segment in &manifest.segments {
            pinned.written.remove(&segment.id);
            *pinned.read.entry(segment.id).or_default() += 1;
        }
        IndexView { shared: Arc::clone(&self.shared), manifest }
    }

    fn view_of(&self, which: [u8; 1]) -> Result<Option<IndexView>, StoreError> {
        // The manifest is read under the lock: a sweep sees either the pins or a manifest that still lists the segments.
        let mut pinned = self.shared.pins.lock();
        Ok(self.row::<Manifests>(&which)?.map(|manifest| self.pin(&mut pinned, manifest)))
    }

    /// Begins a new segment, under an id that was never used before. This right to write is narrow: nothing that it
    /// writes is seen before a commit lists the segment.
    ///
    /// # Errors
    /// [`StoreError::SegmentTaken`] if the id is listed, being written, or has blocks.
    pub fn segment_writer(&self, id: u32) -> Result<SegmentWriter<'_>, StoreError> {
        let mut pinned = self.shared.pins.lock();
        let taken = self.listed()?.contains(&id)
            || pinned.read.contains_key(&id)
            || pinned.written.contains(&id)
            || self.shared.database.segments_present()?.contains(&id);
        if taken {
            return Err(StoreError::SegmentTaken { segment: id });
        }
        fs::create_dir_all(&self.shared.building).map_err(StoreError::io(BUILDING))?;
        pinned.written.insert(id);
        let shared = &self.shared;
        Ok(SegmentWriter { shared, id, file: None, paths: Vec::new(), next: 0, bytes: 0, finished: false })
    }

    /// Gives up a segment: one that a commit has replaced, or one that was finished and will not be listed. Its blocks are
    /// deleted now, or by a later sweep if a view still holds it.
    ///
    /// # Errors
    /// [`StoreError::SegmentTaken`] if a manifest lists it.
    pub fn drop_segment(&self, id: u32) -> Result<(), StoreError> {
        {
            let mut pinned = self.shared.pins.lock();
            if self.listed()?.contains(&id) {
                return Err(StoreError::SegmentTaken { segment: id });
            }
            pinned.written.remove(&id);
        }
        self.sweep_segments()
    }

    /// Deletes the blocks of every segment that no manifest lists, no view holds and nobody is about to list. Their space
    /// is free on return.
    pub fn sweep_segments(&self) -> Result<(), StoreError> {
        let unused: Vec<u32> = {
            let pinned = self.shared.pins.lock();
            let listed = self.listed()?;
            let used =
                |id: &u32| listed.contains(id) || pinned.read.contains_key(id) || pinned.written.contains(id);
            self.shared.database.segments_present()?.into_iter().filter(|id| !used(id)).collect()
        };
        // Nobody can come to use them now: a view lists them never again, and their ids are never given again.
        unused.into_iter().try_for_each(|id| self.shared.database.delete_segment(id))
    }

    /// The ids that either manifest lists.
    fn listed(&self) -> Result<BTreeSet<u32>, StoreError> {
        listed(&self.shared.database)
    }
}

fn listed(database: &Database) -> Result<BTreeSet<u32>, StoreError> {
    let mut ids = BTreeSet::new();
    for which in [manifests::SERVING, manifests::BUILDING] {
        let manifest = database.live().row::<Manifests>(&which, None)?.unwrap_or_default();
        ids.extend(manifest.segments.iter().map(|segment| segment.id));
    }
    Ok(ids)
}

/// Removes what an interrupted build has left: unfinished files, and blocks that no manifest lists.
pub(crate) fn remove_remains(database: &Database, building: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(building) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(StoreError::io(BUILDING)(error)),
    }
    let listed = listed(database)?;
    let mut remains = database.segments_present()?.into_iter().filter(|id| !listed.contains(id));
    remains.try_for_each(|id| database.delete_segment(id))
}

impl IndexView {
    /// What the index consists of.
    #[must_use]
    pub fn manifest(&self) -> &IndexManifest {
        &self.manifest
    }

    /// Opens blocks of a segment and visits each with its place in `numbers`, which must ascend and differ. What
    /// `visit` finds wrong with a block ends the reading as damage. Blocks, a listed one of any number below
    /// `Segment::blocks`, take about 4 microseconds each (4 KiB, in the system's page cache).
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] naming the table for a block that is missing, does not open, or is refused by `visit`, and
    /// for a segment that this index does not list.
    pub fn blocks(
        &self,
        segment: u32,
        numbers: &[u32],
        visit: impl FnMut(usize, Zeroizing<Vec<u8>>) -> Result<(), &'static str>,
    ) -> Result<(), StoreError> {
        if self.manifest.segments.iter().all(|one| one.id != segment) {
            return Err(StoreError::corrupt(
                segments::NAME,
                "a segment is read that its index does not list",
            ));
        }
        self.shared.database.blocks(segment, numbers, visit)
    }
}

impl Drop for IndexView {
    fn drop(&mut self) {
        let mut pinned = self.shared.pins.lock();
        for segment in &self.manifest.segments {
            if let Some(views) = pinned.read.get_mut(&segment.id) {
                *views -= 1;
                if *views == 0 {
                    pinned.read.remove(&segment.id);
                }
            }
        }
    }
}

/// Writes the blocks of one new segment, in the order of their numbers.
///
/// Dropped before [`SegmentWriter::finish`], it leaves nothing. What is finished has to be listed by a commit, or given up
/// by [`Reader::drop_segment`].
pub struct SegmentWriter<'a> {
    shared: &'a Shared,
    id: u32,
    file: Option<BlockFile<'a>>,
    /// Every file of the segment, the open one last.
    paths: Vec<PathBuf>,
    /// The lowest number that the next block may have.
    next: u32,
    /// Sealed blocks and their keys.
    bytes: u64,
    finished: bool,
}

impl SegmentWriter<'_> {
    /// Seals a block and writes it. Numbers must ascend; the index expects them to begin with 0 and leave none out.
    ///
    /// # Errors
    /// [`StoreError::Io`] and [`StoreError::Engine`]; the segment cannot be finished then.
    pub fn put(&mut self, block: u32, plaintext: &[u8]) -> Result<(), StoreError> {
        if block < self.next {
            let detail = "blocks must be written in the order of their numbers".to_owned();
            return Err(StoreError::Engine { place: segments::NAME, detail });
        }
        self.next = block.saturating_add(1);
        let key = segments::key(self.id, block);
        let sealed = self.shared.database.keys().seal(&segments::place(&key), plaintext, self.shared.nonce());
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.new_file()?,
        };
        file.put(&key, &sealed)?;
        self.bytes += (key.len() + sealed.len()) as u64;
        if file.size() < FILE_BYTES {
            self.file = Some(file);
            return Ok(());
        }
        file.finish()
    }

    /// Puts the segment into the table, durable on return, and says how many bytes its sealed blocks and their keys have.
    /// Nobody sees it before a commit lists it.
    ///
    /// # Errors
    /// [`StoreError::Io`] and [`StoreError::Engine`]; nothing is left of the segment then.
    pub fn finish(mut self) -> Result<u64, StoreError> {
        if let Some(file) = self.file.take() {
            file.finish()?;
        }
        for path in &self.paths {
            warm(path).map_err(StoreError::io(BUILDING))?;
        }
        if !self.paths.is_empty() {
            self.shared.database.take_in(&self.paths)?;
        }
        self.finished = true;
        Ok(self.bytes)
    }
}

/// Reads a file once. The engine has the system drop the pages of a file that it has written; a search that found none of
/// a new segment's blocks in memory would wait for the disk at every one of them.
fn warm(path: &Path) -> io::Result<()> {
    io::copy(&mut File::open(path)?, &mut io::sink()).map(drop)
}

impl<'a> SegmentWriter<'a> {
    fn new_file(&mut self) -> Result<BlockFile<'a>, StoreError> {
        let path = self.shared.building.join(format!("{}-{}.sst", self.id, self.paths.len()));
        self.paths.push(path.clone());
        Database::block_file(&self.shared.block_file, &path)
    }
}

impl Drop for SegmentWriter<'_> {
    fn drop(&mut self) {
        // Closed first, so that nothing writes to a file that is gone.
        self.file = None;
        for path in &self.paths {
            // Files that were taken in are gone from here already; what cannot be removed now goes when the store opens.
            drop(fs::remove_file(path));
        }
        if !self.finished {
            self.shared.pins.lock().written.remove(&self.id);
        }
    }
}
