//! Open-loop load on a running Plinth service, over its public client, beside the floor that no implementation can go
//! below.
//!
//! Authentications are sent at the moments of a Poisson process, whatever became of those before (an open loop), and a
//! latency counts from the moment at which the request was to be sent: a service that stalls is charged for everyone who
//! would have come meanwhile, so there is no coordinated omission (Tene, "How NOT to Measure Latency", 2015). Every answer
//! is verified before it counts, and the verification is part of its latency.
//!
//! The floor of a verdict, in CPU time of a server: a gRPC call with messages of the same sizes that does nothing but one
//! strict signature verification and one signature, under the same load, and a durable write of the same keys and bytes in
//! a shared batch. What each figure means, and how to repeat it, is in `docs/load.md`.
//!
//! `knee` finds how much a service can take, and `overload` what it does with more. Questions may be about a store that was
//! filled with up to millions of people (`--people-in-store`).
//!
//! Galleries of a size that no enrolment would fill in time are made as files (`population`) and imported; `fit` prints how
//! the synthetic fingers compare with real ones, so that nobody trusts a figure measured on them more than it deserves.
//! `enrolments` sends newcomers, and people who come again, into such a gallery.

mod bare;
mod bench;
mod cache;
mod call;
mod dataset;
mod durable;
mod echo;
mod enrolment;
mod enrolments;
mod fit;
mod knee;
mod lane;
mod load;
mod measurement;
mod overload;
mod parties;
mod people;
mod population;
mod process;
mod question;
mod report;
mod scale;
mod service;
mod setting;
mod share;
mod stopwatch;
mod target;
mod trial;
mod wrongs;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Sends authentications to a Plinth service at given rates, verifies every answer, and prints latencies and the server's
/// CPU time a verdict beside the floor, on loopback only. Makes synthetic populations, too, and says how real they are.
#[derive(Parser)]
#[command(
    version,
    after_help = "\
Examples:
  plinth-loadtest run --plinth target/release/plinth --rates 200,1000
  plinth-loadtest knee --plinth target/release/plinth --people-in-store 1000000 --out ./load
  plinth-loadtest overload --plinth target/release/plinth --knee 3000 --out ./load

docs/load.md says what each figure means."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Sets up a service of its own in a fresh folder, loads it, and takes it down again.
    Run(Box<trial::Run>),
    /// Loads a service that runs already, on loopback.
    Against(Box<trial::Against>),
    /// Finds the rate up to which a service keeps up, and draws its latency against the load.
    Knee(Box<knee::Arguments>),
    /// Asks far more than a service can answer, and shows what it does then and afterwards.
    Overload(Box<overload::Arguments>),
    /// Enrols people into a service whose gallery is a population, and counts whom its searches miss.
    Enrolments(enrolments::Arguments),
    /// Draws what an enrolment costs against the size of the gallery, from reports of `enrolments`.
    Scale(scale::Arguments),
    /// Makes a population of synthetic people, as registers that `plinth import` loads.
    Population(population::Arguments),
    /// Prints the statistics of synthetic fingers beside those of real ones, and fails if they are too far apart.
    Fit(fit::Arguments),
    /// Answers every authentication with nothing: the floor of a call. Started by the others; ends with its standard input.
    #[command(hide = true)]
    Echo(echo::Echo),
}

fn main() -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match Arguments::parse().command {
        Command::Population(arguments) => population::run(&arguments)?,
        Command::Scale(arguments) => scale::run(&arguments)?,
        Command::Fit(arguments) => return fit::run(&arguments),
        Command::Enrolments(arguments) => {
            runtime.block_on(unless_interrupted(Box::pin(enrolments::run(arguments))))?
        }
        Command::Run(run) => runtime.block_on(unless_interrupted(Box::pin(trial::run(*run))))?,
        Command::Knee(arguments) => runtime.block_on(unless_interrupted(Box::pin(knee::run(*arguments))))?,
        Command::Overload(arguments) => {
            runtime.block_on(unless_interrupted(Box::pin(overload::run(*arguments))))?
        }
        Command::Against(against) => {
            runtime.block_on(unless_interrupted(Box::pin(trial::against(*against))))?
        }
        Command::Echo(echo) => runtime.block_on(echo::serve(echo))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// An interrupted trial is dropped like a failed one, and takes down whatever it set up.
async fn unless_interrupted(trial: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::select! {
        result = trial => result,
        interrupt = tokio::signal::ctrl_c() => {
            interrupt?;
            anyhow::bail!("interrupted")
        }
    }
}
