//! Adjudication: people whom the thresholds could not tell apart wait here for two administrators.

use std::collections::HashSet;
use std::sync::{Arc, RwLock};

use plinth_identity::batch::SignatureForm;
use plinth_identity::case::{Case, CaseCandidate, CaseDecision, EnrolmentRef};
use plinth_identity::dsse::{Envelope, payload_type};
use plinth_identity::gallery::Holder;
use plinth_identity::id::{CaseId, PartyId, Sequence};
use plinth_identity::identity_record::{IdentityRecord, LifecycleStatus, Locks};
use plinth_identity::party::PartyKind;
use plinth_identity::reason::Reason;
use plinth_identity::request::{Freshness, RequestHeader};
use plinth_identity::statement::{EnrolmentOutcome, RegistryChange};
use plinth_proto::convert::registry::{
    CandidateView, CaseOrder, candidate_view, case_view, decode_case_decision,
};
use plinth_proto::enrolment::v1::EnrolmentStatement;
use plinth_proto::envelope;
use plinth_proto::registry::v1;
use plinth_storage::StoredAnswer;
use prost::Message as _;

use crate::core::{Core, Place};
use crate::enrolment::{settle, state as state_enrolment};
use crate::gate::{check_floor, verify};
use crate::recent::{Prepared, Recent};
use crate::refusal::Refusal;
use crate::registrar::{Ask, Decided, Proposal, Sitting, draw_number, earlier_answer};
use crate::registry;
use crate::search::{Search, search};

/// One case with what an adjudicator needs to see.
pub(crate) fn view(core: &Core, id: CaseId) -> Result<v1::Case, Refusal> {
    let case = core.reader.case(id)?;
    let case = case.ok_or_else(|| Refusal::at("case_id", Reason::NotFound, "is no case"))?;
    describe(core, &case)
}

/// A case with the records of its candidates; numbers are masked.
pub(crate) fn describe(core: &Core, case: &Case) -> Result<v1::Case, Refusal> {
    let mut found = Vec::with_capacity(case.candidates.len());
    for candidate in &case.candidates {
        let number = match core.reader.holder(candidate.sequence)? {
            Some(Holder::Number(number)) => Some(number),
            _ => None,
        };
        let record = number.as_ref().map(|number| core.reader.identity(number)).transpose()?.flatten();
        found.push((candidate, number, record));
    }
    let views: Vec<CandidateView<'_>> = found
        .iter()
        .map(|(candidate, number, record)| CandidateView {
            candidate,
            number: number.as_ref(),
            record: record.as_ref(),
        })
        .collect();
    Ok(case_view(case, &views))
}

/// Somebody whom somebody else resembles, with their record, their number masked.
pub(crate) fn resembling(core: &Core, candidate: &CaseCandidate) -> Result<v1::CaseCandidate, Refusal> {
    let number = match core.reader.holder(candidate.sequence)? {
        Some(Holder::Number(number)) => Some(number),
        _ => None,
    };
    let record = number.as_ref().map(|number| core.reader.identity(number)).transpose()?.flatten();
    Ok(candidate_view(&CandidateView { candidate, number: number.as_ref(), record: record.as_ref() }))
}

/// Decides a case: two administrators have signed the same bytes.
pub(crate) async fn decide(
    core: &Arc<Core>,
    place: &Place,
    approvals: Vec<envelope::v1::Envelope>,
) -> Result<Envelope, Refusal> {
    let Verdict { ask, header, case, decision, reason, administrators } = read_approvals(core, approvals)?;
    let stored = core.reader.answer(ask.kind, &ask.party, &ask.request_id)?;
    if let Some(answer) = earlier_answer(stored, &ask)? {
        return Ok(core.replay(answer));
    }
    let now = core.now()?;
    header.check_freshness(now, &APPROVALS).map_err(|reason| {
        Refusal::at("header.issued_at_ms", reason, "see the server's time").with_time(now)
    })?;
    check_floor(core, &header, now)?;
    for administrator in &administrators {
        let party = core.directory.by_name(PartyKind::Administrator, administrator);
        party.ok_or(Reason::UnknownParty)?.standing(now)?;
    }
    let helper = Arc::clone(core);
    let proposal = core
        .on_a_core(place, move || CaseProposal::prepare(&helper, case, decision, reason, administrators))
        .await??;
    core.decide(place, ask, Box::new(proposal)).await
}

/// Two administrators may sit in two places: their approvals are good for a week, or until their own not-after. A case is
/// decided once, whatever is sent again.
const APPROVALS: Freshness = Freshness { max_age_ms: 7 * 24 * 3_600_000, max_ahead_ms: 5_000 };

struct Verdict {
    ask: Ask,
    header: RequestHeader,
    case: CaseId,
    decision: CaseDecision,
    reason: String,
    administrators: [PartyId; 2],
}

/// Verifies both signatures, and that they are of two administrators over one and the same decision.
fn read_approvals(core: &Core, approvals: Vec<envelope::v1::Envelope>) -> Result<Verdict, Refusal> {
    let missing = |description| Refusal::at("approvals", Reason::ApprovalsMissing, description);
    let [first, second]: [envelope::v1::Envelope; 2] = approvals
        .try_into()
        .map_err(|_| missing("must be exactly two: a case is decided by two administrators"))?;
    let (one, verified) = verify(core, PartyKind::Administrator, payload_type::CASE_DECISION, Some(first))?;
    let (other, agreed) = verify(core, PartyKind::Administrator, payload_type::CASE_DECISION, Some(second))?;
    if one.id == other.id {
        return Err(missing("are both of one administrator; a second person must approve"));
    }
    if verified.digest() != agreed.digest() {
        return Err(missing("differ: both administrators must sign the same bytes"));
    }
    // The wire names no party: both sign the same bytes. The decision is filed under the first of the two by name, so
    // that the order of the approvals makes no other request of it.
    let mut administrators = [one.id.clone(), other.id.clone()];
    administrators.sort();
    let CaseOrder { header, case, decision, reason } = decode_case_decision(&verified, &administrators[0])?;
    if header.audience() != core.keys().deployment() {
        return Err(Refusal::at("header.audience", Reason::WrongAudience, "names another deployment"));
    }
    let ask = Ask {
        kind: PartyKind::Administrator,
        party: header.party().clone(),
        request_id: header.request_id(),
        nonce: header.nonce(),
        digest: verified.digest(),
        not_after: header.not_after(),
        deadline: header.deadline(&APPROVALS),
        form: SignatureForm::Individual,
    };
    Ok(Verdict { ask, header, case, decision, reason, administrators })
}

/// A decision with the applicant searched for once more, since people enrolled while the case was open.
struct CaseProposal {
    id: CaseId,
    decision: CaseDecision,
    reason: String,
    administrators: [PartyId; 2],
    applicant: Prepared,
    known: HashSet<Sequence>,
    search: Search,
}

impl CaseProposal {
    fn prepare(
        core: &Core,
        id: CaseId,
        decision: CaseDecision,
        reason: String,
        administrators: [PartyId; 2],
    ) -> Result<Self, Refusal> {
        let case = core.reader.case(id)?;
        let case = case.ok_or_else(|| Refusal::at("case_id", Reason::NotFound, "is no case"))?;
        if !case.is_open() {
            return Err(Refusal::at("case_id", Reason::CaseClosed, "is decided already"));
        }
        let row = core.reader.features(case.applicant)?.ok_or(Reason::Internal)?;
        let applicant = Prepared { features: Arc::new(row.fingers) };
        let mut known: HashSet<Sequence> =
            case.candidates.iter().map(|candidate| candidate.sequence).collect();
        known.insert(case.applicant);
        let search = search(core, &applicant, &known)?;
        Ok(Self { id, decision, reason, administrators, applicant, known, search })
    }
}

impl Proposal for CaseProposal {
    fn overtaken(&self, recent: &RwLock<Recent>) -> bool {
        self.search.is_overtaken(recent)
    }

    fn catch_up(mut self: Box<Self>, core: &Core) -> Result<Box<dyn Proposal>, Refusal> {
        self.search.renew(core, &self.applicant, &self.known)?;
        Ok(self)
    }

    fn decide(self: Box<Self>, sitting: &mut Sitting<'_>) -> Result<Decided, Refusal> {
        let this = *self;
        let mut case = sitting.staged.case(this.id)?.ok_or(Reason::Internal)?;
        if !case.is_open() {
            return Err(Refusal::at("case_id", Reason::CaseClosed, "is decided already"));
        }
        for administrator in &this.administrators {
            sitting.party(PartyKind::Administrator, administrator)?.standing(sitting.now)?;
        }
        let administrator = this.administrators[0].clone();
        if this.decision == CaseDecision::Issue {
            let near = settle(sitting, this.search, &this.applicant, &this.known)?;
            let strangers: Vec<CaseCandidate> = near
                .iter()
                .map(|(sequence, score)| CaseCandidate { sequence: *sequence, llr: score.llr })
                .collect();
            if !strangers.is_empty() {
                case.extend(strangers);
                sitting.staged.put_case(&case);
                let event = RegistryChange::CaseExtended { case: this.id };
                return Ok(Decided { answer: registry::state(sitting, administrator, event), case: None });
            }
        }
        let number = match this.decision {
            CaseDecision::Issue => Some(draw_number(sitting)?),
            CaseDecision::Refuse => None,
        };
        let earlier = answers(sitting, &case)?;
        case.decide(this.decision, this.reason, &this.administrators, sitting.now)?;
        sitting.staged.put_case(&case);
        let (applicant, joined) = match number {
            Some(number) => {
                issue(sitting, &case, number, &this.applicant);
                (EnrolmentOutcome::Issued { number }, EnrolmentOutcome::Duplicate)
            }
            None => {
                sitting.staged.put_holder(case.applicant, &Holder::Withdrawn);
                sitting.staged.remove_gallery(case.applicant);
                (EnrolmentOutcome::Refused, EnrolmentOutcome::Refused)
            }
        };
        let searched = sitting.staged.head().gallery;
        for (index, (request, fingers, mut answer)) in earlier.into_iter().enumerate() {
            let outcome = if index == 0 { applicant.clone() } else { joined.clone() };
            answer.latest = Some(state_enrolment(sitting, &request, outcome, fingers, searched).payload);
            sitting.staged.put_answer(PartyKind::Agency, &request.agency, &request.request_id, &answer);
        }
        let event = RegistryChange::CaseDecided { case: this.id, decision: this.decision };
        Ok(Decided { answer: registry::state(sitting, administrator, event), case: None })
    }
}

/// The stored answers of the applicant, first, and of every copy that joined the case, each with the number of fingers
/// that it recorded.
fn answers(sitting: &mut Sitting<'_>, case: &Case) -> Result<Vec<(EnrolmentRef, u8, StoredAnswer)>, Refusal> {
    let mut found = Vec::with_capacity(1 + case.joined.len());
    for request in std::iter::once(&case.request).chain(&case.joined) {
        let answer = sitting.staged.answer(PartyKind::Agency, &request.agency, &request.request_id)?;
        let answer = answer.ok_or(Reason::Internal)?;
        let receipt =
            EnrolmentStatement::decode(answer.statement.as_slice()).map_err(|_| Reason::Internal)?;
        let fingers = u8::try_from(receipt.fingers).map_err(|_| Reason::Internal)?;
        found.push((request.clone(), fingers, answer));
    }
    Ok(found)
}

fn issue(
    sitting: &mut Sitting<'_>,
    case: &Case,
    number: plinth_identity::number::IdentityNumber,
    applicant: &Prepared,
) {
    let record = IdentityRecord {
        sequence: case.applicant,
        status: LifecycleStatus::Active,
        demographics: case.demographics.clone(),
        enrolled_at: sitting.now,
        agency: case.request.agency.clone(),
        fingers: u8::try_from(applicant.features.len()).unwrap_or(u8::MAX),
        locks: Locks::default(),
        totp: None,
        virtual_number: None,
    };
    sitting.staged.put_identity(&number, &record);
    sitting.staged.put_holder(case.applicant, &Holder::Number(number));
}
