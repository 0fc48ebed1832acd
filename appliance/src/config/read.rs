//! From a TOML text and the environment to values, each with where it came from.
//!
//! All problems are found at once and each names its key, file, line and mend. A value of the
//! environment wins over the file, the file over the default; what the command line says is put
//! in afterwards, with [`Values::put`].

use super::keys::{self, KEYS, Key, PROVIDER, PROVIDERS};
use super::value::{Value, from_text, from_toml};
use crate::edges::{Environment, PREFIX};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// The configuration file.
    File {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
    /// An option of the command.
    Option(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}, line {line}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Option(name) => write!(f, "option {name}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `listen.people`, or what stands where a key should.
    pub key: String,
    /// Where it stands.
    pub origin: Origin,
    /// What is wrong, and how to mend it.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.key, self.what, self.origin)
    }
}

/// A value and its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The value.
    pub value: Value,
    /// Where it came from.
    pub origin: Origin,
}

/// All values, by section and name. Sections of providers are `oidc.<id>`.
#[derive(Debug, Clone, Default)]
pub struct Values {
    settings: BTreeMap<(String, String), Setting>,
}

impl Values {
    /// Reads them.
    ///
    /// # Errors
    /// Every problem of file and environment, at least one.
    pub fn read(path: &Path, text: &str, environment: &Environment) -> Result<Self, Vec<Problem>> {
        let mut values = Self::default();
        let mut problems = Vec::new();
        values.take_file(path, text, &mut problems);
        values.take_environment(environment, &mut problems);
        values.fill_defaults();
        if problems.is_empty() {
            Ok(values)
        } else {
            Err(problems)
        }
    }

    /// One setting.
    #[must_use]
    pub fn get(&self, section: &str, name: &str) -> Option<&Setting> {
        self.settings.get(&(section.to_owned(), name.to_owned()))
    }

    /// Overrides one with what an option of the command says.
    pub fn put(&mut self, section: &str, name: &str, value: Value, option: &'static str) {
        let setting = Setting {
            value,
            origin: Origin::Option(option),
        };
        self.settings
            .insert((section.to_owned(), name.to_owned()), setting);
    }

    /// The ids of the identity providers, in order.
    #[must_use]
    pub fn providers(&self) -> BTreeSet<String> {
        self.settings
            .keys()
            .filter_map(|(section, _)| section.strip_prefix("oidc."))
            .map(str::to_owned)
            .collect()
    }

    /// All of them in the order of the table: section, name, setting (`None`: not set at all).
    #[must_use]
    pub fn all(&self) -> Vec<(String, &'static Key, Option<&Setting>)> {
        let mut all = Vec::new();
        for key in KEYS.iter().filter(|key| key.section != PROVIDER) {
            all.push((key.section.to_owned(), key, self.get(key.section, key.name)));
        }
        for id in self.providers() {
            let section = format!("{PROVIDERS}.{id}");
            for key in KEYS.iter().filter(|key| key.section == PROVIDER) {
                all.push((section.clone(), key, self.get(&section, key.name)));
            }
        }
        all
    }

    fn take_file(&mut self, path: &Path, text: &str, problems: &mut Vec<Problem>) {
        let at = |offset: usize| Origin::File {
            path: path.to_owned(),
            line: line(text, offset),
        };
        let table = match DeTable::parse(text) {
            Ok(table) => table.into_inner(),
            Err(error) => {
                problems.push(Problem {
                    key: "config".to_owned(),
                    origin: at(error.span().map_or(0, |span| span.start)),
                    what: format!("this is not TOML: {}", error.message().trim()),
                });
                return;
            }
        };
        for (name, value) in &table {
            let section: &str = name.get_ref();
            let origin = at(name.span().start);
            let DeValue::Table(inner) = value.get_ref() else {
                problems.push(Problem {
                    key: section.to_owned(),
                    origin,
                    what: format!("a key has to stand in its section{}", home_of(section)),
                });
                continue;
            };
            if section == PROVIDERS {
                for (id, value) in inner {
                    let id: (&str, Origin) = (id.get_ref(), at(id.span().start));
                    self.take_provider(id, value.get_ref(), &at, problems);
                }
            } else if keys::sections().contains(&section) {
                self.take_section(section, section, inner, &at, problems);
            } else {
                problems.push(unknown_section(section, origin));
            }
        }
    }

    fn take_provider(
        &mut self,
        (id, origin): (&str, Origin),
        value: &DeValue<'_>,
        at: &impl Fn(usize) -> Origin,
        problems: &mut Vec<Problem>,
    ) {
        let section = format!("{PROVIDERS}.{id}");
        let DeValue::Table(inner) = value else {
            let what = "each identity provider has a section of its own, such as [oidc.entra]";
            problems.push(Problem {
                key: section,
                origin,
                what: what.to_owned(),
            });
            return;
        };
        if !is_provider_id(id) {
            let what = "a provider's id is 1 to 32 lower-case letters and digits";
            problems.push(Problem {
                key: section,
                origin,
                what: what.to_owned(),
            });
            return;
        }
        self.take_section(&section, PROVIDER, inner, at, problems);
    }

    fn take_section(
        &mut self,
        section: &str,
        pattern: &str,
        table: &DeTable<'_>,
        at: &impl Fn(usize) -> Origin,
        problems: &mut Vec<Problem>,
    ) {
        for (name, value) in table {
            let origin = at(name.span().start);
            let full = format!("{section}.{}", name.get_ref());
            let Some(key) = keys::find(pattern, name.get_ref()) else {
                problems.push(unknown_key(full, pattern, name.get_ref(), origin));
                continue;
            };
            match from_toml(key.kind, value) {
                Ok(value) => {
                    let place = (section.to_owned(), key.name.to_owned());
                    self.settings.insert(place, Setting { value, origin });
                }
                Err(what) => problems.push(Problem {
                    key: full,
                    origin,
                    what,
                }),
            }
        }
    }

    fn take_environment(&mut self, environment: &Environment, problems: &mut Vec<Problem>) {
        for (variable, value) in environment.ours() {
            let rest = &variable[PREFIX.len()..];
            let Some((section, pattern, name)) = self.place_of(rest) else {
                continue;
            };
            let origin = Origin::Environment(variable.to_owned());
            let full = format!("{section}.{name}");
            let Some(key) = keys::find(pattern, &name) else {
                problems.push(unknown_key(full, pattern, &name, origin));
                continue;
            };
            let Some(text) = value.to_str() else {
                let what = "the value is not UTF-8".to_owned();
                problems.push(Problem {
                    key: full,
                    origin,
                    what,
                });
                continue;
            };
            match from_text(key.kind, text) {
                Ok(value) => {
                    self.settings
                        .insert((section, name), Setting { value, origin });
                }
                Err(what) => problems.push(Problem {
                    key: full,
                    origin,
                    what,
                }),
            }
        }
    }

    /// `LISTEN_PEOPLE` is section `listen`, key `people`. A variable that begins with none of our
    /// sections is somebody else's (the client's, say) and left alone.
    fn place_of(&self, rest: &str) -> Option<(String, &'static str, String)> {
        let rest = rest.to_ascii_lowercase();
        if let Some(rest) = rest.strip_prefix("oidc_") {
            let (id, name) = rest.split_once('_')?;
            return is_provider_id(id)
                .then(|| (format!("{PROVIDERS}.{id}"), PROVIDER, name.to_owned()));
        }
        keys::sections()
            .into_iter()
            .filter(|section| *section != PROVIDER)
            .find_map(|section| {
                let name = rest.strip_prefix(section)?.strip_prefix('_')?;
                Some((section.to_owned(), section, name.to_owned()))
            })
    }

    fn fill_defaults(&mut self) {
        let mut sections: Vec<(String, &str)> = keys::sections()
            .into_iter()
            .filter(|section| *section != PROVIDER)
            .map(|section| (section.to_owned(), section))
            .collect();
        sections.extend(
            self.providers()
                .into_iter()
                .map(|id| (format!("oidc.{id}"), PROVIDER)),
        );
        for (section, pattern) in sections {
            for key in KEYS.iter().filter(|key| key.section == pattern) {
                let place = (section.clone(), key.name.to_owned());
                if self.settings.contains_key(&place) {
                    continue;
                }
                let value = if key.kind.is_list() && key.default.is_empty() {
                    Ok(Value::List(Vec::new()))
                } else if key.default.is_empty() {
                    continue;
                } else {
                    from_text(key.kind, key.default)
                };
                if let Ok(value) = value {
                    self.settings.insert(
                        place,
                        Setting {
                            value,
                            origin: Origin::Default,
                        },
                    );
                }
            }
        }
    }
}

/// The name of the environment variable that overrides a key.
#[must_use]
pub fn variable(section: &str, name: &str) -> String {
    format!("{PREFIX}{}_{}", section.replace('.', "_"), name).to_ascii_uppercase()
}

fn is_provider_id(id: &str) -> bool {
    (1..=32).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn line(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1
}

fn home_of(name: &str) -> String {
    KEYS.iter()
        .find(|key| key.name == name)
        .map_or_else(String::new, |key| {
            format!(": write it under [{}]", key.section)
        })
}

fn unknown_section(section: &str, origin: Origin) -> Problem {
    let mut known = keys::sections();
    known.retain(|name| *name != PROVIDER);
    known.push(PROVIDERS);
    let what = match keys::nearest(section, known.iter().copied()) {
        Some(near) => format!("there is no such section; did you mean [{near}]?"),
        None => format!(
            "there is no such section; the sections are {}",
            known.join(", ")
        ),
    };
    Problem {
        key: section.to_owned(),
        origin,
        what,
    }
}

fn unknown_key(full: String, pattern: &str, name: &str, origin: Origin) -> Problem {
    let here = || {
        KEYS.iter()
            .filter(|key| key.section == pattern)
            .map(|key| key.name)
    };
    let elsewhere = KEYS.iter().find(|key| key.name == name);
    let section = full
        .rsplit_once('.')
        .map_or("", |(section, _)| section)
        .to_owned();
    let what = if let Some(near) = keys::nearest(name, here()) {
        format!("there is no such key; did you mean {section}.{near}?")
    } else if let Some(key) = elsewhere {
        format!(
            "there is no such key here; did you mean {}.{}?",
            key.section, key.name
        )
    } else {
        let known: Vec<&str> = here().collect();
        format!("there is no such key; [{section}] has {}", known.join(", "))
    };
    Problem {
        key: full,
        origin,
        what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, vars: &[(&str, &str)]) -> Result<Values, Vec<String>> {
        let environment = Environment::of(vars.iter().copied());
        Values::read(Path::new("/d/config.toml"), text, &environment)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_unknown_key_is_named_with_file_line_and_the_nearest_key() {
        let problems = read("[listen]\n\npeple = \"127.0.0.1:1\"\n", &[]).unwrap_err();
        assert_eq!(
            problems,
            [
                "listen.peple: there is no such key; did you mean listen.people? (/d/config.toml, line 3)"
            ]
        );
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let text =
            "colour = 1\n[lisen]\n[log]\nformat = \"xml\"\npoll_s = 60\n[oidc.Entra]\nname='x'\n";
        let problems = read(text, &[("AIWORKLAB_LIMITS_CONNECTIONS", "many")]).unwrap_err();
        assert_eq!(problems.len(), 6, "{problems:#?}");
        assert!(
            problems
                .iter()
                .any(|p| p.contains("did you mean [listen]?"))
        );
        assert!(
            problems
                .iter()
                .any(|p| p.contains("did you mean sync.poll_s?"))
        );
        assert!(
            problems
                .iter()
                .any(|p| p.contains("AIWORKLAB_LIMITS_CONNECTIONS"))
        );
    }

    #[test]
    fn broken_toml_is_told_with_its_line() {
        let problems = read("[log]\nlevel = \n", &[]).unwrap_err();
        assert!(problems[0].contains("line 2"), "{problems:?}");
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_file_over_the_default() {
        let values = read(
            "[log]\nlevel = \"warn\"\nformat = \"json\"\n",
            &[("AIWORKLAB_LOG_LEVEL", "debug")],
        )
        .unwrap();
        let text = |key| values.get("log", key).unwrap();
        assert_eq!(text("level").value, Value::Text("debug".into()));
        assert_eq!(
            text("level").origin,
            Origin::Environment("AIWORKLAB_LOG_LEVEL".into())
        );
        assert!(matches!(
            text("format").origin,
            Origin::File { line: 3, .. }
        ));
        assert_eq!(
            values.get("sync", "poll_s").unwrap().origin,
            Origin::Default
        );
    }

    #[test]
    fn every_key_has_a_variable_that_finds_it_again() {
        for key in KEYS {
            let section = key.section.replace('*', "entra");
            let variable = variable(&section, key.name);
            let place = Values::default()
                .place_of(&variable[PREFIX.len()..])
                .unwrap();
            assert_eq!(place, (section, key.section, key.name.to_owned()));
        }
    }

    #[test]
    fn a_variable_with_a_slip_is_refused_and_a_stranger_is_not() {
        let problems = read("", &[("AIWORKLAB_LISTEN_PEOPEL", "127.0.0.1:1")]).unwrap_err();
        assert!(
            problems[0].contains("did you mean listen.people?"),
            "{problems:?}"
        );
        assert!(read("", &[("AIWORKLAB_AGENT_HOME", "x")]).is_ok());
    }

    #[test]
    fn every_default_is_valid() {
        let values = read("[oidc.entra]\nname = \"Entra ID\"\n", &[]).unwrap();
        for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
            let section = key.section.replace('*', "entra");
            assert!(
                values.get(&section, key.name).is_some(),
                "{section}.{}",
                key.name
            );
        }
    }
}
