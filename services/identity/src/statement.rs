//! What the service says and signs.

use std::fmt;

use crate::authentication::Verdict;
use crate::case::CaseDecision;
use crate::dsse::{self, PublicKey};
use crate::history::HistoryEntry;
use crate::id::{CaseId, DeploymentId, LogPosition, PartyId, RelyingPartyToken, RequestDigest, RequestId};
use crate::identity_record::Locks;
use crate::number::IdentityNumber;
use crate::party::{AttributeSet, PartyKind};
use crate::reason::Reason;
use crate::time::Timestamp;
use crate::virtual_number::VirtualNumber;

pub use crate::sealing::SealedAttributes;

/// What every statement says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementHeader {
    /// The deployment that says it.
    pub issuer: DeploymentId,
    /// The digest of the signed bytes of the request that it answers.
    pub request: RequestDigest,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// The epoch of the key that signs it.
    pub key_epoch: u32,
    /// The place of its leaf in the log.
    pub log_position: LogPosition,
    /// Random bytes that keep the leaf from being guessed from what the statement says.
    pub log_salt: [u8; 16],
}

/// What became of an enrolment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnrolmentOutcome {
    /// The person is new and has this number.
    Issued {
        /// The number.
        number: IdentityNumber,
    },
    /// The person was enrolled before. Whose number they have is not said.
    Duplicate,
    /// Administrators will decide.
    Pending {
        /// The case.
        case: CaseId,
    },
    /// Administrators decided against it.
    Refused,
}

/// The answer to an enrolment request.
#[derive(Debug, Clone, PartialEq)]
pub struct EnrolmentStatement {
    /// What every statement says.
    pub header: StatementHeader,
    /// The agency that asked.
    pub agency: PartyId,
    /// The agency's id of the request.
    pub request_id: RequestId,
    /// What became of it.
    pub outcome: EnrolmentOutcome,
    /// Fingers that were enrolled or compared, 1 to 10.
    pub fingers: u8,
    /// How many people the search covered.
    pub searched: u64,
    /// The false match rate of one comparison at which two people were one, at this size of the gallery.
    pub duplicate_fmr: f64,
    /// The false match rate of one comparison at which two people were alike, at this size of the gallery.
    pub adjudicate_fmr: f64,
    /// The policy's false positive identification rate of a whole search; 0 in statements of before it was stated.
    pub target_fpir: f64,
}

/// The answer to an authentication request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticationStatement {
    /// What every statement says.
    pub header: StatementHeader,
    /// The relying party that asked.
    pub relying_party: PartyId,
    /// Yes or no.
    pub verdict: Verdict,
    /// Why it is a no, for a relying party whose policy entitles it to reasons.
    pub reason: Option<Reason>,
    /// The person's pseudonym at this relying party, in a yes only, and only if its policy gives it one.
    pub token: Option<RelyingPartyToken>,
    /// Whether the request was captured without a connection and sent later: the person was there when it was
    /// issued, not when it was decided.
    pub buffered: bool,
}

/// The answer to a request for a one-time code: the same whether or not somebody holds the number and can be
/// reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtpStatement {
    /// What every statement says.
    pub header: StatementHeader,
    /// The relying party that asked, and that alone can use the code.
    pub relying_party: PartyId,
    /// What the code is for: the `request_id` of the request.
    pub transaction: RequestId,
    /// The first moment at which the code is no longer good.
    pub expires_at: Timestamp,
}

/// The answer to a request for a person's attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonStatement {
    /// What every statement says.
    pub header: StatementHeader,
    /// The relying party that asked.
    pub relying_party: PartyId,
    /// Yes or no.
    pub verdict: Verdict,
    /// Why it is a no, for a relying party whose policy entitles it to reasons.
    pub reason: Option<Reason>,
    /// The person's pseudonym at this relying party, in a yes only, and only if its policy gives it one.
    pub token: Option<RelyingPartyToken>,
    /// What was asked for, in a yes; empty in a no. What is not recorded is not sealed.
    pub attributes: AttributeSet,
    /// The attributes, in every yes and nowhere else.
    pub sealed: Option<SealedAttributes>,
}

/// The answer to a person's order about their own number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResidentStatement {
    /// What every statement says.
    pub header: StatementHeader,
    /// The agent that sent the order.
    pub agent: PartyId,
    /// Whether it was carried out.
    pub verdict: Verdict,
    /// Why not, for an agent whose policy entitles it to reasons.
    pub reason: Option<Reason>,
    /// What was done, in every yes and nowhere else.
    pub outcome: Option<ResidentOutcome>,
}

/// What was done for a person.
#[derive(Clone, PartialEq, Eq)]
pub enum ResidentOutcome {
    /// They have a new virtual number.
    VirtualNumber {
        /// The number.
        number: VirtualNumber,
        /// The moment from which it is worth nothing, if there is one.
        expires_at: Option<Timestamp>,
    },
    /// They have no virtual number any more.
    VirtualNumberRevoked,
    /// The locks are these now.
    Locks(Locks),
    /// They have a new authenticator.
    Totp {
        /// Its address with the secret in it: see
        /// [`TotpSecret::otpauth_uri`](crate::otp::TotpSecret::otpauth_uri).
        uri: String,
    },
    /// They have no authenticator any more.
    TotpRemoved,
    /// This was asked about them.
    History {
        /// Decisions and their positions in the log, newest first.
        entries: Vec<(LogPosition, HistoryEntry)>,
        /// Where the next page begins: before this position. None on the last page.
        next: Option<LogPosition>,
    },
}

/// Shows neither the secret of an authenticator nor a history.
impl fmt::Debug for ResidentOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VirtualNumber { number, expires_at } => {
                write!(f, "VirtualNumber({number:?}, expires at {expires_at:?})")
            }
            Self::VirtualNumberRevoked => f.write_str("VirtualNumberRevoked"),
            Self::Locks(locks) => locks.fmt(f),
            Self::Totp { .. } => f.write_str("Totp(..)"),
            Self::TotpRemoved => f.write_str("TotpRemoved"),
            Self::History { entries, .. } => write!(f, "History({} entries)", entries.len()),
        }
    }
}

/// What changed in the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryChange {
    /// A party was registered.
    Registered {
        /// Its kind.
        kind: PartyKind,
        /// Its id.
        id: PartyId,
    },
    /// A party's name, licence or policy was replaced; its key was not.
    Amended {
        /// Its kind.
        kind: PartyKind,
        /// Its id.
        id: PartyId,
    },
    /// A party was suspended.
    Suspended {
        /// Its kind.
        kind: PartyKind,
        /// Its id.
        id: PartyId,
    },
    /// A suspended party was reinstated.
    Reinstated {
        /// Its kind.
        kind: PartyKind,
        /// Its id.
        id: PartyId,
    },
    /// A party was revoked.
    Revoked {
        /// Its kind.
        kind: PartyKind,
        /// Its id.
        id: PartyId,
    },
    /// A case was decided.
    CaseDecided {
        /// The case.
        case: CaseId,
        /// What was decided.
        decision: CaseDecision,
    },
    /// A case was not decided, because people whom the applicant resembles had come since; it names them now,
    /// and stays open.
    CaseExtended {
        /// The case.
        case: CaseId,
    },
    /// The 1:N index is being built anew under a new key.
    IndexRenewed {
        /// The number of that key, 2 or more.
        epoch: u32,
    },
}

/// The receipt for a change of the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryStatement {
    /// What every statement says.
    pub header: StatementHeader,
    /// The administrator who ordered it; of two, the first by id.
    pub administrator: PartyId,
    /// What changed.
    pub change: RegistryChange,
}

/// What the service says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceInfo {
    /// The deployment.
    pub issuer: DeploymentId,
    /// The time of its clock.
    pub time: Timestamp,
    /// The epoch of the key that signs now.
    pub key_epoch: u32,
    /// The keys of consecutive epochs, oldest first; the last one signs now.
    pub keys: Vec<PublicKey>,
    /// The version of the program.
    pub version: String,
    /// Its limits.
    pub limits: ServiceLimits,
    /// The key that signs one-time codes on their way to whoever delivers them, and nothing else.
    pub delivery_key: PublicKey,
}

/// Limits that a sender should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceLimits {
    /// The most fingers in a request.
    pub max_fingers: u32,
    /// The largest message in bytes.
    pub max_message_bytes: u64,
    /// How old a live request may be, in milliseconds.
    pub live_window_ms: u64,
    /// How far a sender's clock may be ahead, in milliseconds.
    pub max_ahead_ms: u64,
    /// How old a request may be that was captured without a connection and says so, in milliseconds.
    pub buffered_window_ms: u64,
}

/// The log's leaf for a statement: SHA-256 of a zero byte and the bytes that the statement's signature covers
/// (RFC 6962, section 2.1).
///
/// The statement's own `log_salt` is among those bytes. So the leaf commits to the statement, anyone who has
/// the statement can check it, and nobody can find a statement by trying numbers against leaves.
#[must_use]
pub fn leaf_hash(payload_type: &str, payload: &[u8]) -> [u8; 32] {
    dsse::pae_digest(&[0], payload_type, payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;
    use rand::{SeedableRng, rngs::StdRng};
    use sha2::{Digest, Sha256};

    #[test]
    fn a_leaf_is_the_hash_of_a_zero_byte_and_the_signed_bytes() {
        // printf '\0DSSEv1 1 t 2 ab' | sha256sum
        let expected = Sha256::digest(b"\0DSSEv1 1 t 2 ab");
        assert_eq!(HEXLOWER.encode(&leaf_hash("t", b"ab")), HEXLOWER.encode(&expected));
        assert_ne!(leaf_hash("t", b"ab")[..], Sha256::digest(b"DSSEv1 1 t 2 ab")[..]);
    }

    #[test]
    fn what_was_done_for_a_person_shows_no_secret() {
        let number = VirtualNumber::draw(&mut StdRng::seed_from_u64(1));
        let outcomes = [
            ResidentOutcome::Totp { uri: "otpauth://secret".to_owned() },
            ResidentOutcome::VirtualNumber { number, expires_at: None },
            ResidentOutcome::History { entries: Vec::new(), next: None },
        ];
        let shown = format!("{outcomes:?}");
        assert!(!shown.contains("secret") && !shown.contains(&number.reveal()), "{shown}");
        assert!(shown.contains("Totp(..)") && shown.contains("History(0 entries)"), "{shown}");
    }
}
