//! `plinth authenticate`: asks whether a person is who they say.

use std::process::ExitCode;

use data_encoding::HEXLOWER;
use plinth_client::AuthenticationDraft;
use plinth_identity::authentication::Verdict;
use plinth_identity::batch::SignatureForm;
use plinth_identity::statement::AuthenticationStatement;

use crate::asker::Asker;
use crate::connect::explain;
use crate::holder::Holder;
use crate::moment;
use crate::shown::{Evidence, Shown};

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
    --relying-party bank --key ./bank.pem --save ./evidence
  plinth authenticate --virtual-number 2345678901234565 --otp 123456 --transaction ID \\
    --relying-party bank --key ./bank.pem

The same call with another tool, and its answer checked:
  plinth authenticate --number 234567890124 --name 'Ada Lovelace' --print-json \\
    --relying-party bank --key ./bank.pem > request.json
  buf curl --protocol grpc --http2-prior-knowledge --schema proto --data @request.json \\
    http://127.0.0.1:7770/plinth.authentication.v1.AuthenticationService/Authenticate \\
    > answer.json
  plinth verify --request request.json --answer answer.json --service-key ./admins/service.pem")]
pub(crate) struct Args {
    #[command(flatten)]
    holder: Holder,
    /// Captured without a connection: the request may be sent within 24 hours, and its answer says that it was late.
    #[arg(long)]
    buffered: bool,
    /// What the answer is needed for; it is signed along with the request.
    #[arg(long, default_value = "authentication")]
    purpose: String,
    /// Have the answer signed together with others that are decided at the same moment: it proves the same, and costs the
    /// service less.
    #[arg(long)]
    batch_signed: bool,
    #[command(flatten)]
    shown: Shown,
    #[command(flatten)]
    asker: Asker,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let identifier = args.holder.read()?;
    let Evidence { claim, fingers, code } = args.shown.read()?;
    let relying_party = args.asker.open().await?;
    let (buffered, purpose) = (args.buffered, args.purpose);
    let draft = AuthenticationDraft { identifier, claim, fingers, code, buffered, purpose };
    let request = relying_party.request(draft, moment::now()).map_err(explain)?;
    if args.asker.prints(&request)? {
        return Ok(ExitCode::SUCCESS);
    }
    let form = if args.batch_signed { SignatureForm::Batch } else { SignatureForm::Individual };
    let answer = relying_party.authenticate_as(&request, form).await.map_err(explain)?;
    print(&answer.statement);
    args.asker.keep(&request, &answer.to_bytes())?;
    Ok(match answer.statement.verdict {
        Verdict::Yes => ExitCode::SUCCESS,
        Verdict::No => ExitCode::FAILURE,
    })
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
    if statement.buffered {
        println!("captured     offline");
    }
    println!("decided at   {}", statement.header.decided_at);
    println!("logged at    {}", statement.header.log_position);
}
