//! The engineer's own model: items about their own lines, from a provider that they chose.
//!
//! The client calls the provider itself; the appliance is not in the path, is told nothing, and sees no
//! difference: such an item is a question of the catalogue with the engineer's lines and one or two
//! sentences of the model above it, and its answer is the same delta as without them.
//!
//! | module | what |
//! |---|---|
//! | [`config`] | which model, where; no secret in it |
//! | [`secrets`] | lines that are left out |
//! | [`ask`] | what the model is asked, and how its reply is read |
//! | [`provider`], [`http`] | what is sent over the network, and how |
//! | [`gguf`] | a local file, in a sandboxed process |
//! | [`make`] | how often, and what becomes of it |
//! | [`ahead`] | when: in the agent, when nothing else happens |
//!
//! Invariants: off until the engineer turns it on, and where the policy says so; nothing is sent that
//! `aiworklab model what-is-sent` does not show; what is scored is never the model's
//! (`kernel::items::check_own`).

mod ahead;
mod ask;
mod checks;
mod config;
mod error;
mod gguf;
mod http;
mod make;
mod provider;
mod secrets;
#[cfg(test)]
mod tests;

pub use ahead::Ahead;
pub use ask::Question;
pub use checks::checks;
pub use config::{CALLS_A_DAY, Config, Provider};
pub use error::Error;
pub use gguf::judged as judged_file;
pub use http::{Patience, proxy, proxy_told};
#[cfg(test)]
pub use make::make_ahead;
pub use make::{CALLS, MADE, Made, REFUSED, asked, judged, next_question, one, ready};
pub use provider::Request;

use crate::error::Result;
use crate::home::Home;
use crate::policy::Policy;
use crate::world::World;

/// The model that is set, if the policy lets it be used; `None`: none is set.
///
/// # Errors
/// The policy's own, where it says no; [`Error::Settings`].
pub fn in_force(world: &dyn World, home: &Home) -> Result<Option<Config>> {
    let Some(config) = Config::read(home)? else {
        return Ok(None);
    };
    permitted(world, &config)?;
    Ok(Some(config))
}

/// Whether the policy lets this model be used.
///
/// # Errors
/// The policy's own, with the line that says no.
pub fn permitted(world: &dyn World, config: &Config) -> Result<()> {
    let host = config.url.as_ref().and_then(url::Url::host_str);
    Policy::load(world).permits_own_model(host)
}
