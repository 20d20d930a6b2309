//! Duplicates inside an imported register, as the sweep has found them, until somebody has dealt with them.
//!
//! A thief sees how many people of an import have been found before, and their sequence numbers.

use plinth_identity::id::Sequence;

use super::{Malformed, Table};
use crate::error::StoreError;
use crate::fields::{FieldReader, FieldWriter};

const FORMAT: u8 = 1;

/// Two people of the gallery who look like one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding {
    /// The later of the two.
    pub sequence: Sequence,
    /// The earlier of the two.
    pub other: Sequence,
    /// Log-likelihood ratio of one person against two, natural logarithm, finite.
    pub llr: f32,
    /// Fingers that were compared.
    pub fingers: u8,
}

/// Id of the import (u32 big-endian), then sequence number of the later person (u64 big-endian) -> finding.
pub(crate) struct Findings;

/// Key of a finding.
pub(crate) type Key = [u8; 12];

const _: () = assert!(size_of::<Key>() == size_of::<u32>() + size_of::<u64>());

impl Table for Findings {
    const NAME: &'static str = "findings";
    const VERSION: u8 = 1;
    type Key = Key;
    type Value = Finding;

    /// Format byte 1, sequence (u64), other (u64), ratio (IEEE 754 binary32), fingers (1).
    fn encode(value: &Self::Value) -> Vec<u8> {
        FieldWriter::new(FORMAT)
            .number(value.sequence.get())
            .number(value.other.get())
            .array(&value.llr.to_be_bytes())
            .byte(value.fingers)
            .finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        let mut fields = FieldReader::new(bytes, FORMAT)?;
        let finding = Finding {
            sequence: Sequence::new(fields.number("sequence")?),
            other: Sequence::new(fields.number("other")?),
            llr: fields.array("ratio").map(f32::from_be_bytes)?,
            fingers: fields.byte("fingers")?,
        };
        fields.finish()?;
        if finding.llr.is_finite() { Ok(finding) } else { Err(Malformed::Borrowed("ratio")) }
    }
}

/// The key of a finding about the later person of a pair.
pub(crate) fn key(import: u32, sequence: Sequence) -> Key {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&import.to_be_bytes());
    key[4..].copy_from_slice(&sequence.get().to_be_bytes());
    key
}

/// The later person of a key.
pub(crate) fn sequence(key: &Key) -> Result<Sequence, StoreError> {
    key.last_chunk::<8>()
        .map(|sequence| Sequence::new(u64::from_be_bytes(*sequence)))
        .ok_or_else(|| StoreError::corrupt(Findings::NAME, "a key is not 12 bytes long"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_finding_has_these_bytes() {
        let (sequence, other) = (Sequence::new(0x0102), Sequence::new(0x0304));
        let finding = Finding { sequence, other, llr: 1.5, fingers: 9 };
        let expected = [
            &[1][..],                        // format
            &[0, 0, 0, 0, 0, 0, 0x01, 0x02], // sequence
            &[0, 0, 0, 0, 0, 0, 0x03, 0x04], // other
            &[0x3f, 0xc0, 0, 0],             // ratio
            &[9],                            // fingers
        ]
        .concat();
        assert_eq!(Findings::encode(&finding), expected);
        assert_eq!(Findings::decode(&expected), Ok(finding));
        assert_eq!(key(5, sequence), [0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0x01, 0x02]);
    }

    #[test]
    fn a_ratio_that_is_not_a_finite_number_is_refused() {
        for llr in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let finding = Finding { sequence: Sequence::new(1), other: Sequence::new(2), llr, fingers: 1 };
            assert!(Findings::decode(&Findings::encode(&finding)).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_finding_or_a_reason(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(finding) = Findings::decode(&bytes) {
                prop_assert_eq!(Findings::encode(&finding), bytes);
            }
        }
    }
}
