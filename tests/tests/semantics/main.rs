//! What the service answers, to whom, and how often: factors, entitlements, one-time codes, virtual numbers, locks,
//! attributes, histories, budgets, repetitions and silence, all asked over the wire.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

mod budgets;
mod entitlement;
mod factors;
#[path = "../fsck/mod.rs"]
mod fsck;
mod history;
mod killed;
mod locks;
mod one_time_codes;
mod orders;
mod person_data;
mod replay;
mod silence;
mod town;
mod unaskable;
mod virtual_numbers;
