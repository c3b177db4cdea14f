//! Messages as the members of a run write them: each carries a number of its own that the switch never looks at, and
//! every byte of it is known from that number.

use super::cast::Header;
use crate::shards::wire::{KEYED_BYTES, TRACED_BYTES, keyed, tpdu, traced};

/// A message's own number.
pub type Id = u64;

/// Bytes of a station header.
pub const STATION_BYTES: usize = 46;

const NO_REJECT: &[u8] = b"00000";

/// A body that begins with its number.
pub fn body(id: Id, length: usize) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend((0..length).map(|at| (id as usize * 31 + at * 7) as u8));
    body
}

/// Bytes of a TPDU.
const TPDU_BYTES: usize = 5;

/// Requests and answers have this of a request in common, where anything is read behind the TPDU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum About {
    /// It is the request with that number.
    Request(Id),
    Answer(Id),
}

/// What stands between the TPDU and the body.
fn front(header: Header, about: About) -> Vec<u8> {
    match (header, about) {
        (Header::Iso8583, About::Request(id)) => keyed("0200", id),
        (Header::Iso8583, About::Answer(id)) => keyed("0210", id),
        (Header::Guarded, About::Request(id)) => traced(0x0200, id),
        (Header::Guarded, About::Answer(id)) => traced(0x0210, id),
        (Header::None | Header::Tpdu | Header::Station, _) => Vec::new(),
    }
}

/// A card message: the addresses of its TPDU, what it is about, its own number.
pub fn card(header: Header, (destination, source): (u16, u16), about: About, id: Id, length: usize) -> Vec<u8> {
    tpdu(destination, source, &[front(header, about), body(id, length)].concat())
}

pub fn station(destination: &str, source: &str, id: Id, length: usize) -> Vec<u8> {
    let total = STATION_BYTES + 8 + length;
    let mut data = format!("\x2e\x02{total:04}{destination:<11}{source:<11}000\x00{:0>14}", "").into_bytes();
    data.extend(body(id, length));
    data
}

/// What a frame is, by the bytes at its front.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    Message(Id),
    /// A message that came back, behind a header of its own.
    Rejected(Id),
    /// Too short to say, if more is to come.
    Nothing,
}

/// Reads the number of a frame that comes to a member.
pub fn told(header: Header, data: &[u8]) -> Told {
    let at = match header {
        Header::None => 0,
        Header::Tpdu => TPDU_BYTES,
        Header::Guarded => TPDU_BYTES + TRACED_BYTES,
        Header::Iso8583 => TPDU_BYTES + KEYED_BYTES,
        Header::Station => STATION_BYTES,
    };
    let id = |at: usize| data.get(at..).and_then(|rest| rest.first_chunk()).map(|bytes| Id::from_be_bytes(*bytes));
    if header == Header::Station && data.len() >= STATION_BYTES && &data[41..STATION_BYTES] != NO_REJECT {
        return id(2 * STATION_BYTES).map_or(Told::Nothing, Told::Rejected);
    }
    id(at).map_or(Told::Nothing, Told::Message)
}
