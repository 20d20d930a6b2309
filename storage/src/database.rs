//! RocksDB behind typed, sealing reads and one atomic durable write.

mod blocks;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use plinth_identity::keys::{KeyRing, Place};
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{ColumnFamily, DB, DBRawIterator, ErrorKind, Snapshot, WriteBatch};
use zeroize::Zeroizing;

use crate::error::StoreError;
use crate::options::{self, Opening, StoreOptions};
use crate::tables::{self, Table};

pub(crate) use blocks::BlockFile;

/// Rows of one atomic step: table and key to the new bytes, or to nothing for a deleted row.
pub(crate) type Rows = BTreeMap<(&'static str, Vec<u8>), Option<Vec<u8>>>;

/// Rows that one read of many holds in memory as they are on disk. The longest are features, about 26 KB.
const ROWS_AT_ONCE: usize = 64;

/// An open database and the keys of its rows.
pub(crate) struct Database {
    engine: DB,
    keys: Arc<KeyRing>,
}

impl Database {
    /// Opens the database in a folder.
    pub(crate) fn open(
        folder: &Path,
        options: &StoreOptions,
        keys: Arc<KeyRing>,
        opening: Opening,
    ) -> Result<Self, StoreError> {
        let database = options::database(options, opening);
        if let Opening::Upgrade { from } = opening {
            // The tables that are about to be made must not include one that has vanished.
            let present = DB::list_cf(&database, folder).map_err(|error| failed("open", &error))?;
            if tables::families_of(from).any(|name| !present.iter().any(|found| found == name)) {
                return Err(StoreError::corrupt("rocksdb", "a table is missing"));
            }
        }
        let engine = DB::open_cf_descriptors(&database, folder, options::families(options, opening))
            .map_err(|error| failed("open", &error))?;
        if tables::families().any(|name| engine.cf_handle(name).is_none()) {
            return Err(StoreError::corrupt("rocksdb", "a table is missing"));
        }
        Ok(Self { engine, keys })
    }

    /// Drops a table that this format has no more. Nothing happens if it is not there.
    pub(crate) fn drop_table(&mut self, table: &'static str) -> Result<(), StoreError> {
        match self.engine.cf_handle(table) {
            None => Ok(()),
            Some(_) => self.engine.drop_cf(table).map_err(|error| failed(table, &error)),
        }
    }

    pub(crate) fn keys(&self) -> &Arc<KeyRing> {
        &self.keys
    }

    /// Reads whatever is committed at the moment of each read.
    pub(crate) fn live(&self) -> View<'_> {
        View { database: self, snapshot: None }
    }

    /// Reads everything as of now, whatever is committed meanwhile.
    pub(crate) fn frozen(&self) -> View<'_> {
        View { database: self, snapshot: Some(self.engine.snapshot()) }
    }

    /// Writes all rows or none, and returns when they are on disk.
    pub(crate) fn write(&self, rows: &Rows) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        for ((table, key), value) in rows {
            let family = self.family(table)?;
            match value {
                Some(value) => batch.put_cf(family, key, value),
                None => batch.delete_cf(family, key),
            }
        }
        self.engine.write_opt(batch, &options::durable_write()).map_err(|error| failed("commit", &error))
    }

    /// Writes a consistent copy of the database into a folder that does not exist yet.
    pub(crate) fn copy_to(&self, folder: &Path) -> Result<(), StoreError> {
        Checkpoint::new(&self.engine)
            .and_then(|checkpoint| checkpoint.create_checkpoint(folder))
            .map_err(|error| failed("backup", &error))
    }

    /// Seals a row for its place.
    pub(crate) fn seal<T: Table>(
        &self,
        key: &T::Key,
        secret: Option<&[u8]>,
        value: &T::Value,
        nonce: [u8; 24],
    ) -> Vec<u8> {
        self.keys.seal(&place::<T>(key, secret), &T::encode(value), nonce)
    }

    /// Opens a row that stood at a place.
    pub(crate) fn unseal<T: Table>(
        &self,
        key: &T::Key,
        secret: Option<&[u8]>,
        sealed: &[u8],
    ) -> Result<T::Value, StoreError> {
        let plaintext = self.plaintext::<T>(key, secret, sealed)?;
        T::decode(&plaintext).map_err(|problem| StoreError::corrupt(T::NAME, problem))
    }

    /// Opens a row that stood at a place, and leaves it unread.
    pub(crate) fn plaintext<T: Table>(
        &self,
        key: &T::Key,
        secret: Option<&[u8]>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        self.keys.open(&place::<T>(key, secret), sealed).map_err(|_| {
            StoreError::corrupt(T::NAME, "a row does not open: altered, moved, or sealed by other keys")
        })
    }

    /// Visits the plaintexts of the rows of many keys, which must ascend, each with its key's place in `keys`. Keys without
    /// a row are passed over.
    pub(crate) fn rows_at<T: Table>(
        &self,
        keys: &[T::Key],
        mut visit: impl FnMut(usize, Zeroizing<Vec<u8>>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let family = self.family(T::NAME)?;
        let read = options::bulk_read();
        for (chunk, some) in keys.chunks(ROWS_AT_ONCE).enumerate() {
            // Bytes of the keys in place, without a copy.
            let bytes: Vec<&[u8]> = some.iter().map(AsRef::as_ref).collect();
            let found = self.engine.batched_multi_get_cf_opt(family, bytes, true, &read);
            for (at, (key, row)) in some.iter().zip(found).enumerate() {
                if let Some(sealed) = row.map_err(|error| failed(T::NAME, &error))? {
                    visit(chunk * ROWS_AT_ONCE + at, self.plaintext::<T>(key, None, &sealed)?)?;
                }
            }
        }
        Ok(())
    }

    fn family(&self, table: &'static str) -> Result<&ColumnFamily, StoreError> {
        self.engine.cf_handle(table).ok_or_else(|| StoreError::corrupt(table, "the table is missing"))
    }
}

pub(crate) fn place<'a, T: Table>(key: &'a T::Key, secret: Option<&'a [u8]>) -> Place<'a> {
    Place { table: T::NAME, key: key.as_ref(), version: T::VERSION, secret }
}

/// A way to look at the tables.
pub(crate) struct View<'a> {
    database: &'a Database,
    snapshot: Option<Snapshot<'a>>,
}

impl View<'_> {
    /// The bytes of a row as they are on disk.
    pub(crate) fn bytes(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let family = self.database.family(table)?;
        match &self.snapshot {
            None => self.database.engine.get_cf(family, key),
            Some(snapshot) => snapshot.get_cf(family, key),
        }
        .map_err(|error| failed(table, &error))
    }

    /// The bytes of a row as they are on disk, found by the same work whether it is there or not: the search ends at the
    /// row or at its neighbour, and that is fetched, to be kept as long as the row would be.
    /// No filter cuts it short, as it may for [`View::bytes`].
    pub(crate) fn bytes_or_neighbour(&self, table: &'static str, key: &[u8]) -> Result<Fetched, StoreError> {
        let (mut found, mut neighbour) = (None, None);
        self.walk(table, key, |at, value| {
            // Both are copied into memory of their own, so that a neighbour costs what the row does.
            *(if at == key { &mut found } else { &mut neighbour }) = Some(value.to_vec());
            Ok(ControlFlow::Break(()))
        })?;
        Ok(Fetched { row: found, neighbour })
    }

    /// A sealed row. Rows of one person's attributes open with that person's secret only.
    pub(crate) fn row<T: Table>(
        &self,
        key: &T::Key,
        secret: Option<&[u8]>,
    ) -> Result<Option<T::Value>, StoreError> {
        self.bytes(T::NAME, key.as_ref())?
            .map(|sealed| self.database.unseal::<T>(key, secret, &sealed))
            .transpose()
    }

    /// Opens a row, and leaves it unread.
    pub(crate) fn plaintext<T: Table>(
        &self,
        key: &T::Key,
        secret: Option<&[u8]>,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let sealed = self.bytes(T::NAME, key.as_ref())?;
        sealed.map(|sealed| self.database.plaintext::<T>(key, secret, &sealed)).transpose()
    }

    /// Visits rows in key order from a key on, until the visitor breaks or the table ends.
    pub(crate) fn walk(
        &self,
        table: &'static str,
        from: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let mut rows = self.rows(table)?;
        rows.seek(from);
        while let Some((key, value)) = rows.item() {
            if visit(key, value)?.is_break() {
                return Ok(());
            }
            rows.next();
        }
        // An iterator also stops when it meets damage; that is not the end of the table.
        rows.status().map_err(|error| failed(table, &error))
    }

    /// Visits rows in descending key order from a key on, until the visitor breaks or the table ends.
    pub(crate) fn walk_back(
        &self,
        table: &'static str,
        from: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let mut rows = self.rows(table)?;
        rows.seek_for_prev(from);
        while let Some((key, value)) = rows.item() {
            if visit(key, value)?.is_break() {
                return Ok(());
            }
            rows.prev();
        }
        rows.status().map_err(|error| failed(table, &error))
    }

    fn rows(&self, table: &'static str) -> Result<DBRawIterator<'_>, StoreError> {
        let family = self.database.family(table)?;
        // Only a full check freezes a view, and it walks everything.
        Ok(match &self.snapshot {
            None => self.database.engine.raw_iterator_cf(family),
            Some(snapshot) => snapshot.raw_iterator_cf_opt(family, options::whole_read()),
        })
    }

    /// Visits opened rows in key order, like [`View::walk`].
    pub(crate) fn scan<T: Table>(
        &self,
        from: &[u8],
        visit: impl FnMut(T::Key, T::Value) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        self.scan_within::<T>(&[], from, visit)
    }

    /// Visits opened rows whose keys begin with a prefix, in key order, from a key on.
    pub(crate) fn scan_within<T: Table>(
        &self,
        prefix: &[u8],
        from: &[u8],
        mut visit: impl FnMut(T::Key, T::Value) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        self.walk(T::NAME, from, |key, sealed| {
            if !key.starts_with(prefix) {
                return Ok(ControlFlow::Break(()));
            }
            let key = typed_key::<T>(key)?;
            visit(key, self.database.unseal::<T>(&key, None, sealed)?)
        })
    }
}

/// What stood at a place: the row, or its neighbour.
pub(crate) struct Fetched {
    pub(crate) row: Option<Vec<u8>>,
    pub(crate) neighbour: Option<Vec<u8>>,
}

/// The fixed-size key of a row read from disk.
pub(crate) fn typed_key<T: Table>(key: &[u8]) -> Result<T::Key, StoreError> {
    T::Key::try_from(key).map_err(|_| StoreError::corrupt(T::NAME, "a key has another length"))
}

fn failed(place: &'static str, error: &rocksdb::Error) -> StoreError {
    match error.kind() {
        ErrorKind::Corruption => StoreError::corrupt(place, error.to_string()),
        ErrorKind::NotFound
        | ErrorKind::NotSupported
        | ErrorKind::InvalidArgument
        | ErrorKind::IOError
        | ErrorKind::MergeInProgress
        | ErrorKind::Incomplete
        | ErrorKind::ShutdownInProgress
        | ErrorKind::TimedOut
        | ErrorKind::Aborted
        | ErrorKind::Busy
        | ErrorKind::Expired
        | ErrorKind::TryAgain
        | ErrorKind::CompactionTooLarge
        | ErrorKind::ColumnFamilyDropped
        | ErrorKind::Unknown => StoreError::Engine { place, detail: error.to_string() },
    }
}
