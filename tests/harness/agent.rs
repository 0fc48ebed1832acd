//! The client's agent, as a process of its own.

use crate::laptop::Laptop;
use crate::store::until;
use std::process::{Child, Command, Stdio};

/// An agent of a laptop's, in the foreground; killed with the value.
#[derive(Debug)]
pub struct Agent(Child);

impl Agent {
    /// Starts one and waits until it listens.
    ///
    /// # Panics
    /// If it cannot be started, or does not listen.
    #[must_use]
    pub fn start(laptop: &Laptop) -> Self {
        let agent = Self::launch(laptop);
        let pid = u64::from(agent.pid());
        until("an agent that listens", || {
            let status = laptop.json(&["agent", "status"]);
            (status["listens"] == true && status["pid"] == pid).then_some(())
        });
        agent
    }

    /// Starts one and waits for nothing.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn launch(laptop: &Laptop) -> Self {
        let child = laptop
            .command(&["agent"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.expect("the client can be started"))
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// `kill -9`.
    ///
    /// # Panics
    /// If it cannot be killed.
    pub fn kill(mut self) {
        self.0.kill().expect("ours");
        self.0.wait().expect("ours");
    }

    /// Sends a signal, such as `-TERM`, and waits; the exit status.
    ///
    /// # Panics
    /// If it gets none.
    #[must_use]
    pub fn end(mut self, signal: &str) -> Option<i32> {
        let sent = Command::new("kill")
            .args([signal, &self.0.id().to_string()])
            .status();
        assert!(sent.expect("kill is there").success());
        self.0.wait().expect("ours").code()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
