//! What a user of the store would care about, on real files.

mod crash;
mod door;
mod figures;
mod files;
mod people;
mod privacy;
mod syncing;

use crate::link_key::fake::Fake;
use crate::*;
use kernel::delta::{AnswerKind, Fields, Kind as DeltaKind, Outcome, State};
use kernel::ids::{DAY, DeviceId, HOUR, PersonId, StoreId, StreamId, SubjectId};
use kernel::wire::v1;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// Monday, 5 January 2026, 00:00 UTC.
const MONDAY: i64 = 20_458 * DAY;
const KEY: [u8; 32] = [7; 32];

/// A store in a folder of its own.
struct Site {
    dir: TempDir,
    store: Store,
    drawn: u8,
}

/// An engineer with one laptop.
#[derive(Clone, Copy)]
struct Engineer {
    person: PersonId,
    device: DeviceId,
}

impl Site {
    fn new() -> Self {
        Self::made(false)
    }

    fn sample() -> Self {
        Self::made(true)
    }

    fn made(sample: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let new = NewStore {
            store: StoreId::from_bytes([9; 16]),
            sample,
            now: MONDAY,
        };
        let path = dir.path().join("store.db");
        let store =
            Store::create(&path, Key::new(KEY), new, Options::default(), link_key()).unwrap();
        Self {
            dir,
            store,
            drawn: 0,
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("store.db")
    }

    /// Sixteen bytes that differ each time and look like no other's.
    fn draw(&mut self) -> [u8; 16] {
        self.drawn += 1;
        let mut bytes = [0x33; 16];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = self.drawn.wrapping_mul(37).wrapping_add(at as u8 * 11) | 1;
        }
        bytes[15] = self.drawn;
        bytes
    }

    async fn sign_in(&mut self, name: &str, role: Role, at: i64) -> person::Person {
        let fresh = person::Fresh {
            person: PersonId::from_bytes(self.draw()),
            actor: self.draw(),
        };
        let who = person::SignIn {
            issuer: "https://idp.example".to_owned(),
            sub: format!("sub-{name}"),
            name: name.to_owned(),
            email: Some(format!("{name}@example.org")),
            role,
            fresh,
        };
        let act = Act::new(Actor::Nobody, Action::SignIn, at);
        self.store
            .write(act, move |txn| person::sign_in(txn, &who))
            .await
            .unwrap()
    }

    async fn enrol(&mut self, person: PersonId, at: i64) -> DeviceId {
        let number = self.draw();
        let mut hash = [0; 32];
        hash[..16].copy_from_slice(&number);
        let new = enrolment::NewEnrolment {
            poll_hash: hash,
            code_hash: hash,
            name: "laptop".to_owned(),
            platform: None,
            csr: "request".to_owned(),
            address: "192.0.2.7".to_owned(),
            now: at,
            expires: at + 600,
        };
        self.store
            .chore(Chore::StartEnrolment, move |txn| {
                enrolment::start(txn, &new)
            })
            .await
            .unwrap();
        let device = DeviceId::from_bytes(self.draw());
        let yes = enrolment::Approval {
            code_hash: hash,
            device,
            serial: self.draw().to_vec(),
            not_after: at + 30 * DAY,
            fresh_subject: SubjectId::from_bytes(self.draw()),
            reply: "{}".to_owned(),
            collect_until: at + 600,
        };
        let act = Act::new(by(person), Action::ApproveDevice, at);
        self.store
            .write(act, move |txn| enrolment::approve(txn, &yes))
            .await
            .unwrap();
        device
    }

    async fn engineer(&mut self, name: &str, at: i64) -> Engineer {
        let person = self.sign_in(name, Role::Member, at).await.person;
        Engineer {
            person,
            device: self.enrol(person, at).await,
        }
    }

    async fn push(&self, device: DeviceId, now: i64, push: v1::Push) -> v1::PushReply {
        self.store
            .push(call(device, now), push)
            .await
            .unwrap()
            .unwrap()
    }

    async fn audit(&self) -> Vec<audit_log::ChainedRow> {
        self.store.chain_audit(None, MONDAY).await.unwrap();
        self.store
            .read(|txn| audit::page(txn, 1, 10_000))
            .await
            .unwrap()
    }

    /// Every value of every table, and every page as it lies in the file, decrypted.
    fn dump(&self) -> (String, Vec<u8>) {
        dump(&self.path())
    }
}

fn link_key() -> Arc<dyn LinkKey> {
    Arc::new(Fake::default())
}

fn by(person: PersonId) -> Actor {
    Actor::Person {
        person,
        confirmed_at: None,
    }
}

fn confirmed(person: PersonId, at: i64) -> Actor {
    Actor::Person {
        person,
        confirmed_at: Some(at),
    }
}

fn call(device: DeviceId, now: i64) -> SyncCall {
    SyncCall {
        device,
        now,
        catalogue: 1,
        poll_s: 3600,
        knows: Arc::new(|_| true),
    }
}

fn seen(i: u64, concept: &str, at: i64) -> v1::Delta {
    let fields = Fields {
        c: Some(concept.to_owned()),
        k: DeltaKind::Seen,
        o: None,
        m: None,
        f: Some(State::Unknown),
        t: Some(State::Seen),
        at: Some(at - at % HOUR),
    };
    v1::Delta::new(i, fields)
}

fn passed(i: u64, concept: &str, at: i64) -> v1::Delta {
    let fields = Fields {
        k: DeltaKind::Check,
        o: Some(Outcome::Pass),
        m: Some(AnswerKind::Typed),
        t: Some(State::Demonstrated),
        ..seen(i, concept, at).fields()
    };
    v1::Delta::new(i, fields)
}

fn retract(i: u64, concept: &str, at: i64) -> v1::Delta {
    let fields = Fields {
        c: Some(concept.to_owned()),
        k: DeltaKind::Retract,
        at: Some(at - at % HOUR),
        ..Fields::gone()
    };
    v1::Delta::new(i, fields)
}

fn push(stream: u8, deltas: Vec<v1::Delta>) -> v1::Push {
    let base = deltas[0].i;
    v1::Push {
        v: 1,
        stream: StreamId::new([stream; 16]),
        base,
        catalogue: 1,
        deltas,
    }
}

/// Opens the file beside the store, as somebody who has its key would.
fn beside(path: &std::path::Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .pragma_update(None, "key", format!("x'{}'", hex::encode(KEY)))
        .unwrap();
    connection
}

fn dump(path: &std::path::Path) -> (String, Vec<u8>) {
    use rusqlite::types::ValueRef;
    let connection = beside(path);
    let mut text = String::new();
    let mut tables = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        .unwrap();
    let names: Vec<String> = tables
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(|row| row.unwrap())
        .collect();
    for name in names {
        let mut all = connection
            .prepare(&format!("SELECT * FROM {name}"))
            .unwrap();
        let columns = all.column_count();
        let mut rows = all.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            text.push_str(&name);
            for at in 0..columns {
                text.push('|');
                text.push_str(&match row.get_ref(at).unwrap() {
                    ValueRef::Null => "null".to_owned(),
                    ValueRef::Integer(value) => value.to_string(),
                    ValueRef::Real(value) => value.to_string(),
                    ValueRef::Text(value) => String::from_utf8_lossy(value).into_owned(),
                    ValueRef::Blob(value) => hex::encode(value),
                });
            }
            text.push('\n');
        }
    }
    drop(tables);
    drop(connection);
    (text, raw(path))
}

/// Every page as it lies in the file and in its log, decrypted: free pages and slack, too.
///
/// SQLCipher 4: AES-256-CBC; the last 80 bytes of a page are IV and HMAC, the first 16 of the file
/// its salt. A frame of the log is 24 bytes and a page, after 32 bytes of header.
fn raw(path: &std::path::Path) -> Vec<u8> {
    const PAGE: usize = 4096;
    let file = std::fs::read(path).unwrap();
    let mut made = Vec::new();
    for (number, page) in file.chunks_exact(PAGE).enumerate() {
        made.extend(decrypted(&page[if number == 0 { 16 } else { 0 }..]));
    }
    let log = std::fs::read(path.with_extension("db-wal")).unwrap_or_default();
    for frame in log.get(32..).unwrap_or_default().chunks_exact(24 + PAGE) {
        let first = frame[..4] == [0, 0, 0, 1];
        made.extend(decrypted(&frame[24 + if first { 16 } else { 0 }..]));
    }
    made
}

fn decrypted(page: &[u8]) -> Vec<u8> {
    use aws_lc_rs::cipher::{AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey};
    let (text, rest) = page.split_at(page.len() - 80);
    let mut text = text.to_vec();
    let iv: [u8; 16] = rest[..16].try_into().unwrap();
    let key = DecryptingKey::cbc(UnboundCipherKey::new(&AES_256, &KEY).unwrap()).unwrap();
    key.decrypt(&mut text, DecryptionContext::Iv128(iv.into()))
        .unwrap();
    text
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}
