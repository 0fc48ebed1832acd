//! The table that is the chart: one concept a row, its retention drawn in a cell.

use crate::charts::track::{BasisDot, Track};
use crate::figures::{Band, Cell, ConceptRow};
use crate::shell::Shell;
use crate::words;

/// The rows of one band of need.
pub(crate) struct BandGroup {
    pub(crate) heading: &'static str,
    pub(crate) rows: Vec<Row>,
}

/// One row, ready to be printed.
pub(crate) struct Row {
    pub(crate) title: String,
    pub(crate) slug: String,
    pub(crate) href: String,
    /// Below the name: risk, folded concepts, a value that stands.
    pub(crate) notes: Vec<String>,
    pub(crate) thin: bool,
    /// A figure, or else why there is none.
    pub(crate) figure: Option<Figure>,
    pub(crate) withheld: Option<Withheld>,
}

/// Retention with its interval, its people and what it rests on.
pub(crate) struct Figure {
    pub(crate) kept: String,
    pub(crate) interval: String,
    pub(crate) known_by: String,
    pub(crate) track: Track,
    pub(crate) dot: BasisDot,
}

/// Why there is no figure.
pub(crate) struct Withheld {
    pub(crate) title: String,
    pub(crate) reason: &'static str,
}

/// Whether one of them shows a value that an older snapshot set: said once, below the table.
pub(crate) fn some_stand(rows: &[&ConceptRow]) -> bool {
    rows.iter()
        .any(|row| matches!(row.cell, Cell::Shown { since: Some(_), .. }))
}

/// Groups ranked rows by their band; a band without rows has no group.
pub(crate) fn in_bands(
    rows: &[&ConceptRow],
    overall: Option<f64>,
    shell: &Shell,
) -> Vec<BandGroup> {
    [
        (Band::Most, "Most in need"),
        (Band::Some, "Next"),
        (Band::Least, "Holding"),
    ]
    .into_iter()
    .map(|(band, heading)| BandGroup {
        heading,
        rows: rows
            .iter()
            .filter(|r| r.band == band)
            .map(|r| row(r, overall, shell))
            .collect(),
    })
    .filter(|group| !group.rows.is_empty())
    .collect()
}

fn row(row: &ConceptRow, overall: Option<f64>, shell: &Shell) -> Row {
    let mut notes = Vec::new();
    if row.risk >= 3 {
        notes.push("High risk".to_owned());
    }
    if row.folded_in > 0 {
        notes.push(format!(
            "Stands for {} too, met by fewer than five people each",
            words::count(u64::from(row.folded_in), "narrower concept")
        ));
    }
    let (figure, withheld) = match row.cell {
        Cell::Few => (
            None,
            Some(Withheld {
                title: "Withheld.".to_owned(),
                reason: "Fewer than five of the people who met it have shown it. From five on, the figure appears by itself.",
            }),
        ),
        Cell::Between { lo, hi } => (
            None,
            Some(Withheld {
                title: format!(
                    "Between {} and {}%.",
                    words::percent(lo),
                    words::percent(hi)
                ),
                reason: "Someone left the figures. The exact value returns once three more people’s results change.",
            }),
        ),
        Cell::Shown {
            n_demonstrated,
            retention,
            since,
            ..
        } => {
            if let Some(day) = since {
                notes.push(format!("As of {}", shell.date(day)));
            }
            let figure = Figure {
                kept: words::retention(retention),
                interval: words::interval(retention),
                known_by: words::thousands(u64::from(n_demonstrated)),
                track: Track::new(retention, overall),
                dot: BasisDot::new(retention.basis()),
            };
            (Some(figure), None)
        }
    };
    Row {
        title: row.concept.title.clone(),
        slug: row.concept.slug.clone(),
        href: row.concept.href(),
        notes,
        thin: row.cell.retention().is_some_and(|r| r.value() < 0.5),
        figure,
        withheld,
    }
}
