//! What the overview says: sentences worked out from the published rows by rules.
//!
//! Nothing here is written by hand for one organisation, and nothing needs more
//! than what the snapshot published, so a sentence can tell no more than a table.

use crate::changes::{Direction, both, direction};
use crate::figures::{Band, Basis, Cell, ConceptRef, ConceptRow, Precision, Previous, Retention};
use crate::words;

/// One of the figures with meaning below the finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) small: String,
    pub(crate) meaning: String,
    pub(crate) detail: String,
}

impl Tile {
    /// Whether its value is words: too wide for a figure's size.
    pub(crate) fn is_words(&self) -> bool {
        self.value.contains(' ')
    }
}

/// One place where attention would help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attention {
    pub(crate) concept: ConceptRef,
    pub(crate) text: String,
}

/// How many places for attention are told.
const PLACES: usize = 3;

/// The mean over the shown concepts, weighted by people.
///
/// The interval is that of the weighted bounds: as wide as if all errors went one
/// way, so never too narrow.
pub(crate) fn overall(rows: &[ConceptRow]) -> Option<Retention> {
    let shown: Vec<(f64, Retention)> = rows
        .iter()
        .filter_map(|r| match r.cell {
            Cell::Shown {
                n_demonstrated,
                retention,
                ..
            } => Some((f64::from(n_demonstrated), retention)),
            _ => None,
        })
        .collect();
    let weight: f64 = shown.iter().map(|(w, _)| w).sum();
    if weight <= 0.0 {
        return None;
    }
    let mean = |f: fn(&Retention) -> f64| shown.iter().map(|(w, r)| w * f(r)).sum::<f64>() / weight;
    let all = |basis: Basis| shown.iter().all(|(_, r)| r.basis() == basis);
    let basis = if all(Basis::Observed) {
        Basis::Observed
    } else if all(Basis::Modelled) {
        Basis::Modelled
    } else {
        Basis::Blended
    };
    // Of bounds alone only a bound can be said.
    let first = shown.first().map(|(_, r)| r.precision());
    let precision = first
        .filter(|p| shown.iter().all(|(_, r)| r.precision() == *p))
        .unwrap_or(Precision::Exact);
    Some(Retention::new(
        mean(Retention::value),
        mean(Retention::lo),
        mean(Retention::hi),
        basis,
        precision,
    ))
}

/// Rows by band, then risk, then by how little is known, then by title.
pub(crate) fn ranked(rows: &[ConceptRow]) -> Vec<&ConceptRow> {
    let mut ranked: Vec<&ConceptRow> = rows.iter().collect();
    ranked.sort_by(|a, b| {
        let known = |r: &ConceptRow| match r.cell {
            Cell::Few => -1.0,
            Cell::Shown { retention, .. } => retention.value(),
            Cell::Between { lo, hi } => f64::midpoint(lo, hi),
        };
        a.band
            .cmp(&b.band)
            .then(b.risk.cmp(&a.risk))
            .then(known(a).total_cmp(&known(b)))
            .then_with(|| a.concept.title.cmp(&b.concept.title))
    });
    ranked
}

/// Where the organisation is thin, in one sentence.
pub(crate) fn finding(organisation: &str, rows: &[ConceptRow]) -> String {
    let most: Vec<&ConceptRow> = ranked(rows)
        .into_iter()
        .filter(|r| r.band == Band::Most)
        .collect();
    match most.len() {
        0 if rows.is_empty() => {
            format!("At {organisation}, no concept was met by five people yet.")
        }
        0 => format!("At {organisation}, no concept stands out as thin."),
        1 | 2 => {
            let titles: Vec<String> = most
                .iter()
                .map(|r| words::mid_sentence(&r.concept.title))
                .collect();
            format!(
                "{organisation} is thinnest where its agents write: {}.",
                words::list(&titles)
            )
        }
        n => {
            let mut domains: Vec<(&str, usize)> = Vec::new();
            for row in &most {
                match domains.iter_mut().find(|(name, _)| *name == row.domain) {
                    Some((_, count)) => *count += 1,
                    None => domains.push((&row.domain, 1)),
                }
            }
            domains.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
            let told = if domains.len() > 3 { 2 } else { domains.len() };
            let names: Vec<String> = domains[..told]
                .iter()
                .map(|(name, _)| (*name).to_owned())
                .collect();
            let inside: usize = domains[..told].iter().map(|(_, count)| count).sum();
            if told < domains.len() {
                return format!(
                    "{organisation} is thinnest in {}: {} of the {} most in need are there.",
                    words::list(&names),
                    words::number(inside as u64),
                    words::count(n as u64, "concept"),
                );
            }
            format!(
                "{organisation} is thinnest in {}: {} there need attention most.",
                words::list(&names),
                words::count(n as u64, "concept")
            )
        }
    }
}

/// Who is counted, what they cover, and how much of it would last.
pub(crate) fn lede(counted: u32, rows: &[ConceptRow], overall: Option<Retention>) -> String {
    let covered = rows.iter().filter(|r| r.cell.covered()).count() as u64;
    let all = rows.len() as u64;
    let counted = words::count_are(u64::from(counted), "engineer");
    let cover = match (covered, all) {
        (_, 0) => "No concept was met by five of them yet.".to_owned(),
        (0, _) => format!(
            "Five or more of them met {}; none of these was shown by five yet.",
            words::count(all, "concept")
        ),
        _ if covered == all && all > 1 => format!(
            "They cover all {} that five or more of them met.",
            words::count(all, "concept")
        ),
        _ => format!(
            "They cover {} of the {} that five or more of them met.",
            words::number(covered),
            words::count(all, "concept")
        ),
    };
    match overall {
        Some(o) => format!(
            "{} counted. {cover} Of what they showed, {} would last a month.",
            words::capital(&counted),
            words::share(o.value())
        ),
        None => format!("{} counted. {cover}", words::capital(&counted)),
    }
}

fn risky_gaps<'a>(cells: impl Iterator<Item = (u8, &'a Cell)>) -> usize {
    cells
        .filter(|(risk, cell)| *risk >= 3 && !cell.covered())
        .count()
}

/// "3 more than in the snapshot before", "as in the snapshot before".
fn against(now: usize, before: usize) -> String {
    match now.cmp(&before) {
        std::cmp::Ordering::Greater => format!("{} more than a snapshot before", now - before),
        std::cmp::Ordering::Less => format!("{} fewer than a snapshot before", before - now),
        std::cmp::Ordering::Equal => "As in the snapshot before".to_owned(),
    }
}

/// The figures with meaning.
pub(crate) fn tiles(
    rows: &[ConceptRow],
    previous: Option<&Previous>,
    overall: Option<Retention>,
) -> Vec<Tile> {
    let covered = rows.iter().filter(|r| r.cell.covered()).count();
    let mut tiles = Vec::new();
    tiles.push(Tile {
        name: "Covered",
        value: if rows.is_empty() {
            "none".to_owned()
        } else {
            format!("{}%", words::percent(covered as f64 / rows.len() as f64))
        },
        small: format!("{covered} of {}", rows.len()),
        meaning:
            "Concepts met by five people or more that five or more have shown they understand."
                .to_owned(),
        detail: previous
            .map(|p| against(covered, p.rows.iter().filter(|(_, c)| c.covered()).count()))
            .unwrap_or_default(),
    });
    if let Some(o) = overall {
        tiles.push(Tile {
            name: "Kept after 30 days",
            value: words::retention(o),
            small: words::interval(o),
            meaning: "Chance of still knowing it a month later, with no check in between. Mean of the shown concepts by people.".to_owned(),
            detail: words::capital(o.basis().word()),
        });
    }
    let gaps = risky_gaps(rows.iter().map(|r| (r.risk, &r.cell)));
    tiles.push(Tile {
        name: "Risky gaps",
        value: gaps.to_string(),
        small: if gaps == 1 { "concept" } else { "concepts" }.to_owned(),
        meaning: "High risk, met by five people or more, and not yet shown by five.".to_owned(),
        detail: String::new(),
    });
    if let Some(p) = previous {
        let (mut rose, mut fell) = (0, 0);
        for row in rows {
            match both(p, row).map(|(before, now)| direction(before, now)) {
                Some(Direction::Rose) => rose += 1,
                Some(Direction::Fell) => fell += 1,
                Some(Direction::Steady) | None => {}
            }
        }
        let still = rose == 0 && fell == 0;
        tiles.push(Tile {
            name: "Movement",
            value: if still {
                "none".to_owned()
            } else {
                format!("+{rose}")
            },
            small: if still {
                String::new()
            } else {
                format!("−{fell}")
            },
            meaning: "Concepts whose retention rose or fell since: by five points, or out of the interval that it had.".to_owned(),
            detail: String::new(),
        });
    }
    tiles
}

/// Where attention would help most: shared foundations, risky gaps, then what fades.
pub(crate) fn attention(rows: &[ConceptRow]) -> Vec<Attention> {
    let ranked = ranked(rows);
    let mut out: Vec<Attention> = Vec::new();
    let push = |row: &ConceptRow, text: String, out: &mut Vec<Attention>| {
        if out.len() < PLACES && !out.iter().any(|a| a.concept.slug == row.concept.slug) {
            out.push(Attention {
                concept: row.concept.clone(),
                text,
            });
        }
    };
    let mut shared: Vec<(usize, &ConceptRow)> = ranked
        .iter()
        .map(|row| {
            let leaning = ranked
                .iter()
                .filter(|r| r.band == Band::Most && r.needs.contains(&row.concept.slug))
                .count();
            (leaning, *row)
        })
        .filter(|&(leaning, row)| leaning >= 2 && row.band != Band::Least)
        .collect();
    shared.sort_by_key(|&(leaning, _)| std::cmp::Reverse(leaning));
    if let Some(&(leaning, row)) = shared.first() {
        let own = match row.cell {
            Cell::Few => "and fewer than five people have shown it",
            _ if row.band == Band::Most => "and it is most in need itself",
            _ => "and it is not firm itself",
        };
        push(
            row,
            format!(
                "{} of the concepts most in need rest on it, {own}.",
                words::capital(&words::number(leaning as u64))
            ),
            &mut out,
        );
    }
    for row in ranked
        .iter()
        .filter(|r| r.risk >= 3 && r.cell == Cell::Few)
        .take(2)
    {
        push(
            row,
            "High risk, and not yet shown by five people.".to_owned(),
            &mut out,
        );
    }
    for row in ranked.iter().filter(|r| r.band == Band::Most) {
        let Cell::Shown {
            n_demonstrated,
            retention,
            ..
        } = row.cell
        else {
            continue;
        };
        let risk = if row.risk >= 3 { "High risk; of" } else { "Of" };
        push(
            row,
            format!(
                "{risk} the {n_demonstrated} people who know it, {} would still know it in a month.",
                words::share(retention.value())
            ),
            &mut out,
        );
    }
    out
}

/// Literals for tests of sentences.
#[cfg(test)]
pub(crate) mod samples {
    use super::*;

    pub(crate) fn kept(value: f64, around: f64, precision: Precision) -> Retention {
        Retention::new(
            value,
            value - around,
            value + around,
            Basis::Blended,
            precision,
        )
    }

    pub(crate) fn shown(n: u32, value: f64) -> Cell {
        Cell::Shown {
            n_demonstrated: n,
            n_retained: None,
            retention: kept(value, 0.1, Precision::Exact),
            since: None,
        }
    }

    pub(crate) fn row(slug: &str, domain: &str, band: Band, risk: u8, cell: Cell) -> ConceptRow {
        ConceptRow {
            concept: ConceptRef::new(slug, slug.to_uppercase()),
            domain: domain.to_owned(),
            risk,
            band,
            needs: Vec::new(),
            folded_in: 0,
            cell,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{kept, row, shown};
    use super::*;

    #[test]
    fn the_finding_names_concepts_while_they_are_few_and_domains_when_they_are_many() {
        let one = row("a", "Rust", Band::Most, 3, Cell::Few);
        assert_eq!(
            finding("Acme", std::slice::from_ref(&one)),
            "Acme is thinnest where its agents write: A."
        );
        let many: Vec<ConceptRow> = (0..4)
            .map(|i| {
                row(
                    &format!("c{i}"),
                    if i == 0 { "Go" } else { "Rust" },
                    Band::Most,
                    2,
                    Cell::Few,
                )
            })
            .collect();
        assert_eq!(
            finding("Acme", &many),
            "Acme is thinnest in Rust and Go: four concepts there need attention most."
        );
        let none = row("a", "Rust", Band::Least, 1, shown(9, 0.9));
        assert_eq!(
            finding("Acme", &[none]),
            "At Acme, no concept stands out as thin."
        );
        assert_eq!(
            finding("Acme", &[]),
            "At Acme, no concept was met by five people yet."
        );
    }

    #[test]
    fn the_finding_of_many_domains_counts_only_what_it_names() {
        let rows: Vec<ConceptRow> = ["Rust", "Rust", "Go", "Go", "Git", "SQL"]
            .iter()
            .enumerate()
            .map(|(i, d)| row(&format!("c{i}"), d, Band::Most, 2, Cell::Few))
            .collect();
        assert_eq!(
            finding("Acme", &rows),
            "Acme is thinnest in Rust and Go: four of the six concepts most in need are there."
        );
    }

    #[test]
    fn the_mean_is_weighted_by_people_and_rests_on_the_weakest_mixture() {
        let rows = [
            row("a", "x", Band::Some, 1, shown(30, 0.8)),
            row("b", "x", Band::Some, 1, shown(10, 0.4)),
            row("c", "x", Band::Some, 1, Cell::Few),
        ];
        let mean = overall(&rows).expect("two are shown");
        assert!((mean.value() - 0.7).abs() < 1e-9);
        assert_eq!(mean.basis(), Basis::Blended);
        assert_eq!(overall(&rows[2..]), None);
    }

    #[test]
    fn a_mean_of_bounds_alone_is_a_bound() {
        let mut rows = [row("a", "x", Band::Some, 1, shown(30, 0.8))];
        if let Cell::Shown { retention, .. } = &mut rows[0].cell {
            *retention = kept(0.963, 0.02, Precision::AtLeast90);
        }
        let mean = overall(&rows).expect("one is shown");
        assert_eq!(words::retention(mean), "90% or more");
        assert_eq!(words::interval(mean), "");
    }

    #[test]
    fn who_covers_all_is_told_so() {
        let rows = [
            row("a", "x", Band::Some, 1, shown(30, 0.8)),
            row("b", "x", Band::Some, 1, shown(10, 0.4)),
        ];
        let told = lede(12, &rows, overall(&rows));
        assert!(
            told.contains("They cover all two concepts that five or more of them met."),
            "{told}"
        );
    }

    #[test]
    fn attention_begins_with_what_several_weak_concepts_rest_on() {
        let mut rows = vec![
            row("base", "x", Band::Some, 1, shown(9, 0.6)),
            row("a", "x", Band::Most, 2, shown(9, 0.4)),
            row("b", "x", Band::Most, 3, Cell::Few),
        ];
        rows[1].needs.push("base".to_owned());
        rows[2].needs.push("base".to_owned());
        let places = attention(&rows);
        assert_eq!(places[0].concept.slug, "base");
        assert_eq!(
            places[0].text,
            "Two of the concepts most in need rest on it, and it is not firm itself."
        );
        assert_eq!(
            places[1].text,
            "High risk, and not yet shown by five people."
        );
        assert_eq!(
            places[2].text,
            "Of the 9 people who know it, about two fifths would still know it in a month."
        );
    }
}
