//! Fingerprint biometrics of Plinth: pure functions from template bytes to decisions' raw material.
//!
//! The data flows downwards: [`record`] parses an ISO/IEC 19794-2:2005 record, [`cylinder`] turns one view of it into
//! features, [`matcher`] compares two of those, [`token`] hashes them under a key for the 1:N index, and
//! [`calibration`] gives a comparison score its meaning. [`synthetic`] draws people who do not exist, and
//! [`evaluation`] measures all of it by the rules of the Fingerprint Verification Competition.
//!
//! Nothing here reads a clock, a file or a global random source: time, keys, seeds and candidates are arguments.

mod alignment;
pub mod calibration;
pub mod cylinder;
pub mod evaluation;
pub mod matcher;
pub mod record;
pub mod reference;
pub mod synthetic;
pub mod token;

pub use cylinder::{ALGORITHM_VERSION, FeatureError, FingerFeatures};
pub use matcher::{Matcher, Score, compare};
pub use record::{FingerPosition, FingerRecord, FingerView, Minutia, MinutiaKind, RecordError};
pub use token::{Ballot, Token, TokenKey, probe_tokens, tokens};
