//! Frames as members write and read them, by code of their own.

/// A two-byte length and the data.
pub fn binary(data: &[u8]) -> Vec<u8> {
    let mut frame = (data.len() as u16).to_be_bytes().to_vec();
    frame.extend_from_slice(data);
    frame
}

/// Four digits and the data.
pub fn digits(data: &[u8]) -> Vec<u8> {
    let mut frame = format!("{:04}", data.len()).into_bytes();
    frame.extend_from_slice(data);
    frame
}

pub const BINARY_PROBE: &[u8] = &[0, 0];
pub const DIGITS_PROBE: &[u8] = b"0000";

/// The TPDU `60`, addresses, and a body.
pub fn tpdu(destination: u16, source: u16, body: &[u8]) -> Vec<u8> {
    let mut data = vec![0x60];
    data.extend(destination.to_be_bytes());
    data.extend(source.to_be_bytes());
    data.extend_from_slice(body);
    data
}

/// Bytes of [`keyed`].
pub const KEYED_BYTES: usize = 4 + 8 + 10 + 6;

/// The front of an ISO 8583 message between institutions: type, bitmap, and fields 7 and 11 with the
/// digits of `id`.
pub fn keyed(message_type: &str, id: u64) -> Vec<u8> {
    let mut front = message_type.as_bytes().to_vec();
    front.extend((1u64 << (64 - 7) | 1 << (64 - 11)).to_be_bytes());
    front.extend(format!("{id:016}").bytes());
    front
}

/// Bytes of [`traced`].
pub const TRACED_BYTES: usize = 2 + 8 + 3 + 8;

/// The front of a terminal's message: type, bitmap, and fields 11 and 41 with digits of `id`.
pub fn traced(message_type: u16, id: u64) -> Vec<u8> {
    let mut front = message_type.to_be_bytes().to_vec();
    front.extend((1u64 << (64 - 11) | 1 << (64 - 41)).to_be_bytes());
    let digits = |at: u32| (id / 10u64.pow(at) % 10) as u8;
    front.extend([4, 2, 0].map(|at| digits(at + 1) << 4 | digits(at)));
    front.extend(format!("{:08}", id % 4).bytes());
    front
}

/// How a member's lengths are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lengths {
    Binary,
    Digits,
}

impl Lengths {
    pub fn frame(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Binary => binary(data),
            Self::Digits => digits(data),
        }
    }

    /// Bytes of the length at the front of `bytes`, and what it says, once it is there.
    pub fn length(self, bytes: &[u8]) -> Option<(usize, usize)> {
        Some(match self {
            Self::Binary => (2, usize::from(u16::from_be_bytes(*bytes.first_chunk()?))),
            Self::Digits => {
                let head: &[u8; 4] = bytes.first_chunk()?;
                (4, std::str::from_utf8(head).expect("digits").parse().expect("digits"))
            }
        })
    }

    /// Takes the first whole frame out of `bytes`.
    pub fn take(self, bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
        let (head, length) = self.length(bytes)?;
        if bytes.len() < head + length {
            return None;
        }
        let data = bytes[head..head + length].to_vec();
        bytes.drain(..head + length);
        Some(data)
    }

    /// Every whole frame, probes included.
    pub fn take_all(self, bytes: &mut Vec<u8>) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.take(bytes)).collect()
    }
}
