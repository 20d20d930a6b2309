//! Weighs what a probe's look-ups find, and ranks people by it.

use std::fmt;

use super::probe::{Fingers, Lookup, Probe, Reading};
use super::{POSITIONS, is_common};
use crate::record::FingerPosition;

/// A person worth comparing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Offset of the person, as cast.
    pub person: u32,
    /// The readings of the probe's positions for which the index speaks about as strongly as for any.
    readings: Readings,
    /// How strongly the index speaks for the person, by the reading that made them a candidate: about four times the natural
    /// logarithm of the odds. Comparable within one tally only.
    pub votes: u32,
    /// The finger of the probe (its index there) that speaks loudest.
    pub probe_finger: u8,
    /// The position code of the finger that it met.
    pub gallery_finger: u8,
}

impl Candidate {
    /// Whether the probe may have to be read so for the person to be its mate: the index speaks at least half as strongly
    /// for this reading as for any that says who is who, or, of [`Reading::Any`], more strongly than for those.
    #[must_use]
    pub fn may_be_read(&self, reading: Reading) -> bool {
        self.readings.0 >> reading as u8 & 1 == 1
    }

    /// The position of the finger that the loudest one met, as it was declared at enrolment.
    #[must_use]
    pub fn gallery_finger(&self) -> FingerPosition {
        FingerPosition::try_from(self.gallery_finger).unwrap_or(FingerPosition::Unknown)
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Candidate({} votes)", self.votes)
    }
}

/// A bit for each reading.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Readings(u8);

impl Readings {
    /// Of what is said for each reading.
    fn of(said: [u16; READINGS]) -> Self {
        let known = said[..ANY].iter().copied().max().unwrap_or(0);
        let mut readings = u8::from(said[ANY] > known) << ANY;
        for (number, said) in said[..ANY].iter().enumerate() {
            readings |= u8::from(*said > 0 && u32::from(*said) * 2 >= u32::from(known)) << number;
        }
        Self(readings)
    }
}

/// Bits of a position code beside a person.
const CODE_BITS: u32 = 4;
const CODES: usize = 1 << CODE_BITS;
/// People that a tally can tell apart: 268 million.
pub const MAX_PEOPLE: u32 = 1 << (u32::BITS - CODE_BITS);
/// People whom nobody met are added before a share is taken of them, so that a bucket of a small gallery does not pass
/// for a common one.
const IMAGINED: f64 = 2_000.0;

const READINGS: usize = Reading::ALL.len();
const DECLARED: usize = 0;
const ANY: usize = READINGS - 1;
/// Whose turn it is to name a candidate, over and over: places in [`Reading::ALL`]. Whoever swapped hands explain stands
/// high whatever the positions, too, and is better named by what explains more.
const TURNS: [usize; 16] = [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 3];

/// Counts the meetings of one probe with people numbered from 0, at most [`MAX_PEOPLE`].
///
/// A meeting counts for the logarithm of how rare it is: of how few people stand in the bucket with that finger. Most
/// buckets that a stranger shares with the probe are those that many share.
pub struct Tally<'p> {
    probe: &'p Probe,
    people: u32,
    /// A person (28 bits) and the position code of a finger (4), in the order of the casts.
    meetings: Vec<u32>,
    /// The look-ups of the meetings: index, and the first meeting.
    runs: Vec<(usize, usize)>,
    /// Which fingers the last of those looks for.
    wanted: Fingers,
}

impl<'p> Tally<'p> {
    /// An empty tally over `people` people.
    #[must_use]
    pub fn new(probe: &'p Probe, people: u32) -> Self {
        Self {
            probe,
            people: people.min(MAX_PEOPLE),
            meetings: Vec::new(),
            runs: Vec::new(),
            wanted: Fingers::NONE,
        }
    }

    /// Counts that a finger (position code) of `person` is in the bucket of the look-up of that index. What names no
    /// look-up or person, or a finger that is not looked for there, is not counted. Each finger of a person is to be cast
    /// once a look-up. Four bytes of memory each.
    #[inline]
    pub fn cast(&mut self, lookup: usize, finger: u8, person: u32) {
        if self.runs.last().is_none_or(|run| run.0 != lookup) {
            self.runs.push((lookup, self.meetings.len()));
            self.wanted = self.probe.lookups().get(lookup).map_or(Fingers::NONE, |lookup| lookup.fingers);
        }
        if self.wanted.has(finger) && person < self.people {
            self.meetings.push(person << CODE_BITS | u32::from(finger));
        }
    }

    /// The `most` people for whom the index speaks most, best first; of equals, the lower offset first. Some places are
    /// taken by those who come first if hands were taken for each other, or whatever the positions, as far as they are not
    /// candidates already.
    #[must_use]
    pub fn ranking(self, most: usize) -> Vec<Candidate> {
        let weights = self.weights();
        let scores = self.scores(&weights);
        let best = scores.each_ref().map(|scores| best(scores, most));
        let mut queues = best.each_ref().map(|best| best.iter());
        let mut taken = vec![false; self.people as usize];
        let mut chosen: Vec<Chosen> = Vec::new();
        for turn in TURNS.into_iter().cycle() {
            let free = |(_, person): &&(u16, u32)| !std::mem::replace(&mut taken[*person as usize], true);
            match queues[turn].find(free) {
                Some(&(votes, person)) => {
                    let said = scores.each_ref().map(|scores| scores[person as usize]);
                    chosen.push(Chosen { person, votes, readings: Readings::of(said) });
                }
                None if queues.iter().all(|queue| queue.len() == 0) => break,
                None => {}
            }
            if chosen.len() >= most {
                break;
            }
        }
        chosen.truncate(most);
        self.loudest(&weights, &chosen)
    }

    /// Look-ups and their meetings, by runs.
    fn runs(&self) -> impl Iterator<Item = (usize, Lookup, &[u32])> {
        let ends = self.runs.iter().skip(1).map(|run| run.1).chain([self.meetings.len()]);
        let lookup = |index: usize| self.probe.lookups().get(index).copied();
        self.runs
            .iter()
            .zip(ends)
            .filter_map(move |(run, end)| Some((run.0, lookup(run.0)?, &self.meetings[run.1..end])))
    }

    /// What a meeting counts, by look-up and position code.
    fn weights(&self) -> Vec<[u8; CODES]> {
        let mut counts = vec![[0u32; CODES]; self.probe.lookups().len()];
        for (index, lookup, meetings) in self.runs() {
            match lookup.fingers.alone() {
                // All of them are of that finger.
                Some(code) => counts[index][code] += u32::try_from(meetings.len()).unwrap_or(u32::MAX),
                None => meetings.iter().for_each(|meeting| counts[index][code(*meeting)] += 1),
            }
        }
        counts.iter().map(|counts| counts.map(|count| weight(count, self.people))).collect()
    }

    /// What speaks for each person under each reading.
    fn scores(&self, weights: &[[u8; CODES]]) -> [Vec<u16>; READINGS] {
        let mut scores: [Vec<u16>; READINGS] = std::array::from_fn(|_| vec![0; self.people as usize]);
        let expected: Vec<_> = self.probe.positions().iter().map(|position| expected(*position)).collect();
        for (index, lookup, meetings) in self.runs() {
            let Some(expected) = expected.get(usize::from(lookup.finger)) else { continue };
            let everywhere = lookup.fingers == Fingers::ALL;
            for ((scores, expected), reading) in scores.iter_mut().zip(expected).zip(Reading::ALL) {
                let expected = if everywhere && reading == Reading::Any { u16::MAX } else { *expected };
                match lookup.fingers.alone() {
                    Some(code) if expected >> code & 1 == 1 => add(scores, meetings, weights[index][code]),
                    Some(_) => {}
                    None => add_each(scores, meetings, &weights[index], expected),
                }
            }
        }
        scores
    }

    /// Finds the loudest finger of the probe for each of the chosen people.
    fn loudest(&self, weights: &[[u8; CODES]], chosen: &[Chosen]) -> Vec<Candidate> {
        let mut ranks: Vec<(u32, usize)> = chosen.iter().map(|one| one.person).zip(0..).collect();
        ranks.sort_unstable();
        let codes = POSITIONS as usize;
        let width = self.probe.positions().len() * codes;
        let mut said = vec![0u32; chosen.len() * width];
        // Few people are chosen: a bit each, which the processor has at hand, tells nearly everybody apart from them.
        let mut among = vec![0u64; (self.people as usize).div_ceil(64)];
        for one in chosen {
            among[one.person as usize / 64] |= 1 << (one.person % 64);
        }
        for (index, lookup, meetings) in self.runs() {
            for meeting in meetings {
                let person = meeting >> CODE_BITS;
                if among.get(person as usize / 64).is_none_or(|bits| bits >> (person % 64) & 1 == 0) {
                    continue;
                }
                if let Ok(at) = ranks.binary_search_by_key(&person, |(person, _)| *person) {
                    let at = ranks[at].1 * width + usize::from(lookup.finger) * codes + code(*meeting);
                    said[at] += u32::from(weights[index][code(*meeting)]);
                }
            }
        }
        let candidates = chosen.iter().zip(said.chunks_exact(width.max(1)));
        candidates
            .map(|(&Chosen { person, votes, readings }, said)| {
                // Of equals the first: `max_by_key` would take the last.
                let loudest = said.iter().enumerate().rev().max_by_key(|(_, said)| **said);
                let at = loudest.map_or(0, |(at, _)| at);
                Candidate {
                    person,
                    readings,
                    votes: u32::from(votes),
                    probe_finger: u8::try_from(at / codes).unwrap_or(u8::MAX),
                    gallery_finger: u8::try_from(at % codes).unwrap_or(u8::MAX),
                }
            })
            .collect()
    }
}

/// A person to be a candidate.
struct Chosen {
    person: u32,
    votes: u16,
    readings: Readings,
}

/// Adds one weight for everyone met.
fn add(scores: &mut [u16], meetings: &[u32], weight: u8) {
    if weight == 0 {
        return;
    }
    for meeting in meetings {
        if let Some(score) = scores.get_mut((meeting >> CODE_BITS) as usize) {
            *score = score.saturating_add(u16::from(weight));
        }
    }
}

/// Adds for everyone met with an expected finger what that finger's meetings count.
fn add_each(scores: &mut [u16], meetings: &[u32], weights: &[u8; CODES], expected: u16) {
    let mut expected_weights = *weights;
    for (code, weight) in expected_weights.iter_mut().enumerate() {
        *weight *= u8::from(expected >> code & 1 == 1);
    }
    if expected_weights == [0; CODES] {
        return;
    }
    for meeting in meetings {
        let weight = expected_weights[code(*meeting)];
        if weight > 0
            && let Some(score) = scores.get_mut((meeting >> CODE_BITS) as usize)
        {
            *score = score.saturating_add(u16::from(weight));
        }
    }
}

/// The position code of a meeting.
#[inline]
fn code(meeting: u32) -> usize {
    (meeting & ((1 << CODE_BITS) - 1)) as usize
}

/// The position codes, as bits, that a probe finger's mate has under each reading; none under [`Reading::Any`], by which
/// only buckets of any position are read.
fn expected(position: FingerPosition) -> [u16; READINGS] {
    let mut expected = Reading::ALL
        .map(|reading| reading.of(position).map_or(0, |position: FingerPosition| 1 << position.code()));
    expected[DECLARED] = match position {
        FingerPosition::Unknown => u16::MAX,
        known => 1 << known.code() | 1,
    };
    expected[ANY] = 0;
    expected
}

/// Four times the natural logarithm of how rare a meeting is, less what a mate's meeting is not likelier than.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 80")]
fn weight(count: u32, people: u32) -> u8 {
    if count == 0 || is_common(count, people) {
        return 0;
    }
    let rarity = ((f64::from(people) + IMAGINED) / (f64::from(count) + 0.5)).ln();
    (4.0 * (rarity - 2.0)).max(0.0).round() as u8
}

/// The people of the `most` highest scores above 0, and their scores: highest first, of equals the lower offset first.
fn best(scores: &[u16], most: usize) -> Vec<(u16, u32)> {
    // Strangers have fewer votes; whoever has more is sorted anyway.
    const COUNTED: usize = 4_096;
    let mut counts = vec![0usize; COUNTED];
    for score in scores {
        counts[usize::from(*score).min(COUNTED - 1)] += 1;
    }
    let (mut least, mut reached) = (COUNTED - 1, counts[COUNTED - 1]);
    while least > 1 && reached < most {
        least -= 1;
        reached += counts[least];
    }
    let people = scores.iter().copied().zip(0..);
    let mut best: Vec<(u16, u32)> = people.filter(|(score, _)| usize::from(*score) >= least).collect();
    best.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    best.truncate(most);
    best
}

#[cfg(test)]
mod tests;
