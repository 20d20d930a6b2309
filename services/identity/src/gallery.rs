//! The rows of a person in the gallery, under an internal sequence number that is not the person's number.

use std::fmt;

use plinth_biometrics::cylinder::FingerFeatures;
use zeroize::Zeroizing;

use crate::application::{FingerPosition, FingerSample, Fingers};
use crate::codec::{DecodeError, Reader, Writer};
use crate::field::FieldViolation;
use crate::id::{CaseId, Sequence};
use crate::number::IdentityNumber;

/// Version of the algorithm by which this program makes features.
pub use plinth_biometrics::cylinder::ALGORITHM_VERSION;

/// The original finger records of a person, as they were sent. They are kept so that a better algorithm can
/// make its features without capturing anyone again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GalleryEntry {
    /// The person's row.
    pub sequence: Sequence,
    /// The samples.
    pub fingers: Vec<FingerSample>,
}

impl GalleryEntry {
    const RECORD: &'static str = "gallery entry";
    const FORMAT: u8 = 1;

    /// The stored form, to be sealed: format 1, sequence (u64), samples (count u16, each: declared position
    /// (1), record (bytes)).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let samples: usize = self.fingers.iter().map(|sample| sample.record.len().saturating_add(5)).sum();
        Writer::new(Self::FORMAT, samples.saturating_add(10))
            .u64(self.sequence.get())
            .list(&self.fingers, |writer, sample| {
                writer.u8(sample.position.code()).bytes(&sample.record);
            })
            .finish()
    }

    /// Reads the stored form. The records themselves are not decoded.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(Self::RECORD, Self::FORMAT, bytes)?;
        let sequence = Sequence::new(reader.u64("sequence")?);
        let fingers = reader.list("fingers", |reader| {
            let position = reader.u8("position")?;
            let position = reader.parsed("position", FingerPosition::try_from(position))?;
            Ok(FingerSample { position, record: reader.bytes("record")?.to_vec() })
        })?;
        reader.finish()?;
        Ok(Self { sequence, fingers })
    }

    /// Makes the features again, by this program's algorithm: about 3 ms of CPU for ten fingers. A finger that this
    /// algorithm can make nothing of is left out, since the others still find the person.
    ///
    /// # Errors
    /// The first violation if the records do not decode, or if none of the fingers can be used.
    pub fn features(&self) -> Result<FeatureRow, FieldViolation> {
        Fingers::new(self.fingers.clone())?.usable_features().map(FeatureRow::new)
    }
}

/// The features of a person's fingers, made from the [`GalleryEntry`] by one version of the algorithm.
#[derive(Clone, PartialEq)]
pub struct FeatureRow {
    /// The version of the algorithm that made them.
    pub algorithm: u16,
    /// One for each finger.
    pub fingers: Vec<FingerFeatures>,
}

impl FeatureRow {
    const RECORD: &'static str = "feature row";
    const FORMAT: u8 = 1;

    /// Features of this program's own algorithm.
    #[must_use]
    pub fn new(fingers: Vec<FingerFeatures>) -> Self {
        Self { algorithm: ALGORITHM_VERSION, fingers }
    }

    /// The stored form, to be sealed: format 1, algorithm (u16), fingers (count u16, each as bytes in the
    /// algorithm's own form).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let fingers: Vec<Zeroizing<Vec<u8>>> =
            self.fingers.iter().map(|finger| Zeroizing::new(finger.to_bytes())).collect();
        let size: usize = fingers.iter().map(|finger| finger.len().saturating_add(4)).sum();
        Writer::new(Self::FORMAT, size.saturating_add(4))
            .u16(self.algorithm)
            .list(&fingers, |writer, finger| {
                writer.bytes(finger);
            })
            .finish()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`DecodeError`] names the field: `algorithm` for features of another version, which are to be made
    /// again from the original records.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_some(bytes, |_| true)
    }

    /// Reads the fingers of the wanted positions only: one of ten takes about a tenth of the time. The others are not
    /// checked.
    ///
    /// # Errors
    /// As [`FeatureRow::decode`].
    pub fn decode_some(bytes: &[u8], wanted: impl Fn(FingerPosition) -> bool) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(Self::RECORD, Self::FORMAT, bytes)?;
        let algorithm = reader.u16("algorithm")?;
        if algorithm != ALGORITHM_VERSION {
            return Err(reader.value("algorithm"));
        }
        let fingers = reader.list("fingers", |reader| {
            let bytes = reader.bytes("finger")?;
            // A finger that names no position is read, and refused.
            if FingerFeatures::stored_position(bytes).is_some_and(|position| !wanted(position)) {
                return Ok(None);
            }
            reader.parsed("finger", FingerFeatures::from_bytes(bytes)).map(Some)
        })?;
        reader.finish()?;
        Ok(Self { algorithm, fingers: fingers.into_iter().flatten().collect() })
    }
}

/// A stored feature row, as far as this program can read it.
#[derive(Debug, Clone, PartialEq)]
pub enum StoredFeatures {
    /// Of this program's own algorithm.
    Current(FeatureRow),
    /// Of another version of the algorithm: to be made again by [`GalleryEntry::features`].
    Stale {
        /// That version.
        algorithm: u16,
    },
}

impl StoredFeatures {
    /// Reads the stored form of a [`FeatureRow`] of any algorithm. Of another algorithm only the version is read.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let algorithm = Self::algorithm(bytes)?;
        if algorithm == ALGORITHM_VERSION {
            FeatureRow::decode(bytes).map(Self::Current)
        } else {
            Ok(Self::Stale { algorithm })
        }
    }

    /// The stored form. Of another algorithm's features only the version is known, and given.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Current(row) => row.encode(),
            Self::Stale { algorithm } => Writer::new(FeatureRow::FORMAT, 2).u16(*algorithm).finish(),
        }
    }

    /// The version of the algorithm that made a stored row. Nothing after it is read.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn algorithm(bytes: &[u8]) -> Result<u16, DecodeError> {
        Reader::new(FeatureRow::RECORD, FeatureRow::FORMAT, bytes)?.u16("algorithm")
    }
}

impl fmt::Debug for FeatureRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeatureRow")
            .field("algorithm", &self.algorithm)
            .field("fingers", &self.fingers.len())
            .finish()
    }
}

/// Whose row in the gallery it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// The holder of a number.
    Number(IdentityNumber),
    /// Somebody whose case is open. They are in the gallery, so that a second copy of them is found.
    Pending(CaseId),
    /// Nobody any more: the case was refused.
    Withdrawn,
}

impl Holder {
    const RECORD: &'static str = "holder";
    const FORMAT: u8 = 1;

    /// The stored form, to be sealed: format 1, then 1 and the 12 digits, or 2 and the case (u64), or 3.
    /// Always 14 bytes, zeros at the end, so that the length does not tell a number from a case.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new(Self::FORMAT, 13);
        match self {
            Self::Number(number) => writer.u8(1).array(&number.digits()),
            Self::Pending(case) => writer.u8(2).u64(case.get()).array(&[0; 4]),
            Self::Withdrawn => writer.u8(3).array(&[0; 12]),
        };
        writer.finish()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`DecodeError`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(Self::RECORD, Self::FORMAT, bytes)?;
        let holder = match reader.u8("kind")? {
            1 => {
                let digits = reader.array("number")?;
                Self::Number(reader.parsed("number", IdentityNumber::from_digits(digits))?)
            }
            2 => {
                let case = CaseId::new(reader.u64("case")?);
                reader.zeros::<4>("padding")?;
                Self::Pending(case)
            }
            3 => {
                reader.zeros::<12>("padding")?;
                Self::Withdrawn
            }
            _ => return Err(reader.value("kind")),
        };
        reader.finish()?;
        Ok(holder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::DecodeProblem;
    use plinth_biometrics::synthetic::SyntheticPerson;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn a_gallery_entry_has_these_bytes() {
        let entry = GalleryEntry {
            sequence: Sequence::new(3),
            fingers: vec![
                FingerSample { position: FingerPosition::Unknown, record: vec![0xaa] },
                FingerSample { position: FingerPosition::LeftLittle, record: vec![0xbb, 0xcc] },
            ],
        };
        let expected = [
            &[1][..],                  // format
            &[0, 0, 0, 0, 0, 0, 0, 3], // sequence
            &[0, 2],                   // two samples
            &[0],
            &[0, 0, 0, 1],
            &[0xaa], // position unknown, one byte
            &[10],
            &[0, 0, 0, 2],
            &[0xbb, 0xcc], // left little finger, two bytes
        ]
        .concat();
        assert_eq!(entry.encode(), expected);
        assert_eq!(GalleryEntry::decode(&expected), Ok(entry));
    }

    #[test]
    fn every_holder_has_fourteen_bytes() {
        let number = IdentityNumber::draw(&mut StdRng::seed_from_u64(1));
        for (holder, expected) in [
            (Holder::Number(number), [&[1, 1][..], &number.digits()].concat()), // format, number, its digits
            (Holder::Pending(CaseId::new(5)), vec![1, 2, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0]), // format, case, id, zeros
            (Holder::Withdrawn, vec![1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), // format, nobody, zeros
        ] {
            assert_eq!(holder.encode(), expected);
            assert_eq!(Holder::decode(&expected), Ok(holder));
            assert_eq!(expected.len(), 14);
        }
    }

    #[test]
    fn features_of_another_algorithm_are_told_by_name() {
        let person = SyntheticPerson::new(1, 1);
        let record = person.capture(FingerPosition::RightThumb, 0);
        let features = FingerFeatures::extract(&record, 0, FingerPosition::RightThumb).unwrap();
        let row = FeatureRow::new(vec![features]);
        let mut bytes = row.encode();
        assert!(FeatureRow::decode(&bytes) == Ok(row));
        bytes[2] ^= 1;
        let error = FeatureRow::decode(&bytes).unwrap_err();
        assert_eq!((error.field, error.problem), ("algorithm", DecodeProblem::Value));
        let stale = StoredFeatures::Stale { algorithm: ALGORITHM_VERSION ^ 1 };
        assert_eq!(StoredFeatures::decode(&bytes), Ok(stale));
    }

    #[test]
    fn some_fingers_are_read_as_they_are_among_all_of_them() {
        let person = SyntheticPerson::new(1, 1);
        let all = FingerPosition::ALL
            .map(|position| FingerFeatures::extract(&person.capture(position, 0), 0, position).unwrap());
        let bytes = FeatureRow::new(all.to_vec()).encode();
        for wanted in
            [&[][..], &[FingerPosition::LeftRing], &[FingerPosition::RightThumb, FingerPosition::LeftIndex]]
        {
            let expected = all.iter().filter(|finger| wanted.contains(&finger.position())).cloned().collect();
            let read = FeatureRow::decode_some(&bytes, |position| wanted.contains(&position));
            assert!(read == Ok(FeatureRow::new(expected)));
        }
    }

    #[test]
    fn original_records_make_their_features_again_without_a_finger_that_cannot_be_used() {
        let person = SyntheticPerson::new(1, 1);
        let (good, mut bad) = (FingerPosition::RightThumb, person.capture(FingerPosition::LeftThumb, 0));
        bad.views[0].minutiae.truncate(3);
        let record = person.capture(good, 0);
        let expected = FingerFeatures::extract(&record, 0, good).unwrap();
        let samples = [(good, record), (FingerPosition::LeftThumb, bad)]
            .map(|(position, record)| FingerSample { position, record: record.encode() });
        let entry = GalleryEntry { sequence: Sequence::new(1), fingers: samples.to_vec() };
        assert!(entry.features() == Ok(FeatureRow::new(vec![expected])));
        let hopeless = GalleryEntry { fingers: samples[1..].to_vec(), ..entry };
        assert!(hopeless.features().is_err());
    }

    #[test]
    fn templates_do_not_show_in_debug_output() {
        let sample = FingerSample { position: FingerPosition::LeftThumb, record: vec![222; 3] };
        let entry = GalleryEntry { sequence: Sequence::new(1), fingers: vec![sample] };
        assert!(!format!("{entry:?}").contains("222"));
        assert_eq!(format!("{:?}", FeatureRow::new(Vec::new())).matches("fingers: 0").count(), 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_row_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = GalleryEntry::decode(&bytes);
            let _ = FeatureRow::decode(&bytes);
            let _ = StoredFeatures::decode(&bytes);
            if let Ok(holder) = Holder::decode(&bytes) {
                prop_assert_eq!(holder.encode(), bytes);
            }
        }
    }
}
