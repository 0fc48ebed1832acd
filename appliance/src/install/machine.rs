//! What the installer asks of the machine: users, services, and our own program run as one of them.

use super::Error;
use super::error::Doing as _;
use super::layout::Layout;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A user of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// Its number.
    pub uid: u32,
    /// Its group's number.
    pub gid: u32,
}

/// The machine, so far as the installer changes it by other means than files.
pub trait Machine {
    /// Runs `systemctl` with these words.
    ///
    /// # Errors
    /// [`Error::Tool`].
    fn service(&self, words: &[&str]) -> Result<(), Error>;

    /// The same, for its answer; `None` if it says no.
    fn asked(&self, words: &[&str]) -> Option<String>;

    /// The last words of a service's log.
    fn log(&self, unit: &str) -> String;

    /// A user by name.
    ///
    /// # Errors
    /// [`Error::Io`].
    fn user(&self, name: &str) -> Result<Option<User>, Error>;

    /// Makes the user that this file describes.
    ///
    /// # Errors
    /// [`Error::Tool`].
    fn make_user(&self, sysusers: &Path, name: &str) -> Result<(), Error>;

    /// Removes a user; one that is not there is no error.
    ///
    /// # Errors
    /// [`Error::Tool`].
    fn remove_user(&self, name: &str) -> Result<(), Error>;

    /// Runs a program as a user, with nothing of our environment, and returns what it printed.
    ///
    /// # Errors
    /// [`Error::Tool`] with what it said.
    fn run_as(&self, user: User, program: &Path, words: &[&str]) -> Result<String, Error>;

    /// Gives a folder and all in it to a user.
    ///
    /// # Errors
    /// [`Error::Io`].
    fn give(&self, path: &Path, user: User) -> Result<(), Error> {
        super::files::give_tree(path, user.uid, user.gid)
    }

    /// Waits.
    fn wait(&self, time: Duration);
}

/// This machine.
pub struct System {
    layout: Layout,
}

impl System {
    /// This machine.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        Self { layout }
    }
}

/// Where the system's programs are; the caller's own PATH is not asked.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program to be run, and how a person would type it.
struct Call {
    command: Command,
    shown: String,
}

fn call(program: &Path, words: &[&str]) -> Call {
    let mut command = Command::new(program);
    command
        .args(words)
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C.UTF-8")
        .env("SYSTEMD_PAGER", "")
        .stdin(Stdio::null())
        .current_dir("/");
    let shown = std::iter::once(program.to_string_lossy().into_owned())
        .chain(words.iter().map(|&word| word.to_owned()))
        .collect::<Vec<_>>()
        .join(" ");
    Call { command, shown }
}

/// Finds a program of the system.
fn tool(name: &str) -> Option<std::path::PathBuf> {
    PATH.split(':')
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.is_file())
}

impl Call {
    fn output(mut self) -> Result<String, Error> {
        let failed = |why: String| Error::Tool {
            command: self.shown.clone(),
            why,
        };
        let output = self
            .command
            .output()
            .map_err(|error| failed(error.to_string()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim();
        Err(failed(match said.is_empty() {
            true => output.status.to_string(),
            false => said.to_owned(),
        }))
    }
}

fn named(name: &str, words: &[&str]) -> Result<Call, Error> {
    let program = tool(name).ok_or_else(|| Error::Tool {
        command: name.to_owned(),
        why: "it is not on this machine".to_owned(),
    })?;
    Ok(call(&program, words))
}

impl Machine for System {
    fn service(&self, words: &[&str]) -> Result<(), Error> {
        named("systemctl", words)?.output().map(drop)
    }

    fn asked(&self, words: &[&str]) -> Option<String> {
        let answer = named("systemctl", words).ok()?.output().ok()?;
        Some(answer.trim().to_owned())
    }

    fn log(&self, unit: &str) -> String {
        let words = [
            "--unit",
            unit,
            "--lines",
            "15",
            "--no-pager",
            "--output",
            "cat",
        ];
        match named("journalctl", &words).and_then(Call::output) {
            Ok(text) => text.trim_end().to_owned(),
            Err(_) => "(the log cannot be read)".to_owned(),
        }
    }

    fn user(&self, name: &str) -> Result<Option<User>, Error> {
        let path = self.layout.passwd();
        match fs::read_to_string(&path) {
            Ok(text) => Ok(find_user(&text, name)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).doing("read", &path),
        }
    }

    fn make_user(&self, sysusers: &Path, name: &str) -> Result<(), Error> {
        let path = sysusers.to_string_lossy();
        if tool("systemd-sysusers").is_some() {
            return named("systemd-sysusers", &[&path])?.output().map(drop);
        }
        let words = [
            "--system",
            "--user-group",
            "--no-create-home",
            "--home-dir",
            "/var/lib/aiworklab",
            "--shell",
            "/usr/sbin/nologin",
            name,
        ];
        named("useradd", &words)?.output().map(drop)
    }

    fn remove_user(&self, name: &str) -> Result<(), Error> {
        match self.user(name)? {
            Some(_) => named("userdel", &[name])?.output().map(drop),
            None => Ok(()),
        }
    }

    fn run_as(&self, user: User, program: &Path, words: &[&str]) -> Result<String, Error> {
        let mut call = call(program, words);
        // Groups of ours are given up by the library when root becomes somebody else.
        call.command.uid(user.uid).gid(user.gid);
        call.output()
    }

    fn wait(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// `name:x:uid:gid:…` of a `passwd`.
fn find_user(text: &str, name: &str) -> Option<User> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let _password = fields.next()?;
        Some(User {
            uid: fields.next()?.parse().ok()?,
            gid: fields.next()?.parse().ok()?,
        })
    })
}

/// A machine that only pretends, for tests.
#[cfg(test)]
pub(super) mod pretend {
    use super::*;
    use std::cell::{Cell, RefCell};

    /// Notes what is asked of it, and fails where it was told to.
    #[derive(Default)]
    pub(crate) struct Pretend {
        calls: RefCell<Vec<String>>,
        failing: RefCell<Vec<String>>,
        has_user: Cell<bool>,
        running: Cell<bool>,
        /// The version whose service never becomes ready.
        pub(crate) broken: RefCell<Option<String>>,
        /// The link by which the program is found, to know which version is asked.
        pub(crate) current: RefCell<Option<std::path::PathBuf>>,
    }

    impl Pretend {
        pub(crate) fn calls(&self) -> Vec<String> {
            self.calls.borrow().clone()
        }

        pub(crate) fn forget(&self) {
            self.calls.borrow_mut().clear();
        }

        /// Whatever begins like this fails from now on.
        pub(crate) fn fail(&self, call: &str) {
            self.failing.borrow_mut().push(call.to_owned());
        }

        pub(crate) fn mend(&self) {
            self.failing.borrow_mut().clear();
        }

        pub(crate) fn is_running(&self) -> bool {
            self.running.get()
        }

        pub(crate) fn user_is_there(&self) -> bool {
            self.has_user.get()
        }

        fn call(&self, text: String) -> Result<(), Error> {
            let fails = self
                .failing
                .borrow()
                .iter()
                .any(|f| text.starts_with(f.as_str()));
            self.calls.borrow_mut().push(text.clone());
            match fails {
                true => Err(Error::Tool {
                    command: text,
                    why: "told to fail".to_owned(),
                }),
                false => Ok(()),
            }
        }

        fn version(&self) -> Option<String> {
            let link = self.current.borrow().clone()?;
            let target = fs::read_link(link).ok()?;
            Some(target.to_string_lossy().into_owned())
        }
    }

    impl Machine for Pretend {
        fn service(&self, words: &[&str]) -> Result<(), Error> {
            self.call(format!("systemctl {}", words.join(" ")))?;
            match words.first() {
                Some(&"start" | &"restart") => self.running.set(true),
                Some(&"stop") => self.running.set(false),
                _ => {}
            }
            Ok(())
        }

        fn asked(&self, words: &[&str]) -> Option<String> {
            match words.first() {
                Some(&"is-active") => self.running.get().then(|| "active".to_owned()),
                _ => None,
            }
        }

        fn log(&self, _: &str) -> String {
            "its last words".to_owned()
        }

        fn user(&self, _: &str) -> Result<Option<User>, Error> {
            let me = User {
                uid: rustix::process::geteuid().as_raw(),
                gid: rustix::process::getegid().as_raw(),
            };
            Ok(self.has_user.get().then_some(me))
        }

        fn make_user(&self, _: &Path, name: &str) -> Result<(), Error> {
            self.call(format!("make user {name}"))?;
            self.has_user.set(true);
            Ok(())
        }

        fn remove_user(&self, name: &str) -> Result<(), Error> {
            self.call(format!("remove user {name}"))?;
            self.has_user.set(false);
            Ok(())
        }

        fn run_as(&self, _: User, _: &Path, words: &[&str]) -> Result<String, Error> {
            self.call(words.join(" "))?;
            match words.first() {
                Some(&"init") => {
                    let at = words.iter().position(|word| *word == "--data-dir");
                    let dir = at.and_then(|at| words.get(at + 1)).copied().unwrap_or_default();
                    fs::write(Path::new(dir).join("config.toml"), "").doing("write", Path::new(dir))?;
                    Ok(String::new())
                }
                Some(&"healthcheck") => {
                    let broken = self.broken.borrow();
                    match self.running.get() && (broken.is_none() || *broken != self.version()) {
                        true => Ok(String::new()),
                        false => Err(Error::Tool {
                            command: "healthcheck".to_owned(),
                            why: "not ready".to_owned(),
                        }),
                    }
                }
                Some(&"admin") => Ok(r#"{"url":"https://localhost:8443/link/x"}"#.to_owned()),
                Some(&"status") => Ok(
                    r#"{"ca_fingerprint":"sha256:00","people_url":"https://localhost:8443","store":"s"}"#
                        .to_owned(),
                ),
                _ => Ok(String::new()),
            }
        }

        fn give(&self, _: &Path, _: User) -> Result<(), Error> {
            Ok(())
        }

        fn wait(&self, _: Duration) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let text = "root:x:0:0:root:/root:/bin/sh\naiworklab2:x:7:8::/:/bin/sh\naiworklab:x:998:997::/:/x\n";
        let found = find_user(text, "aiworklab");
        assert_eq!(found, Some(User { uid: 998, gid: 997 }));
        assert_eq!(find_user(text, "nobody"), None);
        assert_eq!(find_user("aiworklab:x:no:1\naiworklab", "aiworklab"), None);
    }

    #[test]
    fn a_program_that_fails_is_told_with_what_it_said() {
        let words = ["-c", "echo why >&2; exit 3"];
        let error = call(Path::new("/bin/sh"), &words).output().unwrap_err();
        let Error::Tool { command, why } = error else {
            panic!("{error}")
        };
        assert_eq!(why, "why");
        assert!(command.starts_with("/bin/sh -c"), "{command}");
    }
}
