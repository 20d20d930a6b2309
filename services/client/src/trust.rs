use plinth_identity::dsse::{Envelope, PublicKey, Verified};
use plinth_identity::id::DeploymentId;
use plinth_identity::statement::ServiceInfo;

use crate::verify::VerifyError;

/// Whose statements are believed: one deployment, and the keys that sign for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    deployment: DeploymentId,
    keys: Vec<PublicKey>,
}

impl Trust {
    /// Trust in keys that came another way than over the network, for example printed when the service was set up.
    #[must_use]
    pub fn new(deployment: DeploymentId, keys: Vec<PublicKey>) -> Self {
        Self { deployment, keys }
    }

    /// The deployment: the audience of requests and the issuer of statements.
    #[must_use]
    pub fn deployment(&self) -> DeploymentId {
        self.deployment
    }

    /// The keys, of every epoch.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// Verifies that one of the keys signed these bytes as `payload_type`.
    ///
    /// The key is the one that the envelope names. An envelope that names none is tried with each.
    pub(crate) fn verify(
        &self,
        envelope: &Envelope,
        payload_type: &'static str,
    ) -> Result<Verified, VerifyError> {
        if envelope.payload_type() != payload_type {
            return Err(VerifyError::PayloadType { expected: payload_type });
        }
        let mut candidates = self
            .keys
            .iter()
            .filter(|key| envelope.key_id().is_none_or(|hint| *hint == key.key_id()))
            .peekable();
        if candidates.peek().is_none() {
            return Err(VerifyError::UntrustedKey);
        }
        candidates.find_map(|key| envelope.verify(payload_type, key).ok()).ok_or(VerifyError::Signature)
    }
}

/// Trust on first use: believes the keys that the service itself names. Compare them with what was printed when the
/// service was set up before anything depends on it.
impl From<&ServiceInfo> for Trust {
    fn from(info: &ServiceInfo) -> Self {
        Self::new(info.issuer, info.keys.clone())
    }
}
