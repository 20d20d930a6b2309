//! Many messages under one signature: roots, and what stands below them.

use plinth_identity::batch::{BatchRoot, BatchSigned, MAX_REQUESTS, RequestBatchRoot, SignatureForm};
use plinth_identity::dsse::{Envelope, Verified};
use plinth_identity::field::FieldViolation;
use plinth_identity::id::LogPosition;
use plinth_identity::merkle::{MAX_LEAVES, MAX_PATH};
use prost::Message;

use super::envelope::{check_payload, check_payload_type, required as required_envelope};
use super::header::{deployment, party_id};
use super::{decode_body, exact_bytes, required};
use crate::authentication::v1::{RequestBatch as WireRequestBatch, StatementLeaf};
use crate::envelope::v1;

/// How an answer is to be signed.
///
/// # Errors
///
/// `signature_form` is malformed when it is a value of a newer version.
pub fn signature_form(wire: i32) -> Result<SignatureForm, FieldViolation> {
    match v1::SignatureForm::try_from(wire) {
        Ok(v1::SignatureForm::Unspecified | v1::SignatureForm::Individual) => Ok(SignatureForm::Individual),
        Ok(v1::SignatureForm::Batch) => Ok(SignatureForm::Batch),
        Err(_) => Err(FieldViolation::malformed("signature_form", "is not known to this version")),
    }
}

/// The wire's name of a form.
#[must_use]
pub fn encode_signature_form(form: SignatureForm) -> i32 {
    match form {
        SignatureForm::Individual => v1::SignatureForm::Individual.into(),
        SignatureForm::Batch => v1::SignatureForm::Batch.into(),
    }
}

/// The bytes of a root over statements, for the service to sign.
#[must_use]
pub fn encode_batch_root(root: &BatchRoot) -> Vec<u8> {
    v1::BatchRoot {
        issuer: root.issuer.to_string(),
        key_epoch: root.key_epoch,
        first_position: root.first_position.get(),
        tree_size: root.tree_size,
        root_hash: root.root_hash.to_vec(),
    }
    .encode_to_vec()
}

/// The root over statements in a verified envelope.
///
/// # Errors
///
/// Names the first field at fault.
pub fn decode_batch_root(verified: &Verified) -> Result<BatchRoot, FieldViolation> {
    decode_body::<v1::BatchRoot>(verified)?.try_into()
}

impl TryFrom<v1::BatchRoot> for BatchRoot {
    type Error = FieldViolation;

    fn try_from(wire: v1::BatchRoot) -> Result<Self, FieldViolation> {
        if wire.first_position == 0 {
            return Err(FieldViolation::malformed("first_position", "must be 1 or more"));
        }
        Ok(Self {
            issuer: deployment(&wire.issuer, "issuer")?,
            key_epoch: wire.key_epoch,
            first_position: LogPosition::new(wire.first_position),
            tree_size: tree_size(wire.tree_size, MAX_LEAVES)?,
            root_hash: exact_bytes(&wire.root_hash, "root_hash")?,
        })
    }
}

/// The bytes of a root over requests, for the relying party to sign.
#[must_use]
pub fn encode_request_batch_root(root: &RequestBatchRoot) -> Vec<u8> {
    v1::RequestBatchRoot {
        audience: root.audience.to_string(),
        party: root.party.as_str().to_owned(),
        tree_size: root.tree_size,
        root_hash: root.root_hash.to_vec(),
    }
    .encode_to_vec()
}

/// The root over requests in a verified envelope.
///
/// # Errors
///
/// Names the first field at fault.
pub fn decode_request_batch_root(verified: &Verified) -> Result<RequestBatchRoot, FieldViolation> {
    decode_body::<v1::RequestBatchRoot>(verified)?.try_into()
}

impl TryFrom<v1::RequestBatchRoot> for RequestBatchRoot {
    type Error = FieldViolation;

    fn try_from(wire: v1::RequestBatchRoot) -> Result<Self, FieldViolation> {
        let most = u32::try_from(MAX_REQUESTS).unwrap_or(u32::MAX);
        Ok(Self {
            audience: deployment(&wire.audience, "audience")?,
            party: party_id(&wire.party, "party")?,
            tree_size: tree_size(wire.tree_size, most)?,
            root_hash: exact_bytes(&wire.root_hash, "root_hash")?,
        })
    }
}

fn tree_size(wire: u32, most: u32) -> Result<u32, FieldViolation> {
    if (1..=most).contains(&wire) {
        Ok(wire)
    } else {
        Err(FieldViolation::malformed("tree_size", format!("must be 1 to {most}")))
    }
}

/// Requests that one signature covers, not yet verified.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestBatch {
    /// The signed [`RequestBatchRoot`].
    pub root: Envelope,
    /// The requests' bodies in their order: 1 to [`MAX_REQUESTS`].
    pub payloads: Vec<Vec<u8>>,
}

impl std::fmt::Debug for RequestBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestBatch").field("payloads", &self.payloads.len()).finish_non_exhaustive()
    }
}

impl TryFrom<WireRequestBatch> for RequestBatch {
    type Error = FieldViolation;

    fn try_from(wire: WireRequestBatch) -> Result<Self, FieldViolation> {
        if !(1..=MAX_REQUESTS).contains(&wire.payloads.len()) {
            return Err(FieldViolation::malformed(
                "payloads",
                format!("must be 1 to {MAX_REQUESTS} requests"),
            ));
        }
        for (index, payload) in wire.payloads.iter().enumerate() {
            check_payload(payload, &format!("payloads[{index}]"))?;
        }
        Ok(Self { root: required_envelope(wire.root, "root")?, payloads: wire.payloads })
    }
}

impl From<RequestBatch> for WireRequestBatch {
    fn from(batch: RequestBatch) -> Self {
        Self { payloads: batch.payloads, root: Some(batch.root.into()) }
    }
}

impl From<BatchSigned> for v1::BatchSigned {
    fn from(signed: BatchSigned) -> Self {
        let proof = v1::BatchProof {
            root: Some(signed.root.into()),
            leaf_index: signed.leaf_index,
            path: encode_path(&signed.path),
        };
        Self { payload: signed.payload, payload_type: signed.payload_type, proof: Some(proof) }
    }
}

impl TryFrom<v1::BatchSigned> for BatchSigned {
    type Error = FieldViolation;

    fn try_from(wire: v1::BatchSigned) -> Result<Self, FieldViolation> {
        check_payload(&wire.payload, "payload")?;
        check_payload_type(&wire.payload_type)?;
        let proof = required(wire.proof, "proof")?;
        Ok(Self {
            payload_type: wire.payload_type,
            payload: wire.payload,
            root: required_envelope(proof.root, "proof.root")?,
            leaf_index: proof.leaf_index,
            path: path(&proof.path, "proof.path")?,
        })
    }
}

/// A statement below a root that stands beside it, and that root, are one message.
///
/// # Errors
///
/// Names the first field at fault.
pub fn below_a_root(
    leaf: StatementLeaf,
    payload_type: &str,
    root: &Envelope,
) -> Result<BatchSigned, FieldViolation> {
    check_payload(&leaf.payload, "payload")?;
    Ok(BatchSigned {
        payload_type: payload_type.to_owned(),
        payload: leaf.payload,
        root: root.clone(),
        leaf_index: leaf.leaf_index,
        path: path(&leaf.path, "path")?,
    })
}

/// A path on the wire.
#[must_use]
pub fn encode_path(path: &[[u8; 32]]) -> Vec<Vec<u8>> {
    path.iter().map(|hash| hash.to_vec()).collect()
}

fn path(wire: &[Vec<u8>], field: &str) -> Result<Vec<[u8; 32]>, FieldViolation> {
    if wire.len() > MAX_PATH {
        return Err(FieldViolation::malformed(field, format!("must be at most {MAX_PATH} hashes")));
    }
    let hashes = wire.iter().enumerate();
    hashes.map(|(index, hash)| exact_bytes(hash, &format!("{field}[{index}]"))).collect()
}

#[cfg(test)]
mod tests {
    use plinth_identity::dsse::{SigningKey, payload_type};

    use super::*;

    #[test]
    fn debug_output_of_a_batch_shows_no_request() {
        let root = SigningKey::from_seed([1; 32]).sign(payload_type::REQUEST_BATCH_ROOT, vec![1]);
        let batch = RequestBatch { root, payloads: vec![b"secret".to_vec()] };
        let shown = format!("{batch:?}");
        assert!(shown.contains("payloads: 1") && !shown.contains("115"), "{shown}");
    }
}
