//! Finding frames, and the few bytes of a message that are read and written.

use std::hint::black_box;

use ringswitch::frame::{Framing, Prefix, Scan, scan};
use ringswitch::message::tpdu::{self, Tpdu};

use super::Operation;
use crate::counter::Counter;
use crate::plans::{DATA, REQUEST, frames};

pub const OPERATIONS: &[Operation] = &[
    Operation { name: "scan/bin2/frame", run: |counter| scan_one(counter, TERMINAL) },
    Operation { name: "scan/bin2/run", run: |counter| scan_run(counter, TERMINAL) },
    Operation { name: "scan/ascii4/frame", run: |counter| scan_one(counter, CHANNEL) },
    Operation { name: "scan/ascii4/run", run: |counter| scan_run(counter, CHANNEL) },
    Operation { name: "tpdu/read", run: tpdu_read },
    Operation { name: "tpdu/rewrite", run: tpdu_rewrite },
];

const TERMINAL: Framing = Framing { prefix: Prefix::Bin2, max: 2_048 };
const CHANNEL: Framing = Framing { prefix: Prefix::Ascii4, max: 9_999 };

/// Frames of one run, and repetitions of what is too short to be counted alone.
const RUN: usize = 100;

fn scan_one(counter: &mut Counter, framing: Framing) {
    let bytes = frames(framing.prefix, 1, &REQUEST);
    counter.rounds(RUN as u64, || {
        for _ in 0..RUN {
            black_box(scan(black_box(framing), black_box(&bytes)));
        }
    });
}

fn scan_run(counter: &mut Counter, framing: Framing) {
    let run = frames(framing.prefix, RUN, &REQUEST);
    let prefix = framing.prefix.bytes();
    counter.rounds(RUN as u64, || {
        let (framing, mut bytes, mut sum) = (black_box(framing), black_box(&run[..]), 0);
        while let Scan::Frame { data } = scan(framing, bytes) {
            sum += data;
            bytes = &bytes[prefix + data..];
        }
        assert_eq!(sum, RUN * DATA);
    });
}

fn tpdu_read(counter: &mut Counter) {
    let data = frames(Prefix::Bin2, 1, &REQUEST).split_off(Prefix::Bin2.bytes());
    counter.rounds(RUN as u64, || {
        for _ in 0..RUN {
            black_box(Tpdu::read(black_box(&data)));
        }
    });
}

fn tpdu_rewrite(counter: &mut Counter) {
    let mut data = frames(Prefix::Bin2, 1, &REQUEST).split_off(Prefix::Bin2.bytes());
    counter.rounds(RUN as u64, || {
        for _ in 0..RUN {
            let tpdu = Tpdu::read(black_box(&data)).expect("a TPDU");
            tpdu::write_address(black_box(&mut data), tpdu::SOURCE, tpdu.source.wrapping_add(1));
        }
    });
}
