//! The checks that belong to no part alone: program, policy, settings, folder, harnesses, appliance.

use super::{Finding, Part};
use crate::agent;
use crate::error::{Error, Result};
use crate::home::Home;
use crate::keys;
use crate::likeness::Plans;
use crate::net::{self, Fingerprint};
use crate::own_model;
use crate::policy::{Place, Policy};
use crate::settings::Settings;
use crate::setup::{self, checks::Heard};
use crate::show;
use crate::store::{self, Enrolment, Store};
use crate::words;
use crate::world::World;
use kernel::catalogue::Catalogue;
use kernel::ids::DAY;
use kernel::sync::client::Local;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// No release of this program is older: 2026-01-01, in seconds since 1970 UTC.
const MADE_AFTER: i64 = 1_767_225_600;
/// How long before its end a certificate is spoken of, in seconds: renewing takes a sync.
const SOON_S: i64 = 14 * DAY;
/// How far a clock may be off, in seconds, before it is spoken of.
const CLOCK_S: u64 = 120;
/// After how many days without a complete sync it is spoken of.
const LONG_AGO_DAYS: i64 = 30;

/// The program itself.
pub(super) fn program(world: &dyn World, program: &Path) -> Part {
    let mut findings = vec![Finding::ok(format!(
        "aiworklab {}, catalogue {}, on {} {}",
        env!("CARGO_PKG_VERSION"),
        Catalogue::builtin().version(),
        std::env::consts::OS,
        std::env::consts::ARCH
    ))];
    if std::fs::metadata(program).is_err() {
        findings.push(Finding::warn(
            format!("this program is not at {} any more", program.display()),
            "it was moved or replaced while it runs",
            "Run `aiworklab setup --all` with the new one: hooks call a program by its path.",
        ));
    }
    if world.now() < MADE_AFTER {
        findings.push(Finding::fail(
            format!("this machine's clock says {}", words::day(world.now())),
            "that is before any release of this program",
            "Set the clock; what is met meanwhile gets a wrong date.",
        ));
    }
    Part {
        part: "program",
        findings,
    }
}

/// The organisation's policy.
pub(super) fn policy(policy: &Policy) -> Part {
    let mut findings = vec![match policy.place() {
        Place::Nowhere => Finding::ok("your organisation laid down no policy on this machine"),
        Place::Obeyed(path) => Finding::ok_because(
            format!("{} is obeyed", path.display()),
            "it is root's alone to write; `aiworklab policy show` explains each value",
        ),
        Place::NotObeyed { path, why } => Finding::warn(
            format!("{} is not obeyed", path.display()),
            why.clone(),
            "Whoever manages this machine: make file and folder root's, and writable by root alone \
             (chown root:root, chmod 644 and 755).",
        ),
        Place::Broken { path, why } => Finding::fail(
            format!(
                "{} cannot be read, so everything that a policy restricts is as strict as it can be",
                path.display()
            ),
            match why.line {
                0 => why.why.clone(),
                line => format!("line {line}: {}", why.why),
            },
            "Whoever manages this machine: mend the file. Recording goes on meanwhile.",
        ),
    }];
    if matches!(policy.place(), Place::Obeyed(_)) {
        findings.extend(policy.troubles().map(|(key, at, why)| {
            Finding::fail(
                format!("the policy's {key} cannot be read, so the strictest holds"),
                format!("{at}: {why}"),
                "Whoever manages this machine: mend the value.",
            )
        }));
    }
    findings.extend(policy.unknown().iter().map(|entry| {
        Finding::warn(
            format!(
                "the policy's key {} is not known to this program",
                entry.key
            ),
            format!("line {}; it is passed over", entry.line),
            "Nothing, if it is of a newer release; else look for a slip of the pen in the name.",
        )
    }));
    if let Err(error) = policy.version_allowed() {
        findings.push(Finding::of_error(&error));
    }
    Part {
        part: "policy",
        findings,
    }
}

/// Everything that lies in the client's folder.
pub(super) fn of_home(
    world: &dyn World,
    home: &Home,
    program: &Path,
    policy: &Policy,
) -> Vec<Part> {
    let part = |part, findings| Part { part, findings };
    let opened = Store::peek(world, home);
    let heard = read(opened, |store| {
        store.read(|txn| {
            Ok(Heard {
                last: std::collections::BTreeMap::new(),
                tallies: txn.tallies()?,
            })
        })
    });
    let here = std::env::current_dir().ok();
    let harnesses = setup::checks::checks(
        world,
        home,
        program,
        here.as_deref(),
        &heard.unwrap_or_default(),
    );
    let mut parts = vec![
        part("folder", folder(home)),
        part("settings", settings(&Settings::of(home, policy))),
        part("store", store::checks(world, home)),
        part("keys", keys::checks(world, home)),
        part("agent", agent::checks(world, home)),
        part("harnesses", harnesses),
        part("check", show::checks(world, home)),
        part("plans", vec![plans(home)]),
        part("own model", own_model::checks(world, home)),
        part("appliance", appliance(world, home)),
    ];
    parts.retain(|part| !part.findings.is_empty());
    parts
}

fn read<T>(store: Option<Store>, what: impl FnOnce(&mut Store) -> Result<T>) -> Option<T> {
    what(&mut store?).ok()
}

/// How plans are read: the sentence model's files are compared with their digests, which takes a
/// moment.
fn plans(home: &Home) -> Finding {
    let plans = Plans::new(home);
    let told = plans.json();
    let sentence = format!("plans are read {}", plans.sentence());
    match (told["by"].as_str(), told["folder"].is_null(), &told["why"]) {
        (Some("names"), true, why) if why != "no sentence model" => Finding::warn(
            sentence,
            "a file of the model is not what it should be",
            "Copy the model from the bundle again.",
        ),
        _ => Finding::ok(sentence),
    }
}

fn folder(home: &Home) -> Vec<Finding> {
    let path = home.path();
    let found = match std::fs::metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return vec![Finding::ok(format!(
                "{} is not there yet; the first command that needs it makes it",
                path.display()
            ))];
        }
        Err(source) => {
            let path = path.to_owned();
            return vec![Finding::of_error(&Error::Folder { path, source })];
        }
    };
    let mine = rustix::process::geteuid().as_raw();
    let mode = found.permissions().mode() & 0o777;
    vec![if !found.is_dir() {
        Finding::fail(
            format!("{} is no folder", path.display()),
            "",
            "Move it away, or set AIWORKLAB_HOME to another.",
        )
    } else if found.uid() != mine {
        Finding::fail(
            format!(
                "{} belongs to user {}, not to you",
                path.display(),
                found.uid()
            ),
            format!("you are user {mine}"),
            "Run without sudo, or give the folder back to its owner.",
        )
    } else if mode & 0o077 != 0 {
        Finding::warn(
            format!("{} stands open to others (mode {mode:04o})", path.display()),
            "",
            format!("chmod 700 {}", path.display()),
        )
    } else {
        Finding::ok(format!(
            "{} is yours alone (mode {mode:04o})",
            path.display()
        ))
    }]
}

fn settings(settings: &Settings) -> Vec<Finding> {
    let mut findings: Vec<_> = settings
        .troubles()
        .into_iter()
        .map(|why| {
            Finding::fail(
                "your settings cannot be read, so the quietest holds",
                why,
                format!(
                    "Mend {}, or delete it to go back to the defaults.",
                    settings.at("")
                ),
            )
        })
        .collect();
    findings.extend(settings.unknown().iter().map(|entry| {
        Finding::warn(
            format!("your setting {} is not known to this program", entry.key),
            format!("line {}; it is passed over", entry.line),
            "`aiworklab set` lists the settings that there are.",
        )
    }));
    if findings.is_empty() {
        findings.push(Finding::ok("your settings are understood"));
    }
    findings
}

/// The appliance, as far as it can be told without a word to it.
fn appliance(world: &dyn World, home: &Home) -> Vec<Finding> {
    let told = read(Store::peek(world, home), |store| {
        store.read(|txn| Ok((txn.enrolment()?, txn.contact()?, txn.offset()?)))
    });
    let Some((enrolment, contact, offset)) = told else {
        return Vec::new();
    };
    let Some(enrolment) = enrolment else {
        return vec![Finding::ok(
            "this machine is not enrolled; everything but `sync` works without an appliance",
        )];
    };
    let now = world.now();
    let mut findings = vec![certificate(&enrolment, now)];
    findings.extend(root(home, &enrolment));
    let ahead = offset.unsigned_abs();
    if contact.is_some() {
        findings.push(if ahead > CLOCK_S {
            let way = if offset > 0 { "behind" } else { "ahead of" };
            Finding::warn(
                format!("this machine's clock is {ahead} s {way} the appliance's"),
                "as of the last sync; evidence is dated by the appliance's clock",
                "Set the clock, or turn on the system's time service.",
            )
        } else {
            Finding::ok(format!(
                "the clock was within {ahead} s of the appliance's at the last sync"
            ))
        });
    }
    let days = contact.as_ref().map(|contact| (now - contact.at) / DAY);
    findings.push(match (&contact, days) {
        (Some(contact), Some(days)) if contact.complete && days <= LONG_AGO_DAYS => Finding::ok(
            format!("the last sync, on {}, was complete", words::day(contact.at)),
        ),
        (Some(contact), _) if !contact.complete => Finding::warn(
            format!("the last sync, on {}, broke off", words::day(contact.at)),
            "nothing is lost: the next one goes on from there",
            "aiworklab sync --explain",
        ),
        (Some(contact), _) => Finding::warn(
            format!("the last sync was on {}", words::day(contact.at)),
            "what was recorded since is on this machine alone",
            "aiworklab sync",
        ),
        (None, _) => Finding::warn(
            "this machine is enrolled and has not synced yet",
            "",
            "`aiworklab what-leaves` shows what would go; `aiworklab sync` sends it.",
        ),
    });
    findings
}

fn certificate(enrolment: &Enrolment, now: i64) -> Finding {
    let until = words::day(enrolment.not_after);
    if enrolment.not_after <= now {
        Finding::fail(
            format!("this device's certificate ended on {until}"),
            "nothing that you recorded is lost",
            "Run `aiworklab sync`, which renews it; if the appliance refuses, `aiworklab enrol` again.",
        )
    } else if enrolment.not_after - now < SOON_S {
        Finding::warn(
            format!("this device's certificate ends on {until}"),
            "it is renewed by a sync",
            "aiworklab sync",
        )
    } else {
        Finding::ok(format!("this device's certificate is good until {until}"))
    }
}

/// Whether the root that lies here is the one that was named at enrolment.
fn root(home: &Home, enrolment: &Enrolment) -> Option<Finding> {
    let path = home.root();
    let found = std::fs::read(&path)
        .map_err(|error| error.to_string())
        .and_then(|bytes| net::of_pem(&bytes).map_err(|error| error.to_string()))
        .map(|chain| chain.first().map(|root| Fingerprint::of(root).hex()));
    Some(match found {
        Ok(Some(hex)) if hex == enrolment.root => {
            Finding::ok("the root certificate here is the one that was named at enrolment")
        }
        Ok(_) => Finding::fail(
            format!(
                "{} is not the root that was named at enrolment",
                path.display()
            ),
            format!("named was sha256:{}", enrolment.root),
            "Run `aiworklab enrol` again; ask how the file came to change.",
        ),
        Err(why) => Finding::fail(
            format!("{} cannot be read", path.display()),
            why,
            "Run `aiworklab enrol` again; nothing that you recorded is lost.",
        ),
    })
}
