//! Faults that are planted for the passes of `scripts/sanitize.sh`, which must see each of them.
//!
//! One that ends the process is a test which is ignored; its canary runs this program on it and reads how it ended.

use std::process::{Command, Output};

use super::*;
use crate::ring::Chunk;

/// Runs a test of this file that must not come to its end.
fn end_of(planted: &str) -> Output {
    let mut run = Command::new(std::env::current_exe().expect("this program"));
    run.args(["--ignored", "--exact", &format!("ring::uring::tests::canaries::{planted}"), "--nocapture"]);
    // Its report is looked at here; in the pass's folder it would count as a fault.
    run.env("ASAN_OPTIONS", "detect_leaks=1:exitcode=99").env("RUST_BACKTRACE", "0");
    run.output().expect("it runs")
}

/// A send of a whole chunk that was queued and not handed to the kernel yet.
fn queued_send(driver: &mut Driver) -> (Chunk, TcpStream) {
    let (socket, peer) = driver.accepted();
    let chunk = driver.ring.memory().chunks.take(Size::Small).expect("room");
    driver.ring.memory().chunks.tail(chunk, 0).fill(1);
    driver.ring.send(token(Kind::Send, 1), socket, &[Segment::Chunk { chunk, offset: 0, len: 4096 }], true);
    (chunk, peer)
}

#[cfg(ringswitch_asan)]
mod asan {
    use super::*;

    fn must_be_seen(planted: &str, report: &str) {
        let ended = end_of(&format!("asan::{planted}"));
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(99), "{said}");
        assert!(said.contains(report), "no {report}:\n{said}");
    }

    #[test]
    #[ignore = "planted: its canary runs it"]
    fn reads_a_buffer_that_the_kernel_has() {
        let mut driver = Driver::new();
        std::hint::black_box(driver.ring.memory().received.bytes(BufferId(3), 70, 1)[0]);
    }

    #[test]
    fn a_buffer_that_the_kernel_has_cannot_be_read() {
        must_be_seen("reads_a_buffer_that_the_kernel_has", "use-after-poison");
    }

    #[test]
    #[ignore = "planted: its canary runs it"]
    fn writes_to_a_chunk_in_flight() {
        let mut driver = Driver::new();
        let (chunk, _peer) = queued_send(&mut driver);
        driver.ring.memory().chunks.tail(chunk, 100)[0] = 2;
    }

    #[test]
    fn a_chunk_in_flight_cannot_be_written_to() {
        must_be_seen("writes_to_a_chunk_in_flight", "use-after-poison");
    }

    #[test]
    #[ignore = "planted: its canary runs it"]
    fn reads_a_chunk_that_was_given_back() {
        let mut ring = ring();
        let chunks = ring.memory().chunks;
        let chunk = chunks.take(Size::Large).expect("room");
        let late = chunks.address(chunk, 9, 1);
        chunks.give(chunk);
        // SAFETY: mapped memory; that nobody may read it is what this is about.
        std::hint::black_box(unsafe { late.read() });
    }

    #[test]
    fn a_chunk_that_was_given_back_cannot_be_read() {
        must_be_seen("reads_a_chunk_that_was_given_back", "use-after-poison");
    }

    #[test]
    fn what_is_over_can_be_touched_again() {
        let mut driver = Driver::new();
        let (chunk, mut peer) = queued_send(&mut driver);
        assert_eq!(driver.next(Kind::Send).result, 4096);
        driver.ring.memory().chunks.tail(chunk, 0)[0] = 2;
        peer.read_exact(&mut [0; 4096]).expect("what was sent");
    }

    #[test]
    #[ignore = "planted: its canary runs it"]
    fn forgets_what_it_allocated() {
        std::mem::forget(std::hint::black_box(vec![7_u8; 1000]));
    }

    #[test]
    fn what_is_forgotten_is_a_leak() {
        must_be_seen("forgets_what_it_allocated", "LeakSanitizer: detected memory leaks");
    }
}

#[cfg(ringswitch_unreachable)]
mod unreachable {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    #[should_panic(expected = "memory that is not there")]
    fn the_kernel_cannot_write_where_a_buffer_was() {
        let mut driver = Driver::new();
        let (socket, mut peer) = driver.accepted();
        driver.receive(socket);
        driver.ring.enter(Wait::No, &mut Vec::new());
        // Unmapped while it is lent: the kernel still knows the addresses.
        (0..limits::RECEIVE_BUFFERS).for_each(|buffer| driver.ring.received.renew(BufferId(buffer)));
        peer.write_all(b"late").expect("sent");
        driver.next(Kind::Receive);
    }

    #[test]
    #[should_panic(expected = "memory that is not there")]
    fn the_kernel_cannot_send_what_was_given_back() {
        let mut driver = Driver::new();
        let (chunk, _peer) = queued_send(&mut driver);
        driver.ring.memory().chunks.give(chunk);
        driver.next(Kind::Send);
    }

    #[test]
    #[ignore = "planted: its canary runs it"]
    fn reads_a_ring_that_is_gone() {
        let mut ring = ring();
        let late = ring.memory().received.address(BufferId(0), 0, 1);
        drop(ring);
        // SAFETY: none: that it is not there is what this is about.
        std::hint::black_box(unsafe { late.read() });
    }

    #[test]
    fn a_late_touch_ends_the_process() {
        let ended = end_of("unreachable::reads_a_ring_that_is_gone");
        assert_eq!(ended.status.signal(), Some(libc::SIGSEGV), "{ended:?}");
    }
}
