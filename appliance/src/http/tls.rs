//! The two listeners: TLS 1.3, one of them asking for a device's certificate.
//!
//! People and devices have a port each, because a port that may ask for a client certificate makes
//! browsers ask their user for one. Here TLS ends and nothing else happens: which certificate was
//! shown is handed on as [`Peer`], and who that is, and whether it still may, is decided for each
//! request by `http::auth`, since an open connection outlives a revocation.
//!
//! Invariants: no protocol older than TLS 1.3 is spoken, whatever features other crates switch on;
//! a new configuration reaches every *new* connection; the accept loop ends only when told to.

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use kernel::ids::DeviceId;
use rustls::ServerConfig;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_rustls::TlsAcceptor;

use crate::authority;
use crate::config::Limits;
use crate::edges::Clock;

/// How long a connection may live before it is asked to end, so that a reload reaches everybody.
const LIFE: Duration = Duration::from_secs(15 * 60);
/// How long to wait when the machine has no file handle left for a new connection.
const EXHAUSTED: Duration = Duration::from_millis(250);
/// Streams that one HTTP/2 connection may have open.
const STREAMS: u32 = 64;

/// Why a listener could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is taken, forbidden or not this machine's.
    #[error("{} cannot be listened on", address)]
    Bind {
        /// Which address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Certificate and key do not make a configuration.
    #[error("the server's certificate and key cannot be used")]
    Certificate(#[source] rustls::Error),
    /// The authority of the devices is none.
    #[error("the devices' authority cannot be used")]
    Authority(#[source] rustls::server::VerifierBuilderError),
    /// A file cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    /// Code printed in the manual. Never reused.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Bind { .. } => "T001",
            Self::Certificate(_) => "T002",
            Self::Authority(_) => "T003",
            Self::Read { .. } => "T004",
        }
    }
}

/// Who the other side's certificate says it is. The certificate was verified against the devices'
/// authority; whether the device still may is asked for each request. Whether its time is over is
/// looked at once a connection, of which none lives longer than [`LIFE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// No certificate was shown.
    Nobody,
    /// An enrolled device's.
    Device(DeviceId),
    /// An enrolled device's whose certificate ended at this time, unix seconds.
    Ended(DeviceId, i64),
    /// One of our authority that is no device's.
    Other,
}

/// Reads the device's id, and the certificate's end in unix seconds, from a verified certificate.
pub type ReadDevice = fn(&CertificateDer<'_>) -> Option<(DeviceId, i64)>;

/// AWS-LC, with hybrid key exchange first (X25519 with ML-KEM-768).
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        kx_groups: vec![
            kx_group::X25519MLKEM768,
            kx_group::X25519,
            kx_group::SECP256R1,
        ],
        ..aws_lc_rs::default_provider()
    })
}

/// The people's side: no client certificate is asked for.
///
/// # Errors
/// [`Error::Certificate`].
pub fn people(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, Error> {
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(Error::Certificate)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(Error::Certificate)?;
    Ok(finish(config))
}

/// webpki's own verifier, asked as if it were not later than the certificate's end.
///
/// A device that comes back after its certificate has ended may renew it, and has to be let in for
/// that; what else it asks for, `http::auth` refuses in words. Everything but the end is verified as
/// ever: the chain, the signatures, the use, the beginning.
#[derive(Debug)]
struct UntilItsEnd {
    webpki: Arc<dyn ClientCertVerifier>,
}

impl ClientCertVerifier for UntilItsEnd {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.webpki.root_hint_subjects()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.webpki.client_auth_mandatory()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let end = authority::shown(leaf).and_then(|(_, end)| u64::try_from(end).ok());
        let at = match end {
            Some(end) if end < now.as_secs() => {
                UnixTime::since_unix_epoch(Duration::from_secs(end))
            }
            // Not a device's: it ends when it ends.
            _ => now,
        };
        self.webpki.verify_client_cert(leaf, others, at)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls12_signature(message, leaf, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls13_signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

/// The devices' side: a certificate of `authority` is asked for and may be left out; the handler
/// then says 401 in a body that a program can read. So it does for one that has ended.
///
/// # Errors
/// [`Error::Certificate`], [`Error::Authority`].
pub fn devices(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    authority: Vec<CertificateDer<'static>>,
) -> Result<Arc<ServerConfig>, Error> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in authority {
        roots.add(certificate).map_err(Error::Certificate)?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .allow_unauthenticated()
        .build()
        .map_err(Error::Authority)?;
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(Error::Certificate)?
        .with_client_cert_verifier(Arc::new(UntilItsEnd { webpki: verifier }))
        .with_single_cert(chain, key)
        .map_err(Error::Certificate)?;
    Ok(finish(config))
}

fn finish(mut config: ServerConfig) -> Arc<ServerConfig> {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // 0-RTT data can be replayed: a push or a sign-in must not be.
    config.max_early_data_size = 0;
    Arc::new(config)
}

/// Takes an address.
///
/// # Errors
/// [`Error::Bind`], with the address.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .await
        .map_err(|source| Error::Bind { address, source })
}

/// What one listener needs.
pub struct Listener {
    /// `people` or `devices`, for the log.
    pub name: &'static str,
    /// Bound.
    pub tcp: TcpListener,
    /// The current configuration; a new one is for new connections.
    pub tls: watch::Receiver<Arc<ServerConfig>>,
    /// What answers.
    pub app: axum::Router,
    /// How a device is read from its certificate.
    pub device_of: ReadDevice,
    /// By which a certificate has ended.
    pub clock: Arc<dyn Clock>,
    /// Timeouts and the number of connections.
    pub limits: Limits,
    /// Becomes true once: stop.
    pub stop: watch::Receiver<bool>,
}

impl Listener {
    /// Accepts until told to stop, then lets requests in flight end, for a while.
    pub async fn serve(self) {
        let Self {
            name,
            tcp,
            tls,
            app,
            device_of,
            clock,
            limits,
            mut stop,
        } = self;
        let slots = Arc::new(Semaphore::new(limits.connections));
        let builder = Arc::new(builder(limits.header));
        // Every connection holds a sender; when the last is gone, all have ended.
        let (alive, mut ended) = mpsc::channel::<()>(1);
        loop {
            let slot = tokio::select! {
                slot = slots.clone().acquire_owned() => match slot {
                    Ok(slot) => slot,
                    Err(_closed) => break,
                },
                _ = stopped(&mut stop) => break,
            };
            let (stream, address) = tokio::select! {
                accepted = tcp.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        pause(name, &error).await;
                        continue;
                    }
                },
                _ = stopped(&mut stop) => break,
            };
            let connection = Connection {
                name,
                acceptor: TlsAcceptor::from(tls.borrow().clone()),
                builder: builder.clone(),
                app: app.clone(),
                device_of,
                clock: clock.clone(),
                handshake: limits.header,
                stop: stop.clone(),
            };
            let alive = alive.clone();
            tokio::spawn(async move {
                connection.serve(stream, address).await;
                drop((slot, alive));
            });
        }
        drop((tcp, alive));
        if tokio::time::timeout(limits.shutdown, ended.recv())
            .await
            .is_err()
        {
            tracing::warn!(
                listener = name,
                "some requests did not end in time and were cut off"
            );
        }
    }
}

struct Connection {
    name: &'static str,
    acceptor: TlsAcceptor,
    builder: Arc<auto::Builder<TokioExecutor>>,
    app: axum::Router,
    device_of: ReadDevice,
    clock: Arc<dyn Clock>,
    handshake: Duration,
    stop: watch::Receiver<bool>,
}

impl Connection {
    async fn serve(mut self, stream: TcpStream, address: SocketAddr) {
        let _ = stream.set_nodelay(true);
        let handshake = tokio::time::timeout(self.handshake, self.acceptor.accept(stream));
        let tls = match handshake.await {
            Ok(Ok(tls)) => tls,
            Ok(Err(error)) => {
                // No address here: on the devices' port it would name a device.
                tracing::debug!(listener = self.name, %error, "TLS handshake failed");
                return;
            }
            Err(_late) => {
                tracing::debug!(listener = self.name, "TLS handshake took too long");
                return;
            }
        };
        let shown = tls
            .get_ref()
            .1
            .peer_certificates()
            .and_then(|chain| chain.first());
        let peer = match shown {
            None => Peer::Nobody,
            Some(leaf) => match (self.device_of)(leaf) {
                None => Peer::Other,
                Some((device, end)) if end < self.clock.now() => Peer::Ended(device, end),
                Some((device, _)) => Peer::Device(device),
            },
        };
        let app = self
            .app
            .layer(axum::Extension(peer))
            .layer(axum::Extension(address));
        let service = TowerToHyperService::new(app);
        let connection = self.builder.serve_connection(TokioIo::new(tls), service);
        tokio::pin!(connection);
        let ending = tokio::select! {
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(listener = self.name, %error, "connection ended early");
                }
                return;
            }
            _ = stopped(&mut self.stop) => "stop",
            () = tokio::time::sleep(LIFE) => "age",
        };
        tracing::trace!(listener = self.name, ending, "connection is asked to end");
        connection.as_mut().graceful_shutdown();
        if let Err(error) = connection.await {
            tracing::debug!(listener = self.name, %error, "connection ended early");
        }
    }
}

fn builder(header: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header)
        .max_buf_size(64 * 1024)
        .keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(32 * 1024)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}

/// Resolves when the value becomes true, or nobody can make it so any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// A connection that was gone before it was accepted is no news; having no file handle left is, and
/// trying again at once would only burn the processor.
async fn pause(name: &'static str, error: &std::io::Error) {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    ) {
        return;
    }
    tracing::error!(listener = name, %error, "a connection could not be accepted");
    tokio::time::sleep(EXHAUSTED).await;
}
