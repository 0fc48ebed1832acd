//! The appliance: one binary that holds an organisation's skill graph.
//!
//! This crate is where the parts meet: store, authority, vault, identity and pages know nothing of
//! each other and are put together here. It is the only one that knows HTTP status codes.
//!
//! | module | holds |
//! |---|---|
//! | [`edges`] | clock, randomness, environment |
//! | [`config`], [`data_dir`] | the configuration, and what lies where |
//! | [`cli`] | the commands |
//! | [`app`] | everything put together |
//! | [`keys`], [`authority`], [`enrolling`], [`own`] | vault, internal authority, devices, a person's own data |
//! | [`model`] | the local model, and the items that are made ahead |
//! | [`http`] | listeners, routes, who may what, pages and replies |
//! | [`jobs`], [`watch`] | background work, and what it saw |
//! | [`sample`] | the sample organisation |
//! | [`install`] | installing a release on a machine, and taking it away |

pub mod acts;
pub mod app;
pub mod authority;
pub mod cli;
pub mod config;
pub mod data_dir;
pub mod edges;
pub mod enrolling;
pub mod http;
pub mod install;
pub mod jobs;
pub mod keys;
pub mod model;
pub mod own;
pub mod rules;
pub mod sample;
#[cfg(test)]
mod testing;
pub mod watch;
