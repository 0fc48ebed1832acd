//! The engineer's own model against servers on loopback that speak each provider's documented form, and
//! that misbehave.

mod double;
mod made;
mod talk;

use super::*;
use crate::home::Home;
use crate::store::{NewMention, Store};
use crate::world::still::Still;
use double::{Double, Reply};
use kernel::ids::Slug;
use serde_json::{Value, json};
use std::time::Duration;
use url::Url;

/// 2026-11-24T10:00:00Z.
const NOW: i64 = 1_795_514_400;
const CONCEPT: &str = "pg-advisory-locks";
const LINE: &str = "cur.execute(\"SELECT pg_advisory_lock(%s)\", (job_id,))";
const GOOD: &str =
    "In this piece job_id is given to pg_advisory_lock, and run_job works with job_id.";

/// No pauses to speak of, and a limit that a hanging server reaches soon.
fn hasty() -> Patience {
    Patience {
        pauses: [Duration::ZERO; 2],
        whole: Duration::from_millis(1_500),
        most_bytes: 64 * 1024,
        ..Patience::default()
    }
}

struct Desk {
    folder: tempfile::TempDir,
    world: Still,
    store: Store,
}

impl Desk {
    fn new() -> Self {
        let mut desk = Self {
            folder: tempfile::tempdir().unwrap(),
            world: Still::at(NOW),
            store: Store::in_memory(),
        };
        desk.meets(LINE, 7);
        desk.meets("run_job(job_id)", 8);
        desk.meets("conn = connect('postgres://app:hunter2@db/prod')", 6);
        desk
    }

    fn home(&self) -> Home {
        Home::at(self.folder.path().join("home"))
    }

    /// A line met, in one change of one file.
    fn meets(&mut self, line: &str, row: u32) {
        let concept = Slug::new(CONCEPT).unwrap();
        let mention = NewMention {
            at: self.world.now.get(),
            concept: &concept,
            detector: "d",
            strong: row == 7,
            diff: &[7; 32],
            file: "secret-project-locking.py",
            line,
            row: Some(row),
            confidence: 90,
            within: Some("def claim"),
        };
        self.store.write(|txn| txn.add_mention(&mention)).unwrap();
    }

    fn question(&mut self, config: &Config) -> Question {
        let world = &self.world;
        let concept = Slug::new(CONCEPT).unwrap();
        self.store
            .write(|txn| next_question(world, txn, config, Some(&concept)))
            .unwrap()
            .unwrap()
    }

    fn one(&mut self, config: &Config) -> crate::error::Result<Made> {
        let home = self.home();
        let concept = Slug::new(CONCEPT).unwrap();
        one(
            &self.world,
            &home,
            &mut self.store,
            config,
            Some(&concept),
            hasty(),
        )
    }
}

fn config(provider: Provider, url: &str) -> Config {
    Config {
        provider,
        model: "claude-x".to_owned(),
        url: Some(Url::parse(url).unwrap()),
        file: None,
        sha256: None,
        keyed: false,
        allow_http: false,
        calls_a_day: 20,
    }
}

/// What a provider says around a model's words.
fn around(provider: Provider, words: &Value) -> Value {
    match provider {
        Provider::Anthropic => json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
            "content": [{ "type": "tool_use", "id": "t", "name": "write_check", "input": words }],
            "stop_reason": "tool_use", "usage": { "input_tokens": 1, "output_tokens": 1 },
        }),
        Provider::Openai => json!({
            "id": "c", "object": "chat.completion", "model": "claude-x",
            "choices": [{ "index": 0, "finish_reason": "stop",
                "message": { "role": "assistant", "content": words.to_string() } }],
        }),
        Provider::Ollama => json!({
            "model": "claude-x", "done": true, "done_reason": "stop",
            "message": { "role": "assistant", "content": words.to_string() },
        }),
        Provider::Gguf => json!(null),
    }
}

fn good(provider: Provider) -> Reply {
    let words = json!({ "choice": 1, "said": GOOD });
    Reply::json(200, &around(provider, &words))
}

const NETWORKED: [Provider; 3] = [Provider::Anthropic, Provider::Openai, Provider::Ollama];
