//! An invented person: their graph, their devices, and their ways in.

use dashboard_web::figures::ConceptRef;
use dashboard_web::pages::enrol::EnrolApprovalPage;
use dashboard_web::pages::link::{LinkPage, LinkPurpose};
use dashboard_web::pages::me::{
    Answer, Counted, DeviceState, Kind, Me, MePage, MyConcept, MyDevice, MyGraph,
    SharedCertificate, StoredDelta, StoredRow,
};
use dashboard_web::pages::signin::{Machine, SignInPage};
use dashboard_web::{Link, Notice, State, paths};
use jiff::civil::date;

use super::{FINGERPRINT, NOW, member, nobody, sample_store};

/// The reader's own graph in full; a device of theirs has this name.
pub(super) fn me(device_name: &str) -> MePage {
    let mine = |slug: &str, title: &str, domain: &str, state: State| MyConcept {
        concept: ConceptRef::new(slug, title),
        domain: domain.to_owned(),
        state,
        last_counted: (state < State::Seen).then(|| date(2026, 11, 17)),
    };
    let stored = |index: u64,
                  slug: &str,
                  title: Option<&str>,
                  kind: Kind,
                  from: State,
                  to: State,
                  at: i64| StoredRow {
        stream: "5b1f0c9ad27e4f6183a0c5e19b7d42f0".to_owned(),
        index,
        delta: Some(StoredDelta {
            concept: slug.to_owned(),
            title: title.map(str::to_owned),
            transition: (kind != Kind::Retract).then_some((from, to)),
            kind,
            at,
        }),
    };
    let answer = |pass: bool| Answer {
        pass,
        form: "choice4".to_owned(),
    };
    use State::{Demonstrated, Lapsed, Learning, Retained, Seen, Unknown};
    let graph = MyGraph {
        concepts: vec![
            mine(
                "pg-deadlock-ordering",
                "Lock order and deadlocks",
                "PostgreSQL",
                Lapsed,
            ),
            mine(
                "pg-advisory-locks",
                "PostgreSQL advisory locks",
                "PostgreSQL",
                Demonstrated,
            ),
            mine(
                "pg-transactions",
                "Transactions in PostgreSQL",
                "PostgreSQL",
                Retained,
            ),
            mine(
                "pg-logical-replication",
                "Logical replication",
                "PostgreSQL",
                Seen,
            ),
            mine("rust-pin-unpin", "Pinning", "Rust", Learning),
            mine(
                "rust-error-conversion",
                "Converting errors",
                "Rust",
                Demonstrated,
            ),
            mine("rust-ownership", "Ownership", "Rust", Retained),
            mine(
                "http-etag-concurrency",
                "ETags against lost updates",
                "HTTP",
                Retained,
            ),
            mine("git-rebase", "Rebasing", "Git", Retained),
        ],
        rows: vec![
            stored(
                214,
                "pg-logical-replication",
                Some("Logical replication"),
                Kind::Seen,
                Unknown,
                Seen,
                1_795_507_200,
            ),
            stored(
                213,
                "http-etag-concurrency",
                Some("ETags against lost updates"),
                Kind::Check(answer(true)),
                Demonstrated,
                Retained,
                1_795_453_200,
            ),
            stored(
                212,
                "rust-error-conversion",
                Some("Converting errors"),
                Kind::Check(answer(true)),
                Learning,
                Demonstrated,
                1_795_168_800,
            ),
            stored(
                211,
                "pg-deadlock-ordering",
                Some("Lock order and deadlocks"),
                Kind::Probe(answer(false)),
                Demonstrated,
                Lapsed,
                1_794_906_000,
            ),
            stored(
                210,
                "rust-pin-unpin",
                Some("Pinning"),
                Kind::Check(answer(false)),
                Seen,
                Learning,
                1_794_837_600,
            ),
            StoredRow {
                stream: "5b1f0c9ad27e4f6183a0c5e19b7d42f0".to_owned(),
                index: 209,
                delta: None,
            },
            stored(
                208,
                "*",
                None,
                Kind::Retract,
                Unknown,
                Unknown,
                1_767_268_800,
            ),
        ],
        rows_total: 214,
        all_rows: Some(Link::new("All of them, as a file", paths::ME_EXPORT)),
        last_synced: Some(date(2026, 11, 24)),
        identity: vec![
            ("Name, as stored".to_owned(), "Tamsin Orrel".to_owned()),
            (
                "E-mail, as stored".to_owned(),
                "tamsin.orrel@larkfield.example".to_owned(),
            ),
            ("Role".to_owned(), "engineer".to_owned()),
        ],
        counted: Counted::Since(date(2026, 3, 2)),
        devices: vec![
            MyDevice {
                id: "d1".to_owned(),
                name: "torrel-x1".to_owned(),
                platform: Some("Linux".to_owned()),
                last_synced: Some(date(2026, 11, 24)),
                certificate: DeviceState::Valid(date(2026, 12, 3)),
                shared: Some(SharedCertificate {
                    since: date(2026, 11, 23),
                    last: vec![date(2026, 11, 24), date(2026, 11, 23)],
                }),
            },
            MyDevice {
                id: "d2".to_owned(),
                name: device_name.to_owned(),
                platform: None,
                last_synced: None,
                certificate: DeviceState::Expired(date(2026, 10, 3)),
                shared: None,
            },
            MyDevice {
                id: "d3".to_owned(),
                name: "old-laptop".to_owned(),
                platform: None,
                last_synced: Some(date(2025, 12, 24)),
                certificate: DeviceState::Revoked(Some(date(2026, 1, 3))),
                shared: None,
            },
        ],
    };
    MePage {
        shell: member(),
        content: Me::Graph(Box::new(graph)),
    }
}

/// Half a year's rows, of which the newest 200 are given.
pub(super) fn me_long() -> MePage {
    let mut page = me("build-box");
    if let Me::Graph(graph) = &mut page.content {
        let row = graph.rows[0].clone();
        graph.rows = (0..200)
            .map(|i| StoredRow {
                index: 1_204 - i,
                ..row.clone()
            })
            .collect();
        graph.rows_total = 1_204;
    }
    page
}

pub(super) fn me_empty() -> MePage {
    let graph = MyGraph {
        concepts: Vec::new(),
        rows: Vec::new(),
        rows_total: 0,
        all_rows: None,
        last_synced: None,
        identity: Vec::new(),
        counted: Counted::NotYet {
            ripens: date(2026, 12, 8),
        },
        devices: Vec::new(),
    };
    MePage {
        shell: sample_store(),
        content: Me::Graph(Box::new(graph)),
    }
}

pub(super) fn me_left_out() -> MePage {
    let mut page = me("build-box");
    if let Me::Graph(graph) = &mut page.content {
        graph.counted = Counted::LeftOut;
    }
    page.shell.notice = Some(Notice {
        title: "You are left out of the figures.".to_owned(),
        text: "Your part disappears from the snapshot of 30 November. Your own pages stay as they are.".to_owned(),
    });
    page
}

pub(super) fn machine() -> Machine {
    Machine {
        name: "skills.larkfield.internal".to_owned(),
        fingerprint: FINGERPRINT.to_owned(),
    }
}

pub(super) fn sign_in(providers: Vec<Link>, problem: Option<&str>) -> SignInPage {
    SignInPage {
        shell: nobody(),
        providers,
        machine: machine(),
        problem: problem.map(str::to_owned),
    }
}

pub(super) fn link(purpose: LinkPurpose) -> LinkPage {
    LinkPage {
        shell: nobody(),
        action: paths::link("Zm9vYmFy"),
        purpose,
        expires_at: NOW + 1800,
        machine: machine(),
    }
}

/// What a device asks for, under the name it gave itself.
pub(super) fn enrolment(device_name: &str) -> EnrolApprovalPage {
    EnrolApprovalPage {
        shell: member(),
        code: "WXYZ-4821".to_owned(),
        device_name: device_name.to_owned(),
        platform: Some("Linux".to_owned()),
        from: "10.20.4.31".to_owned(),
        asked_at: NOW - 60,
        expires_at: NOW + 540,
        valid_days: 14,
    }
}
