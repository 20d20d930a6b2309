//! The tables: what each one holds, under which key, and what a thief of the folder reads from it.

use std::borrow::Cow;

pub(crate) mod attempts;
pub(crate) mod cases;
pub(crate) mod days;
pub(crate) mod duplicates;
pub(crate) mod enrolments;
pub(crate) mod expiries;
pub(crate) mod features;
pub(crate) mod history;
pub(crate) mod holders;
pub(crate) mod identities;
pub(crate) mod log;
pub(crate) mod meta;
pub(crate) mod nonces;
pub(crate) mod otps;
pub(crate) mod outbox;
pub(crate) mod parties;
pub(crate) mod postings;
pub(crate) mod requests;
pub(crate) mod templates;
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

/// The column families of a store of format 1, in the order in which they are opened.
pub(crate) const OLD_FAMILIES: [&str; 12] = [
    meta::Meta::NAME,
    identities::Identities::NAME,
    templates::Templates::NAME,
    features::Features::NAME,
    postings::NAME,
    holders::Holders::NAME,
    requests::Requests::NAME,
    nonces::Nonces::NAME,
    enrolments::Enrolments::NAME,
    cases::Cases::NAME,
    parties::Parties::NAME,
    log::NAME,
];

/// The column families that format 2 added.
pub(crate) const NEW_FAMILIES: [&str; 8] = [
    attempts::AttemptRows::NAME,
    otps::Otps::NAME,
    outbox::Outbox::NAME,
    virtual_numbers::VirtualNumbers::NAME,
    history::History::NAME,
    days::Days::NAME,
    duplicates::Duplicates::NAME,
    expiries::NAME,
];

/// Every column family.
pub(crate) fn families() -> impl Iterator<Item = &'static str> {
    OLD_FAMILIES.into_iter().chain(NEW_FAMILIES)
}

/// The words of a domain decoder, which names record and field and never quotes content.
pub(crate) fn malformed(error: impl std::fmt::Display) -> Malformed {
    Cow::Owned(error.to_string())
}
