//! The internal authority as the appliance uses it: its certificates beside its keys in the vault,
//! the server's own certificate renewed in time, and a device's made from its request.

use crate::data_dir;
use aws_lc_rs::rand::SystemRandom;
use kernel::ids::DeviceId;
use key_vault::{Vault, name};
use pki::{DeviceRequest, IssuingCa, PackSigner, PrivateKey, RootCa, ServerNames, Validity};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::path::{Path, PathBuf};

/// Begins the lines of `server.pem` that say what the certificate is for.
const NAME: &str = "# name ";
/// Begins the line that says from when until when, in unix seconds.
const VALID: &str = "# valid ";

/// Why the authority cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A certificate or a key is not what it should be.
    #[error("the internal authority refused")]
    Pki(#[from] pki::Error),
    /// The vault does not give its key.
    #[error("the vault refused")]
    Vault(#[from] key_vault::Error),
    /// A file.
    #[error("a certificate cannot be read or written")]
    Dir(#[from] data_dir::Error),
    /// A file that is there and cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    /// Code printed in the manual. Never reused.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Pki(error) => error.code(),
            Self::Vault(error) => error.code(),
            Self::Dir(error) => error.code(),
            Self::Read { .. } => "D005",
        }
    }
}

/// The root's certificate and the issuing authority under it.
pub struct Authority {
    root: CertificateDer<'static>,
    root_validity: Validity,
    issuing: IssuingCa,
    random: SystemRandom,
}

/// The server's certificate, ready for TLS.
pub struct Server {
    /// Leaf, issuing authority, root: a device that enrols compares the last with its fingerprint.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
    /// From when until when.
    pub validity: Validity,
}

/// A device's new certificate.
pub struct DeviceCertificate {
    /// PEM: leaf, issuing authority.
    pub pem: String,
    /// Its serial number.
    pub serial: Vec<u8>,
    /// Its end, unix seconds.
    pub not_after: i64,
}

impl Authority {
    /// Makes root and issuing authority; keys go into the vault, certificates into `dir`.
    ///
    /// # Errors
    /// Whatever failed.
    pub fn create(dir: &Path, vault: &mut Vault, now: i64) -> Result<Self, Error> {
        let random = SystemRandom::new();
        let root = RootCa::create(now, &random)?;
        let issuing = root.ca.create_issuing(now, &random)?;
        vault.put_secret(name::CA_ROOT, root.key.expose_pkcs8(), &random)?;
        vault.put_secret(name::CA_ISSUING, issuing.key.expose_pkcs8(), &random)?;
        let write = |file, certificate: &CertificateDer<'static>| {
            let pem = pki::to_pem([certificate]);
            data_dir::write_public(&dir.join(file), pem.as_bytes())
        };
        write(data_dir::ROOT, root.ca.certificate())?;
        write(data_dir::ISSUING, issuing.ca.certificate())?;
        Ok(Self {
            root: root.ca.certificate().clone(),
            root_validity: root.ca.validity(),
            issuing: issuing.ca,
            random,
        })
    }

    /// Reads what [`Authority::create`] made, and that each key belongs to its certificate.
    ///
    /// # Errors
    /// Whatever failed.
    pub fn open(dir: &Path, vault: &Vault) -> Result<Self, Error> {
        let root_key = private_key(vault, name::CA_ROOT)?;
        let root = RootCa::load(certificate(&dir.join(data_dir::ROOT))?, &root_key)?;
        let issuing_key = private_key(vault, name::CA_ISSUING)?;
        let issuing = IssuingCa::load(certificate(&dir.join(data_dir::ISSUING))?, &issuing_key)?;
        Ok(Self {
            root: root.certificate().clone(),
            root_validity: root.validity(),
            issuing,
            random: SystemRandom::new(),
        })
    }

    /// `sha256:` and 64 hexadecimal digits over the root's DER.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        pki::fingerprint(&self.root)
    }

    /// The root, for people to import and for devices to pin.
    #[must_use]
    pub fn root_pem(&self) -> String {
        pki::to_pem([&self.root])
    }

    /// What devices' certificates are verified against.
    #[must_use]
    pub fn trusted(&self) -> Vec<CertificateDer<'static>> {
        vec![self.root.clone()]
    }

    /// From when until when root and issuing authority hold.
    #[must_use]
    pub fn validities(&self) -> [(&'static str, Validity); 2] {
        [
            ("Root", self.root_validity),
            ("Issuing authority", self.issuing.validity()),
        ]
    }

    /// The server's certificate for these names: the one that is there, if it has them all and is
    /// not due, else a new one. Says whether it is new.
    ///
    /// # Errors
    /// Whatever failed.
    pub fn server(
        &self,
        dir: &Path,
        vault: &mut Vault,
        names: &[String],
        now: i64,
    ) -> Result<(Server, bool), Error> {
        let names = ServerNames::parse(names.iter().map(String::as_str))?;
        if let Some(kept) = self.kept_server(dir, vault, &names, now) {
            return Ok((kept, false));
        }
        let made = self.issuing.server(&names, now, &self.random)?;
        vault.put_secret(name::SERVER_TLS, made.key.expose_pkcs8(), &self.random)?;
        let leaf = &made.issued.certificate;
        let validity = made.issued.validity;
        // What it is for stands beside it, so that a change of names is seen without parsing.
        let mut text = format!("{VALID}{} {}\n", validity.not_before, validity.not_after);
        text.extend(names.iter().map(|name| format!("{NAME}{name}\n")));
        text.push_str(&pki::to_pem([leaf]));
        data_dir::write_public(&dir.join(data_dir::SERVER), text.as_bytes())?;
        let server = self.server_of(leaf.clone(), &made.key, validity);
        Ok((server, true))
    }

    /// `None` whenever anything is missing, unreadable, due or for other names: a new one is made
    /// then, which is always right.
    fn kept_server(
        &self,
        dir: &Path,
        vault: &Vault,
        names: &ServerNames,
        now: i64,
    ) -> Option<Server> {
        let text = std::fs::read_to_string(dir.join(data_dir::SERVER)).ok()?;
        let kept = text.lines().filter_map(|line| line.strip_prefix(NAME));
        if !kept.eq(names.iter()) {
            return None;
        }
        let (from, to) = text
            .lines()
            .find_map(|line| line.strip_prefix(VALID))?
            .split_once(' ')?;
        let validity = Validity {
            not_before: from.parse().ok()?,
            not_after: to.parse().ok()?,
        };
        let leaf = pki::from_pem(text.as_bytes()).ok()?;
        if pki::renewal_due(&validity, now) || !validity.contains(now) {
            return None;
        }
        let key = private_key(vault, name::SERVER_TLS).ok()?;
        Some(self.server_of(leaf, &key, validity))
    }

    /// What signs packs of items: the one that is there, if it is whole and not due, else a new one.
    /// A store that was made before there were packs gets its first one here.
    ///
    /// # Errors
    /// Whatever failed.
    pub fn pack_signer(
        &self,
        dir: &Path,
        vault: &mut Vault,
        now: i64,
    ) -> Result<PackSigner, Error> {
        let path = dir.join(data_dir::ITEMS_SIGNER);
        if let Some(kept) = kept_signer(&path, vault, now) {
            return Ok(kept);
        }
        let made = self.issuing.pack_signer(now, &self.random)?;
        vault.put_secret(name::PACK_SIGN, made.key.expose_pkcs8(), &self.random)?;
        let leaf = made.issued.certificate;
        data_dir::write_public(&path, pki::to_pem([&leaf]).as_bytes())?;
        Ok(PackSigner::load(leaf, &made.key)?)
    }

    /// The issuing authority's certificate, which stands between a leaf and the root.
    #[must_use]
    pub fn issuing(&self) -> &CertificateDer<'static> {
        self.issuing.certificate()
    }

    fn server_of(
        &self,
        leaf: CertificateDer<'static>,
        key: &PrivateKey,
        validity: Validity,
    ) -> Server {
        Server {
            chain: vec![leaf, self.issuing.certificate().clone(), self.root.clone()],
            key: PrivatePkcs8KeyDer::from(key.expose_pkcs8().to_vec()).into(),
            validity,
        }
    }

    /// Whether a certificate request is one that a device may bring.
    ///
    /// # Errors
    /// Why not.
    pub fn check_request(&self, csr: &str) -> Result<(), Error> {
        DeviceRequest::parse(csr.as_bytes())?;
        Ok(())
    }

    /// A certificate for a device, from the public key of its request and nothing else of it.
    ///
    /// # Errors
    /// Whatever failed.
    pub fn device(
        &self,
        csr: &str,
        device: DeviceId,
        now: i64,
    ) -> Result<DeviceCertificate, Error> {
        let request = DeviceRequest::parse(csr.as_bytes())?;
        let issued = self
            .issuing
            .device(&request, device.as_bytes(), now, &self.random)?;
        Ok(DeviceCertificate {
            pem: pki::to_pem([&issued.certificate, self.issuing.certificate()]),
            serial: issued.serial.as_bytes().to_vec(),
            not_after: issued.validity.not_after,
        })
    }
}

/// What a verified certificate says: which device it is of, and until when, unix seconds.
#[must_use]
pub fn shown(leaf: &CertificateDer<'_>) -> Option<(DeviceId, i64)> {
    let shown = pki::presented(leaf).ok()?;
    Some((DeviceId::from_bytes(shown.device), shown.validity.not_after))
}

/// Who a verified certificate says a device is.
#[must_use]
pub fn device_of(leaf: &CertificateDer<'_>) -> Option<DeviceId> {
    pki::presented(leaf)
        .ok()
        .map(|shown| DeviceId::from_bytes(shown.device))
}

fn private_key(vault: &Vault, name: key_vault::KeyName) -> Result<PrivateKey, Error> {
    Ok(PrivateKey::from_pkcs8(vault.key(name)?.expose().to_vec()))
}

/// `None` whenever anything is missing, torn or due: a new one is made then, which is always right.
fn kept_signer(path: &Path, vault: &Vault, now: i64) -> Option<PackSigner> {
    let key = private_key(vault, name::PACK_SIGN).ok()?;
    let kept = PackSigner::load(certificate(path).ok()?, &key).ok()?;
    let validity = kept.validity();
    (validity.contains(now) && !pki::renewal_due(&validity, now)).then_some(kept)
}

fn certificate(path: &Path) -> Result<CertificateDer<'static>, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(pki::from_pem(&bytes)?)
}
