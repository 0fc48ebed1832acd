//! Looking behind the walls: the audit log and the database of an appliance, through its own keys.

use crate::appliance::Appliance;
use appliance::app::Parts;
use appliance::config::{Config, Overrides};
use appliance::edges::Environment;
use key_vault::{Vault, name};
use org_store::{Check, Options, audit};
use rusqlite::Connection;
use std::time::Duration;

/// How often, and how many times, something is looked for that another process does soon.
const EVERY: Duration = Duration::from_millis(50);
const TIMES: usize = 400;

/// Looks until it is there.
///
/// # Panics
/// If it is not after 20 s.
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    look_for(TIMES, look).unwrap_or_else(|| panic!("20 s went by without: {what}"))
}

/// The same for what the machine has to compute: a model that is measured.
///
/// # Panics
/// If it is not there after 15 min.
pub fn until_computed<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    look_for(45 * TIMES, look).unwrap_or_else(|| panic!("15 min went by without: {what}"))
}

fn look_for<T>(times: usize, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..times {
        let found = look();
        if found.is_some() {
            return found;
        }
        crate::wait(async { tokio::time::sleep(EVERY).await });
    }
    None
}

impl Appliance {
    /// What the appliance is made of, opened beside it as its own commands do.
    ///
    /// # Panics
    /// If it cannot be opened.
    #[must_use]
    pub fn parts(&self) -> Parts {
        let config = Config::load(&self.data(), &Environment::default(), Overrides::default());
        let options = Options {
            check: Check::Skip,
            readers: 1,
            ..Options::default()
        };
        Parts::open(&config.expect("a configuration"), options).expect("an appliance")
    }

    /// Acts in the audit log, oldest first, each with how it ended, once all are in the chain. Acts
    /// of the appliance itself come when they come and are left out.
    ///
    /// # Panics
    /// If they do not get into the chain.
    #[must_use]
    pub fn audit(&self) -> Vec<String> {
        let parts = self.parts();
        until("an audit log in which all acts are chained", || {
            let pending = parts.store.read_blocking(|txn| audit::pending(txn));
            (pending.expect("a number") == 0).then_some(())
        });
        let rows = parts
            .store
            .read_blocking(|txn| audit::list(txn, None, 10_000));
        let acts = rows.expect("rows").into_iter().rev().map(|row| {
            let row = &row.entry.row;
            format!(
                "{} {}",
                row.action(),
                format!("{:?}", row.ended()).to_lowercase()
            )
        });
        let own = ["server.", "snapshot.", "sync."];
        acts.filter(|act| !own.iter().any(|own| act.starts_with(own)))
            .collect()
    }

    /// Its database, opened with its key.
    ///
    /// # Panics
    /// If the key does not open it.
    #[must_use]
    pub fn database(&self) -> Connection {
        let key = Vault::open(&self.data())
            .and_then(|vault| vault.key(name::DB))
            .expect("a key");
        let connection = Connection::open(self.data().join("store.db")).expect("a database");
        let spelled = format!("x'{}'", hex::encode(key.expose()));
        connection
            .pragma_update(None, "key", spelled)
            .expect("a key is taken");
        connection
    }
}
