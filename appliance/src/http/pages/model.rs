//! The local model on the health page: how it stands, what it earned, what was made with it. It says
//! nothing of anybody, and only administrators see it.

use super::words::counted;
use crate::app::App;
use crate::model::Work;
use crate::model::standing::{Pack, Standing, tier_words};
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
    let mut facts = Vec::new();
    let mut add = |term: &str, state, lines: Vec<String>| {
        facts.push(Fact {
            term: term.to_owned(),
            state,
            lines,
        });
    };
    let one = |line: &str| vec![line.to_owned()];
    let set_up = standing.is_set_up();
    if let Some(name) = standing.name.as_deref().filter(|_| set_up) {
        add("Model", None, one(name));
    }
    add("State", Some(state_of(standing)), state_lines(standing));
    if set_up {
        let words = tier_words(standing.tier);
        let mut lines = vec![match standing.tier {
            Some(Tier::Author) => format!("Author: it {words}"),
            Some(Tier::Ranker) => format!("Ranker: it {words}"),
            Some(Tier::None) => format!("None: it {words}"),
            None => format!("It {words}"),
        }];
        lines.extend(standing.measured.iter().map(|text| sentence(text)));
        add("Tier", None, lines);
    }
    if let Some(sandbox) = &standing.sandbox {
        let state = match sandbox.degraded {
            true => AreaState::Broken,
            false => AreaState::Good,
        };
        let mut lines = Vec::new();
        if sandbox.degraded {
            lines.push(
                "Degraded: it runs without Landlock, as model.sandbox = \"allow-degraded\" allows"
                    .to_owned(),
            );
        }
        lines.extend(sandbox.lines.iter().map(|line| sentence(line)));
        add("Sandbox", Some(state), lines);
    }
    if set_up {
        let state = (standing.restarts >= MANY_RESTARTS).then_some(AreaState::Care);
        let restarts = match standing.restarts {
            0 => "Never since the appliance started".to_owned(),
            n => format!(
                "{} since the appliance started",
                counted(n, "time", "times")
            ),
        };
        add("Started again", state, vec![restarts]);
    }
    match standing.work {
        Work::Idle => {}
        Work::Measuring { done, of } => {
            add(
                "Now",
                None,
                vec![format!("It is being measured: {done} of {of}")],
            );
        }
        Work::Making { done, of } => {
            let line = format!("Checks are being made: concept {done} of {of}");
            add("Now", None, vec![line]);
        }
    }
    if let Some(trouble) = &standing.trouble {
        let line = format!("{}: {}", trouble.code, sentence(&trouble.cause));
        add("Last attempt", Some(AreaState::Care), vec![line]);
    }
    if let Some(pack) = &standing.pack {
        add("Checks made ahead", None, pack_lines(pack, shown));
    }
    facts
}

fn state_of(standing: &Standing) -> AreaState {
    match (standing.is_set_up(), standing.failure()) {
        (false, _) => AreaState::Off,
        (true, Some(_)) => AreaState::Care,
        (true, None) => AreaState::Good,
    }
}

fn state_lines(standing: &Standing) -> Vec<String> {
    let mut lines = Vec::new();
    match (&standing.why, standing.worker) {
        // "Not set up" says it.
        _ if !standing.is_set_up() => {}
        (Some(why), _) => {
            lines.push(format!("{}: {}", why.code, sentence(&why.text)));
            lines.push(format!("What helps: {}", why.fix));
        }
        (None, Some(worker)) => lines.push(format!("It runs, as process {worker}")),
        (None, None) => lines.push("It is being started".to_owned()),
    }
    if let Some(seconds) = standing.retry_in_s {
        lines.push(format!(
            "It is tried again in {}",
            counted(seconds, "second", "seconds")
        ));
    }
    lines
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
    use crate::model::standing::{Counts, Sandbox, Why};

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
            .map(|fact| format!("{} {:?} {}\n", fact.term, fact.state, fact.lines.join("; ")))
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
        assert!(shown.contains("Sandbox Some(Broken) Degraded"), "{shown}");
        assert_eq!(areas(&standing, 1)[0].state, AreaState::Care);
        standing.sandbox = Some(Sandbox {
            degraded: false,
            lines: vec!["network: none".to_owned()],
            refused: Vec::new(),
        });
        let shown = text(&facts(&standing, |_| String::new()));
        assert!(
            shown.contains("Sandbox Some(Good) Network: none"),
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
            "Started again Some(Care) 51 times",
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
        assert!(shown.contains("State Some(Care) L003"), "{shown}");
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
