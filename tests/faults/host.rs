//! What the host takes away: descriptors, memory that may be locked, io_uring, its clock, its log, its CPU.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{
    AnsweringHost, Arrival, Member, NII, Peer, Switch, World, ask, command, eventually, fates_add_up, payments, tpdu,
};
use crate::outside::{Stopped, Traced, is_root, leave_descriptors, limit_descriptors, threads};
use crate::rows::{lasting, ms, report, skip};
use crate::traffic::{Askers, ratio};

/// How often the shard's thread has slept.
fn sleeps(switch: &Switch) -> u64 {
    threads(switch, "shard-0")
        .into_iter()
        .map(|id| {
            let status = std::fs::read_to_string(format!("/proc/{}/task/{id}/status", switch.id())).expect("a thread");
            let slept = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).expect("counted");
            slept.trim().parse::<u64>().expect("a number")
        })
        .sum()
}

fn is_served(line: &mut Peer, within: Duration) -> bool {
    line.arrival(within) == Arrival::Frame(tpdu(1, NII, b"waits"))
}

#[test]
fn row_33_no_descriptor_left() {
    const DOORS: usize = 10;
    let nac = (0..DOORS).fold(Member::nac("nac"), |nac, _| nac.listen());
    let (busy, host) = (Member::nac("busy").listen(), Member::host("host").listen());
    let world = payments(1, &busy, &host);
    let switch = world.start();
    let issuer = AnsweringHost::on(switch.join(&host, 1));
    let working = Askers::on(switch.join_all(&busy), ms(1));
    let (calm, ()) = working.p99_while(ms(400), || ());
    // An accept keeps the limit of the moment when it was armed, and a reload raises it: so the lines come by a
    // reload, and the limit is lowered before their shard arms them. Two descriptors are left, and then none. The
    // admin API has none either: what follows is seen from the members' side.
    let shard = *threads(&switch, "shard-0").first().expect("a thread of that name");
    let stopped = match Stopped::thread(shard) {
        Ok(stopped) => stopped,
        Err(why) => return skip(33, &why),
    };
    switch.write_config(&world.member(&nac).route("nac", "host").text());
    switch.signal(libc::SIGHUP);
    let connect = |line| eventually("the port is bound", || Peer::try_connect(nac.address(line), nac.prefix()));
    let mut lines: Vec<Peer> = (1..=DOORS).map(connect).collect();
    leave_descriptors(&switch, 2);
    drop(stopped);
    lines.iter_mut().for_each(|line| ask(line, 1, "waits"));
    eventually("the log says so", || switch.log().contains("descriptor").then_some(()));
    let mut served = vec![false; DOORS];
    let (during, ()) = working.p99_while(ms(1000), || {
        for (line, served) in lines.iter_mut().zip(&mut served) {
            *served = is_served(line, ms(50));
        }
    });
    let in_at_first = served.iter().filter(|served| **served).count();
    assert!((1..=3).contains(&in_at_first), "{in_at_first} are in where there was room for two");
    // Kept: a line that went would free a descriptor.
    let _idle = working.stop();
    let (quiet_before, quiet_since) = (sleeps(&switch), Instant::now());
    std::thread::sleep(ms(1000));
    let tries = (sleeps(&switch) - quiet_before) as f64 / quiet_since.elapsed().as_secs_f64();
    // One leaves, and one of those who wait is in.
    let leaving = served.iter().position(|served| *served).expect("the first that came");
    lines.remove(leaving);
    served.remove(leaving);
    let since_freed = Instant::now();
    eventually("one more is in", || {
        let mut waiting = lines.iter_mut().zip(&mut served).filter(|(_, served)| !**served);
        waiting
            .any(|(line, served)| {
                *served = is_served(line, ms(5));
                *served
            })
            .then_some(())
    });
    let freed = since_freed.elapsed();
    limit_descriptors(&switch, 20_000);
    for (line, served) in lines.iter_mut().zip(&served) {
        assert!(*served || is_served(line, Duration::from_secs(10)), "everybody is in once there are descriptors");
    }
    assert_eq!(switch.get("/healthz").status, 200);
    let refused = switch.metric("connections_refused_total", &[]);
    assert_eq!(refused, 0, "who waits is not refused");
    drop(issuer);
    fates_add_up(&switch);
    report(
        33,
        &format!(
            "{} of {DOORS} wait in the backlog, at most {tries:.0} wake-ups/s of the shard, p99 ratio of who was in {}; one freed: the next in after {:.0} ms; limit raised: all in",
            DOORS - in_at_first,
            ratio(calm, during),
            freed.as_secs_f64() * 1e3
        ),
    );
}

/// Runs the switch by another command, which must be refused; what it says.
fn refused_start(config: &Path, before: &[&str]) -> String {
    let plain = command::ringswitch(&["run", "-c"]);
    let mut run = Command::new(before[0]);
    run.args(&before[1..]).arg(plain.get_program()).args(plain.get_args()).arg(config);
    let ended = run.stdin(Stdio::null()).output().expect("the tool is there");
    assert_eq!(ended.status.code(), Some(1), "{before:?}: {}", String::from_utf8_lossy(&ended.stderr));
    assert!(!String::from_utf8_lossy(&ended.stdout).contains("ready"));
    String::from_utf8_lossy(&ended.stderr).into_owned()
}

#[test]
fn row_34_no_locked_memory_and_no_io_uring() {
    if !is_root() || Command::new("strace").arg("-V").output().is_err() {
        return skip(34, "needs root and strace (apt-get install strace)");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("ringswitch.toml");
    let world = payments(2, &Member::nac("nac").listen(), &Member::host("host").listen());
    std::fs::write(&config, world.text()).expect("written");
    let little = ["prlimit", "--memlock=65536", "setpriv", "--bounding-set=-ipc_lock", "--inh-caps=-all"];
    let told = refused_start(&config, &little);
    assert!(told.contains("LimitMEMLOCK") && told.contains("ulimit -l"), "{told}");
    for (error, mends) in [("ENOSYS", "CONFIG_IO_URING"), ("EPERM", "io_uring_setup")] {
        let inject = format!("inject=io_uring_setup:error={error}");
        let told = refused_start(
            &config,
            &["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=io_uring_setup", "-e", &inject],
        );
        assert!(told.contains(mends) && told.contains("SystemCallFilter"), "{error}: {told}");
    }
    report(34, "3 of 3 refused before a port is bound, exit 1, each with its mending command");
}

const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

#[test]
fn row_35_the_wall_clock_jumps() {
    if !Path::new(FAKETIME).exists() {
        return skip(35, "no libfaketime: apt-get install libfaketime");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let offset = folder.path().join("offset");
    let set = |text: &str| std::fs::write(&offset, text).expect("written");
    set("+0\n");
    let (nac, host) = (Member::nac("nac").listen().listen(), Member::host("host").listen());
    let world = payments(2, &nac, &host).timer(r#"probe_after = "500ms""#).timer(r#"silent_after = "3s""#);
    let switch = Switch::start_by(&world.text(), world.admin, |mut run| {
        run.env("LD_PRELOAD", FAKETIME).env("FAKETIME_TIMESTAMP_FILE", &offset);
        run.env("FAKETIME_NO_CACHE", "1").env("DONT_FAKE_MONOTONIC", "1");
        run
    });
    let issuer = AnsweringHost::on(switch.join(&host, 1));
    let members = Askers::on(switch.join_all(&nac), ms(1));
    let (calm, ()) = members.p99_while(ms(400), || ());
    let turns = lasting(2, 10);
    let began = Instant::now();
    let (during, ()) = members.p99_while(ms(0), || {
        for _ in 0..turns {
            for jump in ["+3600\n", "-3600\n", "+864000\n", "+0\n"] {
                set(jump);
                std::thread::sleep(ms(150));
            }
        }
    });
    let seen = switch.get("/v1/events").body;
    assert_eq!(switch.metric("connections_closed_total", &[]), 0, "{seen}");
    assert_eq!(switch.metric("requests_timed_out_total", &[]), 0);
    let probes = switch.metric("probes_sent_total", &[]);
    assert!(u128::from(probes) <= began.elapsed().as_millis() / 500 + 2, "{probes} probes");
    let answered = members.answered();
    members.stop();
    drop(issuer);
    fates_add_up(&switch);
    report(
        35,
        &format!(
            "{} jumps of up to 10 days: 0 lines closed, 0 timed out, {answered} answers; p99 ratio {}",
            turns * 4,
            ratio(calm, during)
        ),
    );
}

#[test]
fn row_38_nobody_reads_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("log");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("coreutils").success());
    // Both ends are held here, so that whoever opens it does not wait, and nobody reads.
    let unread = OpenOptions::new().read(true).write(true).open(&pipe).expect("a pipe");
    let (nac, host) = (Member::nac("nac").listen().listen(), Member::host("host").listen());
    let restless = Member::nac("restless").listen();
    let world = payments(2, &nac, &host).member(&restless).route("restless", "host");
    let to_pipe = format!("exec \"$@\" 2> {}", pipe.display());
    let switch = Switch::start_by(&world.text(), world.admin, |run| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &to_pipe, "sh"]).arg(run.get_program()).args(run.get_args()).env("RUST_LOG", "trace");
        shell
    });
    let issuer = AnsweringHost::on(switch.join(&host, 1));
    let members = Askers::on(switch.join_all(&nac), ms(1));
    let (calm, ()) = members.p99_while(ms(500), || ());
    // More lines than the pipe and the queue before it can hold, at the most talkative level.
    let (during, ()) = members.p99_while(ms(500), || {
        for _ in 0..2500 {
            drop(Peer::connect(restless.address(1), restless.prefix()));
        }
        (0..50).for_each(|_| drop(switch.get("/v1/events")));
    });
    let answered = members.answered();
    members.stop();
    drop(issuer);
    fates_add_up(&switch);
    let reader = std::thread::spawn(move || {
        let lines = BufReader::new(unread).lines().map_while(Result::ok);
        let dropped = lines.filter_map(|line| {
            line.strip_suffix(" log lines dropped: standard error was not read")?.parse::<u64>().ok()
        });
        dropped.take(1).next().unwrap_or_default()
    });
    // The reader ends with the line that tells it; one more event lets the writer get that far.
    eventually("the log tells what it dropped", || {
        let _ = switch.get("/v1/events");
        reader.is_finished().then_some(())
    });
    let dropped = reader.join().expect("it reads");
    assert!(dropped > 0);
    report(
        38,
        &format!(
            "{answered} answers while nobody read, p99 ratio {}; then read: {dropped} lines dropped, and it says so",
            ratio(calm, during)
        ),
    );
}

/// A control group that gives a fifth of one CPU, while this lives.
struct Fifth(std::path::PathBuf);

impl Fifth {
    fn of(switch: &Switch) -> Result<Self, String> {
        let folder = Path::new("/sys/fs/cgroup/cpu").join(format!("ringswitch-faults-{}", std::process::id()));
        let why = |error: std::io::Error| format!("no cpu control group of version 1 ({error})");
        std::fs::create_dir(&folder).map_err(why)?;
        let group = Self(folder);
        std::fs::write(group.0.join("cpu.cfs_quota_us"), "20000").map_err(why)?;
        std::fs::write(group.0.join("cgroup.procs"), switch.id().to_string()).map_err(why)?;
        Ok(group)
    }
}

impl Drop for Fifth {
    fn drop(&mut self) {
        let root = Path::new("/sys/fs/cgroup/cpu/cgroup.procs");
        for process in std::fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default().lines() {
            let _ = std::fs::write(root, process);
        }
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
fn row_49_interrupted_delayed_and_starved() {
    let (nac, host) = (Member::nac("nac").listen().listen(), Member::host("host").listen());
    let mute = Member::host("mute").listen();
    let [one, other] = ["one", "other"].map(|id| Member::plain(id).key("expect = false").listen());
    let world: World = payments(2, &nac, &host).member(&mute).member(&one).member(&other).route("one", "other");
    let asks = Member::nac("asks").listen();
    let world = world.member(&asks).route("asks", "mute").timer(r#"probe_after = "400ms""#);
    let switch = world.timer(r#"answer_within = "600ms""#).start();
    let mut quiet = switch.join(&one, 1);
    let mut waiting = switch.join(&asks, 1);
    let _mute = switch.join(&mute, 1);
    let mut figures = Vec::new();
    let mut timed_out = 0;
    let mut tried = |name: &str, fault: &mut dyn FnMut() -> Result<Box<dyn std::any::Any>, String>, pace: Duration| {
        let issuer = AnsweringHost::on(switch.join(&host, 1));
        let members = Askers::on(switch.join_all(&nac), pace);
        let (calm, ()) = members.p99_while(ms(300), || ());
        let held = match fault() {
            Ok(held) => held,
            Err(why) => return figures.push(format!("{name}: SKIPPED, {why}")),
        };
        let before = members.answered();
        ask(&mut waiting, 1, "never answered");
        let (during, ()) = members.p99_while(lasting(ms(1200), Duration::from_secs(10)), || {
            // Those of before the fault first.
            while quiet.arrival(ms(1)) != Arrival::Nothing {}
            quiet.expect_probe();
            timed_out += 1;
            switch.wait_metric("requests_timed_out_total", &[], timed_out);
        });
        let answered = members.answered() - before;
        drop(held);
        let lines = members.stop();
        drop(issuer);
        lines.into_iter().for_each(|line| line.end(false));
        switch.wait_gauge("line_up", &[("member", "nac")], 0);
        switch.wait_gauge("line_up", &[("member", "host")], 0);
        figures.push(format!("{name}: {answered} answers, 0 lost, p99 ratio {}", ratio(calm, during)));
    };
    let attach = |inject: &str| {
        let arguments = ["-e", "trace=io_uring_enter", "-e", inject];
        Traced::attach(&switch, &arguments).map(|traced| Box::new(traced) as Box<dyn std::any::Any>)
    };
    // Bounded, because a strace that leaves in the middle of an injection leaves a wrong error behind.
    tried("EINTR every third", &mut || attach("inject=io_uring_enter:error=EINTR:when=1..900+3"), ms(2));
    tried("200 ms every 20th", &mut || attach("inject=io_uring_enter:delay_enter=200000:when=1..100+20"), ms(2));
    tried("a fifth of a CPU", &mut || Fifth::of(&switch).map(|group| Box::new(group) as Box<dyn std::any::Any>), ms(1));
    fates_add_up(&switch);
    report(49, &figures.join("; "));
}
