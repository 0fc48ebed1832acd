//! The certified OpenID provider (npm `oidc-provider`) as a child process, over TLS with a private CA.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use url::Url;

use super::{PrivateCa, REDIRECT, browser};

/// A running provider; ends with the value.
pub struct Op {
    pub issuer: String,
    pub ca: PrivateCa,
    control: reqwest::Client,
    child: Child,
    _files: TempDir,
}

impl Op {
    /// Starts the provider dressed as `flavor`: plain, entra, okta or google.
    pub async fn start(flavor: &str) -> Self {
        Self::start_with(flavor, &[]).await
    }

    /// The same with further environment variables.
    pub async fn start_with(flavor: &str, variables: &[(&str, &str)]) -> Self {
        // A test runs in its crate's folder, in whichever checkout that is.
        let folder = PathBuf::from("../../tests/peers/openid-provider");
        assert!(
            folder.join("node_modules/oidc-provider").is_dir(),
            "the OpenID provider that this test runs against is not installed; run: npm ci --prefix tests/peers/openid-provider"
        );
        let (ca, files) = (PrivateCa::new(), TempDir::new().expect("folder"));
        let file = |name: &str, text: &str| {
            let path = files.path().join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        let (certificate, key) = (
            file("chain.pem", &ca.chain_pem),
            file("leaf.key", &ca.key_pem),
        );
        // Its issuer has the port in it, so the port has to be known beforehand; another process may take it first.
        for _ in 0..5 {
            let free = TcpListener::bind("127.0.0.1:0").await.expect("port");
            let port = free.local_addr().expect("address").port();
            drop(free);
            let mut child = Command::new("node")
                .arg("op.mjs")
                .current_dir(&folder)
                .env("PORT", port.to_string())
                .env("FLAVOR", flavor)
                .env("CERT", &certificate)
                .env("KEY", &key)
                .env("REDIRECT", REDIRECT)
                .envs(variables.iter().copied())
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .expect("node is installed (version 20 or later)");
            let mut lines = BufReader::new(child.stdout.take().expect("output")).lines();
            while let Some(line) = lines.next_line().await.expect("output") {
                if let Ok(ready) = serde_json::from_str::<Value>(&line)
                    && let Some(issuer) = ready["issuer"].as_str()
                {
                    // It goes on writing, and ends when nobody reads.
                    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                    let control = browser::client(&ca.root_pem);
                    let issuer = issuer.to_owned();
                    return Self {
                        issuer,
                        ca,
                        control,
                        child,
                        _files: files,
                    };
                }
            }
        }
        panic!(
            "the OpenID provider did not start; try: cd tests/peers/openid-provider && node op.mjs"
        )
    }

    /// Ends it and waits until it is gone.
    pub async fn stop(mut self) {
        self.child.kill().await.expect("stopped");
    }

    /// One of its test controls: `rotate`, `user`, `set`.
    pub async fn control(&self, what: &str, body: Value) -> Value {
        let url = Url::parse(&self.issuer)
            .expect("issuer")
            .join(&format!("/__test/{what}"))
            .expect("address");
        let answer = self
            .control
            .post(url)
            .body(body.to_string())
            .send()
            .await
            .expect("answer");
        serde_json::from_str(&answer.text().await.expect("text")).expect("JSON")
    }
}
