//! The end-to-end suite: one binary, one file an area, against the built programs.

mod agent;
mod bad_input;
mod browser;
mod bundle;
mod client_policy;
mod clones;
mod coverage;
mod durability;
mod fuzz;
mod harnesses;
mod image;
mod items;
mod keychain;
mod layers;
mod main_job;
mod manual;
mod model;
mod own_model;
mod page;
mod privacy;
mod renewal;
mod tls;
