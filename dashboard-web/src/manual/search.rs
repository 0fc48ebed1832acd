//! Looking something up in the manual: a small inverted index, made once.
//!
//! What is found is a heading with what stands below it, or the row of an error code or a key. All
//! words have to be there; where no place has all, those that have some are shown, and it is said.
//! A word also finds the longer ones that begin with it. What was asked is kept nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::Page;

/// A query is cut after so many characters.
pub const LIMIT_CHARS: usize = 100;
/// And after so many words.
pub const LIMIT_WORDS: usize = 8;
/// So many places are shown.
const SHOWN: usize = 30;
/// A word that is looked for finds at most so many longer ones.
const LONGER: usize = 60;
/// From so many characters on it finds longer ones at all.
const PREFIX_CHARS: usize = 3;
/// A row that was asked for by its name comes before everything else.
const NAMED: f64 = 1000.0;
/// An excerpt has about so many characters.
const EXCERPT: usize = 240;

/// What came of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The query, as far as it was looked at.
    pub query: String,
    /// Whether some of it was cut off.
    pub cut: bool,
    /// Whether there is something, and of what kind.
    pub outcome: Outcome,
    /// How many places there are.
    pub total: usize,
    /// The best of them, best first.
    pub hits: Vec<Hit>,
}

/// Whether something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was asked.
    Nothing,
    /// Places that have all of the words.
    All,
    /// No place has all of them; these have some.
    Some,
    /// No place has any.
    None,
}

/// A place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The page's name in an address.
    pub page: String,
    /// The place in the page; empty for its top.
    pub anchor: String,
    /// "Errors".
    pub label: String,
    /// "S003", "The first administrator".
    pub title: String,
    /// Some of its words, with those that were looked for.
    pub excerpt: Vec<Piece>,
}

/// A piece of an excerpt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its text.
    pub text: String,
    /// Whether it was looked for.
    pub hit: bool,
}

#[derive(Debug, Clone, Copy)]
struct Posting {
    /// Place in [`Index::chunks`].
    chunk: usize,
    in_title: u16,
    in_text: u16,
}

/// A chunk: page and place in it, and how long it is.
#[derive(Debug, Clone, Copy)]
struct At {
    page: usize,
    chunk: usize,
    words: usize,
}

#[derive(Debug, Default)]
pub(super) struct Index {
    chunks: Vec<At>,
    words: BTreeMap<String, Vec<Posting>>,
}

/// Parts of a text that are looked for by name: letters and digits, with `.`, `_`, `-`, `/`, `:`
/// between them. `listen.people` is one, and so are its parts.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = None;
    let mut last = 0;
    for (at, c) in text.char_indices() {
        if c.is_alphanumeric() {
            from.get_or_insert(at);
            last = at + c.len_utf8();
        } else if !(from.is_some() && at == last && matches!(c, '.' | '_' | '-' | '/' | ':'))
            && let Some(begin) = from.take()
        {
            found.push(begin..last);
        }
    }
    if let Some(begin) = from {
        found.push(begin..last);
    }
    found
}

/// What one word is found by: itself, and its parts if it has several.
fn forms(word: &str) -> Vec<String> {
    let whole = word.to_lowercase();
    let parts: Vec<String> = whole
        .split(|c: char| !c.is_alphanumeric())
        .filter(|part| !part.is_empty())
        .map(singular)
        .collect();
    match parts.as_slice() {
        [_] => vec![singular(&whole)],
        _ => [vec![whole], parts].concat(),
    }
}

/// Without a plural's `s`, so that "keys" finds "key". It need only be the same on both sides.
fn singular(word: &str) -> String {
    let plain = word.len() > 3 && word.ends_with('s') && !word.ends_with("ss");
    match word.strip_suffix('s') {
        Some(stem) if plain => stem.to_owned(),
        _ => word.to_owned(),
    }
}

/// Whether a word of a text is one that was looked for.
fn is_wanted(word: &str, wanted: &[String]) -> bool {
    let forms = forms(word);
    wanted.iter().any(|want| {
        forms
            .iter()
            .any(|form| form == want || (long(want) && form.starts_with(want.as_str())))
    })
}

fn long(word: &str) -> bool {
    word.chars().count() >= PREFIX_CHARS
}

impl Index {
    pub(super) fn build(pages: &[Page]) -> Self {
        let mut index = Self::default();
        for (page_at, page) in pages.iter().enumerate() {
            for (chunk_at, chunk) in page.chunks.iter().enumerate() {
                let mut counts: BTreeMap<String, (u16, u16)> = BTreeMap::new();
                for range in words(&chunk.title) {
                    for form in forms(&chunk.title[range]) {
                        counts.entry(form).or_default().0 += 1;
                    }
                }
                let found = words(&chunk.text);
                let length = found.len();
                for range in found {
                    for form in forms(&chunk.text[range]) {
                        let count = &mut counts.entry(form).or_default().1;
                        *count = count.saturating_add(1);
                    }
                }
                let at = index.chunks.len();
                index.chunks.push(At {
                    page: page_at,
                    chunk: chunk_at,
                    words: length,
                });
                for (word, (in_title, in_text)) in counts {
                    index.words.entry(word).or_default().push(Posting {
                        chunk: at,
                        in_title,
                        in_text,
                    });
                }
            }
        }
        index
    }

    /// How well each chunk answers one word. As BM25 with k1 = 1.2, b = 0.5; a title counts as much
    /// as several of its text's words, a longer word than was asked for less.
    fn scores(&self, word: &str) -> BTreeMap<usize, f64> {
        let all = self.chunks.len() as f64;
        let mean = self.chunks.iter().map(|at| at.words).sum::<usize>() as f64 / all.max(1.0);
        let mut scores: BTreeMap<usize, f64> = BTreeMap::new();
        let longer = self
            .words
            .range(word.to_owned()..)
            .take_while(|(known, _)| known.starts_with(word))
            .take(if long(word) { LONGER } else { 1 });
        for (known, postings) in longer {
            let exact = known == word;
            if !exact && !long(word) {
                continue;
            }
            let weight = if exact { 1.0 } else { 0.4 };
            let few = postings.len() as f64;
            let rare = ((all - few + 0.5) / (few + 0.5) + 1.0).ln();
            for posting in postings {
                let length = self.chunks[posting.chunk].words as f64;
                let often = f64::from(posting.in_text);
                let often = often * 2.2 / (often + 1.2 * (0.5 + 0.5 * length / mean.max(1.0)));
                let titled = if posting.in_title > 0 { 4.0 } else { 0.0 };
                let score = weight * rare * (often + titled);
                let best = scores.entry(posting.chunk).or_default();
                *best = best.max(score);
            }
        }
        scores
    }

    pub(super) fn search(&self, pages: &[Page], query: &str) -> Found {
        let (asked, cut, wanted) = read(query);
        let nothing = |outcome| Found {
            query: asked.clone(),
            cut,
            outcome,
            total: 0,
            hits: Vec::new(),
        };
        if wanted.is_empty() {
            return nothing(match asked.is_empty() {
                true => Outcome::Nothing,
                false => Outcome::None,
            });
        }
        // What was typed as one word and is known as one is looked for as one.
        let terms: Vec<String> = wanted
            .iter()
            .flat_map(|word| match forms(word).as_slice() {
                [whole, parts @ ..] if !parts.is_empty() && !self.words.contains_key(whole) => {
                    parts.to_vec()
                }
                [whole, ..] => vec![whole.clone()],
                [] => Vec::new(),
            })
            .collect();
        let mut sums: BTreeMap<usize, (usize, f64)> = BTreeMap::new();
        for term in &terms {
            for (chunk, score) in self.scores(term) {
                let sum = sums.entry(chunk).or_default();
                sum.0 += 1;
                sum.1 += score;
            }
        }
        let most = sums.values().map(|(has, _)| *has).max().unwrap_or(0);
        // Whoever types a code or a key means its row, whatever stands beside it.
        let mut best: Vec<(usize, f64)> = sums
            .into_iter()
            .filter_map(
                |(chunk, (has, score))| match self.is_named(pages, chunk, &terms) {
                    true => Some((chunk, score + NAMED)),
                    false => (has == most).then_some((chunk, score)),
                },
            )
            .collect();
        if best.is_empty() {
            return nothing(Outcome::None);
        }
        best.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        Found {
            query: asked,
            cut,
            outcome: if most == terms.len() {
                Outcome::All
            } else {
                Outcome::Some
            },
            total: best.len(),
            hits: best
                .iter()
                .take(SHOWN)
                .map(|(chunk, _)| self.hit(pages, *chunk, &terms))
                .collect(),
        }
    }

    /// Whether this is the row of a code or a key that was asked for by its name.
    fn is_named(&self, pages: &[Page], chunk: usize, terms: &[String]) -> bool {
        let at = self.chunks[chunk];
        let chunk = &pages[at.page].chunks[at.chunk];
        chunk.is_row && terms.iter().any(|term| *term == chunk.title.to_lowercase())
    }

    fn hit(&self, pages: &[Page], chunk: usize, terms: &[String]) -> Hit {
        let at = self.chunks[chunk];
        let page = &pages[at.page];
        let chunk = &page.chunks[at.chunk];
        Hit {
            page: page.slug.clone(),
            anchor: chunk.anchor.clone(),
            label: page.label.clone(),
            title: chunk.title.clone(),
            excerpt: excerpt(&chunk.text, terms),
        }
    }
}

/// The query as it is looked at, whether it was cut, and its words, each once.
fn read(query: &str) -> (String, bool, Vec<String>) {
    let plain: String = query
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let asked: String = plain.chars().take(LIMIT_CHARS).collect();
    let mut seen = BTreeSet::new();
    let all: Vec<String> = words(&asked)
        .into_iter()
        .map(|range| asked[range].to_lowercase())
        .filter(|word| seen.insert(word.clone()))
        .collect();
    let cut = plain.chars().count() > LIMIT_CHARS || all.len() > LIMIT_WORDS;
    (asked, cut, all.into_iter().take(LIMIT_WORDS).collect())
}

/// The words around the first that was looked for.
fn excerpt(text: &str, terms: &[String]) -> Vec<Piece> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let found = words(&text);
    let first = found
        .iter()
        .find(|range| is_wanted(&text[(*range).clone()], terms));
    let first = first.map_or(0, |range| range.start);
    // From a word's beginning, some words before it.
    let from = found
        .iter()
        .map(|range| range.start)
        .find(|start| start + 70 >= first)
        .unwrap_or(0);
    let from = if from < 30 { 0 } else { from };
    let mut pieces = Vec::new();
    let mut push = |text: &str, hit: bool| {
        if !text.is_empty() {
            pieces.push(Piece {
                text: text.to_owned(),
                hit,
            });
        }
    };
    if from > 0 {
        push("… ", false);
    }
    let mut done = from;
    let mut ended = true;
    for range in found.iter().filter(|range| range.start >= from) {
        if range.start > from + EXCERPT {
            ended = false;
            break;
        }
        if is_wanted(&text[range.clone()], terms) {
            push(&text[done..range.start], false);
            push(&text[range.clone()], true);
        } else {
            push(&text[done..range.end], false);
        }
        done = range.end;
    }
    push(if ended { &text[done..] } else { " …" }, false);
    // Neighbours of one kind are one piece.
    let mut joined: Vec<Piece> = Vec::new();
    for piece in pieces {
        match joined.last_mut() {
            Some(last) if !last.hit && !piece.hit => last.text.push_str(&piece.text),
            _ => joined.push(piece),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::super::search;
    use super::*;

    fn first(query: &str) -> (String, String) {
        let found = search(query);
        let hit = found
            .hits
            .first()
            .unwrap_or_else(|| panic!("{query} finds something"));
        (hit.page.clone(), hit.anchor.clone())
    }

    #[test]
    fn a_code_and_a_key_find_their_rows_first() {
        let row = |page: &str, anchor: &str| (page.to_owned(), anchor.to_owned());
        assert_eq!(first("S003"), row("errors", "S003"));
        assert_eq!(first("s003"), row("errors", "S003"));
        assert_eq!(first("what is S003?"), row("errors", "S003"));
        assert_eq!(
            first("listen.people"),
            row("configuration", "listen.people")
        );
        assert_eq!(
            first("AIWORKLAB_LISTEN_PEOPLE"),
            row("configuration", "listen.people")
        );
    }

    #[test]
    fn words_are_found_in_any_case_and_number() {
        let pages = |query: &str| {
            let found = search(query);
            assert_eq!(found.outcome, Outcome::All, "{query}");
            found
                .hits
                .into_iter()
                .map(|h| (h.page, h.anchor))
                .collect::<Vec<_>>()
        };
        assert_eq!(pages("certificates"), pages("CERTIFICATE"));
        assert!(!pages("fingerpr").is_empty(), "a beginning is enough");
    }

    #[test]
    fn what_has_all_words_comes_before_what_has_some() {
        let found = search("first administrator");
        assert_eq!(found.outcome, Outcome::All);
        let found = search("administrator zzzz");
        assert_eq!(found.outcome, Outcome::Some);
        let found = search("zzzz qqqq");
        assert_eq!((found.outcome, found.total), (Outcome::None, 0));
        for empty in ["", "   ", "\u{0}\n"] {
            assert_eq!(search(empty).outcome, Outcome::Nothing, "{empty:?}");
        }
        assert_eq!(search("—!?").outcome, Outcome::None);
    }

    #[test]
    fn a_long_query_is_cut_and_it_is_said() {
        let found = search(&"error ".repeat(5000));
        assert!(found.cut && found.query.chars().count() <= LIMIT_CHARS);
        let found = search("a b c d e f g h i j");
        assert!(found.cut, "more than eight words");
        assert!(!search("one two").cut);
    }

    #[test]
    fn the_words_that_were_looked_for_are_marked() {
        let pieces = excerpt(
            "The keys of the store. Another key.",
            &["key".to_owned(), "store".to_owned()],
        );
        let marked: Vec<_> = pieces
            .iter()
            .filter(|p| p.hit)
            .map(|p| p.text.as_str())
            .collect();
        assert_eq!(marked, ["keys", "store", "key"]);
        let whole: String = pieces.iter().map(|p| p.text.as_str()).collect();
        assert_eq!(whole, "The keys of the store. Another key.");
    }

    #[test]
    fn an_excerpt_of_a_long_text_begins_near_the_word() {
        let text = format!("{}needle{}", "straw ".repeat(100), " straw".repeat(100));
        let pieces = excerpt(&text, &["needle".to_owned()]);
        let whole: String = pieces.iter().map(|p| p.text.as_str()).collect();
        assert!(whole.starts_with("… ") && whole.ends_with(" …"), "{whole}");
        assert!(
            whole.contains("needle") && whole.len() < EXCERPT + 120,
            "{whole}"
        );
    }

    #[test]
    fn compound_words_are_found_whole_and_in_parts() {
        let of = |text: &str| -> Vec<String> {
            words(text)
                .into_iter()
                .map(|r| text[r].to_owned())
                .collect()
        };
        assert_eq!(
            of("`listen.people`, a/b. End."),
            ["listen.people", "a/b", "End"]
        );
        assert_eq!(
            forms("listen.people"),
            ["listen.people", "listen", "people"]
        );
    }
}
