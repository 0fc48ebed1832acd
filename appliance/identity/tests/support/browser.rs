//! A browser without a screen: follows redirects by hand, keeps cookies, fills in the provider's form.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use url::Url;

use super::REDIRECT;

/// A browser with its own cookies.
pub struct Browser {
    client: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

/// Where a way through the provider's pages ended.
pub struct Arrived {
    /// The query that the provider sent the browser back to us with.
    pub query: String,
    /// Whether the provider asked for anything.
    pub prompted: bool,
}

enum Page {
    Ours(Url),
    Theirs(Url, String),
}

impl Browser {
    pub fn new(root_pem: &str) -> Self {
        Self {
            client: client(root_pem),
            cookies: BTreeMap::new(),
        }
    }

    /// Goes to the provider, signs in as `user` if asked, and comes back.
    pub async fn sign_in(&mut self, url: &Url, user: &str) -> Arrived {
        self.fill_in(url, &[("sub", user)]).await
    }

    /// The same with the form's fields given.
    pub async fn fill_in(&mut self, url: &Url, fields: &[(&str, &str)]) -> Arrived {
        match self.go(url.clone(), None).await {
            Page::Ours(url) => Arrived {
                query: url.query().unwrap_or_default().to_owned(),
                prompted: false,
            },
            Page::Theirs(at, text) => {
                let action = text
                    .split("action=\"")
                    .nth(1)
                    .and_then(|t| t.split('"').next());
                let action = at
                    .join(action.unwrap_or_else(|| panic!("no form at {at}: {text}")))
                    .expect("address");
                let body = url::form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(fields)
                    .finish();
                match self.go(action, Some(body)).await {
                    Page::Ours(url) => Arrived {
                        query: url.query().unwrap_or_default().to_owned(),
                        prompted: true,
                    },
                    Page::Theirs(at, text) => panic!("still at {at}: {text}"),
                }
            }
        }
    }

    async fn go(&mut self, mut url: Url, mut form: Option<String>) -> Page {
        for _ in 0..12 {
            if url.as_str().starts_with(REDIRECT) {
                return Page::Ours(url);
            }
            let request = match form.take() {
                Some(body) => self
                    .client
                    .post(url.clone())
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body(body),
                None => self.client.get(url.clone()),
            };
            let cookies: Vec<String> = self
                .cookies
                .iter()
                .map(|(k, v)| format!("{k}={v}"))
                .collect();
            let answer = request
                .header(COOKIE, cookies.join("; "))
                .send()
                .await
                .expect("answer");
            for cookie in answer.headers().get_all(SET_COOKIE) {
                let cookie = cookie
                    .to_str()
                    .expect("text")
                    .split(';')
                    .next()
                    .unwrap_or_default();
                let (name, value) = cookie.split_once('=').expect("name=value");
                if value.is_empty() {
                    self.cookies.remove(name);
                } else {
                    self.cookies.insert(name.to_owned(), value.to_owned());
                }
            }
            match answer.headers().get(LOCATION) {
                Some(next) if answer.status().is_redirection() => {
                    url = url.join(next.to_str().expect("text")).expect("address");
                }
                _ => return Page::Theirs(url, answer.text().await.expect("page")),
            }
        }
        panic!("too many redirects, at {url}")
    }
}

/// A client that trusts this root alone.
pub fn client(root_pem: &str) -> reqwest::Client {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(root_pem.as_bytes()) {
        roots.add(certificate.expect("PEM")).expect("root");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .use_preconfigured_tls(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("client")
}
