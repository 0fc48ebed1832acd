//! Two machines that use one certificate: their person says that both are theirs, or ends both on
//! the page that ends a device.

use super::me::own_device;
use super::{html, shell};
use crate::app::App;
use crate::http::auth::{Asked, Caller};
use crate::http::error::ApiError;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use dashboard_web::pages::confirm::ConfirmPage;
use dashboard_web::paths;
use kernel::ids::DeviceId;
use org_store::{Act, Action, device};

/// `GET /me/devices/{id}/shared`: what it would do.
///
/// # Errors
/// 404 for a device that is not the reader's.
pub async fn ask(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let (id, name) = own_device(&app, &caller, &id).await?;
    let page = ConfirmPage::keep_shared(
        shell(&app, &caller, &asked),
        (&id.to_string(), &name),
        Action::KeepShared.as_str(),
    );
    html(page.render())
}

/// `POST /me/devices/{id}/shared`.
///
/// # Errors
/// 404 for a device that is not the reader's, and the store's.
pub async fn keep(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id: DeviceId = id.parse().map_err(|_| ApiError::not_found())?;
    // What was heard and is not written yet belongs to what the person decides about.
    app.store().flush_tally(asked.now).await?;
    let act = Act::new(caller.actor(), Action::KeepShared, asked.now);
    app.store()
        .write(act, move |txn| device::keep_shared(txn, id))
        .await?;
    Ok(Redirect::to(&format!("{}#devices", paths::ME)).into_response())
}
