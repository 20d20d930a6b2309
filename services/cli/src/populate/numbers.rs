//! The numbers of made-up people.

use std::collections::HashSet;

use anyhow::Context as _;
use plinth_identity::number::IdentityNumber;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// A row of numbers without repetition, drawn from a generator that a seed names. The first of them are those of a shorter
/// row.
pub(super) struct Numbers(Vec<IdentityNumber>);

impl Numbers {
    pub(super) fn draw(seed: u64, count: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let (mut taken, mut numbers) = (HashSet::new(), Vec::new());
        while (numbers.len() as u64) < count {
            let number = IdentityNumber::draw(&mut random);
            if taken.insert(number.digits()) {
                numbers.push(number);
            }
        }
        Self(numbers)
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// The number at a place, from 0.
    pub(super) fn at(&self, place: u64) -> anyhow::Result<IdentityNumber> {
        self.0.get(usize::try_from(place)?).copied().context("beyond the last number")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_row_begins_with_the_shorter_and_no_number_comes_twice() {
        let (short, long) = (Numbers::draw(9, 100), Numbers::draw(9, 5_000));
        assert_eq!(short.0, long.0[..100]);
        let distinct: HashSet<_> = long.0.iter().map(IdentityNumber::digits).collect();
        assert_eq!(distinct.len(), 5_000);
        assert_ne!(Numbers::draw(10, 100).0, short.0);
    }
}
