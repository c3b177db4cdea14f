//! The built binary over real sockets on loopback, as an outside checker sees it. `tests/README.md`
//! says which test answers which question.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests stand outside of the switch: real clocks, threads and sockets are their business"
)]

mod harness;

mod admin;
mod admin_lines;
mod admission;
mod answers;
mod backup;
mod backup_load;
mod balance;
mod certify;
mod check;
mod check_faults;
mod check_files;
mod commands;
mod concentrators;
mod connecting;
mod doctor;
mod explain;
mod framing;
mod groups;
mod guard;
mod iso8583;
mod metrics;
mod pairs;
mod pausing;
mod privacy;
mod probes;
mod reload;
mod reload_lines;
mod requests;
mod resend;
mod reset_group;
mod rights;
mod shops;
mod simplex;
mod simplex_lines;
mod split_frames;
mod state;
mod station;
mod station_rejects;
mod stopping;
mod tpdu;
