//! The pages: one file, one view struct, one `render`.
//!
//! A page gets plain values and answers with HTML. What it says first, its
//! finding, it works out itself from those values, by the rules in `findings`.

pub mod admin;
pub mod check;
pub mod concept;
pub mod concepts;
pub mod confirm;
pub mod docs;
pub mod enrol;
pub mod link;
pub mod me;
mod me_words;
pub mod message;
pub mod overview;
pub mod signin;

pub use admin::{AuditPage, DevicesPage, HealthPage, PeoplePage};
pub use check::{CheckAnswered, CheckAsked, CheckMessage, CheckShell};
pub use concept::ConceptPage;
pub use concepts::ConceptsPage;
pub use confirm::{ConfirmPage, Erased, StepUp};
pub use docs::{DocsPage, DocsSearchPage};
pub use enrol::{EnrolApprovalPage, EnrolCodePage};
pub use link::{LinkPage, LinkPurpose};
pub use me::MePage;
pub use message::{LinkGone, MessagePage, Trace};
pub use overview::OverviewPage;
pub use signin::{Machine, SignInPage};
