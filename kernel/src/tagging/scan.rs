//! The walk over a text: one parse, one pass, every rule.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use ast_grep_core::matcher::MatcherExt as _;
use ast_grep_core::{AstGrep, Doc, Node};
use ast_grep_language::SupportLang;
use regex::Regex;

use super::language::Language;
use super::rules::{Grammar, Tagger};
use super::{MAX_BYTES, MAX_DEPTH, Mention, Skipped, SourceChange, Strength, Tagged};
use super::{config, shell, sql};
use crate::catalogue::Detector;
use crate::ids::Slug;

/// A detector's find: rows (from 0) of its first and last line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hit {
    pub first: usize,
    pub last: usize,
    pub detector: usize,
}

impl Tagger {
    /// Tags a change.
    pub fn tag(&self, change: &SourceChange) -> Tagged {
        let language = change.language();
        let hits = match self.hits(language, &change.file_name, &change.text) {
            Ok(hits) => hits,
            Err(skipped) => {
                return Tagged {
                    mentions: Vec::new(),
                    skipped: Some(skipped),
                };
            }
        };
        let lines = self.added_lines(change, language, &hits);
        self.weigh(&hits, &lines)
    }

    /// Tags a shell command, by its words alone.
    pub fn tag_command(&self, command: &str) -> Tagged {
        match self.hits(Some(Language::Bash), "", command) {
            Ok(hits) => {
                let lines: Vec<Option<u32>> = hits.iter().map(|h| line_number(h.first)).collect();
                self.weigh(&hits, &lines)
            }
            Err(skipped) => Tagged {
                mentions: Vec::new(),
                skipped: Some(skipped),
            },
        }
    }

    /// Everything that is found in a text, by row, each detector once a row.
    pub(super) fn hits(
        &self,
        language: Option<Language>,
        file: &str,
        text: &str,
    ) -> Result<Vec<Hit>, Skipped> {
        if text.len() > MAX_BYTES {
            return Err(Skipped::TooLarge {
                bytes: text.len(),
                limit: MAX_BYTES,
            });
        }
        let mut hits = Vec::new();
        self.config_hits(file, text, &mut hits);
        if language == Some(Language::Sql) {
            self.sql_hits(text, 0, &mut hits);
        }
        let syntax = language.and_then(|l| Some((self.grammars.get(&l)?, l.grammar()?)));
        if let Some((grammar, parser)) = syntax
            && let Ok(tree) = AstGrep::try_new(text, parser)
        {
            if is_deep(&tree) {
                return Err(Skipped::TooDeep { limit: MAX_DEPTH });
            }
            for node in tree.root().dfs() {
                self.node_hits(grammar, &node, &mut hits);
            }
        }
        hits.sort_unstable();
        let mut known = BTreeSet::new();
        hits.retain(|h| known.insert((h.first, h.detector)));
        Ok(hits)
    }

    fn node_hits<D: Doc>(&self, grammar: &Grammar, node: &Node<'_, D>, hits: &mut Vec<Hit>) {
        let kind = node.kind_id();
        let at = |detector: usize| Hit {
            first: node.start_pos().line(),
            last: node.end_pos().line(),
            detector,
        };
        for (detector, rule) in grammar.rules(kind) {
            if rule.match_node(node.clone()).is_some() {
                hits.push(at(*detector));
            }
        }
        if grammar.import_kinds.contains(&kind) {
            let text = node.text();
            let named = |modules: &[String]| modules.iter().any(|m| names_module(&text, m));
            hits.extend(
                grammar
                    .imports
                    .iter()
                    .filter(|(_, m)| named(m))
                    .map(|(d, _)| at(*d)),
            );
        }
        if grammar.string_kinds.contains(&kind) {
            let text = node.text();
            let inner = DELIMITERS.replace_all(&text, "");
            let matching = grammar
                .texts
                .iter()
                .filter(|(_, regex)| regex.is_match(&inner));
            hits.extend(matching.map(|(detector, _)| at(*detector)));
            if sql::is_statement(&inner) {
                self.sql_hits(&inner, node.start_pos().line(), hits);
            }
        }
        if grammar.command_kind == Some(kind) {
            let words = shell::words(&node.text());
            for command in &self.shell {
                if shell::is_command(&words, &command.words, &command.flags) {
                    hits.push(at(command.detector));
                }
            }
        }
    }

    fn sql_hits(&self, text: &str, first_row: usize, hits: &mut Vec<Hit>) {
        let bare = sql::bare(text);
        for (detector, functions) in &self.sql {
            for offset in sql::calls(&bare, functions) {
                let row = first_row + bare[..offset].matches('\n').count();
                hits.push(Hit {
                    first: row,
                    last: row,
                    detector: *detector,
                });
            }
        }
    }

    fn config_hits(&self, file: &str, text: &str, hits: &mut Vec<Hit>) {
        if file.is_empty() {
            return;
        }
        let file = file.replace('\\', "/");
        for config in &self.configs {
            // A glob names a file by the end of its path.
            let named = suffixes(&file).any(|suffix| config.files.is_match(suffix));
            if !named {
                continue;
            }
            for (row, value) in config::find(config.format, text, &config.path) {
                if config
                    .value
                    .as_ref()
                    .is_none_or(|regex| regex.is_match(&value))
                {
                    hits.push(Hit {
                        first: row,
                        last: row,
                        detector: config.detector,
                    });
                }
            }
        }
    }

    /// For each hit the added line that brought it, if one did.
    fn added_lines(
        &self,
        change: &SourceChange,
        language: Option<Language>,
        hits: &[Hit],
    ) -> Vec<Option<u32>> {
        let Some(rows) = &change.added else {
            return hits.iter().map(|h| line_number(h.first)).collect();
        };
        // What stood there before, looked at only if a hit needs it.
        let mut before: Option<BTreeSet<(usize, usize)>> = None;
        let mut brought = |hit: &Hit| -> Option<u32> {
            let rank = match rows.binary_search(&hit.first) {
                Ok(rank) => rank,
                Err(rank) => {
                    rows.get(rank).filter(|row| **row <= hit.last)?;
                    let known = before.get_or_insert_with(|| {
                        let text = change.before();
                        let old = self.hits(language, &change.file_name, &text);
                        old.unwrap_or_default()
                            .iter()
                            .map(|h| (h.first, h.detector))
                            .collect()
                    });
                    if known.contains(&(hit.first - rank, hit.detector)) {
                        return None;
                    }
                    rank
                }
            };
            line_number(rank)
        };
        hits.iter().map(&mut brought).collect()
    }

    /// Keeps what counts: strong mentions, and weak ones beside another of
    /// their concept, wherever in the file it stands.
    fn weigh(&self, hits: &[Hit], lines: &[Option<u32>]) -> Tagged {
        let mut in_file: BTreeMap<&Slug, usize> = BTreeMap::new();
        for hit in hits {
            *in_file
                .entry(&self.detectors[hit.detector].concept)
                .or_default() += 1;
        }
        let mut mentions = Vec::new();
        for (hit, line) in hits.iter().zip(lines) {
            let known = &self.detectors[hit.detector];
            let Some(line) = *line else { continue };
            if known.strength == Strength::Weak && in_file.get(&known.concept) == Some(&1) {
                continue;
            }
            mentions.push(Mention {
                concept: known.concept.clone(),
                detector: known.id.clone(),
                line,
                strength: known.strength,
            });
        }
        mentions.sort_by(|a, b| (a.line, a).cmp(&(b.line, b)));
        mentions.dedup();
        Tagged {
            mentions,
            skipped: None,
        }
    }
}

/// Prefix and quotes of a string literal.
static DELIMITERS: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r##"^[rbfuRBFU]*("""|'''|#*"|`|'|")|("""|'''|"#*|`|'|")$"##;
    match Regex::new(pattern) {
        Ok(regex) => regex,
        Err(error) => panic!("a fixed pattern does not compile: {error}"),
    }
});

fn line_number(row: usize) -> Option<u32> {
    u32::try_from(row + 1).ok()
}

fn suffixes(path: &str) -> impl Iterator<Item = &str> {
    let starts = path.match_indices('/').map(|(at, _)| at + 1);
    std::iter::once(0).chain(starts).map(|at| &path[at..])
}

/// Whether an import's text names this module as whole path parts.
fn names_module(text: &str, module: &str) -> bool {
    text.match_indices(module).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + module.len()..].chars().next();
        let word = |c: char| c.is_alphanumeric() || c == '_';
        !before.is_some_and(|c| word(c) || matches!(c, '.' | '/' | '@' | '-'))
            && !after.is_some_and(|c| word(c) || matches!(c, '/' | '-'))
    })
}

/// Whether the tree is nested beyond [`MAX_DEPTH`]. Rules look up and down
/// the tree, so depth, not size, is what could make one text expensive.
fn is_deep(tree: &AstGrep<ast_grep_core::tree_sitter::StrDoc<SupportLang>>) -> bool {
    let root = tree.root().get_inner_node();
    let mut cursor = root.walk();
    loop {
        if cursor.depth() > MAX_DEPTH {
            return true;
        }
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return false;
            }
        }
    }
}

impl Tagger {
    /// The examples that this detector gets wrong, each said in one line. A
    /// detector without a grammar gets none wrong.
    pub(crate) fn misses(&self, concept: &Slug, detector: &Detector) -> Vec<String> {
        let known = |k: &super::rules::Known| k.concept == *concept && k.id == detector.id;
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
            let hits = self.hits(language, file, &example.code).unwrap_or_default();
            if hits.iter().any(|h| h.detector == number) != wanted {
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
