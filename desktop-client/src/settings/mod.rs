//! What the engineer set: `<home>/settings.toml`, written by `aiworklab set`.
//!
//! The organisation's policy narrows it and never widens it: of two limits the lower holds, of two
//! spans of quiet both do. What cannot be read makes the client quieter, not louder: the key takes
//! its quietest meaning until it is mended, and `doctor` says so.

#[cfg(test)]
mod tests;

use crate::error::{Error as ClientError, Result};
use crate::home::{Home, write_whole};
use crate::policy::raw::{self, Entry};
use crate::policy::schema::{self, KEYS, Key, Value};
use crate::policy::{Error, Policy};
use crate::words;
use crate::world::World;
use kernel::asking::{QuietHours, Situation, Weekday};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What stands above a file that we write.
const HEAD: &str = "# Your settings of aiworklab; `aiworklab set` shows and changes them.\n";

/// The engineer's settings, narrowed by the policy.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    path: PathBuf,
    values: BTreeMap<&'static str, (Result<Value, String>, usize)>,
    /// Why the file as a whole cannot be read, and its line.
    broken: Option<raw::Unreadable>,
    unknown: Vec<Entry>,
    policy: Policy,
}

impl Settings {
    /// Reads settings and policy. What is wrong with them is part of the result.
    pub fn load(world: &dyn World, home: &Home) -> Self {
        Self::of(home, &Policy::load(world))
    }

    /// The same, of the folder that the environment names; without one, the defaults and the policy.
    pub fn here(world: &dyn World) -> Self {
        let policy = Policy::load(world);
        match Home::find(world) {
            Ok(home) => Self::of(&home, &policy),
            Err(_) => Self {
                policy,
                ..Self::default()
            },
        }
    }

    /// Reads settings, to be narrowed by this policy.
    pub fn of(home: &Home, policy: &Policy) -> Self {
        let path = home.settings();
        let (entries, broken) = match raw::file(&path) {
            Ok(entries) => (entries.unwrap_or_default(), None),
            Err(broken) => (Vec::new(), Some(broken)),
        };
        let mut values = BTreeMap::new();
        let mut unknown = Vec::new();
        for entry in entries {
            match schema::key(&entry.key).filter(|key| key.personal) {
                None => unknown.push(entry),
                Some(key) => {
                    let value = key.kind.read(&entry.raw).map_err(|takes| {
                        format!("{} is {}, and takes {takes}", key.name, entry.raw.shown())
                    });
                    values.insert(key.name, (value, entry.line));
                }
            }
        }
        Self {
            path,
            values,
            broken,
            unknown,
            policy: policy.clone(),
        }
    }

    /// The policy that narrows them.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What the person set, and could be read.
    pub fn personal(&self, key: &str) -> Option<Value> {
        self.values.get(key)?.0.as_ref().ok().cloned()
    }

    /// Why this key cannot be read.
    pub fn trouble(&self, key: &str) -> Option<&str> {
        let own = self
            .values
            .get(key)
            .and_then(|(value, _)| value.as_ref().err());
        let whole = || self.broken.as_ref().map(|broken| broken.why.as_str());
        schema::key(key)
            .filter(|key| key.personal)
            .and_then(|_| own.map(String::as_str).or_else(whole))
    }

    /// All that cannot be read, in sentences.
    pub fn troubles(&self) -> Vec<String> {
        if let Some(broken) = &self.broken {
            return vec![match broken.line {
                0 => broken.why.clone(),
                line => format!("line {line}: {}", broken.why),
            }];
        }
        let read = self.values.values();
        read.filter_map(|(value, line)| Some(format!("line {line}: {}", value.as_ref().err()?)))
            .collect()
    }

    /// Keys that this program does not know.
    pub fn unknown(&self) -> &[Entry] {
        &self.unknown
    }

    /// Where a key stands: file and line.
    pub fn at(&self, key: &str) -> String {
        let line = self.values.get(key).map_or(0, |(_, line)| *line);
        match line {
            0 => self.path.display().to_string(),
            line => format!("{}, line {line}", self.path.display()),
        }
    }

    /// Whether a desktop notification may be shown.
    pub fn notifications(&self) -> bool {
        self.flag("notifications")
    }

    /// Whether the local page may be served.
    pub fn page(&self) -> bool {
        self.flag("page")
    }

    /// Whether a harness may show a line about a check.
    pub fn harness_line(&self) -> bool {
        self.flag("harness_line")
    }

    /// Whether the weekly word may be said.
    pub fn weekly_recap(&self) -> bool {
        self.flag("weekly_recap")
    }

    fn flag(&self, key: &'static str) -> bool {
        let own = match self.personal(key) {
            Some(Value::Flag(flag)) => flag,
            _ => self.trouble(key).is_none(),
        };
        own && !self.policy.off(key)
    }

    fn count(&self, key: &'static str, default: u32) -> u32 {
        let own = match self.personal(key) {
            Some(Value::Count(count)) => count,
            _ if self.trouble(key).is_some() => 0,
            _ => default,
        };
        self.policy.most(key).map_or(own, |most| own.min(most))
    }

    /// What the kernel's policy of asking takes. `started_at` and `turned_on_at` are seconds since
    /// 1970 UTC; `enabled` is what `aiworklab asking` says.
    pub fn asking(
        &self,
        started_at: i64,
        enabled: bool,
        turned_on_at: Option<i64>,
    ) -> kernel::asking::Settings {
        let mut asking = kernel::asking::Settings::new(started_at);
        asking.turned_on_at = turned_on_at;
        asking.enabled =
            enabled && !self.policy.off("asking") && self.policy.version_allowed().is_ok();
        asking.per_day = self.count("checks_per_day", asking.per_day);
        asking.per_week = self.count("checks_per_week", asking.per_week);
        match self.personal("quiet_hours") {
            Some(Value::Window(span)) => asking.quiet = span.into_iter().collect(),
            _ if self.trouble("quiet_hours").is_some() => asking.quiet = vec![ALWAYS],
            _ => {}
        }
        asking.quiet.extend(self.policy.quiet());
        asking.days_off = match self.personal("days_off") {
            Some(Value::Days(days)) => days,
            _ if self.trouble("days_off").is_some() => Weekday::ALL.to_vec(),
            _ => Vec::new(),
        };
        asking.days_off.extend(self.policy.days_off());
        asking.days_off.sort_unstable();
        asking.days_off.dedup();
        asking
    }

    /// Whether `at` lies in a quiet hour or on a day off. `at` is in seconds since 1970 UTC,
    /// `utc_offset_s` what local time is ahead of it.
    pub fn is_quiet(&self, at: i64, utc_offset_s: i32) -> bool {
        let asking = self.asking(0, true, None);
        let moment = Situation::read(&[], at, utc_offset_s);
        let minute = moment.local_minute();
        asking.quiet.iter().any(|span| span.contains(minute))
            || asking.days_off.contains(&moment.local_day())
    }
}

/// The whole day.
const ALWAYS: QuietHours = QuietHours {
    from_minute: 0,
    to_minute: 0,
};

/// What `aiworklab set` says.
#[derive(Debug)]
pub struct Said {
    /// For people.
    pub text: String,
    /// For programs.
    pub json: Json,
}

/// Shows all settings, or one.
///
/// # Errors
/// [`Error::NoSetting`] if there is none of this name.
pub fn show(settings: &Settings, name: Option<&str>) -> Result<Said> {
    let keys: Vec<&Key> = match name {
        Some(name) => vec![named(name)?],
        None => KEYS.iter().filter(|key| key.personal).collect(),
    };
    let lines: Vec<_> = settings
        .policy
        .explained(settings)
        .into_iter()
        .filter(|line| keys.iter().any(|key| key.name == line.key))
        .collect();
    let mut text = String::new();
    for line in &lines {
        let from = match line.from.as_str() {
            "" => "by default".to_owned(),
            from => words::plain(from),
        };
        text.push_str(&format!(
            "{:<16}  {:<24}  {from}\n",
            line.key.replace('_', "-"),
            words::plain(&line.value)
        ));
        if name.is_some() {
            text.push_str(&words::wrapped(&line.why, 80, "  "));
            if let Some(key) = keys.first() {
                let takes = format!(
                    "Takes {}. In a file, for example {}.",
                    key.kind.takes(),
                    key.example
                );
                text.push_str(&words::wrapped(&takes, 80, "  "));
            }
        }
    }
    Ok(Said {
        text,
        json: json!({ "settings": lines }),
    })
}

/// Sets one value; `None` takes it back to its default.
///
/// # Errors
/// [`Error::NoSetting`], [`Error::Setting`] for a value that it does not take, [`Error::Settings`]
/// if the file as it is cannot be read: it is not written over then.
pub fn set(home: &Home, policy: &Policy, name: &str, value: Option<&str>) -> Result<Said> {
    let key = named(name)?;
    let read = value.map(|text| understood(key, text)).transpose()?;
    let path = home.settings();
    let file = |doing| {
        let path = path.clone();
        move |source| ClientError::File {
            doing,
            path,
            source,
        }
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(file("read")(error)),
    };
    let mut table: toml::Table = raw::entries(&text)
        .and_then(|_| {
            text.parse()
                .map_err(|error: toml::de::Error| raw::Unreadable {
                    line: 0,
                    why: error.message().to_owned(),
                })
        })
        .map_err(|broken| Error::Settings {
            path: path.display().to_string(),
            at: format!("line {}", broken.line),
            why: broken.why,
        })?;
    match &read {
        Some(value) => table.insert(key.name.to_owned(), value.toml()),
        None => table.remove(key.name),
    };
    home.ensure()?;
    write_whole(&path, 0o600, format!("{HEAD}{table}").as_bytes()).map_err(file("write"))?;
    show(&Settings::of(home, policy), Some(key.name))
}

fn named(name: &str) -> Result<&'static Key> {
    let found = schema::key(name).filter(|key| key.personal);
    found.ok_or_else(|| {
        let personal = KEYS.iter().filter(|key| key.personal);
        Error::NoSetting {
            name: words::plain(name),
            known: personal.map(|key| key.name).collect(),
        }
        .into()
    })
}

fn understood(key: &'static Key, text: &str) -> Result<Value> {
    let read = key.kind.read(&raw::Raw::Text(text.to_owned()));
    read.map_err(|takes| {
        Error::Setting {
            key: key.name,
            value: words::plain(text),
            takes,
        }
        .into()
    })
}
