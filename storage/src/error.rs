//! What can go wrong with a store, and what to do next.

use std::borrow::Cow;
use std::io;

/// Why a store could not be created, opened or read.
///
/// No variant carries a row's key or content, so every one of them may be logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The folder holds no store. `serve` never creates one.
    #[error(
        "this folder holds no store: create one with `plinth init`, or give the folder that `init` was given"
    )]
    NotInitialised,
    /// The folder to create a store in already holds something.
    #[error("this folder is not empty: a store is created in a new or an empty folder only")]
    NotEmpty,
    /// The folder was written by another version of Plinth.
    #[error(
        "this store has format {found}, and this program reads formats up to {supported}: use the matching program"
    )]
    OtherVersion {
        /// The format that the folder names.
        found: u32,
        /// The newest format that this program reads.
        supported: u32,
    },
    /// The root key is not the one that the store was created with.
    #[error(
        "the root key is not this store's: give the root key that was written when this store was created"
    )]
    WrongRootKey,
    /// Another server, or another command, has the store open.
    #[error("another process has this store open: stop it first, or ask it over the admin listener")]
    InUse,
    /// Commits that were durable, and may have been answered, are missing.
    #[error(
        "acknowledged commits are missing: the store ends at commit {found}, and commit {mark} was durable; \
         do not serve from it, restore a backup or find the missing log files"
    )]
    BehindMark {
        /// The last commit that was known durable.
        mark: u64,
        /// The last commit that the tables hold.
        found: u64,
    },
    /// Bytes on disk are not what was written.
    #[error("{place} is damaged ({problem}): do not serve from this store, restore a backup")]
    Corrupt {
        /// The table or file.
        place: &'static str,
        /// What is wrong with it, without content.
        problem: Cow<'static, str>,
    },
    /// The segment of the index is listed by a manifest, is being written, or has blocks already.
    #[error(
        "segment {segment} of the index is in use: this is a mistake of the program, and nothing was changed"
    )]
    SegmentTaken {
        /// The segment.
        segment: u32,
    },
    /// The operating system refused a file operation.
    #[error("{place}: {kind}")]
    Io {
        /// The file or folder.
        place: &'static str,
        /// The operating system's reason.
        kind: io::ErrorKind,
    },
    /// The storage engine refused an operation.
    #[error("{place}: the storage engine failed: {detail}")]
    Engine {
        /// The table, or the operation.
        place: &'static str,
        /// The engine's own words. The engine redacts row content from them.
        detail: String,
    },
}

impl StoreError {
    /// A stable name for logs and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotInitialised => "NOT_INITIALISED",
            Self::NotEmpty => "NOT_EMPTY",
            Self::OtherVersion { .. } => "OTHER_VERSION",
            Self::WrongRootKey => "WRONG_ROOT_KEY",
            Self::InUse => "IN_USE",
            Self::BehindMark { .. } => "BEHIND_MARK",
            Self::Corrupt { .. } => "CORRUPT",
            Self::SegmentTaken { .. } => "SEGMENT_TAKEN",
            Self::Io { .. } => "IO",
            Self::Engine { .. } => "ENGINE",
        }
    }

    /// Whether the same call may succeed later without anybody repairing anything.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::InUse => true,
            Self::NotInitialised
            | Self::NotEmpty
            | Self::OtherVersion { .. }
            | Self::WrongRootKey
            | Self::BehindMark { .. }
            | Self::Corrupt { .. }
            | Self::SegmentTaken { .. }
            | Self::Io { .. }
            | Self::Engine { .. } => false,
        }
    }

    pub(crate) fn corrupt(place: &'static str, problem: impl Into<Cow<'static, str>>) -> Self {
        Self::Corrupt { place, problem: problem.into() }
    }

    pub(crate) fn io(place: &'static str) -> impl Fn(io::Error) -> Self {
        move |error| Self::Io { place, kind: error.kind() }
    }
}

/// Why a commit did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A row that the step was decided on has changed since it was read. Nothing was written: decide again.
    #[error("a row in {table} has changed since the step was decided")]
    Conflict {
        /// The table of the first changed row.
        table: &'static str,
    },
    /// The write failed. It is unknown whether it reached the disk, and the writer takes no further commit: a second
    /// fsync after a failed one can report success for data that the kernel has already dropped. Stop serving, and
    /// recover through [`crate::open`]. The reason is that of the first failure, now and for every later commit.
    #[error("the store takes no more writes: {0}")]
    Failed(StoreError),
}
