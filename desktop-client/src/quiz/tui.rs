//! The check on the terminal: the lines of [`super::plain`], laid out, with a cursor.
//!
//! Colour carries nothing alone: what it marks is also a word or a sign. `NO_COLOR` is obeyed.

use super::plain::{self, facts, marks, verdict};
use super::{Answer, Key, Screen, Settled, Step};
use crate::error::{Error, Result};
use crate::words::{self, wrapped};
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// Longest line, in columns; longer ones are hard to read.
const WIDEST: u16 = 80;
const MARGIN: u16 = 2;
const ASKING: &str = "1-4 choose  Enter answers  n not sure  l later  d not interested  q leave";
const ASKING_SHORT: &str = "1-4 Enter  n unsure  l later  d no  q leave";
const ANSWERED: &str = "Enter closes   arrows scroll";
const SCROLLS: &str = "   PgUp/PgDn";

/// How things look.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Whether colours may be used.
    pub colour: bool,
}

impl Look {
    fn known(self) -> Style {
        let style = Style::new().add_modifier(Modifier::BOLD);
        if self.colour {
            style.fg(Color::Cyan)
        } else {
            style
        }
    }

    fn care(self) -> Style {
        let style = Style::new().add_modifier(Modifier::BOLD);
        if self.colour {
            style.fg(Color::Yellow)
        } else {
            style
        }
    }

    const fn quiet(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    const fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }
}

/// Shows the check until it is answered and closed, or left.
///
/// # Errors
/// [`Error::Terminal`], and whatever `settle` fails with.
pub fn run(
    mut screen: Screen,
    look: Look,
    mut settle: impl FnMut(Answer) -> Result<Settled>,
) -> Result<Option<Settled>> {
    let failed = |source| Error::Terminal { source };
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let shown =
        (|| {
            loop {
                let mut furthest = 0;
                terminal
                    .draw(|frame| furthest = draw(frame, &screen, look))
                    .map_err(failed)?;
                screen.scroll = screen.scroll.min(furthest);
                let Some(key) = key(&event::read().map_err(failed)?) else {
                    continue;
                };
                match screen.press(key) {
                    Step::Stay => {}
                    Step::Answer(answer) => screen.settled(settle(answer)?),
                    Step::Close => return Ok(screen.settled.take()),
                }
                if screen.settled.as_ref().is_some_and(|settled| {
                    matches!(settled.answer, Answer::Later | Answer::Dismiss)
                }) {
                    return Ok(screen.settled.take());
                }
            }
        })();
    // The terminal is given back whatever happened; if that fails there is nobody left to tell.
    let _ = ratatui::try_restore();
    shown
}

fn key(event: &Event) -> Option<Key> {
    let Event::Key(key) = event else { return None };
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    Some(match key.code {
        KeyCode::Char('c' | 'd') if control => Key::Leave,
        KeyCode::Char(_) if control => return None,
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Leave,
        _ => return None,
    })
}

/// Draws the screen; how far it can be scrolled.
pub fn draw(frame: &mut Frame<'_>, screen: &Screen, look: Look) -> u16 {
    let area = frame.area();
    let [body, foot] = Layout::vertical([Constraint::Min(1), Constraint::Length(1)]).areas(area);
    let width = body.width.saturating_sub(2 * MARGIN).min(WIDEST);
    let column = |area: Rect| Rect {
        x: area.x + MARGIN.min(area.width),
        width,
        ..area
    };
    let lines = match &screen.settled {
        None => asking(screen, usize::from(width), look),
        Some(settled) => answered(screen, settled, usize::from(width), look),
    };
    let lengths = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let furthest = lengths.saturating_sub(body.height);
    let scroll = screen.scroll.min(furthest);
    frame.render_widget(Paragraph::new(lines).scroll((scroll, 0)), column(body));
    let scrolls = if furthest > 0 { SCROLLS } else { "" };
    let room = usize::from(column(foot).width);
    let hint = match screen.settled {
        Some(_) => ANSWERED,
        None if ASKING.len() + scrolls.len() <= room => ASKING,
        None => ASKING_SHORT,
    };
    let hint = format!("{hint}{scrolls}");
    frame.render_widget(
        Paragraph::new(Line::styled(hint, look.quiet())),
        column(foot),
    );
    furthest
}

/// Lines of a text, wrapped, in one style.
fn text(lines: &mut Vec<Line<'static>>, text: &str, width: usize, indent: &str, style: Style) {
    let room = width.saturating_sub(indent.len()).max(10);
    for line in wrapped(text, room, indent).lines() {
        lines.push(Line::styled(line.to_owned(), style));
    }
}

fn code(lines: &mut Vec<Line<'static>>, code: &str, look: Look) {
    for line in code.lines() {
        let shown = words::plain(&line.replace('\t', "    "));
        lines.push(Line::from(vec![
            Span::styled("  \u{2502} ", look.quiet()),
            Span::raw(shown),
        ]));
    }
}

fn asking(screen: &Screen, width: usize, look: Look) -> Vec<Line<'static>> {
    let (check, item) = (&screen.check, &screen.check.ask.item);
    let mut lines = vec![Line::default()];
    text(&mut lines, &plain::heading(check), width, "", look.quiet());
    text(
        &mut lines,
        "Only you see this. A sync sends whether you passed, never the question or your code.",
        width,
        "",
        look.quiet(),
    );
    lines.push(Line::default());
    if let Some(met) = &check.met {
        text(
            &mut lines,
            &plain::line_heading(met),
            width,
            "",
            look.known(),
        );
        if !met.line.is_empty() {
            code(&mut lines, &met.line, look);
        }
        lines.push(Line::default());
    }
    text(&mut lines, &item.stem, width, "", look.strong());
    if let Some(quote) = &item.quote {
        lines.push(Line::default());
        text(&mut lines, quote, width, "  \u{201c} ", Style::new());
    }
    if let Some(shown) = &item.code {
        lines.push(Line::default());
        code(&mut lines, &shown.text, look);
    }
    lines.push(Line::default());
    for (n, option) in item.options.iter().enumerate() {
        let chosen = screen.cursor == Some(n);
        let style = if chosen { look.known() } else { Style::new() };
        let wrapped = wrapped(&option.text, width.saturating_sub(6).max(10), "");
        for (row, line) in wrapped.lines().enumerate() {
            let head = match (row, chosen) {
                (0, true) => format!("\u{203a} {}  ", n + 1),
                (0, false) => format!("  {}  ", n + 1),
                _ => "     ".to_owned(),
            };
            lines.push(Line::styled(format!("{head}{line}"), style));
        }
    }
    lines.push(Line::default());
    lines
}

fn answered(screen: &Screen, settled: &Settled, width: usize, look: Look) -> Vec<Line<'static>> {
    let (check, item) = (&screen.check, &screen.check.ask.item);
    let mut lines = vec![Line::default()];
    let (said, care) = verdict(check, settled);
    lines.push(Line::styled(
        said,
        if care { look.care() } else { look.known() },
    ));
    text(&mut lines, &item.explanation, width, "", Style::new());
    for (n, option) in item.options.iter().enumerate() {
        lines.push(Line::default());
        let marks = marks(check, settled, n);
        let (sign, style) = match (option.key, marks.is_empty()) {
            (true, _) => ("\u{2713}", look.known()),
            (false, false) => ("\u{25b2}", look.care()),
            (false, true) => (" ", Style::new()),
        };
        let marks = if marks.is_empty() {
            String::new()
        } else {
            format!("  [{}]", marks.join(", "))
        };
        let shown = wrapped(
            &format!("{}{marks}", option.text),
            width.saturating_sub(6).max(10),
            "",
        );
        for (row, line) in shown.lines().enumerate() {
            let head = if row == 0 {
                format!("{sign} {}  ", n + 1)
            } else {
                "     ".into()
            };
            lines.push(Line::styled(format!("{head}{line}"), style));
        }
        if let Some(why) = plain::why(item, option) {
            text(&mut lines, why, width, "     ", look.quiet());
        }
    }
    lines.push(Line::default());
    for (word, fact) in facts(check, settled) {
        let shown = wrapped(&fact, width.saturating_sub(13).max(10), "");
        for (row, line) in shown.lines().enumerate() {
            let word = if row == 0 { word } else { "" };
            lines.push(Line::from(vec![
                Span::styled(format!("{word:<13}"), look.quiet()),
                Span::raw(line.to_owned()),
            ]));
        }
    }
    lines
}
