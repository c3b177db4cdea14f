//! What the switch takes to pick a line and to decide a frame. Nothing is copied, queued or sent.

use std::hint::black_box;
use std::sync::Arc;

use ringswitch::frame::Prefix;
use ringswitch::ids::ShardId;
use ringswitch::message::tpdu;
use ringswitch::switch::Switch;
use ringswitch::switch::group::pick::{Pick, Purpose};
use ringswitch::switch::step::{Fate, Place};

use super::Operation;
use crate::counter::Counter;
use crate::plans::{self, ANSWER, DATA, REQUEST, frames, slot, switch, turn};

pub const OPERATIONS: &[Operation] = &[
    Operation { name: "pick/local/8", run: |counter| pick_anew(counter, ShardId(0), 16) },
    Operation { name: "pick/remote/8", run: |counter| pick_anew(counter, ShardId(1), 16) },
    Operation { name: "pick/local/256", run: |counter| pick_anew(counter, ShardId(0), 512) },
    Operation { name: "pick/remote/256", run: |counter| pick_anew(counter, ShardId(1), 512) },
    Operation { name: "pick/again", run: pick_again },
    Operation { name: "step/tpdu/request", run: |counter| requests_and_answers(counter, true, false) },
    Operation { name: "step/tpdu/answer", run: |counter| requests_and_answers(counter, false, true) },
    Operation { name: "step/tpdu/round-trip", run: |counter| requests_and_answers(counter, true, true) },
    Operation { name: "step/iso8583/request", run: |counter| by_key(counter, true, false) },
    Operation { name: "step/iso8583/answer", run: |counter| by_key(counter, false, true) },
    Operation { name: "step/pair/run", run: runs_of_a_pair },
    Operation { name: "step/station", run: between_stations },
];

/// Frames of one turn.
const TURN: usize = 100;

/// Frames of a run of a pair.
const RUN: usize = 20;

/// Turns until the lines used meanwhile may go unused again: 100 ms of turns of 100 us, as with some load.
const CLEARED_EVERY: u64 = 1_000;

/// The first pick of each turn, for a frame from shard 0, with only lines of one shard up: half of
/// `lines`. With fewer lines than turns most picks find every line used.
fn pick_anew(counter: &mut Counter, up_on: ShardId, lines: u16) {
    let published = Arc::new(plans::published(plans::plan(&plans::cards(2, 2, lines))));
    let is_up = |line: &str| published.plan.line(plans::line(&published.plan, line)).unwrap().shard == up_on;
    let [mut here, mut there] = [0, 1].map(|shard| plans::switch_of(ShardId(shard), &published, is_up));
    let host = plans::group(&published.plan, "host-1");
    counter.few_rounds(|round| {
        here.group_mut(host).clear_used();
        there.group_mut(host).clear_used();
        round.count(CLEARED_EVERY, || {
            for _ in 0..CLEARED_EVERY {
                here.begin_turn(here.now + plans::STEP);
                let Pick::Line(target) = here.pick(black_box(host), Purpose::Request, DATA) else {
                    panic!("a line is up");
                };
                assert_eq!(matches!(target.place, Place::Here(_)), up_on == ShardId(0));
            }
        });
    });
}

/// Every further pick of a turn.
fn pick_again(counter: &mut Counter) {
    let mut switch = switch(&plans::cards(1, 2, 8));
    let host = plans::group(&switch.plan, "host-1");
    counter.rounds(TURN as u64, || {
        for _ in 0..TURN {
            // A frame of no bytes leaves the quota as it is.
            assert!(matches!(switch.pick(black_box(host), Purpose::Request, 0), Pick::Line(_)));
        }
    });
}

/// Steps through the bytes; each frame must find a way.
#[inline]
fn every(switch: &mut Switch, slot: u32, bytes: &[u8], mut numbers: impl FnMut(u16)) {
    let mut at = 0;
    while at < bytes.len() {
        let step = switch.step(slot, black_box(&bytes[at..]), switch.now);
        let Fate::Forward(forward) = step.fate else { panic!("{:?}", step.fate) };
        switch.cuts.iter().filter_map(|cut| cut.rewrite).for_each(|rewrite| numbers(rewrite.value));
        black_box(forward);
        at += step.len;
    }
}

fn requests_and_answers(counter: &mut Counter, requests_count: bool, answers_count: bool) {
    let mut switch = switch(&plans::cards(1, 2, 2));
    let (nac, host) = (slot(&switch, "nac-1"), slot(&switch, "host-1"));
    let requests = frames(Prefix::Bin2, TURN, &REQUEST);
    let mut answers = frames(Prefix::Ascii4, TURN, &ANSWER);
    let mut numbers = Vec::with_capacity(TURN);
    counter.mixed_rounds(|round| {
        numbers.clear();
        round.count_if(requests_count, TURN as u64, || {
            turn(&mut switch);
            every(&mut switch, nac, &requests, |number| numbers.push(number));
        });
        for (answer, number) in answers.chunks_exact_mut(Prefix::Ascii4.bytes() + DATA).zip(&numbers) {
            tpdu::write_address(&mut answer[Prefix::Ascii4.bytes()..], tpdu::DESTINATION, *number);
        }
        round.count_if(answers_count, TURN as u64, || {
            turn(&mut switch);
            every(&mut switch, host, &answers, |_| {});
        });
    });
}

/// With other keys in every round, as trace numbers go on.
fn by_key(counter: &mut Counter, requests_count: bool, answers_count: bool) {
    let mut switch = switch(&plans::banks());
    let (acquirer, issuer) = (slot(&switch, "acquirer-1"), slot(&switch, "issuer-1"));
    let mut first = 0;
    counter.mixed_rounds(|round| {
        let messages = |message_type: &'static str| {
            let heads = (first..first + TURN).map(|nth| plans::bank_head(message_type, nth % 1_000_000));
            plans::frames_of(Prefix::Ascii4, heads)
        };
        let (requests, answers) = (messages("0200"), messages("0210"));
        first += TURN;
        round.count_if(requests_count, TURN as u64, || {
            turn(&mut switch);
            every(&mut switch, acquirer, &requests, |_| {});
        });
        round.count_if(answers_count, TURN as u64, || {
            turn(&mut switch);
            every(&mut switch, issuer, &answers, |_| {});
        });
    });
}

fn runs_of_a_pair(counter: &mut Counter) {
    let mut switch = switch(&plans::shop());
    let channel = slot(&switch, "channel-1");
    let run = frames(Prefix::Ascii4, RUN, b"");
    counter.rounds(RUN as u64, || {
        turn(&mut switch);
        every(&mut switch, channel, &run, |_| {});
    });
}

fn between_stations(counter: &mut Counter) {
    let mut switch = switch(&plans::stations());
    let east = slot(&switch, "east-1");
    let bytes = frames(Prefix::Ascii4, TURN, &plans::station_head());
    counter.rounds(TURN as u64, || {
        turn(&mut switch);
        every(&mut switch, east, &bytes, |_| {});
    });
}
