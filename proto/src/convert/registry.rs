//! Bodies of the registry service.

use plinth_identity::dsse::Verified;
use plinth_identity::field::FieldViolation;
use plinth_identity::id::{CaseId, PartyId};
use plinth_identity::party::{Party, PartyKind, PartyStatus};
use plinth_identity::request::RequestHeader;
use plinth_identity::statement::{RegistryChange, RegistryStatement};
use prost::Message;

pub use super::case::{
    CandidateView, CaseOrder, candidate_view, case_view, decode_case_decision, encode_case_decision,
};
use super::case::{decision, encode_decision};
use super::header::{
    encode_request_header, encode_statement_header, party_id, request_header, statement_header,
};
use super::party::party_kind;
use super::{Page, decode_body, required};
use crate::registry::v1;

/// Bytes of a backup folder's path at most.
pub const MAX_DIRECTORY_BYTES: usize = 1_024;

/// Names one party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyRef {
    /// What it is.
    pub kind: PartyKind,
    /// Its id, unique within its kind.
    pub id: PartyId,
}

/// What an administrator orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryOrder {
    /// Who orders, and when.
    pub header: RequestHeader,
    /// What is ordered.
    pub change: Change,
}

/// A change of the registry, or a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Register this party; it becomes active.
    Register(Box<Party>),
    /// Give the registered party of this kind and id, with this key, this display name, validity and policy. Its status
    /// stays as it is, whatever this says.
    Amend(Box<Party>),
    /// Suspend it, from its next request on.
    Suspend(PartyRef),
    /// Let it take part again.
    Reinstate(PartyRef),
    /// Revoke it for ever.
    Revoke(PartyRef),
    /// Build the index anew, under a new key.
    RenewIndex,
    /// Write a backup.
    Backup {
        /// A folder on the server's machine that does not exist yet: 1 to [`MAX_DIRECTORY_BYTES`] bytes.
        directory: String,
    },
}

/// The bytes of a registry change, for the administrator to sign.
#[must_use]
pub fn encode_registry_change(order: &RegistryOrder) -> Vec<u8> {
    use v1::registry_change::Change as Wire;
    let change = match &order.change {
        Change::Register(party) => Wire::Register(party.as_ref().into()),
        Change::Amend(party) => Wire::Amend(v1::Party {
            status: v1::PartyStatus::Unspecified.into(),
            ..v1::Party::from(party.as_ref())
        }),
        Change::Suspend(party) => Wire::Suspend(party.into()),
        Change::Reinstate(party) => Wire::Reinstate(party.into()),
        Change::Revoke(party) => Wire::Revoke(party.into()),
        Change::RenewIndex => Wire::RenewIndex(v1::IndexOrder {}),
        Change::Backup { directory } => Wire::Backup(v1::BackupOrder { directory: directory.clone() }),
    };
    v1::RegistryChange { header: Some(encode_request_header(&order.header)), change: Some(change) }
        .encode_to_vec()
}

/// The registry change in a verified envelope.
///
/// # Errors
///
/// Names the first field at fault.
pub fn decode_registry_change(verified: &Verified) -> Result<RegistryOrder, FieldViolation> {
    decode_body::<v1::RegistryChange>(verified)?.try_into()
}

impl TryFrom<v1::RegistryChange> for RegistryOrder {
    type Error = FieldViolation;

    fn try_from(wire: v1::RegistryChange) -> Result<Self, FieldViolation> {
        use v1::registry_change::Change as Wire;
        let header = request_header(wire.header)?;
        let change = match required(wire.change, "change")? {
            Wire::Register(party) => {
                let party = registration(party).map_err(|violation| violation.at("register"))?;
                Change::Register(Box::new(party))
            }
            Wire::Amend(party) => {
                let party = registration(party).map_err(|violation| violation.at("amend"))?;
                Change::Amend(Box::new(party))
            }
            Wire::Suspend(party) => Change::Suspend(party_at(party, "suspend")?),
            Wire::Reinstate(party) => Change::Reinstate(party_at(party, "reinstate")?),
            Wire::Revoke(party) => Change::Revoke(party_at(party, "revoke")?),
            Wire::Backup(order) => Change::Backup { directory: directory(order)? },
            Wire::RenewIndex(v1::IndexOrder {}) => Change::RenewIndex,
        };
        Ok(Self { header, change })
    }
}

/// A party that is being registered or amended: active, whether it says so or not.
fn registration(mut wire: v1::Party) -> Result<Party, FieldViolation> {
    if wire.status == i32::from(v1::PartyStatus::Unspecified) {
        wire.status = v1::PartyStatus::Active.into();
    }
    let party = Party::try_from(wire)?;
    if party.status != PartyStatus::Active {
        return Err(FieldViolation::malformed(
            "status",
            "must be active: a party is suspended by another call",
        ));
    }
    Ok(party)
}

fn party_at(wire: v1::PartyRef, field: &str) -> Result<PartyRef, FieldViolation> {
    PartyRef::try_from(wire).map_err(|violation| violation.at(field))
}

fn directory(wire: v1::BackupOrder) -> Result<String, FieldViolation> {
    let fits = (1..=MAX_DIRECTORY_BYTES).contains(&wire.directory.len());
    if !fits || wire.directory.contains('\0') {
        let description = format!("must be a path of 1 to {MAX_DIRECTORY_BYTES} bytes");
        return Err(FieldViolation::malformed("backup.directory", description));
    }
    Ok(wire.directory)
}

impl From<&PartyRef> for v1::PartyRef {
    fn from(party: &PartyRef) -> Self {
        Self { kind: v1::PartyKind::from(party.kind).into(), id: party.id.as_str().to_owned() }
    }
}

impl TryFrom<v1::PartyRef> for PartyRef {
    type Error = FieldViolation;

    fn try_from(wire: v1::PartyRef) -> Result<Self, FieldViolation> {
        Ok(Self { kind: party_kind(wire.kind)?, id: party_id(&wire.id, "id")? })
    }
}

/// What an administrator reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryQuery {
    /// Who asks, and when.
    pub header: RequestHeader,
    /// What is asked.
    pub ask: RegistryAsk,
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryAsk {
    /// A page of parties in the order of their ids.
    Parties {
        /// The kind to list.
        kind: PartyKind,
        /// Which page.
        page: Page,
    },
    /// A page of cases, oldest first.
    Cases {
        /// Only cases that are still to be decided.
        open_only: bool,
        /// Which page.
        page: Page,
    },
    /// One case.
    Case(CaseId),
    /// The state of the index.
    Index,
    /// A page of pairs of an imported register.
    Findings {
        /// The register's number, 1 or more.
        import: u32,
        /// Which page.
        page: Page,
    },
}

/// The bytes of a registry query, for the administrator to sign.
#[must_use]
pub fn encode_registry_query(query: &RegistryQuery) -> Vec<u8> {
    use v1::registry_query::Ask as Wire;
    let ask = match &query.ask {
        RegistryAsk::Parties { kind, page } => Wire::Parties(v1::PartiesPage {
            kind: v1::PartyKind::from(*kind).into(),
            page_size: page.size(),
            page_token: page.token().to_owned(),
        }),
        RegistryAsk::Cases { open_only, page } => Wire::Cases(v1::CasesPage {
            open_only: *open_only,
            page_size: page.size(),
            page_token: page.token().to_owned(),
        }),
        RegistryAsk::Case(case) => Wire::CaseId(case.get()),
        RegistryAsk::Index => Wire::Index(v1::IndexAsk {}),
        RegistryAsk::Findings { import, page } => Wire::Findings(v1::FindingsPage {
            import_id: *import,
            page_size: page.size(),
            page_token: page.token().to_owned(),
        }),
    };
    v1::RegistryQuery { header: Some(encode_request_header(&query.header)), ask: Some(ask) }.encode_to_vec()
}

/// The registry query in a verified envelope.
///
/// # Errors
///
/// Names the first field at fault.
pub fn decode_registry_query(verified: &Verified) -> Result<RegistryQuery, FieldViolation> {
    decode_body::<v1::RegistryQuery>(verified)?.try_into()
}

impl TryFrom<v1::RegistryQuery> for RegistryQuery {
    type Error = FieldViolation;

    fn try_from(wire: v1::RegistryQuery) -> Result<Self, FieldViolation> {
        use v1::registry_query::Ask as Wire;
        let header = request_header(wire.header)?;
        let ask = match required(wire.ask, "ask")? {
            Wire::Parties(parties) => RegistryAsk::Parties {
                kind: party_kind(parties.kind).map_err(|violation| violation.at("parties"))?,
                page: Page::new(parties.page_size, &parties.page_token)
                    .map_err(|violation| violation.at("parties"))?,
            },
            Wire::Cases(cases) => RegistryAsk::Cases {
                open_only: cases.open_only,
                page: Page::new(cases.page_size, &cases.page_token)
                    .map_err(|violation| violation.at("cases"))?,
            },
            Wire::CaseId(case) => RegistryAsk::Case(CaseId::new(case)),
            Wire::Index(v1::IndexAsk {}) => RegistryAsk::Index,
            Wire::Findings(v1::FindingsPage { import_id: 0, .. }) => {
                return Err(FieldViolation::malformed("findings.import_id", "must be 1 or more"));
            }
            Wire::Findings(findings) => RegistryAsk::Findings {
                import: findings.import_id,
                page: Page::new(findings.page_size, &findings.page_token)
                    .map_err(|violation| violation.at("findings"))?,
            },
        };
        Ok(Self { header, ask })
    }
}

/// The bytes of a registry statement, for the service to sign.
#[must_use]
pub fn encode_registry_statement(statement: &RegistryStatement) -> Vec<u8> {
    let mut wire = v1::RegistryStatement {
        header: Some(encode_statement_header(&statement.header)),
        administrator: statement.administrator.as_str().to_owned(),
        ..v1::RegistryStatement::default()
    };
    let party = |kind: PartyKind, id: &PartyId| Some(v1::PartyRef::from(&PartyRef { kind, id: id.clone() }));
    let action = match &statement.change {
        RegistryChange::Registered { kind, id } => {
            wire.party = party(*kind, id);
            v1::RegistryAction::Registered
        }
        RegistryChange::Amended { kind, id } => {
            wire.party = party(*kind, id);
            v1::RegistryAction::Amended
        }
        RegistryChange::Suspended { kind, id } => {
            wire.party = party(*kind, id);
            v1::RegistryAction::Suspended
        }
        RegistryChange::Reinstated { kind, id } => {
            wire.party = party(*kind, id);
            v1::RegistryAction::Reinstated
        }
        RegistryChange::Revoked { kind, id } => {
            wire.party = party(*kind, id);
            v1::RegistryAction::Revoked
        }
        RegistryChange::CaseDecided { case, decision } => {
            wire.case_id = case.get();
            wire.decision = encode_decision(*decision).into();
            v1::RegistryAction::CaseDecided
        }
        RegistryChange::CaseExtended { case } => {
            wire.case_id = case.get();
            v1::RegistryAction::CaseExtended
        }
        RegistryChange::IndexRenewed { epoch } => {
            wire.index_epoch = *epoch;
            v1::RegistryAction::IndexRenewed
        }
    };
    wire.action = action.into();
    wire.encode_to_vec()
}

/// The registry statement in a verified envelope.
///
/// # Errors
///
/// Names the first field at fault; a party of a case, and a case of a party, are at fault.
pub fn decode_registry_statement(verified: &Verified) -> Result<RegistryStatement, FieldViolation> {
    decode_body::<v1::RegistryStatement>(verified)?.try_into()
}

impl TryFrom<v1::RegistryStatement> for RegistryStatement {
    type Error = FieldViolation;

    fn try_from(wire: v1::RegistryStatement) -> Result<Self, FieldViolation> {
        let change = statement_change(&wire)?;
        Ok(Self {
            header: statement_header(wire.header)?,
            administrator: party_id(&wire.administrator, "administrator")?,
            change,
        })
    }
}

fn statement_change(wire: &v1::RegistryStatement) -> Result<RegistryChange, FieldViolation> {
    use v1::RegistryAction as Action;
    let action = Action::try_from(wire.action);
    if wire.index_epoch != 0 && action != Ok(Action::IndexRenewed) {
        return Err(FieldViolation::malformed("index_epoch", "belongs to a renewed index only"));
    }
    match action {
        Ok(Action::Registered) => {
            statement_party(wire).map(|PartyRef { kind, id }| RegistryChange::Registered { kind, id })
        }
        Ok(Action::Amended) => {
            statement_party(wire).map(|PartyRef { kind, id }| RegistryChange::Amended { kind, id })
        }
        Ok(Action::Suspended) => {
            statement_party(wire).map(|PartyRef { kind, id }| RegistryChange::Suspended { kind, id })
        }
        Ok(Action::Reinstated) => {
            statement_party(wire).map(|PartyRef { kind, id }| RegistryChange::Reinstated { kind, id })
        }
        Ok(Action::Revoked) => {
            statement_party(wire).map(|PartyRef { kind, id }| RegistryChange::Revoked { kind, id })
        }
        Ok(Action::CaseDecided) => {
            let case = statement_case(wire)?;
            Ok(RegistryChange::CaseDecided { case, decision: decision(wire.decision)? })
        }
        Ok(Action::CaseExtended) if wire.decision == 0 => {
            statement_case(wire).map(|case| RegistryChange::CaseExtended { case })
        }
        Ok(Action::CaseExtended) => {
            Err(FieldViolation::malformed("decision", "belongs to a decided case only"))
        }
        Ok(Action::IndexRenewed) if wire.party.is_some() || wire.case_id != 0 || wire.decision != 0 => {
            Err(FieldViolation::malformed("action", "concerns neither a party nor a case"))
        }
        Ok(Action::IndexRenewed) if wire.index_epoch < 2 => {
            Err(FieldViolation::malformed("index_epoch", "must be 2 or more"))
        }
        Ok(Action::IndexRenewed) => Ok(RegistryChange::IndexRenewed { epoch: wire.index_epoch }),
        Ok(Action::Unspecified) | Err(_) => {
            Err(FieldViolation::malformed("action", "must be one of the actions"))
        }
    }
}

/// The party of a statement about a party, which has no case.
fn statement_party(wire: &v1::RegistryStatement) -> Result<PartyRef, FieldViolation> {
    if wire.case_id != 0 {
        return Err(FieldViolation::malformed("case_id", "does not belong to a party"));
    }
    if wire.decision != 0 {
        return Err(FieldViolation::malformed("decision", "belongs to a decided case only"));
    }
    party_at(required(wire.party.clone(), "party")?, "party")
}

/// The case of a statement about a case, which has no party.
fn statement_case(wire: &v1::RegistryStatement) -> Result<CaseId, FieldViolation> {
    if wire.party.is_some() {
        return Err(FieldViolation::malformed("party", "does not belong to a case"));
    }
    if wire.case_id == 0 {
        return Err(FieldViolation::malformed("case_id", "must be 1 or more"));
    }
    Ok(CaseId::new(wire.case_id))
}
