//! Why a model does not load: each way is told apart, and no file slips past its check.

use super::{default_model, limits, models, spec};
use local_model::{DEFAULT_MODEL, Embedder, ModelFile, Reason, Spec, inspect, inspect_files};
use model_engine::Llama;

fn reason(generator: ModelFile) -> Reason {
    match model_engine::load(&spec(Some(generator), None)) {
        Ok(_) => panic!("loaded"),
        Err(reason) => reason,
    }
}

#[test]
fn each_reason_why_a_model_does_not_load_is_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name);
    let written = |name: &str, bytes: &[u8]| {
        std::fs::write(place(name), bytes).expect("written");
        let (sha256, _) = local_model::digest_of(&place(name)).expect("read");
        ModelFile {
            path: place(name),
            sha256,
        }
    };
    let nothing = Spec {
        generator: None,
        ..spec(None, None)
    };
    assert_eq!(
        inspect_files(&nothing).expect_err("neither"),
        Reason::NotConfigured
    );

    let absent = ModelFile {
        path: place("absent"),
        sha256: DEFAULT_MODEL.sha256.into(),
    };
    assert!(matches!(reason(absent), Reason::File { .. }));
    let a_folder = ModelFile {
        path: folder.path().to_owned(),
        sha256: String::new(),
    };
    assert!(matches!(reason(a_folder), Reason::File { .. }));

    let mut wrong = default_model();
    wrong.sha256 = wrong.sha256.replace('b', "c");
    assert!(matches!(reason(wrong), Reason::Digest { .. }));

    let whole = std::fs::read(default_model().path).expect("read");
    let cut = written("cut.gguf", &whole[..whole.len() - 4096]);
    let said = reason(cut).to_string();
    assert!(
        said.contains("is not a sound model file: at byte"),
        "{said}"
    );
    assert!(said.contains("of a file of 98358336"), "{said}");

    let mut other = whole.clone();
    let at = other
        .windows(5)
        .position(|w| w == b"llama")
        .expect("the architecture");
    other[at..at + 5].copy_from_slice(b"mamba");
    let other = reason(written("other.gguf", &other));
    assert_eq!(
        other,
        Reason::Architecture {
            found: "mamba".into(),
            known: "llama, gemma3".into()
        }
    );

    // Sound by its header, and not what native code expects: refused by it, in its words.
    let mut renamed = whole;
    let at = renamed
        .windows(18)
        .rposition(|w| w == b"output_norm.weight")
        .expect("a tensor");
    renamed[at..at + 6].copy_from_slice(b"OUTPUT");
    let said = reason(written("renamed.gguf", &renamed));
    assert!(matches!(said, Reason::Engine { .. }), "{said}");

    let mut spec = spec(
        Some(default_model()),
        Some(Embedder::in_folder(&models().join("all-MiniLM-L6-v2"))),
    );
    spec.limits.memory_mb = 100;
    assert!(matches!(
        inspect_files(&spec),
        Err(Reason::Memory { limit_mb: 100, .. })
    ));
    let alone = inspect(&default_model(), &limits(512))
        .expect("sound")
        .description
        .needed_mb;
    spec.limits.memory_mb = alone;
    let needed_mb = alone + local_model::SENTENCES_NEED_MB;
    assert_eq!(
        inspect_files(&spec).expect_err("both"),
        Reason::Memory {
            needed_mb,
            limit_mb: alone
        }
    );
}

#[test]
fn another_file_that_takes_the_name_of_a_judged_one_is_not_loaded() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.gguf");
    std::fs::copy(default_model().path, &path).expect("copied");
    let file = ModelFile {
        path: path.clone(),
        sha256: DEFAULT_MODEL.sha256.into(),
    };
    let judged = inspect(&file, &limits(64)).expect("sound");
    std::fs::write(folder.path().join("other"), b"GGUF, but not really").expect("written");
    std::fs::rename(folder.path().join("other"), &path).expect("renamed");
    // What native code opens is the judged file still; that it lost its name is seen afterwards.
    let opened = std::fs::read(judged.load_path()).expect("read");
    assert_eq!(opened.len() as u64, judged.description.bytes);
    match Llama::load(&judged, &limits(64)) {
        Err(Reason::File { cause, .. }) => assert!(cause.contains("changed"), "{cause}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("loaded"),
    }
}

#[test]
fn a_file_that_is_changed_while_it_is_loaded_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.gguf");
    std::fs::copy(default_model().path, &path).expect("copied");
    let file = ModelFile {
        path: path.clone(),
        sha256: DEFAULT_MODEL.sha256.into(),
    };
    let judged = inspect(&file, &limits(64)).expect("sound");
    let behind = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .expect("opened");
    std::io::Write::write_all(&mut &behind, &[0; 1]).expect("written");
    match Llama::load(&judged, &limits(64)) {
        Err(Reason::File { cause, .. }) => assert!(cause.contains("changed"), "{cause}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("loaded"),
    }
}
