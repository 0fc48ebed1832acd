//! "Wrong tag": a rule rests on this machine, and what rests on it alone is taken back.

use super::{Said, rules_of, titled};
use crate::error::{Error, Result};
use crate::forget::forget;
use crate::graph;
use crate::store::{Store, Txn};
use crate::words::{self, count};
use crate::world::World;
use kernel::delta::Scope;
use kernel::ids::Slug;
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write;

/// What is wished.
#[derive(Clone, Debug)]
pub struct Wrong {
    /// The concept, as it was typed.
    pub concept: String,
    /// The rule; those that tagged last, if left out.
    pub rule: Option<String>,
    /// Take it back.
    pub undo: bool,
}

/// What becomes of the evidence that a resting rule has left.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rest {
    /// There is none.
    None,
    /// All of it came through rules that rest: it is taken back.
    Retract,
    /// There are answers to checks.
    Answers,
    /// Other rules met it, too.
    Others(BTreeSet<String>),
    /// Of so many days it is not known through which rule.
    NotKnown(u64),
}

/// Lets the rules rest, or work again.
///
/// # Errors
/// [`Error::Concept`], [`Error::NoRule`], [`Error::NotTagged`], the store's own.
pub fn wrong(world: &dyn World, store: &mut Store, wish: &Wrong) -> Result<Said> {
    let concept = store.read(|txn| graph::named(&wish.concept, &graph::pairs(txn)?))?;
    if wish.undo {
        return undone(store, &concept, wish.rule.as_deref());
    }
    let now = world.now();
    let (rules, lines, rest) = store.write(|txn| {
        let rules = rules(txn, &concept, wish.rule.as_deref())?;
        let found = txn.met_all(&concept)?;
        let lines = found.iter().filter(|met| rules.contains(&met.rule)).count();
        for rule in &rules {
            txn.let_rest(&concept, rule, now)?;
        }
        Ok((rules, lines, rest(txn, &concept)?))
    })?;
    store.clear_log()?;
    let until = match rest {
        Rest::Retract => Some(forget(world, store, &Scope::Concept(concept.clone()))?),
        _ => None,
    };
    let named: Vec<_> = rules.iter().map(String::as_str).collect();
    let many = rules.len() > 1;
    let mut text = format!(
        "{} {} of {} {} on this machine from now on; {} that {} found {} gone.\n",
        if many { "The rules" } else { "The rule" },
        named.join(", "),
        titled(&concept),
        if many { "rest" } else { "rests" },
        count(lines as u64, "line"),
        if many { "they" } else { "it" },
        if lines == 1 { "is" } else { "are" },
    );
    text.push_str(&match &rest {
        Rest::None => String::new(),
        Rest::Retract => format!(
            "Nothing else spoke for it: that you met it is taken back here and, at the next sync, \
             everywhere.\nWhat you do with it in this hour{} is not noted, either.\n",
            until.map_or_else(String::new, |at| {
                let offset = world.utc_offset_s(at);
                format!(", until {},", words::time(at, offset))
            })
        ),
        Rest::Answers => {
            "It stays in your graph: you answered checks on it. `aiworklab forget` removes it.\n"
                .to_owned()
        }
        Rest::Others(others) => {
            let others: Vec<_> = others.iter().map(String::as_str).collect();
            format!(
                "It stays in your graph: {} found it, too.\n",
                others.join(", ")
            )
        }
        Rest::NotKnown(days) => format!(
            "It stays in your graph: of {} it is not known what found it, such as on another machine. \
             `aiworklab forget` removes it.\n",
            count(*days, "day")
        ),
    });
    let _ = writeln!(
        text,
        "Nothing of this leaves the machine but the taking back. Undo: aiworklab wrong {concept} --undo"
    );
    let kept = match &rest {
        Rest::None | Rest::Retract => None,
        Rest::Answers => Some("answers"),
        Rest::Others(_) => Some("other rules"),
        Rest::NotKnown(_) => Some("not known"),
    };
    Ok(Said {
        text,
        json: json!({
            "concept": concept, "rules": rules, "lines_gone": lines,
            "retracted": until.is_some(), "kept_because_of": kept,
        }),
    })
}

/// The rules that are meant.
fn rules(txn: &Txn<'_>, concept: &Slug, named: Option<&str>) -> Result<BTreeSet<String>> {
    let known = rules_of(concept);
    if let Some(rule) = named {
        if known.iter().any(|id| id == rule) {
            return Ok(BTreeSet::from([rule.to_owned()]));
        }
        return Err(Error::NoRule {
            concept: concept.to_string(),
            rule: rule.to_owned(),
            known,
        });
    }
    let met = txn.met_all(concept)?;
    if let Some(last) = met.first() {
        let together = met
            .iter()
            .filter(|met| met.at == last.at && met.diff == last.diff);
        return Ok(together.map(|met| met.rule.clone()).collect());
    }
    // The lines are forgotten; which rules it were is not.
    let resting = txn.resting()?;
    let working = |rule: &String| !resting.contains_key(&(concept.clone(), rule.clone()));
    let last = txn
        .met_by(concept)?
        .into_iter()
        .rev()
        .map(|(_, rules)| rules.into_iter().filter(working).collect::<BTreeSet<_>>())
        .find(|rules| !rules.is_empty());
    last.ok_or_else(|| Error::NotTagged {
        concept: concept.to_string(),
        known,
    })
}

/// What the evidence of a concept rests on, now that rules of it rest.
fn rest(txn: &mut Txn<'_>, concept: &Slug) -> Result<Rest> {
    let (mut days, answers) = txn.seen_days(|slug| graph::resolved(slug.clone()) == *concept)?;
    if answers {
        return Ok(Rest::Answers);
    }
    if days.is_empty() {
        return Ok(Rest::None);
    }
    let resting = txn.resting()?;
    let rests = |rule: &String| resting.contains_key(&(concept.clone(), rule.clone()));
    let by_day = txn.met_by(concept)?;
    days.sort_unstable();
    let mut others = BTreeSet::new();
    let mut not_known = BTreeSet::new();
    for (n, day) in days.iter().enumerate() {
        // A second `seen` of one day is another machine's, and what found it stands there.
        let elsewhere = n > 0 && days[n - 1] == *day;
        match by_day.get(day) {
            Some(rules) if !elsewhere => {
                others.extend(rules.iter().filter(|rule| !rests(rule)).cloned());
            }
            _ => {
                not_known.insert(*day);
            }
        }
    }
    Ok(if !others.is_empty() {
        Rest::Others(others)
    } else if !not_known.is_empty() {
        Rest::NotKnown(not_known.len() as u64)
    } else {
        Rest::Retract
    })
}

fn undone(store: &mut Store, concept: &Slug, rule: Option<&str>) -> Result<Said> {
    let rules: Vec<String> = store.write(|txn| {
        let of_it = txn.resting()?.into_keys();
        let rules: Vec<String> = of_it
            .filter(|(slug, id)| slug == concept && rule.is_none_or(|rule| rule == id))
            .map(|(_, id)| id)
            .collect();
        for rule in &rules {
            txn.let_work(concept, rule)?;
        }
        Ok(rules)
    })?;
    let text = match rules.as_slice() {
        [] => format!(
            "No {}rule of {} rests here.\n",
            if rule.is_some() { "such " } else { "" },
            titled(concept)
        ),
        rules => format!(
            "{} of {} {} again from now on. What was taken back does not come back; it is met anew.\n",
            rules.join(", "),
            titled(concept),
            if rules.len() > 1 { "work" } else { "works" },
        ),
    };
    Ok(Said {
        text,
        json: json!({ "concept": concept, "rules": rules, "undone": !rules.is_empty() }),
    })
}

/// The rules that rest here.
///
/// # Errors
/// The store's own.
pub fn list(txn: &Txn<'_>) -> Result<Said> {
    let resting = txn.resting()?;
    let mut text = String::new();
    if resting.is_empty() {
        text.push_str("No rule rests on this machine.\n");
    }
    for ((concept, rule), at) in &resting {
        let gone = !rules_of(concept).contains(rule);
        let gone = if gone {
            "; this release has no such rule"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "{concept}  rule {rule}, since {}{gone}",
            words::day(*at)
        );
    }
    let json: Vec<_> = resting
        .iter()
        .map(|((concept, rule), at)| {
            json!({ "concept": concept, "rule": rule, "since": words::day(*at) })
        })
        .collect();
    Ok(Said {
        text,
        json: json!(json),
    })
}
