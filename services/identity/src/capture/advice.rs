//! What an operator is told.

use plinth_biometrics::capture::Weakness;

use super::{CaptureReport, CheckedFinger};
use crate::fingers::FingerPosition;

/// What to do about one view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureAdvice {
    /// Keep it.
    Keep,
    /// Capture the finger again: with this result it can be used badly or not at all.
    CaptureAgain(Weakness),
    /// The device or its software writes records that are none.
    WrongFormat,
    /// Say again which finger it is: what is declared is not what the record says.
    WrongPosition,
    /// Two of the views show one finger. One of them was taken of the wrong finger, or named wrongly: capture both again.
    SameFingerTwice {
        /// The other view, as an index of [`CaptureReport::fingers`].
        other: u16,
    },
}

/// The whole in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureLight {
    /// Enrol with these. Single fingers may still be worth another try.
    Ready,
    /// Capture some fingers again first.
    CaptureAgain,
    /// Even with those captured again it would not be enough: capture more fingers.
    NotEnough,
}

impl CaptureReport {
    /// The light in a sentence, with the fingers to capture again, for the operator who stands before the person.
    #[must_use]
    pub fn sentence(&self) -> String {
        let again: Vec<String> = self
            .capture_again()
            .filter_map(|index| self.fingers.get(index))
            .map(|finger| format!("{} ({})", finger.name(), finger.advice.why()))
            .collect();
        let again = again.join(", ");
        let expected =
            format!("a later capture is expected to be recognised in {} of cases", percent(self.power));
        match (self.light, again.is_empty()) {
            (CaptureLight::Ready, true) => format!("Ready: {expected}."),
            (CaptureLight::Ready, false) => {
                format!("Ready: {expected}. If there is time, capture again: {again}.")
            }
            (CaptureLight::CaptureAgain, _) => format!("Capture again: {again}."),
            (CaptureLight::NotEnough, none) => {
                let repair = if none { String::new() } else { format!("Capture again: {again}. ") };
                format!("Not enough: {expected}. {repair}{}", self.further())
            }
        }
    }

    /// Which fingers could be added.
    fn further(&self) -> String {
        let names: Vec<String> = self.missing.iter().map(|position| words(*position)).collect();
        match names.as_slice() {
            [] => "Capture further fingers, if the person has more.".to_owned(),
            names => format!("Capture further fingers, if the person has them: {}.", names.join(", ")),
        }
    }
}

impl CheckedFinger {
    /// What the operator calls it: its finger, or its place among the samples, counted from one.
    fn name(&self) -> String {
        match self.position {
            FingerPosition::Unknown => format!("sample {}", u16::from(self.sample) + 1),
            known => words(known),
        }
    }
}

impl CaptureAdvice {
    /// Why, as an operator says it.
    fn why(self) -> &'static str {
        match self {
            Self::Keep => "good",
            Self::CaptureAgain(Weakness::FewMinutiae) => "too few minutiae",
            Self::CaptureAgain(Weakness::SmallArea) => "too little of the finger",
            Self::CaptureAgain(Weakness::RepeatedMinutiae) => "the device repeats minutiae",
            Self::WrongFormat => "no finger record",
            Self::WrongPosition => "named as another finger than the record says",
            Self::SameFingerTwice { .. } => "the same finger as another one",
        }
    }
}

/// `left-ring` as people say it.
fn words(position: FingerPosition) -> String {
    position.to_string().replace('-', " ")
}

/// Rounded down: nothing is certain.
fn percent(power: f64) -> String {
    format!("{:.1} %", (power.clamp(0.0, 0.9999) * 1000.0).floor() / 10.0)
}
