//! What surrounds every request: its number, a log line, a limit of time, security headers, and
//! the shape of an error.
//!
//! The log line holds the *route*, never the path (a path may be a one-time link), and on the
//! devices' port nothing that could tell one device from another: no address, no certificate. So a
//! log cannot be laid beside the store to learn whose evidence is whose.

use super::auth::Caller;
use super::error::ApiError;
use super::rest::Rest;
use super::router::Port;
use crate::app::App;
use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use std::any::Any;
use std::net::SocketAddr;
use std::time::Duration;

/// The number of a request: 16 hexadecimal digits, also in the reply's `x-request-id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a page may load and where its forms may go: everything from here, and nothing else.
pub const CSP: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                       base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CSP),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// The outermost layer of both ports.
pub async fn outermost(
    State((app, port)): State<(App, Port)>,
    mut request: Request,
    next: Next,
) -> Response {
    let begun = app.edges().clock.ticks();
    let id = RequestId(app.random::<8>().map(hex::encode).unwrap_or_default());
    request.extensions_mut().insert(id.clone());
    let seen = Seen::of(&request);

    let (request, rest) = with_rest(request);
    let limit = app.config().limits.request;
    let response = match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_late) => too_slow(limit).into_response(),
    };
    if let Some(rest) = rest {
        rest.drain().await;
    }
    let response = shape(&app, port, &seen, &id, response);
    log(&app, port, &seen, &id, &response, begun);
    dress(port, &seen, &id, response)
}

/// A request whose body can be read to its end, whatever its handler does; `None` if it has none.
fn with_rest(request: Request) -> (Request, Option<Rest>) {
    if request.body().is_end_stream() {
        return (request, None);
    }
    let (parts, body) = request.into_parts();
    let (body, rest) = Rest::split(body);
    (Request::from_parts(parts, body), Some(rest))
}

/// What of a request is still needed when it was handed on.
struct Seen {
    method: Method,
    route: Option<String>,
    wants_json: bool,
    host: Option<String>,
    from: Option<SocketAddr>,
}

impl Seen {
    fn of(request: &Request) -> Self {
        let path = request.uri().path();
        Self {
            method: request.method().clone(),
            route: request
                .extensions()
                .get::<MatchedPath>()
                .map(|path| path.as_str().to_owned()),
            wants_json: path.starts_with("/v1/")
                || path.starts_with("/.well-known/")
                || path == "/healthz"
                || path == "/readyz",
            host: super::auth::host(request.headers(), request.uri()).map(str::to_owned),
            from: request.extensions().get().copied(),
        }
    }
}

fn too_slow(limit: Duration) -> ApiError {
    let mut error = ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "H504",
        format!(
            "This took longer than {} seconds and was given up.",
            limit.as_secs()
        ),
        "Look whether the change was made before you repeat it.",
    );
    error.retry_after_s = Some(5);
    error
}

/// Turns an error into what this caller reads: JSON for programs, a page for people. Replies of the
/// router itself, such as 404 and 405, come with no body and get one here.
fn shape(app: &App, port: Port, seen: &Seen, id: &RequestId, response: Response) -> Response {
    // What a handler wrote has a type; the router's own 404 and 405 have neither type nor body.
    let is_written = response.headers().contains_key(header::CONTENT_TYPE);
    let error = match (response.extensions().get::<ApiError>(), response.status()) {
        (Some(error), _) => error.clone(),
        (None, StatusCode::NOT_FOUND) if !is_written => ApiError::not_found(),
        (None, StatusCode::METHOD_NOT_ALLOWED) if !is_written => ApiError::method(),
        (None, _) => return response,
    };
    let (mut parts, _) = response.into_parts();
    let caller = parts.extensions.remove().unwrap_or(Caller::Nobody);
    let shaped = if port == Port::Devices || seen.wants_json {
        error.into_json()
    } else {
        super::pages::error(app, id, &caller, seen.host.as_deref(), error)
    };
    let mut shaped = shaped;
    // `Allow` of a 405, `WWW-Authenticate`, cookies that end a session.
    for name in [header::ALLOW, header::WWW_AUTHENTICATE, header::SET_COOKIE] {
        for value in parts.headers.get_all(&name) {
            shaped.headers_mut().append(&name, value.clone());
        }
    }
    shaped
}

fn log(app: &App, port: Port, seen: &Seen, id: &RequestId, response: &Response, begun: Duration) {
    let route = seen.route.as_deref().unwrap_or("(none)");
    let took_ms = u64::try_from(app.edges().clock.ticks().saturating_sub(begun).as_millis());
    let took_ms = took_ms.unwrap_or(u64::MAX);
    let status = response.status().as_u16();
    let error = response.extensions().get::<ApiError>();
    let (code, cause) = (
        error.map(|error| error.code),
        error.and_then(ApiError::causes),
    );
    let method = seen.method.as_str();
    // Who was refused at the door is worth knowing; who came in, syncs or reads, is not ours to know.
    let from = match (port, seen.from) {
        (Port::People, Some(from)) if is_door(route, status) => Some(from.ip().to_string()),
        _ => None,
    };
    let from = from.as_deref();
    let (port, id) = (port.name(), id.0.as_str());
    if status >= 500 {
        let cause = cause.as_deref();
        tracing::error!(
            request = id,
            port,
            method,
            route,
            status,
            took_ms,
            code,
            cause,
            from,
            "request"
        );
    } else if quiet(route) {
        tracing::debug!(
            request = id,
            port,
            method,
            route,
            status,
            took_ms,
            code,
            "request"
        );
    } else {
        tracing::info!(
            request = id,
            port,
            method,
            route,
            status,
            took_ms,
            code,
            from,
            "request"
        );
    }
}

/// Probes come every few seconds and say nothing.
fn quiet(route: &str) -> bool {
    matches!(route, "/healthz" | "/readyz") || route.starts_with("/assets/")
}

/// Administration, and a sign-in that was refused: a line about one that went well, with its hour and
/// address, would stand beside the hours of somebody's evidence.
fn is_door(route: &str, status: u16) -> bool {
    let begins = |doors: &[&str]| doors.iter().any(|door| route.starts_with(door));
    begins(&["/admin"]) || (status >= 400 && begins(&["/link/", "/oidc/", "/signin"]))
}

fn dress(port: Port, seen: &Seen, id: &RequestId, mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, id);
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert_with(|| HeaderValue::from_static("no-store"));
    // On localhost it would bind every other program on this machine that listens there.
    if port == Port::People && seen.host.as_deref().is_some_and(is_a_name) {
        let hsts = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts);
    }
    response
}

/// Whether a host is a real name: neither localhost nor an address.
fn is_a_name(host: &str) -> bool {
    let name = crate::app::host_name(host);
    let local = name == "localhost" || name.ends_with(".localhost");
    !local && name.parse::<std::net::IpAddr>().is_err()
}

/// What becomes of a panic: one request fails, the rest go on.
pub fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no text");
    ApiError::internal("H500", Panicked(text.to_owned())).into_response()
}

#[derive(Debug, thiserror::Error)]
#[error("a handler panicked: {0}")]
struct Panicked(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_doors_log_an_address() {
        for door in [
            "/link/{token}",
            "/oidc/{provider}/callback",
            "/signin",
            "/admin/devices",
        ] {
            assert!(is_door(door, 403), "{door}");
        }
        for private in [
            "/me",
            "/",
            "/v1/enrol/start",
            "/v1/sync/push",
            "/concepts/{slug}",
        ] {
            assert!(!is_door(private, 403), "{private}");
        }
        assert!(
            !is_door("/link/{token}", 303),
            "whoever came in is nobody's business"
        );
    }

    #[test]
    fn localhost_and_addresses_are_never_pinned_to_tls() {
        for host in [
            "localhost:8443",
            "127.0.0.1:8443",
            "[::1]:8443",
            "a.localhost",
        ] {
            assert!(!is_a_name(host), "{host}");
        }
        assert!(is_a_name("skills.example:8443"));
    }

    #[test]
    fn a_panic_becomes_an_error_without_its_text() {
        let response = panicked(Box::new("index out of bounds: secret"));
        assert_eq!(response.status(), 500);
        let error = response.extensions().get::<ApiError>().unwrap();
        assert!(!error.finding.contains("secret") && error.causes().unwrap().contains("secret"));
    }
}
