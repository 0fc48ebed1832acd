//! Identity: who signs in, how long that lasts, and how it is proven anew.
//!
//! An OpenID Connect relying party with every check that its library leaves
//! out, and the rules of sessions, one-time links, form tokens and enrolment
//! codes as functions of what they are given: the clock, randomness and the
//! store are arguments, HTTP status codes and cookies are the appliance's.
//!
//! A sign-in: [`Provider::begin`] gives an address and a cookie; the browser
//! comes back; [`Provider::complete`] takes what was kept for that cookie, once,
//! and gives a [`VerifiedLogin`] or an [`Error`] that names cause and fix.
//! People are keyed by `(issuer, subject)`, never by their mail address.
#![forbid(unsafe_code)]

mod checks;
mod config;
mod csrf;
mod error;
mod failures;
mod http;
mod link;
mod login;
mod oidc;
mod provider;
mod relying_party;
mod roles;
mod secret;
mod session;
mod user_code;

pub use config::{ClientAuth, ProviderConfig, StepUp, TlsFloor};
pub use csrf::{CsrfError, OriginHeaders, check_csrf, check_origin, csrf_token};
pub use error::{Cause, Error, Result};
pub use http::HttpError;
pub use link::{LINK_LIFE_S, LinkError, LinkPurpose, LinkRecord, link_hash, new_link};
pub use login::{
    Begun, Intent, MemoryPending, PENDING_LIFE_S, PendingLogin, PendingStore, VerifiedLogin,
    safe_return_to, store_error,
};
pub use openidconnect::ClientSecret;
pub use provider::{Provider, ProviderState};
pub use roles::{Role, RoleMapping};
pub use secret::{Random, SecretToken, TokenKind, same_secret};
pub use session::{LEEWAY_S, SessionRules, SessionState, SessionTimes, authenticated_at};
pub use user_code::{MAX_WRONG_CODES, USER_CODE_LIFE_S, UserCode, UserCodeError};
