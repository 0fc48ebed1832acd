//! What `aiworklab doctor` says about the ways in which a check appears.

use super::{Ways, page};
use crate::doctor::Finding;
use crate::home::Home;
use crate::pause;
use crate::store::Store;
use crate::world::World;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Whether each way that is on can be walked.
pub fn checks(world: &dyn World, home: &Home) -> Vec<Finding> {
    let ways = Ways::now(world, home);
    let mut findings = Vec::new();
    if ways.notification {
        findings.push(desktop(world));
    } else {
        findings.push(Finding::ok("desktop notifications are switched off"));
    }
    if ways.page {
        findings.push(match page::can_listen() {
            Ok(()) => Finding::ok("the page of a check can be served on 127.0.0.1"),
            Err(error) => Finding::warn(
                "the page of a check cannot be served on 127.0.0.1",
                error.to_string(),
                "Use `aiworklab quiz` in a terminal; everything else works.",
            ),
        });
        findings.push(match page::opener(world) {
            Some(opener) => Finding::ok(format!(
                "`aiworklab quiz --page` opens your browser with {}",
                opener.display()
            )),
            None => Finding::warn(
                "`aiworklab quiz --page` cannot open a browser by itself",
                "there is no display, or no program xdg-open or open",
                "It prints the address; open that yourself. Debian: apt install xdg-utils.",
            ),
        });
    } else {
        findings.push(Finding::ok("the page of a check is switched off"));
    }
    if let Some(mut store) = Store::peek(world, home)
        && let Ok(Some(told)) = store.read(|txn| pause::told(world, txn))
    {
        findings.push(Finding::ok_because(
            format!("checks are {told}"),
            "you asked for that; `aiworklab pause --off` ends it",
        ));
    }
    findings
}

/// Whether there is a session bus, over which notifications go.
fn desktop(world: &dyn World) -> Finding {
    let named = world.env("DBUS_SESSION_BUS_ADDRESS").is_some();
    let there = world
        .env("XDG_RUNTIME_DIR")
        .is_some_and(|folder| PathBuf::from(folder).join("bus").exists());
    if named || there || cfg!(target_os = "macos") {
        Finding::ok("desktop notifications have a session bus to go over")
    } else {
        Finding::warn(
            "desktop notifications cannot be shown",
            "there is no session bus (DBUS_SESSION_BUS_ADDRESS, XDG_RUNTIME_DIR/bus), as on a host without a desktop",
            "Nothing is lost: the line in the harness and `aiworklab quiz` remain. To have it quiet here: \
             aiworklab set notifications false",
        )
    }
}

/// The first of these programs that lies in a folder of PATH and can be run.
pub(super) fn program(world: &dyn World, names: &[&str]) -> Option<PathBuf> {
    let path = world.env("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .collect();
    names.iter().find_map(|name| {
        folders.iter().map(|folder| folder.join(name)).find(|file| {
            file.metadata()
                .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
        })
    })
}
