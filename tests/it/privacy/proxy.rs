//! A recorder between a client and one of the appliance's ports: it has the server's own
//! certificate and key and, on the devices' side, the device's, ends TLS on both sides, and keeps
//! every byte that passes.

use appliance::authority::Authority;
use appliance::http::tls;
use key_vault::Vault;
use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A client's request, after TLS, chunks joined and inflated.
#[derive(Clone, Debug)]
pub struct Request {
    /// Request line and headers.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

type Recorded = Arc<Mutex<Vec<Connection>>>;

/// What passed on one connection.
#[derive(Clone, Debug, Default)]
struct Connection {
    asked: Vec<u8>,
    answered: Vec<u8>,
}

/// A recorder.
pub struct Proxy {
    address: SocketAddr,
    listener: Option<std::net::TcpListener>,
    recorded: Recorded,
    stop: Option<oneshot::Sender<()>>,
}

impl Proxy {
    /// Takes a free port; nobody is answered yet.
    pub fn bind() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        Self {
            address,
            listener: Some(listener),
            recorded: Recorded::default(),
            stop: None,
        }
    }

    /// How it is reached.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Stands between clients and the people's port.
    pub fn before_people(&mut self, data: &Path, people: &str) {
        let (authority, server) = server(data);
        let config = tls::people(server.chain, server.key).expect("the server's own");
        self.start(&config, client(&authority, None), people);
    }

    /// Stands between this laptop and the devices' port.
    pub fn before_devices(&mut self, data: &Path, devices: &str, laptop: &Path) {
        let (authority, server) = server(data);
        let config = tls::devices(server.chain, server.key, authority.trusted());
        let chain = CertificateDer::pem_file_iter(laptop.join("device.pem")).expect("enrolled");
        let chain = chain.collect::<Result<_, _>>().expect("certificates");
        let key = PrivateKeyDer::from_pem_file(laptop.join("keys/device-key")).expect("a key");
        let config = config.expect("the server's own");
        self.start(&config, client(&authority, Some((chain, key))), devices);
    }

    fn start(&mut self, server: &ServerConfig, client: ClientConfig, to: &str) {
        let to: SocketAddr = to
            .trim_start_matches("https://")
            .parse()
            .expect("an address");
        let mut server = server.clone();
        // Header compression of HTTP/2 would hide what is looked for.
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        let (stop, stopped) = oneshot::channel();
        self.stop = Some(stop);
        let listener = self.listener.take().expect("a recorder starts once");
        let recorded = self.recorded.clone();
        let relay = Relay {
            acceptor: TlsAcceptor::from(Arc::new(server)),
            connector: TlsConnector::from(Arc::new(client)),
            to,
            recorded,
        };
        std::thread::spawn(move || {
            harness::wait(async move {
                tokio::select! {
                    () = relay.accept(listener) => {}
                    _ = stopped => {}
                }
            });
        });
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        self.connections()
            .iter()
            .flat_map(|connection| requests(&connection.asked))
            .collect()
    }

    /// Every byte that clients sent, after TLS and otherwise as it was.
    pub fn asked(&self) -> Vec<u8> {
        self.connections()
            .into_iter()
            .flat_map(|connection| connection.asked)
            .collect()
    }

    /// Every byte that they got.
    pub fn answered(&self) -> Vec<u8> {
        self.connections()
            .into_iter()
            .flat_map(|connection| connection.answered)
            .collect()
    }

    fn connections(&self) -> Vec<Connection> {
        self.recorded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn server(data: &Path) -> (Authority, appliance::authority::Server) {
    let mut vault = Vault::open(data).expect("the vault opens");
    let authority = Authority::open(data, &vault).expect("the authority opens");
    let text = std::fs::read_to_string(data.join("server.pem")).expect("a certificate is there");
    let names: Vec<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# name "))
        .map(str::to_owned)
        .collect();
    let now = super::about_now(data);
    let (server, is_new) = authority
        .server(data, &mut vault, &names, now)
        .expect("the server has a certificate");
    assert!(!is_new, "the recorder shows the server's own certificate");
    (authority, server)
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn client(authority: &Authority, identity: Option<Identity>) -> ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    for root in authority.trusted() {
        roots.add(root).expect("a root");
    }
    let builder = ClientConfig::builder_with_provider(tls::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3 is spoken")
        .with_root_certificates(roots);
    match identity {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .expect("chain and key fit together"),
    }
}

#[derive(Clone)]
struct Relay {
    acceptor: TlsAcceptor,
    connector: TlsConnector,
    to: SocketAddr,
    recorded: Recorded,
}

impl Relay {
    async fn accept(self, listener: std::net::TcpListener) {
        listener
            .set_nonblocking(true)
            .expect("a listener need not block");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(self.clone().pass(tcp));
        }
    }

    /// Whatever breaks ends this connection, which the client then complains of.
    async fn pass(self, tcp: tokio::net::TcpStream) -> Option<()> {
        let near = self.acceptor.accept(tcp).await.ok()?;
        let tcp = tokio::net::TcpStream::connect(self.to).await.ok()?;
        let name = ServerName::try_from("localhost").expect("a name");
        let far = self.connector.connect(name, tcp).await.ok()?;
        let at = {
            let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
            recorded.push(Connection::default());
            recorded.len() - 1
        };
        let (near_in, near_out) = tokio::io::split(near);
        let (far_in, far_out) = tokio::io::split(far);
        let asked = copy(near_in, far_out, |bytes| {
            self.note(at, |connection| connection.asked.extend_from_slice(bytes));
        });
        let answered = copy(far_in, near_out, |bytes| {
            self.note(at, |connection| {
                connection.answered.extend_from_slice(bytes)
            });
        });
        let _ = tokio::join!(asked, answered);
        Some(())
    }

    fn note(&self, at: usize, note: impl FnOnce(&mut Connection)) {
        note(&mut self.recorded.lock().unwrap_or_else(PoisonError::into_inner)[at]);
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    note: impl Fn(&[u8]),
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        // Before it goes on: whoever waits for the answer finds the question recorded.
        note(&buffer[..read]);
        to.write_all(&buffer[..read]).await?;
        to.flush().await?;
    }
}

/// HTTP/1.1 requests, one after the other (RFC 9112).
fn requests(mut bytes: &[u8]) -> Vec<Request> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let end = position(bytes, b"\r\n\r\n").expect("a request has a head") + 4;
        let head = String::from_utf8(bytes[..end].to_vec()).expect("a head is text");
        bytes = &bytes[end..];
        let field = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(':'));
            let mut same = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
            same.next()
                .map(|(_, value)| value.trim().to_ascii_lowercase())
        };
        let mut body = Vec::new();
        if field("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
            loop {
                let line = position(bytes, b"\r\n").expect("a chunk has a size");
                let size = std::str::from_utf8(&bytes[..line]).expect("a size is text");
                let size = usize::from_str_radix(size.trim(), 16).expect("a size");
                body.extend_from_slice(&bytes[line + 2..line + 2 + size]);
                bytes = &bytes[line + 2 + size + 2..];
                if size == 0 {
                    break;
                }
            }
        } else if let Some(size) = field("content-length") {
            let size: usize = size.parse().expect("a size");
            body.extend_from_slice(&bytes[..size]);
            bytes = &bytes[size..];
        }
        match field("content-encoding").as_deref() {
            None | Some("identity") => {}
            Some("zstd") => body = zstd::decode_all(body.as_slice()).expect("zstd"),
            Some(other) => panic!("a body in {other} cannot be looked into"),
        }
        found.push(Request { head, body });
    }
    found
}

fn position(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

#[test]
fn requests_are_read_whole_in_chunks_and_inflated() {
    let packed = zstd::encode_all(&b"in zstd"[..], 1).unwrap();
    let mut sent =
        b"GET /a HTTP/1.1\r\nhost: x\r\n\r\nPOST /b HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi\
        POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
            .to_vec();
    let head = format!(
        "POST /d HTTP/1.1\r\nContent-Encoding: zstd\r\nContent-Length: {}\r\n\r\n",
        packed.len()
    );
    sent.extend(head.into_bytes());
    sent.extend(packed);
    let bodies: Vec<_> = requests(&sent)
        .into_iter()
        .map(|request| request.body)
        .collect();
    assert_eq!(bodies, [&b""[..], b"hi", b"abcde", b"in zstd"]);
}
