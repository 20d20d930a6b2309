use std::path::PathBuf;

use clap::Args;

/// What is sent, how fast, and for how long. Everything is bounded.
#[derive(Args, Clone)]
pub(crate) struct Plan {
    /// Synthetic people to enrol first.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(2..=20_000))]
    pub(crate) people: u32,
    /// Fingers that each of them enrols.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=10))]
    pub(crate) fingers: u8,
    /// Rates of demographic authentications, a second.
    #[arg(long, value_delimiter = ',', default_values_t = [100, 400, 1000], value_parser = rate())]
    pub(crate) rates: Vec<u32>,
    /// Rates of one-finger authentications, a second.
    #[arg(long, value_delimiter = ',', default_values_t = [50, 200, 400], value_parser = rate())]
    pub(crate) finger_rates: Vec<u32>,
    /// Seconds at each rate. Requests are signed before, and expire after 30 seconds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=15))]
    pub(crate) seconds: u32,
    /// HTTP/2 connections that share the load.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) connections: u32,
    /// Requests unanswered at once, at most. One more is not sent, and counts as unsent.
    #[arg(long, default_value_t = 2048, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) in_flight: u32,
    /// Names the population and the arrivals; two runs with one seed send the same.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Also write everything as JSON to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

fn rate() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=20_000)
}
