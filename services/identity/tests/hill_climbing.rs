//! An attacker who invents templates and learns from every yes and no: how far that leads without budgets,
//! and that with them it leads no further than sending strangers' fingers.
//!
//! The attacker sees the answers of the real [`judge`] and [`conclude`] and nothing else. They begin with
//! strangers' fingers until one is accepted, and then climb: minutiae of the accepted template are dropped
//! until it is only just refused, and whatever change makes that remnant accepted again is a change for the
//! better. It is the old climb by scores (Martinez-Diaz and others, "Hill-climbing and brute-force attacks on
//! biometric systems", 2006), made to live on answers of one bit.
//!
//! The false match rate here is a hundred times looser than the service's, so that the attacker finds a
//! beginning within a test's patience. The budgets are the real ones.

#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use plinth_biometrics::calibration::threshold_at_fmr;
use plinth_biometrics::cylinder::FingerFeatures;
use plinth_biometrics::matcher::compare;
use plinth_biometrics::record::{FingerPosition, FingerRecord, Minutia, MinutiaKind};
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_identity::authentication::{CodeFinding, Decision, Subject, Verdict, conclude, judge};
use plinth_identity::{
    AttemptPolicy, Attempts, AuthenticationPolicy, DateOfBirth, DemographicClaim, Demographics, Evidence,
    Factor, FactorSet, FingerSample, Fingers, Gender, IdentityRecord, LifecycleStatus, Locks, Name, PartyId,
    Reason, RelyingPartyPolicy, Sequence, Timestamp,
};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

const FINGER: FingerPosition = FingerPosition::RightIndex;
const LOOSE: AuthenticationPolicy = AuthenticationPolicy { fmr: 1e-2 };

/// The population of the attacked, and that of the strangers whose fingers the attacker has.
const VICTIMS: u64 = 1;
const STRANGERS: u64 = 2;

fn touch(population: u64, person: u64, capture: u32) -> FingerRecord {
    SyntheticPerson::new(population, person).capture(FINGER, capture)
}

fn features(template: &FingerRecord) -> FingerFeatures {
    FingerFeatures::extract(template, 0, FINGER).unwrap()
}

/// The person under attack.
struct Victim(Subject);

impl Victim {
    fn new(person: u64) -> Self {
        let record = IdentityRecord {
            sequence: Sequence::new(1),
            status: LifecycleStatus::Active,
            demographics: Demographics {
                name: Name::parse("Ada Lovelace").unwrap(),
                date_of_birth: DateOfBirth::new(1985, 12, 10).unwrap(),
                gender: Gender::Female,
                phone: None,
                email: None,
                address: None,
            },
            enrolled_at: Timestamp::from_millis(0),
            agency: PartyId::parse("post").unwrap(),
            fingers: 1,
            locks: Locks::default(),
            totp: None,
            virtual_number: None,
        };
        Self(Subject { record, fingers: vec![features(&touch(VICTIMS, person, 0))] })
    }

    /// How alike a template is to the recorded finger, 0 to 1. For the test's eyes only.
    fn score(&self, template: &FingerRecord) -> f32 {
        compare(&features(template), &self.0.fingers[0]).value()
    }
}

/// The counters of one person at some relying parties.
struct Budget {
    pairs: Vec<Attempts>,
    person: Attempts,
}

impl Budget {
    const POLICY: AttemptPolicy = AttemptPolicy {
        consecutive: 5,
        wait_ms: 30_000,
        pair_fingers: 20,
        person_fingers: 50,
        otp_pair_per_window: 3,
        otp_person_per_window: 10,
        otp_window_ms: 600_000,
    };

    fn of(relying_parties: usize) -> Self {
        Self { pairs: vec![Attempts::default(); relying_parties], person: Attempts::default() }
    }

    fn disabled(&self, relying_party: usize) -> bool {
        self.pairs[relying_party].fingers_disabled(Self::POLICY.pair_fingers)
            || self.person.fingers_disabled(Self::POLICY.person_fingers)
    }

    fn spent(&self) -> bool {
        (0..self.pairs.len()).all(|relying_party| self.disabled(relying_party))
    }
}

/// Relying parties that work together against one person. They wait as long as they must: the clock jumps.
struct Ring<'a> {
    victim: &'a Victim,
    /// None answers every attempt for ever.
    budget: Option<Budget>,
    now: Timestamp,
    /// Attempts that were compared and answered, and those of them that were a no.
    answered: usize,
    refused: usize,
    /// The highest score of anything that was answered, whether the attacker knows or not.
    best: f32,
}

impl<'a> Ring<'a> {
    fn new(victim: &'a Victim, budget: Option<Budget>) -> Self {
        let now = Timestamp::from_millis(1_900_000_000_000);
        Self { victim, budget, now, answered: 0, refused: 0, best: 0.0 }
    }

    fn spent(&self) -> bool {
        self.budget.as_ref().is_some_and(Budget::spent)
    }

    fn ask(&mut self, template: &FingerRecord) -> bool {
        self.decide(template).verdict == Verdict::Yes
    }

    /// Asks through a relying party that is still answered, in turn.
    fn decide(&mut self, template: &FingerRecord) -> Decision {
        let record = template.encode();
        let fingers = Fingers::new(vec![FingerSample { position: FINGER, record }]).unwrap();
        // Too few minutiae are refused before anything is compared or counted.
        let Ok(features) = fingers.features() else { return Decision::no(Reason::NoBiometrics) };
        let declared = FactorSet::EMPTY.with(Factor::Fingerprint);
        let claim = DemographicClaim::default();
        let evidence = Evidence::new(claim, Some(fingers), None, &[], 0, declared).unwrap();
        let (findings, _) = judge(&evidence, &features, &self.victim.0, true, &LOOSE, self.now);
        let conclude =
            |disabled| conclude(&findings, CodeFinding::NotSent, disabled, &RelyingPartyPolicy::default());

        let Some(budget) = &mut self.budget else {
            let decision = conclude(false);
            self.count(decision);
            return decision;
        };
        let parties = budget.pairs.len();
        let turns = (0..parties).map(|turn| (self.answered + turn) % parties);
        let turn = turns.clone().find(|turn| !budget.disabled(*turn)).unwrap_or(self.answered % parties);
        let disabled = budget.disabled(turn);
        self.now = budget.pairs[turn].waiting(self.now).unwrap_or(self.now);
        let decision = conclude(disabled);
        let yes = decision.verdict == Verdict::Yes;
        let Budget { pairs, person } = budget;
        Attempts::settle(&mut pairs[turn], person, yes, true, false, self.now, &Budget::POLICY);
        if !disabled {
            self.best = self.best.max(self.victim.score(template));
            self.count(decision);
        }
        decision
    }

    fn count(&mut self, decision: Decision) {
        self.answered += 1;
        self.refused += usize::from(decision.verdict == Verdict::No);
    }
}

/// Who invents templates.
struct Attacker {
    rng: StdRng,
    /// The next stranger whose finger they try.
    stranger: u64,
    /// The best template that they know of: the last one that was accepted.
    accepted: Option<FingerRecord>,
}

impl Attacker {
    /// Changes that are tried on one remnant.
    const TRIALS: usize = 30;
    /// No fewer minutiae are sent.
    const FEWEST: usize = 4;

    fn new(seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), stranger: 1_000 * seed, accepted: None }
    }

    /// Tries one more stranger, or one more change for the better.
    fn go_on(&mut self, ring: &mut Ring<'_>) {
        match self.accepted.take() {
            None => {
                let template = touch(STRANGERS, self.stranger, 0);
                self.stranger += 1;
                self.accepted = ring.ask(&template).then_some(template);
            }
            Some(template) => self.accepted = Some(self.climb(template, ring)),
        }
    }

    fn climb(&mut self, template: FingerRecord, ring: &mut Ring<'_>) -> FingerRecord {
        let mut minutiae = template.views[0].minutiae.clone();
        minutiae.shuffle(&mut self.rng);
        // How many may be dropped: `accepted` of them are, `refused` of them are too many.
        let (mut accepted, mut refused) = (0, minutiae.len().saturating_sub(Self::FEWEST).max(1));
        while refused - accepted > 1 {
            let middle = usize::midpoint(accepted, refused);
            let remnant = with(&template, minutiae[middle..].to_vec());
            if ring.ask(&remnant) {
                accepted = middle;
            } else {
                refused = middle;
            }
        }
        let remnant = minutiae.split_off(refused);
        let dropped = minutiae;
        for _ in 0..Self::TRIALS {
            let changed = self.changed(&template, remnant.clone());
            if ring.ask(&with(&template, changed.clone())) {
                let whole = with(&template, [changed, dropped].concat());
                return if ring.ask(&whole) { whole } else { template };
            }
        }
        template
    }

    /// Adds a minutia anywhere, moves one a little, or takes one away.
    fn changed(&mut self, template: &FingerRecord, mut minutiae: Vec<Minutia>) -> Vec<Minutia> {
        let (width, height) = (template.width, template.height);
        let rng = &mut self.rng;
        let place = rng.random_range(0..minutiae.len());
        match rng.random_range(0..10) {
            0..4 => minutiae.push(Minutia {
                x: rng.random_range(0..width),
                y: rng.random_range(0..height),
                angle: rng.random(),
                kind: MinutiaKind::Other,
                quality: 0,
            }),
            4..9 => {
                let Minutia { x, y, angle, .. } = &mut minutiae[place];
                *x = x.saturating_add_signed(rng.random_range(-8..=8)).min(width - 1);
                *y = y.saturating_add_signed(rng.random_range(-8..=8)).min(height - 1);
                *angle = angle.wrapping_add_signed(rng.random_range(-12..=12));
            }
            _ => {
                minutiae.swap_remove(place);
            }
        }
        minutiae
    }
}

fn with(template: &FingerRecord, minutiae: Vec<Minutia>) -> FingerRecord {
    let mut other = template.clone();
    other.views[0].minutiae = minutiae;
    other
}

#[test]
fn without_budgets_yes_and_no_alone_lead_to_a_template_that_the_service_itself_would_accept() {
    let goal = threshold_at_fmr(AuthenticationPolicy::default().fmr).value();
    for person in 0..3 {
        let victim = Victim::new(person);
        let mut ring = Ring::new(&victim, None);
        let mut attacker = Attacker::new(person);
        while attacker.accepted.is_none() {
            attacker.go_on(&mut ring);
        }
        let score = |attacker: &Attacker| attacker.accepted.as_ref().map(|best| victim.score(best)).unwrap();
        let (beginning, asked) = (score(&attacker), ring.answered);
        assert!(beginning >= threshold_at_fmr(LOOSE.fmr).value() && beginning < goal, "{beginning}");
        while ring.answered < 15_000 && score(&attacker) < goal {
            attacker.go_on(&mut ring);
        }
        let Ring { answered, refused, .. } = ring;
        let end = score(&attacker);
        println!("person {person}: {beginning:.3} after {asked}, {end:.3} after {answered} ({refused} no)");
        assert!(end >= goal, "{end} after {answered} answers");
    }
}

#[test]
fn within_the_budgets_a_climber_gets_no_further_than_strangers_do() {
    const CAMPAIGNS: u64 = 200;
    /// A tenth of what the climb without budgets brings before the service itself would accept the template.
    const MARGIN: f32 = 0.002;
    let (mut climbers, mut blind, mut gains) = (Vec::new(), Vec::new(), Vec::new());
    for person in 0..CAMPAIGNS {
        let victim = Victim::new(person);
        let mut ring = Ring::new(&victim, Some(Budget::of(3)));
        let mut attacker = Attacker::new(person);
        let mut beginning = None;
        while !ring.spent() {
            attacker.go_on(&mut ring);
            beginning = beginning.or_else(|| attacker.accepted.clone());
        }
        assert_eq!(ring.refused, 50, "of the three together");
        climbers.push(ring.best);
        if let (Some(first), Some(last)) = (&beginning, &attacker.accepted) {
            gains.push(victim.score(last) - victim.score(first));
        }
        let others = 1_000_000 + 1_000 * person;
        let strangers = (0..).map(|index| touch(STRANGERS, others + index, 0)).take(ring.answered);
        blind.push(strangers.map(|finger| victim.score(&finger)).fold(0.0, f32::max));
    }
    let mean = |scores: &[f32]| scores.iter().sum::<f32>() / scores.len() as f32;
    let goal = threshold_at_fmr(AuthenticationPolicy::default().fmr).value();
    let reached = |scores: &[f32]| scores.iter().filter(|score| **score >= goal).count();
    println!("best of all: {:.4} on average, blind strangers {:.4}", mean(&climbers), mean(&blind));
    println!("{} of {CAMPAIGNS} had something to climb from, and gained {:.4}", gains.len(), mean(&gains));
    println!("{} reached the goal, {} of blind strangers", reached(&climbers), reached(&blind));
    assert!(gains.len() > 30, "{} found no beginning", gains.len());
    assert!(mean(&gains) < MARGIN);
    assert!(mean(&climbers) < mean(&blind) + MARGIN);
    assert!(reached(&climbers) <= reached(&blind) + 1);
}

#[test]
fn once_the_budget_is_spent_every_answer_is_the_same_even_to_the_persons_own_finger() {
    let victim = Victim::new(0);
    let own = touch(VICTIMS, 0, 1);
    assert_eq!(Ring::new(&victim, Some(Budget::of(3))).decide(&own), Decision::yes());

    let mut ring = Ring::new(&victim, Some(Budget::of(3)));
    let mut attacker = Attacker::new(0);
    while !ring.spent() {
        attacker.go_on(&mut ring);
    }
    let (answered, best) = (ring.answered, ring.best);
    for stranger in 0..50 {
        for template in [&own, &touch(VICTIMS, 0, 0), &touch(STRANGERS, stranger, 0)] {
            let decision = ring.decide(template);
            assert_eq!(decision, Decision::no(Reason::BiometricsLocked));
            assert_eq!(decision.disclosed(&RelyingPartyPolicy::default()), None);
        }
    }
    // A whole round of climbing brings nothing but the same answer.
    let template = attacker.accepted.clone();
    attacker.go_on(&mut ring);
    assert!(attacker.accepted.is_none() || attacker.accepted == template);
    assert_eq!((ring.answered, ring.best), (answered, best));
    // Nor at a relying party that never asked about the person before.
    let Some(Budget { person, .. }) = ring.budget.take() else { unreachable!("it was there") };
    ring.budget = Some(Budget { pairs: vec![Attempts::default()], person });
    assert_eq!(ring.decide(&own), Decision::no(Reason::BiometricsLocked));
}

#[test]
fn one_relying_party_alone_is_stopped_and_the_person_is_not() {
    let victim = Victim::new(2);
    let mut ring = Ring::new(&victim, Some(Budget::of(1)));
    let mut attacker = Attacker::new(2);
    while !ring.spent() {
        attacker.go_on(&mut ring);
    }
    for stranger in 0..100 {
        ring.ask(&touch(STRANGERS, stranger, 0));
    }
    assert_eq!(ring.refused, 20);
    let own = touch(VICTIMS, 2, 1);
    assert_eq!(ring.decide(&own), Decision::no(Reason::BiometricsLocked));
    let Some(Budget { person, .. }) = ring.budget.take() else { unreachable!("it was there") };
    ring.budget = Some(Budget { pairs: vec![Attempts::default()], person });
    assert_eq!(ring.decide(&own), Decision::yes());
}
