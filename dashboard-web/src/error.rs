//! The one way in which a page can fail to be made.

/// Why a page could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A template could not be filled. Values cannot cause it; a broken template can.
    #[error("could not fill the page's template")]
    Template {
        /// What the template engine says.
        #[from]
        source: askama::Error,
    },
}

impl Error {
    /// Code printed in the manual. Never reused.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Template { .. } => "W001",
        }
    }
}
