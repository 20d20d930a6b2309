//! Sealed rows: XChaCha20-Poly1305 (RFC 8439; draft-irtf-cfrg-xchacha) under a key of the row's own place.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::KeyRing;

/// Bytes that sealing adds.
pub const SEAL_OVERHEAD: usize = HEADER + TAG;

const FORMAT: u8 = 1;
const NONCE: usize = 24;
const HEADER: usize = 1 + 4 + NONCE;
const TAG: usize = 16;

/// Where a row stands. A row opens at its own place only.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The table.
    pub table: &'static str,
    /// The row's key in the table.
    pub key: &'a [u8],
    /// The version of the table's rows.
    pub version: u8,
    /// For rows with a person's attributes, the digits of the number or virtual number by which they are
    /// found: the row's key is then derived from them too, so that the row can be opened only by someone who
    /// knows whose it is. None for rows that the service must read in bulk.
    pub secret: Option<&'a [u8]>,
}

/// Why a sealed row does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Too short to be a sealed row.
    #[error("the sealed row is shorter than its header and tag")]
    Truncated,
    /// A format that this version does not know.
    #[error("sealing format {0} is not known to this version")]
    Format(u8),
    /// Sealed in an epoch whose key is not here.
    #[error("sealed in epoch {0}, whose key is not at hand")]
    Epoch(u32),
    /// Altered, moved from another place, or sealed by other keys.
    #[error("the row does not open: it was altered, moved, or sealed by other keys")]
    Refused,
}

pub(super) fn seal(ring: &KeyRing, place: &Place<'_>, plaintext: &[u8], nonce: [u8; NONCE]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(SEAL_OVERHEAD + plaintext.len());
    sealed.push(FORMAT);
    sealed.extend_from_slice(&ring.epoch().to_be_bytes());
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plaintext);
    let (_, row) = sealed.split_at_mut(HEADER);
    let aad = associated_data(ring, place);
    let tag = cipher(ring, place).encrypt_inout_detached(&XNonce::from(nonce), &aad, row.into());
    // The only error is a plaintext beyond 2^38 bytes, 256 GiB. Such a row comes out as a header that never
    // opens.
    match tag {
        Ok(tag) => sealed.extend_from_slice(&tag),
        Err(_) => sealed.truncate(HEADER),
    }
    sealed
}

pub(super) fn open(
    ring: &KeyRing,
    place: &Place<'_>,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (format, rest) = sealed.split_first().ok_or(SealError::Truncated)?;
    if *format != FORMAT {
        return Err(SealError::Format(*format));
    }
    let (epoch, rest) = rest.split_first_chunk().ok_or(SealError::Truncated)?;
    let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>().ok_or(SealError::Truncated)?;
    if ciphertext.len() < TAG {
        return Err(SealError::Truncated);
    }
    let epoch = u32::from_be_bytes(*epoch);
    if epoch != ring.epoch() {
        return Err(SealError::Epoch(epoch));
    }
    let aad = associated_data(ring, place);
    let (ciphertext, tag) = ciphertext.split_last_chunk::<TAG>().ok_or(SealError::Truncated)?;
    let mut plaintext = Zeroizing::new(ciphertext.to_vec());
    cipher(ring, place)
        .decrypt_inout_detached(&XNonce::from(*nonce), &aad, plaintext.as_mut_slice().into(), tag.into())
        .map_err(|_| SealError::Refused)?;
    Ok(plaintext)
}

/// The cipher of a place: its key is the keyed hash of the place, under one key for rows with a secret and
/// another for the rest. The secret's digits are ASCII and the length behind them begins with a zero, so that
/// secrets of different lengths do not meet.
fn cipher(ring: &KeyRing, place: &Place<'_>) -> XChaCha20Poly1305 {
    let mut hasher = match place.secret {
        Some(digits) => {
            let mut hasher = blake3::Hasher::new_keyed(&ring.identity_seals);
            hasher.update(digits);
            hasher
        }
        None => blake3::Hasher::new_keyed(&ring.row_seals),
    };
    let table = place.table.as_bytes();
    hasher.update(&(table.len() as u64).to_be_bytes()).update(table);
    hasher.update(&(place.key.len() as u64).to_be_bytes()).update(place.key);
    let key = Zeroizing::new(*hasher.finalize().as_bytes());
    XChaCha20Poly1305::new((&*key).into())
}

/// What the tag covers besides the row: label, deployment (16), epoch (u32), table (length u64, bytes), key
/// (length u64, bytes), version (1). All big-endian.
fn associated_data(ring: &KeyRing, place: &Place<'_>) -> Vec<u8> {
    const LABEL: &[u8] = b"plinth sealed row v1";
    let table = place.table.as_bytes();
    [
        LABEL,
        ring.deployment().as_bytes(),
        &ring.epoch().to_be_bytes(),
        &(table.len() as u64).to_be_bytes(),
        table,
        &(place.key.len() as u64).to_be_bytes(),
        place.key,
        &[place.version],
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::DeploymentId;
    use crate::keys::RootKey;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    fn ring(root: u64, deployment: u8) -> KeyRing {
        let root = RootKey::generate(&mut StdRng::seed_from_u64(root));
        KeyRing::derive(&root, DeploymentId::from_bytes([deployment; 16]))
    }

    fn place<'a>(key: &'a [u8], secret: Option<&'a [u8]>) -> Place<'a> {
        Place { table: "people", key, version: 1, secret }
    }

    #[test]
    fn a_sealed_row_is_laid_out_as_documented() {
        let sealed = ring(1, 1).seal(&place(b"k", None), b"abc", [9; 24]);
        assert_eq!(sealed.len(), 3 + SEAL_OVERHEAD);
        assert_eq!(sealed[0], 1); // format
        assert_eq!(sealed[1..5], [0, 0, 0, 1]); // epoch
        assert_eq!(sealed[5..29], [9; 24]); // nonce
        // What follows is ciphertext and tag: pinned, so that a change of key derivation cannot pass unseen.
        let pinned = data_encoding::HEXLOWER.encode(&sealed[29..]);
        assert_eq!(pinned, "bff5c78ceccbd90c976c32614cc58a67eb81b6");
        let sealed = ring(1, 1).seal(&place(b"k", Some(b"234567890124")), b"abc", [9; 24]);
        let pinned = data_encoding::HEXLOWER.encode(&sealed[29..]);
        assert_eq!(pinned, "54b831cb0595693a7fce64ae9e74bd4a0080c4");
    }

    #[test]
    fn a_row_opens_at_its_own_place_only() {
        let mine = ring(1, 1);
        let own = place(b"key", Some(b"234567890124"));
        let sealed = mine.seal(&own, b"Ada", [0; 24]);
        assert_eq!(mine.open(&own, &sealed).unwrap().as_slice(), b"Ada");
        for elsewhere in [
            Place { table: "peopl", ..own },
            Place { key: b"kez", ..own },
            Place { table: "peoplek", key: b"ey", ..own },
            Place { version: 2, ..own },
            Place { secret: None, ..own },
            Place { secret: Some(b"234567890125"), ..own },
            Place { secret: Some(b"2345678901240000"), ..own },
        ] {
            assert_eq!(mine.open(&elsewhere, &sealed).err(), Some(SealError::Refused));
        }
        assert_eq!(ring(2, 1).open(&own, &sealed).err(), Some(SealError::Refused));
        assert_eq!(ring(1, 2).open(&own, &sealed).err(), Some(SealError::Refused));
    }

    #[test]
    fn broken_headers_are_told_apart() {
        let ring = ring(1, 1);
        let sealed = ring.seal(&place(b"k", None), b"", [0; 24]);
        let open = |bytes: &[u8]| ring.open(&place(b"k", None), bytes).err();
        assert_eq!(open(&sealed), None);
        assert_eq!(open(&[]), Some(SealError::Truncated));
        assert_eq!(open(&sealed[..sealed.len() - 1]), Some(SealError::Truncated));
        let mut altered = sealed;
        altered[4] = 2;
        assert_eq!(open(&altered), Some(SealError::Epoch(2)));
        altered[0] = 9;
        assert_eq!(open(&altered), Some(SealError::Format(9)));
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_and_any_flipped_bit_is_noticed(
            plaintext in proptest::collection::vec(any::<u8>(), 0..100),
            key in proptest::collection::vec(any::<u8>(), 0..20),
            nonce: [u8; 24],
            flip in any::<prop::sample::Index>(),
        ) {
            let ring = ring(1, 1);
            let place = place(&key, None);
            let mut sealed = ring.seal(&place, &plaintext, nonce);
            let opened = ring.open(&place, &sealed).unwrap();
            prop_assert_eq!(opened.as_slice(), plaintext.as_slice());
            let bit = flip.index(sealed.len() * 8);
            sealed[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(ring.open(&place, &sealed).is_err());
        }

        #[test]
        fn any_bytes_open_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(ring(1, 1).open(&place(b"k", None), &bytes).is_err());
        }
    }
}
