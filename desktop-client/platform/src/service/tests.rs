use super::*;
use std::cell::RefCell;
use std::fs;

fn unit() -> Unit {
    Unit {
        program: "/home/ada/my tools/100% new/aiworklab".into(),
        args: vec!["agent".into(), "--note=$HOME & <b>".into()],
        environment: vec![("AIWORKLAB_HOME".into(), "/data/a b%c".into())],
        memory_mib: 256,
        stays_down: Some(1),
    }
}

fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/service/golden")
        .join(name);
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text.replace('\r', ""), expected, "{name} is not as it was");
}

#[test]
fn the_texts_are_as_they_were() {
    golden("aiworklab.service", &text(Manager::Systemd, &unit()));
    golden("aiworklab.agent.plist", &text(Manager::Launchd, &unit()));
    golden("agent-task.xml", &text(Manager::Tasks, &unit()));
}

#[test]
fn systemd_itself_finds_nothing_wrong_with_the_unit() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("100% new").join("aiworklab");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::write(&program, "#!/bin/sh\n").unwrap();
    #[cfg(unix)]
    fs::set_permissions(
        &program,
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let path = folder.path().join("aiworklab.service");
    fs::write(&path, text(Manager::Systemd, &Unit { program, ..unit() })).unwrap();
    let path = path.to_string_lossy().into_owned();
    let verified = std::process::Command::new("systemd-analyze")
        .args(["verify", "--user", "--man=no", &path])
        .env("XDG_RUNTIME_DIR", folder.path())
        .output();
    match verified {
        Ok(said) => assert_eq!(
            (
                said.status.success(),
                &*String::from_utf8_lossy(&said.stderr)
            ),
            (true, "")
        ),
        Err(error) => assert_eq!(
            error.kind(),
            io::ErrorKind::NotFound,
            "only where there is none"
        ),
    }
}

#[test]
fn arguments_of_windows_are_quoted_as_it_takes_them_apart() {
    let unit = Unit {
        program: "C:\\Program Files\\aiworklab.exe".into(),
        args: vec![
            "agent".into(),
            "a b\\".into(),
            "say \"hi\"".into(),
            String::new(),
        ],
        environment: Vec::new(),
        ..unit()
    };
    let text = text(Manager::Tasks, &unit);
    let expected = "<Arguments>agent &quot;a b\\\\&quot; &quot;say \\&quot;hi\\&quot;&quot; &quot;&quot;</Arguments>";
    assert!(text.contains(expected), "{text}");
    let bytes = texts::bytes(Manager::Tasks, &unit);
    assert_eq!(bytes[..4], [0xff, 0xfe, b'<', 0]);
}

/// A manager that keeps what it was told.
#[derive(Default)]
struct Double {
    told: RefCell<Vec<String>>,
    /// What it prints at a command that begins so, and whether it succeeds.
    says: Vec<(&'static str, bool, &'static str)>,
    absent: bool,
}

impl Tools for Double {
    fn run(&self, words: &[&str]) -> io::Result<Said> {
        if self.absent {
            return Err(io::ErrorKind::NotFound.into());
        }
        let line = words.join(" ");
        let found = self
            .says
            .iter()
            .find(|(begins, ..)| line.starts_with(begins));
        self.told.borrow_mut().push(line);
        let (ok, text) = found.map_or((true, ""), |(_, ok, text)| (*ok, *text));
        Ok(Said {
            ok,
            out: text.to_owned(),
            err: String::new(),
        })
    }
}

fn places(folder: &tempfile::TempDir) -> Places {
    Places {
        home: folder.path().to_owned(),
        config: folder.path().join(".config"),
    }
}

const RUNS: (&str, bool, &str) = ("systemctl --user is-system-running", false, "degraded\n");
const ACTIVE: (&str, bool, &str) = ("systemctl --user is-active", true, "active\n");
const INACTIVE: (&str, bool, &str) = ("systemctl --user is-active", false, "inactive\n");

#[test]
fn installing_writes_one_file_and_starts_it_and_twice_is_once() {
    let folder = tempfile::tempdir().unwrap();
    let places = places(&folder);
    let double = Double {
        says: vec![RUNS, INACTIVE],
        ..Double::default()
    };
    let file = Manager::Systemd.file(&places);
    assert_eq!(stands(Manager::Systemd, &double, &places), State::Absent);
    let done = installed(Manager::Systemd, &double, &unit(), &places).unwrap();
    assert_eq!(done, Done::Done(file.clone()));
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        text(Manager::Systemd, &unit())
    );
    assert_eq!(
        double.told.borrow()[2..],
        [
            "systemctl --user is-system-running",
            "systemctl --user daemon-reload",
            "systemctl --user enable aiworklab.service",
            "systemctl --user restart aiworklab.service"
        ]
        .map(str::to_owned)
    );
    assert_eq!(
        stands(Manager::Systemd, &double, &places),
        State::Stopped("inactive".into())
    );
    let double = Double {
        says: vec![RUNS, ACTIVE],
        ..Double::default()
    };
    let done = installed(Manager::Systemd, &double, &unit(), &places).unwrap();
    assert_eq!(done, Done::Already(file.clone()));
    let done = removed(Manager::Systemd, &double, &places).unwrap();
    assert_eq!(done, Done::Done(file.clone()));
    assert!(!file.exists());
    let told = double.told.borrow().join("\n");
    assert!(
        told.contains("disable --now aiworklab.service\nsystemctl --user daemon-reload"),
        "{told}"
    );
}

#[test]
fn no_manager_is_an_answer_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let places = places(&folder);
    let none = Double {
        absent: true,
        ..Double::default()
    };
    let offline = Double {
        says: vec![("systemctl", false, "offline\n")],
        ..Double::default()
    };
    for double in [none, offline] {
        let done = installed(Manager::Systemd, &double, &unit(), &places).unwrap();
        assert!(
            matches!(&done, Done::Unmanaged(why) if why.len() > 20),
            "{done:?}"
        );
        assert!(!Manager::Systemd.file(&places).exists());
        assert!(matches!(
            stands(Manager::Systemd, &double, &places),
            State::Unmanaged(_)
        ));
        assert!(matches!(
            removed(Manager::Systemd, &double, &places),
            Ok(Done::Unmanaged(_))
        ));
    }
}

#[test]
fn what_the_manager_refuses_is_told_in_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let double = Double {
        says: vec![
            RUNS,
            INACTIVE,
            ("systemctl --user enable", false, "Unit is masked.\n"),
        ],
        ..Double::default()
    };
    let error = installed(Manager::Systemd, &double, &unit(), &places(&folder)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`systemctl --user enable aiworklab.service` failed: Unit is masked."
    );
}

#[test]
fn launchd_and_the_scheduler_are_told_their_own_words() {
    let folder = tempfile::tempdir().unwrap();
    let places = places(&folder);
    let mac = Double {
        says: vec![
            ("launchctl managername", true, "Aqua\n"),
            ("id -u", true, "501\n"),
            ("launchctl print", false, ""),
        ],
        ..Double::default()
    };
    assert!(matches!(
        installed(Manager::Launchd, &mac, &unit(), &places),
        Ok(Done::Done(_))
    ));
    let told = mac.told.borrow().join("\n");
    let file = Manager::Launchd.file(&places);
    assert!(
        told.ends_with(&format!("launchctl bootstrap gui/501 {}", file.display())),
        "{told}"
    );
    let windows = Double {
        says: vec![("schtasks /Query /TN aiworklab", false, "")],
        ..Double::default()
    };
    let refused = installed(Manager::Tasks, &windows, &unit(), &places);
    assert!(
        matches!(refused, Err(Error::Environment { .. })),
        "{refused:?}"
    );
    let unit = Unit {
        environment: Vec::new(),
        ..unit()
    };
    assert!(matches!(
        installed(Manager::Tasks, &windows, &unit, &places),
        Ok(Done::Done(_))
    ));
    let told = windows.told.borrow().join("\n");
    assert!(
        told.contains("schtasks /Create /F /TN aiworklab agent /XML "),
        "{told}"
    );
}

#[test]
fn what_no_unit_can_hold_is_refused() {
    let mut relative = unit();
    relative.program = "aiworklab".into();
    let mut broken = unit();
    broken.environment[0].1 = "a\nExecStart=/bin/evil".into();
    let mut argument = unit();
    argument.args.push("a\nb".into());
    // systemd-analyze: "Executable name contains special characters".
    let mut quoted = unit();
    quoted.program = "/opt/a\"b/aiworklab".into();
    for unit in [relative, broken, argument, quoted] {
        assert!(
            matches!(fit(Manager::Systemd, &unit), Err(Error::Unfit { .. })),
            "{unit:?}"
        );
    }
}
