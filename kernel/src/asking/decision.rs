//! What was decided, and why, in one sentence.
//!
//! A decision carries the numbers that it rests on, so that the sentence can
//! be made later from what was stored.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::{Breakpoint, Choice, Reason, Weekday};
use crate::catalogue::Catalogue;
use crate::ids::Slug;

/// Why nothing is asked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Wait {
    /// The engineer switched asking off.
    SwitchedOff,
    /// Four dismissals in a row did.
    DismissedOff,
    /// The engineer paused asking for a while.
    Paused {
        /// Whole local days from today to the day on which it ends.
        days: u32,
        /// Minute of that local day at which it ends, 0 to 1439.
        until_minute: u16,
    },
    /// The first week is silent.
    FirstWeek {
        /// Days that are left of it, the begun one included.
        days: u32,
    },
    /// An agent waits for an approval.
    ApprovalPending,
    /// Tests fail again and again.
    FailingLoop {
        /// Runs that failed in a row.
        runs: u32,
    },
    /// An edit or an agent's turn is under way.
    MidEdit,
    /// Nothing has just come to an end.
    NoBreakpoint,
    /// A day off.
    DayOff {
        /// Which.
        day: Weekday,
    },
    /// A quiet hour.
    QuietHours {
        /// Minute of the local day at which they begin, 0 to 1439.
        from_minute: u16,
        /// Minute of the local day at which they end, 0 to 1439.
        until_minute: u16,
    },
    /// A check is open.
    OneIsOpen,
    /// The last ask was less than an hour ago.
    TooSoon {
        /// Minutes that are left, the begun one included.
        minutes: u32,
    },
    /// The day's budget is spent.
    DayIsFull {
        /// The budget.
        of: u32,
        /// Whether dismissals halved it.
        halved: bool,
    },
    /// The week's budget is spent.
    WeekIsFull {
        /// The budget.
        of: u32,
        /// Whether dismissals halved it.
        halved: bool,
    },
    /// No concept would gain by a check.
    NothingToGain {
        /// Concepts that there were to choose from.
        met: u32,
        /// Of these, held back to a day, an hour, or because the last check was
        /// on a new concept, too.
        held: u32,
    },
}

impl Wait {
    /// Name for tables and machines: `day_is_full`.
    pub fn name(self) -> &'static str {
        match self {
            Self::SwitchedOff => "switched_off",
            Self::DismissedOff => "dismissed_off",
            Self::Paused { .. } => "paused",
            Self::FirstWeek { .. } => "first_week",
            Self::ApprovalPending => "approval_pending",
            Self::FailingLoop { .. } => "failing_loop",
            Self::MidEdit => "mid_edit",
            Self::NoBreakpoint => "no_breakpoint",
            Self::DayOff { .. } => "day_off",
            Self::QuietHours { .. } => "quiet_hours",
            Self::OneIsOpen => "one_is_open",
            Self::TooSoon { .. } => "too_soon",
            Self::DayIsFull { .. } => "day_is_full",
            Self::WeekIsFull { .. } => "week_is_full",
            Self::NothingToGain { .. } => "nothing_to_gain",
        }
    }

    /// Why, as the end of a sentence: `tests are failing, 3 runs in a row`.
    pub fn because(self) -> String {
        let half = |halved| {
            if halved {
                ", half the usual number after two dismissals in a row"
            } else {
                ""
            }
        };
        match self {
            Self::SwitchedOff => "asking is switched off".to_owned(),
            Self::DismissedOff => {
                "four checks in a row were dismissed, so asking is off until you turn it on"
                    .to_owned()
            }
            Self::Paused { days, until_minute } => format!(
                "you paused checks until {}:{:02}{}",
                until_minute / 60,
                until_minute % 60,
                match days {
                    0 => String::new(),
                    1 => " tomorrow".to_owned(),
                    days => format!(", in {days} days"),
                }
            ),
            Self::FirstWeek { days } => {
                format!("the first week is silent, {} to go", counted(days, "day"))
            }
            Self::ApprovalPending => "an agent waits for your approval".to_owned(),
            Self::FailingLoop { runs } => format!("tests are failing, {runs} runs in a row"),
            Self::MidEdit => "an edit or an agent's turn is under way".to_owned(),
            Self::NoBreakpoint => "nothing has just come to an end".to_owned(),
            Self::DayOff { day } => format!("{} is a day off", day.title()),
            Self::QuietHours {
                from_minute,
                until_minute,
            } if from_minute == until_minute => "quiet hours are the whole day".to_owned(),
            Self::QuietHours {
                from_minute,
                until_minute,
            } => format!(
                "quiet hours are {}:{:02} to {}:{:02}",
                from_minute / 60,
                from_minute % 60,
                until_minute / 60,
                until_minute % 60
            ),
            Self::OneIsOpen => "a check is waiting already".to_owned(),
            Self::TooSoon { minutes } => format!(
                "the last check is less than an hour ago, {} to go",
                counted(minutes, "minute")
            ),
            Self::DayIsFull { of: 0, .. } => "no checks a day are set".to_owned(),
            Self::WeekIsFull { of: 0, .. } => "no checks a week are set".to_owned(),
            Self::DayIsFull { of, halved } => used_up("today's", of, half(halved)),
            Self::WeekIsFull { of, halved } => used_up("this week's", of, half(halved)),
            Self::NothingToGain { met: 0, .. } => {
                "nothing that you met can be asked about".to_owned()
            }
            Self::NothingToGain { met, held } if held >= met => {
                format!(
                    "what there is to ask about ({}) was asked lately",
                    counted(met, "concept")
                )
            }
            Self::NothingToGain { met, .. } => {
                format!(
                    "a check on what you met ({}) would bring nothing now",
                    counted(met, "concept")
                )
            }
        }
    }
}

/// What to do now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Offer a check.
    Ask(Choice),
    /// Stay silent.
    Wait(Wait),
}

impl Decision {
    /// The decision in one sentence, for the engineer, without a full stop.
    pub fn sentence(&self) -> String {
        match self {
            Self::Ask(choice) => choice.sentence(),
            Self::Wait(wait) => format!("not now: {}", wait.because()),
        }
    }
}

impl Choice {
    /// When and why this is asked, in one sentence without a full stop.
    pub fn sentence(&self) -> String {
        let moment = match self.moment {
            Some(Breakpoint::Commit) => "asked after a commit",
            Some(Breakpoint::TurnAccepted) => "asked after a turn whose tests passed",
            Some(Breakpoint::DayStart) => "asked at the start of the day",
            None => "asked because you wanted a check",
        };
        format!("{moment}: {}", self.because())
    }

    /// Why this concept, as the end of a sentence.
    pub fn because(&self) -> String {
        let concept = title(&self.concept);
        let days = u32::try_from(self.days_since.unwrap_or(0)).unwrap_or(u32::MAX);
        match self.reason {
            Reason::Probe => format!(
                "it is {} since you answered on {concept}, and this measures whether it lasted",
                counted(days, "day")
            ),
            Reason::Claim => format!(
                "you said that you know {concept}: {} of two harder checks, then it is quiet for six months",
                if self.standing.claim == Some(0) {
                    "the first"
                } else {
                    "the second"
                }
            ),
            Reason::Doubt => format!(
                "your right answers on {concept} may have been luck ({}), so it comes once more",
                percent(self.standing.doubt)
            ),
            Reason::MetToday if self.new => {
                format!("you met {concept} today and have answered no check on it yet")
            }
            Reason::MetToday => {
                format!("you met {concept} today and {}", self.outlook())
            }
            Reason::Prerequisite => {
                let mut text = match &self.standing.basis_of {
                    Some(met) => {
                        format!("{}, which you met today, builds on {concept}", title(met))
                    }
                    None => format!("something that you met today builds on {concept}"),
                };
                let _ = if self.new {
                    write!(text, ", and you have answered no check on it yet")
                } else {
                    write!(text, ", and you {}", self.outlook())
                };
                text
            }
            Reason::Fading if self.new => {
                format!("you have answered no check on {concept} yet")
            }
            Reason::Fading => format!(
                "you last answered on {concept} {} and {}",
                match days {
                    0 => "lately".to_owned(),
                    days => format!("{} ago", counted(days, "day")),
                },
                self.outlook()
            ),
        }
    }

    fn outlook(&self) -> String {
        let (without, with) = (self.r30_without, self.r30_with);
        // As it is shown, so that the words fit the number.
        let shown = (without * 100.0).round();
        let lost = if shown < 40.0 {
            "would likely have lost it in a month"
        } else if shown < 60.0 {
            "may well have lost it in a month"
        } else if shown < 80.0 {
            "might have lost it in a month"
        } else {
            "will likely still know it in a month"
        };
        format!(
            "{lost} (chance to know it then {}, with a check {})",
            percent(without),
            percent(with)
        )
    }
}

fn title(slug: &Slug) -> String {
    match Catalogue::builtin().get(slug) {
        Some(concept) => format!("“{}”", concept.title),
        None => format!("“{slug}”"),
    }
}

fn percent(chance: f64) -> String {
    format!("{:.0} %", chance * 100.0)
}

fn counted(n: u32, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn used_up(whose: &str, of: u32, half: &str) -> String {
    const WORDS: [&str; 11] = [
        "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    ];
    let number = usize::try_from(of).ok().and_then(|n| WORDS.get(n));
    let number = number.map_or_else(|| of.to_string(), |word| (*word).to_owned());
    let (noun, verb) = if of == 1 {
        ("check", "is")
    } else {
        ("checks", "are")
    };
    format!("{whose} {number} {noun} {verb} used up{half}")
}
