//! Keys and what must outlive the database.
//!
//! Three things: the *vault*, where data keys lie wrapped under one key-encrypting
//! key; *sealing*, by which the rest of the appliance keeps apart what one key alone
//! may join; and the *ledger*, an append-only signed file beside the database.
//!
//! Invariant: no key leaves this crate but as a [`Secret`], which wipes itself and
//! shows nothing in `Debug`. Invariant: what was acknowledged is on the disk.
//!
//! Elsewhere: what is sealed and who may open it is `org-store`'s and the policy's.
//! Randomness is an argument, time too.

mod error;
mod files;
mod ledger;
mod seal;
mod secret;
mod vault;

pub use error::Error;
pub use ledger::{
    CrlIssuer, Cut, Entry, HexBytes, Ledger, LedgerSigner, LedgerVerifier, Opened, Reason, Record,
    Revocation, read_ledger,
};
pub use seal::{fingerprint, open, route_hmac, seal};
pub use secret::Secret;
pub use vault::{KeyName, Vault, name};
