//! The local model on the health page: how it stands, what it earned, what was made with it. It says
//! nothing of anybody, and only administrators see it.

use super::words::counted;
use crate::app::App;
use crate::model::Work;
use crate::model::standing::{Pack, Sandbox, Standing, tier_words};
use dashboard_web::pages::admin::{Area, AreaState, Fact, Need};
use kernel::items::Tier;

/// Restarts from which on somebody should look.
const MANY_RESTARTS: u64 = 5;

/// What an administrator has to do about it.
pub(super) fn need(app: &App, standing: &Standing) -> Option<Need> {
    let why = standing.failure()?;
    Some(Need {
        title: "The local model does not run".to_owned(),
        text: format!(
            "{}: {}. Checks are made without it until then, and everything else works. What helps: \
             {}.",
            why.code, why.text, why.fix
        ),
        link: None,
        command: Some(format!(
            "aiworklab-appliance model doctor --data-dir {}",
            app.config().data_dir.display()
        )),
    })
}

/// Two lines of the list of areas.
pub(super) fn areas(standing: &Standing, now: i64) -> [Area; 2] {
    let name = standing.name.as_deref().unwrap_or("The model");
    let (state, text) = match standing.state.as_str() {
        _ if !standing.is_set_up() => (
            AreaState::Off,
            "None is configured; checks are made without one".to_owned(),
        ),
        "off" | "down" => {
            let code = standing.why.as_ref().map_or("", |why| why.code.as_str());
            let text = format!("{name} does not run ({code}); checks are made without it");
            (AreaState::Care, text)
        }
        "starting" => (AreaState::Good, format!("{name} is being started")),
        _ if matches!(standing.work, Work::Measuring { .. }) && !is_degraded(standing) => (
            AreaState::Good,
            format!("{name} is being measured; until then checks are drawn at random"),
        ),
        _ if is_degraded(standing) => (
            AreaState::Care,
            format!("{name} runs with less of a sandbox than it should have"),
        ),
        _ => (
            AreaState::Good,
            format!("{name} {}", tier_words(standing.tier)),
        ),
    };
    [
        Area {
            name: "Model".to_owned(),
            state,
            text,
            seen_at: (state != AreaState::Off).then_some(now),
        },
        checks(standing, now),
    ]
}

fn checks(standing: &Standing, now: i64) -> Area {
    let (state, text) = match (&standing.trouble, &standing.pack) {
        (Some(trouble), _) => (
            AreaState::Care,
            format!("No new ones could be made ({})", trouble.code),
        ),
        (None, Some(pack)) => (
            AreaState::Good,
            format!(
                "{} on {} are made ahead",
                counted(pack.about.items as u64, "check", "checks"),
                counted(pack.about.concepts as u64, "concept", "concepts")
            ),
        ),
        (None, None) => (
            AreaState::Good,
            "They are made when the first device asks".to_owned(),
        ),
    };
    Area {
        name: "Checks".to_owned(),
        state,
        text,
        seen_at: Some(now),
    }
}

fn is_degraded(standing: &Standing) -> bool {
    standing
        .sandbox
        .as_ref()
        .is_some_and(|sandbox| sandbox.degraded)
}

/// Everything that is known.
pub(super) fn facts(standing: &Standing, shown: impl Fn(i64) -> String) -> Vec<Fact> {
    let set_up = standing.is_set_up();
    let name = standing.name.as_deref().filter(|_| set_up);
    let mut facts: Vec<Fact> = name
        .map(|name| fact("Model", None, vec![name.to_owned()]))
        .into_iter()
        .collect();
    facts.push(state(standing));
    if set_up && (standing.tier.is_some() || standing.failure().is_none()) {
        facts.push(tier(standing));
    }
    facts.extend(standing.sandbox.as_ref().map(sandbox));
    if set_up {
        facts.push(restarts(standing.restarts));
    }
    facts.extend(now(standing.work));
    facts.extend(standing.trouble.as_ref().map(|trouble| {
        let line = format!("{}: {}", trouble.code, sentence(&trouble.cause));
        fact(
            "Last attempt",
            Some((AreaState::Care, "Failed")),
            vec![line],
        )
    }));
    let pack = standing.pack.as_ref();
    facts.extend(pack.map(|pack| fact("Checks made ahead", None, pack_lines(pack, shown))));
    facts
}

fn fact(term: &str, mark: Option<(AreaState, &'static str)>, lines: Vec<String>) -> Fact {
    Fact {
        term: term.to_owned(),
        state: mark.map(|(state, _)| state),
        word: mark.map(|(_, word)| word),
        lines,
    }
}

fn state(standing: &Standing) -> Fact {
    let mut lines = Vec::new();
    let mark = match (standing.failure(), standing.worker) {
        _ if !standing.is_set_up() => (AreaState::Off, "Not set up"),
        (Some(why), _) => {
            lines.push(format!("{}: {}", why.code, sentence(&why.text)));
            lines.push(format!("What helps: {}", why.fix));
            (AreaState::Care, "Does not run")
        }
        (None, Some(worker)) => {
            lines.push(format!("Process {worker}"));
            lines.extend(standing.engine.clone());
            (AreaState::Good, "Runs")
        }
        (None, None) => (AreaState::Good, "Is being started"),
    };
    if let Some(seconds) = standing.retry_in_s {
        let when = counted(seconds, "second", "seconds");
        lines.push(format!("It is tried again after {when}"));
    }
    fact("State", Some(mark), lines)
}

fn tier(standing: &Standing) -> Fact {
    let words = tier_words(standing.tier);
    let mut lines = vec![match standing.tier {
        Some(Tier::Author) => format!("Author: it {words}"),
        Some(Tier::Ranker) => format!("Ranker: it {words}"),
        Some(Tier::None) => format!("None: it {words}"),
        None => format!("It {words}"),
    }];
    lines.extend(standing.measured.iter().map(|text| sentence(text)));
    fact("Tier", None, lines)
}

fn sandbox(sandbox: &Sandbox) -> Fact {
    let mut lines = Vec::new();
    let mark = match sandbox.degraded {
        true => {
            lines.push(
                "It runs without Landlock, as model.sandbox = \"allow-degraded\" allows".to_owned(),
            );
            (AreaState::Broken, "Degraded")
        }
        false => (AreaState::Good, "Whole"),
    };
    lines.extend(sandbox.lines.iter().map(|line| sentence(line)));
    fact("Sandbox", Some(mark), lines)
}

fn restarts(restarts: u64) -> Fact {
    let line = match restarts {
        0 => "Never since the appliance started".to_owned(),
        n => format!(
            "{} since the appliance started",
            counted(n, "time", "times")
        ),
    };
    let many = restarts >= MANY_RESTARTS;
    let mark = many.then_some((AreaState::Care, "Often"));
    fact("Started again", mark, vec![line])
}

fn now(work: Work) -> Option<Fact> {
    let line = match work {
        Work::Idle => return None,
        Work::Measuring { done, of } => format!("It is being measured: {done} of {of}"),
        Work::Making { done, of } => {
            format!("Checks are being made: {done} of {of} concepts done")
        }
    };
    Some(fact("Now", None, vec![line]))
}

fn pack_lines(pack: &Pack, shown: impl Fn(i64) -> String) -> Vec<String> {
    let about = &pack.about;
    let mut lines = vec![format!(
        "{} on {}, made on {}",
        counted(about.items as u64, "check", "checks"),
        counted(about.concepts as u64, "concept", "concepts"),
        shown(about.at)
    )];
    lines.push(match &about.model {
        Some(part) if about.chosen > 0 => format!(
            "{} of them chosen by {}",
            super::words::grouped(about.chosen as u64),
            part.name
        ),
        Some(part) => format!("{} had no say: it is at chance here", part.name),
        None => "Made without a model".to_owned(),
    });
    lines.push(format!("Version {}", pack.version));
    lines
}

/// With a capital letter, to stand alone.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::standing::{Counts, Why};

    fn standing(state: &str) -> Standing {
        Standing {
            server: 1,
            state: state.to_owned(),
            why: None,
            retry_in_s: None,
            worker: None,
            engine: None,
            name: Some("A model".to_owned()),
            sha256: None,
            tier: None,
            measured: None,
            sandbox: None,
            restarts: 0,
            counts: Counts::default(),
            work: Work::Idle,
            trouble: None,
            pack: None,
        }
    }

    fn text(facts: &[Fact]) -> String {
        facts
            .iter()
            .map(|fact| format!("{} {:?} {}\n", fact.term, fact.word, fact.lines.join("; ")))
            .collect()
    }

    #[test]
    fn a_degraded_sandbox_is_told_in_red_and_a_whole_one_is_not() {
        let mut standing = standing("ready");
        standing.sandbox = Some(Sandbox {
            degraded: true,
            lines: vec!["network: none".to_owned()],
            refused: Vec::new(),
        });
        let shown = text(&facts(&standing, |_| String::new()));
        assert!(shown.contains("Sandbox Some(\"Degraded\")"), "{shown}");
        assert_eq!(areas(&standing, 1)[0].state, AreaState::Care);
        standing.sandbox = Some(Sandbox {
            degraded: false,
            lines: vec!["network: none".to_owned()],
            refused: Vec::new(),
        });
        let shown = text(&facts(&standing, |_| String::new()));
        assert!(
            shown.contains("Sandbox Some(\"Whole\") Network: none"),
            "{shown}"
        );
        assert_eq!(areas(&standing, 1)[0].state, AreaState::Good);
    }

    #[test]
    fn why_it_is_down_stands_there_with_its_code_and_what_helps() {
        let mut standing = standing("down");
        standing.why = Some(Why {
            code: "L011".to_owned(),
            text: "its process ended: signal 9".to_owned(),
            fix: "look at the log".to_owned(),
        });
        standing.restarts = 51;
        let shown = text(&facts(&standing, |_| String::new()));
        for needed in [
            "L011: Its process ended",
            "What helps: look at the log",
            "Started again Some(\"Often\") 51 times",
        ] {
            assert!(shown.contains(needed), "{needed}: {shown}");
        }
        assert!(areas(&standing, 1)[0].text.contains("(L011)"));
    }

    #[test]
    fn a_wrong_file_keeps_it_off_and_needs_care() {
        let mut standing = standing("off");
        standing.why = Some(Why {
            code: "L003".to_owned(),
            text: "another digest".to_owned(),
            fix: "put it back".to_owned(),
        });
        assert_eq!(areas(&standing, 1)[0].state, AreaState::Care);
        let shown = text(&facts(&standing, |_| String::new()));
        assert!(
            shown.contains("State Some(\"Does not run\") L003"),
            "{shown}"
        );
    }

    #[test]
    fn no_model_is_no_trouble() {
        let mut standing = standing("off");
        standing.name = None;
        standing.why = Some(Why {
            code: "L001".to_owned(),
            text: "no model is configured".to_owned(),
            fix: String::new(),
        });
        let areas = areas(&standing, 1);
        assert_eq!(areas[0].state, AreaState::Off);
        assert_eq!(areas[1].state, AreaState::Good);
        let shown = text(&facts(&standing, |_| String::new()));
        assert!(
            !shown.contains("Started again") && !shown.contains("Tier"),
            "{shown}"
        );
    }
}
