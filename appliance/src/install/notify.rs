//! The word to the service manager: one datagram, as `sd_notify(3)` describes it.
//!
//! Without a service manager that listens nothing is said, and that is no error.

use crate::edges::Environment;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Where the service manager listens.
pub const VARIABLE: &str = "NOTIFY_SOCKET";

/// Says that we serve.
pub fn ready(environment: &Environment) {
    tell_or_log(environment, "READY=1");
}

/// Says that we are about to end.
pub fn stopping(environment: &Environment) {
    tell_or_log(environment, "STOPPING=1");
}

fn tell_or_log(environment: &Environment, text: &str) {
    if let Err(error) = tell(environment, text) {
        tracing::warn!(%error, text, "the service manager could not be told");
    }
}

/// Sends one message; `false` if nobody listens.
///
/// # Errors
/// The system's, if there is a socket and it does not take the message.
pub fn tell(environment: &Environment, text: &str) -> io::Result<bool> {
    let Some(path) = environment.get(VARIABLE) else {
        return Ok(false);
    };
    // An `@` stands for the zero byte of a name that is in no file system.
    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(path)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.send_to_addr(text.as_bytes(), &address)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_arrives_where_the_variable_points() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("notify");
        let listening = UnixDatagram::bind(&path).unwrap();
        let environment = Environment::of([(VARIABLE, path.to_str().unwrap())]);
        assert!(tell(&environment, "READY=1").unwrap());
        let mut buffer = [0; 32];
        let n = listening.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..n], b"READY=1");
    }

    #[test]
    fn without_a_service_manager_nothing_is_said() {
        assert!(!tell(&Environment::default(), "READY=1").unwrap());
    }

    #[test]
    fn a_socket_that_is_gone_is_an_error_and_not_a_panic() {
        let environment = Environment::of([(VARIABLE, "/nowhere/notify")]);
        assert!(tell(&environment, "READY=1").is_err());
    }
}
