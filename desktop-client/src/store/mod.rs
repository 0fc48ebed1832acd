//! The personal store: one SQLite file of the engineer's, and the only place with SQL.
//!
//! A rollback journal and `synchronous=FULL`: what a command said is done, is on disk. `secure_delete`:
//! what was forgotten is overwritten. The file is mode 0600, and encrypted where `protect` wants it so;
//! which of both it is, the file itself says ([`file`]). [`convert`] exchanges one for the other, [`seat`]
//! notices copies and older states.
//!
//! Invariant: a store of a newer version is refused before anything is written, and a file that does not
//! open is never replaced by an empty one.

mod asks;
mod checks;
mod convert;
#[cfg(test)]
mod convert_tests;
mod decisions;
mod export;
mod facts;
mod fault;
mod file;
mod meetings;
mod own;
mod packs;
mod rows;
mod seat;
#[cfg(test)]
mod seat_tests;
mod shown;
#[cfg(test)]
mod tests;
mod wishes;

pub use asks::{Ask, NewAsk, Outcome};
pub use checks::{About, about, checks, form};
pub use convert::{Form, convert};
pub use decisions::Decided;
pub use export::LEFT_OUT;
pub use facts::{Contact, Enrolment, fresh_stream};
pub use fault::Fault;
pub use file::Found;
pub use meetings::{DECISIONS_KEPT_S, MENTIONS_KEPT_S, Met, MomentRow, NewMention};
pub use own::{OwnLine, OwnTrouble};
pub use packs::{Kept, Trouble};
pub use seat::new_stream;
pub use shown::{Pause, Way};
pub use wishes::RuleOf;

use crate::error::{Doing, Error, Result};
use crate::home::Home;
use crate::keys::{Keys, Name};
use crate::protect;
use crate::world::World;
use file::{Beside, Held, Lock, Spot};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::cell::OnceCell;
use std::fs;
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

/// Each brings the store one version further.
const MIGRATIONS: [&str; 6] = [
    include_str!("0001_first.sql"),
    include_str!("0002_pack.sql"),
    include_str!("0003_why.sql"),
    include_str!("0004_store.sql"),
    include_str!("0005_show.sql"),
    include_str!("0006_model.sql"),
];
/// Marks the file as ours (`PRAGMA application_id`): "aiwl".
const APPLICATION: i64 = 0x6169_776c;
/// How long a command waits for another one's write.
const BUSY: Duration = Duration::from_secs(10);
/// The key under which this device hashes, as older programs kept it.
const HASH_KEY: &str = "hash_key";

/// The personal store, open.
pub struct Store {
    connection: Connection,
    /// Where it lies; none for one that is thrown away.
    at: Option<At>,
    secret: Secret,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let home = self.at.as_ref().map(|at| at.home.path());
        f.debug_struct("Store").field("home", &home).finish()
    }
}

struct At {
    home: Home,
    lock: Lock,
    spot: Option<Spot>,
    machine: Option<Vec<u8>>,
    noted: Option<seat::Mark>,
}

/// The key under which this device hashes what must not be guessed back.
enum Secret {
    /// Of a store that is thrown away.
    Drawn(OnceCell<Zeroizing<Vec<u8>>>),
    /// In the place of all keys, read when it is needed first.
    Kept(Option<Keys>, OnceCell<Zeroizing<Vec<u8>>>),
}

impl Secret {
    fn keys(&self) -> Option<&Keys> {
        match self {
            Self::Drawn(_) => None,
            Self::Kept(keys, _) => keys.as_ref(),
        }
    }

    fn get(&self, world: &dyn World) -> Result<Zeroizing<Vec<u8>>> {
        let (Self::Drawn(known) | Self::Kept(_, known)) = self;
        if let Some(key) = known.get() {
            return Ok(key.clone());
        }
        let key = match self.keys() {
            Some(keys) => keys.get_or_make(world, &Name::HashKey, file::KEY)?,
            None => {
                let mut key = Zeroizing::new(vec![0; file::KEY]);
                if !world.fill(&mut key) {
                    return Err(Error::NoRandomness);
                }
                key
            }
        };
        Ok(known.get_or_init(|| key).clone())
    }
}

/// One transaction: all of it or nothing. Every statement of this crate runs in one.
pub struct Txn<'a> {
    inner: rusqlite::Transaction<'a>,
    secret: &'a Secret,
}

impl std::fmt::Debug for Txn<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Txn").finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store of this folder, makes it if it is not there, and brings it up to date. A new one gets
    /// the form that is wanted; one that has another form gets it now, if nobody else is at work.
    ///
    /// # Errors
    /// [`Fault`] for a file that does not open; [`Error::StoreTooNew`] for one of a newer program;
    /// [`Error::Store`] for the engine's.
    pub fn open(world: &dyn World, home: &Home) -> Result<Self> {
        Self::open_on(world, home, platform::machine::identity())
    }

    /// The same, on a machine with this identity.
    fn open_on(world: &dyn World, home: &Home, machine: Option<Vec<u8>>) -> Result<Self> {
        home.ensure()?;
        home.clear_leftovers(world.now());
        let lock = Lock::of(home)?;
        let beside = Beside::of(home);
        if convert::is_untidy(&beside)
            && let Some(held) = lock.alone_now()
        {
            // What cannot be cleared away now hinders nobody; `doctor` names it.
            let _ = convert::tidy(&beside, &held);
        }
        match file::look(&beside.store)? {
            Found::Nothing => Self::create(world, home, &lock, &beside)?,
            found => adapt(world, home, &lock, found),
        }
        let keys = Keys::of(world, home);
        let held = lock.shared();
        let spot = Spot::of(&beside.store);
        let connection = match (file::look(&beside.store)?, &keys) {
            (Found::Nothing, _) => return Err(Fault::Gone { path: beside.store }.into()),
            (Found::Encrypted, Err(_)) => return Err(keys.err().unwrap_or(Error::NoRandomness)),
            (_, keys) => connected(&beside.store, keys.as_ref().ok())?,
        };
        drop(held);
        let mut store = Self {
            connection,
            at: Some(At {
                home: home.clone(),
                lock,
                spot,
                machine: machine.clone(),
                noted: None,
            }),
            secret: Secret::Kept(keys.ok(), OnceCell::new()),
        };
        store.take_key_out()?;
        let moved = store.read(|txn| txn.moved(home, machine.as_deref()))?;
        if moved.is_some() {
            store.write(|txn| txn.take_seat(world, home, machine.as_deref()))?;
        }
        Ok(store)
    }

    /// Makes a store in the place of nothing: whole under another name first.
    fn create(world: &dyn World, home: &Home, lock: &Lock, beside: &Beside) -> Result<()> {
        let held = lock.alone().map_err(|source| Fault::Disk {
            doing: "lock",
            path: home.path().to_owned(),
            source,
        })?;
        convert::tidy(beside, &held)?;
        if file::look(&beside.store)? != Found::Nothing {
            return Ok(());
        }
        let key = match protect::wish(world, home)?.form {
            Form::Encrypted => Some(convert::new_key(world, &Keys::of(world, home)?)?),
            Form::Plain => None,
        };
        let made = (|| {
            file::make(&beside.fresh)?;
            let key = key.as_deref().map(String::as_str);
            let fresh = file::connect(&beside.fresh, key, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            let fresh = prepared(fresh, None)?;
            fresh.close().map_err(|(_, source)| Error::Store {
                doing: "make the personal store",
                source,
            })?;
            file::flush(&beside.fresh)?;
            // A journal without its store would be played into the new one.
            file::remove_sides(&beside.fresh);
            file::remove_sides(&beside.store);
            fs::rename(&beside.fresh, &beside.store).map_err(|source| Fault::Disk {
                doing: "put into its place",
                path: beside.store.clone(),
                source,
            })?;
            Ok(file::flush(home.path())?)
        })();
        if made.is_err() {
            let _ = file::remove(&beside.fresh);
        }
        made
    }

    /// Opens the store to look at it: nothing is made and nothing is brought up to date. `None` if
    /// there is none, or none that this program reads as it is.
    pub fn peek(world: &dyn World, home: &Home) -> Option<Self> {
        let path = home.database();
        let keys = Keys::of(world, home).ok();
        let key = match file::look(&path).ok()? {
            Found::Nothing => return None,
            Found::Plain => None,
            Found::Encrypted => Some(convert::key(keys.as_ref()?).ok()?),
        };
        let key = key.as_deref().map(String::as_str);
        let connection = file::connect(&path, key, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
        connection.busy_timeout(BUSY).ok()?;
        let found: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .ok()?;
        (found == Self::version()).then(|| Self {
            connection,
            at: None,
            secret: Secret::Kept(keys, OnceCell::new()),
        })
    }

    /// A store in a folder that is thrown away: plain, with a key of its own, and without what protects
    /// against a power cut. It is as exact as another one, and some ten times as fast.
    ///
    /// # Errors
    /// The engine's.
    pub fn thrown_away(home: &Home) -> Result<Self> {
        home.ensure()?;
        file::make(&home.database())?;
        let connection = file::connect(&home.database(), None, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let connection = prepared(connection, None)?;
        connection
            .pragma_update(None, "synchronous", "OFF")
            .doing("prepare the personal store")?;
        Ok(Self {
            connection,
            at: None,
            secret: Secret::Drawn(OnceCell::new()),
        })
    }

    /// Gives up what protects against a power cut.
    #[cfg(test)]
    pub fn hurry(&mut self) -> Result<()> {
        self.connection
            .pragma_update(None, "synchronous", "OFF")
            .doing("prepare the personal store")
    }

    /// A store that lives as long as this value.
    #[cfg(test)]
    pub fn in_memory() -> Self {
        Self {
            connection: prepared(Connection::open_in_memory().unwrap(), None).unwrap(),
            at: None,
            secret: Secret::Drawn(OnceCell::new()),
        }
    }

    /// Holds the store's file in its place, opened anew if another one lies there since.
    fn ready(&mut self) -> Result<Option<Held>> {
        let Some(at) = &mut self.at else {
            return Ok(None);
        };
        let held = at.lock.shared();
        let path = Beside::of(&at.home).store;
        let spot = Spot::of(&path);
        if spot == at.spot {
            return Ok(Some(held));
        }
        if spot.is_none() {
            return Err(Fault::Gone { path }.into());
        }
        self.connection = connected(&path, self.secret.keys())?;
        at.spot = spot;
        at.noted = None;
        // A form that was exchanged is the same store; another one may be an older state of it.
        let mut txn = begun(&mut self.connection, &self.secret)?;
        if let Some(Some(moved)) = txn.moved(&at.home, at.machine.as_deref())? {
            txn.leave_stream(moved)?;
            txn.inner.commit().doing("write to the personal store")?;
        }
        Ok(Some(held))
    }

    /// Moves the hash key of an older program's store to where all keys are. As long as that fails, it
    /// works where it lies.
    fn take_key_out(&mut self) -> Result<()> {
        let Some(key) = self.read(|txn| txn.fact::<Vec<u8>>(HASH_KEY))? else {
            return Ok(());
        };
        let key = Zeroizing::new(key);
        let lies = |keys: &Keys| matches!(keys.get(&Name::HashKey), Ok(Some(there)) if there[..] == key[..]);
        let moved = self.secret.keys().is_some_and(|keys| {
            lies(keys) || (keys.set(&Name::HashKey, &key).is_ok() && lies(keys))
        });
        if moved {
            self.write(|txn| txn.drop_fact(HASH_KEY))?;
            self.clear_log()?;
        }
        Ok(())
    }

    /// Runs `work` in one transaction: written if it succeeds, as it was if it fails.
    ///
    /// # Errors
    /// What `work` fails with, or the engine.
    pub fn write<T>(&mut self, work: impl FnOnce(&mut Txn<'_>) -> Result<T>) -> Result<T> {
        let _held = self.ready()?;
        let mut txn = begun(&mut self.connection, &self.secret)?;
        let result = work(&mut txn)?;
        let mark = if self.at.is_some() { txn.mark()? } else { None };
        txn.inner.commit().doing("write to the personal store")?;
        if let (Some(at), Some(mark)) = (&mut self.at, mark)
            && at.noted != Some(mark)
        {
            seat::note(&at.home, mark);
            at.noted = Some(mark);
        }
        Ok(result)
    }

    /// Runs `work` on one unchanging view of the store.
    ///
    /// # Errors
    /// What `work` fails with, or the engine.
    pub fn read<T>(&mut self, work: impl FnOnce(&mut Txn<'_>) -> Result<T>) -> Result<T> {
        let _held = self.ready()?;
        let inner = self
            .connection
            .transaction()
            .doing("read the personal store")?;
        work(&mut Txn {
            inner,
            secret: &self.secret,
        })
    }

    /// Moves what was overwritten out of the log too, where an older program still keeps one, so that
    /// nothing forgotten is left in it.
    ///
    /// # Errors
    /// The engine's.
    pub fn clear_log(&mut self) -> Result<()> {
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .doing("clear the store's log")
    }

    /// The store's version.
    pub const fn version() -> i64 {
        MIGRATIONS.len() as i64
    }
}

/// Begins a change.
fn begun<'a>(connection: &'a mut Connection, secret: &'a Secret) -> Result<Txn<'a>> {
    let inner = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .doing("begin a change of the personal store")?;
    Ok(Txn { inner, secret })
}

/// Opens the file that is there and brings it up to date.
fn connected(path: &Path, keys: Option<&Keys>) -> Result<Connection> {
    let (key, place) = match (file::look(path)?, keys) {
        (Found::Encrypted, Some(keys)) => (Some(convert::key(keys)?), Some(keys.place())),
        (Found::Encrypted, None) => {
            return Err(Fault::NoKey {
                place: "in any place that could be asked",
            }
            .into());
        }
        (Found::Nothing | Found::Plain, _) => (None, None),
    };
    let key = key.as_deref().map(String::as_str);
    let connection = file::connect(path, key, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Asked for first: a file that is none of ours is to be named as such.
    connection
        .busy_timeout(BUSY)
        .doing("open the personal store")?;
    let readable = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
    readable.map_err(|error| {
        let place = place.map_or("nowhere", convert::lies);
        convert::unreadable(error, key.is_some(), place, path)
    })?;
    prepared(connection, Some(path))
}

/// Gives the store the form that is wanted, if nobody is at work and nothing stands in the way.
fn adapt(world: &dyn World, home: &Home, lock: &Lock, found: Found) {
    let Ok(wish) = protect::wish(world, home) else {
        return;
    };
    let has = if found == Found::Plain {
        Form::Plain
    } else {
        Form::Encrypted
    };
    if wish.firm && wish.form != has {
        // What stood in the way is said by `doctor` and by `aiworklab protect`; the store works either way.
        let _ = convert::convert_now(world, home, lock, wish.form);
    }
}

fn prepared(mut connection: Connection, path: Option<&Path>) -> Result<Connection> {
    let doing = "prepare the personal store";
    connection.busy_timeout(BUSY).doing(doing)?;
    if let Some(path) = path {
        convert::ours(&connection, path)?;
    }
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .doing("read the personal store")?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(Error::StoreTooNew { found, known });
    }
    // An older program that still holds its log keeps it; the next command tries again.
    let mode = connection.query_row("PRAGMA journal_mode = TRUNCATE", [], |_| Ok(()));
    match mode.as_ref().map_err(rusqlite::Error::sqlite_error_code) {
        Ok(())
        | Err(Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)) => {}
        Err(_) => mode.doing(doing)?,
    }
    connection
        .execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON;
             PRAGMA trusted_schema = OFF;",
        )
        .doing(doing)?;
    if found < known {
        let txn = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .doing(doing)?;
        // Another process may have been here between the two looks.
        let found: i64 = txn
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .doing(doing)?;
        for step in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
            txn.execute_batch(step)
                .doing("bring the personal store up to date")?;
        }
        txn.pragma_update(None, "application_id", APPLICATION)
            .doing(doing)?;
        txn.pragma_update(None, "user_version", known)
            .doing(doing)?;
        txn.commit().doing(doing)?;
    }
    Ok(connection)
}

/// The id of this folder: another one once a copy or an older state was noticed.
///
/// # Errors
/// [`Error::StoreDamaged`] if the store was never opened here.
pub fn instance(home: &Home) -> Result<[u8; 16]> {
    seat::instance(home)
}
