//! The real coding agents, as npm brings them, against a scripted model on loopback: what they do in
//! a repository is heard through the hooks that `setup` put in, becomes a check, an answer and a
//! synced delta; then `setup --remove` leaves their settings as they were, byte for byte.
//!
//! `make test` runs OpenCode, the smallest; `make prove client` the others, too.

use harness::{Appliance, Laptop, Output, recorded_payloads, repository, run};
use kernel::catalogue::Catalogue;
use kernel::event::Harness;
use kernel::ids::Slug;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What the scripted session is about.
const CONCEPT: &str = "pg-advisory-locks";
const PROMPT: &str = "Guard the ledger against two writers at once";
const LEDGER: &str = "def add(balance, amount):\n    return balance + amount\n";
const LOCK: &str = "-- one writer per account\nSELECT pg_advisory_lock(hashtext('ledger:' || :account_id));\n\
UPDATE ledger SET balance = balance + :amount WHERE account_id = :account_id;\n\
SELECT pg_advisory_unlock(hashtext('ledger:' || :account_id));\n";
const TEST: &str = "python3 -c 'import ledger; assert ledger.add(1, 2) == 3'";

/// A file under the person's home, with what stands in it before us.
type Before = Vec<(&'static str, String)>;

/// One harness: how it is set up by its person, and how it is started.
struct Agent {
    name: &'static str,
    /// Its program, from the checkout's root.
    program: &'static str,
    /// The tool calls of the scripted session.
    script: fn(project: &Path) -> Value,
    /// Its settings; the port is the model's.
    settings: fn(port: &str, project: &Path) -> Before,
    /// How one prompt is given without a terminal.
    args: &'static [&'static str],
    env: &'static [(&'static str, &'static str)],
    /// What its person has to do besides, once so many hooks are in.
    trust: fn(&Desk, usize),
}

const OPENCODE: Agent = Agent {
    name: "opencode",
    program: "tests/peers/harness/node_modules/opencode-linux-x64-baseline/bin/opencode",
    script: |project| {
        json!([
            {"text": "Writing the lock.", "tools": [{"name": "write", "input": {"filePath": project.join("lock.sql"), "content": LOCK}}]},
            {"tools": [{"name": "edit", "input": {"filePath": project.join("ledger.py"), "oldString": "balance + amount", "newString": "amount + balance"}}]},
            {"tools": [{"name": "bash", "input": {"command": TEST, "description": "Try it"}}]},
            {"text": "The ledger takes a lock around each change."},
        ])
    },
    settings: |port, _| {
        // OpenCode puts the schema in by itself, if it is not there.
        let model = json!({
            "$schema": "https://opencode.ai/config.json",
            "model": "local/fake-model", "small_model": "local/fake-model", "share": "disabled", "autoupdate": false,
            "enabled_providers": ["local"],
            "provider": {"local": {"npm": "@ai-sdk/openai-compatible", "name": "Local",
                "options": {"baseURL": format!("http://127.0.0.1:{port}/v1"), "apiKey": "dummy"},
                "models": {"fake-model": {"name": "Fake model", "tool_call": true, "limit": {"context": 100_000, "output": 8_000}}}}},
            "permission": {"edit": "allow", "read": "allow", "bash": {"*": "allow"}},
        });
        vec![(".config/opencode/opencode.json", format!("{model:#}\n\n"))]
    },
    args: &["run", "--format", "json", PROMPT],
    // Its look into the npm registry, which any plugin brings about, is kept short.
    env: &[
        ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
        ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
        ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
        ("npm_config_fetch_retries", "0"),
        ("npm_config_registry", "http://127.0.0.1:9/"),
    ],
    trust: |_, _| {},
};

const CLAUDE_CODE: Agent = Agent {
    name: "claude-code",
    program: "tests/peers/harness/more/node_modules/.bin/claude",
    script: |project| {
        json!([
            {"text": "Reading.", "tools": [{"name": "Read", "input": {"file_path": project.join("ledger.py")}}]},
            {"text": "Writing the lock.", "tools": [{"name": "Write", "input": {"file_path": project.join("lock.sql"), "content": LOCK}}]},
            {"tools": [{"name": "Edit", "input": {"file_path": project.join("ledger.py"), "old_string": "balance + amount", "new_string": "amount + balance"}}]},
            {"tools": [{"name": "Bash", "input": {"command": TEST, "description": "Try it"}}]},
            {"text": "The ledger takes a lock around each change."},
        ])
    },
    settings: |_, _| {
        let own = "{\n\t\"includeCoAuthoredBy\":   false,\n\t\"hooks\": {\n\t\t\"Stop\": [ { \"hooks\": [ {\"type\": \"command\", \"command\": \"true\"} ] } ]\n\t}\n}";
        vec![(".claude/settings.json", own.to_owned())]
    },
    args: &[
        "-p",
        PROMPT,
        "--output-format",
        "stream-json",
        "--verbose",
        "--include-hook-events",
        "--permission-mode",
        "acceptEdits",
        "--allowedTools",
        "Bash(python3:*)",
    ],
    env: &[
        ("ANTHROPIC_API_KEY", "sk-ant-dummy-local"),
        ("ANTHROPIC_MODEL", "claude-sonnet-4-5"),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        ("DISABLE_AUTOUPDATER", "1"),
        ("DISABLE_TELEMETRY", "1"),
        ("DISABLE_ERROR_REPORTING", "1"),
    ],
    trust: |_, _| {},
};

const CODEX: Agent = Agent {
    name: "codex",
    program: "tests/peers/harness/more/node_modules/.bin/codex",
    script: |_| {
        let lock: String = LOCK.lines().map(|line| format!("+{line}\n")).collect();
        let add = format!("*** Begin Patch\n*** Add File: lock.sql\n{lock}*** End Patch\n");
        let edit = "*** Begin Patch\n*** Update File: ledger.py\n@@\n-    return balance + amount\n+    return amount + balance\n*** End Patch\n";
        json!([
            {"text": "Writing the lock.", "tools": [{"name": "apply_patch", "custom": add}]},
            {"tools": [{"name": "apply_patch", "custom": edit}]},
            {"tools": [{"name": "exec_command", "input": {"cmd": TEST}}]},
            {"text": "The ledger takes a lock around each change."},
        ])
    },
    settings: |port, project| {
        let config = format!(
            "# mine\nmodel = \"gpt-5.5\"\nmodel_provider = \"local\"\napproval_policy = \"never\"\nsandbox_mode = \"danger-full-access\"\n\
             check_for_update_on_startup = false\n\n[model_providers.local]\nname = \"local\"\nbase_url = \"http://127.0.0.1:{port}/v1\"\n\
             wire_api = \"responses\"\nenv_key = \"DUMMY_KEY\" # mine, too\nrequest_max_retries = 0\nstream_max_retries = 0\n\n\
             [analytics]\nenabled = false\n\n[projects.\"{}\"]\ntrust_level = \"trusted\"\n",
            project.display()
        );
        let own = "{\n    \"hooks\": {\n        \"Stop\": [ {\"hooks\": [ {\"type\": \"command\", \"command\": \"true\"} ]} ]\n    }\n}\n";
        vec![
            (".codex/config.toml", config),
            (".codex/hooks.json", own.to_owned()),
        ]
    },
    args: &["exec", "--json", PROMPT],
    env: &[("DUMMY_KEY", "dummy")],
    trust: |desk, hooks| {
        // As the person does with /hooks: Codex itself names its hooks and writes the trust down.
        let mut python = Command::new("python3");
        let _ = python
            .arg(repository().join("tests/peers/harness/codex_trust.py"))
            .arg(repository().join(CODEX.program))
            .arg(desk.project());
        let said = run(desk.environment(&mut python), b"").ok().stdout;
        assert!(
            said.starts_with(&format!("trusted {hooks} hooks")),
            "{said}"
        );
    },
};

/// An engineer's machine with a repository, and a model that plays a script.
struct Desk {
    laptop: Laptop,
    agent: &'static Agent,
    model: Child,
    port: String,
}

impl Desk {
    fn new(agent: &'static Agent) -> Self {
        let laptop = Laptop::new();
        let project = laptop.folder().join("ledger");
        std::fs::create_dir(&project).expect("a folder can be made");
        std::fs::write(project.join("ledger.py"), LEDGER).expect("it can be written");
        let _ = run(
            Command::new("git")
                .args(["init", "-q", "."])
                .current_dir(&project),
            b"",
        )
        .ok();
        let script = laptop.folder().join("script.json");
        let steps = (agent.script)(&project).to_string();
        std::fs::write(&script, steps).expect("it can be written");
        let mut model = Command::new("python3")
            .arg(repository().join("tests/peers/harness/fake_model.py"))
            .arg("--script")
            .arg(&script)
            .arg("--log")
            .arg(laptop.folder().join("requests.jsonl"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 can be started");
        let mut said = String::new();
        let _ = BufReader::new(model.stdout.take().expect("stdout is piped")).read_line(&mut said);
        let port = said
            .trim()
            .rsplit(':')
            .next()
            .unwrap_or_default()
            .to_owned();
        assert!(
            port.parse::<u16>().is_ok(),
            "the model says its port: {said:?}"
        );
        let desk = Self {
            laptop,
            agent,
            model,
            port,
        };
        for (name, text) in desk.settings() {
            let path = desk.laptop.folder().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
            std::fs::write(path, text).expect("it can be written");
        }
        desk
    }

    fn project(&self) -> PathBuf {
        self.laptop.folder().join("ledger")
    }

    fn settings(&self) -> Before {
        (self.agent.settings)(&self.port, &self.project())
    }

    /// The settings as they are now.
    fn on_disk(&self) -> Before {
        let read = |name: &str| std::fs::read_to_string(self.laptop.folder().join(name));
        let settings = self.settings().into_iter();
        settings
            .map(|(name, _)| (name, read(name).expect("it is there")))
            .collect()
    }

    /// What the person's shell has.
    fn environment<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        #[expect(
            clippy::disallowed_methods,
            reason = "the harnesses may lie where only the caller knows"
        )]
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut command = command
            .current_dir(self.project())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.laptop.folder())
            .env("TERM", "dumb")
            .env("LANG", "C.UTF-8")
            .env("AIWORKLAB_HOME", self.laptop.home())
            .env("AIWORKLAB_KEYS", "file")
            .env(
                "ANTHROPIC_BASE_URL",
                format!("http://127.0.0.1:{}", self.port),
            );
        for (name, value) in self.agent.env {
            command = command.env(name, value);
        }
        command
    }

    /// Lets the harness work through the script.
    fn work(&self) -> Output {
        let program = repository().join(self.agent.program);
        assert!(
            program.exists(),
            "{} is not installed; run: .ci/deps test harnesses",
            program.display()
        );
        let mut command = Command::new(program);
        let _ = command.args(self.agent.args);
        run(self.environment(&mut command), b"").ok()
    }

    fn setup(&self, args: &[&str]) -> String {
        let args = [&["setup", self.agent.name], args].concat();
        self.laptop.run(&args).ok().stdout
    }

    /// Everything that the harness asked of its model.
    fn requests(&self) -> String {
        std::fs::read_to_string(self.laptop.folder().join("requests.jsonl")).unwrap_or_default()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.model.kill();
        let _ = self.model.wait();
    }
}

/// From nothing to a synced answer, and back to nothing.
fn story(agent: &'static Agent) {
    let appliance = Appliance::start();
    let mut ada = appliance.signed_in(None);
    let desk = Desk::new(agent);
    desk.laptop.enrol(&appliance, &mut ada, "ada-work");

    // The person's own hook is trusted already, and stays so.
    (agent.trust)(&desk, 1);
    let before = desk.on_disk();
    let shown = desk.setup(&["--dry-run"]);
    assert!(shown.contains("\n+"), "the change is shown: {shown}");
    assert_eq!(desk.on_disk(), before, "a dry run changes nothing");
    let _ = desk.setup(&["--yes"]);
    (agent.trust)(&desk, 8);
    let worked = desk.work();

    let project = desk.project();
    assert_eq!(
        std::fs::read_to_string(project.join("lock.sql"))
            .ok()
            .as_deref(),
        Some(LOCK),
        "the agent wrote its file\n{}\n{}",
        worked.stdout,
        worked.stderr
    );
    assert!(
        !worked.stdout.contains("aiworklab:"),
        "nothing is shown where nothing waits"
    );
    assert!(desk.requests().contains("advisory"), "the model was asked");
    assert!(
        !desk.requests().contains("aiworklab"),
        "the model hears nothing of us"
    );

    let graph = desk.laptop.json(&["graph"]);
    let concepts = graph["concepts"].as_array().expect("concepts");
    assert!(
        concepts.iter().any(|line| line["concept"] == CONCEPT),
        "what was written is met: {graph}\n{}",
        desk.laptop.run(&["status"]).stdout
    );
    let settled = desk
        .laptop
        .json(&["quiz", "--concept", CONCEPT, "--answer", "1"]);
    let line = settled["check"]["your_line"]["line"]
        .as_str()
        .unwrap_or_default();
    assert!(
        line.contains("pg_advisory_"),
        "the line that caused it: {settled}"
    );
    let synced = desk.laptop.run(&["sync"]).ok().stdout;
    assert!(synced.starts_with("In step: "), "{synced}");
    let title = &Catalogue::builtin()
        .get(&Slug::new(CONCEPT.to_owned()).expect("a slug"))
        .expect("it is in the catalogue")
        .title;
    let page = ada.get("/me").expect(200);
    assert!(
        page.says(title),
        "the answer is on the person's page:\n{}",
        page.text()
    );

    let _ = desk.setup(&["--remove", "--yes"]);
    assert_eq!(
        desk.on_disk(),
        before,
        "the settings are as they were, byte for byte"
    );
    assert_eq!(
        left_of_us(desk.laptop.folder(), &desk.laptop.home()),
        Vec::<PathBuf>::new()
    );
}

/// Files under the person's home, beside our own folder and the repository, that still speak of us.
fn left_of_us(folder: &Path, ours: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let kind = entry.file_type().expect("a kind");
            if path == ours || kind.is_symlink() {
                continue;
            }
            if kind.is_dir() {
                open.push(path);
            } else if path
                .extension()
                .is_some_and(|e| e == "json" || e == "toml" || e == "js")
                && std::fs::read_to_string(&path).is_ok_and(|text| text.contains("aiworklab hook"))
            {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn opencode_works_and_is_heard_and_is_left_as_it_was() {
    story(&OPENCODE);
}

#[test]
#[ignore = "364 MiB of npm packages; `make prove client` installs and runs it"]
fn claude_code_works_and_is_heard_and_is_left_as_it_was() {
    story(&CLAUDE_CODE);
}

#[test]
#[ignore = "404 MiB of npm packages; `make prove client` installs and runs it"]
fn codex_works_and_is_heard_and_is_left_as_it_was() {
    story(&CODEX);
}

#[test]
fn every_harness_has_recorded_payloads_to_put_canaries_into() {
    let all = recorded_payloads();
    for harness in Harness::ALL {
        let n = all.iter().filter(|one| one.harness == harness).count();
        assert!(n > 30, "{}: {n}", harness.name());
    }
    assert!(all.iter().all(|one| one.payload.is_object()));
}
