//! From what was found to one yes or no.

use crate::party::RelyingPartyPolicy;
use crate::reason::Reason;

use super::judgement::{Findings, FingerFinding};

/// The answer to an authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Everything that was sent fits the holder of the number.
    Yes,
    /// Something does not, or the number cannot be used.
    No,
}

impl Verdict {
    /// The byte that stands for it in records.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Yes => 1,
            Self::No => 2,
        }
    }

    /// The verdict that a byte stands for.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        [Self::Yes, Self::No].into_iter().find(|verdict| verdict.code() == code)
    }
}

/// What became of the one-time code, once it was looked up and used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeFinding {
    /// None was sent.
    NotSent,
    /// It is the code, and was not used before.
    Right,
    /// It is another code, or it was used before, or too late.
    Wrong,
    /// The code was sent to somebody else, or none was sent for this transaction.
    OtherTransaction,
    /// Too many wrong codes were given for this transaction.
    UsedUp,
}

impl CodeFinding {
    const fn refusal(self) -> Option<Reason> {
        match self {
            Self::NotSent | Self::Right => None,
            Self::Wrong => Some(Reason::OtpMismatch),
            Self::OtherTransaction => Some(Reason::OtpOfAnotherTransaction),
            Self::UsedUp => Some(Reason::OtpAttemptsUsedUp),
        }
    }
}

/// A verdict and why, as the service knows it. A no always has a reason, a yes never has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// The answer.
    pub verdict: Verdict,
    /// Why it is a no. Not for everyone's eyes: see [`Decision::disclosed`].
    pub reason: Option<Reason>,
}

impl Decision {
    /// A yes.
    #[must_use]
    pub const fn yes() -> Self {
        Self { verdict: Verdict::Yes, reason: None }
    }

    /// A no.
    #[must_use]
    pub const fn no(reason: Reason) -> Self {
        Self { verdict: Verdict::No, reason: Some(reason) }
    }

    /// The no of a number that nobody holds.
    #[must_use]
    pub const fn unknown_number() -> Self {
        Self::no(Reason::UnknownNumber)
    }

    /// The reason as this relying party may learn it: the service's own if its policy shows it this reason and
    /// every one that is looked for before it, none otherwise. So an unknown number, a locked or suspended one
    /// and a wrong finger look the same: a mismatch that is shown where an unknown number is not would tell
    /// that somebody holds the number.
    #[must_use]
    pub fn disclosed(&self, policy: &RelyingPartyPolicy) -> Option<Reason> {
        let reason = self.reason?;
        let mut before = IN_ORDER.iter().take_while(|earlier| **earlier != reason);
        let shown = policy.reasons.shows(reason) && before.all(|earlier| policy.reasons.shows(*earlier));
        shown.then_some(reason)
    }
}

/// The reasons of a no in the order in which they are looked for.
pub const IN_ORDER: [Reason; 19] = [
    Reason::UnknownNumber,
    Reason::InvalidVirtualNumber,
    Reason::ExpiredVirtualNumber,
    Reason::NumberSuspended,
    Reason::Deceased,
    Reason::Cancelled,
    Reason::UpdateDue,
    Reason::SuspendedByAuthority,
    Reason::NumberLocked,
    Reason::VirtualNumberRequired,
    Reason::BiometricsLocked,
    Reason::ChildBelowFive,
    Reason::DemographicMismatch,
    Reason::AddressMismatch,
    Reason::OtpMismatch,
    Reason::OtpOfAnotherTransaction,
    Reason::OtpAttemptsUsedUp,
    Reason::NoBiometrics,
    Reason::BiometricMismatch,
];

/// Decides, by what was found and what the counters say at this moment.
///
/// `fingers_disabled` says that too many attempts with fingers have failed. The reason of a no is the first
/// of: nobody holds the number; the virtual number cannot be used; the number's status; the number is locked
/// and was used itself; the policy wants virtual numbers; with fingers, that they are locked by the person or
/// by failed attempts, or the person is a child below five; the claims; the address; the one-time code; the
/// fingers.
#[must_use]
pub fn conclude(
    findings: &Findings,
    code: CodeFinding,
    fingers_disabled: bool,
    policy: &RelyingPartyPolicy,
) -> Decision {
    let Findings { locks, number_use, .. } = *findings;
    let fingers = match findings.fingers {
        FingerFinding::NotSent | FingerFinding::Match => None,
        FingerFinding::NoneRecorded => Some(Reason::NoBiometrics),
        FingerFinding::Mismatch => Some(Reason::BiometricMismatch),
    };
    let with_fingers = findings.fingers != FingerFinding::NotSent;
    let when = |holds: bool, reason| holds.then_some(reason);
    let against = [
        when(!findings.present, Reason::UnknownNumber),
        findings.virtual_refusal,
        findings.status.refusal(),
        when(number_use && locks.number, Reason::NumberLocked),
        when(number_use && policy.virtual_number_only, Reason::VirtualNumberRequired),
        when(with_fingers && (locks.fingers || fingers_disabled), Reason::BiometricsLocked),
        when(with_fingers && findings.child, Reason::ChildBelowFive),
        when(!findings.attributes, Reason::DemographicMismatch),
        when(!findings.address, Reason::AddressMismatch),
        code.refusal(),
        fingers,
    ];
    against.into_iter().flatten().next().map_or_else(Decision::yes, Decision::no)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity_record::{LifecycleStatus, Locks};
    use crate::party::ReasonView;
    use proptest::prelude::*;

    /// Everything fits.
    fn fitting() -> Findings {
        Findings {
            present: true,
            virtual_refusal: None,
            number_use: true,
            status: LifecycleStatus::Active,
            locks: Locks::default(),
            attributes: true,
            address: true,
            fingers: FingerFinding::Match,
            child: false,
            totp: None,
        }
    }

    /// What may be wrong, and the reason that says so, in the order in which reasons are looked for.
    #[derive(Clone)]
    struct Case {
        findings: Findings,
        code: CodeFinding,
        disabled: bool,
        policy: RelyingPartyPolicy,
    }

    impl Case {
        fn fitting() -> Self {
            Self {
                findings: fitting(),
                code: CodeFinding::Right,
                disabled: false,
                policy: Default::default(),
            }
        }

        fn decision(&self) -> Decision {
            conclude(&self.findings, self.code, self.disabled, &self.policy)
        }
    }

    type Spoil = fn(&mut Case);

    /// Spoils that can all be there at once.
    const SPOILS: [(Reason, Spoil); 11] = [
        (Reason::UnknownNumber, |case| case.findings.present = false),
        (Reason::ExpiredVirtualNumber, |case| {
            case.findings.virtual_refusal = Some(Reason::ExpiredVirtualNumber);
        }),
        (Reason::Deceased, |case| case.findings.status = LifecycleStatus::Deceased),
        (Reason::NumberLocked, |case| case.findings.locks.number = true),
        (Reason::VirtualNumberRequired, |case| case.policy.virtual_number_only = true),
        (Reason::BiometricsLocked, |case| case.disabled = true),
        (Reason::ChildBelowFive, |case| case.findings.child = true),
        (Reason::DemographicMismatch, |case| case.findings.attributes = false),
        (Reason::AddressMismatch, |case| case.findings.address = false),
        (Reason::OtpMismatch, |case| case.code = CodeFinding::Wrong),
        (Reason::BiometricMismatch, |case| case.findings.fingers = FingerFinding::Mismatch),
    ];

    proptest! {
        #[test]
        fn the_reason_is_the_first_of_all_that_speak_against_a_yes(mask in 0_u32..1 << SPOILS.len()) {
            let mut case = Case::fitting();
            let mut first = None;
            for (place, (reason, spoil)) in SPOILS.iter().enumerate() {
                if mask & (1 << place) != 0 {
                    spoil(&mut case);
                    first = first.or(Some(*reason));
                }
            }
            prop_assert_eq!(case.decision(), first.map_or_else(Decision::yes, Decision::no));
        }
    }

    #[test]
    fn one_after_another_every_reason_comes_out() {
        let mut last = None;
        for from in 0..=SPOILS.len() {
            let mut case = Case::fitting();
            SPOILS[from..].iter().for_each(|(_, spoil)| spoil(&mut case));
            let decision = case.decision();
            assert_ne!(Some(decision), last);
            assert_eq!(decision.reason, SPOILS.get(from).map(|(reason, _)| *reason));
            assert_eq!(decision.verdict == Verdict::Yes, from == SPOILS.len());
            last = Some(decision);
        }
    }

    #[test]
    fn each_finding_has_its_own_reason() {
        let spoilt = |spoil: Spoil| {
            let mut case = Case::fitting();
            spoil(&mut case);
            case.decision().reason
        };
        assert_eq!(spoilt(|case| case.findings.locks.fingers = true), Some(Reason::BiometricsLocked));
        assert_eq!(
            spoilt(|case| case.findings.fingers = FingerFinding::NoneRecorded),
            Some(Reason::NoBiometrics)
        );
        assert_eq!(
            spoilt(|case| case.code = CodeFinding::OtherTransaction),
            Some(Reason::OtpOfAnotherTransaction)
        );
        assert_eq!(spoilt(|case| case.code = CodeFinding::UsedUp), Some(Reason::OtpAttemptsUsedUp));
        assert_eq!(spoilt(|case| case.code = CodeFinding::NotSent), None);
        assert_eq!(
            spoilt(|case| case.findings.locks = Locks { irises: true, face: true, ..Locks::default() }),
            None
        );
        for status in LifecycleStatus::ALL {
            let case = Case { findings: Findings { status, ..fitting() }, ..Case::fitting() };
            assert_eq!(case.decision().reason, status.refusal());
        }
    }

    #[test]
    fn a_virtual_number_passes_the_locks_of_the_number_itself() {
        let mut case = Case::fitting();
        case.findings.locks.number = true;
        case.policy.virtual_number_only = true;
        case.findings.number_use = false;
        assert_eq!(case.decision(), Decision::yes());
    }

    #[test]
    fn locked_fingers_and_a_childs_stop_only_requests_with_fingers() {
        let mut case = Case::fitting();
        case.findings.fingers = FingerFinding::NotSent;
        case.findings.locks.fingers = true;
        case.findings.child = true;
        case.disabled = true;
        assert_eq!(case.decision(), Decision::yes());
    }

    #[test]
    fn disabled_fingers_answer_the_same_whether_they_fit_or_not() {
        for fingers in [FingerFinding::Match, FingerFinding::Mismatch, FingerFinding::NoneRecorded] {
            let findings = Findings { fingers, ..fitting() };
            let case = Case { findings, disabled: true, ..Case::fitting() };
            assert_eq!(case.decision(), Decision::no(Reason::BiometricsLocked));
        }
    }

    #[test]
    fn nobody_is_a_no_whatever_was_sent() {
        for code in [CodeFinding::NotSent, CodeFinding::Right, CodeFinding::UsedUp] {
            let decision = conclude(&Findings::of_nobody(), code, true, &RelyingPartyPolicy::default());
            assert_eq!(decision, Decision::unknown_number());
        }
    }

    #[test]
    fn only_an_entitled_party_learns_why() {
        let disclosed = |decision: Decision, reasons| {
            decision.disclosed(&RelyingPartyPolicy { reasons, ..RelyingPartyPolicy::default() })
        };
        let no = Decision::no(Reason::UnknownNumber);
        let only = |code| ReasonView::Only(vec![code]);
        assert_eq!(disclosed(no, ReasonView::None), None);
        assert_eq!(disclosed(no, ReasonView::All), Some(Reason::UnknownNumber));
        assert_eq!(disclosed(no, only(998)), Some(Reason::UnknownNumber));
        assert_eq!(disclosed(no, only(300)), None);
        // A mismatch is shown only to those who are also shown everything that is looked for before it.
        let mismatch = Decision::no(Reason::DemographicMismatch);
        assert_eq!(disclosed(mismatch, only(100)), None);
        let up_to = |reason| {
            let last = IN_ORDER.iter().position(|one| *one == reason).unwrap();
            ReasonView::Only(IN_ORDER[..=last].iter().map(|reason| reason.code()).collect())
        };
        assert_eq!(
            disclosed(mismatch, up_to(Reason::DemographicMismatch)),
            Some(Reason::DemographicMismatch)
        );
        assert_eq!(disclosed(mismatch, up_to(Reason::ChildBelowFive)), None);
        let finger = Decision::no(Reason::BiometricMismatch);
        assert_eq!(disclosed(finger, up_to(Reason::AddressMismatch)), None);
        assert_eq!(disclosed(Decision::yes(), ReasonView::All), None);
    }

    #[test]
    fn verdicts_have_bytes_of_their_own() {
        assert_eq!([Verdict::from_code(1), Verdict::from_code(2)], [Some(Verdict::Yes), Some(Verdict::No)]);
        assert_eq!([Verdict::from_code(0), Verdict::from_code(3)], [None, None]);
        assert_eq!([Verdict::Yes.code(), Verdict::No.code()], [1, 2]);
    }
}
