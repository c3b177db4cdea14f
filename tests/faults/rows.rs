//! Every row of the matrix: the fault, and what the switch must do.

use std::time::Duration;

/// Number, fault, what the switch must do.
#[rustfmt::skip]
pub const ROWS: [(u8, &str, &str); 55] = [
    (1, "line reset in the middle of a frame: RST after data, RST by a close with unread bytes, killed locally", "drop the part, count it, listen again; neighbours unaffected"),
    (2, "FIN with a part of a frame pending", "the same, reason named"),
    (3, "FIN by the member with requests pending: half-close and full close", "deliver their answers, over the group's other lines where the line is gone"),
    (4, "half-open: the peer's host vanishes (dropped, closed silently, link deleted)", "silence closes; the group carries on; nothing is sent twice"),
    (5, "black hole in one direction", "silence on receive, unacknowledged on send"),
    (6, "slow reader, zero window", "only its feeders pause; memory bounded; in order afterwards"),
    (7, "slow writer, a byte at a time", "`partial_within` closes"),
    (8, "lengths over the limit, not digits, signed, padded, NUL", "close with the reason"),
    (9, "flood of probes", "swallowed; others go on"),
    (10, "probe echoed back by the peer", "never answered, no storm"),
    (11, "10,000 connects from strangers' addresses in a storm", "reset, nothing kept; members go on"),
    (12, "stranger connects while the port is free and its owner waits", "refused; the owner gets in at once"),
    (13, "second connection on an occupied port, same and other IP", "the `second` policy"),
    (14, "half-dead first connection, the owner comes back (`replace`)", "old closed, new in"),
    (15, "one IP of a member removed by a reload while connected", "drained, closed; others untouched"),
    (16, "reload with a broken file, twice a second, under load", "nothing changes, a verdict each time"),
    (17, "reload that adds and removes 1,000 lines under load", "applied whole; kept lines lose nothing"),
    (18, "SIGHUP storm, SIGTERM in the middle of a reload", "ends in order"),
    (19, "SIGTERM with requests pending; a second SIGTERM", "drained within the limit; at once"),
    (20, "kill -9 under load and restart", "binds at once, lines back, nothing invented, no old answer meets a new number"),
    (21, "merchant refuses, times out, is unreachable, prohibited, has a full backlog, closes at once, never speaks", "told apart, back-off with jitter, no busy loop"),
    (22, "answer never comes", "timed out, counted, its number rests"),
    (23, "answer after its time-out, twice, unasked, with another member's number", "reaches nobody, counted each"),
    (24, "pending table full", "dropped and counted, recovers"),
    (25, "all lines of a group down for less and for more than `hold_answer`", "held and delivered; dropped and counted"),
    (26, "one trunk, both trunks, the backup too, back one by one", "MP1-5: the rest carries on, the trunk first"),
    (27, "requester's line broken in four ways with 1,000 answers in its socket buffer", "what was not acknowledged is resent over a sibling, copies counted"),
    (28, "host's line reset with requests in its socket buffer", "never resent; timed out"),
    (29, "one member floods at line rate", "others keep their share"),
    (30, "provided buffers exhausted", "armed again only once a buffer is back, no loss"),
    (31, "completion queue overflow", "no completion lost, armed again"),
    (32, "submission queue full", "handled"),
    (33, "file descriptors exhausted (limit lowered while running)", "accepting pauses until one is free, says so, recovers"),
    (34, "locked-memory limit too small; io_uring forbidden", "start refuses with the mending command"),
    (35, "wall clock jumps back and forth", "timers are monotonic"),
    (36, "a shard stalled (its thread stopped)", "watchdog and `/healthz` say so"),
    (37, "process stopped (SIGSTOP) and continued", "reads what lies in the sockets before it judges silence; catches up"),
    (38, "log target blocked (pipe not read)", "the data plane does not stop; drops are counted"),
    (39, "admin port: slow client, huge request, 1,000 connections", "bounded; data plane unmoved"),
    (40, "TPDU with another terminal's address; dial-monitoring block cut short", "passed or refused, never another's answer"),
    (42, "60,000 requests pending, the host comes back and answers all at once", "all delivered, memory bounded"),
    (43, "close with receive, send and cancel pending; the descriptor used again at once", "nobody gets the other's bytes"),
    (44, "short sends at every byte", "continued at the byte; frames never mix"),
    (45, "late or second completion after the slot was used again", "ignored by generation"),
    (46, "memory of the ring that becomes unreachable when it is given back", "no -EFAULT, no touch"),
    (47, "loss 2 %, duplicates, reordering, 50 ms", "no frame lost, doubled or out of order"),
    (48, "link down and up within the silence limit; RST told to one side only", "kept; noticed by the timer"),
    (49, "EINTR and 200 ms delays injected into io_uring_enter; a fifth of a CPU", "nothing lost, timers hold"),
    (50, "host answers twice, the second time after its number was used again (`guard` off)", "what the docs say can happen, and no more"),
    (51, "a requester that sends and never reads, its probes still coming", "its requests are not read, `unread_within` closes it, others' answers flow"),
    (52, "a line paused for longer than `silent_after`, with half a frame read", "not closed; goes on"),
    (53, "a black hole on a requester's line, found after the deadline of what lay in it", "not resent: late"),
    (54, "full close and reconnect at once, answers pending, `second = \"refuse\"`", "admitted; answers over the newcomer"),
    (55, "reload removes a requester's group while its requests wait, and adds another", "`requester_gone`, nothing to the other"),
    (56, "everything full at once: queues, answers, pending table, half frames, with little `memory`", "pauses and reasoned drops within the memory said at start; full speed afterwards"),
];

/// Prints the row's line of the table.
pub fn report(number: u8, figure: &str) {
    let (_, fault, must) = ROWS.iter().find(|(row, ..)| *row == number).expect("a row of the matrix");
    // Behind the test's name, which the runner leaves without an end of line.
    println!("\nFAULT {number:02} | {fault} | {must} | {figure}");
}

/// The same for a row that cannot be tried here.
pub fn skip(number: u8, why: &str) {
    report(number, &format!("SKIPPED: {why}"));
}

/// The length of a fault that is to last: the second with `RINGSWITCH_FAULTS=full`, as `scripts/faults.sh` has it.
pub fn lasting<T>(short: T, full: T) -> T {
    if std::env::var("RINGSWITCH_FAULTS").is_ok_and(|value| value == "full") { full } else { short }
}

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
