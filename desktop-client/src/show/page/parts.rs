//! A check as the parts of the page: the texts of the terminal, as values for `dashboard_web`.

use crate::quiz::{Answer, Check, Settled, plain};
use crate::words;
use dashboard_web::pages::check::{Explained, YourLine};
use dashboard_web::pages::{CheckAnswered, CheckAsked, CheckMessage};
use kernel::delta;

/// The check before its answer.
pub fn asked(check: &Check) -> CheckAsked {
    let item = &check.ask.item;
    let lines = |text: &str| -> Vec<String> {
        text.lines()
            .map(|line| words::plain(&line.replace('\t', "    ")))
            .collect()
    };
    CheckAsked {
        number: check.ask.id,
        title: words::plain(&check.title),
        heading: plain::heading(check),
        line: check.met.as_ref().map(|met| YourLine {
            heading: plain::line_heading(met),
            text: lines(&met.line),
        }),
        stem: item.stem.clone(),
        quote: item.quote.clone(),
        code: item
            .code
            .as_ref()
            .map(|code| lines(&code.text))
            .unwrap_or_default(),
        options: item.options.iter().map(|o| o.text.clone()).collect(),
    }
}

/// The check after its answer.
pub fn answered(check: &Check, settled: &Settled) -> CheckAnswered {
    let item = &check.ask.item;
    let whole = !matches!(settled.answer, Answer::Later | Answer::Dismiss);
    let (verdict, _) = plain::verdict(check, settled);
    let (from, to) = settled.states;
    let became = (settled.counts && from != to).then(|| (state(from), state(to)));
    let mut facts = Vec::new();
    let mut changes = String::new();
    for (word, text) in plain::facts(check, settled) {
        match word {
            plain::CHANGES => changes = text,
            // What stands in a section of its own, with its line.
            plain::YOUR_LINE => {}
            // After "later" nothing of the answer is given away.
            word if whole || word == plain::NEXT => facts.push((word.to_owned(), text)),
            _ => {}
        }
    }
    CheckAnswered {
        asked: asked(check),
        concept: item.concept.to_string(),
        verdict: if whole {
            format!("{verdict} {}", item.explanation)
        } else {
            verdict.to_owned()
        },
        whole,
        options: item
            .options
            .iter()
            .enumerate()
            .map(|(n, option)| Explained {
                text: option.text.clone(),
                right: option.key,
                yours: settled.answer == Answer::Option(n),
                why: plain::why(item, option).map(str::to_owned),
            })
            .collect(),
        became,
        changes,
        facts,
    }
}

const fn state(state: delta::State) -> dashboard_web::State {
    match state {
        delta::State::Unknown => dashboard_web::State::Unknown,
        delta::State::Seen => dashboard_web::State::Seen,
        delta::State::Learning => dashboard_web::State::Learning,
        delta::State::Demonstrated => dashboard_web::State::Demonstrated,
        delta::State::Retained => dashboard_web::State::Retained,
        delta::State::Lapsed => dashboard_web::State::Lapsed,
    }
}

fn message(title: &str, text: &str, commands: &[&str]) -> CheckMessage {
    CheckMessage {
        title: title.into(),
        text: text.into(),
        commands: commands.iter().map(|c| (*c).to_owned()).collect(),
    }
}

/// For a key that opens nothing.
pub fn no_key() -> CheckMessage {
    message(
        "This address opens nothing any more.",
        "Its key ends when the check is answered, when the program behind it ends, and after twelve hours at the \
         latest. Nothing was changed. If a check waits, this gives it:",
        &["aiworklab quiz", "aiworklab quiz --page"],
    )
}

/// For a check that does not wait any more.
pub fn over() -> CheckMessage {
    message(
        "Nothing waits here.",
        "This check was answered elsewhere, put off, or forgotten at your word. The answer that came first stands. \
         What your agents did lately, and what you answered:",
        &["aiworklab recap"],
    )
}

/// For an answer that is none.
pub fn no_answer() -> CheckMessage {
    message(
        "That is no answer.",
        "The page sent something that this check does not take. Nothing was changed. The check waits:",
        &["aiworklab quiz"],
    )
}

/// For what failed in here.
pub fn failed(code: &str, what: &str) -> CheckMessage {
    message(
        "The check could not be read or written.",
        &format!(
            "{code}: {what}. Nothing was half-written. The terminal says what to do about it:"
        ),
        &["aiworklab quiz"],
    )
}
