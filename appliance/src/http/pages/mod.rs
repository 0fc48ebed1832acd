//! Pages for people: load, build the view, render.

pub mod admin;
pub mod assets;
pub mod docs;
pub mod enrol;
pub mod figures;
pub mod link;
pub mod log;
pub mod me;
mod model;
pub mod oidc;
pub mod shared;
pub mod signin;
#[cfg(test)]
mod tests;
pub mod words;

use super::auth::{Asked, Caller, Signed};
use super::error::ApiError;
use super::layers::RequestId;
use crate::app::App;
use crate::cli::VERSION;
use axum::response::{IntoResponse, Response};
use dashboard_web::pages::{Machine, MessagePage, StepUp, Trace};
use dashboard_web::{Link, Role, Shell, SignedIn};
use http::{HeaderValue, StatusCode, header};

/// The frame of a page for this caller.
#[must_use]
pub fn shell(app: &App, caller: &Caller, asked: &Asked) -> Shell {
    let (person, csrf) = match caller {
        Caller::Person(signed) => (Some(signed_in(signed)), signed.csrf.clone()),
        _ => (None, String::new()),
    };
    Shell {
        organisation: app.config().organisation.clone(),
        host: asked.host.clone(),
        version: VERSION.to_owned(),
        request: asked.request.clone(),
        now: asked.now,
        sample: app.identity().sample,
        degraded: app.model().is_degraded(),
        person,
        csrf,
        notice: None,
        manual_href: Some(dashboard_web::paths::MANUAL.to_owned()),
        stored_href: Some(dashboard_web::paths::STORED.to_owned()),
    }
}

fn signed_in(signed: &Signed) -> SignedIn {
    SignedIn {
        name: signed.name.clone(),
        role: role(signed.role),
        through: signed.through.clone(),
        since: signed.confirmed_at.unwrap_or(signed.created),
    }
}

/// A role as pages know it.
#[must_use]
pub const fn role(role: org_store::Role) -> Role {
    match role {
        org_store::Role::Member => Role::Member,
        org_store::Role::Lead => Role::Lead,
        org_store::Role::Admin => Role::Admin,
    }
}

/// A rendered page as a reply.
///
/// # Errors
/// 500 if the template failed.
pub fn html(rendered: Result<String, dashboard_web::Error>) -> Result<Response, ApiError> {
    let text = rendered.map_err(|error| ApiError::internal("W001", error))?;
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// Which machine this is, for people who compare.
#[must_use]
pub fn machine(app: &App, asked: &Asked) -> Machine {
    Machine {
        name: asked.host.clone(),
        fingerprint: app.authority().fingerprint(),
    }
}

/// How the person may confirm that it is them, before they go back to `to`.
#[must_use]
pub fn step_up(app: &App, caller: &Caller, asked: &Asked, to: &str) -> StepUp {
    if let Some(until) = caller.fresh_until(app, asked.now) {
        return StepUp::Valid(until);
    }
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("to", to)
        .finish();
    let ways = app
        .config()
        .providers
        .iter()
        .map(|provider| {
            let href = dashboard_web::paths::sign_in_with(&provider.id);
            Link::new(
                format!("Confirm through {}", provider.name),
                format!("{href}?confirm=1&{query}"),
            )
        })
        .collect::<Vec<_>>();
    let command = ways.is_empty().then(|| link_command(app));
    StepUp::Needed { ways, command }
}

/// The line that prints a sign-in link.
#[must_use]
pub fn link_command(app: &App) -> String {
    format!(
        "aiworklab-appliance admin link --data-dir {}",
        app.config().data_dir.display()
    )
}

/// The store's word for accounts that no provider knows.
const LOCAL: &str = "link";

/// Where an account comes from, in words.
#[must_use]
pub fn source(app: &App, issuer: &str) -> String {
    let provider = app
        .config()
        .providers
        .iter()
        .find(|provider| provider.issuer == issuer);
    match provider {
        Some(provider) => provider.name.clone(),
        None if issuer == LOCAL => "a one-time link".to_owned(),
        None => issuer.to_owned(),
    }
}

/// A day of the store as a date.
#[must_use]
pub fn date(day: i64) -> jiff::civil::Date {
    let second = day.saturating_mul(kernel::ids::DAY);
    jiff::Timestamp::from_second(second).map_or(jiff::civil::Date::ZERO, |at| {
        jiff::tz::Offset::UTC.to_datetime(at).date()
    })
}

/// A moment's day.
#[must_use]
pub fn date_of(unix: i64) -> jiff::civil::Date {
    date(unix.div_euclid(kernel::ids::DAY))
}

/// An error as a page.
#[must_use]
pub fn error(
    app: &App,
    id: &RequestId,
    caller: &Caller,
    host: Option<&str>,
    error: ApiError,
) -> Response {
    let asked = Asked {
        request: id.0.clone(),
        host: host.unwrap_or("localhost").to_owned(),
        now: app.now(),
    };
    let shell = shell(app, caller, &asked);
    let page = match error.status {
        StatusCode::NOT_FOUND if error.code == "H404" => MessagePage::not_found(shell),
        StatusCode::FORBIDDEN if error.code == "H407" => MessagePage::stale_form(shell),
        status if status.is_server_error() && error.retry_after_s.is_none() => MessagePage {
            finding: error.finding.clone(),
            ..MessagePage::broken(shell, &error.advice, error.code, asked.now)
        },
        _ => MessagePage {
            trace: Some(Trace {
                at: asked.now,
                code: error.code.to_owned(),
            }),
            ..MessagePage::refused(shell, &error.finding, &error.advice)
        },
    };
    match html(page.render()) {
        Ok(response) => error.dress(response),
        Err(_template) => error.into_json(),
    }
}
