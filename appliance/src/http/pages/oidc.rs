//! Signing in, and confirming, through the organisation's own identity provider.

use super::signin::{self, Beginning, pending_cookie, pending_of};
use crate::app::App;
use crate::http::auth::{self, Asked, Caller, local_path, set_cookie};
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
            let to = set_cookie(WANTED, &hex::encode(&to), begun.cookie_max_age_s);
            response.headers_mut().append(header::SET_COOKIE, to);
            Ok(response)
        }
        Err(error) => failed_page(&app, &asked, &provider.config().name, &to, &error),
    }
}

/// The page that was asked for before somebody was sent away; only a sign-in that failed needs it,
/// since one that went well has it from the server's own memory.
pub const WANTED: &str = "__Host-aiworklab-wanted";

fn to_of(headers: &HeaderMap) -> String {
    let bytes = auth::cookie(headers, WANTED).and_then(|text| hex::decode(text).ok());
    local_path(
        bytes
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .as_deref(),
    )
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
        Err(error) => return failed_page(&app, &asked, &name, &to_of(&headers), &error),
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
            txn.audit_with("through", "provider");
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
            "H416",
            "Somebody else confirmed than is signed in here. Nothing was changed.",
            "Sign out here, or confirm with the same account.",
        ));
    }
    let Some(at) = identity::authenticated_at(login.auth_time, asked.now) else {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "H417",
            "The identity provider did not say when you signed in, so this does not confirm it.",
            "It has to support max_age and auth_time; an administrator can also use a one-time link.",
        ));
    };
    let beginning = Beginning::draw(app, asked.now)?;
    let (old, new, by) = (signed.session, beginning.hash(), through.to_owned());
    let act = Act::new(caller.actor(), Action::Confirm, asked.now);
    app.store()
        .write(act, move |txn| {
            txn.audit_with("through", "provider");
            session::confirm(txn, &old, &new, at, &by)
        })
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
    provider: &str,
    to: &str,
    error: &identity::Error,
) -> Result<Response, ApiError> {
    use identity::Error;
    let (code, cause) = (error.code(), error.explain());
    // Ours or the person's to mend, or the provider's: a monitor looks at the latter alone.
    let status = match error {
        Error::Denied { .. } => StatusCode::OK,
        Error::Unreachable { .. }
        | Error::Answer { .. }
        | Error::TokenEndpoint { .. }
        | Error::Endpoint { .. }
        | Error::WrongIssuer { .. }
        | Error::Resting { .. } => StatusCode::BAD_GATEWAY,
        Error::Busy => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::FORBIDDEN,
    };
    let request = asked.request.as_str();
    if status == StatusCode::OK {
        tracing::info!(request, code, cause, "the identity provider said no");
    } else {
        tracing::warn!(
            request,
            code,
            cause,
            "a sign-in through an identity provider failed"
        );
    }
    let problem = match error {
        Error::Denied { error, .. } if error == "access_denied" => format!(
            "{provider} did not let you through, or you cancelled there. Nothing was changed. Try \
             again, or ask your administrator whether you may use this appliance. (Code {code}.)"
        ),
        error => {
            let (finding, fix) = (sentence(&error.to_string()), sentence(&error.fix()));
            format!("{finding} {fix} (Code {code}.)")
        }
    };
    let mut response = signin::page(app, asked, to, Some(problem))?;
    *response.status_mut() = status;
    response
        .headers_mut()
        .append(header::SET_COOKIE, pending_cookie("", 0));
    Ok(response)
}

/// With a capital and a full stop, and without the marks of code.
fn sentence(text: &str) -> String {
    let text = text.replace('`', "");
    let mut letters = text.trim_end_matches('.').chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_becomes_a_sentence() {
        assert_eq!(sentence("set `issuer` right"), "Set issuer right.");
        assert_eq!(sentence("Begin again."), "Begin again.");
    }
}
