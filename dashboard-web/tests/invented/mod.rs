//! Every page in each of its states, with invented names and figures.
//!
//! The tests check what this makes, and `examples/gallery.rs` writes it to a
//! folder for eyes.

use dashboard_web::figures::{
    Band, Basis, Cell, ConceptRef, ConceptRow, Precision, Previous, Retention, Snapshot,
};
use dashboard_web::pages::admin::{
    Act, Area, AreaState, AuditPage, Certificate, Chain, Device, DevicesPage, HealthPage, Need,
    Outcome, Pages, PeoplePage, Person, Verified,
};
use dashboard_web::pages::concept::{ConceptPage, Neighbour, Published, Standing};
use dashboard_web::pages::concepts::ConceptsPage;
use dashboard_web::pages::confirm::{ConfirmPage, StepUp};
use dashboard_web::pages::enrol::{EnrolApprovalPage, EnrolCodePage};
use dashboard_web::pages::link::{LinkPage, LinkPurpose};
use dashboard_web::pages::me::{
    Answer, Counted, DeviceState, Kind, Me, MePage, MyConcept, MyDevice, MyGraph, StoredDelta,
    StoredRow,
};
use dashboard_web::pages::message::{LinkGone, MessagePage};
use dashboard_web::pages::overview::{Figures, Overview, OverviewPage, TooFew};
use dashboard_web::pages::signin::{Machine, SignInPage};
use dashboard_web::{Error, Link, Notice, Role, Room, Shell, SignedIn, State, paths};
use jiff::civil::{Date, date};

/// 2026-11-24 09:41:00 UTC.
pub const NOW: i64 = 1_795_513_260;
/// What a malicious device would call itself.
pub const EVIL: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";

const ENROL: &str = "aiworklab enrol https://skills.larkfield.internal:8443 --ca-fingerprint sha256:3f9a0c71b5d2e8460f1c7a93be5d20478c61fa9e3b7d5082c4e69f1a0b83e258";
const FINGERPRINT: &str = "sha256:3f9a0c71b5d2e8460f1c7a93be5d20478c61fa9e3b7d5082c4e69f1a0b83e258";

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
        person: Some(SignedIn {
            name: "Jonas Veld".to_owned(),
            role: Role::Admin,
            through: "Larkfield Entra ID".to_owned(),
            since: NOW - 3000,
        }),
        csrf: "b7c1d2e3".to_owned(),
        notice: None,
        manual_href: Some("/docs".to_owned()),
        stored_href: Some("/docs/what-leaves".to_owned()),
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
        manual_href: None,
        stored_href: None,
        ..member()
    }
}

fn snapshot() -> Snapshot {
    Snapshot {
        as_of: date(2026, 11, 23),
        next: date(2026, 11, 30),
    }
}

fn kept(value: f64, lo: f64, hi: f64, basis: Basis) -> Retention {
    Retention {
        value,
        lo,
        hi,
        basis,
        precision: Precision::Exact,
    }
}

fn known(n: u32, retention: Retention) -> Cell {
    Cell::Shown {
        n_demonstrated: n,
        n_retained: None,
        retention,
        since: None,
    }
}

fn row(slug: &str, title: &str, domain: &str, risk: u8, band: Band, cell: Cell) -> ConceptRow {
    ConceptRow {
        concept: ConceptRef::new(slug, title),
        domain: domain.to_owned(),
        risk,
        band,
        needs: Vec::new(),
        folded_in: 0,
        cell,
    }
}

/// Rows of every kind: shown on each basis, withheld, a band, all or none, folded, standing.
pub fn rows() -> Vec<ConceptRow> {
    use Band::{Least, Most, Some as Next};
    use Basis::{Blended, Modelled, Observed};
    let mut rows = vec![
        row(
            "pg-deadlock-ordering",
            "Lock order and deadlocks",
            "PostgreSQL",
            3,
            Most,
            known(27, kept(0.41, 0.31, 0.52, Observed)),
        ),
        row(
            "rust-async-cancellation",
            "Cancelling async Rust safely",
            "Rust",
            3,
            Most,
            known(19, kept(0.44, 0.31, 0.58, Blended)),
        ),
        row(
            "pg-serializable-retry",
            "Retrying serialisable transactions",
            "PostgreSQL",
            2,
            Most,
            known(8, kept(0.47, 0.29, 0.66, Modelled)),
        ),
        row(
            "pg-leader-election",
            "Leader election with advisory locks",
            "PostgreSQL",
            3,
            Most,
            Cell::Few,
        ),
        row(
            "jwt-audience-validation",
            "Checking a token’s audience",
            "Web",
            3,
            Next,
            known(34, kept(0.52, 0.42, 0.62, Observed)),
        ),
        row(
            "pg-isolation-levels",
            "Isolation levels",
            "PostgreSQL",
            3,
            Next,
            known(31, kept(0.58, 0.50, 0.66, Observed)),
        ),
        row(
            "http-idempotency",
            "Idempotent requests",
            "HTTP",
            2,
            Next,
            known(29, kept(0.60, 0.51, 0.69, Observed)),
        ),
        row(
            "rust-pin-unpin",
            "Pinning",
            "Rust",
            1,
            Next,
            known(6, kept(0.61, 0.40, 0.79, Modelled)),
        ),
        row(
            "pg-access-control",
            "Access control in PostgreSQL",
            "PostgreSQL",
            2,
            Next,
            known(11, kept(0.64, 0.50, 0.77, Blended)),
        ),
        row(
            "docker-build-secrets",
            "Secrets in image layers",
            "Docker",
            3,
            Next,
            Cell::Between { lo: 0.6, hi: 0.8 },
        ),
        row(
            "pg-advisory-locks",
            "PostgreSQL advisory locks",
            "PostgreSQL",
            3,
            Next,
            known(7, kept(0.83, 0.66, 0.93, Blended)),
        ),
        row(
            "py-context-managers",
            "Context managers",
            "Python",
            1,
            Least,
            known(61, kept(0.88, 0.84, 0.91, Observed)),
        ),
        row(
            "git-rebase",
            "Rebasing",
            "Git",
            2,
            Least,
            known(72, kept(0.81, 0.77, 0.85, Observed)),
        ),
        row(
            "sql-joins",
            "Joins",
            "SQL",
            1,
            Least,
            known(96, kept(0.97, 0.94, 0.99, Observed)),
        ),
        row(
            "py-exceptions",
            "Exceptions in Python",
            "Python",
            1,
            Least,
            known(55, kept(0.79, 0.73, 0.84, Blended)),
        ),
    ];
    rows[0].needs = vec!["pg-isolation-levels".to_owned()];
    rows[2].needs = vec!["pg-isolation-levels".to_owned()];
    rows[8].folded_in = 3;
    rows[14].cell = Cell::Shown {
        n_demonstrated: 55,
        n_retained: Some(31),
        retention: kept(0.79, 0.73, 0.84, Blended),
        since: Some(date(2026, 11, 2)),
    };
    if let Cell::Shown { retention, .. } = &mut rows[13].cell {
        retention.precision = Precision::AtLeast90;
    }
    rows
}

fn previous() -> Previous {
    let mut rows: Vec<(String, Cell)> = rows()
        .into_iter()
        .map(|r| (r.concept.slug, r.cell))
        .collect();
    rows.retain(|(slug, _)| slug != "pg-leader-election");
    for (slug, cell) in &mut rows {
        match slug.as_str() {
            "pg-advisory-locks" => *cell = known(6, kept(0.74, 0.58, 0.88, Basis::Blended)),
            "pg-isolation-levels" => *cell = known(30, kept(0.66, 0.58, 0.74, Basis::Observed)),
            "rust-pin-unpin" => *cell = Cell::Few,
            _ => {}
        }
    }
    Previous {
        as_of: date(2026, 11, 16),
        rows,
    }
}

fn overview(shell: Shell, rows: Vec<ConceptRow>, previous: Option<Previous>) -> OverviewPage {
    let figures = Figures {
        snapshot: snapshot(),
        counted: 138,
        rows,
        previous,
    };
    OverviewPage {
        shell,
        content: Overview::Figures(figures),
    }
}

fn too_few(counted: u32, met: Vec<ConceptRef>) -> OverviewPage {
    OverviewPage {
        shell: member(),
        content: Overview::TooFew(TooFew {
            counted,
            snapshot: (counted > 0).then(snapshot),
            first_figures: (counted > 0).then(|| date(2026, 12, 14)),
            met,
            sample: Some(Link::new(
                "See the sample organisation",
                "https://127.0.0.1:8445/",
            )),
            enrol_command: Some(ENROL.to_owned()),
        }),
    }
}

/// The concept page in full.
pub fn concept() -> ConceptPage {
    let cell = Cell::Shown {
        n_demonstrated: 17,
        n_retained: Some(9),
        retention: kept(0.83, 0.66, 0.93, Basis::Blended),
        since: None,
    };
    let point = |as_of: Date, cell: Cell| Published { as_of, cell };
    let near = |slug: &str, title: &str, why: Option<&str>, cell: Option<Cell>| Neighbour {
        concept: ConceptRef::new(slug, title),
        why: why.map(str::to_owned),
        cell,
    };
    ConceptPage {
        shell: member(),
        snapshot: Some(snapshot()),
        concept: ConceptRef::new("pg-advisory-locks", "PostgreSQL advisory locks"),
        summary: "Locks on application-chosen numbers, held by a session or a transaction, which guard whatever the application agrees that they guard.".to_owned(),
        domain: "PostgreSQL".to_owned(),
        parent: Some(ConceptRef::new("pg-concurrency", "Concurrency in PostgreSQL")),
        risk: 3,
        risk_reason: "A leaked or imagined lock stops a job queue or lets two migrations run at once, in production and not in tests.".to_owned(),
        standing: Standing::Published { cell, folded_in: 0 },
        history: vec![
            point(date(2026, 6, 1), Cell::Few),
            point(date(2026, 7, 13), known(8, kept(0.62, 0.40, 0.82, Basis::Modelled))),
            point(date(2026, 8, 10), known(9, kept(0.66, 0.45, 0.84, Basis::Modelled))),
            point(date(2026, 9, 14), Cell::Between { lo: 0.60, hi: 0.80 }),
            point(date(2026, 10, 19), known(14, kept(0.74, 0.58, 0.88, Basis::Blended))),
            point(date(2026, 11, 16), cell),
        ],
        needs: vec![
            near("pg-transactions", "Transactions in PostgreSQL", Some("Who holds a lock for how long is told in terms of commit, rollback and session."), Some(known(58, kept(0.88, 0.82, 0.92, Basis::Observed)))),
            near("pg-connection-pooling", "Connection pooling", Some("The usual accident is a session lock behind a pooler that swaps sessions."), Some(known(33, kept(0.61, 0.5, 0.7, Basis::Observed)))),
        ],
        builds: vec![
            near("pg-job-queues", "Job queues in PostgreSQL", None, Some(known(9, kept(0.42, 0.3, 0.6, Basis::Modelled)))),
            near("pg-leader-election", "Leader election with advisory locks", None, Some(Cell::Few)),
            near("pg-migration-locking-with-a-very-long-name", "Locks around migrations", None, None),
        ],
        facts: vec![
            "The database gives the lock no meaning. It works only if every writer asks for it.".to_owned(),
            "A session-level lock survives a rollback. It ends when it is released or the session does.".to_owned(),
        ],
        source: Some("PostgreSQL 15 manual, 13.3.5 Advisory Locks".to_owned()),
    }
}

fn left_out() -> ConceptPage {
    ConceptPage {
        standing: Standing::LeftOut {
            into: Some(ConceptRef::new(
                "pg-concurrency",
                "Concurrency in PostgreSQL",
            )),
        },
        history: Vec::new(),
        needs: Vec::new(),
        builds: Vec::new(),
        facts: Vec::new(),
        source: None,
        parent: None,
        snapshot: None,
        ..concept()
    }
}

fn withheld() -> ConceptPage {
    ConceptPage {
        standing: Standing::Published {
            cell: Cell::Few,
            folded_in: 0,
        },
        history: vec![Published {
            as_of: date(2026, 11, 16),
            cell: Cell::Few,
        }],
        ..concept()
    }
}

fn after_leaving() -> ConceptPage {
    ConceptPage {
        standing: Standing::Published {
            cell: Cell::Between { lo: 0.7, hi: 0.8 },
            folded_in: 2,
        },
        ..concept()
    }
}

/// The reader's own graph in full; a device of theirs has this name.
pub fn me(device_name: &str) -> MePage {
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
        all_rows: Some(Link::new("All of them", "/me?rows=all#held")),
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
            },
            MyDevice {
                id: "d2".to_owned(),
                name: device_name.to_owned(),
                platform: None,
                last_synced: None,
                certificate: DeviceState::Expired(date(2026, 10, 3)),
            },
            MyDevice {
                id: "d3".to_owned(),
                name: "old-laptop".to_owned(),
                platform: None,
                last_synced: Some(date(2025, 12, 24)),
                certificate: DeviceState::Revoked(Some(date(2026, 1, 3))),
            },
        ],
    };
    MePage {
        shell: member(),
        content: Me::Graph(Box::new(graph)),
    }
}

fn me_empty() -> MePage {
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

fn me_left_out() -> MePage {
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

fn machine() -> Machine {
    Machine {
        name: "skills.larkfield.internal".to_owned(),
        fingerprint: FINGERPRINT.to_owned(),
    }
}

fn sign_in(providers: Vec<Link>, problem: Option<&str>) -> SignInPage {
    SignInPage {
        shell: nobody(),
        providers,
        machine: machine(),
        problem: problem.map(str::to_owned),
    }
}

fn link(purpose: LinkPurpose) -> LinkPage {
    LinkPage {
        shell: nobody(),
        action: paths::link("Zm9vYmFy"),
        purpose,
        expires_at: NOW + 1800,
        machine: machine(),
    }
}

/// What a device asks for, under the name it gave itself.
pub fn enrolment(device_name: &str) -> EnrolApprovalPage {
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

fn step_up_needed() -> StepUp {
    StepUp::Needed {
        ways: vec![Link::new(
            "Confirm through Larkfield Entra ID",
            "/signin/entra?step_up=1&return=%2Fadmin%2Fdevices",
        )],
        command: None,
    }
}

fn acts() -> Vec<Act> {
    let act = |entry, at, actor: &str, text: &str, action: &str, by: &str, outcome| Act {
        entry,
        at,
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
            NOW - 90_000,
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
fn health(trouble: bool) -> HealthPage {
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

fn people(empty: bool) -> PeoplePage {
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
pub fn devices(name: Option<&str>) -> DevicesPage {
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

fn audit(verified: Verified, acts: Vec<Act>) -> AuditPage {
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
    add("me", me("build-box").render())?;
    add("me-evil", me(EVIL).render())?;
    add("me-empty", me_empty().render())?;
    add("me-left-out", me_left_out().render())?;
    add(
        "me-start",
        MePage {
            shell: member(),
            content: Me::NotEnrolled {
                enrol_command: Some(ENROL.to_owned()),
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
        ConfirmPage::revoke_device(shell(), "9a", "build-box", false, StepUp::Valid(NOW + 240))
            .render(),
    )?;
    add(
        "confirm-revoke-step-up",
        ConfirmPage::revoke_device(shell(), "9a", EVIL, false, step_up_needed()).render(),
    )?;
    add(
        "confirm-step-up-by-link",
        ConfirmPage {
            command: Some("aiworklab-appliance config show".to_owned()),
            fields: vec![("generation".to_owned(), "1".to_owned())],
            ..ConfirmPage::revoke_device(
                shell(),
                "9a",
                "build-box",
                false,
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
        ConfirmPage::revoke_device(member(), "d2", "build-box", true, StepUp::NotNeeded).render(),
    )?;
    add(
        "confirm-erase",
        ConfirmPage::erase_me(member(), None, StepUp::NotNeeded).render(),
    )?;
    add(
        "confirm-erase-refused",
        ConfirmPage::erase_me(member(), Some("Delete"), StepUp::NotNeeded).render(),
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
    add("signed-out", MessagePage::signed_out(nobody()).render())?;
    add("erased", MessagePage::erased(nobody()).render())?;
    Ok(pages)
}
