//! Bad input: every kind gets a typed error that names the field or the fix, changes nothing, and leaves every index in
//! agreement with every other.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

mod authentication;
mod bench;
mod enrolment;
mod envelope;
mod folder;
#[path = "../fsck/mod.rs"]
mod fsck;
#[path = "../raw/mod.rs"]
mod raw;
mod records;
mod transport;
