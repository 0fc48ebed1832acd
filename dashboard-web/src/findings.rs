//! What the overview says: sentences worked out from the published rows by rules.
//!
//! Nothing here is written by hand for one organisation, and nothing needs more
//! than what the snapshot published, so a sentence can tell no more than a table.

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

/// One thing that changed since the snapshot before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) arrow: &'static str,
    pub(crate) class: &'static str,
    pub(crate) concept: Option<ConceptRef>,
    pub(crate) text: String,
}

/// One place where attention would help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attention {
    pub(crate) concept: ConceptRef,
    pub(crate) text: String,
}

/// How many changes are told.
const CHANGES: usize = 5;
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
    let all = |basis: Basis| shown.iter().all(|(_, r)| r.basis == basis);
    Some(Retention {
        value: mean(|r| r.value),
        lo: mean(|r| r.lo),
        hi: mean(|r| r.hi),
        basis: if all(Basis::Observed) {
            Basis::Observed
        } else if all(Basis::Modelled) {
            Basis::Modelled
        } else {
            Basis::Blended
        },
        precision: Precision::Exact,
    })
}

/// Rows by band, then risk, then by how little is known, then by title.
pub(crate) fn ranked(rows: &[ConceptRow]) -> Vec<&ConceptRow> {
    let mut ranked: Vec<&ConceptRow> = rows.iter().collect();
    ranked.sort_by(|a, b| {
        let known = |r: &ConceptRow| match r.cell {
            Cell::Few => -1.0,
            Cell::Shown { retention, .. } => retention.value,
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
            words::share(o.value)
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
            detail: words::capital(o.basis.word()),
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
            if let Some((before, now)) = both(p, row) {
                match words::percent(now.value).cmp(&words::percent(before.value)) {
                    std::cmp::Ordering::Greater => rose += 1,
                    std::cmp::Ordering::Less => fell += 1,
                    std::cmp::Ordering::Equal => {}
                }
            }
        }
        tiles.push(Tile {
            name: "Movement",
            value: format!("+{rose}"),
            small: format!("−{fell}"),
            meaning: "Concepts whose retention rose, and concepts whose retention fell.".to_owned(),
            detail: String::new(),
        });
    }
    tiles
}

fn before(previous: &Previous, slug: &str) -> Option<Cell> {
    previous
        .rows
        .iter()
        .find(|(s, _)| s == slug)
        .map(|(_, cell)| *cell)
}

fn both(previous: &Previous, row: &ConceptRow) -> Option<(Retention, Retention)> {
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
                    moved.push(((b.value - a.value).abs(), change));
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

fn movement(
    concept: Option<ConceptRef>,
    before: Retention,
    now: Retention,
    overall: Option<Retention>,
) -> Option<Change> {
    let (from, to) = (words::percent(before.value), words::percent(now.value));
    if to == from {
        return None;
    }
    let rose = to > from;
    let below = overall.filter(|o| now.hi < o.value);
    let tail = match below {
        Some(o) if !rose => format!(
            " Its interval lies below the organisation’s {}%.",
            words::percent(o.value)
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
                words::share(retention.value)
            ),
            &mut out,
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn shown(n: u32, value: f64) -> Cell {
        Cell::Shown {
            n_demonstrated: n,
            n_retained: None,
            retention: Retention {
                value,
                lo: value - 0.1,
                hi: value + 0.1,
                basis: Basis::Blended,
                precision: Precision::Exact,
            },
            since: None,
        }
    }

    fn row(slug: &str, domain: &str, band: Band, risk: u8, cell: Cell) -> ConceptRow {
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
        assert!((mean.value - 0.7).abs() < 1e-9);
        assert_eq!(mean.basis, Basis::Blended);
        assert_eq!(overall(&rows[2..]), None);
    }

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
