use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, bail};
use plinth_biometrics::record::FingerPosition;
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_client::identity::application::FingerSample;
use plinth_client::identity::demographics::Demographics;
use plinth_client::identity::number::IdentityNumber;
use plinth_client::identity::statement::EnrolmentOutcome;
use plinth_client::{Agency, ClientError, EnrolmentDraft, now};
use serde::Serialize;
use tokio_stream::StreamExt;

use crate::population::demographics;
use crate::setting::Setting;
use crate::stopwatch::tick;

/// Longest wait for the next answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The finger that authenticates: everyone enrols it.
const PROBE: FingerPosition = FingerPosition::RightIndex;

/// Someone with a number, and what they authenticate with.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) number: IdentityNumber,
    pub(crate) demographics: Demographics,
    /// Another touch of an enrolled finger, if they enrolled any.
    pub(crate) finger: Option<FingerSample>,
}

/// How the enrolment went.
#[derive(Serialize, Clone)]
pub(crate) struct Enrolled {
    pub(crate) issued: usize,
    pub(crate) duplicate: usize,
    pub(crate) pending: usize,
    pub(crate) refused: usize,
    pub(crate) per_second: f64,
}

/// Enrols synthetic people of the seed, from index `first` on, over one stream; those who got a number can authenticate.
pub(crate) async fn enrol(
    agency: &Agency,
    setting: &Setting,
    first: u64,
) -> anyhow::Result<(Vec<Person>, Enrolled)> {
    let mut captured = HashMap::new();
    let mut requests = Vec::new();
    for index in 0..setting.people {
        let (draft, probe) = capture(setting, first + u64::from(index))?;
        let demographics = draft.demographics.clone();
        let request = agency.request(draft, now())?;
        captured.insert(request.request_id(), (index, demographics, probe));
        requests.push(request);
    }

    let mut people = Vec::new();
    let mut tally = Enrolled { issued: 0, duplicate: 0, pending: 0, refused: 0, per_second: 0.0 };
    let begun = tick();
    let mut answers = agency.enrol_many(tokio_stream::iter(requests));
    while let Some((request_id, answer)) = tokio::time::timeout(PATIENCE, answers.next()).await? {
        let answer = match answer {
            Ok(answer) => answer,
            Err(ClientError::Refused(refusal)) => {
                eprintln!("not enrolled: {refusal}");
                tally.refused += 1;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        match answer.statement.outcome {
            EnrolmentOutcome::Issued { number } => {
                let (index, demographics, finger) =
                    captured.remove(&request_id).context("an answer to nobody")?;
                people.push((index, Person { number, demographics, finger: Some(finger) }));
                tally.issued += 1;
            }
            EnrolmentOutcome::Duplicate => tally.duplicate += 1,
            EnrolmentOutcome::Pending { .. } => tally.pending += 1,
            EnrolmentOutcome::Refused => tally.refused += 1,
        }
    }
    tally.per_second = f64::from(setting.people) / begun.elapsed().as_secs_f64();
    if people.len() < 2 {
        bail!("only {} of {} people got a number: nothing to ask about", people.len(), setting.people);
    }
    // Answers come as they commit; the order of the population does not depend on that.
    people.sort_by_key(|(index, _)| *index);
    Ok((people.into_iter().map(|(_, person)| person).collect(), tally))
}

/// What one person enrols with, and another touch of one of those fingers.
fn capture(setting: &Setting, index: u64) -> anyhow::Result<(EnrolmentDraft, FingerSample)> {
    let person = SyntheticPerson::new(setting.seed, index);
    let sample =
        |position, capture| FingerSample { position, record: person.capture(position, capture).encode() };
    let others = FingerPosition::ALL.into_iter().filter(|position| *position != PROBE);
    let positions = std::iter::once(PROBE).chain(others).take(setting.fingers.into());
    let draft = EnrolmentDraft {
        demographics: demographics(&person)?,
        fingers: positions.map(|position| sample(position, 0)).collect(),
        station: "load".to_owned(),
        operator: "load".to_owned(),
        purpose: "load test".to_owned(),
    };
    Ok((draft, sample(PROBE, 1)))
}
