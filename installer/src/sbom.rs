//! What the programs are made of, as a CycloneDX 1.6 document.
//!
//! Crates come from cargo. Native code that crates compile in has no entry of its own there, so it
//! is named by hand, with versions read from the sources that were compiled: a vulnerability in
//! OpenSSL has to be found under the name OpenSSL. The static C library, the compiler's run-time
//! libraries and the models are named too.

use crate::crates::{Crate, CrateId, PROGRAMS};
use crate::{Error, tool};
use bundle_manifest::{Model, Version};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::path::Path;

/// Native code inside a program.
struct Native {
    name: &'static str,
    version: String,
    licence: &'static str,
    purl: String,
    cpe: Option<String>,
    /// The crate that compiles it in; `None`: the tool chain links it.
    by: Option<CrateId>,
    note: &'static str,
}

/// The document. `created` is the day of the commit.
///
/// # Errors
/// [`Error::Unexpected`] if the version of something native cannot be read, [`Error::Tool`] if the
/// compilers do not answer.
pub fn document(
    tree: &Path,
    crates: &[Crate],
    models: &[Model],
    version: &Version,
    created: jiff::civil::Date,
) -> Result<String, Error> {
    let natives = natives(tree, crates)?;
    let root = format!("aiworklab-appliance-bundle@{version}");
    let mut components = Vec::new();
    let mut dependencies = vec![json!({
        "ref": root,
        "dependsOn": programs(crates).map(reference).chain(models.iter().map(model_reference)).collect::<Vec<_>>(),
    })];
    for found in crates {
        components.push(crate_component(found));
        let by_it = natives
            .iter()
            .filter(|native| native.by.as_ref() == Some(&found.id))
            .map(native_reference);
        let mut uses: Vec<String> = found.uses.iter().map(reference).chain(by_it).collect();
        uses.sort();
        dependencies.push(json!({"ref": reference(&found.id), "dependsOn": uses}));
    }
    for native in &natives {
        components.push(native_component(native));
        dependencies.push(json!({"ref": native_reference(native), "dependsOn": []}));
    }
    for model in models {
        components.push(model_component(model));
        dependencies.push(json!({"ref": model_reference(model), "dependsOn": []}));
    }
    let mut document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": "",
        "version": 1,
        "metadata": {
            "timestamp": format!("{created}T00:00:00Z"),
            "tools": {"components": [
                {"type": "application", "name": "bundle", "version": env!("CARGO_PKG_VERSION")}]},
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": "aiworklab-appliance",
                "version": version.to_string(),
                "licenses": [{"license": {"name": "aiworklab proprietary"}}],
            },
        },
        "components": components,
        "dependencies": dependencies,
    });
    // A number of its own, and the same for the same content.
    document["serialNumber"] = json!(serial(&document));
    let mut text = serde_json::to_string_pretty(&document).map_err(|error| Error::Unexpected {
        what: "the list of parts".to_owned(),
        why: error.to_string(),
    })?;
    text.push('\n');
    Ok(text)
}

fn programs(crates: &[Crate]) -> impl Iterator<Item = &CrateId> {
    crates
        .iter()
        .map(|found| &found.id)
        .filter(|id| PROGRAMS.contains(&id.0.as_str()))
}

fn serial(document: &Value) -> String {
    let digest = Sha256::digest(document.to_string().as_bytes());
    let mut id: [u8; 16] = [0; 16];
    id.copy_from_slice(&digest[..16]);
    // RFC 9562 §5.8: version 8, made from a digest of ours.
    id[6] = (id[6] & 0x0f) | 0x80;
    id[8] = (id[8] & 0x3f) | 0x80;
    let hex = hex::encode(id);
    format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// A crate's package URL, which is its reference too. `+` has to be escaped.
fn reference(id: &CrateId) -> String {
    format!("pkg:cargo/{}@{}", id.0, id.1.replace('+', "%2B"))
}

fn native_reference(native: &Native) -> String {
    native.purl.clone()
}

fn model_reference(model: &Model) -> String {
    format!("model:{}", model.sha256)
}

fn licences(expression: Option<&str>) -> Value {
    match expression {
        Some(text) if text.starts_with("LicenseRef-") => json!([{"license": {"name": text}}]),
        Some(text) => json!([{"expression": text}]),
        None => json!([{"license": {"name": "see its source"}}]),
    }
}

fn crate_component(found: &Crate) -> Value {
    let mut component = json!({
        "type": if PROGRAMS.contains(&found.id.0.as_str()) { "application" } else { "library" },
        "bom-ref": reference(&found.id),
        "name": found.id.0,
        "version": found.id.1,
        // What takes part in building and is in no program is listed, and marked as such.
        "scope": if found.linked { "required" } else { "excluded" },
        "licenses": licences(found.licence.as_deref()),
        "purl": reference(&found.id),
    });
    if let Some(text) = &found.description {
        component["description"] = json!(text);
    }
    if let Some(sum) = &found.sha256 {
        component["hashes"] = json!([{"alg": "SHA-256", "content": sum}]);
    }
    if let Some(url) = &found.repository {
        component["externalReferences"] = json!([{"type": "vcs", "url": url}]);
    }
    let grammar = found.id.0.starts_with("tree-sitter");
    if grammar {
        component["properties"] = json!([{"name": "aiworklab:native", "value": "contains C sources that are compiled in"}]);
    }
    component
}

fn native_component(native: &Native) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": native_reference(native),
        "name": native.name,
        "version": native.version,
        "scope": "required",
        "licenses": licences(Some(native.licence)),
        "purl": native.purl,
        "description": native.note,
    });
    if let Some(cpe) = &native.cpe {
        component["cpe"] = json!(cpe);
    }
    component
}

fn model_component(model: &Model) -> Value {
    json!({
        "type": "machine-learning-model",
        "bom-ref": model_reference(model),
        "name": model.name,
        "scope": "optional",
        "licenses": licences(Some(&model.licence)),
        "hashes": [{"alg": "SHA-256", "content": model.sha256}],
        "properties": [{"name": "aiworklab:file", "value": model.file.as_str()}],
    })
}

fn unexpected(what: impl Into<String>, why: impl Into<String>) -> Error {
    Error::Unexpected {
        what: what.into(),
        why: why.into(),
    }
}

fn find<'a>(crates: &'a [Crate], name: &str) -> Result<&'a Crate, Error> {
    crates
        .iter()
        .find(|found| found.id.0 == name)
        .ok_or_else(|| unexpected("the list of crates", format!("{name} is not built")))
}

/// What stands behind the `+` of a crate's version: the version of what it carries.
fn carried(found: &Crate) -> Result<&str, Error> {
    let build = found.id.1.split_once('+').map(|(_, build)| build);
    build.ok_or_else(|| unexpected(&found.id.0, "its version does not name what it carries"))
}

/// The word that follows a mark in a text, up to `end`.
fn between<'a>(text: &'a str, mark: &str, end: char) -> Option<&'a str> {
    let (_, rest) = text.split_once(mark)?;
    rest.split_once(end).map(|(word, _)| word.trim())
}

fn read(found: &Crate, file: &str) -> Result<String, Error> {
    let path = found.folder.join(file);
    std::fs::read_to_string(&path).map_err(|source| Error::Io {
        doing: "read",
        path,
        source,
    })
}

fn cpe(vendor: &str, product: &str, version: &str) -> Option<String> {
    Some(format!(
        "cpe:2.3:a:{vendor}:{product}:{version}:*:*:*:*:*:*:*"
    ))
}

fn natives(tree: &Path, crates: &[Crate]) -> Result<Vec<Native>, Error> {
    let mut natives = Vec::new();

    let openssl = find(crates, "openssl-src")?;
    let version = carried(openssl)?.to_owned();
    natives.push(Native {
        name: "OpenSSL",
        licence: "Apache-2.0",
        purl: format!("pkg:github/openssl/openssl@openssl-{version}"),
        cpe: cpe("openssl", "openssl", &version),
        by: Some(openssl.id.clone()),
        note: "libcrypto, for SQLCipher alone; no TLS of it is used",
        version,
    });

    let cipher = find(crates, "sqlcipher-src")?;
    let build = carried(cipher)?;
    let part = |name: &str| {
        let word = between(&format!("{build}-"), &format!("{name}-"), '-').map(str::to_owned);
        word.ok_or_else(|| unexpected("sqlcipher-src", format!("its version does not name {name}")))
    };
    for (name, version, licence, of, cpe) in [
        (
            "SQLCipher",
            part("sqlcipher")?,
            "BSD-3-Clause",
            "pkg:github/sqlcipher/sqlcipher@v",
            cpe("zetetic", "sqlcipher", &part("sqlcipher")?),
        ),
        (
            "SQLite",
            part("sqlite")?,
            "blessing",
            "pkg:github/sqlite/sqlite@version-",
            cpe("sqlite", "sqlite", &part("sqlite")?),
        ),
    ] {
        natives.push(Native {
            name,
            licence,
            purl: format!("{of}{version}"),
            cpe,
            by: Some(cipher.id.clone()),
            note: "the embedded database and its encryption",
            version,
        });
    }

    let aws = find(crates, "aws-lc-sys")?;
    let header = read(aws, "aws-lc/include/openssl/base.h")?;
    let version = between(&header, "AWSLC_VERSION_NUMBER_STRING \"", '"')
        .ok_or_else(|| unexpected("aws-lc-sys", "its header names no version"))?
        .to_owned();
    natives.push(Native {
        name: "AWS-LC",
        licence: "ISC AND (Apache-2.0 OR ISC) AND MIT AND BSD-3-Clause",
        purl: format!("pkg:github/aws/aws-lc@v{version}"),
        cpe: cpe("amazon", "aws-lc", &version),
        by: Some(aws.id.clone()),
        note: "TLS, certificates and signatures",
        version,
    });

    let llama = find(crates, "llama-cpp-sys-2")?;
    let cmake = read(llama, "llama.cpp/ggml/CMakeLists.txt")?;
    let number = |name: &str| {
        between(&cmake, &format!("set(GGML_VERSION_{name} "), ')')
            .ok_or_else(|| unexpected("llama-cpp-sys-2", "ggml names no version"))
    };
    let ggml = format!(
        "{}.{}.{}",
        number("MAJOR")?,
        number("MINOR")?,
        number("PATCH")?
    );
    natives.push(Native {
        name: "ggml",
        licence: "MIT",
        purl: format!("pkg:github/ggml-org/ggml@v{ggml}"),
        cpe: None,
        by: Some(llama.id.clone()),
        note: "tensor library under llama.cpp; runs in the model's worker alone",
        version: ggml,
    });
    let carrier = llama.id.1.clone();
    natives.push(Native {
        name: "llama.cpp",
        licence: "MIT",
        purl: format!("pkg:github/ggml-org/llama.cpp@llama-cpp-sys-2-{carrier}"),
        cpe: cpe("ggml", "llama.cpp", "*"),
        by: Some(llama.id.clone()),
        note: "the sources as the crate llama-cpp-sys-2 of this version carries them; runs in the model's worker alone",
        version: format!("llama-cpp-sys-2 {carrier}"),
    });

    let zstd = find(crates, "zstd-sys")?;
    let version = carried(zstd)?.trim_start_matches("zstd.").to_owned();
    natives.push(Native {
        name: "Zstandard",
        licence: "BSD-3-Clause",
        purl: format!("pkg:github/facebook/zstd@v{version}"),
        cpe: cpe("facebook", "zstandard", &version),
        by: Some(zstd.id.clone()),
        note: "compression",
        version,
    });

    natives.extend(tool_chain(tree)?);
    Ok(natives)
}

/// What the tool chain links into a static program.
fn tool_chain(tree: &Path) -> Result<Vec<Native>, Error> {
    let glibc = tool::output(tree, "getconf", &["GNU_LIBC_VERSION"])?;
    let glibc = glibc.trim().trim_start_matches("glibc ").to_owned();
    let gcc = tool::output(tree, "g++", &["-dumpfullversion"])?
        .trim()
        .to_owned();
    let rustc = tool::output(tree, "rustc", &["-vV"])?;
    let rustc = between(&rustc, "release: ", '\n')
        .ok_or_else(|| unexpected("`rustc -vV`", "it names no release"))?
        .to_owned();
    Ok(vec![
        Native {
            name: "GNU C Library",
            licence: "LGPL-2.1-or-later",
            purl: format!("pkg:generic/glibc@{glibc}"),
            cpe: cpe("gnu", "glibc", &glibc),
            by: None,
            note: "linked statically, from the build machine's libc.a",
            version: glibc,
        },
        Native {
            name: "libstdc++ and libgcc",
            licence: "GPL-3.0-or-later WITH GCC-exception-3.1",
            purl: format!("pkg:generic/gcc@{gcc}"),
            cpe: None,
            by: None,
            note: "the C++ and compiler run-time libraries, linked statically",
            version: gcc,
        },
        Native {
            name: "Rust standard library",
            licence: "MIT OR Apache-2.0",
            purl: format!("pkg:generic/rust@{rustc}"),
            cpe: cpe("rust-lang", "rust", &rustc),
            by: None,
            note: "std, core and alloc",
            version: rustc,
        },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_is_a_uuid_of_the_content() {
        let [a, b] = [serial(&json!({"a": 1})), serial(&json!({"a": 2}))];
        assert_ne!(a, b);
        assert_eq!(a.len(), "urn:uuid:".len() + 36);
        assert_eq!(a.as_bytes()["urn:uuid:".len() + 14], b'8');
    }

    #[test]
    fn a_version_with_a_plus_makes_a_valid_reference() {
        let id = ("zstd-sys".to_owned(), "2.1.3+zstd.1.5.7".to_owned());
        assert_eq!(reference(&id), "pkg:cargo/zstd-sys@2.1.3%2Bzstd.1.5.7");
    }

    #[test]
    fn a_word_between_two_marks_is_found() {
        assert_eq!(between("set(V_MAJOR 0)", "set(V_MAJOR ", ')'), Some("0"));
        assert_eq!(between("nothing", "x", 'y'), None);
    }
}
