//! What a bundle is: the same each time, complete, and checked by a tool that is not ours.

use super::made::{Workshop, run};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

fn files(folder: &Path, top: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .expect("a folder can be read")
        .map(|entry| entry.expect("an entry can be read").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, top, into);
        } else {
            let name = path
                .strip_prefix(top)
                .expect("it lies below")
                .display()
                .to_string();
            into.push((name, fs::read(&path).expect("a file can be read")));
        }
    }
}

/// Blocks of a tar archive, by the name of the file they belong to.
fn entries(archive: &[u8]) -> Vec<(String, &[u8])> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(header) = archive.get(at..at + 512) {
        if header.iter().all(|byte| *byte == 0) {
            break;
        }
        let text = |range: std::ops::Range<usize>| {
            let end = header[range.clone()].iter().position(|b| *b == 0);
            String::from_utf8_lossy(&header[range.start..range.start + end.unwrap_or(range.len())])
                .into_owned()
        };
        let size = usize::from_str_radix(text(124..136).trim(), 8).expect("a size is octal");
        let end = at + 512 + size.div_ceil(512) * 512;
        found.push((text(0..100), &archive[at..end]));
        at = end;
    }
    found
}

#[test]
fn two_builds_of_one_tree_differ_in_their_signature_alone() {
    let workshop = Workshop::open();
    let models = workshop.stand_in_models();
    let options = ["--models", models.to_str().expect("a path is text")];
    let [a, b] = ["one", "two"].map(|out| {
        let said = workshop.make(out, &options);
        let file = said["file"]
            .as_str()
            .expect("a bundle is a file")
            .to_owned();
        let bytes = fs::read(file).expect("a bundle can be read");
        assert_eq!(said["sha256"], hex::encode(Sha256::digest(&bytes)));
        bytes
    });
    let (a, b) = (entries(&a), entries(&b));
    assert_eq!(a.len(), b.len());
    let differing: Vec<&str> = a
        .iter()
        .zip(&b)
        .filter(|(a, b)| a != b)
        .map(|(a, _)| a.0.rsplit('/').next().unwrap_or_default())
        .collect();
    assert_eq!(differing, ["manifest.json.minisig"]);
    let names: Vec<&String> = a.iter().map(|(name, _)| name).collect();
    assert!(names.len() > 30, "{names:?}");
}

#[test]
fn a_bundle_has_all_its_parts_and_minisign_and_sha256sum_agree_with_it() {
    let workshop = Workshop::open();
    let models = workshop.stand_in_models();
    let said = workshop.make(
        "out",
        &["--models", models.to_str().expect("a path is text")],
    );
    let bundle = workshop.unpack(said, "unpacked");
    let output = bundle.verify(&bundle.folder);
    assert_eq!(output.status, 0, "{}", output.stderr);

    let mut found = Vec::new();
    files(&bundle.folder, &bundle.folder, &mut found);
    let names: BTreeSet<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "aiworklab-appliance",
        "aiworklab",
        "aiworklab-model",
        "install",
        "uninstall",
        "manifest.json",
        "manifest.json.minisig",
        "sbom.cdx.json",
        "systemd/aiworklab-appliance.service",
        "systemd/aiworklab.sysusers",
        "manual/install.md",
        "models/SmolLM2-LICENSE",
    ] {
        assert!(names.contains(name), "{name} is not in the bundle");
    }
    // The programs hold no path of the machine that built them in a symbol table: they have none.
    let program = bundle.folder.join("aiworklab-appliance");
    let symbols = run(Command::new("nm").arg(&program));
    assert!(symbols.stdout.is_empty(), "the program is not stripped");

    // As the manual says it: `sed` makes a list for sha256sum out of the manifest.
    let script = r#"sed -n 's/.*"path":"\([^"]*\)".*"sha256":"\([0-9a-f]*\)".*/\2  \1/p' manifest.json | sha256sum --check --quiet && echo sound"#;
    let output = run(Command::new("sh")
        .args(["-c", script])
        .current_dir(&bundle.folder));
    assert_eq!(output.stdout.trim(), "sound", "{}", output.stderr);

    let which = run(Command::new("sh").args(["-c", "command -v minisign"]));
    if which.status == 0 {
        let mut command = Command::new("minisign");
        command
            .args(["-Vm", "manifest.json", "-P", bundle.key()])
            .current_dir(&bundle.folder);
        let output = run(&mut command);
        assert_eq!(output.status, 0, "{}", output.stderr);
        assert!(
            output.stdout.contains("aiworklab-appliance 0."),
            "{}",
            output.stdout
        );
    }
}

#[test]
fn the_list_of_parts_names_every_crate_once_and_the_native_code_by_its_own_name() {
    let workshop = Workshop::open();
    let models = workshop.stand_in_models();
    let said = workshop.make(
        "out",
        &["--models", models.to_str().expect("a path is text")],
    );
    let bundle = workshop.unpack(said, "unpacked");
    let text = fs::read_to_string(bundle.folder.join("sbom.cdx.json")).expect("it is there");
    let sbom: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(sbom["bomFormat"], "CycloneDX");
    assert_eq!(sbom["specVersion"], "1.6");
    let components = sbom["components"].as_array().expect("it has components");
    let refs: Vec<&str> = components
        .iter()
        .map(|component| component["bom-ref"].as_str().expect("each has a reference"))
        .collect();
    let once: BTreeSet<&str> = refs.iter().copied().collect();
    assert_eq!(once.len(), refs.len(), "a reference stands twice");
    let named = |name: &str| {
        components
            .iter()
            .find(|component| component["name"] == name)
            .unwrap_or_else(|| panic!("{name} is not in the list"))
    };
    for name in [
        "OpenSSL",
        "SQLCipher",
        "SQLite",
        "AWS-LC",
        "llama.cpp",
        "ggml",
        "GNU C Library",
        "tree-sitter-rust",
        "rustls",
        "all-MiniLM-L6-v2",
    ] {
        let licences = named(name)["licenses"].as_array().map_or(0, Vec::len);
        assert_eq!(licences, 1, "{name} has no licence");
    }
    assert!(
        named("rustls")["purl"]
            .as_str()
            .is_some_and(|purl| purl.starts_with("pkg:cargo/rustls@0."))
    );
    assert!(
        !components
            .iter()
            .any(|component| component["name"] == "ring")
    );
    // Every edge leads to something that is in the list.
    let root = sbom["metadata"]["component"]["bom-ref"]
        .as_str()
        .expect("it is about something");
    for edge in sbom["dependencies"].as_array().expect("it has edges") {
        let from = edge["ref"].as_str().expect("an edge begins somewhere");
        assert!(once.contains(from) || from == root, "{from}");
        for to in edge["dependsOn"].as_array().into_iter().flatten() {
            assert!(once.contains(to.as_str().unwrap_or_default()), "{to}");
        }
    }
}
