use anyhow::Context;
use plinth_client::identity::authentication::Verdict;
use plinth_client::identity::demographics::{BirthClaim, DemographicClaim, NameClaim, Strategy};
use plinth_client::{AuthenticationDraft, RelyingParty, SignedRequest, now};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;

use crate::enrolment::Person;

/// Of so many questions one is about somebody else.
const IMPOSTOR_EVERY: u32 = 10;

/// What a person is recognised by.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
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
}

/// A signed authentication, and what the truth is.
pub(crate) struct Question {
    pub(crate) request: SignedRequest,
    pub(crate) truth: Verdict,
}

/// Signs `count` questions about people drawn evenly, over all cores. They are fresh for 30 seconds.
pub(crate) fn ask(
    by: &RelyingParty,
    people: &[Person],
    kind: Kind,
    count: usize,
    seed: u64,
) -> anyhow::Result<Vec<Question>> {
    let cores = std::thread::available_parallelism()?.get();
    let share = count.div_ceil(cores);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|core| {
                let count = share.min(count.saturating_sub(core * share));
                let mut rng = StdRng::seed_from_u64(seed ^ (u64::try_from(core).unwrap_or(0) << 32));
                scope.spawn(move || {
                    (0..count).map(|_| question(by, people, kind, &mut rng)).collect::<Result<Vec<_>, _>>()
                })
            })
            .collect();
        let mut questions = Vec::with_capacity(count);
        for worker in workers {
            questions.extend(worker.join().ok().context("a signing thread panicked")??);
        }
        Ok(questions)
    })
}

fn question(by: &RelyingParty, people: &[Person], kind: Kind, rng: &mut StdRng) -> anyhow::Result<Question> {
    let claimed = rng.random_range(0..people.len());
    let genuine = rng.random_range(0..IMPOSTOR_EVERY) != 0;
    let shown = if genuine { claimed } else { (claimed + rng.random_range(1..people.len())) % people.len() };
    let (holder, person) = (&people[claimed], &people[shown]);
    let purpose = "load test".to_owned();
    let mut draft = AuthenticationDraft { purpose, ..AuthenticationDraft::new(holder.number) };
    match kind {
        Kind::Demographic => {
            draft.claim = DemographicClaim {
                name: Some(NameClaim { name: person.demographics.name.clone(), strategy: Strategy::Exact }),
                birth: Some(BirthClaim::Date(person.demographics.date_of_birth)),
                gender: Some(person.demographics.gender),
                ..DemographicClaim::default()
            };
        }
        Kind::OneFinger => draft.fingers = vec![person.finger.clone()],
    }
    // Two people may share a name and a birthday; then the truth about attributes is a yes.
    let same = kind == Kind::Demographic && draft.claim.matches(&holder.demographics, now()).attributes;
    let truth = if genuine || same { Verdict::Yes } else { Verdict::No };
    Ok(Question { request: by.request(draft, now())?, truth })
}
