//! The teaching kernel: rules and data, shared by the appliance and the desktop client.
//!
//! No sockets, no async, no clock, no SQL: time and randomness are arguments, and whoever stores
//! deltas does so behind [`sync::Rows`].
//!
//! | module | holds |
//! |---|---|
//! | [`ids`], [`delta`], [`wire`] | what travels: identifiers, deltas, requests and replies |
//! | [`sync`] | the protocol itself, for both ends, over any store of rows |
//! | [`event`], [`diff`], [`tagging`] | what a coding agent did, and which concepts that meets |
//! | [`evidence`] | the fold: from a set of deltas to what an engineer knows |

pub mod aggregate;
pub mod asking;
pub mod catalogue;
pub mod delta;
pub mod diff;
pub mod event;
pub mod evidence;
pub mod ids;
pub mod items;
pub mod memory;
pub mod sync;
pub mod tagging;
pub mod wire;
