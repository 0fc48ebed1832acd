//! T3 Code's event table, read along where the engineer said so (`aiworklab setup t3code`).
//!
//! T3 Code has no hooks. It writes what happens into a SQLite file of its own; rows that came since the last
//! look are taken into the spool like any hook's event. Its file is opened only to be read, for one short
//! look at a time, and only if it changed: no transaction of ours is ever open while T3 Code works, so
//! that its log can be folded in. It is another program's file, so its one query stands here and not with
//! the personal store's.
//!
//! Invariant: a row counts once, also if we die between taking it and noting how far we are: its id is made
//! of the row's own. A table of another shape is named, and read no further; nothing here is fatal.

use crate::home::{self, Home};
use crate::spool::{self, Id, MAX_PAYLOAD_BYTES};
use crate::world::World;
use kernel::event::Harness;
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Most rows of one look.
const ROWS: usize = 100;
/// Looks in a row, before others have their turn.
const LOOKS: usize = 20;
/// How long a look waits for a lock of T3 Code's.
const BUSY: Duration = Duration::from_millis(20);
/// Folders of T3 Code's in which its database may lie: of the program, of a development server.
const FOLDERS: [&str; 2] = ["userdata", "dev"];
/// What is read of a row.
const COLUMNS: [&str; 5] = [
    "sequence",
    "event_id",
    "event_type",
    "occurred_at",
    "payload_json",
];

/// What `t3code.toml` says.
#[derive(Deserialize)]
struct Named {
    base_dir: PathBuf,
}

/// Where T3 Code's database lies, if the engineer named its folder.
pub fn database(home: &Home) -> Option<PathBuf> {
    let text = fs::read_to_string(home.path().join("t3code.toml")).ok()?;
    let named: Named = toml::from_str(&text).ok()?;
    let at = |folder: &str| named.base_dir.join(folder).join("state.sqlite");
    let found = FOLDERS
        .iter()
        .map(|folder| at(folder))
        .find(|path| path.exists());
    named
        .base_dir
        .is_absolute()
        .then(|| found.unwrap_or_else(|| at(FOLDERS[0])))
}

/// How far a database was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Read {
    database: PathBuf,
    sequence: i64,
}

fn kept(home: &Home) -> PathBuf {
    home.path().join("t3code.json")
}

/// What the database turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Its events can be read.
    Known,
    /// It has only the event table of later versions.
    Later,
    /// It has an event table with other columns.
    Other,
    /// It has no event table.
    None,
}

/// Looks what the database is.
///
/// # Errors
/// The engine's.
pub fn shape(database: &Path) -> rusqlite::Result<Shape> {
    let connection = open(database)?;
    let columns = columns(&connection, "orchestration_events")?;
    if COLUMNS
        .iter()
        .all(|name| columns.iter().any(|has| has == name))
    {
        return Ok(Shape::Known);
    }
    let later = !self::columns(&connection, "orchestration_v2_events")?.is_empty();
    Ok(match (columns.is_empty(), later) {
        (_, true) => Shape::Later,
        (true, false) => Shape::None,
        (false, false) => Shape::Other,
    })
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare("SELECT name FROM pragma_table_info(?1)")?
        .query_map([table], |row| row.get(0))?
        .collect()
}

/// Opens it to be read. Without its log T3 Code does not run: then nothing beside it is made by us either.
fn open(database: &Path) -> rusqlite::Result<Connection> {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    let mut address = url::Url::from_file_path(database)
        .map_err(|()| rusqlite::Error::InvalidPath(database.to_owned()))?;
    address.set_query(Some(if Path::new(&log).exists() {
        "mode=ro"
    } else {
        "immutable=1"
    }));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(address.as_str(), flags)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

/// When and how long both files are: what changes if a row is added.
type Stamp = [Option<(i64, i64, u64, u64)>; 2];

fn stamp(database: &Path) -> Stamp {
    let of = |path: &Path| {
        let data = fs::metadata(path).ok()?;
        Some((data.mtime(), data.mtime_nsec(), data.len(), data.ino()))
    };
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    [of(database), of(Path::new(&log))]
}

/// Reads along.
#[derive(Debug, Default)]
pub struct Watch {
    read: Option<Read>,
    stamp: Option<Stamp>,
}

/// What a look found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Whether there is something to look at.
    pub watching: bool,
    /// Rows that were taken into the spool.
    pub taken: u64,
}

impl Watch {
    /// Takes what came since the last look. The first look of all takes nothing: what happened before
    /// the engineer let us read along is not ours.
    pub fn look(&mut self, world: &dyn World, home: &Home) -> Looked {
        let Some(database) = database(home) else {
            *self = Self::default();
            return Looked::default();
        };
        let mut looked = Looked {
            watching: true,
            taken: 0,
        };
        let now = stamp(&database);
        if self.stamp == Some(now) {
            return looked;
        }
        // A look that fails (a lock, a table of another shape) changes nothing; the next one may not.
        for _ in 0..LOOKS {
            match self.once(world, home, &database) {
                Some(taken) => {
                    looked.taken += taken;
                    if taken < ROWS as u64 {
                        self.stamp = Some(now);
                        break;
                    }
                }
                None => break,
            }
        }
        looked
    }

    fn once(&mut self, world: &dyn World, home: &Home, database: &Path) -> Option<u64> {
        if self.read.is_none() {
            self.read = fs::read(kept(home))
                .ok()
                .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        }
        let of_this = self.read.as_ref().filter(|read| read.database == database);
        let from = of_this.map(|read| read.sequence);
        let (last, rows) = rows(database, from).ok()?;
        for row in &rows {
            let at = row.at.unwrap_or_else(|| world.now());
            let cut = row.payload.len() > MAX_PAYLOAD_BYTES;
            let kept = row.payload.len().min(MAX_PAYLOAD_BYTES);
            let frame = spool::frame(Harness::T3Code, at, &row.payload[..kept], cut, row.id);
            // A spool that is full takes the row at a later look.
            spool::append_frame(&home.spool(), &frame).ok()?;
        }
        let read = Read {
            database: database.to_owned(),
            sequence: rows.last().map_or(last, |row| row.sequence),
        };
        if self.read.as_ref() != Some(&read) {
            home::write_whole(&kept(home), 0o600, json!(read).to_string().as_bytes()).ok()?;
            self.read = Some(read);
        }
        Some(rows.len() as u64)
    }
}

/// One event.
struct Row {
    sequence: i64,
    id: Id,
    at: Option<i64>,
    payload: Vec<u8>,
}

/// The rows after `from`, and how far there is something to read. None if it is not known how far it was
/// read, or if it was read further than it is long: another file in the place of the one that was.
fn rows(database: &Path, from: Option<i64>) -> rusqlite::Result<(i64, Vec<Row>)> {
    let connection = open(database)?;
    let last: Option<i64> = connection.query_row(
        "SELECT max(sequence) FROM orchestration_events",
        [],
        |row| row.get(0),
    )?;
    let last = last.unwrap_or(0);
    let Some(from) = from.filter(|from| *from <= last) else {
        return Ok((last, Vec::new()));
    };
    if from == last {
        return Ok((last, Vec::new()));
    }
    let rows = connection
        .prepare(
            "SELECT sequence, event_id, event_type, occurred_at, substr(payload_json, 1, ?3)
             FROM orchestration_events WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
        )?
        .query_map((from, ROWS as i64, MAX_PAYLOAD_BYTES as i64 + 1), |row| {
            let (event, kind): (String, String) = (row.get(1)?, row.get(2)?);
            let (at, said): (String, String) = (row.get(3)?, row.get(4)?);
            let at: Option<jiff::Timestamp> = at.parse().ok();
            let mut id = spool::NO_ID;
            id.copy_from_slice(&Sha256::digest(["t3code", &event].concat())[..16]);
            let stream = serde_json::Map::from_iter([
                ("event_type".to_owned(), kind.into()),
                ("payload_json".to_owned(), said.into()),
            ]);
            Ok(Row {
                sequence: row.get(0)?,
                id,
                at: at.map(|at| at.as_second()),
                payload: serde_json::Value::Object(stream).to_string().into_bytes(),
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok((last, rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{self, Ears};
    use crate::store::Store;
    use crate::world::still::Still;
    use kernel::sync::Rows;
    use serde_json::Value;

    const EVENTS: &str = include_str!("../../../tests/captures/t3code/orchestration_events.jsonl");
    /// What Codex's own hook told of the same turns.
    const HOOKS: &str = include_str!("../../../tests/captures/t3code/codex-hooks.jsonl");
    /// The day of the recording.
    const NOW: i64 = 1_795_502_400;

    struct Bench {
        folder: tempfile::TempDir,
        home: Home,
        world: Still,
        store: Store,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let home = Home::at(folder.path().join("home"));
            let world = Still::at(NOW);
            let store = Store::open(&world, &home).unwrap();
            fs::write(
                home.path().join("t3code.toml"),
                format!("base_dir = {:?}\n", folder.path().join("t3")),
            )
            .unwrap();
            Self {
                folder,
                home,
                world,
                store,
            }
        }

        /// T3 Code's own connection, with its table.
        fn t3(&self) -> Connection {
            let userdata = self.folder.path().join("t3/userdata");
            fs::create_dir_all(&userdata).unwrap();
            let connection = Connection::open(userdata.join("state.sqlite")).unwrap();
            connection
                .execute_batch(
                    "PRAGMA journal_mode = WAL;
                     CREATE TABLE orchestration_events (
                         sequence INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE,
                         aggregate_kind TEXT NOT NULL, stream_id TEXT NOT NULL,
                         stream_version INTEGER NOT NULL, event_type TEXT NOT NULL,
                         occurred_at TEXT NOT NULL, command_id TEXT, causation_event_id TEXT,
                         correlation_id TEXT, actor_kind TEXT NOT NULL, payload_json TEXT NOT NULL,
                         metadata_json TEXT NOT NULL)",
                )
                .unwrap();
            connection
        }

        fn met(&mut self) -> (u64, Vec<String>) {
            let mut ears = Ears::new(&self.home);
            let report = agent::watched(
                &self.world,
                &self.home,
                &mut self.store,
                &mut ears,
                &mut |_| {},
            )
            .unwrap();
            let met = report.met.iter().map(ToString::to_string).collect();
            (report.read, met)
        }
    }

    fn write(t3: &Connection, events: &[Value]) {
        for event in events {
            let text = |name: &str| event[name].as_str().map(str::to_owned);
            t3.execute(
                "INSERT INTO orchestration_events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
                rusqlite::params![
                    event["sequence"].as_i64(),
                    text("event_id"),
                    text("aggregate_kind"),
                    text("stream_id"),
                    event["stream_version"].as_i64(),
                    text("event_type"),
                    text("occurred_at"),
                    text("command_id"),
                    text("causation_event_id"),
                    text("correlation_id"),
                    text("actor_kind"),
                    event["payload_json"].to_string(),
                    event["metadata_json"].to_string(),
                ],
            )
            .unwrap();
        }
    }

    fn recorded() -> Vec<Value> {
        EVENTS
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn rows_are_taken_as_they_come_and_none_of_before() {
        let mut bench = Bench::new();
        let mut watch = Watch::default();
        assert!(
            watch.look(&bench.world, &bench.home).watching,
            "named, and not there yet"
        );
        let t3 = bench.t3();
        let events = recorded();
        let (before, after) = events.split_at(2);
        write(&t3, before);
        assert_eq!(watch.look(&bench.world, &bench.home).taken, 0);
        write(&t3, after);
        assert_eq!(
            watch.look(&bench.world, &bench.home).taken,
            after.len() as u64
        );
        assert_eq!(watch.look(&bench.world, &bench.home).taken, 0);
        let (read, met) = bench.met();
        assert_eq!(read, after.len() as u64);
        assert!(!met.is_empty(), "{met:?}");
        // Another life goes on where this one was.
        assert_eq!(Watch::default().look(&bench.world, &bench.home).taken, 0);
    }

    #[test]
    fn a_row_that_is_taken_twice_counts_once_and_so_does_what_codexs_hook_told() {
        let mut bench = Bench::new();
        let t3 = bench.t3();
        let mut watch = Watch::default();
        watch.look(&bench.world, &bench.home);
        write(&t3, &recorded());
        watch.look(&bench.world, &bench.home);
        let (_, met) = bench.met();
        let deltas = bench.store.read(|txn| txn.all()).unwrap().len();
        // As if we had died before noting how far we were.
        let read = Read {
            database: database(&bench.home).unwrap(),
            sequence: 0,
        };
        fs::write(kept(&bench.home), json!(read).to_string()).unwrap();
        let again = Watch::default().look(&bench.world, &bench.home).taken;
        assert_eq!(again, recorded().len() as u64);
        let (read, _) = bench.met();
        assert_eq!(read, 0, "each has the id of before");
        for line in HOOKS.lines() {
            spool::append(
                &bench.home.spool(),
                Harness::Codex,
                NOW,
                line.as_bytes(),
                false,
            )
            .unwrap();
        }
        let (_, told) = bench.met();
        assert!(
            told.iter().all(|concept| met.contains(concept)),
            "{told:?} beyond {met:?}"
        );
        assert_eq!(bench.store.read(|txn| txn.all()).unwrap().len(), deltas);
    }

    #[test]
    fn a_database_of_another_shape_or_none_is_named_and_changes_nothing() {
        let bench = Bench::new();
        let mut watch = Watch::default();
        let path = database(&bench.home).unwrap();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(
            &path,
            b"no database at all, and long enough to be looked at",
        )
        .unwrap();
        assert_eq!(watch.look(&bench.world, &bench.home).taken, 0);
        assert!(shape(&path).is_err());
        fs::remove_file(&path).unwrap();
        let t3 = Connection::open(&path).unwrap();
        t3.execute_batch("CREATE TABLE orchestration_v2_events (sequence INTEGER)")
            .unwrap();
        assert_eq!(watch.look(&bench.world, &bench.home).taken, 0);
        assert_eq!(shape(&path).unwrap(), Shape::Later);
        t3.execute_batch(
            "DROP TABLE orchestration_v2_events; CREATE TABLE orchestration_events (sequence INTEGER)",
        )
        .unwrap();
        assert_eq!(shape(&path).unwrap(), Shape::Other);
        t3.execute_batch("DROP TABLE orchestration_events").unwrap();
        assert_eq!(shape(&path).unwrap(), Shape::None);
        let names = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(names, 1, "nothing was made beside it");
    }
}
