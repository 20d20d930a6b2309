//! Authentication: one yes or no about one number.

use std::fmt;

use plinth_biometrics::calibration::{compare_people, llr_at_fmr};
use plinth_biometrics::cylinder::FingerFeatures;
use plinth_biometrics::matcher::Matcher;

use crate::application::Fingers;
use crate::demographics::DemographicClaim;
use crate::field::FieldViolation;
use crate::identity_record::IdentityRecord;
use crate::number::IdentityNumber;
use crate::party::{Factor, FactorSet, RelyingPartyPolicy};
use crate::policy::AuthenticationPolicy;
use crate::reason::Reason;
use crate::request::RequestHeader;

/// A relying party's question whether a person is the holder of a number. Only [`AuthenticationRequest::new`]
/// makes one, so what it declares is what it carries, and that is at least one factor.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthenticationRequest {
    /// Who asks, and when.
    pub header: RequestHeader,
    /// Whose number the person claims.
    pub number: IdentityNumber,
    /// What is claimed about the person.
    pub claim: DemographicClaim,
    /// The person's fingers, if any were captured.
    pub fingers: Option<Fingers>,
    /// The factors that the request says it carries.
    pub declared: FactorSet,
}

impl AuthenticationRequest {
    /// Checks and keeps the parts.
    ///
    /// # Errors
    /// [`Reason::NoFactor`] at `declared` if nothing is declared and nothing carried, or a gender alone;
    /// [`Reason::Declaration`]
    /// at `declared` if the two differ.
    pub fn new(
        header: RequestHeader,
        number: IdentityNumber,
        claim: DemographicClaim,
        fingers: Option<Fingers>,
        declared: FactorSet,
    ) -> Result<Self, FieldViolation> {
        let carried: FactorSet =
            claim.factors().iter().chain(fingers.as_ref().map(|_| Factor::Fingerprint)).collect();
        if carried.is_empty() && declared.is_empty() {
            return Err(FieldViolation::new("declared", Reason::NoFactor, "must name at least one factor"));
        }
        if carried == FactorSet::EMPTY.with(Factor::Gender) {
            // A yes to every second guess would only tell that the number is live.
            return Err(FieldViolation::new("declared", Reason::NoFactor, "must name more than a gender"));
        }
        if carried != declared {
            return Err(FieldViolation::new(
                "declared",
                Reason::Declaration,
                "must name exactly the factors that the request carries",
            ));
        }
        Ok(Self { header, number, claim, fingers, declared })
    }

    /// Whether a relying party may use every factor of this request. To be checked before any record is read.
    ///
    /// # Errors
    /// [`Reason::NotEntitledFingers`] or [`Reason::NotEntitledDemographics`], for the first factor it may not
    /// use.
    pub fn entitled(&self, policy: &RelyingPartyPolicy) -> Result<(), Reason> {
        match self.declared.iter().find(|factor| !policy.factors.contains(*factor)) {
            Some(factor) => Err(factor.not_entitled()),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for AuthenticationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticationRequest")
            .field("number", &self.number)
            .field("declared", &self.declared)
            .finish_non_exhaustive()
    }
}

/// The person with whom a request is compared: the holder of the number, or somebody who stands in for
/// nobody.
#[derive(Clone)]
pub struct Subject {
    /// The record.
    pub record: IdentityRecord,
    /// The features of the recorded fingers.
    pub fingers: Vec<FingerFeatures>,
}

/// The answer to an authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Everything that was sent fits the holder of the number.
    Yes,
    /// Something does not, or the number cannot be used.
    No,
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

    /// The reason as this relying party may learn it: the service's own if its policy entitles it to reasons,
    /// none otherwise, so that an unknown number, a suspended one and a wrong finger look the same.
    #[must_use]
    pub fn disclosed(&self, policy: &RelyingPartyPolicy) -> Option<Reason> {
        self.reason.filter(|_| policy.sees_reasons)
    }
}

/// Decides a request against a person.
///
/// `features` are those of the request's fingers. If nobody holds the number, the caller passes a real person
/// who stands in and `present` false: every factor is compared all the same, so that the work does not tell,
/// and the answer is no.
///
/// Sent fingers are compared with recorded ones of the same position, those of unknown position with every
/// one. Together they must reach the likelihood ratio that strangers reach at the policy's false match rate.
///
/// When several things speak against a yes, the reason is the first of: unknown number, the number's status,
/// demographics, no comparable fingers, fingers.
#[must_use]
pub fn decide(
    request: &AuthenticationRequest,
    features: &[FingerFeatures],
    subject: &Subject,
    present: bool,
    policy: &AuthenticationPolicy,
) -> Decision {
    let status = subject.record.status.refusal();
    let demographics = request.claim.matches(&subject.record.demographics);
    let score = compare_people(&mut Matcher::new(), features, &subject.fingers);
    let reached = score.llr >= llr_at_fmr(policy.fmr);
    let fingers = match (request.fingers.is_some(), score.fingers) {
        (false, _) => None,
        (true, 0) => Some(Reason::NoBiometrics),
        (true, _) => (!reached).then_some(Reason::BiometricMismatch),
    };
    let unknown = (!present).then_some(Reason::UnknownNumber);
    let mismatch = (!demographics).then_some(Reason::DemographicMismatch);
    unknown.or(status).or(mismatch).or(fingers).map_or_else(Decision::yes, Decision::no)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::{FingerPosition, FingerSample};
    use crate::demographics::{DateOfBirth, Demographics, Gender, Name};
    use crate::id::{DeploymentId, Nonce, PartyId, RequestId, Sequence};
    use crate::identity_record::LifecycleStatus;
    use crate::time::Timestamp;
    use plinth_biometrics::synthetic::SyntheticPerson;
    use rand::{SeedableRng, rngs::StdRng};

    const THUMB: FingerPosition = FingerPosition::RightThumb;
    const INDEX: FingerPosition = FingerPosition::RightIndex;

    fn header() -> RequestHeader {
        RequestHeader::new(
            DeploymentId::from_bytes([1; 16]),
            PartyId::parse("bank").unwrap(),
            "",
            RequestId::from_bytes([2; 16]),
            Nonce::from_bytes([3; 16]),
            Timestamp::from_millis(1),
            Timestamp::from_millis(2),
        )
        .unwrap()
    }

    fn number() -> IdentityNumber {
        IdentityNumber::draw(&mut StdRng::seed_from_u64(1))
    }

    fn captured(person: u64, position: FingerPosition, capture: u32) -> Fingers {
        let record = SyntheticPerson::new(5, person).capture(position, capture).encode();
        Fingers::new(vec![FingerSample { position, record }]).unwrap()
    }

    fn subject(status: LifecycleStatus, fingers: Option<&Fingers>) -> Subject {
        let record = IdentityRecord {
            sequence: Sequence::new(1),
            status,
            demographics: Demographics {
                name: Name::parse("Ada Lovelace").unwrap(),
                date_of_birth: DateOfBirth::new(1985, 12, 10).unwrap(),
                gender: Gender::Female,
            },
            enrolled_at: Timestamp::from_millis(0),
            agency: PartyId::parse("post").unwrap(),
            fingers: 1,
        };
        Subject { record, fingers: fingers.map_or_else(Vec::new, |fingers| fingers.features().unwrap()) }
    }

    fn claim(name: &str) -> DemographicClaim {
        DemographicClaim { name: Some(Name::parse(name).unwrap()), ..DemographicClaim::default() }
    }

    fn asked(claim: DemographicClaim, fingers: Option<Fingers>) -> AuthenticationRequest {
        let declared = claim.factors().iter().chain(fingers.as_ref().map(|_| Factor::Fingerprint)).collect();
        AuthenticationRequest::new(header(), number(), claim, fingers, declared).unwrap()
    }

    fn decided(request: &AuthenticationRequest, subject: &Subject, present: bool) -> Decision {
        let features = request.fingers.as_ref().map_or_else(Vec::new, |fingers| fingers.features().unwrap());
        decide(request, &features, subject, present, &AuthenticationPolicy::default())
    }

    #[test]
    fn a_request_declares_exactly_what_it_carries() {
        let new = |claim, declared| {
            AuthenticationRequest::new(header(), number(), claim, None, declared)
                .map(|request| request.declared)
                .map_err(|violation| (violation.field, violation.reason))
        };
        let at = |reason| Err(("declared".to_owned(), reason));
        let name = FactorSet::EMPTY.with(Factor::Name);
        assert_eq!(new(claim("Ada"), name), Ok(name));
        assert_eq!(new(DemographicClaim::default(), FactorSet::EMPTY), at(Reason::NoFactor));
        assert_eq!(new(DemographicClaim::default(), name), at(Reason::Declaration));
        let gender = DemographicClaim { gender: Some(Gender::Female), ..DemographicClaim::default() };
        assert_eq!(new(gender, FactorSet::EMPTY.with(Factor::Gender)), at(Reason::NoFactor));
        assert_eq!(new(claim("Ada"), FactorSet::EMPTY), at(Reason::Declaration));
        assert_eq!(new(claim("Ada"), name.with(Factor::Fingerprint)), at(Reason::Declaration));
    }

    #[test]
    fn a_factor_outside_the_policy_is_refused_before_anything_is_read() {
        let request = asked(claim("Ada"), Some(captured(1, THUMB, 0)));
        let entitled = |factors: &[Factor]| {
            let factors = factors.iter().copied().collect();
            request.entitled(&RelyingPartyPolicy { factors, sees_reasons: false })
        };
        assert_eq!(entitled(&[Factor::Name, Factor::Fingerprint]), Ok(()));
        assert_eq!(entitled(&[Factor::Name]), Err(Reason::NotEntitledFingers));
        assert_eq!(entitled(&[Factor::Fingerprint, Factor::Gender]), Err(Reason::NotEntitledDemographics));
    }

    #[test]
    fn the_holders_own_finger_is_a_yes_and_a_strangers_a_no() {
        let holder = subject(LifecycleStatus::Active, Some(&captured(1, THUMB, 0)));
        let none = DemographicClaim::default();
        let own = asked(none.clone(), Some(captured(1, THUMB, 1)));
        assert_eq!(decided(&own, &holder, true), Decision::yes());
        for stranger in 2..6 {
            let other = asked(none.clone(), Some(captured(stranger, THUMB, 1)));
            assert_eq!(decided(&other, &holder, true), Decision::no(Reason::BiometricMismatch));
        }
    }

    #[test]
    fn all_factors_must_fit() {
        let holder = subject(LifecycleStatus::Active, Some(&captured(1, THUMB, 0)));
        let own = || Some(captured(1, THUMB, 1));
        assert_eq!(decided(&asked(claim("ada lovelace"), None), &holder, true), Decision::yes());
        assert_eq!(decided(&asked(claim("ada lovelace"), own()), &holder, true), Decision::yes());
        let wrong_name = asked(claim("Ada"), own());
        assert_eq!(decided(&wrong_name, &holder, true), Decision::no(Reason::DemographicMismatch));
        let wrong_finger = asked(claim("ada lovelace"), Some(captured(2, THUMB, 1)));
        assert_eq!(decided(&wrong_finger, &holder, true), Decision::no(Reason::BiometricMismatch));
    }

    #[test]
    fn a_finger_that_is_not_on_record_cannot_be_compared() {
        let request = asked(DemographicClaim::default(), Some(captured(1, INDEX, 0)));
        for recorded in [None, Some(captured(1, THUMB, 0))] {
            let holder = subject(LifecycleStatus::Active, recorded.as_ref());
            assert_eq!(decided(&request, &holder, true), Decision::no(Reason::NoBiometrics));
        }
    }

    #[test]
    fn a_number_that_nobody_holds_is_a_no_even_if_the_stand_in_fits() {
        let stand_in = subject(LifecycleStatus::Active, Some(&captured(1, THUMB, 0)));
        let request = asked(claim("ada lovelace"), Some(captured(1, THUMB, 1)));
        assert_eq!(decided(&request, &stand_in, false), Decision::unknown_number());
        let suspended = subject(LifecycleStatus::Suspended, Some(&captured(1, THUMB, 0)));
        assert_eq!(decided(&request, &suspended, false), Decision::unknown_number());
    }

    #[test]
    fn a_number_out_of_use_is_a_no_whatever_fits() {
        let request = asked(claim("ada lovelace"), None);
        for (status, reason) in [
            (LifecycleStatus::Suspended, Reason::NumberSuspended),
            (LifecycleStatus::Deceased, Reason::Deceased),
            (LifecycleStatus::Cancelled, Reason::Cancelled),
        ] {
            assert_eq!(decided(&request, &subject(status, None), true), Decision::no(reason));
        }
    }

    #[test]
    fn only_an_entitled_party_learns_why() {
        let policy = |sees_reasons| RelyingPartyPolicy { factors: FactorSet::ALL, sees_reasons };
        let no = Decision::no(Reason::UnknownNumber);
        assert_eq!(no.disclosed(&policy(false)), None);
        assert_eq!(no.disclosed(&policy(true)), Some(Reason::UnknownNumber));
        assert_eq!(Decision::yes().disclosed(&policy(true)), None);
    }

    #[test]
    fn a_request_shows_neither_name_nor_number() {
        let shown = format!("{:?}", asked(claim("Ada"), None));
        assert!(!shown.contains("Ada") && !shown.contains(&number().reveal()), "{shown}");
    }
}
