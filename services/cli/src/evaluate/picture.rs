//! Pictures of rates, as SVG: curves with bands over axes that show rates by their logarithm.

use std::fmt;
use std::path::Path;

use anyhow::anyhow;
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

/// Width and height in pixels.
const SIZE: (u32, u32) = (900, 620);

/// Colours that people who see colours differently can tell apart (Okabe, Ito, "Color universal design", 2008).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 0, 0),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// What an axis shows.
#[derive(Clone, Copy)]
pub(crate) enum Axis {
    /// Rates from 10 to this power up to 1.
    Rate(&'static str, i32),
    /// Plain numbers between two ends.
    Plain(&'static str, f64, f64),
}

/// One line of a picture.
pub(crate) struct Curve {
    /// What the legend calls it.
    pub(crate) name: String,
    /// Points, in the units of the axes.
    pub(crate) points: Vec<(f64, f64)>,
    /// At each place the lower and upper end of the band; empty without one.
    pub(crate) band: Vec<(f64, f64, f64)>,
}

/// A picture to be drawn.
pub(crate) struct Picture {
    /// The line above it.
    pub(crate) title: String,
    /// Across.
    pub(crate) x: Axis,
    /// Upwards.
    pub(crate) y: Axis,
    /// The first one is drawn heaviest.
    pub(crate) curves: Vec<Curve>,
    /// Upright lines with a name, at places of the axis across.
    pub(crate) marks: Vec<(f64, String)>,
    /// Whether the line of equal rates is shown.
    pub(crate) diagonal: bool,
}

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

impl Picture {
    /// Writes the picture. The same picture gives the same bytes.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn draw(&self, path: &Path) -> anyhow::Result<()> {
        let root = SVGBackend::new(path, SIZE).into_drawing_area();
        self.paint(&root).map_err(|fault| anyhow!("cannot draw {}: {fault}", path.display()))
    }

    fn paint(&self, root: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Fault> {
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(root)
            .margin(16)
            .caption(&self.title, ("sans-serif", 18))
            .x_label_area_size(48)
            .y_label_area_size(72)
            .build_cartesian_2d(self.x.span(), self.y.span())?;
        chart
            .configure_mesh()
            .x_labels(self.x.labels())
            .y_labels(self.y.labels())
            .x_label_formatter(&|at| self.x.label(*at))
            .y_label_formatter(&|at| self.y.label(*at))
            .x_desc(self.x.name())
            .y_desc(self.y.name())
            .label_style(("sans-serif", 14))
            .axis_desc_style(("sans-serif", 16))
            .light_line_style(WHITE)
            .draw()?;
        if self.diagonal {
            let ends = [self.x.span().start.max(self.y.span().start), 0.0].map(|at| (at, at));
            chart.draw_series(LineSeries::new(ends, BLACK.mix(0.3)))?;
        }
        self.mark(&mut chart)?;
        for (place, curve) in self.curves.iter().enumerate() {
            self.trace(&mut chart, curve, COLOURS[place % COLOURS.len()], if place == 0 { 3 } else { 2 })?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.4))
            .label_font(("sans-serif", 14))
            .draw()?;
        root.present()?;
        Ok(())
    }

    fn mark(&self, chart: &mut Chart<'_, '_>) -> Result<(), Fault> {
        let span = self.y.span();
        for (place, (at, name)) in self.marks.iter().enumerate() {
            let x = self.x.place(*at);
            chart.draw_series(LineSeries::new([(x, span.start), (x, span.end)], BLACK.mix(0.35)))?;
            // Neighbours stand so near each other that their names would overlap on one line.
            let step = f64::from(u32::try_from(place % 4).unwrap_or(0));
            let y = span.end - (span.end - span.start) * (0.30 + 0.05 * step);
            chart.draw_series([Text::new(format!(" {name}"), (x, y), ("sans-serif", 13))])?;
        }
        Ok(())
    }

    fn trace(
        &self,
        chart: &mut Chart<'_, '_>,
        curve: &Curve,
        colour: RGBColor,
        width: u32,
    ) -> Result<(), Fault> {
        let upper = curve.band.iter().map(|(x, _, high)| (self.x.place(*x), self.y.place(*high)));
        let lower = curve.band.iter().rev().map(|(x, low, _)| (self.x.place(*x), self.y.place(*low)));
        if !curve.band.is_empty() {
            let outline: Vec<(f64, f64)> = upper.chain(lower).collect();
            chart.draw_series([Polygon::new(outline, colour.mix(0.15).filled())])?;
        }
        let points = curve.points.iter().map(|(x, y)| (self.x.place(*x), self.y.place(*y)));
        let style = ShapeStyle { color: colour.to_rgba(), filled: false, stroke_width: width };
        chart
            .draw_series(LineSeries::new(points, style))?
            .label(curve.name.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], style));
        Ok(())
    }
}

impl Axis {
    fn name(&self) -> &'static str {
        match self {
            Self::Rate(name, _) | Self::Plain(name, ..) => name,
        }
    }

    fn span(&self) -> std::ops::Range<f64> {
        match self {
            // An axis without length would be labelled for ever.
            Self::Rate(_, lowest) => f64::from((*lowest).min(-1))..0.0,
            Self::Plain(_, from, to) => *from..to.max(from + f64::EPSILON),
        }
    }

    /// Where a value stands. A rate below the axis, such as 0, stands at its end.
    fn place(&self, value: f64) -> f64 {
        match self {
            Self::Rate(..) => value.log10().clamp(self.span().start, 0.0),
            Self::Plain(_, from, to) => value.max(*from).min(*to),
        }
    }

    fn labels(&self) -> usize {
        match self {
            Self::Rate(_, lowest) => usize::try_from(lowest.min(&-1).unsigned_abs()).unwrap_or(1) + 1,
            Self::Plain(..) => 8,
        }
    }

    fn label(&self, at: f64) -> String {
        match self {
            // Nothing stands between the powers of ten.
            Self::Rate(..) if (at - at.round()).abs() > 1e-6 => String::new(),
            Self::Rate(..) if at <= self.span().start => format!("≤ {}", percent(10f64.powf(at))),
            Self::Rate(..) => percent(10f64.powf(at)),
            Self::Plain(..) => format!("{at:.2}"),
        }
    }
}

/// A rate as people read it.
pub(crate) fn percent(rate: f64) -> String {
    let text = format!("{:.8}", 100.0 * rate);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// What went wrong in drawing.
struct Fault(String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error + Send + Sync> From<DrawingAreaErrorKind<E>> for Fault {
    fn from(error: DrawingAreaErrorKind<E>) -> Self {
        Self(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_written_as_people_read_them() {
        let written = [1.0, 0.1, 0.01, 0.001, 1e-4, 1e-5].map(percent);
        assert_eq!(written, ["100 %", "10 %", "1 %", "0.1 %", "0.01 %", "0.001 %"]);
    }

    #[test]
    fn an_axis_always_has_a_length() {
        assert_eq!((Axis::Rate("x", 0).span(), Axis::Rate("x", 2).labels()), (-1.0..0.0, 2));
        let plain = Axis::Plain("x", 1.0, 1.0).span();
        assert!(plain.start < plain.end);
        assert_eq!((Axis::Rate("x", -3).place(0.0), Axis::Rate("x", -3).place(7.0)), (-3.0, 0.0));
    }

    #[test]
    fn a_picture_is_the_same_every_time_and_holds_its_words() {
        let picture = Picture {
            title: "Trade-off".to_owned(),
            x: Axis::Rate("false match rate", -4),
            y: Axis::Rate("false non-match rate", -3),
            curves: vec![Curve {
                name: "a & b".to_owned(),
                points: vec![(1.0, 0.0), (1e-2, 0.01), (1e-4, 0.1)],
                band: vec![(1.0, 0.0, 0.0), (1e-4, 0.05, 0.2)],
            }],
            marks: vec![(1e-3, "here".to_owned())],
            diagonal: true,
        };
        let folder = tempfile::tempdir().unwrap();
        let draw = |name: &str| {
            let path = folder.path().join(name);
            picture.draw(&path).unwrap();
            std::fs::read_to_string(path).unwrap()
        };
        let (first, second) = (draw("1.svg"), draw("2.svg"));
        assert_eq!(first, second);
        for word in ["Trade-off", "a &amp; b", "here", "false match rate", "0.01 %"] {
            assert!(first.contains(word), "{word}");
        }
        assert!(picture.draw(&folder.path().join("no/such.svg")).is_err());
    }
}
