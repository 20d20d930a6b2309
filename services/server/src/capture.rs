//! The capture check: what samples are worth, before the person has left and before anything is stored.
//!
//! It looks at the samples and at the thresholds in force, and at nobody who is enrolled. How many they are decides the
//! thresholds; every enrolment statement says it too.

use plinth_identity::capture::{CaptureQuery, CaptureReport};
use plinth_proto::enrolment::v1;

use crate::core::Core;
use crate::gate::{Origin, Signed, admit_query};
use crate::refusal::Refusal;

/// Judges the samples of a signed query. CPU work of about 10 ms, for a thread beside the event loop.
pub(crate) fn check(core: &Core, origin: Origin, envelope: Signed) -> Result<CaptureReport, Refusal> {
    let query = admit_query::<v1::CaptureQuery>(core, origin, envelope)?;
    let query = CaptureQuery::try_from(query.body)?;
    let rates = core.deduplication.rates(core.reader.head().gallery);
    Ok(CaptureReport::of(&query.samples, rates.adjudicate_fmr)?)
}
