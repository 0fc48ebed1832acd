//! What the store has to know of the catalogue and of this site to make figures.

use kernel::aggregate::Rules;
use kernel::catalogue::Catalogue;
use kernel::ids::Slug;
use org_store::pair::Resolve;
use org_store::snapshot::Figures;
use std::sync::Arc;

/// The concept that stands for this one now.
#[must_use]
pub fn resolve(slug: Slug) -> Slug {
    Catalogue::builtin()
        .resolve(&slug)
        .map_or(slug, |concept| concept.slug.clone())
}

/// The same, to be handed on.
#[must_use]
pub fn resolver() -> Resolve {
    Arc::new(resolve)
}

/// For a snapshot, with the site's own floor.
#[must_use]
pub fn figures(k: u32) -> Figures {
    let catalogue = Catalogue::builtin();
    Figures {
        resolve: resolver(),
        parent: Arc::new(move |slug| catalogue.parent(slug).map(|parent| parent.slug.clone())),
        risk: Arc::new(move |slug| catalogue.get(slug).map_or(1, |concept| concept.risk)),
        rules: Rules { floor: k },
    }
}
