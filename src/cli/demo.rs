//! `ringswitch demo`: a whole switch on loopback, with simulated members on both sides, of which
//! one line is broken by a reset and restored while everything goes on.
//!
//! What is promised is that every request is answered, and it is meant: the members are played over
//! real sockets and judge every byte themselves ([`crate::simulate`]). Two things no switch can
//! mend are kept out of the promise's way, and the demo says so when it runs. A request that was
//! written to a socket and had not been read when the reset came is gone with the connection; and an
//! answer that the member's kernel had taken and its program had not read, too. So the line first
//! falls quiet: its ordinary requests are answered, and of the last ones on it, whose answers the
//! issuer is asked to hold back, every one has been received by the issuer ([`script`]). Then comes
//! the reset, and the answers have to find another way.

#![expect(clippy::disallowed_methods, reason = "the stage manager looks, and sleeps in between")]

mod cast;
mod script;
mod summary;
mod view;

use std::collections::HashMap;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use cast::{Cast, Troupe};
use script::{Facts, Script};
use summary::Summary;
use view::{Scene, View};

use super::interrupt::Interrupt;
use crate::config::plan::Plan;
use crate::simulate::clock::Clock;
use crate::simulate::ports::FreePorts;
use crate::time::{Instant, Span};

/// The configuration, with ports to be replaced.
const CONFIGURATION: &str = include_str!("demo.toml");

/// The line that is broken.
const BROKEN_LINE: &str = "nac-east-1";

/// How long the members may take until all their lines are up.
const READY_WITHIN: Span = Span::from_secs(10);

/// How often the script and the view look at what happens.
const LOOK: Duration = Duration::from_millis(20);

/// What was typed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DemoOptions {
    /// How long requests are sent; 10 s by default.
    pub duration: Span,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self { duration: Span::from_secs(10) }
    }
}

/// The switch under demonstration, running on threads of its own.
pub trait DemoSwitch {
    /// What it runs by.
    fn plan(&self) -> &Plan;

    /// Where its status page is, as a browser takes it.
    fn status_page(&self) -> String;

    /// Lines that it considers up.
    fn lines_up(&self) -> usize;

    fn stop(self: Box<Self>);
}

/// Starts a switch on a configuration, given as text.
pub type StartSwitch<'a> = &'a dyn Fn(&str) -> Result<Box<dyn DemoSwitch>, String>;

/// Runs the command: exit 0 if every request was answered, none wrongly or twice, and the line broke
/// and came back as the script has it.
pub fn run(options: &DemoOptions, start: StartSwitch<'_>) -> ExitCode {
    let interrupt = match Interrupt::catch() {
        Ok(interrupt) => interrupt,
        Err(error) => {
            eprintln!("ringswitch demo: {error}");
            return ExitCode::FAILURE;
        }
    };
    match play(options, start, &interrupt, &mut View::new()) {
        Ok(summary) => {
            print!("{summary}");
            if summary.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("ringswitch demo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn play(
    options: &DemoOptions,
    start: StartSwitch<'_>,
    interrupt: &Interrupt,
    view: &mut View,
) -> Result<Summary, String> {
    let text = with_free_ports(CONFIGURATION).ok_or("no free ports on 127.0.0.1")?;
    let switch = start(&text)?;
    let summary = perform(options, &*switch, interrupt, view);
    view.end();
    switch.stop();
    summary
}

fn perform(
    options: &DemoOptions,
    switch: &dyn DemoSwitch,
    interrupt: &Interrupt,
    view: &mut View,
) -> Result<Summary, String> {
    let clock = Clock::start();
    let Troupe { clients, hosts } = cast::assemble(switch.plan())?;
    // Nobody asks before those who answer are there: such a request would rightly be dropped.
    let mut hosts: Vec<Cast> = hosts.into_iter().map(Cast::play).collect::<Result<_, _>>()?;
    let lines = hosts.iter().map(Cast::lines).sum();
    wait_for_lines(switch, lines, &clock, interrupt)?;
    let mut clients: Vec<Cast> = clients.into_iter().map(Cast::play).collect::<Result<_, _>>()?;
    let all = lines + clients.iter().map(Cast::lines).sum::<usize>();
    wait_for_lines(switch, all, &clock, interrupt)?;

    let mut script = Script::new(BROKEN_LINE, clock.now(), options.duration);
    let page = switch.status_page();
    while !script.is_over(clock.now()) && !interrupt.asked() {
        act(&mut script, &clients, &hosts, clock.now());
        view.show(|| scene(&clients, &hosts, &script, &page, clock.now()), clock.now());
        thread::sleep(LOOK);
    }
    // Stop asking, wait for what is in flight; the hosts answer until then.
    let clients = clients.iter_mut().map(Cast::finish).collect::<Result<Vec<_>, _>>()?;
    let hosts = hosts.iter_mut().map(Cast::finish).collect::<Result<Vec<_>, _>>()?;
    Ok(Summary::new(clients, hosts, script.outcome(), interrupt.asked()))
}

fn wait_for_lines(switch: &dyn DemoSwitch, lines: usize, clock: &Clock, interrupt: &Interrupt) -> Result<(), String> {
    let give_up = clock.now() + READY_WITHIN;
    while switch.lines_up() < lines {
        if interrupt.asked() {
            return Err("interrupted".to_owned());
        }
        if clock.now() >= give_up {
            return Err(format!("only {} of {lines} lines came up", switch.lines_up()));
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

/// Tells the script what is, and the members what it wants.
fn act(script: &mut Script, clients: &[Cast], hosts: &[Cast], now: Instant) {
    let Some(client) = clients.iter().find(|client| client.has(BROKEN_LINE)) else {
        return;
    };
    let snapshot = client.live().snapshot();
    let Some(line) = snapshot.lines.iter().find(|line| &*line.name == BROKEN_LINE) else {
        return;
    };
    let facts = Facts {
        state: line.state,
        quiet: line.quiet,
        in_flight: line.in_flight,
        rerouted: snapshot.verdict.over_sibling,
        held: hosts.iter().map(|host| host.live().snapshot().verdict.host.held).sum(),
    };
    if let Some(order) = script.turn(facts, now) {
        client.live().order(order);
    }
}

fn scene(clients: &[Cast], hosts: &[Cast], script: &Script, page: &str, now: Instant) -> Scene {
    let members = clients.iter().chain(hosts).map(|cast| (cast.name(), cast.live().snapshot())).collect();
    Scene { members, doing: script.doing(), page: page.to_owned(), elapsed: script.elapsed(now) }
}

/// Gives every loopback port in `text` a free one instead, the same for the same.
fn with_free_ports(text: &str) -> Option<String> {
    const HOST: &str = "127.0.0.1:";
    let (mut free, mut chosen) = (FreePorts::new(), HashMap::new());
    let mut pieces = text.split(HOST);
    let mut replaced = pieces.next()?.to_owned();
    for piece in pieces {
        let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
        let (port, rest) = piece.split_at(digits);
        let port = match chosen.get(port) {
            Some(&port) => port,
            None => *chosen.entry(port).or_insert(free.take()?),
        };
        replaced += &format!("{HOST}{port}{rest}");
    }
    Some(replaced)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::plan::{Profile, Ways};
    use crate::ids::GroupId;
    use crate::simulate::fake_switch::{FakeSwitch, Fate, Faults, no_faults};
    use crate::simulate::test_plan::{self, ASCII4, Lines, TWO_LISTENING, TestPlan};

    /// The members of `demo.toml`, by hand.
    fn plan() -> Plan {
        let issuer = Lines { profile: Profile::Institution, framing: ASCII4, ..TWO_LISTENING };
        let channel = Lines { profile: Profile::Channel, ..issuer };
        let merchant = Lines { profile: Profile::Merchant, listens: false, ..channel };
        TestPlan::new()
            .member("nac-east", TWO_LISTENING, test_plan::tpdu(&[(&[3], 2)]), false)
            .member("nac-west", TWO_LISTENING, test_plan::tpdu(&[(&[3], 2)]), false)
            .member("issuer", issuer, test_plan::tpdu(&[]), true)
            .member("channel", channel, Ways::Pair { to: GroupId(4) }, false)
            .member("merchant", merchant, Ways::Pair { to: GroupId(3) }, true)
            .build(&[])
    }

    struct Fake {
        plan: Plan,
        switch: FakeSwitch,
    }

    impl DemoSwitch for Fake {
        fn plan(&self) -> &Plan {
            &self.plan
        }

        fn status_page(&self) -> String {
            "none".to_owned()
        }

        fn lines_up(&self) -> usize {
            self.switch.lines_up()
        }

        fn stop(self: Box<Self>) {}
    }

    fn play_with(faults: fn() -> Faults) -> Summary {
        let options = DemoOptions { duration: Span::from_millis(1500) };
        let start = |_: &str| -> Result<Box<dyn DemoSwitch>, String> {
            let plan = plan();
            let switch = FakeSwitch::start(&plan, faults());
            Ok(Box::new(Fake { plan, switch }))
        };
        play(&options, &start, &Interrupt::default(), &mut View::silent()).unwrap()
    }

    #[test]
    fn a_line_breaks_and_every_request_is_answered() {
        let summary = play_with(no_faults);
        assert!(summary.passed(), "{summary}");
        assert!(summary.verdict().sent > 0);
        assert!(
            summary.to_string().contains(&format!("{0} answers under way: {0} rerouted", script::HELD)),
            "{summary}"
        );
    }

    #[test]
    fn a_switch_that_doubles_an_answer_fails_the_demo() {
        let summary = play_with(|| {
            Box::new(|answer: bool, nth: u64| if answer && nth == 99 { Fate::Double } else { Fate::Pass })
        });
        assert!(!summary.passed(), "{summary}");
        assert_eq!(summary.verdict().duplicates, 1);
    }

    #[test]
    fn ports_are_replaced_alike() {
        let text = with_free_ports("a 127.0.0.1:7001 b 127.0.0.1:7002, \"127.0.0.1:7001\"").unwrap();
        let ports: Vec<&str> = text.split("127.0.0.1:").skip(1).collect();
        let number = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
        assert_eq!(number(ports[0]), number(ports[2]));
        assert_ne!(number(ports[0]), number(ports[1]));
        assert!(text.starts_with("a ") && text.ends_with('"') && text.contains(" b "));
    }

    #[test]
    fn the_configuration_has_the_line_that_breaks_and_a_sibling() {
        let table: toml::Table = with_free_ports(CONFIGURATION).unwrap().parse().unwrap();
        let members = table["member"].as_array().unwrap();
        let nac = members.iter().find(|member| BROKEN_LINE == format!("{}-1", member["id"].as_str().unwrap()));
        assert_eq!(nac.unwrap()["line"].as_array().unwrap().len(), 2);
    }
}
