//! Bytes from chunks and buffers to the programs.

use super::on_both_kernels;

on_both_kernels! {
    a_waiting_send_is_over_when_all_is_given
    a_send_without_waiting_gives_what_there_is_room_for
    a_cancelled_send_says_how_much_it_gave
    what_was_received_can_be_sent_from_where_it_lies
    a_waiting_send_ends_short_when_the_peer_resets
}

mod scripts {
    use ringswitch::ring::token::Kind;
    use ringswitch::ring::{How, Operation, Ring, Segment};

    use super::super::bench::{Bench, Report, pattern};
    use crate::kernels::{Kernel, Program};

    const MUCH: usize = 16 * 64 * 1024;

    pub fn a_waiting_send_is_over_when_all_is_given<K: Kernel>(bench: &mut Bench<K>) -> Report {
        let (socket, mut program) = bench.connection();
        bench.kernel.small_buffer(socket);
        let sent = pattern(1, MUCH);
        bench.send(1, socket, &sent, true);
        bench.linger();
        let early = bench.poll(Kind::Send, 1).is_some();
        let outstanding = bench.ring.health(socket).expect("a connection").outstanding > 0;
        assert!(bench.read(&mut program, MUCH) == sent);
        let result = bench.result(Kind::Send, 1);
        let health = bench.health(socket, |health| health.acknowledged == MUCH as u64);
        vec![format!("over before it was read: {early}, outstanding: {outstanding}, then {result}, {health:?}")]
    }

    pub fn a_send_without_waiting_gives_what_there_is_room_for<K: Kernel>(bench: &mut Bench<K>) -> Report {
        let (socket, mut program) = bench.connection();
        bench.kernel.small_buffer(socket);
        let sent = pattern(1, MUCH);
        bench.send(1, socket, &sent, false);
        bench.enter();
        let given = bench.poll(Kind::Send, 1).expect("over within the enter").result;
        let mut total = given as usize;
        let mut nothing = 0;
        // What the socket takes grows while packets are on their way; at last it takes nothing.
        for _ in 0..50 {
            bench.send(1, socket, &sent[total..total + 60_000], false);
            let result = bench.result(Kind::Send, 1);
            nothing = result.min(0);
            total += result.max(0) as usize;
        }
        assert!(bench.read(&mut program, total) == sent[..total], "what was given arrives, and no more");
        vec![format!("short: {}, then {nothing}", given > 0 && (given as usize) < MUCH)]
    }

    pub fn a_cancelled_send_says_how_much_it_gave<K: Kernel>(bench: &mut Bench<K>) -> Report {
        let (socket, mut program) = bench.connection();
        bench.kernel.small_buffer(socket);
        let sent = pattern(1, MUCH);
        bench.send(1, socket, &sent, true);
        bench.linger();
        let (cancel, given) = bench.cancel(Bench::<K>::token(Kind::Send, 1));
        let given = given as usize;
        assert!(given > 0 && given < MUCH, "{given}");
        bench.ring.push(Operation::Shutdown { token: Bench::<K>::token(Kind::Shutdown, 1), socket, how: How::Write });
        assert_eq!(bench.result(Kind::Shutdown, 1), 0);
        let mut read = bench.read(&mut program, given);
        bench.until("the end", |_| program.state() == crate::fake::PeerState::Ended);
        read.extend(program.receive());
        vec![format!("cancel {cancel}, the program reads exactly what was given: {}", read == sent[..given])]
    }

    pub fn what_was_received_can_be_sent_from_where_it_lies<K: Kernel>(bench: &mut Bench<K>) -> Report {
        let (socket, mut program) = bench.connection();
        bench.receive(1, socket, 0);
        program.send(&pattern(1, 1000));
        let received = bench.stream(1, 1000, true);
        let prefix = bench.chunk(ringswitch::ring::buffers::Size::Small, b"0250");
        let segments: Vec<_> = received
            .regions
            .iter()
            .flat_map(|region| {
                let (buffer, half) = (region.buffer, region.len / 2);
                [
                    Segment::Chunk { chunk: prefix, offset: 0, len: 4 },
                    Segment::Received { buffer, offset: region.offset, len: half },
                    Segment::Chunk { chunk: prefix, offset: 2, len: 2 },
                    Segment::Received { buffer, offset: region.offset + half, len: region.len - half },
                ]
            })
            .collect();
        bench.ring.send(Bench::<K>::token(Kind::Send, 1), socket, &segments, false);
        bench.enter();
        let result = bench.poll(Kind::Send, 1).expect("over within the enter").result;
        let read = bench.read(&mut program, result as usize);
        vec![format!("{result} {read:?}")]
    }

    pub fn a_waiting_send_ends_short_when_the_peer_resets<K: Kernel>(bench: &mut Bench<K>) -> Report {
        let (socket, program) = bench.connection();
        bench.kernel.small_buffer(socket);
        bench.receive(1, socket, 0);
        bench.send(1, socket, &pattern(1, MUCH), true);
        bench.linger();
        program.reset();
        let given = bench.result(Kind::Send, 1);
        let receive = bench.result(Kind::Receive, 1);
        let health = bench.ring.health(socket).expect("still open");
        bench.send(2, socket, b"more", true);
        let next = bench.result(Kind::Send, 2);
        bench.ring.close(socket);
        let short = given > 0 && (given as usize) < MUCH;
        let sum = health.acknowledged + health.outstanding == given as u64;
        vec![format!("short: {short}, receive {receive}, {} {}, sum {sum}, {next}", health.ended, health.dead)]
    }
}
