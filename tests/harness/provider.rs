//! An identity provider: npm's certified `oidc-provider` (`tests/peers/openid-provider`), as a
//! child process on loopback, over TLS with an authority of its own.

use crate::appliance::Appliance;
use crate::browser::Browser;
use crate::program::{repository, run};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A provider; `alice` is one of its administrators, `bob` is not.
#[derive(Debug)]
pub struct Provider {
    files: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Provider {
    /// Makes its certificate and picks its port; [`Provider::start`] starts it, once the appliance
    /// has said where people come back to.
    ///
    /// # Panics
    /// If `openssl` is not there.
    #[must_use]
    pub fn new() -> Self {
        let files = TempDir::new().expect("a folder can be made");
        let script = peer().join("make-ca.sh");
        let made = run(Command::new("bash").arg(script).arg(files.path()), b"").ok();
        assert!(made.stdout.contains("OK"), "{}", made.stdout);
        let secret = files.path().join("secret");
        fs::write(&secret, "app-secret").expect("a file can be written");
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("and closed");
        // The issuer's name has the port in it, so it has to be known beforehand.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        Self {
            files,
            port: free.expect("a port is free").port(),
            child: None,
        }
    }

    /// The section of `config.toml`.
    #[must_use]
    pub fn config(&self) -> String {
        format!(
            "[oidc.corp]\nname = \"Corp\"\nissuer = \"{}\"\nclient_id = \"app\"\n\
             client_secret_file = \"{}\"\nca_file = \"{}\"\nroles_claim = \"groups\"\n\
             admin_values = [\"app-admins\"]\n",
            self.issuer(),
            self.file("secret").display(),
            self.file("ca.pem").display(),
        )
    }

    /// Its issuer.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// A file of its folder: `ca.pem` is its root.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Starts it for this appliance; again, if the appliance moved.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start(&mut self, appliance: &Appliance) {
        self.stop();
        assert!(
            peer().join("node_modules/oidc-provider").is_dir(),
            "the OpenID provider is not installed: .ci/deps test"
        );
        let redirect = format!("{}/oidc/corp/callback", appliance.people_url());
        #[expect(
            clippy::disallowed_methods,
            reason = "node may lie where only the caller knows"
        )]
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut child = Command::new("node")
            .arg("op.mjs")
            .current_dir(peer())
            .env_clear()
            .env("PATH", path)
            .env("PORT", self.port.to_string())
            .env("FLAVOR", "plain")
            .env("CERT", self.file("chain.pem"))
            .env("KEY", self.file("leaf.key"))
            .env("REDIRECT", redirect)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node is installed");
        let out = child.stdout.take().expect("stdout is piped");
        self.child = Some(child);
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        let ready = lines.any(|line| line.contains("\"ready\":true"));
        assert!(ready, "the OpenID provider did not start");
        // It goes on writing, and would end if nobody read.
        let _ = std::thread::spawn(move || lines.for_each(drop));
    }

    /// Ends it.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Makes somebody known, or changes what is said of them.
    pub fn user(&self, sub: &str, claims: &Value) {
        let body = serde_json::json!({ "sub": sub, "claims": claims });
        self.control("user", &body);
    }

    /// From now on it says that people signed in so many seconds before they did.
    pub fn backdate(&self, seconds: i64) {
        self.control("set", &serde_json::json!({ "authTimeSkew": -seconds }));
    }

    fn control(&self, what: &str, body: &Value) {
        let mut browser = Browser::new(&self.file("ca.pem"), &self.issuer());
        let path = format!("/__test/{what}");
        let _ = browser
            .request("POST", &path, Some(body.to_string()))
            .expect(200);
    }

    /// Signs somebody in; `start` is the path at the appliance that begins it.
    ///
    /// # Panics
    /// If it does not end at the appliance.
    pub fn sign_in(&self, browser: &mut Browser, start: &str, user: &str) {
        let callback = self.way_back(browser, start, user);
        let _ = browser.get(&callback).expect(303);
    }

    /// The same, up to the address at which the appliance is to be told.
    ///
    /// # Panics
    /// If it does not end at the appliance.
    #[must_use]
    pub fn way_back(&self, browser: &mut Browser, start: &str, user: &str) -> String {
        let mut there = Browser::new(&self.file("ca.pem"), &self.issuer());
        let begun = browser.get(start).expect(303);
        let mut at = begun.location().expect("a way to the provider").to_owned();
        for _ in 0..12 {
            if let Some(found) = at.find("/oidc/corp/callback") {
                return at[found..].to_owned();
            }
            let mut page = there.get(&at);
            if page.status == 200 {
                let action = page.body.split("action=\"").nth(1);
                let action = action.and_then(|rest| rest.split('"').next());
                let action = action
                    .unwrap_or_else(|| panic!("no form: {}", page.body))
                    .to_owned();
                page = there.post(&action, &[("sub", user), ("ok", "1")]);
            }
            at = page
                .location()
                .unwrap_or_else(|| panic!("{} {}", page.status, page.body))
                .to_owned();
        }
        panic!("too many redirects, at {at}")
    }
}

impl Default for Provider {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.stop();
    }
}

fn peer() -> PathBuf {
    repository().join("tests/peers/openid-provider")
}
