//! Copies of a store, and stores made from copies.
//!
//! A backup has the layout of a store, so restoring is copying and checking. Where the backup folder is on the same
//! file system, table files, which never change, are linked and not copied: move the backup to another machine before
//! calling it one.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use plinth_identity::id::DeploymentId;
use plinth_identity::keys::{KeyRing, RootKey};

use crate::database::Database;
use crate::error::StoreError;
use crate::folder::{self, Description, Folder};
use crate::head::Head;
use crate::mark;
use crate::open::checked_head;
use crate::options::{Opening, StoreOptions};
use crate::reader::Reader;
use crate::tables::{self, log};
use crate::upgrade;

/// What was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoreReport {
    /// The deployment that the store belongs to.
    pub deployment: DeploymentId,
    /// Where the restored store stands. Commits after it, and the answers given on them, are not in the backup.
    pub head: Head,
    /// Log leaves found, which is all that the head counts.
    pub leaves: u64,
}

/// Writes a consistent copy of a store that is open, also while it serves, into an empty or new folder.
///
/// The copy holds at least every commit that had returned when the call began, and is on disk when it returns. The
/// description is written last, so an interrupted backup cannot be taken for a whole one.
///
/// # Errors
/// [`StoreError::NotEmpty`], [`StoreError::Io`], [`StoreError::Engine`].
pub fn backup(reader: &Reader, destination: &Path) -> Result<Head, StoreError> {
    let folder = Folder::empty(destination)?;
    // Taken before the copy, so the mark never witnesses a commit that the copy lacks.
    let head = reader.head();
    reader.shared.database.copy_to(&folder.tables())?;
    mark::write(&folder, reader.keys(), head.commits)?;
    folder.describe(&Description {
        format: folder::FORMAT,
        deployment: reader.deployment(),
        commitment: reader.keys().commitment(),
    })?;
    Ok(head)
}

/// Makes a store from a backup in an empty or new folder, and checks it. A backup of an older format becomes a store of
/// the newest.
///
/// Checked are the commitment to the root key, the high-water mark, every byte of every table against its checksum,
/// that the log is dense and ends where the head says. [`crate::check`] checks the rows against each other. The
/// description is written last, so what did not pass cannot be served.
///
/// # Errors
/// As [`crate::open`], and [`StoreError::NotEmpty`].
pub fn restore(backup: &Path, destination: &Path, root: &RootKey) -> Result<RestoreReport, StoreError> {
    let source = Folder::new(backup);
    let description = source.description()?;
    let keys = Arc::new(KeyRing::derive(root, description.deployment));
    if keys.commitment() != description.commitment {
        return Err(StoreError::WrongRootKey);
    }
    let mark = mark::read(&source, &keys)?;
    let folder = Folder::empty(destination)?;
    source.copy_tables(&folder)?;
    let (head, leaves) = {
        let opening = upgrade::opening(&description);
        let mut database =
            Database::open(&folder.tables(), &StoreOptions::default(), Arc::clone(&keys), opening)?;
        if let Opening::Upgrade { from } = opening {
            upgrade::fill(&mut database, from)?;
        }
        (checked_head(&database.live(), mark)?, checked_tables(&database)?)
    };
    if leaves != head.last_log_position().get() {
        return Err(StoreError::corrupt(log::NAME, "the log has holes"));
    }
    mark::write(&folder, &keys, head.commits)?;
    let deployment = description.deployment;
    folder.describe(&upgrade::described(&description))?;
    Ok(RestoreReport { deployment, head, leaves })
}

/// Reads every row of every table, whose checksums RocksDB then verifies, and counts the leaves of a dense log.
fn checked_tables(database: &Database) -> Result<u64, StoreError> {
    let view = database.frozen();
    for table in tables::families() {
        view.walk(table, &[], |_, _| Ok(ControlFlow::Continue(())))?;
    }
    let mut leaves: u64 = 0;
    view.walk(log::NAME, &[], |key, row| {
        log::decode(row)?;
        leaves += 1;
        if log::position(key)? == leaves {
            Ok(ControlFlow::Continue(()))
        } else {
            Err(StoreError::corrupt(log::NAME, "the log has holes"))
        }
    })?;
    Ok(leaves)
}
