//! Other programs that the builder asks.

use crate::Error;
use std::path::Path;
use std::process::Command;

/// Runs a program in a folder and returns what it printed.
pub(crate) fn output(dir: &Path, program: &str, args: &[&str]) -> Result<String, Error> {
    let command = || format!("{program} {}", args.join(" "));
    let failed = |why: String| Error::Tool {
        command: command(),
        why,
    };
    let output = Command::new(program)
        .args(args)
        .current_dir(dir)
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(said.trim().to_owned()));
    }
    String::from_utf8(output.stdout).map_err(|_| failed("it did not print text".to_owned()))
}
