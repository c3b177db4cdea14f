//! HAProxy and nginx as they come from a distribution, as proxies of bytes on one core: one
//! backend connection for each line, no log, time-outs beyond any bench.

use std::fs;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::{process, say};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Program {
    Haproxy,
    Nginx,
}

/// Where programs are if the path does not say it.
const FOLDERS: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/usr/bin"];

/// Where nginx may have its modules; a build may have `stream` in it and needs none.
const NGINX_STREAM: [&str; 2] =
    ["/usr/lib/nginx/modules/ngx_stream_module.so", "/usr/lib64/nginx/modules/ngx_stream_module.so"];

impl Program {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Haproxy => "haproxy",
            Self::Nginx => "nginx",
        }
    }

    /// Where it is, if it is there and can do what is asked of it.
    pub fn find(self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain(FOLDERS.map(PathBuf::from));
        folders.map(|folder| folder.join(self.name())).find(|file| file.is_file() && self.has_streams(file))
    }

    fn has_streams(self, file: &Path) -> bool {
        let built_in = || {
            let said = Command::new(file).arg("-V").output().map(|said| said.stderr).unwrap_or_default();
            String::from_utf8_lossy(&said).split_whitespace().any(|option| option == "--with-stream")
        };
        self == Self::Haproxy || NGINX_STREAM.iter().any(|module| Path::new(module).exists()) || built_in()
    }

    /// What it calls itself: the first line of `-v`, wherever it prints it.
    pub fn version(self) -> Option<String> {
        let said = Command::new(self.find()?).arg("-v").output().ok()?;
        let text = [said.stdout, said.stderr].concat();
        String::from_utf8_lossy(&text).lines().next().map(str::to_owned)
    }

    /// Its processes besides the one that is started.
    const fn workers(self) -> usize {
        match self {
            Self::Haproxy => 0,
            Self::Nginx => 1,
        }
    }

    fn configuration(self, listen: SocketAddr, host: SocketAddr) -> String {
        match self {
            Self::Haproxy => format!(
                "global\n  nbthread 1\n  maxconn 8000\n\
                 defaults\n  mode tcp\n  maxconn 8000\n  timeout connect 10s\n  timeout client 1h\n  timeout server 1h\n\
                 listen lines\n  bind {listen} backlog 4096\n  server host {host}\n"
            ),
            Self::Nginx => {
                let module = NGINX_STREAM.iter().find(|file| Path::new(file).exists());
                let module = module.map(|file| format!("load_module {file};\n")).unwrap_or_default();
                format!(
                    "{module}daemon off;\npid nginx.pid;\nerror_log stderr crit;\n\
                     worker_processes 1;\nevents {{ worker_connections 8192; }}\n\
                     stream {{\n  access_log off;\n  tcp_nodelay on;\n  proxy_timeout 1h;\n\
                     server {{ listen {listen} backlog=4096; proxy_pass {host}; }}\n}}\n"
                )
            }
        }
    }

    fn arguments(self, folder: &Path) -> Vec<String> {
        let file = folder.join("configuration").display().to_string();
        match self {
            Self::Haproxy => vec!["-db".into(), "-f".into(), file],
            Self::Nginx => {
                vec!["-p".into(), folder.display().to_string(), "-c".into(), file, "-e".into(), "stderr".into()]
            }
        }
    }
}

/// Runs a program until the input of this process ends, and ends it then.
pub fn keep(program: Program, listen: SocketAddr, host: SocketAddr) {
    let folder = tempfile::tempdir().expect("a folder for its configuration");
    let configuration = program.configuration(listen, host);
    fs::write(folder.path().join("configuration"), configuration).expect("room for a file");
    let file = program.find().unwrap_or_else(|| panic!("{} is not installed", program.name()));
    let mut command = Command::new(&file);
    command.args(program.arguments(folder.path())).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.spawn().expect("a program that starts");
    let workers = wait_until_it_works(program, &mut child, listen);
    say("listening", &listen.to_string());
    let numbers: Vec<_> = std::iter::once(child.id()).chain(workers).map(|number| number.to_string()).collect();
    say("up", &numbers.join(" "));
    let _ = io::stdin().read_to_end(&mut Vec::new());
    end(program, &file, folder.path(), &mut child);
    drop(folder);
    process::exit(0);
}

/// Until its port is open and its workers are there, which it returns.
fn wait_until_it_works(program: Program, child: &mut Child, listen: SocketAddr) -> Vec<u32> {
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            panic!("{} ended at once ({status})", program.name());
        }
        let workers = children(child.id());
        if is_listening(listen) && workers.len() >= program.workers() {
            return workers;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn end(program: Program, file: &Path, folder: &Path, child: &mut Child) {
    if program == Program::Nginx {
        // Killed, the master would leave its worker behind; asked to stop, it ends that first.
        let mut stop = Command::new(file);
        stop.args(program.arguments(folder)).args(["-s", "stop"]);
        stop.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if stop.status().is_ok_and(|status| status.success()) {
            let _ = child.wait();
            return;
        }
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Looked up, not tried: a connection to try it would go on to the host.
fn is_listening(address: SocketAddr) -> bool {
    let IpAddr::V4(ip) = address.ip() else { panic!("benches run over IPv4") };
    // The kernel prints the address as the number that its bytes are in memory.
    let local = format!(" {:08X}:{:04X} ", u32::from_ne_bytes(ip.octets()), address.port());
    let sockets = fs::read_to_string("/proc/net/tcp").expect("a kernel with TCP");
    sockets.lines().any(|socket| socket.contains(&local) && socket.contains(" 00000000:0000 0A "))
}

fn children(parent: u32) -> Vec<u32> {
    let numbers = fs::read_dir("/proc").expect("proc").flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |number: &u32| {
        let text = fs::read_to_string(format!("/proc/{number}/status")).unwrap_or_default();
        text.lines().any(|line| line.strip_prefix("PPid:").is_some_and(|of| of.trim() == parent.to_string()))
    };
    numbers.filter(is_child).collect()
}
