//! A browser without script: cookies, forms, and nothing that follows a redirect by itself.

use crate::device::Keys;
use reqwest::{Client, Method, StatusCode, header, redirect};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::BTreeMap;
use std::path::Path;
use url::Url;

/// A page as it was answered.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: header::HeaderMap,
    /// Its text.
    pub body: String,
}

impl Page {
    /// This, which has to have this status.
    ///
    /// # Panics
    /// If it has another.
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(
            self.status.as_u16(),
            status,
            "{:?}\n{}",
            self.headers,
            self.body
        );
        self
    }

    /// Whether the page says this, with tags taken out and spaces folded.
    #[must_use]
    pub fn says(&self, text: &str) -> bool {
        self.text().contains(text)
    }

    /// The page's text without tags.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut in_tag = false;
        for c in self.body.chars() {
            match c {
                '<' => in_tag = true,
                '>' => {
                    in_tag = false;
                    text.push(' ');
                }
                c if !in_tag => text.push(c),
                _ => {}
            }
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The value of the first field of this name in a form.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<String> {
        let at = self.body.find(&format!("name=\"{name}\""))?;
        let tag = &self.body[self.body[..at].rfind('<')?..];
        let tag = &tag[..tag.find('>')?];
        let from = tag.find("value=\"")? + "value=\"".len();
        Some(tag[from..from + tag[from..].find('"')?].to_owned())
    }

    /// Where it sends the browser.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.headers.get(header::LOCATION)?.to_str().ok()
    }
}

/// One person's browser.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    base: Url,
    cookies: BTreeMap<String, String>,
}

/// TLS 1.3 that trusts one root.
pub(crate) fn trusting(root: &Path) -> rustls::ClientConfig {
    trusting_as(root, None)
}

/// The same, with a certificate to show.
pub(crate) fn trusting_as(root: &Path, keys: Option<&Keys>) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    let root = CertificateDer::from_pem_file(root).expect("root.pem is a certificate");
    roots.add(root).expect("root.pem is a root");
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3 is spoken")
        .with_root_certificates(roots);
    let Some(Keys { chain, key }) = keys else {
        return config.with_no_client_auth();
    };
    let chain = CertificateDer::pem_file_iter(chain).expect("a chain is there");
    let chain = chain.map(|one| one.expect("a certificate")).collect();
    let key = PrivateKeyDer::from_pem_file(key).expect("a key is there");
    config
        .with_client_auth_cert(chain, key)
        .expect("key and certificate fit")
}

impl Browser {
    /// A browser that trusts `root`, at `base`.
    ///
    /// # Panics
    /// If the root cannot be read.
    #[must_use]
    pub fn new(root: &Path, base: &str) -> Self {
        let client = Client::builder()
            .use_preconfigured_tls(trusting(root))
            .redirect(redirect::Policy::none())
            .build()
            .expect("a client can be made");
        Self {
            client,
            base: base.parse().expect("a base URL"),
            cookies: BTreeMap::new(),
        }
    }

    /// The session's cookies, as a `Cookie` header has them.
    #[must_use]
    pub fn cookies(&self) -> String {
        let pairs = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// `GET`; a path or a whole URL.
    pub fn get(&mut self, path: &str) -> Page {
        self.send(Method::GET, path, None, true)
    }

    /// `POST` of a form as the page at `from` would send it, with its token.
    pub fn submit(&mut self, from: &Page, path: &str, fields: &[(&str, &str)]) -> Page {
        let csrf = from.field("csrf").unwrap_or_default();
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend_from_slice(fields);
        self.post(path, &all)
    }

    /// `POST` of a form with these fields alone.
    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.send(Method::POST, path, Some(body), true)
    }

    /// The same from a page of another site.
    pub fn post_from_elsewhere(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.send(Method::POST, path, Some(body), false)
    }

    /// Opens a one-time link and presses its button.
    ///
    /// # Panics
    /// If it does not sign in.
    pub fn open_link(&mut self, link: &str) {
        let shown = self.get(link).expect(200);
        let _ = self.submit(&shown, link, &[]).expect(303);
    }

    /// Any request, as a program sends it.
    pub fn request(&mut self, method: &str, path: &str, body: Option<String>) -> Page {
        self.send(method.parse().expect("a method"), path, body, true)
    }

    fn send(&mut self, method: Method, path: &str, body: Option<String>, own: bool) -> Page {
        let url = self.base.join(path).expect("a path or a URL");
        let mut request = self.client.request(method.clone(), url.clone());
        if url.origin() == self.base.origin() && !self.cookies.is_empty() {
            request = request.header(header::COOKIE, self.cookies());
        }
        if method != Method::GET {
            let origin = self.base.origin().ascii_serialization();
            let origin = if own {
                origin
            } else {
                "https://elsewhere.example".to_owned()
            };
            request = request.header(header::ORIGIN, origin);
        }
        if let Some(body) = body {
            let form = "application/x-www-form-urlencoded";
            request = request.header(header::CONTENT_TYPE, form).body(body);
        }
        let (status, headers, body) = crate::wait(async {
            let reply = request
                .send()
                .await
                .unwrap_or_else(|error| panic!("{url}: {error:?}"));
            let (status, headers) = (reply.status(), reply.headers().clone());
            (status, headers, reply.text().await.unwrap_or_default())
        });
        for cookie in headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap_or_default();
            let pair = cookie.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                match value.is_empty() || cookie.contains("Max-Age=0") {
                    true => self.cookies.remove(name),
                    false => self.cookies.insert(name.to_owned(), value.to_owned()),
                };
            }
        }
        Page {
            status,
            headers,
            body,
        }
    }
}
