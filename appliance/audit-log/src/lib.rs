//! The audit log: what a row is, how rows are chained and signed, and how an
//! auditor checks them without us.
//!
//! Two steps, because several nodes may write and one chain must come out:
//! inside its transaction a node appends a [`NodeRow`] to its own log; within a
//! second one leader takes the waiting rows, [`chain`]s them and signs the new
//! [`Head`] as a [`Checkpoint`]. Both steps are pure functions here; where the
//! rows lie is `org-store`'s business.
//!
//! Invariant: a row cannot carry text. Words are `'static` names of the
//! program, ids are random or sealed, the rest are numbers. So the chain, which
//! nobody may rewrite, never holds what a person may ask to have forgotten.
//!
//! Invariant: a row whose actor is sealed tells its time to the hour, no finer.
//!
//! Elsewhere: names and addresses behind an actor id are in an erasable table
//! of `org-store`; the signing key's bytes come from `key-vault`.

mod chain;
mod checkpoint;
mod error;
mod lines;
mod row;
#[cfg(test)]
mod tampering;
mod verify;
mod word;

pub use chain::{ChainedRow, Head, chain, chain_one, genesis};
pub use checkpoint::{Checkpoint, Signer, VerifyKey};
pub use error::Error;
pub use lines::{HEADER_VERSION, header_line, verify_lines};
pub use row::{Actor, AuditRow, Detail, MAX_DETAILS, NodeRow, Outcome, TargetId, Value};
pub use verify::{Broken, Place, Report, Trust, Why, verify};
pub use word::Word;

/// SHA-256 of the chain up to and with a row.
pub type Hash = [u8; 32];
