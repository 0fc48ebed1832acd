//! A stored row three ways: as it is stored, in words, and as an event of the timeline.

use crate::pages::me::{Answer, Kind, StoredDelta, StoredRow};
use crate::shell::Shell;
use crate::states::State;
use crate::words;

/// The row as it is stored, field by field: place, slug, kind, outcome, form, transition, hour.
pub(super) fn stored(row: &StoredRow) -> String {
    let Some(delta) = &row.delta else {
        return format!("{} gone", row.index);
    };
    let (kind, answer) = match &delta.kind {
        Kind::Seen => ("seen", None),
        Kind::Check(answer) => ("check", Some(answer)),
        Kind::Probe(answer) => ("probe", Some(answer)),
        Kind::Retract => ("retract", None),
        Kind::Other(word) => (word.as_str(), None),
    };
    let mut parts = vec![
        row.index.to_string(),
        delta.concept.clone(),
        kind.to_owned(),
    ];
    if let Some(Answer { pass, form }) = answer {
        parts.push(if *pass { "pass" } else { "fail" }.to_owned());
        parts.push(form.clone());
    }
    if let Some((from, to)) = delta.transition {
        parts.push(format!("{}→{}", from.word(), to.word()));
    }
    parts.push(delta.at.to_string());
    parts.join(" ")
}

/// What the row says, in words.
pub(super) fn in_words(row: &StoredRow, shell: &Shell) -> String {
    let Some(delta) = &row.delta else {
        return "An emptied place: what stood here was forgotten or refused, and is removed."
            .to_owned();
    };
    let what = delta
        .title
        .as_deref()
        .map_or_else(|| delta.concept.clone(), words::mid_sentence);
    let when = words::hour(delta.at, shell.now);
    match &delta.kind {
        Kind::Seen => format!("You met {what} on {when}."),
        Kind::Check(a) => format!("You {} a check on {what} on {when}.", passed(a.pass)),
        Kind::Probe(a) => format!(
            "You {} a check on {what} that was held back to measure, on {when}.",
            passed(a.pass)
        ),
        Kind::Retract if delta.concept == "*" => {
            format!("You had everything up to then forgotten, on {when}.")
        }
        Kind::Retract => format!("You had {what} forgotten, with all up to then, on {when}."),
        Kind::Other(word) => {
            format!("A row of the kind {word}, which this version does not know, of {when}.")
        }
    }
}

fn passed(pass: bool) -> &'static str {
    if pass { "passed" } else { "missed" }
}

/// The event, after the concept's slug.
pub(super) fn told(delta: &StoredDelta) -> String {
    let (from, to) = delta.transition.unwrap_or((State::Unknown, State::Unknown));
    match &delta.kind {
        Kind::Seen if from == State::Unknown => ", seen for the first time".to_owned(),
        Kind::Seen => ", seen again".to_owned(),
        Kind::Check(a) | Kind::Probe(a) if a.pass => match (from, to) {
            (State::Demonstrated, State::Retained) => {
                " passed unaided. It has held for three weeks or more, so it is now retained."
                    .to_owned()
            }
            (_, State::Demonstrated) if from != to => {
                " passed unaided. It is now demonstrated.".to_owned()
            }
            (_, State::Learning) => {
                " passed once. Another pass in a row makes it demonstrated.".to_owned()
            }
            (_, to) => format!(" passed unaided. It stays {}.", to.word()),
        },
        Kind::Check(_) | Kind::Probe(_) => match (from, to) {
            (_, State::Lapsed) if from.known() => {
                format!(" missed. It was {} before.", from.word())
            }
            (_, to) => format!(" missed. It is {}.", to.word()),
        },
        Kind::Retract => ", forgotten at your word".to_owned(),
        Kind::Other(word) => format!(", {word}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(kind: Kind, from: State, to: State) -> StoredDelta {
        StoredDelta {
            concept: "http-etag".to_owned(),
            title: Some("ETags".to_owned()),
            kind,
            transition: Some((from, to)),
            at: 1_795_453_200,
        }
    }

    fn row(delta: Option<StoredDelta>) -> StoredRow {
        StoredRow {
            stream: "00".repeat(16),
            index: 41,
            delta,
        }
    }

    #[test]
    fn a_stored_row_shows_every_field_that_is_stored() {
        let answer = Answer {
            pass: true,
            form: "choice4".to_owned(),
        };
        let check = delta(Kind::Check(answer), State::Demonstrated, State::Retained);
        assert_eq!(
            stored(&row(Some(check))),
            "41 http-etag check pass choice4 demonstrated→retained 1795453200"
        );
        assert_eq!(stored(&row(None)), "41 gone");
        let mut retract = delta(Kind::Retract, State::Unknown, State::Unknown);
        retract.transition = None;
        assert_eq!(
            stored(&row(Some(retract))),
            "41 http-etag retract 1795453200"
        );
    }

    #[test]
    fn a_missed_check_is_told_without_blame() {
        let answer = Answer {
            pass: false,
            form: "choice4".to_owned(),
        };
        assert_eq!(
            told(&delta(
                Kind::Check(answer.clone()),
                State::Demonstrated,
                State::Lapsed
            )),
            " missed. It was demonstrated before."
        );
        assert_eq!(
            told(&delta(Kind::Check(answer), State::Seen, State::Learning)),
            " missed. It is learning."
        );
    }
}
