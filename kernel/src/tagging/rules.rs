//! Detectors, compiled: what the tagger holds while it works.

use std::collections::{BTreeMap, HashMap};

use ast_grep_config::{DeserializeEnv, RuleCore, SerializableRuleCore};
use ast_grep_core::{Language as _, Matcher as _};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use regex::Regex;

use super::language::Language;
use crate::catalogue::{Catalogue, Concept, ConfigFormat, Detector, Seek, Strength};
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

/// All detectors of a catalogue, compiled.
pub struct Tagger {
    pub(super) detectors: Vec<Known>,
    pub(super) grammars: BTreeMap<Language, Grammar>,
    pub(super) sql: Vec<(usize, Vec<String>)>,
    pub(super) shell: Vec<Command>,
    pub(super) configs: Vec<Config>,
    resting: Vec<(Slug, String)>,
}

/// A detector's name and strength; its position is its number.
pub(super) struct Known {
    pub concept: Slug,
    pub id: String,
    pub strength: Strength,
}

/// What is looked for in the syntax trees of one grammar.
#[derive(Default)]
pub(super) struct Grammar {
    rules: Vec<(usize, RuleCore)>,
    by_kind: HashMap<u16, Vec<usize>>,
    any_kind: Vec<usize>,
    pub imports: Vec<(usize, Vec<String>)>,
    pub import_kinds: Vec<u16>,
    pub texts: Vec<(usize, Regex)>,
    pub string_kinds: Vec<u16>,
    pub command_kind: Option<u16>,
}

impl Grammar {
    /// The rules that can match a node of this kind.
    pub fn rules(&self, kind: u16) -> impl Iterator<Item = &(usize, RuleCore)> {
        let own = self
            .by_kind
            .get(&kind)
            .map(Vec::as_slice)
            .unwrap_or_default();
        own.iter().chain(&self.any_kind).map(|at| &self.rules[*at])
    }

    fn add(&mut self, detector: usize, rule: RuleCore) {
        let at = self.rules.len();
        match rule.potential_kinds() {
            Some(kinds) => {
                for kind in kinds.iter().filter_map(|k| u16::try_from(k).ok()) {
                    self.by_kind.entry(kind).or_default().push(at);
                }
            }
            None => self.any_kind.push(at),
        }
        self.rules.push((detector, rule));
    }
}

pub(super) struct Command {
    pub detector: usize,
    pub words: Vec<String>,
    pub flags: Vec<String>,
}

pub(super) struct Config {
    pub detector: usize,
    pub files: GlobSet,
    pub format: ConfigFormat,
    pub path: String,
    pub value: Option<Regex>,
}

impl Tagger {
    /// Compiles the detectors of a catalogue.
    ///
    /// # Errors
    /// [`Error`] for the first rule, pattern or glob that does not compile, or
    /// a language that does not exist.
    pub fn new(catalogue: &Catalogue) -> Result<Self, Error> {
        let mut tagger = Self {
            detectors: Vec::new(),
            grammars: grammars(),
            sql: Vec::new(),
            shell: Vec::new(),
            configs: Vec::new(),
            resting: Vec::new(),
        };
        for concept in catalogue.iter() {
            for detector in concept.detectors.iter().filter(|d| !d.retired) {
                tagger.add(concept, detector).map_err(|reason| Error {
                    concept: concept.slug.clone(),
                    detector: detector.id.clone(),
                    reason,
                })?;
            }
        }
        Ok(tagger)
    }

    /// Detectors that are not used, because this build has no grammar of
    /// their language.
    pub fn resting(&self) -> &[(Slug, String)] {
        &self.resting
    }

    fn add(&mut self, concept: &Concept, detector: &Detector) -> Result<(), String> {
        let number = self.detectors.len();
        let family = |name: &str| match Language::named(name) {
            Ok(Some(language)) if !language.family().is_empty() => Ok(Some(language)),
            Ok(None) => Ok(None),
            _ => Err(format!(
                "`{name}` is no language that detectors are written for"
            )),
        };
        match &detector.seek {
            Seek::Code {
                language,
                rule,
                constraints,
            } => {
                let Some(language) = family(language)? else {
                    return self.rest(concept, detector);
                };
                for member in language.family() {
                    match compile(*member, rule, constraints.as_ref()) {
                        Ok(compiled) => self.grammar(*member).add(number, compiled),
                        // A dialect may lack a kind that the rule names.
                        Err(_) if *member != language => {}
                        Err(reason) => return Err(reason),
                    }
                }
            }
            Seek::Import { language, modules } => {
                let Some(language) = family(language)? else {
                    return self.rest(concept, detector);
                };
                for member in language.family() {
                    self.grammar(*member)
                        .imports
                        .push((number, modules.clone()));
                }
            }
            Seek::Sql { calls } => self.sql.push((number, calls.clone())),
            Seek::Text { language, matches } => {
                let regex = Regex::new(matches).map_err(|e| e.to_string())?;
                let members = match language {
                    None => &Language::WITH_GRAMMAR[..],
                    Some(name) => match family(name)? {
                        Some(language) => language.family(),
                        None => return self.rest(concept, detector),
                    },
                };
                for member in members {
                    self.grammar(*member).texts.push((number, regex.clone()));
                }
            }
            Seek::Shell { command, flags } => {
                let (words, flags) = (command.clone(), flags.clone());
                self.shell.push(Command {
                    detector: number,
                    words,
                    flags,
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
                let value = value.as_deref().map(Regex::new).transpose();
                self.configs.push(Config {
                    detector: number,
                    files: globs.build().map_err(|e| e.to_string())?,
                    format: *format,
                    path: path.clone(),
                    value: value.map_err(|e| e.to_string())?,
                });
            }
        }
        self.detectors.push(Known {
            concept: concept.slug.clone(),
            id: detector.id.clone(),
            strength: detector.strength,
        });
        Ok(())
    }

    fn rest(&mut self, concept: &Concept, detector: &Detector) -> Result<(), String> {
        self.resting
            .push((concept.slug.clone(), detector.id.clone()));
        Ok(())
    }

    fn grammar(&mut self, language: Language) -> &mut Grammar {
        self.grammars.entry(language).or_default()
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
        let kinds = |names: &[&str]| names.iter().map(|n| grammar.kind_to_id(n)).collect();
        all.insert(
            language,
            Grammar {
                import_kinds: kinds(language.import_kinds()),
                string_kinds: kinds(language.string_kinds()),
                command_kind: (language == Language::Bash).then(|| grammar.kind_to_id("command")),
                ..Grammar::default()
            },
        );
    }
    all
}

fn compile(
    language: Language,
    rule: &serde_json::Value,
    constraints: Option<&serde_json::Value>,
) -> Result<RuleCore, String> {
    let grammar = language.grammar().ok_or("there is no grammar")?;
    let mut object = serde_json::Map::new();
    object.insert("rule".to_owned(), rule.clone());
    if let Some(constraints) = constraints {
        object.insert("constraints".to_owned(), constraints.clone());
    }
    let core: SerializableRuleCore = serde_json::from_value(serde_json::Value::Object(object))
        .map_err(|error| causes(&error))?;
    core.get_matcher(DeserializeEnv::new(grammar))
        .map_err(|error| causes(&error))
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
