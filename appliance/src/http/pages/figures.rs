//! The organisation's figures: the latest weekly snapshot, as the privacy floor let it.
//!
//! Everything here comes from snapshots, which hold no rows of persons; no page of this file reads
//! anybody's evidence.

use super::me::{concept_ref, domain};
use super::{date, html, shell};
use crate::app::App;
use crate::http::auth::{Asked, Caller};
use crate::http::error::ApiError;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use dashboard_web::figures::{
    Band, Basis, COUNTED_FLOOR, Cell, ConceptRow, Precision, Previous, Retention, Snapshot,
};
use dashboard_web::pages::concept::{ConceptPage, Fact, Neighbour, Published, Standing};
use dashboard_web::pages::concepts::ConceptsPage;
use dashboard_web::pages::overview::{Figures, Overview, OverviewPage, TooFew};
use kernel::aggregate;
use kernel::catalogue::{Aspect, Catalogue, Concept};
use kernel::ids::Slug;
use org_store::snapshot;

/// How many older snapshots a concept's history is looked for in.
const HISTORY: usize = 53;

/// `GET /`.
///
/// # Errors
/// The store's.
pub async fn overview(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
) -> Result<Response, ApiError> {
    let (latest, before, first) = app
        .store()
        .read(|txn| {
            let mut newest = snapshot::newest(txn, 2)?.into_iter();
            Ok((newest.next(), newest.next(), snapshot::first_figures(txn)?))
        })
        .await?;
    let content = match latest {
        Some(latest) if latest.counted >= COUNTED_FLOOR => Overview::Figures(Figures {
            snapshot: dated(&latest),
            counted: latest.counted,
            rows: rows(&latest),
            previous: before
                .filter(|before| before.counted >= COUNTED_FLOOR)
                .map(|before| Previous {
                    as_of: date(before.as_of.day()),
                    rows: before
                        .rows
                        .iter()
                        .map(|row| (row.concept.to_string(), cell(row, before.as_of.day())))
                        .collect(),
                }),
        }),
        latest => Overview::TooFew(TooFew {
            counted: latest.as_ref().map_or(0, |latest| latest.counted),
            snapshot: latest.as_ref().map(dated),
            first_figures: first.map(date),
            met: latest
                .iter()
                .flat_map(|latest| latest.met.iter().map(concept_ref))
                .collect(),
            sample: None,
            enrol_command: Some(app.enrol_command()),
        }),
    };
    html(
        OverviewPage {
            shell: shell(&app, &caller, &asked),
            content,
        }
        .render(),
    )
}

/// `GET /concepts`.
///
/// # Errors
/// The store's.
pub async fn concepts(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
) -> Result<Response, ApiError> {
    let latest = latest_with_figures(&app).await?;
    let page = ConceptsPage {
        shell: shell(&app, &caller, &asked),
        snapshot: latest.as_ref().map(dated),
        rows: latest.as_ref().map(rows).unwrap_or_default(),
    };
    html(page.render())
}

async fn latest_with_figures(app: &App) -> Result<Option<aggregate::Snapshot>, ApiError> {
    let newest = app.store().read(|txn| snapshot::newest(txn, 1)).await?;
    Ok(newest
        .into_iter()
        .next()
        .filter(|latest| latest.counted >= COUNTED_FLOOR))
}

/// `GET /concepts/{slug}`.
///
/// # Errors
/// 404 for a concept that this release does not know.
pub async fn concept(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(asked): Extension<Asked>,
    Path(slug): Path<String>,
) -> Result<Response, ApiError> {
    let catalogue = Catalogue::builtin();
    let concept = catalogue.find(&slug).ok_or_else(ApiError::not_found)?;
    let snapshots = app
        .store()
        .read(|txn| snapshot::newest(txn, HISTORY))
        .await?;
    let latest = snapshots
        .first()
        .filter(|latest| latest.counted >= COUNTED_FLOOR);
    let page = ConceptPage {
        shell: shell(&app, &caller, &asked),
        snapshot: latest.map(dated),
        concept: concept_ref(&concept.slug),
        summary: concept.summary.clone(),
        domain: domain(&concept.slug),
        parent: catalogue
            .parent(&concept.slug)
            .map(|parent| concept_ref(&parent.slug)),
        risk: concept.risk,
        risk_reason: concept.risk_reason.clone(),
        standing: standing(latest, concept),
        history: history(&snapshots, &concept.slug),
        needs: concept
            .prerequisites
            .iter()
            .map(|needed| neighbour(latest, &needed.slug, Some(needed.why.clone())))
            .collect(),
        builds: catalogue
            .iter()
            .filter(|other| other.prerequisites.iter().any(|p| p.slug == concept.slug))
            .map(|other| neighbour(latest, &other.slug, None))
            .collect(),
        parts: catalogue
            .children(&concept.slug)
            .into_iter()
            .map(|part| neighbour(latest, &part.slug, None))
            .collect(),
        facts: facts(concept),
        source: concept.source.clone(),
    };
    html(page.render())
}

/// What knowing it means, as whole sentences: the first truth of each aspect.
fn facts(concept: &Concept) -> Vec<Fact> {
    let truth = |aspect: &Aspect| {
        let lead = aspect.lead.as_deref()?;
        let right = aspect.right.iter().find(|answer| !answer.retired)?;
        Some(Fact {
            text: format!("{lead} {}.", right.text),
            source: aspect.source.clone(),
        })
    };
    concept
        .aspects
        .iter()
        .filter(|aspect| !aspect.retired)
        .filter_map(truth)
        .collect()
}

fn standing(latest: Option<&aggregate::Snapshot>, concept: &Concept) -> Standing {
    if let Some(row) = latest.and_then(|latest| find(latest, &concept.slug)) {
        let as_of = latest.map_or(0, |latest| latest.as_of.day());
        return Standing::Published {
            cell: cell(row, as_of),
            folded_in: row.folded_in,
        };
    }
    let into = latest.and_then(|latest| {
        let catalogue = Catalogue::builtin();
        let broader = catalogue.ancestors(&concept.slug);
        broader
            .into_iter()
            .find(|broader| find(latest, &broader.slug).is_some())
    });
    Standing::LeftOut {
        into: into.map(|broader| concept_ref(&broader.slug)),
    }
}

fn find<'a>(snapshot: &'a aggregate::Snapshot, slug: &Slug) -> Option<&'a aggregate::Row> {
    snapshot.rows.iter().find(|row| row.concept == *slug)
}

/// The snapshots at which a cell was published anew, oldest first.
fn history(snapshots: &[aggregate::Snapshot], slug: &Slug) -> Vec<Published> {
    snapshots
        .iter()
        .rev()
        .filter(|snapshot| snapshot.counted >= COUNTED_FLOOR)
        .filter_map(|snapshot| {
            let row = find(snapshot, slug).filter(|row| row.set_at == snapshot.as_of)?;
            let day = snapshot.as_of.day();
            Some(Published {
                as_of: date(day),
                cell: cell(row, day),
            })
        })
        .collect()
}

fn neighbour(latest: Option<&aggregate::Snapshot>, slug: &Slug, why: Option<String>) -> Neighbour {
    let cell =
        latest.and_then(|latest| find(latest, slug).map(|row| cell(row, latest.as_of.day())));
    Neighbour {
        concept: concept_ref(slug),
        why,
        cell,
    }
}

fn dated(snapshot: &aggregate::Snapshot) -> Snapshot {
    let day = snapshot.as_of.day();
    Snapshot {
        as_of: date(day),
        next: date(day + 7),
    }
}

fn rows(snapshot: &aggregate::Snapshot) -> Vec<ConceptRow> {
    let as_of = snapshot.as_of.day();
    let row = |row: &aggregate::Row| {
        let concept = Catalogue::builtin().get(&row.concept);
        ConceptRow {
            concept: concept_ref(&row.concept),
            domain: domain(&row.concept),
            risk: concept.map_or(1, |concept| concept.risk),
            band: match row.band {
                aggregate::Band::Most => Band::Most,
                aggregate::Band::Some => Band::Some,
                aggregate::Band::Least => Band::Least,
            },
            needs: concept
                .map(|concept| {
                    concept
                        .prerequisites
                        .iter()
                        .map(|needed| needed.slug.to_string())
                        .collect()
                })
                .unwrap_or_default(),
            folded_in: row.folded_in,
            cell: cell(row, as_of),
        }
    };
    snapshot.rows.iter().map(row).collect()
}

/// What may be said, of a snapshot of this day.
fn cell(row: &aggregate::Row, as_of: i64) -> Cell {
    let set = row.set_at.day();
    match &row.says {
        aggregate::Published::Withheld(aggregate::Withheld::Few) => Cell::Few,
        aggregate::Published::Between { lo, hi } => Cell::Between { lo: *lo, hi: *hi },
        aggregate::Published::Figures {
            n_demonstrated,
            n_retained,
            retention,
        } => Cell::Shown {
            n_demonstrated: *n_demonstrated,
            n_retained: *n_retained,
            retention: Retention::new(
                retention.value,
                retention.lo,
                retention.hi,
                match retention.basis {
                    aggregate::Basis::Observed => Basis::Observed,
                    aggregate::Basis::Blended => Basis::Blended,
                    aggregate::Basis::Modelled => Basis::Modelled,
                },
                match retention.precision {
                    aggregate::Precision::Exact => Precision::Exact,
                    aggregate::Precision::AtLeast90 => Precision::AtLeast90,
                    aggregate::Precision::AtMost10 => Precision::AtMost10,
                },
            ),
            since: (set != as_of).then(|| date(set)),
        },
    }
}
