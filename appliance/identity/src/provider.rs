//! One provider as the appliance holds it: discovered when somebody wants to sign in, and again every day.
//!
//! The appliance starts while the provider is down. One that is down is asked at
//! most every five seconds, however many people want to sign in, and metadata
//! that was read once is used on while it cannot be read anew.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::config::ProviderConfig;
use crate::error::{Error, Result};
use crate::login::{Begun, Intent, PENDING_LIFE_S, PendingStore, VerifiedLogin};
use crate::relying_party::RelyingParty;
use crate::secret::{Random, SecretToken, TokenKind};

/// Seconds after which the metadata is fetched anew.
const METADATA_LIFE_S: i64 = 24 * 3_600;
/// Seconds before metadata that is old and still usable is tried again after a failure.
const RETRY_OLD_S: i64 = 600;
/// Seconds before a provider of which nothing is known is tried again after a failure.
const RETRY_S: i64 = 5;

/// An identity provider that people sign in with.
pub struct Provider {
    config: ProviderConfig,
    discovered: Mutex<Discovered>,
}

#[derive(Default)]
struct Discovered {
    party: Option<Arc<RelyingParty>>,
    /// When it last failed, and why.
    failed: Option<(i64, String)>,
}

impl Discovered {
    /// Seconds since it last failed, if that is less than `limit_s`.
    fn failed_within(&self, limit_s: i64, now: i64) -> Option<i64> {
        let ago_s = now.saturating_sub(self.failed.as_ref()?.0);
        (0..limit_s).contains(&ago_s).then_some(ago_s)
    }
}

/// What a health page shows of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderState {
    /// Nobody has wanted to sign in yet.
    NotAsked,
    /// Its metadata was read at this time (unix seconds).
    Known {
        /// When.
        discovered_at: i64,
    },
}

impl Provider {
    /// A provider of this configuration. Nothing is opened yet.
    ///
    /// # Errors
    /// What [`ProviderConfig::check`] finds, and certificates that cannot be read.
    pub fn new(config: ProviderConfig) -> Result<Self> {
        config.check()?;
        crate::http::Door::new(&config)?;
        Ok(Self {
            config,
            discovered: Mutex::default(),
        })
    }

    /// Its configuration.
    pub const fn config(&self) -> &ProviderConfig {
        &self.config
    }

    /// For a health page.
    pub async fn state(&self) -> ProviderState {
        match &self.discovered.lock().await.party {
            Some(party) => ProviderState::Known {
                discovered_at: party.discovered_at,
            },
            None => ProviderState::NotAsked,
        }
    }

    /// Asks the provider for its metadata and keys: for `config check` and before a sign-in.
    ///
    /// # Errors
    /// Why the provider cannot be used.
    pub async fn probe(&self, now: i64) -> Result<()> {
        self.party(now).await.map(|_| ())
    }

    /// Begins a sign-in or step-up in one browser. `now` in unix seconds.
    ///
    /// # Errors
    /// Why the provider cannot be used, or [`Error::Busy`].
    pub async fn begin(
        &self,
        store: &impl PendingStore,
        intent: Intent,
        return_to: &str,
        now: i64,
        random: &dyn Random,
    ) -> Result<Begun> {
        let party = self.party(now).await?;
        let (url, pending) = party.start(intent, return_to, now, random);
        let browser = SecretToken::from_random(random);
        store.put(browser.hash(TokenKind::Browser), pending).await?;
        Ok(Begun {
            url,
            cookie: browser.to_text(),
            cookie_max_age_s: PENDING_LIFE_S,
        })
    }

    /// Ends it: `cookie` is the browser's, `query` that of the callback address. Clear the cookie afterwards, always.
    ///
    /// # Errors
    /// Every reason not to believe the answer. Whatever it is, the sign-in has to be begun again.
    pub async fn complete(
        &self,
        store: &impl PendingStore,
        cookie: Option<&str>,
        query: &str,
        now: i64,
    ) -> Result<VerifiedLogin> {
        let browser = cookie.and_then(SecretToken::parse).ok_or(Error::NotBegun)?;
        let pending = store
            .take(browser.hash(TokenKind::Browser))
            .await?
            .ok_or(Error::NotBegun)?;
        if pending.provider != self.config.id {
            // Begun with another provider: its redirect address is another one.
            return Err(Error::MixUp {
                expected: pending.provider,
                found: self.config.id.clone(),
            });
        }
        self.party(now).await?.finish(pending, query, now).await
    }

    async fn party(&self, now: i64) -> Result<Arc<RelyingParty>> {
        let mut discovered = self.discovered.lock().await;
        let age = discovered
            .party
            .as_ref()
            .map(|p| now.saturating_sub(p.discovered_at));
        match (&discovered.party, age) {
            (Some(party), Some(age))
                if (0..METADATA_LIFE_S).contains(&age)
                    || discovered.failed_within(RETRY_OLD_S, now).is_some() =>
            {
                return Ok(Arc::clone(party));
            }
            _ => {}
        }
        if let (Some(ago_s), Some((_, cause))) =
            (discovered.failed_within(RETRY_S, now), &discovered.failed)
        {
            let (provider, cause) = (self.config.id.clone(), cause.clone());
            return Err(Error::Resting {
                provider,
                ago_s,
                cause,
            });
        }
        match RelyingParty::discover(&self.config, now).await {
            Ok(party) => {
                let party = Arc::new(party);
                *discovered = Discovered {
                    party: Some(Arc::clone(&party)),
                    failed: None,
                };
                Ok(party)
            }
            Err(error) => {
                discovered.failed = Some((now, error.explain()));
                // Yesterday's metadata is still right: keys have their own rule.
                let Some(party) = &discovered.party else {
                    return Err(error);
                };
                tracing::warn!(provider = %self.config.id, code = error.code(), cause = %error.explain(), "the provider's metadata could not be read anew");
                Ok(Arc::clone(party))
            }
        }
    }
}

/// Shows no secret.
impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
