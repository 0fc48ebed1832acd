//! Items that are made ahead: variants, their parts, packs, and what is picked from them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::catalogue::Catalogue;
use crate::ids::DAY;

const NOW: i64 = 1_750_000_000;
const CONCEPT: &str = "pg-advisory-locks";

fn slug(text: &str) -> Slug {
    text.parse().expect("a slug")
}

fn set(concept: &str, aspect: &str, form: Form, seed: u64, most: usize) -> Vec<Item> {
    let wish = Wish {
        aspect,
        form,
        seed,
        most,
    };
    variants(Catalogue::builtin(), &slug(concept), &wish).expect("a concept that is asked")
}

/// Every form of every aspect of these concepts.
fn sets(concepts: &[&str], most: usize) -> Vec<Vec<Item>> {
    let catalogue = Catalogue::builtin();
    let mut all = Vec::new();
    for concept in concepts {
        for aspect in &catalogue.find(concept).expect("a concept").aspects {
            for form in forms(catalogue, &slug(concept), &aspect.id).expect("asked") {
                all.push(set(concept, &aspect.id, form, 7, most));
            }
        }
    }
    all
}

fn pack_of(concept: &str) -> Vec<Item> {
    sets(&[concept], 6).into_iter().flatten().collect()
}

fn part() -> ModelPart {
    ModelPart {
        name: "SmolLM2-135M-Instruct Q4_1".to_owned(),
        sha256: "0f".repeat(32),
        tier: Tier::Ranker,
        place: Some((2, 24)),
    }
}

#[test]
fn variants_are_sound_distinct_and_the_same_for_a_seed() {
    for concept in Catalogue::builtin().askable() {
        for set in sets(&[concept.slug.as_str()], 5) {
            let addresses: BTreeSet<_> = set.iter().map(|i| &i.address).collect();
            assert_eq!(addresses.len(), set.len());
            for item in &set {
                assert_eq!(check(Catalogue::builtin(), item), Ok(()), "{item:#?}");
                let again = rebuilt(Catalogue::builtin(), &item.address, 7).expect("it is there");
                assert_eq!(again, *item);
            }
        }
    }
    let one = set(CONCEPT, "rollback", Form::Ask, 1, 24);
    assert!(one.len() >= 3, "{}", one.len());
    assert_eq!(one, set(CONCEPT, "rollback", Form::Ask, 1, 24));
    assert_ne!(one, set(CONCEPT, "rollback", Form::Ask, 2, 24));
    assert!(set(CONCEPT, "no-such", Form::Ask, 1, 24).is_empty());
}

#[test]
fn whoever_chooses_among_variants_cannot_give_the_key_away_by_place_or_length() {
    let concepts: Vec<&str> = Catalogue::builtin()
        .askable()
        .map(|c| c.slug.as_str())
        .collect();
    let (mut longest, mut shortest, mut sets_seen) = (0, 0, 0);
    let mut places = [0_usize; 4];
    for (n, concept) in concepts.iter().enumerate() {
        let aspects = &Catalogue::builtin()
            .find(concept)
            .expect("a concept")
            .aspects;
        for aspect in aspects {
            let set = set(concept, &aspect.id, Form::Ask, n as u64, 40);
            let rank = |item: &Item| {
                let key = item.key().expect("a key");
                let length = |at: usize| item.options[at].text.chars().count();
                let shorter = (0..4).filter(|at| length(*at) < length(key)).count();
                (key, shorter)
            };
            let ranks: BTreeSet<_> = set.iter().map(rank).collect();
            assert_eq!(ranks.len(), 1, "{concept}/{}: {ranks:?}", aspect.id);
            let Some((place, shorter)) = ranks.first() else {
                panic!("{concept}/{} has no variant", aspect.id)
            };
            places[*place] += 1;
            sets_seen += 1;
            longest += usize::from(*shorter == 3);
            shortest += usize::from(*shorter == 0);
        }
    }
    let fair = sets_seen / 4;
    assert!(
        places.iter().all(|n| n.abs_diff(fair) < fair / 3),
        "{places:?} of {sets_seen}"
    );
    assert!(
        longest * 100 <= sets_seen * 30,
        "longest in {longest} of {sets_seen}"
    );
    assert!(
        shortest * 100 <= sets_seen * 32,
        "shortest in {shortest} of {sets_seen}"
    );
}

#[test]
fn the_parts_of_an_address_are_the_items_own_options() {
    let mut roles = BTreeSet::new();
    for item in sets(&[CONCEPT, "git-rebase"], 8).into_iter().flatten() {
        let parts = parts(Catalogue::builtin(), &item.address).expect("its parts");
        let shown: BTreeSet<_> = item
            .options
            .iter()
            .map(|o| (o.text.as_str(), o.why.as_str(), o.key))
            .collect();
        let told: BTreeSet<_> = parts
            .parts
            .iter()
            .map(|p| (p.option.as_str(), p.why.as_str(), p.key))
            .collect();
        assert_eq!(shown, told, "{}", item.address);
        assert_eq!(parts.source, item.source);
        assert_eq!(parts.scene.is_some(), item.form == Form::Ask);
        roles.extend(parts.parts.iter().map(|p| p.role));
    }
    assert_eq!(roles.len(), 6, "{roles:?}");
}

#[test]
fn an_address_that_names_no_item_has_no_parts() {
    let catalogue = Catalogue::builtin();
    for address in [
        "pg-advisory-locks/rollback/ask/s0/r0/w0.1",
        "pg-advisory-locks/rollback/ask/s0/r0/w0.2.1",
        "pg-advisory-locks/rollback/ask/s0/r0/w0.0.1",
        "pg-advisory-locks/rollback/ask/s0/r0/w0.1.99",
        "pg-advisory-locks/rollback/ask/s9/r0/w0.1.2",
        "pg-advisory-locks/rollback/ask/s00/r0/w0.1.2",
        "pg-advisory-locks/rollback/ask/s0/r0/w0.1.2/x",
        "pg-advisory-locks/rollback/reply/w0/r0/w0.1",
        "pg-advisory-locks/rollback/spot/w0/rollback.r0+rollback.r0+rollback.r0",
        "pg-advisory-locks/no-such/ask/s0/r0/w0.1.2",
        "pg-advisory-locks/rollback/curated/no-such",
    ] {
        let address: ItemAddress = address.parse().expect("an address by its shape");
        let error = parts(catalogue, &address).expect_err(address.as_str());
        assert_eq!(error.code(), "K123");
        assert!(rebuilt(catalogue, &address, 1).is_err());
    }
}

#[test]
fn what_is_said_after_the_answer_has_to_be_the_catalogues_too() {
    let catalogue = Catalogue::builtin();
    let mut by_form: BTreeMap<Form, Item> = BTreeMap::new();
    for item in sets(&[CONCEPT, "git-rebase"], 4).into_iter().flatten() {
        by_form.entry(item.form).or_insert(item);
    }
    assert_eq!(by_form.len(), 6);
    for item in by_form.values() {
        let spoil = |change: &dyn Fn(&mut Item)| {
            let mut spoilt = item.clone();
            change(&mut spoilt);
            check(catalogue, &spoilt).expect_err(&format!("{:?} was spoilt", item.form))
        };
        spoil(&|i| i.explanation = "Because.".to_owned());
        spoil(&|i| {
            let why = i.options[0].why.clone();
            i.options[0].why = std::mem::replace(&mut i.options[1].why, why) + " ";
        });
        spoil(&|i| i.stakes = "Nothing breaks.".to_owned());
        spoil(&|i| i.source = "A blog".to_owned());
        spoil(&|i| i.difficulty = 9);
        spoil(&|i| i.seconds += 1);
        spoil(&|i| {
            i.code = Some(Code {
                lang: "sh".to_owned(),
                text: "rm -rf /".to_owned(),
            });
        });
        for model in [
            ModelPart {
                name: String::new(),
                ..part()
            },
            ModelPart {
                name: "\u{1b}[31m".to_owned(),
                ..part()
            },
            ModelPart {
                sha256: "F".repeat(64),
                ..part()
            },
            ModelPart {
                place: Some((3, 2)),
                ..part()
            },
            ModelPart {
                tier: Tier::None,
                ..part()
            },
        ] {
            let flaws = spoil(&|i| i.provenance.model = Some(model.clone()));
            assert!(matches!(flaws[..], [Flaw::Model(_)]), "{flaws:?}");
        }
        let mut chosen = item.clone();
        chosen.provenance.model = Some(part());
        assert_eq!(check(catalogue, &chosen), Ok(()));
    }
}

#[test]
fn the_sentence_of_provenance_names_model_tier_and_facts() {
    let catalogue = Catalogue::builtin();
    let address = "pg-advisory-locks/rollback/ask/s0/r0/w0.2.3"
        .parse()
        .expect("an address");
    let mut item = rebuilt(catalogue, &address, 1).expect("an item");
    let said = |item: &Item| item.provenance_sentence(catalogue, Maker::Here);
    let facts = "Assembled from aspect rollback: scene s0, fact pg-advisory-locks/rollback/r0, \
                 misconceptions w0 w2 w3; source: ";
    assert!(said(&item).starts_with(facts), "{}", said(&item));
    assert!(said(&item).ends_with(". Drawn on this machine; no model took part."));
    item.provenance.model = Some(part());
    let chosen = "Chosen by SmolLM2-135M-Instruct Q4_1 (ranker: place 2 of 24).";
    assert!(said(&item).ends_with(chosen), "{}", said(&item));
    item.provenance.model = Some(ModelPart {
        tier: Tier::None,
        place: None,
        ..part()
    });
    let chance = "SmolLM2-135M-Instruct Q4_1 is at chance here (tier none): drawn at random.";
    assert!(said(&item).ends_with(chance), "{}", said(&item));
    let form = |form| {
        let mut items = pack_of("git-rebase").into_iter();
        let mut item = items.find(|item| item.form == form).expect("one");
        item.provenance.model = Some(ModelPart {
            place: None,
            ..part()
        });
        item.provenance_sentence(catalogue, Maker::Appliance)
    };
    for (form, made) in [
        (form(Form::Spot), "Assembled from aspect "),
        (form(Form::Reply), "Assembled from aspect "),
        (form(Form::Template), "Made by running a program: "),
        (form(Form::Curated), "Written by an author: item "),
    ] {
        let tier = "SmolLM2-135M-Instruct Q4_1 (tier ranker) had nothing to choose in it.";
        assert!(form.starts_with(made) && form.ends_with(tier), "{form}");
        assert!(
            form.contains("fact") && form.contains("git-rebase/"),
            "{form}"
        );
    }
}

#[test]
fn a_pack_of_a_newer_catalogue_is_read_as_far_as_it_is_understood() {
    let items = pack_of(CONCEPT);
    let pack = Pack {
        format: PACK_FORMAT,
        catalogue: 9,
        model: Some(part()),
        items: items[..4].to_vec(),
    };
    let mut json: serde_json::Value = serde_json::from_slice(&pack.to_bytes()).expect("JSON");
    let list = json["items"].as_array_mut().expect("items");
    list[0]["concept"] = "pg-newer-thing".into();
    list[0]["address"] = "pg-newer-thing/a/ask/s0/r0/w0.1.2".into();
    list[1]["form"] = "dialogue".into();
    list[2]["stem"] = "Reworded. What happens to the lock?".into();
    json["news"] = "a field that this program does not know".into();
    let bytes = serde_json::to_vec(&json).expect("JSON");
    let opened = Pack::open(&bytes, Catalogue::builtin()).expect("it is read");
    assert_eq!(opened.items, items[3..4]);
    let counts = (opened.unknown, opened.unreadable, opened.flawed.len());
    assert_eq!((opened.catalogue, counts), (9, (1, 1, 1)));

    json["format"] = 2.into();
    let bytes = serde_json::to_vec(&json).expect("JSON");
    assert_eq!(
        Pack::open(&bytes, Catalogue::builtin()),
        Err(PackError::Format(2))
    );
    assert!(Pack::open(b"{}", Catalogue::builtin()).is_err());
    assert!(Pack::open(b"\xff", Catalogue::builtin()).is_err());
}

#[test]
fn the_packs_order_decides_and_prediction_and_debugging_come_first() {
    let catalogue = Catalogue::builtin();
    let concept = slug(CONCEPT);
    let items = pack_of(CONCEPT);
    let first = |i: &Item| {
        i.form == Form::Curated && matches!(i.task, Some(ItemKind::Predict | ItemKind::Bug))
    };
    let mut past = Vec::new();
    let mut asked = Vec::new();
    for seed in 0..3 {
        let picked = next_from(&items, catalogue, &concept, &past, NOW, seed).expect("an item");
        assert!(picked.made);
        past.push(Seen {
            address: picked.item.address.clone(),
            at: NOW,
            outcome: SeenOutcome::Right,
        });
        asked.push(picked.item);
    }
    assert!(first(&asked[0]));
    let place = |item: &Item| items.iter().position(|i| i == item).expect("of the pack");
    let key = |item: &Item| (!first(item), place(item));
    assert!(asked.is_sorted_by_key(key));
}

#[test]
fn without_an_open_item_in_the_pack_one_is_drawn_here() {
    let catalogue = Catalogue::builtin();
    let concept = slug(CONCEPT);
    let other = pack_of("git-rebase");
    let picked = next_from(&other, catalogue, &concept, &[], NOW, 5).expect("an item");
    assert!(!picked.made);
    let drawn = next_item(catalogue, &concept, &[], NOW, 5).expect("an item");
    assert_eq!(picked.item, drawn);
    // One that this catalogue does not vouch for is passed over.
    let mut items = pack_of(CONCEPT);
    for item in &mut items {
        item.source = "another edition".to_owned();
    }
    assert!(
        !next_from(&items, catalogue, &concept, &[], NOW, 5)
            .expect("an item")
            .made
    );
    let listed = catalogue.iter().find(|c| !c.is_askable()).expect("one");
    let refused = next_from(&items, catalogue, &listed.slug, &[], NOW, 5);
    assert_eq!(refused, Err(Error::NotAskable(listed.slug.clone())));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// What comes from a pack, `next_item` could have given as well: the same aspects are open.
    #[test]
    fn the_rules_are_those_of_items_that_are_drawn(
        steps in proptest::collection::vec((0_usize..200, 0_i64..90, 0_usize..4), 0..14),
        seed in any::<u64>(),
    ) {
        let catalogue = Catalogue::builtin();
        let concept = slug(CONCEPT);
        let items = pack_of(CONCEPT);
        let outcomes = [
            SeenOutcome::Right, SeenOutcome::Wrong, SeenOutcome::Unsure, SeenOutcome::Skipped,
        ];
        let seen: Vec<Seen> = steps.into_iter().map(|(at, days, outcome)| Seen {
            address: items[at % items.len()].address.clone(),
            at: NOW - days * DAY,
            outcome: outcomes[outcome],
        }).collect();
        let drawn = next_item(catalogue, &concept, &seen, NOW, seed);
        match next_from(&items, catalogue, &concept, &seen, NOW, seed) {
            Ok(Picked { item, made: true }) => {
                let recent = seen.iter().filter(|s| s.at > NOW - REPEAT_DAYS * DAY);
                prop_assert!(recent.clone().all(|s| s.address != item.address));
                let of_aspect = seen.iter().filter(|s| {
                    s.address.aspect() == item.aspect && s.outcome != SeenOutcome::Skipped
                });
                if let Some(last) = of_aspect.max_by_key(|s| s.at) {
                    let latest: Vec<_> = seen.iter().filter(|s| {
                        s.at == last.at && s.address.aspect() == item.aspect
                    }).collect();
                    let free = last.at <= NOW - REPEAT_DAYS * DAY
                        || latest.iter().any(|s| s.outcome != SeenOutcome::Right);
                    prop_assert!(free, "{} again", item.aspect);
                }
                let claimed = seen.iter().filter(|s| s.at > NOW - CLAIM_DAYS * DAY);
                prop_assert!(claimed.flat_map(|s| s.address.claims()).all(|c| c != item.aspect));
                // Whatever the pack may give, is open for a draw too.
                prop_assert!(drawn.is_ok());
            }
            Ok(Picked { item, made: false }) => prop_assert_eq!(drawn, Ok(item)),
            Err(error) => prop_assert_eq!(drawn, Err(error)),
        }
    }
}
