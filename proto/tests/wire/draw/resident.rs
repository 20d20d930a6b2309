//! What people do with their own number.

use plinth_identity::authentication::{ResidentAction, ResidentRequest, Verdict};
use plinth_identity::history::{HistoryEntry, HistoryEvent};
use plinth_identity::id::LogPosition;
use plinth_identity::identity_record::Locks;
use plinth_identity::party::Factor;
use plinth_identity::statement::{ResidentOutcome, ResidentStatement};
use plinth_identity::virtual_number::VirtualNumberKind;

use super::Draw;

impl Draw {
    fn position(&mut self) -> LogPosition {
        LogPosition::new(self.word() | 1)
    }

    /// The action with this index, 0 to 5.
    pub(crate) fn resident_action(&mut self, index: usize) -> ResidentAction {
        match index {
            0 => {
                let kind = self.one_of(&VirtualNumberKind::ALL);
                let expires = match kind {
                    VirtualNumberKind::OneTime => self.flag(),
                    VirtualNumberKind::Expiring => true,
                    VirtualNumberKind::Perpetual => false,
                };
                let valid_for_ms = expires.then(|| self.word() | 1);
                ResidentAction::CreateVirtualNumber { kind, valid_for_ms }
            }
            1 => ResidentAction::RevokeVirtualNumber,
            2 => {
                let mut lock = || self.flag().then(|| self.flag());
                ResidentAction::SetLocks { number: lock(), fingers: lock(), irises: lock(), face: Some(true) }
            }
            3 => ResidentAction::CreateTotp,
            4 => ResidentAction::RemoveTotp,
            _ => ResidentAction::ReadHistory {
                page_size: u16::try_from(1 + self.below(1_000)).unwrap(),
                before: self.flag().then(|| self.position()),
            },
        }
    }

    pub(crate) fn resident_request(&mut self) -> ResidentRequest {
        let index = self.below(6);
        let (action, evidence) = (self.resident_action(index), self.evidence(true));
        ResidentRequest::new(self.header(), self.number(), evidence, action).unwrap()
    }

    fn history_entry(&mut self) -> HistoryEntry {
        let (verdict, reason) = self.verdict();
        HistoryEntry {
            at: self.time(),
            party: self.party_id(),
            event: self.one_of(&HistoryEvent::ALL),
            factors: Factor::ALL.into_iter().filter(|_| self.flag()).collect(),
            purpose: self.text(64, "abc xyz ß漢,."),
            verdict,
            reason,
        }
    }

    /// The outcome with this index, 0 to 5.
    pub(crate) fn resident_outcome(&mut self, index: usize) -> ResidentOutcome {
        match index {
            0 => ResidentOutcome::VirtualNumber {
                number: self.virtual_number(),
                expires_at: self.flag().then(|| self.time()),
            },
            1 => ResidentOutcome::VirtualNumberRevoked,
            2 => ResidentOutcome::Locks(Locks {
                number: self.flag(),
                fingers: self.flag(),
                irises: self.flag(),
                face: self.flag(),
            }),
            3 => ResidentOutcome::Totp { uri: format!("otpauth://totp/{}", self.text(200, "aB9%&=?:")) },
            4 => ResidentOutcome::TotpRemoved,
            _ => ResidentOutcome::History {
                entries: (0..self.below(4)).map(|_| (self.position(), self.history_entry())).collect(),
                next: self.flag().then(|| self.position()),
            },
        }
    }

    pub(crate) fn resident_statement(&mut self) -> ResidentStatement {
        let (verdict, reason) = self.verdict();
        let index = self.below(6);
        ResidentStatement {
            header: self.statement_header(),
            agent: self.party_id(),
            verdict,
            reason,
            outcome: (verdict == Verdict::Yes).then(|| self.resident_outcome(index)),
        }
    }
}
