use clap::Args;

use crate::call::Form;

/// Who asks, and how. Everything is bounded.
#[derive(Args, Clone)]
pub(crate) struct Setting {
    /// Synthetic people to enrol first, with fingers.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(2..=20_000))]
    pub(crate) people: u32,
    /// Fingers that each of them enrols.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=10))]
    pub(crate) fingers: u8,
    /// HTTP/2 connections that share the load [default: 4; for an overload 16]. A service takes 256 requests at once on each.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) connections: Option<u32>,
    /// Requests unanswered at once, at most [default: 2048; for an overload 4096]. One more is not sent, and counts as unsent.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) in_flight: Option<u32>,
    /// How questions travel.
    #[arg(long, value_enum, default_value_t = Form::Unary)]
    pub(crate) form: Form,
    /// Names the people and the arrivals.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Rates that can be asked for, a second.
pub(crate) fn rate() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=50_000)
}
