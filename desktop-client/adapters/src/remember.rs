//! A little memory about the last few sessions.

use std::collections::VecDeque;

/// Sessions that are remembered; the one not heard of for longest goes.
const SESSIONS: usize = 128;

/// What is remembered of each session, by its id.
#[derive(Debug)]
pub struct Remembered<T>(VecDeque<(String, T)>);

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T: Default> Remembered<T> {
    /// What is known of a session, to be changed.
    pub fn of(&mut self, id: &str) -> &mut T {
        let known = self.0.iter().position(|(known, _)| known == id);
        let row = known.and_then(|at| self.0.remove(at));
        let row = row.unwrap_or_else(|| (id.to_owned(), T::default()));
        if self.0.len() >= SESSIONS {
            self.0.pop_back();
        }
        self.0.push_front(row);
        &mut self.0[0].1
    }
}

impl<T> Remembered<T> {
    /// What is known of a session.
    pub fn get(&self, id: &str) -> Option<&T> {
        let row = self.0.iter().find(|(known, _)| known == id)?;
        Some(&row.1)
    }

    /// Forgets a session.
    pub fn forget(&mut self, id: &str) {
        self.0.retain(|(known, _)| known != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_sessions_are_remembered() {
        let mut all = Remembered::<u32>::default();
        for n in 0..1000 {
            *all.of("first") += 1;
            *all.of(&n.to_string()) = n;
        }
        assert_eq!(all.get("first"), Some(&1000));
        assert_eq!(all.get("999"), Some(&999));
        assert_eq!(all.get("0"), None);
        assert_eq!(all.0.len(), SESSIONS);
        all.forget("first");
        assert_eq!(all.get("first"), None);
    }
}
