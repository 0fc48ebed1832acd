//! What stands in a file of settings, key by key, with the line that it stands in.
//!
//! Policy and personal settings are both flat: a name and a value. Nothing here knows a key.

use std::path::Path;
use toml::de::{DeTable, DeValue};

/// A longer file is none of ours, in bytes.
const LONGEST: usize = 64 * 1024;

/// A value as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Raw {
    /// Text.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// Something that no key takes; its kind in words.
    Other(&'static str),
}

impl Raw {
    /// As it is shown to people.
    pub fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::List(texts) => texts.join(", "),
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Other(kind) => (*kind).to_owned(),
        }
    }

    /// Its items, where it is a list or a text with commas.
    pub fn items(&self) -> Option<Vec<String>> {
        let trimmed = |text: &str| text.trim().to_owned();
        let texts: Vec<String> = match self {
            Self::List(texts) => texts.iter().map(|text| trimmed(text)).collect(),
            Self::Text(text) => text.split(',').map(trimmed).collect(),
            _ => return None,
        };
        Some(texts.into_iter().filter(|text| !text.is_empty()).collect())
    }
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Its value.
    pub raw: Raw,
    /// Its line, from 1 on; 0 where the place has no lines.
    pub line: usize,
}

/// Why a file says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The line, from 1 on; 0 where it is not of one line.
    pub line: usize,
    /// Why, in words.
    pub why: String,
}

/// Reads a file.
///
/// # Errors
/// [`Unreadable`] if it cannot be read or is no TOML. `Ok(None)` if there is none.
pub fn file(path: &Path) -> Result<Option<Vec<Entry>>, Unreadable> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Unreadable {
                line: 0,
                why: error.to_string(),
            });
        }
    };
    if bytes.len() > LONGEST {
        return Err(Unreadable {
            line: 0,
            why: format!("it is longer than {} KiB", LONGEST / 1024),
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| Unreadable {
        line: 0,
        why: "it is no UTF-8 text".to_owned(),
    })?;
    entries(&text).map(Some)
}

/// Reads the text of a file. Tables become keys with a dot: `[a]` `b = 1` is `a.b`.
///
/// # Errors
/// [`Unreadable`] if it is no TOML.
pub fn entries(text: &str) -> Result<Vec<Entry>, Unreadable> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let line = |at: usize| 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
    let table = DeTable::parse(text).map_err(|error| Unreadable {
        line: error.span().map_or(0, |span| line(span.start)),
        why: error.message().trim().to_owned(),
    })?;
    let mut out = Vec::new();
    flatten("", table.get_ref(), &line, &mut out);
    out.sort_by_key(|entry| entry.line);
    Ok(out)
}

fn flatten(above: &str, table: &DeTable<'_>, line: &dyn Fn(usize) -> usize, out: &mut Vec<Entry>) {
    for (name, value) in table {
        let key = format!("{above}{}", name.get_ref());
        match value.get_ref() {
            DeValue::Table(below) => flatten(&format!("{key}."), below, line, out),
            value => out.push(Entry {
                key,
                raw: raw(value),
                line: line(name.span().start),
            }),
        }
    }
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Boolean(flag) => Raw::Flag(*flag),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Raw::Other("a number that is too large"), Raw::Number),
        DeValue::Array(array) => {
            let texts: Option<Vec<String>> = array
                .iter()
                .map(|item| item.get_ref().as_str().map(str::to_owned))
                .collect();
            texts.map_or(Raw::Other("a list of other things than text"), Raw::List)
        }
        DeValue::Float(_) => Raw::Other("a number with a point"),
        DeValue::Datetime(_) => Raw::Other("a date"),
        DeValue::Table(_) => Raw::Other("a table"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_comes_with_its_value_and_its_line() {
        let text = "# ours\nasking = false\n\nharnesses = [\"codex\",\n  \"opencode\"]\nn = 0x10\n[own]\nmodel = \"off\"\n";
        let found = entries(text).unwrap();
        let shown: Vec<_> = found
            .iter()
            .map(|entry| (entry.key.as_str(), entry.raw.shown(), entry.line))
            .collect();
        assert_eq!(
            shown,
            [
                ("asking", "false".to_owned(), 2),
                ("harnesses", "codex, opencode".to_owned(), 4),
                ("n", "16".to_owned(), 6),
                ("own.model", "off".to_owned(), 8),
            ]
        );
    }

    #[test]
    fn what_is_no_toml_is_refused_with_its_line() {
        let broken = entries("asking = false\nharnesses = [\"codex\"\n").unwrap_err();
        assert!(broken.line >= 2, "{broken:?}");
        assert!(!broken.why.is_empty());
        assert_eq!(entries("a = 1\na = 2\n").unwrap_err().line, 2);
    }
}
