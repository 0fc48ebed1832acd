//! `model doctor`: each thing that a model needs, looked at in the order in which it is needed.
//!
//! What native code would see is looked at in Rust first, so that a hostile file is told by its flaw
//! and never reaches the engine. Then a worker is started as the server starts it; its self-test
//! says what it tried and was refused; and it answers one question.

use super::{Which, config, spec_of, would_not_run};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::config::Config;
use crate::model::standing::Why;
use local_model::{
    Continuations, Host, INSTRUCTIONS, ModelFile, Reason, SandboxPolicy, Spec, State,
};
use serde::Serialize;
use std::path::Path;

/// One thing that was looked at.
#[derive(Serialize)]
struct Check {
    what: &'static str,
    /// `None`: not looked at, since something before it failed.
    good: Option<bool>,
    found: String,
    code: Option<&'static str>,
}

#[derive(Serialize)]
struct Report {
    runs: bool,
    model: Option<String>,
    file: Option<String>,
    sha256: Option<String>,
    threads: u32,
    memory_mb: u64,
    sandbox: SandboxPolicy,
    degraded: bool,
    ready_after_ms: Option<u64>,
    checks: Vec<Check>,
    /// Empty where it runs.
    problems: Vec<Why>,
    #[serde(skip)]
    reason: Option<Reason>,
}

const ORDER: [&str; 10] = [
    "configured",
    "processor",
    "file",
    "digest",
    "soundness",
    "architecture",
    "memory",
    "start",
    "sandbox",
    "answers",
];

/// Which of [`ORDER`] a reason is about.
fn about(reason: &Reason) -> &'static str {
    match reason {
        Reason::NotConfigured => "configured",
        Reason::Instructions { .. } => "processor",
        Reason::File { .. } => "file",
        Reason::Digest { .. } => "digest",
        Reason::Unsound { .. } => "soundness",
        Reason::Architecture { .. } => "architecture",
        Reason::Memory { .. } => "memory",
        Reason::Sandbox { .. } => "sandbox",
        _ => "start",
    }
}

impl Report {
    fn new(which: &Which, config: &Config) -> Self {
        let limits = crate::model::spec::limits(config);
        let configured = config.model.file.as_ref();
        let file = which.file.as_ref().or(configured.map(|(file, _)| file));
        Self {
            runs: false,
            model: None,
            file: file.map(|file| file.display().to_string()),
            sha256: None,
            threads: limits.threads,
            memory_mb: limits.memory_mb,
            sandbox: match config.model.allow_degraded {
                true => SandboxPolicy::AllowDegraded,
                false => SandboxPolicy::Required,
            },
            degraded: false,
            ready_after_ms: None,
            checks: Vec::new(),
            problems: Vec::new(),
            reason: None,
        }
    }

    fn good(&mut self, what: &'static str, found: impl Into<String>) {
        let found = found.into();
        self.checks.push(Check {
            what,
            good: Some(true),
            found,
            code: None,
        });
    }

    /// What failed, after what must have been well before it, and before what was not looked at.
    fn failed(&mut self, reason: Reason) {
        let what = about(&reason);
        let at = ORDER.iter().position(|it| *it == what).unwrap_or(0);
        for passed in &ORDER[..at] {
            // A sandbox that does not hold is found while the worker starts.
            if !self.has(passed) && *passed != "start" {
                self.good(passed, "well");
            }
        }
        self.checks.push(Check {
            what,
            good: Some(false),
            found: reason.to_string(),
            code: Some(reason.code()),
        });
        for later in ORDER {
            if !self.has(later) {
                self.checks.push(Check {
                    what: later,
                    good: None,
                    found: "not looked at".to_owned(),
                    code: None,
                });
            }
        }
        self.problems.push(Why::of(&reason));
        self.reason = Some(reason);
    }

    fn has(&self, what: &str) -> bool {
        self.checks.iter().any(|check| check.what == what)
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for check in &self.checks {
            let mark = match check.good {
                Some(true) => "good  ",
                Some(false) => "FAILS ",
                None => "–     ",
            };
            let mut lines = check.found.lines();
            let first = lines.next().unwrap_or_default();
            text.push_str(&format!("{mark} {:13} {first}\n", check.what));
            for line in lines {
                text.push_str(&format!("{:20} {line}\n", ""));
            }
        }
        let plural = if self.threads == 1 { "" } else { "s" };
        text.push_str(&format!(
            "\n{} It would get {} thread{plural} and {} MB beside its files.",
            match (self.runs, self.degraded) {
                (true, false) => "The model runs here.",
                (true, true) => "The model runs here, with less of a sandbox than it should have.",
                (false, _) => "The model would not run here.",
            },
            self.threads,
            self.memory_mb,
        ));
        text
    }
}

/// Looks at everything and says so; fails if the model would not run.
pub(super) fn run(context: &Context, which: &Which) -> Result<(), Failure> {
    let config = config(context)?;
    let mut report = Report::new(which, &config);
    let ended = look(context, &mut report, &config, which);
    match ended {
        Ok(()) => report.runs = true,
        Err(reason) => report.failed(reason),
    }
    context.say(&report, || report.text());
    match &report.reason {
        None => Ok(()),
        Some(reason) => Err(would_not_run(reason)),
    }
}

/// Up to the first thing that fails.
fn look(
    context: &Context,
    report: &mut Report,
    config: &Config,
    which: &Which,
) -> Result<(), Reason> {
    let Some(path) = report.file.clone() else {
        return Err(Reason::NotConfigured);
    };
    report.good("configured", path);
    local_model::check_processor()?;
    report.good("processor", format!("has {}", INSTRUCTIONS.join(", ")));
    let spec = spec_of(config, which)?;
    let Some(file) = spec.generator.clone() else {
        return Err(Reason::NotConfigured);
    };
    let inspected = local_model::inspect(&file, &spec.limits)?;
    let found = &inspected.description;
    report.model = Some(found.name.clone());
    report.sha256 = Some(found.sha256.clone());
    report.good("file", format!("{} bytes", found.bytes));
    let compared = match (&which.file, &which.sha256) {
        (None, _) => "as the configuration says",
        (_, Some(_)) => "as was said",
        (_, None) => "compared with nothing",
    };
    report.good("digest", format!("{} ({compared})", found.sha256));
    report.good("soundness", "header, tensors and sizes fit together");
    report.good(
        "architecture",
        format!(
            "{}, {}, {} million parameters: {}",
            found.architecture,
            found.quantisation,
            found.parameters / 1_000_000,
            found.name
        ),
    );
    report.good(
        "memory",
        format!(
            "needs about {} MB of {}",
            found.needed_mb, spec.limits.memory_mb
        ),
    );
    drop(inspected);
    if let Some(embedder) = &spec.embedder {
        local_model::inspect_embedder(embedder)?;
    }
    let runtime = crate::cli::runtime().map_err(|failure| Reason::Spawn {
        cause: failure.paragraph(),
    })?;
    runtime.block_on(worker(context, report, spec))
}

/// Starts one, and asks it something.
async fn worker(context: &Context, report: &mut Report, spec: Spec) -> Result<(), Reason> {
    let clock = &context.edges.clock;
    let begun = clock.ticks();
    let host = Host::start(spec);
    let ended = question(&host).await;
    if let State::Ready {
        about,
        sandbox,
        pid,
        ..
    } = host.state()
    {
        let took = clock.ticks().saturating_sub(begun).as_millis();
        let took = u64::try_from(took).unwrap_or(u64::MAX);
        report.ready_after_ms = Some(took);
        report.degraded = sandbox.degraded;
        report.good(
            "start",
            format!(
                "process {pid}, {}; ready and answering after {took} ms",
                about.engine
            ),
        );
        report.good("sandbox", sandbox.lines().join("\n"));
    }
    host.stop().await;
    let answer = ended?;
    report.good("answers", answer);
    Ok(())
}

async fn question(host: &Host) -> Result<String, Reason> {
    use local_model::Model;
    host.ready().await?;
    let job = Continuations {
        prefix: "A lock that nobody releases".to_owned(),
        continuations: vec![" is held until its owner ends.".to_owned()],
    };
    let answer = host.score(vec![job]).await.map_err(|down| Reason::Died {
        how: crate::http::error::chain(&down),
    })?;
    let likelihood = answer.first().and_then(|scores| scores.first()).copied();
    match likelihood {
        Some(it) if it.log.is_finite() && it.log <= 0.0 => Ok(format!(
            "scored {} tokens, {:.2} a token",
            it.tokens,
            it.per_token()
        )),
        _ => Err(Reason::Engine {
            cause: "its answer to the first question is no likelihood".to_owned(),
        }),
    }
}

/// Whether the files of a configuration or of `init` are sound: nothing is started.
///
/// # Errors
/// The first thing that is wrong.
pub(in crate::cli) fn inspect(config: &Config) -> Result<Option<String>, Reason> {
    let Some((path, sha256)) = &config.model.file else {
        return Ok(None);
    };
    let file = ModelFile {
        path: path.clone(),
        sha256: sha256.clone(),
    };
    let found = local_model::inspect(&file, &crate::model::spec::limits(config))?;
    if let Some(folder) = config.model.sentences.as_deref() {
        sentences(folder)?;
    }
    Ok(Some(found.description.name.clone()))
}

fn sentences(folder: &Path) -> Result<(), Reason> {
    local_model::inspect_embedder(&local_model::Embedder::in_folder(folder)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::standing::fix;
    use local_model::SandboxPart;

    fn report() -> Report {
        let dir = Path::new("/d");
        let config = Config::from_text(
            dir,
            &dir.join("config.toml"),
            "",
            &crate::edges::Environment::default(),
            crate::config::Overrides::default(),
        );
        Report::new(&Which::default(), &config.unwrap())
    }

    #[test]
    fn what_comes_after_a_failure_was_not_looked_at_and_what_came_before_was_well() {
        let mut report = report();
        report.good("configured", "/m.gguf");
        report.failed(Reason::Memory {
            needed_mb: 9_000,
            limit_mb: 10,
        });
        let told: Vec<_> = report
            .checks
            .iter()
            .map(|check| (check.what, check.good))
            .collect();
        assert_eq!(told.len(), ORDER.len());
        assert!(told.contains(&("digest", Some(true))));
        assert!(told.contains(&("memory", Some(false))));
        assert!(told.contains(&("start", None)) && told.contains(&("answers", None)));
        assert_eq!(report.problems[0].code, "L006");
        assert!(report.text().contains("FAILS  memory"), "{}", report.text());
    }

    #[test]
    fn a_sandbox_that_does_not_hold_is_told_as_such() {
        let mut report = report();
        report.failed(Reason::Sandbox {
            part: SandboxPart::SelfTest,
            cause: "a socket could be opened".to_owned(),
        });
        let failed: Vec<_> = report
            .checks
            .iter()
            .filter(|check| check.good == Some(false))
            .map(|check| (check.what, check.code))
            .collect();
        assert_eq!(failed, [("sandbox", Some("L009"))]);
        assert!(!fix(report.reason.as_ref().unwrap()).is_empty());
    }
}
