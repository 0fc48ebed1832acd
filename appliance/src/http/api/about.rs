//! What this appliance is, whether it lives, and which concepts it knows.

use crate::app::App;
use crate::http::error::ApiError;
use axum::Json;
use axum::extract::State;
use http::{HeaderValue, header};
use kernel::catalogue::Catalogue;
use kernel::wire::v1::{self, WellKnown};
use serde::Serialize;

/// `GET /.well-known/aiworklab`: where to go, and which versions are spoken.
pub async fn well_known(State(app): State<App>) -> Json<WellKnown> {
    Json(WellKnown {
        wire: vec![v1::VERSION],
        people: app.addresses().people.clone(),
        devices: app.addresses().devices.clone(),
        store: app.identity().store,
        catalogue: Catalogue::builtin().version(),
    })
}

/// `GET /healthz`: the process answers.
pub async fn healthz() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "status": "ok" }))
}

/// `GET /readyz`: the store answers, too.
pub async fn readyz(State(app): State<App>) -> Result<Json<serde_json::Value>, ApiError> {
    let store = app.store().meta().store;
    let answers = app.store().read(|txn| org_store::person::count(txn)).await;
    match answers {
        Ok(_) => Ok(Json(
            serde_json::json!({ "status": "ready", "store": store }),
        )),
        Err(error) => Err(ApiError::busy(5).because(error)),
    }
}

/// One concept, as devices need it to know whether they are behind.
#[derive(Serialize)]
pub struct ConceptLine {
    slug: &'static str,
    title: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_by: Option<&'static str>,
}

/// Every concept of this release.
#[derive(Serialize)]
pub struct CatalogueReply {
    version: u32,
    concepts: Vec<ConceptLine>,
}

/// `GET /v1/catalogue`: all concepts, whoever asks, so that asking tells nothing.
pub async fn catalogue() -> ([(header::HeaderName, HeaderValue); 1], Json<CatalogueReply>) {
    let catalogue = Catalogue::builtin();
    let concepts = catalogue
        .iter()
        .map(|concept| ConceptLine {
            slug: concept.slug.as_str(),
            title: &concept.title,
            parent: concept.parent.as_ref().map(|slug| slug.as_str()),
            replaced_by: concept.replaced_by.as_ref().map(|slug| slug.as_str()),
        })
        .collect();
    let hour = HeaderValue::from_static("private, max-age=3600");
    (
        [(header::CACHE_CONTROL, hour)],
        Json(CatalogueReply {
            version: catalogue.version(),
            concepts,
        }),
    )
}
