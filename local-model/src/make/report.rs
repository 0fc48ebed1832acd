//! What happened while a pack was made, and how even it came out.

use std::collections::BTreeMap;

use kernel::ids::Slug;
use kernel::items::{Form, Item, ModelPart};
use serde::Serialize;

use crate::rank::Role;

/// Greatest share of keys that are the longest, or the shortest, option of an item.
const MOST_EXTREME: f64 = 0.28;

/// What happened while a pack was made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The model, if one was qualified.
    pub model: Option<ModelPart>,
    /// What it was used for.
    pub roles: Vec<Role>,
    /// From which likeness on questions were refused; `None` if only identical ones were.
    pub likeness: Option<f32>,
    /// How even the pack is.
    pub balance: Balance,
    /// By concept.
    pub concepts: Vec<ConceptReport>,
}

/// What happened to one concept.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConceptReport {
    /// Which.
    pub concept: Slug,
    /// Items packed.
    pub packed: usize,
    /// Items asked for.
    pub wanted: usize,
    /// Items whose place a model decided.
    pub ranked: usize,
    /// Parts (false answers, stems) that it scored.
    pub scored: usize,
    /// Variants that were looked at.
    pub variants: usize,
    /// Variants that ask what the pool asks already, identical ones aside.
    pub refused: Vec<Refused>,
    /// Variants whose question and key are another item's, word for word.
    pub identical: usize,
}

/// A near-duplicate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Refused {
    /// What was refused.
    pub address: String,
    /// Beside what.
    pub like: String,
    /// Their likeness, 1 being the same.
    pub likeness: f32,
}

impl ConceptReport {
    pub(super) fn new(concept: Slug, scored: usize) -> Self {
        Self {
            concept,
            packed: 0,
            wanted: 0,
            ranked: 0,
            scored,
            variants: 0,
            refused: Vec::new(),
            identical: 0,
        }
    }

    pub(super) fn refuse(&mut self, refused: Refused) {
        if refused.likeness >= 1.0 {
            self.identical += 1;
        } else if !self.refused.iter().any(|r| r.address == refused.address) {
            self.refused.push(refused);
        }
    }
}

impl Report {
    /// The report, a line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let roles: Vec<&str> = self.roles.iter().map(|r| r.as_str()).collect();
        let model = match &self.model {
            None => "no model took part: items are drawn at random".to_owned(),
            Some(part) if roles.is_empty() => {
                format!("{} earned no role: items are drawn at random", part.name)
            }
            Some(part) => format!("{} decided {}", part.name, roles.join(" and ")),
        };
        let likeness = match self.likeness {
            Some(from) => format!("near-duplicates are refused from a likeness of {from:.2} on"),
            None => "without a sentence model only identical questions are refused".to_owned(),
        };
        let mut lines = vec![model, likeness, self.balance.to_string()];
        for c in &self.concepts {
            lines.push(format!(
                "{}: {} of {} items, {} ranked among {} variants, {} near-duplicates refused",
                c.concept,
                c.packed,
                c.wanted,
                c.ranked,
                c.variants,
                c.refused.len()
            ));
        }
        lines
    }
}

/// How even a pack is: nothing but the question may tell where the key is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Balance {
    /// Items.
    pub items: usize,
    /// Keys at each of the four positions.
    pub positions: [usize; 4],
    /// Items whose options are answers of one aspect, where lengths can be compared.
    pub plain: usize,
    /// Of these, keys longer than every other option.
    pub longest: usize,
    /// Of these, keys shorter than every other option.
    pub shortest: usize,
    /// Items of each form.
    pub forms: BTreeMap<Form, usize>,
}

impl Balance {
    /// Of these items.
    #[must_use]
    pub fn of(items: &[Item]) -> Self {
        let mut balance = Self::default();
        let mut lengths = Lengths::default();
        for item in items {
            balance.items += 1;
            if let Some(taken) = item.key().and_then(|key| balance.positions.get_mut(key)) {
                *taken += 1;
            }
            *balance.forms.entry(item.form).or_default() += 1;
            lengths.count(item);
        }
        balance.plain = lengths.plain;
        balance.longest = lengths.longest;
        balance.shortest = lengths.shortest;
        balance
    }
}

impl std::fmt::Display for Balance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = |n: usize| n * 100 / self.plain.max(1);
        write!(
            f,
            "{} items; keys at positions {:?}; the key is the longest option in {} % and the shortest in \
             {} % of {}",
            self.items,
            self.positions,
            percent(self.longest),
            percent(self.shortest),
            self.plain
        )
    }
}

/// Counts keys that are the longest or the shortest option over a whole pack.
#[derive(Debug, Default)]
pub(super) struct Lengths {
    plain: usize,
    longest: usize,
    shortest: usize,
}

impl Lengths {
    /// Whether one more such item keeps both shares within [`MOST_EXTREME`].
    pub fn allow(&self, item: &Item) -> bool {
        let within = |n: usize| n as f64 <= MOST_EXTREME * (self.plain + 1) as f64;
        match extreme(item) {
            Some(Extreme::Longest) => within(self.longest + 1),
            Some(Extreme::Shortest) => within(self.shortest + 1),
            Some(Extreme::Neither) | None => true,
        }
    }

    pub fn count(&mut self, item: &Item) {
        let extreme = extreme(item);
        self.plain += usize::from(extreme.is_some());
        self.longest += usize::from(extreme == Some(Extreme::Longest));
        self.shortest += usize::from(extreme == Some(Extreme::Shortest));
    }
}

#[derive(PartialEq, Eq)]
enum Extreme {
    Longest,
    Shortest,
    Neither,
}

/// `None` for forms whose options are not answers of one aspect.
fn extreme(item: &Item) -> Option<Extreme> {
    if !matches!(item.form, Form::Ask | Form::Complete) {
        return None;
    }
    let length = |text: &str| text.chars().count();
    let key = length(&item.options.iter().find(|o| o.key)?.text);
    let others = || {
        item.options
            .iter()
            .filter(|o| !o.key)
            .map(|o| length(&o.text))
    };
    Some(if others().all(|n| key > n) {
        Extreme::Longest
    } else if others().all(|n| key < n) {
        Extreme::Shortest
    } else {
        Extreme::Neither
    })
}
