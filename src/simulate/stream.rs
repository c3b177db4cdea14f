//! Bytes on their way in and out of one connection, cut into frames.

use std::io::{self, Read, Write};

use crate::frame::{Framing, Scan, scan};

/// What one receive may bring beyond the frame that was begun before it.
const RECEIVE_BYTES: usize = 64 * 1024;

/// Past so many bytes already given to the kernel, the rest is moved to the front.
const WRITTEN_BYTES_KEPT: usize = 256 * 1024;

/// Received bytes; at the front a frame begins.
#[derive(Debug, Default)]
pub struct Input {
    bytes: Vec<u8>,
    filled: usize,
}

/// What stands next in an [`Input`].
pub enum Next<'a> {
    Frame(&'a [u8]),
    Probe,
    /// Not yet a whole frame.
    Part,
    /// The stream cannot be followed further.
    Malformed,
}

impl Input {
    pub fn new(framing: Framing) -> Self {
        Self { bytes: vec![0; RECEIVE_BYTES + framing.frame_bytes_max()], filled: 0 }
    }

    /// One receive. The second value says whether it filled all the room, so that more may wait.
    pub fn receive(&mut self, from: &mut impl Read) -> io::Result<(usize, bool)> {
        let room = &mut self.bytes[self.filled..];
        let received = from.read(room)?;
        let full = received == room.len();
        self.filled += received;
        Ok((received, full))
    }

    /// The frame at `*at`, which moves behind it.
    #[inline]
    pub fn next(&self, framing: Framing, at: &mut usize) -> Next<'_> {
        let bytes = &self.bytes[*at..self.filled];
        let prefix = framing.prefix.bytes();
        match scan(framing, bytes) {
            Scan::Frame { data } => {
                *at += prefix + data;
                Next::Frame(&bytes[prefix..prefix + data])
            }
            Scan::Probe => {
                *at += prefix;
                Next::Probe
            }
            Scan::Part { .. } => Next::Part,
            Scan::Malformed(_) => Next::Malformed,
        }
    }

    /// What stands from `at` on.
    pub fn rest(&self, at: usize) -> &[u8] {
        &self.bytes[at..self.filled]
    }

    /// Forgets everything: a new connection begins at a frame boundary.
    pub fn clear(&mut self) {
        self.filled = 0;
    }

    /// Forgets everything before `at`.
    pub fn forget(&mut self, at: usize) {
        self.bytes.copy_within(at..self.filled, 0);
        self.filled -= at;
    }
}

/// Frames to send; at the front one begins, and `written` bytes were given to the kernel.
#[derive(Debug, Default)]
pub struct Output {
    bytes: Vec<u8>,
    written: usize,
}

impl Output {
    /// Bytes not given to the kernel yet.
    pub fn waiting(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Where whole frames are appended.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub fn push(&mut self, framing: Framing, data: &[u8]) {
        let start = self.bytes.len();
        self.bytes.resize(start + framing.prefix.bytes(), 0);
        framing.prefix.write(data.len(), &mut self.bytes[start..]);
        self.bytes.extend_from_slice(data);
    }

    /// Gives the kernel what it takes. True: everything.
    pub fn flush(&mut self, framing: Framing, to: &mut impl Write) -> io::Result<bool> {
        while self.waiting() > 0 {
            match to.write(&self.bytes[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.written += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.forget_written(framing);
                    return Ok(false);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.bytes.clear();
        self.written = 0;
        Ok(true)
    }

    fn forget_written(&mut self, framing: Framing) {
        if self.written >= WRITTEN_BYTES_KEPT {
            let (passed, _) = self.boundaries(framing);
            self.bytes.drain(..passed);
            self.written -= passed;
        }
    }

    /// The start of the frame that is partly written (or next to be), and of the first unwritten one.
    fn boundaries(&self, framing: Framing) -> (usize, usize) {
        let mut at = 0;
        while at < self.written {
            let end = at + self.frame_bytes(framing, at);
            if end > self.written {
                return (at, end);
            }
            at = end;
        }
        (at, at)
    }

    fn frame_bytes(&self, framing: Framing, at: usize) -> usize {
        let prefix = framing.prefix.bytes();
        match scan(framing, &self.bytes[at..]) {
            Scan::Frame { data } => prefix + data,
            Scan::Probe => prefix,
            Scan::Part { .. } | Scan::Malformed(_) => unreachable!("only whole frames are appended"),
        }
    }

    /// Empties it, handing out the data of each frame of which no byte was given to the kernel.
    pub fn take_unsent(&mut self, framing: Framing, mut each: impl FnMut(&[u8])) {
        let prefix = framing.prefix.bytes();
        let (_, mut at) = self.boundaries(framing);
        while at < self.bytes.len() {
            let end = at + self.frame_bytes(framing, at);
            if end > at + prefix {
                each(&self.bytes[at + prefix..end]);
            }
            at = end;
        }
        self.bytes.clear();
        self.written = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Prefix;

    const FRAMING: Framing = Framing { prefix: Prefix::Bin2, max: 2048 };

    /// Takes so many bytes, then would block.
    struct Kernel {
        room: usize,
        taken: Vec<u8>,
    }

    impl Write for Kernel {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.room);
            if taken == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.room -= taken;
            self.taken.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn unsent_after(written: usize) -> Vec<Vec<u8>> {
        let mut output = Output::default();
        output.push(FRAMING, b"abc");
        output.bytes().extend_from_slice(FRAMING.prefix.probe());
        output.push(FRAMING, b"defg");
        let mut kernel = Kernel { room: written, taken: Vec::new() };
        assert_eq!(output.flush(FRAMING, &mut kernel).unwrap(), written >= 13);
        let mut unsent = Vec::new();
        output.take_unsent(FRAMING, |data| unsent.push(data.to_vec()));
        assert_eq!(output.waiting(), 0);
        unsent
    }

    #[test]
    fn a_begun_frame_is_never_unsent() {
        for written in 0..=13 {
            let want: &[&[u8]] = match written {
                0 => &[b"abc", b"defg"],
                1..=7 => &[b"defg"],
                _ => &[],
            };
            assert_eq!(unsent_after(written), want, "{written} bytes given");
        }
    }

    #[test]
    fn what_was_written_is_forgotten_at_a_frame_boundary() {
        let mut output = Output::default();
        let mut sent = Vec::new();
        for n in 0..400u32 {
            let data = vec![n as u8; 1000];
            output.push(FRAMING, &data);
            sent.extend([&1000u16.to_be_bytes()[..], &data].concat());
        }
        let mut kernel = Kernel { room: WRITTEN_BYTES_KEPT + 10, taken: Vec::new() };
        assert!(!output.flush(FRAMING, &mut kernel).unwrap());
        assert!(output.bytes.len() < sent.len() - WRITTEN_BYTES_KEPT + 1002);
        kernel.room = usize::MAX;
        assert!(output.flush(FRAMING, &mut kernel).unwrap());
        assert_eq!(kernel.taken, sent);
    }

    #[test]
    fn frames_come_out_whatever_the_receives_are() {
        let mut bytes = Vec::new();
        for data in [&b"abc"[..], b"", b"defgh"] {
            bytes.extend_from_slice(&(data.len() as u16).to_be_bytes());
            bytes.extend_from_slice(data);
        }
        for size in 1..=bytes.len() {
            let mut input = Input::new(FRAMING);
            let mut got = Vec::new();
            for mut piece in bytes.chunks(size) {
                input.receive(&mut piece).unwrap();
                let mut at = 0;
                loop {
                    match input.next(FRAMING, &mut at) {
                        Next::Frame(data) => got.push(data.to_vec()),
                        Next::Probe => got.push(Vec::new()),
                        Next::Part => break,
                        Next::Malformed => panic!("well formed"),
                    }
                }
                input.forget(at);
            }
            assert_eq!(got, [&b"abc"[..], b"", b"defgh"], "pieces of {size}");
        }
    }
}
