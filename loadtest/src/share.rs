use std::str::FromStr;

use serde::Serialize;

/// A share of a series, spread evenly over it: 0 is nothing, 1 is all.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Share(f64);

impl Share {
    pub(crate) const ALL: Self = Self(1.0);

    /// Whether the share holds the element number `turn`, from 0.
    pub(crate) fn includes(self, turn: usize) -> bool {
        let until = |turn: usize| (turn as f64 * self.0).floor();
        until(turn + 1) > until(turn)
    }

    pub(crate) fn percent(self) -> f64 {
        self.0 * 100.0
    }
}

impl FromStr for Share {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Self(share)),
            _ => Err("a share is a number from 0 to 1"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_spread_evenly_and_all_is_everything() {
        let tenth: Share = "0.1".parse().unwrap();
        let held: Vec<usize> = (0..100).filter(|turn| tenth.includes(*turn)).collect();
        assert!((9..=10).contains(&held.len()), "{held:?}");
        assert!(held.windows(2).all(|pair| (9..=11).contains(&(pair[1] - pair[0]))), "{held:?}");
        assert!((0..100).all(|turn| Share::ALL.includes(turn)));
        assert!("1.1".parse::<Share>().is_err() && "NaN".parse::<Share>().is_err());
    }
}
