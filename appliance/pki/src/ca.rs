//! The root, the issuing CA, and what they issue.

use std::fmt;

use aws_lc_rs::rand::SecureRandom;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::certificate::X509Certificate;

use crate::key::{Kind, SignKey};
use crate::validity::date;
use crate::{
    DeviceRequest, Error, PrivateKey, Revoked, Serial, ServerNames, Validity, crl, device_uri,
    fingerprint,
};

const ROOT_DAYS: i64 = 3_652;
const ISSUING_DAYS: i64 = 1_826;
const SERVER_DAYS: i64 = 397;
const DEVICE_DAYS: i64 = 90;

/// A certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// Its serial number.
    pub serial: Serial,
    /// From when to when.
    pub validity: Validity,
}

/// A new CA and its private key, which the vault is to keep.
pub struct NewCa<T> {
    /// The CA.
    pub ca: T,
    /// Its key.
    pub key: PrivateKey,
}

/// A server's certificate with its chain and key.
#[derive(Debug)]
pub struct ServerCertificate {
    /// The leaf.
    pub issued: Issued,
    /// Leaf and issuing CA, in the order of the handshake (no root, which nobody takes from
    /// the wire).
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key.
    pub key: PrivateKey,
}

/// A CA's certificate and what signs with its key.
struct Authority {
    certificate: CertificateDer<'static>,
    validity: Validity,
    serial: Serial,
    issuer: Issuer<'static, SignKey>,
}

impl Authority {
    fn load(
        what: &'static str,
        path_len: u32,
        certificate: CertificateDer<'static>,
        key: SignKey,
    ) -> Result<Self, Error> {
        let (rest, read) =
            x509_parser::parse_x509_certificate(&certificate).map_err(|_| Error::Unreadable {
                what: "a CA certificate",
            })?;
        if !rest.is_empty() {
            return Err(Error::Unreadable {
                what: "a CA certificate",
            });
        }
        if read.public_key().raw != key.subject_public_key_info() {
            return Err(Error::KeyMismatch);
        }
        if !is_ca_with(&read, path_len) {
            return Err(Error::NotThatCa { what });
        }
        let validity = Validity {
            not_before: read.validity().not_before.timestamp(),
            not_after: read.validity().not_after.timestamp(),
        };
        let serial = Serial::from_bytes(read.raw_serial())?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(|source| Error::Sign {
            doing: "read a CA certificate",
            source,
        })?;
        Ok(Self {
            certificate,
            validity,
            serial,
            issuer,
        })
    }

    /// Issues what `params` say, within this CA's own time.
    fn issue(
        &self,
        mut params: CertificateParams,
        key: &impl PublicKeyData,
        validity: Validity,
        now: i64,
        random: &dyn SecureRandom,
    ) -> Result<Issued, Error> {
        let validity = validity.within(self.validity, now)?;
        let serial = Serial::random(random)?;
        set(&mut params, validity, &serial)?;
        params.use_authority_key_identifier_extension = true;
        let certificate = params
            .signed_by(key, &self.issuer)
            .map_err(|source| Error::Sign {
                doing: "sign a certificate",
                source,
            })?;
        Ok(Issued {
            certificate: certificate.into(),
            serial,
            validity,
        })
    }
}

fn set(params: &mut CertificateParams, validity: Validity, serial: &Serial) -> Result<(), Error> {
    params.not_before = date(validity.not_before)?;
    params.not_after = date(validity.not_after)?;
    params.serial_number = Some(SerialNumber::from_slice(serial.as_bytes()));
    Ok(())
}

fn is_ca_with(read: &X509Certificate<'_>, path_len: u32) -> bool {
    let constraints = read.basic_constraints().ok().flatten();
    let usage = read.key_usage().ok().flatten();
    constraints.is_some_and(|it| it.value.ca && it.value.path_len_constraint == Some(path_len))
        && usage.is_some_and(|it| it.value.key_cert_sign() && it.value.crl_sign())
}

fn named(common_name: String) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params
}

fn ca(what: &str, key: &SignKey, path_len: u8) -> CertificateParams {
    // Two appliances' CAs must differ in name too: trust stores look up by it.
    let hash = fingerprint(&key.subject_public_key_info());
    let mut params = named(format!(
        "aiworklab {what} {}",
        &hash["sha256:".len()..][..8]
    ));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_len));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// The root: 10 years, P-384. Signs the issuing CA and its own list of revocations.
pub struct RootCa(Authority);

/// The issuing CA: 5 years, P-384, under the root. Signs servers, devices, the signer of packs, and
/// the list of what was revoked.
pub struct IssuingCa(Authority);

impl RootCa {
    const WHAT: &'static str = "a root CA";
    const PATH_LEN: u32 = 1;

    /// Makes a root.
    ///
    /// # Errors
    /// [`Error::Random`], [`Error::Time`], [`Error::Sign`].
    pub fn create(now: i64, random: &dyn SecureRandom) -> Result<NewCa<Self>, Error> {
        let (signer, key) = SignKey::make(Kind::Ca, random)?;
        let mut params = ca("root CA", &signer, 1);
        let validity = Validity::days(now, ROOT_DAYS).starting_a_day_earlier();
        set(&mut params, validity, &Serial::random(random)?)?;
        let certificate = params.self_signed(&signer).map_err(|source| Error::Sign {
            doing: "sign the root",
            source,
        })?;
        Ok(NewCa {
            ca: Self::load(certificate.into(), &key)?,
            key,
        })
    }

    /// Reads a root from its certificate and key.
    ///
    /// # Errors
    /// [`Error::Unreadable`], [`Error::Key`], [`Error::KeyMismatch`], [`Error::NotThatCa`].
    pub fn load(certificate: CertificateDer<'static>, key: &PrivateKey) -> Result<Self, Error> {
        let key = SignKey::load(Kind::Ca, key)?;
        Authority::load(Self::WHAT, Self::PATH_LEN, certificate, key).map(Self)
    }

    /// Makes an issuing CA under this root.
    ///
    /// # Errors
    /// [`Error::IssuerTime`], [`Error::Random`], [`Error::Time`], [`Error::Sign`].
    pub fn create_issuing(
        &self,
        now: i64,
        random: &dyn SecureRandom,
    ) -> Result<NewCa<IssuingCa>, Error> {
        let (signer, key) = SignKey::make(Kind::Ca, random)?;
        let mut params = ca("issuing CA", &signer, 0);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let validity = Validity::days(now, ISSUING_DAYS).starting_a_day_earlier();
        let issued = self.0.issue(params, &signer, validity, now, random)?;
        Ok(NewCa {
            ca: IssuingCa::load(issued.certificate, &key)?,
            key,
        })
    }

    /// The root's list of revocations: empty, unless an issuing CA was revoked. Needed even
    /// so, since whoever enforces lists wants one of every issuer on the way.
    ///
    /// # Errors
    /// [`Error::Time`], [`Error::Sign`].
    pub fn crl(
        &self,
        number: u64,
        now: i64,
        revoked: &[Revoked],
    ) -> Result<CertificateRevocationListDer<'static>, Error> {
        crl::list(&self.0.issuer, number, now, revoked)
    }

    /// The certificate: the trust anchor of browsers and devices.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.0.certificate
    }

    /// From when to when.
    pub fn validity(&self) -> Validity {
        self.0.validity
    }

    /// What people compare: `sha256:…` of the certificate.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.0.certificate)
    }
}

impl IssuingCa {
    const WHAT: &'static str = "an issuing CA";
    const PATH_LEN: u32 = 0;

    /// Reads an issuing CA from its certificate and key.
    ///
    /// # Errors
    /// [`Error::Unreadable`], [`Error::Key`], [`Error::KeyMismatch`], [`Error::NotThatCa`].
    pub fn load(certificate: CertificateDer<'static>, key: &PrivateKey) -> Result<Self, Error> {
        let key = SignKey::load(Kind::Ca, key)?;
        Authority::load(Self::WHAT, Self::PATH_LEN, certificate, key).map(Self)
    }

    /// Makes a server's key and certificate: P-256, 397 days, for servers alone.
    ///
    /// # Errors
    /// [`Error::IssuerTime`], [`Error::Random`], [`Error::Time`], [`Error::Sign`].
    pub fn server(
        &self,
        names: &ServerNames,
        now: i64,
        random: &dyn SecureRandom,
    ) -> Result<ServerCertificate, Error> {
        let (signer, key) = SignKey::make(Kind::Leaf, random)?;
        let mut params = leaf(names.common_name(), ExtendedKeyUsagePurpose::ServerAuth);
        params.subject_alt_names = names.alternative()?;
        let validity = Validity::days(now, SERVER_DAYS - 1).starting_a_day_earlier();
        let issued = self.0.issue(params, &signer, validity, now, random)?;
        let chain = vec![issued.certificate.clone(), self.0.certificate.clone()];
        Ok(ServerCertificate { issued, chain, key })
    }

    /// Issues a leaf, within this CA's own time.
    pub(crate) fn issue(
        &self,
        params: CertificateParams,
        key: &impl PublicKeyData,
        validity: Validity,
        now: i64,
        random: &dyn SecureRandom,
    ) -> Result<Issued, Error> {
        self.0.issue(params, key, validity, now, random)
    }

    /// Certifies a device's key: 90 days from today's midnight, for clients alone. The
    /// device's random id is all that it names.
    ///
    /// # Errors
    /// [`Error::IssuerTime`], [`Error::Random`], [`Error::Time`], [`Error::Sign`].
    pub fn device(
        &self,
        request: &DeviceRequest,
        device: &[u8; 16],
        now: i64,
        random: &dyn SecureRandom,
    ) -> Result<Issued, Error> {
        let mut params = leaf(hex::encode(device), ExtendedKeyUsagePurpose::ClientAuth);
        let uri = device_uri(device);
        let uri = uri
            .as_str()
            .try_into()
            .map_err(|_| Error::Name { name: uri.clone() })?;
        params.subject_alt_names = vec![SanType::URI(uri)];
        self.0.issue(
            params,
            &request.key,
            Validity::days(now, DEVICE_DAYS),
            now,
            random,
        )
    }

    /// The list of revoked servers and devices. `number` must rise with each.
    ///
    /// # Errors
    /// [`Error::Time`], [`Error::Sign`].
    pub fn crl(
        &self,
        number: u64,
        now: i64,
        revoked: &[Revoked],
    ) -> Result<CertificateRevocationListDer<'static>, Error> {
        crl::list(&self.0.issuer, number, now, revoked)
    }

    /// The certificate, which clients send along with their leaf or hold beside the root.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.0.certificate
    }

    /// Its serial number, for the root's list should it ever be revoked.
    pub fn serial(&self) -> &Serial {
        &self.0.serial
    }

    /// From when to when.
    pub fn validity(&self) -> Validity {
        self.0.validity
    }
}

pub(crate) fn leaf(common_name: String, usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = named(common_name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params
}

impl fmt::Debug for RootCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RootCa")
            .field("validity", &self.0.validity)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for IssuingCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuingCa")
            .field("validity", &self.0.validity)
            .finish_non_exhaustive()
    }
}
