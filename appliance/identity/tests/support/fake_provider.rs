//! A provider that does what it is told, also what no provider may: for the faults that a real one cannot be made to commit.

use std::sync::{Arc, Mutex, MutexGuard};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use aws_lc_rs::{digest, hmac};
use axum::Router;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::PrivateCa;

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// With the published key.
    Right,
    /// With a key that nobody published, under the published one's name.
    OtherKey,
    /// With the published key; then a claim is changed.
    Tampered,
    /// Not at all, `alg: none`.
    Nothing,
    /// HS256 with the bytes of the public key.
    PublicKeyAsSecret,
    /// HS256 with the client secret.
    ClientSecret,
}

/// One answer of the token endpoint, before it is made.
#[derive(Clone, Debug)]
pub struct Answer {
    pub header: Map<String, Value>,
    pub claims: Map<String, Value>,
    pub sign: Sign,
    pub access_token: String,
    pub with_id_token: bool,
    /// Instead of all of the above: status, content type, body.
    pub instead: Option<(u16, &'static str, String)>,
    /// Whether it never answers.
    pub never: bool,
    pub user_info: Value,
}

type Script = Box<dyn Fn(&mut Answer) + Send>;

struct Shared {
    metadata: Value,
    jwks: Value,
    now: i64,
    script: Script,
    user_info: Value,
    key_requests: u32,
    token_requests: u32,
}

struct Inner {
    issuer: String,
    shared: Mutex<Shared>,
    right: EcdsaKeyPair,
    other: EcdsaKeyPair,
}

impl Inner {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("not poisoned")
    }
}

/// The running provider; ends with the value.
pub struct FakeProvider {
    pub issuer: String,
    pub ca: PrivateCa,
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FakeProvider {
    /// Starts it with TLS 1.3.
    pub async fn start() -> Self {
        Self::start_with(&[&rustls::version::TLS13]).await
    }

    /// Starts it with these TLS versions alone.
    pub async fn start_with(versions: &[&'static rustls::SupportedProtocolVersion]) -> Self {
        let ca = PrivateCa::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let port = listener.local_addr().expect("address").port();
        let issuer = format!("https://localhost:{port}");
        let acceptor = acceptor(&ca, versions);
        let (right, other) = (key(), key());
        let metadata = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "userinfo_endpoint": format!("{issuer}/userinfo"),
            "jwks_uri": format!("{issuer}/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            // Some offer these; what we accept is not theirs to say.
            "id_token_signing_alg_values_supported": ["none", "HS256", "ES256"],
            "authorization_response_iss_parameter_supported": true,
        });
        let shared = Mutex::new(Shared {
            metadata,
            jwks: json!({"keys": [jwk(&right, "right")]}),
            now: 0,
            script: Box::new(|_| {}),
            user_info: Value::Null,
            key_requests: 0,
            token_requests: 0,
        });
        let inner = Arc::new(Inner {
            issuer: issuer.clone(),
            shared,
            right,
            other,
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata_page))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .route("/userinfo", get(user_info))
            .with_state(Arc::clone(&inner));
        let task = tokio::spawn(serve(listener, acceptor, router));
        Self {
            issuer,
            ca,
            inner,
            task,
        }
    }

    /// What it does to its answers from now on; `now` is its clock.
    pub fn answers(&self, now: i64, script: impl Fn(&mut Answer) + Send + 'static) {
        let mut shared = self.inner.shared();
        (shared.now, shared.script) = (now, Box::new(script));
    }

    /// Changes its metadata.
    pub fn metadata(&self, change: impl FnOnce(&mut Map<String, Value>)) {
        change(
            self.inner
                .shared()
                .metadata
                .as_object_mut()
                .expect("object"),
        );
    }

    /// Publishes its second key, under this name, beside the first.
    pub fn publish_other_key(&self, kid: &str) {
        let key = jwk(&self.inner.other, kid);
        self.inner.shared().jwks["keys"]
            .as_array_mut()
            .expect("array")
            .push(key);
    }

    /// How often its keys and its token endpoint were asked for.
    pub fn requests(&self) -> (u32, u32) {
        let shared = self.inner.shared();
        (shared.key_requests, shared.token_requests)
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, router: Router) {
    while let Ok((tcp, _)) = listener.accept().await {
        let (acceptor, router) = (acceptor.clone(), router.clone());
        tokio::spawn(async move {
            let Ok(tls) = acceptor.accept(tcp).await else {
                return;
            };
            let builder = auto::Builder::new(TokioExecutor::new());
            let service = TowerToHyperService::new(router);
            // A client that hangs up is what some tests are about.
            let _ = builder.serve_connection(TokioIo::new(tls), service).await;
        });
    }
}

fn acceptor(ca: &PrivateCa, versions: &[&'static rustls::SupportedProtocolVersion]) -> TlsAcceptor {
    let chain = CertificateDer::pem_slice_iter(ca.chain_pem.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(ca.key_pem.as_bytes()).expect("key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain.collect::<Result<_, _>>().expect("chain"), key)
        .expect("certificate");
    TlsAcceptor::from(Arc::new(tls))
}

async fn metadata_page(State(inner): State<Arc<Inner>>) -> Response {
    json_page(&inner.shared().metadata)
}

async fn keys(State(inner): State<Arc<Inner>>) -> Response {
    let mut shared = inner.shared();
    shared.key_requests += 1;
    json_page(&shared.jwks)
}

async fn user_info(State(inner): State<Arc<Inner>>) -> Response {
    json_page(&inner.shared().user_info)
}

#[derive(serde::Deserialize)]
struct TokenRequest {
    code: String,
    code_verifier: String,
}

async fn token(State(inner): State<Arc<Inner>>, Form(request): Form<TokenRequest>) -> Response {
    assert_eq!(request.code_verifier.len(), 43, "PKCE is always used");
    let (answer, late) = {
        let mut shared = inner.shared();
        shared.token_requests += 1;
        // The test's "authorization endpoint" made the nonce the code.
        let mut answer = Answer::sound(&inner.issuer, &request.code, shared.now);
        (shared.script)(&mut answer);
        shared.user_info = answer.user_info.clone();
        let late = answer.never;
        (answer, late)
    };
    if late {
        std::future::pending::<()>().await;
    }
    if let Some((status, kind, body)) = answer.instead {
        let status = StatusCode::from_u16(status).expect("status");
        return (
            status,
            [
                (CONTENT_TYPE, kind),
                (LOCATION, "https://localhost/elsewhere"),
            ],
            body,
        )
            .into_response();
    }
    let mut page =
        json!({"access_token": answer.access_token, "token_type": "Bearer", "expires_in": 60});
    if answer.with_id_token {
        page["id_token"] = inner.sign(&answer).into();
    }
    json_page(&page)
}

fn json_page(value: &Value) -> Response {
    ([(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

impl Answer {
    /// An answer with which nothing is wrong.
    fn sound(issuer: &str, nonce: &str, now: i64) -> Self {
        let claims = json!({
            "iss": issuer, "aud": "app", "sub": "ada", "nonce": nonce,
            "iat": now, "exp": now + 600, "auth_time": now, "acr": "phr",
            "email": "ada@corp.example", "email_verified": true, "groups": ["engineering"],
        });
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": "right"});
        let object = |value: Value| value.as_object().expect("object").clone();
        let access_token = "access-token-1".to_owned();
        let mut claims = object(claims);
        claims.insert("at_hash".into(), at_hash(&access_token).into());
        Self {
            header: object(header),
            claims,
            sign: Sign::Right,
            access_token,
            with_id_token: true,
            instead: None,
            never: false,
            user_info: json!({"sub": "ada"}),
        }
    }
}

/// The left half of the token's hash (OpenID Connect Core 1.0 §3.1.3.6).
pub fn at_hash(access_token: &str) -> String {
    B64.encode(&digest::digest(&digest::SHA256, access_token.as_bytes()).as_ref()[..16])
}

impl Inner {
    fn sign(&self, answer: &Answer) -> String {
        let mut header = answer.header.clone();
        match answer.sign {
            Sign::Nothing => header.insert("alg".into(), "none".into()),
            Sign::PublicKeyAsSecret | Sign::ClientSecret => {
                header.insert("alg".into(), "HS256".into())
            }
            _ => None,
        };
        let part = |map: &Map<String, Value>| B64.encode(Value::Object(map.clone()).to_string());
        let signed = format!("{}.{}", part(&header), part(&answer.claims));
        let hs256 = |secret: &[u8]| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()
        };
        let es256 = |key: &EcdsaKeyPair| {
            let signature = key.sign(&SystemRandom::new(), signed.as_bytes());
            signature.expect("signature").as_ref().to_vec()
        };
        let signature = match answer.sign {
            Sign::Right | Sign::Tampered => es256(&self.right),
            Sign::OtherKey => es256(&self.other),
            Sign::Nothing => vec![],
            Sign::PublicKeyAsSecret => hs256(self.right.public_key().as_ref()),
            Sign::ClientSecret => hs256(b"app-secret"),
        };
        let signed = match answer.sign {
            Sign::Tampered => {
                let mut claims = answer.claims.clone();
                claims.insert("groups".into(), json!(["app-admins"]));
                format!("{}.{}", part(&header), part(&claims))
            }
            _ => signed,
        };
        format!("{signed}.{}", B64.encode(signature))
    }
}

fn key() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("key")
}

fn jwk(key: &EcdsaKeyPair, kid: &str) -> Value {
    let point = key.public_key().as_ref();
    json!({
        "kty": "EC", "crv": "P-256", "use": "sig", "kid": kid,
        "x": B64.encode(&point[1..33]), "y": B64.encode(&point[33..]),
    })
}
