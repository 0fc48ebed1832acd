//! Puts items together, form by form.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::check::check_in;
use super::draw::Draw;
use super::{Code, Error, Form, How, Item, ItemAddress, OptionText, Provenance};
use crate::catalogue::lint::text;
use crate::catalogue::load::fill;
use crate::catalogue::{
    Answer, Aspect, Catalogue, Concept, CuratedItem, ExpectedCase, ItemKind, Template,
};
use crate::delta::AnswerKind;
use crate::ids::Slug;

/// Forms and their shares. Curated items come on top of the format's mix,
/// which is one of assembled items.
const MIX: [(Form, u32); 6] = [
    (Form::Ask, 40),
    (Form::Spot, 25),
    (Form::Reply, 15),
    (Form::Complete, 6),
    (Form::Template, 14),
    (Form::Curated, 20),
];

/// Items drawn before it is said that none is left.
const TRIES: usize = 512;
/// Options drawn before a key of another rank by length is taken.
const LENGTH_TRIES: usize = 40;

/// Stems of the forms that have no scene.
pub(super) const SPOT_STEM: &str =
    "An agent explains its change with four claims. Which one is WRONG?";
pub(super) const REPLY_STEM: &str = "A note in the change says this. How should it end?";
pub(super) const COMPLETE_STEM: &str = "How does this sentence end correctly?";
pub(super) const AGREE: &str = "It is right as it stands";

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

/// Positions and texts of the answers that are still shown.
pub(super) fn live(list: &[Answer]) -> Vec<(usize, &Answer)> {
    list.iter()
        .enumerate()
        .filter(|(_, a)| !a.retired)
        .collect()
}

/// `lead` and answer as a sentence.
pub(super) fn claim(lead: &str, answer: &Answer) -> String {
    format!("{lead} {}.", answer.text)
}

/// Name of a template's case within an address: names hold code, so a part of
/// their hash stands for them.
pub(super) fn case_id(case: &ExpectedCase) -> String {
    hex::encode(&Sha256::digest(case.name.as_bytes())[..6])
}

/// Code as it is shown.
pub(super) fn shown_code(code: &str) -> String {
    code.trim_matches('\n').to_owned()
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

    fn of_form(&self, form: Form, draw: &mut Draw) -> Option<Item> {
        match form {
            Form::Curated => {
                let item = *draw.pick(&self.curated)?;
                self.curated_item(item, draw)
            }
            Form::Template => {
                let template = *draw.pick(&self.templates)?;
                self.template(template, draw)
            }
            Form::Ask => {
                let aspect = *draw.pick(&self.aspects)?;
                self.ask(aspect, draw)
            }
            Form::Spot | Form::Reply | Form::Complete => {
                let mut fit = self.aspects.clone();
                fit.retain(|a| a.lead.is_some());
                let aspect = *draw.pick(&fit)?;
                let lead = aspect.lead.as_deref()?;
                match form {
                    Form::Spot => self.spot(aspect, lead, draw),
                    Form::Reply => self.reply(aspect, lead, draw),
                    _ => self.complete(aspect, lead, draw),
                }
            }
        }
    }

    fn ask(&self, aspect: &Aspect, draw: &mut Draw) -> Option<Item> {
        let scene = draw.below(aspect.scenes.len());
        let (right, wrong) = sound_draw(aspect, 3, None, draw)?;
        let parts = format!("s{scene}/r{}/{}", right.0, positions(&wrong));
        let mut item = self.blank(aspect, Form::Ask, &parts);
        item.stem = format!("{} {}", aspect.scenes.get(scene)?, aspect.question);
        item.code = match (&aspect.code, &aspect.lang) {
            (Some(code), Some(lang)) => Some(Code {
                lang: lang.clone(),
                text: shown_code(code),
            }),
            _ => None,
        };
        item.options = plain(right, &wrong);
        self.finish(item, draw)
    }

    fn complete(&self, aspect: &Aspect, lead: &str, draw: &mut Draw) -> Option<Item> {
        let (right, wrong) = sound_draw(aspect, 3, None, draw)?;
        let parts = format!("r{}/{}", right.0, positions(&wrong));
        let mut item = self.blank(aspect, Form::Complete, &parts);
        item.stem = COMPLETE_STEM.to_owned();
        item.quote = Some(format!("{lead} …"));
        item.options = plain(right, &wrong);
        self.finish(item, draw)
    }

    fn reply(&self, aspect: &Aspect, lead: &str, draw: &mut Draw) -> Option<Item> {
        let ending =
            |answer: &Answer, key: bool| option(&format!("… {}", answer.text), &answer.why, key);
        let (shown, parts, options);
        if draw.below(100) < 30 {
            let (right, wrong) = sound_draw(aspect, 3, None, draw)?;
            shown = right.1;
            parts = format!("r{}/{}", right.0, positions(&wrong));
            let mut list = vec![option(AGREE, &shown.why, true)];
            list.extend(wrong.iter().map(|(_, w)| ending(w, false)));
            options = list;
        } else {
            let (at, tempting) = tempting(aspect, draw)?;
            let (right, wrong) = sound_draw(aspect, 2, Some(at), draw)?;
            shown = tempting;
            parts = format!("w{at}/r{}/{}", right.0, positions(&wrong));
            let mut list = vec![option(AGREE, &shown.why, false), ending(right.1, true)];
            list.extend(wrong.iter().map(|(_, w)| ending(w, false)));
            options = list;
        }
        let mut item = self.blank(aspect, Form::Reply, &parts);
        item.stem = REPLY_STEM.to_owned();
        item.quote = Some(claim(lead, shown));
        item.options = options;
        self.finish(item, draw)
    }

    fn spot(&self, aspect: &Aspect, lead: &str, draw: &mut Draw) -> Option<Item> {
        let (at, wrong) = tempting(aspect, draw)?;
        let others: Vec<(&Aspect, &str)> = self
            .concept
            .aspects
            .iter()
            .filter(|a| !a.retired && a.id != aspect.id)
            .filter_map(|a| Some((a, a.lead.as_deref()?)))
            .collect();
        let mut options = vec![option(&claim(lead, wrong), &wrong.why, true)];
        let mut shown = Vec::new();
        for other in draw.sample(others.len(), 3) {
            let (other, lead) = others[other];
            let (position, right) = *draw.pick(&live(&other.right))?;
            shown.push(format!("{}.r{position}", other.id));
            options.push(option(&claim(lead, right), &right.why, false));
        }
        shown.sort_unstable();
        let parts = format!("w{at}/{}", shown.join("+"));
        let mut item = self.blank(aspect, Form::Spot, &parts);
        item.stem = SPOT_STEM.to_owned();
        item.options = options;
        self.finish(item, draw)
    }

    fn template(&self, template: &Template, draw: &mut Draw) -> Option<Item> {
        let aspect = self.concept.aspect(&template.aspect)?;
        let case = draw.pick(&template.cases)?;
        // Outputs that believers expect come first, other possible ones fill up.
        let mut wrong: Vec<usize> = (0..case.wrong.len()).collect();
        draw.shuffle(&mut wrong);
        wrong.sort_by_key(|at| case.wrong[*at].belief.is_none());
        wrong.truncate(3);
        let mut numbers = wrong.clone();
        numbers.sort_unstable();
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        let parts = format!("{}/{}/w{}", template.id, case_id(case), numbers.join("."));
        let mut item = self.blank(aspect, Form::Template, &parts);
        item.task = Some(ItemKind::Predict);
        item.stem = fill(&template.question, &case.values);
        let code = fill(&template.code, &case.values);
        item.code = Some(Code {
            lang: template.lang.clone(),
            text: shown_code(&code),
        });
        item.options = vec![option(&case.key, &template.why, true)];
        for at in wrong {
            let output = &case.wrong[at];
            let belief = output.belief.and_then(|b| template.beliefs.get(b));
            let why = belief.map_or(&template.why, |b| &b.why);
            item.options.push(option(&output.text, why, false));
        }
        item.difficulty = template.difficulty;
        item.provenance.how = How::Executed;
        item.stakes.clear();
        self.finish(item, draw)
    }

    fn curated_item(&self, curated: &CuratedItem, draw: &mut Draw) -> Option<Item> {
        let aspect = self.concept.aspect(&curated.aspect)?;
        let mut item = self.blank(aspect, Form::Curated, &curated.id);
        item.task = Some(curated.kind);
        item.stem.clone_from(&curated.stem);
        item.code = curated.code.as_ref().map(|code| Code {
            lang: curated.lang.clone().unwrap_or_else(|| "text".to_owned()),
            text: shown_code(code),
        });
        item.options = curated
            .options
            .iter()
            .map(|o| option(&o.text, &o.why, o.key))
            .collect();
        item.difficulty = curated.difficulty;
        item.provenance.how = How::Curated;
        item.stakes.clear();
        self.finish(item, draw)
    }

    fn blank(&self, aspect: &Aspect, form: Form, parts: &str) -> Item {
        Item {
            address: ItemAddress::new(&self.concept.slug, &aspect.id, form, parts),
            concept: self.concept.slug.clone(),
            aspect: aspect.id.clone(),
            form,
            task: None,
            kind: AnswerKind::Choice4,
            stem: String::new(),
            quote: None,
            code: None,
            options: Vec::new(),
            explanation: String::new(),
            stakes: aspect.stakes.clone(),
            source: aspect.source.clone(),
            difficulty: aspect.difficulty,
            seconds: 0,
            provenance: Provenance {
                how: How::Assembled,
                catalogue: self.catalogue.version(),
                seed: self.seed,
            },
        }
    }

    /// Shuffles the options; what does not pass is not made.
    fn finish(&self, mut item: Item, draw: &mut Draw) -> Option<Item> {
        draw.shuffle(&mut item.options);
        let key = item.options.iter().find(|o| o.key)?;
        item.explanation.clone_from(&key.why);
        item.seconds = seconds(&item);
        check_in(self.concept, &item).is_ok().then_some(item)
    }
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

fn option(text: &str, why: &str, key: bool) -> OptionText {
    OptionText {
        text: text.to_owned(),
        key,
        why: why.to_owned(),
    }
}

type Placed<'a> = (usize, &'a Answer);

fn plain(right: Placed<'_>, wrong: &[Placed<'_>]) -> Vec<OptionText> {
    let mut options = vec![option(&right.1.text, &right.1.why, true)];
    options.extend(wrong.iter().map(|(_, w)| option(&w.text, &w.why, false)));
    options
}

fn positions(wrong: &[Placed<'_>]) -> String {
    let mut all: Vec<usize> = wrong.iter().map(|(at, _)| *at).collect();
    all.sort_unstable();
    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
    format!("w{}", all.join("."))
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
