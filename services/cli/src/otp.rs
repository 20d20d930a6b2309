//! `plinth otp`: one-time codes that the service sends to people.

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use plinth_identity::authentication::{Channel, ChannelSet};

use crate::asker::Asker;
use crate::connect::explain;
use crate::holder::Holder;
use crate::moment;

/// Have one-time codes sent to people.
#[derive(Subcommand)]
pub(crate) enum OtpCommand {
    /// Have a one-time code sent to a person, as a relying party.
    ///
    /// Six digits, good for ten minutes, for one use, by this relying party and for this transaction only. Prints the
    /// transaction, which `plinth authenticate --otp CODE --transaction ID` names. The answer is the same for a number that
    /// nobody holds; then nothing is sent.
    #[command(after_long_help = "\
Examples:
  echo 234567890124 | plinth otp request --relying-party bank --key ./bank.pem
  plinth otp request --number 234567890124 --channels sms --relying-party bank --key ./bank.pem")]
    Request(Box<RequestArgs>),
}

#[derive(clap::Args)]
pub(crate) struct RequestArgs {
    #[command(flatten)]
    holder: Holder,
    /// Where the code goes: to each of these that is recorded of the person.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [ChannelName::Sms, ChannelName::Email])]
    channels: Vec<ChannelName>,
    /// What the code is needed for; it is signed along with the request.
    #[arg(long, default_value = "authentication")]
    purpose: String,
    #[command(flatten)]
    asker: Asker,
}

/// A channel as it is written on the command line.
#[derive(Clone, Copy, ValueEnum)]
enum ChannelName {
    /// A text message to the recorded phone.
    Sms,
    /// A message to the recorded e-mail address.
    Email,
}

impl From<ChannelName> for Channel {
    fn from(name: ChannelName) -> Self {
        match name {
            ChannelName::Sms => Self::Sms,
            ChannelName::Email => Self::Email,
        }
    }
}

pub(crate) async fn run(command: OtpCommand) -> anyhow::Result<ExitCode> {
    let OtpCommand::Request(args) = command;
    let identifier = args.holder.read()?;
    let channels: Vec<Channel> = args.channels.into_iter().map(Channel::from).collect();
    let channels = ChannelSet::new(&channels)?;
    let relying_party = args.asker.open().await?;
    let request =
        relying_party.otp_request(identifier, channels, &args.purpose, moment::now()).map_err(explain)?;
    if args.asker.prints(&request)? {
        return Ok(ExitCode::SUCCESS);
    }
    let answer = relying_party.request_otp(&request).await.map_err(explain)?;
    println!("transaction  {}", answer.statement.transaction);
    println!("good until   {}", answer.statement.expires_at);
    println!("logged at    {}", answer.statement.header.log_position);
    args.asker.keep(&request, &answer.to_bytes())?;
    Ok(ExitCode::SUCCESS)
}
