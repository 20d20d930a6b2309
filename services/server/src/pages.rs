//! Page tokens of the listing methods (in the manner of AIP-158): the key of the last entry, opaque to callers.

use plinth_proto::convert::Page;

use crate::refusal::Refusal;

/// The last entry of the previous page, if there was one.
pub(crate) fn page_after(page: &Page, field: &str) -> Result<Option<u64>, Refusal> {
    match page.token() {
        "" => Ok(None),
        token => match token.parse() {
            Ok(last) => Ok(Some(last)),
            Err(_) => Err(Refusal::field(field, "is not a token that a previous page gave")),
        },
    }
}

/// The token of the page that follows one of `found` entries; empty after the last page.
pub(crate) fn next_token(page: &Page, found: usize, last: Option<u64>) -> String {
    if found < size_of(page) { String::new() } else { last.map_or_else(String::new, |last| last.to_string()) }
}

/// The page's size as a count of entries.
pub(crate) fn size_of(page: &Page) -> usize {
    usize::try_from(page.size()).unwrap_or(usize::MAX)
}
