//! `admin link`: a one-time way in, for whoever can run commands on the machine.

use super::Context;
use super::failure::{Exit, Failure};
use crate::app::Parts;
use crate::config::{Config, Overrides};
use crate::{data_dir, edges};
use identity::LINK_LIFE_S;
use org_store::{Act, Action, Actor, Check, Options, link_token, person};
use serde::Serialize;

#[derive(Serialize)]
struct Link {
    url: String,
    purpose: &'static str,
    person: Option<String>,
    expires_at: i64,
    sample: bool,
}

pub(super) fn link(context: &Context, email: Option<&str>) -> Result<(), Failure> {
    let dir = &context.data_dir;
    data_dir::identity(dir).map_err(crate::app::Error::from)?;
    let config = Config::load(dir, &context.edges.environment, Overrides::default())?;
    let options = Options {
        check: Check::Skip,
        readers: 1,
        ..Options::default()
    };
    let parts = Parts::open(&config, options)?;
    let found = parts
        .store
        .read_blocking(|txn| match email {
            Some(email) => person::by_email(txn, email),
            None => person::any_admin(txn),
        })
        .map_err(crate::app::Error::from)?;
    let (purpose, stored, name) = match (found, email) {
        (Some(found), _) if !found.active => {
            return Err(Failure::new(
                Exit::Refused,
                "S009",
                format!("the account of {} is disabled", found.name),
                "an administrator can enable it under Admin, People",
            ));
        }
        (Some(found), _) => (
            identity::LinkPurpose::SignIn,
            link_token::Purpose::SignIn(found.person),
            Some(found.name),
        ),
        (None, Some(email)) => {
            return Err(Failure::new(
                Exit::Refused,
                "S001",
                format!("nobody with the address {email} is known here"),
                "people become known when they first sign in; leave --for out for an administrator",
            ));
        }
        (None, None) => (
            identity::LinkPurpose::FirstAdmin,
            link_token::Purpose::FirstAdmin,
            None,
        ),
    };
    let random = edges::random(context.edges.entropy.as_ref()).map_err(crate::app::Error::from)?;
    let now = context.edges.clock.now();
    let (token, record) = identity::new_link(purpose, now, random);
    let act = Act::new(Actor::Console, Action::IssueLink, now);
    parts
        .store
        .write_blocking(act, move |txn| {
            link_token::put(txn, &record.hash, stored, now)
        })
        .map_err(crate::app::Error::from)?;
    let addresses = match data_dir::serving(dir) {
        Some(serving) => serving.addresses,
        None => config.addresses(config.people.port(), config.devices.port()),
    };
    let link = Link {
        url: format!("{}{}", addresses.people, dashboard_web::paths::link(&token)),
        purpose: purpose.as_str(),
        person: name,
        expires_at: now + LINK_LIFE_S,
        sample: parts.identity.sample,
    };
    context.say(&link, || {
        let who = match &link.person {
            Some(name) => format!("signs {name} in"),
            None => "makes whoever opens it the first administrator".to_owned(),
        };
        format!(
            "{}\nWorks once, for {} minutes, and {who}.",
            link.url,
            LINK_LIFE_S / 60
        )
    });
    Ok(())
}
