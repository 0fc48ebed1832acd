//! `model`: whether a model would run here, how the running one stands, what it earned, and what it
//! does with one check.
//!
//! None of these changes the appliance. All but `status` start a worker of their own, in the same
//! sandbox as the server's, and end it; they work with and without a running server.

mod doctor;
mod making;
mod status;

pub(super) use doctor::inspect;

use super::Context;
use super::failure::{Exit, Failure};
use crate::config::{Config, Overrides};
use crate::model::{Trouble, spec, standing};
use clap::{Args, Subcommand};
use kernel::ids::is_hex;
use local_model::{About, Host, ModelFile, Reason, Spec};
use std::path::PathBuf;

/// What follows `model`.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Whether the model would run here, and if not, why: file, digest, architecture, memory,
    /// processor, deadline, sandbox. Ends with 1 if it would not
    Doctor(Which),
    /// How the running server's model stands, and the newest pack of items
    Status,
    /// Measure here whether the model chooses better than a random draw. Nothing is kept
    Qualify(Which),
    /// Make one check of a concept, and say where each part of it came from
    Try(TryArgs),
    /// Make a pack of items now, as the server does, and leave the server's as it is
    Make(MakeArgs),
}

/// Which model.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Which {
    /// Another model than the configuration's
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The digest that this file has to have. Left out: its own is taken, and printed
    #[arg(long, value_name = "SHA256", requires = "file", value_parser = digest)]
    sha256: Option<String>,
    /// The folder of the sentence model that goes with it
    #[arg(long, value_name = "DIR", requires = "file")]
    sentences: Option<PathBuf>,
}

/// Options of `model try`.
#[derive(Debug, Clone, Args)]
pub(super) struct TryArgs {
    /// The concept, such as pg-advisory-locks
    concept: String,
    /// Which draw
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Draw at random; start no model
    #[arg(long)]
    no_model: bool,
    #[command(flatten)]
    which: Which,
}

/// Options of `model make`.
#[derive(Debug, Clone, Args)]
pub(super) struct MakeArgs {
    /// Where the pack goes, as JSON, not signed; `-` for standard output. Left out: it is only
    /// counted
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Items of each concept
    #[arg(long, value_name = "N", default_value_t = crate::model::maker::PER_CONCEPT,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=200))]
    count: usize,
    /// Which draw
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Draw at random; start no model
    #[arg(long)]
    no_model: bool,
    /// Say what would be made, and make nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    which: Which,
}

fn digest(text: &str) -> Result<String, String> {
    match is_hex(text, 64) {
        true => Ok(text.to_owned()),
        false => Err("a SHA-256 has 64 lower-case hexadecimal digits".to_owned()),
    }
}

pub(super) fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Doctor(which) => doctor::run(context, which),
        Command::Status => status::run(context),
        Command::Qualify(which) => making::qualify(context, which),
        Command::Try(args) => making::try_concept(context, args),
        Command::Make(args) => making::make(context, args),
    }
}

/// The configuration; a directory without one counts as one that says nothing.
fn config(context: &Context) -> Result<Config, Failure> {
    let environment = &context.edges.environment;
    let config = Config::load(&context.data_dir, environment, Overrides::default())?;
    Ok(config)
}

/// What a worker of this model is started with. A file that was named without its digest has
/// whatever digest it has.
fn spec_of(config: &Config, which: &Which) -> Result<Spec, Reason> {
    let Some(path) = &which.file else {
        return spec::of(config);
    };
    let sha256 = match &which.sha256 {
        Some(sha256) => sha256.clone(),
        None => local_model::digest_of(path)?.0,
    };
    let file = ModelFile {
        path: path.clone(),
        sha256,
    };
    Ok(spec::with_files(config, file, which.sentences.as_deref()))
}

/// Starts a worker and waits until it is ready.
async fn started(spec: Spec) -> Result<(Host, About), Failure> {
    let host = Host::start(spec);
    match host.ready().await {
        Ok(about) => Ok((host, about)),
        Err(reason) => {
            host.stop().await;
            Err(would_not_run(&reason))
        }
    }
}

/// A model that does not run, as a failed command.
pub(super) fn would_not_run(reason: &Reason) -> Failure {
    Failure::new(
        Exit::Failed,
        reason.code(),
        format!("the model would not run: {reason}"),
        standing::fix(reason),
    )
}

fn troubled(doing: &str, trouble: Trouble) -> Failure {
    Failure::new(
        Exit::Failed,
        trouble.code,
        format!("could not {doing}"),
        "`aiworklab-appliance model doctor` says whether the model runs here",
    )
    .cause(trouble.cause)
}
