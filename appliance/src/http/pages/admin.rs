//! Administration: how the appliance stands, its people, devices and audit log, and the changes
//! that an administrator makes. No page here opens anybody's evidence.

use super::log::{LATEST, acts, entry_of};
use super::me::device_state;
use super::words::{counted, grouped};
use super::{date, html, model, role, shell, step_up};
use crate::app::App;
use crate::http::auth::{Asked, Caller};
use crate::http::error::ApiError;
use crate::http::extract::QueryFields;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use dashboard_web::pages::admin::{
    Area, AreaState, AuditPage, Certificate, Chain, Device, DevicesPage, HealthPage, Need, Pages,
    PeoplePage, Person, Verified,
};
use dashboard_web::pages::confirm::ConfirmPage;
use dashboard_web::pages::message::MessagePage;
use dashboard_web::{Link, Room, Shell, paths};
use kernel::ids::{DeviceId, PersonId};
use org_store::{Act, Action, Page, audit, device, person};

/// Lines of one part of a list.
const LINES: u64 = 100;
/// Acts of one part of the log.
const ACTS: u64 = 100;
/// When a certificate's end is worth a word, in seconds.
const SOON: i64 = 30 * 86_400;

/// `GET /admin`.
///
/// # Errors
/// The store's.
pub async fn health(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
) -> Result<Response, ApiError> {
    let counts = app.store().counts(asked.now).await?;
    let acts = acts(&app, None, LATEST).await?;
    let meta = app.store().meta();
    let standing = crate::model::standing::Standing::of(&app);
    let shell = shell(&app, &caller, &asked);
    let mut needs = needs(&app, asked.now);
    needs.extend(model::need(&app, &standing));
    let mut areas = areas(&app, &counts, asked.now);
    areas.extend(model::areas(&standing, asked.now));
    let page = HealthPage {
        step_up_until: caller.fresh_until(&app, asked.now),
        needs,
        areas,
        certificates: certificates(&app),
        model: model::facts(&standing, |at| shell.time(at)),
        acts,
        facts: vec![
            ("Version".to_owned(), crate::cli::VERSION.to_owned()),
            ("Store".to_owned(), meta.store.to_string()),
            (
                "Generation".to_owned(),
                app.enrolling().generation().to_string(),
            ),
            (
                "Catalogue".to_owned(),
                kernel::catalogue::Catalogue::builtin()
                    .version()
                    .to_string(),
            ),
            ("Root certificate".to_owned(), app.authority().fingerprint()),
            ("People".to_owned(), app.addresses().people.clone()),
            ("Devices".to_owned(), app.addresses().devices.clone()),
        ],
        shell,
    };
    html(page.render())
}

fn needs(app: &App, now: i64) -> Vec<Need> {
    let mut needs = Vec::new();
    if app.config().providers.is_empty() {
        needs.push(Need {
            title: "Connect an identity provider".to_owned(),
            text: format!(
                "Until then people sign in by one-time links that you print for them. Add a \
                 section [oidc.NAME] to {}, check it with this line, and start anew:",
                app.config().data_dir.join(crate::config::FILE).display()
            ),
            link: None,
            command: Some(format!(
                "aiworklab-appliance config check --data-dir {}",
                app.config().data_dir.display()
            )),
        });
    }
    for (name, validity) in app.authority().validities() {
        if validity.not_after - now < 6 * SOON {
            needs.push(Need {
                title: format!("{name}: plan its renewal"),
                text: "When it ends, no device can sync any more.".to_owned(),
                link: None,
                command: None,
            });
        }
    }
    needs
}

fn areas(app: &App, counts: &org_store::Counts, now: i64) -> Vec<Area> {
    let area = |name: &str, state, text: String| Area {
        name: name.to_owned(),
        state,
        text,
        seen_at: Some(now),
    };
    let watch = app.watch();
    let audit = match watch.audit {
        crate::watch::Audit::Broken(entry) => area(
            "Audit",
            AreaState::Broken,
            format!("The chain does not fit at entry {entry}"),
        ),
        _ if watch.failing_jobs > 0 => area(
            "Audit",
            AreaState::Care,
            "A background job fails; the log says which".to_owned(),
        ),
        _ => area(
            "Audit",
            AreaState::Good,
            format!(
                "{}, chained and signed",
                counted(counts.audit_rows, "entry", "entries")
            ),
        ),
    };
    let (state, kept) = match app.store().durability() {
        "full" => (AreaState::Good, "every accepted one is on the disk"),
        _ => (AreaState::Care, "a power cut may lose the newest"),
    };
    vec![
        area(
            "Store",
            state,
            format!(
                "{} of {}, encrypted; {kept}",
                counted(counts.deltas, "fact", "facts"),
                counted(counts.subjects, "person", "people")
            ),
        ),
        audit,
        area(
            "Sync",
            AreaState::Good,
            format!(
                "{}, {} today",
                counted(counts.devices, "enrolled device", "enrolled devices"),
                counted(counts.syncs_today, "sync", "syncs")
            ),
        ),
        match app.config().providers.as_slice() {
            [] => area(
                "Sign-in",
                AreaState::Off,
                "No identity provider is configured".to_owned(),
            ),
            providers => {
                let names: Vec<&str> = providers.iter().map(|p| p.name.as_str()).collect();
                area(
                    "Sign-in",
                    AreaState::Good,
                    format!("Through {}", names.join(", ")),
                )
            }
        },
    ]
}

fn certificates(app: &App) -> Vec<Certificate> {
    let mut lines: Vec<Certificate> = app
        .authority()
        .validities()
        .into_iter()
        .map(|(name, validity)| Certificate {
            name: name.to_owned(),
            not_before: validity.not_before,
            not_after: validity.not_after,
            renewal: "by you".to_owned(),
        })
        .collect();
    let watch = app.watch();
    let own = [("Server", watch.server), ("Signer of checks", watch.signer)];
    for (name, validity) in own {
        lines.extend(validity.map(|validity| Certificate {
            name: name.to_owned(),
            not_before: validity.not_before,
            not_after: validity.not_after,
            renewal: "by itself".to_owned(),
        }));
    }
    lines
}

/// `GET /admin/people`.
///
/// # Errors
/// The store's.
pub async fn people(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    QueryFields(query): QueryFields,
) -> Result<Response, ApiError> {
    let (page, number) = part(query.get("part"));
    let (people, total) = app
        .store()
        .read(move |txn| Ok((person::list(txn, page)?, person::count(txn)?)))
        .await?;
    let me = caller.person()?.person;
    let pages = pages(paths::ADMIN_PEOPLE, number, total);
    let people = people
        .into_iter()
        .map(|found| Person {
            id: found.person.to_string(),
            name: found.name,
            email: found.email,
            role: role(found.role),
            source: super::source(&app, &found.issuer),
            last_signed_in: found.last_sign_in.map(date),
            active: found.active,
            changeable: found.person != me,
        })
        .collect();
    let page = PeoplePage {
        step_up_until: caller.fresh_until(&app, asked.now),
        people,
        total,
        pages,
        shell: shell(&app, &caller, &asked),
    };
    html(page.render())
}

/// `GET /admin/devices`.
///
/// # Errors
/// The store's.
pub async fn devices(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    QueryFields(query): QueryFields,
) -> Result<Response, ApiError> {
    let (page, number) = part(query.get("part"));
    let (devices, total) = app
        .store()
        .read(move |txn| Ok((device::list(txn, page)?, device::count(txn)?)))
        .await?;
    let devices = devices
        .into_iter()
        .map(|found| Device {
            id: found.device.to_string(),
            certificate: device_state(&found, asked.now),
            name: found.name,
            platform: found.platform,
            owner: Some(found.owner),
            enrolled: Some(date(found.enrolled_month)),
            last_seen: found.last_seen.map(date),
        })
        .collect();
    let page = DevicesPage {
        step_up_until: caller.fresh_until(&app, asked.now),
        devices,
        total,
        pages: pages(paths::ADMIN_DEVICES, number, total),
        shell: shell(&app, &caller, &asked),
    };
    html(page.render())
}

/// `GET /admin/audit`.
///
/// # Errors
/// The store's.
pub async fn audit(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    QueryFields(query): QueryFields,
) -> Result<Response, ApiError> {
    let before: Option<u64> = query.get("before").and_then(|text| text.parse().ok());
    let acts = acts(&app, before, ACTS).await?;
    let head = app.store().read(|txn| audit::head(txn)).await?;
    let oldest = acts.last().map(|act| act.entry).filter(|entry| *entry > 1);
    let page = AuditPage {
        step_up_until: caller.fresh_until(&app, asked.now),
        chain: Chain {
            entries: head.seq,
            verified: match app.watch().audit {
                crate::watch::Audit::Good(entry, at) => Verified::Through(entry, at),
                crate::watch::Audit::Broken(entry) => Verified::BrokenAt(entry, asked.now),
                crate::watch::Audit::NotYet => Verified::NotYet,
            },
            head: hex::encode(head.hash),
            command: None,
        },
        acts,
        pages: Pages {
            newer: before.map(|_| paths::ADMIN_AUDIT.to_owned()),
            older: oldest.map(|entry| format!("{}?before={entry}", paths::ADMIN_AUDIT)),
        },
        shell: shell(&app, &caller, &asked),
    };
    html(page.render())
}

/// `GET /admin/devices/{id}/revoke`: what it would do.
///
/// # Errors
/// 404, the store's.
pub async fn ask_revoke(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id: DeviceId = id.parse().map_err(|_| ApiError::not_found())?;
    let found = app.store().read(move |txn| device::get(txn, id)).await?;
    let found = found.ok_or_else(ApiError::not_found)?;
    let back = paths::device_revoke(&id.to_string());
    let step = step_up(&app, &caller, &asked, &back);
    let shell = shell(&app, &caller, &asked);
    let audited_as = Action::RevokeDevice.as_str();
    let device = (&*id.to_string(), &*found.name);
    html(ConfirmPage::revoke_device(shell, device, false, audited_as, step).render())
}

/// `POST /admin/devices/{id}/revoke`.
///
/// # Errors
/// 404, 403 without a fresh sign-in, the ledger's.
pub async fn revoke(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id: DeviceId = id.parse().map_err(|_| ApiError::not_found())?;
    let found = app.store().read(move |txn| device::get(txn, id)).await?;
    let found = found.ok_or_else(ApiError::not_found)?;
    let act = Act::new(caller.actor(), Action::RevokeDevice, asked.now);
    app.enrolling()
        .revoke(&app, act, id, crate::enrolling::Ended::Retired)
        .await?;
    let shell = shell(&app, &caller, &asked);
    done(
        &app,
        shell,
        Action::RevokeDevice,
        &format!("{} is revoked.", found.name),
        "It cannot sync from now on. What it already sent stays its person’s.",
        Link::new("To the devices", paths::ADMIN_DEVICES),
    )
    .await
}

/// `GET /admin/people/{id}/disable`: what it would do.
///
/// # Errors
/// 404, the store's.
pub async fn ask_disable(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    ask_state(&app, &caller, &asked, &id, false).await
}

/// `GET /admin/people/{id}/enable`: what it would do.
///
/// # Errors
/// 404, the store's.
pub async fn ask_enable(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    ask_state(&app, &caller, &asked, &id, true).await
}

async fn ask_state(
    app: &App,
    caller: &Caller,
    asked: &Asked,
    id: &str,
    enable: bool,
) -> Result<Response, ApiError> {
    let found = known(app, id).await?;
    let action = paths::person_state(&found.person.to_string(), enable);
    let name = &found.name;
    let (verb, does, does_not) = match enable {
        true => (
            "Enable",
            vec![format!(
                "{name} may sign in again, in the role that the provider gives."
            )],
            "Devices that were revoked stay revoked.",
        ),
        false => (
            "Disable",
            vec![
                format!("{name} is signed out everywhere, at once."),
                "Their devices cannot sync while the account is disabled.".to_owned(),
            ],
            "Nothing of theirs is deleted, and nobody gets to see it. It can be undone.",
        ),
    };
    let page = ConfirmPage {
        room: Room::Admin,
        nav: paths::ADMIN_PEOPLE,
        crumbs: vec![
            Link::new("Health", paths::ADMIN),
            Link::new("People", paths::ADMIN_PEOPLE),
            Link::new(name.clone(), ""),
        ],
        question: format!("{verb} {name}?"),
        does,
        does_not: does_not.to_owned(),
        command: None,
        audited_as: match enable {
            true => Action::EnablePerson.as_str().to_owned(),
            false => Action::DisablePerson.as_str().to_owned(),
        },
        step_up: step_up(app, caller, asked, &action),
        action,
        fields: Vec::new(),
        typed: None,
        button: format!("{verb} {name}"),
        harm: !enable,
        back: paths::ADMIN_PEOPLE.to_owned(),
        shell: shell(app, caller, asked),
    };
    html(page.render())
}

/// `POST /admin/people/{id}/disable`.
///
/// # Errors
/// 404, 403 without a fresh sign-in, 409 for the last administrator.
pub async fn disable(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    set_state(&app, &caller, &asked, &id, false).await
}

/// `POST /admin/people/{id}/enable`.
///
/// # Errors
/// 404, 403 without a fresh sign-in.
pub async fn enable(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    set_state(&app, &caller, &asked, &id, true).await
}

async fn set_state(
    app: &App,
    caller: &Caller,
    asked: &Asked,
    id: &str,
    enable: bool,
) -> Result<Response, ApiError> {
    let found = known(app, id).await?;
    let person = found.person;
    let action = if enable {
        Action::EnablePerson
    } else {
        Action::DisablePerson
    };
    let act = Act::new(caller.actor(), action, asked.now);
    app.store()
        .write(act, move |txn| person::set_active(txn, person, enable))
        .await?;
    let (finding, text) = match enable {
        true => (
            format!("{} is enabled.", found.name),
            "They can sign in again.",
        ),
        false => (
            format!("{} is disabled.", found.name),
            "They are signed out everywhere, and their devices cannot sync.",
        ),
    };
    let link = Link::new("To the people", paths::ADMIN_PEOPLE);
    let shell = shell(app, caller, asked);
    done(app, shell, action, &finding, text, link).await
}

async fn known(app: &App, id: &str) -> Result<person::Person, ApiError> {
    let id: PersonId = id.parse().map_err(|_| ApiError::not_found())?;
    let found = app.store().read(move |txn| person::get(txn, id)).await?;
    found.ok_or_else(ApiError::not_found)
}

async fn done(
    app: &App,
    shell: Shell,
    action: Action,
    finding: &str,
    text: &str,
    link: Link,
) -> Result<Response, ApiError> {
    let text = match entry_of(app, action, shell.now).await {
        Some(entry) => format!("{text} This is entry {} of the audit log.", grouped(entry)),
        None => text.to_owned(),
    };
    html(MessagePage::done(shell, Room::Admin, finding, &text, vec![link]).render())
}

/// The part of a list that was asked for, counted from 1.
fn part(text: Option<&str>) -> (Page, u64) {
    let number = text
        .and_then(|text| text.parse().ok())
        .filter(|n| (1..=1_000_000).contains(n));
    let number = number.unwrap_or(1_u64);
    (
        Page {
            offset: (number - 1) * LINES,
            limit: LINES,
        },
        number,
    )
}

fn pages(path: &str, number: u64, total: u64) -> Pages {
    let more = number * LINES < total;
    Pages {
        newer: (number > 1).then(|| format!("{path}?part={}", number - 1)),
        older: more.then(|| format!("{path}?part={}", number + 1)),
    }
}
