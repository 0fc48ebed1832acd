//! The check in plain lines: for scripts, screen readers and pipes. What the terminal screen shows is
//! made from the same texts.

use super::{Answer, Check, Settled};
use crate::error::{Error, Result};
use crate::pack;
use crate::store::{MENTIONS_KEPT_S, Met};
use crate::tag::place;
use crate::words::{self, indented, plain, wrapped};
use kernel::catalogue::Catalogue;
use kernel::items::{Item, OptionText};
use serde_json::{Value, json};
use std::fmt::Write;
use std::io::BufRead;

const WIDTH: usize = 76;

/// The word before what an answer changes.
pub const CHANGES: &str = "It changes";
/// The word before the next date.
pub const NEXT: &str = "Next";
/// The word before the line that brought a concept up.
pub const YOUR_LINE: &str = "Asked for";

/// What stands above the question.
pub fn heading(check: &Check) -> String {
    let title = plain(&check.title);
    match &check.ask.sentence {
        Some(sentence) => format!("{title}. {}.", plain(&words::begun(sentence))),
        None => format!("{title}. Asked because {}.", plain(&check.ask.reason)),
    }
}

/// What stands above the engineer's own line.
pub fn line_heading(met: &Met) -> String {
    let within = met.within.as_ref().map(|within| format!(", in {within}"));
    // Of a plan, no text is kept.
    let what = if met.line.is_empty() {
        "Met in"
    } else {
        "Your line in"
    };
    plain(&format!(
        "{what} {}{}, {}. Rule {}; forgotten after 7 days.",
        place(&met.file, met.row),
        within.unwrap_or_default(),
        words::day(met.at),
        met.rule
    ))
}

/// The check before its answer.
pub fn asked(check: &Check) -> String {
    let item = &check.ask.item;
    let mut out = wrapped(&heading(check), WIDTH, "");
    if let Some(met) = &check.met {
        out.push_str(&wrapped(&line_heading(met), WIDTH, ""));
        if !met.line.is_empty() {
            out.push('\n');
            out.push_str(&indented(&met.line, "    "));
        }
    }
    out.push('\n');
    out.push_str(&wrapped(&item.stem, WIDTH, ""));
    if let Some(quote) = &item.quote {
        out.push('\n');
        out.push_str(&wrapped(quote, WIDTH - 4, "  | "));
    }
    if let Some(code) = &item.code {
        out.push('\n');
        out.push_str(&indented(&code.text, "    "));
    }
    out.push('\n');
    for (n, option) in item.options.iter().enumerate() {
        let text = wrapped(&option.text, WIDTH - 4, "    ");
        let _ = writeln!(out, "{:>2}  {}", n + 1, text.trim());
    }
    out.push_str(" n  I am not sure\n l  Later\n d  Not interested\n");
    out
}

/// The first sentence after an answer, and whether care is due.
pub fn verdict(check: &Check, settled: &Settled) -> (&'static str, bool) {
    match settled.answer {
        Answer::Option(n) if check.ask.item.options.get(n).is_some_and(|o| o.key) => {
            ("Yes.", false)
        }
        Answer::Option(_) => ("Not this time.", true),
        Answer::Unsure => ("Here is how it is. This stays on your machine.", false),
        Answer::Later => ("Put off. This stays on your machine.", false),
        Answer::Dismiss => (
            "Waved away. This stays on your machine; two in a row halve the checks for a week.",
            false,
        ),
    }
}

/// The marks beside an option after the answer.
pub fn marks(check: &Check, settled: &Settled, n: usize) -> Vec<&'static str> {
    let mut marks = Vec::new();
    if check
        .ask
        .item
        .options
        .get(n)
        .is_some_and(|option| option.key)
    {
        marks.push("right");
    }
    if settled.answer == Answer::Option(n) {
        marks.push("your answer");
    }
    marks
}

/// What is said of an option after the answer, where the explanation has not said it.
pub fn why<'a>(item: &'a Item, option: &'a OptionText) -> Option<&'a str> {
    (option.why != item.explanation).then_some(option.why.as_str())
}

/// What stands below the options after the answer: a word each, and what it says.
pub fn facts(check: &Check, settled: &Settled) -> Vec<(&'static str, String)> {
    let item = &check.ask.item;
    let (from, to) = settled.states;
    let (from, to) = (words::state(from), words::state(to));
    let changes = match settled.answer {
        Answer::Unsure | Answer::Later | Answer::Dismiss => format!("Nothing: it stays {from}."),
        Answer::Option(_) if !settled.counts => {
            "Nothing: an answer counts if the last one lies 20 hours back.".to_owned()
        }
        Answer::Option(_) if from == to => format!("It stays {from}. Only you see this."),
        Answer::Option(_) => format!("{from} becomes {to}. Only you see this."),
    };
    let line = check.met.as_ref().map(|met| {
        let said = line_heading(met);
        match met.line.trim() {
            "" => said,
            line => format!("{} {said}", plain(&line.replace('\t', " "))),
        }
    });
    let mut facts = vec![
        (CHANGES, changes),
        (
            NEXT,
            format!(
                "Asked again on {} or later, with another question.",
                words::day(settled.next)
            ),
        ),
        (YOUR_LINE, line.unwrap_or_default()),
        ("At stake", item.stakes.clone()),
        ("Source", item.source.clone()),
        (
            "Made",
            words::plain(&pack::provenance(item, check.ask.pack.as_deref())),
        ),
        (
            "Item",
            format!("{}, seed {:016x}", item.address, item.provenance.seed),
        ),
    ];
    facts.retain(|(_, text)| !text.is_empty());
    facts
}

/// The check after its answer.
pub fn answered(check: &Check, settled: &Settled) -> String {
    let item = &check.ask.item;
    let (verdict, _) = verdict(check, settled);
    if matches!(settled.answer, Answer::Later | Answer::Dismiss) {
        return format!("{verdict}\n");
    }
    let mut out = wrapped(&format!("{verdict} {}", item.explanation), WIDTH, "");
    for (n, option) in item.options.iter().enumerate() {
        let marks = marks(check, settled, n);
        let marks = if marks.is_empty() {
            String::new()
        } else {
            format!(" [{}]", marks.join(", "))
        };
        let text = wrapped(&format!("{}{marks}", option.text), WIDTH - 4, "    ");
        let _ = write!(out, "\n{:>2}  {}\n", n + 1, text.trim());
        if let Some(why) = why(item, option) {
            out.push_str(&wrapped(why, WIDTH - 4, "    "));
        }
    }
    out.push('\n');
    for (word, text) in facts(check, settled) {
        let text = wrapped(&text, WIDTH - 13, "             ");
        let _ = writeln!(out, "{word:<11}  {}", text.trim());
    }
    out
}

/// The check as JSON, without its key.
pub fn as_json(check: &Check) -> Value {
    let item = &check.ask.item;
    let options: Vec<_> = item.options.iter().map(|option| &option.text).collect();
    json!({
        "concept": item.concept,
        "title": check.title,
        "reason": check.ask.reason,
        "sentence": check.ask.sentence,
        "harder": check.ask.harder,
        "requested": check.ask.requested,
        "probe": check.ask.probe,
        "address": item.address.to_string(),
        "seed": format!("{:016x}", check.ask.seed),
        "catalogue": item.provenance.catalogue,
        "pack": check.ask.pack,
        "how": item.provenance.how,
        "model": item.provenance.model,
        "provenance": pack::provenance(item, check.ask.pack.as_deref()),
        "your_line": check.met.as_ref().map(|met| json!({
            "file": met.file, "row": met.row, "line": met.line, "within": met.within, "rule": met.rule,
            "confidence_percent": met.confidence, "forgotten_after": words::day(met.at + MENTIONS_KEPT_S),
        })),
        "stem": item.stem,
        "quote": item.quote,
        "code": item.code.as_ref().map(|code| &code.text),
        "options": options,
    })
}

/// What an answer changed, as JSON.
pub fn settled_json(check: &Check, settled: &Settled) -> Value {
    let answer = match settled.answer {
        Answer::Option(n) => json!(n + 1),
        Answer::Unsure => json!("not sure"),
        Answer::Later => json!("later"),
        Answer::Dismiss => json!("not interested"),
    };
    let right = match settled.answer {
        Answer::Option(n) => check.ask.item.options.get(n).map(|option| option.key),
        _ => None,
    };
    let whole = !matches!(settled.answer, Answer::Later | Answer::Dismiss);
    json!({
        "check": as_json(check),
        "answer": answer,
        "right": right,
        "provenance": pack::provenance(&check.ask.item, check.ask.pack.as_deref()),
        // "Later" and "not interested" give nothing of the answer away: it comes again.
        "explanation": whole.then_some(&check.ask.item.explanation),
        "options": whole.then(|| {
            let options = check.ask.item.options.iter().enumerate();
            options
                .map(|(n, option)| json!({
                    "text": option.text,
                    "right": option.key,
                    "yours": settled.answer == Answer::Option(n),
                    "why": option.why,
                }))
                .collect::<Vec<_>>()
        }),
        "stakes": whole.then_some(&check.ask.item.stakes),
        "source": whole.then_some(&check.ask.item.source),
        "parts": kernel::items::parts(Catalogue::builtin(), &check.ask.item.address).ok(),
        "counts": settled.counts,
        "from": settled.states.0,
        "to": settled.states.1,
        "next": words::day(settled.next),
    })
}

/// An answer as it is typed.
///
/// # Errors
/// [`Error::Answer`] for anything else.
pub fn answer(text: &str, options: usize) -> Result<Answer> {
    let bad = || Error::Answer {
        text: text.trim().chars().take(40).collect(),
    };
    match text.trim() {
        "n" | "N" => Ok(Answer::Unsure),
        "l" | "L" => Ok(Answer::Later),
        "d" | "D" => Ok(Answer::Dismiss),
        digits => match digits.parse::<usize>() {
            Ok(n) if (1..=options).contains(&n) => Ok(Answer::Option(n - 1)),
            _ => Err(bad()),
        },
    }
}

/// Reads one line and takes it as the answer; `None` at the end of the input.
///
/// # Errors
/// [`Error::Answer`] for a line that is none.
pub fn read_answer(input: &mut dyn BufRead, options: usize) -> Result<Option<Answer>> {
    let mut line = String::new();
    let read = input
        .read_line(&mut line)
        .map_err(|source| Error::Terminal { source })?;
    if read == 0 {
        Ok(None)
    } else {
        answer(&line, options).map(Some)
    }
}
