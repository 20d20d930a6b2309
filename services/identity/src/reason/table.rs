//! What each reason is: one row a reason.

use super::{Reason, Who};

/// What there is to say about a reason.
pub(super) struct Facts {
    pub(super) code: u16,
    pub(super) name: &'static str,
    pub(super) who: Who,
    pub(super) retryable: bool,
    pub(super) explanation: &'static str,
    pub(super) next_step: &'static str,
}

/// The table of all reasons: code, name, explanation and next step, under the one who can act. A new one does
/// not compile until it stands here.
pub(super) const fn facts(reason: Reason) -> Facts {
    match reason {
        Reason::DemographicMismatch => person(
            100,
            "DEMOGRAPHIC_MISMATCH",
            "Name, date of birth, age, gender, phone number or e-mail address differ from the record.",
            "Check each against the person's document and send the request again.",
        ),
        Reason::AddressMismatch => person(
            200,
            "ADDRESS_MISMATCH",
            "The address differs from the record.",
            "Check the address against the person's document, or send another factor.",
        ),
        Reason::BiometricMismatch => person(
            300,
            "BIOMETRIC_MISMATCH",
            "The fingerprints differ from the record.",
            "Capture again, with a clean and dry finger flat on the sensor, or use another finger.",
        ),
        Reason::SameFingerTwice => sender(
            310,
            "SAME_FINGER_TWICE",
            "One finger was sent twice.",
            "Send every finger once, with the position that was captured.",
        ),
        Reason::SameIrisTwice => sender(
            311,
            "SAME_IRIS_TWICE",
            "One iris was sent twice.",
            "Send each iris once, with the eye that was captured.",
        ),
        Reason::TooManyFingers => {
            sender(314, "TOO_MANY_FINGERS", "More than ten fingers were sent.", "Send at most ten fingers.")
        }
        Reason::TooManyIrises => {
            sender(315, "TOO_MANY_IRISES", "More than two irises were sent.", "Send at most two irises.")
        }
        Reason::TooManyFaces => {
            sender(316, "TOO_MANY_FACES", "More than one face was sent.", "Send one face at most.")
        }
        Reason::BiometricsLocked => person(
            330,
            "BIOMETRICS_LOCKED",
            "The person has locked this biometric, or too many attempts with it have failed.",
            "Use a one-time code; with one, a lock can be taken off and failed attempts are forgiven.",
        ),
        Reason::NumberLocked => person(
            331,
            "NUMBER_LOCKED",
            "The person has locked the identity number.",
            "Use the person's virtual number, or have the person unlock the number.",
        ),
        Reason::VirtualNumberRequired => person(
            332,
            "VIRTUAL_NUMBER_REQUIRED",
            "The relying party may be given virtual numbers only.",
            "Ask the person for a virtual number and send that.",
        ),
        Reason::OtpMismatch => person(
            400,
            "OTP_MISMATCH",
            "The one-time code is wrong, used or expired.",
            "Type the code of the newest message again, or request a new one.",
        ),
        Reason::OtpOfAnotherTransaction => sender(
            402,
            "OTP_OF_ANOTHER_TRANSACTION",
            "The one-time code was not issued to this party for this transaction and number.",
            "Send the code with the transaction that it was requested for, and with the same number.",
        ),
        Reason::OtpAttemptsUsedUp => person(
            403,
            "OTP_ATTEMPTS_USED_UP",
            "Wrong codes have used up this transaction's attempts.",
            "Request a new one-time code.",
        ),
        Reason::Malformed => sender(
            510,
            "MALFORMED",
            "A field breaks a rule of the interface.",
            "Correct the field that the violation names.",
        ),
        Reason::InvalidVirtualNumber => person(
            515,
            "INVALID_VIRTUAL_NUMBER",
            "The virtual number is mistyped, or its holder revoked it.",
            "Check the number, or ask the person for the one that replaced it.",
        ),
        Reason::ExpiredVirtualNumber => person(
            517,
            "EXPIRED_VIRTUAL_NUMBER",
            "The virtual number has expired, or was for one use and has been used.",
            "Ask the person for a new virtual number.",
        ),
        Reason::UnknownParty => sender(
            530,
            "UNKNOWN_PARTY",
            "The party is not registered, or the key is not the party's.",
            "Check party id and key; ask an administrator to register them.",
        ),
        Reason::Declaration => sender(
            550,
            "DECLARATION_MISMATCH",
            "The declared factors are not the factors that were sent.",
            "Declare exactly the factors that the request carries.",
        ),
        Reason::Expired => sender(
            561,
            "EXPIRED",
            "The request is older than allowed.",
            "Set the station's clock and send a new request with a new id and nonce.",
        ),
        Reason::FromFuture => sender(
            562,
            "FROM_FUTURE",
            "The request was issued in the future.",
            "Set the station's clock and send a new request with a new id and nonce.",
        ),
        Reason::ReplayConflict => sender(
            563,
            "REPLAY_CONFLICT",
            "The request id or the nonce was used before, with other bytes.",
            "Send a new request with a new id and nonce.",
        ),
        Reason::LicenceExpired => administrator(
            565,
            "LICENCE_EXPIRED",
            "The party's licence has ended.",
            "Have the licence renewed.",
        ),
        Reason::LicenceInvalid => administrator(
            566,
            "LICENCE_INVALID",
            "The party's licence has not begun, or was revoked.",
            "Ask an administrator about the licence.",
        ),
        Reason::SignatureInvalid => sender(
            569,
            "SIGNATURE_INVALID",
            "The signature does not verify.",
            "Sign the exact bytes that are sent, with the registered key.",
        ),
        Reason::NotEntitledDemographics => administrator(
            573,
            "NOT_ENTITLED_DEMOGRAPHICS",
            "The relying party's policy does not allow this demographic factor.",
            "Leave the factor out, or have the policy extended.",
        ),
        Reason::NotEntitledAddress => administrator(
            574,
            "NOT_ENTITLED_ADDRESS",
            "The relying party's policy does not allow addresses.",
            "Leave the address out, or have the policy extended.",
        ),
        Reason::NotEntitledFullAddress => administrator(
            575,
            "NOT_ENTITLED_FULL_ADDRESS",
            "The relying party's policy does not allow addresses as one text.",
            "Send the address in its parts, or have the policy extended.",
        ),
        Reason::NotEntitledFingers => administrator(
            576,
            "NOT_ENTITLED_FINGERS",
            "The relying party's policy does not allow fingerprints.",
            "Leave the fingers out, or have the policy extended.",
        ),
        Reason::NotEntitledIrises => administrator(
            577,
            "NOT_ENTITLED_IRISES",
            "The relying party's policy does not allow irises.",
            "Leave the irises out, or have the policy extended.",
        ),
        Reason::NotEntitledOtp => administrator(
            578,
            "NOT_ENTITLED_OTP",
            "The relying party's policy does not allow one-time codes.",
            "Leave the one-time code out, or have the policy extended.",
        ),
        Reason::NotEntitledFace => administrator(
            579,
            "NOT_ENTITLED_FACE",
            "The relying party's policy does not allow faces.",
            "Leave the face out, or have the policy extended.",
        ),
        Reason::NotEntitledAttributes => administrator(
            580,
            "NOT_ENTITLED_ATTRIBUTES",
            "The relying party's policy does not allow an attribute that was asked for.",
            "Ask for fewer attributes, or have the policy extended.",
        ),
        Reason::NotEntitledPartialMatching => administrator(
            581,
            "NOT_ENTITLED_PARTIAL_MATCHING",
            "The relying party's policy does not allow partial matching.",
            "Match exactly, or have the policy extended.",
        ),
        Reason::BlockedByErrorRate => sender(
            592,
            "BLOCKED_BY_ERROR_RATE",
            "Too large a share of the party's requests today was answered with no.",
            "Find out why people fail, and ask again after the stated delay.",
        )
        .again(),
        Reason::BlockedByVelocity => sender(
            593,
            "BLOCKED_BY_VELOCITY",
            "The party has asked about too many different numbers today.",
            "Ask again after the stated delay, or have the quota raised.",
        )
        .again(),
        Reason::NoBiometrics => person(
            811,
            "NO_BIOMETRICS",
            "There are no usable fingerprints to compare.",
            "Capture again with better quality, or use another factor.",
        ),
        Reason::NoFactor => sender(
            901,
            "NO_FACTOR",
            "Nothing to compare was sent, or nothing that tells one person from another.",
            "Send at least one factor; a gender, an age or a year of birth alone is none.",
        ),
        Reason::BadDate => sender(
            902,
            "BAD_DATE",
            "A date does not exist or lies outside what is accepted.",
            "Correct the date that the violation names.",
        ),
        Reason::BadMatchValue => sender(
            912,
            "BAD_MATCH_VALUE",
            "A match value lies outside 1 to 100, or stands where nothing is matched partially.",
            "Send a match value from 1 to 100, and only with partial matching.",
        ),
        Reason::BothAddresses => sender(
            913,
            "BOTH_ADDRESSES",
            "The address was sent both in its parts and as one text.",
            "Send one of the two.",
        ),
        Reason::FaceAlone => sender(
            914,
            "FACE_ALONE",
            "A face was sent without another factor.",
            "Send another factor with the face.",
        ),
        Reason::ChildBelowFive => person(
            915,
            "CHILD_BELOW_FIVE",
            "The person is younger than five, and has no biometrics that could be compared.",
            "Use another factor.",
        ),
        Reason::Channel => administrator(
            940,
            "CHANNEL",
            "The request came from a network that the party's policy does not name.",
            "Send from a network of the policy, or have the policy extended.",
        ),
        Reason::OtpFloodRelyingParty => person(
            952,
            "OTP_FLOOD_RELYING_PARTY",
            "This party has requested too many one-time codes for the person.",
            "Use the newest code, or request one after the stated delay.",
        )
        .again(),
        Reason::OtpFloodPerson => person(
            953,
            "OTP_FLOOD_PERSON",
            "Too many one-time codes were requested for the person.",
            "Use the newest code, or request one after the stated delay.",
        )
        .again(),
        Reason::UpdateDue => person(
            992,
            "UPDATE_DUE",
            "The person's biometrics must be captured again: children's change with age.",
            "Send the person to an agency for the update.",
        ),
        Reason::Deceased => person(
            994,
            "DECEASED",
            "The record says that the person has died.",
            "Send the person to the authority with proof of life if this is wrong.",
        ),
        Reason::SuspendedByAuthority => person(
            995,
            "SUSPENDED_BY_AUTHORITY",
            "The authority has suspended the number.",
            "Send the person to the authority.",
        ),
        Reason::Cancelled => person(
            996,
            "CANCELLED",
            "The number was cancelled.",
            "Ask the person for the number that replaced it.",
        ),
        Reason::NumberSuspended => {
            person(997, "NUMBER_SUSPENDED", "The number is suspended.", "Send the person to the authority.")
        }
        Reason::UnknownNumber => person(
            998,
            "UNKNOWN_NUMBER",
            "There is no such number.",
            "Check the number against the person's document.",
        ),
        Reason::Internal => operator(
            999,
            "INTERNAL",
            "The service failed.",
            "Send the same request again later; tell those who run the service if it stays.",
        ),
        Reason::PartySuspended => administrator(
            1001,
            "PARTY_SUSPENDED",
            "The party is suspended.",
            "Ask an administrator why, and to reinstate the party.",
        ),
        Reason::WrongAudience => sender(
            1002,
            "WRONG_AUDIENCE",
            "The request is meant for another deployment.",
            "Set the audience to the deployment id that the service information states.",
        ),
        Reason::Overloaded => operator(
            1003,
            "OVERLOADED",
            "The service has more work than it can take.",
            "Send the same request again after the stated delay.",
        )
        .again(),
        Reason::ShuttingDown => operator(
            1004,
            "SHUTTING_DOWN",
            "The service is about to stop.",
            "Send the same request again; it is answered after the restart.",
        )
        .again(),
        Reason::CaseClosed => administrator(
            1005,
            "CASE_CLOSED",
            "The case is decided already.",
            "Read the case; a decision is made once.",
        ),
        Reason::ApprovalsMissing => administrator(
            1006,
            "APPROVALS_MISSING",
            "The decision was not signed by two different administrators.",
            "Have two administrators sign the same bytes.",
        ),
        Reason::AlreadyRegistered => administrator(
            1007,
            "ALREADY_REGISTERED",
            "A party of that kind with that id, or that key, is registered already.",
            "Choose another id, and a key of its own.",
        ),
        Reason::NotFound => sender(1008, "NOT_FOUND", "There is no such thing.", "Check the id."),
        Reason::TooLarge => sender(
            1009,
            "TOO_LARGE",
            "A message or a list is larger than allowed.",
            "Stay within the limits that the service information states.",
        ),
        Reason::NumberSpaceExhausted => operator(
            1010,
            "NUMBER_SPACE_EXHAUSTED",
            "Every number that was drawn is taken.",
            "Tell those who run the service.",
        ),
        Reason::NotServing => operator(
            1011,
            "NOT_SERVING",
            "The store is not open, or has stopped after a fault.",
            "Send the same request again later; operators find the first fault in the log.",
        )
        .again(),
        Reason::NotYours => {
            sender(1012, "NOT_YOURS", "It belongs to another party.", "Ask only about your own requests.")
        }
        Reason::NewCandidates => administrator(
            1013,
            "NEW_CANDIDATES",
            "People who match were enrolled since the case was last looked at.",
            "Look at the case again and decide with the new candidates.",
        ),
        Reason::FactorUnavailable => operator(
            1014,
            "FACTOR_UNAVAILABLE",
            "This service cannot compare one of the declared factors.",
            "Use another factor.",
        ),
        Reason::MandatoryFactorMissing => sender(
            1015,
            "MANDATORY_FACTOR_MISSING",
            "The relying party's policy demands a factor that the request does not carry.",
            "Send every factor that the policy calls mandatory.",
        ),
        Reason::QuotaExceeded => sender(
            1016,
            "QUOTA_EXCEEDED",
            "The party sends more requests than its quota allows.",
            "Ask again after the stated delay, and send fewer requests.",
        )
        .again(),
        Reason::DuplicateQuota => administrator(
            1017,
            "DUPLICATE_QUOTA",
            "Too many applications of this agency, station or operator today were people enrolled already.",
            "Find out why before enrolment goes on; send the same application again after the stated delay.",
        )
        .again(),
        Reason::StrongFactorRequired => sender(
            1018,
            "STRONG_FACTOR_REQUIRED",
            "The request needs a fingerprint or a one-time code.",
            "Send a fingerprint or a one-time code of the person.",
        ),
        Reason::ClockBehind => operator(
            1019,
            "CLOCK_BEHIND",
            "The service's clock stands before what the service has already recorded.",
            "Send the same request again later; operators set the clock.",
        )
        .again(),
        Reason::TooManyAttempts => person(
            1020,
            "TOO_MANY_ATTEMPTS",
            "Several attempts in a row have failed for this number here.",
            "Have the person wait for the stated delay, then ask again.",
        )
        .again(),
        Reason::ConsentMissing => sender(
            1021,
            "CONSENT_MISSING",
            "The request does not state what the person consented to, and when.",
            "Show the person what is asked for, and send the text and the time of their consent.",
        ),
        Reason::NotResidentAgent => administrator(
            1022,
            "NOT_RESIDENT_AGENT",
            "The party's policy does not let it act for people on their own records.",
            "Have the policy extended.",
        ),
    }
}

impl Facts {
    /// The same bytes may succeed when they are sent again later.
    const fn again(self) -> Self {
        Self { retryable: true, ..self }
    }
}

const fn person(code: u16, name: &'static str, explanation: &'static str, next_step: &'static str) -> Facts {
    Facts { code, name, who: Who::Person, retryable: false, explanation, next_step }
}

const fn sender(code: u16, name: &'static str, explanation: &'static str, next_step: &'static str) -> Facts {
    Facts { code, name, who: Who::Sender, retryable: false, explanation, next_step }
}

const fn administrator(
    code: u16,
    name: &'static str,
    explanation: &'static str,
    next_step: &'static str,
) -> Facts {
    Facts { code, name, who: Who::Administrator, retryable: false, explanation, next_step }
}

const fn operator(
    code: u16,
    name: &'static str,
    explanation: &'static str,
    next_step: &'static str,
) -> Facts {
    Facts { code, name, who: Who::Operator, retryable: false, explanation, next_step }
}
