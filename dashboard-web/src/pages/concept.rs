//! One concept: how many know it, for how long, what it needs and what builds on it.

use askama::Template;
use jiff::civil::Date;

use crate::changes::{Direction, direction};
use crate::charts::graph::Graph;
use crate::charts::history::History;
use crate::error::Error;
use crate::figures::{Cell, ConceptRef, Retention, Snapshot};
use crate::findings::Tile;
use crate::pages::overview::snapshot_fact;
use crate::shell::{Frame, Room, Shell};
use crate::words;

/// The page at `/concepts/{slug}`.
#[derive(Debug, Clone, PartialEq)]
pub struct ConceptPage {
    /// The frame.
    pub shell: Shell,
    /// Which snapshot, if one with figures was made.
    pub snapshot: Option<Snapshot>,
    /// The concept.
    pub concept: ConceptRef,
    /// One sentence: what it is for.
    pub summary: String,
    /// The area it belongs to: "PostgreSQL".
    pub domain: String,
    /// What it is part of.
    pub parent: Option<ConceptRef>,
    /// 1 to 3.
    pub risk: u8,
    /// One sentence: what a mistake costs.
    pub risk_reason: String,
    /// What the snapshot says about it.
    pub standing: Standing,
    /// The snapshots at which its cell was published anew, oldest first.
    pub history: Vec<Published>,
    /// Its direct prerequisites.
    pub needs: Vec<Neighbour>,
    /// The concepts that name it as a prerequisite.
    pub builds: Vec<Neighbour>,
    /// The narrower concepts that it is made of.
    pub parts: Vec<Neighbour>,
    /// What knowing it means: the catalogue's facts.
    pub facts: Vec<Fact>,
    /// Where the concept itself comes from: "PostgreSQL manual 13.3.5".
    pub source: Option<String>,
}

/// One fact of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// A whole sentence.
    pub text: String,
    /// Who says so, and where: "PostgreSQL 15 manual, 13.3.5".
    pub source: String,
}

/// What the snapshot says about one concept.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// It has a row of its own.
    Published {
        /// What the row may say.
        cell: Cell,
        /// How many narrower concepts are folded into it.
        folded_in: u32,
    },
    /// Fewer than five people met it, or no snapshot was made.
    LeftOut {
        /// The broader concept that its people are folded into, if that one has a row.
        into: Option<ConceptRef>,
    },
}

/// A cell as one snapshot published it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Published {
    /// The snapshot's Monday.
    pub as_of: Date,
    /// What it said.
    pub cell: Cell,
}

/// A concept beside this one.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbour {
    /// Which.
    pub concept: ConceptRef,
    /// Why the one needs the other.
    pub why: Option<String>,
    /// Its published cell; `None` if it has no row.
    pub cell: Option<Cell>,
}

/// One line of the table that says the same as the history's chart.
struct HistoryRow {
    as_of: String,
    iso: String,
    kept: String,
    interval: String,
    known_by: String,
    retained: String,
    rests_on: &'static str,
}

#[derive(Template)]
#[template(path = "concept.html")]
struct ConceptTemplate<'a> {
    frame: Frame<'a>,
    page: &'a ConceptPage,
    finding: String,
    tiles: Vec<Tile>,
    withheld: Option<Withheld>,
    /// The area, where neither the parent nor the concept itself already says it.
    area: Option<&'a str>,
    history_heading: String,
    history: Option<History>,
    history_sum: Option<String>,
    rows: Vec<HistoryRow>,
    rows_open: bool,
    graph: Option<Graph>,
    graph_sum: String,
}

/// Why there is no figure, in words.
struct Withheld {
    title: String,
    text: String,
    into: Option<ConceptRef>,
}

impl ConceptPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`Error::Template`] if a template could not be filled.
    pub fn render(&self) -> Result<String, Error> {
        let frame = Frame::new(
            &self.shell,
            Room::Organisation,
            "/concepts/",
            self.concept.title.clone(),
            snapshot_fact(&self.shell, self.snapshot),
        );
        let points: Vec<(Date, Cell)> = self.history.iter().map(|p| (p.as_of, p.cell)).collect();
        let end = self.snapshot.map(|s| s.as_of);
        let history = History::new(&self.concept.title, &points, end, &self.shell);
        let history_sum = self.history_sum(history.is_some());
        Ok(ConceptTemplate {
            frame,
            finding: self.finding(),
            tiles: self.tiles(),
            withheld: self.withheld(),
            history_heading: self.history_heading(),
            area: self.area(),
            // A chart says it already, and "withheld" in every line is said in one.
            rows_open: history.is_none() && history_sum.is_none(),
            history,
            history_sum,
            rows: self
                .history
                .iter()
                .rev()
                .map(|p| self.history_row(p))
                .collect(),
            graph: Graph::new(self),
            graph_sum: self.graph_sum(),
            page: self,
        }
        .render()?)
    }

    fn finding(&self) -> String {
        let title = words::mid_sentence(&self.concept.title);
        match &self.standing {
            Standing::Published {
                cell:
                    Cell::Shown {
                        n_demonstrated,
                        retention,
                        ..
                    },
                ..
            } => {
                let n = words::capital(&words::number(u64::from(*n_demonstrated)));
                let tail = match retention.value() {
                    v if v >= 0.70 => "and most still will in a month",
                    v if v >= 0.55 => "and more than half still will in a month",
                    v if v >= 0.45 => "and about half still will in a month",
                    _ => "but fewer than half still will in a month",
                };
                format!("{n} engineers can reason about {title}, {tail}.")
            }
            Standing::Published {
                cell: Cell::Between { .. },
                ..
            } => {
                format!("Five engineers or more can reason about {title}.")
            }
            Standing::Published {
                cell: Cell::Few, ..
            } => format!(
                "Five people or more met {title}. Fewer than five have shown that they can reason about it."
            ),
            Standing::LeftOut { .. } if self.snapshot.is_none() => {
                format!("There is no figure for {title} yet.")
            }
            Standing::LeftOut { .. } if self.has_figures_in_parts() => {
                format!("{title} has no figure of its own. Its parts have.")
            }
            Standing::LeftOut { .. } => {
                format!("There is no figure for {title}: too few people met it.")
            }
        }
    }

    fn has_figures_in_parts(&self) -> bool {
        self.parts.iter().any(|part| part.cell.is_some())
    }

    fn tiles(&self) -> Vec<Tile> {
        let mut tiles = Vec::new();
        if let Standing::Published { cell, .. } = &self.standing {
            match cell {
                Cell::Shown {
                    n_demonstrated,
                    n_retained,
                    retention,
                    since,
                } => {
                    tiles.push(Tile {
                        name: "Known by",
                        value: words::thousands(u64::from(*n_demonstrated)),
                        small: "people".to_owned(),
                        meaning: "Passed an unaided check in the last year.".to_owned(),
                        detail: match n_retained {
                            Some(0) => "None of them retained it so far".to_owned(),
                            Some(n) => format!("{n} of them retained it over three weeks"),
                            None => {
                                "How many retained it is withheld: one part has fewer than five"
                                    .to_owned()
                            }
                        },
                    });
                    tiles.push(Tile {
                        name: "Kept after 30 days",
                        value: words::retention(*retention),
                        small: words::interval(*retention),
                        meaning: "Chance of still knowing it a month after the last pass."
                            .to_owned(),
                        detail: match since {
                            Some(day) => format!(
                                "{}, stands since {}",
                                words::capital(retention.basis().word()),
                                self.shell.date(*day)
                            ),
                            None => words::capital(retention.basis().word()),
                        },
                    });
                }
                Cell::Between { lo, hi } => tiles.push(Tile {
                    name: "Kept after 30 days",
                    value: format!("{}–{}%", words::percent(*lo), words::percent(*hi)),
                    small: String::new(),
                    meaning: "Someone left the figures.".to_owned(),
                    detail: "Exact again once three more people’s results change".to_owned(),
                }),
                Cell::Few => tiles.push(Tile {
                    name: "Known by",
                    value: "fewer than 5".to_owned(),
                    small: "people".to_owned(),
                    meaning: "From five on, the figure appears by itself.".to_owned(),
                    detail: String::new(),
                }),
            }
        }
        tiles.push(Tile {
            name: "Leans on it",
            value: self.builds.len().to_string(),
            small: if self.builds.len() == 1 {
                "concept"
            } else {
                "concepts"
            }
            .to_owned(),
            meaning: "Those that name it as a prerequisite.".to_owned(),
            detail: String::new(),
        });
        tiles.push(Tile {
            name: "Risk",
            value: self.risk.to_string(),
            small: "of 3".to_owned(),
            meaning: self.risk_reason.clone(),
            detail: "Set in the catalogue".to_owned(),
        });
        tiles
    }

    fn withheld(&self) -> Option<Withheld> {
        match &self.standing {
            Standing::Published { cell: Cell::Few, .. } => Some(Withheld {
                title: "Withheld.".to_owned(),
                text: "Fewer than five people have shown it, so neither their number nor how long it lasts is shown. From five on, the figure appears by itself.".to_owned(),
                into: None,
            }),
            Standing::Published { cell: Cell::Between { lo, hi }, .. } => Some(Withheld {
                title: format!("Between {} and {}%.", words::percent(*lo), words::percent(*hi)),
                text: "Someone left the figures. The exact value returns once three more people’s results change.".to_owned(),
                into: None,
            }),
            Standing::LeftOut { .. } if self.snapshot.is_none() => Some(Withheld {
                title: "Not yet.".to_owned(),
                text: "Figures are made on Mondays. Below ten counted people there are none at all."
                    .to_owned(),
                into: None,
            }),
            Standing::LeftOut { into } => Some(Withheld {
                title: "Left out.".to_owned(),
                text: if self.has_figures_in_parts() {
                    "Fewer than five of the counted people met it outside of its parts, which are listed below.".to_owned()
                } else if into.is_some() {
                    "Fewer than five of the counted people met it. They are part of a broader concept’s row:".to_owned()
                } else {
                    "Fewer than five of the counted people met it, so it has no row.".to_owned()
                },
                into: into.clone().filter(|_| !self.has_figures_in_parts()),
            }),
            Standing::Published { .. } => None,
        }
    }

    fn history_heading(&self) -> String {
        let values: Vec<Retention> = self
            .history
            .iter()
            .filter_map(|p| p.cell.retention())
            .collect();
        match (values.first(), values.last()) {
            (Some(a), Some(b)) if values.len() > 1 => {
                let (from, to) = (words::retention(*a), words::retention(*b));
                match direction(*a, *b) {
                    Direction::Rose => format!("Firmer: from {from} to {to}"),
                    Direction::Fell => format!("Fading: from {from} to {to}"),
                    Direction::Steady => format!("Steady at {to}"),
                }
            }
            _ => "From snapshot to snapshot".to_owned(),
        }
    }

    fn area(&self) -> Option<&str> {
        let said = |concept: &ConceptRef| concept.title == self.domain;
        let twice = said(&self.concept) || self.parent.as_ref().is_some_and(said);
        (!twice).then_some(self.domain.as_str())
    }

    /// Why there is no chart, if no snapshot says a value.
    fn history_sum(&self, drawn: bool) -> Option<String> {
        let withheld = self.history.iter().all(|p| p.cell == Cell::Few);
        match self.history.len() {
            0 => None,
            _ if drawn || !withheld => None,
            1 => Some("Withheld in the one snapshot so far.".to_owned()),
            n => Some(format!(
                "Withheld in all {} snapshots so far.",
                words::number(n as u64)
            )),
        }
    }

    /// What of the neighbours fades, in one sentence.
    fn graph_sum(&self) -> String {
        let fading = |of: &[Neighbour]| of.iter().filter(|n| n.fades()).count() as u64;
        let (needs, builds) = (fading(&self.needs), fading(&self.builds));
        let that = |n: u64, verb: &str| {
            let (s, is) = if n == 1 { ("s", "is") } else { ("", "are") };
            match verb {
                "build" => format!(
                    "{} that build{s} on it {is} fading",
                    words::count(n, "concept")
                ),
                _ => format!("{} that it needs {is} fading", words::count(n, "concept")),
            }
        };
        let told = match (needs, builds) {
            (0, 0) => return "Direct ones only. The list below says the same.".to_owned(),
            (0, b) => that(b, "build"),
            (n, 0) => that(n, "need"),
            (n, b) => format!(
                "{}, and so {} {} that it needs",
                that(b, "build"),
                if n == 1 { "is" } else { "are" },
                words::number(n)
            ),
        };
        format!(
            "{}. Direct ones only; the list below says the same.",
            words::capital(&told)
        )
    }

    fn history_row(&self, point: &Published) -> HistoryRow {
        let few = || "fewer than 5".to_owned();
        let (kept, interval, known_by, retained, rests_on) = match point.cell {
            Cell::Few => (
                "withheld".to_owned(),
                "withheld".to_owned(),
                few(),
                "withheld".to_owned(),
                "withheld",
            ),
            Cell::Between { lo, hi } => (
                format!("{}–{}%", words::percent(lo), words::percent(hi)),
                "someone left".to_owned(),
                "5 or more".to_owned(),
                "withheld".to_owned(),
                "a band",
            ),
            Cell::Shown {
                n_demonstrated,
                n_retained,
                retention,
                ..
            } => (
                words::retention(retention),
                match words::interval(retention) {
                    interval if interval.is_empty() => "not shown".to_owned(),
                    interval => format!("{interval}%"),
                },
                n_demonstrated.to_string(),
                n_retained.map_or_else(|| "withheld".to_owned(), |n| n.to_string()),
                retention.basis().word(),
            ),
        };
        HistoryRow {
            as_of: self.shell.date(point.as_of),
            iso: point.as_of.to_string(),
            kept,
            interval,
            known_by,
            retained,
            rests_on,
        }
    }
}

impl Neighbour {
    /// Whether it is published, and not kept by most.
    fn fades(&self) -> bool {
        let kept = self.cell.and_then(|cell| cell.retention());
        kept.is_some_and(|r| r.value() < 0.70)
    }

    /// "kept by most, 96", "fading, 24", "fewer than five know it", "too few to show".
    pub(crate) fn words(&self) -> String {
        match self.cell {
            None => "too few to show".to_owned(),
            Some(Cell::Few) => "fewer than five know it".to_owned(),
            Some(Cell::Between { .. }) => "known by five or more".to_owned(),
            Some(Cell::Shown {
                n_demonstrated,
                retention,
                ..
            }) => {
                let kept = match retention.value() {
                    v if v >= 0.70 => "kept by most",
                    v if v >= 0.50 => "fading",
                    _ => "thin",
                };
                format!("{kept}, {n_demonstrated} people")
            }
        }
    }
}
