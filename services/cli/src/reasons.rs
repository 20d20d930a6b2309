//! `plinth reasons`: every reason for a refusal or a no, who can do something about it, and what.

use std::process::ExitCode;

use anyhow::bail;
use plinth_identity::reason::{Reason, reasons_markdown};

use crate::table::Table;

/// List the reasons for which something is refused or answered with no.
///
/// Each has a number, a name, who can do something about it, and the next step. They are the ones of this version of the
/// program.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  plinth reasons
  plinth reasons 561
  plinth reasons --markdown > REASONS.md")]
pub(crate) struct Args {
    /// The number or the name of one reason.
    #[arg(value_name = "CODE")]
    code: Option<String>,
    /// Print the page of the documentation.
    #[arg(long, conflicts_with = "code")]
    markdown: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.code {
        _ if args.markdown => print!("{}", reasons_markdown()),
        Some(code) => match find(code) {
            Some(reason) => print_one(reason),
            None => bail!("there is no reason {code}; `plinth reasons` lists all"),
        },
        None => print_all(),
    }
    Ok(ExitCode::SUCCESS)
}

fn find(code: &str) -> Option<Reason> {
    match code.parse() {
        Ok(number) => Reason::from_code(number),
        Err(_) => Reason::ALL.into_iter().find(|reason| reason.name().eq_ignore_ascii_case(code)),
    }
}

fn print_one(reason: Reason) {
    println!("code         {}", reason.code());
    println!("name         {}", reason.name());
    println!("meaning      {}", reason.explanation());
    println!("who          {}", reason.who());
    println!("next step    {}", reason.next_step());
    println!(
        "send again   {}",
        if reason.retryable() { "the same bytes may succeed later" } else { "no use" }
    );
}

fn print_all() {
    let mut table = Table::new(&["code", "name", "who", "next step"]);
    for reason in Reason::ALL {
        table.row([
            reason.code().to_string(),
            reason.name().to_owned(),
            reason.who().to_string(),
            reason.next_step().to_owned(),
        ]);
    }
    print!("{table}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_found_by_its_number_and_by_its_name() {
        for reason in Reason::ALL {
            assert_eq!(find(&reason.code().to_string()), Some(reason));
            assert_eq!(find(&reason.name().to_lowercase()), Some(reason));
        }
        for nothing in ["", "0", "99999", "100000", "-1", "NO_SUCH_REASON"] {
            assert_eq!(find(nothing), None, "{nothing}");
        }
    }
}
