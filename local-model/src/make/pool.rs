//! The items chosen so far for one concept: what they ask, and where their keys stand.

use std::collections::BTreeMap;

use kernel::items::{Form, Item};

use super::Refused;
use crate::qualify::NEAR_DUPLICATE;
use crate::rank::{RankError, cosine, embed};
use crate::{Embedding, Model};

/// What an item asks: question, quote, code and key. The other options are left out: the same question
/// with another false answer is the same question. So are the stems that say nothing (“How does this
/// sentence end correctly?”).
pub(super) fn gist(item: &Item) -> String {
    let code = item.code.as_ref().map_or("", |code| code.text.as_str());
    format!("{}\n{code}", sentences(item))
}

/// The same without code, which a model of sentences cannot read.
fn sentences(item: &Item) -> String {
    let mut parts: Vec<&str> = Vec::new();
    if matches!(item.form, Form::Ask | Form::Curated | Form::Template) {
        parts.push(&item.stem);
    }
    parts.extend(item.quote.as_deref());
    parts.extend(item.options.iter().find(|o| o.key).map(|o| o.text.as_str()));
    parts.join("\n")
}

pub(super) struct Pool {
    /// In the order in which they were chosen.
    pub items: Vec<Item>,
    asked: Vec<Asked>,
    directions: BTreeMap<String, Embedding>,
    positions: [usize; 4],
    most: usize,
}

struct Asked {
    address: String,
    form: Form,
    gist: String,
    sentences: String,
}

impl Pool {
    pub fn new(size: usize) -> Self {
        Self {
            items: Vec::with_capacity(size),
            asked: Vec::new(),
            directions: BTreeMap::new(),
            positions: [0; 4],
            most: size.div_ceil(4),
        }
    }

    /// Whether the position of this item's key is still free.
    pub fn has_position_for(&self, item: &Item) -> bool {
        let taken = item.key().and_then(|key| self.positions.get(key));
        taken.is_some_and(|taken| *taken < self.most)
    }

    /// What of the pool this item repeats; `None` takes it in.
    ///
    /// Word for word, any two are compared. By likeness, only two of one form: an aspect put in another
    /// form is another check, with most of the words in common. Cases of a template are never alike: a
    /// word of their code decides, and their outputs differ.
    pub async fn like<M: Model + Sync>(
        &mut self,
        item: &Item,
        model: Option<&M>,
    ) -> Result<Option<Refused>, RankError> {
        let here = Asked {
            address: item.address.to_string(),
            form: item.form,
            gist: gist(item),
            sentences: sentences(item),
        };
        let refused = |like: &Asked, likeness: f32| Refused {
            address: here.address.clone(),
            like: like.address.clone(),
            likeness,
        };
        if let Some(same) = self.asked.iter().find(|a| a.gist == here.gist) {
            return Ok(Some(refused(same, 1.0)));
        }
        if let Some(model) = model.filter(|_| here.form != Form::Template) {
            let direction = self.direction(&here.sentences, model).await?;
            let alike = self.asked.iter().filter(|a| a.form == here.form);
            let nearest = alike
                .filter_map(|a| Some((cosine(&direction, self.directions.get(&a.sentences)?), a)));
            let nearest = nearest.max_by(|a, b| a.0.total_cmp(&b.0));
            if let Some((likeness, asked)) = nearest.filter(|(l, _)| *l >= NEAR_DUPLICATE) {
                return Ok(Some(refused(asked, likeness)));
            }
        }
        if let Some(taken) = item.key().and_then(|key| self.positions.get_mut(key)) {
            *taken += 1;
        }
        self.asked.push(here);
        Ok(None)
    }

    async fn direction<M: Model + Sync>(
        &mut self,
        text: &str,
        model: &M,
    ) -> Result<Embedding, RankError> {
        if let Some(known) = self.directions.get(text) {
            return Ok(known.clone());
        }
        let found = embed(model, &[text.to_owned()], "comparing questions").await?;
        let found: Embedding = found.into_iter().flatten().collect();
        self.directions.insert(text.to_owned(), found.clone());
        Ok(found)
    }
}
