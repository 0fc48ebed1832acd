//! The command line: what an administrator does at the machine.
//!
//! Every command takes `--data-dir` and `--json`, asks nothing, and ends with one of the codes of
//! [`failure::Exit`]. Results go to standard output, errors and the log to standard error.

mod admin;
mod config;
pub mod failure;
mod healthcheck;
mod init;
mod install;
pub mod log;
mod model;
mod sample;
mod serve;
mod snapshot;
mod status;

use crate::edges::Edges;
use clap::{Args, Parser, Subcommand};
use failure::Failure;
use serde::Serialize;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// Where an appliance lies if nothing is said.
const DATA_DIR: &str = "/var/lib/aiworklab";
/// The variable that says it.
const DATA_DIR_VARIABLE: &str = "AIWORKLAB_DATA_DIR";

/// The organisation's skill graph, inside the organisation's own network.
#[derive(Debug, Parser)]
#[command(
    name = "aiworklab-appliance",
    version,
    after_help = "Exit codes: 0 done; 1 failed; 2 wrong command line; 3 configuration not valid; \
                  4 no appliance in the data directory; 5 refused by a rule; 6 address not \
                  available."
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
struct Common {
    /// Where the appliance lies [default: $AIWORKLAB_DATA_DIR, else /var/lib/aiworklab]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print the result, and an error, as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new appliance: keys, authority, certificate, empty store. Asks nothing
    Init(InitArgs),
    /// Serve people and devices until SIGTERM or SIGINT
    Serve(ServeArgs),
    /// What this appliance is and how it stands
    Status,
    /// Whether the running server is ready: 0 if it is, 1 if not. For service managers and images
    Healthcheck,
    /// The version of this program
    Version,
    /// The configuration
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Install, upgrade or repair the appliance on this machine, from an unpacked bundle
    Install(install::InstallArgs),
    /// Take the appliance off this machine; data stay unless they are named
    Uninstall(install::UninstallArgs),
    /// Whether this machine is ready for an install, a line for each thing
    Preflight(install::PreflightArgs),
    /// A release bundle
    Bundle {
        #[command(subcommand)]
        command: install::BundleCommand,
    },
    /// The local model: whether it would run, how it stands, what it earned, what it makes
    Model {
        #[command(subcommand)]
        command: model::Command,
    },
    /// What an administrator needs to get in
    Admin {
        #[command(subcommand)]
        command: AdminCommand,
    },
    /// The sample organisation, in a store made by `init --sample`
    Sample {
        #[command(subcommand)]
        command: SampleCommand,
    },
    /// The weekly figures
    Snapshot {
        #[command(subcommand)]
        command: SnapshotCommand,
    },
}

/// Options of `init`.
#[derive(Debug, Clone, Args)]
struct InitArgs {
    /// Mark the store as a sample, for good: said on every page and by every command
    #[arg(long)]
    sample: bool,
    /// The organisation's name, on every page
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// A host name or address for the certificate; may be given more than once. The first is the
    /// one that people are shown
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// Where people will arrive, written into the configuration
    #[arg(long, value_name = "ADDRESS:PORT")]
    people: Option<SocketAddr>,
    /// Where devices will arrive, likewise
    #[arg(long, value_name = "ADDRESS:PORT")]
    devices: Option<SocketAddr>,
    /// The language model (GGUF). Its path and its digest are written into the configuration; the
    /// file stays where it is
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// The folder of the sentence model that goes with it
    #[arg(long, value_name = "DIR", requires = "model")]
    sentences: Option<PathBuf>,
    /// Say what would be made, and make nothing
    #[arg(long)]
    dry_run: bool,
}

/// Options of `serve`.
#[derive(Debug, Clone, Args)]
struct ServeArgs {
    /// Where people arrive; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    people: Option<SocketAddr>,
    /// Where devices arrive; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    devices: Option<SocketAddr>,
    /// Sample stores only: move the time of sync replies and of the weekly figures, such as +21d,
    /// -3h or a number of seconds. Certificates and sessions keep the machine's time
    #[arg(long, value_name = "OFFSET", allow_hyphen_values = true, value_parser = offset)]
    clock: Option<i64>,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Read the configuration and start nothing
    Check,
    /// Every key, its value, and where that came from
    Show,
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Print a one-time sign-in link: one use, 30 minutes. The first one makes the first
    /// administrator
    Link {
        /// Whom it signs in: the address of a known person. Left out: an administrator
        #[arg(long = "for", value_name = "EMAIL")]
        person: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
enum SampleCommand {
    /// Put in 40 invented engineers over half a year, through the sync API
    Load {
        /// Another draw of the same organisation
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Load nothing: only say as whom a visitor can sign in
        #[arg(long)]
        show: bool,
    },
}

#[derive(Debug, Subcommand)]
enum SnapshotCommand {
    /// Make the snapshot of the last Monday, if it is not there yet
    Now {
        /// Show what it would hold, and keep nothing
        #[arg(long)]
        preview: bool,
        /// Sample stores only: as for `serve`
        #[arg(long, value_name = "OFFSET", allow_hyphen_values = true, value_parser = offset)]
        clock: Option<i64>,
    },
}

/// Everything a command gets.
pub(crate) struct Context {
    pub(crate) edges: Edges,
    pub(crate) data_dir: PathBuf,
    pub(crate) json: bool,
}

impl Context {
    /// Prints a result: the value as JSON, or the text. A reader that is gone, such as `head`, is
    /// no error of ours.
    pub(crate) fn say(&self, value: &impl Serialize, text: impl FnOnce() -> String) {
        let result = match self.json {
            true => serde_json::to_string(value).unwrap_or_else(|error| {
                format!("{{\"error\":\"the result could not be written: {error}\"}}")
            }),
            false => text(),
        };
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{}", result.trim_end()).and_then(|()| out.flush());
    }
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let Cli { common, command } = Cli::parse();
    let edges = Edges::system();
    let data_dir = common
        .data_dir
        .or_else(|| edges.environment.get(DATA_DIR_VARIABLE).map(PathBuf::from));
    let context = Context {
        data_dir: data_dir.unwrap_or_else(|| PathBuf::from(DATA_DIR)),
        json: common.json,
        edges,
    };
    // Without a default provider reqwest's client panics; ours is named wherever TLS is set up.
    let _ = rustls::crypto::CryptoProvider::install_default(std::sync::Arc::unwrap_or_clone(
        crate::http::tls::provider(),
    ));
    match run(&context, command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if context.json {
                eprintln!("{}", failure.json());
            } else {
                eprintln!("{}", failure.paragraph());
            }
            failure.exit()
        }
    }
}

fn run(context: &Context, command: Command) -> Result<(), Failure> {
    install::become_owner(context, &command)?;
    match command {
        Command::Init(args) => init::run(context, &args),
        Command::Serve(args) => serve::run(context, &args),
        Command::Status => status::run(context),
        Command::Healthcheck => healthcheck::run(context),
        Command::Install(args) => install::install(context, &args),
        Command::Uninstall(args) => install::uninstall(context, &args),
        Command::Preflight(args) => install::preflight(context, &args),
        Command::Bundle { command } => install::bundle(context, &command),
        Command::Version => {
            version(context);
            Ok(())
        }
        Command::Config {
            command: ConfigCommand::Check,
        } => config::check(context),
        Command::Config {
            command: ConfigCommand::Show,
        } => config::show(context),
        Command::Admin {
            command: AdminCommand::Link { person },
        } => admin::link(context, person.as_deref()),
        Command::Model { command } => model::run(context, &command),
        Command::Sample {
            command: SampleCommand::Load { seed, show },
        } => sample::load(context, seed, show),
        Command::Snapshot {
            command: SnapshotCommand::Now { preview, clock },
        } => snapshot::now(context, preview, clock),
    }
}

/// An appliance in a scratch directory.
#[cfg(test)]
pub(crate) fn make_for_tests(
    edges: &Edges,
    data_dir: &std::path::Path,
    sample: bool,
) -> Result<(), Failure> {
    let context = Context {
        edges: edges.clone(),
        data_dir: data_dir.to_owned(),
        json: true,
    };
    let args = InitArgs {
        sample,
        organisation: None,
        hosts: Vec::new(),
        people: None,
        devices: None,
        model: None,
        sentences: None,
        dry_run: false,
    };
    init::quietly(&context, &args)
}

/// The threads that requests and commands run on.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(
                failure::Exit::Failed,
                "D014",
                "no threads could be started",
                "raise the limit of processes (ulimit -u)",
            )
            .because(&error)
        })
}

/// This release.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

fn version(context: &Context) {
    #[derive(Serialize)]
    struct Version {
        version: &'static str,
        wire: [u16; 1],
        catalogue: u32,
    }
    let catalogue = kernel::catalogue::Catalogue::builtin().version();
    let value = Version {
        version: VERSION,
        wire: [kernel::wire::v1::VERSION],
        catalogue,
    };
    context.say(&value, || {
        format!(
            "aiworklab-appliance {VERSION} (wire {}, catalogue {catalogue})",
            value.wire[0]
        )
    });
}

/// `+21d`, `-3h`, `90m`, `600`: seconds.
fn offset(text: &str) -> Result<i64, String> {
    let wrong = || "this has to be a number of seconds, or one with d, h, m or s behind it";
    let (number, unit) = match text.char_indices().last() {
        Some((end, 'd')) => (&text[..end], 86_400),
        Some((end, 'h')) => (&text[..end], 3_600),
        Some((end, 'm')) => (&text[..end], 60),
        Some((end, 's')) => (&text[..end], 1),
        _ => (text, 1),
    };
    let number: i64 = number.parse().map_err(|_| wrong().to_owned())?;
    number
        .checked_mul(unit)
        .filter(|seconds| seconds.abs() <= 3_660 * 86_400)
        .ok_or_else(|| "this moves the clock by more than ten years".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_offset_has_a_unit_or_is_seconds() {
        assert_eq!(offset("+21d"), Ok(21 * 86_400));
        assert_eq!(offset("-3h"), Ok(-10_800));
        assert_eq!(offset("600"), Ok(600));
        assert!(offset("soon").is_err() && offset("").is_err() && offset("9999999999d").is_err());
    }

    #[test]
    fn options_may_stand_behind_the_command() {
        let cli = Cli::try_parse_from(["x", "status", "--data-dir", "/d", "--json"]).unwrap();
        assert!(cli.common.json);
        assert_eq!(cli.common.data_dir, Some("/d".into()));
    }
}
