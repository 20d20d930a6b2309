//! One performance, from an empty folder to a table of what was promised and what came of it.

use std::sync::Arc;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use plinth_identity::case::CaseDecision;
use plinth_identity::number::IdentityNumber;
use plinth_identity::policy::EnrolmentDecision;
use plinth_identity::statement::EnrolmentOutcome;
use plinth_server::config::DeduplicationSettings;

use super::adjudication::{open_cases, settle};
use super::crowd::{Crowd, Kind};
use super::enrolment::{self, Enrolment, Outcome, enrol};
use super::exhaustive::against_oneself;
use super::house::House;
use super::padding;
use super::questions;
use super::sheet::Sheet;
use super::tally::{IndexLoss, Tally};
use super::tell;
use crate::moment;

/// Plays a crowd through a service of its own. With `strangers` the index is measured once more among that many.
///
/// # Errors
/// If the service fails, or one of its answers does not hold offline.
pub(crate) async fn play(crowd: Crowd, strangers: Option<usize>, keep: bool) -> anyhow::Result<Sheet> {
    let crowd = Arc::new(crowd);
    println!("\n{}", title(&crowd));
    let house = House::found(DeduplicationSettings::default(), keep).await?;
    let mut tally = Tally::new(crowd.people().len())?;
    let holders = come_first(&house, &crowd, &mut tally).await?;
    come_again(&house, &crowd, &holders, &mut tally).await?;
    be_asked(&house, &crowd, &holders, &mut tally).await?;

    tell(format_args!("The service stops, and every table of its store is compared with the others."));
    let folder = house.folder().to_owned();
    tally.problems = house.close().await?;
    if keep {
        tell(format_args!(
            "Its folder stays at {}, with its keys; look at it, then delete it.",
            folder.display()
        ));
    }
    if let Some(strangers) = strangers {
        tally.padded = Some(padding::index_loss(&crowd, strangers).await?);
    }
    Ok(Sheet::new(crowd.kind, title(&crowd), &tally))
}

/// A bar on standard error, if that is a terminal.
pub(crate) fn progress_bar(length: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("  {bar:50} {pos}/{len}, {eta} left");
    ProgressBar::new(length as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn title(crowd: &Crowd) -> String {
    let people = crowd.people().len();
    match crowd.kind {
        Kind::Synthetic => format!("{people} made-up people with ten fingers each"),
        Kind::Fingers => format!("{people} recorded fingers, each one a person"),
        Kind::Sets => format!("{people} recorded sets of fingers, each set one person"),
        Kind::Strangers => format!("{people} made-up people with one finger each"),
    }
}

/// Everyone enrols for the first time. Returns who holds which number then.
async fn come_first(
    house: &House,
    crowd: &Arc<Crowd>,
    tally: &mut Tally,
) -> anyhow::Result<Vec<(usize, IdentityNumber)>> {
    tell(format_args!("The agency enrols {} people in one stream.", crowd.people().len()));
    let everyone: Vec<usize> = (0..crowd.people().len()).collect();
    let progress = progress_bar(everyone.len());
    let enrolments =
        enrol(&house.agency, &house.trust, crowd, &everyone, 0, &mut tally.enrolments, &progress).await?;
    progress.finish_and_clear();

    let cases = open_cases(&enrolments);
    if !cases.is_empty() {
        tell(format_args!(
            "{} of them resemble somebody; two administrators see that they are new, and both sign.",
            cases.len()
        ));
        settle(&house.administrators, &cases, CaseDecision::Issue, "not the people they resemble").await?;
    }
    let mut holders = Vec::with_capacity(enrolments.len());
    for enrolment in &enrolments {
        tally.verified += usize::from(matches!(enrolment.outcome, Outcome::Stated(_)));
        let outcome = match &enrolment.outcome {
            Outcome::Refused => {
                tally.new_refused += 1;
                continue;
            }
            Outcome::Stated(EnrolmentOutcome::Pending { .. }) => {
                tally.new_adjudicated += 1;
                tally.verified += 1;
                latest(house, enrolment).await?
            }
            Outcome::Stated(outcome) => outcome.clone(),
        };
        match outcome {
            EnrolmentOutcome::Issued { number } => holders.push((enrolment.person, number)),
            _ => tally.false_duplicates += 1,
        }
    }
    tally.enrolled = holders.len();
    Ok(holders)
}

/// What the agency reads about an enrolment that was pending, once its case is decided.
async fn latest(house: &House, enrolment: &Enrolment) -> anyhow::Result<EnrolmentOutcome> {
    let request = enrolment.request.as_ref().context("a pending enrolment without a request")?;
    let entry = house.agency.enrolment(request.request_id(), moment::now()).await?;
    let latest = entry.latest.context("a decided case left its enrolment pending")?;
    Ok(enrolment::check(request, &latest, &house.trust)?.outcome)
}

/// Those who hold a number come again under other names, capture by capture. Whoever had to be looked at is turned away
/// before the next capture, so that each one meets first captures and earlier misses only.
async fn come_again(
    house: &House,
    crowd: &Arc<Crowd>,
    holders: &[(usize, IdentityNumber)],
    tally: &mut Tally,
) -> anyhow::Result<()> {
    tell(format_args!(
        "The same people come again under other names: {} second captures.",
        crowd.second_captures()
    ));
    let recorded = matches!(crowd.kind, Kind::Fingers | Kind::Sets);
    let mut index = IndexLoss::default();
    let progress = progress_bar(crowd.second_captures());
    for n in 1..crowd.rounds() {
        let again = returning(crowd, holders, n);
        let enrolments =
            enrol(&house.agency, &house.trust, crowd, &again, n, &mut tally.enrolments, &progress).await?;
        for enrolment in &enrolments {
            match &enrolment.outcome {
                Outcome::Stated(EnrolmentOutcome::Duplicate) => tally.caught += 1,
                Outcome::Stated(EnrolmentOutcome::Pending { .. }) => tally.adjudicated += 1,
                Outcome::Stated(_) => tally.missed += 1,
                Outcome::Refused => tally.refused += 1,
            }
            tally.verified += usize::from(matches!(enrolment.outcome, Outcome::Stated(_)));
        }
        if recorded {
            let exact = against_oneself(crowd, &again, n, house.policy(), holders.len() as u64).await?;
            for (enrolment, exact) in enrolments.iter().zip(&exact) {
                let accepted = *exact != EnrolmentDecision::Unique;
                let missed = matches!(enrolment.outcome, Outcome::Stated(EnrolmentOutcome::Issued { .. }));
                index.accepted += usize::from(accepted);
                index.lost += usize::from(accepted && missed);
            }
        }
        let cases = open_cases(&enrolments);
        settle(&house.administrators, &cases, CaseDecision::Refuse, "enrolled already under another name")
            .await?;
    }
    progress.finish_and_clear();
    if tally.adjudicated > 0 {
        tell(format_args!(
            "Two administrators looked at {} of them and turned them away.",
            tally.adjudicated
        ));
    }
    tally.index = recorded.then_some(index);
    Ok(())
}

/// Who of those with a number has a capture `n`.
pub(crate) fn returning(crowd: &Crowd, holders: &[(usize, IdentityNumber)], n: usize) -> Vec<usize> {
    holders
        .iter()
        .map(|(person, _)| *person)
        .filter(|person| crowd.people()[*person].captures() > n)
        .collect()
}

async fn be_asked(
    house: &House,
    crowd: &Arc<Crowd>,
    holders: &[(usize, IdentityNumber)],
    tally: &mut Tally,
) -> anyhow::Result<()> {
    tell(format_args!(
        "The relying party asks about everyone: with their own fingers, somebody else's, and somebody else's name."
    ));
    let progress = progress_bar(4 * holders.len());
    tally.heard =
        questions::ask(&house.relying_party, &house.trust, crowd, holders, &mut tally.verdicts, &progress)
            .await?;
    progress.finish_and_clear();
    tally.verified += tally.heard.values().map(|heard| heard.right + heard.wrong).sum::<usize>();
    Ok(())
}
