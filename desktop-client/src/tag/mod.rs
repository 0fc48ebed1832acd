//! `aiworklab tag`: what the tagger makes of a diff, mention by mention, and what it passed over.
//!
//! It changes nothing and needs no store. Where one is, what was called wrong or muted is marked,
//! so that the command says what the agent would do.

mod source;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::graph;
use crate::store::{RuleOf, Store};
use crate::words::{self, count, plain};
use kernel::asking::Muted;
use kernel::catalogue::Catalogue;
use kernel::diff::{self, Diff};
use kernel::ids::Slug;
use kernel::tagging::{Mention, Skipped, SourceChange, Strength, Tagged, Tagger};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use source::Source;

/// Longest line that is shown, in characters.
const LINE_CHARS: usize = 160;
/// Most mentions of one concept in one file that are shown in words.
const SHOWN: usize = 8;

/// What the engineer's own word is on concepts and rules.
#[derive(Debug, Default)]
pub struct Wishes {
    /// Rules that rest.
    pub resting: BTreeSet<RuleOf>,
    /// What is muted.
    pub muted: Muted,
}

impl Wishes {
    /// Reads them off the store.
    ///
    /// # Errors
    /// The store's own.
    pub fn of(store: &mut Store) -> Result<Self> {
        store.read(|txn| {
            Ok(Self {
                resting: txn.resting()?.into_keys().collect(),
                muted: txn.muted()?,
            })
        })
    }

    /// Why the agent would not count a mention, if it would not; `without` is what the tagger makes
    /// of the same text without the rules that rest.
    fn against(&self, mention: &Mention, without: Option<&Tagged>) -> Option<&'static str> {
        if without.is_some_and(|left| !left.holds(mention)) {
            Some("you called this rule wrong")
        } else if self.muted.covers(
            Catalogue::builtin(),
            &graph::resolved(mention.concept.clone()),
        ) {
            Some("you muted this concept")
        } else {
            None
        }
    }
}

/// What was found in one file.
#[derive(Debug)]
struct Found {
    path: String,
    was: Option<String>,
    added: u32,
    removed: u32,
    mentions: Mentions,
    passed_over: Option<String>,
}

/// Everything that was found.
#[derive(Debug)]
pub struct Told {
    name: String,
    also_revision: bool,
    files: Vec<Found>,
    left_out: usize,
}

/// Tags a source.
///
/// # Errors
/// [`Error::NoDiff`] or [`Error::NoText`] for what is no diff.
pub fn tag(source: &Source, wishes: &Wishes) -> Result<Told> {
    let told = |files, left_out| Told {
        name: source.name.clone(),
        also_revision: source.also_revision,
        files,
        left_out,
    };
    if source.bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(told(Vec::new(), 0));
    }
    let diff = match diff::read(&source.bytes) {
        Ok(diff) => diff,
        Err(_) if source.bytes.iter().take(8192).any(|byte| *byte == 0) => {
            return Err(Error::NoText {
                name: source.name.clone(),
            });
        }
        Err(cause) => {
            return Err(Error::NoDiff {
                name: source.name.clone(),
                source: cause,
            });
        }
    };
    let Diff {
        files,
        files_left_out,
    } = diff;
    let files = files.into_iter().map(|file| {
        let (mentions, passed_over) = match &file.change {
            Ok(change) => in_change(change, wishes),
            Err(skipped) => (Vec::new(), Some(skipped.text())),
        };
        Found {
            path: file.path,
            was: file.was,
            added: file.added,
            removed: file.removed,
            mentions,
            passed_over,
        }
    });
    Ok(told(files.collect(), files_left_out))
}

/// A mention, the line it stands in, and the wish that holds it back.
type Mentioned = (Mention, String, Option<&'static str>);
type Mentions = Vec<Mentioned>;

fn in_change(change: &SourceChange, wishes: &Wishes) -> (Mentions, Option<String>) {
    let tagger = Tagger::builtin();
    let rest = (!wishes.resting.is_empty()).then_some(&wishes.resting);
    let both = catch_unwind(AssertUnwindSafe(|| {
        (
            tagger.tag(change),
            rest.map(|rest| tagger.tag_without(change, rest)),
        )
    }));
    let Ok((tagged, without)) = both else {
        return (Vec::new(), Some("the tagger failed on it".to_owned()));
    };
    let mentions = tagged.mentions.into_iter().map(|mention| {
        let line = change.added_line(mention.line).unwrap_or_default();
        let line = plain(line.trim()).chars().take(LINE_CHARS).collect();
        let against = wishes.against(&mention, without.as_ref());
        (mention, line, against)
    });
    (
        mentions.collect(),
        tagged.skipped.as_ref().map(Skipped::text),
    )
}

/// Finds the source and tags it.
///
/// # Errors
/// As [`source::find`] and [`tag`].
pub fn run(text: &str, stdin: &mut dyn Read, wishes: &Wishes) -> Result<Told> {
    tag(&source::find(text, stdin)?, wishes)
}

/// Concepts whose rules rest because too many of their tags were wrong, with the figures.
fn switched_off() -> BTreeMap<String, String> {
    let resting = Tagger::builtin().resting().iter();
    resting
        .filter(|rest| !matches!(rest.why, kernel::tagging::Rest::NoGrammar { .. }))
        .map(|rest| (rest.concept.to_string(), rest.why.to_string()))
        .collect()
}

impl Told {
    fn mentions(&self) -> usize {
        self.files.iter().map(|file| file.mentions.len()).sum()
    }

    fn added(&self) -> u64 {
        self.files.iter().map(|file| u64::from(file.added)).sum()
    }

    /// In words.
    pub fn text(&self) -> String {
        let concepts: BTreeSet<_> = self
            .files
            .iter()
            .flat_map(|file| &file.mentions)
            .map(|(mention, _, _)| &mention.concept)
            .collect();
        let mut out = format!(
            "{}: {}, {}; ",
            plain(&self.name),
            count(self.files.len() as u64, "file"),
            count(self.added(), "added line"),
        );
        out.push_str(&match self.mentions() {
            0 if self.files.is_empty() => "nothing to tag.\n".to_owned(),
            0 => "no concept met.\n".to_owned(),
            n => format!(
                "{} of {}.\n",
                count(n as u64, "mention"),
                count(concepts.len() as u64, "concept")
            ),
        });
        if self.also_revision {
            let _ = writeln!(
                out,
                "The file was read. A commit has this name, too: name it by its id."
            );
        }
        for file in self.files.iter().filter(|file| !file.mentions.is_empty()) {
            let was = file.was.as_ref().map(|was| format!(", was {}", plain(was)));
            let _ = writeln!(
                out,
                "\n{}  +{} −{}{}",
                plain(&file.path),
                file.added,
                file.removed,
                was.unwrap_or_default()
            );
            out.push_str(&mentioned(file));
        }
        let skipped: Vec<_> = self
            .files
            .iter()
            .filter_map(|file| Some((&file.path, file.passed_over.as_ref()?)))
            .collect();
        if !skipped.is_empty() || self.left_out > 0 {
            out.push_str("\nPassed over:\n");
            for (path, why) in skipped {
                let _ = writeln!(out, "  {}: {why}", plain(path));
            }
            if self.left_out > 0 {
                let _ = writeln!(
                    out,
                    "  {} more: beyond the limit of one change",
                    count(self.left_out as u64, "file")
                );
            }
        }
        let off = switched_off();
        if !off.is_empty() {
            out.push_str("\nSwitched off, for too many of their tags were wrong:\n");
            for (concept, why) in off {
                let _ = writeln!(out, "  {concept}: {why}");
            }
        }
        out
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let files: Vec<_> = self
            .files
            .iter()
            .map(|file| {
                let mentions: Vec<_> = file
                    .mentions
                    .iter()
                    .map(|(mention, line, against)| {
                        json!({
                            "concept": mention.concept,
                            "title": title(mention),
                            "risk": risk(mention),
                            "rule": mention.detector,
                            "confidence_percent": mention.confidence.get(),
                            "strength": mention.strength,
                            "row": mention.row,
                            "added_line": mention.line,
                            "line": line,
                            "within": mention.within,
                            "not_counted": against,
                        })
                    })
                    .collect();
                json!({
                    "path": file.path,
                    "was": file.was,
                    "added": file.added,
                    "removed": file.removed,
                    "mentions": mentions,
                    "passed_over": file.passed_over,
                })
            })
            .collect();
        json!({
            "source": self.name,
            "also_a_revision": self.also_revision,
            "catalogue": Catalogue::builtin().version(),
            "added_lines": self.added(),
            "files": files,
            "files_left_out": self.left_out,
            "switched_off": switched_off(),
        })
    }
}

fn title(mention: &Mention) -> String {
    Catalogue::builtin().get(&mention.concept).map_or_else(
        || mention.concept.to_string(),
        |concept| concept.title.clone(),
    )
}

fn risk(mention: &Mention) -> u8 {
    Catalogue::builtin()
        .get(&mention.concept)
        .map_or(1, |concept| concept.risk)
}

/// Where in a file a line stands, as an editor takes it.
pub fn place(file: &str, row: Option<u32>) -> String {
    match row {
        Some(row) => format!("{}:{row}", plain(file)),
        None => plain(file),
    }
}

/// A file's mentions, each concept by itself.
fn mentioned(file: &Found) -> String {
    let mut out = String::new();
    let mut concepts: BTreeMap<&Slug, Vec<&Mentioned>> = BTreeMap::new();
    for found in &file.mentions {
        concepts.entry(&found.0.concept).or_default().push(found);
    }
    for found in concepts.values() {
        let Some((first, ..)) = found.first() else {
            continue;
        };
        let _ = writeln!(
            out,
            "  {} ({}), risk {}",
            plain(&title(first)),
            first.concept,
            risk(first)
        );
        for (mention, line, against) in found.iter().take(SHOWN) {
            let near = match mention.row {
                Some(_) => String::new(),
                None => format!(", added line {}", mention.line),
            };
            let within = mention.within.as_ref();
            let within = within.map_or_else(String::new, |name| format!(", in {}", plain(name)));
            let weak = match mention.strength {
                Strength::Strong => "",
                Strength::Weak => "; counts beside others of this file only",
            };
            let _ = writeln!(
                out,
                "    {}{near}{within}; rule {}, {} sure{weak}",
                place(&file.path, mention.row),
                mention.detector,
                mention.confidence,
            );
            out.push_str(&words::indented(line, "        "));
            if let Some(against) = against {
                let _ = writeln!(out, "        The agent does not count it: {against}.");
            }
        }
        if found.len() > SHOWN {
            let more = (found.len() - SHOWN) as u64;
            let _ = writeln!(
                out,
                "    and {} more; --json has all",
                count(more, "mention")
            );
        }
    }
    out
}
