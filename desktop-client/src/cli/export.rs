//! `aiworklab export` as it is typed: everything held here about the person, as one JSON document. What
//! stands in it is the manual's page "What an export holds".

use super::{lines, say};
use crate::agent;
use crate::error::{Error, Result};
use crate::home::{Home, write_whole};
use crate::protect;
use crate::report;
use crate::store::{LEFT_OUT, Store};
use crate::words::count;
use crate::world::World;
use clap::Args;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Which shape the document has. A reader that knows version 1 may meet more tables, columns and members.
const VERSION: u32 = 1;

#[derive(Debug, Args)]
pub(super) struct Export {
    /// Write to this file, for you alone, instead of standard output; one that is there is replaced.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// With --to: say what was written as JSON, too.
    #[arg(long)]
    json: bool,
}

/// Writes the document, whole or not at all.
pub(super) fn run(
    world: &dyn World,
    home: &Home,
    wish: &Export,
    out: &mut dyn Write,
) -> Result<()> {
    let mut store = Store::open(world, home)?;
    // What was met up to now is to be in it.
    agent::run(world, home, &mut store)?;
    let document = document(world, home, &mut store)?;
    let text = lines(&document);
    let Some(path) = &wish.to else {
        return say(out, &text);
    };
    write_whole(path, 0o600, text.as_bytes()).map_err(|source| Error::File {
        doing: "write your export to",
        path: path.clone(),
        source,
    })?;
    if wish.json {
        return say(
            out,
            &lines(&json!({
                "file": path,
                "bytes": text.len(),
                "rows": document["rows"],
            })),
        );
    }
    let rows = document["rows"].as_object();
    let rows = rows.map_or(0, |rows| rows.values().filter_map(Value::as_u64).sum());
    say(
        out,
        &format!(
            "{} in {}, readable by you alone. Lines of your code are in it, as long as they are kept here \
             (7 days).\n",
            count(rows, "row"),
            path.display()
        ),
    )
}

/// The document.
pub(super) fn document(world: &dyn World, home: &Home, store: &mut Store) -> Result<Value> {
    let (tables, counts, graph) =
        store.read(|txn| Ok((txn.export()?, txn.row_counts()?, report::graph_json(txn)?)))?;
    let rows: BTreeMap<&String, usize> = tables
        .iter()
        .map(|(table, rows)| (table, rows.len()))
        .collect();
    let left_out: Vec<Value> = LEFT_OUT
        .iter()
        .map(|(table, why)| {
            json!({"table": table, "rows": counts.get(*table).copied().unwrap_or(0), "why": why})
        })
        .collect();
    Ok(json!({
        "format": "aiworklab-export",
        "version": VERSION,
        "program": env!("CARGO_PKG_VERSION"),
        "at": world.now(),
        "store_version": Store::version(),
        "rows": rows,
        "tables": tables,
        "left_out": left_out,
        "graph": graph,
        "settings": {
            "protect": protect::mode(home)?.name(),
            "personal": toml_of(&home.path().join("settings.toml")),
        },
        "files": files(home)?,
    }))
}

/// A file of settings, as it stands; none if there is none, its text if it is no TOML.
fn toml_of(path: &Path) -> Value {
    let Ok(text) = fs::read_to_string(path) else {
        return Value::Null;
    };
    match toml::from_str::<Value>(&text) {
        Ok(value) => value,
        Err(_) => json!(text),
    }
}

/// What else lies in the folder, by name and size: not in this document.
fn files(home: &Home) -> Result<Vec<Value>> {
    let folder = |source| Error::Folder {
        path: home.path().to_owned(),
        source,
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(home.path()).map_err(folder)? {
        let entry = entry.map_err(folder)?;
        let about = entry.metadata().map_err(folder)?;
        found.push(json!({
            "name": entry.file_name().to_string_lossy(),
            "folder": about.is_dir(),
            "bytes": about.len(),
        }));
    }
    found.sort_by_key(|file| file["name"].to_string());
    Ok(found)
}
