//! The rules of `catalogue/format.md` for one item, written apart from whoever makes items: from the
//! catalogue's files and the item's JSON alone.

use super::raw::{Answer, Entry, Raw, answers, is_set, scenes, string, tables};
use super::wording;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use toml::Table;

/// A rule that an item breaks, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Short name of the rule.
    pub rule: &'static str,
    /// What is wrong.
    pub what: String,
}

/// An option as the catalogue has it.
struct Due {
    text: String,
    why: String,
    key: bool,
}

pub struct Faults(Vec<Fault>);

impl Faults {
    pub fn add(&mut self, rule: &'static str, what: impl Into<String>) {
        let what = what.into();
        self.0.push(Fault { rule, what });
    }

    pub fn unless(&mut self, holds: bool, rule: &'static str, what: impl Into<String>) {
        if !holds {
            self.add(rule, what);
        }
    }
}

/// An option of the item.
#[derive(Clone, Debug)]
pub struct Shown {
    pub text: String,
    pub key: bool,
    pub why: String,
}

/// The item, as far as its JSON has what an item needs.
pub struct Item<'a> {
    json: &'a Json,
    pub form: &'a str,
    pub stem: &'a str,
    pub quote: Option<&'a str>,
    pub code: Option<&'a str>,
    pub options: Vec<Shown>,
}

impl<'a> Item<'a> {
    fn of(json: &'a Json) -> Self {
        let shown = |option: &Json| Shown {
            text: option["text"].as_str().unwrap_or("").to_owned(),
            key: option["key"] == true,
            why: option["why"].as_str().unwrap_or("").to_owned(),
        };
        let options = json["options"].as_array();
        Self {
            json,
            form: json["form"].as_str().unwrap_or(""),
            stem: json["stem"].as_str().unwrap_or(""),
            quote: json["quote"].as_str(),
            code: json["code"]["text"].as_str(),
            options: options.into_iter().flatten().map(shown).collect(),
        }
    }

    fn text(&self, name: &str) -> &'a str {
        self.json[name].as_str().unwrap_or("")
    }

    /// The time to read that it tells, in seconds.
    pub fn seconds(&self) -> Option<u64> {
        self.json["seconds"].as_u64()
    }

    /// Whether its options are answers of an aspect, not outputs or an author's own.
    pub fn is_assembled(&self) -> bool {
        !matches!(self.form, "template" | "curated")
    }
}

/// Everything that is wrong with an item.
pub fn faults(raw: &Raw, json: &Json) -> Vec<Fault> {
    let mut found = Faults(Vec::new());
    let item = Item::of(json);
    let slug = item.text("concept");
    let Some(entry) = raw.asked(slug) else {
        found.add("concept", format!("nothing is asked about {slug:?}"));
        return found.0;
    };
    let Some(aspect) = entry.aspect(item.text("aspect")) else {
        found.add(
            "aspect",
            format!("{slug} has no aspect {:?}", item.text("aspect")),
        );
        return found.0;
    };
    shape(&item, &mut found);
    wording::check(entry, aspect, &item, &mut found);
    let address: Vec<&str> = item.text("address").split('/').collect();
    let due = match (item.form, address.as_slice()) {
        (form, [concept, id, named, parts @ ..])
            if *concept == slug && *id == string(aspect, "id") && *named == form =>
        {
            addressed(entry, aspect, &item, parts, &mut found)
        }
        _ => {
            found.add("address", item.text("address"));
            None
        }
    };
    if let Some(due) = due {
        options(aspect, &item, &due, &mut found);
    }
    said(entry, aspect, &item, &mut found);
    model(&json["provenance"], &mut found);
    found.0
}

/// Four options with one key, no two alike, and the answer kind that goes with them.
fn shape(item: &Item<'_>, found: &mut Faults) {
    found.unless(item.text("kind") == "choice4", "kind", item.text("kind"));
    let (all, keys) = (
        item.options.len(),
        item.options.iter().filter(|o| o.key).count(),
    );
    found.unless(all == 4, "four options", format!("{all}"));
    found.unless(keys == 1, "one key", format!("{keys} keys"));
    for (at, one) in item.options.iter().enumerate() {
        for other in &item.options[at + 1..] {
            let alike = wording::alike(&one.text, &other.text, item.is_assembled());
            found.unless(
                !alike,
                "distinct",
                format!("{:?} and {:?}", one.text, other.text),
            );
        }
    }
}

/// What the address says that the options are; the stem, quote and code are compared on the way.
fn addressed(
    entry: &Entry,
    aspect: &Table,
    item: &Item<'_>,
    parts: &[&str],
    found: &mut Faults,
) -> Option<Vec<Due>> {
    let due = match (item.form, parts) {
        ("ask", [scene, right, wrong]) => ask(aspect, item, (scene, right, wrong), found),
        ("complete", [right, wrong]) => complete(aspect, item, (right, wrong), found),
        ("reply", [right, wrong]) => reply(aspect, item, (None, right, wrong), found),
        ("reply", [said, right, wrong]) => reply(aspect, item, (Some(said), right, wrong), found),
        ("spot", [wrong, claims]) => spot(entry, aspect, item, (wrong, claims), found),
        ("template", [id, case, wrong]) => template(entry, aspect, item, (id, case, wrong), found),
        ("curated", [id]) => curated(entry, aspect, item, id, found),
        _ => None,
    };
    if due.is_none() {
        found.add(
            "address",
            format!("it names what is not there: {}", parts.join("/")),
        );
    }
    due
}

fn ask(
    aspect: &Table,
    item: &Item<'_>,
    (scene, right, wrong): (&str, &str, &str),
    found: &mut Faults,
) -> Option<Vec<Due>> {
    let scene = *scenes(aspect).get(number(scene, 's')?)?;
    let stem = format!("{scene} {}", string(aspect, "question"));
    found.unless(item.stem == stem, "stem", item.stem);
    found.unless(item.quote.is_none(), "quote", "an ask has none");
    let code = string(aspect, "code").trim_matches('\n');
    found.unless(
        item.code.unwrap_or("") == code,
        "code",
        "it is not the aspect's",
    );
    pairing(aspect, right, wrong, 3)
}

fn complete(
    aspect: &Table,
    item: &Item<'_>,
    (right, wrong): (&str, &str),
    found: &mut Faults,
) -> Option<Vec<Due>> {
    let lead = Some(string(aspect, "lead")).filter(|lead| !lead.is_empty())?;
    let is_fixed = item.stem == "How does this sentence end correctly?";
    found.unless(is_fixed, "stem", item.stem);
    let quote = format!("{lead} …");
    found.unless(
        item.quote == Some(quote.as_str()),
        "quote",
        item.quote.unwrap_or(""),
    );
    found.unless(item.code.is_none(), "code", "a sentence has none");
    pairing(aspect, right, wrong, 3)
}

fn reply(
    aspect: &Table,
    item: &Item<'_>,
    (said, right, wrong): (Option<&str>, &str, &str),
    found: &mut Faults,
) -> Option<Vec<Due>> {
    let lead = Some(string(aspect, "lead")).filter(|lead| !lead.is_empty())?;
    let is_fixed = item.stem == "A note in the change says this. How should it end?";
    found.unless(is_fixed, "stem", item.stem);
    found.unless(item.code.is_none(), "code", "a note has none");
    let agree = |answer: Answer<'_>, key| Due {
        text: "It is right as it stands".to_owned(),
        why: answer.why.to_owned(),
        key,
    };
    let mut due = pairing(aspect, right, wrong, if said.is_some() { 2 } else { 3 })?;
    for option in &mut due {
        option.text = format!("… {}", option.text);
    }
    let shown = match said {
        // The note ends rightly: its own ending is the key, and cannot be chosen anew.
        None => {
            let right = placed(aspect, "right", right.strip_prefix('r')?)?;
            due.retain(|option| !option.key);
            due.push(agree(right, true));
            right
        }
        Some(said) => {
            let said = placed(aspect, "wrong", said.strip_prefix('w')?)?;
            let twice = due.iter().any(|o| o.text == format!("… {}", said.text));
            found.unless(
                !twice,
                "reply",
                "the note's own ending is offered as another",
            );
            due.push(agree(said, false));
            said
        }
    };
    let quote = format!("{lead} {}.", shown.text);
    found.unless(
        item.quote == Some(quote.as_str()),
        "quote",
        item.quote.unwrap_or(""),
    );
    Some(due)
}

fn spot(
    entry: &Entry,
    aspect: &Table,
    item: &Item<'_>,
    (wrong, claims): (&str, &str),
    found: &mut Faults,
) -> Option<Vec<Due>> {
    let lead = Some(string(aspect, "lead")).filter(|lead| !lead.is_empty())?;
    let fixed = "An agent explains its change with four claims. Which one is WRONG?";
    found.unless(item.stem == fixed, "stem", item.stem);
    found.unless(
        item.quote.is_none() && item.code.is_none(),
        "quote",
        "claims alone",
    );
    let claim = |lead: &str, answer: Answer<'_>, key| Due {
        text: format!("{lead} {}.", answer.text),
        why: answer.why.to_owned(),
        key,
    };
    let mut due = vec![claim(
        lead,
        placed(aspect, "wrong", wrong.strip_prefix('w')?)?,
        true,
    )];
    let mut aspects = vec![string(aspect, "id")];
    for named in claims.split('+') {
        let (id, at) = named.split_once(".r")?;
        let other = entry.aspect(id)?;
        let lead = Some(string(other, "lead")).filter(|lead| !lead.is_empty())?;
        due.push(claim(lead, placed(other, "right", at)?, false));
        aspects.push(string(other, "id"));
    }
    aspects.sort_unstable();
    aspects.dedup();
    found.unless(
        aspects.len() == 4,
        "spot",
        "its claims are not of four different aspects",
    );
    Some(due)
}

fn template(
    entry: &Entry,
    aspect: &Table,
    item: &Item<'_>,
    (id, case, wrong): (&str, &str, &str),
    found: &mut Faults,
) -> Option<Vec<Due>> {
    let mut templates = entry.tables("template").into_iter();
    let template = templates.find(|t| {
        string(t, "id") == id
            && string(t, "aspect") == string(aspect, "id")
            && !is_set(t, "retired")
    })?;
    let cases = entry.outputs[id].as_object()?;
    let hashed = |name: &str| hex::encode(&Sha256::digest(name.as_bytes())[..6]);
    let (_, run) = cases.iter().find(|(name, _)| hashed(name) == case)?;
    let filled = |text: &str| {
        let mut text = text.to_owned();
        for (name, value) in run["values"].as_object().into_iter().flatten() {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            text = text.replace(&format!("{{{{{name}}}}}"), &value);
        }
        text
    };
    found.unless(
        item.stem == filled(string(template, "question")),
        "stem",
        item.stem,
    );
    let code = filled(string(template, "code"));
    let same = item.code == Some(code.trim_matches('\n'));
    found.unless(same, "code", "it is not the code that was run");
    let mut due = vec![Due {
        text: run["key"].as_str()?.to_owned(),
        why: string(template, "why").to_owned(),
        key: true,
    }];
    for at in wrong.strip_prefix('w')?.split('.') {
        let output = &run["wrong"][at.parse::<usize>().ok()?];
        let beliefs = tables(template, "belief");
        let belief = output[0].as_i64().and_then(|b| usize::try_from(b).ok());
        let why = belief
            .and_then(|b| beliefs.get(b))
            .map(|b| string(b, "why"));
        due.push(Due {
            text: output[1].as_str()?.to_owned(),
            why: why.unwrap_or(string(template, "why")).to_owned(),
            key: false,
        });
    }
    Some(due)
}

fn curated(
    entry: &Entry,
    aspect: &Table,
    item: &Item<'_>,
    id: &str,
    found: &mut Faults,
) -> Option<Vec<Due>> {
    let mut all = entry.tables("item").into_iter();
    let written = all.find(|i| {
        string(i, "id") == id
            && string(i, "aspect") == string(aspect, "id")
            && !is_set(i, "retired")
    })?;
    found.unless(item.stem == string(written, "stem"), "stem", item.stem);
    let code = string(written, "code").trim_matches('\n');
    found.unless(
        item.code.unwrap_or("") == code,
        "code",
        "it is not the author's",
    );
    let kind = item.json["task"].as_str().unwrap_or("");
    found.unless(kind == string(written, "kind"), "task", kind);
    let options = tables(written, "option").into_iter();
    Some(
        options
            .map(|option| Due {
                text: string(option, "text").to_owned(),
                why: string(option, "why").to_owned(),
                key: is_set(option, "key"),
            })
            .collect(),
    )
}

/// A true answer and `n` false ones, by position, none of them twice or retired.
fn pairing(aspect: &Table, right: &str, wrong: &str, n: usize) -> Option<Vec<Due>> {
    let due = |answer: Answer<'_>, key| Due {
        text: answer.text.to_owned(),
        why: answer.why.to_owned(),
        key,
    };
    let mut all = vec![due(
        placed(aspect, "right", right.strip_prefix('r')?)?,
        true,
    )];
    let mut positions = Vec::new();
    for at in wrong.strip_prefix('w')?.split('.') {
        let answer = placed(aspect, "wrong", at)?;
        positions.push(answer.at);
        all.push(due(answer, false));
    }
    positions.dedup();
    (positions.len() == n && positions.is_sorted()).then_some(all)
}

fn placed<'a>(aspect: &'a Table, side: &str, at: &str) -> Option<Answer<'a>> {
    let at: usize = at.parse().ok()?;
    let all = answers(aspect, side);
    all.into_iter().find(|a| a.at == at && !a.retired)
}

fn number(text: &str, before: char) -> Option<usize> {
    text.strip_prefix(before)?.parse().ok()
}

/// The options are those that are due: the key true, the others false, each with its own reason.
fn options(aspect: &Table, item: &Item<'_>, due: &[Due], found: &mut Faults) {
    let rights = answers(aspect, "right");
    let is_true = |text: &str| {
        let text = text.trim_start_matches("… ");
        item.form != "spot" && rights.iter().any(|answer| answer.text == text)
    };
    for option in &item.options {
        let same = due.iter().find(|d| d.text == option.text);
        match same {
            None if !option.key && is_true(&option.text) => {
                found.add("distractor is false", option.text.clone());
            }
            None => found.add("catalogue's answer", option.text.clone()),
            Some(d) if d.key && !option.key => {
                found.add("distractor is false", option.text.clone());
            }
            Some(d) if !d.key && option.key => found.add("key is true", option.text.clone()),
            Some(d) => found.unless(d.why == option.why, "why", option.why.clone()),
        }
        found.unless(
            !option.why.trim().is_empty(),
            "why",
            "nothing is said of an option",
        );
    }
    for d in due {
        let shown = item.options.iter().any(|o| o.text == d.text);
        found.unless(shown, "the address's options", d.text.clone());
    }
}

/// What is told with the item: explanation, stakes, source, difficulty, how it was made.
fn said(entry: &Entry, aspect: &Table, item: &Item<'_>, found: &mut Faults) {
    let key = item.options.iter().find(|o| o.key);
    let explanation = item.text("explanation");
    let proves = key.is_some_and(|key| key.why == explanation) && !explanation.is_empty();
    found.unless(proves, "explanation", explanation);
    let stakes = if item.is_assembled() {
        string(aspect, "stakes")
    } else {
        ""
    };
    found.unless(item.text("stakes") == stakes, "stakes", item.text("stakes"));
    let source = item.text("source");
    found.unless(source == string(aspect, "source"), "source", source);
    let place = |c: char| c.is_ascii_digit() || matches!(c, '§' | '“');
    let has_place = source.contains(place) || source.contains("--") || source.contains(", ");
    found.unless(
        has_place,
        "source",
        format!("it names no place: {source:?}"),
    );
    let id = item
        .text("address")
        .split('/')
        .nth(3)
        .unwrap_or("")
        .to_owned();
    let list = match item.form {
        "template" => "template",
        "curated" => "item",
        _ => "",
    };
    let written = entry
        .tables(list)
        .into_iter()
        .find(|t| string(t, "id") == id);
    let difficulty = written.unwrap_or(aspect).get("difficulty");
    let difficulty = difficulty.and_then(toml::Value::as_integer);
    let same = item.json["difficulty"].as_i64() == difficulty;
    found.unless(same, "difficulty", item.json["difficulty"].to_string());
    let how = match item.form {
        "template" => "executed",
        "curated" => "curated",
        _ => "assembled",
    };
    let told = item.json["provenance"]["how"].as_str().unwrap_or("");
    found.unless(told == how, "how it was made", told);
}

/// What is told of a model can be.
fn model(provenance: &Json, found: &mut Faults) {
    let Some(model) = provenance.get("model").filter(|m| !m.is_null()) else {
        return;
    };
    let name = model["name"].as_str().unwrap_or("");
    let shown = (1..=80).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    found.unless(shown, "model", format!("its name: {name:?}"));
    let digest = model["sha256"].as_str().unwrap_or("");
    let hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    found.unless(
        digest.len() == 64 && digest.chars().all(hex),
        "model",
        "its digest",
    );
    let place = model["place"].as_array().map(|place| {
        let number = |at: usize| place.get(at).and_then(Json::as_u64).unwrap_or(0);
        (number(0), number(1))
    });
    let placed = match (model["tier"].as_str(), place) {
        (Some("none"), None) => true,
        (Some("ranker" | "author"), None) => true,
        (Some("ranker" | "author"), Some((place, of))) => 1 <= place && place <= of,
        _ => false,
    };
    found.unless(placed, "model", format!("its place: {model}"));
}
