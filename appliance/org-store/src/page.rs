//! A part of a long list.

/// So many rows, from so many on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows before it.
    pub offset: u64,
    /// Most rows in it.
    pub limit: u64,
}

impl Page {
    /// The first `limit` rows.
    #[must_use]
    pub const fn first(limit: u64) -> Self {
        Self { offset: 0, limit }
    }

    /// The page after one that had so many rows; `None` after an empty one.
    #[must_use]
    pub fn next(self, found: usize) -> Option<Self> {
        let offset = self.offset + u64::try_from(found).ok()?;
        (found > 0).then_some(Self { offset, ..self })
    }
}
