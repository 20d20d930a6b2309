//! From comparison scores to likelihood ratios and false match rates.
//!
//! A [`Score`](crate::matcher::Score) has no meaning of its own. This module gives it two: the share of strangers'
//! fingers that score as high ([`false_match_rate`]), and how many times more often one finger scores so than two
//! strangers' do ([`log_likelihood_ratio`]). Both come from one table, measured on the synthetic population only: a
//! threshold never comes from the set that it is reported on. A test regenerates the table at a small scale.
//!
//! # Several fingers
//!
//! Likelihood ratios of independent comparisons multiply, so a person's score is the **sum** of the fingers'
//! log-likelihood ratios, each clamped to [`LOWEST`]..=[`HIGHEST`]. What sum two people must reach at a false match rate
//! depends on how many fingers were compared ([`llr_at_fmr`]): a stranger's further fingers take 1 to 1.5 each from the
//! sum nearly always, so that the same sum of ten is far rarer among strangers than that of one. One finger more or less
//! therefore needs no threshold of its own to be set by anybody: one rate means the same for all.
//!
//! A likelihood ratio below 1 of several fingers reaches nothing, though ([`PersonScore::reaches`]): with ten, strangers stay so far
//! below it that a rate alone would ask for less: evidence for two people would be called one person, by a calculation
//! that takes the fingers of two people to be independent and trusts the far tail of a table.
//!
//! The clamp also bounds what one finger can say: an injured or swapped finger cannot outvote nine good ones, and no
//! single finger counts for more than was measured.

mod fit;
mod fusion;
mod table;
mod tail;

pub use fit::{SyntheticScores, knots, synthetic_scores};
pub use fusion::{
    PersonScore, compare_people, compare_people_in_any_order, compare_people_read_as, fuse, may_pair,
};
pub use table::{
    HIGHEST, Knot, LOWEST, MEASURED_FMR, false_match_rate, log_likelihood_ratio, threshold_at_fmr,
};
pub use tail::{fmr_at_llr, llr_at_fmr};
