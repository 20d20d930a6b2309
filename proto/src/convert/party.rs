//! Parties of the registry, and what their policies say.

use plinth_identity::dsse::PublicKey;
use plinth_identity::field::FieldViolation;
use plinth_identity::party::{
    Party, PartyKind, PartyStatus, Quotas, ReasonView, RelyingPartyPolicy, TokenKind,
};
use plinth_identity::time::Timestamp;

use super::exact_bytes;
use super::factor::{attributes, encode_attributes, encode_factors, factors};
use super::header::party_id;
use crate::registry::v1;

impl From<&Party> for v1::Party {
    fn from(party: &Party) -> Self {
        let policy = match party.kind {
            PartyKind::RelyingParty => Some((&party.policy).into()),
            PartyKind::Agency | PartyKind::Administrator => None,
        };
        Self {
            kind: v1::PartyKind::from(party.kind).into(),
            id: party.id.as_str().to_owned(),
            display_name: party.display_name.clone(),
            public_key: party.key.to_bytes().to_vec(),
            valid_from_ms: party.valid_from.millis(),
            valid_until_ms: party.valid_until.millis(),
            policy,
            status: v1::PartyStatus::from(party.status).into(),
        }
    }
}

impl TryFrom<v1::Party> for Party {
    type Error = FieldViolation;

    fn try_from(wire: v1::Party) -> Result<Self, FieldViolation> {
        let kind = party_kind(wire.kind)?;
        let status = match v1::PartyStatus::try_from(wire.status) {
            Ok(v1::PartyStatus::Active) => PartyStatus::Active,
            Ok(v1::PartyStatus::Suspended) => PartyStatus::Suspended,
            Ok(v1::PartyStatus::Revoked) => PartyStatus::Revoked,
            Ok(v1::PartyStatus::Unspecified) | Err(_) => {
                return Err(FieldViolation::malformed("status", "must be active, suspended or revoked"));
            }
        };
        let key = PublicKey::from_bytes(&exact_bytes(&wire.public_key, "public_key")?)
            .map_err(|_| FieldViolation::malformed("public_key", "must be a sound Ed25519 public key"))?;
        Self::new(
            kind,
            party_id(&wire.id, "id")?,
            wire.display_name,
            key,
            Timestamp::from_millis(wire.valid_from_ms),
            Timestamp::from_millis(wire.valid_until_ms),
            status,
            policy(kind, wire.policy)?,
        )
    }
}

fn policy(
    kind: PartyKind,
    wire: Option<v1::RelyingPartyPolicy>,
) -> Result<RelyingPartyPolicy, FieldViolation> {
    match (kind, wire) {
        (PartyKind::RelyingParty, Some(wire)) => {
            wire.try_into().map_err(|violation: FieldViolation| violation.at("policy"))
        }
        (PartyKind::RelyingParty, None) => {
            Err(FieldViolation::malformed("policy", "is required for a relying party"))
        }
        (PartyKind::Agency | PartyKind::Administrator, None) => Ok(RelyingPartyPolicy::default()),
        (PartyKind::Agency | PartyKind::Administrator, Some(_)) => {
            Err(FieldViolation::malformed("policy", "belongs to a relying party only"))
        }
    }
}

impl From<&RelyingPartyPolicy> for v1::RelyingPartyPolicy {
    fn from(policy: &RelyingPartyPolicy) -> Self {
        let (sees_reasons, reasons) = match &policy.reasons {
            ReasonView::None => (false, Vec::new()),
            ReasonView::All => (true, Vec::new()),
            ReasonView::Only(codes) => (false, codes.iter().copied().map(u32::from).collect()),
        };
        let token_kind = match policy.token {
            TokenKind::None => v1::TokenKind::None,
            TokenKind::Pairwise => v1::TokenKind::Pairwise,
        };
        Self {
            factors: encode_factors(policy.factors),
            sees_reasons,
            mandatory: encode_factors(policy.mandatory),
            partial_matching: policy.partial_matching,
            full_address: policy.full_address,
            attributes: encode_attributes(policy.attributes),
            token_kind: token_kind.into(),
            reasons,
            quotas: Some(v1::Quotas {
                requests_per_second: policy.quotas.requests_per_second,
                burst: policy.quotas.burst,
                numbers_per_day: policy.quotas.numbers_per_day,
                failure_percent: policy.quotas.failure_percent.into(),
            }),
            networks: policy.networks.iter().map(ToString::to_string).collect(),
            virtual_number_only: policy.virtual_number_only,
            resident_agent: policy.resident_agent,
            encryption_key: policy.encryption_key.map(|key| key.to_vec()).unwrap_or_default(),
        }
    }
}

impl TryFrom<v1::RelyingPartyPolicy> for RelyingPartyPolicy {
    type Error = FieldViolation;

    fn try_from(wire: v1::RelyingPartyPolicy) -> Result<Self, FieldViolation> {
        let token = match v1::TokenKind::try_from(wire.token_kind) {
            Ok(v1::TokenKind::None) => TokenKind::None,
            Ok(v1::TokenKind::Unspecified | v1::TokenKind::Pairwise) => TokenKind::Pairwise,
            Err(_) => return Err(FieldViolation::malformed("token_kind", "must be none or pairwise")),
        };
        let encryption_key = match wire.encryption_key.as_slice() {
            [] => None,
            key => Some(exact_bytes(key, "encryption_key")?),
        };
        if wire.networks.len() > Self::MAX_NETWORKS {
            let description = format!("must be at most {} networks", Self::MAX_NETWORKS);
            return Err(FieldViolation::malformed("networks", description));
        }
        let networks = wire.networks.iter().enumerate().map(|(index, network)| {
            network.parse().map_err(|_| {
                FieldViolation::malformed(
                    format!("networks[{index}]"),
                    "must be a network such as 192.0.2.0/24 or 2001:db8::/32",
                )
            })
        });
        let policy = Self {
            factors: factors(&wire.factors, "factors")?,
            mandatory: factors(&wire.mandatory, "mandatory")?,
            partial_matching: wire.partial_matching,
            full_address: wire.full_address,
            attributes: attributes(&wire.attributes, "attributes")?,
            token,
            reasons: reasons(wire.sees_reasons, &wire.reasons)?,
            quotas: quotas(wire.quotas.unwrap_or_default())?,
            networks: networks.collect::<Result<_, _>>()?,
            virtual_number_only: wire.virtual_number_only,
            resident_agent: wire.resident_agent,
            encryption_key,
        };
        policy.check()?;
        Ok(policy)
    }
}

fn reasons(every: bool, wire: &[u32]) -> Result<ReasonView, FieldViolation> {
    match (every, wire) {
        (true, []) => Ok(ReasonView::All),
        (false, []) => Ok(ReasonView::None),
        (true, _) => {
            Err(FieldViolation::malformed("reasons", "must be empty where sees_reasons shows all of them"))
        }
        (false, codes) => {
            let codes = codes.iter().enumerate().map(|(index, code)| {
                u16::try_from(*code).map_err(|_| {
                    FieldViolation::malformed(format!("reasons[{index}]"), "must be at most 65,535")
                })
            });
            codes.collect::<Result<_, _>>().map(ReasonView::Only)
        }
    }
}

fn quotas(wire: v1::Quotas) -> Result<Quotas, FieldViolation> {
    let failure_percent = u8::try_from(wire.failure_percent)
        .map_err(|_| FieldViolation::malformed("quotas.failure_percent", "must be at most 100"))?;
    Ok(Quotas {
        requests_per_second: wire.requests_per_second,
        burst: wire.burst,
        numbers_per_day: wire.numbers_per_day,
        failure_percent,
    })
}

impl From<PartyKind> for v1::PartyKind {
    fn from(kind: PartyKind) -> Self {
        match kind {
            PartyKind::Agency => Self::Agency,
            PartyKind::RelyingParty => Self::RelyingParty,
            PartyKind::Administrator => Self::Administrator,
        }
    }
}

pub(super) fn party_kind(wire: i32) -> Result<PartyKind, FieldViolation> {
    match v1::PartyKind::try_from(wire) {
        Ok(v1::PartyKind::Agency) => Ok(PartyKind::Agency),
        Ok(v1::PartyKind::RelyingParty) => Ok(PartyKind::RelyingParty),
        Ok(v1::PartyKind::Administrator) => Ok(PartyKind::Administrator),
        Ok(v1::PartyKind::Unspecified) | Err(_) => {
            Err(FieldViolation::malformed("kind", "must be agency, relying party or administrator"))
        }
    }
}

impl From<PartyStatus> for v1::PartyStatus {
    fn from(status: PartyStatus) -> Self {
        match status {
            PartyStatus::Active => Self::Active,
            PartyStatus::Suspended => Self::Suspended,
            PartyStatus::Revoked => Self::Revoked,
        }
    }
}
