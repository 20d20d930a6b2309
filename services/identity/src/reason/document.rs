//! The page about reasons that people read, made from the table that the service answers with.

use std::fmt::Write;

use super::{Reason, Who};

/// Numbers of Aadhaar's table that are kept free and never sent: code, what it meant there, what takes its
/// place here.
const RESERVED: [(u16, &str, &str); 4] = [
    (
        500,
        "the session key of an encrypted payload does not open",
        "there is no session key: TLS protects every request on its way",
    ),
    (
        501,
        "the certificate that the session key was made for is not the service's",
        "TLS names the service, and a request's signature covers the deployment that it is meant for",
    ),
    (
        502,
        "the payload does not decrypt",
        "requests are signed and TLS hides them; personal data in answers are sealed with HPKE (RFC 9180)",
    ),
    (503, "the payload's HMAC is wrong", "the envelope's Ed25519 signature covers the payload: reason 569"),
];

/// Every reason in the order of the numbers as a page of Markdown, and after them the numbers that are kept
/// free.
#[must_use]
pub fn reasons_markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    page.push_str("| Code | Name | What it means | Who can fix it | Next step | Same bytes again? |\n");
    page.push_str("|---:|---|---|---|---|---|\n");
    for reason in Reason::ALL {
        let again = if reason.retryable() { "yes, later" } else { "no" };
        // Writing to a string does not fail.
        let _ = writeln!(
            page,
            "| {} | `{}` | {} | {} | {} | {again} |",
            reason.code(),
            reason.name(),
            reason.explanation(),
            who(reason.who()),
            reason.next_step(),
        );
    }
    page.push_str(RESERVED_INTRODUCTION);
    for (code, meaning, instead) in RESERVED {
        let _ = writeln!(page, "- **{code}** ({meaning}): {instead}.");
    }
    page
}

const INTRODUCTION: &str = "\
# Reason codes

This page is made from the service's own table; `plinth reasons --markdown` prints it.

Every refusal and every no has one of these reasons. A refusal always carries its reason. A signed no carries
it only if the relying party's policy lets the party see that reason; otherwise an unknown number, a locked
one and a wrong answer look the same.

Numbers below 1000 mean what Aadhaar's published authentication error codes mean; those from 1000 on are our
own. A number is never used again for something else.

";

const RESERVED_INTRODUCTION: &str = "
## Numbers that are kept free

Aadhaar's table has numbers for payloads that are encrypted a second time inside the connection. Nothing is
sent that way here, so these numbers are reserved and never used:

";

/// Who that is, for readers of the page.
const fn who(who: Who) -> &'static str {
    match who {
        Who::Person => "the person",
        Who::Sender => "the sender (agency or relying party)",
        Who::Administrator => "an administrator",
        Who::Operator => "those who run the service",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_one_row_for_every_reason_in_the_order_of_the_numbers() {
        let page = reasons_markdown();
        let codes: Vec<u16> = page
            .lines()
            .filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok())
            .collect();
        assert_eq!(codes, Reason::ALL.map(Reason::code));
    }

    #[test]
    fn every_row_has_six_cells() {
        for line in reasons_markdown().lines().filter(|line| line.starts_with('|')) {
            assert_eq!(line.matches('|').count(), 7, "{line}");
        }
    }

    #[test]
    fn a_row_says_all_that_there_is_to_say() {
        let row = "| 1003 | `OVERLOADED` | The service has more work than it can take. | those who run the \
                   service | Send the same request again after the stated delay. | yes, later |";
        assert!(reasons_markdown().lines().any(|line| line == row));
    }

    #[test]
    fn a_reserved_number_is_no_reason() {
        for (code, ..) in RESERVED {
            assert_eq!(Reason::from_code(code), None);
            assert!(reasons_markdown().contains(&format!("- **{code}** (")));
        }
    }
}
