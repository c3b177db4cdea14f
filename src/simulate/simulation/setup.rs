//! Finds the member, judges what was asked for, binds what is to listen.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use mio::{Poll, Token};

use crate::config::plan::{Line, Member, Plan, Side};
use crate::simulate::connection::Connection;
use crate::simulate::role::Role;
use crate::simulate::{Options, Unplayable};

pub(super) fn find<'a>(plan: &'a Plan, member: &str) -> Result<&'a Arc<Member>, Unplayable> {
    plan.members.iter().find(|candidate| &*candidate.name == member).ok_or_else(|| Unplayable::UnknownMember {
        known: plan.members.iter().map(|member| member.name.to_string()).collect(),
    })
}

pub(super) fn check(roles: &[Role], lines: &[&Arc<Line>], options: &Options) -> Result<(), Unplayable> {
    if roles.is_empty() {
        return Err(Unplayable::NoRole);
    }
    if options.demand.rate == Some(0) {
        return Err(Unplayable::Rate);
    }
    if options.demand.window == Some(0) {
        return Err(Unplayable::Window);
    }
    let asking = || roles.iter().filter(|role| role.requests());
    let least = asking().map(|role| role.header.least()).max().unwrap_or(0);
    let carries = |line: &&&Arc<Line>| asking().any(|role| role.group == line.group);
    let most = lines.iter().filter(carries).map(|line| usize::from(line.framing.max)).min().unwrap_or(usize::MAX);
    if (least..=most).contains(&options.size) { Ok(()) } else { Err(Unplayable::Size { least, most }) }
}

pub(super) fn open(lines: &[&Arc<Line>], options: &Options, poll: &Poll) -> Result<Vec<Connection>, Unplayable> {
    let open = |(at, line): (usize, &&Arc<Line>)| {
        Connection::open(Arc::clone(line), Token(2 * at), options.bind, poll.registry()).map_err(|error| {
            let (Side::Listen(address) | Side::Connect { remote: address, .. }) = line.side;
            Unplayable::Listen { address, error }
        })
    };
    lines.iter().enumerate().map(open).collect()
}

/// A number that no other run has.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
