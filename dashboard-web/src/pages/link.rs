//! A one-time link: a page with one button, whose `POST` alone uses it up.
//!
//! Mail scanners and previews fetch addresses; a `GET` therefore changes nothing.

use askama::Template;

use crate::error::Error;
use crate::pages::signin::Machine;
use crate::shell::{Frame, Room, Shell};
use crate::words;

/// The page at `/link/{token}` while the token is good.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkPage {
    /// The frame; nobody is signed in.
    pub shell: Shell,
    /// Where the button posts to: `paths::link(token)`.
    pub action: String,
    /// What the link is for.
    pub purpose: LinkPurpose,
    /// When it stops working, unix seconds UTC.
    pub expires_at: i64,
    /// Which machine this is.
    pub machine: Machine,
}

/// What using the link does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkPurpose {
    /// Makes the reader the first administrator.
    FirstAdmin,
    /// Signs this person in.
    SignIn {
        /// Their name.
        name: String,
    },
    /// Confirms that it is still this person, for a change.
    StepUp {
        /// Their name.
        name: String,
    },
}

#[derive(Template)]
#[template(path = "link.html")]
struct LinkTemplate<'a> {
    frame: Frame<'a>,
    page: &'a LinkPage,
    finding: String,
    does: String,
    button: String,
    expires: String,
}

impl LinkPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`Error::Template`] if a template could not be filled.
    pub fn render(&self) -> Result<String, Error> {
        let whose = words::possessive(&self.shell.organisation);
        let (finding, does, button) = match &self.purpose {
            LinkPurpose::FirstAdmin => (
                format!("Become the first administrator of {whose} aiworklab?"),
                "Whoever uses this link gets an account of their own with the role administrator. The audit log notes it.".to_owned(),
                "Sign in as administrator".to_owned(),
            ),
            LinkPurpose::SignIn { name } => (
                format!("Sign in to {whose} aiworklab as {name}?"),
                format!("Whoever uses this link is signed in as {name}, in this browser alone."),
                format!("Sign in as {name}"),
            ),
            LinkPurpose::StepUp { name } => (
                format!("Confirm that you are {name}?"),
                "For five minutes, changes in the administration can then be made from this browser.".to_owned(),
                "Confirm".to_owned(),
            ),
        };
        let frame = Frame::new(&self.shell, Room::None, "", "One-time link", None);
        let expires = self.shell.time(self.expires_at);
        Ok(LinkTemplate {
            frame,
            page: self,
            finding,
            does,
            button,
            expires,
        }
        .render()?)
    }
}
