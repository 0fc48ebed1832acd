//! Retention: a dot on an interval bar, on a scale that is never cut.

use askama::Template;

use crate::figures::{Basis, Retention};
use crate::words;

/// The bar of one row.
#[derive(Template)]
#[template(path = "svg/track.html")]
pub(crate) struct Track {
    label: String,
    lo: u8,
    hi: u8,
    /// `None` where the exact value may not be said.
    value: Option<u8>,
    overall: Option<u8>,
    class: &'static str,
    blended: bool,
}

impl Track {
    pub(crate) fn new(r: Retention, overall: Option<f64>) -> Self {
        let (lo, hi) = (words::percent(r.lo()), words::percent(r.hi()));
        let value = r.exact().map(words::percent);
        let label = match value {
            Some(v) => format!("{v}%, between {lo} and {hi}%, {}", r.basis().word()),
            None => format!("{}, {}", words::retention(r), r.basis().word()),
        };
        Self {
            label,
            lo,
            hi,
            value,
            overall: overall.map(words::percent),
            class: r.basis().class(),
            blended: r.basis() == Basis::Blended,
        }
    }
}

/// The scale above the bars.
#[derive(Template)]
#[template(path = "svg/axis.html")]
pub(crate) struct Axis {
    pub(crate) overall: Option<u8>,
    /// Whether the label of the whole would lie on that of 0, 50 or 100.
    low: bool,
    near_half: bool,
    high: bool,
}

impl Axis {
    pub(crate) fn new(overall: Option<f64>) -> Self {
        let overall = overall.map(words::percent);
        let in_range = |from: u8, to: u8| overall.is_some_and(|o| (from..=to).contains(&o));
        Self {
            overall,
            low: in_range(0, 14),
            near_half: in_range(34, 66),
            high: in_range(77, 100),
        }
    }
}

/// The dot alone, as it stands beside its word.
#[derive(Template)]
#[template(path = "svg/basis.html")]
pub(crate) struct BasisDot {
    pub(crate) word: &'static str,
    class: &'static str,
    blended: bool,
}

impl BasisDot {
    pub(crate) fn new(basis: Basis) -> Self {
        Self {
            word: basis.word(),
            class: basis.class(),
            blended: basis == Basis::Blended,
        }
    }

    /// All three, for the key.
    pub(crate) fn all() -> [Self; 3] {
        [Basis::Observed, Basis::Blended, Basis::Modelled].map(Self::new)
    }

    /// What the key says of it.
    pub(crate) fn meaning(&self) -> &'static str {
        match self.class {
            "observed" => "20 people or more were asked again after about a month.",
            "blended" => "5 to 19 were asked; a memory model fills in.",
            _ => "fewer than 5 were asked. Treat as a hint.",
        }
    }
}
