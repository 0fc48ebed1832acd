//! The catalogue as its authors wrote it: TOML and JSON files, read without the product's own types.

use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::Path;
use toml::{Table, Value};

/// All entries, by slug.
pub struct Raw {
    entries: BTreeMap<String, Entry>,
}

/// One entry, with the real outputs of its templates.
pub struct Entry {
    /// The file.
    pub toml: Table,
    /// Template, then case: `values`, `key`, `wrong`.
    pub outputs: Json,
}

/// An answer, as it stands in its list.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    /// Its position.
    pub at: usize,
    /// Its text.
    pub text: &'a str,
    /// What proves or corrects it.
    pub why: &'a str,
    /// Whether it is not shown any more.
    pub retired: bool,
}

impl Raw {
    /// Reads `kernel/catalogue`.
    pub fn read() -> Self {
        let root = harness::repository().join("kernel/catalogue");
        let mut entries = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for file in std::fs::read_dir(&folder).expect("a folder of the catalogue") {
                let path = file.expect("a file of the catalogue").path();
                if path.is_dir() {
                    folders.push(path);
                } else if folder != root && path.extension().is_some_and(|e| e == "toml") {
                    // What lies in no area's folder is no entry: how precise tags were found to be.
                    let toml: Table = toml::from_str(&text(&path)).expect("TOML");
                    let slug = string(&toml, "slug").to_owned();
                    let outputs = root.join(format!("expected/{slug}.json"));
                    let outputs = if outputs.exists() {
                        serde_json::from_str(&text(&outputs)).expect("JSON")
                    } else {
                        Json::Null
                    };
                    entries.insert(slug, Entry { toml, outputs });
                }
            }
        }
        Self { entries }
    }

    /// The entry of a concept on which questions are asked.
    pub fn asked(&self, slug: &str) -> Option<&Entry> {
        let entry = self.entries.get(slug)?;
        let depth = entry.toml.get("depth").and_then(Value::as_str);
        let merged = entry.toml.contains_key("replaced_by");
        (depth != Some("listed") && !merged).then_some(entry)
    }

    /// The concepts on which questions are asked.
    pub fn concepts(&self) -> Vec<&str> {
        let all = self.entries.keys().map(String::as_str);
        all.filter(|slug| self.asked(slug).is_some()).collect()
    }
}

impl Entry {
    /// The tables of an array: `aspect`, `template`, `item`.
    pub fn tables(&self, name: &str) -> Vec<&Table> {
        tables(&self.toml, name)
    }

    /// An aspect that is still asked.
    pub fn aspect(&self, id: &str) -> Option<&Table> {
        let mut all = self.tables("aspect").into_iter();
        all.find(|a| string(a, "id") == id && !is_set(a, "retired"))
    }

    /// Words that are names in this entry.
    pub fn terms(&self) -> Vec<String> {
        let terms = self.toml.get("terms").and_then(Value::as_array);
        let terms = terms.into_iter().flatten().filter_map(Value::as_str);
        terms.map(str::to_lowercase).collect()
    }
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The tables of an array of tables.
pub fn tables<'a>(of: &'a Table, name: &str) -> Vec<&'a Table> {
    let list = of.get(name).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_table)
        .collect()
}

/// A text; empty where there is none.
pub fn string<'a>(of: &'a Table, name: &str) -> &'a str {
    of.get(name).and_then(Value::as_str).unwrap_or("")
}

/// Whether a flag is set.
pub fn is_set(of: &Table, name: &str) -> bool {
    of.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// `right` or `wrong` of an aspect.
pub fn answers<'a>(aspect: &'a Table, side: &str) -> Vec<Answer<'a>> {
    let list = tables(aspect, side).into_iter().enumerate();
    list.map(|(at, answer)| Answer {
        at,
        text: string(answer, "text"),
        why: string(answer, "why"),
        retired: is_set(answer, "retired"),
    })
    .collect()
}

/// The scenes of an aspect.
pub fn scenes(aspect: &Table) -> Vec<&str> {
    let list = aspect.get("scenes").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}
