//! The static files and the manual's images, compiled in, each under a name that holds its own digest.
//!
//! A changed file gets another address, so every file may be cached for ever and
//! a new version can never be shown with an old sheet.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use crate::paths;

/// A static file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// Its content.
    pub bytes: &'static [u8],
    /// For `Content-Type`.
    pub content_type: &'static str,
    /// For `ETag`, quotes included.
    pub etag: &'static str,
}

struct Entry {
    name: &'static str,
    file: String,
    etag: String,
    bytes: &'static [u8],
    content_type: &'static str,
}

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    [
        (
            "style.css",
            "text/css; charset=utf-8",
            include_bytes!("../static/style.css").as_slice(),
        ),
        (
            "favicon.svg",
            "image/svg+xml",
            include_bytes!("../static/favicon.svg").as_slice(),
        ),
    ]
    .into_iter()
    .chain(crate::manual::images().map(|(name, bytes)| (name, kind(name), bytes)))
    .map(entry)
    .collect()
});

/// What the desktop client serves beside the sheet and the icon. The appliance does not: none of its
/// pages has a script.
static LOCAL: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    vec![entry((
        "check.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../static/check.js").as_slice(),
    ))]
});

fn entry((name, content_type, bytes): (&'static str, &'static str, &'static [u8])) -> Entry {
    let digest = hex::encode(&Sha256::digest(bytes)[..8]);
    let file = match name.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}-{digest}.{extension}"),
        None => format!("{name}-{digest}"),
    };
    Entry {
        name,
        file,
        etag: format!("\"{digest}\""),
        bytes,
        content_type,
    }
}

/// What an image of the manual is.
fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "png")) => "image/png",
        Some((_, "svg")) => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// The file at this path below `/assets/`, or at the whole path.
///
/// Only the current digest is served: an address never changes its content.
pub fn asset(path: &str) -> Option<Asset> {
    found(&ENTRIES, path)
}

/// The same for the page that the desktop client serves on the engineer's own machine.
pub fn local_asset(path: &str) -> Option<Asset> {
    found(&LOCAL, path).or_else(|| asset(path))
}

fn found(entries: &'static [Entry], path: &str) -> Option<Asset> {
    let file = path.strip_prefix(paths::ASSETS).unwrap_or(path);
    let entry = entries.iter().find(|e| e.file == file)?;
    Some(Asset {
        bytes: entry.bytes,
        content_type: entry.content_type,
        etag: &entry.etag,
    })
}

/// The address of a file that the desktop client alone serves: `check.js`.
pub(crate) fn local_href(name: &str) -> String {
    let file = LOCAL
        .iter()
        .find(|e| e.name == name)
        .map_or(name, |e| e.file.as_str());
    format!("{}{file}", paths::ASSETS)
}

/// The address of the static file of this plain name: `style.css`.
///
/// A name that does not exist leads to an address that is not found.
pub fn href(name: &str) -> String {
    let file = ENTRIES
        .iter()
        .find(|e| e.name == name)
        .map_or(name, |e| e.file.as_str());
    format!("{}{file}", paths::ASSETS)
}

/// The plain names of all static files.
pub fn names() -> impl Iterator<Item = &'static str> {
    ENTRIES.iter().map(|e| e.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_found_under_the_address_that_pages_print() {
        for name in names() {
            let found = asset(&href(name)).expect("the printed address is served");
            assert!(href(name).contains(found.etag.trim_matches('"')));
        }
        assert_eq!(asset("style.css"), None, "the plain name is no address");
        assert_eq!(asset("../Cargo.toml"), None);
    }

    #[test]
    fn the_style_sheet_keeps_to_its_size() {
        let css = asset(&href("style.css")).expect("is there");
        assert!(css.bytes.len() <= 24_000, "{} bytes", css.bytes.len());
    }
}
