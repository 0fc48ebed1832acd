//! llama.cpp: how well continuations follow a prefix.
//!
//! The prefix is computed once, in sequence 0; each continuation has a sequence of its own that
//! begins as a copy of it (cells are shared, not copied), and the tails of all go through together.
//! A continuation's first token is judged by what the prefix ends with, so a continuation of one
//! token costs nothing more, and its last token is never computed at all.
//!
//! Invariants: nothing is cut off; between jobs only sequence 0 is kept, and used again only for the
//! very same prefix, so that no answer depends on what was asked before; one thread owns everything
//! (making two contexts of a model at once is not sound, by the binding's own word).
//!
//! ggml rounds what it computes with to eight bits, and adds up in another order for few tokens than
//! for many: a long continuation scored beside others differs from the same one alone by up to 0.03
//! a token. The same job gives the same bits.

use crate::{EngineError, logs, refused};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::{LogOptions, send_logs_to_tracing};
use local_model::{
    Continuations, Description, Inspected, Likelihood, Limits, Loaded, Reason, TOKENS_AT_ONCE,
};
use std::num::NonZeroU32;
use std::sync::OnceLock;

/// Continuations of a job; each has a sequence, beside the prefix's.
const MOST_CONTINUATIONS: usize = 16;

/// Memory for the scores of all tokens after each place of a batch, in bytes.
const ROWS_BYTES: usize = 32 << 20;

/// A language model, loaded.
pub struct Llama {
    // Never freed: a worker has one for its life, and a context borrows it.
    pub(crate) model: &'static LlamaModel,
    pub(crate) context: LlamaContext<'static>,
    pub(crate) batch: LlamaBatch<'static>,
    description: Description,
    /// Tokens that it sees at once.
    pub(crate) limit: usize,
    /// Places of a batch whose scores are wanted, at most.
    rows: usize,
    /// What sequence 0 holds, and the scores after it; empty if it holds nothing of use.
    prefix: Vec<LlamaToken>,
    after: Vec<f32>,
}

/// A continuation on its way.
struct Tail {
    tokens: Vec<LlamaToken>,
    /// Tokens that were put into a batch.
    done: usize,
    log: f64,
}

fn backend() -> Result<&'static LlamaBackend, Reason> {
    static BACKEND: OnceLock<Result<LlamaBackend, String>> = OnceLock::new();
    BACKEND
        .get_or_init(|| {
            send_logs_to_tracing(LogOptions::default().with_logs_enabled(true));
            LlamaBackend::init().map_err(|e| e.to_string())
        })
        .as_ref()
        .map_err(refused)
}

pub(crate) fn native<E: std::error::Error + Send + Sync + 'static>(
    doing: &'static str,
) -> impl FnOnce(E) -> EngineError {
    move |e| EngineError::Native {
        doing,
        source: Box::new(e),
    }
}

/// A count as llama.cpp has them; all of ours are far below its limit.
fn place(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

impl Llama {
    /// Loads a file that was judged, and computes once, so that what cannot work fails here.
    ///
    /// # Errors
    /// [`Reason::Engine`], or [`Reason::File`] if the file changed meanwhile.
    pub fn load(file: &Inspected, limits: &Limits) -> Result<Self, Reason> {
        let backend = backend()?;
        let model = LlamaModelParams::default()
            .with_n_gpu_layers(0)
            .with_use_mmap(true);
        let model = LlamaModel::load_from_file(backend, file.load_path(), &model)
            .map_err(|e| refused(logs::last().unwrap_or_else(|| e.to_string())))?;
        file.unchanged()?;
        let model: &'static LlamaModel = Box::leak(Box::new(model));

        let description = file.description.clone();
        let limit = limits.context.min(description.context).max(2);
        let context = model
            .new_context(backend, context_params(limits, limit))
            .map_err(|e| refused(logs::last().unwrap_or_else(|| e.to_string())))?;
        let vocabulary = usize::try_from(model.n_vocab()).unwrap_or(usize::MAX);
        let most = usize::try_from(TOKENS_AT_ONCE).unwrap_or(1);
        let rows = (ROWS_BYTES / 4 / vocabulary.max(1)).clamp(1, most);
        let mut llama = Self {
            model,
            context,
            batch: LlamaBatch::new(most, 1),
            description,
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            rows,
            prefix: Vec::new(),
            after: Vec::new(),
        };
        let first = Continuations {
            prefix: "A".to_owned(),
            continuations: vec![" first job".to_owned()],
        };
        llama.score(&first).map_err(|e| refused(e.words()))?;
        Ok(llama)
    }

    /// How well each continuation of a job follows, in the order asked.
    ///
    /// # Errors
    /// [`EngineError::TooLarge`] if prefix and a continuation are more than the context holds, or
    /// what the engine failed at. The next job is not affected.
    pub fn score(&mut self, job: &Continuations) -> Result<Vec<Likelihood>, EngineError> {
        let scored = self.scored(job);
        if scored.is_err() {
            self.forget();
        }
        scored
    }

    /// Goes on by the most likely token, one at a time, and says what it took: only to be measured
    /// against llama.cpp's own programs. What it writes is not shown to anybody.
    ///
    /// # Errors
    /// As [`Self::score`].
    pub fn goes_on(&mut self, prefix: &str, tokens: usize) -> Result<Vec<i32>, EngineError> {
        let held = self.tokens(prefix);
        let begin = held.len();
        if begin == 0 || begin + tokens > self.limit {
            return Err(EngineError::TooLarge {
                what: "a prefix with what is to follow",
                is: begin + tokens,
                limit: self.limit,
            });
        }
        self.hold(held)?;
        let mut written = Vec::with_capacity(tokens);
        let mut next = likeliest(&self.after);
        for at in begin..begin + tokens {
            written.push(next.0);
            self.batch.clear();
            self.put(next, at, 0, true)?;
            self.compute()?;
            next = likeliest(self.context.get_logits_ith(0));
        }
        self.forget();
        Ok(written)
    }

    /// What is loaded.
    #[must_use]
    pub fn about(&self) -> Loaded {
        let d = &self.description;
        Loaded {
            name: d.name.clone(),
            sha256: d.sha256.clone(),
            architecture: d.architecture.clone(),
            quantisation: d.quantisation.clone(),
            parameters: d.parameters,
            context: u32::try_from(self.limit).unwrap_or(u32::MAX),
            bytes: d.bytes,
            dimensions: 0,
        }
    }

    fn scored(&mut self, job: &Continuations) -> Result<Vec<Likelihood>, EngineError> {
        let asked = job.continuations.len();
        if asked > MOST_CONTINUATIONS {
            return Err(EngineError::TooLarge {
                what: "the continuations of a job",
                is: asked,
                limit: MOST_CONTINUATIONS,
            });
        }
        let own = self.tokens(&job.prefix);
        let prefix: Vec<LlamaToken> = (self.beginning(&job.prefix).into_iter())
            .chain(own.iter().copied())
            .collect();
        if prefix.is_empty() {
            return Err(EngineError::NoBeginning);
        }
        let mut tails = Vec::with_capacity(asked);
        for (i, continuation) in job.continuations.iter().enumerate() {
            let tokens = self.tail_tokens(&job.prefix, &own, continuation);
            if tokens.is_empty() {
                return Err(EngineError::NoTokens(i));
            }
            let is = prefix.len() + tokens.len();
            if is > self.limit {
                return Err(EngineError::TooLarge {
                    what: "a prefix with a continuation",
                    is,
                    limit: self.limit,
                });
            }
            tails.push(Tail {
                tokens,
                done: 0,
                log: 0.0,
            });
        }
        self.hold(prefix)?;
        for tail in &mut tails {
            if let Some(first) = tail.tokens.first() {
                tail.log = chance(&self.after, *first)?;
            }
        }
        self.follow(&mut tails)?;
        let likelihood = |tail: &Tail| Likelihood {
            log: tail.log,
            tokens: u32::try_from(tail.tokens.len()).unwrap_or(u32::MAX),
        };
        Ok(tails.iter().map(likelihood).collect())
    }

    /// The token that begins a text, where the model wants one, or where there is nothing else to
    /// begin with.
    fn beginning(&self, prefix: &str) -> Option<LlamaToken> {
        let vocab = self.model.vocab();
        let wanted = vocab.should_add_bos() || prefix.is_empty();
        let begin = [vocab.bos(), vocab.eos()].into_iter().find(|t| t.0 >= 0);
        begin.filter(|_| wanted)
    }

    /// Texts are texts: what looks like a control token in them is spelt out.
    pub(crate) fn tokens(&self, text: &str) -> Vec<LlamaToken> {
        self.model.vocab().tokenize(text.as_bytes(), false, false)
    }

    /// A continuation's tokens as they follow the prefix's: those of both together, where the
    /// prefix's own stay what they were; else, where the seam would melt, its own alone.
    fn tail_tokens(&self, prefix: &str, own: &[LlamaToken], tail: &str) -> Vec<LlamaToken> {
        let both = self.tokens(&[prefix, tail].concat());
        match both.strip_prefix(own) {
            Some(rest) => rest.to_vec(),
            None => self.tokens(tail),
        }
    }

    /// Puts the prefix into sequence 0, if it is not there.
    pub(crate) fn hold(&mut self, prefix: Vec<LlamaToken>) -> Result<(), EngineError> {
        if prefix == self.prefix && !self.after.is_empty() {
            return Ok(());
        }
        self.forget();
        let last = prefix.len().saturating_sub(1);
        let most = usize::try_from(TOKENS_AT_ONCE).unwrap_or(1);
        for (begin, chunk) in (0..).step_by(most).zip(prefix.chunks(most)) {
            self.batch.clear();
            for (at, token) in (begin..).zip(chunk) {
                self.put(*token, at, 0, at == last)?;
            }
            self.compute()?;
        }
        let row = place(last % most);
        self.after = self.context.get_logits_ith(row).to_vec();
        self.prefix = prefix;
        Ok(())
    }

    pub(crate) fn forget(&mut self) {
        self.context.clear_kv_cache();
        self.prefix.clear();
        self.after.clear();
    }

    pub(crate) fn put(
        &mut self,
        token: LlamaToken,
        at: usize,
        sequence: i32,
        scores: bool,
    ) -> Result<(), EngineError> {
        self.batch
            .add(token, place(at), &[sequence], scores)
            .map_err(native("take a batch's token"))
    }

    pub(crate) fn compute(&mut self) -> Result<(), EngineError> {
        self.context
            .decode(&mut self.batch)
            .map_err(native("compute a batch"))
    }

    /// Computes all tails but their last tokens, and adds up.
    fn follow(&mut self, tails: &mut [Tail]) -> Result<(), EngineError> {
        let held = self.prefix.len();
        let sequence = |i: usize| place(i + 1);
        // Cells that hold tails: those of a tail that is not finished, and of the batch.
        let mut cells = 0;
        let mut next = 0;
        while next < tails.len() {
            self.batch.clear();
            // Of each place in the batch: whose it is, and the token that follows it.
            let mut places: Vec<(usize, LlamaToken)> = Vec::new();
            let room = self.rows.min(self.limit - held - cells);
            let first = next;
            while let Some(tail) = tails.get_mut(next) {
                if tail.done == 0 && tail.tokens.len() > 1 {
                    if places.len() == room {
                        break;
                    }
                    self.context
                        .kv_cache_seq_cp(0, sequence(next), None, None)
                        .map_err(native("share a prefix"))?;
                }
                let pairs = tail.tokens.iter().zip(tail.tokens.iter().skip(1));
                let from = tail.done;
                for (at, (token, following)) in
                    pairs.enumerate().skip(from).take(room - places.len())
                {
                    self.put(*token, held + at, sequence(next), true)?;
                    places.push((next, *following));
                    tail.done += 1;
                }
                if tail.done + 1 < tail.tokens.len() {
                    break;
                }
                next += 1;
            }
            if places.is_empty() {
                continue;
            }
            self.compute()?;
            for (row, (whose, following)) in (0..).zip(&places) {
                let log = chance(self.context.get_logits_ith(row), *following)?;
                if let Some(tail) = tails.get_mut(*whose) {
                    tail.log += log;
                }
            }
            for finished in first..next {
                self.drop_sequence(sequence(finished))?;
            }
            cells = tails.get(next).map_or(0, |tail| tail.done);
        }
        Ok(())
    }

    fn drop_sequence(&mut self, sequence: i32) -> Result<(), EngineError> {
        self.context
            .kv_cache_seq_rm(sequence, None, None)
            .map_err(native("drop a tail"))
    }
}

/// Half-precision cells for `limit` tokens, shared by all sequences.
fn context_params(limits: &Limits, limit: u32) -> LlamaContextParams {
    let threads = i32::try_from(limits.threads.max(1)).unwrap_or(i32::MAX);
    let sequences = u32::try_from(MOST_CONTINUATIONS + 1).unwrap_or(u32::MAX);
    LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(limit))
        .with_n_batch(TOKENS_AT_ONCE)
        .with_n_ubatch(TOKENS_AT_ONCE)
        .with_n_seq_max(sequences)
        .with_kv_unified(true)
        .with_n_threads(threads)
        .with_n_threads_batch(threads)
        .with_no_perf(true)
}

fn likeliest(scores: &[f32]) -> LlamaToken {
    let most = (0..).zip(scores).max_by(|a, b| a.1.total_cmp(b.1));
    LlamaToken(most.map_or(0, |(token, _)| token))
}

/// Natural logarithm of a token's chance: log-softmax in double precision.
fn chance(scores: &[f32], token: LlamaToken) -> Result<f64, EngineError> {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = scores.iter().map(|s| f64::from(s - most).exp()).sum();
    let own = usize::try_from(token.0).ok().and_then(|i| scores.get(i));
    let log = own.map_or(f64::NAN, |own| f64::from(own - most) - sum.ln());
    if log.is_finite() {
        Ok(log)
    } else {
        Err(EngineError::NotANumber(token.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_of_all_tokens_add_up_to_one() {
        let scores = [3.5_f32, -80.0, 0.0, 3.5, 60.0, 59.0];
        let sum: f64 = (0..6)
            .map(|i| chance(&scores, LlamaToken(i)).expect("a number").exp())
            .sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
    }

    #[test]
    fn scores_that_are_no_numbers_are_refused() {
        for bad in [f32::NAN, f32::INFINITY] {
            assert!(matches!(
                chance(&[0.0, bad], LlamaToken(1)),
                Err(EngineError::NotANumber(1))
            ));
        }
        assert!(chance(&[0.0], LlamaToken(1)).is_err());
        assert!(chance(&[0.0], LlamaToken(-1)).is_err());
    }
}
