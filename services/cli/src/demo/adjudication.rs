//! Two administrators settle what matching left open. The demonstration knows the truth, and they decide by it.

use std::collections::BTreeSet;

use anyhow::{Context as _, bail};
use plinth_client::Administrator;
use plinth_identity::case::CaseDecision;
use plinth_identity::id::CaseId;
use plinth_identity::statement::{EnrolmentOutcome, RegistryChange};

use super::enrolment::{Enrolment, Outcome};
use crate::moment;

/// A late search may name new look-alikes, and the case is then decided again. More often than this it is not.
const LOOKS: usize = 8;

/// The cases that some answers wait for.
pub(crate) fn open_cases(enrolments: &[Enrolment]) -> BTreeSet<CaseId> {
    let pending = enrolments.iter().filter_map(|enrolment| match &enrolment.outcome {
        Outcome::Stated(EnrolmentOutcome::Pending { case }) => Some(*case),
        _ => None,
    });
    pending.collect()
}

/// Decides cases, each with the signatures of both administrators over the same bytes.
///
/// # Errors
/// If a case cannot be decided.
pub(crate) async fn settle(
    administrators: &[Administrator; 2],
    cases: &BTreeSet<CaseId>,
    decision: CaseDecision,
    reason: &str,
) -> anyhow::Result<()> {
    for case in cases {
        settle_one(administrators, *case, decision, reason)
            .await
            .with_context(|| format!("case {case} could not be decided", case = case.get()))?;
    }
    Ok(())
}

async fn settle_one(
    [first, second]: &[Administrator; 2],
    case: CaseId,
    decision: CaseDecision,
    reason: &str,
) -> anyhow::Result<()> {
    for _ in 0..LOOKS {
        let payload = first.case_decision(case, decision, reason, moment::now())?;
        let approvals = [first.approve(payload.clone()), second.approve(payload)];
        let answer = first.decide_case(approvals).await?;
        if !matches!(answer.statement.change, RegistryChange::CaseExtended { .. }) {
            return Ok(());
        }
    }
    bail!("new look-alikes came up {LOOKS} times")
}
