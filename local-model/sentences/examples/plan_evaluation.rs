//! How well plan steps are read, by names alone and with the sentence model:
//!
//! ```text
//! cargo run -p aiworklab-sentences --example plan_evaluation -- FILE.jsonl MODEL_FOLDER [--wrong]
//! ```
//!
//! A line of the file is `{"id", "text", "concepts": [...]}`. A pair of step and concept counts once;
//! a concept that is part of what was found, where a label says the part, counts neither way.
//! `--wrong` lists what was wrong and what was missed.

use kernel::catalogue::Catalogue;
use kernel::ids::Slug;
use kernel::tagging::Tagger;
use kernel::tagging::plan::{Examples, Meant, Model};
use local_model::{Embedder, inspect_embedder};
use sentences::Sentences;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

struct Labelled {
    id: String,
    text: String,
    concepts: Vec<Slug>,
}

#[derive(Default)]
struct Score {
    right: u32,
    wrong: u32,
    missed: u32,
    told: Vec<String>,
}

fn share(part: u32, whole: u32) -> f64 {
    f64::from(part) / f64::from(whole.max(1))
}

impl Score {
    fn precision(&self) -> f64 {
        share(self.right, self.right + self.wrong)
    }

    fn recall(&self) -> f64 {
        share(self.right, self.right + self.missed)
    }

    fn f1(&self) -> f64 {
        let (precision, recall) = (self.precision(), self.recall());
        2.0 * precision * recall / (precision + recall).max(f64::MIN_POSITIVE)
    }

    fn add(&mut self, catalogue: &Catalogue, step: &Labelled, meant: &[Meant]) {
        let above = |found: &Slug, label: &Slug| {
            let ancestors = catalogue.ancestors(label);
            ancestors.iter().any(|concept| concept.slug == *found)
        };
        for found in meant {
            if step.concepts.contains(&found.concept) {
                self.right += 1;
            } else if !step
                .concepts
                .iter()
                .any(|label| above(&found.concept, label))
            {
                self.wrong += 1;
                let Meant {
                    concept, because, ..
                } = found;
                self.told
                    .push(format!("wrong   {}: {concept}, {because}", step.id));
            }
        }
        for label in &step.concepts {
            if !meant.iter().any(|found| found.concept == *label) {
                self.missed += 1;
                self.told.push(format!("missed  {}: {label}", step.id));
            }
        }
    }
}

fn read(text: &str) -> Result<Vec<Labelled>, String> {
    let line = |line: &str| -> Option<Labelled> {
        let value: serde_json::Value = serde_json::from_str(line).ok()?;
        let concepts = value.get("concepts")?.as_array()?.iter();
        Some(Labelled {
            id: value.get("id")?.as_str()?.to_owned(),
            text: value.get("text")?.as_str()?.to_owned(),
            concepts: concepts
                .map(|slug| slug.as_str()?.parse().ok())
                .collect::<Option<_>>()?,
        })
    };
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let numbered = lines.enumerate();
    numbered
        .map(|(i, text)| line(text).ok_or_else(|| format!("line {}: no labelled step", i + 1)))
        .collect()
}

fn run() -> Result<(), String> {
    let mut wrong = false;
    let mut rest = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--wrong" => wrong = true,
            _ => rest.push(argument),
        }
    }
    let [file, folder] = rest.as_slice() else {
        return Err("usage: plan_evaluation FILE.jsonl MODEL_FOLDER [--wrong]".to_owned());
    };
    let steps = read(&std::fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))?)?;
    let embedder = Embedder::in_folder(Path::new(folder));
    let files = inspect_embedder(&embedder).map_err(|e| e.to_string())?;
    let sentences =
        Sentences::load(files, &embedder.weights.sha256, 1).map_err(|e| e.to_string())?;
    let catalogue = Catalogue::builtin();
    let examples = Examples::embed(catalogue, &sentences).ok_or("the model failed")?;
    let model = Model {
        likeness: &sentences,
        examples: &examples,
    };
    let mut scores: BTreeMap<&str, Score> = BTreeMap::new();
    for step in &steps {
        for (way, model) in [("names alone", None), ("with the model", Some(model))] {
            let read = Tagger::builtin().read_plan(&[&step.text], model);
            if read.model_failed {
                return Err(format!("{}: the model failed", step.id));
            }
            let score = scores.entry(way).or_default();
            score.add(catalogue, step, &read.meant);
        }
    }
    let none = steps.iter().filter(|step| step.concepts.is_empty()).count();
    let labels: usize = steps.iter().map(|step| step.concepts.len()).sum();
    println!(
        "{} steps of plans, {labels} labels, {none} steps that mean no concept",
        steps.len()
    );
    for (way, score) in &scores {
        println!(
            "{way:<15} precision {:.3}  recall {:.3}  F1 {:.3}  ({} right, {} wrong, {} missed)",
            score.precision(),
            score.recall(),
            score.f1(),
            score.right,
            score.wrong,
            score.missed,
        );
        if wrong {
            for line in &score.told {
                println!("  {line}");
            }
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("plan_evaluation: {why}");
            ExitCode::FAILURE
        }
    }
}
