//! The end-to-end suite: one binary, one file an area, against the built programs.

mod bad_input;
mod browser;
mod coverage;
mod durability;
mod layers;
mod main_job;
mod privacy;
mod tls;
