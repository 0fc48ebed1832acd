//! Plain to encrypted and back: a second file beside the store, checked against it, then in its place.
//!
//! | step | if the program dies there |
//! |---|---|
//! | the lock; what an exchange of before left is cleared away | the store is as it was |
//! | the key is in its place and reads back | as it was |
//! | `graph.db.new` is written, read back, compared row by row, flushed | as it was; the new file is cleared away |
//! | the store gets a second name, `graph.db.before` | as it was; the name is taken off |
//! | `graph.db.new` is renamed to `graph.db`, the folder flushed | the new form |
//! | `graph.db.before`, if plain, is written over; deleted | the new form; the next command does the rest |
//!
//! Invariant: at every moment `graph.db` is one whole store with every row.

use super::fault::Fault;
use super::file::{self, Beside, Found, Held, KEY, Lock, Spot};
use super::{APPLICATION, BUSY};
use crate::error::{Doing, Error, Result};
use crate::home::Home;
use crate::keys::{Keys, Name, Place};
use crate::world::World;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest, Sha256};
use std::fs::{self, OpenOptions};
use std::io::{self, Seek, Write};
use std::path::Path;
use zeroize::Zeroizing;

/// Room that is left beside a second copy, in bytes.
const SPARE: u64 = 1 << 20;
/// How much is written over at once.
const PIECE: usize = 1 << 16;

/// How a store lies on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As SQLite writes it.
    Plain,
    /// As SQLCipher does.
    Encrypted,
}

impl Form {
    /// In a word, as `--json` says it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Encrypted => "encrypted",
        }
    }
}

/// What an exchange did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Converted {
    /// The form that it has now.
    pub to: Form,
    /// Rows of all tables, each compared.
    pub rows: u64,
    /// Size of the new file, in bytes.
    pub bytes: u64,
}

/// Where the key lies, in words.
pub(super) const fn lies(place: Place) -> &'static str {
    match place {
        Place::Keychain => "in the system's keychain",
        Place::File => "in the keys file of this folder",
    }
}

/// The key of a store that is there.
pub(super) fn key(keys: &Keys) -> Result<Zeroizing<String>> {
    let place = lies(keys.place());
    let bytes = keys.get(&Name::StoreKey)?;
    match bytes {
        Some(bytes) if bytes.len() == KEY => Ok(file::raw_key(&bytes)),
        Some(_) => Err(Fault::OtherKey { place }.into()),
        None => Err(Fault::NoKey { place }.into()),
    }
}

/// The key of a store that is to be: made if there is none, and read back before anything leans on it.
pub(super) fn new_key(world: &dyn World, keys: &Keys) -> Result<Zeroizing<String>> {
    drop(keys.get_or_make(world, &Name::StoreKey, KEY)?);
    key(keys)
}

/// Gives the store the form `to`; `None` if it has it, or if there is no store.
///
/// # Errors
/// [`Fault`] with the store as it was; the engine's.
pub fn convert(world: &dyn World, home: &Home, to: Form) -> Result<Option<Converted>> {
    home.ensure()?;
    let lock = Lock::of(home)?;
    let held = lock.alone().map_err(|source| Fault::Disk {
        doing: "lock",
        path: home.path().to_owned(),
        source,
    })?;
    exchange(world, home, &held, to)
}

/// The same, if nobody is at work at this moment.
pub(super) fn convert_now(
    world: &dyn World,
    home: &Home,
    lock: &Lock,
    to: Form,
) -> Result<Option<Converted>> {
    match lock.alone_now() {
        Some(held) => exchange(world, home, &held, to),
        None => Ok(None),
    }
}

fn exchange(world: &dyn World, home: &Home, held: &Held, to: Form) -> Result<Option<Converted>> {
    let beside = Beside::of(home);
    tidy(&beside, held)?;
    let from = match (file::look(&beside.store)?, to) {
        (Found::Plain, Form::Encrypted) => Form::Plain,
        (Found::Encrypted, Form::Plain) => Form::Encrypted,
        _ => return Ok(None),
    };
    let keys = Keys::of(world, home)?;
    let (old_key, new_key) = match to {
        Form::Encrypted => (None, Some(new_key(world, &keys)?)),
        Form::Plain => (Some(key(&keys)?), None),
    };
    step("key");
    room(&beside.store)?;
    let old = sole(&beside.store, old_key.as_deref().map(String::as_str), &keys)?;
    let made = copy(&old, &beside, new_key.as_deref().map(String::as_str), to);
    let made = match made {
        Ok(made) => made,
        Err(error) => {
            // The half copy is of no use, and may be plain.
            let _ = wipe(&beside.fresh);
            return Err(error);
        }
    };
    step("copied");
    put(&beside, old, held)?;
    if from == Form::Plain {
        wipe(&beside.before)?;
    } else {
        file::remove(&beside.before)?;
    }
    step("wiped");
    flush_folder(&beside.store)?;
    Ok(Some(made))
}

/// Opens the store for nobody else, in a journal that can be exchanged with its file.
fn sole(path: &Path, key: Option<&str>, keys: &Keys) -> Result<Connection> {
    let connection = file::connect(path, key, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection
        .busy_timeout(BUSY)
        .doing("open the personal store")?;
    let readable = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
    readable.map_err(|error| unreadable(error, key.is_some(), lies(keys.place()), path))?;
    ours(&connection, path)?;
    let in_use = |source| Fault::InUse { source };
    let mode: String = connection
        .query_row("PRAGMA main.journal_mode = TRUNCATE", [], |row| row.get(0))
        .map_err(|error| in_use(Some(error)))?;
    if mode != "truncate" {
        return Err(in_use(None).into());
    }
    connection
        .execute_batch("PRAGMA foreign_keys = OFF; PRAGMA main.locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT;")
        .map_err(|error| in_use(Some(error)))?;
    if told(&connection, "PRAGMA main.integrity_check")? != ["ok"] {
        return Err(Error::StoreDamaged { what: "page" });
    }
    Ok(connection)
}

/// Whether a database is one of this program, or an empty one.
pub(super) fn ours(connection: &Connection, path: &Path) -> Result<()> {
    let (of, tables, facts): (i64, i64, i64) = connection
        .query_row(
            "SELECT (SELECT application_id FROM pragma_application_id), count(*),
                    coalesce(sum(name = 'fact'), 0) FROM sqlite_schema WHERE type = 'table'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .doing("read the personal store")?;
    // The first releases marked a store only at its end.
    if of == APPLICATION || (of == 0 && (tables == 0 || facts == 1)) {
        return Ok(());
    }
    Err(Fault::NoStore {
        path: path.to_owned(),
        why: "it is another program's database",
    }
    .into())
}

/// The engine's "not a database", said as what it is.
pub(super) fn unreadable(
    error: rusqlite::Error,
    encrypted: bool,
    place: &'static str,
    path: &Path,
) -> Error {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) {
        if encrypted {
            return Fault::OtherKey { place }.into();
        }
        return Fault::NoStore {
            path: path.to_owned(),
            why: "what follows its first bytes is no database",
        }
        .into();
    }
    Error::Store {
        doing: "read the personal store",
        source: error,
    }
}

fn told(connection: &Connection, pragma: &str) -> Result<Vec<String>> {
    let doing = "check the personal store";
    let mut statement = connection.prepare(pragma).doing(doing)?;
    let rows = statement.query_map([], |row| row.get(0)).doing(doing)?;
    rows.collect::<rusqlite::Result<_>>().doing(doing)
}

/// Writes the second file and compares it with the first.
fn copy(old: &Connection, beside: &Beside, key: Option<&str>, to: Form) -> Result<Converted> {
    let doing = "copy the personal store";
    file::make(&beside.fresh)?;
    step("made");
    let path = beside.fresh.to_str().ok_or_else(|| Fault::Disk {
        doing: "name",
        path: beside.fresh.clone(),
        source: io::ErrorKind::InvalidFilename.into(),
    })?;
    old.execute(
        "ATTACH DATABASE ?1 AS fresh KEY ?2",
        [path, key.unwrap_or_default()],
    )
    .doing(doing)?;
    // What it holds is flushed as a whole before it counts.
    old.execute_batch("PRAGMA fresh.journal_mode = OFF; PRAGMA fresh.synchronous = OFF;")
        .doing(doing)?;
    old.query_row("SELECT sqlcipher_export('fresh')", [], |_| Ok(()))
        .doing(doing)?;
    step("exported");
    let version: i64 = old
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .doing(doing)?;
    old.execute_batch(&format!(
        "PRAGMA fresh.user_version = {version}; PRAGMA fresh.application_id = {APPLICATION};"
    ))
    .doing(doing)?;
    old.execute("DETACH DATABASE fresh", []).doing(doing)?;
    let fresh = file::connect(&beside.fresh, key, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    if told(&fresh, "PRAGMA integrity_check")? != ["ok"] {
        return Err(Fault::Unequal {
            what: "its inner order",
        }
        .into());
    }
    if to == Form::Encrypted && !told(&fresh, "PRAGMA cipher_integrity_check")?.is_empty() {
        return Err(Fault::Unequal {
            what: "a page's code",
        }
        .into());
    }
    let (held, copied) = (Contents::of(old)?, Contents::of(&fresh)?);
    if held.version != copied.version {
        return Err(Fault::Unequal {
            what: "its version",
        }
        .into());
    }
    if held.rows != copied.rows {
        return Err(Fault::Unequal {
            what: "how many rows",
        }
        .into());
    }
    if held.digest != copied.digest {
        return Err(Fault::Unequal { what: "a row" }.into());
    }
    fresh
        .close()
        .map_err(|(_, source)| Error::Store { doing, source })?;
    step("compared");
    file::flush(&beside.fresh)?;
    let bytes = fs::metadata(&beside.fresh).map_or(0, |about| about.len());
    Ok(Converted {
        to,
        rows: held.rows,
        bytes,
    })
}

/// The new file in the place of the old one, which keeps a second name.
fn put(beside: &Beside, old: Connection, _held: &Held) -> Result<()> {
    let disk = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| Fault::Disk {
            doing,
            path,
            source,
        }
    };
    fs::hard_link(&beside.store, &beside.before).map_err(disk("name", &beside.before))?;
    flush_folder(&beside.store)?;
    step("named");
    fs::rename(&beside.fresh, &beside.store).map_err(disk("put into its place", &beside.store))?;
    step("renamed");
    flush_folder(&beside.store)?;
    // It was held until here, so that no program of an older build wrote to it behind our back.
    drop(old);
    file::remove_sides(&beside.store);
    Ok(())
}

fn flush_folder(path: &Path) -> Result<(), Fault> {
    path.parent().map_or(Ok(()), file::flush)
}

/// Whether something of an exchange is left.
pub(super) fn is_untidy(beside: &Beside) -> bool {
    beside.fresh.exists() || beside.before.exists()
}

/// Clears away what an exchange left that did not come to its end.
pub(super) fn tidy(beside: &Beside, _held: &Held) -> Result<()> {
    if beside.fresh.exists() {
        wipe(&beside.fresh)?;
    }
    if let Some(before) = Spot::of(&beside.before) {
        match Spot::of(&beside.store) {
            // Two names of one file: the exchange had not happened.
            Some(store) if store == before => {
                fs::remove_file(&beside.before).map_err(|source| Fault::Disk {
                    doing: "delete",
                    path: beside.before.clone(),
                    source,
                })?;
            }
            Some(_) => wipe(&beside.before)?,
            // Somebody took the store away since then: this is all that there is.
            None => fs::rename(&beside.before, &beside.store).map_err(|source| Fault::Disk {
                doing: "put back",
                path: beside.store.clone(),
                source,
            })?,
        }
    }
    Ok(())
}

/// Writes over a file that has one name, and deletes it.
fn wipe(path: &Path) -> Result<(), Fault> {
    let written = (|| {
        let mut file = OpenOptions::new().write(true).open(path)?;
        let mut left = file.metadata()?.len();
        file.rewind()?;
        let zeros = [0; PIECE];
        while left > 0 {
            let piece = zeros.len().min(usize::try_from(left).unwrap_or(PIECE));
            file.write_all(zeros.get(..piece).unwrap_or(&zeros))?;
            left -= piece as u64;
        }
        file.sync_all()
    })();
    match written {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => {
            return Err(Fault::Disk {
                doing: "write over",
                path: path.to_owned(),
                source,
            });
        }
        Ok(()) => {}
    }
    step("overwritten");
    file::remove(path)
}

/// Whether a second copy fits.
fn room(path: &Path) -> Result<()> {
    let Ok(about) = fs::metadata(path) else {
        return Ok(());
    };
    let Ok(disk) = rustix::fs::statvfs(path) else {
        return Ok(());
    };
    let needed = about.len() + about.len() / 8 + SPARE;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free < needed {
        return Err(Fault::NoRoom {
            path: path.to_owned(),
            needed: needed - free,
            free,
        }
        .into());
    }
    Ok(())
}

/// Every row of every table, as one number.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contents {
    version: i64,
    pub(super) rows: u64,
    pub(super) digest: [u8; 32],
}

impl Contents {
    pub(super) fn of(connection: &Connection) -> Result<Self> {
        let doing = "read the personal store";
        let version = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .doing(doing)?;
        let mut hash = Sha256::new();
        let mut rows = 0;
        let mut named = connection
            .prepare("SELECT type, name, coalesce(sql, '') FROM sqlite_schema ORDER BY type, name")
            .doing(doing)?;
        let schema: Vec<(String, String, String)> = named
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .and_then(Iterator::collect)
            .doing(doing)?;
        for (kind, name, sql) in schema {
            for text in [&kind, &name, &sql] {
                hash.update((text.len() as u64).to_le_bytes());
                hash.update(text.as_bytes());
            }
            if kind == "table" {
                rows += table(connection, &name, &mut hash).doing(doing)?;
            }
        }
        Ok(Self {
            version,
            rows,
            digest: hash.finalize().into(),
        })
    }
}

fn table(connection: &Connection, name: &str, hash: &mut Sha256) -> rusqlite::Result<u64> {
    let quoted = name.replace('"', "\"\"");
    let mut statement = connection.prepare(&format!("SELECT * FROM \"{quoted}\" NOT INDEXED"))?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut n = 0;
    while let Some(row) = rows.next()? {
        n += 1;
        for column in 0..columns {
            let (tag, bytes): (u8, Vec<u8>) = match row.get_ref(column)? {
                ValueRef::Null => (0, Vec::new()),
                ValueRef::Integer(number) => (1, number.to_le_bytes().to_vec()),
                ValueRef::Real(number) => (2, number.to_bits().to_le_bytes().to_vec()),
                ValueRef::Text(text) => (3, text.to_vec()),
                ValueRef::Blob(bytes) => (4, bytes.to_vec()),
            };
            hash.update([tag]);
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(&bytes);
        }
    }
    Ok(n)
}

/// A place at which a test may end the process.
#[cfg(not(test))]
const fn step(_name: &str) {}

#[cfg(test)]
use super::convert_tests::step;
