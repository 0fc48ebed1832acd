use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::catalogue::{Catalogue, lint::text};
use crate::ids::DAY;

const NOW: i64 = 1_750_000_000;

fn slug(text: &str) -> Slug {
    text.parse().expect("a slug")
}

fn made(concept: &str, seed: u64) -> Item {
    assemble(Catalogue::builtin(), &slug(concept), seed).expect("an item")
}

fn seen(item: &Item, at: i64, outcome: SeenOutcome) -> Seen {
    Seen {
        address: item.address.clone(),
        at,
        outcome,
    }
}

/// At least 500 items over all concepts that are asked.
fn many() -> Vec<Item> {
    let catalogue = Catalogue::builtin();
    let concepts: Vec<&Slug> = catalogue.askable().map(|c| &c.slug).collect();
    let each = 500_usize.div_ceil(concepts.len()) as u64;
    let all = concepts
        .iter()
        .flat_map(|c| (0..each).map(move |seed| (c, seed)));
    all.map(|(c, seed)| assemble(catalogue, c, seed).expect("an item"))
        .collect()
}

#[test]
fn five_hundred_items_over_all_concepts_are_sound() {
    let items = many();
    assert!(items.len() >= 500);
    for item in &items {
        assert_eq!(check(Catalogue::builtin(), item), Ok(()), "{item:#?}");
        assert!(item.seconds <= 60, "{} s: {}", item.seconds, item.address);
        assert!(!item.explanation.is_empty() && !item.source.is_empty());
        let whole = matches!(item.form, Form::Curated | Form::Template);
        assert_eq!(item.stakes.is_empty(), whole);
        let parsed: ItemAddress = item.address.as_str().parse().expect("its own address");
        assert_eq!(parsed, item.address);
    }
    let forms: BTreeSet<Form> = items.iter().map(|i| i.form).collect();
    assert_eq!(forms.len(), 6, "{forms:?}");
}

#[test]
fn length_and_position_do_not_tell_the_key() {
    let items = many();
    let plain: Vec<&Item> = items
        .iter()
        .filter(|i| matches!(i.form, Form::Ask | Form::Complete))
        .collect();
    let extreme = |longest: bool| {
        let is = |item: &&&Item| {
            let lengths: Vec<usize> = item.options.iter().map(|o| text::chars(&o.text)).collect();
            let key = item.key().map(|k| lengths[k]).expect("a key");
            let mut others = lengths.clone();
            others.remove(item.key().expect("a key"));
            others
                .iter()
                .all(|n| if longest { key > *n } else { key < *n })
        };
        plain.iter().filter(is).count() * 100 / plain.len()
    };
    let (longest, shortest) = (extreme(true), extreme(false));
    assert!(longest <= 28, "the key is the longest in {longest} %");
    assert!(shortest <= 28, "the key is the shortest in {shortest} %");
    let mut positions = [0_usize; 4];
    for item in &items {
        positions[item.key().expect("a key")] += 1;
    }
    let fair = items.len() / 4;
    assert!(
        positions.iter().all(|n| n.abs_diff(fair) < fair / 3),
        "{positions:?}"
    );
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for concept in Catalogue::builtin().askable() {
        for seed in [0, 1, u64::MAX] {
            let bytes = || {
                let item = assemble(Catalogue::builtin(), &concept.slug, seed).expect("an item");
                serde_json::to_vec(&item).expect("JSON")
            };
            assert_eq!(bytes(), bytes());
        }
    }
    let item = made("git-rebase", 3);
    let text = serde_json::to_string(&item).expect("JSON");
    assert_eq!(serde_json::from_str::<Item>(&text).expect("an item"), item);
}

#[test]
fn seeds_give_different_items() {
    let addresses: BTreeSet<ItemAddress> = (0..40)
        .map(|seed| made("git-rebase", seed).address)
        .collect();
    assert!(addresses.len() >= 30, "{} of 40 differ", addresses.len());
}

#[test]
fn a_spoilt_item_does_not_pass() {
    let catalogue = Catalogue::builtin();
    let mut by_form: BTreeMap<Form, Item> = BTreeMap::new();
    for item in many() {
        by_form.entry(item.form).or_insert(item);
    }
    for item in by_form.values() {
        let spoil = |change: &dyn Fn(&mut Item)| {
            let mut spoilt = item.clone();
            change(&mut spoilt);
            check(catalogue, &spoilt).expect_err(&format!("{:?} was spoilt", item.form))
        };
        let key = item.key().expect("a key");
        let other = (key + 1) % 4;
        spoil(&|i| {
            i.options[key].key = false;
            i.options[other].key = true;
        });
        spoil(&|i| i.options[key].key = false);
        spoil(&|i| i.options[other].key = true);
        spoil(&|i| i.options[other].text = i.options[key].text.clone());
        spoil(&|i| i.options[other].text = "something that no author wrote".to_owned());
        spoil(&|i| drop(i.options.pop()));
        spoil(&|i| i.stem.push_str(" Really?"));
        spoil(&|i| i.aspect = "no-such".to_owned());
        spoil(&|i| i.concept = slug("no-such"));
        spoil(&|i| i.kind = AnswerKind::Typed);
        spoil(&|i| i.stem = "word ".repeat(80));
    }
}

#[test]
fn an_aspect_does_not_come_twice_in_sixty_days_unless_it_was_answered_wrong() {
    let catalogue = Catalogue::builtin();
    let concept = slug("git-rebase");
    let aspects = catalogue.get(&concept).expect("a concept").aspects.len();
    let mut past: Vec<Seen> = Vec::new();
    let mut asked = BTreeSet::new();
    // Eight days apart, so that claims shown by a `spot` are forgotten: here
    // the repeats of 60 days alone are looked at.
    for step in 0..7 {
        let now = NOW + step * 8 * DAY;
        let item = next_item(catalogue, &concept, &past, now, step as u64).expect("an item");
        assert!(asked.insert(item.aspect.clone()), "{} again", item.aspect);
        past.push(seen(&item, now, SeenOutcome::Right));
    }
    assert!(asked.len() < aspects);
    let (first, now) = (past[0].clone(), NOW + 57 * DAY);
    let draws = |past: &[Seen], now| -> BTreeSet<String> {
        let item = |seed| next_item(catalogue, &concept, past, now, seed).expect("an item");
        (0..60).map(|seed| item(seed).aspect).collect()
    };
    assert!(!draws(&past, now).contains(first.address.aspect()));
    assert!(draws(&past, NOW + 60 * DAY).contains(first.address.aspect()));
    past[0].outcome = SeenOutcome::Wrong;
    assert!(draws(&past, now).contains(first.address.aspect()));
}

#[test]
fn when_every_aspect_was_asked_the_error_says_when_the_next_is_free() {
    let catalogue = Catalogue::builtin();
    let concept = slug("git-rebase");
    let mut past = Vec::new();
    for aspect in &catalogue.get(&concept).expect("a concept").aspects {
        let address = format!("git-rebase/{}/ask/s0/r0/w0.1.2", aspect.id);
        let (address, at) = (
            address.parse().expect("an address"),
            NOW - past.len() as i64 * DAY,
        );
        past.push(Seen {
            address,
            at,
            outcome: SeenOutcome::Right,
        });
    }
    let error = next_item(catalogue, &concept, &past, NOW, 1).expect_err("all were asked");
    let oldest = past.iter().map(|s| s.at).min().expect("some");
    let free_at = Some(oldest + REPEAT_DAYS * DAY);
    assert_eq!(
        error,
        Error::Exhausted {
            concept: concept.clone(),
            free_at
        }
    );
    assert!(next_item(catalogue, &concept, &past, oldest + REPEAT_DAYS * DAY, 1).is_ok());
}

#[test]
fn an_item_does_not_come_twice_in_sixty_days_even_if_it_was_put_off() {
    let catalogue = Catalogue::builtin();
    let concept = slug("pg-advisory-locks");
    let mut past = Vec::new();
    let mut addresses = BTreeSet::new();
    for seed in 0..60 {
        let item = next_item(catalogue, &concept, &past, NOW, 7).expect("an item");
        assert!(
            addresses.insert(item.address.clone()),
            "{} again (step {seed})",
            item.address
        );
        past.push(seen(&item, NOW - 8 * DAY, SeenOutcome::Skipped));
    }
}

#[test]
fn a_claim_that_was_shown_is_not_asked_for_a_week() {
    let catalogue = Catalogue::builtin();
    let concept = slug("git-rebase");
    let spot = (0..)
        .map(|s| made("git-rebase", s))
        .find(|i| i.form == Form::Spot)
        .expect("one");
    let claims: Vec<String> = spot
        .address
        .claims()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(claims.len(), 3);
    let past = [seen(&spot, NOW, SeenOutcome::Wrong)];
    for seed in 0..60 {
        let soon = next_item(catalogue, &concept, &past, NOW + 6 * DAY, seed).expect("an item");
        assert!(!claims.contains(&soon.aspect), "{}", soon.address);
    }
}

#[test]
fn prediction_and_debugging_come_first() {
    for concept in Catalogue::builtin().askable() {
        let first = next_item(Catalogue::builtin(), &concept.slug, &[], NOW, 1).expect("an item");
        let has =
            |i: &crate::catalogue::CuratedItem| matches!(i.kind, ItemKind::Predict | ItemKind::Bug);
        if concept.items.iter().any(has) {
            assert!(matches!(
                first.task,
                Some(ItemKind::Predict | ItemKind::Bug)
            ));
        }
    }
}

#[test]
fn a_concept_that_is_only_listed_is_not_asked() {
    let catalogue = Catalogue::builtin();
    for concept in catalogue.iter().filter(|c| !c.is_askable()) {
        let refused = assemble(catalogue, &concept.slug, 1).expect_err("not asked");
        assert_eq!(refused, Error::NotAskable(concept.slug.clone()));
        assert_eq!(pool(catalogue, &concept.slug), Pool::default());
    }
    assert_eq!(
        assemble(catalogue, &slug("no-such"), 1)
            .expect_err("unknown")
            .code(),
        "K120"
    );
}

#[test]
fn a_full_concept_has_hundreds_of_combinations() {
    let pool = pool(Catalogue::builtin(), &slug("git-rebase"));
    assert_eq!((pool.aspects, pool.curated, pool.cases), (8, 4, 7));
    assert!(pool.combinations > 500, "{}", pool.combinations);
}

#[test]
fn only_an_address_is_read_as_one() {
    for text in [
        "",
        "git-rebase",
        "git-rebase/onto/ask",
        "git-rebase/onto/sing/s0",
        "git-rebase//ask/s0",
        "Git/onto/ask/s0",
        "git-rebase/on to/ask/s0",
    ] {
        assert!(text.parse::<ItemAddress>().is_err(), "{text}");
    }
    assert!("x/".repeat(300).parse::<ItemAddress>().is_err());
    let spot: ItemAddress = "git-rebase/onto/spot/w1/a-b.r0+c.r1"
        .parse()
        .expect("an address");
    assert_eq!((spot.aspect(), spot.claims()), ("onto", vec!["a-b", "c"]));
}
