//! Where a running switch answers.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::args::WhichArgs;

/// Where a switch answers unless it is told otherwise.
const DEFAULT: &str = "127.0.0.1:9600";

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Only what is needed to find the switch: whether the rest is right is `check`'s business.
#[derive(Deserialize)]
struct Configuration {
    switch: Option<Switch>,
}

#[derive(Deserialize)]
struct Switch {
    admin: Option<String>,
}

/// By `--admin`, or the configuration, or the default.
///
/// # Errors
/// A sentence that says what to do.
pub fn find(which: &WhichArgs) -> Result<Address, String> {
    let text = match (&which.admin, &which.config) {
        (Some(admin), _) => admin.clone(),
        (None, Some(file)) => of_file(file)?,
        (None, None) => DEFAULT.to_owned(),
    };
    parse(&text)
}

fn of_file(file: &Path) -> Result<String, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let configuration: Configuration =
        toml::from_str(&text).map_err(|error| format!("{}: {}", file.display(), error.message()))?;
    Ok(configuration.switch.and_then(|switch| switch.admin).unwrap_or_else(|| DEFAULT.to_owned()))
}

fn parse(text: &str) -> Result<Address, String> {
    if text == "off" {
        return Err("the configuration says admin = \"off\": this switch does not answer".to_owned());
    }
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(Address::Unix(path.into()));
    }
    let address: SocketAddr =
        text.parse().map_err(|_| format!("{text} is no address of a switch: give IP:PORT or unix:PATH"))?;
    Ok(Address::Tcp(reachable(address)))
}

/// A switch that listens on every address is asked on this host's own.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("f.toml");
        fs::write(&file, text).expect("written");
        let which = WhichArgs { admin: None, config: Some(file) };
        find(&which).map(|address| address.to_string())
    }

    #[test]
    fn the_switch_is_found_by_address_by_configuration_or_by_default() {
        assert_eq!(find(&WhichArgs::default()).expect("default").to_string(), DEFAULT);
        let given = WhichArgs { admin: Some("unix:/run/x.sock".to_owned()), config: None };
        assert_eq!(find(&given), Ok(Address::Unix("/run/x.sock".into())));
        assert_eq!(of("[switch]\nadmin = \"127.0.0.1:1\"\n[[member]]\nid = 3\n").as_deref(), Ok("127.0.0.1:1"));
        assert_eq!(of("[switch]\nadmin = \"0.0.0.0:7\"").as_deref(), Ok("127.0.0.1:7"));
        assert_eq!(of("[switch]\nadmin = \"[::]:7\"").as_deref(), Ok("[::1]:7"));
        assert_eq!(of("").as_deref(), Ok(DEFAULT));
    }

    #[test]
    fn what_cannot_be_found_says_what_to_do() {
        assert!(of("[switch]\nadmin = \"off\"").expect_err("off").contains("does not answer"));
        assert!(of("[switch]\nadmin = \"host\"").expect_err("no address").contains("IP:PORT or unix:PATH"));
        assert!(of("[switch").expect_err("no TOML").contains("f.toml"));
        let nowhere = WhichArgs { admin: None, config: Some("/nonexistent/f.toml".into()) };
        assert!(find(&nowhere).expect_err("no file").contains("/nonexistent/f.toml"));
    }
}
