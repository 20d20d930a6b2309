//! Weighs what a probe's look-ups find, and ranks people by it.

use std::cmp::Reverse;
use std::collections::HashSet;
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

/// People whose scores are added up at a time: as many as the scores of fit into a core's own cache, since meetings come
/// from all over the people.
const TILE: usize = 1 << 18;
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
    /// Meetings of one look-up each, with people in ascending order.
    runs: Vec<Run>,
    /// Which fingers the last of those looks for.
    wanted: Fingers,
}

/// Meetings in a row.
#[derive(Clone, Copy)]
struct Run {
    /// The index of the look-up.
    lookup: usize,
    /// The first meeting; the last is the one before the next run's first.
    begin: usize,
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

    /// Counts that a finger (position code) of `person` is in the bucket of the look-up of that index, as
    /// [`Self::cast_all`] does of several.
    #[inline]
    pub fn cast(&mut self, lookup: usize, finger: u8, person: u32) {
        self.cast_all(lookup, finger, 0, &[person]);
    }

    /// Counts that a finger (position code) of several people, in ascending order, is in the bucket of the look-up of that
    /// index; they are `from` and more, each so many more. What names no look-up or person, or a finger that is not
    /// looked for there, is not counted. Each finger of a person is to be cast once a look-up; one look-up after the other
    /// takes least time. Four bytes of memory each.
    #[inline]
    pub fn cast_all(&mut self, lookup: usize, finger: u8, from: u32, people: &[u32]) {
        if self.runs.last().is_none_or(|run| run.lookup != lookup) {
            self.runs.push(Run { lookup, begin: self.meetings.len() });
            self.wanted = self.probe.lookups().get(lookup).map_or(Fingers::NONE, |lookup| lookup.fingers);
        }
        // They ascend: whoever is beyond the last person stands at the end.
        let known = match people.last() {
            Some(last) if from.saturating_add(*last) < self.people => people.len(),
            _ => people.partition_point(|person| from.saturating_add(*person) < self.people),
        };
        let [first, ..] = people[..known] else { return };
        if !self.wanted.has(finger) {
            return;
        }
        // Whoever is known is below `self.people`: nothing overflows.
        let meeting = |person: u32| from.wrapping_add(person) << CODE_BITS | u32::from(finger);
        let begun = self.runs.last().is_some_and(|run| run.begin < self.meetings.len());
        if begun && self.meetings.last().is_some_and(|last| *last > meeting(first)) {
            self.runs.push(Run { lookup, begin: self.meetings.len() });
        }
        self.meetings.extend(people[..known].iter().map(|person| meeting(*person)));
    }

    /// The `most` people for whom the index speaks most, best first; of equals, the lower offset first. Some places are
    /// taken by those who come first if hands were taken for each other, or whatever the positions, as far as they are not
    /// candidates already.
    #[must_use]
    pub fn ranking(self, most: usize) -> Vec<Candidate> {
        self.ranking_by_tiles(most, TILE)
    }

    fn ranking_by_tiles(&self, most: usize, tile: usize) -> Vec<Candidate> {
        let weights = self.weights();
        let best = self.best(&weights, most, tile);
        let mut queues = best.each_ref().map(|best| best.iter());
        let mut taken = HashSet::new();
        let mut chosen: Vec<Chosen> = Vec::new();
        for turn in TURNS.into_iter().cycle() {
            match queues[turn].find(|scored| taken.insert(scored.person)) {
                Some(&Scored { person, said }) => {
                    chosen.push(Chosen { person, votes: said[turn], readings: Readings::of(said) });
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
        let ends = self.runs.iter().skip(1).map(|run| run.begin).chain([self.meetings.len()]);
        let lookup = |index: usize| self.probe.lookups().get(index).copied();
        self.runs.iter().zip(ends).filter_map(move |(run, end)| {
            Some((run.lookup, lookup(run.lookup)?, &self.meetings[run.begin..end]))
        })
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

    /// The people for whom most speaks under each reading, at most `most` each: highest first, of equals the lower
    /// offset first. Scores are added up `tile` people at a time.
    fn best(&self, weights: &[[u8; CODES]], most: usize, tile: usize) -> [Vec<Scored>; READINGS] {
        let expected: Vec<_> = self.probe.positions().iter().map(|position| expected(*position)).collect();
        let mut runs: Vec<_> = self.runs().filter(|(_, _, meetings)| !meetings.is_empty()).collect();
        let mut best = [const { Best::new() }; READINGS];
        let mut scores: [Vec<u16>; READINGS] = Default::default();
        for first in (0..self.people as usize).step_by(tile) {
            let count = tile.min(self.people as usize - first);
            let (from, until) = (to_u32(first), to_u32(first + count));
            for scores in &mut scores {
                scores.clear();
                scores.resize(count, 0);
            }
            for (index, lookup, left) in &mut runs {
                // Each run ascends: what belongs here stands first.
                let (here, rest) = left.split_at(first_beyond(left, until));
                *left = rest;
                let Some(expected) = expected.get(usize::from(lookup.finger)) else { continue };
                let everywhere = lookup.fingers == Fingers::ALL;
                for ((scores, expected), reading) in scores.iter_mut().zip(expected).zip(Reading::ALL) {
                    let expected = if everywhere && reading == Reading::Any { u16::MAX } else { *expected };
                    match lookup.fingers.alone() {
                        Some(code) if expected >> code & 1 == 1 => {
                            add(scores, here, from, weights[*index][code])
                        }
                        Some(_) => {}
                        None => add_each(scores, here, from, &weights[*index], expected),
                    }
                }
            }
            for (reading, best) in best.iter_mut().enumerate() {
                best.look_through(&scores, reading, from, most);
            }
        }
        let mut number = 0..;
        best.map(|best| best.finish(number.next().unwrap_or_default(), most))
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

/// What speaks for a person under each reading.
#[derive(Clone, Copy)]
struct Scored {
    person: u32,
    said: [u16; READINGS],
}

/// The people of the highest scores under a reading so far.
struct Best {
    people: Vec<Scored>,
    /// Whoever has less is not among them.
    least: u16,
}

impl Best {
    const fn new() -> Self {
        Self { people: Vec::new(), least: 1 }
    }

    /// Takes in whoever may be among them; scores begin with those of person `from`.
    fn look_through(&mut self, scores: &[Vec<u16>; READINGS], reading: usize, from: u32, most: usize) {
        const AT_ONCE: usize = 64;
        for (chunk, some) in scores[reading].chunks(AT_ONCE).enumerate() {
            // Hardly anybody is: without a branch for each.
            if !some.iter().fold(false, |any, votes| any | (*votes >= self.least)) {
                continue;
            }
            for (place, votes) in (chunk * AT_ONCE..).zip(some) {
                if *votes >= self.least {
                    let said = scores.each_ref().map(|scores| scores[place]);
                    self.offer(Scored { person: from + to_u32(place), said }, reading, most);
                }
            }
        }
    }

    fn offer(&mut self, scored: Scored, reading: usize, most: usize) {
        /// Beyond twice as many, sorting out has something to do.
        const FEW: usize = 256;
        self.people.push(scored);
        if self.people.len() >= 2 * most + FEW {
            self.people.select_nth_unstable_by_key(most, |scored| scored.rank(reading));
            self.people.truncate(most);
            // Whoever comes later comes after those of equal score.
            let least = self.people.iter().map(|scored| scored.said[reading]).min();
            self.least = least.map_or(u16::MAX, |least| least.saturating_add(1));
        }
    }

    fn finish(mut self, reading: usize, most: usize) -> Vec<Scored> {
        self.people.sort_unstable_by_key(|scored| scored.rank(reading));
        self.people.truncate(most);
        self.people
    }
}

impl Scored {
    /// The highest score lowest, of equals the lower offset.
    fn rank(&self, reading: usize) -> (Reverse<u16>, u32) {
        (Reverse(self.said[reading]), self.person)
    }
}

/// Adds one weight for everyone met; scores begin with that of person `from`.
fn add(scores: &mut [u16], meetings: &[u32], from: u32, weight: u8) {
    if weight == 0 {
        return;
    }
    for meeting in meetings {
        if let Some(score) = scores.get_mut((meeting >> CODE_BITS).wrapping_sub(from) as usize) {
            *score = score.saturating_add(u16::from(weight));
        }
    }
}

/// Adds for everyone met with an expected finger what that finger's meetings count.
fn add_each(scores: &mut [u16], meetings: &[u32], from: u32, weights: &[u8; CODES], expected: u16) {
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
            && let Some(score) = scores.get_mut((meeting >> CODE_BITS).wrapping_sub(from) as usize)
        {
            *score = score.saturating_add(u16::from(weight));
        }
    }
}

/// How many meetings of a run, from its first on, are with people before `until`. A search from the front: few are, and
/// the rest of the run is left where it is in memory.
fn first_beyond(run: &[u32], until: u32) -> usize {
    let before = |meeting: &u32| meeting >> CODE_BITS < until;
    let (mut begin, mut end) = (0, 16);
    while run.get(end).is_some_and(before) {
        (begin, end) = (end, 2 * end);
    }
    let rest = &run[begin..run.len().min(end)];
    begin + rest.partition_point(before)
}

fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
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

#[cfg(test)]
mod tests;
