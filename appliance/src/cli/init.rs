//! `init`: a new appliance, whole or not at all. It asks nothing.

use super::failure::{Exit, Failure};
use super::{Context, InitArgs};
use crate::app::database_key;
use crate::authority::Authority;
use crate::config::{self, Said, value};
use crate::data_dir::{self, Build, Identity};
use crate::edges;
use crate::keys::LinkKeys;
use aws_lc_rs::rand::SystemRandom;
use kernel::ids::StoreId;
use key_vault::{Ledger, LedgerSigner, Vault, name};
use org_store::{NewStore, Options, Store};
use serde::Serialize;
use std::path::Path;

#[derive(Serialize)]
struct Made {
    data_dir: String,
    store: StoreId,
    sample: bool,
    organisation: String,
    ca_fingerprint: String,
    root: String,
    names: Vec<String>,
    model: Option<String>,
}

#[derive(Serialize)]
struct Plan {
    dry_run: bool,
    data_dir: String,
    makes: Vec<&'static str>,
    sample: bool,
    organisation: String,
    model: Option<String>,
}

const MAKES: [&str; 7] = [
    "config.toml: the configuration",
    "keys/: the key-encrypting key and the keys under it",
    "store.db: the encrypted database",
    "ledger.jsonl: the ledger",
    "root.pem, issuing.pem: the internal authority",
    "server.pem: the server's certificate",
    "store.json: which store this is",
];

pub(super) fn run(context: &Context, args: &InitArgs) -> Result<(), Failure> {
    let organisation = organisation(args)?;
    if let Some(bad) = args.hosts.iter().find(|host| !value::is_host(host)) {
        return Err(Failure::new(
            Exit::Usage,
            "D010",
            format!("`{bad}` is neither a host name nor an IP address"),
            "give --host a bare name such as skills.example, without https:// and port",
        ));
    }
    data_dir::require_empty(&context.data_dir).map_err(refused)?;
    let said = said(args, organisation)?;
    let model = sound(context, &said)?;
    let shown = context.data_dir.display().to_string();
    if args.dry_run {
        let plan = Plan {
            dry_run: true,
            data_dir: shown,
            makes: MAKES.to_vec(),
            sample: args.sample,
            organisation: said.organisation,
            model,
        };
        context.say(&plan, || {
            let list = MAKES.map(|line| format!("  {line}\n")).concat();
            let with = match &plan.model {
                Some(model) => format!("Its model would be {model}.\n"),
                None => String::new(),
            };
            format!(
                "Nothing was made. In {} there would be:\n{list}{with}",
                plan.data_dir
            )
        });
        return Ok(());
    }
    let made = Made {
        model,
        ..whole_or_nothing(context, args, &said)?
    };
    context.say(&made, || {
        let sample = match made.sample {
            true => "This store is a sample, for good: every page and command says so.\n",
            false => "",
        };
        let model = match &made.model {
            Some(model) => format!("Model: {model}\n"),
            None => String::new(),
        };
        format!(
            "Made an appliance for {} in {}.\n{sample}{model}CA fingerprint: {}\nRoot certificate: {}\nNext: \
             aiworklab-appliance serve --data-dir {}",
            made.organisation, made.data_dir, made.ca_fingerprint, made.root, made.data_dir
        )
    });
    Ok(())
}

/// Makes it.
fn whole_or_nothing(context: &Context, args: &InitArgs, said: &Said) -> Result<Made, Failure> {
    let build = Build::begin(&context.data_dir).map_err(refused)?;
    let made = make(context, args, said, &build.path())?;
    build.finish().map_err(refused)?;
    Ok(made)
}

/// The same without a word, for tests.
#[cfg(test)]
pub(super) fn quietly(context: &Context, args: &InitArgs) -> Result<(), Failure> {
    whole_or_nothing(context, args, &said(args, organisation(args)?)?).map(drop)
}

/// What goes into the configuration. The model's file is hashed here, and has to have that digest
/// for ever after; a link to it stays a link, so that an upgrade may move it.
fn said(args: &InitArgs, organisation: String) -> Result<Said, Failure> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let model = match &args.model {
        Some(path) => {
            let path = absolute(path);
            let (digest, _) = local_model::digest_of(&path).map_err(|reason| unsound(&reason))?;
            Some((path, digest))
        }
        None => None,
    };
    Ok(Said {
        organisation,
        names: args.hosts.clone(),
        people: args.people,
        devices: args.devices,
        model,
        sentences: args.sentences.as_deref().map(absolute),
    })
}

/// Looks at the model before anything is made; its name.
fn sound(context: &Context, said: &Said) -> Result<Option<String>, Failure> {
    let config = configuration(context, &config::template(said))?;
    super::model::inspect(&config).map_err(|reason| unsound(&reason))
}

fn unsound(reason: &local_model::Reason) -> Failure {
    Failure::new(
        Exit::Refused,
        reason.code(),
        format!("this model cannot be used; nothing was made: {reason}"),
        format!(
            "{}; or leave --model out: the appliance works without one",
            crate::model::standing::fix(reason)
        ),
    )
}

fn configuration(context: &Context, text: &str) -> Result<config::Config, Failure> {
    let path = context.data_dir.join(config::FILE);
    let environment = &context.edges.environment;
    let overrides = config::Overrides::default();
    Ok(config::Config::from_text(
        &context.data_dir,
        &path,
        text,
        environment,
        overrides,
    )?)
}

fn organisation(args: &InitArgs) -> Result<String, Failure> {
    let name = match (&args.organisation, args.sample) {
        (Some(name), _) => name.trim().to_owned(),
        (None, true) => "Larkfield Instruments (sample)".to_owned(),
        (None, false) => "Your organisation".to_owned(),
    };
    let good = (1..=120).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    match good {
        true => Ok(name),
        false => Err(Failure::new(
            Exit::Usage,
            "D011",
            "an organisation's name has 1 to 120 characters",
            "give --organisation a shorter name without line breaks",
        )),
    }
}

/// Everything, in the folder where it is built.
fn make(context: &Context, args: &InitArgs, said: &Said, dir: &Path) -> Result<Made, Failure> {
    let now = context.edges.clock.now();
    let random = SystemRandom::new();
    let fails = |doing: &'static str| move |error: crate::app::Error| failed(doing, &error);

    let mut vault = Vault::create(dir, &random).map_err(|e| fails("make the keys")(e.into()))?;
    for name in [
        name::DB,
        name::LINK,
        name::AUDIT_SIGN,
        name::LEDGER_SIGN,
        name::SESSION,
    ] {
        vault
            .ensure_key(name, &random)
            .map_err(|e| fails("make the keys")(e.into()))?;
    }
    let authority = Authority::create(dir, &mut vault, now)
        .map_err(|e| fails("make the internal authority")(e.into()))?;

    let text = config::template(said);
    let config = configuration(context, &text)?;
    let names = config.certificate_names();
    authority
        .server(dir, &mut vault, &names, now)
        .map_err(|e| fails("issue the server's certificate")(e.into()))?;

    let id: [u8; 16] = edges::random(context.edges.entropy.as_ref())
        .map_err(|e| fails("draw the store's id")(e.into()))?;
    let identity = Identity {
        store: StoreId::from_bytes(id),
        sample: args.sample,
    };
    // Below the folder where all is built, whatever the configuration says of later.
    let in_build = |path: &Path| match path.strip_prefix(&context.data_dir) {
        Ok(inside) => dir.join(inside),
        Err(_) => path.to_owned(),
    };
    let link_keys = LinkKeys::open(&vault).map_err(|e| fails("open the keys")(e.into()))?;
    let key = database_key(&vault).map_err(fails("open the keys"))?;
    let new = NewStore {
        store: identity.store,
        sample: identity.sample,
        now,
    };
    let store = Store::create(
        &in_build(&config.store),
        key,
        new,
        Options::default(),
        link_keys,
    )
    .map_err(|e| fails("make the database")(e.into()))?;
    drop(store);
    let seed = vault
        .key(name::LEDGER_SIGN)
        .map_err(|e| fails("open the keys")(e.into()))?;
    LedgerSigner::from_seed(&seed)
        .and_then(|signer| Ledger::create(&in_build(&config.ledger), id, signer, now))
        .map_err(|e| fails("make the ledger")(e.into()))?;

    let write = |name: &str, bytes: &[u8]| data_dir::write_private(&dir.join(name), bytes);
    let bytes = serde_json::to_vec_pretty(&identity).unwrap_or_default();
    write(data_dir::IDENTITY, &bytes).map_err(refused)?;
    write(config::FILE, text.as_bytes()).map_err(refused)?;
    Ok(Made {
        data_dir: context.data_dir.display().to_string(),
        store: identity.store,
        sample: identity.sample,
        organisation: said.organisation.clone(),
        ca_fingerprint: authority.fingerprint(),
        root: context.data_dir.join(data_dir::ROOT).display().to_string(),
        names,
        model: None,
    })
}

fn refused(error: data_dir::Error) -> Failure {
    crate::app::Error::from(error).into()
}

fn failed(doing: &str, error: &crate::app::Error) -> Failure {
    Failure::new(
        Exit::Failed,
        error.code(),
        format!("could not {doing}; nothing was made"),
        "mend the cause and run `init` again",
    )
    .because(error)
}

/// What helps against an error of the store, and how the command ends.
fn store_fix(error: &org_store::Error) -> (Exit, String) {
    use org_store::Error;
    let (exit, fix) = match error {
        Error::DiskFull { .. } => (Exit::Failed, "free space on the disk of the data directory"),
        Error::Busy { .. } => (
            Exit::Failed,
            "wait until the other command or the server is done, then try again",
        ),
        Error::NotFound { .. } | Error::Disabled => {
            (Exit::Refused, "look at the name that was given")
        }
        Error::Exists { .. } => (Exit::Refused, "nothing is to be done; it is there"),
        Error::SnapshotDate => (
            Exit::Refused,
            "look at the machine's clock, and at --clock: a newer snapshot is there already",
        ),
        Error::SchemaTooNew { .. } => (
            Exit::NoAppliance,
            "start the newer build again, or restore a backup that the older one made",
        ),
        Error::Unreadable { .. } => (
            Exit::NoAppliance,
            "restore store.db and keys/ together, from one backup: a database opens with its own \
             key alone",
        ),
        Error::Damaged { .. } => (
            Exit::NoAppliance,
            "keep a copy of the file for whoever helps you, then restore the latest backup; \
             clients give back what it lacks",
        ),
        Error::File { .. } => (
            Exit::NoAppliance,
            "make the file readable and writable for the user that runs this command",
        ),
        _ => (
            Exit::Failed,
            "look whether the disk of the data directory has room (`df`) and answers (`dmesg`)",
        ),
    };
    (exit, fix.to_owned())
}

/// A message of `identity` with the keys as our configuration calls them.
fn our_keys(text: &str) -> String {
    [
        ("root_ca_pem", "ca_file"),
        ("redirect_uri", "public.people_url"),
        ("roles.claim", "roles_claim"),
        ("`step_up`", "`acr_values` or `auth_context`"),
        ("`client_secret`", "`client_secret_file`"),
    ]
    .into_iter()
    .fold(text.to_owned(), |text, (theirs, ours)| {
        text.replace(theirs, ours)
    })
}

impl From<crate::app::Error> for Failure {
    fn from(error: crate::app::Error) -> Self {
        use crate::app::Error;
        let code = error.code();
        let (exit, fix) = match &error {
            Error::Dir(data_dir::Error::NotEmpty { .. }) => (
                Exit::Refused,
                "choose a directory that is empty or not there yet; what lies here was not touched"
                    .to_owned(),
            ),
            Error::Dir(data_dir::Error::NoAppliance { path }) => (
                Exit::NoAppliance,
                format!(
                    "make one with `aiworklab-appliance init --data-dir {}`, or name another with \
                     --data-dir",
                    path.display()
                ),
            ),
            Error::Dir(data_dir::Error::Held { .. }) => (
                Exit::Refused,
                "stop the one that runs, or ask it: `aiworklab-appliance status` says where it is"
                    .to_owned(),
            ),
            Error::Dir(data_dir::Error::Io { .. }) => (
                Exit::NoAppliance,
                "look whether the directory can be read and written by the user that runs this \
                 command, and whether its disk has room"
                    .to_owned(),
            ),
            Error::Provider { source, .. } => (Exit::Config, our_keys(&source.fix())),
            Error::ProviderFile { .. } => {
                (Exit::Config, "make the file readable, or correct its path in [oidc]".to_owned())
            }
            Error::Store(error) | Error::Open { source: error, .. } => store_fix(error),
            Error::Mixed { .. } => (
                Exit::NoAppliance,
                "restore the whole directory from one backup; do not mix files of two".to_owned(),
            ),
            _ => (
                Exit::Failed,
                "the message says which file; `aiworklab-appliance status` shows what can be opened"
                    .to_owned(),
            ),
        };
        let failure = Self::new(exit, code, error.to_string(), fix);
        match (&error, std::error::Error::source(&error)) {
            (Error::Provider { source, .. }, _) => failure.cause(our_keys(&source.explain())),
            (Error::Open { path, source }, _) => {
                let failure = failure.at(path);
                match std::error::Error::source(source) {
                    Some(cause) => failure.because(cause),
                    None => failure,
                }
            }
            (_, Some(source)) => failure.because(source),
            (_, None) => failure,
        }
    }
}
