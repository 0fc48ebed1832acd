//! The appliance: one binary that holds an organisation's skill graph.
//!
//! This crate is where the parts meet: store, authority, vault, identity and pages know nothing of
//! each other and are put together here. It is the only one that knows HTTP status codes.
//!
//! | module | holds |
//! |---|---|
//! | [`edges`] | clock, randomness, environment |
//! | [`config`] | the configuration file and the environment |
//! | [`cli`] | the commands |
//! | [`http`] | listeners, routes, who may what, replies |

pub mod cli;
pub mod config;
pub mod edges;
pub mod http;
