//! Rules and regular expressions that are compiled where they are first needed.
//!
//! Compiled, a rule takes about 180 KiB, most of it its regular expressions, and the catalogue has hundreds, in
//! several dialects each; a text needs few. Until one is needed it stays text, and
//! above [`MOST`] all are let go, so that a process that runs for weeks does not collect them.
//!
//! Invariant: when something is compiled changes no result. What does not compile matches nothing; that of the
//! built-in catalogue everything does, is a test of this crate.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ast_grep_config::{DeserializeEnv, RuleCore, SerializableRuleCore};
use ast_grep_core::Matcher as _;
use ast_grep_language::SupportLang;
use regex::Regex;
use serde_json::{Map, Value};

/// Rules that are kept compiled, about 23 MiB: more than a text of any one language needs, so that none is compiled
/// twice for one text. Python, which has the most, has 82.
pub(super) const MOST: usize = 128;

/// How many rules are compiled.
#[derive(Default)]
pub(super) struct Compiled(AtomicUsize);

impl Compiled {
    pub fn too_many(&self) -> bool {
        self.0.load(Ordering::Relaxed) > MOST
    }
}

/// A regular expression; there are too few of them to let one go.
pub(super) struct Wanted {
    pattern: Box<str>,
    compiled: OnceLock<Option<Regex>>,
}

impl Wanted {
    pub fn new(pattern: &str) -> Self {
        Self {
            pattern: pattern.into(),
            compiled: OnceLock::new(),
        }
    }

    /// Compiles it now, if it is not yet.
    pub fn compile(&self) -> Result<(), String> {
        let compiled = Regex::new(&self.pattern).map_err(|error| error.to_string())?;
        self.compiled.get_or_init(|| Some(compiled));
        Ok(())
    }

    fn regex(&self) -> Option<&Regex> {
        let compiled = self.compiled.get_or_init(|| Regex::new(&self.pattern).ok());
        compiled.as_ref()
    }

    pub fn is_match(&self, text: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text))
    }

    pub fn find<'t>(&self, text: &'t str) -> Option<regex::Match<'t>> {
        self.regex()?.find(text)
    }
}

/// A rule of ast-grep's with its constraints, in one language.
pub(super) struct Matcher {
    /// Kinds of the nodes that can match; `None`: all.
    pub kinds: Option<Vec<u16>>,
    language: SupportLang,
    /// As JSON.
    text: Box<str>,
    kept: Mutex<Option<Arc<RuleCore>>>,
}

impl Matcher {
    /// Checks everything of a rule but its regular expressions.
    pub fn new(
        language: SupportLang,
        rule: &Value,
        constraints: Option<&Value>,
    ) -> Result<Self, String> {
        let mut object = Map::new();
        object.insert("rule".to_owned(), rule.clone());
        if let Some(constraints) = constraints {
            object.insert("constraints".to_owned(), constraints.clone());
        }
        let mut object = Value::Object(object);
        let text = object.to_string().into();
        // Neither the kinds nor the names in it depend on them.
        without_regexes(&mut object);
        let kinds = compiled(language, object)?.potential_kinds();
        Ok(Self {
            kinds: kinds.map(|all| all.iter().filter_map(|k| u16::try_from(k).ok()).collect()),
            language,
            text,
            kept: Mutex::new(None),
        })
    }

    fn whole(&self) -> Result<RuleCore, String> {
        let object = serde_json::from_str(&self.text).map_err(|error| error.to_string())?;
        compiled(self.language, object)
    }

    /// Says whether it compiles, regular expressions included; keeps nothing.
    pub fn check(&self) -> Result<(), String> {
        self.whole().map(drop)
    }

    /// The rule, compiled; whoever holds it may use it also after [`Matcher::release`].
    pub fn core(&self, count: &Compiled) -> Option<Arc<RuleCore>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_none() {
            *kept = Some(Arc::new(self.whole().ok()?));
            count.0.fetch_add(1, Ordering::Relaxed);
        }
        kept.clone()
    }

    pub fn release(&self, count: &Compiled) {
        let kept = self
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if kept.is_some() {
            count.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn compiled(language: SupportLang, object: Value) -> Result<RuleCore, String> {
    let core: SerializableRuleCore =
        serde_json::from_value(object).map_err(|error| causes(&error))?;
    core.get_matcher(DeserializeEnv::new(language))
        .map_err(|error| causes(&error))
}

/// Puts the smallest regular expression in the place of each.
fn without_regexes(value: &mut Value) {
    match value {
        Value::Object(keys) => {
            for (key, value) in keys {
                match value {
                    Value::String(text) if key == "regex" => "x".clone_into(text),
                    value => without_regexes(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(without_regexes),
        _ => {}
    }
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

#[cfg(test)]
mod tests {
    use super::super::Tagger;
    use super::super::language::Language;
    use super::super::scan::Asked;
    use super::*;
    use crate::catalogue::Catalogue;

    #[test]
    fn rules_that_are_let_go_and_compiled_again_find_the_same() {
        let catalogue = Catalogue::builtin();
        let at_first = Tagger::new(catalogue).expect("the rules compile");
        let lazily = Tagger::proven(catalogue).expect("the rules compile");
        assert_eq!(lazily.compiled.0.load(Ordering::Relaxed), 0);
        let (mut texts, mut let_go) = (0, 0);
        for detector in catalogue.iter().flat_map(|concept| &concept.detectors) {
            for example in detector.positive.iter().chain(&detector.negative) {
                let language = example.language.as_deref().map(Language::named);
                let Some(Ok(language)) = language else {
                    continue;
                };
                let file = example.file.as_deref().unwrap_or_default();
                let asked = Asked::whole(language, file, &example.code, &[]);
                let_go += usize::from(lazily.compiled.too_many());
                let found = lazily.find(&asked).expect("small").hits;
                at_first.release();
                assert_eq!(found, at_first.find(&asked).expect("small").hits);
                texts += 1;
                // One text brings no more than its language has.
                assert!(lazily.compiled.0.load(Ordering::Relaxed) <= MOST + 100);
            }
        }
        assert!(texts > 300 && let_go > 1, "{texts} texts, {let_go} times");
    }
}
