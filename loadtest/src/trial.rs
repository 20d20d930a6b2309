use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;

use crate::bench::{Address, Bench, Defaults, durable, furnish};
use crate::call::Call;
use crate::durable::Durable;
use crate::question::Kind;
use crate::report::{Report, Step};
use crate::service::Premises;
use crate::setting::{Setting, rate};

/// Arguments of a trial with a service of its own.
#[derive(Args)]
#[command(after_help = "\
Examples:
  plinth-loadtest run --plinth target/release/plinth --rates 200,1000
  plinth-loadtest run --plinth target/release/plinth --people-in-store 1000000 --rates 1000 --finger-rates 200")]
pub(crate) struct Run {
    #[command(flatten)]
    premises: Premises,
    #[command(flatten)]
    plan: Plan,
}

/// Arguments of a trial against a service that runs.
#[derive(Args)]
#[command(after_help = "\
Example:
  plinth-loadtest against --server http://127.0.0.1:7770 --admin http://127.0.0.1:7771 \\
    --admin-key ./admins/admin-1.pem --pid $(pgrep -x plinth) --rates 200,1000")]
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

/// What is sent, how fast, and for how long.
#[derive(Args, Clone)]
struct Plan {
    /// Rates of demographic authentications, a second.
    #[arg(long, value_delimiter = ',', default_values_t = [100, 400, 1000], value_parser = rate())]
    rates: Vec<u32>,
    /// Rates of one-finger authentications, a second.
    #[arg(long, value_delimiter = ',', default_values_t = [50, 200, 400], value_parser = rate())]
    finger_rates: Vec<u32>,
    /// Seconds at each rate. Requests are signed before, and expire after 30 seconds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=15))]
    seconds: u32,
    #[command(flatten)]
    setting: Setting,
    /// Also write everything as JSON to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Sets a service up, loads it, takes it down.
pub(crate) async fn run(run: Run) -> anyhow::Result<()> {
    let Run { premises, plan } = run;
    let (service, bench) = furnish(&premises, &plan.setting, Defaults::ORDINARY).await?;
    let durable = durable(&premises, &service, plan.seconds)?;
    let report = measure(&bench, &plan, Some(durable)).await?;
    tokio::task::spawn_blocking(move || service.take_down()).await??;
    publish(&report, &plan)
}

/// Loads a service that runs.
pub(crate) async fn against(against: Against) -> anyhow::Result<()> {
    let Against { server, admin, admin_id, admin_key, pid, plinth, below, plan } = against;
    for url in [&server, &admin] {
        ensure!(
            is_loopback(url),
            "{url} is not on loopback: a load test must not reach anybody's real service"
        );
    }
    let address = Address {
        url: &server,
        admin_url: &admin,
        admin_id: &admin_id,
        admin_key: &admin_key,
        process_id: pid,
    };
    let bench = Bench::at(&address, &plan.setting, Defaults::ORDINARY, None).await?;
    let durable = plinth
        .zip(below)
        .map(|(plinth, below)| Durable::measure(&plinth, &below, plan.seconds))
        .transpose()?;
    let report = measure(&bench, &plan, durable).await?;
    publish(&report, &plan)
}

async fn measure(bench: &Bench, plan: &Plan, durable_write: Option<Durable>) -> anyhow::Result<Report> {
    let form = plan.setting.form;
    let mut steps = Vec::new();
    for (kind, rates) in [(Kind::Demographic, &plan.rates), (Kind::OneFinger, &plan.finger_rates)] {
        for rate in rates {
            let call = Call { kind, form };
            eprintln!("{} at {rate}/s", call.label());
            let step = Box::pin(step(bench, call, *rate, plan.seconds, durable_write.as_ref()));
            steps.push(step.await?);
        }
    }
    Ok(Report {
        cores: std::thread::available_parallelism()?.get(),
        people: plan.setting.people,
        people_in_store: bench.people(Call { kind: Kind::Demographic, form }),
        fingers_each: plan.setting.fingers,
        connections: bench.connections,
        seconds_at_each_rate: plan.seconds,
        enrolled: bench.enrolled.clone(),
        steps,
        durable_write,
    })
}

/// Loads the service at one rate, then echoes with messages of the same sizes.
pub(crate) async fn step(
    bench: &Bench,
    call: Call,
    rate: u32,
    seconds: u32,
    durable: Option<&Durable>,
) -> anyhow::Result<Step> {
    let load = bench.steady(rate, seconds);
    let sample = bench.sample(call).await?;
    let loaded = bench.load(call, &load).await.with_context(|| format!("{} at {rate}/s", call.label()))?;
    let floor = bench.floor(call, &load, &sample, durable.and_then(Durable::authentication_us)).await?;
    Ok(Step {
        call,
        offered_per_second: rate,
        achieved_per_second: loaded.achieved_per_second,
        latency: loaded.latency,
        request_bytes: sample.request_bytes,
        answer_bytes: sample.answer_bytes,
        server_cpu_us: loaded.server_cpu_us(),
        client_cpu_us: loaded.client_cpu_us(),
        floor,
        tally: loaded.tally,
    })
}

fn publish(report: &Report, plan: &Plan) -> anyhow::Result<()> {
    println!("{report}");
    if let Some(file) = &plan.json {
        std::fs::write(file, serde_json::to_vec_pretty(report)?)
            .with_context(|| file.display().to_string())?;
    }
    let untrusted: u64 = report.steps.iter().map(|step| step.tally.not_verified()).sum();
    ensure!(untrusted == 0, "{untrusted} answers did not verify");
    Ok(())
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
