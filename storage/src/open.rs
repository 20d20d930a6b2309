//! Creating a store, and opening one after checking it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use plinth_identity::id::DeploymentId;
use plinth_identity::keys::{KeyRing, RootKey};

use crate::database::{Database, Rows, View};
use crate::error::StoreError;
use crate::folder::{self, Description, Folder};
use crate::head::Head;
use crate::mark::{self, MarkKeeper};
use crate::options::{self, Opening, StoreOptions};
use crate::reader::Reader;
use crate::segments::{self, Pins};
use crate::tables::{Table, log, meta};
use crate::upgrade;
use crate::writer::Writer;

/// Where the nonces of sealed rows come from: each call must give 24 fresh bytes of a cryptographic generator.
pub type NonceSource = Box<dyn FnMut() -> [u8; 24] + Send>;

/// Creates an empty store in a folder that is empty or does not exist yet.
///
/// The description is written last, so an interrupted creation leaves a folder that [`open`] calls not initialised.
///
/// # Errors
/// [`StoreError::NotEmpty`] if the folder holds anything; [`StoreError::Io`] and [`StoreError::Engine`] from below.
pub fn create(path: &Path, root: &RootKey, deployment: DeploymentId) -> Result<(), StoreError> {
    let folder = Folder::empty(path)?;
    let keys = Arc::new(KeyRing::derive(root, deployment));
    let database =
        Database::open(&folder.tables(), &StoreOptions::default(), Arc::clone(&keys), Opening::Create)?;
    // The first head is the same whenever it is written under these keys, so its fixed nonce seals one content only.
    let head = database.seal::<meta::Meta>(&meta::HEAD, None, &Head::genesis(), [0; 24]);
    let rows = Rows::from([((meta::Meta::NAME, meta::HEAD.to_vec()), Some(head))]);
    database.write(&rows)?;
    drop(database);
    mark::write(&folder, &keys, Head::genesis().commits)?;
    folder.describe(&Description { format: folder::FORMAT, deployment, commitment: keys.commitment() })
}

/// Opens a store and checks it, creating nothing but the tables that a store of an older format lacks.
///
/// Checked are the format, the lock, the commitment to the root key, that the tables hold every commit that the
/// high-water mark witnesses, and that the log ends where the head says. The store stays locked until the writer and
/// every clone of the reader are dropped. What an interrupted build of the index has left is removed.
///
/// A store of an older format is brought to the newest on the way (its new tables are made empty, and its nonces and answers are
/// entered for reclaiming), after which the older program refuses it as of another version.
///
/// # Errors
/// Every variant of [`StoreError`] but `NotEmpty`; each says what to do next.
pub fn open(
    path: &Path,
    root: &RootKey,
    options: &StoreOptions,
    nonces: NonceSource,
) -> Result<(Reader, Writer), StoreError> {
    let folder = Folder::new(path);
    let description = folder.description()?;
    let lock = folder.lock()?;
    let keys = Arc::new(KeyRing::derive(root, description.deployment));
    if keys.commitment() != description.commitment {
        return Err(StoreError::WrongRootKey);
    }
    let mark = mark::read(&folder, &keys)?;
    let opening = upgrade::opening(&description);
    let mut database = Database::open(&folder.tables(), options, Arc::clone(&keys), opening)?;
    let head = checked_head(&database.live(), mark)?;
    let lock = match opening {
        Opening::Upgrade { from } => {
            upgrade::fill(&mut database, from)?;
            folder.describe_again(&upgrade::described(&description))?
        }
        Opening::Create | Opening::Existing => lock,
    };
    segments::remove_remains(&database, &folder.building())?;
    let building = folder.building();
    let keeper = MarkKeeper::start(folder, keys, mark, options.mark_interval)?;
    // The mark may have lagged behind a crash; what was found now is what must be found from now on.
    keeper.advance(head.commits);
    let shared = Arc::new(Shared {
        block_file: options::block_file(),
        database,
        building,
        pins: Pins::default(),
        head: RwLock::new(head),
        nonces: Mutex::new(nonces),
        _lock: lock,
    });
    Ok((Reader::new(Arc::clone(&shared)), Writer::new(shared, keeper)))
}

/// The head, if it agrees with the mark and the log.
pub(crate) fn checked_head(view: &View<'_>, mark: u64) -> Result<Head, StoreError> {
    let head = view
        .row::<meta::Meta>(&meta::HEAD, None)?
        .ok_or_else(|| StoreError::corrupt(meta::Meta::NAME, "the head row is missing"))?;
    if head.commits < mark {
        return Err(StoreError::BehindMark { mark, found: head.commits });
    }
    let last = head.last_log_position().get();
    let last_leaf = view.bytes(log::NAME, &last.to_be_bytes())?;
    let beyond = view.bytes(log::NAME, &head.next_log_position.get().to_be_bytes())?;
    match (last, last_leaf, beyond) {
        (0, None, None) => Ok(head),
        (1.., Some(leaf), None) => log::decode(&leaf).map(|_| head),
        _ => Err(StoreError::corrupt(log::NAME, "the log does not end where the head says")),
    }
}

/// What reader, writer and staged steps share.
pub(crate) struct Shared {
    pub(crate) database: Database,
    /// How files of blocks are laid out.
    pub(crate) block_file: rocksdb::Options,
    /// Folder of unfinished files of blocks.
    pub(crate) building: PathBuf,
    /// Segments in use that no manifest may list.
    pub(crate) pins: Pins,
    /// The head of the last durable commit. The rows that it counts are readable before it moves.
    head: RwLock<Head>,
    nonces: Mutex<NonceSource>,
    /// Dropped after the database, so that the next owner finds it closed.
    _lock: File,
}

impl Shared {
    pub(crate) fn head(&self) -> Head {
        *self.head.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn advance(&self, head: Head) {
        *self.head.write().unwrap_or_else(PoisonError::into_inner) = head;
    }

    pub(crate) fn nonce(&self) -> [u8; 24] {
        let mut nonces: MutexGuard<'_, NonceSource> =
            self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        nonces()
    }
}
