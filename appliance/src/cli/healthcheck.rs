//! `healthcheck`: asks the running server whether it is ready, as a service manager or a container
//! runtime does it. The image holds no shell and no other program, so the binary asks itself.
//!
//! It trusts the appliance's own root and nothing else, so it also fails where the server's
//! certificate has ended. It opens no database and no key: all that it reads are the root and where
//! the server said it is. Exit codes are 0 and 1 alone: container runtimes keep the others for
//! themselves.

use super::Context;
use super::failure::{Exit, Failure};
use crate::data_dir;
use crate::http::tls;
use rustls::{ClientConfig, RootCertStore};
use serde::Serialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// A name that the server's certificate always has.
const NAME: &str = "localhost";
/// Longest that one of the two ports may take.
const LONGEST: Duration = Duration::from_secs(4);

#[derive(Serialize)]
struct Healthy {
    ready: bool,
    people: SocketAddr,
    devices: SocketAddr,
}

/// Why one port is not ready.
#[derive(Debug, thiserror::Error)]
enum Unready {
    #[error("the answer was {0}")]
    Status(http::StatusCode),
    #[error("there was no answer")]
    Silent(#[source] reqwest::Error),
    #[error("no client could be made")]
    Client(#[source] reqwest::Error),
}

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    let dir = &context.data_dir;
    let Some(serving) = data_dir::serving(dir) else {
        let what = format!("no server runs on {}", dir.display());
        let fix = "start it with `aiworklab-appliance serve`; the first time, `init` comes before";
        return Err(Failure::new(Exit::Failed, "D030", what, fix));
    };
    let trust = trust(dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            let fix = "raise the limit of processes (ulimit -u)";
            Failure::new(Exit::Failed, "D014", "no threads could be started", fix).because(&error)
        })?;
    for (port, address) in [("people", serving.people), ("devices", serving.devices)] {
        let asked = runtime.block_on(ask(trust.clone(), reachable(address)));
        asked.map_err(|why| {
            let what = format!("the {port} port at {address} is not ready");
            let fix = "the server's log says why; it may still be starting, or its disk is full";
            Failure::new(Exit::Failed, "D031", what, fix).because(&why)
        })?;
    }
    let healthy = Healthy {
        ready: true,
        people: serving.people,
        devices: serving.devices,
    };
    context.say(&healthy, || {
        format!(
            "Ready: people at {}, devices at {}.",
            healthy.people, healthy.devices
        )
    });
    Ok(())
}

/// TLS that trusts the appliance's root.
fn trust(dir: &Path) -> Result<ClientConfig, Failure> {
    let path = dir.join(data_dir::ROOT);
    let unreadable = |cause: &dyn std::error::Error| {
        let what = "the appliance's root certificate cannot be read";
        let fix = "restore root.pem from its backup, readable for the user that runs this command";
        Failure::new(Exit::Failed, "D032", what, fix)
            .at(&path)
            .because(cause)
    };
    let text = std::fs::read(&path).map_err(|error| unreadable(&error))?;
    let mut roots = RootCertStore::empty();
    let root = pki::from_pem(&text).map_err(|error| unreadable(&error))?;
    roots.add(root).map_err(|error| unreadable(&error))?;
    let config = ClientConfig::builder_with_provider(tls::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| unreadable(&error))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Where a server is reached from its own machine that listens at this address.
fn reachable(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

/// `GET /readyz`.
async fn ask(trust: ClientConfig, address: SocketAddr) -> Result<(), Unready> {
    let client = reqwest::Client::builder()
        .use_preconfigured_tls(trust)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(LONGEST)
        // No look-up: the name is only what the certificate is compared with.
        .resolve(NAME, address)
        .build()
        .map_err(Unready::Client)?;
    let url = format!("https://{NAME}:{}/readyz", address.port());
    let reply = client.get(url).send().await.map_err(Unready::Silent)?;
    match reply.status() {
        http::StatusCode::OK => Ok(()),
        other => Err(Unready::Status(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_interfaces_are_asked_by_the_loopback() {
        let at = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(at("0.0.0.0:8443"), "127.0.0.1:8443");
        assert_eq!(at("[::]:8443"), "[::1]:8443");
        assert_eq!(at("192.0.2.7:443"), "192.0.2.7:443");
    }
}
