//! 1:N search: candidates by hashed tokens, then the exact matcher on the best of them.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use plinth_biometrics::calibration::{PersonScore, compare_people, compare_people_in_any_order};
use plinth_biometrics::cylinder::FingerFeatures;
use plinth_biometrics::matcher::Matcher;
use plinth_biometrics::token::{Ballot, TokenKey, probe_tokens, tokens};
use plinth_identity::application::Fingers;
use plinth_identity::field::FieldViolation;
use plinth_identity::id::Sequence;
use plinth_identity::policy::DeduplicationPolicy;
use plinth_storage::{Reader, StoreError, Token};

use crate::recent::{Prepared, Recent};

/// What a search found, and how far it looked.
pub(crate) struct Search {
    /// Everyone enrolled before this sequence number was within reach of the search.
    pub(crate) before: Sequence,
    /// The candidates that were compared exactly, with their scores.
    pub(crate) scores: Vec<(Sequence, PersonScore)>,
}

/// With how many newcomers the committer compares a proposal by itself.
const MOST_NEWCOMERS: usize = 64;

/// How many of the best candidates are compared in any order of fingers, when their declared order says they differ.
const ANY_ORDER: usize = 2;

impl Search {
    /// Whether more people have come since than the committer should compare with.
    pub(crate) fn is_overtaken(&self, recent: &RwLock<Recent>) -> bool {
        let recent = recent.read().unwrap_or_else(PoisonError::into_inner);
        recent.count_since(self.before).is_none_or(|newcomers| newcomers > MOST_NEWCOMERS)
    }

    /// Brings an overtaken search up to date: with the newcomers in memory, or by searching again.
    pub(crate) fn renew(
        &mut self,
        reader: &Reader,
        policy: &DeduplicationPolicy,
        recent: &RwLock<Recent>,
        probe: &Prepared,
        except: &HashSet<Sequence>,
    ) -> Result<(), StoreError> {
        if !self.catch_up(recent, probe, except) {
            *self = search(reader, policy, probe, except)?;
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

/// Features and tokens of a person's captures: stateless CPU work.
pub(crate) fn prepare(key: &TokenKey, fingers: &Fingers) -> Result<Prepared, FieldViolation> {
    let features = fingers.features()?;
    let tokens = index_tokens(key, &features);
    Ok(Prepared { features: Arc::new(features), tokens })
}

/// The tokens under which a person stands in the index: those of all fingers together, each once. Buckets do not depend
/// on a finger's position, so that a finger recorded under a wrong name still meets itself.
#[must_use]
pub fn index_tokens(key: &TokenKey, fingers: &[FingerFeatures]) -> Vec<Token> {
    let mut all: Vec<Token> = fingers
        .iter()
        .flat_map(|finger| tokens(key, finger))
        .map(|token| Token { bucket: token.bucket, mask: token.posting_mask() })
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Compares the probe exactly with the people whom its tokens speak for most: at most the policy's share of the gallery.
/// The position is read before the search starts, so that whoever it may have missed comes at or after it.
pub(crate) fn search(
    reader: &Reader,
    policy: &DeduplicationPolicy,
    probe: &Prepared,
    except: &HashSet<Sequence>,
) -> Result<Search, StoreError> {
    let head = reader.head();
    let budget = policy.candidate_budget(head.gallery);
    let mut matcher = Matcher::new();
    let mut scores = Vec::new();
    let ranked = candidates(reader, probe)?.into_iter().filter(|one| !except.contains(one)).take(budget);
    for (rank, sequence) in ranked.enumerate() {
        // A row that is gone by now was withdrawn while this search ran.
        let Some(row) = reader.features(sequence)? else { continue };
        let mut score = compare_people(&mut matcher, &probe.features, &row.fingers);
        // Tokens meet whatever a finger was called. Hands or fingers recorded under wrong names are the commonest
        // mistake of an operator, and the easiest trick.
        if rank < ANY_ORDER && policy.is_unlike(&score) {
            score = compare_people_in_any_order(&mut matcher, &probe.features, &row.fingers);
        }
        scores.push((sequence, score));
    }
    Ok(Search { before: head.next_sequence, scores })
}

/// Everyone who shares tokens with the probe in places that fit together, the likeliest first.
fn candidates(reader: &Reader, probe: &Prepared) -> Result<Vec<Sequence>, StoreError> {
    let probes = probe_tokens(reader.keys().token_key(), &probe.features);
    let looked_up: Vec<Token> =
        probes.iter().map(|token| Token { bucket: token.bucket, mask: token.mask }).collect();
    let mut ballot = Ballot::new();
    reader.meetings(&looked_up, |place, value| ballot.cast(&probes[place], value))?;
    Ok(ballot.ranking().into_iter().map(|(number, _)| Sequence::new(number)).collect())
}
