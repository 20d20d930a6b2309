//! The page that tells operators what the policy asks for.

use std::fmt::Write as _;

use plinth_biometrics::calibration::{HIGHEST, MEASURED_FMR, llr_at_fmr};

use super::{DeduplicationPolicy, MatchRates};

const GALLERIES: [(u64, &str); 6] = [
    (100, "100 and fewer"),
    (10_000, "10,000"),
    (1_000_000, "1,000,000"),
    (10_000_000, "10,000,000"),
    (100_000_000, "100,000,000"),
    (1_400_000_000, "1,400,000,000"),
];

const FINGERS: [u8; 6] = [1, 2, 3, 4, 5, 10];

/// The thresholds of the default policy, as `docs/deduplication.md` shows them.
#[must_use]
pub fn deduplication_markdown() -> String {
    let policy = DeduplicationPolicy::default();
    let (fpir, certainty) = (policy.target_fpir, policy.certainty);
    let mut page = format!(
        "# How alike is alike\n\n\
         Made by the code; a test compares it. `plinth serve --target-fpir RATE --certainty TIMES` sets the policy.\n\n\
         One value is chosen: **target FPIR**, the false positive identification rate. Of people who were never enrolled,\n\
         it is the share whom a search finds like somebody, so that administrators must look ({fpir} by default). A person is\n\
         called a duplicate without anybody looking only if a stranger would resemble them so much **certainty** times more\n\
         rarely ({certainty} by default: {:e} of new people), and if the fingers are at least {certainty} times likelier to be\n\
         of one person than of two.\n\n\
         From that and the size of the gallery follows the false match rate of one comparison of two people: target FPIR over\n\
         the number of people (the union bound, which holds however strangers depend on each other), never laxer than for 100.\n\
         Each statement about an enrolment carries the target, the size of the gallery and both rates.\n\n\
         The evidence of two people is the sum, over the fingers that both have, of log10 likelihood ratios, each from -1.5 to\n\
         {HIGHEST}. What it must reach depends on how many fingers were compared, because strangers' further fingers speak against\n\
         them. The table holds **adjudicated / duplicate** for the default policy; a dash means that no evidence of so few\n\
         fingers is enough. Where fingers were paired in an order that was chosen, each order must be rarer by their number.\n\n",
        fpir / certainty,
    );
    page.push_str("| people | rates of one comparison |");
    for fingers in FINGERS {
        let _ = write!(page, " {fingers} finger{} |", if fingers == 1 { "" } else { "s" });
    }
    let _ = writeln!(page, "\n|---|---|{}", "---|".repeat(FINGERS.len()));
    for (gallery, name) in GALLERIES {
        let MatchRates { duplicate_fmr, adjudicate_fmr } = policy.rates(gallery);
        let _ = write!(page, "| {name} | {adjudicate_fmr:.1e} / {duplicate_fmr:.1e} |");
        for fingers in FINGERS {
            let needed = |fmr: f64, least: f64| f64::from(llr_at_fmr(fmr, fingers)).max(least);
            let adjudicate = written(needed(adjudicate_fmr, 0.0));
            let _ = write!(page, " {adjudicate} / {} |", written(needed(duplicate_fmr, certainty.log10())));
        }
        page.push('\n');
    }
    let _ = write!(
        page,
        "\n## What these figures rest on\n\n\
         - The distribution of strangers' scores comes from synthetic fingers (`services/biometrics/examples/calibrate.rs`),\n  \
           never from a set that accuracy is reported on. It was counted down to {MEASURED_FMR:.1e} a finger; beyond that an\n  \
           exponential tail is fitted to the rarest that were counted. Real sensors and operators differ: watch the tail in\n  \
           production ([metrics](metrics.md)).\n\
         - Sums over several fingers take the fingers of two people to be independent. `calibrate` counts synthetic strangers\n  \
           against that, down to 1e-5. The rates of large galleries are far beyond what anybody has counted.\n\
         - A gallery of a nation needs several fingers: one finger is never enough evidence there, and people who have only\n  \
           one usable finger are, to this search, always new.\n",
    );
    page
}

fn written(llr: f64) -> String {
    if llr.is_finite() { format!("{llr:.1}") } else { "-".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_gallery_has_a_row_and_a_nation_asks_more_than_one_finger() {
        let page = deduplication_markdown();
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| 1")).collect();
        assert_eq!(rows.len(), GALLERIES.len());
        assert!(rows.iter().all(|row| row.matches('|').count() == FINGERS.len() + 3), "{rows:#?}");
        assert!(rows[5].contains("| - / - |") && rows[5].ends_with("2.0 |"), "{}", rows[5]);
    }
}
