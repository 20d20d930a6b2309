//! What people order for themselves at the office.

use data_encoding::BASE32_NOPAD;
use plinth_client::{Refusal, RelyingParty, ResidentDraft};
use plinth_identity::authentication::{ResidentAction, Verdict};
use plinth_identity::demographics::DemographicClaim;
use plinth_identity::evidence::CodeClaim;
use plinth_identity::history::HistoryEntry;
use plinth_identity::id::LogPosition;
use plinth_identity::identity_record::Locks;
use plinth_identity::otp::TotpSecret;
use plinth_identity::statement::{ResidentOutcome, ResidentStatement};
use plinth_identity::time::Timestamp;
use plinth_identity::virtual_number::{VirtualNumber, VirtualNumberKind};

use crate::town::{Resident, Town, hand, refusal};

impl Town {
    /// Sends an order, and is answered or refused.
    pub(crate) async fn send_order(
        &self,
        office: &RelyingParty,
        draft: ResidentDraft,
    ) -> Result<ResidentStatement, Refusal> {
        let request = office.resident_request(draft, self.now()).unwrap();
        office.resident(&request).await.map(|answer| answer.statement).map_err(refusal)
    }

    /// Has an order carried out for somebody who shows their fingers.
    pub(crate) async fn carry_out(
        &self,
        office: &RelyingParty,
        resident: Resident,
        action: ResidentAction,
    ) -> ResidentOutcome {
        let statement = self.send_order(office, order(resident, action)).await;
        let statement = statement.unwrap_or_else(|refusal| panic!("refused: {refusal}"));
        assert_eq!((statement.verdict, statement.reason), (Verdict::Yes, None));
        statement.outcome.unwrap()
    }

    /// Has a virtual number drawn.
    pub(crate) async fn virtual_number(
        &self,
        office: &RelyingParty,
        resident: Resident,
        kind: VirtualNumberKind,
        valid_for_ms: Option<u64>,
    ) -> (VirtualNumber, Option<Timestamp>) {
        let action = ResidentAction::CreateVirtualNumber { kind, valid_for_ms };
        match self.carry_out(office, resident, action).await {
            ResidentOutcome::VirtualNumber { number, expires_at } => (number, expires_at),
            other => panic!("not a virtual number: {other:?}"),
        }
    }

    /// Has a virtual number drawn that lasts.
    pub(crate) async fn alias(&self, office: &RelyingParty, resident: Resident) -> VirtualNumber {
        self.virtual_number(office, resident, VirtualNumberKind::Perpetual, None).await.0
    }

    /// Has locks set, and says which there are then.
    pub(crate) async fn set_locks(
        &self,
        office: &RelyingParty,
        resident: Resident,
        action: ResidentAction,
    ) -> Locks {
        match self.carry_out(office, resident, action).await {
            ResidentOutcome::Locks(locks) => locks,
            other => panic!("not locks: {other:?}"),
        }
    }

    /// Has an authenticator's secret drawn.
    pub(crate) async fn authenticator(&self, office: &RelyingParty, resident: Resident) -> TotpSecret {
        match self.carry_out(office, resident, ResidentAction::CreateTotp).await {
            ResidentOutcome::Totp { uri } => secret_of(&uri),
            other => panic!("not an authenticator: {other:?}"),
        }
    }

    /// A page of somebody's history, and where the next one begins.
    pub(crate) async fn page(
        &self,
        office: &RelyingParty,
        resident: Resident,
        page_size: u16,
        before: Option<LogPosition>,
    ) -> (Vec<(LogPosition, HistoryEntry)>, Option<LogPosition>) {
        let action = ResidentAction::ReadHistory { page_size, before };
        match self.carry_out(office, resident, action).await {
            ResidentOutcome::History { entries, next } => (entries, next),
            other => panic!("not a history: {other:?}"),
        }
    }
}

/// An order of somebody who shows their fingers.
pub(crate) fn order(resident: Resident, action: ResidentAction) -> ResidentDraft {
    ResidentDraft {
        number: resident.number,
        claim: DemographicClaim::default(),
        fingers: hand(resident.person),
        code: None,
        action,
        purpose: "my own number".to_owned(),
    }
}

/// An order of somebody who gives a code.
pub(crate) fn order_by_code(resident: Resident, code: CodeClaim, action: ResidentAction) -> ResidentDraft {
    ResidentDraft { fingers: Vec::new(), code: Some(code), ..order(resident, action) }
}

/// Locks or unlocks the number.
pub(crate) fn lock_number(locked: bool) -> ResidentAction {
    ResidentAction::SetLocks { number: Some(locked), fingers: None, irises: None, face: None }
}

/// Locks or unlocks fingers.
pub(crate) fn lock_fingers(locked: bool) -> ResidentAction {
    ResidentAction::SetLocks { number: None, fingers: Some(locked), irises: None, face: None }
}

/// The step of RFC 6238 that a moment belongs to.
pub(crate) fn step_of(moment: Timestamp) -> u64 {
    moment.millis() / 1000 / TotpSecret::STEP_SECONDS
}

/// What an authenticator shows.
pub(crate) fn shown(secret: &TotpSecret, step: u64) -> CodeClaim {
    CodeClaim::Totp(secret.code(step))
}

/// The secret in an `otpauth://` address.
fn secret_of(uri: &str) -> TotpSecret {
    assert!(uri.starts_with("otpauth://totp/"), "not an authenticator's address");
    let (_, query) = uri.split_once('?').unwrap();
    let secret = query.split('&').find_map(|part| part.strip_prefix("secret=")).unwrap();
    let bytes = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    TotpSecret::from_bytes(bytes.try_into().unwrap())
}
