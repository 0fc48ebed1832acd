//! Whatever is wrong gets an error that names what and the fix, and leaves nothing half-written; and
//! the harness is never stopped by us, whatever breaks.

mod administrators;
mod disk;
mod hooks;
mod people;
mod pushes;

use harness::{Appliance, Device, Laptop, Page, Program, program, run};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

fn json_of(page: &Page) -> Value {
    serde_json::from_str(&page.body).unwrap_or_else(|error| panic!("{error}: {}", page.body))
}

/// A refused command's error as `--json` gives it.
fn failure(command: &mut Command) -> Value {
    let output = run(command, b"");
    assert_ne!(output.status, 0, "{output:?}");
    let line = output.stderr.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn of_appliance(args: &[&str], data: &Path) -> Command {
    let mut command = Command::new(program(Program::Appliance));
    command
        .args(args)
        .arg("--data-dir")
        .arg(data)
        .env_clear()
        .env("PATH", "/usr/bin:/bin");
    command
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

struct Enrolled {
    appliance: Appliance,
    laptop: Laptop,
    device: Device,
    hour: i64,
}

fn enrolled() -> Enrolled {
    let appliance = Appliance::start();
    let laptop = Laptop::new();
    laptop.enrol(&appliance, &mut appliance.signed_in(None), "a-laptop");
    let device = laptop.device(&appliance);
    let pulled = json_of(&device.json("POST", "/v1/sync/pull", r#"{"have":{},"limit":1}"#));
    let hour = pulled["now"].as_i64().expect("a time").div_euclid(3600) * 3600;
    Enrolled {
        appliance,
        laptop,
        device,
        hour,
    }
}

const STREAM: &str = "00112233445566778899aabbccddeeff";

fn seen(i: u64, concept: &str, at: i64) -> Value {
    json!({ "i": i, "c": concept, "k": "seen", "f": "unknown", "t": "seen", "at": at })
}

fn push(base: u64, deltas: &[Value]) -> Value {
    json!({ "v": 1, "stream": STREAM, "base": base, "catalogue": 1, "deltas": deltas })
}

/// The stream's head, as the appliance has it.
fn head(device: &Device) -> u64 {
    let reply = json_of(&device.json("POST", "/v1/sync/pull", r#"{"have":{},"limit":1000}"#));
    reply["streams"][STREAM]["head"].as_u64().unwrap_or(0)
}
