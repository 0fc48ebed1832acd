//! Invented figures of an organisation, and the pages that show them.

use dashboard_web::figures::{
    Band, Basis, Cell, ConceptRef, ConceptRow, Precision, Previous, Retention, Snapshot,
};
use dashboard_web::pages::concept::{ConceptPage, Fact, Neighbour, Published, Standing};
use dashboard_web::pages::overview::{Figures, Overview, OverviewPage, TooFew};
use dashboard_web::{Link, Shell};
use jiff::civil::{Date, date};

use super::{ENROL, member};

pub(super) fn snapshot() -> Snapshot {
    Snapshot {
        as_of: date(2026, 11, 23),
        next: date(2026, 11, 30),
    }
}

pub(super) fn kept(value: f64, lo: f64, hi: f64, basis: Basis) -> Retention {
    Retention::new(value, lo, hi, basis, Precision::Exact)
}

/// What everybody passed; the values behind the bound must stand nowhere.
pub(super) fn all_passed() -> Retention {
    Retention::new(0.963, 0.962, 0.964, Basis::Observed, Precision::AtLeast90)
}

pub(super) fn known(n: u32, retention: Retention) -> Cell {
    Cell::Shown {
        n_demonstrated: n,
        n_retained: None,
        retention,
        since: None,
    }
}

pub(super) fn row(
    slug: &str,
    title: &str,
    domain: &str,
    risk: u8,
    band: Band,
    cell: Cell,
) -> ConceptRow {
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
pub(super) fn rows() -> Vec<ConceptRow> {
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
    rows[13].cell = known(96, all_passed());
    rows
}

pub(super) fn previous() -> Previous {
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

pub(super) fn overview(
    shell: Shell,
    rows: Vec<ConceptRow>,
    previous: Option<Previous>,
) -> OverviewPage {
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

pub(super) fn too_few(counted: u32, met: Vec<ConceptRef>) -> OverviewPage {
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
pub(super) fn concept() -> ConceptPage {
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
    let fact = |text: &str| Fact {
        text: text.to_owned(),
        source: "PostgreSQL 15 manual, 13.3.5 Advisory Locks".to_owned(),
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
        parts: Vec::new(),
        facts: vec![
            fact("The database gives the lock no meaning. It works only if every writer asks for it."),
            fact("A session-level lock survives a rollback. It ends when it is released or the session does."),
        ],
        source: Some("PostgreSQL 15 manual, 13.3.5 Advisory Locks".to_owned()),
    }
}

pub(super) fn left_out() -> ConceptPage {
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
        ..concept()
    }
}

/// What few met by itself, and many met in its parts.
pub(super) fn made_of_parts() -> ConceptPage {
    let whole = concept();
    ConceptPage {
        parts: whole.needs.clone(),
        ..left_out()
    }
}

pub(super) fn no_snapshot() -> ConceptPage {
    ConceptPage {
        standing: Standing::LeftOut { into: None },
        snapshot: None,
        history: Vec::new(),
        ..concept()
    }
}

pub(super) fn withheld() -> ConceptPage {
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

pub(super) fn after_leaving() -> ConceptPage {
    ConceptPage {
        standing: Standing::Published {
            cell: Cell::Between { lo: 0.7, hi: 0.8 },
            folded_in: 2,
        },
        ..concept()
    }
}

/// Withheld on each of 24 Mondays.
pub(super) fn withheld_long() -> ConceptPage {
    let first = date(2026, 6, 15);
    let monday = |week: i64| first.saturating_add(jiff::Span::new().weeks(week));
    ConceptPage {
        history: (0..24)
            .map(|week| Published {
                as_of: monday(week),
                cell: Cell::Few,
            })
            .collect(),
        ..withheld()
    }
}

/// A concept that everybody passes, at the top of the catalogue, with a short gap before.
pub(super) fn bound() -> ConceptPage {
    let point = |as_of: Date, cell: Cell| Published { as_of, cell };
    let behind = |value| Retention::new(value, 0.961, 0.967, Basis::Observed, Precision::AtLeast90);
    let cell = known(40, all_passed());
    ConceptPage {
        concept: ConceptRef::new("rust-ownership", "Ownership"),
        domain: "Ownership".to_owned(),
        parent: None,
        standing: Standing::Published { cell, folded_in: 0 },
        history: vec![
            point(date(2026, 6, 1), Cell::Few),
            point(date(2026, 6, 22), known(38, behind(0.966))),
            point(date(2026, 9, 14), known(39, behind(0.961))),
            point(date(2026, 11, 16), cell),
        ],
        ..concept()
    }
}

/// An overview on which all that was shown is all-or-none, as it was the week before.
pub(super) fn bounds() -> OverviewPage {
    let cell = |value, precision| {
        let retention = Retention::new(value, value, value, Basis::Observed, precision);
        known(9, retention)
    };
    let titled = |slug: &str, cell| row(slug, slug, "Rust", 1, Band::Some, cell);
    let (high, low) = (Precision::AtLeast90, Precision::AtMost10);
    let now = vec![
        titled("rust-ownership", cell(0.963, high)),
        titled("rust-borrowing", cell(0.964, high)),
        titled("rust-lifetimes", cell(0.036, low)),
    ];
    let before = vec![
        ("rust-ownership".to_owned(), cell(0.996, high)),
        ("rust-borrowing".to_owned(), cell(0.906, high)),
        ("rust-lifetimes".to_owned(), cell(0.061, low)),
    ];
    overview(
        member(),
        now,
        Some(Previous {
            as_of: date(2026, 11, 16),
            rows: before,
        }),
    )
}
