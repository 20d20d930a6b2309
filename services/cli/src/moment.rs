//! The present moment, where a command needs it. Everything below takes it as an argument.

pub(crate) use plinth_client::now;
