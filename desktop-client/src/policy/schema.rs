//! The keys of policy and settings: what each takes, and what it can only make narrower.
//!
//! One list for everything that knows the keys: the reader, `policy show`, the templates for
//! Windows and macOS, the manual's page. A test walks it for each of them.
//!
//! Invariant: no key makes the client send anything, or send more. Whatever a value says, it takes
//! something away, or fills in what the person would type.

use super::raw::Raw;
use crate::net::{self, Fingerprint};
use kernel::asking::{HARD_CAP_PER_DAY, QuietHours, Weekday};
use kernel::event::Harness;
use semver::Version;
use url::Url;

/// What kind of value a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An appliance's address.
    Address,
    /// SHA-256 of a root certificate.
    Fingerprint,
    /// Names of harnesses.
    Harnesses,
    /// A span of the day, or `none`.
    Window,
    /// Days of the week.
    Days,
    /// Yes or no.
    Flag,
    /// A whole number from 0 to this.
    UpTo(u32),
    /// A version, as in 1.2.3.
    Version,
    /// Names of hosts.
    Hosts,
    /// The word `none` alone.
    NoneAtAll,
}

/// A key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name, in the file, the registry and the profile.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Whether the organisation's policy may hold it.
    pub policy: bool,
    /// Whether a person's own settings may hold it.
    pub personal: bool,
    /// An example of a value, as TOML.
    pub example: &'static str,
    /// What it does, in a sentence.
    pub what: &'static str,
}

const fn policy(name: &'static str, kind: Kind, example: &'static str, what: &'static str) -> Key {
    Key {
        name,
        kind,
        policy: true,
        personal: false,
        example,
        what,
    }
}

const fn both(name: &'static str, kind: Kind, example: &'static str, what: &'static str) -> Key {
    Key {
        personal: true,
        ..policy(name, kind, example, what)
    }
}

/// Most checks a week: three a day.
const WEEK: u32 = HARD_CAP_PER_DAY * 7;

/// All keys, in the order in which they are shown.
pub const KEYS: [Key; 19] = [
    policy(
        "appliance",
        Kind::Address,
        "\"https://skills.corp.example:8443\"",
        "The appliance's address. `aiworklab enrol` takes it when it is given none, and refuses another.",
    ),
    policy(
        "ca_fingerprint",
        Kind::Fingerprint,
        "\"sha256:0000000000000000000000000000000000000000000000000000000000000000\"",
        "SHA-256 of the appliance's root certificate. `aiworklab enrol` takes it when it is given none, and refuses another.",
    ),
    policy(
        "harnesses",
        Kind::Harnesses,
        "[\"claude-code\", \"codex\"]",
        "The harnesses that may be set up and listened to; others are refused.",
    ),
    both(
        "quiet_hours",
        Kind::Window,
        "\"18:00-09:00\"",
        "Hours of the local day in which nothing is asked unasked. A policy's hours are added to the person's own.",
    ),
    both(
        "days_off",
        Kind::Days,
        "[\"saturday\", \"sunday\"]",
        "Days on which nothing is asked unasked. A policy's days are added to the person's own.",
    ),
    policy(
        "asking",
        Kind::Flag,
        "false",
        "false: nothing is asked unasked; `aiworklab quiz` still gives a check. true leaves it to the person.",
    ),
    both(
        "checks_per_day",
        Kind::UpTo(HARD_CAP_PER_DAY),
        "1",
        "Most checks a day; the lower of policy and person counts.",
    ),
    both(
        "checks_per_week",
        Kind::UpTo(WEEK),
        "4",
        "Most checks in seven days; the lower of policy and person counts.",
    ),
    both(
        "notifications",
        Kind::Flag,
        "false",
        "false: no desktop notification. In a policy, true leaves it to the person.",
    ),
    both(
        "page",
        Kind::Flag,
        "false",
        "false: no local page, so that the agent listens on no port. In a policy, true leaves it to the person.",
    ),
    both(
        "harness_line",
        Kind::Flag,
        "false",
        "false: no line about a waiting check inside the harness. In a policy, true leaves it to the person.",
    ),
    both(
        "weekly_recap",
        Kind::Flag,
        "false",
        "false: no weekly word on what you now know. In a policy, true leaves it to the person.",
    ),
    policy(
        "own_model",
        Kind::Flag,
        "false",
        "false: the engineer's own model is off. true leaves it to the person.",
    ),
    policy(
        "own_model_hosts",
        Kind::Hosts,
        "[\"localhost\", \"models.corp.example\"]",
        "The hosts at which the engineer's own model may be; others are refused.",
    ),
    policy(
        "require_encryption",
        Kind::Flag,
        "true",
        "true: the personal store is encrypted, whatever is found of the disk.",
    ),
    policy(
        "require_keychain",
        Kind::Flag,
        "true",
        "true: secrets lie in the system's keychain; a file is refused.",
    ),
    policy(
        "minimum_version",
        Kind::Version,
        "\"0.1.0\"",
        "An older client neither enrols, syncs nor asks unasked; it goes on recording.",
    ),
    policy(
        "maximum_version",
        Kind::Version,
        "\"9.9.9\"",
        "A newer client neither enrols, syncs nor asks unasked; it goes on recording.",
    ),
    policy(
        "update_source",
        Kind::NoneAtAll,
        "\"none\"",
        "Where this program looks for updates: nowhere. The one value is \"none\"; your software distribution brings new versions.",
    ),
];

/// The key of this name; `-` counts as `_`.
pub fn key(name: &str) -> Option<&'static Key> {
    let name = name.replace('-', "_");
    KEYS.iter().find(|key| key.name == name)
}

/// A value that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// An address.
    Address(Url),
    /// A fingerprint, as `sha256:` and 64 digits.
    Fingerprint(String),
    /// Harnesses.
    Harnesses(Vec<Harness>),
    /// A span of the day; `None` where there is to be none.
    Window(Option<QuietHours>),
    /// Days.
    Days(Vec<Weekday>),
    /// Yes or no.
    Flag(bool),
    /// A number.
    Count(u32),
    /// A version.
    Version(Version),
    /// Hosts.
    Hosts(Vec<String>),
    /// `none`.
    NoneAtAll,
}

impl Kind {
    /// Understands a value.
    ///
    /// # Errors
    /// What it takes instead, in words.
    pub fn read(self, raw: &Raw) -> Result<Value, String> {
        self.understood(raw).ok_or_else(|| self.takes())
    }

    fn understood(self, raw: &Raw) -> Option<Value> {
        let text = match raw {
            Raw::Text(text) => Some(text.trim()),
            _ => None,
        };
        Some(match self {
            Self::Address => Value::Address(net::address(text?).ok()?),
            Self::Fingerprint => Value::Fingerprint(text?.parse::<Fingerprint>().ok()?.to_string()),
            Self::Harnesses => Value::Harnesses(
                raw.items()?
                    .iter()
                    .map(|name| Harness::named(name))
                    .collect::<Option<_>>()?,
            ),
            Self::Window if text == Some("none") => Value::Window(None),
            Self::Window => Value::Window(Some(window(text?)?)),
            Self::Days => Value::Days(days(raw.items()?)?),
            Self::Flag => Value::Flag(match raw {
                Raw::Flag(flag) => *flag,
                Raw::Text(text) => match text.trim() {
                    "true" | "on" | "yes" => true,
                    "false" | "off" | "no" => false,
                    _ => return None,
                },
                // A registry has no other way to say it.
                Raw::Number(0) => false,
                Raw::Number(1) => true,
                _ => return None,
            }),
            Self::UpTo(most) => {
                let number = match raw {
                    Raw::Number(number) => u32::try_from(*number).ok()?,
                    _ => text?.parse().ok()?,
                };
                Value::Count((number <= most).then_some(number)?)
            }
            Self::Version => Value::Version(Version::parse(text?).ok()?),
            Self::Hosts => {
                let hosts = raw.items()?;
                let plain = |host: &String| url::Host::parse(host).is_ok();
                let lower = |host: &String| host.to_ascii_lowercase();
                hosts.iter().all(plain).then_some(())?;
                Value::Hosts(hosts.iter().map(lower).collect())
            }
            Self::NoneAtAll => (text == Some("none")).then_some(Value::NoneAtAll)?,
        })
    }

    /// What it takes, in words.
    pub fn takes(self) -> String {
        match self {
            Self::Address => "an https address without a path, such as \"https://skills.corp.example:8443\"".into(),
            Self::Fingerprint => "\"sha256:\" and 64 hexadecimal digits".into(),
            Self::Harnesses => {
                let names: Vec<_> = Harness::ALL.iter().map(|harness| harness.name()).collect();
                format!("a list of {}", names.join(", "))
            }
            Self::Window => "a span of the day, such as \"19:00-08:00\", or \"none\"".into(),
            Self::Days => "a list of monday, tuesday, wednesday, thursday, friday, saturday, sunday, or \"none\"".into(),
            Self::Flag => "true or false (on or off)".into(),
            Self::UpTo(most) => format!("a whole number from 0 to {most}"),
            Self::Version => "a version, such as \"1.2.3\"".into(),
            Self::Hosts => "a list of host names, such as \"localhost\"".into(),
            Self::NoneAtAll => "\"none\"".into(),
        }
    }
}

impl Value {
    /// As it is shown to people.
    pub fn shown(&self) -> String {
        match self {
            Self::Address(url) => url.as_str().trim_end_matches('/').to_owned(),
            Self::Fingerprint(text) => text.clone(),
            Self::Harnesses(list) => listed(list.iter().map(|harness| harness.name().to_owned())),
            Self::Window(None) | Self::NoneAtAll => "none".to_owned(),
            Self::Window(Some(span)) => span_shown(*span),
            Self::Days(list) => listed(list.iter().map(|day| day.name().to_owned())),
            Self::Flag(true) => "on".to_owned(),
            Self::Flag(false) => "off".to_owned(),
            Self::Count(number) => number.to_string(),
            Self::Version(version) => version.to_string(),
            Self::Hosts(list) => listed(list.iter().cloned()),
        }
    }

    /// As it is written into a file.
    pub fn toml(&self) -> toml::Value {
        let texts = |list: Vec<String>| {
            toml::Value::Array(list.into_iter().map(toml::Value::String).collect())
        };
        match self {
            Self::Harnesses(list) => texts(list.iter().map(|h| h.name().to_owned()).collect()),
            Self::Days(list) => texts(list.iter().map(|day| day.name().to_owned()).collect()),
            Self::Hosts(list) => texts(list.clone()),
            Self::Flag(flag) => toml::Value::Boolean(*flag),
            Self::Count(number) => toml::Value::Integer(i64::from(*number)),
            other => toml::Value::String(other.shown()),
        }
    }
}

fn listed(names: impl Iterator<Item = String>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

/// A span as it is written: `19:00-08:00`.
pub fn span_shown(span: QuietHours) -> String {
    format!(
        "{:02}:{:02}-{:02}:{:02}",
        span.from_minute / 60,
        span.from_minute % 60,
        span.to_minute / 60,
        span.to_minute % 60
    )
}

fn window(text: &str) -> Option<QuietHours> {
    let (from, to) = text.split_once('-')?;
    Some(QuietHours {
        from_minute: minute(from)?,
        to_minute: minute(to)?,
    })
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let number = |text: &str, below: u16| {
        let digits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        let number: u16 = digits.then(|| text.parse().ok())??;
        (number < below).then_some(number)
    };
    // 24:00 is how people write the end of a day.
    if (hour, minute) == ("24", "00") {
        return Some(0);
    }
    Some(number(hour, 24)? * 60 + number(minute, 60)?)
}

fn days(names: Vec<String>) -> Option<Vec<Weekday>> {
    if names == ["none"] {
        return Some(Vec::new());
    }
    let mut days = names
        .iter()
        .map(|name| {
            let name = name.to_ascii_lowercase();
            // "sat", "saturday".
            let fits = |day: &Weekday| name.len() >= 3 && day.name().starts_with(&name);
            Weekday::ALL.into_iter().find(fits)
        })
        .collect::<Option<Vec<_>>>()?;
    days.sort_unstable();
    days.dedup();
    Some(days)
}
