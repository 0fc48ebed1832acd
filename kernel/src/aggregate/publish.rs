//! From cells to what is published: floor, bands, the change rule.

use super::{CHANGED_FLOOR, COUNTED_FLOOR, Calibration, Cell, FLOOR, Plan};
use crate::ids::{Hour, Slug};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a retention value rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// 20 probes or more.
    Observed,
    /// 5 to 19 probes and the model.
    Blended,
    /// Fewer than 5 probes: an estimate of the model.
    Modelled,
}

impl Basis {
    /// What a value with so many probes rests on.
    #[must_use]
    pub const fn of(probes: u32) -> Self {
        match probes {
            0..=4 => Self::Modelled,
            5..=19 => Self::Blended,
            _ => Self::Observed,
        }
    }
}

/// How exactly a value may be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// As it is.
    Exact,
    /// Every probe passed: only "≥ 90 %".
    AtLeast90,
    /// None did: only "≤ 10 %".
    AtMost10,
}

/// How much a concept needs attention: exposed × risk × (1 − share demonstrated), in bands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Band {
    /// Half of the greatest need or more.
    Most,
    /// An eighth of it or more.
    Some,
    /// Less.
    Least,
}

/// A retention value as published; chances from 0.0 to 1.0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retention {
    /// Posterior mean.
    pub value: f64,
    /// 10 % quantile.
    pub lo: f64,
    /// 90 % quantile.
    pub hi: f64,
    /// What it rests on.
    pub basis: Basis,
    /// How exactly it may be said.
    pub precision: Precision,
}

/// Why a published row has no figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Withheld {
    /// Fewer than five have demonstrated it.
    Few,
}

/// What a row says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Published {
    /// Nothing but that five or more met it.
    Withheld(Withheld),
    /// Figures.
    Figures {
        /// Five or more.
        n_demonstrated: u32,
        /// Where it and the rest are each 0 or five and more.
        n_retained: Option<u32>,
        /// The chance that it lasts a month.
        retention: Retention,
    },
    /// After somebody left: the union of the old and the new interval.
    Between {
        /// Lower end.
        lo: f64,
        /// Upper end.
        hi: f64,
    },
}

/// One row of a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The concept.
    pub concept: Slug,
    /// How much it needs attention.
    pub band: Band,
    /// What it says.
    pub says: Published,
    /// The snapshot that set this value; this one, or an older one that stands.
    pub set_at: Hour,
    /// People with any evidence when the value was set. Kept for the change rule, never shown.
    pub exposed: u32,
    /// Narrower concepts that are counted in this row.
    pub folded_in: u32,
}

/// A week's figures. Immutable once made; holds no rows of persons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Monday 00:00 UTC.
    pub as_of: Hour,
    /// Subjects that count.
    pub counted: u32,
    /// Rows, by concept; empty if too few count.
    pub rows: Vec<Row>,
    /// If too few count: what five or more of them met, without figures.
    pub met: Vec<Slug>,
}

/// The two numbers that a site may raise, never lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Fewest people that a row may speak about; at least [`FLOOR`].
    pub floor: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self { floor: FLOOR }
    }
}

/// Makes a snapshot of a finished count.
///
/// `before` is the last published row of each concept; `risk` is the catalogue's, 1 to 3.
#[must_use]
pub fn publish(
    plan: &Plan,
    cells: &BTreeMap<Slug, Cell>,
    counted: u32,
    before: &BTreeMap<Slug, Row>,
    rules: Rules,
    risk: impl Fn(&Slug) -> u8,
) -> Snapshot {
    let floor = rules.floor.max(FLOOR);
    let visible: Vec<_> = cells
        .iter()
        .filter(|(slug, cell)| cell.exposed >= floor && !plan.rolled_up.contains_key(*slug))
        .collect();
    let as_of = plan.as_of;
    if counted < COUNTED_FLOOR {
        let met = visible.into_iter().map(|(slug, _)| slug.clone()).collect();
        return Snapshot {
            as_of,
            counted,
            rows: Vec::new(),
            met,
        };
    }
    // From what may be shown, and nothing else: what fewer met adds to no figure.
    let calibration = Calibration::fit(visible.iter().map(|(_, cell)| &cell.probes));
    let needs: Vec<f64> = visible
        .iter()
        .map(|(slug, cell)| need(cell, risk(slug)))
        .collect();
    let most = needs.iter().copied().fold(0.0, f64::max);
    let rows = visible
        .iter()
        .zip(&needs)
        .map(|(&(slug, cell), need)| {
            let (says, set_at, exposed) = match before.get(slug) {
                None => (say(cell, floor, &calibration), as_of, cell.exposed),
                Some(old) => say_again(cell, old, floor, as_of, &calibration),
            };
            let folded_in = plan
                .rolled_up
                .values()
                .filter(|parent| *parent == slug)
                .count();
            Row {
                concept: slug.clone(),
                band: band(*need, most),
                says,
                set_at,
                exposed,
                folded_in: u32::try_from(folded_in).unwrap_or(u32::MAX),
            }
        })
        .collect();
    Snapshot {
        as_of,
        counted,
        rows,
        met: Vec::new(),
    }
}

fn need(cell: &Cell, risk: u8) -> f64 {
    f64::from(cell.exposed.saturating_sub(cell.demonstrated)) * f64::from(risk)
}

fn band(need: f64, most: f64) -> Band {
    if need <= 0.0 || need < most / 8.0 {
        Band::Least
    } else if need < most / 2.0 {
        Band::Some
    } else {
        Band::Most
    }
}

/// What a cell says by itself.
fn say(cell: &Cell, floor: u32, calibration: &Calibration) -> Published {
    if cell.demonstrated < floor {
        return Published::Withheld(Withheld::Few);
    }
    let rest = cell.demonstrated - cell.retained;
    let may = |n: u32| n == 0 || n >= floor;
    let found = calibration.estimate(&cell.known, &cell.probes);
    let (count, passed) = (cell.probes.count(), cell.probes.passed());
    let precision = if count > 0 && passed == count && found.value >= 0.9 {
        Precision::AtLeast90
    } else if count > 0 && passed == 0 && found.value <= 0.1 {
        Precision::AtMost10
    } else {
        Precision::Exact
    };
    Published::Figures {
        n_demonstrated: cell.demonstrated,
        n_retained: (may(cell.retained) && may(rest)).then_some(cell.retained),
        retention: Retention {
            value: found.value,
            lo: found.lo,
            hi: found.hi,
            basis: found.basis,
            precision,
        },
    }
}

/// What a cell says that said something before.
fn say_again(
    cell: &Cell,
    old: &Row,
    floor: u32,
    as_of: Hour,
    calibration: &Calibration,
) -> (Published, Hour, u32) {
    if cell.changed >= CHANGED_FLOOR {
        return (say(cell, floor, calibration), as_of, cell.exposed);
    }
    let somebody_left = cell.exposed_before < old.exposed;
    let says = if somebody_left {
        either(old.says, say(cell, floor, calibration))
    } else {
        old.says
    };
    (says, old.set_at, old.exposed)
}

/// A band that does not tell which of two values is the present one.
fn either(old: Published, new: Published) -> Published {
    let interval = |says| match says {
        Published::Figures { retention, .. } => Some((retention.lo, retention.hi)),
        Published::Between { lo, hi } => Some((lo, hi)),
        Published::Withheld(_) => None,
    };
    match (interval(old), interval(new)) {
        (Some((a, b)), Some((c, d))) => Published::Between {
            lo: a.min(c),
            hi: b.max(d),
        },
        (Some((lo, hi)), None) => Published::Between { lo, hi },
        (None, _) => Published::Withheld(Withheld::Few),
    }
}
