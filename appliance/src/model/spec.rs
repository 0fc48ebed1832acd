//! From `[model]` to what the worker is started with.
//!
//! Paths become absolute, since the worker's folder is `/`. As root the worker gets a user of its
//! own, `nobody`, where the files that it needs can be read by others; otherwise it stays with ours,
//! under the same sandbox.

use crate::config::Config;
use crate::edges;
use local_model::{Embedder, Limits, ModelFile, Reason, SandboxPolicy, Spec};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Tokens that the model sees at once: the longest question with its answers is far shorter.
const CONTEXT: u32 = 2_048;
/// Jobs that may wait.
const QUEUE: usize = 16;
/// User and group `nobody`.
const NOBODY: u32 = 65_534;

/// What the worker of this configuration is started with.
///
/// # Errors
/// [`Reason::NotConfigured`] without a language model.
pub fn of(config: &Config) -> Result<Spec, Reason> {
    let (path, sha256) = config.model.file.clone().ok_or(Reason::NotConfigured)?;
    let file = ModelFile {
        path: absolute(&path),
        sha256,
    };
    let sentences = config.model.sentences.as_deref().map(absolute);
    let keys = config.data_dir.join("keys");
    let forbidden = [
        config.store.clone(),
        config.ledger.clone(),
        keys.join("kek"),
        keys.join("wrapped.json"),
    ];
    Ok(Spec {
        forbidden: forbidden.iter().map(|path| absolute(path)).collect(),
        ..with_files(config, file, sentences.as_deref())
    })
}

/// The same for files that may not stand in the configuration, with nothing to protect but what
/// the sandbox protects anyway.
#[must_use]
pub fn with_files(config: &Config, file: ModelFile, sentences: Option<&Path>) -> Spec {
    let program = edges::program();
    let embedder = sentences.map(Embedder::in_folder);
    let mut needed = vec![program.as_path(), file.path.as_path()];
    if let Some(embedder) = &embedder {
        needed.extend([
            embedder.weights.path.as_path(),
            embedder.tokenizer.path.as_path(),
        ]);
    }
    let run_as = (rustix::process::geteuid().is_root()
        && needed.iter().all(|path| others_may_read(path)))
    .then_some((NOBODY, NOBODY));
    Spec {
        generator: Some(file.clone()),
        embedder: embedder.clone(),
        limits: limits(config),
        sandbox: match config.model.allow_degraded {
            true => SandboxPolicy::AllowDegraded,
            false => SandboxPolicy::Required,
        },
        run_as,
        forbidden: Vec::new(),
        program,
    }
}

/// What the worker may take, as configured.
#[must_use]
pub fn limits(config: &Config) -> Limits {
    let model = &config.model;
    Limits {
        threads: model
            .threads
            .unwrap_or_else(|| edges::cores().saturating_sub(1).max(1)),
        memory_mb: model.memory_mb,
        context: CONTEXT,
        start_s: model.start_s,
        job_s: model.job_s,
        queue: QUEUE,
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Whether somebody who is neither owner nor of the group may read this file, and pass all folders
/// above it.
fn others_may_read(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else {
        return false;
    };
    let allows = |path: &Path, bit: u32| {
        path.metadata()
            .is_ok_and(|found| found.permissions().mode() & bit != 0)
    };
    allows(&path, 0o004) && path.ancestors().skip(1).all(|dir| allows(dir, 0o001))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;
    use crate::edges::Environment;

    fn config(dir: &Path, text: &str) -> Config {
        Config::from_text(
            dir,
            &dir.join("config.toml"),
            text,
            &Environment::default(),
            Overrides::default(),
        )
        .unwrap()
    }

    #[test]
    fn without_a_model_there_is_nothing_to_start() {
        let config = config(Path::new("/d"), "");
        assert_eq!(of(&config), Err(Reason::NotConfigured));
    }

    #[test]
    fn the_database_and_the_keys_are_what_the_worker_must_not_open() {
        let text = format!(
            "[model]\nfile = \"models/m.gguf\"\nsha256 = \"{}\"\nsentences = \"/s\"\n",
            "a".repeat(64)
        );
        let spec = of(&config(Path::new("/d"), &text)).unwrap();
        assert_eq!(spec.generator.unwrap().path, Path::new("/d/models/m.gguf"));
        assert_eq!(
            spec.embedder.unwrap().weights.path,
            Path::new("/s/model.safetensors")
        );
        for name in ["store.db", "ledger.jsonl", "keys/kek", "keys/wrapped.json"] {
            assert!(
                spec.forbidden.contains(&Path::new("/d").join(name)),
                "{name}"
            );
        }
        assert_eq!(spec.sandbox, SandboxPolicy::Required);
    }

    #[test]
    fn one_core_is_left_free_unless_the_file_says_otherwise() {
        let by_cores = limits(&config(Path::new("/d"), "")).threads;
        assert_eq!(by_cores, edges::cores().saturating_sub(1).max(1));
        let said = limits(&config(Path::new("/d"), "[model]\nthreads = 3\n"));
        assert_eq!(said.threads, 3);
    }

    #[test]
    fn a_file_behind_a_closed_folder_is_not_readable_for_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.gguf");
        std::fs::write(&path, "x").unwrap();
        let closed = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(dir.path(), closed).unwrap();
        assert!(!others_may_read(&path));
        assert!(!others_may_read(&dir.path().join("missing")));
    }
}
