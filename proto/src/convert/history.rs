//! A person's own history: what was asked about them.

use plinth_identity::authentication::ResidentAction;
use plinth_identity::field::FieldViolation;
use plinth_identity::history::{HistoryEntry, HistoryEvent};
use plinth_identity::id::LogPosition;
use plinth_identity::request::MAX_PURPOSE_CHARS;
use plinth_identity::time::Timestamp;

use super::factor::{encode_factors, factors};
use super::header::party_id;
use super::verdict::{encode_verdict, reason_coded, verdict};
use crate::resident::v1;

/// A page of history with where the next one begins.
pub(super) type HistoryPage = (Vec<(LogPosition, HistoryEntry)>, Option<LogPosition>);

pub(super) fn encode_history(
    entries: &[(LogPosition, HistoryEntry)],
    next: Option<LogPosition>,
) -> v1::History {
    v1::History {
        entries: entries.iter().map(|(position, entry)| encode_entry(*position, entry)).collect(),
        next_before: next.map_or(0, LogPosition::get),
    }
}

/// A page of history; paths begin with `entries[i]`.
pub(super) fn history(wire: v1::History) -> Result<HistoryPage, FieldViolation> {
    if wire.entries.len() > usize::from(ResidentAction::MAX_PAGE) {
        let description = format!("must be at most {}", ResidentAction::MAX_PAGE);
        return Err(FieldViolation::malformed("entries", description));
    }
    let entries = wire.entries.into_iter().enumerate().map(|(index, wire)| {
        entry(wire).map_err(|violation| violation.at(&format!("[{index}]")).at("entries"))
    });
    Ok((entries.collect::<Result<_, _>>()?, position(wire.next_before)))
}

/// The log position that a field names; zero names none.
pub(super) fn position(wire: u64) -> Option<LogPosition> {
    (wire > 0).then(|| LogPosition::new(wire))
}

fn encode_entry(position: LogPosition, entry: &HistoryEntry) -> v1::HistoryEntry {
    let event = match entry.event {
        HistoryEvent::Authentication => v1::HistoryEvent::Authentication,
        HistoryEvent::OtpRequest => v1::HistoryEvent::OtpRequest,
        HistoryEvent::PersonData => v1::HistoryEvent::PersonData,
        HistoryEvent::Resident => v1::HistoryEvent::Resident,
    };
    v1::HistoryEntry {
        log_position: position.get(),
        at_ms: entry.at.millis(),
        party: entry.party.as_str().to_owned(),
        event: event.into(),
        factors: encode_factors(entry.factors),
        purpose: entry.purpose.clone(),
        verdict: encode_verdict(entry.verdict),
        reason: entry.reason.map_or(0, |reason| reason.code().into()),
    }
}

fn entry(wire: v1::HistoryEntry) -> Result<(LogPosition, HistoryEntry), FieldViolation> {
    let position = position(wire.log_position)
        .ok_or_else(|| FieldViolation::malformed("log_position", "must be 1 or more"))?;
    let event = match v1::HistoryEvent::try_from(wire.event) {
        Ok(v1::HistoryEvent::Authentication) => HistoryEvent::Authentication,
        Ok(v1::HistoryEvent::OtpRequest) => HistoryEvent::OtpRequest,
        Ok(v1::HistoryEvent::PersonData) => HistoryEvent::PersonData,
        Ok(v1::HistoryEvent::Resident) => HistoryEvent::Resident,
        Ok(v1::HistoryEvent::Unspecified) | Err(_) => {
            return Err(FieldViolation::malformed("event", "must be one of the events"));
        }
    };
    let printable = !wire.purpose.chars().any(char::is_control);
    if !printable || wire.purpose.chars().count() > MAX_PURPOSE_CHARS {
        let description = format!("must be at most {MAX_PURPOSE_CHARS} printable characters");
        return Err(FieldViolation::malformed("purpose", description));
    }
    let entry = HistoryEntry {
        at: Timestamp::from_millis(wire.at_ms),
        party: party_id(&wire.party, "party")?,
        event,
        factors: factors(&wire.factors, "factors")?,
        purpose: wire.purpose,
        verdict: verdict(wire.verdict)?,
        reason: reason_coded(wire.reason),
    };
    Ok((position, entry))
}
