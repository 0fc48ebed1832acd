//! The manual as it is served: no link of it leads nowhere, everything in it can be found, and each of
//! its commands is run here or says why not.
//!
//! A block of commands in `airgap-docs/src` carries its promise in its first line (`dashboard_web::manual`):
//! `sh run` is executed here, in the order of its page, against programs of this build; `sh shown:REASON`
//! is not, for one of the reasons of [`commands::REASONS`]; `toml check` is given to the program as
//! configuration. A block without a promise fails, and so does a command that hides in another block.

mod commands;
mod crawl;
