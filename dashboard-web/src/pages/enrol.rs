//! Enrolment in the browser: which device asks, and the person's yes or no.
//!
//! The code is compared by eye: it stands in the laptop's terminal too. The
//! device's name comes from the device and is shown as text, nothing else.

use askama::Template;

use crate::error::Error;
use crate::paths;
use crate::shell::{Frame, Room, Shell};

/// The page at `/enrol` without a code: where it is typed.
#[derive(Debug, Clone, PartialEq)]
pub struct EnrolCodePage {
    /// The frame.
    pub shell: Shell,
    /// What was typed, kept.
    pub code: String,
    /// Why it was refused: "No device waits with the code WXYZ-1234. …"
    pub problem: Option<String>,
    /// The line by which a laptop asks.
    pub enrol_command: Option<String>,
}

/// The page at `/enrol?code=…`: what asks, and from where.
#[derive(Debug, Clone, PartialEq)]
pub struct EnrolApprovalPage {
    /// The frame.
    pub shell: Shell,
    /// The code, as the terminal shows it: "WXYZ-1234".
    pub code: String,
    /// The name the device gave itself. Anybody's text.
    pub device_name: String,
    /// "Linux", if it said so.
    pub platform: Option<String>,
    /// The address that asks: "10.20.4.31".
    pub from: String,
    /// When it asked, unix seconds UTC.
    pub asked_at: i64,
    /// When the code stops working, unix seconds UTC.
    pub expires_at: i64,
    /// How long its certificate would be valid, in days.
    pub valid_days: u32,
}

#[derive(Template)]
#[template(path = "enrol_code.html")]
struct CodeTemplate<'a> {
    frame: Frame<'a>,
    page: &'a EnrolCodePage,
}

#[derive(Template)]
#[template(path = "enrol.html")]
struct ApprovalTemplate<'a> {
    frame: Frame<'a>,
    page: &'a EnrolApprovalPage,
    asked: String,
    expires: String,
    person: String,
}

impl EnrolCodePage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`Error::Template`] if a template could not be filled.
    pub fn render(&self) -> Result<String, Error> {
        let frame = Frame::new(&self.shell, Room::Me, paths::ENROL, "Enrol a device", None);
        Ok(CodeTemplate { frame, page: self }.render()?)
    }
}

impl EnrolApprovalPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`Error::Template`] if a template could not be filled.
    pub fn render(&self) -> Result<String, Error> {
        let frame = Frame::new(&self.shell, Room::Me, paths::ENROL, "Enrol a device", None);
        Ok(ApprovalTemplate {
            frame,
            page: self,
            asked: self.shell.time(self.asked_at),
            expires: self.shell.time(self.expires_at),
            person: self
                .shell
                .person
                .as_ref()
                .map(|p| p.name.clone())
                .unwrap_or_default(),
        }
        .render()?)
    }
}
