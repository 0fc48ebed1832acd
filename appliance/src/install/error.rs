//! Why nothing was installed, upgraded or taken away.

use crate::cli::failure::{Exit, Failure};
use bundle_manifest::Version;
use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;

/// Why an act of the installer was refused or failed. After a failure everything that was done is
/// undone, or [`Error::Left`] says what is not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bundle is refused.
    #[error(transparent)]
    Bundle(#[from] bundle_manifest::Error),
    /// There is no key to check the bundle with.
    #[error("there is no key to check the bundle with")]
    NoKey,
    /// The key would come from what it should check.
    #[error("the key {} lies in the bundle that it should check", path.display())]
    KeyInBundle {
        /// The key's file.
        path: PathBuf,
    },
    /// Another key than the one that is trusted already.
    #[error("the key {offered} was given, and {trusted} is trusted ({by})")]
    KeyDiffers {
        /// The key that was given.
        offered: String,
        /// The key that is trusted.
        trusted: String,
        /// Why it is.
        by: &'static str,
    },
    /// The machine is not ready.
    #[error("this machine is not ready:\n{}", stops.join("\n"))]
    Preflight {
        /// What stops it, a line each.
        stops: Vec<String>,
    },
    /// Nobody said yes.
    #[error("nothing was changed: this was only what {what} would do")]
    NotConfirmed {
        /// `install` or `uninstall`.
        what: &'static str,
    },
    /// A step failed, and all is as it was.
    #[error("{step} failed; everything that was done before it is undone")]
    Undone {
        /// The step.
        step: &'static str,
        /// Why.
        #[source]
        source: Box<Error>,
    },
    /// A step failed, and not all of it could be undone.
    #[error("{step} failed, and this could not be undone:\n{}", left.join("\n"))]
    Left {
        /// The step.
        step: &'static str,
        /// What is left, a line each.
        left: Vec<String>,
        /// Why the step failed.
        #[source]
        source: Box<Error>,
    },
    /// The new release does not serve; the old one does again.
    #[error("{to} did not begin to serve, and {from} serves again{data}")]
    WentBack {
        /// The release before.
        from: Version,
        /// The release that was tried.
        to: Version,
        /// What became of the data, as the end of a sentence.
        data: &'static str,
        /// Why.
        #[source]
        source: Box<Error>,
    },
    /// The service does not answer.
    #[error("the service did not become ready. Its last words:\n{log}")]
    NotReady {
        /// The end of its log.
        log: String,
    },
    /// Nothing is installed.
    #[error("no appliance is installed on this machine")]
    NotInstalled,
    /// The same version, made of other files.
    #[error("{version} is installed already, from another build: {installed} instead of {offered}")]
    OtherBuild {
        /// The version of both.
        version: Version,
        /// The commit that is installed.
        installed: String,
        /// The commit that was offered.
        offered: String,
    },
    /// What is installed is not what it should be.
    #[error("{version} is installed already, and it is damaged")]
    Damaged {
        /// The version.
        version: Version,
        /// What is wrong.
        #[source]
        source: Box<Error>,
    },
    /// The data may only be removed by who names it.
    #[error("the data in {} belong to the store {found}, not to {given}", path.display())]
    OtherStore {
        /// The data directory.
        path: PathBuf,
        /// Its store.
        found: String,
        /// What was typed.
        given: String,
    },
    /// Another installer is at work.
    #[error("another install, upgrade or uninstall is at work")]
    Busy,
    /// Something is mounted where a folder should be removed.
    #[error("{} is not removed: {} is mounted there", path.display(), mount.display())]
    Mounted {
        /// The folder.
        path: PathBuf,
        /// The mount point in it.
        mount: PathBuf,
    },
    /// A file failed.
    #[error("could not {doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program of the system failed.
    #[error("`{command}` failed: {why}")]
    Tool {
        /// What was run.
        command: String,
        /// What it said.
        why: String,
    },
    /// What was written down about the install cannot be read.
    #[error("{} cannot be understood", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// An option that does not fit.
    #[error("{what}")]
    Usage {
        /// What is wrong.
        what: String,
    },
}

impl Error {
    /// Code printed in the manual. Never reused.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Bundle(error) => error.code(),
            Self::NoKey => "B030",
            Self::KeyInBundle { .. } => "B031",
            Self::KeyDiffers { .. } => "B032",
            Self::Preflight { .. } => "B033",
            Self::NotConfirmed { .. } => "B034",
            Self::Undone { .. } => "B035",
            Self::Left { .. } => "B036",
            Self::WentBack { .. } => "B037",
            Self::NotReady { .. } => "B038",
            Self::NotInstalled => "B039",
            Self::OtherBuild { .. } => "B040",
            Self::Damaged { .. } => "B041",
            Self::OtherStore { .. } => "B042",
            Self::Busy => "B043",
            Self::Mounted { .. } => "B044",
            Self::Io { .. } => "B045",
            Self::Tool { .. } => "B046",
            Self::Record { .. } => "B047",
            Self::Usage { .. } => "B048",
        }
    }

    fn fix(&self) -> String {
        let text = match self {
            Self::Bundle(error) => error.fix(),
            Self::NoKey => {
                "give --release-key the line that begins with RW, or a file with it, as you got it by \
                 another way than the bundle"
            }
            Self::KeyInBundle { .. } => {
                "give a key that came by another way: whoever can change the bundle can change a key \
                 in it, too"
            }
            Self::KeyDiffers { .. } => {
                "leave --release-key out; if the vendor changed the key and you have checked that, \
                 replace /etc/aiworklab/release.pub first"
            }
            Self::Preflight { .. } => "do what the lines say, and run it again",
            Self::NotConfirmed { .. } => "run it again with --yes",
            Self::Undone { source, .. } => return source.fix(),
            Self::Left { .. } => {
                "do by hand what the lines say; running it again tries to undo them first"
            }
            Self::WentBack { .. } => {
                "read why in the cause and in `journalctl -u aiworklab-appliance`, then try again"
            }
            Self::NotReady { .. } => {
                "`journalctl -u aiworklab-appliance` has all of it; its codes are in the manual"
            }
            Self::NotInstalled => "install one from a bundle, with ./install",
            Self::OtherBuild { .. } => "to put this build in its place, add --repair",
            Self::Damaged { .. } => "add --repair: it puts every file of this release in its place",
            Self::OtherStore { .. } => {
                "`aiworklab-appliance status` prints the id of the store; type that one"
            }
            Self::Busy => "wait until it is done",
            Self::Mounted { .. } => "unmount it, or remove by hand what is to go",
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "free space on that disk (`df -h`), and run it again"
            }
            Self::Io { .. } => "look at the disk and its permissions (`df -h`, `dmesg`)",
            Self::Tool { .. } => "run the command by hand: what it says is the cause",
            Self::Record { .. } => {
                "put the file back from a backup, or remove it and install again: data are kept"
            }
            Self::Usage { .. } => "`aiworklab-appliance install --help` lists the options",
        };
        text.to_owned()
    }

    fn exit(&self) -> Exit {
        match self {
            Self::NotInstalled => Exit::NoAppliance,
            Self::Usage { .. } => Exit::Usage,
            Self::Bundle(bundle_manifest::Error::Io { .. })
            | Self::Undone { .. }
            | Self::Left { .. }
            | Self::WentBack { .. }
            | Self::NotReady { .. }
            | Self::Io { .. }
            | Self::Tool { .. }
            | Self::Record { .. } => Exit::Failed,
            _ => Exit::Refused,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = Self::new(error.exit(), error.code(), error.to_string(), error.fix());
        match StdError::source(&error) {
            Some(source) => failure.because(source),
            None => failure,
        }
    }
}

/// An error of a file, with what was being done.
pub(super) trait Doing<T> {
    fn doing(self, doing: &'static str, path: &std::path::Path) -> Result<T, Error>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &std::path::Path) -> Result<T, Error> {
        self.map_err(|source| Error::Io {
            doing,
            path: path.to_owned(),
            source,
        })
    }
}
