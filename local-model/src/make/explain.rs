//! Where each part of an item came from, for people (`lines`) and for programs (JSON).

use kernel::catalogue::{Catalogue, Concept};
use kernel::items::{self, Form, Item, ModelPart, Parts, Role, Tier};
use serde::Serialize;

use crate::rank::{RankError, Ranked, Scored};

/// An item, part by part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explained {
    /// The item's address.
    pub address: String,
    /// The concept's title.
    pub concept: String,
    /// The aspect that is tested.
    pub aspect: String,
    /// How it is put.
    pub form: Form,
    /// The question as it is shown.
    pub stem: String,
    /// Position of its scene in the aspect's list, where it has one.
    pub scene: Option<usize>,
    /// What the model said of that wording.
    pub stem_score: Option<Scored>,
    /// The sentence below the question, if there is one.
    pub quote: Option<String>,
    /// The code, if there is some.
    pub code: Option<String>,
    /// Its options in the order shown, each with its origin.
    pub options: Vec<ExplainedPart>,
    /// Who defines the behaviour, and where.
    pub source: String,
    /// Whether a program showed the key, and how.
    pub executed: Option<String>,
    /// The model's part.
    pub model: Option<ModelPart>,
    /// The catalogue's version.
    pub catalogue: u32,
    /// The seed, which with the address gives the same item again.
    pub seed: u64,
}

/// An option and its origin.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainedPart {
    /// Its text as shown.
    pub text: String,
    /// Whether it is the one to choose.
    pub key: bool,
    /// Address of the answer in the catalogue.
    pub address: String,
    /// What it is there.
    pub role: Role,
    /// What proves or corrects it.
    pub why: String,
    /// Of a misconception: how many believe it, 1 to 3.
    pub pull: Option<u8>,
    /// What the model said of it.
    pub score: Option<Scored>,
}

/// Says where the parts of `item` came from; `ranked` is what a model said of it, where that is known.
///
/// # Errors
/// [`RankError::Item`] if the catalogue does not have the item's parts.
pub fn explain(
    catalogue: &Catalogue,
    item: &Item,
    ranked: Option<&Ranked>,
) -> Result<Explained, RankError> {
    let parts = items::parts(catalogue, &item.address)?;
    let concept = catalogue.get(&item.concept);
    let options = item.options.iter().filter_map(|option| {
        let part = parts.parts.iter().find(|p| p.option == option.text)?;
        let scored = ranked.and_then(|r| r.answers.get(&part.address));
        Some(ExplainedPart {
            text: option.text.clone(),
            key: option.key,
            address: part.address.clone(),
            role: part.role,
            why: part.why.clone(),
            pull: part.pull,
            score: scored.copied(),
        })
    });
    Ok(Explained {
        address: item.address.to_string(),
        concept: concept.map_or_else(|| item.concept.to_string(), |c| c.title.clone()),
        aspect: item.aspect.clone(),
        form: item.form,
        stem: item.stem.clone(),
        scene: parts.scene,
        stem_score: ranked.and_then(|r| r.stem),
        quote: item.quote.clone(),
        code: item.code.as_ref().map(|c| c.text.clone()),
        options: options.collect(),
        source: item.source.clone(),
        executed: concept.and_then(|c| executed(c, &parts)),
        model: item.provenance.model.clone(),
        catalogue: item.provenance.catalogue,
        seed: item.provenance.seed,
    })
}

/// Which program showed the key. It ran when the catalogue was built, not here.
fn executed(concept: &Concept, parts: &Parts) -> Option<String> {
    let written = parts.written.as_deref().unwrap_or("");
    match parts.form {
        Form::Template => {
            let id = written.split('/').next()?;
            let template = concept.templates.iter().find(|t| t.id == id)?;
            Some(format!(
                "the key is what {} printed for this code; wrong options are what the program of a \
                 misconception printed, or another output that it could have",
                template.run
            ))
        }
        Form::Curated => {
            let item = concept.items.iter().find(|i| i.id == written)?;
            let check = item.check.as_ref()?;
            Some(format!(
                "a program checked with {} that the key holds",
                check.run
            ))
        }
        Form::Ask | Form::Spot | Form::Reply | Form::Complete => {
            let aspect = concept.aspect(&parts.aspect)?;
            let probe = aspect.probe.as_ref()?.as_slice().first()?;
            Some(format!(
                "a probe with {} showed the aspect's true answer",
                probe.run
            ))
        }
    }
}

impl Explained {
    /// The item and the origin of its parts, a line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!(
                "{} · {} · {}",
                self.concept,
                self.aspect,
                self.form.as_str()
            ),
            String::new(),
            self.stem.clone(),
        ];
        lines.extend(self.quote.iter().map(|quote| format!("  “{quote}”")));
        if let Some(code) = &self.code {
            lines.extend(code.lines().map(|line| format!("    {line}")));
        }
        for (option, letter) in self.options.iter().zip('A'..) {
            let mark = if option.key { "*" } else { " " };
            lines.push(format!(" {mark}{letter}) {}", option.text));
        }
        lines.push(String::new());
        lines.push(format!("address   {}", self.address));
        if let Some(scene) = self.scene {
            let score = self.stem_score.map(said).unwrap_or_default();
            lines.push(format!(
                "stem      scene s{scene} of aspect {}{score}",
                self.aspect
            ));
        }
        for (option, letter) in self.options.iter().zip('A'..) {
            let pull = option.pull.map(|pull| format!(", pull {pull}"));
            lines.push(format!(
                "{letter}         {} {}{}{}",
                role(option.role),
                option.address,
                pull.unwrap_or_default(),
                option.score.map(said).unwrap_or_default(),
            ));
            lines.push(format!("          {}", option.why));
        }
        lines.push(format!("source    {}", self.source));
        lines.push(match &self.executed {
            Some(how) => format!("executed  yes: {how}"),
            None => "executed  no: it rests on its source".to_owned(),
        });
        lines.push(match &self.model {
            None => "model     none took part: drawn at random".to_owned(),
            Some(part) => {
                let digest = part.sha256.get(..12).unwrap_or(&part.sha256);
                let tier = match part.tier {
                    Tier::None => "none",
                    Tier::Ranker => "ranker",
                    Tier::Author => "author",
                };
                format!(
                    "model     {} (sha256 {digest}…, tier {tier}). {}",
                    part.name,
                    part.sentence()
                )
            }
        });
        lines.push(format!(
            "made from catalogue {}, seed {}",
            self.catalogue, self.seed
        ));
        lines
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Fact => "fact",
        Role::Misconception => "misconception",
        Role::Output => "output of the program",
        Role::Belief => "output by the belief",
        Role::Possible => "possible output",
        Role::Written => "written option",
    }
}

fn said(scored: Scored) -> String {
    let Scored { score, place, of } = scored;
    format!(", model: place {place} of {of} ({score:.3})")
}
