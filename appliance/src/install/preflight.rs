//! Whether this machine is ready: a line for each thing that was looked at, with what to do.
//!
//! `pass` is well; `care` works, with a limit that is named; `stop` does not. Nothing is changed
//! but one small file that is written, flushed and removed again, since only that tells whether a
//! disk takes it.

use super::error::Doing as _;
use super::layout::Layout;
use super::machine::Machine;
use super::network::Network;
use super::{Error, UNIT, files};
use crate::edges::Edges;
use bundle_manifest::{KernelVersion, Manifest, Version};
use serde::Serialize;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

const MB: u64 = 1_000_000;
/// Below this the data directory's disk is too small, in MB.
const DATA_MB: u64 = 200;
/// Below this it will not be enough for long, in MB.
const DATA_COMFORT_MB: u64 = 2_000;
/// A flush that takes longer than this makes every sync wait, in milliseconds.
const SLOW_FLUSH_MS: u128 = 100;
/// So many flushes are tried.
const FLUSHES: u32 = 5;
/// A clock so far behind the release's day is wrong, in seconds: builds come from all time zones.
const CLOCK_SLACK_S: i64 = 86_400;
/// A clock so far ahead of the release's day may be wrong, in seconds.
const CLOCK_FAR_S: i64 = 5 * 365 * 86_400;

/// How one thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Well.
    Pass,
    /// Works, with a limit.
    Care,
    /// Does not work.
    Stop,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What was looked at.
    pub check: &'static str,
    /// How it stands.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do; empty if nothing.
    pub fix: String,
}

impl Row {
    /// All is well.
    pub fn pass(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Pass,
            found: found.into(),
            fix: String::new(),
        }
    }

    /// It works, with a limit.
    pub fn care(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Care,
            found: found.into(),
            fix: fix.into(),
        }
    }

    /// It does not work.
    pub fn stop(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Stop,
            found: found.into(),
            fix: fix.into(),
        }
    }

    /// As one line of text.
    #[must_use]
    pub fn line(&self) -> String {
        let word = match self.verdict {
            Verdict::Pass => "pass",
            Verdict::Care => "care",
            Verdict::Stop => "STOP",
        };
        let fix = match self.fix.is_empty() {
            true => String::new(),
            false => format!("\n                  → {}", self.fix),
        };
        format!("{word}  {:<11} {}{fix}", self.check, self.found)
    }
}

/// All lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The worst of them.
    pub verdict: Verdict,
    /// The lines.
    pub rows: Vec<Row>,
}

impl Report {
    /// Of these lines.
    #[must_use]
    pub fn of(rows: Vec<Row>) -> Self {
        let verdict = rows.iter().map(|row| row.verdict).max();
        Self {
            verdict: verdict.unwrap_or(Verdict::Pass),
            rows,
        }
    }

    /// As text.
    #[must_use]
    pub fn text(&self) -> String {
        let lines: Vec<String> = self.rows.iter().map(Row::line).collect();
        lines.join("\n")
    }

    /// Whether one may go on.
    ///
    /// # Errors
    /// [`Error::Preflight`] with every line that says stop.
    pub fn require(&self) -> Result<(), Error> {
        let stops: Vec<String> = self
            .rows
            .iter()
            .filter(|row| row.verdict == Verdict::Stop)
            .map(|row| format!("  {}: {}. {}", row.check, row.found, row.fix))
            .collect();
        match stops.is_empty() {
            true => Ok(()),
            false => Err(Error::Preflight { stops }),
        }
    }
}

/// What is to be installed, and how.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The release; `None`: the machine is looked at for this program alone.
    pub manifest: Option<&'a Manifest>,
    /// Where the data will be.
    pub data_dir: &'a Path,
    /// Names for the certificate.
    pub hosts: &'a [String],
    /// Where people will arrive.
    pub people: SocketAddr,
    /// Where devices will arrive.
    pub devices: SocketAddr,
    /// Networks beside the private ones.
    pub networks: &'a [Network],
    /// Whether a model comes with it.
    pub model: bool,
    /// What is installed already.
    pub installed: Option<&'a Version>,
    /// Whether data with a configuration of their own are there.
    pub keeps_data: bool,
}

/// Looks at everything.
#[must_use]
pub fn look(wanted: &Wanted<'_>, layout: &Layout, machine: &dyn Machine, edges: &Edges) -> Report {
    let requires = wanted.manifest.map(|manifest| &manifest.requires);
    let mut rows = vec![
        root(),
        service_manager(Path::new("/run/systemd/system").is_dir()),
        kernel(
            fs::read_to_string("/proc/sys/kernel/osrelease")
                .unwrap_or_default()
                .trim(),
            requires.map_or(
                KernelVersion {
                    major: 5,
                    minor: 13,
                },
                |r| r.kernel,
            ),
        ),
        landlock(
            fs::read_to_string("/sys/kernel/security/lsm")
                .ok()
                .as_deref(),
        ),
        seccomp(fs::read_to_string("/proc/self/status").ok().as_deref()),
        processor(local_model::check_processor().err().map(|r| r.to_string())),
        memory(
            fs::read_to_string("/proc/meminfo").ok().as_deref(),
            requires.map_or(256, |r| r.memory_mb),
            requires.map_or(1024, |r| r.memory_for_model_mb),
            wanted.model,
        ),
    ];
    if let Some(manifest) = wanted.manifest {
        rows.push(program_disk(&layout.program(), manifest.bytes()));
        rows.push(clock(edges.clock.now(), manifest));
    }
    rows.push(data_disk(wanted));
    rows.push(flush(wanted.data_dir, edges));
    rows.push(ports(wanted, machine));
    rows.extend(name::names(wanted));
    rows.extend(hidden(layout));
    rows.extend(selinux(
        fs::read_to_string("/sys/fs/selinux/enforce")
            .ok()
            .as_deref(),
    ));
    Report::of(rows)
}

fn root() -> Row {
    match rustix::process::geteuid().is_root() {
        true => Row::pass("root", "run as root"),
        false => Row::stop("root", "not run as root", "run it with sudo"),
    }
}

fn service_manager(runs: bool) -> Row {
    match runs {
        true => Row::pass("services", "systemd runs this machine"),
        false => Row::stop(
            "services",
            "systemd does not run this machine",
            "install on a machine with systemd, or use the container image",
        ),
    }
}

fn kernel(release: &str, oldest: KernelVersion) -> Row {
    match KernelVersion::parse(release) {
        Some(found) if found >= oldest => Row::pass("kernel", format!("Linux {release}")),
        _ => Row::care(
            "kernel",
            format!("Linux {release} is older than {oldest}"),
            "the model will not start, since nothing would keep its worker in place; all else works",
        ),
    }
}

fn landlock(modules: Option<&str>) -> Row {
    match modules {
        Some(text) if text.trim().split(',').any(|name| name == "landlock") => {
            Row::pass("landlock", "the kernel has it")
        }
        Some(_) => Row::care(
            "landlock",
            "the kernel does not use it",
            "add landlock to the kernel's `lsm=`; until then the model starts only with \
             `model.sandbox = \"allow-degraded\"`",
        ),
        None => Row::care(
            "landlock",
            "cannot be seen from here",
            "`aiworklab-appliance model doctor` tells, once it is installed",
        ),
    }
}

fn seccomp(status: Option<&str>) -> Row {
    match status.is_some_and(|text| text.lines().any(|line| line.starts_with("Seccomp:"))) {
        true => Row::pass("seccomp", "the kernel has it"),
        false => Row::care(
            "seccomp",
            "the kernel does not have it",
            "the model will not start; all else works",
        ),
    }
}

fn processor(lacks: Option<String>) -> Row {
    match lacks {
        None => Row::pass("processor", "has what the model needs"),
        Some(reason) => Row::care(
            "processor",
            reason,
            "the model will not start; questions are then drawn without it, and all else works",
        ),
    }
}

/// A line of `/proc/meminfo`, in MB.
fn meminfo_mb(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024 / MB)
}

fn memory(meminfo: Option<&str>, alone_mb: u64, with_model_mb: u64, model: bool) -> Row {
    let of = |name| meminfo.and_then(|text| meminfo_mb(text, name));
    let (Some(total), Some(free)) = (of("MemTotal:"), of("MemAvailable:")) else {
        return Row::care("memory", "cannot be told", "look at `free -m`");
    };
    let found = format!("{free} MB free of {total} MB");
    if free < alone_mb {
        let fix = format!("it needs {alone_mb} MB; give the machine more, or stop something");
        return Row::stop("memory", found, fix);
    }
    if model && free < with_model_mb {
        let fix = format!("with the model it wants {with_model_mb} MB; the model may not start");
        return Row::care("memory", found, fix);
    }
    Row::pass("memory", found)
}

/// The nearest folder above that is there.
fn existing(path: &Path) -> PathBuf {
    let found = path.ancestors().find(|path| path.is_dir());
    found.unwrap_or(Path::new("/")).to_owned()
}

/// Bytes free for root on the disk of a folder, and whether programs may be run from it.
fn disk(path: &Path) -> Option<(u64, bool)> {
    let stat = rustix::fs::statvfs(existing(path)).ok()?;
    let runs = !stat.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC);
    Some((stat.f_bavail.saturating_mul(stat.f_frsize), runs))
}

fn program_disk(path: &Path, bytes: u64) -> Row {
    let shown = path.display();
    let Some((free, runs)) = disk(path) else {
        return Row::stop(
            "program",
            format!("the disk of {shown} cannot be looked at"),
            "mount it",
        );
    };
    let found = format!("{} MB free for {shown}", free / MB);
    // A tenth more, for what a file system takes for itself.
    let needed = bytes.saturating_add(bytes / 10).saturating_add(MB);
    if free < needed {
        let fix = format!(
            "it needs {} MB: free some, or mount a larger disk",
            needed / MB
        );
        return Row::stop("program", found, fix);
    }
    match runs {
        true => Row::pass("program", found),
        false => Row::stop(
            "program",
            format!("{shown} is mounted noexec"),
            "mount it without noexec: the program runs from there",
        ),
    }
}

/// Folders that the service cannot see.
const UNSEEN: [&str; 7] = [
    "/home", "/root", "/run", "/tmp", "/var/tmp", "/proc", "/sys",
];

fn data_disk(wanted: &Wanted<'_>) -> Row {
    let shown = wanted.data_dir.display();
    if let Some(unseen) = UNSEEN
        .iter()
        .find(|unseen| wanted.data_dir.starts_with(unseen))
    {
        return Row::stop(
            "data",
            format!("{shown} is below {unseen}, which the service cannot see"),
            "choose another with --data-dir; /var/lib/aiworklab is usual, /srv works too",
        );
    }
    let Some((free, _)) = disk(wanted.data_dir) else {
        return Row::stop(
            "data",
            format!("the disk of {shown} cannot be looked at"),
            "mount it",
        );
    };
    let found = format!("{} MB free for {shown}", free / MB);
    // An upgrade keeps a copy of the data until the new release serves.
    let copy = match wanted.installed {
        Some(_) => files::size(wanted.data_dir, super::act::NOT_COPIED).unwrap_or(0),
        None => 0,
    };
    if free < DATA_MB * MB + copy {
        let needed = DATA_MB + copy / MB;
        let fix = format!("it needs {needed} MB: free some, or choose another with --data-dir");
        return Row::stop("data", found, fix);
    }
    match free < DATA_COMFORT_MB * MB + copy {
        true => Row::care(
            "data",
            found,
            "enough to begin with; have the disk's fill level watched",
        ),
        false => Row::pass("data", found),
    }
}

/// Writes, flushes and removes a file where the data will be.
fn flush(data_dir: &Path, edges: &Edges) -> Row {
    let folder = existing(data_dir);
    let path = folder.join(".aiworklab-preflight");
    let began = edges.clock.ticks();
    let tried = (0..FLUSHES)
        .try_for_each(|_| files::write(&path, &[0x5a; 4096], 0o600))
        .and_then(|()| files::remove_file(&path))
        .and_then(|()| files::sync_dir(&folder));
    let took = edges.clock.ticks().saturating_sub(began).as_millis() / u128::from(FLUSHES);
    match tried {
        Err(error) => {
            // Another try may have left it.
            let _ = fs::remove_file(&path);
            Row::stop(
                "flush",
                crate::http::error::chain(&error),
                "the disk of the data has to take files and flush them",
            )
        }
        Ok(()) if took > SLOW_FLUSH_MS => Row::care(
            "flush",
            format!(
                "a flushed write takes {took} ms on the disk of {}",
                folder.display()
            ),
            "every sync waits so long; a local SSD takes a few",
        ),
        Ok(()) => Row::pass("flush", format!("a flushed write takes {took} ms")),
    }
}

fn clock(now: i64, manifest: &Manifest) -> Row {
    let built = manifest
        .created
        .to_zoned(jiff::tz::TimeZone::UTC)
        .map_or(0, |day| day.timestamp().as_second());
    let shown = jiff::Timestamp::from_second(now).map_or_else(
        |_| now.to_string(),
        |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    );
    if now < built - CLOCK_SLACK_S {
        return Row::stop(
            "clock",
            format!(
                "{shown} is before this release was made ({})",
                manifest.created
            ),
            "set the clock (`timedatectl set-time`): certificates are made by it",
        );
    }
    if now > built + CLOCK_FAR_S {
        return Row::care(
            "clock",
            format!(
                "{shown} is years after this release was made ({})",
                manifest.created
            ),
            "look whether the clock is right, and whether there is a newer release",
        );
    }
    Row::pass("clock", shown)
}

fn ports(wanted: &Wanted<'_>, machine: &dyn Machine) -> Row {
    if wanted.people == wanted.devices {
        return Row::stop(
            "ports",
            format!("people and devices cannot both arrive at {}", wanted.people),
            "give them a port each",
        );
    }
    let ours = wanted.installed.is_some() && machine.asked(&["is-active", UNIT]).is_some();
    if ours {
        return Row::pass("ports", "held by the appliance that runs here");
    }
    for address in [wanted.people, wanted.devices] {
        if let Err(error) = TcpListener::bind(address) {
            return Row::stop(
                "ports",
                format!("{address} cannot be listened on: {error}"),
                format!(
                    "`ss -ltnp 'sport = :{}'` names who holds it; or choose others with --people \
                     and --devices",
                    address.port()
                ),
            );
        }
    }
    Row::pass(
        "ports",
        format!("{} and {} are free", wanted.people, wanted.devices),
    )
}

fn hidden(layout: &Layout) -> Option<Row> {
    let path = layout.hiding_unit();
    path.symlink_metadata().ok().map(|_| {
        Row::stop(
            "unit",
            format!("{} would hide the unit that is installed", path.display()),
            "move it away; put changes into a drop-in, as the unit's first lines say",
        )
    })
}

fn selinux(enforce: Option<&str>) -> Option<Row> {
    (enforce?.trim() == "1").then(|| {
        Row::care(
            "selinux",
            "SELinux is enforcing, and this release brings no policy",
            "after the install run `restorecon -RF /opt/aiworklab`; if the service does not start, \
             `ausearch -m avc` says why",
        )
    })
}

/// A data directory that is there already: `true` if it holds an appliance, `false` if nothing.
///
/// # Errors
/// [`Error::Io`]; [`Error::Preflight`] if something else lies there.
pub fn holds_data(data_dir: &Path) -> Result<bool, Error> {
    if !data_dir.exists() {
        return Ok(false);
    }
    if data_dir.join(crate::config::FILE).exists() {
        return Ok(true);
    }
    let first = fs::read_dir(data_dir).doing("list", data_dir)?.next();
    match first {
        None => Ok(false),
        Some(_) => Err(Error::Preflight {
            stops: vec![format!(
                "  data: {} holds something, and no appliance. Choose an empty folder with \
                 --data-dir; on a disk of its own, one below its top",
                data_dir.display()
            )],
        }),
    }
}

mod name;
#[cfg(test)]
mod tests;
