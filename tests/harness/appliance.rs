//! An appliance, initialised and served as its administrator does it.

use crate::browser::Browser;
use crate::program::{Output, Program, command, program, run};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// How it is served.
#[derive(Clone, Debug, Default)]
pub struct Serve {
    /// Marked as a sample for good.
    pub sample: bool,
    /// Filled with the sample organisation before it serves; the store is then marked as one.
    pub filled: bool,
    /// Seconds by which sync replies and snapshots are ahead; sample stores alone.
    pub clock: Option<i64>,
    /// Appended to `config.toml` after `init`.
    pub config: String,
    /// Keys that stand commented in the `config.toml` of `init`, and their values as TOML.
    pub settings: Vec<(&'static str, String)>,
    /// Put before the program: `strace …`.
    pub under: Vec<String>,
    /// Another place of the program that serves than where it was built.
    pub program: Option<PathBuf>,
}

/// A served appliance in a folder of its own.
#[derive(Debug)]
pub struct Appliance {
    home: TempDir,
    options: Serve,
    child: Option<Child>,
    facts: Value,
}

impl Appliance {
    /// A real store, empty.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(Serve::default())
    }

    /// A store as these options say.
    ///
    /// # Panics
    /// If it does not come up.
    #[must_use]
    pub fn start_with(options: Serve) -> Self {
        let home = TempDir::new().expect("a folder can be made");
        let mut appliance = Self {
            home,
            options,
            child: None,
            facts: Value::Null,
        };
        let mut init = vec!["init", "--organisation", "Test organisation"];
        if appliance.options.sample || appliance.options.filled {
            init.push("--sample");
        }
        let _ = appliance.command(&init).ok();
        if appliance.options.filled {
            let _ = appliance.command(&["sample", "load"]).ok();
        }
        let path = appliance.data().join("config.toml");
        let mut config = std::fs::read_to_string(&path).expect("init wrote a configuration");
        for (key, value) in &appliance.options.settings {
            let commented = format!("\n#{key} = ");
            assert!(
                config.contains(&commented),
                "{key} stands in the configuration"
            );
            config = config.replacen(&commented, &format!("\n{key} = {value} # "), 1);
        }
        std::fs::write(&path, config + "\n" + &appliance.options.config)
            .expect("it can be changed");
        appliance.serve();
        appliance
    }

    /// The data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// Everything that `serve` logged so far.
    ///
    /// # Panics
    /// If the log cannot be read.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).expect("the log is readable")
    }

    /// Where `serve` logs to.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        self.home.path().join("log")
    }

    /// Runs a command of `aiworklab-appliance` on this data directory.
    pub fn command(&self, args: &[&str]) -> Output {
        let mut command = command(Program::Appliance, args);
        command.arg("--data-dir").arg(self.data());
        run(&mut command, b"")
    }

    /// The same with `--json`, as JSON.
    #[must_use]
    pub fn json(&self, args: &[&str]) -> Value {
        self.command(&[args, &["--json"]].concat()).json()
    }

    /// Starts `serve` and waits until it answers.
    ///
    /// # Panics
    /// If it does not.
    pub fn serve(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path());
        let log = log.expect("a log can be written");
        // Served again, it stays where its devices know it to be.
        let stays = |port: &str| {
            self.facts[port]
                .as_str()
                .unwrap_or("127.0.0.1:0")
                .to_owned()
        };
        let (people, devices) = (stays("people"), stays("devices"));
        let built = || program(Program::Appliance);
        let binary = self.options.program.clone().unwrap_or_else(built);
        let mut serve = match self.options.under.split_first() {
            None => Command::new(binary),
            Some((first, rest)) => {
                let mut under = Command::new(first);
                under.args(rest).arg(binary);
                under
            }
        };
        serve
            .args([
                "serve",
                "--json",
                "--people",
                &people,
                "--devices",
                &devices,
            ])
            .arg("--data-dir")
            .arg(self.data())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        if let Some(seconds) = self.options.clock {
            serve.arg(format!("--clock={seconds}"));
        }
        let mut child = serve.spawn().expect("serve can be started");
        let out = child.stdout.take().expect("stdout is piped");
        self.child = Some(child);
        let mut said = String::new();
        for line in BufReader::new(out).lines() {
            said += &line.expect("serve prints text");
            if let Ok(facts) = serde_json::from_str(&said) {
                self.facts = facts;
                return;
            }
        }
        panic!("serve ended: {said}\n{}", self.log());
    }

    /// Ends `serve` as an administrator does, with SIGTERM, and waits for it.
    ///
    /// # Panics
    /// If it does not end well.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            self.signal(Signal::TERM);
            let status = child.wait().expect("serve can be waited for");
            assert!(
                status.success(),
                "serve ended with {status}\n{}",
                self.log()
            );
        }
    }

    /// Ends `serve` at once, as a power cut ends a process.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            self.signal(Signal::KILL);
            let _ = child.wait().expect("serve can be waited for");
        }
    }

    /// Ends `serve` and starts it again with its clock so many seconds ahead.
    pub fn restart_ahead(&mut self, seconds: i64) {
        self.stop();
        self.options.clock = Some(seconds);
        self.serve();
    }

    /// Ends `serve` and starts it again under another program: `strace …`.
    pub fn restart_under(&mut self, under: &[&str]) {
        self.stop();
        self.options.under = under.iter().map(|&word| word.to_owned()).collect();
        self.serve();
    }

    fn signal(&self, signal: Signal) {
        let pid = self.facts["pid"]
            .as_i64()
            .and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }

    /// The people's base URL.
    #[must_use]
    pub fn people(&self) -> String {
        format!(
            "https://{}",
            self.facts["people"].as_str().unwrap_or_default()
        )
    }

    /// The people's base URL as the appliance tells it: by its name.
    #[must_use]
    pub fn people_url(&self) -> String {
        self.facts["people_url"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The pid of the server itself, whatever it was started under.
    ///
    /// # Panics
    /// If it does not serve.
    #[must_use]
    pub fn pid(&self) -> u32 {
        let pid = self.facts["pid"]
            .as_u64()
            .and_then(|pid| u32::try_from(pid).ok());
        pid.expect("it serves")
    }

    /// The devices' base URL.
    #[must_use]
    pub fn devices(&self) -> String {
        format!(
            "https://{}",
            self.facts["devices"].as_str().unwrap_or_default()
        )
    }

    /// `sha256:…` of the root.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.facts["ca_fingerprint"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The root certificate, PEM.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.data().join("root.pem")
    }

    /// A fresh one-time link: the first administrator's, or of whoever has this address.
    ///
    /// # Panics
    /// If none is given.
    #[must_use]
    pub fn link(&self, email: Option<&str>) -> String {
        let mut args = vec!["admin", "link"];
        if let Some(email) = email {
            args.extend(["--for", email]);
        }
        let url = self.json(&args)["url"]
            .as_str()
            .expect("a link has a URL")
            .to_owned();
        // The link names the host as people know it; the test reaches it at its address.
        let path = url
            .find("/link/")
            .map(|at| url[at..].to_owned())
            .expect("a link's path");
        self.people() + &path
    }

    /// A browser, signed in by a one-time link.
    #[must_use]
    pub fn signed_in(&self, email: Option<&str>) -> Browser {
        let mut browser = self.browser();
        browser.open_link(&self.link(email));
        browser
    }

    /// A browser that trusts the root.
    #[must_use]
    pub fn browser(&self) -> Browser {
        Browser::new(&self.root(), &self.people())
    }

    /// A folder that lives as long as the appliance.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.home.path()
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        self.kill();
    }
}
