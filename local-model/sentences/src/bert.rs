//! The encoder of all-MiniLM-L6-v2: BERT, six layers, as its `config.json` says.
//!
//! Its shapes are constants: a file with other ones does not load. Written on candle-nn instead of
//! taking candle-transformers, which compiles every model that there is.
//! Source: Devlin et al. 2018; names of tensors as in Hugging Face's `BertModel`.

use candle_core::{D, Module, Result, Tensor};
use candle_nn::{Embedding, LayerNorm, Linear, VarBuilder, embedding, layer_norm, linear, ops};

const WORDS: usize = 30_522;
const PLACES: usize = 512;
const KINDS: usize = 2;
/// Numbers of a direction.
pub(crate) const WIDTH: usize = 384;
const INNER: usize = 1536;
const LAYERS: usize = 6;
const HEADS: usize = 12;
const EPSILON: f64 = 1e-12;

pub(crate) struct Bert {
    words: Embedding,
    places: Embedding,
    kinds: Embedding,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    joined: Linear,
    attended: LayerNorm,
    inner: Linear,
    outer: Linear,
    out: LayerNorm,
}

impl Bert {
    pub(crate) fn load(vb: &VarBuilder<'_>) -> Result<Self> {
        let e = vb.pp("embeddings");
        Ok(Self {
            words: embedding(WORDS, WIDTH, e.pp("word_embeddings"))?,
            places: embedding(PLACES, WIDTH, e.pp("position_embeddings"))?,
            kinds: embedding(KINDS, WIDTH, e.pp("token_type_embeddings"))?,
            norm: layer_norm(WIDTH, EPSILON, e.pp("LayerNorm"))?,
            layers: (0..LAYERS)
                .map(|i| Layer::load(&vb.pp(format!("encoder.layer.{i}"))))
                .collect::<Result<_>>()?,
        })
    }

    /// `ids` and `mask` (1 for a token, 0 for filling) are of shape (texts, tokens); the result has
    /// a direction for each token.
    pub(crate) fn forward(&self, ids: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let (_, tokens) = ids.dims2()?;
        let places = Tensor::arange(0, u32::try_from(tokens).unwrap_or(0), ids.device())?;
        let x = self.words.forward(ids)?;
        // One text at a time: all tokens are of kind 0.
        let x = (x + self.kinds.forward(&ids.zeros_like()?)?)?;
        let x = x.broadcast_add(&self.places.forward(&places)?)?;
        let mut x = self.norm.forward(&x)?;
        // 0 where there is a token, far below everything where there is none; (texts, 1, 1, tokens).
        let mask = mask.unsqueeze(1)?.unsqueeze(1)?;
        let mask = ((mask - 1.0)? * 1e9)?;
        for layer in &self.layers {
            x = layer.forward(&x, &mask)?;
        }
        Ok(x)
    }
}

impl Layer {
    fn load(vb: &VarBuilder<'_>) -> Result<Self> {
        let attention = vb.pp("attention");
        let own = attention.pp("self");
        Ok(Self {
            query: linear(WIDTH, WIDTH, own.pp("query"))?,
            key: linear(WIDTH, WIDTH, own.pp("key"))?,
            value: linear(WIDTH, WIDTH, own.pp("value"))?,
            joined: linear(WIDTH, WIDTH, attention.pp("output.dense"))?,
            attended: layer_norm(WIDTH, EPSILON, attention.pp("output.LayerNorm"))?,
            inner: linear(WIDTH, INNER, vb.pp("intermediate.dense"))?,
            outer: linear(INNER, WIDTH, vb.pp("output.dense"))?,
            out: layer_norm(WIDTH, EPSILON, vb.pp("output.LayerNorm"))?,
        })
    }

    fn forward(&self, x: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let attended = self.joined.forward(&self.attend(x, mask)?)?;
        let x = self.attended.forward(&(attended + x)?)?;
        let inner = self.inner.forward(&x)?.gelu_erf()?;
        self.out.forward(&(self.outer.forward(&inner)? + x)?)
    }

    fn attend(&self, x: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let (texts, tokens, _) = x.dims3()?;
        let heads = |of: &Linear| {
            of.forward(x)?
                .reshape((texts, tokens, HEADS, WIDTH / HEADS))?
                .transpose(1, 2)?
                .contiguous()
        };
        let (query, key, value) = (heads(&self.query)?, heads(&self.key)?, heads(&self.value)?);
        let scale = ((WIDTH / HEADS) as f64).sqrt();
        let scores = (query.matmul(&key.transpose(D::Minus1, D::Minus2)?)? / scale)?;
        let weights = ops::softmax_last_dim(&scores.broadcast_add(mask)?)?;
        weights
            .matmul(&value)?
            .transpose(1, 2)?
            .contiguous()?
            .reshape((texts, tokens, WIDTH))
    }
}
