//! What a decision is, and what it can see and do while the committer gathers a batch.

use std::sync::{Arc, PoisonError, RwLock};

use plinth_identity::attempts::AttemptPolicy;
use plinth_identity::batch::SignatureForm;
use plinth_identity::dsse::KeyId;
use plinth_identity::id::{CaseId, Nonce, PartyId, RequestDigest, RequestId, Sequence};
use plinth_identity::number::IdentityNumber;
use plinth_identity::party::{Party, PartyKind};
use plinth_identity::policy::DeduplicationPolicy;
use plinth_identity::reason::Reason;
use plinth_identity::statement::{StatementHeader, leaf_hash};
use plinth_identity::time::Timestamp;
use plinth_storage::{Reader, Staged, StatementKind};
use rand::Rng;
use rand::rngs::StdRng;

use crate::config::{EnrolmentQuotas, RelyingPartyDefaults};
use crate::core::Core;
use crate::directory::Directory;
use crate::index::{Arrival, Hashed, Index};
use crate::metrics::Metrics;
use crate::recent::{Features, Recent};
use crate::refusal::Refusal;
use crate::touched::Touched;

/// A statement's exact bytes and their type: what is stored, signed and sent.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) kind: StatementKind,
    pub(crate) payload: Vec<u8>,
}

/// What makes a request the request it is: who asked, under which id and nonce, with which bytes, good until when.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) kind: PartyKind,
    pub(crate) party: PartyId,
    pub(crate) request_id: RequestId,
    pub(crate) nonce: Nonce,
    pub(crate) digest: RequestDigest,
    pub(crate) not_after: Timestamp,
    /// The last moment at which it may still be decided for the first time.
    pub(crate) deadline: Timestamp,
    /// How the answer is to be signed.
    pub(crate) form: SignatureForm,
}

/// A decision that wants to be made, with all the work done that needs no agreement.
pub(crate) trait Proposal: Send {
    /// Whether so many people have entered the gallery since this was prepared that the committer should not be the one
    /// to compare with them.
    fn overtaken(&self, _recent: &RwLock<Recent>) -> bool {
        false
    }

    /// Whether the record that this was judged by has changed since.
    fn stale(&self, _touched: &Touched) -> bool {
        false
    }

    /// Brings an overtaken or stale proposal up to date, outside the committer.
    fn catch_up(self: Box<Self>, core: &Core) -> Result<Box<dyn Proposal>, Refusal>;

    /// Decides and stages. A refusal must come before anything is staged, so that it leaves nothing behind.
    fn decide(self: Box<Self>, sitting: &mut Sitting<'_>) -> Result<Decided, Refusal>;
}

/// A staged decision.
pub(crate) struct Decided {
    /// The statement that answers the request.
    pub(crate) answer: Answer,
    /// The adjudication case that may change the outcome later.
    pub(crate) case: Option<CaseId>,
}

/// What a decision can see and do while the committer gathers a batch.
pub(crate) struct Sitting<'a> {
    pub(crate) staged: &'a mut Staged,
    pub(crate) recent: &'a RwLock<Recent>,
    pub(crate) reader: &'a Reader,
    pub(crate) index: &'a Index,
    pub(crate) directory: &'a Directory,
    pub(crate) metrics: &'a Metrics,
    pub(crate) policy: &'a DeduplicationPolicy,
    pub(crate) rules: &'a Rules,
    pub(crate) rng: &'a mut StdRng,
    pub(crate) now: Timestamp,
    /// The request that is being decided.
    pub(crate) ask: Ask,
    pub(super) changes: &'a mut Vec<Arc<Party>>,
    pub(super) touched: &'a mut Touched,
    pub(super) arrivals: &'a mut Vec<Arrival>,
}

/// What limits those who ask.
pub(crate) struct Rules {
    pub(crate) attempts: AttemptPolicy,
    pub(crate) duplicates: EnrolmentQuotas,
    pub(crate) relying_parties: RelyingPartyDefaults,
}

impl Sitting<'_> {
    /// The header of the next statement about `request`. Each one must be followed by one [`Sitting::log`].
    pub(crate) fn header(&mut self, request: RequestDigest) -> StatementHeader {
        let keys = self.reader.keys();
        let mut log_salt = [0; 16];
        self.rng.fill_bytes(&mut log_salt);
        StatementHeader {
            issuer: keys.deployment(),
            request,
            decided_at: self.now,
            key_epoch: keys.epoch(),
            log_position: self.staged.next_log_position(),
            log_salt,
        }
    }

    /// Appends the statement's leaf to the log.
    pub(crate) fn log(&mut self, answer: &Answer) {
        self.staged.append_leaf(&leaf_hash(answer.kind.payload_type(), &answer.payload));
    }

    /// Lets later decisions, of this batch too, find a person who has just entered the gallery.
    pub(crate) fn arrive(&mut self, sequence: Sequence, fingers: Features, hashed: Option<Hashed>) {
        let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
        recent.push(sequence, Arc::clone(&fingers));
        drop(recent);
        self.arrivals.push(Arrival { sequence, fingers, hashed });
    }

    /// A party as it is now, with what this batch has changed about it.
    pub(crate) fn party(&self, kind: PartyKind, id: &PartyId) -> Result<Arc<Party>, Refusal> {
        let changed = self.changes.iter().rev().find(|party| party.kind == kind && party.id == *id).cloned();
        Ok(changed.or_else(|| self.directory.by_name(kind, id)).ok_or(Reason::UnknownParty)?)
    }

    /// Whether a party, registered before or earlier in this batch, owns this key.
    pub(crate) fn key_is_taken(&self, key: &KeyId) -> bool {
        self.directory.key_is_taken(key) || self.changes.iter().any(|party| party.key.key_id() == *key)
    }

    /// Makes known that a person's record changes with this commit.
    pub(crate) fn touch(&mut self, person: [u8; 16]) {
        let commit = self.reader.head().commits.saturating_add(1);
        self.touched.touch(person, commit);
    }

    /// Puts a party's new record into the directory once it is durable, before the change is answered.
    pub(crate) fn publish(&mut self, party: Party) {
        self.changes.push(Arc::new(party));
    }
}

/// Draws a number that no one holds. At 1.4 billion people one draw in 57 is taken; 64 in a row never are.
pub(crate) fn draw_number(sitting: &mut Sitting<'_>) -> Result<IdentityNumber, Refusal> {
    for _ in 0..64 {
        let number = IdentityNumber::draw(sitting.rng);
        if !sitting.staged.identity_exists(&number)? {
            return Ok(number);
        }
    }
    Err(Refusal::of(Reason::NumberSpaceExhausted))
}
