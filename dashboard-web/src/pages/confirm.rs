//! Before a change: the question, what it does, what it does not, and who asks.
//!
//! One page for every change. If the last confirmation of the person is older
//! than five minutes, it offers ways to confirm (links, since they leave for the
//! identity provider) in place of the button.

use askama::Template;

use crate::error::Error;
use crate::paths;
use crate::shell::{Frame, Link, Room, Shell};

/// The page before a change.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfirmPage {
    /// The frame.
    pub shell: Shell,
    /// Whose room: `Me` for one's own data and devices, `Admin` for the rest.
    pub room: Room,
    /// The link of the second bar that stays marked: `paths::ADMIN_DEVICES`.
    pub nav: &'static str,
    /// Where one is, from the room down; the last has no address.
    pub crumbs: Vec<Link>,
    /// "Revoke build-box?"
    pub question: String,
    /// What happens, in this order, whole sentences.
    pub does: Vec<String>,
    /// What does not happen, whole sentences.
    pub does_not: String,
    /// The same as a command, if there is one.
    pub command: Option<String>,
    /// The action as the audit log will name it: `device.revoke`.
    pub audited_as: String,
    /// Where the form posts to.
    pub action: String,
    /// Hidden fields beside `csrf`.
    pub fields: Vec<(String, String)>,
    /// A word to be typed, for what cannot be undone.
    pub typed: Option<Typed>,
    /// The button: "Revoke build-box".
    pub button: String,
    /// Whether it destroys or takes away.
    pub harm: bool,
    /// Whether the person has to confirm first.
    pub step_up: StepUp,
    /// Where "Back, change nothing" leads.
    pub back: String,
}

/// A word that the person types before something that cannot be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// The field's name in the form.
    pub name: String,
    /// The word: "delete".
    pub word: String,
    /// What was typed, kept.
    pub value: String,
    /// Why it was refused.
    pub problem: Option<String>,
}

/// What is held about a person, and so what there is to erase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erased {
    /// They enrolled a device: their graph, their devices and what joins both to them.
    Graph,
    /// They never did: their account alone.
    Account,
}

/// How fresh the person's authentication is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepUp {
    /// No confirmation is asked for this change.
    NotNeeded,
    /// Confirmed, good until then, unix seconds UTC.
    Valid(i64),
    /// Has to be confirmed first, by one of these.
    Needed {
        /// "Confirm through Larkfield Entra ID", and where it begins.
        ways: Vec<Link>,
        /// The command that prints a link, where no provider is configured.
        command: Option<String>,
    },
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmTemplate<'a> {
    frame: Frame<'a>,
    page: &'a ConfirmPage,
    crumbs: &'a [Link],
    here: Option<&'a str>,
    valid_until: Option<String>,
    ways: &'a [Link],
    way_command: Option<&'a str>,
    needed: bool,
    name: String,
    role: &'static str,
}

impl ConfirmPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`Error::Template`] if a template could not be filled.
    pub fn render(&self) -> Result<String, Error> {
        let shell = &self.shell;
        let (needed, ways, way_command): (bool, &[Link], Option<&str>) = match &self.step_up {
            StepUp::Needed { ways, command } => (true, ways, command.as_deref()),
            _ => (false, &[], None),
        };
        let valid_until = match self.step_up {
            StepUp::Valid(until) => Some(shell.time(until)),
            _ => None,
        };
        let fact = match (&self.step_up, &valid_until) {
            (_, Some(until)) => Some(format!("Confirmed until {until}")),
            (StepUp::Needed { .. }, _) => Some("Confirmation needed for changes".to_owned()),
            _ => None,
        };
        let (crumbs, here) = match self.crumbs.split_last() {
            Some((last, rest)) => (rest, Some(last.label.as_str())),
            None => (&[][..], None),
        };
        Ok(ConfirmTemplate {
            frame: Frame::new(
                shell,
                self.room,
                self.nav,
                self.question.trim_end_matches('?'),
                fact,
            ),
            page: self,
            crumbs,
            here,
            valid_until,
            ways,
            way_command,
            needed,
            name: shell
                .person
                .as_ref()
                .map(|p| p.name.clone())
                .unwrap_or_default(),
            role: shell.person.as_ref().map_or("", |p| p.role.word()),
        }
        .render()?)
    }

    /// The confirmation before a device is revoked.
    ///
    /// `own` is whether the reader revokes a device of their own; `audited_as` is the action as
    /// the audit log will name it.
    pub fn revoke_device(
        shell: Shell,
        (device, name): (&str, &str),
        own: bool,
        audited_as: &str,
        step_up: StepUp,
    ) -> Self {
        let (room, nav, action, back) = if own {
            (
                Room::Me,
                paths::ME,
                paths::my_device_revoke(device),
                format!("{}#devices", paths::ME),
            )
        } else {
            (
                Room::Admin,
                paths::ADMIN_DEVICES,
                paths::device_revoke(device),
                paths::ADMIN_DEVICES.to_owned(),
            )
        };
        let crumbs = if own {
            vec![Link::new("My graph", paths::ME), Link::new(name, "")]
        } else {
            vec![
                Link::new("Health", paths::ADMIN),
                Link::new("Devices", paths::ADMIN_DEVICES),
                Link::new(name, ""),
            ]
        };
        Self {
            shell,
            room,
            nav,
            crumbs,
            question: format!("Revoke {name}?"),
            does: vec![
                "Its certificate goes onto the list of revoked ones, and into the ledger that survives a restore.".to_owned(),
                "From its next request on, it can neither sync nor renew.".to_owned(),
            ],
            does_not: "What the device already sent stays in its owner’s graph. What lies on the device stays there. It can be enrolled anew, with a new key.".to_owned(),
            command: None,
            audited_as: audited_as.to_owned(),
            action,
            fields: Vec::new(),
            typed: None,
            button: format!("Revoke {name}"),
            harm: true,
            step_up,
            back,
        }
    }

    /// The confirmation that machines that share a certificate rightly do so.
    pub fn keep_shared(shell: Shell, (device, name): (&str, &str), audited_as: &str) -> Self {
        Self {
            shell,
            room: Room::Me,
            nav: paths::ME,
            crumbs: vec![Link::new("My graph", paths::ME), Link::new(name, "")],
            question: format!("Are the machines that share {name} all yours?"),
            does: vec![
                "The notice goes, and the machines that are known today go on syncing with one certificate.".to_owned(),
                "If another one appears, the notice comes back.".to_owned(),
            ],
            does_not: "It does not part them: whoever has one of them can be ended only with the others. To part them, run aiworklab enrol on one. No graph is changed.".to_owned(),
            command: None,
            audited_as: audited_as.to_owned(),
            action: paths::my_device_shared(device),
            fields: Vec::new(),
            typed: None,
            button: "They are mine".to_owned(),
            harm: false,
            step_up: StepUp::NotNeeded,
            back: format!("{}#devices", paths::ME),
        }
    }

    /// The confirmation before a person erases everything held about them.
    ///
    /// `typed` is what they typed at the last attempt, `None` at the first; `audited_as` is the
    /// action as the audit log will name it.
    pub fn erase_me(
        shell: Shell,
        what: Erased,
        typed: Option<&str>,
        audited_as: &str,
        step_up: StepUp,
    ) -> Self {
        let (does, does_not): (&[&str], &str) = match what {
            Erased::Graph => (
                &[
                    "All facts about what you met and could explain are removed from the store, not just marked.",
                    "What joins your name to them is removed, and your devices are revoked.",
                    "The ledger notes the erasure under a random number, so that no restored backup brings them back.",
                    "Your part leaves the figures with the next snapshot.",
                ],
                "Your account stays, which is your name, e-mail and role: you can sign in, and delete that too. It does not touch what lies on your laptops. A laptop that syncs later is told that you were erased. This cannot be undone; export first if you want a copy.",
            ),
            Erased::Account => (
                &[
                    "Your account is removed, which is your name, e-mail and role, and you are signed out everywhere.",
                    "What you did stays in the audit log under a random number, which nothing joins to you any more.",
                ],
                "It does not keep you out: whoever signs in through the identity provider gets a new account. A backup made before still has the old one. This cannot be undone; export first if you want a copy.",
            ),
        };
        Self {
            shell,
            room: Room::Me,
            nav: paths::ME,
            crumbs: vec![
                Link::new("My graph", paths::ME),
                Link::new("Delete everything", ""),
            ],
            question: "Delete everything that is held about you?".to_owned(),
            does: does.iter().map(|step| (*step).to_owned()).collect(),
            does_not: does_not.to_owned(),
            command: None,
            audited_as: audited_as.to_owned(),
            action: paths::ME_ERASE.to_owned(),
            fields: Vec::new(),
            typed: Some(Typed {
                name: "word".to_owned(),
                word: "delete".to_owned(),
                value: typed.unwrap_or_default().to_owned(),
                problem: typed
                    .map(|_| "The word does not match. Type delete, in small letters.".to_owned()),
            }),
            button: "Delete everything".to_owned(),
            harm: true,
            step_up,
            back: format!("{}#held", paths::ME),
        }
    }
}
