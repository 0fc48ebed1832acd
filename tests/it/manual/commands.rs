//! The commands of the manual, run.
//!
//! A page's commands run in one shell a block, in the page's order, with both programs on the path,
//! in folders of their own. What differs from place to place is written in capitals, or as the
//! addresses that the manual uses throughout, and put in here ([`World::filled`]).

use dashboard_web::manual::{self, Fence, Mark, Page};
use harness::{Browser, Laptop, Program, capture, program, repository};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Why a block of commands may be shown without being run here. `covered-by:` names the file that
/// runs it, with the root file system, container or minutes that it takes.
pub(super) const REASONS: [(&str, &str); 4] = [
    ("needs-root", "acts on the whole machine"),
    (
        "needs-network-peer",
        "needs another machine, or a registry of packages",
    ),
    ("destructive", "takes away what the page has built"),
    ("covered-by:", "another file runs it, mostly of this suite"),
];

/// Programs that a reader would type: none may stand in a block that promises nothing.
const TYPED: [&str; 17] = [
    "aiworklab ",
    "aiworklab-appliance ",
    "apt-get ",
    "apt ",
    "cargo ",
    "cp ",
    "curl ",
    "./install",
    "./uninstall",
    "git ",
    "journalctl ",
    "make ",
    "minisign ",
    "openssl ",
    "podman ",
    "sha256sum ",
    "systemctl ",
];

/// All of what a file says, with the files of the folder of its name; empty where there is none.
fn covering(file: &str) -> String {
    let base = repository().join(file);
    let folder = std::fs::read_dir(&base).into_iter().flatten().flatten();
    let files = folder.map(|entry| entry.path());
    let all = [base.with_extension("rs"), base.clone()]
        .into_iter()
        .chain(files);
    all.filter_map(|path| std::fs::read_to_string(path).ok())
        .collect()
}

/// What each line of a block runs: its program, and the words behind it up to the first that is an
/// option or differs from place to place.
fn commands(text: &str) -> Vec<Vec<String>> {
    let joined = text.replace("\\\n", " ");
    let plain = |word: &&str| {
        word.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !word.starts_with('-')
    };
    let line = |line: &str| -> Vec<String> {
        let mut words = line.split_whitespace();
        let program = words.next().unwrap_or_default();
        let program = program.rsplit('/').next().unwrap_or_default();
        std::iter::once(program)
            .chain(words.take_while(plain))
            .map(str::to_owned)
            .collect()
    };
    joined
        .lines()
        .flat_map(|one| one.split(" | "))
        .filter(|one| !one.trim().is_empty())
        .map(line)
        // What every shell has, and our own name, say nothing.
        .map(|words| {
            let dull = ["cd", "echo", "tar", "aiworklab-appliance"];
            let keep = |word: &String| !dull.contains(&word.as_str());
            words.into_iter().filter(keep).collect::<Vec<_>>()
        })
        .filter(|words| !words.is_empty())
        .collect()
}

/// What is wrong with what a block promises, if anything.
fn broken_promise(fence: &Fence) -> Option<String> {
    let lines = || fence.text.lines().map(|line| line.trim_start());
    match fence.mark() {
        Mark::Unmarked => Some(format!(
            "`{}` promises nothing: sh run, sh shown:REASON, toml check, or text, json, rust, toml, sql",
            fence.info
        )),
        Mark::Plain => lines()
            .find(|line| {
                let line = line.trim_start_matches(['$', '#', ' ']);
                TYPED.iter().any(|program| line.starts_with(program))
            })
            .map(|line| format!("a command in a block of {}: {line}", fence.language())),
        Mark::Shown(reason) => {
            let known = REASONS.iter().any(|(known, _)| {
                reason == *known || (known.ends_with(':') && reason.starts_with(known))
            });
            if !known {
                return Some(format!("{reason} is no reason"));
            }
            let file = reason.strip_prefix("covered-by:")?;
            let text = covering(file);
            let missing: Vec<_> = commands(&fence.text)
                .into_iter()
                .filter(|words| !words.iter().all(|word| text.contains(word.as_str())))
                .map(|words| words.join(" "))
                .collect();
            (!missing.is_empty()).then(|| format!("{file} does not run: {}", missing.join("; ")))
        }
        _ => None,
    }
}

#[test]
fn every_block_of_commands_is_run_or_says_why_not() {
    let mut wrong = Vec::new();
    let (mut run, mut shown) = (0, 0);
    for page in manual::pages() {
        for fence in &page.fences {
            match fence.mark() {
                Mark::Run | Mark::Serve | Mark::Approve | Mark::Check => run += 1,
                Mark::Shown(_) => shown += 1,
                _ => {}
            }
            let problem = broken_promise(fence);
            wrong.extend(problem.map(|what| format!("{}.md: {what}", page.slug)));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(run > shown, "{run} blocks are run, {shown} only shown");
    println!("{run} blocks of the manual are run, {shown} only shown");
    // The check sees what it is for.
    let fence = |info: &str, text: &str| Fence {
        info: info.to_owned(),
        text: text.to_owned(),
    };
    for (info, text) in [
        ("", "make run"),
        ("sh", "make run"),
        ("sh shown:because", "make run"),
        ("sh shown:covered-by:tests/it/nowhere", "make run"),
        ("text", "$ aiworklab sync"),
        ("bash run", "true"),
    ] {
        assert!(broken_promise(&fence(info, text)).is_some(), "{info}");
    }
    for (info, text) in [
        ("sh run", "make run"),
        (
            "sh shown:covered-by:tests/it/manual",
            "aiworklab-appliance status",
        ),
        ("text", "In step: 3 given"),
    ] {
        assert_eq!(broken_promise(&fence(info, text)), None, "{info}");
    }
}

/// Folders and programs that a page's commands act on.
struct World {
    home: TempDir,
    laptop: Laptop,
    served: Option<Child>,
    facts: Value,
}

impl World {
    /// A machine on which nothing was done yet, and a laptop on which an agent has worked.
    fn new() -> Self {
        let home = TempDir::new().expect("a folder can be made");
        let bin = home.path().join("bin");
        std::fs::create_dir(&bin).expect("a folder can be made");
        for which in [Program::Appliance, Program::Client] {
            let program = program(which);
            let name = program.file_name().expect("a program has a name");
            std::os::unix::fs::symlink(&program, bin.join(name)).expect("a link can be made");
        }
        let laptop = Laptop::new();
        let _ = laptop.replay(&capture("claude-code-payments"));
        Self {
            home,
            laptop,
            served: None,
            facts: Value::Null,
        }
    }

    /// The same, with an appliance made and served, as most pages find it.
    fn with_appliance() -> Self {
        let mut world = Self::new();
        let init = "aiworklab-appliance init --organisation 'Test organisation'";
        world.run(init).expect("init");
        world
            .serve("aiworklab-appliance serve --people 0.0.0.0:8443 --devices 0.0.0.0:8444")
            .expect("serve");
        world
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    fn fact(&self, name: &str) -> &str {
        self.facts[name].as_str().unwrap_or_default()
    }

    /// A command with what is this place's own.
    fn filled(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let base = |name: &str| format!("https://{}", self.fact(name));
        for (from, to) in [
            ("https://HOST:8443", base("people")),
            ("https://HOST:8444", base("devices")),
            ("0.0.0.0:8443", "127.0.0.1:0".to_owned()),
            ("0.0.0.0:8444", "127.0.0.1:0".to_owned()),
            ("FINGERPRINT", self.fact("ca_fingerprint").to_owned()),
            ("/var/lib/aiworklab", self.data().display().to_string()),
            (
                "~/.local/share/aiworklab",
                self.laptop.home().display().to_string(),
            ),
        ] {
            text = text.replace(from, &to);
        }
        text
    }

    /// A shell in this world, which ends at the first failure.
    fn shell(&self, text: &str) -> Command {
        let mut shell = Command::new("bash");
        let path = format!("{}:/usr/bin:/bin", self.home.path().join("bin").display());
        shell
            .args(["-euo", "pipefail", "-c", &self.filled(text)])
            .current_dir(self.home.path())
            .env_clear()
            .env("PATH", path)
            .env("TZ", "UTC")
            .env("HOME", self.laptop.folder())
            .env("AIWORKLAB_HOME", self.laptop.home())
            .env("AIWORKLAB_KEYS", "file")
            .env("AIWORKLAB_DATA_DIR", self.data())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        shell
    }

    fn run(&self, text: &str) -> Result<String, String> {
        let output = self.shell(text).output().map_err(|e| e.to_string())?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        match output.status.success() {
            true => Ok(said),
            false => Err(format!(
                "{}\n{said}{}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            )),
        }
    }

    /// Starts a command that stays, and waits until it serves.
    fn serve(&mut self, text: &str) -> Result<(), String> {
        let log = std::fs::File::create(self.home.path().join("log")).map_err(|e| e.to_string())?;
        let mut child = self
            .shell(&format!("exec {text}"))
            .stderr(log)
            .spawn()
            .map_err(|e| e.to_string())?;
        let out = child.stdout.take().ok_or("no output")?;
        self.served = Some(child);
        let mut lines = BufReader::new(out).lines();
        let ready = lines.any(|line| line.is_ok_and(|line| line.starts_with("CA fingerprint:")));
        if !ready {
            let log = std::fs::read_to_string(self.home.path().join("log"));
            return Err(format!("it ended: {}", log.unwrap_or_default()));
        }
        let status = self.run("aiworklab-appliance status --json")?;
        self.facts = serde_json::from_str(&status).map_err(|e| e.to_string())?;
        Ok(())
    }

    /// A command that waits for a person's yes in a browser.
    fn approved(&self, text: &str) -> Result<String, String> {
        let mut child = self.shell(text).spawn().map_err(|e| e.to_string())?;
        let mut out = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut said = String::new();
        let code = loop {
            let from = said.len();
            if out.read_line(&mut said).map_err(|e| e.to_string())? == 0 {
                let mut complaint = String::new();
                if let Some(mut stderr) = child.stderr.take() {
                    let _ = stderr.read_to_string(&mut complaint);
                }
                return Err(format!("no code was shown: {said}{complaint}"));
            }
            if let Some(code) = said[from..].strip_prefix("Code") {
                break code.trim().to_owned();
            }
        };
        let link = self.run("aiworklab-appliance admin link --json")?;
        let link: Value = serde_json::from_str(&link).map_err(|e| e.to_string())?;
        let link = link["url"].as_str().unwrap_or_default();
        let path = link.find("/link/").map(|at| &link[at..]).ok_or("no link")?;
        let people = format!("https://{}", self.fact("people"));
        let mut browser = Browser::new(&self.data().join("root.pem"), &people);
        browser.open_link(path);
        let page = browser.get(&format!("/enrol?code={code}")).expect(200);
        let decision = [("code", code.as_str()), ("decision", "approve")];
        let _ = browser.submit(&page, "/enrol", &decision).expect(200);
        let _ = out.read_to_string(&mut said);
        let status = child.wait().map_err(|e| e.to_string())?;
        status.success().then_some(said.clone()).ok_or(said)
    }

    /// Settings that the program has to accept beside those that `init` wrote.
    fn check(&self, settings: &str) -> Result<String, String> {
        let folder = TempDir::new().map_err(|e| e.to_string())?;
        let copy = |name: &str| std::fs::copy(self.data().join(name), folder.path().join(name));
        for name in ["store.json", "root.pem"] {
            let _ = copy(name).map_err(|e| format!("{name}: {e}"))?;
        }
        // Files that the settings name are the reader's own.
        for line in settings.lines() {
            let Some((key, value)) = line.split_once(" = \"") else {
                continue;
            };
            let value = value.split('"').next().unwrap_or_default();
            if key.trim().ends_with("secret_file") {
                let path = folder.path().join(value);
                std::fs::write(&path, "secret\n").map_err(|e| e.to_string())?;
                let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
                std::fs::set_permissions(&path, private).map_err(|e| e.to_string())?;
            }
        }
        let root = folder.path().join("root.pem").display().to_string();
        let models = harness::models();
        let settings = settings
            .replace("/etc/ssl/certs/ca-certificates.crt", &root)
            .replace(
                "/opt/aiworklab/models/MODEL.gguf",
                &models
                    .join(local_model::DEFAULT_MODEL.file)
                    .display()
                    .to_string(),
            )
            .replace(
                "/opt/aiworklab/current/models/",
                &format!("{}/", models.display()),
            );
        std::fs::write(folder.path().join("config.toml"), settings).map_err(|e| e.to_string())?;
        let check = format!(
            "aiworklab-appliance config check --data-dir {}",
            folder.path().display()
        );
        self.run(&check)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(child) = &mut self.served {
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            if let Some(pid) = pid {
                let _ = kill_process(pid, Signal::TERM);
            }
            let _ = child.wait();
        }
    }
}

/// Whether a page builds its own appliance.
fn builds(page: &Page) -> bool {
    page.fences
        .iter()
        .any(|fence| fence.mark() == Mark::Run && fence.text.contains("aiworklab-appliance init"))
}

/// Runs a page; what did not go as it says.
fn failures(page: &Page) -> Vec<String> {
    let kept = |fence: &&Fence| {
        matches!(
            fence.mark(),
            Mark::Run | Mark::Serve | Mark::Approve | Mark::Check
        )
    };
    let fences: Vec<&Fence> = page.fences.iter().filter(kept).collect();
    if fences.is_empty() {
        return Vec::new();
    }
    let mut world = match builds(page) {
        true => World::new(),
        false => World::with_appliance(),
    };
    let mut wrong = Vec::new();
    for fence in fences {
        let result = match fence.mark() {
            Mark::Serve => world.serve(fence.text.trim()),
            Mark::Approve => world.approved(&fence.text).map(drop),
            Mark::Check => world.check(&fence.text).map(drop),
            _ => world.run(&fence.text).map(drop),
        };
        if let Err(error) = result {
            wrong.push(format!("{}.md:\n{}\n→ {error}", page.slug, fence.text));
            // What follows stands on it.
            break;
        }
    }
    wrong
}

#[test]
fn every_command_that_promises_it_runs() {
    let wrong: Vec<String> = manual::pages().iter().flat_map(failures).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_command_that_fails_is_seen() {
    let world = World::new();
    assert!(world.run("aiworklab-appliance status").is_err());
    assert!(
        world.run("false\ntrue").is_err(),
        "the first failure ends it"
    );
    assert!(world.run("true").is_ok());
    assert!(Path::new("/bin/bash").exists());
}
