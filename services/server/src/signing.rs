//! Signing what is durable: a statement alone, or below the root of everything that its commit decided.
//!
//! Signatures are deterministic (RFC 8032), and the leaves below a root are kept in their order, so an answer that is
//! signed again is the same answer byte for byte, in either form.

use std::sync::{Arc, OnceLock};

use plinth_identity::batch::{BatchRoot, BatchSigned, SignatureForm};
use plinth_identity::dsse::{Envelope, payload_type};
use plinth_identity::id::LogPosition;
use plinth_identity::keys::KeyRing;
use plinth_proto::convert::authentication::authentication_position;
use plinth_proto::convert::batch::encode_batch_root;
use plinth_storage::{Committed, LeafBatch, Reader};

use crate::metrics::Metrics;
use crate::refusal::Refusal;
use crate::registrar::Answer;

/// A decision that is on disk.
pub(crate) struct Durable {
    answer: Committed<Answer>,
    /// Where it was logged, if it was decided just now, and what else was in its commit.
    leaf: Option<(LogPosition, Arc<Together>)>,
}

impl Durable {
    pub(crate) fn new(answer: Committed<Answer>, leaf: Option<(LogPosition, Arc<Together>)>) -> Self {
        Self { answer, leaf }
    }

    /// Signs it alone.
    pub(crate) fn sign(self, keys: &KeyRing) -> Envelope {
        sign_again(keys, self.answer.into_inner())
    }

    /// Signs it in the form that was asked for.
    pub(crate) fn sign_as(self, form: SignatureForm, reader: &Reader) -> Result<SignedAnswer, Refusal> {
        let answer = self.answer.into_inner();
        match (form, self.leaf) {
            (SignatureForm::Individual, _) => Ok(SignedAnswer::Alone(sign_again(reader.keys(), answer))),
            (SignatureForm::Batch, Some((position, together))) => {
                Ok(SignedAnswer::below(answer, position, together, reader.keys()))
            }
            (SignatureForm::Batch, None) => sign_again_as(form, answer, reader),
        }
    }
}

/// The statements of one commit, which share a root. The root is signed when the first of them needs it.
pub(crate) struct Together {
    batch: Committed<LeafBatch>,
    root: OnceLock<Envelope>,
}

impl Together {
    pub(crate) fn new(batch: Committed<LeafBatch>) -> Arc<Self> {
        Arc::new(Self { batch, root: OnceLock::new() })
    }

    /// The signed root.
    pub(crate) fn root(&self, keys: &KeyRing, metrics: &Metrics) -> &Envelope {
        self.root.get_or_init(|| {
            metrics.root_signed();
            let LeafBatch { first, tree } = self.batch.get();
            let root = BatchRoot {
                issuer: keys.deployment(),
                key_epoch: keys.epoch(),
                first_position: *first,
                // A commit has at most 16,384 decisions.
                tree_size: u32::try_from(tree.size()).unwrap_or(u32::MAX),
                root_hash: tree.root(),
            };
            keys.statement_key().sign(payload_type::BATCH_ROOT, encode_batch_root(&root))
        })
    }
}

/// A signed answer.
pub(crate) enum SignedAnswer {
    /// With a signature of its own.
    Alone(Envelope),
    /// Below a root.
    Below(Leaf),
}

/// An answer below a root.
pub(crate) struct Leaf {
    pub(crate) answer: Answer,
    pub(crate) leaf_index: u32,
    pub(crate) path: Vec<[u8; 32]>,
    pub(crate) together: Arc<Together>,
}

impl SignedAnswer {
    fn below(answer: Answer, position: LogPosition, together: Arc<Together>, keys: &KeyRing) -> Self {
        let batch = together.batch.get();
        let index = batch.leaf_index(position);
        match index.and_then(|index| Some((index, batch.tree.path(index.into())?))) {
            Some((leaf_index, path)) => Self::Below(Leaf { answer, leaf_index, path, together }),
            // No commit leaves one of its own positions out; if it did, the other form proves as much.
            None => Self::Alone(sign_again(keys, answer)),
        }
    }
}

impl Leaf {
    /// The answer with all that proves it.
    pub(crate) fn whole(self, keys: &KeyRing, metrics: &Metrics) -> BatchSigned {
        BatchSigned {
            payload_type: self.answer.kind.payload_type().to_owned(),
            payload: self.answer.payload,
            root: self.together.root(keys, metrics).clone(),
            leaf_index: self.leaf_index,
            path: self.path,
        }
    }
}

/// Signs an answer that was read back from the store.
pub(crate) fn sign_again(keys: &KeyRing, answer: Answer) -> Envelope {
    keys.statement_key().sign(answer.kind.payload_type(), answer.payload)
}

/// The same in the form that is asked for, if it can be had: an answer that was only ever signed alone has no root.
pub(crate) fn sign_again_as(
    form: SignatureForm,
    answer: Answer,
    reader: &Reader,
) -> Result<SignedAnswer, Refusal> {
    if form == SignatureForm::Batch
        && let Some(position) = authentication_position(&answer.payload)
        && let Some(batch) = reader.leaf_batch(position)?
    {
        return Ok(SignedAnswer::below(answer, position, Together::new(batch), reader.keys()));
    }
    Ok(SignedAnswer::Alone(sign_again(reader.keys(), answer)))
}
