//! The high-water mark: an independent witness of how far the store had come.
//!
//! RocksDB opens without complaint when its newest log file is gone. The mark, a file of its own, holds the number of a
//! commit that was durable, so that such a store is refused instead of served. It is sealed under the key ring: whoever
//! can write the folder but lacks the root key cannot lower it. Somebody who puts a whole older folder back is not
//! noticed by it; that takes a witness elsewhere.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use plinth_identity::keys::{KeyRing, Place};

use crate::error::StoreError;
use crate::fields::{FieldReader, FieldWriter};
use crate::folder::Folder;

const NAME: &str = "MARK";
const FORMAT: u8 = 1;
const PLACE: Place<'static> = Place { table: "mark", key: b"mark", version: 1, secret: None };

/// Writes the mark, durable on return.
pub(crate) fn write(folder: &Folder, keys: &KeyRing, commits: u64) -> Result<(), StoreError> {
    // The nonce is the content, so one nonce never seals two contents.
    let mut nonce = [0; 24];
    nonce[..8].copy_from_slice(&commits.to_be_bytes());
    folder.put(NAME, &keys.seal(&PLACE, &FieldWriter::new(FORMAT).number(commits).finish(), nonce))
}

/// Reads the mark. A store without one is refused: deleting it must not disarm it.
pub(crate) fn read(folder: &Folder, keys: &KeyRing) -> Result<u64, StoreError> {
    let sealed = folder.get(NAME)?.ok_or_else(|| StoreError::corrupt(NAME, "the file is missing"))?;
    let plaintext =
        keys.open(&PLACE, &sealed).map_err(|_| StoreError::corrupt(NAME, "the file does not open"))?;
    let damaged = |field| StoreError::corrupt(NAME, field);
    let mut fields = FieldReader::new(&plaintext, FORMAT).map_err(damaged)?;
    let commits = fields.number("commits").map_err(damaged)?;
    fields.finish().map_err(damaged)?;
    Ok(commits)
}

/// Keeps the mark close behind the commits on a thread of its own, so that no commit waits for a second file.
///
/// Dropping it writes the last mark and joins the thread.
pub(crate) struct MarkKeeper {
    wanted: Arc<Wanted>,
    thread: Option<JoinHandle<()>>,
}

struct Wanted {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// The last durable commit.
    commits: u64,
    /// Whether the keeper sleeps until there is a commit. While it gathers, it need not be woken for every one.
    idle: bool,
    closing: bool,
}

impl MarkKeeper {
    /// Starts from a mark that is on disk.
    pub(crate) fn start(
        folder: Folder,
        keys: Arc<KeyRing>,
        commits: u64,
        interval: Duration,
    ) -> Result<Self, StoreError> {
        let wanted = Arc::new(Wanted {
            state: Mutex::new(State { commits, idle: false, closing: false }),
            changed: Condvar::new(),
        });
        let theirs = Arc::clone(&wanted);
        let thread = thread::Builder::new()
            .name("plinth-mark".to_owned())
            .spawn(move || keep(&folder, &keys, &theirs, commits, interval))
            .map_err(StoreError::io(NAME))?;
        Ok(Self { wanted, thread: Some(thread) })
    }

    /// Tells the keeper of a commit that is durable.
    pub(crate) fn advance(&self, commits: u64) {
        let mut state = self.wanted.lock();
        state.commits = commits;
        if std::mem::take(&mut state.idle) {
            self.wanted.changed.notify_one();
        }
    }
}

impl Drop for MarkKeeper {
    fn drop(&mut self) {
        self.wanted.lock().closing = true;
        self.wanted.changed.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that keeps the high-water mark has panicked");
        }
    }
}

impl Wanted {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Two plain values: a panic elsewhere cannot leave them half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep(folder: &Folder, keys: &KeyRing, wanted: &Wanted, mut written: u64, interval: Duration) {
    loop {
        let waiting = |state: &mut State| {
            state.idle = state.commits == written && !state.closing;
            state.idle
        };
        let woken = wanted.changed.wait_while(wanted.lock(), waiting).unwrap_or_else(PoisonError::into_inner);
        // Gather the commits of one interval; closing cuts it short.
        let (state, _) = wanted
            .changed
            .wait_timeout_while(woken, interval, |state| !state.closing)
            .unwrap_or_else(PoisonError::into_inner);
        let (commits, closing) = (state.commits, state.closing);
        drop(state);
        if commits != written {
            match write(folder, keys, commits) {
                Ok(()) => written = commits,
                // Every attempt is a new file, so the next one is not a repeated fsync of pages already dropped. Until
                // one succeeds the old mark stands, which is safe: it witnesses less, never more.
                Err(error) => {
                    tracing::error!(code = error.code(), %error, "the high-water mark was not written")
                }
            }
        }
        if closing {
            return;
        }
    }
}
