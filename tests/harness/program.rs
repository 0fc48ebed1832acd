//! The built programs, and running them.

use serde_json::Value;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// One of ours.
#[derive(Clone, Copy, Debug)]
pub enum Program {
    /// `aiworklab-appliance`.
    Appliance,
    /// `aiworklab`.
    Client,
    /// `aiworklab-model`.
    ClientModel,
}

/// Where a program was built: beside this test.
///
/// # Panics
/// If it was not built; `make test` builds it first.
#[must_use]
pub fn program(which: Program) -> PathBuf {
    let name = match which {
        Program::Appliance => "aiworklab-appliance",
        Program::Client => "aiworklab",
        Program::ClientModel => "aiworklab-model",
    };
    let here = std::env::current_exe().expect("a test knows its own path");
    let path = here
        .ancestors()
        .nth(2)
        .expect("a test lies in target/…/deps")
        .join(name);
    assert!(
        path.exists(),
        "{} is not built: run `make test`, or .ci/build",
        path.display()
    );
    path
}

/// The repository's root: the nearest folder above the one that this runs in which looks like it.
///
/// Found at run time. A path that was compiled in stays that of the checkout which built the test
/// last, and two checkouts that share a target folder would read each other's files.
///
/// # Panics
/// If the test does not run inside a checkout.
#[must_use]
pub fn repository() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let here = std::env::current_dir().expect("a test has a folder that it runs in");
        let root = here
            .ancestors()
            .find(|folder| folder.join("Cargo.lock").exists() && folder.join("kernel").is_dir());
        root.unwrap_or_else(|| panic!("{} lies in no checkout", here.display()))
            .to_owned()
    })
}

/// Where `.ci/models` puts the models that the product is tested with: beside what is built.
///
/// # Panics
/// If they are not there; `make test` fetches them first.
#[must_use]
pub fn models() -> PathBuf {
    let here = std::env::current_exe().expect("a test knows its own path");
    let models = here
        .ancestors()
        .nth(4)
        .expect("a test lies in TARGET/TRIPLE/PROFILE/deps")
        .join("models");
    assert!(
        models.is_dir(),
        "{} is not there: run `make test`, or .ci/models",
        models.display()
    );
    models
}

/// A recorded harness session: `tests/captures/<name>`.
#[must_use]
pub fn capture(name: &str) -> PathBuf {
    repository().join("tests/captures").join(name)
}

/// How a program ended, and what it said.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its exit status, 0 for success; -1 if a signal ended it.
    pub status: i32,
    /// What it printed.
    pub stdout: String,
    /// What it complained.
    pub stderr: String,
}

impl Output {
    /// This, which has to be a success.
    ///
    /// # Panics
    /// If it is not.
    #[must_use]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, 0, "failed\n{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Its complaint; it has to have failed.
    ///
    /// # Panics
    /// If it succeeded.
    #[must_use]
    pub fn refused(self) -> String {
        assert_ne!(self.status, 0, "succeeded\n{}", self.stdout);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self.stderr
    }

    /// What it printed, as JSON.
    ///
    /// # Panics
    /// If it failed, or printed none.
    #[must_use]
    pub fn json(self) -> Value {
        let said = self.ok().stdout;
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error} in {said}"))
    }
}

/// Runs a command to its end with this on its standard input.
///
/// # Panics
/// If it cannot be started.
pub fn run(command: &mut Command, stdin: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // A program that leaves before it has read everything is within its rights.
    let mut input = child.stdin.take().expect("stdin is piped");
    let _ = input.write_all(stdin);
    drop(input);
    let output = child.wait_with_output().expect("a child can be waited for");
    Output {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A command without the caller's own `AIWORKLAB_…` settings.
pub(crate) fn command(
    which: Program,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Command {
    let mut command = Command::new(program(which));
    command
        .args(args)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("TZ", "UTC")
        // No keychain: who tests is asked for no password of theirs.
        .env("AIWORKLAB_KEYS", "file");
    command
}
