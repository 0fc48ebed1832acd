//! How the secrets of this home stand, for `keys status`, `status`, `doctor` and `setup`.

use super::place::{self, Chosen, Place};
use super::{Error, Keys, Name, Result, file};
use crate::cli::say;
use crate::doctor::Finding;
use crate::error::Error as Top;
use crate::home::Home;
use crate::policy::Policy;
use crate::world::World;
use platform::disk::{self, Verdict};
use platform::secrets::Standing;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, Write};
use std::path::PathBuf;

/// What secrets in files are worth.
const FILE_WARNING: &str = "Secrets lie in files that only you can read. Whoever can read your files, such as a \
                            backup or an administrator, can read them.";

/// How the secrets stand. No secret is in it.
#[derive(Debug)]
pub struct Report {
    /// Where they are kept.
    pub place: Place,
    /// Who chose that.
    pub chosen: Chosen,
    /// How the keychain stands, asked without a prompt; why it does not answer.
    pub keychain: Result<Standing>,
    /// Each secret's name, and whether it is there, where that could be said.
    pub secrets: Vec<(String, Option<bool>)>,
    /// Where copies of a move that was cut short may lie.
    pub also_in: Option<Place>,
}

/// Looks how the secrets stand; asks the keychain without a prompt.
///
/// # Errors
/// [`Error::Choice`] if folder and environment disagree.
pub fn report(world: &dyn World, home: &Home) -> crate::error::Result<Report> {
    let keys = Keys::of(world, home)?;
    let state = keys.state()?;
    let keychain = keys.keychain.standing().map_err(|error| keys.told(error));
    let open = matches!(keychain, Ok(Standing::Open(_)));
    let providers = state.providers.iter().cloned().map(Name::Provider);
    let names = Name::FIXED.into_iter().chain(providers);
    let secrets = names
        .map(|name| {
            let there = match state.place {
                Place::Keychain if !open => None,
                place => keys
                    .read(&state, place, &name)
                    .ok()
                    .map(|secret| secret.is_some()),
            };
            (name.text(), there)
        })
        .collect();
    Ok(Report {
        place: state.place,
        chosen: keys.chosen(),
        keychain,
        secrets,
        also_in: state.also_in,
    })
}

impl Report {
    fn standing(&self) -> String {
        match &self.keychain {
            Ok(Standing::Open(name)) => format!("open ({name})"),
            Ok(Standing::Locked(name)) => format!("locked ({name})"),
            Err(error) => error.to_string(),
        }
    }

    /// What is to be warned of, each with what to do.
    fn warnings(&self) -> Vec<(String, String)> {
        let mut warnings = Vec::new();
        if self.place == Place::File {
            let fix = match self.keychain {
                Ok(_) => "`aiworklab keys keychain` moves them into the keychain.",
                Err(_) => {
                    "Nothing to do where there is no keychain; elsewhere `aiworklab keys keychain` moves them."
                }
            };
            warnings.push((FILE_WARNING.to_owned(), fix.to_owned()));
        }
        if let Some(also) = self.also_in {
            warnings.push((
                format!(
                    "A move was cut short: copies of secrets may lie in the {} too.",
                    also.word()
                ),
                format!("`aiworklab keys {}` deletes them.", self.place.word()),
            ));
        }
        warnings
    }

    /// For people.
    pub fn text(&self) -> String {
        let by = match self.chosen {
            Chosen::Here => "keys.toml",
            Chosen::Environment => "AIWORKLAB_KEYS",
            Chosen::Nobody => "nobody chose; the keychain is tried",
        };
        let mut text = format!(
            "secrets    in the {} ({by})\nkeychain   {}\n",
            self.place.word(),
            self.standing()
        );
        for (name, there) in &self.secrets {
            let there = match there {
                Some(true) => "kept",
                Some(false) => "none",
                None => "not known",
            };
            text.push_str(&format!("  {name:<18} {there}\n"));
        }
        for (warning, fix) in self.warnings() {
            text.push_str(&format!("\nwarning: {warning}\n  {fix}\n"));
        }
        text
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let secrets: serde_json::Map<_, _> = self
            .secrets
            .iter()
            .map(|(name, there)| (name.clone(), json!(there)))
            .collect();
        let warnings: Vec<_> = self.warnings().into_iter().map(|(what, _)| what).collect();
        json!({
            "place": self.place,
            "chosen_by": self.chosen,
            "keychain": {
                "open": match &self.keychain {
                    Ok(Standing::Open(_)) => json!(true),
                    Ok(Standing::Locked(_)) => json!(false),
                    Err(_) => Value::Null,
                },
                "says": self.standing(),
            },
            "secrets": secrets,
            "also_in": self.also_in,
            "warnings": warnings,
        })
    }
}

/// Chooses where secrets are kept, where nobody did yet: the keychain if there is one, else the person is
/// asked whether files will do. For `setup` at a terminal.
///
/// # Errors
/// [`Error::Absent`] if there is no keychain and the person does not want files.
pub fn choose(
    world: &dyn World,
    home: &Home,
    out: &mut dyn Write,
    answers: &mut dyn BufRead,
) -> crate::error::Result<Place> {
    let keys = Keys::of(world, home)?;
    if keys.chosen() != Chosen::Nobody {
        return Ok(keys.place);
    }
    let why = match keys.keychain.standing() {
        // A locked one asks for its password when the first secret is kept, where it may.
        Ok(Standing::Locked(_)) if !keys.keychain.may_ask() => {
            keys.told(platform::secrets::Error::Locked)
        }
        Ok(_) => {
            super::move_to(world, home, Place::Keychain, false)?;
            return Ok(Place::Keychain);
        }
        Err(error) => keys.told(error),
    };
    say(
        out,
        &format!(
            "This program keeps a few secrets (a key of your store, this device's key), and {why}.\n\
             Keep them in files under {} that only you can read? Whoever can read your files, such as a backup\n\
             or an administrator, could read them. [y/N] ",
            file::folder(home).display()
        ),
    )?;
    let mut answer = String::new();
    answers
        .read_line(&mut answer)
        .map_err(|source| Top::Terminal { source })?;
    if !matches!(answer.trim(), "y" | "Y" | "yes") {
        say(out, "\n")?;
        return Err(why.into());
    }
    super::move_to(world, home, Place::File, false)?;
    Ok(Place::File)
}

/// What `doctor` looks at: keychain, moves, modes of files, the disk.
pub fn checks(world: &dyn World, home: &Home) -> Vec<Finding> {
    let mut found = Vec::new();
    match report(world, home) {
        Err(error) => found.push(Finding::of_error(&error)),
        Ok(report) => {
            match (&report.keychain, report.place) {
                (Ok(Standing::Open(name)), Place::Keychain) => {
                    found.push(Finding::ok_because(
                        "secrets lie in the keychain, which is open",
                        name.clone(),
                    ));
                }
                (Ok(Standing::Locked(_)), Place::Keychain) => {
                    let chosen = report.chosen != Chosen::Nobody;
                    found.push(Finding::of_error(&Error::Locked { chosen }.into()));
                }
                (Err(error), Place::Keychain) => found.push(Finding::fail(
                    error.to_string(),
                    "secrets lie in the keychain",
                    crate::error::Told::fix(error),
                )),
                (_, Place::File) => {}
            }
            found.extend(
                report
                    .warnings()
                    .into_iter()
                    .map(|(what, fix)| Finding::warn(what, "", fix)),
            );
        }
    }
    if let Err(error) = Policy::load(world).permits_key_file()
        && Keys::of(world, home).is_ok_and(|keys| keys.place == Place::File)
    {
        found.push(Finding::of_error(&error));
    }
    found.extend(modes(home));
    let disk = disk::encryption(home.path());
    let why = disk.text();
    found.push(match disk.verdict {
        Verdict::Encrypted => Finding::ok_because("the disk under this folder is encrypted", why),
        Verdict::Plain => Finding::warn(
            "the disk under this folder is not encrypted",
            why,
            "The personal store encrypts itself. What else lies on the disk does not: ask for full-disk encryption.",
        ),
        Verdict::Unsure => Finding::warn(
            "whether the disk under this folder is encrypted is not known, which counts as no",
            why,
            "The personal store encrypts itself. `aiworklab doctor` on the laptop's own file system says more.",
        ),
    });
    found
}

/// Files that only the person may read, and others can.
fn modes(home: &Home) -> Vec<Finding> {
    let mut paths: Vec<PathBuf> = vec![
        home.path().to_owned(),
        home.database(),
        home.spool(),
        file::folder(home),
    ];
    let secrets = fs::read_dir(file::folder(home))
        .into_iter()
        .flatten()
        .flatten();
    paths.extend(secrets.map(|entry| entry.path()));
    paths.extend([home.device_key(), place::path(home)]);
    let looked = paths.iter().filter(|path| path.exists()).count();
    let open: Vec<_> = paths
        .into_iter()
        .filter(|path| platform::files::others_can_read(path).unwrap_or(false))
        .collect();
    if open.is_empty() {
        return vec![Finding::ok(format!(
            "only you can read this client's files ({looked} looked at)"
        ))];
    }
    open.into_iter()
        .map(|path| {
            Finding::fail(
                format!("others can read {}", path.display()),
                "its mode lets group or others in",
                format!(
                    "Look who may have read it, then: chmod go= {}",
                    path.display()
                ),
            )
        })
        .collect()
}
