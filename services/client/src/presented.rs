use plinth_identity::application::{FingerSample, Fingers};
use plinth_identity::demographics::DemographicClaim;
use plinth_identity::evidence::{CodeClaim, Evidence};
use plinth_identity::party::Factor;

use crate::error::ClientError;

/// What a person shows, declared as exactly what it is.
pub(crate) fn evidence(
    claim: DemographicClaim,
    fingers: Vec<FingerSample>,
    code: Option<CodeClaim>,
) -> Result<Evidence, ClientError> {
    let mut declared = claim.factors();
    let fingers = if fingers.is_empty() {
        None
    } else {
        declared.insert(Factor::Fingerprint);
        Some(Fingers::new(fingers).map_err(ClientError::Request)?)
    };
    if code.is_some() {
        declared.insert(Factor::Otp);
    }
    // Samples of irises and faces have no matcher yet: the service would refuse them.
    Evidence::new(claim, fingers, code, &[], 0, declared).map_err(ClientError::Request)
}
