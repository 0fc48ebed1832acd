//! The direction of a text, by all-MiniLM-L6-v2, computed by candle.
//!
//! Apart from `model_engine`, so that a program without llama.cpp can compare sentences: the
//! engineer's client does. It is Rust throughout; files are read and compared with their digests by
//! `local_model` before they come here.
//!
//! Tokens' directions are averaged and brought to length 1, as the model was trained. It was trained
//! on, and reads, at most [`MOST_TOKENS`] tokens: of a longer text the rest is not seen. That is the
//! model's own limit and the only place where something is left out; items are far shorter.

mod bert;
mod error;

pub use error::Error;

use bert::{Bert, WIDTH};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use kernel::tagging::plan::Likeness;
use local_model::{Embedding, InspectedEmbedder, Loaded, Reason, SENTENCE_WEIGHTS};
use std::marker::PhantomData;
use tokenizers::{Tokenizer, TruncationParams};

/// Tokens that the model sees, beginning and end included.
pub const MOST_TOKENS: usize = 128;

/// Texts that are computed together.
const TOGETHER: usize = 16;

/// A sentence model, loaded. It stays on the thread that loaded it: with one thread, that one
/// computes, and another one that asked would wait for it for ever.
pub struct Sentences {
    tokenizer: Tokenizer,
    bert: Bert,
    pool: rayon::ThreadPool,
    about: Loaded,
    /// Neither sent nor shared.
    here: PhantomData<*const ()>,
}

fn tensors(doing: &'static str) -> impl FnOnce(candle_core::Error) -> Error {
    move |source| Error::Tensors { doing, source }
}

impl Sentences {
    /// Loads what was read and compared with its digests.
    ///
    /// # Errors
    /// [`Reason::Engine`].
    pub fn load(files: InspectedEmbedder, sha256: &str, threads: u32) -> Result<Self, Reason> {
        let bytes = files.weights.len() as u64;
        let mut tokenizer = Tokenizer::from_bytes(&files.tokenizer).map_err(refused)?;
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(Some(TruncationParams {
                max_length: MOST_TOKENS,
                ..TruncationParams::default()
            }))
            .map_err(refused)?;
        let device = Device::Cpu;
        let vb = VarBuilder::from_buffered_safetensors(files.weights, DType::F32, &device)
            .map_err(refused)?;
        let bert = Bert::load(&vb).map_err(refused)?;
        let threads = usize::try_from(threads.max(1)).unwrap_or(1);
        let pool = || {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .thread_name(|i| format!("sentences-{i}"))
        };
        // This thread is one of them, so that with one there is no other; it can be so once.
        let pool = (pool().use_current_thread().build())
            .or_else(|_| pool().build())
            .map_err(refused)?;
        let sentences = Self {
            tokenizer,
            bert,
            pool,
            about: Loaded {
                name: SENTENCE_WEIGHTS.name.to_owned(),
                sha256: sha256.to_owned(),
                architecture: "bert".to_owned(),
                quantisation: "F32".to_owned(),
                // Each has four bytes; the head of the file is not counted twice.
                parameters: bytes / 4,
                context: u32::try_from(MOST_TOKENS).unwrap_or(u32::MAX),
                bytes,
                dimensions: u32::try_from(WIDTH).unwrap_or(u32::MAX),
            },
            here: PhantomData,
        };
        sentences
            .embed(&["A first text".to_owned()])
            .map_err(|e| refused(e.words()))?;
        Ok(sentences)
    }

    /// What is loaded.
    #[must_use]
    pub fn about(&self) -> Loaded {
        self.about.clone()
    }

    /// The direction of each text, in the order asked.
    ///
    /// # Errors
    /// What the tokenizer or candle failed at.
    pub fn embed(&self, texts: &[String]) -> Result<Vec<Embedding>, Error> {
        let mut read = Vec::with_capacity(texts.len());
        for (i, text) in texts.iter().enumerate() {
            let encoded = self.tokenizer.encode(text.as_str(), true);
            let encoded = encoded.map_err(Error::Tokens)?;
            read.push((i, encoded.get_ids().to_vec()));
        }
        // Texts of like length go together, so that little is filled up.
        read.sort_by_key(|(i, ids)| (ids.len(), *i));
        let mut directions: Vec<Embedding> = vec![Vec::new(); texts.len()];
        let bert = &self.bert;
        for together in read.chunks(TOGETHER) {
            let found = self
                .pool
                .install(|| compute(bert, together))
                .map_err(tensors("compute directions"))?;
            for ((i, _), direction) in together.iter().zip(found) {
                if let Some(slot) = directions.get_mut(*i) {
                    *slot = direction;
                }
            }
        }
        Ok(directions)
    }
}

fn compute(bert: &Bert, texts: &[(usize, Vec<u32>)]) -> candle_core::Result<Vec<Embedding>> {
    let tokens = texts.iter().map(|(_, ids)| ids.len()).max().unwrap_or(0);
    let (mut ids, mut mask) = (Vec::new(), Vec::new());
    for (_, own) in texts {
        let fill = tokens - own.len();
        ids.extend_from_slice(own);
        ids.resize(ids.len() + fill, 0);
        mask.resize(mask.len() + own.len(), 1.0_f32);
        mask.resize(mask.len() + fill, 0.0);
    }
    let shape = (texts.len(), tokens);
    let ids = Tensor::from_vec(ids, shape, &Device::Cpu)?;
    let mask = Tensor::from_vec(mask, shape, &Device::Cpu)?;
    let each = bert.forward(&ids, &mask)?;
    let sum = each.broadcast_mul(&mask.unsqueeze(2)?)?.sum(1)?;
    let mean = sum.broadcast_div(&mask.sum_keepdim(1)?)?;
    let length = mean.sqr()?.sum_keepdim(1)?.sqrt()?;
    mean.broadcast_div(&length)?.to_vec2()
}

/// Steps of plans are compared by it. A failure is the model's; names decide then.
impl Likeness for Sentences {
    fn embed(&self, texts: &[String]) -> Option<Vec<Embedding>> {
        Self::embed(self, texts).ok()
    }
}

fn refused(cause: impl std::fmt::Display) -> Reason {
    Reason::Engine {
        cause: cause.to_string(),
    }
}
