//! The manual, open to whoever reaches the people's port: it holds nothing of this organisation's, and
//! whoever cannot sign in needs it most.
//!
//! The log has the route and never the query, so what somebody looked up is kept nowhere.

use super::{html, shell};
use crate::app::App;
use crate::http::auth::{Asked, Caller};
use crate::http::error::ApiError;
use crate::http::extract::QueryFields;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use dashboard_web::pages::{DocsPage, DocsSearchPage};
use dashboard_web::{manual, paths};

/// `GET /docs`.
///
/// # Errors
/// 500.
pub async fn first(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
) -> Result<Response, ApiError> {
    show(&app, &caller, &asked, manual::FIRST)
}

/// `GET /docs/{page}`.
///
/// # Errors
/// 404.
pub async fn page(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    Path(slug): Path<String>,
) -> Result<Response, ApiError> {
    // One page, one address.
    if slug == manual::FIRST {
        return Ok(Redirect::permanent(paths::MANUAL).into_response());
    }
    show(&app, &caller, &asked, &slug)
}

/// `GET /docs/search?q=`.
///
/// # Errors
/// 400 where the query is no query.
pub async fn search(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    QueryFields(query): QueryFields,
) -> Result<Response, ApiError> {
    let page = DocsSearchPage {
        shell: shell(&app, &caller, &asked),
        found: manual::search(query.get("q").unwrap_or_default()),
    };
    html(page.render())
}

fn show(app: &App, caller: &Caller, asked: &Asked, slug: &str) -> Result<Response, ApiError> {
    let (at, _) = manual::page(slug).ok_or_else(ApiError::not_found)?;
    let page = DocsPage {
        shell: shell(app, caller, asked),
        at,
    };
    html(page.render())
}
