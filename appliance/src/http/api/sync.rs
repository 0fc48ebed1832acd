//! Push and pull: a device's evidence in, its person's evidence out.
//!
//! Nothing of these requests is logged that could name a device, and no audit row is written: the
//! store counts syncs by the day, for the whole site.

use crate::app::App;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::Json;
use axum::Extension;
use axum::extract::State;
use http::StatusCode;
use kernel::wire::v1::{Pull, PullReply, Push, PushReply, Refusal};

/// `POST /v1/sync/push`.
///
/// # Errors
/// 400 and 426 for a body that is none, 403, 410, and 409 with the stream's head and our time.
pub async fn push(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(body): Json<Push>,
) -> Result<axum::Json<PushReply>, ApiError> {
    if body.v != kernel::wire::v1::VERSION {
        return Err(ApiError::upgrade(body.v));
    }
    let call = app.sync_call(caller.device()?);
    match app.store().push(call, body).await? {
        Ok(reply) => Ok(axum::Json(reply)),
        Err(refused) => Err(conflict(refused.why).at(Some(refused.head), refused.now)),
    }
}

/// `POST /v1/sync/pull`.
///
/// # Errors
/// 400, 403, 410.
pub async fn pull(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(body): Json<Pull>,
) -> Result<axum::Json<PullReply>, ApiError> {
    let call = app.sync_call(caller.device()?);
    Ok(axum::Json(app.store().pull(call, body).await?))
}

fn conflict(why: Refusal) -> ApiError {
    let (code, finding, advice) = match why {
        Refusal::Fork => (
            "H409",
            "Another delta stands at one of these places.",
            "Pull, move your own to the derived stream, and push again.",
        ),
        Refusal::Gap => (
            "H411",
            "The push begins beyond the stream's head.",
            "Give back what lies between, then push again.",
        ),
        _ => (
            "H412",
            "A delta lies more than an hour in the server's future.",
            "Set the clock by the `now` of this reply, then push again.",
        ),
    };
    ApiError::new(StatusCode::CONFLICT, code, finding, advice).refusal(why)
}
