//! Signing requests: what is taken from them, and which are refused.

use proptest::prelude::*;

use super::*;

#[test]
fn nothing_but_the_key_is_taken_from_a_request() {
    let ca = ca();
    let key = KeyPair::generate().unwrap();
    let (der, read) = request(&key, |ask| {
        ask.distinguished_name
            .push(DnType::CommonName, "Canary Lovelace");
        ask.distinguished_name
            .push(DnType::OrganizationName, "Canary Corp");
        ask.subject_alt_names = vec![
            SanType::DnsName("canary.corp.example".try_into().unwrap()),
            SanType::Rfc822Name("canary@corp.example".try_into().unwrap()),
            SanType::URI(device_uri(&[0xee; 16]).as_str().try_into().unwrap()),
        ];
        ask.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ask.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        ask.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    assert!(
        String::from_utf8_lossy(&der).contains("Canary Lovelace"),
        "the test asks for it"
    );
    let issued = ca
        .issuing
        .device(&read, &DEVICE, NOW, &SystemRandom::new())
        .unwrap();
    let text = String::from_utf8_lossy(&issued.certificate).to_lowercase();
    assert!(!text.contains("canary"));
    assert_eq!(presented(&issued.certificate).unwrap().device, DEVICE);
    let (_, leaf) = x509_parser::parse_x509_certificate(&issued.certificate).unwrap();
    assert!(!leaf.is_ca());
    assert!(!leaf.key_usage().unwrap().unwrap().value.key_cert_sign());
    assert_eq!(
        leaf.public_key().subject_public_key.data,
        key.public_key_raw()
    );
    assert!(
        ca.verify(&issued.certificate, KeyUsage::server_auth(), NOW, &[])
            .is_err()
    );
}

#[test]
fn the_three_kinds_of_key_are_taken_and_verify() {
    let ca = ca();
    for kind in [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ED25519,
    ] {
        let key = KeyPair::generate_for(kind).unwrap();
        let (_, read) = request(&key, |_| {});
        let issued = ca
            .issuing
            .device(&read, &DEVICE, NOW, &SystemRandom::new())
            .unwrap();
        ca.verify(&issued.certificate, KeyUsage::client_auth(), NOW, &[])
            .unwrap();
    }
}

#[test]
fn other_kinds_of_key_are_refused() {
    for kind in [&rcgen::PKCS_RSA_SHA256, &rcgen::PKCS_ECDSA_P521_SHA512] {
        let der = request_der(&KeyPair::generate_for(kind).unwrap(), |_| {});
        assert!(matches!(DeviceRequest::parse(&der), Err(Error::KeyKind)));
    }
}

#[test]
fn a_request_that_is_not_signed_by_its_key_is_refused() {
    let key = KeyPair::generate().unwrap();
    let (honest, _) = request(&key, |_| {});
    let mut unsigned = honest.clone();
    let last = unsigned.len() - 1;
    unsigned[last] ^= 1;
    assert!(matches!(
        DeviceRequest::parse(&unsigned),
        Err(Error::RequestSignature)
    ));
    // Somebody else's public key in a request that one signed oneself.
    let other = KeyPair::generate().unwrap();
    let at = honest
        .windows(65)
        .position(|it| it == key.public_key_raw())
        .unwrap();
    let mut stolen = honest;
    stolen[at..at + 65].copy_from_slice(other.public_key_raw());
    assert!(matches!(
        DeviceRequest::parse(&stolen),
        Err(Error::RequestSignature)
    ));
}

#[test]
fn no_flipped_bit_of_a_request_gets_another_key_certified() {
    let (honest, read) = request(&KeyPair::generate().unwrap(), |_| {});
    let mut taken = 0;
    for at in 0..honest.len() {
        for bit in 0..8 {
            let mut changed = honest.clone();
            changed[at] ^= 1 << bit;
            // Some bits of the wrapping are not covered by the signature; they change nothing.
            if let Ok(again) = DeviceRequest::parse(&changed) {
                assert_eq!(again.key, read.key, "byte {at}, bit {bit}");
                taken += 1;
            }
        }
    }
    assert!(taken < 20, "{taken}");
}

#[test]
fn a_request_that_is_too_long_or_has_a_tail_or_is_none_is_refused() {
    let (der, _) = request(&KeyPair::generate().unwrap(), |_| {});
    let padded = [der.as_slice(), &[0]].concat();
    assert!(matches!(
        DeviceRequest::parse(&padded),
        Err(Error::Unreadable { .. })
    ));
    let long = vec![0x30; MAX_REQUEST_BYTES + 1];
    assert!(matches!(
        DeviceRequest::parse(&long),
        Err(Error::TooLong { .. })
    ));
    for none in [
        &b""[..],
        b"0",
        b"hello",
        b"-----BEGIN CERTIFICATE REQUEST-----\n",
    ] {
        assert!(matches!(
            DeviceRequest::parse(none),
            Err(Error::Unreadable { .. })
        ));
    }
    let certificate = ca().device().certificate;
    assert!(DeviceRequest::parse(&certificate).is_err());
    let pem = to_pem([&CertificateDer::from(der)]).replace("CERTIFICATE", "CERTIFICATE REQUEST");
    DeviceRequest::parse(pem.as_bytes()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bytes_that_anyone_may_send_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = presented(&bytes);
        let _ = DeviceRequest::parse(&bytes);
        let _ = DeviceRequest::parse(&[&[0x30, 0x82, 1, 0], bytes.as_slice()].concat());
    }
}
