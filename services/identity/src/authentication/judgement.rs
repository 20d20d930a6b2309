//! Comparing what was presented with a person.

use plinth_biometrics::calibration::{PersonScore, compare_people};
use plinth_biometrics::cylinder::FingerFeatures;
use plinth_biometrics::matcher::Matcher;

use crate::evidence::{CodeClaim, Evidence};
use crate::identity_record::{IdentityRecord, LifecycleStatus, Locks};
use crate::otp::TotpSecret;
use crate::policy::AuthenticationPolicy;
use crate::reason::Reason;
use crate::time::Timestamp;

/// Children below this age, in completed years, are not recognised by their fingers.
const YOUNGEST: u16 = 5;

/// The person with whom a request is compared: the holder of the number, or somebody who stands in for
/// nobody.
#[derive(Clone)]
pub struct Subject {
    /// The record.
    pub record: IdentityRecord,
    /// The features of the recorded fingers.
    pub fingers: Vec<FingerFeatures>,
}

/// What the comparison of fingers gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FingerFinding {
    /// No fingers were sent.
    NotSent,
    /// None of the sent fingers is on record.
    NoneRecorded,
    /// They are the recorded ones.
    Match,
    /// They are not.
    Mismatch,
}

/// Everything that comparing found out. Nothing in it is for a relying party's eyes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// Whether somebody holds the number. If not, everything else is about the person who stood in.
    pub present: bool,
    /// Why the virtual number that was used cannot be used. [`judge`] knows nothing of it and leaves none.
    pub virtual_refusal: Option<Reason>,
    /// Whether the number itself was used, and not a virtual one: then its lock counts. [`judge`] assumes
    /// that it was.
    pub number_use: bool,
    /// Where the number stands in its life.
    pub status: LifecycleStatus,
    /// What the person has locked.
    pub locks: Locks,
    /// Whether all claims but the address fit, or there are none.
    pub attributes: bool,
    /// Whether the claimed address fits, or none is claimed.
    pub address: bool,
    /// What the fingers gave.
    pub fingers: FingerFinding,
    /// Whether the person is too young for fingers.
    pub child: bool,
    /// The step of RFC 6238 whose code of the person's own authenticator was given, if it was. Whether it was
    /// given before is for the caller to find out: see
    /// [`Attempts::use_totp`](crate::attempts::Attempts::use_totp).
    pub totp: Option<u64>,
}

impl Findings {
    /// What there is to find where there is nobody, not even somebody to stand in.
    #[must_use]
    pub fn of_nobody() -> Self {
        Self {
            present: false,
            virtual_refusal: None,
            number_use: true,
            status: LifecycleStatus::Active,
            locks: Locks::default(),
            attributes: false,
            address: false,
            fingers: FingerFinding::NotSent,
            child: false,
            totp: None,
        }
    }
}

/// Compares everything that was presented with a person, at the time `now`.
///
/// `features` are those of the presented fingers. If nobody holds the number, the caller passes a real person
/// who stands in and `present` false: the work is the same, and so does not tell.
///
/// Presented fingers are compared with recorded ones of the same position, those of unknown position with
/// every one. Together they must reach the likelihood ratio that strangers reach at the policy's false match
/// rate.
///
/// Nothing is left out because something else has failed already. A code of an authenticator is compared with
/// a fixed secret if the person has none, and then never fits, since that secret is public.
///
/// The score that the finding about fingers rests on comes with it, for statistics: it must reach nobody who presents
/// fingers.
#[must_use]
pub fn judge(
    evidence: &Evidence,
    features: &[FingerFeatures],
    subject: &Subject,
    present: bool,
    policy: &AuthenticationPolicy,
    now: Timestamp,
) -> (Findings, PersonScore) {
    let record = &subject.record;
    let claim = evidence.claim.matches(&record.demographics, now);
    let score = compare_people(&mut Matcher::new(), features, &subject.fingers);
    let reached = score.reaches(policy.fmr);
    let fingers = match (evidence.fingers.is_some(), score.fingers) {
        (false, _) => FingerFinding::NotSent,
        (true, 0) => FingerFinding::NoneRecorded,
        (true, _) if reached => FingerFinding::Match,
        (true, _) => FingerFinding::Mismatch,
    };
    let findings = Findings {
        present,
        virtual_refusal: None,
        number_use: true,
        status: record.status,
        locks: record.locks,
        attributes: claim.attributes,
        address: claim.address,
        fingers,
        child: record.demographics.age_at(now) < YOUNGEST,
        totp: totp_step(evidence.code.as_ref(), record.totp.as_ref(), now).filter(|_| present),
    };
    (findings, score)
}

/// The step whose code was given, if the person has an authenticator.
fn totp_step(code: Option<&CodeClaim>, secret: Option<&TotpSecret>, now: Timestamp) -> Option<u64> {
    let Some(CodeClaim::Totp(code)) = code else { return None };
    let nobodys = TotpSecret::from_bytes([0; TotpSecret::LENGTH]);
    let step = secret.unwrap_or(&nobodys).matching_step(code, now);
    step.filter(|_| secret.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::{FingerPosition, FingerSample, Fingers};
    use crate::demographics::{BirthClaim, DateOfBirth, DemographicClaim, Demographics, Gender, Name};
    use crate::id::{PartyId, RequestId, Sequence};
    use crate::otp::OtpCode;
    use crate::party::{Factor, FactorSet};
    use plinth_biometrics::synthetic::SyntheticPerson;

    const THUMB: FingerPosition = FingerPosition::RightThumb;
    const INDEX: FingerPosition = FingerPosition::RightIndex;
    const NOW: Timestamp = Timestamp::from_millis(1_900_000_000_000); // 2030-03-17

    fn captured(person: u64, position: FingerPosition, capture: u32) -> Fingers {
        let record = SyntheticPerson::new(5, person).capture(position, capture).encode();
        Fingers::new(vec![FingerSample { position, record }]).unwrap()
    }

    fn subject(fingers: Option<&Fingers>, totp: Option<TotpSecret>) -> Subject {
        let record = IdentityRecord {
            sequence: Sequence::new(1),
            status: LifecycleStatus::Active,
            demographics: Demographics {
                name: Name::parse("Ada Lovelace").unwrap(),
                date_of_birth: DateOfBirth::new(1985, 12, 10).unwrap(),
                gender: Gender::Female,
                phone: None,
                email: None,
                address: None,
            },
            enrolled_at: Timestamp::from_millis(0),
            agency: PartyId::parse("post").unwrap(),
            fingers: 1,
            locks: Locks { number: true, ..Locks::default() },
            totp,
            virtual_number: None,
        };
        Subject { record, fingers: fingers.map_or_else(Vec::new, |fingers| fingers.features().unwrap()) }
    }

    fn named(name: &str) -> DemographicClaim {
        let name = Some(Name::parse(name).unwrap().into());
        DemographicClaim { name, ..DemographicClaim::default() }
    }

    fn evidence(claim: DemographicClaim, fingers: Option<Fingers>, code: Option<CodeClaim>) -> Evidence {
        let others = [fingers.as_ref().map(|_| Factor::Fingerprint), code.as_ref().map(|_| Factor::Otp)];
        let declared: FactorSet = claim.factors().iter().chain(others.into_iter().flatten()).collect();
        Evidence::new(claim, fingers, code, &[], 0, declared).unwrap()
    }

    fn judged(evidence: &Evidence, subject: &Subject, present: bool) -> Findings {
        let features = evidence.fingers.as_ref().map_or_else(Vec::new, |fingers| fingers.features().unwrap());
        judge(evidence, &features, subject, present, &AuthenticationPolicy::default(), NOW).0
    }

    #[test]
    fn the_holders_own_finger_fits_and_a_strangers_does_not() {
        let holder = subject(Some(&captured(1, THUMB, 0)), None);
        let fingers = |person| {
            judged(
                &evidence(DemographicClaim::default(), Some(captured(person, THUMB, 1)), None),
                &holder,
                true,
            )
            .fingers
        };
        assert_eq!(fingers(1), FingerFinding::Match);
        for stranger in 2..6 {
            assert_eq!(fingers(stranger), FingerFinding::Mismatch);
        }
        let none = judged(&evidence(named("Ada"), None, None), &holder, true);
        assert_eq!(none.fingers, FingerFinding::NotSent);
    }

    #[test]
    fn a_finger_that_is_not_on_record_cannot_be_compared() {
        let sent = evidence(DemographicClaim::default(), Some(captured(1, INDEX, 0)), None);
        for recorded in [None, Some(captured(1, THUMB, 0))] {
            let holder = subject(recorded.as_ref(), None);
            assert_eq!(judged(&sent, &holder, true).fingers, FingerFinding::NoneRecorded);
        }
    }

    #[test]
    fn everything_is_compared_whatever_else_failed() {
        let secret = TotpSecret::from_bytes([7; 20]);
        let step = NOW.millis() / 30_000;
        let code = CodeClaim::Totp(secret.code(step));
        let holder = subject(Some(&captured(1, THUMB, 0)), Some(secret));
        let sent = |name, person| {
            judged(
                &evidence(named(name), Some(captured(person, THUMB, 1)), Some(code.clone())),
                &holder,
                true,
            )
        };
        let right = sent("ada lovelace", 1);
        let expected = Findings {
            present: true,
            virtual_refusal: None,
            number_use: true,
            status: LifecycleStatus::Active,
            locks: Locks { number: true, ..Locks::default() },
            attributes: true,
            address: true,
            fingers: FingerFinding::Match,
            child: false,
            totp: Some(step),
        };
        assert_eq!(right, expected);
        let wrong_name = sent("ada", 1);
        assert_eq!(wrong_name, Findings { attributes: false, ..expected });
        let wrong_finger = sent("ada lovelace", 2);
        assert_eq!(wrong_finger, Findings { fingers: FingerFinding::Mismatch, ..expected });
    }

    #[test]
    fn nobodys_authenticator_has_no_code_that_fits() {
        let nobodys = TotpSecret::from_bytes([0; TotpSecret::LENGTH]);
        let code = CodeClaim::Totp(nobodys.code(NOW.millis() / 30_000));
        let sent = evidence(DemographicClaim::default(), None, Some(code));
        assert_eq!(judged(&sent, &subject(None, None), true).totp, None, "the fixed secret is public");
        // Somebody who stands in has an authenticator, and even its code opens nothing.
        let stand_in = subject(None, Some(nobodys));
        assert!(judged(&sent, &stand_in, true).totp.is_some());
        assert_eq!(judged(&sent, &stand_in, false).totp, None);
    }

    #[test]
    fn a_delivered_code_is_no_code_of_an_authenticator() {
        let secret = TotpSecret::from_bytes([7; 20]);
        let digits = *secret.code(NOW.millis() / 30_000).digits();
        let code = OtpCode::from_digits(digits).unwrap();
        let code = CodeClaim::Delivered { transaction: RequestId::from_bytes([1; 16]), code };
        let sent = evidence(DemographicClaim::default(), None, Some(code));
        assert_eq!(judged(&sent, &subject(None, Some(secret)), true).totp, None);
    }

    #[test]
    fn a_child_is_one_until_the_fifth_birthday() {
        let sent = evidence(named("Ada"), None, None);
        let child = |year, month, day| {
            let mut holder = subject(None, None);
            holder.record.demographics.date_of_birth = DateOfBirth::new(year, month, day).unwrap();
            judged(&sent, &holder, true).child
        };
        // It is 2030-03-17.
        assert_eq!([child(2025, 3, 18), child(2025, 3, 17), child(2029, 1, 1)], [true, false, true]);
    }

    #[test]
    fn an_age_is_the_age_at_the_decision() {
        let claim = DemographicClaim {
            minimum_age: Some(45),
            birth: Some(BirthClaim::parse("1985-12-10").unwrap()),
            ..DemographicClaim::default()
        };
        let sent = evidence(claim, None, None);
        assert!(!judged(&sent, &subject(None, None), true).attributes);
        let later = Timestamp::parse("2030-12-10T00:00:00Z").unwrap();
        let found = judge(&sent, &[], &subject(None, None), true, &AuthenticationPolicy::default(), later).0;
        assert!(found.attributes);
    }
}
