//! The index as its users see it: postings of a small gallery, looked up by later captures.

use super::block::{Block, Entry, encode};
use super::{BUCKET_BITS, Candidate, Fingers, Posting, Probe, Tally, TokenKey, postings};
use crate::cylinder::FingerFeatures;
use crate::record::FingerPosition;
use crate::synthetic::SyntheticPerson;

fn key() -> TokenKey {
    TokenKey::new([7; 32])
}

fn fingers(person: u64, capture: u32, count: usize) -> Vec<FingerFeatures> {
    let person = SyntheticPerson::new(3, person);
    let extract = |position: FingerPosition| {
        FingerFeatures::extract(&person.capture(position, capture), 0, position).ok()
    };
    FingerPosition::ALL[..count].iter().filter_map(|position| extract(*position)).collect()
}

fn search(gallery: &[Vec<Posting>], probe: &Probe) -> Vec<Candidate> {
    let mut tally = Tally::new(probe, u32::try_from(gallery.len()).unwrap());
    for (index, lookup) in probe.lookups().iter().enumerate() {
        for (person, postings) in (0..).zip(gallery) {
            for posting in postings.iter().filter(|posting| posting.bucket == lookup.bucket) {
                tally.cast(index, posting.finger, person);
            }
        }
    }
    tally.ranking(gallery.len())
}

#[test]
fn a_later_capture_ranks_its_mate_first_among_a_few() {
    let gallery: Vec<_> = (0..20).map(|person| postings(&key(), &fingers(person, 0, 10))).collect();
    for person in 0..20 {
        let found = search(&gallery, &Probe::new(&key(), &fingers(person, 1, 10)));
        assert_eq!(u64::from(found[0].person), person);
    }
}

#[test]
fn postings_are_sorted_distinct_and_within_the_buckets() {
    let postings = postings(&key(), &fingers(1, 0, 10));
    assert!(postings.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(postings.iter().all(|posting| posting.bucket < 1 << BUCKET_BITS && posting.finger <= 10));
}

#[test]
fn lookups_are_sorted_by_bucket() {
    let probe = Probe::new(&key(), &fingers(1, 0, 10));
    assert!(probe.lookups().windows(2).all(|pair| pair[0].bucket <= pair[1].bucket));
}

#[test]
fn a_block_gives_back_its_entries_in_order_and_by_bucket() {
    let mut entries = Vec::new();
    for person in 0..40u32 {
        let own = postings(&key(), &fingers(u64::from(person), 0, 10));
        let entry = |posting: Posting| Entry { bucket: posting.bucket >> 16, finger: posting.finger, person };
        entries.extend(own.into_iter().map(entry));
    }
    entries.sort_unstable();
    entries.dedup();
    let block = Block::parse(encode(&entries, 6, 40).unwrap()).unwrap();
    let mut all = Vec::new();
    block.entries(|entry| all.push(entry)).unwrap();
    assert_eq!(all, entries);
    for bucket in 0..64 {
        let mut found = Vec::new();
        block
            .visit(bucket, Fingers::ALL, |finger, person| found.push(Entry { bucket, finger, person }))
            .unwrap();
        let of =
            |finger| entries.iter().filter(move |entry| (entry.bucket, entry.finger) == (bucket, finger));
        let common = |finger| super::is_common(u32::try_from(of(finger).count()).unwrap(), 40);
        let said = (0..=10).filter(|finger| !common(*finger)).flat_map(of);
        assert!(found.iter().eq(said), "bucket {bucket}");
    }
}

/// The same fingers, declared otherwise.
fn declared(fingers: &[FingerFeatures], as_what: impl Fn(u8) -> u8) -> Vec<FingerFeatures> {
    let declare = |finger: &FingerFeatures| {
        let mut bytes = finger.to_bytes();
        bytes[2] = as_what(finger.position().code());
        FingerFeatures::from_bytes(&bytes).unwrap()
    };
    fingers.iter().map(declare).collect()
}

#[test]
fn hands_taken_for_each_other_and_unknown_positions_do_not_hide_a_mate() {
    let gallery: Vec<_> = (0..12).map(|person| postings(&key(), &fingers(person, 0, 10))).collect();
    let swapped = |code: u8| if code > 5 { code - 5 } else { code + 5 };
    let lies: [(&str, &dyn Fn(u8) -> u8); 3] =
        [("hands", &swapped), ("unknown", &|_| 0), ("truth", &|code| code)];
    for (name, lie) in lies {
        for person in 0..12u32 {
            let probe = Probe::new(&key(), &declared(&fingers(u64::from(person), 1, 10), lie));
            let found = search(&gallery, &probe);
            let rank = found.iter().position(|candidate| candidate.person == person).unwrap();
            assert!(rank < 4, "{name}: {rank}");
        }
    }
}

#[test]
fn people_of_few_fingers_are_met_by_people_of_ten() {
    let gallery: Vec<_> = (0..12).map(|person| postings(&key(), &fingers(person, 0, 2))).collect();
    for person in 0..12u32 {
        let found = search(&gallery, &Probe::new(&key(), &fingers(u64::from(person), 1, 10)));
        assert!(found.iter().take(3).any(|candidate| candidate.person == person));
    }
}

#[test]
fn a_person_has_at_most_6500_postings_and_the_same_ones_under_another_order_of_fingers() {
    for count in [1, 2, 3, 10] {
        let mut fingers = fingers(5, 0, count);
        let first = postings(&key(), &fingers);
        assert!(first.len() <= 6_500 && !first.is_empty());
        fingers.reverse();
        assert_eq!(postings(&key(), &fingers), first);
    }
    assert!(postings(&key(), &[]).is_empty());
    assert!(Probe::new(&key(), &[]).lookups().is_empty());
}

#[test]
fn another_key_names_other_buckets() {
    let (one, other) =
        (postings(&key(), &fingers(1, 0, 2)), postings(&TokenKey::new([8; 32]), &fingers(1, 0, 2)));
    let shared = one.iter().filter(|posting| other.contains(posting)).count();
    assert!(shared < one.len() / 20);
}

#[test]
fn the_postings_of_a_known_person_are_as_they_were() {
    // Of the features, not of the generator: the capture is written out.
    let minutiae = (0..40u16).map(|n| crate::record::Minutia {
        x: 60 + (n * 53) % 240,
        y: 80 + (n * 89) % 300,
        angle: u8::try_from(n * 37 % 256).unwrap(),
        kind: crate::record::MinutiaKind::Ending,
        quality: 0,
    });
    let mut record = SyntheticPerson::new(3, 1).capture(FingerPosition::RightIndex, 0);
    record.views[0].minutiae = minutiae.collect();
    let finger = FingerFeatures::extract(&record, 0, FingerPosition::RightIndex).unwrap();
    let postings = postings(&key(), &[finger]);
    let mut hasher = blake3::Hasher::new();
    for posting in &postings {
        hasher.update(&posting.bucket.to_be_bytes());
        hasher.update(&[posting.finger]);
    }
    assert_eq!(&hasher.finalize().to_hex()[..16], "b9667c5de2d1df1d");
}
