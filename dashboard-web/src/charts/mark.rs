//! The square that stands for a state: more ink is more known.

use askama::Template;

use crate::figures::Cell;
use crate::states::State;

/// What a square says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Full,
    Core,
    Slash,
    Diagonal,
    Outline,
    Dotted,
    Half,
    Hatched,
}

/// One square.
#[derive(Template, Debug, Clone, Copy, PartialEq, Eq)]
#[template(path = "svg/mark.html")]
pub(crate) struct Mark {
    pub(crate) shape: Shape,
}

impl Mark {
    pub(crate) fn new(state: State) -> Self {
        let shape = match state {
            State::Retained => Shape::Full,
            State::Demonstrated => Shape::Core,
            State::Lapsed => Shape::Slash,
            State::Learning => Shape::Diagonal,
            State::Seen => Shape::Outline,
            State::Unknown => Shape::Dotted,
        };
        Self { shape }
    }

    /// The square of a concept of the organisation: kept by most, fading, thin, too few.
    pub(crate) fn of_cell(cell: Option<&Cell>) -> Self {
        let shape = match cell {
            None | Some(Cell::Few) => Shape::Hatched,
            Some(Cell::Between { .. }) => Shape::Outline,
            Some(Cell::Shown { retention, .. }) if retention.value() >= 0.70 => Shape::Full,
            Some(Cell::Shown { retention, .. }) if retention.value() >= 0.50 => Shape::Half,
            Some(Cell::Shown { .. }) => Shape::Slash,
        };
        Self { shape }
    }
}

/// The strokes inside the square's own coordinates, 13 by 13.
#[derive(Template, Debug, Clone, Copy)]
#[template(path = "svg/shape.html")]
pub(crate) struct Strokes {
    shape: Shape,
}

impl Mark {
    pub(crate) fn strokes(&self) -> Strokes {
        Strokes { shape: self.shape }
    }
}
