//! What people want done with their own number.

use crate::evidence::Evidence;
use crate::field::FieldViolation;
use crate::id::LogPosition;
use crate::number::IdentityNumber;
use crate::party::RelyingPartyPolicy;
use crate::reason::Reason;
use crate::request::RequestHeader;
use crate::virtual_number::VirtualNumberKind;

use super::request::check_strong;

/// What a person wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResidentAction {
    /// Draws a virtual number; the one before it is revoked.
    CreateVirtualNumber {
        /// How long it is good for.
        kind: VirtualNumberKind,
        /// For how many milliseconds, at least 1. An expiring number has it, a perpetual one has not, a
        /// one-time number may have it.
        valid_for_ms: Option<u64>,
    },
    /// Revokes the virtual number.
    RevokeVirtualNumber,
    /// Locks or unlocks; what is absent stays as it is, and something is present.
    SetLocks {
        /// The number itself: only virtual numbers can be used.
        number: Option<bool>,
        /// Fingers.
        fingers: Option<bool>,
        /// Irises.
        irises: Option<bool>,
        /// The face.
        face: Option<bool>,
    },
    /// Draws the secret of an authenticator; the one before it is void.
    CreateTotp,
    /// Makes the authenticator void.
    RemoveTotp,
    /// Reads who asked about the person, newest first.
    ReadHistory {
        /// The most entries, 1 to [`ResidentAction::MAX_PAGE`].
        page_size: u16,
        /// Only entries before this position.
        before: Option<LogPosition>,
    },
}

impl ResidentAction {
    /// The most entries of a page of history.
    pub const MAX_PAGE: u16 = 1_000;

    /// [`Reason::Malformed`] at the path of a field of the wire's message.
    fn check(&self) -> Result<(), FieldViolation> {
        let violation = |field, description| Err(FieldViolation::malformed(field, description));
        match self {
            Self::CreateVirtualNumber { kind, valid_for_ms } => {
                let field = "create_virtual_number.valid_for_ms";
                match (kind, valid_for_ms) {
                    (_, Some(0)) => violation(field, "must be at least 1"),
                    (VirtualNumberKind::Expiring, None) => {
                        violation(field, "must be given for an expiring number")
                    }
                    (VirtualNumberKind::Perpetual, Some(_)) => {
                        violation(field, "must be absent for a perpetual number")
                    }
                    _ => Ok(()),
                }
            }
            Self::SetLocks { number: None, fingers: None, irises: None, face: None } => {
                violation("set_locks", "must lock or unlock something")
            }
            Self::ReadHistory { page_size, .. } if !(1..=Self::MAX_PAGE).contains(page_size) => {
                violation("read_history.page_size", "must be 1 to 1,000")
            }
            Self::SetLocks { .. }
            | Self::RevokeVirtualNumber
            | Self::CreateTotp
            | Self::RemoveTotp
            | Self::ReadHistory { .. } => Ok(()),
        }
    }
}

/// A person's order about their own number, sent by an agent. Only [`ResidentRequest::new`] makes one.
///
/// It always names the number itself, so that somebody who locked it can unlock it: whoever decides says so
/// by setting [`Findings::number_use`](super::Findings::number_use) to false.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResidentRequest {
    /// Which agent sends it, and when.
    pub header: RequestHeader,
    /// The person's number.
    pub number: IdentityNumber,
    /// What the person presents. It is strong: see [`Evidence::is_strong`].
    pub evidence: Evidence,
    /// What is to be done.
    pub action: ResidentAction,
}

impl ResidentRequest {
    /// Checks and keeps the parts.
    ///
    /// # Errors
    /// [`Reason::StrongFactorRequired`] at `evidence.declared` without fingers and one-time code;
    /// [`Reason::Malformed`] at `create_virtual_number.valid_for_ms`, `set_locks` or
    /// `read_history.page_size`: see [`ResidentAction`].
    pub fn new(
        header: RequestHeader,
        number: IdentityNumber,
        evidence: Evidence,
        action: ResidentAction,
    ) -> Result<Self, FieldViolation> {
        check_strong(&evidence)?;
        action.check()?;
        Ok(Self { header, number, evidence, action })
    }

    /// Whether a party may send this. To be checked before any record is read.
    ///
    /// # Errors
    /// [`Reason::NotResidentAgent`], and those of [`Evidence::entitled`].
    pub fn entitled(&self, policy: &RelyingPartyPolicy) -> Result<(), Reason> {
        if !policy.resident_agent {
            return Err(Reason::NotResidentAgent);
        }
        self.evidence.entitled(policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demographics::{DemographicClaim, Name};
    use crate::evidence::{CodeClaim, OtpCode};
    use crate::id::{DeploymentId, Nonce, PartyId, RequestId};
    use crate::party::{Factor, FactorSet};
    use crate::time::Timestamp;
    use rand::{SeedableRng, rngs::StdRng};

    fn order(evidence: Evidence, action: ResidentAction) -> Result<ResidentRequest, FieldViolation> {
        let header = RequestHeader::new(
            DeploymentId::from_bytes([1; 16]),
            PartyId::parse("post").unwrap(),
            "",
            RequestId::from_bytes([2; 16]),
            Nonce::from_bytes([3; 16]),
            Timestamp::from_millis(1),
            Timestamp::from_millis(2),
        )
        .unwrap();
        let number = IdentityNumber::draw(&mut StdRng::seed_from_u64(1));
        ResidentRequest::new(header, number, evidence, action)
    }

    fn coded() -> Evidence {
        let code = Some(CodeClaim::Totp(OtpCode::parse("123456").unwrap()));
        let declared = FactorSet::EMPTY.with(Factor::Otp);
        Evidence::new(DemographicClaim::default(), None, code, &[], 0, declared).unwrap()
    }

    fn refused(action: ResidentAction) -> Option<String> {
        order(coded(), action).err().map(|violation| violation.field)
    }

    #[test]
    fn an_order_takes_a_factor_of_the_persons_own() {
        let name = Some(Name::parse("Ada").unwrap().into());
        let claim = DemographicClaim { name, ..DemographicClaim::default() };
        let named = Evidence::new(claim, None, None, &[], 0, FactorSet::EMPTY.with(Factor::Name)).unwrap();
        let violation = order(named, ResidentAction::CreateTotp).unwrap_err();
        assert_eq!(
            (violation.field.as_str(), violation.reason),
            ("evidence.declared", Reason::StrongFactorRequired)
        );
        for action in
            [ResidentAction::CreateTotp, ResidentAction::RemoveTotp, ResidentAction::RevokeVirtualNumber]
        {
            assert_eq!(refused(action), None);
        }
    }

    #[test]
    fn a_virtual_number_lasts_as_its_kind_says() {
        use VirtualNumberKind::{Expiring, OneTime, Perpetual};
        let create = |kind, valid_for_ms| refused(ResidentAction::CreateVirtualNumber { kind, valid_for_ms });
        for (kind, valid_for_ms) in
            [(OneTime, None), (OneTime, Some(1)), (Expiring, Some(1)), (Perpetual, None)]
        {
            assert_eq!(create(kind, valid_for_ms), None);
        }
        let field = Some("create_virtual_number.valid_for_ms".to_owned());
        for (kind, valid_for_ms) in
            [(OneTime, Some(0)), (Expiring, None), (Expiring, Some(0)), (Perpetual, Some(1))]
        {
            assert_eq!(create(kind, valid_for_ms), field);
        }
    }

    #[test]
    fn a_lock_or_a_page_of_nothing_is_refused() {
        let lock = |number| ResidentAction::SetLocks { number, fingers: None, irises: None, face: None };
        assert_eq!(refused(lock(None)), Some("set_locks".to_owned()));
        assert_eq!([refused(lock(Some(true))), refused(lock(Some(false)))], [None, None]);
        let page = |page_size| refused(ResidentAction::ReadHistory { page_size, before: None });
        assert_eq!([page(1), page(1_000)], [None, None]);
        let field = Some("read_history.page_size".to_owned());
        assert_eq!([page(0), page(1_001)], [field.clone(), field]);
    }

    #[test]
    fn only_agents_send_orders() {
        let request = order(coded(), ResidentAction::CreateTotp).unwrap();
        let entitled = |resident_agent, factors| {
            request.entitled(&RelyingPartyPolicy { resident_agent, factors, ..Default::default() })
        };
        assert_eq!(entitled(true, FactorSet::ALL), Ok(()));
        assert_eq!(entitled(false, FactorSet::ALL), Err(Reason::NotResidentAgent));
        assert_eq!(entitled(true, FactorSet::EMPTY), Err(Reason::NotEntitledOtp));
    }
}
