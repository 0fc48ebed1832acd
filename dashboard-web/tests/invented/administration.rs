//! Invented accounts, devices and acts.

use dashboard_web::pages::admin::{
    Act, Area, AreaState, AuditPage, Certificate, Chain, Device, DevicesPage, Fact, HealthPage,
    Need, Outcome, Pages, PeoplePage, Person, Verified,
};
use dashboard_web::pages::confirm::StepUp;
use dashboard_web::pages::me::DeviceState;
use dashboard_web::{Link, Role, paths};
use jiff::civil::date;

use super::{EVIL, NOW, shell};

pub(super) fn step_up_needed() -> StepUp {
    StepUp::Needed {
        ways: vec![Link::new(
            "Confirm through Larkfield Entra ID",
            "/oidc/entra/start?confirm=1&to=%2Fadmin%2Fdevices",
        )],
        command: None,
    }
}

pub(super) fn acts() -> Vec<Act> {
    let act = |entry, at, actor: &str, text: &str, action: &str, by: &str, outcome| Act {
        entry,
        at,
        hour_only: actor == "somebody, sealed",
        actor: actor.to_owned(),
        text: text.to_owned(),
        action: action.to_owned(),
        confirmed_by: by.to_owned(),
        outcome,
    };
    vec![
        act(
            48_214,
            NOW - 60,
            "Jonas Veld",
            "revoked the device build-box",
            "device.revoke",
            "Larkfield Entra ID",
            Outcome::Done,
        ),
        act(
            48_213,
            NOW - 2_400,
            "Jonas Veld",
            "tried to disable the last administrator",
            "person.disable",
            "Larkfield Entra ID",
            Outcome::Refused,
        ),
        act(
            48_212,
            NOW - NOW % 3600 - 90_000,
            "somebody, sealed",
            "opened their own pages",
            "me.open",
            "their session",
            Outcome::Done,
        ),
        act(
            48_211,
            NOW - 400_000,
            "the appliance",
            "made the snapshot of 16 November",
            "snapshot.make",
            "its schedule",
            Outcome::Failed,
        ),
    ]
}

/// The health page; with trouble or without.
pub(super) fn health(trouble: bool) -> HealthPage {
    let area = |name: &str, state, text: &str| Area {
        name: name.to_owned(),
        state,
        text: text.to_owned(),
        seen_at: (state != AreaState::Off).then_some(NOW - 120),
    };
    let certificate = |name: &str, days_ago: i64, days_left: i64, renewal: &str| Certificate {
        name: name.to_owned(),
        not_before: NOW - days_ago * 86_400,
        not_after: NOW + days_left * 86_400,
        renewal: renewal.to_owned(),
    };
    let fact = |term: &str, state, lines: &[&str]| Fact {
        term: term.to_owned(),
        state,
        word: None,
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
    };
    let model = if trouble {
        vec![
            fact(
                "State",
                Some(AreaState::Care),
                &["L003: /models/x.gguf has another digest <b>"],
            ),
            fact("Started again", None, &["51 times since the start"]),
        ]
    } else {
        vec![
            fact("Model", None, &["SmolLM2-135M-Instruct Q4_1"]),
            fact("State", Some(AreaState::Good), &["runs"]),
            fact(
                "Sandbox",
                Some(AreaState::Good),
                &["files: only the model’s, read only", "network: none"],
            ),
        ]
    };
    let (sync, backup, needs) = if trouble {
        (
            area("Sync", AreaState::Broken, "The disk is full: pushes are refused with 503, laptops keep their data"),
            area("Backups", AreaState::Care, "The last copy is nine days old"),
            vec![
                Need {
                    title: "Make room on the disk".to_owned(),
                    text: "Nothing can be stored until then. Laptops keep what they have and give it again by themselves.".to_owned(),
                    link: None,
                    command: Some("df -h /var/lib/aiworklab".to_owned()),
                },
                Need {
                    title: "Look at the audit log".to_owned(),
                    text: "Four acts were refused since yesterday.".to_owned(),
                    link: Some(Link::new("See them", paths::ADMIN_AUDIT)),
                    command: None,
                },
            ],
        )
    } else {
        (
            area(
                "Sync",
                AreaState::Good,
                "129 of 146 laptops today; every accepted fact is on disk",
            ),
            area("Backups", AreaState::Off, "No target is configured"),
            Vec::new(),
        )
    };
    HealthPage {
        shell: shell(),
        step_up_until: (!trouble).then_some(NOW + 240),
        needs,
        areas: vec![
            sync,
            area(
                "Audit",
                AreaState::Good,
                "Chain verified through entry 48,214",
            ),
            area("Sign-in", AreaState::Good, "Larkfield Entra ID answers"),
            backup,
        ],
        model,
        certificates: vec![
            certificate("Root", 265, 7_000, "by you, with the offline key"),
            certificate("Issuing CA", 265, 1_560, "by you, 90 days before"),
            certificate("Server", 340, if trouble { 23 } else { 60 }, "by itself"),
        ],
        acts: acts(),
        facts: vec![
            ("Version".to_owned(), "0.1.0".to_owned()),
            (
                "Store".to_owned(),
                "5b1f0c9ad27e4f6183a0c5e19b7d42f0".to_owned(),
            ),
            ("Generation".to_owned(), "1".to_owned()),
        ],
    }
}

pub(super) fn people(empty: bool) -> PeoplePage {
    let person = |name: &str, role, active, last| Person {
        id: "00ff".to_owned(),
        name: name.to_owned(),
        email: Some("someone@larkfield.example".to_owned()),
        role,
        source: "Larkfield Entra ID".to_owned(),
        last_signed_in: last,
        active,
        changeable: role != Role::Admin,
    };
    PeoplePage {
        shell: shell(),
        step_up_until: None,
        people: if empty {
            Vec::new()
        } else {
            vec![
                person("Jonas Veld", Role::Admin, true, Some(date(2026, 11, 24))),
                person("Tamsin Orrel", Role::Member, true, Some(date(2026, 11, 23))),
                person(EVIL, Role::Lead, false, None),
            ]
        },
        total: if empty { 0 } else { 142 },
        pages: Pages {
            newer: None,
            older: (!empty).then(|| "/admin/people?page=2".to_owned()),
        },
    }
}

/// The devices, one of which has this name.
pub(super) fn devices(name: Option<&str>) -> DevicesPage {
    let device = |name: &str, owner: Option<&str>, certificate| Device {
        id: "9a/../x".to_owned(),
        name: name.to_owned(),
        platform: Some("Linux".to_owned()),
        owner: owner.map(str::to_owned),
        enrolled: Some(date(2026, 10, 1)),
        last_seen: Some(date(2026, 11, 24)),
        certificate,
    };
    DevicesPage {
        shell: shell(),
        step_up_until: Some(NOW - 10),
        devices: name.map_or_else(Vec::new, |name| {
            vec![
                device(
                    "torrel-x1",
                    Some("Tamsin Orrel"),
                    DeviceState::Valid(date(2026, 12, 3)),
                ),
                device(
                    name,
                    Some("Jonas Veld"),
                    DeviceState::Expired(date(2026, 11, 1)),
                ),
                device("build-box", None, DeviceState::Revoked(None)),
            ]
        }),
        total: if name.is_some() { 3 } else { 0 },
        pages: Pages::default(),
    }
}

pub(super) fn audit(verified: Verified, acts: Vec<Act>) -> AuditPage {
    AuditPage {
        shell: shell(),
        step_up_until: None,
        chain: Chain {
            entries: acts.len() as u64,
            verified,
            head: "9c1185a5c5e9fc54612808977ee8f548b2258d31fbadef707cc2f0dbb9b0d6f3".to_owned(),
            command: Some("aiworklab-appliance audit verify".to_owned()),
        },
        acts,
        pages: Pages {
            newer: Some("/admin/audit".to_owned()),
            older: None,
        },
    }
}
