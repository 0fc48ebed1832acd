//! `bundle`: makes the one file that customers get. `make bundle` calls it.

use bundle_manifest::Version;
use clap::Parser;
use installer::build::{self, Inputs, Made};
use installer::signing::Signer;
use std::error::Error as StdError;
use std::path::PathBuf;
use std::process::ExitCode;

/// Makes an offline bundle out of a checkout and its built programs.
#[derive(Debug, Parser)]
#[command(name = "bundle", version)]
struct Cli {
    /// The checkout
    #[arg(long, value_name = "DIR", default_value = ".")]
    tree: PathBuf,
    /// Where the built programs are
    #[arg(long, value_name = "DIR")]
    programs: PathBuf,
    /// Where the default models are; left out: a bundle without models
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// The licence texts of everything that is linked in
    #[arg(long, value_name = "FILE")]
    notices: Option<PathBuf>,
    /// Where stripped programs and the developer key may lie
    #[arg(long, value_name = "DIR")]
    cache: PathBuf,
    /// Where the bundle goes
    #[arg(long, value_name = "DIR", default_value = "dist")]
    out: PathBuf,
    /// The secret key that signs, as `minisign -G` makes it; left out: a developer key
    #[arg(long, value_name = "FILE", env = "AIWORKLAB_SIGNING_KEY_FILE")]
    signing_key: Option<PathBuf>,
    /// A file whose first line is the key's password
    #[arg(long, value_name = "FILE", env = "AIWORKLAB_SIGNING_PASSWORD_FILE")]
    password_file: Option<PathBuf>,
    /// Another version than the tree's, to rehearse an upgrade
    #[arg(long, value_name = "VERSION")]
    version_is: Option<Version>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(made) if cli.json => match serde_json::to_string(&made) {
            Ok(text) => {
                println!("{text}");
                ExitCode::SUCCESS
            }
            Err(error) => failed(&error),
        },
        Ok(made) => {
            println!("{}", told(&made));
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn StdError) -> ExitCode {
    let mut text = format!("bundle: {error}");
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    eprintln!("{text}");
    ExitCode::FAILURE
}

fn run(cli: &Cli) -> Result<Made, installer::Error> {
    let signer = match &cli.signing_key {
        Some(file) => Signer::open(file, cli.password_file.as_deref())?,
        None => Signer::developer(&cli.cache.join("signing"))?,
    };
    if signer.is_developer() {
        eprintln!(
            "bundle: signed with the developer key {}. It is no release: whoever can read that file \
             can sign another. Set AIWORKLAB_SIGNING_KEY_FILE to a release key.",
            signer.file().display()
        );
    }
    let inputs = Inputs {
        tree: cli.tree.clone(),
        programs: cli.programs.clone(),
        models: cli.models.clone(),
        notices: cli.notices.clone(),
        scratch: cli.cache.join("bundle"),
        out: cli.out.clone(),
        version: cli.version_is.clone(),
    };
    build::make(&inputs, &signer)
}

/// What was made, and the lines that install it.
fn told(made: &Made) -> String {
    let mb = |bytes: u64| format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10);
    let mut text = format!(
        "{}  {} ({} bytes), {} files\nsha256   {}\nversion  {} from {}\nkey      {}\n",
        made.file.display(),
        mb(made.bytes),
        made.bytes,
        made.files,
        made.sha256,
        made.version,
        made.commit,
        made.key
    );
    for program in &made.programs {
        text.push_str(&format!(
            "         {} {} as built, {} in the bundle\n",
            program.program,
            mb(program.before),
            mb(program.after)
        ));
    }
    let models = match made.models.is_empty() {
        true => "none".to_owned(),
        false => made.models.join(", "),
    };
    let name = made.file.file_name().unwrap_or_default().to_string_lossy();
    let key = match made.built_in_key {
        true => String::new(),
        false => format!("--release-key {} ", made.key),
    };
    text.push_str(&format!(
        "models   {models}\n\n\
         Give the file to whoever installs it, and by another way its sha256 and the key. There, as root:\n\n  \
         echo '{sum}  {name}' | sha256sum -c\n  \
         tar -xpf {name}\n  \
         cd {folder}\n  \
         minisign -Vm manifest.json -P {public}\n  \
         ./install {key}--host NAME --organisation \"YOUR ORGANISATION\"\n\n\
         The last line shows what it would do; with --yes it does it. The line before is for those who \
         have minisign: the program checks the same, and every file too, by itself.",
        sum = made.sha256,
        folder = made.folder,
        public = made.key,
    ));
    text
}
