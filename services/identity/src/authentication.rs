//! Questions about one person, and the one yes or no that answers them.
//!
//! An answer is made in two steps. [`judge`] compares everything that was presented with a person, whatever
//! the single comparisons give, and only finds out; it needs no lock and no counter, and so runs beside the
//! committer. [`conclude`] takes what was found, the one-time code and the budgets as they are at the moment
//! of the decision, and names the first reason that speaks against a yes, in a fixed order. Both are pure.

mod conclusion;
mod judgement;
mod request;
mod resident;

pub use conclusion::{CodeFinding, Decision, IN_ORDER, Verdict, conclude};
pub use judgement::{Findings, FingerFinding, Subject, judge};
pub use request::{AuthenticationRequest, Channel, ChannelSet, Consent, OtpRequest, PersonRequest};
pub use resident::{ResidentAction, ResidentRequest};
