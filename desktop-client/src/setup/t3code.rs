//! T3 Code: it has no hooks, and no file of its own is changed. Where its database lies is written
//! into a file of ours, and the agent reads along.

use super::files::Edit;
use crate::error::{Error, Result};
use crate::home::Home;
use crate::world::World;
use std::path::{Path, PathBuf};

/// T3 Code's folder: as given, else `$T3CODE_HOME`, else `~/.t3`.
///
/// # Errors
/// [`Error::NoHome`] if nothing says.
pub fn folder(world: &dyn World, given: Option<&Path>) -> Result<PathBuf> {
    let found = given
        .map(Path::to_owned)
        .or_else(|| super::folder(world, "T3CODE_HOME", ".t3"))
        .ok_or(Error::NoHome)?;
    std::path::absolute(&found).map_err(|source| Error::File {
        doing: "find",
        path: found,
        source,
    })
}

/// The file of ours in which the folder stands.
pub fn file(home: &Home) -> PathBuf {
    home.path().join("t3code.toml")
}

/// Writes the folder down, or forgets it.
///
/// # Errors
/// [`Error::File`] for the disk.
pub fn edit(home: &Home, base_dir: &Path, remove: bool) -> Result<Edit> {
    let mut document = toml_edit::DocumentMut::new();
    document.insert("base_dir", toml_edit::value(base_dir.display().to_string()));
    let text = format!(
        "# The folder of T3 Code whose database the agent reads along with; it is never written to.\n{document}"
    );
    Edit::own(None, &file(home), (!remove).then(|| text.into_bytes()))
}

/// The databases that may lie in T3 Code's folder: the one in use, and a developer's.
pub fn databases(base_dir: &Path) -> [PathBuf; 2] {
    ["userdata", "dev"].map(|name| base_dir.join(name).join("state.sqlite"))
}

/// The folder that was written down.
pub fn watched(home: &Home) -> Option<PathBuf> {
    let text = std::fs::read_to_string(file(home)).ok()?;
    let document: toml_edit::DocumentMut = text.parse().ok()?;
    document.get("base_dir")?.as_str().map(PathBuf::from)
}
