//! A device asks to be let in, and asks again until its person has decided.
//!
//! Nobody is signed in here: a start makes nothing but a row that waits, and there is a limit to
//! how many may.

use crate::app::App;
use crate::enrolling;
use crate::http::error::ApiError;
use crate::http::extract::Json;
use axum::Extension;
use axum::extract::State;
use http::StatusCode;
use kernel::wire::v1::{EnrolPoll, EnrolStart, EnrolStarted, EnrolState};
use std::net::SocketAddr;

/// `POST /v1/enrol/start`.
///
/// # Errors
/// 400 for a name or a certificate request that cannot be used, 426, 429.
pub async fn start(
    State(app): State<App>,
    from: Option<Extension<SocketAddr>>,
    Json(body): Json<EnrolStart>,
) -> Result<axum::Json<EnrolStarted>, ApiError> {
    let from = from.map(|Extension(from)| from.ip());
    Ok(axum::Json(app.enrolling().start(&app, &body, from).await?))
}

/// `POST /v1/enrol/poll`.
///
/// # Errors
/// 404 for a poll that never was, 426.
pub async fn poll(
    State(app): State<App>,
    Json(body): Json<EnrolPoll>,
) -> Result<axum::Json<EnrolState>, ApiError> {
    if body.v != kernel::wire::v1::VERSION {
        return Err(ApiError::upgrade(body.v));
    }
    match app.enrolling().poll(&app, &body.poll).await? {
        Some(state) => Ok(axum::Json(state)),
        None => Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "H414",
            "No enrolment of this appliance is asked for with this value.",
            "Begin the enrolment anew.",
        )),
    }
}

impl From<enrolling::Error> for ApiError {
    fn from(error: enrolling::Error) -> Self {
        use enrolling::Error;
        match error {
            Error::Store(error) => error.into(),
            Error::Version(asked) => Self::upgrade(asked),
            Error::Name => Self::bad_request(format!("{}.", capital(&Error::Name.to_string()))),
            Error::Request(cause) => {
                Self::bad_request("The certificate request cannot be used.").because(cause)
            }
            Error::NoSuchCode | Error::TooManyCodes => Self::new(
                StatusCode::NOT_FOUND,
                "H418",
                format!("{}.", capital(&error.to_string())),
                "Look at the terminal that waits, or begin the enrolment anew.",
            ),
            Error::Ledger(cause) => {
                let mut error = Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    cause.code(),
                    "The ledger could not be written, so nothing is settled.",
                    "Look at the disk of the data directory, then do it again.",
                );
                error.retry_after_s = Some(60);
                error.because(cause)
            }
            Error::Authority(cause) => Self::internal(cause.code(), cause),
            Error::Entropy(cause) => Self::internal("D008", cause),
            Error::Reply(cause) => Self::internal("D009", cause),
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
