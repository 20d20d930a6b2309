//! `plinth verify`: checks a signed answer offline.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use data_encoding::HEXLOWER;
use plinth_client::{SignedRequest, Trust, envelope_from_bytes, verify};
use plinth_identity::authentication::Verdict;
use plinth_identity::dsse::{Envelope, PublicKey, Verified, payload_type};
use plinth_identity::id::DeploymentId;
use plinth_identity::statement::{
    AuthenticationStatement, EnrolmentOutcome, EnrolmentStatement, StatementHeader,
};
use plinth_proto::convert::authentication::decode_authentication_statement;
use plinth_proto::convert::enrolment::decode_enrolment_statement;

use crate::key_file;

/// Check a signed answer offline.
///
/// Checks that the service signed the answer, that it answers exactly this request, and that it names the party and the
/// request that the request names. Needs no network and nobody's word. Status 0 if all of it holds, whatever the answer
/// says; 1 if anything does not.
#[derive(clap::Args)]
#[command(after_long_help = "\
Example, with the files that `plinth authenticate --save` or `plinth enrol --report` kept:
  plinth verify --request ./evidence/ID.request --answer ./evidence/ID.answer --service-key ./service.pem")]
pub(crate) struct Args {
    /// The request, as it was sent.
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// The answer, as it was received.
    #[arg(long, value_name = "FILE")]
    answer: PathBuf,
    /// The service's public key (PEM), as `plinth init` wrote it.
    #[arg(long, env = "PLINTH_SERVICE_KEY", value_name = "FILE")]
    service_key: PathBuf,
    /// The deployment that must have answered, as `plinth init` printed it. Without it: whichever has that key.
    #[arg(long, value_name = "ID", value_parser = DeploymentId::parse)]
    deployment: Option<DeploymentId>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let key = key_file::read_public(&args.service_key)?;
    let request = read(&args.request, "request")?;
    let request = SignedRequest::from_envelope(request).with_context(|| not_a("request", &args.request))?;
    let answer = read(&args.answer, "answer")?;
    check(request.envelope(), &answer, key, args.deployment).context("NOT GENUINE")?;
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path, what: &str) -> anyhow::Result<Envelope> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    envelope_from_bytes(&bytes).with_context(|| not_a(what, file))
}

fn not_a(what: &str, file: &Path) -> String {
    format!("{} is not a {what} file", file.display())
}

fn check(
    request: &Envelope,
    answer: &Envelope,
    key: PublicKey,
    deployment: Option<DeploymentId>,
) -> anyhow::Result<()> {
    let kind = answer.payload_type().to_owned();
    let verified = answer.verify(&kind, &key).context("the answer was not signed with this service key")?;
    match kind.as_str() {
        payload_type::AUTHENTICATION_STATEMENT => {
            let trust = trust(deployment, decode_authentication_statement(&verified)?.header.issuer, key);
            let statement = verify::authentication(request, answer, &trust)?;
            print_header("authentication", &verified, &statement.header);
            print_authentication(&statement);
        }
        payload_type::ENROLMENT_STATEMENT => {
            let trust = trust(deployment, decode_enrolment_statement(&verified)?.header.issuer, key);
            let statement = verify::enrolment(request, answer, &trust)?;
            print_header("enrolment", &verified, &statement.header);
            print_enrolment(&statement);
        }
        other => bail!("the answer is of a kind that this command does not check: {other}"),
    }
    Ok(())
}

/// The deployment that was asked for, or else the one that the answer names: a service key belongs to one deployment.
fn trust(asked: Option<DeploymentId>, named: DeploymentId, key: PublicKey) -> Trust {
    Trust::new(asked.unwrap_or(named), vec![key])
}

fn print_header(what: &str, verified: &Verified, header: &StatementHeader) {
    println!("genuine      {what} statement");
    println!("signed by    {}", verified.key_id());
    println!("deployment   {}", header.issuer);
    println!("request      {}", HEXLOWER.encode(header.request.as_bytes()));
    println!("decided at   {}", header.decided_at);
    println!("logged at    {}", header.log_position);
}

fn print_authentication(statement: &AuthenticationStatement) {
    println!("asked by     {}", statement.relying_party);
    println!("verdict      {}", if statement.verdict == Verdict::Yes { "yes" } else { "no" });
    if let Some(reason) = statement.reason {
        println!("reason       {reason}");
    }
    if let Some(token) = &statement.token {
        println!("person       {}", HEXLOWER.encode(token.as_bytes()));
    }
}

fn print_enrolment(statement: &EnrolmentStatement) {
    println!("asked by     {}", statement.agency);
    println!("request id   {}", statement.request_id);
    match &statement.outcome {
        // Masked: whoever checks the answer has the file and needs no copy on the screen.
        EnrolmentOutcome::Issued { number } => println!("outcome      issued {number}"),
        EnrolmentOutcome::Duplicate => println!("outcome      duplicate"),
        EnrolmentOutcome::Pending { case } => println!("outcome      pending, case {case}"),
        EnrolmentOutcome::Refused => println!("outcome      refused"),
    }
    println!("searched     {} people", statement.searched);
}
