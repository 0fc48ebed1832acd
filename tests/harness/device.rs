//! A device's own requests, made with a laptop's key and certificate but not by its client: what a
//! broken or hostile one could send.

use crate::appliance::Appliance;
use crate::browser::{Page, trusting_as};
use crate::laptop::Laptop;
use reqwest::{Client, Method};
use rustls::{ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a device's certificate chain and its key lie.
#[derive(Clone, Debug)]
pub struct Keys {
    /// PEM: the leaf, then its issuer.
    pub chain: PathBuf,
    /// PEM.
    pub key: PathBuf,
}

/// A program that speaks to the devices' port, a connection for each request.
#[derive(Debug)]
pub struct Device {
    client: Client,
    base: String,
}

impl Device {
    /// With these keys, or with none.
    ///
    /// # Panics
    /// If the files are no keys.
    #[must_use]
    pub fn new(root: &Path, base: &str, keys: Option<&Keys>) -> Self {
        let client = Client::builder()
            .use_preconfigured_tls(trusting_as(root, keys))
            .redirect(reqwest::redirect::Policy::none())
            .build();
        Self {
            client: client.expect("a client can be made"),
            base: base.to_owned(),
        }
    }

    /// A request with JSON.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn json(&self, method: &str, path: &str, body: impl Into<Vec<u8>>) -> Page {
        self.send(method, path, &[("content-type", "application/json")], body)
    }

    /// A request.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Page {
        let answer = self.try_send(method, path, headers, body);
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error:?}"))
    }

    /// A request that may find nobody who talks to it.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> std::result::Result<Page, reqwest::Error> {
        let method: Method = method.parse().expect("a method");
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        crate::wait(async {
            let reply = request.body(body.into()).send().await?;
            let (status, headers) = (reply.status(), reply.headers().clone());
            Ok(Page {
                status,
                headers,
                body: reply.text().await?,
            })
        })
    }
}

/// One open connection to the devices' port, spoken to in HTTP/1.1 by hand.
#[derive(Debug)]
pub struct Wire {
    tls: StreamOwned<ClientConnection, TcpStream>,
    /// Our own port, by which a trace of the server knows the connection.
    pub port: u16,
}

impl Wire {
    /// Connects.
    ///
    /// # Errors
    /// If nobody answers. What the server thinks of our certificate shows at the first request.
    ///
    /// # Panics
    /// If the files are no keys.
    pub fn open(root: &Path, base: &str, keys: Option<&Keys>) -> Result<Self> {
        let address = base.trim_start_matches("https://");
        let tcp = TcpStream::connect(address)?;
        tcp.set_nodelay(true)?;
        let port = tcp.local_addr()?.port();
        let host = address
            .rsplit_once(':')
            .map_or(address, |(host, _)| host)
            .to_owned();
        let name = ServerName::try_from(host).expect("a host");
        let client = ClientConnection::new(Arc::new(trusting_as(root, keys)), name);
        Ok(Self {
            tls: StreamOwned::new(client.expect("a connection"), tcp),
            port,
        })
    }

    /// The key exchange that was agreed on, once something was said.
    #[must_use]
    pub fn key_exchange(&self) -> String {
        let group = self.tls.conn.negotiated_key_exchange_group();
        group
            .map(|group| format!("{:?}", group.name()))
            .unwrap_or_default()
    }

    /// Sends a request with JSON and reads its answer: status and body.
    ///
    /// # Errors
    /// If the connection ends.
    pub fn json(&mut self, method: &str, path: &str, body: &str) -> Result<(u16, String)> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        self.tls.write_all((head + body).as_bytes())?;
        self.tls.flush()?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.tls.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .and_then(|length| length.trim().parse().ok());
        let (Some(status), Some(length)) = (status, length) else {
            return Err(Error::new(ErrorKind::InvalidData, head));
        };
        let mut body = vec![0; length];
        self.tls.read_exact(&mut body)?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}

impl Laptop {
    /// This machine's key and certificate.
    #[must_use]
    pub fn keys(&self) -> Keys {
        let home = self.home();
        Keys {
            chain: home.join("device.pem"),
            key: home.join("keys/device-key"),
        }
    }

    /// A program with this machine's key.
    #[must_use]
    pub fn device(&self, appliance: &Appliance) -> Device {
        Device::new(&appliance.root(), &appliance.devices(), Some(&self.keys()))
    }

    /// An open connection with this machine's key.
    ///
    /// # Errors
    /// If nobody answers.
    pub fn wire(&self, appliance: &Appliance) -> Result<Wire> {
        Wire::open(&appliance.root(), &appliance.devices(), Some(&self.keys()))
    }
}
