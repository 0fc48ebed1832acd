//! Pages that say one thing: not found, refused, broken, done, a link used up.
//!
//! Each says what is so, why, and what comes next. None is blank.

use askama::Template;

use crate::error::Error;
use crate::pages::confirm::Erased;
use crate::paths;
use crate::shell::{Frame, Link, Room, Shell};

/// A page that says one thing.
#[derive(Debug, Clone, PartialEq)]
pub struct MessagePage {
    /// The frame.
    pub shell: Shell,
    /// Which bar it stands under.
    pub room: Room,
    /// For the window: "Not found".
    pub title: String,
    /// What is so: one or two sentences.
    pub finding: String,
    /// Why, and what to do.
    pub text: String,
    /// A command that helps, if there is one.
    pub command: Option<String>,
    /// The request number with time and code, for what is broken.
    pub trace: Option<Trace>,
    /// Where to go from here.
    pub links: Vec<Link>,
    /// A page to which the message is the answer of a change: announced as a status.
    pub status: bool,
}

/// By what an administrator finds the cause in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// When, unix seconds UTC.
    pub at: i64,
    /// The error's code in the manual: "S014".
    pub code: String,
}

/// Why a one-time link is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkGone {
    /// Somebody used it.
    Used,
    /// It is older than it may be.
    Expired,
    /// No such link: cut off, or of another store.
    Unknown,
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessageTemplate<'a> {
    frame: Frame<'a>,
    page: &'a MessagePage,
    trace: Option<TraceWords>,
}

/// A trace in words: when, the code, and where the manual explains it.
struct TraceWords {
    when: String,
    code: String,
    href: String,
}

impl MessagePage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`Error::Template`] if a template could not be filled.
    pub fn render(&self) -> Result<String, Error> {
        let frame = Frame::new(&self.shell, self.room, "", self.title.clone(), None);
        let trace = self.trace.as_ref().map(|t| TraceWords {
            when: self.shell.time(t.at),
            code: t.code.clone(),
            href: paths::error_code(&t.code),
        });
        Ok(MessageTemplate {
            frame,
            page: self,
            trace,
        }
        .render()?)
    }

    fn plain(shell: Shell, title: &str, finding: &str, text: String) -> Self {
        Self {
            room: if shell.person.is_some() {
                Room::Organisation
            } else {
                Room::None
            },
            shell,
            title: title.to_owned(),
            finding: finding.to_owned(),
            text,
            command: None,
            trace: None,
            links: Vec::new(),
            status: false,
        }
    }

    fn with_way_on(mut self) -> Self {
        self.links.push(if self.shell.person.is_some() {
            Link::new("To the overview", paths::OVERVIEW)
        } else {
            Link::new("Sign in", paths::SIGN_IN)
        });
        self
    }

    /// Where the manual explains a code that the page itself does not print.
    fn explained(mut self, code: &str) -> Self {
        self.links.push(Link::new(
            format!("What {code} means"),
            paths::error_code(code),
        ));
        self
    }

    /// No such page, or not the reader's to see: the same words for both.
    pub fn not_found(shell: Shell) -> Self {
        Self::plain(
            shell,
            "Not found",
            "There is no such page, or it is not yours to see.",
            "Check the address. If you need more than you can open now, an administrator can change your role; it takes effect at your next click.".to_owned(),
        )
        .with_way_on()
        .explained("H404")
    }

    /// Our fault: the page could not be made and nothing was changed.
    ///
    /// `cause` is a whole sentence without secrets: "The store did not answer within two seconds."
    pub fn broken(shell: Shell, cause: &str, code: &str, at: i64) -> Self {
        let mut page = Self::plain(
            shell,
            "Broken",
            "This page could not be made. Nothing was changed.",
            format!(
                "{cause} Try again in a minute. If it stays, give your administrator this number:"
            ),
        );
        page.trace = Some(Trace {
            at,
            code: code.to_owned(),
        });
        page.with_way_on()
    }

    /// A request that we do not accept: what was wrong with it, and what to do.
    pub fn refused(shell: Shell, finding: &str, text: &str) -> Self {
        Self::plain(shell, "Not accepted", finding, text.to_owned()).with_way_on()
    }

    /// A form came back without a good token, or from another site.
    pub fn stale_form(shell: Shell) -> Self {
        Self::plain(
            shell,
            "Not accepted",
            "This form was not accepted. Nothing was changed.",
            "It was opened before you signed in, or in another browser, or sent by another site. Go back, load the page again and repeat it.".to_owned(),
        )
        .with_way_on()
        .explained("H407")
    }

    /// A one-time link that is not good any more.
    pub fn link_gone(shell: Shell, why: LinkGone) -> Self {
        let (finding, text) = match why {
            LinkGone::Used => (
                "This link was used already.",
                "It works once. If it was not you who used it, tell an administrator: the audit log says when.",
            ),
            LinkGone::Expired => (
                "This link has run out.",
                "It works for half an hour. Nothing was changed.",
            ),
            LinkGone::Unknown => (
                "This link is not known here.",
                "It may have been cut off when it was copied, or belong to another store. Nothing was changed.",
            ),
        };
        let mut page = Self::plain(
            shell,
            "One-time link",
            finding,
            format!("{text} An administrator of this machine makes a new one with this line:"),
        );
        page.command = Some("aiworklab-appliance admin link".to_owned());
        page.with_way_on()
    }

    /// A change is done, and there is no page of its own to go back to.
    pub fn done(shell: Shell, room: Room, finding: &str, text: &str, links: Vec<Link>) -> Self {
        let mut page = Self::plain(shell, "Done", finding, text.to_owned());
        page.room = room;
        page.links = links;
        page.status = true;
        page
    }

    /// The device got its yes.
    pub fn device_approved(shell: Shell, device: &str) -> Self {
        Self::done(
            shell,
            Room::Me,
            &format!("{device} is approved."),
            "It makes its key and fetches its certificate now, by itself. The terminal says when it is done; you can close this page.",
            vec![Link::new("To my devices", format!("{}#devices", paths::ME))],
        )
    }

    /// The device got its no.
    pub fn device_refused(shell: Shell, device: &str) -> Self {
        Self::done(
            shell,
            Room::Me,
            &format!("{device} is refused."),
            "It got no certificate, and its code is used up. If you do not know the device, tell an administrator where it asked from: the audit log has the address.",
            vec![Link::new("To my graph", paths::ME)],
        )
    }

    /// The session is over; `provider` is whether an identity provider began it.
    pub fn signed_out(shell: Shell, provider: bool) -> Self {
        Self::done(
            shell,
            Room::None,
            "You are signed out.",
            if provider {
                "Your identity provider may still know you; sign out there too on a machine that is not yours."
            } else {
                "This browser holds no session any more."
            },
            vec![Link::new("Sign in again", paths::SIGN_IN)],
        )
    }

    /// Everything about the person was erased, or their account, which ended the session.
    pub fn erased(shell: Shell, what: Erased) -> Self {
        match what {
            Erased::Graph => Self::done(
                shell,
                Room::Me,
                "Everything known about you is deleted.",
                "Your devices are revoked, and your part leaves the figures with the next snapshot. What lies on your laptops is yours and stays there. Your account, which is your name, e-mail and role, is still here.",
                vec![Link::new(
                    "What is still held",
                    format!("{}#held", paths::ME),
                )],
            ),
            Erased::Account => Self::done(
                shell,
                Room::None,
                "Your account is deleted.",
                "Nothing about you is held any more, and you are signed out everywhere.",
                Vec::new(),
            ),
        }
    }

    /// Too many requests; `retry_after_s` is what the header says.
    pub fn busy(shell: Shell, retry_after_s: u32) -> Self {
        Self::plain(
            shell,
            "Busy",
            "Too many requests came at once. Nothing was changed.",
            format!("Try again in {retry_after_s} seconds."),
        )
        .with_way_on()
    }
}
