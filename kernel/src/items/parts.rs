//! Where an item's parts come from, read off its address; and that in a sentence.

use serde::Serialize;

use super::build::askable;
use super::made::{AGREE, Made, case_id, claim, ending, live, output_why};
use super::{Error, Form, Item, ItemAddress, ModelPart, Tier};
use crate::catalogue::{Answer, Aspect, Catalogue};
use crate::ids::Slug;

/// What an option is by the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A true answer.
    Fact,
    /// A false answer.
    Misconception,
    /// What a program printed when it was run.
    Output,
    /// What the program of a misconception printed.
    Belief,
    /// Another output that the program could have.
    Possible,
    /// An option that an author wrote as such.
    Written,
}

/// One option, as the catalogue has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Its address, which never changes: `pg-advisory-locks/rollback/r0`.
    pub address: String,
    /// What it is.
    pub role: Role,
    /// Whether choosing it is right.
    pub key: bool,
    /// The answer, claim or output alone.
    pub text: String,
    /// The option as it is shown.
    pub option: String,
    /// What proves or corrects it.
    pub why: String,
    /// Of a misconception: how many believe it, 1 to 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull: Option<u8>,
}

/// What an item is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parts {
    /// The concept.
    pub concept: Slug,
    /// The aspect that is tested.
    pub aspect: String,
    /// How it is put.
    pub form: Form,
    /// Position of the scene, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scene: Option<usize>,
    /// The template and its case, or the curated item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<String>,
    /// Addresses of the aspect's true answers: what the item tests, however it is put.
    pub tests: Vec<String>,
    /// What every answer ends, where the aspect has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead: Option<String>,
    /// Who defines the behaviour, and where.
    pub source: String,
    /// One for each option, the key first except where an author set the order.
    pub parts: Vec<Part>,
}

/// The parts of the item of this address, retired ones too.
///
/// # Errors
/// [`Error::NoSuchItem`] if the catalogue does not have them; [`Error::Unknown`] and
/// [`Error::NotAskable`] for the concept.
pub fn parts(catalogue: &Catalogue, address: &ItemAddress) -> Result<Parts, Error> {
    let entry = askable(catalogue, address.concept())?;
    let made = Made::resolve(entry, address);
    let made = made.ok_or_else(|| Error::NoSuchItem(address.to_string()))?;
    let aspect = made.aspect();
    let slug = &entry.slug;
    let fact = |aspect: &Aspect, (at, answer): (usize, &Answer)| Part {
        address: format!("{slug}/{}/r{at}", aspect.id),
        role: Role::Fact,
        key: true,
        text: answer.text.clone(),
        option: answer.text.clone(),
        why: answer.why.clone(),
        pull: None,
    };
    let misconception = |(at, answer): (usize, &Answer)| Part {
        address: format!("{slug}/{}/w{at}", aspect.id),
        role: Role::Misconception,
        key: false,
        text: answer.text.clone(),
        option: answer.text.clone(),
        why: answer.why.clone(),
        pull: Some(answer.pull()),
    };
    let mut list = Vec::new();
    let mut scene_at = None;
    let mut written = None;
    match &made {
        Made::Ask {
            scene,
            right,
            wrong,
            ..
        } => {
            scene_at = Some(*scene);
            list.push(fact(aspect, *right));
            list.extend(wrong.iter().map(|w| misconception(*w)));
        }
        Made::Complete { right, wrong, .. } => {
            list.push(fact(aspect, *right));
            list.extend(wrong.iter().map(|w| misconception(*w)));
        }
        Made::Reply {
            said, right, wrong, ..
        } => {
            let mut key = fact(aspect, *right);
            match said {
                None => key.option = AGREE.to_owned(),
                Some(_) => key.option = ending(right.1),
            }
            list.push(key);
            if let Some(said) = said {
                let mut part = misconception(*said);
                part.option = AGREE.to_owned();
                list.push(part);
            }
            list.extend(wrong.iter().map(|w| Part {
                option: ending(w.1),
                ..misconception(*w)
            }));
        }
        Made::Spot {
            lead,
            wrong,
            claims,
            ..
        } => {
            list.push(Part {
                key: true,
                option: claim(lead, wrong.1),
                ..misconception(*wrong)
            });
            list.extend(claims.iter().map(|c| Part {
                key: false,
                option: claim(c.lead, c.right.1),
                ..fact(c.aspect, c.right)
            }));
        }
        Made::Template {
            template,
            case,
            wrong,
            ..
        } => {
            let name = format!("{}/{}", template.id, case_id(case));
            let output = |address: String, role, text: &str, why: &str| Part {
                address: format!("{slug}/{address}"),
                role,
                key: role == Role::Output,
                text: text.to_owned(),
                option: text.to_owned(),
                why: why.to_owned(),
                pull: None,
            };
            list.push(output(name.clone(), Role::Output, &case.key, &template.why));
            for at in wrong {
                let Some(other) = case.wrong.get(*at) else {
                    continue;
                };
                let (address, role) = match other.belief {
                    Some(belief) => (format!("{}/b{belief}", template.id), Role::Belief),
                    None => (format!("{name}/w{at}"), Role::Possible),
                };
                let why = output_why(template, other);
                list.push(output(address, role, &other.text, why));
            }
            written = Some(name);
        }
        Made::Curated { item, .. } => {
            written = Some(item.id.clone());
            let options = item.options.iter().enumerate();
            list.extend(options.map(|(at, o)| Part {
                address: format!("{slug}/{}/o{at}", item.id),
                role: Role::Written,
                key: o.key,
                text: o.text.clone(),
                option: o.text.clone(),
                why: o.why.clone(),
                pull: None,
            }));
        }
    }
    Ok(Parts {
        concept: slug.clone(),
        aspect: aspect.id.clone(),
        form: made.form(),
        scene: scene_at,
        written,
        tests: live(&aspect.right)
            .iter()
            .map(|(at, _)| format!("{slug}/{}/r{at}", aspect.id))
            .collect(),
        lead: aspect.lead.clone(),
        source: aspect.source.clone(),
        parts: list,
    })
}

impl Parts {
    /// The part that is right to choose.
    pub fn key(&self) -> Option<&Part> {
        self.parts.iter().find(|part| part.key)
    }

    /// The parts of this role.
    pub fn of(&self, role: Role) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(move |part| part.role == role)
    }

    /// Where everything comes from, in a sentence that names no model.
    #[must_use]
    pub fn sentence(&self) -> String {
        let aspect = &self.aspect;
        let last = |role| {
            let parts = self.of(role);
            let names = parts.map(|p| p.address.rsplit('/').next().unwrap_or(""));
            names.collect::<Vec<_>>().join(" ")
        };
        let written = self.written.as_deref().unwrap_or("");
        // The first whole, the others by their positions.
        let tests = self.tests.iter().enumerate().map(|(n, address)| match n {
            0 => address.as_str(),
            _ => address.rsplit('/').next().unwrap_or(""),
        });
        let tests = match self.tests.len() {
            1 => format!("fact {}", tests.collect::<String>()),
            _ => format!("facts {}", tests.collect::<Vec<_>>().join(" ")),
        };
        let made = match self.form {
            Form::Curated => {
                format!("Written by an author: item {written} of aspect {aspect}, on {tests}")
            }
            Form::Template => {
                let (beliefs, possible) = (last(Role::Belief), last(Role::Possible));
                let mut text = format!(
                    "Made by running a program: {written} of aspect {aspect}, on {tests}, whose output is the key"
                );
                if !beliefs.is_empty() {
                    text.push_str(&format!("; wrong outputs of beliefs {beliefs}"));
                }
                if !possible.is_empty() {
                    text.push_str(&format!("; other possible outputs {possible}"));
                }
                text
            }
            Form::Spot => {
                let wrong = self.key().map_or("", |p| p.address.as_str());
                let facts = self.of(Role::Fact).map(|p| {
                    let own = p.address.split_once('/');
                    own.map_or(p.address.as_str(), |(_, rest)| rest)
                });
                let facts = facts.collect::<Vec<_>>().join(" ");
                format!(
                    "Assembled from aspect {aspect}: misconception {wrong}, and facts {facts} of its neighbours"
                )
            }
            Form::Ask | Form::Reply | Form::Complete => {
                let fact = self
                    .of(Role::Fact)
                    .next()
                    .map_or("", |p| p.address.as_str());
                let scene = self
                    .scene
                    .map_or(String::new(), |at| format!("scene s{at}, "));
                format!(
                    "Assembled from aspect {aspect}: {scene}fact {fact}, misconceptions {}",
                    last(Role::Misconception)
                )
            }
        };
        format!("{made}; source: {}.", self.source.trim_end_matches('.'))
    }
}

impl ModelPart {
    /// What the model did, in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let name = &self.name;
        match (self.tier, self.place) {
            (Tier::None, _) => format!("{name} is at chance here (tier none): drawn at random."),
            (Tier::Ranker, Some((place, of))) => {
                format!("Chosen by {name} (ranker: place {place} of {of}).")
            }
            (Tier::Author, Some((place, of))) => {
                format!("Chosen by {name} (author: place {place} of {of}).")
            }
            (Tier::Ranker | Tier::Author, None) => {
                let tier = if self.tier == Tier::Ranker {
                    "ranker"
                } else {
                    "author"
                };
                format!("{name} (tier {tier}) had nothing to choose in it.")
            }
        }
    }
}

/// Who put an item together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// The client, on the engineer's machine.
    Here,
    /// The appliance, in a pack.
    Appliance,
}

impl Item {
    /// Model, tier and facts in two sentences: what the engineer reads below an answer.
    #[must_use]
    pub fn provenance_sentence(&self, catalogue: &Catalogue, maker: Maker) -> String {
        let made = match parts(catalogue, &self.address) {
            Ok(parts) => parts.sentence(),
            // Of a catalogue that this program does not have any more, or not yet.
            Err(_) => format!("Item {}; source: {}.", self.address, self.source),
        };
        if let Some(own) = &self.provenance.own {
            return format!("{made} {}", own.sentence());
        }
        let chosen = match (&self.provenance.model, maker) {
            (Some(model), _) => model.sentence(),
            (None, Maker::Appliance) => {
                "Drawn at random by the appliance; no model took part.".to_owned()
            }
            (None, Maker::Here) => "Drawn on this machine; no model took part.".to_owned(),
        };
        format!("{made} {chosen}")
    }
}
