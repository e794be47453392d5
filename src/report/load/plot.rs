//! Throughput over rules and over threads, as an SVG of its own: no script, no font, no network.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::load::{Engine, LoadReport};

use super::asked;

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 40.0;
/// Told apart by people who do not see all colours (Okabe and Ito).
const COLOURS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999"];

/// A line of a plot.
struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

/// Writes the plot.
pub fn write(out: &mut dyn Write, report: &LoadReport) -> io::Result<()> {
    let most =
        report.stages.iter().flat_map(|stage| &stage.speeds).map(|speed| speed.threads).max().unwrap_or(1);
    let mut by_rules: Vec<Line> = vec![];
    let mut by_threads: Vec<Line> = vec![];
    for stage in &report.stages {
        for speed in &stage.speeds {
            let point = |x: usize| {
                #[allow(clippy::cast_precision_loss)] // Small numbers.
                let x = x as f64;
                (x.max(1.0), speed.per_second.max(1.0))
            };
            let name = format!("{} {}", asked(speed), speed.engine.code());
            if speed.threads == most || speed.engine == Engine::Linear {
                add(&mut by_rules, &name, point(stage.rules));
            }
            if stage.factor == 1 && speed.engine == Engine::Compiled {
                add(&mut by_threads, &name, point(speed.threads));
            }
        }
    }
    let mut svg = String::new();
    let width = 2.0 * (WIDTH + LEFT) + 60.0;
    let height = HEIGHT + TOP + 200.0;
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">"
    );
    let _ = writeln!(svg, "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>");
    chart(&mut svg, 0.0, &format!("a second, over rules ({most} threads)"), "rules", &by_rules);
    chart(&mut svg, WIDTH + LEFT + 30.0, "a second, over threads (compiled)", "threads", &by_threads);
    svg.push_str("</svg>\n");
    out.write_all(svg.as_bytes())
}

fn add(lines: &mut Vec<Line>, name: &str, point: (f64, f64)) {
    match lines.iter_mut().find(|line| line.name == name) {
        Some(line) => line.points.push(point),
        None => lines.push(Line { name: name.to_owned(), points: vec![point] }),
    }
}

/// A chart with both axes logarithmic.
fn chart(svg: &mut String, at: f64, title: &str, axis: &str, lines: &[Line]) {
    let all = || lines.iter().flat_map(|line| &line.points);
    let span = |of: fn(&(f64, f64)) -> f64| {
        let (least, most) = all().map(of).fold((f64::MAX, 1.0_f64), |(a, b), v| (a.min(v), b.max(v)));
        (least.min(most).log10(), most.log10().max(least.min(most).log10() + 0.3))
    };
    let (x_span, y_span) = (span(|point| point.0), span(|point| point.1));
    let (y_low, y_high) = (y_span.0.floor(), y_span.1.ceil());
    let x = |value: f64| at + LEFT + (value.log10() - x_span.0) / (x_span.1 - x_span.0) * WIDTH * 0.95;
    let y = |value: f64| TOP + HEIGHT - (value.log10() - y_low) / (y_high - y_low).max(1.0) * HEIGHT;
    let _ = writeln!(svg, "<text x=\"{:.0}\" y=\"20\" font-weight=\"bold\">{title}</text>", at + LEFT);
    let mut decade = y_low;
    while decade <= y_high {
        let (height, value) = (y(10_f64.powf(decade)), super::speed(10_f64.powf(decade)));
        let _ = writeln!(
            svg,
            "<line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{height:.1}\" y2=\"{height:.1}\" stroke=\"#dddddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
            at + LEFT,
            at + LEFT + WIDTH,
            at + LEFT - 6.0,
            height + 4.0
        );
        decade += 1.0;
    }
    let mut marks: Vec<f64> = all().map(|point| point.0).collect();
    marks.sort_by(f64::total_cmp);
    marks.dedup();
    for mark in marks {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{mark:.0}</text>",
            x(mark),
            TOP + HEIGHT + 16.0
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{axis}</text>",
        at + LEFT + WIDTH / 2.0,
        TOP + HEIGHT + 34.0
    );
    for (number, line) in lines.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let points: Vec<String> =
            line.points.iter().map(|&(a, b)| format!("{:.1},{:.1}", x(a), y(b))).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            points.join(" ")
        );
        for &(a, b) in &line.points {
            let _ =
                writeln!(svg, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>", x(a), y(b));
        }
        #[allow(clippy::cast_precision_loss)] // A dozen lines.
        let row = TOP + HEIGHT + 56.0 + 16.0 * number as f64;
        let _ = writeln!(
            svg,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"12\" height=\"4\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{row:.1}\">{}</text>",
            at + LEFT,
            row - 6.0,
            at + LEFT + 18.0,
            line.name
        );
    }
}
