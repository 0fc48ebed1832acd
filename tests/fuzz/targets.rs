//! What is fuzzed: everything that reads bytes of others. `make fuzz` gives these functions inputs
//! of its own; `make test` gives them the corpus and what was found before.
//!
//! Each one panics where the product would break a promise; otherwise it returns.

use adapters::Read;
use kernel::catalogue::Catalogue;
use kernel::delta::Delta;
use kernel::event::{Act, Event, Harness, MAX_FILES};
use kernel::items::Pack;
use kernel::tagging::{Mention, Place, SourceChange, Tagged, Tagger};
use kernel::wire::v1;
use serde::{Serialize, de::DeserializeOwned};

/// A harness's payload: the first byte says whose it is, and whether it was cut.
pub fn event(bytes: &[u8]) {
    let Some((head, payload)) = bytes.split_first() else {
        return;
    };
    let harness = Harness::ALL[usize::from(*head) % Harness::ALL.len()];
    let Read::Event(event) = adapters::read(harness, payload, head & 0x80 != 0) else {
        return;
    };
    shown(&event, payload);
    for part in Tagger::builtin().tag_event(&event) {
        let change = match (&event.act, part.place) {
            (Act::Changed(changes), Place::File(at)) => changes.get(at),
            _ => None,
        };
        sound(&part.tagged, change);
    }
}

/// Nothing long of a payload is in what could be logged.
fn shown(event: &Event, payload: &[u8]) {
    let shown = format!("{:?}", event.act);
    assert!(shown.len() < 200, "a log line of {} bytes", shown.len());
    if let Act::Changed(changes) = &event.act {
        assert!(changes.len() <= MAX_FILES);
        for change in changes {
            let name = change.file_name();
            assert!(!name.starts_with('/'), "a whole path: {} bytes", name.len());
            assert!(name.len() <= payload.len() + 64);
        }
    }
}

/// A unified diff, and the tags of its files.
pub fn diff(bytes: &[u8]) {
    let Ok(diff) = kernel::diff::read(bytes) else {
        return;
    };
    for file in &diff.files {
        if let Ok(change) = &file.change {
            sound(&kernel::tagging::tag(change), Some(change));
        }
    }
}

/// A mention names an added line and a concept of the catalogue.
fn sound(tagged: &Tagged, change: Option<&SourceChange>) {
    for Mention { concept, line, .. } in &tagged.mentions {
        assert!(Catalogue::builtin().get(concept).is_some());
        if let Some(change) = change {
            assert!(
                change.added_line(*line).is_some(),
                "line {line} was not added"
            );
        }
    }
}

/// What travels between a client and an appliance, in both directions.
pub fn wire(bytes: &[u8]) {
    if let Some(push) = there_and_back::<v1::Push>(bytes) {
        for delta in &push.deltas {
            let _ = delta.fields();
        }
    }
    there_and_back::<v1::PushReply>(bytes);
    there_and_back::<v1::Pull>(bytes);
    there_and_back::<v1::ErrorReply>(bytes);
    there_and_back::<v1::SignedPack>(bytes);
    if let Some(reply) = there_and_back::<v1::PullReply>(bytes) {
        for pulled in reply.deltas {
            // A delta of a later version is kept verbatim: its hash may not change on the way.
            let delta = Delta::from_object(pulled.delta);
            let again = Delta::from_object(delta.to_object());
            assert_eq!(delta, again);
            assert_eq!(delta.canonical(), again.canonical());
        }
    }
    let _ = Pack::from_bytes(bytes);
}

/// What is read and written again reads the same.
fn there_and_back<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(
    bytes: &[u8],
) -> Option<T> {
    let read: T = serde_json::from_slice(bytes).ok()?;
    let written = serde_json::to_vec(&read).expect("what was read can be written");
    let again: T = serde_json::from_slice(&written).expect("what was written can be read");
    assert_eq!(read, again);
    Some(read)
}
