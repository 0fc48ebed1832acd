//! The one door to an identity provider: TLS as the configuration names it, and nowhere else.
//!
//! Invariants: only hosts that the configuration names; only their certificate
//! authorities; no redirect is followed; no proxy of the environment is used;
//! an answer has a size limit and a time limit; link-local addresses (cloud
//! metadata services) are never asked, by name or by number.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use crate::config::{ProviderConfig, TlsFloor, named_host};
use crate::error::{Error, Result, reason};

/// Largest answer that is read, in bytes. The largest real one is a key set of some 20 kB.
const BODY_LIMIT_BYTES: usize = 1024 * 1024;
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Why one request to the provider failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// Not a host that the configuration names, or not https.
    #[error("the configuration does not name {0}")]
    NotNamed(String),
    /// An answer that goes elsewhere.
    #[error("it answered with a redirect (status {0}), which is not followed")]
    Redirect(u16),
    /// An answer over the limit.
    #[error("its answer is larger than {0} bytes")]
    TooLarge(usize),
    /// Connection, TLS or time limit.
    #[error("the connection failed")]
    Connection(#[source] reqwest::Error),
    /// No answer in time.
    #[error("there was no answer within the time limit")]
    Timeout(#[source] reqwest::Error),
    /// The request or answer could not be put together.
    #[error("the request could not be made")]
    Build(#[source] openidconnect::http::Error),
}

impl HttpError {
    /// What helps.
    pub(crate) fn fix(&self) -> String {
        let text = chain(self);
        if text.contains("UnknownIssuer") || text.contains("BadSignature") {
            "give the certificate of the authority that signed the provider's certificate in `root_ca_pem`".into()
        } else if text.contains("NotValidForName") || text.contains("not valid for name") {
            "the provider's certificate must name the host in `issuer` (subject alternative name)"
                .into()
        } else if text.contains("Expired") || text.contains("NotValidYet") {
            "the provider's certificate has ended or not begun: renew it, or set this machine's clock".into()
        } else if text.contains("ProtocolVersion")
            || text.contains("HandshakeFailure")
            || text.contains("PeerIncompatible")
        {
            "the provider does not speak TLS 1.3; if that cannot be changed, allow TLS 1.2 for it by `tls_floor = \"1.2-aead\"`".into()
        } else {
            match self {
                Self::NotNamed(_) => "add the host to `also_hosts`, if it is right that the appliance speaks to it".into(),
                Self::Redirect(_) => "set `issuer` to the address that answers itself".into(),
                _ => "check that this machine reaches the host and port of `issuer` (name resolution, firewall)".into(),
            }
        }
    }
}

/// All causes in one text.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        text.push_str(&format!(" {next:?}"));
        cause = next.source();
    }
    text
}

/// A client for one provider.
pub(crate) struct Door {
    client: reqwest::Client,
    hosts: Vec<(String, u16)>,
}

impl Door {
    pub(crate) fn new(config: &ProviderConfig) -> Result<Self> {
        let roots_failed = |source| Error::Roots {
            provider: config.id.clone(),
            source,
        };
        let tls = tls_config(&config.root_ca_pem, config.tls_floor).map_err(roots_failed)?;
        let client = reqwest::Client::builder()
            .use_preconfigured_tls(tls)
            .https_only(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // A connection that the provider has closed meanwhile would fail the next request, and a code is
            // sent once. Sign-ins are rare: each request has its own.
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT_LIMIT)
            .timeout(Duration::from_secs(config.timeout_s))
            .dns_resolver(Arc::new(CheckedResolver))
            .user_agent(concat!("aiworklab-appliance/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| roots_failed(Box::new(e)))?;
        let issuer = Url::parse(&config.issuer).ok();
        let own = issuer.and_then(|u| Some((u.host_str()?.to_owned(), u.port_or_known_default()?)));
        let hosts = own
            .into_iter()
            .chain(config.also_hosts.iter().filter_map(|h| named_host(h)))
            .collect();
        Ok(Self { client, hosts })
    }

    /// Why this address may not be asked; `None` if it may.
    pub(crate) fn refuses(&self, url: &Url) -> Option<&'static str> {
        let Some(host) = url.host_str() else {
            return Some("has no host");
        };
        if url.scheme() != "https" {
            return Some("is not an https:// address");
        }
        if host.trim_matches(['[', ']']).parse().is_ok_and(never_asked) {
            return Some("is a link-local or unusable address");
        }
        let port = url.port_or_known_default().unwrap_or(443);
        let named = self.hosts.iter().any(|(h, p)| h == host && *p == port);
        (!named).then_some("lies on a host that the configuration does not name")
    }

    /// One request.
    async fn ask(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let request = reqwest::Request::try_from(request).map_err(HttpError::Connection)?;
        if self.refuses(request.url()).is_some() {
            return Err(HttpError::NotNamed(
                request.url().host_str().unwrap_or("it").to_owned(),
            ));
        }
        let failed = |e: reqwest::Error| {
            if e.is_timeout() {
                HttpError::Timeout(e)
            } else {
                HttpError::Connection(e)
            }
        };
        let mut answer = self.client.execute(request).await.map_err(failed)?;
        if answer.status().is_redirection() {
            return Err(HttpError::Redirect(answer.status().as_u16()));
        }
        let mut reply = openidconnect::http::Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            reply = reply.header(name, value);
        }
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(failed)? {
            if body.len() + part.len() > BODY_LIMIT_BYTES {
                return Err(HttpError::TooLarge(BODY_LIMIT_BYTES));
            }
            body.extend_from_slice(&part);
        }
        reply.body(body).map_err(HttpError::Build)
    }
}

/// A named type where a closure would do, so that a sign-in's future can move between threads.
impl<'c> AsyncHttpClient<'c> for Door {
    type Error = HttpError;
    type Future =
        Pin<Box<dyn Future<Output = std::result::Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}

/// Roots from the given PEM alone, TLS 1.3 alone unless the configuration names 1.2.
///
/// Every TLS 1.2 suite of this library has forward secrecy and an authenticated cipher.
fn tls_config(
    pem: &str,
    floor: TlsFloor,
) -> std::result::Result<ClientConfig, crate::error::Cause> {
    let mut roots = RootCertStore::empty();
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<std::result::Result<_, _>>()
        .map_err(|e| reason(format!("the PEM text is damaged: {e:?}")))?;
    let (added, ignored) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(reason(format!(
            "{ignored} certificates were found, none of them can be used"
        )));
    }
    let versions: &[&rustls::SupportedProtocolVersion] = match floor {
        TlsFloor::Tls13 => &[&rustls::version::TLS13],
        TlsFloor::Tls12Aead => &[&rustls::version::TLS13, &rustls::version::TLS12],
    };
    let config = ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_protocol_versions(versions)?
    .with_root_certificates(roots)
    .with_no_client_auth();
    Ok(config)
}

/// Addresses that no identity provider lives at.
fn never_asked(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            v4.is_link_local() || v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast()
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => never_asked(IpAddr::V4(v4)),
            None => v6.is_unicast_link_local() || v6.is_unspecified() || v6.is_multicast(),
        },
    }
}

/// The system's resolver, without the addresses that are never asked.
struct CheckedResolver;

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let usable: Vec<SocketAddr> = found.filter(|a| !never_asked(a.ip())).collect();
            if usable.is_empty() {
                return Err(reason("the name has no usable address"));
            }
            Ok(Box::new(usable.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_addresses_are_never_asked() {
        for ip in [
            "169.254.169.254",
            "fe80::1",
            "0.0.0.0",
            "::",
            "::ffff:169.254.169.254",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
        ] {
            assert!(never_asked(ip.parse().expect("address")), "{ip}");
        }
        for ip in ["127.0.0.1", "10.0.0.5", "::1", "fd00::1", "192.0.2.1"] {
            assert!(!never_asked(ip.parse().expect("address")), "{ip}");
        }
    }

    #[test]
    fn a_text_without_certificates_is_no_root() {
        for pem in [
            "",
            "hello",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            assert!(tls_config(pem, TlsFloor::Tls13).is_err(), "{pem}");
        }
    }
}
