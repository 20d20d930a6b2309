//! `plinth cases`: people whom the matcher could not tell apart, for administrators to decide on.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use clap::Subcommand;
use data_encoding::HEXLOWER;
use plinth_client::{Administrator, envelope_from_bytes, envelope_to_bytes};
use plinth_identity::case::CaseDecision;
use plinth_identity::dsse::{Envelope, payload_type};
use plinth_identity::id::CaseId;
use plinth_identity::party::PartyKind;
use plinth_identity::statement::RegistryChange;
use plinth_identity::time::Timestamp;
use plinth_proto::convert::registry::decode_case_decision;
use plinth_proto::person::v1::{Demographics, Gender};
use plinth_proto::registry::v1::{Case, CaseCandidate, CaseVerdict, Decision};

use crate::connect::{Administration, explain};
use crate::table::{Table, printable};
use crate::{key_file, moment};

/// Cases a request.
const PAGE: u32 = 200;

/// List, read and decide the cases that matching left to people.
///
/// A case is somebody whose fingers are too like somebody else's to be new and not like enough to be a duplicate. Nothing
/// is issued until two administrators decide.
#[derive(Subcommand)]
pub(crate) enum CasesCommand {
    /// List the cases that wait for a decision.
    #[command(after_long_help = "\
Example:
  plinth cases list --admin-key ./admins/admin-1.pem")]
    List(Box<ListArgs>),
    /// Show a case: the applicant, and whom they resemble.
    #[command(after_long_help = "\
Example:
  plinth cases show 7 --admin-key ./admins/admin-1.pem")]
    Show(Box<ShowArgs>),
    /// Decide a case, with the signatures of two administrators.
    ///
    /// Both sign the same bytes: at one terminal with two keys, or one after the other, where the first writes an approval
    /// file and the second adds it within a day. Whoever adds a file states the same decision, and is shown what they sign.
    #[command(after_long_help = "\
Examples, at one terminal:
  plinth cases decide 7 --issue --reason 'Twins, both present' \\
    --admin-key ./admins/admin-1.pem --admin-key ./admins/admin-2.pem

One after the other:
  plinth cases decide 7 --refuse --reason 'Same person' --admin-key ./admin-1.pem --sign ./case-7.approval
  plinth cases decide 7 --refuse --approval ./case-7.approval --admin-id admin-2 --admin-key ./admin-2.pem")]
    Decide(Box<DecideArgs>),
}

#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// Also list the cases that are decided.
    #[arg(long)]
    all: bool,
    /// Your private key as an administrator.
    #[arg(long, env = "PLINTH_ADMIN_KEY", value_name = "FILE")]
    admin_key: PathBuf,
    #[command(flatten)]
    administration: Administration,
}

#[derive(clap::Args)]
pub(crate) struct ShowArgs {
    /// The case.
    #[arg(value_name = "CASE")]
    case: u64,
    /// Your private key as an administrator.
    #[arg(long, env = "PLINTH_ADMIN_KEY", value_name = "FILE")]
    admin_key: PathBuf,
    #[command(flatten)]
    administration: Administration,
}

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("decision").required(true).args(["issue", "refuse"]))]
pub(crate) struct DecideArgs {
    /// The case.
    #[arg(value_name = "CASE")]
    case: u64,
    /// Another person: issue a number.
    #[arg(long)]
    issue: bool,
    /// The same person again: issue nothing.
    #[arg(long)]
    refuse: bool,
    /// Why, for those who read the case later.
    #[arg(long, value_name = "TEXT", required_unless_present = "approval")]
    reason: Option<String>,
    /// An administrator's private key. Give two, or one together with --sign or --approval.
    #[arg(long = "admin-key", env = "PLINTH_ADMIN_KEY", value_name = "FILE", required = true)]
    admin_keys: Vec<PathBuf>,
    /// Sign the decision and write an approval file for a colleague, instead of deciding.
    #[arg(long, value_name = "FILE", conflicts_with = "approval")]
    sign: Option<PathBuf>,
    /// A colleague's approval file, to be added to yours.
    #[arg(long, value_name = "FILE", conflicts_with = "reason")]
    approval: Option<PathBuf>,
    #[command(flatten)]
    administration: Administration,
}

pub(crate) async fn run(command: CasesCommand) -> anyhow::Result<ExitCode> {
    match command {
        CasesCommand::List(args) => {
            let administrator = args.administration.open(&args.admin_key).await?;
            list(&administrator, !args.all).await
        }
        CasesCommand::Show(args) => {
            let administrator = args.administration.open(&args.admin_key).await?;
            let case = administrator.case(CaseId::new(args.case), moment::now()).await.map_err(explain)?;
            show(&case);
            Ok(ExitCode::SUCCESS)
        }
        CasesCommand::Decide(args) => decide(*args).await,
    }
}

async fn list(administrator: &Administrator, open_only: bool) -> anyhow::Result<ExitCode> {
    let mut table = Table::new(&["case", "opened", "agency", "candidates", "most alike", "state"]);
    let mut page = String::new();
    loop {
        let (cases, next) =
            administrator.cases(open_only, &page, PAGE, moment::now()).await.map_err(explain)?;
        for case in &cases {
            table.row([
                case.case_id.to_string(),
                Timestamp::from_millis(case.opened_at_ms).to_string(),
                case.request.as_ref().map(|request| request.agency.clone()).unwrap_or_default(),
                case.candidates.len().to_string(),
                case.candidates.first().map(likeness).unwrap_or_default(),
                case.decided.as_ref().map_or("open", decision_name).to_owned(),
            ]);
        }
        if next.is_empty() {
            break;
        }
        page = next;
    }
    print!("{table}");
    Ok(ExitCode::SUCCESS)
}

fn show(case: &Case) {
    println!("case         {}", case.case_id);
    println!("opened       {}", Timestamp::from_millis(case.opened_at_ms));
    for request in case.request.iter().chain(&case.joined) {
        println!("request      {} of {}", HEXLOWER.encode(&request.request_id), printable(&request.agency));
    }
    if let Some(verdict) = &case.decided {
        println!(
            "decided      {}, {}",
            decision_name(verdict),
            Timestamp::from_millis(verdict.decided_at_ms)
        );
        println!("by           {}", printable(&verdict.administrators.join(", ")));
        println!("because      {}", printable(&verdict.reason));
    }
    println!();
    let mut table = Table::new(&["who", "name", "born", "gender", "number", "enrolled by", "on", "alike"]);
    table.row(person(
        "applicant",
        case.applicant.as_ref(),
        [String::new(), String::new(), String::new(), String::new()],
    ));
    for candidate in &case.candidates {
        let on = match candidate.enrolled_at_ms {
            0 => String::new(),
            millis => Timestamp::from_millis(millis).to_string(),
        };
        let rest = [candidate.number_masked.clone(), candidate.agency.clone(), on, likeness(candidate)];
        table.row(person("candidate", candidate.demographics.as_ref(), rest));
    }
    print!("{table}");
    println!(
        "\nalike: how much likelier these fingers are if it is the same person than if it is not, as a power of ten"
    );
}

fn person(who: &str, demographics: Option<&Demographics>, rest: [String; 4]) -> Vec<String> {
    let mut row = vec![who.to_owned()];
    match demographics {
        None => row.extend(["(withdrawn or pending)".to_owned(), String::new(), String::new()]),
        Some(person) => {
            let gender = match person.gender() {
                Gender::Female => "F",
                Gender::Male => "M",
                Gender::Third => "T",
                Gender::Unspecified => "",
            };
            row.extend([person.name.clone(), person.date_of_birth.clone(), gender.to_owned()]);
        }
    }
    row.extend(rest);
    row
}

/// The likelihood ratio as a power of ten.
fn likeness(candidate: &CaseCandidate) -> String {
    format!("10^{:.1}", candidate.llr)
}

fn decision_name(verdict: &CaseVerdict) -> &'static str {
    match verdict.decision() {
        Decision::Issue => "issued",
        Decision::Refuse => "refused",
        Decision::Unspecified => "decided",
    }
}

async fn decide(args: DecideArgs) -> anyhow::Result<ExitCode> {
    let decision = if args.issue { CaseDecision::Issue } else { CaseDecision::Refuse };
    let case = CaseId::new(args.case);
    let (first, second) = match args.admin_keys.as_slice() {
        [first] => (first, None),
        [first, second] => (first, Some(second)),
        _ => bail!("a case is decided by two administrators: give --admin-key twice at most"),
    };
    let administrator = args.administration.open(first).await?;
    let approval = match (&args.approval, &args.reason) {
        (Some(file), _) => Some(read_approval(file, &administrator, case, decision).await?),
        (None, Some(_)) => None,
        (None, None) => bail!("say why: --reason TEXT"),
    };
    let payload = match (&approval, &args.reason) {
        (Some(approval), _) => approval.payload().to_vec(),
        (None, reason) => {
            let reason = reason.as_deref().unwrap_or_default();
            administrator.case_decision(case, decision, reason, moment::now()).map_err(explain)?
        }
    };
    let mine = administrator.approve(payload.clone());
    if let Some(file) = &args.sign {
        return write_approval(file, &mine);
    }
    let other = match (approval, second) {
        (Some(approval), None) => approval,
        (None, Some(key)) => key_file::read_private(key)?.sign(payload_type::CASE_DECISION, payload),
        (Some(_), Some(_)) => {
            bail!("an approval file and two keys are three signatures: give one key with --approval")
        }
        (None, None) => bail!(
            "a case is decided by two administrators: give a second --admin-key, or --sign FILE for a colleague"
        ),
    };
    send(&administrator, [mine, other]).await
}

async fn send(administrator: &Administrator, approvals: [Envelope; 2]) -> anyhow::Result<ExitCode> {
    let answer = administrator.decide_case(approvals).await.map_err(explain)?;
    match &answer.statement.change {
        RegistryChange::CaseExtended { case } => {
            println!(
                "case {case} is NOT decided: people who enrolled since it was opened resemble the applicant too"
            );
            println!("read it again with `plinth cases show {case}`, and decide again");
            return Ok(ExitCode::FAILURE);
        }
        RegistryChange::CaseDecided { case, decision: CaseDecision::Issue } => {
            println!("case {case}: issued")
        }
        RegistryChange::CaseDecided { case, decision: CaseDecision::Refuse } => {
            println!("case {case}: refused")
        }
        _ => bail!("the service answered with a statement about something else"),
    }
    println!("logged at    {}", answer.statement.header.log_position);
    println!("the agency gets the outcome with `plinth enrol`, run again with the same report directory");
    Ok(ExitCode::SUCCESS)
}

fn write_approval(file: &Path, approval: &Envelope) -> anyhow::Result<ExitCode> {
    std::fs::write(file, envelope_to_bytes(approval))
        .with_context(|| format!("cannot write {}", file.display()))?;
    println!("approval     {}  (give it to another administrator; it is good for a day)", file.display());
    Ok(ExitCode::SUCCESS)
}

/// Reads a colleague's approval, and shows what it approves. Whoever signs the same bytes must know what they say.
async fn read_approval(
    file: &Path,
    administrator: &Administrator,
    case: CaseId,
    decision: CaseDecision,
) -> anyhow::Result<Envelope> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let approval =
        envelope_from_bytes(&bytes).with_context(|| format!("{} is not an approval file", file.display()))?;
    let colleagues = administrator.parties(PartyKind::Administrator, moment::now()).await.map_err(explain)?;
    let signed = colleagues.iter().find_map(|colleague| {
        let verified = approval.verify(payload_type::CASE_DECISION, &colleague.key).ok()?;
        Some((colleague, verified))
    });
    let (colleague, verified) = signed
        .ok_or_else(|| anyhow!("{} was not signed by an administrator of this deployment", file.display()))?;
    let order = decode_case_decision(&verified, &colleague.id)?;
    println!("approved by  {} ({})", colleague.id, printable(&colleague.display_name));
    println!("reason       {}", printable(&order.reason));
    if order.case != case {
        bail!("{} approves a decision of case {}, not of case {case}", file.display(), order.case);
    }
    if order.decision != decision {
        bail!("{} approves the opposite decision; talk to {} first", file.display(), colleague.id);
    }
    Ok(approval)
}
