//! How large a question may be, and what an answer has to look like. Both ends look.

use crate::wire::{Answer, Ask};
use crate::{Continuations, Down, Embedding, Likelihood, Writing};

/// Jobs of one call of `score`.
pub const MAX_JOBS: usize = 128;
/// Bytes of a prefix.
pub const MAX_PREFIX_BYTES: usize = 8 << 10;
/// Continuations of a job.
pub const MAX_CONTINUATIONS: usize = 16;
/// Bytes of a continuation.
pub const MAX_CONTINUATION_BYTES: usize = 2 << 10;
/// Bytes of a grammar.
pub const MAX_GRAMMAR_BYTES: usize = 4 << 10;
/// Tokens that are written at once.
pub const MAX_WRITTEN_TOKENS: u32 = 512;
/// Bytes of what was written.
pub const MAX_WRITTEN_BYTES: usize = 16 << 10;
/// Texts of one call of `embed`.
pub const MAX_TEXTS: usize = 64;
/// Bytes of a text.
pub const MAX_TEXT_BYTES: usize = 4 << 10;
/// Numbers of an embedding.
const MAX_DIMENSIONS: usize = 4096;
/// How far an embedding's length may be from 1.
const LENGTH_TOLERANCE: f32 = 0.01;

fn at_most(what: &'static str, is: usize, limit: usize) -> Result<(), Down> {
    if is > limit {
        return Err(Down::TooLarge { what, is, limit });
    }
    Ok(())
}

/// Whether this may be asked.
///
/// # Errors
/// [`Down::TooLarge`], and [`Down::Refused`] for a continuation that is empty.
pub fn ask(ask: &Ask) -> Result<(), Down> {
    match ask {
        Ask::Score(jobs) => {
            at_most("the number of jobs", jobs.len(), MAX_JOBS)?;
            jobs.iter().try_for_each(job)
        }
        Ask::Embed(texts) => {
            at_most("the number of texts", texts.len(), MAX_TEXTS)?;
            texts
                .iter()
                .try_for_each(|text| at_most("a text's size in bytes", text.len(), MAX_TEXT_BYTES))
        }
        Ask::Write(writing) => write(writing),
    }
}

fn write(writing: &Writing) -> Result<(), Down> {
    let what = "the size in bytes of what is asked";
    at_most(what, writing.system.len(), MAX_PREFIX_BYTES)?;
    at_most(what, writing.user.len(), MAX_PREFIX_BYTES)?;
    at_most(
        "a grammar's size in bytes",
        writing.grammar.len(),
        MAX_GRAMMAR_BYTES,
    )?;
    let (is, limit) = (writing.tokens as usize, MAX_WRITTEN_TOKENS as usize);
    at_most("the tokens to be written", is, limit)
}

fn job(job: &Continuations) -> Result<(), Down> {
    at_most(
        "a prefix's size in bytes",
        job.prefix.len(),
        MAX_PREFIX_BYTES,
    )?;
    at_most(
        "the number of continuations",
        job.continuations.len(),
        MAX_CONTINUATIONS,
    )?;
    for continuation in &job.continuations {
        if continuation.is_empty() {
            return Err(Down::Refused("a continuation is empty".to_owned()));
        }
        at_most(
            "a continuation's size in bytes",
            continuation.len(),
            MAX_CONTINUATION_BYTES,
        )?;
    }
    Ok(())
}

/// Whether this can be the answer to that: counts as asked, numbers that are numbers.
#[must_use]
pub fn fits(ask: &Ask, answer: &Answer) -> bool {
    match (ask, answer) {
        (Ask::Score(jobs), Answer::Score(scores)) => {
            jobs.len() == scores.len()
                && jobs.iter().zip(scores).all(|(job, scores)| {
                    job.continuations.len() == scores.len() && scores.iter().all(plausible)
                })
        }
        (Ask::Embed(texts), Answer::Embed(embeddings)) => {
            texts.len() == embeddings.len() && embeddings.iter().all(of_length_one)
        }
        (Ask::Write(_), Answer::Written(text)) => text.len() <= MAX_WRITTEN_BYTES,
        _ => false,
    }
}

fn plausible(likelihood: &Likelihood) -> bool {
    likelihood.log.is_finite() && likelihood.log <= 1e-6 && likelihood.tokens > 0
}

fn of_length_one(embedding: &Embedding) -> bool {
    let length = embedding.iter().map(|x| x * x).sum::<f32>().sqrt();
    (1..=MAX_DIMENSIONS).contains(&embedding.len()) && (length - 1.0).abs() < LENGTH_TOLERANCE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job_of(prefix: usize, continuations: usize, size: usize) -> Continuations {
        Continuations {
            prefix: "p".repeat(prefix),
            continuations: vec!["c".repeat(size); continuations],
        }
    }

    #[test]
    fn each_limit_is_held_at_its_edge() {
        let fits = job_of(MAX_PREFIX_BYTES, MAX_CONTINUATIONS, MAX_CONTINUATION_BYTES);
        assert_eq!(ask(&Ask::Score(vec![fits; MAX_JOBS])), Ok(()));
        let small = job_of(0, 1, 1);
        for over in [
            vec![small; MAX_JOBS + 1],
            vec![job_of(MAX_PREFIX_BYTES + 1, 1, 1)],
            vec![job_of(0, MAX_CONTINUATIONS + 1, 1)],
            vec![job_of(0, 1, MAX_CONTINUATION_BYTES + 1)],
        ] {
            assert!(matches!(ask(&Ask::Score(over)), Err(Down::TooLarge { .. })));
        }
        let text = "t".repeat(MAX_TEXT_BYTES);
        assert_eq!(ask(&Ask::Embed(vec![text.clone(); MAX_TEXTS])), Ok(()));
        for over in [vec![text.clone(); MAX_TEXTS + 1], vec![text + "t"]] {
            assert!(matches!(ask(&Ask::Embed(over)), Err(Down::TooLarge { .. })));
        }
    }

    #[test]
    fn what_is_to_be_written_has_its_limits_too() {
        let asked = |system: usize, grammar: usize, tokens: u32| {
            Ask::Write(Writing {
                system: "s".repeat(system),
                user: String::new(),
                grammar: "g".repeat(grammar),
                tokens,
            })
        };
        let most = asked(MAX_PREFIX_BYTES, MAX_GRAMMAR_BYTES, MAX_WRITTEN_TOKENS);
        assert_eq!(ask(&most), Ok(()));
        for over in [
            asked(MAX_PREFIX_BYTES + 1, 1, 1),
            asked(1, MAX_GRAMMAR_BYTES + 1, 1),
            asked(1, 1, MAX_WRITTEN_TOKENS + 1),
        ] {
            assert!(matches!(ask(&over), Err(Down::TooLarge { .. })));
        }
        let text = |bytes: usize| Answer::Written("w".repeat(bytes));
        assert!(fits(&most, &text(MAX_WRITTEN_BYTES)));
        assert!(!fits(&most, &text(MAX_WRITTEN_BYTES + 1)));
        assert!(!fits(&most, &Answer::Embed(vec![])));
    }

    #[test]
    fn an_empty_continuation_is_refused() {
        let refused = ask(&Ask::Score(vec![job_of(3, 1, 0)]));
        assert!(matches!(refused, Err(Down::Refused(_))));
    }

    #[test]
    fn an_answer_of_another_shape_is_none() {
        let asked = Ask::Score(vec![job_of(1, 2, 1)]);
        let score = |log: f64, tokens: u32| Likelihood { log, tokens };
        let good = Answer::Score(vec![vec![score(-1.5, 2), score(0.0, 1)]]);
        assert!(fits(&asked, &good));
        for bad in [
            Answer::Score(vec![]),
            Answer::Score(vec![vec![score(-1.0, 1)]]),
            Answer::Score(vec![vec![score(-1.0, 1), score(2.0, 1)]]),
            Answer::Score(vec![vec![score(-1.0, 1), score(-1.0, 0)]]),
            Answer::Score(vec![vec![score(-1.0, 1), score(f64::NEG_INFINITY, 1)]]),
            Answer::Embed(vec![vec![1.0]]),
        ] {
            assert!(!fits(&asked, &bad), "{bad:?}");
        }
        let asked = Ask::Embed(vec!["a".to_owned()]);
        assert!(fits(&asked, &Answer::Embed(vec![vec![0.6, 0.8]])));
        for bad in [vec![], vec![0.5, 0.5], vec![f32::NAN, 1.0]] {
            assert!(!fits(&asked, &Answer::Embed(vec![bad])));
        }
    }
}
