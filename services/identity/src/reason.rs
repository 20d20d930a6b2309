//! Why something was refused or answered with no.

mod document;
mod table;

use std::fmt;

use table::facts;

pub use document::reasons_markdown;

/// A reason with a number, a name, who can do something about it, and what.
///
/// Numbers below 1000 have the meaning that Aadhaar's published authentication error codes gave them, so that
/// integrators know them; those from 1000 are ours. A number is never used again for something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Name, date of birth, age, gender, phone number or e-mail address differ from the record.
    DemographicMismatch,
    /// The address differs from the record.
    AddressMismatch,
    /// The fingerprints differ from the record.
    BiometricMismatch,
    /// One finger was sent twice.
    SameFingerTwice,
    /// One iris was sent twice.
    SameIrisTwice,
    /// More than ten fingers.
    TooManyFingers,
    /// More than two irises.
    TooManyIrises,
    /// More than one face.
    TooManyFaces,
    /// The person locked the biometric, or too many attempts failed.
    BiometricsLocked,
    /// The person locked the number.
    NumberLocked,
    /// The relying party may be given virtual numbers only.
    VirtualNumberRequired,
    /// The one-time code is wrong, used or expired.
    OtpMismatch,
    /// The one-time code belongs to another transaction, party or number.
    OtpOfAnotherTransaction,
    /// The attempts of a one-time code are used up.
    OtpAttemptsUsedUp,
    /// A field breaks a rule of the interface.
    Malformed,
    /// The virtual number is mistyped or was revoked.
    InvalidVirtualNumber,
    /// The virtual number has expired, or was used once.
    ExpiredVirtualNumber,
    /// No such party is registered, or the key is not the party's.
    UnknownParty,
    /// The declared factors are not the factors that were sent.
    Declaration,
    /// The request is older than allowed.
    Expired,
    /// The request comes from the future.
    FromFuture,
    /// The same `request_id` or nonce was used with other bytes.
    ReplayConflict,
    /// The party's licence has ended.
    LicenceExpired,
    /// The party's licence has not begun, or was revoked.
    LicenceInvalid,
    /// The signature does not verify.
    SignatureInvalid,
    /// The relying party may not ask about the name, date of birth, age, gender, phone number or e-mail
    /// address.
    NotEntitledDemographics,
    /// The relying party may not ask about the address.
    NotEntitledAddress,
    /// The relying party may not send the address as one text.
    NotEntitledFullAddress,
    /// The relying party may not ask about fingerprints.
    NotEntitledFingers,
    /// The relying party may not ask about irises.
    NotEntitledIrises,
    /// The relying party may not use one-time codes.
    NotEntitledOtp,
    /// The relying party may not ask about faces.
    NotEntitledFace,
    /// The relying party may not be given an attribute that it asked for.
    NotEntitledAttributes,
    /// The relying party may not match partially.
    NotEntitledPartialMatching,
    /// Too many of the party's answers today were a no.
    BlockedByErrorRate,
    /// The party asked about too many numbers today.
    BlockedByVelocity,
    /// There are no usable fingerprints: none on record, or too few minutiae in what was sent.
    NoBiometrics,
    /// Nothing to compare was sent, or only what many people share.
    NoFactor,
    /// A date that does not exist, or lies outside what is accepted.
    BadDate,
    /// A match value outside 1 to 100, or without partial matching.
    BadMatchValue,
    /// The address in its parts and as one text.
    BothAddresses,
    /// A face without another factor.
    FaceAlone,
    /// A child below five has no biometrics to compare.
    ChildBelowFive,
    /// The request came from a network outside the policy.
    Channel,
    /// Too many one-time codes for the person through this party.
    OtpFloodRelyingParty,
    /// Too many one-time codes for the person.
    OtpFloodPerson,
    /// The person's biometrics are due to be captured again.
    UpdateDue,
    /// The person has died.
    Deceased,
    /// The authority suspended the number.
    SuspendedByAuthority,
    /// The number was cancelled.
    Cancelled,
    /// The number is suspended.
    NumberSuspended,
    /// No such number.
    UnknownNumber,
    /// A fault of the service.
    Internal,
    /// The party is suspended.
    PartySuspended,
    /// The request names another deployment as its audience.
    WrongAudience,
    /// The service has more work than it can take.
    Overloaded,
    /// The service is about to stop.
    ShuttingDown,
    /// The case is decided already.
    CaseClosed,
    /// A decision that two administrators must sign was not signed by two.
    ApprovalsMissing,
    /// A party of that kind and id, or with that key, is registered already.
    AlreadyRegistered,
    /// There is no such thing, or it is not yours.
    NotFound,
    /// A message or a list is larger than allowed.
    TooLarge,
    /// Every number that was drawn is taken.
    NumberSpaceExhausted,
    /// The store is not open, or has stopped after a fault.
    NotServing,
    /// It belongs to another party.
    NotYours,
    /// People who match were enrolled after the case was last looked at.
    NewCandidates,
    /// The service has no matcher for the factor.
    FactorUnavailable,
    /// A factor that the policy demands is missing.
    MandatoryFactorMissing,
    /// The party sends more than its quota.
    QuotaExceeded,
    /// Too many duplicates from this agency, station or operator today.
    DuplicateQuota,
    /// The request needs a fingerprint or a one-time code.
    StrongFactorRequired,
    /// The service's clock stands before its own records.
    ClockBehind,
    /// Several attempts in a row failed; wait.
    TooManyAttempts,
    /// The person's consent is not stated.
    ConsentMissing,
    /// The party may not act for people on their own records.
    NotResidentAgent,
}

/// Who can do something about a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who {
    /// The person in front of the station.
    Person,
    /// The agency or relying party that sent the request: its software, keys or clock.
    Sender,
    /// The administrators of the registry.
    Administrator,
    /// Those who run the service.
    Operator,
}

impl Who {
    /// One lower-case word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Sender => "sender",
            Self::Administrator => "administrator",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Reason {
    /// Every reason, in the order of the numbers.
    pub const ALL: [Self; 75] = [
        Self::DemographicMismatch,
        Self::AddressMismatch,
        Self::BiometricMismatch,
        Self::SameFingerTwice,
        Self::SameIrisTwice,
        Self::TooManyFingers,
        Self::TooManyIrises,
        Self::TooManyFaces,
        Self::BiometricsLocked,
        Self::NumberLocked,
        Self::VirtualNumberRequired,
        Self::OtpMismatch,
        Self::OtpOfAnotherTransaction,
        Self::OtpAttemptsUsedUp,
        Self::Malformed,
        Self::InvalidVirtualNumber,
        Self::ExpiredVirtualNumber,
        Self::UnknownParty,
        Self::Declaration,
        Self::Expired,
        Self::FromFuture,
        Self::ReplayConflict,
        Self::LicenceExpired,
        Self::LicenceInvalid,
        Self::SignatureInvalid,
        Self::NotEntitledDemographics,
        Self::NotEntitledAddress,
        Self::NotEntitledFullAddress,
        Self::NotEntitledFingers,
        Self::NotEntitledIrises,
        Self::NotEntitledOtp,
        Self::NotEntitledFace,
        Self::NotEntitledAttributes,
        Self::NotEntitledPartialMatching,
        Self::BlockedByErrorRate,
        Self::BlockedByVelocity,
        Self::NoBiometrics,
        Self::NoFactor,
        Self::BadDate,
        Self::BadMatchValue,
        Self::BothAddresses,
        Self::FaceAlone,
        Self::ChildBelowFive,
        Self::Channel,
        Self::OtpFloodRelyingParty,
        Self::OtpFloodPerson,
        Self::UpdateDue,
        Self::Deceased,
        Self::SuspendedByAuthority,
        Self::Cancelled,
        Self::NumberSuspended,
        Self::UnknownNumber,
        Self::Internal,
        Self::PartySuspended,
        Self::WrongAudience,
        Self::Overloaded,
        Self::ShuttingDown,
        Self::CaseClosed,
        Self::ApprovalsMissing,
        Self::AlreadyRegistered,
        Self::NotFound,
        Self::TooLarge,
        Self::NumberSpaceExhausted,
        Self::NotServing,
        Self::NotYours,
        Self::NewCandidates,
        Self::FactorUnavailable,
        Self::MandatoryFactorMissing,
        Self::QuotaExceeded,
        Self::DuplicateQuota,
        Self::StrongFactorRequired,
        Self::ClockBehind,
        Self::TooManyAttempts,
        Self::ConsentMissing,
        Self::NotResidentAgent,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        facts(self).code
    }

    /// The name on the wire, `UPPER_SNAKE`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        facts(self).name
    }

    /// Who can do something about it.
    #[must_use]
    pub const fn who(self) -> Who {
        facts(self).who
    }

    /// What they can do, as an instruction.
    #[must_use]
    pub const fn next_step(self) -> &'static str {
        facts(self).next_step
    }

    /// What happened, as a sentence without personal data.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        facts(self).explanation
    }

    /// True if the same bytes may succeed when they are sent again later.
    #[must_use]
    pub const fn retryable(self) -> bool {
        facts(self).retryable
    }

    /// The reason with a number.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code(), self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_number_and_its_own_name() {
        for pair in Reason::ALL.windows(2) {
            assert!(pair[0].code() < pair[1].code(), "{:?} {:?}", pair[0], pair[1]);
        }
        let names: std::collections::BTreeSet<_> = Reason::ALL.into_iter().map(Reason::name).collect();
        assert_eq!(names.len(), Reason::ALL.len());
    }

    #[test]
    fn a_number_finds_its_reason_and_an_unknown_number_finds_none() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), Some(reason));
        }
        assert_eq!(Reason::from_code(0), None);
        assert_eq!(Reason::from_code(u16::MAX), None);
    }

    #[test]
    fn names_are_upper_snake_and_texts_are_whole_sentences() {
        for reason in Reason::ALL {
            assert!(
                reason.name().bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'),
                "{reason:?}"
            );
            for text in [reason.explanation(), reason.next_step()] {
                assert!(text.ends_with('.') && text.starts_with(char::is_uppercase), "{reason:?}: {text}");
            }
        }
    }

    #[test]
    fn published_numbers_keep_their_published_meaning() {
        let published = [
            (100, Reason::DemographicMismatch),
            (200, Reason::AddressMismatch),
            (300, Reason::BiometricMismatch),
            (310, Reason::SameFingerTwice),
            (311, Reason::SameIrisTwice),
            (314, Reason::TooManyFingers),
            (315, Reason::TooManyIrises),
            (316, Reason::TooManyFaces),
            (330, Reason::BiometricsLocked),
            (331, Reason::NumberLocked),
            (332, Reason::VirtualNumberRequired),
            (400, Reason::OtpMismatch),
            (402, Reason::OtpOfAnotherTransaction),
            (403, Reason::OtpAttemptsUsedUp),
            (510, Reason::Malformed),
            (515, Reason::InvalidVirtualNumber),
            (517, Reason::ExpiredVirtualNumber),
            (530, Reason::UnknownParty),
            (550, Reason::Declaration),
            (561, Reason::Expired),
            (562, Reason::FromFuture),
            (563, Reason::ReplayConflict),
            (565, Reason::LicenceExpired),
            (566, Reason::LicenceInvalid),
            (569, Reason::SignatureInvalid),
            (573, Reason::NotEntitledDemographics),
            (574, Reason::NotEntitledAddress),
            (575, Reason::NotEntitledFullAddress),
            (576, Reason::NotEntitledFingers),
            (577, Reason::NotEntitledIrises),
            (578, Reason::NotEntitledOtp),
            (579, Reason::NotEntitledFace),
            (580, Reason::NotEntitledAttributes),
            (581, Reason::NotEntitledPartialMatching),
            (592, Reason::BlockedByErrorRate),
            (593, Reason::BlockedByVelocity),
            (811, Reason::NoBiometrics),
            (901, Reason::NoFactor),
            (902, Reason::BadDate),
            (912, Reason::BadMatchValue),
            (913, Reason::BothAddresses),
            (914, Reason::FaceAlone),
            (915, Reason::ChildBelowFive),
            (940, Reason::Channel),
            (952, Reason::OtpFloodRelyingParty),
            (953, Reason::OtpFloodPerson),
            (992, Reason::UpdateDue),
            (994, Reason::Deceased),
            (995, Reason::SuspendedByAuthority),
            (996, Reason::Cancelled),
            (997, Reason::NumberSuspended),
            (998, Reason::UnknownNumber),
            (999, Reason::Internal),
        ];
        for (code, reason) in published {
            assert_eq!(reason.code(), code);
        }
    }
}
