//! Cross-site requests: a token derived from the session, and where the request says it comes from.
//!
//! The token is HMAC-SHA-256 under the session's own secret, so nothing is
//! stored and a database's reader cannot make one. Both checks are asked of
//! every request that changes something: the origin stops other sites, the
//! token stops what forgets the origin.
//! Source: OWASP Cross-Site Request Forgery Prevention; Fetch Metadata (W3C).

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

use crate::secret::{SecretToken, same_secret};

const LABEL: &[u8] = b"aiworklab form token v1";

/// Why a request is not taken as the person's own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CsrfError {
    /// The form's hidden field is not there.
    #[error("the form was sent without its token")]
    Missing,
    /// The token is not this session's.
    #[error("the form's token is not of this session")]
    Mismatch,
    /// Sent from another site, or nobody knows from where.
    #[error("the request comes from {0}, not from this appliance")]
    Origin(String),
}

impl CsrfError {
    /// Code printed in the manual. Never reused.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing => "I040",
            Self::Mismatch => "I041",
            Self::Origin(_) => "I042",
        }
    }

    /// What helps.
    pub const fn fix(&self) -> &'static str {
        match self {
            Self::Missing | Self::Mismatch => {
                "open the page anew and send the form again; you may have signed in again meanwhile"
            }
            Self::Origin(_) => {
                "open the appliance by the address that its configuration names and send the form from there"
            }
        }
    }
}

/// The token for the forms of this session: 43 characters.
pub fn csrf_token(session: &SecretToken) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, session.as_bytes());
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, LABEL))
}

/// Whether the form's token is this session's.
///
/// # Errors
/// [`CsrfError::Missing`] or [`CsrfError::Mismatch`].
pub fn check_csrf(session: &SecretToken, presented: Option<&str>) -> Result<(), CsrfError> {
    let presented = presented
        .filter(|p| !p.is_empty())
        .ok_or(CsrfError::Missing)?;
    if same_secret(csrf_token(session).as_bytes(), presented.as_bytes()) {
        Ok(())
    } else {
        Err(CsrfError::Mismatch)
    }
}

/// What a request's headers say of where it comes from.
#[derive(Clone, Copy, Debug, Default)]
pub struct OriginHeaders<'a> {
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// `Referer`.
    pub referer: Option<&'a str>,
    /// `Sec-Fetch-Site`.
    pub fetch_site: Option<&'a str>,
}

/// Whether a request that changes something comes from a page of ours.
///
/// `own` holds our origins as browsers write them, `https://host:8443`.
/// `Origin` decides where it is sent (every browser does, for a `POST`); else
/// `Sec-Fetch-Site`, else `Referer`. A request that says nothing is refused.
///
/// # Errors
/// [`CsrfError::Origin`].
pub fn check_origin(headers: &OriginHeaders<'_>, own: &[&str]) -> Result<(), CsrfError> {
    let is_own = |origin: &str| own.iter().any(|o| o.eq_ignore_ascii_case(origin));
    let refuse = |what: &str| Err(CsrfError::Origin(printable(what)));
    match (headers.origin, headers.fetch_site, headers.referer) {
        (Some(origin), _, _) if is_own(origin) => Ok(()),
        (Some(origin), _, _) => refuse(origin),
        (None, Some("same-origin"), _) => Ok(()),
        (None, Some(site), _) => refuse(site),
        (None, None, Some(referer)) => match Url::parse(referer) {
            Ok(url) if is_own(&url.origin().ascii_serialization()) => Ok(()),
            Ok(url) => refuse(&url.origin().ascii_serialization()),
            Err(_) => refuse("an unreadable address"),
        },
        (None, None, None) => refuse("an unknown place"),
    }
}

/// At most 100 characters, none of them a control character: it is going to be shown.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &[&str] = &["https://localhost:8443", "https://app.corp.example:8443"];

    #[test]
    fn a_token_belongs_to_one_session() {
        let (a, b) = (
            SecretToken::from_bytes([1; 32]),
            SecretToken::from_bytes([2; 32]),
        );
        assert_eq!(check_csrf(&a, Some(&csrf_token(&a))), Ok(()));
        assert_eq!(
            check_csrf(&a, Some(&csrf_token(&b))),
            Err(CsrfError::Mismatch)
        );
        assert_eq!(check_csrf(&a, Some("")), Err(CsrfError::Missing));
        assert_eq!(check_csrf(&a, None), Err(CsrfError::Missing));
        assert_ne!(
            csrf_token(&a),
            a.to_text(),
            "a page must not show the session itself"
        );
    }

    #[test]
    fn only_our_own_pages_may_post() {
        let origin = |o| {
            check_origin(
                &OriginHeaders {
                    origin: Some(o),
                    ..Default::default()
                },
                OWN,
            )
        };
        assert_eq!(origin("https://localhost:8443"), Ok(()));
        assert_eq!(origin("https://APP.corp.example:8443"), Ok(()));
        for other in [
            "null",
            "https://localhost",
            "http://localhost:8443",
            "https://localhost:8443.evil.example",
            "",
        ] {
            assert!(origin(other).is_err(), "{other}");
        }
    }

    #[test]
    fn an_origin_outweighs_friendlier_headers() {
        let headers = OriginHeaders {
            origin: Some("https://evil.example"),
            referer: Some("https://localhost:8443/admin"),
            fetch_site: Some("same-origin"),
        };
        assert!(check_origin(&headers, OWN).is_err());
    }

    #[test]
    fn without_an_origin_the_other_headers_decide() {
        let h = |fetch_site, referer| {
            check_origin(
                &OriginHeaders {
                    origin: None,
                    referer,
                    fetch_site,
                },
                OWN,
            )
        };
        assert_eq!(h(Some("same-origin"), None), Ok(()));
        assert!(h(Some("same-site"), Some("https://localhost:8443/")).is_err());
        assert!(h(Some("cross-site"), None).is_err());
        assert!(h(Some("none"), None).is_err());
        assert_eq!(h(None, Some("https://localhost:8443/enrol?code=x")), Ok(()));
        assert!(h(None, Some("https://localhost:8443@evil.example/")).is_err());
        assert!(h(None, Some("::")).is_err());
        assert!(h(None, None).is_err());
    }

    #[test]
    fn what_is_shown_of_an_origin_is_short_and_printable() {
        let long = format!("https://{}\u{1b}[31m", "x".repeat(500));
        let Err(CsrfError::Origin(shown)) = check_origin(
            &OriginHeaders {
                origin: Some(&long),
                ..Default::default()
            },
            OWN,
        ) else {
            panic!("accepted")
        };
        assert_eq!(shown.len(), 100);
        assert!(!shown.contains('\u{1b}'));
    }
}
