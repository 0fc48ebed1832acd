//! The parts of an event, each tagged by itself: one path for the client, the
//! command line and the evaluation.

use super::{Silenced, Tagged, Tagger};
use crate::event::{Act, Event};

/// Which part of an event was tagged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The file of this number (from 0) among the event's changes.
    File(usize),
    /// The command that ran.
    Command,
    /// The step of this number (from 0) of a plan.
    Step(usize),
}

/// One file, command or step of a plan, and what it meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'e> {
    /// Which part it is.
    pub place: Place,
    /// The file's name as its adapter gave it; “a command”, “a plan”.
    pub name: &'e str,
    /// What was found.
    pub tagged: Tagged,
}

impl Tagger {
    /// Tags what an event brings; empty for an event without text.
    pub fn tag_event<'e>(&self, event: &'e Event) -> Vec<Part<'e>> {
        self.tag_event_without(event, &Silenced::new())
    }

    /// Tags what an event brings, without some detectors.
    pub fn tag_event_without<'e>(&self, event: &'e Event, silenced: &Silenced) -> Vec<Part<'e>> {
        match &event.act {
            Act::Changed(changes) => changes
                .iter()
                .enumerate()
                .map(|(at, change)| Part {
                    place: Place::File(at),
                    name: change.file_name(),
                    tagged: self.tag_without(change, silenced),
                })
                .collect(),
            Act::Ran(ran) => vec![Part {
                place: Place::Command,
                name: "a command",
                tagged: self.tag_command_without(&ran.command, silenced),
            }],
            Act::Planned(steps) => steps
                .iter()
                .enumerate()
                .map(|(at, step)| Part {
                    place: Place::Step(at),
                    name: "a plan",
                    tagged: self.tag_step(step),
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}
