//! One request to the engineer's own provider: TLS by the system's own roots, nothing followed, nothing
//! taken that is too long or too late.
//!
//! This is not the connection to the appliance (`crate::net`), and shares neither roots nor keys with it.

use super::config::{Config, is_loopback};
use super::error::Error;
use super::provider::{self, Request};
use crate::world::World;
use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use rustls::RootCertStore;
use std::sync::Arc;
use std::time::Duration;
use url::Url;
use zeroize::Zeroizing;

/// How long is waited, how often is tried, how much is taken.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For one request, whole.
    pub whole: Duration,
    /// Before each further try after a 429 or a 5xx.
    pub pauses: [Duration; 2],
    /// The longest pause that a provider may ask for; beyond that it is given up.
    pub longest: Duration,
    /// Most bytes of a reply.
    pub most_bytes: usize,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            whole: Duration::from_secs(120),
            pauses: [Duration::from_secs(2), Duration::from_secs(8)],
            longest: Duration::from_secs(30),
            most_bytes: 1024 * 1024,
        }
    }
}

/// The proxy that the environment names for an address, if it does.
pub fn proxy(world: &dyn World, url: &Url) -> Option<String> {
    if url.scheme() != "https" || is_loopback(url) {
        return None;
    }
    let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let text = names.into_iter().find_map(|name| world.env(name))?;
    text.into_string().ok()
}

/// The proxy without a password that may stand in it.
pub fn proxy_told(proxy: &str) -> String {
    let parsed = Url::parse(proxy).ok();
    let told = parsed.and_then(|url| {
        let host = url.host_str()?;
        Some(match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        })
    });
    told.unwrap_or_else(|| "the proxy of the environment".to_owned())
}

/// Sends a request, and again after a 429 or a 5xx; the body of a 200. A server that does not know the
/// form in which the reply is wanted is asked once more without it.
///
/// # Errors
/// [`Error::Unreachable`], [`Error::Refused`], [`Error::Reply`].
pub async fn send(
    world: &dyn World,
    config: &Config,
    request: &Request,
    key: Option<&Zeroizing<Vec<u8>>>,
    patience: Patience,
) -> Result<Vec<u8>, Error> {
    let host = config.host().unwrap_or_default();
    let client = client(world, &host, &request.url, patience)?;
    let mut pauses = patience.pauses.into_iter();
    let mut request = request.clone();
    loop {
        let now = world.now();
        let error = match once(&client, &host, &request, key, patience, now).await {
            Ok(body) => return Ok(body),
            Err(error) => error,
        };
        if let Error::Refused { status, said, .. } = &error
            && provider::is_about_form(*status, said)
            && let Some(plainer) = request.without_form()
        {
            request = plainer;
            continue;
        }
        let Error::Refused {
            status: 429 | 500 | 502 | 503 | 504 | 529,
            retry_after_s,
            ..
        } = &error
        else {
            return Err(error);
        };
        let asked = retry_after_s.map(Duration::from_secs);
        match (pauses.next(), asked) {
            (Some(pause), asked) if asked.unwrap_or(pause) <= patience.longest => {
                tokio::time::sleep(asked.unwrap_or(pause)).await;
            }
            _ => return Err(error),
        }
    }
}

fn client(
    world: &dyn World,
    host: &str,
    url: &Url,
    patience: Patience,
) -> Result<reqwest::Client, Error> {
    let unreachable = |source: Box<dyn std::error::Error + Send + Sync>| Error::Unreachable {
        host: host.to_owned(),
        source,
    };
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(patience.connect)
        .timeout(patience.whole);
    let secure = url.scheme() == "https";
    let tls = tls(secure).map_err(|why| unreachable(why.into()))?;
    builder = builder.https_only(secure).use_preconfigured_tls(tls);
    if let Some(proxy) = proxy(world, url) {
        let not = ["NO_PROXY", "no_proxy"].into_iter();
        let not = not.filter_map(|name| world.env(name)?.into_string().ok());
        let proxy = reqwest::Proxy::https(&proxy)
            .map_err(|error| unreachable(error.into()))?
            .no_proxy(reqwest::NoProxy::from_string(
                &not.collect::<Vec<_>>().join(","),
            ));
        builder = builder.proxy(proxy);
    }
    builder.build().map_err(|error| unreachable(error.into()))
}

/// TLS 1.3 under the roots that this system trusts, a company's own among them; under none where the
/// address has no use for it.
fn tls(secure: bool) -> Result<rustls::ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    if secure {
        let found = rustls_native_certs::load_native_certs();
        let (taken, _) = roots.add_parsable_certificates(found.certs);
        if taken == 0 {
            return Err(
                "this system has no root certificates (package ca-certificates)".to_owned(),
            );
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

async fn once(
    client: &reqwest::Client,
    host: &str,
    request: &Request,
    key: Option<&Zeroizing<Vec<u8>>>,
    patience: Patience,
    now: i64,
) -> Result<Vec<u8>, Error> {
    let unreachable = |error: reqwest::Error| Error::Unreachable {
        host: host.to_owned(),
        source: error.without_url().into(),
    };
    let reply = |why: String| Error::Reply {
        host: host.to_owned(),
        why,
    };
    let mut sent = client.post(request.url.clone()).body(request.body.clone());
    for (name, value) in &request.headers {
        sent = sent.header(*name, value);
    }
    if let (Some((name, before)), Some(key)) = (request.key, key) {
        let mut whole = Zeroizing::new(before.as_bytes().to_vec());
        whole.extend_from_slice(key);
        let no_key = |_| Error::NoKey {
            host: host.to_owned(),
        };
        let mut value = HeaderValue::from_bytes(&whole).map_err(no_key)?;
        value.set_sensitive(true);
        sent = sent.header(HeaderName::from_static(name), value);
    }
    let mut response = sent.send().await.map_err(unreachable)?;
    let status = response.status().as_u16();
    if (300..=399).contains(&status) {
        return Err(reply(
            "it sends elsewhere, and that is not followed".to_owned(),
        ));
    }
    let retry_after_s = retry_after_s(response.headers(), now);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > patience.most_bytes {
            return Err(reply(format!(
                "it says more than {} bytes",
                patience.most_bytes
            )));
        }
        body.extend_from_slice(&chunk);
    }
    match status {
        200 => Ok(body),
        _ => Err(Error::Refused {
            host: host.to_owned(),
            status,
            said: provider::said(&body),
            retry_after_s,
        }),
    }
}

/// The wait that is asked for, in seconds: a number, or a date (RFC 9110, 10.2.3), which counts from the
/// server's own date where that is said, so that a clock that is wrong here does not matter.
fn retry_after_s(headers: &HeaderMap, now: i64) -> Option<u64> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let date = |text: &str| Some(rfc2822::parse(text).ok()?.timestamp().as_second());
    let wished = text(RETRY_AFTER)?;
    if let Ok(seconds) = wished.parse() {
        return Some(seconds);
    }
    let until = date(wished)?;
    let since = text(DATE).and_then(date).unwrap_or(now);
    Some(u64::try_from(until.saturating_sub(since)).unwrap_or(0))
}
