//! Breaks sound items, each in one way that has been seen in questions that people or models write.

use super::raw::{Raw, answers};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value as Json, json};

/// What a break may take parts from.
pub struct Workshop<'a> {
    /// The catalogue.
    pub raw: &'a Raw,
    /// Sound items.
    pub items: &'a [Json],
    rng: ChaCha8Rng,
}

/// Breaks an item; `false` if it has nothing to break in this way.
type Break = fn(&mut Json, &mut Workshop<'_>) -> bool;

/// Every way, by name.
pub const KINDS: [(&str, Break); 28] = [
    ("two keys", two_keys),
    ("no key", no_key),
    ("another key", another_key),
    ("key is no right answer", key_reworded),
    ("key of another concept", key_of_another_concept),
    ("a distractor that is true", true_distractor),
    ("duplicate option", duplicate),
    ("near-duplicate option", near_duplicate),
    ("leak by length", leak_by_length),
    ("leak by absolutes", leak_by_absolutes),
    ("leak by hedges", leak_by_hedges),
    ("leak by echo", leak_by_echo),
    ("another aspect's answer", foreign_answer),
    ("another aspect's stem", foreign_stem),
    ("changed code", changed_code),
    ("wrong template output", wrong_output),
    ("overlong option", overlong_option),
    ("overlong stem", overlong_stem),
    ("swapped reasons", swapped_reasons),
    ("another explanation", other_explanation),
    ("three options", three_options),
    ("five options", five_options),
    ("all of the above", all_of_the_above),
    ("negated stem", negated_stem),
    ("another address", other_address),
    ("no source", no_source),
    ("two wrong claims", two_wrong_claims),
    ("a note that ends otherwise", other_note),
];

/// `n` broken items, the kinds in turn, each from a drawn sound item that it fits.
pub fn broken(raw: &Raw, items: &[Json], n: usize, seed: u64) -> Vec<(&'static str, Json)> {
    let mut shop = Workshop {
        raw,
        items,
        rng: ChaCha8Rng::seed_from_u64(seed),
    };
    let kinds = KINDS.iter().cycle();
    let made = kinds.map(|(name, spoil)| {
        for _ in 0..10_000 {
            let mut item = shop.any().clone();
            let whole = item.clone();
            if spoil(&mut item, &mut shop) && item != whole {
                return (*name, item);
            }
        }
        panic!("no item can be broken by {name}")
    });
    made.take(n).collect()
}

impl<'a> Workshop<'a> {
    fn any(&mut self) -> &'a Json {
        &self.items[self.rng.random_range(0..self.items.len())]
    }

    fn below(&mut self, n: usize) -> usize {
        self.rng.random_range(0..n)
    }

    /// Another item with this value in that field, or another value.
    fn other(&mut self, of: &Json, field: &str, same: bool) -> &'a Json {
        loop {
            let other = self.any();
            if (other[field] == of[field]) == same && other["address"] != of["address"] {
                return other;
            }
        }
    }
}

fn key(item: &Json) -> usize {
    let options = item["options"].as_array().expect("options");
    options
        .iter()
        .position(|o| o["key"] == true)
        .expect("a key")
}

/// A position that is not the key's.
fn other_option(item: &Json, shop: &mut Workshop<'_>) -> usize {
    (key(item) + 1 + shop.below(3)) % 4
}

fn text(item: &Json, at: usize) -> String {
    item["options"][at]["text"]
        .as_str()
        .expect("text")
        .to_owned()
}

fn is(item: &Json, forms: &[&str]) -> bool {
    forms.iter().any(|form| item["form"] == *form)
}

fn two_keys(item: &mut Json, shop: &mut Workshop<'_>) -> bool {
    let at = other_option(item, shop);
    item["options"][at]["key"] = true.into();
    true
}

fn no_key(item: &mut Json, _: &mut Workshop<'_>) -> bool {
    let at = key(item);
    item["options"][at]["key"] = false.into();
    true
}

/// All of it in step: the explanation too.
fn another_key(item: &mut Json, shop: &mut Workshop<'_>) -> bool {
    let (from, to) = (key(item), other_option(item, shop));
    item["options"][from]["key"] = false.into();
    item["options"][to]["key"] = true.into();
    item["explanation"] = item["options"][to]["why"].clone();
    true
}

fn key_reworded(item: &mut Json, _: &mut Workshop<'_>) -> bool {
    let at = key(item);
    let told = text(item, at);
    let (first, rest) = told.split_once(' ').unwrap_or((&told, ""));
    let reworded = if rest.contains(" not ") {
        format!("{first} {}", rest.replacen(" not ", " ", 1))
    } else {
        format!("{first} not {rest}")
    };
    item["options"][at]["text"] = reworded.trim().into();
    true
}

fn key_of_another_concept(item: &mut Json, shop: &mut Workshop<'_>) -> bool {
    let other = shop.other(item, "concept", false);
    let (at, from) = (key(item), key(other));
    item["options"][at] = other["options"][from].clone();
    item["explanation"] = other["explanation"].clone();
    true
}

/// Another true answer of the same aspect stands among the false ones.
fn true_distractor(item: &mut Json, shop: &mut Workshop<'_>) -> bool {
    if !is(item, &["ask", "complete"]) {
        return false;
    }
    let concept = item["concept"].as_str().expect("a concept");
    let entry = shop.raw.asked(concept).expect("an entry");
    let aspect = entry.aspect(item["aspect"].as_str().expect("an aspect"));
    let shown = text(item, key(item));
    let all = answers(aspect.expect("an aspect"), "right");
    let Some(other) = all.into_iter().find(|a| a.text != shown && !a.retired) else {
        return false;
    };
    let at = other_option(item, shop);
    item["options"][at]["text"] = other.text.into();
    item["options"][at]["why"] = other.why.into();
    true
}

fn duplicate(item: &mut Json, shop: &mut Workshop<'_>) -> bool {
    let (from, to) = (shop.below(4), other_option(item, shop));
    if from == to {
        return false;
    }
    item["options"][to]["text"] = item["options"][from]["text"].clone();
    true
}

fn near_duplicate(item: &mut Json, shop: &mut Workshop<'_>) -> bool {
    let (from, to) = (shop.below(4), other_option(item, shop));
    if from == to {
        return false;
    }
    let told = text(item, from);
    let near = match shop.below(4) {
        0 => told.to_uppercase(),
        1 => told.replacen(' ', "  ", 1),
        2 => format!("{told}."),
        _ => told.replacen("the ", "", 1),
    };
    item["options"][to]["text"] = near.clone().into();
    near != told
}

fn leak_by_length(item: &mut Json, _: &mut Workshop<'_>) -> bool {
    if !is(item, &["ask", "complete", "reply"]) {
        return false;
    }
    let at = key(item);
    let long = format!("{}, as the manual says", text(item, at));
    item["options"][at]["text"] = long.into();
    true
}

fn every_distractor(item: &mut Json, word: &str) -> bool {
    if !is(item, &["ask", "complete", "reply"]) {
        return false;
    }
    let key = key(item);
    for at in (0..4).filter(|at| *at != key) {
        let told = text(item, at);
        let (first, rest) = told.split_once(' ').unwrap_or((&told, ""));
        item["options"][at]["text"] = format!("{first} {word} {rest}").into();
    }
    true
}

fn leak_by_absolutes(item: &mut Json, _: &mut Workshop<'_>) -> bool {
    every_distractor(item, "always")
}

fn leak_by_hedges(item: &mut Json, _: &mut Workshop<'_>) -> bool {
    let at = key(item);
    let told = text(item, at);
    let (first, rest) = told.split_once(' ').unwrap_or((&told, ""));
    item["options"][at]["text"] = format!("{first} usually {rest}").into();
    is(item, &["ask", "complete", "reply"])
}

fn leak_by_echo(item: &mut Json, _: &mut Workshop<'_>) -> bool {
    if !is(item, &["ask"]) {
        return false;
    }
    let stem = item["stem"].as_str().expect("a stem").to_owned();
    let long = stem.split_whitespace().filter(|word| word.len() > 5);
    let words: Vec<&str> = long.take(4).collect();
    let at = key(item);
    item["options"][at]["text"] = format!("{} {}", text(item, at), words.join(" ")).into();
    words.len() == 4
}

fn foreign_answer(item: &mut Json, shop: &mut Workshop<'_>) -> bool {
    let other = shop.other(item, "concept", true);
    if other["aspect"] == item["aspect"] || other["form"] != item["form"] {
        return false;
    }
    let (to, from) = (other_option(item, shop), other_option(other, shop));
    item["options"][to] = other["options"][from].clone();
    true
}

fn foreign_stem(item: &mut Json, shop: &mut Workshop<'_>) -> bool {
    let other = shop.other(item, "concept", true);
    if other["aspect"] == item["aspect"] || other["form"] != item["form"] {
        return false;
    }
    let changed = item["stem"] != other["stem"] || item["quote"] != other["quote"];
    item["stem"] = other["stem"].clone();
    item["quote"] = other["quote"].clone();
    item["seconds"] = other["seconds"].clone();
    changed
}

fn changed_code(item: &mut Json, shop: &mut Workshop<'_>) -> bool {
    let Some(code) = item["code"]["text"].as_str() else {
        return false;
    };
    let mut lines: Vec<String> = code.lines().map(str::to_owned).collect();
    let at = shop.below(lines.len());
    let changed = match shop.below(3) {
        0 => lines[at].replace('1', "2"),
        1 => lines[at].replace('=', "!="),
        _ => format!("{} ", lines[at]),
    };
    let differs = changed != lines[at];
    lines[at] = changed;
    item["code"]["text"] = lines.join("\n").into();
    differs
}

/// Key and a believer's output change places, reasons and all.
fn wrong_output(item: &mut Json, shop: &mut Workshop<'_>) -> bool {
    is(item, &["template"]) && another_key(item, shop)
}

fn overlong_option(item: &mut Json, shop: &mut Workshop<'_>) -> bool {
    let at = shop.below(4);
    let long = format!(
        "{} and so on for quite a while until nobody reads it any more at all",
        text(item, at)
    );
    item["options"][at]["text"] = long.into();
    true
}

fn overlong_stem(item: &mut Json, _: &mut Workshop<'_>) -> bool {
    let told = item["stem"].as_str().expect("a stem");
    item["stem"] = format!("{} {told}", "It was a dark and stormy night. ".repeat(7)).into();
    true
}

fn swapped_reasons(item: &mut Json, shop: &mut Workshop<'_>) -> bool {
    let (one, other) = (key(item), other_option(item, shop));
    let why = item["options"][one]["why"].clone();
    item["options"][one]["why"] = item["options"][other]["why"].clone();
    item["options"][other]["why"] = why;
    item["explanation"] = item["options"][one]["why"].clone();
    item["options"][one]["why"] != item["options"][other]["why"]
}

fn other_explanation(item: &mut Json, shop: &mut Workshop<'_>) -> bool {
    item["explanation"] = shop.other(item, "concept", false)["explanation"].clone();
    true
}

fn three_options(item: &mut Json, shop: &mut Workshop<'_>) -> bool {
    let at = other_option(item, shop);
    item["options"].as_array_mut().expect("options").remove(at);
    true
}

fn five_options(item: &mut Json, shop: &mut Workshop<'_>) -> bool {
    let other = shop.other(item, "aspect", false);
    let at = other_option(other, shop);
    let more = other["options"][at].clone();
    item["options"].as_array_mut().expect("options").push(more);
    true
}

fn all_of_the_above(item: &mut Json, shop: &mut Workshop<'_>) -> bool {
    let at = other_option(item, shop);
    item["options"][at]["text"] = "all of the above".into();
    true
}

fn negated_stem(item: &mut Json, _: &mut Workshop<'_>) -> bool {
    let told = item["stem"].as_str().expect("a stem");
    let negated = told
        .replacen(" does ", " does not ", 1)
        .replacen(" is ", " is not ", 1);
    item["stem"] = negated.into();
    is(item, &["ask"])
}

fn other_address(item: &mut Json, shop: &mut Workshop<'_>) -> bool {
    let other = shop.other(item, "aspect", true);
    if other["form"] != item["form"] || other["concept"] != item["concept"] {
        return false;
    }
    item["address"] = other["address"].clone();
    true
}

fn no_source(item: &mut Json, shop: &mut Workshop<'_>) -> bool {
    let sources = ["", "the documentation", "a blog"];
    item["source"] = sources[shop.below(3)].into();
    true
}

/// A second claim is false as well: nobody can tell which one is meant.
fn two_wrong_claims(item: &mut Json, shop: &mut Workshop<'_>) -> bool {
    if !is(item, &["spot"]) {
        return false;
    }
    let other = shop.other(item, "concept", true);
    if !is(other, &["spot"]) || other["aspect"] == item["aspect"] {
        return false;
    }
    let (to, from) = (other_option(item, shop), key(other));
    item["options"][to]["text"] = other["options"][from]["text"].clone();
    item["options"][to]["why"] = other["options"][from]["why"].clone();
    true
}

/// The note ends as one of the options does, so that none or two of them are right.
fn other_note(item: &mut Json, shop: &mut Workshop<'_>) -> bool {
    if !is(item, &["reply"]) {
        return false;
    }
    let other = shop.other(item, "aspect", true);
    if !is(other, &["reply"]) || other["concept"] != item["concept"] {
        return false;
    }
    let changed = other["quote"] != item["quote"];
    item["quote"] = json!(other["quote"]);
    changed
}
