//! What is presented to show that somebody is the holder of a number.

use std::fmt;

use crate::application::Fingers;
use crate::demographics::DemographicClaim;
use crate::field::FieldViolation;
use crate::id::RequestId;
use crate::party::{Factor, FactorSet, RelyingPartyPolicy};
use crate::reason::Reason;

pub use crate::otp::OtpCode;

/// Which eye a sample shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IrisEye {
    /// Not known.
    Unknown,
    /// The left one.
    Left,
    /// The right one.
    Right,
}

/// A one-time code that the person gave. It does not show in debug output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeClaim {
    /// A code that was sent to the person.
    Delivered {
        /// The transaction that it was sent for: the `request_id` of the request for it.
        transaction: RequestId,
        /// The digits.
        code: OtpCode,
    },
    /// A code of the person's own authenticator (RFC 6238).
    Totp(OtpCode),
}

/// Everything that is presented for one person. Only [`Evidence::new`] makes one, so what it declares is what
/// it carries, and that is enough to be worth an answer.
///
/// All of it must fit: the verdict is one bit for the whole.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// What is claimed about the person.
    pub claim: DemographicClaim,
    /// The person's fingers, if any were captured.
    pub fingers: Option<Fingers>,
    /// The one-time code, if one was given.
    pub code: Option<CodeClaim>,
    /// Samples of irises, 0 to 2. They are counted and not kept: nothing here can compare them.
    pub irises: u8,
    /// Samples of faces, 0 or 1, likewise.
    pub faces: u8,
    /// The factors that the request says it carries.
    pub declared: FactorSet,
}

impl Evidence {
    /// The most irises that a request may carry.
    pub const MAX_IRISES: usize = 2;
    /// The most faces that a request may carry.
    pub const MAX_FACES: usize = 1;

    /// Checks and keeps the parts. `irises` are the eyes of the samples of irises, `faces` is how many
    /// samples of faces there are.
    ///
    /// # Errors
    /// The first violation, in this order: [`Reason::TooManyIrises`] at `irises`; [`Reason::SameIrisTwice`]
    /// at `irises[i].eye` (a known eye again); [`Reason::TooManyFaces`] at `faces`; [`Reason::NoFactor`] at
    /// `declared` if nothing is declared and nothing carried, or no more than a year of birth, an age and a
    /// gender, a yes to which would only tell that the number is live; [`Reason::FaceAlone`] at `faces` if
    /// there is a face and nothing else but those; [`Reason::Declaration`] at `declared` if what is declared
    /// is not what is carried.
    pub fn new(
        claim: DemographicClaim,
        fingers: Option<Fingers>,
        code: Option<CodeClaim>,
        irises: &[IrisEye],
        faces: usize,
        declared: FactorSet,
    ) -> Result<Self, FieldViolation> {
        check_samples(irises, faces)?;
        let evidence = Self {
            claim,
            fingers,
            code,
            // Both are below their limits here.
            irises: u8::try_from(irises.len()).unwrap_or(u8::MAX),
            faces: u8::try_from(faces).unwrap_or(u8::MAX),
            declared,
        };
        evidence.check_factors()?;
        Ok(evidence)
    }

    /// Whether a relying party may use every factor of this evidence. To be checked before any record is
    /// read.
    ///
    /// # Errors
    /// The first of: the reason of the first factor that it may not use, in the order of [`Factor::ALL`];
    /// [`Reason::NotEntitledFullAddress`]; [`Reason::NotEntitledPartialMatching`];
    /// [`Reason::MandatoryFactorMissing`]; [`Reason::FactorUnavailable`] for irises and faces, which cannot
    /// be compared here.
    pub fn entitled(&self, policy: &RelyingPartyPolicy) -> Result<(), Reason> {
        if let Some(factor) = self.declared.iter().find(|factor| !policy.factors.contains(*factor)) {
            return Err(factor.not_entitled());
        }
        if self.claim.uses_full_address() && !policy.full_address {
            return Err(Reason::NotEntitledFullAddress);
        }
        if self.claim.uses_partial() && !policy.partial_matching {
            return Err(Reason::NotEntitledPartialMatching);
        }
        if policy.mandatory.iter().any(|factor| !self.declared.contains(factor)) {
            return Err(Reason::MandatoryFactorMissing);
        }
        if self.declared.contains(Factor::Iris) || self.declared.contains(Factor::Face) {
            return Err(Reason::FactorUnavailable);
        }
        Ok(())
    }

    /// Whether it holds more than what others may know: fingers or a one-time code.
    #[must_use]
    pub fn is_strong(&self) -> bool {
        self.fingers.is_some() || self.has_code()
    }

    /// Whether it holds a one-time code.
    #[must_use]
    pub fn has_code(&self) -> bool {
        self.code.is_some()
    }

    /// The factors that it really carries.
    fn carried(&self) -> FactorSet {
        let others = [
            self.fingers.as_ref().map(|_| Factor::Fingerprint),
            self.code.as_ref().map(|_| Factor::Otp),
            (self.irises > 0).then_some(Factor::Iris),
            (self.faces > 0).then_some(Factor::Face),
        ];
        self.claim.factors().iter().chain(others.into_iter().flatten()).collect()
    }

    fn check_factors(&self) -> Result<(), FieldViolation> {
        let carried = self.carried();
        let only_claims = !self.is_strong() && self.irises == 0;
        let says_little = only_claims && (self.claim.factors().is_empty() || self.claim.is_weak());
        if carried.is_empty() && self.declared.is_empty() {
            return Err(FieldViolation::new("declared", Reason::NoFactor, "must name at least one factor"));
        }
        if says_little && self.faces == 0 && !carried.is_empty() {
            let description = "must name more than a year of birth, an age and a gender";
            return Err(FieldViolation::new("declared", Reason::NoFactor, description));
        }
        if says_little && self.faces > 0 {
            let description = "must come together with another factor that tells people apart";
            return Err(FieldViolation::new("faces", Reason::FaceAlone, description));
        }
        if carried != self.declared {
            let description = "must name exactly the factors that the request carries";
            return Err(FieldViolation::new("declared", Reason::Declaration, description));
        }
        Ok(())
    }
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Evidence({:?})", self.declared)
    }
}

/// Counts the samples that nothing here can compare.
fn check_samples(irises: &[IrisEye], faces: usize) -> Result<(), FieldViolation> {
    if irises.len() > Evidence::MAX_IRISES {
        return Err(FieldViolation::new("irises", Reason::TooManyIrises, "must be at most 2 irises"));
    }
    for (index, eye) in irises.iter().enumerate() {
        if *eye != IrisEye::Unknown && irises[..index].contains(eye) {
            let field = format!("irises[{index}].eye");
            return Err(FieldViolation::new(field, Reason::SameIrisTwice, "must not name an eye twice"));
        }
    }
    if faces > Evidence::MAX_FACES {
        return Err(FieldViolation::new("faces", Reason::TooManyFaces, "must be at most 1 face"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::{FingerPosition, FingerSample};
    use crate::demographics::{
        AddressClaim, AddressText, BirthClaim, Gender, MatchValue, Name, NameClaim, Strategy,
    };
    use plinth_biometrics::synthetic::SyntheticPerson;

    use Factor::{Address, Age, DateOfBirth, Face, Fingerprint, Iris, Otp};

    fn set(factors: &[Factor]) -> FactorSet {
        factors.iter().copied().collect()
    }

    fn none() -> DemographicClaim {
        DemographicClaim::default()
    }

    fn name(strategy: Strategy) -> DemographicClaim {
        let name = Name::parse("Ada").unwrap();
        DemographicClaim { name: Some(NameClaim { name, strategy }), ..none() }
    }

    fn exact() -> DemographicClaim {
        name(Strategy::Exact)
    }

    fn birth(text: &str) -> DemographicClaim {
        DemographicClaim { birth: Some(BirthClaim::parse(text).unwrap()), ..none() }
    }

    fn full_address(strategy: Strategy) -> DemographicClaim {
        let text = AddressText::parse("12 Marylebone Road").unwrap();
        DemographicClaim { address: Some(AddressClaim::Full { text, strategy }), ..none() }
    }

    fn partial() -> Strategy {
        Strategy::Partial(MatchValue::new(60).unwrap())
    }

    fn finger() -> Option<Fingers> {
        let position = FingerPosition::RightThumb;
        let record = SyntheticPerson::new(5, 1).capture(position, 0).encode();
        Some(Fingers::new(vec![FingerSample { position, record }]).unwrap())
    }

    fn totp() -> Option<CodeClaim> {
        Some(CodeClaim::Totp(OtpCode::parse("123456").unwrap()))
    }

    /// The field and reason of a violation, or the declared factors.
    fn checked(
        claim: DemographicClaim,
        fingers: Option<Fingers>,
        code: Option<CodeClaim>,
        irises: &[IrisEye],
        faces: usize,
        declared: &[Factor],
    ) -> Result<FactorSet, (String, Reason)> {
        Evidence::new(claim, fingers, code, irises, faces, set(declared))
            .map(|evidence| evidence.declared)
            .map_err(|violation| (violation.field, violation.reason))
    }

    fn at(field: &str, reason: Reason) -> Result<FactorSet, (String, Reason)> {
        Err((field.to_owned(), reason))
    }

    #[test]
    fn evidence_declares_exactly_what_it_carries() {
        use IrisEye::{Left, Right};
        let every = DemographicClaim { minimum_age: Some(18), gender: Some(Gender::Female), ..exact() };
        let declared = [Factor::Name, Age, Factor::Gender, Fingerprint, Otp, Iris, Face];
        let carried = checked(every.clone(), finger(), totp(), &[Left, Right], 1, &declared);
        assert_eq!(carried, Ok(set(&declared)));
        for missing in 0..declared.len() {
            let mut fewer = declared.to_vec();
            fewer.remove(missing);
            let carried = checked(every.clone(), finger(), totp(), &[Left, Right], 1, &fewer);
            assert_eq!(carried, at("declared", Reason::Declaration));
        }
        let more = checked(exact(), None, None, &[], 0, &[Factor::Name, Otp]);
        assert_eq!(more, at("declared", Reason::Declaration));
        assert_eq!(checked(none(), None, None, &[], 0, &[Otp]), at("declared", Reason::Declaration));
    }

    #[test]
    fn what_tells_nobody_apart_is_not_enough() {
        let no_factor = at("declared", Reason::NoFactor);
        assert_eq!(checked(none(), None, None, &[], 0, &[]), no_factor);
        let gender = DemographicClaim { gender: Some(Gender::Female), ..none() };
        assert_eq!(checked(gender.clone(), None, None, &[], 0, &[Factor::Gender]), no_factor);
        let weak = DemographicClaim { minimum_age: Some(18), gender: Some(Gender::Female), ..birth("1990") };
        let declared = [DateOfBirth, Age, Factor::Gender];
        assert_eq!(checked(weak.clone(), None, None, &[], 0, &declared), no_factor);
        assert!(
            checked(weak, finger(), None, &[], 0, &[DateOfBirth, Age, Factor::Gender, Fingerprint]).is_ok()
        );
        assert!(checked(gender, None, totp(), &[], 0, &[Factor::Gender, Otp]).is_ok());
        assert!(checked(birth("1990-04-17"), None, None, &[], 0, &[DateOfBirth]).is_ok());
    }

    #[test]
    fn samples_that_nothing_compares_are_still_counted() {
        use IrisEye::{Left, Right, Unknown};
        let irises = |eyes: &[IrisEye]| checked(exact(), None, None, eyes, 0, &[Factor::Name, Iris]);
        assert!(irises(&[Left, Right]).is_ok() && irises(&[Unknown, Unknown]).is_ok());
        assert_eq!(irises(&[Left, Left]), at("irises[1].eye", Reason::SameIrisTwice));
        assert_eq!(irises(&[Left, Left, Right]), at("irises", Reason::TooManyIrises));
        let faces = |faces| checked(exact(), None, None, &[], faces, &[Factor::Name, Face]);
        assert!(faces(1).is_ok());
        assert_eq!(faces(2), at("faces", Reason::TooManyFaces));
    }

    #[test]
    fn a_face_comes_with_another_factor() {
        let alone = at("faces", Reason::FaceAlone);
        assert_eq!(checked(none(), None, None, &[], 1, &[Face]), alone);
        assert_eq!(checked(birth("1990"), None, None, &[], 1, &[Face, DateOfBirth]), alone);
        assert!(checked(none(), None, None, &[IrisEye::Left], 1, &[Face, Iris]).is_ok());
        assert!(checked(none(), None, totp(), &[], 1, &[Face, Otp]).is_ok());
    }

    #[test]
    fn violations_are_found_in_one_order() {
        use IrisEye::{Left, Right};
        let violation = |irises: &[_], faces, declared: &[Factor]| {
            checked(none(), None, None, irises, faces, declared).unwrap_err().1
        };
        assert_eq!(violation(&[Left, Left, Right], 2, &[]), Reason::TooManyIrises);
        assert_eq!(violation(&[Left, Left], 2, &[]), Reason::SameIrisTwice);
        assert_eq!(violation(&[Left], 2, &[]), Reason::TooManyFaces);
        assert_eq!(violation(&[], 0, &[]), Reason::NoFactor);
        assert_eq!(violation(&[], 1, &[]), Reason::FaceAlone);
        assert_eq!(violation(&[Left], 1, &[]), Reason::Declaration);
    }

    fn evidence(claim: DemographicClaim, fingers: Option<Fingers>, code: Option<CodeClaim>) -> Evidence {
        let others = [fingers.as_ref().map(|_| Fingerprint), code.as_ref().map(|_| Otp)];
        let declared = claim.factors().iter().chain(others.into_iter().flatten()).collect();
        Evidence::new(claim, fingers, code, &[], 0, declared).unwrap()
    }

    #[test]
    fn a_factor_outside_the_policy_is_refused_with_its_own_reason() {
        let policy = |factors: &[Factor]| RelyingPartyPolicy { factors: set(factors), ..Default::default() };
        let all = RelyingPartyPolicy { factors: FactorSet::ALL, ..Default::default() };
        let entitled = evidence(exact(), finger(), totp());
        assert_eq!(entitled.entitled(&all), Ok(()));
        for (allowed, reason) in [
            (&[Factor::Name, Fingerprint][..], Reason::NotEntitledOtp),
            (&[Factor::Name, Otp], Reason::NotEntitledFingers),
            (&[Fingerprint, Otp], Reason::NotEntitledDemographics),
            (&[], Reason::NotEntitledFingers),
        ] {
            assert_eq!(entitled.entitled(&policy(allowed)), Err(reason));
        }
        let address = evidence(full_address(Strategy::Exact), None, None);
        assert_eq!(address.entitled(&policy(&[Fingerprint])), Err(Reason::NotEntitledAddress));
    }

    #[test]
    fn a_policy_is_checked_in_one_order() {
        let mut policy = RelyingPartyPolicy {
            factors: set(&[Factor::Name, Address, Iris, Face, Otp]),
            mandatory: set(&[Otp]),
            ..Default::default()
        };
        let claim = DemographicClaim { address: full_address(partial()).address, ..name(partial()) };
        let irises = [IrisEye::Left];
        let declared = set(&[Factor::Name, Address, Iris, Otp]);
        let samples = |code: Option<CodeClaim>, declared| {
            Evidence::new(claim.clone(), None, code, &irises, 0, declared).unwrap()
        };
        let without_code = samples(None, set(&[Factor::Name, Address, Iris]));
        assert_eq!(without_code.entitled(&policy), Err(Reason::NotEntitledFullAddress));
        policy.full_address = true;
        assert_eq!(without_code.entitled(&policy), Err(Reason::NotEntitledPartialMatching));
        policy.partial_matching = true;
        assert_eq!(without_code.entitled(&policy), Err(Reason::MandatoryFactorMissing));
        assert_eq!(samples(totp(), declared).entitled(&policy), Err(Reason::FactorUnavailable));
        let face = Evidence::new(none(), None, totp(), &[], 1, set(&[Otp, Face])).unwrap();
        assert_eq!(face.entitled(&policy), Err(Reason::FactorUnavailable));
        assert_eq!(evidence(claim.clone(), None, totp()).entitled(&policy), Ok(()));
    }

    #[test]
    fn fingers_and_codes_are_strong_and_claims_are_not() {
        let strong = |fingers, code| {
            let evidence = evidence(exact(), fingers, code);
            (evidence.is_strong(), evidence.has_code())
        };
        assert_eq!([strong(None, None), strong(finger(), None)], [(false, false), (true, false)]);
        assert_eq!([strong(None, totp()), strong(finger(), totp())], [(true, true); 2]);
    }

    #[test]
    fn evidence_shows_what_it_carries_and_nothing_of_it() {
        let delivered = CodeClaim::Delivered {
            transaction: RequestId::from_bytes([2; 16]),
            code: OtpCode::parse("123456").unwrap(),
        };
        assert_eq!(
            format!("{:?}", evidence(exact(), finger(), totp())),
            "Evidence({Fingerprint, Name, Otp})"
        );
        assert!(!format!("{delivered:?}").contains("123456"));
    }
}
