//! `plinth reindex` and `plinth imports`: the 1:N index of a running service, and what imported registers are compared.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use plinth_client::Administrator;
use plinth_identity::statement::RegistryChange;
use plinth_proto::registry::v1::{CaseCandidate, IndexState};

use crate::connect::{Administration, explain};
use crate::moment;
use crate::table::Table;

/// How often a watched service is asked.
const WATCH: Duration = Duration::from_millis(500);
/// Pairs that are fetched at once.
const PAGE: u32 = 500;

/// Build the 1:N index anew while the service goes on.
///
/// A new index is built beside the one in use, under a new key, from the features that are stored: nobody is captured
/// again. Searches go on in the old one until the new one takes its place. A service that is stopped or killed on the way
/// goes on where it was. Do it when a key may have leaked, or after a version of Plinth whose notes ask for it.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  plinth reindex --admin-key ./admins/admin-1.pem
  plinth reindex --status --admin-key ./admins/admin-1.pem")]
pub(crate) struct ReindexArgs {
    /// Only show the state of the index.
    #[arg(long)]
    status: bool,
    /// Order it and return at once, instead of showing how far it is.
    #[arg(long, conflicts_with = "status")]
    no_wait: bool,
    #[command(flatten)]
    caller: Caller,
}

/// Show imported registers: how far they are compared, and whom they hold twice.
///
/// Everyone of an import is compared with all who came before them, in the background. Two people who hold numbers are
/// never merged by a machine: each pair is for two administrators to look into.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  plinth imports --admin-key ./admins/admin-1.pem
  plinth imports --findings 1 --admin-key ./admins/admin-1.pem")]
pub(crate) struct ImportsArgs {
    /// Show the pairs found in the import of this number.
    #[arg(long, value_name = "IMPORT")]
    findings: Option<u32>,
    #[command(flatten)]
    caller: Caller,
}

#[derive(clap::Args)]
struct Caller {
    /// Your private key as an administrator.
    #[arg(long, env = "PLINTH_ADMIN_KEY", value_name = "FILE")]
    admin_key: PathBuf,
    #[command(flatten)]
    administration: Administration,
}

pub(crate) async fn reindex(args: ReindexArgs) -> anyhow::Result<ExitCode> {
    let administrator = args.caller.administration.open(&args.caller.admin_key).await?;
    if !args.status {
        let ordered = administrator.renew_index(moment::now()).await.map_err(explain)?;
        let RegistryChange::IndexRenewed { epoch } = ordered.statement.change else {
            anyhow::bail!("the service states another change than the one that was ordered");
        };
        println!("an index under key {epoch} is being built");
        if !args.no_wait {
            watch(&administrator, epoch).await?;
        }
    }
    let state = administrator.index(moment::now()).await.map_err(explain)?;
    print!("{}", table(&state));
    Ok(ExitCode::SUCCESS)
}

async fn watch(administrator: &Administrator, epoch: u32) -> anyhow::Result<()> {
    let bar = ProgressBar::new(1)
        .with_style(ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} people, {eta} to go")?);
    loop {
        let state = administrator.index(moment::now()).await.map_err(explain)?;
        match state.renewal {
            Some(renewal) => {
                bar.set_length(renewal.of);
                bar.set_position(renewal.covered);
            }
            None if state.epoch >= epoch => break,
            None => {}
        }
        tokio::time::sleep(WATCH).await;
    }
    bar.finish_and_clear();
    println!("the new index has taken the place of the old one");
    Ok(())
}

fn table(state: &IndexState) -> Table {
    let mut table = Table::new(&["index", ""]);
    for (what, value) in [
        ("algorithm", u64::from(state.version)),
        ("key", u64::from(state.epoch)),
        ("people", state.people),
        ("of them in memory only", u64::from(state.newest)),
        ("segments on disk", u64::from(state.segments)),
        ("bytes on disk", state.bytes),
    ] {
        table.row([what.to_owned(), value.to_string()]);
    }
    if let Some(renewal) = &state.renewal {
        let covered = format!("{} of {} people", renewal.covered, renewal.of);
        table.row([format!("being built, key {}", renewal.epoch), covered]);
    }
    table
}

pub(crate) async fn imports(args: ImportsArgs) -> anyhow::Result<ExitCode> {
    let administrator = args.caller.administration.open(&args.caller.admin_key).await?;
    match args.findings {
        Some(import) => findings(&administrator, import).await?,
        None => {
            let state = administrator.index(moment::now()).await.map_err(explain)?;
            let mut table = Table::new(&["import", "register", "people", "compared", "loaded", "pairs"]);
            for import in &state.imports {
                table.row([
                    import.import_id.to_string(),
                    import.name.clone(),
                    import.people.to_string(),
                    import.compared.to_string(),
                    if import.loaded { "all" } else { "not yet" }.to_owned(),
                    import.findings.to_string(),
                ]);
            }
            print!("{table}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn findings(administrator: &Administrator, import: u32) -> anyhow::Result<()> {
    let mut table = Table::new(&["later", "name", "earlier", "name", "log10 likelihood ratio", "fingers"]);
    let mut token = String::new();
    loop {
        let (page, next) =
            administrator.findings(import, &token, PAGE, moment::now()).await.map_err(explain)?;
        for found in page {
            let (later, earlier) = (found.later.unwrap_or_default(), found.earlier.unwrap_or_default());
            let ratio = format!("{:.1}", later.llr);
            let fingers = found.fingers.to_string();
            let [name, other] = [&later, &earlier].map(name);
            table.row([later.number_masked, name, earlier.number_masked, other, ratio, fingers]);
        }
        token = next;
        if token.is_empty() {
            break;
        }
    }
    print!("{table}");
    Ok(())
}

fn name(candidate: &CaseCandidate) -> String {
    candidate.demographics.as_ref().map(|demographics| demographics.name.clone()).unwrap_or_default()
}
