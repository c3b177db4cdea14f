//! Cutting a stream into frames, translating the prefix, rewriting the TPDU: what user space does
//! for every frame. `cargo bench --bench frames`; figures are per iteration, throughput per frame
//! where a run of frames is one iteration.
//!
//! Everything lies in the first-level cache here. In a switch the bytes were just written by the
//! kernel; compare two versions with it, do not add the figures up to a rate.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringswitch::frame::{Framing, Prefix, Scan, scan};
use ringswitch::message::tpdu::{self, DialMonitoring, Tpdu};

const TERMINAL: Framing = Framing { prefix: Prefix::Bin2, max: 2_048 };
const CHANNEL: Framing = Framing { prefix: Prefix::Ascii4, max: 9_999 };

/// Data bytes of a frame: a common size of a card transaction.
const DATA: usize = 200;

/// Frames of one run: about 20 KiB, what a busy socket holds at once.
const RUN: usize = 100;

fn run(prefix: Prefix, frames: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 0..frames {
        let start = bytes.len();
        bytes.resize(start + prefix.bytes() + DATA, number as u8);
        prefix.write(DATA, &mut bytes[start..]);
        bytes[start + prefix.bytes()..][..tpdu::BYTES].copy_from_slice(&[0x60, 0x00, 0x03, 0x12, 0x34]);
    }
    bytes
}

/// The data of each frame of a run.
fn each_frame(framing: Framing, mut bytes: &[u8], mut take: impl FnMut(&[u8])) {
    let prefix = framing.prefix.bytes();
    while let Scan::Frame { data } = scan(framing, bytes) {
        take(&bytes[prefix..prefix + data]);
        bytes = &bytes[prefix + data..];
    }
}

fn scanning(criterion: &mut Criterion) {
    for framing in [TERMINAL, CHANNEL] {
        let name = framing.prefix.name();
        let bytes = run(framing.prefix, RUN);
        let mut group = criterion.benchmark_group("scan");
        group.bench_function(format!("{name}/one"), |bencher| {
            bencher.iter(|| scan(black_box(framing), black_box(&bytes[..])));
        });
        group.bench_function(format!("{name}/part"), |bencher| {
            bencher.iter(|| scan(black_box(framing), black_box(&bytes[..100])));
        });
        group.throughput(Throughput::Elements(RUN as u64));
        group.bench_function(format!("{name}/run"), |bencher| {
            bencher.iter(|| {
                let mut sum = 0;
                each_frame(black_box(framing), black_box(&bytes), |data| sum += data.len());
                assert_eq!(sum, RUN * DATA);
            });
        });
    }
}

/// From a terminal's prefix to a host's and back, each frame copied behind its new prefix.
fn translating(criterion: &mut Criterion) {
    for (from, to) in [(TERMINAL, Prefix::Ascii4), (CHANNEL, Prefix::Bin2)] {
        let bytes = run(from.prefix, RUN);
        let mut out = vec![0; bytes.len() + 4 * RUN];
        let mut group = criterion.benchmark_group("translate");
        group.throughput(Throughput::Elements(RUN as u64));
        group.bench_function(format!("{}-{}/run", from.prefix.name(), to.name()), |bencher| {
            bencher.iter(|| {
                let mut end = 0;
                each_frame(from, black_box(&bytes), |data| {
                    to.write(data.len(), &mut out[end..]);
                    let start = end + to.bytes();
                    end = start + data.len();
                    out[start..end].copy_from_slice(data);
                });
                black_box(&out[..end]);
            });
        });
    }
}

fn headers(criterion: &mut Criterion) {
    let mut data = run(Prefix::Bin2, 1).split_off(Prefix::Bin2.bytes());
    let mut group = criterion.benchmark_group("tpdu");
    group.bench_function("read", |bencher| bencher.iter(|| Tpdu::read(black_box(&data))));
    group.bench_function("rewrite", |bencher| {
        bencher.iter(|| {
            let tpdu = Tpdu::read(black_box(&data)).expect("a TPDU");
            tpdu::write_address(black_box(&mut data), tpdu::SOURCE, tpdu.source.wrapping_add(1));
        });
    });
    group.bench_function("no dial monitoring", |bencher| bencher.iter(|| DialMonitoring::read(black_box(&data))));
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = scanning, translating, headers
}
criterion_main!(benches);
