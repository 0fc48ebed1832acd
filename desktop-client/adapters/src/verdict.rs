//! Whether a test run passed, told by its own last words.
//!
//! Codex's hooks carry a command's output and no exit code. What the runners print at the end is
//! fixed enough to be read: unittest, pytest, cargo, go, jest, vitest, mocha, node, bats and TAP.
//! The output is looked at and dropped.
//!
//! Invariant: a word of failure outweighs any word of success; where neither stands, nothing is said.

/// Lines at the end of an output that are looked at.
const LINES: usize = 60;
/// Longest line that is looked at, in bytes: a summary is short.
const LINE_BYTES: usize = 300;

/// What the end of an output says; `None` where it does not tell.
pub fn of_output(output: &str) -> Option<bool> {
    if let Some(code) = exit_code(output) {
        return Some(code == 0);
    }
    let mut verdict = None;
    for line in output.lines().rev().take(LINES) {
        if line.len() > LINE_BYTES {
            continue;
        }
        match of_line(plain(line).trim()) {
            Some(false) => return Some(false),
            Some(true) => verdict = Some(true),
            None => {}
        }
    }
    verdict
}

/// The code that some versions put above the output, between other lines of their own:
/// `Exit code: 1`, or `Process exited with code 1`, with `Wall time:` and then `Output:`.
pub fn exit_code(output: &str) -> Option<i64> {
    let head: Vec<&str> = output
        .lines()
        .take(8)
        .take_while(|line| *line != "Output:")
        .collect();
    let ours = head.iter().any(|line| line.starts_with("Wall time: "));
    let code = head.iter().find_map(|line| {
        line.strip_prefix("Exit code: ")
            .or_else(|| line.strip_prefix("Process exited with code "))
    });
    code.filter(|_| ours)?.trim().parse().ok()
}

/// A line without the colours of a terminal.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            let _ = rest.by_ref().find(char::is_ascii_alphabetic);
        } else {
            out.push(c);
        }
    }
    out
}

fn of_line(line: &str) -> Option<bool> {
    // cargo; go; unittest; bats and TAP
    if line.starts_with("test result: FAILED")
        || line.starts_with("error: test failed")
        || line.starts_with("error: could not compile")
        || line == "FAIL"
        || line.starts_with("FAIL\t")
        || line.starts_with("FAIL ")
        || line.starts_with("--- FAIL:")
        || line.starts_with("FAILED (")
        || line.starts_with("FAILED ")
        || line.starts_with("not ok ")
    {
        return Some(false);
    }
    if line.starts_with("test result: ok.")
        || line == "OK"
        || line.starts_with("OK (")
        || line == "PASS"
        || line.starts_with("ok  \t")
        || line.starts_with("ok \t")
    {
        return Some(true);
    }
    // node --test: "# fail 0", "ℹ fail 0"; mocha: "2 passing", "1 failing"
    if let Some(count) = line
        .strip_prefix("# fail ")
        .or_else(|| line.strip_prefix("ℹ fail "))
    {
        return count.trim().parse::<u64>().ok().map(|failed| failed == 0);
    }
    // pytest "== 1 failed, 2 passed in 0.1s ==", jest "Tests: 1 failed, 2 total", vitest "Tests  3 passed (3)"
    let summary = line.trim_matches(|c| c == '=' || c == ' ');
    let summary = summary
        .strip_prefix("Tests")
        .map_or(summary, |rest| rest.trim_start_matches([':', ' ']));
    let mut words = summary
        .split([' ', ',', '|', '(', ')'])
        .filter(|w| !w.is_empty());
    let first: u64 = words.next()?.parse().ok()?;
    let what = words.next()?;
    let mut verdict = counted(first, what);
    let rest: Vec<&str> = words.collect();
    for pair in rest.windows(2) {
        if let Some(found) = pair[0].parse().ok().and_then(|n| counted(n, pair[1])) {
            verdict = Some(verdict.unwrap_or(true) && found);
        }
    }
    verdict
}

fn counted(count: u64, what: &str) -> Option<bool> {
    match what {
        "passed" | "passing" if count > 0 => Some(true),
        "failed" | "failing" | "error" | "errors" => Some(count == 0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_of_test_runners_are_understood() {
        for (output, verdict) in [
            ("..\n-----\nRan 2 tests in 0.001s\n\nOK\n", Some(true)),
            ("Ran 2 tests in 0.001s\n\nOK (skipped=1)\n", Some(true)),
            (
                "F.\nRan 2 tests in 0.001s\n\nFAILED (failures=1)\n",
                Some(false),
            ),
            ("===== 3 passed in 0.02s =====", Some(true)),
            ("3 passed in 0.02s", Some(true)),
            (
                "FAILED test_a.py::test_b - assert 1 == 2\n1 failed, 2 passed in 0.1s",
                Some(false),
            ),
            ("==== 1 error in 0.1s ====", Some(false)),
            (
                "test result: ok. 3 passed; 0 failed; 0 ignored\n\ntest result: FAILED. 1 passed; 1 failed\n",
                Some(false),
            ),
            (
                "running 1 test\ntest result: ok. 1 passed; 0 failed\n",
                Some(true),
            ),
            (
                "ok  \texample.com/a\t0.01s\n--- FAIL: TestB (0.00s)\nFAIL\n",
                Some(false),
            ),
            (
                "ok  \texample.com/a\t0.01s\n?   \texample.com/b\t[no test files]\n",
                Some(true),
            ),
            ("Tests:       1 failed, 2 passed, 3 total\n", Some(false)),
            ("Tests:       3 passed, 3 total\nTime: 1 s\n", Some(true)),
            (
                " \u{1b}[2m Tests \u{1b}[22m \u{1b}[32m3 passed\u{1b}[39m (3)\n",
                Some(true),
            ),
            ("# tests 2\n# pass 1\n# fail 1\n", Some(false)),
            ("ℹ pass 2\nℹ fail 0\n", Some(true)),
            ("  2 passing (5ms)\n  1 failing\n", Some(false)),
            ("1..2\nok 1 a\nnot ok 2 b\n", Some(false)),
            (
                "Exit code: 1\nWall time: 0 seconds\nOutput:\nOK\n",
                Some(false),
            ),
            (
                "Exit code: 0\nWall time: 0 seconds\nOutput:\nSuccess.",
                Some(true),
            ),
            ("Exit code: 1\nsaid a program\n", None),
            ("abc1234 All tests passed\n", None),
            ("12 files changed\n", None),
            ("", None),
        ] {
            assert_eq!(of_output(output), verdict, "{output}");
        }
    }

    #[test]
    fn a_long_output_is_read_from_its_end() {
        let output = format!("FAILED (failures=1)\n{}OK\n", "a line\n".repeat(100_000));
        assert_eq!(of_output(&output), Some(true));
        assert_eq!(of_output(&"x".repeat(1 << 24)), None);
    }
}
