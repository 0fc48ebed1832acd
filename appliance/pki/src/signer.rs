//! The signer of packs: what an appliance publishes to its devices is signed by a leaf of its own,
//! so that a device knows it for what it is wherever it lay in between.
//!
//! The leaf is for signing (extended key usage codeSigning) and nothing else: a device's or a
//! server's key cannot sign a pack. The issuing CA's own usages stay servers and clients alone. So
//! a root that somebody imports into an operating system does not make signed programs trusted
//! there: whoever checks usages along the whole chain refuses, and our client asks for codeSigning
//! of the leaf alone.

use std::fmt;

use aws_lc_rs::rand::SecureRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rcgen::{ExtendedKeyUsagePurpose, PublicKeyData, SigningKey};
use rustls_pki_types::CertificateDer;

use crate::ca::{IssuingCa, leaf};
use crate::key::{Kind, SignKey};
use crate::{Error, Issued, PrivateKey, Validity};

const DAYS: i64 = 397;
const COMMON_NAME: &str = "aiworklab items";
const WHAT: &str = "a signer of packs";

/// A new signer's certificate and its key, which the vault is to keep.
#[derive(Debug)]
pub struct NewPackSigner {
    /// The leaf.
    pub issued: Issued,
    /// The private key.
    pub key: PrivateKey,
}

impl IssuingCa {
    /// Makes a signer's key and certificate: P-256, 397 days, for signing alone.
    ///
    /// # Errors
    /// [`Error::IssuerTime`], [`Error::Random`], [`Error::Time`], [`Error::Sign`].
    pub fn pack_signer(&self, now: i64, random: &dyn SecureRandom) -> Result<NewPackSigner, Error> {
        let (signer, key) = SignKey::make(Kind::Leaf, random)?;
        let params = leaf(COMMON_NAME.to_owned(), ExtendedKeyUsagePurpose::CodeSigning);
        let validity = Validity::days(now, DAYS - 1).starting_a_day_earlier();
        let issued = self.issue(params, &signer, validity, now, random)?;
        Ok(NewPackSigner { issued, key })
    }
}

/// A signer, ready.
pub struct PackSigner {
    certificate: CertificateDer<'static>,
    validity: Validity,
    key: SignKey,
}

impl PackSigner {
    /// Reads one from its certificate and key.
    ///
    /// # Errors
    /// [`Error::Unreadable`], [`Error::Key`]; [`Error::KeyMismatch`] if they do not belong together;
    /// [`Error::NotThatCa`] if the certificate is for another use.
    pub fn load(certificate: CertificateDer<'static>, key: &PrivateKey) -> Result<Self, Error> {
        let unreadable = || Error::Unreadable {
            what: "a certificate",
        };
        let key = SignKey::load(Kind::Leaf, key)?;
        let (rest, read) =
            x509_parser::parse_x509_certificate(&certificate).map_err(|_| unreadable())?;
        if !rest.is_empty() {
            return Err(unreadable());
        }
        if read.public_key().raw != key.subject_public_key_info() {
            return Err(Error::KeyMismatch);
        }
        let usage = read.extended_key_usage().map_err(|_| unreadable())?;
        let signs = usage.is_some_and(|it| {
            it.value.code_signing && !it.value.server_auth && !it.value.client_auth
        });
        if read.is_ca() || !signs {
            return Err(Error::NotThatCa { what: WHAT });
        }
        let validity = Validity {
            not_before: read.validity().not_before.timestamp(),
            not_after: read.validity().not_after.timestamp(),
        };
        Ok(Self {
            certificate,
            validity,
            key,
        })
    }

    /// ECDSA over P-256 with SHA-256, as ASN.1 DER (RFC 3279, 2.2.3).
    ///
    /// # Errors
    /// [`Error::Sign`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.key.sign(message).map_err(|source| Error::Sign {
            doing: "sign a pack",
            source,
        })
    }

    /// Whether this signature is its own, over this message.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, self.key.der_bytes())
            .verify(message, signature)
            .is_ok()
    }

    /// The leaf.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// From when to when.
    pub fn validity(&self) -> Validity {
        self.validity
    }
}

impl fmt::Debug for PackSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackSigner")
            .field("validity", &self.validity)
            .finish_non_exhaustive()
    }
}
