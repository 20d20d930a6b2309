//! The tally against a slow obvious one.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{CODE_BITS, Tally, first_beyond, weight};
use crate::cylinder::FingerFeatures;
use crate::index::{Fingers, Probe, Reading, TokenKey};
use crate::record::FingerPosition;
use crate::synthetic::SyntheticPerson;

fn probe(positions: &[FingerPosition]) -> Probe {
    let person = SyntheticPerson::new(3, 1);
    let extract =
        |position: &FingerPosition| FingerFeatures::extract(&person.capture(*position, 0), 0, *position).ok();
    Probe::new(&TokenKey::new([7; 32]), &positions.iter().filter_map(extract).collect::<Vec<_>>())
}

/// Votes of everyone by the declared positions alone.
fn declared_votes(probe: &Probe, casts: &[(usize, u8, u32)], people: u32) -> BTreeMap<u32, u32> {
    let mut votes = BTreeMap::new();
    for (lookup, finger, person) in casts {
        let same = casts.iter().filter(|cast| (cast.0, cast.1) == (*lookup, *finger)).count();
        let looked_up = probe.lookups()[*lookup];
        let own = probe.positions()[usize::from(looked_up.finger)].code();
        if looked_up.fingers.has(*finger) && (own == *finger || own == 0 || *finger == 0) {
            *votes.entry(*person).or_default() += u32::from(weight(u32::try_from(same).unwrap(), people));
        }
    }
    votes.retain(|_, votes| *votes > 0);
    votes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_first_candidates_are_those_of_a_slow_count(
        casts in proptest::collection::btree_set((0usize..60, 0u8..=10, 0u32..12), 1..400), unknown in any::<bool>(),
        tile in 1usize..20,
    ) {
        let position = if unknown { FingerPosition::Unknown } else { FingerPosition::RightThumb };
        let probe = probe(&[position, FingerPosition::LeftRing]);
        let casts: Vec<_> = casts.into_iter().collect();
        let mut tally = Tally::new(&probe, 12);
        casts.iter().for_each(|(lookup, finger, person)| tally.cast(*lookup, *finger, *person));
        let mut expected: Vec<_> = declared_votes(&probe, &casts, 12).into_iter().collect();
        expected.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        expected.truncate(3);
        let ranking = tally.ranking_by_tiles(3, tile);
        // Nobody but the declared positions names the first three, unless these have run out.
        let found: Vec<_> = ranking.iter().map(|candidate| (candidate.person, candidate.votes)).collect();
        prop_assert_eq!(&found[..expected.len()], expected);
    }

    #[test]
    fn a_tally_takes_whatever_is_cast_and_names_nobody_twice(
        casts in proptest::collection::vec((0usize..9_000, any::<u8>(), 0u32..20), 0..300), most in 0usize..20,
    ) {
        let probe = probe(&[FingerPosition::RightThumb]);
        let mut tally = Tally::new(&probe, 10);
        casts.iter().for_each(|(lookup, finger, person)| tally.cast(*lookup, *finger, *person));
        let ranking = tally.ranking(most);
        prop_assert!(ranking.len() <= most.min(10));
        let mut people: Vec<_> = ranking.iter().map(|candidate| candidate.person).collect();
        people.sort_unstable();
        people.dedup();
        prop_assert_eq!(people.len(), ranking.len());
        prop_assert!(people.iter().all(|person| *person < 10));
    }
}

proptest! {
    #[test]
    fn a_run_is_cut_where_the_people_beyond_begin(
        people in proptest::collection::btree_set(0u32..200, 0..150), until in 0u32..210,
    ) {
        let run: Vec<u32> = people.iter().map(|person| person << CODE_BITS | 3).collect();
        prop_assert_eq!(first_beyond(&run, until), people.iter().filter(|person| **person < until).count());
    }
}

#[test]
fn the_loudest_finger_is_named() {
    let probe = probe(&[FingerPosition::RightThumb, FingerPosition::LeftRing]);
    let mut tally = Tally::new(&probe, 5);
    let of_ring = |lookup: &&crate::index::Lookup| {
        lookup.finger == 1 && lookup.fingers == Fingers::only(FingerPosition::LeftRing)
    };
    let ring = probe.lookups().iter().position(|lookup| of_ring(&lookup)).unwrap();
    tally.cast(ring, FingerPosition::LeftRing.code(), 3);
    let ranking = tally.ranking(9);
    assert_eq!(ranking.len(), 1);
    assert_eq!((ranking[0].person, ranking[0].probe_finger), (3, 1));
    assert_eq!(ranking[0].gallery_finger, FingerPosition::LeftRing.code());
}

#[test]
fn whoever_swapped_hands_explain_may_be_read_so() {
    let probe = probe(&FingerPosition::ALL);
    let mut tally = Tally::new(&probe, 5);
    for (index, lookup) in probe.lookups().iter().enumerate() {
        let own = probe.positions()[usize::from(lookup.finger)];
        for (person, reading) in (1..).zip([Reading::Declared, Reading::SwappedHands, Reading::SwappedSlaps])
        {
            let there = reading.of(own).unwrap();
            if lookup.fingers == Fingers::only(there) {
                tally.cast(index, there.code(), person);
            }
        }
    }
    let ranking = tally.ranking(5);
    let read = |person, reading| {
        ranking.iter().find(|candidate| candidate.person == person).unwrap().may_be_read(reading)
    };
    assert_eq!(Reading::ALL.map(|reading| read(1, reading)), [true, false, false, false]);
    assert_eq!(Reading::ALL.map(|reading| read(2, reading))[..2], [false, true]);
    assert_eq!(Reading::ALL.map(|reading| read(3, reading))[..3], [false, false, true]);
}

#[test]
fn what_many_share_counts_less_and_what_one_in_200_share_counts_nothing() {
    assert!(weight(1, 1_000_000) > weight(100, 1_000_000));
    assert!(weight(100, 1_000_000) > weight(4_000, 1_000_000));
    assert_eq!(weight(5_011, 1_000_000), 0);
    assert!(weight(1, 1) > 0);
    assert!(weight(40, 40) == 0 && weight(8, 40) > 0);
}
