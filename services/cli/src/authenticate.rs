//! `plinth authenticate`: asks whether a person is who they say.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use data_encoding::HEXLOWER;
use plinth_biometrics::FingerPosition;
use plinth_client::{Answered, AuthenticationDraft, RelyingParty, SignedRequest};
use plinth_identity::application::FingerSample;
use plinth_identity::authentication::Verdict;
use plinth_identity::demographics::{DateOfBirth, DemographicClaim, Gender, Name};
use plinth_identity::id::PartyId;
use plinth_identity::number::IdentityNumber;
use plinth_identity::statement::AuthenticationStatement;

use crate::connect::{Service, explain};
use crate::{key_file, moment};

/// Ask whether a person is who they say, as a relying party.
///
/// Every factor that is given must match. Prints yes or no, the reason where the relying party may see it, and what
/// identifies the person to this relying party and to nobody else. The answer is signed and was checked.
///
/// Status 0 for yes, 1 for no.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  echo 234567890124 | plinth authenticate --finger right-thumb=./thumb.iso --relying-party bank --key ./bank.pem
  plinth authenticate --number 234567890124 --name 'Ada Lovelace' --date-of-birth 1985-12-10 \\
    --relying-party bank --key ./bank.pem --save ./evidence")]
pub(crate) struct Args {
    /// The person's number. Without it, it is read from standard input, where other users of this machine do not see it.
    #[arg(long)]
    number: Option<String>,
    /// The full name.
    #[arg(long, value_parser = Name::parse)]
    name: Option<Name>,
    /// The date of birth, YYYY-MM-DD.
    #[arg(long, value_name = "DATE", value_parser = DateOfBirth::parse)]
    date_of_birth: Option<DateOfBirth>,
    /// The gender: F, M or T.
    #[arg(long, value_parser = gender)]
    gender: Option<Gender>,
    /// A finger's ISO/IEC 19794-2 record, for example right-thumb=thumb.iso; `unknown` is a position too. Repeatable.
    #[arg(long = "finger", value_name = "POSITION=FILE", value_parser = Finger::parse)]
    fingers: Vec<Finger>,
    /// What the answer is needed for; it is signed along with the request.
    #[arg(long, default_value = "authentication")]
    purpose: String,
    /// Your id as a relying party.
    #[arg(long, env = "PLINTH_RELYING_PARTY", value_name = "ID", value_parser = PartyId::parse)]
    relying_party: PartyId,
    /// Your private key.
    #[arg(long, env = "PLINTH_KEY", value_name = "FILE")]
    key: PathBuf,
    /// Keep the request and the answer in this directory, for `plinth verify`.
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    #[command(flatten)]
    service: Service,
}

/// A finger as it is named on the command line.
#[derive(Clone)]
struct Finger {
    position: FingerPosition,
    file: PathBuf,
}

impl Finger {
    fn parse(text: &str) -> Result<Self, String> {
        let (position, file) =
            text.split_once('=').ok_or("write it as POSITION=FILE, for example right-thumb=thumb.iso")?;
        let position = position.parse().map_err(|error: plinth_biometrics::RecordError| error.to_string())?;
        Ok(Self { position, file: file.into() })
    }

    fn read(&self) -> anyhow::Result<FingerSample> {
        let record =
            std::fs::read(&self.file).with_context(|| format!("cannot read {}", self.file.display()))?;
        Ok(FingerSample { position: self.position, record })
    }
}

fn gender(text: &str) -> Result<Gender, String> {
    let mut letters = text.chars();
    let known = letters.next().and_then(Gender::from_letter).filter(|_| letters.next().is_none());
    known.ok_or_else(|| "must be F, M or T".to_owned())
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let number = number(args.number)?;
    let fingers = args.fingers.iter().map(Finger::read).collect::<anyhow::Result<_>>()?;
    let claim = DemographicClaim { name: args.name, date_of_birth: args.date_of_birth, gender: args.gender };
    let key = key_file::read_private(&args.key)?;
    let (connection, trust) = args.service.open().await?;
    let relying_party = RelyingParty::new(connection, args.relying_party, key, trust);

    let draft = AuthenticationDraft { number, claim, fingers, purpose: args.purpose };
    let request = relying_party.request(draft, moment::now()).map_err(explain)?;
    let answer = relying_party.authenticate(&request).await.map_err(explain)?;
    print(&answer.statement);
    if let Some(directory) = &args.save {
        save(directory, &request, &answer)?;
    }
    Ok(match answer.statement.verdict {
        Verdict::Yes => ExitCode::SUCCESS,
        Verdict::No => ExitCode::FAILURE,
    })
}

fn number(given: Option<String>) -> anyhow::Result<IdentityNumber> {
    let text = match given {
        Some(text) => text,
        None => std::io::stdin().lock().lines().next().transpose()?.unwrap_or_default(),
    };
    IdentityNumber::parse(text.trim())
        .map_err(|error| anyhow!("the number is not one: {error}; check it against the person's document"))
}

fn print(statement: &AuthenticationStatement) {
    match statement.verdict {
        Verdict::Yes => println!("yes"),
        Verdict::No => println!("no"),
    }
    if let Some(reason) = statement.reason {
        println!("reason       {reason}: {}", reason.explanation());
    }
    if let Some(token) = &statement.token {
        println!("person       {}", HEXLOWER.encode(token.as_bytes()));
    }
    println!("decided at   {}", statement.header.decided_at);
    println!("logged at    {}", statement.header.log_position);
}

fn save(
    directory: &Path,
    request: &SignedRequest,
    answer: &Answered<AuthenticationStatement>,
) -> anyhow::Result<()> {
    let name = request.request_id().to_string();
    let put = |extension: &str, bytes: Vec<u8>| {
        let path = directory.join(format!("{name}.{extension}"));
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{extension:<12} {}", path.display());
        Ok::<_, anyhow::Error>(())
    };
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot make the directory {}", directory.display()))?;
    put("request", request.to_bytes())?;
    put("answer", answer.to_bytes())
}
