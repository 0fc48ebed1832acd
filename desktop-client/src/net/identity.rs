//! This device's key and certificate: read, and followed by others without a moment in which the two
//! do not fit together.
//!
//! The key lies where secrets lie, the certificate in the folder, so no single step changes both. The
//! next key and the next certificate are therefore put down whole beside the ones in use, then the
//! key is taken over, then the certificate; whoever reads them first ends what was begun.
//!
//! Invariant: at every moment, whatever is killed, there is a key and a certificate that fit
//! together, in use or to be taken over.

use super::{Identity, of_pem};
use crate::error::{Error, Result};
use crate::home::{Home, write_whole};
use crate::keys::{Keys, Name};
use crate::world::World;
use platform::files::Lock;
use rcgen::{KeyPair, PublicKeyData};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// What a device's certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The device: the certificate's common name.
    pub device: String,
    /// First second.
    pub from: i64,
    /// Last second.
    pub to: i64,
    /// The public key, as it stands there.
    key: Vec<u8>,
}

impl Leaf {
    /// Reads the first certificate of a chain.
    ///
    /// # Errors
    /// [`Error::Certificate`] if it is none of a device.
    pub fn of(chain: &[CertificateDer<'_>]) -> Result<Self> {
        let unreadable = |why: &str| Error::Certificate {
            doing: "read this device's certificate",
            source: why.into(),
        };
        let first = chain.first().ok_or_else(|| unreadable("there is none"))?;
        let (_, read) = x509_parser::parse_x509_certificate(first)
            .map_err(|error| unreadable(&error.to_string()))?;
        let device = read
            .subject()
            .iter_common_name()
            .next()
            .and_then(|name| name.as_str().ok())
            .ok_or_else(|| unreadable("it names no device"))?;
        Ok(Self {
            device: device.to_owned(),
            from: read.validity().not_before.timestamp(),
            to: read.validity().not_after.timestamp(),
            key: read.public_key().raw.to_vec(),
        })
    }

    /// When another one is due: once two thirds of its life are over.
    pub fn renew_at(&self) -> i64 {
        self.to - self.to.saturating_sub(self.from) / 3
    }

    /// Whether it is this key's.
    pub fn fits(&self, key: &KeyPair) -> bool {
        self.key == key.subject_public_key_info()
    }
}

/// Which of the two pairs.
#[derive(Clone, Copy)]
enum Slot {
    Used,
    Next,
}

impl Slot {
    fn name(self) -> Name {
        match self {
            Self::Used => Name::DeviceKey,
            Self::Next => Name::NextDeviceKey,
        }
    }
}

fn next_chain(home: &Home) -> PathBuf {
    home.path().join("device-next.pem")
}

fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File {
        doing,
        path,
        source,
    }
}

/// `None` if there is none.
fn present(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(file("read", path)(source)),
    }
}

fn gone(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file("remove", path)(error)),
        _ => Ok(()),
    }
}

fn get_key(world: &dyn World, home: &Home, slot: Slot) -> Result<Option<Zeroizing<Vec<u8>>>> {
    Ok(Keys::of(world, home)?.get(&slot.name())?)
}

fn set_key(world: &dyn World, home: &Home, slot: Slot, pem: &[u8]) -> Result<()> {
    Ok(Keys::of(world, home)?.set(&slot.name(), pem)?)
}

fn drop_key(world: &dyn World, home: &Home, slot: Slot) -> Result<()> {
    Ok(Keys::of(world, home)?.delete(&slot.name())?)
}

fn key_pair(pem: &[u8]) -> Option<KeyPair> {
    KeyPair::from_pem(std::str::from_utf8(pem).ok()?).ok()
}

/// Ends a change that was begun: takes the next pair over, or throws away what is no pair.
fn settle(world: &dyn World, home: &Home) -> Result<()> {
    let next = next_chain(home);
    let Some(chain) = present(&next)? else {
        return Ok(());
    };
    let leaf = of_pem(&chain).and_then(|chain| Leaf::of(&chain));
    let fits = |key: &Option<Zeroizing<Vec<u8>>>| {
        let pair = key.as_deref().and_then(|pem| key_pair(pem));
        matches!((&leaf, pair), (Ok(leaf), Some(pair)) if leaf.fits(&pair))
    };
    let key = get_key(world, home, Slot::Next)?;
    if fits(&key) {
        if let Some(key) = &key {
            set_key(world, home, Slot::Used, key)?;
        }
    } else if !fits(&get_key(world, home, Slot::Used)?) {
        gone(&next)?;
        return drop_key(world, home, Slot::Next);
    }
    let used = home.device_chain();
    fs::rename(&next, &used).map_err(file("write", &used))?;
    drop_key(world, home, Slot::Next)
}

/// Nobody else reads or changes the pair meanwhile.
fn held(home: &Home) -> Result<Lock> {
    let path = home.path().join("device.lock");
    Lock::take(&path).map_err(file("lock", &path))
}

/// The key and the certificate in use.
///
/// # Errors
/// [`Error::File`] if one is not there, [`Error::Certificate`] for what is neither.
pub fn load(world: &dyn World, home: &Home) -> Result<Identity> {
    let _held = held(home)?;
    settle(world, home)?;
    let path = home.device_chain();
    let chain = of_pem(&fs::read(&path).map_err(file("read", &path))?)?;
    let absent = || Error::Certificate {
        doing: "find this device's key",
        source: "it is not where this folder keeps its secrets (`aiworklab keys`)".into(),
    };
    let key = get_key(world, home, Slot::Used)?.ok_or_else(absent)?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| Error::Certificate {
        doing: "read this device's key",
        source: error.to_string().into(),
    })?;
    Ok(Identity { chain, key })
}

/// What the certificate in use says, without its key; `None` if there is none that can be read.
pub fn leaf(home: &Home) -> Option<Leaf> {
    let chain = fs::read(home.device_chain()).ok()?;
    Leaf::of(&of_pem(&chain).ok()?).ok()
}

/// Puts another key and its certificate in the place of those in use.
///
/// # Errors
/// What writing fails with; the ones before are in use then, or the new ones at the next look.
pub fn keep(world: &dyn World, home: &Home, key: &str, chain: &str) -> Result<()> {
    let _held = held(home)?;
    set_key(world, home, Slot::Next, key.as_bytes())?;
    let next = next_chain(home);
    write_whole(&next, 0o600, chain.as_bytes()).map_err(file("write", &next))?;
    settle(world, home)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::still::Still;
    use rcgen::{CertificateParams, DnType};

    /// A key, its certificate, and what the certificate says.
    fn pair(device: &str) -> (String, String, Leaf) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, device);
        let certificate = params.self_signed(&key).unwrap();
        let leaf = Leaf::of(&[certificate.der().clone()]).unwrap();
        (key.serialize_pem(), certificate.pem(), leaf)
    }

    fn is(home: &Home, leaf: &Leaf) -> bool {
        let found = load(&Still::default(), home).unwrap();
        let key = get_key(&Still::default(), home, Slot::Used)
            .unwrap()
            .unwrap();
        Leaf::of(&found.chain).unwrap() == *leaf && leaf.fits(&key_pair(&key).unwrap())
    }

    #[test]
    fn a_third_before_its_end_another_is_due() {
        let leaf = Leaf {
            device: String::new(),
            from: 0,
            to: 90 * 86_400 - 1,
            key: Vec::new(),
        };
        assert_eq!(leaf.renew_at(), 60 * 86_400);
    }

    #[test]
    fn key_and_certificate_fit_together_wherever_the_change_is_cut_off() {
        let (old_key, old_chain, old) = pair("a");
        let (new_key, new_chain, new) = pair("a");
        let world = Still::default();
        for cut in 0..5 {
            let folder = tempfile::tempdir().unwrap();
            let home = Home::at(folder.path());
            keep(&world, &home, &old_key, &old_chain).unwrap();
            // The steps of `keep`, and of `settle` in it, up to where the power goes.
            if cut > 0 {
                set_key(&world, &home, Slot::Next, new_key.as_bytes()).unwrap();
            }
            if cut > 1 {
                fs::write(next_chain(&home), &new_chain).unwrap();
            }
            if cut > 2 {
                set_key(&world, &home, Slot::Used, new_key.as_bytes()).unwrap();
            }
            if cut > 3 {
                fs::rename(next_chain(&home), home.device_chain()).unwrap();
            }
            let expected = if cut > 1 { &new } else { &old };
            assert!(is(&home, expected), "cut off after step {cut}");
            assert!(is(&home, expected), "and again");
            keep(&world, &home, &new_key, &new_chain).unwrap();
            assert!(is(&home, &new));
            let next = get_key(&Still::default(), &home, Slot::Next).unwrap();
            assert!(!next_chain(&home).exists() && next.is_none());
        }
    }

    #[test]
    fn a_next_certificate_without_its_key_is_thrown_away() {
        let (key, chain, used) = pair("a");
        let (_, other, _) = pair("a");
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        keep(&Still::default(), &home, &key, &chain).unwrap();
        for left in [other.as_str(), "torn"] {
            fs::write(next_chain(&home), left).unwrap();
            assert!(is(&home, &used));
            assert!(!next_chain(&home).exists());
        }
    }
}
