//! The appliance put together: what a handler, a job or a command works with.

use crate::authority::Authority;
use crate::config::{Addresses, Config, Provider};
use crate::data_dir::{self, Identity};
use crate::edges::{Clock, Edges, NoEntropy};
use crate::enrolling::Enrolling;
use crate::keys::LinkKeys;
use crate::model::LocalModel;
use crate::watch::Watch;
use identity::MemoryPending;
use kernel::catalogue::Catalogue;
use kernel::ids::Slug;
use key_vault::{Ledger, LedgerSigner, Vault, name};
use org_store::{Key, Options, Store, SyncCall};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Why the appliance could not be put together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The data directory.
    #[error(transparent)]
    Dir(#[from] data_dir::Error),
    /// The vault or the ledger.
    #[error(transparent)]
    Vault(#[from] key_vault::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] org_store::Error),
    /// The database does not open. Its own words say why.
    #[error("{source}")]
    Open {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: org_store::Error,
    },
    /// The authority.
    #[error(transparent)]
    Authority(#[from] crate::authority::Error),
    /// Keys or files of two stores.
    #[error("the database belongs to store {found}, the rest of the directory to {expected}")]
    Mixed {
        /// What the database says.
        found: kernel::ids::StoreId,
        /// What the directory says.
        expected: kernel::ids::StoreId,
    },
    /// A key that is not 32 bytes.
    #[error("the vault holds a key of a wrong length")]
    KeyLength,
    /// An identity provider.
    #[error("the identity provider {id} cannot be used")]
    Provider {
        /// Which.
        id: String,
        /// Why.
        source: identity::Error,
    },
    /// A file that the configuration names.
    #[error("{} of the identity provider {id} cannot be read", path.display())]
    ProviderFile {
        /// Which provider.
        id: String,
        /// Which file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The audit log's signing key.
    #[error("the audit log's key cannot be used")]
    Audit(#[from] audit_log::Error),
}

impl Error {
    /// Code printed in the manual. Never reused.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Dir(error) => error.code(),
            Self::Vault(error) => error.code(),
            Self::Store(error) | Self::Open { source: error, .. } => error.code(),
            Self::Authority(error) => error.code(),
            Self::Mixed { .. } => "D006",
            Self::KeyLength => "D007",
            Self::Provider { source, .. } => source.code(),
            Self::ProviderFile { .. } => "G003",
            Self::Entropy(_) => "D008",
            Self::Audit(error) => error.code(),
        }
    }
}

/// The parts that lie in a data directory, opened.
pub struct Parts {
    /// Which store.
    pub identity: Identity,
    /// Keys.
    pub vault: Vault,
    /// The holder of `k_link`.
    pub link_keys: Arc<LinkKeys>,
    /// The database.
    pub store: Store,
    /// The ledger.
    pub ledger: Ledger,
    /// The internal authority.
    pub authority: Authority,
}

impl Parts {
    /// Opens them; `options` say how thoroughly the database is looked at.
    ///
    /// # Errors
    /// The first that fails.
    pub fn open(config: &Config, options: Options) -> Result<Self, Error> {
        let dir = &config.data_dir;
        let identity = data_dir::identity(dir)?;
        let vault = Vault::open(dir)?;
        let link_keys = LinkKeys::open(&vault)?;
        let opened = Store::open(
            &config.store,
            database_key(&vault)?,
            options,
            link_keys.clone(),
        );
        let store = opened.map_err(|source| Error::Open {
            path: config.store.clone(),
            source,
        })?;
        let meta = store.meta();
        if meta.store != identity.store {
            return Err(Error::Mixed {
                found: meta.store,
                expected: identity.store,
            });
        }
        let signer = LedgerSigner::from_seed(&vault.key(name::LEDGER_SIGN)?)?;
        let mut opened = Ledger::open(&config.ledger, *identity.store.as_bytes(), signer)?;
        if let Some(cut) = opened.cut {
            tracing::warn!(
                line = cut.line,
                bytes = cut.bytes,
                "the ledger's last line was never finished (a crash) and was cut"
            );
        }
        // Whole lines that are gone from the end are seen by what the database remembers alone.
        if let Some((n, hash)) = store.read_blocking(|txn| org_store::meta::ledger(txn))? {
            opened.ledger.require(n, &hash)?;
        }
        let authority = Authority::open(dir, &vault)?;
        Ok(Self {
            identity,
            vault,
            link_keys,
            store,
            ledger: opened.ledger,
            authority,
        })
    }
}

/// The database's key, from the vault.
///
/// # Errors
/// [`Error::Vault`], [`Error::KeyLength`].
pub fn database_key(vault: &Vault) -> Result<Key, Error> {
    let secret = vault.key(name::DB)?;
    let bytes = <[u8; 32]>::try_from(secret.expose()).map_err(|_| Error::KeyLength)?;
    Ok(Key::new(bytes))
}

/// Shared by everything that runs; a clone is cheap.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    config: Config,
    edges: Edges,
    sync_clock: Arc<dyn Clock>,
    addresses: Addresses,
    identity: Identity,
    store: Store,
    authority: Authority,
    vault: Mutex<Vault>,
    enrolling: Enrolling,
    audit_signer: Arc<audit_log::Signer>,
    providers: BTreeMap<String, identity::Provider>,
    pending: MemoryPending,
    watch: Mutex<Watch>,
    model: LocalModel,
}

/// What [`App::new`] needs beside the parts.
pub struct Setting {
    /// The configuration.
    pub config: Config,
    /// Clock, randomness, environment.
    pub edges: Edges,
    /// The time of sync replies and snapshots; shifted in a sample store alone.
    pub sync_clock: Arc<dyn Clock>,
    /// How people and devices reach us.
    pub addresses: Addresses,
    /// What runs the local model's worker.
    pub model: local_model::Host,
}

impl App {
    /// Puts it together.
    ///
    /// # Errors
    /// Whatever of the parts refuses.
    pub fn new(setting: Setting, parts: Parts) -> Result<Self, Error> {
        let Setting {
            config,
            edges,
            sync_clock,
            addresses,
            model,
        } = setting;
        let Parts {
            identity,
            vault,
            link_keys,
            store,
            ledger,
            authority,
        } = parts;
        let audit_signer = audit_log::Signer::from_seed(vault.key(name::AUDIT_SIGN)?.expose())?;
        let audit_signer = Arc::new(audit_signer);
        let code_key = <[u8; 32]>::try_from(vault.key(name::SESSION)?.expose())
            .map_err(|_| Error::KeyLength)?;
        let mut providers = BTreeMap::new();
        for provider in &config.providers {
            providers.insert(provider.id.clone(), relying_party(provider, &addresses)?);
        }
        Ok(Self(Arc::new(Inner {
            enrolling: Enrolling::new(code_key, link_keys, ledger),
            config,
            edges,
            sync_clock,
            addresses,
            identity,
            store,
            authority,
            vault: Mutex::new(vault),
            audit_signer,
            providers,
            pending: MemoryPending::default(),
            watch: Mutex::default(),
            model: LocalModel::new(model),
        })))
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Clock, randomness, environment.
    #[must_use]
    pub fn edges(&self) -> &Edges {
        &self.0.edges
    }

    /// The machine's time, unix seconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.0.edges.clock.now()
    }

    /// The time of sync replies and of the snapshot's Monday, unix seconds.
    #[must_use]
    pub fn sync_now(&self) -> i64 {
        self.0.sync_clock.now()
    }

    /// How people and devices reach us.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.0.addresses
    }

    /// Which store.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.0.identity
    }

    /// The database.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The internal authority.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.0.authority
    }

    /// Enrolment and what ends it.
    #[must_use]
    pub fn enrolling(&self) -> &Enrolling {
        &self.0.enrolling
    }

    /// What signs the audit log's checkpoints.
    #[must_use]
    pub fn audit_signer(&self) -> Arc<audit_log::Signer> {
        self.0.audit_signer.clone()
    }

    /// One identity provider, by its id.
    #[must_use]
    pub fn provider(&self, id: &str) -> Option<&identity::Provider> {
        self.0.providers.get(id)
    }

    /// Sign-ins that are on their way to a provider and back.
    #[must_use]
    pub fn pending(&self) -> &MemoryPending {
        &self.0.pending
    }

    /// What the jobs saw last.
    #[must_use]
    pub fn watch(&self) -> Watch {
        *self.0.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what a job saw.
    pub fn note(&self, change: impl FnOnce(&mut Watch)) {
        change(&mut self.0.watch.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// `N` random bytes.
    ///
    /// # Errors
    /// [`NoEntropy`].
    pub fn random<const N: usize>(&self) -> Result<[u8; N], NoEntropy> {
        crate::edges::random(self.0.edges.entropy.as_ref())
    }

    /// The server's certificate, renewed if it is time.
    ///
    /// # Errors
    /// Whatever failed.
    pub fn server(&self) -> Result<(crate::authority::Server, bool), crate::authority::Error> {
        let names = self.config().certificate_names();
        let mut vault = self.0.vault.lock().unwrap_or_else(PoisonError::into_inner);
        self.authority()
            .server(&self.config().data_dir, &mut vault, &names, self.now())
    }

    /// The local model, and the items that are made ahead.
    #[must_use]
    pub fn model(&self) -> &LocalModel {
        &self.0.model
    }

    /// What signs packs of items, renewed if it is time.
    ///
    /// # Errors
    /// Whatever failed.
    pub fn pack_signer(&self) -> Result<pki::PackSigner, crate::authority::Error> {
        let mut vault = self.0.vault.lock().unwrap_or_else(PoisonError::into_inner);
        self.authority()
            .pack_signer(&self.config().data_dir, &mut vault, self.now())
    }

    /// Whether this name (and port) is one that we are meant to be reached by.
    #[must_use]
    pub fn is_own_host(&self, host: &str) -> bool {
        let name = host_name(host);
        self.config()
            .certificate_names()
            .iter()
            .any(|own| own.eq_ignore_ascii_case(name))
    }

    /// What a sync needs to know of us.
    #[must_use]
    pub fn sync_call(&self, device: kernel::ids::DeviceId) -> SyncCall {
        let catalogue = Catalogue::builtin();
        let none = std::collections::BTreeSet::new();
        SyncCall {
            device,
            now: self.sync_now(),
            catalogue: catalogue.version(),
            poll_s: self.config().poll_s,
            knows: Arc::new(move |slug: &Slug| catalogue.accepts(slug, &none)),
        }
    }

    /// The line by which an engineer enrols a laptop here.
    #[must_use]
    pub fn enrol_command(&self) -> String {
        format!(
            "aiworklab enrol {} --ca-fingerprint {}",
            self.addresses().people,
            self.authority().fingerprint()
        )
    }
}

/// The name of a `Host` header, without its port and an IPv6 address's brackets.
#[must_use]
pub fn host_name(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    host.split(':').next().unwrap_or(host)
}

/// A provider of the configuration, as `identity` wants it.
fn relying_party(provider: &Provider, addresses: &Addresses) -> Result<identity::Provider, Error> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|source| Error::ProviderFile {
            id: provider.id.clone(),
            path: path.to_owned(),
            source,
        })
    };
    let secret = provider
        .client_secret_file
        .as_deref()
        .map(read)
        .transpose()?;
    let root_ca_pem = provider
        .ca_file
        .as_deref()
        .map(read)
        .transpose()?
        .unwrap_or_default();
    let config = identity::ProviderConfig {
        id: provider.id.clone(),
        name: provider.name.clone(),
        issuer: provider.issuer.clone(),
        client_id: provider.client_id.clone(),
        client_secret: secret.map(|secret| identity::ClientSecret::new(secret.trim().to_owned())),
        client_auth: match provider.client_auth {
            crate::config::ClientAuth::Basic => identity::ClientAuth::Basic,
            crate::config::ClientAuth::Post => identity::ClientAuth::Post,
        },
        redirect_uri: format!("{}/oidc/{}/callback", addresses.people, provider.id),
        scopes: provider
            .scopes
            .iter()
            .filter(|scope| *scope != "openid")
            .cloned()
            .collect(),
        root_ca_pem,
        tls_floor: match provider.allows_tls12 {
            true => identity::TlsFloor::Tls12Aead,
            false => identity::TlsFloor::Tls13,
        },
        also_hosts: provider.also_hosts.clone(),
        extra_audiences: provider.extra_audiences.clone(),
        hosted_domain: provider.hosted_domain.clone(),
        timeout_s: 10,
        userinfo: true,
        roles: identity::RoleMapping {
            claim: provider.roles_claim.clone(),
            admin: provider.admin_values.clone(),
            lead: provider.lead_values.clone(),
            auditor: Vec::new(),
            default: identity::Role::Member,
        },
        step_up: identity::StepUp {
            max_age_s: 0,
            acr_values: provider.acr_values.clone(),
            auth_context: provider.auth_context.clone(),
        },
    };
    identity::Provider::new(config).map_err(|source| Error::Provider {
        id: provider.id.clone(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_its_name() {
        assert_eq!(host_name("localhost:8443"), "localhost");
        assert_eq!(host_name("[::1]:8443"), "::1");
        assert_eq!(host_name("skills.example"), "skills.example");
    }
}
