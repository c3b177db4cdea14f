//! One line, one IP and port (`MC6-4.2`): at our end for what listens or is bound, at the other end
//! for what connects.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::config::fault::{Findings, Place};
use crate::config::model::{Line, Model};
use crate::config::plan::Admin;

pub fn check(model: &Model, findings: &mut Findings<'_>) {
    let mut local = Local::default();
    if let (Some(Admin::Tcp(address)), Some(place)) = (model.switch.admin.get(), model.switch.admin.place()) {
        local.take(*address, place, findings);
    }
    let mut remotes = BTreeMap::new();
    for line in model.members.iter().flat_map(|member| member.lines()) {
        for (address, place) in local_ends(line) {
            local.take(address, place, findings);
        }
        connects_alone(line, &mut remotes, findings);
    }
}

fn local_ends(line: &Line) -> impl Iterator<Item = (SocketAddr, Place)> {
    let listen = line.listen.get().copied().zip(line.listen.place());
    let bound = line.bind.get().map(|bind| SocketAddr::new(bind.ip, bind.port)).zip(line.bind.place());
    listen.into_iter().chain(bound)
}

fn connects_alone(line: &Line, remotes: &mut BTreeMap<SocketAddr, Place>, findings: &mut Findings<'_>) {
    let (Some(remote), Some(place)) = (line.connect.get(), line.connect.place()) else { return };
    if let Some(first) = remotes.get(remote) {
        let first = findings.name_of(*first);
        findings.refuse(place, format!("two lines connect to {remote}: the first at {first}"));
    } else {
        remotes.insert(*remote, place);
    }
}

/// Our addresses that are taken. Port 0 is whatever the kernel finds free, so it never is.
#[derive(Default)]
struct Local {
    exact: BTreeMap<SocketAddr, Place>,
    /// By IPv6 or not and port: the first line there, whatever its IP. What a wildcard meets.
    any: BTreeMap<(bool, u16), (SocketAddr, Place)>,
    wildcard: BTreeMap<(bool, u16), (SocketAddr, Place)>,
}

impl Local {
    fn take(&mut self, address: SocketAddr, place: Place, findings: &mut Findings<'_>) {
        if address.port() == 0 {
            return;
        }
        if let Some((taken, first)) = self.overlapping(address) {
            let first = findings.name_of(first);
            findings.refuse(place, overlap(address, taken, &first));
            return;
        }
        let family_and_port = (address.is_ipv6(), address.port());
        self.exact.insert(address, place);
        self.any.entry(family_and_port).or_insert((address, place));
        if address.ip().is_unspecified() {
            self.wildcard.insert(family_and_port, (address, place));
        }
    }

    /// `[::]` is IPv6 only, so the families never meet.
    fn overlapping(&self, address: SocketAddr) -> Option<(SocketAddr, Place)> {
        let family_and_port = (address.is_ipv6(), address.port());
        if address.ip().is_unspecified() {
            return self.any.get(&family_and_port).copied();
        }
        let same = self.exact.get(&address).map(|place| (address, *place));
        same.or_else(|| self.wildcard.get(&family_and_port).copied())
    }
}

fn overlap(address: SocketAddr, taken: SocketAddr, first: &str) -> String {
    if address == taken {
        return format!("{address} is given twice, and a port carries one connection: first at {first}");
    }
    let wildcard: IpAddr = if address.ip().is_unspecified() { address.ip() } else { taken.ip() };
    format!("{address} and {taken} ({first}) overlap: {wildcard} stands for every address of this host")
}
