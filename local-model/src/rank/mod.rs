//! Ranking: which of several sound things a model prefers.
//!
//! A model is asked two things only, by likelihood. *Which false answers tempt*: one that follows the
//! question as easily as a true one does. *Which wording reads best*: the one that is the least surprise.
//! Several ways to turn likelihoods into a number ([`Scoring`]) are tried at qualification, and only what
//! was earned there is used here.
//!
//! Invariant: ranking reorders sound items. It never makes, changes or mends one, and whoever has no
//! model gets the same items in the order of the draw.
//! Elsewhere: soundness is `kernel::items`; whether the model may rank at all is [`crate::qualify`].

mod ask;
mod chance;
mod error;
mod order;
mod scoring;
#[cfg(test)]
pub(crate) mod tests;

pub use ask::NoModel;
pub use error::RankError;
pub use order::{Ranked, Scored};
pub use scoring::{Role, Scoring};

pub(crate) use ask::{Book, cosine, embed};
pub(crate) use chance::Chance;
pub(crate) use order::{Scores, order, stems};
pub(crate) use scoring::{Asked, reading, tempting};
