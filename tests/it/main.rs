//! The end-to-end suite: one binary, one file an area, against the built programs.

mod bad_input;
mod browser;
mod bundle;
mod coverage;
mod durability;
mod fuzz;
mod image;
mod items;
mod layers;
mod main_job;
mod manual;
mod model;
mod privacy;
mod tls;
