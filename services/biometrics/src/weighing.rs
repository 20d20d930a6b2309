//! What a full comparison finds, and what that counts.
//!
//! The comparison aligns two fingers and says what falls together; nothing of that depends on the weights here. So
//! one comparison can be weighed again and again, which is how the weights were fitted.

use std::fmt;

use crate::matcher::Score;

/// What a full comparison finds.
#[derive(Clone, Default, PartialEq)]
pub struct Evidence {
    /// Mean relaxed similarity of the pairs of cylinders that agree best, 0 to 1.
    pub agreed: f32,
    /// Minutiae of the probe that fall where the gallery finger was seen, and minutiae of the gallery finger that fall
    /// where the probe was.
    pub common: (f32, f32),
    /// The minutiae that fall together, each at most once. Empty if no alignment was found.
    pub meetings: Vec<Meeting>,
}

/// What two people's fingers have in common is not for logs.
impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Evidence({} meetings)", self.meetings.len())
    }
}

impl fmt::Debug for Meeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meeting(..)")
    }
}

impl Evidence {
    /// Overwrites it.
    pub(crate) fn wipe(&mut self) {
        (self.agreed, self.common) = (0.0, (0.0, 0.0));
        self.meetings.fill(Meeting { square: 0.0, turn: 0.0, similarity: None });
    }
}

/// A probe minutia and a gallery minutia that fall together.
#[derive(Clone, Copy, PartialEq)]
pub struct Meeting {
    /// Square of the distance between them after alignment and stretch, pixels at 500 dpi.
    pub square: f32,
    /// Difference of their directions, units of 360/256 degrees.
    pub turn: f32,
    /// Similarity of the cylinders over them, 0 to 1, if both have one.
    pub similarity: Option<f32>,
}

/// What evidence counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Weight of the share of minutiae that fall together, 0 to 1; the rest is the relaxed similarity.
    pub covered: f32,
    /// Standard deviation of mates' distances after alignment and stretch, pixels.
    pub spread: f32,
    /// Standard deviation of mates' turns, units of 360/256 degrees.
    pub turn_spread: f32,
    /// What a meeting counts if the cylinders over it have little in common.
    pub unlike: f32,
    /// What similarity "little" is.
    pub little: f32,
    /// What each unit of similarity beyond that adds.
    pub likeness: f32,
    /// What a meeting counts if one of its minutiae, at the edge of what was seen, has no cylinder.
    pub unknown: f32,
    /// A common area with fewer minutiae than this counts as if it had so many.
    pub min_common: f32,
    /// Shrinkage: this many paired minutiae count half, because a few fall together by chance.
    pub chance_pairs: f32,
}

impl Weights {
    /// Those that comparisons use. Fitted on all sets that the accuracy card names; the example `leave_one_out` fits them
    /// without one of the sets each and prints what that gives.
    pub const BUILT: Self = Self {
        covered: 0.36,
        spread: 8.0,
        turn_spread: 16.0,
        unlike: 0.7,
        little: 0.5,
        likeness: 0.75,
        unknown: 1.1,
        min_common: 8.0,
        chance_pairs: 3.0,
    };

    /// The score of what a comparison found.
    #[must_use]
    pub fn score(&self, evidence: &Evidence) -> Score {
        Score::new((1.0 - self.covered) * evidence.agreed + self.covered * self.share(evidence))
    }

    /// The share of minutiae that fall together, 0 to about 1.
    fn share(&self, Evidence { common, meetings, .. }: &Evidence) -> f32 {
        if meetings.is_empty() {
            return 0.0;
        }
        let paired: f32 = meetings.iter().map(|meeting| self.weight(meeting)).sum();
        let common = (common.0.max(self.min_common) * common.1.max(self.min_common)).sqrt();
        paired / common * paired / (paired + self.chance_pairs)
    }

    /// What a meeting counts: how near and how parallel the two are, and how alike what surrounds them.
    fn weight(&self, &Meeting { square, turn, similarity }: &Meeting) -> f32 {
        let squares =
            square / (self.spread * self.spread) + turn * turn / (self.turn_spread * self.turn_spread);
        let alike = match similarity {
            Some(similarity) => self.unlike + self.likeness * (similarity - self.little).max(0.0),
            None => self.unknown,
        };
        (-0.5 * squares).exp() * alike
    }
}

#[cfg(test)]
mod tests {
    use super::{Evidence, Meeting, Weights};

    fn evidence(meetings: &[Meeting]) -> Evidence {
        Evidence { agreed: 0.5, common: (20.0, 5.0), meetings: meetings.to_vec() }
    }

    #[test]
    fn what_falls_together_nearer_or_more_alike_counts_more() {
        let score = |meetings: &[Meeting]| Weights::BUILT.score(&evidence(meetings)).value();
        assert_eq!(score(&[]), (1.0 - Weights::BUILT.covered) * 0.5);
        let near = Meeting { square: 4.0, turn: 2.0, similarity: Some(0.8) };
        let others = [
            Meeting { square: 100.0, ..near },
            Meeting { turn: 20.0, ..near },
            Meeting { similarity: Some(0.4), ..near },
        ];
        for other in others {
            assert!(score(&[near; 4]) > score(&[near, near, near, other]));
        }
        assert!(score(&[near; 4]) > score(&[near; 3]));
    }

    #[test]
    fn a_small_common_area_counts_as_a_larger_one() {
        let one = Meeting { square: 0.0, turn: 0.0, similarity: None };
        let score = |common| Weights::BUILT.score(&Evidence { common, ..evidence(&[one; 3]) });
        assert_eq!(score((1.0, 2.0)), score((8.0, 8.0)));
        assert!(score((8.0, 8.0)) > score((8.0, 9.0)));
    }
}
