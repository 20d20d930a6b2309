//! What people do about their own number, through a relying party that may act for residents: virtual numbers, locks,
//! codes of their own, and their own history. Nothing is done without a strong factor of the person's own.

use std::sync::Arc;

use plinth_identity::authentication::{ResidentAction, ResidentRequest, Verdict};
use plinth_identity::dsse::Envelope;
use plinth_identity::history::{HistoryEntry, HistoryEvent};
use plinth_identity::id::LogPosition;
use plinth_identity::identity_record::{IdentityRecord, Locks};
use plinth_identity::number::{Identifier, IdentityNumber};
use plinth_identity::otp::TotpSecret;
use plinth_identity::reason::Reason;
use plinth_identity::statement::{ResidentOutcome, ResidentStatement};
use plinth_identity::time::Timestamp;
use plinth_identity::virtual_number::{
    VirtualNumber, VirtualNumberKind, VirtualNumberRow, VirtualNumberState,
};
use plinth_proto::convert::resident::encode_resident_statement;
use plinth_proto::resident::v1::resident_service_server::ResidentService;
use plinth_proto::resident::v1::{
    self, CreateTotpRequest, CreateTotpResponse, CreateVirtualNumberRequest, CreateVirtualNumberResponse,
    ListHistoryRequest, ListHistoryResponse, RemoveTotpRequest, RemoveTotpResponse,
    RevokeVirtualNumberRequest, RevokeVirtualNumberResponse, SetLocksRequest, SetLocksResponse,
};
use plinth_storage::StatementKind;
use tonic::{Request, Response, Status};

use crate::core::{Core, Door};
use crate::gate::{Admission, Admitted, Origin, Signed, admit, origin};
use crate::refusal::Refusal;
use crate::registrar::{Answer, Decided, Proposal, Sitting};
use crate::touched::Touched;
use crate::verdict::{Judged, Presented, Stand, compare, weigh};

/// The gRPC face of what residents do.
pub(crate) struct Residents(pub(crate) Door);

#[tonic::async_trait]
impl ResidentService for Residents {
    async fn create_virtual_number(
        &self,
        request: Request<CreateVirtualNumberRequest>,
    ) -> Result<Response<CreateVirtualNumberResponse>, Status> {
        let fits = |action: &ResidentAction| matches!(action, ResidentAction::CreateVirtualNumber { .. });
        let statement = act(&self.0, origin(&request), request.into_inner().envelope, fits).await?;
        Ok(Response::new(CreateVirtualNumberResponse { statement }))
    }

    async fn revoke_virtual_number(
        &self,
        request: Request<RevokeVirtualNumberRequest>,
    ) -> Result<Response<RevokeVirtualNumberResponse>, Status> {
        let fits = |action: &ResidentAction| matches!(action, ResidentAction::RevokeVirtualNumber);
        let statement = act(&self.0, origin(&request), request.into_inner().envelope, fits).await?;
        Ok(Response::new(RevokeVirtualNumberResponse { statement }))
    }

    async fn set_locks(
        &self,
        request: Request<SetLocksRequest>,
    ) -> Result<Response<SetLocksResponse>, Status> {
        let fits = |action: &ResidentAction| matches!(action, ResidentAction::SetLocks { .. });
        let statement = act(&self.0, origin(&request), request.into_inner().envelope, fits).await?;
        Ok(Response::new(SetLocksResponse { statement }))
    }

    async fn create_totp(
        &self,
        request: Request<CreateTotpRequest>,
    ) -> Result<Response<CreateTotpResponse>, Status> {
        let fits = |action: &ResidentAction| matches!(action, ResidentAction::CreateTotp);
        let statement = act(&self.0, origin(&request), request.into_inner().envelope, fits).await?;
        Ok(Response::new(CreateTotpResponse { statement }))
    }

    async fn remove_totp(
        &self,
        request: Request<RemoveTotpRequest>,
    ) -> Result<Response<RemoveTotpResponse>, Status> {
        let fits = |action: &ResidentAction| matches!(action, ResidentAction::RemoveTotp);
        let statement = act(&self.0, origin(&request), request.into_inner().envelope, fits).await?;
        Ok(Response::new(RemoveTotpResponse { statement }))
    }

    async fn list_history(
        &self,
        request: Request<ListHistoryRequest>,
    ) -> Result<Response<ListHistoryResponse>, Status> {
        let fits = |action: &ResidentAction| matches!(action, ResidentAction::ReadHistory { .. });
        let statement = act(&self.0, origin(&request), request.into_inner().envelope, fits).await?;
        Ok(Response::new(ListHistoryResponse { statement }))
    }
}

/// Proves the person, then acts for them.
async fn act(
    door: &Door,
    origin: Origin,
    envelope: Signed,
    fits: fn(&ResidentAction) -> bool,
) -> Result<Signed, Refusal> {
    let core = door.core()?;
    let place = core.enter()?;
    let admitted = match admit::<v1::ResidentRequest>(&core, origin, envelope)? {
        Admission::Decided(answer) => return Ok(Some((&core.replay(answer)).into())),
        Admission::New(admitted) => admitted,
    };
    let ask = admitted.ask.clone();
    let helper = Arc::clone(&core);
    let proposal = core.on_a_core(&place, move || prepare(&helper, *admitted, fits)).await??;
    let statement: Envelope = core.decide(&place, ask, Box::new(proposal)).await?;
    Ok(Some((&statement).into()))
}

fn prepare(
    core: &Core,
    admitted: Admitted<v1::ResidentRequest>,
    fits: fn(&ResidentAction) -> bool,
) -> Result<ActProposal, Refusal> {
    let Admitted { party, body, .. } = admitted;
    if !party.policy.resident_agent {
        return Err(Reason::NotResidentAgent.into());
    }
    let request = ResidentRequest::try_from(body)?;
    if !fits(&request.action) {
        return Err(Refusal::field("action", "is not the action that this method makes"));
    }
    request.evidence.entitled(&party.policy)?;
    strong_enough(&request)?;
    let presented = Presented {
        party: party.id.clone(),
        identifier: Identifier::Number(request.number),
        evidence: request.evidence,
        purpose: request.header.purpose().to_owned(),
    };
    ActProposal::prepare(core, presented, request.number, request.action)
}

/// Fingers or a code of the person's own; and to give back what a lock took, a code: the locked thing does not open
/// itself.
fn strong_enough(request: &ResidentRequest) -> Result<(), Refusal> {
    let unlocks_biometrics = matches!(
        &request.action,
        ResidentAction::SetLocks { fingers, irises, face, .. }
            if [fingers, irises, face].into_iter().any(|lock| *lock == Some(false))
    );
    let enough = if unlocks_biometrics { request.evidence.has_code() } else { request.evidence.is_strong() };
    if enough {
        return Ok(());
    }
    let description = if unlocks_biometrics {
        "must name a one-time code: biometrics are unlocked by another factor"
    } else {
        "must name a one-time code or fingers"
    };
    Err(Refusal::at("evidence.declared", Reason::StrongFactorRequired, description))
}

/// An act that waits for a yes.
struct ActProposal {
    judged: Judged,
    number: IdentityNumber,
    action: ResidentAction,
    /// The deployment, as authenticator apps show it.
    issuer: String,
}

impl Proposal for ActProposal {
    fn stale(&self, touched: &Touched) -> bool {
        self.judged.is_stale(touched)
    }

    fn catch_up(self: Box<Self>, core: &Core) -> Result<Box<dyn Proposal>, Refusal> {
        Ok(Box::new(Self::prepare(core, self.judged.presented, self.number, self.action)?))
    }

    fn decide(self: Box<Self>, sitting: &mut Sitting<'_>) -> Result<Decided, Refusal> {
        let this = *self;
        let weighed = weigh(sitting, &this.judged)?;
        if !weighed.party().policy.resident_agent {
            return Err(Reason::NotResidentAgent.into());
        }
        // Only a yes reads further, and everything that can fail is read before anything is staged.
        let ready = match weighed.verdict() {
            Verdict::Yes => Some(Ready::read(sitting, &this)?),
            Verdict::No => None,
        };
        let settled = weighed.stage(sitting, &this.judged, HistoryEvent::Resident);
        let outcome = ready.map(|ready| this.carry_out(sitting, ready));
        let statement = ResidentStatement {
            header: sitting.header(sitting.ask.digest),
            agent: sitting.ask.party.clone(),
            verdict: settled.verdict(),
            reason: settled.reason(),
            outcome,
        };
        let answer = Answer { kind: StatementKind::Resident, payload: encode_resident_statement(&statement) };
        sitting.log(&answer);
        Ok(Decided { answer, case: None })
    }
}

impl ActProposal {
    fn prepare(
        core: &Core,
        presented: Presented,
        number: IdentityNumber,
        action: ResidentAction,
    ) -> Result<Self, Refusal> {
        let mut judged = compare(core, presented, Stand::Decoy)?;
        // A number that is locked, or that the agent's policy keeps to itself, is still its holder's to unlock.
        judged.findings.number_use = false;
        Ok(Self { judged, number, action, issuer: core.keys().deployment().to_string() })
    }

    fn carry_out(self, sitting: &mut Sitting<'_>, ready: Ready) -> ResidentOutcome {
        let Ready { mut record, virtual_numbers, history } = ready;
        let outcome = match self.action {
            ResidentAction::CreateVirtualNumber { kind, valid_for_ms } => {
                let expires_at = expiry(sitting.now, kind, valid_for_ms);
                let drawn = virtual_numbers.replace(sitting, self.number, kind, expires_at);
                record.virtual_number = Some(drawn);
                ResidentOutcome::VirtualNumber { number: drawn, expires_at }
            }
            ResidentAction::RevokeVirtualNumber => {
                virtual_numbers.revoke(sitting);
                record.virtual_number = None;
                ResidentOutcome::VirtualNumberRevoked
            }
            ResidentAction::SetLocks { number, fingers, irises, face } => {
                let before = record.locks;
                record.locks = Locks {
                    number: number.unwrap_or(before.number),
                    fingers: fingers.unwrap_or(before.fingers),
                    irises: irises.unwrap_or(before.irises),
                    face: face.unwrap_or(before.face),
                };
                ResidentOutcome::Locks(record.locks)
            }
            ResidentAction::CreateTotp => {
                let secret = TotpSecret::generate(sitting.rng);
                let uri = secret.otpauth_uri(&format!("Plinth {}", self.issuer), &self.number.to_string());
                record.totp = Some(secret);
                ResidentOutcome::Totp { uri }
            }
            ResidentAction::RemoveTotp => {
                record.totp = None;
                ResidentOutcome::TotpRemoved
            }
            ResidentAction::ReadHistory { page_size, .. } => {
                let full = history.len() >= usize::from(page_size);
                let next = history.last().map(|(position, _)| *position).filter(|_| full);
                return ResidentOutcome::History { entries: history, next };
            }
        };
        sitting.staged.replace_identity(&self.number, &record);
        sitting.touch(self.judged.person.row);
        outcome
    }
}

/// What an act needs to be read, once the person is known to be there.
struct Ready {
    record: IdentityRecord,
    virtual_numbers: VirtualNumbers,
    /// The page that was asked for, newest first; empty for other acts.
    history: Vec<(LogPosition, HistoryEntry)>,
}

impl Ready {
    fn read(sitting: &mut Sitting<'_>, act: &ActProposal) -> Result<Self, Refusal> {
        let record = sitting.staged.identity(&act.number)?.ok_or(Reason::Internal)?;
        let virtual_numbers = VirtualNumbers::ready(sitting, &record)?;
        let history = match act.action {
            ResidentAction::ReadHistory { page_size, before } => {
                sitting.reader.history(&act.number, before, usize::from(page_size))?
            }
            _ => Vec::new(),
        };
        Ok(Self { record, virtual_numbers, history })
    }
}

/// The virtual number that a person has, and one that they could have.
struct VirtualNumbers {
    old: Option<(VirtualNumber, VirtualNumberRow)>,
    fresh: VirtualNumber,
}

impl VirtualNumbers {
    /// Draws a number that nobody ever had. One in millions is taken; 64 in a row never are.
    fn ready(sitting: &mut Sitting<'_>, record: &IdentityRecord) -> Result<Self, Refusal> {
        let old = match record.virtual_number {
            Some(number) => sitting.staged.virtual_number(&number)?.map(|row| (number, row)),
            None => None,
        };
        for _ in 0..64 {
            let fresh = VirtualNumber::draw(sitting.rng);
            if sitting.staged.virtual_number(&fresh)?.is_none() {
                return Ok(Self { old, fresh });
            }
        }
        Err(Refusal::of(Reason::NumberSpaceExhausted))
    }

    /// Ends the old one.
    fn revoke(&self, sitting: &mut Sitting<'_>) {
        if let Some((number, row)) = &self.old {
            let ended = VirtualNumberRow { state: VirtualNumberState::Revoked, ..*row };
            sitting.staged.put_virtual_number(number, &ended);
        }
    }

    /// Ends the old one and begins the new one.
    fn replace(
        &self,
        sitting: &mut Sitting<'_>,
        number: IdentityNumber,
        kind: VirtualNumberKind,
        expires_at: Option<Timestamp>,
    ) -> VirtualNumber {
        self.revoke(sitting);
        let issued_at = sitting.now;
        let state = VirtualNumberState::Active;
        let row = VirtualNumberRow { number, kind, expires_at, issued_at, state };
        sitting.staged.put_virtual_number(&self.fresh, &row);
        self.fresh
    }
}

/// When a virtual number expires: a perpetual one never, an expiring one after a day unless it says otherwise.
fn expiry(now: Timestamp, kind: VirtualNumberKind, valid_for_ms: Option<u64>) -> Option<Timestamp> {
    const DAY_MS: u64 = 24 * 3_600_000;
    match kind {
        VirtualNumberKind::Perpetual => None,
        VirtualNumberKind::Expiring => Some(now.plus_millis(valid_for_ms.unwrap_or(DAY_MS))),
        VirtualNumberKind::OneTime => valid_for_ms.map(|valid| now.plus_millis(valid)),
    }
}
