//! Connections accepted and made.

use super::on_both_kernels;

on_both_kernels! { connections_are_accepted_one_after_the_other connects_and_is_refused }

mod scripts {
    use std::collections::BTreeSet;

    use ringswitch::ring::token::Kind;
    use ringswitch::ring::{Health, Operation, Ring};

    use super::super::bench::{Bench, Report};
    use crate::kernels::{Kernel, Program, Server};

    pub fn connections_are_accepted_one_after_the_other<K: Kernel>(bench: &mut Bench<K>) -> Report {
        let listener = bench.listen();
        let programs: Vec<_> = (0..5).map(|_| bench.kernel.connect(listener.local)).collect();
        let sockets: Vec<_> = (0..5).map(|_| bench.accept()).collect();
        let numbers: BTreeSet<_> = sockets.iter().map(|socket| socket.0).collect();
        assert_eq!(numbers.len(), 5, "each has its own number");
        for (socket, program) in sockets.iter().zip(&programs) {
            assert_eq!(bench.ring.remote(*socket).expect("connected"), program.local(), "in the order of connecting");
            assert_eq!(bench.ring.local(*socket).expect("connected"), listener.local);
            assert_eq!(bench.ring.health(*socket).expect("connected"), Health::default());
            bench.ring.close(*socket);
        }
        let cancelled = bench.cancel(Bench::<K>::token(Kind::Accept, 0));
        vec![format!("cancel and accept end with {cancelled:?}")]
    }

    pub fn connects_and_is_refused<K: Kernel>(bench: &mut Bench<K>) -> Report {
        let mut server = bench.kernel.listen();
        let mut report = Report::new();
        for (slot, remote) in [(1, server.address()), (2, bench.kernel.nowhere())] {
            let socket = bench.ring.open(remote, Some("127.0.0.1:0".parse().expect("an address"))).expect("a socket");
            bench.ring.push(Operation::Connect { token: Bench::<K>::token(Kind::Connect, slot), socket, remote });
            let result = bench.result(Kind::Connect, slot);
            let health = bench.ring.health(socket).expect("a socket");
            report.push(format!("connect: {result}, remote {}, {health:?}", bench.ring.remote(socket).is_ok()));
            bench.ring.close(socket);
        }
        let mut program = server.accept().expect("one connection");
        bench.until("the FIN has arrived", |_| program.state() == crate::fake::PeerState::Ended);
        report
    }
}
