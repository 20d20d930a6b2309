//! Drives the door between wire and domain from both sides: round trips, golden bytes, bad input, refusals.
#![allow(clippy::unwrap_used, reason = "tests")]

mod bad_input;
mod draw;
mod golden;
mod refusals;
mod register;
mod round_trips;
mod secrecy;
