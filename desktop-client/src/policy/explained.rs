//! `aiworklab policy show`: every value that holds, where it comes from, and what it does.

use super::schema::{KEYS, Key, Kind, Value, span_shown};
use super::{Place, Policy};
use crate::settings::Settings;
use crate::words;
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::fmt::Write;

/// Who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Nobody: it is the program's own.
    Default,
    /// The person.
    Settings,
    /// The organisation.
    Policy,
    /// Both, each a part of it.
    Both,
}

/// A value that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The key.
    pub key: &'static str,
    /// What holds.
    pub value: String,
    /// Who says so.
    pub source: Source,
    /// Where that stands: file and line; empty for a default.
    pub from: String,
    /// What it does, or why it is so.
    pub why: String,
}

impl Policy {
    /// Every key with the value that holds.
    pub fn explained(&self, settings: &Settings) -> Vec<Line> {
        KEYS.iter()
            .map(|key| self.explained_one(key, settings))
            .collect()
    }

    fn explained_one(&self, key: &'static Key, settings: &Settings) -> Line {
        let rule = self.rule(key.name);
        let own = settings.personal(key.name);
        let line = |value: String, source, from: String, why: String| Line {
            key: key.name,
            value,
            source,
            from,
            why,
        };
        if let Some(Err(why)) = rule.map(|rule| &rule.value) {
            let value = strictest(key).to_owned();
            let why = format!("{why}; so the strictest holds");
            return line(value, Source::Policy, self.at(key.name), why);
        }
        let policy = rule.and_then(|rule| rule.value.as_ref().ok());
        let what = key.what.to_owned();
        let person = own.is_some();
        let whose = if person {
            Source::Settings
        } else {
            Source::Default
        };
        let value = settings.effective(key, own.as_ref());
        let Some(policy) = policy else {
            let from = if person {
                settings.at(key.name)
            } else {
                String::new()
            };
            let unread = settings.trouble(key.name);
            let why = unread.map_or(what, |why| format!("{why}; so the quietest holds"));
            return line(value, whose, from, why);
        };
        if !key.personal {
            return line(policy.shown(), Source::Policy, self.at(key.name), what);
        }
        // Both speak: the narrower holds, or both of them together.
        let narrowed = settings.narrowed(key, policy, own.as_ref());
        let source = match (narrowed == value, narrowed == policy.shown()) {
            (true, false) => whose,
            (_, true) => Source::Policy,
            (false, false) if person => Source::Both,
            (false, false) => Source::Policy,
        };
        let from = match source {
            Source::Both => format!("{}; {}", self.at(key.name), settings.at(key.name)),
            Source::Settings => settings.at(key.name),
            Source::Policy => self.at(key.name),
            Source::Default => String::new(),
        };
        line(narrowed, source, from, what)
    }

    /// The page for people.
    pub fn shown_text(&self, settings: &Settings) -> String {
        let mut out = match &self.place {
            Place::Nowhere => "Your organisation laid down no policy on this machine.\n".to_owned(),
            Place::Obeyed(path) => format!("Policy: {}, obeyed.\n", path.display()),
            Place::NotObeyed { path, why } => format!(
                "Policy: {} is not obeyed: {}.\n",
                path.display(),
                words::plain(why)
            ),
            Place::Broken { path, why } => format!(
                "Policy: {} cannot be read ({}), so everything is as strict as it can be.\n",
                super::at(path, why.line),
                words::plain(&why.why)
            ),
        };
        out.push_str(
            "A policy takes away or fills in; it never enrols you and never widens what is sent.\n\n",
        );
        for line in self.explained(settings) {
            let from = match line.source {
                Source::Default => "by default".to_owned(),
                Source::Settings => format!("your settings: {}", line.from),
                Source::Policy => format!("policy: {}", line.from),
                Source::Both => format!("policy and your settings: {}", line.from),
            };
            let _ = writeln!(
                out,
                "{:<18}  {}\n{:20}{}",
                line.key,
                words::plain(&line.value),
                "",
                words::plain(&from)
            );
            let why = words::wrapped(&words::plain(&line.why), 76, &" ".repeat(20));
            out.push_str(&why);
        }
        for entry in &self.unknown {
            let _ = writeln!(
                out,
                "{:<18}  not known to this program; passed over (line {})",
                words::plain(&entry.key),
                entry.line
            );
        }
        out
    }

    /// The same for programs.
    pub fn shown_json(&self, settings: &Settings) -> Json {
        let (state, path, why) = match &self.place {
            Place::Nowhere => ("none", None, None),
            Place::Obeyed(path) => ("obeyed", Some(path), None),
            Place::NotObeyed { path, why } => ("not_obeyed", Some(path), Some(why)),
            Place::Broken { path, why } => ("broken", Some(path), Some(&why.why)),
        };
        let unknown: Vec<_> = self
            .unknown
            .iter()
            .map(|entry| json!({ "key": entry.key, "line": entry.line }))
            .collect();
        json!({
            "policy": { "state": state, "path": path, "why": why },
            "values": self.explained(settings),
            "unknown": unknown,
        })
    }
}

/// The strictest that a key can mean, in words.
fn strictest(key: &Key) -> &'static str {
    match (key.kind, key.name) {
        (_, "require_encryption" | "require_keychain") => "on",
        (Kind::Flag, _) => "off",
        (Kind::Address | Kind::Fingerprint, _) => "no enrolment",
        (Kind::Harnesses | Kind::Hosts | Kind::NoneAtAll, _) => "none",
        (Kind::Window, _) => "the whole day",
        (Kind::Days, _) => "every day",
        (Kind::UpTo(_), _) => "0",
        (Kind::Version, _) => "no version",
    }
}

impl Settings {
    /// What holds of a key where no policy speaks.
    fn effective(&self, key: &Key, own: Option<&Value>) -> String {
        if self.trouble(key.name).is_some() {
            return strictest(key).to_owned();
        }
        match own {
            Some(value) => value.shown(),
            None => default(key),
        }
    }

    /// What holds where policy and person speak of the same.
    fn narrowed(&self, key: &Key, policy: &Value, own: Option<&Value>) -> String {
        let value = self.effective(key, own);
        match policy {
            Value::Window(None) => value,
            Value::Window(Some(span)) if value == "none" || value == span_shown(*span) => {
                span_shown(*span)
            }
            Value::Window(Some(span)) => format!("{value} and {}", span_shown(*span)),
            Value::Days(days) => {
                let mut all = days.clone();
                if let Some(Value::Days(own)) = own {
                    all.extend(own);
                }
                all.sort_unstable();
                all.dedup();
                Value::Days(all).shown()
            }
            Value::Flag(true) => value,
            Value::Count(most) => match value.parse::<u32>() {
                Ok(own) => own.min(*most).to_string(),
                Err(_) => value,
            },
            other => other.shown(),
        }
    }
}

/// What holds where nobody says anything.
pub fn default(key: &Key) -> String {
    let asking = kernel::asking::Settings::new(0);
    match (key.name, key.kind) {
        ("quiet_hours", _) => asking
            .quiet
            .first()
            .map_or_else(|| "none".to_owned(), |span| span_shown(*span)),
        ("checks_per_day", _) => asking.per_day.to_string(),
        ("checks_per_week", _) => asking.per_week.to_string(),
        ("require_encryption", _) => "where the disk is not encrypted".to_owned(),
        ("require_keychain", _) => "off".to_owned(),
        ("appliance" | "ca_fingerprint", _) => "yours to name".to_owned(),
        ("harnesses" | "own_model_hosts", _) => "all".to_owned(),
        (_, Kind::Flag) => "on".to_owned(),
        (_, Kind::Version) => "any".to_owned(),
        _ => "none".to_owned(),
    }
}
