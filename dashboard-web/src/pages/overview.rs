//! The overview: where the organisation is thin.
//!
//! Below ten counted people it shows no figures, and says why and from when.
//! All its sentences are worked out here from the published rows.

use askama::Template;
use jiff::civil::Date;

use crate::changes;
use crate::charts::domains::DomainChart;
use crate::charts::track::Axis;
use crate::error::Error;
use crate::figures::{COUNTED_FLOOR, ConceptRef, ConceptRow, Previous, Snapshot};
use crate::findings;
use crate::paths;
use crate::shell::{Frame, Link, Room, Shell};
use crate::tables::{self, BandGroup};
use crate::words;

/// How many rows the overview's table shows; the list of concepts has them all.
const SHOWN: usize = 10;

/// The page at `/`.
#[derive(Debug, Clone, PartialEq)]
pub struct OverviewPage {
    /// The frame.
    pub shell: Shell,
    /// Figures, or why there are none.
    pub content: Overview,
}

/// What the overview can show.
#[derive(Debug, Clone, PartialEq)]
pub enum Overview {
    /// Fewer than ten people are counted: no figures.
    TooFew(TooFew),
    /// A snapshot with figures.
    Figures(Figures),
}

/// Why there are no figures, and when they can come.
#[derive(Debug, Clone, PartialEq)]
pub struct TooFew {
    /// People who count in the last snapshot, fewer than ten.
    pub counted: u32,
    /// The last snapshot, if one was made.
    pub snapshot: Option<Snapshot>,
    /// The Monday on which the first figures can come at the earliest, where it can be said.
    pub first_figures: Option<Date>,
    /// Concepts that five or more of the counted people met; shown without figures.
    pub met: Vec<ConceptRef>,
    /// Where a sample organisation can be seen. `None` in the sample itself.
    pub sample: Option<Link>,
    /// The line by which an engineer enrols a laptop.
    pub enrol_command: Option<String>,
}

/// The published rows of one snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Which snapshot.
    pub snapshot: Snapshot,
    /// How many people count in it, ten or more.
    pub counted: u32,
    /// Every published row, in any order.
    pub rows: Vec<ConceptRow>,
    /// The snapshot before, if there was one with figures.
    pub previous: Option<Previous>,
}

impl OverviewPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`Error::Template`] if a template could not be filled.
    pub fn render(&self) -> Result<String, Error> {
        match &self.content {
            Overview::TooFew(few) => few.render(&self.shell),
            Overview::Figures(figures) => figures.render(&self.shell),
        }
    }
}

#[derive(Template)]
#[template(path = "overview_few.html")]
struct FewTemplate<'a> {
    frame: Frame<'a>,
    finding: String,
    lede: String,
    met: Vec<&'a ConceptRef>,
    few: &'a TooFew,
}

impl TooFew {
    fn render(&self, shell: &Shell) -> Result<String, Error> {
        let needed = words::number(u64::from(COUNTED_FLOOR));
        let finding = match self.counted {
            0 => format!(
                "Not enough people yet. Nobody of the {needed} that are needed counts so far."
            ),
            n => format!(
                "Not enough people yet. {} of the {needed} that are needed {}.",
                words::capital(&words::number(u64::from(n))),
                if n == 1 { "counts" } else { "count" }
            ),
        };
        let lede = match self.first_figures {
            Some(day) => format!(
                "The first figures can come on Monday {}, if ten people count by then.",
                shell.date(day)
            ),
            None => {
                "The first figures come on the Monday after the tenth person counts.".to_owned()
            }
        };
        let fact = snapshot_fact(shell, self.snapshot);
        let mut met: Vec<&ConceptRef> = self.met.iter().collect();
        met.sort_by(|a, b| a.title.cmp(&b.title));
        let frame = Frame::new(shell, Room::Organisation, paths::OVERVIEW, "Overview", fact);
        Ok(FewTemplate {
            frame,
            finding,
            lede,
            met,
            few: self,
        }
        .render()?)
    }
}

#[derive(Template)]
#[template(path = "overview.html")]
struct FiguresTemplate<'a> {
    frame: Frame<'a>,
    finding: String,
    lede: String,
    tiles: Vec<findings::Tile>,
    heading: &'static str,
    sum: String,
    axis: Axis,
    groups: Vec<BandGroup>,
    stands: bool,
    as_of: String,
    changes: Vec<changes::Change>,
    changes_since: Option<String>,
    attention: Vec<findings::Attention>,
    domains_heading: String,
    domains: Vec<DomainChart>,
}

impl Figures {
    fn render(&self, shell: &Shell) -> Result<String, Error> {
        let overall = findings::overall(&self.rows);
        let ranked = findings::ranked(&self.rows);
        let shown = &ranked[..ranked.len().min(SHOWN)];
        let domains = DomainChart::all(&self.rows);
        let changes = self
            .previous
            .as_ref()
            .map(|p| changes::changes(&self.rows, p, overall))
            .unwrap_or_default();
        let frame = Frame::new(
            shell,
            Room::Organisation,
            paths::OVERVIEW,
            "Overview",
            snapshot_fact(shell, Some(self.snapshot)),
        );
        Ok(FiguresTemplate {
            frame,
            finding: findings::finding(&shell.organisation, &self.rows),
            lede: findings::lede(self.counted, &self.rows, overall),
            tiles: findings::tiles(&self.rows, self.previous.as_ref(), overall),
            heading: "Where attention is needed",
            sum: shown_of(shown.len(), ranked.len()),
            axis: Axis::new(overall.map(|o| o.value())),
            groups: tables::in_bands(shown, overall.map(|o| o.value()), shell),
            stands: tables::some_stand(shown),
            as_of: shell.date(self.snapshot.as_of),
            changes_since: self.previous.as_ref().map(|p| shell.date(p.as_of)),
            changes,
            attention: findings::attention(&self.rows),
            domains_heading: domains_heading(domains.len()),
            domains,
        }
        .render()?)
    }
}

/// "Snapshot of Monday 23 November, next on 30 November".
pub(crate) fn snapshot_fact(shell: &Shell, snapshot: Option<Snapshot>) -> Option<String> {
    snapshot.map(|s| {
        format!(
            "Snapshot of Monday {}, next on {}",
            shell.date(s.as_of),
            shell.date(s.next)
        )
    })
}

fn shown_of(shown: usize, all: usize) -> String {
    if all == 0 {
        "A concept gets a row with the Monday after the fifth of the counted people met it."
            .to_owned()
    } else if shown == all {
        format!(
            "{} that five people or more met, by need.",
            words::capital(&words::count(all as u64, "concept"))
        )
    } else {
        format!(
            "{} of the {} that five people or more met, by need.",
            words::capital(&words::number(shown as u64)),
            words::count(all as u64, "concept")
        )
    }
}

fn domains_heading(count: usize) -> String {
    match count {
        1 => "One domain".to_owned(),
        n => format!(
            "{} domains, thinnest first",
            words::capital(&words::number(n as u64))
        ),
    }
}
