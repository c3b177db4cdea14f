//! How connections end.

use super::on_both_kernels;

on_both_kernels! {
    after_a_fin_sending_goes_on
    bytes_come_before_the_reset_that_followed_them
    a_shutdown_of_the_sending_half_leaves_the_other
    a_shutdown_of_both_halves_ends_the_receive
    closing_sends_a_fin
    closing_with_bytes_unread_sends_a_reset
    a_reset_is_seen_as_one
    a_connection_that_was_reset_before_it_is_accepted
}

mod scripts {
    use ringswitch::ring::token::Kind;
    use ringswitch::ring::{How, Operation, Ring, Socket};

    use super::super::bench::{Bench, Report, pattern};
    use crate::fake::PeerState;
    use crate::kernels::{Kernel, Program};

    fn shutdown<K: Kernel>(bench: &mut Bench<K>, socket: Socket, how: How) -> i32 {
        bench.ring.push(Operation::Shutdown { token: Bench::<K>::token(Kind::Shutdown, 1), socket, how });
        bench.result(Kind::Shutdown, 1)
    }

    pub fn after_a_fin_sending_goes_on<K: Kernel>(bench: &mut Bench<K>) -> Report {
        let (socket, mut program) = bench.connection();
        bench.receive(1, socket, 0);
        program.send(b"last words");
        program.shutdown();
        let stream = bench.stream(1, usize::MAX, true);
        let health = bench.ring.health(socket).expect("a connection");
        bench.send(1, socket, b"an answer", true);
        let sent = bench.result(Kind::Send, 1);
        let read = bench.read(&mut program, 9);
        bench.ring.close(socket);
        vec![format!("{:?} {:?} {health:?} {sent} {read:?}", stream.bytes, stream.end)]
    }

    pub fn bytes_come_before_the_reset_that_followed_them<K: Kernel>(bench: &mut Bench<K>) -> Report {
        let (socket, mut program) = bench.connection();
        program.send(&pattern(1, 300));
        program.reset();
        bench.health(socket, |health| health.dead);
        bench.receive(1, socket, 0);
        let stream = bench.stream(1, usize::MAX, true);
        bench.send(1, socket, b"more", true);
        let sent = bench.result(Kind::Send, 1);
        let remote = bench.ring.remote(socket).is_ok();
        let shut = shutdown(bench, socket, How::Both);
        let health = bench.ring.health(socket).expect("still open");
        bench.ring.close(socket);
        vec![format!("{} {:?} {sent} {remote} {shut} {health:?}", stream.bytes.len(), stream.end)]
    }

    pub fn a_shutdown_of_the_sending_half_leaves_the_other<K: Kernel>(bench: &mut Bench<K>) -> Report {
        let (socket, mut program) = bench.connection();
        bench.receive(1, socket, 0);
        bench.send(1, socket, b"bye", true);
        let sent = bench.result(Kind::Send, 1);
        let shut = shutdown(bench, socket, How::Write);
        let read = bench.read(&mut program, 3);
        bench.until("the end", |_| program.state() == PeerState::Ended);
        program.send(b"and you");
        let stream = bench.stream(1, 7, true);
        bench.send(1, socket, b"more", true);
        let refused = bench.result(Kind::Send, 1);
        let health = bench.health(socket, |health| health.acknowledged == 3);
        program.close();
        let end = bench.stream(1, usize::MAX, true).end;
        let dead = bench.health(socket, |health| health.dead).ended;
        bench.ring.close(socket);
        vec![format!("{sent} {shut} {read:?} {:?} {refused} {health:?} {end:?} {dead}", stream.bytes)]
    }

    pub fn a_shutdown_of_both_halves_ends_the_receive<K: Kernel>(bench: &mut Bench<K>) -> Report {
        let (socket, mut program) = bench.connection();
        bench.receive(1, socket, 0);
        bench.linger();
        let shut = shutdown(bench, socket, How::Both);
        let end = bench.stream(1, usize::MAX, true).end;
        bench.until("the end", |_| program.state() == PeerState::Ended);
        bench.ring.close(socket);
        vec![format!("{shut} {end:?}")]
    }

    pub fn closing_sends_a_fin<K: Kernel>(bench: &mut Bench<K>) -> Report {
        let (socket, mut program) = bench.connection();
        bench.send(1, socket, &pattern(1, 1000), true);
        let sent = bench.result(Kind::Send, 1);
        bench.ring.close(socket);
        let read = bench.read(&mut program, 1000);
        bench.until("the end", |_| program.state() == PeerState::Ended);
        vec![format!("{sent} {}", read == pattern(1, 1000))]
    }

    pub fn closing_with_bytes_unread_sends_a_reset<K: Kernel>(bench: &mut Bench<K>) -> Report {
        let (socket, mut program) = bench.connection();
        program.send(b"unread");
        bench.health(socket, |health| health.unread == 6);
        bench.ring.close(socket);
        bench.until("the reset", |_| program.state() == PeerState::Reset);
        vec![]
    }

    pub fn a_reset_is_seen_as_one<K: Kernel>(bench: &mut Bench<K>) -> Report {
        let (socket, mut program) = bench.connection();
        bench.ring.reset(socket);
        bench.until("the reset", |_| program.state() == PeerState::Reset);
        vec![]
    }

    pub fn a_connection_that_was_reset_before_it_is_accepted<K: Kernel>(bench: &mut Bench<K>) -> Report {
        let listener = bench.kernel.bind();
        let mut program = bench.kernel.connect(listener.local);
        program.send(b"hello");
        program.reset();
        bench.linger();
        let token = Bench::<K>::token(Kind::Accept, 0);
        bench.ring.push(Operation::Accept { token, listener: listener.socket });
        let socket = bench.accept();
        let remote = bench.ring.remote(socket).map_err(|error| error.raw_os_error());
        bench.receive(1, socket, 0);
        let stream = bench.stream(1, usize::MAX, true);
        bench.ring.close(socket);
        vec![format!("{:?} {:?} {:?}", remote.err(), stream.bytes, stream.end)]
    }
}
