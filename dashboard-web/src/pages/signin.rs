//! Sign-in: one link a provider, or how to get a one-time link.
//!
//! A provider is a link with a button's looks, never a form: under
//! `form-action 'self'` Chromium also blocks the redirect that follows a form.

use askama::Template;

use crate::error::Error;
use crate::shell::{Frame, Link, Room, Shell};

/// The page at `/signin`.
#[derive(Debug, Clone, PartialEq)]
pub struct SignInPage {
    /// The frame; nobody is signed in.
    pub shell: Shell,
    /// One link a provider: its name, and `paths::sign_in_with`.
    pub providers: Vec<Link>,
    /// Which machine this is.
    pub machine: Machine,
    /// Why the last attempt failed, in one sentence, and what to do.
    pub problem: Option<String>,
}

/// By what a person tells that this is the right machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The name it is reached by.
    pub name: String,
    /// SHA-256 of the root certificate, as the enrolment line has it: `sha256:…`.
    pub fingerprint: String,
}

#[derive(Template)]
#[template(path = "signin.html")]
struct SignInTemplate<'a> {
    frame: Frame<'a>,
    page: &'a SignInPage,
}

impl SignInPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`Error::Template`] if a template could not be filled.
    pub fn render(&self) -> Result<String, Error> {
        let frame = Frame::new(&self.shell, Room::None, "", "Sign in", None);
        Ok(SignInTemplate { frame, page: self }.render()?)
    }
}
