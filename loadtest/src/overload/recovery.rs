use super::timeline::Second;

/// How far from what it was before a second may be and still count as normal.
const TIMES: f64 = 1.5;

/// What is normal: the verdicts a second and the 99th percentile of the same rate before.
#[derive(Clone, Copy)]
pub(super) struct Normal {
    pub(super) verdicts_per_second: f64,
    pub(super) p99_us: u64,
}

impl Normal {
    /// After how many seconds of a calm phase the service is as it was: from then on for good, as far as was watched. Nothing
    /// if the last second was not normal either.
    pub(super) fn again_after(self, seconds: &[Second]) -> Option<u32> {
        let abnormal = seconds.iter().rposition(|second| !self.holds(second));
        match abnormal {
            None => Some(0),
            Some(last) if last + 1 < seconds.len() => u32::try_from(last + 1).ok(),
            Some(_) => None,
        }
    }

    fn holds(self, second: &Second) -> bool {
        second.verdicts as f64 * TIMES >= self.verdicts_per_second
            && second.latency.p99_us as f64 <= self.p99_us as f64 * TIMES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurement::Latency;

    fn second(verdicts: u64, p99_us: u64) -> Second {
        let latency = Latency { p50_us: 1, p99_us, p999_us: p99_us, max_us: p99_us };
        Second { second: 0, offered: 1, unsent: 0, verdicts, refused: 0, latency, refusal_latency: latency }
    }

    #[test]
    fn a_service_is_itself_again_after_its_last_bad_second() {
        let normal = Normal { verdicts_per_second: 100.0, p99_us: 1_000 };
        let (good, slow, idle) = (second(100, 1_500), second(100, 1_501), second(60, 1_000));
        assert_eq!(normal.again_after(&[good, good]), Some(0));
        assert_eq!(normal.again_after(&[slow, good, idle, good]), Some(3));
        assert_eq!(normal.again_after(&[good, idle]), None);
    }
}
