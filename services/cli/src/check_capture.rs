//! `plinth check-capture`: what captured fingers are worth, before the person leaves.

mod people;
mod sheet;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use plinth_client::Agency;
use plinth_identity::capture::{CaptureLight, CaptureReport};
use plinth_identity::id::PartyId;
use plinth_identity::policy::DeduplicationPolicy;

use crate::connect::{Service, explain};
use crate::{envelope_json, key_file, moment};
use people::CapturedPerson;

/// Check captured fingers before the person leaves, as an agency. Nothing is stored.
///
/// Tells of every record whether it can be read, how many minutiae can be used, how probably a later capture of the
/// person will be recognised by it, and which fingers to capture again. Two records of one finger are found out. Nobody
/// who is enrolled is looked at: the answer says nothing about them.
///
/// PATH is a person's JSON file or a folder of them, as `plinth enrol` takes them; a folder of records, named
/// right-thumb.iso and so on; or one person's records, as FILE or POSITION=FILE.
///
/// Status 0 if everybody is ready to be enrolled, 1 if not.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  plinth check-capture ./people --agency north --key ./agency.pem
  plinth check-capture right-thumb=./a.iso left-thumb=./b.iso --offline
  plinth check-capture ./ada/fingers --offline --json")]
pub(crate) struct Args {
    /// A person's file, a folder, or records.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Your id as an agency.
    #[arg(long, env = "PLINTH_AGENCY", value_name = "ID", value_parser = PartyId::parse, required_unless_present = "offline")]
    agency: Option<PartyId>,
    /// Your private key.
    #[arg(long, env = "PLINTH_KEY", value_name = "FILE", required_unless_present = "offline")]
    key: Option<PathBuf>,
    /// Check here, without a service, by the thresholds that a service has unless it is told otherwise.
    #[arg(long)]
    offline: bool,
    /// With --offline: how many people the service has enrolled. The more they are, the more likeness it takes.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, requires = "offline")]
    people: u64,
    /// Print JSON, a line a person, instead of tables.
    #[arg(long)]
    json: bool,
    /// Print the signed request as JSON, as `buf curl --data @-` takes it, and do not send it. For one person.
    #[arg(long, conflicts_with_all = ["offline", "json"])]
    print_json: bool,
    #[command(flatten)]
    service: Service,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let people = people::read(&args.paths)?;
    let agency = agency(&args).await?;
    if args.print_json {
        let ([person], Some(agency)) = (people.as_slice(), &agency) else {
            bail!("--print-json takes one person at a time");
        };
        let query = agency.capture_query(person.samples.clone(), moment::now()).map_err(explain)?;
        println!("{}", envelope_json::request(query.envelope())?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut ready = true;
    for (index, person) in people.into_iter().enumerate() {
        let report =
            check(agency.as_ref(), &person, args.people).await.with_context(|| person.name.clone())?;
        ready &= report.light == CaptureLight::Ready;
        if args.json {
            println!("{}", sheet::json(&person.name, &report)?);
        } else {
            print!("{}{}", if index == 0 { "" } else { "\n" }, sheet::table(&person.name, &report));
        }
    }
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The agency at its service; nobody if the check is made here.
async fn agency(args: &Args) -> anyhow::Result<Option<Agency>> {
    let (false, Some(id), Some(key)) = (args.offline, &args.agency, &args.key) else { return Ok(None) };
    let key = key_file::read_private(key)?;
    let (connection, trust) = args.service.open().await?;
    Ok(Some(Agency::new(connection, id.clone(), key, trust)))
}

async fn check(
    agency: Option<&Agency>,
    person: &CapturedPerson,
    enrolled: u64,
) -> anyhow::Result<CaptureReport> {
    match agency {
        Some(agency) => agency.check_capture(person.samples.clone(), moment::now()).await.map_err(explain),
        None => {
            let rates = DeduplicationPolicy::default().rates(enrolled);
            Ok(CaptureReport::of(&person.samples, rates.adjudicate_fmr)?)
        }
    }
}
