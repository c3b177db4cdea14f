//! TPDU and the dial-monitoring blocks behind it. Input: the data of a frame.

use std::ops::Range;

use ringswitch::message::tpdu::{self, DialMonitoring, Tpdu};

pub fn run(input: &[u8]) {
    let Some(head) = Tpdu::read(input) else {
        assert!(input.len() < tpdu::BYTES, "five bytes are a TPDU");
        assert_eq!(DialMonitoring::read(input), None, "blocks stand behind a TPDU");
        return;
    };
    let address = |at: usize| u16::from(input[at]) << 8 | u16::from(input[at + 1]);
    assert_eq!((head.id, head.destination, head.source), (input[0], address(1), address(3)));
    addresses(input, head);
    if let Some(found) = DialMonitoring::read(input) {
        blocks(input, &found);
    }
}

/// An address changes two bytes, and the old one brings the frame back.
fn addresses(input: &[u8], head: Tpdu) {
    for (at, old) in [(tpdu::DESTINATION, head.destination), (tpdu::SOURCE, head.source)] {
        let mut data = input.to_vec();
        tpdu::write_address(&mut data, at, !old);
        let differing: Vec<usize> = (0..data.len()).filter(|byte| data[*byte] != input[*byte]).collect();
        assert_eq!(differing, [at, at + 1]);
        tpdu::write_address(&mut data, at, old);
        assert_eq!(data, input);
    }
}

/// What was found lies behind each other from the TPDU to `end`, and begins as blocks begin.
fn blocks(input: &[u8], found: &DialMonitoring) {
    let lri: Option<Range<usize>> = found.lri.as_ref().map(|lri| {
        assert_eq!((lri.caller.len(), lri.called.len(), lri.tail.len()), (8, 8, 12));
        assert_eq!((lri.caller.end, lri.called.end), (lri.called.start, lri.tail.start));
        lri.caller.start - 5..lri.tail.end
    });
    let mut at = tpdu::BYTES;
    for (block, letters, bytes) in [(&lri, b"LRI", 33), (&found.lli, b"LLI", 33), (&found.lui, b"LUI", 40)] {
        let Some(block) = block else { continue };
        assert_eq!((block.start, block.len()), (at, bytes));
        assert!(input[block.clone()].starts_with(letters));
        at = block.end;
    }
    assert!(at > tpdu::BYTES && at == found.end && at <= input.len());
}
