//! The tables: what each one holds, under which key, and what a thief of the folder reads from it.

use std::borrow::Cow;

pub(crate) mod cases;
pub(crate) mod enrolments;
pub(crate) mod features;
pub(crate) mod holders;
pub(crate) mod identities;
pub(crate) mod log;
pub(crate) mod meta;
pub(crate) mod nonces;
pub(crate) mod parties;
pub(crate) mod postings;
pub(crate) mod requests;
pub(crate) mod templates;

/// Why a row that opened could not be read: the field, never its content.
pub(crate) type Malformed = Cow<'static, str>;

/// A table of sealed rows.
///
/// A row is sealed under its table, key and version, so a row that was moved or swapped does not open.
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

/// Every column family, in the order in which they are opened.
pub(crate) const FAMILIES: [&str; 12] = [
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

/// The words of a domain decoder, which names record and field and never quotes content.
pub(crate) fn malformed(error: impl std::fmt::Display) -> Malformed {
    Cow::Owned(error.to_string())
}
