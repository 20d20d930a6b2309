//! `plinth person`: what is recorded about a person, with their consent.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::anyhow;
use clap::Subcommand;
use data_encoding::HEXLOWER;
use plinth_client::proto::convert::personal_data::PersonAttributes;
use plinth_client::{PersonDraft, open_person};
use plinth_identity::authentication::{Consent, Verdict};
use plinth_identity::party::AttributeSet;
use plinth_identity::statement::PersonStatement;
use plinth_identity::time::Timestamp;

use crate::asker::Asker;
use crate::connect::explain;
use crate::holder::Holder;
use crate::shown::{Evidence, Shown};
use crate::table::printable;
use crate::{key_file, moment, words};

/// Read what is recorded about people, with their consent.
#[derive(Subcommand)]
pub(crate) enum PersonCommand {
    /// Read what is recorded about a person who shows who they are and consents, as a relying party.
    ///
    /// The attributes come sealed to the encryption key of your policy, and are opened here. What the policy does not allow
    /// is refused; what is not recorded is left out.
    ///
    /// Status 0 if they are given, 1 for a no.
    #[command(after_long_help = "\
Example:
  echo 234567890124 | plinth person get --finger right-thumb=./thumb.iso --attributes name,date-of-birth \\
    --consent 'First Bank may read my name and date of birth to open an account.' \\
    --relying-party bank --key ./bank.pem --encryption-key ./bank-reading.key")]
    Get(Box<GetArgs>),
}

#[derive(clap::Args)]
pub(crate) struct GetArgs {
    #[command(flatten)]
    holder: Holder,
    /// What is to be read, with commas between: name, date-of-birth, gender, phone, email, address; or all.
    #[arg(long, value_name = "LIST", value_parser = words::parse_attributes)]
    attributes: AttributeSet,
    /// What the person was shown and agreed to, word for word.
    #[arg(long, value_name = "TEXT")]
    consent: String,
    /// When the person agreed, for example 2031-02-03T09:00:00Z [default: now].
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    consent_given_at: Option<Timestamp>,
    /// Your private encryption key, as `plinth keygen --encryption` wrote it.
    #[arg(long, env = "PLINTH_ENCRYPTION_KEY", value_name = "FILE", required_unless_present = "print_json")]
    encryption_key: Option<PathBuf>,
    /// What the attributes are needed for; it is signed along with the request.
    #[arg(long, default_value = "personal data")]
    purpose: String,
    #[command(flatten)]
    shown: Shown,
    #[command(flatten)]
    asker: Asker,
}

pub(crate) async fn run(command: PersonCommand) -> anyhow::Result<ExitCode> {
    let PersonCommand::Get(args) = command;
    let now = moment::now();
    let identifier = args.holder.read()?;
    let Evidence { claim, fingers, code } = args.shown.read()?;
    let consent = Consent::new(args.consent, args.consent_given_at.unwrap_or(now))
        .map_err(|violation| anyhow!("--consent {}", violation.description))?;
    let key = args.encryption_key.as_deref().map(key_file::read_encryption).transpose()?;
    let relying_party = args.asker.open().await?;
    let (attributes, purpose) = (args.attributes, args.purpose);
    let draft = PersonDraft { identifier, claim, fingers, code, attributes, consent, purpose };
    let request = relying_party.person_request(draft, moment::now()).map_err(explain)?;
    if args.asker.prints(&request)? {
        return Ok(ExitCode::SUCCESS);
    }
    let answer = relying_party.get_person(&request).await.map_err(explain)?;
    print(&answer.statement);
    args.asker.keep(&request, &answer.to_bytes())?;
    let key = match (answer.statement.verdict, &key) {
        (Verdict::Yes, Some(key)) => key,
        (Verdict::Yes, None) => return Ok(ExitCode::SUCCESS),
        (Verdict::No, _) => return Ok(ExitCode::FAILURE),
    };
    print_attributes(&open_person(&request, &answer.statement, key).map_err(explain)?);
    Ok(ExitCode::SUCCESS)
}

fn print(statement: &PersonStatement) {
    println!("{}", if statement.verdict == Verdict::Yes { "yes" } else { "no" });
    if let Some(reason) = statement.reason {
        println!("reason       {reason}: {}", reason.explanation());
    }
    if let Some(token) = &statement.token {
        println!("person       {}", HEXLOWER.encode(token.as_bytes()));
    }
    println!("decided at   {}", statement.header.decided_at);
    println!("logged at    {}", statement.header.log_position);
}

/// Prints what was opened: whoever reads it has the key.
pub(crate) fn print_attributes(person: &PersonAttributes) {
    let line = |what: &str, value: Option<&str>| {
        if let Some(value) = value {
            println!("{what:<12} {}", printable(value));
        }
    };
    line("name", person.name.as_ref().map(|name| name.as_str()));
    line("born", person.date_of_birth.map(|born| born.reveal()).as_deref());
    line("gender", person.gender.map(|gender| gender.letter().to_string()).as_deref());
    line("phone", person.phone.as_ref().map(|phone| phone.as_str()));
    line("e-mail", person.email.as_ref().map(|email| email.as_str()));
    if let Some(address) = &person.address {
        let care_of = address.fields().care_of;
        line("care of", Some(care_of.as_str()).filter(|name| !name.is_empty()));
        line("address", Some(address.to_text().as_str()));
    }
}
