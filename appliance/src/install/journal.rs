//! What was done, and how it is undone.
//!
//! A line is written, and is on the disk, before the step that it undoes begins; so each undoing
//! has to be right whether the step was done, half done or not begun. What fails undoes itself;
//! what was cut off (a power failure, a kill) is undone by the next run, which finds the journal.

use super::Error;
use super::files;
use super::layout::Layout;
use super::machine::Machine;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const LINES: &str = "journal.json";

/// How one step is undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// Remove a file or link that was not there.
    RemoveFile(PathBuf),
    /// Remove a folder that was not there, if it is empty by now.
    RemoveDir(PathBuf),
    /// Remove a folder that was not there, with all in it.
    RemoveTree(PathBuf),
    /// Empty a folder that was there and empty.
    EmptyTree(PathBuf),
    /// Move something back, if it was moved.
    MoveBack {
        /// Where it is now.
        from: PathBuf,
        /// Where it was.
        to: PathBuf,
    },
    /// Turn a link back.
    Link {
        /// The link.
        path: PathBuf,
        /// Where it led.
        target: PathBuf,
    },
    /// Put back a file that was replaced.
    Restore {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// Its bytes, as text: units and keys are.
        text: String,
    },
    /// Remove a user that was not there.
    RemoveUser(String),
    /// Stop a service that did not run.
    Stop(String),
    /// Start a service that ran; not an error if it does not, since its data may have to be put
    /// back first.
    Start(String),
    /// Take a service out of what starts with the machine.
    Disable(String),
    /// Have the service manager read its units anew.
    Reload,
}

/// The journal of one run.
pub struct Journal {
    dir: PathBuf,
    done: Vec<Undo>,
}

impl Journal {
    /// Begins one. The folder of all releases has to be there.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn begin(layout: &Layout) -> Result<Self, Error> {
        let journal = Self {
            dir: layout.journal(),
            done: Vec::new(),
        };
        files::make_dir(&journal.dir, 0o700)?;
        journal.store()?;
        Ok(journal)
    }

    /// The journal that a run left which was cut off.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Record`].
    pub fn left(layout: &Layout) -> Result<Option<Self>, Error> {
        let dir = layout.journal();
        let path = dir.join(LINES);
        match fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(done) => Ok(Some(Self { dir, done })),
                Err(source) => Err(Error::Record { path, source }),
            },
            // A folder without lines is what a cut-off beginning or end leaves: nothing to undo.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(dir.exists().then(|| Self {
                    dir,
                    done: Vec::new(),
                }))
            }
            Err(source) => Err(Error::Io {
                doing: "read",
                path,
                source,
            }),
        }
    }

    /// Notes how the step is undone that comes next.
    ///
    /// # Errors
    /// [`Error::Io`]; the step must not begin then.
    pub fn note(&mut self, undo: Undo) -> Result<(), Error> {
        self.done.push(undo);
        self.store()
    }

    /// All is done: there is nothing to undo any more.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(self) -> Result<(), Error> {
        files::remove_tree(&self.dir)
    }

    /// Undoes everything, the last first. Returns what could not be undone, a line each.
    #[must_use]
    pub fn undo(self, machine: &dyn Machine) -> Vec<String> {
        let mut left = Vec::new();
        let mut kept = Vec::new();
        for undo in self.done.into_iter().rev() {
            if let Err(error) = apply(&undo, machine) {
                left.push(format!(
                    "  {} {}: {}",
                    error.code(),
                    undo.words(),
                    crate::http::error::chain(&error)
                ));
                kept.push(undo);
            }
        }
        kept.reverse();
        let end = match kept.is_empty() {
            true => files::remove_tree(&self.dir),
            // What is left is tried again by the next run.
            false => Self {
                dir: self.dir,
                done: kept,
            }
            .store(),
        };
        if let Err(error) = end {
            left.push(format!("  {} the journal: {error}", error.code()));
        }
        left
    }

    fn store(&self) -> Result<(), Error> {
        let path = self.dir.join(LINES);
        let bytes = serde_json::to_vec_pretty(&self.done)
            .map_err(io::Error::other)
            .map_err(|source| Error::Io {
                doing: "write",
                path: path.clone(),
                source,
            })?;
        files::write(&path, &bytes, 0o600)
    }
}

impl Undo {
    fn words(&self) -> String {
        match self {
            Self::RemoveFile(path)
            | Self::RemoveDir(path)
            | Self::RemoveTree(path)
            | Self::EmptyTree(path) => format!("remove {}", path.display()),
            Self::MoveBack { from, to } => {
                format!("move {} back to {}", from.display(), to.display())
            }
            Self::Link { path, target } => {
                format!("turn {} back to {}", path.display(), target.display())
            }
            Self::Restore { path, .. } => format!("put {} back", path.display()),
            Self::RemoveUser(name) => format!("remove the user {name}"),
            Self::Stop(unit) => format!("stop {unit}"),
            Self::Start(unit) => format!("start {unit}"),
            Self::Disable(unit) => format!("disable {unit}"),
            Self::Reload => "have the service manager read its units anew".to_owned(),
        }
    }
}

fn apply(undo: &Undo, machine: &dyn Machine) -> Result<(), Error> {
    match undo {
        Undo::RemoveFile(path) => files::remove_file(path),
        Undo::RemoveDir(path) => files::remove_empty(path),
        Undo::RemoveTree(path) => files::remove_tree(path),
        Undo::EmptyTree(path) => files::empty_tree(path),
        Undo::MoveBack { from, to } => match from.exists() && !to.exists() {
            true => fs::rename(from, to).map_err(|source| Error::Io {
                doing: "move",
                path: from.clone(),
                source,
            }),
            false => Ok(()),
        },
        Undo::Link { path, target } => files::link(path, target),
        Undo::Restore { path, mode, text } => files::write(path, text.as_bytes(), *mode),
        Undo::RemoveUser(name) => machine.remove_user(name),
        Undo::Stop(unit) => machine.service(&["stop", unit]),
        // Whether it serves is looked at afterwards, by whoever undoes.
        Undo::Start(unit) => {
            // Failures of what is being undone do not count against it.
            let _ = machine.service(&["reset-failed", unit]);
            if let Err(error) = machine.service(&["start", unit]) {
                tracing::warn!(%error, unit, "the service did not start again");
            }
            Ok(())
        }
        Undo::Disable(unit) => machine.service(&["disable", unit]),
        Undo::Reload => machine.service(&["daemon-reload"]),
    }
}

/// Writes a file, with a line in the journal that takes it away or puts the old one back.
///
/// # Errors
/// [`Error::Io`].
pub fn write(journal: &mut Journal, path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;
    let undo = match fs::read_to_string(path) {
        Ok(text) => {
            if text.as_bytes() == bytes {
                return Ok(());
            }
            let meta = fs::metadata(path).map_err(|source| Error::Io {
                doing: "look at",
                path: path.to_owned(),
                source,
            })?;
            Undo::Restore {
                path: path.to_owned(),
                mode: meta.permissions().mode() & 0o7777,
                text,
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Undo::RemoveFile(path.to_owned()),
        Err(source) => {
            return Err(Error::Io {
                doing: "read",
                path: path.to_owned(),
                source,
            });
        }
    };
    journal.note(undo)?;
    files::write(path, bytes, mode)
}

/// Makes a folder, with a line in the journal if it was not there.
///
/// # Errors
/// [`Error::Io`].
pub fn make_dir(journal: &mut Journal, path: &Path, mode: u32) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        make_dir(journal, above, 0o755)?;
    }
    journal.note(Undo::RemoveDir(path.to_owned()))?;
    files::make_dir(path, mode).map(drop)
}

/// Turns a link, with a line in the journal that turns it back or takes it away.
///
/// # Errors
/// [`Error::Io`].
pub fn link(journal: &mut Journal, path: &Path, target: &Path) -> Result<(), Error> {
    let undo = match fs::read_link(path) {
        Ok(before) if before == target => return Ok(()),
        Ok(before) => Undo::Link {
            path: path.to_owned(),
            target: before,
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Undo::RemoveFile(path.to_owned()),
        Err(source) => {
            return Err(Error::Io {
                doing: "read the link",
                path: path.to_owned(),
                source,
            });
        }
    };
    journal.note(undo)?;
    files::link(path, target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::machine::pretend::Pretend;

    fn scratch() -> (tempfile::TempDir, Layout, Pretend) {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::below(root.path());
        fs::create_dir_all(layout.program()).unwrap();
        (root, layout, Pretend::default())
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_done_is_undone_in_reverse_and_what_was_there_comes_back() {
        let (root, layout, machine) = scratch();
        let old = root.path().join("old");
        files::write(&old, b"before", 0o640).unwrap();
        files::link(&root.path().join("link"), Path::new("1.0.0")).unwrap();

        let mut journal = Journal::begin(&layout).unwrap();
        write(&mut journal, &old, b"after", 0o644).unwrap();
        make_dir(&mut journal, &root.path().join("a/b"), 0o755).unwrap();
        write(&mut journal, &root.path().join("a/b/new"), b"x", 0o644).unwrap();
        link(&mut journal, &root.path().join("link"), Path::new("2.0.0")).unwrap();
        journal.note(Undo::Stop("u".into())).unwrap();
        assert_eq!(journal.undo(&machine), Vec::<String>::new());

        assert_eq!(fs::read(&old).unwrap(), b"before");
        assert_eq!(names(root.path()), ["link", "old", "opt"]);
        assert_eq!(
            fs::read_link(root.path().join("link")).unwrap(),
            Path::new("1.0.0")
        );
        assert_eq!(machine.calls(), ["systemctl stop u"]);
        assert!(!layout.journal().exists());
    }

    #[test]
    fn a_run_that_was_cut_off_is_undone_by_the_next() {
        let (root, layout, machine) = scratch();
        let mut journal = Journal::begin(&layout).unwrap();
        let path = root.path().join("half");
        journal.note(Undo::RemoveFile(path.clone())).unwrap();
        fs::write(&path, "half").unwrap();
        std::mem::forget(journal);

        let left = Journal::left(&layout).unwrap().unwrap();
        assert_eq!(left.undo(&machine), Vec::<String>::new());
        assert!(!path.exists());
        assert!(Journal::left(&layout).unwrap().is_none());
    }

    #[test]
    fn a_line_whose_step_never_began_undoes_nothing() {
        let (root, layout, machine) = scratch();
        let mut journal = Journal::begin(&layout).unwrap();
        let [a, b] = ["a", "b"].map(|name| root.path().join(name));
        fs::write(&b, "the only one").unwrap();
        journal
            .note(Undo::MoveBack {
                from: a.clone(),
                to: b.clone(),
            })
            .unwrap();
        journal.note(Undo::RemoveTree(a)).unwrap();
        assert_eq!(journal.undo(&machine), Vec::<String>::new());
        assert_eq!(fs::read(&b).unwrap(), b"the only one");
    }

    #[test]
    fn what_cannot_be_undone_is_told_and_tried_again() {
        let (_root, layout, machine) = scratch();
        machine.fail("systemctl stop u");
        let mut journal = Journal::begin(&layout).unwrap();
        journal.note(Undo::Stop("u".into())).unwrap();
        let left = journal.undo(&machine);
        assert!(left[0].contains("stop u"), "{left:?}");
        let again = Journal::left(&layout).unwrap().unwrap();
        assert_eq!(again.done, [Undo::Stop("u".into())]);
        machine.mend();
        assert_eq!(again.undo(&machine), Vec::<String>::new());
    }
}
