//! What a service does when far more is asked than it can answer: how much it still answers, how it refuses the rest, and
//! how soon it is itself again.

mod picture;
mod recovery;
mod report;
mod timeline;

use std::path::PathBuf;

use anyhow::{Context, anyhow, ensure};
use clap::Args;

use crate::bench::{Bench, Defaults, furnish};
use crate::call::Call;
use crate::knee::{self, Search, part};
use crate::load::Phase;
use crate::question::Kind;
use crate::service::Premises;
use crate::setting::{Setting, rate};
use crate::share::Share;
use report::{Flood, Report};
use timeline::Timeline;

/// The load before and after, percent of the knee.
const CALM: u32 = 50;

/// Arguments of an overload.
#[derive(Args)]
#[command(after_help = "\
Each overload is one load without a pause: half the knee, then a multiple of the knee, then half the knee again. \
Requests are sent at their moments whatever became of those before. They are signed beforehand and expire after 30 \
seconds, so the whole must be short: lower --seconds if it is refused.

More requests must be under way than the service takes in hand, or it has nothing to refuse: --connections and --in- \
flight see to that, and what is not sent for want of a place is counted apart. The client is on the same cores: its own \
CPU time is part of the report, and --verify-share of the answers' signatures are checked while it is busy; of all \
others only the verdict is read. Ends with status 1 if an answer was not true (of exact questions) or did not verify.

Example:
  plinth-loadtest overload --plinth target/release/plinth --knee 3000 --out docs/load")]
pub(crate) struct Arguments {
    #[command(flatten)]
    premises: Premises,
    #[command(flatten)]
    setting: Setting,
    /// What is asked.
    #[arg(long, value_enum, default_value_t = Kind::Demographic)]
    kind: Kind,
    /// The knee, a second, if it is known; it is looked for otherwise.
    #[arg(long, value_name = "RATE", value_parser = rate())]
    knee: Option<u32>,
    #[command(flatten)]
    search: Search,
    /// How many times the knee is offered.
    #[arg(long, value_name = "TIMES", value_delimiter = ',', default_values_t = [2, 5], value_parser = clap::value_parser!(u32).range(2..=20))]
    times: Vec<u32>,
    /// Seconds of overload.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=15))]
    seconds: u32,
    /// Seconds of half the knee before.
    #[arg(long, value_name = "SECONDS", default_value_t = 4, value_parser = clap::value_parser!(u32).range(2..=10))]
    before: u32,
    /// Seconds of half the knee afterwards.
    #[arg(long, value_name = "SECONDS", default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=10))]
    after: u32,
    /// Of how many answers the signature is checked, from 0 to 1.
    #[arg(long, value_name = "SHARE", default_value = "0.1")]
    verify_share: Share,
    /// The folder for `overload.json` and one picture for each multiple.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Overloads a service of its own.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let call = Call { kind: arguments.kind, form: arguments.setting.form };
    let out = &arguments.out;
    std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let (service, bench) = furnish(&arguments.premises, &arguments.setting, Defaults::CROWD).await?;
    let knee = match arguments.knee {
        Some(knee) => knee,
        None => Box::pin(knee::find(&bench, call, &arguments.search)).await?.per_second,
    };
    let mut floods = Vec::new();
    for times in &arguments.times {
        eprintln!("{times} times the knee of {knee}/s for {} s", arguments.seconds);
        floods.push(Box::pin(flood(&bench, call, &arguments, knee, *times)).await?);
    }
    tokio::task::spawn_blocking(move || service.take_down()).await??;

    let report = Report {
        cores: std::thread::available_parallelism()?.get(),
        call,
        people: bench.people(call),
        connections: bench.connections,
        in_flight: bench.in_flight,
        verify_share: arguments.verify_share,
        knee_per_second: knee,
        floods,
    };
    println!("{report}");
    let json = out.join("overload.json");
    std::fs::write(&json, serde_json::to_vec_pretty(&report)?).with_context(|| json.display().to_string())?;
    for flood in &report.floods {
        let picture = out.join(format!("overload-{}x.svg", flood.times));
        picture::draw(&picture, flood, knee)
            .map_err(|fault| anyhow!("cannot draw {}: {fault}", picture.display()))?;
    }
    let (untrue, untrusted) = (report.untrue(), report.not_verified());
    ensure!(untrusted == 0, "{untrusted} answers did not verify");
    ensure!(untrue == 0 || !call.kind.is_exact(), "{untrue} answers were not true");
    Ok(())
}

async fn flood(
    bench: &Bench,
    call: Call,
    arguments: &Arguments,
    knee: u32,
    times: u32,
) -> anyhow::Result<Flood> {
    let Arguments { before, seconds, after, .. } = *arguments;
    let calm = part(knee, CALM);
    let phases = vec![
        Phase { rate: calm, seconds: before },
        Phase { rate: knee.saturating_mul(times), seconds },
        Phase { rate: calm, seconds: after },
    ];
    let load = bench.phases(phases);
    let mut timeline = Timeline::new(&load)?;
    let loaded = bench.watch(call, &load, arguments.verify_share, |event| timeline.note(event)).await?;
    Ok(Flood::of(times, knee, &timeline, &loaded))
}
