//! Frames cut at every byte, and frames glued together, through the whole switch.

use std::time::Duration;

use crate::harness::frames::{addresses, message, number_of, numbered, tpdu};
use crate::harness::{Member, NII, Peer, Prefix, answer_swapped, fates_add_up, payments};
use crate::on_1_2_and_5_shards;

/// Long enough for the part to be seen alone, most of the time; right whenever it is not.
const APART: Duration = Duration::from_millis(5);

/// Sends `bytes` in two parts, cut at `cut`; nothing may come out of the first alone.
fn send_cut(sender: &mut Peer, receiver: &mut Peer, bytes: &[u8], cut: usize) {
    sender.send_raw(&bytes[..cut]);
    receiver.expect_nothing_for(APART);
    sender.send_raw(&bytes[cut..]);
}

/// A request in `bin2` and its answer in `ascii4`, each cut at every byte.
fn every_cut_of_requests_and_answers(shards: u16) {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(shards, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    let request = Prefix::Bin2.frame(&tpdu(NII, 0x0042, b"cut at every byte"));
    for cut in 1..request.len() {
        send_cut(&mut terminal, &mut issuer, &request, cut);
        let received = issuer.receive();
        assert_eq!(message(&received), b"cut at every byte");
        assert_eq!(addresses(&received).0, NII);
        let answer = Prefix::Ascii4.frame(&answer_swapped(&received, b"the answer"));
        send_cut(&mut issuer, &mut terminal, &answer, 1 + cut % (answer.len() - 1));
        terminal.expect_frame(&tpdu(0x0042, NII, b"the answer"));
    }
    fates_add_up(&switch);
}

/// Two frames in one stream, cut at every byte of both: the first comes out whole, at once.
fn every_cut_of_two_frames(shards: u16) {
    for profile in ["terminal", "channel"] {
        let left = Member::new("left", profile).listen();
        let right = Member::new("right", profile).listen();
        let switch = crate::harness::World::new(shards).member(&left).member(&right).route("left", "right").start();
        let mut sender = switch.join(&left, 1);
        let mut receiver = switch.join(&right, 1);
        let first = sender.prefix().frame(b"first");
        let both = [first.clone(), sender.prefix().frame(b"second")].concat();
        for cut in 1..both.len() {
            sender.send_raw(&both[..cut]);
            if cut >= first.len() {
                receiver.expect_frame(b"first");
            }
            receiver.expect_nothing_for(APART);
            sender.send_raw(&both[cut..]);
            if cut < first.len() {
                receiver.expect_frame(b"first");
            }
            receiver.expect_frame(b"second");
        }
        fates_add_up(&switch);
    }
}

/// A thousand frames of all sizes in one write, which the kernel cuts where it likes.
fn a_thousand_frames_in_one_write(shards: u16) {
    let left = Member::plain("left").listen();
    let right = Member::plain("right").listen();
    let switch = crate::harness::World::new(shards).member(&left).member(&right).route("left", "right").start();
    let mut receiver = switch.join(&right, 1);
    let sender = switch.join(&left, 1);
    let frame = |number: u32| sender.prefix().frame(&numbered(number, (number as usize * 37) % 3000));
    let bytes: Vec<u8> = (0..1000).flat_map(frame).collect();
    let mut writer = sender.writer();
    let writing = std::thread::spawn(move || std::io::Write::write_all(&mut writer, &bytes));
    for number in 0..1000 {
        assert_eq!(number_of(&receiver.receive()), number, "in the order sent");
    }
    writing.join().expect("the writer does not panic").expect("all of it is taken");
    fates_add_up(&switch);
}

on_1_2_and_5_shards!(every_cut_of_requests_and_answers, every_cut_of_two_frames, a_thousand_frames_in_one_write);
