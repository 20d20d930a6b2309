//! The knee: the highest rate at which a service still keeps up, and how latency grows towards it.

mod bracket;
mod picture;
mod report;

use std::path::PathBuf;

use anyhow::{Context, anyhow, ensure};
use clap::Args;
use serde::Serialize;

use crate::bench::{Bench, Defaults, Loaded, durable, furnish};
use crate::call::Call;
use crate::measurement::Latency;
use crate::question::Kind;
use crate::service::Premises;
use crate::setting::{Setting, rate};
use crate::target::TOO_MANY_ATTEMPTS;
use crate::trial::step;
use bracket::Bracket;
use report::{Point, Report};

/// Of what is offered, so much must be answered in time.
const LEAST_ACHIEVED: f64 = 0.97;

/// Where latency is measured, percent of the knee.
const CURVE: [u32; 10] = [10, 20, 35, 50, 65, 80, 90, 100, 110, 120];

/// Where the cost is held against the floor, percent of the knee.
const MEASURED: [u32; 2] = [50, 80];

/// Arguments of a search for the knee.
#[derive(Args)]
#[command(after_help = "\
A rate is too much when less than 97 % of it is answered, when the 99th percentile of the latency is above the limit, or \
when anything is refused, fails, or is not sent (but for people whose own fingers failed too often); on a shared machine \
one bad moment must not decide, so it must be so twice. Rates are doubled until one is too much, then the gap is halved. \
After that the service is loaded at 50 % and 80 % of the knee and held against its floor, and at ten rates from 10 % to \
120 % for the picture.

Example:
  plinth-loadtest knee --plinth target/release/plinth --people-in-store 1000000 --out docs/load")]
pub(crate) struct Arguments {
    #[command(flatten)]
    premises: Premises,
    #[command(flatten)]
    setting: Setting,
    /// What is asked.
    #[arg(long, value_enum, default_value_t = Kind::Demographic)]
    kind: Kind,
    #[command(flatten)]
    search: Search,
    /// Seconds at 50 % and at 80 % of the knee.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=15))]
    seconds: u32,
    /// The folder for `knee.json` and `knee.svg`.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// How the knee is looked for.
#[derive(Args, Serialize, Clone)]
pub(crate) struct Search {
    /// The rate to begin with, a second.
    #[arg(long, value_name = "RATE", default_value_t = 250, value_parser = rate())]
    from: u32,
    /// The highest rate to try.
    #[arg(long, value_name = "RATE", default_value_t = 20_000, value_parser = rate())]
    most: u32,
    /// Seconds at each rate.
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=15))]
    step_seconds: u32,
    /// A 99th percentile above this is too much.
    #[arg(long, value_name = "MS", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    p99_limit_ms: u32,
    /// How near to each other the highest rate that is kept up and the lowest that is not come, percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    tolerance: u32,
}

/// What a search found.
#[derive(Serialize, Clone)]
pub(crate) struct Knee {
    /// The highest rate that was kept up.
    pub(crate) per_second: u32,
    /// The lowest that was not.
    too_much_per_second: u32,
    probes: Vec<Probe>,
}

/// One short load on the way.
#[derive(Serialize, Clone)]
struct Probe {
    offered_per_second: u32,
    achieved_per_second: f64,
    latency: Latency,
    /// Why this is too much; nothing where the service keeps up.
    complaint: Option<String>,
}

/// Finds the knee and measures on both sides of it.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { premises, setting, kind, search, seconds, out } = arguments;
    std::fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    let call = Call { kind, form: setting.form };
    let (service, bench) = furnish(&premises, &setting, Defaults::ORDINARY).await?;
    let durable = durable(&premises, &service, seconds)?;
    let knee = Box::pin(find(&bench, call, &search)).await?;

    let mut steps = Vec::new();
    for percent in MEASURED {
        let rate = part(knee.per_second, percent);
        eprintln!("{percent} % of the knee: {rate}/s for {seconds} s, and its floor");
        steps.push(Box::pin(step(&bench, call, rate, seconds, Some(&durable))).await?);
    }
    let mut curve = Vec::new();
    for percent in CURVE {
        let rate = part(knee.per_second, percent);
        let loaded = bench.load(call, &bench.steady(rate, search.step_seconds)).await?;
        eprintln!("{percent:>4} %  {}", line(rate, &loaded));
        curve.push(Point::of(percent, rate, &loaded));
    }
    tokio::task::spawn_blocking(move || service.take_down()).await??;

    let report = Report {
        cores: std::thread::available_parallelism()?.get(),
        call,
        people: bench.people(call),
        connections: bench.connections,
        search,
        knee,
        steps,
        curve,
        durable_write: durable,
    };
    println!("{report}");
    let (json, picture) = (out.join("knee.json"), out.join("knee.svg"));
    std::fs::write(&json, serde_json::to_vec_pretty(&report)?).with_context(|| json.display().to_string())?;
    picture::draw(&picture, &report)
        .map_err(|fault| anyhow!("cannot draw {}: {fault}", picture.display()))?;
    let untrusted = report.not_verified();
    ensure!(untrusted == 0, "{untrusted} answers did not verify");
    let untrue = report.untrue();
    ensure!(untrue == 0 || !kind.is_exact(), "{untrue} answers were not true");
    Ok(())
}

/// Looks for the knee by doubling and halving, and says how it goes.
pub(crate) async fn find(bench: &Bench, call: Call, search: &Search) -> anyhow::Result<Knee> {
    let mut bracket = Bracket::new(search.from, search.most, search.tolerance);
    let mut probes = Vec::new();
    while let Some(rate) = bracket.next() {
        // The first one may have met a bad moment of the machine.
        for _ in 0..2 {
            let loaded = bench.load(call, &bench.steady(rate, search.step_seconds)).await?;
            let complaint = complaint(rate, &loaded, search.p99_limit_ms);
            let verdict = complaint.as_deref().unwrap_or("keeps up");
            eprintln!("{}: {verdict}", line(rate, &loaded));
            let kept = complaint.is_none();
            probes.push(Probe {
                offered_per_second: rate,
                achieved_per_second: loaded.achieved_per_second,
                latency: loaded.latency,
                complaint,
            });
            if kept {
                break;
            }
        }
        bracket.note(rate, probes.last().is_some_and(|probe| probe.complaint.is_none()));
    }
    let (per_second, too_much_per_second) = bracket.found().with_context(|| {
        format!("no knee between {} and {} a second: try other --from and --most", search.from, search.most)
    })?;
    eprintln!("the knee is at {per_second}/s");
    Ok(Knee { per_second, too_much_per_second, probes })
}

/// Why a service does not keep up, if it does not.
fn complaint(rate: u32, loaded: &Loaded, p99_limit_ms: u32) -> Option<String> {
    let Loaded { tally, latency, achieved_per_second, .. } = loaded;
    let errors = tally.errors.iter().filter(|(kind, _)| *kind != TOO_MANY_ATTEMPTS);
    if let Some((kind, count)) = errors.max_by_key(|(_, count)| **count) {
        return Some(format!("{count} x {kind}"));
    }
    if tally.unsent > 0 {
        return Some(format!("{} not sent", tally.unsent));
    }
    if *achieved_per_second < LEAST_ACHIEVED * f64::from(rate) {
        return Some("answers fall behind".to_owned());
    }
    let limit_us = u64::from(p99_limit_ms) * 1_000;
    (latency.p99_us > limit_us).then(|| format!("p99 above {p99_limit_ms} ms"))
}

fn line(rate: u32, loaded: &Loaded) -> String {
    let Latency { p50_us, p99_us, p999_us, .. } = loaded.latency;
    let [p50, p99, p999] = [p50_us, p99_us, p999_us].map(crate::report::millis);
    format!("{rate:>6}/s, {:>6.0} achieved, p50 {p50} p99 {p99} p99.9 {p999} ms", loaded.achieved_per_second)
}

/// So many percent of a rate, at least one a second.
pub(crate) fn part(rate: u32, percent: u32) -> u32 {
    u32::try_from(u64::from(rate) * u64::from(percent) / 100).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::measurement::Tally;

    fn loaded(achieved_per_second: f64, p99_us: u64, tally: Tally) -> Loaded {
        let latency = Latency { p50_us: 1, p99_us, p999_us: p99_us, max_us: p99_us };
        let client_cpu = Duration::ZERO;
        Loaded { tally, latency, achieved_per_second, server_cpu: None, client_cpu, seconds: 1.0 }
    }

    #[test]
    fn a_rate_is_too_much_when_answers_fall_behind_or_come_late_or_do_not_come() {
        let fine = Tally::default();
        assert_eq!(complaint(1_000, &loaded(975.0, 90_000, fine.clone()), 100), None);
        assert!(complaint(1_000, &loaded(960.0, 90_000, fine.clone()), 100).unwrap().contains("behind"));
        assert!(complaint(1_000, &loaded(975.0, 101_000, fine), 100).unwrap().contains("p99"));
        let unsent = Tally { unsent: 1, ..Tally::default() };
        assert!(complaint(1_000, &loaded(999.0, 1, unsent), 100).is_some());
        let refused = Tally { errors: [("OVERLOADED".to_owned(), 3)].into(), ..Tally::default() };
        assert_eq!(complaint(1_000, &loaded(999.0, 1, refused), 100).unwrap(), "3 x OVERLOADED");
        let asked_too_often =
            Tally { errors: [(TOO_MANY_ATTEMPTS.to_owned(), 3)].into(), ..Tally::default() };
        assert_eq!(complaint(1_000, &loaded(999.0, 1, asked_too_often), 100), None);
    }

    #[test]
    fn a_part_of_a_rate_is_never_nothing() {
        assert_eq!((part(50_000, 120), part(333, 50), part(1, 10)), (60_000, 166, 1));
    }
}
