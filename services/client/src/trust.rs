use plinth_identity::batch::BatchRoot;
use plinth_identity::dsse::{Envelope, PublicKey, Verified, payload_type};
use plinth_identity::id::{DeploymentId, LogPosition};
use plinth_identity::statement::ServiceInfo;

use plinth_proto::convert::batch::decode_batch_root;

use crate::message::SignedMessage;
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

/// Verifies signed messages of either form. The root that was verified last is remembered: answers that were decided
/// together come together, and its signature is checked once.
pub(crate) struct Roots<'a> {
    trust: &'a Trust,
    last: Option<(Envelope, Verified, BatchRoot)>,
}

/// A message that is proved.
pub(crate) struct ProvedMessage {
    pub(crate) verified: Verified,
    /// Where the root says the message is logged, and in which epoch it is signed, if it is below one.
    pub(crate) place: Option<(LogPosition, u32)>,
}

impl<'a> Roots<'a> {
    pub(crate) fn new(trust: &'a Trust) -> Self {
        Self { trust, last: None }
    }

    pub(crate) fn trust(&self) -> &'a Trust {
        self.trust
    }

    /// Verifies that a trusted key signed this message as `payload_type`, alone or through a root.
    pub(crate) fn verify(
        &mut self,
        message: &SignedMessage,
        payload_type: &'static str,
    ) -> Result<ProvedMessage, VerifyError> {
        match message {
            SignedMessage::Alone(envelope) => {
                Ok(ProvedMessage { verified: self.trust.verify(envelope, payload_type)?, place: None })
            }
            SignedMessage::Below(below) => {
                if below.payload_type != payload_type {
                    return Err(VerifyError::PayloadType { expected: payload_type });
                }
                let (signed, root) = self.root(&below.root)?;
                let verified = root.proves(signed, below, payload_type).map_err(|_| VerifyError::NotBelow)?;
                let place = Some((root.position(below.leaf_index), root.key_epoch));
                Ok(ProvedMessage { verified, place })
            }
        }
    }

    fn root(&mut self, envelope: &Envelope) -> Result<(&Verified, &BatchRoot), VerifyError> {
        if self.last.as_ref().is_none_or(|(last, _, _)| last != envelope) {
            let verified = self.trust.verify(envelope, payload_type::BATCH_ROOT)?;
            let root = decode_batch_root(&verified).map_err(VerifyError::Body)?;
            if root.issuer != self.trust.deployment() {
                return Err(VerifyError::Issuer);
            }
            self.last = Some((envelope.clone(), verified, root));
        }
        match &self.last {
            Some((_, verified, root)) => Ok((verified, root)),
            None => Err(VerifyError::NotBelow),
        }
    }
}

/// Trust on first use: believes the keys that the service itself names. Compare them with what was printed when the
/// service was set up before anything depends on it.
impl From<&ServiceInfo> for Trust {
    fn from(info: &ServiceInfo) -> Self {
        Self::new(info.issuer, info.keys.clone())
    }
}
