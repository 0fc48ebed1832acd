//! Puts items together, form by form.

use std::collections::BTreeSet;

use super::check::check_in;
use super::draw::Draw;
use super::made::{Claim, Made, Placed, live};
use super::{Error, Form, Item, ItemAddress};
use crate::catalogue::lint::text;
use crate::catalogue::{Aspect, Catalogue, Concept, CuratedItem, ItemKind, Template};
use crate::ids::Slug;

/// Forms and their shares. Curated items come on top of the format's mix,
/// which is one of assembled items.
pub const MIX: [(Form, u32); 6] = [
    (Form::Ask, 40),
    (Form::Spot, 25),
    (Form::Reply, 15),
    (Form::Complete, 6),
    (Form::Template, 14),
    (Form::Curated, 20),
];

/// Of a hundred notes, how many end rightly.
pub(super) const RIGHT_NOTES: usize = 30;
/// Items drawn before it is said that none is left.
const TRIES: usize = 512;
/// Items of one form drawn before it is left out where all forms are tried.
const FORM_TRIES: usize = 16;
/// Options drawn before a key of another rank by length is taken.
const LENGTH_TRIES: usize = 40;

/// Makes the item of this concept and seed.
///
/// The same catalogue version, concept and seed give the same item, byte for
/// byte.
///
/// # Errors
/// [`Error::Unknown`] and [`Error::NotAskable`]; [`Error::Exhausted`] only for
/// an entry that the catalogue's lint would refuse.
pub fn assemble(catalogue: &Catalogue, concept: &Slug, seed: u64) -> Result<Item, Error> {
    let entry = askable(catalogue, concept)?;
    let maker = Maker::new(catalogue, entry, seed, |_| true);
    let mut draw = Draw::new(catalogue.version(), concept.as_str(), seed);
    maker
        .any(&mut draw, &BTreeSet::new())
        .ok_or_else(|| Error::Exhausted {
            concept: concept.clone(),
            free_at: None,
        })
}

pub(super) fn askable<'a>(catalogue: &'a Catalogue, slug: &Slug) -> Result<&'a Concept, Error> {
    let entry = catalogue
        .get(slug)
        .ok_or_else(|| Error::Unknown(slug.clone()))?;
    if entry.is_askable() {
        Ok(entry)
    } else {
        Err(Error::NotAskable(slug.clone()))
    }
}

/// What items may be made of.
pub(super) struct Maker<'a> {
    catalogue: &'a Catalogue,
    concept: &'a Concept,
    seed: u64,
    aspects: Vec<&'a Aspect>,
    templates: Vec<&'a Template>,
    curated: Vec<&'a CuratedItem>,
}

impl<'a> Maker<'a> {
    /// `open` says which aspects may be tested.
    pub fn new(
        catalogue: &'a Catalogue,
        concept: &'a Concept,
        seed: u64,
        open: impl Fn(&str) -> bool,
    ) -> Self {
        let live = |id: &str| concept.aspect(id).is_some_and(|a| !a.retired) && open(id);
        Self {
            catalogue,
            concept,
            seed,
            aspects: concept.aspects.iter().filter(|a| live(&a.id)).collect(),
            templates: concept
                .templates
                .iter()
                .filter(|t| !t.retired && !t.cases.is_empty() && live(&t.aspect))
                .collect(),
            curated: concept
                .items
                .iter()
                .filter(|i| !i.retired && live(&i.aspect))
                .collect(),
        }
    }

    /// Whether no aspect is open.
    pub fn is_empty(&self) -> bool {
        self.aspects.is_empty()
    }

    /// A sound item of a drawn form that is not among `used`.
    pub fn any(&self, draw: &mut Draw, used: &BTreeSet<&ItemAddress>) -> Option<Item> {
        for _ in 0..TRIES {
            let weight = |form: Form| match form {
                Form::Template if self.templates.is_empty() => false,
                Form::Curated if self.curated.is_empty() => false,
                Form::Template | Form::Curated => true,
                _ => !self.aspects.is_empty(),
            };
            let weights = MIX.map(|(form, share)| if weight(form) { share } else { 0 });
            let (form, _) = MIX[draw.weighted(&weights)?];
            let item = self.of_form(form, draw);
            if let Some(item) = item.filter(|i| !used.contains(&i.address)) {
                return Some(item);
            }
        }
        None
    }

    /// A curated item that has the engineer predict or debug.
    pub fn first_choice(&self, draw: &mut Draw, used: &BTreeSet<&ItemAddress>) -> Option<Item> {
        let mut fit: Vec<&CuratedItem> = self.curated.clone();
        fit.retain(|i| matches!(i.kind, ItemKind::Predict | ItemKind::Bug));
        draw.shuffle(&mut fit);
        fit.into_iter()
            .filter_map(|i| self.curated_item(i, draw))
            .find(|i| !used.contains(&i.address))
    }

    /// Every curated item, and one item of each other form, that are sound and not among `used`.
    pub fn each(&self, draw: &mut Draw, used: &BTreeSet<&ItemAddress>) -> Vec<Item> {
        let mut items: Vec<Item> = self
            .curated
            .iter()
            .filter_map(|item| self.curated_item(item, draw))
            .collect();
        let forms = [
            Form::Template,
            Form::Ask,
            Form::Spot,
            Form::Reply,
            Form::Complete,
        ];
        for form in forms {
            let drawn = (0..FORM_TRIES).find_map(|_| {
                self.of_form(form, draw)
                    .filter(|item| !used.contains(&item.address))
            });
            items.extend(drawn);
        }
        items.retain(|item| !used.contains(&item.address));
        items
    }

    fn of_form(&self, form: Form, draw: &mut Draw) -> Option<Item> {
        let made = match form {
            Form::Curated => {
                let item = *draw.pick(&self.curated)?;
                return self.curated_item(item, draw);
            }
            Form::Template => {
                let template = *draw.pick(&self.templates)?;
                self.template(template, draw)
            }
            Form::Ask => {
                let aspect = *draw.pick(&self.aspects)?;
                ask(aspect, draw)
            }
            Form::Spot | Form::Reply | Form::Complete => {
                let mut fit = self.aspects.clone();
                fit.retain(|a| a.lead.is_some());
                let aspect = *draw.pick(&fit)?;
                let lead = aspect.lead.as_deref()?;
                match form {
                    Form::Spot => self.spot(aspect, lead, draw),
                    Form::Reply => reply(aspect, lead, draw),
                    _ => complete(aspect, lead, draw),
                }
            }
        };
        self.finish(&made?, draw)
    }

    fn spot(&self, aspect: &'a Aspect, lead: &'a str, draw: &mut Draw) -> Option<Made<'a>> {
        let wrong = tempting(aspect, draw)?;
        let others = claimants(self.concept, aspect);
        let mut claims = Vec::new();
        for other in draw.sample(others.len(), 3) {
            let (aspect, lead) = others[other];
            let right = *draw.pick(&live(&aspect.right))?;
            claims.push(Claim {
                aspect,
                lead,
                right,
            });
        }
        Some(Made::Spot {
            aspect,
            lead,
            wrong,
            claims,
        })
    }

    fn template(&self, template: &'a Template, draw: &mut Draw) -> Option<Made<'a>> {
        let aspect = self.concept.aspect(&template.aspect)?;
        let case = draw.pick(&template.cases)?;
        // Outputs that believers expect come first, other possible ones fill up.
        let mut wrong: Vec<usize> = (0..case.wrong.len()).collect();
        draw.shuffle(&mut wrong);
        wrong.sort_by_key(|at| case.wrong[*at].belief.is_none());
        wrong.truncate(3);
        Some(Made::Template {
            aspect,
            template,
            case,
            wrong,
        })
    }

    fn curated_item(&self, item: &'a CuratedItem, draw: &mut Draw) -> Option<Item> {
        let aspect = self.concept.aspect(&item.aspect)?;
        self.finish(&Made::Curated { aspect, item }, draw)
    }

    fn finish(&self, made: &Made<'_>, draw: &mut Draw) -> Option<Item> {
        finish(
            self.concept,
            self.catalogue.version(),
            self.seed,
            made,
            draw,
        )
    }
}

/// Shuffles the options; what does not pass is not made.
pub(super) fn finish(
    concept: &Concept,
    catalogue: u32,
    seed: u64,
    made: &Made<'_>,
    draw: &mut Draw,
) -> Option<Item> {
    let mut item = made.item(concept, catalogue, seed);
    draw.shuffle(&mut item.options);
    let key = item.options.iter().find(|o| o.key)?;
    item.explanation.clone_from(&key.why);
    item.seconds = seconds(&item);
    check_in(concept, &item).is_ok().then_some(item)
}

/// The other aspects whose true answers can be shown as claims.
pub(super) fn claimants<'a>(concept: &'a Concept, but: &Aspect) -> Vec<(&'a Aspect, &'a str)> {
    let others = concept
        .aspects
        .iter()
        .filter(|a| !a.retired && a.id != but.id);
    others
        .filter_map(|a| Some((a, a.lead.as_deref()?)))
        .collect()
}

fn ask<'a>(aspect: &'a Aspect, draw: &mut Draw) -> Option<Made<'a>> {
    let scene = draw.below(aspect.scenes.len());
    let (right, wrong) = sound_draw(aspect, 3, None, draw)?;
    Some(Made::Ask {
        aspect,
        scene,
        right,
        wrong,
    })
}

fn complete<'a>(aspect: &'a Aspect, lead: &'a str, draw: &mut Draw) -> Option<Made<'a>> {
    let (right, wrong) = sound_draw(aspect, 3, None, draw)?;
    Some(Made::Complete {
        aspect,
        lead,
        right,
        wrong,
    })
}

fn reply<'a>(aspect: &'a Aspect, lead: &'a str, draw: &mut Draw) -> Option<Made<'a>> {
    let said = if draw.below(100) < RIGHT_NOTES {
        None
    } else {
        Some(tempting(aspect, draw)?)
    };
    let (n, without) = said.map_or((3, None), |(at, _)| (2, Some(at)));
    let (right, wrong) = sound_draw(aspect, n, without, draw)?;
    Some(Made::Reply {
        aspect,
        lead,
        said,
        right,
        wrong,
    })
}

/// Time to read and decide, in seconds.
pub(super) fn seconds(item: &Item) -> u32 {
    let read = match &item.quote {
        Some(quote) => format!("{} {quote}", item.stem),
        None => item.stem.clone(),
    };
    let options = item.options.iter().map(|o| o.text.as_str());
    text::seconds(&read, options, item.code.as_ref().map(|c| c.text.as_str()))
}

/// A false answer to be shown as somebody's claim: one that people believe.
fn tempting<'a>(aspect: &'a Aspect, draw: &mut Draw) -> Option<Placed<'a>> {
    let mut fit = live(&aspect.wrong);
    fit.retain(|(_, w)| w.pull() >= 2);
    draw.pick(&fit).copied()
}

/// One true answer and `n` false ones.
///
/// The key's rank by length is drawn first, then answers that fit it are
/// looked for: so length tells nothing, as far as the aspect has longer and
/// shorter false answers. A key more than 6 % longer than every false answer
/// is refused.
fn sound_draw<'a>(
    aspect: &'a Aspect,
    n: usize,
    without: Option<usize>,
    draw: &mut Draw,
) -> Option<(Placed<'a>, Vec<Placed<'a>>)> {
    let right = live(&aspect.right);
    let mut pool = live(&aspect.wrong);
    pool.retain(|(at, _)| Some(*at) != without);
    if pool.len() < n {
        return None;
    }
    let rank = draw.below(n + 1);
    let mut kept = None;
    for _ in 0..LENGTH_TRIES {
        let key = *draw.pick(&right)?;
        let mut left = pool.clone();
        let mut wrong = Vec::with_capacity(n);
        while wrong.len() < n {
            let weights: Vec<u32> = left.iter().map(|(_, w)| u32::from(w.pull())).collect();
            wrong.push(left.remove(draw.weighted(&weights)?));
        }
        let length = text::chars(&key.1.text);
        let longest = wrong
            .iter()
            .map(|(_, w)| text::chars(&w.text))
            .max()
            .unwrap_or(0);
        if length * 94 > longest * 100 {
            continue;
        }
        let shorter = wrong
            .iter()
            .filter(|(_, w)| text::chars(&w.text) < length)
            .count();
        if shorter == rank {
            return Some((key, wrong));
        }
        kept.get_or_insert((key, wrong));
    }
    kept
}
