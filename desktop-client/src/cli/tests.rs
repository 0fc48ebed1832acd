use super::*;
use clap::CommandFactory;

/// Commands that print something and have no `--json`, with the reason.
const PLAIN: [(&str, &str); 3] = [
    (
        "hook",
        "a harness reads it: what it prints is that harness's own JSON",
    ),
    ("completions", "a shell reads it"),
    ("man", "man reads it; with a folder it writes files"),
];

fn walk(path: &str, command: &clap::Command, found: &mut dyn FnMut(&str, &clap::Command)) {
    let mut below = command.get_subcommands().peekable();
    if below.peek().is_none() {
        return found(path, command);
    }
    for command in below {
        let path = format!("{path} {}", command.get_name());
        walk(path.trim(), command, found);
    }
}

#[test]
fn the_tree_of_commands_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_prints_json_or_says_why_not() {
    let mut without = Vec::new();
    walk("", &Cli::command(), &mut |path, command| {
        if !command
            .get_arguments()
            .any(|arg| arg.get_long() == Some("json"))
        {
            without.push(path.to_owned());
        }
    });
    let known: Vec<_> = PLAIN.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(without, known);
}

#[test]
fn every_command_and_every_argument_has_a_help_text() {
    walk("", &Cli::command(), &mut |path, command| {
        let about = command.get_about().map(ToString::to_string);
        assert!(about.is_some_and(|text| !text.is_empty()), "{path}");
        for arg in command.get_arguments() {
            let built_in = matches!(arg.get_id().as_str(), "help" | "version" | "json");
            assert!(
                built_in || arg.get_help().is_some(),
                "{path}: {}",
                arg.get_id()
            );
        }
    });
}

#[test]
fn the_manual_says_what_each_command_prints_as_json() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../airgap-docs/src/json.md");
    let page = std::fs::read_to_string(page).unwrap();
    walk("", &Cli::command(), &mut |path, _| {
        assert!(page.contains(&format!("`{path}`")), "{path}");
    });
}

#[test]
fn every_shell_completes_commands_and_concepts() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let Ok(Cli {
            command: Command::Completions(wish),
        }) = Cli::try_parse_from(["aiworklab", "completions", shell])
        else {
            panic!("{shell}");
        };
        let mut out = Vec::new();
        shell::completions(&wish, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("what-leaves"), "{shell}");
        // PowerShell's completer knows no values of arguments.
        assert!(
            shell == "powershell" || text.contains("pg-advisory-locks"),
            "{shell}"
        );
    }
}

#[test]
fn there_is_a_man_page_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("man1");
    let wish = shell::Man {
        dir: Some(dir.clone()),
    };
    shell::man(&wish, &mut Vec::new()).unwrap();
    walk("", &Cli::command(), &mut |path, _| {
        let page = dir.join(format!("aiworklab-{}.1", path.replace(' ', "-")));
        assert!(page.exists(), "{}", page.display());
    });
}

#[test]
fn a_line_that_cannot_be_parsed_is_told_like_every_other_error() {
    let wrong = Cli::try_parse_from(["aiworklab", "set", "--jsn"]).unwrap_err();
    let told = usage(&wrong);
    assert_eq!(told["error"]["code"], "usage");
    assert!(
        told["error"]["what"]
            .as_str()
            .is_some_and(|what| what.contains("--jsn"))
    );
}
