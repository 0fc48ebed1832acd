//! Configuration: one TOML file in the data directory, overridden by the environment.
//!
//! Unknown keys are refused with the key, the file, the line and the nearest key that exists, so a
//! slip never passes for a default. No secret stands in the file or in a variable: secrets are
//! files that it names, and `config show` may be pasted into a ticket.

pub mod keys;
pub mod read;
#[cfg(test)]
mod tests;
pub mod value;

use crate::edges::Environment;
use read::{Origin, Problem, Values};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;
use value::Value;

/// The file's name in the data directory.
pub const FILE: &str = "config.toml";

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("the configuration file {} cannot be read", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It, or the environment, says something that cannot be.
    #[error("the configuration is not valid:\n{}", list(problems))]
    Refused {
        /// All of it.
        problems: Vec<Problem>,
    },
}

impl Error {
    /// Code printed in the manual. Never reused.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "G001",
            Self::Refused { .. } => "G002",
        }
    }
}

fn list(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| format!("  {problem}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Shape of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How a provider gets our secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// HTTP basic authentication (RFC 6749 section 2.3.1).
    Basic,
    /// In the form.
    Post,
}

/// One identity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// `entra`: part of its callback's address.
    pub id: String,
    /// "Entra ID".
    pub name: String,
    /// Exactly as the provider states it.
    pub issuer: String,
    /// Our name there.
    pub client_id: String,
    /// File with the secret; `None` is a public client.
    pub client_secret_file: Option<PathBuf>,
    /// How the secret is sent.
    pub client_auth: ClientAuth,
    /// File with the authority of its TLS certificate.
    pub ca_file: Option<PathBuf>,
    /// What is asked for; `openid` among them.
    pub scopes: Vec<String>,
    /// Claim that carries roles.
    pub roles_claim: String,
    /// Its values for administrators.
    pub admin_values: Vec<String>,
    /// Its values for leads.
    pub lead_values: Vec<String>,
    /// Further audiences.
    pub extra_audiences: Vec<String>,
    /// Further hosts of the provider.
    pub also_hosts: Vec<String>,
    /// Google Workspace's domain.
    pub hosted_domain: Option<String>,
    /// Whether TLS 1.2 with an authenticated cipher is spoken too.
    pub allows_tls12: bool,
    /// Classes of authentication of which a confirmation has to show one.
    pub acr_values: Vec<String>,
    /// Entra's authentication context for confirmations.
    pub auth_context: Option<String>,
}

/// Limits of the two listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Open connections a port.
    pub connections: usize,
    /// For a handshake, and for a request's head.
    pub header: Duration,
    /// For a whole request.
    pub request: Duration,
    /// For requests in flight at the end.
    pub shutdown: Duration,
}

/// What `[model]` says. Its files are looked at by whoever opens them, not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// The language model, with the digest that its file has to have.
    pub file: Option<(PathBuf, String)>,
    /// The folder of the sentence model.
    pub sentences: Option<PathBuf>,
    /// Threads; `None`: by the cores of the machine.
    pub threads: Option<u32>,
    /// Memory beside the mapped files, in MB of 1,000,000 bytes.
    pub memory_mb: u64,
    /// Seconds until it has to be ready.
    pub start_s: u64,
    /// Seconds for one job.
    pub job_s: u64,
    /// Whether it may run without Landlock.
    pub allow_degraded: bool,
}

/// The configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where everything lies.
    pub data_dir: PathBuf,
    /// Name on every page.
    pub organisation: String,
    /// People's listener.
    pub people: SocketAddr,
    /// Devices' listener.
    pub devices: SocketAddr,
    /// Names in the certificate, beside localhost and the loopback addresses.
    pub names: Vec<String>,
    /// How people reach us, if not by the first name and the port.
    pub people_url: Option<Url>,
    /// How devices do.
    pub devices_url: Option<Url>,
    /// Shape of the log.
    pub log_format: LogFormat,
    /// `info`.
    pub log_level: String,
    /// The database.
    pub store: PathBuf,
    /// The ledger.
    pub ledger: PathBuf,
    /// Life of a session.
    pub session: Duration,
    /// Age of a sign-in that still allows an administrator's change.
    pub step_up: Duration,
    /// How often devices come, in seconds.
    pub poll_s: u32,
    /// Smallest group of a figure.
    pub k: u32,
    /// Limits of the listeners.
    pub limits: Limits,
    /// The local model.
    pub model: Model,
    /// Identity providers.
    pub providers: Vec<Provider>,
    /// All of the above as it was said, with where.
    pub values: Values,
}

/// What options of `serve` say over the file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Overrides {
    /// `--people`.
    pub people: Option<SocketAddr>,
    /// `--devices`.
    pub devices: Option<SocketAddr>,
}

impl Config {
    /// Reads the file of this data directory; one that does not exist counts as empty.
    ///
    /// # Errors
    /// [`Error::Read`] if it cannot be read, [`Error::Refused`] with every problem of its content.
    pub fn load(
        data_dir: &Path,
        environment: &Environment,
        overrides: Overrides,
    ) -> Result<Self, Error> {
        let path = data_dir.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(Error::Read { path, source }),
        };
        Self::from_text(data_dir, &path, &text, environment, overrides)
    }

    /// The same from a text.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn from_text(
        data_dir: &Path,
        path: &Path,
        text: &str,
        environment: &Environment,
        overrides: Overrides,
    ) -> Result<Self, Error> {
        let mut values = Values::read(path, text, environment)
            .map_err(|problems| Error::Refused { problems })?;
        if let Some(people) = overrides.people {
            values.put(
                "listen",
                "people",
                Value::Text(people.to_string()),
                "--people",
            );
        }
        if let Some(devices) = overrides.devices {
            values.put(
                "listen",
                "devices",
                Value::Text(devices.to_string()),
                "--devices",
            );
        }
        Builder {
            values,
            problems: Vec::new(),
        }
        .build(data_dir)
    }

    /// Every name and address of the server's certificate, the first being the one that people are
    /// shown.
    #[must_use]
    pub fn certificate_names(&self) -> Vec<String> {
        let mut names = self.names.clone();
        for url in [&self.people_url, &self.devices_url].into_iter().flatten() {
            names.extend(
                url.host_str()
                    .map(|host| host.trim_matches(['[', ']']).to_owned()),
            );
        }
        names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        for address in [self.people.ip(), self.devices.ip()] {
            if !address.is_unspecified() {
                names.push(address.to_string());
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(name.to_ascii_lowercase()));
        names
    }

    /// How people and devices reach us, when the listeners got these ports.
    #[must_use]
    pub fn addresses(&self, people_port: u16, devices_port: u16) -> Addresses {
        let base = |url: &Option<Url>, port: u16| match url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => {
                let name = self.names.first().map_or("localhost", String::as_str);
                let name = if name.contains(':') {
                    format!("[{name}]")
                } else {
                    name.to_owned()
                };
                let port = if port == 443 {
                    String::new()
                } else {
                    format!(":{port}")
                };
                format!("https://{name}{port}")
            }
        };
        Addresses {
            people: base(&self.people_url, people_port),
            devices: base(&self.devices_url, devices_port),
        }
    }
}

/// The two base addresses, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Addresses {
    /// `https://localhost:8443`.
    pub people: String,
    /// `https://localhost:8444`.
    pub devices: String,
}

struct Builder {
    values: Values,
    problems: Vec<Problem>,
}

impl Builder {
    fn build(mut self, data_dir: &Path) -> Result<Config, Error> {
        let file = |name: String| data_dir.join(name);
        let providers = self.values.providers();
        let providers = providers
            .iter()
            .filter_map(|id| self.provider(id, data_dir))
            .collect();
        let seconds = |n: i64| Duration::from_secs(n.unsigned_abs());
        let config = Config {
            data_dir: data_dir.to_owned(),
            organisation: self.text("organisation", "name"),
            people: self.listen("people"),
            devices: self.listen("devices"),
            names: self.words("public", "names"),
            people_url: self.url("people_url"),
            devices_url: self.url("devices_url"),
            log_format: match self.text("log", "format").as_str() {
                "json" => LogFormat::Json,
                _ => LogFormat::Text,
            },
            log_level: self.text("log", "level"),
            store: file(self.text("store", "path")),
            ledger: file(self.text("store", "ledger")),
            session: seconds(self.number("sign_in", "session_hours") * 3600),
            step_up: seconds(self.number("sign_in", "step_up_minutes") * 60),
            poll_s: self.small("sync", "poll_s"),
            k: self.small("figures", "k"),
            limits: Limits {
                connections: usize::try_from(self.number("limits", "connections")).unwrap_or(8),
                header: seconds(self.number("limits", "header_s")),
                request: seconds(self.number("limits", "request_s")),
                shutdown: seconds(self.number("limits", "shutdown_s")),
            },
            model: self.model(data_dir),
            providers,
            values: Values::default(),
        };
        self.check(&config);
        if self.problems.is_empty() {
            Ok(Config {
                values: self.values,
                ..config
            })
        } else {
            Err(Error::Refused {
                problems: self.problems,
            })
        }
    }

    fn check(&mut self, config: &Config) {
        if config.people == config.devices && config.people.port() != 0 {
            let what = "people and devices need a port each: a browser on the devices' port would \
                        ask its user for a certificate";
            self.problem("listen", "devices", what.to_owned());
        }
    }

    fn model(&mut self, data_dir: &Path) -> Model {
        let path = |name: String| data_dir.join(name);
        let (file, sha256) = (
            self.optional("model", "file"),
            self.optional("model", "sha256"),
        );
        let file = match (file, sha256) {
            (Some(file), Some(sha256)) => Some((path(file), sha256)),
            (Some(_), None) => {
                let what = "this key is missing: without its digest the model's file is not \
                            opened (`sha256sum FILE` prints it)";
                self.problem("model", "sha256", what.to_owned());
                None
            }
            (None, Some(_)) => {
                let what = "this key is missing: a digest alone names no model";
                self.problem("model", "file", what.to_owned());
                None
            }
            (None, None) => None,
        };
        let whole = |n: i64| n.unsigned_abs();
        Model {
            file,
            sentences: self.optional("model", "sentences").map(path),
            threads: self
                .values
                .get("model", "threads")
                .is_some()
                .then(|| self.small("model", "threads")),
            memory_mb: whole(self.number("model", "memory_mb")),
            start_s: whole(self.number("model", "start_s")),
            job_s: whole(self.number("model", "job_s")),
            allow_degraded: self.text("model", "sandbox") == "allow-degraded",
        }
    }

    fn provider(&mut self, id: &str, data_dir: &Path) -> Option<Provider> {
        let section = format!("oidc.{id}");
        for name in ["issuer", "client_id"] {
            if self.values.get(&section, name).is_none() {
                self.problem(&section, name, "this key is missing".to_owned());
            }
        }
        let issuer = self.optional(&section, "issuer")?;
        let client_id = self.optional(&section, "client_id")?;
        let scopes = self.words(&section, "scopes");
        if !scopes.iter().any(|scope| scope == "openid") {
            self.problem(
                &section,
                "scopes",
                "`openid` has to be among them".to_owned(),
            );
        }
        let path = |name: Option<String>| name.map(|name| data_dir.join(name));
        Some(Provider {
            id: id.to_owned(),
            name: self
                .optional(&section, "name")
                .unwrap_or_else(|| id.to_owned()),
            issuer,
            client_id,
            client_secret_file: path(self.optional(&section, "client_secret_file")),
            client_auth: match self.text(&section, "client_auth").as_str() {
                "post" => ClientAuth::Post,
                _ => ClientAuth::Basic,
            },
            ca_file: path(self.optional(&section, "ca_file")),
            scopes,
            roles_claim: self.text(&section, "roles_claim"),
            admin_values: self.words(&section, "admin_values"),
            lead_values: self.words(&section, "lead_values"),
            extra_audiences: self.words(&section, "extra_audiences"),
            also_hosts: self.words(&section, "also_hosts"),
            hosted_domain: self.optional(&section, "hosted_domain"),
            allows_tls12: self.text(&section, "tls_floor") == "1.2-aead",
            acr_values: self.words(&section, "acr_values"),
            auth_context: self.optional(&section, "auth_context"),
        })
    }

    fn problem(&mut self, section: &str, name: &str, what: String) {
        let origin = match self.values.get(section, name) {
            Some(setting) => setting.origin.clone(),
            None => Origin::Default,
        };
        self.problems.push(Problem {
            key: format!("{section}.{name}"),
            origin,
            what,
        });
    }

    fn optional(&self, section: &str, name: &str) -> Option<String> {
        match &self.values.get(section, name)?.value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    fn text(&self, section: &str, name: &str) -> String {
        self.optional(section, name).unwrap_or_default()
    }

    fn words(&self, section: &str, name: &str) -> Vec<String> {
        match self.values.get(section, name).map(|setting| &setting.value) {
            Some(Value::List(items)) => items.clone(),
            _ => Vec::new(),
        }
    }

    fn number(&self, section: &str, name: &str) -> i64 {
        match self.values.get(section, name).map(|setting| &setting.value) {
            Some(Value::Integer(number)) => *number,
            _ => 0,
        }
    }

    fn small(&self, section: &str, name: &str) -> u32 {
        u32::try_from(self.number(section, name)).unwrap_or(u32::MAX)
    }

    fn listen(&mut self, name: &str) -> SocketAddr {
        let text = self.text("listen", name);
        text.parse().unwrap_or_else(|_| {
            self.problem(
                "listen",
                name,
                "this has to be an IP address and a port".to_owned(),
            );
            SocketAddr::from(([127, 0, 0, 1], 0))
        })
    }

    fn url(&self, name: &str) -> Option<Url> {
        Url::parse(&self.optional("public", name)?).ok()
    }
}

/// What `init` was told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// The organisation's name.
    pub organisation: String,
    /// Names of the certificate.
    pub names: Vec<String>,
    /// People's listener.
    pub people: Option<SocketAddr>,
    /// Devices' listener.
    pub devices: Option<SocketAddr>,
    /// The language model's file and its digest.
    pub model: Option<(PathBuf, String)>,
    /// The sentence model's folder.
    pub sentences: Option<PathBuf>,
}

impl Said {
    fn of(&self, section: &str, name: &str) -> Option<Value> {
        let path = |path: &Path| path.display().to_string();
        let text = match (section, name) {
            ("public", "names") if !self.names.is_empty() => {
                return Some(Value::List(self.names.clone()));
            }
            ("organisation", "name") => Some(self.organisation.clone()),
            ("listen", "people") => self.people.map(|at| at.to_string()),
            ("listen", "devices") => self.devices.map(|at| at.to_string()),
            ("model", "file") => self.model.as_ref().map(|(file, _)| path(file)),
            ("model", "sha256") => self.model.as_ref().map(|(_, digest)| digest.clone()),
            ("model", "sentences") => self.sentences.as_deref().map(path),
            _ => None,
        };
        text.map(Value::Text)
    }
}

/// The file that `init` writes: what was said, and every other key as a comment with its default.
#[must_use]
pub fn template(said: &Said) -> String {
    let mut text = String::from(
        "# The appliance's configuration. Unknown keys are refused; `config check` reads this file\n\
         # without starting anything, `config show` says where each value came from.\n\
         # Each key can be overridden: [log] level is AIWORKLAB_LOG_LEVEL.\n",
    );
    let mut section = "";
    for key in keys::KEYS {
        if key.section != section {
            section = key.section;
            if section == keys::PROVIDER {
                text.push_str(
                    "\n# One section for each identity provider: [oidc.entra], [oidc.okta] …\n",
                );
                text.push_str("# [oidc.entra]\n");
            } else {
                let _ = write!(text, "\n[{section}]\n");
            }
        }
        let _ = writeln!(text, "# {}", key.help);
        match said.of(key.section, key.name) {
            Some(value) => {
                let _ = writeln!(text, "{} = {value}", key.name);
            }
            None => {
                let default = match value::from_text(key.kind, key.default) {
                    Ok(value) => value.to_string(),
                    Err(_) => "\"\"".to_owned(),
                };
                let _ = writeln!(text, "#{} = {default}", key.name);
            }
        }
    }
    text
}
