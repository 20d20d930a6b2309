//! The fingerprints that a request carries, as they were sent and as they are understood.

use std::fmt;

use plinth_biometrics::cylinder::FingerFeatures;
use plinth_biometrics::record::{FingerRecord, FingerView, MAX_MINUTIAE};
use zeroize::Zeroize;

use crate::field::FieldViolation;
use crate::reason::Reason;

pub use plinth_biometrics::record::FingerPosition;

/// One finger minutiae record as it was sent. A secret: wiped when dropped, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct FingerSample {
    /// The finger that the sender says it is. [`FingerPosition::Unknown`] leaves it to the record.
    pub position: FingerPosition,
    /// The exact bytes of a record in one of the formats of [`plinth_biometrics::record`].
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
/// A declared position is that of every view of its sample. Of a sample that declares none, the views that name the
/// same finger are captures of that finger, and each view that names none is a finger of its own.
#[derive(Clone, PartialEq, Eq)]
pub struct Fingers {
    samples: Vec<FingerSample>,
    fingers: Vec<Finger>,
}

/// The views of one finger, at least one, all of one sample.
#[derive(Clone, PartialEq, Eq)]
struct Finger {
    sample: usize,
    position: FingerPosition,
    /// Each holds one view alone, so that features are made of it and of nothing else.
    views: Vec<FingerRecord>,
}

impl Finger {
    /// What the squares of views' minutiae may sum to while views are tried: that of one full view, so that a finger of
    /// many views costs no more than one view can. Sixteen views of 63 minutiae fit.
    const TRIED: usize = MAX_MINUTIAE * MAX_MINUTIAE;

    /// Features of the view with the most cylinders, of the first of equals.
    fn features(&self) -> Result<FingerFeatures, FieldViolation> {
        let mut left = Self::TRIED;
        let mut best: Option<FingerFeatures> = None;
        let mut refused = None;
        for view in &self.views {
            let minutiae = minutiae_of(view);
            let Some(rest) = left.checked_sub(minutiae * minutiae) else { continue };
            left = rest;
            match FingerFeatures::extract(view, 0, self.position) {
                Ok(features) => {
                    let most = best.as_ref().map_or(0, FingerFeatures::cylinder_count);
                    if features.cylinder_count() > most {
                        best = Some(features);
                    }
                }
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        best.ok_or_else(|| {
            let description = refused.map_or_else(|| "no view".to_owned(), |error| error.to_string());
            FieldViolation::new(at(self.sample, "record"), Reason::NoBiometrics, description)
        })
    }
}

impl Fingers {
    /// The most fingers that a request may carry.
    pub const MAX: usize = 10;
    /// The most views that they may have, all together.
    pub const MAX_VIEWS: usize = 160;

    /// Decodes and checks samples.
    ///
    /// # Errors
    /// The first violation, in this order: [`Reason::Malformed`] at `fingers` (none) or [`Reason::TooManyFingers`]
    /// (more than ten, or more than [`Fingers::MAX_VIEWS`] views); [`Reason::Malformed`] at `fingers[i].record` (no
    /// usable record) or `fingers[i].position` (not what the record itself names); [`Reason::SameFingerTwice`] at
    /// `fingers[i].position` (a known position in another sample) or `fingers[i].record` (the template of another
    /// view, whatever its position).
    pub fn new(samples: Vec<FingerSample>) -> Result<Self, FieldViolation> {
        if samples.is_empty() {
            return Err(FieldViolation::malformed("fingers", "must be 1 to 10 fingers"));
        }
        let too_many = |description| FieldViolation::new("fingers", Reason::TooManyFingers, description);
        let mut fingers = Vec::with_capacity(samples.len());
        let mut views = 0;
        for (index, sample) in samples.iter().enumerate() {
            // Checked before each record, so that a request cannot buy more decoding than ten fingers are worth.
            if index < Self::MAX {
                let more = fingers_of(index, sample)?;
                views += more.iter().map(|finger| finger.views.len()).sum::<usize>();
                fingers.extend(more);
            }
            if index >= Self::MAX || fingers.len() > Self::MAX {
                return Err(too_many("must be at most 10 fingers"));
            }
            if views > Self::MAX_VIEWS {
                return Err(too_many("must be at most 160 views"));
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

    /// The features of every finger, in the order of samples and views. Of several views of one finger, the one with
    /// the most usable minutiae stands for it, of equals the first.
    ///
    /// Time grows with the square of a view's minutiae, and is never more than that of one full view a finger.
    ///
    /// # Errors
    /// [`Reason::NoBiometrics`] at `fingers[i].record` if a finger has too few minutiae to be told apart.
    pub fn features(&self) -> Result<Vec<FingerFeatures>, FieldViolation> {
        self.fingers.iter().map(Finger::features).collect()
    }

    /// The features of every finger that has minutiae enough, in the same order.
    ///
    /// # Errors
    /// [`Reason::NoBiometrics`] at `fingers[i].record` for the first finger, if none has.
    pub fn usable_features(&self) -> Result<Vec<FingerFeatures>, FieldViolation> {
        let usable: Vec<FingerFeatures> =
            self.fingers.iter().filter_map(|finger| finger.features().ok()).collect();
        if usable.is_empty() { self.features() } else { Ok(usable) }
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

/// Minutiae of a record of one view.
fn minutiae_of(view: &FingerRecord) -> usize {
    view.views.iter().map(|view| view.minutiae.len()).sum()
}

/// The fingers of one sample, in the order of their first views.
fn fingers_of(index: usize, sample: &FingerSample) -> Result<Vec<Finger>, FieldViolation> {
    let FingerRecord { width, height, x_resolution, y_resolution, views } =
        FingerRecord::decode(&sample.record)
            .map_err(|error| FieldViolation::malformed(at(index, "record"), error.to_string()))?;
    let mut fingers: Vec<Finger> = Vec::new();
    for view in views {
        let position = match (sample.position, view.position) {
            (FingerPosition::Unknown, own) => own,
            (declared, FingerPosition::Unknown) => declared,
            (declared, own) if declared == own => declared,
            _ => {
                let description = "must be the position that every view of the record names, or unspecified";
                return Err(FieldViolation::malformed(at(index, "position"), description));
            }
        };
        let view = FingerRecord { width, height, x_resolution, y_resolution, views: vec![view] };
        let known = |finger: &&mut Finger| finger.position == position && position != FingerPosition::Unknown;
        match fingers.iter_mut().find(known) {
            Some(finger) => finger.views.push(view),
            None => fingers.push(Finger { sample: index, position, views: vec![view] }),
        }
    }
    Ok(fingers)
}

/// Refuses a known position in two samples, and a template that comes twice under any position: the same content sent
/// as two fingers would count as two witnesses.
fn refuse_same_finger_twice(fingers: &[Finger]) -> Result<(), FieldViolation> {
    let mut earlier: Vec<Vec<(u16, u16)>> = Vec::new();
    for (index, finger) in fingers.iter().enumerate() {
        let violation = |field, description| {
            Err(FieldViolation::new(at(finger.sample, field), Reason::SameFingerTwice, description))
        };
        for view in &finger.views {
            let places: Vec<_> = view.views.iter().flat_map(places_of).collect();
            if earlier.iter().any(|other| are_one_template(other, &places)) {
                return violation("record", "must not repeat the minutiae of another finger or view");
            }
            earlier.push(places);
        }
        let named = finger.position != FingerPosition::Unknown;
        if named && fingers[..index].iter().any(|other| other.position == finger.position) {
            return violation("position", "must not name a finger twice");
        }
    }
    Ok(())
}

/// The distinct places of minutiae, sorted. Without angles: those change when a template is written in another format.
fn places_of(view: &FingerView) -> Vec<(u16, u16)> {
    let mut places: Vec<_> = view.minutiae.iter().map(|m| (m.x, m.y)).collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// Whether more than half of the places of the smaller of two views are places of the other, to the pixel. Two touches
/// never agree so closely, of one finger or of two: with forty minutiae each on 300 by 400 pixels they share a place by
/// chance once in some 75 pairs. So copies are noticed of which minutiae were left out, repeated or put in between.
pub(crate) fn are_one_template(a: &[(u16, u16)], b: &[(u16, u16)]) -> bool {
    let (few, many) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let shared = few.iter().filter(|place| many.binary_search(place).is_ok()).count();
    shared * 2 > few.len()
}

#[cfg(test)]
mod tests;
