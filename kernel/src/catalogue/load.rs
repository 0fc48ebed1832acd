//! Reads catalogue files into a [`Catalogue`].
//!
//! Every file is read before anything is refused, so that an author sees all
//! broken files at once. An error names the file, and, where the reader knows
//! it, the line and the key.

use std::collections::BTreeMap;

use include_dir::{Dir, DirEntry, include_dir};
use serde::Deserialize;

use super::entry::{Concept, ExpectedCase, ExpectedWrong, Value, Values};
use super::precision::{self, Judged};
use super::{Catalogue, VERSION};
use crate::ids::Slug;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/catalogue");

/// Why a catalogue file was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file is not UTF-8.
    #[error("{file}: is not UTF-8 text")]
    Text {
        /// Its path.
        file: String,
    },
    /// An entry does not read.
    #[error("{file}: {source}")]
    Entry {
        /// Its path.
        file: String,
        /// Line, key and reason.
        source: Box<toml::de::Error>,
    },
    /// A file of real outputs does not read.
    #[error("{file}: {source}")]
    Expected {
        /// Its path.
        file: String,
        /// Line and reason.
        source: serde_json::Error,
    },
    /// A file of real outputs has no entry, or names a template that its
    /// entry lacks.
    #[error("{file}: {what}")]
    Orphan {
        /// Its path.
        file: String,
        /// What is missing.
        what: String,
    },
    /// The file's name is not its slug.
    #[error("{file}: slug `{slug}` differs from the file's name")]
    Name {
        /// Its path.
        file: String,
        /// The slug inside.
        slug: String,
    },
    /// Two files define one slug.
    #[error("{file}: slug `{slug}` is defined twice")]
    Twice {
        /// The second path.
        file: String,
        /// The slug.
        slug: String,
    },
}

impl Error {
    /// Code printed in the manual. Never reused.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Text { .. } => "K101",
            Self::Entry { .. } => "K102",
            Self::Expected { .. } => "K103",
            Self::Orphan { .. } => "K104",
            Self::Name { .. } => "K105",
            Self::Twice { .. } => "K106",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredCase {
    values: Values,
    key: String,
    wrong: Vec<(i64, String)>,
}

type StoredTables = BTreeMap<String, BTreeMap<String, StoredCase>>;

impl Catalogue {
    /// Reads the files that this build carries.
    ///
    /// # Errors
    /// One [`Error`] for each file that does not read.
    pub fn embedded() -> Result<Self, Vec<Error>> {
        let mut files = Vec::new();
        let mut errors = Vec::new();
        collect(&FILES, &mut files, &mut errors);
        match Self::load(files) {
            Ok(catalogue) if errors.is_empty() => Ok(catalogue),
            Ok(_) => Err(errors),
            Err(more) => {
                errors.extend(more);
                Err(errors)
            }
        }
    }

    /// Reads entries (`….toml`) and real outputs (`….json`), each given by
    /// path and text.
    ///
    /// # Errors
    /// One [`Error`] for each file that does not read.
    pub fn load<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Vec<Error>> {
        let mut errors = Vec::new();
        let mut concepts: BTreeMap<Slug, Concept> = BTreeMap::new();
        let mut tables = Vec::new();
        let mut judged: BTreeMap<Slug, Judged> = BTreeMap::new();
        let mut judged_in = "";
        for (path, text) in files {
            let file = || path.to_owned();
            if path == precision::FILE {
                judged_in = path;
                match precision::read(text) {
                    Ok(read) => judged = read,
                    Err(source) => errors.push(Error::Entry {
                        file: file(),
                        source: Box::new(source),
                    }),
                }
            } else if path.ends_with(".toml") {
                match toml::from_str::<Concept>(text) {
                    Ok(concept) if concept.slug.as_str() != stem(path) => {
                        let slug = concept.slug.to_string();
                        errors.push(Error::Name { file: file(), slug });
                    }
                    Ok(concept) if concepts.contains_key(&concept.slug) => {
                        let slug = concept.slug.to_string();
                        errors.push(Error::Twice { file: file(), slug });
                    }
                    Ok(concept) => {
                        concepts.insert(concept.slug.clone(), concept);
                    }
                    Err(source) => {
                        errors.push(Error::Entry {
                            file: file(),
                            source: Box::new(source),
                        });
                    }
                }
            } else if path.ends_with(".json") {
                match serde_json::from_str::<StoredTables>(text) {
                    Ok(stored) => tables.push((path, stored)),
                    Err(source) => errors.push(Error::Expected {
                        file: file(),
                        source,
                    }),
                }
            }
        }
        for (path, stored) in tables {
            if let Err(what) = attach(&mut concepts, stem(path), stored) {
                errors.push(Error::Orphan {
                    file: path.to_owned(),
                    what,
                });
            }
        }
        for slug in judged.keys().filter(|slug| !concepts.contains_key(*slug)) {
            errors.push(Error::Orphan {
                file: judged_in.to_owned(),
                what: format!("there is no entry `{slug}`"),
            });
        }
        if errors.is_empty() {
            Ok(Self {
                version: VERSION,
                concepts,
                judged,
            })
        } else {
            Err(errors)
        }
    }
}

fn collect<'a>(dir: &'a Dir<'a>, files: &mut Vec<(&'a str, &'a str)>, errors: &mut Vec<Error>) {
    for entry in dir.entries() {
        match entry {
            DirEntry::Dir(inner) => collect(inner, files, errors),
            DirEntry::File(file) => match (file.path().to_str(), file.contents_utf8()) {
                (Some(path), Some(text)) => files.push((path, text)),
                _ => errors.push(Error::Text {
                    file: file.path().display().to_string(),
                }),
            },
        }
    }
}

fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

fn attach(
    concepts: &mut BTreeMap<Slug, Concept>,
    slug: &str,
    stored: StoredTables,
) -> Result<(), String> {
    let concept = slug
        .parse::<Slug>()
        .ok()
        .and_then(|slug| concepts.get_mut(&slug))
        .ok_or_else(|| format!("there is no entry `{slug}` that reads"))?;
    for (id, cases) in stored {
        let template = concept
            .templates
            .iter_mut()
            .find(|t| t.id == id)
            .ok_or_else(|| format!("`{slug}` has no template `{id}`"))?;
        for (name, case) in cases {
            let mut wrong = Vec::with_capacity(case.wrong.len());
            for (belief, text) in case.wrong {
                let belief = usize::try_from(belief).ok();
                if belief.is_some_and(|b| b >= template.beliefs.len()) {
                    return Err(format!("{id}: {name} names a belief that does not exist"));
                }
                wrong.push(ExpectedWrong { belief, text });
            }
            for param in template.params.keys() {
                if !case.values.contains_key(param) {
                    return Err(format!("{id}: {name} has no value for `{param}`"));
                }
            }
            template.cases.push(ExpectedCase {
                name,
                values: case.values,
                key: case.key,
                wrong,
            });
        }
    }
    Ok(())
}

/// Puts values in the place of `{{name}}`.
pub(crate) fn fill(text: &str, values: &Values) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let (before, after) = rest.split_at(start);
        out.push_str(before);
        let found = after[2..].find("}}").and_then(|end| {
            let value: &Value = values.get(&after[2..2 + end])?;
            Some((value, end))
        });
        match found {
            Some((value, end)) => {
                out.push_str(&value.to_string());
                rest = &after[2 + end + 2..];
            }
            None => {
                out.push_str("{{");
                rest = &after[2..];
            }
        }
    }
    out.push_str(rest);
    out
}
