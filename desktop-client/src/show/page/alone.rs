//! `aiworklab quiz --page`: the page for one check, served until it is answered.
//!
//! A browser is opened by a file that leads to the page: were the address an argument of a program,
//! whoever may list the machine's processes could read the key in it.

use super::{Door, Worlds, serve_whatever_is_set};
use crate::error::{Error as ClientError, Result};
use crate::home::{Home, write_whole};
use crate::show::Error;
use crate::show::checks::program;
use crate::world::World;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::sync::watch;

/// How long the page waits for an answer, in minutes.
const WAITS_MINUTES: u64 = 60;

/// Serves the page of this check until it is answered there, and says where it is.
///
/// # Errors
/// [`Error::Listen`]; [`Error::Nobody`] after an hour.
pub fn alone(worlds: Worlds, home: &Home, ask: i64, open: bool, out: &mut dyn Write) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Listen { source })?;
    let world = worlds();
    runtime.block_on(async {
        let (stop, stopped) = watch::channel(false);
        let door = Door::new();
        let mut serving = tokio::spawn(serve_whatever_is_set(
            worlds,
            home.clone(),
            door.clone(),
            stopped,
        ));
        let opened = tokio::select! {
            port = door.opened() => port,
            ended = &mut serving => return ended.unwrap_or(Ok(())),
        };
        let link = opened
            .and_then(|_| door.link(&*world, ask))
            .ok_or(ClientError::NoRandomness)?;
        let said = |source| ClientError::Output { source };
        write!(
            out,
            "The check is on this machine's own page, until it is answered there:\n\n  {link}\n\n\
             Nobody else can open it: keep the address to yourself. Ctrl-C leaves; the check waits.\n"
        )
        .and_then(|()| out.flush())
        .map_err(said)?;
        let leads = open.then(|| browse(&*world, home, &link)).flatten();
        let answered =
            tokio::time::timeout(Duration::from_secs(WAITS_MINUTES * 60), door.settled(ask)).await;
        if let Some(file) = leads {
            // It leads nowhere from now on.
            let _ = std::fs::remove_file(file);
        }
        stop.send_replace(true);
        let served = serving.await.unwrap_or(Ok(()));
        if answered.is_err() {
            return Err(Error::Nobody {
                minutes: WAITS_MINUTES,
            }
            .into());
        }
        writeln!(out, "Answered.").map_err(said)?;
        served
    })
}

/// The program that opens a browser, where there is one and something to open it on.
pub fn opener(world: &dyn World) -> Option<PathBuf> {
    if cfg!(target_os = "macos") {
        return program(world, &["open"]);
    }
    let display = ["DISPLAY", "WAYLAND_DISPLAY"];
    display
        .iter()
        .any(|name| world.env(name).is_some())
        .then(|| program(world, &["xdg-open"]))
        .flatten()
}

/// Opens a browser on a file of the engineer's own that leads to the page; the file. `None` if that
/// cannot be: the address was printed.
fn browse(world: &dyn World, home: &Home, link: &str) -> Option<PathBuf> {
    let opener = opener(world)?;
    let file = home.path().join("open-check.html");
    // The link is of our own making: an address, a port and a key of letters, digits, - and _.
    let leads = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">\
         <meta http-equiv=\"refresh\" content=\"0;url={link}\"><title>aiworklab</title>\
         <p><a href=\"{link}\">Open the check</a></p></html>\n"
    );
    write_whole(&file, 0o600, leads.as_bytes()).ok()?;
    let started = Command::new(opener)
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match started {
        // It ends when the browser has taken the file; nobody waits for that.
        Ok(_) => Some(file),
        Err(_) => {
            let _ = std::fs::remove_file(&file);
            None
        }
    }
}
