//! What every page shares: the frame, who is signed in, and the rooms.
//!
//! One value a request. It says which organisation this is, whether its people
//! are invented, and which token a form has to send back. The page itself knows
//! which room it stands in and which link of the second bar is its own.

use crate::words;

/// What a signed-in person may open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Their own pages and the organisation's figures.
    Member,
    /// The same; teams and reports come with their issue.
    Lead,
    /// Administration too. Never another person's graph.
    Admin,
}

impl Role {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Member => "engineer",
            Self::Lead => "lead",
            Self::Admin => "administrator",
        }
    }
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Their name for people.
    pub name: String,
    /// What they may open.
    pub role: Role,
    /// How they signed in: "Larkfield Entra ID", "a one-time link".
    pub through: String,
    /// When, unix seconds UTC.
    pub since: i64,
}

/// Said after a change, once, on the page that follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// "build-box is revoked."
    pub title: String,
    /// "It cannot sync from now on. This is entry 48,214 of the audit log."
    pub text: String,
}

/// A link with its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What is read.
    pub label: String,
    /// Where it leads.
    pub href: String,
}

impl Link {
    /// A link from its words and its address.
    pub fn new(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            href: href.into(),
        }
    }
}

/// The frame of every page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shell {
    /// "Larkfield Instruments".
    pub organisation: String,
    /// The name by which the browser reached us: "skills.larkfield.internal".
    pub host: String,
    /// The product's version: "0.1.0".
    pub version: String,
    /// The request's number, also in the log.
    pub request: String,
    /// The time of the request, unix seconds UTC; decides only whether a date needs its year.
    pub now: i64,
    /// A store that `init --sample` marked: said on every page.
    pub sample: bool,
    /// The local model runs without a part of its sandbox, as an administrator allowed: said to
    /// administrators on every page.
    pub degraded: bool,
    /// Who is signed in, if anybody.
    pub person: Option<SignedIn>,
    /// The token that each form sends back in the field `csrf`. Empty where no session exists.
    pub csrf: String,
    /// Said once, after a change.
    pub notice: Option<Notice>,
    /// Where the manual is served, if it is.
    pub manual_href: Option<String>,
    /// Where "What is stored and what never is" is served, if it is.
    pub stored_href: Option<String>,
}

impl Shell {
    /// Whether the administration may be opened.
    pub fn is_admin(&self) -> bool {
        self.person.as_ref().is_some_and(|p| p.role == Role::Admin)
    }

    /// "24 November", with the year if it is not this one.
    pub(crate) fn date(&self, date: jiff::civil::Date) -> String {
        words::date(date, self.now)
    }

    /// "24 November, 09:41 UTC", with the year if it is not this one.
    pub fn time(&self, at: i64) -> String {
        words::time(at, self.now)
    }
}

/// Which bar the second row shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Shared figures: grey.
    Organisation,
    /// Private to the reader: petrol.
    Me,
    /// Administration: dark.
    Admin,
    /// Before sign-in, or a page that belongs to no room: no second bar.
    None,
}

/// One link of the second bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NavItem {
    pub(crate) label: &'static str,
    pub(crate) href: &'static str,
    /// `page` for the page itself, `true` for one below it.
    pub(crate) current: Option<&'static str>,
}

/// What the layout needs beside the page's own content.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) shell: &'a Shell,
    pub(crate) title: String,
    pub(crate) room: Room,
    pub(crate) nav: Vec<NavItem>,
    /// The one fact at the end of the second bar.
    pub(crate) fact: Option<String>,
}

impl<'a> Frame<'a> {
    pub(crate) fn new(
        shell: &'a Shell,
        room: Room,
        current: &str,
        title: impl Into<String>,
        fact: Option<String>,
    ) -> Self {
        let links: &[(&'static str, &'static str)] = match room {
            Room::Organisation => &[("Overview", "/"), ("Concepts", "/concepts")],
            Room::Me => &[
                ("My graph", "/me"),
                ("Timeline", "/me#timeline"),
                ("What is held", "/me#held"),
                ("Devices", "/me#devices"),
                ("Enrol a device", "/enrol"),
            ],
            Room::Admin => &[
                ("Health", "/admin"),
                ("People", "/admin/people"),
                ("Devices", "/admin/devices"),
                ("Audit", "/admin/audit"),
            ],
            Room::None => &[],
        };
        let nav = links
            .iter()
            .map(|&(label, href)| NavItem {
                label,
                href,
                current: is_current(href, current),
            })
            .collect();
        Self {
            shell,
            title: title.into(),
            room,
            nav,
            fact,
        }
    }

    /// Without one link of the second bar: on a page that has no such part.
    pub(crate) fn without(mut self, href: &str) -> Self {
        self.nav.retain(|item| item.href != href);
        self
    }

    /// "Larkfield’s", "Larkfield Instruments’".
    pub(crate) fn whose(&self) -> String {
        words::possessive(&self.shell.organisation)
    }

    pub(crate) fn css(&self) -> String {
        crate::assets::href("style.css")
    }

    pub(crate) fn icon(&self) -> String {
        crate::assets::href("favicon.svg")
    }

    pub(crate) fn body_class(&self) -> &'static str {
        match self.room {
            Room::Organisation => "in-org",
            Room::Me => "in-me",
            Room::Admin => "in-admin",
            Room::None => "in-none",
        }
    }

    pub(crate) fn nav_label(&self) -> &'static str {
        match self.room {
            Room::Organisation => "Organisation",
            Room::Me => "My pages",
            Room::Admin => "Administration",
            Room::None => "",
        }
    }

    pub(crate) fn in_room(&self, room: &str) -> bool {
        matches!(
            (self.room, room),
            (Room::Organisation, "org") | (Room::Me, "me") | (Room::Admin, "admin")
        )
    }

    pub(crate) fn signed_in_at(&self) -> String {
        self.shell
            .person
            .as_ref()
            .map(|p| self.shell.time(p.since))
            .unwrap_or_default()
    }
}

fn is_current(href: &str, current: &str) -> Option<&'static str> {
    if href == current {
        Some("page")
    } else if current.strip_suffix('/') == Some(href) {
        Some("true")
    } else {
        None
    }
}
