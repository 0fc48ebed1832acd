//! The relying party of one provider: what it says of itself, its keys, and one sign-in from begin to end.
//!
//! Authorization code flow with PKCE (S256), nonce and state, always; answers
//! come as a query. The allowed signature algorithms are pinned here and not
//! taken from the provider's list, which may offer `none` or HS256.
//!
//! Invariant: nothing of a token is used before its signature, issuer,
//! audience, times and nonce are checked; every check is in [`RelyingParty::finish`].
//! Source: OpenID Connect Core 1.0, RFC 7636, RFC 9207, RFC 9700.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreGenderClaim, CoreJsonWebKey, CoreJsonWebKeySet,
};
use openidconnect::{
    AccessToken, AccessTokenHash, AuthType, AuthenticationContextClass, AuthorizationCode,
    ClaimsVerificationError, Client, ClientId, CsrfToken, EndpointNotSet, IdTokenVerifier,
    IssuerUrl, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    Scope, SignatureVerificationError, TokenResponse as _, UserInfoClaims,
};
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use url::Url;

use crate::checks;
use crate::config::{ClientAuth, ProviderConfig};
use crate::error::{Error, Result, one_line, reason};
use crate::failures::{chain, discovery_error, expired, token_error};
use crate::http::Door;
use crate::login::{Callback, Intent, PENDING_LIFE_S, PendingLogin, VerifiedLogin, safe_return_to};
use crate::oidc::{ALGORITHMS, Claims, Metadata, Oidc, OtherClaims, RawIdToken, Tokens};
use crate::secret::{Random, same_secret};
use crate::session::LEEWAY_S;

/// Seconds between two requests for the keys because of a key that is not known.
const REFETCH_EVERY_S: i64 = 300;

/// The provider's published keys, and when they were fetched.
struct Keys {
    set: CoreJsonWebKeySet,
    fetched_at: i64,
}

/// One provider, discovered.
pub(crate) struct RelyingParty {
    config: ProviderConfig,
    door: Door,
    metadata: Metadata,
    token_url: openidconnect::TokenUrl,
    redirect: RedirectUrl,
    keys: RwLock<Arc<Keys>>,
    /// When keys were last fetched for a key that was not known. Held while fetching: one request for all.
    refetched_at: Mutex<Option<i64>>,
    /// When the metadata was fetched.
    pub discovered_at: i64,
}

impl RelyingParty {
    /// Asks the provider for its metadata and keys.
    pub async fn discover(config: &ProviderConfig, now: i64) -> Result<Self> {
        config.check()?;
        let door = Door::new(config)?;
        let issuer = IssuerUrl::new(config.issuer.clone()).map_err(|e| Error::Config {
            provider: config.id.clone(),
            field: "issuer",
            problem: e.to_string(),
        })?;
        let redirect =
            RedirectUrl::new(config.redirect_uri.clone()).map_err(|e| Error::Config {
                provider: config.id.clone(),
                field: "redirect_uri",
                problem: e.to_string(),
            })?;
        const DOING: &str = "read the provider's metadata and keys";
        let metadata = Metadata::discover_async(issuer, &door)
            .await
            .map_err(|e| discovery_error(e, config, DOING))?;
        let token_url = metadata
            .token_endpoint()
            .cloned()
            .ok_or_else(|| Error::Answer {
                doing: DOING,
                host: config.host(),
                source: reason("its metadata has no `token_endpoint`"),
            })?;
        for (endpoint, url) in [
            ("token endpoint", token_url.url()),
            ("key set", metadata.jwks_uri().url()),
        ] {
            if let Some(problem) = door.refuses(url) {
                return Err(Error::Endpoint {
                    endpoint,
                    url: one_line(url.as_str()),
                    problem,
                });
            }
        }
        // The browser goes there, not we: any host, but never without TLS.
        let authorization = metadata.authorization_endpoint().url();
        if authorization.scheme() != "https" {
            return Err(Error::Endpoint {
                endpoint: "authorization endpoint",
                url: one_line(authorization.as_str()),
                problem: "is not an https:// address",
            });
        }
        let set = metadata.jwks().clone();
        Ok(Self {
            config: config.clone(),
            door,
            metadata,
            token_url,
            redirect,
            keys: RwLock::new(Arc::new(Keys {
                set,
                fetched_at: now,
            })),
            refetched_at: Mutex::new(None),
            discovered_at: now,
        })
    }

    /// Where to send the browser, and what to keep until it comes back.
    pub fn start(
        &self,
        intent: Intent,
        return_to: &str,
        now: i64,
        random: &dyn Random,
    ) -> (Url, PendingLogin) {
        let text = || {
            let mut bytes = [0; 32];
            random.fill(&mut bytes);
            URL_SAFE_NO_PAD.encode(bytes)
        };
        let step_up = matches!(intent, Intent::StepUp { .. });
        let pending = PendingLogin {
            provider: self.config.id.clone(),
            intent,
            created: now,
            return_to: safe_return_to(return_to).to_owned(),
            state: text(),
            nonce: text(),
            verifier: text(),
            max_age_s: step_up.then_some(self.config.step_up.max_age_s),
        };
        let (state, nonce) = (pending.state.clone(), pending.nonce.clone());
        let verifier = PkceCodeVerifier::new(pending.verifier.clone());
        let client = self.client();
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .add_scopes(
                self.config
                    .scopes
                    .iter()
                    .filter(|s| *s != "openid")
                    .cloned()
                    .map(Scope::new),
            )
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .add_extra_param("response_mode", "query");
        if let Some(max_age_s) = pending.max_age_s {
            request = request.set_max_age(Duration::from_secs(max_age_s.into()));
            for acr in &self.config.step_up.acr_values {
                request =
                    request.add_auth_context_value(AuthenticationContextClass::new(acr.clone()));
            }
            if let Some(context) = &self.config.step_up.auth_context {
                let claims = serde_json::json!({"id_token": {"acrs": {"essential": true, "value": context}}});
                request = request.add_extra_param("claims", claims.to_string());
            }
        }
        let (url, _, _) = request.url();
        (url, pending)
    }

    /// Checks the provider's answer, asks for the tokens, checks those, and says who it is.
    pub async fn finish(
        &self,
        pending: PendingLogin,
        query: &str,
        now: i64,
    ) -> Result<VerifiedLogin> {
        let age_s = now.saturating_sub(pending.created);
        if !(-LEEWAY_S..=PENDING_LIFE_S).contains(&age_s) {
            return Err(Error::TooLate {
                age_s,
                limit_s: PENDING_LIFE_S,
            });
        }
        let answer = Callback::parse(query)?;
        let state_is_ours = answer
            .state
            .as_deref()
            .is_some_and(|s| same_secret(s.as_bytes(), pending.state.as_bytes()));
        if !state_is_ours {
            return Err(Error::State);
        }
        self.not_mixed_up(answer.iss.as_deref())?;
        if let Some(error) = answer.error {
            return Err(Error::Denied {
                error,
                description: answer.description,
            });
        }
        let Some(code) = answer.code.filter(|c| !c.is_empty()) else {
            return Err(Error::Callback {
                problem: "it has no code".into(),
            });
        };
        let tokens = self
            .client()
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(PkceCodeVerifier::new(pending.verifier.clone()))
            .request_async(&self.door)
            .await
            .map_err(|e| token_error(&self.config, e))?;
        let claims = self.verified_claims(&tokens, &pending.nonce, now).await?;
        let mut others = claims.additional_claims().all.clone();
        self.check_the_rest(&claims, &others, &pending, now)?;

        let mut email = claims.email().map(|e| e.as_str().to_owned());
        let mut email_verified = claims.email_verified();
        let mut name = claims
            .name()
            .and_then(|n| n.get(None))
            .map(|n| n.as_str().to_owned());
        let mut username = claims.preferred_username().map(|n| n.as_str().to_owned());
        let mut values = checks::role_values(&self.config.roles, &others)?;
        if (email.is_none() || values.is_none())
            && let Some(more) = self.user_info(tokens.access_token(), &claims).await?
        {
            if email.is_none() {
                // The address and what is said of it come from one place.
                email = more.email().map(|e| e.as_str().to_owned());
                email_verified = more.email_verified();
            }
            name = name.or_else(|| {
                more.name()
                    .and_then(|n| n.get(None))
                    .map(|n| n.as_str().to_owned())
            });
            username =
                username.or_else(|| more.preferred_username().map(|n| n.as_str().to_owned()));
            if values.is_none() {
                values = checks::role_values(&self.config.roles, &more.additional_claims().all)?;
            }
        }
        let mut text = |claim: &str| match others.remove(claim) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let (tenant, object_id, session_id) = (text("tid"), text("oid"), text("sid"));
        let acrs = acrs(&others);
        let role_claim_present = values.is_some();
        let role_values = values.unwrap_or_default();
        Ok(VerifiedLogin {
            provider: self.config.id.clone(),
            issuer: self.config.issuer.clone(),
            subject: claims.subject().as_str().to_owned(),
            tenant,
            object_id,
            email,
            email_verified,
            name,
            username,
            role: self.config.roles.role_of(&role_values),
            role_values,
            role_claim_present,
            auth_time: claims.auth_time().map(|t| t.timestamp()),
            amr: claims
                .auth_method_refs()
                .map(|m| m.iter().map(|m| m.as_str().to_owned()).collect())
                .unwrap_or_default(),
            acr: claims.auth_context_ref().map(|a| a.as_str().to_owned()),
            acrs,
            session_id,
            intent: pending.intent,
            return_to: pending.return_to,
        })
    }

    fn client(&self) -> Oidc<EndpointNotSet> {
        let client = Client::new(
            ClientId::new(self.config.client_id.clone()),
            self.metadata.issuer().clone(),
            CoreJsonWebKeySet::default(),
        )
        .set_auth_uri(self.metadata.authorization_endpoint().clone())
        .set_token_uri(self.token_url.clone())
        .set_redirect_uri(self.redirect.clone())
        .set_auth_type(match self.config.client_auth {
            ClientAuth::Basic => AuthType::BasicAuth,
            ClientAuth::Post => AuthType::RequestBody,
        });
        match &self.config.client_secret {
            Some(secret) => client.set_client_secret(secret.clone()),
            None => client,
        }
    }

    /// RFC 9207: whose answer it is.
    fn not_mixed_up(&self, iss: Option<&str>) -> Result<()> {
        let promised = self
            .metadata
            .additional_metadata()
            .authorization_response_iss_parameter_supported;
        let mixed_up = match iss {
            Some(iss) => iss != self.config.issuer,
            None => promised,
        };
        if !mixed_up {
            return Ok(());
        }
        Err(Error::MixUp {
            expected: self.config.issuer.clone(),
            found: one_line(iss.unwrap_or_default()),
        })
    }

    /// The ID token's claims after what the crate checks; keys are fetched anew once for a key that is not known.
    async fn verified_claims(&self, tokens: &Tokens, nonce: &str, now: i64) -> Result<Claims> {
        let id_token = tokens.id_token().ok_or(Error::NoIdToken)?;
        let mut keys = self.keys();
        let mut asked_again = false;
        loop {
            let verifier = self.verifier(keys.set.clone(), now);
            match id_token.claims(&verifier, &Nonce::new(nonce.to_owned())) {
                Ok(claims) => {
                    self.access_token_is_the_tokens(
                        id_token,
                        &verifier,
                        tokens.access_token(),
                        claims,
                    )?;
                    return Ok(claims.clone());
                }
                Err(ClaimsVerificationError::SignatureVerification(
                    SignatureVerificationError::NoMatchingKey,
                )) => {
                    match if asked_again {
                        None
                    } else {
                        self.newer_keys(&keys, now).await?
                    } {
                        Some(newer) => (keys, asked_again) = (newer, true),
                        None => return Err(Error::UnknownKey { asked_again }),
                    }
                }
                Err(ClaimsVerificationError::Expired(_)) => return Err(expired(id_token, now)),
                Err(error) => {
                    return Err(Error::Token {
                        source: Box::new(error),
                    });
                }
            }
        }
    }

    fn verifier(&self, keys: CoreJsonWebKeySet, now: i64) -> IdTokenVerifier<'_, CoreJsonWebKey> {
        let reading =
            chrono::DateTime::from_timestamp(now.saturating_sub(LEEWAY_S), 0).unwrap_or_default();
        // A public client's verifier: no token signed with the client secret is ever accepted.
        IdTokenVerifier::new_public_client(
            ClientId::new(self.config.client_id.clone()),
            self.metadata.issuer().clone(),
            keys,
        )
        .set_allowed_algs(ALGORITHMS)
        .set_time_fn(move || reading)
        .set_other_audience_verifier_fn(|audience| {
            self.config
                .extra_audiences
                .iter()
                .any(|a| a == audience.as_str())
        })
    }

    /// `at_hash`, where it is sent (OpenID Connect Core 1.0 §3.1.3.8).
    fn access_token_is_the_tokens(
        &self,
        id_token: &RawIdToken,
        verifier: &IdTokenVerifier<'_, CoreJsonWebKey>,
        access_token: &AccessToken,
        claims: &Claims,
    ) -> Result<()> {
        let Some(expected) = claims.access_token_hash() else {
            return Ok(());
        };
        let failed = |e: SignatureVerificationError| Error::Token {
            source: Box::new(e),
        };
        let algorithm = id_token.signing_alg().map_err(failed)?;
        let key = id_token.signing_key(verifier).map_err(failed)?;
        let actual = AccessTokenHash::from_token(access_token, algorithm, key).map_err(|e| {
            Error::Token {
                source: reason(e.to_string()),
            }
        })?;
        if same_secret(actual.as_str().as_bytes(), expected.as_str().as_bytes()) {
            Ok(())
        } else {
            Err(Error::AccessTokenHash)
        }
    }

    /// What the crate does not check.
    fn check_the_rest(
        &self,
        claims: &Claims,
        others: &Map<String, Value>,
        pending: &PendingLogin,
        now: i64,
    ) -> Result<()> {
        if claims.subject().as_str().is_empty() || claims.subject().as_str().len() > 255 {
            return Err(Error::Token {
                source: reason("`sub` must have 1 to 255 characters"),
            });
        }
        checks::not_ahead("iat", claims.issue_time().timestamp(), now)?;
        checks::not_before(others, now)?;
        checks::authorized_party(
            claims.authorized_party().map(|p| p.as_str()),
            &self.config.client_id,
        )?;
        checks::tenant(&self.config.issuer, others)?;
        checks::hosted_domain(&self.config, others)?;
        let auth_time = claims.auth_time().map(|t| t.timestamp());
        if let Some(max_age_s) = pending.max_age_s {
            checks::fresh(auth_time, max_age_s, pending.created, now)?;
            checks::auth_context(
                &self.config,
                claims.auth_context_ref().map(|a| a.as_str()),
                &acrs(others),
            )?;
        } else if let Some(at) = auth_time {
            checks::not_ahead("auth_time", at, now)?;
        }
        match &pending.intent {
            Intent::StepUp {
                subject: Some(subject),
            } if subject != claims.subject().as_str() => Err(Error::OtherPerson),
            _ => Ok(()),
        }
    }

    /// Claims that the ID token lacks, of the same subject; `None` if there is no endpoint that may be asked.
    async fn user_info(
        &self,
        access_token: &AccessToken,
        claims: &Claims,
    ) -> Result<Option<UserInfoClaims<OtherClaims, CoreGenderClaim>>> {
        let Some(url) = self
            .metadata
            .userinfo_endpoint()
            .filter(|_| self.config.userinfo)
        else {
            return Ok(None);
        };
        if let Some(problem) = self.door.refuses(url.url()) {
            tracing::debug!(provider = %self.config.id, problem, "the userinfo endpoint is not asked");
            return Ok(None);
        }
        // The crate puts it into a header and takes for granted that it fits there.
        if access_token.secret().is_empty()
            || !access_token.secret().bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(Error::UserInfo {
                source: reason("the access token has characters that no header can carry"),
            });
        }
        let client = self.client().set_user_info_url(url.clone());
        let answer = client
            .user_info(access_token.clone(), Some(claims.subject().clone()))
            .request_async(&self.door)
            .await;
        match answer {
            Ok(more) => Ok(Some(more)),
            Err(openidconnect::UserInfoError::Request(source)) => Err(Error::Unreachable {
                doing: "read userinfo",
                host: self.config.host(),
                source,
            }),
            Err(openidconnect::UserInfoError::Response(status, _, text)) => Err(Error::UserInfo {
                source: reason(format!("status {}: {text}", status.as_u16())),
            }),
            Err(error) => Err(Error::UserInfo {
                source: reason(chain(&error)),
            }),
        }
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(
            &self
                .keys
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }

    /// Keys newer than these: fetched now, or meanwhile by another sign-in; `None` if it was tried too recently.
    async fn newer_keys(&self, known: &Arc<Keys>, now: i64) -> Result<Option<Arc<Keys>>> {
        let mut refetched_at = self.refetched_at.lock().await;
        let current = self.keys();
        if !Arc::ptr_eq(&current, known) {
            return Ok(Some(current));
        }
        if refetched_at.is_some_and(|at| (0..REFETCH_EVERY_S).contains(&now.saturating_sub(at))) {
            return Ok(None);
        }
        *refetched_at = Some(now);
        tracing::info!(provider = %self.config.id, age_s = now.saturating_sub(known.fetched_at), "fetching the provider's keys for a key that is not known");
        let set = CoreJsonWebKeySet::fetch_async(self.metadata.jwks_uri(), &self.door)
            .await
            .map_err(|e| discovery_error(e, &self.config, "read the provider's keys"))?;
        let newer = Arc::new(Keys {
            set,
            fetched_at: now,
        });
        *self
            .keys
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::clone(&newer);
        Ok(Some(newer))
    }
}

fn acrs(claims: &Map<String, Value>) -> Vec<String> {
    claims
        .get("acrs")
        .map(crate::roles::texts)
        .unwrap_or_default()
}
