//! The manifest: which files a release has, and what it needs.
//!
//! Invariant: a [`Manifest`] that was read is sound in itself: sorted, without doubles, every path
//! below the bundle, every model with a licence text that is a file of it.

use crate::{BundlePath, Error, FORMAT, MAX_FILE_BYTES, MAX_FILES, PRODUCT, TARGET, Version};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeSet;
use std::fmt;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The appliance: exactly one.
    Program,
    /// The engineers' program.
    Client,
    /// A model's weights, or its tokenizer.
    Model,
    /// A licence's text.
    Licence,
    /// A unit of the service manager, or what it reads.
    Unit,
    /// A page or a picture of the manual.
    Manual,
    /// The list of what everything is made of.
    Sbom,
    /// What a person starts.
    Script,
}

impl Kind {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Program => "program",
            Self::Client => "client",
            Self::Model => "model",
            Self::Licence => "licence",
            Self::Unit => "unit",
            Self::Manual => "manual",
            Self::Sbom => "sbom",
            Self::Script => "script",
        }
    }

    /// The permissions of such a file.
    #[must_use]
    pub fn mode(self) -> Mode {
        match self {
            Self::Program | Self::Client | Self::Script => Mode::RUN,
            _ => Mode::READ,
        }
    }
}

/// Permissions: for all to read, or for all to run; only its owner may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(u32);

impl Mode {
    /// 0755.
    pub const RUN: Self = Self(0o755);
    /// 0644.
    pub const READ: Self = Self(0o644);

    /// The bits.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.0
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "0755" => Some(Self::RUN),
            "0644" => Some(Self::READ),
            _ => None,
        }
    }
}

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{:04o}", self.0))
    }
}

/// The version of an operating system's kernel: its first two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelVersion {
    /// The first number.
    pub major: u32,
    /// The second.
    pub minor: u32,
}

impl KernelVersion {
    /// Reads the first two numbers of `6.1.0-18-amd64`; `None` if it does not begin with two.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit());
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        Some(Self { major, minor })
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Serialize for KernelVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a machine has to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Requires {
    /// The oldest kernel.
    pub kernel: KernelVersion,
    /// Instructions without which nothing runs, by the names of `/proc/cpuinfo`.
    pub cpu: Vec<String>,
    /// Instructions without which the model does not run, and all else does.
    pub cpu_for_model: Vec<String>,
    /// Memory in MB for the appliance alone.
    pub memory_mb: u64,
    /// Memory in MB with the model.
    pub memory_for_model_mb: u64,
}

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelRole {
    /// Ranks variants of questions.
    Language,
    /// Tells how alike two texts are.
    Sentences,
}

/// A model in the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub role: ModelRole,
    /// The file of its weights.
    pub file: BundlePath,
    /// The weights' digest, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Its licence, as an SPDX expression.
    pub licence: String,
    /// The licence's text.
    pub licence_file: BundlePath,
}

/// A file in the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct File {
    /// Where it lies.
    pub path: BundlePath,
    /// Its size.
    pub bytes: u64,
    /// Its digest, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// What it is for.
    pub kind: Kind,
    /// Its permissions.
    pub mode: Mode,
}

/// What a release is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// [`PRODUCT`].
    pub product: String,
    /// The release.
    pub version: Version,
    /// [`TARGET`].
    pub target: String,
    /// The commit it was built from; `+changes` behind it means that the tree differed.
    pub commit: String,
    /// The day of that commit.
    pub created: jiff::civil::Date,
    /// What a machine has to have.
    pub requires: Requires,
    /// Its models.
    pub models: Vec<Model>,
    /// All files, sorted by path.
    pub files: Vec<File>,
}

#[derive(Deserialize)]
struct Head {
    format: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    format: u32,
    product: String,
    version: String,
    target: String,
    commit: String,
    created: String,
    requires: RawRequires,
    models: Vec<RawModel>,
    files: Vec<RawFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRequires {
    kernel: String,
    cpu: Vec<String>,
    cpu_for_model: Vec<String>,
    memory_mb: u64,
    memory_for_model_mb: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModel {
    name: String,
    role: ModelRole,
    file: String,
    sha256: String,
    licence: String,
    licence_file: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    path: String,
    bytes: u64,
    sha256: String,
    kind: Kind,
    mode: String,
}

impl Manifest {
    /// Reads and checks one. Whether it is signed is another question: see [`crate::Signed`].
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Format`], [`Error::NotForUs`], [`Error::Path`],
    /// [`Error::Duplicate`], [`Error::Invalid`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        // A newer format may have fields that we do not know: that is to be said first.
        let head: Head = serde_json::from_slice(bytes).map_err(Error::Malformed)?;
        if head.format != FORMAT {
            return Err(Error::Format {
                found: head.format,
                known: FORMAT,
            });
        }
        let raw: RawManifest = serde_json::from_slice(bytes).map_err(Error::Malformed)?;
        for (what, found, wanted) in [
            ("the product", &raw.product, PRODUCT),
            ("the target", &raw.target, TARGET),
        ] {
            if found != wanted {
                return Err(Error::NotForUs {
                    what,
                    found: shown(found),
                    wanted,
                });
            }
        }
        let version = Version::parse(&raw.version)
            .map_err(|error| invalid(format!("version {}: {error}", shown(&raw.version))))?;
        let created = raw
            .created
            .parse()
            .map_err(|_| invalid(format!("{} is not a date", shown(&raw.created))))?;
        let manifest = Self {
            format: raw.format,
            product: raw.product,
            version,
            target: raw.target,
            commit: word(raw.commit, "the commit")?,
            created,
            requires: requires(raw.requires)?,
            models: raw
                .models
                .into_iter()
                .map(model)
                .collect::<Result<_, _>>()?,
            files: raw.files.into_iter().map(file).collect::<Result<_, _>>()?,
        };
        manifest.check()?;
        Ok(manifest)
    }

    /// Whether it is sound in itself.
    ///
    /// # Errors
    /// [`Error::Duplicate`], [`Error::Invalid`].
    pub fn check(&self) -> Result<(), Error> {
        if self.files.len() > MAX_FILES {
            return Err(invalid(format!("it has more than {MAX_FILES} files")));
        }
        for pair in self.files.windows(2) {
            match pair[0].path.cmp(&pair[1].path) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => {
                    return Err(Error::Duplicate {
                        path: pair[1].path.clone(),
                    });
                }
                std::cmp::Ordering::Greater => {
                    return Err(invalid(format!("{} is not in its place", pair[1].path)));
                }
            }
        }
        let folders: BTreeSet<&str> = self.files.iter().flat_map(|f| f.path.folders()).collect();
        for file in &self.files {
            if folders.contains(file.path.as_str()) {
                return Err(Error::Duplicate {
                    path: file.path.clone(),
                });
            }
            if file.mode != file.kind.mode() {
                return Err(invalid(format!(
                    "{} is a {} and has mode {:04o}",
                    file.path,
                    file.kind.as_str(),
                    file.mode.bits()
                )));
            }
            if file.bytes > MAX_FILE_BYTES {
                return Err(invalid(format!("{} is too large", file.path)));
            }
        }
        let programs = self.of(Kind::Program).map(|file| file.path.as_str());
        if programs.collect::<Vec<_>>() != [PRODUCT] {
            return Err(invalid(format!("it has not one program, {PRODUCT}")));
        }
        for model in &self.models {
            let weights = self.file(&model.file);
            if !weights.is_some_and(|f| f.kind == Kind::Model && f.sha256 == model.sha256) {
                return Err(invalid(format!(
                    "the model {} has no file {} with its digest",
                    model.name, model.file
                )));
            }
            if !self
                .file(&model.licence_file)
                .is_some_and(|file| file.kind == Kind::Licence && file.bytes > 0)
            {
                return Err(invalid(format!(
                    "the model {} comes without the text of its licence",
                    model.name
                )));
            }
        }
        Ok(())
    }

    /// As text, one file a line: a person reads it, and `sed` can.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it cannot be written.
    pub fn to_text(&self) -> Result<String, Error> {
        let json = |value: &dyn erased::Json| value.json().map_err(Error::Malformed);
        let mut text = String::from("{\n");
        let plain: [(&str, &dyn erased::Json); 7] = [
            ("format", &self.format),
            ("product", &self.product),
            ("version", &self.version),
            ("target", &self.target),
            ("commit", &self.commit),
            ("created", &self.created),
            ("requires", &self.requires),
        ];
        for (name, value) in plain {
            text.push_str(&format!("\"{name}\": {},\n", json(value)?));
        }
        text.push_str("\"models\": [");
        for (at, model) in self.models.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            text.push_str(&format!("{comma}\n{}", json(model)?));
        }
        text.push_str("\n],\n\"files\": [");
        for (at, file) in self.files.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            text.push_str(&format!("{comma}\n{}", json(file)?));
        }
        text.push_str("\n]\n}\n");
        Ok(text)
    }

    /// The file of this path.
    #[must_use]
    pub fn file(&self, path: &BundlePath) -> Option<&File> {
        let at = self.files.binary_search_by(|file| file.path.cmp(path));
        at.ok().and_then(|at| self.files.get(at))
    }

    /// The files of a kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &File> {
        self.files.iter().filter(move |file| file.kind == kind)
    }

    /// The model for this.
    #[must_use]
    pub fn model(&self, role: ModelRole) -> Option<&Model> {
        self.models.iter().find(|model| model.role == role)
    }

    /// All bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files
            .iter()
            .fold(0, |sum, file| sum.saturating_add(file.bytes))
    }
}

/// `Serialize` is not object-safe; this is all of it that is needed here.
mod erased {
    pub(super) trait Json {
        fn json(&self) -> Result<String, serde_json::Error>;
    }
    impl<T: serde::Serialize> Json for T {
        fn json(&self) -> Result<String, serde_json::Error> {
            serde_json::to_string(self)
        }
    }
}

fn invalid(what: String) -> Error {
    Error::Invalid { what }
}

/// Somebody else's text, short and without control characters.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(80).collect();
    short.escape_debug().to_string()
}

fn word(text: String, what: &str) -> Result<String, Error> {
    let good = (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    match good {
        true => Ok(text),
        false => Err(invalid(format!("{what} has not 1 to 100 characters"))),
    }
}

fn words(list: Vec<String>, what: &str) -> Result<Vec<String>, Error> {
    if list.len() > 50 {
        return Err(invalid(format!("{what} has more than 50 words")));
    }
    list.into_iter().map(|text| word(text, what)).collect()
}

fn path(text: String) -> Result<BundlePath, Error> {
    BundlePath::parse(&text).map_err(|flaw| Error::Path {
        path: text.chars().take(200).collect(),
        flaw,
    })
}

fn digest(text: String, of: &BundlePath) -> Result<String, Error> {
    let good = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    match good {
        true => Ok(text),
        false => Err(invalid(format!("the digest of {of} is no sha256"))),
    }
}

fn requires(raw: RawRequires) -> Result<Requires, Error> {
    let kernel = KernelVersion::parse(&raw.kernel)
        .ok_or_else(|| invalid(format!("{} is not a kernel's version", shown(&raw.kernel))))?;
    Ok(Requires {
        kernel,
        cpu: words(raw.cpu, "requires.cpu")?,
        cpu_for_model: words(raw.cpu_for_model, "requires.cpu_for_model")?,
        memory_mb: raw.memory_mb,
        memory_for_model_mb: raw.memory_for_model_mb,
    })
}

fn model(raw: RawModel) -> Result<Model, Error> {
    let file = path(raw.file)?;
    Ok(Model {
        name: word(raw.name, "a model's name")?,
        role: raw.role,
        sha256: digest(raw.sha256, &file)?,
        file,
        licence: word(raw.licence, "a model's licence")?,
        licence_file: path(raw.licence_file)?,
    })
}

fn file(raw: RawFile) -> Result<File, Error> {
    let path = path(raw.path)?;
    let mode = Mode::parse(&raw.mode)
        .ok_or_else(|| invalid(format!("{path} has mode {}", shown(&raw.mode))))?;
    Ok(File {
        bytes: raw.bytes,
        sha256: digest(raw.sha256, &path)?,
        kind: raw.kind,
        mode,
        path,
    })
}

#[cfg(test)]
mod tests;
