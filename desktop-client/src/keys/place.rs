//! `keys.toml`: where this home keeps its secrets. It holds none itself.

use super::Error;
use crate::home::Home;
use crate::world::World;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::PathBuf;

/// Where secrets are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The system's own place for secrets.
    Keychain,
    /// Files of the person's alone, in the client's folder.
    File,
}

impl Place {
    /// As it is typed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Keychain => "keychain",
            Self::File => "file",
        }
    }
}

/// What `keys.toml` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    /// Under this name the keychain knows this home: it stays when the folder is moved.
    pub(super) home: String,
    /// Where secrets are read and written.
    pub(super) place: Place,
    /// A move that has not come to its end: copies may lie there too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) also_in: Option<Place>,
    /// Whose keys were kept: a keychain cannot be asked for all of ours.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) providers: BTreeSet<String>,
}

/// Who chose the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Chosen {
    /// `keys.toml` in the client's folder.
    Here,
    /// `AIWORKLAB_KEYS`.
    Environment,
    /// Nobody: the keychain is tried.
    Nobody,
}

pub(super) fn path(home: &Home) -> PathBuf {
    home.path().join("keys.toml")
}

fn environment(world: &dyn World) -> Result<Option<Place>, Error> {
    match world.env("AIWORKLAB_KEYS") {
        None => Ok(None),
        Some(word) if word == "keychain" => Ok(Some(Place::Keychain)),
        Some(word) if word == "file" => Ok(Some(Place::File)),
        Some(word) => Err(Error::Choice {
            why: format!("AIWORKLAB_KEYS is {:?}", word.to_string_lossy()),
            fix: "Set it to keychain or to file, or take it away.".into(),
        }),
    }
}

/// Reads `keys.toml`; what would stand in it where there is none.
pub(super) fn load(wish: Option<Place>, home: &Home) -> Result<(State, Chosen), Error> {
    let file = path(home);
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let chosen = wish.map_or(Chosen::Nobody, |_| Chosen::Environment);
            let state = State {
                home: name_of(home),
                place: wish.unwrap_or(Place::Keychain),
                also_in: None,
                providers: BTreeSet::new(),
            };
            return Ok((state, chosen));
        }
        Err(source) => {
            return Err(Error::File {
                doing: "read",
                path: file,
                source,
            });
        }
    };
    let state: State = toml::from_str(&text).map_err(|error| Error::Choice {
        why: format!("{} cannot be read: {}", file.display(), error.message()),
        fix: "Mend it by hand: it holds `home`, `place` (keychain or file) and `providers`, and no secret.".into(),
    })?;
    if let Some(wish) = wish.filter(|wish| *wish != state.place) {
        return Err(Error::Choice {
            why: format!(
                "AIWORKLAB_KEYS says {}, and this folder keeps its secrets in the {}",
                wish.word(),
                state.place.word()
            ),
            fix: format!(
                "Take the variable away and run `aiworklab keys {}` to move them, or leave them where they are.",
                wish.word()
            ),
        });
    }
    Ok((state, Chosen::Here))
}

/// What the environment wishes.
pub(super) fn wished(world: &dyn World) -> Result<Option<Place>, Error> {
    environment(world)
}

pub(super) fn save(home: &Home, state: &State) -> Result<(), Error> {
    let file = path(home);
    let failed = |source| Error::File {
        doing: "write",
        path: file.clone(),
        source,
    };
    platform::files::private_dir(home.path()).map_err(failed)?;
    let text = toml::to_string(state).map_err(|error| failed(std::io::Error::other(error)))?;
    platform::files::write_whole(&file, 0o600, text.as_bytes()).map_err(failed)
}

/// What a home is called in the keychain until `keys.toml` says otherwise: by its path.
fn name_of(home: &Home) -> String {
    let path = home
        .path()
        .canonicalize()
        .unwrap_or_else(|_| home.path().to_owned());
    hex::encode(&Sha256::digest(path.as_os_str().as_encoded_bytes())[..8])
}
