//! Which pictures an evaluation draws.

use std::path::Path;

use anyhow::Context as _;
use plinth_biometrics::evaluation::Report;

use super::figures::Figures;
use super::picture::{Axis, Curve, Picture, percent};

/// A picture's file name and what it shows, for a page that embeds it.
pub(crate) struct Drawn {
    /// The file, in the folder that was given.
    pub(crate) file: &'static str,
    /// One sentence.
    pub(crate) caption: String,
}

/// Draws everything that one folder's figures show into `folder`, which is made if it is not there.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn draw(figures: &Figures, folder: &Path) -> anyhow::Result<Vec<Drawn>> {
    make(folder)?;
    let (genuine, impostor) = (figures.all.genuine, figures.all.impostor);
    let size = format!("{} genuine and {} impostor comparisons", count(genuine), count(impostor));
    trade_off(
        "All sets, later captures against first ones",
        vec![curve("all sets", &figures.all, true)],
        &figures.all,
    )
    .draw(&folder.join("det.svg"))?;
    let mut curves = vec![curve("all sets", &figures.all, false)];
    curves.extend(figures.by_set.iter().map(|(name, report)| curve(name, report, false)));
    trade_off("Each set's later captures against everyone's first ones", curves, &figures.all)
        .draw(&folder.join("det-sets.svg"))?;
    scores(figures).draw(&folder.join("scores.svg"))?;
    Ok(vec![
        Drawn {
            file: "det.svg",
            caption: format!("Detection error trade-off over all sets ({size}), with a pointwise 95 % band."),
        },
        Drawn { file: "det-sets.svg", caption: "The same, set by set.".to_owned() },
        Drawn {
            file: "scores.svg",
            caption: "FMR and FNMR at every threshold. The upright lines are thresholds that the service's \
                      calibration, made from synthetic fingers alone, gives for an FMR."
                .to_owned(),
        },
    ])
}

/// Draws the trade-offs of two experiments over each other.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn draw_both(a: (&str, &Report), b: (&str, &Report), folder: &Path) -> anyhow::Result<()> {
    make(folder)?;
    let fewer = if a.1.impostor < b.1.impostor { a.1 } else { b.1 };
    let curves = vec![curve(&format!("A: {}", a.0), a.1, true), curve(&format!("B: {}", b.0), b.1, true)];
    trade_off("All sets, later captures against first ones", curves, fewer).draw(&folder.join("compare.svg"))
}

/// Makes a folder for pictures.
///
/// # Errors
/// If the system refuses.
pub(crate) fn make(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

fn trade_off(title: &str, curves: Vec<Curve>, scale: &Report) -> Picture {
    Picture {
        title: title.to_owned(),
        x: Axis::Rate("false match rate", decade(scale.impostor).saturating_add(1)),
        y: Axis::Rate("false non-match rate", decade(scale.genuine).min(-2)),
        curves,
        marks: Vec::new(),
        diagonal: true,
    }
}

fn curve(name: &str, report: &Report, with_band: bool) -> Curve {
    let points = report.det.iter().map(|point| (point.fmr, point.fnmr.value)).collect();
    let band = report.det.iter().map(|point| (point.fmr, point.fnmr.low, point.fnmr.high));
    Curve { name: name.to_owned(), points, band: if with_band { band.collect() } else { Vec::new() } }
}

/// The share of comparisons at or above each score, and of genuine ones below it.
fn scores(figures: &Figures) -> Picture {
    let roc = &figures.all.roc;
    let highest = figures.scores.0.iter().chain(&figures.scores.1).copied().fold(0.05, f64::max);
    // Thresholds at which nothing changes on the paper are left out.
    let step = roc.len().div_ceil(2_000).max(1);
    let shown = || roc.iter().step_by(step).filter(|point| point.threshold.is_finite());
    let marks = figures.calibrated.iter().map(|one| (one.threshold, format!("FMR {}", percent(one.fmr))));
    Picture {
        title: "Rates at every threshold".to_owned(),
        x: Axis::Plain("score", 0.0, highest),
        y: Axis::Rate("rate", decade(figures.all.impostor)),
        curves: vec![
            Curve {
                name: "false match rate".to_owned(),
                points: shown().map(|point| (point.threshold, point.fmr)).collect(),
                band: Vec::new(),
            },
            Curve {
                name: "false non-match rate".to_owned(),
                points: shown().map(|point| (point.threshold, point.fnmr)).collect(),
                band: Vec::new(),
            },
        ],
        marks: marks.collect(),
        diagonal: false,
    }
}

/// The power of ten below the share that one of so many is.
fn decade(count: usize) -> i32 {
    let digits = count.max(1).to_string().len();
    -i32::try_from(digits).unwrap_or(i32::MAX)
}

/// A number with its thousands set off.
pub(crate) fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_set_off_by_thousands_and_axes_end_at_powers_of_ten() {
        assert_eq!(
            [0, 999, 1_000, 10_920, 1_234_567].map(count),
            ["0", "999", "1,000", "10,920", "1,234,567"]
        );
        assert_eq!([1, 9, 10, 280, 10_920].map(decade), [-1, -1, -2, -3, -5]);
    }
}
