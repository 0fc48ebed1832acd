//! A sign-in on its way: begun in a browser, carried by the provider's answer, taken once.
//!
//! What has to stay secret until the answer (state, nonce, PKCE verifier) is
//! kept on the server, under the hash of a cookie that only this browser has.
//!
//! Invariant: [`PendingStore::take`] removes what it returns before anything is
//! checked, so that an answer is used at most once, even a wrong one.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::error::{Cause, Error, Result, one_line};
use crate::roles::Role;

/// Seconds that a person has to come back from the provider.
pub const PENDING_LIFE_S: i64 = 600;
/// Sign-ins under way that [`MemoryPending`] keeps.
const PENDING_LIMIT: usize = 10_000;

/// Why the browser is sent to the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Intent {
    /// To sign in; a session at the provider is enough.
    SignIn,
    /// To prove anew who sits there, before an administrator's act.
    StepUp {
        /// The subject that must answer; `None` if the session was not begun with this provider.
        subject: Option<String>,
    },
}

/// What is kept of a begun sign-in. Secret: it belongs into the store, not into a cookie or a log.
#[derive(Clone, Serialize, Deserialize)]
pub struct PendingLogin {
    /// The provider's id.
    pub provider: String,
    /// Why.
    pub intent: Intent,
    /// When it was begun, unix seconds.
    pub created: i64,
    /// Where to go afterwards: a path of ours.
    pub return_to: String,
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) verifier: String,
    pub(crate) max_age_s: Option<u32>,
}

/// Shows nothing that has to stay secret.
impl std::fmt::Debug for PendingLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingLogin")
            .field("provider", &self.provider)
            .field("created", &self.created)
            .finish_non_exhaustive()
    }
}

/// A sign-in that was begun: set the cookie, then send the browser to `url`.
#[derive(Debug)]
pub struct Begun {
    /// Where the browser goes (status 303).
    pub url: Url,
    /// Value of a `__Host-` cookie (`Secure`, `HttpOnly`, `SameSite=Lax`, `Path=/`). Secret.
    pub cookie: String,
    /// How long the cookie lives, seconds.
    pub cookie_max_age_s: i64,
}

/// Where sign-ins under way are kept. The key is a hash; what it is of stays in the browser.
pub trait PendingStore: Sync {
    /// Keeps a sign-in. [`Error::Busy`] if there are too many.
    fn put(&self, key: [u8; 32], pending: PendingLogin) -> impl Future<Output = Result<()>> + Send;
    /// Removes a sign-in and gives it, at most once in all.
    fn take(&self, key: [u8; 32]) -> impl Future<Output = Result<Option<PendingLogin>>> + Send;
}

/// Keeps sign-ins in memory: enough for one process. A restart asks people to begin again.
#[derive(Debug, Default)]
pub struct MemoryPending(Mutex<HashMap<[u8; 32], PendingLogin>>);

impl MemoryPending {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], PendingLogin>> {
        // A panic between two statements of a map operation cannot leave half a row.
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl PendingStore for MemoryPending {
    async fn put(&self, key: [u8; 32], pending: PendingLogin) -> Result<()> {
        let mut map = self.lock();
        if map.len() >= PENDING_LIMIT {
            map.retain(|_, old| pending.created.saturating_sub(old.created) <= PENDING_LIFE_S);
            if map.len() >= PENDING_LIMIT {
                return Err(Error::Busy);
            }
        }
        map.insert(key, pending);
        Ok(())
    }

    async fn take(&self, key: [u8; 32]) -> Result<Option<PendingLogin>> {
        Ok(self.lock().remove(&key))
    }
}

/// Wraps a store's own error.
pub fn store_error(doing: &'static str, source: impl Into<Cause>) -> Error {
    Error::Store {
        doing,
        source: source.into(),
    }
}

/// The provider's answer, as the query of the callback address has it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Callback {
    pub code: Option<String>,
    pub state: Option<String>,
    pub iss: Option<String>,
    pub error: Option<String>,
    pub description: Option<String>,
}

impl Callback {
    /// Reads a query. A parameter that is there twice is refused (RFC 6749 §3.1).
    pub fn parse(query: &str) -> Result<Self> {
        let bad = |problem: &str| {
            Err(Error::Callback {
                problem: problem.into(),
            })
        };
        if query.len() > 8_192 {
            return bad("it is longer than 8192 characters");
        }
        let mut found = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.trim_start_matches('?').as_bytes()) {
            let slot = match name.as_ref() {
                "code" => &mut found.code,
                "state" => &mut found.state,
                "iss" => &mut found.iss,
                "error" => &mut found.error,
                "error_description" => &mut found.description,
                _ => continue,
            };
            if slot.replace(value.into_owned()).is_some() {
                return bad("a parameter is there twice");
            }
        }
        if let Some(description) = &mut found.description {
            *description = one_line(description);
        }
        if let Some(error) = &found.error {
            // RFC 6749 §4.1.2.1: printable ASCII without quote and backslash. Shown to people, so no more than that.
            let clean: String = error
                .chars()
                .filter(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '<' | '>' | '&'))
                .take(64)
                .collect();
            found.error = Some(clean);
        }
        if found.code.is_some() && found.error.is_some() {
            return bad("it has both a code and an error");
        }
        Ok(found)
    }
}

/// A path of ours, or `/`: nothing that a browser could read as another site.
pub fn safe_return_to(path: &str) -> &str {
    let second = path.as_bytes().get(1);
    let safe = path.starts_with('/')
        && !matches!(second, Some(b'/' | b'\\'))
        && path.len() <= 512
        && !path
            .chars()
            .any(|c| c.is_control() || c == '\\' || c.is_whitespace());
    if safe { path } else { "/" }
}

/// Somebody whom the provider vouches for, after every check.
#[derive(Clone)]
#[non_exhaustive]
pub struct VerifiedLogin {
    /// The provider's id in the configuration.
    pub provider: String,
    /// With `subject` the key of a person. Never the mail address.
    pub issuer: String,
    /// Stable within the issuer.
    pub subject: String,
    /// Entra's tenant (`tid`).
    pub tenant: Option<String>,
    /// Entra's object id (`oid`), stable over applications.
    pub object_id: Option<String>,
    /// As sent; see [`linkable_email`](Self::linkable_email) before using it for more than display.
    pub email: Option<String>,
    /// What the provider says of the address; `None` if it says nothing.
    pub email_verified: Option<bool>,
    /// For display.
    pub name: Option<String>,
    /// `preferred_username`, for display.
    pub username: Option<String>,
    /// By the mapping.
    pub role: Role,
    /// What the mapped claim held.
    pub role_values: Vec<String>,
    /// Whether the mapped claim was there at all. Absent is not the same as empty: say so to an administrator.
    pub role_claim_present: bool,
    /// When the person authenticated, if the provider says so; unix seconds.
    pub auth_time: Option<i64>,
    /// How (`pwd`, `mfa`, …).
    pub amr: Vec<String>,
    /// Authentication context class.
    pub acr: Option<String>,
    /// Entra's authentication contexts.
    pub acrs: Vec<String>,
    /// The provider's session (`sid`), for its logout.
    pub session_id: Option<String>,
    /// Why the browser was sent there.
    pub intent: Intent,
    /// Where to go now: a path of ours.
    pub return_to: String,
}

impl VerifiedLogin {
    /// The address, where the provider says that it is verified: the only one that may join a person's accounts, once.
    ///
    /// Entra never says so, and anybody's tenant can claim any address there.
    pub fn linkable_email(&self) -> Option<&str> {
        self.email
            .as_deref()
            .filter(|_| self.email_verified == Some(true))
    }

    /// Whether a fresh authentication was asked for, and proven.
    pub const fn stepped_up(&self) -> bool {
        matches!(self.intent, Intent::StepUp { .. })
    }
}

/// Names nobody: this may end up in a log.
impl std::fmt::Debug for VerifiedLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifiedLogin")
            .field("provider", &self.provider)
            .field("role", &self.role)
            .field("auth_time", &self.auth_time)
            .field("acr", &self.acr)
            .field("amr", &self.amr)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_once_and_whole() {
        let found = Callback::parse("code=a%2Bb&state=s&iss=https%3A%2F%2Fidp&session_state=x")
            .expect("answer");
        assert_eq!(found.code.as_deref(), Some("a+b"));
        assert_eq!(found.iss.as_deref(), Some("https://idp"));
        for bad in [
            "state=a&state=b",
            "code=a&code=a",
            "iss=a&iss=b",
            "code=a&error=b",
        ] {
            assert_eq!(Callback::parse(bad).expect_err(bad).code(), "I011");
        }
        assert!(Callback::parse(&format!("code={}", "x".repeat(9_000))).is_err());
    }

    #[test]
    fn what_a_provider_writes_is_harmless_to_show() {
        let found = Callback::parse(
            "error=%3Cscript%3Ealert(1)%3C/script%3E&error_description=a%0Ab%1B%5B31m",
        )
        .expect("answer");
        assert_eq!(found.error.as_deref(), Some("scriptalert(1)/script"));
        assert_eq!(found.description.as_deref(), Some("a b [31m"));
    }

    #[test]
    fn people_return_to_our_own_pages_only() {
        for good in ["/", "/me", "/enrol?code=BCDF-GHJK", "/concepts/x#a"] {
            assert_eq!(safe_return_to(good), good);
        }
        for bad in [
            "",
            "me",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\\b",
            "/a b",
            "/a\r\nb",
        ] {
            assert_eq!(safe_return_to(bad), "/", "{bad}");
        }
    }

    fn pending(created: i64) -> PendingLogin {
        PendingLogin {
            provider: "corp".into(),
            intent: Intent::SignIn,
            created,
            return_to: "/".into(),
            state: "top-secret-state".into(),
            nonce: "n".into(),
            verifier: "v".into(),
            max_age_s: None,
        }
    }

    #[tokio::test]
    async fn a_begun_sign_in_is_taken_once() {
        let store = MemoryPending::default();
        store.put([1; 32], pending(0)).await.expect("kept");
        assert!(store.take([2; 32]).await.expect("asked").is_none());
        assert!(store.take([1; 32]).await.expect("asked").is_some());
        assert!(store.take([1; 32]).await.expect("asked").is_none());
    }

    #[tokio::test]
    async fn a_flood_of_begun_sign_ins_is_bounded_and_passes() {
        let store = MemoryPending::default();
        let key = |i: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&i.to_be_bytes());
            key
        };
        for i in 0..PENDING_LIMIT {
            store.put(key(i), pending(0)).await.expect("kept");
        }
        let refused = store.put(key(PENDING_LIMIT), pending(PENDING_LIFE_S)).await;
        assert_eq!(refused.expect_err("kept").code(), "I029");
        store
            .put(key(PENDING_LIMIT), pending(PENDING_LIFE_S + 1))
            .await
            .expect("room again");
    }

    #[test]
    fn debug_output_hides_what_is_secret() {
        assert!(!format!("{:?}", pending(0)).contains("top-secret-state"));
    }
}
