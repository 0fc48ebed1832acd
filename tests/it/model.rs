//! The local model, end to end: the real binary, its worker, the default model.
//!
//! What tier the model earned on this machine is measured there, so no test here assumes one.

mod asked;
mod files;
mod inside;
mod kills;
mod limits;
mod sandbox;

use harness::{Appliance, Serve, models, until};
use local_model::{DEFAULT_MODEL, SENTENCE_TOKENIZER, SENTENCE_WEIGHTS};
use serde_json::Value;
use std::path::Path;

/// The default model, and the sentence model beside it.
fn default_model() -> Vec<(&'static str, String)> {
    let models = models();
    let sentences = models.join("all-MiniLM-L6-v2");
    for known in [&SENTENCE_WEIGHTS, &SENTENCE_TOKENIZER] {
        assert!(sentences.join(known.file).exists(), "run .ci/models");
    }
    let mut settings = model(&models.join(DEFAULT_MODEL.file), DEFAULT_MODEL.sha256);
    settings.push(("sentences", quoted(&sentences)));
    settings
}

/// A language model, whatever lies there.
fn model(path: &Path, sha256: &str) -> Vec<(&'static str, String)> {
    vec![("file", quoted(path)), ("sha256", format!("{sha256:?}"))]
}

fn quoted(path: &Path) -> String {
    format!("{:?}", path.to_str().expect("a path in UTF-8"))
}

/// An appliance with these `[model]` keys.
fn serve(settings: Vec<(&'static str, String)>) -> Appliance {
    Appliance::start_with(Serve {
        settings,
        ..Serve::default()
    })
}

/// What `model status` says.
fn standing(appliance: &Appliance) -> Value {
    appliance.json(&["model", "status"])
}

/// What `model status` says, once it says this of itself.
fn until_state(appliance: &Appliance, state: &str) -> Value {
    until(&format!("a model that is {state}"), || {
        let standing = standing(appliance);
        (standing["state"] == state).then_some(standing)
    })
}

/// The worker's process, once there is one that is ready.
fn worker(appliance: &Appliance) -> u32 {
    let ready = until_state(appliance, "ready");
    let pid = ready["pid"].as_u64().and_then(|pid| pid.try_into().ok());
    pid.unwrap_or_else(|| panic!("a worker has a pid: {ready}"))
}

#[test]
fn how_the_model_stands_is_known_as_soon_as_the_server_serves() {
    let appliance = serve(Vec::new());
    let standing = standing(&appliance);
    assert_eq!(standing["state"], "off", "{standing}");
    assert_eq!(standing["reason"]["code"], "L001", "{standing}");
}

fn proc(pid: u32, file: &str) -> String {
    let path = format!("/proc/{pid}/{file}");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A field of `/proc/PID/status`.
fn status(pid: u32, field: &str) -> String {
    let status = proc(pid, "status");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {field}: {status}"))
        .trim()
        .to_owned()
}
