//! What the kernel is told of each operation, and by what it names it afterwards.

use std::mem;
use std::os::fd::RawFd;

use io_uring::squeue::{Entry, Flags};
use io_uring::{opcode, types};

use super::held::{Message, Place};
use super::lent;
use crate::limits;
use crate::ring::sockets::Address;
use crate::ring::{How, Socket, Token};

/// The 64 bits that come back with a completion. Tokens keep the highest byte at 6 or below; the rest is ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UserData {
    Token(Token),
    /// A send whose message is held there.
    Message(Place),
    /// A connect whose address is held there.
    Connect(Place),
    /// The read that other threads complete.
    Alarm,
    /// A wake: its arrival here, or its failure towards a ring that is gone.
    Wake,
}

const MESSAGE: u64 = 0xf0;
const CONNECT: u64 = 0xf1;
const ALARM: u64 = 0xf2;
const WAKE: u64 = 0xf3;

impl UserData {
    #[inline]
    pub fn of(bits: u64) -> Self {
        if let Some(token) = Token::from_bits(bits) {
            return Self::Token(token);
        }
        match bits >> 56 {
            MESSAGE => Self::Message(Place(bits as u32)),
            CONNECT => Self::Connect(Place(bits as u32)),
            ALARM => Self::Alarm,
            WAKE => Self::Wake,
            _ => panic!("a completion of nothing that was asked for: {bits:#x}"),
        }
    }

    #[inline]
    pub const fn to_bits(self) -> u64 {
        match self {
            Self::Token(token) => token.to_bits(),
            Self::Message(place) => MESSAGE << 56 | place.0 as u64,
            Self::Connect(place) => CONNECT << 56 | place.0 as u64,
            Self::Alarm => ALARM << 56,
            Self::Wake => WAKE << 56,
        }
    }
}

pub fn accept(token: Token, listener: Socket) -> Entry {
    let accept = opcode::AcceptMulti::new(fd(listener)).flags(libc::SOCK_CLOEXEC);
    accept.build().user_data(token.to_bits())
}

pub fn connect(place: Place, socket: Socket, address: &Address) -> Entry {
    let connect = opcode::Connect::new(fd(socket), address.as_ptr(), address.size());
    connect.build().user_data(UserData::Connect(place).to_bits())
}

/// The kernel ends the operation once `limit` bytes have come, but a single receive does not stop there: each is
/// therefore cut to the limit as well, and at most one byte less than twice the limit arrives.
pub fn receive(token: Token, socket: Socket, limit: u32) -> Entry {
    let each = if limit == 0 { 0 } else { limit.min(limits::RECEIVE_BUFFER_BYTES as u32) };
    let receive = opcode::RecvMulti::new(fd(socket), lent::GROUP).len(each);
    limited(receive.build().user_data(token.to_bits()), limit)
}

/// Sets the total of a multishot receive, for which the crate has no name: `optlen` of the kernel's
/// `struct io_uring_sqe`, bytes 44 to 48.
pub fn limited(entry: Entry, limit: u32) -> Entry {
    // SAFETY: an entry is the kernel's 64 bytes of plain integers (the crate is `repr(C)` there).
    let mut bytes: [u8; 64] = unsafe { mem::transmute(entry) };
    bytes[44..48].copy_from_slice(&limit.to_ne_bytes());
    // SAFETY: as above; any bytes are an entry.
    unsafe { mem::transmute(bytes) }
}

pub fn send(token: Token, socket: Socket, bytes: libc::iovec, wait: bool) -> Entry {
    let send = opcode::Send::new(fd(socket), bytes.iov_base.cast_const().cast(), bytes.iov_len as u32);
    send.flags(send_flags(wait)).build().user_data(token.to_bits())
}

pub fn send_message(place: Place, socket: Socket, message: &Message, wait: bool) -> Entry {
    let send = opcode::SendMsg::new(fd(socket), message.as_ptr()).flags(send_flags(wait) as u32);
    send.build().user_data(UserData::Message(place).to_bits())
}

const fn send_flags(wait: bool) -> i32 {
    libc::MSG_NOSIGNAL | if wait { libc::MSG_WAITALL } else { libc::MSG_DONTWAIT }
}

pub fn cancel(token: Token, target: UserData) -> Entry {
    opcode::AsyncCancel::new(target.to_bits()).build().user_data(token.to_bits())
}

pub fn shutdown(token: Token, socket: Socket, how: How) -> Entry {
    let how = match how {
        How::Write => libc::SHUT_WR,
        How::Both => libc::SHUT_RDWR,
    };
    opcode::Shutdown::new(fd(socket), how).build().user_data(token.to_bits())
}

/// A message to another ring. Only a failure comes back to us.
pub fn wake(ring: RawFd) -> Entry {
    let wake = UserData::Wake.to_bits();
    opcode::MsgRingData::new(types::Fd(ring), 0, wake, None).build().flags(Flags::SKIP_SUCCESS).user_data(wake)
}

/// A read of an eventfd's eight bytes to `into`.
pub fn alarm(eventfd: RawFd, into: *mut u8) -> Entry {
    opcode::Read::new(types::Fd(eventfd), into, 8).build().user_data(UserData::Alarm.to_bits())
}

const fn fd(socket: Socket) -> types::Fd {
    types::Fd(socket.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::token::Kind;

    #[test]
    fn what_is_ours_is_told_from_tokens() {
        let all = [
            UserData::Token(Token::new(Kind::Shutdown, Token::SLOT_LIMIT - 1, u32::MAX)),
            UserData::Message(Place(u32::MAX)),
            UserData::Connect(Place(0)),
            UserData::Alarm,
            UserData::Wake,
        ];
        for user_data in all {
            assert_eq!(UserData::of(user_data.to_bits()), user_data);
        }
    }
}
