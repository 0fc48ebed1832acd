//! Certificates as text: PEM (RFC 7468) and fingerprints.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::Error;

/// `sha256:` and 64 hexadecimal digits: SHA-256 of a certificate's DER. What
/// `openssl x509 -fingerprint -sha256` prints, without its colons.
pub fn fingerprint(der: &[u8]) -> String {
    format!(
        "sha256:{}",
        hex::encode(digest::digest(&digest::SHA256, der))
    )
}

/// Certificates as PEM, one after the other.
pub fn to_pem<'a>(certificates: impl IntoIterator<Item = &'a CertificateDer<'a>>) -> String {
    use std::fmt::Write;

    let mut text = String::new();
    for der in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let coded = STANDARD.encode(der);
        for line in coded.as_bytes().chunks(64) {
            // Base64 is ASCII, so that every cut is between characters.
            let _ = writeln!(text, "{}", String::from_utf8_lossy(line));
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

/// Reads one certificate from PEM.
///
/// # Errors
/// [`Error::Unreadable`].
pub fn from_pem(text: &[u8]) -> Result<CertificateDer<'static>, Error> {
    CertificateDer::from_pem_slice(text).map_err(|_| Error::Unreadable {
        what: "a certificate in PEM",
    })
}
