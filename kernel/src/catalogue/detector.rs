//! Reads a detector: one table whose keys depend on its `kind`.
//!
//! Serde's tagged enums cannot deny unknown keys beside common ones, so the
//! table is read flat and then sorted out; a key that its kind does not have
//! is an error all the same.

use serde::{Deserialize, Deserializer, de::Error as _};

use super::entry::{ConfigFormat, Detector, Example, Seek, Strength};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Flat {
    id: String,
    kind: Kind,
    strength: Strength,
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    rule: Option<serde_json::Value>,
    #[serde(default)]
    constraints: Option<serde_json::Value>,
    #[serde(default)]
    modules: Option<Vec<String>>,
    #[serde(default)]
    calls: Option<Vec<String>>,
    #[serde(default)]
    matches: Option<String>,
    #[serde(default)]
    command: Option<String>,
    #[serde(default)]
    flags: Option<Vec<String>>,
    #[serde(default)]
    files: Option<Vec<String>>,
    #[serde(default)]
    format: Option<ConfigFormat>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    in_strings: Option<bool>,
    #[serde(default)]
    needs_import: Vec<String>,
    #[serde(default)]
    unless_import: Vec<String>,
    #[serde(default)]
    positive: Vec<FlatExample>,
    #[serde(default)]
    negative: Vec<FlatExample>,
    #[serde(default)]
    retired: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Code,
    Import,
    Sql,
    String,
    Shell,
    Config,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum FlatExample {
    Text(String),
    Full(FullExample),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FullExample {
    #[serde(default)]
    lang: Option<String>,
    #[serde(default)]
    file: Option<String>,
    code: String,
}

impl FlatExample {
    fn into_example(self, language: Option<&str>) -> Example {
        match self {
            Self::Text(code) => Example {
                language: language.map(str::to_owned),
                file: None,
                code,
            },
            Self::Full(full) => Example {
                language: full.lang.or_else(|| language.map(str::to_owned)),
                file: full.file,
                code: full.code,
            },
        }
    }
}

impl<'de> Deserialize<'de> for Detector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let flat = Flat::deserialize(deserializer)?;
        let id = flat.id.clone();
        Self::try_from(flat).map_err(|text| D::Error::custom(format!("detector {id}: {text}")))
    }
}

impl TryFrom<Flat> for Detector {
    type Error = String;

    fn try_from(mut flat: Flat) -> Result<Self, String> {
        let kind = flat.kind;
        let example_language = flat
            .language
            .clone()
            .or_else(|| (kind == Kind::Shell).then(|| "bash".to_owned()));
        let seek = match kind {
            Kind::Code => Seek::Code {
                language: need(flat.language.take(), kind, "language")?,
                rule: need(flat.rule.take(), kind, "rule")?,
                constraints: flat.constraints.take(),
            },
            Kind::Import => Seek::Import {
                language: need(flat.language.take(), kind, "language")?,
                modules: filled(flat.modules.take(), kind, "modules")?,
            },
            Kind::Sql => {
                let calls = flat.calls.take().unwrap_or_default();
                let matches = flat.matches.take();
                if calls.is_empty() && matches.is_none() {
                    return Err("kind Sql needs the key `calls` or `matches`".to_owned());
                }
                Seek::Sql { calls, matches }
            }
            Kind::String => Seek::Text {
                language: flat.language.take(),
                matches: need(flat.matches.take(), kind, "matches")?,
            },
            Kind::Shell => {
                let command = need(flat.command.take(), kind, "command")?;
                let command: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
                if flat.language.take().is_some_and(|l| l != "bash") {
                    return Err("kind shell reads bash alone".to_owned());
                }
                Seek::Shell {
                    command: filled(Some(command), kind, "command")?,
                    flags: flat.flags.take().unwrap_or_default(),
                    in_strings: flat.in_strings.take().unwrap_or_default(),
                }
            }
            Kind::Config => Seek::Config {
                files: filled(flat.files.take(), kind, "files")?,
                format: need(flat.format.take(), kind, "format")?,
                path: need(flat.path.take(), kind, "path")?,
                value: flat.value.take(),
            },
        };
        let left = [
            ("language", flat.language.is_some()),
            ("rule", flat.rule.is_some()),
            ("constraints", flat.constraints.is_some()),
            ("modules", flat.modules.is_some()),
            ("calls", flat.calls.is_some()),
            ("matches", flat.matches.is_some()),
            ("command", flat.command.is_some()),
            ("flags", flat.flags.is_some()),
            ("files", flat.files.is_some()),
            ("format", flat.format.is_some()),
            ("path", flat.path.is_some()),
            ("value", flat.value.is_some()),
            ("in_strings", flat.in_strings.is_some()),
        ];
        // `sql` and `config` have no language of their own: naming one is harmless.
        let idle = |key: &str| key == "language" && matches!(kind, Kind::Sql | Kind::Config);
        if let Some((key, _)) = left.iter().find(|(key, set)| *set && !idle(key)) {
            return Err(format!("kind {kind:?} has no key `{key}`"));
        }
        let language = example_language.as_deref();
        let examples =
            |list: Vec<FlatExample>| list.into_iter().map(|e| e.into_example(language)).collect();
        Ok(Self {
            id: flat.id,
            seek,
            strength: flat.strength,
            needs_import: flat.needs_import,
            unless_import: flat.unless_import,
            positive: examples(flat.positive),
            negative: examples(flat.negative),
            retired: flat.retired,
        })
    }
}

fn need<T>(value: Option<T>, kind: Kind, key: &str) -> Result<T, String> {
    value.ok_or_else(|| format!("kind {kind:?} needs the key `{key}`"))
}

fn filled<T>(value: Option<Vec<T>>, kind: Kind, key: &str) -> Result<Vec<T>, String> {
    match need(value, kind, key)? {
        list if list.is_empty() => Err(format!("the key `{key}` of kind {kind:?} is empty")),
        list => Ok(list),
    }
}
