//! What an install would do, before anything is done.

use super::layout::Layout;
use super::machine::Machine;
use super::network::Network;
use super::preflight::{self, Report, Row, Wanted};
use super::record::Record;
use super::trust::{self, Trusted};
use super::{Error, UNIT, USER};
use crate::edges::Edges;
use bundle_manifest::{Kind, ModelRole, Verified, Version, allow_over};
use serde::Serialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What the administrator said.
#[derive(Debug, Clone)]
pub struct Options {
    /// The unpacked bundle.
    pub bundle: PathBuf,
    /// A key, or a file with one.
    pub release_key: Option<String>,
    /// Names for the certificate.
    pub hosts: Vec<String>,
    /// Where people arrive.
    pub people: SocketAddr,
    /// Where devices arrive.
    pub devices: SocketAddr,
    /// The organisation's name.
    pub organisation: Option<String>,
    /// Where the data are to be.
    pub data_dir: PathBuf,
    /// Networks beside the private ones.
    pub networks: Vec<Network>,
    /// Leave the model out of the configuration.
    pub without_model: bool,
    /// The one older version that may go over a newer one.
    pub allow_older: Option<Version>,
    /// Put every file of the installed version in its place again.
    pub repair: bool,
}

/// What would happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// There is no appliance here.
    New {
        /// Whether data of an earlier one are here, and are kept.
        keeps_data: bool,
    },
    /// Another release goes over this one.
    Over {
        /// The release that is installed.
        from: Version,
    },
    /// The files of this release are put in their place again.
    Repair,
    /// It is installed already, and whole.
    Nothing,
}

/// A plan, and the bundle that it is for.
pub struct Plan {
    /// The verified bundle.
    pub bundle: Verified,
    /// The key that vouched for it.
    pub trusted: Trusted,
    /// What would happen.
    pub way: Way,
    /// How the machine stands.
    pub report: Report,
    /// What is installed.
    pub record: Option<Record>,
    /// Where the data are, or will be.
    pub data_dir: PathBuf,
    /// Whether a run that was cut off is undone first.
    pub undo_first: bool,
}

impl Plan {
    /// Verifies the bundle and looks at the machine.
    ///
    /// # Errors
    /// Every refusal of the bundle; [`Error::OtherBuild`], [`Error::Damaged`], [`Error::Usage`].
    pub fn make(
        options: &Options,
        layout: &Layout,
        machine: &dyn Machine,
        edges: &Edges,
    ) -> Result<Self, Error> {
        let key = options.release_key.as_deref();
        let trusted = trust::key_for(&options.bundle, key, layout)?;
        let bundle = Verified::open(&options.bundle, &trusted.key)?;
        let version = bundle.manifest().version.clone();
        let record = Record::read(layout)?;
        let installed = record.as_ref().map(|record| &record.version);
        allow_over(&version, installed, options.allow_older.as_ref())?;
        let data_dir = match &record {
            Some(record) => record.data_dir.clone(),
            None => usable(&options.data_dir)?,
        };
        let way = match &record {
            None => Way::New {
                keeps_data: preflight::holds_data(&data_dir)?,
            },
            Some(record) if record.version != version => Way::Over {
                from: record.version.clone(),
            },
            Some(_) if options.repair => Way::Repair,
            Some(record) => {
                same(&bundle, record, layout, &trusted)?;
                Way::Nothing
            }
        };
        let wanted = Wanted {
            manifest: Some(bundle.manifest()),
            data_dir: &data_dir,
            hosts: &options.hosts,
            people: options.people,
            devices: options.devices,
            networks: &options.networks,
            model: !options.without_model && bundle.manifest().model(ModelRole::Language).is_some(),
            installed,
            keeps_data: way == Way::New { keeps_data: true },
        };
        let undo_first = layout.journal().exists();
        let mut rows = vec![bundle_row(&bundle, &trusted)];
        rows.extend(way_row(&way, &version, options));
        if undo_first {
            rows.push(Row::care(
                "earlier run",
                "an earlier install was cut off",
                "it is undone first",
            ));
        }
        rows.extend(preflight::look(&wanted, layout, machine, edges).rows);
        Ok(Self {
            report: Report::of(rows),
            bundle,
            trusted,
            way,
            record,
            data_dir,
            undo_first,
        })
    }

    /// The release.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.bundle.manifest().version
    }

    /// What would be done, a line each.
    #[must_use]
    pub fn steps(&self, layout: &Layout) -> Vec<String> {
        let release = layout.release(self.version());
        let files = self.bundle.manifest().files.len();
        let mb = self.bundle.manifest().bytes() / 1_000_000;
        let copy = format!("copy {files} files ({mb} MB) to {}", release.display());
        let unit = format!("write {}", layout.unit().display());
        let link = format!("turn {} to it", layout.current().display());
        let data = self.data_dir.display();
        match &self.way {
            Way::Nothing => Vec::new(),
            Way::New { keeps_data } => {
                let mut steps = vec![
                    copy,
                    format!("keep the release key in {}", layout.key().display()),
                    format!("make the user {USER}, for the service alone"),
                    unit,
                    link,
                ];
                steps.push(match keeps_data {
                    true => format!("keep the data in {data}, and give them to {USER}"),
                    false => {
                        format!("make the data directory {data}: keys, authority, empty store")
                    }
                });
                steps.push(format!("enable and start {UNIT}, and wait until it serves"));
                steps.push("print a link for the first administrator".to_owned());
                steps
            }
            Way::Over { .. } => vec![
                copy,
                format!("stop {UNIT}"),
                format!("copy the data in {data}, until the new release serves"),
                unit,
                link,
                format!("start {UNIT}, and wait until it serves; else go back to what was"),
            ],
            Way::Repair => vec![
                copy,
                unit,
                link,
                format!("restart {UNIT}, and wait until it serves; else go back to what was"),
            ],
        }
    }
}

/// A data directory that a unit can name, and that lies where a service's data may.
fn usable(path: &Path) -> Result<PathBuf, Error> {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    let sound = path.is_absolute()
        && path != Path::new("/")
        && text.chars().all(plain)
        && !path.components().any(|part| part.as_os_str() == "..");
    match sound {
        true => Ok(path.to_owned()),
        false => Err(Error::Usage {
            what: format!(
                "the data directory `{text}` has to be an absolute path of letters, digits and . _ -"
            ),
        }),
    }
}

/// Whether what is installed under this version is this very build, and whole.
fn same(
    bundle: &Verified,
    record: &Record,
    layout: &Layout,
    trusted: &Trusted,
) -> Result<(), Error> {
    let damaged = |source: Error| Error::Damaged {
        version: record.version.clone(),
        source: Box::new(source),
    };
    let release = layout.release(&record.version);
    let installed =
        Verified::open(&release, &trusted.key).map_err(|error| damaged(error.into()))?;
    match installed.manifest_and_signature().0 == bundle.manifest_and_signature().0 {
        true => Ok(()),
        false => Err(Error::OtherBuild {
            version: record.version.clone(),
            installed: installed.manifest().commit.clone(),
            offered: bundle.manifest().commit.clone(),
        }),
    }
}

fn bundle_row(bundle: &Verified, trusted: &Trusted) -> Row {
    let manifest = bundle.manifest();
    let models = manifest.of(Kind::Model).count();
    Row::pass(
        "bundle",
        format!(
            "{} of {}, {} files ({models} of models), each as signed with {}; {}",
            manifest.version,
            manifest.created,
            manifest.files.len(),
            trusted.key.id(),
            trusted.by
        ),
    )
}

fn way_row(way: &Way, version: &Version, options: &Options) -> Vec<Row> {
    let mut rows = Vec::new();
    let said = !options.hosts.is_empty() || options.organisation.is_some();
    match way {
        Way::New { keeps_data: false } => {}
        Way::New { keeps_data: true } => rows.push(Row::care(
            "installed",
            "nothing, but data of an earlier install are here",
            "they are kept; name another --data-dir to begin anew",
        )),
        Way::Over { from } if from > version => rows.push(Row::care(
            "installed",
            format!("{from}, which is newer"),
            "it may not open a store that the newer one changed; then all goes back",
        )),
        Way::Over { from } => rows.push(Row::pass("installed", format!("{from}: an upgrade"))),
        Way::Repair => rows.push(Row::pass("installed", format!("{version}: a repair"))),
        Way::Nothing => rows.push(Row::pass("installed", format!("{version}, whole"))),
    }
    if said && !matches!(way, Way::New { keeps_data: false }) {
        rows.push(Row::care(
            "options",
            "names and organisation are given, and there is a configuration already",
            "it is kept: change config.toml",
        ));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_is_an_absolute_plain_path() {
        assert!(usable(Path::new("/srv/aiworklab-1.data")).is_ok());
        for path in [
            "data",
            "/",
            "/srv/../etc",
            "/srv/a b",
            "/srv/%n",
            "/srv/a\nb",
            "/srv/$HOME",
        ] {
            assert_eq!(
                usable(Path::new(path)).unwrap_err().code(),
                "B048",
                "{path}"
            );
        }
    }
}
