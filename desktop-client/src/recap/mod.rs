//! `aiworklab recap`: what your agents did lately in concepts, and once a week what you know now.
//!
//! All of it is read from this machine's own store and shown to its owner alone. There is no score, no
//! row of days and nobody else in it: a concept is kept, or it fades, and a date says when it comes next.

mod lately;
#[cfg(test)]
mod tests;
mod week;

pub use lately::{Span, lately};
pub use week::week;

use crate::words::plain;
use kernel::catalogue::Catalogue;
use kernel::delta::State;
use kernel::evidence::Pair;
use kernel::ids::Slug;

const WIDTH: usize = 76;

/// A concept's title.
pub fn title(concept: &Slug) -> String {
    let known = Catalogue::builtin().get(concept);
    plain(known.map_or(concept.as_str(), |entry| &entry.title))
}

/// What was known of a concept just before `at`, shared time.
fn state_before(pair: &Pair, at: i64) -> State {
    let answered = pair.answers.iter().rev().find(|a| a.at.unix() < at);
    match answered {
        Some(answered) => answered.state,
        None if pair.first.is_some_and(|first| first.unix() < at) && pair.seen > 0 => State::Seen,
        None => State::Unknown,
    }
}

/// A list in words: "a", "a and b", "a, b and c".
fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
