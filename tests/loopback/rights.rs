//! What a switch needs of the host: no capability, its few descriptors, some locked memory.

use std::ffi::OsStr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{AnsweringHost, Member, NII, Switch, World, ask, command, http, payments, tpdu};

/// The user and group of nobody, as Debian has them.
const NOBODY: u32 = 65_534;

/// Connections for which the limits below are enough: with 2 shards 374 descriptors and
/// 300 KiB of locked memory, which the kernel counts for all processes of a user together.
const CONNECTIONS: &str = "connections = 100";
const DESCRIPTORS: &str = "--nofile=400";
const LOCKED_MEMORY: &str = "--memlock=4194304";

fn is_root() -> bool {
    // SAFETY: geteuid touches no memory.
    unsafe { libc::geteuid() == 0 }
}

/// A copy that everybody may run: the built binary may lie where only its owner may go.
fn readable_binary(program: &OsStr, folder: &Path) -> PathBuf {
    let binary = folder.join("ringswitch");
    std::fs::copy(program, &binary).expect("copied");
    std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755)).expect("ours");
    binary
}

/// The command as an ordinary user's: no capability to be had, the limits that a service gives. A
/// test that is not run by root is one already.
fn as_ordinary_user(run: Command) -> Command {
    let mut limited = Command::new("prlimit");
    limited.args([DESCRIPTORS, LOCKED_MEMORY]);
    if is_root() {
        let file = run.get_args().last().expect("the configuration").to_owned();
        let folder = Path::new(&file).parent().expect("in a folder");
        chown(folder, Some(NOBODY), Some(NOBODY)).expect("given away");
        limited.args(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]);
        limited.args(["--bounding-set=-all", "--no-new-privs", "--pdeathsig=KILL"]);
        limited.arg(readable_binary(run.get_program(), folder));
    } else {
        limited.args(["setpriv", "--no-new-privs"]).arg(run.get_program());
    }
    limited.args(run.get_args());
    limited
}

fn stage() -> (Member, Member, World) {
    let (nac, host) = (Member::nac("nac").listen(), Member::host("host").listen());
    let world = payments(2, &nac, &host).limit(CONNECTIONS);
    (nac, host, world)
}

#[test]
fn an_ordinary_user_without_capabilities_runs_it() {
    let (nac, host, world) = stage();
    let mut switch = Switch::start_by(&world.text(), world.admin, as_ordinary_user);
    assert_eq!(switch.process_status("CapEff"), "0000000000000000");
    assert_eq!(switch.process_status("NoNewPrivs"), "1");
    if is_root() {
        assert_eq!(switch.process_status("Uid"), ["65534"; 4].join("\t"));
    }
    let mut terminal = switch.join(&nac, 1);
    let issuer = AnsweringHost::on(switch.join(&host, 1));
    for turn in 0..100 {
        ask(&mut terminal, 1, "without rights");
        assert_eq!(terminal.receive(), tpdu(1, NII, b"without rights"), "turn {turn}");
    }
    assert_eq!(issuer.answered(), 100);
    switch.reload_applied(&world.clone().timer(r#"connect_within = "3s""#));
    switch.terminate();
    assert!(switch.wait_exit().success());
}

/// Whoever is neither the owner nor of the group does not get to the admin API.
#[test]
fn the_admin_socket_is_the_owners_and_the_groups() {
    let (_, _, world) = stage();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("ours");
    let path = folder.path().join("admin.sock");
    let over_tcp = format!("admin = \"{}\"", world.admin);
    let text = world.text().replace(&over_tcp, &format!("admin = \"unix:{}\"", path.display()));
    // However little the umask takes away.
    let open = |run: Command| {
        let mut shell = Command::new("sh");
        shell.args(["-c", "umask 0; exec \"$@\"", "sh"]).arg(run.get_program()).args(run.get_args());
        shell
    };
    let _switch = Switch::start_by(&text, world.admin, open);
    let mode = std::fs::metadata(&path).expect("the socket is there").permissions().mode();
    assert_eq!(mode & 0o7777, 0o660);
    let mut stream = UnixStream::connect(&path).expect("its owner may");
    assert_eq!(http::exchange(&mut stream, "localhost", "GET", "/healthz", &[]).status, 200);
    if is_root() {
        let asked = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(readable_binary(command::ringswitch(&[]).get_program(), folder.path()))
            .args(["status", "--admin", &format!("unix:{}", path.display())])
            .output()
            .expect("setpriv is there");
        let told = String::from_utf8_lossy(&asked.stderr);
        assert!(asked.status.code() == Some(1) && told.contains("Permission denied"), "{told}");
    }
}
