//! Who may speak to the page: the browser that was given a key, from the page itself, and nobody else.
//!
//! Any program on this machine and any page in any browser here can reach a port of the loopback
//! address. So: the `Host` is the address itself (a name of somebody else's that resolves to it is
//! refused, and `localhost` and `[::1]` with it, for no address of ours has them); what a browser says
//! about where a request comes from has to be the page itself; a key is asked for beyond the shell; and no
//! answer can be framed, sniffed, cached or read by another origin.

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_REQUEST_METHOD, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST,
    HeaderName, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The header that brings the key.
pub const KEY: HeaderName = HeaderName::from_static("aiworklab-key");

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/// What every answer says, whatever it is.
const SAYS: [(HeaderName, &str); 8] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=(), usb=(), clipboard-read=()",
    ),
];

/// Refuses what does not come from the page itself, and dresses every answer.
pub async fn guard(State(port): State<u16>, request: Request, next: Next) -> Response {
    let mut response = match refused(port, &request) {
        Some((status, why)) => (status, format!("{why}\n")).into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in SAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Why a request is not answered, if it is not.
fn refused(port: u16, request: &Request) -> Option<(StatusCode, &'static str)> {
    let headers = request.headers();
    let here = format!("127.0.0.1:{port}");
    if request.uri().authority().is_some() || only(headers, &HOST) != Some(here.as_bytes()) {
        return Some((
            StatusCode::MISDIRECTED_REQUEST,
            "This page has one address, and this is another.",
        ));
    }
    let elsewhere = Some((StatusCode::FORBIDDEN, "This page answers itself alone."));
    let origin = headers.get(ORIGIN).map(HeaderValue::as_bytes);
    let own = format!("http://{here}");
    if headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        || origin.is_some_and(|origin| origin != own.as_bytes())
    {
        return elsewhere;
    }
    let site = headers.get(FETCH_SITE).map(HeaderValue::as_bytes);
    let same = site.is_none_or(|site| site == b"same-origin");
    let path = request.uri().path();
    if path == "/" {
        // Whoever follows the link comes from anywhere, but into a window of its own.
        let dest = headers.get(FETCH_DEST).map(HeaderValue::as_bytes);
        let framed = dest.is_some_and(|dest| dest != b"document");
        return if framed { elsewhere } else { None };
    }
    // The icon is asked for by the browser itself, which some say is no site at all.
    let itself = path.starts_with(dashboard_web::paths::ASSETS) && site == Some(b"none");
    if !same && !itself {
        return elsewhere;
    }
    if request.method() != Method::GET {
        let json = only(headers, &CONTENT_TYPE) == Some(b"application/json");
        if origin.is_none() || !json {
            return elsewhere;
        }
    }
    None
}

/// The one value of a header; `None` if it has none, or more than one.
pub fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?;
    all.next().is_none().then(|| first.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    fn status(method: &str, path: &str, headers: &[(&str, &str)]) -> Option<u16> {
        refused(80, &request(method, path, headers)).map(|(status, _)| status.as_u16())
    }

    const HERE: (&str, &str) = ("host", "127.0.0.1:80");
    const JSON: (&str, &str) = ("content-type", "application/json");

    #[test]
    fn a_name_that_somebody_points_at_this_machine_is_refused() {
        assert_eq!(status("GET", "/", &[HERE]), None);
        for host in [
            "attacker.example:80",
            "localhost:80",
            "[::1]:80",
            "127.0.0.1",
            "127.0.0.1:81",
            "127.0.0.1:80.attacker.example",
            "127.1:80",
            "",
        ] {
            assert_eq!(status("GET", "/", &[("host", host)]), Some(421), "{host}");
        }
        assert_eq!(status("GET", "/", &[]), Some(421));
        assert_eq!(status("GET", "/", &[HERE, HERE]), Some(421), "two of them");
        assert_eq!(
            status("GET", "http://attacker.example/", &[HERE]),
            Some(421)
        );
    }

    #[test]
    fn another_page_reads_and_changes_nothing() {
        for path in ["/check", "/answer", "/assets/style.css"] {
            let site = ("sec-fetch-site", "cross-site");
            assert_eq!(status("GET", path, &[HERE, site]), Some(403), "{path}");
            // Another port of this machine is another origin on the same site.
            let site = ("sec-fetch-site", "same-site");
            assert_eq!(status("GET", path, &[HERE, site]), Some(403), "{path}");
        }
        let own = ("origin", "http://127.0.0.1:80");
        assert_eq!(status("POST", "/answer", &[HERE, own, JSON]), None);
        for origin in [
            "http://127.0.0.1:81",
            "http://localhost:80",
            "null",
            "https://127.0.0.1:80",
        ] {
            let foreign = ("origin", origin);
            assert_eq!(
                status("POST", "/answer", &[HERE, foreign, JSON]),
                Some(403),
                "{origin}"
            );
            assert_eq!(
                status("GET", "/check", &[HERE, foreign]),
                Some(403),
                "{origin}"
            );
        }
        assert_eq!(
            status("POST", "/answer", &[HERE, JSON]),
            Some(403),
            "no origin"
        );
        let form = ("content-type", "text/plain");
        assert_eq!(status("POST", "/answer", &[HERE, own, form]), Some(403));
        let before = ("access-control-request-method", "POST");
        assert_eq!(
            status("OPTIONS", "/answer", &[HERE, own, before]),
            Some(403)
        );
    }

    #[test]
    fn a_link_may_be_followed_from_anywhere_but_not_into_a_frame() {
        let site = ("sec-fetch-site", "cross-site");
        let into = |dest| ("sec-fetch-dest", dest);
        assert_eq!(status("GET", "/", &[HERE, site, into("document")]), None);
        assert_eq!(status("GET", "/", &[HERE, site, into("iframe")]), Some(403));
        assert_eq!(status("GET", "/", &[HERE, site, into("empty")]), Some(403));
    }
}
