//! The CA, judged by others: webpki (what rustls asks) here, OpenSSL beside.

mod openssl;
mod requests;
mod signer;

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use webpki::{
    BorrowedCertRevocationList, CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage,
    RevocationOptionsBuilder,
};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::validity::DAY;
use crate::*;

/// 2026-11-24 13:14:15 UTC.
const NOW: i64 = 1_795_526_055;
const TODAY: i64 = NOW - NOW % DAY;
const DEVICE: [u8; 16] = [0xd0; 16];

struct Ca {
    root: RootCa,
    root_key: PrivateKey,
    issuing: IssuingCa,
    issuing_key: PrivateKey,
}

fn ca() -> Ca {
    let random = SystemRandom::new();
    let root = RootCa::create(NOW, &random).unwrap();
    let issuing = root.ca.create_issuing(NOW, &random).unwrap();
    Ca {
        root: root.ca,
        root_key: root.key,
        issuing: issuing.ca,
        issuing_key: issuing.key,
    }
}

impl Ca {
    fn crls(&self, revoked: &[Revoked]) -> [CertificateRevocationListDer<'static>; 2] {
        [
            self.root.crl(1, NOW, &[]).unwrap(),
            self.issuing.crl(1, NOW, revoked).unwrap(),
        ]
    }

    /// What rustls asks webpki of a leaf that was sent with the issuing CA.
    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        usage: KeyUsage,
        at: i64,
        crls: &[CertificateRevocationListDer<'_>],
    ) -> Result<(), webpki::Error> {
        let anchors = [webpki::anchor_from_trusted_cert(self.root.certificate()).unwrap()];
        let between = [self.issuing.certificate().clone()];
        let lists: Vec<CertRevocationList<'_>> = crls
            .iter()
            .map(|der| BorrowedCertRevocationList::from_der(der).unwrap().into())
            .collect();
        let lists: Vec<_> = lists.iter().collect();
        let revocation = RevocationOptionsBuilder::new(&lists)
            .ok()
            .map(|it| it.with_expiration_policy(ExpirationPolicy::Enforce).build());
        EndEntityCert::try_from(leaf)?
            .verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                &anchors,
                &between,
                UnixTime::since_unix_epoch(Duration::from_secs(at as u64)),
                usage,
                revocation,
                None,
            )
            .map(|_| ())
    }

    fn device(&self) -> Issued {
        let (_, request) = request(&KeyPair::generate().unwrap(), |_| {});
        self.issuing
            .device(&request, &DEVICE, NOW, &SystemRandom::new())
            .unwrap()
    }

    fn server(&self) -> ServerCertificate {
        let names = ServerNames::parse(["localhost", "app.corp.example", "127.0.0.1", "::1"]);
        self.issuing
            .server(&names.unwrap(), NOW, &SystemRandom::new())
            .unwrap()
    }
}

/// A signing request as a client makes it, and asks for what it likes.
fn request(key: &KeyPair, ask: impl FnOnce(&mut CertificateParams)) -> (Vec<u8>, DeviceRequest) {
    let der = request_der(key, ask);
    let read = DeviceRequest::parse(&der).unwrap();
    (der, read)
}

fn request_der(key: &KeyPair, ask: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = CertificateParams::default();
    ask(&mut params);
    params.serialize_request(key).unwrap().der().to_vec()
}

#[test]
fn a_servers_certificate_holds_for_its_names_its_use_and_its_time_alone() {
    let ca = ca();
    let server = ca.server();
    let leaf = &server.issued.certificate;
    ca.verify(leaf, KeyUsage::server_auth(), NOW, &[]).unwrap();
    ca.verify(leaf, KeyUsage::server_auth(), NOW, &ca.crls(&[]))
        .unwrap();
    let read = EndEntityCert::try_from(leaf).unwrap();
    for name in ["localhost", "app.corp.example", "127.0.0.1", "::1"] {
        read.verify_is_valid_for_subject_name(&ServerName::try_from(name).unwrap())
            .unwrap();
    }
    for name in ["corp.example", "other.example", "127.0.0.2"] {
        let name = ServerName::try_from(name).unwrap();
        assert!(read.verify_is_valid_for_subject_name(&name).is_err());
    }
    assert!(ca.verify(leaf, KeyUsage::client_auth(), NOW, &[]).is_err());
    let Validity {
        not_before,
        not_after,
    } = server.issued.validity;
    assert_eq!(not_after - not_before + 1, 397 * DAY);
    ca.verify(leaf, KeyUsage::server_auth(), not_before, &[])
        .unwrap();
    ca.verify(leaf, KeyUsage::server_auth(), not_after, &[])
        .unwrap();
    assert!(
        ca.verify(leaf, KeyUsage::server_auth(), not_before - 1, &[])
            .is_err()
    );
    assert!(
        ca.verify(leaf, KeyUsage::server_auth(), not_after + 1, &[])
            .is_err()
    );
    assert_eq!(
        server.chain,
        [leaf.clone(), ca.issuing.certificate().clone()]
    );
}

#[test]
fn a_devices_certificate_holds_for_clients_until_it_is_revoked() {
    let ca = ca();
    let device = ca.device();
    let leaf = &device.certificate;
    ca.verify(leaf, KeyUsage::client_auth(), NOW, &ca.crls(&[]))
        .unwrap();
    assert!(
        ca.verify(leaf, KeyUsage::server_auth(), NOW, &ca.crls(&[]))
            .is_err()
    );
    let revoked = Revoked {
        serial: device.serial.clone(),
        at: NOW,
        reason: Reason::KeyCompromise,
    };
    let other = ca.device();
    let lists = ca.crls(&[revoked]);
    let found = ca
        .verify(leaf, KeyUsage::client_auth(), NOW, &lists)
        .unwrap_err();
    assert_eq!(found, webpki::Error::CertRevoked);
    ca.verify(&other.certificate, KeyUsage::client_auth(), NOW, &lists)
        .unwrap();
}

#[test]
fn every_issuer_needs_its_list_and_a_list_ends_after_a_week() {
    let ca = ca();
    let leaf = ca.device().certificate;
    let [root, issuing] = ca.crls(&[]);
    for alone in [[root.clone()], [issuing.clone()]] {
        let found = ca
            .verify(&leaf, KeyUsage::client_auth(), NOW, &alone)
            .unwrap_err();
        assert_eq!(found, webpki::Error::UnknownRevocationStatus);
    }
    let both = [root, issuing];
    let last = NOW + CRL_LIFE_SECONDS - 1;
    ca.verify(&leaf, KeyUsage::client_auth(), last, &both)
        .unwrap();
    assert!(
        ca.verify(&leaf, KeyUsage::client_auth(), last + 2, &both)
            .is_err()
    );
}

#[test]
fn a_list_tells_its_number_the_day_and_the_reason() {
    let ca = ca();
    let serial = ca.device().serial;
    let revoked = [
        Revoked {
            serial: serial.clone(),
            at: NOW,
            reason: Reason::Superseded,
        },
        Revoked {
            serial: ca.device().serial,
            at: NOW,
            reason: Reason::Unspecified,
        },
    ];
    let der = ca.issuing.crl(300, NOW, &revoked).unwrap();
    let (rest, list) = CertificateRevocationList::from_der(&der).unwrap();
    assert!(rest.is_empty());
    assert_eq!(list.crl_number().unwrap().to_string(), "300");
    assert_eq!(list.next_update().unwrap().timestamp(), NOW + 7 * DAY);
    let listed: Vec<_> = list.iter_revoked_certificates().collect();
    assert_eq!(listed[0].raw_serial(), serial.as_bytes());
    assert_eq!(listed[0].revocation_date.timestamp(), TODAY);
    assert_eq!(listed[0].reason_code().unwrap().1.0, 4);
    assert!(listed[1].reason_code().is_none());
}

#[test]
fn a_device_reads_back_as_itself_and_is_dated_in_whole_days() {
    let issued = ca().device();
    let read = presented(&issued.certificate).unwrap();
    assert_eq!(read.device, DEVICE);
    assert_eq!(read.serial, issued.serial);
    assert_eq!(read.validity, issued.validity);
    assert_eq!(read.validity.not_before, TODAY);
    assert_eq!(read.validity.not_after, TODAY + 90 * DAY - 1);
    assert!(!renewal_due(&read.validity, NOW + 59 * DAY));
    assert!(renewal_due(&read.validity, NOW + 60 * DAY));
}

#[test]
fn a_certificate_of_anything_else_is_no_device() {
    let ca = ca();
    for other in [
        ca.root.certificate(),
        ca.issuing.certificate(),
        &ca.server().chain[0],
    ] {
        assert!(matches!(presented(other), Err(Error::NotADevice { .. })));
    }
    assert!(matches!(presented(b"0"), Err(Error::Unreadable { .. })));
    let tail = [ca.device().certificate.as_ref(), &[0]].concat();
    assert!(matches!(presented(&tail), Err(Error::Unreadable { .. })));
    // Made by another program with two names, or a name in another spelling.
    let key = KeyPair::generate().unwrap();
    let of = |common: &str, uris: &[String], usages: &[ExtendedKeyUsagePurpose]| {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common);
        params.subject_alt_names = uris
            .iter()
            .map(|uri| SanType::URI(uri.as_str().try_into().unwrap()))
            .collect();
        params.extended_key_usages = usages.to_vec();
        presented(params.self_signed(&key).unwrap().der()).map(|it| it.device)
    };
    use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
    let (hex, uri) = (hex::encode(DEVICE), device_uri(&DEVICE));
    let other = device_uri(&[0xee; 16]);
    assert_eq!(
        of(&hex, std::slice::from_ref(&uri), &[ClientAuth]).unwrap(),
        DEVICE
    );
    for (common, uris, usages) in [
        (
            hex.as_str(),
            vec![uri.clone(), other.clone()],
            vec![ClientAuth],
        ),
        (&hex, vec![other], vec![ClientAuth]),
        (&hex, vec![], vec![ClientAuth]),
        (
            &hex.to_uppercase(),
            vec![uri.to_uppercase()],
            vec![ClientAuth],
        ),
        ("ada", vec![uri.clone()], vec![ClientAuth]),
        (&hex, vec![uri.clone()], vec![ClientAuth, ServerAuth]),
        (&hex, vec![uri], vec![]),
    ] {
        assert!(
            of(common, &uris, &usages).is_err(),
            "{common} {uris:?} {usages:?}"
        );
    }
}

#[test]
fn a_ca_reads_back_from_what_was_stored_and_from_nothing_else() {
    let one = ca();
    let two = ca();
    let root = RootCa::load(one.root.certificate().clone(), &one.root_key).unwrap();
    assert_eq!(root.fingerprint(), one.root.fingerprint());
    let pem = to_pem([one.issuing.certificate()]);
    let certificate = from_pem(pem.as_bytes()).unwrap();
    let again = PrivateKey::from_pkcs8(one.issuing_key.expose_pkcs8().to_vec());
    let issuing = IssuingCa::load(certificate, &again).unwrap();
    assert_eq!(issuing.serial(), one.issuing.serial());
    let (_, read) = request(&KeyPair::generate().unwrap(), |_| {});
    let leaf = issuing
        .device(&read, &DEVICE, NOW, &SystemRandom::new())
        .unwrap();
    one.verify(
        &leaf.certificate,
        KeyUsage::client_auth(),
        NOW,
        &one.crls(&[]),
    )
    .unwrap();
    assert!(
        two.verify(&leaf.certificate, KeyUsage::client_auth(), NOW, &[])
            .is_err()
    );

    let foreign = RootCa::load(one.root.certificate().clone(), &two.root_key);
    assert!(matches!(foreign, Err(Error::KeyMismatch)));
    let swapped = RootCa::load(one.issuing.certificate().clone(), &one.issuing_key);
    assert!(matches!(swapped, Err(Error::NotThatCa { .. })));
    let swapped = IssuingCa::load(one.root.certificate().clone(), &one.root_key);
    assert!(matches!(swapped, Err(Error::NotThatCa { .. })));
    let damaged = PrivateKey::from_pkcs8(vec![0x30, 1, 2, 3]);
    assert!(matches!(
        RootCa::load(one.root.certificate().clone(), &damaged),
        Err(Error::Key)
    ));
}

#[test]
fn the_issuing_ca_can_sign_no_further_ca() {
    let ca = ca();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "rogue CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let signer = KeyPair::try_from(ca.issuing_key.expose_pkcs8()).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_der(ca.issuing.certificate(), signer).unwrap();
    let rogue = rcgen::CertifiedIssuer::signed_by(params, &key, &issuer).unwrap();
    let mut leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let leaf = leaf.signed_by(&key, &rogue).unwrap();
    let anchors = [webpki::anchor_from_trusted_cert(ca.root.certificate()).unwrap()];
    let found = EndEntityCert::try_from(leaf.der())
        .unwrap()
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            &[rogue.der().clone(), ca.issuing.certificate().clone()],
            UnixTime::since_unix_epoch(Duration::from_secs(NOW as u64)),
            KeyUsage::server_auth(),
            None,
            None,
        )
        .map(|_| ());
    assert_eq!(found.unwrap_err(), webpki::Error::PathLenConstraintViolated);
}

#[test]
fn no_certificate_outlives_its_issuer_and_an_ended_issuer_issues_nothing() {
    let ca = ca();
    let end = ca.issuing.validity().not_after;
    assert!(end <= ca.root.validity().not_after);
    let (_, read) = request(&KeyPair::generate().unwrap(), |_| {});
    let random = SystemRandom::new();
    let late = ca
        .issuing
        .device(&read, &DEVICE, end - 10 * DAY, &random)
        .unwrap();
    assert_eq!(late.validity.not_after, end);
    for wrong in [end + 1, ca.issuing.validity().not_before - 1] {
        let refused = ca.issuing.device(&read, &DEVICE, wrong, &random);
        assert!(matches!(refused, Err(Error::IssuerTime)));
    }
    let refused = ca
        .root
        .create_issuing(ca.root.validity().not_after + 1, &random);
    assert!(matches!(refused, Err(Error::IssuerTime)));
}

#[test]
fn serials_are_random_positive_and_long() {
    let ca = ca();
    let serials: Vec<_> = (0..50).map(|_| ca.device().serial).collect();
    for (at, serial) in serials.iter().enumerate() {
        assert_eq!(serial.as_bytes().len(), 16);
        assert!(serial.as_bytes()[0] < 0x80);
        assert!(!serials[..at].contains(serial));
    }
    assert!(Serial::from_bytes(&[0, 0]).is_err());
    assert!(Serial::from_bytes(&[1; 21]).is_err());
    assert_eq!(Serial::from_bytes(&[0, 1, 0]).unwrap().to_string(), "0100");
}

#[test]
fn two_roots_differ_in_name_and_no_key_is_shown() {
    let (one, two) = (ca(), ca());
    let name = |ca: &Ca| {
        let (_, read) = x509_parser::parse_x509_certificate(ca.root.certificate()).unwrap();
        read.subject().to_string()
    };
    assert_ne!(name(&one), name(&two));
    assert_eq!(format!("{:?}", one.root_key), "PrivateKey(..)");
    assert!(!format!("{:?} {:?}", one.root, one.server()).contains("pkcs8"));
}
