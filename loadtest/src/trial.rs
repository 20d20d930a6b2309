use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use clap::Args;

use crate::bare::verify_and_sign_us;
use crate::durable::Durable;
use crate::echo::Echoing;
use crate::enrolment::{Person, enrol};
use crate::load::{Driven, Load, drive};
use crate::parties::Parties;
use crate::plan::Plan;
use crate::process::cpu_time;
use crate::question::{Kind, Question, ask};
use crate::report::{Floor, Report, Step};
use crate::service::Service;
use crate::target::Target;

/// Arguments of a trial with a service of its own.
#[derive(Args)]
pub(crate) struct Run {
    /// The program `plinth`.
    #[arg(long, value_name = "BIN")]
    plinth: PathBuf,
    /// Where the fresh folder goes; it should be a disk, not memory, for syncs to cost what they cost.
    #[arg(long, value_name = "DIR", default_value_os_t = std::env::temp_dir())]
    below: PathBuf,
    #[command(flatten)]
    plan: Plan,
}

/// Arguments of a trial against a service that runs.
#[derive(Args)]
pub(crate) struct Against {
    /// Where relying parties connect, for example http://127.0.0.1:7770.
    #[arg(long, value_name = "URL")]
    server: String,
    /// Where administrators connect, for example http://127.0.0.1:7771.
    #[arg(long, value_name = "URL")]
    admin: String,
    /// The administrator's id.
    #[arg(long, default_value = "admin-1")]
    admin_id: String,
    /// The administrator's key file.
    #[arg(long, value_name = "FILE")]
    admin_key: PathBuf,
    /// The process id of the service, for its CPU time.
    #[arg(long)]
    pid: Option<u32>,
    /// The program `plinth`, for the floor of a durable write.
    #[arg(long, value_name = "BIN", requires = "below")]
    plinth: Option<PathBuf>,
    /// Where the floor of a durable write is measured: on the disk of the service.
    #[arg(long, value_name = "DIR")]
    below: Option<PathBuf>,
    #[command(flatten)]
    plan: Plan,
}

/// Whom a trial is about.
struct Subject<'a> {
    url: &'a str,
    admin_url: &'a str,
    admin_id: &'a str,
    admin_key: &'a Path,
    process_id: Option<u32>,
    /// The program and the folder for the floor of a durable write.
    durable: Option<(&'a Path, &'a Path)>,
}

/// Sets a service up, loads it, takes it down.
pub(crate) async fn run(run: Run) -> anyhow::Result<()> {
    let Run { plinth, below, plan } = run;
    let program = plinth.clone();
    let service = tokio::task::spawn_blocking(move || Service::set_up(&program, &below)).await??;
    let floor_folder = service.folder.path("floor");
    std::fs::create_dir(&floor_folder)?;
    let key = service.administrator_key();
    let subject = Subject {
        url: &service.url,
        admin_url: &service.admin_url,
        admin_id: "admin-1",
        admin_key: &key,
        process_id: Some(service.process_id()),
        durable: Some((&plinth, &floor_folder)),
    };
    let report = measure(&subject, &plan).await?;
    tokio::task::spawn_blocking(move || service.take_down()).await??;
    publish(&report, &plan)
}

/// Loads a service that runs.
pub(crate) async fn against(against: Against) -> anyhow::Result<()> {
    for url in [&against.server, &against.admin] {
        ensure!(
            is_loopback(url),
            "{url} is not on loopback: a load test must not reach anybody's real service"
        );
    }
    let subject = Subject {
        url: &against.server,
        admin_url: &against.admin,
        admin_id: &against.admin_id,
        admin_key: &against.admin_key,
        process_id: against.pid,
        durable: against.plinth.as_deref().zip(against.below.as_deref()),
    };
    let report = measure(&subject, &against.plan).await?;
    publish(&report, &against.plan)
}

async fn measure(subject: &Subject<'_>, plan: &Plan) -> anyhow::Result<Report> {
    let administrator = (subject.admin_id, subject.admin_key);
    let parties = Parties::register(subject.url, subject.admin_url, administrator, plan.connections).await?;
    eprintln!("enrolling {} people", plan.people);
    let (people, enrolled) = enrol(&parties.agency, plan).await?;
    let durable_write = subject
        .durable
        .map(|(plinth, folder)| {
            eprintln!("measuring the floor of a durable write");
            Durable::measure(plinth, folder, plan.seconds)
        })
        .transpose()?;
    let durable_us = durable_write.as_ref().and_then(Durable::authentication_us);

    let mut steps = Vec::new();
    for (kind, rates) in [(Kind::Demographic, &plan.rates), (Kind::OneFinger, &plan.finger_rates)] {
        for rate in rates {
            eprintln!("{} at {rate}/s", kind.name());
            let step = Box::pin(measure_rate(subject, plan, &parties, &people, kind, *rate, durable_us));
            steps.push(step.await?);
        }
    }
    Ok(Report {
        cores: std::thread::available_parallelism()?.get(),
        people: plan.people,
        fingers_each: plan.fingers,
        connections: plan.connections,
        seconds_at_each_rate: plan.seconds,
        enrolled,
        steps,
        durable_write,
    })
}

/// Loads the service at one rate, then an echo with messages of the same sizes.
async fn measure_rate(
    subject: &Subject<'_>,
    plan: &Plan,
    parties: &Parties,
    people: &[Person],
    kind: Kind,
    rate: u32,
    durable_write_us: Option<f64>,
) -> anyhow::Result<Step> {
    let count = usize::try_from(rate * plan.seconds)?;
    let by = &parties.relying_parties[0];
    let sign = |count, seed| -> anyhow::Result<Vec<Question>> { ask(by, people, kind, count, seed) };
    let load = Load { rate, in_flight: plan.in_flight, seed: plan.seed };

    // The first one measures the messages, and wakes everything up.
    let first = sign(1, plan.seed.wrapping_add(1))?.pop().context("a question")?;
    let answer = by.authenticate(&first.request).await?;
    let verify_and_sign_us = verify_and_sign_us(
        first.request.envelope(),
        &parties.relying_party_key,
        answer.envelope.payload().len(),
    )?;

    let questions = sign(count, plan.seed)?;
    let target = Arc::new(Target::Service(parties.relying_parties.clone()));
    let before = subject.process_id.map(cpu_time).transpose()?;
    let Driven { measurement, elapsed } = drive(target, questions, load).await?;
    let after = subject.process_id.map(cpu_time).transpose()?;
    let tally = measurement.tally().clone();
    if tally.answered() == 0 {
        bail!("no verdict at {rate}/s: {:?}", tally.errors);
    }
    let each = |cpu: std::time::Duration, count: u64| cpu.as_secs_f64() * 1e6 / as_float(count);
    let server_cpu_us =
        before.zip(after).map(|(before, after)| each(after.saturating_sub(before), tally.answered()));

    let echo = Echoing::start(answer.envelope.payload().len())?;
    let target = Arc::new(echo.connect(plan.connections).await?);
    let before = cpu_time(echo.process_id())?;
    let echoed = drive(target, sign(count, plan.seed)?, load).await?.measurement;
    let echo_cpu = cpu_time(echo.process_id())?.saturating_sub(before);
    ensure!(echoed.tally().echoed > 0, "the echo answered nothing at {rate}/s");

    Ok(Step {
        kind,
        offered_per_second: rate,
        achieved_per_second: as_float(tally.answered()) / elapsed.as_secs_f64(),
        latency: measurement.latency(),
        request_bytes: first.request.to_bytes().len(),
        answer_bytes: answer.to_bytes().len(),
        server_cpu_us,
        floor: Floor {
            echo_us: each(echo_cpu, echoed.tally().echoed),
            echo_latency: echoed.latency(),
            verify_and_sign_us,
            durable_write_us,
        },
        tally,
    })
}

fn publish(report: &Report, plan: &Plan) -> anyhow::Result<()> {
    println!("{report}");
    if let Some(file) = &plan.json {
        std::fs::write(file, serde_json::to_vec_pretty(report)?)
            .with_context(|| file.display().to_string())?;
    }
    let untrusted: u64 =
        report.steps.iter().filter_map(|step| step.tally.errors.get("answer not verified")).sum();
    ensure!(untrusted == 0, "{untrusted} answers did not verify");
    Ok(())
}

/// A count as a number to divide by; counts here are far below 2^32.
fn as_float(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

pub(crate) fn is_loopback(url: &str) -> bool {
    let authority = url.strip_prefix("http://").unwrap_or_default().trim_end_matches('/');
    authority.parse::<std::net::SocketAddr>().is_ok_and(|address| address.ip().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_loaded() {
        assert!(is_loopback("http://127.0.0.1:7770"));
        assert!(is_loopback("http://[::1]:7770/"));
        for url in
            ["http://10.0.0.1:7770", "https://127.0.0.1:7770", "http://plinth.example:7770", "127.0.0.1:7770"]
        {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
