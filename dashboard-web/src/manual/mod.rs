//! The manual: `airgap-docs/src`, compiled in, as pages, a table of contents and an index.
//!
//! The sources are a book of mdBook's form and stay readable as Markdown. They are rendered once,
//! at the first request. A link from page to page becomes one of ours; what leads out of the manual
//! (to a file of the source, to another host) becomes words, since where this is read there may be
//! no way there. HTML in a source is shown and never obeyed.
//!
//! Invariant, held by a test over the sources: every page stands in `SUMMARY.md` once, every link
//! leads to a place that is there, every image is there, and no heading's id stands twice.

mod fence;
mod markdown;
mod search;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use include_dir::{Dir, include_dir};

pub use fence::{Fence, Mark};
pub use markdown::Heading;
pub use search::{Found, Hit, LIMIT_CHARS, LIMIT_WORDS, Outcome, Piece};

use markdown::{Chunk, Links, Rendered};

static SOURCE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../airgap-docs/src");

static MANUAL: LazyLock<Manual> = LazyLock::new(|| Manual::read(&SOURCE));

/// The page that stands first.
pub const FIRST: &str = "index";

/// A page of the manual.
#[derive(Debug)]
pub struct Page {
    /// Its name in an address: `install`.
    pub slug: String,
    /// What the table of contents calls it.
    pub label: String,
    /// The part of the book: "For IT"; empty for what stands before the first.
    pub part: String,
    /// The page's own heading.
    pub title: String,
    /// The page in a sentence: its first paragraph, as HTML.
    pub lede: String,
    /// What follows, as HTML.
    pub html: String,
    /// Its headings below the first.
    pub headings: Vec<Heading>,
    /// Every place that a link can lead to.
    pub anchors: BTreeSet<String>,
    /// Where its links lead, as written.
    pub links: Vec<String>,
    /// Its blocks of code, in order.
    pub fences: Vec<Fence>,
    chunks: Vec<Chunk>,
}

/// A part of the table of contents.
#[derive(Debug)]
pub struct Part {
    /// "For IT"; empty for what stands before the first.
    pub title: String,
    /// Its pages: places in [`pages`].
    pub pages: Vec<usize>,
}

#[derive(Debug)]
struct Manual {
    pages: Vec<Page>,
    parts: Vec<Part>,
    index: search::Index,
    problems: Vec<String>,
}

/// All pages, in the order of the table of contents.
pub fn pages() -> &'static [Page] {
    &MANUAL.pages
}

/// The table of contents.
pub fn parts() -> &'static [Part] {
    &MANUAL.parts
}

/// The page of this name, with its place in [`pages`].
pub fn page(slug: &str) -> Option<(usize, &'static Page)> {
    MANUAL
        .pages
        .iter()
        .enumerate()
        .find(|(_, page)| page.slug == slug)
}

/// Looks for what somebody typed.
pub fn search(query: &str) -> Found {
    MANUAL.index.search(&MANUAL.pages, query)
}

/// What is wrong with the sources, in sentences; a test holds that there is nothing.
pub fn problems() -> &'static [String] {
    &MANUAL.problems
}

/// The images of the manual: name and content.
pub(crate) fn images() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    let folder = SOURCE.get_dir("images");
    let files = folder.into_iter().flat_map(|folder| folder.files());
    files.filter_map(|file| Some((file.path().file_name()?.to_str()?, file.contents())))
}

struct Entry {
    part: String,
    label: String,
    slug: String,
}

/// The lines of `SUMMARY.md`: `# Part` and `- [Label](page.md)`.
fn contents(summary: &str) -> Vec<Entry> {
    let mut part = String::new();
    let mut entries = Vec::new();
    for line in summary.lines() {
        let line = line.trim();
        if let Some(title) = line.strip_prefix("# ") {
            // The file's own title is none of the book's parts.
            if title != "Summary" {
                part = title.to_owned();
            }
            continue;
        }
        let link = line.trim_start_matches("- ").strip_prefix('[');
        if let Some((label, rest)) = link.and_then(|link| link.split_once("]("))
            && let Some(slug) = rest.strip_suffix(".md)")
        {
            entries.push(Entry {
                part: part.clone(),
                label: label.to_owned(),
                slug: slug.to_owned(),
            });
        }
    }
    entries
}

impl Manual {
    fn read(source: &Dir<'_>) -> Self {
        let text = |name: &str| source.get_file(name).and_then(|file| file.contents_utf8());
        let entries = contents(text("SUMMARY.md").unwrap_or_default());
        let slugs: BTreeSet<&str> = entries.iter().map(|entry| entry.slug.as_str()).collect();
        let links = Links { slugs };
        let mut problems = Vec::new();
        let mut pages: Vec<Page> = Vec::new();
        let mut parts: Vec<Part> = Vec::new();
        for entry in &entries {
            let name = format!("{}.md", entry.slug);
            let Some(markdown) = text(&name) else {
                problems.push(format!("SUMMARY.md names {name}, which is not there"));
                continue;
            };
            if pages.iter().any(|page| page.slug == entry.slug) {
                problems.push(format!("SUMMARY.md names {name} twice"));
                continue;
            }
            let Rendered {
                title,
                lede,
                html,
                headings,
                anchors,
                links: to,
                fences,
                chunks,
                problems: found,
            } = markdown::render(&entry.slug, &entry.label, markdown, &links);
            problems.extend(found.into_iter().map(|what| format!("{name}: {what}")));
            match parts.last_mut() {
                Some(part) if part.title == entry.part => part.pages.push(pages.len()),
                _ => parts.push(Part {
                    title: entry.part.clone(),
                    pages: vec![pages.len()],
                }),
            }
            pages.push(Page {
                slug: entry.slug.clone(),
                label: entry.label.clone(),
                part: entry.part.clone(),
                title,
                lede,
                html,
                headings,
                anchors,
                links: to,
                fences,
                chunks,
            });
        }
        for file in source.files() {
            let name = file.path().to_string_lossy();
            let listed = name
                .strip_suffix(".md")
                .is_some_and(|slug| links.slugs.contains(slug));
            if !listed && name != "SUMMARY.md" {
                problems.push(format!("{name} stands in no line of SUMMARY.md"));
            }
        }
        for page in &pages {
            for link in &page.links {
                if let Some(why) = dead(&pages, page, link) {
                    problems.push(format!("{}.md links to {link}: {why}", page.slug));
                }
            }
        }
        let index = search::Index::build(&pages);
        Self {
            pages,
            parts,
            index,
            problems,
        }
    }
}

/// Why a link of the manual leads nowhere, if it does.
fn dead(pages: &[Page], from: &Page, link: &str) -> Option<&'static str> {
    let (page, place) = link.split_once('#').unwrap_or((link, ""));
    let to = match page.strip_suffix(".md") {
        _ if page.is_empty() => Some(from),
        Some(slug) => pages.iter().find(|page| page.slug == slug),
        // Out of the manual: words, not a link.
        None => return None,
    };
    match to {
        None => Some("there is no such page"),
        Some(to) if !place.is_empty() && !to.anchors.contains(place) => {
            Some("there is no such place")
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_have_nothing_wrong() {
        assert_eq!(problems(), Vec::<String>::new());
        assert!(pages().len() >= 12, "{} pages", pages().len());
        assert_eq!(pages()[0].slug, FIRST);
    }

    #[test]
    fn the_summary_gives_parts_labels_and_pages() {
        let read = contents("# Summary\n\n[Here](index.md)\n\n# For IT\n\n- [Put it in](a-b.md)\n");
        let read: Vec<_> = read
            .iter()
            .map(|e| (e.part.as_str(), e.label.as_str(), e.slug.as_str()))
            .collect();
        assert_eq!(
            read,
            [("", "Here", "index"), ("For IT", "Put it in", "a-b")]
        );
    }

    #[test]
    fn a_link_to_no_page_and_one_to_no_place_are_seen() {
        let (_, page) = page(FIRST).expect("there is a first page");
        assert!(dead(pages(), page, "errors.md").is_none());
        assert!(dead(pages(), page, "errors.md#S003").is_none());
        assert!(dead(pages(), page, "errors.md#S999").is_some());
        assert!(dead(pages(), page, "nowhere.md").is_some());
        assert!(dead(pages(), page, "../../README.md#x").is_some());
    }
}
