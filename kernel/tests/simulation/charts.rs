//! The charts of the evidence page, as SVG: calm, few colours, readable in grey.
//!
//! Drawn here and not by a library of charts: three plain charts in the look of the manual, with
//! presentation attributes only, since the appliance's policy allows no style in an image.
//! Filled is with probes or the product's own; hollow is what it is compared with.

use super::engineer::Policy;
use super::laws::Law;
use super::organisation::Cell;
use super::report::{CLASSES, Mean, PROMISED, Recalls, covered, recalls};
use std::fmt::Write;

const GROUND: &str = "#fcfdfd";
const INK: &str = "#122329";
const QUIET: &str = "#465a61";
const RULE: &str = "#d3dde0";
const KNOW: &str = "#0b7290";
const BAND: &str = "#d3e9ef";
const CARE: &str = "#a64b00";

struct Svg(String);

impl Svg {
    fn new(width: u32, height: u32, title: &str) -> Self {
        let mut svg = Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" font-family=\"Noto Sans, system-ui, sans-serif\" font-size=\"12\">\n<title>{title}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"{GROUND}\"/>\n"
        ));
        svg.text(16.0, 24.0, "start", INK, title);
        svg
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, fill: &str, text: &str) {
        let _ = writeln!(
            self.0,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{fill}\">{text}</text>"
        );
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: &str, width: f64) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let _ = writeln!(
            self.0,
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{stroke}\" stroke-width=\"{width}\"/>"
        );
    }

    fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), fill: &str) {
        let _ = writeln!(
            self.0,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{fill}\"/>"
        );
    }

    fn dot(&mut self, (x, y): (f64, f64), radius: f64, colour: &str, filled: bool) {
        let fill = if filled { colour } else { "none" };
        let _ = writeln!(
            self.0,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{fill}\" stroke=\"{colour}\"/>"
        );
    }

    fn end(mut self) -> String {
        self.0 += "</svg>\n";
        self.0
    }
}

const HALF: [(f64, &str); 6] = [
    (0.5, "50 %"),
    (0.6, "60 %"),
    (0.7, "70 %"),
    (0.8, "80 %"),
    (0.9, "90 %"),
    (1.0, "100 %"),
];
const QUARTERS: [(f64, &str); 5] = [
    (0.0, "0 %"),
    (0.25, "25 %"),
    (0.5, "50 %"),
    (0.75, "75 %"),
    (1.0, "100 %"),
];

/// Estimated against true retention, a dot a concept with 50 probes or more, of one organisation
/// of each law. It begins at 50 %, where all dots are: what counts is the distance to the diagonal.
pub fn retention(cells: &[Cell]) -> String {
    const SIDE: f64 = 208.0;
    let title = "Known 30 days after the last pass, from 50 %: said against so, a dot a concept";
    let mut svg = Svg::new(760, 350, title);
    svg.dot((22.0, 44.0), 3.5, KNOW, true);
    svg.text(32.0, 48.0, "start", INK, "with probes");
    svg.dot((126.0, 44.0), 3.5, CARE, false);
    svg.text(136.0, 48.0, "start", INK, "the model alone");
    for (number, law) in Law::ALL.into_iter().enumerate() {
        let (left, top) = (56.0 + number as f64 * 240.0, 84.0);
        let share = |chance: f64| (chance.max(0.5) - 0.5) * 2.0;
        let place =
            |truth: f64, said: f64| (left + SIDE * share(truth), top + SIDE * (1.0 - share(said)));
        svg.text(left, top - 10.0, "start", INK, law.name());
        for (at, label) in HALF {
            svg.line(place(at, 0.5), place(at, 1.0), RULE, 1.0);
            svg.line(place(0.5, at), place(1.0, at), RULE, 1.0);
            let (x, y) = place(at, 0.5);
            svg.text(x, y + 16.0, "middle", QUIET, label.trim_end_matches(" %"));
            if number == 0 {
                let (x, y) = place(0.5, at);
                svg.text(x - 6.0, y + 4.0, "end", QUIET, label);
            }
        }
        svg.line(place(0.5, 0.5), place(1.0, 1.0), QUIET, 1.0);
        let (x, y) = place(0.75, 0.5);
        svg.text(x, y + 34.0, "middle", QUIET, "known in truth, %");
        let largest = cells
            .iter()
            .filter(|c| c.law == law && c.probes >= PROMISED)
            .map(|c| c.run)
            .max();
        let these = cells
            .iter()
            .filter(|c| c.law == law && Some(c.run) == largest && c.probes >= PROMISED);
        for cell in these {
            svg.dot(place(cell.truth, cell.model), 2.5, CARE, false);
            svg.dot(place(cell.truth, cell.value), 2.5, KNOW, true);
        }
    }
    svg.end()
}

/// How often the 80 % interval holds the truth, by number of probes.
pub fn coverage(cells: &[Cell]) -> String {
    let title = "How often the 80 % interval holds the truth, by the concept's number of probes";
    let mut svg = Svg::new(760, 330, title);
    let place = |at: f64, share: f64| (64.0 + 640.0 * at, 56.0 + 208.0 * (1.0 - share));
    let (_, top) = place(0.0, 0.85);
    let (left, bottom) = place(0.0, 0.75);
    svg.rect((left, top), (640.0, bottom - top), BAND);
    svg.text(
        left + 8.0,
        top - 6.0,
        "start",
        QUIET,
        "wanted: 75 % to 85 %",
    );
    for (at, label) in QUARTERS {
        svg.line(place(0.0, at), place(1.0, at), RULE, 1.0);
        let (x, y) = place(0.0, at);
        svg.text(x - 8.0, y + 4.0, "end", QUIET, label);
    }
    for (number, (least, most, name)) in CLASSES.into_iter().enumerate() {
        let at = (number as f64 + 0.5) / CLASSES.len() as f64;
        let (x, y) = place(at, 0.0);
        svg.text(x, y + 18.0, "middle", INK, name);
        let these: Vec<_> = cells
            .iter()
            .filter(|c| (least..=most).contains(&c.probes))
            .collect();
        if these.is_empty() {
            svg.text(x, y - 90.0, "middle", QUIET, "none");
            continue;
        }
        let mean = Mean::over(these.iter().copied(), covered);
        svg.text(
            x,
            y + 34.0,
            "middle",
            QUIET,
            &format!("{} concepts", these.len()),
        );
        let (low, high) = (mean.value - mean.error, mean.value + mean.error);
        svg.line(place(at, low), place(at, high.min(1.0)), KNOW, 4.0);
        let middle = place(at, mean.value);
        svg.dot(middle, 5.0, KNOW, true);
        svg.text(
            middle.0 + 12.0,
            middle.1 + 4.0,
            "start",
            INK,
            &format!("{:.0} %", mean.value * 100.0),
        );
    }
    svg.text(
        384.0,
        318.0,
        "middle",
        QUIET,
        "probes of the trailing 180 days; bars: one standard error",
    );
    svg.end()
}

/// Recall by law and policy.
pub fn policies(all: &Recalls) -> String {
    let title =
        "Known on average 30 days after half a year, of all concepts met, two checks a working day";
    let mut svg = Svg::new(760, 250, title);
    let place = |share: f64, row: f64| (120.0 + 600.0 * share, 84.0 + 44.0 * row);
    for (at, label) in QUARTERS {
        let ((x, bottom), (_, top)) = (place(at, 2.6), place(at, -0.4));
        svg.line((x, bottom), (x, top), RULE, 1.0);
        svg.text(x, bottom + 18.0, "middle", QUIET, label);
    }
    for (number, law) in Law::ALL.into_iter().enumerate() {
        let row = number as f64;
        let of = |policy: Policy| recalls(all, Some(law), move |by| by[&policy]);
        let (gain, random, lowest) = (of(Policy::Gain), of(Policy::Random), of(Policy::Lowest));
        let (_, y) = place(0.0, row);
        svg.text(16.0, y + 4.0, "start", INK, law.name());
        svg.line(place(random.value, row), place(gain.value, row), KNOW, 2.0);
        svg.dot(place(random.value, row), 5.0, CARE, false);
        svg.dot(place(gain.value, row), 5.0, KNOW, true);
        let (x, y) = place(lowest.value, row);
        svg.line((x, y - 9.0), (x, y + 9.0), INK, 2.0);
        let more = format!("{:+.1} points", (gain.value - random.value) * 100.0);
        let (x, _) = place(gain.value.max(lowest.value), row);
        svg.text(x + 12.0, y + 4.0, "start", INK, &more);
    }
    let y = 48.0;
    svg.dot((126.0, y), 5.0, KNOW, true);
    svg.text(138.0, y + 4.0, "start", INK, "by gain, as the product asks");
    svg.dot((330.0, y), 5.0, CARE, false);
    svg.text(342.0, y + 4.0, "start", INK, "at random");
    svg.line((434.0, y - 9.0), (434.0, y + 9.0), INK, 2.0);
    svg.text(444.0, y + 4.0, "start", INK, "lowest recall first");
    svg.text(
        420.0,
        240.0,
        "middle",
        QUIET,
        "chance to know, mean over engineers and concepts",
    );
    svg.end()
}
