//! What a caller is told when a request is refused or fails.
//!
//! One value carries status, a code of the manual and a text that may be public; the cause goes to
//! the log under the request's number and never into a reply. A program gets JSON
//! (`kernel::wire::v1::ErrorReply`), a person a page: which of the two is decided by the outermost
//! layer, from the path, so that a handler never thinks about it.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use kernel::wire::v1::{ErrorReply, Refusal};
use std::error::Error as StdError;
use std::fmt::Write as _;
use std::sync::Arc;

/// A refusal or a failure, as the caller may see it.
#[derive(Debug, Clone)]
pub struct ApiError {
    /// The status.
    pub status: StatusCode,
    /// Code of the manual.
    pub code: &'static str,
    /// What is so, in one sentence, for the caller.
    pub finding: String,
    /// Why, and what to do.
    pub advice: String,
    /// What a program branches on.
    pub refusal: Refusal,
    /// The stream's head, with 409.
    pub head: Option<u64>,
    /// The server's time, with 409.
    pub now: Option<i64>,
    /// Seconds after which to come again, with 429 and 503.
    pub retry_after_s: Option<u32>,
    /// For the log alone.
    pub cause: Option<Arc<dyn StdError + Send + Sync>>,
}

impl ApiError {
    /// An error of this status and code.
    #[must_use]
    pub fn new(
        status: StatusCode,
        code: &'static str,
        finding: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            finding: finding.into(),
            advice: advice.into(),
            refusal: Refusal::Other,
            head: None,
            now: None,
            retry_after_s: None,
            cause: None,
        }
    }

    /// With what a program branches on.
    #[must_use]
    pub fn refusal(mut self, refusal: Refusal) -> Self {
        self.refusal = refusal;
        self
    }

    /// With a stream's head and the server's time.
    #[must_use]
    pub fn at(mut self, head: Option<u64>, now: i64) -> Self {
        self.head = head;
        self.now = Some(now);
        self
    }

    /// With the cause, for the log.
    #[must_use]
    pub fn because(mut self, cause: impl StdError + Send + Sync + 'static) -> Self {
        self.cause = Some(Arc::new(cause));
        self
    }

    /// 404: no such page, or none that the caller may see.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "H404",
            "There is nothing at this address.",
            "Or nothing that you may open.",
        )
    }

    /// 405.
    #[must_use]
    pub fn method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "H405",
            "This address does not answer that kind of request.",
            "",
        )
    }

    /// 401 on the devices' port.
    #[must_use]
    pub fn no_certificate() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "H401",
            "This port needs a device's certificate.",
            "Enrol this device first.",
        )
    }

    /// 401 for a device whose certificate has ended, and that asked for something else than another.
    #[must_use]
    pub fn ended() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "H419",
            "This device's certificate has ended.",
            "It can be renewed, and nothing else: `aiworklab sync` does that by itself.",
        )
        .refusal(Refusal::Expired)
    }

    /// 401 for a device whose certificate ended too long ago to be renewed.
    #[must_use]
    pub fn ended_long_ago(enrol: &str) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "H420",
            format!(
                "This device's certificate ended more than {} days ago and can no longer be renewed.",
                kernel::wire::v1::RENEWABLE_DAYS
            ),
            format!("Enrol it again; nothing that it recorded is lost: {enrol}"),
        )
    }

    /// 403 for a device that was revoked, or is unknown to this store.
    #[must_use]
    pub fn revoked() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "H403",
            "This device's enrolment has ended.",
            "It was revoked, or its person left. Enrol again if that was a mistake.",
        )
        .refusal(Refusal::Revoked)
    }

    /// 410 for a device whose person had everything erased.
    #[must_use]
    pub fn erased() -> Self {
        Self::new(
            StatusCode::GONE,
            "H410",
            "This person's data was erased here.",
            "Enrol again to begin anew.",
        )
        .refusal(Refusal::Erased)
    }

    /// 403 for a role that may not.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "H406",
            "Your role may not open this.",
            "An administrator can give you another role in the identity provider.",
        )
    }

    /// 403 for a form that did not come from our own page, or came too late.
    #[must_use]
    pub fn stale_form() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "H407",
            "This form is no longer valid. Nothing was changed.",
            "Open the page again and repeat it there.",
        )
    }

    /// 400.
    #[must_use]
    pub fn bad_request(finding: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "H400",
            finding,
            "Nothing was stored. Mend the request and send it again.",
        )
    }

    /// 413, with the limits.
    #[must_use]
    pub fn too_large(finding: impl Into<String>) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "H413",
            finding,
            "Nothing was stored. Send less at a time.",
        )
    }

    /// 415.
    #[must_use]
    pub fn unsupported(finding: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "H415",
            finding,
            "Nothing was stored.",
        )
    }

    /// 426, with the versions spoken.
    #[must_use]
    pub fn upgrade(asked: u16) -> Self {
        Self::new(
            StatusCode::UPGRADE_REQUIRED,
            "H426",
            format!("Version {asked} of the wire is not spoken here; version 1 is."),
            "Bring client and appliance to releases that share a version.",
        )
    }

    /// 503: busy, shutting down, or out of something that comes back.
    #[must_use]
    pub fn busy(retry_after_s: u32) -> Self {
        let mut error = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "H503",
            "The appliance is busy. Nothing was changed.",
            "Try again in a moment.",
        );
        error.retry_after_s = Some(retry_after_s);
        error
    }

    /// 507: the disk of the store is full.
    #[must_use]
    pub fn disk_full() -> Self {
        let mut error = Self::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "H507",
            "The store's disk is full. Nothing was changed.",
            "Free space in the data directory of the appliance; clients keep what they have and \
             send it again.",
        );
        error.retry_after_s = Some(300);
        error
    }

    /// 500.
    #[must_use]
    pub fn internal(code: &'static str, cause: impl StdError + Send + Sync + 'static) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            code,
            "This could not be done. Nothing was changed.",
            "The cause stands in the appliance's log under this request's number.",
        )
        .because(cause)
    }

    /// As programs get it.
    #[must_use]
    pub fn reply(&self) -> ErrorReply {
        let detail = match self.advice.as_str() {
            "" => self.finding.clone(),
            advice => format!("{} {advice}", self.finding),
        };
        ErrorReply {
            error: self.refusal,
            code: self.code.to_owned(),
            detail,
            head: self.head,
            now: self.now,
        }
    }

    /// The whole chain of causes in one line, for the log.
    #[must_use]
    pub fn causes(&self) -> Option<String> {
        self.cause.as_deref().map(|cause| chain(cause))
    }

    /// As JSON.
    #[must_use]
    pub fn into_json(self) -> Response {
        let body = serde_json::to_vec(&self.reply()).unwrap_or_default();
        let mut response = Response::new(axum::body::Body::from(body));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        self.dress(response)
    }

    /// Gives a body this error's status and headers, and leaves the error in the extensions, where
    /// the outer layers find it.
    #[must_use]
    pub fn dress(self, mut response: Response) -> Response {
        *response.status_mut() = self.status;
        if let Some(seconds) = self.retry_after_s {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.into_json()
    }
}

/// What the store says, as a caller may hear it.
impl From<org_store::Error> for ApiError {
    fn from(error: org_store::Error) -> Self {
        use org_store::{Error, Kind};
        let code = error.code();
        match error {
            Error::NotFound {
                kind: Kind::Subject,
                ..
            } => Self::new(
                StatusCode::NOT_FOUND,
                code,
                "You have not enrolled a device yet, so nothing is held about your work.",
                "Enrol one, then come back.",
            ),
            Error::NotFound { .. } => Self {
                code,
                ..Self::not_found()
            },
            Error::Forbidden { .. } => Self {
                code,
                ..Self::forbidden()
            },
            Error::BadPush(cause) => {
                Self::bad_request(format!("The push cannot be taken: {cause}."))
            }
            Error::StepUp { .. } => Self::new(
                StatusCode::FORBIDDEN,
                code,
                "This change needs a sign-in that is at most five minutes old. Nothing was changed.",
                "Confirm that it is you, and repeat it.",
            ),
            Error::Revoked => Self {
                code,
                ..Self::revoked()
            },
            Error::Erased => Self {
                code,
                ..Self::erased()
            },
            Error::Disabled => Self::new(
                StatusCode::FORBIDDEN,
                code,
                "This account is switched off.",
                "An administrator can switch it on again.",
            ),
            Error::LastAdmin => Self::new(
                StatusCode::CONFLICT,
                code,
                "This is the last administrator. Nothing was changed.",
                "Make somebody else an administrator first.",
            ),
            Error::TooMany { .. } => {
                let mut error = Self::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    code,
                    "Too many devices are waiting for an approval.",
                    "Try again in ten minutes.",
                );
                error.retry_after_s = Some(600);
                error
            }
            Error::Exists { .. } => Self::new(
                StatusCode::CONFLICT,
                code,
                "That was decided already. Nothing was changed.",
                "",
            ),
            Error::DiskFull { .. } => Self {
                code,
                ..Self::disk_full()
            }
            .because(error),
            Error::Busy { .. } | Error::Closed => Self {
                code,
                ..Self::busy(5)
            }
            .because(error),
            Error::Text { what, max } => {
                Self::bad_request(format!("{what} has to be 1 to {max} characters."))
            }
            error => Self::internal(code, error),
        }
    }
}

impl From<crate::edges::NoEntropy> for ApiError {
    fn from(error: crate::edges::NoEntropy) -> Self {
        Self::internal("D008", error)
    }
}

/// An error and its sources in one line.
#[must_use]
pub fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let _ = write!(text, ": {error}");
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_never_reaches_the_caller() {
        let cause = std::io::Error::other("/var/lib/aiworklab/store.db: no space left");
        let error = ApiError::internal("S005", cause);
        let reply = serde_json::to_string(&error.reply()).unwrap();
        assert!(!reply.contains("store.db"), "{reply}");
        assert!(error.causes().unwrap().contains("no space left"));
    }

    #[test]
    fn a_busy_answer_says_when_to_come_again() {
        let response = ApiError::busy(7).into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "7");
    }
}
