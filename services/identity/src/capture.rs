//! The capture check: what an agency learns about fingers before the person has left, and before anything is stored.
//!
//! It is a pure function of the samples and of the thresholds in force. No gallery is looked at, so that nobody can
//! learn from it who is enrolled.

mod advice;

use plinth_biometrics::capture::{
    CapturedFinger, FingerCapture, ORDINARY_CYLINDERS, person_power, same_finger,
};
use plinth_biometrics::cylinder::FingerFeatures;
use plinth_biometrics::matcher::Matcher;
use plinth_biometrics::record::{FingerRecord, FingerView, MAX_MINUTIAE, RecordError};

use crate::field::FieldViolation;
use crate::fingers::{FingerPosition, FingerSample, Fingers, are_one_template};
use crate::reason::Reason;
use crate::request::RequestHeader;

pub use advice::{CaptureAdvice, CaptureLight};
pub use plinth_biometrics::capture::Weakness;
pub use plinth_biometrics::record::RecordFormat;

/// A capture is enough if a later one of the same person is found with at least this probability.
pub const ENOUGH_POWER: f64 = 0.99;

/// An agency's question about samples. Only [`CaptureQuery::new`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaptureQuery {
    /// Who asks, and when.
    pub header: RequestHeader,
    /// 1 to 10 samples, not decoded yet: what is wrong with one of them is an answer, not a refusal.
    pub samples: Vec<FingerSample>,
}

impl CaptureQuery {
    /// Checks the number of samples, and nothing in them.
    ///
    /// # Errors
    /// [`Reason::Malformed`] (none) or [`Reason::TooManyFingers`] (more than ten) at `fingers`.
    pub fn new(header: RequestHeader, samples: Vec<FingerSample>) -> Result<Self, FieldViolation> {
        check_count(samples.len())?;
        Ok(Self { header, samples })
    }
}

/// What was found out about samples.
#[derive(Debug, Clone, PartialEq)]
pub struct CaptureReport {
    /// The whole in one word.
    pub light: CaptureLight,
    /// Why an enrolment with exactly these samples would be refused; absent if it would be decided.
    pub refusal: Option<FieldViolation>,
    /// The probability that a later capture of the same fingers is noticed, 0 to 1; see [`person_power`] for what it is
    /// foretold from.
    pub power: f64,
    /// Every view of every sample, in their order; a sample that cannot be decoded stands here once.
    pub fingers: Vec<CheckedFinger>,
    /// Fingers of whom nothing was sent; empty if a sample does not say which finger it is. For information: nobody has
    /// to have ten fingers.
    pub missing: Vec<FingerPosition>,
}

/// What was found out about one view of a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedFinger {
    /// Index of the sample.
    pub sample: u8,
    /// Index of the view in its record.
    pub view: u8,
    /// The finger, as far as it is known.
    pub position: FingerPosition,
    /// Who says so.
    pub source: PositionSource,
    /// Whether this view counts towards the person's power: it can be used, and no better view of the same finger, and
    /// no earlier capture of it, was sent.
    pub counted: bool,
    /// What the view holds; absent if the record cannot be decoded.
    pub measured: Option<Measured>,
    /// What to do about it.
    pub advice: CaptureAdvice,
    /// What an enrolment would say of this sample, naming the field; absent if it would not object.
    pub problem: Option<FieldViolation>,
}

/// Who says which finger a view shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionSource {
    /// Nobody: it may be any.
    Unknown,
    /// The sender.
    Declared,
    /// The record itself.
    Recorded,
}

/// Figures of one view.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// What its record is written in.
    pub format: RecordFormat,
    /// Minutiae as the record lists them.
    pub minutiae: u16,
    /// Those that the matcher can use.
    pub cylinders: u16,
    /// The area that the minutiae span, square millimetres.
    pub area: f32,
    /// The finger's quality as the record reports it, 1 to 100; absent if it reports none. Not interpreted.
    pub quality: Option<u8>,
    /// The probability that a later touch of this finger alone is recognised at a false match rate of 1 in 10,000.
    pub power: f64,
}

impl CheckedFinger {
    fn new(sample: u8, view: u8, (position, source): (FingerPosition, PositionSource)) -> Self {
        Self {
            sample,
            view,
            position,
            source,
            counted: false,
            measured: None,
            advice: CaptureAdvice::Keep,
            problem: None,
        }
    }
}

impl CaptureReport {
    /// Judges samples for a service that notices people at `fmr`: the false match rate of a comparison of two people from
    /// which on somebody is called a duplicate, or looked at by an administrator.
    ///
    /// At most ten fingers are compared with each other; some 10 ms of CPU for ten large records.
    ///
    /// # Errors
    /// [`Reason::Malformed`] (none) or [`Reason::TooManyFingers`] (more than ten, in however many samples) at `fingers`.
    /// All else is in the report.
    pub fn of(samples: &[FingerSample], fmr: f64) -> Result<Self, FieldViolation> {
        check_count(samples.len())?;
        let decoded: Vec<_> =
            samples.iter().map(|sample| FingerRecord::decode_with_format(&sample.record)).collect();
        check_count(decoded.iter().zip(samples).map(|(record, sample)| fingers_in(record, sample)).sum())?;
        check_work(decoded.iter().flatten().map(|(_, record)| record))?;
        let mut examined = Vec::with_capacity(samples.len());
        for ((index, sample), record) in (0u8..).zip(samples).zip(decoded) {
            examined.extend(examine(index, sample, record));
        }
        find_repetitions(&mut examined);
        let fingers: Vec<CheckedFinger> = examined.into_iter().map(|one| one.checked).collect();
        let refusal = Fingers::new(samples.to_vec()).and_then(|fingers| fingers.features()).err();
        let power = power_of(&fingers, false, fmr);
        let light = if power_of(&fingers, true, fmr) < ENOUGH_POWER {
            CaptureLight::NotEnough
        } else if power < ENOUGH_POWER || fingers.iter().any(CheckedFinger::must_be_repeated) {
            CaptureLight::CaptureAgain
        } else {
            CaptureLight::Ready
        };
        let missing = missing(&fingers);
        Ok(Self { light, refusal, power, fingers, missing })
    }

    /// Indices of the fingers that are to be captured again, or would better be.
    pub fn capture_again(&self) -> impl Iterator<Item = usize> {
        self.fingers
            .iter()
            .enumerate()
            .filter(|(_, one)| one.advice != CaptureAdvice::Keep)
            .map(|(index, _)| index)
    }
}

impl CheckedFinger {
    /// Whether an enrolment would be refused because of this finger, or record something that is not so.
    fn must_be_repeated(&self) -> bool {
        self.problem.is_some()
            || matches!(
                self.advice,
                CaptureAdvice::SameFingerTwice { .. }
                    | CaptureAdvice::CaptureAgain(Weakness::RepeatedMinutiae)
            )
    }
}

fn check_count(fingers: usize) -> Result<(), FieldViolation> {
    match fingers {
        0 => Err(FieldViolation::malformed("fingers", "must be 1 to 10 fingers")),
        1..=Fingers::MAX => Ok(()),
        _ => Err(FieldViolation::new("fingers", Reason::TooManyFingers, "must be at most 10 fingers")),
    }
}

/// Refuses views that would cost more to measure than ten full ones: time grows with the square of their minutiae. A
/// hundred and sixty views of 63 minutiae fit.
fn check_work<'a>(records: impl Iterator<Item = &'a FingerRecord>) -> Result<(), FieldViolation> {
    let squares =
        records.flat_map(|record| &record.views).map(|view| view.minutiae.len() * view.minutiae.len());
    if squares.sum::<usize>() > Fingers::MAX * MAX_MINUTIAE * MAX_MINUTIAE {
        let description = "must not have more minutiae than ten full views";
        return Err(FieldViolation::new("fingers", Reason::TooManyFingers, description));
    }
    Ok(())
}

/// A decoded sample, or why it cannot be.
type Decoded = Result<(RecordFormat, FingerRecord), RecordError>;

/// How many fingers a sample stands for; one, if nobody can read it.
fn fingers_in(record: &Decoded, sample: &FingerSample) -> usize {
    let Ok((_, record)) = record else { return 1 };
    let mut known: Vec<FingerPosition> = record.views.iter().map(|view| resolve(sample, view).0).collect();
    known.sort_unstable();
    let unknown = known.iter().filter(|position| **position == FingerPosition::Unknown).count();
    known.dedup();
    unknown + known.iter().filter(|position| **position != FingerPosition::Unknown).count()
}

/// The finger that a view shows, and who says so.
fn resolve(sample: &FingerSample, view: &FingerView) -> (FingerPosition, PositionSource) {
    match (sample.position, view.position) {
        (FingerPosition::Unknown, FingerPosition::Unknown) => {
            (FingerPosition::Unknown, PositionSource::Unknown)
        }
        (FingerPosition::Unknown, recorded) => (recorded, PositionSource::Recorded),
        (declared, _) => (declared, PositionSource::Declared),
    }
}

/// A view while it is examined.
struct Examined {
    checked: CheckedFinger,
    features: Option<FingerFeatures>,
    /// Distinct places of the minutiae, sorted: two views that share most of them are one capture.
    places: Vec<(u16, u16)>,
}

/// Examines one sample by itself.
fn examine(index: u8, sample: &FingerSample, decoded: Decoded) -> Vec<Examined> {
    let (format, record) = match decoded {
        Ok(decoded) => decoded,
        Err(error) => {
            let declared = sample.position != FingerPosition::Unknown;
            let source = if declared { PositionSource::Declared } else { PositionSource::Unknown };
            let mut unread = CheckedFinger::new(index, 0, (sample.position, source));
            unread.advice = CaptureAdvice::WrongFormat;
            unread.problem = Some(FieldViolation::malformed(at(index, "record"), error.to_string()));
            return vec![Examined { checked: unread, features: None, places: Vec::new() }];
        }
    };
    let views = (0..).zip(&record.views);
    let mut examined: Vec<Examined> = views
        .map(|(view, seen)| measure(CheckedFinger::new(index, view, resolve(sample, seen)), format, &record))
        .collect();
    count_best_views(&mut examined);
    if let Some(violation) = objection(index, sample) {
        for one in &mut examined {
            one.object(&violation);
        }
    }
    examined
}

/// What an enrolment with this sample alone would be refused for. It is asked, so that the two never differ.
fn objection(index: u8, sample: &FingerSample) -> Option<FieldViolation> {
    let mut violation = Fingers::new(vec![sample.clone()]).and_then(|fingers| fingers.features()).err()?;
    violation.field = violation.field.replacen("fingers[0]", &format!("fingers[{index}]"), 1);
    Some(violation)
}

fn measure(mut checked: CheckedFinger, format: RecordFormat, record: &FingerRecord) -> Examined {
    let view = usize::from(checked.view);
    let mut places: Vec<_> = record
        .views
        .get(view)
        .map(|view| view.minutiae.iter().map(|m| (m.x, m.y)).collect())
        .unwrap_or_default();
    places.sort_unstable();
    places.dedup();
    let Ok(capture) = FingerCapture::measure(record, view, checked.position) else {
        return Examined { checked, features: None, places };
    };
    checked.advice = capture.weakness().map_or(CaptureAdvice::Keep, CaptureAdvice::CaptureAgain);
    checked.measured = Some(Measured {
        format,
        minutiae: small(capture.minutiae),
        cylinders: small(capture.cylinders),
        area: capture.area,
        quality: Some(capture.quality).filter(|quality| (1..=100).contains(quality)),
        power: capture.power(),
    });
    Examined { checked, features: capture.features, places }
}

/// Of several views of one finger in a record the one with the most cylinders stands for it, of equals the first; the
/// others need not be good.
fn count_best_views(views: &mut [Examined]) {
    let size = |one: &Examined| one.checked.measured.map_or(0, |measured| measured.cylinders);
    for index in 0..views.len() {
        let position = views[index].checked.position;
        let better = |(other, one): (usize, &Examined)| {
            let rank =
                (size(one), std::cmp::Reverse(other)) > (size(&views[index]), std::cmp::Reverse(index));
            one.checked.position == position && rank
        };
        let spare = position != FingerPosition::Unknown && views.iter().enumerate().any(better);
        let one = &mut views[index];
        one.checked.counted = !spare && one.features.is_some();
        if spare {
            one.checked.advice = CaptureAdvice::Keep;
        }
    }
}

impl Examined {
    /// Takes an objection to the sample as one to this view, if it is at fault.
    fn object(&mut self, violation: &FieldViolation) {
        let advice = match violation.reason {
            Reason::NoBiometrics if self.features.is_some() || self.checked.advice == CaptureAdvice::Keep => {
                return;
            }
            Reason::NoBiometrics => self.checked.advice,
            // Views of one sample are compared with each other later.
            Reason::SameFingerTwice => return,
            _ if violation.field.ends_with(".position") => CaptureAdvice::WrongPosition,
            _ => CaptureAdvice::WrongFormat,
        };
        self.checked.advice = advice;
        self.checked.counted = false;
        self.checked.problem = Some(violation.clone());
    }

    fn can_be_read(&self) -> bool {
        self.checked.measured.is_some()
    }

    /// Whether two samples name one finger. Views of one sample may.
    fn names_the_finger_of(&self, other: &Self) -> bool {
        let (one, other) = (&self.checked, &other.checked);
        one.sample != other.sample
            && one.position == other.position
            && one.position != FingerPosition::Unknown
    }
}

/// Compares every finger with every other one: the same template, the same position, and, by the full matcher, another
/// capture of the same finger under another name. An enrolment looks for the first two only, in this order.
fn find_repetitions(fingers: &mut [Examined]) {
    let pairs = |count: usize| (1..count).flat_map(|later| (0..later).map(move |earlier| (earlier, later)));
    let twice = |one: &Examined, field: &str, description: &str| {
        Some(FieldViolation::new(at(one.checked.sample, field), Reason::SameFingerTwice, description))
    };
    for (earlier, later) in pairs(fingers.len()) {
        let (a, b) = (&fingers[earlier], &fingers[later]);
        if a.can_be_read() && b.can_be_read() && are_one_template(&a.places, &b.places) {
            let problem = twice(b, "record", "must not repeat the minutiae of another finger or view");
            mark_repetition(fingers, earlier, later, problem);
        }
    }
    for (earlier, later) in pairs(fingers.len()) {
        let (a, b) = (&fingers[earlier], &fingers[later]);
        if a.can_be_read() && b.can_be_read() && a.names_the_finger_of(b) {
            let problem = twice(b, "position", "must not name a finger twice");
            mark_repetition(fingers, earlier, later, problem);
        }
    }
    let mut matcher = Matcher::new();
    for (earlier, later) in pairs(fingers.len()) {
        let (a, b) = (&fingers[earlier], &fingers[later]);
        let (true, true, Some(one), Some(other)) =
            (a.checked.counted, b.checked.counted, &a.features, &b.features)
        else {
            continue;
        };
        if same_finger(&mut matcher, one, other) {
            mark_repetition(fingers, earlier, later, None);
        }
    }
}

/// Notes that two views show one finger. The earlier one still counts as that finger.
fn mark_repetition(fingers: &mut [Examined], earlier: usize, later: usize, problem: Option<FieldViolation>) {
    for (index, other) in [(earlier, later), (later, earlier)] {
        let advice = &mut fingers[index].checked.advice;
        if matches!(advice, CaptureAdvice::Keep | CaptureAdvice::CaptureAgain(_)) {
            *advice = CaptureAdvice::SameFingerTwice { other: small(other) };
        }
    }
    let repeated = &mut fingers[later].checked;
    repeated.counted = false;
    // An enrolment looks at whether there are minutiae enough last of all.
    if repeated.problem.as_ref().is_none_or(|known| known.reason == Reason::NoBiometrics) {
        repeated.problem = problem.or_else(|| repeated.problem.take());
    }
}

/// The probability that a later capture of the fingers is found; `repaired` as if whatever should be captured again had
/// been, with an ordinary result.
fn power_of(fingers: &[CheckedFinger], repaired: bool, fmr: f64) -> f64 {
    let captured = |finger: &CheckedFinger| {
        let again = repaired && finger.advice != CaptureAdvice::Keep;
        let own = finger.measured.map_or(0, |measured| usize::from(measured.cylinders));
        let cylinders = if again { own.max(ORDINARY_CYLINDERS) } else { own };
        let position_known = finger.position != FingerPosition::Unknown;
        (finger.counted || again).then_some(CapturedFinger { cylinders, position_known })
    };
    let captured: Vec<CapturedFinger> = fingers.iter().filter_map(captured).collect();
    person_power(&captured, fmr)
}

fn missing(fingers: &[CheckedFinger]) -> Vec<FingerPosition> {
    let sent = |position: FingerPosition| fingers.iter().any(|finger| finger.position == position);
    if sent(FingerPosition::Unknown) {
        return Vec::new();
    }
    FingerPosition::ALL.into_iter().filter(|position| !sent(*position)).collect()
}

/// The path of a field of a sample.
fn at(sample: u8, field: &str) -> String {
    format!("fingers[{sample}].{field}")
}

fn small(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
