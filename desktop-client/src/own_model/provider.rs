//! The providers' own interfaces: what exactly is sent, and how what comes back is read.
//!
//! | provider | request | reply |
//! |---|---|---|
//! | Anthropic | `POST /v1/messages`, one tool that must be used | the tool's input |
//! | OpenAI and who speaks like it | `POST /chat/completions`, a JSON schema | the message's text |
//! | Ollama | `POST /api/chat`, a JSON schema, no stream | the message's text |
//!
//! Invariant: what is shown before is what is sent: both come from [`Request::new`], and the key is in
//! neither; it is put into its header when the request goes.

use super::ask::{self, Question, Said};
use super::config::{Config, Provider};
use super::error::Error;
use serde_json::{Value, json};
use url::Url;

/// Most tokens of a reply. Some models think aloud first, and that counts.
const TOKENS: u32 = 2_000;
/// The tool that Anthropic's models are made to use.
const TOOL: &str = "write_check";
/// The field of OpenAI's interface that says in which form the reply is to be.
const FORM: &str = "response_format";
/// Most characters of a provider's own words that are shown.
const SAID_CHARS: usize = 300;

/// A request, without its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Where it goes.
    pub url: Url,
    /// Its headers, in order, without the key's.
    pub headers: Vec<(&'static str, String)>,
    /// The header that the key goes into, and what stands before it there.
    pub key: Option<(&'static str, &'static str)>,
    /// Its body, byte for byte.
    pub body: Vec<u8>,
}

impl Request {
    /// The request that asks this; `None` where the model is a file and nothing is sent.
    pub fn new(config: &Config, question: &Question) -> Option<Self> {
        let base = config.url.as_ref()?;
        let (system, user, model) = (&question.system, &question.user, &config.model);
        let messages = json!([
            { "role": "system", "content": system },
            { "role": "user", "content": user },
        ]);
        let mut headers = vec![("content-type", "application/json".to_owned())];
        let (path, key, body) = match config.provider {
            Provider::Anthropic => {
                headers.push(("anthropic-version", "2023-06-01".to_owned()));
                let body = json!({
                    "model": model,
                    "max_tokens": TOKENS,
                    "system": system,
                    "messages": [{ "role": "user", "content": user }],
                    "tools": [{
                        "name": TOOL,
                        "description": "Takes the number of the sentence and the text to stand above it.",
                        "input_schema": Question::schema(),
                    }],
                    "tool_choice": { "type": "tool", "name": TOOL },
                });
                ("v1/messages", ("x-api-key", ""), body)
            }
            Provider::Openai => {
                let body = json!({
                    "model": model,
                    "messages": messages,
                    "max_completion_tokens": TOKENS,
                    "response_format": {
                        "type": "json_schema",
                        "json_schema": { "name": TOOL, "strict": true, "schema": Question::schema() },
                    },
                });
                ("chat/completions", ("authorization", "Bearer "), body)
            }
            Provider::Ollama => {
                let body = json!({
                    "model": model,
                    "messages": messages,
                    "stream": false,
                    "format": Question::schema(),
                    "options": { "temperature": 0, "num_predict": TOKENS },
                });
                ("api/chat", ("authorization", "Bearer "), body)
            }
            Provider::Gguf => return None,
        };
        Some(Self {
            url: under(base, path),
            headers,
            key: config.keyed.then_some(key),
            // A value is written to memory: that cannot fail.
            body: serde_json::to_vec(&body).unwrap_or_default(),
        })
    }

    /// The same without the field that says in which form the reply is to be; `None`: it has none, or the
    /// provider cannot do without.
    ///
    /// The form is asked for in words, too, and what comes back is read as strictly.
    pub fn without_form(&self) -> Option<Self> {
        let mut body: Value = serde_json::from_slice(&self.body).ok()?;
        body.as_object_mut()?.shift_remove(FORM)?;
        Some(Self {
            body: serde_json::to_vec(&body).ok()?,
            ..self.clone()
        })
    }
}

/// Whether a refusal is about [`FORM`], which not every server that speaks like OpenAI knows.
pub fn is_about_form(status: u16, said: &str) -> bool {
    let said = said.to_lowercase();
    let names = [
        FORM,
        "response format",
        "json_schema",
        "json schema",
        "structured output",
    ];
    [400, 422].contains(&status) && names.iter().any(|name| said.contains(name))
}

/// The path below a base address, whether that ends with a slash or not.
fn under(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let joined = format!("{}/{path}", base.path().trim_end_matches('/'));
    url.set_path(&joined);
    url
}

/// Reads what came back with status 200.
///
/// # Errors
/// [`Error::Reply`] if it is not this provider's form, [`Error::Words`] if what the model wrote is not
/// what was asked for. Neither quotes anything of it.
pub fn read(config: &Config, host: &str, body: &[u8]) -> Result<Said, Error> {
    let wrong = |why: &str| Error::Reply {
        host: host.to_owned(),
        why: why.to_owned(),
    };
    let words = |why: &str| Error::Words {
        host: host.to_owned(),
        why: why.to_owned(),
    };
    let value: Value = serde_json::from_slice(body).map_err(|_| wrong("it is not JSON"))?;
    // Where the provider puts what the model wrote; whether that is anything, is the model's matter.
    let place = match config.provider {
        Provider::Anthropic => value["content"].is_array(),
        Provider::Openai => value["choices"][0]["message"].is_object(),
        Provider::Ollama => value["message"].is_object(),
        Provider::Gguf => false,
    };
    if !place {
        return Err(wrong("it has not the form that this provider's has"));
    }
    let text = match config.provider {
        Provider::Anthropic => {
            let blocks = value["content"].as_array().map(Vec::as_slice);
            let of = |kind: &str| {
                let blocks = blocks.unwrap_or_default();
                blocks.iter().find(|block| block["type"] == kind)
            };
            match (of("tool_use"), of("text")) {
                (Some(tool), _) => Some(tool["input"].to_string()),
                (None, Some(text)) => text["text"].as_str().map(str::to_owned),
                (None, None) => None,
            }
        }
        Provider::Openai => value["choices"][0]["message"]["content"]
            .as_str()
            .map(str::to_owned),
        Provider::Ollama => value["message"]["content"].as_str().map(str::to_owned),
        Provider::Gguf => None,
    };
    let text = text.ok_or_else(|| words("it wrote nothing"))?;
    ask::read(&text).map_err(words)
}

/// What a provider says when it refuses, for people: cut, on one line, and only what its own form has
/// a place for.
pub fn said(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let places = [
        &value["error"]["message"],
        &value["error"],
        &value["message"],
        &value["detail"],
    ];
    let text = places.into_iter().find_map(Value::as_str);
    let text = text.unwrap_or("it does not say why");
    // Some quote the key that they refuse.
    let safe: Vec<&str> = text
        .split_whitespace()
        .map(|word| {
            if super::secrets::looks_secret(word) || word.contains("**") {
                "…"
            } else {
                word
            }
        })
        .collect();
    crate::words::plain(&safe.join(" "))
        .chars()
        .take(SAID_CHARS)
        .collect()
}
