//! A worker that misbehaves when told to, and what tests need around it.

use local_model::{
    Continuations, Down, Embedder, Host, Likelihood, Limits, Model, ModelFile, Pace, SandboxPolicy,
    Spec, State,
};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where cargo builds `examples/misbehaving_worker.rs`, as `cargo test` does before it runs tests.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a program");
    let folder = test.parent().and_then(Path::parent).expect("target/debug");
    let program = folder.join("examples/misbehaving_worker");
    assert!(
        program.exists(),
        "run all targets of this crate: `cargo test -p aiworklab-local-model` builds {}",
        program.display()
    );
    program
}

/// A folder with a "model" that says what the worker does at its start, and a database to keep from it.
pub struct Place {
    pub folder: tempfile::TempDir,
    pub spec: Spec,
}

impl Place {
    pub fn new(at_start: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let model = folder.path().join("model");
        std::fs::write(&model, at_start).expect("written");
        let database = folder.path().join("org.db");
        std::fs::write(&database, "secret").expect("written");
        let file = |path: &Path| ModelFile {
            path: path.to_owned(),
            sha256: String::new(),
        };
        let spec = Spec {
            program: program(),
            generator: Some(file(&model)),
            embedder: Some(Embedder {
                weights: file(&model),
                tokenizer: file(&model),
            }),
            limits: Limits {
                threads: 1,
                memory_mb: 200,
                context: 64,
                start_s: 30,
                job_s: 30,
                queue: 8,
            },
            sandbox: SandboxPolicy::Required,
            run_as: None,
            forbidden: vec![database],
        };
        Self { folder, spec }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program under another name, by which it knows how to misbehave.
    pub fn named(mut self, name: &str) -> Self {
        let link = self.path(name);
        std::os::unix::fs::symlink(program(), &link).expect("linked");
        self.spec.program = link;
        self
    }

    pub fn with(mut self, change: impl FnOnce(&mut Spec)) -> Self {
        change(&mut self.spec);
        self
    }

    pub fn start(&self) -> Host {
        Host::start_paced(self.spec.clone(), QUICK)
    }

    pub async fn ready(&self) -> Host {
        let host = self.start();
        let ready = in_time(host.ready()).await;
        ready.unwrap_or_else(|reason| panic!("not ready: {reason}"));
        host
    }
}

/// Restarts without waiting.
pub const QUICK: Pace = Pace {
    first: Duration::from_millis(1),
    most: Duration::from_millis(2),
    good: Duration::from_secs(60),
};

/// A test that would wait for ever fails instead.
pub async fn in_time<T>(work: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(60);
    let ended = tokio::time::timeout(limit, work).await;
    ended.expect("nothing here takes a minute")
}

/// Tells the engine to do something; one likelihood if it could.
pub async fn tell(host: &Host, what: &str) -> Result<Vec<Vec<Likelihood>>, Down> {
    let job = Continuations {
        prefix: what.to_owned(),
        continuations: vec!["ab".to_owned()],
    };
    in_time(host.score(vec![job])).await
}

pub async fn until(host: &Host, wanted: impl Fn(&State) -> bool) -> State {
    let mut states = host.subscribe();
    let state = in_time(states.wait_for(wanted)).await;
    state.expect("the supervisor lives").clone()
}

pub fn pid(host: &Host) -> u32 {
    match host.state() {
        State::Ready { pid, .. } => pid,
        other => panic!("it is not ready: {other:?}"),
    }
}
