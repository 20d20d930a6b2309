//! The index in a crowd: whether a search among thousands of strangers still offers the right person to the matcher.
//!
//! An answer says "new", "duplicate" or "pending", never whom a capture resembles: in a gallery of strangers a duplicate
//! may be one of the wrong person. So a second service is run under thresholds that send every resemblance to
//! administrators, and they read in the case who was found.

use std::sync::Arc;

use anyhow::ensure;
use plinth_client::Administrator;
use plinth_identity::case::CaseDecision;
use plinth_identity::demographics::Demographics;
use plinth_identity::number::IdentityNumber;
use plinth_identity::policy::{DeduplicationPolicy, EnrolmentDecision};
use plinth_identity::statement::EnrolmentOutcome;
use plinth_server::config::DeduplicationSettings;

use super::adjudication::{open_cases, settle};
use super::crowd::Crowd;
use super::enrolment::{Enrolment, Outcome, enrol};
use super::exhaustive::against_oneself;
use super::house::House;
use super::meter::Meter;
use super::scene::{progress_bar, returning};
use super::tally::IndexLoss;
use super::tell;
use crate::moment;

/// A rate of resembling strangers below all that was ever measured: no single finger reaches it.
const HARDLY_EVER: f64 = 1e-12;

/// So much more for a duplicate than for a human's eyes that no single finger proves one.
const BEYOND_DOUBT: f64 = 1e9;

/// The index's loss among strangers.
pub(crate) struct PaddedLoss {
    /// What was accepted and lost.
    pub(crate) loss: IndexLoss,
    /// People in the gallery besides those who come again.
    pub(crate) strangers: u64,
    /// How many of all of them a search offers to the matcher at most.
    pub(crate) offered: usize,
}

/// Fills a second service with the first captures and with strangers, and sends all second captures.
///
/// # Errors
/// If the service fails, or one of its answers does not hold offline.
pub(crate) async fn index_loss(crowd: &Arc<Crowd>, strangers: usize) -> anyhow::Result<PaddedLoss> {
    tell(format_args!(
        "Once more, in a crowd: a second service, where {strangers} made-up fingers stand among them."
    ));
    let filling = DeduplicationSettings { target_fpir: HARDLY_EVER, certainty: BEYOND_DOUBT };
    let house = House::found(filling, false).await?;
    let holders = fill(&house, crowd).await?;
    let target_fpir = DeduplicationPolicy::default().target_fpir;
    let probing = DeduplicationSettings { target_fpir, certainty: BEYOND_DOUBT };
    tell(format_args!("The strangers come from a register that is loaded while the service is stopped."));
    let strangers = Crowd::strangers(strangers)?;
    let (house, strangers) = house.load(strangers.register(), probing).await?;
    tell(format_args!(
        "The second captures come again, and whoever they resemble is read from the administrators' cases."
    ));
    let gallery = holders.len() as u64 + strangers;
    let loss = probe(&house, crowd, &holders, gallery).await?;
    let policy = house.policy();
    let problems = house.close().await?;
    ensure!(problems == 0, "{problems} rows of the second service's store disagree with other tables");
    Ok(PaddedLoss { loss, strangers, offered: policy.candidate_budget(gallery) })
}

/// Enrols the first captures. Returns who of the crowd holds which number.
async fn fill(house: &House, crowd: &Arc<Crowd>) -> anyhow::Result<Vec<(usize, IdentityNumber)>> {
    let mut meter = Meter::new()?;
    let progress = progress_bar(crowd.people().len());
    let everyone: Vec<usize> = (0..crowd.people().len()).collect();
    let enrolments = enrol(&house.agency, &house.trust, crowd, &everyone, 0, &mut meter, &progress).await?;
    progress.finish_and_clear();
    Ok(enrolments.iter().filter_map(issued).collect())
}

fn issued(enrolment: &Enrolment) -> Option<(usize, IdentityNumber)> {
    match &enrolment.outcome {
        Outcome::Stated(EnrolmentOutcome::Issued { number }) => Some((enrolment.person, *number)),
        _ => None,
    }
}

/// Sends the second captures, and counts those whose mate the matcher would accept but was never offered.
async fn probe(
    house: &House,
    crowd: &Arc<Crowd>,
    holders: &[(usize, IdentityNumber)],
    gallery: u64,
) -> anyhow::Result<IndexLoss> {
    let mut loss = IndexLoss::default();
    let mut meter = Meter::new()?;
    let progress = progress_bar(crowd.second_captures());
    for n in 1..crowd.rounds() {
        let again = returning(crowd, holders, n);
        let exact = against_oneself(crowd, &again, n, house.policy(), gallery).await?;
        let enrolments = enrol(&house.agency, &house.trust, crowd, &again, n, &mut meter, &progress).await?;
        for (enrolment, exact) in enrolments.iter().zip(&exact) {
            if *exact == EnrolmentDecision::Unique {
                continue;
            }
            let mate = &crowd.people()[enrolment.person].demographics;
            let found = was_found(&house.administrators[0], enrolment, exact, mate).await?;
            loss.accepted += 1;
            loss.lost += usize::from(!found);
        }
        // The gallery is as it was before the next capture comes.
        let cases = open_cases(&enrolments);
        settle(&house.administrators, &cases, CaseDecision::Refuse, "a second capture of a demonstration")
            .await?;
    }
    progress.finish_and_clear();
    Ok(loss)
}

/// Whether a capture's mate was among those whom the search offered. What cannot be told counts as not found.
async fn was_found(
    administrator: &Administrator,
    enrolment: &Enrolment,
    exact: &EnrolmentDecision,
    mate: &Demographics,
) -> anyhow::Result<bool> {
    match &enrolment.outcome {
        Outcome::Stated(EnrolmentOutcome::Pending { case }) => {
            let case = administrator.case(*case, moment::now()).await?;
            let born = mate.date_of_birth.reveal();
            Ok(case
                .candidates
                .iter()
                .filter_map(|candidate| candidate.demographics.as_ref())
                .any(|candidate| candidate.name == mate.name.as_str() && candidate.date_of_birth == born))
        }
        // Hardly anybody resembles another this much; it is the mate if the mate does.
        Outcome::Stated(EnrolmentOutcome::Duplicate) => Ok(matches!(exact, EnrolmentDecision::Duplicate(_))),
        Outcome::Stated(_) | Outcome::Refused => Ok(false),
    }
}
