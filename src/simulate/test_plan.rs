//! Plans made by hand, for tests.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::config::allowlist::Allowlist;
use crate::config::plan::{
    Admin, Flow, Group, Header, Limits, Line, LogFormat, Member, OnLineLoss, Plan, Profile, RejectCodes, Resend,
    Second, Settings, Side, StationWays, Tier, Timers, TpduAnswers, TpduRoute, TpduWays, Ways,
};
use crate::frame::{Framing, Prefix};
use crate::ids::{GroupId, LineId, MemberId, ShardId};
use crate::message::station::StationId;
use crate::simulate::ports::FreePorts;
use crate::time::Span;

pub const BIN2: Framing = Framing { prefix: Prefix::Bin2, max: 2048 };
pub const ASCII4: Framing = Framing { prefix: Prefix::Ascii4, max: 2044 };

/// Builds a plan member by member; each has one group.
pub struct TestPlan {
    plan: Plan,
    timers: Timers,
}

/// What a member's lines are like.
#[derive(Clone, Copy)]
pub struct Lines {
    pub profile: Profile,
    pub framing: Framing,
    /// The switch listens.
    pub listens: bool,
    pub flows: &'static [Flow],
}

/// Two duplex lines at which the switch listens.
pub const TWO_LISTENING: Lines =
    Lines { profile: Profile::Terminal, framing: BIN2, listens: true, flows: &[Flow::Duplex, Flow::Duplex] };

impl TestPlan {
    pub fn new() -> Self {
        let settings = Settings {
            name: "test".to_owned(),
            shards: 1,
            admin: Admin::Off,
            log: LogFormat::Text,
            spin: Span::ZERO,
            state: None,
            drain_within: Span::from_secs(50),
            memory: 1 << 30,
            connections: 9000,
            events: 100,
        };
        let plan =
            Plan { settings, members: Vec::new(), lines: Vec::new(), groups: Vec::new(), stations: BTreeMap::new() };
        Self { plan, timers: timers() }
    }

    pub fn with_timers(mut self, change: impl FnOnce(&mut Timers)) -> Self {
        change(&mut self.timers);
        self
    }

    /// Adds a member whose group has the number of members before it.
    pub fn member(mut self, name: &str, lines: Lines, ways: Ways, answers: bool) -> Self {
        let (member, group) = (MemberId(self.plan.members.len() as u32), GroupId(self.plan.groups.len() as u32));
        let name: Arc<str> = name.into();
        let first = self.plan.lines.len() as u32;
        for (position, &flow) in lines.flows.iter().enumerate() {
            let id = LineId(first + position as u32);
            self.plan.lines.push(Some(Arc::new(self.line(id, &name, (member, group), position, lines, flow))));
        }
        let ids = (0..lines.flows.len() as u32).map(|nth| Some(LineId(first + nth))).collect();
        self.plan.members.push(Arc::new(Member {
            id: member,
            name: name.clone(),
            profile: lines.profile,
            groups: vec![group],
        }));
        let group = Group {
            id: group,
            member,
            member_name: name,
            name: "main".into(),
            lines: ids,
            header: match ways {
                Ways::Nowhere | Ways::Pair { .. } => Header::None,
                Ways::Tpdu(_) => Header::Tpdu,
                Ways::Station(_) => Header::Station,
                Ways::Iso8583(_) => Header::Iso8583,
            },
            ways,
            answers,
            on_line_loss: OnLineLoss::Keep,
            timers: self.timers,
            limits: limits(),
        };
        self.plan.groups.push(Some(Arc::new(group)));
        self
    }

    fn line(
        &self,
        id: LineId,
        name: &Arc<str>,
        (member, group): (MemberId, GroupId),
        position: usize,
        lines: Lines,
        flow: Flow,
    ) -> Line {
        let address = free_address();
        Line {
            id,
            name: format!("{name}-{}", position + 1).into(),
            member,
            member_name: name.clone(),
            group,
            group_name: "main".into(),
            position: position as u16,
            shard: ShardId(0),
            tier: Tier::Trunk,
            flow,
            side: if lines.listens { Side::Listen(address) } else { Side::Connect { remote: address, bind: None } },
            profile: lines.profile,
            framing: lines.framing,
            probe: lines.profile != Profile::Terminal,
            expect: true,
            timers: self.timers,
            limits: limits(),
            allow: Arc::new(Allowlist::new(vec!["127.0.0.1/32".parse().unwrap()])),
            second: Second::Refuse,
            resend: Resend::Never,
        }
    }

    pub fn build(mut self, stations: &[(StationId, u32)]) -> Plan {
        self.plan.stations = stations.iter().map(|&(id, group)| (id, GroupId(group))).collect();
        self.plan
    }

    /// Two members with a station each.
    pub fn stations() -> Plan {
        let id = |text| StationId::from_text(text).unwrap();
        let lines = Lines { profile: Profile::Institution, framing: ASCII4, ..TWO_LISTENING };
        Self::new()
            .member("east", lines, station(id("48410000")), false)
            .member("west", lines, station(id("00010344")), false)
            .build(&[(id("48410000"), 0), (id("00010344"), 1)])
    }
}

/// A NAC in bin2, two lines, whose NII 0003 leads to a host in ascii4, two lines.
pub fn terminal_and_host() -> Plan {
    terminal_and_host_with(TWO_LISTENING, |_| {})
}

pub fn terminal_and_host_with(nac: Lines, timers: impl FnOnce(&mut Timers)) -> Plan {
    let host = Lines { profile: Profile::Institution, framing: ASCII4, ..TWO_LISTENING };
    TestPlan::new()
        .with_timers(timers)
        .member("nac", nac, tpdu(&[(&[3], 1)]), false)
        .member("issuer", host, tpdu(&[]), true)
        .build(&[])
}

/// A channel whose lines the switch listens at, and a merchant that it connects to.
pub fn pair() -> Plan {
    let channel = Lines { profile: Profile::Channel, framing: ASCII4, ..TWO_LISTENING };
    let merchant = Lines { profile: Profile::Merchant, listens: false, ..channel };
    TestPlan::new()
        .member("channel", channel, Ways::Pair { to: GroupId(1) }, false)
        .member("merchant", merchant, Ways::Pair { to: GroupId(0) }, true)
        .build(&[])
}

fn station(own: StationId) -> Ways {
    Ways::Station(Box::new(StationWays { own: vec![own], strict: false, rejects: RejectCodes::default() }))
}

pub fn tpdu(routes: &[(&[u16], u32)]) -> Ways {
    let route = |&(nii, to): &(&[u16], u32)| TpduRoute { nii: nii.to_vec(), to: vec![GroupId(to)] };
    Ways::Tpdu(Box::new(TpduWays {
        ids: vec![0x60],
        answers: TpduAnswers::Auto,
        digits: false,
        guard: false,
        reserved: Vec::new(),
        routes: routes.iter().map(route).collect(),
    }))
}

fn timers() -> Timers {
    Timers {
        probe_after: Span::from_secs(120),
        silent_after: Span::from_secs(180),
        answer_within: Span::from_secs(5),
        connect_within: Span::from_secs(10),
        reconnect_first: Span::from_millis(20),
        reconnect_longest: Span::from_millis(200),
        partial_within: Span::from_secs(10),
        unread_within: Span::from_secs(60),
        pause_within: Span::from_secs(1),
        hold_answer: Span::from_secs(2),
        trunk_steady: Span::ZERO,
        drain_within: Span::from_secs(50),
    }
}

fn limits() -> Limits {
    Limits { line_queue: 1 << 20, answer_queue: 16 << 20, pending: 65_000 }
}

/// An address that no other test of this process is given.
fn free_address() -> SocketAddr {
    static PORTS: Mutex<Option<FreePorts>> = Mutex::new(None);
    let port = PORTS.lock().get_or_insert_default().take().expect("a free port");
    (Ipv4Addr::LOCALHOST, port).into()
}
