//! Whose number it is about: given as an argument, or read from standard input.

use std::io::BufRead as _;

use anyhow::anyhow;
use plinth_identity::number::{Identifier, IdentityNumber};
use plinth_identity::virtual_number::VirtualNumber;

/// The number or virtual number that the person claims.
#[derive(clap::Args)]
pub(crate) struct Holder {
    /// The person's number, or a virtual number that stands for it. Without it, it is read from standard input, where other
    /// users of this machine do not see it.
    #[arg(long)]
    number: Option<String>,
    /// A virtual number, and nothing else.
    #[arg(long, value_name = "NUMBER", conflicts_with = "number")]
    virtual_number: Option<String>,
}

/// The person's own number.
#[derive(clap::Args)]
pub(crate) struct OwnNumber {
    /// The person's number. Without it, it is read from standard input, where other users of this machine do not see it.
    #[arg(long)]
    number: Option<String>,
}

impl Holder {
    /// Parses it. A message never repeats the digits.
    pub(crate) fn read(self) -> anyhow::Result<Identifier> {
        match self.virtual_number {
            Some(text) => VirtualNumber::parse(text.trim())
                .map(Identifier::Virtual)
                .map_err(|error| anyhow!("the virtual number is not one: {error}")),
            None => Identifier::parse(given_or_read(self.number)?.trim()).map_err(|violation| {
                anyhow!(
                    "the number is not one: {}; check it against the person's document",
                    violation.description
                )
            }),
        }
    }
}

impl OwnNumber {
    /// Parses it. A message never repeats the digits.
    pub(crate) fn read(self) -> anyhow::Result<IdentityNumber> {
        IdentityNumber::parse(given_or_read(self.number)?.trim()).map_err(|error| {
            anyhow!("the number is not one: {error}; check it against the person's document")
        })
    }
}

fn given_or_read(given: Option<String>) -> std::io::Result<String> {
    match given {
        Some(text) => Ok(text),
        None => Ok(std::io::stdin().lock().lines().next().transpose()?.unwrap_or_default()),
    }
}
