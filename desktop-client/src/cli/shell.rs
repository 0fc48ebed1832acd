//! `aiworklab completions` and `aiworklab man`: made from the very tree of commands that is parsed.

use super::{Cli, say};
use crate::error::{Error, Result};
use clap::builder::PossibleValuesParser;
use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;
use kernel::catalogue::Catalogue;
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// Whose completions.
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct Man {
    /// Where to write one page a command; the main page is printed if it is left out.
    pub(super) dir: Option<PathBuf>,
}

/// What a shell sources so that it completes our commands, options and concepts.
pub(super) fn completions(wish: &Completions, out: &mut dyn Write) -> Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(
        wish.shell,
        &mut with_concepts(Cli::command()),
        "aiworklab",
        &mut text,
    );
    out.write_all(&text)
        .and_then(|()| out.flush())
        .map_err(|source| Error::Output { source })
}

/// Man pages: one is printed, or all are written into a folder.
pub(super) fn man(wish: &Man, out: &mut dyn Write) -> Result<()> {
    let Some(dir) = &wish.dir else {
        let mut page = Vec::new();
        return clap_mangen::Man::new(Cli::command())
            .render(&mut page)
            .and_then(|()| out.write_all(&page))
            .map_err(|source| Error::Output { source });
    };
    let failed = |source| Error::File {
        doing: "write man pages into",
        path: dir.clone(),
        source,
    };
    std::fs::create_dir_all(dir).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), dir).map_err(failed)?;
    let pages = pages(dir).map_err(failed)?;
    say(out, &format!("{pages} pages in {}.\n", dir.display()))
}

fn pages(dir: &Path) -> std::io::Result<usize> {
    let ours = |entry: &std::fs::DirEntry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("aiworklab") && name.ends_with(".1")
    };
    let entries = std::fs::read_dir(dir)?.collect::<std::io::Result<Vec<_>>>()?;
    Ok(entries.iter().filter(|entry| ours(entry)).count())
}

/// Every argument that takes a concept offers the catalogue's; what is parsed stays as it is, for
/// `mute` takes a domain, too, and a slip of the pen gets a better answer from us than from a shell.
fn with_concepts(command: Command) -> Command {
    let slugs: Vec<&'static str> = Catalogue::builtin()
        .iter()
        .map(|concept| concept.slug.as_str())
        .collect();
    let takers = [
        "quiz", "why", "wrong", "mute", "unmute", "know", "forget", "recap",
    ];
    let mut command = command;
    for taker in takers {
        let Some(found) = command.find_subcommand(taker) else {
            continue;
        };
        let takes = |arg: &&clap::Arg| matches!(arg.get_id().as_str(), "concept" | "what");
        let Some(id) = found
            .get_arguments()
            .find(takes)
            .map(|arg| arg.get_id().clone())
        else {
            continue;
        };
        let slugs = PossibleValuesParser::new(slugs.iter().copied());
        command = command.mut_subcommand(taker, |found| {
            found.mut_arg(id, |arg| arg.value_parser(slugs))
        });
    }
    command
}
