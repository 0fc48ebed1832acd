//! OpenSSL as a second judge, and samples for linters run by hand.

use std::path::Path;
use std::process::Command;

use super::*;

fn openssl(dir: &Path, line: &str) -> (bool, String) {
    let out = Command::new("openssl")
        .args(line.split(' '))
        .current_dir(dir)
        .output()
        .unwrap();
    let text = [out.stdout, out.stderr].concat();
    (
        out.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

fn has_openssl() -> bool {
    Command::new("openssl")
        .arg("version")
        .output()
        .is_ok_and(|out| out.status.success())
}

/// Certificates and lists of every kind, for other programs to look at.
fn leave_samples(ca: &Ca, device: &Issued, server: &ServerCertificate, here: &Path) {
    let write = |name: &str, bytes: &[u8]| std::fs::write(here.join(name), bytes).unwrap();
    let revoked = Revoked {
        serial: device.serial.clone(),
        at: NOW,
        reason: Reason::KeyCompromise,
    };
    write("root.pem", to_pem([ca.root.certificate()]).as_bytes());
    write("issuing.pem", to_pem([ca.issuing.certificate()]).as_bytes());
    write("device.pem", to_pem([&device.certificate]).as_bytes());
    write(
        "server.pem",
        to_pem([&server.issued.certificate]).as_bytes(),
    );
    write("root.crl", &ca.root.crl(1, NOW, &[]).unwrap());
    write("none.crl", &ca.issuing.crl(1, NOW, &[]).unwrap());
    write("revoked.crl", &ca.issuing.crl(2, NOW, &[revoked]).unwrap());
}

#[test]
#[ignore = "writes samples into the current folder, for a linter run by hand"]
fn samples_for_linters() {
    let ca = ca();
    leave_samples(&ca, &ca.device(), &ca.server(), Path::new("."));
}

#[test]
fn openssl_agrees_with_chain_lists_fingerprint_and_requests() {
    if !has_openssl() {
        println!("no openssl here: not compared");
        return;
    }
    let (ca, dir) = (ca(), tempfile::tempdir().unwrap());
    let here = dir.path();
    let write = |name: &str, bytes: &[u8]| std::fs::write(here.join(name), bytes).unwrap();
    // A request as a customer's own tool makes it.
    let (done, said) = openssl(
        here,
        "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem -subj /CN=x -out r.pem",
    );
    assert!(done, "{said}");
    let read = DeviceRequest::parse(&std::fs::read(here.join("r.pem")).unwrap()).unwrap();
    let device = ca
        .issuing
        .device(&read, &DEVICE, NOW, &SystemRandom::new())
        .unwrap();
    let server = ca.server();
    leave_samples(&ca, &device, &server, here);
    for name in ["root", "none", "revoked"] {
        let (done, said) = openssl(
            here,
            &format!("crl -inform DER -in {name}.crl -out {name}.crl.pem"),
        );
        assert!(done, "{said}");
    }
    for name in ["none", "revoked"] {
        let both =
            ["root", name].map(|it| std::fs::read(here.join(format!("{it}.crl.pem"))).unwrap());
        write(&format!("{name}.pem"), &both.concat());
    }
    let verify = |purpose: &str, lists: &str, leaf: &str| {
        openssl(
            here,
            &format!(
                "verify -x509_strict -check_ss_sig -crl_check_all -attime {NOW} -purpose {purpose} \
                 -CAfile root.pem -untrusted issuing.pem -CRLfile {lists}.pem {leaf}.pem"
            )
            .replace("  ", " "),
        )
    };
    for (purpose, leaf) in [("sslclient", "device"), ("sslserver", "server")] {
        let (done, said) = verify(purpose, "none", leaf);
        assert!(done, "{said}");
    }
    assert!(!verify("sslserver", "none", "device").0);
    assert!(!verify("sslclient", "none", "server").0);
    let (done, said) = verify("sslclient", "revoked", "device");
    assert!(!done && said.contains("certificate revoked"), "{said}");
    let (_, said) = openssl(here, "x509 -in root.pem -noout -fingerprint -sha256");
    let digits = said
        .trim()
        .rsplit('=')
        .next()
        .unwrap()
        .replace(':', "")
        .to_lowercase();
    assert_eq!(ca.root.fingerprint(), format!("sha256:{digits}"));
}
