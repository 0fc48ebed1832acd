//! Mending JSON that was cut in the middle: what stands before the cut is kept, and closed.

/// The longest beginning of `text` that can be closed to a JSON value, closed.
///
/// A string that is cut stays, shortened; a key without its value, a number and a word that are cut
/// go. `None` if nothing is left. The result may still be no JSON if the beginning was none.
pub fn mend(text: &[u8]) -> Option<Vec<u8>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Expect {
        Key,
        Colon,
        Value,
        Comma,
    }
    let mut open: Vec<u8> = Vec::new();
    let mut expect = Expect::Value;
    // What can be kept if nothing more follows: a length, and how many closers it needs.
    let mut safe = (0, 0);
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            b'"' => {
                let Some(end) = string_end(text, at) else {
                    if expect == Expect::Value {
                        let mut kept = text[..string_stop(text, at)].to_vec();
                        kept.push(b'"');
                        kept.extend(open.iter().rev());
                        return Some(kept);
                    }
                    break;
                };
                at = end;
                if expect == Expect::Key {
                    expect = Expect::Colon;
                } else {
                    expect = Expect::Comma;
                    safe = (at, open.len());
                }
            }
            bracket @ (b'{' | b'[') => {
                at += 1;
                open.push(if bracket == b'{' { b'}' } else { b']' });
                expect = if bracket == b'{' {
                    Expect::Key
                } else {
                    Expect::Value
                };
                safe = (at, open.len());
            }
            b'}' | b']' => {
                at += 1;
                open.pop()?;
                expect = Expect::Comma;
                safe = (at, open.len());
                if open.is_empty() {
                    break;
                }
            }
            b':' => {
                at += 1;
                expect = Expect::Value;
            }
            b',' => {
                at += 1;
                expect = if open.last() == Some(&b'}') {
                    Expect::Key
                } else {
                    Expect::Value
                };
            }
            _ => {
                let rest = &text[at..];
                let word = rest
                    .iter()
                    .position(|b| matches!(b, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n'));
                let Some(length) = word else { break };
                at += length;
                expect = Expect::Comma;
                safe = (at, open.len());
            }
        }
    }
    let (length, closers) = safe;
    if length == 0 {
        return None;
    }
    let mut kept = text[..length].to_vec();
    kept.extend(open[..closers.min(open.len())].iter().rev());
    Some(kept)
}

/// Where the string that begins at `from` ends, if it does.
fn string_end(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from + 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// Where a string that does not end can be cut: before a broken escape or a broken character.
fn string_stop(text: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    let mut stop = at;
    while at < text.len() {
        let step = match text[at] {
            b'\\' if text.get(at + 1) == Some(&b'u') => {
                // A surrogate pair is twelve bytes, and half of one is no character.
                let high = text
                    .get(at + 2)
                    .is_some_and(|b| b.eq_ignore_ascii_case(&b'd'))
                    && text.get(at + 3).is_some_and(|b| {
                        matches!(b.to_ascii_lowercase(), b'8' | b'9' | b'a' | b'b')
                    });
                if high { 12 } else { 6 }
            }
            b'\\' => 2,
            byte => match byte.leading_ones() {
                0 => 1,
                ones @ 2..=4 => ones as usize,
                _ => 1,
            },
        };
        at += step;
        if at <= text.len() {
            stop = at;
        }
    }
    stop
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn mended(text: &str) -> Option<Value> {
        mend(text.as_bytes()).and_then(|bytes| serde_json::from_slice(&bytes).ok())
    }

    #[test]
    fn what_stands_before_the_cut_is_kept() {
        let whole = r#"{"a":"one","b":{"c":[1,true,"tw"#;
        assert_eq!(
            mended(whole),
            Some(json!({"a": "one", "b": {"c": [1, true, "tw"]}}))
        );
        assert_eq!(mended(r#"{"a":"one","b":tr"#), Some(json!({"a": "one"})));
        assert_eq!(mended(r#"{"a":"one","b""#), Some(json!({"a": "one"})));
        assert_eq!(mended(r#"{"a":"one","b"#), Some(json!({"a": "one"})));
        assert_eq!(mended(r#"{"a":12"#), Some(json!({})));
        assert_eq!(mended(""), None);
    }

    #[test]
    fn a_cut_in_an_escape_or_a_character_takes_only_that() {
        assert_eq!(mended(r#"{"a":"x\"#), Some(json!({"a": "x"})));
        assert_eq!(mended(r#"{"a":"x\u00"#), Some(json!({"a": "x"})));
        assert_eq!(mended(r#"{"a":"x\ud83d\ude"#), Some(json!({"a": "x"})));
        let bytes = "{\"a\":\"xä".as_bytes();
        let kept = mend(&bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&kept).unwrap(),
            json!({"a": "x"})
        );
    }

    #[test]
    fn wherever_a_real_payload_is_cut_the_rest_is_json() {
        let whole = r#"{"session_id":"s","tool_input":{"edits":[{"old":"a\n\"é😀\u00e9","new":"b"},{"n":-1.5e3}]},"ok":null}"#;
        for cut in 1..whole.len() {
            let kept = mend(&whole.as_bytes()[..cut]).unwrap();
            assert!(
                serde_json::from_slice::<Value>(&kept).is_ok(),
                "cut at {cut}: {kept:?}"
            );
        }
    }
}
