//! What comparing everything exactly would say: the measure of what the index loses.

use std::sync::Arc;

use plinth_biometrics::calibration::compare_people;
use plinth_biometrics::cylinder::FingerFeatures;
use plinth_biometrics::matcher::Matcher;
use plinth_identity::application::{FingerSample, Fingers};
use plinth_identity::id::Sequence;
use plinth_identity::policy::{DeduplicationPolicy, EnrolmentDecision};
use rayon::prelude::*;

use super::crowd::Crowd;

/// What the matcher makes of capture `n` of some people against their own first capture, by the thresholds of a gallery of
/// so many people.
///
/// # Errors
/// If the computation is cut off.
pub(crate) async fn against_oneself(
    crowd: &Arc<Crowd>,
    people: &[usize],
    n: usize,
    policy: DeduplicationPolicy,
    gallery: u64,
) -> anyhow::Result<Vec<EnrolmentDecision>> {
    let (crowd, people) = (Arc::clone(crowd), people.to_vec());
    let compare = move || {
        let one = |matcher: &mut Matcher, person: usize| {
            let person = &crowd.people()[person];
            let (probe, enrolled) = (features(person.capture(n)), features(person.capture(0)));
            policy.decide(&[(Sequence::new(0), compare_people(matcher, &probe, &enrolled))], gallery)
        };
        people.into_par_iter().map_init(Matcher::new, one).collect()
    };
    Ok(tokio::task::spawn_blocking(compare).await?)
}

/// The features that the service would extract; none from a capture that it would refuse.
fn features(capture: Vec<FingerSample>) -> Vec<FingerFeatures> {
    Fingers::new(capture).and_then(|fingers| fingers.features()).unwrap_or_default()
}
