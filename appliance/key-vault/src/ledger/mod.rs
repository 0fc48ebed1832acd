//! The ledger: what must survive a restore of the database.
//!
//! One line an entry, each signed and each naming the hash of the line before it. An
//! entry holds random ids, numbers and sealed blobs; its date is a day, or the month of
//! what came to one person (enrolment, revocation, leaving), which is sealed.
//!
//! Invariant: when [`Ledger::append`] returns `Ok`, the line is on the disk; when it
//! returns an error, no reader ever takes anything of it for an entry, but for
//! [`Error::Unsure`]'s case, which reading anew settles.
//!
//! A line that a crash left unfinished at the very end is cut and reported; anything
//! else that is wrong is an error that names the line. That whole lines at the end are
//! gone is seen by [`Ledger::require`] alone, with what the database remembers.
//!
//! Elsewhere: replaying entries into a restored database is the appliance's.

mod entry;
mod lines;
mod medium;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

pub use entry::{CrlIssuer, Entry, HexBytes, Reason, Record, Revocation};
use lines::Chain;
use medium::{FileMedium, Medium};

use crate::{Error, Secret, files};

/// Signs entries.
pub struct LedgerSigner {
    pair: Ed25519KeyPair,
}

impl LedgerSigner {
    /// From a 32-byte Ed25519 seed (RFC 8032).
    ///
    /// # Errors
    /// [`Error::Length`].
    pub fn from_seed(seed: &Secret) -> Result<Self, Error> {
        let wrong = Error::Length {
            what: "a signing key",
            found: seed.expose().len(),
        };
        if seed.expose().len() != 32 {
            return Err(wrong);
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_| wrong)?;
        Ok(Self { pair })
    }

    /// What entries are checked with.
    pub fn verifier(&self) -> LedgerVerifier {
        let mut public = [0; 32];
        public.copy_from_slice(self.pair.public_key().as_ref());
        LedgerVerifier(public)
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for LedgerSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LedgerSigner")
            .field("public", &self.verifier())
            .finish_non_exhaustive()
    }
}

/// The Ed25519 public key of a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerVerifier(pub [u8; 32]);

impl LedgerVerifier {
    fn holds(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(message, signature)
            .is_ok()
    }
}

/// A line that a crash left unfinished, and that was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The line, counted from 1.
    pub line: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// What opening found.
#[derive(Debug)]
pub struct Opened {
    /// The ledger, ready for more.
    pub ledger: Ledger,
    /// Its entries, oldest first.
    pub records: Vec<Record>,
    /// What a crash had left, if anything. To be logged and shown.
    pub cut: Option<Cut>,
}

/// An open ledger. Several processes may hold one; each append takes the file's lock and
/// first reads what others wrote.
pub struct Ledger {
    path: PathBuf,
    medium: Box<dyn Medium + Send>,
    signer: LedgerSigner,
    chain: Chain,
    cut: Option<Cut>,
    unsure: bool,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("path", &self.path)
            .field("n", &self.chain.n)
            .finish_non_exhaustive()
    }
}

impl Ledger {
    /// Makes the ledger of a new store: a first line that says generation 1.
    ///
    /// `now` is in seconds UTC; the day is kept.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::DiskFull`].
    pub fn create(
        path: &Path,
        store: [u8; 16],
        signer: LedgerSigner,
        now: i64,
    ) -> Result<Self, Error> {
        let mut chain = Chain::start(store);
        let (record, line) = chain.next(Entry::Generation { generation: 1 }, now, &signer)?;
        let (dir, name) = split(path)?;
        files::create(dir, name, line.as_bytes())?;
        let medium = FileMedium::open(path)?;
        chain.took(&record, line.as_bytes());
        Ok(Self::on(Box::new(medium), path, chain, signer))
    }

    /// Opens a ledger, checks every line and cuts a last one that a crash left unfinished.
    ///
    /// # Errors
    /// [`Error::NotThere`], [`Error::LedgerLine`] naming what is wrong, [`Error::TooOpen`].
    pub fn open(path: &Path, store: [u8; 16], signer: LedgerSigner) -> Result<Opened, Error> {
        let medium = FileMedium::open(path)?;
        Self::open_on(Box::new(medium), path, store, signer)
    }

    fn open_on(
        medium: Box<dyn Medium + Send>,
        path: &Path,
        store: [u8; 16],
        signer: LedgerSigner,
    ) -> Result<Opened, Error> {
        let mut ledger = Self::on(medium, path, Chain::start(store), signer);
        let records = ledger.locked(Self::catch_up)?;
        if records.is_empty() {
            return Err(Error::LedgerLine {
                line: 1,
                why: "there is no entry",
            });
        }
        let cut = ledger.take_cut();
        Ok(Opened {
            ledger,
            records,
            cut,
        })
    }

    fn on(medium: Box<dyn Medium + Send>, path: &Path, chain: Chain, signer: LedgerSigner) -> Self {
        Self {
            path: path.to_owned(),
            medium,
            signer,
            chain,
            cut: None,
            unsure: false,
        }
    }

    /// Writes an entry and flushes it to the disk before it returns.
    ///
    /// `now` is in seconds UTC; the day is kept, of an enrolment the month.
    ///
    /// # Errors
    /// [`Error::NotRising`] for a generation or CRL number that does not rise;
    /// [`Error::DiskFull`] or [`Error::Io`], after which the ledger is as it was, unless
    /// even that could not be made sure: then every further append is [`Error::Unsure`].
    pub fn append(&mut self, entry: Entry, now: i64) -> Result<Record, Error> {
        self.locked(|ledger| {
            ledger.catch_up()?;
            ledger.write(entry, now)
        })
    }

    /// The highest generation.
    pub fn generation(&self) -> u64 {
        self.chain.generation
    }

    /// The highest CRL number of an issuer; 0 before the first.
    pub fn crl_number(&self, issuer: CrlIssuer) -> u64 {
        self.chain.crl_number(issuer)
    }

    /// Number and hash of the last entry, for the database to remember.
    pub fn head(&self) -> (u64, [u8; 32]) {
        (self.chain.n, self.chain.hash)
    }

    /// Reads all entries anew.
    ///
    /// # Errors
    /// Those of [`Ledger::open`].
    pub fn replay(&mut self) -> Result<Vec<Record>, Error> {
        self.locked(|ledger| {
            ledger.chain = Chain::start(ledger.chain.store);
            ledger.catch_up()
        })
    }

    /// What was cut since this was last asked: another process of ours may have crashed in
    /// an append. To be logged and shown.
    pub fn take_cut(&mut self) -> Option<Cut> {
        self.cut.take()
    }

    /// Checks that the ledger still holds what was [`Ledger::head`] once.
    ///
    /// # Errors
    /// [`Error::LedgerShort`] if its end was cut off or it was exchanged.
    pub fn require(&mut self, n: u64, hash: &[u8; 32]) -> Result<(), Error> {
        if self.head() == (n, *hash) {
            return Ok(());
        }
        let records = self.replay()?;
        let at = usize::try_from(n).ok().and_then(|n| n.checked_sub(1));
        match at.and_then(|at| records.get(at)) {
            Some(record) if record.hash()? == *hash => Ok(()),
            _ => Err(Error::LedgerShort { n }),
        }
    }

    fn locked<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.unsure {
            return Err(Error::Unsure);
        }
        self.medium
            .lock()
            .map_err(|error| Error::io("lock", &self.path, error))?;
        let done = act(self);
        let unlocked = self
            .medium
            .unlock()
            .map_err(|error| Error::io("unlock", &self.path, error));
        let done = done?;
        unlocked.map(|()| done)
    }

    /// Takes in what stands in the file behind what this process knows, and cuts what a
    /// crash left. Only under the lock, where nobody is writing.
    fn catch_up(&mut self) -> Result<Vec<Record>, Error> {
        let known = self.chain.len;
        let bytes = self
            .medium
            .read_from(known)
            .map_err(|error| Error::io("read", &self.path, error))?;
        let Some(bytes) = bytes else {
            return Err(Error::LedgerShort { n: self.chain.n });
        };
        let read = self.chain.take_in(&bytes, &self.signer.verifier())?;
        if let Some(bytes) = read.torn {
            self.cut_back("cut a torn line of")?;
            self.cut = Some(Cut {
                line: self.chain.n + 1,
                bytes,
            });
        }
        Ok(read.records)
    }

    fn write(&mut self, entry: Entry, now: i64) -> Result<Record, Error> {
        let (record, line) = self.chain.next(entry, now, &self.signer)?;
        if let Err(error) = self.medium.append(line.as_bytes()) {
            self.cut_back("undo a failed write to")?;
            return Err(Error::io("write to", &self.path, error));
        }
        if let Err(error) = self.medium.sync() {
            // After a failed flush nobody knows what is on the disk, and a second try may
            // report a success that is none.
            self.unsure = true;
            return Err(Error::io("flush", &self.path, error));
        }
        self.chain.took(&record, line.as_bytes());
        Ok(record)
    }

    fn cut_back(&mut self, doing: &'static str) -> Result<(), Error> {
        let cut = self
            .medium
            .truncate(self.chain.len)
            .and_then(|()| self.medium.sync());
        cut.map_err(|error| {
            self.unsure = true;
            Error::io(doing, &self.path, error)
        })
    }
}

/// Reads and checks a ledger without writing to it (a copy on the backup target).
///
/// # Errors
/// Those of [`Ledger::open`]; a torn last line is reported, and stays.
pub fn read_ledger(
    path: &Path,
    store: [u8; 16],
    verifier: &LedgerVerifier,
) -> Result<(Vec<Record>, Option<Cut>), Error> {
    let bytes = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
    let mut chain = Chain::start(store);
    let read = chain.take_in(&bytes, verifier)?;
    let cut = read.torn.map(|bytes| Cut {
        line: chain.n + 1,
        bytes,
    });
    Ok((read.records, cut))
}

fn split(path: &Path) -> Result<(&Path, &str), Error> {
    let name = path.file_name().and_then(|name| name.to_str());
    let dir = path.parent();
    match (dir, name) {
        (Some(dir), Some(name)) => Ok((dir, name)),
        _ => Err(Error::NotOurs {
            path: path.to_owned(),
        }),
    }
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}
