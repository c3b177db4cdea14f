//! TPDU: the five bytes in front of a terminal's message.
//!
//! | offset | bytes | content |
//! |---|---|---|
//! | 0 | 1 | id, usually `60` |
//! | 1 | 2 | destination: the host's NII in a request |
//! | 3 | 2 | source: the terminal's address, or a number of a NAC or switch on the way |

/// Bytes of a TPDU.
pub const BYTES: usize = 5;

/// Offset of the destination address within the data of a frame.
pub const DESTINATION: usize = 1;

/// Offset of the source address within the data of a frame.
pub const SOURCE: usize = 3;

/// The TPDU at the front of a frame's data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tpdu {
    pub id: u8,
    pub destination: u16,
    pub source: u16,
}

impl Tpdu {
    /// Reads the TPDU; `None` if the data is shorter than one.
    #[inline]
    pub fn read(data: &[u8]) -> Option<Self> {
        let head = data.first_chunk::<BYTES>()?;
        Some(Self {
            id: head[0],
            destination: u16::from_be_bytes([head[1], head[2]]),
            source: u16::from_be_bytes([head[3], head[4]]),
        })
    }
}
