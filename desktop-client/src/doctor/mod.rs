//! `aiworklab doctor`: how each part of this client stands, what is wrong with it, and what to do.
//!
//! Each part writes its own checks; here they are collected, put in order and told. A check never
//! changes anything, and it works where its part is broken: that is what it is for.
//!
//! Invariant: what is printed is safe to paste into a ticket. It holds no key and no code, no
//! concept, no prompt and no path of a repository; the person's home folder is written as `~`.

mod own;
#[cfg(test)]
mod tests;

use crate::home::Home;
use crate::policy::Policy;
use crate::words;
use crate::world::World;
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

/// How good or bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works, but somebody should look at it.
    Warn,
    /// Does not work.
    Fail,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How it stands.
    pub level: Level,
    /// What was found, in one sentence.
    pub what: String,
    /// Why it is so, or how it was found; may be empty.
    pub why: String,
    /// What to do about it; empty where there is nothing to do.
    pub fix: String,
}

impl Finding {
    /// All is well.
    pub fn ok(what: impl Into<String>) -> Self {
        Self::ok_because(what, "")
    }

    /// All is well, and how that was found.
    pub fn ok_because(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            level: Level::Ok,
            what: what.into(),
            why: why.into(),
            fix: String::new(),
        }
    }

    /// It works, but somebody should look at it.
    pub fn warn(what: impl Into<String>, why: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            level: Level::Warn,
            what: what.into(),
            why: why.into(),
            fix: fix.into(),
        }
    }

    /// It does not work.
    pub fn fail(what: impl Into<String>, why: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            level: Level::Fail,
            what: what.into(),
            why: why.into(),
            fix: fix.into(),
        }
    }

    /// What an error of this program says, as a failed check.
    pub fn of_error(error: &crate::error::Error) -> Self {
        Self::fail(
            format!("{error} (error {})", error.code()),
            error.causes().join("; "),
            error.fix(),
        )
    }
}

/// The findings of one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Its name.
    pub part: &'static str,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    parts: Vec<Part>,
}

/// Looks at every part.
pub fn look(world: &dyn World, program: &Path) -> Told {
    let policy = Policy::load(world);
    let mut parts = vec![own::program(world, program), own::policy(&policy)];
    match Home::find(world) {
        Err(error) => parts.push(Part {
            part: "folder",
            findings: vec![Finding::of_error(&error)],
        }),
        Ok(home) => parts.extend(own::of_home(world, &home, program, &policy)),
    }
    Told::new(world, parts)
}

impl Told {
    fn new(world: &dyn World, mut parts: Vec<Part>) -> Self {
        let person = world
            .env("HOME")
            .map(|home| home.to_string_lossy().into_owned())
            .filter(|home| home.len() > 1);
        for finding in parts.iter_mut().flat_map(|part| &mut part.findings) {
            for text in [&mut finding.what, &mut finding.why, &mut finding.fix] {
                let plain = words::plain(text);
                *text = match &person {
                    Some(person) => plain.replace(person.as_str(), "~"),
                    None => plain,
                };
            }
        }
        Self { parts }
    }

    /// Whether no check failed.
    pub fn well(&self) -> bool {
        self.count(Level::Fail) == 0
    }

    fn count(&self, level: Level) -> usize {
        self.parts
            .iter()
            .flat_map(|part| &part.findings)
            .filter(|finding| finding.level == level)
            .count()
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "well": self.well(),
            "ok": self.count(Level::Ok),
            "warn": self.count(Level::Warn),
            "fail": self.count(Level::Fail),
            "parts": self.parts,
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for part in &self.parts {
            let _ = writeln!(out, "{}", part.part);
            for finding in &part.findings {
                let what = words::wrapped(&finding.what, 74, "        ");
                let _ = writeln!(out, "  {:<4}  {}", finding.level.word(), what.trim());
                for (head, text) in [("why", &finding.why), ("fix", &finding.fix)] {
                    let shown = head == "fix" || finding.level != Level::Ok;
                    if shown && !text.is_empty() {
                        let text = words::wrapped(text, 69, "             ");
                        let _ = writeln!(out, "        {head}: {}", text.trim());
                    }
                }
            }
        }
        let _ = writeln!(
            out,
            "\n{} ok, {} to look at, {} failed. Safe to paste into a ticket: no key, no code, no \
             concept and no\nrepository is named above. `aiworklab doctor --json` says how each was found.",
            self.count(Level::Ok),
            self.count(Level::Warn),
            self.count(Level::Fail),
        );
        out
    }
}
