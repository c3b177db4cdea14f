//! Frames (报文): lengths, limits, transparency.

use crate::harness::{Door, Member, Prefix, World, answer_swapped, fates_add_up, message, payments, tpdu, vectors};

fn pair(profile: &'static str) -> (Member, Member, World) {
    let left = Member::new("left", profile).listen();
    let right = Member::new("right", profile).listen();
    let world = World::new(2).member(&left).member(&right).route("left", "right");
    (left, right, world)
}

/// MP1-4.4: Everything is 8-bit binary, transparent: no control characters. The communication layer
/// neither identifies message types nor touches content.
#[test]
fn mp1_4_4_content_passes_unread_and_unchanged() {
    let (left, right, world) = pair("institution");
    let switch = world.start();
    let mut one = switch.join(&left, 1);
    let mut other = switch.join(&right, 1);
    let every_byte: Vec<u8> = (0..=255).collect();
    // Sample messages of every kind: station headers, TPDUs, key blocks, one whose own length lies.
    let samples = vectors::names().map(vectors::data);
    for content in samples.chain([every_byte, b"\x00".to_vec(), b"\xff\xfe".to_vec()]) {
        one.send_frame(&content);
        other.expect_frame(&content);
        other.send_frame(&content);
        one.expect_frame(&content);
    }
    fates_add_up(&switch);
}

/// MP1-4.5.4: Institution frames: 4 ASCII decimal digits of length, not counting themselves, then
/// the data; data is at most 2044 bytes. A reader that gets a part reads on until it has the whole.
#[test]
fn mp1_4_5_4_four_digits_of_length_and_at_most_2044_bytes_read_to_their_end() {
    let (left, right, world) = pair("institution");
    let switch = world.start();
    let mut one = switch.join(&left, 1);
    let mut other = switch.join(&right, 1);
    one.send_raw(b"0005hello");
    other.expect_frame(b"hello");
    one.send_frame(&[0x5a; 2044]);
    other.expect_frame(&[0x5a; 2044]);
    for byte in b"0011in portions" {
        one.send_raw(&[*byte]);
    }
    other.expect_frame(b"in portions");
    one.send_raw(b"2045");
    one.expect_closed();
    switch.wait_metric("frames_malformed_total", &[("reason", "length_limit")], 1);
    switch.wait_line_state("left-1", "listening");
    let mut one = switch.join(&left, 1);
    one.send_raw(b"00 5hello");
    one.expect_closed();
    switch.wait_metric("frames_malformed_total", &[("reason", "length_digits")], 1);
}

/// MC6-5.2: Terminal frames: 2-byte binary length in network byte order, not counting itself, then
/// the data; a message is at most 2048 bytes.
#[test]
fn mc6_5_2_two_bytes_of_length_and_at_most_2048_bytes() {
    let (left, right, world) = pair("terminal");
    let switch = world.start();
    let mut one = switch.join(&left, 1);
    let mut other = switch.join(&right, 1);
    one.send_raw(b"\x00\x05hello");
    other.expect_frame(b"hello");
    one.send_raw(&[&b"\x01\x02"[..], &[0x5a; 258]].concat());
    other.expect_frame(&[0x5a; 258]);
    one.send_frame(&[0x5a; 2048]);
    other.expect_frame(&[0x5a; 2048]);
    one.send_raw(b"\x08\x01");
    one.expect_closed();
    switch.wait_metric("frames_malformed_total", &[("reason", "length_limit")], 1);
}

/// MC6-5.2b: Channel and merchant frames: 4 ASCII digits, right-aligned, padded with `0` on the
/// left (`0200` for 200).
#[test]
fn mc6_5_2b_four_digits_padded_with_zeros_on_the_left() {
    use std::io::Read;
    let (left, right, world) = pair("channel");
    let switch = world.start();
    let mut one = switch.join(&left, 1);
    let other = switch.join(&right, 1);
    one.send_raw(&[&b"0200"[..], &[0x5a; 200]].concat());
    let mut raw = [0; 204];
    let mut stream = other.writer();
    stream.set_read_timeout(Some(crate::harness::PATIENCE)).expect("a time-out above zero");
    stream.read_exact(&mut raw).expect("the frame as it is on the line");
    assert_eq!(&raw[..4], b"0200");
    assert_eq!(raw[4..], [0x5a; 200]);
    one.send_raw(b" 200");
    one.expect_closed();
    switch.wait_metric("frames_malformed_total", &[("reason", "length_digits")], 1);
    // As much as four digits can say, to a merchant and back from it.
    let door = Door::open(Prefix::Ascii4);
    let channel = Member::new("channel", "channel").listen();
    let merchant = Member::new("merchant", "merchant").connect(&door);
    let switch = World::new(2).member(&channel).member(&merchant).route("channel", "merchant").start();
    let mut agent = switch.join(&channel, 1);
    let mut shop = door.accept();
    switch.wait_joined("merchant-1", 1);
    agent.send_raw(&[&b"9999"[..], &[0x5a; 9999]].concat());
    shop.expect_frame(&[0x5a; 9999]);
    shop.send_raw(&[&b"9999"[..], &[0xa5; 9999]].concat());
    agent.expect_frame(&[0xa5; 9999]);
}

/// MC6-5.3: Dial monitoring: length (2), TPDU (5), LRI head (5, `4c 52 49 00 1c`), ANI (8), DNIS
/// (8), LRI tail (12), then header and data. The worked example in the text is a test vector.
#[test]
fn mc6_5_3_a_frame_with_dial_monitoring_passes_untouched() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    let request = [vectors::data("L2"), b"header and data".to_vec()].concat();
    assert_eq!(request[5..10], *b"LRI\x00\x1c", "the worked example");
    terminal.send_raw(&Prefix::Bin2.frame(&request));
    let received = issuer.receive();
    assert_eq!(message(&received), message(&request), "nothing behind the TPDU changes");
    // Hosts strip the block; answers do not carry it.
    issuer.send_frame(&answer_swapped(&received, b"header and data"));
    terminal.expect_frame(&tpdu(0x0000, 0x0003, b"header and data"));
    // A block cut short is passed on like any other content.
    let cut = request[..12].to_vec();
    terminal.send_frame(&cut);
    assert_eq!(message(&issuer.receive()), message(&cut));
    fates_add_up(&switch);
}
