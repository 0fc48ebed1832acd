//! A device's own matters: its next certificate, and which copy of its folder it is.

use crate::app::App;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::Json;
use axum::Extension;
use axum::extract::State;
use kernel::wire::v1::{Heard, Here, Renew, Renewed, VERSION};

/// `POST /v1/devices/renew`: another certificate of the same device, for a new key.
///
/// # Errors
/// 400 for a request that cannot be used, 401 for a certificate that ended too long ago, 403, 410, 426.
pub async fn renew(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(body): Json<Renew>,
) -> Result<axum::Json<Renewed>, ApiError> {
    if body.v != VERSION {
        return Err(ApiError::upgrade(body.v));
    }
    let device = caller.device()?;
    Ok(axum::Json(
        app.enrolling().renew(&app, device, &body.csr).await?,
    ))
}

/// `POST /v1/devices/here`: noted with the tally, never with a push.
///
/// # Errors
/// 400, 401, 403, 410, 426.
pub async fn here(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(body): Json<Here>,
) -> Result<axum::Json<Heard>, ApiError> {
    if body.v != VERSION {
        return Err(ApiError::upgrade(body.v));
    }
    let (device, now) = (caller.device()?, app.now());
    let shared = app.store().heard(device, body.instance, now).await?;
    Ok(axum::Json(Heard { shared }))
}
