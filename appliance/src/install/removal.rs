//! Taking the appliance off a machine: the program goes, the data stay unless they are named.

use super::act::Held;
use super::error::Doing as _;
use super::layout::Layout;
use super::machine::Machine;
use super::record::Record;
use super::{Error, UNIT, USER, files};
use crate::data_dir;
use serde::Serialize;
use std::path::PathBuf;

/// What the administrator said.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Remove the service's user too.
    pub remove_user: bool,
    /// Remove the data; the store's id was typed.
    pub purge: Option<String>,
}

/// What would go, and what would stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The release, if it is known.
    pub version: Option<bundle_manifest::Version>,
    /// What goes, a line each.
    pub goes: Vec<String>,
    /// What stays, a line each.
    pub stays: Vec<String>,
    /// Where the data are.
    pub data_dir: PathBuf,
    /// Their store, if there are any.
    pub store: Option<String>,
    #[serde(skip)]
    remove_user: bool,
    #[serde(skip)]
    purge: bool,
}

impl Plan {
    /// Looks at what is here. `data_dir` is used if no install wrote down where the data are.
    ///
    /// # Errors
    /// [`Error::NotInstalled`], [`Error::OtherStore`], [`Error::Record`].
    pub fn make(
        options: &Options,
        layout: &Layout,
        data_dir: &std::path::Path,
    ) -> Result<Self, Error> {
        let record = Record::read(layout)?;
        if record.is_none() && !layout.program().exists() && !layout.unit().exists() {
            return Err(Error::NotInstalled);
        }
        let data_dir = record
            .as_ref()
            .map_or_else(|| data_dir.to_owned(), |record| record.data_dir.clone());
        let store = data_dir::identity(&data_dir)
            .ok()
            .map(|identity| identity.store.to_string());
        if let Some(given) = &options.purge
            && store.as_ref() != Some(given)
        {
            return Err(Error::OtherStore {
                path: data_dir,
                found: store.unwrap_or_else(|| "none".to_owned()),
                given: given.clone(),
            });
        }
        let made_user = record.as_ref().is_some_and(|record| record.made_user);
        let purge = options.purge.is_some();
        let mut goes = vec![
            format!("the service {UNIT}: stopped, disabled, its unit removed"),
            format!(
                "{} and {}",
                layout.program().display(),
                layout.command().display()
            ),
            format!(
                "{}: the release key, and what was written down",
                layout.etc().display()
            ),
        ];
        let mut stays = Vec::new();
        let shown = data_dir.display();
        match (&store, purge) {
            (Some(store), true) => goes.push(format!(
                "{shown}: all data and keys of the store {store}, for good; backups open with their \
                 own keys and stay where they are"
            )),
            (Some(store), false) => stays.push(format!(
                "{shown}: data and keys of the store {store}. A later install here goes on with them. \
                 To delete them for good: `aiworklab-appliance uninstall --purge-data --store {store}` \
                 before, or `rm -r {shown}` after"
            )),
            (None, _) => {}
        }
        match options.remove_user {
            true => goes.push(format!("the user {USER}")),
            false if made_user => stays.push(format!(
                "the user {USER}, who owns the data; `userdel {USER}` removes it"
            )),
            false => {}
        }
        stays.push("backups that you made, wherever they are".to_owned());
        stays.push(format!(
            "the service's log in the journal (`journalctl -u {UNIT}`), and files of your own in \
             {}",
            layout
                .unit_addition()
                .parent()
                .unwrap_or(&layout.unit())
                .display()
        ));
        Ok(Self {
            version: record.map(|record| record.version),
            goes,
            stays,
            data_dir,
            store,
            remove_user: options.remove_user,
            purge,
        })
    }

    /// Does it. What fails can be run again: each step is right also when it was done before.
    ///
    /// # Errors
    /// [`Error::Tool`], [`Error::Io`], [`Error::Mounted`].
    pub fn carry_out(
        &self,
        layout: &Layout,
        machine: &dyn Machine,
        _held: &Held,
    ) -> Result<(), Error> {
        if layout.unit().exists() {
            machine.service(&["disable", "--now", UNIT])?;
        }
        files::remove_file(&layout.unit())?;
        let addition = layout.unit_addition();
        files::remove_file(&addition)?;
        if let Some(folder) = addition.parent() {
            files::remove_empty(folder)?;
        }
        files::remove_file(&layout.sysusers())?;
        machine.service(&["daemon-reload"])?;
        if self.purge {
            // Without the key over all keys nothing of the rest opens: it goes first.
            let keys = self.data_dir.join("keys");
            files::remove_tree(&keys)?;
            files::empty_tree(&self.data_dir)?;
            // A disk that is mounted there stays, empty.
            let _ = std::fs::remove_dir(&self.data_dir);
        }
        if self.remove_user {
            machine.remove_user(USER)?;
        }
        let command = layout.command();
        match std::fs::read_link(&command) {
            Ok(target) if target == layout.binary() => files::remove_file(&command)?,
            // Somebody else's.
            _ => {}
        }
        files::remove_tree(&layout.program())?;
        files::remove_file(&layout.record())?;
        files::remove_file(&layout.key())?;
        files::remove_empty(&layout.etc())?;
        match layout.etc().exists() {
            true => files::sync_dir(&layout.etc()),
            false => Ok(()),
        }
        .and_then(|()| match layout.program().exists() {
            true => {
                Err(std::io::ErrorKind::DirectoryNotEmpty.into()).doing("remove", &layout.program())
            }
            false => Ok(()),
        })
    }
}
