//! From likelihoods to numbers that can be compared: greater is more tempting, or reads better.
//!
//! Every scoring is a mean a token or a character, or a difference of such means, so that length alone
//! gives no advantage; the qualification controls for what is left of it.

use serde::{Deserialize, Serialize};

use crate::Likelihood;

/// What a model may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// To say which false answers tempt.
    Tempting,
    /// To say which stem reads best.
    Stem,
}

impl Role {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Tempting, Self::Stem];

    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tempting => "which false answers tempt",
            Self::Stem => "which question reads best",
        }
    }

    /// The ways to score that are tried for it.
    #[must_use]
    pub fn scorings(self) -> &'static [Scoring] {
        match self {
            Self::Tempting => &[
                Scoring::Asked,
                Scoring::AskedGain,
                Scoring::Led,
                Scoring::LedGain,
            ],
            Self::Stem => &[Scoring::PerToken, Scoring::PerCharacter, Scoring::Follows],
        }
    }
}

/// A way to score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scoring {
    /// Of an answer, after the question: mean logarithm a token.
    Asked,
    /// The same, less what the answer has without the question (pointwise mutual information).
    AskedGain,
    /// Of an answer, after the beginning of the sentence that it ends.
    Led,
    /// The same, less what the answer has without that beginning.
    LedGain,
    /// Of a question: mean logarithm a token.
    PerToken,
    /// Of a question: mean logarithm a character.
    PerCharacter,
    /// Of a question's last sentence, after what stands before it.
    Follows,
}

impl Scoring {
    /// Name in the result.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::AskedGain => "asked-gain",
            Self::Led => "led",
            Self::LedGain => "led-gain",
            Self::PerToken => "per-token",
            Self::PerCharacter => "per-character",
            Self::Follows => "follows",
        }
    }
}

/// A question under which answers are compared.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Its wordings: an answer's score is the mean over them.
    pub stems: Vec<String>,
    /// Beginning of the sentence that every answer ends.
    pub lead: Option<String>,
}

/// Stands before an answer of which nothing else is known.
const BARE: &str = "Answer:";

/// How tempting `answer` is.
pub(crate) fn tempting(
    asked: &Asked,
    answer: &str,
    scoring: Scoring,
    look: &mut impl FnMut(&str, &str) -> Likelihood,
) -> f64 {
    let answer = format!(" {answer}");
    let lead = asked.lead.as_deref();
    match (scoring, lead) {
        (Scoring::Led, Some(lead)) => look(lead, &answer).per_token(),
        (Scoring::LedGain, Some(lead)) => {
            look(lead, &answer).per_token() - look(BARE, &answer).per_token()
        }
        (Scoring::AskedGain | Scoring::LedGain, _) => {
            let bare = look(BARE, &answer).per_token();
            mean(&asked.stems, |stem| {
                look(&question(stem), &answer).per_token() - bare
            })
        }
        _ => mean(&asked.stems, |stem| {
            look(&question(stem), &answer).per_token()
        }),
    }
}

/// How well `stem` reads.
pub(crate) fn reading(
    stem: &str,
    scoring: Scoring,
    look: &mut impl FnMut(&str, &str) -> Likelihood,
) -> f64 {
    let whole =
        |look: &mut dyn FnMut(&str, &str) -> Likelihood| look("Question:", &format!(" {stem}"));
    match (scoring, stem.rsplit_once(". ")) {
        (Scoring::PerCharacter, _) => whole(look).log / stem.chars().count().max(1) as f64,
        (Scoring::Follows, Some((before, last))) => {
            look(&format!("Question: {before}."), &format!(" {last}")).per_token()
        }
        _ => whole(look).per_token(),
    }
}

fn question(stem: &str) -> String {
    format!("Question: {stem}\n{BARE}")
}

fn mean(stems: &[String], mut of: impl FnMut(&str) -> f64) -> f64 {
    let sum: f64 = stems.iter().map(|stem| of(stem)).sum();
    sum / stems.len().max(1) as f64
}
