//! The signer of packs, judged as a client judges it.

use std::cell::Cell;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use webpki::{ExtendedKeyUsageValidator, KeyPurposeIdIter};

use super::*;

/// id-kp-codeSigning, 1.3.6.1.5.5.7.3.3 (RFC 5280, 4.2.1.12).
const CODE_SIGNING: &[usize] = &[1, 3, 6, 1, 5, 5, 7, 3, 3];

/// codeSigning of the leaf, which webpki shows first; anything of its issuers.
#[derive(Default)]
struct LeafSigns {
    leaf_seen: Cell<bool>,
}

impl ExtendedKeyUsageValidator for LeafSigns {
    fn validate(&self, mut usages: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        if self.leaf_seen.replace(true) {
            return Ok(());
        }
        let usages: Vec<Vec<usize>> = usages
            .by_ref()
            .map(|usage| Ok(usage?.to_decoded_oid()))
            .collect::<Result<_, webpki::Error>>()?;
        if usages == [CODE_SIGNING] {
            Ok(())
        } else {
            Err(webpki::Error::BadDer)
        }
    }
}

fn chains(ca: &Ca, leaf: &CertificateDer<'_>, at: i64) -> bool {
    let anchors = [webpki::anchor_from_trusted_cert(ca.root.certificate()).unwrap()];
    let between = [ca.issuing.certificate().clone()];
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at as u64));
    EndEntityCert::try_from(leaf)
        .unwrap()
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            &between,
            at,
            LeafSigns::default(),
            None,
            None,
        )
        .is_ok()
}

#[test]
fn a_signers_leaf_is_for_signing_alone_and_for_its_time() {
    let ca = ca();
    let made = ca.issuing.pack_signer(NOW, &SystemRandom::new()).unwrap();
    let leaf = &made.issued.certificate;
    assert!(chains(&ca, leaf, NOW) && chains(&ca, leaf, NOW + 390 * DAY));
    assert!(!chains(&ca, leaf, NOW + 398 * DAY));
    for usage in [KeyUsage::server_auth(), KeyUsage::client_auth()] {
        assert!(ca.verify(leaf, usage, NOW, &[]).is_err());
    }
    assert!(presented(leaf).is_err(), "it is no device");
    // Neither a device nor the server signs packs.
    assert!(!chains(&ca, &ca.device().certificate, NOW));
    assert!(!chains(&ca, &ca.server().issued.certificate, NOW));
}

#[test]
fn no_program_is_trusted_through_the_root_because_packs_are_signed() {
    let ca = ca();
    let made = ca.issuing.pack_signer(NOW, &SystemRandom::new()).unwrap();
    // Whoever asks the whole chain, as operating systems do, is told no by the issuing CA.
    const OID: &[u8] = &[43, 6, 1, 5, 5, 7, 3, 3];
    let usage = KeyUsage::required(OID);
    assert!(
        ca.verify(&made.issued.certificate, usage, NOW, &[])
            .is_err()
    );
}

#[test]
fn a_signature_verifies_with_the_leafs_key() {
    let ca = ca();
    let made = ca.issuing.pack_signer(NOW, &SystemRandom::new()).unwrap();
    let signer = PackSigner::load(made.issued.certificate.clone(), &made.key).unwrap();
    assert_eq!(signer.validity(), made.issued.validity);
    let signature = signer.sign(b"a pack").unwrap();
    let (_, read) = x509_parser::parse_x509_certificate(signer.certificate()).unwrap();
    let point = &read.public_key().subject_public_key.data;
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point.as_ref());
    key.verify(b"a pack", &signature).unwrap();
    assert!(key.verify(b"a pick", &signature).is_err());
    assert!(signer.verifies(b"a pack", &signature) && !signer.verifies(b"a pick", &signature));
}

#[test]
fn a_signers_certificate_and_another_key_are_refused() {
    let (ca, random) = (ca(), SystemRandom::new());
    let one = ca.issuing.pack_signer(NOW, &random).unwrap();
    let other = ca.issuing.pack_signer(NOW, &random).unwrap();
    let server = ca.server();
    assert!(matches!(
        PackSigner::load(one.issued.certificate, &other.key),
        Err(Error::KeyMismatch)
    ));
    assert!(matches!(
        PackSigner::load(server.issued.certificate, &server.key),
        Err(Error::NotThatCa { .. })
    ));
}
