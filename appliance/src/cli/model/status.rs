//! `model status`: the running server's word, and what lies in the data directory.

use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::data_dir;
use crate::model::standing::{Pack, Standing, of_server, tier_words};
use crate::model::{Work, maker, shelf};
use kernel::ids::DAY;
use kernel::items::Tier;
use serde::Serialize;

#[derive(Serialize)]
struct Status {
    running: bool,
    /// The running server's word.
    #[serde(flatten)]
    standing: Option<Standing>,
    /// Without a server: what lies in the data directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_rest: Option<AtRest>,
}

#[derive(Serialize)]
struct AtRest {
    configured: bool,
    tier: Option<Tier>,
    measured: Option<String>,
    pack: Option<Pack>,
}

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    let dir = &context.data_dir;
    data_dir::identity(dir).map_err(crate::app::Error::from)?;
    let serving = data_dir::serving(dir);
    let standing = serving
        .as_ref()
        .and_then(|serving| of_server(dir, serving.pid));
    let at_rest = match &standing {
        Some(_) => None,
        None => {
            let measured = maker::remembered_in(dir);
            Some(AtRest {
                configured: super::config(context)?.model.file.is_some(),
                tier: measured.as_ref().map(|it| it.tier),
                measured: measured.as_ref().map(local_model::Qualified::summary),
                pack: shelf::about(dir).map(|(version, about)| Pack { version, about }),
            })
        }
    };
    let status = Status {
        running: serving.is_some(),
        standing,
        at_rest,
    };
    context.say(&status, || match (&status.standing, &status.at_rest) {
        (Some(standing), _) => running(standing),
        (None, Some(rest)) => resting(status.running, rest),
        (None, None) => String::new(),
    });
    Ok(())
}

fn running(standing: &Standing) -> String {
    let mut lines = vec![line(
        "model",
        format!(
            "{} {}",
            match &standing.name {
                Some(name) => name,
                None if standing.is_set_up() => "one is configured",
                None => "none",
            },
            match (standing.is_set_up(), standing.state.as_str()) {
                (false, _) => "",
                (_, "ready") => "(runs)",
                (_, "starting") => "(is being started)",
                _ => "(does not run)",
            }
        )
        .trim(),
    )];
    if standing.tier.is_some() || standing.worker.is_some() {
        lines.push(line("tier", tier_words(standing.tier)));
    }
    if let Some(measured) = &standing.measured {
        lines.push(line("measured", measured));
    }
    if let Some(why) = standing.failure() {
        lines.push(line("why", &format!("{}: {}", why.code, why.text)));
        lines.push(line("fix", &why.fix));
    }
    if let Some(seconds) = standing.retry_in_s {
        lines.push(line("next try", &format!("in {seconds} s")));
    }
    if let Some(worker) = standing.worker {
        lines.push(line("process", &worker.to_string()));
    }
    if let Some(engine) = &standing.engine {
        lines.push(line("engine", engine));
    }
    if let Some(sandbox) = &standing.sandbox {
        for (at, text) in sandbox.lines.iter().enumerate() {
            lines.push(line(if at == 0 { "sandbox" } else { "" }, text));
        }
    }
    if standing.is_set_up() {
        let counts = &standing.counts;
        lines.push(line(
            "counted",
            &format!(
                "{} starts, {} of them after an end; jobs: {} done, {} refused, {} late, {} at which \
                 it died",
                counts.starts, counts.restarts, counts.done, counts.refused, counts.late, counts.died
            ),
        ));
    }
    match standing.work {
        Work::Idle => {}
        Work::Measuring { done, of } => {
            lines.push(line("now", &format!("being measured, {done} of {of}")));
        }
        Work::Making { done, of } => {
            lines.push(line(
                "now",
                &format!("making items, concept {done} of {of}"),
            ));
        }
    }
    if let Some(trouble) = &standing.trouble {
        let text = format!("{}: {}", trouble.code, trouble.cause);
        lines.push(line("trouble", &text));
    }
    lines.push(pack(standing.pack.as_ref()));
    lines.concat()
}

fn resting(serves: bool, rest: &AtRest) -> String {
    let server = match serves {
        true => "runs, and has not said yet how its model stands",
        false => "does not run",
    };
    let model = match rest.configured {
        true => "configured; `aiworklab-appliance model doctor` says whether it would run",
        false => "none",
    };
    let mut lines = vec![line("server", server), line("model", model)];
    if let Some(measured) = &rest.measured {
        lines.push(line("measured", measured));
    }
    lines.push(pack(rest.pack.as_ref()));
    lines.concat()
}

fn pack(pack: Option<&Pack>) -> String {
    let Some(Pack { version, about }) = pack else {
        return line("items", "none made yet");
    };
    let by = match &about.model {
        Some(part) => format!("{} of them chosen by {}", about.chosen, part.name),
        None => "drawn without a model".to_owned(),
    };
    let day = crate::http::pages::date(about.at.div_euclid(DAY));
    line(
        "items",
        &format!(
            "{} on {} concepts, {by}, made on {day}; version {version}",
            about.items, about.concepts
        ),
    )
}

fn line(name: &str, text: &str) -> String {
    format!("{name:9} {text}\n")
}
