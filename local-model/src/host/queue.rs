//! Jobs that wait: two lines, both bounded; what a person waits for goes first.

use crate::Down;
use crate::wire::{Answer, Ask};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};

pub(super) struct Waiting {
    pub ask: Ask,
    pub reply: oneshot::Sender<Result<Answer, Down>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Interactive,
    Background,
}

struct Lines {
    interactive: VecDeque<Waiting>,
    background: VecDeque<Waiting>,
    /// What arriving jobs are told, while there is nobody to do them.
    closed: Option<Down>,
}

pub(super) struct Queue {
    lines: Mutex<Lines>,
    arrived: Notify,
    most: usize,
}

impl Queue {
    pub fn new(most: usize, closed: Option<Down>) -> Self {
        Self {
            lines: Mutex::new(Lines {
                interactive: VecDeque::new(),
                background: VecDeque::new(),
                closed,
            }),
            arrived: Notify::new(),
            most: most.max(1),
        }
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// At most so many a line; those whose asker has gone do not count.
    pub fn push(&self, line: Line, waiting: Waiting) -> Result<(), Down> {
        let mut lines = self.lines();
        if let Some(down) = &lines.closed {
            return Err(down.clone());
        }
        let line = match line {
            Line::Interactive => &mut lines.interactive,
            Line::Background => &mut lines.background,
        };
        if line.len() >= self.most {
            line.retain(|waiting| !waiting.reply.is_closed());
        }
        if line.len() >= self.most {
            return Err(Down::Busy(line.len()));
        }
        line.push_back(waiting);
        drop(lines);
        self.arrived.notify_one();
        Ok(())
    }

    /// The next one that somebody still waits for. Nothing is lost if this is dropped.
    pub async fn next(&self) -> Waiting {
        loop {
            if let Some(waiting) = self.pop() {
                return waiting;
            }
            self.arrived.notified().await;
        }
    }

    fn pop(&self) -> Option<Waiting> {
        let mut lines = self.lines();
        loop {
            let next = lines.interactive.pop_front();
            let next = next.or_else(|| lines.background.pop_front())?;
            if !next.reply.is_closed() {
                return Some(next);
            }
        }
    }

    /// Takes jobs from now on.
    pub fn open(&self) {
        self.lines().closed = None;
    }

    /// Tells this to those who wait and to those who come.
    pub fn close(&self, down: &Down) {
        let mut lines = self.lines();
        lines.closed = Some(down.clone());
        let mut told = std::mem::take(&mut lines.interactive);
        told.extend(std::mem::take(&mut lines.background));
        drop(lines);
        for waiting in told {
            let _ = waiting.reply.send(Err(down.clone()));
        }
    }

    /// Jobs that wait now.
    pub fn len(&self) -> usize {
        let lines = self.lines();
        lines.interactive.len() + lines.background.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reason;

    fn job(name: &str) -> (Waiting, oneshot::Receiver<Result<Answer, Down>>) {
        let (reply, answer) = oneshot::channel();
        let ask = Ask::Embed(vec![name.to_owned()]);
        (Waiting { ask, reply }, answer)
    }

    #[tokio::test]
    async fn what_a_person_waits_for_goes_before_what_came_earlier() {
        let queue = Queue::new(4, None);
        let mut kept = Vec::new();
        for (line, name) in [
            (Line::Background, "b1"),
            (Line::Background, "b2"),
            (Line::Interactive, "i1"),
            (Line::Interactive, "i2"),
        ] {
            let (waiting, answer) = job(name);
            queue.push(line, waiting).expect("there is room");
            kept.push(answer);
        }
        for name in ["i1", "i2", "b1", "b2"] {
            assert_eq!(queue.next().await.ask, Ask::Embed(vec![name.to_owned()]));
        }
    }

    #[test]
    fn a_full_line_says_so_and_does_not_fill_the_other() {
        let queue = Queue::new(2, None);
        let (first, gone) = job("1");
        let (second, _kept) = job("2");
        let (third, _also) = job("3");
        let (fourth, _too) = job("4");
        let (person, _waits) = job("5");
        queue.push(Line::Background, first).expect("room");
        queue.push(Line::Background, second).expect("room");
        assert_eq!(queue.push(Line::Background, third), Err(Down::Busy(2)));
        queue.push(Line::Interactive, person).expect("its own line");
        drop(gone);
        queue
            .push(Line::Background, fourth)
            .expect("one asker went away");
        assert_eq!(queue.len(), 3);
    }

    #[tokio::test]
    async fn a_closed_queue_answers_at_once_and_those_who_waited_too() {
        let queue = Queue::new(2, None);
        let (waiting, answer) = job("1");
        queue.push(Line::Interactive, waiting).expect("room");
        let down = Down::Worker(Reason::NotConfigured);
        queue.close(&down);
        assert_eq!(answer.await.expect("told"), Err(down.clone()));
        let (late, _answer) = job("2");
        assert_eq!(queue.push(Line::Interactive, late), Err(down));
        queue.open();
        let (again, _answer) = job("3");
        queue.push(Line::Interactive, again).expect("open again");
    }
}
