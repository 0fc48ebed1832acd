//! `aiworklab quiz` as it is typed.

use super::{lines, say};
use crate::agent;
use crate::edges::Machine;
use crate::error::Result;
use crate::home::Home;
use crate::policy::Policy;
use crate::quiz::{self, Answer, Screen, plain, tui};
use crate::show::{self, page};
use crate::store::Store;
use crate::world::World;
use clap::Args;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

#[derive(Debug, Args)]
pub(super) struct Quiz {
    /// In plain lines, for screen readers and scripts; the answer is read from stdin.
    #[arg(long)]
    plain: bool,
    /// Show the check and take no answer; it waits.
    #[arg(long, conflicts_with = "answer")]
    show: bool,
    /// Answer with 1-4, n for "not sure", l for "later" or d for "not interested".
    #[arg(long, value_name = "N")]
    answer: Option<String>,
    /// On a page of this machine's own, in the browser, until it is answered there.
    #[arg(long, conflicts_with_all = ["plain", "show", "answer", "json"])]
    page: bool,
    /// With --page: print the address, and open no browser.
    #[arg(long, requires = "page")]
    no_open: bool,
    /// A check on this concept.
    #[arg(long, value_name = "SLUG")]
    concept: Option<String>,
    /// As JSON; with --show or --answer.
    #[arg(long)]
    json: bool,
}

/// Gives one check.
pub(super) fn ask(world: &dyn World, home: &Home, wish: &Quiz, out: &mut dyn Write) -> Result<()> {
    if wish.page {
        // What the engineer asks for goes before their own setting, and not before the policy.
        let policy = Policy::load(world);
        if policy.off("page") {
            let at = policy.at("page");
            return Err(show::Error::Policy { at }.into());
        }
    }
    let mut store = Store::open(world, home)?;
    agent::run(world, home, &mut store)?;
    let check = store.write(|txn| quiz::check(world, txn, wish.concept.as_deref()))?;
    if wish.page {
        // The page opens the store by itself.
        drop(store);
        let worlds: page::Worlds = Arc::new(|| Box::new(Machine));
        return page::alone(worlds, home, check.ask.id, !wish.no_open, out);
    }
    let options = check.ask.item.options.len();
    let stdin = io::stdin();
    if wish.show {
        let text = if wish.json {
            lines(&plain::as_json(&check))
        } else {
            plain::asked(&check)
        };
        return say(out, &text);
    }
    let mut settle =
        |answer: Answer| store.write(|txn| quiz::settle(world, txn, &check.ask, answer));
    if let Some(text) = &wish.answer {
        let settled = settle(plain::answer(text, options)?)?;
        let text = if wish.json {
            lines(&plain::settled_json(&check, &settled))
        } else {
            format!(
                "{}\n{}",
                plain::asked(&check),
                plain::answered(&check, &settled)
            )
        };
        return say(out, &text);
    }
    let dumb = world.env("TERM").is_none_or(|term| term == "dumb");
    let screen = io::stdout().is_terminal() && stdin.is_terminal() && !dumb;
    if screen && !wish.plain {
        let look = tui::Look {
            colour: world.env("NO_COLOR").is_none(),
        };
        let settled = tui::run(Screen::new(check.clone()), look, settle)?;
        let left = match settled {
            None => "The check waits. `aiworklab quiz` shows it again.\n".to_owned(),
            Some(settled) if matches!(settled.answer, Answer::Later | Answer::Dismiss) => {
                plain::answered(&check, &settled)
            }
            Some(_) => String::new(),
        };
        return say(out, &left);
    }
    say(out, &plain::asked(&check))?;
    let answer = loop {
        say(out, "\nAnswer: ")?;
        match plain::read_answer(&mut stdin.lock(), options) {
            Ok(answer) => break answer,
            Err(error) if stdin.is_terminal() => say(out, &error.told())?,
            Err(error) => return Err(error),
        }
    };
    match answer {
        Some(answer) => {
            let settled = settle(answer)?;
            say(out, &format!("\n{}", plain::answered(&check, &settled)))
        }
        None => say(out, "none. The check waits.\n"),
    }
}
