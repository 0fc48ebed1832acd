//! What the tests of identity share: a private CA, a browser without a screen, two providers.

pub mod browser;
pub mod fake_provider;
pub mod op;

use std::sync::atomic::{AtomicU64, Ordering};

use identity::{ClientSecret, ProviderConfig, Role, RoleMapping};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use sha2::{Digest, Sha256};

/// Where the providers send the browser back to. Nobody listens there: the browser stops before it.
pub const REDIRECT: &str = "https://app.test/auth/corp/callback";

/// The providers' programs live by the real clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the real provider checks real times"
)]
pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_secs()).expect("before the year 292 billion")
}

/// Bytes that differ at every call and are the same at every run.
pub fn random(into: &mut [u8]) {
    for part in into.chunks_mut(32) {
        part.copy_from_slice(&Sha256::digest(serial().to_be_bytes())[..part.len()]);
    }
}

/// Numbers that are given once.
fn serial() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A certificate authority and a certificate for `localhost`.
pub struct PrivateCa {
    pub root_pem: String,
    pub chain_pem: String,
    pub key_pem: String,
}

impl PrivateCa {
    pub fn new() -> Self {
        let root_key = KeyPair::generate().expect("key");
        let mut root = CertificateParams::new(vec![]).expect("parameters");
        root.distinguished_name.push(
            DnType::CommonName,
            format!("Test Enterprise Root CA {}", serial()),
        );
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let root_pem = root.self_signed(&root_key).expect("root").pem();
        let issuer = Issuer::new(root, root_key);
        let leaf_key = KeyPair::generate().expect("key");
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let leaf = CertificateParams::new(names).expect("parameters");
        let leaf_pem = leaf.signed_by(&leaf_key, &issuer).expect("leaf").pem();
        Self {
            chain_pem: format!("{leaf_pem}{root_pem}"),
            root_pem,
            key_pem: leaf_key.serialize_pem(),
        }
    }
}

/// A configuration as a test needs it; change the fields that matter.
pub fn config(issuer: &str, root_pem: &str) -> ProviderConfig {
    let text = r#"
        id = "corp"
        name = "Corp"
        issuer = "ISSUER"
        client_id = "app"
        redirect_uri = "https://app.test/auth/corp/callback"
        root_ca_pem = ""
        scopes = ["profile", "email", "groups"]
    "#;
    let mut config: ProviderConfig =
        toml::from_str(&text.replace("ISSUER", issuer)).expect("configuration");
    config.root_ca_pem = root_pem.to_owned();
    config.client_secret = Some(ClientSecret::new("app-secret".into()));
    config.roles = RoleMapping {
        claim: "groups".into(),
        admin: vec!["app-admins".into()],
        auditor: vec![],
        lead: vec!["engineering".into()],
        default: Role::Member,
    };
    config
}
