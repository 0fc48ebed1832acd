//! Codex's `config.toml`: hooks kept there, and the trust that Codex keeps there.
//!
//! Edited with `toml_edit`: comments, order and white space of everything else stay.

use super::codex::SHAPE;
use super::hooks::{Event, Place, is_ours};
use toml_edit::{
    Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value, value,
};

/// What Codex keeps of one hook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The definition that the person trusts.
    pub hash: Option<String>,
    /// Whether the person has it on.
    pub enabled: Option<bool>,
}

/// Reads the text.
///
/// # Errors
/// Where and why it is no TOML, in words.
pub fn read(text: &str) -> Result<DocumentMut, String> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        let place = error.span().map(|span| {
            let line = text
                .get(..span.start)
                .unwrap_or_default()
                .matches('\n')
                .count()
                + 1;
            format!(" at line {line}")
        });
        format!(
            "it is no TOML{}: {}",
            place.unwrap_or_default(),
            error.message()
        )
    })
}

/// The text with our hooks.
///
/// # Errors
/// Why it cannot be edited, in words.
pub fn with(text: &str, command: &str) -> Result<String, String> {
    let mut document = read(text)?;
    let mut kept: Vec<&str> = Vec::new();
    take_out(&mut document, |event, group| {
        let keep = !kept.contains(&event)
            && SHAPE
                .events
                .iter()
                .any(|wanted| wanted.name == event && is_wanted(group, wanted, command));
        if keep {
            kept.extend(
                SHAPE
                    .events
                    .iter()
                    .map(|e| e.name)
                    .find(|name| *name == event),
            );
        }
        keep
    })?;
    let hooks = document.entry("hooks").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let Some(hooks) = hooks.as_table_like_mut() else {
        return Err("\"hooks\" is no table".into());
    };
    let on_one_line = hooks_are_inline(hooks);
    for event in SHAPE
        .events
        .iter()
        .filter(|event| !kept.contains(&event.name))
    {
        match hooks.get_mut(event.name) {
            Some(Item::ArrayOfTables(groups)) => groups.push(group(event, command)),
            Some(Item::Value(Value::Array(groups))) => groups.push(inline(event, command)),
            None if on_one_line => {
                hooks.insert(
                    event.name,
                    value(Array::from_iter([inline(event, command)])),
                );
            }
            None => {
                let mut groups = ArrayOfTables::new();
                groups.push(group(event, command));
                hooks.insert(event.name, Item::ArrayOfTables(groups));
            }
            Some(_) => return Err(format!("\"hooks.{}\" is no list", event.name)),
        }
    }
    Ok(document.to_string())
}

/// The text without our hooks, and without the trust that Codex kept of the hooks named by `states`.
///
/// # Errors
/// Why it cannot be edited, in words.
pub fn without(text: &str, states: &[String]) -> Result<String, String> {
    let mut document = read(text)?;
    let before = document.to_string();
    take_out(&mut document, |_, _| false)?;
    let mut gone = false;
    if let Some(hooks) = document.get_mut("hooks").and_then(Item::as_table_like_mut) {
        if let Some(all) = hooks.get_mut("state").and_then(Item::as_table_like_mut) {
            for key in states {
                gone |= all.remove(key).is_some();
            }
            if gone && all.is_empty() {
                hooks.remove("state");
            }
        }
        gone &= hooks.is_empty();
    }
    if gone {
        document.remove("hooks");
    }
    let after = document.to_string();
    // What is written anew may end its lines otherwise: a file without anything of ours stays as it is.
    if after == before {
        return Ok(text.to_owned());
    }
    Ok(if text.contains("\r\n") {
        after.replace("\r\n", "\n").replace('\n', "\r\n")
    } else {
        after
    })
}

/// What Codex keeps under `key` of the hooks' state.
pub fn state(document: &DocumentMut, key: &str) -> Option<State> {
    let entry = document.get("hooks")?.get("state")?.get(key)?;
    Some(State {
        hash: entry
            .get("trusted_hash")
            .and_then(Item::as_str)
            .map(str::to_owned),
        enabled: entry.get("enabled").and_then(Item::as_bool),
    })
}

/// Whether hooks of others stand in it.
pub fn has_others(document: &DocumentMut) -> bool {
    each(document)
        .iter()
        .any(|(_, command)| !is_ours(SHAPE.harness, command))
}

/// Where our hooks stand.
pub fn places(document: &DocumentMut) -> Vec<Place> {
    let ours = |(_, command): &(Place, String)| is_ours(SHAPE.harness, command);
    each(document)
        .into_iter()
        .filter(ours)
        .map(|(place, _)| place)
        .collect()
}

/// How many of the events call this very command.
pub fn installed(document: &DocumentMut, command: &str) -> usize {
    let all = each(document);
    let called = |event: &&Event| {
        all.iter()
            .any(|(place, c)| place.0 == event.name && c == command)
    };
    SHAPE.events.iter().filter(called).count()
}

/// Every handler with its command.
fn each(document: &DocumentMut) -> Vec<(Place, String)> {
    let hooks = document.get("hooks").and_then(Item::as_table_like);
    let mut found = Vec::new();
    for (event, groups) in hooks.into_iter().flat_map(TableLike::iter) {
        if event == "state" {
            continue;
        }
        for (i, group) in tables(groups).into_iter().enumerate() {
            let handlers = group.get("hooks").map(tables).unwrap_or_default();
            for (j, handler) in handlers.into_iter().enumerate() {
                let command = handler.get("command").and_then(Item::as_str);
                found.push((
                    (event.to_owned(), i, j),
                    command.unwrap_or_default().to_owned(),
                ));
            }
        }
    }
    found
}

/// The tables of a list, whichever way it is written.
fn tables(item: &Item) -> Vec<&dyn TableLike> {
    match item {
        Item::ArrayOfTables(tables) => tables.iter().map(|t| t as &dyn TableLike).collect(),
        Item::Value(Value::Array(values)) => values
            .iter()
            .filter_map(Value::as_inline_table)
            .map(|t| t as &dyn TableLike)
            .collect(),
        _ => Vec::new(),
    }
}

fn group_is_ours(group: &dyn TableLike) -> bool {
    let handlers = group.get("hooks").map(tables).unwrap_or_default();
    let ours = |handler: &&dyn TableLike| {
        let command = handler.get("command").and_then(Item::as_str);
        command.is_some_and(|command| is_ours(SHAPE.harness, command))
    };
    !handlers.is_empty() && handlers.iter().all(ours)
}

fn is_wanted(group: &dyn TableLike, event: &Event, command: &str) -> bool {
    let handlers = group.get("hooks").map(tables).unwrap_or_default();
    let [handler] = handlers.as_slice() else {
        return false;
    };
    group.get("matcher").is_none()
        && handler.get("command").and_then(Item::as_str) == Some(command)
        && handler.get("timeout").and_then(Item::as_integer) == Some(i64::from(event.timeout))
}

/// Takes our groups out where `keep` does not want them. A group that others follow leaves an empty
/// one, so that theirs keep their places.
fn take_out(
    document: &mut DocumentMut,
    mut keep: impl FnMut(&str, &dyn TableLike) -> bool,
) -> Result<(), String> {
    let Some(hooks) = document.get_mut("hooks") else {
        return Ok(());
    };
    let Some(hooks) = hooks.as_table_like_mut() else {
        return Err("\"hooks\" is no table".into());
    };
    let mut empty = Vec::new();
    for (event, groups) in hooks.iter_mut() {
        if event == "state" {
            continue;
        }
        let going: Vec<bool> = tables(groups)
            .into_iter()
            .map(|group| group_is_ours(group) && !keep(&event, group))
            .collect();
        if !going.contains(&true) {
            continue;
        }
        let stays = going.iter().rposition(|goes| !goes);
        for nth in (0..going.len()).rev().filter(|nth| going[*nth]) {
            let others_follow = stays.is_some_and(|stays| stays > nth);
            match groups {
                Item::ArrayOfTables(groups) if others_follow => {
                    if let Some(group) = groups.get_mut(nth) {
                        group.insert("hooks", value(Array::new()));
                    }
                }
                Item::ArrayOfTables(groups) => {
                    groups.remove(nth);
                }
                Item::Value(Value::Array(groups)) if others_follow => {
                    let mut group = InlineTable::new();
                    group.insert("hooks", Value::Array(Array::new()));
                    groups.replace(nth, group);
                }
                Item::Value(Value::Array(groups)) => {
                    groups.remove(nth);
                }
                _ => {}
            }
        }
        if stays.is_none() {
            empty.push(event.get().to_owned());
        }
    }
    for event in &empty {
        hooks.remove(event);
    }
    if !empty.is_empty() && hooks.is_empty() {
        document.remove("hooks");
    }
    Ok(())
}

fn hooks_are_inline(hooks: &dyn TableLike) -> bool {
    hooks
        .iter()
        .any(|(event, groups)| event != "state" && groups.is_value())
}

/// Our group as a table of its own.
fn group(event: &Event, command: &str) -> Table {
    let mut handler = Table::new();
    handler.insert("type", value("command"));
    handler.insert("command", value(command));
    handler.insert("timeout", value(i64::from(event.timeout)));
    let mut handlers = ArrayOfTables::new();
    handlers.push(handler);
    let mut group = Table::new();
    group.insert("hooks", Item::ArrayOfTables(handlers));
    group
}

/// Our group on one line.
fn inline(event: &Event, command: &str) -> InlineTable {
    let mut handler = InlineTable::new();
    handler.insert("type", "command".into());
    handler.insert("command", command.into());
    handler.insert("timeout", i64::from(event.timeout).into());
    let mut group = InlineTable::new();
    group.insert("hooks", Value::Array(Array::from_iter([handler])));
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMAND: &str = "/opt/aiworklab hook codex";
    const TABLES: &str = "# mine\nmodel = \"gpt-5.5\" # keep\n\n[[hooks.Stop]]\n[[hooks.Stop.hooks]]\ntype = \"command\"\ncommand = \"say done\"\n\n[projects.\"/a b\"]\ntrust_level = \"trusted\"\n";
    const INLINE: &str = "[hooks]\n  Stop = [ { hooks = [ { type = \"command\", command = \"say done\" } ] } ] # mine\n";

    #[test]
    fn hooks_come_and_go_and_every_other_byte_stays() {
        for text in [TABLES, INLINE] {
            let with_ours = with(text, COMMAND).unwrap();
            let document = read(&with_ours).unwrap();
            assert_eq!(
                installed(&document, COMMAND),
                SHAPE.events.len(),
                "{with_ours}"
            );
            assert!(
                places(&document).contains(&("Stop".into(), 1, 0)),
                "{with_ours}"
            );
            assert_eq!(
                with(&with_ours, COMMAND).unwrap(),
                with_ours,
                "twice is once"
            );
            assert_eq!(without(&with_ours, &[]).unwrap(), text);
        }
    }

    #[test]
    fn a_program_that_moved_is_called_where_it_is() {
        let old = with(TABLES, "'/old place/aiworklab' hook codex").unwrap();
        let new = with(&old, COMMAND).unwrap();
        assert!(!new.contains("old place"));
        assert_eq!(installed(&read(&new).unwrap(), COMMAND), SHAPE.events.len());
        assert_eq!(without(&new, &[]).unwrap(), TABLES);
    }

    #[test]
    fn the_trust_of_our_hooks_goes_and_that_of_others_stays() {
        let ours = "/c/hooks.json:stop:1:0".to_owned();
        let text = format!(
            "model = \"x\"\n\n[hooks.state]\n\n[hooks.state.\"/c/hooks.json:stop:0:0\"]\ntrusted_hash = \"sha256:00\"\n\n[hooks.state.\"{ours}\"]\ntrusted_hash = \"sha256:11\"\n"
        );
        let left = without(&text, std::slice::from_ref(&ours)).unwrap();
        assert!(
            left.contains("stop:0:0") && !left.contains("stop:1:0"),
            "{left}"
        );
        let alone = "model = \"x\"\n\n[hooks.state.\"/c/hooks.json:stop:1:0\"]\ntrusted_hash = \"sha256:11\"\n";
        assert_eq!(without(alone, &[ours]).unwrap(), "model = \"x\"\n");
    }

    #[test]
    fn others_that_follow_ours_keep_their_places() {
        let ours = with(TABLES, COMMAND).unwrap();
        let more = format!(
            "{ours}\n[[hooks.Stop]]\n[[hooks.Stop.hooks]]\ntype = \"command\"\ncommand = \"late\"\n"
        );
        let left = read(&without(&more, &[]).unwrap()).unwrap();
        let late = each(&left)
            .into_iter()
            .find(|(_, command)| command == "late");
        assert_eq!(late.unwrap().0, ("Stop".to_owned(), 2, 0), "{left}");
    }

    #[test]
    fn what_is_no_toml_is_refused_with_its_line() {
        let why = with("a = 1\nb = = 2\n", COMMAND).unwrap_err();
        assert!(why.contains("line 2"), "{why}");
        assert!(with("hooks = 1\n", COMMAND).is_err());
        assert!(with("[hooks]\nStop = 1\n", COMMAND).is_err());
    }
}
