//! Where the client keeps its things: one folder of the engineer's, closed to everyone else.
//!
//! `$AIWORKLAB_HOME`, else `$XDG_DATA_HOME/aiworklab`, else `~/.local/share/aiworklab`.
//!
//! | name | what |
//! |---|---|
//! | `graph.db` | the personal store |
//! | `spool/` | hook payloads that the agent has not read yet |
//! | `agent.sock`, `agent.pid`, `agent.log` | the agent that runs by itself: where it listens, which one runs, what it said |
//! | `agent.lock` | held by whoever reads the spool |
//! | `transcripts.json` | the transcripts of the sessions that go on, and how far each was read |
//! | `t3code.toml`, `t3code.json` | T3 Code's folder, and how far its database was read |
//! | `keys.toml`, `keys/` | where the secrets lie; the secrets, if they lie in files |
//! | `protect.toml`, `instance`, `store.lock` | whether the store is encrypted, which copy of the folder this is, who changes the file |
//! | `device.pem`, `root.pem` | this device's certificate, the appliance's root |
//! | `plan-examples.bin` | what the sentence model makes of the catalogue's example sentences |
//! | `models/` | a sentence model, if the engineer puts one there |
//! | `settings.toml` | what the engineer set with `aiworklab set` |
//! | `setup/` | settings of harnesses as they were before us |

use crate::error::{Error, Result};
use crate::world::World;
use platform::files::TEMPORARY;
pub use platform::files::{private_dir, write_whole};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The client's folder.
#[derive(Debug, Clone)]
pub struct Home(PathBuf);

impl Home {
    /// Finds the folder by the environment; touches no disk.
    ///
    /// # Errors
    /// [`Error::NoHome`] if the environment names none, or names it by a relative path.
    pub fn find(world: &dyn World) -> Result<Self> {
        if let Some(path) = world.env("AIWORKLAB_HOME") {
            let path = PathBuf::from(path);
            return if path.is_absolute() {
                Ok(Self(path))
            } else {
                Err(Error::NoHome)
            };
        }
        let absolute = |name| {
            world
                .env(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        if let Some(data) = absolute("XDG_DATA_HOME") {
            return Ok(Self(data.join("aiworklab")));
        }
        absolute("HOME")
            .map(|home| Self(home.join(".local/share/aiworklab")))
            .ok_or(Error::NoHome)
    }

    /// The folder at `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Makes the folder, mode 0700, if it is not there; closes it if it stood open.
    ///
    /// # Errors
    /// [`Error::Folder`] if it cannot be made or closed.
    pub fn ensure(&self) -> Result<()> {
        private_dir(&self.0).map_err(|source| Error::Folder {
            path: self.0.clone(),
            source,
        })
    }

    /// Deletes what writes that were killed left in this folder: the temporaries of [`write_whole`] by
    /// processes that run no more. One that is younger than an hour at `now`, in seconds, may be of a
    /// process that cannot be seen from here, such as one in a container that shares the folder.
    pub fn clear_leftovers(&self, now: i64) {
        // Whatever cannot be read or deleted hinders nobody.
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let name = entry.file_name();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && name != "spool" && name != "models" => {
                    for entry in fs::read_dir(entry.path()).into_iter().flatten().flatten() {
                        clear_leftover(&entry, now);
                    }
                }
                _ => clear_leftover(&entry, now),
            }
        }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The personal store's file.
    pub fn database(&self) -> PathBuf {
        self.0.join("graph.db")
    }

    /// The spool's folder.
    pub fn spool(&self) -> PathBuf {
        self.0.join("spool")
    }

    /// The socket that the agent listens on.
    pub fn socket(&self) -> PathBuf {
        self.0.join("agent.sock")
    }

    /// This device's private key.
    pub fn device_key(&self) -> PathBuf {
        self.0.join("device.key")
    }

    /// This device's certificate and its issuer's.
    pub fn device_chain(&self) -> PathBuf {
        self.0.join("device.pem")
    }

    /// The appliance's root certificate.
    pub fn root(&self) -> PathBuf {
        self.0.join("root.pem")
    }

    /// What the sentence model makes of the catalogue's examples.
    pub fn plan_examples(&self) -> PathBuf {
        self.0.join("plan-examples.bin")
    }

    /// What the engineer set.
    pub fn settings(&self) -> PathBuf {
        self.0.join("settings.toml")
    }

    /// Where a harness's settings are kept as they were.
    pub fn setup(&self, harness: &str) -> PathBuf {
        self.0.join("setup").join(harness)
    }
}

/// How long a temporary is left alone, in seconds.
const LEFT_ALONE_S: i64 = 3600;

fn clear_leftover(entry: &fs::DirEntry, now: i64) {
    let name = entry.file_name();
    let Some((_, pid)) = name.to_str().and_then(|name| name.rsplit_once(TEMPORARY)) else {
        return;
    };
    // Only what we write ourselves: a number as it is printed, and a file.
    let Some(pid) = pid
        .parse()
        .ok()
        .filter(|n: &i32| *n > 0 && n.to_string() == pid)
        .and_then(rustix::process::Pid::from_raw)
    else {
        return;
    };
    let Ok(about) = entry.metadata() else { return };
    let gone = rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH);
    if about.is_file() && gone && about.mtime() < now.saturating_sub(LEFT_ALONE_S) {
        let _ = fs::remove_file(entry.path());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::still::Still;

    #[test]
    fn the_folder_is_found_by_the_environment_alone() {
        let mut world = Still::default();
        assert!(matches!(Home::find(&world), Err(Error::NoHome)));
        world.env.insert("HOME", "/home/ada".into());
        let path = |world: &Still| Home::find(world).unwrap().path().to_owned();
        assert_eq!(path(&world), Path::new("/home/ada/.local/share/aiworklab"));
        world.env.insert("XDG_DATA_HOME", "/data".into());
        assert_eq!(path(&world), Path::new("/data/aiworklab"));
        world.env.insert("XDG_DATA_HOME", "not/absolute".into());
        assert_eq!(path(&world), Path::new("/home/ada/.local/share/aiworklab"));
        world.env.insert("AIWORKLAB_HOME", "/elsewhere".into());
        assert_eq!(path(&world), Path::new("/elsewhere"));
    }

    #[test]
    fn what_a_killed_write_left_is_cleared_away_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        for name in ["keys", "spool"] {
            fs::create_dir(home.path().join(name)).unwrap();
        }
        // A process that has ended and was waited for.
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = child.id();
        child.wait().unwrap();
        let alive = std::process::id();
        let names = [
            (format!("settings.toml.aiworklab-{dead}"), false),
            (format!("keys/device-key.aiworklab-{dead}"), false),
            (format!("settings.toml.aiworklab-{alive}"), true),
            (format!("spool/a.aiworklab-{dead}"), true),
            (format!("a.aiworklab-0{dead}"), true),
            ("a.aiworklab-x".to_owned(), true),
            ("a.aiworklab--1".to_owned(), true),
            ("a.aiworklab-0".to_owned(), true),
            (format!("notes-{dead}"), true),
            ("settings.toml".to_owned(), true),
        ];
        for (name, _) in &names {
            fs::write(home.path().join(name), b"x").unwrap();
        }
        fs::create_dir(home.path().join(format!("d.aiworklab-{dead}"))).unwrap();
        let written = fs::metadata(home.path().join("settings.toml"))
            .unwrap()
            .mtime();
        home.clear_leftovers(written + LEFT_ALONE_S);
        assert!(
            names
                .iter()
                .all(|(name, _)| home.path().join(name).exists()),
            "none is old enough"
        );
        home.clear_leftovers(written + LEFT_ALONE_S + 5);
        for (name, stays) in &names {
            assert_eq!(home.path().join(name).exists(), *stays, "{name}");
        }
        assert!(home.path().join(format!("d.aiworklab-{dead}")).is_dir());
    }
}
