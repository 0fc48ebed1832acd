//! One-time links: opening one shows a page with a button, and only the button uses it up, since
//! mail scanners and chat previews open whatever they are sent.

use super::signin::Beginning;
use super::{html, machine, shell};
use crate::app::App;
use crate::http::auth::{Asked, Caller};
use crate::http::error::ApiError;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use dashboard_web::pages::{LinkGone, LinkPage, LinkPurpose, MessagePage};
use dashboard_web::paths;
use http::StatusCode;
use org_store::link_token::{self, LinkState, Purpose};
use org_store::{Act, Action, Actor, person, session};

/// What the session says of how it began.
pub const THROUGH: &str = "a one-time link";

/// `GET /link/{token}`.
///
/// # Errors
/// The store's. A link that is not good is a page of its own.
pub async fn show(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    Path(token): Path<String>,
) -> Result<Response, ApiError> {
    let Ok(hash) = identity::link_hash(&token) else {
        return gone(&app, &caller, &asked, LinkGone::Unknown);
    };
    let now = asked.now;
    let found = app
        .store()
        .read(move |txn| {
            let state = link_token::peek(txn, &hash, now)?;
            let name = match &state {
                LinkState::Good {
                    purpose: Purpose::SignIn(person),
                    ..
                } => person::get(txn, *person)?.map(|person| person.name),
                _ => None,
            };
            Ok((state, name))
        })
        .await?;
    let (purpose, expires_at) = match found {
        (
            LinkState::Good {
                purpose: Purpose::FirstAdmin,
                expires,
            },
            _,
        ) => (LinkPurpose::FirstAdmin, expires),
        (
            LinkState::Good {
                purpose: Purpose::SignIn(person),
                expires,
            },
            name,
        ) => {
            let name = name.unwrap_or_default();
            let same = matches!(&caller, Caller::Person(signed) if signed.person == person);
            let purpose = match same {
                true => LinkPurpose::StepUp { name },
                false => LinkPurpose::SignIn { name },
            };
            (purpose, expires)
        }
        (state, _) => return gone(&app, &caller, &asked, why(&state)),
    };
    let page = LinkPage {
        shell: shell(&app, &Caller::Nobody, &asked),
        action: paths::link(&token),
        purpose,
        expires_at,
        machine: machine(&app, &asked),
    };
    html(page.render())
}

/// `POST /link/{token}`: uses it up, and signs in.
///
/// # Errors
/// The store's.
pub async fn open(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    Path(token): Path<String>,
) -> Result<Response, ApiError> {
    let Ok(hash) = identity::link_hash(&token) else {
        return gone(&app, &caller, &asked, LinkGone::Unknown);
    };
    let now = asked.now;
    // Looked at first: a link that is not good must not leave a row that says somebody signed in.
    let state = app
        .store()
        .read(move |txn| link_token::peek(txn, &hash, now))
        .await?;
    if !matches!(state, LinkState::Good { .. }) {
        return gone(&app, &caller, &asked, why(&state));
    }
    let beginning = Beginning::draw(&app, now)?;
    let (row_of, fresh) = (
        beginning.row(fresh_person(&beginning), THROUGH, Some(now)),
        beginning.fresh(),
    );
    let old = match &caller {
        Caller::Person(signed) => Some(signed.session),
        _ => None,
    };
    let act = Act::new(Actor::Nobody, Action::SignIn, now);
    let opened = app
        .store()
        .write(act, move |txn| {
            let LinkState::Good { purpose, .. } = link_token::spend(txn, &hash, now)? else {
                return Err(org_store::Error::NotFound {
                    kind: org_store::Kind::Session,
                    id: String::new(),
                });
            };
            let as_ = match purpose {
                Purpose::FirstAdmin => person::LocalAs::FirstAdmin,
                Purpose::SignIn(person) => person::LocalAs::Person(person),
            };
            let local = person::LocalSignIn {
                as_,
                name: "Administrator".to_owned(),
                fresh,
            };
            let person = person::sign_in_local(txn, &local)?;
            txn.audit_with("through", "link");
            if let Some(old) = old {
                session::delete(txn, &old)?;
            }
            session::create(
                txn,
                &session::NewSession {
                    person: person.person,
                    ..row_of.clone()
                },
            )?;
            Ok(person.role)
        })
        .await;
    match opened {
        Ok(role) => {
            let to = match role {
                org_store::Role::Admin => paths::ADMIN,
                _ => paths::ME,
            };
            Ok(beginning.welcome(to))
        }
        // Somebody was quicker between the look and the write.
        Err(org_store::Error::NotFound { .. }) => gone(&app, &caller, &asked, LinkGone::Used),
        Err(error) => Err(error.into()),
    }
}

fn fresh_person(beginning: &Beginning) -> kernel::ids::PersonId {
    beginning.fresh().person
}

fn why(state: &LinkState) -> LinkGone {
    match state {
        LinkState::Used => LinkGone::Used,
        LinkState::Expired => LinkGone::Expired,
        _ => LinkGone::Unknown,
    }
}

fn gone(app: &App, caller: &Caller, asked: &Asked, why: LinkGone) -> Result<Response, ApiError> {
    let mut response = html(MessagePage::link_gone(shell(app, caller, asked), why).render())?;
    *response.status_mut() = match why {
        LinkGone::Unknown => StatusCode::NOT_FOUND,
        LinkGone::Used | LinkGone::Expired => StatusCode::GONE,
    };
    Ok(response)
}
