//! One source of the manual as HTML, with its headings, its places and its words for the index.
//!
//! The writer knows the blocks that the manual uses and no others; a block that it does not know is
//! a problem that a test sees, not something that is let through.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::fence::Fence;
use crate::{assets, paths};

/// Ids of the frame that no heading may take.
const TAKEN: [&str; 7] = ["main", "ok", "warn", "fail", "lock", "q", "contents"];

/// A heading below the page's first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// 2 to 6.
    pub level: u8,
    /// Its place: `the-first-administrator`.
    pub id: String,
    /// Its words.
    pub text: String,
}

/// What is found by a search: a heading with what stands below it, or a row with a name of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Its place in the page; empty for the top.
    pub(super) anchor: String,
    /// The heading's words, or the row's name.
    pub(super) title: String,
    /// Its words.
    pub(super) text: String,
    /// A row: an error code or a key of the configuration.
    pub(super) is_row: bool,
}

/// Which pages there are to link to.
pub(super) struct Links<'a> {
    pub(super) slugs: BTreeSet<&'a str>,
}

#[derive(Default)]
pub(super) struct Rendered {
    pub(super) title: String,
    pub(super) lede: String,
    pub(super) html: String,
    pub(super) headings: Vec<Heading>,
    pub(super) anchors: BTreeSet<String>,
    pub(super) links: Vec<String>,
    pub(super) fences: Vec<Fence>,
    pub(super) chunks: Vec<Chunk>,
    pub(super) problems: Vec<String>,
}

/// Text as HTML has it, also inside an attribute.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A heading's id, as mdBook makes it: letters, digits, `_` and `-`; a space becomes `-`.
fn id_of(text: &str) -> String {
    text.trim()
        .chars()
        .filter_map(|c| match c {
            c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c.to_ascii_lowercase()),
            c if c.is_whitespace() => Some('-'),
            _ => None,
        })
        .collect()
}

/// The name of a table's row, if it has one: an error code, or a key with its section.
fn row_name(page: &str, section: &str, first: &str) -> Option<String> {
    let is_code = |text: &str| {
        let digits = text.strip_prefix(|c: char| c.is_ascii_uppercase());
        digits.is_some_and(|d| d.len() == 3 && d.bytes().all(|b| b.is_ascii_digit()))
    };
    match page {
        "errors" if is_code(first) => Some(first.to_owned()),
        "configuration" => {
            let section = section.strip_prefix('[')?.strip_suffix(']')?;
            let is_key = !first.is_empty()
                && first
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            is_key.then(|| format!("{section}.{first}"))
        }
        _ => None,
    }
}

/// A cell that is being written, or was.
#[derive(Default)]
struct Cell {
    html: String,
    text: String,
}

#[derive(Default)]
struct Table {
    heads: Vec<Cell>,
    rows: Vec<Vec<Cell>>,
    row: Vec<Cell>,
    in_head: bool,
}

/// An image that is being described.
struct Image {
    to: String,
    alt: String,
}

struct Writer<'a> {
    page: &'a str,
    links: &'a Links<'a>,
    out: Rendered,
    /// Where inline HTML goes: the innermost of cell, heading, page.
    table: Option<Table>,
    cell: Option<Cell>,
    heading: Option<(u8, Option<String>, Cell)>,
    code: Option<Fence>,
    image: Option<Image>,
    /// What closes each open link.
    closing: Vec<String>,
    /// Nothing but the page's heading stood before.
    lede: bool,
    in_lede: bool,
    section: String,
}

/// Renders one source. `label` stands in where it has no heading of its own.
pub(super) fn render(page: &str, label: &str, markdown: &str, links: &Links<'_>) -> Rendered {
    let mut writer = Writer {
        page,
        links,
        out: Rendered {
            title: label.to_owned(),
            ..Rendered::default()
        },
        table: None,
        cell: None,
        heading: None,
        code: None,
        image: None,
        closing: Vec::new(),
        lede: false,
        in_lede: false,
        section: String::new(),
    };
    writer.out.chunks.push(Chunk {
        anchor: String::new(),
        title: label.to_owned(),
        text: String::new(),
        is_row: false,
    });
    let options = Options::ENABLE_TABLES | Options::ENABLE_HEADING_ATTRIBUTES;
    for event in Parser::new_ext(markdown, options) {
        writer.event(event);
    }
    writer.out
}

impl Writer<'_> {
    fn problem(&mut self, what: impl Into<String>) {
        self.out.problems.push(what.into());
    }

    /// HTML to wherever it belongs now.
    fn html(&mut self, html: &str) {
        let to = match (&mut self.cell, &mut self.heading) {
            (Some(cell), _) => &mut cell.html,
            (None, Some((_, _, heading))) => &mut heading.html,
            (None, None) if self.in_lede => &mut self.out.lede,
            (None, None) => &mut self.out.html,
        };
        to.push_str(html);
    }

    /// Words for the index, and for whoever asks for a cell's or a heading's.
    fn words(&mut self, text: &str) {
        if let Some(image) = &mut self.image {
            image.alt.push_str(text);
            return;
        }
        match (&mut self.cell, &mut self.heading) {
            (Some(cell), _) => cell.text.push_str(text),
            (None, Some((_, _, heading))) => heading.text.push_str(text),
            (None, None) => {
                if let Some(chunk) = self.out.chunks.last_mut() {
                    chunk.text.push_str(text);
                }
            }
        }
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match &mut self.code {
                Some(fence) => fence.text.push_str(&text),
                None => self.text(&text),
            },
            Event::Code(text) => {
                if self.image.is_none() {
                    self.html(&format!("<code>{}</code>", escape(&text)));
                }
                self.words(&text);
            }
            // A comment is for whoever edits the source; anything else is shown as it is written.
            Event::Html(text) | Event::InlineHtml(text) => {
                if !text.trim_start().starts_with("<!--") {
                    self.text(&text);
                }
            }
            Event::SoftBreak => self.text(" "),
            Event::HardBreak => {
                self.html("<br>");
                self.words(" ");
            }
            Event::Rule => self.html("<hr>"),
            other => self.problem(format!("{other:?} is not rendered")),
        }
    }

    fn text(&mut self, text: &str) {
        if self.image.is_none() {
            self.html(&escape(text));
        }
        self.words(text);
    }

    fn start(&mut self, tag: Tag<'_>) {
        let is_lede = std::mem::take(&mut self.lede) && tag == Tag::Paragraph;
        match tag {
            Tag::Paragraph if is_lede => self.in_lede = true,
            Tag::Paragraph => self.html("<p>"),
            Tag::Heading { level, id, .. } => {
                let level = match level {
                    HeadingLevel::H1 => 1,
                    HeadingLevel::H2 => 2,
                    HeadingLevel::H3 => 3,
                    _ => 4,
                };
                self.heading = Some((level, id.map(|id| id.to_string()), Cell::default()));
            }
            Tag::BlockQuote(_) => self.html("<blockquote class=\"said\">"),
            Tag::CodeBlock(kind) => {
                let info = match kind {
                    CodeBlockKind::Fenced(info) => info.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some(Fence {
                    info,
                    text: String::new(),
                });
            }
            Tag::List(None) => self.html("<ul>"),
            Tag::List(Some(1)) => self.html("<ol>"),
            Tag::List(Some(first)) => self.html(&format!("<ol start=\"{first}\">")),
            Tag::Item => self.html("<li>"),
            Tag::Emphasis => self.html("<em>"),
            Tag::Strong => self.html("<strong>"),
            Tag::Table(_) => self.table = Some(Table::default()),
            Tag::TableHead => {
                if let Some(table) = &mut self.table {
                    table.in_head = true;
                }
            }
            Tag::TableRow => {}
            Tag::TableCell => self.cell = Some(Cell::default()),
            Tag::Link { dest_url, .. } => self.open_link(&dest_url),
            Tag::Image { dest_url, .. } => {
                self.image = Some(Image {
                    to: dest_url.to_string(),
                    alt: String::new(),
                });
            }
            Tag::HtmlBlock => {}
            other => self.problem(format!("{other:?} is not rendered")),
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph if std::mem::take(&mut self.in_lede) => self.words(" "),
            TagEnd::Paragraph => self.close("</p>\n"),
            TagEnd::Heading(_) => self.close_heading(),
            TagEnd::BlockQuote(_) => self.close("</blockquote>\n"),
            TagEnd::CodeBlock => self.close_code(),
            TagEnd::List(true) => self.html("</ol>\n"),
            TagEnd::List(false) => self.html("</ul>\n"),
            TagEnd::Item => self.close("</li>\n"),
            TagEnd::Emphasis => self.html("</em>"),
            TagEnd::Strong => self.html("</strong>"),
            TagEnd::TableCell => {
                if let (Some(cell), Some(table)) = (self.cell.take(), &mut self.table) {
                    match table.in_head {
                        true => table.heads.push(cell),
                        false => table.row.push(cell),
                    }
                }
            }
            TagEnd::TableHead => {
                if let Some(table) = &mut self.table {
                    table.in_head = false;
                }
            }
            TagEnd::TableRow => {
                if let Some(table) = &mut self.table {
                    let row = std::mem::take(&mut table.row);
                    table.rows.push(row);
                }
            }
            TagEnd::Table => {
                if let Some(table) = self.table.take() {
                    self.write_table(table);
                }
            }
            TagEnd::Link => {
                let closing = self.closing.pop().unwrap_or_default();
                self.html(&closing);
            }
            TagEnd::Image => self.close_image(),
            _ => {}
        }
    }

    /// The end of a block, where its last word and the next block's first are two words.
    fn close(&mut self, html: &str) {
        self.html(html);
        self.words(" ");
    }

    fn close_heading(&mut self) {
        let Some((level, id, cell)) = self.heading.take() else {
            return;
        };
        let text = cell.text.trim().to_owned();
        if level == 1 {
            if !self.out.headings.is_empty() || !self.out.html.is_empty() {
                self.problem(format!("“{text}” is a second heading of the first level"));
            }
            self.out.title.clone_from(&text);
            if let Some(top) = self.out.chunks.first_mut() {
                top.title = text;
            }
            self.lede = true;
            return;
        }
        let wanted = id.unwrap_or_else(|| id_of(&text));
        let mut id = wanted.clone();
        let mut again = 0;
        while id.is_empty() || TAKEN.contains(&id.as_str()) || self.out.anchors.contains(&id) {
            again += 1;
            id = format!("{wanted}-{again}");
        }
        let html = cell.html.trim();
        // Below the first there is only the page: a heading in a list or a table has no place.
        let _ = writeln!(
            self.out.html,
            "<h{level} id=\"{}\">{html}</h{level}>",
            escape(&id)
        );
        self.out.anchors.insert(id.clone());
        self.section.clone_from(&text);
        self.out.chunks.push(Chunk {
            anchor: id.clone(),
            title: text.clone(),
            text: String::new(),
            is_row: false,
        });
        self.out.headings.push(Heading { level, id, text });
    }

    fn close_code(&mut self) {
        let Some(fence) = self.code.take() else {
            return;
        };
        self.words(&fence.text);
        self.words(" ");
        let html = format!(
            "<pre class=\"{}\" tabindex=\"0\" role=\"group\" aria-label=\"{}\"><code>{}</code></pre>\n",
            if fence.is_typed() { "code" } else { "code out" },
            fence.label(),
            escape(fence.text.trim_end_matches('\n'))
        );
        self.html(&html);
        self.out.fences.push(fence);
    }

    /// A link of the manual becomes one of ours. What leads out of it becomes words, with where it
    /// would lead: there is no way to another host from where this is read, and none to the source.
    fn open_link(&mut self, to: &str) {
        self.out.links.push(to.to_owned());
        let (page, place) = to.split_once('#').unwrap_or((to, ""));
        let slug = page.strip_suffix(".md");
        let href = match slug {
            _ if page.is_empty() => Some(format!("#{place}")),
            Some(slug) if self.links.slugs.contains(slug) => Some(match place {
                "" => paths::manual(slug),
                place => format!("{}#{place}", paths::manual(slug)),
            }),
            _ => None,
        };
        match href {
            Some(href) => {
                self.html(&format!("<a href=\"{}\">", escape(&href)));
                self.closing.push("</a>".to_owned());
            }
            None => {
                let file = page.trim_start_matches("../").trim_start_matches("./");
                self.closing
                    .push(format!(" (<code>{}</code>)", escape(file)));
            }
        }
    }

    fn close_image(&mut self) {
        let Some(image) = self.image.take() else {
            return;
        };
        let name = image.to.strip_prefix("images/").unwrap_or_default();
        let Some(bytes) = super::images().find_map(|(n, bytes)| (n == name).then_some(bytes))
        else {
            self.problem(format!("the image {} is not there", image.to));
            return;
        };
        if image.alt.trim().is_empty() {
            self.problem(format!("the image {} is described by no word", image.to));
        }
        let size = png_size(bytes).or_else(|| svg_size(bytes));
        let size = size.map_or(String::new(), |(width, height)| {
            format!(" width=\"{width}\" height=\"{height}\"")
        });
        let href = assets::href(name);
        let html = format!(
            "<img src=\"{}\" alt=\"{}\"{size}>",
            escape(&href),
            escape(image.alt.trim())
        );
        self.html(&html);
        self.words(&format!(" {} ", image.alt));
    }

    /// A table that folds into lines where the page is narrow, so each cell knows its head.
    fn write_table(&mut self, table: Table) {
        let mut html = String::from("<table class=\"stack\">");
        let headless = table.heads.iter().all(|head| head.text.trim().is_empty());
        if !headless {
            html.push_str("<thead><tr>");
            for head in &table.heads {
                // An empty corner is a cell, not a heading that says nothing.
                let _ = match head.text.trim() {
                    "" => write!(html, "<td></td>"),
                    _ => write!(html, "<th scope=\"col\">{}</th>", head.html),
                };
            }
            html.push_str("</tr></thead>");
        }
        html.push_str("<tbody>");
        for row in &table.rows {
            self.write_row(&mut html, &table.heads, row);
        }
        html.push_str("</tbody></table>\n");
        self.out.html.push_str(&html);
    }

    fn write_row(&mut self, html: &mut String, heads: &[Cell], row: &[Cell]) {
        let first = row.first().map_or("", |cell| cell.text.trim());
        let name = row_name(self.page, &self.section, first);
        match &name {
            Some(name) if !self.out.anchors.insert(name.clone()) => {
                self.problem(format!("{name} stands in two rows"));
                html.push_str("<tr>");
            }
            Some(name) => {
                let _ = write!(html, "<tr id=\"{}\">", escape(name));
            }
            None => html.push_str("<tr>"),
        }
        for (at, cell) in row.iter().enumerate() {
            // Of two columns the second needs no name.
            let head = heads.get(at).filter(|_| heads.len() > 2);
            let head = head.map_or("", |head| head.text.trim());
            let _ = match (at, head) {
                (0, _) => write!(html, "<th scope=\"row\">{}</th>", cell.html),
                (_, "") => write!(html, "<td>{}</td>", cell.html),
                (_, head) => write!(html, "<td data-h=\"{}:\">{}</td>", escape(head), cell.html),
            };
        }
        html.push_str("</tr>");
        let words: Vec<&str> = row.iter().map(|cell| cell.text.trim()).collect();
        match name {
            Some(name) => {
                // What follows the table belongs to the heading, not to its last row.
                let below = self.out.chunks.iter().rposition(|chunk| !chunk.is_row);
                let below = below.unwrap_or(0);
                self.out.chunks.insert(
                    below,
                    Chunk {
                        anchor: name.clone(),
                        title: name,
                        text: words.join(" · "),
                        is_row: true,
                    },
                );
            }
            None => {
                let text = format!("{} ", words.join(" · "));
                self.words(&text);
            }
        }
    }
}

/// Width and height of a PNG. Source: PNG specification, section 11.2.1 (IHDR).
fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| {
        let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(four))
    };
    bytes
        .starts_with(b"\x89PNG\r\n\x1a\n")
        .then(|| Some((number(16)?, number(20)?)))?
}

/// Width and height of an SVG whose first tag gives both in whole pixels. Source: SVG 2, section 8.
fn svg_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (tag, _) = text.split_once("<svg")?.1.split_once('>')?;
    let number = |name: &str| {
        let (value, _) = tag.split_once(name)?.1.split_once('"')?;
        value.parse().ok()
    };
    Some((number(" width=\"")?, number(" height=\"")?))
}

#[cfg(test)]
mod tests;
