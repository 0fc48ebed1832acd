//! Moving every secret from one place to the other, so that a kill at any point loses none.
//!
//! A keychain that cannot be used now is refused before anything is written. Then:
//!
//! 1. `keys.toml` notes that copies may lie in the new place (`also_in`); the old one is still the true one.
//! 2. Each secret is written to the new place and read back.
//! 3. `keys.toml` is flipped: the new place is the true one, copies may lie in the old one.
//! 4. Each secret is deleted in the old place, and the note with it.
//!
//! Run again, in either direction, it goes on from wherever it was killed: copies in the place that is not
//! the true one are written over, or deleted.

use super::place::{self, Chosen, Place, State};
use super::{Error, Keys, Name, Result, file};
use crate::home::Home;
use crate::policy::Policy;
use crate::world::World;
use platform::secrets::Standing;

/// What was moved, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Where they were.
    pub from: Place,
    /// Where they are.
    pub to: Place,
    /// The names of the secrets.
    pub secrets: Vec<String>,
    /// Whether copies of an earlier move, which was cut short, were taken away.
    pub tidied: bool,
}

/// Moves every secret to `to`. With `dry_run` it only says which.
///
/// # Errors
/// [`Error`]; the secrets are then where they were.
pub fn move_to(
    world: &dyn World,
    home: &Home,
    to: Place,
    dry_run: bool,
) -> crate::error::Result<Moved> {
    if to == Place::File {
        Policy::load(world).permits_key_file()?;
    }
    let wish = place::wished(world)?;
    let (_, chosen) = place::load(None, home)?;
    if let Some(wish) = wish.filter(|wish| *wish != to) {
        return Err(Error::Choice {
            why: format!(
                "AIWORKLAB_KEYS says {}, and you say {}",
                wish.word(),
                to.word()
            ),
            fix: "Take the variable away, here and wherever else the agent is started with it."
                .into(),
        }
        .into());
    }
    let keys = Keys {
        home: home.clone(),
        wish: None,
        chosen,
        place: to,
        keychain: super::keychain(world),
    };
    if dry_run {
        let (state, _) = place::load(None, home)?;
        return Ok(Moved {
            from: state.place,
            to,
            secrets: held(&keys, &state, to)?,
            tidied: state.also_in.is_some(),
        });
    }
    let _lock = keys.lock()?;
    let (mut state, _) = place::load(None, home)?;
    let from = state.place;
    let unfinished = state.also_in.is_some();
    let mut secrets = Vec::new();
    let takes_along = from != to && reaches(&keys, from);
    let chosen_anew = to == Place::Keychain && (from != to || !place::path(home).exists());
    if chosen_anew || (takes_along && from == Place::Keychain) {
        // Only one that holds secrets is to be waited for.
        usable(&keys, from == Place::Keychain && chosen != Chosen::Nobody)?;
    }
    if from == to {
        place::save(home, &state)?;
    } else if takes_along {
        state.also_in = Some(to);
        place::save(home, &state)?;
        secrets = copy(&keys, &state, to)?;
        state.place = to;
        state.also_in = Some(from);
        place::save(home, &state)?;
    } else {
        state.place = to;
        state.also_in = None;
        place::save(home, &state)?;
    }
    if let Some(left) = state.also_in {
        clear(&keys, &state, left)?;
        state.also_in = None;
        place::save(home, &state)?;
    }
    if state.place == Place::Keychain {
        file::tidy(home)?;
    }
    Ok(Moved {
        from,
        to,
        secrets,
        tidied: unfinished,
    })
}

/// Refuses a keychain that is absent, silent or locked for good, before anything is written.
fn usable(keys: &Keys, holds: bool) -> Result<()> {
    match keys.keychain.standing() {
        Ok(Standing::Locked(_)) if !keys.keychain.may_ask() => Err(Error::Locked { chosen: holds }),
        Ok(_) => Ok(()),
        Err(error) => Err(Error::of(error, holds)),
    }
}

/// Whether there can be anything to take along. Where nobody ever chose a place, nothing was kept, and a
/// keychain that is absent or locked, as over SSH, is no obstacle to choosing the file.
fn reaches(keys: &Keys, from: Place) -> bool {
    from == Place::File
        || place::path(&keys.home).exists()
        || matches!(keys.keychain.standing(), Ok(Standing::Open(_)))
}

fn names(state: &State) -> Vec<Name> {
    let providers = state.providers.iter().cloned().map(Name::Provider);
    Name::FIXED.into_iter().chain(providers).collect()
}

/// Which secrets there are where they lie now, if that is another place.
fn held(keys: &Keys, state: &State, to: Place) -> Result<Vec<String>> {
    if state.place == to || !reaches(keys, state.place) {
        return Ok(Vec::new());
    }
    let mut held = Vec::new();
    for name in names(state) {
        if keys.read(state, state.place, &name)?.is_some() {
            held.push(name.text());
        }
    }
    Ok(held)
}

fn copy(keys: &Keys, state: &State, to: Place) -> Result<Vec<String>> {
    let mut copied = Vec::new();
    for name in names(state) {
        match keys.read(state, state.place, &name)? {
            Some(secret) => {
                keys.write(state, to, &name, &secret)?;
                keys.verify(state, to, &name, &secret)?;
                copied.push(name.text());
            }
            // A copy of a move that was cut short, whose secret was deleted since.
            None => keys.erase(state, to, &name)?,
        }
    }
    Ok(copied)
}

/// Deletes what lies in the place that is not the true one.
fn clear(keys: &Keys, state: &State, left: Place) -> Result<()> {
    for name in names(state) {
        keys.erase(state, left, &name)?;
    }
    if left == Place::File {
        file::tidy(&keys.home)?;
    }
    Ok(())
}
