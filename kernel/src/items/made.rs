//! What an item is made of: chosen parts of a concept, before its options are shuffled.
//!
//! Drawing, enumerating, and reading an address all end here, so that an item of one address is the
//! same whoever made it.
//!
//! Invariant: `Made::resolve(concept, &made.address(concept))` gives the same parts back.

use super::address::ItemAddress;
use super::{AnswerKind, Code, Form, How, Item, OptionText, Provenance};
use crate::catalogue::load::fill;
use crate::catalogue::{
    Answer, Aspect, Concept, CuratedItem, ExpectedCase, ExpectedWrong, ItemKind, Template,
};
use crate::ids::Slug;
use sha2::{Digest, Sha256};

/// Stems of the forms that have no scene.
pub(super) const SPOT_STEM: &str =
    "An agent explains its change with four claims. Which one is WRONG?";
pub(super) const REPLY_STEM: &str = "A note in the change says this. How should it end?";
pub(super) const COMPLETE_STEM: &str = "How does this sentence end correctly?";
pub(super) const AGREE: &str = "It is right as it stands";

/// An answer and its position in its list.
pub(super) type Placed<'a> = (usize, &'a Answer);

/// The chosen parts, false answers in the order in which they were chosen.
#[derive(Clone, Debug)]
pub(super) enum Made<'a> {
    /// Scene, question, one true and three false answers.
    Ask {
        aspect: &'a Aspect,
        scene: usize,
        right: Placed<'a>,
        wrong: Vec<Placed<'a>>,
    },
    /// A sentence to be ended.
    Complete {
        aspect: &'a Aspect,
        lead: &'a str,
        right: Placed<'a>,
        wrong: Vec<Placed<'a>>,
    },
    /// A note that ends rightly (`said` is `None`) or wrongly.
    Reply {
        aspect: &'a Aspect,
        lead: &'a str,
        said: Option<Placed<'a>>,
        right: Placed<'a>,
        wrong: Vec<Placed<'a>>,
    },
    /// One false claim among three true ones of other aspects.
    Spot {
        aspect: &'a Aspect,
        lead: &'a str,
        wrong: Placed<'a>,
        claims: Vec<Claim<'a>>,
    },
    /// A case of a program.
    Template {
        aspect: &'a Aspect,
        template: &'a Template,
        case: &'a ExpectedCase,
        wrong: Vec<usize>,
    },
    /// Written as a whole.
    Curated {
        aspect: &'a Aspect,
        item: &'a CuratedItem,
    },
}

/// A true answer, shown as a claim.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim<'a> {
    pub aspect: &'a Aspect,
    pub lead: &'a str,
    pub right: Placed<'a>,
}

impl<'a> Made<'a> {
    /// The aspect that is tested.
    pub fn aspect(&self) -> &'a Aspect {
        match self {
            Self::Ask { aspect, .. }
            | Self::Complete { aspect, .. }
            | Self::Reply { aspect, .. }
            | Self::Spot { aspect, .. }
            | Self::Template { aspect, .. }
            | Self::Curated { aspect, .. } => aspect,
        }
    }

    /// How it is put.
    pub fn form(&self) -> Form {
        match self {
            Self::Ask { .. } => Form::Ask,
            Self::Complete { .. } => Form::Complete,
            Self::Reply { .. } => Form::Reply,
            Self::Spot { .. } => Form::Spot,
            Self::Template { .. } => Form::Template,
            Self::Curated { .. } => Form::Curated,
        }
    }

    /// Its name.
    pub fn address(&self, concept: &Slug) -> ItemAddress {
        let parts = match self {
            Self::Ask {
                scene,
                right,
                wrong,
                ..
            } => format!("s{scene}/r{}/{}", right.0, positions(wrong)),
            Self::Complete { right, wrong, .. } => format!("r{}/{}", right.0, positions(wrong)),
            Self::Reply {
                said, right, wrong, ..
            } => {
                let said = said.map_or(String::new(), |(at, _)| format!("w{at}/"));
                format!("{said}r{}/{}", right.0, positions(wrong))
            }
            Self::Spot { wrong, claims, .. } => {
                let mut shown: Vec<String> = claims
                    .iter()
                    .map(|claim| format!("{}.r{}", claim.aspect.id, claim.right.0))
                    .collect();
                shown.sort_unstable();
                format!("w{}/{}", wrong.0, shown.join("+"))
            }
            Self::Template {
                template,
                case,
                wrong,
                ..
            } => format!("{}/{}/{}", template.id, case_id(case), numbers(wrong)),
            Self::Curated { item, .. } => item.id.clone(),
        };
        ItemAddress::new(concept, &self.aspect().id, self.form(), &parts)
    }

    /// The parts that an address names, retired ones too.
    pub fn resolve(concept: &'a Concept, address: &ItemAddress) -> Option<Self> {
        if *address.concept() != concept.slug {
            return None;
        }
        let aspect = concept.aspect(address.aspect())?;
        let parts: Vec<&str> = address.as_str().split('/').skip(3).collect();
        let lead = || aspect.lead.as_deref();
        let right = |text: &str| placed(&aspect.right, number(text, "r")?);
        let wrong = |text: &str| placed(&aspect.wrong, number(text, "w")?);
        let wrongs = |text: &str| {
            let all = text.strip_prefix('w')?.split('.');
            all.map(|n| placed(&aspect.wrong, n.parse().ok()?))
                .collect::<Option<Vec<_>>>()
        };
        let made = match (address.form(), parts.as_slice()) {
            (Form::Ask, [scene, r, w]) => Self::Ask {
                aspect,
                scene: number(scene, "s").filter(|at| *at < aspect.scenes.len())?,
                right: right(r)?,
                wrong: wrongs(w).filter(|list| list.len() == 3)?,
            },
            (Form::Complete, [r, w]) => Self::Complete {
                aspect,
                lead: lead()?,
                right: right(r)?,
                wrong: wrongs(w).filter(|list| list.len() == 3)?,
            },
            (Form::Reply, [r, w]) => Self::Reply {
                aspect,
                lead: lead()?,
                said: None,
                right: right(r)?,
                wrong: wrongs(w).filter(|list| list.len() == 3)?,
            },
            (Form::Reply, [said, r, w]) => {
                let said = wrong(said)?;
                let others = |list: &Vec<Placed<'_>>| {
                    list.len() == 2 && list.iter().all(|(at, _)| *at != said.0)
                };
                Self::Reply {
                    aspect,
                    lead: lead()?,
                    said: Some(said),
                    right: right(r)?,
                    wrong: wrongs(w).filter(others)?,
                }
            }
            (Form::Spot, [w, shown]) => {
                let claims = shown.split('+').map(|text| {
                    let (id, at) = text.split_once('.')?;
                    let other = concept.aspect(id).filter(|a| a.id != aspect.id)?;
                    Some(Claim {
                        aspect: other,
                        lead: other.lead.as_deref()?,
                        right: placed(&other.right, number(at, "r")?)?,
                    })
                });
                Self::Spot {
                    aspect,
                    lead: lead()?,
                    wrong: wrong(w)?,
                    claims: claims
                        .collect::<Option<Vec<_>>>()
                        .filter(|all| all.len() == 3)?,
                }
            }
            (Form::Template, [id, number, w]) => {
                let mut templates = concept.templates.iter();
                let template = templates.find(|t| t.id == *id && t.aspect == aspect.id)?;
                let case = template.cases.iter().find(|c| case_id(c) == *number)?;
                let wrong = w.strip_prefix('w')?.split('.');
                let wrong = wrong.map(|n| n.parse().ok().filter(|at| *at < case.wrong.len()));
                Self::Template {
                    aspect,
                    template,
                    case,
                    wrong: wrong
                        .collect::<Option<Vec<usize>>>()
                        .filter(|all| all.len() == 3)?,
                }
            }
            (Form::Curated, [id]) => Self::Curated {
                aspect,
                item: concept
                    .items
                    .iter()
                    .find(|i| i.id == *id && i.aspect == aspect.id)?,
            },
            _ => return None,
        };
        // One name for one item: no leading zeros, no other order, nothing twice.
        let distinct = match &made {
            Self::Spot { claims, .. } => {
                let mut ids: Vec<&str> = claims.iter().map(|c| c.aspect.id.as_str()).collect();
                ids.sort_unstable();
                ids.windows(2).all(|pair| pair[0] != pair[1])
            }
            Self::Template { wrong, .. } => wrong.is_sorted_by(|a, b| a < b),
            Self::Ask { wrong, .. } | Self::Complete { wrong, .. } | Self::Reply { wrong, .. } => {
                wrong.is_sorted_by(|a, b| a.0 < b.0)
            }
            Self::Curated { .. } => true,
        };
        (distinct && made.address(&concept.slug) == *address).then_some(made)
    }

    /// The item, its options in the order of the parts: the key first, unless an author wrote it.
    pub fn item(&self, concept: &Concept, catalogue: u32, seed: u64) -> Item {
        let aspect = self.aspect();
        let mut item = Item {
            address: self.address(&concept.slug),
            concept: concept.slug.clone(),
            aspect: aspect.id.clone(),
            form: self.form(),
            task: None,
            kind: AnswerKind::Choice4,
            stem: String::new(),
            quote: None,
            code: None,
            options: self.options(),
            explanation: String::new(),
            stakes: aspect.stakes.clone(),
            source: aspect.source.clone(),
            difficulty: aspect.difficulty,
            seconds: 0,
            provenance: Provenance {
                how: How::Assembled,
                catalogue,
                seed,
                model: None,
                own: None,
            },
        };
        match self {
            Self::Ask { scene, .. } => {
                let scene = aspect.scenes.get(*scene).map_or("", String::as_str);
                item.stem = format!("{scene} {}", aspect.question);
                item.code = match (&aspect.code, &aspect.lang) {
                    (Some(code), Some(lang)) => Some(shown(lang, code)),
                    _ => None,
                };
            }
            Self::Complete { lead, .. } => {
                item.stem = COMPLETE_STEM.to_owned();
                item.quote = Some(format!("{lead} …"));
            }
            Self::Reply {
                lead, said, right, ..
            } => {
                item.stem = REPLY_STEM.to_owned();
                item.quote = Some(claim(lead, said.unwrap_or(*right).1));
            }
            Self::Spot { .. } => item.stem = SPOT_STEM.to_owned(),
            Self::Template { template, case, .. } => {
                item.task = Some(ItemKind::Predict);
                item.stem = fill(&template.question, &case.values);
                item.code = Some(shown(&template.lang, &fill(&template.code, &case.values)));
                item.difficulty = template.difficulty;
                item.provenance.how = How::Executed;
                item.stakes.clear();
            }
            Self::Curated { item: written, .. } => {
                item.task = Some(written.kind);
                item.stem.clone_from(&written.stem);
                let lang = written.lang.as_deref().unwrap_or("text");
                item.code = written.code.as_ref().map(|code| shown(lang, code));
                item.difficulty = written.difficulty;
                item.provenance.how = How::Curated;
                item.stakes.clear();
            }
        }
        item
    }

    fn options(&self) -> Vec<OptionText> {
        let mut options;
        match self {
            Self::Ask { right, wrong, .. } | Self::Complete { right, wrong, .. } => {
                options = vec![option(&right.1.text, &right.1.why, true)];
                options.extend(wrong.iter().map(|(_, w)| option(&w.text, &w.why, false)));
            }
            Self::Reply {
                said, right, wrong, ..
            } => {
                options = match said {
                    None => vec![option(AGREE, &right.1.why, true)],
                    Some((_, said)) => {
                        let agree = option(AGREE, &said.why, false);
                        vec![agree, option(&ending(right.1), &right.1.why, true)]
                    }
                };
                options.extend(wrong.iter().map(|(_, w)| option(&ending(w), &w.why, false)));
            }
            Self::Spot {
                lead,
                wrong,
                claims,
                ..
            } => {
                options = vec![option(&claim(lead, wrong.1), &wrong.1.why, true)];
                let shown = claims.iter().map(|c| (claim(c.lead, c.right.1), c.right.1));
                options.extend(shown.map(|(text, right)| option(&text, &right.why, false)));
            }
            Self::Template {
                template,
                case,
                wrong,
                ..
            } => {
                options = vec![option(&case.key, &template.why, true)];
                for output in wrong.iter().filter_map(|at| case.wrong.get(*at)) {
                    let why = output_why(template, output);
                    options.push(option(&output.text, why, false));
                }
            }
            Self::Curated { item, .. } => {
                let written = item.options.iter();
                options = written.map(|o| option(&o.text, &o.why, o.key)).collect();
            }
        }
        options
    }
}

/// What is said of a false output: the belief's correction, else what proves the key.
pub(super) fn output_why<'a>(template: &'a Template, output: &ExpectedWrong) -> &'a str {
    let belief = output.belief.and_then(|b| template.beliefs.get(b));
    belief.map_or(&template.why, |b| &b.why)
}

/// `lead` and answer as a sentence.
pub(super) fn claim(lead: &str, answer: &Answer) -> String {
    format!("{lead} {}.", answer.text)
}

/// An answer as the other end of a note.
pub(super) fn ending(answer: &Answer) -> String {
    format!("… {}", answer.text)
}

/// Positions and texts of the answers that are still shown.
pub(super) fn live(list: &[Answer]) -> Vec<Placed<'_>> {
    list.iter()
        .enumerate()
        .filter(|(_, a)| !a.retired)
        .collect()
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

fn shown(lang: &str, code: &str) -> Code {
    Code {
        lang: lang.to_owned(),
        text: shown_code(code),
    }
}

fn option(text: &str, why: &str, key: bool) -> OptionText {
    OptionText {
        text: text.to_owned(),
        key,
        why: why.to_owned(),
    }
}

fn positions(wrong: &[Placed<'_>]) -> String {
    numbers(&wrong.iter().map(|(at, _)| *at).collect::<Vec<_>>())
}

fn numbers(all: &[usize]) -> String {
    let mut all = all.to_vec();
    all.sort_unstable();
    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
    format!("w{}", all.join("."))
}

fn number(text: &str, prefix: &str) -> Option<usize> {
    text.strip_prefix(prefix)?.parse().ok()
}

fn placed(list: &[Answer], at: usize) -> Option<Placed<'_>> {
    list.get(at).map(|answer| (at, answer))
}
