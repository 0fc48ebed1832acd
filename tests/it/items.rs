//! Items as engineers get them: judged by a validator that was written apart from whoever makes
//! them, and fetched, verified, kept and asked by the real client.

mod fetch;
mod raw;
mod rules;
mod spoil;
mod stand_in;
mod wording;

use harness::{Program, program, run};
use kernel::catalogue::Catalogue;
use kernel::items::{Item, check};
use raw::Raw;
use rules::faults;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Items of each concept: with 14 concepts well over 500.
const PER_CONCEPT: &str = "40";

/// The items of a pack as the appliance's administrator makes it, without a model: every draw.
fn made(seeds: &[&str]) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut all = Vec::new();
    for seed in seeds {
        let file = folder.path().join(format!("pack-{seed}.json"));
        let mut command = Command::new(program(Program::Appliance));
        command.args(["model", "make", "--no-model", "--count", PER_CONCEPT]);
        command.args(["--seed", seed, "--out"]).arg(&file);
        command.arg("--data-dir").arg(folder.path());
        let _ = run(&mut command, b"").ok();
        let pack = std::fs::read(&file).expect("the pack lies there");
        let mut pack: Value = serde_json::from_slice(&pack).expect("JSON");
        all.append(pack["items"].as_array_mut().expect("items"));
    }
    all
}

fn share(n: usize, of: usize) -> usize {
    n * 100 / of.max(1)
}

#[test]
fn five_hundred_items_pass_a_validator_that_never_saw_how_they_are_made() {
    let raw = Raw::read();
    let items = made(&["1", "2"]);
    assert!(items.len() >= 500, "{} items", items.len());
    let mut bad = Vec::new();
    let mut by_form: BTreeMap<&str, usize> = BTreeMap::new();
    let mut concepts = BTreeSet::new();
    for item in &items {
        *by_form
            .entry(item["form"].as_str().expect("a form"))
            .or_default() += 1;
        concepts.insert(item["concept"].as_str().expect("a concept"));
        let found = faults(&raw, item);
        if !found.is_empty() {
            bad.push(format!("{}: {found:?}", item["address"]));
        }
    }
    println!(
        "{} items of {} concepts: {by_form:?}",
        items.len(),
        concepts.len()
    );
    assert!(
        bad.is_empty(),
        "{} of {}:\n{}",
        bad.len(),
        items.len(),
        bad.join("\n")
    );
    assert_eq!(concepts.into_iter().collect::<Vec<_>>(), raw.concepts());
    assert_eq!(by_form.len(), 6, "{by_form:?}");
}

#[test]
fn over_many_items_neither_place_nor_length_tells_the_key() {
    let items = made(&["3"]);
    let mut places = [0_usize; 4];
    let (mut plain, mut longest, mut shortest) = (0, 0, 0);
    for item in &items {
        let options = item["options"].as_array().expect("options");
        let key = options
            .iter()
            .position(|o| o["key"] == true)
            .expect("a key");
        places[key] += 1;
        if item["form"] != "ask" && item["form"] != "complete" {
            continue;
        }
        let length = |at: usize| {
            options[at]["text"]
                .as_str()
                .map_or(0, |t| t.chars().count())
        };
        let others = || (0..4).filter(|at| *at != key).map(length);
        plain += 1;
        longest += usize::from(others().all(|n| n < length(key)));
        shortest += usize::from(others().all(|n| n > length(key)));
    }
    println!(
        "{} items: key at {places:?}; of {plain} plain ones the longest in {longest}, the shortest in {shortest}",
        items.len()
    );
    let fair = items.len() / 4;
    assert!(
        places.iter().all(|n| n.abs_diff(fair) * 100 <= fair * 35),
        "{places:?}"
    );
    assert!(
        share(longest, plain) <= 28,
        "the key is the longest in {longest} of {plain}"
    );
    assert!(
        share(shortest, plain) <= 28,
        "the key is the shortest in {shortest} of {plain}"
    );
}

#[test]
fn broken_items_are_caught_by_the_validator_and_by_the_products_own_check() {
    const BROKEN: usize = 112;
    let raw = Raw::read();
    let items = made(&["4"]);
    let broken = spoil::broken(&raw, &items, BROKEN, 20_261_124);
    assert!(broken.len() >= 100);
    let mut table: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    let mut missed = Vec::new();
    for (kind, item) in &broken {
        let found = faults(&raw, item);
        let own: Option<Item> = serde_json::from_value(item.clone()).ok();
        let refused = own.is_none_or(|own| check(Catalogue::builtin(), &own).is_err());
        let row = table.entry(kind).or_default();
        row[0] += 1;
        row[1] += usize::from(!found.is_empty());
        row[2] += usize::from(refused);
        if found.is_empty() || !refused {
            missed.push(format!("{kind}: {}", item["address"]));
        }
    }
    println!(
        "{:<28} {:>6} {:>9} {:>5}",
        "kind", "broken", "validator", "check"
    );
    for (kind, [made, caught, refused]) in &table {
        println!("{kind:<28} {made:>6} {caught:>9} {refused:>5}");
    }
    assert!(table.len() >= 12, "{} kinds", table.len());
    let sum = |at: usize| table.values().map(|row| row[at]).sum::<usize>();
    println!(
        "of {} broken: validator {}, check {}",
        sum(0),
        sum(1),
        sum(2)
    );
    assert!(
        sum(1) * 100 >= sum(0) * 95,
        "the validator missed {missed:?}"
    );
    assert!(
        sum(2) * 100 >= sum(0) * 95,
        "the product's check missed {missed:?}"
    );
}

#[test]
fn the_wording_rules_catch_a_leak_by_themselves() {
    // Were the catalogue itself to hold the leak, comparing texts would find nothing.
    let raw = Raw::read();
    let items = made(&["5"]);
    let broken = spoil::broken(&raw, &items, spoil::KINDS.len() * 4, 7);
    let rules = |kind: &str| -> BTreeSet<&'static str> {
        let of_kind = broken.iter().filter(|(k, _)| *k == kind);
        of_kind
            .flat_map(|(_, item)| faults(&raw, item))
            .map(|fault| fault.rule)
            .collect()
    };
    for (kind, rule) in [
        ("leak by length", "length leak"),
        ("leak by absolutes", "absolutes on one side"),
        ("leak by hedges", "hedges on one side"),
        ("leak by echo", "the key echoes the stem"),
        ("near-duplicate option", "distinct"),
        ("overlong option", "words of an option"),
        ("overlong stem", "words of the stem"),
        ("negated stem", "negated"),
        ("all of the above", "all or none of the above"),
        ("two keys", "one key"),
        ("a distractor that is true", "distractor is false"),
        ("another key", "key is true"),
        ("swapped reasons", "why"),
    ] {
        let found = rules(kind);
        assert!(found.contains(rule), "{kind}: {found:?}");
    }
}
