//! Where everything lies on the machine.
//!
//! The program is root's, under `/opt`, a folder for each release and a link to the one that is
//! used; the data are the service's, elsewhere; what an administrator changes is under `/etc`.

use super::UNIT;
use std::path::{Path, PathBuf};

/// All places, below one root; tests take another than `/`.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Below this root.
    #[must_use]
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The machine's own.
    #[must_use]
    pub fn system() -> Self {
        Self::below("/")
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// All releases.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        self.at("opt/aiworklab")
    }

    /// One release.
    #[must_use]
    pub fn release(&self, version: &bundle_manifest::Version) -> PathBuf {
        self.program().join(version.to_string())
    }

    /// The link to the release that is used.
    #[must_use]
    pub fn current(&self) -> PathBuf {
        self.program().join("current")
    }

    /// The program that is used.
    #[must_use]
    pub fn binary(&self) -> PathBuf {
        self.current().join(bundle_manifest::PRODUCT)
    }

    /// The link by which a shell finds it.
    #[must_use]
    pub fn command(&self) -> PathBuf {
        self.at("usr/local/bin").join(bundle_manifest::PRODUCT)
    }

    /// What an administrator looks at.
    #[must_use]
    pub fn etc(&self) -> PathBuf {
        self.at("etc/aiworklab")
    }

    /// The key that upgrades are checked with.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.etc().join("release.pub")
    }

    /// What was installed, and where the data are.
    #[must_use]
    pub fn record(&self) -> PathBuf {
        self.etc().join("install.json")
    }

    /// The unit.
    #[must_use]
    pub fn unit(&self) -> PathBuf {
        self.at("usr/local/lib/systemd/system").join(UNIT)
    }

    /// What this machine's install adds to the unit.
    #[must_use]
    pub fn unit_addition(&self) -> PathBuf {
        self.at("etc/systemd/system")
            .join(format!("{UNIT}.d"))
            .join("10-install.conf")
    }

    /// A unit of the same name that would hide ours.
    #[must_use]
    pub fn hiding_unit(&self) -> PathBuf {
        self.at("etc/systemd/system").join(UNIT)
    }

    /// The user, as `systemd-sysusers` reads it.
    #[must_use]
    pub fn sysusers(&self) -> PathBuf {
        self.at("usr/local/lib/sysusers.d/aiworklab.conf")
    }

    /// The users of the machine.
    #[must_use]
    pub fn passwd(&self) -> PathBuf {
        self.at("etc/passwd")
    }

    /// What is done and not yet finished.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.program().join(".journal")
    }

    /// Held while one of us works.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.at("run/aiworklab-install.lock")
    }

    /// Where a release is put together.
    #[must_use]
    pub fn staging(&self, version: &bundle_manifest::Version) -> PathBuf {
        self.program().join(format!(".staging-{version}"))
    }

    /// Where a release of the same version waits that is being replaced.
    #[must_use]
    pub fn replaced(&self, version: &bundle_manifest::Version) -> PathBuf {
        self.program().join(format!(".replaced-{version}"))
    }

    /// Where a copy of the data waits while an upgrade is tried.
    #[must_use]
    pub fn copy_of(data_dir: &Path) -> PathBuf {
        data_dir.join(".before-upgrade")
    }

    /// Folders that are made if they are not there, and left in their place afterwards: they are
    /// the system's.
    #[must_use]
    pub fn system_folders(&self) -> Vec<PathBuf> {
        [
            "opt",
            "etc/systemd/system",
            "usr/local/bin",
            "usr/local/lib/systemd/system",
            "usr/local/lib/sysusers.d",
        ]
        .map(|path| self.at(path))
        .to_vec()
    }
}
