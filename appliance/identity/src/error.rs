//! What can go wrong with an identity provider, in words that name the cause and the fix.
//!
//! A message tells its own layer's part and the cause stays in `source`;
//! [`Error::explain`] joins them. No message holds a token, a secret, an
//! address of a person or more than a line of what the provider sent.

use std::fmt::Write as _;

/// A boxed cause.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A cause that is only a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Reason(pub String);

/// Makes a cause out of a sentence, shortened and without control characters.
pub(crate) fn reason(text: impl AsRef<str>) -> Cause {
    Box::new(Reason(one_line(text.as_ref())))
}

/// At most 200 characters, on one line.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(200)
        .collect()
}

/// Why a sign-in with an identity provider did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A field of the provider's configuration cannot be right.
    #[error("sign-in provider `{provider}`: `{field}` {problem}")]
    Config {
        /// The provider's id.
        provider: String,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// An address for all tenants of Entra (`/common`), or another than the v2.0 one.
    #[error("the issuer `{issuer}` is not one tenant's: anybody's organisation could sign in")]
    NotOneTenant {
        /// As configured or received.
        issuer: String,
    },
    /// The certificate authorities that were given cannot be used.
    #[error(
        "no certificate authority can be read from `root_ca_pem` of sign-in provider `{provider}`"
    )]
    Roots {
        /// The provider's id.
        provider: String,
        /// What the parser or TLS library said.
        source: Cause,
    },
    /// The provider could not be asked.
    #[error("could not {doing} at {host}")]
    Unreachable {
        /// What was being done.
        doing: &'static str,
        /// The provider's host.
        host: String,
        /// What the connection said.
        source: crate::http::HttpError,
    },
    /// The provider answered with something that is not what the standard says.
    #[error("{host} did not answer properly when asked to {doing}")]
    Answer {
        /// What was being done.
        doing: &'static str,
        /// The provider's host.
        host: String,
        /// What is wrong with the answer.
        source: Cause,
    },
    /// The metadata is another issuer's.
    #[error("the provider calls itself `{found}`, the configuration `{expected}`")]
    WrongIssuer {
        /// As configured.
        expected: String,
        /// As received.
        found: String,
    },
    /// The metadata names an address that the configuration does not.
    #[error("the provider's {endpoint} is {url}, which {problem}")]
    Endpoint {
        /// Which address.
        endpoint: &'static str,
        /// The address.
        url: String,
        /// Why it is not used.
        problem: &'static str,
    },
    /// No sign-in was begun in this browser, or its answer was used already.
    #[error("this browser has begun no sign-in, or this answer was used already")]
    NotBegun,
    /// The sign-in took longer than ten minutes.
    #[error("this sign-in was begun {age_s} s ago; it has to be finished within {limit_s} s")]
    TooLate {
        /// Seconds since it was begun.
        age_s: i64,
        /// The limit.
        limit_s: i64,
    },
    /// `state` is another's: somebody else's answer was put into this browser.
    #[error(
        "the provider's answer does not belong to the sign-in of this browser (`state` differs)"
    )]
    State,
    /// The query of the callback cannot be read.
    #[error("the provider's answer cannot be read: {problem}")]
    Callback {
        /// What is wrong.
        problem: String,
    },
    /// RFC 9207: the answer is another provider's.
    #[error("the answer says it comes from `{found}`, the sign-in was begun with `{expected}`")]
    MixUp {
        /// The provider that was asked.
        expected: String,
        /// What the answer's `iss` says; empty if it is missing although promised.
        found: String,
    },
    /// The provider says no (RFC 6749 §4.1.2.1).
    #[error("the identity provider answered `{error}`{}", describe(.description))]
    Denied {
        /// Its code, for example `access_denied`.
        error: String,
        /// Its text, one line. Text of a third party: escape it, never show it as HTML.
        description: Option<String>,
    },
    /// The code could not be exchanged for tokens.
    #[error("the identity provider did not accept the sign-in's code")]
    TokenEndpoint {
        /// What it said.
        source: Cause,
    },
    /// There is no ID token in the answer.
    #[error("the identity provider sent no ID token")]
    NoIdToken,
    /// The ID token cannot be trusted.
    #[error("the identity provider's ID token is not valid")]
    Token {
        /// Which check failed.
        source: Cause,
    },
    /// Signed with a key that the provider does not publish.
    #[error("the ID token is signed with a key that the provider does not publish{}", if *.asked_again { "" } else { "; its keys were asked for less than five minutes ago" })]
    UnknownKey {
        /// Whether the published keys were fetched again for this token.
        asked_again: bool,
    },
    /// A time in the token lies in the future.
    #[error(
        "the ID token's `{claim}` lies {ahead_s} s in the future: the clocks of the provider and of this appliance differ"
    )]
    Clock {
        /// `iat`, `nbf` or `auth_time`.
        claim: &'static str,
        /// Seconds.
        ahead_s: i64,
    },
    /// The token is past its end.
    #[error("the ID token ended {ago_s} s ago")]
    Expired {
        /// Seconds.
        ago_s: i64,
    },
    /// A fresh authentication was asked for and is not proven.
    #[error("the identity provider does not prove a fresh authentication: {problem}")]
    NotFresh {
        /// What is missing.
        problem: String,
    },
    /// The authentication is not as strong as was asked for.
    #[error(
        "the identity provider did not confirm the kind of authentication that is required ({required}); it says `{found}`"
    )]
    AuthContext {
        /// What the configuration asks for.
        required: String,
        /// `acr`, or `none`.
        found: String,
    },
    /// The access token is not the one that belongs to the ID token.
    #[error("the ID token belongs to another access token (`at_hash` differs)")]
    AccessTokenHash,
    /// Entra left the groups out because there are too many.
    #[error(
        "the identity provider left `{claim}` out of the token because the person is in too many groups"
    )]
    Overage {
        /// The claim that roles are read from.
        claim: String,
    },
    /// Of another tenant or another kind of directory.
    #[error("the account is of another directory: {problem}")]
    Tenant {
        /// What tells so.
        problem: String,
    },
    /// Not of the organisation's domain (Google's `hd`).
    #[error("the account is not of the organisation's domain `{expected}`")]
    HostedDomain {
        /// As configured.
        expected: String,
    },
    /// The userinfo endpoint's answer cannot be trusted.
    #[error("the identity provider's userinfo is not valid")]
    UserInfo {
        /// Which check failed.
        source: Cause,
    },
    /// A step-up was answered with another account.
    #[error("the confirmation was made with another account than the one that is signed in")]
    OtherPerson,
    /// The store of begun sign-ins failed.
    #[error("could not {doing}")]
    Store {
        /// What was being done.
        doing: &'static str,
        /// The store's error.
        source: Cause,
    },
    /// Too many sign-ins are begun and not finished.
    #[error("too many sign-ins are under way")]
    Busy,
    /// It was tried a moment ago, in vain.
    #[error(
        "sign-in provider `{provider}` could not be used {ago_s} s ago and is not asked again yet: {cause}"
    )]
    Resting {
        /// The provider's id.
        provider: String,
        /// Seconds.
        ago_s: i64,
        /// What was wrong then.
        cause: String,
    },
}

fn describe(description: &Option<String>) -> String {
    description
        .as_ref()
        .map(|d| format!(" ({d})"))
        .unwrap_or_default()
}

/// Result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Code printed in the manual. Never reused.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Config { .. } => "I001",
            Self::NotOneTenant { .. } => "I002",
            Self::Roots { .. } => "I003",
            Self::Unreachable { .. } => "I004",
            Self::Answer { .. } => "I005",
            Self::WrongIssuer { .. } => "I006",
            Self::Endpoint { .. } => "I007",
            Self::NotBegun => "I008",
            Self::TooLate { .. } => "I009",
            Self::State => "I010",
            Self::Callback { .. } => "I011",
            Self::MixUp { .. } => "I012",
            Self::Denied { .. } => "I013",
            Self::TokenEndpoint { .. } => "I014",
            Self::NoIdToken => "I015",
            Self::Token { .. } => "I016",
            Self::UnknownKey { .. } => "I017",
            Self::Clock { .. } => "I018",
            Self::Expired { .. } => "I019",
            Self::NotFresh { .. } => "I020",
            Self::AuthContext { .. } => "I021",
            Self::AccessTokenHash => "I022",
            Self::Overage { .. } => "I023",
            Self::Tenant { .. } => "I024",
            Self::HostedDomain { .. } => "I025",
            Self::UserInfo { .. } => "I026",
            Self::OtherPerson => "I027",
            Self::Store { .. } => "I028",
            Self::Busy => "I029",
            Self::Resting { .. } => "I034",
        }
    }

    /// What helps, for the page and the log.
    pub fn fix(&self) -> String {
        match self {
            Self::Config { field, .. } => format!("correct `{field}` in the configuration; `aiworklab-appliance config check` says whether it is right"),
            Self::NotOneTenant { .. } => "set `issuer` to https://login.microsoftonline.com/YOUR-TENANT-ID/v2.0 (Entra admin center, Overview, Tenant ID); /common, /organizations, /consumers and v1.0 addresses are not accepted".into(),
            Self::Roots { .. } => "give the PEM certificates of the authority that signed the provider's certificate; for a public provider /etc/ssl/certs/ca-certificates.crt of a Debian machine holds them".into(),
            Self::Unreachable { source, .. } => source.fix(),
            Self::Answer { host, .. } => format!("open the issuer's /.well-known/openid-configuration in a browser and compare; is {host} the identity provider itself, or a proxy's page?"),
            Self::WrongIssuer { found, .. } => format!("if that is the provider you mean, set `issuer` to exactly `{found}` (the final slash counts)"),
            Self::Endpoint { .. } => "add that host (with its port, if it is not 443) to the provider's `also_hosts`, if it is right that the appliance speaks to it".into(),
            Self::NotBegun | Self::TooLate { .. } | Self::State => "begin again from the sign-in page, in one window, with cookies allowed".into(),
            Self::Callback { .. } | Self::MixUp { .. } => "begin again from the sign-in page; if it stays, compare the provider's redirect address with `redirect_uri`".into(),
            Self::Denied { error, .. } => match error.as_str() {
                "access_denied" => "try again, or ask the administrator of the identity provider whether you may use this application".into(),
                "unmet_authentication_requirements" | "login_required" | "interaction_required" => "sign in with the kind of authentication that the organisation requires".into(),
                _ => "look the code up in the identity provider's sign-in log".into(),
            },
            Self::TokenEndpoint { .. } => "compare `client_id`, the client secret (has it ended?), `client_auth` and `redirect_uri` with the provider's registration".into(),
            Self::NoIdToken => "the provider must be an OpenID Connect one, with the scope `openid` allowed for this client".into(),
            Self::Token { .. } | Self::UserInfo { .. } | Self::AccessTokenHash => "begin again; if it stays, compare `issuer` and `client_id` with the provider, and tell its administrator what is written here".into(),
            Self::UnknownKey { .. } => "begin again in five minutes; if it stays, the provider signs with keys that it does not publish".into(),
            Self::Clock { .. } | Self::Expired { .. } => "set both clocks (`timedatectl` on this machine); they may differ by 120 s".into(),
            Self::NotFresh { .. } => "the provider must answer `max_age` with a new sign-in and the claim `auth_time` (Entra: add the optional claim `auth_time` to the ID token; Google cannot do it: use a one-time link)".into(),
            Self::AuthContext { .. } => "make the provider ask for that authentication for this application, or correct `step_up` in the configuration".into(),
            Self::Overage { claim } => format!("in Entra, send app roles instead and set `roles.claim = \"roles\"`, or set \"Groups assigned to the application\" for `{claim}`; the appliance asks no other service for the list"),
            Self::Tenant { .. } | Self::HostedDomain { .. } | Self::OtherPerson => "sign out at the identity provider and sign in with your account of this organisation".into(),
            Self::Store { .. } => "see the appliance's log; `aiworklab-appliance status` tells whether its store works".into(),
            Self::Resting { .. } => "wait a few seconds; if it stays, see the appliance's log and check that the provider runs".into(),
            Self::Busy => "wait a few minutes and begin again".into(),
        }
    }

    /// The whole chain of causes in one line, without a repetition.
    pub fn explain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let part = one_line(&error.to_string());
            if !text.contains(&part) {
                let _ = write!(text, ": {part}");
            }
            cause = error.source();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_explanation_names_every_cause_once() {
        let error = Error::TokenEndpoint {
            source: reason("invalid_client\nsecret ended"),
        };
        assert_eq!(
            error.explain(),
            "the identity provider did not accept the sign-in's code: invalid_client secret ended"
        );
    }

    #[test]
    fn codes_are_not_used_twice() {
        let text = include_str!("error.rs");
        let codes: Vec<&str> = text
            .lines()
            .filter_map(|l| l.split("=> \"I0").nth(1))
            .collect();
        assert_eq!(codes.len(), 30);
        assert_eq!(codes.iter().collect::<HashSet<_>>().len(), codes.len());
    }

    #[test]
    fn a_providers_text_is_one_short_line() {
        assert_eq!(one_line("a\u{1b}[31mb\r\nc"), "a [31mb  c");
        assert_eq!(one_line(&"x".repeat(5_000)).len(), 200);
    }
}
