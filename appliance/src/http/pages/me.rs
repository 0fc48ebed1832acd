//! The reader's own pages. Looking at them opens the link between person and subject, and so
//! leaves an audit row, whose actor is sealed.

use super::signin::take_away;
use super::{date, html, shell, step_up};
use crate::app::App;
use crate::http::auth::{Asked, Caller, SESSION};
use crate::http::error::ApiError;
use crate::http::extract::Fields;
use crate::{own, rules};
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use dashboard_web::pages::confirm::{ConfirmPage, Erased, StepUp};
use dashboard_web::pages::me::{
    Answer, Counted, DeviceState, Kind, Me, MePage, MyConcept, MyDevice, MyGraph,
    SharedCertificate, StoredDelta, StoredRow,
};
use dashboard_web::pages::message::MessagePage;
use dashboard_web::{Link, figures::ConceptRef, paths};
use http::{HeaderValue, header};
use kernel::catalogue::Catalogue;
use kernel::delta::Delta;
use kernel::evidence::Pair;
use kernel::ids::{DAY, DeviceId, Slug};
use kernel::sync::Row;
use kernel::wire::v1::AggregateChoice;
use org_store::{Act, Action, device, person, subject};
use std::collections::BTreeMap;

/// How many stored rows the page holds; it shows the newest ten, and unfolds the others.
const ROWS: usize = 200;

struct Held {
    graph: BTreeMap<Slug, Pair>,
    rows: Vec<Row>,
    state: subject::SubjectState,
}

/// `GET /me`.
///
/// # Errors
/// The store's.
pub async fn show(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
) -> Result<Response, ApiError> {
    let person = caller.person()?.person;
    let today = asked.now.div_euclid(DAY);
    let (identity, devices) = app
        .store()
        .read(move |txn| {
            let devices = device::of_person(txn, person)?
                .into_iter()
                .map(|found| {
                    let shared = device::shared(txn, found.device, today)?;
                    Ok((found, shared))
                })
                .collect::<org_store::Result<Vec<_>>>()?;
            Ok((person::get(txn, person)?, devices))
        })
        .await?;
    let act = Act::new(caller.actor(), Action::ViewOwnGraph, asked.now);
    let held = app
        .store()
        .write(act, |txn| {
            let subject = match txn.subject() {
                Ok(subject) => subject,
                // Somebody who never enrolled a device: a page that says how, not an error.
                Err(org_store::Error::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(error),
            };
            Ok(Some(Held {
                graph: subject::graph(txn, subject, rules::resolve)?,
                rows: subject::rows(txn, subject, ROWS)?,
                state: subject::state(txn, subject)?,
            }))
        })
        .await?;
    let content = match held {
        None => Me::NotEnrolled {
            enrol_command: Some(app.enrol_command()),
            identity: account(&app, identity),
        },
        Some(held) => {
            let account = account(&app, identity);
            Me::Graph(Box::new(graph(&held, account, &devices, asked.now)))
        }
    };
    html(
        MePage {
            shell: shell(&app, &caller, &asked),
            content,
        }
        .render(),
    )
}

/// What the account says, as term and value.
fn account(app: &App, person: Option<person::Person>) -> Vec<(String, String)> {
    let Some(person) = person else {
        return Vec::new();
    };
    let mut lines = vec![("Name".to_owned(), person.name)];
    lines.extend(person.email.map(|email| ("E-mail".to_owned(), email)));
    lines.push((
        "Role".to_owned(),
        super::role(person.role).word().to_owned(),
    ));
    lines.push((
        "Signs in through".to_owned(),
        super::source(app, &person.issuer),
    ));
    lines.extend(person.last_sign_in.map(|day| {
        let day = date(day).strftime("%-d %B %Y").to_string();
        ("Last signed in".to_owned(), day)
    }));
    lines
}

fn graph(
    held: &Held,
    identity: Vec<(String, String)>,
    devices: &[(device::Device, Option<device::Shared>)],
    now: i64,
) -> MyGraph {
    let concepts = held
        .graph
        .iter()
        .map(|(slug, pair)| MyConcept {
            concept: concept_ref(slug),
            domain: domain(slug),
            state: state(pair.state),
            last_counted: pair.last_answer().map(|answer| date(answer.at.day())),
        })
        .collect();
    MyGraph {
        concepts,
        rows: held.rows.iter().map(stored).collect(),
        rows_total: held.state.deltas,
        all_rows: Some(Link::new("All of them, as a file", paths::ME_EXPORT)),
        last_synced: devices
            .iter()
            .filter_map(|(device, _)| device.last_seen)
            .max()
            .map(date),
        identity,
        counted: counted(&held.state, now),
        devices: devices
            .iter()
            .map(|(device, shared)| my_device(device, shared.as_ref(), now))
            .collect(),
    }
}

/// Whether they count: 14 days after the first sync, with evidence on five days after that date.
fn counted(state: &subject::SubjectState, now: i64) -> Counted {
    if state.choice == AggregateChoice::Out {
        return Counted::LeftOut;
    }
    let today = now.div_euclid(DAY);
    let Some(first) = state.first_sync else {
        return Counted::NotYet {
            ripens: date(today + 14),
        };
    };
    let days = state.evidence_days.iter().copied();
    match kernel::aggregate::ripe_from(first, days) {
        Some(ripe) if ripe <= today => Counted::Since(date(next_monday(ripe))),
        Some(ripe) => Counted::NotYet { ripens: date(ripe) },
        None => Counted::NotYet {
            ripens: date((first + 14).max(today)),
        },
    }
}

/// The Monday on or after a day. Day 0, 1 January 1970, was a Thursday.
fn next_monday(day: i64) -> i64 {
    day + (4 - day).rem_euclid(7)
}

fn stored(row: &Row) -> StoredRow {
    StoredRow {
        stream: row.stream.to_string(),
        index: row.index,
        delta: Some(stored_delta(&row.delta)),
    }
}

fn stored_delta(delta: &Delta) -> StoredDelta {
    let object = delta.to_object();
    let text = |key: &str| {
        object
            .get(key)
            .and_then(|value| value.as_str())
            .map(str::to_owned)
    };
    let concept = text("c").unwrap_or_default();
    let answer = || Answer {
        pass: text("o").as_deref() == Some("pass"),
        form: text("m").unwrap_or_default(),
    };
    let kind = match text("k").as_deref() {
        Some("seen") => Kind::Seen,
        Some("check") => Kind::Check(answer()),
        Some("probe") => Kind::Probe(answer()),
        Some("retract") => Kind::Retract,
        other => Kind::Other(other.unwrap_or_default().to_owned()),
    };
    let word = |key| text(key).and_then(|word| dashboard_web::State::from_word(&word));
    StoredDelta {
        title: Slug::new(concept.clone())
            .ok()
            .map(|slug| concept_ref(&slug).title),
        concept,
        kind,
        transition: word("f").zip(word("t")),
        at: object
            .get("at")
            .and_then(serde_json::Value::as_i64)
            .unwrap_or_default(),
    }
}

fn my_device(device: &device::Device, shared: Option<&device::Shared>, now: i64) -> MyDevice {
    MyDevice {
        id: device.device.to_string(),
        name: device.name.clone(),
        platform: device.platform.clone(),
        last_synced: device.last_seen.map(date),
        certificate: device_state(device, now),
        shared: shared.map(|shared| SharedCertificate {
            since: date(shared.since),
            last: shared.last.iter().copied().map(date).collect(),
        }),
    }
}

/// How a device's certificate stands.
#[must_use]
pub fn device_state(device: &device::Device, now: i64) -> DeviceState {
    match device.revoked {
        Some(day) => DeviceState::Revoked(Some(date(day))),
        None if device.not_after < now.div_euclid(DAY) => {
            DeviceState::Expired(date(device.not_after))
        }
        None => DeviceState::Valid(date(device.not_after)),
    }
}

/// A concept with its title; the slug itself for one that this release does not know.
#[must_use]
pub fn concept_ref(slug: &Slug) -> ConceptRef {
    let found = Catalogue::builtin().get(slug);
    let title = found.map_or_else(|| slug.to_string(), |concept| concept.title.clone());
    ConceptRef::new(slug.as_str(), title)
}

/// The area that a concept belongs to: its furthest ancestor's title.
#[must_use]
pub fn domain(slug: &Slug) -> String {
    let catalogue = Catalogue::builtin();
    let top = catalogue
        .ancestors(slug)
        .last()
        .copied()
        .or_else(|| catalogue.get(slug));
    top.map_or_else(
        || "Your organisation’s own".to_owned(),
        |concept| concept.title.clone(),
    )
}

/// A state of the kernel, as pages know it.
#[must_use]
pub const fn state(state: kernel::delta::State) -> dashboard_web::State {
    use kernel::delta::State as Kernel;
    match state {
        Kernel::Unknown => dashboard_web::State::Unknown,
        Kernel::Seen => dashboard_web::State::Seen,
        Kernel::Learning => dashboard_web::State::Learning,
        Kernel::Demonstrated => dashboard_web::State::Demonstrated,
        Kernel::Retained => dashboard_web::State::Retained,
        Kernel::Lapsed => dashboard_web::State::Lapsed,
    }
}

/// `GET /me/export`: a file with all of it.
///
/// # Errors
/// The store's.
pub async fn export(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
) -> Result<Response, ApiError> {
    let exported = own::export(&app, caller.actor(), asked.now).await?;
    let name = HeaderValue::from_static("attachment; filename=\"aiworklab-export.json\"");
    Ok(([(header::CONTENT_DISPOSITION, name)], axum::Json(exported)).into_response())
}

/// `POST /me/aggregate`: in or out of the figures.
///
/// # Errors
/// 400 for neither, the store's and the ledger's.
pub async fn set_aggregate(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, ApiError> {
    let choice = match fields.get("choice") {
        Some("in") => AggregateChoice::In,
        Some("out") => AggregateChoice::Out,
        _ => return Err(ApiError::bad_request("The form says neither in nor out.")),
    };
    own::set_aggregate(&app, caller.actor(), choice, asked.now).await?;
    Ok(Redirect::to(&format!("{}#held", paths::ME)).into_response())
}

/// What there is to erase: whoever never let a device in has an account, and no graph.
async fn erasable(app: &App, caller: &Caller) -> Result<Erased, ApiError> {
    let person = caller.person()?.person;
    let devices = app
        .store()
        .read(move |txn| device::of_person(txn, person))
        .await?;
    Ok(match devices.is_empty() {
        true => Erased::Account,
        false => Erased::Graph,
    })
}

fn confirm_erasure(
    app: &App,
    caller: &Caller,
    asked: &Asked,
    what: Erased,
    typed: Option<&str>,
) -> Result<Response, ApiError> {
    let step = step_up(app, caller, asked, paths::ME_ERASE);
    let shell = shell(app, caller, asked);
    html(ConfirmPage::erase_me(shell, what, typed, Action::EraseOwn.as_str(), step).render())
}

/// `GET /me/erase`: what it would do.
///
/// # Errors
/// The store's.
pub async fn ask_erase(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
) -> Result<Response, ApiError> {
    let what = erasable(&app, &caller).await?;
    confirm_erasure(&app, &caller, &asked, what, None)
}

/// `POST /me/erase`: does it, if the word was typed.
///
/// # Errors
/// The store's and the ledger's.
pub async fn erase(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, ApiError> {
    let what = erasable(&app, &caller).await?;
    let typed = fields.get("word").unwrap_or_default();
    if typed.trim() != "delete" {
        return confirm_erasure(&app, &caller, &asked, what, Some(typed));
    }
    match what {
        Erased::Graph => {
            own::erase(&app, caller.actor(), asked.now).await?;
            html(MessagePage::erased(shell(&app, &caller, &asked), what).render())
        }
        Erased::Account => {
            own::erase_account(&app, caller.actor(), asked.now).await?;
            let shell = shell(&app, &Caller::Nobody, &asked);
            let mut response = html(MessagePage::erased(shell, what).render())?;
            take_away(&mut response, &[SESSION]);
            Ok(response)
        }
    }
}

/// A device of the reader's: its id and what it is called.
///
/// # Errors
/// 404 for a device that is not the reader's.
pub(super) async fn own_device(
    app: &App,
    caller: &Caller,
    id: &str,
) -> Result<(DeviceId, String), ApiError> {
    let id: DeviceId = id.parse().map_err(|_| ApiError::not_found())?;
    let person = caller.person()?.person;
    let found = app.store().read(move |txn| device::get(txn, id)).await?;
    let found = found
        .filter(|found| found.person == person)
        .ok_or_else(ApiError::not_found)?;
    Ok((id, found.name))
}

/// `GET /me/devices/{id}/revoke`: what it would do.
///
/// # Errors
/// 404 for a device that is not the reader's.
pub async fn ask_revoke(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let (id, name) = own_device(&app, &caller, &id).await?;
    let page = ConfirmPage::revoke_device(
        shell(&app, &caller, &asked),
        (&id.to_string(), &name),
        true,
        Action::RevokeOwnDevice.as_str(),
        StepUp::NotNeeded,
    );
    html(page.render())
}

/// `POST /me/devices/{id}/revoke`.
///
/// # Errors
/// 404 for a device that is not the reader's, the store's and the ledger's.
pub async fn revoke(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id: DeviceId = id.parse().map_err(|_| ApiError::not_found())?;
    own::revoke(&app, caller.actor(), id, asked.now).await?;
    Ok(Redirect::to(&format!("{}#devices", paths::ME)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_monday_is_its_own() {
        // 24 November 2026 is a Tuesday, day 20,781.
        assert_eq!(next_monday(20_780), 20_780);
        assert_eq!(next_monday(20_781), 20_787);
        assert_eq!(date(20_780).to_string(), "2026-11-23");
    }
}
