//! What a check looks at, counts and finds.

use std::collections::BTreeMap;

/// What a check is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Agencies, relying parties and administrators.
    Parties,
    /// The log.
    Log,
    /// Cases.
    Cases,
    /// Holders against records, gallery and cases.
    Holders,
    /// Original records.
    Templates,
    /// Features.
    Features,
    /// The index: its blocks, and everybody's postings.
    Index,
    /// People who have left the gallery.
    Tombstones,
    /// Imports, and what their sweeps have found.
    Imports,
    /// Records against holders.
    Identities,
    /// Stored answers and the agencies' lists.
    Requests,
    /// Used nonces.
    Nonces,
    /// Counters of attempts.
    Attempts,
    /// One-time codes.
    Otps,
    /// Messages that wait to be delivered.
    Outbox,
    /// Virtual numbers.
    VirtualNumbers,
    /// People's own histories.
    History,
    /// Counts of parties' and agencies' days.
    Quotas,
    /// Statements that are signed together.
    Batches,
    /// What is to be reclaimed, and when.
    Expiries,
}

/// How far a check has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being checked.
    pub check: Check,
    /// Rows read so far in this part.
    pub rows: u64,
}

/// How many rows a store holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records of people who hold a number.
    pub identities: u64,
    /// Gallery rows that were ever given, withdrawn ones included.
    pub holders: u64,
    /// People who can be found by their fingers.
    pub gallery: u64,
    /// Entries of the segments that manifests list.
    pub postings: u64,
    /// People who have left and may still stand in a segment.
    pub tombstones: u64,
    /// Imports.
    pub imports: u64,
    /// Duplicates found inside imports.
    pub findings: u64,
    /// Stored answers.
    pub requests: u64,
    /// Entries in the agencies' lists.
    pub enrolments: u64,
    /// Used nonces.
    pub nonces: u64,
    /// Cases, open and decided.
    pub cases: u64,
    /// Cases that wait for a decision.
    pub open_cases: u64,
    /// Agencies, relying parties and administrators.
    pub parties: u64,
    /// Log leaves.
    pub leaves: u64,
    /// Counters of attempts, of people and of pairs of a person and a relying party.
    pub attempts: u64,
    /// One-time codes.
    pub otps: u64,
    /// Messages that wait to be delivered.
    pub outbox: u64,
    /// Virtual numbers, used, expired and revoked ones included.
    pub virtual_numbers: u64,
    /// Entries of people's histories, with one for each number that was asked about and that nobody held.
    pub history: u64,
    /// Counts of parties', agencies', stations' and operators' days.
    pub quotas: u64,
    /// Commits whose statements can be signed together.
    pub batches: u64,
    /// Rows that wait to be reclaimed.
    pub expiries: u64,
}

/// One kind of disagreement. No variant names a person, a number or a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Problem {
    /// The row under a key does not open or cannot be read.
    #[error("{0}: a row does not open or cannot be read")]
    Unreadable(&'static str),
    /// The head counts something else than the table holds.
    #[error("{0}: the head counts otherwise")]
    Count(&'static str),
    /// A number's holder has no record.
    #[error("a holder of a number has no record")]
    HolderWithoutIdentity,
    /// A record belongs to another gallery row than its holder.
    #[error("a record names another gallery row than its holder's")]
    IdentityOfAnotherHolder,
    /// A record that no holder points to.
    #[error("a record has no holder")]
    IdentityWithoutHolder,
    /// Two gallery rows hold one number.
    #[error("one number has two holders")]
    NumberHeldTwice,
    /// A person with a number or a case is not in the gallery.
    #[error("{0}: a living gallery row is missing")]
    GalleryRowMissing(&'static str),
    /// A gallery row of nobody.
    #[error("{0}: a gallery row has no living holder")]
    GalleryRowWithoutHolder(&'static str),
    /// A row has a number beyond those that were given.
    #[error("{0}: a row has a number that was never given")]
    NeverGiven(&'static str),
    /// Somebody of a segment's range is not found through all of their features, or through somebody else's.
    #[error("a person's postings are not those of their features")]
    PostingsDiffer,
    /// A segment names somebody who is not in the gallery and has no tombstone.
    #[error("a posting comes from no features")]
    PostingWithoutFeatures,
    /// A segment has not the blocks, postings or bytes that its manifest says.
    #[error("a segment's counts are not those of its blocks")]
    SegmentCounts,
    /// Somebody in the gallery has a tombstone, so no search sees them.
    #[error("somebody in the gallery has a tombstone")]
    TombstoneOfLiving,
    /// A finding of no import.
    #[error("a finding belongs to no import")]
    FindingWithoutImport,
    /// A pending holder whose case is missing, decided, or another person's.
    #[error("a pending person has no open case")]
    PendingWithoutCase,
    /// An open case whose applicant is not pending for it.
    #[error("an open case has no pending applicant")]
    CaseWithoutPending,
    /// A listed enrolment has no stored answer, or its list belongs to no known agency.
    #[error("a listed enrolment has no stored answer")]
    EnrolmentWithoutAnswer,
    /// More enrolments were answered than the agencies' lists name.
    #[error("a stored enrolment answer is in no agency's list")]
    AnswerWithoutEnrolment,
    /// A log position has no leaf.
    #[error("the log has a hole")]
    LogHole,
    /// The leaves of statements that are signed together are not those that were committed.
    #[error("the log's leaves are not those of a batch")]
    BatchAltered,
    /// A person's record names a virtual number that has no row.
    #[error("a person's virtual number has no row")]
    VirtualNumberMissing,
    /// A person's record names a virtual number whose row names somebody else.
    #[error("a person's virtual number belongs to somebody else")]
    VirtualNumberOfAnother,
    /// A nonce, a one-time code, a batch, or an answer that is not an enrolment's, that would stay for ever.
    #[error("{0}: a row would never be reclaimed")]
    NeverReclaimed(&'static str),
    /// A row that waits to be reclaimed although everything of its age has been: reclaiming looks for it no more.
    #[error("a row was left behind by reclaiming")]
    LeftBehind,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How many rows there are.
    pub counts: Counts,
    /// What disagrees, and how often. Empty for a sound store.
    pub problems: BTreeMap<Problem, u64>,
}

impl Report {
    /// Whether everything agrees.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}
