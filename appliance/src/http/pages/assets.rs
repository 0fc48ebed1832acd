//! Files that pages need, and the root certificate for people to import.

use crate::app::App;
use crate::http::error::ApiError;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// `GET /assets/{file}`: its name holds its digest, so it never changes.
///
/// # Errors
/// 404.
pub async fn file(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, ApiError> {
    let asset = dashboard_web::asset(&name).ok_or_else(ApiError::not_found)?;
    let known = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|tag| tag == asset.etag);
    let dressed = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static(asset.content_type),
        ),
        (header::ETAG, HeaderValue::from_static(asset.etag)),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        ),
    ];
    Ok(match known {
        true => (StatusCode::NOT_MODIFIED, dressed).into_response(),
        false => (dressed, asset.bytes).into_response(),
    })
}

/// `GET /root.pem`: what a browser has to trust. Compare its fingerprint before you do.
pub async fn root(State(app): State<App>) -> Response {
    let dressed = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-pem-file"),
        ),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"aiworklab-root.pem\""),
        ),
    ];
    (dressed, app.authority().root_pem()).into_response()
}
