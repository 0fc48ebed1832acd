//! Every secret of this client, and the two places that it may lie in: the system's keychain, or, by an
//! explicit choice, files that only the person can read.
//!
//! | secret | what it is for |
//! |---|---|
//! | [`Name::StoreKey`] | the personal store, where the disk does not encrypt it |
//! | [`Name::HashKey`] | hashes of lines, which then tell an outsider nothing |
//! | [`Name::DeviceKey`], [`Name::NextDeviceKey`] | this device towards the appliance |
//! | [`Name::Provider`] | the engineer's own model |
//!
//! Invariants: a secret lies in one place; during a move, which may be killed at any point, it lies in the
//! place that `keys.toml` names and perhaps in the other one as well, never in none. No secret is in a
//! command line, in the environment of a child, in a log or in a message. Nothing falls back by itself
//! from the keychain to a file.

mod error;
mod file;
mod moving;
mod place;
mod report;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use moving::{Moved, move_to};
pub use place::{Chosen, Place};
pub use report::{checks, choose, report};

use crate::home::Home;
use crate::policy::Policy;
use crate::world::World;
use place::State;
use platform::files::Lock;
use platform::secrets::Keychain;
use std::fs;
use std::io::{ErrorKind, IsTerminal};
use std::time::Duration;
use zeroize::Zeroizing;

type Result<T, E = Error> = std::result::Result<T, E>;
type Secret = Zeroizing<Vec<u8>>;

/// Under this name the keychain knows this program.
const SERVICE: &str = "aiworklab";
/// How long one call of the keychain may take, and how long where a person may type a password.
const WAIT: Duration = Duration::from_secs(5);
const WAIT_FOR_A_PERSON: Duration = Duration::from_secs(60);

/// Which secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// The key of the personal store.
    StoreKey,
    /// The key under which lines are hashed.
    HashKey,
    /// The private key of this device's certificate, in PEM.
    DeviceKey,
    /// The one that follows it, until its certificate is here too.
    NextDeviceKey,
    /// The key of a model's provider, by its name.
    Provider(String),
}

impl Name {
    /// Those that are there once at most.
    pub const FIXED: [Self; 4] = [
        Self::StoreKey,
        Self::HashKey,
        Self::DeviceKey,
        Self::NextDeviceKey,
    ];

    /// In small letters, digits, dashes and underscores: the name of its file, and in the keychain.
    pub fn text(&self) -> String {
        match self {
            Self::StoreKey => "store-key".to_owned(),
            Self::HashKey => "hash-key".to_owned(),
            Self::DeviceKey => "device-key".to_owned(),
            Self::NextDeviceKey => "next-device-key".to_owned(),
            Self::Provider(name) => {
                let mut text = String::from("provider-");
                for byte in name.bytes() {
                    match byte {
                        b'a'..=b'z' | b'0'..=b'9' | b'-' => text.push(char::from(byte)),
                        // Two different names never become one.
                        _ => text.push_str(&format!("_{byte:02x}")),
                    }
                }
                text
            }
        }
    }
}

/// The secrets of one home.
#[derive(Debug, Clone)]
pub struct Keys {
    home: Home,
    wish: Option<Place>,
    chosen: Chosen,
    place: Place,
    keychain: Keychain,
}

impl Keys {
    /// Finds out where the secrets of this home are kept. Touches no keychain.
    ///
    /// # Errors
    /// [`Error::Choice`] if folder and environment disagree; the policy's, if the environment chooses files
    /// where the organisation wants a keychain.
    pub fn of(world: &dyn World, home: &Home) -> crate::error::Result<Self> {
        let wish = place::wished(world)?;
        let (state, chosen) = place::load(wish, home)?;
        if state.place == Place::File && chosen == Chosen::Environment {
            Policy::load(world).permits_key_file()?;
        }
        Ok(Self {
            home: home.clone(),
            wish,
            chosen,
            place: state.place,
            keychain: keychain(world),
        })
    }

    /// Where they are kept.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Who chose that.
    pub fn chosen(&self) -> Chosen {
        self.chosen
    }

    /// The secret of this name, `None` if there is none.
    ///
    /// # Errors
    /// [`Error`] if that cannot be said.
    pub fn get(&self, name: &Name) -> Result<Option<Secret>> {
        let mut state = self.state()?;
        loop {
            if let Some(secret) = self.read(&state, state.place, name)? {
                return Ok(Some(secret));
            }
            // Another process may have moved them between the two looks.
            let now = self.state()?;
            if now.place == state.place {
                break;
            }
            state = now;
        }
        match name {
            Name::DeviceKey => self.adopt(),
            _ => Ok(None),
        }
    }

    /// Keeps a secret, in place of another.
    ///
    /// # Errors
    /// [`Error`]; what was there is there still.
    pub fn set(&self, name: &Name, secret: &[u8]) -> Result<()> {
        let _lock = self.lock()?;
        self.set_locked(name, secret)
    }

    /// Deletes a secret, wherever a copy of it lies; none is no error.
    ///
    /// # Errors
    /// [`Error`].
    pub fn delete(&self, name: &Name) -> Result<()> {
        let _lock = self.lock()?;
        let mut state = self.state()?;
        for place in std::iter::once(state.place).chain(state.also_in) {
            self.erase(&state, place, name)?;
        }
        if let Name::Provider(provider) = name
            && state.providers.remove(provider)
        {
            place::save(&self.home, &state)?;
        }
        if *name == Name::DeviceKey {
            self.remove_old()?;
        }
        Ok(())
    }

    /// The secret of this name; where there is none, one of `bytes` random bytes is made and kept. Two
    /// processes that ask at once get the same.
    ///
    /// # Errors
    /// [`Error::Length`] if another length is there, [`crate::error::Error::NoRandomness`] if the system
    /// gives none.
    pub fn get_or_make(
        &self,
        world: &dyn World,
        name: &Name,
        bytes: usize,
    ) -> crate::error::Result<Secret> {
        if let Some(secret) = self.get(name)? {
            return Ok(of_length(secret, name, bytes)?);
        }
        let _lock = self.lock()?;
        let state = self.state()?;
        if let Some(secret) = self.read(&state, state.place, name)? {
            return Ok(of_length(secret, name, bytes)?);
        }
        let mut secret = Zeroizing::new(vec![0; bytes]);
        if !world.fill(&mut secret) {
            return Err(crate::error::Error::NoRandomness);
        }
        self.set_locked(name, &secret)?;
        Ok(secret)
    }

    fn set_locked(&self, name: &Name, secret: &[u8]) -> Result<()> {
        let mut state = self.state()?;
        let new = match name {
            Name::Provider(provider) => state.providers.insert(provider.clone()),
            _ => false,
        };
        let first = !place::path(&self.home).exists();
        if new && !first {
            // Where it will be found again, before the secret itself.
            place::save(&self.home, &state)?;
        }
        self.write(&state, state.place, name, secret)?;
        if first {
            // A keychain that nobody chose and that takes nothing is not chosen by the attempt.
            place::save(&self.home, &state)?;
        }
        if *name == Name::DeviceKey {
            self.remove_old()?;
        }
        Ok(())
    }

    fn state(&self) -> Result<State> {
        place::load(self.wish, &self.home).map(|(state, _)| state)
    }

    fn lock(&self) -> Result<Lock> {
        let path = self.home.path().join("keys.lock");
        platform::files::private_dir(self.home.path())
            .and_then(|()| Lock::take(&path))
            .map_err(|source| Error::File {
                doing: "lock",
                path,
                source,
            })
    }

    fn told(&self, error: platform::secrets::Error) -> Error {
        Error::of(error, self.chosen != Chosen::Nobody)
    }

    fn read(&self, state: &State, place: Place, name: &Name) -> Result<Option<Secret>> {
        match place {
            Place::Keychain => {
                let found = self.keychain.get(&account(state, name));
                found.map_err(|error| self.told(error))
            }
            Place::File => file::get(&self.home, &name.text()),
        }
    }

    fn write(&self, state: &State, place: Place, name: &Name, secret: &[u8]) -> Result<()> {
        match place {
            Place::Keychain => {
                let done = self.keychain.set(&account(state, name), secret);
                done.map_err(|error| self.told(error))
            }
            Place::File => file::set(&self.home, &name.text(), secret),
        }
    }

    fn erase(&self, state: &State, place: Place, name: &Name) -> Result<()> {
        match place {
            Place::Keychain => {
                let done = self.keychain.delete(&account(state, name));
                done.map_err(|error| self.told(error))
            }
            Place::File => file::delete(&self.home, &name.text()),
        }
    }

    /// Takes over the device key of an earlier version, which lay in the home as a file.
    fn adopt(&self) -> Result<Option<Secret>> {
        let path = self.home.device_key();
        if !path.exists() {
            return Ok(None);
        }
        let _lock = self.lock()?;
        let state = self.state()?;
        // Another process may have been here between the two looks.
        if let Some(secret) = self.read(&state, state.place, &Name::DeviceKey)? {
            return Ok(Some(secret));
        }
        file::closed(&path)?;
        let secret = match fs::read(&path) {
            Ok(secret) => Zeroizing::new(secret),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                let doing = "read";
                return Err(Error::File {
                    doing,
                    path,
                    source,
                });
            }
        };
        self.write(&state, state.place, &Name::DeviceKey, &secret)?;
        self.verify(&state, state.place, &Name::DeviceKey, &secret)?;
        if !place::path(&self.home).exists() {
            place::save(&self.home, &state)?;
        }
        self.remove_old()?;
        Ok(Some(secret))
    }

    fn verify(&self, state: &State, place: Place, name: &Name, secret: &[u8]) -> Result<()> {
        let back = self.read(state, place, name)?;
        if back.is_some_and(|back| back.as_slice() == secret) {
            Ok(())
        } else {
            Err(Error::NotSame { name: name.text() })
        }
    }

    fn remove_old(&self) -> Result<()> {
        let path = self.home.device_key();
        platform::files::remove(&path).map_err(|source| Error::File {
            doing: "delete",
            path,
            source,
        })
    }
}

fn account(state: &State, name: &Name) -> String {
    format!("{}/{}", state.home, name.text())
}

fn of_length(secret: Secret, name: &Name, bytes: usize) -> Result<Secret> {
    if secret.len() == bytes {
        return Ok(secret);
    }
    Err(Error::Length {
        name: name.text(),
        found: secret.len(),
        expected: bytes,
    })
}

/// The keychain, which may ask for its password where a person sits at a terminal of a desktop.
fn keychain(world: &dyn World) -> Keychain {
    let desktop = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| world.env(name).is_some());
    let person = desktop && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let wait = if person { WAIT_FOR_A_PERSON } else { WAIT };
    Keychain::new(SERVICE, wait, person)
}
