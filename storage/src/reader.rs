//! Reading a store.

use std::ops::ControlFlow;
use std::sync::Arc;

use plinth_identity::case::Case;
use plinth_identity::gallery::{GalleryEntry, Holder};
use plinth_identity::id::{CaseId, DeploymentId, LogPosition, Nonce, PartyId, RequestId, Sequence};
use plinth_identity::identity_record::IdentityRecord;
use plinth_identity::keys::KeyRing;
use plinth_identity::number::IdentityNumber;
use plinth_identity::party::{Party, PartyKind};

use crate::error::StoreError;
use crate::head::Head;
use crate::open::Shared;
use crate::tables::cases::Cases;
use crate::tables::enrolments::{self, EnrolmentEntry, Enrolments};
use crate::tables::holders::Holders;
use crate::tables::identities::Identities;
use crate::tables::nonces::{NonceUse, Nonces};
use crate::tables::parties::{self, Parties};
use crate::tables::requests::{Requests, StoredAnswer};
use crate::tables::templates::Templates;
use crate::tables::{Table, log};

/// Read access to a store, for any number of threads at once. Clones are cheap and see the same store.
///
/// Each call sees at least every commit that had returned before it began. Calls block on the disk.
#[derive(Clone)]
pub struct Reader {
    pub(crate) shared: Arc<Shared>,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The deployment's keys.
    #[must_use]
    pub fn keys(&self) -> &Arc<KeyRing> {
        self.shared.database.keys()
    }

    /// The deployment that the store was created for.
    #[must_use]
    pub fn deployment(&self) -> DeploymentId {
        self.keys().deployment()
    }

    /// The head of the last durable commit, from memory.
    #[must_use]
    pub fn head(&self) -> Head {
        self.shared.head()
    }

    /// How many people hold a number.
    #[must_use]
    pub fn population(&self) -> u64 {
        self.head().identities
    }

    /// The record of the person who holds a number.
    pub fn identity(&self, number: &IdentityNumber) -> Result<Option<IdentityRecord>, StoreError> {
        self.shared.database.live().row::<Identities>(&self.keys().number_row(number), Some(&number.digits()))
    }

    /// Who stands behind a gallery row.
    pub fn holder(&self, sequence: Sequence) -> Result<Option<Holder>, StoreError> {
        self.row::<Holders>(&sequence.get().to_be_bytes())
    }

    /// The original template records of a gallery row.
    pub fn templates(&self, sequence: Sequence) -> Result<Option<GalleryEntry>, StoreError> {
        self.row::<Templates>(&sequence.get().to_be_bytes())
    }

    /// What a party's request was answered.
    pub fn answer(
        &self,
        kind: PartyKind,
        party: &PartyId,
        request: &RequestId,
    ) -> Result<Option<StoredAnswer>, StoreError> {
        self.row::<Requests>(&self.keys().request_row(kind, party, request))
    }

    /// Which request of a party used a nonce.
    pub fn nonce(
        &self,
        kind: PartyKind,
        party: &PartyId,
        nonce: &Nonce,
    ) -> Result<Option<NonceUse>, StoreError> {
        self.row::<Nonces>(&self.keys().nonce_row(kind, party, nonce))
    }

    /// An agency's own enrolments in the order of the log, after a position (from the first without one), at most
    /// `limit` of them. The position of the last one continues the list.
    pub fn enrolments(
        &self,
        agency: &PartyId,
        after: Option<LogPosition>,
        limit: usize,
    ) -> Result<Vec<(LogPosition, EnrolmentEntry)>, StoreError> {
        let list = self.keys().party_list(PartyKind::Agency, agency);
        let from = after.map_or(0, |position| position.get().saturating_add(1));
        let mut page = Vec::new();
        if limit > 0 {
            let first = enrolments::key(&list, LogPosition::new(from));
            self.shared.database.live().scan_within::<Enrolments>(&list, &first, |key, entry| {
                page.push((enrolments::split(&key)?.1, entry));
                Ok(more(page.len() < limit))
            })?;
        }
        Ok(page)
    }

    /// A party by kind and id.
    pub fn party(&self, kind: PartyKind, id: &PartyId) -> Result<Option<Party>, StoreError> {
        self.row::<Parties>(&parties::key(self.keys(), kind, id))
    }

    /// All parties of a kind, in no telling order. They are few; the server keeps them in memory.
    pub fn parties(&self, kind: PartyKind) -> Result<Vec<Party>, StoreError> {
        let mut all = Vec::new();
        let prefix = [parties::prefix(kind)];
        self.shared.database.live().scan_within::<Parties>(&prefix, &prefix, |_, party| {
            all.push(party);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(all)
    }

    /// An adjudication case.
    pub fn case(&self, id: CaseId) -> Result<Option<Case>, StoreError> {
        self.row::<Cases>(&id.get().to_be_bytes())
    }

    /// Cases in the order in which they were opened, after one (from the first without one), at most `limit` of them.
    pub fn cases(&self, after: Option<CaseId>, limit: usize) -> Result<Vec<Case>, StoreError> {
        let from = after.map_or(0, |id| id.get().saturating_add(1));
        self.rows_from::<Cases, _>(from, limit, |_, case| case)
    }

    /// The log leaf at a position.
    pub fn leaf(&self, position: LogPosition) -> Result<Option<[u8; 32]>, StoreError> {
        let row = self.shared.database.live().bytes(log::NAME, &position.get().to_be_bytes())?;
        row.map(|row| log::decode(&row)).transpose()
    }

    /// Log leaves from a position on (itself included), at most `limit` of them.
    pub fn leaves(
        &self,
        from: LogPosition,
        limit: usize,
    ) -> Result<Vec<(LogPosition, [u8; 32])>, StoreError> {
        let mut leaves = Vec::new();
        self.shared.database.live().walk(log::NAME, &from.get().to_be_bytes(), |key, row| {
            if leaves.len() < limit {
                leaves.push((LogPosition::new(log::position(key)?), log::decode(row)?));
            }
            Ok(more(leaves.len() < limit))
        })?;
        Ok(leaves)
    }

    pub(crate) fn row<T: Table>(&self, key: &T::Key) -> Result<Option<T::Value>, StoreError> {
        self.shared.database.live().row::<T>(key, None)
    }

    pub(crate) fn rows_from<T: Table<Key = [u8; 8]>, R>(
        &self,
        from: u64,
        limit: usize,
        make: impl Fn([u8; 8], T::Value) -> R,
    ) -> Result<Vec<R>, StoreError> {
        let mut rows = Vec::new();
        if limit > 0 {
            self.shared.database.live().scan::<T>(&from.to_be_bytes(), |key, value| {
                rows.push(make(key, value));
                Ok(more(rows.len() < limit))
            })?;
        }
        Ok(rows)
    }
}

fn more(room: bool) -> ControlFlow<()> {
    if room { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}
