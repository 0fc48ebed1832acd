//! Landlock: of all files, the model's may be read, and nothing else.

use super::{Landlock, failed};
use crate::{Reason, SandboxPart, Spec};
use landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope,
};
use std::path::Path;

/// The newest interface that the crate knows. Older kernels enforce what they have of it.
const NEWEST: ABI = ABI::V10;

/// The files that are read.
fn files(spec: &Spec) -> Vec<&Path> {
    let embedder = spec.embedder.as_ref();
    let sentences = embedder.map(|e| [&e.weights, &e.tokenizer]);
    spec.generator
        .iter()
        .chain(sentences.into_iter().flatten())
        .map(|file| file.path.as_path())
        .collect()
}

fn unreadable(path: &Path, cause: impl std::fmt::Display) -> Reason {
    Reason::File {
        path: path.display().to_string(),
        cause: cause.to_string(),
    }
}

/// Bytes of all files together.
pub(super) fn sizes(spec: &Spec) -> Result<u64, Reason> {
    files(spec).into_iter().try_fold(0_u64, |sum, path| {
        let found = std::fs::metadata(path).map_err(|e| unreadable(path, e))?;
        if !found.is_file() {
            return Err(unreadable(path, "it is not a regular file"));
        }
        Ok(sum.saturating_add(found.len()))
    })
}

/// From here on nothing but the model's files is opened; with newer kernels no TCP, and no signals or
/// abstract sockets out of here either.
pub(super) fn enforce(spec: &Spec) -> Result<Landlock, Reason> {
    let part = SandboxPart::Landlock;
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))
        .and_then(|r| r.handle_access(AccessNet::from_all(NEWEST)))
        .and_then(|r| r.scope(Scope::from_all(NEWEST)))
        .and_then(Ruleset::create)
        .map_err(|e| failed(part, e))?;
    for path in files(spec) {
        let file = PathFd::new(path).map_err(|e| unreadable(path, e))?;
        ruleset = ruleset
            .add_rule(PathBeneath::new(file, AccessFs::ReadFile))
            .map_err(|e| failed(part, e))?;
    }
    let status = ruleset.restrict_self().map_err(|e| failed(part, e))?;
    Ok(match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => Landlock::Missing,
        (_, LandlockStatus::Available { effective_abi, .. }) => Landlock::Enforced {
            abi: effective_abi as u32,
        },
        (_, LandlockStatus::NotEnabled | LandlockStatus::NotImplemented) => Landlock::Missing,
    })
}
