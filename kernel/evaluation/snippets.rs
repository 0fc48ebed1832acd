//! Labelled snippets: what the tagger should say of them, what it says, and how far both agree.
//!
//! The labels were written by people who knew the list of concepts and none of the rules. A third of
//! them is held out: nobody saw what the tagger makes of it before the rules were done.
//!
//! Scoring is micro precision, recall and F1 over pairs (snippet, concept). A concept that is found and
//! is an ancestor of a labelled one is neither right nor wrong: it says less, and nothing false. A
//! labelled concept is met by itself alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kernel::catalogue::Catalogue;
use kernel::diff;
use kernel::ids::Slug;
use kernel::tagging::{SourceChange, Tagger};
use rand::{Rng, SeedableRng};
use serde::Deserialize;

/// A piece of an agent's work and the concepts that its added lines meet.
#[derive(Deserialize)]
pub struct Snippet {
    /// Its name in reports.
    pub id: String,
    /// The file's name; empty for what is no file.
    #[serde(default)]
    pub file: String,
    #[serde(default)]
    form: Form,
    text: String,
    concepts: BTreeSet<Slug>,
}

/// What the text of a snippet is.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A new file: every line was added.
    File,
    /// A unified diff of one file.
    Diff,
    /// A shell command.
    Command,
    /// A step of a plan: what a line without a form is.
    #[default]
    Plan,
}

impl Form {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Diff => "diff",
            Self::Command => "command",
            Self::Plan => "plan",
        }
    }
}

/// Where a concept was found.
#[derive(Clone)]
pub struct Found {
    /// The detector that found it.
    pub detector: String,
    /// Number, from 1, among the added lines.
    pub line: u32,
    /// The line's text.
    pub text: String,
}

/// How often a concept was found rightly, found wrongly and missed.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    /// Labelled and found.
    pub right: u32,
    /// Found, not labelled, and no ancestor of a label.
    pub wrong: u32,
    /// Labelled and not found.
    pub missed: u32,
}

impl Counts {
    /// Share of what was found that is right, 0.0 to 1.0; 1.0 if nothing was found.
    pub fn precision(self) -> f64 {
        ratio(self.right, self.right + self.wrong)
    }

    /// Share of the labels that was found, 0.0 to 1.0; 1.0 if there are none.
    pub fn recall(self) -> f64 {
        ratio(self.right, self.right + self.missed)
    }

    /// Harmonic mean of both, 0.0 to 1.0.
    pub fn f1(self) -> f64 {
        ratio(2 * self.right, 2 * self.right + self.wrong + self.missed)
    }

    fn add(&mut self, other: Self) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.missed += other.missed;
    }
}

fn ratio(part: u32, whole: u32) -> f64 {
    if whole == 0 {
        1.0
    } else {
        f64::from(part) / f64::from(whole)
    }
}

/// A snippet beside what was found in it.
pub struct Marked {
    /// The snippet.
    pub snippet: Snippet,
    /// Concept → its first mention.
    pub found: BTreeMap<Slug, Found>,
}

impl Marked {
    /// Labels that were not found.
    pub fn missed(&self) -> Vec<&Slug> {
        let labels = self.snippet.concepts.iter();
        labels.filter(|c| !self.found.contains_key(*c)).collect()
    }

    /// What was found wrongly.
    pub fn wrong(&self, catalogue: &Catalogue) -> Vec<(&Slug, &Found)> {
        let labels = &self.snippet.concepts;
        let above: BTreeSet<&Slug> = labels
            .iter()
            .flat_map(|label| catalogue.ancestors(label))
            .map(|concept| &concept.slug)
            .collect();
        self.found
            .iter()
            .filter(|(c, _)| !labels.contains(*c) && !above.contains(c))
            .collect()
    }

    fn counts(&self, catalogue: &Catalogue) -> BTreeMap<Slug, Counts> {
        let mut by_concept: BTreeMap<Slug, Counts> = BTreeMap::new();
        for label in &self.snippet.concepts {
            let entry = by_concept.entry(label.clone()).or_default();
            if self.found.contains_key(label) {
                entry.right += 1;
            } else {
                entry.missed += 1;
            }
        }
        for (concept, _) in self.wrong(catalogue) {
            by_concept.entry(concept.clone()).or_default().wrong += 1;
        }
        by_concept
    }
}

/// The figures of a file of snippets.
pub struct Score {
    /// How many snippets there are.
    pub snippets: usize,
    /// All pairs.
    pub all: Counts,
    /// By concept.
    pub by_concept: BTreeMap<Slug, Counts>,
    /// By form: how many snippets, and their pairs.
    pub by_form: BTreeMap<Form, (usize, Counts)>,
    /// 95 % interval of F1: percentiles over 2000 redraws of the snippets.
    pub f1_interval: (f64, f64),
}

/// Reads a file of snippets, one JSON object a line.
pub fn read(path: &Path, catalogue: &Catalogue) -> Result<Vec<Snippet>, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|e| format!("{shown}: {e}"))?;
    let mut snippets: Vec<Snippet> = Vec::new();
    let mut ids = BTreeSet::new();
    for (row, line) in text.lines().enumerate().filter(|(_, l)| !l.is_empty()) {
        let at = row + 1;
        let snippet: Snippet =
            serde_json::from_str(line).map_err(|e| format!("{shown}:{at}: {e}"))?;
        if let Some(unknown) = snippet.concepts.iter().find(|c| catalogue.get(c).is_none()) {
            return Err(format!("{shown}:{at}: there is no concept {unknown}"));
        }
        if !ids.insert(snippet.id.clone()) {
            return Err(format!("{shown}:{at}: {} is there twice", snippet.id));
        }
        snippets.push(snippet);
    }
    Ok(snippets)
}

/// Tags every snippet.
pub fn mark(snippets: Vec<Snippet>, tagger: &Tagger) -> Result<Vec<Marked>, String> {
    let mark = |snippet: Snippet| {
        let found = find(&snippet, tagger)?;
        Ok(Marked { snippet, found })
    };
    snippets.into_iter().map(mark).collect()
}

fn find(snippet: &Snippet, tagger: &Tagger) -> Result<BTreeMap<Slug, Found>, String> {
    let mut found = BTreeMap::new();
    let mut keep = |mention: kernel::tagging::Mention, text: &str| {
        found.entry(mention.concept).or_insert_with(|| Found {
            detector: mention.detector,
            line: mention.line,
            text: text.trim().to_owned(),
        });
    };
    let change = match snippet.form {
        Form::Command => {
            for mention in tagger.tag_command(&snippet.text).mentions {
                keep(mention, &snippet.text);
            }
            return Ok(found);
        }
        Form::Plan => {
            for mention in tagger.tag_step(&snippet.text).mentions {
                keep(mention, &snippet.text);
            }
            return Ok(found);
        }
        Form::File => SourceChange::new_file(&snippet.file, &snippet.text),
        Form::Diff => {
            let read = diff::read(snippet.text.as_bytes())
                .map_err(|e| format!("{}: not a diff: {e}", snippet.id))?;
            let mut files = read.files;
            match (files.pop(), files.is_empty()) {
                (Some(file), true) => file
                    .change
                    .map_err(|s| format!("{}: passed over: {}", snippet.id, s.text()))?,
                _ => return Err(format!("{}: not a diff of one file", snippet.id)),
            }
        }
    };
    for mention in tagger.tag(&change).mentions {
        let text = change
            .added_line(mention.line)
            .unwrap_or_default()
            .to_owned();
        keep(mention, &text);
    }
    Ok(found)
}

/// Adds it all up.
pub fn score(marked: &[Marked], catalogue: &Catalogue) -> Score {
    let mut all = Counts::default();
    let mut by_concept: BTreeMap<Slug, Counts> = BTreeMap::new();
    let mut by_form: BTreeMap<Form, (usize, Counts)> = BTreeMap::new();
    let mut each = Vec::with_capacity(marked.len());
    for one in marked {
        let mut sum = Counts::default();
        for (concept, counts) in one.counts(catalogue) {
            sum.add(counts);
            by_concept.entry(concept).or_default().add(counts);
        }
        let form = by_form.entry(one.snippet.form).or_default();
        form.0 += 1;
        form.1.add(sum);
        all.add(sum);
        each.push(sum);
    }
    Score {
        snippets: marked.len(),
        all,
        by_concept,
        by_form,
        f1_interval: redraw(&each),
    }
}

/// The 2.5th and 97.5th of a hundred parts of F1 when the snippets are drawn anew, with replacement.
fn redraw(each: &[Counts]) -> (f64, f64) {
    const DRAWS: usize = 2000;
    if each.is_empty() {
        return (0.0, 1.0);
    }
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(14);
    let mut f1s: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let mut sum = Counts::default();
            for _ in 0..each.len() {
                sum.add(each[rng.random_range(0..each.len())]);
            }
            sum.f1()
        })
        .collect();
    f1s.sort_by(f64::total_cmp);
    (f1s[DRAWS / 40], f1s[DRAWS - DRAWS / 40 - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(labels: &[&str], found: &[&str]) -> Marked {
        let slug = |s: &&str| s.parse::<Slug>().expect("a slug");
        let one = || Found {
            detector: String::new(),
            line: 1,
            text: String::new(),
        };
        Marked {
            snippet: Snippet {
                id: String::new(),
                file: String::new(),
                form: Form::File,
                text: String::new(),
                concepts: labels.iter().map(slug).collect(),
            },
            found: found.iter().map(|f| (slug(f), one())).collect(),
        }
    }

    fn counts(labels: &[&str], found: &[&str]) -> (u32, u32, u32) {
        let all = score(&[marked(labels, found)], Catalogue::builtin()).all;
        (all.right, all.wrong, all.missed)
    }

    #[test]
    fn an_ancestor_of_a_label_is_neither_right_nor_wrong() {
        assert_eq!(counts(&["py-coroutines"], &["py-asyncio"]), (0, 0, 1));
        let both = ["py-coroutines", "py-language"];
        assert_eq!(counts(&["py-coroutines"], &both), (1, 0, 0));
        assert_eq!(counts(&[], &["py-asyncio"]), (0, 1, 0));
    }

    #[test]
    fn a_labelled_umbrella_is_met_by_itself_alone() {
        assert_eq!(counts(&["py-asyncio"], &["py-coroutines"]), (0, 1, 1));
        assert_eq!(counts(&["py-asyncio"], &["py-asyncio"]), (1, 0, 0));
    }

    #[test]
    fn what_is_right_for_every_snippet_has_an_interval_of_no_width() {
        let all: Vec<Marked> = (0..20)
            .map(|_| marked(&["go-select"], &["go-select"]))
            .collect();
        let score = score(&all, Catalogue::builtin());
        assert_eq!(score.f1_interval, (1.0, 1.0));
        assert_eq!((score.snippets, score.by_form[&Form::File].0), (20, 20));
        assert_eq!(score.by_concept.len(), 1);
    }
}
