use std::path::Path;

use plotters::prelude::*;

use super::report::Flood;
use super::timeline::Second;

type Fault = DrawingAreaErrorKind<std::io::Error>;

/// One line of the picture.
struct Series {
    name: &'static str,
    colour: RGBColor,
    of: fn(&Second) -> u64,
}

/// Colours that people who see few of them tell apart too (Okabe and Ito).
const SERIES: [Series; 4] = [
    Series { name: "offered", colour: RGBColor(120, 120, 120), of: |second| second.offered },
    Series { name: "verdicts", colour: RGBColor(0, 114, 178), of: |second| second.verdicts },
    Series { name: "refused", colour: RGBColor(213, 94, 0), of: |second| second.refused },
    Series { name: "not sent", colour: RGBColor(204, 121, 167), of: |second| second.unsent },
];

/// What was offered, answered and refused in each second, with the knee.
pub(super) fn draw(file: &Path, flood: &Flood, knee: u32) -> Result<(), Fault> {
    let root = SVGBackend::new(file, (900, 560)).into_drawing_area();
    root.fill(&WHITE)?;
    let counts = flood.seconds.iter().flat_map(|second| SERIES.iter().map(|series| (series.of)(second)));
    let most = counts.max().unwrap_or(1) as f64 * 1.1;
    let last = flood.seconds.len() as f64;
    let caption = format!("{} times the knee from second {} until {}", flood.times, flood.from, flood.until);
    let mut chart = ChartBuilder::on(&root)
        .margin(16)
        .caption(caption, ("sans-serif", 18))
        .x_label_area_size(48)
        .y_label_area_size(80)
        .build_cartesian_2d(0.0..last, 0.0..most)?;
    chart
        .configure_mesh()
        .x_desc("seconds")
        .y_desc("questions a second")
        .label_style(("sans-serif", 14))
        .axis_desc_style(("sans-serif", 16))
        .light_line_style(WHITE)
        .draw()?;
    for Series { name, colour, of } in SERIES {
        let middle = |second: &Second| (f64::from(second.second) + 0.5, of(second) as f64);
        chart
            .draw_series(LineSeries::new(flood.seconds.iter().map(middle), colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], colour.stroke_width(2)));
    }
    let level = f64::from(knee);
    chart
        .draw_series(DashedLineSeries::new([(0.0, level), (last, level)], 6, 4, BLACK.stroke_width(1)))?
        .label("the knee")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 24, y)], BLACK.stroke_width(1)));
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.4))
        .label_font(("sans-serif", 14))
        .draw()?;
    root.present()
}
