//! What the kernel reads while an operation is under way, kept at its place until the completion.

use std::ptr;

use crate::limits;
use crate::ring::Token;

/// Where something is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place(pub u32);

/// Values at fixed addresses, used again last in first out: once there are as many as are ever needed at a time,
/// nothing is allocated any more.
#[derive(Debug)]
pub struct Held<T> {
    /// Boxed: the kernel knows the addresses.
    values: Vec<Box<T>>,
    tokens: Vec<Option<Token>>,
    free: Vec<Place>,
}

impl<T> Held<T> {
    pub const fn new() -> Self {
        Self { values: Vec::new(), tokens: Vec::new(), free: Vec::new() }
    }

    /// A place for the operation of `token`, and what is there: a value that was used before, or a new one.
    pub fn hold(&mut self, token: Token, new: impl FnOnce() -> T) -> (Place, &mut T) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.values.push(Box::new(new()));
            self.tokens.push(None);
            self.free.reserve(self.values.len());
            Place(self.values.len() as u32 - 1)
        });
        let index = place.0 as usize;
        self.tokens[index] = Some(token);
        (place, &mut self.values[index])
    }

    /// The kernel is done with it.
    pub fn release(&mut self, place: Place) -> (Token, &mut T) {
        let token = self.tokens[place.0 as usize].take().expect("one completion for each operation");
        self.free.push(place);
        (token, &mut self.values[place.0 as usize])
    }

    /// The place of an operation that is under way. A walk: for what is rare.
    pub fn find(&self, token: Token) -> Option<Place> {
        if self.free.len() == self.values.len() {
            return None;
        }
        self.tokens.iter().position(|held| *held == Some(token)).map(|place| Place(place as u32))
    }
}

/// The header and the parts of a send of several segments.
#[derive(Debug)]
pub struct Message {
    header: libc::msghdr,
    parts: [libc::iovec; limits::SEGMENTS_MAX],
}

impl Default for Message {
    fn default() -> Self {
        let nothing = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
        // SAFETY: a msghdr is made of pointers and integers, for which zero is a value.
        let header = unsafe { std::mem::zeroed() };
        Self { header, parts: [nothing; limits::SEGMENTS_MAX] }
    }
}

impl Message {
    /// Panics beyond `limits::SEGMENTS_MAX` parts, or without any.
    pub fn fill(&mut self, parts: impl ExactSizeIterator<Item = libc::iovec>) {
        let count = parts.len();
        assert!((1..=limits::SEGMENTS_MAX).contains(&count), "{count} segments in one send");
        for (place, part) in self.parts.iter_mut().zip(parts) {
            *place = part;
        }
        self.header.msg_iov = self.parts.as_mut_ptr();
        self.header.msg_iovlen = count as _;
    }

    pub const fn as_ptr(&self) -> *const libc::msghdr {
        &raw const self.header
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::token::Kind;

    #[test]
    fn a_place_is_used_again_and_its_value_does_not_move() {
        let mut held = Held::new();
        let token = |slot| Token::new(Kind::Send, slot, 0);
        let first = ptr::from_ref(held.hold(token(0), || 7).1);
        for slot in 1..100 {
            held.hold(token(slot), || 0);
        }
        let place = held.find(token(0)).expect("under way");
        let (released, value) = held.release(place);
        assert_eq!((released, *value, ptr::from_ref(value)), (token(0), 7, first));
        assert_eq!(held.find(token(0)), None);
        assert_eq!(held.hold(token(200), || unreachable!()).0, place);
    }
}
