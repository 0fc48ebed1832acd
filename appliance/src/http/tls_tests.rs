//! Real handshakes on real sockets: which protocol, who is asked for a certificate, and what comes
//! of one that was enrolled a moment ago.

use super::router::{Port, router};
use super::tls::{self, Listener, provider};
use crate::authority::shown;
use crate::enrolling::Ended;
use crate::testing::{Browser, Scratch};
use kernel::ids::{DAY, DeviceId};
use org_store::{Act, Action, Actor, Role};
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, NamedGroup, ProtocolVersion, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Both listeners of a scratch appliance, until dropped.
struct Served {
    people: SocketAddr,
    devices: SocketAddr,
    root: CertificateDer<'static>,
    stop: watch::Sender<bool>,
    ended: Vec<tokio::task::JoinHandle<()>>,
}

impl Served {
    async fn by(scratch: &Scratch) -> Self {
        let (server, _) = scratch.app.server().unwrap();
        let root = server.chain.last().unwrap().clone();
        let people = tls::people(server.chain.clone(), server.key.clone_key()).unwrap();
        let devices = tls::devices(server.chain, server.key, vec![root.clone()]).unwrap();
        let (stop, stopped) = watch::channel(false);
        let (mut addresses, mut ended) = (Vec::new(), Vec::new());
        for (name, config, port) in [
            ("people", people, Port::People),
            ("devices", devices, Port::Devices),
        ] {
            let tcp = tls::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
            addresses.push(tcp.local_addr().unwrap());
            let listener = Listener {
                name,
                tcp,
                tls: watch::channel(config).1,
                app: router(&scratch.app, port),
                device_of: shown,
                clock: scratch.clock.clone(),
                limits: scratch.app.config().limits,
                stop: stopped.clone(),
            };
            ended.push(tokio::spawn(listener.serve()));
        }
        Self {
            people: addresses[0],
            devices: addresses[1],
            root,
            stop,
            ended,
        }
    }

    async fn connect(
        &self,
        to: SocketAddr,
        client: Arc<Client>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_cert_resolver(client);
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TcpStream::connect(to).await?;
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }

    /// One HTTP/1.1 request; the whole reply as text.
    async fn ask(&self, to: SocketAddr, client: Arc<Client>, request: &str) -> String {
        let mut stream = self.connect(to, client).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = Vec::new();
        // The other side may close without saying so.
        let _ = stream.read_to_end(&mut reply).await;
        String::from_utf8_lossy(&reply).into_owned()
    }
}

/// A client that notes whether it was asked for a certificate.
#[derive(Debug, Default)]
struct Client {
    asked: AtomicBool,
    certified: Option<Arc<CertifiedKey>>,
}

impl ResolvesClientCert for Client {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::SeqCst);
        self.certified.clone()
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
}

fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: \
         application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn only_the_devices_port_asks_for_a_certificate() {
    let scratch = Scratch::live();
    let served = Served::by(&scratch).await;
    for (port, asks) in [(served.people, false), (served.devices, true)] {
        let client = Arc::new(Client::default());
        let reply = served.ask(port, client.clone(), &get("/healthz")).await;
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
        assert_eq!(client.asked.load(Ordering::SeqCst), asks);
    }
}

#[tokio::test]
async fn the_handshake_is_tls_1_3_with_hybrid_key_exchange() {
    let scratch = Scratch::live();
    let served = Served::by(&scratch).await;
    let stream = served
        .connect(served.people, Arc::new(Client::default()))
        .await
        .unwrap();
    let (_, session) = stream.get_ref();
    assert_eq!(session.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    let group = session.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, NamedGroup::X25519MLKEM768);
    assert_eq!(
        session.peer_certificates().unwrap().len(),
        3,
        "leaf, issuing authority, root"
    );
}

#[tokio::test]
async fn a_push_without_a_certificate_is_401_in_words() {
    let scratch = Scratch::live();
    let served = Served::by(&scratch).await;
    let request = post("/v1/sync/push", "{}");
    let reply = served
        .ask(served.devices, Arc::new(Client::default()), &request)
        .await;
    assert!(reply.starts_with("HTTP/1.1 401"), "{reply}");
    assert!(reply.contains("H401"), "{reply}");
}

/// Asks, approves as this person, polls: what a device ends up with.
async fn enrol(scratch: &Scratch, served: &Served, person: &Browser) -> Arc<Client> {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut wish = rcgen::CertificateParams::default();
    wish.distinguished_name = rcgen::DistinguishedName::new();
    let csr = wish.serialize_request(&key).unwrap().pem().unwrap();
    let body = serde_json::json!({ "v": 1, "name": "ada-laptop", "csr": csr }).to_string();
    let nobody = || Arc::new(Client::default());
    let reply = served
        .ask(served.people, nobody(), &post("/v1/enrol/start", &body))
        .await;
    let json = |reply: &str| -> serde_json::Value {
        serde_json::from_str(reply.split("\r\n\r\n").nth(1).unwrap()).unwrap()
    };
    let started = json(&reply);
    let (code, poll) = (
        started["code"].as_str().unwrap(),
        started["poll"].as_str().unwrap(),
    );
    let page = scratch
        .people(&format!("/enrol?code={code}"), Some(person), None)
        .await;
    assert!(page.body.contains("ada-laptop"), "{}", page.body);

    let asked = post(
        "/v1/enrol/poll",
        &serde_json::json!({ "v": 1, "poll": poll }).to_string(),
    );
    assert_eq!(
        json(&served.ask(served.people, nobody(), &asked).await)["status"],
        "pending"
    );
    let form = format!("csrf={}&code={code}&decision=approve", person.csrf);
    let done = scratch.people("/enrol", Some(person), Some(&form)).await;
    assert_eq!(done.status, 200, "{}", done.body);
    let approved = json(&served.ask(served.people, nobody(), &asked).await);
    assert_eq!(approved["status"], "approved");

    certified(approved["certificate"].as_str().unwrap(), &key)
}

/// A client with this certificate and key.
fn certified(pem: &str, key: &rcgen::KeyPair) -> Arc<Client> {
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes())
        .map(Result::unwrap)
        .collect();
    let key: PrivateKeyDer<'static> = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let certified = CertifiedKey::from_der(chain, key, &provider()).unwrap();
    Arc::new(Client {
        certified: Some(Arc::new(certified)),
        ..Client::default()
    })
}

impl Client {
    /// Which device its certificate names.
    fn device(&self) -> DeviceId {
        shown(&self.certified.as_ref().unwrap().cert[0]).unwrap().0
    }
}

/// A request to renew, and the key that it is for; `names` is what it asks to be called.
fn wish(names: Option<DeviceId>) -> (String, rcgen::KeyPair) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut wish = rcgen::CertificateParams::default();
    wish.distinguished_name = rcgen::DistinguishedName::new();
    if let Some(device) = names {
        let device = device.to_string();
        wish.subject_alt_names = vec![rcgen::SanType::URI(
            format!("urn:aiworklab:device:{device}").try_into().unwrap(),
        )];
        wish.distinguished_name
            .push(rcgen::DnType::CommonName, device);
    }
    let csr = wish.serialize_request(&key).unwrap().pem().unwrap();
    let body = serde_json::json!({ "v": 1, "csr": csr }).to_string();
    (post("/v1/devices/renew", &body), key)
}

fn status(reply: &str) -> &str {
    reply.split(' ').nth(1).unwrap()
}

impl Served {
    async fn pull(&self, device: &Arc<Client>) -> String {
        let pull = post("/v1/sync/pull", r#"{"have":{},"limit":10}"#);
        self.ask(self.devices, device.clone(), &pull).await
    }

    /// Renews; the client with the new certificate.
    async fn renew(&self, device: &Arc<Client>, names: Option<DeviceId>) -> Arc<Client> {
        let (request, key) = wish(names);
        let reply = self.ask(self.devices, device.clone(), &request).await;
        assert_eq!(status(&reply), "200", "{reply}");
        let body: serde_json::Value =
            serde_json::from_str(reply.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        certified(body["certificate"].as_str().unwrap(), &key)
    }
}

#[tokio::test]
async fn a_certificate_that_has_ended_renews_itself_and_does_nothing_else() {
    let scratch = Scratch::days_ago(100);
    let served = Served::by(&scratch).await;
    let ada = scratch.browser(Role::Member).await;
    let old = enrol(&scratch, &served, &ada).await;
    assert_eq!(status(&served.pull(&old).await), "200");
    scratch.clock.pass(100 * DAY);
    for request in [
        post("/v1/sync/pull", r#"{"have":{},"limit":10}"#),
        post("/v1/sync/push", "{}"),
        post("/v1/devices/here", "{}"),
        get("/v1/me/export"),
        get("/v1/items"),
    ] {
        let reply = served.ask(served.devices, old.clone(), &request).await;
        assert_eq!(status(&reply), "401", "{reply}");
        assert!(
            reply.contains(r#""error":"expired","code":"H419""#),
            "{reply}"
        );
    }
    let new = served.renew(&old, None).await;
    assert_eq!(
        new.device(),
        old.device(),
        "the same device, and so the same subject"
    );
    assert_eq!(status(&served.pull(&new).await), "200");
    // A reply that was lost: it is asked for again, with the old one, by the same request.
    let (request, _) = wish(None);
    for _ in 0..2 {
        let reply = served.ask(served.devices, old.clone(), &request).await;
        assert_eq!(status(&reply), "200", "{reply}");
    }
    assert_eq!(status(&served.pull(&new).await), "200");
    assert_eq!(status(&served.pull(&old).await), "401");
}

#[tokio::test]
async fn the_one_before_stays_good_until_its_end() {
    let scratch = Scratch::days_ago(70);
    let served = Served::by(&scratch).await;
    let ada = scratch.browser(Role::Member).await;
    let old = enrol(&scratch, &served, &ada).await;
    scratch.clock.pass(65 * DAY);
    let new = served.renew(&old, None).await;
    for device in [&old, &new, &old] {
        assert_eq!(status(&served.pull(device).await), "200");
    }
}

#[tokio::test]
async fn a_certificate_that_ended_more_than_400_days_ago_is_told_to_enrol() {
    let scratch = Scratch::days_ago(600);
    let before = Served::by(&scratch).await;
    let ada = scratch.browser(Role::Member).await;
    // The server's own certificate of then is over by this test's real clock.
    scratch.clock.pass(300 * DAY);
    let served = Served::by(&scratch).await;
    scratch.clock.pass(-300 * DAY);
    let old = enrol(&scratch, &served, &ada).await;
    drop(before);
    scratch.clock.pass((89 + 400) * DAY);
    let new = served.renew(&old, None).await;
    assert_eq!(new.device(), old.device());
    scratch.clock.pass(2 * DAY);
    let (request, _) = wish(None);
    let reply = served.ask(served.devices, old.clone(), &request).await;
    assert_eq!(status(&reply), "401", "{reply}");
    assert!(
        reply.contains("H420") && reply.contains("aiworklab enrol"),
        "{reply}"
    );
    assert_eq!(status(&served.pull(&new).await), "200");
}

#[tokio::test]
async fn who_was_revoked_stays_so_whatever_is_renewed_meanwhile() {
    let scratch = Scratch::days_ago(70);
    let served = Served::by(&scratch).await;
    let ada = scratch.browser(Role::Member).await;
    let old = enrol(&scratch, &served, &ada).await;
    let mut all = vec![old.clone(), served.renew(&old, None).await];
    let act = Act::new(Actor::Console, Action::RevokeDevice, scratch.app.now());
    let revoking = scratch
        .app
        .enrolling()
        .revoke(&scratch.app, act, old.device(), Ended::Lost);
    let (request, key) = wish(None);
    let (revoked, reply) =
        tokio::join!(revoking, served.ask(served.devices, old.clone(), &request));
    assert!(revoked.unwrap());
    // Whichever was first: what came of it is of no use.
    if status(&reply) == "200" {
        let body: serde_json::Value =
            serde_json::from_str(reply.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        all.push(certified(body["certificate"].as_str().unwrap(), &key));
    }
    for live in [true, false] {
        for device in &all {
            assert_eq!(status(&served.pull(device).await), "403", "live {live}");
            let (request, _) = wish(None);
            let reply = served.ask(served.devices, device.clone(), &request).await;
            assert_eq!(status(&reply), "403", "{reply}");
            assert!(reply.contains(r#""error":"revoked""#), "{reply}");
        }
        // Nor when they have ended.
        scratch.clock.pass(200 * DAY);
    }
}

#[tokio::test]
async fn a_request_in_another_devices_name_gets_a_certificate_in_ones_own() {
    let scratch = Scratch::live();
    let served = Served::by(&scratch).await;
    let ada = scratch.browser(Role::Member).await;
    let bob = scratch.browser(Role::Member).await;
    let mine = enrol(&scratch, &served, &ada).await;
    let other = enrol(&scratch, &served, &bob).await;
    let made = served.renew(&mine, Some(other.device())).await;
    assert_eq!(made.device(), mine.device());

    // One that was signed by oneself is none, whatever it names.
    let (_, key) = wish(None);
    let mut own = rcgen::CertificateParams::default();
    own.distinguished_name = rcgen::DistinguishedName::new();
    own.distinguished_name
        .push(rcgen::DnType::CommonName, other.device().to_string());
    let forged = certified(&own.self_signed(&key).unwrap().pem(), &key);
    let mut stream = match served.connect(served.devices, forged).await {
        Ok(stream) => stream,
        Err(_) => return,
    };
    let _ = stream.write_all(get("/healthz").as_bytes()).await;
    let mut reply = Vec::new();
    assert!(stream.read_to_end(&mut reply).await.is_err() && reply.is_empty());
}

#[tokio::test]
async fn an_enrolled_device_syncs_and_its_enrolment_is_in_the_ledger_sealed() {
    let scratch = Scratch::live();
    let served = Served::by(&scratch).await;
    let ada = scratch.browser(Role::Member).await;
    let device = enrol(&scratch, &served, &ada).await;
    let pull = post("/v1/sync/pull", r#"{"have":{},"limit":10}"#);
    let reply = served.ask(served.devices, device, &pull).await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    let ledger = std::fs::read_to_string(&scratch.app.config().ledger).unwrap();
    assert_eq!(ledger.lines().count(), 2, "{ledger}");
    assert!(!ledger.contains(&ada.person.to_string()), "{ledger}");
}

#[tokio::test]
async fn a_listener_that_is_told_to_stop_refuses_new_connections_and_ends() {
    let scratch = Scratch::live();
    let served = Served::by(&scratch).await;
    served.stop.send_replace(true);
    for ended in served.ended {
        ended.await.unwrap();
    }
    assert!(TcpStream::connect(served.people).await.is_err());
}
