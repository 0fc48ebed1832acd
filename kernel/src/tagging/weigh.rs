//! From finds to mentions: which of them the change brought, and which count.

use std::collections::{BTreeMap, BTreeSet};

use super::change::{Segment, SourceChange};
use super::confidence::confidence;
use super::language::Language;
use super::rules::{Known, Tagger};
use super::scan::{Asked, Found, Hit, names_module, shown};
use super::{MAX_BYTES, Mention, Skipped, Strength, Tagged};
use crate::catalogue::Detector;
use crate::ids::Slug;

/// Detectors that are not to be used, each by concept and id: what an engineer
/// called wrong. They rest inside the tagger, so that no weak mention leans
/// on one of them.
pub type Silenced = BTreeSet<(Slug, String)>;

/// A find that an added line brought, or would have if it were one.
struct Brought<'a> {
    hit: &'a Hit,
    /// Number (from 1) among the added lines; `None` if it stood there before.
    line: Option<u32>,
    row: Option<u32>,
    within: Option<String>,
}

impl Tagger {
    /// Tags a change.
    pub fn tag(&self, change: &SourceChange) -> Tagged {
        self.tag_without(change, &Silenced::new())
    }

    /// Tags a shell command, and the code that it writes or runs.
    pub fn tag_command(&self, command: &str) -> Tagged {
        self.tag_command_without(command, &Silenced::new())
    }

    /// Tags a change, without some detectors.
    pub fn tag_without(&self, change: &SourceChange, silenced: &Silenced) -> Tagged {
        match self.tag_segments(change, &self.off(silenced)) {
            Ok(mentions) => Tagged {
                mentions,
                skipped: None,
            },
            Err(skipped) => Tagged::passed_over(skipped),
        }
    }

    /// Tags a command, without some detectors.
    pub fn tag_command_without(&self, command: &str, silenced: &Silenced) -> Tagged {
        let bytes = command.len();
        if bytes > MAX_BYTES {
            let limit = MAX_BYTES;
            return Tagged::passed_over(Skipped::TooLarge { bytes, limit });
        }
        if command.as_bytes().contains(&0) {
            return Tagged::passed_over(Skipped::Binary);
        }
        let off = self.off(silenced);
        match self.find(&Asked::whole(Some(Language::Bash), "", command, &off)) {
            Ok(found) => {
                let brought = found.hits.iter().map(|hit| Brought {
                    line: number(hit.first + 1),
                    row: None,
                    within: hit.within.clone(),
                    hit,
                });
                let mentions = self.weigh(brought.collect(), &[], true);
                Tagged {
                    mentions,
                    skipped: None,
                }
            }
            Err(skipped) => Tagged::passed_over(skipped),
        }
    }

    /// Tags one step of a plan.
    pub fn tag_step(&self, step: &str) -> Tagged {
        self.names.find(step)
    }

    /// By number, whether a detector is silenced; empty if none is.
    fn off(&self, silenced: &Silenced) -> Vec<bool> {
        if silenced.is_empty() {
            return Vec::new();
        }
        let silent = |k: &Known| silenced.contains(&(k.concept.clone(), k.id.clone()));
        self.detectors.iter().map(silent).collect()
    }

    fn tag_segments(&self, change: &SourceChange, off: &[bool]) -> Result<Vec<Mention>, Skipped> {
        if let Some(skipped) = change.skipped() {
            return Err(skipped);
        }
        let language = change.language();
        let file = change.file_name();
        let mut found = Vec::with_capacity(change.segments.len());
        for segment in &change.segments {
            found.push(self.find(&Asked {
                is_piece: !change.whole,
                ..Asked::whole(language, file, &segment.text, off)
            })?);
        }
        let imports: Vec<&str> = found
            .iter()
            .flat_map(|f| f.imports.iter().map(String::as_str))
            .collect();
        let mut brought = Vec::new();
        let mut lines_before = 0;
        for (segment, found) in change.segments.iter().zip(&found) {
            let before = || {
                let text = segment.before();
                let old = self.find(&Asked {
                    is_piece: !change.whole,
                    ..Asked::whole(language, file, &text, off)
                });
                let hits = old.unwrap_or_default().hits;
                hits.iter().map(|h| (h.first, h.detector)).collect()
            };
            bring(segment, found, lines_before, before, &mut brought);
            lines_before += segment.added_count();
        }
        Ok(self.weigh(brought, &imports, change.whole))
    }

    /// Keeps what counts: strong mentions, and weak ones beside another of
    /// their concept, wherever in the file it stands. An umbrella stands beside its
    /// parts: its own detectors found something of its own.
    fn weigh(&self, mut all: Vec<Brought<'_>>, imports: &[&str], whole: bool) -> Vec<Mention> {
        let mut by_imports: BTreeMap<usize, Option<u32>> = BTreeMap::new();
        for found in &all {
            let detector = found.hit.detector;
            by_imports
                .entry(detector)
                .or_insert_with(|| import_doubts(&self.detectors[detector], imports, whole));
        }
        // Code inside of other code has imports of its own, and was judged by them.
        let doubts = |hit: &Hit| match hit.embedded {
            Some(doubts) => Some(doubts),
            None => by_imports.get(&hit.detector).copied().flatten(),
        };
        all.retain(|found| doubts(found.hit).is_some());
        let mut in_file: BTreeMap<&Slug, usize> = BTreeMap::new();
        for found in &all {
            let concept = &self.detectors[found.hit.detector].concept;
            *in_file.entry(concept).or_default() += 1;
        }
        let mut mentions = Vec::new();
        for Brought {
            hit,
            line,
            row,
            within,
        } in all
        {
            let known = &self.detectors[hit.detector];
            let weak = known.strength == Strength::Weak;
            let Some(line) = line else { continue };
            if weak && in_file.get(&known.concept) == Some(&1) {
                continue;
            }
            let doubts = doubts(hit).unwrap_or_default() + u32::from(weak) + u32::from(hit.broken);
            mentions.push(Mention {
                concept: known.concept.clone(),
                detector: known.id.clone(),
                line,
                row,
                strength: known.strength,
                confidence: confidence(known.judged, doubts),
                within,
            });
        }
        mentions.sort_by(|a, b| (a.line, a).cmp(&(b.line, b)));
        mentions.dedup_by(|a, b| {
            (a.line, &a.concept, &a.detector) == (b.line, &b.concept, &b.detector)
        });
        mentions
    }
}

/// For each find the added line that brought it, if one did. `before` finds
/// what stood there before, and is asked only if a find needs it.
fn bring<'a>(
    segment: &Segment,
    found: &'a Found,
    lines_before: usize,
    before: impl Fn() -> BTreeSet<(usize, usize)>,
    into: &mut Vec<Brought<'a>>,
) {
    let mut known: Option<BTreeSet<(usize, usize)>> = None;
    let mut rank_of = |hit: &Hit| -> Option<usize> {
        let Some(rows) = &segment.added else {
            return Some(hit.first);
        };
        let rank = match rows.binary_search(&hit.first) {
            Ok(rank) => return Some(rank),
            Err(rank) => rank,
        };
        rows.get(rank).filter(|row| **row <= hit.last)?;
        let known = known.get_or_insert_with(&before);
        (!known.contains(&(hit.first - rank, hit.detector))).then_some(rank)
    };
    for hit in &found.hits {
        let rank = rank_of(hit);
        let row = rank.map(|rank| segment.added.as_ref().map_or(rank, |rows| rows[rank]));
        let outer = || segment.within.as_deref().map(shown);
        into.push(Brought {
            hit,
            line: rank.and_then(|rank| number(lines_before + rank + 1)),
            row: row.and_then(|row| segment.first_row?.checked_add(number(row)?)),
            within: hit.within.clone().or_else(outer),
        });
    }
}

/// The doubts that imports leave; `None` if they exclude the detector.
pub(super) fn import_doubts(known: &Known, imports: &[&str], whole: bool) -> Option<u32> {
    let seen = |modules: &[String]| {
        let named = |module: &String| imports.iter().any(|text| names_module(text, module));
        modules.iter().any(named)
    };
    if seen(&known.unless_import) {
        return None;
    }
    if known.needs_import.is_empty() || seen(&known.needs_import) {
        return Some(0);
    }
    let all_are_seen = whole && !imports.is_empty();
    (!all_are_seen).then_some(1)
}

fn number(of: usize) -> Option<u32> {
    u32::try_from(of).ok()
}

impl Tagger {
    /// The examples that this detector gets wrong, each said in one line. A
    /// detector without a grammar gets none wrong.
    pub(crate) fn misses(&self, concept: &Slug, detector: &Detector) -> Vec<String> {
        let known = |k: &Known| k.concept == *concept && k.id == detector.id;
        let Some(number) = self.detectors.iter().position(known) else {
            return Vec::new();
        };
        let wanted = detector.positive.iter().map(|e| (true, e));
        let unwanted = detector.negative.iter().map(|e| (false, e));
        let mut wrong = Vec::new();
        for (wanted, example) in wanted.chain(unwanted) {
            let name = example.language.as_deref();
            let language = match name.map(Language::named) {
                None => None,
                Some(Ok(Some(language))) => Some(language),
                Some(Ok(None) | Err(())) => {
                    wrong.push(format!(
                        "no grammar reads the language {name:?} of an example"
                    ));
                    continue;
                }
            };
            let file = example.file.as_deref().unwrap_or("");
            let found = self.find(&Asked::whole(language, file, &example.code, &[]));
            let found = found.unwrap_or_default();
            let imports: Vec<&str> = found.imports.iter().map(String::as_str).collect();
            let allowed = import_doubts(&self.detectors[number], &imports, true).is_some();
            let hit = found
                .hits
                .iter()
                .any(|h| h.detector == number && (h.embedded.is_some() || allowed));
            if hit != wanted {
                let what = if wanted {
                    "misses a positive"
                } else {
                    "hits a negative"
                };
                wrong.push(format!("{what} example: {:?}", example.code));
            }
        }
        wrong
    }
}
