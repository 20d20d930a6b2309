//! The registry: administrators register, suspend, reinstate and revoke parties, order backups, and read cases.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use plinth_identity::case::CaseCandidate;
use plinth_identity::id::{CaseId, PartyId, Sequence};
use plinth_identity::party::{Party, PartyKind, PartyStatus};
use plinth_identity::reason::Reason;
use plinth_identity::statement::{RegistryChange, RegistryStatement};
use plinth_proto::convert::registry::{
    Change, PartyRef, RegistryAsk, RegistryOrder, RegistryQuery, encode_registry_statement,
};
use plinth_proto::envelope;
use plinth_proto::registry::v1::backup_response::Step;
use plinth_proto::registry::v1::registry_service_server::RegistryService;
use plinth_proto::registry::v1::{
    self, AmendPartyRequest, AmendPartyResponse, BackupRequest, BackupResponse, BackupSummary,
    DecideCaseRequest, DecideCaseResponse, GetCaseRequest, GetCaseResponse, GetIndexRequest,
    GetIndexResponse, ListCasesRequest, ListCasesResponse, ListFindingsRequest, ListFindingsResponse,
    ListPartiesRequest, ListPartiesResponse, RegisterPartyRequest, RegisterPartyResponse,
    ReinstatePartyRequest, ReinstatePartyResponse, RenewIndexRequest, RenewIndexResponse, RevokePartyRequest,
    RevokePartyResponse, SuspendPartyRequest, SuspendPartyResponse,
};
use plinth_storage::{Finding, ImportRow, StatementKind, StoreError};
use tonic::{Request, Response, Status};

use crate::cases;
use crate::core::{Core, Door, Place};
use crate::gate::{Admission, Origin, admit, admit_query, origin};
use crate::pages::{next_token, page_after, size_of};
use crate::refusal::Refusal;
use crate::registrar::{Answer, Decided, Proposal, Sitting};

/// The gRPC face of administration.
pub(crate) struct Registry(pub(crate) Door);

type Signed = Option<envelope::v1::Envelope>;

#[tonic::async_trait]
impl RegistryService for Registry {
    async fn register_party(
        &self,
        request: Request<RegisterPartyRequest>,
    ) -> Result<Response<RegisterPartyResponse>, Status> {
        let statement = change(&self.0, origin(&request), request.into_inner().envelope, "register").await?;
        Ok(Response::new(RegisterPartyResponse { statement }))
    }

    async fn amend_party(
        &self,
        request: Request<AmendPartyRequest>,
    ) -> Result<Response<AmendPartyResponse>, Status> {
        let statement = change(&self.0, origin(&request), request.into_inner().envelope, "amend").await?;
        Ok(Response::new(AmendPartyResponse { statement }))
    }

    async fn suspend_party(
        &self,
        request: Request<SuspendPartyRequest>,
    ) -> Result<Response<SuspendPartyResponse>, Status> {
        let statement = change(&self.0, origin(&request), request.into_inner().envelope, "suspend").await?;
        Ok(Response::new(SuspendPartyResponse { statement }))
    }

    async fn reinstate_party(
        &self,
        request: Request<ReinstatePartyRequest>,
    ) -> Result<Response<ReinstatePartyResponse>, Status> {
        let statement = change(&self.0, origin(&request), request.into_inner().envelope, "reinstate").await?;
        Ok(Response::new(ReinstatePartyResponse { statement }))
    }

    async fn revoke_party(
        &self,
        request: Request<RevokePartyRequest>,
    ) -> Result<Response<RevokePartyResponse>, Status> {
        let statement = change(&self.0, origin(&request), request.into_inner().envelope, "revoke").await?;
        Ok(Response::new(RevokePartyResponse { statement }))
    }

    async fn renew_index(
        &self,
        request: Request<RenewIndexRequest>,
    ) -> Result<Response<RenewIndexResponse>, Status> {
        let (origin, envelope) = (origin(&request), request.into_inner().envelope);
        let statement = change(&self.0, origin, envelope, "renew_index").await?;
        if let Some(foreman) = &self.0.core()?.foreman {
            foreman.renew();
        }
        Ok(Response::new(RenewIndexResponse { statement }))
    }

    async fn get_index(
        &self,
        request: Request<GetIndexRequest>,
    ) -> Result<Response<GetIndexResponse>, Status> {
        let state = read(&self.0, origin(&request), request.into_inner().envelope, get_index).await?;
        Ok(Response::new(GetIndexResponse { state: Some(state) }))
    }

    async fn list_findings(
        &self,
        request: Request<ListFindingsRequest>,
    ) -> Result<Response<ListFindingsResponse>, Status> {
        let answer = read(&self.0, origin(&request), request.into_inner().envelope, list_findings).await?;
        Ok(Response::new(answer))
    }

    type BackupStream =
        Pin<Box<dyn tokio_stream::Stream<Item = Result<BackupResponse, Status>> + Send + 'static>>;

    async fn backup(&self, request: Request<BackupRequest>) -> Result<Response<Self::BackupStream>, Status> {
        let core = self.0.core()?;
        let place = core.enter()?;
        let summary = back_up(&core, &place, origin(&request), request.into_inner().envelope).await?;
        let answer = BackupResponse { step: Some(Step::Summary(summary)) };
        Ok(Response::new(Box::pin(tokio_stream::once(Ok(answer)))))
    }

    async fn list_parties(
        &self,
        request: Request<ListPartiesRequest>,
    ) -> Result<Response<ListPartiesResponse>, Status> {
        let answer = read(&self.0, origin(&request), request.into_inner().envelope, list_parties).await?;
        Ok(Response::new(answer))
    }

    async fn list_cases(
        &self,
        request: Request<ListCasesRequest>,
    ) -> Result<Response<ListCasesResponse>, Status> {
        let answer = read(&self.0, origin(&request), request.into_inner().envelope, list_cases).await?;
        Ok(Response::new(answer))
    }

    async fn get_case(&self, request: Request<GetCaseRequest>) -> Result<Response<GetCaseResponse>, Status> {
        let case = read(&self.0, origin(&request), request.into_inner().envelope, get_case).await?;
        Ok(Response::new(GetCaseResponse { found: Some(case) }))
    }

    async fn decide_case(
        &self,
        request: Request<DecideCaseRequest>,
    ) -> Result<Response<DecideCaseResponse>, Status> {
        let core = self.0.core()?;
        let place = core.enter()?;
        let statement = cases::decide(&core, &place, request.into_inner().approvals).await?;
        Ok(Response::new(DecideCaseResponse { statement: Some((&statement).into()) }))
    }
}

/// One reading of the registry, beside the event loop.
async fn read<T: Send + 'static>(
    door: &Door,
    origin: Origin,
    envelope: Signed,
    reading: fn(&Core, Origin, Signed) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let core = door.core()?;
    let place = core.enter()?;
    let helper = Arc::clone(&core);
    core.on_a_core(&place, move || reading(&helper, origin, envelope)).await?
}

/// One change to the registry, decided once and logged like everything else.
async fn change(door: &Door, origin: Origin, envelope: Signed, method: &str) -> Result<Signed, Refusal> {
    let core = door.core()?;
    let place = core.enter()?;
    let admitted = match admit::<v1::RegistryChange>(&core, origin, envelope)? {
        Admission::Decided(answer) => return Ok(Some((&core.replay(answer)).into())),
        Admission::New(admitted) => admitted,
    };
    let order = order_for(method, RegistryOrder::try_from(admitted.body)?.change)?;
    let proposal = OrderProposal { administrator: admitted.party.id.clone(), order };
    let statement = core.decide(&place, admitted.ask, Box::new(proposal)).await?;
    Ok(Some((&statement).into()))
}

/// What an administrator orders, once it is known to be what the called method does.
fn order_for(method: &str, change: Change) -> Result<Order, Refusal> {
    let (name, order) = match change {
        Change::Register(party) if party.kind == PartyKind::Administrator => {
            return Err(Refusal::field("register.kind", "administrators are made by init only"));
        }
        Change::Amend(party) if party.kind == PartyKind::Administrator => {
            return Err(Refusal::field(
                "amend.kind",
                "administrators are made by init only, and never changed",
            ));
        }
        Change::Register(party) => ("register", Order::Register(party)),
        Change::Amend(party) => ("amend", Order::Amend(party)),
        Change::Suspend(party) => ("suspend", Order::Stand(party, PartyStatus::Suspended)),
        Change::Reinstate(party) => ("reinstate", Order::Stand(party, PartyStatus::Active)),
        Change::Revoke(party) => ("revoke", Order::Stand(party, PartyStatus::Revoked)),
        Change::RenewIndex => ("renew_index", Order::RenewIndex),
        Change::Backup { .. } => return Err(Refusal::field("backup", "is an order for the method Backup")),
    };
    if method != name {
        return Err(Refusal::field("change", "is not the change that this method makes"));
    }
    Ok(order)
}

enum Order {
    Register(Box<Party>),
    Amend(Box<Party>),
    Stand(PartyRef, PartyStatus),
    RenewIndex,
}

struct OrderProposal {
    administrator: PartyId,
    order: Order,
}

impl Proposal for OrderProposal {
    fn catch_up(self: Box<Self>, _: &Core) -> Result<Box<dyn Proposal>, Refusal> {
        Ok(self)
    }

    fn decide(self: Box<Self>, sitting: &mut Sitting<'_>) -> Result<Decided, Refusal> {
        let change = match self.order {
            Order::Register(party) => register(sitting, *party)?,
            Order::Amend(party) => amend(sitting, *party)?,
            Order::Stand(party, status) => stand(sitting, party, status)?,
            Order::RenewIndex => renew_index(sitting)?,
        };
        Ok(Decided { answer: state(sitting, self.administrator, change), case: None })
    }
}

fn register(sitting: &mut Sitting<'_>, party: Party) -> Result<RegistryChange, Refusal> {
    if sitting.staged.party(party.kind, &party.id)?.is_some() {
        return Err(Refusal::at("register.id", Reason::AlreadyRegistered, "is taken"));
    }
    if sitting.key_is_taken(&party.key.key_id()) {
        return Err(Refusal::at(
            "register.public_key",
            Reason::AlreadyRegistered,
            "belongs to another party; every party has a key of its own",
        ));
    }
    let change = RegistryChange::Registered { kind: party.kind, id: party.id.clone() };
    sitting.staged.put_party(&party);
    sitting.publish(party);
    Ok(change)
}

/// Replaces what may change about a party: its display name, its licence and its policy. Its key and its status are what
/// they were.
fn amend(sitting: &mut Sitting<'_>, party: Party) -> Result<RegistryChange, Refusal> {
    let Some(known) = sitting.staged.party(party.kind, &party.id)? else {
        return Err(Refusal::at("amend.id", Reason::NotFound, "is not registered"));
    };
    if party.key != known.key {
        return Err(Refusal::field(
            "amend.public_key",
            "must be the registered key: a new key is a new party",
        ));
    }
    let party = Party { status: known.status, ..party };
    let change = RegistryChange::Amended { kind: party.kind, id: party.id.clone() };
    sitting.staged.put_party(&party);
    sitting.publish(party);
    Ok(change)
}

fn stand(
    sitting: &mut Sitting<'_>,
    PartyRef { kind, id }: PartyRef,
    status: PartyStatus,
) -> Result<RegistryChange, Refusal> {
    if kind == PartyKind::Administrator {
        // Otherwise one stolen key could shut out everyone else for good.
        return Err(Refusal::at(
            "party.kind",
            Reason::ApprovalsMissing,
            "is administrator: no single administrator may suspend or revoke another",
        ));
    }
    let Some(mut party) = sitting.staged.party(kind, &id)? else {
        return Err(Refusal::at("party.id", Reason::NotFound, "is not registered"));
    };
    if party.status == PartyStatus::Revoked && status != PartyStatus::Revoked {
        return Err(Refusal::at("party.id", Reason::Malformed, "is revoked for good; register a new party"));
    }
    party.status = status;
    sitting.staged.put_party(&party);
    sitting.publish(party);
    Ok(match status {
        PartyStatus::Active => RegistryChange::Reinstated { kind, id },
        PartyStatus::Suspended => RegistryChange::Suspended { kind, id },
        PartyStatus::Revoked => RegistryChange::Revoked { kind, id },
    })
}

/// Begins an index under the next key, or goes on with the one that is being built.
fn renew_index(sitting: &mut Sitting<'_>) -> Result<RegistryChange, Refusal> {
    let building = sitting.reader.building_manifest()?.unwrap_or_else(|| sitting.index.next_generation());
    sitting.staged.put_building_manifest(&building);
    Ok(RegistryChange::IndexRenewed { epoch: building.epoch })
}

/// Encodes the statement about a change and appends its leaf.
pub(crate) fn state(sitting: &mut Sitting<'_>, administrator: PartyId, change: RegistryChange) -> Answer {
    let statement = RegistryStatement { header: sitting.header(sitting.ask.digest), administrator, change };
    let answer = Answer { kind: StatementKind::Registry, payload: encode_registry_statement(&statement) };
    sitting.log(&answer);
    answer
}

/// Writes a consistent copy of the running store. An order to back up decides nothing, so it leaves no leaf; sent
/// twice, the second one finds the directory taken.
async fn back_up(
    core: &Arc<Core>,
    place: &Place,
    origin: Origin,
    envelope: Signed,
) -> Result<BackupSummary, Refusal> {
    let order = admit_query::<v1::RegistryChange>(core, origin, envelope)?;
    let Change::Backup { directory } = RegistryOrder::try_from(order.body)?.change else {
        return Err(Refusal::field("backup", "is missing: name a directory on the server's machine"));
    };
    let path = PathBuf::from(&directory);
    if !path.is_absolute() {
        return Err(Refusal::field("backup.directory", "must be an absolute path on the server's machine"));
    }
    let reader = core.reader.clone();
    let copied = core
        .on_a_core(place, move || {
            Ok::<_, StoreError>((plinth_storage::backup(&reader, &path)?, bytes_below(&path)))
        })
        .await?;
    let (head, bytes) = copied.map_err(|error| {
        tracing::warn!(%error, "a backup failed");
        Refusal::field(
            "backup.directory",
            "could not be written: it must be new or empty, and its parent writable with enough space",
        )
    })?;
    Ok(BackupSummary { directory, log_position: head.last_log_position().get(), bytes })
}

/// Bytes of all files below a directory; what cannot be read counts nothing.
fn bytes_below(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => bytes_below(&entry.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}

fn get_index(core: &Core, origin: Origin, envelope: Signed) -> Result<v1::IndexState, Refusal> {
    let query = admit_query::<v1::RegistryQuery>(core, origin, envelope)?;
    let RegistryAsk::Index = RegistryQuery::try_from(query.body)?.ask else {
        return Err(Refusal::field("index", "is missing: ask for the index"));
    };
    let (settled, head) = (core.index.settled(), core.reader.head());
    let people_until = |until: Sequence| until.get().saturating_sub(1);
    let renewal = core.reader.building_manifest()?.map(|building| v1::IndexRenewal {
        epoch: building.epoch,
        covered: people_until(building.until()),
        of: people_until(head.next_sequence),
    });
    let imports = core.reader.imports()?;
    Ok(v1::IndexState {
        version: u32::from(settled.manifest.version),
        epoch: settled.manifest.epoch,
        people: head.gallery,
        newest: core.index.newest(),
        segments: u32::try_from(settled.manifest.segments.len()).unwrap_or(u32::MAX),
        bytes: settled.manifest.segments.iter().map(|segment| segment.bytes).sum(),
        renewal,
        imports: imports.iter().map(|(id, row)| import_state(*id, row)).collect(),
    })
}

fn import_state(id: u32, row: &ImportRow) -> v1::ImportState {
    v1::ImportState {
        import_id: id,
        name: row.name.clone(),
        people: row.next.get().saturating_sub(row.from.get()),
        compared: row.swept.get().saturating_sub(row.from.get()),
        loaded: row.finished,
        findings: row.found,
    }
}

fn list_findings(core: &Core, origin: Origin, envelope: Signed) -> Result<ListFindingsResponse, Refusal> {
    let query = admit_query::<v1::RegistryQuery>(core, origin, envelope)?;
    let RegistryAsk::Findings { import, page } = RegistryQuery::try_from(query.body)?.ask else {
        return Err(Refusal::field("findings", "is missing: name an imported register"));
    };
    let after = page_after(&page, "findings.page_token")?.map(Sequence::new);
    let rows = core.reader.findings(import, after, size_of(&page))?;
    let next_page_token = next_token(&page, rows.len(), rows.last().map(|found| found.sequence.get()));
    let mut findings = Vec::with_capacity(rows.len());
    for Finding { sequence, other, llr, fingers } in rows {
        findings.push(v1::Finding {
            later: Some(cases::resembling(core, &CaseCandidate { sequence, llr })?),
            earlier: Some(cases::resembling(core, &CaseCandidate { sequence: other, llr })?),
            fingers: u32::from(fingers),
        });
    }
    Ok(ListFindingsResponse { findings, next_page_token })
}

fn get_case(core: &Core, origin: Origin, envelope: Signed) -> Result<v1::Case, Refusal> {
    let query = admit_query::<v1::RegistryQuery>(core, origin, envelope)?;
    let RegistryAsk::Case(id) = RegistryQuery::try_from(query.body)?.ask else {
        return Err(Refusal::field("case_id", "is missing: name the case"));
    };
    cases::view(core, id)
}

fn list_parties(core: &Core, origin: Origin, envelope: Signed) -> Result<ListPartiesResponse, Refusal> {
    let query = admit_query::<v1::RegistryQuery>(core, origin, envelope)?;
    let RegistryAsk::Parties { kind, .. } = RegistryQuery::try_from(query.body)?.ask else {
        return Err(Refusal::field("parties", "is missing: ask for a kind of party"));
    };
    // A deployment has hundreds of parties, not millions: one page holds them all.
    let parties = core.reader.parties(kind)?;
    Ok(ListPartiesResponse {
        parties: parties.iter().map(Into::into).collect(),
        next_page_token: String::new(),
    })
}

fn list_cases(core: &Core, origin: Origin, envelope: Signed) -> Result<ListCasesResponse, Refusal> {
    let query = admit_query::<v1::RegistryQuery>(core, origin, envelope)?;
    let RegistryAsk::Cases { open_only, page } = RegistryQuery::try_from(query.body)?.ask else {
        return Err(Refusal::field("cases", "is missing: ask for a page of cases"));
    };
    let after = page_after(&page, "cases.page_token")?.map(CaseId::new);
    let rows = core.reader.cases(after, size_of(&page))?;
    let next_page_token = next_token(&page, rows.len(), rows.last().map(|case| case.id.get()));
    let mut found = Vec::with_capacity(rows.len());
    for case in rows.into_iter().filter(|case| !open_only || case.is_open()) {
        found.push(cases::describe(core, &case)?);
    }
    Ok(ListCasesResponse { cases: found, next_page_token })
}
