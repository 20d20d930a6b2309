//! One person against what was presented for them: compared beside the event loop, settled by the committer.
//!
//! Everything that asks whether a person is who they say comes through here: authentications, requests for attributes,
//! and what people do about their own number. So budgets, one-time codes, locks and history are the same for all three,
//! and an unknown number costs what a known one costs: the same reads, the same comparison, the same rows written.

use std::sync::Arc;
use std::time::Duration;

use plinth_biometrics::calibration::may_pair;
use plinth_identity::attempts::Attempts;
use plinth_identity::authentication::{CodeFinding, Decision, Findings, Subject, Verdict, conclude, judge};
use plinth_identity::evidence::{CodeClaim, Evidence};
use plinth_identity::history::{HistoryEntry, HistoryEvent};
use plinth_identity::id::{LogPosition, PartyId, RelyingPartyToken};
use plinth_identity::identity_record::IdentityRecord;
use plinth_identity::number::{Identifier, IdentityNumber};
use plinth_identity::otp::OtpRow;
use plinth_identity::party::{Party, PartyKind, TokenKind};
use plinth_identity::reason::Reason;
use plinth_identity::virtual_number::{
    VirtualNumber, VirtualNumberKind, VirtualNumberRow, VirtualNumberState,
};
use plinth_storage::SubjectRow;
use zeroize::Zeroizing;

use crate::budget::{Budget, PartyDay};
use crate::core::Core;
use crate::refusal::Refusal;
use crate::registrar::Sitting;
use crate::touched::Touched;

/// Whom a request is about, as far as the service counts and keeps anything of them.
pub(crate) struct Person {
    /// The digits under which counters and history are kept: the number's, or those that nobody holds.
    digits: Zeroizing<Vec<u8>>,
    /// Where failed attempts at one relying party are counted.
    pub(crate) pair: [u8; 16],
    /// Where failed attempts anywhere are counted.
    pub(crate) row: [u8; 16],
    /// The holder's number, if somebody holds it.
    pub(crate) number: Option<IdentityNumber>,
}

impl Person {
    pub(crate) fn of(
        core: &Core,
        party: &PartyId,
        identifier: &Identifier,
        number: Option<IdentityNumber>,
    ) -> Self {
        let digits = match &number {
            Some(number) => Zeroizing::new(number.digits().to_vec()),
            None => Zeroizing::new(identifier.digits().to_vec()),
        };
        let keys = core.keys();
        let (pair, row) = (keys.attempts_row(&digits, Some(party)), keys.attempts_row(&digits, None));
        Self { digits, pair, row, number }
    }

    /// Keeps what was done, for the person's own eyes. Of a number that nobody holds one row is written over and over:
    /// the same work, and nothing that grows.
    pub(crate) fn remember(&self, sitting: &mut Sitting<'_>, entry: &HistoryEntry) {
        let position = match self.number {
            Some(_) => sitting.staged.next_log_position(),
            None => LogPosition::new(0),
        };
        sitting.staged.put_history(&self.digits, position, entry);
    }
}

/// What a request presents for a person.
pub(crate) struct Presented {
    pub(crate) party: PartyId,
    pub(crate) identifier: Identifier,
    pub(crate) evidence: Evidence,
    pub(crate) purpose: String,
}

/// What a comparison found out, and what the committer needs to settle it.
pub(crate) struct Judged {
    pub(crate) presented: Presented,
    pub(crate) person: Person,
    pub(crate) findings: Findings,
    /// The record of the holder of the number. Nobody's, if nobody holds it.
    pub(crate) record: Option<IdentityRecord>,
    /// The record of whoever stands in for nobody. Kept as long as a holder's is: memory that is given back early is used
    /// again while it is still in the cache, and the time would tell.
    _stand_in: Option<IdentityRecord>,
    token: Option<RelyingPartyToken>,
    /// Every commit up to this one was seen.
    read_at: u64,
}

impl Judged {
    /// Whether the person's record has changed since it was read: locks and revocations count from their commit on.
    pub(crate) fn is_stale(&self, touched: &Touched) -> bool {
        touched.since(&self.person.row, self.read_at)
    }
}

/// What the committer made of it.
pub(crate) struct Settled {
    pub(crate) decision: Decision,
    /// The relying party as it is now.
    pub(crate) party: Arc<Party>,
}

impl Settled {
    /// The reason as this relying party may learn it.
    pub(crate) fn reason(&self) -> Option<Reason> {
        self.decision.disclosed(&self.party.policy)
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.decision.verdict
    }

    /// The pseudonym of the person at this relying party, in a yes, if its policy gives it one.
    pub(crate) fn token(&self, judged: &Judged) -> Option<RelyingPartyToken> {
        let pairwise = matches!(self.party.policy.token, TokenKind::Pairwise);
        judged.token.filter(|_| pairwise && self.verdict() == Verdict::Yes)
    }
}

/// Compares what was presented with the record of the holder, or with the person who stands in when nobody holds the
/// number. Either way one record, and one features row if fingers were sent, are fetched, opened and compared with
/// everything that was sent.
pub(crate) fn compare(core: &Core, presented: Presented, stand: Stand) -> Result<Judged, Refusal> {
    let Presented { party, identifier, evidence, .. } = &presented;
    let (now, read_at) = (core.now()?, core.reader.head().commits);
    let features = match &evidence.fingers {
        Some(fingers) => fingers.features()?,
        None => Vec::new(),
    };
    let found = match (stand, identifier) {
        (Stand::Nobody, Identifier::Number(number)) if core.reader.identity(number)?.is_none() => None,
        _ => core.reader.subject(identifier, evidence.fingers.is_some())?,
    };
    let (findings, number, record, stand_in) = match found {
        Some(SubjectRow { record, features: row, present, virtual_row, number }) => {
            let fingers = match row {
                // Whatever is compared with none of those that were sent need not be decoded.
                Some(row) => row.fingers_where(|recorded| {
                    features.iter().any(|sent| may_pair(sent.position(), recorded))
                })?,
                None => Vec::new(),
            };
            let subject = Subject { record, fingers };
            let (mut findings, score) =
                judge(evidence, &features, &subject, present, &core.authentication, now);
            core.metrics.authenticated(findings.fingers, &score);
            findings.number_use = matches!(identifier, Identifier::Number(_));
            findings.virtual_refusal = virtual_row.and_then(|row| row.refusal(now));
            let (record, stand_in) =
                if present { (Some(subject.record), None) } else { (None, Some(subject.record)) };
            (findings, number, record, stand_in)
        }
        // Only in a deployment without a single person is there nobody to stand in.
        None => (Findings::of_nobody(), None, None, None),
    };
    let person = Person::of(core, party, identifier, number);
    let whose = match identifier {
        Identifier::Number(number) => Some(*number),
        Identifier::Virtual(_) => number,
    };
    let token = whose.map(|number| core.keys().relying_party_token(&number, party));
    Ok(Judged { presented, person, findings, record, _stand_in: stand_in, token, read_at })
}

/// Whether somebody stands in for a number that nobody holds. Always, but in the control of the timing trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stand {
    Decoy,
    Nobody,
}

/// Settles a comparison in one step: weighs it, and stages what follows.
///
/// # Errors
/// A refusal stages nothing: a wait, a limit of the relying party, or what its policy does not allow any more.
pub(crate) fn settle(
    sitting: &mut Sitting<'_>,
    judged: &Judged,
    event: HistoryEvent,
) -> Result<Settled, Refusal> {
    Ok(weigh(sitting, judged)?.stage(sitting, judged, event))
}

/// A decision that nothing has been written of yet.
pub(crate) struct Weighed {
    settled: Settled,
    pair: Attempts,
    everywhere: Attempts,
    day: PartyDay,
    code: UsedCode,
    virtual_row: Option<(VirtualNumber, VirtualNumberRow)>,
}

/// Weighs a comparison: one-time code, budgets, locks and policy as they are at this moment, then the decision. Reads, and
/// stages nothing.
///
/// # Errors
/// As [`settle`].
pub(crate) fn weigh(sitting: &mut Sitting<'_>, judged: &Judged) -> Result<Weighed, Refusal> {
    let now = sitting.now;
    let Presented { party, evidence, identifier, .. } = &judged.presented;
    let party = sitting.party(PartyKind::RelyingParty, party)?;
    // The policy may have been narrowed while this waited.
    evidence.entitled(&party.policy)?;
    let rules = sitting.rules.attempts;
    let mut pair = sitting.staged.attempts(&judged.person.pair)?;
    let mut everywhere = sitting.staged.attempts(&judged.person.row)?;
    if let Some(until) = pair.waiting(now) {
        let after = Duration::from_millis(until.since(now));
        return Err(Refusal::limit(Reason::TooManyAttempts, Budget::ConsecutiveFailures, after));
    }
    let mut day = PartyDay::open(sitting, &party)?;

    let mut findings = judged.findings.clone();
    let virtual_row = match identifier {
        Identifier::Virtual(number) => sitting.staged.virtual_number(number)?.map(|row| (*number, row)),
        Identifier::Number(_) => None,
    };
    // Of two uses of a one-time number in one batch, the second finds it used.
    if let Some((_, row)) = &virtual_row {
        findings.virtual_refusal = row.refusal(now);
    }
    let (finding, code) = check_code(sitting, judged, &mut everywhere)?;
    let disabled =
        pair.fingers_disabled(rules.pair_fingers) || everywhere.fingers_disabled(rules.person_fingers);
    let decision = conclude(&findings, finding, disabled, &party.policy);

    let yes = decision.verdict == Verdict::Yes;
    let with_fingers = evidence.fingers.is_some();
    Attempts::settle(&mut pair, &mut everywhere, yes, with_fingers, evidence.has_code(), now, &rules);
    day.count(!yes, pair.first_today(now));
    let one_time = virtual_row.filter(|(_, row)| yes && row.kind == VirtualNumberKind::OneTime);
    let used = |row| VirtualNumberRow { state: VirtualNumberState::Used, ..row };
    let virtual_row = one_time.map(|(number, row)| (number, used(row)));
    Ok(Weighed { settled: Settled { decision, party }, pair, everywhere, day, code, virtual_row })
}

impl Weighed {
    pub(crate) fn verdict(&self) -> Verdict {
        self.settled.verdict()
    }

    /// The relying party as it is now.
    pub(crate) fn party(&self) -> &Party {
        &self.settled.party
    }

    /// Stages every counter, what was used up, and the history, for the commit that makes the decision durable.
    pub(crate) fn stage(self, sitting: &mut Sitting<'_>, judged: &Judged, event: HistoryEvent) -> Settled {
        let Self { settled, pair, everywhere, day, code, virtual_row } = self;
        sitting.staged.put_attempts(&judged.person.pair, &pair);
        sitting.staged.put_attempts(&judged.person.row, &everywhere);
        day.close(sitting);
        if let Some((key, row)) = code {
            sitting.staged.put_otp(&key, &row, row.expires_at);
        }
        if let Some((number, row)) = virtual_row {
            sitting.staged.put_virtual_number(&number, &row);
        }
        let Presented { party, evidence, purpose, .. } = &judged.presented;
        sitting.metrics.answered(party, settled.decision.verdict);
        let entry = HistoryEntry {
            at: sitting.now,
            party: party.clone(),
            event,
            factors: evidence.declared,
            purpose: purpose.clone(),
            verdict: settled.decision.verdict,
            reason: settled.decision.reason,
        };
        judged.person.remember(sitting, &entry);
        settled
    }
}

/// A one-time code's row as it is to be written, if there is one.
type UsedCode = Option<([u8; 16], OtpRow)>;

/// Looks the one-time code up and uses it up: once, by this relying party, for this person.
fn check_code(
    sitting: &mut Sitting<'_>,
    judged: &Judged,
    everywhere: &mut Attempts,
) -> Result<(CodeFinding, UsedCode), Refusal> {
    let Presented { party, evidence, .. } = &judged.presented;
    match &evidence.code {
        None => Ok((CodeFinding::NotSent, None)),
        Some(CodeClaim::Totp(_)) => {
            let fresh = judged.findings.totp.is_some_and(|step| everywhere.use_totp(step));
            Ok((if fresh { CodeFinding::Right } else { CodeFinding::Wrong }, None))
        }
        Some(CodeClaim::Delivered { transaction, code }) => {
            let key = sitting.reader.keys().otp_row(party, transaction);
            let Some(mut row) = sitting.staged.otp(&key)? else {
                return Ok((CodeFinding::OtherTransaction, None));
            };
            let finding = row.check(&judged.person.row, code, sitting.now);
            Ok((finding, Some((key, row))))
        }
    }
}
