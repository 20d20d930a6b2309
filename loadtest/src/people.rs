use std::borrow::Cow;

use anyhow::{Context, ensure};
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_client::identity::number::IdentityNumber;

use crate::enrolment::Person;
use crate::population::demographics;
use crate::question::Kind;
use crate::wrongs::Wrongs;

/// Whom questions are about.
pub(crate) struct People {
    /// Enrolled by this program, with fingers.
    enrolled: Vec<Person>,
    /// In the store from the beginning, without fingers.
    stored: Option<Stored>,
    wrongs: Wrongs,
}

/// The people of a dataset, in its order. Their particulars are functions of the seed, and made again when asked for: a
/// million of them would be most of this program's memory.
pub(crate) struct Stored {
    seed: u64,
    numbers: Vec<IdentityNumber>,
}

impl People {
    pub(crate) fn new(enrolled: Vec<Person>, stored: Option<Stored>) -> Self {
        let everyone = stored.as_ref().map_or(enrolled.len(), Stored::count);
        let wrongs = Wrongs::new(everyone, enrolled.len());
        Self { enrolled, stored, wrongs }
    }

    /// How many there are to ask about: everyone in the store where attributes are asked for, and those with fingers where
    /// fingers are.
    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.stored(kind).map_or(self.enrolled.len(), |stored| stored.numbers.len())
    }

    pub(crate) fn person(&self, kind: Kind, place: usize) -> anyhow::Result<Cow<'_, Person>> {
        match self.stored(kind) {
            Some(stored) => stored.person(place).map(Cow::Owned),
            None => self.enrolled.get(place).map(Cow::Borrowed).context("nobody at this place"),
        }
    }

    /// Whether the next question about a person may be a wrong one, if it is to be.
    pub(crate) fn deal(&self, kind: Kind, place: usize, wrong: bool) -> bool {
        self.wrongs.deal(kind, place, wrong)
    }

    fn stored(&self, kind: Kind) -> Option<&Stored> {
        match kind {
            Kind::Demographic => self.stored.as_ref(),
            Kind::OneFinger => None,
        }
    }
}

impl Stored {
    /// Reads the numbers that `plinth populate --numbers` wrote, one a line.
    pub(crate) fn read(text: &str, seed: u64) -> anyhow::Result<Self> {
        let numbers = text.lines().map(IdentityNumber::parse).collect::<Result<Vec<_>, _>>();
        let numbers = numbers.context("the file of numbers is damaged")?;
        ensure!(numbers.len() >= 2, "a dataset of fewer than two people");
        Ok(Self { seed, numbers })
    }

    pub(crate) fn count(&self) -> usize {
        self.numbers.len()
    }

    fn person(&self, place: usize) -> anyhow::Result<Person> {
        let number = *self.numbers.get(place).context("nobody at this place")?;
        let person = SyntheticPerson::new(self.seed, u64::try_from(place)?);
        Ok(Person { number, demographics: demographics(&person)?, finger: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    #[test]
    fn everyone_in_the_store_is_asked_about_and_fingers_only_of_the_enrolled() {
        let mut rng = StdRng::seed_from_u64(1);
        let text: String = (0..3).map(|_| IdentityNumber::draw(&mut rng).reveal() + "\n").collect();
        let stored = Stored::read(&text, 4).unwrap();
        let enrolled = vec![stored.person(0).unwrap(), stored.person(1).unwrap()];
        let people = People::new(enrolled, Some(stored));
        assert_eq!((people.count(Kind::Demographic), people.count(Kind::OneFinger)), (3, 2));
        let third = people.person(Kind::Demographic, 2).unwrap();
        assert_eq!(third.number.reveal(), text.lines().nth(2).unwrap());
        assert_eq!(third.demographics, demographics(&SyntheticPerson::new(4, 2)).unwrap());
        assert!(people.person(Kind::OneFinger, 2).is_err());
        assert!(Stored::read("123\n456\n", 4).is_err());
    }
}
