//! An engineer's machine: the real client with a home of its own.

use crate::appliance::Appliance;
use crate::browser::Browser;
use crate::program::{Output, Program, command, run};
use serde_json::Value;
use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use tempfile::TempDir;

/// A machine with the client on it.
#[derive(Debug)]
pub struct Laptop {
    home: TempDir,
}

/// An enrolment that waits for its person.
#[derive(Debug)]
pub struct Enrolling {
    child: Child,
    out: BufReader<ChildStdout>,
    said: String,
    /// The code that is shown.
    pub code: String,
}

impl Laptop {
    /// A machine that has never run the client.
    ///
    /// # Panics
    /// If no folder can be made for it.
    #[must_use]
    pub fn new() -> Self {
        Self {
            home: TempDir::new().expect("a folder can be made"),
        }
    }

    /// Everything that the client keeps.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.home.path().join("aiworklab")
    }

    /// A folder of this machine's.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.home.path()
    }

    /// Runs `aiworklab` with these arguments.
    pub fn run(&self, args: &[&str]) -> Output {
        self.run_with(args, b"")
    }

    /// The same, with this on its standard input.
    pub fn run_with(&self, args: &[&str], stdin: &[u8]) -> Output {
        run(&mut self.command(args), stdin)
    }

    /// `aiworklab` with these arguments, to be started in another way.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = command(Program::Client, args);
        command
            .env("AIWORKLAB_HOME", self.home())
            .env("HOME", self.home.path());
        command
    }

    /// Runs `aiworklab` under the organisation's policy of this text.
    ///
    /// # Panics
    /// If the policy cannot be laid down.
    pub fn run_under(&self, policy: &str, args: &[&str]) -> Output {
        let file = self.folder().join("policy.toml");
        std::fs::write(&file, policy).expect("a policy can be written");
        std::fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("and closed");
        run(self.command(args).env("AIWORKLAB_POLICY", file), b"")
    }

    /// What a command prints with `--json`.
    #[must_use]
    pub fn json(&self, args: &[&str]) -> Value {
        self.run(&[args, &["--json"]].concat()).json()
    }

    /// Hands one event of a harness to the hook.
    ///
    /// # Panics
    /// If the hook says anything or fails: neither may ever happen.
    pub fn hook(&self, event: &[u8]) {
        let output = self.run_with(&["hook", "claude-code"], event);
        assert_eq!(
            (
                output.status,
                output.stdout.as_str(),
                output.stderr.as_str()
            ),
            (0, "", ""),
            "the hook is silent and exits 0"
        );
    }

    /// Hands every event of a recorded session to the hook; how many there were.
    ///
    /// # Panics
    /// If the recording cannot be read.
    pub fn replay(&self, session: &Path) -> usize {
        let hooks = session.join("hooks.jsonl");
        let recorded = std::fs::read_to_string(&hooks)
            .unwrap_or_else(|error| panic!("{}: {error}", hooks.display()));
        let events = recorded.lines().filter(|line| !line.trim().is_empty());
        events.map(|event| self.hook(event.as_bytes())).count()
    }

    /// Begins to enrol; ends when the client shows its code.
    ///
    /// # Panics
    /// If it shows none.
    #[must_use]
    pub fn begin_enrolment(&self, appliance: &Appliance, name: &str) -> Enrolling {
        self.begin_enrolment_at(&appliance.people(), appliance, name)
    }

    /// The same, with the people's port reached at `people`.
    ///
    /// # Panics
    /// If no code is shown.
    #[must_use]
    pub fn begin_enrolment_at(&self, people: &str, appliance: &Appliance, name: &str) -> Enrolling {
        self.begin_enrolment_with(people, &appliance.fingerprint(), name, &[])
    }

    /// The same, at whatever answers there, with `more` behind the line.
    ///
    /// # Panics
    /// If no code is shown.
    #[must_use]
    pub fn begin_enrolment_with(
        &self,
        people: &str,
        fingerprint: &str,
        name: &str,
        more: &[&str],
    ) -> Enrolling {
        let line = [
            "enrol",
            people,
            "--ca-fingerprint",
            fingerprint,
            "--name",
            name,
        ];
        let mut child = self
            .command(&[&line, more].concat())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the client can be started");
        let out = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut enrolling = Enrolling {
            child,
            out,
            said: String::new(),
            code: String::new(),
        };
        loop {
            let from = enrolling.said.len();
            let Enrolling { out, said, .. } = &mut enrolling;
            if out.read_line(said).expect("the client prints text") == 0 {
                panic!("no code was shown: {:?}", enrolling.end());
            }
            if let Some(code) = said[from..].split_whitespace().find(|word| is_code(word)) {
                enrolling.code = code.to_owned();
                return enrolling;
            }
        }
    }

    /// Enrols, with the person's approval in their browser.
    ///
    /// # Panics
    /// If it fails.
    pub fn enrol(&self, appliance: &Appliance, browser: &mut Browser, name: &str) {
        self.enrol_at(&appliance.people(), appliance, browser, name);
    }

    /// The same, with the people's port reached at `people`.
    ///
    /// # Panics
    /// If it fails.
    pub fn enrol_at(&self, people: &str, appliance: &Appliance, browser: &mut Browser, name: &str) {
        let enrolling = self.begin_enrolment_at(people, appliance, name);
        let path = format!("/enrol?code={}", enrolling.code);
        let page = browser.get(&path).expect(200);
        assert!(
            page.says(name),
            "the page names the device\n{}",
            page.text()
        );
        let fields = [("code", enrolling.code.as_str()), ("decision", "approve")];
        let _ = browser.submit(&page, "/enrol", &fields);
        let _ = enrolling.end().ok();
    }
}

impl Default for Laptop {
    fn default() -> Self {
        Self::new()
    }
}

impl Enrolling {
    /// Waits until the client has an answer.
    ///
    /// # Panics
    /// If it cannot be waited for.
    #[must_use]
    pub fn end(mut self) -> Output {
        self.out
            .read_to_string(&mut self.said)
            .expect("the client prints text");
        let mut stderr = String::new();
        if let Some(mut complaint) = self.child.stderr.take() {
            let _ = complaint.read_to_string(&mut stderr);
        }
        let status = self.child.wait().expect("a child can be waited for");
        Output {
            status: status.code().unwrap_or(-1),
            stdout: self.said,
            stderr,
        }
    }
}

/// `XXXX-XXXX` in capitals and digits.
fn is_code(word: &str) -> bool {
    let plain = |part: &str| {
        part.len() == 4
            && part
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    word.split_once('-')
        .is_some_and(|(a, b)| plain(a) && plain(b))
}
