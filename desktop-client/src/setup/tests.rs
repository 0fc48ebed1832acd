//! Every harness, in and out again, on a disk of its own.

use super::*;
use crate::world::still::Still;
use std::fs;
use std::os::unix::fs::PermissionsExt;

struct Desk {
    folder: tempfile::TempDir,
    world: Still,
}

/// Every file below a folder with its bytes, and every folder.
type Tree = std::collections::BTreeMap<PathBuf, Option<Vec<u8>>>;

fn tree(folder: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path.clone());
            }
            tree.insert(path.clone(), fs::read(&path).ok());
        }
    }
    tree
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut world = Still::default();
        fs::create_dir(folder.path().join("person")).unwrap();
        world
            .env
            .insert("HOME", folder.path().join("person").into());
        Self { folder, world }
    }

    fn with(files: &[(&str, &str)]) -> Self {
        let desk = Self::new();
        for (name, text) in files {
            let path = desk.person().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        desk
    }

    fn person(&self) -> PathBuf {
        self.folder.path().join("person")
    }

    fn home(&self) -> Home {
        Home::at(self.folder.path().join("home"))
    }

    fn say(&self, harness: Harness, wish: Wish<'_>, program: &str, answer: &str) -> Result<String> {
        let mut out = Vec::new();
        let program = Path::new(program);
        let mut answer = answer.as_bytes();
        one(
            &self.world,
            &self.home(),
            program,
            harness,
            wish,
            &mut out,
            &mut answer,
        )?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn run(&self, harness: Harness, remove: bool) -> Result<String> {
        let wish = Wish {
            remove,
            ..Wish::default()
        };
        self.say(harness, wish, "/opt/aiworklab", "")
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.person().join(name)).unwrap()
    }
}

const SETTINGS: &str = ".claude/settings.json";
const HOOKS: &str = ".codex/hooks.json";
const CONFIG: &str = ".codex/config.toml";
const TOML_HOOKS: &str =
    "# mine\n[[hooks.Stop]]\n[[hooks.Stop.hooks]]\ntype = \"command\"\ncommand = \"say done\"\n";

#[test]
fn setting_up_and_removing_restores_every_byte_and_every_folder() {
    let homes: [&[(&str, &str)]; 6] = [
        &[],
        &[
            (SETTINGS, "{ }"),
            (HOOKS, "{\"hooks\":{}}"),
            (CONFIG, "a = 1"),
        ],
        &[
            (SETTINGS, "{\n  \"hooks\": {\n    \"Stop\": [ ]\n  }\n}\n"),
            (CONFIG, TOML_HOOKS),
        ],
        &[
            (SETTINGS, "{\"a\":1}\n\n"),
            (HOOKS, "{\n\t\"description\": \"mine\"\n}\n"),
        ],
        &[
            (SETTINGS, ""),
            (
                HOOKS,
                "{\n\t\"hooks\": {\"Stop\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"x\"}]}]}\n}\n",
            ),
        ],
        &[
            (".config/opencode/opencode.json", "{}"),
            (".config/opencode/plugin/mine.js", "// mine"),
        ],
    ];
    for files in homes {
        for harness in Harness::ALL {
            let desk = Desk::with(files);
            let before = tree(&desk.person());
            let shown = desk.run(harness, false).unwrap();
            assert!(shown.contains("\n+"), "{shown}");
            assert!(
                desk.run(harness, false)
                    .unwrap()
                    .contains("nothing to change")
            );
            desk.run(harness, true).unwrap();
            assert_eq!(tree(&desk.person()), before, "{harness:?}");
            assert!(
                desk.run(harness, true)
                    .unwrap()
                    .contains("nothing to change")
            );
        }
    }
}

#[test]
fn a_dry_run_and_a_no_show_the_change_and_make_none() {
    for harness in Harness::ALL {
        let desk = Desk::with(&[(SETTINGS, "{}")]);
        let dry = Wish {
            dry_run: true,
            ..Wish::default()
        };
        let shown = desk.say(harness, dry, "/opt/aiworklab", "").unwrap();
        assert!(
            shown.contains("\n+") && shown.contains("--dry-run"),
            "{shown}"
        );
        let asked = Wish {
            ask: true,
            ..Wish::default()
        };
        let shown = desk.say(harness, asked, "/opt/aiworklab", "n\n").unwrap();
        assert!(
            shown.ends_with("Nothing was changed.\n") || shown.contains("Note"),
            "{shown}"
        );
        assert_eq!(tree(&desk.person()).len(), 2);
        assert!(!desk.home().path().exists());
        desk.say(harness, asked, "/opt/aiworklab", "y\n").unwrap();
        assert!(desk.home().path().exists());
    }
}

#[test]
fn what_was_changed_since_is_kept() {
    let desk = Desk::with(&[
        (SETTINGS, "{\n  \"a\": 1\n}\n"),
        (HOOKS, "{\n  \"hooks\": {}\n}\n"),
    ]);
    for (harness, file) in [(Harness::ClaudeCode, SETTINGS), (Harness::Codex, HOOKS)] {
        desk.run(harness, false).unwrap();
        let changed = desk
            .text(file)
            .replacen("{\n", "{\n  \"description\": \"b\",\n", 1);
        fs::write(desk.person().join(file), changed).unwrap();
        desk.run(harness, true).unwrap();
        let text = desk.text(file);
        assert!(text.starts_with("{\n  \"description\": \"b\""), "{text}");
        assert!(!text.contains("aiworklab"), "{text}");
    }
}

#[test]
fn a_file_that_was_ours_alone_goes_although_it_was_laid_out_anew() {
    let desk = Desk::new();
    desk.run(Harness::ClaudeCode, false).unwrap();
    fs::write(
        desk.person().join(SETTINGS),
        desk.text(SETTINGS).replace('\n', "\n "),
    )
    .unwrap();
    desk.run(Harness::ClaudeCode, true).unwrap();
    assert!(!desk.person().join(".claude").exists());
}

#[test]
fn links_and_modes_stay() {
    let desk = Desk::with(&[("dotfiles/settings.json", "{}"), (CONFIG, TOML_HOOKS)]);
    let real = desk.person().join("dotfiles/settings.json");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    fs::create_dir(desk.person().join(".claude")).unwrap();
    std::os::unix::fs::symlink(&real, desk.person().join(SETTINGS)).unwrap();
    for remove in [false, true] {
        desk.run(Harness::ClaudeCode, remove).unwrap();
        let link = fs::symlink_metadata(desk.person().join(SETTINGS)).unwrap();
        assert!(link.is_symlink());
        assert_eq!(
            fs::metadata(&real).unwrap().permissions().mode() & 0o777,
            0o640
        );
        assert_eq!(
            fs::read_to_string(&real).unwrap().contains("aiworklab"),
            !remove
        );
    }
}

#[test]
fn a_file_that_does_not_parse_is_left_alone_with_its_line() {
    let files = [
        (Harness::ClaudeCode, SETTINGS, "{\n  // mine\n}", "line 2"),
        (Harness::Codex, HOOKS, "{\n\n]", "line 3"),
        (Harness::Codex, CONFIG, "a = 1\nb = = 2\n", "line 2"),
    ];
    for (harness, file, text, line) in files {
        let desk = Desk::with(&[(file, text)]);
        for remove in [false, true] {
            let error = desk.run(harness, remove).unwrap_err().told();
            assert!(error.contains(line), "{error}");
            assert_eq!(desk.text(file), text);
        }
    }
    let desk = Desk::with(&[(SETTINGS, "")]);
    fs::write(desk.person().join(SETTINGS), b"{\n\xff}").unwrap();
    let error = desk.run(Harness::ClaudeCode, false).unwrap_err().told();
    assert!(error.contains("line 2"), "{error}");
}

#[test]
fn a_program_that_moved_is_called_where_it_is_now_and_restores_all_the_same() {
    for harness in [Harness::ClaudeCode, Harness::Codex, Harness::OpenCode] {
        let desk = Desk::with(&[(SETTINGS, "{}"), (CONFIG, "a = 1\n")]);
        let before = tree(&desk.person());
        let wish = Wish::default();
        desk.say(harness, wish, "/old place/aiworklab", "").unwrap();
        desk.say(harness, wish, "/new/aiworklab", "").unwrap();
        let all: String = tree(&desk.person())
            .into_values()
            .flatten()
            .map(|bytes| String::from_utf8(bytes).unwrap())
            .collect();
        assert!(
            all.contains("/new/aiworklab") && !all.contains("old place"),
            "{all}"
        );
        assert_eq!(
            checks::state(&desk.world, Path::new("/new/aiworklab"), harness).find("set up"),
            Some(0)
        );
        desk.run(harness, true).unwrap();
        assert_eq!(tree(&desk.person()), before, "{harness:?}");
    }
}

#[test]
fn codex_hooks_stand_where_the_person_keeps_theirs() {
    let desk = Desk::with(&[(CONFIG, TOML_HOOKS)]);
    let shown = desk.run(Harness::Codex, false).unwrap();
    assert!(!desk.person().join(HOOKS).exists());
    assert!(
        desk.text(CONFIG).starts_with(TOML_HOOKS.trim_end()),
        "{}",
        desk.text(CONFIG)
    );
    assert!(shown.contains("/hooks"), "{shown}");
}

#[test]
fn the_trust_that_codex_kept_of_our_hooks_goes_with_them() {
    let theirs =
        "{\"hooks\": {\"Stop\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"x\"}]}]}}";
    let desk = Desk::with(&[(HOOKS, theirs), (CONFIG, "a = 1\n")]);
    desk.run(Harness::Codex, false).unwrap();
    let key = |n: u8| format!("{}:stop:{n}:0", desk.person().join(HOOKS).display());
    let trusted = format!(
        "a = 1\n\n[hooks.state.\"{}\"]\ntrusted_hash = \"sha256:00\"\n\n[hooks.state.\"{}\"]\ntrusted_hash = \"sha256:11\"\n",
        key(0),
        key(1)
    );
    fs::write(desk.person().join(CONFIG), &trusted).unwrap();
    let told = checks::state(&desk.world, Path::new("/opt/aiworklab"), Harness::Codex);
    assert!(told.contains("not trusted"), "{told}");
    desk.run(Harness::Codex, true).unwrap();
    assert_eq!(desk.text(HOOKS), theirs);
    let left = desk.text(CONFIG);
    assert!(left.contains(&key(0)) && !left.contains(&key(1)), "{left}");
}

#[test]
fn a_plugin_of_somebody_else_is_never_touched() {
    let name = ".config/opencode/plugin/aiworklab.js";
    let desk = Desk::with(&[(name, "// mine")]);
    let error = desk.run(Harness::OpenCode, false).unwrap_err();
    assert_eq!(error.code(), "C060");
    assert!(
        desk.run(Harness::OpenCode, true)
            .unwrap()
            .contains("nothing to change")
    );
    assert_eq!(desk.text(name), "// mine");
}

#[test]
fn the_plugin_is_not_put_beside_one_of_ours_in_the_other_folder() {
    let desk = Desk::new();
    desk.run(Harness::OpenCode, false).unwrap();
    let folder = desk.person().join(".config/opencode");
    fs::rename(folder.join("plugin"), folder.join("plugins")).unwrap();
    assert!(
        desk.run(Harness::OpenCode, false)
            .unwrap()
            .contains("nothing to change")
    );
    assert!(!folder.join("plugin").exists());
    desk.run(Harness::OpenCode, true).unwrap();
    assert!(!folder.join("plugins/aiworklab.js").exists());
}

#[test]
fn opencodes_side_effect_is_told_with_the_way_round_it() {
    let shown = Desk::new().run(Harness::OpenCode, false).unwrap();
    assert!(
        shown.contains("70 s") && shown.contains("npm_config_fetch_retries=0"),
        "{shown}"
    );
}

#[test]
fn t3_codes_folder_is_written_down_and_no_file_of_its_own_is_changed() {
    let mut desk = Desk::with(&[(".t3/userdata/state.sqlite", "x")]);
    let before = tree(&desk.person());
    desk.run(Harness::T3Code, false).unwrap();
    assert_eq!(tree(&desk.person()), before);
    assert_eq!(
        t3code::watched(&desk.home()),
        Some(desk.person().join(".t3"))
    );
    desk.world.env.insert("T3CODE_HOME", "/elsewhere".into());
    assert!(
        desk.run(Harness::T3Code, false)
            .unwrap()
            .contains("--base-dir")
    );
    assert_eq!(t3code::watched(&desk.home()), Some("/elsewhere".into()));
    let given = Wish {
        base_dir: Some(Path::new("/given")),
        ..Wish::default()
    };
    desk.say(Harness::T3Code, given, "/opt/aiworklab", "")
        .unwrap();
    assert_eq!(t3code::watched(&desk.home()), Some("/given".into()));
    desk.run(Harness::T3Code, true).unwrap();
    assert_eq!(t3code::watched(&desk.home()), None);
}

#[test]
fn what_shuts_our_hooks_off_is_told() {
    let desk = Desk::with(&[
        (SETTINGS, "{\"disableAllHooks\": true}"),
        (CONFIG, "[features]\nhooks = false\n"),
    ]);
    assert!(
        desk.run(Harness::ClaudeCode, false)
            .unwrap()
            .contains("disableAllHooks")
    );
    assert!(
        desk.run(Harness::Codex, false)
            .unwrap()
            .contains("hooks = false")
    );
    let found = checks::checks(
        &desk.world,
        &desk.home(),
        Path::new("/opt/aiworklab"),
        None,
        &checks::Heard::default(),
    );
    let told: Vec<_> = found.iter().map(|finding| finding.what.as_str()).collect();
    assert!(
        told.contains(&"Claude Code's hooks are shut off"),
        "{told:?}"
    );
    assert!(told.contains(&"Codex's hooks are shut off"), "{told:?}");
}

#[test]
fn doctor_tells_what_is_set_up_heard_and_not_understood() {
    let desk = Desk::new();
    let check = |heard: &checks::Heard| {
        let found = checks::checks(
            &desk.world,
            &desk.home(),
            Path::new("/opt/aiworklab"),
            None,
            heard,
        );
        found
            .into_iter()
            .map(|f| f.what + "|" + &f.why)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        check(&checks::Heard::default()).len(),
        1,
        "nothing is there"
    );
    desk.run(Harness::Codex, false).unwrap();
    desk.world.now.set(10_000);
    let heard = checks::Heard {
        last: [(Harness::Codex, 9_400)].into(),
        tallies: [("codex: unknown Wink".to_owned(), 3)].into(),
    };
    let told = check(&heard).join("\n");
    assert!(told.contains("our hook is in its settings"), "{told}");
    assert!(told.contains("7 hooks of ours do not run"), "{told}");
    assert!(told.contains("heard last 10 minutes ago"), "{told}");
    assert!(told.contains("unknown Wink (3)"), "{told}");
}
