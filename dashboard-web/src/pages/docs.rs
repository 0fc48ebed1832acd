//! The manual's pages, and what a search in it found.
//!
//! The manual itself is `crate::manual`; these give it a frame: where one is in the book, what
//! stands on the page, the page before and the page after, and a field to search in.

use askama::Template;

use crate::error::Error;
use crate::manual::{self, Found, Heading, LIMIT_CHARS, LIMIT_WORDS, Outcome, Page, Part};
use crate::paths;
use crate::shell::{Frame, Link, Room, Shell};
use crate::words;

/// From so many headings on, a page begins with a list of them.
const LONG: usize = 4;

/// A page of the manual.
#[derive(Debug)]
pub struct DocsPage {
    /// The frame.
    pub shell: Shell,
    /// Which page: its place in [`manual::pages`].
    pub at: usize,
}

/// What a search found.
#[derive(Debug)]
pub struct DocsSearchPage {
    /// The frame.
    pub shell: Shell,
    /// What was found.
    pub found: Found,
}

#[derive(Template)]
#[template(path = "docs.html")]
struct DocsTemplate<'a> {
    frame: Frame<'a>,
    book: Book,
    page: &'static Page,
    contents: Vec<&'static Heading>,
    back: Option<Link>,
    on: Option<Link>,
}

#[derive(Template)]
#[template(path = "docs_search.html")]
struct DocsSearchTemplate<'a> {
    frame: Frame<'a>,
    book: Book,
    found: &'a Found,
    finding: String,
    places: Vec<Place<'a>>,
}

/// What stands around every page of the manual.
struct Book {
    /// The page that is open.
    current: Option<usize>,
    /// What was searched for.
    query: String,
}

/// A place that was found.
struct Place<'a> {
    href: String,
    hit: &'a manual::Hit,
}

impl Book {
    fn parts(&self) -> &'static [Part] {
        manual::parts()
    }

    fn label(&self, at: &usize) -> &'static str {
        &manual::pages()[*at].label
    }

    fn href(&self, at: &usize) -> String {
        paths::manual(&manual::pages()[*at].slug)
    }

    fn is_current(&self, at: &usize) -> bool {
        self.current == Some(*at)
    }

    fn search(&self) -> &'static str {
        paths::MANUAL_SEARCH
    }

    fn home(&self) -> &'static str {
        paths::MANUAL
    }

    fn limit(&self) -> usize {
        LIMIT_CHARS
    }
}

impl DocsPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`Error::Template`] if a template could not be filled.
    pub fn render(&self) -> Result<String, Error> {
        let pages = manual::pages();
        let page = &pages[self.at.min(pages.len().saturating_sub(1))];
        let top: Vec<&Heading> = page.headings.iter().filter(|h| h.level == 2).collect();
        let neighbour = |at: Option<usize>| {
            let page = pages.get(at?)?;
            Some(Link::new(page.label.clone(), paths::manual(&page.slug)))
        };
        Ok(DocsTemplate {
            frame: frame(&self.shell, &page.title),
            book: Book {
                current: Some(self.at),
                query: String::new(),
            },
            page,
            contents: if top.len() >= LONG { top } else { Vec::new() },
            back: neighbour(self.at.checked_sub(1)),
            on: neighbour(self.at.checked_add(1)),
        }
        .render()?)
    }
}

impl DocsSearchPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`Error::Template`] if a template could not be filled.
    pub fn render(&self) -> Result<String, Error> {
        let found = &self.found;
        let places = found.hits.iter().map(|hit| {
            let page = paths::manual(&hit.page);
            let href = match hit.anchor.as_str() {
                "" => page,
                anchor => format!("{page}#{anchor}"),
            };
            Place { href, hit }
        });
        Ok(DocsSearchTemplate {
            frame: frame(&self.shell, "Search the manual"),
            book: Book {
                current: None,
                query: found.query.clone(),
            },
            found,
            finding: finding(found),
            places: places.collect(),
        }
        .render()?)
    }
}

fn frame<'a>(shell: &'a Shell, title: &str) -> Frame<'a> {
    Frame::new(shell, Room::None, "", format!("{title} – Manual"), None)
}

fn finding(found: &Found) -> String {
    let query = &found.query;
    let many = words::capital(&words::number(found.total as u64));
    match (found.outcome, found.total) {
        (Outcome::Nothing, _) => "What are you looking for?".to_owned(),
        (Outcome::None, _) => format!("Nothing in the manual has “{query}”."),
        (Outcome::Some, 1) => {
            format!("No place has all of “{query}”. One has a part of it.")
        }
        (Outcome::Some, _) => {
            format!("No place has all of “{query}”. {many} have a part of it.")
        }
        (Outcome::All, 1) => format!("One place in the manual has “{query}”."),
        (Outcome::All, _) => format!("{many} places in the manual have “{query}”."),
    }
}

impl DocsSearchTemplate<'_> {
    fn is_empty(&self) -> bool {
        self.found.hits.is_empty()
    }

    fn shown(&self) -> usize {
        self.found.hits.len()
    }

    fn words(&self) -> usize {
        LIMIT_WORDS
    }

    fn page(&self, slug: &str) -> String {
        paths::manual(slug)
    }
}
