//! The sockets that lines listen on, by address: a reload keeps what it can, and two lines that
//! exchange their ports exchange sockets that are open already.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::source::Fault;
use crate::config::plan::{Line, Plan, Side};
use crate::ring::Listener;

/// Binds and listens.
pub type Bind = dyn Fn(SocketAddr) -> io::Result<Listener> + Send + Sync;

/// One open listener for each configured address. A listener is closed when its last holder, here
/// or a shard, drops it.
#[derive(Clone, Debug, Default)]
pub struct Listeners {
    by_address: BTreeMap<SocketAddr, Arc<Listener>>,
}

impl Listeners {
    /// The listeners that `plan` needs: those open in `self` or `retired` are taken over, the
    /// others bound.
    ///
    /// # Errors
    /// Every address that cannot be bound, with its line and the reason; what was bound for this
    /// plan is closed again.
    pub fn for_plan(
        &self,
        plan: &Plan,
        retired: &[Self],
        bind: &dyn Fn(SocketAddr) -> io::Result<Listener>,
        file: &str,
    ) -> Result<Self, Vec<Fault>> {
        let mut next = Self::default();
        let mut faults = Vec::new();
        for (line, address) in listening(plan) {
            let open = || [self].into_iter().chain(retired).find_map(|listeners| listeners.get(address));
            match open().map_or_else(|| bind(address).map(Arc::new), |listener| Ok(listener.clone())) {
                Ok(listener) => _ = next.by_address.insert(address, listener),
                Err(error) => {
                    let message = format!("line {}: cannot listen on {address}: {error}", line.name);
                    faults.push(Fault::without_place(file, message));
                }
            }
        }
        if faults.is_empty() { Ok(next) } else { Err(faults) }
    }

    /// By the configured address.
    pub fn get(&self, address: SocketAddr) -> Option<&Arc<Listener>> {
        self.by_address.get(&address)
    }
}

/// The listening lines of a plan.
pub fn listening(plan: &Plan) -> impl Iterator<Item = (&Arc<Line>, SocketAddr)> {
    plan.lines.iter().flatten().filter_map(|line| match line.side {
        Side::Listen(address) => Some((line, address)),
        Side::Connect { .. } => None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_types, reason = "tests ask over sockets")]

    use std::net::TcpStream;

    use super::*;
    use crate::control::testing::{address, bind, bind_but, connecting, free_port, listening, plan};

    #[test]
    fn what_is_open_is_kept_and_what_is_needed_no_more_is_closed() {
        let (one, two) = (free_port(), free_port());
        let first = Listeners::default()
            .for_plan(&plan(&[listening("a", one), listening("b", two)]), &[], &*bind(), "f")
            .expect("free ports");
        let swapped = plan(&[listening("a", two), connecting("c", 1)]);
        let second = first.for_plan(&swapped, &[], &*bind(), "f").expect("the port is ours");
        assert!(Arc::ptr_eq(second.get(address(two)).expect("kept"), first.get(address(two)).expect("bound")));
        TcpStream::connect(address(one)).expect("still open while the old plan is");
        drop(first);
        TcpStream::connect(address(one)).expect_err("closed with the old plan");
        TcpStream::connect(address(two)).expect("in use");
    }

    #[test]
    fn a_retired_listener_is_taken_back() {
        let port = free_port();
        let first = Listeners::default().for_plan(&plan(&[listening("a", port)]), &[], &*bind(), "f").expect("free");
        let back = Listeners::default()
            .for_plan(&plan(&[listening("a", port)]), std::slice::from_ref(&first), &*bind(), "f")
            .expect("taken back");
        assert!(Arc::ptr_eq(back.get(address(port)).expect("there"), first.get(address(port)).expect("there")));
    }

    #[test]
    fn a_port_that_is_taken_is_named_with_its_line_and_the_reason() {
        let wanted = plan(&[listening("a", 7001), listening("b", 7002), listening("c", 7003)]);
        let faults = Listeners::default().for_plan(&wanted, &[], &*bind_but(7002), "f.toml").expect_err("taken");
        let texts: Vec<_> = faults.iter().map(ToString::to_string).collect();
        let [fault] = &texts[..] else { panic!("one fault: {texts:?}") };
        assert!(
            fault.starts_with("f.toml: line b: cannot listen on 127.0.0.1:7002: Address already in use"),
            "{fault}"
        );
    }
}
