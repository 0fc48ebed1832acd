//! Manifests that are sound, that are not, and that are noise.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

pub(crate) fn sound() -> Value {
    let digest = "0".repeat(64);
    json!({
        "format": 1, "product": PRODUCT, "version": "1.2.0", "target": TARGET,
        "commit": "0123abcd", "created": "2026-11-24",
        "requires": {"kernel": "5.13", "cpu": [], "cpu_for_model": ["avx2"], "memory_mb": 256,
                     "memory_for_model_mb": 1024},
        "models": [{"name": "Small", "role": "language", "file": "models/m.gguf", "sha256": digest,
                    "licence": "Apache-2.0", "licence_file": "models/LICENSE"}],
        "files": [
            {"path": "aiworklab", "bytes": 1, "sha256": digest, "kind": "client", "mode": "0755"},
            {"path": PRODUCT, "bytes": 1, "sha256": digest, "kind": "program", "mode": "0755"},
            {"path": "models/LICENSE", "bytes": 1, "sha256": digest, "kind": "licence", "mode": "0644"},
            {"path": "models/m.gguf", "bytes": 1, "sha256": digest, "kind": "model", "mode": "0644"},
        ],
    })
}

fn parse(value: &Value) -> Result<Manifest, Error> {
    Manifest::parse(value.to_string().as_bytes())
}

#[test]
fn a_sound_manifest_is_read_and_written_as_it_was() {
    let manifest = parse(&sound()).unwrap();
    let text = manifest.to_text().unwrap();
    assert_eq!(Manifest::parse(text.as_bytes()).unwrap(), manifest);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), sound());
    let files = text.lines().filter(|line| line.contains("\"path\""));
    assert_eq!(files.count(), 4, "one file a line");
    assert_eq!(manifest.model(ModelRole::Language).unwrap().name, "Small");
    assert_eq!(manifest.bytes(), 4);
}

/// Changes one place of a sound manifest, and returns the code that answers.
fn code_with(pointer: &str, value: Value) -> &'static str {
    let mut manifest = sound();
    *manifest.pointer_mut(pointer).expect("the place is there") = value;
    parse(&manifest).expect_err(pointer).code()
}

#[test]
fn each_unsound_manifest_is_refused_with_its_own_code() {
    assert_eq!(code_with("/format", json!(2)), "B016");
    assert_eq!(code_with("/product", json!("other")), "B017");
    assert_eq!(code_with("/target", json!("aarch64-linux")), "B017");
    assert_eq!(code_with("/version", json!("1.2")), "B020");
    assert_eq!(code_with("/created", json!("2026-02-30")), "B020");
    assert_eq!(code_with("/commit", json!("a\nb")), "B020");
    assert_eq!(code_with("/requires/kernel", json!("new")), "B020");
    assert_eq!(code_with("/files/0/path", json!("../aiworklab")), "B018");
    assert_eq!(code_with("/files/0/path", json!("/etc/passwd")), "B018");
    assert_eq!(code_with("/files/1/path", json!("aiworklab")), "B019");
    assert_eq!(code_with("/files/0/path", json!("models")), "B020");
    assert_eq!(code_with("/files/0/mode", json!("4755")), "B020");
    assert_eq!(code_with("/files/0/mode", json!("0644")), "B020");
    assert_eq!(code_with("/files/0/kind", json!("program")), "B020");
    assert_eq!(code_with("/files/0/sha256", json!("0")), "B020");
    assert_eq!(code_with("/files/0/sha256", json!("A".repeat(64))), "B020");
    assert_eq!(code_with("/files/0/bytes", json!(u64::MAX)), "B020");
    assert_eq!(code_with("/files/0/bytes", json!(-1)), "B015");
    assert_eq!(code_with("/files/2/bytes", json!(0)), "B020");
    assert_eq!(code_with("/files/2/kind", json!("manual")), "B020");
    assert_eq!(code_with("/models/0/sha256", json!("1".repeat(64))), "B020");
    assert_eq!(code_with("/models/0/file", json!("models/LICENSE")), "B020");
    assert_eq!(code_with("/files", json!([])), "B020");
}

#[test]
fn a_file_where_a_folder_is_counts_as_named_twice() {
    let mut manifest = sound();
    let digest = "0".repeat(64);
    let files = manifest["files"].as_array_mut().unwrap();
    files.insert(
        2,
        json!({"path": "models", "bytes": 1, "sha256": digest, "kind": "manual", "mode": "0644"}),
    );
    assert_eq!(parse(&manifest).unwrap_err().code(), "B019");
}

#[test]
fn an_unknown_or_doubled_field_is_refused() {
    let mut manifest = sound();
    manifest["hook"] = json!("rm");
    assert_eq!(parse(&manifest).unwrap_err().code(), "B015");
    let doubled = sound()
        .to_string()
        .replacen('{', "{\"version\": \"9.9.9\", ", 1);
    assert_eq!(
        Manifest::parse(doubled.as_bytes()).unwrap_err().code(),
        "B015"
    );
}

#[test]
fn a_newer_format_is_named_before_its_fields_are_judged() {
    let text = br#"{"format": 7, "what": "is this"}"#;
    assert_eq!(Manifest::parse(text).unwrap_err().code(), "B016");
}

#[test]
fn too_many_files_are_refused() {
    let mut manifest = sound();
    let digest = "0".repeat(64);
    let files = (0..=MAX_FILES).map(|n| {
        json!({"path": format!("m{n:05}"), "bytes": 1, "sha256": digest, "kind": "manual", "mode": "0644"})
    });
    manifest["files"] = files.collect();
    assert_eq!(parse(&manifest).unwrap_err().code(), "B020");
}

proptest! {
    #[test]
    fn noise_is_refused_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Manifest::parse(&bytes).is_err());
    }

    #[test]
    fn whatever_is_accepted_after_a_change_is_still_sound(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = sound().to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(manifest) = Manifest::parse(&bytes) {
            prop_assert!(manifest.check().is_ok());
            let again = Manifest::parse(manifest.to_text().unwrap().as_bytes()).unwrap();
            prop_assert_eq!(again, manifest);
        }
    }
}
