//! Plinth's store: typed, sealed RocksDB tables behind one reader and one writer.
//!
//! * [`create`] makes a store, [`open`] opens one and checks it; neither does the other's work.
//! * [`Reader`] may be cloned and shared; every read is a point read or a bounded scan.
//! * [`Writer`] exists once and belongs to the registrar. [`Writer::stage`] gathers one atomic step in a [`Staged`], and
//!   [`Writer::commit`] makes it durable with one fsync. Only a commit makes a [`Committed`] value, so whatever signs
//!   answers can demand one as proof that the decision is on disk.
//!
//! Values are sealed with the deployment's key ring before they reach RocksDB, bound to the table and key they stand
//! under. Row keys are keyed hashes or internal sequence numbers. No RocksDB type, iterator or snapshot leaves this
//! crate, so another engine can stand behind the same face.
//!
//! Nonces, answers and one-time codes end. They stand in a queue by their deadlines, and [`Staged::reclaim`] removes what
//! is due, a little in each step.
//!
//! ```text
//! <store>/PLINTH     format, deployment id and key commitment, in the clear; also the lock of the store
//! <store>/MARK       the last commit known durable, authenticated, kept apart from the write-ahead log
//! <store>/rocksdb/   the tables
//! <store>/building/  files of segments of the index that are being written; removed when the store opens
//! ```

mod attempts;
mod backup;
mod batches;
mod codes;
mod committed;
mod database;
mod error;
mod fields;
mod folder;
mod fsck;
mod gallery;
mod head;
mod history;
mod imports;
mod index;
mod mark;
mod open;
mod options;
mod reader;
mod reclaim;
mod segments;
mod staged;
mod subject;
mod tables;
mod upgrade;
mod virtual_numbers;
mod writer;

pub use backup::{RestoreReport, backup, restore};
pub use batches::LeafBatch;
pub use committed::Committed;
pub use error::{CommitError, StoreError};
pub use fsck::{Check, Counts, Problem, Progress, Report, check};
pub use gallery::OpenedRow;
pub use head::Head;
pub use open::{NonceSource, create, open};
pub use options::StoreOptions;
pub use reader::Reader;
pub use segments::{IndexView, SegmentWriter};
pub use staged::Staged;
pub use subject::SubjectRow;
pub use tables::enrolments::EnrolmentEntry;
pub use tables::findings::Finding;
pub use tables::imports::ImportRow;
pub use tables::manifests::{IndexManifest, Segment};
pub use tables::nonces::NonceUse;
pub use tables::requests::{StatementKind, StoredAnswer};
pub use writer::{CommittedBatch, Writer};
