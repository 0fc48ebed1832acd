//! What a device does for its person: in or out of the figures, take all along, have all erased.

use crate::app::App;
use crate::http::auth::{Asked, Caller};
use crate::http::error::ApiError;
use crate::http::extract::Json;
use crate::own;
use axum::Extension;
use axum::extract::State;
use kernel::wire::v1::{Aggregate, AggregateChoice};
use serde::Serialize;

/// What now holds.
#[derive(Serialize)]
pub struct AggregateReply {
    choice: AggregateChoice,
}

/// `PUT /v1/me/aggregate`: in or out of the organisation's figures, from the next snapshot on.
///
/// # Errors
/// 400, 403, 410.
pub async fn set_aggregate(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    Json(body): Json<Aggregate>,
) -> Result<axum::Json<AggregateReply>, ApiError> {
    own::set_aggregate(&app, caller.actor(), body.choice, asked.now).await?;
    Ok(axum::Json(AggregateReply {
        choice: body.choice,
    }))
}

/// `GET /v1/me/export`: everything held about the person's evidence.
///
/// # Errors
/// 403, 410.
pub async fn export(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
) -> Result<axum::Json<serde_json::Value>, ApiError> {
    Ok(axum::Json(
        own::export(&app, caller.actor(), asked.now).await?,
    ))
}

/// What was erased.
#[derive(Serialize)]
pub struct ErasedReply {
    erased: bool,
    devices: usize,
}

/// `DELETE /v1/me`: evidence, link and devices, for good.
///
/// # Errors
/// 403, 410.
pub async fn erase(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
) -> Result<axum::Json<ErasedReply>, ApiError> {
    let devices = own::erase(&app, caller.actor(), asked.now).await?;
    Ok(axum::Json(ErasedReply {
        erased: true,
        devices,
    }))
}
