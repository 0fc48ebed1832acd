//! Devices: what they send to be certified, and who a presented certificate says they are.

use rcgen::SubjectPublicKeyInfo;
use rustls_pki_types::CertificateSigningRequestDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::{Error, Serial, Validity};

/// No signing request with one of our keys comes near this length.
pub const MAX_REQUEST_BYTES: usize = 16 * 1024;

const URI: &str = "urn:aiworklab:device:";

/// The name of a device in its certificate.
pub fn device_uri(device: &[u8; 16]) -> String {
    format!("{URI}{}", hex::encode(device))
}

/// A checked signing request: whoever made it holds the private key. Its public key is all
/// that is kept; subject, names and extensions that it asks for are not even read.
#[derive(Debug)]
pub struct DeviceRequest {
    pub(crate) key: SubjectPublicKeyInfo,
}

impl DeviceRequest {
    /// Reads PKCS#10 (RFC 2986), PEM or DER.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::Unreadable`], [`Error::KeyKind`],
    /// [`Error::RequestSignature`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_REQUEST_BYTES {
            return Err(Error::TooLong {
                found: bytes.len(),
                max: MAX_REQUEST_BYTES,
            });
        }
        let unreadable = || Error::Unreadable {
            what: "a signing request (PKCS#10)",
        };
        // DER begins with a SEQUENCE, PEM with text.
        let der = if bytes.first() == Some(&0x30) {
            CertificateSigningRequestDer::from(bytes)
        } else {
            CertificateSigningRequestDer::from_pem_slice(bytes).map_err(|_| unreadable())?
        };
        let (rest, request) = X509CertificationRequest::from_der(&der).map_err(|_| unreadable())?;
        if !rest.is_empty() {
            return Err(unreadable());
        }
        let info = &request.certification_request_info;
        let key =
            SubjectPublicKeyInfo::from_der(info.subject_pki.raw).map_err(|_| Error::KeyKind)?;
        let taken = [
            &rcgen::PKCS_ECDSA_P256_SHA256,
            &rcgen::PKCS_ECDSA_P384_SHA384,
            &rcgen::PKCS_ED25519,
        ];
        if !taken.contains(&rcgen::PublicKeyData::algorithm(&key)) {
            return Err(Error::KeyKind);
        }
        request
            .verify_signature()
            .map_err(|_| Error::RequestSignature)?;
        Ok(Self { key })
    }
}

/// What a device's certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// The device's random id.
    pub device: [u8; 16],
    /// Serial number, to be compared with the revoked ones at every request.
    pub serial: Serial,
    /// From when to when.
    pub validity: Validity,
}

/// Reads who a presented leaf says it is. This checks no signature, no time and no
/// revocation: the TLS handshake has done so, or the caller must.
///
/// # Errors
/// [`Error::Unreadable`]; [`Error::NotADevice`] unless the certificate has exactly one
/// common name and one alternative name that agree, and is for clients alone.
pub fn presented(leaf: &[u8]) -> Result<Presented, Error> {
    let unreadable = || Error::Unreadable {
        what: "a certificate",
    };
    let (rest, leaf) = x509_parser::parse_x509_certificate(leaf).map_err(|_| unreadable())?;
    if !rest.is_empty() {
        return Err(unreadable());
    }
    let not = |why| Error::NotADevice { why };
    if leaf.is_ca() {
        return Err(not("it is a CA's"));
    }
    let usage = leaf.extended_key_usage().map_err(|_| unreadable())?;
    let usage = usage.ok_or_else(|| not("it names no use"))?.value;
    let wider = usage.any
        || usage.server_auth
        || usage.code_signing
        || usage.email_protection
        || usage.time_stamping
        || usage.ocsp_signing
        || !usage.other.is_empty();
    if !usage.client_auth || wider {
        return Err(not("it is not for clients alone"));
    }
    let names = leaf.subject_alternative_name().map_err(|_| unreadable())?;
    let device = match names
        .as_ref()
        .map(|names| names.value.general_names.as_slice())
    {
        Some([GeneralName::URI(uri)]) => uri.strip_prefix(URI).and_then(id),
        _ => None,
    };
    let device = device.ok_or_else(|| not("its alternative name is not a device's"))?;
    let mut subject = leaf.subject().iter_attributes();
    let common = match (subject.next(), subject.next()) {
        (Some(only), None)
            if *only.attr_type() == x509_parser::oid_registry::OID_X509_COMMON_NAME =>
        {
            only.as_str().ok().and_then(id)
        }
        _ => None,
    };
    if common != Some(device) {
        return Err(not("its subject and its alternative name differ"));
    }
    let validity = leaf.validity();
    Ok(Presented {
        device,
        serial: Serial::from_bytes(leaf.raw_serial())?,
        validity: Validity {
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
        },
    })
}

/// 32 small hexadecimal digits, in that one spelling.
fn id(text: &str) -> Option<[u8; 16]> {
    let mut id = [0; 16];
    hex::decode_to_slice(text, &mut id).ok()?;
    (hex::encode(id) == text).then_some(id)
}
