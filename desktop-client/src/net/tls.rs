//! TLS 1.3, aws-lc-rs, and one root: the appliance's own. The system's store is never asked.
//!
//! At the first contact the root is not here yet. The appliance presents its whole chain, root last;
//! the certificate in it that has the named fingerprint becomes the one trust anchor, and the
//! chain and the host's name are then verified against it as ever.

use crate::error::{Error, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

/// SHA-256 of a certificate's DER.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of this certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        Self(Sha256::digest(certificate.as_ref()).into())
    }

    /// As 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    /// `sha256:` and 64 hexadecimal digits; colons between them and capitals are taken too.
    fn from_str(text: &str) -> Result<Self> {
        let bad = || Error::Fingerprint {
            text: text.to_owned(),
        };
        let trimmed = text.trim();
        let prefix = trimmed
            .get(..7)
            .filter(|p| p.eq_ignore_ascii_case("sha256:"));
        let digits = trimmed
            .get(prefix.map_or(0, str::len)..)
            .ok_or_else(bad)?
            .replace(':', "");
        let bytes = hex::decode(digits).map_err(|_| bad())?;
        Ok(Self(bytes.try_into().map_err(|_| bad())?))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn verifier(root: CertificateDer<'static>) -> Result<Arc<WebPkiServerVerifier>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(root)?;
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))
}

/// A device's certificate chain (leaf first) and key.
#[derive(Debug)]
pub struct Identity {
    /// Leaf, then its issuer.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's key.
    pub key: PrivateKeyDer<'static>,
}

/// The certificates of a PEM text.
///
/// # Errors
/// [`Error::Certificate`] for text without one.
pub fn of_pem(text: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let failed = |source| Error::Certificate {
        doing: "read a certificate",
        source,
    };
    let found: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|error| failed(error.to_string().into()))?;
    if found.is_empty() {
        Err(failed("there is none".into()))
    } else {
        Ok(found)
    }
}

/// A configuration that trusts this root alone, and shows this identity.
///
/// # Errors
/// [`Error::Certificate`] if root, chain and key do not fit together.
pub fn trusting(root: CertificateDer<'static>, identity: Option<Identity>) -> Result<ClientConfig> {
    let failed = |source: rustls::Error| Error::Certificate {
        doing: "use this device's certificate",
        source: source.into(),
    };
    let verifier = verifier(root).map_err(failed)?;
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(failed)?
        .with_webpki_verifier(verifier);
    match identity {
        None => Ok(builder.with_no_client_auth()),
        Some(Identity { chain, key }) => builder.with_client_auth_cert(chain, key).map_err(failed),
    }
}

/// Whether this chain of a client, leaf first, holds under this root, at this time in seconds.
///
/// # Errors
/// [`Error::Certificate`] if it does not.
pub fn under(root: &CertificateDer<'_>, chain: &[CertificateDer<'_>], at: i64) -> Result<()> {
    let failed = |source: webpki::Error| Error::Certificate {
        doing: "verify a certificate under the appliance's root",
        source: source.into(),
    };
    let anchor = webpki::anchor_from_trusted_cert(root).map_err(failed)?;
    let (leaf, others) = chain
        .split_first()
        .ok_or_else(|| failed(webpki::Error::BadDer))?;
    let at = std::time::Duration::from_secs(u64::try_from(at).unwrap_or(0));
    webpki::EndEntityCert::try_from(leaf)
        .map_err(failed)?
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &[anchor],
            others,
            UnixTime::since_unix_epoch(at),
            webpki::KeyUsage::client_auth(),
            None,
            None,
        )
        .map_err(failed)
        .map(drop)
}

/// What was seen while the appliance was met for the first time.
#[derive(Debug, Clone)]
pub struct FirstContact(Arc<ByFingerprint>);

impl FirstContact {
    /// With the root that has this fingerprint.
    pub fn new(expected: Fingerprint) -> Self {
        Self(Arc::new(ByFingerprint {
            expected,
            seen: Mutex::default(),
        }))
    }

    /// The configuration that meets it.
    ///
    /// # Errors
    /// [`Error::Certificate`] if TLS cannot be prepared.
    pub fn config(&self) -> Result<ClientConfig> {
        Ok(ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| Error::Certificate {
                doing: "prepare TLS",
                source: error.into(),
            })?
            .dangerous()
            .with_custom_certificate_verifier(self.0.clone())
            .with_no_client_auth())
    }

    /// The root that was met.
    pub fn root(&self) -> Option<CertificateDer<'static>> {
        match &*self.0.lock() {
            Seen::Root(root) => Some(root.clone()),
            _ => None,
        }
    }

    /// What `error` really was, if the certificates were the reason.
    pub fn explain(&self, host: &str, error: Error) -> Error {
        let host = host.to_owned();
        match &*self.0.lock() {
            Seen::Other(found) => Error::OtherRoot {
                host,
                expected: self.0.expected.to_string(),
                found: found.to_string(),
            },
            Seen::Broken(source) => Error::Chain {
                host,
                source: source.clone(),
            },
            Seen::Nothing | Seen::Root(_) => error,
        }
    }
}

#[derive(Debug, Default)]
enum Seen {
    #[default]
    Nothing,
    Root(CertificateDer<'static>),
    Other(Fingerprint),
    Broken(rustls::Error),
}

#[derive(Debug)]
struct ByFingerprint {
    expected: Fingerprint,
    seen: Mutex<Seen>,
}

impl ByFingerprint {
    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerCertVerifier for ByFingerprint {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let root = others
            .iter()
            .find(|other| Fingerprint::of(other) == self.expected);
        let Some(root) = root.map(|root| root.clone().into_owned()) else {
            *self.lock() = Seen::Other(Fingerprint::of(others.last().unwrap_or(leaf)));
            return Err(rustls::CertificateError::UnknownIssuer.into());
        };
        let verified = verifier(root.clone())
            .and_then(|verifier| verifier.verify_server_cert(leaf, others, name, ocsp, now));
        *self.lock() = match &verified {
            Ok(_) => Seen::Root(root),
            Err(error) => Seen::Broken(error.clone()),
        };
        verified
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _leaf: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, leaf, signed, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

    struct Chain {
        root: CertificateDer<'static>,
        leaf: CertificateDer<'static>,
    }

    fn chain(host: &str) -> Chain {
        let root_key = KeyPair::generate().unwrap();
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_der = root.self_signed(&root_key).unwrap().der().clone();
        let leaf = CertificateParams::new(vec![host.to_owned()]).unwrap();
        let leaf_key = KeyPair::generate().unwrap();
        let leaf = leaf
            .signed_by(&leaf_key, &Issuer::new(root, root_key))
            .unwrap()
            .der()
            .clone();
        Chain {
            root: root_der,
            leaf,
        }
    }

    fn met(contact: &FirstContact, chain: &Chain, host: &str) -> bool {
        let name = ServerName::try_from(host.to_owned()).unwrap();
        // 2030-01-01: certificates of rcgen's default dates hold then.
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_893_456_000));
        let presented = [chain.root.clone()];
        contact
            .0
            .verify_server_cert(&chain.leaf, &presented, &name, &[], now)
            .is_ok()
    }

    #[test]
    fn a_fingerprint_is_read_in_the_ways_that_tools_print_it() {
        let hex = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        for text in [
            hex.clone(),
            format!("sha256:{hex}"),
            format!("SHA256:{colons}"),
            colons,
        ] {
            assert_eq!(
                text.parse::<Fingerprint>().unwrap().to_string(),
                format!("sha256:{hex}")
            );
        }
        for bad in [
            "",
            "sha256:",
            "sha1:abcd",
            &"a".repeat(63),
            &"g".repeat(64),
            "sha256:é",
        ] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_named_root_is_trusted_and_no_other() {
        let ours = chain("aiwl.corp");
        let contact = FirstContact::new(Fingerprint::of(&ours.root));
        assert!(met(&contact, &ours, "aiwl.corp"));
        assert_eq!(contact.root(), Some(ours.root));

        let theirs = chain("aiwl.corp");
        assert!(!met(&contact, &theirs, "aiwl.corp"));
        let error = contact.explain("aiwl.corp", Error::NotEnrolled);
        let told = error.told();
        assert!(
            told.contains(&Fingerprint::of(&theirs.root).to_string()),
            "{told}"
        );
    }

    #[test]
    fn the_named_root_does_not_help_another_host_or_another_leaf() {
        let ours = chain("aiwl.corp");
        let contact = FirstContact::new(Fingerprint::of(&ours.root));
        assert!(!met(&contact, &ours, "other.corp"));
        assert!(matches!(
            contact.explain("h", Error::NotEnrolled),
            Error::Chain { .. }
        ));
        let forged = Chain {
            root: ours.root.clone(),
            leaf: chain("aiwl.corp").leaf,
        };
        assert!(!met(&contact, &forged, "aiwl.corp"));
        assert_eq!(contact.root(), None);
    }
}
