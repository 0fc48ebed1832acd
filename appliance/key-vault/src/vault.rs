//! The vault: data keys, each wrapped under one key-encrypting key (KEK).
//!
//! `keys/kek` holds 32 random bytes, `keys/wrapped.json` every other key, sealed with
//! the key's name and version as context: a wrapped key put under another name, or an
//! older one put back, does not open. Both files are private to the user, both are
//! written beside and moved into place.
//!
//! Invariant: a key that [`Vault::key`] returned once is on the disk.
//!
//! Elsewhere: other sources of the KEK hand their bytes to [`Vault::open_with`].

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::SecureRandom;
use serde::{Deserialize, Serialize};

use crate::{Error, Secret, files, fingerprint, open, seal};

/// Names of the appliance's keys.
pub mod name {
    use super::KeyName;

    /// Raw key of the SQLCipher database.
    pub const DB: KeyName = KeyName::fixed("db");
    /// `k_link`: route hashes, and what joins a person to a subject.
    pub const LINK: KeyName = KeyName::fixed("link");
    /// Ed25519 seed of the audit log's checkpoints.
    pub const AUDIT_SIGN: KeyName = KeyName::fixed("audit-sign");
    /// Ed25519 seed of the ledger.
    pub const LEDGER_SIGN: KeyName = KeyName::fixed("ledger-sign");
    /// Private key of the root CA (PKCS#8).
    pub const CA_ROOT: KeyName = KeyName::fixed("ca-root");
    /// Private key of the issuing CA (PKCS#8).
    pub const CA_ISSUING: KeyName = KeyName::fixed("ca-issuing");
    /// Private key of the server's certificate (PKCS#8).
    pub const SERVER_TLS: KeyName = KeyName::fixed("server-tls");
    /// Key of session and form tokens.
    pub const SESSION: KeyName = KeyName::fixed("session");
    /// Private key of what signs packs of items (PKCS#8).
    pub const PACK_SIGN: KeyName = KeyName::fixed("pack-sign");
}

const KEK_FILE: &str = "kek";
const WRAPPED_FILE: &str = "wrapped.json";
const KEYS_DIR: &str = "keys";
const KEK_LEN: usize = 32;
const KEY_LEN: usize = 32;
const FORMAT: u32 = 1;
/// Far above what all keys together take.
const MAX_WRAPPED: u64 = 1024 * 1024;
/// A wrapped value is a key, not a document.
const MAX_SECRET: usize = 16 * 1024;

/// A key's name: 1 to 32 of `a-z`, `0-9`, `-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(&'static str);

impl KeyName {
    /// A name of the program. In a `const` a wrong spelling fails the build.
    ///
    /// # Panics
    /// If it is not a key's name.
    pub const fn fixed(text: &'static str) -> Self {
        assert!(is_name(text), "not the name of a key");
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &'static str {
        self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

const fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !matches!(bytes[at], b'a'..=b'z' | b'0'..=b'9' | b'-') {
            return false;
        }
        at += 1;
    }
    !bytes.is_empty() && bytes.len() <= 32
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped {
    version: u32,
    #[serde(with = "hex::serde")]
    sealed: Vec<u8>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrappedFile {
    v: u32,
    /// Names the KEK that these belong to.
    #[serde(with = "hex::serde")]
    kek: [u8; 8],
    keys: BTreeMap<String, Wrapped>,
}

/// The keys of one data directory.
pub struct Vault {
    dir: PathBuf,
    kek: Secret,
    keys: BTreeMap<String, Wrapped>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("dir", &self.dir)
            .field("keys", &self.keys.keys())
            .finish_non_exhaustive()
    }
}

impl Vault {
    /// Makes `keys/` in a data directory, with a new KEK and no other keys.
    ///
    /// # Errors
    /// [`Error::Exists`] if there is a KEK or a file of wrapped keys, [`Error::DiskFull`],
    /// [`Error::Random`].
    pub fn create(data_dir: &Path, random: &dyn SecureRandom) -> Result<Self, Error> {
        let dir = data_dir.join(KEYS_DIR);
        files::private_dir(&dir)?;
        let _held = files::lock_dir(&dir)?;
        let path = dir.join(KEK_FILE);
        if path.exists() {
            return Err(Error::Exists { path });
        }
        // One without keys is what a crash of this very function leaves; nobody's keys are lost.
        let path = dir.join(WRAPPED_FILE);
        if path.exists() && !read_file(&path)?.keys.is_empty() {
            return Err(Error::Exists { path });
        }
        let vault = Self {
            dir,
            kek: Secret::random(random, KEK_LEN)?,
            keys: BTreeMap::new(),
        };
        vault.store(&vault.keys)?;
        // Last, so that what has a KEK is whole.
        files::create(&vault.dir, KEK_FILE, vault.kek.expose())?;
        Ok(vault)
    }

    /// Opens `keys/` of a data directory with the KEK of its file.
    ///
    /// # Errors
    /// [`Error::NotThere`], [`Error::TooOpen`] if group or others may reach it,
    /// [`Error::NotOurs`], [`Error::KekLength`], and those of [`Vault::open_with`].
    pub fn open(data_dir: &Path) -> Result<Self, Error> {
        let dir = data_dir.join(KEYS_DIR);
        files::check_dir(&dir)?;
        let path = dir.join(KEK_FILE);
        let (bytes, found) = files::read_private(&path, KEK_LEN as u64 + 1)?;
        if bytes.len() != KEK_LEN {
            return Err(Error::KekLength { path, found });
        }
        Self::open_with(data_dir, Secret::new(bytes.to_vec()))
    }

    /// Opens `keys/` of a data directory with a KEK from elsewhere.
    ///
    /// # Errors
    /// [`Error::OtherKek`], [`Error::Damaged`], [`Error::Sealed`] if a wrapped key was
    /// changed or moved to another name, and those of reading the file.
    pub fn open_with(data_dir: &Path, kek: Secret) -> Result<Self, Error> {
        let dir = data_dir.join(KEYS_DIR);
        let found = kek.expose().len();
        if found != KEK_LEN {
            return Err(Error::Length {
                what: "a key-encrypting key",
                found,
            });
        }
        let vault = Self {
            keys: load(&dir, &kek)?,
            dir,
            kek,
        };
        // A vault that opens, opens whole: no key is found damaged on the day it is needed.
        for (name, wrapped) in &vault.keys {
            open(&vault.kek, &context(name, wrapped.version), &wrapped.sealed)?;
        }
        Ok(vault)
    }

    /// The key of this name.
    ///
    /// # Errors
    /// [`Error::NoKey`].
    pub fn key(&self, name: KeyName) -> Result<Secret, Error> {
        let wrapped = self.keys.get(name.as_str()).ok_or_else(|| Error::NoKey {
            name: name.to_string(),
        })?;
        open(
            &self.kek,
            &context(name.as_str(), wrapped.version),
            &wrapped.sealed,
        )
    }

    /// How often the key of this name was set; `None` if never.
    pub fn version(&self, name: KeyName) -> Option<u32> {
        self.keys.get(name.as_str()).map(|wrapped| wrapped.version)
    }

    /// The key of this name; 32 random bytes are made and stored if there is none.
    ///
    /// # Errors
    /// Those of [`Vault::put_secret`].
    pub fn ensure_key(
        &mut self,
        name: KeyName,
        random: &dyn SecureRandom,
    ) -> Result<Secret, Error> {
        let held = files::lock_dir(&self.dir)?;
        self.keys = load(&self.dir, &self.kek)?;
        if self.keys.contains_key(name.as_str()) {
            return self.key(name);
        }
        let made = Secret::random(random, KEY_LEN)?;
        self.put_held(name, made.expose(), random)?;
        drop(held);
        Ok(made)
    }

    /// Stores `bytes` under this name, in place of what was there. When it returns, they
    /// are on the disk.
    ///
    /// # Errors
    /// [`Error::Length`] for none or more than 16 KiB; [`Error::DiskFull`] and others of
    /// writing, after which all is as it was.
    pub fn put_secret(
        &mut self,
        name: KeyName,
        bytes: &[u8],
        random: &dyn SecureRandom,
    ) -> Result<(), Error> {
        let _held = files::lock_dir(&self.dir)?;
        self.keys = load(&self.dir, &self.kek)?;
        self.put_held(name, bytes, random)
    }

    fn put_held(
        &mut self,
        name: KeyName,
        bytes: &[u8],
        random: &dyn SecureRandom,
    ) -> Result<(), Error> {
        if bytes.is_empty() || bytes.len() > MAX_SECRET {
            return Err(Error::Length {
                what: "a secret",
                found: bytes.len(),
            });
        }
        let version = self.version(name).unwrap_or(0).saturating_add(1);
        let sealed = seal(&self.kek, &context(name.as_str(), version), bytes, random)?;
        let mut keys = self.keys.clone();
        keys.insert(name.as_str().to_owned(), Wrapped { version, sealed });
        self.store(&keys)?;
        self.keys = keys;
        Ok(())
    }

    fn store(&self, keys: &BTreeMap<String, Wrapped>) -> Result<(), Error> {
        let file = WrappedFile {
            v: FORMAT,
            kek: fingerprint(&self.kek),
            keys: keys.clone(),
        };
        let mut text = serde_json::to_vec_pretty(&file).map_err(|source| Error::Damaged {
            path: self.dir.join(WRAPPED_FILE),
            source: Some(source),
        })?;
        text.push(b'\n');
        files::replace(&self.dir, WRAPPED_FILE, &text)
    }
}

fn load(dir: &Path, kek: &Secret) -> Result<BTreeMap<String, Wrapped>, Error> {
    let file = read_file(&dir.join(WRAPPED_FILE))?;
    if file.kek == fingerprint(kek) {
        Ok(file.keys)
    } else {
        Err(Error::OtherKek)
    }
}

fn read_file(path: &Path) -> Result<WrappedFile, Error> {
    let (text, _) = files::read_private(path, MAX_WRAPPED)?;
    let damaged = |source| Error::Damaged {
        path: path.to_owned(),
        source,
    };
    let file: WrappedFile =
        serde_json::from_slice(&text).map_err(|source| damaged(Some(source)))?;
    if file.v != FORMAT || !file.keys.keys().all(|name| is_name(name)) {
        return Err(damaged(None));
    }
    Ok(file)
}

fn context(name: &str, version: u32) -> Vec<u8> {
    let mut context = b"aiworklab vault v1\0".to_vec();
    context.extend_from_slice(name.as_bytes());
    context.push(0);
    context.extend_from_slice(&version.to_be_bytes());
    context
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use aws_lc_rs::rand::SystemRandom;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn keys_are_the_same_after_opening_anew() {
        let (dir, random) = (tempfile::tempdir().unwrap(), SystemRandom::new());
        let mut vault = Vault::create(dir.path(), &random).unwrap();
        let made = vault.ensure_key(name::DB, &random).unwrap();
        vault.put_secret(name::CA_ROOT, b"pkcs8", &random).unwrap();
        let mut again = Vault::open(dir.path()).unwrap();
        assert_eq!(again.key(name::DB).unwrap().expose(), made.expose());
        assert_eq!(
            again.ensure_key(name::DB, &random).unwrap().expose(),
            made.expose()
        );
        assert_eq!(again.key(name::CA_ROOT).unwrap().expose(), b"pkcs8");
        assert!(matches!(again.key(name::LINK), Err(Error::NoKey { .. })));
    }

    #[test]
    fn the_files_are_private_and_hold_no_key_in_the_clear() {
        let (dir, random) = (tempfile::tempdir().unwrap(), SystemRandom::new());
        let mut vault = Vault::create(dir.path(), &random).unwrap();
        let key = vault.ensure_key(name::DB, &random).unwrap();
        vault
            .put_secret(name::CA_ROOT, b"a canary of a key", &random)
            .unwrap();
        let keys = dir.path().join("keys");
        assert_eq!(names(&keys), ["kek", "wrapped.json"]);
        assert_eq!(mode(&keys), 0o700);
        assert_eq!(mode(&keys.join("kek")), 0o600);
        assert_eq!(mode(&keys.join("wrapped.json")), 0o600);
        let text = fs::read_to_string(keys.join("wrapped.json")).unwrap();
        assert!(!text.contains(&hex::encode(key.expose())));
        assert!(!text.contains("canary") && !text.contains(&hex::encode("canary")));
        let kek = fs::read(keys.join("kek")).unwrap();
        assert!(!text.contains(&hex::encode(kek)));
        assert!(!format!("{vault:?}").contains("Secret"));
    }

    #[test]
    fn a_second_create_changes_nothing() {
        let (dir, random) = (tempfile::tempdir().unwrap(), SystemRandom::new());
        let mut vault = Vault::create(dir.path(), &random).unwrap();
        let key = vault.ensure_key(name::DB, &random).unwrap();
        assert!(matches!(
            Vault::create(dir.path(), &random),
            Err(Error::Exists { .. })
        ));
        let (kek, aside) = (dir.path().join("keys/kek"), dir.path().join("kek"));
        fs::rename(&kek, &aside).unwrap();
        let lost = Vault::create(dir.path(), &random);
        assert!(
            matches!(lost, Err(Error::Exists { .. })),
            "keys without their KEK are kept"
        );
        fs::rename(&aside, &kek).unwrap();
        fs::remove_file(dir.path().join("keys/wrapped.json")).unwrap();
        assert!(matches!(
            Vault::create(dir.path(), &random),
            Err(Error::Exists { .. })
        ));
        vault.store(&vault.keys).unwrap();
        let again = Vault::open(dir.path()).unwrap();
        assert_eq!(again.key(name::DB).unwrap().expose(), key.expose());
    }

    #[test]
    fn a_create_that_crashed_half_way_may_be_run_again() {
        let (dir, random) = (tempfile::tempdir().unwrap(), SystemRandom::new());
        Vault::create(dir.path(), &random).unwrap();
        fs::remove_file(dir.path().join("keys/kek")).unwrap();
        let mut again = Vault::create(dir.path(), &random).unwrap();
        again.ensure_key(name::DB, &random).unwrap();
        Vault::open(dir.path()).unwrap();
    }

    #[test]
    fn a_kek_that_others_may_read_is_refused_with_the_remedy() {
        let (dir, random) = (tempfile::tempdir().unwrap(), SystemRandom::new());
        Vault::create(dir.path(), &random).unwrap();
        let kek = dir.path().join("keys/kek");
        for open in [0o640, 0o604, 0o620, 0o602] {
            set_mode(&kek, open);
            let error = Vault::open(dir.path()).unwrap_err();
            assert!(matches!(error, Error::TooOpen { mode, .. } if mode == open));
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
        set_mode(&kek, 0o400);
        Vault::open(dir.path()).unwrap();
        set_mode(&dir.path().join("keys"), 0o750);
        let error = Vault::open(dir.path()).unwrap_err();
        assert!(error.to_string().contains("chmod 700"), "{error}");
    }

    #[test]
    fn a_kek_that_is_a_link_or_cut_short_or_missing_is_refused() {
        let (dir, random) = (tempfile::tempdir().unwrap(), SystemRandom::new());
        Vault::create(dir.path(), &random).unwrap();
        let (kek, aside) = (dir.path().join("keys/kek"), dir.path().join("keys/aside"));
        fs::rename(&kek, &aside).unwrap();
        assert!(matches!(
            Vault::open(dir.path()),
            Err(Error::NotThere { .. })
        ));
        symlink(&aside, &kek).unwrap();
        assert!(matches!(
            Vault::open(dir.path()),
            Err(Error::NotOurs { .. })
        ));
        fs::remove_file(&kek).unwrap();
        fs::rename(&aside, &kek).unwrap();
        let whole = fs::read(&kek).unwrap();
        fs::write(&kek, &whole[..31]).unwrap();
        assert!(matches!(
            Vault::open(dir.path()),
            Err(Error::KekLength { found: 31, .. })
        ));
        fs::write(&kek, [&whole[..], b"\n"].concat()).unwrap();
        assert!(matches!(
            Vault::open(dir.path()),
            Err(Error::KekLength { found: 33, .. })
        ));
    }

    #[test]
    fn a_wrapped_key_under_another_name_version_or_kek_does_not_open() {
        let (dir, random) = (tempfile::tempdir().unwrap(), SystemRandom::new());
        let mut vault = Vault::create(dir.path(), &random).unwrap();
        vault.ensure_key(name::DB, &random).unwrap();
        let path = dir.path().join("keys/wrapped.json");
        let text = fs::read_to_string(&path).unwrap();
        for (from, to) in [
            ("\"db\"", "\"link\""),
            ("\"version\": 1", "\"version\": 2"),
            ("\"sealed\": \"01", "\"sealed\": \"02"),
        ] {
            assert!(text.contains(from), "{from}");
            fs::write(&path, text.replace(from, to)).unwrap();
            assert!(
                matches!(Vault::open(dir.path()), Err(Error::Sealed)),
                "{to}"
            );
        }
        for broken in ["", "{}", "{\"v\":2}", &text[..text.len() / 2]] {
            fs::write(&path, broken).unwrap();
            assert!(matches!(
                Vault::open(dir.path()),
                Err(Error::Damaged { .. })
            ));
        }
        fs::write(&path, &text).unwrap();
        fs::write(dir.path().join("keys/kek"), [1; 32]).unwrap();
        assert!(matches!(Vault::open(dir.path()), Err(Error::OtherKek)));
    }

    #[test]
    fn two_processes_that_each_add_a_key_keep_both() {
        let (dir, random) = (tempfile::tempdir().unwrap(), SystemRandom::new());
        let mut one = Vault::create(dir.path(), &random).unwrap();
        let mut two = Vault::open(dir.path()).unwrap();
        let a = one.ensure_key(name::DB, &random).unwrap();
        let b = two.ensure_key(name::LINK, &random).unwrap();
        assert_eq!(
            two.ensure_key(name::DB, &random).unwrap().expose(),
            a.expose()
        );
        let again = Vault::open(dir.path()).unwrap();
        assert_eq!(again.key(name::LINK).unwrap().expose(), b.expose());
    }

    #[test]
    fn a_new_secret_replaces_the_old_and_counts_up() {
        let (dir, random) = (tempfile::tempdir().unwrap(), SystemRandom::new());
        let mut vault = Vault::create(dir.path(), &random).unwrap();
        assert_eq!(vault.version(name::SESSION), None);
        vault.put_secret(name::SESSION, b"one", &random).unwrap();
        vault.put_secret(name::SESSION, b"two", &random).unwrap();
        assert_eq!(vault.version(name::SESSION), Some(2));
        assert_eq!(vault.key(name::SESSION).unwrap().expose(), b"two");
        assert!(vault.put_secret(name::SESSION, b"", &random).is_err());
        assert_eq!(vault.key(name::SESSION).unwrap().expose(), b"two");
    }

    #[test]
    fn what_a_crash_left_beside_is_no_hindrance() {
        let (dir, random) = (tempfile::tempdir().unwrap(), SystemRandom::new());
        let mut vault = Vault::create(dir.path(), &random).unwrap();
        let left = dir.path().join("keys/.wrapped.json.new");
        fs::write(&left, "half").unwrap();
        vault.ensure_key(name::DB, &random).unwrap();
        assert!(!left.exists());
        Vault::open(dir.path()).unwrap();
    }
}
