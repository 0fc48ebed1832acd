//! Sound variants of one aspect in one form: what a ranking chooses among.
//!
//! Whoever chooses must not be able to give the key away by choosing. So what chance decides for
//! all of a set is drawn before it: whether a note ends rightly, the key's rank by length, and the
//! key's place among the options.
//!
//! Invariant: every variant has passed [`super::check`], and [`rebuilt`] of its address and seed is
//! the variant itself.

use super::build::{RIGHT_NOTES, askable, claimants, finish};
use super::draw::Draw;
use super::made::{Claim, Made, Placed, live};
use super::{Error, Form, Item, ItemAddress};
use crate::catalogue::lint::text;
use crate::catalogue::{Aspect, Catalogue, Concept, Template};
use crate::ids::Slug;

/// Which variants are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The aspect's id.
    pub aspect: &'a str,
    /// How they are put.
    pub form: Form,
    /// Draws which, and in which order.
    pub seed: u64,
    /// How many at most.
    pub most: usize,
}

/// Sound variants of an aspect in one form, in random order: a model that orders them at chance
/// draws at random.
///
/// Empty if the aspect cannot take the form. All of a set have the key at the same place, and where
/// the options are answers of one aspect, at the same rank by length: which, is drawn among those
/// that the aspect has.
///
/// # Errors
/// [`Error::Unknown`] and [`Error::NotAskable`] for the concept.
pub fn variants(
    catalogue: &Catalogue,
    concept: &Slug,
    wish: &Wish<'_>,
) -> Result<Vec<Item>, Error> {
    let entry = askable(catalogue, concept)?;
    let Some(aspect) = entry.aspect(wish.aspect).filter(|a| !a.retired) else {
        return Ok(Vec::new());
    };
    let domain = format!("{concept}/{}/{}/variants", aspect.id, wish.form.as_str());
    let mut draw = Draw::new(catalogue.version(), &domain, wish.seed);
    let mut all = combinations(entry, aspect, wish.form, &mut draw);
    draw.shuffle(&mut all);
    let sound = |wanted: Option<usize>| -> Vec<Item> {
        let of_rank = all.iter().filter(|made| rank(made) == wanted);
        of_rank
            .filter_map(|made| placed(catalogue, entry, made, wish.seed))
            .take(wish.most)
            .collect()
    };
    // The first rank, in a drawn order, at which the aspect has anything.
    let ranks = draw.sample(4, 4).into_iter().map(Some);
    let mut sets = ranks.chain([None]).map(sound);
    Ok(sets.find(|items| !items.is_empty()).unwrap_or_default())
}

/// The item of an address, its options in the order that this seed draws.
///
/// # Errors
/// [`Error::NoSuchItem`] if the address names parts that are not there, not asked any more, or not
/// sound together; [`Error::Unknown`] and [`Error::NotAskable`] for its concept.
pub fn rebuilt(catalogue: &Catalogue, address: &ItemAddress, seed: u64) -> Result<Item, Error> {
    let entry = askable(catalogue, address.concept())?;
    Made::resolve(entry, address)
        .and_then(|made| placed(catalogue, entry, &made, seed))
        .ok_or_else(|| Error::NoSuchItem(address.to_string()))
}

/// The forms that an aspect can take, in the order of [`Form`]; empty for an aspect that is not
/// asked.
///
/// # Errors
/// [`Error::Unknown`] and [`Error::NotAskable`] for the concept.
pub fn forms(catalogue: &Catalogue, concept: &Slug, aspect: &str) -> Result<Vec<Form>, Error> {
    let entry = askable(catalogue, concept)?;
    let Some(aspect) = entry.aspect(aspect).filter(|a| !a.retired) else {
        return Ok(Vec::new());
    };
    let id = &aspect.id;
    let led = aspect.lead.is_some();
    let mut all = Vec::new();
    let mut written = entry.items.iter().filter(|i| !i.retired && i.aspect == *id);
    let mut templates = entry.templates.iter().filter(|t| !t.retired);
    let mut put = |form, is: bool| {
        if is {
            all.push(form);
        }
    };
    put(Form::Curated, written.next().is_some());
    put(
        Form::Template,
        templates.any(|t| t.aspect == *id && !t.cases.is_empty()),
    );
    put(Form::Ask, true);
    put(Form::Spot, led && claimants(entry, aspect).len() >= 3);
    put(Form::Reply, led);
    put(Form::Complete, led);
    Ok(all)
}

/// The item of these parts, the key's place drawn by concept, aspect, form and seed alone.
fn placed(catalogue: &Catalogue, entry: &Concept, made: &Made<'_>, seed: u64) -> Option<Item> {
    let place = format!(
        "{}/{}/{}",
        entry.slug,
        made.aspect().id,
        made.form().as_str()
    );
    let mut draw = Draw::new(catalogue.version(), &place, seed);
    finish(entry, catalogue.version(), seed, made, &mut draw)
}

/// Every choice of parts; what chance decides for the whole set is decided here.
fn combinations<'a>(
    entry: &'a Concept,
    aspect: &'a Aspect,
    form: Form,
    draw: &mut Draw,
) -> Vec<Made<'a>> {
    let rights = live(&aspect.right);
    let wrongs = live(&aspect.wrong);
    let lead = aspect.lead.as_deref();
    let mut all = Vec::new();
    match (form, lead) {
        (Form::Ask, _) => {
            for scene in 0..aspect.scenes.len() {
                for (right, wrong) in pairings(&rights, &wrongs, 3, None) {
                    all.push(Made::Ask {
                        aspect,
                        scene,
                        right,
                        wrong,
                    });
                }
            }
        }
        (Form::Complete, Some(lead)) => {
            for (right, wrong) in pairings(&rights, &wrongs, 3, None) {
                all.push(Made::Complete {
                    aspect,
                    lead,
                    right,
                    wrong,
                });
            }
        }
        (Form::Reply, Some(lead)) => {
            let notes: Vec<Option<Placed<'a>>> = if draw.below(100) < RIGHT_NOTES {
                vec![None]
            } else {
                tempting(&wrongs).map(Some).collect()
            };
            for said in notes {
                let (n, without) = said.map_or((3, None), |(at, _)| (2, Some(at)));
                for (right, wrong) in pairings(&rights, &wrongs, n, without) {
                    all.push(Made::Reply {
                        aspect,
                        lead,
                        said,
                        right,
                        wrong,
                    });
                }
            }
        }
        (Form::Spot, Some(lead)) => {
            for wrong in tempting(&wrongs) {
                for claims in claims(entry, aspect) {
                    all.push(Made::Spot {
                        aspect,
                        lead,
                        wrong,
                        claims,
                    });
                }
            }
        }
        (Form::Template, _) => {
            let mine = |t: &&Template| !t.retired && t.aspect == aspect.id;
            for template in entry.templates.iter().filter(mine) {
                for case in &template.cases {
                    // Outputs that believers expect come first, other possible ones fill up.
                    let mut wrong: Vec<usize> = (0..case.wrong.len()).collect();
                    draw.shuffle(&mut wrong);
                    wrong.sort_by_key(|at| case.wrong[*at].belief.is_none());
                    wrong.truncate(3);
                    // As an address has them, so that it gives the same item again.
                    wrong.sort_unstable();
                    all.push(Made::Template {
                        aspect,
                        template,
                        case,
                        wrong,
                    });
                }
            }
        }
        (Form::Curated, _) => {
            let mine = entry.items.iter();
            let mine = mine.filter(|i| !i.retired && i.aspect == aspect.id);
            all.extend(mine.map(|item| Made::Curated { aspect, item }));
        }
        (Form::Spot | Form::Reply | Form::Complete, None) => {}
    }
    all
}

/// False answers that people believe: what may stand as somebody's claim.
fn tempting<'a>(wrongs: &[Placed<'a>]) -> impl Iterator<Item = Placed<'a>> {
    wrongs.iter().copied().filter(|(_, w)| w.pull() >= 2)
}

/// Each true answer with each `n` false ones.
fn pairings<'a>(
    rights: &[Placed<'a>],
    wrongs: &[Placed<'a>],
    n: usize,
    without: Option<usize>,
) -> Vec<(Placed<'a>, Vec<Placed<'a>>)> {
    let pool: Vec<Placed<'a>> = wrongs
        .iter()
        .copied()
        .filter(|(at, _)| Some(*at) != without)
        .collect();
    let mut all = Vec::new();
    for right in rights {
        for chosen in subsets(pool.len(), n) {
            let wrong: Vec<Placed<'a>> = chosen.into_iter().map(|at| pool[at]).collect();
            if !is_longest(right.1.text.as_str(), &wrong) {
                all.push((*right, wrong));
            }
        }
    }
    all
}

/// A key more than 6 % longer than every false answer is never drawn.
fn is_longest(key: &str, wrong: &[Placed<'_>]) -> bool {
    let longest = wrong.iter().map(|(_, w)| text::chars(&w.text)).max();
    text::chars(key) * 94 > longest.unwrap_or(0) * 100
}

/// Three true claims of other aspects, in every way.
fn claims<'a>(entry: &'a Concept, aspect: &Aspect) -> Vec<Vec<Claim<'a>>> {
    let others = claimants(entry, aspect);
    let mut all = Vec::new();
    for chosen in subsets(others.len(), 3) {
        let mut sets: Vec<Vec<Claim<'a>>> = vec![Vec::new()];
        for at in chosen {
            let (aspect, lead) = others[at];
            let rights = live(&aspect.right);
            sets = sets
                .into_iter()
                .flat_map(|set| {
                    rights.iter().map(move |right| {
                        let mut set = set.clone();
                        set.push(Claim {
                            aspect,
                            lead,
                            right: *right,
                        });
                        set
                    })
                })
                .collect();
        }
        all.append(&mut sets);
    }
    // As an address has them, so that it gives the same item again.
    for set in &mut all {
        set.sort_by_cached_key(|claim| format!("{}.r{}", claim.aspect.id, claim.right.0));
    }
    all
}

/// Every choice of `k` of the positions below `n`, each in ascending order.
fn subsets(n: usize, k: usize) -> Vec<Vec<usize>> {
    if k == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for last in (k - 1)..n {
        for mut set in subsets(last, k - 1) {
            set.push(last);
            all.push(set);
        }
    }
    all
}

/// How many of the false answers are shorter than the key, where the options are answers of one
/// aspect.
fn rank(made: &Made<'_>) -> Option<usize> {
    match made {
        Made::Ask { right, wrong, .. }
        | Made::Complete { right, wrong, .. }
        | Made::Reply { right, wrong, .. } => {
            let key = text::chars(&right.1.text);
            let shorter = wrong.iter().filter(|(_, w)| text::chars(&w.text) < key);
            Some(shorter.count())
        }
        Made::Spot { .. } | Made::Template { .. } | Made::Curated { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subsets_are_all_of_them_once() {
        assert_eq!(subsets(4, 0), [Vec::<usize>::new()]);
        assert_eq!(subsets(2, 3), Vec::<Vec<usize>>::new());
        let mut all = subsets(5, 3);
        assert_eq!(all.len(), 10);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 10);
    }
}
