//! Every table of the store as JSON, for the engineer to take along.
//!
//! Tables and columns are read off the schema itself, so that none is left out by being new. What is not
//! about the person, or opens something, is left out by name and with a reason.

use super::{HASH_KEY, Txn};
use crate::error::{Doing, Result};
use rusqlite::types::ValueRef;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const DOING: &str = "read your graph for its export";

/// Tables whose rows are left out, and why. They are counted all the same.
pub const LEFT_OUT: [(&str, &str); 2] = [
    (
        "pack_item",
        "questions made by the appliance for everybody; nothing in them is about you",
    ),
    (
        "seat",
        "hashes that mark this folder of this machine, so that a copy is noticed",
    ),
];

/// Facts that are left out: a key, in a store of an older release.
const SECRET_FACTS: [&str; 1] = [HASH_KEY];

/// Columns whose text is JSON, and is given as such.
const JSON: [(&str, &str); 5] = [
    ("delta", "body"),
    ("aside", "body"),
    ("ask", "item"),
    ("claim", "body"),
    ("own_item", "item"),
];

impl Txn<'_> {
    fn tables(&self) -> Result<Vec<String>> {
        let mut statement = self
            .inner
            .prepare(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
                 ORDER BY name",
            )
            .doing(DOING)?;
        let rows = statement.query_map([], |row| row.get(0)).doing(DOING)?;
        rows.collect::<rusqlite::Result<_>>().doing(DOING)
    }

    /// Rows of each table, by its name.
    pub fn row_counts(&self) -> Result<BTreeMap<String, u64>> {
        let mut counts = BTreeMap::new();
        for table in self.tables()? {
            let n: i64 = self
                .inner
                .query_row(
                    &format!("SELECT count(*) FROM {}", quoted(&table)),
                    [],
                    |r| r.get(0),
                )
                .doing(DOING)?;
            counts.insert(table, u64::try_from(n).unwrap_or(0));
        }
        Ok(counts)
    }

    /// Every row of every table but [`LEFT_OUT`], by the table's name.
    pub fn export(&self) -> Result<BTreeMap<String, Vec<Value>>> {
        let mut all = BTreeMap::new();
        for table in self.tables()? {
            if LEFT_OUT.iter().all(|(name, _)| *name != table) {
                let rows = self.rows_for_export(&table).doing(DOING)?;
                all.insert(table, rows);
            }
        }
        Ok(all)
    }

    fn rows_for_export(&self, table: &str) -> rusqlite::Result<Vec<Value>> {
        let mut statement = self
            .inner
            .prepare(&format!("SELECT * FROM {}", quoted(table)))?;
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut rows = statement.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let mut object = Map::new();
            for (place, column) in columns.iter().enumerate() {
                let value = value(table, column, row.get_ref(place)?);
                object.insert(column.clone(), value);
            }
            let name = object.get("name").and_then(Value::as_str);
            if table == "fact" && name.is_some_and(|name| SECRET_FACTS.contains(&name)) {
                continue;
            }
            found.push(Value::Object(object));
        }
        Ok(found)
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn value(table: &str, column: &str, value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => json!(number),
        ValueRef::Real(number) => json!(number),
        ValueRef::Blob(bytes) => json!(hex::encode(bytes)),
        ValueRef::Text(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            if JSON.contains(&(table, column))
                && let Ok(parsed) = serde_json::from_str(&text)
            {
                return parsed;
            }
            json!(text)
        }
    }
}
