//! What differs between Linux, macOS and Windows on an engineer's machine: where secrets lie, whether the
//! disk is encrypted, how a program is kept running, how a notification is shown, how a file is kept private.
//!
//! No C code, no clock, no environment: what is needed of them is an argument. Each module says what it
//! could not find out as a value, and takes no answer for a good one.

pub mod disk;
pub mod files;
pub mod machine;
pub mod notify;
mod run;
pub mod secrets;
pub mod service;
