//! The secret that names buckets.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::BUCKET_BITS;
use crate::record::FingerPosition;

/// Modality in the hashed message: fingers.
const MODALITY: u8 = 1;
/// In place of a position code: buckets that fingers of all positions share.
const ANY_POSITION: u8 = 0xff;

/// The key of an index. A secret.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct TokenKey([u8; 32]);

/// Whose buckets they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Those of fingers declared as one position (or as unknown).
    One(FingerPosition),
    /// Those of all fingers.
    Any,
}

impl TokenKey {
    /// A key of the given bytes, which must come from a key derivation or a random source.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bucket of a table's sampled bits: the first [`BUCKET_BITS`] of keyed BLAKE3 over modality (u8), finger
    /// position code (u8, 255 for all), table (u8), sampled bits (u32), big-endian.
    pub(super) fn bucket(&self, scope: Scope, table: u8, bits: u32) -> u32 {
        let position = match scope {
            Scope::One(position) => position.code(),
            Scope::Any => ANY_POSITION,
        };
        let [b3, b2, b1, b0] = bits.to_be_bytes();
        let hash = blake3::keyed_hash(&self.0, &[MODALITY, position, table, b3, b2, b1, b0]);
        let [h0, h1, h2, h3, ..] = *hash.as_bytes();
        u32::from_be_bytes([h0, h1, h2, h3]) >> (u32::BITS - BUCKET_BITS)
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(..)")
    }
}
