//! Bytes from the sockets into the buffers.

use super::on_both_kernels;

on_both_kernels! {
    a_stream_fills_one_buffer_after_the_other
    sockets_share_a_buffer
    a_limit_ends_the_receive_and_leaves_the_rest
    a_limit_is_passed_by_one_receive_at_most
    what_was_cancelled_is_still_in_the_socket
    without_buffers_a_receive_ends_at_once
    many_limited_receives_mix_no_bytes
}

mod scripts {
    use ringswitch::limits::RECEIVE_BUFFER_BYTES;
    use ringswitch::ring::Ring;
    use ringswitch::ring::token::Kind;

    use super::super::bench::{Bench, Report, Stream, pattern};
    use crate::kernels::{Kernel, Program};

    pub fn a_stream_fills_one_buffer_after_the_other<K: Kernel>(bench: &mut Bench<K>) -> Report {
        let (socket, mut program) = bench.connection();
        bench.receive(1, socket, 0);
        let sent = pattern(1, 10 * 30_000);
        let mut stream = Stream::default();
        for part in sent.chunks(30_000) {
            program.send(part);
            let more = bench.stream(1, part.len(), true);
            stream.bytes.extend(more.bytes);
            stream.regions.extend(more.regions);
        }
        assert!(stream.bytes == sent, "all bytes, in order");
        let mut end = 0;
        for region in &stream.regions {
            assert_eq!(region.offset as usize, end, "each begins where the one before it ended");
            end = (end + region.len as usize) % RECEIVE_BUFFER_BYTES;
            assert_eq!(region.last, end == 0);
        }
        let buffers: Vec<_> = stream.regions.iter().filter(|r| r.last).map(|r| r.buffer).collect();
        vec![format!("full: {buffers:?}, free: {}", bench.ring.buffers_free())]
    }

    pub fn sockets_share_a_buffer<K: Kernel>(bench: &mut Bench<K>) -> Report {
        let (first, mut one) = bench.connection();
        let (second, mut two) = bench.connection();
        bench.receive(1, first, 0);
        bench.receive(2, second, 0);
        one.send(&pattern(1, 200));
        let mut regions = bench.stream(1, 200, true).regions;
        two.send(&pattern(2, 100));
        regions.extend(bench.stream(2, 100, true).regions);
        one.send(&pattern(3, 50));
        let last = bench.stream(1, 50, true);
        assert_eq!(last.bytes, pattern(3, 50));
        regions.extend(last.regions);
        regions.iter().map(|region| format!("{region:?}")).collect()
    }

    pub fn a_limit_ends_the_receive_and_leaves_the_rest<K: Kernel>(bench: &mut Bench<K>) -> Report {
        let (socket, mut program) = bench.connection();
        program.send(&pattern(1, 5000));
        bench.health(socket, |health| health.unread == 5000);
        bench.receive(1, socket, 1000);
        let first = bench.stream(1, usize::MAX, true);
        bench.linger();
        let left = bench.ring.health(socket).expect("a connection").unread;
        bench.receive(1, socket, 100_000);
        let rest = bench.stream(1, 4000, true);
        assert!(first.bytes == pattern(1, 5000)[..1000] && rest.bytes == pattern(1, 5000)[1000..]);
        vec![format!("{:?}, {left} left, then {:?}", first.end, rest.end)]
    }

    pub fn a_limit_is_passed_by_one_receive_at_most<K: Kernel>(bench: &mut Bench<K>) -> Report {
        let (socket, mut program) = bench.connection();
        bench.receive(1, socket, 1000);
        program.send(&[1; 600]);
        let first = bench.stream(1, 600, true);
        program.send(&[2; 3000]);
        let second = bench.stream(1, usize::MAX, true);
        vec![format!("{:?}, {:?} {}", first.end, second.end, second.bytes.len())]
    }

    pub fn what_was_cancelled_is_still_in_the_socket<K: Kernel>(bench: &mut Bench<K>) -> Report {
        let (socket, mut program) = bench.connection();
        bench.receive(1, socket, 0);
        bench.linger();
        let target = Bench::<K>::token(Kind::Receive, 1);
        let cancelled = bench.cancel(target);
        program.send(b"later");
        let unread = bench.health(socket, |health| health.unread == 5).unread;
        bench.receive(1, socket, 0);
        let stream = bench.stream(1, 5, true);
        let again = bench.cancel(target);
        let nobody = bench.cancelled_nobody();
        vec![format!("{cancelled:?} {unread} {:?} {again:?} {nobody}", stream.bytes)]
    }

    pub fn without_buffers_a_receive_ends_at_once<K: Kernel>(_: &mut Bench<K>) -> Report {
        let mut bench = Bench::<K>::with(1, 1);
        let (socket, mut program) = bench.connection();
        bench.receive(1, socket, 0);
        program.send(&pattern(1, RECEIVE_BUFFER_BYTES));
        let full = bench.stream(1, RECEIVE_BUFFER_BYTES, false);
        program.send(&pattern(2, 1000));
        let mut report = vec![format!("{} bytes, free {}", full.bytes.len(), bench.ring.buffers_free())];
        report.push(format!("nothing to fill: {}", bench.result(Kind::Receive, 1)));
        bench.receive(1, socket, 0);
        report.push(format!("armed without buffers: {}", bench.result(Kind::Receive, 1)));
        bench.ring.give_back(full.regions.last().expect("bytes").buffer);
        bench.linger();
        report.push(format!("comes back by itself: {}", bench.poll(Kind::Receive, 1).is_some()));
        bench.receive(1, socket, 0);
        let rest = bench.stream(1, 1000, false);
        assert!(full.bytes == pattern(1, RECEIVE_BUFFER_BYTES) && rest.bytes == pattern(2, 1000));
        report.push(format!("{:?}", rest.regions[0]));
        report
    }

    /// Receives that end and receives that go on fill the same buffers. If the kernel reported them in another order
    /// than it filled, bytes would be looked for in wrong places.
    pub fn many_limited_receives_mix_no_bytes<K: Kernel>(bench: &mut Bench<K>) -> Report {
        const LINES: u32 = 30;
        let mut lines: Vec<_> = (0..LINES).map(|_| bench.connection()).collect();
        for round in 0..20_usize {
            let len = |slot: u32| 1 + (slot as usize * 97 + round * 331) % 3000;
            for (slot, (socket, program)) in lines.iter_mut().enumerate() {
                program.send(&pattern(slot + round, len(slot as u32)));
                bench.health(*socket, |health| health.unread > 0);
            }
            for (slot, (socket, _)) in lines.iter().enumerate() {
                bench.receive(slot as u32, *socket, if slot % 3 == 0 { 0 } else { len(slot as u32) as u32 });
            }
            for slot in 0..LINES {
                let stream = bench.stream(slot, len(slot), true);
                assert!(stream.bytes == pattern(slot as usize + round, len(slot)), "line {slot} in round {round}");
                assert_eq!(stream.end.is_some(), slot % 3 != 0, "line {slot}");
                if stream.end.is_none() {
                    bench.cancel(Bench::<K>::token(Kind::Receive, slot));
                }
            }
        }
        vec![format!("free: {}", bench.ring.buffers_free())]
    }
}
