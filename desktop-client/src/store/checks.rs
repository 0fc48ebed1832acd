//! What `doctor` and `protect` say of the store: its form and why, whether it opens and is sound.
//!
//! Nothing is changed, and the disk is looked at anew.

use super::file::{self, Beside, Found, Lock};
use super::{HASH_KEY, MIGRATIONS, convert, seat};
use crate::doctor::Finding;
use crate::error::{Doing, Result};
use crate::home::Home;
use crate::keys::Keys;
use crate::protect::{self, Wish};
use crate::store::Form;
use crate::world::World;
use rusqlite::{Connection, OpenFlags};
use std::fs;

/// The store as it is found.
#[derive(Clone, Debug)]
pub struct About {
    /// Its form; none if there is no store.
    pub form: Option<Form>,
    /// The form that it is to have, and why.
    pub wish: Wish,
    /// Its size, in bytes.
    pub bytes: u64,
}

impl About {
    /// Whether it has the form that is wanted, or one that is better.
    pub fn is_as_wished(&self) -> bool {
        self.form
            .is_none_or(|form| form == self.wish.form || !self.wish.firm)
    }
}

/// The form of the store that is there; none if there is none.
///
/// # Errors
/// [`super::Fault`] if the file is none that can be a store.
pub fn form(home: &Home) -> Result<Option<Form>> {
    Ok(match file::look(&Beside::of(home).store)? {
        Found::Nothing => None,
        Found::Plain => Some(Form::Plain),
        Found::Encrypted => Some(Form::Encrypted),
    })
}

/// The store's form and the wish, with a new look at the disk.
///
/// # Errors
/// [`super::Fault`] if the file is none that can be a store, or the wish cannot be read.
pub fn about(world: &dyn World, home: &Home) -> Result<About> {
    let path = Beside::of(home).store;
    Ok(About {
        form: form(home)?,
        wish: protect::wish_now(world, home, protect::mode(home)?)?,
        bytes: fs::metadata(&path).map_or(0, |about| about.len()),
    })
}

/// Every check of the store.
pub fn checks(world: &dyn World, home: &Home) -> Vec<Finding> {
    let about = match about(world, home) {
        Ok(about) => about,
        Err(error) => return vec![Finding::of_error(&error)],
    };
    let mut findings = vec![formed(&about)];
    if let Some(disk) = &about.wish.disk {
        findings.push(Finding::ok_because(
            format!("the disk below the personal store: {}", disk.verdict),
            disk.found.join("; "),
        ));
    }
    if about.form.is_some() {
        // A folder that cannot be written to stops every command.
        if let Err(error) = Lock::of(home) {
            findings.push(Finding::of_error(&error));
        }
        match sound(world, home, &about) {
            Ok(more) => findings.extend(more),
            Err(error) => findings.push(Finding::of_error(&error)),
        }
    }
    if convert::is_untidy(&Beside::of(home)) {
        findings.push(Finding::warn(
            "an exchange of the personal store's form did not come to its end",
            "graph.db.new or graph.db.before is left beside graph.db, which is whole",
            "Run any command, such as `aiworklab status`: it clears them away once nobody else is at work.",
        ));
    }
    findings
}

fn formed(about: &About) -> Finding {
    let why = about.wish.why();
    let Some(form) = about.form else {
        return Finding::ok_because("there is no personal store yet", why);
    };
    match (form, about.is_as_wished()) {
        (Form::Encrypted, true) if about.wish.form == Form::Plain => Finding::ok_because(
            "the personal store is encrypted (SQLCipher)",
            format!("it could be plain: {why}"),
        ),
        (Form::Encrypted, true) => {
            Finding::ok_because("the personal store is encrypted (SQLCipher)", why)
        }
        (Form::Plain, true) => Finding::ok_because("the personal store is plain", why),
        (Form::Plain, false) => Finding::warn(
            "the personal store is plain, and is to be encrypted",
            why,
            format!(
                "Run `aiworklab protect {}`: it says what stands in the way.",
                about.wish.mode.name()
            ),
        ),
        (Form::Encrypted, false) => Finding::warn(
            "the personal store is encrypted, and is to be plain",
            why,
            "Run `aiworklab protect off`: it says what stands in the way.",
        ),
    }
}

/// Opens it as it is, and asks the engine.
fn sound(world: &dyn World, home: &Home, about: &About) -> Result<Vec<Finding>> {
    let doing = "check the personal store";
    let path = Beside::of(home).store;
    let keys = Keys::of(world, home);
    let key = match (about.form, keys) {
        (Some(Form::Encrypted), keys) => {
            let keys = keys?;
            Some((convert::key(&keys)?, convert::lies(keys.place())))
        }
        _ => None,
    };
    let raw = key.as_ref().map(|(key, _)| key.as_str());
    let connection = file::connect(&path, raw, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(super::BUSY).doing(doing)?;
    let said: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| {
            let place = key.as_ref().map_or("nowhere", |(_, place)| place);
            convert::unreadable(error, key.is_some(), place, &path)
        })?;
    let mut findings = Vec::new();
    let size = bytes(about.bytes);
    if said == "ok" {
        findings.push(Finding::ok(format!("the personal store is sound, {size}")));
    } else {
        findings.push(Finding::fail(
            "the personal store is damaged",
            said,
            "Keep a copy of graph.db. Then move it away, enrol anew and run `aiworklab sync`: the appliance \
             gives back what it holds.",
        ));
    }
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .doing(doing)?;
    let known = MIGRATIONS.len() as i64;
    findings.push(if version > known {
        Finding::fail(
            format!("the personal store is of version {version}; this program knows up to {known}"),
            "",
            "Use the newer program again; nothing was changed by this one.",
        )
    } else if version < known {
        Finding::ok(format!(
            "the personal store is of version {version}; the next command brings it to {known}"
        ))
    } else {
        Finding::ok(format!(
            "the personal store is of version {version}, this program's own"
        ))
    });
    let journal: String = connection
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .doing(doing)?;
    if journal == "wal" {
        findings.push(Finding::warn(
            "the personal store still keeps a log of an older program",
            "a program of an older release has it open, or had when it was opened last",
            "End older aiworklab programs (an agent?) and run any command.",
        ));
    }
    findings.extend(lived(&connection).doing(doing)?);
    Ok(findings)
}

fn lived(connection: &Connection) -> rusqlite::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let has_key: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM fact WHERE name = ?1)",
        [HASH_KEY],
        |row| row.get(0),
    )?;
    if has_key {
        findings.push(Finding::warn(
            "the hash key still lies in the personal store",
            "an older release kept it there, and the place where keys lie could not be used since",
            "Run `aiworklab keys` and see what it says; the next command then moves the key.",
        ));
    }
    for moved in seat::Moved::ALL {
        let times: Option<i64> = connection
            .prepare("SELECT n FROM tally WHERE name = ?1")?
            .query_map([moved.name()], |row| row.get(0))?
            .next()
            .transpose()?;
        if let Some(times) = times {
            findings.push(Finding::ok_because(
                moved.name(),
                format!(
                    "noticed {}; what was recorded since stands beside it, and nothing counts twice",
                    if times == 1 { "once".to_owned() } else { format!("{times} times") }
                ),
            ));
        }
    }
    Ok(findings)
}

/// A size for people, in KiB or MiB.
fn bytes(n: u64) -> String {
    if n < 1 << 20 {
        format!("{} KiB", n.div_ceil(1 << 10))
    } else {
        format!("{}.{} MiB", n >> 20, ((n & 0xf_ffff) * 10) >> 20)
    }
}
