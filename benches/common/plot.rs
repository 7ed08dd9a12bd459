//! Small multiples as SVG: the horizontal axes count in powers of ten, the vertical ones start at zero. Readable on a
//! light ground and on a dark one.

use super::report::number;
use std::fmt::Write as _;

/// A curve, its points from left to right.
pub(crate) struct Line {
    /// Stands at its end; empty where a panel has one line only.
    pub(crate) label: &'static str,
    pub(crate) points: Vec<(f64, f64)>,
}

pub(crate) struct Panel {
    pub(crate) title: &'static str,
    pub(crate) lines: Vec<Line>,
}

const COLUMNS: usize = 2;
/// Of a panel, with what belongs to it.
const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 190.0;
/// Of the space around its curves: for figures on the left, names on the right, a title above, figures below.
const LEFT: f64 = 56.0;
const RIGHT: f64 = 96.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 28.0;
/// How far apart names at the ends of curves stand at least.
const NAME_GAP: f64 = 13.0;

/// Greys and colours that show on white and on black, since a viewer need not know the media query that sharpens them.
const STYLE: &str = "
  text { font: 12px system-ui, sans-serif; fill: #7d8590 }
  .title { font-weight: 600 }
  .grid { stroke: #8c959f; stroke-opacity: .35 }
  .line { fill: none; stroke-width: 2 }
  .c0 { stroke: #0969da } .c1 { stroke: #bc4c00 } .c2 { stroke: #1a7f37 } .c3 { stroke: #8250df }
  .dot { stroke: none } .dot.c0, .name.c0 { fill: #0969da } .dot.c1, .name.c1 { fill: #bc4c00 }
  .dot.c2, .name.c2 { fill: #1a7f37 } .dot.c3, .name.c3 { fill: #8250df } .name { stroke: none }
  @media (prefers-color-scheme: light) { text { fill: #57606a } .title { fill: #24292f } }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 } .title { fill: #f0f6fc }
    .c0 { stroke: #4493f8 } .c1 { stroke: #f0883e } .c2 { stroke: #3fb950 } .c3 { stroke: #ab7df8 }
    .dot.c0, .name.c0 { fill: #4493f8 } .dot.c1, .name.c1 { fill: #f0883e }
    .dot.c2, .name.c2 { fill: #3fb950 } .dot.c3, .name.c3 { fill: #ab7df8 }
    .dot, .name { stroke: none }
  }
";

/// The whole picture.
pub(crate) fn plot(panels: &[Panel]) -> String {
    let (width, height) = (WIDTH * COLUMNS as f64, HEIGHT * panels.len().div_ceil(COLUMNS) as f64);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\">\n\
         <style>{STYLE}</style>\n"
    );
    for (at, panel) in panels.iter().enumerate() {
        let (x, y) = ((at % COLUMNS) as f64 * WIDTH, (at / COLUMNS) as f64 * HEIGHT);
        writeln!(svg, "<g transform=\"translate({x} {y})\">{}</g>", draw(panel)).unwrap();
    }
    svg + "</svg>\n"
}

fn draw(panel: &Panel) -> String {
    let points = || panel.lines.iter().flat_map(|line| &line.points);
    let least = points().map(|point| point.0.log10()).fold(f64::MAX, f64::min);
    let most = points().map(|point| point.0.log10()).fold(least + 1.0, f64::max);
    let top = round_up(points().map(|point| point.1).fold(0.0, f64::max));
    let x = |value: f64| LEFT + (value.log10() - least) / (most - least) * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM);

    let mut svg = format!("<text class=\"title\" x=\"{LEFT}\" y=\"18\">{}</text>", panel.title);
    for value in [0.0, top / 2.0, top] {
        let (at, right) = (y(value), WIDTH - RIGHT);
        write!(svg, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>").unwrap();
        let (x, y) = (LEFT - 6.0, at + 4.0);
        let label = tick(value);
        write!(svg, "<text text-anchor=\"end\" x=\"{x}\" y=\"{y:.1}\">{label}</text>").unwrap();
    }
    for (value, _) in panel.lines.first().map_or(&[][..], |line| &line.points) {
        let (at, below) = (x(*value), HEIGHT - 8.0);
        write!(svg, "<text text-anchor=\"middle\" x=\"{at:.1}\" y=\"{below}\">{}</text>", short(*value)).unwrap();
    }
    for (colour, line) in panel.lines.iter().enumerate() {
        let path: Vec<String> =
            line.points.iter().map(|point| format!("{:.1},{:.1}", x(point.0), y(point.1))).collect();
        write!(svg, "<polyline class=\"line c{colour}\" points=\"{}\"/>", path.join(" ")).unwrap();
        for point in &line.points {
            let (x, y) = (x(point.0), y(point.1));
            write!(svg, "<circle class=\"dot c{colour}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>").unwrap();
        }
    }
    for (colour, label, at) in names(panel, y) {
        let x = WIDTH - RIGHT + 8.0;
        write!(svg, "<text class=\"name c{colour}\" x=\"{x}\" y=\"{at:.1}\">{label}</text>").unwrap();
    }
    svg
}

/// Each name at the end of its curve, or as far above as it must be to stand clear of the one below.
fn names(panel: &Panel, y: impl Fn(f64) -> f64) -> Vec<(usize, &'static str, f64)> {
    let ends = panel.lines.iter().enumerate().filter(|(_, line)| !line.label.is_empty());
    let mut names: Vec<_> =
        ends.filter_map(|(colour, line)| Some((colour, line.label, y(line.points.last()?.1) + 4.0))).collect();
    names.sort_by(|a, b| b.2.total_cmp(&a.2));
    for at in 1..names.len() {
        names[at].2 = names[at].2.min(names[at - 1].2 - NAME_GAP);
    }
    names
}

/// The next of 1, 2, 4, 6, 8 times a power of ten: half of it can be read as well.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(1e-6).log10().floor());
    [1.0, 2.0, 4.0, 6.0, 8.0, 10.0].into_iter().map(|step| step * power).find(|step| *step >= value).unwrap_or(value)
}

fn tick(value: f64) -> String {
    let text = number(value);
    let bare = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    bare.to_owned()
}

fn short(value: f64) -> String {
    match value {
        millions if millions >= 1e6 => format!("{}M", tick(millions / 1e6)),
        thousands if thousands >= 1e3 => format!("{}k", tick(thousands / 1e3)),
        few => tick(few),
    }
}
