//! Opening: the key, the version, damage, and what the file shows without its key.

use super::*;
use std::os::unix::fs::PermissionsExt;

fn open(path: &std::path::Path, key: [u8; 32], check: Check) -> Result<Store> {
    let options = Options {
        check,
        ..Options::default()
    };
    Store::open(path, Key::new(key), options, link_key())
}

#[test]
fn a_store_is_there_again_after_it_was_closed() {
    let Site { dir, store, .. } = Site::sample();
    let path = dir.path().join("store.db");
    drop(store);
    assert!(
        !path.with_extension("db-wal").exists(),
        "the log went into the file"
    );
    let store = open(&path, KEY, Check::Full).unwrap();
    let expected = Meta {
        store: StoreId::from_bytes([9; 16]),
        generation: 1,
        sample: true,
    };
    assert_eq!(store.meta(), expected);
}

#[test]
fn another_key_is_refused_and_the_file_is_left_alone() {
    let Site { dir, store, .. } = Site::new();
    let path = dir.path().join("store.db");
    drop(store);
    let before = std::fs::read(&path).unwrap();
    let error = open(&path, [8; 32], Check::Quick).err().unwrap();
    assert_eq!(error.code(), "S013");
    assert!(
        error.to_string().contains("cannot be read with this key"),
        "{error}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_of_somebody_else_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    assert_eq!(open(&path, KEY, Check::Quick).err().unwrap().code(), "S022");
    std::fs::write(&path, "not a database, not at all".repeat(400)).unwrap();
    assert_eq!(open(&path, KEY, Check::Quick).err().unwrap().code(), "S013");
    std::fs::write(&path, "").unwrap();
    assert_eq!(
        open(&path, KEY, Check::Quick).err().unwrap().code(),
        "S001",
        "never begun"
    );
}

#[test]
fn a_store_is_never_made_over_another() {
    let site = Site::new();
    let new = NewStore {
        store: StoreId::from_bytes([1; 16]),
        sample: false,
        now: MONDAY,
    };
    let again = Store::create(
        &site.path(),
        Key::new(KEY),
        new,
        Options::default(),
        link_key(),
    );
    assert_eq!(again.err().unwrap().code(), "S015");
}

#[test]
fn a_newer_file_is_refused_before_anything_is_written() {
    let Site { dir, store, .. } = Site::new();
    let path = dir.path().join("store.db");
    drop(store);
    beside(&path)
        .execute("INSERT INTO migration (version) VALUES (3)", [])
        .unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = open(&path, KEY, Check::Quick).err().unwrap();
    assert!(
        matches!(error, Error::SchemaTooNew { found: 3, known: 2 }),
        "{error}"
    );
    assert_eq!(error.code(), "S004");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_changed_byte_is_found() {
    let Site { dir, store, .. } = Site::new();
    let path = dir.path().join("store.db");
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2 + 100;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = open(&path, KEY, Check::Full).err().unwrap();
    assert!(matches!(error.code(), "S014" | "S013"), "{error}");
}

#[test]
fn the_file_shows_nothing_without_its_key() {
    let site = Site::new();
    let path = site.path();
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.clone()), 0o600);
    assert_eq!(mode(path.with_extension("db-wal")), 0o600);
    for file in [path.clone(), path.with_extension("db-wal")] {
        let bytes = std::fs::read(file).unwrap();
        assert!(!holds(&bytes, b"SQLite format 3"));
        assert!(!holds(&bytes, b"CREATE TABLE"));
        assert!(!holds(&bytes, b"store.init"));
    }
    let plain = rusqlite::Connection::open(&path).unwrap();
    let read = plain.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| {
        row.get::<_, i64>(0)
    });
    assert!(read.is_err());
    drop(plain);
    assert!(holds(&raw(&path), b"store.init"), "and with it, it does");
}

#[test]
fn commits_are_flushed_and_removed_rows_are_overwritten() {
    let site = Site::new();
    assert_eq!(site.store.durability(), "full");
    let pragma = |name: &str| {
        let store = site.store.clone();
        let statement: &'static engine::Statement = Box::leak(Box::new(engine::Statement::common(
            "pragma",
            Box::leak(format!("PRAGMA {name}").into_boxed_str()),
        )));
        let read =
            move |txn: &mut WriteTxn<'_>| one::<i64>(txn, statement, params![], "read a setting");
        store.chore_blocking(Chore::Expire, read).unwrap()
    };
    assert_eq!(pragma("synchronous"), 2);
    assert_eq!(pragma("secure_delete"), 1);
    assert_eq!(pragma("foreign_keys"), 1);
}

#[test]
fn who_reads_cannot_write() {
    let site = Site::new();
    let wrote = site.store.read_blocking(|txn| {
        let rows = txn
            .connection
            .execute(sql!("../meta/raise_generation"), params![9_i64]);
        rows.doing("write through a reader")
    });
    assert_eq!(wrote.unwrap_err().code(), "S005");
}

#[test]
fn schema_sql_is_the_sum_of_the_migrations() {
    let site = Site::new();
    let connection = beside(&site.path());
    let mut all = connection
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type DESC, name")
        .unwrap();
    let texts: Vec<String> = all
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(|row| row.unwrap())
        .collect();
    let replayed = texts.join(";\n\n") + ";\n";
    let written = include_str!("../../migrations/schema.sql");
    let (_, written) = written.split_once("\n\n").unwrap();
    assert!(
        written == replayed,
        "migrations/schema.sql should be, after its header:\n{replayed}"
    );
}

#[test]
fn every_table_is_stored_by_its_key_and_every_personal_one_begins_with_subject() {
    let site = Site::new();
    let connection = beside(&site.path());
    let mut all = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
        .unwrap();
    let tables: Vec<(String, String)> = all
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(|row| row.unwrap())
        .collect();
    for (name, text) in &tables {
        assert!(
            text.ends_with("WITHOUT ROWID"),
            "{name} keeps the order of insertion"
        );
        assert!(
            !text.contains("INTEGER") && !text.contains("AUTOINCREMENT"),
            "{name}"
        );
    }
    for name in ["subject", "stream", "delta", "pair"] {
        let key: String = connection
            .query_row(
                "SELECT name FROM pragma_table_info(?1) WHERE pk = 1",
                [name],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(key, "subject", "{name}");
    }
}

#[test]
fn only_the_engine_names_a_driver() {
    fn visit(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "tests" {
                visit(&path, found);
            } else if name.ends_with(".rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let mut code = text
                    .lines()
                    .filter(|line| !line.trim_start().starts_with("//"));
                if code.any(|line| line.contains("rusqlite")) {
                    found.push(name);
                }
            }
        }
    }
    let mut found = Vec::new();
    // A test runs in its crate's folder, in whichever checkout that is.
    visit(std::path::Path::new("src"), &mut found);
    assert_eq!(found, ["sqlite.rs"]);
}
