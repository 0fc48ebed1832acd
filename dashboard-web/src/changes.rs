//! What changed since the snapshot before, and what counts as a change.
//!
//! Invariant: a difference that nobody sees in print, or that stays within a value's own
//! uncertainty, has no direction; of a bound no direction is told that its edge does not show.

use crate::figures::{Cell, ConceptRef, ConceptRow, Previous, Retention};
use crate::words;

/// One thing that changed since the snapshot before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) arrow: &'static str,
    pub(crate) class: &'static str,
    pub(crate) concept: Option<ConceptRef>,
    pub(crate) text: String,
}

/// How many changes are told.
const CHANGES: usize = 5;
fn before(previous: &Previous, slug: &str) -> Option<Cell> {
    previous
        .rows
        .iter()
        .find(|(s, _)| s == slug)
        .map(|(_, cell)| *cell)
}

pub(crate) fn both(previous: &Previous, row: &ConceptRow) -> Option<(Retention, Retention)> {
    Some((
        before(previous, &row.concept.slug)?.retention()?,
        row.cell.retention()?,
    ))
}

/// What changed since the snapshot before, the largest first.
pub(crate) fn changes(
    rows: &[ConceptRow],
    previous: &Previous,
    overall: Option<Retention>,
) -> Vec<Change> {
    let mut moved: Vec<(f64, Change)> = Vec::new();
    let mut first: Vec<Change> = Vec::new();
    let mut met: Vec<String> = Vec::new();
    for row in rows {
        let concept = Some(row.concept.clone());
        match (before(previous, &row.concept.slug), row.cell) {
            (Some(_), Cell::Shown { .. }) if both(previous, row).is_some() => {
                if let Some((a, b)) = both(previous, row)
                    && let Some(change) = movement(concept, a, b, overall)
                {
                    moved.push(((b.value() - a.value()).abs(), change));
                }
            }
            (None | Some(Cell::Few), Cell::Shown { n_demonstrated, .. }) => first.push(Change {
                arrow: "↗",
                class: "go",
                concept,
                text: format!(
                    "is now known by {} people, so its figure is shown.",
                    words::number(u64::from(n_demonstrated))
                ),
            }),
            (None, Cell::Few) => met.push(words::mid_sentence(&row.concept.title)),
            _ => {}
        }
    }
    moved.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut out: Vec<Change> = moved.into_iter().map(|(_, change)| change).collect();
    let room = CHANGES.saturating_sub(first.len().min(2) + usize::from(!met.is_empty()));
    out.truncate(room);
    out.extend(first);
    out.truncate(CHANGES - usize::from(!met.is_empty()));
    if !met.is_empty() {
        let names = met[..met.len().min(3)].to_vec();
        out.push(Change {
            arrow: "+",
            class: "muted",
            concept: None,
            text: format!(
                "Five people or more have now met {}: {}.",
                match met.len() {
                    1 => "a further concept".to_owned(),
                    n => format!("{} further concepts", words::number(n as u64)),
                },
                if met.len() > 3 {
                    format!("{} and others", names.join(", "))
                } else {
                    words::list(&names)
                }
            ),
        });
    }
    out
}

/// Which way a retention went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Rose,
    Fell,
    Steady,
}

/// Fewer points than this are no direction while they stay in the interval.
const POINTS: f64 = 0.05;

/// Whether a retention moved by more than its own uncertainty: by five points, or out of the
/// interval that it had. Of a bound only the edge is known, so what may lie within it is steady.
pub(crate) fn direction(before: Retention, now: Retention) -> Direction {
    let range = |r: Retention| match r.exact() {
        // As printed: a difference that nobody sees is none.
        Some(value) => (
            f64::from(words::percent(value)) / 100.0,
            f64::from(words::percent(value)) / 100.0,
        ),
        None => (r.lo(), r.hi()),
    };
    let ((from_lo, from_hi), (to_lo, to_hi)) = (range(before), range(now));
    let (up, down) = (to_lo - from_hi, from_lo - to_hi);
    let enough = |gap: f64, out: bool| gap > 0.0 && (gap > POINTS - 1e-9 || out);
    let known = before.exact().is_some();
    if enough(up, known && to_lo > before.hi()) {
        Direction::Rose
    } else if enough(down, known && to_hi < before.lo()) {
        Direction::Fell
    } else {
        Direction::Steady
    }
}

fn movement(
    concept: Option<ConceptRef>,
    before: Retention,
    now: Retention,
    overall: Option<Retention>,
) -> Option<Change> {
    let rose = match direction(before, now) {
        Direction::Rose => true,
        Direction::Fell => false,
        Direction::Steady => return None,
    };
    let below = overall.filter(|o| now.hi() < o.value());
    let tail = match below {
        Some(o) if !rose => format!(
            " Its interval lies below the organisation’s {}.",
            words::retention(o)
        ),
        _ => String::new(),
    };
    Some(Change {
        arrow: if rose { "↗" } else { "↘" },
        class: if rose { "go" } else { "care" },
        concept,
        text: format!(
            "{} from {} to {}.{tail}",
            if rose { "rose" } else { "fell" },
            words::retention(before),
            words::retention(now)
        ),
    })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::figures::{Band, Precision};
    use crate::findings::overall;
    use crate::findings::samples::{kept, row, shown};

    #[test]
    fn changes_tell_what_moved_what_is_new_and_what_was_met() {
        let rows = [
            row("up", "x", Band::Some, 1, shown(9, 0.8)),
            row("down", "x", Band::Most, 1, shown(9, 0.4)),
            row("same", "x", Band::Some, 1, shown(9, 0.7)),
            row("new", "x", Band::Some, 1, shown(5, 0.7)),
            row("met", "x", Band::Most, 1, Cell::Few),
        ];
        let previous = Previous {
            as_of: date(2026, 11, 16),
            rows: vec![
                ("up".to_owned(), shown(8, 0.7)),
                ("down".to_owned(), shown(8, 0.6)),
                ("same".to_owned(), shown(8, 0.7)),
                ("new".to_owned(), Cell::Few),
            ],
        };
        let told = changes(&rows, &previous, overall(&rows));
        let texts: Vec<&str> = told.iter().map(|c| c.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "fell from 60% to 40%. Its interval lies below the organisation’s 64%.",
                "rose from 70% to 80%.",
                "is now known by five people, so its figure is shown.",
                "Five people or more have now met a further concept: MET.",
            ]
        );
    }

    #[test]
    fn a_direction_is_more_than_a_point_within_the_interval() {
        use Direction::{Fell, Rose, Steady};
        use Precision::{AtLeast90, AtMost10, Exact};
        let exact = |value| kept(value, 0.15, Exact);
        assert_eq!(direction(exact(0.79), exact(0.78)), Steady);
        assert_eq!(direction(exact(0.70), exact(0.75)), Rose);
        assert_eq!(direction(exact(0.75), exact(0.70)), Fell);
        // Out of a narrow interval a few points are enough.
        assert_eq!(
            direction(kept(0.70, 0.01, Exact), kept(0.72, 0.01, Exact)),
            Rose
        );
        // What is printed as the same bound did not move, whatever lies behind it.
        let high = |value| kept(value, 0.02, AtLeast90);
        assert_eq!(direction(high(0.91), high(0.99)), Steady);
        assert_eq!(direction(exact(0.94), high(0.99)), Steady);
        assert_eq!(direction(exact(0.88), high(0.99)), Steady);
        assert_eq!(direction(high(0.99), exact(0.88)), Steady);
        assert_eq!(direction(exact(0.70), high(0.99)), Rose);
        assert_eq!(direction(exact(0.70), kept(0.01, 0.01, AtMost10)), Fell);
    }
}
