//! Asking a model in small batches, and reading its answers with distrust.

use std::collections::{BTreeMap, BTreeSet};

use super::RankError;
use crate::{Continuations, Down, Embedding, Likelihood, Model};

/// Jobs in one call: small, so that whoever else waits for the model waits shortly.
const JOBS: usize = 4;
/// Continuations in one job, as [`Continuations`] allows.
const CONTINUATIONS: usize = 16;
/// Texts in one call to the sentence model.
const TEXTS: usize = 16;
/// How far a likelihood may lie above 0: rounding.
const ROUNDING: f64 = 1e-3;

/// No model at all: every question is answered by [`Down::Absent`].
#[derive(Clone, Copy, Debug, Default)]
pub struct NoModel;

impl Model for NoModel {
    async fn score(&self, _: Vec<Continuations>) -> Result<Vec<Vec<Likelihood>>, Down> {
        Err(Down::Absent("language model"))
    }

    async fn embed(&self, _: Vec<String>) -> Result<Vec<Embedding>, Down> {
        Err(Down::Absent("sentence model"))
    }
}

/// Likelihoods that were looked up. The same function first says what it will need, and then reads it:
/// each pair of prefix and continuation is asked once, whoever needs it.
#[derive(Debug, Default)]
pub(crate) struct Book {
    wanted: BTreeMap<String, BTreeSet<String>>,
    known: BTreeMap<String, BTreeMap<String, Likelihood>>,
}

impl Book {
    /// What is known of this pair; if nothing is, it is noted for the next [`Book::fetch`].
    pub fn look(&mut self, prefix: &str, continuation: &str) -> Likelihood {
        let known = self.known.get(prefix).and_then(|of| of.get(continuation));
        known.copied().unwrap_or_else(|| {
            let of = self.wanted.entry(prefix.to_owned()).or_default();
            of.insert(continuation.to_owned());
            Likelihood {
                log: 0.0,
                tokens: 1,
            }
        })
    }

    /// Asks for all that was noted. `progress` hears of jobs done, and of how many.
    pub async fn fetch<M: Model + Sync>(
        &mut self,
        model: &M,
        doing: &str,
        mut progress: impl FnMut(usize, usize) + Send,
    ) -> Result<(), RankError> {
        let mut jobs = Vec::new();
        for (prefix, all) in std::mem::take(&mut self.wanted) {
            let all: Vec<String> = all.into_iter().collect();
            jobs.extend(all.chunks(CONTINUATIONS).map(|some| Continuations {
                prefix: prefix.clone(),
                continuations: some.to_vec(),
            }));
        }
        let of = jobs.len();
        for (call, some) in jobs.chunks(JOBS).enumerate() {
            let answers = model.score(some.to_vec()).await;
            let answers = answers.map_err(|source| RankError::Down {
                doing: doing.to_owned(),
                source,
            })?;
            self.enter(some, &answers)?;
            progress(call * JOBS + some.len(), of);
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn enter(
        &mut self,
        jobs: &[Continuations],
        answers: &[Vec<Likelihood>],
    ) -> Result<(), RankError> {
        let refuse = |what: String| Err(RankError::Answer { what });
        if answers.len() != jobs.len() {
            return refuse(format!("{} answers to {} jobs", answers.len(), jobs.len()));
        }
        for (job, answer) in jobs.iter().zip(answers) {
            let (asked, got) = (job.continuations.len(), answer.len());
            if asked != got {
                return refuse(format!("{got} likelihoods of {asked} continuations"));
            }
            for (continuation, likelihood) in job.continuations.iter().zip(answer) {
                if !likelihood.log.is_finite()
                    || likelihood.log > ROUNDING
                    || likelihood.tokens == 0
                {
                    let Likelihood { log, tokens } = likelihood;
                    return refuse(format!("a likelihood of {log} over {tokens} tokens"));
                }
                let of = self.known.entry(job.prefix.clone()).or_default();
                of.insert(continuation.clone(), *likelihood);
            }
        }
        Ok(())
    }
}

/// Directions of texts, in the order asked.
pub(crate) async fn embed<M: Model + Sync>(
    model: &M,
    texts: &[String],
    doing: &str,
) -> Result<Vec<Embedding>, RankError> {
    let mut all = Vec::with_capacity(texts.len());
    for some in texts.chunks(TEXTS) {
        let found = model.embed(some.to_vec()).await;
        let found = found.map_err(|source| RankError::Down {
            doing: doing.to_owned(),
            source,
        })?;
        if found.len() != some.len() {
            let what = format!("{} directions of {} texts", found.len(), some.len());
            return Err(RankError::Answer { what });
        }
        all.extend(found);
        tokio::task::yield_now().await;
    }
    let width = all.first().map_or(0, Vec::len);
    if all.iter().any(|e| {
        let length: f32 = e.iter().map(|x| x * x).sum();
        e.len() != width || !(0.98..1.02).contains(&length)
    }) {
        let what = "directions that are not of one width and of length 1".to_owned();
        return Err(RankError::Answer { what });
    }
    Ok(all)
}

/// Likeness of two texts by their directions, -1 to 1.
pub(crate) fn cosine(a: &Embedding, b: &Embedding) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
