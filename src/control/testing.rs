//! Plans and listeners for the tests of this module, made by hand.

#![allow(clippy::disallowed_types, reason = "tests bind without a ring")]

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use super::listeners::Bind;
use crate::config::allowlist::Allowlist;
use crate::config::plan::{
    Admin, Flow, Group, Header, Limits, Line, LogFormat, OnLineLoss, Plan, Profile, Resend, Second, Settings, Side,
    Tier, Timers, Ways,
};
use crate::frame::{Framing, Prefix};
use crate::ids::{GroupId, LineId, MemberId, ShardId};
use crate::ring::{Listener, Socket};
use crate::time::Span;

pub fn address(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

pub fn listening(name: &str, port: u16) -> Line {
    line(name, Side::Listen(address(port)))
}

pub fn connecting(name: &str, port: u16) -> Line {
    line(name, Side::Connect { remote: address(port), bind: None })
}

fn line(name: &str, side: Side) -> Line {
    Line {
        id: LineId(0),
        name: Arc::from(name),
        member: MemberId(0),
        member_name: Arc::from("member"),
        group: GroupId(0),
        group_name: Arc::from("main"),
        position: 0,
        shard: ShardId(0),
        tier: Tier::Trunk,
        flow: Flow::Duplex,
        side,
        profile: Profile::Terminal,
        framing: Framing { prefix: Prefix::Bin2, max: 2048 },
        probe: false,
        expect: true,
        timers: timers(),
        limits: Limits { line_queue: 1 << 20, answer_queue: 16 << 20, pending: 65_000 },
        allow: Arc::new(Allowlist::default()),
        second: Second::Refuse,
        resend: Resend::Never,
    }
}

pub fn timers() -> Timers {
    let second = Span::from_secs(1);
    Timers {
        probe_after: Span::from_secs(120),
        silent_after: Span::from_secs(180),
        answer_within: Span::from_secs(45),
        connect_within: second,
        reconnect_first: second,
        reconnect_longest: second,
        partial_within: second,
        unread_within: second,
        pause_within: second,
        hold_answer: second,
        trunk_steady: second,
        drain_within: second,
    }
}

pub fn settings() -> Settings {
    Settings {
        name: "sw1".to_owned(),
        shards: 1,
        admin: Admin::Off,
        log: LogFormat::Text,
        spin: Span::ZERO,
        state: None,
        drain_within: Span::from_secs(1),
        memory: 1 << 30,
        connections: 100,
        events: 3,
    }
}

/// A plan of these lines, numbered as they stand. It has no groups: these tests are about lines.
pub fn plan(lines: &[Line]) -> Plan {
    let number = |(at, line): (usize, &Line)| Some(Arc::new(Line { id: LineId(at as u32), ..line.clone() }));
    Plan {
        settings: settings(),
        members: Vec::new(),
        lines: lines.iter().enumerate().map(number).collect(),
        groups: vec![Some(group(0, "member", Ways::Nowhere, false))],
        stations: BTreeMap::new(),
    }
}

fn header_of(ways: &Ways) -> Header {
    match ways {
        Ways::Nowhere | Ways::Pair { .. } => Header::None,
        Ways::Tpdu(_) => Header::Tpdu,
        Ways::Station(_) => Header::Station,
        Ways::Iso8583(_) => Header::Iso8583,
    }
}

/// A group without lines.
pub fn group(id: u32, member: &str, ways: Ways, answers: bool) -> Arc<Group> {
    Arc::new(Group {
        id: GroupId(id),
        member: MemberId(id),
        member_name: Arc::from(member),
        name: Arc::from("main"),
        lines: Vec::new(),
        header: header_of(&ways),
        ways,
        answers,
        on_line_loss: OnLineLoss::Keep,
        timers: timers(),
        limits: Limits { line_queue: 1 << 20, answer_queue: 16 << 20, pending: 65_000 },
    })
}

/// Binds with the standard library.
pub fn bind() -> Arc<Bind> {
    Arc::new(|address| {
        let socket = TcpListener::bind(address)?;
        let local = socket.local_addr()?;
        Ok(Listener { socket: Socket(socket.as_raw_fd()), local, owner: Some(socket.into()) })
    })
}

/// A port that nobody listens on at the moment.
pub fn free_port() -> u16 {
    TcpListener::bind(address(0)).and_then(|socket| socket.local_addr()).expect("loopback has a free port").port()
}

/// Binds nothing, fails for one port.
pub fn bind_but(taken: u16) -> Arc<Bind> {
    Arc::new(move |address| {
        if address.port() == taken {
            return Err(io::Error::from_raw_os_error(libc::EADDRINUSE));
        }
        Ok(Listener { socket: Socket(-1), local: address, owner: None })
    })
}
