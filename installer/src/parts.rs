//! Which files a bundle has, and where they come from.

use crate::Error;
use crate::error::Doing;
use bundle_manifest::{BundlePath, File, Kind, Model, ModelRole, PRODUCT};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// The engineers' program.
const CLIENT: &str = "aiworklab";
/// The programs of a bundle. The last runs an engineer's local model, and lies beside theirs.
pub(crate) const PROGRAMS: [(&str, Kind); 3] = [
    (PRODUCT, Kind::Program),
    (CLIENT, Kind::Client),
    ("aiworklab-model", Kind::Client),
];
/// What belongs to the manual.
const MANUAL: [&str; 3] = ["md", "png", "svg"];

/// A model that the bundle carries.
struct KnownModel {
    name: &'static str,
    role: ModelRole,
    file: &'static str,
    licence: &'static str,
    licence_file: &'static str,
    /// What it needs besides its weights.
    beside: &'static [&'static str],
}

/// The default models. Their digests are checked where they are fetched, and written into the
/// manifest.
const MODELS: [KnownModel; 2] = [
    KnownModel {
        name: "SmolLM2-135M-Instruct Q4_1",
        role: ModelRole::Language,
        file: "SmolLM2-135M-Instruct.Q4_1.gguf",
        licence: "Apache-2.0",
        licence_file: "SmolLM2-LICENSE",
        beside: &[],
    },
    KnownModel {
        name: "all-MiniLM-L6-v2",
        role: ModelRole::Sentences,
        file: "all-MiniLM-L6-v2/model.safetensors",
        licence: "Apache-2.0",
        licence_file: "all-MiniLM-L6-v2/LICENSE",
        beside: &["all-MiniLM-L6-v2/tokenizer.json"],
    },
];

/// Where a part's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In a file.
    File(PathBuf),
    /// Here.
    Bytes(Vec<u8>),
}

/// One file of the bundle to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it will lie.
    pub path: BundlePath,
    /// What it is for.
    pub kind: Kind,
    /// Where it comes from.
    pub source: Source,
}

impl Part {
    /// A part at this path.
    ///
    /// # Errors
    /// [`Error::Unexpected`] if no bundle may have such a path.
    pub fn new(path: &str, kind: Kind, source: Source) -> Result<Self, Error> {
        let path = BundlePath::parse(path).map_err(|flaw| Error::Unexpected {
            what: format!("the path {path}"),
            why: flaw.to_string(),
        })?;
        Ok(Self { path, kind, source })
    }

    /// Its line in the manifest: reads all of it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn line(&self) -> Result<File, Error> {
        let (bytes, sha256) = match &self.source {
            Source::Bytes(bytes) => (bytes.len() as u64, hex::encode(Sha256::digest(bytes))),
            Source::File(path) => digest(path)?,
        };
        Ok(File {
            path: self.path.clone(),
            bytes,
            sha256,
            kind: self.kind,
            mode: self.kind.mode(),
        })
    }
}

/// Size and SHA-256 of a file, read piece by piece.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn digest(path: &Path) -> Result<(u64, String), Error> {
    let mut file = fs::File::open(path).doing("open", path)?;
    let mut hasher = Sha256::new();
    let bytes = std::io::copy(&mut file, &mut hasher).doing("read", path)?;
    Ok((bytes, hex::encode(hasher.finalize())))
}

/// The programs, the installer's own files and the manual.
///
/// # Errors
/// [`Error::Missing`] if something was not built, [`Error::Io`].
pub fn of_tree(tree: &Path, programs: &Path) -> Result<Vec<Part>, Error> {
    let mut parts = Vec::new();
    for (name, kind) in PROGRAMS {
        let fix = "build the programs first, with `make build`";
        parts.push(file(name, kind, programs.join(name), fix)?);
    }
    let own = tree.join("installer");
    for (path, kind, from) in [
        ("install", Kind::Script, "scripts/install"),
        ("uninstall", Kind::Script, "scripts/uninstall"),
        (
            "systemd/aiworklab-appliance.service",
            Kind::Unit,
            "systemd/aiworklab-appliance.service",
        ),
        (
            "systemd/aiworklab.sysusers",
            Kind::Unit,
            "systemd/aiworklab.sysusers",
        ),
    ] {
        parts.push(file(
            path,
            kind,
            own.join(from),
            "the checkout is not whole",
        )?);
    }
    for name in [
        "policy.toml",
        "aiworklab.admx",
        "en-US/aiworklab.adml",
        "aiworklab.mobileconfig",
    ] {
        parts.push(file(
            &format!("client/{name}"),
            Kind::Manual,
            own.join("client").join(name),
            "the checkout is not whole",
        )?);
    }
    manual(&tree.join("airgap-docs/src"), "manual", &mut parts)?;
    Ok(parts)
}

/// What the engineers' program says of itself: a man page a command, written into `folder` on the
/// way, and completions for each shell.
///
/// # Errors
/// [`Error::Unexpected`] if it fails, [`Error::Io`].
pub fn of_client(programs: &Path, folder: &Path) -> Result<Vec<Part>, Error> {
    let client = programs.join(CLIENT);
    said(&client, &["man", &folder.to_string_lossy()])?;
    let mut parts = Vec::new();
    for entry in fs::read_dir(folder).doing("list", folder)? {
        let path = entry.doing("list", folder)?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            let bytes = fs::read(&path).doing("read", &path)?;
            let to = format!("client/man/man1/{name}");
            parts.push(Part::new(&to, Kind::Manual, Source::Bytes(bytes))?);
        }
    }
    for (shell, name) in [
        ("bash", "aiworklab.bash"),
        ("zsh", "_aiworklab"),
        ("fish", "aiworklab.fish"),
        ("powershell", "aiworklab.ps1"),
    ] {
        let bytes = said(&client, &["completions", shell])?;
        let to = format!("client/completions/{name}");
        parts.push(Part::new(&to, Kind::Manual, Source::Bytes(bytes))?);
    }
    Ok(parts)
}

/// What the program prints.
fn said(program: &Path, args: &[&str]) -> Result<Vec<u8>, Error> {
    let output = std::process::Command::new(program)
        .args(args)
        .stdin(std::process::Stdio::null())
        .output()
        .doing("start", program)?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(Error::Unexpected {
            what: format!("{} {}", program.display(), args.join(" ")),
            why: String::from_utf8_lossy(&output.stderr).into_owned(),
        }),
    }
}

/// The default models, from the folder where they were fetched to.
///
/// # Errors
/// [`Error::Missing`].
pub fn of_models(folder: &Path) -> Result<Vec<Part>, Error> {
    let mut parts = Vec::new();
    let fix = "fetch the models first, with `.ci/models`";
    for model in &MODELS {
        let weights = std::iter::once(&model.file).chain(model.beside);
        for name in weights {
            parts.push(file(
                &format!("models/{name}"),
                Kind::Model,
                folder.join(name),
                fix,
            )?);
        }
        let licence = model.licence_file;
        parts.push(file(
            &format!("models/{licence}"),
            Kind::Licence,
            folder.join(licence),
            fix,
        )?);
    }
    Ok(parts)
}

/// The manifest's lines about the models that are among these files.
#[must_use]
pub fn models(files: &[File]) -> Vec<Model> {
    let find = |name: &str| {
        let path = BundlePath::parse(&format!("models/{name}")).ok()?;
        files.iter().find(|file| file.path == path)
    };
    MODELS
        .iter()
        .filter_map(|known| {
            let (weights, licence) = (find(known.file)?, find(known.licence_file)?);
            Some(Model {
                name: known.name.to_owned(),
                role: known.role,
                file: weights.path.clone(),
                sha256: weights.sha256.clone(),
                licence: known.licence.to_owned(),
                licence_file: licence.path.clone(),
            })
        })
        .collect()
}

fn file(path: &str, kind: Kind, from: PathBuf, fix: &'static str) -> Result<Part, Error> {
    match from.is_file() {
        true => Part::new(path, kind, Source::File(from)),
        false => Err(Error::Missing { path: from, fix }),
    }
}

fn manual(folder: &Path, to: &str, parts: &mut Vec<Part>) -> Result<(), Error> {
    for entry in fs::read_dir(folder).doing("list", folder)? {
        let path = entry.doing("list", folder)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let below = format!("{to}/{name}");
        let suffix = path.extension().and_then(|suffix| suffix.to_str());
        if path.is_dir() {
            manual(&path, &below, parts)?;
        } else if suffix.is_some_and(|suffix| MANUAL.contains(&suffix)) {
            // Read once: somebody may be writing it.
            let bytes = fs::read(&path).doing("read", &path)?;
            parts.push(Part::new(&below, Kind::Manual, Source::Bytes(bytes))?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_are_named_with_their_licences_only_if_both_are_there() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        fs::create_dir(folder.join("all-MiniLM-L6-v2")).unwrap();
        assert!(matches!(of_models(folder), Err(Error::Missing { .. })));
        for name in [
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            "SmolLM2-LICENSE",
            "all-MiniLM-L6-v2/model.safetensors",
            "all-MiniLM-L6-v2/tokenizer.json",
            "all-MiniLM-L6-v2/LICENSE",
        ] {
            fs::write(folder.join(name), name).unwrap();
        }
        let parts = of_models(folder).unwrap();
        let files: Vec<File> = parts.iter().map(|part| part.line().unwrap()).collect();
        let models = models(&files);
        assert_eq!(models.len(), 2);
        assert_eq!(
            models[0].sha256,
            hex::encode(Sha256::digest("SmolLM2-135M-Instruct.Q4_1.gguf"))
        );
        assert!(super::models(&files[..1]).is_empty());
    }

    #[test]
    fn the_tree_has_every_file_that_a_bundle_needs_but_the_programs() {
        let tree = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let scratch = tempfile::tempdir().unwrap();
        for (name, _) in PROGRAMS {
            // Each of them is needed.
            assert!(matches!(
                of_tree(tree, scratch.path()),
                Err(Error::Missing { .. })
            ));
            fs::write(scratch.path().join(name), name).unwrap();
        }
        let parts = of_tree(tree, scratch.path()).unwrap();
        let has = |path: &str| parts.iter().any(|part| part.path.as_str() == path);
        assert!(
            has("aiworklab")
                && has("aiworklab-model")
                && has("install")
                && has("client/policy.toml")
                && has("manual/install.md")
                && has("manual/images/overview.png")
        );
    }
}
