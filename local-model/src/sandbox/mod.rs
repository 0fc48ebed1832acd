//! What the worker may do to the machine: read its model's files, compute, answer on one socket.
//!
//! Two layers that do not know each other. *Landlock* refuses every file but the model's, by inode, so
//! that a file moved into its place is refused too. *Seccomp* is a list of what may be called at all;
//! all else answers EPERM. After loading a second filter takes away opening files altogether. Around
//! them: no privileges, no capabilities, limits of memory, no core file, first to go when memory runs
//! out, and a network of its own where the system lets us have one.
//!
//! Invariant: [`enter`] is called before any thread exists and before a byte of a model is read, and
//! each start tries what is forbidden ([`selftest`]); what succeeds stops the start.
//! Without Landlock nothing starts, unless the specification says `allow-degraded`, and then the report
//! says so. Seccomp, and with it the absence of sockets, is never waived.

mod process;
mod rules;
mod seccomp;
mod selftest;

use crate::{Reason, SandboxPart, SandboxPolicy, Spec};
use serde::{Deserialize, Serialize};

pub(crate) use process::die;

/// What Landlock does here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Landlock {
    /// The kernel has none, or it is switched off.
    Missing,
    /// In force, at this version of its interface (4 and later also refuse TCP, 6 and later signals).
    Enforced {
        /// The version.
        abi: u32,
    },
}

/// Something forbidden that was tried, and refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// What was tried.
    pub tried: String,
    /// What the system answered.
    pub answer: String,
}

/// How a worker is held. Made by the worker itself, before native code ran (all but the last attempts).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxReport {
    /// Landlock is missing and an administrator allowed that.
    pub degraded: bool,
    /// The rules on files.
    pub landlock: Landlock,
    /// It has a network of its own, with nothing in it. Sockets are refused in any case.
    pub network_namespace: bool,
    /// It runs as this user, not as the server's.
    pub own_user: Option<u32>,
    /// The most private memory, in bytes.
    pub memory_bytes: u64,
    /// Open files that it inherited by mistake of whoever started the server, and closed.
    pub closed_descriptors: u32,
    /// It goes first when the machine runs out of memory.
    pub first_to_go: bool,
    /// What the self-test tried; all of it was refused.
    pub refused: Vec<Attempt>,
}

impl SandboxReport {
    /// For a person, a line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let landlock = match self.landlock {
            Landlock::Enforced { abi } => {
                format!("files: only the model's, read only (Landlock, version {abi})")
            }
            Landlock::Missing => {
                "files: DEGRADED, no Landlock here; none can be opened once the model is loaded"
                    .to_owned()
            }
        };
        let network = if self.network_namespace {
            "network: no sockets (seccomp), and an empty network of its own"
        } else {
            "network: no sockets (seccomp); this system gives it no network of its own"
        };
        let user = match self.own_user {
            Some(uid) => format!("user: {uid}, its own"),
            None => "user: the server's".to_owned(),
        };
        vec![
            landlock,
            network.to_owned(),
            user,
            format!("memory: at most {} MB", self.memory_bytes / 1_000_000),
            format!(
                "self-test: {} forbidden acts tried, all refused",
                self.refused.len()
            ),
        ]
    }
}

pub(crate) fn failed(part: SandboxPart, cause: impl std::fmt::Display) -> Reason {
    Reason::Sandbox {
        part,
        cause: cause.to_string(),
    }
}

/// Closes what was inherited beside the three standard descriptors; the number of those closed.
/// Before anything else is opened, and before any thread.
pub(crate) fn close_inherited() -> u32 {
    process::close_inherited()
}

/// Everything before the model is read.
///
/// # Errors
/// [`Reason::Sandbox`] with the part that cannot be had, [`Reason::File`] for a model's file that is
/// not there.
pub(crate) fn enter(spec: &Spec, closed_descriptors: u32) -> Result<SandboxReport, Reason> {
    let sizes = rules::sizes(spec)?;
    let first_to_go = process::first_to_go();
    process::no_privileges()?;
    process::not_dumpable()?;
    let network_namespace = process::own_network();
    process::drop_capabilities()?;
    let memory_bytes = process::limits(spec, sizes)?;
    let landlock = rules::enforce(spec)?;
    let degraded = landlock == Landlock::Missing;
    if degraded && spec.sandbox == SandboxPolicy::Required {
        return Err(failed(
            SandboxPart::Landlock,
            "this kernel has no Landlock (Linux 5.13 or newer, switched on at boot); with model.sandbox = \
             \"allow-degraded\" the model runs without its rules on files",
        ));
    }
    seccomp::first()?;
    let refused = selftest::before_loading(spec, degraded)?;
    Ok(SandboxReport {
        degraded,
        landlock,
        network_namespace,
        own_user: spec.run_as.map(|(uid, _)| uid),
        memory_bytes,
        closed_descriptors,
        first_to_go,
        refused,
    })
}

/// After loading: no file is opened any more. Holds for all threads, those that the engine started too.
///
/// # Errors
/// [`Reason::Sandbox`].
pub(crate) fn tighten(spec: &Spec, report: &mut SandboxReport) -> Result<(), Reason> {
    seccomp::second()?;
    report.refused.extend(selftest::after_loading(spec)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_degraded_sandbox_says_so_first() {
        let report = SandboxReport {
            degraded: true,
            landlock: Landlock::Missing,
            network_namespace: false,
            own_user: None,
            memory_bytes: 600_000_000,
            closed_descriptors: 0,
            first_to_go: true,
            refused: Vec::new(),
        };
        assert!(report.lines()[0].contains("DEGRADED"));
        assert!(report.lines()[3].contains("600 MB"));
    }
}
