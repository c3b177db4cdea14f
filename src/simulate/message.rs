//! The messages of the simulator: a request, the answer that proves it arrived, and the comparison.
//!
//! Behind what the header kind needs (a TPDU, a station header, the fields of a key, or nothing) and a message type
//! stands the body:
//!
//! | offset | bytes | content |
//! |---|---|---|
//! | 0 | 4 | `RSIM` |
//! | 4 | 2 | milliseconds the host shall hold its answer back |
//! | 6 | 8 | run: a random number of the client |
//! | 14 | 8 | serial, unique in the run |
//! | 22 | 8 | time of sending, on the client's clock |
//! | 30 | 8 | request: 0; answer: checksum over the request as the host received it |
//! | 38 | … | a pattern that follows from run and serial, another one in the answer |
//!
//! The TPDU's source is left out of the checksum, because the switch puts a number of its own there.

pub mod iso8583;

use iso8583::Form;

use super::pattern;
use crate::frame::Framing;
use crate::message::station::{self, StationId};
use crate::message::tpdu;
use crate::time::{Instant, Span};

const MARK: &[u8; 4] = b"RSIM";
const BODY: usize = 38;
/// The head of POS messages behind the TPDU: application class and versions, echoed.
const POS_HEAD: [u8; 6] = [0x60, 0x31, 0x00, 0x31, 0x01, 0x00];
const REQUEST_DIGITS: &[u8; 4] = b"0200";
const ANSWER_DIGITS: &[u8; 4] = b"0210";
const REQUEST_BCD: [u8; 2] = [0x02, 0x00];
const ANSWER_BCD: [u8; 2] = [0x02, 0x10];
const ANSWER_SEED: u64 = 0x616e_7377_6572;

/// What stands in front of the messages of a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Header {
    /// Pairs: nothing that the switch would look at.
    Raw,
    Tpdu,
    Station,
    Iso8583(Form),
}

/// One way a request can take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    Raw,
    Tpdu { nii: u16 },
    Station { destination: StationId, source: StationId },
    Iso8583(Form),
}

/// How a host puts the addresses of a request's TPDU into its answer; both are common.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Addresses {
    #[default]
    Exchanged,
    Copied,
}

/// A request, apart from its size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    pub way: Way,
    /// The terminal's address, under TPDU.
    pub terminal: u16,
    pub run: u64,
    pub serial: u64,
    pub sent: Instant,
    /// How long the host is asked to hold its answer back; whole milliseconds, up to a minute.
    pub hold: Span,
}

/// What kind of message this is, and whose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    Request {
        run: u64,
        serial: u64,
        hold: Span,
    },
    Answer {
        run: u64,
        serial: u64,
    },
    /// A station message that came back with a reject code: the request could not be delivered.
    Rejected {
        run: u64,
        serial: u64,
    },
}

impl Header {
    /// Bytes in front of the body.
    const fn lead(self) -> usize {
        match self {
            Self::Raw => REQUEST_DIGITS.len(),
            Self::Tpdu => tpdu::BYTES + POS_HEAD.len() + REQUEST_BCD.len(),
            Self::Station => station::BYTES + REQUEST_DIGITS.len(),
            Self::Iso8583(form) => form.lead(),
        }
    }

    /// The smallest message.
    pub const fn least(self) -> usize {
        self.lead() + BODY
    }
}

impl Way {
    pub const fn header(self) -> Header {
        match self {
            Self::Raw => Header::Raw,
            Self::Tpdu { .. } => Header::Tpdu,
            Self::Station { .. } => Header::Station,
            Self::Iso8583(form) => Header::Iso8583(form),
        }
    }
}

impl Request {
    /// Appends the request, `size` bytes of data behind its length prefix, and returns the
    /// checksum that its answer must carry.
    ///
    /// # Panics
    /// If `size` is below [`Header::least`] or above `framing.max`: checked with the options.
    pub fn append(&self, size: usize, framing: Framing, out: &mut Vec<u8>) -> u64 {
        let prefix = framing.prefix.bytes();
        let start = out.len();
        out.resize(start + prefix, 0);
        framing.prefix.write(size, &mut out[start..]);
        self.append_lead(size, false, out);
        self.append_fields(0, out);
        pattern::append(self.seed(), size - self.way.header().least(), out);
        checksum(self.way.header(), &out[start + prefix..])
    }

    fn append_lead(&self, size: usize, answer: bool, out: &mut Vec<u8>) {
        let digits = if answer { ANSWER_DIGITS } else { REQUEST_DIGITS };
        match self.way {
            Way::Raw => out.extend_from_slice(digits),
            Way::Tpdu { nii } => {
                out.push(0x60);
                out.extend_from_slice(&nii.to_be_bytes());
                out.extend_from_slice(&self.terminal.to_be_bytes());
                out.extend_from_slice(&POS_HEAD);
                out.extend_from_slice(if answer { &ANSWER_BCD } else { &REQUEST_BCD });
            }
            Way::Station { destination, source } => {
                let (to, from) = if answer { (source, destination) } else { (destination, source) };
                append_station(to, from, size, self.serial, out);
                out.extend_from_slice(digits);
            }
            Way::Iso8583(form) => form.append(digits, self.terminal, self.run, self.serial, out),
        }
    }

    fn append_fields(&self, sum: u64, out: &mut Vec<u8>) {
        let millis = u16::try_from(self.hold.as_millis()).expect("held for a minute at most");
        out.extend_from_slice(MARK);
        out.extend_from_slice(&millis.to_be_bytes());
        for word in [self.run, self.serial, self.sent.0, sum] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }

    fn seed(&self) -> u64 {
        seed(self.run, self.serial)
    }

    /// Whether `data` is, byte for byte, the answer to this request, which had `size` bytes and
    /// `sum` as its checksum. A host may exchange the TPDU's addresses or copy them, but the
    /// terminal's own must be back in its place. `scratch` is overwritten.
    pub fn answered_by(&self, data: &[u8], size: usize, sum: u64, scratch: &mut Vec<u8>) -> bool {
        scratch.clear();
        self.append_lead(size, true, scratch);
        self.append_fields(sum, scratch);
        pattern::append(self.seed() ^ ANSWER_SEED, size - self.way.header().least(), scratch);
        if data == scratch.as_slice() {
            return true;
        }
        if self.way.header() == Header::Tpdu {
            exchange(scratch);
        }
        data == scratch.as_slice()
    }
}

fn append_station(to: StationId, from: StationId, size: usize, serial: u64, out: &mut Vec<u8>) {
    out.push(station::BYTES as u8);
    out.push(0x82); // a test message, version 2
    let digits = |value: u64, out: &mut Vec<u8>, width: u32| {
        for place in (0..width).rev() {
            out.push(b'0' + (value / 10u64.pow(place) % 10) as u8);
        }
    };
    digits(size as u64, out, 4);
    out.extend_from_slice(&to.0);
    out.extend_from_slice(&from.0);
    out.extend_from_slice(&[0, 0, 0, b'0']);
    digits(serial, out, 8);
    out.push(b'0');
    out.extend_from_slice(b"00000");
}

const fn seed(run: u64, serial: u64) -> u64 {
    run ^ serial.wrapping_mul(0xd6e8_feb8_6659_fd93)
}

/// The checksum over a request as it was sent or received, without the address that the switch
/// replaces.
fn checksum(header: Header, data: &[u8]) -> u64 {
    match header {
        Header::Raw | Header::Station | Header::Iso8583(_) => pattern::checksum(0, data),
        Header::Tpdu => {
            let front = pattern::checksum(0, &data[..tpdu::SOURCE]);
            pattern::checksum(front, &data[tpdu::BYTES..])
        }
    }
}

fn exchange(message: &mut [u8]) {
    let (destination, source) = message[tpdu::DESTINATION..tpdu::BYTES].split_at_mut(2);
    destination.swap_with_slice(source);
}

/// Reads what kind of message stands in `data`. `None`: none of the simulator's, or damaged where
/// that can be seen without knowing the request.
pub fn read(header: Header, data: &[u8]) -> Option<Seen> {
    if header == Header::Station && data.len() > station::BYTES && &data[41..46] != b"00000" {
        return rejected(&data[station::BYTES..]);
    }
    if data.len() < header.least() {
        return None;
    }
    let (lead, body) = data.split_at(header.lead());
    let (run, serial, hold) = read_body(body)?;
    let is = |digits: &[u8; 4], bcd: &[u8]| match header {
        Header::Raw | Header::Station => lead.ends_with(digits),
        Header::Tpdu => lead.ends_with(bcd),
        Header::Iso8583(form) => form.is(lead, digits),
    };
    if is(REQUEST_DIGITS, &REQUEST_BCD) {
        return Some(Seen::Request { run, serial, hold });
    }
    is(ANSWER_DIGITS, &ANSWER_BCD).then_some(Seen::Answer { run, serial })
}

/// A rejected message holds the whole original, its own header included.
fn rejected(original: &[u8]) -> Option<Seen> {
    match read(Header::Station, original)? {
        Seen::Request { run, serial, .. } => Some(Seen::Rejected { run, serial }),
        Seen::Answer { .. } | Seen::Rejected { .. } => None,
    }
}

fn read_body(body: &[u8]) -> Option<(u64, u64, Span)> {
    let word = |at: usize| body.get(at..)?.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
    if body.first_chunk::<4>()? != MARK {
        return None;
    }
    let millis = u16::from_be_bytes([body[4], body[5]]);
    Some((word(6)?, word(14)?, Span::from_millis(u64::from(millis))))
}

/// Makes the answer to a request that [`read`] has recognised, into `answer` (overwritten).
/// False if the request does not bear out its own pattern: damaged on the way. It is answered all
/// the same, with the checksum of what came, so that the client sees the damage too.
pub fn answer(header: Header, data: &[u8], addresses: Addresses, answer: &mut Vec<u8>) -> bool {
    let Some(Seen::Request { run, serial, .. }) = read(header, data) else {
        unreachable!("only what reads as a request is answered");
    };
    let least = header.least();
    answer.clear();
    answer.extend_from_slice(&data[..least - 8]);
    answer.extend_from_slice(&checksum(header, data).to_be_bytes());
    pattern::append(seed(run, serial) ^ ANSWER_SEED, data.len() - least, answer);
    turn_lead(header, addresses, answer);
    data[least - 8..least] == [0; 8] && pattern::matches(seed(run, serial), &data[least..])
}

fn turn_lead(header: Header, addresses: Addresses, answer: &mut [u8]) {
    let lead = header.lead();
    match header {
        Header::Raw => answer[lead - ANSWER_DIGITS.len()..lead].copy_from_slice(ANSWER_DIGITS),
        Header::Tpdu => {
            answer[lead - ANSWER_BCD.len()..lead].copy_from_slice(&ANSWER_BCD);
            if addresses == Addresses::Exchanged {
                exchange(answer);
            }
        }
        Header::Station => {
            let (destination, source) = answer[6..28].split_at_mut(11);
            destination.swap_with_slice(source);
            answer[lead - ANSWER_DIGITS.len()..lead].copy_from_slice(ANSWER_DIGITS);
        }
        Header::Iso8583(form) => form.turn(answer, ANSWER_DIGITS),
    }
}

#[cfg(test)]
mod tests;
