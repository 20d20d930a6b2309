//! The store as its callers see it, and its folder as a thief or a broken disk sees it.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "tests fail by panicking, on small numbers"
)]

mod asking;
mod authentication;
mod backup;
mod batching;
mod check;
mod durability;
mod galleries;
mod imports;
mod indexing;
mod opening;
mod people;
mod reading;
mod reclaiming;
mod sealing;
mod segments;
mod staging;
mod upgrading;
