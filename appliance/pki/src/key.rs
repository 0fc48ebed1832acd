//! Keys and serial numbers.

use std::fmt;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, KeyPair,
};
use rcgen::{PublicKeyData, SignatureAlgorithm, SigningKey};
use zeroize::Zeroizing;

use crate::Error;

/// A private key as PKCS#8 DER. Wiped when dropped; shows nothing.
pub struct PrivateKey(Zeroizing<Vec<u8>>);

impl PrivateKey {
    /// Takes over PKCS#8 DER.
    pub fn from_pkcs8(der: Vec<u8>) -> Self {
        Self(Zeroizing::new(der))
    }

    /// The PKCS#8 DER, to be stored in the vault or handed to the TLS stack.
    pub fn expose_pkcs8(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

/// The two kinds of key that the appliance makes itself.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// A CA's: P-384 with SHA-384.
    Ca,
    /// A server's or a signer's: P-256 with SHA-256.
    Leaf,
}

impl Kind {
    fn signing(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Self::Ca => &ECDSA_P384_SHA384_ASN1_SIGNING,
            Self::Leaf => &ECDSA_P256_SHA256_ASN1_SIGNING,
        }
    }

    fn certificate(self) -> &'static SignatureAlgorithm {
        match self {
            Self::Ca => &rcgen::PKCS_ECDSA_P384_SHA384,
            Self::Leaf => &rcgen::PKCS_ECDSA_P256_SHA256,
        }
    }
}

/// A key that signs, in the shape that `rcgen` asks for. Its bytes live in AWS-LC alone.
pub(crate) struct SignKey {
    pair: EcdsaKeyPair,
    kind: Kind,
}

impl SignKey {
    pub(crate) fn load(kind: Kind, key: &PrivateKey) -> Result<Self, Error> {
        let pair =
            EcdsaKeyPair::from_pkcs8(kind.signing(), key.expose_pkcs8()).map_err(|_| Error::Key)?;
        Ok(Self { pair, kind })
    }

    pub(crate) fn make(kind: Kind, random: &dyn SecureRandom) -> Result<(Self, PrivateKey), Error> {
        let document =
            EcdsaKeyPair::generate_pkcs8(kind.signing(), random).map_err(|_| Error::Random)?;
        let key = PrivateKey::from_pkcs8(document.as_ref().to_vec());
        Ok((Self::load(kind, &key)?, key))
    }
}

impl PublicKeyData for SignKey {
    fn der_bytes(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }
    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.kind.certificate()
    }
}

impl SigningKey for SignKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        // AWS-LC draws the nonce itself; the argument is a left-over of the interface.
        match self.pair.sign(&SystemRandom::new(), message) {
            Ok(signature) => Ok(signature.as_ref().to_vec()),
            Err(_) => Err(rcgen::Error::RingUnspecified),
        }
    }
}

/// A certificate's serial number: big-endian, without leading zeros, as in the DER.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(Vec<u8>);

impl Serial {
    /// 16 random bytes, of which 126 bits are free: positive, never zero, always of the
    /// same length (RFC 5280, 4.1.2.2 allows 20 bytes).
    pub(crate) fn random(random: &dyn SecureRandom) -> Result<Self, Error> {
        let mut bytes = vec![0; 16];
        random.fill(&mut bytes).map_err(|_| Error::Random)?;
        bytes[0] = bytes[0] & 0x7f | 0x40;
        Ok(Self(bytes))
    }

    /// From its bytes.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if it is zero, or longer than 20 bytes without leading zeros.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let start = bytes
            .iter()
            .position(|&byte| byte != 0)
            .unwrap_or(bytes.len());
        match &bytes[start..] {
            [] => Err(Error::Unreadable {
                what: "a serial number",
            }),
            rest if rest.len() > 20 => Err(Error::Unreadable {
                what: "a serial number",
            }),
            rest => Ok(Self(rest.to_vec())),
        }
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}
