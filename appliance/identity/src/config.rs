//! One identity provider, as the configuration describes it.
//!
//! Nothing is opened here: [`ProviderConfig::check`] finds what can be found
//! without asking anybody, so that `config check` can say it.
//! Elsewhere: the file and its overrides are the appliance's.

use openidconnect::ClientSecret;
use serde::Deserialize;
use url::Url;

use crate::error::{Error, Result};
use crate::roles::RoleMapping;

/// An OpenID Connect provider that people sign in with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// Short name, in the redirect address and in logs: `a-z`, `0-9`, `-`.
    pub id: String,
    /// What the sign-in button says.
    pub name: String,
    /// The issuer, exactly as the provider writes it.
    pub issuer: String,
    /// This appliance's name at the provider.
    pub client_id: String,
    /// Its secret. Without one the client is public (PKCE is always used).
    #[serde(default)]
    pub client_secret: Option<ClientSecret>,
    /// How the secret is sent.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// Where the provider sends the browser back to; one address per provider.
    pub redirect_uri: String,
    /// Asked for beside `openid`.
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
    /// Certificates (PEM) of the authorities that the provider's certificate may come from.
    pub root_ca_pem: String,
    /// The oldest TLS that is spoken with this provider.
    #[serde(default)]
    pub tls_floor: TlsFloor,
    /// Hosts beside the issuer's that the provider's addresses may lie on, `host` or `host:port`.
    #[serde(default)]
    pub also_hosts: Vec<String>,
    /// Further audiences that an ID token may name (Zitadel puts its project there).
    #[serde(default)]
    pub extra_audiences: Vec<String>,
    /// Google Workspace: the claim `hd` must equal this.
    #[serde(default)]
    pub hosted_domain: Option<String>,
    /// Seconds that one request may take, 1 to 60.
    #[serde(default = "default_timeout_s")]
    pub timeout_s: u64,
    /// Whether the userinfo endpoint may be asked for claims that the ID token lacks.
    #[serde(default = "yes")]
    pub userinfo: bool,
    /// Which claim makes whom what.
    #[serde(default)]
    pub roles: RoleMapping,
    /// How a fresh authentication is asked for.
    #[serde(default)]
    pub step_up: StepUp,
}

/// How the client secret is sent to the token endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// `client_secret_basic`.
    #[default]
    Basic,
    /// `client_secret_post`.
    Post,
}

/// The oldest TLS that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum TlsFloor {
    /// TLS 1.3.
    #[default]
    #[serde(rename = "1.3")]
    Tls13,
    /// TLS 1.2 with forward secrecy and an authenticated cipher; shown on the security page.
    #[serde(rename = "1.2-aead")]
    Tls12Aead,
}

/// How a fresh authentication is asked for, and what proves it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StepUp {
    /// Seconds that the authentication may be old when it is asked for: 0 forces a new one (Okta Classic: 1).
    pub max_age_s: u32,
    /// `acr` values of which the token must show one, if any are listed.
    pub acr_values: Vec<String>,
    /// Entra's authentication context, for example `c1`: the token's `acrs` must hold it.
    pub auth_context: Option<String>,
}

fn default_scopes() -> Vec<String> {
    vec!["profile".into(), "email".into()]
}

const fn default_timeout_s() -> u64 {
    10
}

const fn yes() -> bool {
    true
}

impl ProviderConfig {
    /// Finds what is wrong without asking anybody.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::NotOneTenant`].
    pub fn check(&self) -> Result<()> {
        let bad = |field: &'static str, problem: &str| {
            Err(Error::Config {
                provider: crate::error::one_line(&self.id),
                field,
                problem: problem.into(),
            })
        };
        let id_ok = (1..=32).contains(&self.id.len())
            && self
                .id
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !id_ok {
            return bad("id", "must be 1 to 32 of a-z, 0-9 and -");
        }
        if self.name.trim().is_empty() || self.name.chars().count() > 64 {
            return bad("name", "must have 1 to 64 characters");
        }
        if self.client_id.is_empty() {
            return bad("client_id", "is empty");
        }
        let Ok(issuer) = Url::parse(&self.issuer) else {
            return bad("issuer", "is not an address");
        };
        if issuer.scheme() != "https"
            || issuer.host_str().is_none()
            || issuer.query().is_some()
            || issuer.fragment().is_some()
        {
            return bad("issuer", "must be an https:// address without ? and #");
        }
        one_tenant(&self.issuer)?;
        let Ok(redirect) = Url::parse(&self.redirect_uri) else {
            return bad("redirect_uri", "is not an address");
        };
        if redirect.scheme() != "https" || redirect.fragment().is_some() {
            return bad("redirect_uri", "must be an https:// address without #");
        }
        if !(1..=60).contains(&self.timeout_s) {
            return bad("timeout_s", "must be 1 to 60 seconds");
        }
        if self
            .scopes
            .iter()
            .any(|s| s.is_empty() || s.bytes().any(|b| !b.is_ascii_graphic()))
        {
            return bad("scopes", "must be single words");
        }
        if self.also_hosts.iter().any(|h| named_host(h).is_none()) {
            return bad(
                "also_hosts",
                "must be `host` or `host:port`, without https://",
            );
        }
        if self.roles.claim.trim().is_empty() {
            return bad("roles", "must name a claim");
        }
        Ok(())
    }

    /// The issuer's host, for messages.
    pub(crate) fn host(&self) -> String {
        Url::parse(&self.issuer)
            .ok()
            .and_then(|u| u.host_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

/// Reads `host` or `host:port`.
pub(crate) fn named_host(text: &str) -> Option<(String, u16)> {
    if text.contains('/') || text.contains('@') || text.chars().any(char::is_whitespace) {
        return None;
    }
    let url = Url::parse(&format!("https://{text}/")).ok()?;
    Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
}

/// Refuses an issuer that stands for every tenant of a directory, and Entra's v1.0 tokens.
pub(crate) fn one_tenant(issuer: &str) -> Result<()> {
    let lower = issuer.to_ascii_lowercase();
    let any_tenant = lower.contains("{tenantid}")
        || lower.contains("%7btenantid%7d")
        || Url::parse(&lower).is_ok_and(|u| {
            let first = u
                .path_segments()
                .and_then(|mut s| s.next().map(str::to_owned));
            u.host_str() == Some("sts.windows.net")
                || (matches!(
                    first.as_deref(),
                    Some("common" | "organizations" | "consumers")
                ) && u.path().contains("/v2.0"))
                || (u
                    .host_str()
                    .is_some_and(|h| h.starts_with("login.microsoftonline."))
                    && matches!(
                        first.as_deref(),
                        Some("common" | "organizations" | "consumers")
                    ))
        });
    if any_tenant {
        Err(Error::NotOneTenant {
            issuer: crate::error::one_line(issuer),
        })
    } else {
        Ok(())
    }
}

/// The tenant in an Entra issuer, `https://…/{tenant}/v2.0`.
pub(crate) fn entra_tenant(issuer: &str) -> Option<String> {
    let url = Url::parse(issuer).ok()?;
    let mut segments = url.path_segments()?;
    let tenant = segments.next()?.to_ascii_lowercase();
    let is_id = tenant.len() == 36
        && tenant.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        });
    (is_id && segments.next() == Some("v2.0") && segments.next().is_none_or(str::is_empty))
        .then_some(tenant)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> ProviderConfig {
        toml::from_str(
            r#"
            id = "corp"
            name = "Corp"
            issuer = "https://idp.corp.example/realms/main"
            client_id = "app"
            redirect_uri = "https://app.corp.example:8443/auth/corp/callback"
            root_ca_pem = ""
            "#,
        )
        .expect("configuration")
    }

    fn refused(change: impl FnOnce(&mut ProviderConfig)) -> String {
        let mut config = config();
        change(&mut config);
        config.check().expect_err("accepted").to_string()
    }

    #[test]
    fn a_short_configuration_has_safe_defaults() {
        let config = config();
        assert!(config.check().is_ok());
        assert_eq!(config.tls_floor, TlsFloor::Tls13);
        assert_eq!(
            config.roles.role_of(&["admin".into()]),
            crate::roles::Role::Member
        );
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let text = "id=\"a\"\nname=\"a\"\nissuer=\"x\"\nclient_id=\"x\"\nredirect_uri=\"x\"\nroot_ca_pem=\"\"\nskip_tls=true";
        let error = toml::from_str::<ProviderConfig>(text).expect_err("accepted");
        assert!(error.to_string().contains("skip_tls"), "{error}");
    }

    #[test]
    fn what_cannot_be_right_is_named() {
        assert!(refused(|c| c.issuer = "http://idp.corp.example".into()).contains("issuer"));
        assert!(refused(|c| c.issuer = "https://idp.corp.example/?a=b".into()).contains("issuer"));
        assert!(refused(|c| c.redirect_uri = "http://app/".into()).contains("redirect_uri"));
        assert!(refused(|c| c.id = "../x".into()).contains("id"));
        assert!(refused(|c| c.timeout_s = 0).contains("timeout_s"));
        assert!(refused(|c| c.also_hosts = vec!["https://x".into()]).contains("also_hosts"));
        assert!(refused(|c| c.scopes = vec!["a b".into()]).contains("scopes"));
    }

    #[test]
    fn addresses_for_every_tenant_are_refused() {
        for issuer in [
            "https://login.microsoftonline.com/common/v2.0",
            "https://login.microsoftonline.com/organizations/v2.0",
            "https://login.microsoftonline.com/Common/v2.0",
            "https://login.microsoftonline.com/consumers",
            "https://login.microsoftonline.com/{tenantid}/v2.0",
            "https://sts.windows.net/11111111-2222-3333-4444-555555555555/",
            "https://localhost:9443/common/v2.0",
        ] {
            let error = one_tenant(issuer).expect_err(issuer);
            assert_eq!(error.code(), "I002");
            assert!(error.fix().contains("YOUR-TENANT-ID"));
        }
        assert!(
            one_tenant(
                "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0"
            )
            .is_ok()
        );
        assert!(one_tenant("https://idp.corp.example/common").is_ok());
    }

    #[test]
    fn the_tenant_is_read_from_an_entra_issuer() {
        let id = "11111111-2222-3333-4444-555555555555";
        assert_eq!(
            entra_tenant(&format!("https://login.microsoftonline.com/{id}/v2.0")).as_deref(),
            Some(id)
        );
        assert_eq!(entra_tenant("https://idp.corp.example/realms/main"), None);
    }

    #[test]
    fn debug_output_hides_the_client_secret() {
        let mut config = config();
        config.client_secret = Some(ClientSecret::new("hunter2".into()));
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
