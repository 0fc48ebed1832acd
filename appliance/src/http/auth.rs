//! Who is asking: from a cookie or a device's certificate to a [`Caller`], before any handler runs.
//!
//! The guard of a route knows the route's line in the list and refuses whoever is less. What it
//! lets pass is judged again by the store, inside the transaction; the guard is there so that no
//! handler can forget, and so that a form of another site never reaches one.
//!
//! A form is accepted if it comes from a page of ours (`Origin`, else what the browser says of the
//! site) *and* carries the session's own token.

use super::error::ApiError;
use super::extract::{BodyLimit, Fields, read_body};
use super::layers::RequestId;
use super::router::{Auth, Route};
use super::tls::Peer;
use crate::app::App;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use http_body_util::Limited;
use identity::{OriginHeaders, SecretToken, TokenKind};
use kernel::ids::{DAY, DeviceId, PersonId};
use kernel::wire::v1::RENEWABLE_DAYS;
use org_store::{Act, Action, Actor, Role, device, session};

/// The session's cookie. The prefix makes browsers insist on Secure, on the path `/` and on this
/// very host (RFC 6265bis section 4.1.3.2).
pub const SESSION: &str = "__Host-aiworklab";
/// The cookie of a sign-in on its way to an identity provider and back.
pub const PENDING: &str = "__Host-aiworklab-login";

/// Who is signed in, as one session says.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The session's hash, its key in the store.
    pub session: [u8; 32],
    /// Who.
    pub person: PersonId,
    /// Their name for people.
    pub name: String,
    /// What they may.
    pub role: Role,
    /// The token of their forms.
    pub csrf: String,
    /// "Entra ID", "a one-time link".
    pub through: String,
    /// When they signed in or confirmed.
    pub confirmed_at: Option<i64>,
    /// When the session began.
    pub created: i64,
}

/// Who is asking.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Nobody that we know.
    Nobody,
    /// A person in a browser.
    Person(Box<Signed>),
    /// A device.
    Device(DeviceId),
}

impl Caller {
    /// For the store.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match self {
            Self::Nobody => Actor::Nobody,
            Self::Person(signed) => Actor::Person {
                person: signed.person,
                confirmed_at: signed.confirmed_at,
            },
            Self::Device(device) => Actor::Device(*device),
        }
    }

    /// The person.
    ///
    /// # Errors
    /// 401 if it is none; the guard of a route for people has made sure that it is.
    pub fn person(&self) -> Result<&Signed, ApiError> {
        match self {
            Self::Person(signed) => Ok(signed),
            _ => Err(sign_in_first()),
        }
    }

    /// The device.
    ///
    /// # Errors
    /// 401, as above.
    pub fn device(&self) -> Result<DeviceId, ApiError> {
        match self {
            Self::Device(device) => Ok(*device),
            _ => Err(ApiError::no_certificate()),
        }
    }

    /// Until when a sign-in that was confirmed counts as fresh, if it does at `now`.
    #[must_use]
    pub fn fresh_until(&self, app: &App, now: i64) -> Option<i64> {
        let Self::Person(signed) = self else {
            return None;
        };
        let fresh = i64::try_from(app.config().step_up.as_secs()).unwrap_or(0);
        signed
            .confirmed_at
            .map(|at| at + fresh)
            .filter(|until| *until >= now)
    }
}

/// What a handler needs to know of its request beside the caller.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The request's number.
    pub request: String,
    /// The name by which the browser reached us.
    pub host: String,
    /// The time.
    pub now: i64,
}

fn sign_in_first() -> ApiError {
    ApiError::new(
        http::StatusCode::UNAUTHORIZED,
        "H402",
        "You are not signed in, or your session has ended. Nothing was changed.",
        "Sign in and repeat it.",
    )
}

fn confirm_first() -> ApiError {
    ApiError::new(
        http::StatusCode::FORBIDDEN,
        "H408",
        "This change needs a sign-in that is at most five minutes old. Nothing was changed.",
        "Open the page of the change again: it shows how to confirm that it is you.",
    )
}

/// The layer of one route.
pub async fn guard(
    State((app, route)): State<(App, &'static Route)>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let caller = match identify(&app, route, &parts).await {
        Ok(caller) => caller,
        Err(error) => return error.into_response(),
    };
    let mut response = match admit(&app, route, caller.clone(), parts, body).await {
        Ok(request) => next.run(request).await,
        Err(refused) => refused.into_response(),
    };
    // An error becomes a page further out, and that page knows who reads it.
    response.extensions_mut().insert(caller);
    response
}

enum Refused {
    Error(ApiError),
    SignIn(Uri),
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self::Error(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Error(error) => error.into_response(),
            Self::SignIn(uri) => {
                let to = uri.path_and_query().map_or("/", |path| path.as_str());
                let query: String = url::form_urlencoded::Serializer::new(String::new())
                    .append_pair("to", to)
                    .finish();
                Redirect::to(&format!("{}?{query}", dashboard_web::paths::SIGN_IN)).into_response()
            }
        }
    }
}

async fn identify(app: &App, route: &Route, parts: &Parts) -> Result<Caller, ApiError> {
    match route.auth {
        Auth::Program => Ok(Caller::Nobody),
        Auth::Device | Auth::DeviceLate => {
            let late = route.auth == Auth::DeviceLate;
            device_of(app, parts.extensions.get::<Peer>(), late).await
        }
        _ => person_of(app, &parts.headers, app.now()).await,
    }
}

async fn admit(
    app: &App,
    route: &'static Route,
    caller: Caller,
    mut parts: Parts,
    body: Body,
) -> Result<Request, Refused> {
    let number = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
    let asked = Asked {
        request: number.unwrap_or_default(),
        host: host(&parts.headers, &parts.uri)
            .unwrap_or("localhost")
            .to_owned(),
        now: app.now(),
    };
    parts.extensions.insert(BodyLimit(route.body));
    let mut body = Body::new(Limited::new(body, route.body));
    if !matches!(route.auth, Auth::Program | Auth::Device | Auth::DeviceLate) {
        if parts.method != Method::GET && parts.method != Method::HEAD {
            require_own_origin(app, &parts.headers, &asked.host)?;
            let fields = Fields::parse(&read_body(body, route.body).await?);
            body = Body::empty();
            // A one-time link's form belongs to the link, not to a session.
            if route.auth != Auth::Open {
                require_token(&caller, &fields)?;
            }
            parts.extensions.insert(fields);
        }
        judge(app, route, &caller, &parts.method, &parts.uri, asked.now).await?;
    }
    parts.extensions.insert(asked);
    parts.extensions.insert(caller);
    Ok(Request::from_parts(parts, body))
}

/// Whether the person may. A denied change leaves its row in the audit log: the store, asked for
/// it in the person's name, refuses and writes it.
async fn judge(
    app: &App,
    route: &'static Route,
    caller: &Caller,
    method: &Method,
    uri: &Uri,
    now: i64,
) -> Result<(), Refused> {
    let Caller::Person(signed) = caller else {
        return match route.auth {
            Auth::Open => Ok(()),
            _ if method == Method::GET => Err(Refused::SignIn(uri.clone())),
            _ => Err(sign_in_first().into()),
        };
    };
    let needs_admin = matches!(route.auth, Auth::Admin | Auth::AdminFresh);
    let needs_fresh = matches!(route.auth, Auth::MemberFresh | Auth::AdminFresh);
    let refused = if needs_admin && signed.role != Role::Admin {
        ApiError::forbidden()
    } else if needs_fresh && caller.fresh_until(app, now).is_none() {
        confirm_first()
    } else {
        return Ok(());
    };
    for word in route.audit {
        if let Some(action) = Action::ALL.iter().find(|action| action.as_str() == *word) {
            let act = Act::new(caller.actor(), *action, now);
            // It is refused there too, and where the role is the reason that leaves the row.
            let _ = app.store().write(act, |_| Ok(())).await;
        }
    }
    Err(refused.into())
}

/// The device, if it may; `late` where one may come whose certificate has ended.
///
/// What became of the device is told before what became of its certificate: who was revoked has no
/// use for being told to renew.
async fn device_of(app: &App, peer: Option<&Peer>, late: bool) -> Result<Caller, ApiError> {
    let (id, end) = match peer.copied() {
        Some(Peer::Device(id)) => (id, None),
        Some(Peer::Ended(id, end)) => (id, Some(end)),
        None | Some(Peer::Nobody | Peer::Other) => {
            let advice = format!("Enrol this device: {}", app.enrol_command());
            return Err(ApiError {
                advice,
                ..ApiError::no_certificate()
            });
        }
    };
    match app
        .store()
        .read(move |txn| device::standing(txn, id))
        .await?
    {
        device::Standing::Good => {}
        device::Standing::Erased => return Err(ApiError::erased()),
        device::Standing::Revoked | device::Standing::Unknown => return Err(ApiError::revoked()),
    }
    match end {
        Some(end) if app.now() - end > RENEWABLE_DAYS * DAY => {
            Err(ApiError::ended_long_ago(&app.enrol_command()))
        }
        Some(_) if !late => Err(ApiError::ended()),
        _ => Ok(Caller::Device(id)),
    }
}

async fn person_of(app: &App, headers: &HeaderMap, now: i64) -> Result<Caller, ApiError> {
    let Some(token) = cookie(headers, SESSION).and_then(SecretToken::parse) else {
        return Ok(Caller::Nobody);
    };
    let hash = token.hash(TokenKind::Session);
    let found = app
        .store()
        .read(move |txn| session::find(txn, &hash, now))
        .await?;
    Ok(match found {
        None => Caller::Nobody,
        Some(found) => Caller::Person(Box::new(Signed {
            session: hash,
            person: found.person,
            name: found.name,
            role: found.role,
            csrf: hex::encode(found.csrf),
            through: found.through,
            confirmed_at: found.confirmed_at,
            created: found.created,
        })),
    })
}

fn require_own_origin(app: &App, headers: &HeaderMap, host: &str) -> Result<(), ApiError> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let said = OriginHeaders {
        origin: text("origin"),
        referer: text("referer"),
        fetch_site: text("sec-fetch-site"),
    };
    let here = format!("https://{host}");
    let mut own = vec![app.addresses().people.as_str()];
    if app.is_own_host(host) {
        own.push(&here);
    }
    identity::check_origin(&said, &own).map_err(|error| ApiError::stale_form().because(error))
}

fn require_token(caller: &Caller, fields: &Fields) -> Result<(), ApiError> {
    let Caller::Person(signed) = caller else {
        return Ok(());
    };
    let presented = fields.get("csrf").unwrap_or_default();
    if identity::same_secret(presented.as_bytes(), signed.csrf.as_bytes()) {
        Ok(())
    } else {
        Err(ApiError::stale_form())
    }
}

/// The name (and port) by which we were reached: `Host`, or `:authority` of HTTP/2.
#[must_use]
pub fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let header = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    header
        .or_else(|| uri.authority().map(|authority| authority.as_str()))
        .filter(|host| {
            host.len() <= 260
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b))
        })
}

/// The cookie of this name; `None` also if there are two, since then one of them is not ours.
#[must_use]
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut found = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(found, _)| *found == name)
        .map(|(_, value)| value);
    match (found.next(), found.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

/// A cookie of ours: for this host alone, never for scripts, not sent along from other sites but
/// with a plain link (the way back from an identity provider is one).
#[must_use]
pub fn set_cookie(name: &str, value: &str, max_age_s: i64) -> HeaderValue {
    let text =
        format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={max_age_s}");
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// A path of ours to go to after signing in: never another host's, never a change.
#[must_use]
pub fn local_path(text: Option<&str>) -> String {
    let good = |path: &&str| {
        path.starts_with('/')
            && !path.starts_with("//")
            && path.len() <= 512
            && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
            && !["/link/", "/oidc/", "/signin", "/signout"]
                .iter()
                .any(|door| path.starts_with(door))
    };
    text.filter(good).unwrap_or("/").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = lines.iter().map(|(name, value)| {
            (
                http::HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn a_cookie_that_is_there_twice_is_none() {
        let once = headers(&[("cookie", "a=1; __Host-aiworklab=x; b=2")]);
        assert_eq!(cookie(&once, SESSION), Some("x"));
        let twice = headers(&[
            ("cookie", "__Host-aiworklab=x"),
            ("cookie", "__Host-aiworklab=y"),
        ]);
        assert_eq!(cookie(&twice, SESSION), None);
    }

    #[test]
    fn a_cookie_of_ours_is_locked_down() {
        let text = set_cookie(SESSION, "x", 60);
        let text = text.to_str().unwrap();
        for part in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=60"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains("Domain"));
    }

    #[test]
    fn nobody_is_sent_to_another_host() {
        for bad in [
            "//evil.example",
            "https://evil.example",
            "/\\evil",
            "/link/x",
            "",
            "/a b",
        ] {
            assert_eq!(local_path(Some(bad)), "/", "{bad}");
        }
        assert_eq!(
            local_path(Some("/admin/devices?page=2")),
            "/admin/devices?page=2"
        );
    }

    #[test]
    fn a_host_header_with_other_letters_is_none() {
        let uri = Uri::from_static("/");
        assert_eq!(
            host(&headers(&[("host", "localhost:8443")]), &uri),
            Some("localhost:8443")
        );
        assert_eq!(host(&headers(&[("host", "a\"><script>")]), &uri), None);
    }
}
