//! What an enrolment costs against the size of the gallery: reports of `enrolments` beside each other, as a table and a
//! picture, and written on to a nation on shards.
//!
//! The cost is taken to be a part that does not depend on the gallery and a part that grows with it, fitted by least
//! squares of relative errors. A gallery beyond one machine's is cut into shards by person: an applicant is searched on all
//! of them, and the second part is paid on each.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};
use clap::Args;
use plotters::prelude::*;

use crate::enrolments::Report;

/// India's residents with a number, about.
const NATION: f64 = 1.4e9;

/// The reports, and where table and picture go.
#[derive(Args)]
#[command(after_help = "\
Example:
  plinth-loadtest scale 10k.json 100k.json 1m.json --shard 10000000 --out docs/scale")]
pub(crate) struct Arguments {
    /// What `plinth-loadtest enrolments --json` wrote for galleries of different sizes, at least two.
    #[arg(value_name = "REPORT", required = true)]
    reports: Vec<PathBuf>,
    /// People of one shard of a nation.
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    shard: u64,
    /// The folder for `cost.md` and `cost.svg`.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// What was measured at one size.
struct Point {
    people: f64,
    per_second: f64,
    /// Server CPU, milliseconds an enrolment.
    cpu: f64,
    client: f64,
    p50: Option<f64>,
    memory: Option<u64>,
}

/// `fixed + each * people` milliseconds.
#[derive(Clone, Copy)]
struct Line {
    fixed: f64,
    each: f64,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut points = Vec::new();
    for file in &arguments.reports {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let report: Report = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
        points.push(Point::of(&report).with_context(|| file.display().to_string())?);
    }
    points.sort_by(|a, b| a.people.total_cmp(&b.people));
    ensure!(points.len() >= 2, "give reports of at least two sizes");
    let line = Line::through(&points);
    std::fs::create_dir_all(&arguments.out)?;
    let picture = arguments.out.join("cost.svg");
    draw(&picture, &points, line).map_err(|fault| anyhow!("cannot draw {}: {fault}", picture.display()))?;
    let table = table(&points, line, arguments.shard as f64);
    print!("{table}");
    let page = arguments.out.join("cost.md");
    std::fs::write(&page, table).with_context(|| page.display().to_string())
}

impl Point {
    fn of(report: &Report) -> anyhow::Result<Self> {
        let stream = report.steps.iter().find(|step| step.what == "newcomers");
        let alone = report.steps.iter().find_map(|step| step.p50_ms);
        let stream = stream.context("no newcomers over a stream in this report")?;
        Ok(Self {
            people: report.gallery as f64,
            per_second: stream.per_second,
            cpu: stream.server_cpu_ms.context("no CPU time of the server: it was run without --pid")?,
            client: stream.client_cpu_ms,
            p50: alone,
            memory: report.resident_bytes,
        })
    }
}

impl Line {
    /// Least squares of relative errors.
    fn through(points: &[Point]) -> Self {
        let (mut w, mut wx, mut wxx, mut wy, mut wxy) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for Point { people: x, cpu: y, .. } in points {
            let weight = 1.0 / (y * y);
            w += weight;
            wx += weight * x;
            wxx += weight * x * x;
            wy += weight * y;
            wxy += weight * x * y;
        }
        let each = (w * wxy - wx * wy) / (w * wxx - wx * wx);
        Self { fixed: (wy - each * wx) / w, each }
    }

    fn at(self, people: f64) -> f64 {
        self.fixed + self.each * people
    }
}

fn table(points: &[Point], line: Line, shard: f64) -> String {
    let mut text = String::from(
        "| people | enrolments a second, client included | server CPU ms an enrolment | client CPU ms | p50 ms, one alone | server memory MiB |\n\
         |---|---|---|---|---|---|\n",
    );
    let optional = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    for Point { people, per_second, cpu, client, p50, memory } in points {
        let p50 = optional(p50.map(|p50| format!("{p50:.1}")));
        let memory = optional(memory.map(|bytes| (bytes >> 20).to_string()));
        // Writing to a string cannot fail.
        _ = writeln!(text, "| {people} | {per_second:.1} | {cpu:.1} | {client:.2} | {p50} | {memory} |");
    }
    let Line { fixed, each } = line;
    let shards = (NATION / shard).ceil();
    let of_shard = line.at(shard);
    let all = fixed + shards * each * shard;
    _ = writeln!(
        text,
        "\nThe line through these: {fixed:.1} ms and {:.1} ms for each million people. By that line, not measured: a shard of {shard} \
         people takes {of_shard:.0} ms of one core an enrolment, so {:.1} enrolments a second a core; 1.4 billion people on {shards} shards take \
         {:.1} core seconds an enrolment, all shards together, and 100,000 enrolments a day (1.2 a second) {:.0} cores.",
        each * 1e6,
        1e3 / of_shard,
        all / 1e3,
        all / 1e3 * 100_000.0 / 86_400.0,
    );
    text
}

type Fault = DrawingAreaErrorKind<std::io::Error>;

fn draw(file: &Path, points: &[Point], line: Line) -> Result<(), Fault> {
    const MEASURED: RGBColor = RGBColor(0, 114, 178);
    const WRITTEN_ON: RGBColor = RGBColor(213, 94, 0);
    let root = SVGBackend::new(file, (900, 560)).into_drawing_area();
    root.fill(&WHITE)?;
    let lowest = points.iter().map(|point| point.cpu).fold(f64::MAX, f64::min) / 2.0;
    let mut chart = ChartBuilder::on(&root)
        .margin(16)
        .caption("Server CPU of one enrolment against the size of the gallery", ("sans-serif", 18))
        .x_label_area_size(48)
        .y_label_area_size(80)
        .build_cartesian_2d((1e4..2e9).log_scale(), (lowest..2.0 * line.at(NATION)).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("people of the gallery, ten fingers each")
        .y_desc("milliseconds of one core")
        .x_label_formatter(&|people| format!("{people:e}"))
        .label_style(("sans-serif", 14))
        .axis_desc_style(("sans-serif", 16))
        .light_line_style(WHITE)
        .draw()?;
    let steps = (0..=120).map(|step| 1e4 * 10f64.powf(f64::from(step) / 120.0 * (NATION / 1e4).log10()));
    chart
        .draw_series(LineSeries::new(
            steps.map(|people| (people, line.at(people))),
            WRITTEN_ON.stroke_width(2),
        ))?
        .label("the line through them, written on")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 24, y)], WRITTEN_ON.stroke_width(2)));
    chart
        .draw_series(points.iter().map(|point| Circle::new((point.people, point.cpu), 6, MEASURED.filled())))?
        .label("measured")
        .legend(|(x, y)| Circle::new((x + 12, y), 6, MEASURED.filled()));
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.4))
        .label_font(("sans-serif", 14))
        .draw()?;
    root.present()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(people: f64, cpu: f64) -> Point {
        Point { people, per_second: 1.0, cpu, client: 0.1, p50: None, memory: Some(5 << 20) }
    }

    #[test]
    fn a_line_goes_through_points_on_it_and_shards_pay_the_fixed_part_once() {
        let points = [1e4, 1e5, 1e6].map(|people| point(people, 10.0 + people / 1e4));
        let line = Line::through(&points);
        assert!((line.fixed - 10.0).abs() < 1e-6 && (line.each - 1e-4).abs() < 1e-10);
        let text = table(&points, line, 1e7);
        assert!(text.contains("| 10000 | 1.0 | 11.0 | 0.10 | - | 5 |"), "{text}");
        assert!(text.contains("on 140 shards"), "{text}");
        let folder = tempfile::tempdir().unwrap();
        draw(&folder.path().join("cost.svg"), &points, line).unwrap();
        assert!(std::fs::read_to_string(folder.path().join("cost.svg")).unwrap().contains("</svg>"));
    }
}
