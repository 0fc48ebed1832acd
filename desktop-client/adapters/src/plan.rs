//! What a plan still has to do, whichever way a harness tells it.

use kernel::event::MAX_PLAN_BYTES;
use serde_json::Value;

/// Most steps that are kept of one plan.
const MAX_STEPS: usize = 200;

/// The steps of a list of objects that are not yet done; `text` names the step's own text. `None` if
/// it is no list.
pub fn open_steps(list: &Value, text: &str) -> Option<Vec<String>> {
    let steps = list.as_array()?.iter().filter_map(|step| {
        let status = step.get("status").and_then(Value::as_str);
        let done = matches!(status, Some("completed" | "cancelled" | "deleted"));
        step.get(text).and_then(Value::as_str).filter(|_| !done)
    });
    Some(bounded(steps))
}

/// The steps of a plan that was written as Markdown: its list items, else its lines. Ticked items,
/// headings and code are none.
pub fn steps_of_text(plan: &str) -> Vec<String> {
    let mut code = false;
    let lines: Vec<&str> = plan
        .lines()
        .map(str::trim)
        .filter(|line| {
            let fence = line.starts_with("```") || line.starts_with("~~~");
            code ^= fence;
            !fence && !code && !line.is_empty() && !line.starts_with('#')
        })
        .collect();
    let items = || lines.iter().filter_map(|line| item(line));
    if items().next().is_some() {
        bounded(items().filter_map(|item| {
            let item = item.strip_prefix("[ ]").unwrap_or(item).trim();
            let ticked = item.starts_with("[x]") || item.starts_with("[X]");
            (!ticked).then_some(item)
        }))
    } else {
        bounded(lines.into_iter())
    }
}

/// What stands behind a bullet or a number.
fn item(line: &str) -> Option<&str> {
    let bullet = ["- ", "* ", "+ "].iter().find_map(|b| line.strip_prefix(b));
    bullet.or_else(|| {
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
        let rest = rest.strip_prefix(['.', ')'])?.strip_prefix(' ')?;
        line.starts_with(|c: char| c.is_ascii_digit())
            .then_some(rest)
    })
}

/// Steps up to the most that an event holds; the rest is dropped.
pub fn bounded<'a>(steps: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut left = MAX_PLAN_BYTES;
    let kept = steps.map(str::trim).filter(|step| !step.is_empty());
    kept.take(MAX_STEPS)
        .map_while(|step| {
            left = left.checked_sub(step.len())?;
            Some(step.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_done_is_no_step_any_more() {
        let list = json!([{"step": "a", "status": "completed"}, {"step": "b", "status": "in_progress"},
            {"step": "c", "status": "inProgress"}, {"step": "d"}, {"other": 1}, 7]);
        assert_eq!(open_steps(&list, "step").unwrap(), ["b", "c", "d"]);
        assert_eq!(open_steps(&json!("a"), "step"), None);
    }

    #[test]
    fn a_written_plan_is_its_list_items() {
        let plan = "# Lock\n\nWhy it is done.\n\n1. Take a lock\n2. Test it\n   - [x] old\n   - [ ] new\n```\n- not this\n```\n";
        assert_eq!(steps_of_text(plan), ["Take a lock", "Test it", "new"]);
        assert_eq!(
            steps_of_text("First this.\nThen that."),
            ["First this.", "Then that."]
        );
    }

    #[test]
    fn a_plan_is_bounded() {
        let steps = vec!["x".repeat(1000); 1000];
        let kept = bounded(steps.iter().map(String::as_str));
        assert!(kept.iter().map(String::len).sum::<usize>() <= MAX_PLAN_BYTES);
        assert_eq!(bounded(std::iter::repeat_n("a", 100_000)).len(), MAX_STEPS);
    }
}
