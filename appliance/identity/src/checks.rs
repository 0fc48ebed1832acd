//! What openidconnect 4.1 does not check of a token, checked here.
//!
//! Measured against 22 faults the crate refuses 14. The other eight are: `state`
//! of another sign-in and RFC 9207's `iss` (`login.rs`, `relying_party.rs`), and
//! here `auth_time` missing or old after `max_age`, `acr`, `iat` and `nbf` in the
//! future, `at_hash`. Beside those: `azp`, Entra's tenant and version, Google's
//! domain, and groups that were left out because there are too many.

use serde_json::{Map, Value};

use crate::config::{ProviderConfig, entra_tenant};
use crate::error::{Error, Result};
use crate::roles::{RoleMapping, texts};
use crate::session::LEEWAY_S;

/// Microsoft's tenant of private accounts.
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// Refuses a moment that lies further ahead than clocks may differ.
pub(crate) fn not_ahead(claim: &'static str, at: i64, now: i64) -> Result<()> {
    let ahead_s = at.saturating_sub(now);
    if ahead_s > LEEWAY_S {
        Err(Error::Clock { claim, ahead_s })
    } else {
        Ok(())
    }
}

/// `nbf`, which the crate does not know (RFC 7519 §4.1.5). Seconds, also with a fraction.
pub(crate) fn not_before(claims: &Map<String, Value>, now: i64) -> Result<()> {
    match claims.get("nbf") {
        None | Some(Value::Null) => Ok(()),
        // A fraction of a second does not matter; what is no number is no time.
        Some(value) => match value.as_f64() {
            Some(at) if at.is_finite() => not_ahead("nbf", at as i64, now),
            _ => Err(Error::Token {
                source: crate::error::reason("`nbf` is not a number"),
            }),
        },
    }
}

/// `auth_time` after a request with `max_age`.
///
/// The age is taken when the sign-in was begun: a person who then reads for
/// three minutes at the provider is as fresh as was asked for.
/// Source: OpenID Connect Core 1.0 §3.1.2.1, §3.1.3.7 step 13.
pub(crate) fn fresh(auth_time: Option<i64>, max_age_s: u32, begun: i64, now: i64) -> Result<()> {
    let not = |problem: String| Err(Error::NotFresh { problem });
    match auth_time {
        None => not("the ID token has no `auth_time`".into()),
        Some(at) if at <= 0 => not(format!("`auth_time` is {at}")),
        Some(at) => {
            not_ahead("auth_time", at, now)?;
            let age = begun.saturating_sub(at);
            let limit = i64::from(max_age_s).saturating_add(LEEWAY_S);
            if age > limit {
                return not(format!(
                    "the authentication was {age} s old, {max_age_s} s were asked for"
                ));
            }
            Ok(())
        }
    }
}

/// The kind of authentication that the configuration asks for at a step-up.
pub(crate) fn auth_context(
    config: &ProviderConfig,
    acr: Option<&str>,
    acrs: &[String],
) -> Result<()> {
    let step_up = &config.step_up;
    let found = || {
        acr.map_or_else(
            || {
                if acrs.is_empty() {
                    "none".into()
                } else {
                    acrs.join(" ")
                }
            },
            crate::error::one_line,
        )
    };
    if !step_up.acr_values.is_empty()
        && !acr.is_some_and(|a| step_up.acr_values.iter().any(|v| v == a))
    {
        return Err(Error::AuthContext {
            required: step_up.acr_values.join(" or "),
            found: found(),
        });
    }
    match &step_up.auth_context {
        Some(context) if !acrs.contains(context) => Err(Error::AuthContext {
            required: context.clone(),
            found: found(),
        }),
        _ => Ok(()),
    }
}

/// The party that the token was made for, where it says so.
pub(crate) fn authorized_party(azp: Option<&str>, client_id: &str) -> Result<()> {
    match azp {
        Some(azp) if azp != client_id => Err(Error::Token {
            source: crate::error::reason("it was made for another application (`azp`)"),
        }),
        _ => Ok(()),
    }
}

/// Entra: the token's tenant is the issuer's, its version 2.0. Others send neither.
pub(crate) fn tenant(issuer: &str, claims: &Map<String, Value>) -> Result<()> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let not = |problem: &str| {
        Err(Error::Tenant {
            problem: problem.into(),
        })
    };
    if text("tid").is_some_and(|t| t.eq_ignore_ascii_case(CONSUMERS)) {
        return not("it is a private Microsoft account");
    }
    let Some(own) = entra_tenant(issuer) else {
        return Ok(());
    };
    if text("tid").is_some_and(|tid| !tid.eq_ignore_ascii_case(&own)) {
        return not("`tid` is not the tenant in `issuer`");
    }
    match claims.get("ver") {
        None | Some(Value::Null) => Ok(()),
        Some(ver) if ver.as_str() == Some("2.0") => Ok(()),
        Some(_) => not("it is not a v2.0 token"),
    }
}

/// Google: the claim `hd`, not the request's parameter, names the domain.
pub(crate) fn hosted_domain(config: &ProviderConfig, claims: &Map<String, Value>) -> Result<()> {
    match &config.hosted_domain {
        Some(expected)
            if claims
                .get("hd")
                .and_then(Value::as_str)
                .is_none_or(|hd| !hd.eq_ignore_ascii_case(expected)) =>
        {
            Err(Error::HostedDomain {
                expected: expected.clone(),
            })
        }
        _ => Ok(()),
    }
}

/// Values of the mapped claim, and whether it was there.
///
/// Where Entra left the claim out because a person is in more than 200 groups,
/// nothing is known: neither "no groups" nor "all" would be right.
pub(crate) fn role_values(
    mapping: &RoleMapping,
    claims: &Map<String, Value>,
) -> Result<Option<Vec<String>>> {
    if let Some(value) = mapping.find(claims) {
        return Ok(Some(texts(value)));
    }
    let moved = claims
        .get("_claim_names")
        .and_then(|names| names.get(&mapping.claim))
        .is_some();
    let has_groups = mapping.claim == "groups"
        && claims
            .get("hasgroups")
            .is_some_and(|v| v == &Value::Bool(true) || v.as_str() == Some("true"));
    if moved || has_groups {
        Err(Error::Overage {
            claim: mapping.claim.clone(),
        })
    } else {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TENANT: &str = "11111111-2222-3333-4444-555555555555";

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().expect("object").clone()
    }

    #[test]
    fn a_freshness_that_was_asked_for_is_proven_or_refused() {
        let (begun, now) = (10_000, 10_200);
        assert!(
            fresh(Some(10_100), 0, begun, now).is_ok(),
            "authenticated meanwhile, then read for a while"
        );
        assert!(
            fresh(Some(10_000 - 120), 0, begun, now).is_ok(),
            "within the leeway"
        );
        assert_eq!(
            fresh(Some(10_000 - 121), 0, begun, now)
                .expect_err("old")
                .code(),
            "I020"
        );
        assert!(fresh(Some(10_000 - 121), 60, begun, now).is_ok());
        assert_eq!(
            fresh(None, 3_600, begun, now).expect_err("missing").code(),
            "I020"
        );
        assert_eq!(
            fresh(Some(0), u32::MAX, begun, now)
                .expect_err("zero, as one provider sends")
                .code(),
            "I020"
        );
        assert_eq!(
            fresh(Some(now + 121), 0, begun, now)
                .expect_err("ahead")
                .code(),
            "I018"
        );
        assert!(fresh(Some(i64::MAX), 0, begun, now).is_err());
        assert!(fresh(Some(i64::MIN), 0, begun, now).is_err());
    }

    #[test]
    fn not_before_is_read_in_every_spelling() {
        for good in [
            json!({}),
            json!({"nbf": null}),
            json!({"nbf": 1_119}),
            json!({"nbf": 1_000.5}),
        ] {
            assert!(not_before(&map(good.clone()), 1_000).is_ok(), "{good}");
        }
        for bad in [
            json!({"nbf": 1_121}),
            json!({"nbf": 1e300}),
            json!({"nbf": "soon"}),
            json!({"nbf": []}),
        ] {
            assert!(not_before(&map(bad.clone()), 1_000).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_account_of_another_directory_is_refused() {
        let issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
        assert!(tenant(&issuer, &map(json!({"tid": TENANT, "ver": "2.0"}))).is_ok());
        assert!(tenant("https://idp.corp.example", &map(json!({"ver": 7}))).is_ok());
        for bad in [
            json!({"tid": "99999999-9999-9999-9999-999999999999", "ver": "2.0"}),
            json!({"tid": CONSUMERS}),
            json!({"tid": TENANT, "ver": "1.0"}),
            json!({"tid": TENANT, "ver": 2}),
        ] {
            assert_eq!(
                tenant(&issuer, &map(bad.clone()))
                    .expect_err("accepted")
                    .code(),
                "I024",
                "{bad}"
            );
        }
    }

    #[test]
    fn groups_that_were_left_out_are_not_taken_for_none() {
        let groups = RoleMapping::default();
        let overage = map(
            json!({"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://graph"}}}),
        );
        assert_eq!(
            role_values(&groups, &overage).expect_err("accepted").code(),
            "I023"
        );
        assert_eq!(
            role_values(&groups, &map(json!({"hasgroups": true})))
                .expect_err("accepted")
                .code(),
            "I023"
        );
        let roles = RoleMapping {
            claim: "roles".into(),
            ..groups.clone()
        };
        assert_eq!(
            role_values(&roles, &overage).expect("app roles do not need groups"),
            None
        );
        assert_eq!(
            role_values(&groups, &map(json!({"groups": []}))).expect("empty"),
            Some(vec![])
        );
        assert_eq!(role_values(&groups, &map(json!({}))).expect("absent"), None);
    }

    #[test]
    fn only_the_organisations_domain_signs_in() {
        let mut config: ProviderConfig = toml::from_str(
            "id='g'\nname='G'\nissuer='https://accounts.google.com'\nclient_id='a'\nredirect_uri='https://a/'\nroot_ca_pem=''\nhosted_domain='corp.example'",
        )
        .expect("configuration");
        assert!(hosted_domain(&config, &map(json!({"hd": "corp.example"}))).is_ok());
        assert_eq!(
            hosted_domain(&config, &map(json!({"hd": "evil.example"})))
                .expect_err("accepted")
                .code(),
            "I025"
        );
        assert_eq!(
            hosted_domain(&config, &map(json!({})))
                .expect_err("accepted")
                .code(),
            "I025"
        );
        config.hosted_domain = None;
        assert!(hosted_domain(&config, &map(json!({}))).is_ok());
    }

    #[test]
    fn a_required_kind_of_authentication_has_to_be_in_the_token() {
        let mut config: ProviderConfig = toml::from_str(
            "id='g'\nname='G'\nissuer='https://i'\nclient_id='a'\nredirect_uri='https://a/'\nroot_ca_pem=''\n[step_up]\nacr_values=['phr','phrh']",
        )
        .expect("configuration");
        assert!(auth_context(&config, Some("phrh"), &[]).is_ok());
        assert_eq!(
            auth_context(&config, Some("pwd"), &[])
                .expect_err("accepted")
                .code(),
            "I021"
        );
        assert!(auth_context(&config, None, &[]).is_err());
        config.step_up.acr_values.clear();
        config.step_up.auth_context = Some("c1".into());
        assert!(auth_context(&config, None, &["c1".into()]).is_ok());
        assert!(auth_context(&config, Some("c1"), &["c2".into()]).is_err());
    }
}
