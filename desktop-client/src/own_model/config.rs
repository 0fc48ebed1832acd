//! Which model the engineer set: a small file without any secret.

use super::error::Error;
use crate::error::Result;
use crate::home::{self, Home};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use url::{Host, Url};

/// The file, in the client's folder.
const FILE: &str = "own-model.toml";
/// Calls a day, if nothing else is said.
pub const CALLS_A_DAY: u32 = 20;
/// The most that can be said.
pub const MOST_CALLS_A_DAY: u32 = 500;
/// Longest name of a model, in characters.
const NAME_CHARS: usize = 80;

/// Who runs the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Anthropic's Messages API.
    Anthropic,
    /// Chat completions as OpenAI has them: OpenAI's own, a company's gateway, llama-server, vLLM …
    Openai,
    /// Ollama, on this machine or another.
    Ollama,
    /// A file on this machine, run by this program in its sandbox.
    Gguf,
}

impl Provider {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Openai => "openai",
            Self::Ollama => "ollama",
            Self::Gguf => "gguf",
        }
    }

    /// Where it is, if nothing else is said.
    pub const fn url(self) -> Option<&'static str> {
        match self {
            Self::Anthropic => Some("https://api.anthropic.com"),
            Self::Openai => Some("https://api.openai.com/v1"),
            Self::Ollama => Some("http://127.0.0.1:11434"),
            Self::Gguf => None,
        }
    }
}

/// What the engineer set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who runs it.
    pub provider: Provider,
    /// Its name: as the provider calls it, or as the file does.
    pub model: String,
    /// Its base address; none for a file.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "address")]
    pub url: Option<Url>,
    /// Its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// SHA-256 of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Whether a key goes with each request.
    pub keyed: bool,
    /// Whether an address without TLS beyond this machine was allowed.
    #[serde(default)]
    pub allow_http: bool,
    /// Most calls a day.
    pub calls_a_day: u32,
}

/// An address as text.
mod address {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use url::Url;

    pub fn serialize<S: Serializer>(url: &Option<Url>, to: S) -> Result<S::Ok, S::Error> {
        match url {
            Some(url) => to.serialize_str(url.as_str()),
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Url>, D::Error> {
        let text = String::deserialize(from)?;
        Url::parse(&text).map(Some).map_err(D::Error::custom)
    }
}

impl Config {
    fn path(home: &Home) -> PathBuf {
        home.path().join(FILE)
    }

    /// What is set; `None`: nothing is.
    ///
    /// # Errors
    /// [`Error::Settings`] for a file that is not what [`Config::write`] writes.
    pub fn read(home: &Home) -> Result<Option<Self>> {
        let path = Self::path(home);
        let refused = |why: String| {
            crate::error::Error::from(Error::Settings {
                path: path.clone(),
                why,
            })
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refused(error.to_string())),
        };
        let config: Self =
            toml::from_str(&text).map_err(|error| refused(error.message().to_owned()))?;
        config.sound().map_err(|error| refused(error.to_string()))?;
        Ok(Some(config))
    }

    /// Writes it whole.
    ///
    /// # Errors
    /// The disk's own.
    pub fn write(&self, home: &Home) -> Result<()> {
        home.ensure()?;
        let path = Self::path(home);
        let text = toml::to_string(self).map_err(|error| Error::Settings {
            path: path.clone(),
            why: error.to_string(),
        })?;
        home::write_whole(&path, 0o600, text.as_bytes()).map_err(|source| {
            crate::error::Error::File {
                doing: "write",
                path,
                source,
            }
        })
    }

    /// Takes it away; `false` if there was none.
    ///
    /// # Errors
    /// The disk's own.
    pub fn remove(home: &Home) -> Result<bool> {
        let path = Self::path(home);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(source) => Err(crate::error::Error::File {
                doing: "remove",
                path,
                source,
            }),
        }
    }

    /// Whether it can be used at all.
    ///
    /// # Errors
    /// [`Error::Wish`], with what is wrong.
    pub fn sound(&self) -> Result<(), Error> {
        let wrong = |text: &str, why: &str| {
            Err(Error::Wish {
                text: text.to_owned(),
                why: why.to_owned(),
            })
        };
        let model = self.model.as_str();
        if !(1..=NAME_CHARS).contains(&model.chars().count()) || model.chars().any(char::is_control)
        {
            return wrong(
                model,
                "a model's name has 1 to 80 characters, and none that controls",
            );
        }
        if !(1..=MOST_CALLS_A_DAY).contains(&self.calls_a_day) {
            return wrong(
                &self.calls_a_day.to_string(),
                "1 to 500 calls a day can be had",
            );
        }
        match (&self.url, &self.file, &self.sha256) {
            (None, Some(_), Some(_)) if self.provider == Provider::Gguf => Ok(()),
            (Some(url), None, None) if self.provider != Provider::Gguf => {
                if url.host().is_none() || !["http", "https"].contains(&url.scheme()) {
                    wrong(
                        url.as_str(),
                        "an address begins with https:// and names a host",
                    )
                } else if !url.username().is_empty() || url.password().is_some() {
                    wrong("the address", "a key does not belong into an address")
                } else if url.query().is_some() || url.fragment().is_some() {
                    wrong(url.as_str(), "a base address has neither ? nor #")
                } else if url.scheme() == "http" && !is_loopback(url) && !self.allow_http {
                    wrong(
                        url.as_str(),
                        "without TLS your lines go readable over the network; --allow-http allows that",
                    )
                } else {
                    Ok(())
                }
            }
            _ => wrong(self.provider.name(), "gguf takes --file, the others --url"),
        }
    }

    /// The host, with its port where that is not the scheme's own.
    pub fn host(&self) -> Option<String> {
        let url = self.url.as_ref()?;
        let host = url.host_str()?;
        Some(match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        })
    }

    /// Whether what is sent leaves this machine.
    pub fn leaves(&self) -> bool {
        self.url.as_ref().is_some_and(|url| !is_loopback(url))
    }

    /// Where the model runs, in words.
    pub fn place(&self) -> String {
        match self.host() {
            Some(host) if self.leaves() => host,
            Some(host) => format!("{host}, on this machine"),
            None => "this machine".to_owned(),
        }
    }

    /// The name under which its key is kept: another host never gets it.
    pub fn key_name(&self) -> Option<String> {
        let host = self.host()?;
        self.keyed
            .then(|| format!("{}@{host}", self.provider.name()))
    }

    /// The file of a local model.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}

/// Whether an address is this machine's own.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => false,
    }
}
