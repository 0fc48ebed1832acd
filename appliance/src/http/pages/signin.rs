//! Signing in and out, and what every way of signing in ends with: a session.

use super::oidc::WANTED;
use super::{html, machine, shell};
use crate::app::App;
use crate::http::auth::{self, Asked, Caller, PENDING, SESSION, local_path, set_cookie};
use crate::http::error::ApiError;
use crate::http::extract::QueryFields;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use dashboard_web::pages::{MessagePage, SignInPage};
use dashboard_web::{Link, paths};
use http::{HeaderMap, HeaderValue, header};
use identity::{SecretToken, TokenKind};
use kernel::ids::PersonId;
use org_store::{Act, Action, person, session};

/// `GET /signin`.
///
/// # Errors
/// 500.
pub async fn show(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    QueryFields(query): QueryFields,
) -> Result<Response, ApiError> {
    let to = local_path(query.get("to"));
    if matches!(caller, Caller::Person(_)) {
        return Ok(Redirect::to(&to).into_response());
    }
    page(&app, &asked, &to, None)
}

/// The page, with what went wrong, if anything did.
///
/// # Errors
/// 500.
pub fn page(
    app: &App,
    asked: &Asked,
    to: &str,
    problem: Option<String>,
) -> Result<Response, ApiError> {
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("to", to)
        .finish();
    let providers = app
        .config()
        .providers
        .iter()
        .map(|provider| {
            let href = format!("{}?{query}", paths::sign_in_with(&provider.id));
            Link::new(provider.name.clone(), href)
        })
        .collect();
    let page = SignInPage {
        shell: shell(app, &Caller::Nobody, asked),
        providers,
        machine: machine(app, asked),
        problem,
    };
    html(page.render())
}

/// `POST /signout`.
///
/// # Errors
/// The store's.
pub async fn sign_out(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
) -> Result<Response, ApiError> {
    let signed = caller.person()?;
    let (hash, provider) = (signed.session, signed.through != super::link::THROUGH);
    let act = Act::new(caller.actor(), Action::SignOut, asked.now);
    app.store()
        .write(act, move |txn| session::delete(txn, &hash))
        .await?;
    let shell = shell(&app, &Caller::Nobody, &asked);
    let mut response = html(MessagePage::signed_out(shell, provider).render())?;
    take_away(&mut response, &[SESSION, PENDING, WANTED]);
    Ok(response)
}

/// Takes cookies away from the browser.
pub fn take_away(response: &mut Response, cookies: &[&str]) {
    for cookie in cookies {
        response
            .headers_mut()
            .append(header::SET_COOKIE, set_cookie(cookie, "", 0));
    }
}

/// A session that is about to begin.
pub struct Beginning {
    token: SecretToken,
    csrf: [u8; 32],
    fresh: person::Fresh,
    now: i64,
    expires: i64,
}

impl Beginning {
    /// Draws what it needs.
    ///
    /// # Errors
    /// 500 without randomness.
    pub fn draw(app: &App, now: i64) -> Result<Self, ApiError> {
        let life = i64::try_from(app.config().session.as_secs()).unwrap_or(i64::MAX / 2);
        Ok(Self {
            token: SecretToken::from_bytes(app.random()?),
            csrf: app.random()?,
            fresh: person::Fresh {
                person: PersonId::from_bytes(app.random()?),
                actor: app.random()?,
            },
            now,
            expires: now + life,
        })
    }

    /// The ids of a person who comes for the first time.
    #[must_use]
    pub fn fresh(&self) -> person::Fresh {
        self.fresh
    }

    /// The row.
    #[must_use]
    pub fn row(
        &self,
        person: PersonId,
        through: &str,
        confirmed_at: Option<i64>,
    ) -> session::NewSession {
        session::NewSession {
            hash: self.hash(),
            person,
            csrf: self.csrf,
            through: through.to_owned(),
            confirmed_at,
            created: self.now,
            expires: self.expires,
        }
    }

    /// The session's key in the store.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        self.token.hash(TokenKind::Session)
    }

    /// Sends the browser on with its new cookie.
    #[must_use]
    pub fn welcome(&self, to: &str) -> Response {
        let cookie = set_cookie(SESSION, &self.token.to_text(), self.expires - self.now);
        let mut response = Redirect::to(to).into_response();
        response.headers_mut().append(header::SET_COOKIE, cookie);
        take_away(&mut response, &[PENDING, WANTED]);
        response
    }
}

/// The pending sign-in's cookie.
#[must_use]
pub fn pending_cookie(value: &str, max_age_s: i64) -> HeaderValue {
    set_cookie(PENDING, value, max_age_s)
}

/// Its value, as the browser brings it back.
#[must_use]
pub fn pending_of(headers: &HeaderMap) -> Option<&str> {
    auth::cookie(headers, PENDING)
}
