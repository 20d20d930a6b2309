//! Who may speak to us: every registered party by key and by name, in memory, changed only after the store has changed.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use plinth_identity::dsse::KeyId;
use plinth_identity::id::PartyId;
use plinth_identity::party::{Party, PartyKind};
use plinth_storage::{Reader, StoreError};

/// The registered parties. Reading takes a shared lock for the length of one look-up.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    rolls: RwLock<Rolls>,
}

#[derive(Debug, Default)]
struct Rolls {
    by_key: HashMap<KeyId, Arc<Party>>,
    by_name: HashMap<(PartyKind, PartyId), Arc<Party>>,
}

impl Directory {
    /// Reads every party from the store.
    pub(crate) fn load(reader: &Reader) -> Result<Self, StoreError> {
        let directory = Self::default();
        for kind in [PartyKind::Administrator, PartyKind::Agency, PartyKind::RelyingParty] {
            for party in reader.parties(kind)? {
                directory.record(Arc::new(party));
            }
        }
        Ok(directory)
    }

    /// The party that owns this key, if it is of this kind.
    pub(crate) fn by_key(&self, kind: PartyKind, key: &KeyId) -> Option<Arc<Party>> {
        let rolls = self.rolls.read().unwrap_or_else(PoisonError::into_inner);
        rolls.by_key.get(key).filter(|party| party.kind == kind).cloned()
    }

    /// The party of this name.
    pub(crate) fn by_name(&self, kind: PartyKind, id: &PartyId) -> Option<Arc<Party>> {
        let rolls = self.rolls.read().unwrap_or_else(PoisonError::into_inner);
        rolls.by_name.get(&(kind, id.clone())).cloned()
    }

    /// Whether any party, of whatever kind, owns this key.
    pub(crate) fn key_is_taken(&self, key: &KeyId) -> bool {
        self.rolls.read().unwrap_or_else(PoisonError::into_inner).by_key.contains_key(key)
    }

    /// Takes note of a party that has just been committed.
    pub(crate) fn record(&self, party: Arc<Party>) {
        let mut rolls = self.rolls.write().unwrap_or_else(PoisonError::into_inner);
        rolls.by_key.insert(party.key.key_id(), Arc::clone(&party));
        rolls.by_name.insert((party.kind, party.id.clone()), party);
    }
}
