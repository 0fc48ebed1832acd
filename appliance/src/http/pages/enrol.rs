//! Letting a device in: its code, what it says of itself, and the person's word.

use super::{html, shell};
use crate::app::App;
use crate::enrolling::{Error, Waiting};
use crate::http::auth::{Asked, Caller};
use crate::http::error::ApiError;
use crate::http::extract::{Fields, QueryFields};
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use dashboard_web::pages::{EnrolApprovalPage, EnrolCodePage, MessagePage};
use http::StatusCode;

/// How long a device's certificate holds, in days, as the page says it.
const VALID_DAYS: u32 = 90;

/// `GET /enrol`, with the code in `?code=` or to be typed.
///
/// # Errors
/// The store's.
pub async fn show(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    QueryFields(query): QueryFields,
) -> Result<Response, ApiError> {
    let Some(typed) = query.get("code").filter(|code| !code.trim().is_empty()) else {
        return ask(&app, &caller, &asked, "", None);
    };
    let session = caller.person()?.session;
    match app.enrolling().waiting(&app, &session, typed).await {
        Ok(waiting) => approval(&app, &caller, &asked, waiting),
        Err(error @ (Error::NoSuchCode | Error::TooManyCodes)) => {
            let mut response = ask(&app, &caller, &asked, typed, Some(&error))?;
            *response.status_mut() = StatusCode::NOT_FOUND;
            Ok(response)
        }
        Err(error) => Err(error.into()),
    }
}

fn ask(
    app: &App,
    caller: &Caller,
    asked: &Asked,
    typed: &str,
    problem: Option<&Error>,
) -> Result<Response, ApiError> {
    let typed: String = typed.chars().filter(|c| !c.is_control()).take(32).collect();
    let problem = problem.map(|problem| match problem {
        Error::TooManyCodes => {
            "Too many wrong codes were typed here. Sign out and in again, then look at the \
             terminal once more."
                .to_owned()
        }
        _ => format!(
            "No device waits with the code {typed}. It may have run out: a code works for ten \
             minutes. Begin again on the laptop."
        ),
    });
    let page = EnrolCodePage {
        shell: shell(app, caller, asked),
        code: typed,
        problem,
        enrol_command: Some(app.enrol_command()),
    };
    html(page.render())
}

fn approval(
    app: &App,
    caller: &Caller,
    asked: &Asked,
    waiting: Waiting,
) -> Result<Response, ApiError> {
    let page = EnrolApprovalPage {
        shell: shell(app, caller, asked),
        code: waiting.code,
        device_name: waiting.name,
        platform: waiting.platform,
        from: waiting.from,
        asked_at: waiting.started,
        expires_at: waiting.expires,
        valid_days: VALID_DAYS,
    };
    html(page.render())
}

/// `POST /enrol`: yes or no.
///
/// # Errors
/// 400 for neither, 404 for a code that nobody waits with, the store's and the ledger's.
pub async fn decide(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, ApiError> {
    let code = fields.get("code").unwrap_or_default();
    // Counts wrong ones: guessing here is guessing there.
    let session = caller.person()?.session;
    app.enrolling().waiting(&app, &session, code).await?;
    let shell = shell(&app, &caller, &asked);
    let page = match fields.get("decision") {
        Some("approve") => {
            let name = app.enrolling().approve(&app, caller.actor(), code).await?;
            MessagePage::device_approved(shell, &name)
        }
        Some("refuse") => {
            let name = app.enrolling().refuse(&app, caller.actor(), code).await?;
            MessagePage::device_refused(shell, &name)
        }
        _ => return Err(ApiError::bad_request("The form says neither yes nor no.")),
    };
    html(page.render())
}
