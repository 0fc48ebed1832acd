//! The forbidden, tried at every start. What succeeds stops the start.
//!
//! A refusal counts only if it is one: EPERM or EACCES. Acts are chosen so that a sandbox which does not
//! hold is noticed without damage: paths that do not exist are executed and removed, databases are
//! opened and not written.

use super::{Attempt, failed};
use crate::{Reason, SandboxPart, Spec};
use nix::sched::CloneFlags;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{Error, ErrorKind};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A name that nothing has.
const NOTHING: &str = "/model-worker-self-test.does-not-exist";
/// A file that is made where the sandbox does not hold, and then removed again.
const TRACE: &str = ".model-worker-self-test";
/// Discard; nothing listens there, and nothing has to.
const DISCARD: u16 = 9;

/// Whether a missing file is an answer: it is for files that are looked up before they are refused.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    IsFine,
    IsNoRefusal,
}

struct Trials {
    refused: Vec<Attempt>,
    wrong: Vec<String>,
}

impl Trials {
    fn new() -> Self {
        Self {
            refused: Vec::new(),
            wrong: Vec::new(),
        }
    }

    fn note<T>(&mut self, tried: impl Into<String>, missing: Missing, result: Result<T, Error>) {
        let tried = tried.into();
        match result {
            Ok(_) => self.wrong.push(format!("{tried}: it succeeded")),
            Err(e) if e.kind() == ErrorKind::PermissionDenied => self.refused.push(Attempt {
                tried,
                answer: e.to_string(),
            }),
            Err(e) if missing == Missing::IsFine && e.kind() == ErrorKind::NotFound => {}
            Err(e) => self.wrong.push(format!("{tried}: not refused, but: {e}")),
        }
    }

    fn act<T>(&mut self, tried: impl Into<String>, result: Result<T, Error>) {
        self.note(tried, Missing::IsNoRefusal, result);
    }

    fn end(self) -> Result<Vec<Attempt>, Reason> {
        if self.wrong.is_empty() {
            return Ok(self.refused);
        }
        Err(failed(SandboxPart::SelfTest, self.wrong.join("; ")))
    }
}

/// Files that must stay closed: those named, and some that are there on every machine.
fn closed(spec: &Spec) -> Vec<PathBuf> {
    let known = [Path::new("/"), Path::new("/etc/passwd"), &spec.program];
    let mut closed: Vec<PathBuf> = known.into_iter().map(Path::to_path_buf).collect();
    closed.extend(spec.forbidden.iter().cloned());
    closed
}

fn reading(trials: &mut Trials, path: &Path) {
    let tried = format!("read {}", path.display());
    trials.note(tried, Missing::IsFine, File::open(path));
}

fn sockets(trials: &mut Trials) {
    let here = std::net::Ipv4Addr::LOCALHOST;
    trials.act("open an internet socket (UDP)", UdpSocket::bind((here, 0)));
    trials.act(
        "open an internet socket (TCP)",
        TcpStream::connect((here, DISCARD)),
    );
    let six = std::net::Ipv6Addr::LOCALHOST;
    trials.act("open an internet socket (IPv6)", UdpSocket::bind((six, 0)));
    trials.act("open a local socket", UnixDatagram::unbound());
    trials.act("open a pair of sockets", UnixStream::pair());
}

fn processes(trials: &mut Trials) {
    trials.act("start a process", Command::new(NOTHING).spawn());
    let program = c"/model-worker-self-test.does-not-exist";
    trials.act(
        "become another program",
        nix::unistd::execv(program, &[program]).map_err(Error::from),
    );
    trials.act(
        "enter another namespace",
        nix::sched::unshare(CloneFlags::CLONE_NEWUSER).map_err(Error::from),
    );
    trials.act(
        "signal another process",
        rustix::process::test_kill_process(rustix::process::Pid::INIT).map_err(Error::from),
    );
    let made = memmap2::MmapMut::map_anon(1).and_then(memmap2::MmapMut::make_exec);
    trials.act("make memory executable", made);
    let shared = rustix::fs::memfd_create(c"self-test", rustix::fs::MemfdFlags::CLOEXEC);
    trials.act("make a file in memory", shared.map_err(Error::from));
}

fn changes(trials: &mut Trials, spec: &Spec) {
    for path in &spec.forbidden {
        let opened = OpenOptions::new().append(true).open(path);
        trials.act(format!("write {}", path.display()), opened);
    }
    let models = spec.generator.iter().map(|file| &file.path);
    let mut folders: Vec<&Path> = models
        .chain(&spec.forbidden)
        .filter_map(|path| path.parent())
        .collect();
    folders.extend([Path::new("/"), Path::new("/tmp")]);
    folders.sort_unstable();
    folders.dedup();
    for folder in folders {
        let path = folder.join(TRACE);
        let made = File::create_new(&path);
        if made.is_ok() {
            let _ = std::fs::remove_file(&path);
        }
        trials.act(format!("make a file in {}", folder.display()), made);
    }
    trials.act("make a folder", std::fs::create_dir(NOTHING));
    trials.act("remove a file", std::fs::remove_file(NOTHING));
    trials.act("move a file", std::fs::rename(NOTHING, NOTHING));
    trials.act("link a file", std::fs::hard_link(NOTHING, NOTHING));
    trials.act(
        "change a file's mode",
        std::fs::set_permissions(NOTHING, Permissions::from_mode(0o600)),
    );
}

/// Everything. Where Landlock is missing, files can be read until the model is loaded, and are not
/// tried.
pub(super) fn before_loading(spec: &Spec, degraded: bool) -> Result<Vec<Attempt>, Reason> {
    let mut trials = Trials::new();
    sockets(&mut trials);
    processes(&mut trials);
    changes(&mut trials, spec);
    if !degraded {
        for path in closed(spec) {
            reading(&mut trials, &path);
        }
    }
    trials.end()
}

/// Files once more, the model's own among them: a path is refused before it is looked up.
pub(super) fn after_loading(spec: &Spec) -> Result<Vec<Attempt>, Reason> {
    let mut trials = Trials::new();
    let models = spec.generator.iter().map(|file| file.path.clone());
    for path in closed(spec).into_iter().chain(models) {
        let tried = format!("read {} after loading", path.display());
        trials.act(tried, File::open(path));
    }
    trials.act("look at a path after loading", std::fs::metadata("/"));
    trials.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_is_a_refusal() {
        let mut trials = Trials::new();
        trials.act("a", Err::<(), _>(Error::from(ErrorKind::PermissionDenied)));
        trials.note(
            "b",
            Missing::IsFine,
            Err::<(), _>(Error::from(ErrorKind::NotFound)),
        );
        assert_eq!(trials.refused.len(), 1);
        assert!(trials.wrong.is_empty());
        trials.act("c", Ok(()));
        trials.act("d", Err::<(), _>(Error::from(ErrorKind::NotFound)));
        let Err(Reason::Sandbox { part, cause }) = trials.end() else {
            panic!("it held");
        };
        assert_eq!(part, SandboxPart::SelfTest);
        assert!(cause.contains("c: it succeeded") && cause.contains("d: not refused"));
    }
}
