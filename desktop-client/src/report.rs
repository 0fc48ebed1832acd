//! `graph`, `status`, `what-leaves`: what is here, in words or as JSON.

use crate::agent::{self, daemon::alone};
use crate::error::Result;
use crate::graph::{self, Now};
use crate::home::Home;
use crate::keys::{Keys, Place};
use crate::likeness::Plans;
use crate::pack::{self, Fetched};
use crate::pause;
use crate::policy::schema::span_shown;
use crate::policy::{self, Policy};
use crate::settings::Settings;
use crate::setup;
use crate::spool;
use crate::store::{self, Form, Store, Txn};
use crate::sync;
use crate::wishes::standing;
use crate::words::{self, count};
use crate::world::World;
use kernel::asking::{Claim, Muted};
use kernel::catalogue::Catalogue;
use kernel::delta::State;
use kernel::event::Harness;
use kernel::evidence::{FOLD_VERSION, Line, lines};
use kernel::ids::Slug;
use kernel::sync::client::Local;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// How the store lies on the disk, in words and for programs.
fn at_rest(home: &Home) -> (&'static str, &'static str) {
    match store::form(home) {
        Ok(Some(Form::Encrypted)) => ("encrypted", "encrypted by itself (SQLCipher), mode 0600"),
        Ok(Some(Form::Plain)) => (
            "plain",
            "plain SQLite, mode 0600; `aiworklab protect` says why that is right or not",
        ),
        Ok(None) => ("none", "not there yet"),
        Err(_) => ("unknown", "not to be read; `aiworklab doctor` says why"),
    }
}

/// Where secrets lie, without a question to the keychain.
fn keys_place(world: &dyn World, home: &Home) -> String {
    match Keys::of(world, home).map(|keys| keys.place()) {
        Ok(Place::Keychain) => "in the system's keychain".to_owned(),
        Ok(Place::File) => {
            "in files that only you can read (`aiworklab keys keychain` moves them)".to_owned()
        }
        Err(error) => format!("{error}; `aiworklab doctor` says more"),
    }
}

/// Whether the agent runs, in a sentence.
fn agent_told(world: &dyn World, home: &Home) -> String {
    match alone::running(home) {
        Some(running) => format!(
            "runs since {}, as process {}",
            words::day(running.since),
            running.pid
        ),
        None => format!("does not run; {}", agent::service::state(world).0),
    }
}

/// Each harness, how our hook stands in it, and when it was heard last.
fn harnesses(world: &dyn World, home: &Home, program: &Path) -> Vec<(Harness, String)> {
    Harness::ALL
        .into_iter()
        .map(|harness| {
            let state = match (harness, setup::t3code::watched(home)) {
                (Harness::T3Code, Some(_)) => "its database is read along with".to_owned(),
                (Harness::T3Code, None) => "not set up".to_owned(),
                _ => setup::checks::state(world, program, harness),
            };
            (harness, state)
        })
        .collect()
}

/// The policy in a sentence.
fn policy_told(policy: &Policy) -> Option<String> {
    match policy.place() {
        policy::Place::Nowhere => None,
        policy::Place::Obeyed(path) => Some(format!(
            "{}, obeyed; `aiworklab policy show`",
            path.display()
        )),
        policy::Place::NotObeyed { path, why } => {
            Some(format!("{} is not obeyed: {why}", path.display()))
        }
        policy::Place::Broken { path, .. } => Some(format!(
            "{} cannot be read, so the strictest holds; `aiworklab doctor` says why",
            path.display()
        )),
    }
}

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

/// The engineer's own word on concepts, shown beside what is known.
struct Marks {
    muted: Muted,
    claims: BTreeMap<Slug, Claim>,
    resting: BTreeMap<Slug, u64>,
    now: i64,
}

impl Marks {
    fn read(txn: &Txn<'_>, now: i64) -> Result<Self> {
        let mut resting = BTreeMap::new();
        for (concept, _) in txn.resting()?.into_keys() {
            *resting.entry(concept).or_default() += 1;
        }
        Ok(Self {
            muted: txn.muted()?,
            claims: txn.claims()?,
            resting,
            now,
        })
    }

    fn of(&self, concept: &Slug) -> String {
        let mut out = String::new();
        if self.muted.covers(Catalogue::builtin(), concept) {
            out.push_str("; muted");
        }
        let held = |claim: &&Claim| claim.is_open(self.now) || claim.is_quiet(self.now);
        if let Some(claim) = self.claims.get(concept).filter(held) {
            let _ = write!(out, "; {}", standing(claim, self.now));
        }
        if let Some(n) = self.resting.get(concept) {
            let rests = if *n == 1 { "rests" } else { "rest" };
            let _ = write!(out, "; {} {rests}", count(*n, "rule"));
        }
        out
    }
}

/// The graph in words.
///
/// # Errors
/// The store's own.
pub fn graph_text(txn: &mut Txn<'_>, machine: i64) -> Result<String> {
    let now = Now::at(txn, machine)?.shared;
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
    let marks = Marks::read(txn, now)?;
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
            "{:<widest$}  {:<12}  met on {}, {answers}{}{}",
            line.concept.as_str(),
            words::state(line.state),
            count(line.seen.into(), "day"),
            last.unwrap_or_default(),
            marks.of(&line.concept),
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
    let settings = Settings::load(world, home);
    let harnesses: BTreeMap<_, _> = harnesses(world, home, program)
        .into_iter()
        .map(|(harness, state)| (harness.name(), state))
        .collect();
    store.read(|txn| {
        let enrolment = enrolment_json(txn)?;
        let contact = txn.contact()?.map(|c| {
            json!({
                "day": words::day(c.at), "store": c.store, "generation": c.generation,
                "catalogue": c.catalogue, "complete": c.complete,
            })
        });
        let (new_streams, not_used): (BTreeMap<_, _>, BTreeMap<_, _>) = txn
            .tallies()?
            .into_iter()
            .partition(|(name, _)| store::new_stream(name).is_some());
        Ok(json!({
            "version": env!("CARGO_PKG_VERSION"),
            "wire": sync::WIRE,
            "catalogue": Catalogue::builtin().version(),
            "home": home.path(),
            "store_version": Store::version(),
            "at_rest": at_rest(home).0,
            "keys": Keys::of(world, home).ok().map(|keys| keys.place()),
            "agent": alone::running(home),
            "paused": pause::holds(txn, world.now())?,
            "policy": policy_told(settings.policy()),
            "evidence": txn.kinds()?,
            "not_sent": sync::unsent(txn)?,
            "set_aside": txn.aside()?.len(),
            "check_waits": txn.waiting()?.is_some(),
            "asking": txn.asking()?.0,
            "last_decision": txn.decisions(0)?.last().map(|decided| &decided.sentence),
            "muted": txn.mutes()?.into_keys().collect::<Vec<_>>(),
            "claimed": claimed(txn, world.now())?,
            "resting_rules": txn.resting()?.into_keys().map(|(concept, rule)| {
                json!({ "concept": concept, "rule": rule })
            }).collect::<Vec<_>>(),
            "spool_bytes": waiting.bytes,
            "spool_dropped": waiting.dropped,
            "plans": Plans::at_a_glance(home).json(),
            "not_used": not_used,
            "new_streams": new_streams,
            "pack": txn.pack()?,
            "pack_trouble": txn.pack_trouble()?,
            "harnesses": harnesses,
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
    let settings = Settings::load(world, home);
    let mut out = String::new();
    let mut row = |name: &str, text: String| {
        let text = words::wrapped(&text, 62, "              ");
        let _ = writeln!(out, "{name:<12}  {}", text.trim());
    };
    store.read(|txn| {
        row(
            "Graph",
            format!("{} ({})", home.database().display(), at_rest(home).1),
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
        if let Some(paused) = pause::told(world, txn)? {
            row("Paused", paused);
        }
        let asking = settings.asking(0, true, None);
        let quiet: Vec<_> = asking.quiet.iter().map(|span| span_shown(*span)).collect();
        let off: Vec<_> = asking.days_off.iter().map(|day| day.title()).collect();
        row(
            "Quiet",
            match (quiet.is_empty(), off.is_empty()) {
                (true, true) => "at no hour".to_owned(),
                (false, true) => quiet.join(" and "),
                (true, false) => format!("on {}", off.join(", ")),
                (false, false) => format!("{}, and on {}", quiet.join(" and "), off.join(", ")),
            },
        );
        if !txn.asking()?.0 {
            row(
                "",
                "nothing is asked unasked; `aiworklab asking on` changes that".to_owned(),
            );
        }
        if let Some(last) = txn.decisions(0)?.last() {
            row(
                "Decided",
                format!(
                    "{}; `aiworklab why` says more",
                    words::plain(&last.sentence)
                ),
            );
        }
        let muted: Vec<_> = txn.mutes()?.into_keys().collect();
        if !muted.is_empty() {
            row("Muted", muted.join(", "));
        }
        for (concept, standing) in claimed(txn, world.now())? {
            row("Claimed", format!("{concept}: {standing}"));
        }
        for (concept, rule) in txn.resting()?.into_keys() {
            row("Wrong", format!("rule {rule} of {concept} rests"));
        }
        row("Agent", agent_told(world, home));
        for (harness, state) in harnesses(world, home, program) {
            row(harness.title(), state);
        }
        row("Keys", keys_place(world, home));
        if let Some(policy) = policy_told(settings.policy()) {
            row("Policy", policy);
        }
        row(
            "Plans",
            format!("are read {}", Plans::at_a_glance(home).sentence()),
        );
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
            match store::new_stream(&name) {
                Some(why) => row("New stream", format!("{why} ({n} ×)")),
                None => row("Not used", format!("{n} × {name}")),
            }
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

/// What the engineer says to know, and how it stands.
fn claimed(txn: &mut Txn<'_>, machine: i64) -> Result<BTreeMap<String, String>> {
    let now = Now::at(txn, machine)?.shared;
    let claims = txn.claims()?.into_iter();
    Ok(claims
        .map(|(concept, claim)| (concept.to_string(), standing(&claim, now)))
        .collect())
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

/// Where this machine is enrolled, for programs; null where it is not.
///
/// # Errors
/// The store's own.
pub fn enrolment_json(txn: &Txn<'_>) -> Result<Value> {
    Ok(txn.enrolment()?.map_or(Value::Null, |e| {
        json!({
            "people": e.people, "devices": e.devices, "store": e.store, "name": e.name,
            "ca_fingerprint": format!("sha256:{}", e.root), "not_after": e.not_after,
            "certificate_until": words::day(e.not_after),
        })
    }))
}

/// What a sync did, for programs.
pub fn sync_json(moved: &sync::Moved) -> Value {
    let items = match &moved.items {
        Some(Ok(Fetched::Taken(kept))) => json!({ "state": "taken", "version": kept.version }),
        Some(Ok(Fetched::Same)) => json!({ "state": "same" }),
        Some(Ok(Fetched::NoneYet)) => json!({ "state": "none_yet" }),
        Some(Ok(Fetched::NotMade)) => json!({ "state": "not_made" }),
        Some(Err(error)) => json!({ "state": "not_taken", "error": error.json()["error"] }),
        None => Value::Null,
    };
    let renewed = match &moved.renewed {
        Some(Ok(until)) => json!({ "state": "renewed", "not_after": until }),
        Some(Err(error)) => json!({ "state": "not_renewed", "error": error.json()["error"] }),
        None => Value::Null,
    };
    json!({
        "given": moved.given, "taken": moved.taken, "requests": moved.requests, "items": items,
        "certificate": renewed, "certificate_shared": moved.shared,
    })
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
