//! Doing what was planned: whole, or as it was before.

use super::error::Doing as _;
use super::journal::{self, Journal, Undo};
use super::layout::Layout;
use super::machine::{Machine, User};
use super::plan::{Options, Plan, Way};
use super::record::Record;
use super::{Error, UNIT, USER, files};
use bundle_manifest::{BundlePath, ModelRole, Verified, Version};
use rustix::fs::{FlockOperation, flock};
use serde::Serialize;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

/// What of a data directory is not copied before an upgrade: what can be had again, and what
/// belongs to the running server.
pub const NOT_COPIED: &[&str] = &[
    "models",
    ".before-upgrade",
    crate::data_dir::LOCK,
    crate::data_dir::SERVING,
];
/// How long a service may take to become ready, in seconds.
const READY_S: u64 = 90;
/// How often it is asked, in milliseconds.
const ASK_MS: u64 = 250;
/// Where a data directory is if nothing is said.
const DATA_DIR: &str = "/var/lib/aiworklab";

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Done {
    /// The release that serves now.
    pub version: Version,
    /// What was done.
    pub way: Way,
    /// Where the data are.
    pub data_dir: String,
    /// Where people arrive.
    pub people_url: Option<String>,
    /// The fingerprint by which clients know this appliance.
    pub ca_fingerprint: Option<String>,
    /// The link for the first administrator, once: after a new install.
    pub link: Option<String>,
}

/// One installer at a time.
pub struct Held(#[expect(dead_code, reason = "the lock lives as long as the file is open")] File);

/// Takes the lock.
///
/// # Errors
/// [`Error::Busy`], [`Error::Io`].
pub fn hold(layout: &Layout) -> Result<Held, Error> {
    let path = layout.lock();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).doing("make the folder", folder)?;
    }
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .doing("open", &path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Held(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Busy),
        Err(error) => Err(std::io::Error::from(error)).doing("lock", &path),
    }
}

/// Carries a plan out.
pub struct Installer<'a> {
    /// What the administrator said.
    pub options: &'a Options,
    /// Where everything lies.
    pub layout: &'a Layout,
    /// Users and services.
    pub machine: &'a dyn Machine,
}

impl Installer<'_> {
    /// Undoes what a run left that was cut off; the plan is made after this.
    ///
    /// # Errors
    /// [`Error::Left`].
    pub fn undo_left(&self, _held: &Held) -> Result<bool, Error> {
        let Some(journal) = Journal::left(self.layout)? else {
            return Ok(false);
        };
        let left = journal.undo(self.machine);
        files::remove_empty(&self.layout.program())?;
        let step = "an earlier install, which was cut off,";
        if !left.is_empty() {
            let source = Box::new(Error::Busy);
            return Err(Error::Left { step, left, source });
        }
        if let Some(record) = Record::read(self.layout)? {
            self.settle(&record.data_dir)?;
        }
        Ok(true)
    }

    /// Does it.
    ///
    /// # Errors
    /// [`Error::Preflight`] before anything is done; [`Error::Undone`], [`Error::Left`],
    /// [`Error::WentBack`] after a step failed.
    pub fn carry_out(&self, plan: &Plan, _held: &Held) -> Result<Done, Error> {
        plan.report.require()?;
        if plan.way == Way::Nothing {
            return Ok(self.told(plan, false));
        }
        // Some machines have no `/opt`; it is the system's, and stays.
        let program = self.layout.program();
        let above = program.parent().map_or(Ok(()), |above| {
            fs::create_dir_all(above).doing("make the folder", above)
        });
        let made = above.and_then(|()| files::make_dir(&program, 0o755));
        let mut journal = made
            .and_then(|_| Journal::begin(self.layout))
            .map_err(|source| {
                // Nothing is in it.
                let _ = files::remove_empty(&self.layout.program());
                Error::Undone {
                    step: "beginning a journal",
                    source: Box::new(source),
                }
            })?;
        let mut step = "beginning";
        match self.attempt(plan, &mut journal, &mut step) {
            Ok(()) => {
                journal.finish()?;
                self.tidy(plan);
                Ok(self.told(plan, true))
            }
            Err(source) => Err(self.go_back(plan, journal, step, source)),
        }
    }

    fn attempt(
        &self,
        plan: &Plan,
        journal: &mut Journal,
        step: &mut &'static str,
    ) -> Result<(), Error> {
        let manifest = plan.bundle.manifest();
        let running = plan.record.is_some();
        if running {
            // The first line is undone last: when all files are back.
            journal.note(Undo::Start(UNIT.to_owned()))?;
        }
        for folder in self.layout.system_folders() {
            journal::make_dir(journal, &folder, 0o755)?;
        }
        *step = "copying the program";
        self.place(&plan.bundle, journal)?;

        *step = "keeping the release key";
        journal::make_dir(journal, &self.layout.etc(), 0o755)?;
        let key = plan.trusted.key.to_file();
        journal::write(journal, &self.layout.key(), key.as_bytes(), 0o644)?;

        *step = "making the service's user";
        let (user, made_user) = self.user(&plan.bundle, journal)?;

        // Undone after the units are.
        journal.note(Undo::Reload)?;
        if matches!(plan.way, Way::Over { .. }) {
            *step = "stopping the service";
            self.machine.service(&["stop", UNIT])?;
            *step = "copying the data";
            let copy = Layout::copy_of(&plan.data_dir);
            files::remove_tree(&copy)?;
            files::copy_tree(&plan.data_dir, &copy, NOT_COPIED)?;
        }

        *step = "writing the unit";
        let unit = self.part(&plan.bundle, "systemd/aiworklab-appliance.service")?;
        journal::write(journal, &self.layout.unit(), &unit, 0o644)?;
        if !running {
            self.add_to_unit(journal)?;
        }

        *step = "choosing the release";
        let version = manifest.version.to_string();
        journal::link(journal, &self.layout.current(), Path::new(&version))?;
        journal::link(journal, &self.layout.command(), &self.layout.binary())?;

        if let Way::New { keeps_data } = plan.way {
            *step = "making the data directory";
            self.data(plan, keeps_data, user, journal)?;
        }

        *step = "starting the service";
        self.machine.service(&["daemon-reload"])?;
        if !running {
            journal.note(Undo::Disable(UNIT.to_owned()))?;
            self.machine.service(&["enable", UNIT])?;
        }
        journal.note(Undo::Stop(UNIT.to_owned()))?;
        let _ = self.machine.service(&["reset-failed", UNIT]);
        let started = self.machine.service(&["restart", UNIT]);
        // What the service said tells more than that it did not start.
        started.map_err(|_| self.not_ready())?;
        *step = "waiting until it serves";
        self.wait(user, &plan.data_dir)?;

        *step = "writing down what was done";
        let record = Record {
            version: manifest.version.clone(),
            commit: manifest.commit.clone(),
            previous: plan
                .record
                .as_ref()
                .map(|record| record.version.clone())
                .filter(|before| *before != manifest.version),
            data_dir: plan.data_dir.clone(),
            made_user: plan
                .record
                .as_ref()
                .map_or(made_user, |record| record.made_user),
        };
        let bytes = record.bytes(self.layout)?;
        journal::write(journal, &self.layout.record(), &bytes, 0o644)
    }

    /// Puts the release's folder in its place. A folder of the same version, which a repair
    /// replaces, waits beside it.
    fn place(&self, bundle: &Verified, journal: &mut Journal) -> Result<(), Error> {
        let version = &bundle.manifest().version;
        let (staging, release) = (self.layout.staging(version), self.layout.release(version));
        files::remove_tree(&staging)?;
        journal.note(Undo::RemoveTree(staging.clone()))?;
        files::stage(bundle, &staging)?;
        if release.exists() {
            let replaced = self.layout.replaced(version);
            files::remove_tree(&replaced)?;
            journal.note(Undo::MoveBack {
                from: replaced.clone(),
                to: release.clone(),
            })?;
            fs::rename(&release, &replaced).doing("move", &release)?;
        }
        journal.note(Undo::RemoveTree(release.clone()))?;
        fs::rename(&staging, &release).doing("move", &staging)?;
        files::sync_dir(&self.layout.program())
    }

    fn part(&self, bundle: &Verified, path: &str) -> Result<Vec<u8>, Error> {
        let file = BundlePath::parse(path)
            .ok()
            .and_then(|path| bundle.manifest().file(&path));
        match file {
            Some(file) => Ok(bundle.read(file)?),
            None => Err(Error::Usage {
                what: format!("this bundle has no {path}: it is not for this installer"),
            }),
        }
    }

    /// The service's user, and whether it was made now.
    fn user(&self, bundle: &Verified, journal: &mut Journal) -> Result<(User, bool), Error> {
        let text = self.part(bundle, "systemd/aiworklab.sysusers")?;
        let path = self.layout.sysusers();
        journal::write(journal, &path, &text, 0o644)?;
        if let Some(user) = self.machine.user(USER)? {
            return Ok((user, false));
        }
        journal.note(Undo::RemoveUser(USER.to_owned()))?;
        self.machine.make_user(&path, USER)?;
        let made = self.machine.user(USER)?;
        let missing = || Error::Tool {
            command: format!("systemd-sysusers {}", path.display()),
            why: format!("the user {USER} is not there afterwards"),
        };
        made.map(|user| (user, true)).ok_or_else(missing)
    }

    /// What this machine's options add to the unit; nothing if they are the usual ones.
    fn add_to_unit(&self, journal: &mut Journal) -> Result<(), Error> {
        let Some(text) = unit_addition(self.options) else {
            return Ok(());
        };
        let path = self.layout.unit_addition();
        if let Some(folder) = path.parent() {
            journal::make_dir(journal, folder, 0o755)?;
        }
        journal::write(journal, &path, text.as_bytes(), 0o644)
    }

    fn data(
        &self,
        plan: &Plan,
        keeps_data: bool,
        user: User,
        journal: &mut Journal,
    ) -> Result<(), Error> {
        let dir = &plan.data_dir;
        if keeps_data {
            // The user may have another number than the one before it.
            return self.machine.give(dir, user);
        }
        if let Some(above) = dir.parent() {
            journal::make_dir(journal, above, 0o755)?;
        }
        match dir.exists() {
            true => journal.note(Undo::EmptyTree(dir.clone()))?,
            false => journal.note(Undo::RemoveTree(dir.clone()))?,
        }
        files::make_dir(dir, 0o700)?;
        self.machine.give(dir, user)?;
        let words = self.init_words(plan);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.machine
            .run_as(user, &self.layout.binary(), &words)
            .map(drop)
    }

    fn init_words(&self, plan: &Plan) -> Vec<String> {
        let mut words = vec![
            "init".to_owned(),
            "--data-dir".to_owned(),
            plan.data_dir.display().to_string(),
            "--people".to_owned(),
            self.options.people.to_string(),
            "--devices".to_owned(),
            self.options.devices.to_string(),
        ];
        if let Some(name) = &self.options.organisation {
            words.extend(["--organisation".to_owned(), name.clone()]);
        }
        for host in &self.options.hosts {
            words.extend(["--host".to_owned(), host.clone()]);
        }
        let manifest = plan.bundle.manifest();
        let at = |path: &BundlePath| path.under(&self.layout.current());
        if let (false, Some(model)) = (
            self.options.without_model,
            manifest.model(ModelRole::Language),
        ) {
            words.extend(["--model".to_owned(), at(&model.file).display().to_string()]);
            if let Some(folder) = manifest
                .model(ModelRole::Sentences)
                .and_then(|sentences| at(&sentences.file).parent().map(Path::to_owned))
            {
                words.extend(["--sentences".to_owned(), folder.display().to_string()]);
            }
        }
        words
    }

    /// Until the service answers.
    fn wait(&self, user: User, data_dir: &Path) -> Result<(), Error> {
        let data_dir = data_dir.display().to_string();
        let words = ["healthcheck", "--data-dir", &data_dir];
        for _ in 0..READY_S * 1000 / ASK_MS {
            if self
                .machine
                .run_as(user, &self.layout.binary(), &words)
                .is_ok()
            {
                return Ok(());
            }
            if self.machine.asked(&["is-active", UNIT]).is_none() {
                break;
            }
            self.machine.wait(Duration::from_millis(ASK_MS));
        }
        Err(self.not_ready())
    }

    fn not_ready(&self) -> Error {
        Error::NotReady {
            log: self.machine.log(UNIT),
        }
    }

    fn go_back(&self, plan: &Plan, journal: Journal, step: &'static str, source: Error) -> Error {
        let source = Box::new(source);
        let left = journal.undo(self.machine);
        // Only if it is empty; else it stays, which is told below.
        let _ = files::remove_empty(&self.layout.program());
        if !left.is_empty() {
            return Error::Left { step, left, source };
        }
        match &plan.record {
            None => Error::Undone { step, source },
            Some(record) => match self.settle(&plan.data_dir) {
                Ok(data) => Error::WentBack {
                    from: record.version.clone(),
                    to: plan.version().clone(),
                    data,
                    source,
                },
                Err(error) => Error::Left {
                    step,
                    left: vec![format!("  the release before does not serve: {error}")],
                    source,
                },
            },
        }
    }

    /// After going back: if the release before does not open the data as they are, they are put
    /// back as they were. Says what became of them.
    fn settle(&self, data_dir: &Path) -> Result<&'static str, Error> {
        let copy = Layout::copy_of(data_dir);
        let Some(user) = self.machine.user(USER)? else {
            return Ok("");
        };
        if self.wait(user, data_dir).is_ok() {
            files::remove_tree(&copy)?;
            return Ok(", with all data");
        }
        if !copy.exists() {
            return Err(self.not_ready());
        }
        self.machine.service(&["stop", UNIT])?;
        put_back(&copy, data_dir)?;
        // Failures so far do not count against it.
        let _ = self.machine.service(&["reset-failed", UNIT]);
        self.machine.service(&["start", UNIT])?;
        self.wait(user, data_dir)?;
        files::remove_tree(&copy)?;
        Ok(", with the data as they were before the upgrade began")
    }

    /// Removes what is not needed any more. What fails is tried again by the next upgrade.
    fn tidy(&self, plan: &Plan) {
        let version = plan.version();
        let before = plan.record.as_ref().map(|record| &record.version);
        let mut old = vec![
            self.layout.replaced(version),
            Layout::copy_of(&plan.data_dir),
        ];
        for entry in fs::read_dir(self.layout.program())
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name();
            let found = name.to_str().and_then(|name| Version::parse(name).ok());
            if found.is_some_and(|found| found != *version && Some(&found) != before) {
                old.push(entry.path());
            }
        }
        for path in old {
            if let Err(error) = files::remove_tree(&path) {
                tracing::warn!(%error, path = %path.display(), "an old release was kept");
            }
        }
    }

    /// What there is to say; a link is made once, for a store that is new.
    fn told(&self, plan: &Plan, did: bool) -> Done {
        let data_dir = plan.data_dir.display().to_string();
        let ask = |words: &[&str]| -> Option<serde_json::Value> {
            let user = self.machine.user(USER).ok()??;
            let text = self
                .machine
                .run_as(user, &self.layout.binary(), words)
                .ok()?;
            serde_json::from_str(&text).ok()
        };
        let text = |value: &Option<serde_json::Value>, name: &str| {
            value.as_ref()?.get(name)?.as_str().map(str::to_owned)
        };
        let status = ask(&["status", "--data-dir", &data_dir, "--json"]);
        let link = match (did, &plan.way) {
            (true, Way::New { .. }) => ask(&["admin", "link", "--data-dir", &data_dir, "--json"]),
            _ => None,
        };
        Done {
            version: plan.version().clone(),
            way: plan.way.clone(),
            people_url: text(&status, "people_url"),
            ca_fingerprint: text(&status, "ca_fingerprint"),
            link: text(&link, "url"),
            data_dir,
        }
    }
}

/// Puts data back as a copy has them: what is not in the copy goes, so that no log of writes is left
/// beside a database that it does not belong to. The copy stays until all is done.
fn put_back(copy: &Path, data_dir: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(data_dir).doing("list", data_dir)? {
        let entry = entry.doing("list", data_dir)?;
        let name = entry.file_name();
        if NOT_COPIED.iter().any(|kept| name == *kept) {
            continue;
        }
        match entry.file_type().doing("look at", &entry.path())?.is_dir() {
            true => files::remove_tree(&entry.path())?,
            false => files::remove_file(&entry.path())?,
        }
    }
    files::copy_tree(copy, data_dir, &[])
}

/// What options of this machine add to the unit; `None` if they are the usual ones.
fn unit_addition(options: &Options) -> Option<String> {
    let mut text = String::new();
    if options.data_dir != Path::new(DATA_DIR) {
        let dir = options.data_dir.display();
        text.push_str(&format!(
            "Environment=AIWORKLAB_DATA_DIR={dir}\nStateDirectory=\nReadWritePaths={dir}\n"
        ));
    }
    for network in &options.networks {
        text.push_str(&format!("IPAddressAllow={network}\n"));
    }
    if options.people.port() < 1024 || options.devices.port() < 1024 {
        text.push_str(
            "# A port below 1024. With PrivateUsers= the capability would not count for it.\n\
             AmbientCapabilities=CAP_NET_BIND_SERVICE\n\
             CapabilityBoundingSet=CAP_NET_BIND_SERVICE\n\
             PrivateUsers=no\n",
        );
    }
    (!text.is_empty()).then(|| {
        format!(
            "# Written by the installer from its options. Your own changes belong into a file beside \
             it.\n[Service]\n{text}"
        )
    })
}

#[cfg(test)]
mod tests;
