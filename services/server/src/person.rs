//! A person's attributes for a relying party, with their consent: sealed to the relying party's own key, signed, logged.

use std::sync::Arc;

use plinth_identity::authentication::{PersonRequest, Verdict};
use plinth_identity::dsse::Envelope;
use plinth_identity::history::HistoryEvent;
use plinth_identity::id::RequestDigest;
use plinth_identity::party::{AttributeSet, Party, PartyKind};
use plinth_identity::reason::Reason;
use plinth_identity::sealing::{SealedAttributes, person_info, seal_to};
use plinth_identity::statement::PersonStatement;
use plinth_proto::authentication::v1;
use plinth_proto::convert::personal_data::{encode_person_attributes, encode_person_statement};
use plinth_storage::StatementKind;
use rand::rngs::StdRng;
use zeroize::Zeroizing;

use crate::core::{Core, Place};
use crate::gate::{Admission, Admitted, Origin, Signed, admit};
use crate::refusal::Refusal;
use crate::registrar::{Answer, Decided, Proposal, Sitting};
use crate::touched::Touched;
use crate::verdict::{Judged, Presented, Stand, compare, settle};

/// Hands out attributes of the person who is proven to be there, or says no.
pub(crate) async fn get(
    core: &Arc<Core>,
    place: &Place,
    origin: Origin,
    envelope: Signed,
) -> Result<Envelope, Refusal> {
    let admitted = match admit::<v1::PersonRequest>(core, origin, envelope)? {
        Admission::Decided(answer) => return Ok(core.replay(answer)),
        Admission::New(admitted) => admitted,
    };
    let ask = admitted.ask.clone();
    let helper = Arc::clone(core);
    let proposal = core.on_a_core(place, move || prepare(&helper, *admitted)).await??;
    core.decide(place, ask, Box::new(proposal)).await
}

fn prepare(core: &Core, admitted: Admitted<v1::PersonRequest>) -> Result<PersonProposal, Refusal> {
    let Admitted { party, body, ask, .. } = admitted;
    let request = PersonRequest::try_from(body)?;
    request.evidence.entitled(&party.policy)?;
    let key = entitled(&party, request.attributes)?;
    if !request.evidence.is_strong() {
        return Err(Refusal::at(
            "evidence.declared",
            Reason::StrongFactorRequired,
            "must name a one-time code or fingers: attributes are handed out to the person's own act only",
        ));
    }
    let presented = Presented {
        party: party.id.clone(),
        identifier: request.identifier,
        evidence: request.evidence,
        purpose: request.header.purpose().to_owned(),
    };
    let judged = compare(core, presented, Stand::Decoy)?;
    let sealed = seal(&judged, request.attributes, &key, &ask.digest)?;
    Ok(PersonProposal { judged, attributes: request.attributes, sealed, key, request: ask.digest })
}

/// Seals before it is known whether the answer is yes, so that the time taken does not tell.
fn seal(
    judged: &Judged,
    attributes: AttributeSet,
    key: &[u8; 32],
    request: &RequestDigest,
) -> Result<SealedAttributes, Refusal> {
    let plaintext = match &judged.record {
        Some(record) => encode_person_attributes(&record.demographics, attributes),
        // Nobody is there whose attributes these could be, and there will be no yes.
        None => Zeroizing::new(vec![0; TYPICAL_BYTES]),
    };
    let mut rng: StdRng = rand::make_rng();
    seal_to(key, &person_info(request), &plaintext, &mut rng).map_err(|_| Refusal::of(Reason::Internal))
}

/// The relying party's key, if it may have these attributes.
fn entitled(party: &Party, attributes: AttributeSet) -> Result<[u8; 32], Refusal> {
    if !attributes.is_subset_of(party.policy.attributes) {
        return Err(Refusal::at(
            "attributes",
            Reason::NotEntitledAttributes,
            "names more than the policy allows",
        ));
    }
    // A policy with attributes has a key.
    Ok(party.policy.encryption_key.ok_or(Reason::NotEntitledAttributes)?)
}

/// About as many bytes as a person's attributes have.
const TYPICAL_BYTES: usize = 160;

/// Attributes that wait for a yes.
struct PersonProposal {
    judged: Judged,
    attributes: AttributeSet,
    sealed: SealedAttributes,
    key: [u8; 32],
    request: RequestDigest,
}

impl Proposal for PersonProposal {
    fn stale(&self, touched: &Touched) -> bool {
        self.judged.is_stale(touched)
    }

    fn catch_up(self: Box<Self>, core: &Core) -> Result<Box<dyn Proposal>, Refusal> {
        let judged = compare(core, self.judged.presented, Stand::Decoy)?;
        let sealed = seal(&judged, self.attributes, &self.key, &self.request)?;
        Ok(Box::new(Self { judged, sealed, ..*self }))
    }

    fn decide(self: Box<Self>, sitting: &mut Sitting<'_>) -> Result<Decided, Refusal> {
        // The policy may have been narrowed while this waited, or its key replaced: then nothing is handed out.
        let party = sitting.party(PartyKind::RelyingParty, &sitting.ask.party)?;
        if entitled(&party, self.attributes)? != self.key {
            return Err(Refusal::overloaded());
        }
        let settled = settle(sitting, &self.judged, HistoryEvent::PersonData)?;
        let yes = settled.verdict() == Verdict::Yes;
        let statement = PersonStatement {
            header: sitting.header(sitting.ask.digest),
            relying_party: sitting.ask.party.clone(),
            verdict: if yes { Verdict::Yes } else { Verdict::No },
            reason: settled.reason(),
            token: settled.token(&self.judged),
            attributes: if yes { self.attributes } else { AttributeSet::EMPTY },
            sealed: yes.then_some(self.sealed),
        };
        let answer = Answer { kind: StatementKind::Person, payload: encode_person_statement(&statement) };
        sitting.log(&answer);
        Ok(Decided { answer, case: None })
    }
}
