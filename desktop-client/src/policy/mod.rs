//! What the organisation lays down for this machine, and what comes of it.
//!
//! Read from `/etc/aiworklab/policy.toml`; `AIWORKLAB_POLICY` names another file only where that one
//! does not exist, so that nobody steps around it by an environment variable. A file is obeyed only
//! if it and the folders above it are root's and nobody else can write them.
//!
//! Invariants: a policy never enrols anybody and never widens what is sent: it fills in what the
//! person would type, or takes something away. And it fails closed: a value that cannot be read
//! takes the strictest meaning that its key has, for a slip of the pen must not lift what the
//! organisation laid down; recording goes on meanwhile and nothing is lost, so the price of the slip
//! is silence and a sentence in `doctor`, not evidence. A key that is not known is named and passed
//! over: a policy may be written for a newer client than this one.
//! Elsewhere: the keys are [`schema`]; what a person set is [`crate::settings`].

mod error;
mod explained;
pub mod raw;
pub mod schema;
#[cfg(test)]
mod templates_tests;
#[cfg(test)]
mod tests;

pub use error::Error;

use crate::error::Result;
use crate::net;
use crate::world::World;
use kernel::asking::{QuietHours, Weekday};
use kernel::event::Harness;
use raw::{Entry, Unreadable};
use schema::{KEYS, Value};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use url::Url;

/// Where the policy stands.
pub const FILE: &str = "/etc/aiworklab/policy.toml";
/// Where another one may be named, if there is none.
pub const VARIABLE: &str = "AIWORKLAB_POLICY";
/// This program's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where the policy comes from, and whether it is obeyed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Place {
    /// There is none.
    #[default]
    Nowhere,
    /// It is read and obeyed.
    Obeyed(PathBuf),
    /// Others than root could have written it, so it is not obeyed.
    NotObeyed {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// It cannot be read, so everything is as strict as can be.
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: Unreadable,
    },
}

/// A key's value, and where it stands.
#[derive(Debug, Clone)]
struct Rule {
    /// `Err` says why it could not be read: the strictest meaning holds.
    value: Result<Value, String>,
    /// File and line.
    at: String,
}

/// The organisation's policy; the default is none at all.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    place: Place,
    rules: BTreeMap<&'static str, Rule>,
    unknown: Vec<Entry>,
}

impl Policy {
    /// Reads it. What is wrong with it is part of the result: see [`Policy::place`], [`Policy::troubles`].
    pub fn load(world: &dyn World) -> Self {
        Self::load_from(Path::new(FILE), world)
    }

    fn load_from(laid_down: &Path, world: &dyn World) -> Self {
        // A file that is there and cannot be looked at counts as there.
        let there = std::fs::symlink_metadata(laid_down)
            .map_or_else(|error| error.kind() != io::ErrorKind::NotFound, |_| true);
        if there {
            return Self::read(laid_down, &[0]);
        }
        match world.env(VARIABLE) {
            // Who names a file of his own wants it; it can only take away from him.
            Some(path) => Self::read(Path::new(&path), &[0, rustix::process::geteuid().as_raw()]),
            None => Self::default(),
        }
    }

    fn read(path: &Path, owners: &[u32]) -> Self {
        let path = path.to_owned();
        match guarded(&path, owners) {
            Err(Guard::Open(why)) => {
                return Self {
                    place: Place::NotObeyed { path, why },
                    ..Self::default()
                };
            }
            Err(Guard::Unreadable(error)) => {
                let why = Unreadable {
                    line: 0,
                    why: error.to_string(),
                };
                return Self::broken(path, why);
            }
            Ok(()) => {}
        }
        match raw::file(&path) {
            Ok(entries) => Self::of(path, entries.unwrap_or_default()),
            Err(why) => Self::broken(path, why),
        }
    }

    fn broken(path: PathBuf, why: Unreadable) -> Self {
        let at = at(&path, why.line);
        let strict = |key: &schema::Key| {
            let rule = Rule {
                value: Err(why.why.clone()),
                at: at.clone(),
            };
            (key.name, rule)
        };
        Self {
            rules: KEYS.iter().filter(|key| key.policy).map(strict).collect(),
            place: Place::Broken { path, why },
            unknown: Vec::new(),
        }
    }

    fn of(path: PathBuf, entries: Vec<Entry>) -> Self {
        let mut rules = BTreeMap::new();
        let mut unknown = Vec::new();
        for entry in entries {
            match schema::key(&entry.key).filter(|key| key.policy) {
                None => unknown.push(entry),
                Some(key) => {
                    let value = key.kind.read(&entry.raw).map_err(|takes| {
                        format!("{} is {}, and takes {takes}", key.name, entry.raw.shown())
                    });
                    let at = at(&path, entry.line);
                    rules.insert(key.name, Rule { value, at });
                }
            }
        }
        Self {
            place: Place::Obeyed(path),
            rules,
            unknown,
        }
    }

    /// Where it comes from.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Keys that this program does not know.
    pub fn unknown(&self) -> &[Entry] {
        &self.unknown
    }

    /// Values that could not be read: the key, where it stands, and why.
    pub fn troubles(&self) -> impl Iterator<Item = (&'static str, &str, &str)> {
        self.rules.iter().filter_map(|(key, rule)| {
            let why = rule.value.as_ref().err()?;
            Some((*key, rule.at.as_str(), why.as_str()))
        })
    }

    fn rule(&self, key: &'static str) -> Option<&Rule> {
        self.rules.get(key)
    }

    /// The appliance's address, if the policy names one.
    pub fn address(&self) -> Option<&Url> {
        match &self.rule("appliance")?.value {
            Ok(Value::Address(url)) => Some(url),
            _ => None,
        }
    }

    /// The root's fingerprint, as `sha256:` and 64 digits, if the policy names one.
    pub fn ca_fingerprint(&self) -> Option<&str> {
        match &self.rule("ca_fingerprint")?.value {
            Ok(Value::Fingerprint(text)) => Some(text),
            _ => None,
        }
    }

    /// Address and fingerprint to enrol with: those that were typed, else the policy's.
    ///
    /// # Errors
    /// [`Error::Differs`] if both are there and differ: the policy pins the trust anchor.
    /// [`Error::NothingNamed`] if neither is there; [`Error::Unreadable`], [`Error::Version`].
    pub fn enrol_target(
        &self,
        url: Option<&str>,
        fingerprint: Option<&str>,
    ) -> Result<(String, String)> {
        self.version_allowed()?;
        let url = match url {
            Some(text) => Some(net::address(text)?.as_str().to_owned()),
            None => None,
        };
        let fingerprint = match fingerprint {
            Some(text) => Some(text.parse::<net::Fingerprint>()?.to_string()),
            None => None,
        };
        let laid_down = self.address().map(|url| url.as_str().to_owned());
        let address = self.pinned("appliance", "address", laid_down, url)?;
        let laid_down = self.ca_fingerprint().map(str::to_owned);
        let root = self.pinned("ca_fingerprint", "fingerprint", laid_down, fingerprint)?;
        Ok((address.trim_end_matches('/').to_owned(), root))
    }

    fn pinned(
        &self,
        key: &'static str,
        what: &'static str,
        policy: Option<String>,
        given: Option<String>,
    ) -> Result<String> {
        let at = match self.rule(key) {
            Some(Rule {
                value: Err(why),
                at,
            }) => {
                return Err(Error::Unreadable {
                    what: "this machine is not enrolled",
                    at: at.clone(),
                    why: why.clone(),
                }
                .into());
            }
            Some(rule) => rule.at.clone(),
            None => String::new(),
        };
        match (policy, given) {
            (None, None) => Err(Error::NothingNamed { what }.into()),
            (Some(policy), Some(given)) if policy != given => Err(Error::Differs {
                what,
                at,
                policy,
                given,
            }
            .into()),
            (Some(value), _) | (None, Some(value)) => Ok(value),
        }
    }

    /// Whether this harness may be set up and listened to.
    pub fn harness_allowed(&self, harness: Harness) -> bool {
        match self.rule("harnesses").map(|rule| &rule.value) {
            None => true,
            Some(Ok(Value::Harnesses(allowed))) => allowed.contains(&harness),
            Some(_) => false,
        }
    }

    /// The same, as an error that names the line.
    ///
    /// # Errors
    /// [`Error::Harness`], [`Error::Unreadable`].
    pub fn permits_harness(&self, harness: Harness) -> Result<()> {
        if self.harness_allowed(harness) {
            return Ok(());
        }
        self.readable("harnesses", "no harness is set up")?;
        Err(Error::Harness {
            harness: harness.title(),
            at: self.at("harnesses"),
        }
        .into())
    }

    /// Whether the engineer's own model may be used at all.
    pub fn own_model_allowed(&self) -> bool {
        !self.off("own_model")
    }

    /// Whether the engineer's own model may be at this host. A local file needs none: ask
    /// [`Policy::own_model_allowed`].
    pub fn own_model_host_allowed(&self, host: &str) -> bool {
        self.own_model_allowed()
            && match self.rule("own_model_hosts").map(|rule| &rule.value) {
                None => true,
                Some(Ok(Value::Hosts(hosts))) => {
                    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
                    hosts.iter().any(|one| one.trim_matches(['[', ']']) == host)
                }
                Some(_) => false,
            }
    }

    /// The same, as an error that names the line; no host is a model in a file.
    ///
    /// # Errors
    /// [`Error::OwnModel`], [`Error::Unreadable`].
    pub fn permits_own_model(&self, host: Option<&str>) -> Result<()> {
        if !self.own_model_allowed() {
            self.readable("own_model", "your own model is off")?;
            return Err(Error::OwnModel {
                why: "turns your own model off".to_owned(),
                at: self.at("own_model"),
            }
            .into());
        }
        match host {
            Some(host) if !self.own_model_host_allowed(host) => {
                self.readable("own_model_hosts", "your own model is off")?;
                Err(Error::OwnModel {
                    why: format!("does not allow a model at {host}"),
                    at: self.at("own_model_hosts"),
                }
                .into())
            }
            _ => Ok(()),
        }
    }

    /// `Some(true)`: the store is encrypted whatever the disk is.
    pub fn store_encrypted(&self) -> Option<bool> {
        self.demanded("require_encryption").then_some(true)
    }

    /// Whether secrets may lie in the system's keychain alone.
    pub fn keychain_required(&self) -> bool {
        self.demanded("require_keychain")
    }

    /// Whether a file may hold secrets.
    ///
    /// # Errors
    /// [`Error::KeyFile`].
    pub fn permits_key_file(&self) -> Result<()> {
        if self.keychain_required() {
            let at = self.at("require_keychain");
            return Err(Error::KeyFile { at }.into());
        }
        Ok(())
    }

    /// Whether a program of this version may enrol, sync and ask unasked.
    ///
    /// # Errors
    /// [`Error::Version`], [`Error::Unreadable`].
    pub fn version_allowed(&self) -> Result<()> {
        for (key, word) in [("minimum_version", "before"), ("maximum_version", "after")] {
            self.readable(key, "this program enrols and syncs nothing")?;
            let Some(Rule {
                value: Ok(Value::Version(bound)),
                at,
            }) = self.rule(key)
            else {
                continue;
            };
            let own = semver::Version::parse(VERSION);
            let fits = own.is_ok_and(|own| match word {
                "before" => own >= *bound,
                _ => own <= *bound,
            });
            if !fits {
                return Err(Error::Version {
                    bound: format!("{word} {bound}"),
                    version: VERSION,
                    at: at.clone(),
                }
                .into());
            }
        }
        Ok(())
    }

    /// The quiet hours that the policy adds to the person's own.
    pub fn quiet(&self) -> Option<QuietHours> {
        match &self.rule("quiet_hours")?.value {
            Ok(Value::Window(span)) => *span,
            // The whole day.
            _ => Some(QuietHours {
                from_minute: 0,
                to_minute: 0,
            }),
        }
    }

    /// The days off that the policy adds to the person's own.
    pub fn days_off(&self) -> &[Weekday] {
        match self.rule("days_off").map(|rule| &rule.value) {
            None => &[],
            Some(Ok(Value::Days(days))) => days,
            Some(_) => &Weekday::ALL,
        }
    }

    /// Whether the policy says no to what this key names.
    pub fn off(&self, key: &'static str) -> bool {
        let value = self.rule(key).map(|rule| &rule.value);
        matches!(value, Some(Ok(Value::Flag(false)) | Err(_)))
    }

    /// The most that the policy allows of what this key counts.
    pub fn most(&self, key: &'static str) -> Option<u32> {
        match &self.rule(key)?.value {
            Ok(Value::Count(most)) => Some(*most),
            _ => Some(0),
        }
    }

    fn demanded(&self, key: &'static str) -> bool {
        let value = self.rule(key).map(|rule| &rule.value);
        matches!(value, Some(Ok(Value::Flag(true)) | Err(_)))
    }

    /// Where a key stands: file and line.
    pub fn at(&self, key: &'static str) -> String {
        self.rule(key)
            .map(|rule| rule.at.clone())
            .unwrap_or_default()
    }

    fn readable(&self, key: &'static str, what: &'static str) -> Result<()> {
        match self.rule(key) {
            Some(Rule {
                value: Err(why),
                at,
            }) => Err(Error::Unreadable {
                what,
                at: at.clone(),
                why: why.clone(),
            }
            .into()),
            _ => Ok(()),
        }
    }
}

fn at(path: &Path, line: usize) -> String {
    match line {
        0 => path.display().to_string(),
        line => format!("{}, line {line}", path.display()),
    }
}

/// Why a file cannot be relied on.
enum Guard {
    /// Others could have written it.
    Open(String),
    /// It is there and cannot be looked at.
    Unreadable(io::Error),
}

/// Whether nobody but `owners` can have written this file.
fn guarded(path: &Path, owners: &[u32]) -> Result<(), Guard> {
    let path = std::fs::canonicalize(path).map_err(Guard::Unreadable)?;
    for (step, place) in path.ancestors().enumerate() {
        let found = std::fs::metadata(place).map_err(Guard::Unreadable)?;
        let name = place.display();
        if step == 0 && !found.is_file() {
            return Err(Guard::Open(format!("{name} is no file")));
        }
        if !owners.contains(&found.uid()) {
            return Err(Guard::Open(format!(
                "{name} belongs to user {}, not to root",
                found.uid()
            )));
        }
        // In a sticky folder, such as /tmp, nobody replaces another's file.
        let sticky = step > 0 && found.mode() & 0o1000 != 0;
        if found.mode() & 0o022 != 0 && !sticky {
            return Err(Guard::Open(format!(
                "{name} can be written by others (mode {:04o})",
                found.mode() & 0o7777
            )));
        }
    }
    Ok(())
}
