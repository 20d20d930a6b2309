//! Many messages under one signature: the root of a Merkle tree is signed, and each message is a leaf below it.
//!
//! A leaf is the hash of what a signature of the message's own would cover ([`leaf_hash`]). So what is proved of a message
//! is the same in both forms, and its log leaf serves for both.

use crate::dsse::{Envelope, Verified};
use crate::id::{DeploymentId, LogPosition, PartyId};
use crate::merkle::{Tree, is_below};
use crate::statement::leaf_hash;

/// Requests that one signature may cover at most.
pub const MAX_REQUESTS: usize = 256;

/// How an answer is to be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignatureForm {
    /// The statement has a signature of its own.
    #[default]
    Individual,
    /// The statement is below a signed root.
    Batch,
}

/// Why a message is not proved by a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The message is of another type than the one expected here.
    #[error("the payload type is not the one expected here")]
    PayloadType,
    /// The path does not lead from the message to the root.
    #[error("the message is not below this root")]
    NotBelow,
}

/// A message, the signed root above it, and the path between them. Nothing in it can be trusted before
/// [`BatchRoot::proves`], and its root not before [`Envelope::verify`].
#[derive(Clone, PartialEq, Eq)]
pub struct BatchSigned {
    /// The claimed type of the message.
    pub payload_type: String,
    /// The message.
    pub payload: Vec<u8>,
    /// A [`BatchRoot`] as the service signed it.
    pub root: Envelope,
    /// The place of the message's leaf, from 0.
    pub leaf_index: u32,
    /// The audit path, from the leaf's neighbour upwards.
    pub path: Vec<[u8; 32]>,
}

impl std::fmt::Debug for BatchSigned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BatchSigned")
            .field("payload_type", &self.payload_type)
            .field("payload_bytes", &self.payload.len())
            .field("leaf_index", &self.leaf_index)
            .finish_non_exhaustive()
    }
}

/// The root over the statements of one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRoot {
    /// The deployment that states.
    pub issuer: DeploymentId,
    /// The epoch of the key that signs it, and that of every statement below it.
    pub key_epoch: u32,
    /// The log position of the first leaf.
    pub first_position: LogPosition,
    /// How many leaves there are, 1 to [`crate::merkle::MAX_LEAVES`].
    pub tree_size: u32,
    /// The Merkle tree hash.
    pub root_hash: [u8; 32],
}

impl BatchRoot {
    /// The message, as one that this root's signer has signed. `root` must be the verified envelope that this root was
    /// read from: the message is proved by that key.
    ///
    /// # Errors
    /// [`BatchError`], in the order of its variants.
    pub fn proves(
        &self,
        root: &Verified,
        signed: &BatchSigned,
        expected_type: &str,
    ) -> Result<Verified, BatchError> {
        if signed.payload_type != expected_type {
            return Err(BatchError::PayloadType);
        }
        let leaf = leaf_hash(&signed.payload_type, &signed.payload);
        let (size, index) = (self.tree_size.into(), signed.leaf_index.into());
        if !is_below(&self.root_hash, size, &leaf, index, &signed.path) {
            return Err(BatchError::NotBelow);
        }
        Ok(Verified::below_a_root(root.key_id(), &signed.payload_type, signed.payload.clone()))
    }

    /// Where the statement with this leaf index is logged.
    #[must_use]
    pub fn position(&self, leaf_index: u32) -> LogPosition {
        LogPosition::new(self.first_position.get().saturating_add(leaf_index.into()))
    }
}

/// The root over requests that one party signs together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestBatchRoot {
    /// The deployment that they are meant for.
    pub audience: DeploymentId,
    /// The party that signs.
    pub party: PartyId,
    /// How many there are, 1 to [`MAX_REQUESTS`].
    pub tree_size: u32,
    /// The Merkle tree hash.
    pub root_hash: [u8; 32],
}

impl RequestBatchRoot {
    /// The root over requests of one type, in their order.
    #[must_use]
    pub fn over(audience: DeploymentId, party: PartyId, payload_type: &str, payloads: &[Vec<u8>]) -> Self {
        let tree = tree(payload_type, payloads);
        let tree_size = u32::try_from(tree.size()).unwrap_or(u32::MAX);
        Self { audience, party, tree_size, root_hash: tree.root() }
    }

    /// The requests, each as one that this root's signer has signed, if they are all that the root is over, in this order.
    /// `root` must be the verified envelope that this root was read from.
    ///
    /// # Errors
    /// [`BatchError::NotBelow`].
    pub fn proves_all(
        &self,
        root: &Verified,
        payload_type: &str,
        payloads: Vec<Vec<u8>>,
    ) -> Result<Vec<Verified>, BatchError> {
        let tree = tree(payload_type, &payloads);
        if tree.size() != u64::from(self.tree_size) || tree.root() != self.root_hash {
            return Err(BatchError::NotBelow);
        }
        let key_id = root.key_id();
        Ok(payloads
            .into_iter()
            .map(|payload| Verified::below_a_root(key_id, payload_type, payload))
            .collect())
    }
}

fn tree(payload_type: &str, payloads: &[Vec<u8>]) -> Tree {
    let leaves: Vec<_> = payloads.iter().map(|payload| leaf_hash(payload_type, payload)).collect();
    Tree::of(&leaves)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsse::{SigningKey, payload_type};

    const TYPE: &str = payload_type::AUTHENTICATION_REQUEST;

    fn signed_root() -> Verified {
        let key = SigningKey::from_seed([1; 32]);
        let envelope = key.sign(payload_type::REQUEST_BATCH_ROOT, vec![1]);
        envelope.verify(payload_type::REQUEST_BATCH_ROOT, &key.public()).unwrap()
    }

    fn over(payloads: &[Vec<u8>]) -> RequestBatchRoot {
        let audience = DeploymentId::from_bytes([7; 16]);
        RequestBatchRoot::over(audience, PartyId::parse("bank").unwrap(), TYPE, payloads)
    }

    #[test]
    fn requests_below_a_root_are_what_their_own_signatures_would_make_them() {
        let payloads: Vec<_> = (0..5_u8).map(|byte| vec![byte; 9]).collect();
        let (root, signed) = (over(&payloads), signed_root());
        let verified = root.proves_all(&signed, TYPE, payloads.clone()).unwrap();
        for (verified, payload) in verified.iter().zip(&payloads) {
            let alone = SigningKey::from_seed([1; 32]).sign(TYPE, payload.clone());
            let alone = alone.verify(TYPE, &SigningKey::from_seed([1; 32]).public()).unwrap();
            assert_eq!((verified.digest(), verified.key_id()), (alone.digest(), alone.key_id()));
            assert_eq!(verified.payload(), payload);
        }
    }

    #[test]
    fn a_request_left_out_added_altered_moved_or_of_another_type_is_noticed() {
        let payloads: Vec<_> = (0..5_u8).map(|byte| vec![byte; 9]).collect();
        let (root, signed) = (over(&payloads), signed_root());
        let proves = |kind: &str, payloads: Vec<Vec<u8>>| root.proves_all(&signed, kind, payloads);
        assert!(proves(TYPE, payloads.clone()).is_ok());
        let mut fewer = payloads.clone();
        fewer.pop();
        let more = [payloads.clone(), vec![vec![9]]].concat();
        let mut altered = payloads.clone();
        altered[2][0] ^= 1;
        let mut moved = payloads.clone();
        moved.swap(0, 1);
        for others in [fewer, more, altered, moved, Vec::new()] {
            assert_eq!(proves(TYPE, others).err(), Some(BatchError::NotBelow));
        }
        assert_eq!(proves(payload_type::OTP_REQUEST, payloads).err(), Some(BatchError::NotBelow));
    }

    #[test]
    fn a_statement_is_proved_in_its_own_place_and_as_its_own_type() {
        let kind = payload_type::AUTHENTICATION_STATEMENT;
        let payloads: Vec<_> = (0..6_u8).map(|byte| vec![byte; 9]).collect();
        let tree = tree(kind, &payloads);
        let root = BatchRoot {
            issuer: DeploymentId::from_bytes([7; 16]),
            key_epoch: 1,
            first_position: LogPosition::new(40),
            tree_size: 6,
            root_hash: tree.root(),
        };
        let signed = signed_root();
        let message = BatchSigned {
            payload_type: kind.to_owned(),
            payload: payloads[4].clone(),
            root: SigningKey::from_seed([1; 32]).sign(payload_type::BATCH_ROOT, vec![1]),
            leaf_index: 4,
            path: tree.path(4).unwrap(),
        };
        let verified = root.proves(&signed, &message, kind).unwrap();
        assert_eq!(verified.payload(), payloads[4]);
        assert_eq!(root.position(4), LogPosition::new(44));
        let other = payload_type::ENROLMENT_STATEMENT;
        assert_eq!(root.proves(&signed, &message, other).err(), Some(BatchError::PayloadType));
        let retyped = BatchSigned { payload_type: other.to_owned(), ..message.clone() };
        assert_eq!(root.proves(&signed, &retyped, other).err(), Some(BatchError::NotBelow));
        let moved = BatchSigned { leaf_index: 5, ..message.clone() };
        assert_eq!(root.proves(&signed, &moved, kind).err(), Some(BatchError::NotBelow));
        let shown = format!("{message:?}");
        assert!(shown.contains("payload_bytes: 9") && !shown.contains("[4, 4"), "{shown}");
    }
}
