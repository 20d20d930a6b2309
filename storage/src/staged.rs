//! One atomic step, being put together.

use std::collections::BTreeMap;
use std::sync::Arc;

use plinth_identity::attempts::DayCounts;
use plinth_identity::case::Case;
use plinth_identity::gallery::{FeatureRow, GalleryEntry, Holder};
use plinth_identity::id::{CaseId, LogPosition, Nonce, PartyId, RequestId, Sequence};
use plinth_identity::identity_record::IdentityRecord;
use plinth_identity::number::IdentityNumber;
use plinth_identity::party::{Party, PartyKind};
use plinth_identity::time::Timestamp;

use crate::database::{Rows, View, place};
use crate::error::StoreError;
use crate::head::Head;
use crate::open::Shared;
use crate::tables::cases::Cases;
use crate::tables::enrolments::{self, EnrolmentEntry, Enrolments};
use crate::tables::features::Features;
use crate::tables::holders::Holders;
use crate::tables::identities::Identities;
use crate::tables::meta::Meta;
use crate::tables::nonces::{NonceUse, Nonces};
use crate::tables::parties::{self, Parties};
use crate::tables::requests::{Requests, StoredAnswer};
use crate::tables::templates::Templates;
use crate::tables::tombstones::Tombstones;
use crate::tables::{Table, log};

/// What a row must still be when the step is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    Absent,
    /// The row as it was read. A row sealed again has a fresh nonce, so equal bytes mean an unchanged row.
    Unchanged(Vec<u8>),
}

/// An atomic step: rows to write, and what must still be true when they are written.
///
/// Reads see the step's own rows first and the store below them, and every row read from the store becomes a condition:
/// [`crate::Writer::commit`] writes the step only if none of them has changed since. Puts cannot fail; nothing reaches
/// the store before the commit, and dropping the step forgets it.
pub struct Staged {
    pub(crate) shared: Arc<Shared>,
    /// The store's head when staging began.
    base: Head,
    /// The head that the commit will write.
    pub(crate) head: Head,
    /// The time of the step. It goes into the head with whatever else is written, and is alone no reason to write.
    pub(crate) latest: Option<Timestamp>,
    pub(crate) rows: Rows,
    /// Counts of relying parties' days, which change with every decision of theirs: sealed once, when the step is closed.
    pub(crate) days: BTreeMap<[u8; 16], DayCounts>,
    /// The leaves that this step appends to the log, in order.
    pub(crate) leaves: Vec<[u8; 32]>,
    /// Until when the leaves can be signed under one root, if they are to be.
    pub(crate) together: Option<Timestamp>,
    conditions: BTreeMap<(&'static str, Vec<u8>), Condition>,
    /// Rows that must be absent although nobody looked.
    unseen: Vec<(&'static str, Vec<u8>)>,
}

/// A staged step taken apart for writing.
pub(crate) struct Step {
    pub(crate) base: Head,
    pub(crate) head: Head,
    pub(crate) latest: Option<Timestamp>,
    pub(crate) rows: Rows,
    pub(crate) conditions: BTreeMap<(&'static str, Vec<u8>), Condition>,
    pub(crate) unseen: Vec<(&'static str, Vec<u8>)>,
}

impl Staged {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let base = shared.head();
        Self {
            shared,
            base,
            head: base,
            latest: None,
            rows: Rows::new(),
            days: BTreeMap::new(),
            leaves: Vec::new(),
            together: None,
            conditions: BTreeMap::new(),
            unseen: Vec::new(),
        }
    }

    pub(crate) fn belongs_to(&self, shared: &Arc<Shared>) -> bool {
        Arc::ptr_eq(&self.shared, shared)
    }

    pub(crate) fn into_step(mut self) -> Step {
        self.seal_days();
        let Self { base, head, latest, rows, conditions, unseen, .. } = self;
        Step { base, head, latest, rows, conditions, unseen }
    }

    /// Whether committing would write nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.days.is_empty() && self.head == self.base
    }

    /// The head as this step leaves it, but for the number of commits.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head.at(self.latest)
    }

    /// Tells the store the time of this step, which the head keeps as the latest if it is. A step that writes nothing
    /// still writes nothing.
    pub fn set_latest(&mut self, now: Timestamp) {
        self.latest = self.latest.max(Some(now));
    }

    /// Accepts that it is now earlier than the newest commit says: an operator's decision after a clock that was ahead has
    /// been set right. Commits go on from `now`, and every request that was issued before the head's new floor, a minute
    /// after `now`, is to be refused, since its nonce may be gone.
    ///
    /// What stations with the same wrong clock signed for a moment that is still to come is not told by this.
    pub fn accept_time(&mut self, now: Timestamp) {
        const A_MINUTE_MS: u64 = 60_000;
        self.head.latest = now;
        self.head.reclaimed = now;
        self.head.floor = now.plus_millis(A_MINUTE_MS);
    }

    /// Whether somebody holds the number.
    pub fn identity_exists(&mut self, number: &IdentityNumber) -> Result<bool, StoreError> {
        let key = self.shared.database.keys().number_row(number);
        Ok(self.sealed(Identities::NAME, &key)?.is_some())
    }

    /// The record of the person who holds a number.
    pub fn identity(&mut self, number: &IdentityNumber) -> Result<Option<IdentityRecord>, StoreError> {
        let key = self.shared.database.keys().number_row(number);
        self.row::<Identities>(&key, Some(&number.digits()))
    }

    /// Who stands behind a gallery row.
    pub fn holder(&mut self, sequence: Sequence) -> Result<Option<Holder>, StoreError> {
        self.row::<Holders>(&sequence.get().to_be_bytes(), None)
    }

    /// What a party's request was answered.
    pub fn answer(
        &mut self,
        kind: PartyKind,
        party: &PartyId,
        request: &RequestId,
    ) -> Result<Option<StoredAnswer>, StoreError> {
        let key = self.shared.database.keys().request_row(kind, party, request);
        self.row::<Requests>(&key, None)
    }

    /// Which request of a party used a nonce.
    pub fn nonce(
        &mut self,
        kind: PartyKind,
        party: &PartyId,
        nonce: &Nonce,
    ) -> Result<Option<NonceUse>, StoreError> {
        let key = self.shared.database.keys().nonce_row(kind, party, nonce);
        self.row::<Nonces>(&key, None)
    }

    /// An adjudication case.
    pub fn case(&mut self, id: CaseId) -> Result<Option<Case>, StoreError> {
        self.row::<Cases>(&id.get().to_be_bytes(), None)
    }

    /// A party by kind and id.
    pub fn party(&mut self, kind: PartyKind, id: &PartyId) -> Result<Option<Party>, StoreError> {
        let key = parties::key(self.shared.database.keys(), kind, id);
        self.row::<Parties>(&key, None)
    }

    /// Takes the next sequence number of the gallery.
    pub fn next_sequence(&mut self) -> Sequence {
        let taken = self.head.next_sequence;
        self.head.next_sequence = Sequence::new(taken.get().saturating_add(1));
        taken
    }

    /// Takes the next case number.
    pub fn next_case(&mut self) -> CaseId {
        let taken = self.head.next_case;
        self.head.next_case = CaseId::new(taken.get().saturating_add(1));
        taken
    }

    /// The position that the next appended leaf will get. Takes nothing: a statement must name its position before its
    /// leaf can be computed, and a statement that is then not appended leaves no hole.
    #[must_use]
    pub fn next_log_position(&self) -> LogPosition {
        self.head.next_log_position
    }

    /// Appends a leaf to the log, at [`Staged::next_log_position`].
    pub fn append_leaf(&mut self, leaf: &[u8; 32]) -> LogPosition {
        let position = self.head.next_log_position;
        self.head.next_log_position = LogPosition::new(position.get().saturating_add(1));
        self.rows
            .insert((log::NAME, position.get().to_be_bytes().to_vec()), Some(log::encode(leaf).to_vec()));
        self.leaves.push(*leaf);
        position
    }

    /// The position of the first leaf that this step appends.
    pub(crate) fn first_leaf(&self) -> LogPosition {
        self.base.next_log_position
    }

    /// Gives a number to a new person. The commit is a conflict if somebody holds the number already.
    pub fn put_identity(&mut self, number: &IdentityNumber, record: &IdentityRecord) {
        let key = self.shared.database.keys().number_row(number);
        self.unseen.push((Identities::NAME, key.to_vec()));
        self.head.identities = self.head.identities.saturating_add(1);
        self.put::<Identities>(&key, Some(&number.digits()), record);
    }

    /// Replaces the record of a person who holds the number already.
    pub fn replace_identity(&mut self, number: &IdentityNumber, record: &IdentityRecord) {
        let key = self.shared.database.keys().number_row(number);
        self.put::<Identities>(&key, Some(&number.digits()), record);
    }

    /// Adds a person to the gallery: original records and features. The commit is a conflict if the person is in the gallery
    /// already, or has left it: a sequence number is given once.
    pub fn put_gallery(&mut self, sequence: Sequence, originals: &GalleryEntry, features: &FeatureRow) {
        let key = sequence.get().to_be_bytes();
        for table in [Features::NAME, Tombstones::NAME] {
            if !self.rows.contains_key(&(table, key.to_vec())) {
                self.unseen.push((table, key.to_vec()));
            }
        }
        self.put::<Templates>(&key, None, originals);
        self.put_features(&key, features);
        self.head.gallery = self.head.gallery.saturating_add(1);
    }

    /// Takes a person who is in the gallery out of it, and puts a tombstone in their place, which keeps searches from what
    /// the index still says of them.
    pub fn remove_gallery(&mut self, sequence: Sequence) {
        let key = sequence.get().to_be_bytes().to_vec();
        self.rows.insert((Templates::NAME, key.clone()), None);
        self.rows.insert((Features::NAME, key), None);
        self.put_tombstone(sequence);
        self.head.gallery = self.head.gallery.saturating_sub(1);
    }

    /// Says who stands behind a gallery row.
    pub fn put_holder(&mut self, sequence: Sequence, holder: &Holder) {
        self.put::<Holders>(&sequence.get().to_be_bytes(), None, holder);
    }

    /// Keeps the answer to a request.
    pub fn put_answer(
        &mut self,
        kind: PartyKind,
        party: &PartyId,
        request: &RequestId,
        answer: &StoredAnswer,
    ) {
        let key = self.shared.database.keys().request_row(kind, party, request);
        self.put::<Requests>(&key, None, answer);
    }

    /// Keeps the use of a nonce.
    pub fn put_nonce(&mut self, kind: PartyKind, party: &PartyId, nonce: &Nonce, row: &NonceUse) {
        let key = self.shared.database.keys().nonce_row(kind, party, nonce);
        self.put::<Nonces>(&key, None, row);
    }

    /// Adds an enrolment to its agency's list, at the log position of its statement.
    pub fn put_enrolment(&mut self, agency: &PartyId, position: LogPosition, entry: &EnrolmentEntry) {
        let list = self.shared.database.keys().party_list(PartyKind::Agency, agency);
        self.put::<Enrolments>(&enrolments::key(&list, position), None, entry);
    }

    /// Keeps a case, new or changed.
    pub fn put_case(&mut self, case: &Case) {
        self.put::<Cases>(&case.id.get().to_be_bytes(), None, case);
    }

    /// Keeps a party, new or changed.
    pub fn put_party(&mut self, party: &Party) {
        let key = parties::key(self.shared.database.keys(), party.kind, &party.id);
        self.put::<Parties>(&key, None, party);
    }

    pub(crate) fn put<T: Table>(&mut self, key: &T::Key, secret: Option<&[u8]>, value: &T::Value) {
        let sealed = self.shared.database.seal::<T>(key, secret, value, self.shared.nonce());
        self.rows.insert((T::NAME, key.as_ref().to_vec()), Some(sealed));
    }

    /// Puts a row of features.
    pub(crate) fn put_features(&mut self, key: &[u8; 8], features: &FeatureRow) {
        let place = place::<Features>(key, None);
        let sealed = self.shared.database.keys().seal(&place, &features.encode(), self.shared.nonce());
        self.rows.insert((Features::NAME, key.to_vec()), Some(sealed));
    }

    pub(crate) fn row<T: Table>(
        &mut self,
        key: &T::Key,
        secret: Option<&[u8]>,
    ) -> Result<Option<T::Value>, StoreError> {
        let Some(sealed) = self.sealed(T::NAME, key.as_ref())? else {
            return Ok(None);
        };
        self.shared.database.unseal::<T>(key, secret, &sealed).map(Some)
    }

    /// The row as this step sees it. The first look at a row of the store is remembered as a condition.
    pub(crate) fn sealed(&mut self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let place = (table, key.to_vec());
        if let Some(staged) = self.rows.get(&place) {
            return Ok(staged.clone());
        }
        let found = self.shared.database.live().bytes(table, key)?;
        let seen = found.clone().map_or(Condition::Absent, Condition::Unchanged);
        self.conditions.entry(place).or_insert(seen);
        Ok(found)
    }
}

impl Step {
    /// The table of the first row that is no longer what the step was decided on.
    pub(crate) fn conflict(
        &self,
        view: &View<'_>,
        current: &Head,
    ) -> Result<Option<&'static str>, StoreError> {
        for (table, key) in &self.unseen {
            if view.bytes(table, key)?.is_some() {
                return Ok(Some(table));
            }
        }
        // Only the writer changes rows, so without a commit since staging began every row is as it was read.
        if current.commits == self.base.commits {
            return Ok(None);
        }
        // A step that took numbers or counted people did so from a head that has moved.
        if self.base != self.head {
            return Ok(Some(Meta::NAME));
        }
        for ((table, key), condition) in &self.conditions {
            let now = view.bytes(table, key)?.map_or(Condition::Absent, Condition::Unchanged);
            if now != *condition {
                return Ok(Some(table));
            }
        }
        Ok(None)
    }
}
