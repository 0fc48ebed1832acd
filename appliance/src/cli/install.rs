//! `install`, `uninstall`, `preflight`, `bundle verify`: what the scripts of a bundle start.

use super::Context;
use super::failure::{Exit, Failure};
use crate::install::act::{self, Done, Installer};
use crate::install::layout::Layout;
use crate::install::machine::System;
use crate::install::network::Network;
use crate::install::plan::{Options, Plan, Way};
use crate::install::preflight::{self, Report, Wanted};
use crate::install::record::Record;
use crate::install::{Error, owner, removal, trust};
use bundle_manifest::{ModelRole, Verified, Version};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What `install` and `preflight` take.
#[derive(Debug, Clone, Args)]
pub(super) struct MachineArgs {
    /// A host name or address for the certificate; may be given more than once. The first is the
    /// one that people are shown
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// Where people arrive
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:8443")]
    people: SocketAddr,
    /// Where devices arrive
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:8444")]
    devices: SocketAddr,
    /// A network that people come from, beside the private ones; may be given more than once
    #[arg(long = "network", value_name = "ADDRESS/BITS", value_parser = Network::parse)]
    networks: Vec<Network>,
    /// The public key that releases are signed with, or a file with it; never from the bundle.
    /// Upgrades use the one that is kept in /etc/aiworklab/release.pub
    #[arg(long, value_name = "KEY|FILE")]
    release_key: Option<String>,
    /// Leave the model out; questions are then drawn without it
    #[arg(long)]
    without_model: bool,
}

/// Options of `install`.
#[derive(Debug, Clone, Args)]
pub(super) struct InstallArgs {
    /// The unpacked bundle
    #[arg(value_name = "BUNDLE", default_value = ".")]
    bundle: PathBuf,
    #[command(flatten)]
    machine: MachineArgs,
    /// The organisation's name, on every page
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// Let this one older version go over a newer one
    #[arg(long, value_name = "VERSION")]
    allow_older: Option<Version>,
    /// Put every file of the installed version in its place again
    #[arg(long)]
    repair: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do it. Without this nothing is changed
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

/// Options of `preflight`.
#[derive(Debug, Clone, Args)]
pub(super) struct PreflightArgs {
    /// The unpacked bundle; left out: the machine alone is looked at
    #[arg(value_name = "BUNDLE")]
    bundle: Option<PathBuf>,
    #[command(flatten)]
    machine: MachineArgs,
    /// Nothing is changed anyway; for scripts that give it to every command
    #[arg(long)]
    dry_run: bool,
}

/// Options of `uninstall`.
#[derive(Debug, Clone, Args)]
pub(super) struct UninstallArgs {
    /// Remove the service's user too
    #[arg(long)]
    remove_user: bool,
    /// Remove all data and keys too, for good; needs --store
    #[arg(long, requires = "store")]
    purge_data: bool,
    /// The id of the store whose data are to go, as `status` prints it
    #[arg(long, value_name = "ID", requires = "purge_data")]
    store: Option<String>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do it. Without this nothing is changed
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

/// Commands about a bundle.
#[derive(Debug, Subcommand)]
pub(super) enum BundleCommand {
    /// Check an unpacked bundle: signature, then every file
    Verify {
        /// The unpacked bundle, or an installed release
        #[arg(value_name = "DIR", default_value = ".")]
        dir: PathBuf,
        /// The public key that releases are signed with, or a file with it; never from the bundle
        #[arg(long, value_name = "KEY|FILE")]
        release_key: Option<String>,
        /// Say nothing if all is well
        #[arg(long)]
        quiet: bool,
        /// Nothing is changed anyway; for scripts that give it to every command
        #[arg(long)]
        dry_run: bool,
    },
}

/// A command on data that belong to the service's user is run as that user, if root runs it. What
/// changes the machine itself stays root's.
pub(super) fn become_owner(context: &Context, command: &super::Command) -> Result<(), Failure> {
    use super::Command as C;
    if let C::Install(_) | C::Uninstall(_) | C::Preflight(_) | C::Bundle { .. } | C::Version =
        command
    {
        return Ok(());
    }
    owner::become_owner(&context.data_dir).map_err(|error| {
        Failure::new(
            Exit::Failed,
            "B049",
            "the owner of the data directory could not be taken on",
            "run the command as that user: `runuser -u aiworklab -- aiworklab-appliance …`",
        )
        .at(&context.data_dir)
        .because(&error)
    })
}

pub(super) fn bundle(context: &Context, command: &BundleCommand) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Checked<'a> {
        verified: bool,
        version: &'a Version,
        commit: &'a str,
        created: String,
        key: String,
        files: usize,
        bytes: u64,
    }
    let BundleCommand::Verify {
        dir,
        release_key,
        quiet,
        dry_run: _,
    } = command;
    let trusted = trust::key_for(dir, release_key.as_deref(), &Layout::system())?;
    let bundle = Verified::open(dir, &trusted.key).map_err(Error::from)?;
    if *quiet {
        return Ok(());
    }
    let manifest = bundle.manifest();
    let checked = Checked {
        verified: true,
        version: &manifest.version,
        commit: &manifest.commit,
        created: manifest.created.to_string(),
        key: trusted.key.id().to_string(),
        files: manifest.files.len(),
        bytes: manifest.bytes(),
    };
    context.say(&checked, || {
        format!(
            "{} {} of {}, commit {}: {} files, {} bytes, each as signed with the key {}.",
            bundle_manifest::PRODUCT,
            checked.version,
            checked.created,
            checked.commit,
            checked.files,
            checked.bytes,
            checked.key
        )
    });
    Ok(())
}

pub(super) fn preflight(context: &Context, args: &PreflightArgs) -> Result<(), Failure> {
    let layout = Layout::system();
    let machine = System::new(layout.clone());
    let bundle = match &args.bundle {
        Some(dir) => {
            let key = trust::key_for(dir, args.machine.release_key.as_deref(), &layout)?;
            Some(Verified::open(dir, &key.key).map_err(Error::from)?)
        }
        None => None,
    };
    let record = Record::read(&layout)?;
    let manifest = bundle.as_ref().map(Verified::manifest);
    let wanted = Wanted {
        manifest,
        data_dir: record
            .as_ref()
            .map_or(&context.data_dir, |record| &record.data_dir),
        hosts: &args.machine.hosts,
        people: args.machine.people,
        devices: args.machine.devices,
        networks: &args.machine.networks,
        model: !args.machine.without_model
            && manifest.is_none_or(|manifest| manifest.model(ModelRole::Language).is_some()),
        installed: record.as_ref().map(|record| &record.version),
        keeps_data: context.data_dir.join(crate::config::FILE).exists(),
    };
    let report = preflight::look(&wanted, &layout, &machine, &context.edges);
    context.say(&report, || report.text());
    Ok(report.require()?)
}

pub(super) fn install(context: &Context, args: &InstallArgs) -> Result<(), Failure> {
    let layout = Layout::system();
    let machine = System::new(layout.clone());
    let options = Options {
        bundle: absolute(&args.bundle),
        release_key: args.machine.release_key.clone(),
        hosts: args.machine.hosts.clone(),
        people: args.machine.people,
        devices: args.machine.devices,
        organisation: args.organisation.clone(),
        data_dir: context.data_dir.clone(),
        networks: args.machine.networks.clone(),
        without_model: args.machine.without_model,
        allow_older: args.allow_older.clone(),
        repair: args.repair,
    };
    let installer = Installer {
        options: &options,
        layout: &layout,
        machine: &machine,
    };
    if !args.yes {
        let plan = Plan::make(&options, &layout, &machine, &context.edges)?;
        say_plan(context, &plan, &layout);
        return match (args.dry_run, &plan.way) {
            (_, Way::Nothing) | (true, _) => Ok(plan.report.require()?),
            (false, _) => {
                plan.report.require()?;
                Err(Error::NotConfirmed { what: "install" }.into())
            }
        };
    }
    // Before anything is written, an unverified bundle is refused; the plan is made again once what
    // was cut off is undone, since that changes what is installed.
    Plan::make(&options, &layout, &machine, &context.edges).map(drop)?;
    let held = act::hold(&layout)?;
    installer.undo_left(&held)?;
    let plan = Plan::make(&options, &layout, &machine, &context.edges)?;
    if !context.json {
        say_plan(context, &plan, &layout);
    }
    let done = installer.carry_out(&plan, &held)?;
    context.say(&done, || told(&done));
    Ok(())
}

#[derive(Serialize)]
struct Planned<'a> {
    dry_run: bool,
    version: &'a Version,
    way: &'a Way,
    data_dir: &'a Path,
    steps: Vec<String>,
    preflight: &'a Report,
}

fn say_plan(context: &Context, plan: &Plan, layout: &Layout) {
    let planned = Planned {
        dry_run: true,
        version: plan.version(),
        way: &plan.way,
        data_dir: &plan.data_dir,
        steps: plan.steps(layout),
        preflight: &plan.report,
    };
    context.say(&planned, || {
        let steps: Vec<String> = planned
            .steps
            .iter()
            .map(|step| format!("  {step}\n"))
            .collect();
        let title = match steps.is_empty() {
            true => "",
            false => "\nWhat is done:\n",
        };
        format!("{}\n{title}{}", plan.report.text(), steps.concat())
    });
}

fn told(done: &Done) -> String {
    let version = &done.version;
    let mut text = match &done.way {
        Way::Nothing => {
            format!("Version {version} is installed already, and whole: nothing was done.")
        }
        Way::Repair => format!("Every file of {version} is in its place, and it serves."),
        Way::Over { from } => format!("{version} serves, with the data of {from}."),
        Way::New { .. } => format!("aiworklab-appliance {version} is installed, and serves."),
    };
    let line = |name: &str, value: &Option<String>| match value {
        Some(value) => format!("\n{name:<16} {value}"),
        None => String::new(),
    };
    text.push_str(&line("People arrive at", &done.people_url));
    text.push_str(&line("CA fingerprint", &done.ca_fingerprint));
    text.push_str(&line("Data", &Some(done.data_dir.clone())));
    if let (Some(url), Some(fingerprint)) = (&done.people_url, &done.ca_fingerprint) {
        text.push_str(&format!(
            "\n{:<16} aiworklab enrol {url} --ca-fingerprint {fingerprint}",
            "For engineers"
        ));
    }
    if let Way::New { keeps_data } = done.way {
        let who = if keeps_data {
            "An administrator"
        } else {
            "The first administrator"
        };
        text.push_str(&match &done.link {
            Some(link) => format!("\n\n{who} opens this, once, within 30 minutes:\n  {link}"),
            None => "\n\nNo link to sign in with could be made. `aiworklab-appliance admin link` makes one."
                .to_owned(),
        });
    }
    text
}

pub(super) fn uninstall(context: &Context, args: &UninstallArgs) -> Result<(), Failure> {
    let layout = Layout::system();
    let machine = System::new(layout.clone());
    let options = removal::Options {
        remove_user: args.remove_user,
        purge: args.store.clone().filter(|_| args.purge_data),
    };
    let plan = removal::Plan::make(&options, &layout, &context.data_dir)?;
    let list =
        |lines: &[String]| -> String { lines.iter().map(|line| format!("  {line}\n")).collect() };
    if !args.yes {
        context.say(&plan, || {
            format!(
                "What goes:\n{}\nWhat stays:\n{}",
                list(&plan.goes),
                list(&plan.stays)
            )
        });
        return match args.dry_run {
            true => Ok(()),
            false => Err(Error::NotConfirmed { what: "uninstall" }.into()),
        };
    }
    root()?;
    let held = act::hold(&layout)?;
    plan.carry_out(&layout, &machine, &held)?;
    context.say(&plan, || {
        format!("Gone:\n{}\nStays:\n{}", list(&plan.goes), list(&plan.stays))
    });
    Ok(())
}

fn root() -> Result<(), Error> {
    match rustix::process::geteuid().is_root() {
        true => Ok(()),
        false => Err(Error::Preflight {
            stops: vec!["  root: not run as root. Run it with sudo".to_owned()],
        }),
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
