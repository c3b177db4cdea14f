//! Where the admin API listens: a TCP address or a unix socket.

#![allow(clippy::disallowed_types, reason = "the admin API listens on sockets of its own")]

use std::fs;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::config::plan::Admin;

/// Who may talk to a unix socket: its owner and its group.
const MODE: u32 = 0o660;

/// A bound, listening address.
#[derive(Debug)]
pub enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// The name of a unix socket; it goes when the switch goes.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Binds what the configuration names; `None` for `off`.
///
/// # Errors
/// A sentence with the address and the reason.
pub fn bind(admin: &Admin) -> Result<Option<Socket>, String> {
    match admin {
        Admin::Off => Ok(None),
        Admin::Tcp(address) => {
            let listener = TcpListener::bind(address)
                .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
                .map_err(|error| format!("the admin API cannot listen on {address}: {error}"))?;
            Ok(Some(Socket::Tcp(listener)))
        }
        Admin::Unix(path) => {
            let listener = bind_unix(path)
                .map_err(|error| format!("the admin API cannot listen on unix:{}: {error}", path.display()))?;
            Ok(Some(Socket::Unix(listener, SocketFile(path.clone()))))
        }
    }
}

/// Bound under another name first and moved into place: nobody finds it with another mode, and a
/// stale socket is replaced in one step.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    refuse_live(path)?;
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    if is_socket(&fresh)? {
        fs::remove_file(&fresh)?;
    }
    let listener = UnixListener::bind(&fresh)?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(MODE))?;
    fs::rename(&fresh, path)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// What is there already may be replaced only if it is a socket at which nobody listens.
fn refuse_live(path: &Path) -> io::Result<()> {
    if !is_socket(path)? {
        return Ok(());
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(ErrorKind::AddrInUse, "another switch answers there")),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether a socket has this name; a file of another kind is an error, it is not ours to replace.
fn is_socket(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => Ok(true),
        Ok(_) => Err(io::Error::new(ErrorKind::AlreadyExists, "a file that is no socket has this name")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

impl Socket {
    /// How to reach it, as the `ready` line says.
    pub fn name(&self) -> String {
        match self {
            Self::Tcp(listener) => {
                listener.local_addr().map_or_else(|error| error.to_string(), |address| format!("http://{address}"))
            }
            Self::Unix(_, file) => format!("unix:{}", file.0.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unix(path: &Path) -> Result<Option<Socket>, String> {
        bind(&Admin::Unix(path.to_owned()))
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_refuses() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("admin.sock");
        drop(UnixListener::bind(&path).expect("free"));
        assert!(path.exists(), "stale");
        let socket = unix(&path).expect("replaced").expect("not off");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, MODE);
        let refusal = unix(&path).expect_err("live");
        assert!(refusal.contains("admin.sock") && refusal.contains("another switch answers"), "{refusal}");
        drop(socket);
        assert!(!path.exists(), "removed with the switch");
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("admin.sock");
        fs::write(&path, "precious").expect("written");
        unix(&path).expect_err("refused");
        assert_eq!(fs::read_to_string(&path).expect("there"), "precious");
    }

    #[test]
    fn a_port_that_is_taken_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("free");
        let address = taken.local_addr().expect("bound");
        let refusal = bind(&Admin::Tcp(address)).expect_err("taken");
        assert!(refusal.contains(&address.to_string()) && refusal.contains("Address already in use"), "{refusal}");
    }
}
