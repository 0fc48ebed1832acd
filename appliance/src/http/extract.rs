//! Bodies of requests: read within a limit, undone of compression, parsed into a closed type.
//!
//! An error names what is wrong and where, never what was sent: a body may hold what must not be in
//! a log.

use super::error::ApiError;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use http::{HeaderMap, header, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kernel::wire::v1::{MAX_BODY_BYTES, MAX_INFLATED_BYTES};
use serde::de::DeserializeOwned;
use std::io::Read;

/// Reads a body of at most `limit` bytes.
///
/// # Errors
/// 413 if there are more, 400 if it was cut off.
pub async fn read_body(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if is_too_large(error.as_ref()) => Err(ApiError::too_large(format!(
            "The body is larger than {limit} bytes."
        ))),
        Err(_cut) => Err(ApiError::bad_request("The body ended before its end.")),
    }
}

fn is_too_large(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<LengthLimitError>() || error.source().is_some_and(is_too_large)
}

/// The route's own limit, in bytes, which an error has to name.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimit(pub usize);

/// A JSON body of a closed type.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        require_json(&parts.headers)?;
        let limit = parts.extensions.get::<BodyLimit>();
        let bytes = read_body(body, limit.map_or(MAX_BODY_BYTES, |limit| limit.0)).await?;
        let bytes = inflate(&parts.headers, bytes)?;
        parse(&bytes).map(Self)
    }
}

/// Parses JSON; the error has the place and the rule, not the content.
///
/// # Errors
/// 400.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| {
        ApiError::bad_request(match error.classify() {
            serde_json::error::Category::Data => {
                format!(
                    "The body does not have the form that is asked for: {}.",
                    rule(&error)
                )
            }
            _ => format!(
                "The body is not JSON (line {}, column {}).",
                error.line(),
                error.column()
            ),
        })
    })
}

/// serde's message, with every value that it quotes from the body taken out. Field names of ours
/// stay; a field that the type does not have is the caller's word, and cut to what a name can be.
fn rule(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text: String = text.chars().filter(|c| !c.is_control()).take(240).collect();
    if let Some((_, rest)) = text.split_once("unknown field `") {
        let name: String = rest.chars().take_while(|c| *c != '`').take(40).collect();
        let name: String = name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '_' {
                    c
                } else {
                    '?'
                }
            })
            .collect();
        return format!("it has a field `{name}` that does not exist here");
    }
    for marker in ["invalid type: ", "invalid value: "] {
        if let Some((_, expected)) = text.split_once(", expected ")
            && text.contains(marker)
        {
            return format!("a value is of the wrong kind; expected {expected}");
        }
    }
    if text.contains("unknown variant `") {
        let expected = text
            .split_once("`, expected ")
            .map_or("one of the known words", |(_, e)| e);
        return format!("a word is not one of those allowed; expected {expected}");
    }
    text
}

fn require_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    if kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        Ok(())
    } else {
        Err(ApiError::unsupported(
            "The body has to be sent as application/json.",
        ))
    }
}

fn inflate(headers: &HeaderMap, bytes: Bytes) -> Result<Bytes, ApiError> {
    let coding = headers
        .get(header::CONTENT_ENCODING)
        .map(|value| value.as_bytes().to_ascii_lowercase());
    match coding.as_deref() {
        None | Some(b"identity") => Ok(bytes),
        Some(b"zstd") => {
            let broken =
                |_| ApiError::bad_request("The body is not the zstd that its header says.");
            let decoder = zstd::stream::read::Decoder::new(bytes.as_ref()).map_err(broken)?;
            let mut plain = Vec::new();
            // One byte more than allowed tells a bomb from a body that just fits.
            decoder
                .take(MAX_INFLATED_BYTES as u64 + 1)
                .read_to_end(&mut plain)
                .map_err(broken)?;
            if plain.len() > MAX_INFLATED_BYTES {
                return Err(ApiError::too_large(format!(
                    "The body inflates to more than {MAX_INFLATED_BYTES} bytes."
                )));
            }
            Ok(plain.into())
        }
        Some(_) => Err(ApiError::unsupported(
            "Content-Encoding has to be zstd or identity.",
        )),
    }
}

/// The fields of a form, as the guard parsed them; see `http::auth`.
#[derive(Debug, Clone, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Parses `application/x-www-form-urlencoded`.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// The one field of this name; `None` if there are none or several.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(field, _)| field == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }
}

impl Fields {
    /// The field of this name, where no other is allowed and none may stand twice.
    ///
    /// # Errors
    /// 400 if there is another, or a second.
    pub fn only(&self, name: &str) -> Result<Option<&str>, ApiError> {
        match self.0.as_slice() {
            [] => Ok(None),
            [(field, value)] if field == name => Ok(Some(value)),
            _ => Err(ApiError::bad_request(format!(
                "The query may have one field `{name}` and no other."
            ))),
        }
    }
}

/// The fields of a query.
pub struct QueryFields(pub Fields);

impl<S: Send + Sync> FromRequestParts<S> for QueryFields {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(pairs) = Query::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::bad_request("The address has a query that cannot be read."))?;
        Ok(Self(Fields(pairs)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::wire::v1::Push;

    async fn push(kind: &str, coding: Option<&str>, body: Vec<u8>) -> Result<Push, ApiError> {
        let mut request = Request::post("/").header("content-type", kind);
        if let Some(coding) = coding {
            request = request.header("content-encoding", coding);
        }
        let request = request.body(Body::from(body)).unwrap();
        Json::<Push>::from_request(request, &())
            .await
            .map(|Json(push)| push)
    }

    const BODY: &str =
        r#"{"v":1,"stream":"00112233445566778899aabbccddeeff","base":1,"catalogue":1,"deltas":[]}"#;

    #[tokio::test]
    async fn a_body_may_come_compressed() {
        let packed = zstd::encode_all(BODY.as_bytes(), 3).unwrap();
        assert!(push("application/json", Some("zstd"), packed).await.is_ok());
        assert!(
            push("application/json; charset=utf-8", None, BODY.into())
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn a_bomb_is_refused_without_being_inflated_whole() {
        let packed = zstd::encode_all(&vec![b' '; 64 << 20][..], 3).unwrap();
        assert!(packed.len() < MAX_BODY_BYTES);
        let error = push("application/json", Some("zstd"), packed)
            .await
            .unwrap_err();
        assert_eq!(error.status, 413);
    }

    #[tokio::test]
    async fn a_body_of_a_mebibyte_is_refused() {
        let error = push("application/json", None, vec![b' '; 1 << 20])
            .await
            .unwrap_err();
        assert_eq!((error.status.as_u16(), error.code), (413, "H413"));
    }

    #[tokio::test]
    async fn what_was_sent_never_stands_in_the_error() {
        let secret = "c29tZSBzZWNyZXQgY29kZQ";
        for body in [
            format!(r#"{{"v":1,"{secret}":1}}"#),
            format!(r#"{{"v":"{secret}"}}"#),
            format!(r#"{{"v":1,"stream":"{secret}"}}"#),
            format!(r#"{{"v":1,"base":"{secret}"}}"#),
            secret.to_owned(),
        ] {
            let error = push("application/json", None, body.clone().into())
                .await
                .unwrap_err();
            assert_eq!(error.status, 400);
            let named = body.contains(&format!("{secret}\":1"));
            assert_eq!(error.finding.contains(secret), named, "{}", error.finding);
        }
    }

    #[tokio::test]
    async fn another_kind_of_body_is_refused() {
        let error = push("text/plain", None, BODY.into()).await.unwrap_err();
        assert_eq!(error.status, 415);
        let error = push("application/json", Some("gzip"), BODY.into())
            .await
            .unwrap_err();
        assert_eq!(error.status, 415);
    }

    #[test]
    fn a_field_that_stands_twice_is_none() {
        let fields = Fields::parse(b"a=1&a=2&b=x%20y");
        assert_eq!(fields.get("a"), None);
        assert_eq!(fields.get("b"), Some("x y"));
        assert_eq!(fields.only("b").unwrap_err().status, 400);
    }

    #[test]
    fn the_only_field_that_is_allowed_may_be_left_out() {
        assert_eq!(Fields::parse(b"").only("a").unwrap(), None);
        assert_eq!(Fields::parse(b"a=1").only("a").unwrap(), Some("1"));
        for more in [&b"b=1"[..], b"a=1&b=1", b"a=1&a=1"] {
            assert_eq!(Fields::parse(more).only("a").unwrap_err().status, 400);
        }
    }
}
