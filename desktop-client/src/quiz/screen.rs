//! The check as a state machine: which key leads where. It draws nothing and stores nothing.

use super::{Answer, Check, Settled};

/// A key, as far as it means something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A digit or letter.
    Char(char),
    /// The option above.
    Up,
    /// The option below.
    Down,
    /// Ten lines up.
    PageUp,
    /// Ten lines down.
    PageDown,
    /// Enter.
    Enter,
    /// Escape, or Ctrl-C.
    Leave,
}

/// What is to be done after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing but drawing.
    Stay,
    /// Take this answer, then call [`Screen::settled`].
    Answer(Answer),
    /// Go.
    Close,
}

/// Where the engineer is.
#[derive(Clone, Debug)]
pub struct Screen {
    /// The check.
    pub check: Check,
    /// The option under the cursor, once there is one.
    pub cursor: Option<usize>,
    /// What the answer changed, once there is one.
    pub settled: Option<Settled>,
    /// Lines scrolled away.
    pub scroll: u16,
}

impl Screen {
    /// Before the answer.
    pub const fn new(check: Check) -> Self {
        Self {
            check,
            cursor: None,
            settled: None,
            scroll: 0,
        }
    }

    /// Takes a key.
    pub fn press(&mut self, key: Key) -> Step {
        match key {
            Key::PageDown => return self.scrolled(10),
            Key::PageUp => return self.scrolled(-10),
            _ => {}
        }
        if self.settled.is_some() {
            return match key {
                Key::Down | Key::Char('j') => self.scrolled(1),
                Key::Up | Key::Char('k') => self.scrolled(-1),
                Key::Char(' ') => self.scrolled(10),
                Key::Enter | Key::Leave | Key::Char('q') => Step::Close,
                Key::Char(_) | Key::PageUp | Key::PageDown => Step::Stay,
            };
        }
        let last = self.check.ask.item.options.len().saturating_sub(1);
        match key {
            Key::Char(c @ '1'..='9') => {
                let option = c as usize - '1' as usize;
                if option <= last {
                    self.cursor = Some(option);
                }
                Step::Stay
            }
            Key::Up | Key::Char('k') => {
                self.cursor = Some(
                    self.cursor
                        .map_or(last, |at| at.checked_sub(1).unwrap_or(last)),
                );
                Step::Stay
            }
            Key::Down | Key::Char('j') => {
                self.cursor = Some(
                    self.cursor
                        .map_or(0, |at| if at < last { at + 1 } else { 0 }),
                );
                Step::Stay
            }
            Key::Enter => self
                .cursor
                .map_or(Step::Stay, |at| Step::Answer(Answer::Option(at))),
            Key::Char('n') => Step::Answer(Answer::Unsure),
            Key::Char('l') => Step::Answer(Answer::Later),
            Key::Char('d') => Step::Answer(Answer::Dismiss),
            Key::Leave | Key::Char('q') => Step::Close,
            Key::Char(_) | Key::PageUp | Key::PageDown => Step::Stay,
        }
    }

    /// Shows what the answer changed.
    pub fn settled(&mut self, settled: Settled) {
        self.scroll = 0;
        self.settled = Some(settled);
    }

    fn scrolled(&mut self, by: i16) -> Step {
        self.scroll = self.scroll.saturating_add_signed(by);
        Step::Stay
    }
}
