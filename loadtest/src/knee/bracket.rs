/// The gap between the highest rate that was kept up and the lowest that was not: doubled until there is such a gap, then
/// halved until it is narrow.
pub(super) struct Bracket {
    from: u32,
    most: u32,
    tolerance_percent: u32,
    kept: Option<u32>,
    failed: Option<u32>,
}

impl Bracket {
    pub(super) fn new(from: u32, most: u32, tolerance_percent: u32) -> Self {
        Self { from: from.min(most), most, tolerance_percent, kept: None, failed: None }
    }

    /// The rate to try next; nothing when there is no more to find out.
    pub(super) fn next(&self) -> Option<u32> {
        match (self.kept, self.failed) {
            (None, None) => Some(self.from),
            (Some(kept), None) if kept >= self.most => None,
            (Some(kept), None) => Some(kept.saturating_mul(2).min(self.most)),
            // Even the first rate was too much: look below it.
            (None, Some(failed)) => (failed > 1).then_some(failed / 2),
            (Some(kept), Some(failed)) => {
                let gap = failed.saturating_sub(kept);
                let narrow = u64::from(gap) * 100 <= u64::from(kept) * u64::from(self.tolerance_percent);
                (!narrow && gap > 1).then_some(kept + gap / 2)
            }
        }
    }

    /// Takes in how a rate went.
    pub(super) fn note(&mut self, rate: u32, kept: bool) {
        if kept {
            self.kept = self.kept.max(Some(rate));
        } else {
            self.failed = Some(self.failed.map_or(rate, |failed| failed.min(rate)));
        }
    }

    /// The highest rate that was kept up and the lowest that was not, if there are both.
    pub(super) fn found(&self) -> Option<(u32, u32)> {
        self.kept.zip(self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(knee: u32, from: u32, most: u32) -> (Option<(u32, u32)>, usize) {
        let mut bracket = Bracket::new(from, most, 5);
        let mut tried = 0;
        while let Some(rate) = bracket.next() {
            bracket.note(rate, rate <= knee);
            tried += 1;
        }
        (bracket.found(), tried)
    }

    #[test]
    fn the_knee_lies_in_a_narrow_gap_wherever_the_search_begins() {
        for knee in [3, 90, 250, 251, 1_999, 7_000] {
            for from in [1, 250, 5_000] {
                let (found, tried) = search(knee, from, 20_000);
                let (kept, failed) = found.unwrap();
                assert!(kept <= knee && knee < failed, "{knee} from {from}: {kept} to {failed}");
                assert!(failed - kept <= (kept / 20).max(1), "{knee} from {from}: {kept} to {failed}");
                assert!(tried < 25, "{tried} steps");
            }
        }
    }

    #[test]
    fn a_service_that_keeps_up_with_everything_or_with_nothing_has_no_knee() {
        assert_eq!(search(50_000, 250, 20_000).0, None);
        assert_eq!(search(0, 250, 20_000).0, None);
    }
}
