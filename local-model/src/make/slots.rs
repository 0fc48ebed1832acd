//! Which aspect and form the next item of a concept has: aspects in turn, forms by their shares.

use std::collections::{BTreeMap, BTreeSet};

use kernel::catalogue::{Aspect, Catalogue, Concept};
use kernel::items::{self, Form, MIX};

use crate::rank::{Chance, RankError};

pub(super) struct Slots<'a> {
    aspects: Vec<Turn<'a>>,
    /// How many items of a form there shall be, and how many there are.
    quota: BTreeMap<Form, (usize, usize)>,
    /// Forms that an aspect has nothing more of.
    spent: BTreeSet<(String, Form)>,
}

struct Turn<'a> {
    aspect: &'a Aspect,
    forms: Vec<Form>,
    items: usize,
}

impl<'a> Slots<'a> {
    pub fn new(
        catalogue: &Catalogue,
        concept: &'a Concept,
        size: usize,
        chance: &mut Chance,
    ) -> Result<Self, RankError> {
        let mut aspects = Vec::new();
        for aspect in concept.aspects.iter().filter(|a| !a.retired) {
            let forms = items::forms(catalogue, &concept.slug, &aspect.id)?;
            aspects.push((
                1,
                Turn {
                    aspect,
                    forms,
                    items: 0,
                },
            ));
        }
        let most = aspects.len();
        let aspects = chance.sample(aspects, most);
        let there = |form: &Form| aspects.iter().any(|t| t.forms.contains(form));
        let shares = MIX.iter().filter(|(form, _)| there(form));
        let total: u32 = shares.clone().map(|(_, share)| share).sum();
        let quota = shares.map(|(form, share)| {
            let exact = size as f64 * f64::from(*share) / f64::from(total.max(1));
            (*form, (exact.ceil() as usize, 0))
        });
        Ok(Self {
            quota: quota.collect(),
            aspects,
            spent: BTreeSet::new(),
        })
    }

    /// The aspect with the fewest items that has something left, and of its forms the one that is
    /// furthest behind its share. A form beyond its share is taken only when nothing else is left.
    pub fn next(&self) -> Option<(&'a Aspect, Form)> {
        self.behind(false).or_else(|| self.behind(true))
    }

    fn behind(&self, beyond: bool) -> Option<(&'a Aspect, Form)> {
        let mut best: Option<(usize, f64, &Turn<'a>, Form)> = None;
        for turn in &self.aspects {
            for form in &turn.forms {
                let (of, has) = self.quota.get(form).copied().unwrap_or((0, 0));
                let spent = self.spent.contains(&(turn.aspect.id.clone(), *form));
                if spent || (has >= of && !beyond) {
                    continue;
                }
                let filled = has as f64 / of.max(1) as f64;
                let better = best.as_ref().is_none_or(|(items, least, _, _)| {
                    turn.items < *items || (turn.items == *items && filled < *least)
                });
                if better {
                    best = Some((turn.items, filled, turn, *form));
                }
            }
        }
        best.map(|(_, _, turn, form)| (turn.aspect, form))
    }

    /// An item of that aspect and form was taken, or there is none left.
    pub fn was(&mut self, aspect: &Aspect, form: Form, taken: bool) {
        if !taken {
            self.spent.insert((aspect.id.clone(), form));
            return;
        }
        if let Some((_, has)) = self.quota.get_mut(&form) {
            *has += 1;
        }
        let turn = self.aspects.iter_mut().find(|t| t.aspect.id == aspect.id);
        if let Some(turn) = turn {
            turn.items += 1;
        }
    }
}
