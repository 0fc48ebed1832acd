//! The dashboard's pages: values in, HTML out.
//!
//! A page is a struct of plain values with a `render`. There is no HTTP, no SQL
//! and no clock here, so every state of every page can be made from a literal
//! and looked at. Charts are drawn on the server as SVG; no page of the appliance needs a script. The
//! check on the engineer's own machine (`pages::check`, served by the desktop client) has one.
//!
//! Invariants, each held by a test over all pages: no inline style or script,
//! no address of another host, every value escaped, one `h1`, every form with
//! its token. So the pages work under
//! `default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'`.
//!
//! Map: `pages` one file a page · `manual` the book of `airgap-docs` · `shell` the frame · `figures` and `states` the
//! values that several pages share · `findings` and `changes` the sentences that are
//! worked out from data · `charts` coordinates · `templates/` all markup · `static/`.

mod assets;
mod changes;
mod charts;
mod error;
pub mod figures;
mod findings;
pub mod manual;
pub mod pages;
pub mod paths;
mod shell;
mod states;
mod tables;
mod words;

pub use assets::{Asset, asset, href as asset_href, local_asset, names as asset_names};
pub use error::Error;
pub use shell::{Link, Notice, Role, Room, Shell, SignedIn};
pub use states::State;
