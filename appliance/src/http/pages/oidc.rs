//! Signing in, and confirming, through the organisation's own identity provider.

use super::signin::{self, Beginning, pending_cookie, pending_of};
use crate::app::App;
use crate::http::auth::{Asked, Caller, local_path};
use crate::http::error::ApiError;
use crate::http::extract::QueryFields;
use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode, header};
use identity::{Intent, VerifiedLogin};
use org_store::{Act, Action, Actor, Role, person, session};

/// `GET /oidc/{provider}/start`: sends the browser there. With `confirm=1` it asks for a fresh
/// sign-in of the person who is signed in here.
///
/// # Errors
/// 404 for a provider that is not configured. What goes wrong at the provider is a page.
pub async fn start(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    Path(id): Path<String>,
    QueryFields(query): QueryFields,
) -> Result<Response, ApiError> {
    let provider = app.provider(&id).ok_or_else(ApiError::not_found)?;
    let to = local_path(query.get("to"));
    let intent = match (query.get("confirm"), &caller) {
        (Some("1"), Caller::Person(signed)) => {
            let person = signed.person;
            let found = app
                .store()
                .read(move |txn| person::get(txn, person))
                .await?;
            let issuer = &provider.config().issuer;
            // Whoever came by another way may still confirm here: `callback` compares the persons.
            let subject = found
                .filter(|found| &found.issuer == issuer)
                .map(|found| found.sub);
            Intent::StepUp { subject }
        }
        _ => Intent::SignIn,
    };
    let entropy = app.edges().entropy.clone();
    let failed = std::sync::atomic::AtomicBool::new(false);
    let random = |bytes: &mut [u8]| {
        if entropy.fill(bytes).is_err() {
            failed.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    };
    let begun = provider
        .begin(app.pending(), intent, &to, asked.now, &random)
        .await;
    if failed.into_inner() {
        return Err(crate::edges::NoEntropy.into());
    }
    match begun {
        Ok(begun) => {
            let mut response = Redirect::to(begun.url.as_str()).into_response();
            let cookie = pending_cookie(&begun.cookie, begun.cookie_max_age_s);
            response.headers_mut().append(header::SET_COOKIE, cookie);
            Ok(response)
        }
        Err(error) => failed_page(&app, &asked, &to, &error),
    }
}

/// `GET /oidc/{provider}/callback`: what the provider says.
///
/// # Errors
/// 404 for a provider that is not configured, the store's.
pub async fn callback(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let provider = app.provider(&id).ok_or_else(ApiError::not_found)?;
    let name = provider.config().name.clone();
    let cookie = pending_of(&headers);
    let query = query.unwrap_or_default();
    let login = match provider
        .complete(app.pending(), cookie, &query, asked.now)
        .await
    {
        Ok(login) => login,
        Err(error) => return failed_page(&app, &asked, "/", &error),
    };
    if !login.role_claim_present {
        tracing::warn!(
            provider = id,
            claim = provider.config().roles.claim,
            "the provider's token has no roles claim: everybody is a member"
        );
    }
    match &login.intent {
        Intent::SignIn => sign_in(&app, &caller, &asked, &name, &login).await,
        Intent::StepUp { .. } => confirm(&app, &caller, &asked, &name, &login).await,
    }
}

async fn sign_in(
    app: &App,
    caller: &Caller,
    asked: &Asked,
    through: &str,
    login: &VerifiedLogin,
) -> Result<Response, ApiError> {
    let beginning = Beginning::draw(app, asked.now)?;
    let confirmed_at = identity::authenticated_at(login.auth_time, asked.now);
    let who = person::SignIn {
        issuer: login.issuer.clone(),
        sub: login.subject.clone(),
        name: shown_name(login),
        email: login.email.clone(),
        role: role(login.role),
        fresh: beginning.fresh(),
    };
    let row = beginning.row(beginning.fresh().person, through, confirmed_at);
    let old = match caller {
        Caller::Person(signed) => Some(signed.session),
        _ => None,
    };
    let act = Act::new(Actor::Nobody, Action::SignIn, asked.now);
    app.store()
        .write(act, move |txn| {
            let person = person::sign_in(txn, &who)?;
            if let Some(old) = old {
                session::delete(txn, &old)?;
            }
            session::create(
                txn,
                &session::NewSession {
                    person: person.person,
                    ..row.clone()
                },
            )
        })
        .await?;
    Ok(beginning.welcome(&login.return_to))
}

/// The same person has to come back that is signed in; the session gets a new id.
async fn confirm(
    app: &App,
    caller: &Caller,
    asked: &Asked,
    through: &str,
    login: &VerifiedLogin,
) -> Result<Response, ApiError> {
    let signed = caller.person()?;
    let person = signed.person;
    let found = app
        .store()
        .read(move |txn| person::get(txn, person))
        .await?;
    let same =
        found.is_some_and(|found| found.issuer == login.issuer && found.sub == login.subject);
    if !same {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "H409",
            "Somebody else confirmed than is signed in here. Nothing was changed.",
            "Sign out here, or confirm with the same account.",
        ));
    }
    let Some(at) = identity::authenticated_at(login.auth_time, asked.now) else {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "H410",
            "The identity provider did not say when you signed in, so this does not confirm it.",
            "It has to support max_age and auth_time; an administrator can also use a one-time link.",
        ));
    };
    let beginning = Beginning::draw(app, asked.now)?;
    let (old, new, by) = (signed.session, beginning.hash(), through.to_owned());
    let act = Act::new(caller.actor(), Action::Confirm, asked.now);
    app.store()
        .write(act, move |txn| session::confirm(txn, &old, &new, at, &by))
        .await?;
    Ok(beginning.welcome(&login.return_to))
}

fn shown_name(login: &VerifiedLogin) -> String {
    let named = [&login.name, &login.username, &login.email];
    let name = named
        .into_iter()
        .flatten()
        .find(|name| !name.trim().is_empty());
    name.map_or_else(|| login.subject.clone(), Clone::clone)
        .chars()
        .take(120)
        .collect()
}

const fn role(role: identity::Role) -> Role {
    match role {
        identity::Role::Admin => Role::Admin,
        identity::Role::Lead => Role::Lead,
        _ => Role::Member,
    }
}

/// What went wrong, on the sign-in page: finding and fix, with the causes in the log.
fn failed_page(
    app: &App,
    asked: &Asked,
    to: &str,
    error: &identity::Error,
) -> Result<Response, ApiError> {
    tracing::warn!(
        request = asked.request,
        code = error.code(),
        cause = error.explain(),
        "a sign-in through an identity provider failed"
    );
    let problem = format!("{error} {} (code {})", error.fix(), error.code());
    let mut response = signin::page(app, asked, to, Some(problem))?;
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    Ok(response)
}
