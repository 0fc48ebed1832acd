//! Which addresses the service may talk to.

use std::fmt;
use std::net::IpAddr;

/// A network in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `192.0.2.0/24`, or one address.
    ///
    /// # Errors
    /// A sentence for the command line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a network such as 192.0.2.0/24");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= most),
            None => Some(most),
        };
        bits.map(|bits| Self { address, bits }).ok_or_else(wrong)
    }

    /// Whether an address lies in it.
    #[must_use]
    pub fn holds(self, ip: IpAddr) -> bool {
        match (self.address, ip) {
            (IpAddr::V4(network), IpAddr::V4(ip)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                (u32::from(network) ^ u32::from(ip)) & mask == 0
            }
            (IpAddr::V6(network), IpAddr::V6(ip)) => {
                let mask = u128::MAX
                    .checked_shl(128 - u32::from(self.bits))
                    .unwrap_or(0);
                (u128::from(network) ^ u128::from(ip)) & mask == 0
            }
            _ => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// Whether the unit lets this address in by itself: the same list as in its file.
#[must_use]
pub fn unit_lets_in(ip: IpAddr) -> bool {
    let fixed = [
        "127.0.0.0/8",
        "::1/128",
        "169.254.0.0/16",
        "fe80::/64",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "fc00::/7",
    ];
    fixed
        .iter()
        .filter_map(|text| Network::parse(text).ok())
        .any(|network| network.holds(ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_other() {
        let holds =
            |network: &str, address: &str| Network::parse(network).unwrap().holds(ip(address));
        assert!(holds("203.0.113.0/24", "203.0.113.9"));
        assert!(!holds("203.0.113.0/24", "203.0.114.9"));
        assert!(holds("203.0.113.7", "203.0.113.7"));
        assert!(holds("0.0.0.0/0", "8.8.8.8") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1") && !holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("::/0", "2001:db8::1"));
        for text in ["", "203.0.113.0/33", "::/129", "host", "10.0.0.0/x", "10/8"] {
            assert!(Network::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn private_addresses_are_let_in_and_public_ones_are_not() {
        for address in [
            "127.0.0.1",
            "::1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "fd00::1",
            "fe80::1",
        ] {
            assert!(unit_lets_in(ip(address)), "{address}");
        }
        for address in ["172.32.0.1", "8.8.8.8", "2001:db8::1", "192.169.0.1"] {
            assert!(!unit_lets_in(ip(address)), "{address}");
        }
    }
}
