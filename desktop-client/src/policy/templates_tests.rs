//! The templates that an organisation's own tools read hold every key, each as what it is.

use super::schema::{KEYS, Key, Kind};
use super::{Policy, raw};
use std::fs;
use std::path::{Path, PathBuf};

fn template(name: &str) -> String {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("../installer/client");
    fs::read_to_string(tree.join(name)).unwrap()
}

fn keys() -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(|key| key.policy)
}

fn escaped(text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#x27;")
}

#[test]
fn the_example_file_holds_every_key_and_is_obeyed_once_its_lines_are_taken_in() {
    let text = template("policy.toml");
    // As it is handed out, it lays down nothing.
    assert_eq!(raw::entries(&text), Ok(Vec::new()));
    let taken_in: String = keys()
        .map(|key| {
            let line = format!("{} = {}", key.name, key.example);
            assert!(text.contains(&format!("\n# {line}\n")), "{line}");
            line + "\n"
        })
        .collect();
    let policy = Policy::of(
        PathBuf::from("policy.toml"),
        raw::entries(&taken_in).unwrap(),
    );
    assert_eq!(policy.troubles().count() + policy.unknown().len(), 0);
}

#[test]
fn the_template_for_windows_holds_every_key_with_its_type_and_its_help() {
    let (admx, adml) = (template("aiworklab.admx"), template("en-US/aiworklab.adml"));
    assert_eq!(admx.matches("<policy name=").count(), keys().count());
    for key in keys() {
        let name = key.name;
        let begin = admx.find(&format!("<policy name=\"{name}\"")).expect(name);
        let policy = admx[begin..].split("</policy>").next().expect(name);
        let element = match key.kind {
            Kind::Flag => "<disabledValue><decimal value=\"0\"/></disabledValue>".to_owned(),
            Kind::UpTo(most) => format!(
                "<decimal id=\"{name}\" valueName=\"{name}\" required=\"true\" minValue=\"0\" maxValue=\"{most}\"/>"
            ),
            Kind::Harnesses | Kind::Days | Kind::Hosts => {
                format!("<multiText id=\"{name}\" valueName=\"{name}\" required=\"true\"/>")
            }
            _ => format!("<text id=\"{name}\" valueName=\"{name}\" required=\"true\"/>"),
        };
        assert!(policy.contains(&element), "{name}: {policy}");
        assert!(policy.contains("key=\"Software\\Policies\\aiworklab\""));
        assert!(
            policy.contains("class=\"Machine\""),
            "{name} is the machine's, not a person's"
        );
        let help = format!("<string id=\"{name}_help\">{}</string>", escaped(key.what));
        assert!(adml.contains(&help), "{help}");
        assert!(adml.contains(&format!("<string id=\"{name}\">")), "{name}");
        assert_eq!(
            adml.contains(&format!("<presentation id=\"{name}\">")),
            key.kind != Kind::Flag,
            "{name}"
        );
    }
}

#[test]
fn the_profile_for_macos_holds_every_key_with_its_type() {
    let profile = template("aiworklab.mobileconfig");
    for key in keys() {
        let begin = profile
            .find(&format!("<key>{}</key>", key.name))
            .expect(key.name);
        let after = profile[begin..].lines().nth(1).unwrap_or_default().trim();
        let kind = match key.kind {
            Kind::Flag if key.example == "true" => "<true/>",
            Kind::Flag => "<false/>",
            Kind::UpTo(_) => "<integer>",
            Kind::Harnesses | Kind::Days | Kind::Hosts => "<array>",
            _ => "<string>",
        };
        assert!(after.starts_with(kind), "{}: {after}", key.name);
    }
}

#[test]
fn the_manuals_page_holds_every_key() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../airgap-docs/src/client-policy.md");
    let page = fs::read_to_string(page).unwrap();
    for key in keys() {
        assert!(
            page.contains(&format!("| `{}` |", key.name)),
            "{}",
            key.name
        );
        assert!(page.contains(key.what), "{}", key.name);
    }
}
