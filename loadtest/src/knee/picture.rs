use std::path::Path;
use std::time::Duration;

use plotters::prelude::*;

use super::report::{Point, Report};

type Fault = DrawingAreaErrorKind<std::io::Error>;

/// One line of the picture.
struct Series {
    name: &'static str,
    colour: RGBColor,
    of: fn(&Point) -> u64,
}

/// Colours that people who see few of them tell apart too (Okabe and Ito).
const SERIES: [Series; 3] = [
    Series { name: "p50", colour: RGBColor(0, 114, 178), of: |point| point.latency.p50_us },
    Series { name: "p99", colour: RGBColor(230, 159, 0), of: |point| point.latency.p99_us },
    Series { name: "p99.9", colour: RGBColor(213, 94, 0), of: |point| point.latency.p999_us },
];

/// Latency against offered rate, with the knee.
pub(super) fn draw(file: &Path, report: &Report) -> Result<(), Fault> {
    let caption = format!("Latency against load: {}, {} people", report.call.label(), report.people);
    let limit = f64::from(report.search.p99_limit_ms);
    picture(file, &caption, &report.curve, f64::from(report.knee.per_second), limit)
}

fn picture(file: &Path, caption: &str, curve: &[Point], knee: f64, limit: f64) -> Result<(), Fault> {
    let root = SVGBackend::new(file, (900, 560)).into_drawing_area();
    root.fill(&WHITE)?;
    let latencies = || curve.iter().flat_map(|point| SERIES.iter().map(|series| millis((series.of)(point))));
    let lowest = latencies().fold(f64::MAX, f64::min).clamp(0.01, 1e4) / 2.0;
    let highest = latencies().fold(limit, f64::max) * 2.0;
    let fastest = curve.iter().map(|point| point.offered_per_second).max().unwrap_or(1);
    let mut chart = ChartBuilder::on(&root)
        .margin(16)
        .caption(caption, ("sans-serif", 18))
        .x_label_area_size(48)
        .y_label_area_size(80)
        .build_cartesian_2d(0.0..f64::from(fastest) * 1.05, (lowest..highest).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("questions offered a second")
        .y_desc("milliseconds to the verified answer")
        .label_style(("sans-serif", 14))
        .axis_desc_style(("sans-serif", 16))
        .light_line_style(WHITE)
        .draw()?;
    for Series { name, colour, of } in SERIES {
        let points: Vec<_> = curve
            .iter()
            .map(|point| (f64::from(point.offered_per_second), millis(of(point)).max(lowest)))
            .collect();
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], colour.stroke_width(2)));
        chart.draw_series(points.into_iter().map(|point| Circle::new(point, 4, colour.filled())))?;
    }
    chart
        .draw_series(DashedLineSeries::new([(knee, lowest), (knee, highest)], 6, 4, BLACK.stroke_width(1)))?
        .label(format!("the knee, {knee} a second"))
        .legend(|(x, y)| PathElement::new([(x, y), (x + 24, y)], BLACK.stroke_width(1)));
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.4))
        .label_font(("sans-serif", 14))
        .draw()?;
    root.present()
}

fn millis(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurement::{Latency, Tally};

    #[test]
    fn the_picture_has_every_line_even_where_a_latency_is_nothing() {
        let point = |rate: u32, micros: u64| Point {
            percent_of_knee: rate,
            offered_per_second: rate,
            achieved_per_second: f64::from(rate),
            latency: Latency { p50_us: micros, p99_us: 2 * micros, p999_us: 5 * micros, max_us: 5 * micros },
            tally: Tally::default(),
            server_cores: None,
            client_cores: 0.5,
        };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("knee.svg");
        picture(&file, "unary", &[point(10, 0), point(100, 1_000), point(120, 900_000)], 100.0, 100.0)
            .unwrap();
        let text = std::fs::read_to_string(file).unwrap();
        assert!(SERIES.iter().all(|series| text.contains(series.name)) && text.contains("</svg>"));
    }
}
