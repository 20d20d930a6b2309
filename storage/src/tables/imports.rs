//! Imports of existing registers: how far each one has come.
//!
//! A thief sees how many imports there have been.

use plinth_identity::id::Sequence;

use super::{Malformed, Table};
use crate::fields::{FieldReader, FieldWriter};

const FORMAT: u8 = 1;

/// The state of one import. It is written in the commits that bring it forward, so it never says more or less than was
/// imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// What the operator calls it.
    pub name: String,
    /// Digest of the signed manifest of its files.
    pub manifest: [u8; 32],
    /// The first person who came with it.
    pub from: Sequence,
    /// The first person beyond those who came with it so far.
    pub next: Sequence,
    /// Records of the current part that are done.
    pub records_done: u64,
    /// The part of the manifest that is being read, from 0.
    pub part: u32,
    /// Everyone of the import before this person has been searched against all who came before them.
    pub swept: Sequence,
    /// Whether all records have been read.
    pub finished: bool,
    /// Duplicates that the sweep has found so far.
    pub found: u64,
}

/// Id of the import, u32 big-endian -> its state.
pub(crate) struct Imports;

const _: () = assert!(size_of::<<Imports as Table>::Key>() == size_of::<u32>());

impl Table for Imports {
    const NAME: &'static str = "imports";
    const VERSION: u8 = 1;
    type Key = [u8; 4];
    type Value = ImportRow;

    /// Format byte 1, name (length u64, UTF-8), manifest (32), from (u64), next (u64), records done (u64), part (u32),
    /// swept (u64), finished (0 or 1), found (u64).
    fn encode(value: &Self::Value) -> Vec<u8> {
        FieldWriter::new(FORMAT)
            .bytes(value.name.as_bytes())
            .array(&value.manifest)
            .number(value.from.get())
            .number(value.next.get())
            .number(value.records_done)
            .array(&value.part.to_be_bytes())
            .number(value.swept.get())
            .byte(u8::from(value.finished))
            .number(value.found)
            .finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        let mut fields = FieldReader::new(bytes, FORMAT)?;
        let row = ImportRow {
            name: String::from_utf8(fields.bytes("name")?).map_err(|_| "name")?,
            manifest: fields.array("manifest")?,
            from: Sequence::new(fields.number("from")?),
            next: Sequence::new(fields.number("next")?),
            records_done: fields.number("records done")?,
            part: fields.array("part").map(u32::from_be_bytes)?,
            swept: Sequence::new(fields.number("swept")?),
            finished: match fields.byte("finished")? {
                0 => false,
                1 => true,
                _ => return Err(Malformed::Borrowed("finished")),
            },
            found: fields.number("found")?,
        };
        fields.finish()?;
        Ok(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_import_has_these_bytes() {
        let row = ImportRow {
            name: "ab".to_owned(),
            manifest: [7; 32],
            from: Sequence::new(0x0102),
            next: Sequence::new(0x0304),
            records_done: 0x0506,
            part: 0x0708,
            swept: Sequence::new(0x090a),
            finished: true,
            found: 0x0b0c,
        };
        let expected = [
            &[1][..],                              // format
            &[0, 0, 0, 0, 0, 0, 0, 2, b'a', b'b'], // name
            &[7; 32],                              // manifest
            &[0, 0, 0, 0, 0, 0, 0x01, 0x02],       // from
            &[0, 0, 0, 0, 0, 0, 0x03, 0x04],       // next
            &[0, 0, 0, 0, 0, 0, 0x05, 0x06],       // records done
            &[0, 0, 0x07, 0x08],                   // part
            &[0, 0, 0, 0, 0, 0, 0x09, 0x0a],       // swept
            &[1],                                  // finished
            &[0, 0, 0, 0, 0, 0, 0x0b, 0x0c],       // found
        ]
        .concat();
        assert_eq!(Imports::encode(&row), expected);
        assert_eq!(Imports::decode(&expected), Ok(row));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_import_or_a_reason(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            if let Ok(row) = Imports::decode(&bytes) {
                prop_assert_eq!(Imports::encode(&row), bytes);
            }
        }
    }
}
