use std::collections::{BTreeMap, BTreeSet};

use kernel::items::{check, rebuilt};

use super::*;
use crate::qualify::tests::{identity, ranker};
use crate::rank::tests::{Fake, noise};
use crate::rank::{NoModel, Role};

const EACH: usize = 24;

fn catalogue() -> &'static Catalogue {
    Catalogue::builtin()
}

fn recipe(qualified: Option<&Qualified>) -> Recipe<'_> {
    Recipe {
        qualified,
        seed: 7,
        per_concept: EACH,
    }
}

/// Says what it likes by the words of a text; alike are texts that share most words.
fn taste() -> Fake<impl Fn(&str, &str) -> f64 + Sync> {
    Fake::new(|_: &str, text: &str| -1.0 - 4.0 * noise(5, &[text]))
}

async fn unranked() -> Made {
    let made = make_pack(catalogue(), &NoModel, recipe(None), |_| ()).await;
    made.expect("a pack needs no model")
}

fn assert_sound(made: &Made) {
    let Made { pack, report } = made;
    assert!(
        pack.flawed(catalogue()).is_empty(),
        "{:?}",
        pack.flawed(catalogue())
    );
    let addresses: BTreeSet<_> = pack.items.iter().map(|i| &i.address).collect();
    assert_eq!(addresses.len(), pack.items.len(), "an item comes once");
    for item in &pack.items {
        let mut again = rebuilt(catalogue(), &item.address, item.provenance.seed).expect("again");
        again.provenance.model.clone_from(&item.provenance.model);
        assert_eq!(&again, item);
    }
    for concept in &report.concepts {
        let items: Vec<&Item> = pack
            .items
            .iter()
            .filter(|i| i.concept == concept.concept)
            .collect();
        assert_eq!(items.len(), concept.packed);
        assert!(concept.packed >= EACH - 2, "{concept:?}");
        let mut of_aspect: BTreeMap<&str, usize> = BTreeMap::new();
        for item in &items {
            *of_aspect.entry(&item.aspect).or_default() += 1;
        }
        let aspects = catalogue()
            .get(&concept.concept)
            .expect("a concept")
            .aspects
            .len();
        assert_eq!(
            of_aspect.len(),
            aspects,
            "{}: every aspect is there",
            concept.concept
        );
        let fair = EACH.div_ceil(aspects);
        assert!(of_aspect.values().all(|n| *n <= fair + 2), "{of_aspect:?}");
        // The best come first, aspects in turn: a client that asks little sees each.
        let first: BTreeSet<&str> = items
            .iter()
            .take(aspects)
            .map(|i| i.aspect.as_str())
            .collect();
        assert!(first.len() + 1 >= aspects, "{}: {first:?}", concept.concept);
    }
    let balance = &report.balance;
    let share = |n: usize| n as f64 / balance.plain as f64;
    assert!(
        share(balance.longest) <= 0.28 && share(balance.shortest) <= 0.28,
        "{balance}"
    );
    let fair = balance.items as f64 / 4.0;
    assert!(
        balance
            .positions
            .iter()
            .all(|n| (*n as f64 - fair).abs() <= fair * 0.15),
        "{balance}"
    );
    assert_eq!(balance.forms.len(), 6, "{balance:?}");
}

#[tokio::test]
async fn without_a_model_a_sound_pack_is_drawn() {
    let made = unranked().await;
    assert_sound(&made);
    assert_eq!((&made.pack.model, made.report.likeness), (&None, None));
    assert!(made.pack.items.iter().all(|i| i.provenance.model.is_none()));
    assert!(made.report.lines()[0].contains("no model took part"));
    let bytes = made.pack.to_bytes();
    assert_eq!(Pack::from_bytes(&bytes).expect("a pack"), made.pack);
}

#[tokio::test]
async fn a_ranker_orders_and_says_so_and_the_balance_holds() {
    let qualified = ranker().await;
    let mut heard = Vec::new();
    let progress = |p: Progress| heard.push(p);
    let made = make_pack(catalogue(), &taste(), recipe(Some(&qualified)), progress).await;
    let made = made.expect("a pack");
    assert_sound(&made);
    assert_eq!(made.pack.model, Some(qualified.part()));
    let mut ranked = 0;
    for item in &made.pack.items {
        let part = item.provenance.model.as_ref().expect("a model's part");
        assert_eq!(part.tier, kernel::items::Tier::Ranker);
        if matches!(item.form, Form::Curated | Form::Template) {
            assert_eq!(part.place, None, "{}: nothing to choose", item.address);
        }
        if let Some((place, of)) = part.place {
            assert!(1 <= place && place <= of && of as usize <= CHOICE);
            ranked += 1;
        }
    }
    assert!(ranked * 2 > made.pack.items.len(), "{ranked} ranked");
    assert_eq!(
        ranked,
        made.report.concepts.iter().map(|c| c.ranked).sum::<usize>()
    );
    assert_eq!(heard.len(), made.report.concepts.len());
    assert_eq!(
        heard.last().map(|p| (p.done, p.items)),
        Some((heard.len(), made.pack.items.len()))
    );
}

#[tokio::test]
async fn the_same_model_catalogue_and_seed_give_the_same_bytes() {
    let qualified = ranker().await;
    let mut packs = Vec::new();
    for seed in [7, 7, 8] {
        let recipe = Recipe {
            seed,
            ..recipe(Some(&qualified))
        };
        let made = make_pack(catalogue(), &taste(), recipe, |_| ())
            .await
            .expect("a pack");
        packs.push(made.pack.to_bytes());
    }
    assert_eq!(packs[0], packs[1]);
    assert_ne!(packs[0], packs[2]);
    assert_ne!(packs[0], unranked().await.pack.to_bytes());
}

#[tokio::test]
async fn a_ranker_that_loves_long_or_short_answers_does_not_skew_the_pack() {
    let qualified = ranker().await;
    for sign in [1.0, -1.0] {
        let model =
            Fake::new(move |_: &str, text: &str| -500.0 + sign * text.chars().count() as f64);
        let made = make_pack(catalogue(), &model, recipe(Some(&qualified)), |_| ()).await;
        assert_sound(&made.expect("a pack"));
    }
}

#[tokio::test]
async fn a_good_ranker_packs_more_tempting_answers_than_a_draw() {
    let qualified = ranker().await;
    // It likes what the catalogue says that many believe.
    let liked: BTreeSet<String> = catalogue()
        .askable()
        .flat_map(|c| &c.aspects)
        .flat_map(|a| &a.wrong)
        .filter(|w| w.pull() == 3)
        .map(|w| format!(" {}", w.text))
        .collect();
    let model = Fake::new(move |prefix: &str, text: &str| {
        let liked = liked.contains(text) && prefix != "Answer:";
        if liked { -1.0 } else { -2.0 }
    });
    let made = make_pack(catalogue(), &model, recipe(Some(&qualified)), |_| ()).await;
    let pull = |made: &Made| {
        let mut pulls = Vec::new();
        for item in &made.pack.items {
            let parts = items::parts(catalogue(), &item.address).expect("parts");
            let shown = parts.of(items::Role::Misconception).filter_map(|p| p.pull);
            pulls.extend(shown.map(f64::from));
        }
        pulls.iter().sum::<f64>() / pulls.len() as f64
    };
    let (ranked, drawn) = (pull(&made.expect("a pack")), pull(&unranked().await));
    assert!(
        ranked > drawn,
        "mean pull {ranked:.3} ranked, {drawn:.3} drawn"
    );
}

#[tokio::test]
async fn near_duplicates_are_refused_and_named() {
    let qualified = ranker().await;
    assert!(qualified.likeness.is_some());
    let mut tells = qualified.clone();
    if let Some(likeness) = &mut tells.likeness {
        likeness.holds = true;
    }
    let made = make_pack(catalogue(), &taste(), recipe(Some(&tells)), |_| ())
        .await
        .expect("a pack");
    let refused: Vec<&Refused> = made
        .report
        .concepts
        .iter()
        .flat_map(|c| &c.refused)
        .collect();
    assert!(
        !refused.is_empty(),
        "some questions share nearly all their words"
    );
    let packed: BTreeSet<String> = made
        .pack
        .items
        .iter()
        .map(|i| i.address.to_string())
        .collect();
    for refused in refused {
        assert!(packed.contains(&refused.like), "beside what is packed");
        assert!((crate::qualify::NEAR_DUPLICATE..1.0).contains(&refused.likeness));
    }
    // With any model or none, no question with its key comes twice.
    for made in [made, unranked().await] {
        let gists: BTreeSet<(String, String)> = made
            .pack
            .items
            .iter()
            .map(|i| (i.concept.to_string(), pool::gist(i)))
            .collect();
        assert_eq!(gists.len(), made.pack.items.len());
    }
}

#[tokio::test]
async fn a_model_of_no_tier_is_not_asked_and_named_as_such() {
    let mut none = ranker().await;
    none.tier = kernel::items::Tier::None;
    none.roles.iter_mut().for_each(|r| r.earned = false);
    none.likeness = None;
    // `NoModel` would stop the making if it were asked.
    let made = make_pack(catalogue(), &NoModel, recipe(Some(&none)), |_| ())
        .await
        .expect("a pack");
    assert_sound(&made);
    for item in &made.pack.items {
        let part = item.provenance.model.as_ref().expect("it is named");
        assert_eq!((part.tier, part.place), (kernel::items::Tier::None, None));
    }
    assert!(made.report.lines()[0].contains("earned no role"));
    // The items are those of a draw with no model.
    let addresses =
        |made: &Made| -> Vec<_> { made.pack.items.iter().map(|i| i.address.clone()).collect() };
    assert_eq!(addresses(&made), addresses(&unranked().await));
}

#[tokio::test]
async fn a_model_that_stops_half_way_is_a_typed_result() {
    let qualified = ranker().await;
    let whole = taste();
    make_pack(catalogue(), &whole, recipe(Some(&qualified)), |_| ())
        .await
        .expect("a pack");
    for call in [1, whole.calls() / 2, whole.calls()] {
        let dying = Fake::dying_at(|_: &str, text: &str| -1.0 - 4.0 * noise(5, &[text]), call);
        let made = make_pack(catalogue(), &dying, recipe(Some(&qualified)), |_| ()).await;
        let error = made.expect_err("it died");
        assert!(matches!(error, RankError::Down { .. }), "{error:?}");
        assert_eq!(error.code(), "L020");
    }
}

#[tokio::test]
async fn a_qualification_of_another_catalogue_is_stale() {
    let mut other = ranker().await;
    other.identity.catalogue += 1;
    let made = make_pack(catalogue(), &taste(), recipe(Some(&other)), |_| ()).await;
    assert_eq!(made.expect_err("stale").code(), "L023");
    let mut other = ranker().await;
    other.key = identity().key().replace(|c: char| c.is_ascii_digit(), "a");
    let made = make_pack(catalogue(), &taste(), recipe(Some(&other)), |_| ()).await;
    assert_eq!(made.expect_err("stale").code(), "L023");
}

#[tokio::test]
async fn few_items_are_spread_and_many_end_where_nothing_new_is_left() {
    for per_concept in [1, 4, 200] {
        let recipe = Recipe {
            per_concept,
            ..recipe(None)
        };
        let made = make_pack(catalogue(), &NoModel, recipe, |_| ())
            .await
            .expect("a pack");
        assert!(made.pack.flawed(catalogue()).is_empty());
        for concept in &made.report.concepts {
            assert!(concept.packed <= per_concept && concept.packed >= per_concept.min(20));
        }
    }
}

#[tokio::test]
async fn every_part_of_an_item_is_traced() {
    let qualified = ranker().await;
    let mut forms = BTreeSet::new();
    for seed in 0..40 {
        for concept in ["git-rebase", "pg-advisory-locks"] {
            let slug = concept.parse().expect("a slug");
            let tried = try_concept(catalogue(), &taste(), Some(&qualified), &slug, seed).await;
            let Tried { item, explained } = tried.expect("an item");
            assert_eq!(check(catalogue(), &item), Ok(()));
            forms.insert(item.form);
            assert_eq!(explained.options.len(), 4, "{explained:#?}");
            for (option, shown) in explained.options.iter().zip(&item.options) {
                assert_eq!((&option.text, option.key), (&shown.text, shown.key));
                assert!(option.address.starts_with(concept) && !option.why.is_empty());
                let misconception = option.role == items::Role::Misconception;
                assert_eq!(option.pull.is_some(), misconception);
                let part = item.provenance.model.as_ref().expect("a part");
                if misconception && part.place.is_some() {
                    assert!(option.score.is_some(), "{}", option.address);
                }
            }
            let text = explained.lines().join("\n");
            for said in [item.address.as_str(), &item.source, "tier ranker", "seed"] {
                assert!(text.contains(said), "{said} is missing in\n{text}");
            }
            serde_json::to_string(&explained).expect("JSON");
        }
    }
    assert_eq!(forms.len(), 6, "{forms:?}");
    let listed = catalogue()
        .iter()
        .find(|c| !c.is_askable())
        .expect("a listed concept");
    let refused = try_concept(catalogue(), &NoModel, None, &listed.slug, 1).await;
    assert_eq!(refused.expect_err("never asked").code(), "K121");
    let unknown = "no-such".parse().expect("a slug");
    let refused = try_concept(catalogue(), &NoModel, None, &unknown, 1).await;
    assert_eq!(refused.expect_err("unknown").code(), "K120");
}

#[tokio::test]
async fn an_item_out_of_a_pack_is_traced_without_scores() {
    let qualified = ranker().await;
    let made = make_pack(catalogue(), &taste(), recipe(Some(&qualified)), |_| ()).await;
    for item in &made.expect("a pack").pack.items {
        let explained = explain(catalogue(), item, None).expect("its parts");
        assert_eq!(explained.options.len(), 4, "{}", item.address);
        assert!(explained.options.iter().all(|o| o.score.is_none()));
        assert_eq!(explained.model, item.provenance.model);
    }
    assert!(Role::ALL.iter().all(|role| !role.scorings().is_empty()));
}

#[test]
fn the_futures_can_run_in_the_background() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let concept = "git-rebase".parse().expect("a slug");
    drop(is_send(make_pack(
        catalogue(),
        &NoModel,
        recipe(None),
        |_| (),
    )));
    drop(is_send(try_concept(
        catalogue(),
        &NoModel,
        None,
        &concept,
        1,
    )));
}
