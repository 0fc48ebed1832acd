//! `graph`, `status`, `what-leaves`: what is here, in words or as JSON.

use crate::error::Result;
use crate::graph;
use crate::home::Home;
use crate::pack::{self, Fetched};
use crate::setup;
use crate::spool;
use crate::store::{Store, Txn};
use crate::sync;
use crate::words::{self, count};
use crate::world::World;
use kernel::catalogue::Catalogue;
use kernel::delta::State;
use kernel::evidence::{FOLD_VERSION, Line, lines};
use kernel::sync::client::Local;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

/// What this build does with the file, said wherever it matters.
const AT_REST: &str =
    "plain SQLite, mode 0600: this build does not encrypt it. Keep it on an encrypted disk";

/// The graph as JSON: the same bytes on every machine that holds the same evidence.
///
/// # Errors
/// The store's own.
pub fn graph_json(txn: &mut Txn<'_>) -> Result<Value> {
    let concepts = lines(&graph::pairs(txn)?);
    Ok(json!({
        "fold_version": FOLD_VERSION,
        "catalogue": Catalogue::builtin().version(),
        "concepts": concepts,
    }))
}

/// The graph in words.
///
/// # Errors
/// The store's own.
pub fn graph_text(txn: &mut Txn<'_>) -> Result<String> {
    let lines = lines(&graph::pairs(txn)?);
    let known = |line: &&Line| matches!(line.state, State::Demonstrated | State::Retained);
    let known = lines.iter().filter(known).count() as u64;
    if lines.is_empty() {
        return Ok(
            "Nothing yet. Concepts appear here once your coding agent's hooks have told of some.\n"
                .into(),
        );
    }
    let mut out = format!(
        "{} met; {known} demonstrated.\n\n",
        count(lines.len() as u64, "concept")
    );
    let widest = lines
        .iter()
        .map(|line| line.concept.as_str().len())
        .max()
        .unwrap_or(0);
    for line in &lines {
        let answers = match line.answers {
            0 => "never asked".to_owned(),
            n => format!("{} of {n} passed", line.passes),
        };
        let last = line
            .last_answer_day
            .map(|day| format!(", last {}", words::day(day * 86_400)));
        let _ = writeln!(
            out,
            "{:<widest$}  {:<12}  met on {}, {answers}{}",
            line.concept.as_str(),
            words::state(line.state),
            count(line.seen.into(), "day"),
            last.unwrap_or_default(),
        );
    }
    Ok(out)
}

/// Everything about this client's state, as JSON.
///
/// # Errors
/// The store's own.
pub fn status_json(
    world: &dyn World,
    home: &Home,
    program: &Path,
    store: &mut Store,
) -> Result<Value> {
    let waiting = spool::waiting(&home.spool());
    store.read(|txn| {
        let enrolment = txn.enrolment()?.map(|e| {
            json!({
                "people": e.people, "devices": e.devices, "store": e.store, "name": e.name,
                "ca_fingerprint": format!("sha256:{}", e.root), "not_after": e.not_after,
                "certificate_until": words::day(e.not_after),
            })
        });
        let contact = txn.contact()?.map(|c| {
            json!({
                "day": words::day(c.at), "store": c.store, "generation": c.generation,
                "catalogue": c.catalogue, "complete": c.complete,
            })
        });
        Ok(json!({
            "version": env!("CARGO_PKG_VERSION"),
            "wire": sync::WIRE,
            "catalogue": Catalogue::builtin().version(),
            "home": home.path(),
            "store_version": Store::version(),
            "at_rest": AT_REST,
            "evidence": txn.kinds()?,
            "not_sent": sync::unsent(txn)?,
            "set_aside": txn.aside()?.len(),
            "check_waits": txn.waiting()?.is_some(),
            "spool_bytes": waiting.bytes,
            "spool_dropped": waiting.dropped,
            "not_used": txn.tallies()?,
            "pack": txn.pack()?,
            "pack_trouble": txn.pack_trouble()?,
            "claude_code": setup::state(world, program),
            "enrolment": enrolment,
            "last_contact": contact,
            "clock_offset_s": txn.offset()?,
        }))
    })
}

/// The same in words.
///
/// # Errors
/// The store's own.
pub fn status_text(
    world: &dyn World,
    home: &Home,
    program: &Path,
    store: &mut Store,
) -> Result<String> {
    let waiting = spool::waiting(&home.spool());
    let mut out = String::new();
    let mut row = |name: &str, text: String| {
        let text = words::wrapped(&text, 62, "              ");
        let _ = writeln!(out, "{name:<12}  {}", text.trim());
    };
    store.read(|txn| {
        row(
            "Graph",
            format!("{} ({AT_REST})", home.database().display()),
        );
        let kinds: Vec<_> = txn
            .kinds()?
            .iter()
            .map(|(kind, n)| format!("{n} {kind}"))
            .collect();
        let held = if kinds.is_empty() {
            "none yet".to_owned()
        } else {
            kinds.join(", ")
        };
        row(
            "Evidence",
            format!("{held}; {} not sent", sync::unsent(txn)?),
        );
        let aside = txn.aside()?.len();
        if aside > 0 {
            row(
                "Set aside",
                format!("{aside}; `aiworklab sync --explain` says why"),
            );
        }
        let check = if txn.waiting()?.is_some() {
            "one waits: aiworklab quiz"
        } else {
            "none waits; `aiworklab quiz` gives one whenever you like"
        };
        row("Check", check.to_owned());
        row("Claude Code", setup::state(world, program));
        row(
            "Spool",
            format!("{} wait for the agent", words::bytes(waiting.bytes)),
        );
        if waiting.dropped > 0 {
            row(
                "",
                format!(
                    "{} not kept: the spool was full",
                    count(waiting.dropped, "event")
                ),
            );
        }
        for (name, n) in txn.tallies()? {
            row("Not used", format!("{n} × {name}"));
        }
        match txn.enrolment()? {
            None => row(
                "Appliance",
                "not enrolled; everything but `sync` works without one".into(),
            ),
            Some(e) => row(
                "Appliance",
                format!(
                    "{} as \"{}\", certificate until {}, root sha256:{}",
                    e.people,
                    words::plain(&e.name),
                    words::day(e.not_after),
                    e.root
                ),
            ),
        }
        for (name, text) in items_rows(txn)? {
            row(name, text);
        }
        if let Some(c) = txn.contact()? {
            let how = if c.complete { "complete" } else { "broken off" };
            row("Last contact", format!("{}, {how}", words::day(c.at)));
        }
        Ok(())
    })?;
    Ok(out)
}

/// Which items checks are taken from, and what is wrong with newer ones.
fn items_rows(txn: &Txn<'_>) -> Result<Vec<(&'static str, String)>> {
    let kept = txn.pack()?;
    let mut rows = vec![(
        "Items",
        kept.as_ref().map_or_else(
            || "drawn on this machine; no pack of the appliance is here".to_owned(),
            |kept| {
                format!(
                    "pack {} of {}: {}; catalogue {}",
                    kept.version,
                    words::day(kept.at),
                    words::plain(&pack::told(kept)),
                    kept.catalogue
                )
            },
        ),
    )];
    if let Some(trouble) = txn.pack_trouble()? {
        let day = words::day(trouble.at);
        let rest = match kept {
            Some(_) => "the pack above stays in use",
            None => "checks are drawn on this machine",
        };
        rows.push((
            "",
            format!(
                "error {} on {day}: {}; {rest}",
                trouble.code,
                words::plain(&trouble.text)
            ),
        ));
    }
    Ok(rows)
}

/// What a sync says of items: nothing, unless new ones came or could not be taken.
///
/// # Errors
/// The store's own.
pub fn items_after_sync(txn: &Txn<'_>, fetched: Option<&Result<Fetched>>) -> Result<String> {
    Ok(match fetched {
        Some(Ok(Fetched::Taken(kept))) => format!("Items: {}.\n", words::plain(&pack::told(kept))),
        Some(Err(error)) => {
            let rest = match txn.pack()? {
                Some(kept) => format!("Those of {} stay in use.", words::day(kept.at)),
                None => "Checks are drawn on this machine.".to_owned(),
            };
            format!(
                "Items: not taken. {rest}\n{}",
                words::indented(&error.told(), "  ")
            )
        }
        Some(Ok(Fetched::Same | Fetched::NoneYet | Fetched::NotMade)) | None => String::new(),
    })
}

/// What a sync would send, in words before the bytes.
///
/// # Errors
/// The store's own.
pub fn leaves_text(txn: &mut Txn<'_>) -> Result<String> {
    let devices = txn.enrolment()?.map(|e| e.devices);
    let items = pack::request(txn.pack()?.as_ref());
    let items = devices.as_ref().map_or(String::new(), |devices| {
        format!(
            "\nAfter it a sync asks for the items that the appliance made. The request says which of them \
             are here,\nand is the same whatever you do; it has no body:\n\nGET {devices}{items}\n"
        )
    });
    let Some(bytes) = sync::next_push(txn)? else {
        return Ok(format!(
            "Nothing: the appliance holds all that this machine holds.\n{items}"
        ));
    };
    let size = words::exactly(bytes.len());
    let unsent = count(sync::unsent(txn)?, "unsent delta");
    let (head, to) = match devices {
        Some(devices) => (
            format!(
                "The next push is {size}, of {unsent}, and nothing beside it but this device's \
                 certificate:"
            ),
            devices,
        ),
        None => (
            format!(
                "Nothing leaves: this machine is not enrolled. Were it, the next push would be \
                 {size}, of {unsent}:"
            ),
            "https://(the appliance)".to_owned(),
        ),
    };
    let body = String::from_utf8_lossy(&bytes);
    Ok(format!(
        "{head}\n\nPOST {to}/v1/sync/push\n\n{body}\n{items}"
    ))
}
