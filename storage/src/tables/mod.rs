//! The tables: what each one holds, under which key, and what a thief of the folder reads from it.

use std::borrow::Cow;

use crate::folder;

pub(crate) mod attempts;
pub(crate) mod batches;
pub(crate) mod cases;
pub(crate) mod days;
pub(crate) mod duplicates;
pub(crate) mod enrolments;
pub(crate) mod expiries;
pub(crate) mod features;
pub(crate) mod findings;
pub(crate) mod history;
pub(crate) mod holders;
pub(crate) mod identities;
pub(crate) mod imports;
pub(crate) mod log;
pub(crate) mod manifests;
pub(crate) mod meta;
pub(crate) mod nonces;
pub(crate) mod otps;
pub(crate) mod outbox;
pub(crate) mod parties;
pub(crate) mod requests;
pub(crate) mod segments;
pub(crate) mod templates;
pub(crate) mod tombstones;
pub(crate) mod virtual_numbers;

/// Why a row that opened could not be read: the field, never its content.
pub(crate) type Malformed = Cow<'static, str>;

/// A table of sealed rows.
///
/// A row is sealed under its table, key and version, so a row that was moved or swapped does not open. Rows with a
/// person's attributes are sealed under that person's secret too: the digits of their number or virtual number.
pub(crate) trait Table {
    /// Name of the column family and of the sealing place. Retired names stay reserved.
    const NAME: &'static str;
    /// Version of the row's place. Retired versions stay reserved.
    const VERSION: u8;
    /// Fixed-size key.
    type Key: AsRef<[u8]> + Copy + for<'a> TryFrom<&'a [u8]>;
    /// The domain value.
    type Value;

    /// The plaintext of a row, beginning with a format byte.
    fn encode(value: &Self::Value) -> Vec<u8>;

    /// Reads a plaintext; any bytes give a value or a reason.
    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed>;
}

/// The column family of the index before format 3: derived from features, and dropped by the upgrade. The name stays
/// reserved.
pub(crate) const RETIRED_POSTINGS: &str = "postings";

/// The column families of a store of format 1, in the order in which they are opened, but for the retired one.
const FAMILIES_OF_1: [&str; 11] = [
    meta::Meta::NAME,
    identities::Identities::NAME,
    templates::Templates::NAME,
    features::Features::NAME,
    holders::Holders::NAME,
    requests::Requests::NAME,
    nonces::Nonces::NAME,
    enrolments::Enrolments::NAME,
    cases::Cases::NAME,
    parties::Parties::NAME,
    log::NAME,
];

/// The column families that format 2 added.
const ADDED_BY_2: [&str; 8] = [
    attempts::AttemptRows::NAME,
    otps::Otps::NAME,
    outbox::Outbox::NAME,
    virtual_numbers::VirtualNumbers::NAME,
    history::History::NAME,
    days::Days::NAME,
    duplicates::Duplicates::NAME,
    expiries::NAME,
];

/// The column families that format 3 added: the index in segments, and imports.
const ADDED_BY_3: [&str; 5] = [
    segments::NAME,
    manifests::Manifests::NAME,
    tombstones::Tombstones::NAME,
    imports::Imports::NAME,
    findings::Findings::NAME,
];

/// The column family that format 4 added.
const ADDED_BY_4: [&str; 1] = [batches::Batches::NAME];

/// Every column family.
pub(crate) fn families() -> impl Iterator<Item = &'static str> {
    families_of(folder::FORMAT)
}

/// The column families of a store of a format.
pub(crate) fn families_of(format: u32) -> impl Iterator<Item = &'static str> {
    let added_by_2 = ADDED_BY_2.into_iter().filter(move |_| format >= 2);
    let added_by_3 = ADDED_BY_3.into_iter().filter(move |_| format >= 3);
    let added_by_4 = ADDED_BY_4.into_iter().filter(move |_| format >= 4);
    FAMILIES_OF_1.into_iter().chain(added_by_2).chain(added_by_3).chain(added_by_4)
}

/// The words of a domain decoder, which names record and field and never quotes content.
pub(crate) fn malformed(error: impl std::fmt::Display) -> Malformed {
    Cow::Owned(error.to_string())
}
