//! The store's file as somebody has it who has the database's key: every page of the file and of
//! its log decrypted, free pages and slack included, and every table dumped.

use aws_lc_rs::cipher::{AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey};
use key_vault::{Vault, name};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;
use std::path::Path;

const PAGE: usize = 4096;
/// IV and HMAC at the end of each page.
const RESERVED: usize = 80;
/// The salt at the begin of the file, in place of SQLite's own words.
const SALT: usize = 16;
/// Begin of the log, and of each page in it.
const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// A page, decrypted.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its number, from 1.
    pub number: u32,
    /// Its bytes; of page 1 the first 16 are zero.
    pub bytes: Vec<u8>,
}

/// A page of the log.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The page.
    pub page: Page,
    /// Whether a transaction ends with it.
    pub commits: bool,
}

/// A row of a table: its columns.
pub type Columns = BTreeMap<String, Value>;

/// All there is.
#[derive(Clone, Debug)]
pub struct Loot {
    /// The file.
    pub pages: Vec<Page>,
    /// Its log, what is left of older ones too.
    pub frames: Vec<Frame>,
    /// Rows by table.
    pub tables: BTreeMap<String, Vec<Columns>>,
    /// Where each table's tree begins.
    pub roots: BTreeMap<String, u32>,
}

/// The database's key.
pub fn key(data: &Path) -> [u8; 32] {
    let vault = Vault::open(data).expect("the vault opens");
    let secret = vault.key(name::DB).expect("it has the database's key");
    secret.expose().try_into().expect("a key is 32 bytes")
}

impl Loot {
    /// Of the store in this data directory, also while it is being served.
    pub fn of(data: &Path) -> Self {
        let key = key(data);
        let scratch = tempfile::tempdir().expect("a folder can be made");
        let copy = scratch.path().join("store.db");
        std::fs::copy(data.join("store.db"), &copy).expect("the store is there");
        let log = data.join("store.db-wal");
        if log.exists() {
            std::fs::copy(&log, scratch.path().join("store.db-wal")).expect("its log can be read");
        }
        let file = std::fs::read(&copy).expect("the copy is there");
        let log = std::fs::read(scratch.path().join("store.db-wal")).unwrap_or_default();
        let (tables, roots) = tables(&copy, &key);
        Self {
            pages: pages(&file, &key),
            frames: frames(&log, &key),
            tables,
            roots,
        }
    }

    /// Every decrypted byte of file and log.
    pub fn raw(&self) -> Vec<u8> {
        let frames = self.frames.iter().map(|frame| &frame.page);
        self.pages
            .iter()
            .chain(frames)
            .flat_map(|page| page.bytes.iter().copied())
            .collect()
    }

    /// One table; it has to be there.
    pub fn table(&self, name: &str) -> &[Columns] {
        self.tables
            .get(name)
            .unwrap_or_else(|| panic!("there is no table {name}"))
    }

    /// What a table says, as bytes: values one after the other, integers in words.
    pub fn dump(&self, table: &str) -> Vec<u8> {
        let mut made = Vec::new();
        for (column, value) in self.table(table).iter().flatten() {
            made.extend_from_slice(column.as_bytes());
            made.push(0);
            match value {
                Value::Null => {}
                Value::Integer(value) => made.extend_from_slice(value.to_string().as_bytes()),
                Value::Real(value) => made.extend_from_slice(value.to_string().as_bytes()),
                Value::Text(text) => made.extend_from_slice(text.as_bytes()),
                Value::Blob(bytes) => made.extend_from_slice(bytes),
            }
            made.push(0);
        }
        made
    }
}

fn pages(file: &[u8], key: &[u8; 32]) -> Vec<Page> {
    let numbered = file.chunks_exact(PAGE).zip(1..);
    numbered
        .map(|(page, number)| Page {
            number,
            bytes: decrypted(page, number, key),
        })
        .collect()
}

fn frames(log: &[u8], key: &[u8; 32]) -> Vec<Frame> {
    let word = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().expect("four bytes"));
    let frames = log
        .get(LOG_HEADER..)
        .unwrap_or_default()
        .chunks_exact(FRAME_HEADER + PAGE);
    frames
        .map(|frame| {
            let (number, size) = (word(&frame[..4]), word(&frame[4..8]));
            let bytes = decrypted(&frame[FRAME_HEADER..], number, key);
            Frame {
                page: Page { number, bytes },
                commits: size > 0,
            }
        })
        .collect()
}

/// SQLCipher 4 with a raw key: AES-256-CBC, each page with an IV of its own.
fn decrypted(page: &[u8], number: u32, key: &[u8; 32]) -> Vec<u8> {
    let from = if number == 1 { SALT } else { 0 };
    let (text, rest) = page[from..].split_at(PAGE - RESERVED - from);
    let iv: [u8; 16] = rest[..16].try_into().expect("an IV has 16 bytes");
    let key = UnboundCipherKey::new(&AES_256, key).expect("a key is 32 bytes");
    let key = DecryptingKey::cbc(key).expect("AES in CBC");
    let mut bytes = vec![0; from];
    let mut text = text.to_vec();
    key.decrypt(&mut text, DecryptionContext::Iv128(iv.into()))
        .expect("a page is whole blocks");
    bytes.extend(text);
    bytes
}

type Tables = BTreeMap<String, Vec<Columns>>;

fn tables(path: &Path, key: &[u8; 32]) -> (Tables, BTreeMap<String, u32>) {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .expect("the copy can be opened");
    let spelled = format!("x'{}'", hex::encode(key));
    connection
        .pragma_update(None, "key", spelled)
        .expect("a key can be given");
    let mut names = connection
        .prepare("SELECT name, rootpage FROM sqlite_schema WHERE type = 'table'")
        .expect("the key fits");
    let names = names
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("it has tables");
    let roots: BTreeMap<String, u32> = names.collect::<Result<_, _>>().expect("tables have names");
    let rows = roots
        .keys()
        .map(|name| (name.clone(), rows(&connection, name)))
        .collect();
    (rows, roots)
}

fn rows(connection: &Connection, table: &str) -> Vec<Columns> {
    let mut select = connection
        .prepare(&format!("SELECT * FROM \"{table}\""))
        .expect("a table can be read");
    let names: Vec<String> = select.column_names().map(str::to_owned).collect();
    let read = |row: &rusqlite::Row<'_>| {
        names
            .iter()
            .enumerate()
            .map(|(at, name)| Ok((name.clone(), row.get(at)?)))
            .collect()
    };
    let rows = select.query_map([], read).expect("a table can be read");
    rows.collect::<Result<_, _>>().expect("a row can be read")
}
