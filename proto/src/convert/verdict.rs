//! Yes or no, as every decision about a person says it: the verdict, the reason of a no, the token of a yes.
//!
//! A no has one length, whatever the reason and whoever may see it: the reason's four bytes are always there, and are
//! zero where it is not shown.

use plinth_identity::authentication::Verdict;
use plinth_identity::field::FieldViolation;
use plinth_identity::id::RelyingPartyToken;
use plinth_identity::reason::Reason;

use super::exact_bytes;
use crate::authentication::v1;

pub(super) fn encode_verdict(verdict: Verdict) -> i32 {
    match verdict {
        Verdict::Yes => v1::Verdict::Yes.into(),
        Verdict::No => v1::Verdict::No.into(),
    }
}

pub(super) fn verdict(wire: i32) -> Result<Verdict, FieldViolation> {
    match v1::Verdict::try_from(wire) {
        Ok(v1::Verdict::Yes) => Ok(Verdict::Yes),
        Ok(v1::Verdict::No) => Ok(Verdict::No),
        Ok(v1::Verdict::Unspecified) | Err(_) => {
            Err(FieldViolation::malformed("verdict", "must be yes or no"))
        }
    }
}

/// The reason's field: in every no, and in nothing else.
pub(super) fn encode_reason(verdict: Verdict, reason: Option<Reason>) -> Option<u32> {
    match verdict {
        Verdict::Yes => None,
        Verdict::No => Some(reason.map_or(0, |reason| reason.code().into())),
    }
}

/// The reason of a no. One of a newer version reads as none: the verdict stands all the same.
pub(super) fn reason(verdict: Verdict, wire: Option<u32>) -> Result<Option<Reason>, FieldViolation> {
    match (verdict, wire) {
        (Verdict::Yes, Some(_)) => Err(FieldViolation::malformed("reason", "belongs to a no only")),
        (Verdict::Yes, None) => Ok(None),
        (Verdict::No, wire) => Ok(wire.and_then(reason_coded)),
    }
}

/// The reason of this version with a number.
pub(super) fn reason_coded(code: u32) -> Option<Reason> {
    u16::try_from(code).ok().and_then(Reason::from_code)
}

pub(super) fn encode_token(token: Option<&RelyingPartyToken>) -> Vec<u8> {
    token.map(|token| token.as_bytes().to_vec()).unwrap_or_default()
}

/// The token of a yes; none where the policy gives none.
pub(super) fn token(verdict: Verdict, wire: &[u8]) -> Result<Option<RelyingPartyToken>, FieldViolation> {
    match verdict {
        _ if wire.is_empty() => Ok(None),
        Verdict::Yes => Ok(Some(RelyingPartyToken::from_bytes(exact_bytes(wire, "token")?))),
        Verdict::No => Err(FieldViolation::malformed("token", "belongs to a yes only")),
    }
}
