//! All of it, in order: strip, collect, list, sign, pack.

use crate::error::Doing;
use crate::parts::{Part, Source};
use crate::signing::Signer;
use crate::{Error, archive, crates, parts, sbom, tool};
use bundle_manifest::{
    FORMAT, File, KernelVersion, Kind, Manifest, PRODUCT, Requires, TARGET, Version,
    trusted_comment,
};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::fs;
use std::path::{Path, PathBuf};

/// What a bundle is made from.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The checkout.
    pub tree: PathBuf,
    /// Where the built programs are.
    pub programs: PathBuf,
    /// Where the default models are; `None`: a bundle without.
    pub models: Option<PathBuf>,
    /// The licence texts of everything that is linked in.
    pub notices: Option<PathBuf>,
    /// Where stripped programs may lie meanwhile.
    pub scratch: PathBuf,
    /// Where the file goes.
    pub out: PathBuf,
    /// Another version than the tree's, for rehearsals of an upgrade.
    pub version: Option<Version>,
}

/// A program before and after its symbols were taken out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Stripped {
    /// Its name.
    pub program: String,
    /// Bytes as built.
    pub before: u64,
    /// Bytes in the bundle.
    pub after: u64,
}

/// A bundle that was made.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Made {
    /// The file.
    pub file: PathBuf,
    /// The folder that it unpacks to.
    pub folder: String,
    /// Its size.
    pub bytes: u64,
    /// Its digest.
    pub sha256: String,
    /// The release.
    pub version: Version,
    /// The commit.
    pub commit: String,
    /// The public key that verifies it.
    pub key: String,
    /// Whether the programs trust that key by themselves.
    pub built_in_key: bool,
    /// Whether it is a developer's.
    pub developer_key: bool,
    /// So many files.
    pub files: usize,
    /// The names of the models in it.
    pub models: Vec<String>,
    /// The programs' sizes.
    pub programs: Vec<Stripped>,
}

/// Makes a bundle.
///
/// # Errors
/// All of [`Error`]. What was there before stays until the new file is whole.
pub fn make(inputs: &Inputs, signer: &Signer) -> Result<Made, Error> {
    let built_in_key = signer.is_built_in()?;
    let (commit, seconds, created) = commit(&inputs.tree)?;
    let version = match &inputs.version {
        Some(version) => version.clone(),
        None => Version::parse(env!("CARGO_PKG_VERSION")).map_err(|error| Error::Unexpected {
            what: "the workspace's version".to_owned(),
            why: error.to_string(),
        })?,
    };
    let stripped = inputs.scratch.join("stripped");
    let programs = strip_all(&inputs.programs, &stripped)?;

    let mut found = parts::of_tree(&inputs.tree, &stripped)?;
    let pages = inputs.scratch.join("client-pages");
    found.extend(parts::of_client(&stripped, &pages)?);
    if let Some(folder) = &inputs.models {
        found.extend(parts::of_models(folder)?);
    }
    if let Some(path) = &inputs.notices {
        let source = Source::File(path.clone());
        found.push(Part::new("LICENCES.txt", Kind::Licence, source)?);
    }
    let mut lined = with_lines(found)?;
    let files: Vec<File> = lined.iter().map(|(_, line)| line.clone()).collect();
    let models = parts::models(&files);
    let list = crates::built(&inputs.tree)?;
    let text = sbom::document(&inputs.tree, &list, &models, &version, created)?;
    let sbom = Part::new(
        "sbom.cdx.json",
        Kind::Sbom,
        Source::Bytes(text.into_bytes()),
    )?;
    lined.extend(with_lines(vec![sbom])?);
    lined.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));

    let manifest = Manifest {
        format: FORMAT,
        product: PRODUCT.to_owned(),
        version: version.clone(),
        target: TARGET.to_owned(),
        commit: commit.clone(),
        created,
        requires: requires(),
        models,
        files: lined.iter().map(|(_, line)| line.clone()).collect(),
    };
    manifest.check()?;
    let text = manifest.to_text()?;
    // What the reader would refuse is not written.
    Manifest::parse(text.as_bytes())?;
    let signature = signer.sign(text.as_bytes(), &trusted_comment(&version))?;

    let folder = format!("{PRODUCT}-{version}");
    let name = format!("{folder}-x86_64.tar");
    fs::create_dir_all(&inputs.out).doing("make the folder", &inputs.out)?;
    let (file, half) = (
        inputs.out.join(&name),
        inputs.out.join(format!(".{name}.part")),
    );
    let written = archive::write(
        &half,
        &folder,
        seconds,
        text.as_bytes(),
        signature.as_bytes(),
        &lined,
    )
    .and_then(|()| fs::rename(&half, &file).doing("move", &half));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&half);
    }
    written?;
    let (bytes, sha256) = parts::digest(&file)?;
    Ok(Made {
        file,
        folder,
        bytes,
        sha256,
        version,
        commit,
        key: signer.public(),
        built_in_key,
        developer_key: signer.is_developer(),
        files: manifest.files.len(),
        models: manifest
            .models
            .iter()
            .map(|model| model.name.clone())
            .collect(),
        programs,
    })
}

/// What a machine has to have. The kernel: Landlock (5.13) keeps the model's worker in its place;
/// the instructions: those that llama.cpp is compiled for.
fn requires() -> Requires {
    Requires {
        kernel: KernelVersion {
            major: 5,
            minor: 13,
        },
        cpu: vec!["sse2".to_owned()],
        cpu_for_model: ["avx2", "fma", "f16c", "bmi2"].map(str::to_owned).to_vec(),
        memory_mb: 256,
        memory_for_model_mb: 1024,
    }
}

fn with_lines(parts: Vec<Part>) -> Result<Vec<(Part, File)>, Error> {
    parts
        .into_iter()
        .map(|part| part.line().map(|line| (part, line)))
        .collect()
}

/// The commit, its time in unix seconds, and its day.
fn commit(tree: &Path) -> Result<(String, u64, Date), Error> {
    let unexpected = |why: String| Error::Unexpected {
        what: "git's answer".to_owned(),
        why,
    };
    let text = tool::output(tree, "git", &["log", "-1", "--format=%H %ct"])?;
    let (hash, seconds) = text
        .trim()
        .split_once(' ')
        .ok_or_else(|| unexpected(text.clone()))?;
    let seconds: i64 = seconds.parse().map_err(|_| unexpected(text.clone()))?;
    let day = Timestamp::from_second(seconds)
        .map_err(|error| unexpected(error.to_string()))?
        .to_zoned(TimeZone::UTC)
        .date();
    let changes = tool::output(tree, "git", &["status", "--porcelain"])?;
    let mark = if changes.trim().is_empty() {
        ""
    } else {
        "+changes"
    };
    let seconds = u64::try_from(seconds).map_err(|_| unexpected(text.clone()))?;
    Ok((format!("{hash}{mark}"), seconds, day))
}

/// Copies the programs without their symbols.
fn strip_all(from: &Path, to: &Path) -> Result<Vec<Stripped>, Error> {
    fs::create_dir_all(to).doing("make the folder", to)?;
    let mut sizes = Vec::new();
    for (program, _) in parts::PROGRAMS {
        let (built, made) = (from.join(program), to.join(program));
        if !built.is_file() {
            return Err(Error::Missing {
                path: built,
                fix: "build the programs first, with `make build`",
            });
        }
        let (built_text, made_text) = (built.to_string_lossy(), made.to_string_lossy());
        tool::output(to, "strip", &["--strip-all", "-o", &made_text, &built_text])?;
        let size = |path: &Path| {
            fs::metadata(path)
                .map(|meta| meta.len())
                .doing("look at", path)
        };
        sizes.push(Stripped {
            program: program.to_owned(),
            before: size(&built)?,
            after: size(&made)?,
        });
    }
    Ok(sizes)
}
