//! What only ethtool tells of a network device: offloads, rings, coalescing.

use std::io;
use std::process::{Command, Stdio};

/// Where it is: users who are not root often have no `sbin` in their PATH.
const PLACES: [&str; 3] = ["ethtool", "/usr/sbin/ethtool", "/sbin/ethtool"];

/// What `ethtool OPTION DEVICE` prints.
///
/// # Errors
/// A sentence that says what would help, if it is not installed or refuses.
pub fn run(option: &str, device: &str) -> Result<String, String> {
    for place in PLACES {
        let output = Command::new(place).args([option, device]).stdin(Stdio::null()).env("LC_ALL", "C").output();
        match output {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{place} cannot be run: {error}")),
            Ok(output) if output.status.success() => return Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            Ok(output) => return Err(refused(option, device, &String::from_utf8_lossy(&output.stderr))),
        }
    }
    Err("ethtool is not installed: apt-get install ethtool, or dnf install ethtool".to_owned())
}

fn refused(option: &str, device: &str, message: &str) -> String {
    let message = message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason given");
    let root = if message.contains("not permitted") { ": run doctor as root" } else { "" };
    format!("ethtool {option} {device}: {message}{root}")
}

/// The value of the last line `NAME: VALUE`: ethtool prints the greatest there may be first and what
/// is set behind it.
pub fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    values(text, name).last()
}

/// What is set, as percent of the greatest there may be.
pub fn percent_of_maximum(text: &str, name: &str) -> Option<u64> {
    let numbers: Vec<u64> = values(text, name).filter_map(|value| value.parse().ok()).collect();
    let [maximum, set] = numbers[..] else { return None };
    (set * 100).checked_div(maximum)
}

fn values<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let name = name.to_owned();
    text.lines().filter_map(move |line| line.trim().strip_prefix(&name)?.strip_prefix(':')?.split_whitespace().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RINGS: &str = "Ring parameters for eth0:\nPre-set maximums:\nRX:\t\t4096\nRX Mini:\tn/a\nTX:\t4096\n\
                         Current hardware settings:\nRX:\t\t512\nRX Mini:\tn/a\nTX:\t4096\nRX Buf Len:\tn/a\n";

    #[test]
    fn what_is_set_is_told_from_what_there_may_be() {
        assert_eq!(value(RINGS, "RX"), Some("512"));
        assert_eq!(percent_of_maximum(RINGS, "RX"), Some(12));
        assert_eq!(percent_of_maximum(RINGS, "TX"), Some(100));
        assert_eq!(percent_of_maximum(RINGS, "RX Mini"), None);
    }

    #[test]
    fn marks_behind_a_value_are_left_off() {
        let text = "Features for eth0:\ngeneric-receive-offload: on\nlarge-receive-offload: off [fixed]\n";
        assert_eq!(value(text, "large-receive-offload"), Some("off"));
        assert_eq!(value(text, "receive-offload"), None);
        assert_eq!(value("Adaptive RX: off  TX: n/a\n", "Adaptive RX"), Some("off"));
    }

    #[test]
    fn a_refusal_says_what_would_help() {
        assert!(refused("-c", "eth0", "netlink error: Operation not permitted\n").contains("run doctor as root"));
        let nothing = refused("-c", "tun0", "netlink error: Operation not supported\n");
        assert_eq!(nothing, "ethtool -c tun0: netlink error: Operation not supported");
        assert!(run("-k", "no-such-device").is_err());
    }
}
