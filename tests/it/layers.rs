//! Who may use whom, and where the clock may be read: what `airgap-docs/src/architecture.md` says, checked.

use harness::repository;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Crate → ours that it may depend on, tests included. The end-to-end suite may use everything.
const ALLOWED: &[(&str, &[&str])] = &[
    ("kernel", &[]),
    ("local-model", &["kernel"]),
    ("sentences", &["kernel", "local-model"]),
    ("model-engine", &["local-model", "sentences"]),
    ("dashboard-web", &["kernel"]),
    ("audit-log", &[]),
    ("bundle-manifest", &[]),
    ("identity", &[]),
    ("key-vault", &[]),
    ("pki", &[]),
    ("org-store", &["kernel", "audit-log"]),
    (
        "appliance",
        &[
            "kernel",
            "local-model",
            "model-engine",
            "dashboard-web",
            "audit-log",
            "bundle-manifest",
            "identity",
            "key-vault",
            "org-store",
            "pki",
        ],
    ),
    ("adapters", &["kernel"]),
    ("platform", &[]),
    (
        "desktop-client",
        &[
            "kernel",
            "adapters",
            "platform",
            "dashboard-web",
            "local-model",
            // Its second program alone, `aiworklab-model`.
            "model-engine",
            "sentences",
        ],
    ),
    ("installer", &["bundle-manifest"]),
];

/// What only `edges.rs` may call; `clippy.toml` says the same where clippy is installed.
const EDGES_ONLY: &[&str] = &[
    "SystemTime::now(",
    "Instant::now(",
    "Timestamp::now(",
    "Zoned::now(",
    "env::var(",
    "env::var_os(",
    "env::vars(",
    "rand::rng(",
    "rand::random(",
    "Uuid::new_v4(",
];

fn cargo(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(args)
        .current_dir(repository())
        .output()
        .expect("cargo runs");
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

/// Edges among our crates, from `cargo metadata`'s JSON.
fn edges(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let ours = |name: &str| name.strip_prefix("aiworklab-").map(str::to_owned);
    let mut edges = BTreeMap::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let Some(name) = package["name"].as_str().and_then(ours) else {
            continue;
        };
        let uses = package["dependencies"].as_array().into_iter().flatten();
        let uses = uses.filter_map(|dependency| dependency["name"].as_str().and_then(ours));
        edges.insert(name, uses.collect());
    }
    edges
}

/// Edges that the table does not have.
fn forbidden(edges: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let mut found = Vec::new();
    for (name, uses) in edges.iter().filter(|(name, _)| *name != "tests") {
        let Some(allowed) = allowed.get(name.as_str()) else {
            found.push(format!("{name} is not in the table"));
            continue;
        };
        let extra = uses.iter().filter(|used| !allowed.contains(&used.as_str()));
        found.extend(extra.map(|used| format!("{name} may not use {used}")));
    }
    found
}

#[test]
fn crates_use_only_whom_the_architecture_allows() {
    let metadata = cargo(&[
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version",
        "1",
    ]);
    let edges = edges(&serde_json::from_str(&metadata).expect("cargo metadata prints JSON"));
    assert_eq!(edges.len(), ALLOWED.len() + 1, "{:?}", edges.keys());
    assert_eq!(forbidden(&edges), Vec::<String>::new());
}

#[test]
fn an_edge_that_the_table_does_not_have_is_found() {
    let mut edges = BTreeMap::from([("kernel".to_owned(), BTreeSet::new())]);
    edges
        .get_mut("kernel")
        .expect("just put there")
        .insert("org-store".to_owned());
    assert_eq!(forbidden(&edges), ["kernel may not use org-store"]);
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            let skip = [
                "target",
                "node_modules",
                ".git",
                "data",
                "bin",
                "captures",
                "peers",
            ];
            if !skip
                .iter()
                .any(|name| path.file_name().is_some_and(|n| n == *name))
            {
                sources(&path, into);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// Lines of product code that read the clock, draw, or look at the environment.
fn reads_the_edges(text: &str) -> Vec<(usize, &str)> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .filter(|(_, line)| EDGES_ONLY.iter().any(|call| line.contains(call)))
        .map(|(number, line)| (number + 1, line))
        .collect()
}

#[test]
fn only_edges_rs_reads_the_clock_the_environment_and_chance() {
    let mut files = Vec::new();
    sources(repository(), &mut files);
    assert!(files.len() > 50, "the sources were not found");
    let mut found = Vec::new();
    for file in files {
        let short = file.strip_prefix(repository()).unwrap_or(&file);
        let is_product = short.components().any(|part| part.as_os_str() == "src");
        if !is_product || short.ends_with("edges.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&file).expect("a source file is readable");
        let lines = reads_the_edges(&text);
        found.extend(
            lines
                .iter()
                .map(|(line, text)| format!("{}:{line}: {}", short.display(), text.trim())),
        );
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_clock_in_a_kernel_file_is_found() {
    let text = "fn f() -> i64 {\n    std::time::SystemTime::now();\n    0\n}\n";
    assert_eq!(
        reads_the_edges(text),
        [(2, "    std::time::SystemTime::now();")]
    );
}

#[test]
fn no_second_tls_or_crypto_stack_is_built() {
    for banned in ["ring", "native-tls", "openssl"] {
        let tree = cargo(&[
            "tree",
            "--workspace",
            "--offline",
            "-e",
            "normal,build",
            "-i",
            banned,
        ]);
        assert_eq!(
            tree.lines().next().unwrap_or_default(),
            "",
            "{banned} is in the build"
        );
    }
}

#[test]
fn every_crate_comes_from_the_one_registry_or_from_here() {
    let lock =
        std::fs::read_to_string(repository().join("Cargo.lock")).expect("Cargo.lock is here");
    let sources: BTreeSet<_> = lock
        .lines()
        .filter_map(|line| line.strip_prefix("source = "))
        .collect();
    assert_eq!(sources.len(), 1, "{sources:?}");
    assert!(
        sources
            .iter()
            .all(|source| source.starts_with("\"registry+")),
        "{sources:?}"
    );
}

/// Seen: without threads in OpenSSL, two threads inside SQLCipher corrupt memory.
#[test]
fn the_openssl_under_sqlcipher_has_threads() {
    let here = std::env::current_exe().expect("a test knows its own path");
    let build = here
        .ancestors()
        .nth(2)
        .expect("a test lies in target/…/deps")
        .join("build");
    let header = "out/openssl-build/install/include/openssl/configuration.h";
    let newest = std::fs::read_dir(&build)
        .expect("the build folder is readable")
        .flatten()
        .map(|entry| entry.path().join(header))
        .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
        .max()
        .expect("OpenSSL was built here");
    let text = std::fs::read_to_string(&newest.1).expect("a header is text");
    assert!(
        text.contains("define OPENSSL_THREADS"),
        "see .cargo/openssl-perl"
    );
}
