//! A step's words, and whether it names something.
//!
//! Words are compared without the endings that a verb or a plural adds, so
//! that “locking” is “lock”; underscores, dots and hyphens part words, so that
//! `pg_advisory_lock` names an advisory lock; and a name of several words may
//! be written as one (`ExitStack`). Where a comma or a full stop is, a name
//! does not go on.

/// Most further words that may stand where a name has `…`.
const GAP: usize = 5;

/// Sign of a name with a gap.
const ELLIPSIS: char = '…';

/// Words right before a name that turn it into what is *not* done.
const NO: [&str; 8] = [
    "avoid", "instead", "never", "no", "not", "nor", "than", "without",
];

/// Words before a name, as [`stem`] leaves them, by which the thing goes.
const AWAY: [&str; 10] = [
    "awai", "ban", "delet", "discard", "drop", "eliminat", "forbid", "remov", "replac", "stop",
];

/// Words after one of [`AWAY`], behind which stands what comes in its place.
const IN_PLACE: [&str; 4] = ["by", "into", "to", "with"];

/// First words of a step that is about words or people, not about code.
const TALK: [&str; 10] = [
    "ask",
    "document",
    "explain",
    "mention",
    "promise",
    "rename",
    "summarise",
    "summarize",
    "tell",
    "translate",
];

/// Words of a step that is about texts that people read.
const TEXTS: [&str; 11] = [
    "changelog",
    "docs",
    "docstring",
    "docstrings",
    "documentation",
    "glossary",
    "readme",
    "typo",
    "typos",
    "wiki",
    "wording",
];

/// A word of a step.
pub(super) struct Word {
    low: String,
    stem: String,
    /// Number of the clause that it stands in.
    clause: usize,
    /// Number (from 1) of its line.
    line: u32,
}

/// Text without the endings of verbs and plurals; what is shorter than four
/// letters, or is no plain word, stays as it is.
fn stem(word: &str) -> String {
    let letters = |text: &str| text.chars().count();
    if letters(word) <= 3 || !word.chars().all(char::is_alphabetic) {
        return word.to_owned();
    }
    let mut short = word;
    for ending in ["ing", "ed", "es", "s"] {
        let Some(rest) = word.strip_suffix(ending) else {
            continue;
        };
        if letters(rest) >= 3 && !(ending == "s" && rest.ends_with('s')) {
            short = rest;
            break;
        }
    }
    let mut last = short.chars().rev();
    if let (Some(a), Some(b)) = (last.next(), last.next())
        && letters(short) > 3
        && a == b
        && !matches!(a, 's' | 'l')
    {
        short = short.strip_suffix(a).unwrap_or(short);
    }
    if letters(short) > 3 {
        if let Some(rest) = short.strip_suffix('e') {
            short = rest;
        } else if let Some(rest) = short.strip_suffix('y') {
            return format!("{rest}i");
        }
    }
    short.to_owned()
}

/// The words of a text, control characters and signs left out.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut found = Vec::new();
    let (mut clause, mut line) = (0, 1);
    let mut low = String::new();
    let mut end = |low: &mut String, clause, line| {
        if !low.is_empty() {
            let low = std::mem::take(low);
            let stem = stem(&low);
            found.push(Word {
                low,
                stem,
                clause,
                line,
            });
        }
    };
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_alphanumeric() {
            low.extend(c.to_lowercase());
            continue;
        }
        end(&mut low, clause, line);
        let apart = chars.peek().is_none_or(|next| next.is_whitespace());
        if c == '\n' || c == '—' || (apart && ".,;:!?()".contains(c)) {
            clause += 1;
        }
        if c == '\n' {
            line += 1;
        }
    }
    end(&mut low, clause, line);
    found
}

/// Whether the step is about texts or people rather than about code.
pub(super) fn is_talk(text: &str, words: &[Word]) -> bool {
    let first = words.first().map_or("", |word| &word.low);
    // `Promise.all` is code, “Promise the team” is not.
    let code = text
        .trim_start_matches(|c: char| !c.is_alphanumeric())
        .get(first.len()..)
        .is_some_and(|rest| rest.starts_with(['.', '(', '_']));
    let talk = TALK.contains(&first) && !code;
    talk || words.iter().any(|word| TEXTS.contains(&word.low.as_str()))
}

/// A name that a step may call a concept by.
pub(super) struct Name {
    /// As it is shown.
    pub shown: String,
    /// It names a fault, which a step means also where it removes it.
    pub fault: bool,
    /// Whether other words may stand in between.
    pub gap: bool,
    parts: Vec<Part>,
}

/// Words that follow one another.
struct Part {
    /// For each word: it alone, it and the next as one word, and so on.
    joined: Vec<Vec<String>>,
}

impl Part {
    fn new(words: &[Word]) -> Self {
        let from = |at: usize| {
            let mut whole = String::new();
            let rest = words.get(at..).unwrap_or_default();
            rest.iter()
                .map(|word| {
                    whole.push_str(&word.low);
                    stem(&whole)
                })
                .collect()
        };
        Self {
            joined: (0..words.len()).map(from).collect(),
        }
    }

    /// Where the words end that stand at `at`, if they do.
    fn ends(&self, words: &[Word], at: usize) -> Option<usize> {
        let (mut here, mut part) = (at, 0);
        while let Some(joined) = self.joined.get(part) {
            let word = words.get(here)?;
            if here > at && word.clause != words.get(at)?.clause {
                return None;
            }
            part += 1 + joined.iter().position(|stem| *stem == word.stem)?;
            here += 1;
        }
        Some(here)
    }
}

impl Name {
    /// Reads a name as a catalogue entry writes it; `None` if it has no words.
    pub fn read(text: &str) -> Option<Self> {
        let shown = text.trim_start_matches('!').trim();
        let parts: Vec<Part> = shown
            .split(ELLIPSIS)
            .map(|part| Part::new(&words(part)))
            .collect();
        let empty = parts.iter().any(|part| part.joined.is_empty());
        (!empty).then(|| Self {
            fault: text.starts_with('!'),
            gap: parts.len() > 1,
            shown: shown.to_owned(),
            parts,
        })
    }

    /// The words that a mention can begin with.
    pub fn first_words(&self) -> impl Iterator<Item = &str> {
        let first = self.parts.first().and_then(|part| part.joined.first());
        first.into_iter().flatten().map(String::as_str)
    }

    /// Whether the words at `at` name it.
    pub fn stands(&self, words: &[Word], at: usize) -> bool {
        let Some(clause) = words.get(at).map(|word| word.clause) else {
            return false;
        };
        let mut places = vec![at];
        for (i, part) in self.parts.iter().enumerate() {
            let reach = if i == 0 { 0 } else { GAP };
            let mut ends: Vec<usize> = places
                .iter()
                .flat_map(|from| *from..=from + reach)
                .filter(|from| words.get(*from).is_some_and(|word| word.clause == clause))
                .filter_map(|from| part.ends(words, from))
                .collect();
            ends.sort_unstable();
            ends.dedup();
            if ends.is_empty() {
                return false;
            }
            places = ends;
        }
        self.fault || !is_denied(words, at)
    }
}

/// Whether what stands before a name says that the thing is not there, or goes.
fn is_denied(words: &[Word], at: usize) -> bool {
    let Some(clause) = words.get(at).map(|word| word.clause) else {
        return false;
    };
    let before: Vec<&Word> = words[at.saturating_sub(4)..at]
        .iter()
        .filter(|word| word.clause == clause)
        .collect();
    if before
        .iter()
        .rev()
        .take(3)
        .any(|word| NO.contains(&word.low.as_str()))
    {
        return true;
    }
    let away = before
        .iter()
        .rposition(|word| AWAY.contains(&word.stem.as_str()));
    away.is_some_and(|at| {
        let mut after = before.iter().skip(at + 1);
        !after.any(|word| IN_PLACE.contains(&word.low.as_str()))
    })
}

impl Word {
    /// As names are looked up.
    pub fn stem(&self) -> &str {
        &self.stem
    }

    /// Number (from 1) of its line.
    pub fn line(&self) -> u32 {
        self.line
    }
}
