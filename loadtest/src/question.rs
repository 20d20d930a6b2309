use std::time::Duration;

use anyhow::{Context, ensure};
use clap::ValueEnum;
use plinth_client::identity::authentication::Verdict;
use plinth_client::identity::demographics::{BirthClaim, DemographicClaim, NameClaim, Strategy};
use plinth_client::{AuthenticationDraft, RelyingParty, SignedRequest, now};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;

use crate::people::People;
use crate::stopwatch::tick;

/// Of so many questions one is about somebody else.
const IMPOSTOR_EVERY: u32 = 10;

/// Requests expire 30 seconds after they are signed; some of that is for the way and for waiting.
const OLDEST: Duration = Duration::from_secs(27);

/// What a person is recognised by.
#[derive(ValueEnum, Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Name, date of birth and gender.
    Demographic,
    /// One finger.
    OneFinger,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Demographic => "demographic",
            Self::OneFinger => "one finger",
        }
    }

    /// Whether a service without faults answers every such question with the truth. Fingers are recognised with some error.
    pub(crate) fn is_exact(self) -> bool {
        match self {
            Self::Demographic => true,
            Self::OneFinger => false,
        }
    }
}

/// A signed authentication, and what the truth is.
pub(crate) struct Question {
    pub(crate) request: SignedRequest,
    pub(crate) truth: Verdict,
}

/// Signs a question for every moment of `arrivals`, about people drawn evenly, over all cores.
///
/// # Errors
/// If signing takes so long that the oldest requests would expire before their moment.
pub(crate) fn ask(
    by: &RelyingParty,
    people: &People,
    kind: Kind,
    arrivals: &[Duration],
    seed: u64,
) -> anyhow::Result<Vec<Question>> {
    let begun = tick();
    let questions = sign(by, people, kind, arrivals.len(), seed)?;
    let oldest = oldest(begun.elapsed(), arrivals);
    ensure!(
        oldest < OLDEST,
        "requests would be {:.0} s old when they are sent, and expire after 30: ask for fewer seconds or a lower rate",
        oldest.as_secs_f64()
    );
    Ok(questions)
}

fn sign(
    by: &RelyingParty,
    people: &People,
    kind: Kind,
    count: usize,
    seed: u64,
) -> anyhow::Result<Vec<Question>> {
    let cores = std::thread::available_parallelism()?.get();
    let shares = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|core| {
                let mut rng = StdRng::seed_from_u64(seed ^ (u64::try_from(core).unwrap_or(0) << 32));
                let mine = (core..count).step_by(cores);
                scope.spawn(move || {
                    mine.map(|_| question(by, people, kind, &mut rng)).collect::<anyhow::Result<Vec<_>>>()
                })
            })
            .collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, anyhow::Result<Vec<Question>>>| {
            worker.join().ok().context("a signing thread panicked")?
        };
        workers.into_iter().map(join).collect::<anyhow::Result<Vec<_>>>()
    })?;
    // Dealt out in turn and taken back in turn: what is sent first was signed first.
    let mut shares: Vec<_> = shares.into_iter().map(Vec::into_iter).collect();
    Ok((0..count).filter_map(|turn| shares[turn % cores].next()).collect())
}

/// The age of the request that is oldest when it is sent, if they were signed evenly and in order within `signing`.
fn oldest(signing: Duration, arrivals: &[Duration]) -> Duration {
    let count = u32::try_from(arrivals.len()).unwrap_or(u32::MAX).max(1);
    let waited = |turn: u32| signing - signing * turn / count;
    (0..count).zip(arrivals).map(|(turn, arrival)| waited(turn) + *arrival).max().unwrap_or_default()
}

fn question(by: &RelyingParty, people: &People, kind: Kind, rng: &mut StdRng) -> anyhow::Result<Question> {
    let count = people.count(kind);
    let claimed = rng.random_range(0..count);
    let genuine = !people.deal(kind, claimed, rng.random_range(0..IMPOSTOR_EVERY) == 0);
    let holder = people.person(kind, claimed)?;
    let stranger = if genuine {
        None
    } else {
        Some(people.person(kind, (claimed + rng.random_range(1..count)) % count)?)
    };
    let shown = stranger.as_ref().unwrap_or(&holder);
    let purpose = "load test".to_owned();
    let mut draft = AuthenticationDraft { purpose, ..AuthenticationDraft::new(holder.number) };
    match kind {
        Kind::Demographic => {
            draft.claim = DemographicClaim {
                name: Some(NameClaim { name: shown.demographics.name.clone(), strategy: Strategy::Exact }),
                birth: Some(BirthClaim::Date(shown.demographics.date_of_birth)),
                gender: Some(shown.demographics.gender),
                ..DemographicClaim::default()
            };
        }
        Kind::OneFinger => draft.fingers = vec![shown.finger.clone().context("nobody's finger is known")?],
    }
    // Two people may share a name and a birthday; then the truth about attributes is a yes.
    let same = kind == Kind::Demographic && draft.claim.matches(&holder.demographics, now()).attributes;
    let truth = if genuine || same { Verdict::Yes } else { Verdict::No };
    Ok(Question { request: by.request(draft, now())?, truth })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_request_is_the_first_after_long_signing_and_the_last_after_short() {
        let second = Duration::from_secs(1);
        let arrivals = [second, 2 * second, 3 * second, 4 * second];
        assert_eq!(oldest(40 * second, &arrivals), 41 * second);
        assert_eq!(oldest(Duration::ZERO, &arrivals), 4 * second);
        assert_eq!(oldest(second, &[]), Duration::ZERO);
    }
}
