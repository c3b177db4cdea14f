//! The same small scripts with shards over the fake ring and over the kernel's own, with members on loopback. Each
//! says what the members saw and what the switch counted; both must say the same.

use std::sync::Arc;

use ringswitch::config::plan::Plan;
use ringswitch::control::publisher::Publisher;
use ringswitch::reason::{Closed, Drop, Malformed, Refusal};
use ringswitch::ring::{Listener, Ring};
use ringswitch::shard::Shard;
use ringswitch::shard::thread::posts;
use ringswitch::shared::counters::{Cold, Hot};
use ringswitch::shared::published::World;
use ringswitch::shared::status::LineState;

use super::opening;
use super::wire::{BINARY_PROBE, Lengths, binary, digits, tpdu};
use crate::fake::PeerState;
use crate::kernels::{BUFFERS, Kernel, Loopback, PATIENCE, Program, Simulated};

/// Shards over one kernel or the other, turned one after the other. A turn of the real one would sleep: it is woken
/// before it begins.
struct Site<K: Kernel> {
    kernel: K,
    world: Arc<World>,
    plan: Arc<Plan>,
    shards: Vec<Shard<K::Ring>>,
    /// Holds the listeners open.
    _publisher: Publisher,
}

impl<K: Kernel> Site<K> {
    /// `text` gives the configuration for the ports that the kernel chose for its `lines` listening lines.
    fn new(lines: usize, shards: u16, text: impl Fn(&[u16]) -> String) -> (Self, Vec<std::net::SocketAddr>) {
        let mut kernel = K::new();
        let listeners: Vec<Listener> = (0..lines).map(|_| kernel.bind()).collect();
        let addresses: Vec<_> = listeners.iter().map(|listener| listener.local).collect();
        let ports: Vec<u16> = addresses.iter().map(|address| address.port()).collect();
        let plan = opening::plan(&text(&ports));
        let publisher = opening::publisher(plan.clone(), listeners);
        let world = publisher.world().clone();
        let rings = kernel.rings(shards, BUFFERS);
        let with_posts = rings.into_iter().zip(posts(usize::from(shards))).enumerate();
        let shard =
            |(at, (ring, post))| Shard::new(ringswitch::ids::ShardId(at as u16), ring, world.clone(), post, at as u64);
        let shards = with_posts.map(shard).collect();
        let mut site = Self { kernel, world, plan, shards, _publisher: publisher };
        site.turns(4);
        (site, addresses)
    }

    fn turns(&mut self, rounds: usize) {
        for _ in 0..rounds {
            for shard in &mut self.shards {
                shard.ring().waker().wake();
                shard.turn();
            }
            self.kernel.pass();
        }
    }

    /// Turns until it is so.
    fn until(&mut self, what: &str, mut is: impl FnMut(&mut Self) -> bool) {
        for _ in 0..PATIENCE {
            if is(self) {
                return;
            }
            self.turns(1);
        }
        panic!("in vain: {what}");
    }

    fn counters(&self, name: &str) -> Arc<ringswitch::shared::published::LineShared> {
        self.world.current().line(opening::line(&self.plan, name)).expect("a line").clone()
    }

    fn connect(&mut self, to: std::net::SocketAddr, name: &str) -> K::Program {
        let program = self.kernel.connect(to);
        self.until("the line is up", |site| site.counters(name).status.state() == LineState::Up);
        program
    }

    /// The next frame that comes to a member, which is no probe.
    fn frame(&mut self, program: &mut K::Program, lengths: Lengths) -> Vec<u8> {
        let (mut bytes, mut frame) = (Vec::new(), None);
        self.until("a frame comes", |_| {
            bytes.extend(program.receive());
            frame = lengths.take_all(&mut bytes).into_iter().find(|frame| !frame.is_empty());
            frame.is_some()
        });
        assert!(bytes.is_empty(), "one frame at a time");
        frame.expect("it came")
    }

    /// What a script says at its end: every counter that is not zero.
    fn account(&self) -> Vec<String> {
        let mut account = Vec::new();
        for line in self.plan.lines.iter().flatten() {
            let shared = self.counters(&line.name);
            let mut note = |what: &str, count: u64| {
                if count > 0 {
                    account.push(format!("{} {what} {count}", line.name));
                }
            };
            Hot::ALL.iter().for_each(|cell| note(&format!("{cell:?}"), shared.counters.hot(*cell)));
            Cold::ALL.iter().for_each(|cell| note(&format!("{cell:?}"), shared.counters.cold(*cell)));
            Drop::ALL.iter().for_each(|reason| note(reason.name(), shared.counters.dropped(*reason)));
            Malformed::ALL.iter().for_each(|reason| note(reason.name(), shared.counters.malformed(*reason)));
            Refusal::ALL.iter().for_each(|reason| note(reason.name(), shared.counters.refused(*reason)));
            Closed::ALL.iter().for_each(|reason| note(reason.name(), shared.counters.closed(*reason)));
        }
        account
    }
}

fn cards(shards: u16) -> impl Fn(&[u16]) -> String {
    move |ports| {
        let line = |port: u16| format!("{{ listen = \"127.0.0.1:{port}\" }}");
        format!(
            "[switch]\nshards = {shards}\nadmin = \"off\"\n\
             [[member]]\nid = \"nac\"\nprofile = \"terminal\"\nallow = [\"127.0.0.1\"]\nheader = \"tpdu\"\nline = [{}, {}]\n\
             [[member]]\nid = \"issuer\"\nprofile = \"institution\"\nallow = [\"127.0.0.1\"]\nheader = \"tpdu\"\nline = [{}]\n\
             [[member]]\nid = \"left\"\nprofile = \"channel\"\nallow = [\"127.0.0.1\"]\nline = [{}]\n\
             [[member]]\nid = \"right\"\nprofile = \"channel\"\nallow = [\"127.0.0.1\"]\nline = [{}]\n\
             [[member]]\nid = \"foreign\"\nprofile = \"tv\"\nallow = [\"192.0.2.1\"]\nline = [{}]\n\
             [[member]]\nid = \"counterpart\"\nprofile = \"tv\"\nallow = [\"192.0.2.1\"]\nline = [{}]\n\
             [[route]]\nfrom = [\"nac\"]\nto = [\"issuer\"]\nmatch = {{ nii = [\"0003\"] }}\n\
             [[route]]\nfrom = [\"left\"]\nto = [\"right\"]\n[[route]]\nfrom = [\"foreign\"]\nto = [\"counterpart\"]\n",
            line(ports[0]),
            line(ports[1]),
            line(ports[2]),
            line(ports[3]),
            line(ports[4]),
            line(ports[5]),
            line(ports[6])
        )
    }
}

/// Asks over `from` and answers; where the answer is to come, the caller looks.
fn asked<K: Kernel>(site: &mut Site<K>, from: &mut K::Program, issuer: &mut K::Program) {
    from.send(&binary(&tpdu(3, 0x4711, b"a request")));
    let request = site.frame(issuer, Lengths::Digits);
    assert_eq!(request[5..], *b"a request");
    let number = u16::from_be_bytes([request[3], request[4]]);
    issuer.send(&digits(&tpdu(number, 3, b"an answer")));
}

fn terminals_ask_and_a_sibling_brings_the_answer<K: Kernel>(shards: u16) -> Vec<String> {
    let (mut site, at) = Site::<K>::new(7, shards, cards(shards));
    let mut nac = site.connect(at[0], "nac-1");
    let mut issuer = site.connect(at[2], "issuer-1");
    asked(&mut site, &mut nac, &mut issuer);
    assert_eq!(site.frame(&mut nac, Lengths::Binary), tpdu(0x4711, 3, b"an answer"));
    let mut sibling = site.connect(at[1], "nac-2");
    nac.send(&binary(&tpdu(3, 9, b"another")));
    let request = site.frame(&mut issuer, Lengths::Digits);
    nac.reset();
    site.until("the reset is seen", |site| site.counters("nac-1").status.state() == LineState::Listening);
    issuer.send(&digits(&tpdu(3, u16::from_be_bytes([request[3], request[4]]), b"copied")));
    assert_eq!(site.frame(&mut sibling, Lengths::Binary), tpdu(3, 9, b"copied"));
    site.until("the send is seen", |site| site.counters("issuer-1").counters.hot(Hot::AnswersForwarded) == 2);
    site.account()
}

fn frames_of_a_pair_come_in_pieces<K: Kernel>(shards: u16) -> Vec<String> {
    let (mut site, at) = Site::<K>::new(7, shards, cards(shards));
    let (mut left, mut right) = (site.connect(at[3], "left-1"), site.connect(at[4], "right-1"));
    for pieces in [&b"0005he"[..], b"llo00", b"000003you", b"0002me"].chunks(4) {
        for piece in pieces {
            left.send(piece);
            let bytes = |site: &Site<K>| site.counters("left-1").counters.hot(Hot::BytesReceived);
            let before = bytes(&site);
            site.until("it is read", |site| bytes(site) == before + piece.len() as u64);
        }
    }
    let mut got = Vec::new();
    site.until("three frames", |_| {
        got.extend(right.receive());
        got.len() >= 22
    });
    assert_eq!(got, b"0005hello0003you0002me");
    let large = digits(&[b'x'; 9_999]).repeat(20);
    right.send(&large);
    got.clear();
    site.until("two hundred kilobytes", |_| {
        got.extend(left.receive());
        got.len() >= large.len()
    });
    assert_eq!(got, large);
    site.until("the send is seen", |site| site.counters("right-1").counters.hot(Hot::RequestsForwarded) == 20);
    site.account()
}

fn what_comes_to_nothing<K: Kernel>(shards: u16) -> Vec<String> {
    let (mut site, at) = Site::<K>::new(7, shards, cards(shards));
    let mut nac = site.connect(at[0], "nac-1");
    nac.send(&BINARY_PROBE.repeat(3));
    nac.send(&binary(&tpdu(3, 1, b"nobody answers this NII just now")));
    site.until("they are read", |site| site.counters("nac-1").counters.hot(Hot::FramesReceived) == 4);
    assert!(nac.receive().is_empty(), "a probe is swallowed");
    let mut stranger = site.kernel.connect(at[5]);
    site.until("it is refused", |_| stranger.state() == PeerState::Reset);
    let mut second = site.kernel.connect(at[0]);
    // It is given a moment in which the first might prove to be over.
    site.until("the port is taken", |_| second.state() == PeerState::Reset);
    let mut left = site.connect(at[3], "left-1");
    left.send(b"00x1");
    site.until("that is no length", |_| left.state() == PeerState::Reset);
    let mut right = site.connect(at[4], "right-1");
    right.send(b"0009half");
    right.shutdown();
    site.until("that is half a frame", |site| site.counters("right-1").counters.closed(Closed::Partial) == 1);
    assert_eq!(nac.state(), PeerState::Connected);
    site.account()
}

fn alike(script: fn(u16) -> Vec<String>, other: fn(u16) -> Vec<String>) {
    for shards in [1, 2] {
        let (fake, real) = (script(shards), other(shards));
        assert!(fake.len() > 4, "{fake:#?}");
        assert_eq!(fake, real, "the fake ring, and the kernel's; {shards} shards");
    }
}

#[test]
fn terminals_ask_and_a_sibling_brings_the_answer_on_both() {
    alike(
        terminals_ask_and_a_sibling_brings_the_answer::<Simulated>,
        terminals_ask_and_a_sibling_brings_the_answer::<Loopback>,
    );
}

#[test]
fn frames_of_a_pair_come_in_pieces_on_both() {
    alike(frames_of_a_pair_come_in_pieces::<Simulated>, frames_of_a_pair_come_in_pieces::<Loopback>);
}

#[test]
fn what_comes_to_nothing_on_both() {
    alike(what_comes_to_nothing::<Simulated>, what_comes_to_nothing::<Loopback>);
}
