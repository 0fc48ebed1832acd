//! The name that people will type: whether it leads here, and from where it may be reached.

use super::{Row, Wanted};
use crate::install::network::{Network, unit_lets_in};
use std::net::{IpAddr, ToSocketAddrs as _, UdpSocket};

/// Whether a name leads to this machine.
pub(super) enum Leads {
    Here(IpAddr),
    Elsewhere(IpAddr),
    Nowhere,
}

pub(super) fn leads(host: &str) -> Leads {
    let found: Vec<IpAddr> = match (host, 0).to_socket_addrs() {
        Ok(found) => found.map(|address| address.ip()).collect(),
        Err(_) => return Leads::Nowhere,
    };
    // Only an address of this machine can be bound.
    let here = |ip: &&IpAddr| UdpSocket::bind((**ip, 0)).is_ok();
    match (found.iter().find(here), found.first()) {
        (Some(ip), _) => Leads::Here(*ip),
        (None, Some(ip)) => Leads::Elsewhere(*ip),
        (None, None) => Leads::Nowhere,
    }
}

pub(super) fn names(wanted: &Wanted<'_>) -> Vec<Row> {
    // The configuration that is there says it.
    if wanted.installed.is_some() || wanted.keeps_data {
        return Vec::new();
    }
    if wanted.hosts.is_empty() {
        let loopback = wanted.people.ip().is_loopback();
        let fix = match loopback {
            true => "only this machine can reach it; give --host and --people for others",
            false => "give --host the name that people will type: the certificate needs it",
        };
        return vec![Row::care(
            "name",
            "only localhost will be in the certificate",
            fix,
        )];
    }
    wanted
        .hosts
        .iter()
        .map(|host| name(host, leads(host), wanted.networks))
        .collect()
}

pub(super) fn name(host: &str, leads: Leads, networks: &[Network]) -> Row {
    if !crate::config::value::is_host(host) {
        return Row::stop(
            "name",
            format!("`{host}` is neither a host name nor an IP address"),
            "give --host a bare name such as skills.example, without https:// and port",
        );
    }
    match leads {
        Leads::Here(ip) | Leads::Elsewhere(ip)
            if !unit_lets_in(ip) && !networks.iter().any(|network| network.holds(ip)) =>
        {
            Row::care(
                "name",
                format!("{host} is {ip}, and the service talks to private networks alone"),
                "give --network ADDRESS/BITS for each network that people come from",
            )
        }
        Leads::Here(ip) => Row::pass("name", format!("{host} is {ip}, this machine")),
        Leads::Elsewhere(ip) => Row::care(
            "name",
            format!("{host} is {ip}, which is not this machine"),
            "right if a balancer passes TCP through from there; else correct the name",
        ),
        Leads::Nowhere => Row::care(
            "name",
            format!("{host} does not resolve here"),
            "enter it in your DNS before engineers enrol",
        ),
    }
}
