//! The library's errors in our words. What may hold a token is dropped here.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::{DiscoveryError, RequestTokenError};
use serde_json::Value;

use crate::config::{ProviderConfig, one_tenant};
use crate::error::{Error, one_line, reason};
use crate::http::HttpError;
use crate::oidc::{RawIdToken, TokenError};

/// Why the code could not be exchanged.
pub(crate) fn token_error(
    config: &ProviderConfig,
    error: RequestTokenError<HttpError, TokenError>,
) -> Error {
    match error {
        RequestTokenError::Request(source) => Error::Unreachable {
            doing: "exchange the sign-in's code",
            host: config.host(),
            source,
        },
        // The body may hold tokens: only what the parser says is kept.
        RequestTokenError::Parse(parse, _) => Error::Answer {
            doing: "exchange the sign-in's code",
            host: config.host(),
            source: reason(parse.to_string()),
        },
        RequestTokenError::ServerResponse(said) => {
            let description = said
                .error_description()
                .map(|d| format!(": {d}"))
                .unwrap_or_default();
            Error::TokenEndpoint {
                source: reason(format!("{}{description}", said.error().as_ref())),
            }
        }
        RequestTokenError::Other(text) => Error::TokenEndpoint {
            source: reason(text),
        },
    }
}

/// How long ago an ID token ended, whose signature and audience are right.
pub(crate) fn expired(id_token: &RawIdToken, now: i64) -> Error {
    // The claims are only read for the message; they are trusted for nothing.
    let end = id_token
        .to_string()
        .split('.')
        .nth(1)
        .and_then(|part| URL_SAFE_NO_PAD.decode(part).ok())
        .and_then(|json| serde_json::from_slice::<BTreeMap<String, Value>>(&json).ok())
        .and_then(|claims| claims.get("exp").and_then(Value::as_f64));
    Error::Expired {
        ago_s: now.saturating_sub(end.unwrap_or_default() as i64),
    }
}

/// Why metadata or keys could not be read.
pub(crate) fn discovery_error(
    error: DiscoveryError<HttpError>,
    config: &ProviderConfig,
    doing: &'static str,
) -> Error {
    let answer = |source| Error::Answer {
        doing,
        host: config.host(),
        source,
    };
    match error {
        DiscoveryError::Request(source) => Error::Unreachable {
            doing,
            host: config.host(),
            source,
        },
        DiscoveryError::Response(_, _, text) => answer(reason(text)),
        DiscoveryError::Validation(text) => {
            // "unexpected issuer URI `found` (expected `expected`)"
            let found = text.split('`').nth(1).unwrap_or_default();
            match one_tenant(found) {
                Err(error) => error,
                Ok(()) => Error::WrongIssuer {
                    expected: config.issuer.clone(),
                    found: one_line(found),
                },
            }
        }
        other => answer(reason(chain(&other))),
    }
}

/// The causes in one text.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
