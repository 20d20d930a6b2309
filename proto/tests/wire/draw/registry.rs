//! Parties, and what administrators order and ask.

use std::collections::BTreeSet;

use plinth_identity::case::CaseDecision;
use plinth_identity::id::{CaseId, PartyId};
use plinth_identity::party::{
    Factor, FactorSet, Party, PartyKind, PartyStatus, Quotas, ReasonView, RelyingPartyPolicy, TokenKind,
};
use plinth_identity::statement::{RegistryChange, RegistryStatement};
use plinth_proto::convert::registry::{
    CaseOrder, Change, PartyRef, RegistryAsk, RegistryOrder, RegistryQuery,
};

use super::Draw;

impl Draw {
    fn kind(&mut self) -> PartyKind {
        self.one_of(&PartyKind::ALL)
    }

    fn party_ref(&mut self) -> PartyRef {
        PartyRef { kind: self.kind(), id: self.party_id() }
    }

    fn reason_view(&mut self) -> ReasonView {
        match self.below(3) {
            0 => ReasonView::None,
            1 => ReasonView::All,
            _ => {
                let codes = (0..=self.below(64)).map(|_| u16::from_be_bytes(self.bytes()).max(1));
                ReasonView::Only(codes.collect::<BTreeSet<_>>().into_iter().collect())
            }
        }
    }

    pub(crate) fn policy(&mut self) -> RelyingPartyPolicy {
        let factors: FactorSet = Factor::ALL.into_iter().filter(|_| self.flag()).collect();
        let attributes = self.attributes();
        let networks = (0..self.below(4)).map(|_| match self.flag() {
            true => format!("10.{}.0.0/16", self.byte()).parse().unwrap(),
            false => format!("2001:db8:{:x}::/48", self.byte()).parse().unwrap(),
        });
        RelyingPartyPolicy {
            networks: networks.collect(),
            factors,
            mandatory: factors.iter().filter(|_| self.flag()).collect(),
            partial_matching: self.flag(),
            full_address: self.flag(),
            attributes,
            token: self.one_of(&TokenKind::ALL),
            reasons: self.reason_view(),
            quotas: Quotas {
                requests_per_second: u32::from(self.byte()),
                burst: u32::from(self.byte()),
                numbers_per_day: u32::from_be_bytes(self.bytes()),
                failure_percent: u8::try_from(self.below(101)).unwrap(),
            },
            virtual_number_only: self.flag(),
            resident_agent: self.flag(),
            encryption_key: (self.flag() || !attributes.is_empty()).then(|| self.bytes()),
        }
    }

    pub(crate) fn party(&mut self) -> Party {
        let kind = self.kind();
        let valid_from = self.time();
        let policy = self.policy();
        Party::new(
            kind,
            self.party_id(),
            format!("P{}", self.text(199, "ost Ofice漢")),
            self.key(),
            valid_from,
            valid_from.plus_millis(1 + u64::from(self.byte())),
            PartyStatus::Active,
            if kind == PartyKind::RelyingParty { policy } else { RelyingPartyPolicy::default() },
        )
        .unwrap()
    }

    pub(crate) fn registry_order(&mut self) -> RegistryOrder {
        let change = match self.below(7) {
            0 => Change::Register(Box::new(self.party())),
            1 => Change::Suspend(self.party_ref()),
            2 => Change::Reinstate(self.party_ref()),
            3 => Change::Revoke(self.party_ref()),
            4 => Change::Amend(Box::new(self.party())),
            5 => Change::RenewIndex,
            _ => Change::Backup { directory: self.text(1_000, "/backup-1") },
        };
        RegistryOrder { header: self.header(), change }
    }

    pub(crate) fn registry_query(&mut self) -> RegistryQuery {
        let ask = match self.below(5) {
            0 => RegistryAsk::Parties { kind: self.kind(), page: self.page() },
            1 => RegistryAsk::Cases { open_only: self.flag(), page: self.page() },
            2 => RegistryAsk::Index,
            3 => RegistryAsk::Findings { import: u32::from(self.byte()) + 1, page: self.page() },
            _ => RegistryAsk::Case(CaseId::new(self.word())),
        };
        RegistryQuery { header: self.header(), ask }
    }

    fn decision(&mut self) -> CaseDecision {
        self.one_of(&[CaseDecision::Issue, CaseDecision::Refuse])
    }

    pub(crate) fn case_order(&mut self) -> CaseOrder {
        CaseOrder {
            header: self.header(),
            case: CaseId::new(self.word()),
            decision: self.decision(),
            reason: self.text(500, "because é漢 "),
        }
    }

    pub(crate) fn registry_statement(&mut self) -> RegistryStatement {
        let (kind, id): (_, PartyId) = (self.kind(), self.party_id());
        let case = CaseId::new(self.word() | 1);
        let change = match self.below(8) {
            0 => RegistryChange::Registered { kind, id },
            1 => RegistryChange::Suspended { kind, id },
            2 => RegistryChange::Reinstated { kind, id },
            3 => RegistryChange::Revoked { kind, id },
            4 => RegistryChange::Amended { kind, id },
            6 => RegistryChange::IndexRenewed { epoch: u32::from(self.byte()) + 2 },
            5 => RegistryChange::CaseDecided { case, decision: self.decision() },
            _ => RegistryChange::CaseExtended { case },
        };
        RegistryStatement { header: self.statement_header(), administrator: self.party_id(), change }
    }
}
