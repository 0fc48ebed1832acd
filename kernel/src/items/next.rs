//! Which item of a concept comes next, given what was seen.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::build::{Maker, askable};
use super::check::check_in;
use super::draw::Draw;
use super::variants::{Wish, variants};
use super::{Error, Form, Item, ItemAddress, ItemKind};
use crate::catalogue::{Aspect, Catalogue, Concept};
use crate::ids::{DAY, Slug};

/// Days within which neither an item nor an aspect comes again.
pub const REPEAT_DAYS: i64 = 60;

/// Days within which an aspect is not asked whose true answer was shown as a
/// claim.
pub const CLAIM_DAYS: i64 = 7;

/// Variants of a sentence that are looked at for one that was not used lately.
const FIRST_FEW: usize = 8;

/// How an earlier item ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeenOutcome {
    /// Answered right.
    Right,
    /// Answered wrong.
    Wrong,
    /// “Not sure”.
    Unsure,
    /// Put off or dismissed: seen, but no answer.
    Skipped,
}

/// An item that was shown before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Which.
    pub address: ItemAddress,
    /// When, in seconds since 1970 UTC.
    pub at: i64,
    /// How it ended.
    pub outcome: SeenOutcome,
}

/// Makes the next item of a concept.
///
/// An aspect does not come twice within [`REPEAT_DAYS`] unless its last answer
/// was wrong or unsure; an item never does. Items that have the engineer
/// predict or debug come first. The same catalogue version, concept, seen
/// items, time and seed give the same item.
///
/// # Errors
/// [`Error::Exhausted`] if nothing may be asked at `now`; [`Error::Unknown`]
/// and [`Error::NotAskable`].
pub fn next_item(
    catalogue: &Catalogue,
    concept: &Slug,
    seen: &[Seen],
    now: i64,
    seed: u64,
) -> Result<Item, Error> {
    let entry = askable(catalogue, concept)?;
    let past = Past::of(concept, seen, now);
    let maker = Maker::new(catalogue, entry, seed, |aspect| past.is_open(aspect));
    let used = &past.used;
    let mut draw = Draw::new(catalogue.version(), concept.as_str(), seed);
    let made = if maker.is_empty() {
        None
    } else {
        maker
            .first_choice(&mut draw, used)
            .or_else(|| maker.any(&mut draw, used))
    };
    made.ok_or_else(|| {
        let asked = entry.aspects.iter().filter(|a| !a.retired);
        let free_at = asked
            .map(|a| free_at(&a.id, &past.seen))
            .min()
            .filter(|at| *at > now);
        Error::Exhausted {
            concept: concept.clone(),
            free_at,
        }
    })
}

/// An item for the engineer, and where it was taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picked {
    /// The item.
    pub item: Item,
    /// Whether it is one of the items that were made ahead; else it was drawn here.
    pub made: bool,
}

/// Takes the next item of a concept from items that were made ahead, by the very rules of
/// [`next_item`], the best (which stand first) before the others.
///
/// Items of other concepts are passed over, and so are those that do not pass [`super::check`]
/// against this catalogue: they may be of a newer one. Where none is open, [`next_item`] draws one.
///
/// # Errors
/// Those of [`next_item`].
pub fn next_from(
    items: &[Item],
    catalogue: &Catalogue,
    concept: &Slug,
    seen: &[Seen],
    now: i64,
    seed: u64,
) -> Result<Picked, Error> {
    let entry = askable(catalogue, concept)?;
    let past = Past::of(concept, seen, now);
    let open = |item: &&Item| past.allows(entry, item);
    let first = |item: &&Item| {
        item.form == Form::Curated && matches!(item.task, Some(ItemKind::Predict | ItemKind::Bug))
    };
    let made = items
        .iter()
        .filter(first)
        .find(open)
        .or_else(|| items.iter().find(open));
    match made {
        Some(item) => Ok(Picked {
            item: item.clone(),
            made: true,
        }),
        None => Ok(Picked {
            item: next_item(catalogue, concept, seen, now, seed)?,
            made: false,
        }),
    }
}

/// Takes the hardest item that a concept has left, by the rules of [`next_from`] for what may be
/// asked: for an engineer who says “I know this”.
///
/// Of items equally hard, those that have the engineer predict or debug come first, then those made
/// ahead, the best first. The same arguments give the same item.
///
/// # Errors
/// Those of [`next_item`].
pub fn hardest_from(
    items: &[Item],
    catalogue: &Catalogue,
    concept: &Slug,
    seen: &[Seen],
    now: i64,
    seed: u64,
) -> Result<Picked, Error> {
    let entry = askable(catalogue, concept)?;
    let past = Past::of(concept, seen, now);
    let made = items.iter().filter(|item| past.allows(entry, item));
    let mut all: Vec<Picked> = made
        .map(|item| Picked {
            item: item.clone(),
            made: true,
        })
        .collect();
    // What can be drawn here, one aspect after the other, and every curated item and template.
    let open = |a: &&Aspect| !a.retired && past.is_open(&a.id);
    for aspect in entry.aspects.iter().filter(open) {
        let maker = Maker::new(catalogue, entry, seed, |id| id == aspect.id);
        let mut draw = Draw::new(catalogue.version(), concept.as_str(), seed);
        let drawn = maker.each(&mut draw, &past.used);
        all.extend(drawn.into_iter().map(|item| Picked { item, made: false }));
    }
    let tried = |item: &Item| matches!(item.task, Some(ItemKind::Predict | ItemKind::Bug));
    // Of equals the last one wins, so the order is turned round.
    let hardest = all
        .into_iter()
        .rev()
        .max_by_key(|picked| (picked.item.difficulty, tried(&picked.item)));
    match hardest {
        Some(picked) => Ok(picked),
        // It says until when nothing is left.
        None => {
            next_item(catalogue, concept, seen, now, seed).map(|item| Picked { item, made: false })
        }
    }
}

/// Sentences to be ended, one for each aspect that is open and has one: what a model of the
/// engineer's may set into their own lines (see [`super::set_in`]).
///
/// What the seed draws, the choice among them cannot undo: each has its own parts, order and rank of
/// the key by length.
///
/// # Errors
/// [`Error::Unknown`] and [`Error::NotAskable`].
pub fn open_sentences(
    catalogue: &Catalogue,
    concept: &Slug,
    seen: &[Seen],
    now: i64,
    seed: u64,
) -> Result<Vec<Item>, Error> {
    let entry = askable(catalogue, concept)?;
    let past = Past::of(concept, seen, now);
    let mut open = Vec::new();
    for aspect in entry.aspects.iter().filter(|a| a.lead.is_some()) {
        let wish = Wish {
            aspect: &aspect.id,
            form: Form::Complete,
            seed,
            most: FIRST_FEW,
        };
        let all = variants(catalogue, concept, &wish)?;
        open.extend(all.into_iter().find(|item| past.allows(entry, item)));
    }
    Ok(open)
}

/// Whether an item may be asked now: sound by this catalogue, not used lately, of an open aspect.
pub fn is_open(catalogue: &Catalogue, item: &Item, seen: &[Seen], now: i64) -> bool {
    let allowed = |entry| Past::of(&item.concept, seen, now).allows(entry, item);
    askable(catalogue, &item.concept).is_ok_and(allowed)
}

/// What was seen of one concept.
struct Past<'a> {
    seen: Vec<&'a Seen>,
    used: BTreeSet<&'a ItemAddress>,
    now: i64,
}

impl<'a> Past<'a> {
    fn of(concept: &Slug, seen: &'a [Seen], now: i64) -> Self {
        let mine = |s: &&Seen| s.address.concept() == concept;
        let seen: Vec<&Seen> = seen.iter().filter(mine).collect();
        let recent = seen.iter().filter(|s| s.at + REPEAT_DAYS * DAY > now);
        let used = recent.map(|s| &s.address).collect();
        Self { seen, used, now }
    }

    /// Whether an item that was made ahead may be asked now: of this concept, sound by this
    /// catalogue, not used lately, of an aspect that is open.
    fn allows(&self, entry: &Concept, item: &Item) -> bool {
        item.concept == entry.slug
            && self.is_open(&item.aspect)
            && !self.used.contains(&item.address)
            && check_in(entry, item).is_ok()
    }

    /// Whether an aspect may be tested now.
    fn is_open(&self, aspect: &str) -> bool {
        free_at(aspect, &self.seen) <= self.now
    }
}

/// From when on an aspect may be tested.
fn free_at(aspect: &str, seen: &[&Seen]) -> i64 {
    let answered = |s: &&&Seen| s.address.aspect() == aspect && s.outcome != SeenOutcome::Skipped;
    let last = seen.iter().filter(answered).max_by_key(|s| s.at);
    let tested = match last {
        Some(s) if s.outcome == SeenOutcome::Right => s.at + REPEAT_DAYS * DAY,
        _ => i64::MIN,
    };
    let claimed = seen.iter().filter(|s| s.address.claims().contains(&aspect));
    claimed
        .map(|s| s.at + CLAIM_DAYS * DAY)
        .fold(tested, i64::max)
}

/// How much there is to ask about a concept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Aspects: questions that differ in what they test.
    pub aspects: usize,
    /// Curated items.
    pub curated: usize,
    /// Cases of templates.
    pub cases: usize,
    /// Combinations of scenes and answers in the assembled forms.
    pub combinations: u64,
}

/// Counts what can be asked about a concept; all zero for one that is not
/// asked.
pub fn pool(catalogue: &Catalogue, concept: &Slug) -> Pool {
    let Ok(entry) = askable(catalogue, concept) else {
        return Pool::default();
    };
    let aspects: Vec<&Aspect> = entry.aspects.iter().filter(|a| !a.retired).collect();
    let led = aspects.iter().filter(|a| a.lead.is_some()).count() as u64;
    let count =
        |list: &[crate::catalogue::Answer]| list.iter().filter(|a| !a.retired).count() as u64;
    let combinations = aspects.iter().map(|a| {
        let (right, wrong) = (count(&a.right), count(&a.wrong));
        let plain = right * choose(wrong, 3);
        let ask = a.scenes.len() as u64 * plain;
        if a.lead.is_none() {
            return ask;
        }
        let reply = plain + wrong * right * choose(wrong.saturating_sub(1), 2);
        let spot = wrong * choose(led.saturating_sub(1), 3);
        ask + plain + reply + spot
    });
    Pool {
        aspects: aspects.len(),
        curated: entry.items.iter().filter(|i| !i.retired).count(),
        cases: entry
            .templates
            .iter()
            .filter(|t| !t.retired)
            .map(|t| t.cases.len())
            .sum(),
        combinations: combinations.sum(),
    }
}

fn choose(n: u64, k: u64) -> u64 {
    if n < k {
        0
    } else {
        (0..k).fold(1, |acc, i| acc * (n - i) / (i + 1))
    }
}
