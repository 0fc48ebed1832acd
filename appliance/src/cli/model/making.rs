//! `model qualify`, `model try`, `model make`: what the server does by itself, done once, here.

use super::{MakeArgs, TryArgs, Which, config, spec_of, started, troubled, would_not_run};
use crate::cli::Context;
use crate::cli::failure::{Exit, Failure};
use crate::config::Config;
use crate::http::error::chain;
use crate::model::patient::Patient;
use crate::model::shelf::{About, Made};
use crate::model::{identity, maker};
use kernel::catalogue::Catalogue;
use kernel::ids::Slug;
use kernel::items::Pack;
use local_model::{Host, NoModel, Qualified, RankError, Reason, Recipe, make_pack};
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::path::Path;

/// A line on a terminal that is written over; nothing elsewhere.
struct Progress(bool);

impl Progress {
    fn new(context: &Context) -> Self {
        Self(!context.json && std::io::stderr().is_terminal())
    }

    fn say(&self, text: &str) {
        if self.0 {
            let _ = write!(std::io::stderr(), "\r\x1b[K{text}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.say("");
    }
}

/// A running model, and what it earned, if that is known or asked for.
struct Running {
    host: Host,
    qualified: Option<Qualified>,
}

/// Measures it.
pub(super) fn qualify(context: &Context, which: &Which) -> Result<(), Failure> {
    let config = config(context)?;
    let spec = spec_of(&config, which).map_err(|reason| would_not_run(&reason))?;
    let measured = crate::cli::runtime()?.block_on(async {
        let (host, about) = started(spec).await?;
        let progress = Progress::new(context);
        let now = context.edges.clock.now();
        let measured = match identity(&about, Catalogue::builtin().version()) {
            Some(identity) => {
                let told = |done, of| progress.say(&format!("measuring: {done} of {of}"));
                let patient = Patient::new(&host, context.edges.clock.clone());
                let measured = maker::measure_with(&patient, identity, now, told).await;
                measured.map_err(|trouble| troubled("measure the model", trouble))
            }
            None => Err(would_not_run(&Reason::NotConfigured)),
        };
        host.stop().await;
        measured
    })?;
    context.say(&measured, || measured.lines().join("\n"));
    Ok(())
}

/// Makes one check.
pub(super) fn try_concept(context: &Context, args: &TryArgs) -> Result<(), Failure> {
    let catalogue = Catalogue::builtin();
    let concept = concept(catalogue, &args.concept)?;
    let config = config(context)?;
    let tried = crate::cli::runtime()?.block_on(async {
        match running(context, &config, &args.which, args.no_model, false).await? {
            None => {
                let tried =
                    local_model::try_concept(catalogue, &NoModel, None, &concept, args.seed);
                tried.await.map_err(|error| ranking("make a check", &error))
            }
            Some(Running { host, qualified }) => {
                let qualified = qualified.as_ref();
                let patient = Patient::new(&host, context.edges.clock.clone());
                let tried =
                    local_model::try_concept(catalogue, &patient, qualified, &concept, args.seed)
                        .await;
                host.stop().await;
                tried.map_err(|error| ranking("make a check", &error))
            }
        }
    })?;
    context.say(&tried.explained, || tried.explained.lines().join("\n"));
    Ok(())
}

#[derive(Serialize)]
struct Done {
    dry_run: bool,
    /// Where it lies.
    out: Option<String>,
    version: Option<String>,
    /// What would be, or was, made of each concept.
    per_concept: usize,
    seed: u64,
    /// Items on how many concepts, chosen by whom.
    pack: Option<About>,
    /// What happened on the way.
    report: Option<local_model::Report>,
    seconds: f64,
}

/// Makes a pack.
pub(super) fn make(context: &Context, args: &MakeArgs) -> Result<(), Failure> {
    let (catalogue, config) = (Catalogue::builtin(), config(context)?);
    let mut done = Done {
        dry_run: args.dry_run,
        out: args.out.as_ref().map(|path| path.display().to_string()),
        version: None,
        per_concept: args.count,
        seed: args.seed,
        pack: None,
        report: None,
        seconds: 0.0,
    };
    if args.dry_run {
        let concepts = catalogue.iter().filter(|it| it.is_askable()).count();
        let to = done.out.as_deref().unwrap_or("nowhere: it is only counted");
        context.say(&done, || {
            format!(
                "Nothing was made. There would be up to {} items of each of {concepts} concepts, \
                 with draw {}, written to {to}.",
                args.count, args.seed
            )
        });
        return Ok(());
    }
    let begun = context.edges.clock.ticks();
    let made = crate::cli::runtime()?.block_on(packed(context, &config, args))?;
    done.seconds = context
        .edges
        .clock
        .ticks()
        .saturating_sub(begun)
        .as_secs_f64();
    let (pack, report, measured) = made;
    let bytes = pack.to_bytes();
    done.version = Some(Pack::version_of(&bytes));
    let of = Made {
        program: crate::cli::VERSION.to_owned(),
        catalogue: catalogue.version(),
        monday: crate::jobs::last_monday(context.edges.clock.now()),
        measured,
        signer: String::new(),
    };
    let about = About::of(&pack, of, context.edges.clock.now(), bytes.len());
    done.pack = Some(about.clone());
    match args.out.as_deref() {
        Some(path) if path == Path::new("-") => {
            let mut out = std::io::stdout().lock();
            let written = out.write_all(&bytes).and_then(|()| out.write_all(b"\n"));
            return written.map_err(|error| unwritten(path, &error));
        }
        Some(path) => std::fs::write(path, &bytes).map_err(|error| unwritten(path, &error))?,
        None => {}
    }
    let lines = report.lines();
    done.report = Some(report);
    context.say(&done, || {
        let to = match &done.out {
            Some(path) => format!("Written to {path}, not signed"),
            None => "Nothing was kept".to_owned(),
        };
        format!(
            "Made {} items on {} concepts in {:.1} s, {} of them chosen by a model. {to}.\n{}",
            about.items,
            about.concepts,
            done.seconds,
            about.chosen,
            lines.join("\n")
        )
    });
    Ok(())
}

type Packed = (Pack, local_model::Report, Option<String>);

async fn packed(context: &Context, config: &Config, args: &MakeArgs) -> Result<Packed, Failure> {
    let catalogue = Catalogue::builtin();
    let told = Progress::new(context);
    let progress = |at: local_model::Progress| {
        told.say(&format!(
            "{} of {} concepts, {} items: {}",
            at.done, at.of, at.items, at.concept
        ));
    };
    let recipe = |qualified| Recipe {
        qualified,
        seed: args.seed,
        per_concept: args.count,
    };
    let running = running(context, config, &args.which, args.no_model, true).await?;
    let (made, measured) = match running {
        None => (
            make_pack(catalogue, &NoModel, recipe(None), progress).await,
            None,
        ),
        Some(Running { host, qualified }) => {
            let patient = Patient::new(&host, context.edges.clock.clone());
            let recipe = recipe(qualified.as_ref());
            let made = make_pack(catalogue, &patient, recipe, progress).await;
            host.stop().await;
            (made, qualified.map(|it| it.key))
        }
    };
    let made = made.map_err(|error| ranking("make a pack", &error))?;
    Ok((made.pack, made.report, measured))
}

/// The model, started. `None` where none is configured, or none is wanted. What it earned is taken
/// from the data directory; where nothing is known, it is measured if `measure` says so.
async fn running(
    context: &Context,
    config: &Config,
    which: &Which,
    no_model: bool,
    measure: bool,
) -> Result<Option<Running>, Failure> {
    if no_model {
        return Ok(None);
    }
    let spec = match spec_of(config, which) {
        Ok(spec) => spec,
        Err(Reason::NotConfigured) => return Ok(None),
        Err(reason) => return Err(would_not_run(&reason)),
    };
    let (host, about) = started(spec).await?;
    let Some(identity) = identity(&about, Catalogue::builtin().version()) else {
        host.stop().await;
        return Ok(None);
    };
    let known = maker::remembered_in(&context.data_dir).filter(|it| it.is_for(&identity));
    let qualified = match known {
        Some(known) => Some(known),
        None if measure => {
            let progress = Progress::new(context);
            let told = |done, of| progress.say(&format!("measuring: {done} of {of}"));
            let now = context.edges.clock.now();
            let patient = Patient::new(&host, context.edges.clock.clone());
            match maker::measure_with(&patient, identity, now, told).await {
                Ok(measured) => Some(measured),
                Err(trouble) => {
                    host.stop().await;
                    return Err(troubled("measure the model", trouble));
                }
            }
        }
        None => None,
    };
    Ok(Some(Running { host, qualified }))
}

fn concept(catalogue: &Catalogue, text: &str) -> Result<Slug, Failure> {
    let askable = || catalogue.iter().filter(|it| it.is_askable());
    let found = askable().find(|it| it.slug.as_str() == text);
    if let Some(found) = found {
        return Ok(found.slug.clone());
    }
    let known = catalogue.iter().any(|it| it.slug.as_str() == text);
    let names: Vec<&str> = askable().map(|it| it.slug.as_str()).collect();
    Err(match known {
        true => Failure::new(
            Exit::Refused,
            "K121",
            format!("no checks are given on {text}"),
            format!("ask for one of {}", names.join(", ")),
        ),
        false => {
            let near = crate::config::keys::nearest(text, names.iter().copied());
            Failure::new(
                Exit::Refused,
                "K120",
                format!("the catalogue has no concept {text}"),
                match near {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("ask for one of {}", names.join(", ")),
                },
            )
        }
    })
}

fn ranking(doing: &str, error: &RankError) -> Failure {
    Failure::new(
        Exit::Failed,
        error.code(),
        format!("could not {doing}"),
        "`aiworklab-appliance model doctor` says whether the model runs here; --no-model does \
         without it",
    )
    .cause(chain(error))
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Failed,
        "L045",
        "the pack could not be written",
        "name a file in a folder that you may write into, on a disk with room",
    )
    .at(path)
    .because(error)
}
