//! Time-outs (超时控制).

use crate::harness::{Member, answer_swapped, ask, eventually, fates_add_up, payments, round_trip};

/// TV4-3.2a: Every node keeps the time from sending a message to the next node until the answer
/// from it arrives.
#[test]
fn tv4_3_2a_the_time_from_sending_a_request_to_its_answer_is_kept() {
    let platform = Member::new("platform", "tv").key(r#"header = "tpdu""#).listen();
    let payment = Member::new("payment", "tv").key(r#"header = "tpdu""#).listen();
    let switch = payments(2, &platform, &payment).timer(r#"answer_within = "2s""#).start();
    let mut line = switch.join(&platform, 1);
    let mut next = switch.join(&payment, 1);
    round_trip(&mut line, &mut [&mut next], 1, "answered in time");
    switch.wait_metric("answer_seconds_count", &[], 1);
    ask(&mut line, 1, "not answered in time");
    let request = next.receive();
    switch.wait_metric("requests_timed_out_total", &[], 1);
    next.send_frame(&answer_swapped(&request, b"too late"));
    switch.wait_dropped("late", 1);
    round_trip(&mut line, &mut [&mut next], 1, "the first that comes");
    fates_add_up(&switch);
}

/// TV4-3.2b: Each node measures start and end on its own clock: nothing in a message, and no
/// behaviour of the member's, moves the deadline.
#[test]
fn tv4_3_2b_the_time_runs_on_the_switchs_own_clock() {
    let platform = Member::new("platform", "tv").key(r#"header = "tpdu""#).listen();
    let payment = Member::new("payment", "tv").key(r#"header = "tpdu""#).listen();
    let switch = payments(2, &platform, &payment).timer(r#"answer_within = "2s""#).start();
    let mut line = switch.join(&platform, 1);
    let mut next = switch.join(&payment, 1);
    // A time of transmission in the future, and traffic and probes all the while, change nothing.
    ask(&mut line, 1, "0200 transmitted 1231235959");
    let request = next.receive();
    eventually("the time-out, with everyone busy", || {
        next.send_probe();
        line.send_probe();
        (switch.metric("requests_timed_out_total", &[]) == 1).then_some(())
    });
    next.send_frame(&answer_swapped(&request, b"0210 transmitted 1231235959"));
    switch.wait_dropped("late", 1);
}
