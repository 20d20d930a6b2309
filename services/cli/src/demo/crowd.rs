//! The people of a demonstration: what they are called and what their fingers look like each time.

use plinth_biometrics::record::{FingerPosition, FingerRecord};
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_identity::application::{FingerSample, Fingers};
use plinth_identity::demographics::Demographics;
use plinth_identity::register::{ExternalId, RegisterRecord};

use crate::evaluate::folder::{Template, TemplateFinger, TemplateFolder};
use crate::moment;
use crate::particulars::demographics;

/// Names the made-up population, their fingers included.
const PEOPLE_SEED: u64 = 2031;
/// Names the people whose names the others borrow. Their fingers are never used.
const ALIAS_SEED: u64 = 2032;
/// Names the strangers who fill a gallery up.
const STRANGERS_SEED: u64 = 2033;

/// The finger that a person with only one finger declares: the same one for all, so that all are compared with all.
const ONLY_FINGER: FingerPosition = FingerPosition::RightIndex;

/// How the people of a crowd came about, which decides what is promised of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Made up, ten fingers each.
    Synthetic,
    /// Each recorded finger is a person.
    Fingers,
    /// The fingers of each recorded set are a person.
    Sets,
    /// Made up, one finger each, only there to be in the way.
    Strangers,
}

/// Distinct people.
pub(crate) struct Crowd {
    pub(crate) kind: Kind,
    people: Vec<Person>,
}

/// One person, known by the name that they enrolled under first.
pub(crate) struct Person {
    /// What is recorded about them.
    pub(crate) demographics: Demographics,
    serial: u64,
    fingers: Hand,
}

enum Hand {
    /// Grown anew for every capture.
    Synthetic(SyntheticPerson, &'static [FingerPosition]),
    /// By capture, then by finger. At least one capture.
    Recorded(Vec<Vec<FingerSample>>),
}

impl Crowd {
    /// Made-up people with ten fingers each; the same ones for the same count, and the first ones of any larger crowd.
    ///
    /// # Errors
    /// If a made-up name or date is none that could be enrolled, which would be a mistake of the generator.
    pub(crate) fn synthetic(count: usize) -> anyhow::Result<Self> {
        Self::made_up(Kind::Synthetic, PEOPLE_SEED, count, &FingerPosition::ALL)
    }

    /// Made-up people with one finger each.
    ///
    /// # Errors
    /// As for [`Crowd::synthetic`].
    pub(crate) fn strangers(count: usize) -> anyhow::Result<Self> {
        Self::made_up(Kind::Strangers, STRANGERS_SEED, count, &[ONLY_FINGER])
    }

    /// Each finger of a folder as one person; its impressions are their captures.
    ///
    /// # Errors
    /// As for [`Crowd::synthetic`].
    pub(crate) fn fingers(folder: &TemplateFolder) -> anyhow::Result<Self> {
        let people = folder.fingers().map(|finger| captures(&[(ONLY_FINGER, finger)]));
        Self::recorded(Kind::Fingers, people.collect())
    }

    /// The fingers of each set as one person, in the order of their positions' codes: ten of them, and one more person
    /// for every further ten. The n-th capture is the n-th impression of each finger that has one.
    ///
    /// # Errors
    /// As for [`Crowd::synthetic`].
    pub(crate) fn sets(folder: &TemplateFolder) -> anyhow::Result<Self> {
        let hands = folder.sets.iter().flat_map(|set| set.fingers.chunks(FingerPosition::ALL.len()));
        let people = hands.map(|fingers| {
            let placed: Vec<_> = FingerPosition::ALL.into_iter().zip(fingers).collect();
            captures(&placed)
        });
        Self::recorded(Kind::Sets, people.collect())
    }

    /// The people, in order.
    pub(crate) fn people(&self) -> &[Person] {
        &self.people
    }

    /// The first captures as records of a register that is made now.
    pub(crate) fn register(&self) -> impl Iterator<Item = anyhow::Result<RegisterRecord>> {
        let now = moment::now();
        self.people.iter().map(move |person| {
            let (id, fingers) =
                (ExternalId::parse(&person.serial.to_string())?, Fingers::new(person.capture(0))?);
            Ok(RegisterRecord::new(id, None, person.demographics.clone(), fingers, now)?)
        })
    }

    /// Most captures that anyone sends for enrolment.
    pub(crate) fn rounds(&self) -> usize {
        self.people.iter().map(Person::captures).max().unwrap_or(0)
    }

    /// How many second captures there are in all.
    pub(crate) fn second_captures(&self) -> usize {
        self.people.iter().map(|person| person.captures().saturating_sub(1)).sum()
    }

    fn made_up(
        kind: Kind,
        seed: u64,
        count: usize,
        positions: &'static [FingerPosition],
    ) -> anyhow::Result<Self> {
        let person = |serial: usize| {
            let person = SyntheticPerson::new(seed, serial as u64);
            let demographics = demographics(&person)?;
            Ok(Person { demographics, serial: serial as u64, fingers: Hand::Synthetic(person, positions) })
        };
        Ok(Self { kind, people: (0..count).map(person).collect::<anyhow::Result<_>>()? })
    }

    fn recorded(kind: Kind, people: Vec<Vec<Vec<FingerSample>>>) -> anyhow::Result<Self> {
        let person = |(serial, captures)| {
            let demographics = demographics(&SyntheticPerson::new(PEOPLE_SEED, serial))?;
            Ok(Person { demographics, serial, fingers: Hand::Recorded(captures) })
        };
        Ok(Self { kind, people: (0u64..).zip(people).map(person).collect::<anyhow::Result<_>>()? })
    }
}

impl Person {
    /// What their fingers look like the n-th time, from 0; empty if there is no such capture.
    pub(crate) fn capture(&self, n: usize) -> Vec<FingerSample> {
        match &self.fingers {
            Hand::Synthetic(person, positions) => {
                let touch = u32::try_from(n).unwrap_or(u32::MAX);
                let sample = |position: &FingerPosition| FingerSample {
                    position: *position,
                    record: person.capture(*position, touch).encode(),
                };
                positions.iter().map(sample).collect()
            }
            Hand::Recorded(captures) => captures.get(n).cloned().unwrap_or_default(),
        }
    }

    /// The name that they give the n-th time.
    ///
    /// # Errors
    /// As for [`Crowd::synthetic`].
    pub(crate) fn alias(&self, n: usize) -> anyhow::Result<Demographics> {
        demographics(&SyntheticPerson::new(
            ALIAS_SEED,
            self.serial.wrapping_mul(1 << 16).wrapping_add(n as u64),
        ))
    }

    /// The capture that they show when they are asked who they are: the third one, or the last.
    pub(crate) fn live_capture(&self) -> usize {
        match &self.fingers {
            Hand::Synthetic(..) => 2,
            Hand::Recorded(captures) => captures.len().saturating_sub(1).min(2),
        }
    }

    /// How many captures are sent for enrolment: of made-up people two, of recorded ones all that there are.
    pub(crate) fn captures(&self) -> usize {
        match &self.fingers {
            Hand::Synthetic(..) => 2,
            Hand::Recorded(captures) => captures.len(),
        }
    }
}

/// The n-th impressions of some fingers, for every n.
fn captures(fingers: &[(FingerPosition, &TemplateFinger)]) -> Vec<Vec<FingerSample>> {
    let rounds = fingers.iter().map(|(_, finger)| finger.impressions.len()).max().unwrap_or(0);
    let capture = |n| {
        let present = fingers
            .iter()
            .filter_map(move |(position, finger)| Some((*position, finger.impressions.get(n)?)));
        present.map(|(position, template)| sample(position, template)).collect()
    };
    (0..rounds).map(capture).collect()
}

/// A record as an agency would send it: what it says about its position counts, and if it says nothing, `position`
/// does. What cannot be read is sent as it is, for the service to refuse.
fn sample(position: FingerPosition, template: &Template) -> FingerSample {
    let views = FingerRecord::decode(&template.record).map(|record| record.views).unwrap_or_default();
    let position = match views.as_slice() {
        [] => position,
        [view] if view.position == FingerPosition::Unknown => position,
        [view] => view.position,
        // Each view of several says for itself which finger it is.
        _ => FingerPosition::Unknown,
    };
    FingerSample { position, record: template.record.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::folder::TemplateSet;

    fn folder(sets: usize, fingers: u64, impressions: u32) -> TemplateFolder {
        let template = |finger: u64, impression: u32| Template {
            path: std::path::PathBuf::new(),
            record: SyntheticPerson::new(5, finger).capture(FingerPosition::Unknown, impression).encode(),
        };
        let finger =
            |finger| TemplateFinger { impressions: (0..impressions).map(|n| template(finger, n)).collect() };
        let set =
            |set: usize| TemplateSet { name: set.to_string(), fingers: (0..fingers).map(finger).collect() };
        TemplateFolder { sets: (0..sets).map(set).collect(), others: 0 }
    }

    #[test]
    fn each_finger_is_a_person_whose_impressions_are_their_captures() {
        let crowd = Crowd::fingers(&folder(2, 3, 8)).unwrap();
        assert_eq!((crowd.people().len(), crowd.rounds(), crowd.second_captures()), (6, 8, 42));
        let person = &crowd.people()[0];
        assert_eq!((person.captures(), person.live_capture()), (8, 2));
        let capture = person.capture(7);
        assert_eq!(capture.len(), 1);
        assert_eq!(capture[0].position, ONLY_FINGER);
        assert!(person.capture(8).is_empty());
    }

    #[test]
    fn the_fingers_of_a_set_are_the_ten_of_one_person_and_what_is_left_are_anothers() {
        let crowd = Crowd::sets(&folder(2, 12, 2)).unwrap();
        let fingers: Vec<usize> = crowd.people().iter().map(|person| person.capture(0).len()).collect();
        assert_eq!(fingers, [10, 2, 10, 2]);
        let positions: Vec<_> = crowd.people()[0].capture(1).iter().map(|sample| sample.position).collect();
        assert_eq!(positions, FingerPosition::ALL);
    }

    #[test]
    fn a_finger_with_fewer_impressions_is_missing_from_later_captures() {
        let mut folder = folder(1, 3, 4);
        folder.sets[0].fingers[1].impressions.truncate(2);
        let crowd = Crowd::sets(&folder).unwrap();
        let counts: Vec<usize> = (0..4).map(|n| crowd.people()[0].capture(n).len()).collect();
        assert_eq!(counts, [3, 3, 2, 2]);
    }

    #[test]
    fn a_record_that_names_its_finger_is_believed_and_one_that_cannot_be_read_is_sent_as_it_is() {
        let record = SyntheticPerson::new(5, 1).capture(FingerPosition::LeftRing, 0).encode();
        let template = |record| Template { path: std::path::PathBuf::new(), record };
        assert_eq!(sample(ONLY_FINGER, &template(record)).position, FingerPosition::LeftRing);
        let broken = sample(ONLY_FINGER, &template(b"none".to_vec()));
        assert_eq!((broken.position, broken.record.as_slice()), (ONLY_FINGER, b"none".as_slice()));
    }

    #[test]
    fn people_come_again_under_other_names() {
        let crowd = Crowd::synthetic(50).unwrap();
        assert_eq!((crowd.rounds(), crowd.second_captures()), (2, 50));
        let renamed = crowd.people().iter().filter(|person| person.alias(1).unwrap() != person.demographics);
        assert_eq!(renamed.count(), 50);
        assert_eq!(crowd.people()[0].capture(0).len(), 10);
        assert_ne!(crowd.people()[0].capture(0)[0].record, crowd.people()[0].capture(1)[0].record);
    }
}
