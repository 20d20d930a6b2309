//! One-time codes: drawn, kept and put into the outbox in one commit, the same way for numbers that nobody holds.

use std::sync::Arc;
use std::time::Duration;

use plinth_identity::authentication::{Channel, OtpRequest, Verdict};
use plinth_identity::dsse::Envelope;
use plinth_identity::history::{HistoryEntry, HistoryEvent};
use plinth_identity::identity_record::{IdentityRecord, LifecycleStatus};
use plinth_identity::number::Identifier;
use plinth_identity::otp::{Delivery, Destination, OtpRow};
use plinth_identity::party::{Factor, FactorSet, Party, PartyKind};
use plinth_identity::reason::Reason;
use plinth_identity::statement::OtpStatement;
use plinth_identity::time::Timestamp;
use plinth_proto::authentication::v1;
use plinth_proto::convert::otp::encode_otp_statement;
use plinth_storage::StatementKind;
use rand::Rng as _;

use crate::budget::{Budget, PartyDay};
use crate::core::{Core, Place};
use crate::gate::{Admission, Admitted, Origin, Signed, admit};
use crate::refusal::Refusal;
use crate::registrar::{Answer, Decided, Proposal, Sitting};
use crate::touched::Touched;
use crate::verdict::Person;

/// Has a code sent. What is answered, and when, is the same whether anybody holds the number or not.
pub(crate) async fn request(
    core: &Arc<Core>,
    place: &Place,
    origin: Origin,
    envelope: Signed,
) -> Result<Envelope, Refusal> {
    let admitted = match admit::<v1::OtpRequest>(core, origin, envelope)? {
        Admission::Decided(answer) => return Ok(core.replay(answer)),
        Admission::New(admitted) => admitted,
    };
    let ask = admitted.ask.clone();
    let helper = Arc::clone(core);
    let proposal = core.on_a_core(place, move || prepare(&helper, *admitted)).await??;
    let statement = core.decide(place, ask, Box::new(proposal)).await?;
    core.letters.notify_one();
    Ok(statement)
}

fn prepare(core: &Core, admitted: Admitted<v1::OtpRequest>) -> Result<CodeProposal, Refusal> {
    let Admitted { party, body, .. } = admitted;
    let request = OtpRequest::try_from(body)?;
    if let Some(channel) = request.channels.iter().find(|channel| !core.config.delivery.serves(*channel)) {
        let description = match channel {
            Channel::Sms => "names SMS, for which this deployment has no sender",
            Channel::Email => "names e-mail, for which this deployment has no sender",
        };
        return Err(Refusal::at("channels", Reason::FactorUnavailable, description));
    }
    allowed(&party, &request)?;
    CodeProposal::prepare(core, request, party)
}

/// Whether the party may have a code sent by what it names the person by. Depends on no record.
fn allowed(party: &Party, request: &OtpRequest) -> Result<(), Reason> {
    if !party.policy.factors.contains(Factor::Otp) {
        return Err(Reason::NotEntitledOtp);
    }
    if party.policy.virtual_number_only && matches!(request.identifier, Identifier::Number(_)) {
        return Err(Reason::VirtualNumberRequired);
    }
    Ok(())
}

/// Whether the holder may be written to: nothing is sent for a number that could not be used anyway. At a resident agent a
/// locked number can be used, to be unlocked.
fn reachable(record: &IdentityRecord, identifier: &Identifier, party: &Party) -> bool {
    let by_number = matches!(identifier, Identifier::Number(_)) && !party.policy.resident_agent;
    let locked = record.locks.number && by_number;
    record.status == LifecycleStatus::Active && !locked
}

fn destination(record: &IdentityRecord, channel: Channel) -> Option<Destination> {
    match channel {
        Channel::Sms => record.demographics.phone.clone().map(Destination::Sms),
        Channel::Email => record.demographics.email.clone().map(Destination::Email),
    }
}

/// A code that waits to be drawn.
struct CodeProposal {
    person: Person,
    /// One a channel; nothing where nobody can be reached.
    destinations: Vec<Option<Destination>>,
    party: Arc<Party>,
    request: OtpRequest,
    /// Every commit up to this one was seen.
    read_at: u64,
}

impl CodeProposal {
    fn prepare(core: &Core, request: OtpRequest, party: Arc<Party>) -> Result<Self, Refusal> {
        let (now, read_at) = (core.now()?, core.reader.head().commits);
        let found = core.reader.subject(&request.identifier, false)?;
        let number = found.as_ref().and_then(|row| row.number);
        let usable = found.as_ref().is_some_and(|row| {
            row.present
                && row.virtual_row.as_ref().is_none_or(|row| row.refusal(now).is_none())
                && reachable(&row.record, &request.identifier, &party)
        });
        let to = |way| found.as_ref().and_then(|row| destination(&row.record, way)).filter(|_| usable);
        let destinations = request.channels.iter().map(to).collect();
        let person = Person::of(core, request.header.party(), &request.identifier, number);
        Ok(Self { person, destinations, party, request, read_at })
    }
}

impl Proposal for CodeProposal {
    fn stale(&self, touched: &Touched) -> bool {
        touched.since(&self.person.row, self.read_at)
    }

    fn catch_up(self: Box<Self>, core: &Core) -> Result<Box<dyn Proposal>, Refusal> {
        Ok(Box::new(Self::prepare(core, self.request, self.party)?))
    }

    fn decide(self: Box<Self>, sitting: &mut Sitting<'_>) -> Result<Decided, Refusal> {
        let Self { person, destinations, request, .. } = *self;
        let (now, party) = (sitting.now, sitting.party(PartyKind::RelyingParty, request.header.party())?);
        allowed(&party, &request)?;
        let rules = sitting.rules.attempts;
        let mut pair = sitting.staged.attempts(&person.pair)?;
        let mut everywhere = sitting.staged.attempts(&person.row)?;
        let mut day = PartyDay::open(sitting, &party)?;
        let flood = |reason, budget, until: Timestamp| {
            Refusal::limit(reason, budget, Duration::from_millis(until.since(now)))
        };
        pair.otp(now, rules.otp_pair_per_window, rules.otp_window_ms)
            .map_err(|until| flood(Reason::OtpFloodRelyingParty, Budget::CodesOfRelyingParty, until))?;
        everywhere
            .otp(now, rules.otp_person_per_window, rules.otp_window_ms)
            .map_err(|until| flood(Reason::OtpFloodPerson, Budget::CodesOfPerson, until))?;

        let transaction = request.header.request_id();
        let key = sitting.reader.keys().otp_row(&party.id, &transaction);
        // A code lives longer than the request that ordered it: its transaction is not to be taken over.
        if sitting.staged.otp(&key)?.is_some() {
            return Err(Refusal::of(Reason::ReplayConflict));
        }
        let row = OtpRow::draw(person.row, now, sitting.rng);
        let (code, expires_at) = (&row.code, row.expires_at);
        sitting.staged.put_otp(&key, &row, expires_at);
        for to in destinations {
            let mut id = [0; 16];
            sitting.rng.fill_bytes(&mut id);
            let relying_party = party.display_name.clone();
            sitting.staged.put_delivery(&Delivery { id, to, code: code.clone(), relying_party, expires_at });
        }
        day.count_number(pair.first_today(now));
        day.close(sitting);
        sitting.staged.put_attempts(&person.pair, &pair);
        sitting.staged.put_attempts(&person.row, &everywhere);
        person.remember(
            sitting,
            &HistoryEntry {
                at: now,
                party: party.id.clone(),
                event: HistoryEvent::OtpRequest,
                factors: FactorSet::EMPTY.with(Factor::Otp),
                purpose: request.header.purpose().to_owned(),
                verdict: Verdict::Yes,
                reason: None,
            },
        );
        let statement = OtpStatement {
            header: sitting.header(sitting.ask.digest),
            relying_party: party.id.clone(),
            transaction,
            expires_at,
        };
        let answer = Answer { kind: StatementKind::Otp, payload: encode_otp_statement(&statement) };
        sitting.log(&answer);
        Ok(Decided { answer, case: None })
    }
}
