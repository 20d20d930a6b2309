//! Calls to try on a sandbox, each with the answer that it must get: `expected.json`.
//!
//! Every call stands there twice, as plain fields for programs and as arguments of `plinth` for terminals; both are made
//! of the same [`Request`], so they cannot say different things.

mod list;
mod request;

use plinth_identity::reason::Reason;
use serde::Serialize;

use super::founding::Resident;
use plinth_identity::number::IdentityNumber;
pub(super) use request::{Code, Finger, Request};

/// The whole file.
#[derive(Serialize)]
pub(super) struct Calls {
    about: &'static str,
    calls: Vec<Call>,
}

/// One call.
#[derive(Serialize)]
pub(super) struct Call {
    id: &'static str,
    about: &'static str,
    party: &'static str,
    call: Kind,
    request: Request,
    /// What is called before, to have a code sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<Vec<String>>,
    /// The arguments of `plinth`.
    command: Vec<String>,
    expect: Expect,
    /// Why this answer comes only once.
    #[serde(skip_serializing_if = "Option::is_none")]
    once: Option<&'static str>,
}

/// Which of the service's calls it is.
#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Authenticate,
    Person,
    Resident,
}

/// The answer.
#[derive(Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub(super) enum Expect {
    Yes,
    /// Without a reason if the party is not shown it.
    No {
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<Named>,
    },
    Refused {
        reason: Named,
    },
}

/// A reason by its number and its name.
#[derive(Serialize)]
pub(super) struct Named {
    code: u16,
    name: &'static str,
}

impl From<Reason> for Named {
    fn from(reason: Reason) -> Self {
        Self { code: reason.code(), name: reason.name() }
    }
}

const ABOUT: &str = "Calls to this sandbox and their answers, in the order in which they are meant to be made. Paths are \
    relative to the folder of this file. `request` is the call in plain fields, `command` the same as arguments of \
    `plinth`, run in this folder after `. ./environment`. {code} and {transaction} are those of the call before it \
    (`first`), or {code} is what the person's authenticator shows. A code marked `wrong` is any other than the one that \
    was sent.";

impl Calls {
    /// All of them, for the people of one sandbox and a number that nobody holds.
    pub(super) fn of(residents: &[Resident], nobody: &IdentityNumber) -> anyhow::Result<Self> {
        Ok(Self { about: ABOUT, calls: list::calls(residents, nobody)? })
    }
}
