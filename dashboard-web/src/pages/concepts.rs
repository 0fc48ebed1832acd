//! The list of concepts: every row that the snapshot published.

use askama::Template;

use crate::charts::track::Axis;
use crate::error::Error;
use crate::figures::{ConceptRow, Snapshot};
use crate::findings;
use crate::pages::overview::snapshot_fact;
use crate::paths;
use crate::shell::{Frame, Room, Shell};
use crate::tables::{self, BandGroup};
use crate::words;

/// The page at `/concepts`.
#[derive(Debug, Clone, PartialEq)]
pub struct ConceptsPage {
    /// The frame.
    pub shell: Shell,
    /// Which snapshot, if one was made.
    pub snapshot: Option<Snapshot>,
    /// Every published row, in any order.
    pub rows: Vec<ConceptRow>,
}

#[derive(Template)]
#[template(path = "concepts.html")]
struct ConceptsTemplate<'a> {
    frame: Frame<'a>,
    finding: String,
    axis: Axis,
    groups: Vec<BandGroup>,
    stands: bool,
}

impl ConceptsPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`Error::Template`] if a template could not be filled.
    pub fn render(&self) -> Result<String, Error> {
        let overall = findings::overall(&self.rows).map(|o| o.value());
        let covered = self.rows.iter().filter(|r| r.cell.covered()).count();
        let finding = match self.rows.len() {
            0 => "No concept is shown yet.".to_owned(),
            all => format!(
                "{} met by five people or more. Five or more have shown {}.",
                words::capital(&words::count_were(all as u64, "concept")),
                match covered {
                    0 => "none of them yet".to_owned(),
                    c if c == all => "each of them".to_owned(),
                    c => words::number(c as u64),
                }
            ),
        };
        let frame = Frame::new(
            &self.shell,
            Room::Organisation,
            paths::CONCEPTS,
            "Concepts",
            snapshot_fact(&self.shell, self.snapshot),
        );
        let ranked = findings::ranked(&self.rows);
        let groups = tables::in_bands(&ranked, overall, &self.shell);
        Ok(ConceptsTemplate {
            frame,
            finding,
            axis: Axis::new(overall),
            groups,
            stands: tables::some_stand(&ranked),
        }
        .render()?)
    }
}
