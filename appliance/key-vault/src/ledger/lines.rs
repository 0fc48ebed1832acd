//! The chain of lines: what the next one must be, and whether the ones read are it.

use std::collections::BTreeMap;

use super::entry::{Body, canonical};
use super::{CrlIssuer, Entry, HexBytes, LedgerSigner, LedgerVerifier, Record, sha256};
use crate::Error;

const GENESIS: &[u8] = b"aiworklab ledger v1\0";
const SIGNED: &[u8] = b"aiworklab ledger entry v1\0";

/// Where a ledger stands.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    pub(super) store: [u8; 16],
    /// Number of the last entry.
    pub(super) n: u64,
    /// Hash of the last line.
    pub(super) hash: [u8; 32],
    /// Bytes of all whole lines.
    pub(super) len: u64,
    pub(super) generation: u64,
    crl: BTreeMap<CrlIssuer, u64>,
}

/// What reading found.
pub(super) struct Read {
    pub(super) records: Vec<Record>,
    /// Bytes of a last line that a crash left unfinished.
    pub(super) torn: Option<u64>,
}

impl Chain {
    /// Before the first line of a store's ledger.
    pub(super) fn start(store: [u8; 16]) -> Self {
        let hash = sha256(&[GENESIS, &store]);
        Self {
            store,
            n: 0,
            hash,
            len: 0,
            generation: 0,
            crl: BTreeMap::new(),
        }
    }

    pub(super) fn crl_number(&self, issuer: CrlIssuer) -> u64 {
        self.crl.get(&issuer).copied().unwrap_or(0)
    }

    /// The next line, with its end. It counts when [`Chain::took`] is told so.
    pub(super) fn next(
        &self,
        entry: Entry,
        now: i64,
        signer: &LedgerSigner,
    ) -> Result<(Record, String), Error> {
        self.rises(&entry)?;
        if !entry.is_in_bounds() {
            return Err(Error::Entry);
        }
        let body = Body {
            on: entry.date(now)?,
            entry,
            n: self.n + 1,
            prev: self.hash,
        };
        let signature = HexBytes(signer.sign(&message(&body)?));
        let record = Record { body, signature };
        let line = record.line()? + "\n";
        Ok((record, line))
    }

    /// A record and its line, with its end, stand in the file behind the ones before.
    pub(super) fn took(&mut self, record: &Record, line: &[u8]) {
        self.n = record.n();
        self.hash = sha256(&[line.strip_suffix(b"\n").unwrap_or(line)]);
        self.len += line.len() as u64;
        match *record.entry() {
            Entry::Generation { generation } => self.generation = generation,
            Entry::CrlNumber { issuer, number } => {
                self.crl.insert(issuer, number);
            }
            _ => {}
        }
    }

    /// Reads whole lines behind the known ones. All or nothing but for a torn end.
    pub(super) fn take_in(
        &mut self,
        bytes: &[u8],
        verifier: &LedgerVerifier,
    ) -> Result<Read, Error> {
        let (whole, torn) = split_torn(bytes);
        let mut ahead = self.clone();
        let mut records = Vec::new();
        for line in whole.split_inclusive(|&byte| byte == b'\n') {
            let number = ahead.n + 1;
            let record = ahead
                .check(line, verifier)
                .map_err(|why| Error::LedgerLine { line: number, why })?;
            ahead.took(&record, line);
            records.push(record);
        }
        *self = ahead;
        Ok(Read {
            records,
            torn: (!torn.is_empty()).then_some(torn.len() as u64),
        })
    }

    fn check(&self, line: &[u8], verifier: &LedgerVerifier) -> Result<Record, &'static str> {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8")?;
        let record: Record = serde_json::from_str(text).map_err(|_| "it is not an entry")?;
        let again = record.line().map_err(|_| "it cannot be written")?;
        if again != text || !record.entry().is_in_bounds() {
            return Err("it is not in canonical form");
        }
        if record.body.n != self.n + 1 {
            return Err("its number does not follow: lines are missing, doubled or swapped");
        }
        if record.body.prev != self.hash {
            return Err("it does not follow the line before it");
        }
        let message = message(&record.body).map_err(|_| "it cannot be written")?;
        if !verifier.holds(&message, &record.signature.0) {
            return Err("its signature does not hold");
        }
        if self.n == 0 && !matches!(record.entry(), Entry::Generation { .. }) {
            return Err("a ledger begins with a generation");
        }
        self.rises(record.entry())
            .map_err(|_| "its number does not rise")?;
        Ok(record)
    }

    fn rises(&self, entry: &Entry) -> Result<(), Error> {
        let (what, last, given) = match *entry {
            Entry::Generation { generation } => ("the generation", self.generation, generation),
            Entry::CrlNumber { issuer, number } => {
                ("the CRL number", self.crl_number(issuer), number)
            }
            _ => return Ok(()),
        };
        if given > last {
            Ok(())
        } else {
            Err(Error::NotRising { what, last, given })
        }
    }
}

/// Parts whole lines from what a crash left behind them: bytes without a line's end, or
/// a last line with zeros in it, which is what a file system shows of a block that was
/// promised and never written. No line of ours holds a zero.
fn split_torn(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |at| at + 1);
    if end < bytes.len() {
        return bytes.split_at(end);
    }
    let last = bytes[..end.saturating_sub(1)]
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |at| at + 1);
    if bytes[last..].contains(&0) {
        bytes.split_at(last)
    } else {
        (bytes, &[])
    }
}

fn message(body: &Body) -> Result<Vec<u8>, Error> {
    let mut message = SIGNED.to_vec();
    message.extend_from_slice(canonical(body, body.n)?.as_bytes());
    Ok(message)
}
