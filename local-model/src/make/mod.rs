//! Making a pack: items for every concept, chosen from the catalogue's sound variants.
//!
//! What may be chosen is the catalogue's, and how much of each form, aspect, length and position is
//! decided before any model is asked. Within each such slot a few variants are drawn, false answers that
//! many believe the likelier; a model that earned it puts them in order, and the first that is no
//! near-duplicate is taken. Without a model the draw's own order stands.
//!
//! Invariants: every item passes `kernel::items::check`; the same answers of the model, catalogue, seed
//! and size give the same bytes; neither the key's position nor its rank by length can be influenced by
//! a model, since both are fixed for a slot before its variants are ordered.
//! Elsewhere: signing and serving is the appliance's.

mod explain;
mod pool;
mod report;
mod slots;
#[cfg(test)]
mod tests;

use kernel::catalogue::{Aspect, Catalogue, Concept};
use kernel::ids::Slug;
use kernel::items::{self, Form, Item, MIX, PACK_FORMAT, Pack, Wish};

pub use explain::{Explained, ExplainedPart, explain};
pub use report::{Balance, ConceptReport, Refused, Report};

use crate::Model;
use crate::qualify::Qualified;
use crate::rank::{Chance, RankError, Ranked, Scores, order};
use pool::Pool;
use report::Lengths;
use slots::Slots;

/// Variants that are put in order for one place in the pack.
const CHOICE: usize = 12;
/// Variants from which they are drawn.
const MOST: usize = 96;
/// Draws for one place before its form is given up in that aspect.
const TRIES: usize = 12;
/// Of them, draws that had nothing new.
const REFUSALS: usize = 3;

/// How a pack is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Recipe<'a> {
    /// What the model earned. `None`: there is none, and nothing is asked of it.
    pub qualified: Option<&'a Qualified>,
    /// Draws everything that is drawn.
    pub seed: u64,
    /// Items for each concept, as far as it has so many that differ.
    pub per_concept: usize,
}

/// How far the making of a pack is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The concept that was finished.
    pub concept: Slug,
    /// Concepts finished.
    pub done: usize,
    /// Concepts in all.
    pub of: usize,
    /// Items so far.
    pub items: usize,
}

/// A pack, and what happened while it was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// The pack.
    pub pack: Pack,
    /// What was refused, what the model did, how even it came out.
    pub report: Report,
}

/// Makes items for every concept that is asked.
///
/// Yields between items, so that it can run beside a server. With [`Recipe::qualified`] `None`, or a
/// result that earned nothing, `model` is not asked; [`crate::NoModel`] will do.
///
/// # Errors
/// [`RankError::Down`] and [`RankError::Answer`] if the model stops half-way: nothing is made then, and
/// the caller keeps its old pack or makes one with no model. [`RankError::Stale`] if the qualification
/// belongs to another catalogue.
pub async fn make_pack<M: Model + Sync>(
    catalogue: &Catalogue,
    model: &M,
    recipe: Recipe<'_>,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<Made, RankError> {
    let maker = Maker::new(catalogue, model, recipe.qualified)?;
    let concepts: Vec<&Concept> = catalogue.askable().collect();
    let (mut all, mut reports) = (Vec::new(), Vec::new());
    let mut lengths = Lengths::default();
    for (done, concept) in concepts.iter().enumerate() {
        let (items, report) = maker.concept(concept, &recipe, &mut lengths).await?;
        all.extend(items);
        reports.push(report);
        progress(Progress {
            concept: concept.slug.clone(),
            done: done + 1,
            of: concepts.len(),
            items: all.len(),
        });
    }
    let report = Report {
        model: recipe.qualified.map(Qualified::part),
        roles: maker.earned.iter().map(|(role, _)| *role).collect(),
        likeness: maker.likeness.then_some(crate::qualify::NEAR_DUPLICATE),
        balance: Balance::of(&all),
        concepts: reports,
    };
    let pack = Pack {
        format: PACK_FORMAT,
        catalogue: catalogue.version(),
        model: recipe.qualified.map(Qualified::part),
        items: all,
    };
    Ok(Made { pack, report })
}

/// An item, and where each part of it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// The item.
    pub item: Item,
    /// Its parts, with the model's scores where it ranked.
    pub explained: Explained,
}

/// Makes one item of a concept as a pack would, and says where each part came from.
///
/// # Errors
/// As [`make_pack`]; [`RankError::Item`] for a concept that is unknown or never asked.
pub async fn try_concept<M: Model + Sync>(
    catalogue: &Catalogue,
    model: &M,
    qualified: Option<&Qualified>,
    concept: &Slug,
    seed: u64,
) -> Result<Tried, RankError> {
    let unknown = || items::Error::Unknown(concept.clone());
    let entry = catalogue.get(concept).ok_or_else(unknown)?;
    if !entry.is_askable() {
        return Err(items::Error::NotAskable(concept.clone()).into());
    }
    let maker = Maker::new(catalogue, model, qualified)?;
    let mut chance = Chance::new(&format!("{concept}/try"), seed);
    // Every form and aspect that there is, in the order of a draw by the shares.
    let mut open = Vec::new();
    for aspect in entry.aspects.iter().filter(|a| !a.retired) {
        for form in items::forms(catalogue, concept, &aspect.id)? {
            let share = MIX.iter().find(|(f, _)| *f == form).map_or(0, |(_, s)| *s);
            open.push((u64::from(share), (aspect, form)));
        }
    }
    let most = open.len();
    for (aspect, form) in chance.sample(open, most) {
        let scores = maker.scores(entry, &[aspect]).await?;
        let drawn = maker.draw(entry, aspect, form, chance.seed(), scores.as_ref())?;
        if let Some(item) = drawn.items.into_iter().next() {
            let mut ranked = None;
            if let (Some(scores), true) = (&scores, drawn.ranked) {
                ranked = Some(Ranked::of(catalogue, &item, scores, (1, drawn.of))?);
            }
            let item = maker.marked(item, drawn.ranked.then_some((1, drawn.of)));
            let explained = explain(catalogue, &item, ranked.as_ref())?;
            return Ok(Tried { item, explained });
        }
    }
    let concept = concept.clone();
    Err(items::Error::Exhausted {
        concept,
        free_at: None,
    }
    .into())
}

/// Variants for one place, in order.
struct Drawn {
    items: Vec<Item>,
    of: u32,
    ranked: bool,
}

struct Maker<'a, M> {
    catalogue: &'a Catalogue,
    model: &'a M,
    qualified: Option<&'a Qualified>,
    earned: Vec<(crate::rank::Role, crate::rank::Scoring)>,
    likeness: bool,
}

impl<'a, M: Model + Sync> Maker<'a, M> {
    fn new(
        catalogue: &'a Catalogue,
        model: &'a M,
        qualified: Option<&'a Qualified>,
    ) -> Result<Self, RankError> {
        if qualified
            .is_some_and(|q| !q.is_for(&q.identity) || q.identity.catalogue != catalogue.version())
        {
            return Err(RankError::Stale);
        }
        Ok(Self {
            catalogue,
            model,
            qualified,
            earned: qualified.map(Qualified::earned).unwrap_or_default(),
            likeness: qualified.is_some_and(Qualified::tells_likeness),
        })
    }

    /// What the model says of the parts of these aspects; `None` if it earned no role.
    async fn scores(
        &self,
        concept: &Concept,
        aspects: &[&Aspect],
    ) -> Result<Option<Scores>, RankError> {
        if self.earned.is_empty() {
            return Ok(None);
        }
        let scores = Scores::of(self.model, concept, aspects, &self.earned).await?;
        Ok(Some(scores))
    }

    /// Draws variants of one aspect and form, and orders them.
    fn draw(
        &self,
        concept: &Concept,
        aspect: &Aspect,
        form: Form,
        seed: u64,
        scores: Option<&Scores>,
    ) -> Result<Drawn, RankError> {
        let wish = Wish {
            aspect: &aspect.id,
            form,
            seed,
            most: MOST,
        };
        let variants = items::variants(self.catalogue, &concept.slug, &wish)?;
        let mut weighted = Vec::with_capacity(variants.len());
        for item in variants {
            let parts = items::parts(self.catalogue, &item.address)?;
            let pulls = parts.of(items::Role::Misconception);
            let weight = pulls.map(|p| u64::from(p.pull.unwrap_or(2))).product();
            weighted.push((weight, item));
        }
        let purpose = format!("{}/{}/{}", concept.slug, aspect.id, form.as_str());
        let mut items = Chance::new(&purpose, seed).sample(weighted, CHOICE);
        let ranked = match scores {
            Some(scores) => order(self.catalogue, &mut items, scores)?,
            None => false,
        };
        Ok(Drawn {
            of: items.len() as u32,
            items,
            ranked,
        })
    }

    /// Writes the model's part into an item.
    fn marked(&self, mut item: Item, place: Option<(u32, u32)>) -> Item {
        item.provenance.model = self.qualified.map(|qualified| {
            let mut part = qualified.part();
            part.place = place;
            part
        });
        item
    }

    async fn concept(
        &self,
        concept: &Concept,
        recipe: &Recipe<'_>,
        lengths: &mut Lengths,
    ) -> Result<(Vec<Item>, ConceptReport), RankError> {
        let aspects: Vec<&Aspect> = concept.aspects.iter().filter(|a| !a.retired).collect();
        let scores = self.scores(concept, &aspects).await?;
        let mut chance = Chance::new(concept.slug.as_str(), recipe.seed);
        let mut slots = Slots::new(self.catalogue, concept, recipe.per_concept, &mut chance)?;
        let mut pool = Pool::new(recipe.per_concept);
        let mut report =
            ConceptReport::new(concept.slug.clone(), scores.as_ref().map_or(0, Scores::len));
        while pool.items.len() < recipe.per_concept {
            let Some((aspect, form)) = slots.next() else {
                break;
            };
            let (mut taken, mut refusals) = (false, 0);
            for _ in 0..TRIES {
                let drawn = self.draw(concept, aspect, form, chance.seed(), scores.as_ref())?;
                report.variants += drawn.items.len();
                tokio::task::yield_now().await;
                // All variants of a draw have the key at one position and of one rank by length.
                let fits = |item: &Item| pool.has_position_for(item) && lengths.allow(item);
                if !drawn.items.iter().all(fits) {
                    continue;
                }
                let found = self.first_new(&drawn, &mut pool, &mut report).await?;
                if let Some((at, item)) = found {
                    let place = drawn.ranked.then_some((at as u32 + 1, drawn.of));
                    report.ranked += usize::from(place.is_some());
                    lengths.count(&item);
                    pool.items.push(self.marked(item, place));
                    taken = true;
                    break;
                }
                refusals += 1;
                if refusals == REFUSALS {
                    break;
                }
            }
            slots.was(aspect, form, taken);
        }
        report.packed = pool.items.len();
        report.wanted = recipe.per_concept;
        Ok((pool.items, report))
    }

    /// The first of these that asks nothing that the pool asks already.
    async fn first_new(
        &self,
        drawn: &Drawn,
        pool: &mut Pool,
        report: &mut ConceptReport,
    ) -> Result<Option<(usize, Item)>, RankError> {
        let model = self.likeness.then_some(self.model);
        for (at, item) in drawn.items.iter().enumerate() {
            match pool.like(item, model).await? {
                None => return Ok(Some((at, item.clone()))),
                Some(refused) => report.refuse(refused),
            }
        }
        Ok(None)
    }
}
