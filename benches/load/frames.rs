//! The frames of the load: made cheaply, and such that a byte in a wrong place is seen.

use ringswitch::frame::Prefix;

/// How the two ends frame, and whether a TPDU stands in front of the data.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub terminal: Prefix,
    pub host: Prefix,
    /// Hosts exchange the two addresses of the TPDU; without one they send back what they got.
    pub tpdu: bool,
}

/// The NII that the terminals ask for.
pub const NII: u16 = 0x0003;

/// TPDU, line, slot and serial; the pattern follows.
pub const HEAD: usize = 5 + 4 + 2 + 8;

/// The longest prefix and the head.
const WHOLE_HEAD: usize = 4 + HEAD;

/// The pattern begins at another place with each serial, so that a frame made of halves of two
/// others does not pass.
const SHIFTS: usize = 251;

/// What makes one frame different from every other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    pub line: u32,
    /// The place in the line's window.
    pub slot: u16,
    pub serial: u64,
}

impl Mark {
    /// The address of the terminal in the TPDU.
    fn address(self) -> u16 {
        (self.line as u16).wrapping_mul(257) ^ self.slot.wrapping_mul(40_503)
    }
}

/// Makes and checks frames of one size.
#[derive(Debug)]
pub struct Frames {
    pub style: Style,
    /// Data bytes.
    pub size: usize,
    pattern: Vec<u8>,
}

impl Frames {
    pub fn new(style: Style, size: usize) -> Self {
        assert!((HEAD..=2_000).contains(&size), "{size} bytes are no size for a frame");
        // A product of an odd number: its high byte repeats only after 2^24 steps.
        let pattern = (0..(size + SHIFTS) as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        Self { style, size, pattern }
    }

    /// The request of a mark, in pieces for a queue.
    #[inline]
    pub fn request<T>(&self, mark: Mark, then: impl FnOnce(&[&[u8]]) -> T) -> T {
        let prefix = self.style.terminal.bytes();
        let mut head = [0; WHOLE_HEAD];
        self.style.terminal.write(self.size, &mut head);
        let data = &mut head[prefix..];
        data[0] = 0x60;
        data[1..3].copy_from_slice(&NII.to_be_bytes());
        data[3..5].copy_from_slice(&mark.address().to_be_bytes());
        data[5..9].copy_from_slice(&mark.line.to_be_bytes());
        data[9..11].copy_from_slice(&mark.slot.to_be_bytes());
        data[11..HEAD].copy_from_slice(&mark.serial.to_be_bytes());
        then(&[&head[..prefix + HEAD], self.body(mark)])
    }

    /// The answer of a host to the data of a request. Panics if that is not what a terminal sent.
    #[inline]
    pub fn answer<T>(&self, request: &[u8], then: impl FnOnce(&[&[u8]]) -> T) -> T {
        let mark = self.read(request);
        assert_eq!(request[1..3], NII.to_be_bytes(), "the destination of a request stays ({mark:?})");
        let prefix = self.style.host.bytes();
        let mut head = [0; WHOLE_HEAD];
        self.style.host.write(request.len(), &mut head);
        let data = &mut head[prefix..];
        data[..HEAD].copy_from_slice(&request[..HEAD]);
        if self.style.tpdu {
            data[1..3].copy_from_slice(&request[3..5]);
            data[3..5].copy_from_slice(&request[1..3]);
        }
        then(&[&head[..prefix + HEAD], &request[HEAD..]])
    }

    /// The mark of an answer. Panics if a byte of it is not as it must be.
    #[inline]
    pub fn check(&self, answer: &[u8]) -> Mark {
        let mark = self.read(answer);
        let (first, second) = (NII.to_be_bytes(), mark.address().to_be_bytes());
        let (destination, source) = if self.style.tpdu { (second, first) } else { (first, second) };
        assert!(answer[1..3] == destination && answer[3..5] == source, "wrong addresses in an answer ({mark:?})");
        mark
    }

    #[inline]
    fn read(&self, data: &[u8]) -> Mark {
        assert_eq!(data.len(), self.size, "a frame of another length");
        let line = u32::from_be_bytes(*data[5..].first_chunk().expect("long enough"));
        let slot = u16::from_be_bytes(*data[9..].first_chunk().expect("long enough"));
        let serial = u64::from_be_bytes(*data[11..].first_chunk().expect("long enough"));
        let mark = Mark { line, slot, serial };
        assert!(data[0] == 0x60 && &data[HEAD..] == self.body(mark), "foreign bytes in a frame ({mark:?})");
        mark
    }

    #[inline]
    fn body(&self, mark: Mark) -> &[u8] {
        let shift = (mark.serial % SHIFTS as u64) as usize;
        &self.pattern[shift..shift + self.size - HEAD]
    }
}
