//! What a replay prints: a timeline and a summary, in words or as JSON.

use super::{Entry, Played, Told};
use crate::agent::{Counted, Happened, Tag, moment};
use crate::store::Decided;
use crate::tag::place;
use crate::words::{self, begun, count, indented, plain, wrapped};
use kernel::ids::Slug;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

const WIDTH: usize = 100;
const INDENT: &str = "            ";

/// Figures of some or all sessions.
#[derive(Debug, Default)]
struct Summary {
    payloads: u64,
    acts: u64,
    again: u64,
    not_understood: u64,
    changed: u64,
    tags: u64,
    in_changes: u64,
    not_counted: u64,
    passed_over: u64,
    concepts: BTreeSet<Slug>,
    decisions: u64,
    asked: u64,
    right: u64,
    answered: u64,
    held_back: BTreeMap<String, u64>,
}

impl Summary {
    fn of<'a>(sessions: impl IntoIterator<Item = &'a Played>) -> Self {
        let mut sum = Self::default();
        for played in sessions {
            sum.payloads += played.session.lines.len() as u64;
            sum.not_understood += played.not_understood;
            for entry in &played.entries {
                sum.take(entry);
            }
        }
        sum
    }

    fn take(&mut self, entry: &Entry) {
        match entry {
            Entry::Happened(act) => {
                self.acts += 1;
                self.again += u64::from(act.again);
                self.changed += act.added_lines;
                self.passed_over += act.passed_over.len() as u64;
                let counted = |tag: &&Tag| tag.counted == Counted::Yes;
                let tags: BTreeSet<_> = act
                    .tags
                    .iter()
                    .filter(counted)
                    .map(|tag| (&tag.concept, &tag.place))
                    .collect();
                self.tags += tags.len() as u64;
                if act.added_lines > 0 {
                    self.in_changes += tags.len() as u64;
                }
                self.not_counted += act.tags.iter().filter(|tag| !counted(tag)).count() as u64;
                self.concepts
                    .extend(tags.into_iter().map(|(concept, _)| concept.clone()));
            }
            Entry::Decided(decided) => {
                self.decisions += 1;
                if decided.what != Decided::ASKED {
                    *self.held_back.entry(decided.what.clone()).or_default() += 1;
                }
            }
            Entry::Check { answer, .. } => {
                self.asked += 1;
                self.answered += u64::from(answer.is_some());
                self.right += u64::from(*answer == Some(true));
            }
        }
    }

    /// Tags in changed files for each 40 added lines.
    fn density(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
        let density = self.in_changes as f64 * 40.0 / self.changed as f64;
        (self.changed > 0).then_some(density)
    }

    fn text(&self) -> String {
        let mut out = String::new();
        let mut row = |name: &str, text: String| {
            let text = wrapped(&text, WIDTH - 16, "                ");
            let _ = writeln!(out, "  {name:<12}  {}", text.trim());
        };
        row(
            "Told",
            format!(
                "{}, {} of them acts; {} told twice, {} not understood",
                count(self.payloads, "payload"),
                self.acts,
                self.again,
                self.not_understood
            ),
        );
        let density = self.density().map_or_else(String::new, |density| {
            format!(
                "; {density:.2} a 40 changed lines ({} in {})",
                count(self.in_changes, "tag"),
                count(self.changed, "line")
            )
        });
        row(
            "Tagged",
            format!(
                "{} of {}{density}",
                count(self.tags, "tag"),
                count(self.concepts.len() as u64, "concept")
            ),
        );
        if self.passed_over > 0 {
            row("Passed over", count(self.passed_over, "text"));
        }
        row(
            "Asked",
            match (self.asked, self.answered) {
                (0, _) => "nothing".to_owned(),
                (asked, 0) => format!("{}, none answered", count(asked, "check")),
                (asked, _) => format!("{}, {} answered rightly", count(asked, "check"), self.right),
            },
        );
        let held: Vec<_> = self
            .held_back
            .iter()
            .map(|(why, n)| format!("{n} × {}", why.replace('_', " ")))
            .collect();
        let held_back: u64 = self.held_back.values().sum();
        row(
            "Not asked",
            match held_back {
                0 => "never held back".to_owned(),
                n => format!(
                    "at {n} of {}: {}",
                    count(self.decisions, "moment"),
                    held.join(", ")
                ),
            },
        );
        out
    }

    fn json(&self) -> Value {
        json!({
            "payloads": self.payloads, "acts": self.acts, "told_twice": self.again,
            "not_understood": self.not_understood, "changed_lines": self.changed,
            "tags": self.tags, "tags_in_changes": self.in_changes,
            "tags_per_40_changed_lines": self.density().map(|density| (density * 100.0).round() / 100.0),
            "not_counted": self.not_counted, "passed_over": self.passed_over,
            "concepts": self.concepts, "moments": self.decisions, "asked": self.asked,
            "answered": self.answered, "answered_right": self.right, "held_back": self.held_back,
        })
    }
}

impl Told {
    fn time(&self, at: i64) -> String {
        let offset = i64::from(self.offset_s);
        let seconds = at.saturating_add(offset).rem_euclid(60);
        format!("{}:{seconds:02}", words::time(at, self.offset_s))
    }

    /// The timeline; with `all`, what met nothing and decided nothing too.
    pub(super) fn text(&self, all: bool) -> String {
        let mut out = String::from(
            "Replayed on a clock of its own, in a folder that is gone again: nothing of your own was read or \
             changed.\n",
        );
        let first = self.sessions.first().map_or(self.began, |played| played.at);
        let silent = if self.began == first {
            "its first week is silent"
        } else {
            "its silent first week is over"
        };
        let answers = match self.wish_answers {
            None => "checks are not answered, and one that waits holds the others back for a day",
            Some(super::Answers::Right) => "checks are answered rightly",
            Some(super::Answers::Wrong) => "checks are answered wrongly",
            Some(super::Answers::Coin) => "checks are answered as a coin falls",
        };
        let _ = writeln!(
            out,
            "The program is new on {}, so {silent}; {answers}.",
            words::local_day(self.began, self.offset_s)
        );
        for played in &self.sessions {
            let _ = writeln!(
                out,
                "\n{}, {} ({}): {}",
                words::local_day(played.at, self.offset_s),
                plain(&played.session.path.display().to_string()),
                played.session.harness.title(),
                count(played.session.lines.len() as u64, "payload"),
            );
            for entry in &played.entries {
                self.entry(&mut out, entry, all);
            }
            out.push_str(&Summary::of([played]).text());
        }
        if self.sessions.len() > 1 {
            let _ = writeln!(out, "\nAll {} sessions", self.sessions.len());
            out.push_str(&Summary::of(&self.sessions).text());
        }
        let concepts = Summary::of(&self.sessions).concepts;
        if !concepts.is_empty() {
            let names: Vec<_> = concepts.iter().map(Slug::as_str).collect();
            let text = wrapped(&names.join(", "), WIDTH - 16, "                ");
            let _ = writeln!(out, "  {:<12}  {}", "Concepts", text.trim());
        }
        for (name, n) in &self.tallies {
            let _ = writeln!(out, "  {:<12}  {n} × {}", "Not used", plain(name));
        }
        out
    }

    fn entry(&self, out: &mut String, entry: &Entry, all: bool) {
        match entry {
            Entry::Happened(act) => {
                if all || !act.tags.is_empty() || !act.passed_over.is_empty() {
                    let _ = writeln!(out, "  {:>8}  {}", self.time(act.at), heading(act));
                }
                for tag in &act.tags {
                    out.push_str(&tagged(tag));
                }
                for (name, why) in &act.passed_over {
                    let _ = writeln!(out, "{INDENT}passed over {}: {why}", plain(name));
                }
            }
            Entry::Decided(decided) => {
                let said = format!(
                    "{}: {}.",
                    begun(moment(&decided.breakpoint)),
                    plain(&decided.sentence)
                );
                let said = wrapped(&said, WIDTH - INDENT.len(), INDENT);
                let _ = writeln!(out, "  {:>8}  {}", self.time(decided.at), said.trim());
            }
            Entry::Check { at, check, answer } => {
                let item = &check.ask.item;
                let _ = writeln!(
                    out,
                    "  {:>8}  CHECK on {} ({})",
                    self.time(*at),
                    plain(&check.title),
                    item.concept
                );
                out.push_str(&wrapped(&item.stem, WIDTH - INDENT.len(), INDENT));
                if let Some(quote) = &item.quote {
                    out.push_str(&wrapped(quote, WIDTH - INDENT.len() - 2, "            | "));
                }
                if let Some(code) = &item.code {
                    out.push_str(&indented(&code.text, "                "));
                }
                for option in &item.options {
                    let mark = if option.key { "+" } else { "-" };
                    let text = wrapped(&option.text, WIDTH - 16, "                ");
                    let _ = writeln!(out, "{INDENT}  {mark} {}", text.trim());
                }
                let said = match answer {
                    None => "not answered",
                    Some(true) => "answered rightly",
                    Some(false) => "answered wrongly",
                };
                let _ = writeln!(out, "{INDENT}{said}");
            }
        }
    }

    /// As JSON.
    pub(super) fn json(&self) -> Value {
        let sessions: Vec<_> = self
            .sessions
            .iter()
            .map(|played| {
                let entries: Vec<_> = played.entries.iter().map(entry_json).collect();
                json!({
                    "file": played.session.path,
                    "harness": played.session.harness.name(),
                    "at": played.at,
                    "day": words::local_day(played.at, self.offset_s),
                    "timeline": entries,
                    "summary": Summary::of([played]).json(),
                })
            })
            .collect();
        json!({
            "began": self.began,
            "utc_offset_s": self.offset_s,
            "sessions": sessions,
            "summary": Summary::of(&self.sessions).json(),
            "not_used": self.tallies,
        })
    }
}

fn heading(act: &Happened) -> String {
    let mut text = act.act.clone();
    if act.added_lines > 0 {
        let _ = write!(text, ", +{}", count(act.added_lines, "line"));
    }
    if act.done_by != act.told_by {
        let _ = write!(
            text,
            " by {}, told by {}",
            act.done_by.title(),
            act.told_by.title()
        );
    }
    if act.again {
        text.push_str(" (told before; counts once)");
    }
    if act.cut {
        text.push_str(" (longer than what is kept; read in part)");
    }
    if act.files_left_out > 0 {
        let _ = write!(
            text,
            " ({} more beyond the limit)",
            count(act.files_left_out as u64, "file")
        );
    }
    text
}

fn tagged(tag: &Tag) -> String {
    let within = tag
        .within
        .as_ref()
        .map_or_else(String::new, |within| format!(", in {}", plain(within)));
    let not = match tag.counted {
        Counted::Yes => String::new(),
        other => format!("; {}", other.text()),
    };
    let mut out = format!(
        "{INDENT}{}  {}, rule {}, {} % sure{within}{not}\n",
        tag.concept,
        place(&tag.place, tag.row),
        plain(&tag.rule),
        tag.confidence
    );
    out.push_str(&indented(&tag.line, "                | "));
    out
}

fn entry_json(entry: &Entry) -> Value {
    match entry {
        Entry::Happened(act) => {
            let tags: Vec<_> = act
                .tags
                .iter()
                .map(|tag| {
                    json!({
                        "concept": tag.concept, "rule": tag.rule, "place": tag.place, "row": tag.row,
                        "confidence_percent": tag.confidence, "strength": tag.strength,
                        "within": tag.within, "line": tag.line, "counts": tag.counted == Counted::Yes,
                        "not_counted": Some(tag.counted.text()).filter(|text| !text.is_empty()),
                    })
                })
                .collect();
            let passed_over: Vec<_> = act
                .passed_over
                .iter()
                .map(|(name, why)| json!({ "name": name, "why": why }))
                .collect();
            json!({
                "at": act.at, "act": act.act, "session": format!("{:016x}", act.session),
                "told_by": act.told_by.name(), "done_by": act.done_by.name(), "again": act.again,
                "added_lines": act.added_lines, "tags": tags, "passed_over": passed_over,
                "files_left_out": act.files_left_out, "cut": act.cut,
            })
        }
        Entry::Decided(decided) => json!({
            "at": decided.at, "decided_after": decided.breakpoint, "what": decided.what,
            "sentence": decided.sentence,
        }),
        Entry::Check { at, check, answer } => {
            let item = &check.ask.item;
            json!({
                "at": at, "check": item.concept, "title": check.title, "sentence": check.ask.sentence,
                "address": item.address.to_string(), "stem": item.stem,
                "options": item.options.iter().map(|option| {
                    json!({ "text": option.text, "key": option.key })
                }).collect::<Vec<_>>(),
                "answered_right": answer,
            })
        }
    }
}
