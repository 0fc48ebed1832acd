//! Whether a pack is the appliance's own: its signature, its signer, its size, its name.
//!
//! The signer's certificate chains to the one root that was named at enrolment, and is for signing
//! packs alone: neither a device's certificate nor the server's will do.

use crate::error::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::items::{PACK_MAX_BYTES, Pack};
use kernel::wire::v1::{SIGNED_PACK, SignedPack};
use rustls_pki_types::{CertificateDer, UnixTime};
use std::cell::Cell;
use std::io::Read;
use std::time::Duration;
use webpki::aws_lc_rs::ECDSA_P256_SHA256;
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter};

/// id-kp-codeSigning, 1.3.6.1.5.5.7.3.3 (RFC 5280 section 4.2.1.12).
const CODE_SIGNING: &[usize] = &[1, 3, 6, 1, 5, 5, 7, 3, 3];
/// Most certificates that are looked at.
const MAX_CERTIFICATES: usize = 4;
/// The largest window of zstd that is allotted, as a power of two: that of the largest pack.
const WINDOW_LOG: u32 = 26;

/// The pack's bytes, if they are the appliance's. `at`: seconds of shared time, which the sync just
/// before has learnt from the appliance, so that a wrong clock of this machine refuses nothing.
///
/// # Errors
/// [`Error::PackSigner`], [`Error::PackSignature`], [`Error::PackTooLarge`], [`Error::PackBroken`].
pub fn verified(reply: &SignedPack, root: &CertificateDer<'_>, at: i64) -> Result<Vec<u8>> {
    let certificates = reply
        .certificates
        .iter()
        .take(MAX_CERTIFICATES)
        .map(|text| Ok(CertificateDer::from(plain(text, "a certificate")?)))
        .collect::<Result<Vec<_>>>()?;
    let [leaf, between @ ..] = certificates.as_slice() else {
        return Err(broken("it names no signer"));
    };
    let refused = |source| Error::PackSigner { source };
    let signer = EndEntityCert::try_from(leaf).map_err(refused)?;
    let anchor = webpki::anchor_from_trusted_cert(root).map_err(refused)?;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at.try_into().unwrap_or(0)));
    signer
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &[anchor],
            between,
            at,
            SignsPacks::default(),
            None,
            None,
        )
        .map_err(refused)?;
    let bytes = inflated(&plain(&reply.pack, "the pack")?)?;
    let signature = plain(&reply.signature, "the signature")?;
    let signed = [SIGNED_PACK, &bytes].concat();
    signer
        .verify_signature(ECDSA_P256_SHA256, &signed, &signature)
        .map_err(|source| Error::PackSignature { source })?;
    if reply.version != Pack::version_of(&bytes) {
        return Err(broken("its name is not the digest of what is in it"));
    }
    Ok(bytes)
}

/// Inflates, and stops where a pack has to end.
fn inflated(packed: &[u8]) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| broken(&error.to_string());
    let mut reader = zstd::stream::read::Decoder::with_buffer(packed).map_err(failed)?;
    reader.window_log_max(WINDOW_LOG).map_err(failed)?;
    let limit = u64::try_from(PACK_MAX_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    reader
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() > PACK_MAX_BYTES {
        return Err(Error::PackTooLarge {
            limit: PACK_MAX_BYTES,
        });
    }
    Ok(bytes)
}

fn plain(text: &str, what: &str) -> Result<Vec<u8>> {
    STANDARD
        .decode(text)
        .map_err(|_| broken(&format!("{what} is no base64")))
}

pub(super) fn broken(why: &str) -> Error {
    Error::PackBroken {
        why: why.to_owned(),
    }
}

/// The signer's certificate is for signing packs and nothing else. Of its issuers nothing is asked:
/// the issuing CA is for servers and devices, so that whoever trusts the root for programs, as an
/// operating system may, trusts no signer of packs.
#[derive(Default)]
struct SignsPacks {
    /// webpki shows the leaf first.
    leaf_seen: Cell<bool>,
}

impl ExtendedKeyUsageValidator for SignsPacks {
    fn validate(&self, usages: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        if self.leaf_seen.replace(true) {
            return Ok(());
        }
        let usages = usages
            .map(|usage| Ok(usage?.to_decoded_oid()))
            .collect::<Result<Vec<_>, webpki::Error>>()?;
        if usages == [CODE_SIGNING] {
            Ok(())
        } else {
            // The nearest that there is; what webpki says for a server that is shown as a client.
            Err(webpki::Error::RequiredEkuNotFoundContext(
                webpki::RequiredEkuNotFoundContext {
                    required: webpki::KeyUsage::required(CODE_SIGNING_DER),
                    present: usages,
                },
            ))
        }
    }
}

/// The same as DER (X.690 section 8.19).
const CODE_SIGNING_DER: &[u8] = &[43, 6, 1, 5, 5, 7, 3, 3];
