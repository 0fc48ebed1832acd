//! `config check` and `config show`.

use super::Context;
use super::failure::{Exit, Failure};
use crate::config::{Config, Overrides, read, value};
use serde::Serialize;

/// Says whether the configuration is valid, and whether the model that it names is there, is the
/// one that it names, and is sound.
pub(super) fn check(context: &Context) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Checked {
        valid: bool,
        file: String,
        exists: bool,
        model: Option<String>,
    }
    let path = context.data_dir.join(crate::config::FILE);
    let config = Config::load(
        &context.data_dir,
        &context.edges.environment,
        Overrides::default(),
    )?;
    let model = super::model::inspect(&config).map_err(|reason| {
        Failure::new(
            Exit::Config,
            reason.code(),
            format!("the model that [model] names cannot be used: {reason}"),
            crate::model::standing::fix(&reason),
        )
        .at(&path)
    })?;
    let exists = path.exists();
    let value = Checked {
        valid: true,
        file: path.display().to_string(),
        exists,
        model,
    };
    context.say(&value, || {
        let model = match &value.model {
            Some(model) => format!(" The model {model} is there and is the one that it names."),
            None => String::new(),
        };
        match exists {
            true => format!("{} is valid.{model}", value.file),
            false => format!(
                "{} does not exist: every key has its default.{model}",
                value.file
            ),
        }
    });
    Ok(())
}

#[derive(Serialize)]
struct Line {
    key: String,
    value: Option<serde_json::Value>,
    origin: String,
    variable: String,
    help: &'static str,
}

/// Prints every key with its value and origin.
pub(super) fn show(context: &Context) -> Result<(), Failure> {
    let config = Config::load(
        &context.data_dir,
        &context.edges.environment,
        Overrides::default(),
    )?;
    let lines: Vec<Line> = config
        .values
        .all()
        .into_iter()
        .map(|(section, key, setting)| Line {
            key: format!("{section}.{}", key.name),
            value: setting.map(|setting| match &setting.value {
                value::Value::Text(text) => text.clone().into(),
                value::Value::Integer(number) => (*number).into(),
                value::Value::List(items) => items.clone().into(),
            }),
            origin: setting.map_or_else(|| "not set".to_owned(), |s| s.origin.to_string()),
            variable: read::variable(&section, key.name),
            help: key.help,
        })
        .collect();
    context.say(&lines, || {
        let width = lines.iter().map(|line| line.key.len()).max().unwrap_or(0);
        let mut text = String::new();
        for line in &lines {
            let value = match &line.value {
                Some(value) => value.to_string(),
                None => "–".to_owned(),
            };
            text.push_str(&format!(
                "{:width$}  {value}  ({})\n",
                line.key, line.origin
            ));
        }
        text
    });
    Ok(())
}
