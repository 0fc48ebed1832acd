//! The main job with the model in it: what it chose is fetched ahead, asked with the appliance away,
//! answered and synced; and where a check came from names the model and the tier that it earned here.

use super::{default_model, serve, standing};
use harness::{Appliance, Laptop, until_computed};
use kernel::catalogue::Catalogue;
use kernel::items::{ItemAddress, parts};
use local_model::DEFAULT_MODEL;
use std::fs;
use std::path::{Path, PathBuf};

/// What is asked about.
const CONCEPT: &str = "pg-advisory-locks";
/// Where what the model earned on this machine is kept between runs. The appliance itself sees
/// whether it is of this model, release and catalogue, and measures anew where it is not.
fn measured_before() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("measured.json")
}

/// What an appliance remembers of its measurement.
fn measured(appliance: &Appliance) -> PathBuf {
    appliance.data().join("model.json")
}

#[test]
fn a_check_names_model_and_tier_is_asked_offline_answered_and_synced() {
    let mut appliance = serve(default_model());
    if measured_before().exists() {
        appliance.stop();
        fs::copy(measured_before(), measured(&appliance)).expect("it can be copied");
        appliance.serve();
    }
    let laptop = Laptop::new();
    let mut ada = appliance.signed_in(None);
    laptop.enrol(&appliance, &mut ada, "ada-work");
    let made = until_computed("a pack that the model had its part in", || {
        let standing = standing(&appliance);
        standing["pack"]["model"].is_object().then_some(standing)
    });
    fs::copy(measured(&appliance), measured_before()).expect("it can be copied");
    let tier = made["tier"].as_str().expect("a tier").to_owned();
    assert!(matches!(tier.as_str(), "none" | "ranker"), "{made}");
    assert_eq!(made["sha256"], DEFAULT_MODEL.sha256, "{made}");
    let _ = laptop.run(&["sync"]).ok();
    let pack = laptop.json(&["status"])["pack"].clone();
    assert_eq!(pack["version"], made["pack"]["version"], "{pack}");
    assert_eq!(pack["left_out"], 0, "{pack}");

    appliance.stop();
    let shown = laptop.json(&["quiz", "--show", "--concept", CONCEPT]);
    assert_eq!(shown["pack"], pack["version"], "{shown}");
    let address: ItemAddress = shown["address"]
        .as_str()
        .and_then(|address| address.parse().ok())
        .expect("an address");
    let parts = parts(Catalogue::builtin(), &address).expect("parts");
    let key = parts.key().expect("a key").option.clone();
    let options = shown["options"].as_array().expect("options");
    let place = options.iter().position(|option| *option == *key);
    let number = (place.expect("the key is shown") + 1).to_string();
    let settled = laptop.json(&["quiz", "--answer", &number, "--concept", CONCEPT]);
    assert_eq!(settled["right"], true, "{settled}");
    let provenance = settled["provenance"].as_str().expect("a sentence");
    let name = made["name"].as_str().expect("the model has a name");
    assert!(provenance.contains(name), "{name}: {provenance}");
    assert!(provenance.contains(&tier), "{tier}: {provenance}");
    assert!(
        provenance.contains(&format!("{CONCEPT}/")),
        "its facts: {provenance}"
    );

    appliance.serve();
    let said = laptop.run(&["sync"]).ok().stdout;
    assert!(said.starts_with("In step: "), "{said}");
    let export = ada.get("/me/export").expect(200).body;
    assert!(export.contains(CONCEPT), "the answer is held: {export}");
    // How it was asked, and by which model, stays on the laptop.
    for private in [name, address.to_string().as_str(), "provenance"] {
        assert!(!export.contains(private), "{private}: {export}");
    }
}
