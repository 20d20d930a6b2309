//! The relying party's side: it asks who people are, and knows what it ought to hear.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::ProgressBar;
use plinth_client::{AuthenticationDraft, RelyingParty, SignedRequest, Trust, envelope_from_bytes, verify};
use plinth_identity::application::FingerSample;
use plinth_identity::authentication::Verdict;
use plinth_identity::demographics::{BirthClaim, DemographicClaim, Demographics, NameClaim, Strategy};
use plinth_identity::number::IdentityNumber;
use rayon::prelude::*;
use tokio::task::JoinSet;

use super::crowd::Crowd;
use super::enrolment::is_unusable_capture;
use super::meter::{Meter, instant};
use crate::moment;

/// People whose fingers are captured at once.
const AT_ONCE: usize = 128;
/// Questions in hand at once.
const IN_HAND: usize = 16;

/// What is asked about a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Question {
    /// The holder's own fingers and attributes.
    OwnFingers,
    /// The holder's attributes alone.
    OwnAttributes,
    /// Somebody else's fingers with the holder's attributes.
    StrangersFingers,
    /// The holder's fingers with somebody else's attributes.
    StrangersAttributes,
}

/// What was heard to one kind of question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// The answer that is true.
    pub(crate) right: usize,
    /// The other one.
    pub(crate) wrong: usize,
    /// Neither: the capture cannot be used.
    pub(crate) refused: usize,
}

impl Question {
    const ALL: [Self; 4] =
        [Self::OwnFingers, Self::OwnAttributes, Self::StrangersFingers, Self::StrangersAttributes];

    /// The true answer.
    fn truth(self) -> Verdict {
        match self {
            Self::OwnFingers | Self::OwnAttributes => Verdict::Yes,
            Self::StrangersFingers | Self::StrangersAttributes => Verdict::No,
        }
    }
}

impl Heard {
    /// Questions of this kind.
    pub(crate) fn asked(self) -> usize {
        self.right + self.wrong + self.refused
    }
}

/// Asks every question about everyone who has a number.
///
/// # Errors
/// If the service cannot be reached, or one of its answers does not hold offline.
pub(crate) async fn ask(
    relying_party: &RelyingParty,
    trust: &Trust,
    crowd: &Arc<Crowd>,
    holders: &[(usize, IdentityNumber)],
    meter: &mut Meter,
    progress: &ProgressBar,
) -> anyhow::Result<BTreeMap<Question, Heard>> {
    let mut heard: BTreeMap<Question, Heard> = BTreeMap::new();
    for batch in holders.chunks(AT_ONCE) {
        let captures = capture(crowd, batch).await?;
        let mut questions = Vec::with_capacity(Question::ALL.len() * batch.len());
        for (at, (person, number)) in batch.iter().enumerate() {
            // The stranger is whoever stands next in line; someone alone has none.
            let stranger = (at + 1) % batch.len();
            let other = &crowd.people()[batch[stranger].0].demographics;
            let own = &crowd.people()[*person].demographics;
            questions.push((Question::OwnFingers, draft(*number, own, &captures[at])));
            questions.push((Question::OwnAttributes, draft(*number, own, &[])));
            if stranger != at {
                questions.push((Question::StrangersFingers, draft(*number, own, &captures[stranger])));
                questions.push((Question::StrangersAttributes, draft(*number, other, &captures[at])));
            }
        }
        let start = instant();
        let mut in_hand = JoinSet::new();
        for (question, draft) in questions {
            if in_hand.len() == IN_HAND {
                note(&mut heard, in_hand.join_next().await, meter, progress)?;
            }
            in_hand.spawn(ask_one(relying_party.clone(), trust.clone(), question, draft));
        }
        while let Some(answer) = in_hand.join_next().await {
            note(&mut heard, Some(answer), meter, progress)?;
        }
        meter.add_elapsed(start.elapsed());
    }
    Ok(heard)
}

type Answer = (Question, Option<Verdict>, Duration);

/// Signs one question, sends it, and verifies the answer from bytes alone. No verdict: the capture was refused.
async fn ask_one(
    relying_party: RelyingParty,
    trust: Trust,
    question: Question,
    draft: AuthenticationDraft,
) -> anyhow::Result<Answer> {
    let request = match relying_party.request(draft, moment::now()) {
        Ok(request) => request,
        Err(error) if is_unusable_capture(&error) => return Ok((question, None, Duration::ZERO)),
        Err(error) => return Err(error.into()),
    };
    let start = instant();
    let answer = relying_party.authenticate(&request).await;
    let latency = start.elapsed();
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if is_unusable_capture(&error) => return Ok((question, None, latency)),
        Err(error) => return Err(error).context("the service gave no answer to a question"),
    };
    let request = SignedRequest::from_bytes(&request.to_bytes())?;
    let statement =
        verify::authentication(request.envelope(), &envelope_from_bytes(&answer.to_bytes())?, &trust)
            .context("a signed verdict does not hold offline")?;
    Ok((question, Some(statement.verdict), latency))
}

fn note(
    heard: &mut BTreeMap<Question, Heard>,
    answer: Option<Result<anyhow::Result<Answer>, tokio::task::JoinError>>,
    meter: &mut Meter,
    progress: &ProgressBar,
) -> anyhow::Result<()> {
    let Some(answer) = answer else { return Ok(()) };
    let (question, verdict, latency) = answer??;
    let entry = heard.entry(question).or_default();
    match verdict {
        Some(verdict) if verdict == question.truth() => entry.right += 1,
        Some(_) => entry.wrong += 1,
        None => entry.refused += 1,
    }
    if verdict.is_some() {
        meter.record(latency);
    }
    progress.inc(1);
    Ok(())
}

/// The live captures of some people, on all cores.
async fn capture(
    crowd: &Arc<Crowd>,
    people: &[(usize, IdentityNumber)],
) -> anyhow::Result<Vec<Vec<FingerSample>>> {
    let crowd = Arc::clone(crowd);
    let people: Vec<usize> = people.iter().map(|(person, _)| *person).collect();
    let capture = move || {
        let live = |index: &usize| {
            let person = &crowd.people()[*index];
            person.capture(person.live_capture())
        };
        people.par_iter().map(live).collect()
    };
    Ok(tokio::task::spawn_blocking(capture).await?)
}

fn draft(number: IdentityNumber, attributes: &Demographics, fingers: &[FingerSample]) -> AuthenticationDraft {
    AuthenticationDraft {
        claim: DemographicClaim {
            name: Some(NameClaim { name: attributes.name.clone(), strategy: Strategy::Exact }),
            birth: Some(BirthClaim::Date(attributes.date_of_birth)),
            gender: Some(attributes.gender),
            ..DemographicClaim::default()
        },
        fingers: fingers.to_vec(),
        purpose: "opening an account".to_owned(),
        ..AuthenticationDraft::new(number)
    }
}
