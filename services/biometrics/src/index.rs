//! The ten-finger index: which people of the gallery share buckets with a probe.
//!
//! Cappelli, Ferrara, Maltoni, "Fingerprint indexing based on Minutia Cylinder-Code", *IEEE TPAMI* 33(5), 2011. Each of
//! many tables samples a few fixed cells of a cylinder; the sampled bits, if enough of them are set, name a bucket. Two
//! captures of one finger share buckets wherever a cylinder came out alike, two captures of strangers seldom do.
//!
//! A person's fingers give [`postings`]; a probe's give lookups ([`Probe`]); whoever is found in the looked-up buckets
//! is cast on a [`Tally`], which ranks people for the exact comparison. [`block`] packs the postings of many people.
//! Nothing here stores anything.
//!
//! A bucket's number is a keyed BLAKE3 hash, so a stolen index says neither what is in a bucket nor whether another
//! deployment has the same one. Which cells a table samples is public and the same everywhere: recall must not
//! depend on a deployment's key.

pub mod block;
mod cells;
mod key;
mod postings;
mod probe;
mod tally;
#[cfg(test)]
mod tests;

pub use key::TokenKey;
pub use postings::{Posting, postings};
pub use probe::{Fingers, Lookup, Probe, Reading};
pub use tally::{Candidate, MAX_PEOPLE, Tally};

/// Version of everything that changes which postings a finger gives. An index of another version is built anew from
/// the features, never read.
pub const INDEX_VERSION: u16 = 2;
/// Buckets are numbered from 0 to 2 to this power, exclusive. Twice as many would cost a bit a posting (8 %), and half as
/// many would double the meetings by chance, which at 6,000 postings a person are one and a half in a thousand look-ups.
pub const BUCKET_BITS: u32 = 22;
/// Finger position codes are below this: 0 is unknown, 1 to 10 are the fingers.
pub const POSITIONS: u32 = 11;

/// Whether so many of a gallery's people stand in a bucket at one position that meeting there says little: more than one
/// in 200. Their lists are most of what is in the buckets that a probe looks into, and without them mates rank no lower.
const fn is_common(count: u32, people: u32) -> bool {
    count as u64 > 10 + people as u64 / 200
}
