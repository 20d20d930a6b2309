//! An application for enrolment, and the fingerprints that any request may carry.

use std::fmt;

use plinth_biometrics::cylinder::FingerFeatures;
use plinth_biometrics::record::FingerRecord;
use zeroize::Zeroize;

use crate::demographics::Demographics;
use crate::field::FieldViolation;
use crate::reason::Reason;
use crate::request::RequestHeader;
use crate::time::Timestamp;

pub use plinth_biometrics::record::FingerPosition;

/// One finger minutiae record as it was sent. A secret: wiped when dropped, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct FingerSample {
    /// The finger that the sender says it is. [`FingerPosition::Unknown`] leaves it to the record.
    pub position: FingerPosition,
    /// The exact bytes of an ISO/IEC 19794-2:2005 record.
    pub record: Vec<u8>,
}

impl Drop for FingerSample {
    fn drop(&mut self) {
        self.record.zeroize();
    }
}

impl fmt::Debug for FingerSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FingerSample")
            .field("position", &self.position)
            .field("record_bytes", &self.record.len())
            .finish()
    }
}

/// One to ten fingers of one person, decoded, no finger twice.
///
/// A sample of one view is the finger that was declared, or, if none was, the one that its record names. A
/// sample of several views declares nothing, and each view is a finger.
#[derive(Clone, PartialEq, Eq)]
pub struct Fingers {
    samples: Vec<FingerSample>,
    fingers: Vec<Finger>,
}

/// One view of a sample.
#[derive(Clone, PartialEq, Eq)]
struct Finger {
    sample: usize,
    /// Holds this view alone, so that features are made of it and of nothing else.
    record: FingerRecord,
    position: FingerPosition,
}

impl Fingers {
    /// The most fingers that a request may carry.
    pub const MAX: usize = 10;

    /// Decodes and checks samples.
    ///
    /// # Errors
    /// The first violation, in this order: [`Reason::Malformed`] at `fingers` (none) or
    /// [`Reason::TooManyFingers`] (more than ten, views counted); [`Reason::Malformed`] at
    /// `fingers[i].record` (no usable record) or `fingers[i].position` (not the record's own position, or
    /// declared for several views); [`Reason::SameFingerTwice`] at `fingers[i].position` (a known position
    /// again) or `fingers[i].record` (the same minutiae again).
    pub fn new(samples: Vec<FingerSample>) -> Result<Self, FieldViolation> {
        if samples.is_empty() {
            return Err(FieldViolation::malformed("fingers", "must be 1 to 10 fingers"));
        }
        let mut fingers = Vec::with_capacity(samples.len());
        for (index, sample) in samples.iter().enumerate() {
            // Checked before each record, so that a request cannot buy more decoding than ten fingers are
            // worth.
            if index < Self::MAX {
                fingers.extend(views_of(index, sample)?);
            }
            if index >= Self::MAX || fingers.len() > Self::MAX {
                return Err(FieldViolation::new(
                    "fingers",
                    Reason::TooManyFingers,
                    "must be at most 10 fingers",
                ));
            }
        }
        refuse_same_finger_twice(&fingers)?;
        Ok(Self { samples, fingers })
    }

    /// The samples as they were sent.
    #[must_use]
    pub fn samples(&self) -> &[FingerSample] {
        &self.samples
    }

    /// The number of fingers, 1 to 10.
    #[must_use]
    pub fn count(&self) -> u8 {
        u8::try_from(self.fingers.len()).unwrap_or(u8::MAX)
    }

    /// The features of every finger, in the order of samples and views. About a millisecond of CPU for a
    /// large record.
    ///
    /// # Errors
    /// [`Reason::NoBiometrics`] at `fingers[i].record` if a finger has too few minutiae to be told apart.
    pub fn features(&self) -> Result<Vec<FingerFeatures>, FieldViolation> {
        let features = |finger: &Finger| {
            FingerFeatures::extract(&finger.record, 0, finger.position).map_err(|error| {
                FieldViolation::new(at(finger.sample, "record"), Reason::NoBiometrics, error.to_string())
            })
        };
        self.fingers.iter().map(features).collect()
    }
}

impl fmt::Debug for Fingers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fingers.iter().map(|finger| finger.position)).finish()
    }
}

/// The path of a field of a sample.
fn at(sample: usize, field: &str) -> String {
    format!("fingers[{sample}].{field}")
}

/// The fingers of one sample.
fn views_of(index: usize, sample: &FingerSample) -> Result<Vec<Finger>, FieldViolation> {
    let FingerRecord { width, height, x_resolution, y_resolution, views } =
        FingerRecord::decode(&sample.record)
            .map_err(|error| FieldViolation::malformed(at(index, "record"), error.to_string()))?;
    let declared = sample.position;
    if views.len() > 1 && declared != FingerPosition::Unknown {
        let description =
            "must be unspecified for a record of several views, which names each view's finger itself";
        return Err(FieldViolation::malformed(at(index, "position"), description));
    }
    let mut fingers = Vec::with_capacity(views.len());
    for view in views {
        let position = match (declared, view.position) {
            (FingerPosition::Unknown, own) => own,
            (declared, FingerPosition::Unknown) => declared,
            (declared, own) if declared == own => declared,
            _ => {
                let description = "must be the position that the record itself names, or unspecified";
                return Err(FieldViolation::malformed(at(index, "position"), description));
            }
        };
        let record = FingerRecord { width, height, x_resolution, y_resolution, views: vec![view] };
        fingers.push(Finger { sample: index, record, position });
    }
    Ok(fingers)
}

/// Refuses a known position that comes twice, and minutiae that come twice under any position: the same
/// content sent as two fingers would count as two witnesses.
fn refuse_same_finger_twice(fingers: &[Finger]) -> Result<(), FieldViolation> {
    for (index, finger) in fingers.iter().enumerate() {
        let mut earlier = fingers[..index].iter();
        let (field, description) =
            if earlier.clone().any(|other| same_minutiae(&other.record, &finger.record)) {
                ("record", "must not repeat the minutiae of another finger")
            } else if finger.position != FingerPosition::Unknown
                && earlier.any(|other| other.position == finger.position)
            {
                ("position", "must not name a finger twice")
            } else {
                continue;
            };
        return Err(FieldViolation::new(at(finger.sample, field), Reason::SameFingerTwice, description));
    }
    Ok(())
}

fn same_minutiae(a: &FingerRecord, b: &FingerRecord) -> bool {
    let minutiae = |record: &FingerRecord| {
        let mut places: Vec<_> =
            record.views.iter().flat_map(|view| &view.minutiae).map(|m| (m.x, m.y, m.angle)).collect();
        places.sort_unstable();
        places
    };
    minutiae(a) == minutiae(b)
}

/// An agency's application to enrol one person. Only [`Application::new`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Application {
    /// Who asks, and when.
    pub header: RequestHeader,
    /// Who the person is.
    pub demographics: Demographics,
    /// The person's fingers.
    pub fingers: Fingers,
    /// The agency's name of the station: at most 32 characters, none of them a control character; may be
    /// empty.
    pub station: String,
    /// The agency's name of the operator, by the same rule.
    pub operator: String,
}

impl Application {
    /// Longest name of a station or operator in characters.
    pub const MAX_LABEL_CHARS: usize = 32;

    /// Checks and keeps the parts.
    ///
    /// # Errors
    /// [`Reason::BadDate`] at `demographics.date_of_birth` if the person was born after the request was
    /// issued; [`Reason::Malformed`] at `station` or `operator`.
    pub fn new(
        header: RequestHeader,
        demographics: Demographics,
        fingers: Fingers,
        station: String,
        operator: String,
    ) -> Result<Self, FieldViolation> {
        check_born(&demographics, header.issued_at())?;
        for (field, text) in [("station", &station), ("operator", &operator)] {
            if text.chars().count() > Self::MAX_LABEL_CHARS || text.chars().any(char::is_control) {
                let description = "must be at most 32 characters without control characters";
                return Err(FieldViolation::malformed(field, description));
            }
        }
        Ok(Self { header, demographics, fingers, station, operator })
    }
}

fn check_born(demographics: &Demographics, at: Timestamp) -> Result<(), FieldViolation> {
    demographics
        .date_of_birth
        .check_not_future(at)
        .map_err(|violation| violation.at("demographics.date_of_birth"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demographics::{DateOfBirth, Gender, Name};
    use crate::id::{DeploymentId, Nonce, PartyId, RequestId};
    use plinth_biometrics::record::{FingerView, Minutia, MinutiaKind};
    use plinth_biometrics::synthetic::SyntheticPerson;
    use proptest::prelude::*;

    use FingerPosition::{LeftIndex, RightIndex, RightThumb, Unknown};

    fn sample(declared: FingerPosition, record: &FingerRecord) -> FingerSample {
        FingerSample { position: declared, record: record.encode() }
    }

    /// A small record with one view for each position, its minutiae different for each seed.
    fn record(seed: u16, positions: &[FingerPosition]) -> FingerRecord {
        let view = |(index, &position): (usize, &FingerPosition)| FingerView {
            position,
            view: u8::try_from(index).unwrap(),
            impression: 0,
            quality: 50,
            minutiae: (0..3)
                .map(|i| Minutia {
                    x: 10 * i + seed,
                    y: 50 + u16::try_from(index).unwrap(),
                    angle: 0,
                    kind: MinutiaKind::Ending,
                    quality: 0,
                })
                .collect(),
        };
        FingerRecord {
            width: 300,
            height: 300,
            x_resolution: 197,
            y_resolution: 197,
            views: positions.iter().enumerate().map(view).collect(),
        }
    }

    fn refused(samples: Vec<FingerSample>) -> (String, Reason) {
        let violation = Fingers::new(samples).unwrap_err();
        (violation.field, violation.reason)
    }

    #[test]
    fn a_declared_position_fills_in_what_the_record_leaves_open() {
        let fingers = Fingers::new(vec![
            sample(RightThumb, &record(1, &[Unknown])),
            sample(Unknown, &record(2, &[RightIndex])),
            sample(LeftIndex, &record(3, &[LeftIndex])),
            sample(Unknown, &record(4, &[Unknown])),
            sample(Unknown, &record(5, &[Unknown])),
        ])
        .unwrap();
        assert_eq!(format!("{fingers:?}"), "[RightThumb, RightIndex, LeftIndex, Unknown, Unknown]");
        assert_eq!((fingers.count(), fingers.samples().len()), (5, 5));
    }

    #[test]
    fn each_view_of_a_record_is_a_finger() {
        let fingers = Fingers::new(vec![sample(Unknown, &record(1, &[RightThumb, RightIndex]))]).unwrap();
        assert_eq!((fingers.count(), fingers.samples().len()), (2, 1));
        let declared = vec![sample(RightThumb, &record(1, &[RightThumb, RightIndex]))];
        assert_eq!(refused(declared), ("fingers[0].position".to_owned(), Reason::Malformed));
    }

    #[test]
    fn a_declaration_that_contradicts_the_record_is_malformed() {
        let samples =
            vec![sample(Unknown, &record(1, &[Unknown])), sample(RightThumb, &record(2, &[LeftIndex]))];
        assert_eq!(refused(samples), ("fingers[1].position".to_owned(), Reason::Malformed));
    }

    #[test]
    fn a_finger_is_not_sent_twice() {
        let twice =
            vec![sample(RightThumb, &record(1, &[Unknown])), sample(Unknown, &record(2, &[RightThumb]))];
        assert_eq!(refused(twice), ("fingers[1].position".to_owned(), Reason::SameFingerTwice));
        let views = vec![sample(Unknown, &record(1, &[RightThumb, RightThumb]))];
        assert_eq!(refused(views), ("fingers[0].position".to_owned(), Reason::SameFingerTwice));
        let same_bytes = vec![sample(Unknown, &record(1, &[Unknown])); 2];
        assert_eq!(refused(same_bytes), ("fingers[1].record".to_owned(), Reason::SameFingerTwice));
    }

    #[test]
    fn the_same_minutiae_under_another_position_are_the_same_finger() {
        let mut reordered = record(1, &[LeftIndex]);
        reordered.views[0].minutiae.reverse();
        let samples = vec![sample(RightThumb, &record(1, &[RightThumb])), sample(LeftIndex, &reordered)];
        assert_eq!(refused(samples), ("fingers[1].record".to_owned(), Reason::SameFingerTwice));
    }

    #[test]
    fn one_to_ten_fingers_are_accepted_however_they_are_packed() {
        let singles =
            |count: u16| (0..count).map(|i| sample(Unknown, &record(i, &[Unknown]))).collect::<Vec<_>>();
        assert_eq!(refused(Vec::new()), ("fingers".to_owned(), Reason::Malformed));
        assert_eq!(Fingers::new(singles(10)).unwrap().count(), 10);
        assert_eq!(refused(singles(11)), ("fingers".to_owned(), Reason::TooManyFingers));
        let mut packed = singles(9);
        packed.push(sample(Unknown, &record(100, &[RightThumb, RightIndex])));
        assert_eq!(refused(packed), ("fingers".to_owned(), Reason::TooManyFingers));
    }

    #[test]
    fn an_eleventh_record_is_not_even_read() {
        let mut samples: Vec<_> = (0..10).map(|i| sample(Unknown, &record(i, &[Unknown]))).collect();
        samples.push(FingerSample { position: Unknown, record: Vec::new() });
        assert_eq!(refused(samples), ("fingers".to_owned(), Reason::TooManyFingers));
    }

    #[test]
    fn a_finger_with_too_few_minutiae_is_no_biometrics() {
        let person = SyntheticPerson::new(1, 1);
        let good = person.capture(RightIndex, 0);
        let fingers =
            Fingers::new(vec![sample(RightIndex, &good), sample(Unknown, &record(1, &[Unknown]))]).unwrap();
        let Err(violation) = fingers.features() else { panic!("three minutiae are not a finger") };
        assert_eq!((violation.field.as_str(), violation.reason), ("fingers[1].record", Reason::NoBiometrics));
        let features = Fingers::new(vec![sample(RightIndex, &good)]).unwrap().features().unwrap();
        assert_eq!(features.iter().map(FingerFeatures::position).collect::<Vec<_>>(), [RightIndex]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_record_or_a_named_field(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let samples = vec![FingerSample { position: Unknown, record: bytes }];
            if let Err(violation) = Fingers::new(samples) {
                prop_assert_eq!(violation.field, "fingers[0].record");
            }
        }

        #[test]
        fn a_flipped_bit_gives_fingers_or_a_named_field(flip in any::<prop::sample::Index>()) {
            let mut bytes = record(1, &[RightThumb, LeftIndex]).encode();
            let bit = flip.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Err(violation) = Fingers::new(vec![FingerSample { position: Unknown, record: bytes }]) {
                prop_assert!(violation.field.starts_with("fingers[0]."));
            }
        }
    }

    fn application(born: &str, station: &str) -> Result<Application, FieldViolation> {
        let issued = Timestamp::parse("2025-06-01T00:00:00Z").unwrap();
        let header = RequestHeader::new(
            DeploymentId::from_bytes([1; 16]),
            PartyId::parse("post").unwrap(),
            "",
            RequestId::from_bytes([2; 16]),
            Nonce::from_bytes([3; 16]),
            issued,
            issued.plus_millis(1),
        )?;
        let demographics = Demographics {
            name: Name::parse("Ada").unwrap(),
            date_of_birth: DateOfBirth::parse(born).unwrap(),
            gender: Gender::Female,
            phone: None,
            email: None,
            address: None,
        };
        let fingers = Fingers::new(vec![sample(Unknown, &record(1, &[Unknown]))])?;
        Application::new(header, demographics, fingers, station.to_owned(), String::new())
    }

    #[test]
    fn nobody_is_born_after_the_request_was_issued() {
        assert!(application("2025-06-01", "").is_ok());
        let violation = application("2025-06-02", "").unwrap_err();
        assert_eq!(
            (violation.field.as_str(), violation.reason),
            ("demographics.date_of_birth", Reason::BadDate)
        );
    }

    #[test]
    fn a_station_has_a_short_printable_name() {
        assert!(application("2000-01-01", &"é".repeat(32)).is_ok());
        for station in ["a\tb", &"é".repeat(33)] {
            assert_eq!(application("2000-01-01", station).unwrap_err().field, "station");
        }
    }
}
