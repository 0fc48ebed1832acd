//! What `aiworklab doctor` says of the engineer's own model. It calls nobody.

use super::config::{Config, Provider};
use super::{gguf, permitted};
use crate::doctor::Finding;
use crate::home::Home;
use crate::keys::{Keys, Name};
use crate::store::Store;
use crate::world::World;

/// How it stands, without a call.
pub fn checks(world: &dyn World, home: &Home) -> Vec<Finding> {
    let config = match Config::read(home) {
        Ok(Some(config)) => config,
        Ok(None) => {
            return vec![Finding::ok(
                "No model of your own is set; checks come from the catalogue.",
            )];
        }
        Err(error) => {
            return vec![Finding::fail(
                "The settings of your own model cannot be read.",
                error.to_string(),
                error.fix(),
            )];
        }
    };
    let mut found = Vec::new();
    if let Err(error) = permitted(world, &config) {
        found.push(Finding::warn(
            "Your own model is set, and the policy of this machine does not allow it.",
            error.to_string(),
            "Nothing is sent to it. `aiworklab model off` takes it away.",
        ));
        return found;
    }
    let leaves = if config.leaves() {
        "lines of your code go there, when a concept was met in them"
    } else {
        "no line of your code leaves this machine for it"
    };
    found.push(Finding::ok_because(
        format!("Your own model is {} at {}.", config.model, config.place()),
        leaves,
    ));
    if let Some(name) = config.key_name() {
        let key = || -> crate::error::Result<_> {
            Ok(Keys::of(world, home)?.get(&Name::Provider(name))?)
        };
        match key() {
            Ok(Some(_)) => found.push(Finding::ok("Its key is where your keys are kept.")),
            Ok(None) => found.push(Finding::fail(
                "Its key is not there.",
                "",
                "Run `aiworklab model use` again and type the key.",
            )),
            Err(error) => found.push(Finding::fail(
                "Its key cannot be read.",
                error.to_string(),
                error.fix(),
            )),
        }
    }
    if config.provider == Provider::Gguf
        && let Err(error) = gguf::program()
    {
        found.push(Finding::fail(
            "The program that runs a local model is not there.",
            error.to_string(),
            "Put `aiworklab-model` of the same release beside `aiworklab`.",
        ));
    }
    let trouble = Store::peek(world, home)
        .and_then(|mut store| store.read(|txn| txn.own_trouble()).ok().flatten());
    if let Some(trouble) = trouble {
        found.push(Finding::warn(
            "Your own model failed the last time.",
            format!("{}: {}", trouble.code, trouble.text),
            "Run `aiworklab model test`.",
        ));
    }
    found
}
