//! Every page in each of its states, with invented names and figures.
//!
//! The tests check what this makes, and `examples/gallery.rs` writes it to a
//! folder for eyes.

mod administration;
mod organisation;
mod person;

use administration::{acts, audit, devices, health, people, step_up_needed};
use dashboard_web::figures::{ConceptRef, Previous};
use dashboard_web::pages::admin::Verified;
use dashboard_web::pages::concepts::ConceptsPage;
use dashboard_web::pages::confirm::{ConfirmPage, Erased, StepUp};
use dashboard_web::pages::enrol::EnrolCodePage;
use dashboard_web::pages::link::LinkPurpose;
use dashboard_web::pages::me::{Me, MePage};
use dashboard_web::pages::message::{LinkGone, MessagePage};
use dashboard_web::pages::{DocsPage, DocsSearchPage};
use dashboard_web::{Error, Link, Role, Room, Shell, SignedIn, manual, paths};
use jiff::civil::date;
use organisation::{
    after_leaving, bound, bounds, concept, left_out, made_of_parts, no_snapshot, overview,
    previous, rows, snapshot, too_few, withheld, withheld_long,
};
use person::{enrolment, link, me, me_empty, me_left_out, me_long, sign_in};

/// 2026-11-24 09:41:00 UTC.
pub const NOW: i64 = 1_795_513_260;
/// What a malicious device would call itself.
pub const EVIL: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";

const ENROL: &str = "aiworklab enrol https://skills.larkfield.internal:8443 --ca-fingerprint sha256:3f9a0c71b5d2e8460f1c7a93be5d20478c61fa9e3b7d5082c4e69f1a0b83e258";
const FINGERPRINT: &str = "sha256:3f9a0c71b5d2e8460f1c7a93be5d20478c61fa9e3b7d5082c4e69f1a0b83e258";

/// The manual, every page of it, and its search in each state.
fn manual_pages() -> Result<Vec<Sample>, Error> {
    let mut pages = Vec::new();
    for (at, page) in manual::pages().iter().enumerate() {
        let html = DocsPage {
            shell: nobody(),
            at,
        }
        .render()?;
        let name = format!("docs-{}", page.slug).leak();
        pages.push(Sample { name, html });
    }
    for (name, query) in [
        ("docs-search", "first administrator"),
        ("docs-search-code", "S003"),
        ("docs-search-some", "administrator zzzz"),
        ("docs-search-none", "<script>alert(1)</script>"),
        ("docs-search-empty", ""),
    ] {
        let page = DocsSearchPage {
            shell: member(),
            found: manual::search(query),
        };
        let html = page.render()?;
        pages.push(Sample { name, html });
    }
    Ok(pages)
}

/// One page, rendered.
pub struct Sample {
    /// Its file name without the ending.
    pub name: &'static str,
    /// The page.
    pub html: String,
}

/// A shell with an administrator signed in.
pub fn shell() -> Shell {
    Shell {
        organisation: "Larkfield Instruments".to_owned(),
        host: "skills.larkfield.internal".to_owned(),
        version: "0.1.0".to_owned(),
        request: "7f3a-91c2".to_owned(),
        now: NOW,
        sample: false,
        degraded: false,
        person: Some(SignedIn {
            name: "Jonas Veld".to_owned(),
            role: Role::Admin,
            through: "Larkfield Entra ID".to_owned(),
            since: NOW - 3000,
        }),
        csrf: "b7c1d2e3".to_owned(),
        notice: None,
        manual_href: Some(paths::MANUAL.to_owned()),
        stored_href: Some(paths::STORED.to_owned()),
    }
}

fn member() -> Shell {
    let mut shell = shell();
    if let Some(person) = &mut shell.person {
        person.name = "Tamsin Orrel".to_owned();
        person.role = Role::Member;
    }
    shell
}

fn nobody() -> Shell {
    Shell {
        person: None,
        csrf: String::new(),
        ..shell()
    }
}

fn sample_store() -> Shell {
    Shell {
        sample: true,
        ..member()
    }
}

fn revoke(shell: Shell, name: &str, step_up: StepUp) -> ConfirmPage {
    ConfirmPage::revoke_device(shell, ("9a", name), false, "device.revoke", step_up)
}

/// Every page in each of its states.
///
/// # Errors
/// If a page could not be made.
pub fn all_pages() -> Result<Vec<Sample>, Error> {
    let entra = Link::new("Larkfield Entra ID", paths::sign_in_with("entra"));
    let met = || {
        vec![
            ConceptRef::new("git-rebase", "Rebasing"),
            ConceptRef::new("sql-joins", "Joins"),
        ]
    };
    let mut pages = Vec::new();
    let mut add = |name: &'static str, html: Result<String, Error>| -> Result<(), Error> {
        pages.push(Sample { name, html: html? });
        Ok(())
    };
    add(
        "overview",
        overview(member(), rows(), Some(previous())).render(),
    )?;
    add(
        "overview-first",
        overview(sample_store(), rows()[3..6].to_vec(), None).render(),
    )?;
    add(
        "overview-no-rows",
        overview(member(), Vec::new(), None).render(),
    )?;
    add("overview-still", {
        let previous = Previous {
            as_of: date(2026, 11, 16),
            rows: rows()
                .into_iter()
                .map(|r| (r.concept.slug, r.cell))
                .collect(),
        };
        overview(member(), rows(), Some(previous)).render()
    })?;
    add("overview-too-few", too_few(7, met()).render())?;
    add("overview-empty", too_few(0, Vec::new()).render())?;
    add(
        "concepts",
        ConceptsPage {
            shell: member(),
            snapshot: Some(snapshot()),
            rows: rows(),
        }
        .render(),
    )?;
    add(
        "concepts-empty",
        ConceptsPage {
            shell: member(),
            snapshot: None,
            rows: Vec::new(),
        }
        .render(),
    )?;
    add("concept", concept().render())?;
    add("concept-withheld", withheld().render())?;
    add("concept-band", after_leaving().render())?;
    add("concept-left-out", left_out().render())?;
    add("concept-made-of-parts", made_of_parts().render())?;
    add("concept-no-snapshot", no_snapshot().render())?;
    add("concept-withheld-long", withheld_long().render())?;
    add("concept-bound", bound().render())?;
    add("overview-bounds", bounds().render())?;
    add("me", me("build-box").render())?;
    add("me-long", me_long().render())?;
    add("me-evil", me(EVIL).render())?;
    add("me-empty", me_empty().render())?;
    add("me-left-out", me_left_out().render())?;
    add(
        "me-start",
        MePage {
            shell: member(),
            content: Me::NotEnrolled {
                enrol_command: Some(ENROL.to_owned()),
                identity: vec![
                    ("Name".to_owned(), "Tamsin Orrel".to_owned()),
                    (
                        "E-mail".to_owned(),
                        "tamsin.orrel@larkfield.example".to_owned(),
                    ),
                ],
            },
        }
        .render(),
    )?;
    add("signin", sign_in(vec![entra.clone()], None).render())?;
    add("signin-none", sign_in(Vec::new(), None).render())?;
    add("signin-problem", sign_in(vec![entra], Some("Larkfield Entra ID sent groups only by reference, which this machine cannot look up. Ask its administrator for app roles.")).render())?;
    add("link-first-admin", link(LinkPurpose::FirstAdmin).render())?;
    add(
        "link-sign-in",
        link(LinkPurpose::SignIn {
            name: "Tamsin Orrel".to_owned(),
        })
        .render(),
    )?;
    add(
        "link-step-up",
        link(LinkPurpose::StepUp {
            name: "Jonas Veld".to_owned(),
        })
        .render(),
    )?;
    add(
        "link-used",
        MessagePage::link_gone(nobody(), LinkGone::Used).render(),
    )?;
    add(
        "link-expired",
        MessagePage::link_gone(nobody(), LinkGone::Expired).render(),
    )?;
    add(
        "link-unknown",
        MessagePage::link_gone(nobody(), LinkGone::Unknown).render(),
    )?;
    let code = |code: &str, problem: Option<&str>| EnrolCodePage {
        shell: member(),
        code: code.to_owned(),
        problem: problem.map(str::to_owned),
        enrol_command: Some(ENROL.to_owned()),
    };
    add("enrol-code", code("", None).render())?;
    add("enrol-code-refused", code("WXYZ-0000", Some("No device waits with the code WXYZ-0000. Codes run out after ten minutes; start again on the laptop.")).render())?;
    add("enrol", enrolment("torrel-x1").render())?;
    add("enrol-evil", enrolment(EVIL).render())?;
    add(
        "enrol-approved",
        MessagePage::device_approved(member(), "torrel-x1").render(),
    )?;
    add(
        "enrol-refused",
        MessagePage::device_refused(member(), "torrel-x1").render(),
    )?;
    add("admin", health(false).render())?;
    add("admin-trouble", health(true).render())?;
    add("admin-people", people(false).render())?;
    add("admin-people-empty", people(true).render())?;
    add("admin-devices", devices(Some(EVIL)).render())?;
    add("admin-devices-empty", devices(None).render())?;
    add(
        "admin-audit",
        audit(Verified::Through(48_214, NOW - 600), acts()).render(),
    )?;
    add(
        "admin-audit-broken",
        audit(Verified::BrokenAt(48_212, NOW - 600), acts()).render(),
    )?;
    add(
        "admin-audit-empty",
        audit(Verified::NotYet, Vec::new()).render(),
    )?;
    add(
        "confirm-revoke",
        revoke(shell(), "build-box", StepUp::Valid(NOW + 240)).render(),
    )?;
    add(
        "confirm-revoke-step-up",
        revoke(shell(), EVIL, step_up_needed()).render(),
    )?;
    add(
        "confirm-step-up-by-link",
        ConfirmPage {
            command: Some("aiworklab-appliance config show".to_owned()),
            fields: vec![("generation".to_owned(), "1".to_owned())],
            ..revoke(
                shell(),
                "build-box",
                StepUp::Needed {
                    ways: Vec::new(),
                    command: Some("aiworklab-appliance admin link".to_owned()),
                },
            )
        }
        .render(),
    )?;
    add(
        "confirm-my-device",
        ConfirmPage::revoke_device(
            member(),
            ("d2", "build-box"),
            true,
            "device.revoke-own",
            StepUp::NotNeeded,
        )
        .render(),
    )?;
    add(
        "confirm-shared",
        ConfirmPage::keep_shared(member(), ("d1", "torrel-x1"), "device.keep-shared").render(),
    )?;
    let erase = |what, typed| {
        ConfirmPage::erase_me(member(), what, typed, "graph.erase", StepUp::NotNeeded).render()
    };
    add("confirm-erase", erase(Erased::Graph, None))?;
    add("confirm-erase-account", erase(Erased::Account, None))?;
    add(
        "confirm-erase-refused",
        erase(Erased::Graph, Some("Delete")),
    )?;
    add("not-found", MessagePage::not_found(member()).render())?;
    add(
        "not-found-signed-out",
        MessagePage::not_found(nobody()).render(),
    )?;
    add(
        "broken",
        MessagePage::broken(
            member(),
            "The store did not answer within two seconds.",
            "S014",
            NOW,
        )
        .render(),
    )?;
    add("stale-form", MessagePage::stale_form(member()).render())?;
    add(
        "refused",
        MessagePage::refused(
            shell(),
            "The last administrator cannot be disabled. Nothing was changed.",
            "Make another administrator first.",
        )
        .render(),
    )?;
    add("busy", MessagePage::busy(nobody(), 30).render())?;
    add("done", MessagePage::done(shell(), Room::Admin, "build-box is revoked.", "It cannot sync from now on. What it already sent stays with its owner. This is entry 48,214 of the audit log.", vec![Link::new("To the devices", paths::ADMIN_DEVICES)]).render())?;
    add(
        "signed-out",
        MessagePage::signed_out(nobody(), true).render(),
    )?;
    add(
        "signed-out-of-link",
        MessagePage::signed_out(nobody(), false).render(),
    )?;
    add(
        "erased",
        MessagePage::erased(member(), Erased::Graph).render(),
    )?;
    add(
        "erased-account",
        MessagePage::erased(nobody(), Erased::Account).render(),
    )?;
    pages.extend(manual_pages()?);
    Ok(pages)
}
