//! Answers by group (应答报文按组返回).

use crate::harness::{Member, NII, answer_swapped, ask, eventually, fates_add_up, payments, tpdu};

/// MC6-4.1.4: Answers return by group: lines set as one group, a request that came in on line 1 may
/// be answered on line 1 or on any other live line of the group; when a line breaks after the
/// request, the answer goes out on another line of the group and the transaction does not fail.
#[test]
fn mc6_4_1_4_an_answer_returns_over_another_line_of_the_group() {
    let nac = Member::nac("nac").listen().listen();
    let outsider = Member::nac("outsider").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).member(&outsider).route("outsider", "host").start();
    let mut line_1 = switch.join(&nac, 1);
    let mut line_2 = switch.join(&nac, 2);
    let mut stranger = switch.join(&outsider, 1);
    let mut issuer = switch.join(&host, 1);
    // Nothing broke: line 1 or line 2.
    ask(&mut line_1, 0x0042, "on line 1");
    let request = issuer.receive();
    issuer.send_frame(&answer_swapped(&request, b"on either"));
    let (_, answer) = crate::harness::receive_from_any(&mut [&mut line_1, &mut line_2]);
    assert_eq!(answer, tpdu(0x0042, NII, b"on either"));
    // Line 1 breaks behind the request.
    ask(&mut line_1, 0x0042, "on line 1");
    let request = issuer.receive();
    line_1.reset();
    eventually("line 1 is broken", || (switch.line_state("nac-1") != "up").then_some(()));
    issuer.send_frame(&answer_swapped(&request, b"on line 2"));
    line_2.expect_frame(&tpdu(0x0042, NII, b"on line 2"));
    // Another member's line is none of the group.
    ask(&mut stranger, 0x0042, "its own");
    let request = issuer.receive();
    issuer.send_frame(&answer_swapped(&request, b"its own"));
    stranger.expect_frame(&tpdu(0x0042, NII, b"its own"));
    fates_add_up(&switch);
}
