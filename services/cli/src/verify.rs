//! `plinth verify`: checks a signed answer offline.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use data_encoding::HEXLOWER;
use plinth_client::{SignedMessage, SignedRequest, Trust, open_person, verify};
use plinth_identity::authentication::Verdict;
use plinth_identity::dsse::{Envelope, KeyId, PublicKey, payload_type};
use plinth_identity::id::{DeploymentId, PartyId, RelyingPartyToken};
use plinth_identity::reason::Reason;
use plinth_identity::sealing::EncryptionKey;
use plinth_identity::statement::{
    AuthenticationStatement, EnrolmentOutcome, EnrolmentStatement, OtpStatement, ResidentOutcome,
    ResidentStatement, StatementHeader,
};
use plinth_proto::convert::authentication::decode_authentication_statement;
use plinth_proto::convert::batch::decode_batch_root;
use plinth_proto::convert::enrolment::decode_enrolment_statement;
use plinth_proto::convert::otp::decode_otp_statement;
use plinth_proto::convert::personal_data::decode_person_statement;
use plinth_proto::convert::resident::decode_resident_statement;

use crate::person::print_attributes;
use crate::{envelope_json, key_file, words};

/// Check a signed answer offline.
///
/// Checks that the service signed the answer, that it answers exactly this request, and that it names the party and the
/// request that the request names. Needs no network and nobody's word. The files are those of --save or --report, or the
/// JSON of --print-json and of the answer that `buf curl` prints. Status 0 if all of it holds, whatever the answer says; 1
/// if anything does not.
#[derive(clap::Args)]
#[command(after_long_help = "\
Example, with the files that `plinth authenticate --save` or `plinth enrol --report` kept:
  plinth verify --request ./evidence/ID.request --answer ./evidence/ID.answer --service-key ./service.pem

With JSON files, and the attributes of a person opened:
  plinth verify --request request.json --answer answer.json --service-key ./service.pem \\
    --encryption-key ./bank-reading.key")]
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
    /// Your private encryption key: print the attributes that the answer carries.
    #[arg(long, env = "PLINTH_ENCRYPTION_KEY", value_name = "FILE")]
    encryption_key: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let key = key_file::read_public(&args.service_key)?;
    let encryption_key = args.encryption_key.as_deref().map(key_file::read_encryption).transpose()?;
    match (read(&args.request, "request")?, read(&args.answer, "answer")?) {
        (SignedMessage::Alone(request), SignedMessage::Alone(answer)) => {
            let request =
                SignedRequest::from_envelope(request).with_context(|| not_a("request", &args.request))?;
            check(&request, &answer, key, args.deployment, encryption_key.as_ref()).context("NOT GENUINE")?;
        }
        (request, answer) => {
            check_below(&request, &answer, key, args.deployment).context("NOT GENUINE")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A request or an answer that was signed together with others: an authentication.
fn check_below(
    request: &SignedMessage,
    answer: &SignedMessage,
    key: PublicKey,
    deployment: Option<DeploymentId>,
) -> anyhow::Result<()> {
    let named = match answer {
        SignedMessage::Below(below) => {
            let root = below.root.verify(payload_type::BATCH_ROOT, &key);
            decode_batch_root(&root.context("the root was not signed with this service key")?)?.issuer
        }
        SignedMessage::Alone(answer) => {
            let verified = answer.verify(payload_type::AUTHENTICATION_STATEMENT, &key);
            let verified = verified.context("the answer was not signed with this service key")?;
            decode_authentication_statement(&verified)?.header.issuer
        }
    };
    let trust = trust(deployment, named, key);
    let statement = verify::proved_authentication(request, answer, &trust)?;
    print_header("authentication", key.key_id(), &statement.header);
    if let SignedMessage::Below(_) = answer {
        println!("signed       below a root, with others");
    }
    print_authentication(&statement);
    Ok(())
}

fn read(file: &Path, what: &str) -> anyhow::Result<SignedMessage> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    envelope_json::read(&bytes).with_context(|| not_a(what, file))
}

fn not_a(what: &str, file: &Path) -> String {
    format!("{} is not a {what} file", file.display())
}

fn check(
    signed: &SignedRequest,
    answer: &Envelope,
    key: PublicKey,
    deployment: Option<DeploymentId>,
    encryption_key: Option<&EncryptionKey>,
) -> anyhow::Result<()> {
    let request = signed.envelope();
    let kind = answer.payload_type().to_owned();
    let verified = answer.verify(&kind, &key).context("the answer was not signed with this service key")?;
    match kind.as_str() {
        payload_type::AUTHENTICATION_STATEMENT => {
            let trust = trust(deployment, decode_authentication_statement(&verified)?.header.issuer, key);
            let statement = verify::authentication(request, answer, &trust)?;
            print_header("authentication", verified.key_id(), &statement.header);
            print_authentication(&statement);
        }
        payload_type::OTP_STATEMENT => {
            let trust = trust(deployment, decode_otp_statement(&verified)?.header.issuer, key);
            let statement = verify::otp(request, answer, &trust)?;
            print_header("one-time code", verified.key_id(), &statement.header);
            print_otp(&statement);
        }
        payload_type::PERSON_STATEMENT => {
            let trust = trust(deployment, decode_person_statement(&verified)?.header.issuer, key);
            let statement = verify::person(request, answer, &trust)?;
            print_header("personal data", verified.key_id(), &statement.header);
            print_verdict(&statement.relying_party, statement.verdict, statement.reason);
            print_token(statement.token.as_ref());
            println!("attributes   {}", words::list_attributes(statement.attributes));
            if let (Some(key), Verdict::Yes) = (encryption_key, statement.verdict) {
                print_attributes(&open_person(signed, &statement, key)?);
            }
        }
        payload_type::RESIDENT_STATEMENT => {
            let trust = trust(deployment, decode_resident_statement(&verified)?.header.issuer, key);
            let statement = verify::resident(request, answer, &trust)?;
            print_header("resident", verified.key_id(), &statement.header);
            print_resident(&statement);
        }
        payload_type::ENROLMENT_STATEMENT => {
            let trust = trust(deployment, decode_enrolment_statement(&verified)?.header.issuer, key);
            let statement = verify::enrolment(request, answer, &trust)?;
            print_header("enrolment", verified.key_id(), &statement.header);
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

fn print_authentication(statement: &AuthenticationStatement) {
    print_verdict(&statement.relying_party, statement.verdict, statement.reason);
    print_token(statement.token.as_ref());
    if statement.buffered {
        println!("captured     offline");
    }
}

fn print_header(what: &str, signer: KeyId, header: &StatementHeader) {
    println!("genuine      {what} statement");
    println!("signed by    {signer}");
    println!("deployment   {}", header.issuer);
    println!("request      {}", HEXLOWER.encode(header.request.as_bytes()));
    println!("decided at   {}", header.decided_at);
    println!("logged at    {}", header.log_position);
}

fn print_verdict(party: &PartyId, verdict: Verdict, reason: Option<Reason>) {
    println!("asked by     {party}");
    println!("verdict      {}", if verdict == Verdict::Yes { "yes" } else { "no" });
    if let Some(reason) = reason {
        println!("reason       {reason}");
    }
}

fn print_token(token: Option<&RelyingPartyToken>) {
    if let Some(token) = token {
        println!("person       {}", HEXLOWER.encode(token.as_bytes()));
    }
}

fn print_otp(statement: &OtpStatement) {
    println!("asked by     {}", statement.relying_party);
    println!("transaction  {}", statement.transaction);
    println!("good until   {}", statement.expires_at);
}

/// Secrets stay in the file: whoever checks it has it, and needs no copy on the screen.
fn print_resident(statement: &ResidentStatement) {
    print_verdict(&statement.agent, statement.verdict, statement.reason);
    let outcome = match &statement.outcome {
        None => return,
        Some(ResidentOutcome::VirtualNumber { number, .. }) => format!("virtual number {number}"),
        Some(ResidentOutcome::VirtualNumberRevoked) => "virtual number revoked".to_owned(),
        Some(ResidentOutcome::Locks(_)) => "locks set".to_owned(),
        Some(ResidentOutcome::Totp { .. }) => "authenticator created".to_owned(),
        Some(ResidentOutcome::TotpRemoved) => "authenticator void".to_owned(),
        Some(ResidentOutcome::History { entries, .. }) => format!("history, {} entries", entries.len()),
    };
    println!("outcome      {outcome}");
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
    // How alike was alike, at this size of the gallery.
    println!("target FPIR  {:e}, of a whole search", statement.target_fpir);
    println!("alike        at a false match rate of {:.1e} a comparison", statement.adjudicate_fmr);
    println!("duplicate    at {:.1e}", statement.duplicate_fmr);
}
