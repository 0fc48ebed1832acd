//! What the end-to-end tests stand on: the built programs, started on loopback and free ports.
//!
//! Nothing here reaches into a program: an [`Appliance`] is `aiworklab-appliance` as its
//! administrator runs it, a [`Laptop`] is `aiworklab` as an engineer does, a [`Browser`] is a
//! browser without script. What a test started is stopped by its own pid when it is dropped.

mod agent;
mod appliance;
mod browser;
mod device;
mod laptop;
mod mounts;
mod program;
mod provider;
mod recorded;
mod store;

pub use agent::Agent;
pub use appliance::{Appliance, Serve};
pub use browser::{Browser, Page};
pub use device::{Device, Keys, Wire};
pub use laptop::{Enrolling, Laptop};
pub use mounts::own_mounts;
pub use program::{Output, Program, capture, models, program, repository, run};
pub use provider::Provider;
pub use recorded::{Recorded, recorded_payloads};
pub use store::{until, until_computed};

/// Runs a future to its end; the tests themselves are plain functions.
///
/// # Panics
/// If no runtime can be made.
pub fn wait<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime can be made").block_on(future)
}
