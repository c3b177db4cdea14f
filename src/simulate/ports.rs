//! Free ports on loopback, for demonstrations and tests.

#![expect(clippy::disallowed_types, reason = "a port is free if it can be bound")]

use std::net::{Ipv4Addr, TcpListener};

/// Below the range from which the kernel takes the ports of outgoing connections (32768 and up by
/// default): a port from there could be taken between the look and the use.
const FIRST: u16 = 15_000;
const LAST: u16 = 32_000;

/// Hands out ports that nobody listens on, none twice.
#[derive(Debug)]
pub struct FreePorts {
    next: u16,
}

impl FreePorts {
    /// Two processes at once begin at different places, so that they rarely look at the same port.
    pub fn new() -> Self {
        let place = std::process::id().wrapping_mul(97) % u32::from(LAST - FIRST);
        Self { next: FIRST + u16::try_from(place).expect("below a range of 16 bits") }
    }

    /// `None`: all are taken.
    pub fn take(&mut self) -> Option<u16> {
        for _ in FIRST..LAST {
            let port = self.next;
            self.next = if port + 1 < LAST { port + 1 } else { FIRST };
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Some(port);
            }
        }
        None
    }
}

impl Default for FreePorts {
    fn default() -> Self {
        Self::new()
    }
}
