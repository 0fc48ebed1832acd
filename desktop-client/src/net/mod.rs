//! Talking to the appliance: TLS 1.3 under its own root and no other, one request at a time.

pub mod identity;
mod tls;

pub use tls::{Fingerprint, FirstContact, Identity, of_pem, trusting, under};

use crate::error::{Error, Result};
use kernel::wire::v1::ErrorReply;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Largest reply that is read, in bytes.
const MAX_REPLY_BYTES: usize = 8 * 1024 * 1024;
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long one request may take, whole.
const REQUEST: Duration = Duration::from_secs(60);

/// A connection to one appliance.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    url: String,
    /// The status.
    pub status: u16,
    retry_after_s: Option<u64>,
    body: Vec<u8>,
}

/// Port 0 stands for the URL's own.
const LOOPBACK: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0),
];

impl Http {
    /// Over this TLS configuration: no proxy, no redirect, nothing else of the environment.
    ///
    /// # Errors
    /// [`Error::Certificate`] if the client cannot be made.
    pub fn new(tls: rustls::ClientConfig) -> Result<Self> {
        let client = reqwest::Client::builder()
            .use_preconfigured_tls(tls)
            .https_only(true)
            .no_proxy()
            // Always this machine, also where nobody wrote it into /etc/hosts (RFC 6761 section 6.3).
            .resolve_to_addrs("localhost", &LOOPBACK)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(REQUEST)
            .build()
            .map_err(|error| Error::Certificate {
                doing: "prepare TLS",
                source: error.into(),
            })?;
        Ok(Self { client })
    }

    /// `GET`.
    ///
    /// # Errors
    /// [`Error::Connect`] if nothing answers.
    pub async fn get(&self, url: &str) -> Result<Reply> {
        Self::sent(url, self.client.get(url), MAX_REPLY_BYTES).await
    }

    /// `GET` of a reply of up to `most` bytes.
    ///
    /// # Errors
    /// [`Error::Connect`] if nothing answers, [`Error::Reply`] if more comes.
    pub async fn get_up_to(&self, url: &str, most: usize) -> Result<Reply> {
        Self::sent(url, self.client.get(url), most).await
    }

    /// `POST` of these bytes as JSON.
    ///
    /// # Errors
    /// [`Error::Connect`] if nothing answers.
    pub async fn post(&self, url: &str, body: Vec<u8>) -> Result<Reply> {
        let request = self
            .client
            .post(url)
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(body);
        Self::sent(url, request, MAX_REPLY_BYTES).await
    }

    /// `POST` of a shape.
    ///
    /// # Errors
    /// [`Error::Connect`] if nothing answers.
    pub async fn post_shape(&self, url: &str, shape: &impl Serialize) -> Result<Reply> {
        self.post(url, written(shape)).await
    }

    async fn sent(url: &str, request: reqwest::RequestBuilder, most: usize) -> Result<Reply> {
        let failed = |error: reqwest::Error| {
            let met = url::Url::parse(url).map_or_else(|_| url.to_owned(), |url| host(&url));
            if let Some(refused) = crate::renew::refused(&met, &error) {
                return refused.into();
            }
            Error::Connect {
                url: url.to_owned(),
                // The address stands in our own message already.
                source: error.without_url().into(),
            }
        };
        let mut response = request.send().await.map_err(failed)?;
        let retry_after_s = response
            .headers()
            .get(reqwest::header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.trim().parse().ok());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > most {
                let why = format!("it says more than {most} bytes");
                return Err(Error::Reply {
                    url: url.to_owned(),
                    why,
                });
            }
            body.extend_from_slice(&chunk);
        }
        let status = response.status().as_u16();
        Ok(Reply {
            url: url.to_owned(),
            status,
            retry_after_s,
            body,
        })
    }
}

/// A shape as the bytes that are sent.
pub fn written(shape: &impl Serialize) -> Vec<u8> {
    // The wire shapes are structs of strings and numbers: writing them to memory cannot fail.
    serde_json::to_vec(shape).unwrap_or_default()
}

impl Reply {
    /// The shape of a 200.
    ///
    /// # Errors
    /// [`Error::Refused`] for another status, [`Error::Reply`] for another shape.
    pub fn shape<T: DeserializeOwned>(&self) -> Result<T> {
        if self.status != 200 {
            return Err(self.refusal());
        }
        serde_json::from_slice(&self.body).map_err(|error| Error::Reply {
            url: self.url.clone(),
            why: error.to_string(),
        })
    }

    /// The body of an error, if it is one of the protocol's.
    pub fn error(&self) -> Option<ErrorReply> {
        serde_json::from_slice(&self.body).ok()
    }

    /// What a refusal is to the engineer.
    pub fn refusal(&self) -> Error {
        let (code, detail) = match self.error() {
            Some(reply) => (reply.code, reply.detail),
            None => (String::new(), "it does not say why".to_owned()),
        };
        let detail = detail
            .chars()
            .filter(|c| !c.is_control())
            .take(500)
            .collect();
        let code = code
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(10)
            .collect();
        Error::Refused {
            status: self.status,
            code,
            detail,
            retry_after_s: self.retry_after_s,
        }
    }
}

/// Runs a conversation to its end.
///
/// # Errors
/// What the conversation fails with.
pub fn converse<T>(conversation: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Certificate {
            doing: "start the network",
            source: error.into(),
        })?
        .block_on(conversation)
}

/// Checks an address that was typed: `https`, a host, perhaps a port, nothing else.
///
/// # Errors
/// [`Error::Address`].
pub fn address(text: &str) -> Result<url::Url> {
    let bad = || Error::Address {
        text: text.to_owned(),
    };
    let url = url::Url::parse(text.trim()).map_err(|_| bad())?;
    let bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if url.scheme() == "https" && url.has_host() && bare {
        Ok(url)
    } else {
        Err(bad())
    }
}

/// The host and port of an address, for messages.
pub fn host(url: &url::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_and_a_host_and_nothing_else() {
        assert_eq!(
            host(&address("https://127.0.0.1:8443/").unwrap()),
            "127.0.0.1:8443"
        );
        assert_eq!(
            address("https://aiwl.corp").unwrap().as_str(),
            "https://aiwl.corp/"
        );
        for bad in [
            "",
            "aiwl.corp",
            "http://aiwl.corp",
            "https://u:p@aiwl.corp",
            "https://x/y",
            "https://x/?q",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    fn refused(status: u16, retry_after_s: Option<u64>, body: &str) -> String {
        let url = "https://aiwl.corp".to_owned();
        Reply {
            url,
            status,
            retry_after_s,
            body: body.as_bytes().to_vec(),
        }
        .refusal()
        .told()
    }

    #[test]
    fn every_refusal_says_what_to_do() {
        let body = r#"{"error":"revoked","code":"H012","detail":"This device was revoked."}"#;
        let told = refused(403, None, body);
        assert!(
            told.contains("This device was revoked.") && told.contains("stays on this machine")
        );
        assert!(refused(401, None, "").contains("enrol` again"));
        assert!(refused(410, None, "").contains("erased"));
        assert!(refused(413, None, "<html>").contains("does not say why"));
        assert!(refused(426, None, "").contains("common version"));
        assert!(refused(503, Some(30), "").contains("in 30 s"));
        assert!(refused(429, None, "").contains("a few minutes"));
        assert!(refused(500, None, "").contains("Nothing is lost"));
    }

    #[test]
    fn what_a_server_says_cannot_paint_the_terminal() {
        let body = "{\"error\":\"other\",\"code\":\"H\\u001b1\",\"detail\":\"a\\u001b[31mb\"}";
        assert!(!refused(500, None, body).contains('\u{1b}'));
    }
}
