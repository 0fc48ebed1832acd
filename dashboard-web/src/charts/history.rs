//! History as a step line: a value stands until at least three results changed.
//!
//! Weeks without a value are a tinted area with the reason inside, or below where
//! there is no room. The vertical scale is always 0 to 100%.

use askama::Template;
use jiff::civil::Date;

use super::coord;
use crate::figures::{Basis, Cell, Precision, Retention};
use crate::shell::Shell;
use crate::words;

/// Top and height of the plot, in pixels.
const TOP: f64 = 14.0;
const HEIGHT: f64 = 230.0;
/// Parts narrower than this, in percent of the width, carry no words.
const ROOM_FOR_WORDS: f64 = 18.0;

/// The chart of one concept.
#[derive(Template)]
#[template(path = "svg/history.html")]
pub(crate) struct History {
    title: String,
    voids: Vec<Void>,
    runs: Vec<Run>,
    dots: Vec<Dot>,
    labels: Vec<Label>,
    axis: Vec<Label>,
    bound: bool,
}

struct Void {
    x: String,
    width: String,
    /// Where its words stand, if there is room.
    middle: Option<String>,
}

/// Steps without a break between them, as lists of points.
#[derive(Default)]
struct Run {
    area: String,
    upper: String,
    lower: String,
    /// One for each stretch with values: within a band after a leaving there is none.
    lines: Vec<String>,
}

struct Dot {
    x: String,
    y: String,
    class: &'static str,
    blended: bool,
}

struct Label {
    x: String,
    y: String,
    anchor: &'static str,
    text: String,
}

/// One published value and the part of the width in which it stands.
struct Step {
    x0: f64,
    x1: f64,
    value: Option<f64>,
    lo: f64,
    hi: f64,
}

fn y(value: f64) -> f64 {
    TOP + HEIGHT * (1.0 - value.clamp(0.0, 1.0))
}

impl History {
    /// `points` oldest first; `end` is the snapshot up to which the last one stands.
    ///
    /// `None` while there is nothing to draw: no retention yet, or a single day.
    pub(crate) fn new(
        concept: &str,
        points: &[(Date, Cell)],
        end: Option<Date>,
        shell: &Shell,
    ) -> Option<Self> {
        let (first, _) = points.first()?;
        let (last, _) = points.last()?;
        let end = end.map_or(*last, |e| e.max(*last));
        let days = |d: Date| first.until(d).map(|s| s.get_days()).unwrap_or(0);
        let whole = days(end);
        if whole <= 0 || !points.iter().any(|(_, c)| c.retention().is_some()) {
            return None;
        }
        let x = |d: Date| f64::from(days(d)) / f64::from(whole) * 100.0;
        let mut chart = Self {
            title: Self::title(concept, points, shell),
            voids: Vec::new(),
            runs: Vec::new(),
            dots: Vec::new(),
            labels: Vec::new(),
            axis: Vec::new(),
            bound: points
                .iter()
                .any(|(_, c)| c.retention().is_some_and(|r| r.exact().is_none())),
        };
        let mut steps: Vec<Step> = Vec::new();
        for (i, (day, cell)) in points.iter().enumerate() {
            let (x0, x1) = (
                x(*day),
                points.get(i + 1).map_or(100.0, |(next, _)| x(*next)),
            );
            match cell {
                Cell::Few => {
                    chart.runs.extend(Run::new(&steps));
                    steps.clear();
                    chart.voids.push(Void::new(x0, x1));
                }
                Cell::Between { lo, hi } => {
                    steps.push(Step {
                        x0,
                        x1,
                        value: None,
                        lo: *lo,
                        hi: *hi,
                    });
                }
                // Where only a bound may be said there is a band, and neither line nor dot.
                Cell::Shown { retention: r, .. } => {
                    let value = r.exact();
                    steps.push(Step {
                        x0,
                        x1,
                        value,
                        lo: r.lo(),
                        hi: r.hi(),
                    });
                    chart.dots.extend(value.map(|value| Dot {
                        x: coord(x0),
                        y: coord(y(value)),
                        class: r.basis().class(),
                        blended: r.basis() == Basis::Blended,
                    }));
                }
            }
        }
        chart.runs.extend(Run::new(&steps));
        chart.label(points, x);
        chart.date_axis(*first, end, shell);
        Some(chart)
    }

    /// Whether a part without a value is too narrow for words, so that they stand below.
    pub(crate) fn has_silent_gap(&self) -> bool {
        self.voids.iter().any(|void| void.middle.is_none())
    }

    /// Whether a value is drawn as a bound.
    pub(crate) fn has_bound(&self) -> bool {
        self.bound
    }

    fn title(concept: &str, points: &[(Date, Cell)], shell: &Shell) -> String {
        let mut shown = points
            .iter()
            .filter_map(|(d, c)| c.retention().map(|r| (d, r)));
        match (shown.next(), shown.next_back()) {
            (Some((d, a)), Some((e, b))) => format!(
                "Retention of {concept} after 30 days: {} on {}, {} on {}.",
                words::retention(a),
                shell.date(*d),
                words::retention(b),
                shell.date(*e)
            ),
            (Some((d, a)), None) => format!(
                "Retention of {concept} after 30 days: {} on {}.",
                words::retention(a),
                shell.date(*d)
            ),
            _ => format!("Retention of {concept} after 30 days"),
        }
    }

    fn label(&mut self, points: &[(Date, Cell)], x: impl Fn(Date) -> f64) {
        let shown: Vec<(f64, Retention)> = points
            .iter()
            .filter_map(|(d, c)| c.retention().map(|r| (x(*d), r)))
            .collect();
        // Beside the dot, or beside that edge of a band which it names.
        let height = |r: Retention| match r.precision() {
            Precision::Exact => y(r.value()),
            Precision::AtLeast90 => y(r.lo()),
            Precision::AtMost10 => y(r.hi()),
        };
        let below = |r: Retention| match r.precision() {
            Precision::Exact => height(r) <= TOP + 28.0,
            Precision::AtLeast90 => true,
            Precision::AtMost10 => false,
        };
        if let Some(&(at, r)) = shown.last() {
            let late = at > 50.0;
            self.labels.push(Label {
                x: coord(if late { (at - 1.2).max(0.0) } else { at + 1.2 }),
                y: coord(height(r) + if below(r) { 24.0 } else { -12.0 }),
                anchor: if late { "end" } else { "start" },
                text: words::retention(r),
            });
        }
        // The first one too, where the two do not meet; a bound that is still the same is said once.
        if let (Some(&(at, r)), Some(&(end, last))) = (shown.first(), shown.last())
            && end - at > if r.exact().is_some() { 12.0 } else { 40.0 }
            && (r.exact().is_some() || r.precision() != last.precision())
        {
            self.labels.push(Label {
                x: coord(at + 1.5),
                y: coord(match r.precision() {
                    Precision::AtMost10 => height(r) - 12.0,
                    _ => (height(r) + 20.0).min(TOP + HEIGHT - 6.0),
                }),
                anchor: "start",
                text: match r.exact() {
                    Some(value) => words::percent(value).to_string(),
                    None => words::retention(r),
                },
            });
        }
    }

    fn date_axis(&mut self, first: Date, end: Date, shell: &Shell) {
        let mut push = |x: &str, anchor, text| {
            self.axis.push(Label {
                x: x.to_owned(),
                y: "264".to_owned(),
                anchor,
                text,
            });
        };
        push("0", "start", shell.date(first));
        push("100", "end", shell.date(end));
    }
}

impl Void {
    fn new(x0: f64, x1: f64) -> Self {
        let width = (x1 - x0).max(0.0);
        Self {
            x: coord(x0),
            width: coord(width),
            middle: (width >= ROOM_FOR_WORDS).then(|| coord(x0 + width / 2.0)),
        }
    }
}

impl Run {
    fn new(steps: &[Step]) -> Option<Self> {
        if steps.is_empty() {
            return None;
        }
        let points = |s: &Step, v: f64| {
            let y = coord((1.0 - v.clamp(0.0, 1.0)) * 100.0);
            [
                format!("{},{y}", coord(s.x0)),
                format!("{},{y}", coord(s.x1)),
            ]
        };
        let upper: Vec<String> = steps.iter().flat_map(|s| points(s, s.hi)).collect();
        let lower: Vec<String> = steps.iter().flat_map(|s| points(s, s.lo)).collect();
        let lines = steps
            .split(|s| s.value.is_none())
            .filter(|stretch| !stretch.is_empty())
            .map(|stretch| {
                let line: Vec<String> = stretch
                    .iter()
                    .filter_map(|s| s.value.map(|v| points(s, v)))
                    .flatten()
                    .collect();
                line.join(" ")
            })
            .collect();
        let mut area = upper.clone();
        area.extend(lower.iter().rev().cloned());
        Some(Self {
            area: area.join(" "),
            upper: upper.join(" "),
            lower: lower.join(" "),
            lines,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(x0: f64, x1: f64, value: Option<f64>) -> Step {
        Step {
            x0,
            x1,
            value,
            lo: 0.4,
            hi: 0.8,
        }
    }

    #[test]
    fn a_bound_is_a_band_without_dot_and_line() {
        let steps = [Step {
            x0: 0.0,
            x1: 100.0,
            value: None,
            lo: 0.9,
            hi: 1.0,
        }];
        let run = Run::new(&steps).expect("there is a step");
        assert!(run.lines.is_empty());
        assert_eq!(run.area, "0,0 100,0 100,10 0,10");
    }

    #[test]
    fn the_line_breaks_where_only_a_band_is_published() {
        let steps = [
            step(0.0, 20.0, Some(0.5)),
            step(20.0, 40.0, None),
            step(40.0, 100.0, Some(0.75)),
        ];
        let run = Run::new(&steps).expect("there are steps");
        assert_eq!(run.lines, ["0,50 20,50", "40,25 100,25"]);
        assert_eq!(run.area.split(' ').count(), 12, "the area goes on");
        assert!(Run::new(&[]).is_none());
    }
}
