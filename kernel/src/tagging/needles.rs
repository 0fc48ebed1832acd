//! What a text has to contain for a detector to have a chance.
//!
//! Most detectors name something: a function, a module, a keyword. One pass
//! over the text tells which of them can match at all; where none can, the
//! text is not even parsed. A detector that names nothing is always tried.
//!
//! Invariant: a needle is only taken where the detector cannot match without
//! it; case of ASCII letters is ignored throughout.

use aho_corasick::AhoCorasick;
use ast_grep_core::Pattern;
use ast_grep_language::SupportLang;
use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::Value;

/// Shortest needle, in bytes: shorter ones are in every text.
const SHORTEST: usize = 2;
/// Most alternatives that are looked for in the place of one.
const MOST: usize = 64;

/// One of these has to occur; `None` if nothing has to.
pub(super) type Needs = Option<Vec<String>>;

/// The needles of many detectors.
#[derive(Default)]
pub(super) struct Needles {
    words: Vec<String>,
    owners: Vec<usize>,
    always: Vec<usize>,
    search: Option<AhoCorasick>,
}

impl Needles {
    pub fn add(&mut self, detector: usize, needs: Needs) {
        match needs {
            Some(words) => {
                for word in words {
                    self.words.push(word.to_lowercase());
                    self.owners.push(detector);
                }
            }
            None => self.always.push(detector),
        }
    }

    /// Makes it ready to search.
    pub fn build(&mut self) -> Result<(), String> {
        let search = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(&self.words)
            .map_err(|error| error.to_string())?;
        self.search = Some(search);
        Ok(())
    }

    /// Marks the detectors that can match in the text; `false` if none can.
    pub fn mark(&self, text: &str, marks: &mut [bool]) -> bool {
        let mut any = !self.always.is_empty();
        for detector in &self.always {
            marks[*detector] = true;
        }
        if let Some(search) = &self.search {
            for found in search.find_overlapping_iter(text) {
                marks[self.owners[found.pattern().as_usize()]] = true;
                any = true;
            }
        }
        any
    }
}

/// The longer the shortest word, the rarer.
fn better(a: Needs, b: Needs) -> Needs {
    let worth = |words: &Vec<String>| words.iter().map(String::len).min().unwrap_or(0);
    match (a, b) {
        (Some(a), Some(b)) => Some(if worth(&b) > worth(&a) { b } else { a }),
        (a, b) => a.or(b),
    }
}

fn words(words: Vec<String>) -> Needs {
    let fit = (1..=MOST).contains(&words.len()) && words.iter().all(|w| w.len() >= SHORTEST);
    fit.then_some(words)
}

fn either(all: impl IntoIterator<Item = Needs>) -> Needs {
    let mut found = Vec::new();
    for needs in all {
        found.extend(needs?);
    }
    words(found)
}

/// Needs of literal words, each of them enough.
pub(super) fn of_words<'a>(all: impl IntoIterator<Item = &'a String>) -> Needs {
    words(all.into_iter().cloned().collect())
}

/// Needs of an ast-grep rule with its constraints.
pub(super) fn of_rule(rule: &Value, constraints: Option<&Value>, language: SupportLang) -> Needs {
    let mut needs = of_object(rule, language);
    let patterns = patterns(rule);
    for (name, constraint) in constraints.and_then(Value::as_object).into_iter().flatten() {
        // A variable of a pattern that has to match is bound.
        let variable = format!("${name}");
        let bound = |pattern: &&str| {
            pattern.match_indices(&variable).any(|(at, _)| {
                let after = pattern[at + variable.len()..].chars().next();
                !pattern[..at].ends_with('$')
                    && !after.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
            })
        };
        if patterns.iter().any(bound) {
            needs = better(needs, of_object(constraint, language));
        }
    }
    needs
}

/// The patterns that the rule's node itself has to match.
fn patterns(rule: &Value) -> Vec<&str> {
    let own = match rule.get("pattern") {
        Some(Value::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let all = rule.get("all").and_then(Value::as_array);
    own.into_iter()
        .chain(all.into_iter().flatten().flat_map(patterns))
        .collect()
}

fn of_object(rule: &Value, language: SupportLang) -> Needs {
    let mut needs = None;
    for (key, value) in rule.as_object().into_iter().flatten() {
        let own = match (key.as_str(), value) {
            ("pattern", value) => of_pattern(value, language),
            ("regex", Value::String(text)) => of_regex(text),
            ("kind", Value::String(kind)) => of_kind(kind, language),
            ("all", Value::Array(rules)) => rules
                .iter()
                .map(|rule| of_object(rule, language))
                .fold(None, better),
            ("any", Value::Array(rules)) => {
                either(rules.iter().map(|rule| of_object(rule, language)))
            }
            ("has" | "inside" | "follows" | "precedes", relation) => {
                let mut inner = relation.clone();
                if let Some(inner) = inner.as_object_mut() {
                    inner.remove("stopBy");
                }
                of_object(&inner, language)
            }
            _ => None,
        };
        needs = better(needs, own);
    }
    needs
}

/// Words without which the grammar makes no node of a kind. Bash has two
/// words for some of its kinds, so of it nothing is said.
fn of_kind(kind: &str, language: SupportLang) -> Needs {
    if language == SupportLang::Bash {
        return None;
    }
    let all: &[&str] = match kind {
        "await" | "await_expression" => &["await"],
        "channel_type" => &["chan"],
        "class_declaration" | "class_definition" => &["class"],
        "decorated_definition" if language == SupportLang::Python => &["def", "class"],
        "defer_statement" => &["defer"],
        "dictionary_splat_pattern" => &["**"],
        "except_clause" => &["except"],
        "generator_expression"
        | "list_comprehension"
        | "dictionary_comprehension"
        | "set_comprehension"
        | "for_in_statement"
        | "for_statement" => &["for"],
        "global_statement" => &["global"],
        "go_statement" => &["go"],
        "lambda" | "lambda_parameters" => &["lambda"],
        "match_statement" => &["match"],
        "new_expression" => &["new"],
        "nonlocal_statement" => &["nonlocal"],
        "parameters" | "default_parameter" | "typed_default_parameter"
            if language == SupportLang::Python =>
        {
            &["def", "lambda"]
        }
        "raise_statement" => &["raise"],
        "select_statement" => &["select"],
        "send_statement" => &["<-"],
        "throw_statement" => &["throw"],
        "with_clause" | "with_item" | "with_statement" => &["with"],
        "yield" | "yield_expression" => &["yield"],
        _ => return None,
    };
    words(all.iter().map(|word| (*word).to_owned()).collect())
}

fn of_pattern(value: &Value, language: SupportLang) -> Needs {
    let pattern = match value {
        Value::String(text) => Pattern::try_new(text, language).ok()?,
        Value::Object(parts) => {
            // A signature compares kinds alone.
            let strictness = parts.get("strictness").and_then(Value::as_str);
            if strictness == Some("signature") {
                return None;
            }
            let context = parts.get("context")?.as_str()?;
            match parts.get("selector").and_then(Value::as_str) {
                Some(selector) => Pattern::contextual(context, selector, language).ok()?,
                None => Pattern::try_new(context, language).ok()?,
            }
        }
        _ => return None,
    };
    words(vec![pattern.fixed_string().into_owned()])
}

/// Needs of a regular expression.
pub(super) fn of_regex(pattern: &str) -> Needs {
    of_hir(&regex_syntax::parse(pattern).ok()?)
}

fn of_hir(hir: &Hir) -> Needs {
    match hir.kind() {
        HirKind::Literal(_) | HirKind::Class(_) => words(vec![plain(hir)?]),
        HirKind::Capture(capture) => of_hir(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => of_hir(&repetition.sub),
        HirKind::Alternation(all) => either(all.iter().map(of_hir)),
        HirKind::Concat(all) => {
            let mut needs = None;
            let mut run = String::new();
            for part in all {
                match plain(part) {
                    Some(text) => run.push_str(&text),
                    None => {
                        needs = better(needs, words(vec![std::mem::take(&mut run)]));
                        needs = better(needs, of_hir(part));
                    }
                }
            }
            better(needs, words(vec![run]))
        }
        _ => None,
    }
}

/// Text that stands for itself, or a letter whose case does not matter.
fn plain(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Literal(literal) => String::from_utf8(literal.0.to_vec()).ok(),
        HirKind::Class(Class::Unicode(class)) => {
            let mut letters = class
                .iter()
                .take(8)
                .flat_map(|range| range.start()..=range.end())
                .filter(char::is_ascii)
                .take(3);
            let (a, b) = (letters.next()?, letters.next()?);
            let pair = letters.next().is_none() && a.eq_ignore_ascii_case(&b);
            (pair && a.is_ascii_alphabetic()).then(|| b.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(needs: Needs) -> Option<Vec<String>> {
        needs.map(|mut words| {
            words.sort();
            words
        })
    }

    fn said(words: &[&str]) -> Option<Vec<String>> {
        Some(words.iter().map(|w| (*w).to_owned()).collect())
    }

    #[test]
    fn a_regex_needs_its_literal_parts() {
        assert_eq!(of_regex("^pg_advisory"), said(&["pg_advisory"]));
        assert_eq!(
            sorted(of_regex("^(sleep|waits)$")),
            said(&["sleep", "waits"])
        );
        assert_eq!(of_regex(r"(?i)for\s+update"), said(&["update"]));
        assert_eq!(of_regex("(ab)?cde*"), said(&["cd"]));
        assert_eq!(of_regex("x*|abc"), None);
        assert_eq!(of_regex("[a-z]+"), None);
        assert_eq!(of_regex(r"\d{4}"), None);
    }

    #[test]
    fn a_rule_needs_what_each_of_its_ways_needs() {
        let of = |rule: &str| {
            let rule = serde_json::from_str(rule).expect("JSON");
            sorted(of_rule(&rule, None, SupportLang::Python))
        };
        assert_eq!(
            of(r#"{"pattern": "asyncio.gather($$$A)"}"#),
            said(&["asyncio"])
        );
        assert_eq!(
            of(r#"{"any": [{"pattern": "open($A)"}, {"kind": "call", "regex": "^close"}]}"#),
            said(&["close", "open"])
        );
        assert_eq!(
            of(r#"{"any": [{"pattern": "open($A)"}, {"kind": "call"}]}"#),
            None
        );
        assert_eq!(
            of(
                r#"{"kind": "call", "has": {"stopBy": "end", "pattern": "lock"}, "not": {"regex": "never"}}"#
            ),
            said(&["lock"])
        );
        let rule = serde_json::json!({"pattern": "$OBJ.$M($$$)"});
        let constraints =
            serde_json::json!({"M": {"regex": "^(commit|rollback)$"}, "X": {"regex": "^zzz"}});
        assert_eq!(
            sorted(of_rule(&rule, Some(&constraints), SupportLang::Python)),
            said(&["commit", "rollback"])
        );
    }

    #[test]
    fn only_what_can_match_is_marked() {
        let mut needles = Needles::default();
        needles.add(0, said(&["Gather", "wait"]));
        needles.add(1, said(&["gat"]));
        needles.add(2, said(&["lock"]));
        needles.build().expect("a few words");
        let mut marks = [false; 4];
        assert!(needles.mark("await GATHER()", &mut marks));
        assert_eq!(marks, [true, true, false, false]);
        assert!(!needles.mark("nothing", &mut [false; 4]));
        needles.add(3, None);
        assert!(needles.mark("nothing", &mut marks));
        assert!(marks[3]);
    }
}
