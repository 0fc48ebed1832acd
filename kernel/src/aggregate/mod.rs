//! What the organisation may see: weekly cells under the privacy floor.
//!
//! Cells are counted subject by subject and merge by addition, so that a snapshot can be made in
//! parts. Publishing is a pure function of the cells and of what was published before. Rules:
//! `protocol.md`, "Privacy floor of aggregates"; they are printed on the dashboard.
//!
//! Invariant: nothing here names a subject, and no row speaks about fewer than [`FLOOR`] people.

mod publish;
mod retention;

pub use publish::{
    Band, Basis, Precision, Published, Retention, Row, Rules, Snapshot, Withheld, publish,
};
pub use retention::{Calibration, Chances, Estimate, Probes};

use crate::delta::{Observation, Outcome, State};
use crate::evidence::Pair;
use crate::ids::{DAY, Hour, Slug};
use crate::memory::{HORIZON_DAYS, Memory};
use std::collections::BTreeMap;

/// Fewest people that a row may speak about.
pub const FLOOR: u32 = 5;
/// Fewest counted people that figures are shown for at all.
pub const COUNTED_FLOOR: u32 = 10;
/// A cell is set anew when so many subjects' states changed.
pub const CHANGED_FLOOR: u32 = 3;
/// A subject counts from so many days after its first sync.
pub const RIPE_AFTER_DAYS: i64 = 14;
/// A subject counts once it has evidence on so many days after its first sync.
pub const RIPE_EVIDENCE_DAYS: usize = 5;
const DEMONSTRATED_WITHIN_S: i64 = 365 * DAY;
const PROBES_WITHIN_S: i64 = 180 * DAY;

/// The day (since 1970) from which a subject counts, if it does yet.
///
/// `first_sync` is a day by the server's clock; `evidence` are the days of the subject's evidence,
/// which its own clock made: so many of them after `first_sync` take as many real days.
#[must_use]
pub fn ripe_from(first_sync: i64, evidence: impl IntoIterator<Item = i64>) -> Option<i64> {
    let mut days: Vec<_> = evidence
        .into_iter()
        .filter(|day| *day > first_sync)
        .collect();
    days.sort_unstable();
    days.dedup();
    let fifth = days.get(RIPE_EVIDENCE_DAYS - 1)?;
    Some((first_sync + RIPE_AFTER_DAYS).max(fifth + 1))
}

/// One included subject, as the count sees it.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    /// Its pairs, folded from the evidence before the snapshot's `as_of`.
    pub pairs: &'a BTreeMap<Slug, Pair>,
    /// From [`ripe_from`].
    pub ripe_from: i64,
}

/// One concept's people, counted. Cells of parts of the organisation add up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Subjects with any evidence.
    pub exposed: u32,
    /// Of these, exposed already when the cell was last set.
    pub exposed_before: u32,
    /// Subjects whose state is another than when the cell was last set.
    pub changed: u32,
    /// Subjects in demonstrated or retained with a pass in the last 365 days.
    pub demonstrated: u32,
    /// Of these, retained.
    pub retained: u32,
    /// Of those in `demonstrated`, the modelled chances to know it 30 days after the last pass.
    pub known: Chances,
    /// Latest probes of the last 180 days, at most one a subject.
    pub probes: Probes,
}

impl Cell {
    /// Adds another part.
    pub fn merge(&mut self, other: &Self) {
        self.exposed += other.exposed;
        self.exposed_before += other.exposed_before;
        self.changed += other.changed;
        self.demonstrated += other.demonstrated;
        self.retained += other.retained;
        self.known.merge(&other.known);
        self.probes.merge(&other.probes);
    }
}

/// How a count is made.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Monday 00:00 UTC: evidence before it counts.
    pub as_of: Hour,
    /// When each concept's cell was last set.
    pub last_set: BTreeMap<Slug, Hour>,
    /// Concepts met by too few, and the parent that they are counted with.
    pub rolled_up: BTreeMap<Slug, Slug>,
}

impl Plan {
    /// A first plan, with nothing rolled up.
    #[must_use]
    pub const fn new(as_of: Hour, last_set: BTreeMap<Slug, Hour>) -> Self {
        Self {
            as_of,
            last_set,
            rolled_up: BTreeMap::new(),
        }
    }

    /// Rolls up what fewer than [`FLOOR`] people met; whether anything is new, so that the count
    /// has to be made again.
    pub fn roll_up(
        &mut self,
        cells: &BTreeMap<Slug, Cell>,
        parent: impl Fn(&Slug) -> Option<Slug>,
        floor: u32,
    ) -> bool {
        let few: Vec<_> = cells
            .iter()
            .filter(|(_, cell)| cell.exposed < floor)
            .filter_map(|(slug, _)| Some((slug.clone(), parent(slug)?)))
            .collect();
        let before = self.rolled_up.len();
        self.rolled_up.extend(few);
        self.rolled_up.len() > before
    }

    fn target<'a>(&'a self, mut slug: &'a Slug) -> &'a Slug {
        // The catalogue is acyclic; the bound only guards against one that is not.
        for _ in 0..16 {
            match self.rolled_up.get(slug) {
                Some(parent) => slug = parent,
                None => break,
            }
        }
        slug
    }

    /// Counts one subject into cells.
    pub fn count(&self, person: &Person<'_>, cells: &mut BTreeMap<Slug, Cell>) {
        if person.ripe_from > self.as_of.day() {
            return;
        }
        let mut mine = BTreeMap::<&Slug, Vec<&Pair>>::new();
        for (slug, pair) in person.pairs {
            mine.entry(self.target(slug)).or_default().push(pair);
        }
        for (slug, pairs) in mine {
            let cell = self.count_pairs(slug, &pairs, person.ripe_from);
            cells.entry(slug.clone()).or_default().merge(&cell);
        }
    }

    fn count_pairs(&self, slug: &Slug, pairs: &[&Pair], ripe_from: i64) -> Cell {
        let now = self.as_of.unix();
        let mut cell = Cell {
            exposed: 1,
            ..Cell::default()
        };
        let state_at = |hour: Hour| {
            let states = pairs.iter().map(|pair| state_before(pair, hour));
            states.max_by_key(|state| rank(*state)).unwrap_or_default()
        };
        if let Some(&last_set) = self.last_set.get(slug) {
            let before = if ripe_from <= last_set.day() {
                state_at(last_set)
            } else {
                State::Unknown
            };
            cell.exposed_before = u32::from(before != State::Unknown);
            cell.changed = u32::from(before != state_at(self.as_of));
        }
        let known = pairs
            .iter()
            .filter(|pair| matches!(pair.state, State::Demonstrated | State::Retained))
            .filter_map(|pair| Some((pair, pair.last_pass()?)))
            .filter(|(_, pass)| now - pass.at.unix() <= DEMONSTRATED_WITHIN_S)
            .max_by_key(|(pair, pass)| (rank(pair.state), pass.at));
        if let Some((pair, pass)) = known {
            cell.demonstrated = 1;
            cell.retained = u32::from(pair.state == State::Retained);
            let until = pair.answers.iter().position(|counted| counted.at > pass.at);
            let answers = &pair.answers[..until.unwrap_or(pair.answers.len())];
            let r30 = Memory::after(answers).map_or(0.0, |memory| memory.after_days(HORIZON_DAYS));
            cell.known.add(r30);
        }
        let probe = pairs
            .iter()
            .flat_map(|pair| {
                pair.answers
                    .iter()
                    .enumerate()
                    .map(|answer| (*pair, answer))
            })
            .filter(|(_, (_, it))| it.answer.probe && now - it.at.unix() <= PROBES_WITHIN_S)
            .max_by_key(|(_, (_, counted))| counted.at);
        if let Some((pair, (at, probe))) = probe {
            // A probe asks whether an answer lasted; one without an answer before says nothing.
            if let Some(memory) = Memory::after(&pair.answers[..at]) {
                let passed = probe.answer.outcome == Outcome::Pass;
                let modelled = memory.retrievability(probe.at.unix());
                cell.probes.add(probe.answer.kind, modelled, passed);
            }
        }
        cell
    }
}

/// The state that a pair had before an hour.
fn state_before(pair: &Pair, hour: Hour) -> State {
    match pair.answers.iter().rev().find(|counted| counted.at < hour) {
        Some(counted) => counted.state,
        None if pair.first.is_some_and(|first| first < hour) => State::Seen,
        None => State::Unknown,
    }
}

const fn rank(state: State) -> u8 {
    match state {
        State::Unknown => 0,
        State::Seen => 1,
        State::Learning => 2,
        State::Lapsed => 3,
        State::Demonstrated => 4,
        State::Retained => 5,
    }
}

/// Days (since 1970) on which a subject has evidence, for [`ripe_from`].
pub fn evidence_days<'a>(
    rows: impl IntoIterator<Item = &'a crate::sync::Row>,
) -> impl Iterator<Item = i64> {
    rows.into_iter().filter_map(|row| match &row.delta {
        crate::delta::Delta::Evidence(evidence) => match evidence.observed {
            Observation::Seen | Observation::Answer(_) => Some(evidence.at.day()),
        },
        _ => None,
    })
}

#[cfg(test)]
mod tests;
