//! What belongs to the index besides its segments: manifests, and the people who have left.

use plinth_identity::id::Sequence;

use crate::error::StoreError;
use crate::reader::Reader;
use crate::staged::Staged;
use crate::tables::Table;
use crate::tables::manifests::{self, IndexManifest, Manifests};
use crate::tables::tombstones::Tombstones;

impl Reader {
    /// People who have left the gallery and may still stand in a segment, ascending, from a person on (themselves
    /// included), at most `limit` of them.
    pub fn tombstones(&self, from: Sequence, limit: usize) -> Result<Vec<Sequence>, StoreError> {
        self.rows_from::<Tombstones, _>(from.get(), limit, |key, ()| Sequence::new(u64::from_be_bytes(key)))
    }
}

impl Staged {
    /// Makes a manifest the one that searches use. The commit is the switch: every segment that it lists must be finished.
    pub fn put_index_manifest(&mut self, manifest: &IndexManifest) {
        self.put::<Manifests>(&manifests::SERVING, None, manifest);
    }

    /// Keeps how far an index has been built that will replace the serving one. Its segments must be finished.
    pub fn put_building_manifest(&mut self, manifest: &IndexManifest) {
        self.put::<Manifests>(&manifests::BUILDING, None, manifest);
    }

    /// Forgets the index that was being built, because it serves now or is given up. Its segments go with the next sweep
    /// unless the serving manifest lists them.
    pub fn remove_building_manifest(&mut self) {
        self.rows.insert((Manifests::NAME, manifests::BUILDING.to_vec()), None);
    }

    /// Keeps searches from a person who has left the gallery.
    pub(crate) fn put_tombstone(&mut self, sequence: Sequence) {
        self.put::<Tombstones>(&sequence.get().to_be_bytes(), None, &());
    }

    /// Forgets that a person has left: to be staged with the manifest of segments that were built without them. Only
    /// tombstones that were read before those segments' people were read may go; a person who left later is still in them.
    pub fn clear_tombstone(&mut self, sequence: Sequence) {
        self.rows.insert((Tombstones::NAME, sequence.get().to_be_bytes().to_vec()), None);
    }
}
