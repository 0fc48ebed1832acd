//! The organisation's figures as a page gets them: rows of one weekly snapshot.
//!
//! A row arrives only if the privacy floor let it: five people or more met the
//! concept. What may be printed is settled by the type (`Cell`): a count of
//! fewer than five has no number, and so no way onto a page.
//!
//! Invariant: nothing here is about a person, and nothing is finer than a week.
//! Elsewhere: which rows exist and in which band is `kernel::aggregate`.

use jiff::civil::Date;

/// The smallest group that a row may speak about.
pub const FLOOR: u32 = 5;
/// Below so many counted people a snapshot shows no figures at all.
pub const COUNTED_FLOOR: u32 = 10;

/// A concept by its name in the catalogue and its title for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConceptRef {
    /// `pg-advisory-locks`.
    pub slug: String,
    /// "PostgreSQL advisory locks".
    pub title: String,
}

impl ConceptRef {
    /// A concept from its slug and its title.
    pub fn new(slug: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            slug: slug.into(),
            title: title.into(),
        }
    }

    /// The address of its page.
    pub fn href(&self) -> String {
        crate::paths::concept(&self.slug)
    }
}

/// Which snapshot a page shows, and when the next one comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// Monday 00:00 UTC up to which evidence was taken.
    pub as_of: Date,
    /// The Monday after.
    pub next: Date,
}

/// What a retention figure rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// 20 probes or more.
    Observed,
    /// 5 to 19 probes; a memory model fills in.
    Blended,
    /// Fewer than 5 probes: an estimate of the model.
    Modelled,
}

impl Basis {
    /// The word that stands beside the dot.
    pub fn word(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Blended => "blended",
            Self::Modelled => "model estimate",
        }
    }

    /// The class that fills the dot.
    pub fn class(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Blended => "blended",
            Self::Modelled => "modelled",
        }
    }
}

/// How exactly a retention may be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// The value itself, in whole percent.
    Exact,
    /// Only "90% or more": an exact 100% would say something about everyone.
    AtLeast90,
    /// Only "10% or less".
    AtMost10,
}

/// The chance of still knowing a concept 30 days after the last pass.
///
/// Invariant: of an all-or-none cell only the bound is kept, so no page, chart, order or mean can
/// tell more of it than "90% or more" does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retention {
    value: f64,
    lo: f64,
    hi: f64,
    basis: Basis,
    precision: Precision,
}

impl Retention {
    /// From the posterior mean and its 10% and 90% quantiles, 0.0 to 1.0 each.
    ///
    /// Where only a bound may be said, all three are dropped.
    pub fn new(value: f64, lo: f64, hi: f64, basis: Basis, precision: Precision) -> Self {
        let (value, lo, hi) = match precision {
            Precision::Exact => (value, lo, hi),
            Precision::AtLeast90 => (0.95, 0.9, 1.0),
            Precision::AtMost10 => (0.05, 0.0, 0.1),
        };
        Self {
            value,
            lo,
            hi,
            basis,
            precision,
        }
    }

    /// What it rests on.
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// How exactly it may be said.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// For orders, means and classes: the middle of the range where only a bound is known.
    pub(crate) fn value(&self) -> f64 {
        self.value
    }

    /// For print and for a dot: nothing where only a bound is known.
    pub(crate) fn exact(&self) -> Option<f64> {
        (self.precision == Precision::Exact).then_some(self.value)
    }

    /// The 10% quantile, or the lower end of the bound.
    pub(crate) fn lo(&self) -> f64 {
        self.lo
    }

    /// The 90% quantile, or the upper end of the bound.
    pub(crate) fn hi(&self) -> f64 {
        self.hi
    }
}

/// What one published row may say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// Five or more met it, fewer than five have shown it: no number, no retention.
    Few,
    /// Five or more have shown it.
    Shown {
        /// How many have shown it in the last year, five or more.
        n_demonstrated: u32,
        /// How many of them retained it; `None` where it or the rest would be 1 to 4.
        n_retained: Option<u32>,
        /// The chance that it lasts a month.
        retention: Retention,
        /// The snapshot that set this value, if it is an older one that stands.
        since: Option<Date>,
    },
    /// After somebody left the figures: retention lies between these two, 0.0 to 1.0.
    Between {
        /// Lower bound.
        lo: f64,
        /// Upper bound.
        hi: f64,
    },
}

impl Cell {
    /// Whether five people or more have shown the concept.
    pub fn covered(&self) -> bool {
        !matches!(self, Self::Few)
    }

    /// The retention, if one is published.
    pub fn retention(&self) -> Option<Retention> {
        match self {
            Self::Shown { retention, .. } => Some(*retention),
            _ => None,
        }
    }
}

/// How much a concept needs attention: exposed × risk × (1 − share that has shown it), in bands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Band {
    /// Met by many, shown by few, and risky.
    Most,
    /// In between.
    Some,
    /// Holding.
    Least,
}

/// One published row of a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct ConceptRow {
    /// Which concept.
    pub concept: ConceptRef,
    /// The area it belongs to, for people: "PostgreSQL".
    pub domain: String,
    /// 1 annoys, 2 costs a day, 3 loses data, money or secrets.
    pub risk: u8,
    /// Its band of need.
    pub band: Band,
    /// Slugs of its direct prerequisites.
    pub needs: Vec<String>,
    /// How many narrower concepts, each met by fewer than five, are folded into this row.
    pub folded_in: u32,
    /// What may be said.
    pub cell: Cell,
}

/// The snapshot before, for what changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Previous {
    /// Its Monday.
    pub as_of: Date,
    /// Its published rows: slug and cell.
    pub rows: Vec<(String, Cell)>,
}
