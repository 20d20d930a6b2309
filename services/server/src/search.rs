//! 1:N search: candidates from the index, thinned out by one finger, decided by all of them.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use plinth_biometrics::calibration::{
    PersonScore, compare_people, compare_people_in_any_order, compare_people_read_as,
};
use plinth_biometrics::cylinder::FingerFeatures;
use plinth_biometrics::index::{Candidate, Reading};
use plinth_biometrics::matcher::{Matcher, Score};
use plinth_identity::application::{FingerPosition, Fingers};
use plinth_identity::field::FieldViolation;
use plinth_identity::id::Sequence;
use plinth_storage::{OpenedRow, StoreError};

use crate::core::Core;
use crate::recent::{Prepared, Recent};

/// What a search found, and how far it looked.
pub(crate) struct Search {
    /// Everyone enrolled before this sequence number was within reach of the search.
    pub(crate) before: Sequence,
    /// The candidates that were compared in full, with their scores.
    pub(crate) scores: Vec<(Sequence, PersonScore)>,
}

/// With how many newcomers the committer compares a proposal by itself.
const MOST_NEWCOMERS: usize = 64;
/// Probes of at most so many fingers are compared in full with as many candidates as the policy allows: few fingers get few
/// votes, so that the right person may stand far down, and cost little. Half of those are the index's own first choices.
const FEW_FINGERS: usize = 2;
/// The candidates of other probes whose fingers are all looked at: those whose loudest finger is most alike.
const SHORTLISTED: usize = 32;
/// Of those, so many are the index's own first choices, however alike that one finger is: it may be the injured one.
const UNSEEN: usize = 24;
/// Candidates of a probe of many fingers of whom one finger is looked at: the index's first of so many people each, more of
/// them the fewer fingers there are, within bounds. Of 10,000 ten-finger mates one stood lower.
const PEOPLE_AN_OFFER: u64 = 4_000;
const FEWEST_OFFERED: usize = 64;
const MOST_OFFERED: usize = 384;
/// The same for a probe of few. Votes for one poor finger say little: of real mates that the matcher accepts, one in twenty
/// stands beyond the tenth that gets most. So up to this many people, a small register, one finger is compared with
/// everyone whom the index has met at all; at 15 microseconds each that is 0.15 seconds for 10,000 people.
const MOST_OFFERED_OF_FEW: usize = 16_384;
/// Rows of candidates that are read at once.
const ROWS_AT_ONCE: usize = 32;
/// Of those, so many are compared in full: those whose fingers are most alike together.
const IN_FULL: usize = 6;
/// What the local comparison of two strangers' fingers often gives, in thousandths: half of them less than 475, one in ten
/// more than 514. Only what is beyond it speaks for anybody: a few good fingers are not made up for by poor ones.
const OF_STRANGERS: u32 = 500;
/// How many of those whose loudest finger is most alike are compared in any order of fingers, when every other reading of
/// the positions has found nobody.
const ANY_ORDER: usize = 2;
/// If that finger is at least so much alike, in thousandths: the most alike of a stranger's 64 is in one search of three,
/// and mates' are in 24 of 25.
const WORTH_ANY_ORDER: u32 = 600;
/// A reading of swapped hands is given up when the first half of the fingers are not even so much more alike than strangers'
/// on average, in thousandths: strangers' seldom are.
const A_LITTLE: usize = 6;
/// The readings of declared positions that are tried.
const WAYS: u8 = 3;
const READINGS: [Reading; WAYS as usize] = [Reading::Declared, Reading::SwappedHands, Reading::SwappedSlaps];

impl Search {
    /// Whether more people have come since than the committer should compare with.
    pub(crate) fn is_overtaken(&self, recent: &RwLock<Recent>) -> bool {
        let recent = recent.read().unwrap_or_else(PoisonError::into_inner);
        recent.count_since(self.before).is_none_or(|newcomers| newcomers > MOST_NEWCOMERS)
    }

    /// Brings an overtaken search up to date: with the newcomers in memory, or by searching again.
    pub(crate) fn renew(
        &mut self,
        core: &Core,
        probe: &Prepared,
        except: &HashSet<Sequence>,
    ) -> Result<(), StoreError> {
        let recent = &core.registrar.recent;
        if !self.catch_up(recent, probe, except) {
            *self = search(core, probe, except)?;
            self.catch_up(recent, probe, except);
        }
        Ok(())
    }

    /// Compares the probe with whoever has entered the gallery since, and moves the position behind them. Nothing
    /// happens if memory does not reach back to the position.
    pub(crate) fn catch_up(
        &mut self,
        recent: &RwLock<Recent>,
        probe: &Prepared,
        except: &HashSet<Sequence>,
    ) -> bool {
        let newer = recent.read().unwrap_or_else(PoisonError::into_inner).since(self.before);
        let Some(mut newer) = newer else { return false };
        if let Some((last, _)) = newer.last() {
            self.before = last.next();
        }
        newer.retain(|(sequence, _)| !except.contains(sequence));
        self.scores.extend(probe.compare_with(&newer));
        true
    }
}

/// The features of a person's captures: stateless CPU work.
pub(crate) fn prepare(fingers: &Fingers) -> Result<Prepared, FieldViolation> {
    Ok(Prepared { features: Arc::new(fingers.features()?) })
}

/// Compares the probe with the people whom the index holds likeliest: one finger locally with many, all of them in full with at
/// most the policy's share of the gallery.
pub(crate) fn search(
    core: &Core,
    probe: &Prepared,
    except: &HashSet<Sequence>,
) -> Result<Search, StoreError> {
    let fingers = probe.features.len();
    let few = fingers <= FEW_FINGERS;
    let offered = if few { MOST_OFFERED_OF_FEW } else { offered(core.reader.head().gallery, fingers) };
    // Whoever is left out takes no place of those who are looked for.
    let found = core.index.find(&probe.features, offered.saturating_add(except.len()))?;
    let mut candidates = found.candidates;
    candidates.retain(|(sequence, _)| !except.contains(sequence));
    candidates.truncate(offered);
    // Read after the look into the index: a gallery that was empty a moment ago would allow nobody to be compared, not even
    // whoever the index has found since.
    let budget = core.deduplication.candidate_budget(core.reader.head().gallery);
    let (most, in_full) = if few { (budget, budget) } else { (SHORTLISTED, budget.min(IN_FULL)) };
    let matcher = Matcher::new();
    let mut verification = Verification { core, probe: &probe.features, matcher, few, most, in_full };
    let scores = verification.run(&candidates)?;
    Ok(Search { before: found.before, scores })
}

/// How many candidates of a probe of many fingers are looked at.
fn offered(gallery: u64, fingers: usize) -> usize {
    const ALL: u64 = FingerPosition::ALL.len() as u64;
    let share = gallery.saturating_mul(ALL) / (PEOPLE_AN_OFFER * (fingers as u64).clamp(1, ALL));
    usize::try_from(share).unwrap_or(usize::MAX).clamp(FEWEST_OFFERED, MOST_OFFERED)
}

/// Candidates on their way to a score.
struct Verification<'a> {
    core: &'a Core,
    probe: &'a [FingerFeatures],
    matcher: Matcher,
    /// Whether the probe has few fingers.
    few: bool,
    /// Of how many candidates more than one finger is looked at.
    most: usize,
    /// How many are compared in full.
    in_full: usize,
}

/// A candidate of whom one finger was looked at.
struct Shortlisted {
    sequence: Sequence,
    /// Whether it is one of the index's first choices.
    first: bool,
    /// Of the loudest finger, in thousandths.
    likeness: u32,
    candidate: Candidate,
    row: OpenedRow,
}

/// One of those of whom all fingers are at hand.
struct Closer {
    sequence: Sequence,
    /// Of the loudest finger, in thousandths.
    likeness: u32,
    fingers: Vec<FingerFeatures>,
    /// By which the fingers are most alike together, and how much.
    reading: Reading,
    together: u32,
}

impl Verification<'_> {
    fn run(
        &mut self,
        candidates: &[(Sequence, Candidate)],
    ) -> Result<Vec<(Sequence, PersonScore)>, StoreError> {
        let gallery = self.core.reader.head().gallery;
        let shortlist = self.shortlist(candidates)?;
        let mut closer = self.look_closer(shortlist)?;
        closer.sort_by_key(|one| Reverse(one.together));
        let mut scores = Vec::with_capacity(self.in_full);
        for one in closer.iter().take(self.in_full) {
            scores.push((one.sequence, self.compare(one)));
        }
        // The index meets fingers whatever they were called. Fingers recorded under wrong names are the commonest mistake of
        // an operator, and the easiest trick.
        if scores.iter().all(|(_, score)| self.core.deduplication.is_unlike(score, gallery)) {
            closer.sort_by_key(|one| Reverse(one.likeness));
            let worth = |one: &&Closer| self.few || one.likeness >= WORTH_ANY_ORDER;
            for one in closer.iter().take(ANY_ORDER).filter(worth) {
                let score = compare_people_in_any_order(&mut self.matcher, self.probe, &one.fingers);
                scores.retain(|(other, _)| *other != one.sequence);
                scores.push((one.sequence, score));
            }
        }
        Ok(scores)
    }

    fn compare(&mut self, one: &Closer) -> PersonScore {
        let Closer { fingers, reading, .. } = one;
        match reading {
            Reading::SwappedHands | Reading::SwappedSlaps => {
                let read = |position| reading.of(position);
                compare_people_read_as(&mut self.matcher, self.probe, fingers, read, WAYS)
            }
            _ => compare_people(&mut self.matcher, self.probe, fingers),
        }
    }

    /// All fingers of the candidates on the shortlist, and by which reading they are most alike.
    fn look_closer(&mut self, shortlist: Vec<Shortlisted>) -> Result<Vec<Closer>, StoreError> {
        let mut closer = Vec::with_capacity(shortlist.len());
        for Shortlisted { sequence, likeness, candidate, row, .. } in shortlist {
            let fingers = row.fingers()?;
            let mut best = (0, Reading::Declared);
            for tried in READINGS {
                let explains = candidate.may_be_read(tried) || candidate.may_be_read(Reading::Any);
                // Few fingers are compared in full anyway, as they were declared.
                if !self.few && (explains || tried == Reading::Declared) {
                    let together = self.likeness_together(&fingers, tried);
                    best = if together > best.0 { (together, tried) } else { best };
                }
            }
            closer.push(Closer { sequence, likeness, fingers, reading: best.1, together: best.0 });
        }
        Ok(closer)
    }

    /// How much more alike than strangers' the fingers of one position are, added up in thousandths, if the probe's are read
    /// in one way. One of unknown position may be any: it is as alike as the most alike of them.
    fn likeness_together(&mut self, fingers: &[FingerFeatures], reading: Reading) -> u32 {
        let (mut sum, half) = (0, self.probe.len().div_ceil(2));
        for (done, probe) in self.probe.iter().enumerate() {
            if reading != Reading::Declared && done == half && (sum as usize) < A_LITTLE * half {
                return 0;
            }
            let Some(read) = reading.of(probe.position()) else { continue };
            let may_be = |position| position == read || [position, read].contains(&FingerPosition::Unknown);
            let those = fingers.iter().filter(|finger| may_be(finger.position()));
            let likeness = those.map(|finger| thousandths(self.matcher.compare_local(probe, finger)));
            sum += likeness.max().unwrap_or(0).saturating_sub(OF_STRANGERS);
        }
        sum
    }

    /// The candidates to be compared in full, the likeliest first.
    fn shortlist(&mut self, candidates: &[(Sequence, Candidate)]) -> Result<Vec<Shortlisted>, StoreError> {
        let most = self.most;
        let first_choices = if self.few { most.div_ceil(2) } else { UNSEEN };
        let mut shortlist = Vec::with_capacity(most.saturating_add(ROWS_AT_ONCE));
        for (chunk, some) in candidates.chunks(ROWS_AT_ONCE).enumerate() {
            let asked: Vec<Sequence> = some.iter().map(|(sequence, _)| *sequence).collect();
            let rows = self.core.reader.features_of(&asked)?;
            for (place, ((sequence, candidate), row)) in some.iter().zip(rows).enumerate() {
                // A row that is gone belonged to somebody who has left the gallery.
                let Some(row) = row else { continue };
                let first = chunk * ROWS_AT_ONCE + place < first_choices;
                let likeness = self.likeness(candidate, &row)?;
                let (sequence, candidate) = (*sequence, *candidate);
                shortlist.push(Shortlisted { sequence, first, likeness, candidate, row });
            }
            shortlist.sort_by_key(|one| Reverse((one.first, one.likeness)));
            shortlist.truncate(most);
        }
        Ok(shortlist)
    }

    /// Likeness of the finger that spoke loudest for a candidate, in thousandths.
    fn likeness(&mut self, candidate: &Candidate, row: &OpenedRow) -> Result<u32, StoreError> {
        let Some(probe) = self.probe.get(usize::from(candidate.probe_finger)) else { return Ok(0) };
        let met = candidate.gallery_finger();
        let same = row.fingers_where(|position| position == met)?;
        let scores = same.iter().map(|finger| thousandths(self.matcher.compare_local(probe, finger)));
        Ok(scores.max().unwrap_or(0))
    }
}

fn thousandths(score: Score) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a score is from 0 to 1")]
    let thousandths = (score.value() * 1_000.0) as u32;
    thousandths
}
