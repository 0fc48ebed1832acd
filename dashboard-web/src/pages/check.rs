//! The check on the engineer's own machine: the desktop client serves it on the loopback address.
//!
//! Two kinds of HTML. The shell is a whole page that holds nothing about anybody; the rest are parts,
//! which the shell's script fetches with a key and puts into it. This is the one page with a script:
//! the key stands in the fragment of the address, which a browser never sends by itself.
//!
//! Invariant: the shell is the same bytes for everybody; what is private is in the parts alone.

use askama::Template;

use crate::assets;
use crate::charts::mark::Mark;
use crate::error::Error;
use crate::states::State;

/// The page that holds nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckShell {
    /// The program's version.
    pub version: String,
}

/// A check before its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckAsked {
    /// Its number on this machine, which the answer names.
    pub number: i64,
    /// The concept's title.
    pub title: String,
    /// Which concept, and why now, in sentences.
    pub heading: String,
    /// The engineer's own line, while it is kept.
    pub line: Option<YourLine>,
    /// The question.
    pub stem: String,
    /// A sentence that the question is about.
    pub quote: Option<String>,
    /// Lines of code that the question is about; none, if it is about none.
    pub code: Vec<String>,
    /// What can be chosen.
    pub options: Vec<String>,
}

/// The line that brought a concept up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YourLine {
    /// Where it stands, by which rule, and when it is forgotten.
    pub heading: String,
    /// The line; none where no text is kept.
    pub text: Vec<String>,
}

/// A check after its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckAnswered {
    /// What was asked.
    pub asked: CheckAsked,
    /// The concept's slug.
    pub concept: String,
    /// What is said first.
    pub verdict: String,
    /// Whether the options are explained: not after "later" and "not interested".
    pub whole: bool,
    /// Every option.
    pub options: Vec<Explained>,
    /// The states before and after, where they differ.
    pub became: Option<(State, State)>,
    /// What it changes, in a sentence, where the states do not differ.
    pub changes: String,
    /// A word each, and what it says: next date, source, who made it.
    pub facts: Vec<(String, String)>,
}

/// An option after the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The option.
    pub text: String,
    /// Whether it is the right one.
    pub right: bool,
    /// Whether it was chosen.
    pub yours: bool,
    /// Why it is right or wrong, where the first sentence has not said it.
    pub why: Option<String>,
}

impl Explained {
    fn class(&self) -> &'static str {
        match (self.right, self.yours) {
            (true, _) => "right",
            (false, true) => "yours",
            (false, false) => "other",
        }
    }
}

/// What is said in place of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckMessage {
    /// What is so.
    pub title: String,
    /// Why, and what comes next.
    pub text: String,
    /// Lines to type.
    pub commands: Vec<String>,
}

#[derive(Template)]
#[template(path = "check/shell.html")]
struct ShellTemplate<'a> {
    version: &'a str,
    css: String,
    icon: String,
    script: String,
}

#[derive(Template)]
#[template(path = "check/asked.html")]
struct AskedTemplate<'a> {
    page: &'a CheckAsked,
}

#[derive(Template)]
#[template(path = "check/answered.html")]
struct AnsweredTemplate<'a> {
    page: &'a CheckAnswered,
    marks: Option<(Mark, Mark)>,
    from_word: &'static str,
    to_word: &'static str,
}

#[derive(Template)]
#[template(path = "check/message.html")]
struct MessageTemplate<'a> {
    page: &'a CheckMessage,
}

impl CheckShell {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`Error::Template`] if a template could not be filled.
    pub fn render(&self) -> Result<String, Error> {
        Ok(ShellTemplate {
            version: &self.version,
            css: assets::href("style.css"),
            icon: assets::href("favicon.svg"),
            script: assets::local_href("check.js"),
        }
        .render()?)
    }
}

impl CheckAsked {
    /// The part as HTML.
    ///
    /// # Errors
    /// [`Error::Template`] if a template could not be filled.
    pub fn render(&self) -> Result<String, Error> {
        Ok(AskedTemplate { page: self }.render()?)
    }
}

impl CheckAnswered {
    /// The part as HTML.
    ///
    /// # Errors
    /// [`Error::Template`] if a template could not be filled.
    pub fn render(&self) -> Result<String, Error> {
        let word = |state: Option<State>| state.map_or("", State::word);
        Ok(AnsweredTemplate {
            page: self,
            marks: self
                .became
                .map(|(from, to)| (Mark::new(from), Mark::new(to))),
            from_word: word(self.became.map(|states| states.0)),
            to_word: word(self.became.map(|states| states.1)),
        }
        .render()?)
    }
}

impl CheckMessage {
    /// The part as HTML.
    ///
    /// # Errors
    /// [`Error::Template`] if a template could not be filled.
    pub fn render(&self) -> Result<String, Error> {
        Ok(MessageTemplate { page: self }.render()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVIL: &str = "</script><img src=x onerror=alert(1)>";

    fn asked() -> CheckAsked {
        CheckAsked {
            number: 7,
            title: EVIL.into(),
            heading: EVIL.into(),
            line: Some(YourLine {
                heading: EVIL.into(),
                text: vec![EVIL.into(), String::new()],
            }),
            stem: EVIL.into(),
            quote: Some(EVIL.into()),
            code: vec![EVIL.into(), String::new()],
            options: vec![EVIL.into(); 4],
        }
    }

    fn answered() -> CheckAnswered {
        CheckAnswered {
            asked: asked(),
            concept: EVIL.into(),
            verdict: EVIL.into(),
            whole: true,
            options: vec![
                Explained {
                    text: EVIL.into(),
                    right: true,
                    yours: false,
                    why: None,
                },
                Explained {
                    text: EVIL.into(),
                    right: false,
                    yours: true,
                    why: Some(EVIL.into()),
                },
            ],
            became: Some((State::Demonstrated, State::Lapsed)),
            changes: String::new(),
            facts: vec![("Source".into(), EVIL.into())],
        }
    }

    #[test]
    fn whatever_a_catalogue_or_a_file_says_stays_text() {
        let message = CheckMessage {
            title: EVIL.into(),
            text: EVIL.into(),
            commands: vec![EVIL.into()],
        };
        for html in [
            asked().render().unwrap(),
            answered().render().unwrap(),
            message.render().unwrap(),
        ] {
            assert!(
                !html.contains("<img") && !html.contains("</script"),
                "{html}"
            );
            assert!(html.contains("&#60;img"), "{html}");
            assert!(!html.contains("style=") && !html.contains(" onclick"));
        }
    }

    #[test]
    fn the_shell_runs_one_script_file_and_nothing_inline() {
        let html = CheckShell {
            version: "1".into(),
        }
        .render()
        .unwrap();
        assert_eq!(html.matches("<script").count(), 1);
        assert!(html.contains("<script src=\"/assets/check-") && html.contains("></script>"));
        assert!(!html.contains("<style") && !html.contains(" style="));
        assert!(html.contains("<noscript>") && html.contains("aiworklab quiz"));
        assert_eq!(html.matches("http").count(), 0, "no address of any host");
    }

    #[test]
    fn a_change_of_state_is_drawn_and_said() {
        let html = answered().render().unwrap();
        assert!(html.contains("demonstrated</span> becomes"), "{html}");
        assert_eq!(html.matches("class=\"mark\"").count(), 2);
        let mut same = answered();
        same.became = None;
        same.changes = "It stays seen.".into();
        let html = same.render().unwrap();
        assert!(html.contains("It stays seen.") && !html.contains("becomes"));
    }

    #[test]
    fn after_later_nothing_of_the_answer_is_given_away() {
        let mut later = answered();
        later.whole = false;
        let html = later.render().unwrap();
        assert!(
            !html.contains("class=\"why") && !html.contains("Right"),
            "{html}"
        );
    }

    #[test]
    fn the_script_is_served_here_and_not_by_the_appliance() {
        let href = assets::local_href("check.js");
        assert!(assets::local_asset(&href).is_some());
        assert!(assets::local_asset(&assets::href("style.css")).is_some());
        assert!(assets::asset(&href).is_none());
    }
}
