//! Compiled `allow` lists: which remote addresses may connect to a line (`MC6-4.3`).

use std::net::IpAddr;

use ipnet::IpNet;

/// The addresses and prefixes of one member, as given. Order does not matter.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Allowlist {
    prefixes: Vec<IpNet>,
}

impl Allowlist {
    pub fn new(prefixes: Vec<IpNet>) -> Self {
        Self { prefixes }
    }

    /// Whether `remote` is registered. A v4-mapped IPv6 address counts as the IPv4 address it is.
    pub fn contains(&self, remote: IpAddr) -> bool {
        let remote = remote.to_canonical();
        self.prefixes.iter().any(|prefix| prefix.contains(&remote))
    }

    pub fn prefixes(&self) -> &[IpNet] {
        &self.prefixes
    }
}
