//! The walk over a text: one search for needles, one parse, one pass.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use ast_grep_config::RuleCore;
use ast_grep_core::Node;
use ast_grep_core::matcher::MatcherExt as _;

use super::language::Language;
use super::lazy::{Compiled, Wanted};
use super::mend::{Mend, PIECE, mend};
use super::rules::{Grammar, Tagger};
use super::strings;
use super::syntax::{At, Syntax};
use super::weigh::import_doubts;
use super::{MAX_STEPS, Skipped, config, embedded, shell, sql};

/// A detector's find.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hit {
    /// Row (from 0) of its first line.
    pub first: usize,
    /// Row (from 0) of its last line.
    pub last: usize,
    pub detector: usize,
    /// Whether the syntax around it did not parse.
    pub broken: bool,
    /// The construct around it.
    pub within: Option<String>,
    /// Of code inside of other code: the doubts that its own imports leave.
    pub embedded: Option<u32>,
}

/// All that was found in one text.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// By row, each detector once a row.
    pub hits: Vec<Hit>,
    /// The texts of what imports.
    pub imports: Vec<String>,
}

/// A text to look at.
pub(super) struct Asked<'a> {
    pub language: Option<Language>,
    /// The file's name; empty for none.
    pub file: &'a str,
    pub text: &'a str,
    /// By number, whether a detector is silenced; may be shorter than all.
    pub off: &'a [bool],
    /// Whether it was cut out of a file.
    pub is_piece: bool,
    /// How many texts of other languages it is inside of.
    pub depth: u32,
}

impl<'a> Asked<'a> {
    pub fn whole(
        language: Option<Language>,
        file: &'a str,
        text: &'a str,
        off: &'a [bool],
    ) -> Self {
        Self {
            language,
            file,
            text,
            off,
            is_piece: false,
            depth: 0,
        }
    }
}

/// Longest name of a construct that is kept, in characters.
const NAME_CHARS: usize = 80;

/// What the walk over one tree needs at hand.
struct Walk<'a> {
    grammar: &'a Grammar,
    /// Detectors that can match in the text.
    marks: &'a [bool],
    /// By kind of node, what to try there.
    rules: Vec<Vec<usize>>,
    /// By number, the rules that were needed so far.
    cores: Vec<OnceCell<Option<Arc<RuleCore>>>>,
    compiled: &'a Compiled,
    roles: Vec<u8>,
    /// How many bytes of the text were put before it.
    lead: usize,
    found: Found,
}

const IMPORT: u8 = 1;
const STRING: u8 = 2;
const COMMAND: u8 = 4;
const CALL: u8 = 8;
const EMBED: u8 = 16;

impl Tagger {
    /// Everything that is found in a text.
    ///
    /// # Errors
    /// [`Skipped::TooDeep`] and [`Skipped::TooCostly`].
    pub(super) fn find(&self, asked: &Asked<'_>) -> Result<Found, Skipped> {
        if asked.depth == 0 && self.compiled.too_many() {
            self.release();
        }
        let mut found = Found::default();
        let mut marks = vec![false; self.detectors.len()];
        if let Some(language) = asked.language
            && self.mark(language, asked.text, asked.depth, &mut marks)
        {
            for (mark, off) in marks.iter_mut().zip(asked.off) {
                *mark &= !off;
            }
            if language == Language::Sql {
                self.sql_hits(asked.text, &marks, &mut found.hits);
            } else if let Some(grammar) = self.grammars.get(&language)
                && let Some(tree) = parsed(asked, language)?
            {
                found = self.walk(asked, grammar, &marks, tree)?;
            }
        }
        self.config_hits(asked, &mut found.hits);
        found.hits.sort_unstable();
        let mut known = BTreeSet::new();
        found.hits.retain(|h| known.insert((h.first, h.detector)));
        Ok(found)
    }

    /// Marks the detectors that can match; `false` if nothing can, neither in
    /// the text nor in texts of other languages that it may hold.
    fn mark(&self, language: Language, text: &str, depth: u32, marks: &mut [bool]) -> bool {
        if language == Language::Sql {
            return self.sql_needles.mark(text, marks);
        }
        let Some(grammar) = self.grammars.get(&language) else {
            return false;
        };
        let own = grammar.needles.mark(text, marks);
        let others = if own || depth >= embedded::DEEPEST {
            &[]
        } else {
            embedded::languages(language)
        };
        // What the other texts need decides only whether this one is parsed.
        let mut scratch = vec![false; if others.is_empty() { 0 } else { marks.len() }];
        own || others
            .iter()
            .any(|other| self.mark(*other, text, embedded::DEEPEST, &mut scratch))
    }

    fn walk(
        &self,
        asked: &Asked<'_>,
        grammar: &Grammar,
        marks: &[bool],
        (syntax, lead): (Syntax, usize),
    ) -> Result<Found, Skipped> {
        let mut walk = Walk {
            grammar,
            marks,
            rules: vec![Vec::new(); grammar.kinds],
            cores: vec![OnceCell::new(); grammar.rules.len()],
            compiled: &self.compiled,
            roles: vec![0; grammar.kinds],
            lead,
            found: Found::default(),
        };
        walk.prepare(asked.depth);
        let tree = ast_grep_core::AstGrep::doc(syntax.clone());
        for node in tree.root().dfs() {
            let at = node.get_inner_node();
            let kind = usize::from(at.kind_number());
            let roles = walk.roles.get(kind).copied().unwrap_or_default();
            walk.try_rules(kind, &node, at);
            if roles & EMBED != 0 {
                self.read_embedded(asked, at, &mut walk)?;
            }
            if roles != 0 {
                self.read(roles, at, &mut walk);
            }
        }
        if syntax.is_spent() {
            return Err(Skipped::TooCostly { limit: MAX_STEPS });
        }
        Ok(walk.found)
    }

    /// Code in another language inside of this one.
    fn read_embedded(
        &self,
        asked: &Asked<'_>,
        at: At<'_>,
        walk: &mut Walk<'_>,
    ) -> Result<(), Skipped> {
        for inner in walk.grammar.embeds.read(at) {
            let found = self.find(&Asked {
                language: Some(inner.language),
                file: "",
                text: &inner.text,
                off: asked.off,
                is_piece: false,
                depth: asked.depth + 1,
            })?;
            let imports: Vec<&str> = found.imports.iter().map(String::as_str).collect();
            for hit in found.hits {
                let own = import_doubts(&self.detectors[hit.detector], &imports, true);
                if let Some(doubts) = hit.embedded.or(own) {
                    walk.found.hits.push(Hit {
                        first: hit.first + inner.row,
                        last: hit.last + inner.row,
                        embedded: Some(doubts),
                        ..hit
                    });
                }
            }
        }
        Ok(())
    }

    /// What is no rule: imports, strings, commands.
    fn read(&self, roles: u8, at: At<'_>, walk: &mut Walk<'_>) {
        if roles & IMPORT != 0 {
            walk.import(at);
        }
        if roles & CALL != 0 {
            let field = walk.grammar.call.map_or("", |(_, field)| field);
            let function = at.field_node(field).map(At::source).unwrap_or_default();
            if walk.grammar.import_calls.contains(&function) {
                walk.import(at);
            }
            let ends = |name: &&str| {
                function.strip_suffix(*name).is_some_and(|before| {
                    before.is_empty() || before.ends_with('.') || before.ends_with(':')
                })
            };
            if walk.grammar.runners.iter().any(ends) {
                self.read_run(at, walk);
            }
        }
        if roles & COMMAND != 0 {
            let words = shell::words(at.source());
            for command in self.shell.iter().filter(|c| walk.marks[c.detector]) {
                if shell::is_command(&words, &command.words, &command.flags) {
                    walk.hit(command.detector, at);
                }
            }
        }
        if roles & STRING != 0 {
            self.read_string(at, walk);
        }
    }

    fn read_string(&self, at: At<'_>, walk: &mut Walk<'_>) {
        // A string that is a statement by itself is documentation.
        if at
            .parent_node()
            .is_some_and(|parent| parent.kind_name() == "expression_statement")
        {
            return;
        }
        if walk.grammar.strings.literals.contains(&at.kind_number()) {
            let text = at.source();
            let (start, end) = strings::delimiters(text);
            let inner = text.get(start..end).unwrap_or_default();
            let grammar = walk.grammar;
            for (detector, regex) in &grammar.texts {
                if walk.marks[*detector] && regex.is_match(inner) {
                    walk.hit(*detector, at);
                }
            }
        }
        let Some(joined) = walk.grammar.strings.whole(at) else {
            return;
        };
        if !sql::is_statement(&joined.text) {
            return;
        }
        let mut hits = Vec::new();
        let marks = walk.marks;
        self.sql_offsets(&joined.text, marks, |detector, offset| {
            hits.push((detector, joined.row(offset)));
        });
        for (detector, row) in hits {
            let hit = walk.made(detector, at);
            walk.found.hits.push(Hit {
                first: row,
                last: row,
                ..hit
            });
        }
    }

    /// A call that runs the command which its arguments spell.
    fn read_run(&self, call: At<'_>, walk: &mut Walk<'_>) {
        let wanted = |c: &&super::rules::Command| c.in_strings && walk.marks[c.detector];
        if !self.shell.iter().any(|c| wanted(&c)) {
            return;
        }
        let Some(arguments) = call.field_node("arguments") else {
            return;
        };
        let mut words = Vec::new();
        literals(arguments, walk.grammar, 0, &mut words);
        let words = match words.as_slice() {
            [one] => shell::words(one),
            several => shell::words_of(several),
        };
        let hits: Vec<usize> = self
            .shell
            .iter()
            .filter(wanted)
            .filter(|c| shell::is_command(&words, &c.words, &c.flags))
            .map(|c| c.detector)
            .collect();
        for detector in hits {
            walk.hit(detector, call);
        }
    }

    fn sql_hits(&self, text: &str, marks: &[bool], hits: &mut Vec<Hit>) {
        let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
        self.sql_offsets(text, marks, |detector, offset| {
            let row = ends.partition_point(|end| *end < offset);
            hits.push(Hit {
                first: row,
                last: row,
                detector,
                broken: false,
                within: None,
                embedded: None,
            });
        });
    }

    /// Detectors of SQL that match in a text of it, each with the offset.
    fn sql_offsets(&self, text: &str, marks: &[bool], mut hit: impl FnMut(usize, usize)) {
        let bare = sql::bare(text);
        let lower = bare.to_ascii_lowercase();
        for detector in self.sql.iter().filter(|s| marks[s.detector]) {
            for offset in sql::calls(&lower, &detector.calls) {
                hit(detector.detector, offset);
            }
            if let Some(regex) = &detector.matches {
                let mut start = 0;
                for statement in bare.split(';') {
                    if let Some(found) = regex.find(statement) {
                        // A pattern may take the blanks before it along.
                        let blank = found.as_str().len() - found.as_str().trim_start().len();
                        hit(detector.detector, start + found.start() + blank);
                    }
                    start += statement.len() + 1;
                }
            }
        }
    }

    fn config_hits(&self, asked: &Asked<'_>, hits: &mut Vec<Hit>) {
        if asked.file.is_empty() {
            return;
        }
        let file = asked.file.replace('\\', "/");
        let silenced = |detector: usize| asked.off.get(detector) == Some(&true);
        let mut parsed = config::Parsed::of(asked.text);
        for config in self.configs.iter().filter(|c| !silenced(c.detector)) {
            // A glob names a file by the end of its path.
            let named = suffixes(&file).any(|suffix| config.files.is_match(suffix));
            if !named {
                continue;
            }
            for (row, value) in parsed.find(config.format, &config.path) {
                let says = |wanted: &Wanted| wanted.is_match(&value);
                if config.value.as_ref().is_none_or(says) {
                    let above = config.path.rsplit_once('.').map(|(above, _)| above);
                    hits.push(Hit {
                        first: row,
                        last: row,
                        detector: config.detector,
                        broken: false,
                        within: above.map(str::to_owned),
                        embedded: None,
                    });
                }
            }
        }
    }
}

impl Walk<'_> {
    fn prepare(&mut self, depth: u32) {
        for (number, rule) in self.grammar.rules.iter().enumerate() {
            if !self.marks[rule.detector] {
                continue;
            }
            match &rule.matcher.kinds {
                Some(kinds) => {
                    for kind in kinds {
                        if let Some(rules) = self.rules.get_mut(usize::from(*kind)) {
                            rules.push(number);
                        }
                    }
                }
                None => self.rules.iter_mut().for_each(|rules| rules.push(number)),
            }
        }
        let grammar = self.grammar;
        let embeds: &[u16] = if depth < embedded::DEEPEST {
            &grammar.embeds.kinds
        } else {
            &[]
        };
        let strings = grammar
            .strings
            .literals
            .iter()
            .chain(&grammar.strings.joins);
        let kinds = (grammar.import_kinds.iter().map(|k| (*k, IMPORT)))
            .chain(strings.map(|k| (*k, STRING)))
            .chain(grammar.command_kind.map(|k| (k, COMMAND)))
            .chain(grammar.call.map(|(k, _)| (k, CALL)))
            .chain(embeds.iter().map(|k| (*k, EMBED)));
        for (kind, role) in kinds {
            if let Some(roles) = self.roles.get_mut(usize::from(kind)) {
                *roles |= role;
            }
        }
    }

    fn try_rules(&mut self, kind: usize, node: &Node<'_, Syntax>, at: At<'_>) {
        let rules = self
            .rules
            .get_mut(kind)
            .map(std::mem::take)
            .unwrap_or_default();
        for number in &rules {
            let rule = &self.grammar.rules[*number];
            let core = self.cores[*number].get_or_init(|| rule.matcher.core(self.compiled));
            if core
                .as_ref()
                .is_some_and(|core| core.match_node(node.clone()).is_some())
            {
                self.hit(rule.detector, at);
            }
        }
        if let Some(place) = self.rules.get_mut(kind) {
            *place = rules;
        }
    }

    fn import(&mut self, at: At<'_>) {
        let text = at.source();
        let grammar = self.grammar;
        for (detector, modules) in &grammar.imports {
            if self.marks[*detector] && modules.iter().any(|m| names_module(text, m)) {
                self.hit(*detector, at);
            }
        }
        self.found.imports.push(text.to_owned());
    }

    fn hit(&mut self, detector: usize, at: At<'_>) {
        // What begins before the text was mended in, or stood there before.
        if at.bytes().start < self.lead {
            return;
        }
        let hit = self.made(detector, at);
        self.found.hits.push(hit);
    }

    fn made(&self, detector: usize, at: At<'_>) -> Hit {
        let (first, last) = at.rows();
        let mut broken = at.is_broken();
        let mut within = None;
        let mut above = at.parent_node();
        while let Some(node) = above {
            broken |= node.is_error_node();
            let kind = node.kind_number();
            let scope = self.grammar.scopes.iter().find(|(scope, _)| *scope == kind);
            if within.is_none() {
                let name = scope.and_then(|(_, field)| node.field_node(field));
                within = name.map(At::source).filter(|n| *n != PIECE).map(shown);
            }
            above = node.parent_node();
        }
        Hit {
            first,
            last,
            detector,
            broken,
            within,
            embedded: None,
        }
    }
}

/// The tree of a text, and how many bytes stand before the text in it: a
/// piece of a file is mended first.
fn parsed(asked: &Asked<'_>, language: Language) -> Result<Option<(Syntax, usize)>, Skipped> {
    let Some(parser) = language.grammar() else {
        return Ok(None);
    };
    let mend = asked.is_piece.then(|| mend(asked.text, language)).flatten();
    Ok(Some(match mend {
        Some(Mend { before, behind }) => {
            let text = format!("{before}{}\n{behind}\n", asked.text);
            (Syntax::of(&text, parser)?, before.len())
        }
        None => (Syntax::of(asked.text, parser)?, 0),
    }))
}

/// String literals of a call's arguments, also inside lists, until the first
/// argument that is neither.
fn literals(node: At<'_>, grammar: &Grammar, depth: u32, words: &mut Vec<String>) {
    for child in node.child_nodes() {
        if grammar.strings.literals.contains(&child.kind_number()) {
            let text = child.source();
            let (start, end) = strings::delimiters(text);
            words.push(text.get(start..end).unwrap_or_default().to_owned());
        } else if depth == 0 && matches!(child.kind_name(), "list" | "tuple" | "array") {
            literals(child, grammar, 1, words);
        }
    }
}

/// A name without line breaks and control characters, cut to what fits.
pub(super) fn shown(name: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    name.chars().map(plain).take(NAME_CHARS).collect()
}

fn suffixes(path: &str) -> impl Iterator<Item = &str> {
    let starts = path.match_indices('/').map(|(at, _)| at + 1);
    std::iter::once(0).chain(starts).map(|at| &path[at..])
}

/// Whether an import's text names this module as whole path parts.
pub(super) fn names_module(text: &str, module: &str) -> bool {
    text.match_indices(module).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + module.len()..].chars().next();
        let word = |c: char| c.is_alphanumeric() || c == '_';
        !before.is_some_and(|c| word(c) || matches!(c, '.' | '/' | '@' | '-'))
            && !after.is_some_and(|c| word(c) || matches!(c, '/' | '-'))
    })
}
