//! Installing a release on a machine, upgrading it, and taking it away.
//!
//! Everything is done by this binary, which verifies the bundle first, always; `install` and
//! `uninstall` in the bundle only start it. No network is used, and of other programs only those
//! of systemd.
//!
//! | module | holds |
//! |---|---|
//! | [`trust`] | which key may vouch for a bundle |
//! | [`preflight`] | whether this machine is ready, a line each |
//! | [`layout`] | where everything lies |
//! | [`journal`] | what was done, and how it is undone |
//! | [`network`] | which addresses the service may talk to |
//! | [`files`], [`machine`] | files that are on the disk when they say so; users and services |
//! | [`plan`], [`act`], [`record`] | what an install would do; doing it; what was written down |
//! | [`removal`] | uninstall |
//! | [`owner`] | root becomes the owner of the data for a command |
//! | [`notify`] | the word to the service manager that we serve |
//!
//! Invariant: a line in the journal is on the disk before the step that it undoes begins, so a
//! half-done install is undone, by the failing run itself or by the next one.

pub mod act;
mod error;
pub mod files;
pub mod journal;
pub mod layout;
pub mod machine;
pub mod network;
pub mod notify;
pub mod owner;
pub mod plan;
pub mod preflight;
pub mod record;
pub mod removal;
pub mod trust;

pub use error::Error;

/// The service, and its unit.
pub const UNIT: &str = "aiworklab-appliance.service";
/// The service's own user.
pub const USER: &str = "aiworklab";
