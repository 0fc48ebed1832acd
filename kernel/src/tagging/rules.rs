//! Detectors: what the tagger holds while it works.
//!
//! Rules and regular expressions are large once they are compiled, and a text needs few of them: they are
//! compiled where a text first needs them (`lazy`). Those of the built-in catalogue are known to compile; all
//! others are checked at once, so that a mistake in one is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use ast_grep_core::Language as _;
use ast_grep_core::tree_sitter::LanguageExt as _;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::language::Language;
use super::lazy::{Compiled, Matcher, Wanted};
use super::needles::{self, Needles};
use super::plan::Names;
use super::strings;
use crate::catalogue::{Catalogue, Concept, ConfigFormat, Detector, Judged, Seek, Strength};
use crate::ids::Slug;

/// Why a detector does not compile.
#[derive(Debug, thiserror::Error)]
#[error("{concept}, detector {detector}: {reason}")]
pub struct Error {
    /// The concept.
    pub concept: Slug,
    /// The detector's id.
    pub detector: String,
    /// What is wrong with it, with the compiler's causes.
    pub reason: String,
}

impl Error {
    /// Code printed in the manual. Never reused.
    pub fn code(&self) -> &'static str {
        "K110"
    }
}

/// Why a detector is not used.
#[derive(Clone, Debug, PartialEq)]
pub enum Rest {
    /// This build has no grammar of its language.
    NoGrammar {
        /// The language's name.
        language: String,
    },
    /// Readers called too many of its concept's tags wrong.
    Imprecise(Judged),
}

impl std::fmt::Display for Rest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoGrammar { language } => write!(f, "no grammar of {language} in this build"),
            Self::Imprecise(verdicts) => {
                let precision = verdicts.precision().unwrap_or_default();
                let judged = verdicts.judged;
                write!(
                    f,
                    "measured precision {precision:.2} of {judged} judged tags"
                )
            }
        }
    }
}

/// A detector that is not used, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Resting {
    /// The concept.
    pub concept: Slug,
    /// The detector's id.
    pub detector: String,
    /// The reason.
    pub why: Rest,
}

/// All detectors of a catalogue, ready to look.
pub struct Tagger {
    pub(super) detectors: Vec<Known>,
    pub(super) grammars: BTreeMap<Language, Grammar>,
    pub(super) sql: Vec<Sql>,
    pub(super) shell: Vec<Command>,
    pub(super) configs: Vec<Config>,
    pub(super) names: Names,
    /// What SQL alone needs, for files of it.
    pub(super) sql_needles: Needles,
    resting: Vec<Resting>,
    /// Whether all is checked when it is added.
    at_once: bool,
    pub(super) compiled: Compiled,
}

/// A detector's name, strength and conditions; its position is its number.
pub(super) struct Known {
    pub concept: Slug,
    pub id: String,
    pub strength: Strength,
    pub judged: Judged,
    pub needs_import: Vec<String>,
    pub unless_import: Vec<String>,
}

/// What is looked for in the syntax trees of one grammar.
#[derive(Default)]
pub(super) struct Grammar {
    pub rules: Vec<Rule>,
    pub imports: Vec<(usize, Vec<String>)>,
    pub texts: Vec<(usize, Arc<Wanted>)>,
    pub needles: Needles,
    /// How many kinds of nodes there are.
    pub kinds: usize,
    pub import_kinds: Vec<u16>,
    pub import_calls: &'static [&'static str],
    pub runners: &'static [&'static str],
    /// Kind of calls, and the field with the function's name.
    pub call: Option<(u16, &'static str)>,
    pub command_kind: Option<u16>,
    pub strings: strings::Numbers,
    /// What in it is written in another language.
    pub embeds: super::embedded::Kinds,
    /// Kinds of named constructs, each with the field of the name.
    pub scopes: Vec<(u16, &'static str)>,
}

pub(super) struct Rule {
    pub detector: usize,
    pub matcher: Matcher,
}

pub(super) struct Sql {
    pub detector: usize,
    pub calls: Vec<String>,
    pub matches: Option<Wanted>,
}

pub(super) struct Command {
    pub detector: usize,
    pub words: Vec<String>,
    pub flags: Vec<String>,
    pub in_strings: bool,
}

pub(super) struct Config {
    pub detector: usize,
    pub files: GlobSet,
    pub format: ConfigFormat,
    pub path: String,
    pub value: Option<Wanted>,
}

impl Tagger {
    /// Compiles the detectors of a catalogue, without the concepts that
    /// readers found too imprecise.
    ///
    /// # Errors
    /// [`Error`] for the first rule, pattern or glob that does not compile, or
    /// a language that does not exist.
    pub fn new(catalogue: &Catalogue) -> Result<Self, Error> {
        Self::of(catalogue, true, true)
    }

    /// As [`Tagger::new`], of a catalogue whose detectors are known to compile: each is compiled where a text
    /// first needs it.
    pub(super) fn proven(catalogue: &Catalogue) -> Result<Self, Error> {
        Self::of(catalogue, true, false)
    }

    /// Compiles all detectors, also of concepts that are switched off: to
    /// check them, and to measure again what they are worth.
    ///
    /// # Errors
    /// As [`Tagger::new`].
    pub fn unjudged(catalogue: &Catalogue) -> Result<Self, Error> {
        Self::of(catalogue, false, true)
    }

    fn of(catalogue: &Catalogue, judged: bool, at_once: bool) -> Result<Self, Error> {
        let mut tagger = Self {
            detectors: Vec::new(),
            grammars: grammars(),
            sql: Vec::new(),
            shell: Vec::new(),
            configs: Vec::new(),
            names: Names::default(),
            sql_needles: Needles::default(),
            resting: Vec::new(),
            at_once,
            compiled: Compiled::default(),
        };
        for concept in catalogue.iter() {
            let verdicts = catalogue.judged(&concept.slug);
            for detector in concept.detectors.iter().filter(|d| !d.retired) {
                if judged && verdicts.is_off() {
                    tagger.rest(concept, detector, Rest::Imprecise(verdicts));
                    continue;
                }
                tagger
                    .add(concept, detector, verdicts)
                    .map_err(|reason| Error {
                        concept: concept.slug.clone(),
                        detector: detector.id.clone(),
                        reason,
                    })?;
            }
        }
        tagger.finish(catalogue).map_err(|(slug, reason)| Error {
            concept: slug,
            detector: String::new(),
            reason,
        })?;
        Ok(tagger)
    }

    /// Builds the searches over all detectors.
    fn finish(&mut self, catalogue: &Catalogue) -> Result<(), (Slug, String)> {
        let Some(first) = catalogue.iter().next() else {
            return Ok(());
        };
        let whole = |reason| (first.slug.clone(), reason);
        for grammar in self.grammars.values_mut() {
            grammar.needles.build().map_err(whole)?;
        }
        self.sql_needles.build().map_err(whole)?;
        self.names = Names::new(catalogue).map_err(whole)?;
        Ok(())
    }

    /// Lets all compiled rules go; they are compiled again where they are needed.
    pub(super) fn release(&self) {
        for rule in self.grammars.values().flat_map(|grammar| &grammar.rules) {
            rule.matcher.release(&self.compiled);
        }
    }

    /// Detectors that are not used, each with the reason.
    pub fn resting(&self) -> &[Resting] {
        &self.resting
    }

    /// Concepts that are switched off, because readers called too many of
    /// their tags wrong.
    #[must_use]
    pub fn switched_off(&self) -> Vec<(Slug, Judged)> {
        let off = self
            .resting
            .iter()
            .filter_map(|resting| match &resting.why {
                Rest::Imprecise(verdicts) => Some((resting.concept.clone(), *verdicts)),
                Rest::NoGrammar { .. } => None,
            });
        let mut off: Vec<_> = off.collect();
        off.dedup_by(|a, b| a.0 == b.0);
        off
    }

    fn add(
        &mut self,
        concept: &Concept,
        detector: &Detector,
        judged: Judged,
    ) -> Result<(), String> {
        let number = self.detectors.len();
        match &detector.seek {
            Seek::Code {
                language,
                rule,
                constraints,
            } => {
                let Some(language) = self.family(language, concept, detector)? else {
                    return Ok(());
                };
                for member in language.family() {
                    match self.matcher(*member, rule, constraints.as_ref()) {
                        Ok((matcher, needs)) => {
                            let grammar = self.grammar(*member);
                            grammar.needles.add(number, needs);
                            grammar.rules.push(Rule {
                                detector: number,
                                matcher,
                            });
                        }
                        // A dialect may lack a kind that the rule names.
                        Err(_) if *member != language => {}
                        Err(reason) => return Err(reason),
                    }
                }
            }
            Seek::Import { language, modules } => {
                let Some(language) = self.family(language, concept, detector)? else {
                    return Ok(());
                };
                for member in language.family() {
                    let grammar = self.grammar(*member);
                    grammar.imports.push((number, modules.clone()));
                    grammar.needles.add(number, needles::of_words(modules));
                }
            }
            Seek::Sql { calls, matches } => {
                let matches_needs = matches.as_deref().map(needles::of_regex);
                let wanted = matches
                    .as_deref()
                    .map(|text| self.wanted(text))
                    .transpose()?;
                let needs = match (needles::of_words(calls), matches_needs) {
                    (needs, None) => needs,
                    (_, Some(needs)) if calls.is_empty() => needs,
                    (Some(a), Some(Some(b))) => Some([a, b].concat()),
                    _ => None,
                };
                self.sql_needles.add(number, needs.clone());
                for grammar in self.grammars.values_mut().filter(|g| g.has_strings()) {
                    grammar.needles.add(number, needs.clone());
                }
                self.sql.push(Sql {
                    detector: number,
                    calls: calls.iter().map(|c| c.to_ascii_lowercase()).collect(),
                    matches: wanted,
                });
            }
            Seek::Text { language, matches } => {
                let wanted = Arc::new(self.wanted(matches)?);
                let members = match language {
                    None => &Language::WITH_GRAMMAR[..],
                    Some(name) => match self.family(name, concept, detector)? {
                        Some(language) => language.family(),
                        None => return Ok(()),
                    },
                };
                let needs = needles::of_regex(matches);
                for member in members {
                    let grammar = self.grammar(*member);
                    if grammar.has_strings() {
                        grammar.texts.push((number, Arc::clone(&wanted)));
                        grammar.needles.add(number, needs.clone());
                    }
                }
            }
            Seek::Shell {
                command,
                flags,
                in_strings,
            } => {
                let longest = command.iter().max_by_key(|word| word.len());
                let needs = needles::of_words(longest);
                for grammar in self.grammars.values_mut() {
                    if grammar.command_kind.is_some() || *in_strings && !grammar.runners.is_empty()
                    {
                        grammar.needles.add(number, needs.clone());
                    }
                }
                self.shell.push(Command {
                    detector: number,
                    words: command.clone(),
                    flags: flags.clone(),
                    in_strings: *in_strings,
                });
            }
            Seek::Config {
                files,
                format,
                path,
                value,
            } => {
                let mut globs = GlobSetBuilder::new();
                for file in files {
                    let glob = GlobBuilder::new(file).literal_separator(false).build();
                    globs.add(glob.map_err(|e| e.to_string())?);
                }
                let value = value.as_deref().map(|text| self.wanted(text)).transpose()?;
                self.configs.push(Config {
                    detector: number,
                    files: globs.build().map_err(|e| e.to_string())?,
                    format: *format,
                    path: path.clone(),
                    value,
                });
            }
        }
        self.detectors.push(Known {
            concept: concept.slug.clone(),
            id: detector.id.clone(),
            strength: detector.strength,
            judged,
            needs_import: detector.needs_import.clone(),
            unless_import: detector.unless_import.clone(),
        });
        Ok(())
    }

    /// The language of a detector; `None` if it has no grammar, and the
    /// detector rests.
    fn family(
        &mut self,
        name: &str,
        concept: &Concept,
        detector: &Detector,
    ) -> Result<Option<Language>, String> {
        match Language::named(name) {
            Ok(Some(language)) if !language.family().is_empty() => Ok(Some(language)),
            Ok(None) => {
                let language = name.to_owned();
                self.rest(concept, detector, Rest::NoGrammar { language });
                Ok(None)
            }
            _ => Err(format!(
                "`{name}` is no language that detectors are written for"
            )),
        }
    }

    fn rest(&mut self, concept: &Concept, detector: &Detector, why: Rest) {
        self.resting.push(Resting {
            concept: concept.slug.clone(),
            detector: detector.id.clone(),
            why,
        });
    }

    fn wanted(&self, pattern: &str) -> Result<Wanted, String> {
        let wanted = Wanted::new(pattern);
        if self.at_once {
            wanted.compile()?;
        }
        Ok(wanted)
    }

    fn matcher(
        &self,
        language: Language,
        rule: &serde_json::Value,
        constraints: Option<&serde_json::Value>,
    ) -> Result<(Matcher, needles::Needs), String> {
        let grammar = language.grammar().ok_or("there is no grammar")?;
        let matcher = Matcher::new(grammar, rule, constraints)?;
        if self.at_once {
            matcher.check()?;
        }
        Ok((matcher, needles::of_rule(rule, constraints, grammar)))
    }

    fn grammar(&mut self, language: Language) -> &mut Grammar {
        self.grammars.entry(language).or_default()
    }
}

impl Grammar {
    fn has_strings(&self) -> bool {
        !self.strings.literals.is_empty()
    }
}

impl std::fmt::Debug for Tagger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tagger")
            .field("detectors", &self.detectors.len())
            .finish_non_exhaustive()
    }
}

fn grammars() -> BTreeMap<Language, Grammar> {
    let mut all = BTreeMap::new();
    for language in Language::WITH_GRAMMAR {
        let Some(grammar) = language.grammar() else {
            continue;
        };
        let id = |name: &&str| grammar.kind_to_id(name);
        let ids = |names: &[&str]| names.iter().map(id).collect();
        let kinds = strings::Kinds::of(language);
        all.insert(
            language,
            Grammar {
                kinds: grammar.get_ts_language().node_kind_count(),
                import_kinds: ids(language.import_kinds()),
                import_calls: language.import_calls(),
                runners: language.runners(),
                call: language.call().map(|(kind, field)| (id(&kind), field)),
                command_kind: (language == Language::Bash).then(|| id(&"command")),
                strings: strings::Numbers {
                    literals: ids(kinds.literals),
                    joins: ids(kinds.joins),
                    places: ids(kinds.places),
                },
                embeds: super::embedded::Kinds::of(language, grammar),
                scopes: language
                    .scopes()
                    .iter()
                    .map(|(kind, field)| (id(kind), *field))
                    .collect(),
                ..Grammar::default()
            },
        );
    }
    all
}
