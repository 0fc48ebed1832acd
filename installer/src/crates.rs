//! Which crates the programs are made of, as cargo says it.
//!
//! `cargo metadata` knows licences and edges but also lists what optional edges name and nothing
//! builds; `cargo tree` knows what is built. Only what both know counts.

use crate::{Error, tool};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The packages that the bundle's programs are built from.
pub const PROGRAMS: [&str; 2] = ["aiworklab-appliance", "aiworklab-desktop-client"];
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// A crate's name and version.
pub type CrateId = (String, String);

/// One crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crate {
    /// Name and version.
    pub id: CrateId,
    /// Its licence, as an SPDX expression.
    pub licence: Option<String>,
    /// Where its source is kept.
    pub repository: Option<String>,
    /// One line about it.
    pub description: Option<String>,
    /// The digest of its package, if it comes from a registry.
    pub sha256: Option<String>,
    /// Whether it is linked into a program; else it only takes part in building one.
    pub linked: bool,
    /// Whether it is ours.
    pub ours: bool,
    /// Where its source lies on this machine.
    pub folder: PathBuf,
    /// What it uses, of what is built.
    pub uses: BTreeSet<CrateId>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    repository: Option<String>,
    description: Option<String>,
    source: Option<String>,
    manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dep>,
}

#[derive(Deserialize)]
struct Dep {
    pkg: String,
    dep_kinds: Vec<DepKind>,
}

#[derive(Deserialize)]
struct DepKind {
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// Every crate that is built for the programs, sorted by name and version.
///
/// # Errors
/// [`Error::Tool`] if cargo fails, [`Error::Unexpected`] if its answers do not fit together.
pub fn built(tree: &Path) -> Result<Vec<Crate>, Error> {
    let metadata = tool::output(
        tree,
        "cargo",
        &[
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--offline",
            "--filter-platform",
            TARGET,
        ],
    )?;
    let all = listed(tree, "normal,build")?;
    let linked = listed(tree, "normal,no-proc-macro")?;
    let lock_path = tree.join("Cargo.lock");
    let lock = std::fs::read_to_string(&lock_path).map_err(|source| Error::Io {
        doing: "read",
        path: lock_path,
        source,
    })?;
    put_together(&metadata, &lock, &all, &linked)
}

fn unexpected(what: &str, why: impl ToString) -> Error {
    Error::Unexpected {
        what: what.to_owned(),
        why: why.to_string(),
    }
}

/// Name and version of what `cargo tree` lists along these edges.
fn listed(tree: &Path, edges: &str) -> Result<BTreeSet<CrateId>, Error> {
    let mut args = vec!["tree", "--locked", "--offline", "--target", TARGET];
    args.extend(["--prefix", "none", "--format", "{p}", "--edges", edges]);
    for program in PROGRAMS {
        args.extend(["--package", program]);
    }
    let text = tool::output(tree, "cargo", &args)?;
    let ids: BTreeSet<CrateId> = text.lines().filter_map(crate_of).collect();
    match ids.is_empty() {
        true => Err(unexpected("`cargo tree`", "it lists no crate")),
        false => Ok(ids),
    }
}

/// `name v1.2.3 (proc-macro)`.
fn crate_of(line: &str) -> Option<CrateId> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let version = words.next()?.strip_prefix('v')?;
    Some((name.to_owned(), version.to_owned()))
}

fn put_together(
    metadata: &str,
    lock: &str,
    all: &BTreeSet<CrateId>,
    linked: &BTreeSet<CrateId>,
) -> Result<Vec<Crate>, Error> {
    let metadata: Metadata =
        serde_json::from_str(metadata).map_err(|error| unexpected("`cargo metadata`", error))?;
    let lock: Lock = toml::from_str(lock).map_err(|error| unexpected("Cargo.lock", error))?;
    let sums: BTreeMap<CrateId, String> = lock
        .package
        .into_iter()
        .filter_map(|package| Some(((package.name, package.version), package.checksum?)))
        .collect();
    let names: BTreeMap<&str, CrateId> = metadata
        .packages
        .iter()
        .map(|package| {
            let id = (package.name.clone(), package.version.clone());
            (package.id.as_str(), id)
        })
        .collect();
    let mut uses: BTreeMap<CrateId, BTreeSet<CrateId>> = BTreeMap::new();
    for node in &metadata.resolve.nodes {
        let Some(from) = names.get(node.id.as_str()) else {
            continue;
        };
        let to = node
            .deps
            .iter()
            .filter(|dep| {
                dep.dep_kinds
                    .iter()
                    .any(|kind| kind.kind.as_deref() != Some("dev"))
            })
            .filter_map(|dep| names.get(dep.pkg.as_str()))
            .filter(|id| all.contains(*id))
            .cloned();
        uses.entry(from.clone()).or_default().extend(to);
    }
    let mut crates: Vec<Crate> = metadata
        .packages
        .into_iter()
        .filter_map(|package| {
            let id = (package.name, package.version);
            all.contains(&id).then(|| Crate {
                licence: package.license.map(|text| expression(&text)),
                repository: package.repository,
                description: package.description.map(|text| one_line(&text)),
                sha256: sums.get(&id).cloned(),
                linked: linked.contains(&id),
                ours: package.source.is_none(),
                folder: package
                    .manifest_path
                    .parent()
                    .map(Path::to_owned)
                    .unwrap_or_default(),
                uses: uses.remove(&id).unwrap_or_default(),
                id,
            })
        })
        .collect();
    crates.sort_by(|a, b| a.id.cmp(&b.id));
    if let Some(lost) = all
        .iter()
        .find(|id| crates.binary_search_by(|found| found.id.cmp(id)).is_err())
    {
        let why = format!("it does not know {} {}, which is built", lost.0, lost.1);
        return Err(unexpected("`cargo metadata`", why));
    }
    Ok(crates)
}

/// Old crates write `MIT/Apache-2.0` for a choice.
fn expression(text: &str) -> String {
    let parts: Vec<&str> = text.split('/').map(str::trim).collect();
    parts.join(" OR ")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_tree_gives_name_and_version() {
        let id = |name: &str, version: &str| Some((name.to_owned(), version.to_owned()));
        assert_eq!(crate_of("serde v1.0.228"), id("serde", "1.0.228"));
        assert_eq!(
            crate_of("zstd-sys v2.1.3+zstd.1.5.7 (*)"),
            id("zstd-sys", "2.1.3+zstd.1.5.7")
        );
        assert_eq!(crate_of(""), None);
    }

    #[test]
    fn what_is_named_but_not_built_is_left_out_and_what_is_built_but_unknown_is_an_error() {
        let metadata = r#"{"packages": [
            {"id": "a", "name": "a", "version": "1.0.0", "license": "MIT/Apache-2.0", "repository": null,
             "description": "two\nlines", "source": null, "manifest_path": "/x/a/Cargo.toml"},
            {"id": "b", "name": "b", "version": "2.0.0", "license": "ISC", "repository": null,
             "description": null, "source": "registry", "manifest_path": "/x/b/Cargo.toml"},
            {"id": "r", "name": "ring", "version": "0.17.0", "license": "ISC", "repository": null,
             "description": null, "source": "registry", "manifest_path": "/x/r/Cargo.toml"}],
            "resolve": {"nodes": [{"id": "a", "deps": [
                {"pkg": "b", "dep_kinds": [{"kind": null}]}, {"pkg": "r", "dep_kinds": [{"kind": null}]}]}]}}"#;
        let lock = "[[package]]\nname = \"b\"\nversion = \"2.0.0\"\nchecksum = \"00\"\n";
        let id = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        let all = BTreeSet::from([id("a", "1.0.0"), id("b", "2.0.0")]);
        let linked = BTreeSet::from([id("a", "1.0.0")]);
        let crates = put_together(metadata, lock, &all, &linked).unwrap();
        assert_eq!(crates.len(), 2);
        assert_eq!(crates[0].licence.as_deref(), Some("MIT OR Apache-2.0"));
        assert_eq!(crates[0].uses, BTreeSet::from([id("b", "2.0.0")]));
        assert!(crates[0].ours && crates[0].linked && !crates[1].linked);
        assert_eq!(crates[1].sha256.as_deref(), Some("00"));

        let more = BTreeSet::from([id("c", "3.0.0")]);
        assert!(put_together(metadata, lock, &more, &linked).is_err());
    }
}
