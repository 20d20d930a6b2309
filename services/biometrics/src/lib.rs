//! Fingerprint biometrics of Plinth: pure functions from template bytes to decisions' raw material.
//!
//! The data flows downwards: [`record`] parses a finger minutiae record (ISO/IEC 19794-2, ANSI/INCITS 378),
//! [`cylinder`] turns one view of it into features, [`matcher`] compares two of those,
//! [`index`] hashes them under a key for the 1:N search, and [`calibration`] gives a comparison score its
//! meaning. [`synthetic`] draws people who do not exist, and [`evaluation`] measures all of it by the rules
//! of the Fingerprint Verification Competition.
//!
//! Nothing here reads a clock, a file or a global random source: time, keys, seeds and candidates are arguments.

mod alignment;
pub mod calibration;
pub mod capture;
pub mod cylinder;
pub mod evaluation;
mod hamming;
mod hull;
pub mod index;
pub mod matcher;
mod motion;
pub mod record;
pub mod reference;
pub mod synthetic;
pub mod weighing;

pub use cylinder::{ALGORITHM_VERSION, FeatureError, FingerFeatures};
pub use index::TokenKey;
pub use matcher::{Matcher, Score, compare};
pub use record::{FingerPosition, FingerRecord, FingerView, Minutia, MinutiaKind, RecordError, RecordFormat};
