use std::collections::BTreeMap;

use plinth_identity::id::Sequence;
use plinth_storage::Token;
use proptest::prelude::*;

use crate::people::{Store, features, originals, token};

/// Counting by the definition: for each of the probe's tokens, everybody who has it.
fn reference(gallery: &[(Sequence, Vec<Token>)], probe: &[Token]) -> Vec<(Sequence, u32)> {
    let mut votes = BTreeMap::new();
    for token in probe {
        for (sequence, theirs) in gallery {
            if theirs.contains(token) {
                *votes.entry(*sequence).or_insert(0) += 1;
            }
        }
    }
    let mut votes: Vec<(Sequence, u32)> = votes.into_iter().collect();
    votes.sort_by(|(one, one_votes), (other, other_votes)| other_votes.cmp(one_votes).then(one.cmp(other)));
    votes
}

fn buckets() -> impl Strategy<Value = Vec<Token>> {
    // Small neighbours, and both ends of the range, so that prefixes are close and wrap.
    let bucket = prop_oneof![0_u64..40, Just(u64::MAX), Just(u64::MAX - 1), Just(1 << 56)];
    proptest::collection::vec(bucket.prop_map(token), 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn votes_are_counted_as_by_definition(
        people in proptest::collection::vec((buckets(), any::<bool>()), 1..12),
        probe in buckets(),
    ) {
        let store = Store::new();
        let mut gallery = Vec::new();
        {
            let (_reader, mut writer) = store.open();
            for (tokens, withdrawn) in people.iter() {
                let mut staged = writer.stage();
                let sequence = staged.next_sequence();
                staged.put_gallery(sequence, &originals(sequence), &features(), tokens);
                writer.commit(staged, vec![()]).unwrap();
                if *withdrawn {
                    let mut staged = writer.stage();
                    staged.remove_gallery(sequence, tokens);
                    writer.commit(staged, vec![()]).unwrap();
                } else {
                    gallery.push((sequence, tokens.clone()));
                }
            }
        }
        // Reopening writes the first half into table files; the second half stays in memory.
        let (reader, mut writer) = store.open();
        prop_assert_eq!(reader.votes(&probe).unwrap(), reference(&gallery, &probe));
        let mut staged = writer.stage();
        let sequence = staged.next_sequence();
        staged.put_gallery(sequence, &originals(sequence), &features(), &probe);
        writer.commit(staged, vec![()]).unwrap();
        gallery.push((sequence, probe.clone()));
        prop_assert_eq!(reader.votes(&probe).unwrap(), reference(&gallery, &probe));
    }
}

#[test]
fn every_value_of_a_bucket_meets_every_token_of_it() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    let mut staged = writer.stage();
    // One person twice in a bucket, with something in the upper bits of the mask; another once.
    let placed = |place: u64| Token { bucket: 5, mask: 0xff ^ (place << 40) };
    for tokens in [&[placed(1), placed(2)][..], &[placed(3)]] {
        let sequence = staged.next_sequence();
        staged.put_gallery(sequence, &originals(sequence), &features(), tokens);
    }
    writer.commit(staged, vec![()]).unwrap();
    let probe =
        [Token { bucket: 9, mask: 0 }, Token { bucket: 5, mask: 0xff }, Token { bucket: 5, mask: 0xff }];
    let mut met = Vec::new();
    reader.meetings(&probe, |index, value| met.push((index, value >> 40, value & 0xff))).unwrap();
    met.sort_unstable();
    assert_eq!(met, [(1, 1, 1), (1, 2, 1), (1, 3, 2), (2, 1, 1), (2, 2, 1), (2, 3, 2)]);
}
