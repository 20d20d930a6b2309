//! The list of segments that make up the index, and of those that are being built to replace it.
//!
//! A segment belongs to the index from the commit that lists it until the commit that lists it no more. Whatever blocks
//! are not listed are remains of an interrupted build, and go when the store opens.

use plinth_identity::id::Sequence;

use super::{Malformed, Table};
use crate::fields::{FieldReader, FieldWriter};

const FORMAT: u8 = 1;

/// The key of the manifest that searches use.
pub(crate) const SERVING: [u8; 1] = [1];

/// The key of the manifest of an index that is being built beside it.
pub(crate) const BUILDING: [u8; 1] = [2];

/// The segments of one index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IndexManifest {
    /// Version of the algorithm that made the postings.
    pub version: u16,
    /// Epoch of the keys that hashed and sealed them.
    pub epoch: u32,
    /// The id that the next segment gets. Serving and building take ids from one series: an id is never used again.
    pub next_segment: u32,
    /// Segments, by people ascending, each beginning where the one before it ends.
    pub segments: Vec<Segment>,
}

/// The index of a range of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// First half of the keys of its blocks.
    pub id: u32,
    /// The first person of the range, in it or not.
    pub from: Sequence,
    /// The first person beyond the range. Greater than `from`.
    pub until: Sequence,
    /// People with postings in it.
    pub people: u64,
    /// Postings in it.
    pub postings: u64,
    /// A block holds 2 to the power of this many neighbouring buckets: bucket `b` stands in block `b >> block_bits`.
    pub block_bits: u8,
    /// Blocks, numbered from 0, each of them there.
    pub blocks: u32,
    /// Bytes of the sealed blocks with their keys.
    pub bytes: u64,
}

impl IndexManifest {
    /// The first person that no segment covers. 0 if there are no segments.
    #[must_use]
    pub fn until(&self) -> Sequence {
        self.segments.last().map_or(Sequence::new(0), |segment| segment.until)
    }

    /// Whether the segments are as they are documented to be: ranges that follow each other, ids below the next one and
    /// each once, and fields in range.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let mut ids: Vec<u32> = self.segments.iter().map(|segment| segment.id).collect();
        ids.sort_unstable();
        ids.is_sorted_by(|one, other| one < other)
            && ids.last().is_none_or(|last| *last < self.next_segment)
            && self.segments.is_sorted_by(|one, other| one.until == other.from)
            && self.segments.iter().all(Segment::is_sound)
    }
}

impl Segment {
    fn is_sound(&self) -> bool {
        self.from < self.until
            && self.people <= self.until.get() - self.from.get()
            && u32::from(self.block_bits) < u32::BITS
    }
}

/// [`SERVING`] or [`BUILDING`] -> manifest.
pub(crate) struct Manifests;

impl Table for Manifests {
    const NAME: &'static str = "manifests";
    const VERSION: u8 = 1;
    type Key = [u8; 1];
    type Value = IndexManifest;

    /// Format byte 1, version (u16), epoch (u32), next segment (u32), number of segments (u64); each segment: id (u32),
    /// from (u64), until (u64), people (u64), postings (u64), block bits (1), blocks (u32), bytes (u64).
    fn encode(value: &Self::Value) -> Vec<u8> {
        let mut fields = FieldWriter::new(FORMAT)
            .array(&value.version.to_be_bytes())
            .array(&value.epoch.to_be_bytes())
            .array(&value.next_segment.to_be_bytes())
            .number(value.segments.len() as u64);
        for segment in &value.segments {
            fields = fields
                .array(&segment.id.to_be_bytes())
                .number(segment.from.get())
                .number(segment.until.get())
                .number(segment.people)
                .number(segment.postings)
                .byte(segment.block_bits)
                .array(&segment.blocks.to_be_bytes())
                .number(segment.bytes);
        }
        fields.finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        let mut fields = FieldReader::new(bytes, FORMAT)?;
        let mut manifest = IndexManifest {
            version: fields.array("version").map(u16::from_be_bytes)?,
            epoch: fields.array("epoch").map(u32::from_be_bytes)?,
            next_segment: fields.array("next segment").map(u32::from_be_bytes)?,
            segments: Vec::new(),
        };
        // Memory grows with the segments that are there, never with the number that is claimed.
        for _ in 0..fields.number("segments")? {
            manifest.segments.push(segment(&mut fields)?);
        }
        fields.finish()?;
        if manifest.is_sound() { Ok(manifest) } else { Err(Malformed::Borrowed("impossible segments")) }
    }
}

fn segment(fields: &mut FieldReader<'_>) -> Result<Segment, &'static str> {
    Ok(Segment {
        id: fields.array("id").map(u32::from_be_bytes)?,
        from: Sequence::new(fields.number("from")?),
        until: Sequence::new(fields.number("until")?),
        people: fields.number("people")?,
        postings: fields.number("postings")?,
        block_bits: fields.byte("block bits")?,
        blocks: fields.array("blocks").map(u32::from_be_bytes)?,
        bytes: fields.number("bytes")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segment(id: u32, from: u64, until: u64) -> Segment {
        let (from, until) = (Sequence::new(from), Sequence::new(until));
        Segment { id, from, until, people: 1, postings: 0x0203, block_bits: 7, blocks: 0x0405, bytes: 0x0607 }
    }

    #[test]
    fn a_manifest_has_these_bytes() {
        let manifest = IndexManifest {
            version: 0x0102,
            epoch: 3,
            next_segment: 10,
            segments: vec![segment(9, 1, 0x0b0c)],
        };
        let expected = [
            &[1][..],                        // format
            &[0x01, 0x02],                   // version
            &[0, 0, 0, 3],                   // epoch
            &[0, 0, 0, 10],                  // next segment
            &[0, 0, 0, 0, 0, 0, 0, 1],       // one segment
            &[0, 0, 0, 9],                   // id
            &[0, 0, 0, 0, 0, 0, 0, 1],       // from
            &[0, 0, 0, 0, 0, 0, 0x0b, 0x0c], // until
            &[0, 0, 0, 0, 0, 0, 0, 1],       // people
            &[0, 0, 0, 0, 0, 0, 0x02, 0x03], // postings
            &[7],                            // block bits
            &[0, 0, 0x04, 0x05],             // blocks
            &[0, 0, 0, 0, 0, 0, 0x06, 0x07], // bytes
        ]
        .concat();
        assert_eq!(Manifests::encode(&manifest), expected);
        assert_eq!(Manifests::decode(&expected), Ok(manifest));
        for length in 0..expected.len() {
            assert!(Manifests::decode(&expected[..length]).is_err());
        }
    }

    #[test]
    fn segments_that_leave_a_gap_overlap_or_share_an_id_are_refused() {
        let decoded = |next_segment, segments: &[Segment]| {
            let manifest = IndexManifest { version: 1, epoch: 1, next_segment, segments: segments.to_vec() };
            Manifests::decode(&Manifests::encode(&manifest))
        };
        assert!(decoded(3, &[segment(2, 1, 5), segment(1, 5, 6)]).is_ok());
        for (next, segments) in [
            (3, [segment(1, 1, 5), segment(2, 6, 7)]),
            (3, [segment(1, 1, 5), segment(2, 4, 7)]),
            (3, [segment(1, 1, 5), segment(1, 5, 7)]),
            (2, [segment(1, 1, 5), segment(2, 5, 7)]),
            (3, [segment(1, 1, 5), segment(2, 5, 5)]),
            (3, [segment(1, 1, 5), Segment { block_bits: 32, ..segment(2, 5, 7) }]),
            (3, [segment(1, 1, 5), Segment { people: 3, ..segment(2, 5, 7) }]),
        ] {
            assert!(decoded(next, &segments).is_err(), "{segments:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_manifest_or_a_reason(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            if let Ok(manifest) = Manifests::decode(&bytes) {
                prop_assert_eq!(Manifests::encode(&manifest), bytes);
            }
        }
    }
}
