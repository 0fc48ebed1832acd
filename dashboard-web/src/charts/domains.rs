//! Small multiples: one domain each, all on one scale.
//!
//! The bar's length is concepts in use, its fill those that are covered; the
//! strip marks each covered concept at its retention; a bound is a line as wide as it.

use askama::Template;

use super::coord;
use crate::figures::{ConceptRow, Retention};
use crate::words;

/// One domain.
#[derive(Template, Debug, Clone, PartialEq)]
#[template(path = "svg/domain.html")]
pub(crate) struct DomainChart {
    pub(crate) name: String,
    pub(crate) covered: usize,
    pub(crate) in_use: usize,
    pub(crate) share: u8,
    bar_all: String,
    bar_has: String,
    ticks: Vec<Tick>,
    strip_label: String,
    note: String,
    care: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct Tick {
    from: u8,
    /// Where it ends, if it is no mark but a bound.
    to: Option<u8>,
    thin: bool,
}

impl Tick {
    fn new(of: &Retention) -> Self {
        let (from, to) = match of.exact() {
            Some(value) => (words::percent(value), None),
            None => (words::percent(of.lo()), Some(words::percent(of.hi()))),
        };
        Self {
            from,
            to,
            thin: is_thin(of),
        }
    }
}

fn is_thin(retention: &Retention) -> bool {
    retention.value() < 0.5
}

impl DomainChart {
    /// All domains of the rows, thinnest first.
    pub(crate) fn all(rows: &[ConceptRow]) -> Vec<Self> {
        let mut names: Vec<&str> = rows.iter().map(|r| r.domain.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let groups: Vec<(&str, Vec<&ConceptRow>)> = names
            .into_iter()
            .map(|name| (name, rows.iter().filter(|r| r.domain == name).collect()))
            .collect();
        let largest = groups.iter().map(|(_, own)| own.len()).max().unwrap_or(1);
        let mut charts: Vec<Self> = groups
            .iter()
            .map(|(name, own)| Self::one(name, own, largest))
            .collect();
        charts.sort_by(|a, b| {
            let share = |c: &Self| c.covered as f64 / c.in_use as f64;
            share(a)
                .total_cmp(&share(b))
                .then_with(|| b.in_use.cmp(&a.in_use))
        });
        charts
    }

    fn one(name: &str, rows: &[&ConceptRow], largest: usize) -> Self {
        let in_use = rows.len();
        let covered = rows.iter().filter(|r| r.cell.covered()).count();
        let mut values: Vec<Retention> = rows.iter().filter_map(|r| r.cell.retention()).collect();
        values.sort_by(|a, b| a.value().total_cmp(&b.value()));
        let thin = values.iter().filter(|r| is_thin(r)).count();
        let bar = |n: usize| coord(n as f64 / largest as f64 * 99.0);
        let (strip_label, note) = match (values.first(), values.last()) {
            (Some(low), Some(high)) => {
                let of = words::count(values.len() as u64, "covered concept");
                let (low, high) = (words::retention(*low), words::retention(*high));
                (
                    if low == high {
                        format!("Retention of {of}: {low}")
                    } else {
                        format!("Retention of {of}, from {low} to {high}")
                    },
                    if thin > 0 {
                        format!("{thin} kept by less than half")
                    } else {
                        format!("weakest {low}")
                    },
                )
            }
            _ => (
                "No retention is shown in this domain".to_owned(),
                if covered > 0 {
                    "shown only as a band".to_owned()
                } else {
                    "none shown by five people yet".to_owned()
                },
            ),
        };
        Self {
            name: name.to_owned(),
            covered,
            in_use,
            share: words::percent(covered as f64 / in_use.max(1) as f64),
            bar_all: bar(in_use),
            bar_has: bar(covered),
            ticks: values.iter().map(Tick::new).collect(),
            strip_label,
            note,
            care: thin > 0,
        }
    }
}
