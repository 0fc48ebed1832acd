use std::collections::BTreeSet;

use super::*;

fn slug(text: &str) -> Slug {
    text.parse().expect("a slug")
}

#[test]
fn every_embedded_file_reads() {
    if let Err(errors) = Catalogue::embedded() {
        let list: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("{}", list.join("\n"));
    }
    assert_eq!(Catalogue::builtin().version(), VERSION);
}

#[test]
fn a_concept_is_found_by_slug_with_its_relations() {
    let catalogue = Catalogue::builtin();
    let rebase = slug("git-rebase");
    assert_eq!(
        catalogue.get(&rebase).map(|c| c.slug.as_str()),
        Some("git-rebase")
    );
    assert!(catalogue.find("no such slug").is_none());
    let parent = catalogue.parent(&rebase).expect("a parent");
    assert!(
        catalogue
            .children(&parent.slug)
            .iter()
            .any(|c| c.slug == rebase)
    );
    assert_eq!(
        catalogue.ancestors(&rebase).first().map(|c| &c.slug),
        Some(&parent.slug)
    );
    assert_eq!(catalogue.prerequisites(&rebase).len(), 2);
    assert_eq!(catalogue.resolve(&rebase).map(|c| &c.slug), Some(&rebase));
}

#[test]
fn a_slug_is_accepted_from_the_catalogue_or_from_the_organisations_own_list() {
    let catalogue = Catalogue::builtin();
    let extra = BTreeSet::from([slug("x-billing"), slug("billing")]);
    assert!(catalogue.accepts(&slug("git-rebase"), &BTreeSet::new()));
    assert!(catalogue.accepts(&slug("x-billing"), &extra));
    assert!(!catalogue.accepts(&slug("x-other"), &extra));
    // Outside the x- namespace a list of one's own decides nothing.
    assert!(!catalogue.accepts(&slug("billing"), &extra));
}

#[test]
fn a_merged_concept_resolves_to_its_successor() {
    let entry = |slug: &str, more: &str| {
        format!(
            "slug = \"{slug}\"\ndepth = \"listed\"\ntitle = \"T\"\nsummary = \"S.\"\nrisk = 1\n\
             risk_reason = \"R.\"\n{more}"
        )
    };
    let (old, new) = (
        entry("old-one", "replaced_by = \"new-one\""),
        entry("new-one", ""),
    );
    let catalogue =
        Catalogue::load([("old-one.toml", &*old), ("new-one.toml", &*new)]).expect("it reads");
    assert_eq!(
        catalogue.resolve(&slug("old-one")).map(|c| c.slug.as_str()),
        Some("new-one")
    );
}

#[test]
fn values_are_put_in_their_places_and_other_braces_stay() {
    let values = Values::from([
        ("a".to_owned(), Value::Text("x".to_owned())),
        ("b".to_owned(), Value::Number(7)),
    ]);
    assert_eq!(
        load::fill("{{a}}{{b}} {{c}} {{ {a}", &values),
        "x7 {{c}} {{ {a}"
    );
}
